r"""Functions $g(K) = \sum_ig(\lambda_i)v_iv_i^\top$ of a positive semi-definite kernel: values, derivatives, exact arithmetic.

Eigenvalues $\lambda\le n\varepsilon\lambda_{\max}$ count as 0, as in `altheory.training`. The derivative of g(K) in K needs no
derivative of the eigenvectors, which does not exist where eigenvalues repeat:

$$dg(K) = V\,\bigl(F\circ(V^\top dK\,V)\bigr)V^\top,\qquad
  F_{ij} = \frac{g(\lambda_i)-g(\lambda_j)}{\lambda_i-\lambda_j}\ \text{ or }\ g'(\lambda_i)\text{ where they agree.}$$

Source: Daleckii and Krein (1965); Higham, Functions of Matrices (2008), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from altheory.training._kernel_form import eigen

if TYPE_CHECKING:
    from torch import Tensor

_CLOSE = 1e-6  # eigenvalues this near, relative to the largest, share a derivative instead of a quotient


def spectral(K: Tensor, g: Callable[[Tensor], Tensor]) -> Tensor:
    """g(K) in floats, differentiable once in K and in whatever g closes over.

    Args:
        K: (..., n, n) symmetric positive semi-definite.
        g: A function of eigenvalues (..., n), elementwise.

    Raises:
        InputError: K is not positive semi-definite beyond rounding.
    """
    with torch.no_grad():
        eigenvalues, V = eigen(K)
    values = g(eigenvalues)
    out = (V * values[..., None, :]) @ V.mT
    if not (torch.is_grad_enabled() and K.requires_grad):
        return out
    F = _divided_differences(eigenvalues, g)
    return out + V @ (F * (V.mT @ (K - K.detach()) @ V)) @ V.mT


def exact_pseudo_inverse(K: Any) -> Any:
    r"""$K^+ = K(K^3)^-K$ of an exact positive semi-definite matrix, by sums, products and quotients alone.

    Sweeping every pivot of $K^3$ that is not 0 gives a generalised inverse: in a positive semi-definite matrix a pivot that has
    become 0 has a zero row. Any generalised inverse does, since $A^+ = A^\top(A^\top AA^\top)^-A^\top$.
    """
    n = K.shape[-1]
    eye = torch.eye(n, dtype=torch.float64)
    M = K @ K @ K
    swept: Any = []
    for k in range(n):
        unit, others = eye[k], 1 - eye[k]
        pivot = M[..., k, k][..., None, None]
        column = M[..., :, k][..., :, None]
        row = M[..., k, :][..., None, :]
        safe = torch.where(pivot == 0, 1.0, pivot)
        inner = (M - column * row / safe) * others[:, None] * others
        beside = column / safe * others[:, None] * unit + row / safe * others * unit[:, None]
        M = torch.where(pivot == 0, M, inner + beside - unit[:, None] * unit / safe)
        swept.append(torch.where(pivot[..., 0, 0] == 0, 0.0, 1.0))
    kept = torch.stack(swept, -1)
    return -(K @ (M * kept[..., :, None] * kept[..., None, :]) @ K)


def _divided_differences(x: Tensor, g: Callable[[Tensor], Tensor]) -> Tensor:
    """F (..., n, n), without a graph."""
    with torch.enable_grad():
        at = x.detach().requires_grad_()
        values = g(at)
        (slope,) = torch.autograd.grad(values.sum(), at)
    values = values.detach()
    gap = x[..., :, None] - x[..., None, :]
    close = gap.abs() <= _CLOSE * x.abs().amax(-1)[..., None, None]
    mean = (slope[..., :, None] + slope[..., None, :]) / 2
    return torch.where(close, mean, (values[..., :, None] - values[..., None, :]) / torch.where(close, 1, gap))
