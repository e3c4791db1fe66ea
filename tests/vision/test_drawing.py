"""Drawing: what stands on the axes."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import vision

pyplot = pytest.importorskip("matplotlib.pyplot")
pyplot.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


def test_boxes_are_drawn_where_they_are() -> None:
    image = np.zeros((20, 30, 3), "uint8")
    ax = vision.draw_boxes(image, dls.Tensor([[2.0, 3.0, 12.0, 9.0], [5.0, 5.0, 9.0, 9.0]]),
                           ["cat", "dog"], [0.9, 0.25])
    first, second = ax.patches
    assert (first.get_x(), first.get_y()) == (1.5, 2.5)  # pixel 2 begins half before its center
    assert (first.get_width(), first.get_height()) == (10, 6)
    assert first.get_edgecolor() != second.get_edgecolor()
    assert [t.get_text() for t in ax.texts] == ["cat 0.90", "dog 0.25"]
    vision.draw_boxes(None, [[1.0, 1.0, 2.0, 2.0]], ["dog"], ax=ax, colors={"dog": "black"})
    assert ax.patches[-1].get_edgecolor() == (0, 0, 0, 1)
    sides = [t.get_verticalalignment() for t in ax.texts]
    assert sides == ["bottom", "bottom", "top"]  # a label near the top stands inside of its box
    assert len(ax.patches) == 3 and len(ax.images) == 1


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 3), (3, 20, 30), (1, 20, 30)])
def test_pictures_of_any_layout(shape) -> None:
    ax = vision.draw_boxes(np.random.default_rng(0).random(shape), [])
    assert ax.images[0].get_array().shape[:2] == (20, 30)


def test_masks_leave_the_rest_visible() -> None:
    masks = np.zeros((1, 20, 30))
    masks[0, :5] = 1
    ax = vision.draw_masks(np.zeros((20, 30, 3)), masks, alpha=0.4)
    layer = ax.images[1].get_array()
    assert layer[0, 0, 3] == 0.4 and layer[10, 0, 3] == 0


def test_filters_are_on_one_scale() -> None:
    weight = np.zeros((2, 3, 2, 2))
    weight[0, 0, 0, 0], weight[1, 1, 1, 1] = 1.0, -0.5
    shown = [ax.images[0].get_array() for ax in vision.draw_filters(weight).axes]
    assert shown[0][0, 0, 0] == 1.0 and shown[1][1, 1, 1] == 0.25 and shown[0][1, 1, 1] == 0.5
    assert len(vision.draw_filters(dls.Tensor(np.ones((5, 7, 3, 3))), columns=2).axes) == 6
    assert len(vision.draw_activations(np.ones((9, 4, 4)), most=4).axes) == 4


def test_bad_input_is_refused() -> None:
    image = np.zeros((8, 8, 3))
    with pytest.raises(dls.ShapeError, match="2 labels for 1 boxes"):
        vision.draw_boxes(image, [[0.0, 0.0, 1.0, 1.0]], ["a", "b"])
    with pytest.raises(dls.DataError, match="x2 < x1"):
        vision.draw_boxes(image, [[3.0, 0.0, 1.0, 1.0]])
    with pytest.raises(dls.ShapeError, match="an image is"):
        vision.draw_boxes(np.zeros((2, 8, 8, 3)), [])
    with pytest.raises(dls.ShapeError, match="masks"):
        vision.draw_masks(image, np.zeros((8, 8)))
    with pytest.raises(dls.ShapeError, match="filters"):
        vision.draw_filters(np.zeros((3, 3)))
    with pytest.raises(dls.ShapeError, match="activations"):
        vision.draw_activations(np.zeros((1, 3, 4, 4)))
