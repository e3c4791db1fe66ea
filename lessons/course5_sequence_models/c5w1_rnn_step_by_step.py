# %% [markdown]
# # RNN, LSTM and GRU, step by step
#
# Course 5, week 1. About two hours with the exercises. The script runs for about
# twenty seconds, with `--fast` for six.
#
# **Goal.** A recurrent network reads a sequence one element at a time and carries what
# it has read in a state. You will
#
# - build one step of an RNN, an LSTM and a GRU, and the loop over time,
# - derive the backward pass of each step, and of the loop: backpropagation in time,
# - find out what the state of a sequence needs to survive padding,
# - train all three on handwritten digits that they read row by row, beside the engine,
# - break it in seven ways, among them two that were published.
#
# ## What you need
#
# `c1w4-deep-network-step-by-step` for blocks and caches. This lesson answers the
# notebook *Building your Recurrent Neural Network - Step by Step* (2017 and 2021), with
# its names, arguments and shapes. The notebook has no GRU; the lectures do.
#
# **Do not compare your gradients with the numbers printed in the notebook of 2017.**
# Some of them drop terms: `rnn_cell_backward` and `lstm_backward` are not the
# derivatives of the forward pass. Here central differences decide: a gradient is what
# the cost does when a number is nudged. Breaks 1 and 2 show the dropped terms.
#
# Arrays are those of the course: one step is $(n_x, m)$, a batch of sequences
# $(n_x, m, T_x)$. The engine stores a batch as PyTorch does: $(T_x, m, n_x)$.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.nn.utils.rnn import pack_padded_sequence
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w1-rnn-step-by-step")
digits = lesson.load("digits")
rows = digits.train_x_orig.reshape(-1, 8, 8).transpose(2, 0, 1) / 255
labels = digits.train_y[0]
train_x, train_y = rows[:, :1200], labels[:1200]  # (n_x, m, T_x) = (8, 1200, 8)
dev_x, dev_y = rows[:, 1200:], labels[1200:]
print(f"train {train_x.shape}, dev {dev_x.shape}: 8 pixels a step, 8 steps, ten digits")

# %% [markdown]
# ## The idea in a picture
#
# The same small network is applied at every step. Its inputs are the element $x$ of
# this step and its own state $a$ of the step before. Unrolled over time it is a deep
# network whose layers all share their weights. Here a digit arrives row by row.

# %%
fig, axes = plt.subplots(1, 9, figsize=(13, 2.6))
axes[0].imshow(train_x[:, 0, :].T, cmap="gray_r")
axes[0].set_title(f"a {train_y[0]}")
for t, ax in enumerate(axes[1:]):
    ax.imshow(train_x[:, 0, t][None], cmap="gray_r", vmin=0, vmax=1, aspect=1)
    ax.set_title(f"step {t + 1}")
    ax.text(3.5, -2.6, f"$a^{{\\langle {t + 1} \\rangle}}$", ha="center", fontsize=13)
    ax.annotate("", (3.5, -1.9), (3.5, -0.6), arrowprops={"arrowstyle": "->"})
    if t < 7:
        ax.annotate("", (9.2, -2.9), (5.5, -2.9), arrowprops={"arrowstyle": "->"},
                    annotation_clip=False)
    ax.set_ylim(2, -4)
for ax in axes:
    ax.set(xticks=[], yticks=[])
    ax.set_frame_on(False)
fig.suptitle("One row a step: the state carries what was read")
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# One unit, one input, two steps: $W_{ax} = 0.5$, $W_{aa} = 2$, $b_a = 0$, and
# $x = (1, 0)$.
#
# $$a^{\langle 1 \rangle} = \tanh(0.5) = 0.4621 \qquad
# a^{\langle 2 \rangle} = \tanh(2 \cdot 0.4621) = 0.7279$$
#
# The second input is 0, and still the state is not: it remembers. Backward, from a cost
# $J = a^{\langle 2 \rangle}$:
#
# $$dz^{\langle 2 \rangle} = 1 - 0.7279^2 = 0.4702 \qquad
# da^{\langle 1 \rangle} = 2 \cdot 0.4702 = 0.9403 \qquad
# dz^{\langle 1 \rangle} = (1 - 0.4621^2) \cdot 0.9403 = 0.7395$$
#
# Each step reports to the *shared* weights, and the reports add up:
#
# $$dW_{ax} = 0.7395 \cdot 1 + 0.4702 \cdot 0 = 0.7395 \qquad
# dW_{aa} = 0.7395 \cdot 0 + 0.4702 \cdot 0.4621 = 0.2173 \qquad db_a = 1.2097$$

# %%
one = np.ones((1, 1))
hand_parameters = {
    "Wax": 0.5 * one, "Waa": 2 * one, "ba": 0 * one, "Wya": one, "by": 0 * one
}
hand_x = np.array([1.0, 0.0]).reshape(1, 1, 2)  # (n_x, m, T_x)
a1 = np.tanh(0.5)
a2 = np.tanh(2 * a1)
print(f"a1 {a1:.4f}, a2 {a2:.4f}")
assert round(a1, 4) == 0.4621 and round(a2, 4) == 0.7279

# %% [markdown]
# ## The mathematics
#
# With $n_a$ units, $n_x$ inputs, $m$ sequences. **RNN**:
#
# $$a^{\langle t \rangle} = \tanh(W_{ax} x^{\langle t \rangle} +
# W_{aa} a^{\langle t-1 \rangle} + b_a) \qquad
# \hat y^{\langle t \rangle} = \mathrm{softmax}(W_{ya} a^{\langle t \rangle} + b_y)$$
#
# $W_{ax}$ is $(n_a, n_x)$, $W_{aa}$ $(n_a, n_a)$, $b_a$ $(n_a, 1)$.
# **LSTM**: the cell $c$ is changed by addition only, and three gates between 0 and 1
# say how much is kept, written and shown. Each $W$ is $(n_a, n_a + n_x)$ and meets the
# stack $[a^{\langle t-1 \rangle}; x^{\langle t \rangle}]$:
#
# $$\Gamma_f, \Gamma_i, \Gamma_o = \sigma(W_{f,i,o} [a; x] + b_{f,i,o}) \qquad
# \tilde c = \tanh(W_c [a; x] + b_c)$$
# $$c^{\langle t \rangle} = \Gamma_f * c^{\langle t-1 \rangle} + \Gamma_i * \tilde c
# \qquad a^{\langle t \rangle} = \Gamma_o * \tanh c^{\langle t \rangle}$$
#
# **GRU**: one state, two gates. What is written replaces what is forgotten:
#
# $$\Gamma_u, \Gamma_r = \sigma(W_{u,r} [a; x] + b_{u,r}) \qquad
# \tilde c = \tanh(W_c [\Gamma_r * a^{\langle t-1 \rangle}; x] + b_c)$$
# $$a^{\langle t \rangle} = \Gamma_u * \tilde c +
# (1 - \Gamma_u) * a^{\langle t-1 \rangle}$$
#
# That is the form of the lectures (Cho et al. 2014), the reset gate *before* the
# matrix. cuDNN, PyTorch and our engine put it *after* the matrix, which needs one
# product instead of two: $\tilde c = \tanh(\Gamma_r * (W_{ca} a) + W_{cx} x + b_c)$.
# You will write both.
#
# **Backward through a step**: the chain rule, from $da^{\langle t \rangle}$ (for an
# LSTM also $dc^{\langle t \rangle}$) to everything that went in. A sigmoid's derivative
# is $\Gamma (1 - \Gamma)$, that of a tanh whose *value* is $v$ is $1 - v^2$. For the
# LSTM, first everything that reaches the cell:
#
# $$dc = dc^{\langle t \rangle} + da^{\langle t \rangle} * \Gamma_o *
# (1 - \tanh^2 c^{\langle t \rangle})$$
#
# **Backward through time.** The state of step $t$ goes two ways: up to the output of
# that step, and on to step $t + 1$. The derivatives of both add:
#
# $$da^{\langle t \rangle} = da^{\langle t \rangle}_{output} +
# da^{\langle t \rangle}_{from\,step\,t+1}$$
#
# ## Your code
#
# The two helpers of the course are given. **Exercise 1.** One step of an RNN.


