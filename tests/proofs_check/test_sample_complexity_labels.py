"""The label counts of sample_complexity: every part of the experiment against a plain loop, and the bound below everything."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import altheory as al
from proofs_check.papers.sample_complexity import _label_counts as counts
from proofs_check.papers.sample_complexity import label_counts, label_rates
from proofs_check.registry import registered

#: what the audit's table and its second reading say (claims/sample_complexity.md, E10 and E20), by claim
AUDIT = {
    "label_counts.digits": "not-reproduced",
    "label_counts.diabetes": "not-reproduced",
    "label_counts.heavy_tails": "not-reproduced",
    "label_counts.guaranteed": "reproduced",
    "label_counts.uniform.heavy_tails": "reproduced",
    "label_counts.uniform.digits": "not-reproduced",
    "label_counts.uniform.diabetes": "not-reproduced",
    "label_counts.uniform.limit": "reproduced",
    "label_counts.weights.early": "not-reproduced",
    "label_counts.weights.late": "reproduced",
    "label_counts.repetition": "reproduced",
    "label_counts.bound": "reproduced",
    "label_counts.bound.agnostic": "reproduced",
    "label_rates.digits": "held",
    "label_rates.diabetes": "held",
    "label_rates.heavy_tails": "held",
    "label_rates.no_improvement": "not-reproduced",
    "label_rates.agnostic": "reproduced",
    "label_rates.equal_noise": "not-reproduced",
    # the audit's own 'uniform wins on digits' was one draw of features and one target, and does not survive more of them
    "label_counts.uniform.wins": "not-reproduced",
}


def test_the_expected_verdicts_are_the_audits():
    mine = {id: c for id, c in registered().items() if c.experiment == counts.EXPERIMENT}
    assert {id.removeprefix("sample_complexity."): c.expect for id, c in mine.items()} == AUDIT


def pool(n=40, D=3, outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    V = np.linalg.qr(rng.standard_t(2.0, size=(n, D)))[0] * np.sqrt(n)
    y = rng.standard_normal((n, outputs)) + V[:, :1] ** 2
    return torch.from_numpy(V), torch.from_numpy(y)


# errors


def test_the_error_is_that_of_weighted_regression_on_the_rows():
    V, y = pool()
    f = V @ (V.T @ y / len(V))
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(len(V), (5, 12), generator=generator)
    u = torch.rand(5, 12, generator=generator, dtype=torch.float64) + 0.1
    u[:, 10:] = 0  # the padding of shorter runs
    found, _ = counts.errors(V, y - f, index, u)
    for trial in range(5):
        rows = index[trial, :10]
        a = al.sparsifier.weighted_regression(V[rows], y[rows], u[trial, :10])
        assert float(found[trial]) == pytest.approx(float(((V @ a - f) ** 2).sum(1).mean()), rel=1e-9)


def test_the_error_under_equal_noise_is_the_mean_over_fresh_labels():
    V, _ = pool()
    rng = np.random.default_rng(1)
    index, u = torch.from_numpy(rng.integers(0, len(V), (1, 15))), torch.from_numpy(rng.random((1, 15)) + 0.1)
    _, found = counts.errors(V, torch.zeros(len(V), 1, dtype=torch.float64), index, u)
    rows, noise = V[index[0]], torch.from_numpy(rng.standard_normal((15, 20_000)))
    a = al.sparsifier.weighted_regression(rows, noise, u[0])
    errors = ((V @ a) ** 2).mean(0)
    assert float(found) == pytest.approx(float(errors.mean()), abs=4 * float(errors.std()) / math.sqrt(20_000))


def test_rows_that_do_not_span_have_an_infinite_error():
    V, y = pool()
    index = torch.tensor([[0, 1, 0, 1, 0, 1], [0, 1, 2, 3, 4, 5]])
    found = counts.errors(V, y, index, torch.ones(2, 6, dtype=torch.float64))
    for column in found:
        assert column.isinf().tolist() == [True, False]


def test_different_rows_are_counted_without_the_padding():
    index = torch.tensor([[3, 1, 3, 0, 0], [0, 0, 2, 2, 2], [5, 4, 3, 2, 1], [0, 0, 0, 0, 0]])
    u = torch.tensor([[1.0, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
    assert counts.distinct(index, u).tolist() == [2, 2, 5, 0]


def test_the_weights_of_independent_draws_undo_their_law():
    """E u v v' is a multiple of the identity; leverage draws follow |v|^2."""
    V, _ = pool()
    squares = (V**2).sum(-1)[None]
    for arm, factor in (("uniform", 1.0), ("leverage", 1 / 3)):
        index, u = counts._independent(arm, squares, 4, 50_000, torch.Generator().manual_seed(0))
        rows = V[index.reshape(-1)]
        mean = (u.reshape(-1, 1) * rows).T @ rows / 200_000
        torch.testing.assert_close(mean, factor * torch.eye(3, dtype=V.dtype), atol=0.05 * factor, rtol=0)
        if arm == "leverage":
            share = torch.bincount(index.reshape(-1), minlength=40) / 200_000
            torch.testing.assert_close(share.double(), squares[0] / 120, atol=0.005, rtol=0)
    index, _ = counts._independent(counts.ONCE, squares, 4, 10, torch.Generator().manual_seed(0))
    assert all(len(set(row.tolist())) == 40 for row in index[0])


