r"""Section 4.3: the training dynamics of the squared loss and the alignment, at the start and at convergence.

The experiment of the section is ``figure2.py``; here is what can be proved. At f = 0 both are the same number. At convergence
on the labelled set S the training dynamics of S and a query set Q is $r_Q^\top\Theta_{QQ}r_Q$ with the residual of the
queries, and it bounds from below how much the generalisation bound's numerator $I = \mathrm{Tr}[Y^\top\Theta^{-1}Y]$ grows.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

import altheory as al
from altheory import generalisation, rank_correlation
from proofs_check import chain, claim, eq, leq, measurement
from proofs_check import domains as D
from proofs_check.figure import Figure, Series
from proofs_check.papers.dynamical._settings import KERNELS, SOURCE, SPECTRA, positive_definite
from proofs_check.relations import Measurement, Relation

STATEMENT = f"{SOURCE}, section 4.3; appendix A.3"
LABELLED = 2
KERNEL, LABELS = D.psd("n", cond=1e4), D.real("n", "k")
SIZES = {"n": (3, 6), "k": (1, 2)}
PERCENT = {"one percent more below": dict(below=1.01), "one percent less above": dict(above=0.99)}


@claim(
    id="dynamical.section43.residual",
    title="Training dynamics is the alignment of the residual",
    source=f"{STATEMENT}, G_MSE",
    jacobian=D.real("n", "p"),
    W=D.real("p", "k"),
    Y=D.real("n", "k"),
    dims={"n": (1, 6), "p": (1, 6), "k": (1, 3)},
    uses=["dynamical.definition1"],
    mutants={"the alignment of the labels instead": dict(share=0.0), "one percent of the outputs missing": dict(share=0.99)},
)
def residual(jacobian: Tensor, W: Tensor, Y: Tensor, *, share: float = 1.0) -> Relation:
    r"""For $f = JW$ with $\Theta = JJ^\top$ and the loss $\frac12|f-Y|_F^2$, the training dynamics, which is the squared norm
    of the gradient, is $G_{MSE} = \mathrm{Tr}[(f-Y)^\top\Theta(f-Y)] = A(X, Y-f)$.

    Notes: by Theorem 1 with Y - f for Y it is this number, not A(X, Y), that rules the error from the present weights on.
    """
    outputs = jacobian @ W
    gradient = jacobian.mT @ (outputs - Y)
    left = al.alignment.alignment(jacobian @ jacobian.mT, Y - share * outputs)
    return eq((gradient * gradient).sum((-2, -1)), left, names=["|gradient|^2", "A(X, Y - f)"])


def _query_sets(theta: Tensor, Y: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """G and A on S = the first two of five points with each of the three pairs of the others, shape (batch, 3) each."""
    G, A = [], []
    for pair in itertools.combinations(range(LABELLED, 5), 2):
        chosen = [0, 1, *pair]
        block = theta[:, chosen][:, :, chosen]
        G.append(al.alignment.alignment(block, (Y - values)[:, chosen]))
        A.append(al.alignment.alignment(block, Y[:, chosen]))
    return torch.stack(G, -1), torch.stack(A, -1)


def alignments_differ(theta: Tensor, Y: Tensor) -> Tensor:
    """not all the query sets have the same alignment"""
    _, A = _query_sets(theta, Y, 0 * Y)
    return A.amax(-1) > A.amin(-1)


@claim(
    id="dynamical.section43.tau_at_the_start",
    title="Figure 2 before training: the rank correlation is 1 by definition",
    source=f"{STATEMENT}; figure 2",
    reading="f = 0 on all the points",
    theta=D.psd(5),
    Y=D.real(5, "k"),
    dims={"k": (1, 2)},
    on=SPECTRA,
    assumes=[alignments_differ],
    uses=["dynamical.section43.residual"],
    mutants={"trained on S": dict(trained=1.0), "outputs one tenth on the first query": dict(constant=0.1)},
)
def tau_at_the_start(theta: Tensor, Y: Tensor, *, trained: float = 0.0, constant: float = 0.0) -> Relation:
    r"""At f = 0 Kendall's $\tau$ between $G_{MSE}(S\cup Q)$ and $A(S\cup Q)$ over any query sets Q is 1 (here: the three
    pairs of three unlabelled points), unless all of them are tied, where it is undefined.

    Proof: $G_{MSE}(S\cup Q) = A(S\cup Q)$ when the residual is the label.

    Notes: so a strong agreement at the start is no finding. The paper's plot gives no time and no $\tau$.
    """
    values = torch.where((torch.arange(5) < LABELLED)[:, None], trained * Y, 0 * Y)
    values = values + constant * torch.tensor([[0.0], [0], [1], [0], [0]], dtype=torch.float64)
    G, A = _query_sets(theta, Y, values)
    tied = G.amax(-1) == G.amin(-1)  # only mutants; the undefined correlation counts as none
    tau = torch.where(tied, 0.0, rank_correlation.kendall_tau(torch.where(tied[..., None], A, G), A))
    return eq(tau, torch.ones_like(tau), names=["tau", "1"])


@claim(
    id="dynamical.section43.growth",
    title="How the generalisation bound grows when a converged model queries",
    source="replaces the conclusion of dynamicAL, section 4.3; own derivation (Schur complement)",
    theta=KERNEL,
    Y=LABELS,
    dims=SIZES,
    on=SPECTRA,
    mutants={"Theta_QQ for the Schur complement": dict(conditioned=0.0), "one percent less": dict(share=0.99)},
)
def growth(theta: Tensor, Y: Tensor, *, conditioned: float = 1.0, share: float = 1.0) -> Relation:
    r"""Let f be the kernel interpolant of the labels of S, $r = Y_Q - f(X_Q)$ its residual on the queries and
    $\Sigma = \Theta_{QQ}-\Theta_{QS}\Theta_{SS}^{-1}\Theta_{SQ}$. Then
    $I(S\cup Q) = I(S) + \mathrm{Tr}[r^\top\Sigma^{-1}r]$.

    Proof: block inversion.

    Notes: S are the first two points. Compare dynamical.figure2.bound: the bound's numerator grows by what the model gets
    wrong.
    """
    found = generalisation.growth(theta, Y, LABELLED)
    more = found.increase if conditioned else found.least
    whole = (Y * torch.linalg.solve(theta, Y)).sum((-2, -1))
    return eq(whole, found.before + share * more, names=["I(S u Q)", "I(S) + Tr[r' Sigma^-1 r]"])


@claim(
    id="dynamical.section43.dynamics_raises_the_bound",
    title="At convergence a larger training dynamics raises the bound",
    source="replaces the conclusion of dynamicAL, section 4.3; own derivation",
    amends="dynamical.section43.smaller_bound",
    theta=KERNEL,
    Y=LABELS,
    dims=SIZES,
    on=SPECTRA,
    also_on={f"{name}, labelled and queries": changes for name, changes in KERNELS.items()},
    assumes=[positive_definite],
    uses=["dynamical.section43.growth"],
    mutants=PERCENT,
)
def dynamics_raises_the_bound(theta: Tensor, Y: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""At convergence on S, with $G = G_{MSE}(S\cup Q) = \mathrm{Tr}[r^\top\Theta_{QQ}r]$:
    $\frac{G}{\lambda_{\max}(\Theta_{QQ})^2} \le \mathrm{Tr}[r^\top\Theta_{QQ}^{-1}r] \le I(S\cup Q) - I(S)$.

    Proof: $\lambda^2 \le \lambda_{\max}^2$ in the eigenbasis of $\Theta_{QQ}$; $\Sigma \preceq \Theta_{QQ}$.

    Tight at: queries whose kernel with S is 0 and whose residual is an eigenvector of $\Theta_{QQ}$ to the largest eigenvalue.

    Notes: for one query with $\Theta(x,x) = \frac12$ the increase is at least 4 G. A lower bound: it does not order two query
    sets by itself.
    """
    found = generalisation.growth(theta, Y, LABELLED)
    top = torch.linalg.eigvalsh(found.kernel)[..., -1]
    names = ["G / lambda_max^2", "Tr[r' Theta_QQ^-1 r]", "I(S u Q) - I(S)"]
    return chain(below * found.training_dynamics / top**2, found.least, above * found.increase, names=names)