# %%
def sigmoid(x):
    """1 / (1 + exp(-x)), by tanh, which cannot overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def softmax(x):
    """Chances over the rows of x (n, m): each column adds up to 1."""
    e_x = np.exp(x - np.max(x, axis=0))
    return e_x / e_x.sum(axis=0)


def rnn_cell_forward(xt, a_prev, parameters):
    """a_next (n_a, m), yt_pred (n_y, m), cache (a_next, a_prev, xt, parameters).

    xt (n_x, m), a_prev (n_a, m); parameters Wax, Waa, Wya, ba, by.
    """
    Wax, Waa, Wya = parameters["Wax"], parameters["Waa"], parameters["Wya"]
    ba, by = parameters["ba"], parameters["by"]
    # BEGIN SOLUTION
    a_next = np.tanh(Wax @ xt + Waa @ a_prev + ba)  # (n_a, m)
    yt_pred = softmax(Wya @ a_next + by)  # (n_y, m) = (n_y, n_a) @ (n_a, m) + (n_y, 1)
    # END SOLUTION
    return a_next, yt_pred, (a_next, a_prev, xt, parameters)


first, _, _ = rnn_cell_forward(hand_x[:, :, 0], 0 * one, hand_parameters)
print(f"a1: {first.item():.4f}")
assert abs(first.item() - a1) < 1e-12

# %% [markdown]
# **Exercise 2.** All steps. Step $t$ starts from the state that step $t - 1$ left;
# keep states, outputs and caches.


# %%
def rnn_forward(x, a0, parameters):
    """a (n_a, m, T_x), y_pred (n_y, m, T_x), caches (list of each step's, x)."""
    _, m, T_x = x.shape
    n_y, n_a = parameters["Wya"].shape
    a, y_pred, caches = np.zeros((n_a, m, T_x)), np.zeros((n_y, m, T_x)), []
    # BEGIN SOLUTION
    a_next = a0
    for t in range(T_x):
        a_next, yt_pred, cache = rnn_cell_forward(x[:, :, t], a_next, parameters)
        a[:, :, t], y_pred[:, :, t] = a_next, yt_pred
        caches.append(cache)
    # END SOLUTION
    return a, y_pred, (caches, x)


hand_a, _, hand_caches = rnn_forward(hand_x, 0 * one, hand_parameters)
print("a:", hand_a.ravel().round(4))
assert np.allclose(hand_a.ravel(), [a1, a2])

# %% [markdown]
# **Exercise 3.** One step of an LSTM. Stack state and input once, `concat`, and use it
# four times. **Exercise 4.** All steps. The cell starts at zeros.


# %%
def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    """a_next, c_next (n_a, m), yt_pred (n_y, m), and the cache of ten things.

    xt (n_x, m), a_prev and c_prev (n_a, m); parameters Wf, bf, Wi, bi, Wc, bc, Wo, bo,
    Wy, by, the W of the gates (n_a, n_a + n_x).
    """
    p = parameters
    # BEGIN SOLUTION
    concat = np.concatenate([a_prev, xt])  # (n_a + n_x, m)
    ft = sigmoid(p["Wf"] @ concat + p["bf"])  # (n_a, m)
    it = sigmoid(p["Wi"] @ concat + p["bi"])  # (n_a, m)
    cct = np.tanh(p["Wc"] @ concat + p["bc"])  # (n_a, m)
    ot = sigmoid(p["Wo"] @ concat + p["bo"])  # (n_a, m)
    c_next = ft * c_prev + it * cct  # (n_a, m)
    a_next = ot * np.tanh(c_next)  # (n_a, m)
    yt_pred = softmax(p["Wy"] @ a_next + p["by"])  # (n_y, m)
    # END SOLUTION
    cache = (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)
    return a_next, c_next, yt_pred, cache


def lstm_forward(x, a0, parameters):
    """a (n_a, m, T_x), y (n_y, m, T_x), c (n_a, m, T_x), caches (list, x)."""
    _, m, T_x = x.shape
    n_y, n_a = parameters["Wy"].shape
    a, c = np.zeros((n_a, m, T_x)), np.zeros((n_a, m, T_x))
    y, caches = np.zeros((n_y, m, T_x)), []
    # BEGIN SOLUTION
    a_next, c_next = a0, np.zeros((n_a, m))
    for t in range(T_x):
        a_next, c_next, yt, cache = lstm_cell_forward(
            x[:, :, t], a_next, c_next, parameters
        )
        a[:, :, t], c[:, :, t], y[:, :, t] = a_next, c_next, yt
        caches.append(cache)
    # END SOLUTION
    return a, y, c, (caches, x)


# %% [markdown]
# **Exercise 5.** One step of a GRU, in both forms. `reset_after=False` is the form of
# the lectures. Only the candidate differs. **Exercise 6.** All steps.


# %%
def gru_cell_forward(xt, a_prev, parameters, reset_after=False):
    """a_next (n_a, m), yt_pred (n_y, m), and the cache.

    parameters Wu, bu, Wr, br, Wc, bc, Wy, by; the gates' W are (n_a, n_a + n_x), their
    first n_a columns meet the state.
    """
    p, n_a = parameters, len(a_prev)
    # BEGIN SOLUTION
    concat = np.concatenate([a_prev, xt])  # (n_a + n_x, m)
    ut = sigmoid(p["Wu"] @ concat + p["bu"])  # (n_a, m)
    rt = sigmoid(p["Wr"] @ concat + p["br"])  # (n_a, m)
    Wca, Wcx = p["Wc"][:, :n_a], p["Wc"][:, n_a:]
    from_state = rt * (Wca @ a_prev) if reset_after else Wca @ (rt * a_prev)
    cct = np.tanh(from_state + Wcx @ xt + p["bc"])  # (n_a, m)
    a_next = ut * cct + (1 - ut) * a_prev  # (n_a, m)
    yt_pred = softmax(p["Wy"] @ a_next + p["by"])  # (n_y, m)
    # END SOLUTION
    cache = (a_next, a_prev, ut, rt, cct, xt, parameters, reset_after)
    return a_next, yt_pred, cache


def gru_forward(x, a0, parameters, reset_after=False):
    """a (n_a, m, T_x), y_pred (n_y, m, T_x), caches (list, x)."""
    _, m, T_x = x.shape
    n_y, n_a = parameters["Wy"].shape
    a, y_pred, caches = np.zeros((n_a, m, T_x)), np.zeros((n_y, m, T_x)), []
    # BEGIN SOLUTION
    a_next = a0
    for t in range(T_x):
        a_next, yt_pred, cache = gru_cell_forward(
            x[:, :, t], a_next, parameters, reset_after
        )
        a[:, :, t], y_pred[:, :, t] = a_next, yt_pred
        caches.append(cache)
    # END SOLUTION
    return a, y_pred, (caches, x)


# %% [markdown]
# **Exercise 7.** Backward through one step of an RNN. `da_next` is the derivative of
# the cost with respect to the state that this step made. First through the tanh: that
# gives `dz`, and five products of it follow.


# %%
def rnn_cell_backward(da_next, cache):
    """{"dxt", "da_prev", "dWax", "dWaa", "dba"}, each shaped as what it is for."""
    a_next, a_prev, xt, parameters = cache
    # BEGIN SOLUTION
    dz = (1 - a_next**2) * da_next  # (n_a, m)
    dxt = parameters["Wax"].T @ dz  # (n_x, m)
    dWax = dz @ xt.T  # (n_a, n_x) = (n_a, m) @ (m, n_x)
    da_prev = parameters["Waa"].T @ dz  # (n_a, m)
    dWaa = dz @ a_prev.T  # (n_a, n_a)
    dba = np.sum(dz, axis=1, keepdims=True)  # (n_a, 1)
    # END SOLUTION
    return {"dxt": dxt, "da_prev": da_prev, "dWax": dWax, "dWaa": dWaa, "dba": dba}


# %% [markdown]
# **Exercise 8.** Backward through time. `da[:, :, t]` is what the *output* of step $t$
# wants; add what step $t + 1$ handed back. From the last step to the first; the
# weights' reports add up.


# %%
def rnn_backward(da, caches):
    """{"dx" (n_x, m, T_x), "da0" (n_a, m), "dWax", "dWaa", "dba"}.

    da (n_a, m, T_x): from the outputs of all steps.
    """
    caches, x = caches
    parameters = caches[0][3]
    dx, da_prevt = np.zeros(x.shape), np.zeros(da[:, :, 0].shape)
    dWax, dWaa = np.zeros_like(parameters["Wax"]), np.zeros_like(parameters["Waa"])
    dba = np.zeros_like(parameters["ba"])
    for t in reversed(range(x.shape[2])):
        # BEGIN SOLUTION
        step = rnn_cell_backward(da[:, :, t] + da_prevt, caches[t])
        dx[:, :, t] = step["dxt"]  # (n_x, m)
        da_prevt = step["da_prev"]  # (n_a, m)
        dWax += step["dWax"]
        dWaa += step["dWaa"]
        dba += step["dba"]
        # END SOLUTION
    return {"dx": dx, "da0": da_prevt, "dWax": dWax, "dWaa": dWaa, "dba": dba}


hand_da = np.array([0.0, 1.0]).reshape(1, 1, 2)  # the cost is the last state
hand_grads = rnn_backward(hand_da, hand_caches)
print({name: g.ravel().round(4).tolist() for name, g in hand_grads.items()})
assert np.allclose(hand_grads["dWax"], 0.7395, atol=1e-4)
assert np.allclose(hand_grads["dWaa"], 0.2173, atol=1e-4)

# %% [markdown]
# **Exercise 9.** Backward through one step of an LSTM. First `dc`, everything that
# reaches the cell; from it the derivatives *before* the four squashing functions, `df`,
# `di`, `dcc`, `do`. The stack of four products is then taken apart: its first $n_a$
# rows belong to `a_prev`, the others to `xt`.


# %%
def lstm_cell_backward(da_next, dc_next, cache):
    """{"dxt", "da_prev", "dc_prev", "dWf", "dbf", "dWi", "dbi", "dWc", ... "dbo"}."""
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters = cache
    n_a = len(a_next)
    concat = np.concatenate([a_prev, xt])  # (n_a + n_x, m)
    # BEGIN SOLUTION
    tanh_c = np.tanh(c_next)
    dc = dc_next + da_next * ot * (1 - tanh_c**2)  # (n_a, m)
    do = da_next * tanh_c * ot * (1 - ot)  # (n_a, m)
    df = dc * c_prev * ft * (1 - ft)  # (n_a, m)
    di = dc * cct * it * (1 - it)  # (n_a, m)
    dcc = dc * it * (1 - cct**2)  # (n_a, m)
    dc_prev = dc * ft  # (n_a, m)
    # END SOLUTION
    grads, dconcat = {"dc_prev": dc_prev}, np.zeros(concat.shape)
    for gate, dz in (("f", df), ("i", di), ("c", dcc), ("o", do)):
        # BEGIN SOLUTION
        grads[f"dW{gate}"] = dz @ concat.T  # (n_a, n_a + n_x)
        grads[f"db{gate}"] = np.sum(dz, axis=1, keepdims=True)  # (n_a, 1)
        dconcat += parameters[f"W{gate}"].T @ dz  # (n_a + n_x, m)
        # END SOLUTION
    return grads | {"da_prev": dconcat[:n_a], "dxt": dconcat[n_a:]}


# %% [markdown]
# **Exercise 10.** Backward through time for the LSTM. *Two* things come back from step
# $t + 1$: `da_prev` and `dc_prev`. The notebook of 2017 hands back one.


# %%
def lstm_backward(da, caches):
    """{"dx" (n_x, m, T_x), "da0" (n_a, m), "dWf", "dbf", ... "dbo"}."""
    caches, x = caches
    parameters = caches[0][-1]
    dx = np.zeros(x.shape)
    da_prevt, dc_prevt = np.zeros(da[:, :, 0].shape), np.zeros(da[:, :, 0].shape)
    names = [f"{kind}{gate}" for gate in "fico" for kind in "Wb"]
    grads = {f"d{name}": np.zeros_like(parameters[name]) for name in names}
    for t in reversed(range(x.shape[2])):
        # BEGIN SOLUTION
        step = lstm_cell_backward(da[:, :, t] + da_prevt, dc_prevt, caches[t])
        dx[:, :, t] = step["dxt"]  # (n_x, m)
        da_prevt, dc_prevt = step["da_prev"], step["dc_prev"]  # (n_a, m)
        for name in grads:
            grads[name] += step[name]
        # END SOLUTION
    return {"dx": dx, "da0": da_prevt, **grads}


# %% [markdown]
# **Exercise 11.** Backward through one step of a GRU. `da_next` goes three ways: into
# the gate `ut`, into the candidate, and straight on to `a_prev`. The old state is used
# four times, so `da_prev` has four parts. Mind where the reset gate stood.
# **Exercise 12.** Through time, as before.


# %%
def gru_cell_backward(da_next, cache):
    """{"dxt", "da_prev", "dWu", "dbu", "dWr", "dbr", "dWc", "dbc"}."""
    a_next, a_prev, ut, rt, cct, xt, parameters, reset_after = cache
    p, n_a = parameters, len(a_next)
    Wca, Wcx = p["Wc"][:, :n_a], p["Wc"][:, n_a:]
    concat = np.concatenate([a_prev, xt])  # (n_a + n_x, m)
    # BEGIN SOLUTION
    du = da_next * (cct - a_prev) * ut * (1 - ut)  # (n_a, m)
    dcc = da_next * ut * (1 - cct**2)  # (n_a, m)
    if reset_after:
        dr = dcc * (Wca @ a_prev) * rt * (1 - rt)  # (n_a, m)
        through_candidate = Wca.T @ (dcc * rt)  # (n_a, m)
        dWca = (dcc * rt) @ a_prev.T  # (n_a, n_a)
    else:
        dreset = Wca.T @ dcc  # (n_a, m), the derivative of rt * a_prev
        dr = dreset * a_prev * rt * (1 - rt)  # (n_a, m)
        through_candidate = dreset * rt  # (n_a, m)
        dWca = dcc @ (rt * a_prev).T  # (n_a, n_a)
    dconcat = p["Wu"].T @ du + p["Wr"].T @ dr  # (n_a + n_x, m)
    da_prev = da_next * (1 - ut) + through_candidate + dconcat[:n_a]  # (n_a, m)
    dxt = Wcx.T @ dcc + dconcat[n_a:]  # (n_x, m)
    # END SOLUTION
    grads = {"dxt": dxt, "da_prev": da_prev}
    grads["dWc"] = np.concatenate([dWca, dcc @ xt.T], axis=1)
    grads["dbc"] = dcc.sum(axis=1, keepdims=True)
    for gate, dz in (("u", du), ("r", dr)):
        grads[f"dW{gate}"] = dz @ concat.T
        grads[f"db{gate}"] = dz.sum(axis=1, keepdims=True)
    return grads


def gru_backward(da, caches):
    """{"dx" (n_x, m, T_x), "da0" (n_a, m), "dWu", "dbu", ... "dbc"}."""
    caches, x = caches
    parameters = caches[0][6]
    dx, da_prevt = np.zeros(x.shape), np.zeros(da[:, :, 0].shape)
    names = [f"{kind}{gate}" for gate in "urc" for kind in "Wb"]
    grads = {f"d{name}": np.zeros_like(parameters[name]) for name in names}
    for t in reversed(range(x.shape[2])):
        # BEGIN SOLUTION
        step = gru_cell_backward(da[:, :, t] + da_prevt, caches[t])
        dx[:, :, t] = step["dxt"]  # (n_x, m)
        da_prevt = step["da_prev"]  # (n_a, m)
        for name in grads:
            grads[name] += step[name]
        # END SOLUTION
    return {"dx": dx, "da0": da_prevt, **grads}


# %% [markdown]
# ### Sequences of different lengths
#
# A batch is a box, sentences are not. Short ones are padded at the end, and `lengths`
# says how many steps of each are real. What a network that reads forward says at a real
# step cannot depend on the padding behind it. Two things can still go wrong: the *last
# state* must be taken at each sequence's own last step, and its gradient must go back
# to that step and to no other.
#
# **Exercise 13.** Take the last states. **Exercise 14.** And backward: a box of zeros
# with the gradients at their places.


# %%
def last_states(a, lengths):
    """The state at each sequence's last real step: a (n_a, m, T_x) -> (n_a, m)."""
    # BEGIN SOLUTION
    last = a[:, np.arange(len(lengths)), lengths - 1]  # (n_a, m)
    # END SOLUTION
    return last


def last_states_backward(dlast, lengths, T_x):
    """da (n_a, m, T_x) from dlast (n_a, m)."""
    # BEGIN SOLUTION
    da = np.zeros((*dlast.shape, T_x))
    da[:, np.arange(len(lengths)), lengths - 1] = dlast
    # END SOLUTION
    return da


# %% [markdown]
# ## Check it three ways
#
# **By hand**: two steps of one unit, above.
#
# **Against the engine.** `nn.RNN`, `nn.LSTM` and `nn.GRU` with the same weights, on
# random numbers of the course's shapes ($n_x = 3$, $n_a = 5$, $m = 10$, $T_x = 7$).
# Three conventions differ, and the two functions below translate:
#
# - the engine keeps the columns of state and input in two arrays, `weight_hh` and
#   `weight_ih`, and has two biases (we set the second to 0);
# - the gates of an LSTM stand below each other in the order i, f, c, o;
# - the GRU's gate `z` says how much is *kept*: $z = 1 - \Gamma_u =
#   \sigma(-W_u [a; x] - b_u)$, so its weights are those of $\Gamma_u$ with the other
#   sign.


# %%
ORDER = {"LSTM": ("i", "f", "c", "o"), "GRU": ("r", "u", "c")}


def start_parameters(kind, n_x, n_a, n_y, draw, scale=1.0):
    """Random parameters of the course's names and shapes."""
    if kind == "RNN":
        shapes = {"Wax": (n_a, n_x), "Waa": (n_a, n_a), "ba": (n_a, 1)}
        out = "Wya"
    else:
        shapes = {f"W{gate}": (n_a, n_a + n_x) for gate in ORDER[kind]}
        shapes |= {f"b{gate}": (n_a, 1) for gate in ORDER[kind]}
        out = "Wy"
    shapes |= {out: (n_y, n_a), "by": (n_y, 1)}
    return {k: scale * draw.standard_normal(shape) for k, shape in shapes.items()}


def engine_layer(kind, parameters):
    """The engine's layer with these weights."""
    p = parameters
    if kind == "RNN":
        Wx, Wa, b = p["Wax"], p["Waa"], p["ba"]
        n_a = len(Wa)
    else:
        sign = {gate: -1 if gate == "u" else 1 for gate in ORDER[kind]}
        n_a = len(p["Wc"])
        W = np.concatenate([sign[g] * p[f"W{g}"] for g in ORDER[kind]])
        b = np.concatenate([sign[g] * p[f"b{g}"] for g in ORDER[kind]])
        Wa, Wx = W[:, :n_a], W[:, n_a:]
    make = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}[kind]
    layer = make(Wx.shape[1], n_a, dtype="float64")
    layer.load_state_dict({
        "weight_ih_l0": Wx, "weight_hh_l0": Wa,
        "bias_ih_l0": b[:, 0], "bias_hh_l0": 0 * b[:, 0],
    })
    return layer


