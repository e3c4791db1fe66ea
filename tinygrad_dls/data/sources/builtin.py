"""Real data inside installed packages, ours among them: they stand in for what is not there."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..._util.optional import EXTRA, PackageError, need, package_folder
from . import cached_files, pictures
from .checks import check_readable, check_sha256
from .folders import datasets_folder
from .sets import Arrays, Files, Images, Text

FACES_SHA256 = "9560ec2f5edfac01973f63a8a99d00053fecd11e21877e18038fbe500f8e872c"
FACE_DETECTOR = (
    "tiny_face_detector_model.bin",
    "tiny_face_detector_model-weights_manifest.json",
)
SHA256 = {  # of datasets/
    "glove-20k.npz": "1c88c078b81e9a6d4dfeaa4483296a3ca5e1f599b65d60ec5503c5e282308c19",
    "imagenet-classes.txt": "4eb3da435cf544e4a6f390f62c84cb9c9bb68cf8b14e97f8a063452382e5efd2",
    "psalms.txt": "cfb668dd8c292d989ecb0c4ec735c3b1d5de4e817fb5e6c3653271daca46cbca",
    "squeezenet1_1.npz": "75ebddcfe0eba3f50178487780e5f36eee0c98afef84f4544bc9fd5ebd4c0539",
    "tunes.abc": "ba03de8f248133e162853c60767b9586587a71d6a3c8c2e63c01dc5eb2c1b642",
    "tiny_face_detector_model.bin": (
        "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871"
    ),
    "tiny_face_detector_model-weights_manifest.json": (
        "5d1af4849ac48d5b985f4a9b16010c512353ddd6fcc63d50fd0bc9e9e64296e5"
    ),
}
SEED = 1
PHOTOGRAPHS = {  # where each is, inside of its package
    **dict.fromkeys(("astronaut", "chelsea", "coffee"), ("skimage", "data", ".png")),
    **dict.fromkeys(("brick", "camera", "grass", "gravel"), ("skimage", "data", ".png")),
    "rocket": ("skimage", "data", ".jpg"),
    **dict.fromkeys(("china", "flower"), ("sklearn", "datasets/images", ".jpg")),
}


def faces() -> Images:
    """100 faces and 100 patches of background, uint8 (150 + 50, 25, 25, 1); 1 = face.

    From Labeled Faces in the Wild, as scikit-image ships it. Read from the file itself, since
    scikit-image's own function goes to the network where its file has been changed.
    """
    x = _lfw()
    y = np.repeat(np.array([1, 0]), 100)  # the faces come first
    return _split(x[..., None], y, np.array([b"other", b"face"]), train=150)


def people() -> Images:
    """100 people, ten photographs each, uint8 (750 + 250, 25, 25, 1); 25 people for test alone.

    Of each of the faces above there is but one photograph: the others are made of it.
    """
    rng = np.random.default_rng(SEED)
    x = np.concatenate([
        np.concatenate([face[None], pictures.variations(face, 9, rng)]) for face in _lfw()[:100]
    ])
    y = np.repeat(np.arange(100), 10).reshape(1, -1)
    return Images(
        train_x_orig=x[:750, ..., None], train_y=y[:, :750], test_x_orig=x[750:, ..., None],
        test_y=y[:, 750:], classes=np.array([f"face {i + 1}" for i in range(100)]),
    )


def content_and_style() -> Arrays:
    """`content`: the photograph china; `style`: a painting made by seeded code; uint8 (h, w, 3)."""
    photograph = photographs().arrays["china"]
    return Arrays(arrays={"content": photograph, "style": pictures.painting()})


def digits() -> Images:
    """Handwritten digits, uint8 (1500 + 297, 8, 8, 1), as scikit-learn ships them (UCI)."""
    read = need("sklearn.datasets", "the built-in set of digits").load_digits()
    x = np.rint(read.images * (255 / 16)).astype(np.uint8)
    return _split(x[..., None], read.target, np.arange(10), train=1500)


def two_digits() -> Images:
    """100 ones and 100 sevens of `digits`, uint8 (150 + 50, 8, 8, 1); 1 = seven."""
    read = need("sklearn.datasets", "the built-in set of digits").load_digits()
    x = np.concatenate([read.images[read.target == kind][:100] for kind in (7, 1)])
    x = np.rint(x * (255 / 16)).astype(np.uint8)
    y = np.repeat(np.array([1, 0]), 100)
    return _split(x[..., None], y, np.array([b"one", b"seven"]), train=150)


def breast_cancer() -> Arrays:
    """Tumours: `X` (30, 569), `Y` (1, 569) with 1 = malignant, `features` (30,): names of rows.

    The Wisconsin records (UCI, 1995), as scikit-learn ships them, shuffled by a fixed seed.
    """
    read = need("sklearn.datasets", "the records of breast tumours").load_breast_cancer()
    order = np.random.default_rng(SEED).permutation(len(read.data))
    return Arrays(
        arrays={
            "X": np.ascontiguousarray(read.data[order].T),
            "Y": 1 - read.target[order].reshape(1, -1),  # there, 0 is malignant
            "features": np.array([str(name) for name in read.feature_names]),
        }
    )


def photographs() -> Arrays:
    """Photographs, uint8 (height, width, 3), and textures, uint8 (height, width), by their names.

    In colour: astronaut, chelsea (a cat), china, coffee, flower, rocket; grey: brick, camera,
    grass, gravel.
    """
    purpose = "the set of photographs"
    image = need("PIL.Image", purpose)
    arrays = {}
    for name, (package, folder, ending) in PHOTOGRAPHS.items():
        path = package_folder(package, purpose) / folder / f"{name}{ending}"
        check_readable(path, EXTRA)
        with image.open(path) as picture:
            arrays[name] = np.asarray(picture.convert("L" if picture.mode == "L" else "RGB"))
    return Arrays(arrays=arrays)


def photograph_pieces() -> Images:
    """Pieces of `photographs`, uint8 (1000 + 200, 32, 32, 3); the class is the photograph.

    Of each photograph 100 + 20 squares that share no pixel; grey ones have three equal channels.
    """
    read = photographs().arrays
    rng, side = np.random.default_rng(SEED), 32
    x = []
    for photo in read.values():
        color = np.broadcast_to(photo.reshape(*photo.shape[:2], -1), (*photo.shape[:2], 3))
        rows, columns = (n // side for n in photo.shape[:2])
        squares = color[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
        squares = squares.swapaxes(1, 2).reshape(-1, side, side, 3)
        x.append(squares[rng.permutation(len(squares))[:120]])
    labels = np.arange(len(x))
    pieces = np.stack(x)  # (10, 120, 32, 32, 3)
    return Images(
        train_x_orig=pieces[:, :100].reshape(-1, side, side, 3),
        train_y=np.repeat(labels, 100).reshape(1, -1),
        test_x_orig=pieces[:, 100:].reshape(-1, side, side, 3),
        test_y=np.repeat(labels, 20).reshape(1, -1),
        classes=np.array(list(read), "S"),
    )


def pictures_to_search() -> Files:
    """Files of four photographs to look for things in: astronaut, chelsea, coffee, rocket."""
    purpose = "the built-in set of pictures"
    folder = package_folder("skimage", purpose) / "data"
    names = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
    for name in names:
        check_readable(folder / name, EXTRA)
    return Files(files=tuple(folder / name for name in names))


def word_vectors() -> Arrays:
    """`words` (20000,) and `vectors` float16 (20000, 50): GloVe, most frequent words first.

    From the project's datasets/: each vector as int8 `codes` times its `scale`.
    """
    with np.load(_checked("glove-20k.npz"), allow_pickle=False) as read:
        words = np.array(read["words"].tobytes().decode().split("\n"))
        vectors = (read["codes"] * read["scale"][:, None]).astype(np.float16)
    return Arrays(arrays={"words": words, "vectors": vectors})


def squeezenet() -> Arrays:
    """`LAYER/kernel` (H, W, in, out) and `LAYER/bias` (out,), float32, of SqueezeNet 1.1.

    From the project's datasets/: each kernel as int8 `codes` times a `scale` per output channel.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    with np.load(_checked("squeezenet1_1.npz"), allow_pickle=False) as read:
        for name in read.files:
            layer, _, part = name.rpartition("/")
            if part == "codes":
                kernel = read[name].astype(np.float32) * read[f"{layer}/scale"]
                arrays[f"{layer}/kernel"] = kernel
                arrays[f"{layer}/bias"] = read[f"{layer}/bias"]
    return Arrays(arrays=arrays)


