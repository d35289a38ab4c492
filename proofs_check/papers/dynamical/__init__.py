"""dynamicAL: "Deep Active Learning by Leveraging Training Dynamics", anonymous ICLR 2022 submission.

Sections 3 to 5 with appendices A, B, D and E: identities, inequalities, probabilities, the algorithm, and the experiments on
digits.
"""

#: the modules in the paper's order
ORDER = (
    # 3.1 and 3.2: training dynamics, selection
    "flow", "closed_form", "cross_entropy", "training_dynamics", "selection", "decomposition", "approximation_ratio", "figure4",
    "complexity", "algorithm1", "criterion", "figure5",
    # 4.1: train faster, generalise better
    "definition1", "lemma1", "lemma1_cross_entropy", "theorem1", "remark1", "lemma2", "lemma2_proof", "theorem2", "remark2",
    "proposition1", "area_identity", "labelings",
    # 4.2: non-independent queries
    "mmd_population", "adaptive_queries", "mmd_concentration", "mmd_overlap", "mmd_estimators", "table10",
    # 4.3: alignment and training dynamics
    "section43", "figure2",
    # 5 and appendix E: what the paper says of its tables
    "tables",
)  # fmt: skip

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
    (r"$f_0$", "start", "(n, K)", "outputs at the start of training"),
    (r"$g_x$", "al.dynamics.sample_gradients", "(p,)", "gradient of one example's loss; g_S is the sum over S"),
    (r"$d^i$", "al.dynamics.residual", "(n, K)", "slope of the loss in output i: softmax(f) - Y, or f - Y"),
    (r"$K^{ij}$", "al.dynamics.tangent_kernel", "(n, n)", "inner products of the gradients of outputs i and j"),
    (r"$G(S)$", "al.dynamics.by_gradient", "scalar", "training dynamics of a set: |g_S|^2"),
    (r"$\Delta(Q|S)$", "al.dynamics.change_of_set", "scalar", "change of the training dynamics, G(S u Q) - G(S)"),
    (r"$R(Q|S)$", "al.dynamics.approximation_ratio", "scalar", "sum of the single changes over the change of the set"),
    (r"$\gamma$", "gamma", "scalar", "weight of the inner product in the query criterion; n_0 / n in section 4.2"),
    (r"$p, q, r$", "p, q, r", "(n,)", "laws of the inputs: of the data, of the labelled set, of the queries"),
    (r"$S_0, S, Q$", "S0, S, Q", "", "seeds, labelled set, query, of sizes n_0, n, b"),
    (r"$C$", "C", "scalar", "upper bound of the kernel"),
    (r"$MMD^2$", "al.mmd.mmd2", "scalar", "squared distance of two laws in the space of the kernel"),
    (r"$r_Q$", "Growth.residual", "(q, K)", "what the interpolant on S leaves of the labels of Q"),
    (r"$\Sigma$", "Growth.conditional", "(q, q)", "Schur complement of Theta_SS"),
]
