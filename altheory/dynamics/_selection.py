r"""What a query changes about the training dynamics, and the choice of the best one.

Gradients in, numbers out: $g_u$ of a candidate u under its pseudo label, $g_S$ of the labelled set.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, check_integer, is_exact

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


def change(candidates: Float[ArrayLike, "*batch n p"], labelled: Float[ArrayLike, "*batch p"]) -> Float[Tensor, "*batch n"]:
    r"""$\Delta(\{u\}|S) = G(S\cup\{u\})-G(S) = |g_u|^2+2\langle g_u,g_S\rangle$ for all candidates at once (eq. 15).

    Args:
        candidates: (..., N, p) gradients $g_u$.
        labelled: (..., p) gradient $g_S$ of the labelled set.

    Returns:
        (..., N).

    Raises:
        InputError: The shapes do not fit, or an entry is not finite.
    """
    return criterion(candidates, labelled, 2)


def criterion(
    candidates: Float[ArrayLike, "*batch n p"], labelled: Float[ArrayLike, "*batch p"], gamma: float | Tensor
) -> Float[Tensor, "*batch n"]:
    r"""$|g_u|^2+\gamma\langle g_u,g_S\rangle$ for all candidates: 0 is the gradient norm, 2 is `change`; $\gamma=\infty$ is
    $\langle g_u,g_S\rangle$ alone, the order in the limit.

    Args:
        candidates: (..., N, p) gradients $g_u$.
        labelled: (..., p) gradient $g_S$.
        gamma: A number, inf included, or a tensor (...,).

    Returns:
        (..., N).

    Raises:
        InputError: The shapes do not fit, an entry is not finite, or gamma is NaN or -inf.
    """
    points, total = _gradients(candidates, labelled)
    inner = (points * total[..., None, :]).sum(-1)
    if isinstance(gamma, (int, float)) and not is_exact(gamma):
        if math.isnan(gamma) or gamma == -math.inf:
            raise InputError(f"`gamma` is {gamma!r} but a number, or inf, is wanted; pass 2 for the change of the dynamics.")
        if gamma == math.inf:
            return inner
        weight: Any = gamma
    else:
        weight = gamma if is_exact(gamma) else as_tensor("gamma", gamma, like=("candidates", points))
        weight = weight[..., None] if weight.ndim else weight
    return (points * points).sum(-1) + weight * inner


def change_of_set(chosen: Float[ArrayLike, "*batch b p"], labelled: Float[ArrayLike, "*batch p"]) -> Float[Tensor, "*batch"]:
    r"""$\Delta(Q|S) = G(S\cup Q)-G(S) = |g_Q|^2+2\langle g_Q,g_S\rangle$ with $g_Q = \sum_{u\in Q}g_u$.

    Args:
        chosen: (..., b, p) gradients of the query set.
        labelled: (..., p) gradient $g_S$.

    Returns:
        (...,).

    Raises:
        InputError: The shapes do not fit, or an entry is not finite.
    """
    points, total = _gradients(chosen, labelled)
    sum_ = points.sum(-2)
    return (sum_ * sum_).sum(-1) + 2 * (sum_ * total).sum(-1)


def cross_terms(chosen: Float[ArrayLike, "*batch b p"]) -> Float[Tensor, "*batch"]:
    r"""$\sum_{u\ne u'}\langle g_u,g_{u'}\rangle$ over ordered pairs: what top-b leaves out (the second term of eq. 13).

    Args:
        chosen: (..., b, p) gradients of the query set.

    Returns:
        (...,).

    Raises:
        InputError: Fewer than two dimensions, or an entry is not finite.
    """
    points = as_tensor("chosen", chosen, min_ndim=2, layout="(..., b, p)")
    gram = points @ torch.transpose(points, -1, -2)
    b = gram.shape[-1]
    other = 1 - torch.eye(b, dtype=torch.float64 if is_exact(gram) else gram.dtype, device=_device(gram))
    return (gram * other).sum(-1).sum(-1)


def approximation_ratio(
    chosen: Float[ArrayLike, "*batch b p"], labelled: Float[ArrayLike, "*batch p"]
) -> Float[Tensor, "*batch"]:
    r"""$R(Q|S) = \sum_{u\in Q}\Delta(\{u\}|S)\,/\,\Delta(Q|S)$ (eq. 14).

    It may be negative or larger than any bound, and is undefined where the set changes nothing; with $g_S = 0$ it is at
    least 1/b.

    Args:
        chosen: (..., b, p) gradients of the query set.
        labelled: (..., p) gradient $g_S$.

    Returns:
        (...,), NaN where $\Delta(Q|S) = 0$ (exact arrays: division by zero there).

    Raises:
        InputError: The shapes do not fit, or an entry is not finite.
    """
    above, below = change(chosen, labelled).sum(-1), change_of_set(chosen, labelled)
    if is_exact(below):
        return above / below
    return torch.where(below == 0, torch.nan, above / torch.where(below == 0, 1.0, below))


def top(scores: Float[ArrayLike, "*batch n"], b: int | Tensor) -> Bool[Tensor, "*batch n"]:
    """Which candidates carry the b largest scores, as a mask; of tied scores the first (eq. 12).

    Args:
        scores: (..., N).
        b: How many, from 0 to N: an int, or an integer tensor (...,).

    Returns:
        (..., N) bool, b true in each row.

    Raises:
        InputError: An entry is not finite, or b is not such a number.
    """
    values = as_tensor("scores", scores, min_ndim=1, layout="(..., N)")
    count: Any
    n = values.shape[-1]
    if isinstance(b, torch.Tensor) or is_exact(b):
        if isinstance(b, torch.Tensor) and (b.is_floating_point() or bool((b < 0).any()) or bool((b > n).any())):
            raise InputError(f"`b` is {b!r} but integers from 0 to {n} are wanted; pass an int or an int64 tensor.")
        asked: Any = b
        count = asked[..., None] if asked.ndim else asked
    else:
        count = check_integer("b", b, least=0)
        if count > n:
            raise InputError(f"`b` is {b} but there are {n} candidates; pass at most {n}.")
    if not is_exact(values):
        order = torch.argsort(values, dim=-1, descending=True, stable=True)
        places = torch.arange(n, device=values.device).expand_as(order)
        return torch.empty_like(order).scatter(-1, order, places) < count
    first, second = values[..., :, None], values[..., None, :]  # [u, v]: u against v
    index = torch.arange(n)
    earlier = (index[None, :] < index[:, None]).to(torch.float64)
    ahead = torch.where(second > first, 1.0, torch.where(second == first, earlier, 0.0))
    return ahead.sum(-1) < count


def query_rounds(
    scores: Float[ArrayLike, "*batch rounds n"], b: int | Tensor, *, reduce_pool: bool = True
) -> Bool[Tensor, "*batch rounds n"]:
    """Algorithm 1 with given scores: what each round queries, the b best of the pool.

    Args:
        scores: (..., R, N) the score of every candidate in every round.
        b: How many a round, R b <= N where the pool is reduced.
        reduce_pool: Take the queried candidates out of the pool; the paper's listing does not.

    Returns:
        (..., R, N) bool, one row a round.

    Raises:
        InputError: An entry is not finite, or more candidates are asked for than there are.
    """
    values = as_tensor("scores", scores, min_ndim=2, layout="(..., R, N)")
    rounds, n = values.shape[-2], values.shape[-1]
    most = b if isinstance(b, int) else None if is_exact(b) else int(torch.as_tensor(b).max())
    if reduce_pool and most is not None and rounds * most > n:
        raise InputError(f"{rounds} rounds of {most} queries want {rounds * most} candidates but there are {n}; query fewer.")
    asked: list[Any] = []
    taken = 0 * values[..., 0, :]
    floor = torch.amin(values, -1)[..., None] - 1  # (..., R, 1): below every score
    for r in range(rounds):
        here = torch.where(taken > 0, floor[..., r, :], values[..., r, :]) if reduce_pool else values[..., r, :]
        chosen = top(here, b)
        taken = torch.where(chosen, 1.0, taken)
        asked.append(chosen)
    return torch.stack(asked, -2)


def subsets(n: int, b: int | None = None) -> Float[Tensor, "count n"]:
    r"""All subsets of n candidates as rows of zeros and ones; with b, those of size b, $\binom{n}{b}$ of them.

    Args:
        n: How many candidates, at most 20 without b.
        b: The size of the subsets; None for every nonempty one.

    Returns:
        (count, n) float64, smaller sets first, each size in lexicographic order.

    Raises:
        InputError: n or b is no such number, or there are more than 2^20 subsets.
    """
    n = check_integer("n", n)
    sizes = range(1, n + 1) if b is None else [check_integer("b", b, least=0)]
    if sum(math.comb(n, size) for size in sizes) > 1 << 20:
        raise InputError(f"{n} candidates have more than 2^20 such subsets; pass fewer candidates, or a smaller `b`.")
    found = [chosen for size in sizes for chosen in itertools.combinations(range(n), size)]
    rows = torch.zeros(len(found), n, dtype=torch.float64)
    for row, chosen in enumerate(found):
        rows[row, list(chosen)] = 1.0
    return rows


def _gradients(points: Any, total: Any) -> tuple[Any, Any]:
    points, total = as_tensors(candidates=points, labelled=total)
    if is_exact(points) or is_exact(total):
        return points, total
    if points.ndim < 2 or tuple(total.shape) != (*points.shape[:-2], points.shape[-1]):
        raise InputError(
            f"`labelled` has shape {tuple(total.shape)} but the candidates' gradients {tuple(points.shape)}; pass gradients of "
            "shapes (..., N, p) and (..., p)."
        )
    return points, total


def _device(x: Any) -> torch.device | None:
    return x.device if isinstance(x, torch.Tensor) else None
