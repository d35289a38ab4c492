"""CRC's printed tables: the numbers against the text's sentences about them, p-values recomputed by scipy and fractions,
counterexamples by hand, and the experiments' own pieces.
"""

from __future__ import annotations

import math
from fractions import Fraction as F
from itertools import pairwise

import pytest
import torch
from scipy import stats

import altheory as al
from proofs_check.evaluate import at
from proofs_check.papers.crc import figure1, figure3a, repeated_digits, table1, table2, tables, trace_width
from proofs_check.papers.crc._printed_tables import GROUP_LABELS, GROUP_SIZES, LAYERS, RUNS, compared, entry
from proofs_check.registry import registered

CLAIMS = registered()


def sides(id, **arguments):
    link = at(CLAIMS[f"crc.{id}"], **arguments).links[0]
    return float(link.lhs[0]), float(link.rhs[0])


def welch(a, b):
    return stats.ttest_ind_from_stats(a[0], a[1], 3, b[0], b[1], 3, equal_var=False).pvalue


# the numbers


def test_every_row_has_its_cells_and_accuracies_are_percentages():
    for _, _, columns, methods in RUNS.values():
        assert list(columns) == sorted(columns)
        assert all(len(row) == len(columns) for row in methods.values())
    assert all(len(row) == len(GROUP_LABELS) for row in GROUP_SIZES.values())
    cells = [c for run in RUNS.values() for row in run[3].values() for c in row]
    cells += [c for row in (*GROUP_SIZES.values(), *LAYERS.values()) for c in row]
    assert all(4000 < mean < 10_000 and 0 < sd < 1500 for mean, sd in cells)


def test_the_paper_counts_27_cells_and_leaves_the_costly_baselines_out_of_cifar100():
    assert [len(compared(other)) for other in tables.BASELINES] == [27, 22, 22, 22]
    assert set(RUNS["5 CIFAR100"][3]) == {"Random", "CRC"}


def test_labels_grow_by_the_query_size():
    """ "Q_0 = 120, Q = 20", "Q_0 = 200, Q = 50", Q = 50 and 100: read off the columns."""
    for run, Q in (("4 SVHN", 20), ("5 CIFAR100", 50), ("6 Q=50", 50), ("6 Q=100", 100)):
        assert {b - a for a, b in pairwise(RUNS[run][2])} == {Q}
    assert RUNS["4 SVHN"][2][0] - 20 == 120
    assert RUNS["5 CIFAR100"][2][0] - 50 == 200


def test_the_text_quotes_two_of_the_cells():
    """Table 3's row for EGL is one hundredth ahead of Random at 2 labels a class, and its starred drop is at 4."""
    egl, random = RUNS["3 CIFAR10"][3]["EGL"], RUNS["3 CIFAR10"][3]["Random"]
    assert egl[0][0] - random[0][0] == 2
    assert egl[2][0] < egl[1][0]


def test_an_entry_is_the_value_at_its_index():
    values = [3.0, -1.0, 4.5]
    assert entry(values, torch.tensor([2, 0, 1])).tolist() == [4.5, 3.0, -1.0]


# what is said of tables 3 to 6


def test_crc_is_behind_in_five_cells_and_the_verdict_points_at_them():
    behind = [(run, labels) for other in ("Random", "Entropy") for run, labels, a, b in compared(other) if a[0] < b[0]]
    assert behind == [("4 SVHN", 140), ("6 Q=100", 200), ("6 Q=100", 300), ("6 Q=100", 200), ("6 Q=100", 300)]
    every = [(a[0] - b[0]) for other in tables.BASELINES for _, _, a, b in compared(other)]
    for cell, lead in enumerate(every):
        assert sides("tables", cell=cell) == (0.0, lead)
    assert min(every) == 8338 - 8551


@pytest.mark.parametrize("other", tables.BASELINES)
def test_the_p_values_are_scipys(other):
    wanted = [welch(a, b) for _, _, a, b in compared(other)]
    pairs = tuple((a, b) for _, _, a, b in compared(other))
    assert tables.p_values("welch", pairs) == pytest.approx(wanted, rel=1e-9)


def test_the_audits_p_values_against_random():
    told = {
        "3 SVHN": (0.950, 0.274, 0.848, 0.329, 0.711),
        "3 CIFAR10": (0.432, 0.333, 0.338),
        "4 SVHN": (0.943, 0.375, 0.169, 0.884),
        "5 CIFAR100": (0.706, 0.273, 0.051, 0.463, 0.172),
        "6 Q=50": (0.069, 0.545, 0.031, 0.290, 0.026),
        "6 Q=100": (0.212, 0.290, 0.261, 0.419, 0.252),
    }
    for run, wanted in told.items():
        found = tables.p_values("welch", tuple((a, b) for _, _, a, b in compared("Random", run)))
        assert found == pytest.approx(wanted, abs=5.1e-4)


