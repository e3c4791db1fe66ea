# %% [markdown]
# # Computation graph: derivatives by hand and by machine
#
# Course 1, week 2. About 45 minutes with the exercises; the script itself runs in a few
# seconds.
#
# **Goal.** Training a network means changing its numbers so that a cost falls, and for
# that we need the derivative of the cost with respect to each number. You will
#
# - derive them on a graph by hand, for $J = 3(a + bc)$,
# - write the machine that does it for any formula: an engine of about 80 lines,
# - draw the graph that your engine built, and train a small network with it,
# - see why it walks the graph in a certain order, and why it adds with `+=`,
# - meet the same machine as `dls.Tensor`, which the rest of the lessons are built on.
#
# ## What you need
#
# Derivatives of sums, products and powers, and the chain rule
# $\frac{d}{dx} f(g(x)) = f'(g(x))\, g'(x)$. Python: functions, lists, classes.
# `tinygrad-dls learn start c1w2-computation-graph` makes a copy of this script for you
# to fill in, and `tinygrad-dls learn check c1w2-computation-graph` checks it.

# %%
import math
import time
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c1w2-computation-graph")

# %% [markdown]
# ## The idea in a picture
#
# Break $J = 3(a + bc)$ into steps so small that each is one operation:
#
# $$u = bc, \qquad v = a + u, \qquad J = 3v .$$
#
# Each number is a box; arrows lead from it to what is computed from it. Going
# *forward*, left to right, gives values. Going *backward*, right to left, will give
# derivatives. In the picture $a = 5$, $b = 3$, $c = 2$.
#
# On each arrow we can write one more number, its **slope**: if the number at its tail
# grows a little, how many times as fast does the number at its head grow? $J = 3v$
# grows 3 times as fast as $v$. And $u = bc$ grows $c$ times as fast as $b$: here 2
# times.


# %%
def draw_hand_graph(a, b, c):
    """Draw J = 3(a + bc): values black, slopes blue, derivatives red."""
    u = b * c
    v = a + u
    boxes = {  # name: (x, y, text, value, dJ/d(name))
        "a": (0, 2, "a", a, 3),
        "b": (0, 1, "b", b, 3 * c),
        "c": (0, 0, "c", c, 3 * b),
        "u": (2, 0.5, "u = bc", u, 3),
        "v": (4, 1.25, "v = a + u", v, 3),
        "J": (6, 1.25, "J = 3v", 3 * v, 1),
    }
    arrows = [("a", "v", 1), ("b", "u", c), ("c", "u", b), ("u", "v", 1), ("v", "J", 3)]
    fig, ax = plt.subplots(figsize=(10, 4.2))
    patches = {}
    for name, (x, y, text, value, derivative) in boxes.items():
        box = ax.text(
            x,
            y,
            f"{text}\n{value:g}",
            ha="center",
            va="center",
            fontsize=12,
            bbox={"boxstyle": "round,pad=0.5", "fc": "#eef3fa", "ec": "gray"},
        )
        patches[name] = box.get_bbox_patch()
        label = f"dJ/d{name} = {derivative:g}"
        ax.text(x, y - 0.47, label, color="tab:red", ha="center")
    fig.canvas.draw()  # boxes get their sizes, so that arrows can end at them
    for tail, head, slope in arrows:
        (x0, y0), (x1, y1) = boxes[tail][:2], boxes[head][:2]
        ends = {"patchA": patches[tail], "patchB": patches[head], "shrinkB": 4}
        style = {"arrowstyle": "-|>", "color": "tab:blue", "lw": 1.5}
        ax.annotate("", (x1, y1), (x0, y0), arrowprops=ends | style)
        middle = ((x0 + x1) / 2, (y0 + y1) / 2 + 0.14)
        ax.text(*middle, f"slope {slope:g}", color="tab:blue", ha="center")
    ax.set(xlim=(-0.9, 6.9), ylim=(-0.7, 2.5))
    ax.set_title("J = 3(a + bc): values forward, derivatives backward")
    ax.axis("off")
    return fig


lesson.figure(draw_hand_graph(a=5, b=3, c=2), "graph_by_hand")

# %% [markdown]
# ## One number by hand
#
# With $a = 5$, $b = 3$, $c = 2$ we get $u = 6$, $v = 11$, $J = 33$.
#
# How fast does $J$ grow with $a$? Nudge $a$ from 5 to 5.001. *Before you run the next
# cell: what will $J$ become?*

