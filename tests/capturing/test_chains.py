"""Fused chains: the same bits as the operations one by one, less memory, and only where fit."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.backend.kernels.table import wants_compiled
from tinygrad_dls.capturing.emit import chain_kernels, program
from tinygrad_dls.capturing.emit.chain_kernels import caller, kernel_of
from tinygrad_dls.capturing.fuse import chains
from tinygrad_dls.capturing.fuse.chains import Common, ElementwiseChain, fuse_chains
from tinygrad_dls.capturing.fuse.rules import RULES, rules_of
from tinygrad_dls.capturing.record.operands import Gradient, Input, Value
from tinygrad_dls.capturing.record.recorder import Instruction, info_of
from tinygrad_dls.ops import activations, arithmetic, elementwise

pytestmark = pytest.mark.skipif(not wants_compiled(), reason="chains are for compiled kernels")
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 6.0, 0.5, 1e-42, -1e-42, 1e-310,
       -5e-324, 1e-38, 3e38, -3e38, 1e-20, 7.0]
SIZE = 8192 + 131  # above what is fused, and no multiple of a vector
PARAMETERS = {
    arithmetic.PowerOf: [{"p": 2}, {"p": 2.0}],
    elementwise.Clip: [{"low": -1.0, "high": 0.1}, {"low": 0.0, "high": None}, {"low": -0.1},
                       {"low": None, "high": 0.0}, {"low": 0, "high": 6}, {"high": 0.1}],
    activations.LeakyRelu: [{"slope": 0.1}, {"slope": -2.0}],
    activations.Hardtanh: [{"low": 0.0, "high": 6.0}, {"low": -0.1, "high": 0.1}],
}


def numbers(seed, dtype="float32", size=SIZE):
    """Numbers of all sizes, every third of which is an odd one."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(size) * 10.0 ** rng.integers(-3, 3, size)
    with np.errstate(over="ignore", under="ignore"):
        return np.where(rng.random(size) < 0.4, rng.choice(ODD, size), x).astype(dtype)


