"""The checks that all functions of a finite support share: values (..., n, D) or (..., n), masses (..., n)."""

from __future__ import annotations

from typing import Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, is_exact, member


def on_support(V: Any, p: Any, *, name: str = "V", functions: bool = True) -> tuple[Any, Any]:
    """Values and masses of one dtype, the masses a distribution on the n points; exact arrays unchanged.

    Raises:
        InputError: The shapes do not fit, or p is no distribution.
    """
    values, masses = as_tensors(**{name: V, "p": p})
    if is_exact(values) or is_exact(masses):
        return values, masses
    layout = "(..., n, D)" if functions else "(..., n)"
    values = as_tensor(name, values, min_ndim=2 if functions else 1, layout=layout)
    n = values.shape[-2] if functions else values.shape[-1]
    check_masses("p", masses, n)
    return values, masses


def check_masses(name: str, p: torch.Tensor, n: int) -> None:
    """Refuse what is not a distribution on n points (up to the square root of the machine epsilon)."""
    if p.ndim == 0 or p.shape[-1] != n:
        raise InputError(f"`{name}` has shape {tuple(p.shape)} but there are {n} points; pass one mass a point, (..., {n}).")
    p = p.detach()
    negative = (p < 0).any(-1)
    if bool(negative.any()):
        raise InputError(f"`{name}` has a negative mass{member(negative)} but a distribution is wanted; pass masses >= 0.")
    total = p.sum(-1)
    off = (total - 1).abs() > torch.finfo(p.dtype).eps ** 0.5
    if bool(off.any()):
        raise InputError(
            f"`{name}` sums to {float(total[off].flatten()[0]):.10g}{member(off)} but a distribution is wanted; "
            f"pass `{name} / {name}.sum(-1, keepdim=True)`."
        )


def transposed(V: Any) -> Any:
    """The last two axes exchanged."""
    return torch.transpose(V, -1, -2)


def moments(V: Any, p: Any) -> Any:
    r"""$\mathrm{E}\,vv^\top$, unchecked."""
    return transposed(V) @ (p[..., None] * V)
