r"""Below eq. (3): "H is positive definite by assumption". What the Hessian of a network is, and what repairs it."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, claim, eq, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.gradnorm._settings_influence import METHOD, dot
from proofs_check.relations import Measurement, Relation

ASSUMED = f"{METHOD}: 'Given H is positive definite by assumption (Koh and Liang 2017)'"
#: steps of gradient descent at which the Hessian is looked at
CHECKED = (0, 100, 2000)
HIDDEN, POINTS, DIMENSION, CLASSES = 3, 14, 3, 3


@claim(
    id="gradnorm.hessian",
    title="The Hessian of a two-layer relu network is positive semidefinite",
    source=ASSUMED,
    reading="the Hessian of the training loss, as eq. (1) defines it, at any parameters",
    expect="refuted",
    X=D.real("n", "d"),
    y=D.real("n"),
    W=D.real("m", "d"),
    a=D.real("m"),
    dW=D.real("m", "d"),
    da=D.real("m"),
    dims={"n": (1, 2), "d": (1, 2), "m": (1, 2)},
    mutants={"at least a hundredth of |v|^2": dict(least=0.01), "half": dict(least=0.5)},
)
def hessian(
    X: Tensor, y: Tensor, W: Tensor, a: Tensor, dW: Tensor, da: Tensor, *, least: float = 0.0
) -> Relation:
    r"""For $f(x) = \sum_ra_r\max(w_r\cdot x,0)$ with the squared loss, $0\le v^\top Hv$ for every direction v, where
    $H = \frac1n\sum_i\nabla^2\ell_i$.

    Counterexample: one neuron, $w = 1$, $a = 0$, one point $x = 1$ with label 1; along $(da, dw) = (1, 1)$ the form is
    $(Jv)^2+2(f-y)\,da\,dw = 1-2 = -1$.

    Notes: for the networks of the paper the assumption does not hold. What Koh and Liang use is the next claims: the Gauss-Newton
    matrix, or a damped Hessian at a minimum.
    """
    form = al.influence.relu_curvature(X, y, W, a, dW, da)
    return leq(least * _square(dW, da), form.gauss_newton + form.residual, names=["0", "v'Hv"])


def _square(dW: Tensor, da: Tensor) -> Tensor:
    return (dW * dW).flatten(1).sum(-1) + dot(da, da)


@claim(
    id="gradnorm.hessian.rescaling",
    title="No relu network has a positive definite Gauss-Newton matrix",
    source=f"{METHOD}; own derivation",
    reading="undamped; any number of samples, any parameters",
    X=D.real("n", "d"),
    y=D.real("n"),
    W=D.real("m", "d"),
    a=D.real("m"),
    dims={"n": (1, 4), "d": (1, 2), "m": (1, 3)},
    mutants={"both layers grow": dict(sign=1.0), "one percent off": dict(sign=-0.99)},
)
def hessian_rescaling(X: Tensor, y: Tensor, W: Tensor, a: Tensor, *, sign: float = -1.0) -> Relation:
    r"""Along the direction that enlarges the output layer and shrinks the first one, $(da, dW) = (a,-W)$, the Gauss-Newton matrix
    $\frac1nJ^\top J$ vanishes, and $v^\top Hv = -\frac2n\sum_i(f_i-y_i)f_i$.

    Proof: $f$ depends on $a_r$ and $w_r$ through $a_r\max(w_r\cdot x,0)$, which does not change when $a_r$ is multiplied and
    $w_r$ divided by the same number.

    Notes: at a stationary point of the training loss $\sum_i(f_i-y_i)f_i = a\cdot\nabla_aL = 0$. So there H itself is singular, and
    eq. (1) undefined, however many samples there are; normalisation layers give the same. New.
    """
    form = al.influence.relu_curvature(X, y, W, a, sign * W, a)
    h = torch.relu(X @ W.mT)
    f = (h @ a[..., None])[..., 0]
    size = (f * f).sum(-1)
    here = -2 * dot(f - y, f) / X.shape[-2]
    return all_of(
        eq(size + form.gauss_newton, size, names=["|f|^2 + v'Gv", "|f|^2"]),
        eq(form.gauss_newton + form.residual, here, names=["v'Hv", "-2 mean (f - y) f"]),
    )


@claim(
    id="gradnorm.hessian.gauss_newton",
    title="The damped Gauss-Newton matrix is positive definite",
    source=f"{ASSUMED}; Koh and Liang (2017), section 3",
    reading="H is the Gauss-Newton matrix plus lambda I, as Koh and Liang do for networks",
    amends="gradnorm.hessian",
    X=D.real("n", "d"),
    y=D.real("n"),
    W=D.real("m", "d"),
    a=D.real("m"),
    dW=D.real("m", "d"),
    da=D.real("m"),
    lam=D.interval(0.125, 4),
    dims={"n": (1, 2), "d": (1, 2), "m": (1, 2)},
    mutants={"one percent more": dict(scale=1.01), "the whole Hessian": dict(whole=1.0)},
)
def hessian_gauss_newton(
    X: Tensor, y: Tensor, W: Tensor, a: Tensor, dW: Tensor, da: Tensor, lam: Tensor, *, scale: float = 1.0, whole: float = 0.0
) -> Relation:
    r"""$v^\top\bigl(\frac1nJ^\top J+\lambda I\bigr)v\ge\lambda|v|^2$ for every direction v, every network and every data set.

    Tight at: the direction $(a,-W)$ of gradnorm.hessian.rescaling.
    """
    form = al.influence.relu_curvature(X, y, W, a, dW, da)
    size = lam * _square(dW, da)
    return leq(scale * size, form.gauss_newton + whole * form.residual + size, names=["lambda |v|^2", "v'(G + lambda I)v"])


@claim(
    id="gradnorm.hessian.sample_space",
    title="Influences under the damped Gauss-Newton matrix need kernels only",
    source="Woodbury's identity; own form for the softmax",
    J=D.real("n", "k", "p"),
    p=D.simplex("k"),
    u=D.real("p"),
    v=D.real("p"),
    lam=D.interval(0.125, 4),
    dims={"n": (1, 2), "k": (1, 3), "p": (1, 3)},
    mutants={"lambda for n lambda": dict(count=False), "diag(p) for its root": dict(centred=False)},
)
def hessian_sample_space(
    J: Tensor, p: Tensor, u: Tensor, v: Tensor, lam: Tensor, *, count: bool = True, centred: bool = True
) -> Relation:
    r"""Let $J_i$ be the Jacobians of n points with class probabilities p (here the same for all of them) and
    $H = \frac1n\sum_iJ_i^\top(\mathrm{diag}\,p-pp^\top)J_i+\lambda I$. With $R = (I-p1^\top)\,\mathrm{diag}\sqrt p$ for every point,
    $u^\top H^{-1}v = \frac1\lambda\left[u^\top v-u^\top J^\top R\,(n\lambda I+R^\top JJ^\top R)^{-1}R^\top Jv\right]$.

    Proof: $RR^\top = \mathrm{diag}\,p-pp^\top$, which is singular, and Woodbury's identity, which needs no inverse of it.

    Notes: what al.influence.gauss_newton computes: a system of size n(k - 1) in place of one of the size of the network.
    """
    n, k, size = J.shape[1:]
    S = torch.diag_embed(p) - p[..., :, None] * p[..., None, :]
    H = (J.mT @ S[:, None] @ J).sum(1) / n + lam[:, None, None] * torch.eye(size)
    root = torch.sqrt(p)
    R = torch.eye(k) * root[..., None, :] - (p[..., :, None] * root[..., None, :] if centred else 0 * p[..., None])
    B = (R.mT[:, None] @ J).reshape(J.shape[0], n * k, size)
    shift = (n if count else 1) * lam
    M = B @ B.mT + shift[:, None, None] * torch.eye(n * k)
    one, two = (B @ u[..., None]), (B @ v[..., None])
    inner = (one * torch.linalg.solve(M, two)).flatten(1).sum(-1)
    whole = dot(u, torch.linalg.solve(H, v[..., None])[..., 0])
    return eq(lam * whole, dot(u, v) - inner, names=["parameter space", "sample space"])


@claim(
    id="gradnorm.hessian.self_influence",
    title="Removing a point raises its own loss, whatever H",
    source=f"{ASSUMED}; own derivation",
    reading="H any invertible symmetric matrix: what eq. (1) says where the assumption fails",
    expect="refuted",
    g=D.real("p"),
    h=D.real("p"),
    dims={"p": (1, 3)},
    assumes=[lambda h: (h != 0).all(-1)],
    mutants={"at least a hundredth of |g|^2 / |H|": dict(least=0.01), "a half": dict(least=0.5)},
)
def hessian_self_influence(g: Tensor, h: Tensor, *, least: float = 0.0) -> Relation:
    r"""For $H = \mathrm{diag}(h)$ with no $h_i = 0$, the influence of x on its own loss is not negative: $0\le g^\top H^{-1}g$.

    Counterexample: $H = -1$, $g = 1$: the two gradients are the same, and the influence is $-1$.

    Notes: with an indefinite H, eq. (1) may call a point harmful to itself.
    """
    return leq(least * dot(g, g) / h.abs().amax(-1), dot(g, g / h), names=["0", "g'H^-1 g"])


@claim(
    id="gradnorm.hessian.definite_self_influence",
    title="Under a positive definite H a point helps itself",
    source=f"{ASSUMED}; own derivation",
    reading="H positive definite, as assumed",
    amends="gradnorm.hessian.self_influence",
    g=D.real("p"),
    h=D.positive("p"),
    dims={"p": (1, 4)},
    mutants={"one percent more": dict(scale=1.01), "by the smallest eigenvalue": dict(largest=False)},
)
def hessian_definite_self_influence(
    g: Tensor, h: Tensor, *, scale: float = 1.0, largest: bool = True
) -> Relation:
    r"""For $H = \mathrm{diag}(h)$, $h>0$: $g^\top H^{-1}g\ge|g|^2/\max_ih_i$.

    Tight at: all $h_i$ equal.
    """
    size = h.amax(-1) if largest else h.amin(-1)
    return leq(scale * dot(g, g) / size, dot(g, g / h), names=["|g|^2 / |H|", "g'H^-1 g"])


@remembered
def negative_eigenvalues(seed: Tensor) -> Tensor:
    """(seeds, checked): the share of negative eigenvalues of the Hessian of a small network's training loss."""
    return torch.tensor([_shares(s) for s in seed.tolist()])


