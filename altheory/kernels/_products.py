r"""Products K v with kernels that are never held: by tiles, or through the Jacobian.

A `Source` gives tiles of a kernel and its products with blocks of vectors. Tiles cost the kernel itself in every product,
$O(n^2m)$ for a network of width m. Since $K = JJ^\top$, the product is also $J(J^\top v)$: for the first layer of a two-layer
network

$$(Kv)_i = \frac1m\sum_r c_r\,\phi'(z_{ir})\,\langle x_i, g_r\rangle,\quad g_r = \sum_j\phi'(z_{jr})\,v_j\,x_j$$

with $z = XW^\top$, which is $O(nmd)$ and wins from n of a few times d on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError
from altheory.kernels._plan import plan

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory.modules._adapter import ModuleNet
    from altheory.networks import TwoLayerNet

    TileOf = Callable[[Tensor, Tensor | None], Tensor]

_TILE = 2048  # rows and columns of a tile
_NUMBERS = 1 << 23  # of the derivatives that are held, for all points and a chunk of neurons
_ROWS = 1024  # points at a time, so that what lies between stays in the cache
_PRODUCTS = 16  # to be expected of an operator whose only tile is kept


class Source:
    """A kernel by its tiles: `tile_of(x, z)` is the kernel of points x with points z, or with themselves for None."""

    def __init__(self, tile_of: TileOf, X: Tensor, X2: Tensor | None, like: Tensor, block: int | None) -> None:
        """Keep what the tiles are made of; `like` has the kernel's dtype and device."""
        self.tile_of, self.X, self.X2, self.like = tile_of, X, X2, like
        self.Z = X if X2 is None else X2
        self.shape = (len(X), len(self.Z))
        self.block = block or _TILE
        self._held: Tensor | None = None

    @property
    def symmetric(self) -> bool:
        """Whether it is the kernel of points with themselves."""
        return self.X2 is None

    @property
    def single(self) -> bool:
        """Whether the kernel is one tile."""
        return max(self.shape) <= self.block

    def transposed(self) -> Source:
        """The kernel with rows and columns exchanged."""
        return self if self.X2 is None else Source(self.tile_of, self.X2, self.X, self.like, self.block)

    def tile(self, rows: slice | Tensor, columns: slice | Tensor) -> Tensor:
        """The tile of these points, exactly symmetric on the diagonal of a symmetric kernel."""
        same = self.symmetric and isinstance(rows, slice) and rows == columns
        return self.tile_of(self.X[rows], None if same else self.Z[columns])

    def tiles(self) -> list[tuple[slice, slice]]:
        """All tiles; of a symmetric kernel those on and above the diagonal."""
        n, n2 = self.shape
        starts = [(i, j) for i in range(0, n, self.block) for j in range(i if self.symmetric else 0, n2, self.block)]
        return [(slice(i, min(i + self.block, n)), slice(j, min(j + self.block, n2))) for i, j in starts]

    def matmul(self, V: Float[Tensor, "n2 k"]) -> Float[Tensor, "n k"]:
        """K V, each tile computed once; a kernel of one tile is kept for the next products."""
        if self.single:
            self._held = self.tile(slice(None), slice(None)) if self._held is None else self._held
            return self._held @ V
        out = V.new_zeros(self.shape[0], V.shape[1])
        for i, j in self.tiles():
            tile = self.tile(i, j)
            out[i] += tile @ V[j]
            if self.symmetric and i != j:
                out[j] += tile.T @ V[i]
        return out

    def diagonal(self) -> Float[Tensor, " n"]:
        """K_ii, from small tiles on the diagonal."""
        size = min(self.block, 64)
        return torch.cat([self.tile_of(x, None).diagonal() for x in self.X.split(size)])