def equal_bits(got, want):
    """The same shape, dtype and bits; one NaN is as good as another."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape and got.dtype == want.dtype
    same = got.view(f"u{got.itemsize}") == want.view(f"u{want.itemsize}")
    if want.dtype.kind == "f":
        same |= np.isnan(got) & np.isnan(want)
    wrong = np.flatnonzero(~same)
    assert wrong.size == 0, (got.ravel()[wrong[:5]], want.ravel()[wrong[:5]])


def fails(*_):
    raise AssertionError("the plain operations were called")


class Recorded:
    """Instructions of single ops on arrays, as a recorder writes them down, and their results."""

    def __init__(self, dtype):
        self.dtype, self.instructions, self.arrays = dtype, [], {}

    def name(self, kind, array):
        self.arrays[kind(len(self.arrays))] = array
        return next(reversed(self.arrays))

    def add(self, op, inputs, needs):
        op = op.on(dls.Device("cpu"))
        takes = [self.name(Input, a) for a in inputs]
        y = op.forward(*inputs)
        rules = rules_of(op)
        if rules.forward is not None:
            made = self.name(Value, y)
            self.instructions.append(Instruction("forward", tuple(takes), (made,), op, ({}, [])))
        if rules.backward:
            plan = op.plan(needs)
            saved = plan.keep(*inputs, y, needs)
            dy = numbers(99, self.dtype)
            shares = plan.back(dy, saved)
            named = [self.name(Input, a) for a in (dy, *saved)]
            makes = [self.name(Gradient, s) if n else None for s, n in zip(shares, needs)]
            self.instructions.append(Instruction("backward", tuple(named), tuple(makes), plan))

    def fused(self):
        """The results of all of them by one kernel."""
        infos = {n: info_of(a) for n, a in self.arrays.items()}
        finder = chains._Finder(self.instructions, set(), infos, {})
        assert len(finder.steps) == len(self.instructions), "one of them would not be fused"
        steps = tuple(s for _, found in finder.steps.values() for s in found)
        common = Common((SIZE,), np.dtype(self.dtype), "rows")
        chain = ElementwiseChain(tuple(self.instructions), steps, common, infos)
        takes = tuple(n for n in infos if isinstance(n, Input))
        kernel = kernel_of(chain, tuple(s.made for s in steps))
        made = caller(chain, kernel, takes, fails)(*(self.arrays[n] for n in takes))
        found = dict(zip(kernel.results, made, strict=True))
        return found | {n: found.get(of, self.arrays[of]) for n, of in kernel.aliases.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("part", range(4))
def test_every_entry_of_the_table_forward_and_backward(part, dtype):
    recorded, seed = Recorded(dtype), 0
    with np.errstate(all="ignore"):
        for kind in list(RULES)[part::4]:
            for parameters in PARAMETERS.get(kind, [{}]):
                op = kind(**parameters)
                seed += 1
                inputs = [numbers(7 * seed + i, dtype) for i in range(len(op.inputs))]
                if op.inputs[0] == "condition":
                    inputs[0] = inputs[0] > 0.1
                rules = rules_of(op)
                assert rules.forward is not None or rules.backward, kind
                assert set(rules.backward) <= set(op.inputs)
                needs = tuple(name in rules.backward for name in op.inputs)
                recorded.add(op, inputs, needs)
        made = recorded.fused()
    assert len(made) >= len(recorded.instructions)
    for name, array in made.items():
        equal_bits(array, recorded.arrays[name])


def test_numbers_beside_arrays_are_cast_as_numpy_does():
    x = numbers(1)

    def step(x, s):
        return ((x * 0.1 + 3) / 7 - s) * s + (1 - x), dls.where(x > 0.1, x * s, 0.3) * 1e-3

    compare(step, [dls.Tensor(x), dls.Tensor(np.float32(0.7))], chains=1)


def compare(step, given, chains, calls=3):
    """A step and its replay give the same bits; the replay has so many chains."""
    captured = dls.capture(step)
    with np.errstate(all="ignore"):
        for _ in range(calls):
            got, want = captured(*given), step(*given)
            for a, b in zip(got, want, strict=True):
                equal_bits(a.numpy(), b.numpy())
                assert a.numpy().strides == b.numpy().strides
    assert captured.reason is None
    assert captured.source().count("# chain: ") == chains, captured.source()
    return captured


MEASURED = chains.CHAIN_SPARED


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Chains of small arrays too, so that tests are short."""
    monkeypatch.setattr(chains, "CHAIN_SPARED", 1)


# --- chains in steps -----------------------------------------------------------------------------

UNARY = [dls.relu, dls.abs, dls.sqrt, dls.square, lambda a: -a, lambda a: dls.clip(a, -0.5, 2.0),
         lambda a: F.leaky_relu(a, 0.2), F.relu6, lambda a: a * 0.1, lambda a: 1 - a,
         lambda a: a / 3, lambda a: F.hardtanh(a), dls.rsqrt]
BINARY = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b,
          dls.maximum, dls.minimum, lambda a, b: dls.where(a > b, a, b)]
picks = st.tuples(st.booleans(), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))


@settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(st.lists(picks, min_size=2, max_size=7), st.sampled_from(["float32", "float64"]))
def test_random_chains(steps, dtype):
    w = dls.Tensor(numbers(3, dtype), requires_grad=True)

    def step(x, y):
        w.grad = None
        values = [w, x, y]
        for unary, which, a, b in steps:
            a, b = values[-1 - a % min(2, len(values))], values[b % len(values)]
            values.append(UNARY[which % len(UNARY)](a) if unary else
                          BINARY[which % len(BINARY)](a, b))
        out = values[-1] * w
        (out * out).sum().backward()
        return out, w.grad

    captured = dls.capture(step)
    given = [dls.Tensor(numbers(n, dtype)) for n in (1, 2)]
    with np.errstate(all="ignore"):
        for _ in range(3):
            for a, b in zip(captured(*given), step(*given), strict=True):
                equal_bits(a.numpy(), b.numpy())
    assert "# chain: " in captured.source()


