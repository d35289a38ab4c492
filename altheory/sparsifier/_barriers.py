r"""The state of randomized BSS and one round of it, in plain batched torch.

The state is a symmetric matrix B between two barriers, $l I \prec B \prec u I$. With
$$Q = (uI-B)^{-1}+(B-lI)^{-1},\qquad \Phi = \mathrm{tr}\,Q,\qquad q(x) = v(x)^\top Qv(x),$$
a round draws x from $D_j(x) = p(x)q(x)/\Phi$ and sets
$$B' = B+\frac{\gamma}{q(x)}v(x)v(x)^\top,\qquad u' = u+\frac{\gamma}{\Phi(1-\gamma)},\qquad
l' = l+\frac{\gamma}{\Phi(1+\gamma)}.$$
It starts at $B = 0$, $u = -l = 2D/\gamma$, so that $\Phi = \gamma$, and stops once $u-l\ge 8D/\gamma$. The output is divided by
`middle`, $m = 2D(1-\gamma^2)/\gamma^2$: $u_j = \gamma/(q\,m)$ and $\beta_j = \gamma/(\Phi\,m)$.

Facts, for any $\gamma < 1$:

1. $lI\prec B\prec uI$ always. For the step is at most $\gamma Q^{-1}\prec uI-B$, and $\gamma/\Phi < \lambda_{\min}(B)-l$.
2. $\gamma/\Phi\le 2$ while $u-l\le 8D/\gamma$, so $1\le\sum\beta_j\le 1+\gamma^2/(D(1-\gamma^2))$, and at the end
   $$\frac{1-2\gamma}{1-\gamma^2} < \lambda(A^*A) < \frac{1+2\gamma}{1-\gamma^2}+\frac{\gamma^2}{D(1-\gamma^2)(1-\gamma)},$$
   where the last term is that by which the last draw raises the barrier. A draw with a potential of its own stays below the
   barrier before it, $B'\prec uI$, so there this term is not needed; draws that share a potential need it.
3. $\beta_jK_{D_j}\le\gamma^2/(1-\gamma^2)$, as $\lambda_{\min}(Q)\ge 4/(u-l)$; at most eps/2 for
   $\gamma\le\sqrt{\varepsilon/(2+\varepsilon)}$.
4. $E\,\Phi'\le\Phi$ where the basis is orthonormal. So, by Markov, the rounds are at most $2cD/\gamma^2$ with probability
   at least $1-1/c$.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from altheory._inputs import InputError, as_tensor, check_integer, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

GAMMA = 0.11  # below safe_gamma(D) for every D; the least of those is 0.1105, at D = 1


class Step(NamedTuple):
    """The state after a round: the matrix and its two barriers."""

    B: Any
    lower: Any
    upper: Any


def gamma_for(eps: float) -> float:
    r"""$\gamma = \min(0.11, \sqrt{\varepsilon/(2+\varepsilon)})$, which gives both properties for every dimension.

    Raises:
        InputError: eps outside (0, 1].
    """
    if isinstance(eps, bool) or not isinstance(eps, (int, float)) or not 0 < eps <= 1:
        raise InputError(f"`eps` is {eps!r} but a number above 0 and at most 1 is wanted; pass the accuracy, such as 0.1.")
    return min(GAMMA, math.sqrt(eps / (2 + eps)))


def safe_gamma(D: int) -> float:
    r"""The largest $\gamma$ with which fact 2 puts all eigenvalues in [3/4, 5/4]: the root of
    $$\frac{1+2\gamma}{1-\gamma^2}+\frac{\gamma^2}{D(1-\gamma^2)(1-\gamma)} = \frac54 .$$

    The lower end asks for no more than $\gamma\le 0.1315$. The roots are 0.1105, 0.1133, 0.1152 at D = 1, 2, 5 and 0.1165 in
    the limit. With one draw a potential 0.1165 is safe for every D; these are safe for shared potentials too.

    Raises:
        InputError: D is not a positive integer.
    """
    D = check_integer("D", D)
    low, high = 0.0, 0.2
    while low < (middle_of := (low + high) / 2) < high:
        g = middle_of
        low, high = (g, high) if (1 + 2 * g) * (1 - g) + g * g / D <= 1.25 * (1 - g * g) * (1 - g) else (low, g)
    return low


def middle(D: int, gamma: Any) -> Any:
    r"""$m = 2D(1-\gamma^2)/\gamma^2$, what $\sum\gamma/\Phi$ reaches when the barriers are $8D/\gamma$ apart."""
    return 2 * D * (1 - gamma * gamma) / (gamma * gamma)


def start(D: int, gamma: Any) -> tuple[Any, Any]:
    r"""The first barriers, $l = -2D/\gamma$ and $u = 2D/\gamma$, for which $\Phi = \gamma$ at B = 0."""
    return -2 * D / gamma, 2 * D / gamma


def barrier_matrix(
    B: Float[ArrayLike, "*batch D D"], lower: Float[ArrayLike, "*batch"], upper: Float[ArrayLike, "*batch"]
) -> Float[Tensor, "*batch D D"]:
    r"""$Q = (uI-B)^{-1}+(B-lI)^{-1}$.

    Args:
        B: (..., D, D) symmetric, all eigenvalues strictly between the barriers (not checked).
        lower: (...), l.
        upper: (...), u.

    Returns:
        (..., D, D).

    Raises:
        InputError: Arrays that are not finite, or B not square.
    """
    matrix, low, high = _state(B, lower, upper)
    exact = is_exact(matrix)
    identity = torch.eye(
        matrix.shape[-1], dtype=torch.float64 if exact else matrix.dtype, device=None if exact else matrix.device
    )
    above, below = high[..., None, None] * identity - matrix, matrix - low[..., None, None] * identity
    return torch.linalg.inv(above) + torch.linalg.inv(below)


def potential(
    B: Float[ArrayLike, "*batch D D"], lower: Float[ArrayLike, "*batch"], upper: Float[ArrayLike, "*batch"]
) -> Float[Tensor, "*batch"]:
    r"""$\Phi = \mathrm{tr}(uI-B)^{-1}+\mathrm{tr}(B-lI)^{-1}$; arguments and errors as for `barrier_matrix`."""
    return torch.diagonal(barrier_matrix(B, lower, upper), dim1=-2, dim2=-1).sum(-1)


def round_law(
    V: Float[ArrayLike, "*batch n D"],
    p: Float[ArrayLike, "*batch n"],
    B: Float[ArrayLike, "*batch D D"],
    lower: Float[ArrayLike, "*batch"],
    upper: Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch n"]:
    r"""$D_j(x_i) = p_i\,v_i^\top Qv_i/\Phi$, which sums to 1 where V is orthonormal under p.

    Args:
        V: (..., n, D).
        p: (..., n) masses.
        B: As for `barrier_matrix`, as the rest and the errors.
        lower: l.
        upper: u.

    Returns:
        (..., n).
    """
    Q = barrier_matrix(B, lower, upper)
    rows, masses = as_tensor("V", V), as_tensor("p", p)
    trace = torch.diagonal(Q, dim1=-2, dim2=-1).sum(-1)
    return masses * ((rows @ Q) * rows).sum(-1) / trace[..., None]


def next_round(
    B: Float[ArrayLike, "*batch D D"],
    lower: Float[ArrayLike, "*batch"],
    upper: Float[ArrayLike, "*batch"],
    v: Float[ArrayLike, "*batch D"],
    gamma: Any,
) -> Step:
    r"""The state after the row v was drawn: $B+\gamma vv^\top/q$, $l+\gamma/(\Phi(1+\gamma))$, $u+\gamma/(\Phi(1-\gamma))$.

    Args:
        B: As for `barrier_matrix`, as are the errors.
        lower: l.
        upper: u.
        v: (..., D), not zero.
        gamma: In (0, 1).

    Returns:
        The new B, lower and upper.
    """
    Q = barrier_matrix(B, lower, upper)
    matrix, low, high = _state(B, lower, upper)
    row: Any = as_tensor("v", v)
    q = ((Q @ row[..., None])[..., 0] * row).sum(-1)
    unit = gamma / torch.diagonal(Q, dim1=-2, dim2=-1).sum(-1)
    step = (gamma / q)[..., None, None] * (row[..., :, None] * row[..., None, :])
    return Step(matrix + step, low + unit / (1 + gamma), high + unit / (1 - gamma))


def _state(*given: Any) -> tuple[Any, ...]:
    """B and the barriers as tensors, or a refusal."""
    if any(is_exact(one) for one in given):
        return given
    B = as_tensor("B", given[0], min_ndim=2, layout="(..., D, D)")
    if B.shape[-1] != B.shape[-2]:
        raise InputError(f"`B` has shape {tuple(B.shape)} but a square matrix (..., D, D) is wanted; pass the whole matrix.")
    return B, as_tensor("lower", given[1], like=("B", B)), as_tensor("upper", given[2], like=("B", B))
