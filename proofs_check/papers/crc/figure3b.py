r"""Figure 3 (b): the smallest eigenvalue as the labelled set grows."""

from __future__ import annotations

from torch import Tensor

from altheory.spectra import label_measure
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.crc._selection import B3, COND, GRADIENTS, gram, lowest, no_zero_gradient, positive, sub
from proofs_check.relations import Relation

SOURCE = f"{B3}, 'the eigenvalue distribution concentrates towards 0 as the labeled set grows'"


@claim(
    id="crc.figure3b.nested",
    title="The smallest eigenvalue falls as the labelled set grows",
    source=SOURCE,
    reading="lambda_min, one growing set",
    uses=["crc.eq9.interlacing"],
    K=D.psd(4),
    mutants={"by one percent a point": dict(share=1.01), "by a thousandth a point": dict(share=1.001)},
)
def nested(K: Tensor, *, share: float = 1.0) -> Relation:
    r"""If $X_1\subset X_2\subset\dots$, each with one point more, then
    $\lambda_{\min}(X_1) \ge \lambda_{\min}(X_2) \ge \dots$ (here up to four points).

    Tight at: orthogonal points with decreasing norms.

    Notes: no experiment is needed for this direction. That it tends to 0 is a property of the data.
    """
    one, two, three, four = (lowest(sub(K, range(n))) for n in (1, 2, 3, 4))
    return chain(share * four, three, two, one / share, names=["4 points", "3 points", "2 points", "1 point"])


@claim(
    id="crc.figure3b.positive",
    title="The smallest positive eigenvalue falls as the labelled set grows",
    source=SOURCE,
    reading="lambda_min^+, which Algorithm 1 computes, with features that stay as they are",
    expect="refuted",
    J=GRADIENTS,
    dims={"n": (3, 3), "p": (1, 1)},
    assumes=[no_zero_gradient],
    mutants={"up to a factor of 1.5": dict(share=2 / 3), "up to a factor of 2": dict(share=0.5)},
)
def positive_(J: Tensor, *, share: float = 1.0) -> Relation:
    r"""Along a growing set of points with one feature each, $\lambda_{\min}^+(X_1) \ge \lambda_{\min}^+(X_2) \ge
    \lambda_{\min}^+(X_3)$.

    Counterexample: features 1, 1, 1: 1, 2, 3.

    Notes: beyond the rank it never falls (crc.section33.beyond_rank).
    """
    K = gram(J)
    one, two, three = (positive(sub(K, range(n))) for n in (1, 2, 3))
    return chain(share * three, two, one / share, names=["3 points", "2 points", "1 point"])


@claim(
    id="crc.figure3b.slower",
    title="A larger labelled set trains more slowly",
    source=f"{B3}, '... implying slower convergence rates'",
    reading="the error itself, as a share of its start, eta lambda_max <= 1",
    expect="refuted",
    K=D.psd(2, cond=COND),
    Y=D.real(2),
    eta=D.step_size("K", D.interval(0, 1)),
    t=D.integer(1, 6),
    mutants={"at least half of the share": dict(share=0.5), "at least a quarter of the share": dict(share=0.25)},
)
def slower(K: Tensor, Y: Tensor, eta: Tensor, t: Tensor, *, share: float = 1.0) -> Relation:
    r"""If a second point is labelled, the share $E_t^2/E_0^2$ of the squared error that is left after t steps is at least
    what it was with the first point alone, $(1-\eta k_{11})^{2t}$.

    Counterexample: $K = \mathrm{diag}(1/10, 1)$, labels (0, 1), $\eta = 1$: 0 after one step, 81/100 with the first point
    alone.

    Notes: the bound $(1-\eta\lambda_{\min})^{2t}$ does get worse, by crc.figure3b.nested; the error follows the labels.
    """
    mu = label_measure(K, Y)
    alone = (1 - eta * K[:, 0, 0]) ** (2 * t)
    return leq(share * alone * mu.T, mu.E2(t, eta), names=["E_0^2 times the share of the first point", "E_t^2"])
