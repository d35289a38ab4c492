"""Look-ahead: Mohamadi, Bae, Sutherland, "Making Look-Ahead Active Learning Strategies Feasible with Neural Tangent Kernels".

Retraining on one more label approximated by the empirical neural tangent kernel, and the queries built on it.
"""

#: the modules in the paper's order
ORDER = (
    # section 3 and appendix A: training in turn
    "eq4", "eq5", "eq6", "theorem31", "theorem31_needs", "ridge", "remark_a1", "eq16", "eq24", "eq27", "eq10",
)  # fmt: skip

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
]  # fmt: skip
