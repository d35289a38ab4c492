"""Random rational inputs and the two readings of one function: exact, and torch in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from flint import arb, fmpq

from proofs_check.exact.run import ExactTensor
from proofs_check.exact.scalars import precision

BITS = 128


def fractions(shape: tuple[int, ...], seed: int, low: int = -12, high: int = 12, denominator: int = 8) -> np.ndarray:
    """Random fractions k / denominator, exactly representable in float64 when the denominator is a power of two."""
    numbers = np.random.default_rng(seed).integers(low, high + 1, size=shape)
    flat = [Fraction(int(k), denominator) for k in numbers.ravel()]
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(shape)


def exact(array: np.ndarray, integer: bool = False) -> ExactTensor:
    return ExactTensor.from_fractions(array, integer=integer)


def floats(array: np.ndarray, integer: bool = False) -> torch.Tensor:
    return torch.tensor(array.astype(np.int64 if integer else np.float64))


def flat_results(result: Any) -> list[Any]:
    """Tensors, tuples of tensors and numbers as one list."""
    if isinstance(result, (tuple, list)) and not isinstance(result, torch.Size):
        return [leaf for part in result for leaf in flat_results(part)]
    return [result]


def middle(value: Any) -> float:
    return float(Fraction(int(value.p), int(value.q))) if isinstance(value, fmpq) else float(value.mid())


def assert_same(
    function: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    integers: Sequence[int] = (),
    tol: float = 1e-9,
) -> None:
    """The exact result has torch's shape and dtype, and its tight balls sit on torch's float64 values."""
    wanted = function(*[floats(a, i in integers) for i, a in enumerate(arrays)])
    with precision(BITS):
        got = function(*[exact(a, i in integers) for i, a in enumerate(arrays)])
        for w, g in zip(flat_results(wanted), flat_results(got), strict=True):
            if not isinstance(w, torch.Tensor):
                assert w == g
                continue
            assert tuple(g.shape) == tuple(w.shape)
            assert g.dtype == w.dtype
            for a, b in zip(g.scalars, w.reshape(-1).tolist(), strict=True):
                assert isinstance(a, (arb, fmpq)), getattr(a, "error", a)
                assert abs(middle(a) - float(b)) <= tol * max(1.0, abs(float(b)))
                if isinstance(a, arb):
                    assert float(a.rad()) <= 1e-25 * max(1.0, abs(float(b)))
