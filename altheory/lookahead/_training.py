r"""Training in turn under a fixed kernel: warm starts, cold starts, and the gap between them.

A function is its values on N points, training and other points alike, and K is the kernel of all of them. Training on some of
the points adds $K(\cdot,X)\,c$ with the *pull* $c = g(K_{XX})\,(Y_X-f(X))$ of a filter (`altheory.lookahead.Flow` and the
others). So everything reached from $f_0$ is $f_0+Ka$ with a the sum of all pulls, and that is all a warm start remembers:
if $f_{warm}-f_0 = K(\cdot,X)\,a$ with X the points of the last stage, then training both on them gives exactly

$$f_{warm}(x)-f_{cold}(x) = K(x,X)\,r(K_{XX})\,a .$$

After infinite time r(K) projects onto the null space of K, which $K(x,X)$ does not see: the gap is 0. Only the last stage has
to converge, and the features of all earlier points have to lie in the span of the last ones'.

Source: Mohamadi, Bae, Sutherland (2022), theorems 3.1 and A.2, which want more; the law at finite times is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, is_exact
from altheory.lookahead._filters import Converged, Filter
from altheory.training._kernel_form import check_kernel, eigen

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

    Points = Sequence[int] | range | slice


def pull(
    K: Float[ArrayLike, "*batch N N"],
    f: Float[ArrayLike, "*batch N C"] | Float[ArrayLike, "*batch N"],
    Y: Float[ArrayLike, "*batch N C"] | Float[ArrayLike, "*batch N"],
    on: Points,
    how: Filter | None = None,
) -> Float[Tensor, "*batch N C"]:
    r"""The pull $c = g(K_{XX})\,(Y_X-f(X))$ of training on some of the points, 0 at all others: the function moves by K c.

    Args:
        K: (..., N, N) kernel of all points, symmetric positive semi-definite.
        f: (..., N, C), or (..., N) for one output: the function that training starts from.
        Y: Labels, shaped like f; only those of the points trained on matter.
        on: Which points: integers from 0 to N - 1 (each once), a range or a slice.
        how: The filter; `Converged()` by default.

    Returns:
        Shaped like f.

    Raises:
        InputError: Shapes that do not fit; points that are not there, or given twice; a kernel that is not symmetric positive
            semi-definite.
    """
    kernel, start, labels, vector = _checked(K, f, Y)
    chosen = _points(on, kernel.shape[-1])
    rule = Converged() if how is None else how
    residual = (labels - start)[..., chosen, :]
    moved = rule.pull(kernel[..., chosen, :][..., :, chosen]) @ residual
    place = torch.zeros(kernel.shape[-1], len(chosen), dtype=torch.float64)
    place[chosen, range(len(chosen))] = 1.0
    out = (place if is_exact(moved) else place.to(moved)) @ moved
    return out[..., 0] if vector else out


def train(
    K: Float[ArrayLike, "*batch N N"],
    f: Float[ArrayLike, "*batch N C"] | Float[ArrayLike, "*batch N"],
    Y: Float[ArrayLike, "*batch N C"] | Float[ArrayLike, "*batch N"],
    on: Points,
    how: Filter | None = None,
) -> Float[Tensor, "*batch N C"]:
    r"""The function after training on some of the points: $f+K(\cdot,X)\,g(K_{XX})\,(Y_X-f(X))$ (eq. 5, 6, 10, 11, 26).

    Args:
        K: As in `pull`.
        f: As in `pull`.
        Y: As in `pull`.
        on: As in `pull`.
        how: As in `pull`.

    Returns:
        Shaped like f: the values at all N points.

    Raises:
        InputError: As in `pull`.
    """
    kernel, start, labels, vector = _checked(K, f, Y)
    out = start + kernel @ pull(kernel, start, labels, on, how)
    return out[..., 0] if vector else out


def train_in_turn(
    K: Float[ArrayLike, "*batch N N"],
    f: Float[ArrayLike, "*batch N C"] | Float[ArrayLike, "*batch N"],
    Y: Any,
    stages: Sequence[Points],
    how: Filter | Sequence[Filter] | None = None,
) -> tuple[Float[Tensor, "*batch N C"], Float[Tensor, "*batch N C"]]:
    r"""Warm starts: train on one set after the other, each time from where the last one ended (theorem 3.1).

    Args:
        K: As in `pull`.
        f: $f_0$, as in `pull`.
        Y: Labels as in `pull`; or a list of them, one for each stage.
        stages: The sets of points; they need not be nested.
        how: One filter for all stages, or one for each; `Converged()` by default.

    Returns:
        The values at all N points after the last stage, and the sum a of all pulls: $f_{end} = f_0+Ka$.

    Raises:
        InputError: As in `pull`; not one filter, or one set of labels, for each stage.
    """
    count = len(stages)
    rules = _each("how", how, count) if isinstance(how, (list, tuple)) else [how] * count
    labels = _each("Y", Y, count) if isinstance(Y, (list, tuple)) and _is_list_of_arrays(Y) else [Y] * count
    kernel, start, _, vector = _checked(K, f, labels[0])
    now, total = start, 0 * start
    for on, rule, truth in zip(stages, rules, labels, strict=True):
        step = pull(kernel, now, _columns(truth, start, vector), on, rule)
        now, total = now + kernel @ step, total + step
    return (now[..., 0], total[..., 0]) if vector else (now, total)


def warm_start_gap(
    K_x: Float[ArrayLike, "*batch m n"],
    K: Float[ArrayLike, "*batch n n"],
    a: Float[ArrayLike, "*batch n C"] | Float[ArrayLike, "*batch n"],
    how: Filter,
) -> Float[Tensor, "*batch m C"]:
    r"""$f_{warm}(x)-f_{cold}(x) = K(x,X)\,r(K)\,a$ after the last stage, exactly, where $f_{warm}-f_0 = K(\cdot,X)\,a$
    before it.

    Args:
        K_x: (..., m, n) kernel of other points with those of the last stage.
        K: (..., n, n) kernel of the points of the last stage.
        a: (..., n, C) or (..., n), what the warm start has learnt.
        how: The last stage's filter.

    Returns:
        (..., m, C) or (..., m).

    Raises:
        InputError: Shapes that do not fit, or a kernel that is not symmetric positive semi-definite.
    """
    cross, kernel, learnt, vector = _law(K_x, K, a)
    out = cross @ (how.remain(kernel) @ learnt)
    return out[..., 0] if vector else out


def warm_start_gap_bound(
    kappa: Float[ArrayLike, "*batch m"],
    K: Float[ArrayLike, "*batch n n"],
    a: Float[ArrayLike, "*batch n"],
    how: Filter,
) -> Float[Tensor, "*batch m"]:
    r"""$|f_{warm}(x)-f_{cold}(x)|\le\sqrt{K(x,x)}\;\max_i|r(\lambda_i)|\;\sqrt{a^\top Ka}$, by Cauchy and Schwarz.

    For `Flow(t)` the middle factor is $e^{-t\lambda_{\min}}$. Equality where a and $K(X,x)$ are multiples of the eigenvector
    that decays last. Eigenvalues of a kernel of floats that are 0 up to rounding do not count: nothing is learnt there.

    Args:
        kappa: (..., m) the values K(x, x).
        K: As in `warm_start_gap`.
        a: (..., n), one output.
        how: The last stage's filter.

    Returns:
        (..., m).

    Raises:
        InputError: As in `warm_start_gap`.
    """
    kernel = check_kernel("K", K)
    exact = is_exact(kernel)
    diagonal = as_tensor("kappa", kappa, min_ndim=1, layout="(..., m)", like=("K", kernel))
    learnt = as_tensor("a", a, min_ndim=1, layout="(..., n)", like=("K", kernel))
    if not exact and learnt.shape[-1] != kernel.shape[-1]:
        raise InputError(f"`a` has shape {tuple(learnt.shape)} but `K` has {tuple(kernel.shape)}; pass one number a point.")
    energy = (learnt * (kernel @ learnt[..., None])[..., 0]).sum(-1)
    if exact:
        left = torch.amax(how.remaining(torch.linalg.eigvalsh(kernel)).abs(), -1)
        return torch.sqrt(diagonal) * (left * torch.sqrt(energy))[..., None]
    with torch.no_grad():
        counted = eigen(kernel)[0] > 0
    eigenvalues = torch.linalg.eigvalsh(kernel)
    left = torch.amax(torch.where(counted, how.remaining(eigenvalues).abs(), 0), -1)
    return torch.sqrt(diagonal) * (left * torch.sqrt(torch.clamp(energy, min=0)))[..., None]


def _checked(K: Any, f: Any, Y: Any) -> tuple[Any, Any, Any, bool]:
    """The kernel, the function and the labels with their outputs on a last axis, and whether there was none."""
    kernel = check_kernel("K", K)
    start, labels = as_tensor("f", f, like=("K", kernel)), as_tensor("Y", Y, like=("K", kernel))
    vector = start.ndim == kernel.ndim - 1
    if not is_exact(kernel):
        rows = tuple(start.shape) if vector else tuple(start.shape[:-1])
        if rows != tuple(kernel.shape[:-1]) or tuple(labels.shape) != tuple(start.shape):
            raise InputError(
                f"`f` has shape {tuple(start.shape)} and `Y` {tuple(labels.shape)} but `K` has {tuple(kernel.shape)}; pass "
                "both with one row for each point, (..., N, C), or (..., N) for one output."
            )
    return (kernel, start[..., None], labels[..., None], True) if vector else (kernel, start, labels, False)


def _columns(Y: Any, like: Any, vector: bool) -> Any:
    labels = as_tensor("Y", Y, like=("f", like))
    return labels[..., None] if vector and labels.ndim == like.ndim - 1 else labels


def _points(on: Any, n: int) -> list[int]:
    """The points as a list of integers, or a refusal."""
    chosen = list(range(n))[on] if isinstance(on, slice) else [int(i) for i in on]
    if not chosen or len(set(chosen)) != len(chosen) or min(chosen) < 0 or max(chosen) >= n:
        raise InputError(
            f"`on` is {on!r} but different integers from 0 to {n - 1} are wanted, at least one; pass the points to train on."
        )
    return chosen


def _each(name: str, values: Sequence[Any], count: int) -> list[Any]:
    if len(values) != count:
        raise InputError(f"`{name}` has {len(values)} entries but there are {count} stages; pass one for all, or one for each.")
    return list(values)


def _is_list_of_arrays(Y: Sequence[Any]) -> bool:
    return all(hasattr(one, "shape") for one in Y)


def _law(K_x: Any, K: Any, a: Any) -> tuple[Any, Any, Any, bool]:
    kernel = check_kernel("K", K)
    cross = as_tensor("K_x", K_x, min_ndim=2, layout="(..., m, n)", like=("K", kernel))
    learnt = as_tensor("a", a, like=("K", kernel))
    vector = learnt.ndim == kernel.ndim - 1
    if not is_exact(kernel):
        rows = learnt.shape[-1] if vector else learnt.shape[-2]
        if cross.shape[-1] != kernel.shape[-1] or rows != kernel.shape[-1]:
            raise InputError(
                f"`K_x` has shape {tuple(cross.shape)} and `a` {tuple(learnt.shape)} but `K` has {tuple(kernel.shape)}; pass a "
                "column, and a row of `a`, for each point of the last stage."
            )
    return cross, kernel, learnt[..., None] if vector else learnt, vector
