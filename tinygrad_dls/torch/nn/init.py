"""torch.nn.init: initial values, written in place."""

from typing import Any

from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from ...nn.init import calculate_gain as calculate_gain
from ...nn.init import constant_ as constant_
from ...nn.init import eye_ as eye_
from ...nn.init import fans
from ...nn.init import kaiming_normal_ as kaiming_normal_
from ...nn.init import kaiming_uniform_ as kaiming_uniform_
from ...nn.init import normal_ as normal_
from ...nn.init import ones_ as ones_
from ...nn.init import orthogonal_ as orthogonal_
from ...nn.init import trunc_normal_ as trunc_normal_
from ...nn.init import uniform_ as uniform_
from ...nn.init import xavier_normal_ as xavier_normal_
from ...nn.init import xavier_uniform_ as xavier_uniform_
from ...nn.init import zeros_ as zeros_

# The names of old scripts.
uniform, normal, constant, eye = uniform_, normal_, constant_, eye_
xavier_uniform, xavier_normal = xavier_uniform_, xavier_normal_
kaiming_uniform, kaiming_normal, orthogonal = kaiming_uniform_, kaiming_normal_, orthogonal_


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """Return fan in and fan out."""
    return fans(tensor)


def _calculate_correct_fan(tensor: Any, mode: str) -> int:
    """Fan in or fan out."""
    return fans(tensor)[mode == "fan_out"]


_answer_wrong_names(globals())
