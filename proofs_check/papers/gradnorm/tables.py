r"""Tables 1 to 9: what the paper says of its numbers against the numbers it prints.

Nothing is run again here: the claims are about printed counts and means, and so exact. Counts are out of K = 2500.
"""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import claim, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._printed_tables import (
    CLASS_SIZES,
    CLASSWISE,
    CONSISTENT,
    GAPS,
    HOURS,
    OVERLAPS,
    REDUCED,
    RESNET_50,
    K,
)
from proofs_check.papers.gradnorm._settings_logits import SOURCE
from proofs_check.relations import Relation

EXPECTED, ENTROPY = "expected-gradnorm", "entropy-gradnorm"
OURS = (EXPECTED, ENTROPY, "exp-gn", "ent-gn")


def _entry(values: list[int] | tuple[int, ...] | list[float], index: Tensor) -> Tensor:
    """values[index], by sums that exact arithmetic can follow."""
    places = torch.arange(len(values))
    return torch.where(index[:, None] == places, torch.tensor(values, dtype=torch.float64), 0.0).sum(-1)


def _columns(table: dict[str, tuple[int, ...]], ours: bool) -> list[tuple[int, ...]]:
    """The columns of a table, of the paper's two schemes or of the others."""
    rows = [row for name, row in table.items() if (name in OURS) == ours]
    return list(zip(*rows, strict=True))


@claim(
    id="gradnorm.table1",
    title="Table 1: more samples of high gradient norm than every other method",
    source=f"{SOURCE}, table 1: 'for each annotation budget, our method tends to select more unlabeled samples of higher ...'",
    reading="the printed counts; each of the two schemes against each other method, at each of the 7 budgets",
    budget=D.integer(0, 6),
    mutants={"by at least 22": dict(lead=22), "by at least 100": dict(lead=100)},
)
def table1(budget: Tensor, *, lead: float = 0.0) -> Relation:
    r"""At every budget the count of each scheme is above that of every other method.

    Notes: the closest is entropy-gradnorm at 20 percent, 1141 against 1120 (sraal). A random set of 2500 of 25000 would have
    250 with a standard deviation of 14.2 on average; core-set and vaal stay within 2.5 of these, but for core-set at 25, 30
    and 35 percent. Early counts are low: 703 of 2500 at 10 percent.
    """
    others = [max(column) for column in _columns(OVERLAPS, ours=False)]
    ours = [min(column) for column in _columns(OVERLAPS, ours=True)]
    return leq(_entry(others, budget) + lead, _entry(ours, budget), names=["best other method", "lower of the two schemes"])


@claim(
    id="gradnorm.table2.printed",
    title="Table 2: more than 90 percent consistent",
    source=f"{SOURCE}, table 2: 'more than 90% of the selected samples are consistent'",
    reading="the printed counts",
    cycle=D.integer(0, 6),
    mutants={"more than 92 percent": dict(least=2301), "more than 95 percent": dict(least=2376)},
)
def table2(cycle: Tensor, *, least: float = 2251.0) -> Relation:
    r"""In every cycle more than 90 percent of 2500, at least 2251 samples, are selected by Eq. 5 and by Eq. 3: 91.6 to 99.3
    percent.
    """
    return leq(least + 0 * _entry(CONSISTENT, cycle), _entry(CONSISTENT, cycle), names=["2251", "selected by both"])


def _members(x: Tensor) -> Tensor:
    return torch.where(x > 0, torch.ones_like(x), torch.zeros_like(x))


def _set(size: str) -> D.Domain:
    return D.derived(_members, D.real(size), text="a subset, 0 or 1 for every sample", dims=(size,))


@claim(
    id="gradnorm.table2.inclusion",
    title="Three selections: what two overlaps say of the third",
    source="inclusion and exclusion",
    A=_set("n"),
    B=_set("n"),
    T=_set("n"),
    dims={"n": (1, 8)},
    mutants={"one sample fewer": dict(fewer=1.0), "A and T exchanged": dict(exchanged=True)},
)
def inclusion(A: Tensor, B: Tensor, T: Tensor, *, fewer: float = 0.0, exchanged: bool = False) -> Relation:
    r"""$|A\cap T| \le |B\cap T|+|A|-|A\cap B|$ for all sets of samples.

    Proof: a sample of $A\cap T$ is in $B\cap T$ or in $A\setminus B$.

    Tight at: A = T.
    """
    if exchanged:
        A, T = T, A
        return leq((A * T).sum(-1), (B * A).sum(-1) + A.sum(-1) - (T * B).sum(-1), names=["|A and T|", "bound"])
    bound = (B * T).sum(-1) + A.sum(-1) - (A * B).sum(-1)
    return leq((A * T).sum(-1), bound - fewer, names=["|A and T|", "|B and T| + |A| - |A and B|"])