# %%
J = 3 * (5 + 3 * 2)
J_nudged = 3 * (5.001 + 3 * 2)
print(f"J = {J}, with a nudged by 0.001: {J_nudged:.3f}")
print(f"so dJ/da is about {(J_nudged - J) / 0.001:.3f}")

# %% [markdown]
# ## The mathematics
#
# The chain rule says: to get the derivative of $J$ with respect to a number, take each
# number computed *from* it, multiply its derivative by the slope of the arrow that
# leads there, *and add up these products*. Here only one arrow leaves each number, so
# there is nothing to add yet. The derivatives come from right to left, each from its
# neighbour:
#
# $$
# \frac{dJ}{dv} = 3, \qquad
# \frac{dJ}{du} = \frac{dJ}{dv}\frac{dv}{du} = 3 \cdot 1, \qquad
# \frac{dJ}{da} = \frac{dJ}{dv}\frac{dv}{da} = 3 \cdot 1,
# $$
# $$
# \frac{dJ}{db} = \frac{dJ}{du}\frac{du}{db} = 3 \cdot c, \qquad
# \frac{dJ}{dc} = \frac{dJ}{du}\frac{du}{dc} = 3 \cdot b .
# $$
#
# Two remarks:
#
# - $dJ/du$ is computed once and used twice, for $b$ and for $c$. That is why one walk
#   backward gives *all* derivatives for about the price of one walk forward.
# - A step needs to know only its own slopes, not the formula it is part of.
#
# The course calls $dJ/dv$ simply `dv` in code. The **shape** of an array is how many
# numbers it has along each axis: `(2, 3)` for two rows of three. All numbers here are
# single ones (*scalars*), without any axis: their shape is `()`.
#
# ## Your code
#
# **Exercise 1.** Compute $J$ forward, then the derivatives backward, one line each.


# %%
def derivatives_by_hand(a, b, c):
    """J = 3(a + bc) and its derivatives: J, {"da": dJ/da, "db": ..., "dc": ...}."""
    u = b * c
    v = a + u
    J = 3 * v
    # BEGIN SOLUTION
    dv = 3
    du = dv * 1
    da = dv * 1
    db = du * c
    dc = du * b
    # END SOLUTION
    return J, {"da": da, "db": db, "dc": dc}


J, by_hand = derivatives_by_hand(5, 3, 2)
print(f"by hand: J = {J}, {by_hand}")
assert J == 33 and by_hand == {"da": 3, "db": 6, "dc": 9}

# %% [markdown]
# **Exercise 2.** A derivative can always be measured: nudge one input a little up and a
# little down, and divide the change of the result by the change of the input,
#
# $$
# \frac{df}{dx} \approx
# \frac{f(x + \varepsilon) - f(x - \varepsilon)}{2\varepsilon} .
# $$
#
# It is slow (two evaluations for each input) and inexact, but it knows nothing of your
# derivation, so it is the judge of it.


# %%
def numeric_derivative(f, inputs, i, eps=1e-6):
    """df/d(inputs[i]) by nudging; f takes len(inputs) numbers and returns a number."""
    up = list(inputs)
    down = list(inputs)
    # BEGIN SOLUTION
    up[i] += eps
    down[i] -= eps
    return (f(*up) - f(*down)) / (2 * eps)
    # END SOLUTION


def formula(a, b, c):
    """J = 3(a + bc), for numbers, for `Value` (below) and for `dls.Tensor` alike."""
    return 3 * (a + b * c)


measured = [numeric_derivative(formula, (5, 3, 2), i) for i in range(3)]
print("measured: ", *(f"{x:.6f}" for x in measured))
assert np.allclose(measured, [3, 6, 9], atol=1e-6)

# %% [markdown]
# ### An engine
#
# Now let the machine do it. A `Value` is a number that remembers which numbers it was
# made from, and with which slopes. Python calls `__add__` for `+` and `__mul__` for
# `*`, so writing a formula *builds its graph*. For addition both slopes are 1.
#
# **Exercise 3.** Fill in the slopes of a product.
#
# **Exercise 4.** `backward`: start with $dJ/dJ = 1$ and go through all numbers that $J$
# was made from, in an order that exercise 5 provides, backwards. Each number passes its
# derivative on to its inputs, times the slope of the arrow.
#
# **Exercise 5** (`topological_order`, below the class). Put all numbers that `end` was
# made from into an order in which each comes after all it was made from. Hint: visit a
# number; if it was seen before, return; else visit its inputs first, then append it.


