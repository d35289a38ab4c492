r"""Tables 3 to 6 (section 4.3): what the paper says of its comparisons against the numbers it prints.

Nothing is run again here but the arithmetic: every printed cell is a mean and a standard deviation of three trials, in
hundredths of a percent. Differences are tested by Welch's t-test (p-values in float64). The trials of all methods start from
one model, which the tests do not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series, Table
from proofs_check.papers.crc._printed_tables import RUNS, TRIALS, Cell, compared, entry
from proofs_check.relations import Measurement, Relation

SOURCE = "CRC (Kong et al.), section 4.3, tables 3 to 6"
BASELINES = ("Random", "Entropy", "Confidence", "EGL")
RANDOM, ENTROPY = compared("Random"), compared("Entropy")
EVERY = [pair for other in BASELINES for pair in compared(other)]
RIVALS = [*compared("Confidence"), *compared("EGL")]


def _leads(pairs: list[tuple[str, int, Cell, Cell]]) -> list[float]:
    """How far CRC's printed mean is ahead, in hundredths of a percent."""
    return [float(ours[0] - theirs[0]) for _, _, ours, theirs in pairs]


@cache
def p_values(test: str, pairs: tuple[tuple[Cell, Cell], ...]) -> list[float]:
    """The two-sided p-values of these pairs of cells, by al.significance."""
    a, b = (torch.tensor([pair[side] for pair in pairs], dtype=torch.float64) for side in (0, 1))
    return list(getattr(al.significance, test)(a[:, 0], a[:, 1], TRIALS, b[:, 0], b[:, 1], TRIALS).p.tolist())


def _tested(pairs: list[tuple[str, int, Cell, Cell]], test: str = "welch") -> list[float]:
    return p_values(test, tuple((ours, theirs) for _, _, ours, theirs in pairs))


@claim(
    id="crc.tables",
    title="Tables 3 to 6: comparable or better than every baseline",
    source=SOURCE,
    reading="the printed mean is not below any baseline's, in each of the 93 comparisons",
    expect="refuted",
    cell=D.integer(0, len(EVERY) - 1),
    mutants={"ahead by 0.2 percent": dict(lead=20), "ahead by 1 percent": dict(lead=100)},
)
def tables(cell: Tensor, *, lead: float = 0.0) -> Relation:
    r"""In every cell of tables 3 to 6 the mean accuracy of CRC is at least that of Random, Entropy, Confidence and EGL.

    In the paper: "CRC performed comparable or better than all considered baselines across all datasets and query sizes".

    Counterexample: CIFAR10, Q = 100, 200 labels: Random 85.04, Entropy 85.51, CRC 83.38.

    Notes: CRC is behind in 5 of 93: behind Random in 3 cells of 27, behind Entropy in 2 of 22.
    """
    return leq(lead, entry(_leads(EVERY), cell), names=["0", "CRC's lead in 0.01 percent"])


@claim(
    id="crc.tables.comparable",
    title="Tables 3 to 6: comparable or better",
    source=SOURCE,
    reading="no baseline is significantly ahead of CRC (Welch, two-sided, 5 percent)",
    amends="crc.tables",
    cell=D.integer(0, len(EVERY) - 1),
    mutants={"at 15 percent": dict(level=0.15), "at 25 percent": dict(level=0.25)},
)
def tables_comparable(cell: Tensor, *, level: float = 0.05) -> Relation:
    r"""In every cell of tables 3 to 6 in which CRC is behind a baseline, the difference has a p-value of at least 0.05.

    Notes: the largest gap is 2.13 percent, behind Entropy at CIFAR10, Q = 100, 200 labels (p = 0.12).
    """
    behind = [p if lead < 0 else 1.0 for p, lead in zip(_tested(EVERY), _leads(EVERY), strict=True)]
    return leq(level, entry(behind, cell), names=["level", "p-value where CRC is behind"])


@claim(
    id="crc.tables.rivals",
    title="Tables 3, 4 and 6: better than Confidence and EGL",
    source=SOURCE,
    reading="the printed means, in each of the 44 comparisons",
    cell=D.integer(0, len(RIVALS) - 1),
    mutants={"by 1.2 percent": dict(lead=120), "by 4 percent": dict(lead=400)},
)
def tables_rivals(cell: Tensor, *, lead: float = 100.0) -> Relation:
    r"""In every cell of tables 3, 4 and 6 the mean accuracy of CRC is above that of Confidence and EGL, by at least 1 percent.

    In the paper: "our algorithm outperformed uncertainty-based AL algorithms and another algorithm with a similar goal".

    Notes: the other uncertainty-based algorithm, Entropy, is the subject of crc.tables.entropy.
    """
    return leq(lead, entry(_leads(RIVALS), cell), names=["wanted lead", "CRC's lead in 0.01 percent"])


