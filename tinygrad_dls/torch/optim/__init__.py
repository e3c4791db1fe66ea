"""torch.optim: the core's optimizers, with the options of PyTorch's that say how to compute."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ... import optim as core
from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from ...optim.optimizer import HOW_ONLY
from . import lr_scheduler as lr_scheduler
from . import swa_utils as swa_utils


class Optimizer(core.Optimizer):
    """Base of optimizers; one's own defines `step`, and finds a dictionary in `state[p]`."""

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        super().__init__(params, defaults)
        self.state: Any = defaultdict(dict, self.state)

    def add_param_group(self, group: Any) -> None:
        """More parameters, with options of their own."""
        super().add_param_group({k: v for k, v in group.items() if k not in HOW_ONLY}
                                if hasattr(group, "items") else group)


def _made(of: Any) -> Any:
    def __init__(self: Any, params: Any, *args: Any, **options: Any) -> None:
        of.__init__(self, params, *args,
                    **{k: v for k, v in options.items() if k not in HOW_ONLY})

    return type(of.__name__, (of, Optimizer), {
        "__init__": __init__, "__module__": __name__, "__doc__": of.__doc__})


globals().update({
    name: _made(kind) for name, kind in vars(core).items()
    if isinstance(kind, type) and issubclass(kind, core.Optimizer) and kind is not core.Optimizer
})
_answer_wrong_names(globals())
