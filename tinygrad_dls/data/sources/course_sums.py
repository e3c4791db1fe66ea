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
}
