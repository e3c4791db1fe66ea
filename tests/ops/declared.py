"""The operations that are tested from their declarations."""

from tinygrad_dls.ops.op import Op

#: Ops without samples of their own, and why.
WITHOUT_SAMPLES = {
    "ToDevice": "its parameters are devices: tests/engine/test_devices.py",
    "Checkpoint": "its parameter is a function: tests/engine/test_checkpoint.py",
}
OPS = {name: op for name, op in Op.registry.items() if op.__module__.startswith("tinygrad_dls")}
SAMPLED = {name: op for name, op in OPS.items() if name not in WITHOUT_SAMPLES}
ELEMENT_WISE = [
    name for name, op in SAMPLED.items()
    if op.__module__.endswith(("elementwise", "arithmetic", "activations", "trigonometric",
                               "rounding", "special", "bits"))
]
