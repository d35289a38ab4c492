"""Sample complexity: "Sample Complexity of Deep Active Learning".

Nearly orthonormal bases of a network's functions, condition numbers, randomized BSS, and training on weighted labels.
"""

#: the modules in the paper's order
ORDER: tuple[str, ...] = (
    # section 3: definition 3.1 to 3.3, theorems 4.1 and 4.2
    # section 5: claim 5.3, definition 5.1, 5.4 to 5.6, theorem 5.7, lemmas 5.8 and 5.9, algorithm 1
)

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = []
