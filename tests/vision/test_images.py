"""Reading pictures of every kind, whole and broken."""

from pathlib import Path

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import vision

pil = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 256, (8, 12, 3)).astype("uint8")


def saved(tmp_path: Path, array: np.ndarray, name: str, **options) -> Path:
    path = tmp_path / name
    pil.fromarray(array).save(path, **options)
    return path


def test_a_picture_is_what_was_saved(tmp_path: Path) -> None:
    image = vision.read_image(saved(tmp_path, COLORS, "a.png"))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, COLORS)
    np.testing.assert_array_equal(vision.read_image(str(tmp_path / "a.png")), COLORS)
    palette = pil.fromarray(COLORS).quantize(16)
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(vision.read_image(tmp_path / "p.png"), palette.convert("RGB"))


def test_pictures_of_a_camera_held_upright_stand_upright(tmp_path: Path) -> None:
    turned = pil.fromarray(np.full((8, 12, 3), 100, "uint8"))
    exif = turned.getexif()
    exif[0x0112] = 6  # turn it right
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert vision.read_image(tmp_path / "turned.jpg").shape == (12, 8, 3)


def test_grey_transparent_and_16_bit_pictures_ask_for_a_choice(tmp_path: Path) -> None:
    grey = saved(tmp_path, COLORS[..., 0], "grey.png")
    with pytest.raises(dls.DataError, match=r"is grey, not 8-bit RGB: read_image\(path, convert"):
        vision.read_image(grey)
    image = vision.read_image(grey, convert=True)
    assert all((image[..., i] == COLORS[..., 0]).all() for i in range(3))

    alpha = np.full((8, 12, 1), 255, "uint8")
    alpha[0, 0] = 0
    clear = saved(tmp_path, np.concatenate([COLORS, alpha], axis=2), "clear.png")
    with pytest.raises(dls.DataError, match="transparency"):
        vision.read_image(clear)
    image = vision.read_image(clear, convert=True)
    assert image[0, 0].tolist() == [255, 255, 255]  # on white
    np.testing.assert_array_equal(image[1:], COLORS[1:])

    deep = saved(tmp_path, (COLORS[..., 0].astype("uint16") * 257), "deep.png")
    with pytest.raises(dls.DataError, match="16-bit"):
        vision.read_image(deep)
    np.testing.assert_array_equal(vision.read_image(deep, convert=True)[..., 0], COLORS[..., 0])

    pil.fromarray(COLORS).convert("CMYK").save(tmp_path / "print.jpg")
    with pytest.raises(dls.DataError, match="CMYK"):
        vision.read_image(tmp_path / "print.jpg")
    assert vision.read_image(tmp_path / "print.jpg", convert=True).shape == (8, 12, 3)


def test_broken_files_are_named(tmp_path: Path) -> None:
    whole = saved(tmp_path, RNG.integers(0, 256, (99, 99, 3)).astype("uint8"), "a.jpg").read_bytes()
    for length in (len(whole) // 2, len(whole) - 200, 200, 0):
        (tmp_path / "cut.jpg").write_bytes(whole[:length])
        with pytest.raises(dls.FormatError, match=r"cut\.jpg is (truncated|not a picture)"):
            vision.read_image(tmp_path / "cut.jpg")
    (tmp_path / "page.png").write_text("<html></html>")
    with pytest.raises(dls.FormatError, match="not a picture"):
        vision.read_image(tmp_path / "page.png")
    with pytest.raises(dls.DataError, match="no file"):
        vision.read_image(tmp_path / "none.png")
