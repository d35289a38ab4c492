r"""The kernels of infinitely wide two-layer networks.

For $w\sim N(0,I)$ and $f(x) = m^{-1/2}\sum_r a_r\phi(w_r\cdot x)$ the neural tangent kernel is

- first layer trained: $K(x,z) = \langle x,z\rangle\,E[\phi'(w\cdot x)\phi'(w\cdot z)]$;
- both layers trained: the same plus $E[\phi(w\cdot x)\phi(w\cdot z)]$, the kernel of the network as a Gaussian
  process (NNGP), which is the tangent kernel of the output layer alone.

relu and its powers, erf, sin and polynomials have closed forms (`altheory.kernels._closed_forms`); every other smooth
activation is expanded in Hermite polynomials, with its convergence checked (`altheory.kernels._hermite`).

Large matrices are computed tile by tile from sliced inner products (`altheory.kernels._inner`), small and batched ones,
and whatever a gradient is asked of, from chords (`altheory.kernels._chords`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from altheory import activations
from altheory._inputs import InputError, as_tensor, is_exact
from altheory.kernels._chords import ChordPairs
from altheory.kernels._closed_forms import closed_forms, derivative, polynomial_moment
from altheory.kernels._fused import relu_tile
from altheory.kernels._hermite import HermiteMoment
from altheory.kernels._tiles import tiled

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.activations import Activation
    from altheory.kernels._pairs import Pairs

    Moment = Callable[[Pairs], Tensor]

_LARGE = 64 * 64  # entries from which a matrix is computed tile by tile


def analytic(
    X: Float[ArrayLike, "*batch n d"],
    X2: Float[ArrayLike, "*batch m d"] | None = None,
    activation: str | Activation = "relu",
    train_output: bool = False,
) -> Float[Tensor, "*batch n m"]:
    r"""The infinite-width tangent kernel $K(x_i, z_j)$ of a two-layer network.

    $\langle x,z\rangle E[\phi'(w\cdot x)\phi'(w\cdot z)]$, plus $E[\phi(w\cdot x)\phi(w\cdot z)]$ with `train_output`.

    Accuracy, measured against 80 digits (float64; random points, norms from 1e-8 to 1e8, near-duplicates, near-antipodes
    and nearly orthogonal pairs at distances down to 1e-11; d = 2, 64, 300):

    - n m >= 4096 and no gradient: every entry within 7 units in the last place (ulp) for relu, erf and the first layer of
      relu powers. With `train_output`, relu has a zero near $\theta = 113^\circ$, and entries beside it keep an error of
      5 ulp of $|x||z|$; sin loses about $|x\mp z|^2/4$ ulp to the exponential; polynomials keep a few, Hermite expansions
      about 100 ulp of the root of the two diagonal entries (they refuse rather than return less). float32 points are
      computed in float64 and rounded once more.
    - smaller, batched, or differentiated: a few tens of ulp (of that dtype) for pairs of angle 1e-9 to
      $\pi$ - 1e-6, except that $\langle x,z\rangle$ itself has an error of a few ulp of $|x||z|$.

    A zero vector has $\langle x,z\rangle = 0$ and, where $\phi(0) = 0$, a row and column of exact zeros.

    Args:
        X: (..., n, d) points.
        X2: (..., m, d) points with the same batch, d, dtype and device; X itself when None, and then the
            result is exactly symmetric.
        activation: A name of `altheory.activations`, or an `Activation`.
        train_output: Whether the output layer is trained too.

    Returns:
        (..., n, m) tensor in X's dtype and on its device.

    Raises:
        InputError: Points that are not finite, of different dimension, batch, dtype or device; an unknown
            activation, one without a derivative, or one that is neither in closed form nor smooth.
    """
    chosen = activations.get(activation)

    def kernel(pairs: Pairs, slope: Moment, value: Moment) -> Tensor:
        K = pairs.inner * slope(pairs)
        return K + value(pairs) if train_output else K

    return _matrix(X, X2, chosen, kernel, slope=True, value=train_output)


def nngp(
    X: Float[ArrayLike, "*batch n d"],
    X2: Float[ArrayLike, "*batch m d"] | None = None,
    activation: str | Activation = "relu",
) -> Float[Tensor, "*batch n m"]:
    r"""The covariance $E[\phi(w\cdot x_i)\phi(w\cdot z_j)]$ of an infinitely wide two-layer network at initialisation.

    Args:
        X: (..., n, d) points.
        X2: (..., m, d) points with the same batch, d, dtype and device; X itself when None, and then the
            result is exactly symmetric.
        activation: A name of `altheory.activations`, or an `Activation`.

    Returns:
        (..., n, m) tensor in X's dtype and on its device; accuracy as for `analytic`.

    Raises:
        InputError: As `analytic`; no derivative is needed.
    """
    return _matrix(X, X2, activations.get(activation), lambda pairs, slope, value: value(pairs), slope=False, value=True)


def _matrix(
    X: Any,
    X2: Any,
    activation: Activation,
    kernel: Callable[[Pairs, Moment, Moment], Tensor],
    *,
    slope: bool,
    value: bool,
) -> Any:
    """The matrix of `kernel` over all pairs, by the way that fits the arguments; it uses `slope`, `value` or both."""
    X = as_tensor("X", X, min_ndim=2, layout="(..., n, d)")
    Z = X if X2 is None else as_tensor("X2", X2, min_ndim=2, layout="(..., m, d)", like=("X", X))
    if is_exact(X) or is_exact(Z):
        return _exact(X, Z, activation, slope, value)
    if Z.shape[-1] != X.shape[-1] or Z.shape[:-2] != X.shape[:-2]:
        raise InputError(
            f"`X2` has shape {tuple(Z.shape)} but `X` has shape {tuple(X.shape)}; "
            "pass (..., n, d) and (..., m, d) with the same batch and the same d."
        )
    forms = closed_forms(activation)
    if slope and activation.dphi is None and forms is None:
        activation.derivative(X)  # refuses
    if forms is None and activation.kinks:
        raise InputError(
            f"activation {activation.name!r} has kinks at {activation.kinks} but a smooth one is wanted where there is no "
            "closed form; pass 'relu', `activations.relu_power(q)` or a smooth activation."
        )
    same = X2 is None

    def begin(r: Tensor, s: Tensor) -> Callable[[Pairs], Tensor]:
        if forms is not None:
            return lambda pairs: kernel(pairs, *forms)
        unused: Any = None
        f_slope: Any = HermiteMoment(activation.name, activation.derivative, r, s, same) if slope else unused
        f_value: Any = HermiteMoment(activation.name, activation.phi, r, s, same) if value else unused
        return lambda pairs: kernel(pairs, f_slope, f_value)

    if X.shape[-2] * Z.shape[-2] >= _LARGE and not _differentiated(X, Z):
        x, z = X.reshape(-1, *X.shape[-2:]), Z.reshape(-1, *Z.shape[-2:])
        fused = (lambda: relu_tile(slope, value)) if activation is activations.get("relu") else None
        members = [tiled(a, b, same, begin, fused) for a, b in zip(x, z)]
        return members[0] if X.ndim == 2 else torch.stack(members).reshape(*X.shape[:-1], Z.shape[-2])
    pairs = ChordPairs(X, Z, same)
    K = begin(pairs.rows[..., 0], pairs.columns[..., 0, :])(pairs)
    return (K + K.mT) / 2 if same else K


def _differentiated(*tensors: Tensor) -> bool:
    """Whether a derivative, backward or forward, is taken through any of these."""
    backward = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    return backward or any(torch.autograd.forward_ad.unpack_dual(t).tangent is not None for t in tensors)


def _exact(X: Any, Z: Any, activation: Activation, slope: bool, value: bool) -> Any:
    r"""The same kernel for exact or ball arithmetic.

    There nothing cancels, and rational points give a rational Gram determinant $g = |x|^2|z|^2-\langle
    x,z\rangle^2$, exactly 0 for parallel points; $\pi-\theta = \mathrm{atan2}(\sqrt g,-\langle x,z\rangle)$.
    Even $\pi$ is asked of the array, as $\arccos(-1)$, because `math.pi` is not $\pi$.
    """
    inner = X @ torch.transpose(Z, -1, -2)
    x2, z2 = (X * X).sum(-1)[..., :, None], (Z * Z).sum(-1)[..., None, :]
    if activation.coefficients:
        phi = [int(c) if c.is_integer() else c for c in activation.coefficients]
        parts = [inner * polynomial_moment(derivative(phi), inner, x2, z2)] if slope else []
        parts += [polynomial_moment(phi, inner, x2, z2)] if value else []
        return sum(parts[1:], start=parts[0])
    if activation not in (activations.get("relu"), activations.get("erf")):
        raise InputError(
            f"activation {activation.name!r} has no formula in exact arithmetic but one of 'relu', 'erf' and "
            "`activations.polynomial` is wanted; pass one of these, or float64 points."
        )
    gram = x2 * z2 - inner * inner
    pi = torch.acos(-torch.ones_like(inner))
    if activation.name == "relu":
        sine, supplement = torch.sqrt(gram), torch.atan2(torch.sqrt(gram), -inner)
        first = inner * supplement / (2 * pi)
        both = 2 * first + sine / (2 * pi)
    else:
        root = torch.sqrt(1 + 2 * x2 + 2 * z2 + 4 * gram)
        first = 4 * inner / (pi * root)
        both = first + 2 * torch.atan2(2 * inner, root) / pi
    return first if not value else both if slope else both - first
