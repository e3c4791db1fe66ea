"""SyncBatchNorm: batch norm whose statistics are those of the whole batch, over all ranks.

Batch norm of a rank's own share is another function than batch norm of the batch: with 4 examples
a rank the mean is that of 4. Here each rank sends the sums that the statistics of the whole are
made of, 2 c + 1 numbers for c channels, and as many in backward (the formulas are in
`ops/synchronized.py`). The gradients of weight and bias are each rank's own, and become those of
the mean loss when `GradientAverager` takes their mean.
"""

from __future__ import annotations

import sys

from .. import ops
from .._util.callers import users_frame, warn_at
from ..errors import DataError, DtypeError, ShapeError
from ..nn import Module
from ..nn.functional.normalization import check_running, written
from ..nn.normalization import _BatchNorm, _count
from ..tensors import Tensor
from .start import current
from .state import check_sizes_known
from .world import World


class SyncBatchNorm(_BatchNorm):
    """`nn.BatchNorm1d`, 2d or 3d with the statistics of the batch of all ranks.

    Arguments, parameters and buffers are those of `nn.BatchNorm2d`; x (m, channels, ...). `convert`
    puts it in the place of all batch norms of a model. In evaluation it is the same as they are.
    """

    dims = (2, 3, 4, 5)
    world: World | None = None  # None: that of `init`

    def forward(self, input: Tensor, then: Module | None = None) -> Tensor:
        """As batch norm; ShapeError where the numbers of axes or channels do not fit."""
        world = current(self.world)
        if not self.training or world.size == 1:
            return super().forward(input, then)
        self._check_input(input)
        if input.shape[1] != self.num_features:
            raise ShapeError(f"SyncBatchNorm of {self.num_features} channels got\n  {input.shape}")
        if self.momentum is None:
            raise DataError("SyncBatchNorm takes a momentum: the mean over all batches "
                            "(momentum=None) is for one process")
        mean, var, counter = self.running_mean, self.running_var, self.num_batches_tracked
        check_running("batch_norm", mean, var)
        y = ops.synchronized_batch_norm(
            input, self.weight, self.bias, mean, var, self.momentum, self.eps, world)
        written("batch_norm()", mean, var)
        if counter is not None:
            _count(counter)
        return y  # type: ignore[no-any-return]

    @classmethod
    def convert(cls, model: Module, world: World | None = None) -> Module:
        """Replace each BatchNorm1d, 2d and 3d in `model` by one of these, with its parameters.

        Call it before the optimizer is made or after: the parameters are the same objects. A
        subclass with a forward of its own stays as it is, and a warning says so.
        """
        if not isinstance(model, Module):
            raise DtypeError(f"model is an nn.Module, not a {type(model).__name__}")
        if isinstance(model, _BatchNorm) and not isinstance(model, SyncBatchNorm):
            check_sizes_known(model.named_parameters())
            if type(model).forward is _BatchNorm.forward:
                made = cls.__new__(cls)
                made.__dict__.update(model.__dict__)
                made.__dict__["world"] = world
                made.__dict__["dims"] = model.dims
                return made
            warn_at(users_frame(sys._getframe(1)), (
                f"{type(model).__name__} has a forward of its own, and keeps the statistics of "
                "each rank: make it a subclass of SyncBatchNorm"), UserWarning)
        for _, child in list(model.named_children()):
            new = cls.convert(child, world)
            if new is not child:
                for place, value in list(vars(model).items()):  # under all its names
                    if value is child:
                        setattr(model, place, new)
        return model
