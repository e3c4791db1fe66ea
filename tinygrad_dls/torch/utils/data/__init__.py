"""torch.utils.data: data sets, samplers, loaders and how examples become batches."""

from ...._util.namespaces import answer_wrong_names as _answer_wrong_names
from ....data import BatchSampler as BatchSampler
from ....data import ChainDataset as ChainDataset
from ....data import ConcatDataset as ConcatDataset
from ....data import Dataset as Dataset
from ....data import IterableDataset as IterableDataset
from ....data import RandomSampler as RandomSampler
from ....data import Sampler as Sampler
from ....data import SequentialSampler as SequentialSampler
from ....data import Subset as Subset
from ....data import SubsetRandomSampler as SubsetRandomSampler
from ....data import WeightedRandomSampler as WeightedRandomSampler
from ....data import get_worker_info as get_worker_info
from . import distributed as distributed
from . import sampler as sampler
from .collate import default_collate as default_collate
from .dataloader import DataLoader as DataLoader
from .dataset import TensorDataset as TensorDataset
from .dataset import random_split as random_split
from .distributed import DistributedSampler as DistributedSampler

_answer_wrong_names(globals())
