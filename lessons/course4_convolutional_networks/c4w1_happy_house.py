# %% [markdown]
# # The happy house: batch normalization in a convolutional network
#
# Course 4, week 1. About an hour with the exercises. The script runs for about forty
# seconds on the course's pictures, half a minute on the built-in ones, with `--fast`
# for a few seconds.
#
# **Goal.** A door that opens for people who smile: one convolution, one batch
# normalization, one unit. You will
#
# - normalize pictures channel by channel, forward and backward by hand,
# - keep the moving averages that an answer about *one* picture needs,
# - build the network, and count it as Keras and as PyTorch do,
# - train on 150 pictures, and measure how little one split of them says,
# - break it in six ways; in four of them it still trains.
#
# ## What you need
#
# `c4w1-convolution-step-by-step`, and `c2w3-batch-normalization` for where the gradient
# comes from. This lesson answers the first half of the notebook *Convolution Model
# Application* (2021; in 2017 it was *Keras Tutorial: The Happy House*). Part by hand:
# pictures $(m, n_H, n_W, n_C)$. Layers: $(m, n_C, n_H, n_W)$.
#
# The course has 600 pictures to train with and 150 to test. Here only the 150 are asked
# for, and the lesson splits them. Its figures are its own, and say how far to trust
# them. Without the course's files, faces and patches of background stand in: *a face or
# not*.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, data, models, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w1-happy-house")
house = lesson.load("happy-house")
real = house.where != "built-in"
words = ("not happy", "happy") if real else ("background", "a face")
X = np.concatenate([house.train_x_orig, house.test_x_orig]) / 255.0  # (m, n, n, c)
Y = np.concatenate([house.train_y[0], house.test_y[0]]).astype(float)  # (m,)
keep = 150
order = np.random.default_rng(lesson.seed).permutation(len(X))[:keep]
X, Y = X[order], Y[order]
size, channels = X.shape[1], X.shape[3]
print(f"{len(X)} pictures {X.shape[1:]}, {int(Y.sum())} of them {words[1]}")

# %% [markdown]
# ## The idea in a picture
#
# A convolution makes 32 channels; each is a picture of its own, bright or dark as it
# comes. Batch normalization gives every channel mean 0 and width 1, over *all pixels of
# all pictures of the batch*, and then a width $\gamma$ and a mean $\beta$ that are
# learned.

# %%
rng = np.random.default_rng(lesson.seed)
some = dls.Tensor(X[:32].transpose(0, 3, 1, 2).copy())
drawn = 0.1 * rng.standard_normal((6, channels, 7, 7))
maps = F.conv2d(some, dls.Tensor(drawn), padding=3).numpy()  # (32, 6, n, n)
normal = (maps - maps.mean(axis=(0, 2, 3), keepdims=True)) / maps.std(
    axis=(0, 2, 3), keepdims=True
)
fig, axes = plt.subplots(1, 3, figsize=(13, 3.6))
axes[0].imshow(np.concatenate(X[:3], axis=1).squeeze(), cmap="gray")
axes[0].set_axis_off()
axes[0].set_title("three of the pictures")
for ax, values, title in (
    (axes[1], maps, "six channels of a convolution"),
    (axes[2], normal, "the same, normalized"),
):
    for channel in range(6):
        counts, edges = np.histogram(values[:, channel], bins=60, density=True)
        ax.plot((edges[1:] + edges[:-1]) / 2, counts)
    ax.set(xlabel="z of a pixel", ylabel="density", title=title)
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# One channel, a batch of two pictures of $1 \times 2$ pixels: $(1, 3)$ and $(5, 7)$.
#
# - Mean over all *four* pixels: $\mu = 4$. Variance: $(9 + 1 + 1 + 9)/4 = 5$.
# - Normalized: $(-3, -1, 1, 3)/\sqrt 5 = (-1.342, -0.447, 0.447, 1.342)$.
# - With $\gamma = 2$, $\beta = 1$: $(-1.683, 0.106, 1.894, 3.683)$.
#
# A fully connected unit would have had a mean for each of the *pixels*, over two
# numbers. *Why would that be wrong for a convolution?*

