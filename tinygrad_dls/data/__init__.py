"""Data sets, batches and splits. Where lessons' data come from: `tinygrad_dls.data.sources`."""

from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from .dataset import Dataset as Dataset
from .dataset import Subset as Subset
from .dataset import TensorDataset as TensorDataset
from .joined import ChainDataset as ChainDataset
from .joined import ConcatDataset as ConcatDataset
from .joined import IterableDataset as IterableDataset
from .loader import DataLoader as DataLoader
from .loader import default_collate as default_collate
from .samplers import BatchSampler as BatchSampler
from .samplers import RandomSampler as RandomSampler
from .samplers import Sampler as Sampler
from .samplers import SequentialSampler as SequentialSampler
from .samplers import SubsetRandomSampler as SubsetRandomSampler
from .samplers import WeightedRandomSampler as WeightedRandomSampler
from .split import random_split as random_split
from .split import train_test_split as train_test_split
from .workers import WorkerInfo as WorkerInfo
from .workers import get_worker_info as get_worker_info

_answer_wrong_names(globals())
