"""A wrong keyword: the error names the nearest right one, and costs nothing else."""

import copy
import inspect
import pickle
import warnings

import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import audio, data, models, nn, optim, text, vision, viz
from tinygrad_dls._util.keywords import near_names

X, W, Z = dls.ones(1, 1, 5, 5), dls.ones(1, 1, 3, 3), dls.ones(2, 3)
PARAMETERS = [dls.zeros(3, requires_grad=True)]


@pytest.mark.parametrize(("call", "says"), [
    (lambda: nn.Linear(3, 4, biass=False), "Linear has no argument 'biass'; did you mean 'bias'?"),
    (lambda: nn.Conv2d(3, 8, 3, strides=2), "Conv2d has no argument 'strides'; did you mean "
                                            "'stride'?"),
    (lambda: nn.LSTM(3, 4, layers=2), "LSTM has no argument 'layers'; did you mean 'num_layers'?"),
    (lambda: nn.Dropout(rate=0.5), "Dropout has no argument 'rate'; did you mean 'p'?"),
    (lambda: nn.Linear(3, 4, xyz=1), "Linear has no argument 'xyz'; it has in_features, out_feat"),
    (lambda: optim.Adam(PARAMETERS, learning_rate=0.1), "Adam has no argument 'learning_rate'; did "
                                                        "you mean 'lr'?"),
    (lambda: optim.SGD(PARAMETERS, lr=0.1, momentun=0.9), "did you mean 'momentum'?"),
    (lambda: optim.lr_scheduler.StepLR(optim.SGD(PARAMETERS, lr=1.0), step=3), "StepLR has no "
                                                                               "argument 'step'"),
    (lambda: data.DataLoader([1], batch=3), "DataLoader has no argument 'batch'; did you mean "
                                            "'batch_size'?"),
    (lambda: F.conv2d(X, W, pad=1), "conv2d has no argument 'pad'; did you mean 'padding'?"),
    (lambda: F.cross_entropy(Z, dls.zeros(2, dtype="int64"), weights=Z), "did you mean 'weight'?"),
    (lambda: F.grid_sample(X, X, padding="zeros"), "did you mean 'padding_mode'?"),
    (lambda: F.one_hot(Z, classes=3), "one_hot has no argument 'classes'; did you mean "
                                      "'num_classes'?"),
    (lambda: F.triplet_margin_loss(Z, Z, Z, margins=1.0), "did you mean 'margin'?"),
    (lambda: F.ctc_loss(Z, Z, [1], [1], blanks=0), "ctc_loss has no argument 'blanks'; did you "),
    (lambda: dls.randn(3, dtpe="float32"), "randn has no argument 'dtpe'; did you mean 'dtype'?"),
    (lambda: dls.zeros(3, requires=True), "zeros has no argument 'requires'; did you mean "
                                          "'requires_grad'?"),
    (lambda: dls.ones(shape=(2, 3)), "the shape comes first, without a name: ones(2, 3)"),
    (lambda: dls.randint(0, 5, sizes=(2,)), "did you mean 'size'?"),
    (lambda: dls.zeros_like(Z, dtyp="int64"), "did you mean 'dtype'?"),
    (lambda: dls.Tensor(1.0, requiresgrad=True), "Tensor has no argument 'requiresgrad'; did you "
                                                 "mean 'requires_grad'?"),
    (lambda: dls.tensor([1.0], dev="cpu"), "tensor has no argument 'dev'; did you mean 'device'?"),
    (lambda: nn.Parameter(Z, require_grad=False), "Parameter has no argument 'require_grad'; did "),
    (lambda: Z.sum().backward(retain=True), "backward has no argument 'retain'; did you mean "
                                            "'retain_graph'?"),
    (lambda: optim.Adam(PARAMETERS, lrate=0.1), "Adam has no argument 'lrate'; did you mean 'lr'?"),
    (lambda: nn.Linear(3, 4).load_state_dict({}, strct=False), "did you mean 'strict'?"),
    (lambda: models.resnet18(classes=10), "did you mean 'num_classes'?"),
    (lambda: text.beam_search(len, [0], end=1, max_len=3), "did you mean 'max_length'?"),
    (lambda: audio.spectrogram(Z, 8000, n_fft=200), "did you mean 'nfft'?"),
    (lambda: vision.nms(Z, Z, threshold=0.5), "did you mean 'iou_threshold'?"),
    (lambda: data.train_test_split(Z, testsize=0.5), "did you mean 'test_size'?"),
    (lambda: dls.gradcheck(len, Z, epsilon=1e-5), "gradcheck has no argument 'epsilon'"),
    (lambda: dls.save("x", {}, meta={}), "did you mean 'metadata'?"),
    (lambda: dls.grad(Z, [Z], create=True), "did you mean 'create_graph'?"),
    (lambda: dls.fit(nn.Linear(3, 1), data=[], epoch=3), "fit has no argument "),
    (lambda: dls.relu(Z, inplac=True), "relu has no argument 'inplac'; it has x"),
    (lambda: dls.matmul(Z, Z, otherr=Z), "matmul has no argument 'otherr'; it has a, b"),
    (lambda: dls.sum(Z, axes=0), "sum has no argument 'axes'; did you mean 'axis'?"),
    (lambda: Z.softmax(axs=0), "softmax has no argument 'axs'; did you mean 'axis'?"),
    (lambda: dls.where(Z > 0, Z, Z, condtion=Z), "did you mean 'condition'?"),
    (lambda: dls.tensordot(Z, Z, axis=1), "did you mean 'axes'?"),
    (lambda: F.linear(Z, Z, bais=Z), "linear has no argument 'bais'; did you mean 'bias'?"),
    (lambda: F.hardswish(Z, inplac=True), "did you mean 'inplace'?"),
    (lambda: dls.lint(Z, None, optimiser=None), "did you mean 'optimizer'?"),
    (lambda: dls.explain(Z, Z, long=3), "explain has no argument 'long'; did you mean 'longest'?"),
    (lambda: dls.watch(None, file="x.html"), "watch has no argument 'file'"),
    (lambda: viz.read_weights(pth="x.npz"), "did you mean 'path'?"),
])
def test_it_names_the_nearest(call, says):
    with pytest.raises(TypeError) as caught:
        call()
    assert says in str(caught.value)
    assert caught.value.__context__ is None


def test_other_errors_stay_as_they_are():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'out_features'"):
        nn.Linear(3)

    @near_names
    def raises(padding=0):
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        raises(padding=1)

    @near_names
    def calls(padding=0):
        return len(pad=padding)  # the wrong keyword is of another function

    with pytest.raises(TypeError, match="len"):
        calls(padding=1)


def test_signatures_and_pickles_are_those_of_before():
    assert list(inspect.signature(nn.Linear).parameters)[:3] == ["in_features", "out_features",
                                                                 "bias"]
    assert list(inspect.signature(F.conv2d).parameters)[:3] == ["input", "weight", "bias"]
    assert pickle.loads(pickle.dumps(F.conv2d)) is F.conv2d
    layer = copy.deepcopy(nn.Linear(3, 4, bias=False))
    assert layer.bias is None


def test_the_user_s_own_classes_are_left_alone():
    class Net(nn.Module):
        def __init__(self, hidden):
            self.layer = nn.Linear(3, hidden)

    assert not hasattr(Net.__init__, "__wrapped__")
    with pytest.raises(TypeError, match="unexpected keyword argument 'hiden'"):
        Net(hiden=3)


def test_a_warning_of_a_constructor_is_at_the_user_s_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nn.LSTM(3, 4, dropout=0.5)
    assert caught[0].filename == __file__
