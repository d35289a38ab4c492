"""Full-batch gradient descent of a wide network: its rate against a matrix product, and against autograd."""

from __future__ import annotations

import pytest
import torch
from side_by_side import measured_rate, measured_ratio

import altheory as al

N, D, M, STEPS = 256, 64, 65536, 25
GROUP = f"Gradient descent, relu, first layer, n = {N}, d = {D}, m = {M}, float64; a step counts 4 n m d operations"


def problem():
    net = al.TwoLayerNet(D, M, antisymmetric=False, seed=1)
    X = torch.randn(N, D, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    y = torch.randn(N, 1, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    return net, X / X.norm(dim=1, keepdim=True), y


@pytest.mark.benchmark(group=GROUP)
def test_rate(benchmark, on_threads):
    net, X, y = problem()
    what = f"gradient_descent, {on_threads} thread{'s' * (on_threads > 1)}"
    flops = 4.0 * N * M * D * STEPS
    goal = ">= 0.75" if on_threads == 1 else ""
    measured_rate(
        benchmark, lambda: al.training.gradient_descent(net, X, y, 1e-3, STEPS, record=[STEPS]), flops, goal=goal, what=what
    )


@pytest.mark.benchmark(group=GROUP)
def test_beside_autograd(benchmark, one_thread):
    net, X, y = problem()

    def autograd():
        W = net.W.clone().requires_grad_()
        for _ in range(STEPS):
            loss = ((net.functional(W, net.a, X) - y) ** 2).sum() / 2
            (slope,) = torch.autograd.grad(loss, W)
            with torch.no_grad():
                W -= 1e-3 * slope

    measured_ratio(
        benchmark, lambda: al.training.gradient_descent(net, X, y, 1e-3, STEPS, record=[STEPS]), autograd,
        goal=">= 4.5", what="gradient_descent, 1 thread", unit="times faster than autograd", rounds=3,
    )  # fmt: skip
