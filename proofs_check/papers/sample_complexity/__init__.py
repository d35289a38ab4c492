"""Sample complexity: "Sample Complexity of Deep Active Learning".

Nearly orthonormal bases of a network's functions, condition numbers, randomized BSS, and training on weighted labels.
"""

#: the modules in the paper's order
ORDER: tuple[str, ...] = (
    # section 3: networks, condition number
    "definition31",
    "assumption32",
    "definition33",
    "definition33_networks",
    # section 4: theorems 4.1 and 4.2
    "theorem41_hypothesis",
    "theorem41_activations",
    "theorem41",
    "theorem41_sine",
    "theorem41_linear",
    "theorem41_rewriting",
    "more_labels",
    "theorem42",
    # section 5.1: nearly orthonormal bases
    "definition51",
    "remark52",
    "claim53",
    "claim53_readings",
    "claim53_start",
    # section 5.2: importance sampling
    "definition54",
    "definition55",
    "theorem57",
    "theorem57_conditional",
    "lemma58",
    "lemma58_potential",
    "lemma58_rounds",
    "lemma58_output",
    "lemma59",
    "algorithm1",
    "composition",
    "complexity",
    # the figure that the paper lacks
    "label_counts",
    "label_rates",
)

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
    # section 3, claim 5.3
    (r"$W, a$", "W, a", "(m, d), (m,)", "weights of the neurons, free; signs of the output layer, fixed in {-1, 1}"),
    (r"$f(W,x)$", "al.orthonormal_basis.network_values", "(n,)", "output, m^(-1/2) times the sum of a_r phi(w_r . x)"),
    (r"$\phi^{(C)}$", "al.orthonormal_basis.derivative_supremum", "scalar", "C-th derivative of the activation; its supremum"),
    (r"$C$", "al.orthonormal_basis.taylor_order", "integer", "10 d + log(1/eps0) / log d, rounded up"),
    (r"$K$", "al.orthonormal_basis.condition_number", "scalar", "condition number: largest f(x)^2 / E f^2 (definition 3.3)"),
    (r"$\tilde d$", "D", "integer", "number of basis functions; printed as at most 10 d + log(1/eps0) / log d"),
    (r"$v_i$", "V", "(n, D)", "basis functions at the n points of the support, one a column"),
    (r"$\rho$", "al.orthonormal_basis.correlation", "scalar", "largest inner product of two basis functions (definition 5.1)"),
    (r"$\alpha(h)$", "alpha", "(D,)", "coefficients of h in the basis"),
    (r"$\varepsilon_0$", "eps0", "scalar", "accuracy of the basis"),
    (r"$N$", "al.orthonormal_basis.forms_dimension", "integer", "dimension of the forms of degree p in d variables"),
    # theorems 4.1, 4.2 and 5.7
    (r"$W^*$", "best_network", "(4,)", "minimiser of the risk; in the counterexample the outputs of one, by its direction"),
    (r"$1+\rho\tilde d$", "load", "scalar", "factor of theorem 4.1, between 1 and 2 where rho is at most 1/d_tilde"),
    (r"$\varepsilon, \varepsilon_0$", "eps, eps0", "scalar", "accuracies of theorem 4.1"),
    (r"$E_{(x,y)}|y-f(W^*,x)|^2$", "noise", "scalar", "what the best function leaves of the labels: bias and noise"),
    (r"$D, D'$ (distributions)", "p, q", "(n,)", "masses of the distribution, and of the draws"),
    (r"$\beta_i$", "total / draws", "scalar", "coefficients of definition 5.5, their sum is total"),
    (r"$E_D[vv^\top]$", "G", "(D, D)", "Gram matrix; the identity for an orthonormal basis"),
    (r"$K_{\alpha,D'}$", "al.orthonormal_basis.alpha_condition_number", "scalar", "alpha-condition number, definition 5.4"),
    (r"$\tilde f$", "al.sparsifier.weighted_regression", "(D,)", "minimiser of the weighted objective, eq. (3)"),
    (
        r"$E\|\tilde f-f\|_D^21_{good}$",
        "al.sparsifier.expected_error",
        "scalar",
        "error on average, bad outputs counted as zero",
    ),
    # lemmas 5.8 and 5.9
    (r"$B, l, u$", "State(B, lower, upper)", "(D, D), scalars", "state of randomized BSS: a matrix between two barriers"),
    (r"$Q$", "al.sparsifier.barrier_matrix", "(D, D)", "(u I - B)^-1 + (B - l I)^-1"),
    (r"$\Phi$", "al.sparsifier.potential", "scalar", "potential, tr Q; its halves are the traces of the two inverses"),
    (r"$q(x)$", "quadratic(V, Q)", "(n,)", "v(x)' Q v(x)"),
    (r"$D_j$", "al.sparsifier.round_law", "(n,)", "law of round j: p q / Phi"),
    (r"$\beta_j$ of BSS", "history.beta", "(k,)", "gamma / (Phi m)"),
    (r"$u_i$", "weights", "(k,)", "weights of the rows: beta_i p(x_i) / D_i(x_i)"),
    (r"$\gamma$", "gamma", "scalar", "step of randomized BSS, min(0.11, sqrt(eps / (2 + eps)))"),
    (r"$m$", "al.sparsifier.middle", "scalar", "2 D (1 - gamma^2) / gamma^2, by which B is divided in the end"),
    (r"$w$", "W", "(n, D)", "rows sqrt(p(x)) v(x), whose squares sum to the identity"),
    (r"$A^*A$", "B / m", "(D, D)", "sum of u_i v(x_i) v(x_i)'"),
    # the experiment
    (r"$k$", "Arm.draws", "(seeds, trials, sizes)", "labels, a row counted as often as it is drawn"),
    (r"$\eta$", "residual", "(n, outputs)", "y - f on the pool, scaled to mean square one"),
    (r"$E|\tilde{f}-f|^2/E|y-f|^2$", "Arm.error", "(seeds, trials, sizes)", "error of the regression as a share of the noise"),
]
