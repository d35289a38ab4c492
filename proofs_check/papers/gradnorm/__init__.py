"""Gradnorm: "Boosting Active Learning via Improving Test Performance".

Influence functions, the bound of the test loss by a gradient norm, and the queries expected- and entropy-gradnorm.
"""

#: the modules in the paper's order
ORDER: tuple[str, ...] = (
    # section 3: equations (1) to (5)
    "eq1",
    "eq2",
    "positive",
    "eq3",
    "eq4",
    "hessian",
    "eq5",
    "eq5_constants",
    "eq5_softmax",
    "eq5_batch",
    "eq5_measured",
    "selection",
    "selection_retrained",
    # section 3: equations (6) and (7), algorithm 1
    "eq6",
    "eq7",
    "eq7_surrogate",
    "algorithm1",
    # section 4: the experiments
    "leave_one_out",
    "figure1",
    "table1",
    "table2",
    "figure3",
    "table3",
    "tables45",
    "tables",
    # appendix A
    "eq8",
    "eq9",
    "performance_estimation",
    "a3",
    "a4",
    "a7",
)

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
    # the experiments
    (r"$T^c$", "cycle.before", "network", "the task model in cycle c, which selects; T^{c+1} is cycle.after"),
    (r"$R_U$", "cycle.pool", "(10 K,)", "random subset of the unlabelled samples to select from"),
    (r"$K$", "K", "scalar", "samples selected in each cycle"),
    # influence, equations (1) to (4)
    (r"$I_{loss}(x, x_j)$", "fit.influences(Z, t)", "(n, m)", "first-order increase of the loss at x_j when x is removed"),
    (r"$g_x$", "fit.gradients", "(n, p)", "gradient of the loss of x in the parameters"),
    (r"$H_\theta$", "fit.A / n", "(p, p)", "average Hessian of the training losses, the penalty's share included"),
    (r"$s$", "n inv(A) sum_j g_j", "(p,)", "the fixed term of eq. (4): the sum of H^-1 g_j over the test set"),
    (r"$h$", "fit.leverages", "(n,)", "leverage of x: x' A^-1 x"),
    (r"$\rho$", "rho, penalty", "scalar", "ridge penalty of the summed losses; lambda = rho / n for the mean"),
    (r"$L_{test}, L'_{test}$", "fit.loss, refitted", "scalar", "total test loss of the model trained with x, and without it"),
    # equation (5) and the selection
    (r"$F, l$", "", "", "training loss before, and the loss of the added sample (or batch)"),
    (r"$\theta_0, \theta_1$", "", "(n,)", "minimisers of F and of F + l: the models T^c and T^{c+1}"),
    (r"$d$", "d", "(n,)", "displacement, theta_1 - theta_0"),
    (r"$g_0, g_1$", "g0, g1", "(n,)", "gradient of l at theta_0 and theta_1"),
    (r"$h$", "h", "(n,)", "change of a gradient over a displacement; F's gradient at theta_1, that is -g_1"),
    (r"$\mu, L$", "mu, L", "scalar", "modulus of strong convexity and Lipschitz constant of the gradient"),
    (r"$\kappa$", "kappa", "scalar", "condition number L / mu"),
    (r"$\ell, t$", "ell, t", "scalar", "Lipschitz constant of the gradient of l; t = ell / mu"),
    (r"$r$", "square(g)", "scalar", "gradient norm of a sample"),
    (r"$\eta$", "eta", "scalar", "step size; u and x are eta in units of 2 mu / L^2 and 1 / L"),
    # equations (6) and (7)
    (r"$P(y_i|x)$", "al.gradnorm.posterior", "(n, N)", "softmax of the logits"),
    (r"$z$", "z", "(n, N)", "logits of N classes"),
    (r"$L_{exp}$", "al.gradnorm.expected_loss", "(n,)", "expected loss, eq. (6)"),
    (r"$L_{ent}$", "al.gradnorm.entropy", "(n,)", "entropy of the posterior, eq. (7); H(p) in the proofs"),
    (r"$J_k$", "J", "(N, p)", "gradient of logit k in the parameters"),
    (r"$K_x$", "al.gradnorm.output_gram", "(n, N, N)", "inner products of a sample's J_k"),
    (r"$V$", "al.gradnorm.varentropy", "(n,)", "varentropy, the variance of log p under p"),
    (r"$F$", "J' fisher J", "(p, p)", "Fisher information of a sample, J'(diag p - pp')J"),
]
