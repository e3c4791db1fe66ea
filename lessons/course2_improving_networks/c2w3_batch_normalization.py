# %% [markdown]
# # Batch normalization: every layer gets normalized inputs
#
# Course 2, week 3. About 75 minutes with the exercises. The script runs for less than
# ten seconds, with `--fast` for three.
#
# **Goal.** Normalizing the inputs made learning faster (`c2w1-train-dev-test`). Batch
# normalization does the same in front of every layer, with the numbers of the batch.
# You will
#
# - measure how the inputs of a deep layer drift while the layers before it learn,
# - take the gradient back through a variance and a mean, stage by stage, and then in
#   three lines,
# - keep the moving averages that a prediction needs,
# - train the same network with and without, over learning rates, starts and depths,
# - break it in six ways, and find each.
#
# ## What you need
#
# `c1w4-deep-network-step-by-step` for the blocks, `c2w1-initialization` for He's start.
# Examples are columns, as in the course: $Z$ is $(n, m)$, a unit is a row.
# Ioffe and Szegedy wrote it down in 2015; the course is in week 3 of Course 2.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c2w3-batch-normalization")
digits = lesson.load("digits")
pixels = digits.train_x_orig.reshape(len(digits.train_x_orig), -1).T / 255  # (64, 1500)
labels = digits.train_y  # (1, 1500)
train_X, train_Y = pixels[:, :1200], labels[:, :1200]
dev_X, dev_Y = pixels[:, 1200:], labels[:, 1200:]
mean = train_X.mean(axis=1, keepdims=True)  # (64, 1), of the training set
train_X, dev_X = train_X - mean, dev_X - mean
print(f"train {train_X.shape}, dev {dev_X.shape}, ten digits")

# %% [markdown]
# ## The idea in a picture
#
# A network 64-50-50-50-50-10. Look at one hidden unit of the last hidden layer, and at
# what it gets to add up, its $z$, over all examples. It is the middle of a distribution
# that moves with every step, since *all layers below it* move. The layer above must
# follow: it learns on inputs whose mean and width change under its hands. Ioffe and
# Szegedy, and the course after them, call that **internal covariate shift**.
#
# The remedy: subtract the mean of the batch, divide by its standard deviation, for each
# unit by itself, in each step. Then let the network have back what it needs of them:
# a width $\gamma$ and a mean $\beta$ that are learned.


# %%
def hidden_network(batch_norm, depth=4, scale=1.0, width=50, seed=1):
    """64-50-...-50-10 with ReLU; weights scale * He's; with batch norm or without."""
    rng = np.random.default_rng(seed)
    layers, n = [], 64
    for _ in range(depth):
        linear = nn.Linear(n, width, bias=not batch_norm, dtype="float64")
        start = rng.standard_normal((width, n)) * np.sqrt(2 / n) * scale
        state = {"weight": start} | ({} if batch_norm else {"bias": np.zeros(width)})
        linear.load_state_dict(state)
        norm = [nn.BatchNorm1d(width, dtype="float64")] if batch_norm else []
        layers += [linear, *norm, nn.ReLU()]
        n = width
    last = nn.Linear(n, 10, dtype="float64")
    start = rng.standard_normal((10, n)) * np.sqrt(1 / n)
    last.load_state_dict({"weight": start, "bias": np.zeros(10)})
    return nn.Sequential(*layers, last)


def batches_of(m, size, rng):
    """0 ... m - 1 in random order, in batches of `size`; the rest is left out."""
    order = rng.permutation(m)
    return [order[i : i + size] for i in range(0, m - size + 1, size)]


def train_network(network, rate, epochs, size=64, seed=1, watch=None):
    """Gradient descent on mini-batches, examples as rows; the cost of each step."""
    rows, targets = train_X.T, train_Y[0]
    optimizer = optim.SGD(network.parameters(), lr=rate)
    rng, costs = np.random.default_rng(seed), []

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step = dls.capture(step)  # the same numbers, faster
    for _ in range(epochs):
        for places in batches_of(len(rows), size, rng):
            loss = step(dls.Tensor(rows[places]), dls.Tensor(targets[places]))
            costs.append(loss.item())
            if watch is not None:
                watch(network)
    return costs


def dev_accuracy(network):
    """Percent of the dev set, in evaluation mode."""
    network.eval()
    with dls.no_grad():
        output = network(dls.Tensor(dev_X.T)).numpy()
    network.train()
    return 100 * float(np.mean(output.argmax(axis=1) == dev_Y[0]))


def drift(batch_norm, epochs):
    """Percentiles over training of what one unit of the last hidden layer puts out.

    It is seen just before its ReLU: after the batch norm, where there is one.
    """
    network, bands = hidden_network(batch_norm), []
    before_relu = nn.Sequential(*list(network)[:-2])
    sample = dls.Tensor(train_X[:, :200].T)

    def watch(_):
        with dls.no_grad():
            z = sample
            for layer in before_relu:  # batch statistics, and no running ones moved
                norm = isinstance(layer, nn.BatchNorm1d)
                z = F.batch_norm(
                    z, None, None, layer.weight, layer.bias, True
                ) if norm else layer(z)
        bands.append(np.percentile(z.numpy()[:, 7], [15, 50, 85]))

    train_network(network, 0.05, epochs, watch=watch)
    return np.array(bands)  # (steps, 3)


drift_epochs = 3 if lesson.fast else 8
bands = {name: drift(name == "with", drift_epochs) for name in ("without", "with")}
fig, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
for ax, (name, values) in zip(axes, bands.items(), strict=True):
    ax.fill_between(range(len(values)), values[:, 0], values[:, 2], alpha=0.3)
    ax.plot(values[:, 1])
    ax.set(title=f"{name} batch norm", xlabel="step")
    ax.grid(alpha=0.3)
axes[0].set_ylabel("z of one unit: 15 %, median, 85 %")
fig.suptitle("What a unit of hidden layer 4 sees while the layers below it learn")
fig.tight_layout()
lesson.figure(fig, "idea")


