"""Operators whose numbers are easily read another way, at random, against onnxruntime."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.io import import_onnx

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
ort.set_default_logger_severity(4)
helper = onnx.helper


def both(path, kind, inputs, outputs=1, opset=19, **options):
    """(ours, onnxruntime's) outputs of one node; None in place of what is refused."""
    names = [name if x is not None else "" for name, x in zip("abcdefgh", inputs)]
    given = {n: x for n, x in zip(names, inputs) if x is not None}
    made = [f"y{i}" for i in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(kind, names, made, **options)], "g",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
         for n, x in given.items()], [onnx.ValueInfoProto(name=n) for n in made])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                ir_version=9), path)
    try:
        found = import_onnx(path)(*[dls.Tensor(x, dtype=x.dtype) for x in given.values()])
        ours = [y.numpy() for y in (found if isinstance(found, tuple) else (found,))]
    except dls.Error:
        ours = None
    try:
        theirs = ort.InferenceSession(str(path)).run(None, given)
    except Exception:  # it has several kinds, none of them public
        theirs = None
    return ours, theirs


def agree(path, *args, atol=2e-5, **options):
    """Whether both computed the same; False where onnxruntime refuses. Ours may not refuse."""
    ours, theirs = both(path, *args, **options)
    if theirs is None:
        return False
    assert ours is not None, options
    for mine, yours in zip(ours, theirs, strict=True):
        assert (mine.shape, mine.dtype) == (yours.shape, yours.dtype), options
        np.testing.assert_allclose(mine, yours, atol=atol, rtol=1e-4, err_msg=str(options))
    return True


def floats(rng, *shape):
    return rng.standard_normal(shape).astype("float32")


# Where nearest ties fall with half_pixel_symmetric hangs on the last bit of a float32.
PLACES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric")


@pytest.mark.parametrize(("mode", "place"), [
    (mode, place) for mode in ("nearest", "linear", "cubic") for place in PLACES
    if (mode, place) != ("nearest", "half_pixel_symmetric")])
def test_resize_by_scales_and_sizes(tmp_path, mode, place):
    rng = np.random.default_rng(len(mode + place))
    for case in range(40):
        lengths = rng.integers(1, 9, 2)
        by = rng.uniform(0.3, 3.0, 2).astype("float32")
        by = rng.choice([0.5, 0.6, 1.5, 2.0, 2.5, 0.7], 2).astype("float32") if case % 3 else by
        made = np.floor(lengths.astype("float32") * by)
        if (made < 1).any() or (made == lengths).all():  # which onnxruntime copies
            continue
        options = {"mode": mode, "coordinate_transformation_mode": place}
        if mode == "nearest":
            options["nearest_mode"] = rng.choice(
                ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]).item()
        elif mode == "cubic":
            options |= {"cubic_coeff_a": rng.choice([-0.75, -0.5]).item(),
                        "exclude_outside": int(case % 2 and place != "align_corners")}
        scales, sizes = np.array([1, 1, *by], "float32"), None
        if case % 4 == 0:
            scales, sizes = None, np.array([1, 2, *np.maximum(1, lengths * by)], "int64")
        assert agree(tmp_path / "m.onnx", "Resize", [floats(rng, 1, 2, *lengths), None, scales,
                                                     sizes], **options)


def test_resize_with_antialias_and_cropping(tmp_path):
    rng, scales = np.random.default_rng(1), np.array([1, 1, 0.6, 0.4], "float32")
    for mode in ("linear", "cubic"):
        for outside in (0, 1):
            assert agree(tmp_path / "m.onnx", "Resize", [floats(rng, 1, 1, 7, 8), None, scales],
                         mode=mode, antialias=1, exclude_outside=outside)
    part = np.array([0, 0, 0.2, -0.3, 1, 1, 0.9, 1.2], "float32")
    assert agree(tmp_path / "m.onnx", "Resize",
                 [floats(rng, 1, 1, 6, 5), part, None, np.array([1, 1, 4, 7])], mode="linear",
                 coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=9.0)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "LpPool"])