class TwoLayerSource(Source):
    """The empirical kernel of a two-layer network, its products by the cheaper of the two ways."""

    def __init__(
        self, net: TwoLayerNet, X: Tensor, X2: Tensor | None, layer: str, outputs: str | int, block: int | None
    ) -> None:
        """Check the choices of layer and outputs."""
        from altheory.kernels._empirical import empirical

        self.net, self.layer, self.outputs = net, layer, outputs
        self.plan = plan(net, layer, outputs)

        def tile_of(x: Tensor, z: Tensor | None) -> Any:
            return empirical(net, x, z, layer=layer, outputs=outputs)

        super().__init__(tile_of, X, X2, X[:0], block)
        self.width = block or max(64, min(4096, _NUMBERS // len(self.X)))

    def transposed(self) -> Source:
        """The kernel with rows and columns exchanged."""
        if self.X2 is None:
            return self
        return TwoLayerSource(self.net, self.X2, self.X, self.layer, self.outputs, self.block)

    def through_jacobian(self, k: int) -> bool:
        """Whether J (J^T V) takes fewer multiplications than the tiles, for k vectors.

        A kernel of one tile is computed once, which pays if a few more products follow, as in any iteration.
        """
        n, n2 = self.shape
        d, both, sums = self.net.d, (n if self.symmetric else n + n2), self.plan
        weights = 0 if self.net.stored else 16  # a normal number costs about as much as 16 multiplications
        jacobian = both * d + k * (n + n2) * (d * sums.first + sums.output) + d * weights
        passes = -(-n // self.block) * (1 if n2 <= self.block else -(-n2 // self.block))
        tiles = n * n2 * (sums.first + sums.output) * (0.5 if self.symmetric else 1)
        tiles += passes * (min(n, self.block) + min(n2, self.block)) * d * (0.5 if self.symmetric else 1) + passes * d * weights
        return jacobian * (_PRODUCTS if self.single else 1) < tiles

    def matmul(self, V: Float[Tensor, "n2 k"]) -> Float[Tensor, "n k"]:
        """K V."""
        return self.by_jacobian(V) if self.through_jacobian(V.shape[1]) else super().matmul(V)

    def by_jacobian(self, V: Float[Tensor, "n2 k"]) -> Float[Tensor, "n k"]:
        """J (J^T V), over chunks of neurons."""
        sums, act = self.plan, self.net.activation
        right, left = self.Z.split(_ROWS), self.X.split(_ROWS)
        first, output = V.new_zeros(self.shape[0], V.shape[1]), V.new_zeros(self.shape[0], V.shape[1])
        for start in range(0, sums.neurons, self.width):
            W, a = self.net.rows(start, min(start + self.width, sums.neurons))
            if sums.output:
                h = sum(act.phi(z @ W.T).T @ v for z, v in zip(right, V.split(_ROWS), strict=True))
                for part, x in zip(output.split(_ROWS), left, strict=True):
                    part += act.phi(x @ W.T) @ h
            if sums.first:
                c = sums.weights(a)[0][:, None]
                slopes = [act.derivative(z @ W.T) for z in right]
                others = slopes if self.symmetric else [act.derivative(x @ W.T) for x in left]
                for column in range(V.shape[1]):
                    vs = V[:, column, None].split(_ROWS)
                    g = c * sum(s.T @ (z * v) for s, z, v in zip(slopes, right, vs, strict=True))
                    for part, s, x in zip(first[:, column].split(_ROWS), others, left, strict=True):
                        part += torch.linalg.vecdot(s, x @ g.T)
        return sums.scale * first + sums.output_scale * output

    def diagonal(self) -> Float[Tensor, " n"]:
        """K_ii in one pass over the neurons."""
        sums, act = self.plan, self.net.activation
        first, output = self.like.new_zeros(len(self.X)), self.like.new_zeros(len(self.X))
        for start in range(0, sums.neurons, self.width):
            W, a = self.net.rows(start, min(start + self.width, sums.neurons))
            z = self.X @ W.T
            if sums.first:
                first += act.derivative(z).square() @ sums.weights(a)[0]
            if sums.output:
                output += act.phi(z).square().sum(1)
        return sums.scale * (self.X * self.X).sum(1) * first + sums.output_scale * output


class ModuleSource(Source):
    """The empirical kernel of a module, its products by one backward and one forward derivative for each chunk of points."""

    def __init__(
        self,
        net: ModuleNet,
        X: Tensor,
        X2: Tensor | None,
        layer: str | list[str],
        outputs: str | int,
        block: int | None,
    ) -> None:
        """Check the choices of layer and outputs."""
        from altheory.kernels._factors import check_alone
        from altheory.kernels._module import cotangents_of, layer_parameters, module_kernel

        if layer == "per layer":
            raise InputError("`layer` is 'per layer' but an operator is one kernel; pass the name of one layer, or 'trained'.")
        self.net, self.layer, self.outputs = net, layer, outputs
        (self.names,) = layer_parameters(net, layer).values()
        check_alone(net, X[:3])
        self.cotangents, self.scale = cotangents_of(net, outputs)
        like = net.parameters()[0].new_zeros(0)

        def tile_of(x: Tensor, z: Tensor | None) -> Any:
            return module_kernel(net, x, z, layer=layer, outputs=outputs)

        super().__init__(tile_of, X, X2, like, block)
        self.points = block or 256

    def transposed(self) -> Source:
        """The kernel with rows and columns exchanged."""
        if self.X2 is None:
            return self
        return ModuleSource(self.net, self.X2, self.X, self.layer, self.outputs, self.block)

    def matmul(self, V: Float[Tensor, "n2 k"]) -> Float[Tensor, "n k"]:
        """K V, column by column and, for the mean, output by output."""
        values = dict(zip(self.net.names, self.net.parameters(), strict=True))
        parameters = tuple(values[name] for name in self.names)
        out = V.new_zeros(self.shape[0], V.shape[1])
        for column in range(V.shape[1]):
            for cotangent in self.cotangents:
                total = tuple(torch.zeros_like(p) for p in parameters)
                for points, v in zip(self.Z.split(self.points), V[:, column].split(self.points), strict=True):
                    pull = torch.func.vjp(self._outputs(points), *parameters)[1]
                    for one, more in zip(total, pull(v[:, None] * cotangent), strict=True):
                        one += more
                moved = [self._pushed(points, parameters, total) for points in self.X.split(self.points)]
                out[:, column] += torch.cat(moved) @ cotangent
        return self.scale * out

    def _outputs(self, points: Tensor) -> Callable[..., Tensor]:
        return lambda *p: self.net.outputs_at(dict(zip(self.names, p, strict=True)), points)

    def _pushed(self, points: Tensor, parameters: tuple[Tensor, ...], tangents: tuple[Tensor, ...]) -> Tensor:
        """The derivative of the outputs (c, K) in a direction of the parameters."""
        try:
            return torch.func.jvp(self._outputs(points), parameters, tangents)[1]
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, NotImplementedError) as error:
            raise InputError(
                f"`module` has no forward-mode derivative ({str(error).strip().splitlines()[0]}) but products with its kernel "
                "need one; use `al.kernels.empirical`, which needs none."
            ) from error
