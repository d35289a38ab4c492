"""CRC: Kong et al., "Relieving the Plateau: Active Semi-Supervised Learning for a Better Landscape".

Convergence through the smallest eigenvalue of the Gram matrix, and the query that keeps it large.
"""

#: the modules in the paper's order
ORDER = (
    # section 2.1 and 2.2: the flow, Lemma 1 and its proof
    "section21", "flow", "transient", "lemma1", "lemma1_proof", "lemma1_proof_end", "lemma1_exact", "eps_bound",
    "time_independent",
    # section 2.3 and appendix A: semi-smooth losses, Lemma 2, Theorem 1
    "definition1", "definition2", "proposition1", "condition1", "lemma2", "lemma2_sharp", "eq16", "proposition4",
    "proposition6", "theorem1", "wide_landscape",
    # section 2.4: the Hessian
    "eq8",
    # section 3: the query
    "eq9", "conditioning", "trace_proxy", "trace_width", "figure1", "algorithm1", "proposition2", "remark1", "repeated_digits",
    "complexity", "section33",
    # section 4 and appendix B: the experiments
    "table1", "table2", "tables", "appendix_b1", "figure2", "figure3a", "figure3b", "figure3b_digits",
)  # fmt: skip

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
    (r"$\alpha,\beta$", "Constants.alpha, .beta", "scalars", "constants of semi-smoothness (definition 1)"),
    (r"$\mu,M$", "Constants.mu, .M", "scalars", "scale of the gradients: mu L <= |grad L|^2 <= M L (definition 2)"),
    (r"$G$", "Step.scale", "scalar", "squared length of the gradient over the loss, |grad L|^2 / L"),
    (r"$\xi_t$", "al.semi_smooth.perturbation", "scalar", "first-order remainder of a step, L_{t+1} - L_t + eta |grad L_t|^2"),
    (r"$s, u$", "al.semi_smooth.SlopeProfile", "", "function of one variable with a piecewise linear slope"),
    (r"$L = (s(x)+bz)^2$", "al.semi_smooth.Valley", "", "squared loss of a model with two parameters x, z and label 0"),
    (r"$w$", "w", "scalar", "width over which a kink is rounded"),
    (r"$g^l, h^l$", "al.semi_smooth.forward", "(n, d)", "values of layer l before and after the activation"),
    (r"$D^l, \tilde D^l$", "al.semi_smooth.relu_expansion", "(d,)", "activation pattern of layer l, its change over a step"),
    (r"$X_L, X_U, X_u$", "labelled, pool, chosen", "", "labelled set, pool, query"),
    (r"$Q, G$", "count, group_size", "integers", "how many points are queried, and how many are in a group"),
    (r"$\hat K$", "al.conditioning.block_matrix", "(n C, n C)", "kernel of C outputs, row iC + c for output c at point i"),
    (r"$\tilde K$", "al.conditioning.trace_proxy", "(n, n)", "its trace over outputs, the sum over c of K_cc"),
    (r"$\hat K^{(l)}$", "al.conditioning.layer_grams", "(L, n, n)", "kernels of the layers, which sum to the kernel"),
    (r"$\lambda_{\min}$", "al.conditioning.smallest_eigenvalue", "scalar", "smallest eigenvalue, the objective of eq. (9)"),
    (r"$\lambda_{\min}^+$", "al.conditioning.smallest_positive_eigenvalue", "scalar", "smallest positive one, by a rank rule"),
    (r"$s(\cdot)$", "al.acquisition.Query.scores", "(groups,)", "the groups' scores in Algorithm 1"),
    (r"$e_t$", "e, Step.residual", "(n,)", "residual, y - f; the paper's e"),
    (r"$c$", "c", "scalar", "normalisation of the loss, L = c |e|^2: 1/2 in eq. (1), 1 in eq. (12), 1/n for the mean"),
    (r"$L_t$", "Step.loss", "scalar", "loss before the step"),
    (r"$J$", "J", "(n, p)", "gradients of the outputs, one a row"),
    (r"$K_t$", "Step.kernel", "(n, n)", "empirical tangent kernel, J J'"),
    (r"$Q$", "Q", "(n, p, p)", "second derivatives of the outputs, one matrix an output"),
    (r"$h(\gamma)$", "QuadraticModel.moved", "(n,)", "outputs at theta_t - gamma grad L_t"),
    (r"$\xi_t$", "Step.xi", "scalar", "integral of grad L_t' (grad L_t - grad L(theta_t - gamma grad L_t))"),
    (r"$\varepsilon_t$", "Step.eps", "scalar", "half the squared change of the outputs"),
    (r"$b$", "Step.bend", "(n,)", "integral of h'(gamma) - h'(0)"),
    (r"$H$", "_bend(Q)", "scalar", "largest spectral norm of the second derivatives"),
    (r"$T$", "al.convergence.steps_to", "integers", "steps until the squared error is a share p of its start"),
    (r"$p$", "share; p", "scalar", "that share; or the p-value of a test (al.significance)"),
    (r"$\omega$", "weight", "scalar", "weight of the consistency term of the Pi-model (al.semi_supervised.pi_model)"),
]  # fmt: skip