def test_windows_of_any_size_at_any_place(tmp_path, kind):
    rng, same = np.random.default_rng(2), 0
    for _ in range(80):
        axes = int(rng.integers(1, 3))
        window = rng.integers(1, 4, axes)
        strides = np.array([rng.integers(1, 1 + k) for k in window])
        options = {"kernel_shape": window.tolist(), "strides": strides.tolist()}
        auto = rng.choice(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]).item()
        if auto == "NOTSET":
            options |= {"pads": [int(rng.integers(0, k)) for k in (*window, *window)],
                        "dilations": rng.integers(1, 3, axes).tolist()}
        options |= {"auto_pad": auto, "ceil_mode": int(kind != "LpPool" and rng.integers(0, 2))}
        options |= {"count_include_pad": int(rng.integers(0, 2))} if kind == "AveragePool" else {}
        ours, theirs = both(tmp_path / "m.onnx", kind,
                            [floats(rng, 1, 2, *rng.integers(2, 9, axes))],
                            2 if kind == "MaxPool" and auto == "NOTSET" else 1, **options)
        if ours is None or theirs is None:  # windows that do not fit
            continue
        for mine, yours in zip(ours, theirs, strict=True):
            assert mine.shape == yours.shape, options
            np.testing.assert_allclose(mine, yours, atol=1e-5, err_msg=str(options))
        same += 1
    assert same > 50


