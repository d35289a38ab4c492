r"""$E[\phi(w\cdot x)\phi(w\cdot z)]$ for $w\sim N(0,I)$ in closed form, and the same of $\phi'$.

With $\theta$ the angle between x and z, $\psi = \pi-\theta$ and $c = \langle x,z\rangle$:

- $\phi(u) = \max(u,0)^q$ (relu is q = 1): $(2|x||z|)^q\,q!\,I_q(\psi)/(2\pi)$ with
  $I_q(\psi) = \int_0^\psi\sin^q t\,\sin^q(\psi-t)\,dt$; $I_0 = \psi$, $I_1 = (\sin\psi-\psi\cos\psi)/2$
  (the arc-cosine kernel of degree q of Cho, Saul, NeurIPS 2009, in polar coordinates). The integrand is positive and
  entire, so Gauss-Legendre nodes find it to the last digits near antipodes too, where the textbook form cancels;
- erf: with $D = 1+2|x|^2+2|z|^2+4|x|^2|z|^2\sin^2\theta$, $E[\phi'\phi'] = (4/\pi)D^{-1/2}$ and
  $E[\phi\phi] = (2/\pi)\,\mathrm{atan2}(2c,\sqrt D)$ (Williams, NeurIPS 1996, its arcsine rewritten with positive terms);
- sin: $E[\sin\sin] = e^{-(|x|^2+|z|^2)/2}\sinh c$ and $E[\cos\cos] = e^{-(|x|^2+|z|^2)/2}\cosh c$, both taken from
  $e^{-|x\mp z|^2/2}$, which cannot overflow;
- polynomials: $\sum_k g_k(|x|)g_k(|z|)c^k/k!$ with $g_k(r) = E[\phi^{(k)}(ry)]$, $y\sim N(0,1)$ (Mehler's formula).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory import activations

if TYPE_CHECKING:
    from torch import Tensor

    from altheory.activations import Activation
    from altheory.kernels._pairs import Pairs

    Moment = Callable[[Pairs], Tensor]


def closed_forms(activation: Activation) -> tuple[Moment, Moment] | None:
    r"""$E[\phi'\phi']$ and $E[\phi\phi]$ as functions of pairs; None where there is no closed form."""
    if activation.power is not None:
        q = activation.power
        return lambda pairs: q * q * _relu_power(pairs, q - 1), lambda pairs: _relu_power(pairs, q)
    if activation.coefficients:
        values = activation.coefficients
        return (
            lambda pairs: polynomial_moment(derivative(values), pairs.inner, pairs.rows**2, pairs.columns**2),
            lambda pairs: polynomial_moment(values, pairs.inner, pairs.rows**2, pairs.columns**2),
        )
    if activation is activations.get("erf"):
        return _erf_slope, _erf
    return (_cos, _sin) if activation is activations.get("sin") else None


def polynomial_moment(coefficients: Sequence[Any], inner: Any, x2: Any, z2: Any) -> Any:
    r"""$\sum_k g_k(|x|)g_k(|z|)c^k/k!$ from c and the squared norms, by Horner's rule; exact arrays too."""
    total = None
    for k in reversed(range(len(coefficients))):
        term = _mean_derivative(coefficients, k, x2) * _mean_derivative(coefficients, k, z2)
        # sum_k g_k c^k / k! = g_0 + c (g_1 + c/2 (g_2 + c/3 (...)))
        total = term if total is None else term + total * inner / (k + 1)
    return total


def derivative(coefficients: Sequence[Any]) -> tuple[Any, ...]:
    """The coefficients of a polynomial's derivative."""
    return tuple(k * c for k, c in enumerate(coefficients))[1:] or (0,)


