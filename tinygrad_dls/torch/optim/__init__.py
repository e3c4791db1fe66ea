"""torch.optim: the core's optimizers, with the options of PyTorch's that say how to compute."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ... import optim as core
from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from . import lr_scheduler as lr_scheduler
from . import swa_utils as swa_utils


class Optimizer(core.Optimizer):
    """Base of optimizers; one's own defines `step`, and finds a dictionary in `state[p]`."""

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        super().__init__(params, defaults)
        self.state: Any = defaultdict(dict, self.state)


def _made(of: Any) -> Any:
    return type(of.__name__, (of, Optimizer), {"__module__": __name__, "__doc__": of.__doc__})


globals().update({
    name: _made(kind) for name, kind in vars(core).items()
    if isinstance(kind, type) and issubclass(kind, core.Optimizer) and kind is not core.Optimizer
})
_answer_wrong_names(globals())
