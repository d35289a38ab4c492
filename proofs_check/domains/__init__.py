"""What the arguments of a claim range over; ``from proofs_check import domains as D``.

Every function returns a domain. A dimension is a named size ("n") that arguments share, or a fixed integer.
"""

from proofs_check.domains._arrays import labels, nonneg, positive, real, simplex
from proofs_check.domains._base import Chart, Derived, Domain, Draw, Leaf, derived, walk
from proofs_check.domains._matrices import psd, spectrum
from proofs_check.domains._points import dataset, kernel_of, points, step_size, unit_vectors
from proofs_check.domains._scalars import integer, interval, seed

__all__ = [
    "Chart",
    "Derived",
    "Domain",
    "Draw",
    "Leaf",
    "dataset",
    "derived",
    "integer",
    "interval",
    "kernel_of",
    "labels",
    "nonneg",
    "points",
    "positive",
    "psd",
    "real",
    "seed",
    "simplex",
    "spectrum",
    "step_size",
    "unit_vectors",
    "walk",
]
