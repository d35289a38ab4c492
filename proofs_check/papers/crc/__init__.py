"""CRC: Kong et al., "Relieving the Plateau: Active Semi-Supervised Learning for a Better Landscape".

Convergence through the smallest eigenvalue of the Gram matrix, and the query that keeps it large.
"""

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
    (r"$X_L, X_U, X_u$", "labelled, pool, chosen", "", "labelled set, pool, query"),
    (r"$Q, G$", "count, group_size", "integers", "how many points are queried, and how many are in a group"),
    (r"$\hat K$", "al.conditioning.block_matrix", "(n C, n C)", "kernel of C outputs, row iC + c for output c at point i"),
    (r"$\tilde K$", "al.conditioning.trace_proxy", "(n, n)", "its trace over outputs, the sum over c of K_cc"),
    (r"$\hat K^{(l)}$", "al.conditioning.layer_grams", "(L, n, n)", "kernels of the layers, which sum to the kernel"),
    (r"$\lambda_{\min}$", "al.conditioning.smallest_eigenvalue", "scalar", "smallest eigenvalue, the objective of eq. (9)"),
    (r"$\lambda_{\min}^+$", "al.conditioning.smallest_positive_eigenvalue", "scalar", "smallest positive one, by a rank rule"),
    (r"$s(\cdot)$", "al.acquisition.Query.scores", "(groups,)", "the groups' scores in Algorithm 1"),
]  # fmt: skip
