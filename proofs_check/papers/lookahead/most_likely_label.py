r"""The most likely label in the place of an expectation: MLMOC (eq. 13) against EMOC (eq. 3), in value, in order, in cost."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.lookahead._settings_queries import DIMS, KERNEL, ON, OUTPUTS, POOL, SOURCE, ahead_of, alike
from proofs_check.papers.lookahead._work import Work
from proofs_check.papers.lookahead.most_likely_change import FEATURES, _independent, _two
from proofs_check.relations import Measurement, Relation

QUERYING = f"{SOURCE}, section 3, 'MLMOC querying'"
SAVES = f"{QUERYING}: 'this saves a significant amount of computation, by a factor of the number of classes'"


@claim(
    id="lookahead.emoc.converged",
    title="EMOC of a converged model is MLMOC times a function of the outputs",
    source="own derivation",
    M=KERNEL,
    F=OUTPUTS,
    p=D.simplex("C"),
    dims=DIMS,
    on=ON,
    uses=["lookahead.eq13.factorises", "lookahead.eq3"],
    mutants={"one percent more": dict(share=1.01), "not converged": dict(left=0.1)},
)
def emoc_converged(M: Tensor, F: Tensor, p: Tensor, *, share: float = 1.0, left: float = 0.0) -> Relation:
    r"""If $f_L$ has converged, $\mathrm{EMOC}(x')\,\min_c\|e_c-f_L(x')\| = \mathrm{MLMOC}(x')\,\sum_cp_c\|e_c-f_L(x')\|$ for
    all probabilities p.

    Proof: each label's change is $\|e_c-f_L(x')\|$ times the same column of the posterior covariance.

    Notes: so with the distance $\|\cdot\|_2$ the expectation costs O(UC) more, not a factor of C.
    """
    ahead = ahead_of(M, F, left * (F + 1))
    chances = p[:, None] + 0 * ahead.F
    gaps = al.lookahead.label_gaps(ahead.F)
    expected = al.lookahead.expected_change(ahead, chances) * torch.amin(gaps, -1)
    most = al.lookahead.most_likely_change(ahead) * (chances * gaps).sum(-1)
    return alike(share * expected, most, ["EMOC min |e_c - f|", "MLMOC sum p_c |e_c - f|"])


@claim(
    id="lookahead.emoc.above",
    title="EMOC is at least MLMOC for a converged model",
    source="own derivation",
    M=KERNEL,
    F=OUTPUTS,
    p=D.simplex("C"),
    dims=DIMS,
    on=ON,
    uses=["lookahead.emoc.converged"],
    mutants={"one percent more": dict(share=1.01), "half a percent more": dict(share=1.005)},
)
def emoc_above(M: Tensor, F: Tensor, p: Tensor, *, share: float = 1.0) -> Relation:
    r"""If $f_L$ has converged, $\mathrm{MLMOC}(x') \le \mathrm{EMOC}(x')$ for all probabilities p of the label.

    Proof: an average is at least the minimum; the most likely label has the least distance (lookahead.badge.any_vector).

    Tight at: $p = e_{\hat y}$.
    """
    ahead = ahead_of(M, F)
    expected = al.lookahead.expected_change(ahead, p[:, None] + 0 * ahead.F)
    return leq(share * al.lookahead.most_likely_change(ahead)[:, 0], expected[:, 0], names=["MLMOC", "EMOC"])


@claim(
    id="lookahead.emoc.unconverged",
    title="EMOC is at least MLMOC for any model",
    source=QUERYING,
    reading="f_L has not converged; p the outputs where they are probabilities",
    expect="refuted",
    labelled=FEATURES["labelled"],
    pool=FEATURES["pool"],
    r=FEATURES["r"],
    here=D.simplex(2),
    there=D.simplex(2),
    dims={"p": (2, 2)},
    assumes=[_independent],
    mutants={"by one percent": dict(share=1.01), "by two percent": dict(share=1.02)},
)
def emoc_unconverged(labelled: Tensor, pool: Tensor, r: Tensor, here: Tensor, there: Tensor, *, share: float = 1.0) -> Relation:
    r"""$\mathrm{MLMOC}(x') \le \mathrm{EMOC}(x')$ with $p = f_L(x')$.

    Counterexample: features (1,0) for the labelled point, (0,1) for the candidate, (1,1) for a bystander, outputs (0.51, 0.49)
    and (1/2, 1/2), residuals (1/2, -1/2): MLMOC is $37\sqrt2/25 = 2.093$, EMOC is $631\sqrt2/625 = 1.428$.

    Notes: the residual field G adds to the change of one label and takes from that of another.
    """
    F = torch.stack([here, there], 1)
    ahead = _two(labelled, pool, r, F)
    most = al.lookahead.most_likely_change(ahead, unresolved="dependent")[:, 0]
    return leq(share * most, al.lookahead.expected_change(ahead, F, unresolved="dependent")[:, 0], names=["MLMOC", "EMOC"])


def _two_sums(f: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """sum_c f_c |e_c - f|, min_c |e_c - f|, max_c f_c."""
    gaps = al.lookahead.label_gaps(f)
    return (f * gaps).sum(-1), torch.amin(gaps, -1), torch.amax(f, -1)


def _limit(f: Tensor) -> Tensor:
    C = torch.tensor(float(f.shape[-1]), dtype=torch.float64) + 0 * f[:, 0]
    return torch.sqrt(2 * (C - 1) / C)


@claim(
    id="lookahead.emoc.below",
    title="How far EMOC is above MLMOC",
    source="own derivation",
    f=D.simplex("C"),
    dims={"C": (2, 6)},
    uses=["lookahead.emoc.converged"],
    mutants={"two percent less": dict(share=0.98), "the largest output two percent less": dict(top=0.98)},
)
def emoc_below(f: Tensor, *, share: float = 1.0, top: float = 1.0) -> Relation:
    r"""For a converged model with $p = f = f_L(x')$ in the simplex, $\rho = \mathrm{EMOC}/\mathrm{MLMOC} \le
    f_{\hat y}+\sqrt{2(C-1)/C}$, that is $\sum_cf_c\|e_c-f\| \le (f_{\hat y}+\sqrt{2(C-1)/C})\,\|e_{\hat y}-f\|$.

    Proof: the term of $\hat y$ is $f_{\hat y}$ times the distance; the others have $\|e_c-f\| \le \sqrt2$ and together the
    weight $1-f_{\hat y} \le \sqrt{(C-1)/C}\,\|e_{\hat y}-f\|$.

    Tight at: f a label, where both sides are 0; near it in the limit (lookahead.emoc.supremum).
    """
    total, least, largest = _two_sums(f)
    return leq(total, (top * largest + share * _limit(f)) * least, names=["sum f_c |e_c - f|", "bound times min |e_c - f|"])


@claim(
    id="lookahead.emoc.supremum",
    title="The bound is approached at the vertices",
    source="own derivation",
    sharpens="lookahead.emoc.below",
    e=D.interval(0, 0.5),
    C=D.integer(2, 100),
    mutants={"one percent more": dict(share=1.01), "half the distance": dict(half=0.5)},
)
def emoc_supremum(e: Tensor, C: Tensor, *, share: float = 1.0, half: float = 1.0) -> Relation:
    r"""For $f = (1-e,\frac{e}{C-1},\dots,\frac e{C-1})$ with $0 < e \le 1/2$, $\sum_cf_c\|e_c-f\| \ge
    (1-e)\,(1+\sqrt{2(C-1)/C})\,\|e_1-f\|$. So $\rho$ comes as near to $1+\sqrt{2(C-1)/C}$ as one likes, 2 for two classes,
    2.41 for many, and by lookahead.emoc.below never reaches it: $f_{\hat y} < 1$ there.

    Proof: $\|e_c-f\|^2 \ge (1-e)^2+(1-\frac{e}{C-1})^2 \ge 2(1-e)^2$ for $c \ne 1$.

    Tight at: C = 2.
    """
    others = C.to(torch.float64) - 1
    small = e / others
    first = torch.sqrt(e * e + others * small * small)
    other = torch.sqrt((1 - e) ** 2 + (1 - small) ** 2 + (others - 1) * small * small)
    limit = torch.sqrt(2 * others / (others + 1))
    return leq(
        share * (1 - half * e) * (1 + limit) * first,
        (1 - e) * first + e * other,
        names=["(1-e) limit |e_1 - f|", "sum f_c |e_c - f|"],
    )


def _more_by_most_likely(f: Tensor, g: Tensor) -> Tensor:
    """f has the larger MLMOC"""
    return _two_sums(f)[1] > _two_sums(g)[1]


@claim(
    id="lookahead.emoc.order",
    title="MLMOC orders candidates as EMOC does",
    source=f"{QUERYING}: 'empirically does not hurt accuracy'",
    reading="a converged model, p its outputs, candidates alike in the kernel: the same order",
    expect="refuted",
    f=D.simplex(3),
    g=D.simplex(3),
    assumes=[_more_by_most_likely],
    mutants={"by one percent": dict(share=1.01), "by two percent": dict(share=1.02)},
)
def emoc_order(f: Tensor, g: Tensor, *, share: float = 1.0) -> Relation:
    r"""Two candidates with outputs f and g, probabilities of three classes, whose columns of the posterior covariance have
    the same normalised sum: if the first has the larger MLMOC, it has the larger EMOC.

    Counterexample: f = (1/2, 1/2, 0) and g = (1/2, 1/4, 1/4): MLMOC 0.707 and 0.612, EMOC 0.707 and 0.774.

    Notes: a change of order, not of accuracy; the paper's sentence is about accuracy.
    """
    return leq(share * _two_sums(g)[0], _two_sums(f)[0], names=["EMOC of g", "EMOC of f"])


@claim(
    id="lookahead.emoc.order.two_classes",
    title="With two classes they do",
    source="own derivation",
    amends="lookahead.emoc.order",
    f=D.interval(0, 1),
    g=D.interval(0, 1),
    mutants={"by one percent": dict(share=1.01), "two percent of MLMOC": dict(share=1.02)},
)
def emoc_order_two_classes(f: Tensor, g: Tensor, *, share: float = 1.0) -> Relation:
    r"""For two classes, outputs (f, 1-f) and (g, 1-g), the order of MLMOC $= \sqrt2\min(f,1-f)$ is the order of EMOC
    $= 2\sqrt2f(1-f)$: the candidate with the larger MLMOC has the larger EMOC.

    Proof: with $m = \min(f,1-f) \le 1/2$ the second is $2\sqrt2\,m(1-m)$, which grows with m.

    Tight at: f = g.
    """
    sums = [_two_sums(torch.stack([v, 1 - v], -1)) for v in (f, g)]
    first = sums[0][1] >= sums[1][1]
    larger, smaller = (torch.where(first, sums[i][0], sums[1 - i][0]) for i in (0, 1))
    return leq(share * smaller, larger, names=["EMOC of the smaller MLMOC", "EMOC of the larger MLMOC"])


CLASSES, PARAMETERS, LABELLED, CANDIDATES = 10, 1500, 40, 160


@remembered
def work(seed: Tensor) -> Tensor:
    """Numbers computed for EMOC over those for MLMOC, for a model that has not converged, from gradients on: (seeds,)."""
    found = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        J = torch.randn(LABELLED + CANDIDATES, PARAMETERS, generator=generator, dtype=torch.float64)
        F = torch.rand(LABELLED + CANDIDATES, CLASSES, generator=generator, dtype=torch.float64)
        p = al.lookahead.class_probabilities(F[LABELLED:])
        counts = []
        for expected in (True, False):
            with Work() as counting:
                K = J @ J.T
                ahead = al.lookahead.from_kernels(
                    K[:LABELLED, :LABELLED], K[LABELLED:, :LABELLED], K[LABELLED:, LABELLED:], 0 * F[:LABELLED], F[:LABELLED],
                    F[LABELLED:],
                )  # fmt: skip
                if expected:
                    al.lookahead.expected_change(ahead, p)
                else:
                    al.lookahead.most_likely_change(ahead)
            counts.append(counting.total)
        found.append(counts[0] / counts[1])
    return torch.tensor(found, dtype=torch.float64)


@claim(
    id="lookahead.saves_classes.kernel",
    title="The most likely label saves a factor of the number of classes",
    source=SAVES,
    reading="the kernel method, distance L2",
    expect="not-reproduced",
    experiment="lookahead.saves_classes",
    seed=D.seed(),
    mutants={"and a half more": dict(least=1.5), "twice": dict(least=2.0)},
)
def saves_kernel(seed: Tensor, *, least: float = 1.0) -> Measurement:
    r"""With the kernel and 10 classes, EMOC takes at least 10 times as many operations as MLMOC, counted from gradients to
    scores (1500 parameters, 40 labelled points, 160 candidates, a model that has not converged).

    Notes: not reproduced: the kernel and its solve are the cost, and they serve all labels. For a converged model
    lookahead.emoc.converged leaves O(UC).
    """
    return measurement(work(seed), expect=(least * CLASSES, float("inf")))


@claim(
    id="lookahead.saves_classes.all_labels",
    title="All labels cost less than half more",
    source=f"replaces {SAVES}",
    amends="lookahead.saves_classes.kernel",
    expect="reproduced",
    experiment="lookahead.saves_classes",
    seed=D.seed(),
    mutants={"nothing more": dict(most=1.0), "a thousandth more": dict(most=1.001)},
)
def all_labels(seed: Tensor, *, most: float = 1.5) -> Measurement:
    """EMOC takes at most 1.5 times as many operations as MLMOC, counted in the same way."""
    return measurement(work(seed), expect=(1.0, most))


@remembered
def calls(seed: Tensor) -> dict[str, Tensor]:
    """Calls that all scores need with an expectation over labels, over those with one label: of training, and of a distance."""
    found: dict[str, list[float]] = {"training": [], "distance": []}
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        x = torch.randn(4 + POOL, 3, generator=generator, dtype=torch.float64)
        net = torch.randn(3, CLASSES, generator=generator, dtype=torch.float64)
        counts = []
        for every_label in (True, False):
            counted: Counter[str] = Counter()
            for j in range(POOL):
                outputs = x[4 + j] @ net
                labels = range(CLASSES) if every_label else [int(outputs.argmax())]
                for c in labels:
                    counted["training"] += 1
                    after = _trained(net, torch.cat([x[:4], x[4 + j : 5 + j]]), c)
                    for point in x[4:]:
                        counted["distance"] += 1
                        float((point @ after - point @ net).abs().amax())
            counts.append(counted)
        for name, values in found.items():
            values.append(counts[0][name] / counts[1][name])
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in found.items()}


def _trained(net: Tensor, x: Tensor, c: int) -> Tensor:
    """Three steps of gradient descent on the squared error of a linear network; the last point has label c, the others 0."""
    y = torch.nn.functional.one_hot(torch.tensor([0] * (len(x) - 1) + [c]), CLASSES).to(x)
    for _ in range(3):
        net = net - 0.05 * x.T @ (x @ net - y)
    return net


@claim(
    id="lookahead.saves_classes.retraining",
    title="The most likely label saves trainings",
    source=SAVES,
    reading="naive retraining of the network for every candidate and label, or a distance that is no norm of L2",
    expect="reproduced",
    experiment="lookahead.saves_classes.calls",
    seed=D.seed(),
    mutants={"nothing saved": dict(factor=1.0), "one class fewer": dict(factor=CLASSES - 1.0)},
)
def saves_retraining(seed: Tensor, *, factor: float = float(CLASSES)) -> Measurement:
    """Scoring a pool by retraining takes 10 times as many trainings, and 10 times as many distances between outputs, with an
    expectation over 10 labels as with the most likely one (counted; here the distance is the largest difference of a logit).
    """
    found = calls(seed)
    return measurement(torch.minimum(found["training"], found["distance"]), expect=(factor, factor))