def test_no_correction_leaves_a_significant_comparison():
    for other, n in (("Random", 27), ("Entropy", 22)):
        found = sorted(welch(a, b) for _, _, a, b in compared(other))
        assert found[0] > 0.05 / n
        assert sum(p < 0.05 for p in found) == {"Random": 2, "Entropy": 1}[other]
        assert sum(p < 0.05 for p in (welch(a, b) for _, _, a, b in compared(other, "6 Q=100"))) == 0


def test_not_significant_in_elementary_terms():
    """Welch's degrees are at most 4, so its p is at least Student's 1 - s (1 + c/2), s = t/sqrt(4 + t^2), c = 4/(4 + t^2)."""
    for _, _, (m1, s1), (m2, s2) in compared("Random", "6 Q=100"):
        t2 = F(3 * (m1 - m2) ** 2, s1**2 + s2**2)
        c = F(4) / (4 + t2)
        assert 1 - math.sqrt(t2 / (4 + t2)) * (1 + c / 2) > 0.05


def test_signs_by_cells_and_by_runs():
    leads = {run: [a[0] - b[0] for _, _, a, b in compared("Random", run)] for run in RUNS}
    wins = {run: sum(v > 0 for v in row) for run, row in leads.items()}
    assert (sum(wins.values()), sum(map(len, leads.values()))) == (24, 27)
    for i, run in enumerate(RUNS):
        k, n = 24 - wins[run], 27 - len(leads[run])
        p = F(2 * sum(math.comb(n, j) for j in range(k, n + 1)), 2**n)
        assert sides("tables.signs", left_out=i)[0] == pytest.approx(float(p), rel=1e-12)
        assert sides("tables.signs.runs", run=i)[1] == pytest.approx(sum(leads[run]) / len(leads[run]))
    assert sum(leads["6 Q=100"]) == -10
    assert stats.binomtest(5, 6).pvalue == pytest.approx(14 / 64)


def test_smaller_batches_help_crc_and_no_other_method():
    gains = {
        m: [RUNS["6 Q=50"][3][m][i][0] - RUNS["6 Q=100"][3][m][j][0] for i, j in ((2, 0), (4, 1))] for m in RUNS["6 Q=50"][3]
    }
    assert gains["CRC"] == [229, 130]
    assert gains["Random"] == [-263, -217]
    assert [m for m, row in gains.items() if min(row) > 0] == ["CRC"]
    assert [sides("tables.batch_size", where=i)[1] for i in (0, 1)] == [229, 130]
    wanted = [welch(RUNS["6 Q=50"][3]["CRC"][i], RUNS["6 Q=100"][3]["CRC"][j]) for i, j in ((2, 0), (4, 1))]
    assert [sides("tables.batch_size.significant", where=i)[0] for i in (0, 1)] == pytest.approx(wanted, rel=1e-9)


def test_the_power_experiment_agrees_with_the_noncentral_t():
    """For the cell with nearly equal spreads Welch's test is close to Student's, whose power is a noncentral t."""
    _, _, a, b = compared("Random")[6]  # CIFAR10, 3 labels a class
    real, null = tables.found_by_design(torch.arange(20))
    sd = math.sqrt((a[1] ** 2 + b[1] ** 2) / 2)
    shift = (a[0] - b[0]) / sd * math.sqrt(3 / 2)
    assert real[:, 6].mean().item() == pytest.approx(stats.nct.sf(stats.t.ppf(0.975, 4), 4, shift), abs=0.05)
    assert null.mean() < 0.05  # Welch's test is cautious with three trials


# tables 1 and 2


def test_table_1_analysis_of_variance_by_hand():
    for column in range(4):
        means = [F(row[column][0]) for row in GROUP_SIZES.values()]
        sds = [row[column][1] for row in GROUP_SIZES.values()]
        grand = sum(means) / 4
        value = float(3 * sum((m - grand) ** 2 for m in means) / 3 / (F(sum(s * s for s in sds), 4)))
        assert sides("table1.anova", column=column)[1] == pytest.approx(stats.f.sf(value, 3, 8), rel=1e-9)
        assert value == pytest.approx((0.567, 1.569, 0.336, 0.373)[column], abs=6e-4)
    assert sides("table1", column=1) == (8711 - 8413, 100)


def test_table_1_and_table_6_print_one_run_differently():
    rows = GROUP_SIZES[10], RUNS["6 Q=100"][3]["CRC"][:4]
    assert [a[0] - b[0] for a, b in zip(*rows, strict=True)] == [0, 0, -1, -1]
    assert [a[1] - b[1] for a, b in zip(*rows, strict=True)] == [0, 0, 0, 0]
    assert [sides("table1.repeats", column=i)[0] for i in range(4)] == [0, 0, 1, 1]


def test_table_1_could_only_see_large_effects():
    """delta solves P(|T| > t) = 0.8: checked by scipy's noncentral t at the claimed difference."""
    for column in range(4):
        pooled = math.sqrt(sum(row[column][1] ** 2 for row in GROUP_SIZES.values()) / 4)
        delta = sides("table1.power", column=column)[0] / pooled / math.sqrt(2 / 3)
        edge = stats.t.ppf(0.975, 4)
        assert stats.nct.sf(edge, 4, delta) + stats.nct.cdf(-edge, 4, delta) == pytest.approx(0.8, abs=1e-6)


