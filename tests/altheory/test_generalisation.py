"""Generalisation bounds against fractions, brute-force enumeration, quadratic programs and simulation."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch

import altheory as al
from altheory import generalisation as gen


def draw(seed, n=4, K=2, batch=()):
    generator = torch.Generator().manual_seed(seed)
    B = torch.randn(*batch, n, n + 1, generator=generator, dtype=torch.float64)
    return B @ B.mT, torch.randn(*batch, n, K, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_bounds_against_matrix_formulas(batch):
    theta, Y = draw(0, batch=batch)
    I = torch.einsum("...nk,...nm,...mk->...", Y, torch.linalg.inv(theta), Y)
    tr = torch.einsum("...nn->...", theta)
    torch.testing.assert_close(gen.squared_norm(theta, Y), I)
    torch.testing.assert_close(gen.trace(theta), tr)
    torch.testing.assert_close(gen.paper_bound(theta, Y), (2 * I / 4).sqrt())
    torch.testing.assert_close(gen.scale_free_bound(theta, Y), 2 * (tr * I).sqrt() / 4)
    torch.testing.assert_close(gen.scale_free_bound(7 * theta, Y), gen.scale_free_bound(theta, Y))
    torch.testing.assert_close(gen.paper_bound(4 * theta, Y), gen.paper_bound(theta, Y) / 2)


def test_bounds_by_hand():
    assert gen.paper_bound([[2.0]], [3.0]).item() == pytest.approx(3.0)  # I = 9/2, sqrt(2 * 9/2)
    assert gen.dominant_term(2.0, 4).item() == 1
    assert gen.scale_free_term(0.5, 2.0, 1).item() == 2
    theta = np.eye(3) / 2
    assert gen.paper_bound(theta, np.ones(3)).item() == pytest.approx(gen.scale_free_bound(theta, np.ones(3)).item())


def test_singular_kernels():
    theta = torch.ones(2, 2, dtype=torch.float64)
    assert gen.squared_norm(theta, [1.0, 1.0]).item() == pytest.approx(1)
    assert gen.squared_norm(theta, [1.0, -1.0]).item() == math.inf
    assert gen.paper_bound(theta, [1.0, -1.0]).item() == math.inf
    assert gen.scale_free_bound(theta, [1.0, -1.0]).item() == math.inf


def test_the_norm_is_the_least_among_functions_that_interpolate():
    generator = torch.Generator().manual_seed(4)
    J = torch.randn(3, 7, generator=generator, dtype=torch.float64)
    Y = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    W = np.linalg.lstsq(J.numpy(), Y.numpy(), rcond=None)[0]  # the minimum-norm solution
    assert gen.squared_norm(J @ J.mT, Y).item() == pytest.approx((W**2).sum())


def test_the_confidence_term():
    assert gen.confidence_term(100, 0.5, 0.1).item() == pytest.approx(math.sqrt(math.log(2000) / 100))
    assert gen.confidence_term(100, 0.5, 0.1, 3.0).item() == pytest.approx(3 * math.sqrt(math.log(2000) / 100))
    assert gen.confidence_term(1, 100.0, 0.5).item() == 0


def test_the_risk_bound_by_hand_and_its_units():
    # tr = n/2, I = 8: tr I / n = 4, k = 2
    wanted = 4 / 10 + 3 * math.sqrt(math.log(2 * 6 / 0.05) / 200)
    assert gen.risk_bound(50.0, 8.0, 100, 0.05).item() == pytest.approx(wanted)
    assert gen.risk_bound(5.0, 80.0, 100, 0.05).item() == pytest.approx(wanted)
    assert gen.risk_bound(1.0, 0.0, 4, 1.0).item() == pytest.approx(1 + 3 * math.sqrt(math.log(4) / 8))


@pytest.mark.parametrize(("n", "K"), [(1, 1), (3, 1), (5, 1), (2, 2), (2, 3)])
def test_rademacher_complexity_is_the_mean_over_all_signs(n, K):
    theta, _ = draw(n, n=n, batch=(2,))
    root = np.linalg.cholesky(theta.numpy())  # features of the points
    for b in range(2):
        total = 0.0
        for signs in itertools.product((1.0, -1.0), repeat=n * K):
            eps = np.array(signs).reshape(K, n)
            total += np.sqrt(((eps @ root[b]) ** 2).sum())  # the supremum over the unit ball, by Cauchy-Schwarz
        wanted = total / 2 ** (n * K) / n
        found = gen.rademacher_complexity(theta, torch.tensor([1.0, 2.5], dtype=torch.float64), outputs=K)
        assert found[b].item() == pytest.approx([1.0, 2.5][b] * wanted)
    bound = gen.rademacher_bound(theta, outputs=K)
    assert (gen.rademacher_complexity(theta, outputs=K) <= bound).all()
    assert (gen.rademacher_complexity(theta, outputs=K) >= bound / math.sqrt(2)).all()


def test_rademacher_complexity_at_its_ends(monkeypatch):
    eye, ones = torch.eye(4, dtype=torch.float64), torch.ones(2, 2, dtype=torch.float64)
    assert gen.rademacher_complexity(eye).item() == pytest.approx(gen.rademacher_bound(eye).item()) == pytest.approx(0.5)
    assert gen.rademacher_complexity(ones).item() == pytest.approx(gen.rademacher_bound(ones).item() / math.sqrt(2))
    theta, _ = draw(9, n=6)
    whole = gen.rademacher_complexity(theta)
    monkeypatch.setattr(gen, "_BLOCK", 30)
    torch.testing.assert_close(gen.rademacher_complexity(theta), whole)


def test_growth_is_the_difference_of_two_norms_in_fractions():
    # theta = [[2, 1], [1, 2]], y = (1, 3), S = {0}: r = 3 - 1/2, Sigma = 2 - 1/2
    r, sigma = F(5, 2), F(3, 2)
    assert F(1, 2) + r * r / sigma == F(14, 3) == F(2 * 1 + 2 * 9 - 2 * 3, 3)
    found = gen.growth([[2.0, 1.0], [1.0, 2.0]], [1.0, 3.0], 1)
    assert found.residual.item() == 2.5
    assert found.conditional.item() == 1.5
    assert [found.before.item(), found.increase.item()] == pytest.approx([0.5, 25 / 6])
    assert found.training_dynamics.item() == 12.5
    assert found.least.item() == 3.125


@pytest.mark.parametrize("labelled", [0, 1, 3])
def test_growth_against_the_whole_problem(labelled):
    theta, Y = draw(5, n=5, batch=(3,))
    found = gen.growth(theta, Y, labelled)
    torch.testing.assert_close(found.before + found.increase, gen.squared_norm(theta, Y))
    if labelled:
        torch.testing.assert_close(found.before, gen.squared_norm(theta[:, :labelled, :labelled], Y[:, :labelled]))
    fitted = torch.cat([0 * Y[:, :labelled], found.residual], 1)  # the residual of the converged model on S and Q
    torch.testing.assert_close(found.training_dynamics, al.alignment.alignment(theta, fitted))
    assert (found.least <= found.increase * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda: gen.rademacher_complexity(torch.eye(13), outputs=2), "26 signs"),
        (lambda: gen.rademacher_complexity(torch.ones(2, 3)), "square matrix"),
        (lambda: gen.rademacher_complexity([[1.0, 2.0], [0.0, 1.0]]), "not symmetric"),
        (lambda: gen.rademacher_bound(torch.eye(2), outputs=0), "`outputs` is 0"),
        (lambda: gen.growth(torch.eye(2), [1.0, 2.0], 2), "leave one to query"),
        (lambda: gen.growth([[1.0, 2.0], [0.0, 1.0]], [1.0, 2.0], 1), "not symmetric"),
        (lambda: gen.squared_norm(torch.eye(2), [1.0, 2.0, 3.0]), "`Y` has shape"),
        (lambda: gen.confidence_term(10, math.nan, 0.1), "`lam0` contains NaN"),
    ],
)
def test_what_cannot_be_used_is_refused(call, wanted):
    with pytest.raises(al.InputError, match=wanted):
        call()
