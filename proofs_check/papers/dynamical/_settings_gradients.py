r"""Where the statements of section 3 are attacked: explicit networks, and gradients in their place.

A model enters section 3 through the gradients of its outputs, $J_{x,i} = \nabla f^i(x)$, and a set of examples through the
gradients of their losses. Any arrays are gradients of some model (one that is linear in its parameters), so claims draw them
freely; softmax regression on real digits is a further setting.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory import dynamics
from proofs_check import domains as D

SOURCE = "dynamicAL (ICLR 2022 submission)"

#: pseudo-gradients of the candidates, one a row, and the gradient of the labelled set
CANDIDATES, LABELLED = D.real("n", "p"), D.real("p")

ON_GRADIENTS = "arbitrary gradients"

#: phi(u) = u + u^2 / 2: along a line in its first layer such a network is a polynomial of degree two
QUADRATIC = al.activations.polynomial(0, 1, 0.5)

_DIGITS = D.dataset("digits", n="n")


def _softmax_gradients(points: Tensor, weights: Tensor) -> Tensor:
    f = points[..., :3] @ weights + points[..., 20:23]
    d = dynamics.residual(f, dynamics.pseudo_labels(f))
    return (d[..., :, None] * points[..., None, :]).flatten(-2)


def _softmax_labelled(candidates: Tensor, share: Tensor) -> Tensor:
    return (share - 0.5)[:, None] * candidates.sum(-2)


_PSEUDO = D.derived(
    _softmax_gradients,
    _DIGITS,
    D.real(3, 3),
    text="pseudo-gradients of softmax regression with three classes on digits",
    dims=("n",),
)

#: a further setting for a claim about (candidates, labelled)
DIGITS = {
    "softmax regression on digits": {
        "candidates": _PSEUDO,
        "labelled": D.derived(
            _softmax_labelled, _PSEUDO, D.interval(0, 1), text="a multiple of the sum of the candidates' gradients"
        ),
    }
}


def signs(x: Tensor) -> Tensor:
    """1 where x >= 0, else -1."""
    return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))


def best_subset(values: Tensor, sizes: Tensor, b: Tensor) -> Tensor:
    """The largest of `values` (batch, subsets) over the subsets of size b (batch,), given the `sizes` of all of them."""
    lowest = torch.amin(values, -1)[:, None]
    return torch.where(sizes == b[:, None], values, lowest).amax(-1)
