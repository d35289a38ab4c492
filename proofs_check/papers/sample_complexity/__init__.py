"""Sample complexity: "Sample Complexity of Deep Active Learning".

Nearly orthonormal bases of a network's functions, condition numbers, randomized BSS, and training on weighted labels.
"""

#: the modules in the paper's order
ORDER: tuple[str, ...] = (
    # section 3: definition 3.1 to 3.3, theorems 4.1 and 4.2
    "definition31",
    "assumption32",
    "definition33",
    "definition33_networks",
    "theorem41_hypothesis",
    "theorem41_activations",
    # section 5: claim 5.3, definition 5.1, 5.4 to 5.6, theorem 5.7, lemmas 5.8 and 5.9, algorithm 1
    "definition51",
    "remark52",
    "claim53",
    "claim53_readings",
    "claim53_start",
)

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = []
    "lemma58",
    "lemma58_potential",
    "lemma58_rounds",
    "lemma58_output",
    "lemma59",
    "algorithm1",
    "composition",
    "complexity",
)

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
    # lemmas 5.8 and 5.9
    (r"$B, l, u$", "State(B, lower, upper)", "(D, D), scalars", "state of randomized BSS: a matrix between two barriers"),
    (r"$Q$", "al.sparsifier.barrier_matrix", "(D, D)", "(u I - B)^-1 + (B - l I)^-1"),
    (r"$\Phi$", "al.sparsifier.potential", "scalar", "potential, tr Q; its halves are the traces of the two inverses"),
    (r"$q(x)$", "quadratic(V, Q)", "(n,)", "v(x)' Q v(x)"),
    (r"$D_j$", "al.sparsifier.round_law", "(n,)", "law of round j: p q / Phi"),
    (r"$\beta_j$", "history.beta", "(k,)", "gamma / (Phi m)"),
    (r"$u_i$", "weights", "(k,)", "weights of the rows: beta_i p(x_i) / D_i(x_i)"),
    (r"$\gamma$", "gamma", "scalar", "step of randomized BSS, min(0.11, sqrt(eps / (2 + eps)))"),
    (r"$m$", "al.sparsifier.middle", "scalar", "2 D (1 - gamma^2) / gamma^2, by which B is divided in the end"),
    (r"$w$", "W", "(n, D)", "rows sqrt(p(x)) v(x), whose squares sum to the identity"),
    (r"$A^*A$", "B / m", "(D, D)", "sum of u_i v(x_i) v(x_i)'"),
    (r"$K_{D'}$", "K", "scalar", "alpha-condition number: largest p |v|^2 / D' (rho = 0)"),
]
GLOSSARY: list[tuple[str, str, str, str]] = []
