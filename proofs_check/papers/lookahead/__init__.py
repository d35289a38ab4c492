"""Look-ahead: Mohamadi, Bae, Sutherland, "Making Look-Ahead Active Learning Strategies Feasible with Neural Tangent Kernels".

Retraining on one more label approximated by the empirical neural tangent kernel, and the queries built on it.
"""

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
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
