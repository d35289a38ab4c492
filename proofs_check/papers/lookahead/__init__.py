"""Look-ahead: Mohamadi, Bae, Sutherland, "Making Look-Ahead Active Learning Strategies Feasible with Neural Tangent Kernels".

Retraining on one more label approximated by the empirical neural tangent kernel, and the queries built on it.
"""

#: the modules in the paper's order
ORDER = (
    # section 2: acquisition functions
    "acquisition", "error_reduction",
    # section 3.1 and appendix A: training in turn
    "eq4", "eq5", "eq6", "theorem31", "theorem31_needs", "ridge", "remark_a1", "eq16", "eq24", "eq27",
    # section 3.2: linearised networks, all logits at once
    "eq9", "eq9_rates", "eq10", "eq11", "single_logit", "warm_start_digits",
    # section 3.3 and 3.4: one more label, the query and its cost
    "block_update", "near_duplicates", "most_likely_change", "most_likely_label", "algorithm1", "complexity", "solvers",
    # section 4: the experiments
    "figure1", "figure2", "figure3", "figure5",
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
    (r"$A(x,f_L,L,U)$", "scores", "(U,)", "acquisition function: EER (eq. 2), EMOC (eq. 3), MLMOC (eq. 13)"),
    (r"$\Theta(X,X)$", "M[:n, :n], K", "(L, L)", "kernel of the labelled points; M is that of all points, the pool last"),
    (r"$v$", "Schur.v", "(L,)", "K^+ k, k the kernel of the labelled points with the candidate (eq. 12)"),
    (r"$u$", "Schur.u, LookAhead.u", "scalar", "squared distance of the candidate's gradient from the labelled ones' span"),
    (r"$S$", "LookAhead.S", "(U, U)", "posterior covariance of the pool, Theta_UU - Theta_UL Theta_LL^+ Theta_LU"),
    (r"$G$", "LookAhead.G", "(U, C)", "what the model lacks of the linear one trained on L, f_L^lin - f_L"),
    (r"$H$", "LookAhead.H", "(U, C)", "outputs of the linear model trained on L, f_L^lin"),
    (r"$A_{x,x'}$", "LookAhead.gains()", "(U, U)", "S(x, x') / u(x'): what a unit of label at x' moves at x"),
    (r"$r, \rho$", "r, rho", "(L,), scalar", "residuals Y - f_L(X) and y' - f_L(x')"),
    (r"$\rho$ (EMOC)", "al.lookahead.emoc_over_mlmoc", "scalar", "EMOC over MLMOC of a converged model"),
]  # fmt: skip
