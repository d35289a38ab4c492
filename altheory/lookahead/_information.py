r"""Entropies and mutual information of labels with finitely many values, in nats.

What expected error reduction maximises: with a model that is a martingale, $E_y\,p(Y_i|y) = p(Y_i)$, and a fixed set of points,

$$A_{EER}(x) = -\sum_iH(Y_i|y_x) = \sum_iI(Y_i;y_x)-\sum_iH(Y_i),$$

the sum of *pairwise* informations. The joint information is $I(Y_U;y_x) = H(y_x)$ where x is in U.

Source: Mohamadi, Bae, Sutherland (2022), eq. (2) and the sentence after it, which says "maximal mutual information".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


def entropy(p: Float[ArrayLike, "*batch C"]) -> Float[Tensor, "*batch"]:
    r"""$H(p) = -\sum_cp_c\ln p_c$ with $0\ln0 = 0$.

    Args:
        p: (..., C) probabilities.

    Returns:
        (...,).

    Raises:
        InputError: A negative entry, or one that is not finite.
    """
    chances = as_tensor("p", p, min_ndim=1, layout="(..., C)")
    if not is_exact(chances) and bool((chances.detach() < 0).any()):
        raise InputError(
            f"`p` has a negative entry {float(chances.min()):.3g} but probabilities are wanted; pass those, e.g. by "
            "`class_probabilities`."
        )
    return torch.special.entr(chances).sum(-1)


def marginal(joint: Float[ArrayLike, "*batch *sizes"], variables: int, keep: Sequence[int]) -> Float[Tensor, "*batch *kept"]:
    r"""The law of some of the variables.

    Args:
        joint: (..., k_0, ..., k_{n-1}) the law of n variables, variable i with k_i values.
        variables: n; the axes before the last n are a batch.
        keep: Which variables, each once.

    Returns:
        (..., *sizes of those kept), in ascending order of the variables.

    Raises:
        InputError: Fewer axes than variables, or a variable that is not there.
    """
    law = as_tensor("joint", joint, min_ndim=variables, layout="(..., k_0, ..., k_{n-1})")
    kept = sorted(int(i) for i in keep)
    if len(set(kept)) != len(kept) or any(not 0 <= i < variables for i in kept):
        raise InputError(f"`keep` is {list(keep)!r} but different integers from 0 to {variables - 1} are wanted; pass those.")
    for i in reversed(range(variables)):
        if i not in kept:
            law = law.sum(law.ndim - variables + i)
            variables -= 1
    return law


def joint_entropy(joint: Float[ArrayLike, "*batch *sizes"], variables: int, of: Sequence[int]) -> Float[Tensor, "*batch"]:
    """The entropy of some of the variables together; 0 for none of them.

    Args:
        joint: As in `marginal`.
        variables: As in `marginal`.
        of: Which variables.

    Returns:
        (...,).

    Raises:
        InputError: As in `marginal`, or a negative entry.
    """
    law = marginal(joint, variables, of)
    count = len(list(of))
    return entropy(law.reshape(*law.shape[: law.ndim - count], -1))


def mutual_information(
    joint: Float[ArrayLike, "*batch *sizes"], variables: int, one: Sequence[int], other: Sequence[int]
) -> Float[Tensor, "*batch"]:
    """$I(A;B) = H(A)+H(B)-H(A,B)$ of two groups of variables; a variable in both counts once in H(A, B).

    Args:
        joint: As in `marginal`.
        variables: As in `marginal`.
        one: The variables of A.
        other: The variables of B.

    Returns:
        (...,).

    Raises:
        InputError: As in `joint_entropy`.
    """
    both = sorted({*one, *other})
    parts: list[Any] = [joint_entropy(joint, variables, group) for group in (one, other, both)]
    return parts[0] + parts[1] - parts[2]


def conditional_entropies(
    joint: Float[ArrayLike, "*batch *sizes"], variables: int, given: int, of: Sequence[int]
) -> Float[Tensor, "*batch"]:
    r"""$\sum_{i}H(Y_i|Y_g)$ over some variables: minus the EER score of g under the joint law itself (eq. 2).

    Args:
        joint: As in `marginal`.
        variables: As in `marginal`.
        given: The variable g whose label is asked for.
        of: The variables that are summed over; g itself adds 0.

    Returns:
        (...,).

    Raises:
        InputError: As in `joint_entropy`.
    """
    alone: Any = joint_entropy(joint, variables, [given])
    total: Any = 0 * alone
    for i in of:
        total = total + (joint_entropy(joint, variables, sorted({i, given})) - alone)
    return total