# %%
four = np.array([1.0, 3, 5, 7]).reshape(2, 1, 2, 1)
normalized = (four - four.mean()) / four.std()
print("normalized:", normalized.ravel().round(3))
assert np.allclose(2 * normalized.ravel() + 1, [-1.683, 0.106, 1.894, 3.683], atol=1e-3)

# %% [markdown]
# ## The mathematics
#
# A filter does the same at every place, so all places share their statistics. With $M =
# m\, n_H n_W$ pixels in channel $c$
#
# $$\mu_c = \frac1M \sum_{i,h,w} Z_{ihwc} \qquad \sigma_c^2 = \frac1M \sum_{i,h,w}
# (Z_{ihwc} - \mu_c)^2 \qquad \hat Z = \frac{Z - \mu}{\sqrt{\sigma^2 + \epsilon}} \qquad
# \tilde Z = \gamma \hat Z + \beta$$
#
# Backward, as in `c2w3-batch-normalization`, with sums over pixels *and* examples:
#
# $$d\gamma_c = \sum d\tilde Z\, \hat Z \qquad d\beta_c = \sum d\tilde Z \qquad dZ =
# \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}
# \Big( d\tilde Z - \frac{d\beta}{M} - \hat Z\,
# \frac{d\gamma}{M} \Big)$$
#
# For an answer about one picture there is no batch. While training, keep
#
# $$\mu_{mov} \leftarrow (1 - \alpha)\, \mu_{mov} + \alpha\, \mu$$
#
# and use these. **Two conventions.** PyTorch calls $\alpha$ the momentum, .1 as
# default; Keras calls $1 - \alpha$ the momentum, .99 as default. PyTorch's moving
# average follows ten times as fast.
#
# **Counting.** Pad 3, convolution 7 x 7 to 32 channels, batch norm, ReLU, pool 2, one
# unit, for $64 \times 64 \times 3$:
#
# | | trained | not trained |
# |---|---|---|
# | convolution | $49 \cdot 3 \cdot 32 + 32 = 4736$ | |
# | batch norm | $\gamma, \beta$: 64 | moving mean and variance: 64 |
# | unit | $32 \cdot 32 \cdot 32 + 1 = 32769$ | |
# | | **37,569** | 64 |
#
# Keras prints the sum, 37,633; PyTorch counts what is trained, 37,569.
#
# ## Your code
#
# **Exercise 1.** Batch normalization of a batch, forward. $\gamma$ and $\beta$ are
# $(c,)$.
#
# **Exercise 2.** Its backward pass.


# %%
def batchnorm_forward(Z, gamma, beta, eps=1e-5):
    """Z~ (m, n_H, n_W, c); the mean and variance (c,) of the batch; and the cache."""
    # BEGIN SOLUTION
    mean = Z.mean(axis=(0, 1, 2))
    variance = Z.var(axis=(0, 1, 2))
    Z_hat = (Z - mean) / np.sqrt(variance + eps)
    Z_tilde = gamma * Z_hat + beta
    # END SOLUTION
    return Z_tilde, mean, variance, (Z_hat, gamma, variance, eps)


def batchnorm_backward(dZ_tilde, cache):
    """dZ (m, n_H, n_W, c), dgamma (c,), dbeta (c,)."""
    Z_hat, gamma, variance, eps = cache
    M = dZ_tilde[..., 0].size  # pixels of a channel in the batch
    # BEGIN SOLUTION
    dgamma = np.sum(dZ_tilde * Z_hat, axis=(0, 1, 2))
    dbeta = np.sum(dZ_tilde, axis=(0, 1, 2))
    centered = dZ_tilde - dbeta / M - Z_hat * dgamma / M
    dZ = gamma / np.sqrt(variance + eps) * centered
    # END SOLUTION
    return dZ, dgamma, dbeta


by_hand, *_ = batchnorm_forward(four, np.array([2.0]), np.array([1.0]), eps=0.0)
assert np.allclose(by_hand, 2 * normalized + 1)

# %% [markdown]
# **Exercise 3.** One update of a moving average. **Exercise 4.** The answer for
# pictures one at a time. `moving` is `{"mean": (c,), "variance": (c,)}`; return a new
# dictionary. (The variance that is kept is the *unbiased* one, $M/(M-1)$ times that of
# the batch.)


