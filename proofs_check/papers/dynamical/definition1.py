"""Definition 1 (alignment) and the label measure behind section 4.1."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import KERNELS, SOURCE, SPECTRA
from proofs_check.relations import Relation


def rows_instead_of_columns(theta: Tensor, Y: Tensor) -> Relation:
    """v_i read as row i of the eigenvector matrix."""
    values, vectors = torch.linalg.eigh(theta)
    spectral = (values * ((vectors @ Y) ** 2).sum(-1)).sum(-1)
    return eq(al.alignment.alignment(theta, Y), spectral)


def cross_terms_between_outputs(theta: Tensor, Y: Tensor) -> Relation:
    """The square taken after the sum over outputs."""
    values, vectors = torch.linalg.eigh(theta)
    spectral = (values * (vectors.mT @ Y).sum(-1) ** 2).sum(-1)
    return eq(al.alignment.alignment(theta, Y), spectral)


@claim(
    id="dynamical.definition1",
    title="Definition 1: the two forms of the alignment agree",
    source=f"{SOURCE}, section 4.1, Definition 1",
    theta=D.psd("n"),
    Y=D.real("n", "k"),
    dims={"k": (1, 4)},
    on=SPECTRA,
    also_on=KERNELS,
    mutants={"rows for columns": rows_instead_of_columns, "cross terms": cross_terms_between_outputs},
)
def definition1(theta: Tensor, Y: Tensor) -> Relation:
    r"""For symmetric positive semidefinite $\Theta$ with eigenpairs $(\lambda_i, v_i)$ and any $Y$,
    $\mathrm{Tr}[Y^\top\Theta Y] = \sum_{k}\sum_{i}\lambda_i\,(v_i^\top Y^k)^2$.

    In the paper: the alignment $A(X,Y)$ is defined by either form, and is called a measure of correlation.

    Repairs: with $\Theta = V^\top\Lambda V$, as the paper prints it, the $v_i$ are the rows of $V$.

    Notes: it is not a correlation: it scales with $\Theta$, with $Y$ squared and with n. Where eigenvalues repeat the
    $v_i$ are not unique, the sum is.
    """
    return eq(
        al.alignment.alignment(theta, Y),
        al.alignment.spectral_alignment(theta, Y),
        names=["Tr[Y' Theta Y]", "spectral form"],
    )


@claim(
    id="dynamical.label_measure",
    title="Error, mass and alignment are functionals of one measure",
    source=f"{SOURCE}, section 4.1, the dominant term of eq. (16)",
    theta=D.psd("n"),
    Y=D.real("n", "k"),
    t=D.integer(0, 12),
    eta=D.step_size("theta", D.interval(0, 3)),
    dims={"k": (1, 4)},
    on=SPECTRA,
    also_on=KERNELS,
    uses=["dynamical.definition1"],
    mutants={"one step more": dict(late=1), "step size one percent longer": dict(stretch=1.01)},
)
def label_measure(theta: Tensor, Y: Tensor, t: Tensor, eta: Tensor, *, late: int = 0, stretch: float = 1.0) -> Relation:
    r"""With $w_i = \sum_k (v_i^\top Y^k)^2$ and $\mu = \sum_i w_i\,\delta_{\lambda_i}$, for every step size $\eta$ and
    $t = 0, 1, 2, \dots$: $\|(I-\eta\Theta)^tY\|_F^2 = \int(1-\eta\lambda)^{2t}\,d\mu = E_t^2$ and
    $\mathrm{Tr}[Y^\top Y] = \mu(\mathbf{R}) = T$.

    In the paper: $E_t$ is introduced by the spectral sum alone.

    Notes: the left side runs the t steps of linearised gradient descent on matrices, the right side knows the spectrum
    only. Everything in section 4.1 is a statement about $\mu$, so the sharp forms below draw $\mu$ itself.
    """
    mu = al.spectra.label_measure(theta, Y)
    residual = Y
    error = torch.zeros_like(mu.T)
    for step in range(13):
        error = torch.where(t == step, (residual * residual).sum((-2, -1)), error)
        residual = residual - eta[:, None, None] * (theta @ residual)
    return all_of(
        eq(error, mu.E2(t + late, stretch * eta), names=["norm of the residual after t steps", "E_t^2"]),
        eq((Y * Y).sum((-2, -1)), mu.T, names=["Tr[Y'Y]", "T"]),
    )


@claim(
    id="dynamical.definition1.one_hot",
    title="Definition 1 for one-hot labels: the kernel summed within the classes",
    source=f"{SOURCE}, section 4.1, Definition 1",
    theta=D.psd("n"),
    Y=D.labels("n", "k"),
    dims={"n": (1, 8), "k": (1, 4)},
    on=SPECTRA,
    uses=["dynamical.definition1"],
    mutants={"pairs of different points only": dict(diagonal=0.0), "one percent more": dict(share=1.01)},
)
def one_hot(theta: Tensor, Y: Tensor, *, diagonal: float = 1.0, share: float = 1.0) -> Relation:
    r"""For one-hot labels $A = \sum\Theta(x_i, x_j)$ over the pairs (i, j) of one class, i = j included.

    Notes: the classes enter only by which points share one.
    """
    same = (Y[..., :, None, :] * Y[..., None, :, :]).sum(-1)
    own = torch.eye(theta.shape[-1], dtype=torch.float64, device=theta.device)
    within = (theta * same * (1 + (diagonal - 1) * own)).sum((-2, -1))
    return eq(al.alignment.alignment(theta, Y), share * within, names=["Tr[Y' Theta Y]", "sum within the classes"])


@claim(
    id="dynamical.definition1.nonnegative_kernel",
    title="Definition 1 is no correlation: constant labels have the highest alignment",
    source=f"about {SOURCE}, section 4.1, Definition 1: 'a measure of correlation between X and Y'",
    features=D.nonneg("n", "p"),
    Y=D.labels("n", "k"),
    dims={"n": (2, 8), "p": (1, 4), "k": (1, 4)},
    on="kernels with nonnegative entries",
    uses=["dynamical.definition1.one_hot"],
    mutants={
        "one percent less than constant labels": dict(above=0.99),
        "one percent more for the last point": dict(below=1.01),
    },
)
def nonnegative_kernel(features: Tensor, Y: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""For a kernel without negative entries and one-hot labels the alignment is largest when all points have one label,
    $A(X,Y) \le \sum_{ij}\Theta(x_i,x_j)$, and a further point u, whatever its label, raises it by at least $\Theta(u,u)$.

    Notes: so among query sets the alignment prefers points of one class and of large norm.

    Tight at: constant labels (first); a point whose class is new (second).
    """
    theta = features @ features.mT
    whole, fewer = al.alignment.alignment(theta, Y), al.alignment.alignment(theta[..., :-1, :-1], Y[..., :-1, :])
    return all_of(
        leq(whole, above * theta.sum((-2, -1)), names=["A(X, Y)", "A(X, constant labels)"]),
        leq(fewer + below * theta[..., -1, -1], whole, names=["A without the last point, and its own term", "A(X, Y)"]),
    )
