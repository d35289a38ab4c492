r"""Losses with known constants: squared losses of models that are piecewise quadratic, and bowls with bumps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, is_exact
from altheory.semi_smooth._definitions import Constants
from altheory.semi_smooth._profile import SlopeProfile, bump

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


@dataclass(frozen=True)
class Valley:
    r"""The squared loss $L(x,z) = f^2$ of the model $f = s(x)+bz$ with two parameters, for one example with label 0.

    Its kernel is $K = s'(x)^2+b^2$. With the slopes of s in $[p,q]$ (of either sign) it is $(\alpha,\beta)$-smooth with
    gradient scale $(\mu,M)$ for
    $$\alpha = 2(q-p),\quad\beta = \max s'^2+b^2,\quad\mu = 4(\min s'^2+b^2),\quad M = 4(\max s'^2+b^2).$$
    With $b = 0$ it is a scalar model. `SlopeProfile.slopes` of both signs and $b \ne 0$ make a valley with a kinked floor.

    Attributes:
        profile: s.
        tilt: (...) the number b.

    Raises:
        InputError: `tilt` is not finite or does not have the batch shape of the profile.
    """

    profile: SlopeProfile
    tilt: Float[Tensor, "*batch"]

    def __post_init__(self) -> None:
        if is_exact(self.tilt) or is_exact(self.profile.height):
            return
        tilt = as_tensor("tilt", self.tilt, like=("height", self.profile.height))
        if tilt.shape != self.profile.height.shape:
            raise InputError(
                f"`tilt` has shape {tuple(tilt.shape)} but {tuple(self.profile.height.shape)} is wanted; pass one number for "
                "each function."
            )
        object.__setattr__(self, "tilt", tilt)

    def model(self, point: Float[ArrayLike, "*batch 2"]) -> Float[Tensor, "*batch"]:
        r"""$f = s(x)+bz$ at the points (x, z), shape (...).

        Raises:
            InputError: The points are not finite, or not of shape (..., 2).
        """
        at = self._point(point)
        return self.profile.value(at[..., 0]) + self.tilt * at[..., 1]

    def model_gradient(self, point: Float[ArrayLike, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        r"""$\nabla f = (s'(x), b)$, shape (..., 2).

        Raises:
            InputError: The points are not finite, or not of shape (..., 2).
        """
        slope = self.profile.slope(self._point(point)[..., 0])
        return torch.stack([slope, self.tilt + torch.zeros_like(slope)], -1)

    def loss(self, point: Float[ArrayLike, "*batch 2"]) -> Float[Tensor, "*batch"]:
        r"""$L = f^2$, shape (...).

        Raises:
            InputError: The points are not finite, or not of shape (..., 2).
        """
        f = self.model(point)
        return f * f

    def gradient(self, point: Float[ArrayLike, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        r"""$\nabla L = 2f\nabla f$, shape (..., 2).

        Raises:
            InputError: The points are not finite, or not of shape (..., 2).
        """
        return 2 * self.model(point)[..., None] * self.model_gradient(point)

    def constants(self) -> Constants:
        r"""$(\alpha,\beta,\mu,M)$ as above, each (...)."""
        low, high, b2 = self.profile.lowest, self.profile.highest, self.tilt * self.tilt
        # the smallest |s'|: 0 where the slope changes its sign
        least = torch.clamp(low, min=0) + torch.clamp(-high, min=0)
        most = torch.maximum(low * low, high * high)
        return Constants(2 * (high - low), most + b2, 4 * (least * least + b2), 4 * (most + b2))

    def _point(self, point: Any) -> Any:
        found = as_tensor("point", point, like=("height", self.profile.height))
        if not is_exact(found) and (found.ndim < 1 or found.shape[-1] != 2):
            raise InputError(
                f"`point` has shape {tuple(found.shape)} but (..., 2) is wanted; pass both parameters of the model."
            )
        return found


@dataclass(frozen=True)
class Bowl:
    r"""$g(z) = 1-\beta+\beta z^2+P(z)$, where P' is a bump of height $\alpha$ at 1, one of height $-\alpha$ at -1, both of
    width w, and $P(0) = 0$.

    For $0 \le \beta \le 1-w$ it is $(\alpha(1+w),\beta)$-smooth, and at the pair (-1, 1) `monotonicity_bound` comes as near to
    equality as one likes as w falls.

    Attributes:
        alpha: (...) height of the bumps.
        beta: (...) curvature of the bowl.
        width: (...) width of the bumps, in (0, 1].

    Raises:
        InputError: A width is not in (0, 1], or the shapes differ.
    """

    alpha: Float[Tensor, "*batch"]
    beta: Float[Tensor, "*batch"]
    width: Float[Tensor, "*batch"]

    def __post_init__(self) -> None:
        if any(is_exact(value) for value in (self.alpha, self.beta, self.width)):
            return
        width = as_tensor("width", self.width)
        alpha, beta = (as_tensor(name, getattr(self, name), like=("width", width)) for name in ("alpha", "beta"))
        if not alpha.shape == beta.shape == width.shape:
            raise InputError(
                f"`alpha`, `beta` and `width` have shapes {tuple(alpha.shape)}, {tuple(beta.shape)} and {tuple(width.shape)} "
                "but the same shape is wanted; pass one number of each for every function."
            )
        if bool(((width <= 0) | (width > 1)).any()):
            raise InputError(
                f"`width` ranges from {float(width.min()):.3g} to {float(width.max()):.3g} but (0, 1] is wanted; wider bumps "
                "would overlap."
            )
        for name, value in (("alpha", alpha), ("beta", beta), ("width", width)):
            object.__setattr__(self, name, value)

    def value(self, z: Float[ArrayLike, "*batch"]) -> Float[Tensor, "*batch"]:
        """g(z), shape (...).

        Raises:
            InputError: z is not finite.
        """
        side, right = self._folded(z)
        return 1 - self.beta + self.beta * side * side + right.value(side - 1 + self.width / 2)

    def slope(self, z: Float[ArrayLike, "*batch"]) -> Float[Tensor, "*batch"]:
        """g'(z), shape (...).

        Raises:
            InputError: z is not finite.
        """
        side, right = self._folded(z)
        ahead = 2 * self.beta * side + right.slope(side - 1 + self.width / 2)
        return torch.where(as_tensor("z", z, like=("width", self.width)) >= 0, ahead, -ahead)

    def _folded(self, z: Any) -> tuple[Any, SlopeProfile]:
        """g is even: |z|, and the bump at 1 as a function that vanishes on its left."""
        z = as_tensor("z", z, like=("width", self.width))
        zero = torch.zeros_like(self.width)
        return torch.abs(z), bump(self.width, zero, self.alpha + zero, at_peak=(self.alpha + zero) * self.width / 4)
