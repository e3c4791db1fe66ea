"""Files of Keras 3 number their arrays: what each is comes from the class, the options or nothing.

The groups and attributes are those that Keras 3.15.1 writes for the layers named.
"""

import io
import json
import warnings
import zipfile

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.io import from_keras, load_keras

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.standard_normal(shape).astype("float32")


def weights_file(file, groups):
    """{path of a group: (the layer's name, [arrays])} as save_weights lays them out."""
    with h5py.File(file, "w") as h5:
        h5.create_group("layers")
        for path, (name, arrays) in groups.items():
            group = h5.create_group(f"{path}/vars")
            group.attrs["name"] = name
            for i, array in enumerate(arrays):
                group[str(i)] = array
    return file


def archive(path, groups, layers):
    """A .keras archive with the configuration of a Sequential of `layers`: (class, options)."""
    config = {"class_name": "Sequential", "config": {"name": "sequential", "layers": [
        {"class_name": kind, "config": options} for kind, options in layers]}}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        file.writestr("config.json", json.dumps(config))
        file.writestr("model.weights.h5", weights_file(io.BytesIO(), groups).getvalue())
    return path


NORMS = [
    ("LayerNormalization", {"scale": False, "center": True}, ["beta"]),
    ("LayerNormalization", {"scale": True, "center": False}, ["gamma"]),
    ("LayerNormalization", {"scale": True, "center": True}, ["gamma", "beta"]),
    ("GroupNormalization", {"scale": False, "center": True}, ["beta"]),
    ("GroupNormalization", {"scale": True, "center": False}, ["gamma"]),
    ("BatchNormalization", {"scale": False, "center": True},
     ["beta", "moving_mean", "moving_variance"]),
    ("BatchNormalization", {"scale": True, "center": False},
     ["gamma", "moving_mean", "moving_variance"]),
    ("BatchNormalization", {"scale": False, "center": False}, ["moving_mean", "moving_variance"]),
]
GROUPS = {"LayerNormalization": "layer_normalization", "GroupNormalization": "group_normalization",
          "BatchNormalization": "batch_normalization"}


@pytest.mark.parametrize(("kind", "options", "names"), NORMS)
def test_norms_without_scale_or_center(tmp_path, kind, options, names):
    arrays = [draw(3) for _ in names]
    groups = {f"layers/{GROUPS[kind]}_1": ("norm", arrays)}
    path = archive(tmp_path / "m.keras", groups, [(kind, {"name": "norm", **options})])
    found = load_keras(path)
    assert list(found) == [f"norm/{name}" for name in names]
    for array, kept in zip(arrays, found.values()):
        assert np.array_equal(array, kept)
    ours = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
            "moving_variance": "running_var"}
    made = from_keras(found)
    for name, array in zip(names, arrays):
        assert np.array_equal(made[f"norm.{ours[name]}"], array)
    found = load_keras(weights_file(tmp_path / "m.weights.h5", groups))
    if len(names) == 2:
        assert list(found) == [f"norm/{name}" for name in names]
    else:  # weights alone do not say whether the one array is gamma or beta
        assert list(found) == [f"norm/{i}" for i in range(len(names))]
        with pytest.raises(dls.DataError, match=r"(?s)nothing says what its arrays are.*norm/beta"):
            from_keras(found)


def test_layers_in_attributes_lists_and_wrappers(tmp_path):
    k, b, kernel, table = draw(2, 3), draw(3), draw(3, 2, 4), draw(5, 2)
    cell = [draw(2, 12), draw(3, 12), draw(12)]
    found = load_keras(weights_file(tmp_path / "m.weights.h5", {
        "first": ("dense_8", [k, b]), "blocks/dense_1": ("dense_9", [k]),
        "layers/dense": ("embedding", [k, b]),  # a name that a user chose
        "embed": ("embedding_1", [table]), "conv": ("conv1d", [kernel, draw(4)]),
        "layers/time_distributed/layer": ("dense_6", [k, b]),
        "layers/time_distributed": ("time_distributed", []),
        "layers/rms_normalization": ("rms_normalization", [b]),
        "layers/p_re_lu": ("p_re_lu", [draw(1, 1, 4)]),
        "layers/rnn": ("rnn", []), "layers/rnn/cell": ("stacked_rnn_cells", []),
        "layers/rnn/cell/cells/lstm_cell": ("lstm_cell_1", cell),
        "layers/rnn/cell/cells/lstm_cell_1": ("lstm_cell_2", cell),
    }))
    made = from_keras(found)
    for name in ("dense_8", "embedding", "time_distributed.dense_6"):
        assert np.array_equal(made[f"{name}.weight"], k.T), name
        assert np.array_equal(made[f"{name}.bias"], b), name
    assert np.array_equal(made["blocks.dense_9.weight"], k.T)
    assert np.array_equal(made["embedding_1.weight"], table)
    assert np.array_equal(made["conv1d.weight"], kernel.transpose(2, 1, 0))
    assert np.array_equal(made["rms_normalization.weight"], b)
    assert made["p_re_lu.weight"].shape == (4,)
    assert {name for name in made if name.startswith("rnn.")} == {
        f"rnn.stacked_rnn_cells.cells.{cell}.{weight}_l0" for cell in ("lstm_cell_1", "lstm_cell_2")
        for weight in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}