# %%
def update_moving(moving, mean, variance, M, alpha=0.1):
    """The moving statistics after a batch of M pixels a channel."""
    # BEGIN SOLUTION
    unbiased = variance * M / (M - 1)
    new_mean = (1 - alpha) * moving["mean"] + alpha * mean
    new_variance = (1 - alpha) * moving["variance"] + alpha * unbiased
    # END SOLUTION
    return {"mean": new_mean, "variance": new_variance}


def batchnorm_predict(Z, gamma, beta, moving, eps=1e-5):
    """Z~ with the moving statistics, whatever the batch."""
    # BEGIN SOLUTION
    Z_hat = (Z - moving["mean"]) / np.sqrt(moving["variance"] + eps)
    Z_tilde = gamma * Z_hat + beta
    # END SOLUTION
    return Z_tilde


# %% [markdown]
# **Exercise 5.** The network, as the course has it. One score for a picture: its
# sigmoid is the probability. (The unit gets $32 (n/2)^2$ numbers; for $n = 25$ half is
# 12.)


# %%
def happy_model(size, channels):
    """Scores (m, 1) of pictures (m, channels, size, size)."""
    # BEGIN SOLUTION
    half = size // 2
    layers = [
        nn.ZeroPad2d(3),
        nn.Conv2d(channels, 32, 7),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * half * half, 1),
    ]
    # END SOLUTION
    return nn.Sequential(*layers)


dls.manual_seed(lesson.seed)
as_published = happy_model(64, 3)
trained_count = sum(p.size for p in as_published.parameters())
keras_count = models.keras_parameters(as_published)
print(f"PyTorch counts {trained_count:,}, Keras {keras_count:,}")
assert (trained_count, keras_count) == (37569, 37633)

# %% [markdown]
# ## Check it three ways
#
# **By hand**: four pixels, above.
#
# **Against the engine**: one batch through `nn.BatchNorm2d`, its gradients, its moving
# statistics, and its answer in evaluation mode.

# %%
Z = 2 * rng.standard_normal((4, 5, 3, 2)) + [1.0, -3.0]
gamma, beta = rng.standard_normal(2), rng.standard_normal(2)
dZ_tilde = rng.standard_normal(Z.shape)
Z_tilde, mean, variance, cache = batchnorm_forward(Z, gamma, beta)
dZ, dgamma, dbeta = batchnorm_backward(dZ_tilde, cache)
M = Z[..., 0].size
moving = update_moving({"mean": np.zeros(2), "variance": np.ones(2)}, mean, variance, M)


def to_engine(X):
    """(m, n_H, n_W, n_C) -> (m, n_C, n_H, n_W)."""
    return np.ascontiguousarray(X.transpose(0, 3, 1, 2))


def from_engine(tensor):
    """(m, n_C, n_H, n_W) -> (m, n_H, n_W, n_C)."""
    return tensor.numpy().transpose(0, 2, 3, 1)


layer = nn.BatchNorm2d(2, dtype="float64")
state = layer.state_dict() | {"weight": gamma, "bias": beta}
layer.load_state_dict(state)
z = dls.Tensor(to_engine(Z), requires_grad=True)
out = layer(z)
out.backward(dls.Tensor(to_engine(dZ_tilde)))
for name, mine, theirs in (
    ("Z~", Z_tilde, from_engine(out)),
    ("dZ", dZ, from_engine(z.grad)),
    ("dgamma", dgamma, layer.weight.grad),
    ("dbeta", dbeta, layer.bias.grad),
    ("moving mean", moving["mean"], layer.running_mean),
    ("moving variance", moving["variance"], layer.running_var),
):
    assert dls.compare(name, mine, theirs).ok
answer = batchnorm_predict(Z, gamma, beta, moving)
assert dls.compare("in evaluation mode", answer, from_engine(layer.eval()(z))).ok

# %% [markdown]
# **Numerically.**