def engine_gradients(kind, layer):
    """The gradients of the layer under the course's names."""
    dWx, dWa = layer.weight_ih_l0.grad.numpy(), layer.weight_hh_l0.grad.numpy()
    db = layer.bias_ih_l0.grad.numpy()[:, None]
    if kind == "RNN":
        return {"dWax": dWx, "dWaa": dWa, "dba": db}
    found, n_a = {}, dWa.shape[1]
    for place, gate in enumerate(ORDER[kind]):
        own, sign = slice(place * n_a, (place + 1) * n_a), -1 if gate == "u" else 1
        found[f"dW{gate}"] = sign * np.concatenate([dWa[own], dWx[own]], axis=1)
        found[f"db{gate}"] = sign * db[own]
    return found


def gru_forward_after(x, a0, parameters):
    """The GRU with the reset gate after the matrix, as the engine has it."""
    return gru_forward(x, a0, parameters, reset_after=True)


def to_engine(x):
    """(n, m, T) -> (T, m, n), and back."""
    return np.transpose(x, (2, 1, 0))


FORWARD = {"RNN": rnn_forward, "LSTM": lstm_forward, "GRU": gru_forward_after}
BACKWARD = {"RNN": rnn_backward, "LSTM": lstm_backward, "GRU": gru_backward}
draw = np.random.default_rng(lesson.seed)
x, a0 = draw.standard_normal((3, 10, 7)), draw.standard_normal((5, 10))
da = draw.standard_normal((5, 10, 7))  # from the outputs of all steps
points, mine = {}, {}
for kind in FORWARD:
    points[kind] = start_parameters(kind, 3, 5, 2, draw)
    a, *_, caches = FORWARD[kind](x, a0, points[kind])
    mine[kind] = BACKWARD[kind](da, caches)

    layer = engine_layer(kind, points[kind])
    tensor = dls.Tensor(to_engine(x), requires_grad=True, name="x")
    state = dls.Tensor(a0.T[None], requires_grad=True, name="a0")  # (1, m, n_a)
    start = (state, dls.zeros_like(state)) if kind == "LSTM" else state
    output, _ = layer(tensor, start)
    output.backward(dls.Tensor(to_engine(da)))
    theirs = engine_gradients(kind, layer)
    theirs |= {"dx": to_engine(tensor.grad.numpy()), "da0": state.grad.numpy()[0].T}
    assert dls.compare(f"{kind}: a", a, to_engine(output.numpy())).ok
    for name, gradient in theirs.items():
        assert dls.compare(f"{kind}: {name}", mine[kind][name], gradient).ok

