"""torch._dynamo.utils: whether a device can be compiled for."""


def is_compile_supported(device_type: str) -> bool:
    """False: `torch.compile` records steps instead."""
    return False
