"""Lemmas 5.8 and 5.9 by hand: rounds of randomized BSS in fractions, from their definition; exact binomial laws.

Nothing here uses `altheory` for the expected numbers; the claims must give the same.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch

from proofs_check.evaluate import admissible, at
from proofs_check.instances import Batch
from proofs_check.papers.sample_complexity._settings_bss import runs
from proofs_check.papers.sample_complexity.complexity import frozen
from proofs_check.papers.sample_complexity.lemma58_output import ends_the_run
from proofs_check.papers.sample_complexity.lemma59 import _tail, share_good
from proofs_check.registry import registered

CLAIMS = registered()


def plain(value):
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else float(value) if isinstance(value, F) else value


def relation(id, **values):
    return at(CLAIMS[f"sample_complexity.{id}"], **{name: plain(value) for name, value in values.items()})


def terms(id, **values):
    """The quantities of a claim by name, as floats."""
    return {name: float(value[0]) for name, value in relation(id, **values).terms}


def same(found, **expected):
    for name, value in expected.items():
        assert found[name] == pytest.approx(float(value), rel=1e-11), name


# two by two matrices of fractions


def inverse(m):
    (a, b), (c, d) = m
    det = a * d - b * c
    return [[d / det, -b / det], [-c / det, a / det]]


def times(a, b):
    return [[sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*b, strict=True)] for row in a]


def combined(s, a, t, b):
    return [[s * x + t * y for x, y in zip(r, q, strict=True)] for r, q in zip(a, b, strict=True)]


def form(v, m):
    return sum(v[i] * m[i][j] * v[j] for i in range(2) for j in range(2))


def outer(v):
    return [[x * y for y in v] for x in v]


def trace(m):
    return m[0][0] + m[1][1]


I2 = [[F(1), F(0)], [F(0), F(1)]]
X, H, LAM, G = [F(3, 5), F(4, 5)], [F(5, 13), F(12, 13)], [F(1, 8), F(2, 3)], F(1, 3)
#: the instance above as arguments of a claim
ARGUMENTS = {"lam": LAM, "h": [H], "X": [X]}


def rows():
    """(I - Z'Z)(I + Z'Z)^-1 and 2 Z (I + Z'Z)^-1 with Z = X / 2."""
    Z = [x / 2 for x in X]
    square, below = outer(Z), inverse(combined(1, I2, 1, outer(Z)))
    return [*times(combined(1, I2, -1, square), below), [2 * x for x in times([Z], below)[0]]]


def start():
    """R diag(lam) R with R = I - 2 h h'."""
    R = combined(1, I2, -2, outer(H))
    return times(times(R, [[LAM[0], F(0)], [F(0), LAM[1]]]), R)


def one_round(B, low, high, W, g):
    """Q, Phi, the law, the matrices after each row, the barriers after the round."""
    above, below = inverse(combined(high, I2, -1, B)), inverse(combined(1, B, -low, I2))
    Q = combined(1, above, 1, below)
    phi = trace(Q)
    law = [form(w, Q) / phi for w in W]
    after = [combined(1, B, g / form(w, Q), outer(w)) for w in W]
    return Q, phi, law, after, low + g / (phi * (1 + g)), high + g / (phi * (1 - g))


def halves(B, low, high):
    return trace(inverse(combined(high, I2, -1, B))), trace(inverse(combined(1, B, -low, I2)))


W, B0 = rows(), start()


def test_the_rows_are_a_tight_frame_and_the_law_sums_to_one():
    assert combined(1, combined(1, outer(W[0]), 1, outer(W[1])), 1, outer(W[2])) == I2
    assert sum(one_round(B0, F(0), F(1), W, G)[2]) == 1


def test_a_round_by_hand_in_two_dimensions():
    Q, phi, law, after, low, high = one_round(B0, F(0), F(1), W, G)
    up, down = halves(B0, F(0), F(1))
    assert up + down == phi
    ahead = [halves(B, low, high) for B in after]
    mean_up, mean_down = (sum(p * pair[i] for p, pair in zip(law, ahead, strict=True)) for i in (0, 1))
    assert mean_up < up
    assert mean_down < down
    found = terms("potential.mean", **ARGUMENTS, gamma=G)
    same(found, **{"E Phi_j+1": mean_up + mean_down, "Phi_j": phi})
    found = terms("potential.pathwise", **ARGUMENTS, gamma=G)
    same(found, **{"largest Phi_j+1": max(sum(pair) for pair in ahead)})
    M, delta = inverse(combined(high, I2, -1, B0)), G / (phi * (1 - G))
    found = terms("potential.upper", **ARGUMENTS, gamma=G)
    same(found, **{
        "E of the upper half": mean_up, "tr M + delta tr M^2": trace(M) + delta * trace(times(M, M)), "the upper half": up,
    })  # fmt: skip
    found = terms("potential.lower", **ARGUMENTS, gamma=G)
    same(found, **{"E of the lower half": mean_down, "the lower half": down})
    assert form(W[0], Q) / phi == law[0]


def test_the_proof_of_the_lower_half_by_hand():
    Q, phi, _, _, low, _ = one_round(B0, F(0), F(1), W, G)
    R, moved, delta = inverse(B0), inverse(combined(1, B0, -low, I2)), G / (phi * (1 + G))
    square = times(moved, moved)
    a = [form(w, moved) / form(w, Q) for w in W]
    first, lost, second = trace(times(moved, R)), G / (1 + G), trace(square)
    pairs = sum(form(w, square) * form(w, times(moved, R)) / form(w, R) for w in W)
    steps = [
        first,
        first + (1 - G) * delta * trace(times(square, R)),
        second - lost * delta * trace(times(square, moved)),
        second - lost * delta * pairs,
        second - lost * sum(form(w, square) * (one - 1) for w, one in zip(W, a, strict=True)),
        sum((1 + G) * form(w, square) / (1 + G * one) for w, one in zip(W, a, strict=True)),
    ]
    assert steps == sorted(steps)
    found = [float(value[0]) for _, value in relation("potential.lower", **ARGUMENTS, gamma=G).terms[:6]]
    assert found == pytest.approx([float(step) for step in steps], rel=1e-11)
    # and the last side is what the mean falls by: Sherman and Morrison
    assert trace(moved) - delta * steps[-1] <= trace(moved) - delta * first == trace(R)


def test_the_importance_identity_by_hand():
    a = [F(2), F(-3)]
    _, phi, law, after, _, _ = one_round(B0, F(0), F(1), W, G)
    middle = 4 * (1 - G * G) / (G * G)
    beta = G / (phi * middle)
    squares = [(w[0] * a[0] + w[1] * a[1]) ** 2 for w in W]
    mean = sum(p * beta / p * s for p, s in zip(law, squares, strict=True))  # the law cancels
    assert mean == beta * (a[0] ** 2 + a[1] ** 2)
    steps = sum(form(a, combined(1, B, -1, B0)) for B in after) / middle
    found = terms("lemma58.importance", **ARGUMENTS, a=a, gamma=G)
    same(found, **{"E u (a.v)^2": mean, "beta |a|^2": mean, "sum of the steps over m": steps})


def test_the_tree_of_two_rounds_by_enumeration():
    """Mean potentials over all pairs of rows never rise, though they do along some."""
    g = F(1, 2)
    _, phi, law, after, low, high = one_round(B0, F(0), F(1), W, g)
    second, rose = F(0), 0
    for p, B in zip(law, after, strict=True):
        _, phi1, law1, after1, low1, high1 = one_round(B, low, high, W, g)
        ahead = [sum(halves(B2, low1, high1)) for B2 in after1]
        assert sum(q * value for q, value in zip(law1, ahead, strict=True)) <= phi1
        second += p * sum(q * value for q, value in zip(law1, ahead, strict=True))
        rose += sum(value > phi1 for value in ahead)
    assert second <= sum(p * sum(halves(B, low, high)) for p, B in zip(law, after, strict=True)) <= phi
    assert rose


def test_the_potential_rises_along_a_run():
    """B = diag(1/4, 1/2) between 0 and 1, gamma = 1/2, the row along the second axis."""
    g, b = F(1, 2), [F(1, 4), F(1, 2)]
    phi = sum(1 / (1 - x) + 1 / x for x in b)
    unit = g / phi
    low, high = unit / (1 + g), 1 + unit / (1 - g)
    moved = [b[0], b[1] + g / (1 / (1 - b[1]) + 1 / b[1])]
    after = sum(1 / (high - x) + 1 / (x - low) for x in moved)
    assert after > phi
    found = terms("potential.pathwise", lam=b, h=[[1.0, 0.0]], X=[[1.0, 0.0]], gamma=g)
    assert found["largest Phi_j+1"] >= float(after) * (1 - 1e-12)
    same(found, Phi_j=phi)


def test_a_round_by_hand_in_one_dimension():
    b, g = F(1, 3), F(1, 2)
    q = 1 / (1 - b) + 1 / b  # 9/2
    assert (q, b + g / q) == (F(9, 2), F(4, 9))
    found = terms("lemma58.barriers", lam=[b], h=[[1.0]], X=[[1.0]], gamma=g)
    same(found, **{"l'": F(2, 27), "l + gamma/Phi": F(1, 9), "lambda_min(B)": b, "lambda_min(B')": F(4, 9),
                   "lambda_max(B')": F(4, 9), "u - (1 - gamma)(u - lambda_max(B))": F(2, 3), "u'": F(11, 9)})  # fmt: skip


def test_beta_K_is_attained_in_the_middle():
    for size, g in ((1, F(1, 3)), (2, F(11, 100))):
        centre = {"lam": [F(1, 2)] * size, "h": [[1.0] + [0.0] * (size - 1)], "X": [[1.0] + [0.0] * (size - 1)]}
        found = terms("lemma58.beta_K", **centre, gamma=g, total=1.0)
        for value in found.values():
            assert value == pytest.approx(float(g * g / (1 - g * g)), rel=1e-12)
        found = terms("lemma58.sum_beta", lam=centre["lam"], h=centre["h"], gamma=g, total=1.0)
        same(found, **{"gamma / Phi": 2, "sum of betas": 1 + g * g / (size * (1 - g * g))})


def run_in_one_dimension(g):
    """D = 1, where every row gives the same: rounds, B / m and the sum of the betas, in fractions rounded to 80 digits."""
    low, high, b, total, rounds = -2 / g, 2 / g, F(0), F(0), 0
    middle = 2 * (1 - g * g) / (g * g)
    while high - low < 8 / g:
        phi = 1 / (high - b) + 1 / (b - low)
        b, total, rounds = b + g / phi, total + g / phi / middle, rounds + 1
        low, high = low + g / (phi * (1 + g)), high + g / (phi * (1 - g))
        low, high, b, total = (x.limit_denominator(10**80) for x in (low, high, b, total))
    return rounds, b / middle, total


@pytest.mark.parametrize("g", [F(11, 100), F(1, 2), F(9, 10)])
def test_whole_runs_in_one_dimension(g):
    rounds, end, total = run_in_one_dimension(g)
    found = runs(torch.tensor([3, 4]), 1, float(g))
    assert found["rounds"].tolist() == [rounds] * 2
    assert found["least"].tolist() == pytest.approx([float(end)] * 2)
    assert found["total"].tolist() == pytest.approx([float(total)] * 2)
    assert end == pytest.approx(float(total))  # one dimension: the output IS the sum of the betas
    assert 1 <= total <= 1 + g * g / (1 - g * g)
    assert 2 * math.log(2) * (1 - g * g) / (g * g) <= rounds <= 2 / (g * g)
    assert found["beta_K"].max() <= float(g * g / (1 - g * g)) * (1 + 1e-12)
    assert found["inside"].all()


def test_runs_stop_where_they_should_and_differ_by_seed():
    found = runs(torch.tensor([1, 2, 1]), 2, 0.3, 6)
    assert found["rounds"][0] == found["rounds"][2]
    assert found["least"][0] == found["least"][2] != found["least"][1]
    assert (found["total"] >= 1 - 1e-12).all()
    assert (found["total"] <= 1 + 0.09 / (2 * 0.91)).all()
    assert found["inside"].all()


def test_the_overshoot_lifts_the_barrier_but_not_the_spectrum():
    """D = 1, gamma = 0.1165, B in the middle, the last round: u / m is 1.265, the eigenvalue is 1 and a bit."""
    g, late = F(1165, 10000), F(1, 1024)
    middle = 2 * (1 - g * g) / (g * g)
    beta_at_1 = 2 / middle  # gamma / Phi = gamma width / 4 = 2
    total = 1 - late * beta_at_1
    width = (1 + total) * 4 / g
    unit = g * width / 4
    assert total < 1 <= total + unit / middle
    upper = 2 / g + (total * middle + unit) / (1 - g)
    found = terms("lemma58.barrier", lam=[0.5], gamma=g, late=late)
    same(found, **{"u / m": upper / middle})
    assert upper / middle > F(126, 100)
    # whatever B was below the old barrier: the new one stays below it, and that is below 5/4
    old = (2 / g + total * middle / (1 - g)) / middle
    assert old < F(5, 4) < upper / middle
    for lam in (F(1, 2), F(1023, 1024)):
        one = {"lam": [lam], "gamma": g, "late": F(1, 2)}
        found = terms("lemma58.property1", **one, h=[[1.0]], X=[[1.0]])
        assert 0.75 <= found["lambda_min(A*A)"] <= found["lambda_max(A*A)"] <= 1.25
    assert (1 + 2 * g) / (1 - g * g) <= F(5, 4) < (1 + 2 * (g + F(1, 10**4))) / (1 - (g + F(1, 10**4)) ** 2)


def test_what_the_last_round_is():
    values = {name: torch.tensor(v, dtype=torch.float64) for name, v in
              {"lam": [[0.5], [0.5]], "gamma": [0.1, 0.1], "late": [0.5, 1.0]}.items()}  # fmt: skip
    g, middle = 0.1, 2 * 0.99 / 0.01
    for late, told in zip((0.5, 1.0), ends_the_run(**values).tolist(), strict=True):
        total = 1 - late * 2 / middle
        assert told == (total + g * (1 + total) * 4 / g / 4 / middle >= 1)


# lemma 5.9


def outside(k, K):
    """The exact probability that binomial(k, 1/K) / (k/K) is outside [3/4, 5/4]."""
    p, mean = 1 / F(K), F(k) / F(K)
    return sum(math.comb(k, n) * p**n * (1 - p) ** (k - n) for n in range(k + 1) if not F(3, 4) * mean <= n <= F(5, 4) * mean)


@pytest.mark.parametrize(("k", "K"), [(8, 2), (1, 1), (5, 1), (64, F(7, 2)), (3, F(16)), (64, 16)])
def test_the_law_of_a_cell_is_binomial(k, K):
    found = float(_tail(torch.tensor([k]), torch.tensor([float(K)], dtype=torch.float64))[0])
    assert found == pytest.approx(float(outside(k, K)), abs=1e-13)


def test_two_K_over_eps_rows_are_too_few():
    assert 1 - outside(8, 2) == F(182, 256)
    found = terms("lemma59.small_constant", k=8, eps=F(1, 2))
    same(found, **{"P(not good)": F(74, 256)})
    assert 74 / 256 > 0.1
    # the limit of large K: Poisson(c) in [3c/4, 5c/4]
    for c, told in ((1, 0.37), (2, 0.27), (4, 0.55), (16, 0.74), (64, 0.96)):
        inside = range(math.ceil(0.75 * c), math.floor(1.25 * c) + 1)
        assert sum(math.exp(-c + n * math.log(c) - math.lgamma(n + 1)) for n in inside) == pytest.approx(told, abs=0.006)


def test_without_the_logarithm():
    size, each = 100, 128
    p = F(1, size)
    few = sum(math.comb(each * size, n) * p**n * (1 - p) ** (each * size - n) for n in range(96))
    found = terms("lemma59.without_log", D=size)
    assert found["bound of P(good)"] == pytest.approx(float((1 - few) ** size), rel=1e-9)
    assert float(few) == pytest.approx(0.0013, abs=5e-5)
    assert float((1 - few) ** size) == pytest.approx(0.877, abs=5e-4)


def test_all_cells_of_a_small_pool_by_enumeration():
    """Three cells, six rows: the union bound and the product bound on either side of the exact probability."""
    size, k = 3, 6
    good = low = 0
    for rows_drawn in itertools.product(range(size), repeat=k):
        counts = [rows_drawn.count(i) for i in range(size)]
        good += all(F(3, 4) * k / size <= n <= F(5, 4) * k / size for n in counts)
        low += all(n >= F(3, 4) * k / size for n in counts)
    exact = F(good, size**k)
    one = outside(k, size)
    assert 1 - exact <= size * one
    few = sum(math.comb(k, n) * F(1, 3) ** n * F(2, 3) ** (k - n) for n in range(2))
    assert exact <= F(low, size**k) <= (1 - few) ** size


def test_the_constant_104():
    found = terms("lemma59", D=1, times=1.0, eps=1.0)
    k = 104
    lower, upper = 0.75 * math.log(0.75) + 0.25, 1.25 * math.log(1.25) - 0.25
    same(found, **{"bound of P(not good)": math.exp(-lower * k) + math.exp(-upper * k), "beta K": F(1, 104)})
    assert 34.6 * math.log(20) <= 104
    assert 34.6 * upper >= 1


def test_leverage_sampling_of_cells_is_never_good_with_four_rows_each():
    assert share_good(torch.tensor([0]), 100, 400).tolist() == [0.0]
    assert share_good(torch.tensor([0]), 2, 4000).tolist() == [1.0]


# algorithm 1 and the composition


def test_step_6_and_the_span():
    one = {"x": [1.0], "y": [-1.0], "u": [1.0]}
    same(terms("algorithm1.step6", **one), **{"minimiser over W": 0, "minimiser over the span": -1})
    x, y, u = [F(1), F(2)], [F(3), F(-2)], [F(1, 2), F(3)]
    best = sum(w * a**2 * b for w, a, b in zip(u, x, y, strict=True)) / sum(w * a**4 for w, a in zip(u, x, strict=True))
    same(terms("algorithm1.step6", x=x, y=y, u=u), **{"minimiser over the span": best})
    grid = np.linspace(-2, 2, 4001)  # of the coefficient w1^2 - w2^2
    loss = sum(float(w) * (c * float(a) ** 2 - float(b)) ** 2 for w, a, b, c in zip(u, x, y, [grid] * 2, strict=True))
    assert grid[loss.argmin()] == pytest.approx(float(best), abs=1e-3)
    assert relation("algorithm1.step6.linear", x=plain(x), y=plain(y), u=plain(u)).links[0].margin()[0] < 1e-12


def test_the_basis_of_D_on_another_pool():
    found = terms("algorithm1.basis_of_D", lam=[0.5], h=[[1.0]], X=[[1.0]], counts=2)
    same(found, **{"sum of D_j": F(2, 3) * F(18, 25) + F(1, 3) * F(32, 25)})
    assert F(2, 3) * F(18, 25) + F(1, 3) * F(32, 25) == F(68, 75)
    same(terms("algorithm1.basis_of_pool", lam=[0.5], h=[[1.0]], X=[[1.0]], counts=2), **{"sum of D_j": 1})


def test_the_factor_of_two_stages():
    same(terms("composition", X=[[1.0]], Y=[[1.0]], g=[1.0], chance=[1.0]), **{"error of both stages": 4})
    root = math.sqrt(4 / 3)
    found = terms("composition.factor", X=[[1.0]], Y=[[0.0]], g=[0.75], chance=[1.0], share=1.0)
    same(found, **{"error of both stages": (1 + root) ** 2, "4.643 times each": (1 + root) ** 2})
    assert (1 + root) ** 2 * 10 / 9 == pytest.approx(5.16, abs=5e-3)
    stage = F(1, 2) * (1 + F(121, 9879)) * (F(9879, 10000) / F(78, 100)) ** 2  # gamma = 0.11, D = 1
    found = terms("composition.constant", gamma=0.11, D=1)
    same(found, **{"second stage": stage, "both stages": (math.sqrt(8 / 9) + root * math.sqrt(stage)) ** 2})


def test_the_noise_on_pools_of_two():
    y, p = [F(0), F(1), F(3)], [F(1, 2), F(1, 3), F(1, 6)]
    mean = sum(a * b for a, b in zip(y, p, strict=True))
    noise = sum(b * (a - mean) ** 2 for a, b in zip(y, p, strict=True))
    pools = sum(
        p[i] * p[j] * sum((v - (y[i] + y[j]) / 2) ** 2 for v in (y[i], y[j])) / 2
        for i, j in itertools.product(range(3), repeat=2)
    )
    assert pools == noise / 2
    same(terms("composition.pool_noise", y=y, p=p), **{"mean noise on pools of two": pools, "half of the noise": noise / 2})


# complexity


def test_the_rejection_sampler_by_hand():
    Q, phi, law, *_ = one_round(B0, F(0), F(1), W, G)
    top = max(1 / x + 1 / (1 - x) for x in LAM)
    accepted = [sum(x * x for x in w) / 2 * form(w, Q) / (top * sum(x * x for x in w)) for w in W]
    assert [a / sum(accepted) for a in accepted] == law
    assert sum(accepted) == phi / (2 * top)
    found = terms("complexity.rejection", **ARGUMENTS)
    same(found, **{"row 1: proposed, accepted, over their sum": law[0], "mean number of proposals": 2 * top / phi,
                   "largest q / |v|^2": max(form(w, Q) / sum(x * x for x in w) for w in W)})  # fmt: skip


def test_shared_draws_by_hand():
    """D = 1: b draws with gamma = 1/4 and b = 4 from b = 1/3: the step is b gamma / q."""
    found = terms("complexity.shared", lam=[F(1, 3)], h=[[1.0]], X=[[1.0]], gamma=F(1, 4), part=1.0, split=0.3)
    q = F(9, 2)
    same(found, **{"lambda_max(B')": F(1, 3) + 1 / q, "u - (1 - b gamma)(u - lambda_max)": 1,
                   "l + b gamma / (Phi (1 + gamma))": 1 / q / F(5, 4)})  # fmt: skip


def test_frozen_potentials_of_one_draw_are_always_good():
    assert frozen(torch.tensor([5]), 1, True, 1).tolist() == [1.0]
    assert frozen(torch.tensor([5]), 2600, False, 2).tolist() == [0.0]  # twice the betas, whatever comes


def test_the_domains_of_the_output_claims_hold_their_extremal_instances():
    claim = CLAIMS["sample_complexity.lemma58.barrier.safe"]
    values = {"lam": torch.tensor([[0.5]]), "gamma": torch.tensor([0.1105]), "late": torch.tensor([2.0**-10])}
    assert bool(admissible(claim, Batch({k: v.double() for k, v in values.items()}, {"D": 1}))[0])
    found = terms("lemma58.barrier.safe", lam=[0.5], gamma=0.1105, late=2.0**-10)
    assert found["u / m"] == pytest.approx(found["bound"], rel=1e-4)
    assert found["bound"] == pytest.approx(1.25, rel=2e-4)
