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
    # section 3: equations (6) and (7), algorithm 1
    # section 4: the experiments
    "leave_one_out",
    "figure1",
    "table1",
    "table2",
    "figure3",
    "table3",
    "tables45",
    # appendix A
)

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
    (r"$T^c$", "cycle.before", "network", "the task model in cycle c, which selects; T^{c+1} is cycle.after"),
    (r"$R_U$", "cycle.pool", "(10 K,)", "random subset of the unlabelled samples to select from"),
    (r"$K$", "K", "scalar", "samples selected in each cycle"),
    (r"$I_{loss}(x, x_j)$", "fit.influences(Z, t)", "(n, m)", "first-order increase of the loss at x_j when x is removed"),
    (r"$g_x$", "fit.gradients", "(n, p)", "gradient of the loss of x in the parameters"),
    (r"$H_\theta$", "fit.A / n", "(p, p)", "average Hessian of the training losses, the penalty's share included"),
    (r"$s$", "n inv(A) sum_j g_j", "(p,)", "the fixed term of eq. (4): the sum of H^-1 g_j over the test set"),
    (r"$h$", "fit.leverages", "(n,)", "leverage of x: x' A^-1 x"),
    (r"$\rho$", "rho, penalty", "scalar", "ridge penalty of the summed losses; lambda = rho / n for the mean"),
    (r"$L_{test}, L'_{test}$", "fit.loss, refitted", "scalar", "total test loss of the model trained with x, and without it"),
]
