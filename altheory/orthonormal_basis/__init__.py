r"""How far a function class can peak, how many functions span it, and sampling from a basis of it.

For a class F of functions on a finite support with masses p, in reading order:

- the condition number $K = \sup_{f\in F}\max_i f(x_i)^2/\mathrm{E}f^2$: of a linear span (by leverage, `condition_number`), and
  of two-layer networks, which are no linear span (`isolating_neuron`, `ascend_condition_number`);
- orthonormal and $\rho$-nearly orthonormal bases, and what $\rho$ says of norms (`orthonormal_basis`, `gershgorin_bounds`);
- importance sampling from such a basis (`alpha_condition_number`, `leverage_distribution`);
- how many functions a basis needs: the exact rank of features (`feature_rank`), widths (`circle_width_squared`);
- the largest C-th derivative of an activation (`derivative_supremum`), in balls that contain it.

A function enters as the vector of its values on the support: n points, masses p (..., n) that sum to one, D functions as the
columns of V (..., n, D). Arrays are batched, differentiable where the mathematics is, and may be exact.

Source: "Sample Complexity of Deep Active Learning", definitions 3.3, 5.1, 5.4; Chen and Price (2019), arXiv:1711.10051.
"""

from altheory.orthonormal_basis._basis import (
    correlation,
    equicorrelated,
    gershgorin_bounds,
    gram,
    normalised,
    orthonormal_basis,
    printed_factor,
    spanning_basis,
)
from altheory.orthonormal_basis._condition import (
    condition_number,
    extremal_functions,
    leverage,
    maximiser,
    peak_ratio,
    pointwise_ratio,
)
from altheory.orthonormal_basis._derivatives import derivative_range, derivative_supremum, taylor_order
from altheory.orthonormal_basis._importance import (
    alpha_condition_number,
    leverage_distribution,
    mean_of_supremum,
    mean_ratio,
    supremum_of_mean,
    weighted_condition_number,
)
from altheory.orthonormal_basis._networks import Isolation, ascend_condition_number, isolating_neuron, network_values
from altheory.orthonormal_basis._ranks import PRIME, feature_rank, forms_dimension, polynomials_dimension
from altheory.orthonormal_basis._widths import average_width_squared, circle_width_squared, shift_width_squared

__all__ = [
    "PRIME",
    "Isolation",
    "alpha_condition_number",
    "ascend_condition_number",
    "average_width_squared",
    "circle_width_squared",
    "condition_number",
    "correlation",
    "derivative_range",
    "derivative_supremum",
    "equicorrelated",
    "extremal_functions",
    "feature_rank",
    "forms_dimension",
    "gershgorin_bounds",
    "gram",
    "isolating_neuron",
    "leverage",
    "leverage_distribution",
    "maximiser",
    "mean_of_supremum",
    "mean_ratio",
    "network_values",
    "normalised",
    "orthonormal_basis",
    "peak_ratio",
    "pointwise_ratio",
    "polynomials_dimension",
    "printed_factor",
    "shift_width_squared",
    "spanning_basis",
    "supremum_of_mean",
    "taylor_order",
    "weighted_condition_number",
]
