"""One model on all ranks: that it is one, its state, and a stream of random numbers for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.keywords import near_names
from ..errors import DataError, DtypeError
from ..nn import Module, UninitializedParameter
from ..optim import Optimizer
from ..random import default_generator
from ..tensors import Tensor
from .start import current
from .world import World


@near_names
def broadcast_state(
    model: Module, optimizer: Optimizer | None = None, world: World | None = None
) -> None:
    """Give all ranks the parameters and buffers of rank 0, and the optimizer's state.

    RankError, with the first difference, where a rank has another model: names, shapes and dtypes
    are compared by a hash before anything is sent.
    """
    there = current(world)
    check_same_model(model, optimizer, there)
    mine = arrays_of(model.state_dict()) if there.rank == 0 else {}
    model.load_state_dict(there.broadcast(mine, doing="the model's state"))
    if optimizer is not None:
        state = optimizer.state_dict() if there.rank == 0 else {}
        optimizer.load_state_dict(there.broadcast(arrays_of(state), doing="the optimizer's state"))


@near_names
def check_same_model(
    model: Module, optimizer: Optimizer | None = None, world: World | None = None
) -> None:
    """RankError on all ranks unless model and optimizer are alike: names, shapes, dtypes."""
    if not isinstance(model, Module):
        raise DtypeError(f"model is an nn.Module, not a {type(model).__name__}")
    check_sizes_known(model.named_parameters())
    lines = [f"{name} {tensor.shape} {tensor.dtype}" + " frozen" * (
        not tensor.requires_grad and name in dict(model.named_parameters()))
        for name, tensor in model._state().items()]
    if optimizer is not None:
        sizes = [[p.shape for p in group["params"]] for group in optimizer.param_groups]
        lines.append(f"{type(optimizer).__name__} of {sizes}")
    current(world).check_same("the model", "\n".join(lines))


def check_sizes_known(named: Iterable[tuple[str, Tensor]]) -> None:
    """DataError for a parameter of a lazy layer that has not seen an input yet."""
    for name, parameter in named:
        if isinstance(parameter, UninitializedParameter):
            raise DataError(f"the size of {name or 'a parameter'} is not known yet: call the model "
                            "once on a batch before ranks share it")


def broadcast_buffers(model: Module, world: World) -> None:
    """Give all ranks the buffers of rank 0, such as the running statistics of batch norm."""
    names = {id(b) for b in model.buffers()}
    if not names:
        return
    held = {name: t for name, t in model._state().items() if id(t) in names}
    mine = arrays_of(held) if world.rank == 0 else {}
    model.load_state_dict(world.broadcast(mine, doing="the model's buffers"), strict=False)


@near_names
def manual_seed(seed: int, world: World | None = None) -> None:
    """Give each rank a stream of random numbers of its own, for dropout and augmentation.

    Rank 0 has the stream of `dls.manual_seed(seed)`, so that a job of one rank draws what a plain
    program draws; the seeds of the others follow from `seed` and their number.
    """
    if not is_whole(seed):
        raise DataError(f"a seed is a whole number of at least 0, not {seed!r}")
    default_generator.manual_seed(seed_of(int(seed), current(world).rank))


def seed_of(seed: int, rank: int, *more: int) -> int:
    """The seed of a rank."""
    if rank == 0 and not more:
        return seed
    words = np.random.SeedSequence([seed, rank, *more]).generate_state(2, np.uint64)
    return int(words[0]) << 64 | int(words[1])


def arrays_of(value: Any) -> Any:
    """A state with arrays for tensors, to be sent."""
    if isinstance(value, Tensor):
        return np.array(value.device.to_host(value._data), order="C")
    if isinstance(value, dict):
        return {key: arrays_of(item) for key, item in value.items()}
    return value
