"""dynamicAL: "Deep Active Learning by Leveraging Training Dynamics", anonymous ICLR 2022 submission.

Executable so far: section 4.1, "Train faster provably generalize better", with its proofs in appendix B.1 and B.2.
"""

#: the modules in the paper's order
ORDER = ("definition1", "theorem1", "remark1", "theorem2", "proposition1", "area_identity")

#: symbol, name in the code, shape, meaning
GLOSSARY = [
    (r"$\Theta$", "theta", "(n, n)", "neural tangent kernel on the training inputs, positive semidefinite"),
    (r"$\lambda_i$", "lam", "(n,)", "eigenvalues of the kernel"),
    (r"$v_i$", "columns of eigh(theta)", "(n,)", "eigenvectors of the kernel"),
    (r"$Y$", "Y", "(n, K)", "label matrix, one column an output; Y^k is column k"),
    (r"$w_i$", "w", "(n,)", "mass of the labels on eigenvector i: the sum over k of (v_i' Y^k)^2"),
    (r"$\mu$", "LabelMeasure", "", "label measure: mass w_i at lambda_i"),
    (r"$T$", "LabelMeasure.T", "scalar", "total mass, Tr[Y'Y]"),
    (r"$A$", "LabelMeasure.A", "scalar", "alignment, Tr[Y' Theta Y] = integral of lambda"),
    (r"$I$", "LabelMeasure.I", "scalar", "Tr[Y' Theta^-1 Y] = integral of 1/lambda; n B^2 / 2 in the paper"),
    (r"$B$", "sqrt(2 I / n)", "scalar", "dominant term of the generalisation bound"),
    (r"$E_t", "LabelMeasure.E2", "scalar", "squared training error after t steps, integral of (1 - eta lambda)^(2t)"),
    (r"$G_t$", "LabelMeasure.training_dynamics", "scalar", "training dynamics at step t, Tr[r_t' Theta r_t]"),
    (r"$\eta$", "eta", "scalar", "step size of gradient descent"),
    (r"$t$", "t", "integer", "number of steps"),
    (r"$\kappa$", "hi / lo", "scalar", "condition number of the kernel"),
]
