r"""Sparsifiers: a few weighted rows of a pool that keep the norm of every function of a linear space.

The rows of V are the values $v(x_i)\in R^D$ of a basis, orthonormal under the masses p: $\sum_i p_i v_iv_i^\top = I$. A sampler
draws rows $x_1,\dots,x_k$, the j-th from a law $D_j$, with weights $u_j = \beta_j\,p(x_j)/D_j(x_j)$, so that
$$A^*A = \sum_j u_j\,v(x_j)v(x_j)^\top$$
is close to the identity. It is a *good* output if all eigenvalues lie in [3/4, 5/4] (property 1), and serves the accuracy eps
if $\sum\beta_j\le 5/4$ and $\beta_jK_{D_j}\le\varepsilon/2$ with $K_{D_j} = \sup_x p(x)|v(x)|^2/D_j(x)$ (property 2). Then the
mean squared distance of the weighted regression on k fresh labels from the best function f of the space is at most
$\frac{10}{9}\varepsilon\,E|y-f|^2$ on average, bad outputs counted as zero.

    import altheory as al
    indices, weights, history = al.sparsifier.randomized_bss(V, eps=0.5, seed=0)
    al.sparsifier.weighted_regression(V[indices], y[indices], weights)

`randomized_bss` needs O(D/eps) rows and is good always; `leverage` and `uniform` draw independently and need a logarithm more.

Sources: Batson, Spielman, Srivastava (SIAM J. Comput. 2012); Lee, Sun (SIAM J. Comput. 2018); Chen, Price (COLT 2019);
"Sample Complexity of Deep Active Learning" (ICLR 2022 submission), definition 5.5, lemmas 5.8 and 5.9, theorem 4.2. The last
gives no constants; those here are our own, with their proofs in the docstrings.
"""

from altheory.sparsifier._barriers import (
    Step,
    barrier_matrix,
    gamma_for,
    middle,
    next_round,
    potential,
    round_law,
    safe_gamma,
    start,
)
from altheory.sparsifier._bss import BSSHistory, randomized_bss, round_draws
from altheory.sparsifier._designs import Design, a_optimal, e_optimal
from altheory.sparsifier._expectation import Expected, expected_error, orthogonal_residual
from altheory.sparsifier._iid import leverage, uniform
from altheory.sparsifier._pool import Pool, Sample, SampleHistory, pool
from altheory.sparsifier._regression import weighted_draws, weighted_regression, weighted_sgd
from altheory.sparsifier._runs import Runs, randomized_bss_runs
from altheory.sparsifier._stopping import RareNoise, steer_away_from_silence, stop_at_noise

__all__ = [
    "BSSHistory",
    "Design",
    "Expected",
    "Pool",
    "RareNoise",
    "Runs",
    "Sample",
    "SampleHistory",
    "Step",
    "a_optimal",
    "barrier_matrix",
    "e_optimal",
    "expected_error",
    "gamma_for",
    "leverage",
    "middle",
    "next_round",
    "orthogonal_residual",
    "pool",
    "potential",
    "randomized_bss",
    "round_draws",
    "randomized_bss_runs",
    "round_law",
    "safe_gamma",
    "start",
    "steer_away_from_silence",
    "stop_at_noise",
    "uniform",
    "weighted_draws",
    "weighted_regression",
    "weighted_sgd",
]