@claim(
    id="gradnorm.table2.against_table1",
    title="Tables 1 and 2: gradient norms rank samples as influences do",
    source=f"{SOURCE}, tables 1 and 2, both on Cifar10 with K = 2500; 'Eq. 5 is a reasonable surrogate of Eq. 3'",
    reading="more than 90 percent of the top 2500 by influence, with true labels, are among the top 2500 by true gradient "
    "norm; if the row 'Eq. 5' of table 2 is what the algorithm selects (scores without labels, expected-gradnorm) and the "
    "cycles of the two tables are the same",
    expect="refuted",
    cycle=D.integer(0, 6),
    uses=["gradnorm.table2.inclusion"],
    mutants={"more than 95 percent": dict(share=0.95), "more than 99 percent": dict(share=0.99)},
)
def against_table1(cycle: Tensor, *, share: float = 0.9) -> Relation:
    r"""With A the selection by Eq. 3, B that of the algorithm and T the top 2500 true gradient norms, 90 percent of 2500 is
    at most $|B\cap T|+K-|A\cap B|$, what tables 1 and 2 leave for $|A\cap T|$.

    Counterexample: the first cycle: $703+2500-2290 = 913$, 36.5 percent; then 44 and 53 percent.

    Notes: so at the first cycles influence and gradient norm cannot agree on more than that, or table 2 used gradient norms
    with true labels in its row "Eq. 5", of which there is no word ("for Eq. 3 we compute the influence of each x by
    temporarily observing its label" is said of Eq. 3 alone). The bound is 36.5, 44, 53 and 80 percent in the first four
    cycles; from the fifth on there is no tension.
    """
    room = [shared + K - both for shared, both in zip(OVERLAPS[EXPECTED], CONSISTENT, strict=True)]
    names = ["90 percent of 2500", "|B and T| + K - |A and B|"]
    return leq(share * K + 0 * _entry(room, cycle), _entry(room, cycle), names=names)


@claim(
    id="gradnorm.table3",
    title="Table 3: the smallest gap between training and test accuracy",
    source=f"{SOURCE}, table 3: 'our method yields the smallest gap'",
    reading="the printed gaps; each of the two schemes against each other method, at each of the 6 budgets",
    budget=D.integer(0, 5),
    mutants={"by at least 0.22 percent": dict(lead=22), "by at least 1 percent": dict(lead=100)},
)
def table3(budget: Tensor, *, lead: float = 0.0) -> Relation:
    r"""At every budget the gap of each scheme is below that of every other method.

    Notes: where training accuracy is 100 percent, the gap is one minus the test accuracy and says nothing more.
    """
    others = [min(column) for column in _columns(GAPS, ours=False)]
    ours = [max(column) for column in _columns(GAPS, ours=True)]
    return leq(_entry(ours, budget) + lead, _entry(others, budget), names=["larger of the two schemes", "best other method"])


@claim(
    id="gradnorm.table4.printed",
    title="Table 4: more than 90 percent have a smaller gradient norm in all cycles",
    source=f"{SOURCE}, appendix A.2, table 4 (expected-gradnorm)",
    reading="the printed counts, in every cycle",
    cycle=D.integer(0, 5),
    mutants={"more than 90.2 percent": dict(least=2256), "more than 95 percent": dict(least=2376)},
)
def table4(cycle: Tensor, *, least: float = 2251.0) -> Relation:
    r"""In each of cycles 1 to 6 more than 90 percent of 2500, at least 2251: the last cycle has 2255, 90.2 percent.

    In the paper: "more than 90% (e.g. 2488/2500) of all the selected samples have reduced gradient norm in all the cycles".

    Notes: "reduced" is $\le$ in the table's caption.
    """
    counts = REDUCED[EXPECTED]
    return leq(least + 0 * _entry(counts, cycle), _entry(counts, cycle), names=["2251", "reduced"])