# labels needed


def brute_force(k, error, level, steps=200_000):
    """Walk along the doubly logarithmic polygon from the right until it rises above the level."""
    if error[-1] > level:
        return math.inf
    if max(error) <= level:
        return k[0]
    grid = np.exp(np.linspace(np.log(k[0]), np.log(k[-1]), steps))
    curve = np.exp(np.interp(np.log(grid), np.log(k), np.log(error)))
    return grid[np.flatnonzero(curve > level)[-1]]


def test_labels_needed_against_a_walk_along_the_curve():
    rng = np.random.default_rng(0)
    k = np.array([4.0, 6, 9, 14, 20, 31, 50])
    error = np.exp(rng.standard_normal((200, 7)) + 2 * rng.standard_normal((200, 1))) * (4 / k)  # often not monotone
    found = counts.labels_needed(torch.from_numpy(np.tile(k, (200, 1))), torch.from_numpy(error), 0.5).numpy()
    wanted = np.array([brute_force(k, row, 0.5) for row in error])
    assert np.isinf(wanted).sum() > 20
    assert (wanted == 4).sum() > 5
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_labels_needed_by_hand():
    k = torch.tensor([[10.0, 20, 40, 80]])

    def needed(*error, level=0.1):
        return float(counts.labels_needed(k, torch.tensor([error]), level))

    assert needed(0.2, 0.1, 0.05, 0.025) == pytest.approx(20)
    assert needed(0.4, 0.2, 0.05, 0.025) == pytest.approx(20 * math.sqrt(2))  # 1/k^2 between 20 and 40
    assert needed(0.05, 0.4, 0.1, 0.02) == pytest.approx(40)  # the first dip does not count
    assert needed(0.4, 0.3, 0.2, 0.11) == math.inf
    assert needed(0.05, 0.04, 0.02, 0.01) == 10
    assert needed(math.inf, 0.09, 0.05, 0.02) == 20  # no line from infinity: the next size


# the experiment as a whole, on a small pool


@pytest.fixture(scope="module")
def small():
    """Two seeds of the heavy-tailed pool, few trials."""
    V, y = counts.pools("heavy tails", torch.zeros(2, 1, 1), torch.zeros(2, 1, 1), torch.tensor([3, 4]))
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(counts.TRIALS, "heavy tails", 6)
        patched.setitem(counts.SIZES, "heavy tails", (8, 16, 32))
        return counts.measured("heavy tails", V, y, torch.tensor([3, 4])), V, y


