"""Sums of a kernel over the pairs of two samples, tile by tile, so that no matrix of all pairs is ever made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, check_symmetric, is_exact
from altheory.kernels import analytic
from altheory.kernels._schedule import single_threaded_libraries


def _ntk(X: Any, Z: Any) -> Any:
    return analytic(X, None if X is Z else Z)


def _linear(X: Any, Z: Any) -> Any:
    return X @ torch.transpose(Z, -1, -2)


KERNELS: dict[str, Callable[[Any, Any], Any]] = {"ntk": _ntk, "linear": _linear}


@dataclass(frozen=True)
class Gaussian:
    r"""The kernel $\exp(-|x-z|^2/(2h^2))$ as a function of two arrays of points, of width h."""

    width: float

    def __call__(self, X: Any, Z: Any) -> Any:
        """Its matrix, (..., n, m), made in one array where no gradient is asked for."""
        half = 1 / (2 * self.width**2)
        x2, z2 = half * (X * X).sum(-1)[..., :, None], half * (Z * Z).sum(-1)[..., None, :]
        inner = X @ Z.mT
        if inner.requires_grad:
            return torch.exp((2 * half * inner - x2 - z2).clamp(max=0))
        return inner.mul_(2 * half).sub_(x2).sub_(z2).clamp_(max=0).exp_()


@dataclass(frozen=True)
class TwoSamples:
    """Two samples and the kernel between their points.

    Attributes:
        first: (..., n0, d) points, or (n0,) row numbers of a matrix.
        second: (..., n, d) points, or (n,) row numbers.
        kernel: The kernel of some points (or rows) and some others, (..., rows, columns).
        tile: Side of a tile.
        rows_of_a_matrix: Whether the samples are row numbers.
        like: The array whose dtype the result takes.
        ours: Whether the kernel is known to be safe in several threads.
    """

    first: Any
    second: Any
    kernel: Callable[[Any, Any], Any]
    tile: int
    rows_of_a_matrix: bool
    like: Any
    ours: bool = False

    @property
    def sizes(self) -> tuple[int, int]:
        """How many points the two samples have."""
        return (len(self.first), len(self.second)) if self.rows_of_a_matrix else (self.first.shape[-2], self.second.shape[-2])

    def with_second(self, chosen: list[int]) -> TwoSamples:
        """The same first sample with some points of the second."""
        rows = torch.tensor(chosen)
        return replace(self, second=self.second[rows] if self.rows_of_a_matrix else self.second[..., rows, :])

    def square(self, which: int) -> tuple[Any, Any]:
        """The sum over all pairs of one sample, and the part of it of a point with itself."""
        parts = self._parts(which)

        def on(part: Any) -> tuple[Any, Any]:
            block = self.kernel(part, part)
            return _total(block), _trace(block)

        diagonal = self._each(on, [(part,) for part in parts])
        above = self._each(self._tile, [(a, b) for row, a in enumerate(parts) for b in parts[row + 1 :]])
        total = _added(total for total, _ in diagonal)
        return total if not above else total + 2 * _added(above), _added(trace for _, trace in diagonal)

    def rectangle(self) -> Any:
        """The sum over all pairs of a point of the first sample and a point of the second."""
        return _added(self._each(self._tile, [(a, b) for a in self._parts(0) for b in self._parts(1)]))

    def _tile(self, rows: Any, columns: Any) -> Any:
        return _total(self.kernel(rows, columns))

    def _each(self, function: Callable[..., Any], arguments: list[tuple[Any, ...]]) -> list[Any]:
        """The results in order; on the CPU tiles go to threads of their own, each with libraries of one thread."""
        alone = self.rows_of_a_matrix or is_exact(self.like) or self.like.device.type != "cpu" or not self.ours
        if alone or len(arguments) < 2 or torch.get_num_threads() == 1 or _differentiated(self.first, self.second):
            return [function(*each) for each in arguments]
        with single_threaded_libraries() as threads, ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda each: function(*each), arguments))

    def pairs(self) -> Any:
        """The sum over the pairs (x_i, z_i), i up to the size of the first sample."""
        small = replace(self, tile=min(self.tile, 64), second=self._head())
        return _added(_trace(small.kernel(a, b)) for a, b in zip(small._parts(0), small._parts(1)))

    def finished(self, value: Any) -> Any:
        """A sum in the dtype of the points."""
        return value if is_exact(value) else value.to(self.like.dtype)

    def _head(self) -> Any:
        n0 = self.sizes[0]
        return self.second[:n0] if self.rows_of_a_matrix else self.second[..., :n0, :]

    def _parts(self, which: int) -> list[Any]:
        sample, size = (self.first, self.second)[which], self.sizes[which]
        starts = range(0, size, self.tile)
        if self.rows_of_a_matrix:
            return [sample[i : i + self.tile] for i in starts]
        return [sample[..., i : i + self.tile, :] for i in starts]


def two_samples(X: Any, Z: Any, kernel: Any, tile: int) -> TwoSamples:
    """Validate two samples and a kernel: a name, a function of points, or a matrix whose rows the samples number.

    Raises:
        InputError: An unknown kernel, arrays that do not fit, an asymmetric matrix, row numbers outside it.
    """
    if isinstance(kernel, str):
        if kernel not in KERNELS:
            raise InputError(
                f"`kernel` is {kernel!r} but one of {', '.join(KERNELS)}, a function or a matrix is wanted; pass one."
            )
        return replace(_of_points(X, Z, KERNELS[kernel], tile), ours=True)
    if is_exact(kernel) or not callable(kernel):
        return _of_rows(X, Z, kernel, tile)
    return replace(_of_points(X, Z, kernel, tile), ours=isinstance(kernel, Gaussian))


def _of_points(X: Any, Z: Any, function: Callable[[Any, Any], Any], tile: int) -> TwoSamples:
    X, Z = as_tensors(X=X, Z=Z)
    if not (is_exact(X) or is_exact(Z)) and (X.ndim < 2 or X.ndim != Z.ndim or _without_n(X) != _without_n(Z)):
        raise InputError(
            f"`X` has shape {tuple(X.shape)} and `Z` has shape {tuple(Z.shape)} but points (..., n0, d) and (..., n, d) with "
            "the same batch and d are wanted; reshape them."
        )

    def kernel(rows: Any, columns: Any) -> Any:
        found, wanted = function(rows, columns), (*rows.shape[:-1], columns.shape[-2])
        if tuple(getattr(found, "shape", ())) != wanted:
            raise InputError(
                f"`kernel` returned shape {tuple(getattr(found, 'shape', ()))} for points of shapes {tuple(rows.shape)} and "
                f"{tuple(columns.shape)} but {wanted} is wanted; return a tensor with an entry for every pair."
            )
        return found

    return TwoSamples(X, Z, kernel, tile, False, X)


def _without_n(points: Any) -> tuple[int, ...]:
    return (*points.shape[:-2], points.shape[-1])


def _of_rows(X: Any, Z: Any, matrix: Any, tile: int) -> TwoSamples:
    matrix = as_tensor("kernel", matrix, min_ndim=2, layout="(..., N, N)")
    if matrix.shape[-1] != matrix.shape[-2]:
        raise InputError(f"`kernel` has shape {tuple(matrix.shape)} but a square matrix is wanted; pass (..., N, N).")
    if not is_exact(matrix):
        check_symmetric(matrix, name="kernel")
    rows = [_row_numbers(name, value, matrix.shape[-1]) for name, value in (("X", X), ("Z", Z))]

    def kernel(i: Any, j: Any) -> Any:
        return matrix[..., i[:, None], j[None, :]]

    return TwoSamples(rows[0], rows[1], kernel, tile, True, matrix)


def _row_numbers(name: str, value: Any, total: int) -> torch.Tensor:
    try:
        rows = value if isinstance(value, torch.Tensor) else torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        rows = torch.empty(0)
    if rows.ndim != 1 or not len(rows) or rows.is_floating_point() or rows.is_complex() or rows.dtype == torch.bool:
        raise InputError(
            f"`{name}` has shape {tuple(rows.shape)} and dtype {rows.dtype} but with a matrix as `kernel` row numbers, "
            "integers of shape (n,), are wanted; pass the rows of the sample's points."
        )
    if int(rows.min()) < 0 or int(rows.max()) >= total:
        raise InputError(
            f"`{name}` has row numbers from {int(rows.min())} to {int(rows.max())} but the matrix has rows 0 to {total - 1}; "
            "pass numbers in that range."
        )
    return rows


def _total(block: Any) -> Any:
    return _wide(block).sum(-1).sum(-1)


def _trace(block: Any) -> Any:
    return _wide(torch.diagonal(block, dim1=-2, dim2=-1)).sum(-1)


def _wide(x: Any) -> Any:
    return x if is_exact(x) else x.to(torch.float64)


def _differentiated(*points: Any) -> bool:
    return torch.is_grad_enabled() and any(one.requires_grad for one in points)


def _added(sums: Any) -> Any:
    total = next(iterator := iter(sums))
    for one in iterator:
        total = total + one
    return total
