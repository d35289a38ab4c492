r"""What scoring a pool costs: passes and multiplications.

Source: Wang et al. (AAAI 2022), appendix A.4 (one iteration for every label assumption) and A.7 ("only ... a feed-forward and a
back-propagate step for each unlabeled sample"); the counts without a backward pass are ours.
"""

from __future__ import annotations

from typing import Any


def backward_operations(n: Any, d: Any, m: Any, N: Any) -> Any:
    r"""$nm(3d+4N)$: multiplications of the gradient of one loss for each of n points of a two-layer network, and of its norm.

    The forward pass d + N for each neuron; backward N for $A^\top v$, d and N for the two layers' gradients; d + N squares.
    """
    return n * m * (3 * d + 4 * N)


def closed_operations(n: Any, d: Any, m: Any, N: Any) -> Any:
    r"""$n(m(d+2N+3)+d+N)$: the same norms without a gradient.

    The forward pass, $A^\top v$, three more for each neuron (the slope, the squares of q and h), the squares of x and v.
    """
    return n * (m * (d + 2 * N + 3) + d + N)


def labelings(C: int, pixels: int) -> int:
    r"""$C^{pixels}$: the label assumptions of an image whose every pixel has one of C classes (appendix A.4)."""
    return C**pixels
