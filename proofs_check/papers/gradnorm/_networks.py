r"""Many small classifiers at once: $z = A\tanh(Wx+b)+c$, trained on the cross-entropy with weight decay.

Networks of one width are trained together, each on its own points, because one of this size costs more in calls than in
arithmetic. A batch of B networks is one `altheory.gradnorm.TwoLayer` with W (B, m, d), A (B, N, m), b (B, m), c (B, N).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

import altheory as al

TwoLayer = al.gradnorm.TwoLayer

#: weight decay as in the paper's appendix A.8: a penalty of half of it times the squared parameters, biases included
DECAY = 5e-4
#: full-batch gradient descent with Nesterov's momentum
RATE, MOMENTUM = 0.5, 0.95
#: networks trained side by side, so that they stay in the processor's cache
TOGETHER = 8
#: standard deviation of W at the start; that of A is one over the root of the width, biases are 0
SPREAD = 0.4


def initialised(d: int, width: int, classes: int, seeds: Sequence[int]) -> TwoLayer:
    """One network for each seed."""
    W, A = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        W.append(SPREAD * torch.randn(width, d, generator=generator, dtype=torch.float64))
        A.append(torch.randn(classes, width, generator=generator, dtype=torch.float64) / width**0.5)
    B = len(W)
    return TwoLayer(torch.stack(W), torch.stack(A), W[0].new_zeros(B, width), W[0].new_zeros(B, classes))


def _mapped(net: TwoLayer, change: Any) -> TwoLayer:
    return TwoLayer(*(change(p) for p in parameters(net)))


def repeated(net: TwoLayer, times: int) -> TwoLayer:
    """Every network so many times in a row."""
    return _mapped(net, lambda p: p.repeat_interleave(times, 0))


def chosen(net: TwoLayer, which: Any) -> TwoLayer:
    """Some of the networks, or one of them without its batch dimension."""
    return _mapped(net, lambda p: p[which])


def joined(nets: Sequence[TwoLayer]) -> TwoLayer:
    """Batches of networks one after the other."""
    return TwoLayer(*(torch.cat(p) for p in zip(*map(parameters, nets), strict=True)))


def trained(net: TwoLayer, x: Tensor, y: Tensor, steps: int, *, decay: float = DECAY) -> TwoLayer:
    r"""Minimise $\frac1n\sum_i\ell_i+\frac\lambda2|\theta|^2$, $\ell$ the cross-entropy, for every network at once.

    Args:
        net: B networks, where they start.
        x: (B, n, d) points of each.
        y: (B, n, N) one-hot labels of each.
        steps: How many steps, of size `RATE`.
        decay: $\lambda$.
    """
    if len(x) > TOGETHER:
        parts = torch.arange(len(x)).split(TOGETHER)
        return joined([trained(chosen(net, rows), x[rows], y[rows], steps, decay=decay) for rows in parts])
    W, A, b, c = parameters(net)
    inner, outer = torch.cat([W, b[..., None]], -1), torch.cat([A, c[..., None]], -1)
    points, share = torch.cat([x, x.new_ones(*x.shape[:-1], 1)], -1), 1 / x.shape[-2]
    hidden = x.new_ones(*x.shape[:-1], inner.shape[-2] + 1)
    moves = [torch.zeros_like(inner), torch.zeros_like(outer)]
    for _ in range(steps):
        W, A = inner + MOMENTUM * moves[0], outer + MOMENTUM * moves[1]
        h = torch.tanh(points @ W.mT)
        hidden[..., :-1] = h
        r = (torch.softmax(hidden @ A.mT, -1) - y).mul_(share)
        back = (r @ A[..., :-1]).mul_(1 - h * h)
        for p, move, slope in ((inner, moves[0], back.mT @ points), (outer, moves[1], r.mT @ hidden)):
            move.mul_(MOMENTUM).sub_(slope.add_(W if p is inner else A, alpha=decay), alpha=RATE)
            p.add_(move)
    return TwoLayer(inner[..., :-1], outer[..., :-1], inner[..., -1], outer[..., -1])


def parameters(net: TwoLayer) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """W, A, b, c; the networks here have biases."""
    assert net.b is not None
    assert net.c is not None
    return net.W, net.A, net.b, net.c


def module(net: TwoLayer) -> nn.Sequential:
    """One network as torch has it, for `altheory.influence`."""
    W, A, b, c = parameters(net)
    first, last = (nn.Linear(w.shape[1], w.shape[0], dtype=torch.float64) for w in (W, A))
    with torch.no_grad():
        for layer, weight, bias in ((first, W, b), (last, A, c)):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return nn.Sequential(first, nn.Tanh(), last)
