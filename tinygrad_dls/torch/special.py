"""torch.special: functions under its names."""

from .. import ops
from .arithmetic import logit as logit
from .arithmetic import sinc as sinc
from .arithmetic import xlogy as xlogy
from .reductions import log_softmax as log_softmax
from .reductions import logsumexp as logsumexp
from .reductions import softmax as softmax

expit, erf, erfc, exp2, expm1, log1p = (
    ops.sigmoid, ops.erf, ops.erfc, ops.exp2, ops.expm1, ops.log1p)
