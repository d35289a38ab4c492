r"""Propositions 4 and 5: how the layers of a relu network change in one step, exactly."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import semi_smooth
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_valleys import SOURCE
from proofs_check.relations import Relation

FOURTH = f"{SOURCE}, proposition 4"
FIFTH = f"{SOURCE}, proposition 5"


@claim(
    id="crc.proposition4.as_printed",
    title="Proposition 4 with the layers as printed",
    source=FOURTH,
    reading="as printed: h^l on the left, where the sentence before has h^{l-1}",
    expect="refuted",
    W=D.real("d", "d"),
    V=D.real("d", "d"),
    h=D.nonneg("d"),
    dims={"d": (1, 2)},
    mutants={"entries of size 0.9 at most": dict(size=0.9), "entries of size 2 allowed": dict(size=2.0)},
)
def proposition4_as_printed(W: Tensor, V: Tensor, h: Tensor, *, size: float = 1.0) -> Relation:
    r"""Let W and V be the weights of a layer before and after the step and $h = h^{l-1}$ its input (the same at both times,
    as in the first layer). There is a diagonal $\tilde D$ with entries in [-1, 1] such that $D_{t+1}V h^l_{t+1}-D_tW h^l_t
    = (D_t+\tilde D)(Vh-Wh)$.

    In the paper: $D^l_{t+1}W_{t+1}h^l_{t+1}-D^l_tW_th^l_t = (D^l_t+\tilde D^l)(W^l_{t+1}h^{l-1}_{t+1}-W^l_th^{l-1}_t)$.

    Counterexample: d = 1, W = 2, V = 3, h = 1: the left side is $9-4 = 5$, the right side at most 2.

    Notes: a slip of the index: crc.proposition4 has $h^{l-1}$ on both sides. Also $\tilde D^l\in[-1,1]^{d\times d}$ must be
    diagonal, as the title of the proposition says, and $D^l$ is the diagonal of $1\{g^l_k \ge 0\}$.
    """
    old, new = (W @ h[..., None])[..., 0], (V @ h[..., None])[..., 0]
    D_old, D_new = (torch.where(g >= 0, torch.ones_like(g), 0 * g) for g in (old, new))
    h_old, h_new = D_old * old, D_new * new
    left = D_new * (V @ h_new[..., None])[..., 0] - D_old * (W @ h_old[..., None])[..., 0]
    short = torch.abs(left - D_old * (new - old)) - size * torch.abs(new - old)
    return leq(short.amax(-1), 0 * short[..., 0], names=["distance from what some D~ reaches", "0"])


@claim(
    id="crc.proposition4",
    title="Proposition 4, repaired",
    source=f"replaces {FOURTH}",
    amends="crc.proposition4.as_printed",
    a=D.real("d"),
    b=D.real("d"),
    probe=D.real("d"),
    dims={"d": (1, 4)},
    mutants={
        "no D~": dict(kept=0.0),
        "entries at most 0.99": dict(most=0.99),
        "one flipped coordinate fewer": dict(fewer=1),
    },
)
def proposition4(a: Tensor, b: Tensor, probe: Tensor, *, kept: float = 1.0, most: float = 1.0, fewer: int = 0) -> Relation:
    r"""For $a,b\in R^d$ and $D = \mathrm{diag}(1\{b\ge0\})$ there is a diagonal $\tilde D$ with
    $\mathrm{relu}(a)-\mathrm{relu}(b) = (D+\tilde D)(a-b)$, entries in [-1, 1], $0 \le D+\tilde D \le 1$, and no more
    nonzero entries than coordinates whose sign differs between a and b.

    Proof: coordinate by coordinate: relu is monotone and 1-Lipschitz, and where the signs agree $\tilde D = 0$ will do.

    Notes: with $a = g^l_{t+1}$ and $b = g^l_t$ this is the proposition (Allen-Zhu et al. 2019, proposition 11.3). That
    $\tilde D$ is 0 off the flipped neurons is what makes it small near initialisation; the paper leaves it out.
    """
    on, moved = semi_smooth.relu_expansion(a, b)
    left = torch.clamp(a, min=0) - torch.clamp(b, min=0)
    right = (on + kept * moved) * (a - b)
    one = torch.ones_like(a)
    zero = 0 * a
    flips = torch.where((a >= 0) != (b >= 0), one, zero).sum(-1)
    nonzero = torch.where(moved != 0, one, zero).sum(-1)
    allowed = torch.where(flips > fewer, flips - fewer, 0 * flips)
    return all_of(
        eq((probe * left).sum(-1), (probe * right).sum(-1), names=["relu(a) - relu(b)", "(D + D~)(a - b)"]),
        leq((on + moved).amax(-1), most + zero[..., 0], names=["largest entry of D + D~", "1"]),
        leq(-(on + moved).amin(-1), zero[..., 0], names=["minus the smallest entry of D + D~", "0"]),
        leq(torch.abs(moved).amax(-1), most + zero[..., 0], names=["largest entry of |D~|", "1"]),
        leq(nonzero, allowed, names=["nonzero entries of D~", "flipped signs"]),
    )


@claim(
    id="crc.proposition5",
    title="Proposition 5: the change of the last layer, unrolled",
    source=FIFTH,
    reading="for every input of the data set, with the gradient of the loss on all of them",
    W1=D.real("d", "d"),
    W2=D.real("d", "d"),
    W3=D.real("d", "d"),
    B=D.real(1, "d"),
    X=D.real("n", "d"),
    Y=D.real("n", 1),
    eta=D.interval(0, 2),
    probe=D.real("n", "d"),
    dims={"d": (1, 2), "n": (1, 2)},
    uses=["crc.proposition4"],
    mutants={
        "the layers before the step": dict(after=False),
        "no D~": dict(kept=0.0),
        "the first layer left out": dict(lowest=1),
    },
)
def proposition5(
    W1: Tensor,
    W2: Tensor,
    W3: Tensor,
    B: Tensor,
    X: Tensor,
    Y: Tensor,
    eta: Tensor,
    probe: Tensor,
    *,
    after: bool = True,
    kept: float = 1.0,
    lowest: int = 0,
) -> Relation:
    r"""For one step $W^r_{t+1} = W^r_t-\eta\nabla_{W^r}L_t$ of a relu network with L layers and the $\tilde D^l$ of
    proposition 4: $h^L_{t+1}-h^L_t = -\eta\sum_{r=1}^L(D^L_t+\tilde D^L)W^L_t\cdots W^{r+1}_t(D^r_t+\tilde
    D^r)(\nabla_{W^r}L_t)h^{r-1}_{t+1}$.

    Proof: $g^l_{t+1}-g^l_t = W^l_t(h^{l-1}_{t+1}-h^{l-1}_t)-\eta(\nabla_{W^l}L_t)h^{l-1}_{t+1}$, proposition 4, and induction.

    Notes: an identity for every $\eta$ and every matrix in the place of the gradient. Attacked with L = 3, a squared loss,
    up to two inputs; both sides are compared through their inner product with a probe.
    """
    weights = [W1, W2, W3]
    gradients = semi_smooth.layer_gradients(weights, B, X, Y)
    moved = [W - eta[:, None, None] * G for W, G in zip(weights, gradients, strict=True)]
    old, new = semi_smooth.forward(weights, X), semi_smooth.forward(moved, X)
    masks = []
    for a, b in zip(new.pre, old.pre, strict=True):
        on, turned = semi_smooth.relu_expansion(a, b)
        masks.append(on + kept * turned)
    inputs = new.post if after else old.post
    total = 0 * old.post[-1]
    for r, P in enumerate(semi_smooth.propagators(masks, weights)):
        if r >= lowest:
            total = total + (P @ (inputs[r] @ gradients[r].mT)[..., None])[..., 0]
    left = (probe * (new.post[-1] - old.post[-1])).sum(-1).sum(-1)
    return eq(left, -eta * (probe * total).sum(-1).sum(-1), names=["change of the last layer", "unrolled"])