# %%
report = check.check_gradients(
    lambda p: np.sum(dZ_tilde * batchnorm_forward(p["Z"], p["gamma"], p["beta"])[0]),
    {"Z": Z, "gamma": gamma, "beta": beta},
    {"dZ": dZ, "dgamma": dgamma, "dbeta": dbeta},
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# Seven layers on four pictures. The gradient of the batch norm's input needs the whole
# batch: that is why its box keeps so much.

# %%
dls.manual_seed(lesson.seed)
model = happy_model(size, channels)
pictures = dls.Tensor(to_engine(X[:4]).astype("float32"), name="X")
with dls.trace():
    loss = F.binary_cross_entropy_with_logits(
        model(pictures), dls.Tensor(Y[:4, None].astype("float32"))
    )
    loss.backward()
graph = dls.graph(loss, model, names={"loss": loss})
lesson.graph(graph, "graph", depth=1)
graph

# %% [markdown]
# ## Train
#
# Five splits of the 150 pictures: 120 to train, 30 to test, each picture tested once
# (*cross-validation*). With 30 test pictures one of them is 3.3 points. A figure from
# one split would be luck.


# %%
def loader(rows, seed):
    """Batches of 16 of these pictures, in a new order each epoch."""
    pairs = data.TensorDataset(
        to_engine(X[rows]).astype("float32"), Y[rows, None].astype("float32")
    )
    generator = dls.Generator(seed)
    return data.DataLoader(
        pairs, batch_size=16, shuffle=True, drop_last=True, generator=generator
    )


def train_model(model, rows, epochs, seed):
    """The cost of each epoch: Adam, .001 as in the course's notebook."""
    history = dls.fit(
        model,
        F.binary_cross_entropy_with_logits,
        optim.Adam(model.parameters(), lr=0.001),
        loader(rows, seed),
        epochs,
        capture=True,
        progress=False,
    )
    return history["loss"]


def probabilities(model, X):
    """Probability (m,) of label 1, in evaluation mode."""
    model.eval()
    with dls.no_grad():
        scores = model(dls.Tensor(to_engine(X).astype("float32"))).numpy()[:, 0]
    model.train()
    return 1 / (1 + np.exp(-scores.astype("float64")))


def accuracy(model, rows):
    """Percent right of these pictures."""
    return 100 * float(np.mean((probabilities(model, X[rows]) > 0.5) == Y[rows]))


epochs = 2 if lesson.fast else 25
folds = np.array_split(np.arange(keep), 5)
splits, answers, costs = [], np.zeros(keep), []
for number, test in enumerate(
    lesson.progress(folds if not lesson.fast else folds[:2], "splits", "splits")
):
    train = np.setdiff1d(np.arange(keep), test)
    dls.manual_seed(lesson.seed + number)
    model = happy_model(size, channels)
    costs.append(train_model(model, train, epochs, lesson.seed))
    answers[test] = probabilities(model, X[test])
    splits.append({"train": accuracy(model, train), "test": accuracy(model, test)})
train_accuracy, test_accuracy = (
    float(np.mean([split[part] for split in splits])) for part in ("train", "test")
)
lesson.table(
    ["split", "train %", "test %"],
    [
        *(
            [number, f"{split['train']:.1f}", f"{split['test']:.1f}"]
            for number, split in enumerate(splits, 1)
        ),
        ["mean", f"{train_accuracy:.1f}", f"{test_accuracy:.1f}"],
    ],
)

# %% [markdown]
# ## Look at it
#
# The pictures it is least sure of or most wrong about; each was answered by the network
# that had not seen it.

# %%
tested = np.concatenate(folds[: len(splits)])
margin = np.where(Y[tested] == 1, answers[tested], 1 - answers[tested])
hardest = tested[np.argsort(margin)[:10]]
fig, axes = plt.subplots(2, 5, figsize=(12, 5.4))
for ax, i in zip(axes.ravel(), hardest, strict=True):
    ax.imshow(X[i].squeeze(), cmap="gray")
    right = (answers[i] > 0.5) == Y[i]
    ax.set_title(
        f"{words[int(Y[i])]}: {100 * answers[i]:.0f} %",
        color="black" if right else "tab:red",
        fontsize=10,
    )
    ax.set_axis_off()
fig.suptitle(f"the ten hardest, with the probability of '{words[1]}'")
fig.tight_layout()
lesson.figure(fig, "hardest")


# %% [markdown]
# What does batch norm do here? The same network with and without it, at three rates.


# %%
def without_norm(size, channels):
    """The same network without its batch norm."""
    layers = list(happy_model(size, channels))
    return nn.Sequential(*(x for x in layers if not isinstance(x, nn.BatchNorm2d)))


def run_at(build, rate, epochs):
    """The costs of a run on the first split, at this rate."""
    dls.manual_seed(lesson.seed)
    model = build(size, channels)
    optimizer = optim.SGD(model.parameters(), lr=rate)
    history = dls.fit(
        model, F.binary_cross_entropy_with_logits, optimizer,
        loader(np.setdiff1d(np.arange(keep), folds[0]), lesson.seed), epochs,
        capture=True, progress=False,
    )
    return history["loss"]


rates = (0.01, 0.1) if lesson.fast else (0.001, 0.01, 0.1)
rate_epochs = 2 if lesson.fast else 12
by_rate = {
    name: {rate: run_at(build, rate, rate_epochs) for rate in rates}
    for name, build in (("with", happy_model), ("without", without_norm))
}
fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2))
for number, run in enumerate(costs, 1):
    left.semilogy(run, label=f"split {number}")
