r"""Where the statements about losses without labels are attacked: logits, and the gradients of the logits in the parameters.

A network enters through its logits z and the gradients $J_k = \nabla_\theta z_k$, rows of J: the gradient of a loss with
slope v in the logits is $J^\top v = \sum_kv_kJ_k$. Every pair (z, J) is that of some network.
"""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import domains as D

SOURCE = "Boosting Active Learning via Improving Test Performance (AAAI 2022)"

#: the largest size of a logit
LARGEST = 40.0


def _bounded(x: Tensor) -> Tensor:
    return torch.clamp(x, -LARGEST, LARGEST)


def logits(size: int | str) -> D.Domain:
    """Logits between -40 and 40, shape (batch, size)."""
    return D.derived(_bounded, D.real(size), text="logits in [-40, 40]", dims=(size,))


def gradient(J: Tensor, v: Tensor) -> Tensor:
    """The gradient with slope v in the logits, sum_k v_k J_k: (..., N, p) and (..., N) to (..., p)."""
    return (v[..., None] * J).sum(-2)


def length(g: Tensor) -> Tensor:
    """|g| over the last dimension."""
    return torch.sqrt((g * g).sum(-1))


def square(g: Tensor) -> Tensor:
    """|g|^2 over the last dimension."""
    return (g * g).sum(-1)
