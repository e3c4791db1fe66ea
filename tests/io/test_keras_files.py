"""load_keras and from_keras: files of all versions of Keras, and layers that then compute alike."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.data.sources import course_folder
from tinygrad_dls.io import from_keras, load_keras

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.standard_normal(shape).astype("float32")


def older(path, layers, whole=True, config=None, chunked=False):
    """A file of Keras 2: {layer: {weight name: array}}."""
    with h5py.File(path, "w") as file:
        weights = file.create_group("model_weights") if whole else file
        weights.attrs["layer_names"] = [n.encode() for n in layers]
        file.attrs["keras_version"] = b"2.1.3"
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
        for layer, arrays in layers.items():
            group = weights.create_group(layer)
            names = [n.encode() for n in arrays]
            if chunked and names:
                for i, name in enumerate(names):
                    group.attrs[f"weight_names{i}"] = [name]
            else:
                group.attrs["weight_names"] = names
            for name, array in arrays.items():
                group.create_dataset(name, data=array)
    return path


def newer(file, layers):
    """A weights file of Keras 3: {path of a group: (name, [arrays])}."""
    with h5py.File(file, "w") as h5:
        for path, (name, arrays) in layers.items():
            group = h5.create_group(f"{path}/vars".lstrip("/"))
            group.attrs["name"] = name
            for i, array in enumerate(arrays):
                group.create_dataset(str(i), data=array)


DENSE = {"dense_1/kernel:0": draw(4, 3), "dense_1/bias:0": draw(3)}


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_files_of_keras_2(tmp_path, whole, chunked):
    layers = {"input_1": {}, "dense_1": DENSE, "flatten_1": {}, "bidirectional_1": {
        "bidirectional_1/forward_lstm_3/kernel:0": draw(2, 8)}, "model_2": {
        "conv/kernel:0": draw(3, 3, 1, 2)}}
    found = load_keras(older(tmp_path / "m.h5", layers, whole, chunked=chunked))
    assert list(found) == ["dense_1/kernel", "dense_1/bias",
                           "bidirectional_1/forward_lstm_3/kernel",
                           "model_2/conv/kernel"]
    assert np.array_equal(found["dense_1/kernel"], DENSE["dense_1/kernel:0"])
    assert found.metadata["keras_version"] == "2.1.3"


def test_files_of_keras_3(tmp_path):
    layers = {
        "layers/dense": ("scores", [draw(4, 3), draw(3)]), "layers/flatten": ("flatten", []),
        "layers/bidirectional": ("both", []),
        "layers/bidirectional/forward_layer": ("forward_lstm", []),
        "layers/bidirectional/forward_layer/cell": ("lstm_cell", [draw(2, 8), draw(2, 8), draw(8)]),
        "layers/sequential/layers/batch_normalization_1": ("bn", [draw(2) for _ in range(4)]),
        "optimizer": ("adam", [draw(3)]), "": ("model", []),
        "layers/custom": ("mine", [draw(1)]),
    }
    newer(tmp_path / "m.weights.h5", layers)
    found = load_keras(tmp_path / "m.weights.h5")
    assert set(found) == {
        "scores/kernel", "scores/bias", "both/forward_lstm/lstm_cell/kernel",
        "both/forward_lstm/lstm_cell/recurrent_kernel", "both/forward_lstm/lstm_cell/bias",
        *(f"sequential/bn/{n}" for n in ("gamma", "beta", "moving_mean", "moving_variance")),
        "mine/0"}
    raw = io.BytesIO()
    newer(raw, layers)
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.1.0"}))
        file.writestr("config.json", json.dumps({"class_name": "Sequential"}))
        file.writestr("model.weights.h5", raw.getvalue())
    again = load_keras(tmp_path / "m.keras")
    assert set(again) == set(found) and again.metadata["keras_version"] == "3.1.0"
    assert again.metadata["config"] == {"class_name": "Sequential"}


# --- layouts, against the mathematics of Keras's layers ------------------------------------------


def test_dense_and_convolutions_compute_alike():
    weights = {"c/kernel": draw(3, 2, 4, 5), "c/bias": draw(5), "d/kernel": draw(5 * 4 * 6, 7),
               "d/bias": draw(7)}
    x = draw(2, 6, 7, 4)  # channels last
    y = np.zeros((2, 4, 6, 5))
    for i in range(3):
        for j in range(2):
            y += x[:, i : i + 4, j : j + 6] @ weights["c/kernel"][i, j]
    y += weights["c/bias"]
    wanted = y.reshape(2, -1) @ weights["d/kernel"] + weights["d/bias"]
    state = from_keras(weights, flattened={"d": (4, 6, 5)})
    net = nn.Sequential({"c": nn.Conv2d(4, 5, (3, 2)), "f": nn.Flatten(), "d": nn.Linear(120, 7)})
    net.load_state_dict(state)
    got = net(dls.Tensor(x.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(got, wanted, atol=1e-3)


def test_depthwise_and_separable():
    kernel = draw(3, 3, 4, 2)
    for name, classes in (("depthwise_kernel", {}), ("kernel", {"l": "DepthwiseConv2D"})):
        made = from_keras({f"l/{name}": kernel}, classes=classes)
        (weight,) = made.values()
        assert weight.shape == (8, 1, 3, 3)
        for c in range(4):
            for m in range(2):
                assert np.array_equal(weight[c * 2 + m, 0], kernel[:, :, c, m])
    made = from_keras({"s/depthwise_kernel": kernel, "s/pointwise_kernel": draw(1, 1, 8, 5),
                       "s/bias": draw(5)})
    assert {n: a.shape for n, a in made.items()} == {
        "s.depthwise.weight": (8, 1, 3, 3), "s.pointwise.weight": (5, 8, 1, 1),
        "s.pointwise.bias": (5,)}


def test_norms_and_embeddings():
    made = from_keras({"bn/beta": draw(3), "bn/moving_mean": draw(3), "bn/moving_variance": draw(3),
                       "ln/gamma": draw(3), "ln/beta": draw(3), "e/embeddings": draw(9, 4)})
    nn.Sequential({"bn": nn.BatchNorm2d(3), "ln": nn.LayerNorm(3), "e": nn.Embedding(9, 4)}
                  ).load_state_dict(made)
    assert made["bn.weight"].tolist() == [1, 1, 1]  # scale=False


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def keras_lstm(x, w, u, b):
    h = c = np.zeros((len(x), u.shape[0]))
    steps = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ w + h @ u + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        steps.append(h)
    return np.stack(steps, 1)


def keras_gru(x, w, u, b):
    h, steps = np.zeros((len(x), u.shape[0])), []
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ w + b[0], 3, axis=1)
        hz, hr, hh = np.split(h @ u + b[1], 3, axis=1)
        z = sigmoid(xz + hz)
        h = z * h + (1 - z) * np.tanh(xh + sigmoid(xr + hr) * hh)
        steps.append(h)
    return np.stack(steps, 1)


def keras_rnn(x, w, u, b):
    h, steps = np.zeros((len(x), u.shape[0])), []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ w + h @ u + b)
        steps.append(h)
    return np.stack(steps, 1)


@pytest.mark.parametrize(("layer", "gates", "run"), [
    (nn.LSTM, 4, keras_lstm), (nn.GRU, 3, keras_gru), (nn.RNN, 1, keras_rnn)])
@pytest.mark.parametrize("both", [False, True])
def test_recurrent_layers_compute_alike(layer, gates, run, both):
    x, u = draw(2, 5, 3), 4

    def weights():
        return [draw(3, gates * u), draw(u, gates * u),
                draw(2, gates * u) if gates == 3 else draw(gates * u)]

    ways = {"l/forward_l/l_cell": weights(), "l/backward_l/l_cell": weights()} if both else {
        "l/l_cell": weights()}
    named = {f"{where}/{n}": a for where, arrays in ways.items()
             for n, a in zip(("kernel", "recurrent_kernel", "bias"), arrays)}
    net = nn.Sequential({"l": layer(3, u, batch_first=True, bidirectional=both)})
    net.load_state_dict(from_keras(named))
    wanted = [run(x[:, ::step], *arrays)[:, ::step] for step, arrays in zip((1, -1), ways.values())]
    got = net.l(dls.Tensor(x))[0].numpy()
    np.testing.assert_allclose(got, np.concatenate(wanted, -1), atol=1e-5)


def test_what_our_layers_cannot_compute():
    with pytest.raises(dls.DataError, match="reset_after=True"):
        from_keras({"g/kernel": draw(3, 12), "g/recurrent_kernel": draw(4, 12), "g/bias": draw(12)})
    with pytest.raises(dls.DataError, match="no RNN, GRU or LSTM"):
        from_keras({"g/kernel": draw(3, 12), "g/recurrent_kernel": draw(4, 11)})
    with pytest.raises(dls.DataError, match="flattened names 'x'"):
        from_keras({"d/kernel": draw(3, 12)}, flattened={"x": (1, 1, 3)})
    with pytest.raises(dls.DataError, match="do not make the inputs"):
        from_keras({"d/kernel": draw(3, 12)}, flattened={"d": (1, 1, 4)})


def test_raw_arrays_load_by_a_proposal(tmp_path):
    found = load_keras(older(tmp_path / "m.h5", {"dense_1": DENSE}))
    net = nn.Linear(4, 3)
    with pytest.raises(dls.DataError) as caught:
        net.load_state_dict(found)
    net.load_state_dict(caught.value.proposal.apply(found))
    assert np.array_equal(net.weight.numpy(), DENSE["dense_1/kernel:0"].T)


# --- files that are broken, or reach out ---------------------------------------------------------


def test_links_out_of_the_file_are_not_followed(tmp_path):
    older(tmp_path / "secret.h5", {"dense_1": DENSE})
    for how in ("external", "soft", "storage", "virtual", "empty", "compressed", "text", "twice"):
        path = older(tmp_path / f"{how}.h5", {"a": {"a/kernel:0": draw(2, 2)}})
        with h5py.File(path, "a") as file:
            group = file["model_weights/a/a"]
            del group["kernel:0"]
            if how == "external":
                group["kernel:0"] = h5py.ExternalLink("secret.h5", "/dense_1/dense_1/kernel:0")
            elif how == "soft":
                group["kernel:0"] = h5py.SoftLink("/somewhere")
            elif how == "storage":
                group.create_dataset("kernel:0", (4,), "f4", external=[
                    (str(tmp_path / "secret.h5"), 0, 16)])
            elif how == "virtual":
                layout = h5py.VirtualLayout((4, 3), "f4")
                layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "/w", (4, 3))
                group.create_virtual_dataset("kernel:0", layout)
            elif how == "empty":
                group.create_dataset("kernel:0", (2**20, 2**20), "f4", chunks=(2**10, 2**10))
            elif how == "compressed":
                group.create_dataset("kernel:0", data=np.zeros(10**6, "f4"), compression="gzip")
            elif how == "text":
                group["kernel:0"] = "text"
            else:
                group["kernel:0"] = draw(2, 2)
                file["model_weights/a"].attrs["weight_names"] = [b"a/kernel:0", b"a/kernel:0"]
        with pytest.raises(dls.FormatError):
            load_keras(path)


def test_files_that_are_not_kerass(tmp_path):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2]
    with pytest.raises(dls.FormatError, match="neither model_weights nor layers"):
        load_keras(path)
    for raw in (b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"hello"):
        path.write_bytes(raw)
        with pytest.raises(dls.FormatError):
            load_keras(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", "{}")
    with pytest.raises(dls.FormatError, match=r"no model\.weights\.h5"):
        load_keras(path)
    with pytest.raises(dls.DataError, match="cannot be read"):
        load_keras(tmp_path / "none.h5")


def test_without_h5py_one_line_says_so(tmp_path, monkeypatch):
    path = older(tmp_path / "m.h5", {"dense_1": DENSE})
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(dls.DataError, match="pip install h5py") as caught:
        load_keras(path)
    assert "\n" not in str(caught.value)


@pytest.mark.course
def test_the_courses_models():
    folder = course_folder()
    if folder is None:
        pytest.skip("TINYGRAD_DLS_DATA is not set")
    found = load_keras(folder / "date-translation" / "model.h5")
    with pytest.warns(UserWarning, match=r"lstm_21, lstm_20 have recurrent_activation hard_sig"):
        state = from_keras(found)
    net = nn.LSTM(37, 32, batch_first=True, bidirectional=True)
    net.load_state_dict({n.removeprefix("bidirectional_10."): a for n, a in state.items()
                         if n.startswith("bidirectional_10.")})
    found = load_keras(folder / "names-and-text" / "model_shakespeare_kiank_350_epoch.h5")
    with pytest.warns(UserWarning, match="lstm_5, lstm_6"):
        assert from_keras(found)["dense_3.weight"].shape == (38, 128)


def test_against_keras_itself(tmp_path):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="c1"), layers.BatchNormalization(name="b"),
        layers.DepthwiseConv2D(3, name="w"), layers.Conv2DTranspose(3, 2, name="t"),
        layers.Flatten(), layers.Dense(7, name="d")])
    mine = nn.Sequential({
        "c1": nn.Conv2d(3, 4, 3), "b": nn.BatchNorm2d(4, eps=1e-3),
        "w": nn.Conv2d(4, 4, 3, groups=4), "t": nn.ConvTranspose2d(4, 3, 2), "f": nn.Flatten(),
        "d": nn.Linear(75, 7)}).eval()
    x = draw(2, 8, 8, 3)
    wanted = keras.ops.convert_to_numpy(model(x))
    for name in ("m.keras", "m.h5", "m.weights.h5"):
        save = model.save_weights if "weights" in name else model.save
        save(tmp_path / name)
        mine.load_state_dict(from_keras(load_keras(tmp_path / name), flattened={"d": (5, 5, 3)}))
        got = mine(dls.Tensor(x.transpose(0, 3, 1, 2))).numpy()
        np.testing.assert_allclose(got, wanted, atol=1e-5)
