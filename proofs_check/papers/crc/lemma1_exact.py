r"""What Lemma 1 gives away: the exact recursion, its slack, the sharp form, and models that the paper leaves out.

For any loss $L_{t+1} = L_t-\eta|\nabla L_t|^2+\xi_t$; the kernel enters through $|\nabla L|^2 = 4c^2e^\top Ke$ alone, and
$\varepsilon_t$ not at all.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_recursion import (
    ETA,
    HESSIAN,
    JACOBIAN,
    LEMMA,
    ON_MODELS,
    RESIDUAL,
    SMALL,
    dot,
    stepped,
)
from proofs_check.relations import Relation


@claim(
    id="crc.lemma1.boundary",
    title="Which normalisations and steps Lemma 1 allows, exactly, for K = I",
    source=f"decides {LEMMA}; own derivation",
    e=RESIDUAL,
    eta=ETA,
    c=D.interval(0.0625, 4),
    dims={"n": (1, 6)},
    mutants={"four times c, plus one percent": dict(four=4.04), "one percent more eps": dict(two=2.02)},
)
def lemma1_boundary(e: Tensor, eta: Tensor, c: Tensor, *, four: float = 4.0, two: float = 2.0) -> Relation:
    r"""For $f = \theta$ (so $K = I$) and $L = c\,|e|^2$, the right side of Lemma 1 minus the left is
    $c\,\eta\,|e|^2\,(2c\,\eta+4c-1)$. So the lemma fails there iff $\eta < \frac{1-4c}{2c}$, and for some $\eta > 0$ iff $c
    < 1/4$: for the mean iff $n \ge 5$, for half the mean iff $n \ge 3$.
    """
    J = torch.eye(e.shape[-1], dtype=torch.float64) + 0 * e[..., None]
    step = stepped(e, J, None, eta, c)
    return eq(
        step.bound() - step.loss_next,
        c * eta * dot(e, e) * (two * c * eta + four * c - 1),
        names=["right side - left side", "c eta |e|^2 (2 c eta + 4 c - 1)"],
    )


@claim(
    id="crc.lemma1.identity",
    title="What one step does to the loss, exactly",
    source=f"replaces {LEMMA}; the fundamental theorem of calculus on L",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=D.interval(0.0625, 4),
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent less of xi": dict(xi=0.99), "eps added, as in Lemma 1": dict(eps=1.0)},
)
def lemma1_identity(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor, *, xi: float = 1.0, eps: float = 0.0) -> Relation:
    r"""For $L = c\,|e|^2$ with any c, and any step size, $L_{t+1} = L_t-\eta\,|\nabla L_t|^2+\xi_t$.

    Proof: $L_{t+1}-L_t = -\int_0^\eta\nabla L_t^\top\nabla L(\theta_t-\gamma\nabla L_t)\,d\gamma$.

    Notes: $\xi_t$ is computed here as an integral of gradients (Simpson's rule, exact for models of degree two), not from the
    losses. The kernel does not appear, nor does $\varepsilon_t$: Lemma 1 counts it twice, once inside $\xi_t$
    (crc.perturbation). True for every $C^1$ loss, squared or not.
    """
    step = stepped(e, J, Q, eta, c)
    return eq(
        step.loss_next,
        step.loss - eta * step.gradient_square + xi * step.xi + eps * step.eps,
        names=["L_{t+1}", "L_t - eta |grad L|^2 + xi"],
    )


@claim(
    id="crc.lemma1.slack",
    title="How loose Lemma 1 is, exactly",
    source=f"{LEMMA}; own derivation",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=D.interval(0.0625, 4),
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.lemma1.identity"],
    mutants={"one percent less of eps": dict(eps=0.99), "one percent more of lambda L": dict(share=1.01)},
)
def lemma1_slack(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor, *, eps: float = 1.0, share: float = 1.0) -> Relation:
    r"""For $L = c\,|e|^2$ with any c, the right side of Lemma 1 minus the left is
    $\varepsilon_t+\eta\,(|\nabla L_t|^2-\lambda_{\min}(K_t)\,L_t)$.
    """
    step = stepped(e, J, Q, eta, c)
    excess = step.gradient_square - share * step.eigenvalues[..., 0] * step.loss
    return eq(
        step.bound() - step.loss_next,
        eps * step.eps + eta * excess,
        names=["right side - left side", "eps + eta (|grad L|^2 - lambda L)"],
    )


@claim(
    id="crc.lemma1.sharp",
    title="Lemma 1, sharp",
    source=f"replaces {LEMMA}; own derivation",
    sharpens="crc.lemma1",
    expect="tight",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=D.interval(0.0625, 4),
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.lemma1.identity"],
    mutants={"4.04 c for 4 c": dict(four=4.04), "one percent less of xi": dict(xi=0.99)},
)
def lemma1_sharp(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor, *, four: float = 4.0, xi: float = 1.0) -> Relation:
    r"""For $L = c\,|e|^2$ with any c: $L_{t+1} \le (1-4c\,\eta\,\lambda_{\min}(K_t))\,L_t+\xi_t$; that is $2\lambda$ for
    $L = \frac12|e|^2$, $4\lambda$ for $L = |e|^2$, $\frac4n\lambda$ for the mean.

    Proof: crc.lemma1.identity and $|\nabla L|^2 = 4c^2e^\top Ke \ge 4c^2\lambda|e|^2$.

    Tight at: e a bottom eigenvector of K, in particular one example.
    """
    step = stepped(e, J, Q, eta, c)
    return leq(step.loss_next, step.bound(four * c, xi=xi, eps=0), names=["L_{t+1}", "(1 - 4 c eta lambda) L_t + xi"])


@claim(
    id="crc.lemma1.loss",
    title="Where Lemma 1 loses",
    source=LEMMA,
    reading="L = |e|^2 / 2",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.lemma1", "crc.lemma1.sharp"],
    mutants={"one percent more of the gradient": dict(fall=1.01), "2.02 lambda for 2 lambda": dict(contraction=2.02)},
)
def lemma1_loss(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, fall: float = 1.0, contraction: float = 2.0) -> Relation:
    r"""For $L = \frac12|e|^2$: $L_{t+1} \le L_t-\eta|\nabla L_t|^2+\xi_t \le (1-2\eta\lambda)L_t+\xi_t \le
    (1-\eta\lambda)L_t+\xi_t \le (1-\eta\lambda)L_t+\xi_t+\varepsilon_t$.

    Notes: the first step loses nothing; the others lose the other eigenvalues, a factor of two, and $\varepsilon_t$.
    """
    step = stepped(e, J, Q, eta, 0.5)
    return chain(
        step.loss_next,
        step.loss - fall * eta * step.gradient_square + step.xi,
        step.bound(contraction, eps=0),
        step.bound(1, eps=0),
        step.bound(1),
        names=["L_{t+1}", "L - eta |grad|^2 + xi", "2 lambda", "lambda", "lambda, eps added"],
    )


# other models


@claim(
    id="crc.lemma1.networks",
    title="The sharp form for two-layer networks, both layers trained",
    source=f"replaces {LEMMA}; own derivation",
    sharpens="crc.lemma1",
    W=D.real(2, 1),
    a=D.real(2),
    X=D.real("n", 1),
    y=D.real("n"),
    eta=D.interval(0, 0.5),
    c=D.interval(0.0625, 4),
    dims={"n": (1, 2)},
    uses=["crc.lemma1.identity"],
    mutants={"4.04 c for 4 c": dict(four=4.04), "one percent less of xi": dict(xi=0.99)},
)
def lemma1_networks(
    W: Tensor,
    a: Tensor,
    X: Tensor,
    y: Tensor,
    eta: Tensor,
    c: Tensor,
    *,
    four: float = 4.0,
    xi: float = 1.0,
) -> Relation:
    r"""For a network $f(x) = a_1\phi(w_1x)+a_2\phi(w_2x)$ with $\phi(u) = u+\frac12u^2$, both layers trained, and $L =
    c\,|e|^2$: $L_{t+1} = L_t-\eta|\nabla L_t|^2+\xi_t \le (1-4c\,\eta\,\lambda_{\min}(K_t))L_t+\xi_t$.

    Notes: f is of degree three in the parameters; $\xi_t$ is an integral of gradients by Boole's rule, which is exact here.
    """
    step = al.recursion.polynomial_step(al.recursion.TwoLayerModel(W, a, X), y, eta, c=c)
    return all_of(
        eq(
            step.loss_next,
            step.loss - eta * step.gradient_square + xi * step.xi,
            names=["L_{t+1}", "L_t - eta |grad L|^2 + xi"],
        ),
        leq(step.loss_next, step.bound(four * c, eps=0), names=["the loss after", "(1 - 4 c eta lambda) L_t + xi"]),
    )


@claim(
    id="crc.lemma1.relu",
    title="The sharp form across the kink of a relu neuron",
    source=f"extends {LEMMA}; section 2.3 excludes relu",
    sharpens="crc.lemma1",
    w=D.real(),
    x=D.real("n"),
    y=D.real("n"),
    eta=ETA,
    c=D.interval(0.0625, 4),
    dims=SMALL,
    mutants={"4.04 c for 4 c": dict(four=4.04), "one percent less of xi": dict(xi=0.99)},
)
def lemma1_relu(w: Tensor, x: Tensor, y: Tensor, eta: Tensor, c: Tensor, *, four: float = 4.0, xi: float = 1.0) -> Relation:
    r"""For $f(x) = \max(wx, 0)$ and $L = c\,|e|^2$, also where the step crosses the kink:
    $L_{t+1} = L_t-\eta|\nabla L_t|^2+\xi_t \le (1-4c\,\eta\,\lambda_{\min}(K_t))L_t+\xi_t$.

    In the paper: Lemma 1 asks for "once-differentiable activation functions", and section 2.3 takes up relu separately.

    Proof: L is absolutely continuous along the segment; that, and the gradients that autograd returns, is all the
    fundamental theorem of calculus needs.

    Notes: so relu is no obstacle to Lemma 1. It is one to a small $\xi_t$ (Lemma 2).
    """
    step = al.recursion.relu_neuron_step(w, x, y, eta, c=c)
    return all_of(
        eq(
            step.loss_next,
            step.loss - eta * step.gradient_square + xi * step.xi,
            names=["L_{t+1}", "L_t - eta |grad L|^2 + xi"],
        ),
        leq(step.loss_next, step.bound(four * c, eps=0), names=["the loss after", "(1 - 4 c eta lambda) L_t + xi"]),
    )