def moved(values):
    """How far the median wandered, in widths of the distribution at the start."""
    return float(np.ptp(values[:, 1]) / (values[0, 2] - values[0, 0]))


drift_figures = {name: moved(values) for name, values in bands.items()}
for name, widths in drift_figures.items():
    print(f"{name} batch norm the median moved by {widths:.2f} widths")
assert drift_figures["with"] < drift_figures["without"]

# %% [markdown]
# **Is the drift why it helps?** So the course says, and the picture seems to agree. A
# test says otherwise. Santurkar, Tsipras, Ilyas and Madry ("How does batch
# normalization help optimization?", 2018) added noise *behind* each batch norm, with
# another mean and width in each step. The drift was back, larger than without batch
# norm, and the network still trained faster than one without. Less drift comes along
# with batch norm; it does not explain the speed.
#
# What they found in its place: batch norm makes the cost **smoother**. Along the
# gradient the cost and the gradient itself change less from one point to the next. A
# gradient is then good for a longer step, and a larger learning rate is safe. The
# section on training shows it: with batch norm a rate trains the network that
# ruins it without.

# %% [markdown]
# ## One number by hand
#
# One unit, three examples: $z = (1, 2, 6)$. The mean is $\mu = 3$, the deviations are
# $(-2, -1, 3)$, the variance is $\sigma^2 = (4 + 1 + 9)/3 = 14/3$. With $\epsilon = 0$:
#
# $$\hat z = \frac{z - \mu}{\sigma} = \frac{(-2, -1, 3)}{\sqrt{14/3}}
#   = (-0.9258, -0.4629, 1.3887)$$
#
# Its mean is 0, its mean square 1. With $\gamma = 2$, $\beta = 1$:
# $\tilde z = 2 \hat z + 1 = (-0.8516, 0.0742, 3.7775)$.
#
# *Now make all three examples 10 larger, or ten times as large. What becomes of $\hat
# z$?* Nothing: it does not change. So a bias in front of it has no effect, and the size
# of the weights has none either.

# %%
z = np.array([[1.0, 2.0, 6.0]])
z_norm = (z - z.mean()) / z.std()
print(z_norm.round(4), (2 * z_norm + 1).round(4))
assert np.allclose(z_norm, [[-0.9258, -0.4629, 1.3887]], atol=5e-5)
assert abs(z_norm.mean()) < 1e-15 and abs(np.mean(z_norm**2) - 1) < 1e-15
for other in (z + 10, 10 * z):
    assert np.allclose((other - other.mean()) / other.std(), z_norm)

# %% [markdown]
# ## The mathematics
#
# For each unit, that is each row of $Z$ $(n, m)$, over the $m$ examples of the batch:
#
# | forward | shape |
# |---|---|
# | $\mu = \frac1m \sum_i z^{(i)}$ | $(n, 1)$ |
# | $\sigma^2 = \frac1m \sum_i (z^{(i)} - \mu)^2$ | $(n, 1)$ |
# | $z_{norm}^{(i)} = (z^{(i)} - \mu) / \sqrt{\sigma^2 + \epsilon}$ | $(n, m)$ |
# | $\tilde z^{(i)} = \gamma \, z_{norm}^{(i)} + \beta$ | $(n, m)$ |
#
# **Backward.** $\gamma$ and $\beta$ are easy: $d\gamma = \sum_i d\tilde z^{(i)}
# z_{norm}^{(i)}$ and $d\beta = \sum_i d\tilde z^{(i)}$. For $z$, let $g^{(i)} = \gamma
# \, d\tilde z^{(i)} = dz_{norm}^{(i)}$, and $s = \sqrt{\sigma^2 + \epsilon}$. One
# $z^{(k)}$ acts on $z_{norm}^{(i)}$ on three ways: directly (if $k = i$), through
# $\mu$, and through $\sigma^2$:
#
# $$
# \frac{\partial z_{norm}^{(i)}}{\partial z^{(k)}} =
# \frac1s \left( [i = k] - \frac1m - \frac1m z_{norm}^{(i)} z_{norm}^{(k)} \right) .
# $$
#
# (The last term: $\partial s / \partial z^{(k)} = (z^{(k)} - \mu)/(m s) =
# z_{norm}^{(k)} / m$.) Multiply by $g^{(i)}$ and add up over $i$:
#
# $$
# dz^{(k)} = \frac1s \Big( g^{(k)} - \underbrace{\tfrac1m \textstyle\sum_i g^{(i)}}_{
# \text{mean of } g} - z_{norm}^{(k)} \underbrace{\tfrac1m \textstyle\sum_i g^{(i)}
# z_{norm}^{(i)}}_{\text{mean of } g\, z_{norm}} \Big) .
# $$
#
# In words: take from $g$ what could only move the mean, and what could only change the
# width. Both are undone by the normalization anyway. So the $dz$ of a unit add up to 0,
# and so do the $dz^{(i)} z_{norm}^{(i)}$ (up to $\epsilon$).
#
# **Prediction.** One example has no batch. Use averages of $\mu$ and $\sigma^2$ that
# were kept while training:
#
# $$
# \mu_{run} \leftarrow (1 - 0.1)\, \mu_{run} + 0.1\, \mu, \qquad
# \sigma^2_{run} \leftarrow (1 - 0.1)\, \sigma^2_{run} + 0.1\, \tfrac{m}{m-1} \sigma^2 .
# $$
#
# ($\frac{m}{m-1}$ makes the variance of a batch an unbiased guess of that of all data.
# Libraries do so in the average, and not in the normalization itself.)
#
# Mind the name: here, as in PyTorch, **momentum** 0.1 is the share of the *new* batch.
# Keras, and momentum in `c2w2-optimization-methods`, name the share of the *old*
# average: this 0.1 is their 0.9.
#
# ## Your code
#
# **Exercise 1.** Forward, for a batch.
#
# **Exercise 2.** Backward in stages, before the short formula: the chain rule through
# the forward pass, one line after the other, last line first. With $s = \sqrt{\sigma^2
# + \epsilon}$ and $z - \mu = s\, z_{norm}$:
#
# 1. $dz_{norm} = \gamma\, d\tilde z$, and $z_{norm} = (z - \mu)/s$.
# 2. $d\sigma^2$: every example divides by $s$, so add up over all. The slope of $1/s$
#    with respect to $\sigma^2$ is $-\frac12 s^{-3}$.
# 3. $d\mu$: every example subtracts $\mu$, with slope $-1/s$. (The way through
#    $\sigma^2$ adds $-\frac2m \sum_i (z^{(i)} - \mu)\, d\sigma^2$. What is its value?)
# 4. $dz$ has three parts: directly with slope $1/s$, through $\sigma^2$ with slope
#    $\frac2m (z - \mu)$, and through $\mu$ with slope $\frac1m$.
#
# **Exercise 3.** Backward in three lines: the formulas above.
#
# **Exercise 4.** The moving averages. Return a new dictionary.
#
# **Exercise 5.** The same as forward, with the averages in place of the batch's
# numbers.