left.set(xlabel="epoch", ylabel="cost (log scale)", title="five splits, Adam")
left.legend()
for name, style in (("with", "-"), ("without", "--")):
    for rate, colour in zip(rates, ("tab:blue", "tab:orange", "tab:green")):
        right.semilogy(
            by_rate[name][rate], style, color=colour, label=f"{name}, rate {rate:g}"
        )
right.set(xlabel="epoch", ylabel="cost (log scale)", title="gradient descent")
right.legend(fontsize=8)
for ax in (left, right):
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "training")

# %% [markdown]
# Batch norm does not cure everything. It hands numbers of width 1 to a unit that adds
# up thousands of them: its scores are large from the first step, and plain gradient
# descent jumps. Adam, which looks at the size of each gradient, does not mind. Divide
# the unit's first weights by ten and look again.

# %% [markdown]
# ## Break it
#
# **1. Statistics for each pixel** instead of for each channel. It trains, and forgets
# that a filter is the same everywhere: $2 n_H n_W n_C$ numbers in place of $2 n_C$.


# %%
def pixelwise_forward(Z, gamma, beta, eps=1e-5):
    """WRONG: mean and variance over the batch alone."""
    Z_hat = (Z - Z.mean(axis=0)) / np.sqrt(Z.var(axis=0) + eps)
    return gamma * Z_hat + beta


verdict = dls.compare("Z~ by pixels", pixelwise_forward(Z, gamma, beta), Z_tilde)
assert not verdict.ok

# %% [markdown]
# **2. The mean and the variance taken for constants** on the way back. $d\gamma$ and
# $d\beta$ are right, $dZ$ is not: its sum over a channel must be 0, since adding a
# number to the whole channel changes nothing.

# %%
constant = gamma / np.sqrt(variance + 1e-5) * dZ_tilde
sums = {
    name: float(np.abs(g.sum(axis=(0, 1, 2))).max())
    for name, g in (("right", dZ), ("constants", constant))
}
print("sum of dZ over a channel:", {k: f"{v:.1e}" for k, v in sums.items()})
assert sums["right"] < 1e-12 < 0.1 < sums["constants"]

# %% [markdown]
# **3. Training mode in use.** The answer for a picture depends on who else is in the
# batch. The same picture, in two batches:

# %%
first = dls.Tensor(to_engine(X[:8]).astype("float32"))
second = dls.Tensor(to_engine(X[[0, *range(20, 27)]]).astype("float32"))
gaps = {}
for mode in ("train", "eval"):
    model.train(mode == "train")
    copies = {name: b.numpy().copy() for name, b in model.named_buffers()}
    with dls.no_grad():
        gaps[mode] = abs(model(first)[0].item() - model(second)[0].item())
    model.load_state_dict(copies, strict=False)
print("difference of its score:", {k: f"{v:.2e}" for k, v in gaps.items()})
assert gaps["eval"] < 1e-4 < gaps["train"]

# %% [markdown]
# **4. A slow moving average and few steps.** With Keras's .99 an average needs hundreds
# of batches to forget its start (mean 0, variance 1). Seven batches an epoch are too
# few: the training cost is fine, and in evaluation mode the network answers nonsense.

