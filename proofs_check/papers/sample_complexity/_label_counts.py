r"""How many labels each sampler needs: the experiment behind `label_counts` and `label_rates`.

A pool of n rows has a linear space of functions with an orthonormal basis, $v(x_i)\in R^D$, and labels y that no function of
the space fits: the best, f, leaves the noise $s^2 = E|y-f|^2$. A sampler draws k rows, least squares on their labels (weighted
by u, or not) gives $\tilde f$, and its error is $E|\tilde f-f|^2/s^2$. The labels belong to the rows (the agnostic setting,
which is the paper's). For the same rows the error under equal noise, $\sigma^2\,\mathrm{tr}(M^{-1}\sum u_j^2v_jv_j^\top
M^{-1})$ with fresh noise at every draw, needs no labels at all.

Pools, new for every seed but the second: 1500 digits, a constant and 20 random relu neurons without bias that fire on at least
one digit in fifty (D = 21), one-hot labels; the 442 diabetes patients of scikit-learn, a constant and ten features (D = 11),
disease progression; 600 rows of ten independent t(1.2) numbers (D = 10), whose labels are the signs of ten random linear
functions. In the last a few rows dominate, and uniform draws miss them. Errors and noise are summed over the labels of a row.

BSS is run with the gammas that bring it to these numbers of labels, far above those with its guarantee.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import altheory as al
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series, Table

LEVELS = (0.1, 0.03)
FEATURES = 20  # of digits
SIGNS = 10  # targets with heavy tails
#: trials a seed: at the quick budget, of five seeds, every point is the mean of at least 100
TRIALS = {"digits": 20, "diabetes": 50, "heavy tails": 30}
#: draws of the independent samplers, in multiples of D
SIZES = {
    "digits": (4, 6, 8, 11, 16, 23, 32, 45, 64),
    "diabetes": (4, 6, 8, 11, 16, 23, 32, 45, 64),
    "heavy tails": (4, 6, 8, 11, 16, 23, 32, 45, 64, 128, 256),
}
#: about 5, 8, 14, 26 and 47 times D draws
GAMMAS = (0.5, 0.4, 0.32, 0.24, 0.18)
ONCE = "uniform, no row twice"
INDEPENDENT = ("uniform", ONCE, "leverage", "leverage, unweighted")
ARMS = (*INDEPENDENT, "BSS", "BSS, unweighted")
#: the accuracy at which both samplers are run with the number of draws that their guarantees ask for
GUARANTEED_EPS = 0.1
EXPERIMENT = "sample_complexity.label_counts"
ROWS = D.dataset("digits", n=1500, repeats=False)


@dataclass(frozen=True)
class Arm:
    """One sampler on one pool; sizes along the last dimension."""

    draws: Tensor  # (seeds, trials, sizes), the same for all trials but those of BSS
    distinct: Tensor  # (seeds, trials, sizes), labels to buy
    error: Tensor  # (seeds, trials, sizes), with the pool's labels
    equal_noise: Tensor  # (seeds, trials, sizes), in the mean over fresh equal noise


@dataclass(frozen=True)
class Outcome:
    """One pool."""

    D: int
    n: int
    K: Tensor  # (seeds,) condition number
    uniform: (
        Tensor  # (seeds,) E |v|^2 eta^2, to which error times k tends for uniform draws; eta is the noise, of mean square one
    )
    bound: Tensor  # (seeds,) no choice of k rows has an `equal_noise` below bound / k
    guaranteed: dict[str, Tensor]  # draws, distinct rows and error with the guarantee, (seeds, 3)
    arms: dict[str, Arm]


@remembered
def label_counts(x: Tensor, labels: Tensor, seed: Tensor) -> dict[str, Outcome]:
    """The experiment on all three pools, one seed a row."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many small matrices
    try:
        return {name: measured(name, *pools(name, x, labels, seed), seed) for name in TRIALS}
    finally:
        torch.set_num_threads(threads)


