r"""Look-ahead active learning: what a model becomes when one more point is labelled, without training it.

    ahead = al.lookahead.from_network(net, X_labelled, y, X_pool)     # or from_kernels, from_jacobian, from_operator
    al.lookahead.most_likely_change(ahead)                            # MLMOC of every candidate
    al.lookahead.expected_change(ahead, al.lookahead.class_probabilities(ahead.F))             # EMOC
    order, later = al.lookahead.sequential(ahead, 20)                 # twenty queries, one after the other
    al.lookahead.mlmoc(K_L, K_UL, K_U, Y, F_L, F_U)                   # the same from kernels, in one call

One new point by its formulas: `block_update`, `linear_fit`, `schur`. Training in turn under a fixed kernel: `train`,
`train_in_turn`, `warm_start_gap`, each with a filter `Flow`, `Descent`, `Converged` or `Ridge`. All of these take batches,
gradients and exact arithmetic.

Source: "Making Look-Ahead Active Learning Strategies Feasible with Neural Tangent Kernels" (Mohamadi, Bae, Sutherland, 2022).
"""

from altheory.lookahead._block import Schur, augmented, block_update, linear_fit, printed_block_update, schur
from altheory.lookahead._candidates import LookAhead
from altheory.lookahead._filters import Converged, Descent, Filter, Flow, Ridge
from altheory.lookahead._gaps import (
    badge_length,
    class_probabilities,
    emoc_over_mlmoc,
    expected_gradient_length,
    gradient_lengths,
    label_gaps,
)
from altheory.lookahead._information import (
    conditional_entropies,
    entropy,
    joint_entropy,
    marginal,
    mutual_information,
)
from altheory.lookahead._linearised import linearised_outputs
from altheory.lookahead._operations import listed_naive_operations, listed_operations, naive_operations, operations
from altheory.lookahead._pools import from_jacobian, from_kernels, from_network, one_hot
from altheory.lookahead._products import from_operator
from altheory.lookahead._retraining import retrained_change, sgd
from altheory.lookahead._rounding import projection_error, schur_error
from altheory.lookahead._scores import (
    changes_by_label,
    expected_change,
    expected_error_reduction,
    mlmoc,
    most_likely_change,
    one_step_change,
    sequential,
)
from altheory.lookahead._training import pull, train, train_in_turn, warm_start_gap, warm_start_gap_bound

__all__ = [
    "Converged",
    "Descent",
    "Filter",
    "Flow",
    "LookAhead",
    "Ridge",
    "Schur",
    "augmented",
    "badge_length",
    "block_update",
    "changes_by_label",
    "class_probabilities",
    "conditional_entropies",
    "emoc_over_mlmoc",
    "entropy",
    "expected_change",
    "expected_error_reduction",
    "expected_gradient_length",
    "from_jacobian",
    "from_kernels",
    "from_network",
    "from_operator",
    "gradient_lengths",
    "joint_entropy",
    "label_gaps",
    "linear_fit",
    "linearised_outputs",
    "listed_naive_operations",
    "listed_operations",
    "marginal",
    "mlmoc",
    "most_likely_change",
    "mutual_information",
    "naive_operations",
    "one_hot",
    "one_step_change",
    "operations",
    "printed_block_update",
    "projection_error",
    "pull",
    "retrained_change",
    "schur",
    "schur_error",
    "sequential",
    "sgd",
    "train",
    "train_in_turn",
    "warm_start_gap",
    "warm_start_gap_bound",
]
