r"""Definition 5.5: importance sampling procedures. What the two properties say, and what they ask of the basis."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_theorems import (
    SOURCE,
    apply,
    functions,
    masses,
    moments,
    positive_amounts,
    trace,
)
from proofs_check.relations import Relation

DEFINITION = f"{SOURCE}, section 5.4, Definition 5.5"
DISPLAY = f"{SOURCE}, section 5.4, the display after Definition 5.5"
DRAWS = 3


@claim(
    id="sample_complexity.definition55.display",
    title="The first property as a statement on the supremum",
    source=DISPLAY,
    reading="as printed: the supremum over h lies in [3/4, 5/4]",
    expect="refuted",
    lam=D.spectrum("D", lo=0, hi=1.25),
    alpha=D.real("D"),
    dims={"D": (1, 3)},
    assumes=[lambda lam: torch.amax(lam, -1) >= 0.75],
    mutants={"at least 1/2": dict(low=0.5), "at least 1/4": dict(low=0.25)},
)
def display(lam: Tensor, alpha: Tensor, *, low: float = 0.75) -> Relation:
    r"""If $\sup_h\frac{\sum_iu_i|h(x_i)|^2}{\|h\|_D^2} \in [\frac{3}{4}, \frac{5}{4}]$, then all eigenvalues of $A^*A$ lie
    there: in the eigenbasis, $\sum\lambda_i\alpha_i^2 \ge \frac{3}{4}|\alpha|^2$ for every $\alpha$.

    In the paper: "if both $\varepsilon_0$ and $\rho$ equal 0, then the first property is equivalent to $\sup_{h\in
    F}\frac{\sum_{i=1}^ku_i\cdot|h(x_i)|^2}{\|h\|_D^2} \in [\frac{3}{4}, \frac{5}{4}]$".

    Counterexample: eigenvalues (1, 0): the supremum is 1, and a function that vanishes at all sampled points has the ratio 0.

    Notes: "for all h" is meant (definition55.for_all).
    """
    squares = alpha * alpha
    return leq(low * squares.sum(-1), (lam * squares).sum(-1), names=["3/4 |h|^2", "sum u |h|^2"])


@claim(
    id="sample_complexity.definition55.for_all",
    title="The first property as a statement on all functions",
    source=DISPLAY,
    reading="for all h in place of the supremum; rho = 0",
    amends="sample_complexity.definition55.display",
    M=D.psd("D"),
    alpha=D.real("D"),
    dims={"D": (1, 3)},
    mutants={"lowest eigenvalue one percent higher": dict(low=1.01), "highest one percent lower": dict(high=0.99)},
)
def for_all(M: Tensor, alpha: Tensor, *, low: float = 1.0, high: float = 1.0) -> Relation:
    r"""With an orthonormal basis, $\sum_iu_i|h(x_i)|^2 = \alpha^\top A^*A\,\alpha$ and $\lambda_{\min}\|h\|_D^2 \le
    \alpha^\top A^*A\,\alpha \le \lambda_{\max}\|h\|_D^2$, both attained: all eigenvalues lie in $[\frac{3}{4}, \frac{5}{4}]$
    if and only if $\frac{3}{4} \le \frac{\sum u_i|h(x_i)|^2}{\|h\|_D^2} \le \frac{5}{4}$ for every h.

    Tight at: eigenvectors.
    """
    values = torch.linalg.eigvalsh(M)
    norm = (alpha * alpha).sum(-1)
    return chain(
        low * values[..., 0] * norm,
        (alpha * apply(M, alpha)).sum(-1),
        high * values[..., -1] * norm,
        names=["lam_min |h|^2", "sum u |h|^2", "lam_max |h|^2"],
    )


@claim(
    id="sample_complexity.definition55.labels",
    title="At least 1.5 D / eps rounds",
    source=f"own lower bound for {DEFINITION}",
    V=functions(),
    u=positive_amounts(),
    dims={"D": (1, 3), "m": (1, 1)},
    mutants={"1.52 D / eps": dict(share=1.0133), "one round fewer": dict(fewer=1)},
)
def labels(V: Tensor, u: Tensor, *, share: float = 1.0, fewer: int = 0) -> Relation:
    r"""Every output of k rounds with $\lambda_{\min}(A^*A) \ge \frac{3}{4}$ and $\beta_iK_{D_i} \le \frac{\varepsilon}{2}$
    has $k \ge \frac{3D}{2\varepsilon}$: scaled so that $\lambda_{\min} = \frac{3}{4}$, $\frac{3}{4}D \le \mathrm{tr}\,A^*A
    \le k\max_iu_i|v(x_i)|^2 \le k\,\frac{\varepsilon}{2}$.

    Proof: $u_i|v(x_i)|^2 \le \beta_iK_{D_i}$.

    Tight at: k a multiple of D, orthogonal rows of equal weight.

    Notes: so the O(D/eps) rounds of Lemma 5.8 are of the right order, and 1.5 is the best constant that these two properties
    allow.
    """
    M = moments(V, u)
    lowest = torch.linalg.eigvalsh(M)[..., 0]
    largest = torch.amax(u * (V * V).sum(-1), -1)
    k, size = V.shape[-2], V.shape[-1]
    return chain(
        share * size * lowest,
        trace(M),
        (k - fewer) * largest,
        names=["D lam_min", "tr A*A", "k max u |v|^2"],
    )


@claim(
    id="sample_complexity.definition55.necessary",
    title="What the two properties ask of the basis",
    source=f"own complement to {DEFINITION}",
    reading="any basis, rho > 0: coefficients in the place of norms",
    V=functions(),
    p=masses(),
    q=masses(),
    total=D.interval(0.375, 1.25),
    dims={"D": (1, 2), "m": (1, 1)},
    mutants={"0.83 for 3/4": dict(low=0.83), "0.9 for 3/4": dict(low=0.9)},
)
def necessary(V: Tensor, p: Tensor, q: Tensor, total: Tensor, *, low: float = 0.75) -> Relation:
    r"""$\frac{3}{4}P(good)\,I \preceq E\sum\beta_i\;G$. So $P(good) \ge 0.9$ and $\sum\beta \le \frac{5}{4}$ make
    $\lambda_{\min}(G) \ge \frac{0.9\cdot0.75}{1.25} = 0.54$ necessary.

    Proof: $E\,A^*A = E\sum\beta_i\,G$, and $A^*A \succeq \frac{3}{4}I$ on good outputs, $\succeq 0$ on the others.

    Tight at: D = 1, all outputs at 3/4.

    Notes: for three draws from up to three points, all samples visited. Hence $\rho(D-1) \le 0.46$ is needed of a basis with
    equal negative correlations; an orthonormal basis always will do.
    """
    zero = 0 * p
    found = al.sparsifier.expected_error(V, p, q, zero, zero, draws=DRAWS, total=total, coefficients=True)
    lowest = torch.linalg.eigvalsh(moments(V, p))[..., 0]
    return leq(low * found.good, total * lowest, names=["3/4 P(good)", "sum(beta) lam_min(G)"])


@claim(
    id="sample_complexity.definition55.condition",
    title="Always good outputs ask for a condition number of at most 5/3",
    source=f"own complement to {DEFINITION}",
    reading="outputs that are good with certainty, or in the limit of small eps",
    first=D.psd("D"),
    second=D.psd("D"),
    share=D.interval(0, 1),
    dims={"D": (1, 3)},
    mutants={
        "the mean of the smallest, one percent more": dict(low=1.01),
        "the mean of the largest, one percent less": dict(high=0.99),
    },
)
def condition(first: Tensor, second: Tensor, share: Tensor, *, low: float = 1.0, high: float = 1.0) -> Relation:
    r"""For two outcomes of $A^*A$ with mean $\bar M$: $\min\lambda_{\min} \le \lambda_{\min}(\bar M)$ and
    $\lambda_{\max}(\bar M) \le \max\lambda_{\max}$. As $\bar M = E\sum\beta_i\,G$, outputs that are all good need $\frac{3}{4}
    \le E\sum\beta\,\lambda(G) \le \frac{5}{4}$, and $\mathrm{cond}(G) \le \frac{5}{3}$.
    """
    mean = share[..., None, None] * first + (1 - share)[..., None, None] * second
    a, b, middle = (torch.linalg.eigvalsh(M) for M in (first, second, mean))
    return chain(
        low * torch.minimum(a[..., 0], b[..., 0]),
        middle[..., 0],
        middle[..., -1],
        high * torch.maximum(a[..., -1], b[..., -1]),
        names=["least lam_min", "lam_min of the mean", "lam_max of the mean", "largest lam_max"],
    )


@claim(
    id="sample_complexity.definition55.every_basis",
    title="An importance sampling procedure for every nearly orthonormal basis",
    source=f"{DEFINITION}, with definition 5.1 and the range of rho of Theorem 4.1",
    reading="for every basis with rho at most 1/10, however small eps is",
    expect="refuted",
    rho=D.interval(0, 3 / 32),
    size=D.integer(1, 12),
    mutants={"1.7 for 5/3": dict(limit=1.02), "2 for 5/3": dict(limit=1.2)},
)
def every_basis(rho: Tensor, size: Tensor, *, limit: float = 1.0) -> Relation:
    r"""Every $\rho$-nearly orthonormal basis of D functions with $\rho \le \frac{1}{10}$ has $\mathrm{cond}(G) \le
    \frac{5}{3}$, which good outputs need as $\varepsilon \to 0$, where $A^*A$ tends to its mean. Here all correlations are
    $\rho$, and $\mathrm{cond}(G) = \frac{1+\rho(D-1)}{1-\rho}$.

    Counterexample: $\rho = \frac{1}{10}$, D = 7: $\frac{16}{9} > \frac{5}{3}$; D = 6 has $\frac{15}{9}$ exactly.

    Notes: so definition 5.5 is void for this basis when $\varepsilon$ is small. It is not for others: Gram-Schmidt makes
    $\rho = 0$ (al.orthonormal_basis.orthonormal_basis), and then there is no obstacle.
    """
    return leq(3 * (1 + rho * (size - 1)), 5 * limit * (1 - rho), names=["3 lam_max(G)", "5 lam_min(G)"])