@claim(
    id="gradnorm.table5.printed",
    title="Table 5: more than 90 percent have a smaller gradient norm in all cycles",
    source=f"{SOURCE}, appendix A.2, table 5 (entropy-gradnorm)",
    reading="the printed counts, in every cycle, more than 90 percent",
    expect="refuted",
    cycle=D.integer(0, 5),
    mutants={"more than 91 percent": dict(least=2276), "more than 95 percent": dict(least=2376)},
)
def table5(cycle: Tensor, *, least: float = 2251.0) -> Relation:
    r"""In each of cycles 1 to 6 more than 90 percent of 2500, at least 2251.

    In the paper: "more than 90% (e.g. 2488/2500) of all the selected samples have reduced gradient norm in all the cycles".

    Counterexample: cycle 6: 2250, exactly 90 percent.
    """
    counts = REDUCED[ENTROPY]
    return leq(least + 0 * _entry(counts, cycle), _entry(counts, cycle), names=["2251", "reduced"])


@claim(
    id="gradnorm.table5.at_least",
    title="Table 5: at least 90 percent in every cycle",
    source=f"{SOURCE}, appendix A.2, table 5 (entropy-gradnorm)",
    reading="the printed counts, in every cycle, at least 90 percent",
    amends="gradnorm.table5.printed",
    cycle=D.integer(0, 5),
    mutants={"one sample more": dict(least=2251), "more than 95 percent": dict(least=2376)},
)
def table5_at_least(cycle: Tensor, *, least: float = 2250.0) -> Relation:
    r"""In each of cycles 1 to 6 at least 90 percent of 2500.

    Tight at: cycle 6.
    """
    counts = REDUCED[ENTROPY]
    return leq(least + 0 * _entry(counts, cycle), _entry(counts, cycle), names=["2250", "reduced"])


@claim(
    id="gradnorm.table5.pooled",
    title="Tables 4 and 5: more than 90 percent of all selected samples together",
    source=f"{SOURCE}, appendix A.2, tables 4 and 5",
    reading="the printed counts, the six cycles together",
    amends="gradnorm.table5.printed",
    table=D.integer(0, 1),
    mutants={"more than 96.8 percent": dict(least=14521), "more than 98 percent": dict(least=14701)},
)
def table5_pooled(table: Tensor, *, least: float = 13501.0) -> Relation:
    r"""Of the 15000 samples selected in six cycles more than 90 percent, at least 13501, have a gradient norm that has not
    grown: 14515 and 14516, 96.8 percent.
    """
    counts = [sum(REDUCED[EXPECTED]), sum(REDUCED[ENTROPY])]
    return leq(least + 0 * _entry(counts, table), _entry(counts, table), names=["13501", "reduced"])


@claim(
    id="gradnorm.table6",
    title="Table 6: the best performance of a deeper network",
    source=f"{SOURCE}, appendix A.6, table 6",
    reading="the printed accuracies of each scheme",
    scheme=D.integer(0, 1),
    mutants={"by at least 0.5 percent": dict(lead=50), "by at least 1 percent": dict(lead=100)},
)
def table6(scheme: Tensor, *, lead: float = 0.0) -> Relation:
    r"""A ResNet-50 trained on samples that a scheme selects has a higher accuracy than on those of every other method: 94.10
    and 93.16 against at most 92.68 percent (sraal).

    Notes: one method twice (gradnorm.eq6): the 0.94 percent between 94.10 and 93.16 are larger than the lead over sraal of the
    lower one, 0.48.
    """
    best = max(value for name, value in RESNET_50.items() if name not in OURS)
    ours = _entry([RESNET_50[EXPECTED], RESNET_50[ENTROPY]], scheme)
    return leq(best + lead + 0 * ours, ours, names=["best other method", "the scheme"])


@claim(
    id="gradnorm.table8",
    title="Table 8: the highest accuracy in class 2 and in the smaller class 4",
    source=f"{SOURCE}, appendix A.6, table 8",
    reading="the printed accuracies",
    class_=D.integer(0, 9),
    mutants={"class 0 for class 4": dict(second=0), "by at least 0.1 percent": dict(lead=10)},
)
def table8(class_: Tensor, *, second: int = 4, lead: float = 0.0) -> Relation:
    r"""No class has a higher accuracy than class 4, 97.42 percent, which is also that of class 2; class 4 has 2523 test
    samples, class 2 has 4149.
    """
    row = CLASSWISE[ENTROPY]
    assert CLASS_SIZES[second] < CLASS_SIZES[2]
    least = min(row[second], row[2])
    return leq(
        _entry(row, class_) + lead, least + 0 * _entry(row, class_), names=["accuracy of the class", "of classes 2 and 4"]
    )


