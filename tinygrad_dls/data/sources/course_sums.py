"""Checksums of the course's own files that the figures of the lessons were measured on."""

COURSE_SHA256 = {
    "cats/train_catvnoncat.h5": "fbe56ab67c3ae28d564e3a644189117976d6b31af0a3ce9bb17dbf22908af242",
    "cats/test_catvnoncat.h5": "6a9d39ce52fa85953c5834695b8534a30ed8cfd54971fb2f080b5a24d002b951",
    "regularization/data.mat": "1218828095bf91d215622d00b2a5b8784c359e29d9d9c5734949b8e60c5bc231",
    "signs/signs-64.zip": "47dcad34c6f08b3e10c707f9617972b910fe46af0fd9420eb3d911dd3aa4074f",
    "signs/test_signs.h5": "539fb746ed9e947eb244cfca73f4d1b03f9bf5524d609eeed2cd76ddb1b179be",
    "cifar10/cifar10-jpg.zip": "011cf8779cb01fd789f58386c94c14e6b93c205185bfe2c9897c98208a9ce668",
    "pretrained/squeezenet/compressed_SqueezeNet.net": (
        "e4ab6960ae8cd81505e1c2136921201507e930966c53deaf15862a395b3a3261"
    ),
    "faces/orl_faces.zip": "ee5643ad2a9915f095a4222a826f08ce9887aeda470ea0521bf3e0d593be52d0",
    "names-and-text/dinos.txt": "ad6465621cf56c08f71d4fbb40cf7eab763f9df42c54cc460d6c4d86e9c927fb",
    "names-and-text/shakespeare.txt": (
        "1b454b67b44e6f367c83a17ed295c46c5d4a1173cf5d09161882af4041bae023"
    ),
    "names-and-text/model_shakespeare_kiank_350_epoch.h5": (
        "a73e515af2522f884bd057fec1e0f854b9bf47ea17711aa63559af9813e6b7fb"
    ),
    "emojify/train_emoji.csv": "f7b219377b0f4898068811e83f82a373c4cf592fef618a818c62326b3386abdc",
    "emojify/tesss.csv": "5e5d63f8bf46fb8456de5f09fbfa2f1785f133553262af73064e7ea0735c1725",
    "style-transfer/louvre_small.jpg": (
        "4f3d0220a5d541d49714dbe3ea7c4c12ecbd9121ae049843fd38b36f5bd05a8f"
    ),
    "style-transfer/monet.jpg": "853320fbd7729c6b7b673722bb0393a4c3fbded9a559470dd372885c73858799",
    "car-detection/images/test.jpg": (
        "4103ab5e4e7ee3c4f6082122e058822023265cc2b08811fee5ef26d85e28690f"
    ),
    "car-detection/coco_classes.txt": (
        "634a1132eb33f8091d60f2c346ababe8b905ae08387037aed883953b7329af84"
    ),
    "car-detection/yolo_anchors.txt": (
        "5c099db205ff91c9a4e566efad1c94aee6b23165c910783534f4d34f03d949ea"
    ),
    "happy-house/test_happy.h5": "5e23db2f28769de83214dce1411e651489d713f9e1ec5d1ca6a61b6222115add",
    "date-translation/model.h5": "908b9a19d6528c5efcf0374b2eb7de6c79443269b8f53c1440268e6e3399e80a",
    "question-answering/train/dataset.arrow": (
        "306e737605064b52c5457bec4e073336cda3c7e97f7381f9c4e9c20e94194763"
    ),
    "question-answering/test/dataset.arrow": (
        "f67ca8f2cb4703ff77146029a559ed4e8fcb349d09d6cc6dcf37c8b9cff7184a"
    ),
    "trigger-word/activates/1.wav": (
        "0837e165424b2ee6868aff35019c266fcfb73066a55a132f09f20a0baa130445"
    ),
    "trigger-word/activates/1_act2.wav": (
        "96b9296bfcd831a476c7d7bae07614f4273da51201571cedf50d35bf47361b97"
    ),
    "trigger-word/activates/1_act3.wav": (
        "4087f9e8d33157ec3d260bbe36b6f5cede6ed4db851f46a97398cad2f6e25bcc"
    ),
    "trigger-word/activates/2.wav": (
        "28e524a403d45080ca88ad3b31eb8729b916d9e56f7b95df751eb34778b30abb"
    ),
    "trigger-word/activates/2_act2.wav": (
        "9610cedc733cfb425a2dd1d138ec0795cc444a66128c75e0e1558118c66f21d3"
    ),
    "trigger-word/activates/2_act3.wav": (
        "7539f5966d7a4db2be94752600c2cfc6dc3c97d4a7d8c298714d4cd759ce60f8"
    ),
    "trigger-word/activates/3.wav": (
        "a17469a412d5d8b113cc9c2442fc336da4fc8d2bd1a19e8bc7325d16b9099e56"
    ),
    "trigger-word/activates/3_act2.wav": (
        "957ea77665f208ec530d37cb38ef74afa389ba61748f205369dc9ed508b420b4"
    ),
    "trigger-word/activates/3_act3.wav": (
        "33a7db1f092ff91824bf0884ce8c868539574ec8187cde5c0f8064f9fefb6b2b"
    ),
    "trigger-word/activates/4_act2.wav": (
        "36f6c9fb4659b859331a490f8566d936697cf3f8d2edbdeb89f241b2529faebf"
    ),
    "trigger-word/backgrounds/1.wav": (
        "300a3d49a912c53828163f8040b137bbbcd12e8d43c47faca27d048d239a3dfe"
    ),
    "trigger-word/backgrounds/2.wav": (
        "69a9f50b4d3f47bc10952049eb2f9730b8bdfd2376e44d6266b2b80ea57ed8ea"
    ),
    "trigger-word/dev/1.wav": "55eb57c10eb0179e3cc08dc52bc9181c0908b659161aa310be74e5b94c894fda",
    "trigger-word/dev/2.wav": "3947adc899c86618e9d6f22010c2c7891ca93ed775a29a7b2d237d00a1701cba",
    "trigger-word/examples/chime.wav": (
        "92bd78b7795b26365b0cb1464b511d1abc382d535e58c9df332e866c0f97f87d"
    ),
    "trigger-word/examples/my_audio.wav": (
        "ebeca83419e48d23d92e56c014df63c4dc685ab5dc8c005c416672e99ad0b1e9"
    ),
    "trigger-word/negatives/1.wav": (
        "ce00888c8f3a9c46f1edcd0966a00d0c5cb9be57019cc1f1ce3e516fa6f4e33d"
    ),
    "trigger-word/negatives/1_0.wav": (
        "df7e9713ce93df12570bc87b75a6a92c0f63426a6cc4d96ef6e2e7fe0e5aeb69"
    ),
    "trigger-word/negatives/2.wav": (
        "0833a7b7f8aba862c33ceda4163656cefa366cac8e8cc24af5f19c1650c9f4b0"
    ),
    "trigger-word/negatives/2_1.wav": (
        "8e64401009b58d420d1d8b1889435107c9d88d266e5e76d9111a22af25b83801"
    ),
    "trigger-word/negatives/3.wav": (
        "2474e6e0ddf194c668c24ecad310e3f599fde144a2193bd7adc6157d255e1f40"
    ),
    "trigger-word/negatives/3_2.wav": (
        "1bf01c5d33e6699429c4a469fb74b3f12b212089333e5f67a85f45245a8d48a5"
    ),
    "trigger-word/negatives/4.wav": (
        "be60d0bcb109fa3eb1c8c76c4058b8cb3c791411082e0b2b4f44696669566d29"
    ),
    "trigger-word/negatives/4_0.wav": (
        "869b76c9d55455c5b98cb4262d535493f00c72c6b8b74ec7b85051be1231df29"
    ),
    "trigger-word/negatives/5.wav": (
        "aa71fafdd574a02715e61d821136e2173301943574c25a3186fd34e0865747bf"
    ),
    "trigger-word/negatives/5_1.wav": (
        "b742d61948769ae5cc5ec2382f0533ea0579858fadc45ee3b435b23a8a96fb54"
    ),
}
