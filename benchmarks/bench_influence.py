"""All train-test influences of a network, in sample space: beside a formed Jacobian, and beside conjugate gradients."""

from __future__ import annotations

import functools
import warnings

import pytest
import torch
from side_by_side import measured_ratio, report

import altheory as al

N, M, CLASSES, WIDTH, DAMPING = 200, 100, 10, 512, 0.01
GROUP = f"All {N} x {M} influences of a 64-{WIDTH}-{CLASSES} relu network on digits, damping {DAMPING}, float64"


@functools.cache
def problem():
    """A network trained on 200 digits, and both sets."""
    digits = al.data.load("digits").unit()
    X, y = torch.from_numpy(digits.X), torch.from_numpy(digits.y).long()
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(64, WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, CLASSES)).double()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(300):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(X[:N]), y[:N]).backward()
        optimiser.step()
    return net, X[:N], y[:N], X[N : N + M], y[N : N + M]


def sample_space():
    net, X, y, Z, t = problem()
    return al.influence.gauss_newton(net, X, y, DAMPING).influences(Z, t)


def jacobian(net, X):
    """(n, K, p) by torch.func."""
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def f(parameters, x):
        return torch.func.functional_call(net, parameters, (x[None],))[0]

    J = torch.func.vmap(torch.func.jacrev(f), (None, 0), chunk_size=50)(parameters, X)
    return torch.cat([part.reshape(len(X), CLASSES, -1) for part in J.values()], -1)


def with_jacobian():
    """Woodbury's identity as well, but with the Jacobians of both sets in memory."""
    net, X, y, Z, t = problem()
    J, J_test = jacobian(net, X), jacobian(net, Z)
    with torch.no_grad():
        p, q = torch.softmax(net(X), -1), torch.softmax(net(Z), -1)
    eye = torch.eye(CLASSES, dtype=torch.float64)
    g = torch.einsum("nkp,nk->np", J, p - eye[y])
    g_test = torch.einsum("nkp,nk->np", J_test, q - eye[t])
    R = (eye - p[:, :, None]) * p[:, None, :].sqrt()
    B = (R.mT @ J).flatten(0, 1)
    inner = torch.linalg.solve(N * DAMPING * torch.eye(len(B), dtype=torch.float64) + B @ B.T, B @ g_test.T)
    return (g @ g_test.T - (g @ B.T) @ inner) / (N * DAMPING)


def conjugate_gradients():
    """Our own, with Gauss-Newton products."""
    net, X, y, Z, t = problem()
    return al.influence.conjugate_gradient(net, X, y, DAMPING, rtol=1e-6).influences(Z, t)


def pydvl():
    """pyDVL's conjugate gradients with products of the Hessian, all right-hand sides at once; its sign is the other one."""
    from pydvl.influence.torch import CgInfluence

    net, X, y, Z, t = problem()
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), batch_size=N)
    loss = torch.nn.functional.cross_entropy
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solver = CgInfluence(net, loss, regularization=DAMPING, rtol=1e-6, atol=1e-12, solve_simultaneously=True).fit(data)
        return solver.influences(Z, t, X, y).T / N


def error(found, wanted):
    return float((found - wanted).abs().max() / wanted.abs().max())


@pytest.mark.benchmark(group=GROUP)
def test_agrees_with_the_jacobian(benchmark, one_thread):
    found = benchmark.pedantic(sample_space, rounds=1)
    wrong = error(found, with_jacobian())
    assert wrong <= 1e-10
    report(
        benchmark, "largest difference from the influences by a formed Jacobian", wrong, "<= 1e-10", "of the largest influence"
    )


@pytest.mark.benchmark(group=GROUP)
def test_beside_the_jacobian(benchmark, on_threads):
    measured_ratio(
        benchmark, sample_space, lambda: with_jacobian() is None, rounds=3, goal="",
        what=f"sample space, {on_threads} thread{'s' * (on_threads > 1)}", unit="times faster than with a formed Jacobian",
    )  # fmt: skip


@pytest.mark.benchmark(group=GROUP)
def test_beside_our_conjugate_gradients(benchmark, one_thread):
    measured_ratio(
        benchmark, sample_space, lambda: conjugate_gradients() is None, rounds=2, goal="",
        what="sample space, 1 thread", unit="times faster than our conjugate gradients, rtol 1e-6",
    )  # fmt: skip


@pytest.mark.benchmark(group=GROUP)
def test_beside_pydvl(benchmark, on_threads):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("pydvl.influence.torch", reason="pyDVL[influence] is not installed; the ratio was not taken")
    apart = error(pydvl(), sample_space())  # the Hessian and the Gauss-Newton matrix differ by what is left of the residuals
    assert apart < 0.1
    measured_ratio(
        benchmark, sample_space, lambda: pydvl() is None, rounds=3, goal=">= 8",
        what=f"sample space, {on_threads} thread{'s' * (on_threads > 1)} (Hessian and Gauss-Newton differ by {apart:.1e})",
        unit="times faster than pyDVL's conjugate gradients, rtol 1e-6",
    )  # fmt: skip
