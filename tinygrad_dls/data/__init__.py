"""Data sets, batches and splits. Where lessons' data come from: `tinygrad_dls.data.sources`."""

from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from .dataset import Dataset as Dataset
from .dataset import Subset as Subset
from .dataset import TensorDataset as TensorDataset
from .loader import DataLoader as DataLoader
from .loader import default_collate as default_collate
from .split import random_split as random_split
from .split import train_test_split as train_test_split

_answer_wrong_names(globals())
