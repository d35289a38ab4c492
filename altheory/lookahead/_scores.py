r"""Look-ahead scores of all candidates: MLMOC, EMOC, expected error reduction.

With $d_c = e_c-H(x')$ the change of outputs under the label c is $G(x)+A_{x,x'}d_c$ (`altheory.lookahead.LookAhead`), so

$$\mathrm{change}_c(x') = \sum_{x\in U}\|G(x)+A_{x,x'}d_c\|_2,\qquad \mathrm{MLMOC} = \mathrm{change}_{\hat y},\qquad
  \mathrm{EMOC} = \sum_cp_c\,\mathrm{change}_c .$$

For a converged model (G = 0) the score falls into a distance to the label and a column of the posterior covariance,

$$\mathrm{MLMOC}(x') = \|e_{\hat y}-f_L(x')\|_2\;\frac{1}{u(x')}\sum_{x\in U}|S(x,x')| .$$

Otherwise eq. (13) compares the network with a linear model, and G, which depends on no candidate, enters every norm and can
reverse the order; `against="linearised"` measures the change from $f^{lin}_L$ instead.

Source: Mohamadi, Bae, Sutherland (2022), eq. (2), (3), (13); the closed forms are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensors, check_integer, is_exact
from altheory.lookahead._candidates import LookAhead
from altheory.lookahead._gaps import RULES, class_probabilities, label_gaps
from altheory.lookahead._pools import from_kernels
from altheory.training._workers import Workers

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

_TILE = 1 << 16  # numbers of a tile: a few of them stay in a processor's second-level cache
_SMALL = 1 << 20  # up to this many numbers the plain formula is evaluated in one piece
_CANCELLED = 0.1  # a square this much smaller than its terms is computed again without cancellation


def mlmoc(
    K_L: Float[ArrayLike, "*batch L L"],
    K_UL: Float[ArrayLike, "*batch U L"],
    K_U: Float[ArrayLike, "*batch U U"],
    Y: Float[ArrayLike, "*batch L C"],
    F_L: Float[ArrayLike, "*batch L C"],
    F_U: Float[ArrayLike, "*batch U C"],
    *,
    against: str = "network",
    unresolved: str = "raise",
) -> Float[Tensor, "*batch U"]:
    r"""Most likely model output change of every candidate, $\sum_{x\in U}\|f_L(x)-f^{lin}_{L^+}(x)\|_2$ with the label
    $\arg\max f_L(x')$ (eq. 13).

    For several scores of one pool, or networks, make a `LookAhead` once: `most_likely_change(from_kernels(...))`.

    Args:
        K_L: (..., L, L) kernel of the labelled points.
        K_UL: (..., U, L) of the pool with them.
        K_U: (..., U, U) of the pool.
        Y: (..., L, C) labels.
        F_L: (..., L, C) the model's outputs on the labelled points.
        F_U: (..., U, C) its outputs on the pool.
        against: As in `most_likely_change`.
        unresolved: As in `most_likely_change`.

    Returns:
        (..., U).

    Raises:
        InputError: As in `from_kernels` and `most_likely_change`.
    """
    return most_likely_change(from_kernels(K_L, K_UL, K_U, Y, F_L, F_U), against=against, unresolved=unresolved)


def most_likely_change(ahead: LookAhead, *, against: str = "network", unresolved: str = "raise") -> Float[Tensor, "*batch U"]:
    r"""MLMOC of every candidate (eq. 13).

    Args:
        ahead: The pool.
        against: What the retrained linear model is compared with: "network", the model f as in the paper, or "linearised", the
            linear model before the candidate. The same for a converged model.
        unresolved: What to do about candidates whose u is below its rounding error: "raise" an error, "nan" as their score, or
            "dependent": score them as features in the span of the labelled ones, which is right for duplicates.

    Returns:
        (..., U); -inf for candidates that have left the pool (0 in exact arithmetic).

    Raises:
        InputError: An unknown choice; or an unresolved candidate and `unresolved="raise"`.
    """
    return ahead.admitted(_changes(ahead, [ahead.labels - ahead.H], against)[..., 0], unresolved)


def changes_by_label(ahead: LookAhead, *, against: str = "network", unresolved: str = "raise") -> Float[Tensor, "*batch U C"]:
    r"""$\sum_{x\in U}\|f_{L^+(x',c)}(x)-f(x)\|_2$ for every candidate and every label.

    Args:
        ahead: The pool.
        against: As in `most_likely_change`.
        unresolved: As in `most_likely_change`.

    Returns:
        (..., U, C).

    Raises:
        InputError: As in `most_likely_change`.
    """
    H = ahead.H
    C = H.shape[-1]
    eye = torch.eye(C, dtype=torch.float64 if is_exact(H) else H.dtype, device=H.device)
    if _factorises(ahead, against):
        found = label_gaps(H) * _columns(ahead)[..., None]
    else:
        found = _changes(ahead, [eye[c] - H for c in range(C)], against)
    return torch.stack([ahead.admitted(found[..., c], unresolved) for c in range(C)], -1)


def expected_change(
    ahead: LookAhead, p: Float[ArrayLike, "*batch U C"], *, against: str = "network", unresolved: str = "raise"
) -> Float[Tensor, "*batch U"]:
    r"""EMOC of every candidate, $\sum_cp_c(x')\sum_{x\in U}\|f_{L^+(x',c)}(x)-f(x)\|_2$ (eq. 3).

    Args:
        ahead: The pool.
        p: (..., U, C) probabilities of each candidate's label, e.g. `class_probabilities(ahead.F)`.
        against: As in `most_likely_change`.
        unresolved: As in `most_likely_change`.

    Returns:
        (..., U), as in `most_likely_change`.

    Raises:
        InputError: As in `most_likely_change`, or p is not shaped like the outputs.
    """
    chances = LookAhead.checked("p", p, ahead.F)
    by_label = changes_by_label(ahead, against=against, unresolved="dependent")
    if not is_exact(by_label) and not bool(ahead.pool.all()):
        by_label = torch.where(ahead.pool[:, None], by_label, 0.0)
    return ahead.admitted((chances * by_label).sum(-1), unresolved)


def expected_error_reduction(
    ahead: LookAhead,
    p: Float[ArrayLike, "*batch U C"],
    *,
    rule: str = "softmax",
    itself: bool = True,
    unresolved: str = "raise",
) -> Float[Tensor, "*batch U"]:
    r"""EER of every candidate, $-\sum_cp_c(x')\sum_{x\in U}H(q(f_{L^+(x',c)}(x)))$ with the entropy H of probabilities q
    (eq. 2).

    Args:
        ahead: The pool.
        p: (..., U, C) probabilities of each candidate's label.
        rule: How outputs become probabilities q, as in `class_probabilities`; with "identity" they must be probabilities.
        itself: Whether the sum over U includes the candidate, as printed.
        unresolved: As in `most_likely_change`.

    Returns:
        (..., U), as in `most_likely_change`.

    Raises:
        InputError: As in `expected_change`; an unknown rule.
    """
    if rule not in RULES:
        raise InputError(f"`rule` is {rule!r} but one of {', '.join(map(repr, RULES))} is wanted; pass one of these.")
    chances, H = LookAhead.checked("p", p, ahead.F), ahead.H
    U, C = H.shape[-2:]
    exact = is_exact(H)
    eye = torch.eye(C, dtype=torch.float64 if exact else H.dtype, device=H.device)

    def of(rows: slice) -> Any:
        gain, counted = ahead.gain_rows(rows)[..., None], ahead.pool[None, :].expand(len(range(U)[rows]), U)
        if not itself:
            counted = counted & (torch.arange(U)[rows, None] != torch.arange(U)).to(counted.device)
        weight = counted.to(eye.dtype)
        total: Any = 0
        for c in range(C):
            f = H[..., None, :, :] + gain * (eye[c] - H[..., rows, :])[..., :, None, :]
            total = total - chances[..., rows, c] * (_entropies(f, rule) * weight).sum(-1)
        return total

    if _whole(ahead):
        return ahead.admitted(of(slice(0, U)), unresolved)
    out = torch.empty_like(ahead.u)

    def fill(rows: slice) -> None:
        out[..., rows] = of(rows)

    _in_tiles(fill, U, max(1, _TILE * out.shape[-1] // (out.numel() * U * C)), out.device)
    return ahead.admitted(out, unresolved)


def sequential(
    ahead: LookAhead, count: int, *, Y: Float[ArrayLike, "U C"] | None = None, against: str = "network"
) -> tuple[list[int], LookAhead]:
    r"""Query one candidate after the other by MLMOC, each time adding its label to the linear model (the paper's sequential
    strategy); of tied scores the first. Candidates whose u is lost in rounding count as duplicates.

    Args:
        ahead: The pool, without a batch.
        count: How many, at most as many as are in the pool.
        Y: (U, C) the labels an oracle gives; None for the model's own most likely label at that time, which chooses a diverse
            batch without asking anybody.
        against: As in `most_likely_change`; it matters for the first candidate only.

    Returns:
        The candidates' numbers in order, and the look-ahead after the last of them.

    Raises:
        InputError: A batch, too many candidates, or labels of another shape.
    """
    if ahead.F.ndim != 2:
        raise InputError(f"`ahead` has a batch (outputs {tuple(ahead.F.shape)}) but one pool is wanted; loop over the batch.")
    count, left = check_integer("count", count), int(ahead.pool.sum())
    if count > left:
        raise InputError(f"`count` is {count} but {left} candidates are in the pool; pass at most {left}.")
    labels = None if Y is None else LookAhead.checked("Y", Y, ahead.F)
    chosen: list[int] = []
    for _ in range(count):
        j = int(torch.argmax(most_likely_change(ahead, against=against, unresolved="dependent")))
        ahead = ahead.acquire(j, (ahead.labels if labels is None else labels)[j])
        chosen.append(j)
    return chosen, ahead


def one_step_change(K_U: Float[ArrayLike, "*batch U U"], F_U: Float[ArrayLike, "*batch U C"]) -> Float[Tensor, "*batch U"]:
    r"""MLMOC with one gradient step on the candidate instead of retraining: $\sum_x|K(x,x')|\,\|e_{\hat y}-f(x')\|_2$, up to
    the step size (Käding et al. 2016).

    Args:
        K_U: (..., U, U) tangent kernel of the pool.
        F_U: (..., U, C) outputs on the pool.

    Returns:
        (..., U).

    Raises:
        InputError: Shapes that do not fit.
    """
    kernel, outputs = as_tensors(K_U=K_U, F_U=F_U)
    if not (is_exact(kernel) or is_exact(outputs)) and tuple(kernel.shape) != (*outputs.shape[:-1], outputs.shape[-2]):
        raise InputError(
            f"`K_U` has shape {tuple(kernel.shape)} and `F_U` {tuple(outputs.shape)} but (..., U, U) and (..., U, C) are "
            "wanted; pass one row a candidate."
        )
    return kernel.abs().sum(-2) * torch.amin(label_gaps(outputs), -1)


def _factorises(ahead: LookAhead, against: str) -> bool:
    if against not in ("network", "linearised"):
        raise InputError(f"`against` is {against!r} but 'network' or 'linearised' is wanted; pass one of these.")
    return against == "linearised" or ahead.converged


def _changes(ahead: LookAhead, moves: list[Any], against: str) -> Any:
    """Sums over the pool of |G + A d| for each array d (..., U, C) of `moves`: (..., U, moves)."""
    if _factorises(ahead, against):
        columns = _columns(ahead)
        return torch.stack([torch.linalg.vector_norm(d, dim=-1) * columns for d in moves], -1)
    if _whole(ahead):
        gain, G = ahead.gain_rows(slice(None))[..., None], ahead.G[..., None, :, :]
        return torch.stack([torch.linalg.vector_norm(G + gain * d[..., :, None, :], dim=-1).sum(-1) for d in moves], -1)
    if ahead.F.ndim > 2:
        parts = [_changes(_member(ahead, i), [d[i] for d in moves], against) for i in range(len(ahead.F))]
        return torch.stack(parts)
    squares, U = (ahead.G * ahead.G).sum(-1), len(ahead.G)
    out = ahead.F.new_empty(U, len(moves))

    def fill(rows: slice) -> None:
        gain = ahead.gain_rows(rows)
        for k, d in enumerate(moves):
            out[rows, k] = _norms(gain, ahead.G, squares, d[rows]).sum(-1)

    _in_tiles(fill, U, max(1, _TILE // U), out.device)
    return out


def _in_tiles(fill: Callable[[slice], None], n: int, size: int, device: torch.device) -> None:
    """Call `fill` for slices of `size` candidates, on as many threads as torch has, without a graph."""
    tiles = [slice(i, min(i + size, n)) for i in range(0, n, size)]

    def task(_: int, k: int) -> None:
        with torch.no_grad():
            fill(tiles[k])

    with Workers(None if device.type == "cpu" else 1) as workers:
        workers.run(task, len(tiles))


def _norms(gain: Tensor, G: Tensor, squares: Tensor, d: Tensor) -> Tensor:
    """|G(x) + a d| for a tile of gains a (rows, U) and moves d (rows, C), by the squares' expansion where nothing cancels."""
    sizes = torch.addcmul(squares, gain * gain, (d * d).sum(-1, keepdim=True))
    found = torch.addcmul(sizes, gain, d @ G.mT, value=2)
    lost = found < _CANCELLED * sizes
    if bool(lost.any()):
        row, x = lost.nonzero(as_tuple=True)
        found[row, x] = (G[x] + gain[row, x, None] * d[row]).square().sum(-1)
    return found.sqrt_()


