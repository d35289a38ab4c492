r"""Where the claims on training in turn are attacked: any kernel on a few points, the last of which is the test point x.

A positive semidefinite matrix K on n points is the kernel of some features, and the other way round. The first n - 1 points are
trained on, the last is x. Training on $\frac12\sum_i\|y_i-f(x_i)\|^2$ moves the values at all points by
$\dot f = -K\,P\,(f-y)$, where P keeps the training points; its solution $f_t = y+e^{-tKP}(f_0-y)$ knows nothing of eq. (5).
"""

from __future__ import annotations

import torch
from torch import Tensor

SOURCE = "Mohamadi, Bae, Sutherland (2022), Making Look-Ahead Active Learning Strategies Feasible with Neural Tangent Kernels"


def times(K: Tensor, v: Tensor) -> Tensor:
    """K v for (batch, n, m) and (batch, m)."""
    return (K @ v[..., None])[..., 0]


def quadratic(K: Tensor, v: Tensor) -> Tensor:
    """v' K v, shape (batch,)."""
    return (v * times(K, v)).sum(-1)


def square(v: Tensor) -> Tensor:
    """|v|^2, shape (batch,)."""
    return (v * v).sum(-1)


def in_units_of(J: Tensor, time: Tensor) -> Tensor:
    """The time divided by the trace of JJ', so that the exponentials stay in range; unchanged where J = 0."""
    size = square(J.flatten(1))
    return time / torch.where(size > 0, size, torch.ones_like(size))


def eye(n: int) -> Tensor:
    """The identity, in float64."""
    return torch.eye(n, dtype=torch.float64)


def seen(n: int) -> Tensor:
    """1 for the training points, 0 for the last one."""
    return (torch.arange(n) < n - 1).to(torch.float64)


def flow_everywhere(K: Tensor, f: Tensor, y: Tensor, t: Tensor) -> Tensor:
    r"""$f_t = y+e^{-tKP}(f_0-y)$ at all points, by the exponential of the generator of the linear equation."""
    kept = seen(K.shape[-1])
    target = kept * y
    return target + times(torch.linalg.matrix_exp(-t[:, None, None] * K * kept), f - target)


def descent_everywhere(K: Tensor, f: Tensor, y: Tensor, lr: Tensor, steps: Tensor, most: int) -> Tensor:
    """The values at all points after `steps` (batch,) of at most `most` steps, taken one by one."""
    kept = seen(K.shape[-1])
    for s in range(most):
        moved = f - lr[:, None] * times(K, kept * (f - y))
        f = torch.where((s < steps)[:, None], moved, f)
    return f


def chosen(values: list[Tensor], which: Tensor) -> Tensor:
    """values[which], member by member."""
    out = values[0]
    for number, value in enumerate(values[1:], 1):
        out = torch.where(which == number, value, out)
    return out