def test_a_class_that_nothing_tells(tmp_path):
    k = draw(2, 3)
    found = load_keras(weights_file(tmp_path / "m.weights.h5", {"head": ("scores", [k, draw(3)])}))
    assert list(found) == ["scores/0", "scores/1"]
    with pytest.raises(dls.DataError, match=r"(?s)scores is of the class scores.*float32\[2, 3\]"):
        from_keras(found)
    made = from_keras(found, classes={"scores": "Dense"})
    assert np.array_equal(made["scores.weight"], k.T) and list(made)[1] == "scores.bias"
    with pytest.raises(dls.DataError, match="of the class embedding"):
        from_keras(found, classes={"scores": "Embedding"})  # two arrays are not of one


def attention(group, size=8, heads=2, keys=None, each=4):
    """The groups of a MultiHeadAttention, and its arrays by part."""
    inputs = {"query": size, "key": keys or size, "value": keys or size}
    parts = {part: [draw(n, heads, each), draw(heads, each)] for part, n in inputs.items()}
    parts["attention_output"] = [draw(heads, each, size), draw(size)]
    keys = {"query": "query_dense", "key": "key_dense", "value": "value_dense",
            "attention_output": "output_dense"}
    return {group: ("attend", []), **{f"{group}/{keys[part]}": (part, arrays)
                                      for part, arrays in parts.items()}}, parts


@pytest.mark.parametrize("group", ["layers/multi_head_attention", "mine"])
@pytest.mark.parametrize("keys", [None, 5])
def test_multi_head_attention_computes_alike(tmp_path, group, keys):
    groups, parts = attention(group, keys=keys)
    found = load_keras(weights_file(tmp_path / "m.weights.h5", groups))
    assert set(found) == {
        f"attend/{part}/{name}" for part in parts for name in ("kernel", "bias")}
    net = nn.Sequential({"attend": nn.MultiheadAttention(
        8, 2, kdim=keys, vdim=keys, batch_first=True)})
    net.load_state_dict(from_keras(found))
    x, other = draw(3, 5, 8), draw(3, 6, keys or 8)
    q, k, v = (np.einsum("btc,chd->bhtd", source, parts[part][0]) + parts[part][1][:, None]
               for part, source in (("query", x), ("key", other), ("value", other)))
    scores = np.einsum("bhtd,bhsd->bhts", q, k) / np.sqrt(4)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = np.einsum("bhts,bhsd->bthd", scores / scores.sum(-1, keepdims=True), v)
    wanted = np.einsum("bthd,hdc->btc", mixed, parts["attention_output"][0]
                       ) + parts["attention_output"][1]
    got = net.attend(dls.Tensor(x), dls.Tensor(other), dls.Tensor(other))[0].numpy()
    np.testing.assert_allclose(got, wanted, atol=2e-5)


def test_attention_of_other_sizes_is_refused(tmp_path):
    groups, _ = attention("layers/multi_head_attention", each=3)
    found = load_keras(weights_file(tmp_path / "m.weights.h5", groups))
    with pytest.raises(dls.DataError, match=r"(?s)attend: heads \* key_dim.*\(8, 2, 3\)"):
        from_keras(found)


def test_einsum_dense_by_its_equation(tmp_path):
    k = draw(4, 6)
    for equation, name in (("abc,cd->abd", "e.weight"), ("abc,dc->abd", "e.kernel"),
                           ("abc,bd->abd", "e.kernel")):
        path = archive(tmp_path / "m.keras", {"layers/einsum_dense": ("e", [k])},
                       [("EinsumDense", {"name": "e", "equation": equation})])
        ((found, array),) = from_keras(load_keras(path)).items()
        assert found == name
        assert np.array_equal(array, k.T if name == "e.weight" else k)


