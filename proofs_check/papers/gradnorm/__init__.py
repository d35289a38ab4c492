"""Gradnorm: "Boosting Active Learning via Improving Test Performance".

Influence functions, the bound of the test loss by a gradient norm, and the queries expected- and entropy-gradnorm.
"""

#: the modules in the paper's order
ORDER: tuple[str, ...] = (
    # section 3: equations (1) to (5)
    # section 3: equations (6) and (7), algorithm 1
    # section 4: the experiments
    # appendix A
)

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = []
