"""Inner products of the examples' gradients of a two-layer network, without the gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altheory._inputs import InputError, as_tensor
from altheory.networks import TwoLayerNet

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

_BLOCK_BYTES = 1 << 25


def gradient_gram(net: TwoLayerNet, X: Float[ArrayLike, "n d"], d: Float[ArrayLike, "n k"]) -> Float[Tensor, "n n"]:
    r"""$\langle g_x,g_{x'}\rangle$ for $g_x = \sum_id^i(x)\nabla f^i(x)$, in closed form and in blocks of neurons:

    $$\langle g_x,g_{x'}\rangle = \frac{\langle x,x'\rangle}{m}\sum_r b_r(x)\,b_r(x')
      \;\bigl[+\;\frac{\langle d(x),d(x')\rangle}{m}\sum_r\phi(w_r\cdot x)\,\phi(w_r\cdot x')\bigr],\qquad
      b_r(x) = \phi'(w_r\cdot x)\sum_ia_{ri}d^i(x),$$

    the second term where the output layer is trained. Memory $O(n^2)$; the n x p gradients would be d times the width.

    Args:
        net: The network.
        X: (n, d) inputs.
        d: (n, K) slopes of the loss in the outputs, e.g. from `residual`.

    Returns:
        (n, n) Gram matrix.

    Raises:
        InputError: X or d does not fit the network.
    """
    if not isinstance(net, TwoLayerNet):
        raise InputError(f"`net` is a {type(net).__name__} but a TwoLayerNet is wanted; for others use `network_gradients`.")
    X = net.check_points("X", X)
    d = as_tensor("d", d, ndim=2, layout="(n, K)", like=("X", X))
    if tuple(d.shape) != (len(X), net.outputs):
        raise InputError(f"`d` has shape {tuple(d.shape)} but {(len(X), net.outputs)} is wanted; pass one row for every input.")
    first = X.new_zeros(len(X), len(X))
    output = X.new_zeros(len(X), len(X))
    for W, a in net.blocks(max(1, _BLOCK_BYTES // (8 * len(X)))):
        z = X @ W.T
        b = net.activation.derivative(z) * (d @ a.T)
        first += b @ b.T
        if net.train_output:
            h = net.activation.phi(z)
            output += h @ h.T
    gram: Tensor = (first * (X @ X.T) + output * (d @ d.T)) / net.width
    return (gram + gram.T) / 2