def test_transposed_convolutions_to_a_size(tmp_path):
    rng, same = np.random.default_rng(3), 0
    for _ in range(40):
        n, s = rng.integers(2, 6), int(rng.integers(1, 4))
        k = int(rng.integers(s, 5))  # below s, onnxruntime makes fewer places than the text says
        options = {"strides": [s, s]}
        how = rng.integers(0, 3)
        if how == 0:
            options["auto_pad"] = rng.choice(["SAME_UPPER", "SAME_LOWER"]).item()
        elif how == 1:
            options["output_shape"] = [int(n * s), int(n * s + rng.integers(0, s))]
        else:
            options["pads"] = rng.integers(0, (k + 1) // 2, 4).tolist()
        given = [floats(rng, 2, 3, n, n), floats(rng, 3, 2, k, k), floats(rng, 2)]
        same += agree(tmp_path / "m.onnx", "ConvTranspose", given, **options)
    assert same > 25


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_with_everything(tmp_path, kind):
    rng, same = np.random.default_rng(4), 0
    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[kind]
    for _ in range(30):
        steps, count, n_in, n = (int(v) for v in rng.integers(1, 6, 4))
        way = rng.choice(["forward", "reverse", "bidirectional"]).item()
        both_ways = 1 + (way == "bidirectional")
        states = [floats(rng, both_ways, count, n) if rng.random() < 0.5 else None
                  for _ in range(1 + (kind == "LSTM"))]
        given = [floats(rng, steps, count, n_in), floats(rng, both_ways, gates * n, n_in),
                 floats(rng, both_ways, gates * n, n),
                 floats(rng, both_ways, 2 * gates * n) if rng.random() < 0.7 else None,
                 rng.integers(1, steps + 1, count).astype("int32") if rng.random() < 0.5 else None,
                 *states]
        options = {"hidden_size": n, "direction": way}
        if kind == "GRU":
            options["linear_before_reset"] = int(rng.integers(0, 2))
        if kind == "LSTM" and rng.random() < 0.4:
            given.append(floats(rng, both_ways, 3 * n))
        if kind == "LSTM" and rng.random() < 0.3:
            options["input_forget"] = 1
        if rng.random() < 0.3:
            options["clip"] = 0.5
        names = {"RNN": ["Relu"], "LSTM": ["HardSigmoid", "Tanh", "Softsign"],
                 "GRU": ["Sigmoid", "LeakyRelu"]}[kind]
        if rng.random() < 0.4:
            options["activations"] = names * both_ways
        same += agree(tmp_path / "m.onnx", kind, given, outputs=2 + (kind == "LSTM"), opset=14,
                      **options)
    assert same > 25


TAKING = {"Affine": 2, "LeakyRelu": 1, "ScaledTanh": 2, "HardSigmoid": 2, "Elu": 1,
          "Sigmoid": 0, "Tanh": 0, "Softsign": 0}  # how many of alpha and beta


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_alphas_and_betas_go_to_activations_that_take_them(tmp_path, kind):
    """In their order over both directions, and onnxruntime wants one for each, or none at all."""
    rng, same = np.random.default_rng(7), 0
    gates, each = {"RNN": (1, 1), "LSTM": (4, 3), "GRU": (3, 2)}[kind]
    for case in range(30):
        ways = 1 + case % 2
        given = [floats(rng, 2, 3, 2), floats(rng, ways, gates * 4, 2),
                 floats(rng, ways, gates * 4, 4)]
        named = rng.choice(list(TAKING), each * ways).tolist()
        options = {"hidden_size": 4, "direction": ("forward", "bidirectional")[ways - 1],
                   "activations": named}
        for number, name in enumerate(("activation_alpha", "activation_beta")):
            count = sum(TAKING[n] > number for n in named)
            if count:
                options[name] = rng.uniform(0.1, 0.9, count).tolist()
        same += agree(tmp_path / "m.onnx", kind, given, outputs=2 + (kind == "LSTM"), opset=14,
                      **options)
    assert same > 25


@pytest.mark.parametrize("kind", [
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
    "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"])
@pytest.mark.parametrize("keep", [0, 1])
def test_no_axes_to_reduce(tmp_path, kind, keep):
    """Nothing is summed then, but squares, absolute values and logarithms are still taken."""
    x = np.array([[0.5, 3.0, 2.0]] if kind == "ReduceLogSum" else [[-2.0, 3.0, 0.5]], "float32")
    for given in ([x], [x, np.array([], "int64")], [np.array(x[0, 1])]):
        for noop in (0, 1):
            assert agree(tmp_path / "m.onnx", kind, given, opset=20, keepdims=keep,
                         noop_with_empty_axes=noop)


@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("edges", ["zeros", "border", "reflection"])
def test_grids_of_places(tmp_path, mode, edges):
    rng = np.random.default_rng(5)
    for axes in (2, 3) if mode != "cubic" else (2,):
        for align in (0, 1):
            lengths, wanted = rng.integers(2, 6, axes), rng.integers(1, 5, axes)
            grid = rng.uniform(-1.6, 1.6, (2, *wanted, axes)).astype("float32")
            assert agree(tmp_path / "m.onnx", "GridSample", [floats(rng, 2, 3, *lengths), grid],
                         opset=20, mode=mode, padding_mode=edges, align_corners=align, atol=1e-4)


def test_of_equal_numbers_the_first_are_taken(tmp_path):
    rng = np.random.default_rng(6)
    for _ in range(60):
        x = rng.integers(0, 4, (3, int(rng.integers(1, 9)))).astype("float32")
        axis = int(rng.integers(0, 2))
        k = np.array([rng.integers(1, x.shape[axis] + 1)])
        assert agree(tmp_path / "m.onnx", "TopK", [x, k], outputs=2, axis=axis,
                     largest=int(rng.integers(0, 2)))
    for last in (0, 1):
        assert agree(tmp_path / "m.onnx", "ArgMax", [x], select_last_index=last, axis=1)


INTS = np.array([[3, -1, 2], [5, 0, -7]], "int32")


@pytest.mark.parametrize(("kind", "inputs", "options"), [
    ("CumSum", [INTS, np.array(1)], {"exclusive": 1}), ("CumSum", [INTS, np.array(0)],
                                                        {"reverse": 1}),
    ("Pow", [INTS, np.array([[2.0], [0.5]], "float32")], {}),
    ("Pow", [np.abs(INTS).astype("float32"), np.array(2)], {}),
    ("ReduceSum", [INTS, np.array([1])], {}), ("ReduceProd", [INTS], {}),
    ("ReduceMean", [INTS], {}),
    ("ReduceL1", [INTS], {}), ("ReduceSumSquare", [INTS], {"keepdims": 0}), ("Abs", [INTS], {}),
    ("Sign", [INTS], {}), ("Neg", [INTS], {}), ("Clip", [INTS, np.array(-2, "int32")], {}),
    ("Relu", [INTS], {}), ("Mod", [INTS, np.array([[4]], "int32")], {}),
    ("Where", [INTS > 1, INTS, np.array(7, "int32")], {}), ("Max", [INTS, INTS[:1]], {}),
    ("Trilu", [INTS], {}), ("NonZero", [INTS], {}), ("Tile", [INTS, np.array([2, 1])], {}),
    ("ScatterND", [INTS, np.array([[1, 2], [0, 0], [1, 2]]), np.array([1, 2, 3], "int32")],
     {"reduction": "mul"}),
    ("ScatterElements", [INTS, np.array([[1, 0, 1]]), INTS[:1]], {"reduction": "max"}),
])
def test_types_stay_as_onnx_says(tmp_path, kind, inputs, options):
    with np.errstate(invalid="ignore"):  # the root of a number below 0, cast
        ours, theirs = both(tmp_path / "m.onnx", kind, inputs, opset=18, **options)
    if theirs is None:
        pytest.skip("onnxruntime has no kernel for it")
    assert ours[0].dtype == theirs[0].dtype
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)


