r"""The smallest eigenvalue of a Gram matrix: of a kernel, of a kernel with one more row, of growing sets, of sums of kernels.

For the kernel K of n points the loss of gradient descent falls at least like $(1-\eta\lambda_{\min}(K))^t$, and a query that
wants it to fall fast asks for points that keep $\lambda_{\min}$ large. What this module knows about it:

- adding a point never raises $\lambda_{\min}$ (Cauchy's interlacing), and the new value is the smaller of the old one and the
  root of a secular equation (`secular_smallest`): one eigendecomposition serves all candidates;
- the smallest *positive* eigenvalue $\lambda_{\min}^+$ is another quantity, which additions may raise, and which float64 knows
  only by a rank rule (`smallest_positive_eigenvalue`);
- neither is the condition number.

Source: Kong et al., "Relieving the Plateau: Active Semi-Supervised Learning for a Better Landscape" (CRC), sections 3.1 and
3.3; Golub, "Some modified matrix eigenvalue problems" (SIAM Review 1973), for the secular equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, check_integer, check_symmetric, is_exact, member

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike

#: bisections and Newton steps of the secular equation; each halves the bracket, so this exhausts float64
STEPS = 80


def smallest_eigenvalue(K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch"]:
    r"""$\lambda_{\min}(K)$, one eigendecomposition a matrix; the absolute error is about $n\varepsilon\|K\|$.

    Args:
        K: (..., n, n) symmetric.

    Returns:
        (...,).

    Raises:
        InputError: K is not square, not symmetric beyond rounding, or has an entry that is not finite.
    """
    return torch.linalg.eigvalsh(_kernel("K", K))[..., 0]


def eigenvalues(K: Float[ArrayLike, "*batch n n"], *, rtol: float | None = None) -> Float[Tensor, "*batch n"]:
    r"""All eigenvalues, ascending; those that are zero by the rank rule of `smallest_positive_eigenvalue` are exactly 0.

    Arguments and errors as there.

    Returns:
        (..., n).
    """
    kernel = _kernel("K", K)
    values = torch.linalg.eigvalsh(kernel)
    if is_exact(kernel):
        return values
    return torch.where(values > _threshold(kernel, values, rtol), values, 0)


def smallest_positive_eigenvalue(K: Float[ArrayLike, "*batch n n"], *, rtol: float | None = None) -> Float[Tensor, "*batch"]:
    r"""$\lambda_{\min}^+(K)$: the smallest eigenvalue that is not zero by the rank rule, and 0 for K = 0.

    The rank rule is that of `numpy.linalg.matrix_rank`: an eigenvalue is zero when it is at most rtol times the largest, with
    rtol = n times the machine epsilon of the dtype unless given. Without a rule the number means nothing: a singular K computed
    in float64 has its zeros scattered around $\pm10^{-16}\|K\|$, and the smallest positive one of them is noise. A kernel
    computed as a sum over p parameters errs by up to $p\varepsilon$ itself; give an rtol above that when p is much larger than
    n. Exact arrays meet no rule: zero is zero.

    Args:
        K: (..., n, n) symmetric positive semidefinite.
        rtol: The relative tolerance, at least 0 and below 1.

    Returns:
        (...,).

    Raises:
        InputError: As `smallest_eigenvalue`; an eigenvalue is negative beyond rounding and rtol; rtol is no such number.
    """
    values = eigenvalues(K, rtol=rtol)
    top = torch.amax(values, -1)[..., None]
    return torch.amin(torch.where(values > 0, values, top), -1)


def numerical_rank(K: Float[ArrayLike, "*batch n n"], *, rtol: float | None = None) -> Int[Tensor, "*batch"]:
    """How many eigenvalues are positive by the rank rule of `smallest_positive_eigenvalue`, (...,) int64; same arguments."""
    return (eigenvalues(K, rtol=rtol) > 0).sum(-1)


def condition_number(K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch"]:
    r"""$\kappa(K) = \lambda_{\max}/\lambda_{\min}$, infinite where $\lambda_{\min}\le0$.

    Gradient descent at the best step size has the factor $(\kappa-1)/(\kappa+1)$: this, not $\lambda_{\min}$, is conditioning.

    Args:
        K: (..., n, n) symmetric positive semidefinite.

    Returns:
        (...,).

    Raises:
        InputError: As `smallest_eigenvalue`.
    """
    kernel = _kernel("K", K)
    values = torch.linalg.eigvalsh(kernel)
    low, high = values[..., 0], values[..., -1]
    if is_exact(kernel):
        return high / low
    return torch.where(low > 0, high / torch.where(low > 0, low, 1), torch.inf)


def block_matrix(pairs: Float[ArrayLike, "*batch C C n n2"]) -> Float[Tensor, "*batch nC n2C"]:
    r"""The kernel of C outputs as one matrix: row iC + c belongs to output c at point i (the block layout of CRC's eq. 1).

    Args:
        pairs: (..., C, C, n, n2), as `altheory.kernels.empirical(..., outputs="pairs")` returns it.

    Returns:
        (..., n C, n2 C).

    Raises:
        InputError: The two output dimensions differ.
    """
    blocks = _pairs(pairs)
    *lead, C, _, n, n2 = blocks.shape
    end = len(lead)
    return torch.permute(blocks, (*range(end), end + 2, end, end + 3, end + 1)).reshape(*lead, n * C, n2 * C)


def trace_proxy(pairs: Float[ArrayLike, "*batch C C n n2"]) -> Float[Tensor, "*batch n n2"]:
    r"""$\tilde K(x,x') = \sum_c\hat K_{cc}(x,x')$, CRC's replacement of the block kernel (section 3.1).

    $\lambda_{\min}(\tilde K)\ge C\,\lambda_{\min}(\hat K)$, with equality for $\hat K = K\otimes I_C$ and no bound in the other
    direction. It is C times `altheory.kernels.empirical(..., outputs="mean")`.

    Args:
        pairs: (..., C, C, n, n2), as for `block_matrix`.

    Returns:
        (..., n, n2).

    Raises:
        InputError: The two output dimensions differ.
    """
    return torch.diagonal(_pairs(pairs), 0, -4, -3).sum(-1)


def layer_grams(J: Float[ArrayLike, "*batch n p"], sizes: Sequence[int]) -> Float[Tensor, "*batch L n n"]:
    r"""The Gram matrix of every layer, $K^{(l)} = J_lJ_l^\top$, whose sum is $JJ^\top$.

    Args:
        J: (..., n, p) gradients, one row a point (for C outputs, one row a point and output).
        sizes: How many of the p parameters each layer has, in order; they sum to p.

    Returns:
        (..., L, n, n) for L layers.

    Raises:
        InputError: The sizes are no positive integers, or do not sum to p.
    """
    gradients = as_tensor("J", J, min_ndim=2, layout="(..., n, p)")
    counts = [check_integer("sizes", size) for size in sizes]
    if sum(counts) != gradients.shape[-1]:
        raise InputError(f"`sizes` sum to {sum(counts)} but `J` has {gradients.shape[-1]} columns; give every layer its own.")
    grams, start = [], 0
    for count in counts:
        layer = gradients[..., start : start + count]
        grams.append(layer @ torch.transpose(layer, -1, -2))
        start += count
    return torch.stack(grams, -3)


def bordered(
    K: Float[ArrayLike, "*batch n n"], b: Float[ArrayLike, "*batch n"], k: Float[ArrayLike, "*batch"]
) -> Float[Tensor, "*batch n+1 n+1"]:
    r"""The kernel with one more point: K, a last column and row b, and k in the corner.

    Args:
        K: (..., n, n) symmetric.
        b: (..., n), the new point's kernel with the old ones.
        k: (...,), its kernel with itself.

    Returns:
        (..., n + 1, n + 1).

    Raises:
        InputError: As `smallest_eigenvalue`; b or k does not fit K.
    """
    kernel, column, corner = as_tensors(K=K, b=b, k=k)
    _kernel("K", kernel)
    _fits(kernel, column, corner, kernel.shape[:-1], kernel.shape[:-2])
    upper = torch.cat([kernel, column[..., :, None]], -1)
    lower = torch.cat([column, corner[..., None]], -1)
    return torch.cat([upper, lower[..., None, :]], -2)


def bordered_smallest(
    K: Float[ArrayLike, "*batch n n"], B: Float[ArrayLike, "*batch n m"], k: Float[ArrayLike, "*batch m"]
) -> Float[Tensor, "*batch m"]:
    r"""$\lambda_{\min}$ of K bordered by each of m candidates in turn: one eigendecomposition, then $O(n^2)$ a candidate.

    Args:
        K: (..., n, n) symmetric.
        B: (..., n, m), column j the kernel of candidate j with the n points.
        k: (..., m), the candidates' kernels with themselves.

    Returns:
        (..., m), with the absolute error of an eigendecomposition of the bordered matrix.

    Raises:
        InputError: As `smallest_eigenvalue`; B or k does not fit K.
    """
    kernel, columns, corners = as_tensors(K=K, B=B, k=k)
    _kernel("K", kernel)
    shape = (*kernel.shape[:-1], columns.shape[-1] if columns.ndim else 0)
    _fits(kernel, columns, corners, shape, (*shape[:-2], shape[-1]))
    values, vectors = torch.linalg.eigh(kernel)
    return secular_smallest(values, vectors.mT @ columns, corners)


def secular_smallest(
    eigenvalues: Float[ArrayLike, "*batch n"], coupling: Float[ArrayLike, "*batch n m"], k: Float[ArrayLike, "*batch m"]
) -> Float[Tensor, "*batch m"]:
    r"""The smaller of $w_1$ and the root below $w_1$ of the secular equation

    $$k-t-\sum_i\frac{z_i^2}{w_i-t} = 0,$$

    which is $\lambda_{\min}$ of a matrix with eigenvalues $w_1\le\dots\le w_n$ bordered by a column of coordinates z and a
    corner k. The left side falls and is concave in $t<w_1$, so there is at most one root. There is none when z vanishes on the
    bottom eigenspace and $k-w_1-\sum_{w_i>w_1}z_i^2/(w_i-w_1)\ge0$; then $w_1$ itself stays ("deflation").

    Every step halves a bracket and takes a Newton step in which the pole at $w_1$ is kept exactly, so the iteration is monotone
    and quadratic, and safe for clusters and for tiny z.

    Args:
        eigenvalues: (..., n), ascending.
        coupling: (..., n, m), the coordinates $z = V^\top b$ of each candidate's column in the eigenbasis.
        k: (..., m).

    Returns:
        (..., m).

    Raises:
        InputError: The eigenvalues do not ascend, or the shapes do not fit.
    """
    w, z, corner = as_tensors(eigenvalues=eigenvalues, coupling=coupling, k=k)
    shape = (*w.shape, z.shape[-1] if z.ndim else 0)
    if tuple(z.shape) != shape or tuple(corner.shape) != (*shape[:-2], shape[-1]):
        raise InputError(
            f"`coupling` has shape {tuple(z.shape)} and `k` {tuple(corner.shape)} but `eigenvalues` have {tuple(w.shape)}; "
            "pass them as (..., n, m), (..., m) and (..., n)."
        )
    if bool((w[..., 1:] < w[..., :-1]).any()):
        raise InputError("`eigenvalues` do not ascend; pass them as `torch.linalg.eigh` returns them.")
    lowest = w[..., :1]
    scale = torch.maximum(w.abs().amax(-1, keepdim=True), corner.abs())[..., None, :]
    gaps = (w - lowest)[..., None].expand(z.shape)
    # what lies within rounding of w_1 is at the pole
    at_pole = gaps <= torch.finfo(w.dtype).eps * scale
    squares = z * z
    pole = torch.where(at_pole, squares, 0).sum(-2)
    squares, gaps = torch.where(at_pole, 0, squares), torch.where(at_pole, 1, gaps)
    base = corner - lowest
    # with d = w_1 - t >= 0 the equation is base + d - pole/d - sum squares/(gaps + d) = 0, and its left side rises with d
    low, high = torch.zeros_like(base), _root(torch.ones_like(base), base, pole + squares.sum(-2))
    for _ in range(STEPS):
        middle = (low + high) / 2
        above = base + middle - _divided(pole, middle) - (squares / (gaps + middle[..., None, :])).sum(-2) >= 0
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        shares = squares / (gaps + low[..., None, :])
        slope = 1 + (shares / (gaps + low[..., None, :])).sum(-2)
        rest = base + low - shares.sum(-2)
        # the concave rest lies below its tangent, so the model's root does not pass the equation's
        step = torch.minimum(torch.maximum(_root(slope, rest - slope * low, pole), low), high)
        done = (step - low).abs() <= torch.finfo(w.dtype).eps * torch.maximum(scale[..., 0, :], step)
        low = step
        if bool(done.all()):
            break
    return lowest - low


def growing_spectra(
    K: Float[ArrayLike, "n n"], order: Sequence[int] | Int[Tensor, " m"] | None = None, *, sizes: Sequence[int] | None = None
) -> list[Float[Tensor, " size"]]:
    r"""The eigenvalues, ascending, of K on the first s points of `order`, for every s of `sizes`.

    Args:
        K: (n, n) symmetric.
        order: m different row numbers of K; all of them in order when None.
        sizes: From 1 to m; all of them when None.

    Returns:
        One tensor of s eigenvalues for every s.

    Raises:
        InputError: As `smallest_eigenvalue`; a row number or size that does not exist, or a row twice.
    """
    kernel = _kernel("K", K)
    if kernel.ndim != 2:
        raise InputError(f"`K` has shape {tuple(kernel.shape)} but one matrix (n, n) is wanted; pass one at a time.")
    n = kernel.shape[-1]
    rows = list(range(n)) if order is None else [int(i) for i in order]
    if len(set(rows)) != len(rows) or not all(0 <= i < n for i in rows) or not rows:
        raise InputError(f"`order` is no list of different row numbers from 0 to {n - 1}; pass such a list.")
    counts = [check_integer("sizes", s) for s in (range(1, len(rows) + 1) if sizes is None else sizes)]
    if any(count > len(rows) for count in counts):
        raise InputError(f"`sizes` go up to {max(counts)} but there are {len(rows)} points; pass sizes up to that.")
    sorted_ = kernel[rows][:, rows]
    return [torch.linalg.eigvalsh(sorted_[:count, :count]) for count in counts]


def _root(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The root >= 0 of a d^2 + b d - c with a > 0 and c >= 0, without cancellation."""
    size = torch.sqrt(b * b + 4 * a * c)
    bottom = b + size
    return torch.where(b > 0, 2 * c / torch.where(b > 0, bottom, 1), (size - b) / (2 * a))


def _divided(top: Tensor, bottom: Tensor) -> Tensor:
    """top / bottom, infinite where only the bottom is 0, and 0 where both are."""
    return torch.where(top == 0, 0, top / bottom)


def _kernel(name: str, K: Any) -> Any:
    """A square symmetric matrix (..., n, n)."""
    kernel = as_tensor(name, K, min_ndim=2, layout="(..., n, n)")
    if is_exact(kernel):
        return kernel
    if kernel.shape[-1] != kernel.shape[-2]:
        raise InputError(
            f"`{name}` has shape {tuple(kernel.shape)} but a square matrix (..., n, n) is wanted; pass the whole kernel."
        )
    check_symmetric(kernel, name=name)
    return kernel


def _threshold(kernel: Tensor, values: Tensor, rtol: float | None) -> Tensor:
    """The largest value that counts as zero, (..., 1); refuses what is negative beyond it."""
    if rtol is not None and not 0 <= rtol < 1:
        raise InputError(f"`rtol` is {rtol!r} but a number from 0 to below 1 is wanted; pass None for the usual rule.")
    with torch.no_grad():
        rounding = kernel.shape[-1] * torch.finfo(kernel.dtype).eps
        top = values.abs().amax(-1, keepdim=True)
        bad = values[..., 0] < -max(100 * rounding, rtol or 0) * top[..., 0]
        if bool(bad.any()):
            raise InputError(
                f"`K` has a negative eigenvalue {float(values[..., 0][bad].min()):.3g}{member(bad)} but a positive "
                "semidefinite matrix is wanted; pass a kernel matrix."
            )
        return (rounding if rtol is None else rtol) * top


def _pairs(pairs: Any) -> Any:
    blocks = as_tensor("pairs", pairs, min_ndim=4, layout="(..., C, C, n, n2)")
    if blocks.shape[-4] != blocks.shape[-3]:
        raise InputError(
            f"`pairs` has shape {tuple(blocks.shape)} but (..., C, C, n, n2) is wanted; give all pairs of outputs."
        )
    return blocks


def _fits(kernel: Any, column: Any, corner: Any, column_shape: Any, corner_shape: Any) -> None:
    if is_exact(kernel) or is_exact(column) or is_exact(corner):
        return
    if tuple(column.shape) != tuple(column_shape) or tuple(corner.shape) != tuple(corner_shape):
        raise InputError(
            f"the border has shape {tuple(column.shape)} and the corner {tuple(corner.shape)} but `K` has "
            f"{tuple(kernel.shape)}; pass a column for each row of `K`, and a corner for each column."
        )
