"""CRC: Kong et al., "Relieving the Plateau: Active Semi-Supervised Learning for a Better Landscape".

Convergence through the smallest eigenvalue of the Gram matrix, and the query that keeps it large.
"""

#: symbol, name in the code, shape, meaning
GLOSSARY: list[tuple[str, str, str, str]] = [
]  # fmt: skip
