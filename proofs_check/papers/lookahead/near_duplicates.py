r"""Eq. (12) where the candidate comes near a labelled point: limits of the score, and what rounding leaves of u.

Six unit vectors in dimension 4 are labelled in two classes; candidate 0 lies at the distance $\delta$ from the first of them,
three more points are the pool's rest. The model has converged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from flint import fmpq, fmpq_mat
from torch import Tensor

import altheory as al
from proofs_check import claim, measurement, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.lookahead._settings_queries import SOURCE
from proofs_check.relations import Measurement, Rate

LIMITS = f"own derivation, about {SOURCE}, section 3, eq. (12) and (13)"
LABELLED, DIMENSION, WIDTH = 6, 4, 24
#: distances for the limits of the score, and for the rounding of u
NEAR = (1e-3, 1e-4, 1e-5, 1e-6)
CLOSER = (1e-2, 1e-3, 1e-4, 1e-5)
DRAWS = 6


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def _features(x: Tensor, W: Tensor, a: Tensor) -> Tensor:
    """Gradients of a two-layer tanh network in both layers, one row a point."""
    z = x @ W.T
    first = (a * (1 - torch.tanh(z) ** 2))[:, :, None] * x[:, None, :]
    return torch.cat([torch.tanh(z), first.flatten(1)], 1) / len(a) ** 0.5


@remembered
def scores(seed: Tensor, kernel: str) -> Tensor:
    """Change of outputs (eq. 13) by candidate 0 with its neighbour's label and with the other one, (seeds, distances, 2)."""
    return torch.stack([torch.stack([_scores(int(s), delta, kernel) for delta in NEAR]) for s in seed])


def _scores(seed: int, delta: float, kernel: str) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = _unit(torch.randn(LABELLED + 4, DIMENSION, generator=generator, dtype=torch.float64))
    W = torch.randn(WIDTH, DIMENSION, generator=generator, dtype=torch.float64)
    a = torch.randn(WIDTH, generator=generator, dtype=torch.float64)
    x[LABELLED] = _unit(x[0] + delta * x[LABELLED])
    Y = torch.nn.functional.one_hot(torch.arange(LABELLED) % 2, 2).to(torch.float64)
    zero = torch.zeros(4, 2, dtype=torch.float64)
    n = LABELLED
    if kernel == "tanh":
        J = _features(x, W, a)
        fit = al.lookahead.from_jacobian(J[:n], J[n:], Y, 0 * Y, zero).H
        ahead = al.lookahead.from_jacobian(J[:n], J[n:], Y, Y, fit)
    else:
        K = al.kernels.analytic(x, activation="relu", train_output=True)
        fit = al.lookahead.from_kernels(K[:n, :n], K[n:, :n], K[n:, n:], Y, 0 * Y, zero).H
        ahead = al.lookahead.from_kernels(K[:n, :n], K[n:, :n], K[n:, n:], Y, Y, fit)
    return al.lookahead.changes_by_label(ahead, unresolved="nan")[0]


@claim(
    id="lookahead.near_duplicates.smooth.own_label",
    title="Smooth kernel, the neighbour's label: the score stays",
    source=LIMITS,
    experiment="lookahead.near_duplicates",
    seed=D.seed(),
    mutants={"the other label": dict(flipped=1), "falls as the root of the distance": dict(exponent=0.5)},
)
def smooth_own(seed: Tensor, *, exponent: float = 0.0, flipped: int = 0) -> Rate:
    r"""For the kernel of a finite tanh network, a candidate at the distance $\delta$ from a labelled point, with that point's
    label, changes the outputs of a converged model by an amount that tends to a constant, not to 0: slope 0 in $\delta$.

    Proof: the error e at the candidate is of order $\delta$, S(x,x') too, and u of order $\delta^2$, so Se/u is of order 1.

    Notes: two labels at one place say what the derivative is. A copy that is exact has the score 0.
    """
    return rate(NEAR, scores(seed, "tanh")[..., flipped], exponent=exponent, tolerance=0.15)