# %%
def as_value(x):
    """A plain number becomes a Value without inputs."""
    return x if isinstance(x, Value) else Value(x)


class Value:
    """A number that remembers how it was computed."""

    def __init__(self, data, inputs=()):
        self.data = float(data)
        self.inputs = inputs  # pairs (a Value that it was made from, the arrow's slope)
        self.grad = 0.0  # dJ/d(this), when backward() has run

    def __repr__(self):
        return f"Value({self.data:g}, grad={self.grad:g})"

    # --- operations: the result, and a slope for each input ---------------------------

    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        """self * other; exercise 3: `slopes` is [(self, slope), (other, slope)]."""
        other = as_value(other)
        # BEGIN SOLUTION
        slopes = [(self, other.data), (other, self.data)]
        # END SOLUTION
        return Value(self.data * other.data, slopes)

    def __pow__(self, n):  # n is a plain number
        return Value(self.data**n, [(self, n * self.data ** (n - 1))])

    def exp(self):
        e = math.exp(self.data)
        return Value(e, [(self, e)])

    def log(self):
        return Value(math.log(self.data), [(self, 1 / self.data)])

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, [(self, 1 - t**2)])

    def relu(self):
        return Value(max(self.data, 0.0), [(self, float(self.data > 0))])

    # --- the rest is made of these ----------------------------------------------------

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -as_value(other)

    def __truediv__(self, other):
        return self * as_value(other) ** -1

    def __rsub__(self, other):
        return other + -self

    def __rtruediv__(self, other):
        return other * self**-1

    __radd__ = __add__
    __rmul__ = __mul__

    # --- the way back -----------------------------------------------------------------

    def backward(self):
        """Exercise 4: add dJ/dx to x.grad for each x that this J was made from."""
        order = topological_order(self)
        # BEGIN SOLUTION
        self.grad = 1.0
        for node in reversed(order):
            for source, slope in node.inputs:
                source.grad += slope * node.grad
        # END SOLUTION


def topological_order(end):
    """Exercise 5: all Values that `end` was made from, inputs first, `end` last."""
    order = []
    seen = set()

    def visit(node):
        # BEGIN SOLUTION
        if node in seen:
            return
        seen.add(node)
        for source, _ in node.inputs:
            visit(source)
        order.append(node)
        # END SOLUTION

    visit(end)
    return order


a, b, c = Value(5), Value(3), Value(2)
J = formula(a, b, c)
J.backward()
print("our engine:", J, "a:", a, "b:", b, "c:", c)
assert (J.data, a.grad, b.grad, c.grad) == (33, 3, 6, 9)

# %% [markdown]
# ### A diamond
#
# In $y = x \cdot x + x$ the number $x$ is used three times: twice by the product, once
# by the sum. Its derivative is $2x + 1$, so 7 at $x = 3$. *Which numbers does `x.grad`
# receive, one after the other?*

# %%
x = Value(3)
y = x * x + x
y.backward()
print(f"y = {y.data:g}, dy/dx = {x.grad:g}")
assert (y.data, x.grad) == (12, 7)

# %% [markdown]
# ## Check it three ways
#
# By hand, by our engine, and by nudging; and now by the framework. A `dls.Tensor` is
# our `Value` for whole arrays. `requires_grad=True` marks the inputs that we want
# derivatives for. First on $J$, then on a formula where nobody wants to derive by hand.

# %%
ta, tb, tc = (
    dls.Tensor(np.float64(number), requires_grad=True, name=name)
    for name, number in (("a", 5), ("b", 3), ("c", 2))
)
J_tensor = formula(ta, tb, tc)
J_tensor.backward()
engine = {"da": float(ta.grad), "db": float(tb.grad), "dc": float(tc.grad)}
lesson.table(
    ["derivative", "by hand", "our engine", "dls.Tensor", "measured"],
    [
        [f"dJ/{d}", by_hand[d], value.grad, engine[d], f"{number:.6f}"]
        for d, value, number in zip(by_hand, (a, b, c), measured, strict=True)
    ],
)
assert by_hand == engine