# %% [markdown]
# **Numerically**, each number of a smaller batch nudged: through time, and the two
# cells with the reset gate before the matrix.

# %%
few_x, few_a0, few_da = x[:, :2, :4], a0[:, :2], da[:, :2, :4]


def cost_of(forward, p):
    """A cost with the derivative few_da; p holds x, a0 and the parameters."""
    return np.sum(few_da * forward(p["x"], p["a0"], p)[0])


def report_of(forward, backward, parameters):
    """Check all gradients of the small batch."""
    leaves = {"x": few_x, "a0": few_a0, **parameters}
    *_, caches = forward(few_x, few_a0, parameters)
    grads = backward(few_da, caches)
    used = {name: leaves[name] for name in leaves if f"d{name}" in grads}
    return check.check_gradients(
        lambda p: cost_of(forward, leaves | p), used, grads
    )


for kind, forward in {**FORWARD, "GRU, the lectures'": gru_forward}.items():
    name = kind[:4].strip(",")
    report = report_of(forward, BACKWARD[name], points[name])
    count = len(report.gradients)
    print(f"{kind}: {count} gradients, difference {report.difference:.1e}")
    assert report.ok

# %% [markdown]
# **Padding never leaks.** Sequences of 7, 3, 5, ... steps; the padding is once zeros
# and once noise a thousand times as large. Neither the last states nor any gradient may
# change, not in the last bit, and the gradient of the padding is 0. In the engine a
# `PackedSequence` does the same, and it is faster: it skips the padding.

