r"""Where the theorems on weighted regression are attacked: a linear space on a few points.

D independent functions on n = D + m points can be written in the basis that is dual to D of the points, so that their values
there are the identity. That costs no generality (nothing below depends on the basis, once G = E vv' takes the place of the
identity), and no member of the domain is dependent.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import domains as D
from proofs_check.domains import Domain

SOURCE = "Sample Complexity of Deep Active Learning (ICLR 2022 submission)"

#: eps in (0, 1), eps_0 in (0, 1/10): the ends are powers of two, so that they are what they seem in float64
EPS = (2.0**-10, 1 - 2.0**-10)
EPS0 = (2.0**-10, 3 / 32)

#: phi(t) = t^2, a network of one neuron, d = 2
SQUARE = al.activations.polynomial(0, 0, 1)


def _with_identity(others: Tensor) -> Tensor:
    D_ = others.shape[-1]
    eye = torch.eye(D_, dtype=torch.float64)
    return torch.cat([eye + 0 * others[..., :1, :1], others], -2)


def _joined(first: Tensor, second: Tensor) -> Tensor:
    return torch.cat([first, second], -1)


def _normalised(first: Tensor, second: Tensor) -> Tensor:
    weights = _joined(first, second)
    return weights / weights.sum(-1)[..., None]


def _bounded(size: str) -> Domain:
    """Positive numbers that do not make moment matrices singular in float64."""
    return D.spectrum(size, lo=2.0**-10, hi=1)


def functions() -> Domain:
    """The values V of D independent functions on D + m points, (D + m, D)."""
    return D.derived(_with_identity, D.real("m", "D"), text="D independent functions on D + m points")


def masses() -> Domain:
    """Positive masses of sum 1 on the D + m points."""
    return D.derived(_normalised, _bounded("D"), _bounded("m"), text="positive masses on the points, none 1024 times another")


def point_masses() -> Domain:
    """Positive masses of sum 1 on n points."""
    return D.derived(lambda w: w / w.sum(-1)[..., None], _bounded("n"), text="positive masses on n points")


def numbers() -> Domain:
    """Real numbers at the D + m points."""
    return D.derived(_joined, D.real("D"), D.real("m"), text="real numbers at the points")


def amounts() -> Domain:
    """Numbers of at least 0 at the D + m points."""
    return D.derived(_joined, D.nonneg("D"), D.nonneg("m"), text="numbers of at least 0 at the points")


def positive_amounts() -> Domain:
    """Positive numbers at the D + m points."""
    return D.derived(_joined, _bounded("D"), _bounded("m"), text="numbers from 1/1024 to 1 at the points")


def transposed(x: Tensor) -> Tensor:
    """The last two axes exchanged."""
    return torch.transpose(x, -1, -2)


def moments(V: Tensor, weights: Tensor) -> Tensor:
    """sum_i w_i v_i v_i'."""
    return transposed(V) @ (weights[..., None] * V)


def trace(A: Tensor) -> Tensor:
    """The trace of each matrix."""
    return torch.diagonal(A, dim1=-2, dim2=-1).sum(-1)


def peaks(V: Tensor, p: Tensor) -> Tensor:
    """v_i' G^-1 v_i, which is |v_i|^2 in an orthonormal basis."""
    return (V * transposed(torch.linalg.solve(moments(V, p), transposed(V)))).sum(-1)


def apply(A: Tensor, x: Tensor) -> Tensor:
    """A x for each matrix and vector of a batch."""
    return (A @ x[..., None])[..., 0]


def mean_square(p: Tensor, h: Tensor) -> Tensor:
    """E h^2 under masses p."""
    return (p * h * h).sum(-1)
