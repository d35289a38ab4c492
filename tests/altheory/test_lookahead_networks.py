"""Look-ahead of networks: kernels of logits, retraining by descent, conjugate gradients, costs."""

from __future__ import annotations

import pytest
import torch
from lookahead_oracles import blocks, pool

import altheory as al
from altheory import InputError
from altheory.lookahead import (
    from_jacobian,
    from_kernels,
    from_network,
    from_operator,
    most_likely_change,
    retrained_change,
    sgd,
)

D = torch.float64


def network(width=16, outputs=3, seed=0):
    net = al.TwoLayerNet(4, width, outputs, "tanh", antisymmetric=False, train_output=True, seed=seed)
    X = torch.randn(11, 4, generator=torch.Generator().manual_seed(seed), dtype=D)
    return net, X, torch.arange(5) % outputs


def jacobian(net, X):
    """(n, K, P) by autograd, one output at a time."""
    W, a = (p.detach().requires_grad_() for p in net.parameters())
    f = net.functional(W, a, X)
    rows = [torch.cat([g.flatten() for g in torch.autograd.grad(v, (W, a), retain_graph=True)]) for v in f.flatten()]
    return torch.stack(rows).reshape(*f.shape, -1)


@pytest.mark.parametrize("logit", [0, 2, "mean"])
def test_a_network_is_its_tangent_kernel(logit):
    net, X, y = network()
    J, F, Y = jacobian(net, X), net(X), torch.eye(3, dtype=D)[y]
    theta = torch.einsum("ikp,jkp->kij", J, J)
    K = theta.mean(0) if logit == "mean" else theta[logit]
    wanted = most_likely_change(from_kernels(*blocks(K, 5), Y, F[:5], F[5:]))
    for labels in (y, Y):
        torch.testing.assert_close(most_likely_change(from_network(net, X[:5], labels, X[5:], logit=logit)), wanted)
    if logit == 0:
        found = most_likely_change(from_jacobian(J[:5, 0], J[5:, 0], Y, F[:5], F[5:]))
        torch.testing.assert_close(found, wanted)
    module = al.modules.to_module(net)
    torch.testing.assert_close(most_likely_change(from_network(module, X[:5], y, X[5:], logit=logit)), wanted)


@pytest.mark.parametrize("logit", ["pairs", 1, "mean"])
def test_the_linearisation_trained(logit):
    """Least squares, and a flow in small steps, in the parameters of the linearisation."""
    net, X, y = network()
    J, F, Y = jacobian(net, X), net(X), torch.eye(3, dtype=D)[y]
    if logit == "pairs":
        A, r = J[:5].flatten(0, 1), (Y - F[:5]).flatten()
        converged = F[5:] + (J[5:].flatten(0, 1) @ (torch.linalg.pinv(A) @ r)).reshape(6, 3)
        theta = torch.zeros(A.shape[1], dtype=D)
        for _ in range(7):
            theta = theta + 0.1 * A.T @ (r - A @ theta)
        descent = F[5:] + (J[5:].flatten(0, 1) @ theta).reshape(6, 3)
    else:
        K = torch.einsum("ikp,jkp->kij", J, J)
        K = K.mean(0) if logit == "mean" else K[logit]
        converged = F[5:] + K[5:, :5] @ torch.linalg.solve(K[:5, :5], Y - F[:5])
        c = torch.zeros(5, 3, dtype=D)
        for _ in range(7):
            c = c + 0.1 * (Y - F[:5] - K[:5, :5] @ c)
        descent = F[5:] + K[5:, :5] @ c
    for labels in (y, Y):
        torch.testing.assert_close(al.lookahead.linearised_outputs(net, X[:5], labels, X[5:], logit=logit), converged)
    how = al.lookahead.Descent(0.1, 7)
    torch.testing.assert_close(al.lookahead.linearised_outputs(net, X[:5], y, X[5:], logit=logit, how=how), descent)


def test_descent_in_minibatches_is_the_loop_by_hand():
    net, X, y = network()
    found = sgd(net, X[:5], y, lr=0.05, epochs=3, batch=2, seed=7)
    Y, g = torch.eye(3, dtype=D)[y], torch.Generator().manual_seed(7)
    W, a = (p.clone().requires_grad_() for p in net.parameters())
    for _ in range(3):
        for part in torch.randperm(5, generator=g).split(2):
            loss = ((net.functional(W, a, X[part]) - Y[part]) ** 2).sum() / 2
            steps = torch.autograd.grad(loss, (W, a))
            with torch.no_grad():
                W -= 0.05 * steps[0]
                a -= 0.05 * steps[1]
    torch.testing.assert_close(found.W, W.detach())
    torch.testing.assert_close(found.a, a.detach())


