r"""Training in turn with a ridge penalty: what the jitter in eq. (11) does to Theorem 3.1."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.lookahead import Ridge
from proofs_check import claim, eq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_training import SOURCE, eye, times
from proofs_check.relations import Relation

RIDGE = f"{SOURCE}, Theorem 3.1 with eq. (11), and the jitter that its inverse needs in practice"


@claim(
    id="lookahead.ridge",
    title="Ridge centred at the initialisation: warm start = cold start",
    source=RIDGE,
    reading="the penalty stays centred at the first parameters, and old points act through their precision",
    J=D.real("m", 2),
    new=D.real("k", 2),
    phi=D.real(2),
    start=D.real(2),
    y=D.real("m"),
    z=D.real("k"),
    c=D.interval(0.125, 2),
    dims={"m": (1, 2), "k": (1, 2)},
    mutants={"the old points one percent lighter": dict(weight=0.99), "centred at the current model": dict(weight=0.0)},
)
def ridge(
    J: Tensor, new: Tensor, phi: Tensor, start: Tensor, y: Tensor, z: Tensor, c: Tensor, *, weight: float = 1.0
) -> Relation:
    r"""Let $\theta_1$ minimise $\|Y-J\theta\|^2+c\|\theta-\theta_0\|^2$ and $\theta_2$ minimise
    $\|Z-N\theta\|^2+(\theta-\theta_1)^\top(cI+J^\top J)(\theta-\theta_1)$ on the new points. Then $\theta_2$ is the ridge
    solution $f_0(x)+K(x,X)\,(K(X,X)+cI)^{-1}(Y-f_0(X))$ on all points.

    Proof: completing the square; for $c > 0$ the minimiser is unique.
    """
    known = c[:, None, None] * eye(2) + J.mT @ J
    first = start + torch.linalg.solve(known, times(J.mT, y - times(J, start))[..., None])[..., 0]
    prior = c[:, None, None] * eye(2) + weight * (J.mT @ J)
    step = torch.linalg.solve(prior + new.mT @ new, times(new.mT, z - times(new, first))[..., None])[..., 0]
    features = torch.cat([J, new, phi[:, None, :]], -2)
    labels = torch.cat([y, z, 0 * c[:, None]], -1)
    whole = al.lookahead.train(features @ features.mT, times(features, start), labels, range(features.shape[-2] - 1), Ridge(c))
    return eq((phi * (first + step)).sum(-1), whole[:, -1], names=["f(x), one set after the other", "f(x), all at once"])


@claim(
    id="lookahead.ridge.current_model",
    title="Ridge centred at the current model: the way matters",
    source=RIDGE,
    reading="the penalty centred at the model that each stage starts from, as the jitter in eq. (11) has it",
    expect="refuted",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    c=D.interval(0.125, 2),
    dims={"n": (2, 3)},
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def ridge_current_model(K: Tensor, f: Tensor, y: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""For nested sets, training in turn by $f \leftarrow f+K(\cdot,X)\,(K(X,X)+cI)^{-1}(Y-f(X))$ ends in the same function as
    doing it once, on the last set (here twice the same set).

    Counterexample: $K = c = 1$, $f_0 = 0$, $y = 1$: 3/4 after two stages, 1/2 after one.

    Notes: so eq. (11) with jitter, used sequentially, depends on the order of the labels; lookahead.ridge is the form that does
    not.
    """
    X = range(K.shape[-1] - 1)
    warm, _ = al.lookahead.train_in_turn(K, f, y, [X, X], Ridge(c))
    cold = al.lookahead.train(K, f, y, X, Ridge(c))
    return eq(warm[:, -1], share * cold[:, -1], names=["f(x), in turn", "f(x), at once"])
