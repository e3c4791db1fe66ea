"""The observer of a walk back: what the engine tells of each node that it goes through.

The walk asks `is not None` before it tells, so a walk that nobody observes makes no further call.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .autograd import Edge, Node


class Observer:
    """Hears of one walk; each method does nothing until a class overrides it.

    For each node, newest first: `ran`; then for each share that a gradient is made of, `fitted`
    where its shape or dtype was not the input's, and `arrived`. When all nodes are done, `ended`
    for each leaf.
    """

    __slots__ = ()

    def ran(
        self, node: "Node", dy: Any, shares: tuple[Any, ...], seconds: float, asked: bool
    ) -> None:
        """The rule of `node` gave `shares`, one for each edge; `node.saved` is still there.

        asked: by `dls.grad`, which adds to no `.grad`.
        """

    def fitted(self, how: str, share: Any, to: Any) -> None:
        """The next share became `share`: a "sum_to" the shape `to`, or a "cast" to the dtype."""

    def arrived(self, edge: "Edge", gradient: Any) -> None:
        """The next share was added: all that came to `edge` so far is `gradient`.

        Shares are added to new arrays as long as a walk is observed, never in place.
        """

    def ended(self, leaf: Any, array: Any, sole: bool) -> None:
        """The gradient of `leaf` now is `array`; `sole`: no one else held what was added."""
