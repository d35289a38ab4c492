"""Is a float64 violation more than rounding? True statements are never nominated, false ones are.

Every textbook statement below is attacked by the degenerate members and the random batches of the quick budget; about half
are attained with equality, and several are written so that float64 loses half its digits or all of them. Each has a constant
c (1: true), and its mutant is the same statement made false.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from claim_tools import HOLDS, QUICK, VIOLATED, attacked, made

from proofs_check import chain, eq, leq
from proofs_check import domains as D
from proofs_check.claim import Claim

STATEMENTS: dict[str, Claim] = {}


def true(false: float = 1.01, **declaration: Any):
    """Collect a true statement; c=false makes it false."""

    def collect(body):
        STATEMENTS[body.__name__] = made(body, mutants={f"c = {false}": dict(c=false)}, **declaration)
        return body

    return collect


REAL, PSD, SINGULAR = D.real("n"), D.psd("n", cond=1e10), D.psd("n")


def quadratic(theta, y):
    return (y * (theta @ y[..., None])[..., 0]).sum(-1)


def solve(theta, y):
    return torch.linalg.solve(theta, y[..., None])[..., 0]


# attained with equality


@true(x=D.real("n"), y=D.real("n"))
def cauchy_schwarz(x, y, *, c=1.0):
    return leq(c * (x * y).sum(-1) ** 2, (x * x).sum(-1) * (y * y).sum(-1))


@true(x=D.positive("n"))
def geometric_mean_below_arithmetic(x, *, c=1.0):
    return leq(c * torch.exp(torch.log(x).mean(-1)), x.mean(-1))


@true(x=D.real("n"), y=D.real("n"))
def triangle(x, y, *, c=1.0):
    return leq(c * (x + y).norm(dim=-1), x.norm(dim=-1) + y.norm(dim=-1))


@true(x=REAL)
def square_of_mean_below_mean_of_squares(x, *, c=1.0):
    return leq(c * x.mean(-1) ** 2, (x * x).mean(-1))


@true(x=REAL)
def norms(x, *, c=1.0):
    two, n = x.norm(dim=-1), x.shape[-1]
    return chain(c * two, x.abs().sum(-1), n**0.5 * two)


@true(x=REAL)
def largest_below_logsumexp(x, *, c=1.0):
    return leq(x.amax(-1) + (c - 1), torch.logsumexp(x, -1))


@true(p=D.simplex("n"))
def entropy(p, *, c=1.0):
    return leq(-c * torch.special.xlogy(p, p).sum(-1), torch.log(torch.tensor(float(p.shape[-1]))).expand(len(p)))


@true(theta=SINGULAR)
def hadamard(theta, *, c=1.0):
    return leq(c * torch.linalg.det(theta), torch.diagonal(theta, dim1=-2, dim2=-1).prod(-1))


@true(theta=SINGULAR)
def diagonal_below_top_eigenvalue(theta, *, c=1.0):
    return leq(c * torch.diagonal(theta, dim1=-2, dim2=-1).amax(-1), torch.linalg.eigvalsh(theta)[..., -1])


@true(a=D.psd("n"), b=D.psd("n"))
def weyl(a, b, *, c=1.0):
    one, two, both = (torch.linalg.eigvalsh(m) for m in (a, b, a + b))
    return chain(c * (one[..., 0] + two[..., 0]), both[..., 0], both[..., -1], one[..., -1] + two[..., -1])


@true(x=D.points("n", "d"))
def frobenius_below_nuclear(x, *, c=1.0):
    values = torch.linalg.svdvals(x)
    return leq(c * (values * values).sum(-1).sqrt(), values.sum(-1))


@true(theta=PSD, y=REAL, assumes=[lambda y: (y != 0).any(-1)])
def cauchy_schwarz_through_an_inverse(theta, y, *, c=1.0):
    return leq(c * (y * y).sum(-1) ** 2, quadratic(theta, y) * (y * solve(theta, y)).sum(-1))


@true(theta=PSD, y=REAL, assumes=[lambda y: (y != 0).any(-1)], false=0.99)
def kantorovich(theta, y, *, c=1.0):
    lam = torch.linalg.eigvalsh(theta)
    lo, hi = lam[..., 0], lam[..., -1]
    product = quadratic(theta, y) * (y * solve(theta, y)).sum(-1)
    return leq(product, c * (lo + hi) ** 2 / (4 * lo * hi) * (y * y).sum(-1) ** 2)


@true(x=D.unit_vectors("n", "d"), y=REAL, assumes=[lambda y: (y != 0).any(-1)])
def an_inverse_of_duplicates(x, y, *, c=1.0):
    """Condition number 1e13 and more: the matrix is singular but for the last three digits."""
    kernel = x @ x.mT + 1e-13 * torch.eye(x.shape[1], dtype=x.dtype)
    top = torch.linalg.eigvalsh(kernel)[..., -1]
    return leq(c * (y * y).sum(-1) / top, (y * solve(kernel, y)).sum(-1))


# identities, written so that digits are lost


@true(x=REAL)
def variance_far_from_zero(x, *, c=1.0):
    far = x + 1e6
    return eq((far * far).mean(-1) - far.mean(-1) ** 2, c * ((x - x.mean(-1, keepdim=True)) ** 2).mean(-1))


@true(a=D.real(), b=D.real())
def difference_of_squares(a, b, *, c=1.0):
    return eq(a * a - b * b, c * (a - b) * (a + b))


@true(x=D.interval(0, 1))
def exponential_minus_one(x, *, c=1.0):
    return eq(torch.exp(x) - 1, c * torch.expm1(x))


@true(x=D.interval(0, 1))
def half_angle(x, *, c=1.0):
    return eq(1 - torch.cos(x), 2 * c * torch.sin(x / 2) ** 2)


@true(x=D.interval(1, 1e12))
def neighbouring_roots(x, *, c=1.0):
    return eq((x + 1).sqrt() - x.sqrt(), c / ((x + 1).sqrt() + x.sqrt()))


@true(q=D.interval(0, 1), t=D.integer(0, 20))
def geometric_series(q, t, *, c=1.0):
    powers = torch.arange(21)
    total = torch.where(powers <= t[:, None], q[:, None] ** powers, torch.zeros(len(q), 21, dtype=q.dtype)).sum(-1)
    return eq((1 - q) * total, c * (1 - q ** (t + 1)))


@true(theta=PSD)
def logarithm_of_the_determinant(theta, *, c=1.0):
    return eq(torch.linalg.slogdet(theta).logabsdet, c * torch.log(torch.linalg.eigvalsh(theta)).sum(-1))


@true(theta=D.psd("n", cond=1e14))
def trace_of_inverse_times_matrix(theta, *, c=1.0):
    product = torch.linalg.solve(theta, theta)
    return eq(torch.diagonal(product, dim1=-2, dim2=-1).sum(-1), c * torch.full((len(theta),), 1.0 * theta.shape[-1]))


@true(theta=D.psd("n", cond=1e14))
def trace_by_the_older_names(theta, *, c=1.0):
    product = theta.inverse() @ theta
    return eq(product.diagonal(dim1=-2, dim2=-1).sum(-1), c * torch.full((len(theta),), 1.0 * theta.shape[-1]))


@true(theta=PSD)
def determinant_by_the_older_names(theta, *, c=1.0):
    return eq(torch.logdet(theta), c * torch.log(torch.linalg.eigvalsh(theta)).sum(-1))


@true(theta=SINGULAR)
def trace_is_the_sum_of_eigenvalues(theta, *, c=1.0):
    return eq(torch.diagonal(theta, dim1=-2, dim2=-1).sum(-1), c * torch.linalg.eigvalsh(theta).sum(-1))


@true(a=D.psd("n"), b=D.psd("n"), dims={"n": (1, 8)})
def determinant_of_a_product(a, b, *, c=1.0):
    return eq(torch.linalg.det(a @ b), c * torch.linalg.det(a) * torch.linalg.det(b))


@true(x=D.points("n", "d"))
def penrose(x, *, c=1.0):
    """Rank-deficient Gram matrices."""
    kernel = x @ x.mT
    back = kernel @ torch.linalg.pinv(kernel, hermitian=True) @ kernel
    return eq(torch.diagonal(back, dim1=-2, dim2=-1).sum(-1), c * torch.diagonal(kernel, dim1=-2, dim2=-1).sum(-1))


@true(u=D.points("n", "d"))
def woodbury(u, *, c=1.0):
    """Tr (I + U U')^-1 = n - d + Tr (I + U' U)^-1."""

    def trace(gram):
        eye = torch.eye(gram.shape[-1], dtype=gram.dtype)
        return torch.diagonal(torch.linalg.inv(eye + gram), dim1=-2, dim2=-1).sum(-1)

    return eq(trace(u @ u.mT), c * (u.shape[1] - u.shape[2] + trace(u.mT @ u)))


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_true_statement_is_held_and_made_false_it_is_found(name):
    found = attacked(STATEMENTS[name])
    assert found.verdict in HOLDS, found.reason()
    assert [(m.killed, m.error) for m in found.mutants.values()] == [(True, None)]


@pytest.mark.parametrize("name", STATEMENTS)
def test_another_seed_changes_no_verdict(name):
    assert attacked(STATEMENTS[name], seed=7).verdict in HOLDS


SEARCHED = ["kantorovich", "variance_far_from_zero", "trace_of_inverse_times_matrix", "half_angle", "determinant_of_a_product"]


@pytest.mark.parametrize("name", SEARCHED)
def test_searching_for_the_worst_instance_does_not_find_rounding(name):
    assert attacked(STATEMENTS[name], QUICK).verdict in HOLDS


def test_the_list_is_long_enough():
    assert len(STATEMENTS) >= 20


# well-conditioned statements, false by very little

SLIVER = 1 + 1e-9


def number(x):
    return leq(SLIVER * x, x)


def sum_of_squares(x):
    return leq(SLIVER * (x * x).sum(-1), (x * x).sum(-1))


def trace_and_eigenvalues(theta):
    return leq(SLIVER * torch.linalg.eigvalsh(theta).sum(-1), torch.diagonal(theta, dim1=-2, dim2=-1).sum(-1))


def inverse_twice(theta):
    twice = torch.linalg.inv(torch.linalg.inv(theta))
    return leq(SLIVER * torch.diagonal(twice, dim1=-2, dim2=-1).sum(-1), torch.diagonal(theta, dim1=-2, dim2=-1).sum(-1))


def identity(x):
    return eq(torch.exp(torch.log(x)), SLIVER * x)


@pytest.mark.parametrize(
    ("body", "domain"),
    [
        (number, {"x": D.interval(1, 2)}),
        (sum_of_squares, {"x": D.real("n")}),
        (trace_and_eigenvalues, {"theta": D.psd("n", cond=4)}),
        (inverse_twice, {"theta": D.psd("n", cond=4)}),
        (identity, {"x": D.interval(1, 2)}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_violation_of_one_part_in_a_billion_stands(body, domain):
    found = attacked(made(body, **domain))
    assert found.verdict in VIOLATED
    assert found.witness.ratio == pytest.approx(SLIVER, abs=1e-11)


def test_a_difference_of_the_last_digit_is_rounding():
    def last_digit(x):
        return leq(x * (1 + 2**-52), x)

    assert attacked(made(last_digit, x=D.interval(1, 2))).verdict in HOLDS


def drowned(x):
    """Nine tenths of the domain are rounding noise with margins near 1; the rest is false by one part in a million."""
    y = torch.where(x < 0.9, x * 1e-15, x)
    return leq(torch.exp(y) - 1, (1 - 1e-6) * torch.expm1(y))


def not_a_round_number(x):
    return (4 * x).remainder(1) != 0


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_does_not_drown_a_real_violation(seed):
    found = attacked(made(drowned, x=D.interval(0, 1), assumes=[not_a_round_number]), seed=seed)
    assert found.verdict in VIOLATED
    assert found.witness.lhs > 1


def test_what_did_not_stand_is_not_counted_as_a_violation():
    found = attacked(STATEMENTS["trace_of_inverse_times_matrix"])
    assert sum(e.probed for e in found.evidence) > 0
    assert sum(e.violations for e in found.evidence) == 0
    assert found.best_ratio <= 1 + 1e-11
