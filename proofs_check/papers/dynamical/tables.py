r"""Tables 1 to 12 (section 5, appendix E): what the paper says of its numbers against the numbers it prints.

Nothing is run again here: the claims are about printed means (of 5 runs), in hundredths of a percent, and so exact. The printed
standard deviations are mostly larger than the differences.
"""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import claim, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._printed_tables import TABLE_1, TABLES
from proofs_check.relations import Relation

SOURCE = "dynamicAL (ICLR 2022 submission), section 5.2 and appendix E.3, tables 2 to 9"
RETRAINED = "dynamicAL (ICLR 2022 submission), appendix E.5, tables 11 and 12"


def _rounds(tables: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """For each query round of these tables (round 0, before any query, left out): the best other method, and dynamicAL."""
    rows = [row for number in tables for row in TABLES[number][2][1:]]
    return [max(row[:-1]) for row in rows], [row[-1] for row in rows]


def _means(tables: tuple[int, ...]) -> tuple[list[float], list[float]]:
    """For each table: the best other method's sum over the query rounds, and dynamicAL's."""
    sums = [[sum(column) for column in zip(*TABLES[number][2][1:], strict=True)] for number in tables]
    return [max(row[:-1]) for row in sums], [row[-1] for row in sums]


def _entry(values: list[int] | list[float], index: Tensor) -> Tensor:
    """values[index], by sums that exact arithmetic can follow."""
    places = torch.arange(len(values))
    return torch.where(index[:, None] == places, torch.tensor(values, dtype=torch.float64), 0.0).sum(-1)


ALL, FIGURE_3 = tuple(range(2, 10)), (3, 6, 8)


@claim(
    id="dynamical.tables",
    title="Tables 2 to 9: dynamicAL outperforms every other method in every round",
    source=SOURCE,
    reading="the printed mean is not below any other method's, in each of the 67 query rounds",
    expect="refuted",
    row=D.integer(0, len(_rounds(ALL)[0]) - 1),
    mutants={"by at least 0.2 percent": dict(lead=20), "by at least 1 percent": dict(lead=100)},
)
def tables(row: Tensor, *, lead: float = 0.0) -> Relation:
    r"""In every query round of tables 2 to 9 the accuracy of dynamicAL is at least that of the best other method.

    In the paper: "consistently outperforms other methods for all query rounds".

    Counterexample: SVHN, VGG, batch 1000: the best other method is ahead in 9 of 9 rounds.

    Notes: dynamicAL is strictly best in 51 of the 67 rounds, tied in 1, behind in 15.
    """
    others, ours = _rounds(ALL)
    return leq(_entry(others, row) + lead, _entry(ours, row), names=["best other method", "dynamicAL"])


@claim(
    id="dynamical.tables.figure3",
    title="Figure 3: the same, for the three settings shown in the text",
    source=SOURCE,
    reading="tables 3, 6 and 8, which figure 3 draws",
    expect="refuted",
    row=D.integer(0, len(_rounds(FIGURE_3)[0]) - 1),
    mutants={"by at least 0.2 percent": dict(lead=20), "by at least 1 percent": dict(lead=100)},
)
def tables_figure3(row: Tensor, *, lead: float = 0.0) -> Relation:
    r"""In every query round of tables 3, 6 and 8 the accuracy of dynamicAL is at least that of the best other method.

    Counterexample: CIFAR10, CNN, batch 500, round 1: 34.89 (Marg) against 34.88.

    Notes: it holds in 24 of the 27 rounds.
    """
    others, ours = _rounds(FIGURE_3)
    return leq(_entry(others, row) + lead, _entry(ours, row), names=["best other method", "dynamicAL"])


@claim(
    id="dynamical.tables.average",
    title="Figure 3 on average over the rounds",
    source=SOURCE,
    reading="the mean over the nine query rounds, for each of tables 3, 6 and 8",
    amends="dynamical.tables.figure3",
    table=D.integer(0, len(FIGURE_3) - 1),
    mutants={"by at least 0.25 percent": dict(lead=25), "table 7 among them": dict(which=(3, 6, 7))},
)
def tables_average(table: Tensor, *, lead: float = 0.0, which: tuple[int, ...] = FIGURE_3) -> Relation:
    r"""In each of tables 3, 6 and 8 the mean accuracy of dynamicAL over the query rounds is at least that of every other
    method.
    """
    others, ours = _means(which)
    rounds = 9
    return leq(
        _entry(others, table) + lead * rounds, _entry(ours, table), names=["best other method, summed", "dynamicAL, summed"]
    )


@claim(
    id="dynamical.table1",
    title="Table 1 repeats the numbers of tables 2 to 9",
    source="dynamicAL (ICLR 2022 submission), section 5.2, table 1",
    reading="equal up to one unit in the last printed digit",
    expect="refuted",
    cell=D.integer(0, len(TABLE_1) - 1),
    mutants={"up to 5 units": dict(units=5), "equal": dict(units=0)},
)
def table1(cell: Tensor, *, units: float = 1.0) -> Relation:
    r"""The eight accuracies of table 1 that tables 2 to 9 print too agree with them up to 0.01 percent.

    Counterexample: CIFAR10 + CNN, two rounds of 500: 36.71 in table 1, 36.78 in table 3; Caltech101 + ResNet, two rounds of
    500: 35.91 and 36.14.

    Notes: a third, 33.82 and 33.83, is rounding.
    """
    gaps = [abs(mean - TABLES[table][2][row][-1]) for _, _, _, mean, table, row in TABLE_1]
    return leq(_entry(gaps, cell), units, names=["difference in 0.01 percent", "allowed"])


@claim(
    id="dynamical.tables.retrained",
    title="Tables 11 and 12: better than the others when retrained from scratch",
    source=RETRAINED,
    reading="better than, in every query round",
    expect="refuted",
    row=D.integer(0, len(_rounds((11, 12))[0]) - 1),
    mutants={"by at least 0.5 percent": dict(lead=50), "by at least 1 percent": dict(lead=100)},
)
def tables_retrained(row: Tensor, *, lead: float = 0.0) -> Relation:
    r"""In every query round of tables 11 and 12 the accuracy of dynamicAL is at least that of Random and Coreset.

    Counterexample: CIFAR10, ResNet, round 1: 36.62 (Coreset) against 36.47.
    """
    others, ours = _rounds((11, 12))
    return leq(_entry(others, row) + lead, _entry(ours, row), names=["best other method", "dynamicAL"])


@claim(
    id="dynamical.tables.competitive",
    title="Tables 11 and 12: competitive when retrained from scratch",
    source=RETRAINED,
    reading="competitive with: within 2 percent of the best other method in every round, the size of the printed spreads",
    amends="dynamical.tables.retrained",
    row=D.integer(0, len(_rounds((11, 12))[0]) - 1),
    mutants={"within 1.5 percent": dict(slack=150), "within 0.5 percent": dict(slack=50)},
)
def tables_competitive(row: Tensor, *, slack: float = 200.0) -> Relation:
    r"""In every query round of tables 11 and 12 the accuracy of dynamicAL is at most 2 percent below that of Random and
    Coreset.
    """
    others, ours = _rounds((11, 12))
    return leq(_entry(others, row) - slack, _entry(ours, row), names=["best other method less the slack", "dynamicAL"])
