"""Training: the loop, its figures and its progress bar."""

from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from .checkpoints import load_checkpoint as load_checkpoint
from .checkpoints import save_checkpoint as save_checkpoint
from .fit import evaluate as evaluate
from .fit import fit as fit
from .history import History as History
from .metrics import accuracy as accuracy
from .progress import Progress as Progress

_answer_wrong_names(globals())
