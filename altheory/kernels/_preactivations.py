r"""Chunks of neurons: their pre-activations at all points, and what a Gram matrix is made of.

`Plain` is torch alone, on any device. `Compiled` is for relu on the CPU: the masks $1[w\cdot x>0]$ as bits, from a
float32 product whose doubtful signs are looked at again (`_signs`), counted where the weights are integers. For counts on
a CUDA device there is `_triton.Counted`, where Triton is installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory.kernels import _coactivation
from altheory.kernels._blas import add_gram, add_product
from altheory.kernels._signs import Rows, by_fractions, positive, relative_bound

if TYPE_CHECKING:
    from torch import Tensor

    from altheory.kernels._plan import Plan
    from altheory.kernels._rounding import Moments
    from altheory.networks import TwoLayerNet

UNIT = 1024  # weights made from a seed come in these


@dataclass(frozen=True, eq=False)
class Job:
    """All that the threads share.

    Attributes:
        net: The network.
        plan: The sums.
        points: The points of the rows, then, for a cross kernel, those of the columns.
        n: The number of rows.
        same: Whether the columns are the rows.
        chunk: The number of neurons at once.
        span: The number of neurons of one job of the schedule: `chunk`, or more where adding is cheap.
        tiles: (rows, columns) of the tiles; with `same` those on and below the diagonal.
        first: [copy][pair] accumulators (n, n2) of the first layer.
        output: [copy] accumulators of the output layer.
        low: The moderate points in float32, where there is room for them.
        moments: What `_rounding` asks about the weights, or None.
    """

    net: TwoLayerNet
    plan: Plan
    points: Rows
    n: int
    same: bool
    chunk: int
    span: int
    tiles: list[tuple[slice, slice]]
    first: list[list[Tensor]]
    output: list[Tensor]
    low: Tensor | None
    moments: Moments | None

    def column(self, tile: slice) -> slice:
        """Where the points of these columns are."""
        return tile if self.same else slice(tile.start + self.n, tile.stop + self.n)

    def rows(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """The weights of some neurons, for arithmetic alone."""
        W, a = self.net.rows(start, stop)
        return W.detach().contiguous(), a.detach()


class Plain:
    """One thread's work in plain torch."""

    def __init__(self, job: Job) -> None:
        """Set up.

        Args:
            job: What is shared.
        """
        self.job, self.plan = job, job.plan
        self.parts: list[tuple[list[Tensor], Tensor, Tensor | None]] = []
        X = job.points.given
        self.products = X.new_empty(job.chunk, X.shape[0])

    def fill(self, number: int) -> None:
        """Prepare a chunk."""
        start = number * self.job.span
        self.prepare(*self.job.rows(start, min(start + self.job.span, self.plan.neurons)))

    def prepare(self, W: Tensor, a: Tensor) -> None:
        """Find the parts of a chunk: (accumulator of each copy, S, weights or None), to add S' diag(weights) S."""
        self.parts = []
        Z = torch.mm(W, self.job.points.given.T, out=self.products[: W.shape[0]])
        if self.plan.first:
            D = self._mask(Z, W) if self.plan.masks else _like(Z, self.job.net.activation.derivative(Z))
            if self.job.moments is not None:
                self.job.moments.first(W, a, None if self.plan.masks else D)
            if self.plan.outputs != "pairs" and not self.plan.unweighted:
                D = D * self.plan.roots(a).to(D.dtype)[:, None]
            self.add_weighted(D, self.plan.weights(a) if self.plan.outputs == "pairs" else None)
        if self.plan.output:
            self.add_output(W, _like(Z, self.job.net.activation.phi(Z)))

    def add_weighted(self, D: Tensor, weights: Tensor | None) -> None:
        """The parts D' diag(weights) D of all pairs."""
        for pair in range(len(self.plan.pairs)):
            accumulators = [copy[pair] for copy in self.job.first]
            self.parts.append((accumulators, D, None if weights is None else weights[pair].to(D.dtype)))

    def add_output(self, W: Tensor, P: Tensor) -> None:
        """The part of the output layer, from the activations."""
        if self.job.moments is not None:
            self.job.moments.output(W, P)
        self.parts.append((self.job.output, P, None))

    def add(self, copy: int, tile: int) -> None:
        """Add the chunk to a tile."""
        rows, columns = self.job.tiles[tile]
        for accumulators, S, weights in self.parts:
            total = accumulators[copy][rows, columns]
            if weights is None:
                self._add(total, S, rows, columns, 1.0)
                continue
            for sign in (1.0, -1.0):
                some = (sign * weights > 0).nonzero()[:, 0]
                if some.shape[0]:
                    self._add(total, S[some] * (sign * weights[some]).sqrt()[:, None], rows, columns, sign)

    def _add(self, total: Tensor, S: Tensor, rows: slice, columns: slice, alpha: float) -> None:
        if self.job.same and rows == columns:
            add_gram(total, S[:, rows], alpha)
        else:
            add_product(total, S[:, rows], S[:, self.job.column(columns)], alpha)

    def _mask(self, Z: Tensor, W: Tensor) -> Tensor:
        weights, points = Rows(W), self.job.points
        if weights.moderate is not W or points.moderate is not points.given:
            Z = weights.moderate.double() @ points.moderate.double().T
        return positive(Z, weights, points).to(self.job.first[0][0].dtype)


