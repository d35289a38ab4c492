r"""Where the statements on influence are attacked: ridge regression, in which removing a training point has a closed form.

Training minimises $\frac12\sum_i(x_i\cdot\theta-y_i)^2+\frac\rho2|\theta|^2$; the test loss is the same sum over test points Z, t.
The influence of eq. (1), $\frac1n g_j^\top H^{-1}g_i$ with the average Hessian $H = A/n$, is $g_j^\top A^{-1}g_i$. What the
refits are compared with is computed from the smaller data set itself (`refitted`), not from the leverages.
"""

from __future__ import annotations

import torch
from torch import Tensor

SOURCE = "Boosting Active Learning via Improving Test Performance (AAAI 2022)"
METHOD = f"{SOURCE}, section 'What Data to be Selected'"


def refitted(X: Tensor, y: Tensor, rho: Tensor, weights: Tensor) -> Tensor:
    """The minimisers (batch, k, d) of the ridge objectives with weights (batch, k, n) of the training losses."""
    rows = X[:, None] * weights[..., None]
    A = rows.mT @ X[:, None] + rho[:, None, None, None] * torch.eye(X.shape[-1])
    return torch.linalg.solve(A, (rows.mT @ y[:, None, :, None]))[..., 0]


def all_but_one(X: Tensor) -> Tensor:
    """Weights (batch, n, n): row i is 0 at i and 1 elsewhere."""
    n = X.shape[-2]
    return (1 - torch.eye(n)) + 0 * X[:, :1, :1]


def loss(theta: Tensor, Z: Tensor, t: Tensor) -> Tensor:
    """The total test loss (batch, k) at parameters (batch, k, d)."""
    gaps = theta @ Z.mT - t[:, None, :]
    return (gaps * gaps).sum(-1) / 2


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of the last dimension."""
    return (a * b).sum(-1)


def length(a: Tensor) -> Tensor:
    """The Euclidean length of the last dimension, exactly 0 for 0."""
    return torch.sqrt(dot(a, a))


def first(x: Tensor) -> Tensor:
    """The numbers of the first training point: by symmetry it stands for any."""
    return x[:, 0]
