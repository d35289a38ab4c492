"""Many runs of randomized BSS at once, against a replay of each from its definition and against exact laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

import altheory as al
from altheory.sparsifier import randomized_bss_runs, round_law, safe_gamma, start


def pools(n, D, count, seed=0):
    """Heavy-tailed rows, orthonormal under random masses."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(n, 1.0), size=count)
    roots = np.sqrt(p)[..., None]
    return np.linalg.qr(roots * rng.standard_t(2.0, size=(count, n, D)))[0] / roots, p


def replayed(V, p, indices, g):
    """The weights of the rows drawn, with matrix inverses and nothing else; stops as the definition does."""
    D = V.shape[1]
    low, high, B, weights = -2 * D / g, 2 * D / g, np.zeros((D, D)), []
    mid = (4 * D / g) / (1 / (1 - g) - 1 / (1 + g))
    for x in indices:
        assert high - low < 8 * D / g
        values = np.linalg.eigvalsh(B)
        assert low < values[0]
        assert values[-1] < high
        Q = np.linalg.inv(high * np.eye(D) - B) + np.linalg.inv(B - low * np.eye(D))
        q, phi = V[x] @ Q @ V[x], np.trace(Q)
        weights.append(g / q / mid)
        B = B + g / q * np.outer(V[x], V[x])
        low, high = low + g / (phi * (1 + g)), high + g / (phi * (1 - g))
    assert high - low >= 8 * D / g * (1 - 1e-12)
    return np.array(weights)


@pytest.mark.parametrize(("D", "g"), [(1, 0.5), (3, 0.11), (3, 0.7), (5, 0.3)])
def test_every_run_is_what_its_definition_says(D, g):
    V, p = pools(4 * D + 1, D, 2, seed=D)
    indices, weights, draws = randomized_bss_runs(V, g, 3, p=p, seed=7)
    assert indices.shape == weights.shape == (2, 3, int(draws.max()))
    if D > 1:
        assert len({tuple(run.tolist()) for run in indices.reshape(6, -1)}) == 6  # not one run six times
    for s in range(2):
        for r in range(3):
            k = int(draws[s, r])
            np.testing.assert_allclose(weights[s, r, :k].numpy(), replayed(V[s], p[s], indices[s, r, :k].numpy(), g), rtol=1e-9)
            assert not weights[s, r, k:].any()
            assert not indices[s, r, k:].any()


def test_the_first_two_draws_have_the_law_of_the_definition():
    """The first from p |v|^2 / D, the second from p q / Phi of the state that the first left."""
    V, p = pools(6, 2, 1, seed=3)
    g, runs = 0.6, 4000
    drawn = randomized_bss_runs(V, g, runs, p=p, seed=1).indices[0].numpy()
    first = p[0] * (V[0] ** 2).sum(1) / 2
    assert stats.chisquare(np.bincount(drawn[:, 0], minlength=6), runs * first).pvalue > 1e-3
    low, high = start(2, g)
    for x in range(6):
        second = drawn[drawn[:, 0] == x, 1]
        if len(second) < 200:
            continue
        state = al.sparsifier.next_round(np.zeros((2, 2)), np.array(low), np.array(high), V[0, x], g)
        law = round_law(V[0], p[0], *state).numpy()
        assert law.sum() == pytest.approx(1)
        assert stats.chisquare(np.bincount(second, minlength=6), len(second) * law).pvalue > 1e-3


def test_with_a_safe_gamma_every_output_is_good():
    V, _ = pools(60, 4, 1)
    V = np.linalg.qr(V[0])[0] * np.sqrt(60)
    indices, weights, _ = randomized_bss_runs(V, safe_gamma(4), 20, seed=0)
    rows = torch.from_numpy(V)[indices]
    values = torch.linalg.eigvalsh((rows * weights[..., None]).mT @ rows)
    assert values.min() >= 0.75
    assert values.max() <= 1.25


def test_seeds_dtypes_and_shapes():
    V, p = pools(9, 2, 1)
    one, two, other = (randomized_bss_runs(V, 0.4, 2, p=p, seed=s) for s in (5, 5, 6))
    assert torch.equal(one.indices, two.indices)
    assert not torch.equal(one.indices, other.indices)
    flat = randomized_bss_runs(V[0], 0.4, 2, p=p[0], seed=5)
    assert torch.equal(flat.indices, one.indices[0])
    single = randomized_bss_runs(torch.from_numpy(V).float(), 0.4, 2, p=torch.from_numpy(p).float(), seed=5)
    assert single.weights.dtype == torch.float32
    assert torch.equal(single.weights > 0, torch.arange(single.weights.shape[-1]) < single.draws[..., None])


@pytest.mark.parametrize("gamma", [0, 1, 1.5, True, "0.1"])
def test_a_gamma_outside_the_unit_interval_is_refused(gamma):
    V, p = pools(9, 2, 1)
    with pytest.raises(al.InputError, match="`gamma` is .* between 0 and 1"):
        randomized_bss_runs(V, gamma, 2, p=p, seed=0)


def test_other_bad_input_is_refused():
    V, p = pools(9, 2, 2)
    with pytest.raises(al.InputError, match=r"not orthonormal under `p` in batch member \(1,\)"):
        randomized_bss_runs(np.stack([V[0], 2 * V[0]]), 0.3, 1, p=np.stack([p[0], p[0]]), seed=0)
    with pytest.raises(al.InputError, match="one mass a row"):
        randomized_bss_runs(V, 0.3, 1, p=p[0], seed=0)
    with pytest.raises(al.InputError, match="no distribution of positive masses"):
        randomized_bss_runs(V, 0.3, 1, p=2 * p, seed=0)
    with pytest.raises(al.InputError, match="runs"):
        randomized_bss_runs(V, 0.3, 0, p=p, seed=0)