# %%
def tangled(a, b, c):
    """Every operation of our engine in one formula."""
    s = (a * b - c) / (a * a + 1.0)
    t = (s * 2.0 + b).tanh() + (c * 0.1).exp()
    return (t**3 + (a + b).relu() * s - 1.0 / c + (b * b).log()) * t


start = (1.5, -0.5, 2.0)
values = [Value(number) for number in start]
tangled(*values).backward()
tensors = [dls.Tensor(np.float64(number), requires_grad=True) for number in start]
tangled(*tensors).backward()
for name, value, tensor in zip("abc", values, tensors, strict=True):
    verdict = dls.compare(f"d{name}", np.array(value.grad), tensor.grad)
    assert verdict.ok and abs(value.grad - float(tensor.grad)) < 1e-10
for i, value in enumerate(values):
    by_nudging = numeric_derivative(
        lambda *numbers: tangled(*map(Value, numbers)).data, start, i
    )
    assert abs(value.grad - by_nudging) < 1e-6
report = dls.gradcheck(tangled, *tensors)  # the framework's own check, rule by rule
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# Each `Value` knows what it was made from, so your graph can be drawn. Take the neuron
# of the next lessons, $a = \tanh(w_1 x_1 + w_2 x_2 + b)$. Inputs stand on the left, and
# each result one column behind what it was made from. *Follow one weight: its
# derivative is the product of all slopes on its way to $a$.*


# %%
def draw_values(end, names):
    """Draw all that `end` was made from: data, slopes (blue), gradients (red)."""
    fig, ax = plt.subplots(figsize=(11, 5))
    places, rows = {}, 0
    for node in topological_order(end):
        if node.inputs:
            before = [places[source] for source, _ in node.inputs]
            column = 1 + max(x for x, _ in before)
            places[node] = (column, sum(y for _, y in before) / len(before))
        else:
            places[node], rows = (0, -rows), rows + 1
    for node, (x, y) in places.items():
        text = f"{names.get(node, '')}\n{node.data:.3f}"
        style = {"boxstyle": "round,pad=0.4", "fc": "#eef3fa", "ec": "gray"}
        ax.text(x, y, text, ha="center", va="center", bbox=style, zorder=3)
        gradient = f"grad {node.grad:.3f}"
        ax.text(x, y - 0.42, gradient, color="tab:red", ha="center", fontsize=9)
        for source, slope in node.inputs:
            x0, y0 = places[source]
            arrow = {"arrowstyle": "-|>", "color": "tab:blue", "shrinkA": 28}
            ax.annotate("", (x, y), (x0, y0), arrowprops=arrow | {"shrinkB": 32})
            middle = (0.55 * x0 + 0.45 * x, 0.55 * y0 + 0.45 * y + 0.1)
            ax.text(*middle, f"{slope:.3g}", color="tab:blue", ha="center", fontsize=9)
    last = max(x for x, _ in places.values())
    ax.set(xlim=(-0.4, last + 0.4), ylim=(0.5 - rows, 0.5))
    ax.set_title("A neuron, drawn from your own Values")
    ax.axis("off")
    return fig


x1, w1, x2, w2, bias = (Value(number) for number in (2.0, -0.5, 1.0, 0.8, 0.6))
first, second = w1 * x1, w2 * x2
weighted = first + second
z = weighted + bias
activation = z.tanh()
activation.backward()
neuron = {"x1": x1, "w1": w1, "x2": x2, "w2": w2, "b": bias, "w1 x1": first}
neuron |= {"w2 x2": second, "sum": weighted, "z": z, "a = tanh z": activation}
names = {value: name for name, value in neuron.items()}
lesson.figure(draw_values(activation, names), "neuron")
assert abs(w1.grad - x1.data * (1 - activation.data**2)) < 1e-12

# %% [markdown]
# `dls.graph` draws the graph of a real computation. Before `backward()` each number has
# a value, and its gradient says *not computed*, which is not the same as 0. Afterwards
# the derivatives are there: compare them with the picture at the top. (`dls.trace()`
# keeps those of numbers in between, too; without it they are dropped to save memory.)
# Each picture has an interactive page beside it: the arrow keys step forward and then
# backward, and each step shows its formula with the numbers in it.