# %%
lengths = np.array([7, 3, 5, 1, 7, 2, 6, 4, 3, 5])
real = np.arange(7) < lengths[:, None]  # (m, T_x)
dlast = draw.standard_normal((5, 10))
for kind in FORWARD:
    answers = []
    for noise in (0, 1000):
        padded = np.where(real, x, noise * draw.standard_normal(x.shape))
        a, *_, caches = FORWARD[kind](padded, a0, points[kind])
        grads = BACKWARD[kind](last_states_backward(dlast, lengths, 7), caches)
        answers.append({"last": last_states(a, lengths), **grads})
    for name, gradient in answers[0].items():
        assert np.array_equal(gradient, answers[1][name]), (kind, name)
    assert not answers[0]["dx"][:, ~real].any()

    layer = engine_layer(kind, points[kind])
    packed = pack_padded_sequence(
        dls.Tensor(to_engine(padded)), lengths, enforce_sorted=False
    )
    state = dls.Tensor(a0.T[None])
    start = (state, dls.zeros_like(state)) if kind == "LSTM" else state
    _, last = layer(packed, start)
    last = last[0] if kind == "LSTM" else last  # (1, m, n_a)
    last.backward(dls.Tensor(dlast.T[None]))
    assert dls.compare(f"{kind}: last", answers[0]["last"], last.numpy()[0].T).ok
    for name, gradient in engine_gradients(kind, layer).items():
        assert dls.compare(f"{kind}: {name}", answers[0][name], gradient).ok

# %% [markdown]
# ## See the graph
#
# One step of an LSTM, from the operations of the engine. Follow `c`: between the old
# cell and the new one there is a product and a sum, nothing that squashes. Step through
# `graph.html` to see what comes back to `c_prev`: the gradient times the forget gate.

# %%
W = {g: dls.Tensor(points["LSTM"][f"W{g}"], requires_grad=True, name=f"W{g}")
     for g in "fico"}
