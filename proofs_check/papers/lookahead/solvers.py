r"""What conjugate gradients and Nystrom centres give for eq. (12), on digits: the sentence about $O(L\sqrt L\,P)$, in its
readings.

One step of conjugate gradients on $\Theta(X,X)$ costs LP with gradients at hand, so $L\sqrt L\,P$ is $\sqrt L$ steps for one
solve; Falkon reaches it by $\sqrt L$ random centres, for a statistical guarantee of the mean. The kernel is the empirical
one of a relu network of width 512 on digits; beside it, that of the infinitely wide network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, measurement, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.lookahead._settings_queries import SOURCE
from proofs_check.relations import Measurement, Rate

CG = f"{SOURCE}, section 3, 'Time complexity': conjugate gradients 'further reduce the time complexity ... to O(L sqrt L P)'"
LABELLED, CANDIDATES, WIDTH = (100, 200, 400, 800), 100, 512
LARGEST = LABELLED[-1]
ROWS = D.dataset("digits", n="n", repeats=False)
SAMPLE = {"n": (LARGEST + CANDIDATES, LARGEST + CANDIDATES)}
STOP, MOST = 1e-6, 2000


def conjugate_gradients(K: Tensor, b: Tensor) -> int:
    """Steps until the residual of Kv = b has fallen to 1e-6 of b."""
    residual, direction = b.clone(), b.clone()
    square = residual @ residual
    for step in range(1, MOST + 1):
        image = K @ direction
        residual = residual - square / (direction @ image) * image
        new = residual @ residual
        if new <= STOP**2 * (b @ b):
            return step
        direction = residual + new / square * direction
        square = new
    return MOST


@dataclass(frozen=True)
class Solved:
    """What the solvers found, for 100, 200, 400, 800 labelled points: shape (seeds, 4) each."""

    #: steps of conjugate gradients for v of one candidate, with either kernel
    steps: Tensor
    steps_infinite: Tensor
    #: u from sqrt(L) centres over u, median over candidates
    u_ratio: Tensor
    #: accuracy of the mean, from all labelled points and from sqrt(L) centres
    accuracy: Tensor
    centres: Tensor


@remembered
def solved(x: Tensor, labels: Tensor, seed: Tensor) -> Solved:
    """Conjugate gradients and Nystrom centres beside direct solves."""
    found = [_solved(points, y, int(s)) for points, y, s in zip(x, labels, seed, strict=True)]
    return Solved(*torch.tensor(found, dtype=torch.float64).movedim(-1, 0))


def _solved(x: Tensor, y: Tensor, seed: int) -> list[tuple[float, ...]]:
    net = al.TwoLayerNet(x.shape[1], WIDTH, activation="relu", train_output=True, seed=seed)
    K = al.kernels.empirical(net, x)
    infinite = al.kernels.analytic(x, activation="relu", train_output=True)
    pool = slice(LARGEST, LARGEST + CANDIDATES)
    found = []
    for n in LABELLED:
        inner, cross, own = K[:n, :n], K[pool, :n], torch.diagonal(K)[pool]
        centres = round(n**0.5)
        near = cross[:, :centres]
        both = torch.linalg.solve(inner, torch.cat([cross.T, y[:n]], 1))
        u = own - (cross * both[:, :CANDIDATES].T).sum(-1)
        u_centres = own - (near * torch.linalg.solve(inner[:centres, :centres], near.T).T).sum(-1)
        fitted = near @ torch.linalg.lstsq(inner[:, :centres], y[:n]).solution
        right = [_right(cross @ both[:, CANDIDATES:], y[pool]), _right(fitted, y[pool])]
        steps = [float(conjugate_gradients(k[:n, :n], k[LARGEST, :n])) for k in (K, infinite)]
        found.append((*steps, float((u_centres / u).median()), *right))
    return found


def _right(outputs: Tensor, y: Tensor) -> float:
    return float((outputs.argmax(-1) == y.argmax(-1)).to(y.dtype).mean())


@claim(
    id="lookahead.solvers.conjugate_gradients",
    title="Conjugate gradients take a number of steps that grows as the root of L",
    source=CG,
    reading="an exact solver for (12): sqrt(L) steps for one solve",
    expect="refuted",
    experiment="lookahead.solvers",
    x=ROWS,
    labels=ROWS.labels,
    seed=D.seed(),
    dims=SAMPLE,
    mutants={"a cube root": dict(exponent=1 / 3), "a fixed number": dict(exponent=0.0)},
)
def steps(x: Tensor, labels: Tensor, seed: Tensor, *, exponent: float = 0.5) -> Rate:
    r"""For the empirical kernel of L digits, conjugate gradients reach a relative residual of $10^{-6}$ for $v =
    \Theta(X,X)^{-1}\Theta(X,x')$ after a number of steps that grows as $\sqrt L$ (L = 100 to 800, slope within 0.1).

    Notes: u needs such a solve for every candidate; a cost of $O(L\sqrt L\,P)$ is for one.
    """
    return rate(LABELLED, solved(x, labels, seed).steps, exponent=exponent, tolerance=0.1)


@claim(
    id="lookahead.solvers.conjugate_gradients.measured",
    title="They take more, and it grows faster",
    source=f"replaces {CG}",
    amends="lookahead.solvers.conjugate_gradients",
    experiment="lookahead.solvers",
    x=ROWS,
    labels=ROWS.labels,
    seed=D.seed(),
    dims=SAMPLE,
    mutants={"the root": dict(exponent=0.5), "the fourth root": dict(exponent=0.25)},
)
def steps_measured(x: Tensor, labels: Tensor, seed: Tensor, *, exponent: float = 0.75) -> Rate:
    r"""That number grows as $L^{3/4}$ on digits, within 0.15.

    Notes: an observation, not a law: the condition number grows with L, faster for narrower networks. For the infinite network
    see lookahead.solvers.conjugate_gradients.infinite.
    """
    return rate(LABELLED, solved(x, labels, seed).steps, exponent=exponent, tolerance=0.15)


@claim(
    id="lookahead.solvers.conjugate_gradients.infinite",
    title="For the infinite network it is the root",
    source=CG,
    reading="the kernel of the infinitely wide network in the place of the empirical one",
    experiment="lookahead.solvers",
    x=ROWS,
    labels=ROWS.labels,
    seed=D.seed(),
    dims=SAMPLE,
    mutants={"linear": dict(exponent=1.0), "a fixed number": dict(exponent=0.0)},
)
def steps_infinite(x: Tensor, labels: Tensor, seed: Tensor, *, exponent: float = 0.5) -> Rate:
    r"""For the kernel of the infinitely wide relu network on L digits of unit length the number of steps grows as $\sqrt L$,
    within 0.1.

    Notes: an observation, ours, for L from 100 to 800.
    """
    return rate(LABELLED, solved(x, labels, seed).steps_infinite, exponent=exponent, tolerance=0.1)


def _shown(found: Solved) -> list[Table]:
    rows = [
        ("steps of conjugate gradients", found.steps),
        ("the same, infinite width", found.steps_infinite),
        ("u from sqrt(L) centres over u", found.u_ratio),
        ("accuracy, all points", found.accuracy),
        ("accuracy, sqrt(L) centres", found.centres),
    ]
    return [
        Table(
            "Solvers on digits",
            [f"L = {n}" for n in LABELLED],
            [(name, [values[:, i] for i in range(len(LABELLED))]) for name, values in rows],
        )
    ]


@claim(
    id="lookahead.solvers.centres.u",
    title="The root of L centres give u",
    source=CG,
    reading="Falkon's centres used for the posterior variance u of (12): right up to a factor of 2",
    expect="not-reproduced",
    experiment="lookahead.solvers",
    x=ROWS,
    labels=ROWS.labels,
    seed=D.seed(),
    dims=SAMPLE,
    mutants={"up to one half": dict(most=1.5), "up to a tenth": dict(most=1.1)},
)
def centres_u(x: Tensor, labels: Tensor, seed: Tensor, *, most: float = 2.0) -> Measurement:
    r"""For L = 800, $\Theta(x',x')-\Theta(x',Z)\Theta(Z,Z)^{-1}\Theta(Z,x')$ with $\sqrt L$ of the labelled points as Z is at
    most twice u (median over candidates).

    Notes: it is the squared distance from the span of the centres alone. MLMOC divides by it.
    """
    found = solved(x, labels, seed)
    return measurement(found.u_ratio[:, -1], expect=(0.0, most), show=_shown(found))


@claim(
    id="lookahead.solvers.centres.mean",
    title="The root of L centres give usable predictions",
    source=CG,
    reading="Falkon's statistical guarantee, which is about the mean: an accuracy within 0.15",
    expect="reproduced",
    experiment="lookahead.solvers",
    x=ROWS,
    labels=ROWS.labels,
    seed=D.seed(),
    dims=SAMPLE,
    mutants={"within 0.01": dict(within=0.01), "no loss": dict(within=0.0)},
)
def centres_mean(x: Tensor, labels: Tensor, seed: Tensor, *, within: float = 0.15) -> Measurement:
    r"""For L = 800, the accuracy of the regression on $\sqrt L$ centres is less than 0.15 below that of the full one.

    Notes: the guarantee is for random designs and a rate in L; nothing here speaks against it.
    """
    found = solved(x, labels, seed)
    return measurement(found.accuracy[:, -1] - found.centres[:, -1], expect=(-1.0, within), show=_shown(found))
