r"""Definition 5.1, $\rho$-nearly orthonormal bases: what $\rho$ says of norms, and when the coefficients are determined.

A function enters as its coordinates in an orthonormal system of $L^2(D)$: the rows of U are unit vectors, $G = UU^\top$.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import orthonormal_basis as ob
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_basis import SOURCE, independent, masses
from proofs_check.relations import Relation

TEXT = f"{SOURCE}, section 5.3, definition 5.1 (rho-nearly orthonormal basis)"
FACTOR = f"{SOURCE}, theorem 4.1, the factor 1 + rho d, for the basis of definition 5.1"


def _norms(U: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""$\rho$, $\mathrm{E}h^2$ and $|\alpha|^2$."""
    G = U @ torch.transpose(U, -1, -2)
    h = (alpha[..., None] * U).sum(-2)
    return ob.correlation(G), (h * h).sum(-1), (alpha * alpha).sum(-1)


@claim(
    id="sample_complexity.definition51.printed",
    title="The factor 1 + rho d",
    source=FACTOR,
    U=D.unit_vectors("D", "k"),
    alpha=D.real("D"),
    dims={"D": (1, 3), "k": (1, 2)},
    mutants={"1 + rho (d - 2)": dict(less=2.0), "1 + 0.95 rho (d - 1)": dict(less=1.0, share=0.95)},
)
def printed(U: Tensor, alpha: Tensor, *, less: float = 0.0, share: float = 1.0) -> Relation:
    r"""If $\mathrm{E}v_i^2 = 1$ and $|\mathrm{E}v_iv_j| \le \rho$ for $i \ne j \le \tilde d$, then $h = \sum\alpha_iv_i$ has
    $\mathrm{E}h^2 \le (1+\rho\tilde d)\,|\alpha|^2$.

    In the paper: the first line of the definition reads "$= 1, \forall i = j$".

    Notes: true, and too large by $\rho|\alpha|^2$ (sample_complexity.definition51.gershgorin).
    """
    rho, norm, size = _norms(U, alpha)
    return leq(norm, (1 + share * rho * (U.shape[-2] - less)) * size, names=["E h^2", "(1 + rho d) |alpha|^2"])


