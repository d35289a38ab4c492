r"""Whether more labels help, and whether the number of labels depends on the distribution (abstract, sections 4 and 5.6).

The noise enters through its variance at each point; the law of a design says which points are labelled, and how often.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, eq, leq, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.sample_complexity._settings_theorems import (
    SOURCE,
    apply,
    functions,
    masses,
    moments,
    peaks,
    positive_amounts,
    trace,
    transposed,
)
from proofs_check.relations import Rate, Relation

MORE = f"{SOURCE}, section 4: 'increasing the number of labeled samples further would not improve the prediction accuracy'"
NOT_ALWAYS = f"{SOURCE}, section 1: 'more labels in a dataset do not necessarily improve the prediction result'"
WHATEVER = f"{SOURCE}, abstract: 'the minimum number of labeled data ... does not depend on the data distribution'"
SMALL = {"D": (1, 2), "m": (1, 1)}
COUNTS = (60, 120, 240, 480, 960)


def _error(V: Tensor, copies: Tensor, p: Tensor) -> Tensor:
    """E|f~ - f|^2 of plain regression with noise of variance 1, every row labelled `copies` times."""
    information = moments(V, copies)
    return trace(torch.linalg.solve(information, moments(V, p)))


@claim(
    id="sample_complexity.more_labels",
    title="More labels would not improve the prediction",
    source=MORE,
    reading="as printed: beyond the bound, the error stays what it is",
    expect="refuted",
    V=functions(),
    p=masses(),
    copies=D.integer(1, 1000),
    more=D.integer(1, 1000),
    dims=SMALL,
    mutants={"not by more than one percent": dict(share=0.99), "not by half": dict(share=0.5)},
)
def more_labels(V: Tensor, p: Tensor, copies: Tensor, more: Tensor, *, share: float = 1.0) -> Relation:
    r"""Plain regression on a linear class with independent noise of variance 1: labelling every point $c+c'$ times leaves an
    error of at least that of labelling it c times, however large c is.

    In the paper: "the upper bound of required labeled data and increasing the number of labeled samples further would not
    improve the prediction accuracy of a neural network".

    Counterexample: constants on any points, $c = c' = 1$: the error is halved.

    Notes: an upper bound on what suffices for the accuracy $\varepsilon$ says nothing of more labels. The error of k labels
    is of order $D/k$ for every k (more_labels.rate). What the introduction says, that more labels do not necessarily improve,
    is true (more_labels.noise_free).
    """
    ones = 1 + 0 * p
    few = _error(V, ones * copies[..., None], p)
    many = _error(V, ones * (copies + more)[..., None], p)
    return leq(share * few, many, names=["error of c labels a point", "error of c + c' labels a point"])


@claim(
    id="sample_complexity.more_labels.monotone",
    title="More labels never harm, with equal noise",
    source=f"replaces {MORE}",
    amends="sample_complexity.more_labels",
    V=functions(),
    p=masses(),
    copies=positive_amounts(),
    more=D.nonneg("D"),
    dims=SMALL,
    mutants={"less than 99 percent": dict(share=1.01), "less than 99.9 percent": dict(share=1.001)},
)
def monotone(V: Tensor, p: Tensor, copies: Tensor, more: Tensor, *, share: float = 1.0) -> Relation:
    r"""With independent noise of variance 1, further labels do not increase the error
    $\mathrm{tr}\,G(\sum_jv_jv_j^\top)^{-1}$ of plain regression on a linear class.

    Tight at: no further label.
    """
    added = torch.cat([more, 0 * copies[..., more.shape[-1] :]], -1)
    return leq(share * _error(V, copies + added, p), _error(V, copies, p), names=["error with more labels", "error with fewer"])


@claim(
    id="sample_complexity.more_labels.noise_free",
    title="More labels do not necessarily improve the prediction",
    source=NOT_ALWAYS,
    reading="there are cases in which they do not: no noise",
    V=functions(),
    copies=positive_amounts(),
    c=D.real("D"),
    probe=D.real("D"),
    dims=SMALL,
    mutants={"one percent off": dict(share=1.01), "one label with an error": dict(error=0.01)},
)
def noise_free(V: Tensor, copies: Tensor, c: Tensor, probe: Tensor, *, share: float = 1.0, error: float = 0.0) -> Relation:
    r"""If y = f(x) with f in the linear class, weighted regression on any labelled points that span the class gives f,
    whatever their number and weights: for every probe b, $b\cdot\tilde c = b\cdot c$.
    """
    labels = apply(V, c)
    labels = torch.cat([labels[..., :1] + error, labels[..., 1:]], -1)
    found = torch.linalg.solve(moments(V, copies), apply(transposed(V), copies * labels))
    return eq((probe * found).sum(-1), share * (probe * c).sum(-1), names=["b.c~", "b.c"])


@remembered
def _errors(seed: Tensor) -> Tensor:
    """E|f~ - f|^2 over D s2 / k for leverage sampling in dimension 5, (seeds, counts), a mean over 24 samples."""
    rows = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        raw = torch.randn(200, 5, generator=generator, dtype=torch.float64)
        p = torch.full((200,), 1 / 200, dtype=torch.float64)
        V = al.orthonormal_basis.orthonormal_basis(raw, p)
        q = al.orthonormal_basis.leverage_distribution(V, p)
        row = []
        for k in COUNTS:
            drawn = torch.multinomial(q.expand(24, -1), k, replacement=True, generator=generator)
            u = (p / q)[drawn] / k
            M = moments(V[drawn], u)
            noise = moments(V[drawn], u * u)
            inverse = torch.linalg.inv(M)
            row.append(float(trace(inverse @ noise @ inverse).mean()))
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


@claim(
    id="sample_complexity.more_labels.rate",
    title="The error falls as 1/k for every number of labels",
    source=f"replaces {MORE}",
    amends="sample_complexity.more_labels",
    seed=D.seed(),
    experiment="sample_complexity.more_labels",
    mutants={"rate -0.75": dict(exponent=-0.75), "no improvement": dict(exponent=0.0)},
)
def rate_(seed: Tensor, *, exponent: float = -1.0) -> Rate:
    r"""Weighted regression on k points drawn by leverage, with noise of variance 1, has an error that falls as 1/k (D = 5, k
    from 60 to 960).

    Notes: to first order it is $D/k$.
    """
    return rate(COUNTS, _errors(seed), exponent=exponent, tolerance=0.15)


@claim(
    id="sample_complexity.more_labels.minimax",
    title="No design needs fewer labels than D s2 / k, in the worst case of the noise",
    source=f"replaces {WHATEVER}; own derivation",
    reading="agnostic or unequal noise, the paper's setting: the worst noise of a given size, to first order in 1/k",
    V=functions(),
    p=masses(),
    design=masses(),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "equal noise": dict(equal=True)},
)
def minimax(V: Tensor, p: Tensor, design: Tensor, *, share: float = 1.0, equal: bool = False) -> Relation:
    r"""Let the noise at $x_i$ have the variance $\sigma_i^2 = s^2\ell_i/D$, $\ell_i = v_i^\top G^{-1}v_i$, so that $E\sigma^2
    = s^2$. Every design $\xi$, with the best weights, has $\mathrm{tr}\,G\left(\sum_i\xi_iv_iv_i^\top/\sigma_i^2\right)^{-1}
    \ge D\,s^2$: with k labels an error of $D\,s^2/k$, for every distribution of rank D.

    Proof: $\mathrm{tr}\,G^{-1}\sum_i\xi_iv_iv_i^\top/\sigma_i^2 = D/s^2$, and $\mathrm{tr}\,A^{-1} \ge D^2/\mathrm{tr}\,A$.

    Tight at: $\xi$ the leverage sampling, which has no more than that for any noise (more_labels.leverage).
    """
    leverage = peaks(V, p)
    variance = 1 + 0 * leverage if equal else leverage / V.shape[-1]
    drawn = variance > 0
    information = moments(V, torch.where(drawn, design / torch.where(drawn, variance, 1 + 0 * variance), 0 * design))
    return leq(
        share * V.shape[-1] + 0 * leverage[..., 0],
        trace(torch.linalg.solve(information, moments(V, p))),
        names=["D s^2", "k times the error"],
    )


@claim(
    id="sample_complexity.more_labels.leverage",
    title="Leverage sampling needs the same number of labels for every distribution and every noise",
    source=WHATEVER,
    reading="of the labels that leverage sampling needs, linear class of dimension D, to first order in 1/k",
    V=functions(),
    p=masses(),
    squares=positive_amounts(),
    dims=SMALL,
    mutants={"one percent less": dict(share=0.99), "draws from D itself": dict(itself=True)},
)
def leverage(V: Tensor, p: Tensor, squares: Tensor, *, share: float = 1.0, itself: bool = False) -> Relation:
    r"""Let $e_i = E|y-f|^2$ at $x_i$, noise and bias together, and $s^2 = \sum p_ie_i$. Drawn by leverage, $q = p\,\ell/D$,
    the first order of k times the error is $E_q\left[(p/q)^2e\,\ell\right] \le D\,s^2$, whatever p, v and e are.

    Tight at: every distribution and noise, unless a point has no leverage: what happens there does not matter.

    Notes: with more_labels.minimax: in the worst case of the noise the number of labels depends on the distribution through
    the dimension only. That D may itself depend on the distribution (it is the rank on the support) is another matter.
    """
    scores = p * peaks(V, p)
    law = p if itself else scores / scores.sum(-1)[..., None]
    drawn = law > 0
    first = torch.where(drawn, p * squares * scores / torch.where(drawn, law, 1 + 0 * law), 0 * law).sum(-1)
    return leq(first, share * V.shape[-1] * (p * squares).sum(-1), names=["E_q (p/q)^2 e l", "D s^2"])


@claim(
    id="sample_complexity.more_labels.equal_noise",
    title="The number of labels as independent of the distribution, with equal noise",
    source=WHATEVER,
    reading="for noise of equal variance and a well-specified class: the best design for each distribution",
    expect="refuted",
    V=functions(),
    p=masses(),
    design=masses(),
    dims=SMALL,
    mutants={"half of D s^2": dict(share=0.5), "a tenth": dict(share=0.1)},
)
def equal_noise(V: Tensor, p: Tensor, design: Tensor, *, share: float = 1.0) -> Relation:
    r"""With noise of variance $s^2$ at every point, no design $\xi$ has an error below $D\,s^2/k$:
    $\mathrm{tr}\,G(\sum_i\xi_iv_iv_i^\top)^{-1} \ge D$.

    In the paper: "the minimum number of labeled data a neural net needs does not depend on the data distribution".

    Counterexample: the function (1, 2) on two points of mass 1/2, labels at the second with $\xi = \frac{3}{4}$: $G =
    \frac{5}{2}$, $\sum\xi v^2 = \frac{13}{4}$, so $\frac{10}{13} < 1$.

    Notes: where the noise is equal, labels are best spent where functions are large, and the distribution decides how much
    that gains. `al.sparsifier.a_optimal` computes it for a given V. In the paper's setting the noise is arbitrary
    (more_labels.minimax).
    """
    return leq(
        share * V.shape[-1] + 0 * p[..., 0],
        trace(torch.linalg.solve(moments(V, design), moments(V, p))),
        names=["D", "k times the error / s^2"],
    )
