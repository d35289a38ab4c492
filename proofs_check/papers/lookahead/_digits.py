r"""What the experiments on digits share: many small networks trained side by side, their kernels, Student's t.

All networks are $f(x) = n^{-1/2}\sum_i a_i\,\mathrm{relu}(w_i\cdot x)$ with both layers trained, f = 0 at the start (paired
neurons), one output a class, on the squared error of one-hot labels. A *stack* is a pair of arrays W (B, n, d), a (B, n, C): B
networks of one width. They are trained together, each on its own points, because one network of this size costs more in calls
than in arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import altheory as al

if TYPE_CHECKING:
    pass

Stack = tuple[Tensor, Tensor]

MOMENTUM = 0.95


def initialised(d: int, width: int, classes: int, seeds: Sequence[int]) -> Stack:
    """One network for each seed."""
    nets = [al.TwoLayerNet(d, width, classes, train_output=True, seed=seed) for seed in seeds]
    return torch.stack([net.W for net in nets]), torch.stack([net.a for net in nets])


def repeated(stack: Stack, times: int) -> Stack:
    """Every network so many times in a row."""
    return stack[0].repeat_interleave(times, 0), stack[1].repeat_interleave(times, 0)


def chosen(stack: Stack, which: Any) -> Stack:
    """Some of the networks."""
    return stack[0][which], stack[1][which]


def outputs(stack: Stack, x: Tensor) -> Tensor:
    """(B, m, C) values at the points (B, m, d)."""
    W, a = stack
    return torch.relu(x @ W.mT) @ a / W.shape[-2] ** 0.5


def tangent_kernel(stack: Stack, x: Tensor) -> Tensor:
    """(B, m, m) tangent kernels, the mean over the logits, as `altheory.kernels.empirical` gives for one network."""
    W, a = stack
    z = x @ W.mT
    h, slope = torch.relu(z), (z > 0) * a.square().mean(-1).sqrt()[:, None, :]
    return (h @ h.mT + (x @ x.mT) * (slope @ slope.mT)) / W.shape[-2]


def step_sizes(stack: Stack, x: Tensor) -> Tensor:
    r"""(B,) $1/(2\lambda_{\max})$ of each tangent kernel."""
    return 0.5 / torch.linalg.eigvalsh(tangent_kernel(stack, x))[:, -1]


def trained(stack: Stack, x: Tensor, y: Tensor, steps: int) -> Stack:
    r"""Full-batch gradient descent with heavy-ball momentum on $\frac12\sum_i\|f(x_i)-y_i\|^2$ for every network at once.

    Args:
        stack: Where they start.
        x: (B, L, d) points of each.
        y: (B, L, C) labels of each.
        steps: How many steps, of the size that `step_sizes` gives for the start.
    """
    W, a = (p.clone() for p in stack)
    scale, rate = W.shape[-2] ** -0.5, step_sizes(stack, x)[:, None, None]
    move_W, move_a = torch.zeros_like(W), torch.zeros_like(a)
    for _ in range(steps):
        z = x @ W.mT
        h = torch.relu(z)
        r = (h @ a * scale - y) * (scale * rate)
        back = (r @ a.mT).mul_(z > 0)
        move_a.mul_(MOMENTUM).sub_(h.mT @ r)
        move_W.mul_(MOMENTUM).sub_(back.mT @ x)
        a += move_a
        W += move_W
    return W, a


def retrained_changes(
    stack: Stack, x: Tensor, y: Tensor, pool: Tensor, lr: Tensor, *, epochs: int = 15, batch: int = 32, seed: int
) -> Tensor:
    r"""`altheory.lookahead.retrained_change` of one network for all candidates at once: (m,) scores.

    Args:
        stack: The network, a stack of one.
        x: (L, d) labelled points.
        y: (L, C) their labels.
        pool: (m, d) candidates, which are the points where the change is measured too.
        lr: () step size.
        epochs: How often every point is seen.
        batch: Points in a minibatch.
        seed: Of the orders.
    """
    before = outputs(stack, pool[None])[0]
    m, L = len(pool), len(x)
    W, a = (p.clone() for p in repeated(stack, m))
    guess = al.dynamics.pseudo_labels(before)
    points, truth = torch.cat([x.expand(m, -1, -1), pool[:, None]], 1), torch.cat([y.expand(m, -1, -1), guess[:, None]], 1)
    scale, generator = W.shape[-2] ** -0.5, torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(L + 1, generator=generator)
        for rows in order.split(batch):
            z = points[:, rows] @ W.mT
            h = torch.relu(z)
            r = (h @ a * scale - truth[:, rows]) * (scale * lr)
            back = (r @ a.mT).mul_(z > 0)
            a -= h.mT @ r
            W -= back.mT @ points[:, rows]
    after = outputs((W, a), pool.expand(m, -1, -1))
    return torch.linalg.vector_norm(after - before, dim=-1).sum(-1)
