"""Filters: what training does to a kernel, against mpmath, fractions, the iteration itself and finite differences."""

from __future__ import annotations

from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import torch
from lookahead_oracles import gram, product

import altheory as al
from altheory import InputError
from altheory.lookahead import Converged, Descent, Flow, Ridge

FILTERS = [Flow(0.7), Descent(0.1, 5), Converged(), Ridge(0.3)]
names = [type(one).__name__ for one in FILTERS]
SINGULAR = [[1, 2, 0], [1, 2, 0], [0, 1, 1]]  # a point given twice


def features(seed=0, n=4, p=6, batch=()):
    return torch.randn(*batch, n, p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("t", [0.0, 1e-6, 0.5, 20.0, 1e8])
def test_flow_in_high_precision(t):
    K = torch.tensor(SINGULAR, dtype=torch.float64) @ torch.tensor(SINGULAR, dtype=torch.float64).T
    with mpmath.workdps(60):
        values, vectors = mpmath.eigsy(mpmath.matrix([[int(x) for x in row] for row in gram(SINGULAR)]))
        values = [0 if abs(x) < mpmath.mpf(10) ** -50 else x for x in values]  # the exact eigenvalue 0

        def matrix(g):
            return vectors * mpmath.diag([g(x) for x in values]) * vectors.T

        phi = matrix(lambda x: (1 - mpmath.exp(-x * mpmath.mpf(t))) / x if x else mpmath.mpf(t))
        decay = matrix(lambda x: mpmath.exp(-x * mpmath.mpf(t)))
    for found, wanted in ((Flow(t).pull(K), phi), (Flow(t).remain(K), decay)):
        wanted = np.array(wanted.tolist(), dtype=float)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=1e-13 * max(1e-300, np.abs(wanted).max()))


def test_flow_over_twelve_decades_of_eigenvalues():
    lam = torch.logspace(-6, 6, 25, dtype=torch.float64)
    for t in (1e-6, 1e-3, 1.0, 1e2):
        found = torch.stack([Flow(t).pull(x[None, None])[0, 0] for x in lam])
        wanted = [float(-mpmath.expm1(-mpmath.mpf(float(x)) * t) / mpmath.mpf(float(x))) for x in lam]
        torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64), rtol=1e-14, atol=0)


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_descent_is_the_iteration(steps):
    K, eta = gram(SINGULAR), F(1, 9)
    pull, remain = [[F(0)] * 3 for _ in range(3)], [[F(i == j) for j in range(3)] for i in range(3)]
    for _ in range(steps):  # c <- c + eta (r - K c), for the residuals r = unit vectors
        pull = [[c + eta * r for c, r in zip(a, b)] for a, b in zip(pull, remain)]
        moved = product(K, pull)
        remain = [[F(i == j) - moved[i][j] for j in range(3)] for i in range(3)]
    theta = torch.tensor([[float(x) for x in row] for row in K], dtype=torch.float64)
    how = Descent(1 / 9, steps)
    for found, wanted in ((how.pull(theta), pull), (how.remain(theta), remain)):
        torch.testing.assert_close(
            found, torch.tensor([[float(x) for x in row] for row in wanted], dtype=torch.float64), rtol=0, atol=1e-14
        )


def test_descent_at_the_edge_of_convergence():
    one = torch.ones(1, 1, dtype=torch.float64)
    assert Descent(2.0, 10**6 + 1).remain(one).item() == -1  # never decays
    assert Descent(1.0, 1).remain(one).item() == 0  # done in one step
    assert abs(Descent(2.2, 100).remain(one).item()) > 1e7


def test_descent_of_tiny_steps_does_not_cancel():
    with mpmath.workdps(50):
        for x in (1e-12, 1e-9, 9.9e-6, 1.01e-5, 3e-4, 0.2, 0.7, 1.9):
            wanted = (1 - (1 - mpmath.mpf(x)) ** 1000) / mpmath.mpf(x)
            found = Descent(1.0, 1000).pull(torch.tensor([[x]], dtype=torch.float64)).item()
            assert found == pytest.approx(float(wanted), rel=1e-13)


