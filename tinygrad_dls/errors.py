"""The error family: every error this package raises on purpose, each also the built-in it fits."""


class Error(Exception):
    """Base of all errors of tinygrad_dls: `except dls.Error` catches every one of them.

    >>> try:
    ...     dls.ones(2, 3) @ dls.ones(2, 3)
    ... except dls.Error as error:
    ...     print(type(error).__name__)
    ShapeError
    """

    wrong_usage = False  # of a command


class ShapeError(Error, ValueError):
    """Shapes that do not fit together; the message shows the operands and fixes that work."""


class DtypeError(Error, TypeError):
    """A dtype (or type of object) that the operation has no meaning for."""


class GraphError(Error, RuntimeError):
    """A graph used in a way it cannot be: freed, overwritten, or not there at all."""


class DeviceError(Error, RuntimeError):
    """A device that is missing, or operands that live on two different devices."""


class LengthError(ShapeError, TypeError):
    """The length of a tensor that has none: NumPy's and PyTorch's is a TypeError."""


class DataError(Error, ValueError):
    """Data that are missing, empty, out of range or not what they claim to be."""


class LinAlgError(DataError, RuntimeError):
    """A matrix that has not what is asked for: a singular one has no inverse."""


class FormatError(Error, ValueError):
    """A file that is truncated, corrupt or of another format."""


class RankError(Error, RuntimeError):
    """A rank of a distributed training that failed, left, hangs, or does something else."""
