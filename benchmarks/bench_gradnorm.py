"""Per-sample gradient norms of a pool in closed form, beside a loop of backward passes and beside torch.func."""

from __future__ import annotations

import functools

import pytest
import torch
from side_by_side import measured_ratio

import altheory as al
from altheory import gradnorm

N, D, WIDTH, CLASSES = 1000, 64, 512, 10
GROUP = f"Gradient norms of n = {N} samples, d = {D}, two-layer tanh of width {WIDTH} (both layers), {CLASSES} classes, float64"


@functools.cache
def problem():
    """A network and a pool."""
    net = al.TwoLayerNet(D, WIDTH, CLASSES, "tanh", train_output=True, antisymmetric=False, seed=0)
    return net, torch.randn(N, D, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def entropy(z):
    return -(torch.softmax(z, -1) * torch.log_softmax(z, -1)).sum()


def by_a_loop(samples, losses=(entropy,)):
    """One backward pass for each sample and each loss: what the paper's code does."""
    net, X = problem()
    leaves = [p.clone().requires_grad_() for p in net.parameters()]
    scores = []
    for x in X[samples]:
        z = net.functional(*leaves, x[None])[0]
        found = [torch.autograd.grad(loss(z), leaves, retain_graph=len(losses) > 1) for loss in losses]
        scores.append([sum(g.square().sum() for g in one).sqrt() for one in found])
    return torch.tensor(scores)


LABELS = tuple((lambda z, y=y: -torch.log_softmax(z, -1)[y]) for y in range(CLASSES))


def by_torch_func():
    """Per-sample gradients of all samples at once, 100 at a time."""
    net, X = problem()
    gradient = torch.func.grad(lambda W, a, x: entropy(net.functional(W, a, x[None])[0]), argnums=(0, 1))
    parts = [torch.func.vmap(gradient, in_dims=(None, None, 0))(*net.parameters(), x) for x in X.split(100)]
    return torch.cat([sum(g.flatten(1).square().sum(1) for g in one).sqrt() for one in parts])


@pytest.mark.benchmark(group=GROUP)
def test_entropy_gradnorm_beside_a_loop(benchmark, on_threads):
    net, X = problem()
    torch.testing.assert_close(gradnorm.entropy_gradnorm(net, X)[::10], by_a_loop(slice(0, N, 10))[:, 0])
    measured_ratio(
        benchmark, lambda: gradnorm.entropy_gradnorm(net, X), lambda: by_a_loop(slice(0, N, 5)) is None, scale=5,
        goal=">= 10", what=f"entropy-gradnorm, {on_threads} thread{'s' * (on_threads > 1)}; a fifth of the loop, times 5",
        unit="times faster than a loop of backward passes",
    )  # fmt: skip


@pytest.mark.benchmark(group=GROUP)
def test_entropy_gradnorm_beside_torch_func(benchmark, one_thread):
    net, X = problem()
    torch.testing.assert_close(gradnorm.entropy_gradnorm(net, X), by_torch_func())
    measured_ratio(
        benchmark, lambda: gradnorm.entropy_gradnorm(net, X), lambda: by_torch_func() is None,
        goal=">= 10", what="entropy-gradnorm, 1 thread",
        unit="times faster than per-sample gradients by torch.func",
    )  # fmt: skip


@pytest.mark.benchmark(group=GROUP)
def test_all_scores_beside_a_loop(benchmark, on_threads):
    net, X = problem()
    some = slice(0, N, 20)
    torch.testing.assert_close(gradnorm.scores(net, X).class_gradnorms[::20], by_a_loop(some, LABELS))
    measured_ratio(
        benchmark, lambda: gradnorm.scores(net, X), lambda: by_a_loop(some, (entropy, *LABELS)) is None, scale=20,
        goal=">= 10", what=f"entropy-gradnorm, all {CLASSES} classes, EGL and EGL2, "
        f"{on_threads} thread{'s' * (on_threads > 1)}; a twentieth of the loop, times 20",
        unit="times faster than a loop of backward passes",
    )  # fmt: skip


@pytest.mark.benchmark(group=GROUP)
def test_a_module_beside_a_loop(benchmark, one_thread):
    net, X = problem()
    module = al.modules.to_module(net)
    measured_ratio(
        benchmark, lambda: gradnorm.entropy_gradnorm(module, X), lambda: by_a_loop(slice(0, N, 5)) is None, scale=5,
        goal="", what="the same network as any torch.nn.Module, 1 thread; a fifth of the loop, times 5",
        unit="times faster than a loop of backward passes",
    )  # fmt: skip