def _like(Z: Tensor, values: Tensor) -> Tensor:
    """What an activation returned, as a matrix that BLAS can read."""
    return values.to(Z).expand(Z.shape).contiguous()


class Compiled(Plain):
    """One thread's work for relu on the CPU."""

    def __init__(self, job: Job) -> None:
        """Set up.

        Args:
            job: What is shared.
        """
        super().__init__(job)
        self.f = _coactivation.functions()
        plan, X = job.plan, job.points.given
        self.depth = -(-job.chunk // 64)  # words of a chunk
        self.words = np.zeros((self.depth * -(-job.span // job.chunk), X.shape[0]), np.uint64)
        self.doubt = np.empty((self.depth, X.shape[0]), np.uint64)
        self.used = 0
        self.values: list[Any] = []  # of the chunks in `words`: the integer weights, (pairs, 64 * depth)
        # where nothing but signs is wanted of the products, float32 will do
        self.low = None if plan.output else job.low
        if self.low is not None:
            self.products = torch.empty(job.chunk, X.shape[0], dtype=torch.float32)
        self.W32 = torch.empty(job.chunk, X.shape[1], dtype=torch.float32)
        self.norms = np.empty(job.chunk)
        self.spread = None if plan.counts else torch.empty(job.chunk, X.shape[0], dtype=X.dtype)

    def fill(self, number: int) -> None:
        """Prepare a chunk, or several where only counting follows."""
        self.used, self.values = 0, []
        start = number * self.job.span
        stop = min(start + self.job.span, self.plan.neurons)
        piece = self.job.chunk * max(1, UNIT // self.job.chunk)
        for first in range(start, stop, piece):
            W, a = self.job.rows(first, min(first + piece, stop))
            for lo in range(0, W.shape[0], self.job.chunk):
                self.prepare(W[lo : lo + self.job.chunk], a[lo : lo + self.job.chunk])

    def prepare(self, W: Tensor, a: Tensor) -> None:
        """Find the bits of a chunk and, where sums are not counted, the parts."""
        self.parts = []
        Z, words = self._bits(W)
        signed = self.plan.outputs == "pairs"
        if self.spread is not None:
            D = self.spread[: W.shape[0]]
            scale = torch.ones_like(a[:, 0]) if signed else self.plan.roots(a)
            self.f.spread(words, scale.numpy(), D.numpy())
            self.add_weighted(D, self.plan.weights(a) if signed else None)
        elif not self.plan.unweighted:
            weights = self.plan.weights(a)
            values = np.zeros((len(weights), 64 * len(words)), np.int64)
            values[:, : W.shape[0]] = weights.numpy()
            self.values.append(values)
        if self.job.moments is not None:
            self.job.moments.first(W, a, None)
        if self.plan.output:
            self.add_output(W, Z.relu_())

    def add(self, copy: int, tile: int) -> None:
        """Add the chunk to a tile."""
        super().add(copy, tile)
        if self.spread is not None:
            return
        rows, columns = self.job.tiles[tile]
        span = (rows.start, rows.stop, columns.start, columns.stop)
        shift, lower = self.job.column(columns).start - columns.start, self.job.same and rows == columns
        every = np.concatenate(self.values, axis=1) if self.values else np.ones((1, 64 * self.used), np.int64)
        for total, values in zip(self.job.first[copy], every, strict=True):
            for value in np.unique(values[values != 0]).tolist():
                self.f.count(
                    self.words[: self.used], _coactivation.packed(values == value), value, total.numpy(), span, shift, lower
                )

    def _bits(self, W: Tensor) -> tuple[Tensor, Any]:
        """The products, and the words of the exact masks, which the next chunk will not overwrite before `fill`."""
        points, norms = self.job.points, self.norms[: W.shape[0]]
        low = self.W32[: W.shape[0]]
        rows = W if self.f.lower_precision(W.numpy(), low.numpy(), norms) else None
        if rows is None:
            weights = Rows(W)
            rows = weights.moderate
            norms[:] = weights.norms.numpy()
            low.copy_(rows)
        if self.low is not None:
            Z = signs = torch.mm(low, self.low.T, out=self.products[: W.shape[0]])
        else:
            Z = signs = torch.mm(W, points.given.T, out=self.products[: W.shape[0]])
            if rows is not W or points.moderate is not points.given:
                signs = rows.double() @ points.moderate.double().T
        kind, d = signs.numpy().dtype, W.shape[1]
        depth = -(-W.shape[0] // 64)
        words, doubt = self.words[self.used : self.used + depth], self.doubt[:depth]
        self.used += depth
        x_norms = points.norms.numpy()
        bounds = (relative_bound(d, signs.dtype) * norms).astype(kind)
        self.f.pack(signs.numpy(), bounds, x_norms.astype(kind), words, doubt)
        bounds = relative_bound(d, torch.float64) * norms
        if self.f.settle(words, doubt, rows.numpy(), points.moderate.numpy(), bounds, x_norms):
            for r, i in _coactivation.bits(doubt):
                bit = np.uint64(1 << r % 64)
                sign = by_fractions(W[r], points.given[i])
                words[r // 64, i] = words[r // 64, i] | bit if sign else words[r // 64, i] & ~bit
        return Z, words