@claim(
    id="crc.tables.random",
    title="Tables 3 to 6: CRC outperformed random sampling",
    source=SOURCE,
    reading="significantly (Welch, two-sided, 5 percent), in each of the 27 comparisons",
    expect="refuted",
    cell=D.integer(0, len(RANDOM) - 1),
    mutants={"at 10 percent": dict(level=0.1), "at 20 percent": dict(level=0.2)},
)
def tables_random(cell: Tensor, *, level: float = 0.05) -> Relation:
    r"""In every cell of tables 3 to 6 the difference between CRC and Random is significant at the 5 percent level.

    In the paper: "only CRC outperformed random sampling".

    Counterexample: SVHN, 14 labels a class: 58.74 (sd 6.37) against 58.40 (sd 6.04), p = 0.95.

    Notes: 2 of 27 have p < 0.05, both in table 6, Q = 50 (1.35 are expected by chance where there is no difference). Three
    trials see little: crc.tables.power.
    """
    return leq(entry(_tested(RANDOM), cell), level, names=["p-value", "level"])


@claim(
    id="crc.tables.random.corrected",
    title="Not one of 27 comparisons with Random is significant",
    source=SOURCE,
    reading="after the correction for 27 comparisons (Bonferroni, and so Holm)",
    amends="crc.tables.random",
    cell=D.integer(0, len(RANDOM) - 1),
    mutants={"uncorrected": dict(comparisons=1), "Student's test, for 5 comparisons": dict(comparisons=5, test="student")},
)
def tables_random_corrected(cell: Tensor, *, comparisons: float = 27.0, test: str = "welch") -> Relation:
    r"""In every cell of tables 3 to 6 the p-value of CRC against Random is above $0.05/27$.

    Notes: the smallest are 0.026 and 0.031. That nothing is significant is no evidence of equality: 24 of 27 differences
    favour CRC, see crc.tables.signs.
    """
    return leq(0.05 / comparisons, entry(_tested(RANDOM, test), cell), names=["corrected level", "p-value"])


@claim(
    id="crc.tables.entropy",
    title="Tables 3, 4 and 6: superior to Entropy",
    source=SOURCE,
    reading="significantly (Welch, two-sided, 5 percent), in each of the 22 comparisons",
    expect="refuted",
    cell=D.integer(0, len(ENTROPY) - 1),
    mutants={"at 10 percent": dict(level=0.1), "at 20 percent": dict(level=0.2)},
)
def tables_entropy(cell: Tensor, *, level: float = 0.05) -> Relation:
    r"""In every cell of tables 3, 4 and 6 the difference between CRC and Entropy is significant at the 5 percent level.

    In the paper: the abstract and section 1, "the superiority of CRC to other DL-based approaches to AL".

    Counterexample: CIFAR10, Q = 100, 500 labels: 88.37 (sd 0.71) against 88.27 (sd 0.30), p = 0.84.

    Notes: 1 of 22 has p < 0.05 (table 3, CIFAR10, 2 labels a class, p = 0.04), none of the ten of table 6.
    """
    return leq(entry(_tested(ENTROPY), cell), level, names=["p-value", "level"])


@claim(
    id="crc.tables.entropy.corrected",
    title="Not one of 22 comparisons with Entropy is significant",
    source=SOURCE,
    reading="after the correction for 22 comparisons (Bonferroni, and so Holm)",
    amends="crc.tables.entropy",
    cell=D.integer(0, len(ENTROPY) - 1),
    mutants={"uncorrected": dict(comparisons=1), "Student's test, for 4 comparisons": dict(comparisons=4, test="student")},
)
def tables_entropy_corrected(cell: Tensor, *, comparisons: float = 22.0, test: str = "welch") -> Relation:
    r"""In every cell of tables 3, 4 and 6 the p-value of CRC against Entropy is above $0.05/22$."""
    return leq(0.05 / comparisons, entry(_tested(ENTROPY, test), cell), names=["corrected level", "p-value"])


