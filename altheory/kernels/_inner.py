r"""Inner products and angles of a large set of points, each correct to its last digits.

A matrix product leaves an error of about $\varepsilon|x||z|$ in $\langle x,z\rangle$: all digits of a nearly
orthogonal pair, and half the digits of the angle of a nearly parallel one. Here every direction
$\hat x = x/|x|$ is first found to about 104 bits as $u+u'$, then cut as $u_1+u_2$, where $u_1$ is a multiple of $2^{-26}$.
For two directions

$$\cos\theta = h + l,\qquad h = \langle u_1,v_1\rangle,\qquad l = \langle u_1,v_2\rangle+\langle u_2,v_1+v_2\rangle.$$

h is a sum of multiples of $2^{-52}$ whose partial sums stay below 2, so a float64 matrix product finds it without any
rounding, in whatever order it adds (the slicing of Ozaki, Ogita, Oishi, Rump, Numer. Algorithms 59, 2012). l is
$2^{-27}$ times smaller and takes a second, ordinary product. Hence $\cos\theta$, $1-\cos\theta = (1-h)-l$ and
$1+\cos\theta = (1+h)+l$ have absolute errors near $2^{-77}$ before their final rounding.

The few pairs for which that is not enough (cosine within about $10^{-7}$ of 0, 1 or -1) are computed once more, one by
one: near orthogonality by a sum of error-free products, near parallels by $1\mp\cos\theta = |\hat x\mp\hat z|^2/2$ from
the 104-bit directions, in which a coordinate below their rounding counts as 0.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch

from altheory.kernels._chords import product_error
from altheory.kernels._pairs import Pairs

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_GRID = 2.0**26
_NOISE = 2.0**-101  # what the 104-bit directions may be wrong by, relative to a coordinate
_PAIRS_AT_ONCE = 2**18  # numbers in one step of the recomputation


class Directions:
    r"""Points split into norm and direction.

    Attributes:
        norms: (n,) $|x_i|$, correctly rounded up to one unit.
        squares: (n,) $|x_i|^2$, likewise.
        high: (n, d) the rounded direction u, and `low` what is missing, u'.
        scaled: (n, d) the points, each divided by a power of two `2**exponent` (n,).
        coarse: (n, d) $u_1$.
        left, right: (n, 2d) rows $(u_1, u_2)$ and $(u_2, u_1+u_2)$.
        rest: The largest $|u_2|$.
    """

    def __init__(self, X: Float[Tensor, "n d"]) -> None:
        """Normalise points.

        Args:
            X: (n, d) float64.
        """
        self.exponent = torch.frexp(X.abs().amax(dim=-1)).exponent
        self.scaled = torch.ldexp(X, -self.exponent[:, None])
        product = self.scaled * self.scaled
        errors = product_error(self.scaled, self.scaled, product)
        square, square_low = accurate_sum(torch.cat([product, errors], dim=-1), rounds=1)  # no cancellation: one is enough
        norm = torch.sqrt(square)
        safe = torch.where(norm == 0, 1, norm)[:, None]
        root = norm * norm
        norm_low = ((square - root) - product_error(norm, norm, root) + square_low)[:, None] / (2 * safe)
        u = self.scaled / safe
        product = u * safe
        u_low = ((self.scaled - product) - product_error(u, safe, product) - u * norm_low) / safe
        self.high = u + u_low
        self.low = u_low - (self.high - u)
        self.norms = torch.ldexp(norm, self.exponent)
        self.squares = torch.ldexp(square, 2 * self.exponent)
        self.coarse = torch.round(self.high * _GRID) / _GRID
        fine = (self.high - self.coarse) + self.low
        self.left = torch.cat([self.coarse, fine], dim=-1)
        self.right = torch.cat([fine, self.coarse + fine], dim=-1)
        self.rest = float(torch.linalg.vector_norm(fine, dim=-1).amax())


def split_cosines(x: Directions, z: Directions, span: tuple[slice, slice]) -> tuple[Float[Tensor, "n m"], Float[Tensor, "n m"]]:
    """h and l of the pairs in a span."""
    i, j = span
    return x.coarse[i] @ z.coarse[j].T, x.left[i] @ z.right[j].T


def doubt(x: Directions, z: Directions) -> float:
    """How near to 0, 1 or -1 a cosine is too near for h + l alone."""
    return 2 * max(x.rest, z.rest)


class TilePairs(Pairs):
    """The pairs of some rows with some columns of a large matrix; nothing here is differentiable."""

    def __init__(
        self,
        x: Directions,
        z: Directions,
        span: tuple[slice, slice],
        same: bool,
        h: Float[Tensor, "n m"],
        low: Float[Tensor, "n m"],
    ) -> None:
        """Find the cosines of a tile.

        Args:
            x: The points of the rows.
            z: The points of the columns.
            span: Which of them the tile holds.
            same: Whether pair (i, i) of the tile is a point with itself.
            h: What `split_cosines` gave; overwritten.
            low: What `split_cosines` gave.
        """
        i, j = self.span = span
        self.same = same
        self.rows, self.columns = x.norms[i, None], z.norms[None, j]
        cosine = h + low
        self.minus = (1 - h).sub_(low)
        self.plus = h.add_(1).add_(low)
        size = cosine.abs()
        if same:
            cosine.fill_diagonal_(1)
            self.minus.fill_diagonal_(0)
            self.plus.fill_diagonal_(2)
            size.fill_diagonal_(0.5)
        near = doubt(x, z)
        least, most = size.aminmax()
        if least < near or most > 1 - near:
            self._recompute(x, z, cosine, size, near)
        self.__dict__["cosine"] = cosine
        self.inner = (cosine * self.rows).mul_(self.columns)
        if same:
            self.inner.diagonal().copy_(x.squares[i])

    @cached_property
    def sine(self) -> Float[Tensor, "n m"]:
        r"""$\sin\theta$."""
        return torch.sqrt(self.sine_squared)

    @cached_property
    def sine_squared(self) -> Float[Tensor, "n m"]:
        r"""$\sin^2\theta = (1-\cos\theta)(1+\cos\theta)$."""
        return self.minus * self.plus

    @cached_property
    def supplement(self) -> Float[Tensor, "n m"]:
        r"""$\pi-\theta = 2\,\mathrm{atan2}(1+\cos\theta,\sin\theta)$."""
        return torch.atan2(self.plus, self.sine).mul_(2)

    @cached_property
    def gap(self) -> Float[Tensor, "n m"]:
        r"""$1-|\cos\theta|$."""
        return torch.minimum(self.minus, self.plus)

    def _recompute(self, x: Directions, z: Directions, cosine: Tensor, size: Tensor, near: float) -> None:
        """Correct in place the pairs whose cosine is within `near` of 0, 1 or -1."""
        every = torch.stack([size < near, size > 1 - near])
        step = max(1, _PAIRS_AT_ONCE // x.high.shape[1])
        for parallel in (0, 1):
            for some in every[parallel].nonzero().split(step):
                i, j = some.unbind(1)
                a, b = i + (self.span[0].start or 0), j + (self.span[1].start or 0)
                if parallel:
                    sign = torch.where(cosine[i, j] < 0, -1.0, 1.0).to(cosine)
                    versine = _versine(x, z, a, b, sign[:, None])
                    cosine[i, j] = sign * (1 - versine)
                    self.minus[i, j] = torch.where(sign > 0, versine, 2 - versine)
                    self.plus[i, j] = torch.where(sign > 0, 2 - versine, versine)
                else:
                    cosine[i, j] = _small_cosine(x, z, a, b)


def accurate_sum(terms: Float[Tensor, "*batch k"], rounds: int = 3) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """The sum over the last dimension as an unevaluated pair of numbers.

    Sums are taken in pairs and their rounding errors kept; after `rounds` such passes the result is as if it had been
    added with `rounds + 1` times the digits (T. Ogita, S. M. Rump, S. Oishi, SIAM J. Sci. Comput. 26, 2005).
    """
    for _ in range(rounds):
        errors = []
        total = terms
        while total.shape[-1] > 1:
            if total.shape[-1] % 2:
                total = torch.nn.functional.pad(total, (0, 1))
            a, b = total.chunk(2, dim=-1)
            total = a + b
            back = total - a
            errors.append((a - (total - back)) + (b - back))
        terms = torch.cat([total, *errors], dim=-1)
    high, rest = terms[..., 0], terms[..., 1:].sum(-1)
    total = high + rest
    return total, rest - (total - high)


def _versine(x: Directions, z: Directions, i: Tensor, j: Tensor, sign: Tensor) -> Tensor:
    r"""$1-|\cos\theta| = |\hat x_i-s\hat z_j|^2/2$ of a list of nearly parallel pairs, $s = \pm 1$."""
    u = x.high[i]
    gap = (u - sign * z.high[j]) + (x.low[i] - sign * z.low[j])
    gap = torch.where(gap.abs() <= _NOISE * u.abs(), 0, gap)
    return (gap * gap).sum(-1) / 2


def _small_cosine(x: Directions, z: Directions, i: Tensor, j: Tensor) -> Tensor:
    r"""$\cos\theta$ of a list of nearly orthogonal pairs, 0 where a point is 0."""
    a, b = x.scaled[i], z.scaled[j]
    product = a * b
    dot = accurate_sum(torch.cat([product, product_error(a, b, product)], dim=-1))[0]
    norms = torch.ldexp(x.norms[i], -x.exponent[i]) * torch.ldexp(z.norms[j], -z.exponent[j])
    return dot / torch.where(norms == 0, 1, norms)