# %%
ta.grad = tb.grad = tc.grad = None
with dls.trace():
    u = tb * tc
    v = ta + u
    J_tensor = 3 * v
    names = {"u": u, "v": v, "J": J_tensor}
    before = dls.graph(J_tensor, names=names, rankdir="LR")
    J_tensor.backward()
    after = dls.graph(J_tensor, names=names, rankdir="LR")
lesson.graph(before, "graph_before_backward.png")
lesson.graph(
    after,
    "graph_after_backward.png",
    steps={"dJ/du is there": "u", "and from it dJ/db": "b"},
)
print(after.table())
after

# %% [markdown]
# ## Why a topological order?
#
# Is the order worth an exercise? Two shorter ways come to mind.
#
# *The hasty way*: pass your derivative to an input, and let it pass on at once what it
# has. On $f = u \cdot u$ with $u = 2x$ it goes wrong: $u$ passes on what it got through
# its first arrow, and then, with the second arrow, the sum of both: the first part
# twice.


# %%
def hasty_backward(node):
    """WRONG: passes derivatives on before they are complete."""
    for source, slope in node.inputs:
        source.grad += slope * node.grad
        hasty_backward(source)


x = Value(3)
u = 2 * x
f = u * u  # = 4 x^2, so df/dx = 8x = 24
f.grad = 1.0
hasty_backward(f)
wrong = x.grad
x.grad = u.grad = 0.0
f.backward()
print(f"df/dx: {wrong:g} the hasty way, {x.grad:g} in topological order")
assert (wrong, x.grad) == (36, 24)

# %% [markdown]
# *The way along every path*: follow each path from the end to the inputs, multiply its
# slopes, and add up. This is right: it is what the chain rule says. But in a chain of
# diamonds, $x \to x + x \to \dots$, each step doubles the number of paths. The
# topological order waits until a number has its whole derivative, then passes it on
# *once*.


# %%
def backward_along_paths(node, flow=1.0):
    """Right, but slow: returns the number of visits."""
    node.grad += flow if not node.inputs else 0.0
    return 1 + sum(
        backward_along_paths(source, flow * slope) for source, slope in node.inputs
    )


diamonds = range(1, 15)
visits_paths, visits_order = [], []
for count in diamonds:
    x = Value(1)
    y = x
    for _ in range(count):
        y = y + y
    visits_paths.append(backward_along_paths(y))
    along_paths, x.grad = x.grad, 0.0
    visits_order.append(len(topological_order(y)))
    y.backward()
    assert along_paths == x.grad == 2**count  # both are right
print(
    f"14 diamonds: {visits_paths[-1]} visits along paths, {visits_order[-1]} in order"
)
assert visits_paths == [2 ** (n + 1) - 1 for n in diamonds]
assert visits_order == [n + 1 for n in diamonds]

fig, ax = plt.subplots(figsize=(7, 4))
ax.semilogy(diamonds, visits_paths, "o-", color="tab:red", label="along every path")
ax.semilogy(diamonds, visits_order, "s-", color="tab:blue", label="topological order")
ax.set(xlabel="diamonds in a row", ylabel="visits to numbers (log scale)")
ax.set_title("Going backward: 15 visits or 32,767")
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "visits")

# %% [markdown]
# ## Train
#
# Derivatives in hand, we can train. The task: a line $\hat y = wx + b$ through 20
# points. The cost is the mean squared distance $J = \frac{1}{m}\sum_i (\hat y^{(i)} -
# y^{(i)})^2$. Gradient descent repeats: forward, backward, then a small step downhill,
#
# $$w := w - \alpha \frac{dJ}{dw}, \qquad b := b - \alpha \frac{dJ}{db} .$$
#
# Two lines of "plumbing" matter: each step builds a new graph, and the gradients of the
# step before are set to 0 first, since `backward` *adds*.

# %%
np.random.seed(lesson.seed)
xs = np.linspace(-1, 1, 20)  # (20,)
ys = 2 * xs - 1 + 0.3 * np.random.randn(20)  # (20,)
learning_rate = 0.3
num_iterations = 60


def line_cost(w, b, xs, ys):
    """Mean squared error of the line w x + b, for Values: a sum in a loop."""
    total = Value(0)
    for x, y in zip(xs, ys, strict=True):
        total = total + (w * x + b - y) ** 2
    return total / len(xs)


