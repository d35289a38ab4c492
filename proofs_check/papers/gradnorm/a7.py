r"""Appendix A.7: one forward and one backward pass for each sample; and two-layer networks, which need no backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from altheory import gradnorm
from proofs_check import all_of, chain, claim, eq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.gradnorm._settings_logits import SOURCE, gradient, square
from proofs_check.relations import Measurement, Relation

A7 = f"{SOURCE}, appendix A.7: 'one only needs a feed-forward and a back-propagate step for each unlabeled sample'"
CLASSES, SAMPLES = 5, 6


class _Counted(torch.nn.Module):
    """A network that counts the samples that pass it forward and backward."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(CLASSES, 3, generator=generator, dtype=torch.float64))
        self.forward_passes = self.backward_passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.forward_passes += 1
        z = torch.tanh(x @ self.weight.T)
        z.register_hook(self._back)
        return z

    def _back(self, slope: Tensor) -> Tensor:
        self.backward_passes += 1
        return slope


def _score(net: _Counted, x: Tensor, way: str) -> None:
    """One sample's score, as the paper's code takes it, or by one backward pass for each label."""
    cross_entropy = torch.nn.functional.cross_entropy
    with torch.enable_grad():
        if way == "each label":
            losses = [cross_entropy(net(x), torch.tensor([label])) for label in range(CLASSES)]
        else:
            z = net(x)
            p = torch.softmax(z, -1)[0]
            expected = torch.stack([p[i] * cross_entropy(z, torch.tensor([i])) for i in range(CLASSES)]).sum()
            losses = [expected if way == "expected" else -(p * torch.log(p)).sum()]
        for loss in losses:
            torch.autograd.grad(loss, net.weight)


@remembered
def passes_of(seed: Tensor, way: str) -> Tensor:
    """Forward and backward passes for each sample, (seeds, 2)."""
    found = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        net = _Counted(generator)
        for x in torch.randn(SAMPLES, 1, 3, generator=generator, dtype=torch.float64):
            _score(net, x, way)
        found.append([net.forward_passes / SAMPLES, net.backward_passes / SAMPLES])
    return torch.tensor(found, dtype=torch.float64)


@claim(
    id="gradnorm.a7.passes",
    title="Expected-gradnorm: passes for each sample, counted",
    source=A7,
    reading="the scheme (6) as the paper's code computes it, N = 5",
    expect="reproduced",
    experiment="gradnorm.a7",
    seed=D.seed(),
    mutants={"one backward pass for each label": dict(way="each label"), "two samples in one pass": dict(each=0.5)},
)
def passes(seed: Tensor, *, way: str = "expected", each: float = 1.0) -> Measurement:
    r"""$L_{exp}$ of a sample takes one forward and one backward pass, whatever the number of classes: it is one number, a
    loop over N labels only adds up N losses of the same logits.

    In the paper: A.7; A.4 has "we only need to run a loop of N iterations".

    Notes: expected gradient length takes N backward passes by autograd.
    """
    return measurement(passes_of(seed, way).sum(-1), expect=(2 * each, 2 * each))


@claim(
    id="gradnorm.a7.passes.entropy",
    title="Entropy-gradnorm: passes for each sample, counted",
    source=A7,
    reading="the scheme (7)",
    expect="reproduced",
    experiment="gradnorm.a7",
    seed=D.seed(),
    mutants={"one backward pass for each label": dict(way="each label"), "two samples in one pass": dict(each=0.5)},
)
def passes_entropy(seed: Tensor, *, way: str = "entropy", each: float = 1.0) -> Measurement:
    r"""$L_{ent}$ of a sample takes one forward and one backward pass."""
    return measurement(passes_of(seed, way).sum(-1), expect=(2 * each, 2 * each))


NETWORK: dict[str, Any] = {
    "W": D.real("m", "d"),
    "b": D.real("m"),
    "A": D.real("N", "m"),
    "c": D.real("N"),
    "x": D.real(1, "d"),
}
SIZES = {"m": (1, 2), "d": (1, 2), "N": (1, 3)}


def _jacobian(net: gradnorm.TwoLayer, x: Tensor) -> Tensor:
    """The gradients of the logits of one sample in (W, b, A, c), written out: (batch, N, p)."""
    u = net.below(x)[:, 0]
    h, D_ = net.activation.phi(u), net.activation.derivative(u)
    N, first = net.outputs, net.A * D_[:, None, :]
    eye = torch.eye(N, dtype=torch.float64)
    inner = (first[..., None] * x[:, :, None, :]).reshape(*first.shape[:-1], -1)
    outer = (eye[..., None] * h[:, None, None, :]).reshape(h.shape[0], N, -1)
    return torch.cat([inner, first, outer, eye + 0 * h[:, :1, None]], -1)


