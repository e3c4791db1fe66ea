"""Operations that the strict device refuses: each a DeviceError that names what CuPy would raise.
"""

from ...errors import DeviceError


class HostMixError(DeviceError, TypeError):
    """Host data where a device array must stand, or a device array where the host would read it."""


class MissingNameError(DeviceError, AttributeError):
    """A name that CuPy does not have."""


class SignatureError(DeviceError, TypeError):
    """A keyword, a number of arguments or a dtype that CuPy's function does not take."""


class IndexingError(DeviceError, IndexError):
    """An index that CuPy would follow to a wrong place without a word."""


class UnsupportedError(DeviceError, NotImplementedError):
    """Something that CuPy refuses to do, or does and this double does not."""


def host_operand(where: str, found: object) -> HostMixError:
    """A host value met a device array in `where`."""
    kind = f"{type(found).__module__}.{type(found).__name__}".removeprefix("builtins.")
    return HostMixError(
        f"{where} got a {kind}, which lies on the host.\n"
        "CuPy takes device arrays and single numbers here: it raises TypeError, or for an index\n"
        "copies the array to the device at every call without a word.\n"
        "Copy it once, outside the hot path: xp.asarray(value)."
    )


def implicit_conversion(asker: str, instead: str) -> HostMixError:
    """NumPy (or Python) tried to read a device array."""
    return HostMixError(
        f"{asker} asked for the values of a device array.\n"
        "CuPy raises TypeError, or hides a slow way round: Implicit conversion to a NumPy array\n"
        f"is not allowed. {instead}"
    )


def device_for_host_number(where: str, parameter: str) -> HostMixError:
    """A device array was given for a number that the host must know."""
    return HostMixError(
        f"{where} got a device array for '{parameter}', which the host must know.\n"
        "CuPy raises TypeError, or waits for the device.\n"
        "Work it out from shapes, or say int(value) where waiting is meant."
    )


def missing_name(where: str, name: str) -> MissingNameError:
    """`where` (a module or class of CuPy) has no `name`."""
    return MissingNameError(
        f"{where} has no '{name}'.\n"
        "NumPy may have it; CuPy 14 does not, so this line would fail on a GPU.\n"
        "Build it from names that both have; dir() of this object lists them."
    )


def wrong_keywords(where: str, wrong: list[str], signature: str) -> SignatureError:
    """`where` does not take the keywords `wrong`."""
    return SignatureError(
        f"{where}() has no keyword '{wrong[0]}' in CuPy 14.\n"
        f"Its parameters: ({signature}).\n"
        "Write it without that keyword, for NumPy as well."
    )


def silent_wrap(reason: str) -> IndexingError:
    """An index array reached out of range."""
    return IndexingError(
        f"An index array is out of range: {reason}.\n"
        "CuPy does not raise here: it wraps the index round and reads or writes a wrong place.\n"
        "Check the indices where they are made, on the host."
    )


def conflicting_writes() -> IndexingError:
    """Two values were written to one place."""
    return IndexingError(
        "An index array names one place twice, with different values to write there.\n"
        "NumPy keeps the last; on a GPU any of them may win, another one at each run.\n"
        "Accumulate with xp.add.at, or make the indices unique."
    )
