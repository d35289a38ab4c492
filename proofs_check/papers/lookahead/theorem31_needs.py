r"""What Theorem 3.1 needs: span inclusion, a last stage that converges, and updates in the row span."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory.lookahead import Converged
from proofs_check import claim, eq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_training import SOURCE, flow_everywhere, square, times
from proofs_check.relations import Relation

THEOREM = f"{SOURCE}, Theorem 3.1 and Theorem A.2"


def _seen(J: Tensor) -> Tensor:
    """the features of the last point are not 0"""
    return square(J[:, 0]) > 0


def _finished(J: Tensor, theta: Tensor, y: Tensor) -> Tensor:
    """Where the flow of the squared loss from theta ends."""
    return theta + times(J.mT, times(Converged().pull(J @ J.mT), y - times(J, theta)))


def _at(phi: Tensor, warm: Tensor, cold: Tensor, share: float) -> Relation:
    return eq((phi * warm).sum(-1), share * (phi * cold).sum(-1), names=["f warm (x)", "f cold (x)"])


@claim(
    id="lookahead.theorem31.not_nested",
    title="Theorem 3.1 without span inclusion",
    source=THEOREM,
    reading="the paper's theorem for sets that are not nested",
    expect="refuted",
    first=D.real(1, 2),
    J=D.real(1, 2),
    y=D.real(2),
    phi=D.real(2),
    assumes=[_seen],
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def theorem31_not_nested(first: Tensor, J: Tensor, y: Tensor, phi: Tensor, *, share: float = 1.0) -> Relation:
    r"""Training from $\theta_0 = 0$ to the end on one point, then to the end on another, gives the same function as training
    on the second alone.

    Counterexample: features (1, 0), then (0, 1), both labels 1: $\theta$ is (1, 1) after the warm start and (0, 1) after the
    cold one.

    Notes: the paper assumes nested sets. The condition is (i) of lookahead.theorem31.sharp, which cannot be dropped.
    """
    zero = 0 * phi
    warm = _finished(J, _finished(first, zero, y[:, :1]), y[:, 1:])
    return _at(phi, warm, _finished(J, zero, y[:, 1:]), share)


@claim(
    id="lookahead.theorem31.unconverged",
    title="Theorem 3.1 with a last stage that stops",
    source=THEOREM,
    reading="the paper's theorem with every stage of the same finite length",
    expect="refuted",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    t=D.step_size("K", D.interval(0, 8)),
    dims={"n": (2, 3)},
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def theorem31_unconverged(K: Tensor, f: Tensor, y: Tensor, t: Tensor, *, share: float = 1.0) -> Relation:
    r"""Training on S for the time t twice is the same as training on S for the time t once.

    Counterexample: $\mathcal{K} = 1$, $f_0 = 0$, $y = 1$, $t = \log 2$: 3/4 after the warm start, 1/2 after the cold one.

    Notes: condition (ii) of lookahead.theorem31.sharp. Training stops somewhere in practice: lookahead.theorem31.finite_time
    says what is left.
    """
    once = flow_everywhere(K, f, y, t)
    twice = flow_everywhere(K, once, y, t)
    return eq(twice[:, -1], share * once[:, -1], names=["f warm (x)", "f cold (x)"])


@claim(
    id="lookahead.theorem31.sign_descent",
    title="Theorem 3.1 with an early stage of sign descent",
    source=THEOREM,
    reading="any optimiser before the last stage; sign descent stands for those that rescale each parameter, as Adam does",
    expect="refuted",
    J=D.real(1, 2),
    start=D.real(2),
    early=D.real(1),
    y=D.real(1),
    phi=D.real(2),
    eta=D.interval(0.0625, 1),
    assumes=[_seen],
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def theorem31_sign_descent(
    J: Tensor, start: Tensor, early: Tensor, y: Tensor, phi: Tensor, eta: Tensor, *, share: float = 1.0
) -> Relation:
    r"""After one step $\theta \leftarrow \theta-\eta\,\mathrm{sign}(\nabla L)$ on the last set's own points, training to the
    end by gradient flow gives the same function as without that step.

    Counterexample: features (2, 1), $\theta_0 = 0$, both labels 1, $\eta = 1/2$: the step adds (1/2, 1/2), and the difference
    at the end is (-1/10, 2/10): the part of the step that the features do not span.
    """
    slope = times(J.mT, times(J, start) - early)
    stepped = start - eta[:, None] * torch.sign(slope)
    return _at(phi, _finished(J, stepped, y), _finished(J, start, y), share)


@claim(
    id="lookahead.theorem31.weight_decay",
    title="Theorem 3.1 with weight decay in an early stage",
    source=THEOREM,
    reading="any optimiser before the last stage; weight decay, from an initialisation that is not 0",
    expect="refuted",
    J=D.real(1, 2),
    start=D.real(2),
    early=D.real(1),
    y=D.real(1),
    phi=D.real(2),
    eta=D.interval(0.0625, 1),
    decay=D.interval(0.0625, 1),
    assumes=[_seen],
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def theorem31_weight_decay(
    J: Tensor, start: Tensor, early: Tensor, y: Tensor, phi: Tensor, eta: Tensor, decay: Tensor, *, share: float = 1.0
) -> Relation:
    r"""After one step $\theta \leftarrow (1-\eta w)\theta-\eta\nabla L$ on the last set's own points, training to the end by
    gradient flow gives the same function as without that step.

    Counterexample: features (1, 0), $\theta_0 = (0, 1)$, $\eta = w = 1/2$: the second parameter is 3/4 instead of 1 at the end.

    Notes: true for $\theta_0 = 0$, or any $\theta_0$ in the row span.
    """
    slope = times(J.mT, times(J, start) - early)
    stepped = (1 - eta * decay)[:, None] * start - eta[:, None] * slope
    return _at(phi, _finished(J, stepped, y), _finished(J, start, y), share)