b = {g: dls.Tensor(points["LSTM"][f"b{g}"], requires_grad=True, name=f"b{g}")
     for g in "fico"}
a_old = dls.Tensor(few_a0, name="a_prev")
c_old = dls.Tensor(draw.standard_normal((5, 2)), requires_grad=True, name="c_prev")
with dls.trace():
    both = dls.concatenate([a_old, dls.Tensor(few_x[:, :, 0], name="x")])
    gates = {g: W[g] @ both + b[g] for g in "fico"}
    c_new = gates["f"].sigmoid() * c_old + gates["i"].sigmoid() * gates["c"].tanh()
    a_new = gates["o"].sigmoid() * c_new.tanh()
    loss = a_new.sum()
    loss.backward()
_, expected_c, _, cell_cache = lstm_cell_forward(
    few_x[:, :, 0], few_a0, c_old.numpy(), points["LSTM"]
)
assert dls.compare("c_next", expected_c, c_new.numpy()).ok
cell_grads = lstm_cell_backward(np.ones((5, 2)), np.zeros((5, 2)), cell_cache)
assert dls.compare("dc_prev", cell_grads["dc_prev"], c_old.grad).ok
graph = dls.graph(loss, names={"c_next": c_new, "a_next": a_new, "sum": loss})
lesson.graph(
    graph, "graph", steps={"dc_next": "c_next", "times the forget gate": "c_prev"}
)
graph

# %% [markdown]
# ## Train
#
# A digit arrives row by row; after the last row the network says what it was. Only the
# last output has a cost, so `da` is zero at all other steps, and everything the network
# learns about the first row it learns through time. 32 units; batches of 100; plain
# gradient descent with the norm of the gradient clipped to 5 (`c5w1-dinosaur-names`
# looks into that).


# %%
def cost_and_gradients(kind, parameters, x, Y):
    """Mean cross-entropy of the last output, and its gradients."""
    out = "Wya" if kind == "RNN" else "Wy"
    m, n_a = len(Y), parameters[out].shape[1]
    a, y_pred, *_, caches = FORWARD[kind](x, np.zeros((n_a, m)), parameters)
    chances = y_pred[:, :, -1]  # (n_y, m)
    dZ = (chances - np.eye(len(chances))[:, Y]) / m  # (n_y, m)
    da = np.zeros(a.shape)
    da[:, :, -1] = parameters[out].T @ dZ
    grads = BACKWARD[kind](da, caches)
    grads[f"d{out}"] = dZ @ a[:, :, -1].T
    grads["dby"] = dZ.sum(axis=1, keepdims=True)
    return -np.mean(np.log(chances[Y, np.arange(m)])), grads


def accuracy_by_hand(kind, parameters, x, Y):
    """Percent right after each row: (T_x,)."""
    n_a = parameters["Wya" if kind == "RNN" else "Wy"].shape[1]
    _, y_pred, *_ = FORWARD[kind](x, np.zeros((n_a, len(Y))), parameters)
    return 100 * (y_pred.argmax(axis=0) == Y[:, None]).mean(axis=0)


def start_training(kind, seed):
    """Weights of variance 1 / inputs; the forget gate starts open, biases else 0."""
    draw = np.random.default_rng(seed)
    start = start_parameters(kind, 8, 32, 10, draw)
    for name, p in start.items():
        p *= 0 if name[0] == "b" else 1 / np.sqrt(p.shape[1])
    if kind == "LSTM":
        start["bf"] += 1
    return start


epochs, rate, most = (3 if lesson.fast else 30), 0.5, 5.0
orders = np.random.default_rng(lesson.seed)
batches = [
    order[i : i + 100]
    for order in (orders.permutation(1200) for _ in range(epochs))
    for i in range(0, 1200, 100)
]
trained, costs = {}, {kind: [] for kind in FORWARD}
for kind in FORWARD:
    p = start_training(kind, lesson.seed)
    for batch in lesson.progress(batches, f"{kind} by hand", "steps"):
        cost, grads = cost_and_gradients(kind, p, train_x[:, batch], train_y[batch])
        norm = np.sqrt(sum(np.sum(grads[f"d{name}"] ** 2) for name in p))
        step = rate * min(1, most / norm)
        p = {name: value - step * grads[f"d{name}"] for name, value in p.items()}
        costs[kind].append(float(cost))
    trained[kind] = p

# %% [markdown]
# The engine, from the same start, on the same batches. Its second bias is frozen at 0:
# the course's cells have one.


# %%
class Reader(nn.Module):
    """A recurrent layer, and a linear layer on its last output."""

    def __init__(self, kind, start):
        self.layer = engine_layer(kind, start)
        self.layer.bias_hh_l0.requires_grad_(False)
        out = "Wya" if kind == "RNN" else "Wy"
        self.out = nn.Linear(start[out].shape[1], len(start[out]), dtype="float64")
        self.out.load_state_dict({"weight": start[out], "bias": start["by"][:, 0]})

    def forward(self, x):
        """Scores (m, 10) of sequences x (T_x, m, 8)."""
        states, _ = self.layer(x)
        return self.out(states[-1])


def train_engine(kind):
    """The trained network and its costs."""
    network = Reader(kind, start_training(kind, lesson.seed))
    learned = [p for p in network.parameters() if p.requires_grad]
    optimizer = optim.SGD(learned, lr=rate)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(learned, most)
        optimizer.step()
        return loss

    step = dls.capture(step)
    xs, losses = to_engine(train_x), []
    for batch in lesson.progress(batches, f"{kind} engine", "steps"):
        loss = step(dls.Tensor(xs[:, batch]), dls.Tensor(train_y[batch]))
        losses.append(loss.item())
    return network, losses


by_hand, engine, engine_costs, after_row = {}, {}, {}, {}
for kind in FORWARD:
    network, engine_costs[kind] = train_engine(kind)
    assert np.allclose(costs[kind][:20], engine_costs[kind][:20], rtol=1e-6)
    after_row[kind] = accuracy_by_hand(kind, trained[kind], dev_x, dev_y)
    train = accuracy_by_hand(kind, trained[kind], train_x, train_y)[-1]
    by_hand[kind] = {"train_accuracy": train, "dev_accuracy": after_row[kind][-1]}
    with dls.no_grad():
        scores = network(dls.Tensor(to_engine(dev_x))).numpy()
    engine[kind] = {"dev_accuracy": 100 * float(np.mean(scores.argmax(1) == dev_y))}
last = len(batches) - 1
lesson.table(
    ["", "parameters", "cost at the end", "engine", "train %", "dev %", "engine %"],
    [
        [kind, sum(p.size for p in trained[kind].values()), costs[kind][-1],
         engine_costs[kind][-1], *by_hand[kind].values(), engine[kind]["dev_accuracy"]]
        for kind in FORWARD
    ],
)

