r"""Gradient norms of samples whose label is not known: scores for active learning, and their closed forms.

    net = al.TwoLayerNet(d=64, width=512, outputs=10, train_output=True, seed=0)
    al.gradnorm.entropy_gradnorm(net, X)       # (n,), the paper's score
    al.gradnorm.scores(net, X).egl             # (n,), expected gradient length
    al.gradnorm.true_gradnorm(net, X, Y)       # (n,), with labels

A network is a `TwoLayerNet`, a `TwoLayer` (explicit weights and biases, batched), both in closed form; or any
`torch.nn.Module`.

Source: Wang, Li, Yang, Hu, Zeng, Huang, Xu, Xu, "Boosting Active Learning via Improving Test Performance" (AAAI 2022).
"""

from altheory.gradnorm._layers import TwoLayer
from altheory.gradnorm._logits import (
    class_losses,
    class_slopes,
    cross_entropy_slope,
    entropy,
    entropy_hessian,
    entropy_slope,
    expected_loss,
    expected_slope,
    fisher,
    fisher_root,
    log_posterior,
    posterior,
    varentropy,
)
from altheory.gradnorm._operations import backward_operations, closed_operations, labelings
from altheory.gradnorm._scores import (
    Network,
    Scores,
    class_gradnorms,
    cross_products,
    egl,
    egl2,
    entropy_gradnorm,
    expected_gradnorm,
    logits,
    output_gram,
    scores,
    slope_norms,
    true_gradnorm,
)

__all__ = [
    "Network",
    "Scores",
    "TwoLayer",
    "backward_operations",
    "class_gradnorms",
    "class_losses",
    "class_slopes",
    "closed_operations",
    "cross_entropy_slope",
    "cross_products",
    "egl",
    "egl2",
    "entropy",
    "entropy_gradnorm",
    "entropy_hessian",
    "entropy_slope",
    "expected_gradnorm",
    "expected_loss",
    "expected_slope",
    "fisher",
    "fisher_root",
    "labelings",
    "log_posterior",
    "logits",
    "output_gram",
    "posterior",
    "scores",
    "slope_norms",
    "true_gradnorm",
    "varentropy",
]