def test_every_arm_has_its_sizes(small):
    found, V, y = small
    assert (found.D, found.n) == (10, 600)
    torch.testing.assert_close(V.mT @ V / 600, torch.eye(10, dtype=V.dtype).expand(2, 10, 10))
    assert set(y.unique().tolist()) == {-1.0, 1.0}
    assert list(found.arms) == list(counts.ARMS)
    for name, arm in found.arms.items():
        sizes = 3 if name in counts.INDEPENDENT else len(counts.GAMMAS)
        assert arm.draws.shape == arm.distinct.shape == arm.error.shape == arm.equal_noise.shape == (2, 6, sizes)
        assert (arm.distinct <= arm.draws).all()
        assert (arm.draws.mean(1).diff(dim=-1) > 0).all()
    once = found.arms[counts.ONCE]
    assert torch.equal(once.distinct, once.draws)
    bss = found.arms["BSS"].draws
    spread = bss * torch.tensor(counts.GAMMAS) ** 2 / 10
    assert 1.1 < float(spread.min()) < float(spread.max()) < 2.2


def test_the_certified_bound_is_below_every_trial_and_exact_on_a_design(small):
    found, V, _ = small
    for arm in found.arms.values():
        assert (arm.equal_noise * arm.draws >= found.bound[:, None, None] * (1 - 1e-9)).all()
    assert (found.bound <= found.D + 1e-9).all()  # the whole pool, once each, is a choice with error D / n
    masses = al.sparsifier.a_optimal(V[0], tol=0.01).masses
    rows = torch.multinomial(masses, 40_000, replacement=True, generator=torch.Generator().manual_seed(0))[None]
    _, error = counts.errors(V[0], V[0, :, :1], rows, torch.ones(1, 40_000, dtype=torch.float64))
    assert float(error) * 40_000 == pytest.approx(float(found.bound[0]), rel=0.03)


def test_least_squares_without_weights_is_best_under_equal_noise(small):
    found, _, _ = small
    for weighted in ("leverage", "BSS"):
        assert (found.arms[weighted].equal_noise >= found.arms[f"{weighted}, unweighted"].equal_noise * (1 - 1e-9)).all()


def test_the_table_and_the_figures_say_what_was_measured(small):
    found, _, _ = small
    *figures, table = [one.record() for one in counts.shown(found, "heavy tails")]
    assert [f["log_x"] and f["log_y"] for f in figures] == [True] * 4
    assert {s["label"] for s in figures[0]["series"]} >= {*counts.ARMS, "D / k", "certified bound, equal noise"}
    names = [row[0] for row in table["rows"]]
    assert names[: len(counts.ARMS)] == list(counts.ARMS)
    needed = counts.needed(found, "leverage", 0.1)
    cell = table["rows"][names.index("leverage")][1][0]
    assert cell == (pytest.approx(needed.tolist()) if needed.isfinite().all() else "> 320")


def test_the_ratio_of_two_arms():
    """Two arms whose curves are c / k: labels needed in the ratio of the c, and 'not reached' counts as the most tried."""
    k = torch.tensor([[[10.0, 20, 40, 80, 160]]])
    arms = {name: counts.Arm(k, k / 2, c / k, c / k) for name, c in (("one", 4.0), ("two", 2.0), ("far", 1000.0))}
    outcome = counts.Outcome(2, 5, *[torch.ones(1)] * 3, {}, arms)
    assert float(label_counts.ratio(outcome, "one", "two", (0.1,))) == pytest.approx(2)
    assert float(label_counts.ratio(outcome, "one", "two", (0.1, 0.05), "distinct")) == pytest.approx(2)
    assert float(label_counts.ratio(outcome, "two", "far", (0.1,))) == pytest.approx(20 / 160)


def test_the_rates_start_where_their_text_says():
    assert all(label_rates.FIRST in sizes and {16, 64} <= set(sizes) for sizes in counts.SIZES.values())