def test_table_2_is_one_run_of_table_6_and_not_significant():
    assert [a for a, _ in LAYERS["last"]] == [a for a, _ in RUNS["6 Q=50"][3]["CRC"][:3]]
    wanted = [welch(a, b) for a, b in zip(LAYERS["last"], LAYERS["full"], strict=True)]
    assert wanted == pytest.approx([0.0726, 0.1558, 0.0752], abs=1e-4)
    assert [sides("table2.significant", column=i)[0] for i in range(3)] == pytest.approx(wanted, rel=1e-9)
    assert [sides("table2", column=i)[1] for i in range(3)] == [715, 554, 657]


# the experiments


def test_the_times_of_lemma_3_double_when_the_eigenvalue_halves():
    assert sides("figure3a.semilog", lam=1.0) == (4 - 2, 2 - 1)
    assert sides("figure3a.loglog", lam=1.0, s=0.5) == pytest.approx((math.log(2), math.log(2)))


def test_the_bound_of_figure_3a_in_fractions():
    lam, w, t, eta = [F(1, 2), F(3, 2)], [F(1), F(2)], 3, F(1, 2)
    left = sum(v * (1 - eta * x) ** (2 * t) for x, v in zip(lam, w, strict=True))
    low, high = sides("figure3a.bound", lam=[0.5, 1.5], w=[1.0, 2.0], t=t, eta=0.5)
    assert low == pytest.approx(-2 * t * math.log(3 / 4))
    assert high == pytest.approx(math.log(3 / left))
    assert low < high


def test_a_slope_is_recovered_and_the_sets_are_what_they_say():
    lam = torch.tensor([[0.1, 0.2, 0.7, 1.3]]).double()
    assert figure3a._slope(lam, 5 * lam**-0.4).item() == pytest.approx(-0.4)
    digits = al.data.load("digits").unit()
    x = torch.from_numpy(digits.X[:80])
    labels = torch.nn.functional.one_hot(torch.from_numpy(digits.y[:80]), 10).double()
    theta = al.kernels.analytic(x)
    lowest, steps, bound = figure3a._measured(theta, labels, torch.arange(20).reshape(1, 20))
    assert lowest.item() == pytest.approx(float(torch.linalg.eigvalsh(theta[:20, :20])[0]), rel=1e-9)
    residual, count = labels[:20].clone(), 0
    while (residual**2).sum() > figure3a.SHARES[0] * 20:
        residual, count = residual - figure3a.ETA * theta[:20, :20] @ residual, count + 1
    assert steps[0, 0].item() == count
    assert (steps <= bound.ceil()).all()


def test_the_boundary_is_where_the_two_logits_meet():
    """One linear layer: the boundary of x + 2 y - 1/2 is a line, and every point found lies on it."""
    W = torch.tensor([[[0.0, 1.0], [0.0, 2.0]]]).double()
    net = al.semi_supervised.Classifiers((W,), (torch.tensor([[[0.0, -0.5]]]).double(),))
    line = figure1._boundary(net, 0)
    assert len(line) > 50
    assert (line[:, 0] + 2 * line[:, 1] - 0.5).abs().max() < 1e-12


def test_copies_are_counted_as_copies():
    """One point at a time: lambda_min takes no copy, lambda_min+ nothing else."""
    digits = al.data.load("digits").unit()
    order = torch.randperm(len(digits.y), generator=torch.Generator().manual_seed(5))[: repeated_digits.LABELLED + 200]
    x = torch.from_numpy(digits.X)[order][None]
    found = repeated_digits.shares(x, torch.tensor([3]))
    assert found[0, 0, 0] == 0
    assert found[0, 1, 0] == 1


def test_the_quotient_of_the_trace_is_one_for_one_output(monkeypatch):
    monkeypatch.setattr(trace_width, "OUTPUTS", 1)
    monkeypatch.setattr(trace_width, "WIDTHS", (64, 128))
    x = torch.from_numpy(al.data.load("digits").unit().X[: trace_width.POINTS * trace_width.REPEATS])[None]
    torch.testing.assert_close(trace_width.quotients.__wrapped__(x, torch.tensor([0])), torch.ones(1, 2).double())


def test_the_redone_tables_show_ours_beside_the_papers():
    ones = torch.ones(2, dtype=torch.float64)
    names = [*(f"G = {G}" for G in table1.SIZES), "random", "greedy"]
    shown = table1._shown(table1.Attained(dict.fromkeys(names, ones), dict.fromkeys(names, ones)))
    rows = dict(shown[-1].record()["rows"])
    assert rows["G = 2"][2] == "84.72 (sd 0.96)"
    assert rows["G = 1"][0] == [1.0, 1.0]
    assert rows["G = 100"][0] == ""
    rows = dict(table2._shown(torch.ones(2, 3, 2))[0].record()["rows"])
    assert rows["all layers"][2:] == ["71.26 (sd 3.92)", "78.13 (sd 4.32)", "79.10 (sd 3.64)"]
