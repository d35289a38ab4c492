"""Kernels of two-layer networks, of modules, and of infinitely wide networks: matrices and matrix-free operators."""

from altheory.kernels._analytic import analytic, nngp
from altheory.kernels._bounded import Bounded
from altheory.kernels._cg import Solution
from altheory.kernels._empirical import empirical
from altheory.kernels._kernel_operator import Estimate, KernelOperator
from altheory.kernels._lanczos import Applied, Ritz
from altheory.kernels._module import module_kernel
from altheory.kernels._operators import operator

__all__ = [
    "Applied",
    "Bounded",
    "Estimate",
    "KernelOperator",
    "Ritz",
    "Solution",
    "analytic",
    "empirical",
    "module_kernel",
    "nngp",
    "operator",
]
