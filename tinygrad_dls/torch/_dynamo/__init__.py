"""torch._dynamo: what model sources ask of it; nothing is compiled by it."""

from . import utils as utils
