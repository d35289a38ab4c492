"""Elementwise steps that the functionals and bounds of a measure share: safe quotients, numbers of steps, powers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from altheory._inputs import InputError, as_tensor, is_exact


def ratio(top: Any, bottom: Any) -> Any:
    """top / bottom with 0/0 = 0."""
    return top / torch.where(top == 0, 1, bottom)


def nonnegative(x: Any) -> Any:
    """max(x, 0); exact arrays need no clamp."""
    return x if is_exact(x) else torch.clamp(x, min=0)


def column(x: Any) -> Any:
    """A trailing axis for arrays, numbers as they are."""
    return x[..., None] if isinstance(x, torch.Tensor) or is_exact(x) else x


def beside(name: str, value: Any, like: tuple[str, Any]) -> Any:
    """A parameter as a tensor like the measure's, or unchanged beside duck arrays."""
    return value if is_exact(like[1]) else as_tensor(name, value, like=like)


def steps(t: Any) -> Any:
    """A number of steps: an int, or an int64 tensor; duck arrays unchanged."""
    if is_exact(t):
        return t
    array = t if isinstance(t, torch.Tensor) else np.asarray(t)
    integral = array.dtype in _INTEGERS if isinstance(array, torch.Tensor) else array.dtype.kind in "iu"
    if not integral or (array.size if isinstance(array, np.ndarray) else array.numel()) == 0:
        raise InputError(f"`t` is {t!r} but integers >= 0 are wanted; pass an int or an int64 tensor.")
    if array.min() < 0 or array.max() > 2**52:
        raise InputError(f"`t` is {t!r} but integers from 0 to 2**52 are wanted; pass a number of steps in this range.")
    if isinstance(array, np.ndarray):
        return int(array) if array.ndim == 0 else torch.from_numpy(array.astype(np.int64))
    return array.to(torch.int64)


_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def decay(x: Any, t: Any) -> Any:
    r"""$(1-x)^{2t}$ elementwise: even powers of negative bases, $0^0 = 1$.

    Rounding 1 - x alone would cost a relative error of $t\varepsilon$. The rounding error e is known exactly
    (Knuth's two-sum), so the factor $(1+e/b)^{2t}\approx e^{2te/b}$ for $b = fl(1-x)$ puts it back; it is 1
    where 1 - x is exact.
    """
    base = 1 - x
    if is_exact(base):
        return base ** (2 * t)
    t = t.to(base.device) if isinstance(t, torch.Tensor) else t
    with torch.no_grad():
        shift = base - 1
        lost = (1 - (base - shift)) - (x + shift)
        repair = torch.exp(2 * t * (lost / torch.where(base == 0, 1, base)))
    return base ** (2 * t) * repair