@claim(
    id="gradnorm.a7.closed_form",
    title="Two-layer networks: the gradient norm of any loss without its gradient",
    source="own derivation",
    **NETWORK,
    v=D.real(1, "N"),
    dims=SIZES,
    mutants={"without the first layer's biases": dict(first=0.0), "one percent more": dict(share=1.01)},
)
def closed_form(
    W: Tensor, b: Tensor, A: Tensor, c: Tensor, x: Tensor, v: Tensor, *, first: float = 1.0, share: float = 1.0
) -> Relation:
    r"""Let $z = A\,s(Wx+b)+c$ with $h = s(Wx+b)$, $D = s'(Wx+b)$ (here relu), and let a loss have slope v in z. In all
    parameters its gradient has $|J^\top v|^2 = (|x|^2+1)\,|(A^\top v)\circ D|^2+(|h|^2+1)\,|v|^2$.

    Proof: the gradient in (W, b, A, c) is $(qx^\top, q, vh^\top, v)$, $q = (A^\top v)\circ D$.

    Notes: the right side is `altheory.gradnorm`. The entropy has $v = -p\circ(\log p+H)$.
    """
    net = gradnorm.TwoLayer(W, A, b, c, activation="relu")
    norms = gradnorm.slope_norms(net, x, lambda z: v)[:, 0]
    explicit = square(gradient(_jacobian(net, x), v[:, 0]))
    q = (v @ A)[:, 0] * net.activation.derivative(net.below(x))[:, 0]
    less = (1 - first) * square(q)
    return eq(share * explicit, norms * norms - less, names=["sum of all squares", "closed form"])


@claim(
    id="gradnorm.a7.cross",
    title="Two-layer networks: inner products of the logits' gradients",
    source="own derivation",
    sharpens="gradnorm.a7.closed_form",
    **NETWORK,
    other=D.real(1, "d"),
    v=D.real("N"),
    w=D.real("N"),
    dims={"m": (1, 2), "d": (1, 2), "N": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "the outputs mixed up": dict(mixed=True)},
)
def cross(
    W: Tensor, b: Tensor, A: Tensor, c: Tensor, x: Tensor, other: Tensor, v: Tensor, w: Tensor, *, share: float = 1.0,
    mixed: bool = False
) -> Relation:  # fmt: skip
    r"""$\langle J_k(x),J_l(x')\rangle = (\langle x,x'\rangle+1)\sum_rA_{kr}A_{lr}D_rD'_r+\delta_{kl}(\langle h,h'\rangle+1)$:
    for all v and w, $\langle J(x)^\top v,J(x')^\top w\rangle = \sum_{kl}v_kw_l\langle J_k(x),J_l(x')\rangle$; and $K_x$ for x
    = x'.
    """
    net = gradnorm.TwoLayer(W, A, b, c, activation="relu")
    products = gradnorm.cross_products(net, x, other)[..., 0, 0]
    if mixed:
        products = torch.flip(products, [-1])
    J, J2 = _jacobian(net, x), _jacobian(net, other)
    explicit = (gradient(J, v) * gradient(J2, w)).sum(-1)
    own = gradnorm.output_gram(net, x)[:, 0]
    return all_of(
        eq(share * explicit, _form(products, v, w), names=["<J(x)'v, J(x')'w>", "closed form"]),
        eq((gradient(J, v) * gradient(J, w)).sum(-1), _form(own, v, w), names=["<J(x)'v, J(x)'w>", "v'K w"]),
    )


def _form(K: Tensor, v: Tensor, w: Tensor) -> Tensor:
    return ((K * w[:, None, :]).sum(-1) * v).sum(-1)


@claim(
    id="gradnorm.a7.operations",
    title="Without a backward pass: half to a third of the multiplications",
    source=f"improves on {A7}",
    sharpens="gradnorm.a7.passes.entropy",
    d=D.integer(16, 4096),
    m=D.integer(16, 4096),
    N=D.integer(2, 64),
    uses=["gradnorm.a7.closed_form"],
    mutants={"2.1 times fewer": dict(least=2.1), "at most 2.9 times fewer": dict(most=2.9)},
)
def operations(d: Tensor, m: Tensor, N: Tensor, *, least: float = 2.0, most: float = 3.0) -> Relation:
    r"""The gradient norm of one loss at a sample takes $m(3d+4N)$ multiplications by a forward and a backward pass, for d
    inputs, m neurons and N classes, and $m(d+2N+3)+d+N$ in closed form: between 2 and 3 times fewer for $d, m \ge 16$, $N \le
    64$.

    Notes: the clock gains more (`benchmarks/RESULTS.md`), since the closed form takes all samples in a few matrix products
    and never holds a gradient.
    """
    d, m, N = (x.to(torch.float64) for x in (d, m, N))
    closed = gradnorm.closed_operations(1, d, m, N)
    names = ["2 x closed form", "forward and backward", "3 x closed form"]
    return chain(least * closed, gradnorm.backward_operations(1, d, m, N), most * closed, names=names)
