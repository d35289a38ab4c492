r"""Many tanh networks at once, trained on two labelled points, then on three, beside a cold start on the three.

$f(x) = m^{-1/2}\sum_ja_j\tanh(w_j\cdot x)$ with both layers trained, standard normal at the start. The points are orthonormal,
which makes the tangent kernel well conditioned: twenty steps of size 1 reach the labels to rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor

WIDTHS = (32, 64, 128, 256)
DIMENSION, LABELLED, NETWORKS, TRAINING = 6, 3, 80, 20


def _outputs(W: Tensor, a: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs (networks, n), hidden values (networks, n, m)."""
    h = torch.tanh(x @ W.mT)
    return (h @ a[..., None])[..., 0] / W.shape[-2] ** 0.5, h


def _trained(W: Tensor, a: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient descent on half the sum of squares, full batch."""
    root = W.shape[-2] ** 0.5
    for _ in range(TRAINING):
        f, h = _outputs(W, a, x)
        r = (f - y) / root
        pulled = r[..., None] * (1 - h * h) * a[..., None, :]
        W, a = W - pulled.mT @ x, a - (h * r[..., None]).sum(-2)
    return W, a


def gap(seed: int, width: int) -> float:
    """Root mean square of warm - cold at random points of unit size, over 80 networks with their own points and labels +-1."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(NETWORKS, *shape, generator=generator, dtype=torch.float64)

    x = torch.linalg.qr(normal(DIMENSION, DIMENSION))[0][:, :LABELLED]
    y = torch.sign(normal(LABELLED))
    probes = normal(DIMENSION, DIMENSION) / DIMENSION**0.5
    W, a = normal(width, DIMENSION), normal(width)
    warm = _trained(*_trained(W, a, x[:, :2], y[:, :2]), x, y)
    cold = _trained(W, a, x, y)
    return float((_outputs(*warm, probes)[0] - _outputs(*cold, probes)[0]).square().mean().sqrt())
