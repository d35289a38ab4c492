r"""What the claims about equation (5), the selection and appendix A.1 share.

T^c is trained to the minimiser $\theta_0$ of F, $T^{c+1}$ to the minimiser $\theta_1$ of $F+l$, l the loss of the added
sample; $d = \theta_1-\theta_0$, $g_0 = \nabla l(\theta_0)$, $g_1 = \nabla l(\theta_1)$. A claim about a class of functions
draws d and the gradients themselves, subject to the inequalities which say that functions of the class with these gradients
exist (`altheory.gradient_change`). At a kink a gradient is any subgradient.
"""

from __future__ import annotations

import torch
from torch import Tensor

SOURCE = 'gradnorm ("Boosting Active Learning via Improving Test Performance")'
EQ5 = f"{SOURCE}, section 3, eq. (5), second line"
A1 = f"{SOURCE}, appendix A.1"


def square(v: Tensor) -> Tensor:
    """|v|^2 over the last dimension."""
    return (v * v).sum(-1)


def dot(u: Tensor, v: Tensor) -> Tensor:
    """<u, v> over the last dimension."""
    return (u * v).sum(-1)


def times(A: Tensor, v: Tensor) -> Tensor:
    """A v for a batch of matrices and vectors."""
    return (A @ v[..., None])[..., 0]


def logistic(z: Tensor) -> Tensor:
    """log(1 + exp(-z)), the loss at margin z."""
    return -torch.nn.functional.logsigmoid(z)


def wrong(z: Tensor) -> Tensor:
    """The probability of the other label at margin z: minus the slope of `logistic`."""
    return torch.sigmoid(-z)
