r"""Theorem 5.7: good outputs recover the best function. Its three readings, its constant, and what repairs it."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.sparsifier import Expected
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_theorems import (
    EPS,
    EPS0,
    SOURCE,
    amounts,
    functions,
    masses,
    numbers,
    peaks,
    point_masses,
    positive_amounts,
)
from proofs_check.relations import Relation

THEOREM = f"{SOURCE}, section 5.4, Theorem 5.7"
SMALL = {"D": (1, 2), "m": (1, 1)}
#: draws of one sample; eps is twice the largest beta K
DRAWS = 3


def _averages(
    V: Tensor, p: Tensor, q: Tensor, y: Tensor, variance: Tensor, total: Tensor, low: float | Tensor = 0.75
) -> Expected:
    """Over all samples of three draws from q, with the best function of the space taken out of y."""
    residual = al.sparsifier.orthogonal_residual(V, p, y)
    return al.sparsifier.expected_error(V, p, q, residual, variance, draws=DRAWS, total=total, low=low)


def _eps_below_one(V: Tensor, p: Tensor, q: Tensor, total: Tensor) -> Tensor:
    """eps < 1"""
    return 2 * total * torch.amax(p / q * peaks(V, p), -1) < DRAWS


@claim(
    id="sample_complexity.theorem57.each_output",
    title="Theorem 5.7 for each good output",
    source=THEOREM,
    reading="for every single good output, on average over the labels",
    expect="refuted",
    sample=D.labels("k", "n"),
    p=point_masses(),
    variance=D.nonneg("n"),
    mass=D.interval(0.75, 1.25),
    dims={"k": (3, 5), "n": (1, 3)},
    mutants={"half of it": dict(share=0.5), "A*A at most 1": dict(mass=D.interval(0.75, 1))},
)
def each_output(sample: Tensor, p: Tensor, variance: Tensor, mass: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let F be the constants and $x_1,\dots,x_k$ any k points, drawn from D itself ($D_i = D$, all $\beta_i =
    \varepsilon/2$) with $A^*A = \sum\beta_i \in [\frac{3}{4}, \frac{5}{4}]$, so that the output is good. Then $E_y|\tilde
    f-f|^2 \le \varepsilon\,E|y-f|^2$.

    In the paper: "Let P' be a good output of P".

    Counterexample: two points of mass 1/2, noise of variance 1 at one of them; $k = 3$ draws there, $\beta = 1/4$, $A^*A =
    3/4$, $\varepsilon = 1/2$: the left side is 1/3, the right one 1/4. On q points the factor is 2q/3.

    Notes: the paper averages over P', so this is not what it means; it shows that being good does not see the noise.
    """
    k = sample.shape[-2]
    missed = (sample * variance[..., None, :]).sum(-1).sum(-1) / k**2
    return leq(missed, share * 2 * mass / k * (p * variance).sum(-1), names=["E_y|f~ - f|^2", "eps E|y - f|^2"])


