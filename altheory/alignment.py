r"""The alignment $A = \mathrm{Tr}[Y^\top\Theta Y]$ of labels with a kernel, in its two forms.

For symmetric $\Theta = \sum_i\lambda_i v_iv_i^\top$: $\mathrm{Tr}[Y^\top\Theta Y] =
\sum_k\sum_i\lambda_i(v_i^\top Y^k)^2$. It is no correlation: it scales as c in $\Theta$, as $c^2$ in Y.
Source: "Deep Active Learning by Leveraging Training Dynamics" (dynamicAL), Definition 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from altheory._inputs import as_labels, check_symmetric, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


def alignment(
    theta: Float[ArrayLike, "*batch n n"], Y: Float[ArrayLike, "*batch n k"] | Float[ArrayLike, "*batch n"]
) -> Float[Tensor, "*batch"]:
    r"""$A = \mathrm{Tr}[Y^\top\Theta Y]$, without an eigendecomposition; $\Theta$ may be any square matrix.

    Args:
        theta: (..., n, n).
        Y: (..., n, K), or (..., n) for a single output: `Y.ndim == theta.ndim` is a matrix, one less is a
            vector.

    Returns:
        (...,) in theta's dtype and on its device.

    Raises:
        InputError: theta is not square, or Y does not fit it (shape, dtype, device), or an entry is not
            finite.
    """
    kernel, labels = as_labels(theta, Y)
    return (labels * (kernel @ labels)).sum(-1).sum(-1)


def spectral_alignment(
    theta: Float[ArrayLike, "*batch n n"], Y: Float[ArrayLike, "*batch n k"] | Float[ArrayLike, "*batch n"]
) -> Float[Tensor, "*batch"]:
    r"""$A = \sum_k\sum_i\lambda_i(v_i^\top Y^k)^2$ through `torch.linalg.eigh`, no eigenvalue set to zero.

    Args:
        theta: (..., n, n), symmetric (definite or not).
        Y: (..., n, K) or (..., n), as in `alignment`.

    Returns:
        (...,) in theta's dtype and on its device.

    Raises:
        InputError: As in `alignment`, and theta is not symmetric beyond rounding.
    """
    kernel, labels = as_labels(theta, Y)
    if not is_exact(kernel):
        check_symmetric(kernel)
    eigenvalues, vectors = torch.linalg.eigh(kernel)
    coordinates = torch.transpose(vectors, -1, -2) @ labels
    return (eigenvalues * (coordinates * coordinates).sum(-1)).sum(-1)