def test_converged_is_the_pseudo_inverse():
    J = torch.tensor(SINGULAR, dtype=torch.float64)
    K = J @ J.T
    torch.testing.assert_close(Converged().pull(K), torch.from_numpy(np.linalg.pinv(K.numpy())))
    torch.testing.assert_close(Converged().remain(K), torch.eye(3).double() - torch.from_numpy(np.linalg.pinv(K.numpy())) @ K)
    assert not Converged().pull(0 * K).any()
    torch.testing.assert_close(Flow(99.0).pull(K) @ K, Converged().pull(K) @ K)  # the limit
    torch.testing.assert_close(Ridge(1e-7).pull(K) @ K, Converged().pull(K) @ K, rtol=0, atol=1e-6)


def test_ridge_is_an_inverse():
    K = features(1) @ features(1).mT
    torch.testing.assert_close(Ridge(0.3).pull(K), torch.linalg.inv(K + 0.3 * torch.eye(4)))


@pytest.mark.parametrize("how", FILTERS, ids=names)
def test_the_rest_is_what_the_pull_leaves(how):
    for J in (features(2), features(2)[[0, 1, 1, 2]]):
        K = J @ J.mT
        torch.testing.assert_close(how.remain(K), torch.eye(4).double() - K @ how.pull(K), rtol=0, atol=1e-12)
        lam = torch.tensor([0.0, 0.5, 3.0], dtype=torch.float64)
        torch.testing.assert_close(how.remaining(lam), torch.linalg.diagonal(how.remain(torch.diag(lam))))


@pytest.mark.parametrize("how", FILTERS, ids=names)
@pytest.mark.parametrize("case", ["distinct", "repeated", "singular", "identity"])
def test_derivatives(how, case):
    J = {
        "distinct": features(3, 3, 5),
        "repeated": torch.diag(torch.tensor([1.0, 1.0, 2.0])).double(),
        "singular": features(3, 3, 2),  # stays singular when the features move
        "identity": torch.eye(3).double(),
    }[case].requires_grad_()
    for part in (how.pull, how.remain):
        if case == "singular" and isinstance(how, Converged):
            J = features(3, 3, 2).requires_grad_()
        assert torch.autograd.gradcheck(lambda x, part=part: part(x @ x.mT), (J,), atol=1e-6, rtol=1e-5)


def test_derivatives_in_time_rate_and_strength():
    K = features(4, 3, 2) @ features(4, 3, 2).mT
    for make in (Flow, lambda x: Descent(x, 4), Ridge):
        value = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
        for part in ("pull", "remain"):
            assert torch.autograd.gradcheck(lambda x, make=make, part=part: getattr(make(x), part)(K), (value,))


@pytest.mark.parametrize("how", FILTERS, ids=names)
def test_batches(how):
    K = features(5, batch=(2, 3))
    K = K @ K.mT
    torch.testing.assert_close(how.pull(K)[1, 2], how.pull(K[1, 2]))
    times = torch.tensor([0.1, 2.0], dtype=torch.float64)
    torch.testing.assert_close(Flow(times).pull(K[:, 0])[1], Flow(2.0).pull(K[1, 0]))
    torch.testing.assert_close(Descent(times / 9, 3).remain(K[:, 0])[1], Descent(2 / 9, 3).remain(K[1, 0]))


def test_the_same_as_training_in_function_space():
    J = features(6, 5, 4)
    K, cross = J[:3] @ J[:3].T, J[3:] @ J[:3].T
    Y = features(7, 3, 2)
    flow = al.training.gradient_flow(K, Y, [0.3], kernel_test=cross)
    torch.testing.assert_close(cross @ Flow(0.3).pull(K) @ Y, flow.test_outputs[0])
    descent = al.training.kernel_descent(K, Y, 0.05, 9, kernel_test=cross)
    torch.testing.assert_close(cross @ Descent(0.05, 9).pull(K) @ Y, descent.test_outputs[9])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda K: Flow(-1.0).pull(K), "numbers >= 0 are wanted"),
        (lambda K: Flow(torch.ones(3).double()).pull(K), "one for each member of the batch"),
        (lambda K: Ridge(0.0).pull(K), "positive numbers are wanted"),
        (lambda K: Descent(0.1, 2.5).pull(K), "an integer of at least 0"),
        (lambda K: Converged().pull(K[:2]), "square"),
        (lambda K: Converged().pull(-K), "positive semi-definite"),
        (lambda K: Converged().pull(torch.triu(K)), "not symmetric"),
        (lambda K: Flow(float("inf")).pull(K), "finite"),
    ],
)
def test_bad_input(call, words):
    K = features(8) @ features(8).mT
    with pytest.raises(InputError, match=words):
        call(K)
