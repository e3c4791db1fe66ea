"""Real data inside installed packages, ours among them: they stand in for what is not there."""

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from .checks import check_readable, check_sha256
from .folders import datasets_folder
from .optional import EXTRA, need, package_folder
from .sets import Arrays, Images

FACES_SHA256 = "9560ec2f5edfac01973f63a8a99d00053fecd11e21877e18038fbe500f8e872c"
GLOVE_SHA256 = "58c11cb7a889468fa048c2cd97b2f10dc874e4fbc7f1e844c1afc1dc5fcd3884"  # datasets/
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
    purpose = "the built-in set of faces"
    path = package_folder("skimage", purpose) / "data" / "lfw_subset.npy"
    if not path.is_file():
        raise DataError(f"{purpose} is not in this scikit-image ({path}): {EXTRA}")
    check_sha256(path, FACES_SHA256, "Run `pip install --force-reinstall scikit-image`")
    x = np.rint(255 * np.load(path, allow_pickle=False)).astype(np.uint8)
    y = np.repeat(np.array([1, 0]), 100)  # the faces come first
    return _split(x[..., None], y, np.array([b"other", b"face"]), train=150)


def digits() -> Images:
    """Handwritten digits, uint8 (1500 + 297, 8, 8, 1), as scikit-learn ships them (UCI)."""
    read = need("sklearn.datasets", "the built-in set of digits").load_digits()
    x = np.rint(read.images * (255 / 16)).astype(np.uint8)
    return _split(x[..., None], read.target, np.arange(10), train=1500)


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


def word_vectors() -> Arrays:
    """`words` (5000,) and `vectors` float16 (5000, 100): GloVe, from the project's datasets/."""
    path = datasets_folder() / "glove-5k.npz"
    mend = "Install tinygrad_dls again"
    check_readable(path, mend)
    check_sha256(path, GLOVE_SHA256, mend)
    with np.load(path, allow_pickle=False) as read:
        return Arrays(arrays=dict(read))


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
