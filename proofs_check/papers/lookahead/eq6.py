r"""Equations (6) and (7): the outputs after infinite time, and retraining on one more point (Remark 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.lookahead import Converged, Flow
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_training import SOURCE, flow_everywhere, in_units_of, quadratic, square, times
from proofs_check.relations import Relation

EQ6 = f"{SOURCE}, section 3, eq. (6)"
EQ7 = f"{SOURCE}, section 3, eq. (7) and Remark 3.2"
SMALL = {"n": (2, 3)}


@claim(
    id="lookahead.eq6.as_printed",
    title="Eq. (6): the limit of eq. (5), kernel invertible",
    source=EQ6,
    reading="constant kernel, invertible on the training points, as printed",
    J=D.real("n", 2),
    phi=D.real(2),
    f=D.real("n"),
    y=D.real("n"),
    f_x=D.real(),
    time=D.interval(0, 8),
    dims={"n": (1, 2)},
    assumes=[lambda J: torch.linalg.det(J @ J.mT) > 0],
    mutants={"one percent closer": dict(share=0.99), "the speed one percent up": dict(speed=1.01)},
)
def eq6_as_printed(
    J: Tensor, phi: Tensor, f: Tensor, y: Tensor, f_x: Tensor, time: Tensor, *, share: float = 1.0, speed: float = 1.0
) -> Relation:
    r"""Let $\mathcal{K} = \mathcal{K}(X,X)$ be invertible and $f_\infty(x) =
    f_0(x)+\mathcal{K}(x,X)\,\mathcal{K}^{-1}(Y-f_0(X))$. Along the flow $(f_t(x)-f_\infty(x))^2 \le
    \mathcal{K}(x,x)\,e^{-2t\lambda_{\min}}\,(Y-f_0)^\top\mathcal{K}^{-1}(Y-f_0)$, so $f_t(x) \to f_\infty(x)$ for every x: eq.
    (6).

    Proof: the difference is $\mathcal{K}(x,X)\,\mathcal{K}^{-1}e^{-t\mathcal{K}}(Y-f_0)$; Cauchy and Schwarz.

    Tight at: one training point and x equal to it.
    """
    K, cross = J @ J.mT, times(J, phi)
    t = in_units_of(J, time)
    everything = torch.cat([J, phi[:, None, :]], -2)
    f_all, y_all = torch.cat([f, f_x[:, None]], -1), torch.cat([y, 0 * f_x[:, None]], -1)
    now = flow_everywhere(everything @ everything.mT, f_all, y_all, t)[:, -1]
    weights = torch.linalg.solve(K, (y - f)[..., None])[..., 0]
    gap = now - (f_x + (cross * weights).sum(-1))
    lowest = torch.amin(torch.linalg.eigvalsh(K), -1)
    bound = square(phi) * torch.exp(-2 * speed * t * lowest) * quadratic(K, weights)
    return leq(gap * gap, share * bound, names=["(f_t - f_inf)^2", "K(x,x) e^(-2 t lambda_min) r' K^-1 r"])


@claim(
    id="lookahead.eq6",
    title="Eq. (6) for every kernel and every labels: the pseudo-inverse",
    source=EQ6,
    sharpens="lookahead.eq6.as_printed",
    uses=["lookahead.eq5"],
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    t=D.step_size("K", D.interval(0, 8)),
    dims=SMALL,
    mutants={"the pull one percent too strong": dict(share=1.01), "the clock one percent fast": dict(clock=1.01)},
)
def eq6(K: Tensor, f: Tensor, y: Tensor, t: Tensor, *, share: float = 1.0, clock: float = 1.0) -> Relation:
    r"""For every positive semidefinite kernel and all labels, $f_\infty(x) = f_0(x)+\mathcal{K}(x,X)\,\mathcal{K}^+(Y-f_0(X))$
    satisfies $f_t(x) = f_\infty(x)-\mathcal{K}(x,X)\,\mathcal{K}^+e^{-t\mathcal{K}}(Y-f_0(X))$: each mode of the last term
    decays, so that $f_t(x)$ has the limit $f_\infty(x)$ at every x.

    Proof: $\mathcal{K}(X,x)$ lies in the range of $\mathcal{K}$, where $\phi_t(\mathcal{K}) =
    \mathcal{K}^+(I-e^{-t\mathcal{K}})$.

    Notes: labels that no function of the kernel fits are fitted in the least-squares sense (lookahead.eq6.conflicting_labels).
    """
    X = slice(0, K.shape[-1] - 1)
    inner = K[:, X, X]
    end = f[:, -1] + share * (al.lookahead.train(K, f, y, range(K.shape[-1] - 1), Converged())[:, -1] - f[:, -1])
    left = times(Converged().pull(inner) @ Flow(clock * t).remain(inner), (y - f)[:, X])
    return eq(
        flow_everywhere(K, f, y, t)[:, -1],
        end - (K[:, -1, X] * left).sum(-1),
        names=["f_t(x)", "f_inf(x) - K(x,X) K^+ e^(-tK) r"],
    )


@claim(
    id="lookahead.eq6.conflicting_labels",
    title="Conflicting labels of one point are averaged",
    source=EQ6,
    uses=["lookahead.eq6"],
    K=D.psd("n", cond=1e3),
    f=D.real("n"),
    y=D.real("n"),
    z=D.real("n"),
    dims=SMALL,
    mutants={"weight 0.51 for the first label": dict(first=0.51), "the first label only": dict(first=1.0)},
)
def eq6_conflicting_labels(K: Tensor, f: Tensor, y: Tensor, z: Tensor, *, first: float = 0.5) -> Relation:
    r"""If every training point occurs twice, with labels Y and Z, training to the end gives the same function as training on
    each point once with the label $(Y+Z)/2$ (kernel invertible on distinct points).
    """
    n = K.shape[-1]
    order = [*range(n - 1), *range(n)]
    twice = al.lookahead.train(
        K[:, order][:, :, order], f[:, order], torch.cat([y[:, :-1], z], -1), range(2 * n - 2), Converged()
    )
    once = al.lookahead.train(K, f, first * y + (1 - first) * z, range(n - 1), Converged())
    return eq(twice[:, -1], once[:, -1], names=["f_inf(x), two labels", "f_inf(x), their mean"])


@claim(
    id="lookahead.eq7",
    title="Eq. (7) and Remark 3.2: retraining by augmenting the kernel",
    source=EQ7,
    reading="constant kernel, invertible on the old points and the new one",
    uses=["lookahead.eq6.as_printed", "lookahead.theorem31"],
    K=D.psd("n", cond=1e3),
    f=D.real("n"),
    y=D.real("n"),
    dims={"n": (3, 4)},
    mutants={"the new label weighs one percent more": dict(label=1.01), "the pull one percent too strong": dict(share=1.01)},
)
def eq7(K: Tensor, f: Tensor, y: Tensor, *, label: float = 1.0, share: float = 1.0) -> Relation:
    r"""Train to the end on L, then from there to the end on $L^+ = L\cup\{(x',y')\}$. The result is $f_{L^+}(x) =
    f_0(x)+\mathcal{K}(x,X^+)\,\mathcal{K}(X^+,X^+)^{-1}(Y^+-f_0(X^+))$, the kernel of L bordered by one row and column.

    Notes: needs $u = \mathcal{K}(x',x')-\mathcal{K}(x',X)\mathcal{K}^{-1}\mathcal{K}(X,x') > 0$; otherwise
    lookahead.eq7.singular.
    """
    n = K.shape[-1]
    X = slice(0, n - 1)
    warm, _ = al.lookahead.train_in_turn(K, f, y, [range(n - 2), range(n - 1)], Converged())
    new = (torch.arange(n) == n - 2).to(torch.float64)
    labels = y * (1 + (label - 1) * new)
    pull = torch.linalg.solve(K[:, X, X], (labels - f)[:, X, None])[..., 0]
    return eq(
        warm[:, -1], f[:, -1] + share * (K[:, -1, X] * pull).sum(-1), names=["f_L+(x), trained on L, then on L+", "eq. (7)"]
    )


@claim(
    id="lookahead.eq7.singular",
    title="Eq. (7) where the new point is no news: the pseudo-inverse",
    source=EQ7,
    reading="the candidate's features lie in the span of those of L, a duplicate for instance: u = 0",
    sharpens="lookahead.eq7",
    uses=["lookahead.eq6"],
    J=D.real("n", 3),
    mix=D.real("n"),
    phi=D.real(3),
    f=D.real("n"),
    y=D.real("n"),
    fresh=D.real(2),
    dims={"n": (1, 2)},
    mutants={"the pull one percent too strong": dict(share=1.01), "the new label weighs nothing": dict(label=0.0)},
)
def eq7_singular(
    J: Tensor, mix: Tensor, phi: Tensor, f: Tensor, y: Tensor, fresh: Tensor, *, share: float = 1.0, label: float = 1.0
) -> Relation:
    r"""If the features of $x'$ are a combination of those of L ($u = 0$, eq. (7) has no inverse), then still $f_{L^+}(x) =
    f_0(x)+\mathcal{K}(x,X^+)\,\mathcal{K}(X^+,X^+)^+(Y^+-f_0(X^+))$, warm start or not, and it minimises the squared error on
    $L^+$: $c^\top\mathcal{K}(X^+,X^+)(f_{L^+}(X^+)-Y^+) = 0$ for every c (here the starting values).

    Notes: so a duplicate of a labelled point with another label moves the model to the mean of both labels; its row and column
    in eq. (8) make the kernel singular.
    """
    n = J.shape[-2]
    features = torch.cat([J, (mix[..., None] * J).sum(-2)[:, None, :], phi[:, None, :]], -2)
    K = features @ features.mT
    start = torch.cat([f, fresh[:, :1], 0 * fresh[:, :1]], -1)
    truth = torch.cat([y, fresh[:, 1:], 0 * fresh[:, :1]], -1)
    warm, _ = al.lookahead.train_in_turn(K, start, truth, [range(n), range(n + 1)], Converged())
    X = slice(0, n + 1)
    counted = torch.where(torch.arange(n + 1) == n, label, 1.0).to(torch.float64)
    pull = times(Converged().pull(K[:, X, X]), counted * (truth - start)[:, X])
    fitted, wanted = times(K[:, X, X], warm[:, X]), times(K[:, X, X], truth[:, X])
    printed = start[:, -1] + share * (K[:, -1, X] * pull).sum(-1)
    return all_of(
        eq(warm[:, -1], printed, names=["f_L+(x), trained on L, then on L+", "eq. (7) with K^+"]),
        eq((start[:, X] * fitted).sum(-1), (start[:, X] * wanted).sum(-1), names=["c' K f_L+(X+)", "c' K Y+"]),
    )
