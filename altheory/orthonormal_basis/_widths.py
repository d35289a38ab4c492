r"""Kolmogorov widths: how far from every D-dimensional space some function of a family must be.

For functions $f_1,\dots,f_N$ and any space of dimension D the mean squared distance is at least the sum of the smallest N - D
eigenvalues of $[\mathrm{E}f_if_j]/N$ (Eckart-Young), and the largest is at least the mean: the width squared is at least this
tail. For the rotations of one function all spaces of Fourier modes treat every rotation alike, so there the tail is the width
squared, as soon as the D modes kept contain sine and cosine of each frequency.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from altheory._inputs import InputError, as_tensor, check_integer, is_exact
from altheory.orthonormal_basis._support import moments, on_support, transposed

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


def average_width_squared(
    F: Float[ArrayLike, "*batch N n"], p: Float[ArrayLike, "*batch n"], D: int
) -> Float[Tensor, "*batch"]:
    r"""The least mean over N functions of the squared distance (under p) to a space of dimension D.

    A lower bound of the width squared. For N orthonormal functions it is (N - D)/N, whatever the space: nothing compresses
    a span.

    Args:
        F: (..., N, n), one row a function.
        p: (..., n), a distribution.
        D: The dimension, at least 0.

    Returns:
        (...,); 0 from D = N on.

    Raises:
        InputError: The shapes do not fit, p is no distribution, or D is no such integer.
    """
    D = check_integer("D", D, least=0)
    functions = as_tensor("F", F, min_ndim=2, layout="(..., N, n)")
    values, masses = on_support(transposed(functions), p, name="F")
    N = values.shape[-1]
    if D >= N:
        return 0 * (masses * values[..., 0]).sum(-1)
    squares = torch.linalg.eigvalsh(moments(values, masses))[..., : N - D]
    squares = squares if is_exact(squares) else torch.clamp(squares, min=0)
    return squares.sum(-1) / N


def shift_width_squared(f: Float[ArrayLike, "*batch n"], D: int) -> Float[Tensor, "*batch"]:
    r"""The tail for the n cyclic shifts of f under the uniform distribution: all $|\hat f_k|^2/n^2$ but the D largest, summed.

    The matrix $[\mathrm{E}f_if_j]$ is circulant, so its eigenvalues are those of the Fourier transform. It is the width squared
    when the D modes kept are closed under $k\to-k$, and a lower bound otherwise. With $f = \phi(s\cos\theta_i)$ these are the
    neurons of weight s on the circle; only n well above D says something of the whole circle.

    Args:
        f: (..., n), the values at n equidistant points.
        D: The dimension, at least 0.

    Returns:
        (...,).

    Raises:
        InputError: f is no array of at least one dimension, or D is no such integer.
    """
    D = check_integer("D", D, least=0)
    values = as_tensor("f", f, min_ndim=1, layout="(..., n)")
    n = values.shape[-1]
    modes = torch.fft.fft(values)
    energies = (modes.real**2 + modes.imag**2) / n**2
    return torch.sort(energies, -1, descending=True).values[..., D:].sum(-1)


def circle_width_squared(D: int, *, signs: bool = True) -> float:
    r"""The tail for all $\mathrm{sign}(w\cdot x)$ on the circle: $1-\frac8{\pi^2}\sum_k k^{-2}$ over the first D/2 odd k.

    $\mathrm{sign}(\cos\theta)$ has mean square $8/(\pi k)^2$ in each odd frequency k, half of it in the cosine and half in the
    sine, and an odd D takes one half of its last frequency. The width squared for even D, a lower bound of it for odd D; the
    limit of tanh(s w.x) for s to infinity. It falls like $4/(\pi^2D)$.

    Args:
        D: The dimension, at least 0.
        signs: False for $1[w\cdot x>0] = (1+\mathrm{sign})/2$, the limit of the sigmoid: a quarter of it, one dimension later.

    Returns:
        A float, with a relative error below 1e-13.

    Raises:
        InputError: D is no such integer.
    """
    from scipy.special import polygamma

    D = check_integer("D", D, least=0)
    if not signs:
        if D == 0:
            raise InputError("`D` is 0 but steps have a mean, so the first dimension is the constant; pass D >= 1.")
        # below two dimensions the constant (1/4) leads: every other mode has at most 1/(pi^2)
        return circle_width_squared(D - 1) / 4
    pairs, half = divmod(D, 2)
    # the sum of 1/k^2 over odd k > 2 pairs is a quarter of the trigamma function
    tail = 2 * float(polygamma(1, pairs + 0.5)) / math.pi**2
    return tail - half * 4 / (math.pi * (2 * pairs + 1)) ** 2
