r"""What Theorem 4.1 is for a linear class, and what section 3.3 says of the condition number."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_theorems import (
    SOURCE,
    amounts,
    functions,
    masses,
    numbers,
    peaks,
)
from proofs_check.relations import Relation

SECTION33 = f"{SOURCE}, section 3.3"
SMALL = {"D": (1, 2), "m": (1, 1)}


@claim(
    id="sample_complexity.theorem41.linear",
    title="Theorem 4.1 for a linear class, with its constant",
    source=f"{SOURCE}, section 4, Theorem 4.1; own derivation",
    reading="F linear of dimension D, rho = eps_0 = 0, bad samples counted as zero",
    amends="sample_complexity.theorem41",
    V=functions(),
    p=masses(),
    y=numbers(),
    variance=amounts(),
    total=D.interval(0.75, 1.25),
    dims=SMALL,
    mutants={
        "1.7 for 16/9": dict(worst=0.956),
        "half a percent fewer labels": dict(fewer=0.995),
        "sum of beta at most 1.2": dict(most=1.2),
    },
)
def linear(
    V: Tensor,
    p: Tensor,
    y: Tensor,
    variance: Tensor,
    total: Tensor,
    *,
    worst: float = 1.0,
    fewer: float = 1.0,
    most: float = 1.25,
    draws: int = 3,
) -> Relation:
    r"""Let F be linear of dimension D with an orthonormal basis v, f its best function, and draw k points by leverage, $q =
    p|v|^2/D$, with the weights $\beta p/q$, $\sum\beta = s \le 5/4$. With $\varepsilon = 2sD/k$, that is, with $k =
    2sD/\varepsilon$ labels, the weighted regression $\tilde f$ has $E\,\|\tilde f-f\|_D^2\,1_{good} \le \frac{16}{9}E|g|^2 =
    \frac{8}{9}s\,\varepsilon\,E|y-f|^2 \le \frac{10}{9}\,\varepsilon\,E|y-f|^2$.

    In the paper: $\varepsilon_0+\varepsilon(1+\rho\tilde d)\,E|y-f(W^*,x)|^2$ for networks.

    Proof: the errors are $M^{-1}g$ with $M \succeq \frac{3}{4}I$; the cross terms of $E|g|^2$ vanish, as $E_D[(y-f)v] = 0$.

    Tight at: each step is (one sample M = 3/4; leverage; s = 5/4), the whole is not.

    Notes: exact averages over all samples of three draws from at most four points, with any residual, bias and noise. Samples
    drawn by randomized BSS are all good, and then the constant is 0.812 (theorem57.bss).
    """
    size = V.shape[-1]
    law = p * peaks(V, p)
    law = law / law.sum(-1)[..., None]
    residual = al.sparsifier.orthogonal_residual(V, p, y)
    found = al.sparsifier.expected_error(V, p, law, residual, variance, draws=draws, total=total)
    served = 2 * total * size / draws * found.noise  # eps E|y - f|^2
    return chain(
        found.error,
        16 * worst * found.gradient / 9,
        8 * fewer * total * served / 9,
        8 * most * served / 9,
        names=["E err 1_good", "16/9 E|g|^2", "8/9 s eps E|y - f|^2", "10/9 eps E|y - f|^2"],
    )


@claim(
    id="sample_complexity.section33.unlabelled",
    title="The pool grows with the condition number",
    source=SECTION33,
    reading="for a linear class, samples drawn from D itself",
    V=functions(),
    p=masses(),
    dims={"D": (1, 3), "m": (1, 1)},
    mutants={"one percent less": dict(share=0.99), "the dimension for K": dict(dimension=True)},
)
def unlabelled(V: Tensor, p: Tensor, *, share: float = 1.0, dimension: bool = False) -> Relation:
    r"""Draws from D itself meet $\beta K_{\alpha,D} \le \varepsilon/2$ with $\beta = 1/k$ if and only if $k \ge
    2K/\varepsilon$, K the condition number of the class: $\max_x\frac{D(x)}{D(x)}\sup_h\frac{h(x)^2}{\|h\|_D^2} = K$.

    In the paper: "the number of required unlabeled samples [is] proportional to the condition number".
    """
    K = al.orthonormal_basis.condition_number(V, p)
    other = V.shape[-1] + 0 * K if dimension else share * K
    return eq(al.orthonormal_basis.weighted_condition_number(V, p, p), other, names=["K of the draws from D", "K"])


@claim(
    id="sample_complexity.section33.labelled",
    title="The number of labels as proportional to the condition number",
    source=SECTION33,
    reading="as printed: labels too are proportional to K",
    expect="refuted",
    V=functions(),
    p=masses(),
    q=masses(),
    dims={"D": (1, 3), "m": (1, 1)},
    mutants={"a tenth of K": dict(share=0.1), "half of K": dict(share=0.5)},
)
def labelled(V: Tensor, p: Tensor, q: Tensor, *, share: float = 1.0) -> Relation:
    r"""Whatever law q the labelled points are drawn from, it asks for at least $2K/\varepsilon$ labels:
    $\max_x\frac{p(x)}{q(x)}\sup_h\frac{h(x)^2}{\|h\|_D^2} \ge K$.

    In the paper: "We prove that both the number of required unlabeled samples and the number of required labeled data are
    proportional to the condition number of distribution D".

    Counterexample: one function $h = (1, 2)$ on two points of mass 1/2: $K = 8/5$, and by leverage, $q = (1/5, 4/5)$, the left
    side is 1.

    Notes: it contradicts Theorem 4.1, whose labels are of order $\tilde d/\varepsilon$ without K. For a linear class that is
    the truth: with leverage sampling K is replaced by the dimension (section33.dimension).
    """
    K = al.orthonormal_basis.condition_number(V, p)
    return leq(share * K, al.orthonormal_basis.weighted_condition_number(V, p, q), names=["K", "K of the draws from q"])


@claim(
    id="sample_complexity.section33.dimension",
    title="The number of labels does not depend on the distribution",
    source=f"{SOURCE}, section 4: 'our upper bound of required labeled data does not depend on the data distribution'",
    reading="of the bound, for a linear class of dimension D",
    amends="sample_complexity.section33.labelled",
    V=functions(),
    p=masses(),
    dims={"D": (1, 3), "m": (1, 1)},
    mutants={"one percent less": dict(share=0.99), "the condition number for D": dict(condition=True)},
)
def dimension(V: Tensor, p: Tensor, *, share: float = 1.0, condition: bool = False) -> Relation:
    r"""Draws by leverage, $q_i = p_iv_i^\top G^{-1}v_i/D$, meet $\beta K \le \varepsilon/2$ with $\beta = 1/k$ if and only if
    $k \ge 2D/\varepsilon$, whatever the distribution: $\max_i\frac{p_i}{q_i}v_i^\top G^{-1}v_i = D$.
    """
    scores = p * peaks(V, p)
    law = scores / scores.sum(-1)[..., None]
    found = torch.amax(torch.where(law > 0, scores / torch.where(law > 0, law, 1 + 0 * law), 0 * law), -1)
    other = torch.amax(peaks(V, p), -1) if condition else share * V.shape[-1] + 0 * found
    return eq(found, other, names=["K of the draws by leverage", "D"])
