r"""The $\alpha$-condition number of sampling from another distribution (definition 5.4).

For a basis v of a class under p, and samples from q in place of p,

$$K_{\alpha,q} = \sup_x\frac{p(x)}{q(x)}\sup_h\frac{h(x)^2}{|\alpha(h)|^2} = \max_i\frac{p_i}{q_i}|v_i|^2 ,$$

the supremum over h inside the one over x. Its mean under q is $\mathrm{tr}\,G$ (D for unit functions), so no q has less than
that, and the leverage distribution $q\propto p|v|^2$ attains it. The mean for one fixed h is $\mathrm{E}h^2/|\alpha|^2$, and
its supremum over h, now outside, is $\lambda_{\max}(G)$, which is 1 for an orthonormal basis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, is_exact, member
from altheory.orthonormal_basis._condition import pointwise_ratio
from altheory.orthonormal_basis._support import check_masses, moments, on_support

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


def alpha_condition_number(
    V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"], q: Float[ArrayLike, "*batch n"]
) -> Float[Tensor, "*batch"]:
    r"""$K_{\alpha,q} = \max_ip_i|v_i|^2/q_i$.

    Args:
        V: (..., n, D), the basis; independent, or $\alpha(h)$ means nothing.
        p: (..., n), the distribution of the class.
        q: (..., n), the distribution of the samples.

    Returns:
        (...,), infinite where q misses a point at which p and v do not vanish.

    Raises:
        InputError: The shapes do not fit, or p or q is no distribution.
    """
    values, masses, samples = _setting(V, p, q)
    return _largest(masses * (values * values).sum(-1), samples)


def weighted_condition_number(
    V: Float[ArrayLike, "*batch n D"],
    p: Float[ArrayLike, "*batch n"],
    q: Float[ArrayLike, "*batch n"],
    *,
    rtol: float | None = None,
) -> Float[Tensor, "*batch"]:
    r"""$\max_i(p_i/q_i)\,v_i^\top G^+v_i$: the same with $\mathrm{E}h^2$ in place of $|\alpha|^2$.

    No choice of basis changes it. At most $K_{\alpha,q}/\lambda_{\min}(G)$.

    Arguments, result and errors as `alpha_condition_number`; rtol as in `pointwise_ratio`.
    """
    values, masses, samples = _setting(V, p, q)
    return _largest(masses * pointwise_ratio(values, masses, rtol=rtol), samples)


def leverage_distribution(V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"]) -> Float[Tensor, "*batch n"]:
    r"""$q_i = p_i|v_i|^2/\mathrm{tr}\,G$, the only distribution with $K_{\alpha,q} = \mathrm{tr}\,G$, the least there is.

    Args:
        V: (..., n, D), the basis.
        p: (..., n), a distribution.

    Returns:
        (..., n).

    Raises:
        InputError: The shapes do not fit, p is no distribution, or V vanishes on the support.
    """
    values, masses = on_support(V, p)
    scores = masses * (values * values).sum(-1)
    total = scores.sum(-1)
    if not is_exact(total):
        zero = total == 0
        if bool(zero.any()):
            raise InputError(f"`V` vanishes on the support{member(zero)}; pass a function that is not zero there.")
    return scores / total[..., None]


def mean_ratio(
    V: Float[ArrayLike, "*batch n D"],
    p: Float[ArrayLike, "*batch n"],
    q: Float[ArrayLike, "*batch n"],
    alpha: Float[ArrayLike, "*batch D"],
) -> Float[Tensor, "*batch"]:
    r"""$\mathrm{E}_{x\sim q}[(p/q)\,h(x)^2/|\alpha|^2]$ for one $h = \sum\alpha_jv_j$, the display after definition 5.4.

    Points that q misses are not drawn. When q covers the support it is $\mathrm{E}_ph^2/|\alpha|^2$, whatever q is.

    Args:
        V: (..., n, D), the basis.
        p: (..., n), the distribution of the class.
        q: (..., n), the distribution of the samples.
        alpha: (..., D), not zero.

    Returns:
        (...,).

    Raises:
        InputError: The shapes do not fit, p or q is no distribution, or alpha is zero.
    """
    values, masses, samples = _setting(V, p, q)
    coefficients = as_tensor("alpha", alpha, like=("V", values))
    norm = (coefficients * coefficients).sum(-1)
    if not is_exact(norm):
        if coefficients.ndim == 0 or coefficients.shape[-1] != values.shape[-1]:
            raise InputError(
                f"`alpha` has shape {tuple(coefficients.shape)} but `V` has {values.shape[-1]} functions; "
                "pass one coefficient a function."
            )
        zero = norm == 0
        if bool(zero.any()):
            raise InputError(f"`alpha` is zero{member(zero)} but the ratio needs a function; pass one that is not 0.")
    h = (values @ coefficients[..., None])[..., 0]
    return (_drawn(masses, samples) * h * h).sum(-1) / norm


def mean_of_supremum(
    V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"], q: Float[ArrayLike, "*batch n"]
) -> Float[Tensor, "*batch"]:
    r"""$\mathrm{E}_{x\sim q}[(p/q)\sup_hh(x)^2/|\alpha(h)|^2]$, the supremum inside.

    It is $\mathrm{tr}\,G$ when q covers the support. Arguments and errors as `alpha_condition_number`.
    """
    values, masses, samples = _setting(V, p, q)
    return (_drawn(masses, samples) * (values * values).sum(-1)).sum(-1)


def supremum_of_mean(
    V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"], q: Float[ArrayLike, "*batch n"]
) -> Float[Tensor, "*batch"]:
    r"""$\sup_h\mathrm{E}_{x\sim q}[(p/q)\,h(x)^2/|\alpha(h)|^2]$, the supremum outside.

    It is $\lambda_{\max}(G)$ when q covers the support. Arguments and errors as `alpha_condition_number`.
    """
    values, masses, samples = _setting(V, p, q)
    return torch.linalg.eigvalsh(moments(values, _drawn(masses, samples)))[..., -1]


def _setting(V: Any, p: Any, q: Any) -> tuple[Any, Any, Any]:
    values, masses = on_support(V, p)
    samples = as_tensor("q", q, like=("V", values))
    if not (is_exact(values) or is_exact(samples)):
        check_masses("q", samples, values.shape[-2])
    return values, masses, samples


def _drawn(p: Any, q: Any) -> Any:
    """p where q has mass."""
    return torch.where(q > 0, p, 0 * p)


def _largest(scores: Any, q: Any) -> Any:
    """The largest score over q, with 0/0 = 0 and infinity for a score that q misses."""
    ratios = scores / torch.where((q == 0) & (scores == 0), 1 + 0 * q, q)
    return torch.amax(ratios, -1)