def test_channels_around_and_statistics(tmp_path):
    rng = np.random.default_rng(7)
    for size in (3, 5):
        assert agree(tmp_path / "m.onnx", "LRN", [floats(rng, 2, 7, 3, 3)], size=size, alpha=0.5)
    scale, shift = floats(rng, 4), floats(rng, 4)
    assert agree(tmp_path / "m.onnx", "LayerNormalization", [floats(rng, 2, 3, 4), scale, shift],
                 outputs=3)
    x, mean, var = floats(rng, 5, 4, 3), floats(rng, 4), floats(rng, 4) ** 2
    assert agree(tmp_path / "m.onnx", "BatchNormalization", [x, scale, shift, mean, var],
                 training_mode=1, momentum=0.7, outputs=3)


@pytest.mark.parametrize("size", [2, 4])
def test_of_an_even_number_of_channels_one_more_comes_after(tmp_path, size):
    x = floats(np.random.default_rng(9), 1, 6, 2)
    ours, _ = both(tmp_path / "m.onnx", "LRN", [x], size=size, alpha=0.5, beta=0.75)  # refuses
    before, after = (size - 1) // 2, size // 2
    squares = np.stack([(x[:, max(0, c - before) : c + after + 1] ** 2).sum(1)
                        for c in range(6)], axis=1)
    np.testing.assert_allclose(ours[0], x / (1 + 0.5 / size * squares) ** 0.75, rtol=1e-5)


@pytest.mark.parametrize(("kind", "inputs", "options"), [
    ("GRU", [(3, 2, 2), (1, 6, 2), (1, 6, 2), (1, 12)], {"hidden_size": 2}),
    ("LSTM", [(3, 2, 2), (1, 8, 2), (1, 8, 2), (1, 16), np.array([3, 1], "int32")],
     {"hidden_size": 2}),
    ("GridSample", [(1, 2, 3, 3, 2), (1, 2, 1, 2, 3)], {"mode": "linear"}),
    ("GridSample", [(1, 1, 4, 3), (1, 2, 2, 2)], {"mode": "cubic"}),
    ("Resize", [(1, 1, 3, 4), None, np.array([1, 1, 1.7, 0.6], "float32")], {"mode": "cubic"}),
    ("AveragePool", [(1, 2, 7)], {"kernel_shape": [2], "dilations": [2], "pads": [1, 0]}),
    ("LpPool", [(1, 2, 7)], {"kernel_shape": [3], "p": 3}),
    ("ScatterND", [(4, 2), np.array([[1], [3], [1]]), (3, 2)], {"reduction": "mul"}),
    ("GatherND", [(4, 2), np.array([[1, 0], [1, 0], [3, 1]])], {}),
    ("SoftmaxCrossEntropyLoss", [(3, 4), np.array([0, 2, 3])], {"ignore_index": 2}),
    ("LayerNormalization", [(3, 4), (4,), (4,)], {}), ("LpNormalization", [(3, 4)], {}),
    ("CumSum", [(3, 4), np.array(1)], {"exclusive": 1, "reverse": 1}),
])
def test_gradients_go_through_what_was_read(tmp_path, kind, inputs, options):
    rng = np.random.default_rng(8)
    names = [n if x is not None else "" for n, x in zip("abcdefgh", inputs)]
    fixed = {n: x for n, x in zip(names, inputs) if isinstance(x, np.ndarray)}
    given = [rng.uniform(0.2, 0.9, x) for x in inputs if isinstance(x, tuple)]
    graph = helper.make_graph(
        [helper.make_node(kind, names, ["y"], **options)], "g",
        [helper.make_tensor_value_info(n, 11, x) for n, x in zip(names, inputs)
         if isinstance(x, tuple)], [onnx.ValueInfoProto(name="y")],
        [onnx.numpy_helper.from_array(x, n) for n, x in fixed.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]),
              tmp_path / "m.onnx")
    model = import_onnx(tmp_path / "m.onnx")
    xs = [dls.Tensor(x, requires_grad=True) for x in given]
    slope = [rng.standard_normal(x.shape) for x in given]
    y = model(*xs)
    seed = rng.standard_normal(y.shape)
    (y * dls.Tensor(seed)).sum().backward()
    found = sum((x.grad.numpy() * s).sum() for x, s in zip(xs, slope))

    def along(step):
        with dls.no_grad():
            moved = model(*[dls.Tensor(x + step * s) for x, s in zip(given, slope)])
        return (moved.numpy() * seed).sum()

    np.testing.assert_allclose(found, (along(1e-6) - along(-1e-6)) / 2e-6, rtol=1e-4, atol=1e-6)
