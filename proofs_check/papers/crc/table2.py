r"""Table 2 (section 3.3): the kernel of the last layer against the kernel of all layers.

The printed numbers first (3 trials, Q = 50, G = 5). Then on digits, supervised: a relu network of 64 neurons, both layers,
trained on 20 labels (80 steps); algorithm 1 with G = 5 queries 20 of 100 by $\lambda_{\min}^+$ of the trained network's
kernel, of the output layer or of both layers. Measured are $\lambda_{\min}$ of the full kernel of a new network, which the
paper would train from scratch on these 40, and the accuracy on 400 other digits of the interpolant of the infinitely wide
network.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, eq, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Table, printed
from proofs_check.papers.crc._printed_tables import LAYER_LABELS, LAYERS, RUNS, entry
from proofs_check.papers.crc.tables import p_values
from proofs_check.relations import Measurement, Relation

SOURCE = "CRC (Kong et al.), section 3.3, table 2"
COLUMN = D.integer(0, len(LAYER_LABELS) - 1)


@claim(
    id="crc.table2.repeats",
    title="Table 2's last-layer row is CRC's row of table 6",
    source=SOURCE,
    reading="the printed means, Q = 50",
    column=COLUMN,
    mutants={"all layers": dict(row="full"), "Q = 100": dict(run="6 Q=100")},
)
def table2_repeats(column: Tensor, *, row: str = "last", run: str = "6 Q=50") -> Relation:
    r"""The means of the row "last" of table 2 are those of CRC in table 6 for Q = 50 and 100, 150 and 200 labels.

    Notes: so tables 3 to 6 are about the last layer's kernel, and theorem 1 about that of all layers.
    """
    ours = [float(mean) for mean, _ in LAYERS[row]]
    theirs = [float(mean) for mean, _ in RUNS[run][3]["CRC"][:3]]
    return eq(entry(ours, column), entry(theirs, column), names=["table 2", "table 6"])


@claim(
    id="crc.table2",
    title="Table 2: the last layer's kernel outperforms the full one",
    source=SOURCE,
    reading="the printed means, by at least 5 percent",
    column=COLUMN,
    mutants={"by at least 6 percent": dict(lead=600), "by at least 7 percent": dict(lead=700)},
)
def table2(column: Tensor, *, lead: float = 500.0) -> Relation:
    r"""In each column of table 2 the mean accuracy with the last layer is at least 5 percent above that with all layers.

    In the paper: "this phenomenon is highlighted from last-CRC's outperforming full-CRC".

    Notes: 7.15, 5.54 and 6.57 percent.
    """
    leads = [float(a - b) for (a, _), (b, _) in zip(LAYERS["last"], LAYERS["full"], strict=True)]
    return leq(lead, entry(leads, column), names=["wanted lead", "lead in 0.01 percent"])


@claim(
    id="crc.table2.significant",
    title="Table 2: significantly so",
    source=SOURCE,
    reading="Welch's test, two-sided, 5 percent, in each column",
    expect="refuted",
    column=COLUMN,
    mutants={"at 10 percent": dict(level=0.1), "at 15 percent": dict(level=0.15)},
)
def table2_significant(column: Tensor, *, level: float = 0.05) -> Relation:
    r"""In each column of table 2 the difference between the last layer and all layers is significant at the 5 percent level.

    Counterexample: 150 labels: 83.67 (sd 3.24) against 78.13 (sd 4.32), three trials each, p = 0.16.

    Notes: p = 0.07, 0.16, 0.08: suggestive, in not one column significant.
    """
    found = p_values("welch", tuple(zip(LAYERS["last"], LAYERS["full"], strict=True)))
    return leq(entry(found, column), level, names=["p-value", "level"])


@claim(
    id="crc.table2.suggestive",
    title="Table 2 is suggestive and no more",
    source=SOURCE,
    reading="Welch's test, two-sided: above 5 and below 20 percent in each column",
    amends="crc.table2.significant",
    column=COLUMN,
    mutants={"Student's test": dict(test="student"), "above 10 percent": dict(least=0.1)},
)
def table2_suggestive(column: Tensor, *, test: str = "welch", least: float = 0.05) -> Relation:
    r"""In each column of table 2 the p-value of the difference is at least 0.05.

    Notes: Student's test, which takes the variances to be equal, has 0.04 at 200 labels. The columns are one run: its labelled
    sets contain one another.
    """
    found = p_values(test, tuple(zip(LAYERS["last"], LAYERS["full"], strict=True)))
    return leq(least, entry(found, column), names=["level", "p-value"])


LABELLED, QUERIED, POOL, TEST, WIDTH, STEPS, G, REPEATS = 20, 20, 100, 400, 64, 80, 5, 6
ROWS = D.dataset("digits", n=LABELLED * REPEATS + POOL + TEST, repeats=False)
#: row of the table, and the layer whose kernel scores
KERNELS = {"last layer": "output", "all layers": "both", "random": ""}


@remembered
def redone(x: Tensor, labels: Tensor, seed: Tensor) -> Tensor:
    """lambda_min of a new network and accuracy in percent, shape (seeds, KERNELS, 2), means over six labelled sets."""
    rows = [_one_seed(*row) for row in zip(x, labels, seed.tolist(), strict=True)]
    return torch.tensor(rows, dtype=torch.float64).mean(1)


def _one_seed(x: Tensor, labels: Tensor, seed: int) -> list[list[list[float]]]:
    theta = al.kernels.analytic(x, train_output=True)
    start = LABELLED * REPEATS
    test = torch.arange(start + POOL, len(x))
    rows = []
    for repeat in range(REPEATS):
        L = torch.arange(LABELLED * repeat, LABELLED * (repeat + 1))
        known = torch.cat([L, torch.arange(start, start + POOL)])  # the labelled first, then the pool
        net, new = (
            al.TwoLayerNet(x.shape[-1], WIDTH, labels.shape[-1], train_output=True, seed=2 * (seed + repeat) + part)
            for part in (0, 1)
        )
        lr = 1 / float(torch.linalg.eigvalsh(al.kernels.empirical(net, x[L]))[-1])
        net = al.training.gradient_descent(net, x[L], labels[L], lr, STEPS, record=[STEPS]).net
        cells = []
        for layer in KERNELS.values():
            query = _query(al.kernels.empirical(net, x[known], layer=layer) if layer else None, seed + repeat)
            S = known[torch.cat([torch.arange(LABELLED), query])]
            f = theta[test][:, S] @ torch.linalg.solve(theta[S][:, S], labels[S])
            right = (f.argmax(-1) == labels[test].argmax(-1)).double().mean()
            smallest = al.conditioning.smallest_eigenvalue(al.kernels.empirical(new, x[S]))
            cells.append([float(smallest), 100 * float(right)])
        rows.append(cells)
    return rows


def _query(kernel: Tensor | None, seed: int) -> Tensor:
    """Which of the pool to label; without a kernel, any."""
    labelled = range(LABELLED)
    if kernel is None:
        none = torch.eye(LABELLED + POOL, dtype=torch.float64)
        return al.acquisition.Random().query(none, labelled, QUERIED, seed=seed).chosen
    return al.acquisition.CRC(G, "positive").query(kernel, labelled, QUERIED, seed=seed).chosen


def _shown(found: Tensor) -> list[Figure | Table]:
    cells = {"last layer": LAYERS["last"], "all layers": LAYERS["full"]}
    rows: list[tuple[str, list[object]]] = []
    for i, name in enumerate(KERNELS):
        row = [f"{m / 100:.2f} (sd {s / 100:.2f})" for m, s in cells[name]] if name in cells else [""] * 3
        rows.append((name, [found[:, i, 0], found[:, i, 1], *row]))
    return [
        Table(
            "Ours beside table 2",
            ["digits: lambda_min", "digits: accuracy (%)", *(f"the paper: {n} labels" for n in LAYER_LABELS)],
            rows,
            note="Ours: two layers on digits, 20 labelled and 20 queried; the paper's: WRN-28-2, FixMatch, CIFAR10.",
        ),
        Figure(
            "Table 2 as printed", "labels", "accuracy (%)",
            [printed(name, LAYER_LABELS, [m / 100 for m, _ in row]) for name, row in cells.items()],
        ),
    ]  # fmt: skip


@claim(
    id="crc.table2.accuracy",
    title="Table 2 redone: the last layer's queries give a better classifier",
    source=SOURCE,
    reading="by at least 4 percent on digits, where the paper has 5.5 to 7.2",
    expect="not-reproduced",
    experiment="crc.table2",
    x=ROWS,
    labels=ROWS.labels,
    seed=D.seed(),
    mutants={"by at least 5 percent": dict(least=5.0), "by at least 7 percent": dict(least=7.0)},
)
def table2_accuracy(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = 4.0) -> Measurement:
    r"""On digits, querying by the last layer's kernel gives an accuracy at least 4 percent above that with all layers' kernel.

    Notes: not reproduced: the two differ by less than the spread over seeds. A two-layer network on digits says little about
    WRN-28-2 on CIFAR10; it says that the effect is not a general one.
    """
    found = redone(x, labels, seed)
    return measurement(found[:, 0, 1] - found[:, 1, 1], expect=(least, 100.0), show=_shown(found))


@claim(
    id="crc.table2.attained",
    title="Table 2 redone: the last layer's kernel is a good enough score",
    source=SOURCE,
    reading="lambda_min of a new network's full kernel is at least 2/3 of what the full kernel's queries attain",
    expect="reproduced",
    experiment="crc.table2",
    x=ROWS,
    labels=ROWS.labels,
    seed=D.seed(),
    mutants={"a third better": dict(least=4 / 3, most=2.0), "a third worse": dict(least=0.0, most=2 / 3)},
)
def table2_attained(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = 2 / 3, most: float = 4 / 3) -> Measurement:
    r"""On digits, the $\lambda_{\min}$ attained by the last layer's queries is at least 2/3 of (and at most 4/3 times) that
    attained by all layers' queries.

    In the paper: "convergence in theorem 1 can also be established with respect to using just the last layer's Gram matrix".

    Notes: below the number of features only: beyond, $\lambda_{\min}$ of the last layer is 0 (crc.section33.vacuous).
    """
    found = redone(x, labels, seed)
    return measurement(found[:, 0, 0] / found[:, 1, 0], expect=(least, most), show=_shown(found))
