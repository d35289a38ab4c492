r"""What look-ahead costs: multiplications to leading order, as the paper lists them and as they are.

L labelled points, U candidates (which are also the points predicted at), P parameters, C classes, E epochs: numbers, or arrays
that broadcast.

Source: Mohamadi, Bae, Sutherland (2022), section 3 "Time complexity" and appendix B; the missing terms are ours.
"""

from __future__ import annotations

from typing import Any


def listed_operations(L: Any, U: Any, P: Any) -> Any:
    """$LUP+L^2P+L^3+UL^2$: the kernels with and of the labelled points, its inverse, the products of eq. (12) (appendix B)."""
    return L * U * P + L * L * P + L**3 + U * L * L


def operations(L: Any, U: Any, P: Any, C: Any = 0) -> Any:
    """$(L+U)^2P/2+L^3/3+L^2U+LU^2+2U^2C$: with the kernel of the pool with itself, which (12) asks for at every pair (x, x'),
    symmetric halves once, and the norms of eq. (13)."""
    return (L + U) ** 2 * P / 2 + L**3 / 3 + L * L * U + L * U * U + 2 * U * U * C


def listed_naive_operations(L: Any, U: Any, P: Any, E: Any) -> Any:
    """$LUPE$: E epochs through the labelled points for every candidate (section 3)."""
    return L * U * P * E


def naive_operations(L: Any, U: Any, P: Any, E: Any) -> Any:
    """$UP(3E(L+1)+U)$ : forward and backward passes, three forward passes' worth a point, and the outputs on the pool."""
    return U * P * (3 * E * (L + 1) + U)