@claim(
    id="sample_complexity.theorem57.proof",
    title="The proof of Theorem 5.7, with its constant 1",
    source=THEOREM,
    reading="the argument for linear F and rho = 0, step by step, to the printed constant",
    expect="refuted",
    V=functions(),
    p=masses(),
    q=masses(),
    y=numbers(),
    variance=amounts(),
    total=D.interval(0.75, 1.25),
    dims={"D": (1, 1), "m": (1, 1)},
    assumes=[_eps_below_one],
    mutants={"1.7 for 16/9": dict(worst=0.956), "0.9 for 1": dict(constant=0.9)},
)
def proof(
    V: Tensor,
    p: Tensor,
    q: Tensor,
    y: Tensor,
    variance: Tensor,
    total: Tensor,
    *,
    worst: float = 1.0,
    constant: float = 1.0,
) -> Relation:
    r"""$E\,\|\tilde f-f\|^21_{good} \le \frac{16}{9}E|g|^2 \le \frac{16}{9}\cdot\frac{\varepsilon}{2}\sum\beta_i\,E|y-f|^2
    \le \varepsilon\,E|y-f|^2$, where $g = A^*(y-f)$, $\tilde f-f$ has the coefficients $(A^*A)^{-1}g$ and $\sum\beta_i \le
    \frac{5}{4}$.

    Repairs: the proof is in an appendix that our copy lacks; this is the argument of Chen and Price (2019), with its own
    constants.

    Counterexample: any instance with $\sum\beta_i > \frac{9}{8}$: $\frac{16}{9}\cdot\frac{1}{2}\cdot\frac{5}{4} =
    \frac{10}{9} > 1$.

    Notes: the last step fails, the others hold (theorem57.ten_ninths). That this proof does not give the constant 1 does not
    make the theorem false; for that see theorem57.conditional and theorem57.average.
    """
    found = _averages(V, p, q, y, variance, total)
    served = 2 * found.step * found.noise
    return chain(
        found.error,
        16 * worst * found.gradient / 9,
        8 * total * served / 9,
        constant * served,
        names=["E err 1_good", "16/9 E|g|^2", "8/9 eps sum(beta) E|y - f|^2", "eps E|y - f|^2"],
    )


@claim(
    id="sample_complexity.theorem57.ten_ninths",
    title="Theorem 5.7 on average, with the constant 10/9",
    source=f"{THEOREM}; Chen and Price (2019), own constants",
    reading="on average over all outputs, bad ones counted as zero",
    amends="sample_complexity.theorem57.proof",
    V=functions(),
    p=masses(),
    q=masses(),
    y=numbers(),
    variance=amounts(),
    total=D.interval(0.75, 1.25),
    dims=SMALL,
    mutants={
        "1.7 for 16/9": dict(worst=0.956),
        "0.495 eps for eps / 2": dict(half=0.99),
        "sum of beta at most 1.2": dict(most=1.2),
    },
)
def ten_ninths(
    V: Tensor,
    p: Tensor,
    q: Tensor,
    y: Tensor,
    variance: Tensor,
    total: Tensor,
    *,
    worst: float = 1.0,
    half: float = 1.0,
    most: float = 1.25,
) -> Relation:
    r"""For a linear F and $\rho = 0$: if $\beta_iK_{D_i} \le \varepsilon/2$ and $\sum\beta_i \le \frac{5}{4}$, then
    $E\,\|\tilde f-f\|^21_{good} \le \frac{16}{9}E|g|^2 \le \frac{8}{9}\varepsilon\sum\beta_i\,E|y-f|^2 \le
    \frac{10}{9}\varepsilon\,E|y-f|^2$.

    In the paper: $E_{P'}\|\tilde f-f\|_D^2 \le \varepsilon\,E|y-f|^2$.

    Repairs: the printed constant 1 comes out if $\beta_iK_{D_i} \le \frac{9}{20}\varepsilon$ is asked for.

    Proof: $A^*A \succeq \frac{3}{4}I$; $E|g|^2 = \sum_iE\,u_i^2|y-f|^2|v|^2$, as the cross terms vanish by
    $E_{D_i}[u_i(y-f)v] = \beta_iE_D[(y-f)v] = 0$, and $u_i|v|^2 \le \beta_iK_{D_i}$.

    Tight at: step by step only (M = 3/4 always; constant $u|v|^2$; $\sum\beta = 5/4$).

    Notes: exact averages over all samples of three draws from up to three points, with bias and noise.
    """
    found = _averages(V, p, q, y, variance, total)
    served = 2 * found.step * found.noise
    return chain(
        found.error,
        16 * worst * found.gradient / 9,
        8 * half * total * served / 9,
        8 * most * half * served / 9,
        names=["E err 1_good", "16/9 E|g|^2", "8/9 eps sum(beta) E|y - f|^2", "10/9 eps E|y - f|^2"],
    )