@claim(
    id="sample_complexity.definition51.gershgorin",
    title="Both sides, sharp",
    source=f"on {TEXT}; Gershgorin's theorem",
    sharpens="sample_complexity.definition51.printed",
    U=D.unit_vectors("D", "k"),
    alpha=D.real("D"),
    dims={"D": (1, 3), "k": (1, 2)},
    mutants={"above, 5 percent of rho less": dict(above=0.95), "below, 5 percent of rho less": dict(below=0.95)},
)
def gershgorin(U: Tensor, alpha: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""$(1-\rho(\tilde d-1))\,|\alpha|^2 \le \mathrm{E}h^2 \le (1+\rho(\tilde d-1))\,|\alpha|^2$.

    Proof: $|\mathrm{E}h^2-|\alpha|^2| \le \rho\sum_{i\ne j}|\alpha_i\alpha_j| \le \rho(\tilde d-1)|\alpha|^2$.

    Tight at: $\alpha = (1,\dots,1)$ and all correlations $-\rho$ (left) or $\rho$ (right).

    Notes: for $\rho(\tilde d-1) \ge 1$ the left side says nothing, and the functions may be dependent
    (sample_complexity.definition51.determined); the right side stays.
    """
    rho, norm, size = _norms(U, alpha)
    low, high = ob.gershgorin_bounds(rho, U.shape[-2])
    return chain(
        (1 - below * (1 - low)) * size,
        norm,
        (1 + above * (high - 1)) * size,
        names=["(1 - rho (d - 1)) |alpha|^2", "E h^2", "(1 + rho (d - 1)) |alpha|^2"],
    )


@claim(
    id="sample_complexity.definition51.equicorrelated",
    title="Equal correlations attain both sides",
    source=f"on {TEXT}",
    sharpens="sample_complexity.definition51.gershgorin",
    alpha=D.real("D"),
    rho=D.interval(-1, 1),
    dims={"D": (1, 5)},
    mutants={"one percent more": dict(share=1.01), "rho for 1 - rho": dict(own=0.0)},
)
def equicorrelated(alpha: Tensor, rho: Tensor, *, share: float = 1.0, own: float = 1.0) -> Relation:
    r"""For $G = (1-\rho)I+\rho\mathbf{1}\mathbf{1}^\top$: $\alpha^\top G\alpha = (1-\rho)|\alpha|^2+\rho(\sum_i\alpha_i)^2$,
    which is $(1+\rho(\tilde d-1))|\alpha|^2$ at $\alpha = (1,\dots,1)$, for both signs of $\rho$. So no smaller factor than
    $1+|\rho|(\tilde d-1)$ will do.

    Notes: $\tilde d = 3$, $\rho = 1/4$: 3/2, where the printed factor is 7/4. G is a Gram matrix for $-1/(\tilde d-1) \le \rho
    \le 1$.
    """
    G = ob.equicorrelated(rho, alpha.shape[-1])
    form = (alpha * (G @ alpha[..., None])[..., 0]).sum(-1)
    wanted = (own - rho) * (alpha * alpha).sum(-1) + share * rho * alpha.sum(-1) ** 2
    return eq(form, wanted, names=["E h^2", "(1 - rho) |alpha|^2 + rho (sum alpha)^2"])


@claim(
    id="sample_complexity.definition51.determined",
    title="The coefficients of h are determined, for every rho below 1/10",
    source=f"{TEXT}; 'rho in (1, 1/10)' in theorem 4.1, read as (0, 1/10)",
    reading="as printed: any rho below 1/10, any number of functions (12 here)",
    expect="refuted",
    alpha=D.real(12),
    share=D.interval(0, 1),
    mutants={"at least 0.2 percent": dict(least=0.002), "at least one percent": dict(least=0.01)},
)
def determined(alpha: Tensor, share: Tensor, *, least: float = 0.001) -> Relation:
    r"""If 12 functions of norm 1 have correlations of at most $\rho \le 1/11$, then $\alpha(h)$ is a function of h: no
    combination but the trivial one vanishes, even $\mathrm{E}h^2 \ge |\alpha|^2/1000$. Here all correlations are $-\rho$.

    Counterexample: $\rho = 1/11$, $\alpha = (1,\dots,1)$: $\mathrm{E}h^2 = 12-12\cdot11/11 = 0$. The functions are the corners
    of a simplex; they are dependent, h has many $\alpha(h)$, and $K_{\alpha,D'}$ of definition 5.4 depends on the choice.

    Notes: $\rho(\tilde d-1) < 1$ excludes this (sample_complexity.definition51.gershgorin), and so does $\rho = 0$, which
    always can be had (sample_complexity.definition51.gram_schmidt). In theorem 4.1 $\tilde d$ may be 20 and more.
    """
    G = ob.equicorrelated(-share / 11, 12)
    form = (alpha * (G @ alpha[..., None])[..., 0]).sum(-1)
    return leq(least * (alpha * alpha).sum(-1), form, names=["|alpha|^2 / 1000", "E h^2"])


@claim(
    id="sample_complexity.definition51.gram_schmidt",
    title="rho = 0 for every finite-dimensional class",
    source=f"replaces {TEXT}; Gram-Schmidt",
    amends="sample_complexity.definition51.determined",
    V=independent("k", "n"),
    p=masses("k", "n"),
    alpha=D.real("k"),
    dims={"k": (1, 2), "n": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "under equal masses": dict(equal=True)},
)
def gram_schmidt(V: Tensor, p: Tensor, alpha: Tensor, *, share: float = 1.0, equal: bool = False) -> Relation:
    r"""Every linear class of dimension $\tilde d$ has a basis with $\rho = 0$ under D: $\mathrm{E}h^2 = |\alpha|^2$, the factor
    $1+\rho\tilde d$ is 1, and $\alpha(h)$ is determined.

    Notes: so nearly orthonormal bases are needed nowhere; what theorem 4.1 needs is a space of small dimension near the class,
    and that is what fails (sample_complexity.claim53).
    """
    Q = ob.orthonormal_basis(V, torch.full_like(p, 1 / p.shape[-1]) if equal else p, rtol=0.0)
    h = (Q @ alpha[..., None])[..., 0]
    return eq((p * h * h).sum(-1), share * (alpha * alpha).sum(-1), names=["E h^2", "|alpha|^2"])
