"""The Triton path against the plain one: in Triton's interpreter where TRITON_INTERPRET=1, and on a CUDA device."""

from __future__ import annotations

import os
from fractions import Fraction

import pytest
import torch

import altheory as al
from altheory.kernels import _empirical
from altheory.kernels._signs import Rows

pytest.importorskip("triton", reason="triton is not installed (it comes with torch's CUDA builds)")

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
interpreted = pytest.mark.skipif(not INTERPRETED, reason="TRITON_INTERPRET=1 is not set")
on_device = pytest.mark.skipif(INTERPRETED or not torch.cuda.is_available(), reason="no CUDA device")
DEVICES = [pytest.param("cpu", marks=interpreted), pytest.param("cuda", marks=[pytest.mark.gpu, on_device])]


def points(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def counted(monkeypatch) -> list[int]:
    """Send every count to the Triton worker, on whatever device; the list grows with its chunks."""
    from altheory.kernels import _triton

    chunks: list[int] = []

    class Watched(_triton.Counted):
        def prepare(self, W, a):
            chunks.append(W.shape[0])
            super().prepare(W, a)

    monkeypatch.setattr(_empirical, "_worker", lambda net, sums, total: Watched)
    return chunks


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("cross", [0, 1, 45])
def test_the_count_is_that_of_the_plain_path_in_every_bit(device, dtype, paired, cross, monkeypatch):
    net = al.TwoLayerNet(5, 150, 2, antisymmetric=paired, seed=3, dtype=dtype)
    X = points(270, 5, 1, dtype)  # more than one strip
    X2 = points(cross, 5, 2, dtype) if cross else None
    wanted = [al.kernels.empirical(net, X, X2, outputs=o, with_bound=True) for o in ("mean", 1)]
    chunks = counted(monkeypatch)
    there = net.replace(W=net.W.to(device), a=net.a.to(device))
    for outputs, (value, error) in zip(("mean", 1), wanted, strict=True):
        for chunk in (None, 45) if outputs == 1 else (64,):
            X2_there = None if X2 is None else X2.to(device)
            found = al.kernels.empirical(there, X.to(device), X2_there, outputs=outputs, chunk=chunk, with_bound=True)
            if device == "cpu":
                assert torch.equal(found.value, value)
            # on the device <x, z> is rounded in another order, and nothing else is
            assert bool(((found.value.cpu() - value).abs() <= found.error.cpu() + error).all())
    assert {45, 64} <= set(chunks)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("scale", [1.0, 2.0**-60])
def test_signs_that_rounding_leaves_open_are_settled(device, dtype, scale):
    from altheory.kernels._triton import masks

    # next to the hyperplane of the first neuron: a few units in the last place either way, on it, and at the origin
    W = points(40, 6, 4, dtype)
    X = points(33, 6, 5, dtype)
    w = W[0].double()
    X = (X.double() - (X.double() @ w)[:, None] * w / (w @ w)).to(dtype) * scale
    X[0] = 0
    X[1] = torch.stack([-W[0, 1], W[0, 0], *torch.zeros(4, dtype=dtype)]) * scale
    weights, rows = Rows(W.to(device)), Rows(X.to(device))
    Z = rows.moderate @ weights.moderate.to(rows.moderate.dtype).T
    # wrong signs, within the bound, wherever the sign is open
    open_ = Z.abs() < 1e-7 if dtype == torch.float32 and scale == 1 else Z.abs() < 1e-16
    Z = torch.where(open_, -Z, Z).contiguous()
    out = torch.full((33, 64), 9, dtype=torch.int8, device=device)
    masks(Z, weights, rows, out[:, :40])
    exact = [[sum(Fraction(p) * Fraction(q) for p, q in zip(x, v)) > 0 for v in W.tolist()] for x in X.tolist()]
    assert torch.equal(out[:, :40].cpu(), torch.tensor(exact).to(torch.int8))
    assert bool((out[:, 40:] == 9).all())
    assert int(open_[:, 0].sum()) >= 2


@interpreted
def test_without_a_device_or_without_triton_the_work_is_plain(monkeypatch):
    import builtins

    from altheory.kernels._preactivations import Plain

    net = al.TwoLayerNet(5, 16, seed=3)
    sums = _empirical.plan(net, "first", "mean")
    assert _empirical._worker(net, sums, 10) is Plain
    assert _empirical._counted() is not None
    load = builtins.__import__

    def refuse(name, *rest, **more):
        if name.endswith("_triton"):
            raise ImportError(name)
        return load(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert _empirical._counted() is None


@pytest.mark.gpu
@on_device
def test_on_a_device_the_worker_is_the_triton_one_where_all_is_counted():
    from altheory.kernels._preactivations import Plain
    from altheory.kernels._triton import Counted

    net = al.TwoLayerNet(5, 16, seed=3, device="cuda")
    assert _empirical._worker(net, _empirical.plan(net, "first", "mean"), 10) is Counted
    assert _empirical._worker(net, _empirical.plan(net, "both", "mean"), 10) is Plain
    assert _empirical._worker(net, _empirical.plan(net, "first", "pairs"), 10) is Plain