@claim(
    id="lookahead.near_duplicates.smooth.other_label",
    title="Smooth kernel, another label: the score blows up",
    source=LIMITS,
    experiment="lookahead.near_duplicates",
    seed=D.seed(),
    mutants={"the neighbour's label": dict(flipped=0), "as the root of the distance": dict(exponent=-0.5)},
)
def smooth_other(seed: Tensor, *, exponent: float = -1.0, flipped: int = 1) -> Rate:
    r"""With another label than its neighbour's it changes them by an amount that grows as $1/\delta$.

    Proof: now e is of order 1.
    """
    return rate(NEAR, scores(seed, "tanh")[..., flipped], exponent=exponent, tolerance=0.15)


@claim(
    id="lookahead.near_duplicates.relu.own_label",
    title="Infinite relu kernel, the neighbour's label: the score vanishes",
    source=LIMITS,
    experiment="lookahead.near_duplicates",
    seed=D.seed(),
    mutants={"the other label": dict(flipped=1), "as the root of the distance": dict(exponent=0.5)},
)
def relu_own(seed: Tensor, *, exponent: float = 1.0, flipped: int = 0) -> Rate:
    r"""For the kernel of the infinite relu network a candidate at the distance $\delta$ from a labelled point, with that
    point's label, changes the outputs by an amount that falls as $\delta$.

    Proof: this kernel has a cusp on the diagonal, so u is of order $\delta$ only; S and e are too, and Se/u is of order
    $\delta$.
    """
    return rate(NEAR, scores(seed, "relu")[..., flipped], exponent=exponent, tolerance=0.15)


@claim(
    id="lookahead.near_duplicates.relu.other_label",
    title="Infinite relu kernel, another label: the score stays finite",
    source=LIMITS,
    experiment="lookahead.near_duplicates",
    seed=D.seed(),
    mutants={"the neighbour's label": dict(flipped=0), "grows as the root of the distance": dict(exponent=-0.5)},
)
def relu_other(seed: Tensor, *, exponent: float = 0.0, flipped: int = 1) -> Rate:
    r"""With another label than its neighbour's it changes them by an amount that tends to a constant: slope 0 in $\delta$.

    Proof: e is of order 1, S/u too.
    """
    return rate(NEAR, scores(seed, "relu")[..., flipped], exponent=exponent, tolerance=0.15)


@dataclass(frozen=True)
class Errors:
    """Errors of u = K(x',x') - k' K^-1 k in float64, shape (seeds, distances, draws)."""

    #: from the kernel, over u
    relative: Tensor
    #: from the kernel, over `altheory.lookahead.schur_error`
    over_bound: Tensor
    #: from the features by projection, over u
    projected: Tensor


@remembered
def rounding_of_u(seed: Tensor) -> Errors:
    """The error of u against its exact value for the features as they are stored."""
    found = [[[_error(1000 * int(s) + draw, delta) for draw in range(DRAWS)] for delta in CLOSER] for s in seed]
    return Errors(*torch.tensor(found, dtype=torch.float64).movedim(-1, 0))


