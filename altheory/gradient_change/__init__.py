r"""How a gradient changes: along one gradient step, and when one more sample joins the training loss.

Two questions. Gradient descent takes one step on f: by how much can $|\nabla f|$ grow? A model is trained on F, then on
$F+l$: by how much can $|\nabla l|$, the gradient of the added loss, grow from the first minimiser to the second? For each
class of functions there is a sharp constant (`_constants`), an instance that attains it (`_instances`), and a semidefinite
program that finds it without knowing it (`performance_estimation`). All constants are about squared norms, which keeps
them rational; of the norms themselves they are the squares.

Source: Wang et al., "Boosting Active Learning via Improving Test Performance", eq. (5) and appendix A.1, states the two
questions; the constants are own derivations.
"""

from altheory.gradient_change._added_sample import (
    added_logits,
    gradient_after,
    residuals_after,
    softmax_growth,
)
from altheory.gradient_change._constants import (
    growth_smooth,
    growth_smooth_loss,
    growth_softmax,
    step_factor,
    step_factor_printed,
)
from altheory.gradient_change._instances import (
    ball_gap,
    secant,
    sloped,
    turned,
    worst_for_smooth,
    worst_for_smooth_loss,
)
from altheory.gradient_change._performance_estimation import largest_growth, largest_step_factor
from altheory.gradient_change._polynomials import RidgePolynomial

__all__ = [
    "RidgePolynomial",
    "added_logits",
    "ball_gap",
    "gradient_after",
    "growth_smooth",
    "growth_smooth_loss",
    "growth_softmax",
    "largest_growth",
    "largest_step_factor",
    "residuals_after",
    "secant",
    "sloped",
    "softmax_growth",
    "step_factor",
    "step_factor_printed",
    "turned",
    "worst_for_smooth",
    "worst_for_smooth_loss",
]