def pools(name: str, x: Tensor, labels: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal bases (seeds, n, D) and labels (seeds, n, outputs)."""
    rows, targets = [], []
    for points, classes, number in zip(x, labels, seed.tolist(), strict=True):
        rng = np.random.default_rng([number, list(TRIALS).index(name)])
        if name == "digits":
            X = neurons(points.numpy(), rng)
            y = classes.numpy()
        elif name == "diabetes":
            X, y = diabetes()
        else:
            X = rng.standard_t(1.2, size=(600, 10))
            y = np.sign(X @ rng.standard_normal((10, SIGNS)))
        rows.append(X if name == "heavy tails" else np.concatenate([np.ones((len(X), 1)), X], 1))
        targets.append(y)
    V, y = torch.from_numpy(np.stack(rows)), torch.from_numpy(np.stack(targets))
    return al.orthonormal_basis.orthonormal_basis(V, V.new_full(V.shape[:-1], 1 / V.shape[-2])), y


def neurons(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first `FEATURES` random relu neurons that fire on at least a fiftieth of the points, (n, FEATURES)."""
    while True:
        values = np.maximum(points @ rng.standard_normal((points.shape[1], 8 * FEATURES)), 0)
        firing = values[:, (values > 0).mean(0) >= 0.02]
        if firing.shape[1] >= FEATURES:
            return firing[:, :FEATURES]


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    """Features (442, 10) and progression (442, 1)."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes()
    return data.data, data.target[:, None]


def measured(name: str, V: Tensor, y: Tensor, seed: Tensor) -> Outcome:
    """All arms on one pool; every size of an independent sampler continues the draws of the smaller ones."""
    seeds, n, dim = V.shape
    trials, sizes = TRIALS[name], [dim * m for m in SIZES[name]]
    residual = y - V @ (V.mT @ y / n)
    residual = residual / (residual**2).sum(-1).mean(-1).sqrt()[:, None, None]
    generator = torch.Generator().manual_seed(int(seed[0]) + list(TRIALS).index(name))
    squares = (V**2).sum(-1)
    found: dict[str, list[tuple[Tensor, ...]]] = {arm: [] for arm in ARMS}
    for arm in ("uniform", ONCE, "leverage"):
        index, u = _independent(arm, squares, trials, sizes[-1], generator)
        for k in (k for k in sizes if k <= index.shape[-1]):
            found[arm].append(_point(V, residual, index[..., :k], u[..., :k]))
            if arm == "leverage":
                found["leverage, unweighted"].append(_point(V, residual, index[..., :k], torch.ones_like(u[..., :k])))
    for gamma in GAMMAS:
        index, u, _ = al.sparsifier.randomized_bss_runs(V, gamma, trials, seed=generator)
        found["BSS"].append(_point(V, residual, index, u))
        found["BSS, unweighted"].append(_point(V, residual, index, (u > 0).to(u.dtype)))
    arms = {arm: Arm(*(torch.stack(column, -1) for column in zip(*points, strict=True))) for arm, points in found.items()}
    bound = torch.tensor([al.sparsifier.a_optimal(rows, tol=0.01).bound for rows in V])
    uniform = (squares * (residual**2).sum(-1)).mean(-1)
    return Outcome(dim, n, squares.amax(-1), uniform, bound, _guaranteed(V, residual, seed), arms)


def _independent(arm: str, squares: Tensor, trials: int, most: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows (seeds, trials, most) and their weights up to a factor."""
    seeds, n = squares.shape
    if arm == ONCE:
        index = torch.rand(seeds, trials, n, generator=generator, dtype=squares.dtype).argsort(-1)
        return index, torch.ones(index.shape, dtype=squares.dtype)
    law = torch.ones_like(squares) if arm == "uniform" else squares
    index = torch.multinomial(law, trials * most, replacement=True, generator=generator)
    return index.reshape(seeds, trials, most), (1 / law).gather(1, index).reshape(seeds, trials, most)


def _point(V: Tensor, residual: Tensor, index: Tensor, u: Tensor) -> tuple[Tensor, ...]:
    """Draws, distinct rows, error and error under equal noise, (seeds, trials) each."""
    found = [errors(*one) for one in zip(V, residual, index, u, strict=True)]
    return (
        (u > 0).sum(-1).to(V.dtype),
        distinct(index, u).to(V.dtype),
        *(torch.stack(column) for column in zip(*found, strict=True)),
    )


def distinct(index: Tensor, u: Tensor) -> Tensor:
    """How many different rows have a weight, along the last dimension."""
    drawn = torch.sort(torch.where(u > 0, index, -1), -1).values
    return (drawn.diff(dim=-1) != 0).sum(-1) + (drawn[..., 0] >= 0)


def errors(V: Tensor, residual: Tensor, index: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    r"""$|M^{-1}\sum u_j\eta_jv_j|^2$ and $\mathrm{tr}\,M^{-1}(\sum u_j^2v_jv_j^\top)M^{-1}$, infinite where M is singular.

    Args:
        V: (n, D) orthonormal.
        residual: (n, outputs) y - f.
        index: (trials, k) rows.
        u: (trials, k) weights.

    Returns:
        (trials,) each.
    """
    rows, noise = V[index], residual[index]
    weighted = u[..., None] * rows
    M = weighted.mT @ rows
    inverse, _ = torch.linalg.inv_ex(M)
    regular = torch.linalg.matrix_norm(M) * torch.linalg.matrix_norm(inverse) < 1e12
    coefficients = inverse @ (weighted.mT @ noise)
    spread = inverse @ (weighted.mT @ weighted) @ inverse
    agnostic, equal = (coefficients**2).sum((-2, -1)), torch.diagonal(spread, 0, -2, -1).sum(-1)
    return tuple(torch.where(regular, value, math.inf) for value in (agnostic, equal))  # type: ignore[return-value]


def _guaranteed(V: Tensor, residual: Tensor, seed: Tensor) -> dict[str, Tensor]:
    """BSS and leverage sampling as their theorems ask, one run a seed."""
    found: dict[str, list[list[float]]] = {"BSS": [], "leverage": []}
    for rows, noise, number in zip(V, residual, seed.tolist(), strict=True):
        source = al.sparsifier.pool(rows)
        for arm, sample in (
            ("BSS", al.sparsifier.randomized_bss(source, GUARANTEED_EPS, seed=number, batch=4 * source.D)),
            ("leverage", al.sparsifier.leverage(source, GUARANTEED_EPS, seed=number)),
        ):
            error, _ = errors(rows, noise, sample.indices[None], sample.weights[None])
            found[arm].append([sample.history.draws, sample.history.distinct, float(error)])
    return {arm: torch.tensor(values, dtype=V.dtype) for arm, values in found.items()}


def labels_needed(counts: Tensor, error: Tensor, level: float) -> Tensor:
    """The least number of labels from which on the error stays at or below `level`, between the sizes measured.

    Args:
        counts: (..., sizes) numbers of labels, rising.
        error: (..., sizes), positive.
        level: A positive number.

    Returns:
        (...,): between the last size above the level and the next, on the straight line in doubly logarithmic axes; the first
        size if none is above, infinite if the last one is.
    """
    above = error > level
    sizes = above.shape[-1]
    last = (above * torch.arange(1, sizes + 1)).amax(-1, keepdim=True) - 1  # -1: none is above
    low, high = last.clamp(min=0), (last + 1).clamp(max=sizes - 1)
    (n0, n1), (e0, e1) = ((a.gather(-1, low), a.gather(-1, high)) for a in (counts, error))
    share = torch.where(e0.isfinite() & (e0 > e1), (e0 / level).log() / (e0 / e1).log(), 1.0)
    between = n0 * (n1 / n0) ** share
    return torch.where(last < 0, counts[..., :1], torch.where(last == sizes - 1, math.inf, between))[..., 0]


def needed(outcome: Outcome, arm: str, level: float, *, count: str = "draws", centre: str = "mean") -> Tensor:
    """Labels needed for a mean (or median) error of `level` by one arm, (seeds,), counted as draws or distinct rows."""
    found = outcome.arms[arm]
    counts = (found.draws if count == "draws" else found.distinct).mean(1)
    return labels_needed(counts, found.error.mean(1) if centre == "mean" else found.error.median(1).values, level)


def shown(outcome: Outcome, name: str) -> list[Figure | Table]:
    """The figure that the paper lacks, for one pool, in three views, and the table of labels needed."""
    k = outcome.arms["leverage"].draws[0, 0]
    what = "mean squared distance to the best f / noise"
    title = f"{name}, D = {outcome.D}, n = {outcome.n}, K about {float(outcome.K.mean()):.0f}"
    trials = next(iter(outcome.arms.values())).error.shape[1]
    dimension = Series("D / k", k, outcome.D / k)
    lowest = Series("certified bound, equal noise", k, outcome.bound.mean() / k)
    return [
        Figure(
            f"{title}: labels as drawn", "draws k", what,
            [*(Series(arm, a.draws.mean((0, 1)), a.error.mean(1)) for arm, a in outcome.arms.items()), dimension, lowest],
            log_x=True, log_y=True,
            note=f"Mean of {trials} trials a seed and size. D / k is what leverage sampling must come to, whatever the labels.",
        ),
        Figure(
            f"{title}: median trial", "draws k", what,
            [Series(arm, a.draws.mean((0, 1)), a.error.median(1).values) for arm, a in outcome.arms.items()],
            log_x=True, log_y=True,
        ),
        Figure(
            f"{title}: labels to buy", "different rows", what,
            [Series(arm, a.distinct.mean((0, 1)), a.error.mean(1)) for arm, a in outcome.arms.items()],
            log_x=True, log_y=True, note=f"The pool has {outcome.n} rows: with all its labels nothing is left to learn.",
        ),
        Figure(
            f"{title}: the same rows, labels with equal fresh noise", "draws k", what,
            [*(Series(arm, a.draws.mean((0, 1)), a.equal_noise.mean(1)) for arm, a in outcome.arms.items()), lowest],
            log_x=True, log_y=True, note="No choice of k rows is below the bound: a theorem, here as a check.",
        ),
        _table(outcome, name),
    ]  # fmt: skip


def _table(outcome: Outcome, name: str) -> Table:
    columns, rows = [], []
    for level in LEVELS:
        columns += [f"error {level:g}: draws", "labels", "draws, median trial"]
    for arm, found in outcome.arms.items():
        cells: list[object] = []
        for level in LEVELS:
            views = (("draws", "mean"), ("distinct", "mean"), ("draws", "median"))
            for count, centre in views:
                value = needed(outcome, arm, level, count=count, centre=centre)
                most = (found.draws if count == "draws" else found.distinct)[..., -1].mean()
                cells.append(value if value.isfinite().all() else f"> {float(most):.0f}")
        near = (found.draws.mean((0, 1)) / outcome.D - 16).abs().argmin()
        rows.append((arm, [*cells, found.error[..., near].std(1)]))
    for arm, with_guarantee in outcome.guaranteed.items():
        said = f"{with_guarantee[:, 0].mean():.0f} draws, {with_guarantee[:, 1].mean():.0f} labels"
        rows.append((f"{arm} with its guarantee", [said, "", "", "", "", "", f"error {with_guarantee[:, 2].mean():.3g}"]))
    return Table(
        f"{name}: labels needed", [*columns, "sd of trials near 16 D"], rows,
        note="Draws count a row as often as it is drawn, labels once. '>': not within the sizes tried, on some seed.",
    )  # fmt: skip
