r"""Theorem 3.1 and A.2: warm starts end where a cold start ends; the paper's hypotheses, the ones needed, and the law at finite
times.

All for a constant kernel, where training is exact. What the theorem needs is shown in `theorem31_needs`, what a ridge does to
it in `ridge`.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.lookahead import Converged, Descent, Flow
from proofs_check import claim, eq, leq, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.lookahead._settings_training import (
    SOURCE,
    chosen,
    descent_everywhere,
    flow_everywhere,
    in_units_of,
    quadratic,
    square,
    times,
)
from proofs_check.papers.lookahead._warm_networks import WIDTHS, gap
from proofs_check.relations import Rate, Relation

THEOREM = f"{SOURCE}, Theorem 3.1 and Theorem A.2"
STEPS = 3


def _mostly(before: Tensor, after: Tensor, share: float) -> Tensor:
    return before + share * (after - before)


def _warm_and_cold(K: Tensor, f: Tensor, y: Tensor, share: float, skip: int) -> Relation:
    """Nested stages, one point more each time, against the last stage alone; values at x."""
    n = K.shape[-1]
    stages = [range(k) for k in range(1, n)]
    before = al.lookahead.train_in_turn(K, f, y, stages[:-1], Converged())[0] if n > 2 else f
    last = stages[-1][skip:] if n > 2 else stages[-1]
    warm = _mostly(before, al.lookahead.train(K, before, y, last, Converged()), share)
    cold = al.lookahead.train(K, f, y, stages[-1], Converged())
    return eq(warm[:, -1], cold[:, -1], names=["f_S1,...,SC (x), warm", "f_SC (x), cold"])


@claim(
    id="lookahead.theorem31",
    title="Theorem 3.1 for an invertible kernel",
    source=THEOREM,
    reading="constant kernel, invertible on the last set; nested sets with the same labels; every stage to t = infinity",
    K=D.psd("n", cond=1e3),
    f=D.real("n"),
    y=D.real("n"),
    dims={"n": (2, 4)},
    uses=["lookahead.eq6.as_printed"],
    mutants={"the last stage 99 percent done": dict(share=0.99), "the last stage without its first point": dict(skip=1)},
)
def theorem31(K: Tensor, f: Tensor, y: Tensor, *, share: float = 1.0, skip: int = 0) -> Relation:
    r"""Let $S_1\subset S_2\subset\dots\subset S_C$. Under a constant kernel, gradient flow of the squared loss on $S_1$, then
    $S_2$, ..., each to $t = \infty$, ends in the same function as the flow from $f_0$ on $S_C$ alone:
    $f_{S_{1,2,\dots,C}}(x) = f_{S_C}(x)$ for every x.

    In the paper: for a network, "taking $n_0, n_1, \dots, n_L \to \infty$ sequentially".

    Repairs: the widths of the input and of the output cannot grow. For a network the equality is a limit, in probability and
    for each x: lookahead.theorem31.network.

    Notes: the hypotheses are far too strong; see lookahead.theorem31.sharp.
    """
    return _warm_and_cold(K, f, y, share, skip)


@claim(
    id="lookahead.theorem31.singular",
    title="Theorem 3.1 for every kernel: singular ones, duplicates, labels that cannot be fitted",
    source=THEOREM,
    reading="constant kernel, not invertible",
    sharpens="lookahead.theorem31",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    dims={"n": (2, 4)},
    uses=["lookahead.eq6"],
    mutants={"the last stage 99 percent done": dict(share=0.99), "the last stage without its first point": dict(skip=1)},
)
def theorem31_singular(K: Tensor, f: Tensor, y: Tensor, *, share: float = 1.0, skip: int = 0) -> Relation:
    r"""The same for every positive semidefinite kernel and all labels: nothing has to be invertible, and nothing fitted.

    Proof: $f_{warm}-f_0 = K(\cdot,X)\,a$ on the points X of $S_C$, and the last stage adds
    $K(\cdot,X)\,\mathcal{K}^+(Y-f_0-\mathcal{K}a)$; since $\mathcal{K}^+\mathcal{K}a-a$ lies in the null space of
    $\mathcal{K}$, which $K(x,X)$ does not see, a drops out.
    """
    return _warm_and_cold(K, f, y, share, skip)


@claim(
    id="lookahead.theorem31.sharp",
    title="Theorem 3.1, sharp: only the last stage has to converge",
    source=f"replaces {THEOREM}; own derivation",
    reading="updates in the row span of the features: gradient descent, stochastic or not, with or without momentum",
    sharpens="lookahead.theorem31.singular",
    J=D.real("m", 2),
    mix=D.real(3, "m"),
    slopes=D.real(3),
    momentum=D.interval(0, 1),
    start=D.real(2),
    y=D.real("m"),
    phi=D.real(2),
    dims={"m": (1, 2)},
    mutants={"early features one percent out of the span": dict(out=0.01), "the last stage 99 percent done": dict(share=0.99)},
)
def theorem31_sharp(
    J: Tensor,
    mix: Tensor,
    slopes: Tensor,
    momentum: Tensor,
    start: Tensor,
    y: Tensor,
    phi: Tensor,
    *,
    out: float = 0.0,
    share: float = 1.0,
) -> Relation:
    r"""For a model that is linear in its parameters, warm start = cold start at every x as soon as (i) the features of all
    earlier points lie in the span of the features J of the last set, and (ii) the last stage, on the squared loss, runs to $t =
    \infty$. The earlier stages may use any loss, any labels, sets that are not nested, any number of steps, heavy-ball
    momentum, minibatches. Here: three steps $v \leftarrow \beta v-s_ie_i$, $\theta \leftarrow \theta+v$ on three earlier points
    with features $e_i$ and arbitrary slopes $s_i$ of their losses.

    Proof: the last stage ends at $\theta = (I-P)\,\theta_{warm}+J^+Y$, P the projection on the row span of J, and every earlier
    update left $(I-P)\theta$ as it was.

    Notes: (i) and (ii) cannot be dropped (`theorem31_needs`); at a single x (i) is not necessary. Sign descent, Adam and weight
    decay leave the row span: lookahead.theorem31.sign_descent, lookahead.theorem31.weight_decay.
    """
    early = mix @ J
    aside = torch.stack([-J[:, 0, 1], J[:, 0, 0]], -1)  # orthogonal to the first row
    theta, velocity = start, 0 * start
    for i in range(3):
        velocity = momentum[:, None] * velocity - slopes[:, i, None] * (early[:, i] + out * aside)
        theta = theta + velocity

    def finished(at: Tensor) -> Tensor:
        pull = times(Converged().pull(J @ J.mT), y - times(J, at))
        return at + share * times(J.mT, pull)

    warm, cold = (phi * finished(theta)).sum(-1), (phi * finished(start)).sum(-1)
    return eq(warm, cold, names=["f warm (x)", "f cold (x)"])


@claim(
    id="lookahead.theorem31.finite_time",
    title="Warm start against cold start when the last stage stops at time t",
    source=f"replaces {THEOREM} at finite times; own derivation",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    a=D.real("n"),
    t=D.step_size("K", D.interval(0, 8)),
    dims={"n": (2, 3)},
    uses=["lookahead.eq5"],
    mutants={"one percent more": dict(share=1.01), "the clock one percent fast": dict(clock=1.01)},
)
def theorem31_finite_time(
    K: Tensor, f: Tensor, y: Tensor, a: Tensor, t: Tensor, *, share: float = 1.0, clock: float = 1.0
) -> Relation:
    r"""Let the earlier stages have led from $f_0$ to $f_0+K(\cdot,X)\,a$, X the points of the last stage. After the flow on
    them for the time t: $f_t^{warm}(x)-f_t^{cold}(x) = K(x,X)\,e^{-t\mathcal{K}}a$, exactly, whatever the labels.
    """
    X = slice(0, K.shape[-1] - 1)
    learnt = a[:, X]
    warm = flow_everywhere(K, f + times(K[:, :, X], learnt), y, t)[:, -1]
    cold = flow_everywhere(K, f, y, t)[:, -1]
    law = al.lookahead.warm_start_gap(K[:, -1:, X], K[:, X, X], learnt, Flow(clock * t))[:, 0]
    return eq(warm - cold, share * law, names=["f warm - f cold", "K(x,X) e^(-tK) a"])


@claim(
    id="lookahead.theorem31.finite_steps",
    title="Warm start against cold start after m steps of the last stage",
    source=f"replaces {THEOREM} at finite times; own derivation",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    a=D.real("n"),
    eta=D.step_size("K", D.interval(0, 3)),
    m=D.integer(0, STEPS),
    dims={"n": (2, 3)},
    uses=["lookahead.eq5.descent"],
    mutants={"one percent more": dict(share=1.01), "steps one percent longer": dict(longer=1.01)},
)
def theorem31_finite_steps(
    K: Tensor, f: Tensor, y: Tensor, a: Tensor, eta: Tensor, m: Tensor, *, share: float = 1.0, longer: float = 1.0
) -> Relation:
    r"""The same for m steps of gradient descent: $f_m^{warm}(x)-f_m^{cold}(x) = K(x,X)\,(I-\eta\mathcal{K})^ma$.

    Notes: at $\eta\lambda = 2$ the part of a on that eigenvector changes its sign at every step and never decays.
    """
    X = slice(0, K.shape[-1] - 1)
    learnt = a[:, X]
    warm = descent_everywhere(K, f + times(K[:, :, X], learnt), y, eta, m, STEPS)[:, -1]
    cold = descent_everywhere(K, f, y, eta, m, STEPS)[:, -1]
    laws = [
        al.lookahead.warm_start_gap(K[:, -1:, X], K[:, X, X], learnt, Descent(longer * eta, s))[:, 0] for s in range(STEPS + 1)
    ]
    return eq(warm - cold, share * chosen(laws, m), names=["f warm - f cold", "K(x,X) (I - eta K)^m a"])


@claim(
    id="lookahead.theorem31.finite_time.bound",
    title="How fast a warm start forgets",
    source=f"replaces {THEOREM} at finite times; own derivation",
    J=D.real("m", 2),
    phi=D.real(2),
    a=D.real("m"),
    time=D.interval(0, 8),
    dims={"m": (1, 2)},
    assumes=[lambda J: square(J.flatten(1)) > 0],
    uses=["lookahead.theorem31.finite_time"],
    mutants={"one percent less": dict(share=0.99), "the speed one percent up": dict(speed=1.01)},
)
def theorem31_finite_time_bound(
    J: Tensor, phi: Tensor, a: Tensor, time: Tensor, *, share: float = 1.0, speed: float = 1.0
) -> Relation:
    r"""$(f_t^{warm}(x)-f_t^{cold}(x))^2 \le K(x,x)\,e^{-2t\lambda_{\min}}\,a^\top\mathcal{K}a$ for features J of the last set,
    $\mathcal{K} = JJ^\top$ with the smallest eigenvalue $\lambda_{\min}$, and every x.

    Proof: $K(x,X)\,e^{-t\mathcal{K}}a$ is the inner product of the features of x and $J^\top e^{-t\mathcal{K}}a$.

    Tight at: a along the eigenvector of $\lambda_{\min}$ and the features of x along $J^\top a$.
    """
    K, t = J @ J.mT, in_units_of(J, time)
    gap = al.lookahead.warm_start_gap(times(J, phi)[:, None, :], K, a, Flow(t))[:, 0]
    lowest = torch.amin(torch.linalg.eigvalsh(K), -1)
    bound = square(phi) * torch.exp(-2 * speed * t * lowest) * quadratic(K, a)
    return leq(gap * gap, share * bound, names=["(f warm - f cold)^2", "K(x,x) e^(-2 t lambda_min) a'Ka"])


# networks


@remembered
def _gaps(seed: Tensor) -> Tensor:
    return torch.tensor([[gap(s, m) for m in WIDTHS] for s in seed.tolist()], dtype=torch.float64)


@claim(
    id="lookahead.theorem31.network",
    title="Warm start against cold start for networks of finite width",
    source=THEOREM,
    reading="smooth network of one hidden layer, at finite width: how the difference goes to 0",
    experiment="lookahead.warm_networks",
    seed=D.seed(),
    uses=["lookahead.theorem31", "common.linearisation.smooth"],
    mutants={"no fall": dict(exponent=-0.25), "rate -2": dict(exponent=-2.0)},
)
def theorem31_network(seed: Tensor, *, exponent: float = -1.0) -> Rate:
    r"""For a tanh network with both layers trained, the root mean square of $f_{S_{1,2}}-f_{S_2}$ at random points falls as
    $m^{-1}$ with the width m (from 32 to 256; two, then three labelled points).

    Notes: so the theorem is a limit, and an equality at no width. The proof takes $t \to \infty$ after the width (Remark A.1);
    this measures both together. On digits with 40 and 50 labels the difference is not small: 0.69, 0.43 and 0.27 of
    $\|f_{S_1}-f_{S_2}\|$ at the widths 64, 256 and 1024 (hand audit, one network each).
    """
    return rate(WIDTHS, _gaps(seed), exponent=exponent, tolerance=0.25)