def test_bfloat16(tmp_path):
    values = np.array([1.5, -2.0, 2.0**100, 0.0], "float32")  # all of them in bfloat16 as well
    upper = (values.view("uint32") >> 16).astype("uint16").view("V2")
    found = load_keras(weights_file(tmp_path / "m.weights.h5", {
        "layers/dense": ("d", [upper.reshape(2, 2), upper[:2]])}))
    assert found["d/kernel"].dtype == "float32"
    assert np.array_equal(found["d/kernel"].ravel(), values)
    assert np.array_equal(found["d/bias"], values[:2])
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["layer_names"] = [b"d"]
        file.create_group("d").attrs["weight_names"] = [b"d/kernel"]
        file["d/d/kernel"] = upper
    assert np.array_equal(load_keras(tmp_path / "m.h5")["d/kernel"], values)


@pytest.mark.parametrize("bias", [True, False])
def test_int8_is_multiplied_out_and_other_kinds_are_refused(tmp_path, bias):
    k, table, b = draw(4, 3), draw(5, 2), draw(3)
    scales = 127 / abs(k).max(0), 127 / abs(table).max(1)  # as Keras's quantizer has them
    q = np.round(k * scales[0]).astype("int8"), np.round(table * scales[1][:, None]).astype("int8")
    found = load_keras(weights_file(tmp_path / "m.weights.h5", {
        "layers/dense": ("d", [q[0], *([b] if bias else []), scales[0]]),
        "layers/embedding": ("e", [q[1], scales[1]])}))
    assert found["d/kernel"].dtype == "int8"
    made = from_keras(found)
    np.testing.assert_allclose(made["d.weight"], k.T, atol=abs(k).max() / 250)
    np.testing.assert_allclose(made["e.weight"], table, atol=abs(table).max() / 250)
    assert set(made) == {"d.weight", "e.weight", *(["d.bias"] if bias else [])}
    four = [np.ones((4, 2), "int8"), draw(3), draw(1, 3), np.ones((1, 3), "int8"), draw(4)]
    with pytest.raises(dls.DataError, match="quantize"):
        from_keras(load_keras(weights_file(tmp_path / "m.weights.h5", {
            "layers/dense": ("d", four)})))
    with pytest.raises(dls.DataError, match="quantized, int8"):
        from_keras({"d/kernel": four[0], "d/bias": four[1], "d/kernel_scale": four[2]})


# --- what the configuration says of activations --------------------------------------------------


def recurrent(kind, **options):
    gates = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}[kind]
    groups = {"layers/r": ("r", []), "layers/r/cell": ("r_cell", [
        draw(2, 3 * gates), draw(3, 3 * gates), draw(*([2] if gates == 3 else []), 3 * gates)])}
    return groups, [(kind, {"name": "r", **options})]


@pytest.mark.parametrize(("kind", "options", "told"), [
    ("LSTM", {"recurrent_activation": "hard_sigmoid"}, "r have recurrent_activation hard_sigmoid"),
    ("LSTM", {"activation": "relu"}, "r have activation relu, ours tanh"),
    ("GRU", {"activation": "linear"}, "r have activation linear"),
    ("GRU", {"recurrent_activation": {"class_name": "function"}}, "a function of its own"),
    ("SimpleRNN", {"activation": "sigmoid"}, "r have activation sigmoid"),
    ("SimpleRNN", {"activation": "relu"}, ""), ("SimpleRNN", {}, ""), ("GRU", {}, ""),
    ("LSTM", {"activation": "tanh", "recurrent_activation": "sigmoid"}, ""),
])
def test_recurrent_layers_with_other_activations(tmp_path, kind, options, told):
    groups, layers = recurrent(kind, **options)
    found = load_keras(archive(tmp_path / "m.keras", groups, layers))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        from_keras(found)
    assert [told in str(w.message) for w in caught] == [True] * bool(told)
    assert all(w.filename == __file__ for w in caught)