# %% [markdown]
# ## Look at it
#
# What does the network know after each row? We ask it after every row, though it was
# only ever graded after the last. Its state is built for the end, so early answers are
# little better than guesses.

# %%
fig, axes = plt.subplots(1, 2, figsize=(12, 4))
for kind, colour in zip(FORWARD, ("tab:blue", "tab:orange", "tab:green"), strict=True):
    smooth = np.convolve(costs[kind], np.ones(6) / 6, "valid")
    axes[0].semilogy(smooth, color=colour, label=kind)
    axes[1].plot(range(1, 9), after_row[kind], "o-", color=colour, label=kind)
axes[0].set(xlabel="step", ylabel="cost, mean of 6 steps (log scale)", title="Training")
axes[1].axhline(10, color="gray", linestyle=":", label="guessing")
axes[1].set(xlabel="rows read", ylabel="dev accuracy, %", title="Asked after each row")
for ax in axes:
    ax.legend()
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "training")

# %% [markdown]
# On eight steps the plain RNN is enough: it learns fastest here, and with a third of
# the parameters. Gates pay off where the way is longer, as `c5w1-long-memory` measures.
#
# The gates of the LSTM while it reads one digit. A column is a step, a row one of its
# 32 units. Look for units whose forget gate stays open (dark): they keep what an early
# row wrote.

