"""Randomized BSS against a replay from its definition, fractions and enumeration; designs against closed forms."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch
from sparsifier_oracles import basis, p_value

import altheory as al
from altheory.sparsifier import (
    a_optimal,
    barrier_matrix,
    e_optimal,
    gamma_for,
    leverage,
    middle,
    next_round,
    pool,
    potential,
    randomized_bss,
    round_draws,
    round_law,
    safe_gamma,
    start,
    uniform,
    weighted_draws,
    weighted_regression,
    weighted_sgd,
)
from altheory.sparsifier._bss import Exact, Rejection, _safe
from altheory.sparsifier._pool import inverse


def replayed(V, p, indices, g):
    """The run from its definition, with nothing but the rows that were drawn: barriers, potentials, weights, beta K."""
    D = V.shape[1]
    low, high, B = -2 * D / g, 2 * D / g, np.zeros((D, D))
    mid = (4 * D / g) / (1 / (1 - g) - 1 / (1 + g))
    out = []
    for x in indices:
        assert high - low < 8 * D / g  # not over before the last draw
        eigenvalues = np.linalg.eigvalsh(B)
        assert low < eigenvalues[0]
        assert eigenvalues[-1] < high
        Q = np.linalg.inv(high * np.eye(D) - B) + np.linalg.inv(B - low * np.eye(D))
        q, phi = np.einsum("ni,ij,nj->n", V, Q, V), np.trace(Q)
        K = np.max(p * (V**2).sum(1) / (p * q / phi))
        out.append((phi, low, high, g / q[x] / mid, g / phi / mid, g / phi / mid * K))
        B = B + g / q[x] * np.outer(V[x], V[x])
        low, high = low + g / (phi * (1 + g)), high + g / (phi * (1 - g))
    assert high - low >= 8 * D / g * (1 - 1e-12)
    return np.array(out).T, B / mid


@pytest.mark.parametrize("sampler", ["rejection", "exact"])
@pytest.mark.parametrize(("n", "D", "eps"), [(12, 3, 0.5), (7, 2, 0.05), (5, 1, 1.0), (30, 4, 0.015)])
def test_a_run_is_what_its_definition_says(n, D, eps, sampler):
    V, p = basis(n, D, seed=D)
    indices, weights, history = randomized_bss(V, eps, p=p, seed=4, sampler=sampler)
    g = min(0.11, math.sqrt(eps / (2 + eps)))
    assert history.gamma == g == gamma_for(eps)
    (phi, low, high, u, beta, beta_K), M = replayed(V, p, indices.numpy(), g)
    for ours, theirs in ((history.potential, phi), (history.lower[:-1], low), (history.upper[:-1], high), (weights, u)):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(history.beta.numpy(), beta, rtol=1e-9)
    limit = g * g / (1 - g * g)
    assert beta_K.max() <= history.beta_K * (1 + 1e-9)
    assert history.beta_K <= limit * (1 + 1e-9)
    assert limit <= eps / 2 * (1 + 1e-12)
    assert 1 - 1e-9 <= beta.sum() <= 1 + limit / D
    ends = np.linalg.eigvalsh(M)
    assert (history.lambda_min, history.lambda_max) == pytest.approx((ends[0], ends[-1]), rel=1e-9)
    assert (1 - 2 * g) / (1 - g * g) < ends[0]
    assert ends[-1] < (1 + 2 * g) / (1 - g * g) + limit / D / (1 - g)
    assert history.good
    assert history.serves(eps)
    assert history.draws == len(indices) == int(history.shared.sum())
    assert history.distinct == len(set(indices.tolist()))


@pytest.mark.parametrize(("D", "n", "batch"), [(5, 60, 1), (5, 60, 20), (20, 400, 80), (50, 300, 200)])
@pytest.mark.parametrize("eps", [0.05, 0.1, 0.5])
def test_property_one_holds_at_every_stop(D, n, batch, eps):
    V, p = basis(n, D, seed=D, tail=1.2)
    source = pool(V, p)
    for seed in range(4 if D == 5 else 1):
        indices, weights, history = randomized_bss(source, eps, seed=seed, batch=batch)
        rows = V[indices.numpy()]
        values = np.linalg.eigvalsh((rows * weights.numpy()[:, None]).T @ rows)
        assert values[0] >= 0.75
        assert values[-1] <= 1.25
        assert history.serves(eps)
        assert bool((history.lower < history.smallest).all())
        assert bool((history.largest < history.upper).all())
        assert 1.2 < history.draws * history.gamma**2 / D < 2.2
        assert int(history.shared.max()) <= batch


def rational_state():
    """Three rows (Hadamard, D = 2), a state near its lower barrier; all rational."""
    V = [[F(1), F(1)], [F(1), F(-1)], [F(7, 5), F(1, 5)], [F(1, 5), F(-7, 5)]]
    p = [F(1, 4)] * 4
    B = [[F(-9, 10), F(1, 3)], [F(1, 3), F(2)]]
    return V, p, B, F(-6, 5), F(3)


def inverse2(m):
    (a, b), (c, d) = m
    det = a * d - b * c
    return [[d / det, -b / det], [-c / det, a / det]]


def q_of(B, low, high):
    above = inverse2([[(i == j) * high - B[i][j] for j in range(2)] for i in range(2)])
    below = inverse2([[B[i][j] - (i == j) * low for j in range(2)] for i in range(2)])
    return [[above[i][j] + below[i][j] for j in range(2)] for i in range(2)]


def test_a_round_in_fractions_and_the_mean_potential():
    V, p, B, low, high = rational_state()
    assert [[sum(w * v[i] * v[j] for w, v in zip(p, V)) for j in range(2)] for i in range(2)] == [[1, 0], [0, 1]]
    for g in (F(1, 50), F(11, 100), F(7, 10)):
        Q = q_of(B, low, high)
        phi = Q[0][0] + Q[1][1]
        mean, law = F(0), []
        for w, v in zip(p, V):
            q = sum(v[i] * Q[i][j] * v[j] for i in range(2) for j in range(2))
            law.append(w * q / phi)
            after = [[B[i][j] + g / q * v[i] * v[j] for j in range(2)] for i in range(2)]
            new_low, new_high = low + g / (phi * (1 + g)), high + g / (phi * (1 - g))
            new = q_of(after, new_low, new_high)
            mean += law[-1] * (new[0][0] + new[1][1])
            found = next_round(*floats(B, low, high), torch.tensor([float(x) for x in v], dtype=torch.float64), float(g))
            np.testing.assert_allclose(found.B.numpy(), np.array(after, dtype=float), rtol=1e-13)
            assert (float(found.lower), float(found.upper)) == pytest.approx((float(new_low), float(new_high)), rel=1e-13)
            assert float(potential(*found)) == pytest.approx(float(new[0][0] + new[1][1]), rel=1e-12)
        assert sum(law) == 1
        assert mean < phi
        np.testing.assert_allclose(barrier_matrix(*floats(B, low, high)).numpy(), np.array(Q, dtype=float), rtol=1e-13)
        ours = round_law(np.array(V, dtype=float), np.array(p, dtype=float), *floats(B, low, high))
        np.testing.assert_allclose(ours.numpy(), np.array(law, dtype=float), rtol=1e-13)


def floats(B, low, high):
    return torch.tensor([[float(x) for x in row] for row in B], dtype=torch.float64), float(low), float(high)


@pytest.mark.parametrize("g", [0.02, 0.1, 0.3, 0.7])
def test_the_mean_potential_never_rises_and_no_row_crosses_a_barrier(g):
    """Enumeration over the pool, from states with eigenvalues clustered near a barrier; all rows at once, batched."""
    rng = np.random.default_rng(int(100 * g))
    V, p = basis(10, 3, seed=2)
    rows = torch.from_numpy(V)
    for close in (1e-1, 1e-3, 1e-6):
        for at_low in (0, 1, 2, 3):
            values = np.array([-1 + close * rng.uniform(0.5, 1)] * at_low + [1 - close * rng.uniform(0.5, 1)] * (3 - at_low))
            U = np.linalg.qr(rng.standard_normal((3, 3)))[0]
            B = torch.from_numpy(U @ np.diag(values) @ U.T).expand(10, 3, 3)
            low, high = -torch.ones(10).double(), torch.ones(10).double()
            after = next_round(B, low, high, rows, g)
            spectrum = torch.linalg.eigvalsh(after.B)
            assert bool((spectrum[:, 0] > after.lower).all())
            assert bool((spectrum[:, -1] < after.upper).all())
            mean = float(round_law(rows, p, B[0], low[0], high[0]) @ potential(*after))
            assert mean <= float(potential(B[0], low[0], high[0])) * (1 + 1e-7)


def fixed_state(D, seed=5):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((D, D))
    B = (A + A.T) / 4
    ends = np.linalg.eigvalsh(B)
    low, high = ends[0] - 0.05, ends[-1] + 0.2
    values, vectors = np.linalg.eigh(B)
    return B, low, high, values, vectors, 1 / (high - values) + 1 / (values - low)


@pytest.mark.parametrize("draw", [Rejection, Exact])
def test_both_samplers_draw_from_the_law_at_a_fixed_state(draw):
    n, D = 50, 4
    V, p = basis(n, D, seed=8)
    B, low, high, values, vectors, Q = fixed_state(D)
    full = np.linalg.inv(high * np.eye(D) - B) + np.linalg.inv(B - low * np.eye(D))
    law = p * np.einsum("ni,ij,nj->n", V, full, V) / np.trace(full)
    source = pool(V, p)
    one = draw(source, np.random.default_rng(3))
    parts = [one(vectors, Q, 7) for _ in range(3000)]
    rows = np.concatenate([index for index, _, _ in parts])
    assert p_value(rows, law, n) > 1e-3
    assert p_value(rows, p * source.squares / D, n) < 1e-12  # the proposal is another law, and would be found out
    np.testing.assert_allclose(np.concatenate([q for _, _, q in parts]), (law / p * np.trace(full))[rows], rtol=1e-10)


@pytest.mark.parametrize("sampler", ["rejection", "exact"])
def test_draws_of_one_round_follow_its_law(sampler):
    n, D = 50, 4
    V, p = basis(n, D, seed=8)
    B, low, high, *_ = fixed_state(D)
    full = np.linalg.inv(high * np.eye(D) - B) + np.linalg.inv(B - low * np.eye(D))
    q = np.einsum("ni,ij,nj->n", V, full, V)
    rows, looked_at = round_draws(V, B, low, high, 20000, p=p, seed=5, sampler=sampler)
    assert p_value(rows.numpy(), p * q / np.trace(full), n) > 1e-3
    trials = n if sampler == "exact" else 20000 * D * np.linalg.eigvalsh(full)[-1] / np.trace(full)
    assert looked_at == pytest.approx(trials, rel=0.05)


def test_the_first_round_is_leverage_sampling_and_the_mean_number_of_proposals():
    V, p = basis(50, 4, seed=8)
    source, D = pool(V, p), 4
    one = Rejection(source, np.random.default_rng(0))
    assert p_value(one(np.eye(D), np.ones(D), 20000)[0], p * (V**2).sum(1) / D, 50) > 1e-3
    assert one.trials == 20000
    *_, vectors, Q = fixed_state(D)
    again = Rejection(source, np.random.default_rng(1))
    again(vectors, Q, 20000)
    assert again.trials / 20000 == pytest.approx(D * Q.max() / Q.sum(), rel=0.05)


def test_rows_do_not_depend_on_how_many_proposals_are_looked_at_together():
    V, p = basis(40, 3, seed=1)
    *_, vectors, Q = fixed_state(3)
    source = pool(V, p)
    one, many = Rejection(source, np.random.default_rng(2)), Rejection(source, np.random.default_rng(2))
    single = np.concatenate([one(vectors, Q, 1)[0] for _ in range(3000)])
    assert np.array_equal(single, np.concatenate([many(vectors, Q, size)[0] for size in (1, 999, 1500, 500)]))
    assert one.trials == many.trials


@pytest.mark.parametrize("g", [0.02, 0.11, 0.5])
def test_the_safe_number_of_shared_draws_is_the_largest_whatever_the_rows(g):
    for seed, D in itertools.product(range(10), (1, 3, 6)):
        B, low, high, values, _, Q = fixed_state(D, seed)
        low = low if seed % 2 else values[0] - 1e-3 * (high - values[0])
        Q = 1 / (high - values) + 1 / (values - low)
        lifted, raised = g / Q.sum() / (1 + g), g / Q.sum() / (1 - g)
        most = _safe(values, Q, low, high, g, lifted, raised)

        def inside(b, values=values, Q=Q, low=low, high=high, lifted=lifted, raised=raised):
            return bool(np.all(values + b * g / Q < high + b * raised)) and values[0] > low + b * lifted

        assert most >= 1 / g - 1
        assert inside(most)
        assert not inside(most + 1)


def test_gamma():
    assert [round(safe_gamma(D), 4) for D in (1, 2, 5, 10**6)] == [0.1105, 0.1133, 0.1152, 0.1165]
    for D in (1, 2, 5, 100):
        g = F(safe_gamma(D))
        for end, sign in ((g - F(1, 10**12), -1), (g + F(1, 10**12), 1)):
            top = (1 + 2 * end) / (1 - end**2) + end**2 / (D * (1 - end**2) * (1 - end))
            assert (top - F(5, 4)) * sign > 0
        assert gamma_for(1.0) < g
    g = F(11, 100)
    assert middle(7, g) == (4 * 7 / g) / (1 / (1 - g) - 1 / (1 + g))
    low, high = start(7, g)
    assert 7 / (high - 0) + 7 / (0 - low) == g  # the potential at B = 0


def test_the_same_seed_gives_the_same_rows_in_every_form_of_input():
    V, p = basis(30, 3, seed=6, skew=False)
    first = randomized_bss(V, 0.5, seed=1, batch=12)
    for given in (torch.from_numpy(V), pool(V), V.tolist()):
        again = randomized_bss(given, 0.5, seed=1, batch=12)
        assert torch.equal(first.indices, again.indices)
        assert torch.equal(first.weights, again.weights)
    assert torch.equal(first.indices, randomized_bss(V, 0.5, p=p, seed=1, batch=12).indices)
    assert not torch.equal(first.indices[:50], randomized_bss(V, 0.5, seed=2, batch=12).indices[:50])
    single = randomized_bss(torch.from_numpy(V).float(), 0.5, seed=1)
    assert single.weights.dtype == torch.float32
    assert single.history.good
    generator = torch.Generator().manual_seed(0)
    a, b = (randomized_bss(V, 0.5, seed=generator).indices for _ in range(2))
    assert a.tolist() != b.tolist()


def test_a_row_of_zeros_is_never_drawn():
    V, _ = basis(20, 3, seed=4, skew=False)
    padded = np.concatenate([np.zeros((5, 3)), V, np.zeros((5, 3))])
    p = np.concatenate([np.full(5, 0.05), np.full(20, 0.025), np.full(5, 0.0)])
    p[-5:] = 1e-9
    p /= p.sum()
    padded *= np.sqrt(1 / 20 / p[10])
    for sampler in (
        randomized_bss,
        leverage,
        lambda *a, **k: randomized_bss(*a, sampler="exact", **k),
    ):
        rows = sampler(padded, 0.5, p=p, seed=0).indices
        assert int(rows.min()) >= 5
        assert int(rows.max()) < 25


def test_the_ends_of_the_uniform_numbers_never_choose_a_place_without_mass():
    assert inverse(np.array([0.0, 0.0, 0.3, 0.3, 1.0, 1.0]), np.array([0.0, 0.3, 1 - 2**-53, 1.0])).tolist() == [2, 4, 4, 4]


V4 = np.sqrt(4) * np.eye(4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: randomized_bss(2 * V4, 0.5, seed=0), "not orthonormal under `p`.*entry \\(0, 0\\).*is 4"),
        (lambda: randomized_bss(V4, 0.5, p=[0.25, 0.25, 0.2, 0.3], seed=0), "not orthonormal"),
        (lambda: randomized_bss(V4[:, [0, 0]], 0.5, seed=0), "not orthonormal"),
        (lambda: leverage(V4, 0.5, p=[0.5, 0.5, 0.0, 0.0], seed=0), "mass 0 at row 2"),
        (lambda: uniform(V4, 0.5, p=[0.5, 0.5, 0.5, -0.5], seed=0), "mass -0.5 at row 3"),
        (lambda: pool(V4, [0.5, 0.5, 0.5, 0.5]), "sum 2"),
        (lambda: pool(V4, [0.5, 0.5]), "2 masses but `V` has 4 rows"),
        (lambda: pool(V4 * np.nan), "NaN"),
        (lambda: pool(V4, [np.inf, 0.5, 0.5, 0.5]), "infinity"),
        (lambda: pool(V4[0]), "2, \\(n, D\\), are wanted"),
        (lambda: pool(pool(V4), [0.25] * 4), "has masses already"),
        (lambda: randomized_bss(V4, 0.0, seed=0), "above 0 and at most 1"),
        (lambda: leverage(V4, 1.5, seed=0), "above 0 and at most 1"),
        (lambda: randomized_bss(V4, float("nan"), seed=0), "above 0 and at most 1"),
        (lambda: randomized_bss(V4, 0.5, seed=0, sampler="fast"), "one of rejection, exact"),
        (lambda: round_draws(V4, np.eye(3), -1.0, 2.0, 5, seed=0), "D = 4"),
        (lambda: round_draws(V4, np.eye(4), -1.0, 1.0, 5, seed=0), "from 1 to 1 but the barriers are -1 and 1"),
        (lambda: round_draws(V4, np.eye(4), -1.0, 2.0, 0, seed=0), "`draws`"),
        (lambda: round_draws(V4, np.eye(4), -1.0, 2.0, 5, seed=0, sampler="fast"), "one of rejection, exact"),
        (lambda: randomized_bss(V4, 0.5, seed=0, batch=17), "at most 4 D = 16"),
        (lambda: randomized_bss(V4, 0.5, seed=0, batch=0), "at least 1"),
        (lambda: randomized_bss(V4, 0.5, seed=-1), "`seed`"),
        (lambda: leverage(V4, 0.5, seed=0, draws=0), "`draws`"),
        (lambda: safe_gamma(0), "`D`"),
        (lambda: barrier_matrix([[1.0, 2.0]], 0.0, 1.0), "square"),
        (lambda: weighted_regression(V4[:2], [1.0, 2.0], [1.0, 1.0]), "do not span the 4"),
        (lambda: weighted_regression(V4, [1.0] * 4, [1.0, 1.0, 1.0, 0.0]), "do not span the 4"),
        (lambda: weighted_regression(V4, [1.0] * 3, [1.0] * 4), "4, 3 and 4 rows"),
        (lambda: weighted_regression(V4, [1.0] * 4, [1.0, 1.0, 1.0, -1.0]), "from -1 to 1"),
        (lambda: weighted_draws([0.0, 0.0], 3, seed=0), "not all of them 0"),
        (lambda: weighted_sgd(V4, [1.0] * 4, [1.0] * 4, steps=3, seed=0, lr=0.25), "between 0 and 0.25"),
        (lambda: weighted_sgd(V4, V4, [1.0] * 4, steps=3, seed=0), "one output"),
        (lambda: weighted_sgd(V4, [1.0] * 4, [1.0] * 4, steps=0, seed=0), "`draws`|`steps`"),
        (lambda: a_optimal(V4[:3]), "rank below 4"),
        (lambda: e_optimal(np.ones((5, 2))), "rank below 2"),
        (lambda: a_optimal(V4, tol=0.0), "positive relative gap"),
        (lambda: e_optimal(V4, steps=0), "`steps`"),
    ],
)
def test_refusals_say_what_to_do(call, message):
    with pytest.raises(al.InputError, match=message):
        call()