def _mean_derivative(coefficients: Sequence[Any], k: int, r2: Any) -> Any:
    r"""$g_k = \sum_t c_{k+2t}\frac{(k+2t)!}{(2t)!}(2t-1)!!\,r^{2t}$, by Horner's rule in $r^2$."""
    total: Any = 0 * r2
    for t in reversed(range((len(coefficients) - 1 - k) // 2 + 1)):
        # (2t - 1)!! / (2t)! = 1 / (2^t t!)
        factor = math.factorial(k + 2 * t) // (2**t * math.factorial(t))
        total = total * r2 + coefficients[k + 2 * t] * factor
    return total


def _relu_power(pairs: Pairs, q: int) -> Tensor:
    r"""$(2|x||z|)^q\,q!\,I_q(\psi)/(2\pi)$."""
    if q == 0:
        # pi / (2 pi) is exactly 1/2 in floating point, so the diagonal is |x|^2 / 2.
        return pairs.supplement / (2 * math.pi)
    scale = 2**q * math.factorial(q) / (2 * math.pi)
    if q == 1:
        return scale * pairs.norms * _order_one(pairs)
    return (scale * pairs.rows**q) * (_order(pairs.supplement, q) * pairs.columns**q)


def _order_one(pairs: Pairs) -> Tensor:
    r"""$I_1 = (\sin\psi-\psi\cos\psi)/2$, by its power series below $\psi = 1$."""
    closed = (pairs.sine + pairs.supplement * pairs.cosine) / 2
    near = pairs.supplement < 1
    if not bool(near.any()):
        return closed
    psi = torch.where(near, pairs.supplement, 0)
    square, total = psi * psi, torch.zeros_like(psi)
    for k in reversed(range(1, 11)):
        total = (-1) ** (k + 1) * k / math.factorial(2 * k + 1) + total * square
    return torch.where(near, psi * square * total, closed)


def _order(psi: Tensor, q: int) -> Tensor:
    r"""$I_q(\psi)$ by Gauss-Legendre on $[0,\psi]$; nodes come in mirrored pairs."""
    total = torch.zeros_like(psi)
    for near, far, mass in _legendre(12 + 4 * q):
        total = total + mass * (torch.sin(psi * near) * torch.sin(psi * far)) ** q
    return total * psi


@cache
def _legendre(count: int) -> list[tuple[float, float, float]]:
    r"""$(1+x)/2$, $(1-x)/2$ and the mass w of half of an even number of nodes on [-1, 1], the masses of total 1.

    numpy's masses are wrong in the 13th digit, so its nodes are polished and the masses found anew in long double.
    """
    x: Any = np.polynomial.legendre.leggauss(count)[0][count // 2 :].astype(np.longdouble)
    for _ in range(3):
        before, value = np.ones_like(x), x
        for k in range(1, count):
            before, value = value, ((2 * k + 1) * x * value - k * before) / (k + 1)
        slope = count * (before - x * value) / (1 - x * x)
        mass = 2 / ((1 - x * x) * slope * slope)
        x = x - value / slope
    return [(float((1 + t) / 2), float((1 - t) / 2), float(w)) for t, w in zip(x, mass)]


def _erf_root(pairs: Pairs) -> Tensor:
    r"""$\sqrt D$; without the slower `hypot` where no square can overflow."""
    x2, z2 = pairs.rows**2, pairs.columns**2
    if max(float(pairs.rows.detach().max()), float(pairs.columns.detach().max())) < torch.finfo(x2.dtype).max ** 0.2:
        return torch.sqrt(torch.addcmul(1 + 2 * x2 + 2 * z2, 2 * x2, 2 * z2 * pairs.sine_squared))
    return torch.hypot(torch.sqrt(1 + 2 * x2 + 2 * z2), 2 * pairs.norms * pairs.sine)


def _erf_slope(pairs: Pairs) -> Tensor:
    return 4 / math.pi / _erf_root(pairs)


def _erf(pairs: Pairs) -> Tensor:
    return 2 / math.pi * torch.atan2(2 * pairs.inner, _erf_root(pairs))


def _sin(pairs: Pairs) -> Tensor:
    half = torch.exp(-pairs.nearest / 2) / 2
    return -pairs.sign * half * torch.expm1(-2 * pairs.sign * pairs.inner)


def _cos(pairs: Pairs) -> Tensor:
    half = torch.exp(-pairs.nearest / 2) / 2
    return half + half * torch.exp(-2 * pairs.sign * pairs.inner)