def test_activations_inside_wrappers_and_of_older_files(tmp_path):
    inner = {"class_name": "LSTM", "config": {"name": "l", "recurrent_activation": "hard_sigmoid"}}
    config = {"class_name": "Sequential", "config": [  # Keras before 2.2.3: a list
        {"class_name": "Bidirectional", "config": {"name": "both", "layer": inner}},
        {"class_name": "Sequential", "config": {"name": "m", "layers": [inner]}}]}
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["layer_names"] = [b"both", b"m"]
        for layer, names in (("both", [b"both/forward_l/kernel:0",
                                       b"both/forward_l/recurrent_kernel:0"]), ("m", [])):
            file.create_group(layer).attrs["weight_names"] = names
            for name, shape in zip(names, [(2, 12), (3, 12)]):
                file[f"{layer}/{name.decode()}"] = draw(*shape)
    with pytest.warns(UserWarning, match=r"layers both/l have .* our layers compute other"):
        from_keras(load_keras(tmp_path / "m.h5"))  # of m there are no weights


def test_an_archive_that_would_not_stay_small(tmp_path):
    path = archive(tmp_path / "m.keras", {"layers/dense": ("d", [draw(2, 2)])}, [])
    parts = {name: zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist()}
    assert list(load_keras(path)) == ["d/kernel"]
    for large in parts:
        with zipfile.ZipFile(path, "w") as file:
            for name, content in parts.items():
                way = zipfile.ZIP_DEFLATED if name == large else zipfile.ZIP_STORED
                file.writestr(name, content + b" " * 10**6, way)
        with pytest.raises(dls.FormatError, match=f"its {large} is compressed"):
            load_keras(path)


# --- recurrent layers: which GRU, which direction ------------------------------------------------


def gru_without_bias(**options):
    groups = {"layers/r": ("r", []), "layers/r/cell": ("r_cell", [draw(2, 9), draw(3, 9)])}
    return groups, [("GRU", {"name": "r", "use_bias": False, **options})]


def test_a_gru_without_a_bias_is_told_by_its_configuration(tmp_path):
    """Its shapes are the same either way, its numbers are not."""
    right = load_keras(archive(tmp_path / "a.keras", *gru_without_bias(reset_after=True)))
    assert set(from_keras(right)) == {f"r.{kind}_{side}_l0" for kind in ("weight", "bias")
                                      for side in ("ih", "hh")}
    wrong = load_keras(archive(tmp_path / "b.keras", *gru_without_bias(reset_after=False)))
    with pytest.raises(dls.DataError, match="reset_after=False"):
        from_keras(wrong)
    bare = load_keras(weights_file(tmp_path / "c.weights.h5", gru_without_bias()[0]))
    with pytest.warns(UserWarning, match="nothing tells whether r"):
        from_keras(bare)


def lstm_cell(n_in):
    return [draw(n_in, 12), draw(3, 12), draw(12)]


def test_layers_that_are_called_like_directions(tmp_path):
    """Two layers one after the other are not the two directions of one."""
    found = load_keras(archive(tmp_path / "m.keras", {
        "layers/lstm": ("forward_lstm", []), "layers/lstm/cell": ("lstm_cell", lstm_cell(2)),
        "layers/lstm_1": ("backward_lstm", []), "layers/lstm_1/cell": ("lstm_cell", lstm_cell(3)),
    }, [("LSTM", {"name": "forward_lstm"}),
        ("LSTM", {"name": "backward_lstm", "go_backwards": True})]))
    made = from_keras(found)
    assert made["forward_lstm.weight_ih_l0"].shape == (12, 2)
    assert made["backward_lstm.weight_ih_l0"].shape == (12, 3)


def test_a_backward_layer_with_a_name_of_its_own(tmp_path):
    place, inner = "layers/bidirectional", {"class_name": "LSTM", "config": {"name": "aa"}}
    backward, cells = lstm_cell(2), "lstm_cell"
    found = load_keras(archive(tmp_path / "m.keras", {
        place: ("u", []), f"{place}/forward_layer": ("forward_aa", []),
        f"{place}/forward_layer/cell": (cells, lstm_cell(2)),
        f"{place}/backward_layer": ("bb", []), f"{place}/backward_layer/cell": (cells, backward),
    }, [("Bidirectional", {"name": "u", "layer": inner, "backward_layer": {
        "class_name": "LSTM", "config": {"name": "bb", "go_backwards": True}}})]))
    made = from_keras(found)
    np.testing.assert_array_equal(made["u.weight_ih_l0_reverse"], backward[0].T)
    nn.Sequential({"u": nn.LSTM(2, 3, bidirectional=True)}).load_state_dict(made)