def _error(seed: int, delta: float) -> tuple[float, float, float]:
    generator = torch.Generator().manual_seed(seed)
    x = _unit(torch.randn(LABELLED + 1, DIMENSION, generator=generator, dtype=torch.float64))
    W = torch.randn(WIDTH, DIMENSION, generator=generator, dtype=torch.float64)
    a = torch.randn(WIDTH, generator=generator, dtype=torch.float64)
    x[LABELLED] = _unit(x[0] + delta * x[LABELLED])
    J, n = _features(x, W, a), LABELLED
    rows = fmpq_mat(n + 1, J.shape[1], [fmpq(*v.as_integer_ratio()) for v in J.flatten().tolist()])
    gram = rows * rows.transpose()
    inner = fmpq_mat(n, n, [gram[i, j] for i in range(n) for j in range(n)])
    exact = gram.det() / inner.det()
    zero, none = torch.zeros(n, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    K = J @ J.T
    K = (K + K.T) / 2
    schur = al.lookahead.from_kernels(K[:n, :n], K[n:, :n], K[n:, n:], zero, zero, none)
    projected = al.lookahead.from_jacobian(J[:n], J[n:], zero, zero, none)
    bound = float(al.lookahead.schur_error(torch.diagonal(K)[:n], K[n, n], schur.V[:, 0]))
    off = [abs(float(fmpq(*float(one.u[0]).as_integer_ratio()) - exact)) for one in (schur, projected)]
    return off[0] / float(exact), off[0] / bound, off[1] / float(exact)


def _middle(errors: Tensor) -> Tensor:
    return errors.square().mean(-1).sqrt()


@claim(
    id="lookahead.rounding.schur",
    title="Near a labelled point u is lost to rounding as the distance squared",
    source="own derivation",
    experiment="lookahead.rounding",
    seed=D.seed(),
    mutants={"as the distance": dict(exponent=-1.0), "by projection": dict(projected=True)},
)
def rounding_schur(seed: Tensor, *, exponent: float = -2.0, projected: bool = False) -> Rate:
    r"""Computed as $u = \Theta(x',x')-\Theta(x',X)\,\Theta(X,X)^{-1}\,\Theta(X,x')$ in float64, u has a relative error that
    grows as $\delta^{-2}$ at the distance $\delta$ from a labelled point (root mean square of six draws).

    Notes: u is of order $\delta^2$ and its error is not, so at $\delta\approx10^{-8}$ nothing of u is left and eq. (12) divides
    by noise.
    """
    found = rounding_of_u(seed)
    return rate(CLOSER, _middle(found.projected if projected else found.relative), exponent=exponent, tolerance=0.35)


@claim(
    id="lookahead.rounding.projection",
    title="From the features themselves only as the distance",
    source="own derivation",
    sharpens="lookahead.rounding.schur",
    experiment="lookahead.rounding",
    seed=D.seed(),
    mutants={"not at all": dict(exponent=0.0), "from the kernel": dict(projected=False)},
)
def rounding_projection(seed: Tensor, *, exponent: float = -1.0, projected: bool = True) -> Rate:
    r"""Computed as the squared length of what orthogonal projection leaves of the candidate's gradient, u has a relative error
    that grows as $\delta^{-1}$.
    """
    found = rounding_of_u(seed)
    return rate(CLOSER, _middle(found.projected if projected else found.relative), exponent=exponent, tolerance=0.35)


@claim(
    id="lookahead.rounding.bound",
    title="How far a computed u can be wrong",
    source="own derivation, from Higham (2002), theorem 10.3",
    expect="reproduced",
    experiment="lookahead.rounding",
    seed=D.seed(),
    mutants={
        "a bound relative to u": dict(relative=True),
        "a hundred thousand times smaller": dict(smaller=1e5),
    },
)
def rounding_bound(seed: Tensor, *, relative: bool = False, smaller: float = 1.0) -> Measurement:
    r"""$|\delta u| \le (L+6)\,\varepsilon\,(\sum_i|v_i|\sqrt{\Theta(x_i,x_i)}+\sqrt{\Theta(x',x')})^2$,
    $v = \Theta(X,X)^{-1}\Theta(X,x')$: the largest ratio of both sides over all distances and draws is at most 1.

    Notes: with a constant diagonal $\kappa$ this is $(L+6)\,\varepsilon\,\kappa\,(1+\|v\|_1)^2$. A bound of first order, not
    proved here; al.lookahead refuses a candidate whose u is below it.
    """
    found = rounding_of_u(seed)
    unit = (LABELLED + 6) * torch.finfo(torch.float64).eps
    worst = (found.relative / unit if relative else found.over_bound * smaller).flatten(1).amax(1)
    return measurement(worst, expect=(0.0, 1.0))