def _two_queries(theta: Tensor, Y: Tensor) -> tuple[generalisation.Growth, generalisation.Growth]:
    """Point 0 is labelled; the first query asks for point 1, the second for point 2."""
    first, second = [0, 1], [0, 2]
    return (
        generalisation.growth(theta[:, first][:, :, first], Y[:, first], 1),
        generalisation.growth(theta[:, second][:, :, second], Y[:, second], 1),
    )


def first_has_larger_dynamics(theta: Tensor, Y: Tensor) -> Tensor:
    """G(S u Q1) >= G(S u Q2)"""
    one, two = _two_queries(theta, Y)
    return one.training_dynamics >= two.training_dynamics


@claim(
    id="dynamical.section43.smaller_bound",
    title="Larger training dynamics, smaller bound, at convergence",
    source=f"{STATEMENT}: 'increasing the training dynamics will lead to a faster convergence and better generalization'",
    reading="of two equal queries to a model converged on S the one with the larger training dynamics has the smaller B",
    expect="refuted",
    theta=D.psd(3, cond=1e4),
    Y=D.real(3, "k"),
    dims={"k": (1, 2)},
    on=SPECTRA,
    assumes=[first_has_larger_dynamics],
    mutants={"by one percent": dict(share=0.99), "whatever the dynamics": dict(assumes=[])},
)
def smaller_bound(theta: Tensor, Y: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let the model have converged on one labelled point S. If $G_{MSE}(S\cup Q_1) \ge G_{MSE}(S\cup Q_2)$ for two queries
    of one point each, then $I(S\cup Q_1) \le I(S\cup Q_2)$.

    Counterexample: $\Theta = I$ (three orthogonal inputs), $y = (0, 2, 1)$: G = 4 against 1, and I = 4 against 1.

    Notes: the opposite order is the rule: dynamical.section43.dynamics_raises_the_bound and dynamical.section43.single_queries.
    """
    one, two = _two_queries(theta, Y)
    return leq(one.before + one.increase, share * (two.before + two.increase), names=["I(S u Q1)", "I(S u Q2)"])


ROWS = D.dataset("digits", n=500, repeats=False)


@claim(
    id="dynamical.section43.single_queries",
    title="Single queries on digits: training dynamics goes with the growth of the bound",
    source="about dynamicAL, section 4.3; own experiment",
    expect="reproduced",
    x=ROWS,
    labels=ROWS.labels,
    uses=["dynamical.section43.growth"],
    mutants={"tau below 0.5": dict(least=-1.0, most=0.5), "tau above 0.97": dict(least=0.97)},
)
def single_queries(x: Tensor, labels: Tensor, *, least: float = 0.7, most: float = 1.0) -> Measurement:
    r"""A model converged on 100 digits queries one of 400 others. Over these, Kendall's $\tau$ between $G_{MSE}(S\cup Q)$ and
    the increase of $\mathrm{Tr}[Y^\top\Theta^{-1}Y]$ is above 0.7.

    Notes: for one query the increase is $|r|^2/\Sigma$ and G is $|r|^2/2$; only $\Sigma$ differs between the queries. The
    audit found 0.857 over 1697 digits.
    """
    theta = al.kernels.analytic(x)
    known, cross = theta[:, :100, :100], theta[:, 100:, :100]
    r = labels[:, 100:] - cross @ torch.linalg.solve(known, labels[:, :100])
    sigma = theta.diagonal(dim1=-2, dim2=-1)[:, 100:] - (cross * torch.linalg.solve(known, cross.mT).mT).sum(-1)
    square = (r * r).sum(-1)
    G, more = square * theta.diagonal(dim1=-2, dim2=-1)[:, 100:], square / sigma
    shown = Figure("One query a point, one seed", "G(S u Q)", "I(S u Q) - I(S)", [Series("", G[0], more[0], dots=True)])
    return measurement(rank_correlation.kendall_tau(G, more), expect=(least, most), show=[shown])