@claim(
    id="crc.tables.signs",
    title="24 of 27 differences favour CRC over Random",
    source=SOURCE,
    reading="the sign test on cells, as if they were independent, any one run left out",
    left_out=D.integer(0, len(RUNS) - 1),
    mutants={"p below 0.0005": dict(most=0.0005), "p below 0.0001": dict(most=0.0001)},
)
def tables_signs(left_out: Tensor, *, most: float = 0.001) -> Relation:
    r"""Leave out any one of the six runs: in the remaining cells CRC is ahead of Random so often that the two-sided sign test
    has $p < 0.001$.

    Notes: 24 of 27 in all, p = 5e-5 (2.5e-5 one-sided). But the cells of one run are not independent: its labelled sets
    contain one another. See crc.tables.signs.runs.
    """
    found = []
    for run in RUNS:
        leads = _leads([pair for pair in RANDOM if pair[0] != run])
        found.append(float(al.significance.sign_test(sum(lead > 0 for lead in leads), len(leads))))
    return leq(entry(found, left_out), most, names=["p-value of the sign test", "level"])


@claim(
    id="crc.tables.signs.runs",
    title="CRC is ahead of Random in every run",
    source=SOURCE,
    reading="the mean over a run's cells, one run a data set and query size",
    expect="refuted",
    run=D.integer(0, len(RUNS) - 1),
    mutants={"by 1 percent": dict(lead=100), "by 2 percent": dict(lead=200)},
)
def tables_signs_runs(run: Tensor, *, lead: float = 0.0) -> Relation:
    r"""In each of the six runs of tables 3 to 6 the mean of CRC over the cells is at least that of Random.

    Counterexample: CIFAR10, Q = 100: 0.02 percent behind.

    Notes: so 5 of 6 independent units favour CRC: the two-sided sign test has p = 0.22.
    """
    leads = [_leads(compared("Random", name)) for name in RUNS]
    return leq(lead, entry([sum(row) / len(row) for row in leads], run), names=["0", "mean lead in 0.01 percent"])


SMALLER = tuple((50, row, 100, other) for row, other in ((2, 0), (4, 1)))


def _gains(method: str) -> list[float]:
    """How much smaller batches help at 200 and at 300 labels: Q = 50 less Q = 100."""
    small, large = (RUNS[f"6 Q={Q}"][3][method] for Q in (50, 100))
    return [float(small[i][0] - large[j][0]) for _, i, _, j in SMALLER]


@claim(
    id="crc.tables.batch_size",
    title="Smaller query batches help CRC",
    source="CRC (Kong et al.), section 4.3.2, table 6",
    reading="the printed means at 200 and at 300 labels",
    where=D.integer(0, 1),
    mutants={"Entropy too": dict(method="Entropy"), "by 1.5 percent": dict(lead=150)},
)
def tables_batch_size(where: Tensor, *, method: str = "CRC", lead: float = 0.0) -> Relation:
    r"""With 200 and with 300 labels of CIFAR10, the mean accuracy of CRC is higher for Q = 50 than for Q = 100.

    In the paper: "a proper AL algorithm should achieve higher performance at the same number of labeled samples when using
    smaller acquisition sizes [...]; however, only CRC satisfied this property".

    Notes: the gains are 2.29 and 1.30. Random, whose queries do not know Q, loses 2.63 and 2.17: the two runs differ by as
    much for another reason, such as the number of labels that were drawn with balanced classes.
    """
    return leq(lead, entry(_gains(method), where), names=["0", "gain in 0.01 percent"])


@claim(
    id="crc.tables.batch_size.significant",
    title="Smaller query batches help CRC significantly",
    source="CRC (Kong et al.), section 4.3.2, table 6",
    reading="Welch, two-sided, 5 percent, at 200 and at 300 labels",
    expect="refuted",
    where=D.integer(0, 1),
    mutants={"at 10 percent": dict(level=0.1), "at 20 percent": dict(level=0.2)},
)
def tables_batch_size_significant(where: Tensor, *, level: float = 0.05) -> Relation:
    r"""With 200 and with 300 labels of CIFAR10 the gain of CRC from Q = 50 over Q = 100 is significant at the 5 percent level.

    Counterexample: 300 labels: 87.01 (sd 0.28) against 85.71 (sd 1.50), p = 0.27.

    Notes: p = 0.09 at 200 labels.
    """
    small, large = (RUNS[f"6 Q={Q}"][3]["CRC"] for Q in (50, 100))
    found = p_values("welch", tuple((small[i], large[j]) for _, i, _, j in SMALLER))
    return leq(entry(found, where), level, names=["p-value", "level"])