w, b = Value(0), Value(0)
costs, lines = [], []
began = time.perf_counter()
for _ in lesson.progress(range(num_iterations), "our engine"):
    J = line_cost(w, b, xs, ys)
    w.grad = b.grad = 0.0
    J.backward()
    costs.append(J.data)
    lines.append((w.data, b.data))
    w.data -= learning_rate * w.grad
    b.data -= learning_rate * b.grad
seconds_values = time.perf_counter() - began
print(f"cost {costs[0]:.6f} -> {costs[-1]:.6f}; w = {w.data:.6f}, b = {b.data:.6f}")

# %% [markdown]
# The same with tensors: no loop over points, for a tensor holds them all. The numbers
# are the same; the graph has 5 operations instead of 122.

# %%
tw = dls.Tensor(np.zeros(()), requires_grad=True, name="w")
tb = dls.Tensor(np.zeros(()), requires_grad=True, name="b")
tx, ty = dls.Tensor(xs), dls.Tensor(ys)  # (20,) each
costs_tensor = []
began = time.perf_counter()
for _ in lesson.progress(range(num_iterations), "dls.Tensor"):
    J = ((tw * tx + tb - ty) ** 2).mean()  # ()
    tw.grad = tb.grad = None
    J.backward()
    costs_tensor.append(J.item())
    with dls.no_grad():
        tw -= learning_rate * tw.grad
        tb -= learning_rate * tb.grad
seconds_tensors = time.perf_counter() - began
best_w, best_b = np.polyfit(xs, ys, 1)  # the exact answer, by linear algebra
ms_values, ms_tensors = (
    f"{1e3 * seconds / num_iterations:.3f}"
    for seconds in (seconds_values, seconds_tensors)
)
lesson.table(
    ["way", "w", "b", "ms a step"],
    [
        ["our engine", w.data, b.data, ms_values],
        ["dls.Tensor", tw.item(), tb.item(), ms_tensors],
        ["least squares", float(best_w), float(best_b), "-"],
    ],
)
assert abs(w.data - tw.item()) < 1e-10 and abs(b.data - tb.item()) < 1e-10
assert np.allclose(costs, costs_tensor, atol=1e-10)
assert np.allclose([w.data, b.data], [best_w, best_b], atol=1e-4)

# %% [markdown]
# ## Look at it
#
# The line starts flat and turns into place within a few steps. The cost does not fall
# to 0: no line goes through all points.

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
left.plot(xs, ys, "o", color="black", label="points")
for step, color in ((0, "0.75"), (1, "0.6"), (3, "0.45"), (59, "tab:red")):
    slope, height = lines[step]
    left.plot(xs, slope * xs + height, color=color, label=f"line after {step} steps")
left.set(xlabel="x", ylabel="y", title="The line during training")
left.legend(fontsize=9)
right.semilogy(costs, "o-", markersize=4, color="tab:red", label="cost J")
least = float(np.mean((best_w * xs + best_b - ys) ** 2))
right.axhline(least, color="gray", linestyle="--", label=f"least possible: {least:.4f}")
right.set(xlabel="step", ylabel="J (log scale)", title="The cost of each step")
right.legend()
right.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "line")

# %% [markdown]
# ### A network of Values
#
# Nothing in the engine knows of lines. Put neurons side by side, and layers behind each
# other, and the same `backward` trains a network. The task is one that no single neuron
# can do: *exclusive or*, $y = 1$ where the inputs differ, $y = -1$ where they are the
# same. No line has both red corners on one side of it and both blue ones on the other.


# %%
class Neuron:
    """tanh(w . x + b), of Values."""

    def __init__(self, n, rng):
        self.w = [Value(number) for number in rng.uniform(-1, 1, n)]
        self.b = Value(0)

    def __call__(self, inputs):
        products = (w * x for w, x in zip(self.w, inputs, strict=True))
        return sum(products, self.b).tanh()


class Network:
    """Layers of neurons; sizes (2, 4, 1): 2 inputs, 4 hidden neurons, 1 output."""

    def __init__(self, sizes, rng):
        self.layers = [
            [Neuron(n, rng) for _ in range(count)]
            for n, count in pairwise(sizes)
        ]

    def __call__(self, inputs):
        for layer in self.layers:
            inputs = [neuron(inputs) for neuron in layer]
        return inputs[0]

    def parameters(self):
        return [p for layer in self.layers for unit in layer for p in (*unit.w, unit.b)]


