"""Look-ahead: Mohamadi, Bae, Sutherland, "Making Look-Ahead Active Learning Strategies Feasible with Neural Tangent Kernels".

Retraining on one more label approximated by the empirical neural tangent kernel, and the queries built on it.
"""

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
    (r"$f_t^{lin}$", "al.training.linearised", "(m, C)", "the network linearised where training starts, after t steps"),
    (r"$\Theta_t$", "al.kernels.empirical", "(m, m)", "empirical tangent kernel after t steps"),
    (r"$\Theta^{(1)}$", "al.kernels.empirical(outputs=0)", "(m, m)", "tangent kernel of the first logit"),
    (r"$n$", "width", "integer", "neurons of the hidden layer"),
]  # fmt: skip
