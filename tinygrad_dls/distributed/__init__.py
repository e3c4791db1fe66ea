"""Training on several processes: each has the model, and a share of every batch.

MPI starts the processes and carries the bytes, through mpi4py (`pip install
'tinygrad_dls[mpi]'`); `mpiexec -n 2 python train.py` runs two of them, called ranks. `fit` needs
one word, `distributed=True`, and a loader with a `DistributedSampler`. A loop of your own needs
three lines more than on one process:

    from tinygrad_dls import distributed

    distributed.init()
    loader = data.DataLoader(examples, batch_size=32,
                             sampler=distributed.DistributedSampler(examples))
    distributed.broadcast_state(model, opt)             # all begin as rank 0
    averager = distributed.GradientAverager(model)
    for x, y in loader:
        opt.zero_grad()
        F.cross_entropy(model(x), y).backward()         # gradients leave while it still runs
        averager.finish()                               # .grad: the mean over all ranks
        opt.step()
"""

from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from .gradients import GradientAverager as GradientAverager
from .lanes import Traffic as Traffic
from .sampler import DistributedSampler as DistributedSampler
from .start import init as init
from .start import rank as rank
from .start import size as size
from .state import broadcast_state as broadcast_state
from .state import check_same_model as check_same_model
from .state import manual_seed as manual_seed
from .sync_batch_norm import SyncBatchNorm as SyncBatchNorm
from .world import World as World

_answer_wrong_names(globals())