# %%
def batchnorm_forward(Z, gamma, beta, epsilon=1e-5):
    """Z_tilde (n, m), and the cache (Z_norm, gamma, mu, var, epsilon)."""
    # BEGIN SOLUTION
    mu = np.mean(Z, axis=1, keepdims=True)  # (n, 1)
    var = np.mean((Z - mu) ** 2, axis=1, keepdims=True)  # (n, 1)
    Z_norm = (Z - mu) / np.sqrt(var + epsilon)  # (n, m)
    Z_tilde = gamma * Z_norm + beta  # (n, m)
    # END SOLUTION
    return Z_tilde, (Z_norm, gamma, mu, var, epsilon)


def batchnorm_backward_in_stages(dZ_tilde, cache):
    """dZ (n, m), dvar (n, 1), dmu (n, 1): one stage of the forward pass at a time."""
    Z_norm, gamma, _, var, epsilon = cache
    m = dZ_tilde.shape[1]
    s = np.sqrt(var + epsilon)  # (n, 1)
    deviation = s * Z_norm  # (n, m), Z - mu
    # BEGIN SOLUTION
    dZ_norm = gamma * dZ_tilde  # (n, m)
    dvar = np.sum(dZ_norm * deviation, axis=1, keepdims=True) * -0.5 / s**3  # (n, 1)
    dmu = -np.sum(dZ_norm, axis=1, keepdims=True) / s  # (n, 1)
    dZ = dZ_norm / s + dvar * 2 * deviation / m + dmu / m  # (n, m)
    # END SOLUTION
    return dZ, dvar, dmu


def batchnorm_backward(dZ_tilde, cache):
    """dZ (n, m), dgamma (n, 1), dbeta (n, 1)."""
    Z_norm, gamma, _, var, epsilon = cache
    # BEGIN SOLUTION
    dgamma = np.sum(dZ_tilde * Z_norm, axis=1, keepdims=True)  # (n, 1)
    dbeta = np.sum(dZ_tilde, axis=1, keepdims=True)  # (n, 1)
    g = gamma * dZ_tilde  # (n, m)
    mean_g = np.mean(g, axis=1, keepdims=True)  # (n, 1)
    mean_gz = np.mean(g * Z_norm, axis=1, keepdims=True)  # (n, 1)
    dZ = (g - mean_g - Z_norm * mean_gz) / np.sqrt(var + epsilon)  # (n, m)
    # END SOLUTION
    return dZ, dgamma, dbeta


def update_running(running, mu, var, m, momentum=0.1):
    """{"mu", "var"} moved by the share `momentum` towards those of a batch of m."""
    # BEGIN SOLUTION
    return {
        "mu": (1 - momentum) * running["mu"] + momentum * mu,
        "var": (1 - momentum) * running["var"] + momentum * var * m / (m - 1),
    }
    # END SOLUTION


def batchnorm_predict(Z, gamma, beta, running, epsilon=1e-5):
    """Z_tilde (n, m) by the moving averages: each example by itself."""
    # BEGIN SOLUTION
    Z_norm = (Z - running["mu"]) / np.sqrt(running["var"] + epsilon)  # (n, m)
    Z_tilde = gamma * Z_norm + beta  # (n, m)
    # END SOLUTION
    return Z_tilde


tilde, cache = batchnorm_forward(z, np.array([[2.0]]), np.array([[1.0]]), 0.0)
assert np.allclose(tilde, [[-0.8516, 0.0742, 3.7775]], atol=1e-4)

# %% [markdown]
# Now a network of them. A hidden layer is $Z = W A$, batch norm, ReLU: no $b$, since
# the mean takes any $b$ away again, and $\beta$ has its role. The last layer is $Z = W
# A + b$ and softmax. The parameters are `W1`, `gamma1`, `beta1`, `W2` ..., and for the
# last layer `W3`, `b3`, say.
#
# **Exercise 6.** Forward. `caches` gets `(A_before, Z_tilde, bn_cache)` for each hidden
# layer, and `A` at the end.
#
# **Exercise 7.** Backward. $dZ^{[L]} = (A^{[L]} - \text{onehot})/m$ is there.


