r"""The maximum mean discrepancy of two samples, or of two laws on finitely many points.

For a kernel k with feature map $\phi$ and $\mu_p = E_{x\sim p}\phi(x)$,

$$\mathrm{MMD}^2(p,q) = \|\mu_p-\mu_q\|^2 = E\,k(x,x')+E\,k(z,z')-2E\,k(x,z),\qquad x,x'\sim p,\; z,z'\sim q
\text{ independent.}$$

Every function here returns the *square*, with its sign: unbiased estimates of it are negative about half of the time when
p = q, and a root would hide that. Sums run over tiles, so no kernel matrix of the whole sample is ever made.

Source: Gretton, Borgwardt, Rasch, Scholkopf, Smola, "A kernel two-sample test" (JMLR 2012); dynamicAL (ICLR 2022 submission),
section 4.2 and appendices B.3 and D.1, eq. (31) and (32).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, check_integer, is_exact
from altheory._two_samples import Gaussian, TwoSamples, two_samples

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike

    Kernel = str | Callable[[Tensor, Tensor], Tensor] | ArrayLike
    Ids = tuple[Sequence[int] | Tensor, Sequence[int] | Tensor]

ESTIMATORS = ("v", "u", "paper", "nested")


def mmd2(
    X: Float[ArrayLike, "*batch n0 d"] | Int[ArrayLike, " n0"],
    Z: Float[ArrayLike, "*batch n d"] | Int[ArrayLike, " n"],
    kernel: Kernel = "ntk",
    estimator: str = "v",
    *,
    ids: Ids | None = None,
    tile: int = 1024,
) -> Float[Tensor, "*batch"]:
    r"""$\mathrm{MMD}^2$ of two samples, signed.

    With $a = \sum_{i,j}k(x_i,x_j)$, $b = \sum_{i,j}k(z_i,z_j)$, $c = \sum_{i,j}k(x_i,z_j)$, and a tilde where the pairs i = j
    are left out:

    - "v": $a/n_0^2 + b/n^2 - 2c/(n_0n)$, the squared distance of the two empirical means; never negative but for rounding, and
      biased upwards.
    - "u": $\tilde a/(n_0(n_0-1)) + \tilde b/(n(n-1)) - 2c/(n_0n)$: unbiased for two independent samples, so the two must not
      share a point.
    - "paper": $\tilde a/(n_0(n_0-1)) + \tilde b/(n(n-1)) - 2\tilde c/(n_0(n-1))$, eq. (32) of dynamicAL. Where X is contained
      in Z, $\tilde c$ leaves out the $n_0$ pairs of a point with itself, found by identity, in whatever order the points stand;
      where no point is shared it leaves out the $n_0$ pairs $(x_i, z_i)$, as the formula is printed. Unbiased for independent
      samples; for X in Z see `nested_mean`.
    - "nested": for X contained in Z and Q the rest, b points: $(b/n)^2$ times "u" of X and Q. When X and Q are independent
      samples of p and r, it is unbiased for $\mathrm{MMD}^2(p, (n_0p+br)/n)$, which "paper" is not.

    Two samples with X contained in Z have $\mathrm{MMD}^2_v(X, Z) = (b/n)^2\,\mathrm{MMD}^2_v(X, Q)$ exactly.

    The absolute error of a float64 result is about $10^{-16}\max k$ times a small factor: a discrepancy below $10^{-8}$ (not
    squared) is rounding. Sums are accumulated in float64 for every input.

    Args:
        X: (..., n0, d) points; or, when `kernel` is a matrix, n0 row numbers of it.
        Z: (..., n, d) points with the same batch and d; or n row numbers.
        kernel: "ntk" (`altheory.kernels.analytic`: relu, first layer trained), "linear", a symmetric function of two arrays
            of points that returns (..., n, m), such as `rbf(1.0)`, or a symmetric matrix (..., N, N).
        estimator: "v", "u", "paper" or "nested".
        ids: Who is who: n0 and n different integers each; a point of X and a point of Z with the same number are the same
            draw (two draws may well have equal values). None says that no point is shared or, when `kernel` is a matrix,
            that the row numbers are the names.
        tile: Side of a tile; memory is a few tiles of tile x tile entries beside the points.

    Returns:
        (...,) in the dtype and on the device of the points or of the matrix.

    Raises:
        InputError: An unknown kernel or estimator, arrays that do not fit, row numbers outside the matrix, names that repeat,
            samples that share a point where they must not (or share some but not all), or too few points.
    """
    if estimator not in ESTIMATORS:
        raise InputError(f"`estimator` is {estimator!r} but one of {', '.join(ESTIMATORS)} is wanted; pass one of these.")
    two = two_samples(X, Z, kernel, check_integer("tile", tile))
    if estimator == "v":
        return two.finished(_v(two))
    first, second = _names(two, ids)
    return two.finished(_ESTIMATE[estimator](two, first, second))


def _v(two: TwoSamples) -> Any:
    n0, n = two.sizes
    return two.square(0)[0] / n0**2 + two.square(1)[0] / n**2 - 2 * two.rectangle() / (n0 * n)


def _u(two: TwoSamples, first: list[int], second: list[int]) -> Any:
    if shared := len(set(first) & set(second)):
        raise InputError(
            f'`estimator="u"` wants samples without a common point but they share {shared}; use "nested" for a sample and a '
            'part of it, or "v".'
        )
    n0, n = _at_least_two(two, "u")
    return _inside(two, 0) + _inside(two, 1) - 2 * two.rectangle() / (n0 * n)


def _paper(two: TwoSamples, first: list[int], second: list[int]) -> Any:
    n0, n = _at_least_two(two, "paper")
    shared = len(set(first) & set(second))
    if shared not in (0, n0) or n0 > n:
        raise InputError(
            f'`estimator="paper"` wants X inside Z, or no point in common and X no larger than Z, but X has {n0} points, Z has '
            f"{n} and they share {shared}; pass `ids` that say who is who."
        )
    total, trace = two.square(0)
    c = two.rectangle() - (trace if shared else two.pairs())
    return (total - trace) / (n0 * (n0 - 1)) + _inside(two, 1) - 2 * c / (n0 * (n - 1))


def _nested(two: TwoSamples, first: list[int], second: list[int]) -> Any:
    (n0, n), seeds = two.sizes, set(first)
    rest = [j for j, name in enumerate(second) if name not in seeds]
    if n0 < 2 or len(rest) < 2 or len(rest) != n - n0:
        raise InputError(
            f'`estimator="nested"` wants at least two points in X, all of them in Z, and two more in Z, but X has {n0}, Z has '
            f'{n} and they share {n - len(rest)}; pass `ids` that say who is who, or use "u" for separate samples.'
        )
    query = two.with_second(rest)
    return _u(query, first, []) * (n - n0) ** 2 / n**2


_ESTIMATE = {"u": _u, "paper": _paper, "nested": _nested}


def _at_least_two(two: TwoSamples, estimator: str) -> tuple[int, int]:
    if min(two.sizes) < 2:
        raise InputError(
            f"`estimator={estimator!r}` wants at least two points in each sample but got {two.sizes[0]} and {two.sizes[1]}; "
            "add points."
        )
    return two.sizes


def _inside(two: TwoSamples, which: int) -> Any:
    """The mean of the kernel over the pairs of different points of one sample."""
    (total, trace), n = two.square(which), two.sizes[which]
    return (total - trace) / (n * (n - 1))


def _names(two: TwoSamples, ids: Any) -> tuple[list[int], list[int]]:
    """One integer a point; equal integers in the two samples are the same point."""
    n0, n = two.sizes
    if ids is None:
        ids = (two.first, two.second) if two.rows_of_a_matrix else (range(n0), range(n0, n0 + n))
    if len(ids) != 2:
        raise InputError(f"`ids` has {len(ids)} parts but two, for X and for Z, are wanted; pass `(ids_of_X, ids_of_Z)`.")
    found = []
    for name, given, size in (("X", ids[0], n0), ("Z", ids[1], n)):
        numbers = [int(i) for i in (given.tolist() if hasattr(given, "tolist") else given)]
        if len(numbers) != size or len(set(numbers)) != size:
            raise InputError(
                f"`{name}` has {size} points but {len(numbers)} names, {len(set(numbers))} of them different; pass `ids` with "
                "one integer for every draw (draws of equal value are different draws)."
            )
        found.append(numbers)
    return found[0], found[1]


def population_mmd2(
    p: Float[ArrayLike, "*batch n"], q: Float[ArrayLike, "*batch n"], theta: Float[ArrayLike, "*batch n n"]
) -> Float[Tensor, "*batch"]:
    r"""$\mathrm{MMD}^2(p,q) = (p-q)^\top\Theta(p-q)$ for two laws on n points with kernel matrix $\Theta$.

    Args:
        p: (..., n) masses; any real numbers are taken.
        q: (..., n) masses.
        theta: (..., n, n) symmetric kernel of the points.

    Returns:
        (...,) in theta's dtype and on its device.

    Raises:
        InputError: Shapes, dtypes or devices that do not fit.
    """
    masses_p, masses_q, kernel = _laws(theta, p=p, q=q)
    gap = masses_p - masses_q
    return (gap * (kernel @ gap[..., None])[..., 0]).sum(-1)


def witness(
    p: Float[ArrayLike, "*batch n"], q: Float[ArrayLike, "*batch n"], theta: Float[ArrayLike, "*batch n n"]
) -> Float[Tensor, "*batch n"]:
    r"""The witness function $\mu_p-\mu_q$ at the n points, $\Theta(p-q)$.

    Of all functions g of the same norm in the kernel's space it has the largest $\int g\,dp-\int g\,dq$; divided by the MMD it
    has norm 1. Arguments and errors as for `population_mmd2`.

    Returns:
        (..., n).
    """
    masses_p, masses_q, kernel = _laws(theta, p=p, q=q)
    return (kernel @ (masses_p - masses_q)[..., None])[..., 0]


def nested_mean(
    p: Float[ArrayLike, "*batch n"], r: Float[ArrayLike, "*batch n"], theta: Float[ArrayLike, "*batch n n"], n0: int, b: int
) -> Float[Tensor, "*batch"]:
    r"""The mean of eq. (32), `mmd2(..., estimator="paper")`, when the second sample contains the first.

    For $S_0\sim p^{n_0}$ and $Q\sim r^b$ independent, $S = S_0\cup Q$, $n = n_0+b$ and $D = \mathrm{MMD}^2(p,r)$:

    $$E = \Bigl(\frac bn\Bigr)^2D + \frac{b^2D}{n^2(n-1)} + \frac{b(\|\mu_p\|^2-\|\mu_r\|^2)}{n(n-1)} .$$

    The law of a random element of S is $q = (n_0p+br)/n$, with $\mathrm{MMD}^2(p,q) = (b/n)^2D$: the estimator is biased.

    Args:
        p: (..., n) law of the first sample.
        r: (..., n) law of the rest.
        theta: (..., n, n) symmetric kernel of the points.
        n0: Size of the first sample, at least 2.
        b: Size of the rest, at least 1.

    Returns:
        (...,) in theta's dtype and on its device.

    Raises:
        InputError: As for `population_mmd2`, or sizes too small.

    Source: own derivation.
    """
    n0, b = check_integer("n0", n0, least=2), check_integer("b", b)
    n = n0 + b
    P, R, kernel = _laws(theta, p=p, r=r)
    embedded_p, embedded_r = (kernel @ P[..., None])[..., 0], (kernel @ R[..., None])[..., 0]
    D = ((P - R) * (embedded_p - embedded_r)).sum(-1)
    lengths = (P * embedded_p).sum(-1) - (R * embedded_r).sum(-1)
    # the first two terms together: b^2 D / n^2 (1 + 1/(n - 1)) = b^2 D / (n (n - 1))
    return b * (b * D + lengths) / (n * (n - 1))


def one_sided_slack(
    C: Float[ArrayLike, "*batch"], n0: ArrayLike, n: ArrayLike, delta: Float[ArrayLike, "*batch"]
) -> Float[Tensor, "*batch"]:
    r"""$\sqrt{2C(1/n_0+1/n)\ln(1/\delta)}$: how far the V-statistic of two independent samples falls short of the MMD.

    If $k(x,x)\le C$, $S_0\sim p^{n_0}$ and $S\sim q^n$ are independent, then with probability at least $1-\delta$
    $\mathrm{MMD}(p,q)\le\mathrm{MMD}_v(S_0,S)+$ this. Hoeffding's inequality for the witness function, whose values lie in
    $[-\sqrt C,\sqrt C]$.

    Args:
        C: Bound on the kernel's diagonal, at least 0; all four broadcast.
        n0: Size of the first sample.
        n: Size of the second.
        delta: Probability of failure, in (0, 1].

    Returns:
        float64, in the broadcast shape.

    Raises:
        InputError: A negative bound, a size below 1, or a probability outside (0, 1].

    Source: own derivation; sharper in this direction than Gretton et al. (2012), theorem 7.
    """
    bound, first, second, risk = _sizes(C, n0, n, delta)
    return torch.sqrt(2 * (bound / first + bound / second) * torch.log(1 / risk))


def two_sided_slack(
    C: Float[ArrayLike, "*batch"], n0: ArrayLike, n: ArrayLike, delta: Float[ArrayLike, "*batch"]
) -> Float[Tensor, "*batch"]:
    r"""$2(\sqrt{C/n_0}+\sqrt{C/n})+\sqrt{2C(1/n_0+1/n)\ln(2/\delta)}$, a bound on $|\mathrm{MMD}-\mathrm{MMD}_v|$.

    Arguments and errors as for `one_sided_slack`. The kernel must lie in [0, C].

    Source: Gretton et al. (2012), theorem 7, its probability set to $\delta$.
    """
    bound, first, second, risk = _sizes(C, n0, n, delta)
    inverse = bound / first + bound / second
    return 2 * (torch.sqrt(bound / first) + torch.sqrt(bound / second)) + torch.sqrt(2 * inverse * torch.log(2 / risk))


def _sizes(*given: Any) -> tuple[Any, ...]:
    """The bound, the two sizes and the probability in float64, or a refusal."""
    if any(is_exact(one) for one in given):
        return given
    C, n0, n, delta = (
        as_tensor(name, value).to(torch.float64) for name, value in zip(("C", "n0", "n", "delta"), given, strict=True)
    )
    for name, value, good, wanted in (
        ("C", C, C >= 0, "at least 0"),
        ("n0", n0, n0 >= 1, "at least 1"),
        ("n", n, n >= 1, "at least 1"),
        ("delta", delta, (delta > 0) & (delta <= 1), "above 0 and at most 1"),
    ):
        if not bool(good.all()):
            raise InputError(
                f"`{name}` contains {float(value[~good].flatten()[0]):g} but numbers {wanted} are wanted; pass those."
            )
    return C, n0, n, delta


def rbf(bandwidth: float) -> Callable[[Tensor, Tensor], Tensor]:
    r"""The Gaussian kernel $\exp(-|x-z|^2/(2h^2))$ as a function of two arrays of points.

    Args:
        bandwidth: $h > 0$, in the unit of the points.

    Returns:
        A function (..., n, d), (..., m, d) -> (..., n, m) for `mmd2`.

    Raises:
        InputError: A bandwidth that is not a positive number.
    """
    if not isinstance(bandwidth, (int, float)) or isinstance(bandwidth, bool) or not 0 < bandwidth < float("inf"):
        raise InputError(f"`bandwidth` is {bandwidth!r} but a positive number is wanted; pass the length scale of the points.")

    return Gaussian(float(bandwidth))


def _laws(theta: Any, **laws: Any) -> tuple[Any, Any, Any]:
    """Two vectors of masses and the kernel matrix they belong to, checked together."""
    found = as_tensors(theta=theta, **laws)
    if any(is_exact(one) for one in found):
        return found[1], found[2], found[0]
    shape = tuple(found[0].shape)
    for name, law in zip(laws, found[1:]):
        if len(shape) < 2 or shape[-1] != shape[-2] or tuple(law.shape) != shape[:-1]:
            raise InputError(
                f"`{name}` has shape {tuple(law.shape)} and `theta` has shape {shape} but (..., n) and (..., n, n) with the "
                "same batch are wanted; reshape them."
            )
    return found[1], found[2], found[0]
