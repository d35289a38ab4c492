r"""Chords between directions, $|\hat x-\hat z|$ and $|\hat x+\hat z|$, accurate where they are small.

With $\theta$ the angle, $|\hat x-\hat z| = 2\sin(\theta/2)$ and $|\hat x+\hat z| = 2\cos(\theta/2)$, hence
$\theta = 2\,\mathrm{atan2}(|\hat x-\hat z|,|\hat x+\hat z|)$, $\pi-\theta$ is the same with the arguments
exchanged, and $\sin\theta = |\hat x-\hat z||\hat x+\hat z|/2$ (W. Kahan, "How futile are mindless assessments
of roundoff in floating-point computation?", 2006, "Mangled Angles"). The inner product is never inverted,
so no digits cancel.

Normalising rounds every component, which would leave an absolute error $\varepsilon$ in the angle: seven
wrong digits at $\pi-\theta = 10^{-9}$. So each direction is kept as a pair $\hat x = u + u'$ (rounded part
and its rounding error, found by an exact product), and the squared chord of the rounded parts is corrected to
first order: $|\hat x\mp\hat z|^2 = |u\mp v|^2 + 2\langle u\mp v, u'\mp v'\rangle + O(\varepsilon^2)$.
Relative error of a chord c: a few $\varepsilon$ plus $O((\varepsilon/c)^2)$;
measured $10^{-14}$ at $c=10^{-9}$.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch

from altheory.kernels._pairs import Pairs

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_SPLIT = {torch.float32: 2.0**12 + 1, torch.float64: 2.0**27 + 1}  # Veltkamp's constants, 24 and 53 bits


class ChordPairs(Pairs):
    """The pairs of small or batched lists of points, from chords; every quantity is differentiable."""

    def __init__(self, X: Float[Tensor, "*batch n d"], Z: Float[Tensor, "*batch m d"], same: bool) -> None:
        """Compute inner products and chords.

        Args:
            X: (..., n, d).
            Z: (..., m, d), same batch, dtype and device.
            same: Whether Z is X.
        """
        self.X, self.Z, self.same = X, Z, same
        self.inner = X @ Z.mT
        self.minus, self.plus = chords(X, Z)
        self.rows = torch.linalg.vector_norm(X, dim=-1)[..., :, None]
        self.columns = torch.linalg.vector_norm(Z, dim=-1)[..., None, :]

    @cached_property
    def cosine(self) -> Float[Tensor, "*batch n m"]:
        r"""$\cos\theta$, 0 where a point is 0."""
        return self.inner / torch.where(self.norms == 0, 1, self.norms)

    @cached_property
    def sine(self) -> Float[Tensor, "*batch n m"]:
        r"""$\sin\theta$."""
        return self.minus * self.plus / 2

    @cached_property
    def supplement(self) -> Float[Tensor, "*batch n m"]:
        r"""$\pi-\theta$."""
        return 2 * torch.atan2(self.plus, self.minus)

    @cached_property
    def gap(self) -> Float[Tensor, "*batch n m"]:
        r"""$1-|\cos\theta|$."""
        return torch.where(self.inner < 0, self.plus * self.plus, self.minus * self.minus) / 2


def chords(
    X: Float[Tensor, "*batch n d"], Z: Float[Tensor, "*batch m d"]
) -> tuple[Float[Tensor, "*batch n m"], Float[Tensor, "*batch n m"]]:
    r"""$|\hat x_i-\hat z_j|$ and $|\hat x_i+\hat z_j|$, with $\hat 0 = 0$.

    Args:
        X: (..., n, d).
        Z: (..., m, d), same batch, dtype and device.

    Returns:
        Two tensors (..., n, m). Gradients are finite, and zero where a chord is zero.
    """
    u, u_lost = _direction(X)
    v, v_lost = _direction(Z)
    minus, plus = _distance(u, v), _distance(u, -v)
    with torch.no_grad():
        own = (u * u_lost).sum(-1)[..., :, None] + (v * v_lost).sum(-1)[..., None, :]
        cross = u @ v_lost.mT + u_lost @ v.mT
        minus_factor, plus_factor = _factor(minus, own - cross), _factor(plus, own + cross)
    return minus * minus_factor, plus * plus_factor


def _direction(
    X: Float[Tensor, "*batch n d"],
) -> tuple[Float[Tensor, "*batch n d"], Float[Tensor, "*batch n d"]]:
    """The rounded unit vectors u (0 for a zero row), and what rounding lost of them."""
    norm = torch.linalg.vector_norm(X, dim=-1, keepdim=True)
    safe = torch.where(norm == 0, 1, norm)
    u = X / safe
    with torch.no_grad():
        product = u * safe
        return u, ((X - product) - product_error(u, safe, product)) / safe


def product_error(a: Tensor, b: Tensor, product: Tensor) -> Tensor:
    """`a * b - product` exactly (T. J. Dekker, Numer. Math. 18, 1971)."""
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a: Tensor) -> tuple[Tensor, Tensor]:
    """Two numbers of half the bits whose sum is exactly `a`."""
    big = _SPLIT[a.dtype] * a
    high = big - (big - a)
    return high, a - high


def _distance(u: Float[Tensor, "*batch n d"], v: Float[Tensor, "*batch m d"]) -> Float[Tensor, "*batch n m"]:
    """Pairwise Euclidean distances from differences, never from inner products."""
    return torch.cdist(u, v, compute_mode="donot_use_mm_for_euclid_dist")


def _factor(chord: Tensor, half_correction: Tensor) -> Tensor:
    r"""$\sqrt{1 + 2h/c^2}$: what turns the chord c of the rounded directions into the true chord; 1 where c =
    0."""
    square = torch.where(chord == 0, 1, chord * chord)
    return torch.where(chord == 0, 1, torch.sqrt(torch.clamp(1 + 2 * half_correction / square, min=0)))