def _shares(seed: int) -> list[float]:
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(POINTS, DIMENSION, generator=generator)
    y = torch.arange(POINTS) % CLASSES
    sizes = (HIDDEN * DIMENSION, HIDDEN, CLASSES * HIDDEN, CLASSES)
    theta = torch.randn(sum(sizes), generator=generator) / 2

    def objective(theta: Tensor) -> Tensor:
        W, b, A, c = theta.split(sizes)
        hidden = torch.tanh(X @ W.view(HIDDEN, DIMENSION).T + b)
        return torch.nn.functional.cross_entropy(hidden @ A.view(CLASSES, HIDDEN).T + c, y)

    slope, shares = torch.func.grad(objective), []
    for step in range(CHECKED[-1] + 1):
        if step in CHECKED:
            values = torch.linalg.eigvalsh(torch.func.hessian(objective)(theta))
            shares.append(float((values < -1e-8 * values.abs().amax()).double().mean()))
        theta = theta - 0.5 * slope(theta)
    return shares


@claim(
    id="gradnorm.hessian.network",
    title="The Hessian of a trained network is indefinite",
    source=ASSUMED,
    reading="a small tanh network at the start, during and after training by gradient descent",
    expect="reproduced",
    seed=D.seed(),
    mutants={"a quarter of the eigenvalues": dict(least=0.25), "a half": dict(least=0.5)},
)
def hessian_network(seed: Tensor, *, least: float = 1e-9) -> Measurement:
    r"""A tanh network with 3 inputs, 3 hidden neurons and 3 outputs (24 parameters) on 14 random points with cyclic labels: after 0, 100
    and 2000 steps of gradient descent on the mean cross-entropy some eigenvalues of its Hessian are negative (below
    $-10^{-8}$ of the largest).

    Notes: the value is the smallest share of negative eigenvalues over the three moments.
    """
    shares = negative_eigenvalues(seed)
    rows = [(f"{step}", f"{float(shares[:, i].mean()):.0%}", f"{float(shares[:, i].min()):.0%}") for i, step in enumerate(CHECKED)]
    table = Table("Negative eigenvalues of the Hessian of a network with 24 parameters", ["steps", "mean", "least"], rows)
    return measurement(shares.amin(-1), expect=(least, 1.0), show=[table])
