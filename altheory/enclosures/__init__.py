r"""Rigorous eigenvalues of symmetric matrices: intervals that contain the true value, in float64 or exactly.

    al.enclosures.lambda_min(theta)                  # Interval(0.0123456789012344, 0.0123456789012347)
    al.enclosures.lambda_min(value, error=error)     # for every matrix within `error` of `value`, as `Bounded` gives it
    al.enclosures.is_positive_definite(theta)        # True, False, or None: undecided
    al.enclosures.lambda_min_exact([[2, "-1/3"], ["-1/3", 1]])

The entries are taken as the exact numbers they are: what is enclosed are the eigenvalues of the matrix of these float64
numbers, and, with `error`, of every symmetric matrix that differs from it by at most `error` entry by entry. Nothing is asked
of the spectrum: clusters, multiple and zero eigenvalues, and any scaling are fine.

| module | idea |
|---|---|
| `_interval` | `Interval`, and rounding outward |
| `_rounding` | products and norms in float64 with proved bounds of their rounding errors |
| `_residual` | all eigenvalues from one residual, by Kahan's theorem |
| `_refine` | the smallest eigenvalue to its last digits, by a Rayleigh-Ritz and a Lehmann bound |
| `_cholesky` | a lower bound from an approximate factor |
| `_exact` | rational arithmetic: inertia and the smallest eigenvalue by Descartes' rule |

Assumptions: IEEE double precision rounded to nearest, and matrix products that are sums of products in some order (fused or
not), which holds for every BLAS in use on CPUs; nothing is assumed of `eigh` or `cholesky`, whose results are only guesses
here. Everything runs on the CPU, where this is true; a CUDA tensor is copied there.
"""

from altheory.enclosures._exact import inertia_exact, lambda_min_exact
from altheory.enclosures._interval import Interval
from altheory.enclosures._public import eigenvalues, is_positive_definite, lambda_max, lambda_min

__all__ = [
    "Interval",
    "eigenvalues",
    "inertia_exact",
    "is_positive_definite",
    "lambda_max",
    "lambda_min",
    "lambda_min_exact",
]
