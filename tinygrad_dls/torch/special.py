"""torch.special: functions under its names."""

from .. import ops
from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from .arithmetic import logit as logit
from .arithmetic import sinc as sinc
from .arithmetic import xlogy as xlogy
from .gamma_functions import digamma as digamma
from .gamma_functions import erfinv as erfinv
from .gamma_functions import lgamma as lgamma
from .reductions import log_softmax as log_softmax
from .reductions import logsumexp as logsumexp
from .reductions import softmax as softmax

psi, gammaln = digamma, lgamma
expit, erf, erfc, exp2, expm1, log1p = (
    ops.sigmoid, ops.erf, ops.erfc, ops.exp2, ops.expm1, ops.log1p)
_answer_wrong_names(globals())