def class_names() -> Arrays:
    """`names` (1000,): ImageNet's classes, from the project's datasets/."""
    return cached_files.class_names((_checked("imagenet-classes.txt"),))


def psalms() -> Text:
    """The 150 psalms of the World English Bible, from the project's datasets/."""
    return Text(text=_checked("psalms.txt").read_text("utf-8"))


def face_detector() -> Files:
    """The Tiny YOLOv2 face detector: its manifest and its weights, from the project's datasets/."""
    return Files(files=tuple(_checked(name) for name in FACE_DETECTOR))


def tunes() -> Files:
    """A file of tunes in ABC notation, from the project's datasets/."""
    return Files(files=(_checked("tunes.abc"),))


def synthesized() -> Files:
    """No files: the lesson makes its own words with `tinygrad_dls.audio`, which is a room above."""
    return Files(files=())


def _checked(name: str) -> Path:
    """A file of the project's datasets/; FormatError where it is not the one that came with it."""
    path = datasets_folder() / name
    mend = "Install tinygrad_dls again"
    check_readable(path, mend)
    check_sha256(path, SHA256[name], mend)
    return path


def _lfw() -> NDArray[np.uint8]:
    """The 100 faces and 100 patches of background of scikit-image, uint8 (200, 25, 25)."""
    purpose = "the built-in set of faces"
    path = package_folder("skimage", purpose) / "data" / "lfw_subset.npy"
    if not path.is_file():
        raise PackageError(purpose, "scikit-image, 0.26 or older", f" ({path} is not there)")
    check_sha256(path, FACES_SHA256, "Run `pip install --force-reinstall scikit-image`")
    read: NDArray[np.uint8] = np.rint(255 * np.load(path, allow_pickle=False)).astype(np.uint8)
    return read


def _split(
    x: NDArray[np.uint8], y: NDArray[np.int64], classes: NDArray[np.generic], train: int
) -> Images:
    """Shuffled by a fixed seed, then the first `train` images against the rest."""
    order = np.random.default_rng(SEED).permutation(len(x))
    first, rest = order[:train], order[train:]
    return Images(
        train_x_orig=x[first],
        train_y=y[first].reshape(1, -1),
        test_x_orig=x[rest],
        test_y=y[rest].reshape(1, -1),
        classes=classes,
    )
