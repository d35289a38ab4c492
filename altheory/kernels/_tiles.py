r"""A large kernel matrix in one pass over tiles that stay in the cache; of a symmetric one, over one half.

Every tile is finished (inner products, angles, kernel entries) before the next is begun, so a matrix takes its own
memory and a few tiles more. Tiles are independent: on the CPU each goes to one of `torch.get_num_threads()` threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from altheory._memory import check_fits
from altheory.kernels._inner import Directions, TilePairs, doubt, split_cosines

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory.kernels._fused import Fused
    from altheory.kernels._pairs import Pairs

_TILE = {"cpu": 192, "cuda": 4096}
_WORTH_COMPILING = 10**6  # entries; a compiled loop takes a second or two once


def tiled(
    X: Float[Tensor, "n d"],
    Z: Float[Tensor, "m d"],
    same: bool,
    begin: Callable[[Tensor, Tensor], Callable[[Pairs], Tensor]],
    fused: Callable[[], Fused] | None = None,
) -> Float[Tensor, "n m"]:
    """The matrix of a function of pairs.

    Args:
        X: (n, d) float32 or float64; the arithmetic is float64.
        Z: (m, d), same dtype and device.
        same: Whether Z is X; then the result is exactly symmetric.
        begin: Gets the norms (n,) and (m,) and returns the function of `Pairs`.
        fused: Makes a compiled form of the same function, for the tiles it can do; used on the CPU from a million entries.

    Returns:
        (n, m) in X's dtype.

    Raises:
        InputError: The matrix does not fit into memory.
    """
    n, m = X.shape[0], Z.shape[0]
    check_fits(f"a kernel of {n} x {m} points", n * m * X.element_size(), X.device, "use `al.kernels.operator`")
    K = _empty(n, m, X)
    with torch.no_grad():
        x = Directions(X.to(torch.float64))
        z = x if same else Directions(Z.to(torch.float64))
        entries = begin(x.norms, z.norms)
        fast = fused() if fused and X.device.type == "cpu" and n * m >= _WORTH_COMPILING else None
        near = doubt(x, z)
        size = _TILE.get(X.device.type, 1024)
        tiles = [(i, j) for i in range(0, n, size) for j in range(i if same else 0, m, size)]

        def fill(tile: tuple[int, int]) -> None:
            i, j = (slice(start, min(start + size, end)) for start, end in zip(tile, (n, m)))
            diagonal = same and i == j
            with torch.no_grad():
                h, low = split_cosines(x, z, (i, j))
                block = fast(h, low, x.norms[i], z.norms[j], near) if fast and not diagonal else None
                if block is None:
                    block = entries(TilePairs(x, z, (i, j), diagonal, h, low))
                if diagonal:
                    block = block.triu() + block.triu(1).T
                K[i, j] = block
                if same and not diagonal:
                    K[j, i] = block.T

        _for_each(fill, tiles, torch.get_num_threads() if X.device.type == "cpu" else 1)
    return K


def _empty(n: int, m: int, like: Tensor) -> Tensor:
    """An n x m tensor; on the CPU allocated by numpy, which asks for huge pages (4 KiB ones are a fifth of the time)."""
    if like.device.type == "cpu":
        return torch.from_numpy(np.empty((n, m), dtype=np.float32 if like.dtype == torch.float32 else np.float64))
    return torch.empty(n, m, dtype=like.dtype, device=like.device)


def _for_each(fill: Callable[[tuple[int, int]], None], tiles: list[tuple[int, int]], threads: int) -> None:
    """Fill every tile, on so many threads, each of which computes alone."""
    if threads == 1 or len(tiles) == 1:
        for tile in tiles:
            fill(tile)
        return
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for _ in pool.map(fill, tiles):
                pass
    finally:
        torch.set_num_threads(threads)
