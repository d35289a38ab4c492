r"""The relu engine for the CPU: the pass of `_two_layer` with matrix products and compiled loops, and nothing between.

The gradient of neuron r is $c\,\sum_{i:z_{ri}>0}(a_r\cdot s_i)x_i$. For one output it is $a_r$ times a row of the product of
the 0/1 pattern with $s\circ X$, so the only elementwise work of a step is to unpack the pattern, to update, and one loop
over the new pre-activations that reads them out and packs the next pattern. Chunks run on threads, one BLAS thread each,
and the outputs of the chunks are added in their order: the result depends on the chunk size, never on the threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory.training._relu_loops import Loops, table

if TYPE_CHECKING:
    from torch import Tensor

    from altheory.training._layers import Layers
    from altheory.training._workers import Workers

Array = np.ndarray[Any, Any]

_CHUNK_BYTES = 1 << 21  # pre-activations of one chunk


class ReluEngine:
    """Trains copies of W and a of one relu network; `start` evaluates, `step` updates and evaluates."""

    def __init__(self, layers: Layers, loops: Loops, workers: Workers, chunk: int | None = None) -> None:
        """Take over a problem; `chunk` is the number of neurons at a time (even pairs where they are paired)."""
        self.layers, self.W = layers, layers.W.clone(memory_format=torch.contiguous_format)
        self.a = layers.a.clone(memory_format=torch.contiguous_format)
        self._weights, self._signs = self.W.numpy(), self.a.numpy()
        self._loops, self._workers = loops, workers
        points, d = layers.X.shape
        padded = -(-points // 8) * 8
        dtype = self._weights.dtype
        self._X: Array = np.zeros((padded, d), dtype)
        self._X[:points] = layers.X.numpy()
        self._XT = np.ascontiguousarray(self._X.T)
        self._table = table(dtype)
        self._parts = 2 if layers.antisymmetric else 1
        self._neurons = self._weights.shape[0] // self._parts
        if chunk is None:  # large for the matrix products, within the caches, and enough of them to share
            chunk = max(256, min(_CHUNK_BYTES // (dtype.itemsize * padded), max(1024, self._weights.shape[0] // 8)))
        self._size = min(self._neurons, max(1, chunk // self._parts))
        self._count = -(-self._neurons // self._size)
        outputs = self._signs.shape[1]
        self._bits: Array = np.empty((self._weights.shape[0], padded // 8), np.uint8)
        self._sums: Array = np.empty((self._count, padded, outputs), dtype)
        self._room = [
            (
                np.empty((self._parts, self._size, padded), dtype),
                np.empty((self._size, d), dtype),
                np.zeros((self._parts, padded), np.uint8),
            )
            for _ in range(workers.threads)
        ]

    def start(self) -> Tensor:
        """The outputs (n, K) at the present parameters."""
        return self._pass(None)

    def step(self, slope: Tensor, lr: float) -> Tensor:
        """Move against the gradient whose slope in the outputs is `slope`; the outputs at the new parameters."""
        pull: Array = np.zeros((self._X.shape[0], slope.shape[1]), self._X.dtype)
        pull[: slope.shape[0]] = slope.numpy()
        pull *= lr * self.layers.scale
        return self._pass(pull)

    def _pass(self, pull: Array | None) -> Tensor:
        """Update each chunk (where there is a `pull`) and evaluate it."""
        # for one output the points carry the pull, and the pattern is multiplied by them
        target = self._X if pull is None or pull.shape[1] > 1 else pull * self._X

        def task(worker: int, k: int) -> None:
            rows = self._rows(k)
            if pull is not None:
                for part in rows:
                    self._move(part, pull, target, worker)
            self._evaluate(rows, self._sums[k], worker)

        self._workers.run(task, self._count)
        total = self._sums.sum(0)[: self.layers.X.shape[0]]
        return torch.from_numpy(total * total.dtype.type(self.layers.scale))

    def _rows(self, k: int) -> list[slice]:
        """The rows of chunk k: one range, or the two of a paired network."""
        start, stop = k * self._size, min((k + 1) * self._size, self._neurons)
        return [slice(start + p * self._neurons, stop + p * self._neurons) for p in range(self._parts)]

    def _move(self, part: slice, pull: Array, target: Array, worker: int) -> None:
        W, a, bits = self._weights[part], self._signs[part], self._bits[part]
        spaces, gradients, _ = self._room[worker]
        S, G = spaces[0, : len(W)], gradients[: len(W)]
        if pull.shape[1] == 1:
            self._loops.expand(bits, self._table, S)
            np.matmul(S, target, out=G)
            self._loops.update(W, a, G, self.layers.train_output)
            return
        H = None
        if self.layers.train_output:
            np.matmul(W, self._XT, out=S)
            self._loops.mask(bits, self._table, S)
            H = S @ pull
        np.matmul(a, pull.T, out=S)
        self._loops.mask(bits, self._table, S)
        np.matmul(S, target, out=G)
        W -= G
        if H is not None:
            a -= H

    def _evaluate(self, rows: list[slice], total: Array, worker: int) -> None:
        spaces, gradients, flags = self._room[worker]
        first = rows[0]
        W, a, count = self._weights[first], self._signs[first], first.stop - first.start
        Z = spaces[0, :count]
        np.matmul(W, self._XT, out=Z)
        one = a.shape[1] == 1
        if self._parts == 1:
            if one:
                self._loops.read(Z, a, total, self._bits[first], flags[0])
                return
            self._loops.activate(Z, self._bits[first], flags[0])
            np.matmul(Z.T, a, out=total)
            return
        second = rows[1]
        b, D, apart = self._signs[second], spaces[1, :count], gradients[:count]
        np.subtract(self._weights[second], W, out=apart)
        np.matmul(apart, self._XT, out=D)
        if one:
            self._loops.read_pairs(Z, D, a, b, total, self._bits[first], self._bits[second], flags[0], flags[1])
            return
        self._loops.activate_pairs(Z, D, self._bits[first], self._bits[second], flags[0], flags[1])
        np.matmul(Z.T, a + b, out=total)
        total += D.T @ b