@claim(
    id="crc.tables.large_batches",
    title="Q = 100: Entropy and CRC are comparable to Random",
    source="CRC (Kong et al.), section 4.3.2, table 6",
    reading="no difference is significant (Welch, two-sided, 5 percent)",
    cell=D.integer(0, 9),
    mutants={"Confidence too": dict(methods=("CRC", "Confidence")), "at 25 percent": dict(level=0.25)},
)
def tables_large_batches(cell: Tensor, *, methods: tuple[str, str] = ("CRC", "Entropy"), level: float = 0.05) -> Relation:
    r"""With Q = 100 on CIFAR10, no difference between CRC or Entropy and Random is significant at the 5 percent level.

    In the paper: "existing DL-based AL algorithms have performed comparably to random sampling when using large query sizes,
    and our experiments show the same for entropy and CRC with Q = 100".
    """
    table = RUNS["6 Q=100"][3]
    pairs = tuple((ours, theirs) for method in methods for ours, theirs in zip(table[method], table["Random"], strict=True))
    return leq(level, entry(p_values("welch", pairs), cell), names=["level", "p-value"])


REPEATS = 400


@remembered
def found_by_design(seed: Tensor, *, trials: int = TRIALS, level: float = 0.05) -> tuple[Tensor, Tensor]:
    """Were the printed means and spreads the truth: how often Welch's test calls CRC better than Random, and how often it calls
    them different where they have the mean of both. Shape (seeds, 27) each.
    """
    ours, theirs = (torch.tensor([pair[side] for pair in RANDOM], dtype=torch.float64) for side in (2, 3))
    middle = (ours[:, 0] + theirs[:, 0]) / 2
    rows = []
    for number in seed.tolist():
        generator = torch.Generator().manual_seed(number)
        noise = torch.randn(2, REPEATS, len(RANDOM), trials, generator=generator, dtype=torch.float64)
        shares = []
        for a, b in ((ours[:, 0], theirs[:, 0]), (middle, middle)):
            x, y = (m[:, None] + s[:, None] * e for m, s, e in ((a, ours[:, 1], noise[0]), (b, theirs[:, 1], noise[1])))
            test = al.significance.welch(x.mean(-1), x.std(-1), trials, y.mean(-1), y.std(-1), trials)
            ahead = (test.t > 0) | (a == b)
            shares.append(((test.p < level) & ahead).double().mean(0))
        rows.append(torch.stack(shares))
    real, null = torch.stack(rows).unbind(1)
    return real, null


def _shown(real: Tensor, null: Tensor) -> list[Figure | Table]:
    tables: list[Figure | Table] = []
    p = _tested(RANDOM)
    for run, (title, counts, columns, methods) in RUNS.items():
        places = [i for i, pair in enumerate(RANDOM) if pair[0] == run]
        cells = [(name, [f"{m / 100:.2f} (sd {s / 100:.2f})" for m, s in row]) for name, row in methods.items()]
        rows: list[tuple[str, Sequence[object]]] = [
            *cells,
            ("CRC against Random: p (Welch)", [p[i] for i in places]),
            ("the chance that such a test finds this lead", [real[:, i] for i in places]),
        ]
        tables.append(Table(title, [f"{n} {counts}" for n in columns], rows, note="Accuracies as printed, percent, 3 trials."))
    tables.append(
        Figure(
            "Every lead of CRC over Random",
            "lead, percent",
            "p-value",
            [Series("Welch's test on the printed numbers", [lead / 100 for lead in _leads(RANDOM)], p, dots=True)],
            log_y=True,
            note=f"Below 0.05 are {sum(v < 0.05 for v in p)} of 27; without any difference it would be "
            f"{float(null.sum(1).mean()):.2f} on average, for Welch's test with three trials is cautious.",
        )
    )
    return tables


@claim(
    id="crc.tables.power",
    title="What three trials can see",
    source=SOURCE,
    reading="the printed means and standard deviations taken for the truth, normal trials, Welch's test at 5 percent",
    expect="reproduced",
    seed=D.seed(),
    experiment="crc.tables.power",
    mutants={"ten trials": dict(trials=10), "at 50 percent": dict(level=0.5)},
)
def tables_power(seed: Tensor, *, most: float = 1 / 3, trials: int = TRIALS, level: float = 0.05) -> Measurement:
    r"""Of the 24 leads of CRC over Random in tables 3 to 6, three trials would find fewer than a third.

    Notes: so the missing significance says little about CRC, for or against.
    """
    real, null = found_by_design(seed, trials=trials, level=level)
    leads = torch.tensor(_leads(RANDOM)) > 0
    return measurement(real[:, leads].mean(1), expect=(0.0, most), show=_shown(*found_by_design(seed)))
