"""Tensors in other libraries: DLPack both ways, and einops."""

import subprocess
import sys

import numpy as np
import pytest

import tinygrad_dls as dls


def test_memory_is_shared_with_numpy_through_dlpack():
    array = np.arange(6.0).reshape(2, 3)
    x = dls.from_dlpack(array)
    assert x.dtype == np.float64 and x.device is dls.Device("cpu")
    array[0, 0] = 7
    assert x[0, 0].item() == 7
    back = np.from_dlpack(x)
    assert np.shares_memory(back, array) and x.__dlpack_device__() == (1, 0)
    with dls.no_grad():
        x += 1
    assert back[0, 0] == 8
    for dtype in ("float16", "int64", "int32", "uint8", "bool"):
        y = dls.from_dlpack(np.ones(3, dtype))
        assert y.dtype == dtype and np.from_dlpack(y).tolist() == [1, 1, 1]
    with pytest.raises(dls.GraphError, match="detach"):
        np.from_dlpack(dls.ones(2, requires_grad=True))
    with pytest.raises(dls.DtypeError, match="does not speak DLPack"):
        dls.from_dlpack([1.0])
    with pytest.raises(dls.DtypeError, match="complex"):
        dls.from_dlpack(np.ones(2, complex))


@pytest.mark.torch
def test_memory_is_shared_with_pytorch_through_dlpack():
    torch = pytest.importorskip("torch")
    theirs = torch.arange(4.0)
    ours = dls.from_dlpack(theirs)
    theirs[0] = 9
    assert ours[0].item() == 9
    assert torch.from_dlpack(ours).data_ptr() == theirs.data_ptr()


def test_einops_works_on_tensors():
    pytest.importorskip("einops")
    from einops import einsum, pack, rearrange, reduce, repeat, unpack

    array = np.random.default_rng(0).standard_normal((2, 4, 6, 3))
    x = dls.Tensor(array, requires_grad=True)
    for call in (
        lambda x: rearrange(x, "b (h p) (w q) c -> b (h w) (p q c)", p=2, q=3),
        lambda x: rearrange(x, "b h w c -> c b w h"),
        lambda x: reduce(x, "b (h 2) w c -> b h c", "mean"),
        lambda x: reduce(x, "b h w c -> b () c", "max"),
        lambda x: reduce(x, "b h w c -> b", "prod"),
        lambda x: repeat(x, "b h w c -> b (h k) w c n", k=2, n=3),
        lambda x: rearrange([x, x], "n b h w c -> b n (h w c)"),
        lambda x: einsum(x, x, "b h w c, b h w d -> b c d"),
        lambda x: pack([x, x[:, 0]], "b * c")[0],
        lambda x: unpack(*pack([x, x[:, 0]], "b * c"), "b * c")[1],
    ):
        y = call(x)
        assert isinstance(y, dls.Tensor) and y.requires_grad
        np.testing.assert_allclose(y.detach().numpy(), call(array), rtol=1e-9)
    y = rearrange(x, "b h w c -> b c (h w)")
    (y * y).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * array)


@pytest.mark.parametrize("first", ["einops", "tinygrad_dls"])
def test_einops_may_be_imported_first_or_last(first):
    pytest.importorskip("einops")
    second = {"einops": "tinygrad_dls", "tinygrad_dls": "einops"}[first]
    code = (f"import {first}, {second}, einops, tinygrad_dls as dls\n"
            "assert einops.rearrange(dls.ones(2, 3), 'a b -> b a').shape == (3, 2)")
    subprocess.run([sys.executable, "-c", code], check=True)
