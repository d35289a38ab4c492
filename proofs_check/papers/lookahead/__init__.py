"""Look-ahead: Mohamadi, Bae, Sutherland, "Making Look-Ahead Active Learning Strategies Feasible with Neural Tangent Kernels".

Retraining on one more label approximated by the empirical neural tangent kernel, and the queries built on it.
"""

#: the modules in the paper's order
ORDER = (
    # section 3 and appendix A: training in turn
    "eq4", "eq5", "eq6", "theorem31", "theorem31_needs", "ridge", "remark_a1", "eq16", "eq24", "eq27", "eq10",
)  # fmt: skip

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
    (r"$f_t^{lin}$", "al.training.linearised", "(m, C)", "the network linearised where training starts, after t steps"),
    (r"$\Theta_t$", "al.kernels.empirical", "(m, m)", "empirical tangent kernel after t steps"),
    (r"$\Theta^{(1)}$", "al.kernels.empirical(outputs=0)", "(m, m)", "tangent kernel of the first logit"),
    (r"$n$", "width", "integer", "neurons of the hidden layer"),
    (r"$\mathcal{K}$", "K", "(n, n)", "kernel of all points, the last of them x; of the training points alone: K[:, X, X]"),
    (r"$\Theta_0$", "J @ J.mT", "(n, n)", "empirical tangent kernel, J the gradients of the outputs at the start"),
    (r"$\phi_t$", "al.lookahead.Flow(t).pull", "(n, n)", "integral of exp(-s K) from 0 to t: K^-1 (I - exp(-t K))"),
    (r"$\mathcal{K}^+$", "al.lookahead.Converged().pull", "(n, n)", "pseudo-inverse: the pull of training to the end"),
    (r"$S_1 \subset \dots \subset S_C$", "stages", "", "sets trained on, one after the other"),
    (r"$f_{S_{1,\dots,C}},\ f_{S_C}$", "warm, cold", "(n,)", "trained in turn; trained on the last set alone"),
    (r"$a$", "a", "(n,)", "what the earlier stages have learnt: f_warm - f_0 = K(., X) a"),
    (r"$d$", "d", "(n,)", "training direction: dual of the derivative of the cost, 2 (f - y)"),
    (r"$p^{in}$", "inner", "", "uniform law on the N points; inner product of functions on them"),
    (r"$C(f)$", "cost", "scalar", "mean of the squared errors (appendix A); section 3 has half their sum"),
]  # fmt: skip