def _entropies(f: Any, rule: str) -> Any:
    """Entropies (...,) of the probabilities made of outputs (..., C)."""
    if rule == "softmax":
        log = torch.log_softmax(f, -1)
        return -(torch.exp(log) * log).sum(-1)
    return torch.special.entr(class_probabilities(f, rule)).sum(-1)


def _columns(ahead: LookAhead) -> Any:
    """The sums over x of |A(x, x')|: (..., U)."""
    if ahead.plain:
        return ahead.gain_rows(slice(None)).abs().sum(-1)
    sums = torch.linalg.vector_norm(ahead.S, 1, dim=-1) / torch.where(ahead.resolved, ahead.u, 1)
    open_ = ~ahead.resolved & ahead.pool
    for j in open_.reshape(-1, open_.shape[-1]).any(0).nonzero()[:, 0].tolist():
        sums[..., j] = ahead.gain_rows(slice(j, j + 1)).abs().sum(-1)[..., 0]
    return sums


def _whole(ahead: LookAhead) -> bool:
    """Whether all candidates are evaluated in one piece, by the plain formula."""
    return ahead.plain or ahead.S.numel() * ahead.F.shape[-1] <= _SMALL


def _member(ahead: LookAhead, i: int) -> LookAhead:
    sizes, kappa = ahead.diagonals
    S, V, F, G, u, resolved = (x[i] for x in (ahead.S, ahead.V, ahead.F, ahead.G, ahead.u, ahead.resolved))
    return replace(ahead, S=S, V=V, F=F, G=G, u=u, resolved=resolved, diagonals=(sizes[i], kappa[i]))
