"""Sample complexity: "Sample Complexity of Deep Active Learning".

Nearly orthonormal bases of a network's functions, condition numbers, randomized BSS, and training on weighted labels.
"""

#: the modules in the paper's order
ORDER: tuple[str, ...] = (
    # section 3: definition 3.1 to 3.3, theorems 4.1 and 4.2
    "theorem41",
    "theorem41_sine",
    "theorem41_linear",
    "theorem41_rewriting",
    "more_labels",
    "theorem42",
    "definition54",
    "definition55",
    "theorem57",
    "theorem57_conditional",
    # section 5: claim 5.3, definition 5.1, 5.4 to 5.6, theorem 5.7, lemmas 5.8 and 5.9, algorithm 1
)

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
    (r"$W^*$", "best_network", "(4,)", "minimiser of the risk; in the counterexample the outputs of one, by its direction"),
    (r"$1+\rho\tilde d$", "load", "scalar", "factor of theorem 4.1, between 1 and 2 where rho is at most 1/d_tilde"),
    (r"$\varepsilon, \varepsilon_0$", "eps, eps0", "scalar", "accuracies of theorem 4.1"),
    (r"$E_{(x,y)}|y-f(W^*,x)|^2$", "noise", "scalar", "what the best function leaves of the labels: bias and noise"),
    (r"$v$", "V", "(n, D)", "the functions of a basis at n points, in claims with the identity in the first D rows"),
    (r"$D, D'$ (distributions)", "p, q", "(n,)", "masses of the distribution, and of the draws"),
    (r"$\tilde d$", "V.shape[-1], size", "integer", "dimension of the linear space; D in claims"),
    (r"$u_i$", "u, weights", "(k,)", "weights of the labelled points, beta_i D(x_i)/D_i(x_i)"),
    (r"$\beta_i$", "total / draws", "scalar", "coefficients of definition 5.5, their sum is total"),
    (r"$A^*A$", "M", "(D, D)", "sum of u v v' over the labelled points; good if its eigenvalues lie in [3/4, 5/4]"),
    (r"$E_D[vv^\top]$", "G", "(D, D)", "Gram matrix; the identity for an orthonormal basis"),
    (r"$K_{\alpha,D'}$", "al.orthonormal_basis.alpha_condition_number", "scalar", "alpha-condition number, definition 5.4"),
    (r"$\tilde f$", "al.sparsifier.weighted_regression", "(D,)", "minimiser of the weighted objective, eq. (3)"),
    (
        r"$E\|\tilde f-f\|_D^21_{good}$",
        "al.sparsifier.expected_error",
        "scalar",
        "error on average, bad outputs counted as zero",
    ),
]