# %%
slow_epochs = 2 if lesson.fast else 8
train = np.setdiff1d(np.arange(keep), folds[0])
slow = {}
for name, alpha in (("PyTorch, .1", 0.1), ("Keras, .01", 0.01)):
    dls.manual_seed(lesson.seed)
    model = happy_model(size, channels)
    model[2].momentum = alpha
    cost = train_model(model, train, slow_epochs, lesson.seed)[-1]
    predicted = probabilities(model, X[train])
    there = np.where(Y[train] == 1, predicted, 1 - predicted)
    slow[name] = {
        "cost": float(cost),
        "in evaluation": float(-np.mean(np.log(np.maximum(there, 1e-300)))),
    }
lesson.table(
    ["alpha", "cost while training", "cost of the same pictures, evaluation"],
    [[k, f"{v['cost']:.3f}", f"{v['in evaluation']:.3f}"] for k, v in slow.items()],
)

# %% [markdown]
# **5. A bias in front of batch norm.** It is subtracted at once with the mean: its
# gradient is 0, and 32 parameters of the course's network learn nothing. `bias=False`
# says so.

# %%
model = happy_model(size, channels).double()
F.binary_cross_entropy_with_logits(
    model(dls.Tensor(to_engine(X[:16]))), dls.Tensor(Y[:16, None])
).backward()
idle = float(np.abs(model[1].bias.grad.numpy()).max())
used = float(np.abs(model[2].bias.grad.numpy()).max())
print(f"largest gradient: bias of the convolution {idle:.1e}, beta {used:.1e}")
assert idle < 1e-12 < used

# %% [markdown]
# **6. A batch of one** works for a convolution, which still has $n_H n_W$ pixels, and
# fails for one pixel: there is nothing to compare it with.

# %%
norm = nn.BatchNorm2d(2)
norm(dls.randn(1, 2, 4, 4))
try:
    norm(dls.randn(1, 2, 1, 1))
    refused = ""
except dls.Error as error:
    refused = str(error).splitlines()[0]
print(refused)
assert refused

# %% [markdown]
# ## Recap
#
# - In a convolutional network batch norm works by channel: over pictures and pixels.
# - $dZ$ has a sum of 0 over each channel; a bias before it is idle.
# - Moving averages for use; $\alpha$ is PyTorch's momentum, $1 - \alpha$ is Keras's.
# - 37,569 numbers learn; Keras counts 64 more.
# - Few pictures: test each of them once, and say the mean over the splits.
#
# ## Questions
#
# 1. The moving averages are not trained. Why must they be in the saved file?
#    <details><summary>Answer</summary>
#    Evaluation mode uses them; without them the network gives other answers.
#    </details>
# 2. Why is the unbiased variance kept, and the biased one used in the batch?
#    <details><summary>Answer</summary>
#    The batch is normalized to width 1 exactly; what is kept estimates the variance of
#    all pictures. With thousands of pixels they hardly differ.
#    </details>
# 3. Where do most of the 37,569 parameters sit, and what would you do about it?
#    <details><summary>Answer</summary>
#    In the one unit: 32,769. A second pooling layer, or the mean of each channel.
#    </details>
# 4. Could the order batch norm, ReLU be the other way round?
#    <details><summary>Answer</summary>
#    Yes, some do it. Then half of what is normalized is zeros.
#    </details>
#
# ## Go further
#
# - Mirror the pictures at random while training: does the test accuracy rise?
# - Put your own 600 + 150 pictures in place, and train on all of the first.
# - Next: `c4w2-classic-networks`.

# %%
# The end.
if not lesson.fast:
    assert train_accuracy > 95 and test_accuracy > 80
lesson.finish(
    {
        "train_accuracy": train_accuracy,
        "test_accuracy": test_accuracy,
        "splits": splits,
        "costs": dict(enumerate(costs[0])),
        "parameters": {"trained": trained_count, "keras": keras_count},
        "rates": {
            name: {rate: run[-1] for rate, run in runs.items()}
            for name, runs in by_rate.items()
        },
        "broken": {"sums": sums, "modes": gaps, "slow": slow, "idle": idle},
    }
)
