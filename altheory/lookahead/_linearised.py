r"""A network linearised where it is, and trained: eq. (10) at its initialisation, eq. (11) anywhere.

$$f^{lin}(x) = f(x)+\Theta(x,X)\,g(\Theta(X,X))\,(Y-f(X)),\qquad \Theta = J(x)J(x')^\top\text{ at the present parameters},$$

with the filter g of `altheory.lookahead.Converged` and the others. With C logits $\Theta$ has C by C entries for every pair of
points. The single-logit approximation puts $\Theta^{(c)}\otimes I_C$ in its place, exact where only the last layer is trained.

Source: Mohamadi, Bae, Sutherland (2022), eq. (10), (11) and "Efficient computation"; step by step:
`altheory.training.linearised`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError
from altheory.lookahead._filters import Converged, Filter
from altheory.lookahead._pools import one_hot
from altheory.networks import TwoLayerNet
from altheory.training._kernel_form import Space

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike


def linearised_outputs(
    net: Any,
    X: Float[ArrayLike, "n d"],
    Y: Float[ArrayLike, "n C"] | Int[ArrayLike, " n"],
    X_test: Float[ArrayLike, "m d"],
    *,
    logit: int | str = "pairs",
    how: Filter | None = None,
) -> Float[Tensor, "m C"]:
    r"""The outputs of the network's linearisation after training on X.

    Args:
        net: An `altheory.TwoLayerNet`, `altheory.modules.ModuleNet` or module, at the parameters where it is linearised.
        X: (n, d) points to train on.
        Y: (n, C) labels, or (n,) classes.
        X_test: (m, d) points to predict at.
        logit: "pairs" for the kernel of all pairs of logits, (nC)^2 numbers; the number of the logit whose kernel stands for
            all; or "mean", the mean of all logits' kernels.
        how: The filter; `Converged()` by default.

    Returns:
        (m, C).

    Raises:
        InputError: Points or labels that do not fit the network, or no such logit.
    """
    from altheory import kernels
    from altheory.modules._adapter import as_module_net

    model = net if isinstance(net, TwoLayerNet) else as_module_net(net)
    points, test = model.check_points("X", X).detach(), model.check_points("X_test", X_test).detach()
    rule = Converged() if how is None else how
    with torch.no_grad():
        f, f_test = model(points), model(test)
        C = f.shape[1]
        known = logit in ("pairs", "mean") if isinstance(logit, str) else not isinstance(logit, bool) and logit in range(C)
        if not known:
            raise InputError(f"`logit` is {logit!r} but 'pairs', 'mean' or a number from 0 to {C - 1} is wanted; pass one.")
        labels = one_hot("Y", Y, C, f)
        if labels.shape != f.shape:
            raise InputError(f"`Y` has shape {tuple(labels.shape)} but {tuple(f.shape)} is wanted; pass one row a point.")
        space = Space(len(points), C, logit == "pairs")
        inside: Any = kernels.empirical(model, points, outputs=logit)
        across: Any = kernels.empirical(model, test, points, outputs=logit)
        pull = rule.pull(space.matrix(inside)) @ space.columns(labels - f)
        return f_test + space.outputs_of(space.matrix(across) @ pull)
