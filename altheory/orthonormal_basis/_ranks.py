r"""Exact ranks: how many functions the features $[\phi(w_j\cdot x_i)]$ of a polynomial activation really span.

Integers are reduced modulo the prime $2^{61}-1$ and eliminated there. A minor that is not zero modulo a prime is not zero, so
the result never exceeds the rank over the rationals: it certifies "at least r", without any tolerance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory._inputs import InputError, check_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Int
    from torch import Tensor

#: the Mersenne prime 2^61 - 1
PRIME = 2**61 - 1


def feature_rank(
    X: Int[Tensor, "n d"] | Sequence[Sequence[int]],
    W: Int[Tensor, "m d"] | Sequence[Sequence[int]],
    coefficients: Sequence[int],
) -> int:
    r"""The rank of $[\phi(w_j\cdot x_i)]_{ij}$ modulo `PRIME` for $\phi(u) = c_0+c_1u+c_2u^2+\dots$

    At most the rank over the rationals, and equal to it unless the prime divides every minor of that size. Time
    $O(nm\min(n,m))$: seconds for a thousand points.

    Args:
        X: (n, d) integers: tensor, numpy array or lists.
        W: (m, d) integers.
        coefficients: $c_0, c_1, \dots$, integers.

    Returns:
        The rank, from 0 to min(n, m).

    Raises:
        InputError: An argument is not made of integers, or the shapes do not fit.
    """
    from flint import nmod_mat

    points, weights = _integers("X", X), _integers("W", W)
    if points.shape[1] != weights.shape[1]:
        raise InputError(
            f"`X` has dimension {points.shape[1]} but `W` has {weights.shape[1]}; pass points and weights of one dimension."
        )
    terms = [c for c in coefficients if not isinstance(c, bool) and isinstance(c, (int, np.integer))]
    if not terms or len(terms) != len(coefficients):
        raise InputError(f"`coefficients` are {coefficients!r} but integers c0, c1, ... are wanted; scale to integers.")
    monomials = [(k, int(c)) for k, c in enumerate(terms) if c]
    features = [sum(c * pow(u, k, PRIME) for k, c in monomials) % PRIME for u in (points @ weights.T).flat]
    return int(nmod_mat(len(points), len(weights), features, PRIME).rank())


def forms_dimension(d: int, p: int) -> int:
    r"""$\binom{d+p-1}p$, the dimension of the forms of degree p in d variables: the span of $(w\cdot x)^p$ over all w.

    Args:
        d: Variables, at least 1.
        p: Degree, at least 0.

    Raises:
        InputError: They are no such integers.
    """
    return math.comb(check_integer("d", d) + check_integer("p", p, least=0) - 1, p)


def polynomials_dimension(d: int, p: int) -> int:
    r"""$\binom{d+p}p$, the dimension of the polynomials of degree at most p in d variables; arguments as `forms_dimension`."""
    return math.comb(check_integer("d", d) + check_integer("p", p, least=0), p)


def _integers(name: str, value: Any) -> np.ndarray[Any, Any]:
    """A matrix of Python integers, which do not overflow."""
    array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value, dtype=object)
    good = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in array.flat)
    if array.ndim != 2 or array.size == 0 or not good:
        raise InputError(
            f"`{name}` has shape {array.shape} and entries like {next(iter(array.flat), None)!r} but a matrix of integers is "
            "wanted; scale the data to integers."
        )
    return np.array([[int(v) for v in row] for row in array], dtype=object)
