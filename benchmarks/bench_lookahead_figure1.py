"""Figure 1 (a): how much faster look-ahead by tangent kernels is than retraining on every candidate, side by side in one
run."""

from __future__ import annotations

import time

import pytest
import torch
from side_by_side import measured_ratio

import altheory as al

L, U, WIDTH, EPOCHS, TRIED = 100, 1000, 512, 15, 20
GROUP = f"Figure 1 (a): look-ahead on digits, relu, n = {WIDTH}, L = {L}, U = {U}, 10 classes, {EPOCHS} epochs, 1 thread"


def problem():
    digits = al.data.load("digits").unit()
    order = torch.randperm(len(digits.y), generator=torch.Generator().manual_seed(0))
    x, y = torch.from_numpy(digits.X)[order], torch.nn.functional.one_hot(torch.from_numpy(digits.y)[order], 10).double()
    net = al.TwoLayerNet(64, WIDTH, 10, train_output=True, seed=0)
    rate = 1 / float(torch.linalg.eigvalsh(al.kernels.empirical(net, x[:L]))[-1])
    net = al.training.gradient_descent(net, x[:L], y[:L], rate, 100, record=[100]).net
    return net, x[:L], y[:L], x[L : L + U], rate


def jacobian(net, X):
    """Gradients of the first logit, (n, P)."""
    z = X @ net.W.T
    first = ((z > 0) * net.a[:, 0])[:, :, None] * X[:, None, :]
    return torch.cat([first.flatten(1), torch.relu(z)], 1) / net.width**0.5


def naive(net, X, y, pool, rate):
    """Seconds for all candidates, from a few of them."""
    start = time.perf_counter()
    al.lookahead.retrained_change(net, X, y, pool, lr=rate, epochs=EPOCHS, seed=0, candidates=range(TRIED))
    return (time.perf_counter() - start) * U / TRIED


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("kernel", ["structured", "explicit"])
def test_beside_naive_retraining(benchmark, one_thread, kernel):
    net, X, y, pool, rate = problem()

    def structured():
        al.lookahead.most_likely_change(al.lookahead.from_network(net, X, y, pool), unresolved="dependent")

    def explicit():
        J_L, J_U = jacobian(net, X), jacobian(net, pool)
        blocks = (J_L @ J_L.T, J_U @ J_L.T, J_U @ J_U.T)
        al.lookahead.mlmoc(*blocks, y, net(X), net(pool), unresolved="dependent")

    what = {"structured": "kernel from the layers", "explicit": "kernel from Jacobians, the paper's count"}[kernel]
    goal = ">= 100" if kernel == "structured" else ""
    call = structured if kernel == "structured" else explicit
    measured_ratio(
        benchmark, call, lambda: naive(net, X, y, pool, rate), goal=goal, what=what,
        unit="times faster than retraining on every candidate", rounds=3,
    )  # fmt: skip
