"""Quadrature on [0, 1]: rational rules that are exact for polynomials, and Gauss-Legendre for everything smooth."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from altheory._inputs import InputError, check_integer


@cache
def newton_cotes(degree: int) -> tuple[tuple[Fraction, Fraction], ...]:
    r"""The closed Newton-Cotes rule that integrates polynomials of this degree exactly, with the fewest equidistant nodes.

    Degree 1 is the trapezium rule, 3 Simpson's, 5 Boole's (an even number of intervals N is exact up to degree N + 1).

    Args:
        degree: At least 0.

    Returns:
        Pairs of a node in [0, 1] and its weight, as fractions; the weights sum to 1.

    Raises:
        InputError: `degree` is not such an integer.
    """
    degree = check_integer("degree", degree, least=0)
    intervals = max(1, degree - 1 if degree % 2 else degree)
    nodes = [Fraction(k, intervals) for k in range(intervals + 1)]
    return tuple((node, _integral_of_lagrange(nodes, node)) for node in nodes)


def _integral_of_lagrange(nodes: list[Fraction], at: Fraction) -> Fraction:
    """The integral over [0, 1] of the polynomial that is 1 at one node and 0 at the others."""
    coefficients = [Fraction(1)]
    for node in nodes:
        if node != at:
            shifted = [Fraction(0), *coefficients]
            coefficients = [(s - node * c) / (at - node) for s, c in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
    return sum((c / (k + 1) for k, c in enumerate(coefficients)), Fraction(0))


def gauss_legendre(nodes: int, panels: int = 1) -> tuple[tuple[float, float], ...]:
    r"""The Gauss-Legendre rule on [0, 1], repeated on equal panels: exact for polynomials of degree 2 nodes - 1.

    Args:
        nodes: Nodes a panel, at least 1.
        panels: How many panels, at least 1.

    Returns:
        Pairs of a node and its weight; the weights sum to 1.

    Raises:
        InputError: An argument is not such an integer.
    """
    import numpy as np

    nodes, panels = check_integer("nodes", nodes), check_integer("panels", panels)
    if nodes > 100:
        raise InputError(f"`nodes` is {nodes} but at most 100 nodes a panel are wanted; pass more `panels` instead.")
    places, weights = np.polynomial.legendre.leggauss(nodes)
    return tuple(
        (float((k + (1 + x) / 2) / panels), float(w / 2 / panels))
        for k in range(panels)
        for x, w in zip(places, weights, strict=True)
    )