# %%
_, _, c, (cell_caches, _) = lstm_forward(
    dev_x[:, :1], np.zeros((32, 1)), trained["LSTM"]
)
gates = {
    "forget gate $\\Gamma_f$": np.hstack([cache[4] for cache in cell_caches]),
    "update gate $\\Gamma_i$": np.hstack([cache[5] for cache in cell_caches]),
    "output gate $\\Gamma_o$": np.hstack([cache[7] for cache in cell_caches]),
}
fig, axes = plt.subplots(1, 5, figsize=(14, 4.6))
axes[0].imshow(dev_x[:, 0, :].T, cmap="gray_r")
axes[0].set(title=f"a {dev_y[0]}, read downward", xticks=[], yticks=[])
order = np.argsort(-gates["forget gate $\\Gamma_f$"].mean(axis=1))
for ax, (name, values) in zip(axes[1:], gates.items(), strict=False):
    shown = ax.imshow(values[order], cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.set(title=name, xlabel="row read", xticks=range(8), xticklabels=range(1, 9))
axes[1].set_ylabel("unit, by its mean forget gate")
fig.colorbar(shown, ax=axes[3], label="0 shut, 1 open")
bound = np.abs(c).max()
shown = axes[4].imshow(
    c[order, 0], cmap="RdBu", vmin=-bound, vmax=bound, aspect="auto"
)
axes[4].set(title="cell $c$", xlabel="row read", xticks=range(8))
axes[4].set_xticklabels(range(1, 9))
fig.colorbar(shown, ax=axes[4])
fig.tight_layout()
lesson.figure(fig, "gates")

# %% [markdown]
# ## Break it
#
# Seven mistakes. For each, say before you run the cell which gradients are wrong.
#
# **1. `da_next` left out**, a term that the values published in 2017 drop: `dz = 1 -
# a_next**2`. It is right when the cost is the sum of all states of this one step, and
# wrong else.


# %%
def without_da_next(da_next, cache):
    """WRONG: the derivative of the tanh alone."""
    return rnn_cell_backward(np.ones_like(da_next), cache)


broken = {}


def verdict(name, report):
    """Print and keep which gradients are wrong."""
    assert not report.ok
    broken[name] = [c.name for c in report.wrong]
    print(f"{name}: wrong are {', '.join(broken[name])}")
    print(f"    {report.wrong[0].name}: {report.wrong[0].hint}")


cell_leaves = {"xt": few_x[:, :, 0], "a_prev": few_a0}
cell_leaves |= {name: points["RNN"][name] for name in ("Wax", "Waa", "ba")}


def cost_of_cell(p):
    """A cost with the derivative few_da at the first step."""
    a_next, *_ = rnn_cell_forward(p["xt"], p["a_prev"], points["RNN"] | p)
    return np.sum(few_da[:, :, 0] * a_next)


_, _, cell_cache = rnn_cell_forward(few_x[:, :, 0], few_a0, points["RNN"])
right = rnn_cell_backward(few_da[:, :, 0], cell_cache)
assert check.check_gradients(cost_of_cell, cell_leaves, right).ok
wrong = without_da_next(few_da[:, :, 0], cell_cache)
verdict("da_next left out", check.check_gradients(cost_of_cell, cell_leaves, wrong))
assert len(broken["da_next left out"]) == 5


# %% [markdown]
# **2. Only the cell is handed back**, the other dropped term: `lstm_backward` calls the
# step with `da[:, :, t]` alone. All gradients are wrong, but the one of the *last*
# input is right, and that is the clue: the mistake is in what passes from step to step.


# %%
def lstm_backward_with(da, caches, hand_back=True, assign=False, twice=False):
    """`lstm_backward`, with one of the mistakes below."""
    caches, x = caches
    dx, da_prevt, dc_prevt, grads = np.zeros(x.shape), 0, np.zeros(da.shape[:2]), {}
    for t in reversed(range(x.shape[2])):
        cache = list(caches[t])
        step = lstm_cell_backward(da[:, :, t] + da_prevt, dc_prevt, cache)
        if twice:
            _, _, a_prev, _, ft, it, cct, _, xt, p = cache
            dc = step["dc_prev"] / ft
            wrong = dc * it * (1 - np.tanh(cct) ** 2)
            off = p["Wc"].T @ (wrong - dc * it * (1 - cct**2))  # (n_a + n_x, m)
            step["da_prev"] = step["da_prev"] + off[: len(cct)]
            step["dxt"] = step["dxt"] + off[len(cct) :]
            step["dWc"] = wrong @ np.concatenate([a_prev, xt]).T
            step["dbc"] = wrong.sum(axis=1, keepdims=True)
        dx[:, :, t] = step.pop("dxt")
        da_prevt = step.pop("da_prev") if hand_back else 0 * step.pop("da_prev")
        dc_prevt = step.pop("dc_prev")
        add = grads and not assign
        grads = {k: g + grads[k] for k, g in step.items()} if add else step
    return {"dx": dx, "da0": da_prevt, **grads}


def broken_lstm(**mistake):
    """The report on the LSTM with this mistake."""
    return report_of(
        lstm_forward,
        lambda da, caches: lstm_backward_with(da, caches, **mistake),
        points["LSTM"],
    )


assert broken_lstm().ok
verdict("only the cell handed back", broken_lstm(hand_back=False))
*_, caches = lstm_forward(few_x, few_a0, points["LSTM"])
wrong = lstm_backward_with(few_da, caches, hand_back=False)["dx"]
right = lstm_backward(few_da, caches)["dx"]
same = [bool(np.allclose(wrong[:, :, t], right[:, :, t])) for t in range(4)]
print("dx is right at steps:", [t + 1 for t, ok in enumerate(same) if ok])
assert same == [False, False, False, True]

# %% [markdown]
# **3. `=` for `+=`.** Only the first step reports to the weights. `dx` and `da0` are
# right: they belong to one step each.

# %%
verdict("= for +=", broken_lstm(assign=True))
assert "dx" not in broken["= for +="] and "dWf" in broken["= for +="]

# %% [markdown]
# **4. A tanh derived twice.** `cct` is the *value* of a tanh, so the derivative is
# `1 - cct**2`. A formula that says $1 - \tanh^2(\tilde c)$ squashes it once more: where
# the candidate is near $\pm 1$ the true factor is near 0, and this one never falls
# below 0.42. At the last step only `dWc` and `dbc` are wrong; from there it spreads.

# %%
verdict("tanh derived twice", broken_lstm(twice=True))
assert {"dWc", "dbc", "dx", "da0"} <= set(broken["tanh derived twice"])
assert round(1 - np.tanh(1.0) ** 2, 2) == 0.42

# %% [markdown]
# **5. Stacked the other way round**, $[x; a]$ for $[a; x]$, forward and backward. The
# shapes agree, everything is consistent, no gradient check can find it, and training
# works. Only weights that come from somewhere else suffer: the comparison finds it.


# %%
def swapped(parameters):
    """WRONG: the columns of each gate in the other order."""
    return {
        name: np.concatenate([p[:, 5:], p[:, :5]], axis=1) if p.shape[1] == 8 else p
        for name, p in parameters.items()
    }


mistaken = swapped(points["LSTM"])
report = report_of(lstm_forward, lstm_backward, mistaken)
right_a, *_ = lstm_forward(few_x, few_a0, points["LSTM"])
wrong_a, *_ = lstm_forward(few_x, few_a0, mistaken)
print(f"gradient check: {'right' if report.ok else 'wrong'}")
assert report.ok and not dls.compare("a", wrong_a, right_a).ok

# %% [markdown]
# **6. The gates in another order.** The course's f, i, c, o loaded as the engine's
# i, f, c, o. All shapes fit, nothing complains. Compare one output after loading.

# %%
renamed = points["LSTM"] | {
    "Wf": points["LSTM"]["Wi"], "bf": points["LSTM"]["bi"],
    "Wi": points["LSTM"]["Wf"], "bi": points["LSTM"]["bf"],
}
output, _ = engine_layer("LSTM", renamed)(dls.Tensor(to_engine(x)))
mine_a, *_ = lstm_forward(x, np.zeros((5, 10)), points["LSTM"])
assert not dls.compare("a, gates exchanged", mine_a, to_engine(output.numpy())).ok

# %% [markdown]
# **7. A reader from the end, on padded sequences.** A bidirectional network reads
# backward, too, and then the padding comes *first*: it is in the state before the first
# real element is read. Packed, each sequence is read from its own end. We change the
# padding and look at the outputs of the real steps.

# %%
two_ways = nn.LSTM(
    3, 5, bidirectional=True, dtype="float64", generator=dls.Generator(lesson.seed)
)
leaks = {}
for name in ("padded", "packed"):
    outputs = []
    for noise in (0, 1000):
        padded = np.where(real, x, noise * draw.standard_normal(x.shape))
        batch = dls.Tensor(to_engine(padded))
        if name == "packed":
            batch = pack_padded_sequence(batch, lengths, enforce_sorted=False)
            outputs.append(two_ways(batch)[0].data.numpy())
        else:
            outputs.append(two_ways(batch)[0].numpy()[real.T])
    leaks[name] = float(np.abs(outputs[0] - outputs[1]).max())
print(f"the padding moves real outputs by {leaks['padded']:.3f}, packed by "
      f"{leaks['packed']:g}")
assert leaks["padded"] > 0.1 and leaks["packed"] == 0

# %% [markdown]
# ## Recap
#
# - A recurrent cell is one small network, applied at every step to the input and its
#   own state.
# - Backward through time: from the last step to the first, `da` of the output *plus*
#   what the next step hands back; the weights' reports add up.
# - An LSTM changes its cell by gates and a sum; it hands back `da_prev` and `dc_prev`.
#   A GRU has one state; the reset gate stands before the matrix (lectures) or after it
#   (engine).
# - Padding: last states at each sequence's own end, packing for both directions.
# - Central differences decide, not a printed number.
#
# ## Questions
#
# 1. How many parameters has an LSTM layer of 64 units on 100 inputs, with one bias a
#    gate? And as `nn.LSTM` counts?
#    <details><summary>Answer</summary>
#    4 * (64 * (64 + 100) + 64) = 42,240. nn.LSTM has two biases a gate: 256 more.
#    </details>
# 2. Why does the course stack $[a; x]$ rather than keep two matrices?
#    <details><summary>Answer</summary>
#    One product in place of two, and one name a gate: W [a; x] = Wa a + Wx x.
#    </details>
# 3. Which setting of the gates turns an LSTM into a memory that never changes?
#    <details><summary>Answer</summary>
#    Forget gate 1, update gate 0: c stays, and dc passes through unchanged.
#    </details>
# 4. Why can a network that reads forward ignore padding at the end, but not at the
#    beginning?
#    <details><summary>Answer</summary>
#    A state depends on what came before it. Padding behind the last real step comes
#    after all that is used; padding before it is in the state.
#    </details>
# 5. Break 5 passes the gradient check. What does a gradient check test at all?
#    <details><summary>Answer</summary>
#    That backward is the derivative of *this* forward, not that this forward is the
#    one you meant.
#    </details>
#
# ## Go further
#
# - Give the LSTM peepholes: gates that see $c^{\langle t-1 \rangle}$ as well.
# - Let `gru_cell_forward` have the engine's second bias inside of the reset gate.
# - Next: `c5w1-dinosaur-names` trains such a cell to write.

# %%
# The end.
for kind in FORWARD:
    assert by_hand[kind]["dev_accuracy"] > (20 if lesson.fast else 85), kind
assert after_row["LSTM"][0] < after_row["LSTM"][-1]
lesson.finish(
    {
        **{
            kind.lower(): by_hand[kind]
            | {"costs": {0: costs[kind][0], last: costs[kind][-1]}}
            for kind in FORWARD
        },
        "dev_accuracy": by_hand["LSTM"]["dev_accuracy"],
        "unit_values": {name: g.ravel() for name, g in hand_grads.items()},
        "after_row": after_row,
        "wrong": broken,
        "leaks": leaks,
        "engine": {
            kind.lower(): engine[kind]
            | {"costs": {0: engine_costs[kind][0], last: engine_costs[kind][-1]}}
            for kind in FORWARD
        },
    }
)
