"""Draw the pictures of README and the site's first page: `python tools/pictures.py`.

docs/pictures gets the graph of a small network, forward and backward, and the boundary that one
neuron and one hidden layer learn between the petals of a flower.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # the clone, in place of tools/

import matplotlib  # noqa: E402

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

import tinygrad_dls as dls  # noqa: E402
import tinygrad_dls.nn.functional as F  # noqa: E402
from tinygrad_dls import nn, optim  # noqa: E402
from tinygrad_dls.data import sources  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
STEPS = 3000


def draw_graph(path: Path) -> None:
    """Draw one neuron and its loss: values, shapes and gradients at each operation."""
    x = dls.Tensor([[1.0, 2.0]], name="x")
    w = dls.Tensor([[0.5], [-0.25]], requires_grad=True, name="w")
    b = dls.Tensor([0.5], requires_grad=True, name="b")
    y = dls.Tensor([[1.0]], name="y")
    with dls.trace() as t:
        loss = ((F.sigmoid(x @ w + b) - y) ** 2).mean()
        loss.backward()
    t.save(path, rankdir="LR")


def flower_net(hidden: int, X: dls.Tensor, Y: dls.Tensor) -> nn.Module:
    """A network with that many hidden units (0: one neuron), trained on the flower."""
    dls.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 1))
    if hidden:
        model = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 1))
    opt = optim.Adam(model.parameters(), lr=0.01)

    @dls.capture
    def step(X: dls.Tensor, Y: dls.Tensor) -> dls.Tensor:
        opt.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(X), Y)
        loss.backward()
        opt.step()
        return loss

    for _ in range(STEPS):
        step(X, Y)
    return model


def draw_boundary(path: Path) -> None:
    """Draw what one neuron and six hidden units make of the plane."""
    flower = sources.load("flower", "built-in")
    X = dls.Tensor(flower.X.T.astype("float32"))
    Y = dls.Tensor(flower.Y.T.astype("float32"))
    side = np.linspace(-4.4, 4.4, 220, dtype="float32")
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    fig, axes = plt.subplots(1, 2, figsize=(8, 3.9), sharey=True)
    for ax, hidden in zip(axes, (0, 6)):
        model = flower_net(hidden, X, Y)
        with dls.no_grad():
            p = F.sigmoid(model(dls.Tensor(plane))).numpy().reshape(220, 220)
            right = 100 * float(((model(X).numpy() > 0) == flower.Y.T).mean())
        ax.contourf(side, side, p, levels=np.linspace(0, 1, 11), cmap="RdBu", alpha=0.45)
        ax.contour(side, side, p, levels=[0.5], colors="black", linewidths=1)
        ax.scatter(*flower.X, c=np.where(flower.Y[0] == 1, "tab:blue", "tab:red"), s=8,
                   edgecolors="white", linewidths=0.3)
        units = f"{hidden} hidden units" if hidden else "one neuron"
        ax.set(title=f"{units}: {right:.0f} % right", aspect="equal", xticks=[], yticks=[])
    fig.tight_layout()
    fig.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(fig)


def main() -> int:
    """Draw all."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    draw_graph(PICTURES / "graph.svg")
    draw_boundary(PICTURES / "boundary.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
