r"""The neural tangent kernel of an infinitely wide two-layer network, in closed form.

For $w\sim N(0,I)$ and $f(x) = m^{-1/2}\sum_r a_r\phi(w_r\cdot x)$ the kernel is

- first layer trained: $K(x,z) = \langle x,z\rangle\,E[\phi'(w\cdot x)\phi'(w\cdot z)]$;
- both layers trained: the same plus $E[\phi(w\cdot x)\phi(w\cdot z)]$.

With $\theta$ the angle between x and z:

- relu: $E[\phi'\phi'] = (\pi-\theta)/(2\pi)$ and
  $E[\phi\phi] = |x||z|(\sin\theta+(\pi-\theta)\cos\theta)/(2\pi)$ (Cho, Saul, NeurIPS 2009, orders 0 and 1);
- erf: with $D = (1+2|x|^2)(1+2|z|^2)-4\langle x,z\rangle^2$, $E[\phi'\phi'] = (4/\pi)D^{-1/2}$ and
  $E[\phi\phi] = (2/\pi)\arcsin\bigl(2\langle x,z\rangle/\sqrt{(1+2|x|^2)(1+2|z|^2)}\bigr)$
  (Williams, NeurIPS 1996).

Both are evaluated from chords (`altheory.kernels._chords`): $D = 1+2|x|^2+2|z|^2+(2|x||z|\sin\theta)^2$ is a
sum of positive terms, and the arcsine is $\mathrm{atan2}(2\langle x,z\rangle,\sqrt D)$.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from altheory import activations
from altheory._inputs import InputError, as_tensor, is_exact
from altheory.kernels._chords import chords

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


def analytic(
    X: Float[ArrayLike, "*batch n d"],
    X2: Float[ArrayLike, "*batch m d"] | None = None,
    activation: str = "relu",
    train_output: bool = False,
) -> Float[Tensor, "*batch n m"]:
    r"""The infinite-width kernel matrix $K(x_i, z_j)$ of a two-layer network; formulas above.

    Accuracy: relative error of a few $\varepsilon$ on the diagonal, for near-duplicates and for
    near-antipodal pairs (down to angles of about 1e-9 in float64), away from pairs with $\langle x,z\rangle$
    near 0, where the error is a few $\varepsilon|x||z|$. A zero vector has $\langle x,z\rangle = 0$ and
    $\phi(w\cdot x) = 0$, so its row and column are exactly 0 for both activations; no angle is needed.

    Args:
        X: (..., n, d) points.
        X2: (..., m, d) points with the same batch, d, dtype and device; X itself when None, and then the
            result is exactly symmetric.
        activation: `"relu"` or `"erf"`.
        train_output: Whether the output layer is trained too.

    Returns:
        (..., n, m) tensor in X's dtype and on its device.

    Raises:
        InputError: Points that are not finite, of different dimension, batch, dtype or device; an unknown
            activation.
    """
    activations.get(activation)
    X = as_tensor("X", X, min_ndim=2, layout="(..., n, d)")
    Z = X if X2 is None else as_tensor("X2", X2, min_ndim=2, layout="(..., m, d)", like=("X", X))
    if is_exact(X) or is_exact(Z):
        return _exact(X, Z, activation, train_output)
    if Z.shape[-1] != X.shape[-1] or Z.shape[:-2] != X.shape[:-2]:
        raise InputError(
            f"`X2` has shape {tuple(Z.shape)} but `X` has shape {tuple(X.shape)}; "
            "pass (..., n, d) and (..., m, d) with the same batch and the same d."
        )
    inner = X @ Z.mT
    minus, plus = chords(X, Z)
    norms = torch.linalg.vector_norm(X, dim=-1)[..., :, None] * torch.linalg.vector_norm(Z, dim=-1)[..., None, :]
    if activation == "relu":
        # pi / (2 pi) is exactly 1/2 in floating point, so the diagonal is |x|^2 / 2.
        K = inner * (2 * torch.atan2(plus, minus) / (2 * math.pi))
        if train_output:
            K = 2 * K + norms * (minus * plus) / (4 * math.pi)
    else:
        squares = (X * X).sum(-1)[..., :, None] + (Z * Z).sum(-1)[..., None, :]
        root = torch.hypot(torch.sqrt(1 + 2 * squares), norms * (minus * plus))
        K = inner * (4 / math.pi / root)
        if train_output:
            K = K + 2 / math.pi * torch.atan2(2 * inner, root)
    return (K + K.mT) / 2 if X2 is None else K


def _exact(X: Any, Z: Any, activation: str, train_output: bool) -> Any:
    r"""The same kernel for exact or ball arithmetic.

    There nothing cancels, and rational points give a rational Gram determinant $g = |x|^2|z|^2-\langle
    x,z\rangle^2$, exactly 0 for parallel points; $\pi-\theta = \mathrm{atan2}(\sqrt g,-\langle x,z\rangle)$.
    Even $\pi$ is asked of the array, as $\arccos(-1)$, because `math.pi` is not $\pi$.
    """
    inner = X @ torch.transpose(Z, -1, -2)
    x2, z2 = (X * X).sum(-1)[..., :, None], (Z * Z).sum(-1)[..., None, :]
    gram = x2 * z2 - inner * inner
    pi = torch.acos(-torch.ones_like(inner))
    if activation == "relu":
        sine, supplement = torch.sqrt(gram), torch.atan2(torch.sqrt(gram), -inner)
        K = inner * supplement / (2 * pi)
        return 2 * K + sine / (2 * pi) if train_output else K
    root = torch.sqrt(1 + 2 * x2 + 2 * z2 + 4 * gram)
    K = 4 * inner / (pi * root)
    return K + 2 * torch.atan2(2 * inner, root) / pi if train_output else K
