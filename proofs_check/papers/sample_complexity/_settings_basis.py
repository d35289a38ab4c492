r"""Where the definitions of sections 3 and 5 are attacked: independent functions on a finite support, networks, points of a
ball.

A linear class is drawn as the span of the columns of V with the identity as its first rows: every class of dimension k whose
support has k points that determine it has such a basis. So no instance is at the edge of rank loss, where no arithmetic
decides.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import activations
from proofs_check import domains as D

SOURCE = "Sample Complexity of Deep Active Learning (ICLR 2022 submission)"
SQUARE = activations.polynomial(0, 0, 1)
COSINE = activations.Activation("cos", torch.cos, lambda u: -torch.sin(u))


def with_axes(B: Tensor) -> Tensor:
    """The identity above B, (batch, n, k) -> (batch, k + n, k)."""
    eye = torch.eye(B.shape[-1], dtype=torch.float64)
    return torch.cat([eye + 0 * B[:, :1, :], B], -2)


def independent(k: str, n: str) -> D.Domain:
    """k independent functions on k + n points."""
    return D.derived(with_axes, D.real(n, k), text=f"{k} independent functions on {k} + {n} points, one column each")


def _joined(first: Tensor, second: Tensor) -> Tensor:
    weights = torch.cat([first, second], -1)
    return weights / weights.sum(-1)[..., None]


def masses(k: str | int, n: str | int) -> D.Domain:
    """Positive masses of k + n points."""
    return D.derived(_joined, D.positive(k), D.positive(n), text=f"positive masses of {k} + {n} points")


def normalised(weights: Tensor) -> Tensor:
    """Masses proportional to positive weights."""
    return weights / weights.sum(-1)[..., None]


def distribution(n: str | int) -> D.Domain:
    """Positive masses of n points."""
    return D.derived(normalised, D.positive(n), text=f"positive masses of {n} points", dims=(n,))


def signs(m: str | int) -> D.Domain:
    """The fixed output signs a of m neurons."""
    return D.derived(_signs, D.real(m), text=f"{m} signs", dims=(m,))


def _signs(values: Tensor) -> Tensor:
    return torch.where(values < 0, -torch.ones_like(values), torch.ones_like(values))


def into_ball(v: Tensor) -> Tensor:
    """2v / (1 + |v|^2), which maps space onto the unit ball and the unit sphere to itself."""
    return 2 * v / (1 + (v * v).sum(-1)[..., None])


def ball(*dims: str | int) -> D.Domain:
    """Points with |x| <= 1, the last dimension theirs."""
    return D.derived(into_ball, D.real(*dims), text="points of the unit ball", dims=dims)


def sine_derivative(t: Tensor, order: Tensor) -> Tensor:
    """The derivative of sin of this order, at t."""
    turn = order % 4
    odd = torch.where(turn == 1, torch.cos(t), -torch.cos(t))
    even = torch.where(turn == 0, torch.sin(t), -torch.sin(t))
    return torch.where(turn % 2 == 1, odd, even)


def binomial(n: Tensor, k: Tensor, *, most: int) -> Tensor:
    """n choose k for k up to `most`, as float64."""
    size = n.to(torch.float64)
    total = torch.ones_like(size)
    for i in range(most):
        total = torch.where(k > i, total * (size - i) / (i + 1), total)
    return total


def printed_dimension(d: Tensor, accuracy: Tensor) -> Tensor:
    r"""$10d+\log(1/\varepsilon_0)/\log d$, the printed bound of $\tilde d$ and of the order C."""
    size = d.to(torch.float64)
    return 10 * size - torch.log(accuracy) / torch.log(size)


def residual(U: Tensor, F: Tensor, p: Tensor) -> Tensor:
    """What the least squares fit in the span of U's columns (..., n, r) leaves of the columns of F, under masses p."""
    weighted = torch.transpose(p[..., None] * U, -1, -2)
    return F - U @ torch.linalg.solve(weighted @ U, weighted @ F)
