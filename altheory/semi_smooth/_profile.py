r"""Functions of one variable whose slope is piecewise linear: continuously differentiable, piecewise quadratic, exact.

They are what kinks look like when they are rounded: a slope that changes by a finite amount over a width as small as one
likes. Everything is sums, products, minima and maxima, so that rational arithmetic runs it without error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


@dataclass(frozen=True)
class SlopeProfile:
    r"""A function s with slope `first` left of 0, from there linear to `slopes[i]` over `widths[i]`, one piece after the other,
    and constant after the last; one function for each batch member.

    Attributes:
        widths: (..., k) positive lengths of the pieces.
        first: (...) slope on the left of 0.
        slopes: (..., k) slope at the end of each piece.
        height: (...) the value s(0).

    Raises:
        InputError: The shapes do not fit, an entry is not finite, or a width is not positive.
    """

    widths: Float[Tensor, "*batch k"]
    first: Float[Tensor, "*batch"]
    slopes: Float[Tensor, "*batch k"]
    height: Float[Tensor, "*batch"]

    def __post_init__(self) -> None:
        names = ("widths", "first", "slopes", "height")
        if any(is_exact(getattr(self, name)) for name in names):
            return
        found = dict(zip(names, as_tensors(**{name: getattr(self, name) for name in names}), strict=True))
        widths = found["widths"]
        if widths.ndim < 1 or found["slopes"].shape != widths.shape:
            raise InputError(
                f"`widths` and `slopes` have shapes {tuple(widths.shape)} and {tuple(found['slopes'].shape)} but (..., k) for "
                "both is wanted; pass one slope for each piece."
            )
        for name in ("first", "height"):
            if found[name].shape != widths.shape[:-1]:
                raise InputError(
                    f"`{name}` has shape {tuple(found[name].shape)} but {tuple(widths.shape[:-1])} is wanted; pass one number "
                    "for each function."
                )
        if bool((widths.detach() <= 0).any()):
            raise InputError(
                f"`widths` has the entry {float(widths.min()):.3g} but positive lengths are wanted; leave out empty pieces."
            )
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def value(self, x: Float[ArrayLike, "*batch"]) -> Float[Tensor, "*batch"]:
        r"""$s(x)$, shape (...).

        Raises:
            InputError: x is not finite.
        """
        point = self._point(x)
        into, past = self._progress(point)
        climbed = self._jumps() * (into * into / (2 * self.widths) + past)
        return self.height + self.first * point + climbed.sum(-1)

    def slope(self, x: Float[ArrayLike, "*batch"]) -> Float[Tensor, "*batch"]:
        r"""$s'(x)$, shape (...).

        Raises:
            InputError: x is not finite.
        """
        into, _ = self._progress(self._point(x))
        return self.first + (self._jumps() * (into / self.widths)).sum(-1)

    def curvatures(self) -> Float[Tensor, "*batch k"]:
        """The second derivative on each piece; it is 0 outside of them."""
        return self._jumps() / self.widths

    def meets(self, x: Float[ArrayLike, "*batch"], y: Float[ArrayLike, "*batch"]) -> Float[Tensor, "*batch k"]:
        """Whether the open segment from x to y meets each piece, in either direction.

        Raises:
            InputError: x or y is not finite.
        """
        one, other = self._point(x), self._point(y)
        starts, ends = self._ends()
        low, high = torch.minimum(one, other)[..., None], torch.maximum(one, other)[..., None]
        return (low < ends) & (high > starts)

    @property
    def lowest(self) -> Float[Tensor, "*batch"]:
        """The smallest slope."""
        return torch.amin(self._all_slopes(), -1)

    @property
    def highest(self) -> Float[Tensor, "*batch"]:
        """The largest slope."""
        return torch.amax(self._all_slopes(), -1)

    def _all_slopes(self) -> Any:
        return torch.cat([self.first[..., None], self.slopes], -1)

    def _jumps(self) -> Any:
        slopes = self._all_slopes()
        return slopes[..., 1:] - slopes[..., :-1]

    def _ends(self) -> tuple[Any, Any]:
        ends = torch.cumsum(self.widths, -1)
        return torch.cat([torch.zeros_like(ends[..., :1]), ends[..., :-1]], -1), ends

    def _progress(self, x: Any) -> tuple[Any, Any]:
        """How far x is into each piece, and how far past its end."""
        starts, _ = self._ends()
        ahead = torch.clamp(x[..., None] - starts, min=0)
        into = torch.minimum(ahead, self.widths)
        return into, ahead - into  # not clamp(x - end): so autograd gives s' at the knots too

    def _point(self, x: Any) -> Any:
        return as_tensor("x", x, like=("widths", self.widths))


def kink(
    width: Float[ArrayLike, "*batch"], low: Float[ArrayLike, "*batch"], high: Float[ArrayLike, "*batch"], *, at_end: Any = 0.0
) -> SlopeProfile:
    r"""A rounded kink on $[0, w]$: slope `low` on the left, `high` on the right, with $s(w)$ = `at_end`.

    For `low` = 1/2, `high` = 1 and `at_end` = 1 this is the function $u_w$ whose square no constant C bounds by
    $\xi \le C\eta^2L$ at $\eta = w$.

    Args:
        width: (...) positive width w of the rounding.
        low: (...) slope on the left.
        high: (...) slope on the right.
        at_end: (...) value at the right end of the rounding.

    Raises:
        InputError: Shapes differ, or the width is not positive.
    """
    w, p, q = as_tensors(width=width, low=low, high=high)
    return SlopeProfile(w[..., None], p, q[..., None], at_end - (p + q) / 2 * w)


def bump(
    width: Float[ArrayLike, "*batch"], low: Float[ArrayLike, "*batch"], high: Float[ArrayLike, "*batch"], *, at_peak: Any = 0.0
) -> SlopeProfile:
    r"""Slope `low` everywhere but on $[0, w]$, where it rises to `high` at $w/2$ and falls again; $s(w/2)$ = `at_peak`.

    Args:
        width: (...) positive width w of the bump.
        low: (...) slope outside.
        high: (...) slope in the middle.
        at_peak: (...) value in the middle.

    Raises:
        InputError: Shapes differ, or the width is not positive.
    """
    w, p, q = as_tensors(width=width, low=low, high=high)
    half = w[..., None] / 2
    slopes = torch.cat([q[..., None], p[..., None]], -1)
    return SlopeProfile(torch.cat([half, half], -1), p, slopes, at_peak - (p + q) / 4 * w)


def huber(width: Float[ArrayLike, "*batch"], scale: Float[ArrayLike, "*batch"]) -> SlopeProfile:
    r"""$a|x|$ with its kink rounded over $[-w, w]$ and moved to $[0, 2w]$: $a(x-w)^2/(2w)$ inside, $a|x-w|-aw/2$ outside.

    Args:
        width: (...) positive half-width w of the rounding.
        scale: (...) the slope a.

    Raises:
        InputError: Shapes differ, or the width is not positive.
    """
    w, a = as_tensors(width=width, scale=scale)
    return SlopeProfile(2 * w[..., None], -a, a[..., None], a * w / 2)


def root_kink(x: Float[ArrayLike, "*batch"]) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    r"""One fixed function whose slope is continuous, but no better than a square root at 1: with $s = 1-x$,
    $u = 1-s+s^{3/2}/3$ for $0 \le s \le 1$, slope 1 for $x \ge 1$ and slope 1/2 for $x \le 0$.

    Args:
        x: (...) points.

    Returns:
        u(x) and u'(x), each (...).

    Raises:
        InputError: x is not finite.
    """
    point = as_tensor("x", x)
    left = torch.clamp(1 - point, min=0)
    inside = torch.minimum(left, torch.ones_like(left))
    root = torch.sqrt(inside)
    return point + inside * root / 3 + (left - inside) / 2, 1 - root / 2