corners = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
differ = [-1, 1, 1, -1]


def train_values(network, steps, learning_rate=0.2):
    """Gradient descent on the mean squared error at the four corners; the costs."""
    costs = []
    for _ in lesson.progress(range(steps), "a network of Values"):
        errors = [network(x) - y for x, y in zip(corners, differ, strict=True)]
        J = sum(error**2 for error in errors) / len(corners)
        for p in network.parameters():
            p.grad = 0.0
        J.backward()
        for p in network.parameters():
            p.data -= learning_rate * p.grad
        costs.append(J.data)
    return costs


network = Network((2, 4, 1), np.random.default_rng(lesson.seed))
alone = Network((2, 1), np.random.default_rng(lesson.seed))
start_hidden = np.array([[w.data for w in unit.w] for unit in network.layers[0]])
start_last = np.array([[w.data for w in network.layers[1][0].w]])  # (1, 4)
network_costs, alone_costs = train_values(network, 300), train_values(alone, 300)
answers = [network(x).data for x in corners]
print(f"{len(network.parameters())} parameters, cost {network_costs[-1]:.4f}")
print("answers:", *(f"{answer:.2f}" for answer in answers))
print(f"one neuron: cost {alone_costs[-1]:.4f}; it cannot do better than 1")
assert [answer > 0 for answer in answers] == [False, True, True, False]
assert network_costs[-1] < 0.05 and alone_costs[-1] > 0.99

# %% [markdown]
# The same network with `dls.Tensor`, from the same start: four columns in place of four
# graphs, and the same costs in every step.

# %%
tX = dls.Tensor(np.array(corners, float).T)  # (2, 4), an example is a column
tY = dls.Tensor(np.array([differ], float))  # (1, 4)
start = (start_hidden, np.zeros((4, 1)), start_last, np.zeros((1, 1)))
tensors = [dls.Tensor(array, requires_grad=True) for array in start]
for cost in network_costs:
    W1, b1, W2, b2 = tensors
    A1 = (W1 @ tX + b1).tanh()  # (4, 4) = (4, 2) @ (2, 4) + (4, 1)
    J = (((W2 @ A1 + b2).tanh() - tY) ** 2).mean()  # ()
    assert abs(J.item() - cost) < 1e-8
    J.backward()
    with dls.no_grad():
        for p in tensors:
            p -= 0.2 * p.grad
            p.grad = None
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
left.semilogy(network_costs, color="tab:red", label="2-4-1")
left.semilogy(alone_costs, color="gray", label="one neuron")
left.set(xlabel="step", ylabel="J (log scale)", title="Exclusive or, by your engine")
left.legend()
left.grid(alpha=0.3)
grid = np.linspace(-1.5, 1.5, 25)
plane = [[network((p, q)).data for p in grid] for q in grid]
shades = right.contourf(grid, grid, plane, 20, cmap="RdBu_r", vmin=-1, vmax=1)
fig.colorbar(shades, ax=right, label="output of the network")
colours = ["tab:red" if y > 0 else "tab:blue" for y in differ]
right.scatter(*zip(*corners, strict=True), c=colours, edgecolors="white", s=90)
right.set(xlabel="x1", ylabel="x2", title="What it says in between")
fig.tight_layout()
lesson.figure(fig, "network")

# %% [markdown]
# ## Break it
#
# **Why `+=`?** Write `=` instead, and each arrow overwrites what the others brought.
# Here is `backward` with this mistake. *Predict `x.grad` for $x \cdot x + x$ at 3.* And
# the tool for finding out: `dls.compare` says where and by how much two gradients
# differ.


# %%
def backward_with_equals(end):
    """WRONG: `=` where `+=` belongs."""
    end.grad = 1.0
    for node in reversed(topological_order(end)):
        for source, slope in node.inputs:
            source.grad = slope * node.grad


x = Value(3)
backward_with_equals(x * x + x)
right_way = dls.Tensor(np.float64(3), requires_grad=True)
(right_way * right_way + right_way).backward()
verdict = dls.compare("dx, with = for +=", np.array(x.grad), right_way.grad)
assert not verdict.ok and x.grad == 3 and right_way.grad.item() == 7