def test_retraining_a_wide_network_is_the_kernel():
    """Full batches on a wide network: the naive score approaches the look-ahead's."""
    gaps = []
    for width in (32, 1024):
        net, X, y = network(width)
        net = sgd(net, X[:5], y, lr=0.2, epochs=1000, batch=5, seed=0)
        naive = retrained_change(net, X[:5], y, X[5:], lr=0.2, epochs=700, batch=6, seed=0, candidates=[0, 3])
        kernel = most_likely_change(from_network(net, X[:5], y, X[5:], logit="mean"))[[0, 3]]
        gaps.append(float(((naive - kernel).abs() / kernel).max()))
    assert gaps[1] < 0.1
    assert gaps[1] < gaps[0] / 2


def test_naive_scores_are_those_of_sgd():
    net, X, y = network()
    found = retrained_change(net, X[:5], y, X[5:], lr=0.05, epochs=2, batch=3, seed=1)
    best = net(X[5:]).argmax(1)
    for j in (0, 4):
        points, labels = torch.cat([X[:5], X[5 + j : 6 + j]]), torch.cat([y, best[j : j + 1]])
        after = sgd(net, points, labels, lr=0.05, epochs=2, batch=3, seed=1)
        torch.testing.assert_close(found[j], (after(X[5:]) - net(X[5:])).norm(dim=1).sum())


def test_conjugate_gradients():
    _, _, Y, F = pool(L=30, U=8, seed=2)
    X = torch.randn(38, 6, generator=torch.Generator().manual_seed(3), dtype=D)
    K = al.kernels.analytic(X, activation="relu", train_output=True)
    wanted = from_kernels(*blocks(K, 30), Y, F[:30], F[30:])
    operator = al.kernels.operator(X[:30], activation="relu", train_output=True)
    for tol in (1e-4, 1e-10):
        found, solution = from_operator(operator, K[30:, :30], K[30:, 30:], Y, F[:30], F[30:], tol=tol)
        off = (found.S - wanted.S).abs().max() / wanted.S.abs().max()
        assert float(off) < max(100 * tol**2, 1e-12)  # the solver's error enters squared
        assert float((found.V - wanted.V).abs().max()) > tol**2
        assert 1 <= solution.steps <= 200
    torch.testing.assert_close(most_likely_change(found), most_likely_change(wanted))


def test_costs():
    from altheory.lookahead import listed_naive_operations, listed_operations, naive_operations, operations

    L, U, P = 100, 1000, 33280
    assert listed_operations(L, U, P) == L * U * P + L * L * P + L**3 + U * L * L
    assert listed_naive_operations(L, U, P, 15) == 15 * L * U * P
    assert operations(L, U, P) / (U * U * P / 2) == pytest.approx(1.21, abs=0.01)  # the pool with itself, which is not listed
    sizes = [(100, 4000), (1000, 6000), (10000, 6000)]  # the paper's; point-passes, as P goes to infinity
    ratios = [naive_operations(L, U, 1, 15) / (L * U + L * L / 2 + U * U / 2) for L, U in sizes]
    assert ratios == pytest.approx([4.05, 12.5, 21.4], rel=0.02)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda n, X, y: from_network(n, X[:5], y, X[5:], logit=3), "a number from 0 to 2"),
        (lambda n, X, y: from_network(n, X[:5], y + 1, X[5:]), "not made of classes 0 to 2"),
        (lambda n, X, y: from_network(n, X[:5], y[:4], X[5:]), "`Y` has shape"),
        (lambda n, X, y: from_network(n, X[:5, :3], y, X[5:]), "d = 4"),
        (lambda n, X, y: from_network(3, X[:5], y, X[5:]), "torch.nn.Module"),
        (lambda n, X, y: al.lookahead.linearised_outputs(n, X[:5], y, X[5:], logit=3), "a number from 0 to 2"),
        (lambda n, X, y: al.lookahead.linearised_outputs(n, X[:5], y[:2], X[5:]), "one row a point"),
        (lambda n, X, y: sgd(n, X[:5], y, lr=1e60, seed=0), "diverges"),
        (lambda n, X, y: sgd(n, X[:5], y, lr=0.1, epochs=0, seed=0), "`epochs`"),
        (lambda n, X, y: sgd(n, X[:5], y[:3], lr=0.1, seed=0), "one row a point"),
        (lambda n, X, y: retrained_change(n, X[:5], y, X[5:], lr=0.1, seed=0, candidates=[6]), "numbers from 0 to 5"),
        (lambda n, X, y: retrained_change(n, X[:5], y, X[5:], lr=1e60, seed=0), "diverges"),
        (lambda n, X, y: from_operator(al.kernels.operator(torch.eye(4).double()), X[5:], X[5:], X, X, X), "one kernel"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(InputError, match=words):
        call(*network())
