"""Gradnorm: "Boosting Active Learning via Improving Test Performance".

Influence functions, the bound of the test loss by a gradient norm, and the queries expected- and entropy-gradnorm.
"""

#: the modules in the paper's order
ORDER: tuple[str, ...] = (
    # section 3: equations (1) to (5)
    # section 3: equations (6) and (7), algorithm 1
    "eq6",
    "eq7",
    "eq7_surrogate",
    "algorithm1",
    # section 4: the experiments
    "tables",
    # appendix A
    "a3",
    "a4",
    "a7",
)

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
    (r"$P(y_i|x)$", "al.gradnorm.posterior", "(n, N)", "softmax of the logits"),
    (r"$z$", "z", "(n, N)", "logits of N classes"),
    (r"$L_{exp}$", "al.gradnorm.expected_loss", "(n,)", "expected loss, eq. (6)"),
    (r"$L_{ent}$", "al.gradnorm.entropy", "(n,)", "entropy of the posterior, eq. (7); H(p) in the proofs"),
    (r"$J_k$", "J", "(N, p)", "gradient of logit k in the parameters"),
    (r"$K$", "al.gradnorm.output_gram", "(n, N, N)", "inner products of a sample's J_k"),
    (r"$V$", "al.gradnorm.varentropy", "(n,)", "varentropy, the variance of log p under p"),
    (r"$F$", "J' fisher J", "(p, p)", "Fisher information of a sample, J'(diag p - pp')J"),
]
