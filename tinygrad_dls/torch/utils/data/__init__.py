"""torch.utils.data: data sets, loaders and how examples become batches."""

from ...._util.namespaces import answer_wrong_names as _answer_wrong_names
from ....data import Dataset as Dataset
from ....data import Subset as Subset
from .collate import default_collate as default_collate
from .datasets import ChainDataset as ChainDataset
from .datasets import ConcatDataset as ConcatDataset
from .datasets import IterableDataset as IterableDataset
from .datasets import TensorDataset as TensorDataset
from .datasets import random_split as random_split
from .loader import DataLoader as DataLoader

_answer_wrong_names(globals())
