r"""Training dynamics: how fast the loss falls, and what a query changes about it.

With $d^i(x) = \sigma^i(f(x))-y^i$ (cross-entropy) or $f^i(x)-y^i$ (squared loss), the gradient of one example is
$g_x = \sum_i d^i(x)\nabla f^i(x)$, that of a set is $g_S = \sum_{x\in S}g_x$, and the training dynamics is

$$G(S) = -\frac{1}{\eta}\frac{dL(S)}{dt} = \sum_{ij}d^{i\top}K^{ij}d^j = |g_S|^2,\qquad
K^{ij}(x,x') = \langle\nabla f^i(x),\nabla f^j(x')\rangle .$$

So everything that active learning asks of it is geometry of gradients: a candidate u changes it by
$\Delta(\{u\}|S) = |g_u|^2+2\langle g_u,g_S\rangle$.

Source: "Deep Active Learning by Leveraging Training Dynamics" (dynamicAL, ICLR 2022 submission), sections 3.1 and 3.2.
"""

from altheory.dynamics._gram import gradient_gram
from altheory.dynamics._losses import logit_gradient, loss, loss_change, pseudo_labels, residual
from altheory.dynamics._networks import network_gradients, two_layer, two_layer_jacobian
from altheory.dynamics._routes import (
    by_flow,
    by_gradient,
    by_kernel,
    network_dynamics,
    sample_gradients,
    tangent_kernel,
)
from altheory.dynamics._selection import (
    approximation_ratio,
    change,
    change_of_set,
    criterion,
    cross_terms,
    query_rounds,
    subsets,
    top,
)

__all__ = [
    "approximation_ratio",
    "by_flow",
    "by_gradient",
    "by_kernel",
    "change",
    "change_of_set",
    "criterion",
    "cross_terms",
    "gradient_gram",
    "logit_gradient",
    "loss",
    "loss_change",
    "network_dynamics",
    "network_gradients",
    "pseudo_labels",
    "query_rounds",
    "residual",
    "sample_gradients",
    "subsets",
    "tangent_kernel",
    "top",
    "two_layer",
    "two_layer_jacobian",
]
