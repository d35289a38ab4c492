"""A minimal exact array: a stand-in for the exact arithmetic of `proofs_check`."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch


class Exact:
    """An object array of Fractions or mpmath numbers that answers the torch functions `altheory` uses."""

    eigh: tuple[Exact, Exact] | None = None  # what torch.linalg.eigh returns, given by the test

    def __init__(self, values: object) -> None:
        self.values = np.array(values, dtype=object)

    @classmethod
    def fractions(cls, values: object) -> Exact:
        return cls(np.vectorize(Fraction, otypes=[object])(np.array(values, dtype=object)))

    @classmethod
    def mpf(cls, values: object) -> Exact:
        return cls(np.vectorize(lambda v: mpmath.mpf(float(v)), otypes=[object])(np.array(values)))

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        def each(f):
            return lambda *a: cls(np.vectorize(f, otypes=[object])(*(cls.of(v) for v in a)))

        table = {
            torch.where: lambda c, a, b: cls(np.where(cls.of(c).astype(bool), cls.of(a), cls.of(b))),
            torch.amin: lambda a, dim: cls(a.values.min(axis=dim)),
            torch.amax: lambda a, dim: cls(a.values.max(axis=dim)),
            torch.transpose: lambda a, i, j: cls(np.swapaxes(a.values, i, j)),
            torch.ones_like: lambda a: cls(np.vectorize(lambda v: v * 0 + 1, otypes=[object])(a.values)),
            torch.linalg.eigh: lambda a: cls.eigh,
            torch.sqrt: each(mpmath.sqrt),
            torch.acos: each(mpmath.acos),
            torch.atan2: each(mpmath.atan2),
        }
        if function not in table:
            raise NotImplementedError(f"{function} is not a torch function that exact arrays are promised to meet")
        return table[function](*args, **(kwargs or {}))

    @staticmethod
    def of(value: object) -> np.ndarray:
        return value.values if isinstance(value, Exact) else np.array(value, dtype=object)

    ndim = property(lambda self: self.values.ndim)
    shape = property(lambda self: self.values.shape)

    def __getitem__(self, key: object) -> Exact:
        return Exact(self.values[key])

    def __len__(self) -> int:
        return len(self.values)

    def sum(self, axis: int) -> Exact:
        return Exact(self.values.sum(axis=axis))

    def __eq__(self, other: object) -> Exact:  # type: ignore[override]
        return Exact(self.values == self.of(other))

    __hash__ = None  # type: ignore[assignment]


def _operator(name: str):
    def apply(self: Exact, other: object) -> Exact:
        return Exact(getattr(np.ndarray, name)(self.values, Exact.of(other)))

    return apply


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow", "matmul"):
    setattr(Exact, f"__{_name}__", _operator(f"__{_name}__"))
Exact.__neg__ = lambda self: Exact(-self.values)  # type: ignore[attr-defined]


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> type[Exact]:
    """The class of exact arrays; `exact.eigh` is reset after the test."""
    monkeypatch.setattr(Exact, "eigh", None)
    return Exact
