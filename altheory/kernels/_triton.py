r"""Counting relu's masks on a CUDA device: one Triton kernel and the integer tensor cores.

A chunk's products Z = X W' come from cuBLAS. One pass over them writes the masks $1[w\cdot x>0]$ as int8 and marks the
signs that rounding leaves open, which `_signs` settles; the Gram matrix of the masks is an integer product
(`torch._int_mm`, int8 to int32). All sums are of integers, so the count is that of the processor in every bit.

Triton comes with torch's CUDA builds. Import this module where it is used, and be ready for an ImportError.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

from altheory.kernels._preactivations import Job, Plain
from altheory.kernels._signs import Rows, relative_bound, settle

if TYPE_CHECKING:
    from jaxtyping import Float, Int8
    from torch import Tensor

_ROWS, _COLUMNS = 32, 128  # of a program of the kernel
_PAD = 32  # sizes and strides that every integer kernel of cuBLAS accepts are multiples of this
_STRIPS = 8  # in which the lower triangle is computed


# without annotations: Triton evaluates them when it compiles
def _masks(  # type: ignore[no-untyped-def]
    Z, w_bounds, x_norms, out, open_, n, b, z_stride, out_stride, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    """A tile of the masks: 1 where z > 0, plus 2 where |z| is below its bound; and whether the tile has any such."""
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    r = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (i < n)[:, None] & (r < b)[None, :]
    start = i.to(tl.int64)[:, None]
    z = tl.load(Z + start * z_stride + r[None, :], mask=inside, other=0.0).to(tl.float64)
    w = tl.load(w_bounds + r, mask=r < b, other=0.0)
    x = tl.load(x_norms + i, mask=i < n, other=0.0)
    unsure = ((tl.abs(z) < x[:, None] * w[None, :]) & inside).to(tl.int32)
    value = (z > 0).to(tl.int32) + 2 * unsure
    tl.store(out + start * out_stride + r[None, :], value.to(tl.int8), mask=inside)
    tl.store(open_ + tl.program_id(0) * tl.num_programs(1) + tl.program_id(1), tl.max(tl.max(unsure, 1), 0))


_masks_kernel = triton.jit(_masks)


def masks(Z: Float[Tensor, "n b"], weights: Rows, points: Rows, out: Int8[Tensor, "n b"]) -> None:
    r"""Write $1[w_r\cdot x_i>0]$, exactly, from computed products.

    Args:
        Z: (n, b) products of the moderate rows, in the arithmetic of their dtype, float32 or float64; rows contiguous.
        weights: b rows w.
        points: n rows x.
        out: (n, b) int8, overwritten; rows contiguous.
    """
    (n, b), d = Z.shape, points.moderate.shape[1]
    grid = (triton.cdiv(n, _ROWS), triton.cdiv(b, _COLUMNS))
    open_ = torch.empty(grid, dtype=torch.int32, device=Z.device)
    bounds = relative_bound(d, Z.dtype) * weights.norms
    with torch.cuda.device(Z.device) if Z.is_cuda else nullcontext():
        _masks_kernel[grid](Z, bounds, points.norms, out, open_, n, b, Z.stride(0), out.stride(0), ROWS=_ROWS, COLUMNS=_COLUMNS)
    if bool(open_.any()):
        pairs = (out.T > 1).nonzero()
        out &= 1
        settle(out.T, pairs, weights, points)


class Counted(Plain):
    """The work on a CUDA device for relu where all weights are 1 and nothing but the first layer is wanted."""

    def __init__(self, job: Job) -> None:
        """Set up.

        Args:
            job: What is shared; its accumulators are integers.
        """
        self.job, self.plan = job, job.plan
        X = job.points.given
        total = X.shape[0]
        self.products = X.new_empty(total, job.chunk)
        # further rows of zeros, so that every slice can be as long as a multiple of _PAD
        self.masks = X.new_zeros(total + _PAD, _padded(job.chunk), dtype=torch.int8)
        self.depth = 0

    def prepare(self, W: Tensor, a: Tensor) -> None:
        """Find the masks of a chunk."""
        weights, points, b = Rows(W), self.job.points, W.shape[0]
        given = weights.moderate is W and points.moderate is points.given
        if given and (W.dtype == torch.float64 or torch.get_float32_matmul_precision() == "highest"):
            Z = torch.mm(points.given, W.T, out=self.products[:, :b]) if b == self.job.chunk else points.given @ W.T
        else:  # TF32 has no place in the bounds of `_signs`
            Z = points.moderate.double() @ weights.moderate.double().T
        self.depth = _padded(b)
        self.masks[:, b : self.depth] = 0
        masks(Z, weights, points, self.masks[: Z.shape[0], :b])
        if self.job.moments is not None:
            self.job.moments.first(W, a, None)

    def add(self, copy: int, tile: int) -> None:
        """Add the chunk to a tile, strip by strip: of a tile on the diagonal no more than the lower half is wanted."""
        rows, columns = self.job.tiles[tile]
        total, right = self.job.first[copy][0], self.job.column(columns)
        lower = self.job.same and rows == columns
        step = max(256, _padded(-(-(rows.stop - rows.start) // _STRIPS)))
        for start in range(rows.start, rows.stop, step):
            stop = min(start + step, rows.stop)
            width = (stop if lower else columns.stop) - columns.start
            left = self.masks[start : start + _padded(stop - start), : self.depth]
            others = self.masks[right.start : right.start + _padded(width), : self.depth]
            product = torch._int_mm(left, others.T)
            total[start:stop, columns.start : columns.start + width] += product[: stop - start, :width]


def _padded(size: int) -> int:
    """The next multiple of _PAD."""
    return -(-size // _PAD) * _PAD
