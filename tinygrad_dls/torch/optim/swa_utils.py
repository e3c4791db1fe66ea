"""torch.optim.swa_utils: averages of weights."""

from ...optim.swa_utils import AveragedModel as AveragedModel
