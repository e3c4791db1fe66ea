"""Layers of images and sequences, costs: each planted mistake is named, no right one accused.

The mistakes were written down before anybody looked at what is searched for.
"""

import pytest

from tinygrad_dls.check import Report, check_layer

from . import image_layers, loss_layers, sequence_layers
from .layer_inputs import FRESH_SHAPES as SHAPES
from .layer_inputs import fresh_inputs as inputs_of

pytestmark = pytest.mark.usefixtures("without_source")


def checked(layer: str, wrong: str = "", seed: int = 0, size: float = 1.0) -> Report:
    module = next(m for m in (image_layers, sequence_layers, loss_layers) if hasattr(m, layer))
    pair = getattr(module, layer)(wrong)
    return check_layer(*pair, *inputs_of(layer, seed, size), seed=seed)


PLANTED = [  # layer, the mistake, the gradient, words that must be said of it
    ("conv", "flipped", "dA_prev", "W flipped along axes 0 and 1"),
    ("conv", "=", "dW", "`=` where `+=` is meant"),
    ("conv", "last example", "dW", "dy at index 0 along axis 0 is left out"),
    ("conv", "unpadded", "dW", "shifted by 1 along axes 0 and 1"),
    ("conv", "crop", "dA_prev", "shifted by -1 along axes 1 and 2"),
    ("average_pool", "f", "dA_prev", "1 / f missing"),
    ("average_pool", "larger window", "dA_prev", "by 16 where it must be divided by f**2 = 9"),
    ("average_pool", "constant", "dA_prev", "by 4 where it must be divided by f**2 = 9"),
    ("average_pool", "no stride", "dA_prev", "stride"),
    ("average_pool", "shifted", "dA_prev", "shifted by -1 along axes 1 and 2"),
    ("average_pool", "short window", "dA_prev", "only some get its gradient: a window"),
    ("average_pool", "corner", "dA_prev", "only some get its gradient, and those get too much"),
    ("average_pool", "=", "dA_prev", "`=` where `+=` is meant"),
    ("max_pool", "min", "dA_prev", "uses A_prev where it means -A_prev"),
    ("max_pool", "no mask", "dA_prev", "a mask (where is the largest?) is missing"),
    ("max_pool", "average", "dA_prev", "a mask (where is the largest?) is missing"),
    ("max_pool", "channels", "dA_prev", "a mask or condition holds at too few places"),
    ("global_pool", "mean", "dx", "1/20 missing"),
    ("batch_norm_images", "count", "dx", "of all sums that it is made of 1/m is missing"),
    ("batch_norm_images", "std", "dx", "uses std where it means sqrt(std)"),
    ("batch_norm_images", "mean", "dbeta", "x.shape[0] * x.shape[2] * x.shape[3] = 40"),
    ("squeeze_excite", "slope", "dW", "the factor gate * (1 - gate) is missing"),
    ("upsample", "one", "dx", "`=` where `+=` is meant"),
    ("dense_block", "skip", "dx", "is left out"),
    ("gru", "candidate slope", "dWc", "c * (1 - c) where it must be 1 - c**2"),
    ("gru", "reset slope", "dWr", "the factor r * (1 - r) is missing"),
    ("gru", "swapped", "dx", "Wz and Wr are swapped"),
    ("gru", "reset detached", "dh", "part [0:4] along axis 0"),
    ("gru", "gates", "dx", "part [4:7] along axis 0"),
    ("gru", "direct", "dh", "the term dy * z is missing"),
    ("lstm", "tanh", "dc", "the factor 1 - tanh(c_next)**2 is missing"),
    ("lstm", "swapped", "db", "g and c are swapped"),
    ("lstm", "order", "dW", "parts 2 and 3 of 4"),
    ("rnn", "time", "dWax", "what comes through Waa"),
    ("rnn", "slope of a<t-1>", "dba", "that of the step after"),
    ("rnn", "a<t>", "dWaa", "that of the step before"),
    ("rnn", "=", "dba", "the last pass of a loop"),
    ("attention", "elementwise", "dWq", "A * (d - (d * A).sum(axis=1, keepdims=True)) is meant"),
    ("attention", "keys", "dx", "is left out"),
    ("embedding_bag", "=", "dE", "np.add.at"),
    ("logistic_cost", "slope", "dw", "the factor A * (1 - A) is too much"),
    ("logistic_cost", "features", "dw", "4 where it must be divided by X.shape[1] = 7"),
    ("huber", "clip", "dr", "|r| > delta"),
    ("elu", "alpha", "dx", "x < 0: it is 10/7 times"),
    ("softplus", "-x", "dx", "uses x where it means -x"),
    ("prelu", "side", "da", "the condition is the wrong way round"),
    ("rms_norm", "sum", "dx", "1/m is missing (m = x.shape[1] = 6)"),
    ("rms_norm", "power", "dx", "the factor 1 / rms is missing"),
    ("gaussian_kl", "1", "dv", "the term 1/2 * dy must be subtracted"),
    ("sampled", "exp(v)", "dv", "a factor exp(v / 2) too much"),
    ("highway", "x", "dWt", "uses h where it means h - x"),
    ("highway", "carried", "dx", "the term dy * (1 - t) is missing"),
    ("weighted_cost", "1", "dz", "the column is labels (one-hot)"),
    ("weighted_cost", "weights", "dz", "the factor weights[labels][:, np.newaxis] is missing"),
    ("dropped", "twice", "dW", "the factor keep_prob is missing"),
    ("dropped", "z < 0", "dW", "uses z where it means -z"),
]


@pytest.mark.parametrize(("layer", "wrong", "gradient", "words"), PLANTED)
def test_the_planted_mistake_is_named(layer: str, wrong: str, gradient: str, words: str) -> None:
    report = checked(layer, wrong)
    hints = {check.name: check.hint for check in report.wrong}
    assert words in hints.get(gradient, "right"), str(report)


@pytest.mark.parametrize("layer", SHAPES)
def test_no_right_layer_is_accused(layer: str) -> None:
    for seed, size in enumerate((1.0, 0.01, 3.0)):
        report = checked(layer, "", seed, size)
        assert report.ok, f"{layer} of size {size}\n{report}"