def trained(wrap, build, shape=(64, 16), steps=5, spoil=None):
    """Losses and parameters of a model of a gate and a residual over some steps."""
    dls.manual_seed(4)
    model = build()
    opt = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step(x):
        opt.zero_grad()
        d = model(x) - x
        loss = dls.where(dls.abs(d) < 1.0, 0.5 * d * d, dls.abs(d) - 0.5).mean()
        loss.backward()
        opt.step()
        return loss

    step = dls.capture(step) if wrap else step
    found, rng = [], np.random.default_rng(0)
    for number in range(steps):
        if spoil:
            spoil(model, number)
        for rows in (shape[0], shape[0] // 2) if spoil else (shape[0],):
            x = dls.Tensor(rng.standard_normal((rows, shape[1])).astype("float32"))
            found.append(step(x).numpy().copy())
    return [*found, *(p.numpy() for p in model.parameters())], step


class Gated(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.a, self.b = nn.Linear(16, 512), nn.Linear(16, 512)
        self.out, self.drop = nn.Linear(512, 16), nn.Dropout(dropout)
        self.scale = nn.Parameter(np.float32(0.5))

    def forward(self, x):
        gate = dls.clip(self.a(x) * 0.2 + 0.5, 0.0, 1.0)
        return self.out(self.drop(gate * self.b(x) * self.scale))


def test_five_steps_of_training_with_chains_that_can_be_read():
    plain, _ = trained(False, Gated)
    fused, step = trained(True, Gated)
    for a, b in zip(plain, fused, strict=True):
        equal_bits(b, a)
    source = step.source()
    compile(source, "source", "exec")
    assert source.startswith("def step(x0):") and source.count("def step(") == 1
    assert source.count("# chain: ") >= 2  # forward and backward
    for text in ("= K0(", "# chain: ", "def plain_K0(", "# the kernel of K0", "@exact", "clip("):
        assert text in source, text


def test_dropout_frozen_parameters_and_other_shapes():
    def spoil(model, number):
        model.b.weight.requires_grad_(number not in (3, 4, 5))
        model.train(number != 6)

    runs = [trained(wrap, lambda: Gated(0.3), (64, 16), 9, spoil) for wrap in (False, True)]
    for a, b in zip(runs[0][0], runs[1][0], strict=True):
        equal_bits(b, a)
    assert runs[1][1].reason is None
    assert runs[1][1].source().count("def step(") == 2 and "# chain: " in runs[1][1].source()


def test_a_second_capture_finds_the_kernels_compiled_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_DLS_CACHE", str(tmp_path))
    chain_kernels._compiled.cache_clear()
    step = lambda x: (dls.relu(x * 0.5 + 1.0) - x,)  # noqa: E731
    x = dls.Tensor(numbers(5))
    compare(step, [x], 1)
    compare(step, [x], 1)
    assert chain_kernels._compiled.cache_info().currsize == 1
    (file,) = (tmp_path / "kernels").glob("chain-*/chain.py")
    kept = list(file.parent.rglob("*.nbc"))
    assert len(kept) == 2  # of a share, and of all
    chain_kernels._compiled.cache_clear()  # as in another process
    compare(step, [x], 1)
    assert set(file.parent.rglob("*.nbc")) == set(kept)
    run = chain_kernels.compiled(_kernels(step, x)[0].text)
    run(1, np.ones(20, "float32"), 0.5, 1.0, np.ones(20, "float32"))
    assert sum(run.stats.cache_hits.values()) == 1


def _kernels(step, x):
    captured = dls.capture(step)
    with np.errstate(all="ignore"):
        captured(x), captured(x)
    (kind,) = captured._signatures.values()
    return [kernel for _, kernel in kind.program._chains.values()]


def test_where_arrays_lie_otherwise_the_operations_run_one_by_one():
    def step(x, y):
        return (dls.relu(x * 0.5 + y) - x,)

    captured = dls.capture(step)
    x, y = numbers(1, size=96 * 96).reshape(96, 96), numbers(2, size=96 * 96).reshape(96, 96)
    with np.errstate(all="ignore"):
        for a, b in [(x, y)] * 3 + [(x.T, y), (x, y.T), (x.T, y.T), (x, y)]:
            a, b = dls.from_numpy(a), dls.from_numpy(b)
            (got,), (want,) = captured(a, b), step(a, b)
            equal_bits(np.ascontiguousarray(got.numpy()), np.ascontiguousarray(want.numpy()))
            assert got.numpy().strides == want.numpy().strides
    assert "# chain: " in captured.source()


def test_images_that_lie_channels_last_and_spread_gradients():
    x = numbers(1, size=2 * 40 * 12 * 12).reshape(2, 12, 12, 40).transpose(0, 3, 1, 2)
    w = dls.from_numpy(numbers(2, size=x.size).reshape(2, 12, 12, 40).transpose(0, 3, 1, 2))
    w.requires_grad_()

    def step(x):
        w.grad = None
        y = dls.relu(x + w) * x
        y.sum().backward()
        return (y, w.grad)

    captured = compare(step, [dls.from_numpy(x)], 1)
    seen = [k.broadcast for _,
            k in next(iter(captured._signatures.values())).program._chains.values()]
    assert any(seen)  # the gradient of a sum


def test_memory_at_its_peak_is_lower(monkeypatch):
    def step(x, y):
        d = dls.relu(x * 0.5 + y) - x
        e = dls.abs(d) * y + 1.0
        return (e * e,)

    x, y = (dls.Tensor(numbers(n, size=1 << 18)) for n in (1, 2))
    peaks = []
    for fuse in (fuse_chains, lambda instructions, *_: list(instructions)):
        monkeypatch.setattr(program, "fuse_chains", fuse)
        captured = dls.capture(step)
        with np.errstate(all="ignore"):
            for _ in range(3):
                captured(x, y)
            tracemalloc.start()
            captured(x, y)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[0] < 1.2 * 4 * (1 << 18)  # the result alone
    assert peaks[1] > 1.9 * 4 * (1 << 18)


def test_gradients_that_are_one_array_in_two_places():
    a, b = (dls.Tensor(numbers(n), requires_grad=True) for n in (1, 2))

    def step(x):
        a.grad = b.grad = None
        y = (a + (x + b) * x) * x
        y.sum().backward()
        return y, a.grad, b.grad

    captured = compare(step, [dls.Tensor(numbers(3))], 2)
    assert "# the same array" in captured.source()


def test_long_steps_become_chains_of_some_length():
    def step(x):
        for _ in range(300):
            x = x * 0.999 + 0.001
        return (x,)

    captured = dls.capture(step)
    captured(dls.Tensor(numbers(1))), captured(dls.Tensor(numbers(1)))
    found = captured.source().count("# chain: ")
    assert found == -(-600 // chains.LONGEST)


# --- what is not fused ---------------------------------------------------------------------------


def test_a_chain_never_needs_more_memory_than_its_operations():
    """Both results stay, so fusing holds three arrays where the operations hold two."""
    array = np.zeros(1 << 16, "float32")
    op = arithmetic.Add().on(dls.Device("cpu"))
    names = x0, t0, t1, t2, _ = Input(0), *map(Value, range(4))
    kept = [np.zeros_like(array) for _ in names]  # each its own owner
    infos = {n: info_of(a) for n, a in zip(names, kept)}
    relu, square = activations.Relu().on(op.device), arithmetic.PowerOf(2).on(op.device)

    def line(op, takes, makes):
        return Instruction("forward", takes, (makes,), op, ({}, [(1 << 16,)]))

    first = Instruction("call", (x0,), (t0,), len, {})
    listed = [first, line(relu, (t0,), t1), line(square, (t1,), t2)]
    assert fuse_chains(listed, {t1, t2}, infos, {}) == listed
    fused = fuse_chains(listed, {t2}, infos, {})
    assert [i.kind for i in fused] == ["call", "chain"]
    assert fused[1].takes == (t0,) and fused[1].makes == (t2,)


def test_nothing_passes_a_call_and_what_lies_between_is_respected():
    device = dls.Device("cpu")
    relu, neg, mean = activations.Relu().on(device), elementwise.Neg().on(device), len
    names = x0, t0, t1, t2, t3 = Input(0), *map(Value, range(4))
    kept = {n: np.zeros(1 << 16, "float32") for n in names}
    infos = {n: info_of(a) for n, a in kept.items()}

    def line(op, takes, makes, kind="forward"):
        return Instruction(kind, takes, (makes,), op, ({}, [(1 << 16,)]))

    def kinds_of(listed, outside=(t3,)):
        return [i.kind for i in fuse_chains(listed, set(outside), infos, {})]

    one, two = line(relu, (x0,), t0), line(neg, (t0,), t1)
    barrier = Instruction("call", (), (), mean, {})
    assert kinds_of([one, two], {t1}) == ["chain"]
    assert kinds_of([one, barrier, two], {t1}) == ["forward", "call", "forward"]
    other = Instruction("sum_to", (t0,), (t2,), ())
    assert kinds_of([one, other, two], {t1, t2}) == ["chain", "sum_to"]
    last = line(arithmetic.Add().on(device), (t1, t2), t3)
    assert kinds_of([one, other, two, last]) == ["chain", "sum_to", "forward"]


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_unknown_operations_other_devices_and_the_reference(monkeypatch):
    class Relu(dls.ops.op.Op):  # the name of one in the table
        def forward(self, x):
            return abs(x)

    del dls.ops.op.Op.registry["Relu"]
    dls.ops.op.Op.registry["Relu"] = activations.Relu
    assert rules_of(Relu()) is None
    assert rules_of(arithmetic.PowerOf(3)).forward is None
    step = lambda x: (dls.exp(x) * 2.0,)  # noqa: E731
    compare(step, [dls.Tensor(numbers(1))], 0)
    chain = lambda x: (dls.relu(x * 2.0 + 1.0),)  # noqa: E731
    compare(chain, [dls.Tensor(numbers(1, size=100))], 0)
    compare(lambda x: (dls.relu(x * 2 + 1),), [dls.Tensor(np.arange(SIZE))], 0)
    captured, x = dls.capture(chain), dls.Tensor(numbers(1)).to("strict")
    for _ in range(3):
        captured(x)
    assert "def step" in captured.source() and "chain" not in captured.source()
    monkeypatch.setenv("TINYGRAD_DLS_KERNELS", "reference")
    compare(chain, [dls.Tensor(numbers(1))], 0)


def test_chains_that_spare_little_are_left_alone(monkeypatch):
    monkeypatch.setattr(chains, "CHAIN_SPARED", MEASURED)
    chain = lambda x: (dls.relu(x + 1.0),)  # noqa: E731
    compare(chain, [dls.Tensor(numbers(1, size=1 << 15))], 0)
    compare(chain, [dls.Tensor(numbers(1, size=1 << 18))], 1)


def test_kernels_are_found_by_their_text_alone():
    texts = {k.text for s in (0.5, 0.25) for k in _kernels(
        lambda x, s=s: (dls.relu(x * s + 1.0),), dls.Tensor(numbers(1)))}
    assert len(texts) == 1
    assert "0.5" not in texts.pop()


def test_a_call_with_keywords_beside_a_chain_keeps_its_values():
    x = dls.Tensor(np.random.default_rng(0).standard_normal(200_000).astype("float32"))

    def trained(captured):
        w = nn.Parameter(np.linspace(-1, 1, 200_000, dtype="float32"))
        optimizer = optim.SGD([w], lr=0.1)

        def step(x):
            optimizer.zero_grad()
            difference = (w * x - 1) * 2 + x
            loss = (difference * difference).sum()
            loss.backward()
            nn.utils.clip_grad_norm_([w], max_norm=1.0)
            optimizer.step()
            return loss

        run = dls.capture(step) if captured else step
        losses = [float(run(x)) for _ in range(5)]
        if captured:
            assert run.reason is None and "# chain" in run.source()
        return losses, w.numpy()

    for got, want in zip(trained(True), trained(False), strict=True):
        equal_bits(got, want)