@claim(
    id="sample_complexity.theorem57.average",
    title="Theorem 5.7 on average, with the printed constant",
    source=THEOREM,
    reading="on average over all outputs, bad ones counted as zero; F linear, rho = 0",
    V=functions(),
    p=masses(),
    q=masses(),
    y=numbers(),
    variance=positive_amounts(),
    total=D.interval(0.75, 1.25),
    dims=SMALL,
    mutants={"0.64 for 1": dict(constant=0.64), "0.6 for 1": dict(constant=0.6)},
)
def average(V: Tensor, p: Tensor, q: Tensor, y: Tensor, variance: Tensor, total: Tensor, *, constant: float = 1.0) -> Relation:
    r"""$E\,\|\tilde f-f\|^21_{good} \le \varepsilon\,E|y-f|^2$.

    Notes: not settled. It is proved with 10/9 (theorem57.ten_ninths), and the worst procedure known to us reaches
    $\frac{14}{15}$ (theorem57.average_stopping); of the fixed designs that this claim is attacked on, with three draws, the
    worst known reach 2/3. "Held" means that no violation was found, no more.
    """
    found = _averages(V, p, q, y, variance, total)
    return leq(found.error, constant * 2 * found.step * found.noise, names=["E err 1_good", "eps E|y - f|^2"])


@claim(
    id="sample_complexity.theorem57.sum_at_most_one",
    title="Theorem 5.7 for independent draws, with the constant 8/9",
    source=f"{THEOREM}, for the procedure of Lemma 5.9",
    reading="sum of beta at most 1, as for independent draws; bad outputs counted as zero",
    sharpens="sample_complexity.theorem57.ten_ninths",
    V=functions(),
    p=masses(),
    q=masses(),
    y=numbers(),
    variance=positive_amounts(),
    total=D.interval(0.75, 1),
    dims={"D": (1, 1), "m": (1, 1)},
    uses=["sample_complexity.theorem57.ten_ninths"],
    mutants={"0.65 for 8/9": dict(ninths=5.85), "0.62 for 8/9": dict(ninths=5.58)},
)
def sum_at_most_one(
    V: Tensor, p: Tensor, q: Tensor, y: Tensor, variance: Tensor, total: Tensor, *, ninths: float = 8.0
) -> Relation:
    r"""If $\sum\beta_i \le 1$, as for the independent draws of Lemma 5.9 ($\beta_i = 1/k$), then $E\,\|\tilde
    f-f\|^21_{good} \le \frac{8}{9}\varepsilon\,E|y-f|^2$; so the printed constant 1 is right.

    Proof: theorem57.ten_ninths, step by step, with 1 for 5/4.

    Notes: conditional on a good output, of probability at least 0.9, it is $\frac{80}{81}$, still below 1
    (theorem57.sum_at_most_one_conditional). Not tight: the worst fixed design known reaches 2/3.
    """
    found = _averages(V, p, q, y, variance, total)
    return leq(found.error, ninths * 2 * found.step * found.noise / 9, names=["E err 1_good", "8/9 eps E|y - f|^2"])


@claim(
    id="sample_complexity.theorem57.bss",
    title="Theorem 5.7 for randomized BSS, with the constant 0.812",
    source=f"{THEOREM}, for the procedure of Lemma 5.8; constants of al.sparsifier.randomized_bss",
    reading="for the paper's own procedure, with gamma at most 0.11",
    sharpens="sample_complexity.theorem57.ten_ninths",
    uses=["sample_complexity.lemma58.sum_beta", "sample_complexity.lemma58.eigenvalues"],
    gamma=D.interval(2.0**-10, 0.11),
    D=D.integer(1, 100),
    mutants={"0.811 for 0.812": dict(bound=0.811), "gamma up to 0.115": dict(gamma=D.interval(2.0**-10, 0.115))},
)
def bss(gamma: Tensor, D: Tensor, *, bound: float = 0.812) -> Relation:
    r"""Randomized BSS with $\gamma \le 0.11$ has, with certainty, $\lambda(A^*A) \ge \frac{1-2\gamma}{1-\gamma^2}$,
    $\beta_iK_{D_i} \le \varepsilon/2$ and $\sum\beta_i \le 1+\frac{\gamma^2}{D(1-\gamma^2)}$. So the factor before
    $\varepsilon\,E|y-f|^2$ is at most
    $\frac{1}{2}\left(\frac{1-\gamma^2}{1-2\gamma}\right)^2\left(1+\frac{\gamma^2}{D(1-\gamma^2)}\right) \le 0.812$.

    Proof: as theorem57.ten_ninths, with these constants; the product rises with $\gamma$ and falls with D.

    Notes: every output is good, so the average over good outputs is the average. The constant 1 is right for both procedures
    of the paper; only the theorem's generality needs 10/9.
    """
    square = gamma * gamma
    lowest = (1 - 2 * gamma) / (1 - square)
    total = 1 + square / (D * (1 - square))
    return leq(total / (2 * lowest * lowest), bound + 0 * gamma, names=["constant", "0.812"])


