"""The course's network for dates: against loops in NumPy, Keras's weights, and bad input."""

from pathlib import Path

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import models
from tinygrad_dls.data.sources import course_folder

VOCABULARY = " ./0123456789abcdefghijlmnoprstuvwy"
DATES = {  # as the course's notebook prints them, read off by the loops below
    "3 May 1979": "1979-05-33", "5 April 09": "2009-04-05", "21th of August 2016": "2016-08-20",
    "Tue 10 Jul 2007": "2007-07-10", "Saturday May 9 2018": "2018-05-09",
    "March 3 2001": "2001-03-03", "March 3rd 2001": "2001-03-03", "1 March 2001": "2001-03-01",
    "Tuesday 09 Oct 1993": "1993-10-09",
}
HARD = {"3 May 1979": "1979-05-03", "5 April 09": "2009-05-05", "21th of August 2016": "2016-08-21"}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def lstm_step(x, h, c, weights, gate):
    w_ih, w_hh, b_ih, b_hh = weights
    i, f, g, o = np.split(w_ih @ x + b_ih + w_hh @ h + b_hh, 4)
    c = gate(f) * c + gate(i) * np.tanh(g)
    return gate(o) * np.tanh(c), c


def by_loops(state, src, gate, steps):
    """Logits (Ty, tokens) and attention (Ty, Tx) of one date, one number after the other."""
    def of(layer, end=""):
        return [state[f"{layer}.{kind}_l0{end}"]
                for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

    x = np.eye(state["pre.weight_ih_l0"].shape[1])[src]
    n = state["pre.weight_hh_l0"].shape[1]
    runs = []
    for end, order in (("", range(len(x))), ("_reverse", reversed(range(len(x))))):
        h = c = np.zeros(n)
        made = np.zeros((len(x), n))
        for t in order:
            h, c = lstm_step(x[t], h, c, of("pre", end), gate)
            made[t] = h
        runs.append(made)
    a = np.concatenate(runs, axis=1)
    s = c = np.zeros(state["post.weight_hh_l0"].shape[1])
    logits, attention = [], []
    for _ in range(steps):
        energies = []
        for place in a:
            hidden = np.tanh(state["attend1.weight"] @ [*place, *s] + state["attend1.bias"])
            energies.append(max(0.0, (state["attend2.weight"] @ hidden + state["attend2.bias"])[0]))
        alphas = np.exp(energies) / np.exp(energies).sum()
        s, c = lstm_step(alphas @ a, s, c, of("post"), gate)
        logits.append(state["output.weight"] @ s + state["output.bias"])
        attention.append(alphas)
    return np.array(logits), np.array(attention)


@pytest.mark.parametrize("gate", [sigmoid, hard_sigmoid])
def test_it_is_the_course_s_network(gate):
    dls.manual_seed(0)
    model = models.DateNetwork(7, 5, 3, 4, 6, 4, gate=gate.__name__).double()
    with dls.no_grad():
        for p in model.parameters():
            p *= 3.0  # so that hard gates reach their ends
    src = np.random.default_rng(0).integers(0, 7, (2, 6))
    logits, attention = model(src).numpy(), model.attend(src).numpy()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    for row in range(2):
        right, alphas = by_loops(state, src[row], gate, 4)
        np.testing.assert_allclose(logits[row], right, atol=1e-12)
        np.testing.assert_allclose(attention[row], alphas, atol=1e-12)
    found = model.translate(src)
    assert [list(h.tokens) for h in found] == logits.argmax(-1).tolist()
    best = model.translate(src, beam_width=9)  # no letter depends on another one
    assert [h.tokens for h in best] == [h.tokens for h in found]


def test_parameters_in_both_ways_to_count():
    model = models.DateNetwork()
    assert sum(p.size for p in model.parameters()) == 53_472
    assert models.keras_parameters(model) == 52_960


def encode(dates):
    numbers = {c: i for i, c in enumerate(VOCABULARY)}
    cleaned = [date.lower().replace(",", "") for date in dates]
    return np.array([[numbers.get(c, 35) for c in d] + [36] * (30 - len(d)) for d in cleaned])


@pytest.mark.course
@pytest.mark.parametrize("gate, wanted", [("sigmoid", DATES), ("hard_sigmoid", DATES | HARD)])
def test_the_course_weights_read_what_they_always_have(gate, wanted):
    folder = course_folder()
    if folder is None:
        pytest.skip("TINYGRAD_DLS_DATA is not set")
    pytest.importorskip("h5py")
    model = models.date_network(weights=folder / "date-translation/model.h5", gate=gate)
    src = encode(wanted)
    found = ["".join("-0123456789"[t] for t in h.tokens) for h in model.translate(src)]
    assert found == list(wanted.values())


def write_h5(path: Path, layers: dict[str, tuple[tuple[int, ...], ...]]) -> Path:
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for layer, shapes in layers.items():
            middle = ("recurrent_kernel",) if len(shapes) == 3 else ()
            names = ("kernel", *middle, "bias")
            group = file.create_group(f"model_weights/{layer}")
            for name, shape in zip(names, shapes, strict=True):
                group[f"{layer}/{name}:0"] = rng.standard_normal(shape).astype("float32")
            group.attrs["weight_names"] = [f"{layer}/{name}:0".encode() for name in names]
        file["model_weights"].attrs["layer_names"] = [layer.encode() for layer in layers]
    return path


def test_a_keras_file_of_another_network(tmp_path):
    dense = {f"dense_{i}": ((4, 4), (4,)) for i in range(2)}
    lstm = {"lstm_1": ((4, 16), (4, 16), (16,))}
    with pytest.raises(dls.FormatError, match="bidirectional LSTM, an LSTM and three dense"):
        models.date_network(weights=write_h5(tmp_path / "a.h5", lstm | dense))
    with pytest.raises(dls.FormatError, match="gru_1 is not a layer of the network"):
        models.date_network(weights=write_h5(
            tmp_path / "b.h5", lstm | {"gru_1": ((4, 12), (4, 12), (2, 12))}))
    with pytest.raises(dls.DataError, match="is not a file"):
        models.date_network(weights=tmp_path / "nothing.h5")


def test_what_does_not_fit_is_refused():
    model = models.DateNetwork()
    with pytest.raises(dls.DataError, match="31 tokens, more than the 30"):
        model(np.zeros((1, 31), int))
    with pytest.raises(dls.ShapeError, match="padded to 30 characters"):
        model(np.zeros((1, 29), int))
    with pytest.raises(dls.DataError, match="the date is empty"):
        model(np.zeros((1, 0), int))
    with pytest.raises(dls.DataError, match="gate is one of 'sigmoid', 'hard_sigmoid'"):
        models.DateNetwork(gate="tanh")
    state = models.DateNetwork(src_tokens=40).state_dict()
    with pytest.raises(dls.ShapeError, match=r"pre.weight_ih_l0(.|\n)*\(128, 40\)"):
        models.date_network(weights=state)
