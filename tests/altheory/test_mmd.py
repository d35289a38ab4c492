"""Discrepancies against loops over pairs, fractions, explicit feature maps, and all samples of a few points."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import pytest
import torch

import altheory as al
from altheory.mmd import mmd2, nested_mean, one_sided_slack, population_mmd2, rbf, two_sided_slack, witness

THETA = [[F(1), F(1, 4)], [F(1, 4), F(1, 2)]]
P, R = [F(1, 3), F(2, 3)], [F(3, 4), F(1, 4)]


def points(seed, n, d=3, batch=()):
    return torch.randn(*batch, n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def relu_kernel(x, z):
    """<x, z> (pi - angle) / 2 pi, one pair, by math alone."""
    inner = sum(a * b for a, b in zip(x, z))
    cosine = inner / math.sqrt(sum(a * a for a in x) * sum(b * b for b in z))
    return inner * (math.pi - math.acos(max(-1.0, min(1.0, cosine)))) / (2 * math.pi)


def by_loops(X, Z, k, estimator, same=None):
    """The estimators from their definitions; `same` maps a position in X to the position in Z of the same point."""
    n0, n = len(X), len(Z)
    a = sum(k(X[i], X[j]) for i in range(n0) for j in range(n0) if estimator == "v" or i != j)
    b = sum(k(Z[i], Z[j]) for i in range(n) for j in range(n) if estimator == "v" or i != j)
    if estimator == "v":
        return a / n0**2 + b / n**2 - 2 * sum(k(x, z) for x in X for z in Z) / (n0 * n)
    if estimator == "u":
        return a / (n0 * (n0 - 1)) + b / (n * (n - 1)) - 2 * sum(k(x, z) for x in X for z in Z) / (n0 * n)
    same = same if same is not None else list(range(n0))
    c = sum(k(X[i], Z[j]) for i in range(n0) for j in range(n) if j != same[i])
    return a / (n0 * (n0 - 1)) + b / (n * (n - 1)) - 2 * c / (n0 * (n - 1))


@pytest.mark.parametrize("estimator", ["v", "u", "paper"])
@pytest.mark.parametrize("tile", [2, 3, 1024])
def test_independent_samples_against_loops(estimator, tile):
    X, Z = points(0, 4), points(1, 7)
    expected = by_loops(X.tolist(), Z.tolist(), relu_kernel, estimator)
    assert float(mmd2(X, Z, estimator=estimator, tile=tile)) == pytest.approx(expected, abs=1e-14)


def test_identity_counts_and_order_does_not():
    X, order = points(0, 6), [4, 1, 5, 0, 2, 3]
    seeds, S = X[:3], X[order]
    same = [order.index(i) for i in range(3)]
    expected = by_loops(seeds.tolist(), S.tolist(), relu_kernel, "paper", same)
    found = mmd2(seeds, S, estimator="paper", ids=(range(3), order), tile=2)
    assert float(found) == pytest.approx(expected, abs=1e-14)
    by_position = mmd2(seeds, S, estimator="paper")
    assert abs(float(by_position - found)) > 1e-3
    theta = al.kernels.analytic(X)
    torch.testing.assert_close(mmd2([0, 1, 2], order, theta, "paper"), found)
    rest = X[[3, 4, 5]]
    torch.testing.assert_close(mmd2([0, 1, 2], order, theta, "nested"), mmd2(seeds, rest, estimator="u") / 4)
    torch.testing.assert_close(mmd2(seeds, S, estimator="nested", ids=(range(3), order)), mmd2(seeds, rest, estimator="u") / 4)


def test_the_kernels():
    X, Z = points(0, 5), points(1, 4)
    by_hand = by_loops(X.tolist(), Z.tolist(), lambda x, z: math.exp(-(math.dist(x, z) ** 2) / (2 * 0.7**2)), "u")
    assert float(mmd2(X, Z, rbf(0.7), "u", tile=2)) == pytest.approx(by_hand, abs=1e-14)
    torch.testing.assert_close(mmd2(X, Z, "linear"), ((X.mean(0) - Z.mean(0)) ** 2).sum())
    both = torch.cat([X, Z])
    matrix = al.kernels.analytic(both, activation="erf")
    own = mmd2(X, Z, lambda x, z: al.kernels.analytic(x, z, activation="erf"), "u", tile=3)
    torch.testing.assert_close(mmd2(range(5), range(5, 9), matrix, "u"), own)


def test_batches_dtypes_and_gradients():
    X, Z = points(0, 4, batch=(2, 3)), points(1, 5, batch=(2, 3))
    found = mmd2(X, Z, estimator="u", tile=2)
    assert found.shape == (2, 3)
    torch.testing.assert_close(found[1, 2], mmd2(X[1, 2], Z[1, 2], estimator="u"))
    assert mmd2(X.float(), Z.float()).dtype == torch.float32
    assert mmd2(X[0, 0].numpy(), Z[0, 0].numpy()).dtype == torch.float64
    x = X[0, 0].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: mmd2(v, Z[0, 0], rbf(1.0), "u", tile=2), (x,))


def test_the_signed_value_of_three_points_is_negative():
    x = torch.tensor([[1, 0], [0, 1], [0.6, 0.8]], dtype=torch.float64)
    ids = ([0, 1], [0, 1, 2])
    assert float(mmd2(x[:2], x, "linear", "paper", ids=ids)) == pytest.approx(-7 / 30, abs=1e-15)
    h = [[relu_kernel(a, b) for b in x.tolist()] for a in x.tolist()]
    assert float(mmd2(x[:2], x, "ntk", "paper", ids=ids)) == pytest.approx(h[0][1] / 3 - (h[0][2] + h[1][2]) / 6, abs=1e-15)
    assert float(mmd2(x[:2], x, "ntk", "paper", ids=ids)) == pytest.approx(-0.0883, abs=5e-5)


def test_a_part_of_a_set_is_nearer_by_the_share_of_the_rest():
    X = points(3, 9)
    whole, rest = mmd2(X[:4], X), mmd2(X[:4], X[4:])
    torch.testing.assert_close(whole, (5 / 9) ** 2 * rest)


def enumerated(estimate, laws):
    """The mean of `estimate(kernel of the sample)` over all samples, in fractions."""
    total = F(0)
    for sample in itertools.product(range(2), repeat=len(laws)):
        chance = math.prod(law[i] for law, i in zip(laws, sample))
        total += chance * estimate([[THETA[i][j] for j in sample] for i in sample])
    return total


def fraction(theta, p, q):
    return sum((p[i] - q[i]) * theta[i][j] * (p[j] - q[j]) for i in range(len(p)) for j in range(len(p)))


def paper_in_fractions(K, n0, n):
    return by_loops(range(n0), range(n), lambda i, j: K[i][j], "paper")


@pytest.mark.parametrize(("n0", "b"), [(2, 1), (2, 2), (3, 1), (3, 2)])
def test_the_mean_of_eq_32_in_fractions(n0, b):
    n = n0 + b
    mean = enumerated(lambda K: F(paper_in_fractions(K, n0, n)), [P] * n0 + [R] * b)
    theta, p, r = (torch.tensor([[float(v) for v in row] for row in m], dtype=torch.float64) for m in (THETA, [P], [R]))
    assert float(nested_mean(p[0], r[0], theta, n0, b)) == pytest.approx(float(mean), abs=1e-15)


def test_the_audits_numbers():
    mean = enumerated(lambda K: F(paper_in_fractions(K, 2, 4)), [P, P, R, R])
    mixed = [(a + b) / 2 for a, b in zip(P, R)]
    assert (mean, fraction(THETA, P, mixed), fraction(THETA, P, R)) == (F(5, 288), F(25, 576), F(25, 144))
    first, second = [F(1), F(0)], [F(0), F(1)]  # all seeds on one point, all queries on the other
    mean = enumerated(lambda K: F(paper_in_fractions(K, 2, 5)), [first] * 2 + [second] * 3)
    assert (mean, fraction(THETA, first, [F(2, 5), F(3, 5)])) == (F(21, 40), F(9, 25))


def test_laws_on_points():
    x = points(5, 4)
    theta = x @ x.T
    p, q = torch.tensor([0.1, 0.2, 0.3, 0.4]).double(), torch.tensor([0.4, 0.4, 0.1, 0.1]).double()
    torch.testing.assert_close(population_mmd2(p, q, theta), (((p - q)[:, None] * x).sum(0) ** 2).sum())
    g = witness(p, q, theta)
    torch.testing.assert_close((g * (p - q)).sum(), population_mmd2(p, q, theta))
    torch.testing.assert_close(
        population_mmd2(p.expand(2, 4), q.expand(2, 4), theta.expand(2, 4, 4)), population_mmd2(p, q, theta).expand(2)
    )


def test_the_hexagon_hides_its_even_corners_from_its_odd_ones():
    angle = torch.arange(6, dtype=torch.float64) * math.pi / 3
    x = torch.stack([torch.cos(angle), torch.sin(angle)], -1)
    even = torch.tensor([1, 0, 1, 0, 1, 0], dtype=torch.float64) / 3
    for both in (False, True):
        theta = al.kernels.analytic(x, train_output=both)
        assert abs(float(population_mmd2(even, even.flip(0), theta))) < 1e-16
        assert abs(float(mmd2(x[::2], x[1::2], lambda a, b, both=both: al.kernels.analytic(a, b, train_output=both)))) < 1e-15


def test_the_slacks():
    found = one_sided_slack(1.0, [50, 100], 200, 0.05)
    torch.testing.assert_close(found[0], torch.tensor(math.sqrt(2 * (1 / 50 + 1 / 200) * math.log(20))).double())
    expected = 2 * (math.sqrt(0.5 / 50) + math.sqrt(0.5 / 200)) + math.sqrt((1 / 50 + 1 / 200) * math.log(40))
    assert float(two_sided_slack(0.5, 50, 200, 0.05)) == pytest.approx(expected)
    integers = one_sided_slack(
        torch.tensor(1.0).double(), torch.tensor(3), torch.tensor(7), torch.tensor(0.05, dtype=torch.float64)
    )
    assert float(integers) == pytest.approx(math.sqrt(2 * (1 / 3 + 1 / 7) * math.log(20)), rel=1e-15)


def test_memory_does_not_grow_with_the_number_of_pairs():
    """The largest tile, not n times m, is what a kernel is ever asked for."""
    asked = []

    def kernel(x, z):
        asked.append((len(x), len(z)))
        return x @ z.T

    X, Z = points(0, 300), points(1, 400)
    value = mmd2(X, Z, kernel, "u", tile=64)
    assert max(max(shape) for shape in asked) == 64
    # the squares are summed over one half
    assert len(asked) == 5 * 6 // 2 + 7 * 8 // 2 + 5 * 7
    torch.testing.assert_close(value, mmd2(X, Z, "linear", "u"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: mmd2(x, x, estimator="biased"), "one of v, u, paper, nested"),
        (lambda x: mmd2(x, x, "gauss"), "one of ntk, linear, a function or a matrix"),
        (lambda x: mmd2(x, x[:, :2]), "same batch and d"),
        (lambda x: mmd2(x[0], x), "same batch and d"),
        (lambda x: mmd2(x, x, lambda a, b: (a @ b.T).sum(0)), "an entry for every pair"),
        (lambda x: mmd2(x, x, x), "square matrix"),
        (lambda x: mmd2([0], [5], torch.eye(3).double()), "rows 0 to 2"),
        (lambda x: mmd2([0.5], [1], torch.eye(3).double()), "row numbers"),
        (lambda x: mmd2([True], [1], torch.eye(3).double()), "row numbers"),
        (lambda x: mmd2([0], [1], torch.tensor([[1.0, 2.0], [0.0, 1.0]])), "not symmetric"),
        (lambda x: mmd2(x[:2], x, estimator="u", ids=([0, 1], range(4))), "share 2"),
        (lambda x: mmd2(x[:1], x, estimator="u"), "at least two points"),
        (lambda x: mmd2(x[:2], x, estimator="paper", ids=([0, 9], range(4))), "share 1"),
        (lambda x: mmd2(x, x[:3], estimator="paper"), "X no larger than Z"),
        (lambda x: mmd2(x[:2], x, estimator="nested"), "share 0"),
        (lambda x: mmd2(x[:3], x, estimator="nested", ids=(range(3), range(4))), "two more in Z"),
        (lambda x: mmd2(x[:2], x, estimator="u", ids=([0, 0], range(4))), "1 of them different"),
        (lambda x: mmd2(x[:2], x, estimator="u", ids=([0, 1],)), "two, for X and for Z"),
        (lambda x: mmd2(x, x, tile=0), "at least 1"),
        (lambda x: mmd2(x * float("nan"), x), "NaN"),
        (lambda x: population_mmd2([0.5, 0.5], [1.0, 0.0, 0.0], torch.eye(3).double()), "`p`"),
        (lambda x: nested_mean([1.0, 0.0], [0.0, 1.0], torch.eye(2).double(), 1, 2), "at least 2"),
        (lambda x: one_sided_slack(-1.0, 2, 2, 0.5), "at least 0"),
        (lambda x: two_sided_slack(1.0, 2, 0, 0.5), "at least 1"),
        (lambda x: one_sided_slack(1.0, 2, 2, 0.0), "above 0"),
        (lambda x: rbf(0.0), "positive number"),
    ],
)
def test_refusals_say_what_to_do(call, message):
    with pytest.raises(al.InputError, match=message):
        call(points(0, 4))


@pytest.mark.parametrize("kernel", ["ntk", "linear", rbf(2.0)])
def test_threads_do_not_change_a_bit(kernel):
    X, Z = points(0, 130), points(1, 170)
    before, values = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            values.append(float(mmd2(X, Z, kernel, "u", tile=32)))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert values[0] == values[1]