# %% [markdown]
# **The other side of `+=`**: gradients stay until they are set to 0. Forget it in a
# training loop, and each step follows the sum of all gradients so far. The fit, with
# this one line missing:

# %%
w, b = Value(0), Value(0)
forgetful = []
for _ in range(num_iterations):
    J = line_cost(w, b, xs, ys)
    J.backward()
    forgetful.append(J.data)
    w.data -= learning_rate * w.grad
    b.data -= learning_rate * b.grad
print(f"cost at the last step: {forgetful[-1]:.3f}, instead of {costs[-1]:.3f}")
assert max(forgetful[10:]) > 10 * costs[-1]

# %% [markdown]
# **Very deep graphs.** Our `topological_order` calls itself, once for each step of the
# way, and Python allows about a thousand calls inside each other. The framework uses a
# list in place of the calls, and has no such limit.

# %%
x = Value(1)
y = x
for _ in range(20_000):
    y = y + 1
try:
    y.backward()
    raise AssertionError("a chain of 20,000 numbers should be too deep for recursion")
except RecursionError:
    print("our engine:  RecursionError on a chain of 20,000 additions")
while y.inputs:  # take the chain apart from its end, so that it is freed bit by bit
    y = y.inputs[0][0]
t = dls.Tensor(np.float64(1), requires_grad=True)
deep = t
for _ in range(20_000):
    deep = deep + 1
deep.backward()
print(f"dls.Tensor:  derivative {t.grad.item():g}")
assert t.grad.item() == 1

# %% [markdown]
# ## Recap
#
# - A formula is a graph of small steps; each arrow has a slope.
# - Values go forward, derivatives backward: derivative of the head times slope, added
#   up over all arrows that leave a number (`+=`).
# - In reversed topological order each number is complete before it passes on: one visit
#   each, so all derivatives cost about as much as the formula itself.
# - `dls.Tensor` is the same for arrays. `backward()` adds to `.grad`: set it to 0
#   (None) before each step.
#
# ## Questions
#
# 1. What is $dJ/dc$ for $J = 3(a + bc)$ at $a = 1$, $b = -2$, $c = 10$?
#    <details><summary>Answer</summary>
#    3b = -6. Neither a nor c matters: the slope of bc with respect to c is b.
#    </details>
# 2. A formula has a million inputs. How many evaluations does nudging need for all
#    derivatives, and how many walks over the graph does `backward` need?
#    <details><summary>Answer</summary>
#    Two million evaluations; one walk forward and one backward.
#    </details>
# 3. Why is `+` called a distributor of gradients, and `*` a swapper?
#    <details><summary>Answer</summary>
#    Both slopes of a sum are 1: each input gets the gradient as it is. The slope of a
#    product for one factor is the other factor.
#    </details>
# 4. `y = x - x` is 0 whatever x is. What does `x.grad` become, and by which steps?
#    <details><summary>Answer</summary>
#    1 through the first arrow, and -1 through the second: together 0, thanks to +=.
#    </details>
#
# ## Go further
#
# - Give `Value` a `sigmoid`, once as one operation with the slope $s(1 - s)$, once made
#   of `exp` and division. Compare both by `numeric_derivative`.
# - Write `topological_order` with a list in place of recursion. The framework's own is
#   in `tinygrad_dls/engine/autograd.py`.
# - Next: `c1w2-vectorization` puts whole arrays in place of single numbers, and
#   `c1w2-logistic-regression` trains on pictures.

# %%
lesson.finish(
    {
        "J": 33.0,
        "dJ/da": by_hand["da"],
        "dJ/db": by_hand["db"],
        "dJ/dc": by_hand["dc"],
        "diamond": right_way.grad.item(),
        "engine": {"dJ/da": engine["da"], "dJ/db": engine["db"], "dJ/dc": engine["dc"]},
        "visits": {
            "every_path": visits_paths[-1],
            "topological_order": visits_order[-1],
        },
        "line": {
            "w": tw.item(),
            "b": tb.item(),
            "costs": {step: costs[step] for step in (0, 10, 20, 40, 59)},
        },
        "exclusive_or": {"network": network_costs[-1], "neuron": alone_costs[-1]},
    }
)