@claim(
    id="sample_complexity.theorem57.larger_floor",
    title="Theorem 5.7 on average, with eigenvalues of at least sqrt(5/8)",
    source=f"replaces {THEOREM}",
    reading="good means at least sqrt(5/8); bad outputs counted as zero",
    amends="sample_complexity.theorem57.proof",
    V=functions(),
    p=masses(),
    q=masses(),
    y=numbers(),
    variance=positive_amounts(),
    total=D.interval(0.79296875, 1.25),
    dims={"D": (1, 1), "m": (1, 1)},
    uses=["sample_complexity.theorem57.ten_ninths"],
    mutants={"0.62 for 1": dict(constant=0.62), "0.6 for 1": dict(constant=0.6)},
)
def larger_floor(
    V: Tensor, p: Tensor, q: Tensor, y: Tensor, variance: Tensor, total: Tensor, *, constant: float = 1.0
) -> Relation:
    r"""If good outputs are those with $\sqrt{5/8} \le \lambda(A^*A) \le \frac{5}{4}$, then $E\,\|\tilde f-f\|^21_{good} \le
    \varepsilon\,E|y-f|^2$: the printed constant.

    Proof: $\frac{8}{5}\cdot\frac{1}{2}\cdot\frac{5}{4} = 1$ in the place of $\frac{16}{9}\cdot\frac{1}{2}\cdot\frac{5}{4}$.

    Notes: $\sqrt{5/8} = 0.79$ in place of 3/4. Conditional on good outputs it takes 5/6 (theorem57.larger_floor_conditional).
    """
    found = _averages(V, p, q, y, variance, total, low=torch.sqrt(0.625 + 0 * total))
    return leq(found.error, constant * 2 * found.step * found.noise, names=["E err 1_good", "eps E|y - f|^2"])


@claim(
    id="sample_complexity.theorem57.nearly_orthonormal",
    title="Theorem 5.7 for a nearly orthonormal basis",
    source=THEOREM,
    reading="rho > 0, on average over all outputs, bad ones counted as zero",
    amends="sample_complexity.theorem57.proof",
    V=functions(),
    p=masses(),
    q=masses(),
    y=numbers(),
    variance=amounts(),
    total=D.interval(0.75, 1.25),
    dims={"D": (2, 2), "m": (1, 1)},
    mutants={"without the factor 1 + rho (D - 1)": dict(factor=0.0), "sum of beta at most 1.2": dict(most=1.2)},
)
def nearly_orthonormal(
    V: Tensor,
    p: Tensor,
    q: Tensor,
    y: Tensor,
    variance: Tensor,
    total: Tensor,
    *,
    factor: float = 1.0,
    most: float = 1.25,
) -> Relation:
    r"""For a linear F and a basis with $E v_i^2 = 1$ and $|E v_iv_j| \le \rho$: $E\,\|\tilde f-f\|_D^21_{good} \le
    (1+\rho(D-1))\,E|c|^21_{good}$ and $E|c|^21_{good} \le \frac{10}{9}\varepsilon\,E|y-f|^2$, c the coefficients of $\tilde
    f-f$.

    In the paper: Theorem 5.7 has no such factor, Theorem 4.1 has $1+\rho\tilde d$.

    Proof: the coefficients as in theorem57.ten_ninths, with I in the place of G; Gershgorin's circles for the norm.
    """
    basis = al.orthonormal_basis.normalised(V, p)
    residual = al.sparsifier.orthogonal_residual(basis, p, y)
    found = al.sparsifier.expected_error(basis, p, q, residual, variance, draws=DRAWS, total=total, coefficients=True)
    rho = al.orthonormal_basis.correlation(al.orthonormal_basis.gram(basis, p))
    _, upper = al.orthonormal_basis.gershgorin_bounds(factor * rho, basis.shape[-1])
    served = 2 * found.step * found.noise
    return chain(
        found.error,
        upper * found.coefficients,
        upper * 8 * total * served / 9,
        upper * 8 * most * served / 9,
        names=[
            "E err 1_good",
            "(1 + rho (D-1)) E|c|^2 1_good",
            "its bound with sum(beta)",
            "10/9 (1 + rho (D-1)) eps E|y - f|^2",
        ],
    )


