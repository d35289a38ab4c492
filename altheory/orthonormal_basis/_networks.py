r"""The condition number of two-layer networks $f(W,x) = m^{-1/2}\sum_ra_r\phi(w_r\cdot x)$, which form no linear space.

$K = \sup_W\max_if(W,x_i)^2/\mathrm{E}f(W,\cdot)^2$ is at most that of the span, and no formula is known. Two certificates
from below: a relu neuron that fires at one point only has the ratio $1/p_i$, and linear programming finds it or proves that
there is none; for other activations gradient ascent gives the ratio of the W it ends at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from altheory import activations
from altheory._inputs import InputError, as_tensor, as_tensors, check_integer, is_exact
from altheory._weights import seed_of
from altheory.orthonormal_basis._condition import peak_ratio
from altheory.orthonormal_basis._support import on_support, transposed

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.activations import Activation


def network_values(
    X: Float[ArrayLike, "*batch n d"],
    W: Float[ArrayLike, "*batch m d"],
    a: Float[ArrayLike, "*batch m"],
    activation: str | Activation,
) -> Float[Tensor, "*batch n"]:
    r"""$f(W,x_i)$ without the factor $m^{-1/2}$, which a ratio does not see and exact arithmetic would have to root.

    Args:
        X: (..., n, d).
        W: (..., m, d), one row a neuron.
        a: (..., m), the signs.
        activation: A name of `altheory.activations`, or an `Activation`.

    Returns:
        (..., n).

    Raises:
        InputError: The shapes do not fit, or there is no such activation.
    """
    phi = activations.get(activation)
    points, weights, signs = as_tensors(X=X, W=W, a=a)
    if not any(map(is_exact, (points, weights, signs))):
        as_tensor("X", points, min_ndim=2, layout="(..., n, d)")
        as_tensor("W", weights, min_ndim=2, layout="(..., m, d)")
        if points.shape[-1] != weights.shape[-1] or signs.ndim == 0 or signs.shape[-1] != weights.shape[-2]:
            raise InputError(
                f"`X` has shape {tuple(points.shape)}, `W` {tuple(weights.shape)} and `a` {tuple(signs.shape)}; "
                "pass (..., n, d), (..., m, d) and (..., m)."
            )
    return (phi.phi(points @ transposed(weights)) @ signs[..., None])[..., 0]


@dataclass(frozen=True)
class Isolation:
    r"""Whether one relu neuron fires at one point alone; exactly one of `w` and `combination` is there (Farkas).

    Attributes:
        point: The point's number i.
        w: (d,) with $w\cdot x_i>0\ge w\cdot x_j$ for the other points of the support, else None.
        ratio: The `peak_ratio` of $\max(w\cdot x,0)$, computed from w again; None without w.
        combination: (n,) of $\lambda\ge0$ with $\lambda_i = 0$ and $\sum_j\lambda_jx_j = x_i$: it forbids such a w.
    """

    point: int
    w: Tensor | None
    ratio: float | None
    combination: Tensor | None


def isolating_neuron(X: Float[ArrayLike, "n d"], p: Float[ArrayLike, " n"], point: int) -> Isolation:
    r"""A relu neuron that fires at `point` alone, so that $K\ge1/p_i$, or the proof that there is none.

    The linear program (HiGHS) looks for the widest margin of $w\cdot x_j\le-t$, $w\cdot x_i = 1$; its tolerance is about 1e-7,
    so a point within that of the others' cone may come out either way. The ratio is recomputed from the w returned,
    and holds whatever the program did.

    Args:
        X: (n, d).
        p: (n,), a distribution; points without mass do not count.
        point: A point of the support, from 0 to n - 1.

    Returns:
        The `Isolation`.

    Raises:
        InputError: The shapes do not fit, p is no distribution, or there is no such point in the support.
        ArithmeticError: The linear programs find neither.
    """
    from scipy.optimize import linprog

    values, masses = on_support(X, p, name="X")
    values = as_tensor("X", values, ndim=2, layout="(n, d)").detach()
    n, d = values.shape
    i = check_integer("point", point, least=0)
    if i >= n or float(masses[i]) == 0:
        raise InputError(f"`point` is {i} but `X` has {n} points and this one must have mass; pass a point of the support.")
    rows = values.cpu().to(torch.float64).numpy()
    scale = np.abs(rows).max() or 1.0
    others = np.array([j for j in range(n) if j != i and float(masses[j]) > 0], dtype=int)
    cone, target = rows[others] / scale, rows[i] / scale
    objective = np.r_[np.zeros(d), -1.0]
    found = linprog(
        objective,
        A_ub=np.c_[cone, np.ones(len(others))] if len(others) else None,
        b_ub=np.zeros(len(others)) if len(others) else None,
        A_eq=np.r_[target, 0.0][None],
        b_eq=[1.0],
        bounds=[(None, None)] * d + [(0, 1)],
        method="highs",
    )
    if found.status == 0:
        w = torch.from_numpy(found.x[:d] / scale)
        ratio = peak_ratio(torch.relu(torch.from_numpy(rows) @ w), masses.detach().cpu().to(torch.float64))
        return Isolation(i, w, float(ratio), None)
    combination = np.zeros(n)
    if len(others):
        found = linprog(np.zeros(len(others)), A_eq=cone.T, b_eq=target, bounds=(0, None), method="highs")
        if found.status == 0:
            combination[others] = found.x
    if np.abs(combination @ rows - rows[i]).max() > 1e-6 * scale:
        raise ArithmeticError(f"neither linear program for point {i} was solved: {found.message}")
    return Isolation(i, None, None, torch.from_numpy(combination))


def ascend_condition_number(
    X: Float[ArrayLike, "n d"],
    p: Float[ArrayLike, " n"],
    a: Float[ArrayLike, " m"],
    activation: str | Activation,
    *,
    seed: int | torch.Generator,
    starts: int = 32,
    steps: int = 200,
) -> tuple[float, Float[Tensor, "m d"]]:
    r"""A lower bound of K for networks with output signs a, by gradient ascent over W from random starts.

    Only a lower bound: ascent finds local maxima, and the supremum may lie at infinity or be infinite. What is returned is the
    best W met on any path and its ratio. Starts have weights of sizes from 0.1 to 100; steps (Adam) are relative to them.

    Args:
        X: (n, d).
        p: (n,), a distribution.
        a: (m,), the signs.
        activation: A name of `altheory.activations`, or an `Activation`.
        seed: An integer, or a CPU generator.
        starts: How many W are improved side by side.
        steps: Steps of each.

    Returns:
        The ratio and W (m, d); `peak_ratio(network_values(X, W, a, activation), p)` is this ratio.

    Raises:
        InputError: The shapes do not fit, p is no distribution, there is no such activation, or a count is no integer >= 1.
    """
    values, masses = on_support(X, p, name="X")
    values, masses = as_tensor("X", values, ndim=2, layout="(n, d)").detach(), masses.detach()
    signs = as_tensor("a", a, ndim=1, layout="(m,)", like=("X", values)).detach()
    starts, steps = check_integer("starts", starts), check_integer("steps", steps)
    generator = torch.Generator().manual_seed(seed_of(seed))
    shape = (starts, len(signs), values.shape[-1])
    scales = torch.logspace(-1, 2, starts, dtype=torch.float64)[:, None, None].to(values)
    U = torch.randn(shape, generator=generator, dtype=torch.float64).to(values).requires_grad_()
    optimiser = torch.optim.Adam([U], lr=0.03)
    best, best_W = -math.inf, torch.zeros(shape[1:]).to(values)
    with torch.enable_grad():
        for step in range(steps + 1):
            W = scales * U
            ratios = peak_ratio(network_values(values, W, signs, activation), masses)
            highest, top = torch.max(ratios.detach(), 0)
            if float(highest) > best:
                best, best_W = float(highest), W[top].detach().clone()
            if step == steps:
                break
            optimiser.zero_grad()
            (-torch.log(ratios.clamp_min(1e-12))).sum().backward()
            optimiser.step()
    return best, best_W
