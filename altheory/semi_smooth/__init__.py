r"""Semi-smooth losses: how far one step of gradient descent can miss its first-order prediction.

A loss $L \ge 0$ is $(\alpha,\beta)$-smooth if
$$L(y) \le L(x)+\langle\nabla L(x),y-x\rangle+\alpha\sqrt{L(x)}\,|y-x|+\beta|y-x|^2,$$
and its gradients scale as $(\mu,M)$ if $\mu L \le |\nabla L|^2 \le ML$. The term with $\alpha$ admits kinks; it is what
separates relu networks from smooth ones. Here: the two definitions with their consequences for one step, families of losses
that satisfy them with known constants in exact arithmetic, and the expansion of relu layers around a step.

Sources: Allen-Zhu, Li, Song (2019), arXiv:1811.03962; Kong et al., "Relieving the Plateau" (CRC), definitions 1 and 2.
"""

from altheory.semi_smooth._definitions import (
    Constants,
    best_step,
    contraction,
    gradient_bound,
    monotonicity_bound,
    perturbation,
    perturbation_bound,
    step_bound,
    upper_bound,
)
from altheory.semi_smooth._losses import Bowl, Valley
from altheory.semi_smooth._profile import SlopeProfile, bump, huber, kink, root_kink
from altheory.semi_smooth._relu_layers import Layers, forward, layer_gradients, propagators, relu_expansion

__all__ = [
    "Bowl",
    "Constants",
    "Layers",
    "SlopeProfile",
    "Valley",
    "best_step",
    "bump",
    "contraction",
    "forward",
    "gradient_bound",
    "huber",
    "kink",
    "layer_gradients",
    "monotonicity_bound",
    "perturbation",
    "perturbation_bound",
    "propagators",
    "relu_expansion",
    "root_kink",
    "step_bound",
    "upper_bound",
]