# %%
def softmax(Z):
    """e^Z over its sum, for each column."""
    e = np.exp(Z - Z.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def initialize_parameters(layers_dims, rng):
    """He's weights; gamma one, beta zero; the last layer has b instead."""
    parameters, L = {}, len(layers_dims) - 1
    for l in range(1, L + 1):
        n, n_before = layers_dims[l], layers_dims[l - 1]
        W = rng.standard_normal((n, n_before)) * np.sqrt((2 if l < L else 1) / n_before)
        parameters[f"W{l}"] = W  # (n, n_before)
        if l < L:
            parameters[f"gamma{l}"] = np.ones((n, 1))
            parameters[f"beta{l}"] = np.zeros((n, 1))
        else:
            parameters[f"b{l}"] = np.zeros((n, 1))
    return parameters


def forward_propagation(X, parameters):
    """Probabilities AL (classes, m), and the caches for backward."""
    L = sum(name[0] == "W" for name in parameters)
    A, caches = X, []
    for l in range(1, L):
        # BEGIN SOLUTION
        Z = parameters[f"W{l}"] @ A  # (n, m) = (n, n_before) @ (n_before, m)
        gamma, beta = parameters[f"gamma{l}"], parameters[f"beta{l}"]
        Z_tilde, bn_cache = batchnorm_forward(Z, gamma, beta)
        caches.append((A, Z_tilde, bn_cache))
        A = np.maximum(0, Z_tilde)  # (n, m)
        # END SOLUTION
    caches.append(A)
    AL = softmax(parameters[f"W{L}"] @ A + parameters[f"b{L}"])  # (classes, m)
    return AL, caches


def backward_propagation(AL, Y, parameters, caches):
    """Gradients {"dWL", "dbL", "dgamma..", "dbeta..", "dW1"}; Y (1, m) are labels."""
    L, m = len(caches), Y.shape[1]
    onehot = np.arange(len(AL))[:, None] == Y  # (classes, m)
    dZ = (AL - onehot) / m  # (classes, m)
    grads = {
        f"dW{L}": dZ @ caches[-1].T,  # (classes, n) = (classes, m) @ (m, n)
        f"db{L}": np.sum(dZ, axis=1, keepdims=True),  # (classes, 1)
    }
    for l in range(L - 1, 0, -1):
        A_before, Z_tilde, bn_cache = caches[l - 1]
        # BEGIN SOLUTION
        dA = parameters[f"W{l + 1}"].T @ dZ  # (n, m)
        dZ_tilde = dA * (Z_tilde > 0)  # (n, m)
        dZ, dgamma, dbeta = batchnorm_backward(dZ_tilde, bn_cache)
        grads[f"dgamma{l}"], grads[f"dbeta{l}"] = dgamma, dbeta  # (n, 1)
        grads[f"dW{l}"] = dZ @ A_before.T  # (n, n_before)
        # END SOLUTION
    return grads


def compute_cost(AL, Y):
    """Mean of -log of the probability of the right class, a float."""
    return float(-np.mean(np.log(AL[Y[0], np.arange(Y.shape[1])])))


# %% [markdown]
# ## Check it three ways
#
# **By hand.** $z = (1, 2, 6)$ as above, $\gamma = 1$, and $d\tilde z = (1, 0, 0)$. Then
# $g = (1, 0, 0)$, its mean is $1/3$, the mean of $g\, z_{norm}$ is $-0.9258/3 =
# -0.3086$, and $dz = (1 - \frac13 - 0.9258 \cdot 0.3086,\; -\frac13 - 0.4629 \cdot
# 0.3086,\; -\frac13 + 1.3887 \cdot 0.3086)/2.1602 = (0.1763, -0.2204, 0.0441)$. They
# add up to 0.

# %%
unit = np.ones((1, 1))
_, cache = batchnorm_forward(z, unit, 0 * unit, 0.0)
dz, dgamma, dbeta = batchnorm_backward(np.array([[1.0, 0.0, 0.0]]), cache)
print("dz", dz.round(4), "dgamma", dgamma.item(), "dbeta", dbeta.item())
assert np.allclose(dz, [[0.1763, -0.2204, 0.0441]], atol=1e-4)
assert abs(dz.sum()) < 1e-15 and abs((dz * cache[0]).sum()) < 1e-15
in_stages, dvar, dmu = batchnorm_backward_in_stages(np.array([[1.0, 0.0, 0.0]]), cache)
print("in stages: dvar", dvar.round(4), "dmu", dmu.round(4), "dz", in_stages.round(4))
assert np.allclose(in_stages, dz, atol=1e-12)  # two ways, one gradient

# %% [markdown]
# **Against the engine**, which knows nothing of batch norm here: it goes through the
# mean, the variance and the root by the chain rule, one operation after the other.
# Every gradient of a network 64-20-15-10 on 32 digits, where $\gamma$ and $\beta$ are
# random.


# %%
def cost_by_engine(parameters, X, Y):
    """J for a dictionary of tensors; X (n_x, m), labels Y (m,)."""
    L = sum(name[0] == "W" for name in parameters)
    A = X
    for l in range(1, L):
        Z = parameters[f"W{l}"] @ A
        deviation = Z - Z.mean(axis=1, keepdims=True)
        var = (deviation * deviation).mean(axis=1, keepdims=True)
        Z_norm = deviation / (var + 1e-5).sqrt()
        A = (parameters[f"gamma{l}"] * Z_norm + parameters[f"beta{l}"]).relu()
    return F.cross_entropy((parameters[f"W{L}"] @ A + parameters[f"b{L}"]).T, Y)


def as_tensors(parameters):
    """Leaves of the engine, with names, from a dictionary of arrays."""
    return {
        name: dls.Tensor(p, requires_grad=True, name=name)
        for name, p in parameters.items()
    }


rng = np.random.default_rng(lesson.seed)
point = initialize_parameters([64, 20, 15, 10], rng)
point = {name: p + 0.3 * rng.standard_normal(p.shape) for name, p in point.items()}
few_X, few_Y = train_X[:, :32], train_Y[:, :32]
AL, caches = forward_propagation(few_X, point)
grads = backward_propagation(AL, few_Y, point, caches)
tensors = as_tensors(point)
tX, tY = dls.Tensor(few_X, name="X"), dls.Tensor(few_Y[0], name="Y")
J = cost_by_engine(tensors, tX, tY)
J.backward()
assert abs(J.item() - compute_cost(AL, few_Y)) < 1e-12
for name, tensor in tensors.items():
    assert dls.compare("d" + name, grads["d" + name], tensor.grad).ok
    assert np.abs(grads["d" + name] - tensor.grad.numpy()).max() < 1e-10

# %% [markdown]
# **Numerically**, each of the numbers of a smaller one, 6-5-4-3, nudged.

# %%
small = initialize_parameters([6, 5, 4, 3], rng)
small_X, small_Y = rng.standard_normal((6, 8)), rng.integers(0, 3, (1, 8))
AL, caches = forward_propagation(small_X, small)
report = check.check_gradients(
    lambda p: compute_cost(forward_propagation(small_X, p)[0], small_Y),
    small,
    backward_propagation(AL, small_Y, small, caches),
    m=8,
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# One hidden layer, so that it stays readable. Between `Z` and `A` there are seven
# boxes: mean, difference, square, mean, root, division, and the line $\gamma z +
# \beta$. Look at the two ways from the difference: one upward, one through the
# variance. The printed link opens `graph.html` where the parts meet: each `+=` into the
# gradient of the difference is a line of its own.

# %%
tiny = initialize_parameters([6, 3, 2], rng)
tiny_tensors = as_tensors(tiny)
tiny_X, tiny_Y = dls.Tensor(small_X), dls.Tensor(small_Y[0] % 2)
with dls.trace():
    J = cost_by_engine(tiny_tensors, tiny_X, tiny_Y)
    J.backward()
graph = dls.graph(J, names={"X": tiny_X, "Y": tiny_Y, "J": J})
lesson.graph(graph, "graph", steps={"the parts meet at the difference": "sub"})
print(graph)
graph

# %% [markdown]
# ## Train
#
# First your code and the layers, the same start, the same batches of 64: all costs, all
# parameters and the moving averages must agree. In layers examples are *rows*.
# `nn.BatchNorm1d` has $\gamma$ as `weight` and $\beta$ as `bias`.


# %%
def train_by_hand(X, Y, parameters, epochs, rate, size=64, seed=1):
    """Parameters, running averages by layer, and the cost of each step."""
    L = sum(name[0] == "W" for name in parameters)
    running = {
        l: {
            "mu": np.zeros_like(parameters[f"beta{l}"]),
            "var": np.ones_like(parameters[f"beta{l}"]),
        }
        for l in range(1, L)
    }
    order, costs = np.random.default_rng(seed), []
    for _ in lesson.progress(range(epochs), "by hand", "epochs"):
        for places in batches_of(X.shape[1], size, order):
            x, y = X[:, places], Y[:, places]
            AL, caches = forward_propagation(x, parameters)
            costs.append(compute_cost(AL, y))
            grads = backward_propagation(AL, y, parameters, caches)
            parameters = {k: p - rate * grads["d" + k] for k, p in parameters.items()}
            for l in range(1, L):
                _, _, mu, var, _ = caches[l - 1][2]
                running[l] = update_running(running[l], mu, var, size)
    return parameters, running, costs


def predict(X, parameters, running):
    """Labels (1, m), each example by itself."""
    L = sum(name[0] == "W" for name in parameters)
    A = X
    for l in range(1, L):
        Z = parameters[f"W{l}"] @ A
        gamma, beta = parameters[f"gamma{l}"], parameters[f"beta{l}"]
        A = np.maximum(0, batchnorm_predict(Z, gamma, beta, running[l]))
    AL = softmax(parameters[f"W{L}"] @ A + parameters[f"b{L}"])
    return AL.argmax(axis=0)[None]  # (1, m)


def as_state(parameters, L):
    """The state_dict of Linear, BatchNorm1d, ReLU, ..., Linear for these parameters."""
    state = {}
    for l in range(1, L):
        place = 3 * (l - 1)
        state[f"{place}.weight"] = parameters[f"W{l}"]
        state[f"{place + 1}.weight"] = parameters[f"gamma{l}"][:, 0]
        state[f"{place + 1}.bias"] = parameters[f"beta{l}"][:, 0]
    state[f"{3 * (L - 1)}.weight"] = parameters[f"W{L}"]
    state[f"{3 * (L - 1)}.bias"] = parameters[f"b{L}"][:, 0]
    return state


dims, epochs, rate = [64, 50, 50, 10], 4 if lesson.fast else 15, 0.1
start = initialize_parameters(dims, np.random.default_rng(lesson.seed))
trained, running, hand_costs = train_by_hand(train_X, train_Y, start, epochs, rate)
network = hidden_network(True, depth=2)
network.load_state_dict(network.state_dict() | as_state(start, 3))
layer_costs = train_network(network, rate, epochs)
for step, (mine, theirs) in enumerate(zip(hand_costs, layer_costs, strict=True)):
    assert abs(mine - theirs) < (1e-10 if step < 20 else 1e-6)
state = network.state_dict()
for name, p in as_state(trained, 3).items():
    assert np.abs(state[name].numpy() - p).max() < 1e-6
for l in (1, 2):
    for mine, theirs in (("mu", "running_mean"), ("var", "running_var")):
        kept = state[f"{3 * l - 2}.{theirs}"].numpy()
        assert dls.compare(f"{theirs} of layer {l}", running[l][mine][:, 0], kept).ok

hand_figures = {
    f"{name}_accuracy": 100 * float(np.mean(predict(X, trained, running) == Y))
    for name, X, Y in (("train", train_X, train_Y), ("dev", dev_X, dev_Y))
} | {
    "costs": {0: hand_costs[0], len(hand_costs) - 1: hand_costs[-1]},
}
engine_figures = {"dev_accuracy": dev_accuracy(network)}
print("by hand:", hand_figures, "layers:", engine_figures)
assert abs(hand_figures["dev_accuracy"] - engine_figures["dev_accuracy"]) < 0.5

# %% [markdown]
# **With and without**, four hidden layers, the same start and batches. *Predict: which
# of the two bears a larger learning rate? Which cares about the size of the start?*

# %%
compare_epochs = 3 if lesson.fast else 8
rates = (0.03, 0.3, 1.0, 3.0) if lesson.fast else (0.003, 0.03, 0.1, 0.3, 1.0, 3.0)
scales = (0.1, 1.0) if lesson.fast else (0.03, 0.1, 0.3, 1.0, 3.0)
depths = (2, 20) if lesson.fast else (2, 4, 8, 12, 20)
runs = [("rate", r) for r in rates] + [("scale", s) for s in scales]
runs += [("depth", d) for d in depths]
figures = {kind: {"with": {}, "without": {}} for kind in ("rate", "scale", "depth")}
curves = {}
for kind, value in lesson.progress(runs, "with and without", "pairs"):
    for name in ("without", "with"):
        network = hidden_network(
            name == "with",
            depth=value if kind == "depth" else 4,
            scale=value if kind == "scale" else 1.0,
            seed=lesson.seed,
        )
        with np.errstate(all="ignore"):  # some of these runs explode
            costs = train_network(
                network,
                value if kind == "rate" else 0.1,
                compare_epochs,
                seed=lesson.seed,
            )
            figures[kind][name][value] = dev_accuracy(network)
        curves[kind, name, value] = costs
for kind, title in (
    ("rate", "learning rate"),
    ("scale", "weights, times He's"),
    ("depth", "hidden layers"),
):
    lesson.table(
        [title, "without: dev %", "with: dev %"],
        [
            [f"{v:g}", f"{figures[kind]['without'][v]:.1f}", f"{right:.1f}"]
            for v, right in figures[kind]["with"].items()
        ],
    )

# %% [markdown]
# With batch norm it learns at rates at which the plain network explodes, and faster at
# small ones; from weights that are ten times too small; and through twenty layers. The
# scale of the weights matters little: $\hat z$ does not see it. It matters a bit: the
# *gradient* of $W$ is divided by the scale, so large weights learn slowly, and small
# ones fast. It is not magic either: at the rate that suits it best the plain network of
# four layers comes close.

# %%
for kind in figures:
    wins = [
        figures[kind]["with"][v] > figures[kind]["without"][v] + 20
        for v in figures[kind]["with"]
    ]
    assert any(wins), (kind, figures[kind])
best = {name: max(figures["rate"][name].values()) for name in ("with", "without")}
print("the best over all rates:", best)
assert best["with"] > 90
assert figures["depth"]["with"][20] > figures["depth"]["without"][20] + 20

scaled = {}
for scale in (1.0, 10.0):
    big = {k: p * scale if k[0] == "W" and k != "W3" else p for k, p in start.items()}
    AL, caches = forward_propagation(few_X, big)
    scaled[scale] = (AL, backward_propagation(AL, few_Y, big, caches)["dW1"])
print(
    "weights ten times as large: output changed by",
    f"{np.abs(scaled[1.0][0] - scaled[10.0][0]).max():.1e},",
    f"dW1 is {np.linalg.norm(scaled[10.0][1]) / np.linalg.norm(scaled[1.0][1]):.3f}"
    " of what it was",
)
assert np.abs(scaled[1.0][0] - scaled[10.0][0]).max() < 1e-2
assert np.allclose(10 * scaled[10.0][1], scaled[1.0][1], atol=1e-3)

# %% [markdown]
# ## Look at it

# %%
fig, axes = plt.subplots(1, 3, figsize=(14, 4.2), sharey=True)
for ax, (kind, title) in zip(
    axes,
    (
        ("rate", "learning rate"),
        ("scale", "size of the start, times He's"),
        ("depth", "hidden layers"),
    ),
    strict=True,
):
    for name, by_value in figures[kind].items():
        ax.plot(by_value.keys(), by_value.values(), "o-", label=f"{name} batch norm")
    if kind != "depth":
        ax.set_xscale("log")
    ax.axhline(10, color="gray", linestyle=":", label="guessing")
    ax.set_xlabel(title)
    ax.grid(alpha=0.3)
axes[0].set_ylabel(f"dev accuracy after {compare_epochs} epochs, %")
axes[0].legend()
fig.suptitle("The same networks with and without batch normalization")
fig.tight_layout()
lesson.figure(fig, "with_and_without")

fig, ax = plt.subplots(figsize=(8, 4.2))
for name, rate_shown, colour in (
    ("without", rates[0], "tab:blue"),
    ("without", 0.3, "tab:red"),
    ("with", rates[0], "tab:cyan"),
    ("with", 0.3, "tab:orange"),
    ("with", 1.0, "tab:green"),
):
    costs = np.array(curves["rate", name, rate_shown])
    smooth = np.convolve(costs, np.ones(5) / 5, "valid")
    ax.plot(smooth, color=colour, label=f"{name}, rate {rate_shown:g}")
ax.set(xlabel="step", ylabel="cost, mean of 5 steps", ylim=(0, 3.8))
ax.set_title("Four hidden layers: the cost")
ax.legend(loc="upper right", ncols=2)
ax.grid(alpha=0.3)
lesson.figure(fig, "costs")

# %% [markdown]
# ### How large must a batch be?
#
# $\mu$ and $\sigma^2$ of a batch are guesses of those of all data, the worse the
# smaller the batch. The noise regularizes a little; with two examples it is all there
# is: each unit then sees $\pm 1$ only, which of the two is larger. Measured: the mean
# distance of $\tilde z$ as the batch has it from $\tilde z$ as all of the training set
# has it, for the trained network, first hidden layer.

# %%
Z1 = trained["W1"] @ train_X  # (50, 1200)
whole, _ = batchnorm_forward(Z1, trained["gamma1"], trained["beta1"])
noise = {}
for size in (2, 4, 8, 16, 32, 64, 128, 256):
    gaps = []
    for places in batches_of(1200, size, np.random.default_rng(lesson.seed))[:40]:
        part, _ = batchnorm_forward(
            Z1[:, places], trained["gamma1"], trained["beta1"]
        )
        gaps.append(np.mean(np.abs(part - whole[:, places])))
    noise[size] = float(np.mean(gaps))
fig, ax = plt.subplots(figsize=(6.5, 4))
ax.loglog(list(noise), list(noise.values()), "o-", label="measured")
ax.loglog(
    list(noise),
    [noise[16] * np.sqrt(16 / size) for size in noise],
    ":",
    color="gray",
    label="1 / sqrt(m)",
)
ax.set(xlabel="examples in a batch, m", ylabel="mean distance from all data")
ax.set_title("The noise that a batch adds")
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "batch_size")
assert noise[2] > noise[16] > noise[256]
assert 0.5 < noise[256] / noise[16] * np.sqrt(256 / 16) < 2

# %% [markdown]
# ## Break it
#
# **1. Mean and variance taken for constants.** The most frequent mistake by hand:
# $dz = \gamma\, d\tilde z / s$, the two other terms forgotten. The check finds it. It
# also says where it begins: all of `dW1`, `dW2` is wrong, `dW3` and the $\gamma$ of the
# last hidden layer are right, so the mistake is in what goes *through* a batch norm.


# %%
def backward_with(rule):
    """Gradients of the small network by another rule in place of batchnorm_backward."""
    AL, caches = forward_propagation(small_X, small)
    m = small_Y.shape[1]
    dZ = (AL - (np.arange(3)[:, None] == small_Y)) / m
    found = {"dW3": dZ @ caches[-1].T, "db3": dZ.sum(axis=1, keepdims=True)}
    for l in (2, 1):
        A_before, Z_tilde, bn_cache = caches[l - 1]
        dZ_tilde = (small[f"W{l + 1}"].T @ dZ) * (Z_tilde > 0)
        dZ, found[f"dgamma{l}"], found[f"dbeta{l}"] = rule(dZ_tilde, bn_cache)
        found[f"dW{l}"] = dZ @ A_before.T
    return found


def constants(dZ_tilde, cache):
    """WRONG: mu and var taken for constants."""
    _, dgamma, dbeta = batchnorm_backward(dZ_tilde, cache)
    return cache[1] * dZ_tilde / np.sqrt(cache[3] + cache[4]), dgamma, dbeta


def mean_forgotten(dZ_tilde, cache):
    """WRONG: only the way through mu forgotten."""
    dZ, dgamma, dbeta = batchnorm_backward(dZ_tilde, cache)
    mean_g = np.mean(cache[1] * dZ_tilde, axis=1, keepdims=True)
    return dZ + mean_g / np.sqrt(cache[3] + cache[4]), dgamma, dbeta


def summed_as_mean(dZ_tilde, cache):
    """WRONG: dgamma and dbeta as means over the batch (the 1/m is in dZ_tilde)."""
    dZ, dgamma, dbeta = batchnorm_backward(dZ_tilde, cache)
    return dZ, dgamma / dZ_tilde.shape[1], dbeta / dZ_tilde.shape[1]


def small_cost(parameters):
    """The cost of the small network, a function of its parameters alone."""
    return compute_cost(forward_propagation(small_X, parameters)[0], small_Y)


broken = {}
for rule in (constants, mean_forgotten, summed_as_mean):
    report = check.check_gradients(small_cost, small, backward_with(rule), m=8)
    broken[rule.__name__] = [c.name for c in report.wrong]
    print(f"{rule.__name__}: wrong are", ", ".join(broken[rule.__name__]))
    print("   ", report.first.name, report.first.hint)
    assert not report.ok
assert {"dW1", "dW2"} <= set(broken["constants"])
assert not {"dW3", "db3", "dgamma2", "dbeta2"} & set(broken["constants"])
assert set(broken["summed_as_mean"]) == {"dgamma1", "dbeta1", "dgamma2", "dbeta2"}

# %% [markdown]
# Which of the two ways was forgotten? A tool for this one layer: the $dz$ of a unit
# must add up to 0, or the way through $\mu$ is lost; and so must $dz \cdot z_{norm}$,
# or the way through $\sigma^2$ is.


# %%
def name_the_way(rule, cache, rng):
    """What a backward rule of batch norm has forgotten, as a list of words."""
    dZ, _, _ = rule(rng.standard_normal(cache[0].shape), cache)
    size = np.abs(dZ).sum(axis=1).max()
    found = []
    if np.abs(dZ.sum(axis=1)).max() > 1e-9 * size:
        found.append("the way through the mean is missing: dZ of a unit adds up to 0")
    if np.abs((dZ * cache[0]).sum(axis=1)).max() > 1e-3 * size:
        found.append("the way through the variance is missing: dZ * Z_norm does, too")
    return found


_, bn_cache = batchnorm_forward(rng.standard_normal((4, 9)), np.ones((4, 1)), 0.0)
ways = {
    rule.__name__: name_the_way(rule, bn_cache, rng)
    for rule in (batchnorm_backward, constants, mean_forgotten)
}
for name, words in ways.items():
    print(f"{name}:", words or "nothing is missing")
assert ways["batchnorm_backward"] == []
assert len(ways["constants"]) == 2
assert len(ways["mean_forgotten"]) == 1 and "mean" in ways["mean_forgotten"][0]

# %% [markdown]
# **2. A bias in front.** It costs memory and does nothing: its gradient is 0 but for
# rounding. In a network a parameter whose gradient is always 0 is worth a look.

# %%
biased = nn.Sequential(
    nn.Linear(64, 50, dtype="float64"),  # bias=True by default
    nn.BatchNorm1d(50, dtype="float64"),
    nn.ReLU(),
    nn.Linear(50, 10, dtype="float64"),
)
rows, targets = dls.Tensor(few_X.T), dls.Tensor(few_Y[0])
F.cross_entropy(biased(rows), targets).backward()
idle = [
    name
    for name, p in biased.named_parameters()
    if np.abs(p.grad.numpy()).max() < 1e-12
]
print("parameters whose gradient is 0:", idle)
assert idle == ["0.bias"]

# %% [markdown]
# **3. Evaluation mode forgotten.** Then a prediction depends on who else is in the
# batch. The test: predict the same example in two different batches. And alone: a batch
# of one has no variance, all $z_{norm}$ would be 0, and each example would get the same
# answer; `nn.BatchNorm1d` refuses it.

# %%
network.train()
example = dev_X[:, :1].T  # (1, 64)
answers = []
for others in (dev_X[:, 1:20].T, dev_X[:, 20:40].T):
    batch = dls.Tensor(np.concatenate([example, others]))
    with dls.no_grad():
        answers.append(F.softmax(network(batch), axis=1).numpy()[0])
gap_train = float(np.abs(answers[0] - answers[1]).max())
network.eval()
answers = []
for others in (dev_X[:, 1:20].T, dev_X[:, 20:40].T):
    batch = dls.Tensor(np.concatenate([example, others]))
    with dls.no_grad():
        answers.append(F.softmax(network(batch), axis=1).numpy()[0])
gap_eval = float(np.abs(answers[0] - answers[1]).max())
print(f"one example in two batches: {gap_train:.1e} in training, {gap_eval:.1e} else")
assert gap_train > 1e-6 and gap_eval < 1e-12
network.train()
try:
    network(dls.Tensor(example))
    refused = ""
except dls.DataError as error:
    refused = str(error).splitlines()[0]
print("a batch of one, in training mode:", refused)
assert "more than one number" in refused
alone, _ = batchnorm_forward(trained["W1"] @ dev_X[:, :1], trained["gamma1"], 7.0)
assert np.allclose(alone, 7.0)  # beta, whatever the picture shows

# %% [markdown]
# **4. The averages never moved.** They stay at mean 0 and variance 1, the training cost
# falls as ever, and only the dev accuracy is bad. **5.** The averages moved by the
# share 0.9 in place of 0.1 follow the last batch. **6.** The wrong axis: a mean over
# the units of one example is another method (layer normalization), here it is a
# mistake: the means of the units are then not 0.

# %%
never = {
    l: {"mu": np.zeros_like(r["mu"]), "var": np.ones_like(r["var"])}
    for l, r in running.items()
}
dev_never = 100 * float(np.mean(predict(dev_X, trained, never) == dev_Y))
print(f"dev {hand_figures['dev_accuracy']:.1f} %, never moved {dev_never:.1f} %")
assert dev_never < hand_figures["dev_accuracy"] - 2


def name_the_axis(Z_norm):
    """Along which axis was this normalized?"""
    over_examples = np.abs(Z_norm.mean(axis=1)).max() < 1e-6
    over_units = np.abs(Z_norm.mean(axis=0)).max() < 1e-6
    if over_examples:
        return "over the examples, for each unit: batch norm"
    return "over the units of each example: axis=0, not 1" if over_units else "?"


Z = rng.standard_normal((5, 12)) * 3 + 2
wrong = (Z - Z.mean(axis=0)) / Z.std(axis=0)
print(name_the_axis(batchnorm_forward(Z, 1.0, 0.0)[0]), "|", name_the_axis(wrong))
assert "batch norm" in name_the_axis(batchnorm_forward(Z, 1.0, 0.0)[0])
assert "axis=0" in name_the_axis(wrong)

mu_jumps = {}
for momentum in (0.1, 0.9):
    average, means = {"mu": np.zeros((50, 1)), "var": np.ones((50, 1))}, []
    for places in batches_of(1200, 16, np.random.default_rng(lesson.seed)):
        part = Z1[:, places]
        mu, var = part.mean(axis=1, keepdims=True), part.var(axis=1, keepdims=True)
        average = update_running(average, mu, var, 16, momentum)
        means.append(average["mu"])
    late = np.array(means[30:])
    mu_jumps[momentum] = float(late.std(axis=0).mean() / Z1.std())
print("how much the kept mean jumps:", {k: round(v, 3) for k, v in mu_jumps.items()})
assert mu_jumps[0.9] > 2 * mu_jumps[0.1]

# %% [markdown]
# ## Recap
#
# - Normalize each unit over the batch; give width and mean back as $\gamma$ and
#   $\beta$.
# - Backward goes through the mean and the variance, too: subtract the mean of $g$, and
#   $z_{norm}$ times the mean of $g\, z_{norm}$.
# - It works because it makes the cost smoother, not because inputs drift less.
# - No bias in front. The scale of the weights does not matter to the output.
# - Train with the batch's numbers, predict with moving averages: `train()`, `eval()`.
# - It bears large learning rates, poor starts and many layers; it needs batches.
#
# ## Questions
#
# 1. A unit's $z$ is the same for all examples of a batch. What is $\tilde z$, and what
#    is $dz$?
#    <details><summary>Answer</summary>
#    z - mu is 0, so z_tilde is beta. dz is (g - mean(g)) / sqrt(epsilon), which is
#    large: epsilon keeps it finite.
#    </details>
# 2. Why may the learning rate be larger?
#    <details><summary>Answer</summary>
#    A step that makes W larger does not change the output, and makes the next gradient
#    smaller: dW is divided by the scale of W. The step size regulates itself.
#    </details>
# 3. Why the factor m / (m - 1) in the average and not in the normalization?
#    <details><summary>Answer</summary>
#    The normalization should give exactly variance 1 in the batch. The average is a
#    guess for all data, and the mean square around the batch's own mean is too small by
#    (m - 1) / m.
#    </details>
# 4. A network with batch norm trained well but answers nonsense on a single picture.
#    Three suspects?
#    <details><summary>Answer</summary>
#    eval() was forgotten; the averages were never moved, or not saved with the weights
#    (they are not parameters); the pictures are preprocessed differently.
#    </details>
# 5. What does batch norm do in a convolution?
#    <details><summary>Answer</summary>
#    Mean and variance are taken over the batch and all places of a channel, so there is
#    one gamma and one beta for each channel.
#    </details>
#
# ## Go further
#
# - Put the batch norm behind the ReLU. Does it matter?
# - Replace it by `nn.LayerNorm`: which of the six mistakes can no longer happen?
# - Next: `c2w3-softmax-classifier`.

# %%
# The end: this run must have reached what is known of it.
assert hand_costs[-1] < hand_costs[0] / 2
if not lesson.fast:
    assert hand_figures["train_accuracy"] > 98 and hand_figures["dev_accuracy"] > 93
    assert figures["rate"]["with"][1.0] > 80
    assert figures["scale"]["with"][0.03] > 80 > figures["scale"]["without"][0.03]
lesson.finish(
    hand_figures
    | {
        "engine": engine_figures,
        "drift": drift_figures,
        "with_and_without": figures,
        "noise": noise,
        "broken": {
            "constants": broken["constants"],
            "ways": ways,
            "idle": idle,
            "gap": {"train": gap_train, "eval": gap_eval},
            "never_moved": dev_never,
        },
    }
)