SLOWER = ("mc-dropout", "core-set", "vaal")


def _times() -> list[tuple[int, int]]:
    """Hours of each slower method and of the slower of the two schemes, for each data set."""
    ours = [max(column) for column in _columns(HOURS, ours=True)]
    return [(other, own) for name in SLOWER for other, own in zip(HOURS[name], ours, strict=True)]


@claim(
    id="gradnorm.table9.faster",
    title="Table 9: faster than the others",
    source=f"{SOURCE}, appendix A.7, table 9; the others are mc-dropout, core-set and vaal ('on par with ll4al')",
    reading="less time, on each of the four data sets",
    cell=D.integer(0, 11),
    mutants={"10 percent less": dict(factor=1.1), "half": dict(factor=2.0)},
)
def table9_faster(cell: Tensor, *, factor: float = 1.0) -> Relation:
    r"""On every data set both schemes take less time than mc-dropout, core-set and vaal.

    Notes: the closest is core-set on Caltech101, 1.01 hours against 0.93, a factor of 1.09.
    """
    others, ours = ([pair[i] for pair in _times()] for i in (0, 1))
    return leq(factor * _entry(ours, cell), _entry(others, cell), names=["the slower scheme", "the other method"])


@claim(
    id="gradnorm.table9.much",
    title="Table 9: much more efficient than the others",
    source=f"{SOURCE}, appendix A.7, table 9: 'on par with ll4al, but much more efficient than the others'",
    reading="at most two thirds of the time, on each of the four data sets",
    expect="refuted",
    cell=D.integer(0, 11),
    mutants={"half": dict(factor=2.0), "a third": dict(factor=3.0)},
)
def table9_much(cell: Tensor, *, factor: float = 1.5) -> Relation:
    r"""On every data set mc-dropout, core-set and vaal take at least 1.5 times the time of each scheme.

    Counterexample: core-set on Caltech101: 1.01 hours against 0.93 and 0.90.

    Notes: the other 11 comparisons have factors from 1.54 to 18.9. Caltech101 has the fewest images.
    """
    others, ours = ([pair[i] for pair in _times()] for i in (0, 1))
    return leq(factor * _entry(ours, cell), _entry(others, cell), names=["1.5 x the slower scheme", "the other method"])


@claim(
    id="gradnorm.table9.on_average",
    title="Table 9: much more efficient in all",
    source=f"{SOURCE}, appendix A.7, table 9",
    reading="at most two thirds of the time, the four data sets together",
    amends="gradnorm.table9.much",
    other=D.integer(0, 2),
    mutants={"half": dict(factor=2.0), "a quarter": dict(factor=4.0)},
)
def table9_on_average(other: Tensor, *, factor: float = 1.5) -> Relation:
    r"""On the four data sets together mc-dropout, core-set and vaal take at least 1.5 times the time of each scheme.

    Notes: 1.86 (mc-dropout), 5.6 (core-set) and 8.0 (vaal) times the 8.96 hours of expected-gradnorm.
    """
    total = max(sum(HOURS[EXPECTED]), sum(HOURS[ENTROPY]))
    others = _entry([sum(HOURS[name]) for name in SLOWER], other)
    return leq(factor * total + 0 * others, others, names=["1.5 x the slower scheme", "the other method"])


@claim(
    id="gradnorm.table9.on_par",
    title="Table 9: on par with ll4al",
    source=f"{SOURCE}, appendix A.7, table 9: 'our method is on par with ll4al'",
    reading="within 15 percent of ll4al's time, either way, on each of the four data sets",
    data=D.integer(0, 3),
    mutants={"within 10 percent": dict(slack=0.1), "within 5 percent": dict(slack=0.05)},
)
def table9_on_par(data: Tensor, *, slack: float = 0.15) -> Relation:
    r"""On every data set each scheme takes at most 15 percent more or less time than ll4al.

    Notes: ll4al is faster on Cifar100 and Caltech101.
    """
    ll4al = _entry(HOURS["ll4al"], data)
    gaps = torch.stack([torch.abs(_entry(HOURS[name], data) - ll4al) for name in (EXPECTED, ENTROPY)], -1)
    return leq(torch.amax(gaps, -1), slack * ll4al, names=["difference in time", "15 percent of ll4al's"])
