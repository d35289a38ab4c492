r"""Definition 5.4: the alpha-condition number of draws from another law, and the display after it."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory import orthonormal_basis as ob
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_theorems import (
    SOURCE,
    apply,
    functions,
    masses,
    mean_square,
    moments,
    trace,
)
from proofs_check.relations import Relation

DEFINITION = f"{SOURCE}, section 5.4, Definition 5.4"
DISPLAY = f"{SOURCE}, section 5.4, the display after Definition 5.4"
SMALL = {"D": (1, 3), "m": (1, 1)}
#: eigenvalues and roots are slow in exact arithmetic
SMALLER = {"D": (1, 2), "m": (1, 1)}


@claim(
    id="sample_complexity.definition54",
    title="The alpha-condition number in closed form",
    source=DEFINITION,
    V=functions(),
    p=masses(),
    q=masses(),
    alpha=D.real("D"),
    dims=SMALLER,
    mutants={"one percent less": dict(share=0.99), "half a percent less": dict(share=0.995)},
)
def definition54(V: Tensor, p: Tensor, q: Tensor, alpha: Tensor, *, share: float = 1.0) -> Relation:
    r"""For every $h = \sum\alpha_jv_j$, $\max_i\frac{p_i}{q_i}h(x_i)^2 \le K_{\alpha,q}\,|\alpha|^2$ with
    $K_{\alpha,q} = \max_i\frac{p_i}{q_i}|v_i|^2$.

    In the paper: $K_{\alpha,D'} = \sup_x\left\{\frac{D(x)}{D'(x)}\sup_h\frac{|h(x)|^2}{\|\alpha(h)\|_2^2}\right\}$.

    Proof: Cauchy-Schwarz.

    Tight at: $\alpha = v_i$ for the i that is best.
    """
    h = apply(V, alpha)
    return leq(
        torch.amax(p * h * h / q, -1),
        share * ob.alpha_condition_number(V, p, q) * (alpha * alpha).sum(-1),
        names=["max p h^2 / q", "K |alpha|^2"],
    )


@claim(
    id="sample_complexity.definition54.display",
    title="The display, for one function",
    source=DISPLAY,
    reading="for a fixed h, orthonormal basis (rho = 0), D' with the support of D",
    V=functions(),
    p=masses(),
    q=masses(),
    alpha=D.real("D"),
    dims=SMALLER,
    assumes=[lambda alpha: (alpha != 0).any(-1)],
    mutants={"one percent more": dict(share=1.01), "a basis that is not orthonormal": dict(orthonormal=False)},
)
def display(V: Tensor, p: Tensor, q: Tensor, alpha: Tensor, *, share: float = 1.0, orthonormal: bool = True) -> Relation:
    r"""If the basis is orthonormal under D and D' covers the support, then
    $E_{D'}\left[\frac{D(x)}{D'(x)}\frac{|h(x)|^2}{\|\alpha(h)\|^2}\right] = 1$ for every h.
    """
    basis = ob.orthonormal_basis(V, p) if orthonormal else V
    found = ob.mean_ratio(basis, p, q, alpha)
    return eq(found, share + 0 * found, names=["E (D/D') h^2 / |alpha|^2", "1"])


@claim(
    id="sample_complexity.definition54.display_nearly",
    title="The display for a nearly orthonormal basis",
    source=DISPLAY,
    reading="for a fixed h, rho > 0",
    amends="sample_complexity.definition54.display",
    V=functions(),
    p=masses(),
    q=masses(),
    alpha=D.real("D"),
    dims={"D": (2, 3), "m": (1, 1)},
    assumes=[lambda alpha: (alpha != 0).any(-1)],
    mutants={"rho (D - 2)": dict(fewer=1), "rho one percent smaller": dict(share=0.99)},
)
def display_nearly(V: Tensor, p: Tensor, q: Tensor, alpha: Tensor, *, fewer: int = 0, share: float = 1.0) -> Relation:
    r"""If $E v_i^2 = 1$ and $|E v_iv_j| \le \rho$, the same mean lies between $1-\rho(D-1)$ and $1+\rho(D-1)$.

    Tight at: D = 2, $\alpha = (1, \pm1)$.
    """
    basis = ob.normalised(V, p)
    rho = share * ob.correlation(ob.gram(basis, p))
    size = max(basis.shape[-1] - fewer, 1)
    low, high = ob.gershgorin_bounds(rho, size)
    return chain(low, ob.mean_ratio(basis, p, q, alpha), high, names=["1 - rho (D-1)", "mean", "1 + rho (D-1)"])


@claim(
    id="sample_complexity.definition54.supremum_outside",
    title="The display with the supremum outside the mean",
    source=DISPLAY,
    reading="the largest over h of the mean",
    V=functions(),
    p=masses(),
    q=masses(),
    alpha=D.real("D"),
    dims=SMALLER,
    mutants={"one percent less": dict(share=0.99), "half a percent less": dict(share=0.995)},
)
def supremum_outside(V: Tensor, p: Tensor, q: Tensor, alpha: Tensor, *, share: float = 1.0) -> Relation:
    r"""$E_{D'}\left[\frac{D}{D'}|h|^2\right] \le \lambda_{\max}(G)\,|\alpha(h)|^2$ for every h, and $\lambda_{\max}(G) = 1$
    for an orthonormal basis.

    Tight at: $\alpha$ the first eigenvector.
    """
    h = apply(V, alpha)
    return leq(
        mean_square(p, h),
        share * ob.supremum_of_mean(V, p, q) * (alpha * alpha).sum(-1),
        names=["E (D/D') h^2", "lam_max(G) |alpha|^2"],
    )


@claim(
    id="sample_complexity.definition54.supremum_inside",
    title="The display with the supremum inside the mean, as in K",
    source=DISPLAY,
    reading="the supremum over h inside the mean, where definition 5.4 has it; orthonormal basis",
    expect="refuted",
    V=functions(),
    p=masses(),
    q=masses(),
    dims={"D": (2, 3), "m": (1, 1)},
    mutants={"at most 1.5": dict(bound=1.5), "at most 1.9": dict(bound=1.9)},
)
def supremum_inside(V: Tensor, p: Tensor, q: Tensor, *, bound: float = 1.0) -> Relation:
    r"""For an orthonormal basis, $E_{D'}\left[\frac{D(x)}{D'(x)}\sup_h\frac{|h(x)|^2}{\|\alpha(h)\|^2}\right] \le 1$.

    Counterexample: two points of mass 1/2, $v = \sqrt{2}$ times the unit vectors: the mean is $E|v|^2 = 2 = D$. (Written as
    $E\,v^\top G^{-1}v$, which needs no roots.)

    Notes: it is D always (definition54.supremum_inside_sharp), which is why K is at least D, and not 1.
    """
    scores = p * (V @ torch.linalg.inv(moments(V, p)) * V).sum(-1) / q
    found = (q * scores).sum(-1)
    return leq(found, bound + 0 * found, names=["E (D/D') sup h^2 / |alpha|^2", "1"])


@claim(
    id="sample_complexity.definition54.supremum_inside_sharp",
    title="With the supremum inside, the mean is the trace of the Gram matrix",
    source=f"replaces {DISPLAY}",
    amends="sample_complexity.definition54.supremum_inside",
    V=functions(),
    p=masses(),
    q=masses(),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "1 for the trace": dict(one=True)},
)
def supremum_inside_sharp(V: Tensor, p: Tensor, q: Tensor, *, share: float = 1.0, one: bool = False) -> Relation:
    r"""$E_{D'}\left[\frac{D(x)}{D'(x)}\sup_h\frac{|h(x)|^2}{\|\alpha(h)\|^2}\right] = \mathrm{tr}\,G$, which is D for
    functions of norm 1.
    """
    found = ob.mean_of_supremum(V, p, q)
    return eq(found, 1 + 0 * found if one else share * trace(ob.gram(V, p)), names=["mean of the supremum", "tr G"])


@claim(
    id="sample_complexity.definition54.at_least_D",
    title="No law has an alpha-condition number below the dimension",
    source=f"own complement to {DEFINITION}",
    V=functions(),
    p=masses(),
    q=masses(),
    dims=SMALLER,
    uses=["sample_complexity.definition54"],
    mutants={"one percent more": dict(share=1.01), "0.1 percent more": dict(share=1.001)},
)
def at_least_D(V: Tensor, p: Tensor, q: Tensor, *, share: float = 1.0) -> Relation:
    r"""$K_{\alpha,q} \ge \mathrm{tr}\,G$ for every law q; that is D for functions of norm 1.

    Proof: a maximum is at least the mean (definition54.supremum_inside_sharp).

    Tight at: leverage sampling, and there only (definition54.leverage).
    """
    return leq(share * trace(ob.gram(V, p)), ob.alpha_condition_number(V, p, q), names=["tr G", "K_alpha"])


@claim(
    id="sample_complexity.definition54.leverage",
    title="Leverage sampling, and no other law, reaches the dimension",
    source=f"own complement to {DEFINITION}",
    sharpens="sample_complexity.definition54.at_least_D",
    V=functions(),
    p=masses(),
    q=masses(),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "p for the leverage": dict(itself=True)},
)
def leverage(V: Tensor, p: Tensor, q: Tensor, *, share: float = 1.0, itself: bool = False) -> Relation:
    r"""$K_{\alpha,q} = \mathrm{tr}\,G\cdot\max_i\frac{q^*_i}{q_i}$ with $q^* = p|v|^2/\mathrm{tr}\,G$. Since $\max_iq^*_i/q_i
    \ge 1$, with equality only for $q = q^*$, K has its least value, $\mathrm{tr}\,G$, at the leverage law and nowhere else.
    """
    best = p if itself else ob.leverage_distribution(V, p)
    return eq(
        ob.alpha_condition_number(V, p, q),
        share * trace(ob.gram(V, p)) * torch.amax(best / q, -1),
        names=["K_alpha", "tr G max q*/q"],
    )


@claim(
    id="sample_complexity.definition54.basis_free",
    title="The condition number without a basis",
    source=f"own complement to {DEFINITION}",
    reading="rho > 0, where the coefficients depend on the basis",
    V=functions(),
    p=masses(),
    q=masses(),
    dims=SMALLER,
    uses=["sample_complexity.definition54"],
    mutants={"one percent less": dict(share=0.99), "K_alpha itself": dict(plain=True)},
)
def basis_free(V: Tensor, p: Tensor, q: Tensor, *, share: float = 1.0, plain: bool = False) -> Relation:
    r"""With $\|h\|_D^2$ in the place of $|\alpha(h)|^2$ no choice of basis matters, and $\max_i\frac{p_i}{q_i}v_i^\top
    G^{-1}v_i \le \frac{K_{\alpha,q}}{\lambda_{\min}(G)}$.

    Tight at: $G$ a multiple of the identity; otherwise where the best point lies in the last eigenvector.

    Notes: for a basis with $\rho(D-1) \ge 1$, $\lambda_{\min}(G)$ may be 0, the coefficients are not unique, and $K_\alpha$
    is a number of the basis only.
    """
    G = moments(V, p)
    lowest = torch.linalg.eigvalsh(G)[..., 0]
    K = ob.alpha_condition_number(V, p, q)
    free = torch.amax(p * (V @ torch.linalg.inv(G) * V).sum(-1) / q, -1)
    return leq(free * lowest, free * 0 + K * share * (lowest if plain else 1), names=["lam_min max p v'G^-1 v / q", "K_alpha"])


@claim(
    id="sample_complexity.definition54.invariant",
    title="What does not change with the basis",
    source=f"own complement to {DEFINITION}",
    V=functions(),
    p=masses(),
    q=masses(),
    T=D.psd("D", cond=16),
    dims=SMALLER,
    mutants={"one percent more": dict(share=1.01), "the coefficients' norm": dict(coefficients=True)},
)
def invariant(V: Tensor, p: Tensor, q: Tensor, T: Tensor, *, share: float = 1.0, coefficients: bool = False) -> Relation:
    r"""For every invertible T, the functions VT in place of V have the same $\max_i\frac{p_i}{q_i}v_i^\top G^{-1}v_i$."""
    number = al.orthonormal_basis.alpha_condition_number if coefficients else ob.weighted_condition_number
    return eq(number(V @ T, p, q), share * number(V, p, q), names=["with the basis VT", "with the basis V"])
