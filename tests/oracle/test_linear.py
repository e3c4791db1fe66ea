"""Linear layers."""

import numpy as np

import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn

from .harness import array, pick, random_cases, same_function, same_layer, torch


@random_cases(60)
def test_linear(case: np.random.Generator) -> None:
    lead = pick(case, (), (1,), (0,), (5,), (2, 3), (2, 1, 3))
    n, m = int(case.integers(1, 6)), int(case.integers(1, 6))
    dtype = pick(case, "float32", "float64")
    arrays = [array(case, *lead, n, dtype=dtype), array(case, m, n, dtype=dtype)]
    if case.random() < 0.6:
        arrays.append(array(case, m, dtype=dtype))
    same_function(F.linear, torch.nn.functional.linear, arrays, second=True)


@random_cases(20)
def test_linear_layer(case: np.random.Generator) -> None:
    n, m, bias = int(case.integers(1, 9)), int(case.integers(1, 9)), bool(case.integers(2))
    x = array(case, 4, n, dtype=pick(case, "float32", "float64"))
    same_layer(nn.Linear(n, m, bias), torch.nn.Linear(n, m, bias), [x])
