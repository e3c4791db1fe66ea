"""torch.jit.annotations: types that model sources write; nothing reads them."""

from __future__ import annotations

from typing import Any


class BroadcastingList1:
    """A number, or a list of so many: `BroadcastingList2[int]`."""

    def __class_getitem__(cls, _: Any) -> Any:
        return Any


BroadcastingList2 = BroadcastingList3 = BroadcastingList1
