"""After a raw error: which argument does not fit its annotation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import audio, data, io, models, nn, optim, text, train, vision
from tinygrad_dls._util.hints import _fits, _words
from tinygrad_dls._util.keywords import near_names
from tinygrad_dls.data import sources
from tinygrad_dls.vision import transforms

PICTURES = np.zeros((2, 3, 8, 8), "float32")
BOXES = np.array([[0.0, 0, 4, 4], [1, 1, 5, 6]])
LINEAR = nn.Linear(3, 2)


@pytest.mark.parametrize(("call", "error", "says"), [
    (lambda: audio.read(3), dls.DtypeError, "read: path is a string or a Path, not an int (3)"),
    (lambda: audio.read_abc(None), dls.DtypeError, "read_abc: text is a string, not None"),
    (lambda: audio.decibels("loud"), dls.DtypeError, "power is an array, a tensor or numbers, not "
                                                     "a str ('loud')"),
    (lambda: audio.decibels(np.ones(3), None), dls.DtypeError, "lowest is a number, not None"),
    (lambda: audio.resample(np.zeros((1, 9), "f4"), "8000", 4000), dls.DataError, "rate is"),
    (lambda: text.Vocabulary(7), dls.DtypeError, "Vocabulary: tokens is a list of strings, not an "
                                                 "int (7)"),
    (lambda: text.Vocabulary(["a"]).encode(7), dls.DtypeError, "Vocabulary.encode: text is a"),
    (lambda: text.bleu(["a"], 3), dls.DtypeError, "bleu: references is a list of strings"),
    (lambda: text.beam_search(None, [0], end=1, max_length=3), dls.DtypeError,
     "step is a function, not None"),
    (lambda: transforms.Resize(1.5)(PICTURES), dls.DtypeError, "Resize cannot take these"),
    (lambda: transforms.functional.crop(np.zeros(0), 0, 0, 1, 1), dls.ShapeError,
     "images  ndarray of float64, shape (0,)"),
    (lambda: transforms.functional.rgb_to_grayscale(7), dls.DtypeError, "images is an array or a "
                                                                        "tensor, not an int (7)"),
    (lambda: vision.generalized_box_iou_loss(BOXES, BOXES[[0, 1, 1]]), dls.ShapeError,
     "boxes2  ndarray of float64, shape (3, 4)"),
    (lambda: vision.average_precision([1.0], [1.0], "abc"), dls.DataError, "rule is one of 'coco'"),
    (lambda: vision.box_iou(np.ones(4), BOXES), dls.ShapeError, "boxes1 are (n, 4)"),
    (lambda: vision.draw_boxes(PICTURES[0], np.ones(4)), dls.ShapeError, "boxes are (n, 4)"),
    (lambda: models.resnet20(weights=3), dls.DtypeError, "fill: weights is "),
    (lambda: models.GPT(9, 8, 8, 2, 1).generate([[1]], None), dls.DtypeError, "max_length is a "
                                                                              "whole number"),
    (lambda: models.load("squeezenet1_1").transform("cat.png"), dls.DataError, "read_image"),
    (lambda: sources.find(3), dls.DtypeError, "find: name is a string, not an int (3)"),
    (lambda: data.train_test_split(3), dls.DtypeError, "train_test_split cannot take these"),
    (lambda: data.default_collate([]), dls.DataError, "a batch is a list of one example or more"),
    (lambda: train.evaluate(None, F.mse_loss, []), dls.DtypeError, "model is a Module, not"),
    (lambda: nn.Flatten()(None), dls.DtypeError, "not None\nin module: Flatten("),
    (lambda: nn.BatchNorm2d(2)("abc"), dls.DtypeError, "BatchNorm2d: "),
    (lambda: nn.init.normal_("w"), dls.DtypeError, "normal_: tensor is an array or a tensor of "
     "numbers, not a str ('w')"),
    (lambda: F.affine_grid(PICTURES[:, 0, :2, :3], None), dls.DtypeError, "affine_grid: size is a"),
    (lambda: nn.utils.clip_grad_norm_(LINEAR.parameters, 1.0), dls.DtypeError,
     "give the parameters, model.parameters(), not a method"),
    (lambda: data.DataLoader([1, 2], collate_fn="stack"), dls.DtypeError, "collate_fn is a "),
    (lambda: nn.utils.weight_norm(None), dls.DtypeError, "module is a Module, not None"),
    (lambda: LINEAR.apply("abc"), dls.DtypeError, "Module.apply: function is a function"),
    (lambda: LINEAR.get_submodule(3), dls.DtypeError, "path is a string, not an int (3)"),
    (lambda: F.pad(PICTURES, (1, 1), mode=[]), dls.DtypeError, "pad: mode is a string"),
    (lambda: optim.lr_scheduler.SequentialLR(optim.SGD(LINEAR.parameters(), lr=0.1), None, [1]),
     dls.DtypeError, "SequentialLR: schedulers is a list"),
    (lambda: io.parse_darknet_cfg(3), dls.DtypeError, "is a string, not an int (3)"),
    (lambda: dls.stack(None), dls.DtypeError, "stack takes a list of tensors, not a NoneType"),
    (lambda: dls.normal(std="x"), dls.DtypeError, "normal: std is an array or a tensor of "
     "numbers or a number, not a str ('x')"),
    (lambda: dls.checkpoint(None, LINEAR.weight), dls.DtypeError, "is a function, not None"),
])
def test_the_argument_is_named(call, error, says):
    with pytest.raises(error) as caught:
        call()
    assert says in str(caught.value)


def test_the_raw_error_stays_in_sight():
    with pytest.raises(dls.DtypeError) as caught:
        audio.read(3)
    assert isinstance(caught.value.__cause__, TypeError)


def test_what_a_user_s_function_raises_is_the_user_s():
    def step(tokens, state):
        return {}["k"]

    with pytest.raises(KeyError):
        text.beam_search(step, [0], end=1, max_length=3)

    class Net(nn.Module):
        def forward(self, x):
            return x.shapes

    with pytest.raises(AttributeError, match="'shapes'; did you mean 'shape'"):
        Net()(dls.ones(3))
    with pytest.raises(AttributeError, match="NoneType"):
        Net()(None)


def test_an_error_that_no_argument_explains_stays_raw():
    ours = {"__name__": "tinygrad_dls.made_here"}
    exec("def divide(a: int, b: int): return a / b", ours)
    divide = near_names(ours["divide"])
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)
    with pytest.raises(dls.DtypeError, match=r"divide: b is a whole number, not a str \('x'\)"):
        divide(1, "x")


@pytest.mark.parametrize(("hint", "right", "wrong"), [
    (int, [3, np.int64(3), 3.0, np.array(3), dls.Tensor(3)], [3.5, "3", None, np.ones(2), []]),
    (float, [3, 0.5, np.float32(1), np.array(1.5), dls.Tensor(0.5)], ["3", None, np.ones(2), []]),
    (bool, [True, np.True_, 0], [None, "yes", np.ones(2), []]),
    (str, ["a"], [None, 3, b"a", ["a"]]),
    (str | Path, ["a", Path("a")], [None, 3]),
    (Literal["a", "b"], ["a"], ["c", 3, []]),
    (Sequence[int], [[1, 2], (1,), [], np.arange(3)], [3, None, "ab", ["a"], (i for i in [1])]),
    (Iterable[str], ["ab", ["a"], (c for c in "ab"), np.array(["a"])], [3, [1], np.ones(2)]),
    (Mapping[str, int], [{}, {"a": 1}], [[], None, "a"]),
    (Callable[[int], int], [len, lambda x: x], [None, 3]),
    (np.ndarray[Any, Any], [np.ones(2), [1, 2], dls.Tensor(1.0)], [None, "a", [[1], [1, 2]]]),
    (dls.Tensor, [np.ones(2), [1, 2], dls.Tensor(1.0)], [None, "a", np.array(["a"])]),
    (nn.Module, [LINEAR], [None, 3]),
    (Any, [None, 3, "a"], []),
    (int | None, [None, 3], ["a", 2.5]),
])
def test_what_fits_a_hint(hint, right, wrong):
    assert [value for value in right if not _fits(value, hint)] == []
    assert [value for value in wrong if _fits(value, hint)] == []
    assert hint is Any or _words(hint)
