"""CRC: Kong et al., "Relieving the Plateau: Active Semi-Supervised Learning for a Better Landscape".

Convergence through the smallest eigenvalue of the Gram matrix, and the query that keeps it large.
"""

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
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
]  # fmt: skip