@claim(
    id="sample_complexity.theorem57.same_inequality",
    title="Theorem 5.7 as exactly the inequality of Theorem 4.1",
    source=f"{SOURCE}, section 5.4, after Theorem 5.7",
    reading="as printed: exactly the same inequality",
    expect="refuted",
    eps=D.interval(*EPS),
    eps0=D.interval(*EPS0),
    rho=D.interval(0, 0.0625),
    size=D.integer(1, 15),
    noise=D.interval(0, 4),
    mutants={"up to eps_0": dict(slack=0.0), "up to the factor": dict(factor=0.0)},
)
def same_inequality(
    eps: Tensor, eps0: Tensor, rho: Tensor, size: Tensor, noise: Tensor, *, slack: float = 1.0, factor: float = 1.0
) -> Relation:
    r"""$\varepsilon\,E|y-f|^2 = \varepsilon_0+\varepsilon(1+\rho\tilde d)\,E|y-f|^2$.

    In the paper: "the inequality in Theorem 5.7 is exactly the inequality in Theorem 4.1".

    Counterexample: no noise: 0 against $\varepsilon_0$.

    Notes: meant is that the one gives the other, and as numbers it does (theorem57.gives_theorem41).
    """
    left = eps * noise
    return eq(left, slack * eps0 + eps * (1 + factor * rho * size) * noise, names=["bound of 5.7", "bound of 4.1"])


@claim(
    id="sample_complexity.theorem57.gives_theorem41",
    title="The bound of Theorem 5.7 is below that of Theorem 4.1",
    source=f"{SOURCE}, section 5.4, after Theorem 5.7",
    reading="as a bound that implies the other, where f~ is the output of Theorem 4.1",
    amends="sample_complexity.theorem57.same_inequality",
    eps=D.interval(*EPS),
    eps0=D.interval(0, EPS0[1]),
    rho=D.interval(0, 0.0625),
    size=D.integer(1, 15),
    noise=D.interval(0, 4),
    mutants={"one percent less": dict(share=0.99), "10/9 of it, without eps_0": dict(constant=1.11)},
)
def gives_theorem41(
    eps: Tensor, eps0: Tensor, rho: Tensor, size: Tensor, noise: Tensor, *, share: float = 1.0, constant: float = 1.0
) -> Relation:
    r"""$\varepsilon\,E|y-f|^2 \le \varepsilon_0+\varepsilon(1+\rho\tilde d)\,E|y-f|^2$.

    Tight at: $\varepsilon_0 = \rho = 0$.

    Notes: of the bounds only. For networks the two theorems speak of different estimators: $\tilde f$ minimises over a linear
    space, $f(\hat W)$ over the networks, and sample_complexity.theorem41 is false.
    """
    return leq(constant * eps * noise, share * (eps0 + eps * (1 + rho * size) * noise), names=["bound of 5.7", "bound of 4.1"])
