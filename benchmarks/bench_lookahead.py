"""Look-ahead scores of a whole pool: beside retraining by descent, beside candidate after candidate, and how they grow."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from side_by_side import measured_ratio, threads

import altheory as al
from altheory import lookahead

L, U, C, WIDTH, EPOCHS = 200, 1500, 10, 512, 15
GROUP = f"MLMOC, digits, L = {L}, U = {U}, C = {C}, two-layer relu of width {WIDTH} (both layers), float64"
GROWTH = f"MLMOC of a converged model from its kernel, L = {L}, C = {C}; U^2 is what the posterior covariance alone takes"


@functools.cache
def problem():
    """A network trained on 200 digits, its points, labels, and the blocks of its kernel."""
    digits = al.data.load("digits").unit()
    X, y = torch.from_numpy(digits.X[: L + U]), torch.from_numpy(digits.y[: L + U])
    start = al.TwoLayerNet(X.shape[1], WIDTH, C, antisymmetric=False, train_output=True, seed=0)
    net = lookahead.sgd(start, X[:L], y[:L], lr=0.05, epochs=100, seed=0)
    K = al.kernels.empirical(net, X, outputs=0)
    F, Y = net(X), torch.nn.functional.one_hot(y[:L], C).double()
    blocks = K[:L, :L].contiguous(), K[L:, :L].contiguous(), K[L:, L:].contiguous(), Y, F[:L], F[L:]
    return net, X, y, blocks


def from_the_network():
    """Kernels included."""
    net, X, y, _ = problem()
    return lookahead.most_likely_change(lookahead.from_network(net, X[:L], y[:L], X[L:], logit=0))


def from_blocks():
    return lookahead.mlmoc(*problem()[3])


def one_by_one(candidates=range(U)):
    """Eq. (12) for one candidate after the other: one factorisation, then products of a matrix with a vector."""
    K_L, K_UL, K_U, Y, F_L, F_U = (x.numpy() for x in problem()[3])
    inverse = np.linalg.inv(K_L)
    lacking = K_UL @ (inverse @ (Y - F_L))
    scores = []
    for j in candidates:
        v = inverse @ K_UL[j]
        s = K_U[j] - K_UL @ v
        move = -(F_U[j] + lacking[j])
        move[F_U[j].argmax()] += 1
        scores.append(np.linalg.norm(lacking + s[:, None] / s[j] * move, axis=1).sum())
    return np.array(scores)


def solved_again(candidates):
    """Eq. (11) for one candidate after the other: a new system of L + 1 equations each."""
    K_L, K_UL, K_U, Y, F_L, F_U = (x.numpy() for x in problem()[3])
    scores = []
    for j in candidates:
        K = np.block([[K_L, K_UL[j][:, None]], [K_UL[j], K_U[j, j]]])
        residual = np.vstack([Y - F_L, np.eye(C)[F_U[j].argmax()] - F_U[j]])
        cross = np.hstack([K_UL, K_U[:, [j]]])
        scores.append(np.linalg.norm(cross @ np.linalg.solve(K, residual), axis=1).sum())
    return np.array(scores)


@pytest.mark.benchmark(group=GROUP)
def test_beside_retraining(benchmark, on_threads):
    net, X, y, _ = problem()
    some = range(3)

    def naive():
        lookahead.retrained_change(net, X[:L], y[:L], X[L:], lr=0.02, epochs=EPOCHS, seed=0, candidates=some)

    measured_ratio(
        benchmark, from_the_network, naive, scale=U / len(some), goal=">= 200" if on_threads == 2 else "",
        what=f"all candidates, kernels included, {on_threads} thread{'s' * (on_threads > 1)}; {EPOCHS} epochs for 3 of them, "
        f"x {U // len(some)}", unit="times faster than retraining by descent",
    )  # fmt: skip


@pytest.mark.benchmark(group=GROUP)
def test_beside_one_by_one(benchmark, on_threads):
    np.testing.assert_allclose(from_blocks().numpy(), one_by_one(), rtol=1e-9)
    measured_ratio(
        benchmark, from_blocks, lambda: one_by_one(range(0, U, 10)) is None, scale=10, goal=">= 4",
        what=f"all candidates from the kernel, {on_threads} thread{'s' * (on_threads > 1)}; a tenth of them, times 10",
        unit="times faster than eq. (12) one by one",
    )  # fmt: skip


@pytest.mark.benchmark(group=GROUP)
def test_beside_solving_again(benchmark, one_thread):
    some = range(0, U, 50)
    np.testing.assert_allclose(from_blocks().numpy()[::50], solved_again(some), rtol=1e-8)
    measured_ratio(
        benchmark, from_blocks, lambda: solved_again(some) is None, scale=U / len(some), goal="",
        what=f"all candidates from the kernel, 1 thread; {len(some)} of them, times {U // len(some)}",
        unit="times faster than solving eq. (11) again",
    )  # fmt: skip


@pytest.mark.benchmark(group=GROUP)
def test_every_label(benchmark, one_thread):
    ahead = lookahead.from_kernels(*problem()[3])
    p = lookahead.class_probabilities(ahead.F)
    measured_ratio(
        benchmark, lambda: lookahead.most_likely_change(ahead, against="linearised"),
        lambda: lookahead.expected_change(ahead, p, against="linearised") is None,
        goal="<= 2", what="EMOC of a converged model, all 10 labels", unit="times MLMOC's time",
    )  # fmt: skip


@pytest.mark.benchmark(group=GROUP)
def test_one_more_label(benchmark, one_thread):
    ahead = lookahead.from_kernels(*problem()[3])
    label = ahead.labels[0]

    def sequential():
        return lookahead.most_likely_change(ahead.acquire(0, label))

    measured_ratio(
        benchmark, sequential, lambda: from_blocks() is None,
        goal="", what="acquire and score again, 1 thread", unit="times faster than the batch",
    )  # fmt: skip


@functools.cache
def converged(size):
    """Blocks of the infinitely wide network's kernel at random points."""
    X = torch.randn(L + size, 32, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    K = al.kernels.analytic(X / X.norm(dim=1, keepdim=True), train_output=True)
    Y = torch.eye(C, dtype=torch.float64)[torch.arange(L) % C]
    return K[:L, :L].contiguous(), K[L:, :L].contiguous(), K[L:, L:].contiguous(), Y, Y, X[L:, :C].contiguous()


@pytest.mark.benchmark(group=GROWTH)
@pytest.mark.parametrize("size", [1000, 2000, 4000])
def test_growth(benchmark, size):
    few, many = converged(500), converged(size)
    with threads(1):
        lookahead.mlmoc(*many)
        measured_ratio(
            benchmark, lambda: lookahead.mlmoc(*few), lambda: lookahead.mlmoc(*many) is None, scale=(500 / size) ** 2,
            goal="<= 1.2", what=f"U = {size} against U = 500, 1 thread", unit="times the growth of U^2",
        )  # fmt: skip
    converged.cache_clear()
