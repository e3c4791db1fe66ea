"""Loading parameters by name: all or nothing, with a proposal where the names do not match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..engine.versions import check_writable, mark_write
from ..errors import DataError, DtypeError, Error, ShapeError
from ..tensors import Tensor
from .proposals import Proposal as Proposal
from .proposals import Shapes
from .proposals import propose as propose

SHOWN = 12  # names of a kind in a message; more are counted


class LoadResult(NamedTuple):
    """Names that only the module has, and names that only the mapping has."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"LoadResult(missing={self.missing_keys}, unexpected={self.unexpected_keys})"


def load(
    module: str, targets: Mapping[str, Tensor], mapping: Mapping[str, Any], strict: bool
) -> LoadResult:
    """Copy the values of `mapping` into the tensors `targets` of the same names."""
    if not isinstance(mapping, Mapping):
        raise DtypeError(
            f"load_state_dict takes a mapping of names to values, not a {type(mapping).__name__}"
        )
    if strange := [name for name in mapping if not isinstance(name, str)]:
        raise DataError(f"load_state_dict takes names as strings, not {strange[0]!r}")
    given = {name: _host(name, value) for name, value in mapping.items()}
    missing = [name for name in targets if name not in given]
    unexpected = [name for name in given if name not in targets]
    common = [name for name in targets if name in given]
    if any(given[n].shape != targets[n].shape for n in common) or (
        strict and (missing or unexpected)
    ):
        raise _mismatch(
            module,
            {name: tensor.shape for name, tensor in targets.items()},
            {name: array.shape for name, array in given.items()},
            strict,
        )
    for name in common:
        check_writable(targets[name]._data, f"load_state_dict() of {name}")
    for name in common:
        tensor = targets[name]
        values = given[name].astype(tensor.dtype, copy=False)
        tensor._data[...] = tensor.device.from_host(values)
        mark_write(tensor._data, f"load_state_dict() of {name}")
    return LoadResult(missing, unexpected)


def _host(name: str, value: Any) -> np.ndarray[Any, Any]:
    """A value of a mapping as a NumPy array."""
    try:
        array = Tensor.numpy(value) if isinstance(value, Tensor) else np.asarray(value)
    except Exception as error:  # whatever another library's __array__ raises
        raise DataError(f"load_state_dict: {name!r} gives no NumPy array: {error}") from error
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"load_state_dict: {name!r} holds {array.dtype}, no numbers")
    return array


# --- what does not match, and what would ---------------------------------------------------------


def _mismatch(module: str, wanted: Shapes, given: Shapes, strict: bool) -> Error:
    """The error for a mapping of other names or shapes; its `proposal` is a Proposal, or None."""
    missing = {n: s for n, s in wanted.items() if n not in given} if strict else {}
    unexpected = {n: s for n, s in given.items() if n not in wanted} if strict else {}
    wrong = [n for n, s in wanted.items() if n in given and given[n] != s]
    lines = [f"load_state_dict: the values do not fit {module}; nothing was changed"]
    for title, names in (("missing", missing), ("unexpected", unexpected)):
        if names:
            lines.append(f"{title} ({len(names)}):")
            lines += [f"  {name}  {shape}" for name, shape in list(names.items())[:SHOWN]]
            lines += ["  ..."] if len(names) > SHOWN else []
    if wrong:
        lines.append(f"of another shape ({len(wrong)}):")
        for name in wrong[:SHOWN]:
            lines += [f"  {name}", f"    module  {wanted[name]}", f"    given   {given[name]}"]
        lines += ["  ..."] if len(wrong) > SHOWN else []
    proposal = propose(wanted, given, strict)
    if proposal is None and strict:  # a part of it, if its names are those of this mapping
        part = propose(wanted, given, strict=False)
        proposal = part if part and len(part.origin) > len(wanted.keys() & given.keys()) else None
    if proposal and proposal.lines:
        lines.append("would work:")
        lines += [f"  {line}" for line in proposal.lines]
        lines.append("  # the same: mapping = error.proposal.apply(mapping)")
        if strict and proposal.left:
            lines.append("  # and strict=False, for the names that it does not have")
    elif strict and not wrong:
        lines.append("strict=False passes over names that only one side has")
    text = "\n".join(lines)
    error: Any = DataError(text) if missing or unexpected else ShapeError(text)
    error.proposal = proposal
    return error  # type: ignore[no-any-return]
