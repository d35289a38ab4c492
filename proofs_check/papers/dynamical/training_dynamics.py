r"""Equations (7) and (8) and appendix A.3: the training dynamics, in its three forms and for both losses."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory import dynamics
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings_gradients import SOURCE
from proofs_check.relations import Relation

EQ7, EQ8 = f"{SOURCE}, section 3.1, eq. (7)", f"{SOURCE}, section 3.1, eq. (8)"
A3 = f"{SOURCE}, appendix A.3; used in section 4.3"

#: gradients of two outputs of each example, the outputs, and soft labels of two classes
JACOBIAN, OUTPUTS, SHARE = D.real("n", 2, 2), D.real("n", 2), D.interval(0, 1)
ERRORS = D.real("n", 2)
SMALL = {"n": (1, 3)}


def _labels(share: Tensor, n: int) -> Tensor:
    """Rows (share, 1 - share): soft labels that sum to 1."""
    return torch.stack([share, 1 - share], -1)[:, None, :] + torch.zeros(n, 2, dtype=torch.float64)


def _calm(f: Tensor) -> Tensor:
    """|f| <= 100: no probability underflows in float64"""
    return f.flatten(1).abs().amax(-1) <= 100


def _bounded_gradients(J: Tensor) -> Tensor:
    """|J| <= 3: no exponential overflows in float64"""
    return J.flatten(1).abs().amax(-1) <= 3


def _moved(J: Tensor, velocity: Tensor) -> Tensor:
    """How the outputs move, (batch, n, K)."""
    return (J * velocity[:, None, None, :]).sum(-1)


@claim(
    id="dynamical.eq7",
    title="Eq. (7): the loss of one example under gradient flow",
    source=EQ7,
    reading="gradient flow",
    J=JACOBIAN,
    f=OUTPUTS,
    share=SHARE,
    eta=D.interval(0, 2),
    dims=SMALL,
    assumes=[_calm],
    uses=["dynamical.eq5"],
    mutants={"one percent more": dict(factor=1.01), "only the example's own gradient": dict(others=0.0)},
)
def eq7(J: Tensor, f: Tensor, share: Tensor, eta: Tensor, *, factor: float = 1.0, others: float = 1.0) -> Relation:
    r"""Under gradient flow $\dot\theta = -\eta\nabla L(S)$ of the cross-entropy, for each labelled example (here the first),
    $\frac{d}{dt}\ell(f(x),y) = -\eta\sum_i(\sigma^i(f(x))-y^i)\sum_j\sum_{(x',y')\in S}
    \langle\nabla f^i(x),\nabla f^j(x')\rangle\,(\sigma^j(f(x'))-y'^j)$.
    """
    Y = _labels(share, f.shape[-2])
    d = dynamics.residual(f, Y)
    velocity = -eta[:, None] * dynamics.sample_gradients(J, d).sum(-2)
    move = _moved(J, velocity)[:, 0]
    weights = torch.exp(f[:, 0] - torch.amax(f[:, 0], -1)[:, None])
    speed = (weights * move).sum(-1) / weights.sum(-1) - (Y[:, 0] * move).sum(-1)
    K = dynamics.tangent_kernel(J[:, :1], J)  # (batch, K, K, 1, n)
    own = torch.arange(f.shape[-2]) == 0
    pull = (K[..., 0, :] * torch.transpose(d, -1, -2)[:, None]).sum(-2)  # (batch, K, n): sum over j
    kept = pull * torch.where(own, torch.ones(1, dtype=torch.float64), others)
    return eq(
        speed,
        -factor * eta * (d[:, 0] * kept.sum(-1)).sum(-1),
        names=["d loss / dt", "-eta sum (sigma - y) K (sigma' - y')"],
    )


@claim(
    id="dynamical.eq7.gradient_descent",
    title="Eq. (7) and (8) for gradient descent with any step",
    source=EQ7,
    reading="gradient descent, with what a step misses; outputs linear in the parameters",
    amends="dynamical.eq7.finite_step",
    J=JACOBIAN,
    f=OUTPUTS,
    share=SHARE,
    eta=D.interval(0.0009765625, 2),
    dims=SMALL,
    assumes=[_calm, _bounded_gradients],
    uses=["dynamical.eq6"],
    mutants={"1/8 taken as 1/8.1": dict(eighth=1 / 8.1), "one percent of G missing above": dict(above=0.99)},
)
def eq7_gradient_descent(
    J: Tensor, f: Tensor, share: Tensor, eta: Tensor, *, eighth: float = 0.125, above: float = 1.0
) -> Relation:
    r"""Let the outputs be linear in the parameters and $h_x = -\eta J_xg_S$ their change in one step of gradient descent on the
    cross-entropy. Then $G(S)-\frac{1}{8\eta}\sum_x(\max h_x-\min h_x)^2 \;\le\; \frac{L(\theta)-L(\theta-\eta g_S)}{\eta}
    \;\le\; G(S)$: the decrease is G to first order in $\eta$, since the range of $h_x$ is proportional to $\eta$.

    In the paper: "if learning rate $\eta$ is small, then $\nabla_t\theta = \theta_{t+1}-\theta_t$".

    Proof: dynamical.eq6, summed over the examples.

    Tight at: $\eta \to 0$; a step that moves no difference of outputs.
    """
    Y = _labels(share, f.shape[-2])
    g = dynamics.sample_gradients(J, dynamics.residual(f, Y))
    h = -eta[:, None, None] * _moved(J, g.sum(-2))
    width = torch.amax(h, -1) - torch.amin(h, -1)
    G = dynamics.by_gradient(g)
    drop = -dynamics.loss_change(f, h, Y) / eta
    return chain(
        G - eighth * (width * width).sum(-1) / eta,
        drop,
        above * G,
        names=["G - sum of range^2 / 8 eta", "decrease / eta", "G"],
    )


@claim(
    id="dynamical.eq7.finite_step",
    title="Eq. (8) as the decrease in one step of gradient descent",
    source=EQ7,
    reading="gradient descent with a finite step, as an equality",
    expect="refuted",
    J=D.real("n", 1),
    theta=D.real(1),
    y=D.real("n"),
    eta=D.interval(0.0009765625, 2),
    dims={"n": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def eq7_finite_step(J: Tensor, theta: Tensor, y: Tensor, eta: Tensor, *, share: float = 1.0) -> Relation:
    r"""For the squared loss of a linear model, $\frac{L(\theta)-L(\theta-\eta g)}{\eta} = G = |g|^2$, for every step $\eta$.

    Counterexample: $L = \theta^2/2$ at $\theta = 1$: $G = 1$, and $\eta = 1$ gives a decrease of 1/2 (19/20 for $\eta = 1/10$,
    none for $\eta = 2$).

    Notes: the paper asks for a small $\eta$; dynamical.eq7.quadratic says exactly how much is lost.
    """
    g, before, after = _quadratic_step(J, theta, y, eta)
    return eq((before - after) / eta, share * (g * g).sum(-1), names=["decrease / eta", "G"])


@claim(
    id="dynamical.eq7.quadratic",
    title="The decrease in one step on the squared loss, exactly",
    source=EQ7,
    reading="gradient descent with a finite step, with its remainder",
    amends="dynamical.eq7.finite_step",
    J=D.real("n", 2),
    theta=D.real(2),
    y=D.real("n"),
    eta=D.interval(0.0009765625, 2),
    dims={"n": (1, 3)},
    mutants={"remainder one percent smaller": dict(bend=0.99), "one percent more": dict(share=1.01)},
)
def eq7_quadratic(J: Tensor, theta: Tensor, y: Tensor, eta: Tensor, *, bend: float = 1.0, share: float = 1.0) -> Relation:
    r"""For the squared loss of a linear model, with Hessian $H = J^\top J$ and gradient g,
    $\frac{L(\theta)-L(\theta-\eta g)}{\eta} = G-\frac{\eta}{2}\,g^\top Hg$, $G = |g|^2$. The loss rises for
    $\eta > 2G/g^\top Hg$.
    """
    g, before, after = _quadratic_step(J, theta, y, eta)
    Jg = (J @ g[..., None])[..., 0]
    return eq(
        (before - after) / eta,
        share * ((g * g).sum(-1) - bend * eta / 2 * (Jg * Jg).sum(-1)),
        names=["decrease / eta", "G - eta g'Hg / 2"],
    )


def _quadratic_step(J: Tensor, theta: Tensor, y: Tensor, eta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient, and the squared loss before and after a step."""

    def error(at: Tensor) -> Tensor:
        return (J @ at[..., None])[..., 0] - y

    def loss(at: Tensor) -> Tensor:
        return (error(at) * error(at)).sum(-1) / 2

    g = (torch.transpose(J, -1, -2) @ error(theta)[..., None])[..., 0]
    return g, loss(theta), loss(theta - eta[:, None] * g)


@claim(
    id="dynamical.eq8",
    title="Eq. (8): three forms of the training dynamics",
    source=EQ8,
    J=JACOBIAN,
    f=OUTPUTS,
    share=SHARE,
    dims=SMALL,
    assumes=[_calm],
    uses=["dynamical.eq7"],
    mutants={"one percent more": dict(factor=1.01), "only i = j": dict(cross=0.0)},
)
def eq8(J: Tensor, f: Tensor, share: Tensor, *, factor: float = 1.0, cross: float = 1.0) -> Relation:
    r"""With $d^i(X,Y) = \sigma^i(f(X))-Y^i$ and labels that sum to 1, the training dynamics is
    $G(S) = -\frac{1}{\eta}\frac{d}{dt}\sum_{x\in S}\ell(f(x),y) = \sum_{ij}d^{i\top}K^{ij}(X,X)\,d^j = |\nabla_\theta L(S)|^2$.

    In the paper: $G(S) = -\frac{1}{\eta}\sum_{(x_l,y_l)\in S}\frac{\partial\ell(f(x_l;\theta),y_l)}{\partial t} =
    \sum_i\sum_jd^i(X,Y)^\top K^{ij}(X,X)\,d^j(X,Y)$; the last equality is not in the paper.

    Notes: so G is never negative, and zero at every stationary point. It is the speed of the loss and not a rate: it is large
    where the loss is large. $K^{ij}$ alone need not be symmetric for $i \ne j$; all blocks together are.
    """
    Y = _labels(share, f.shape[-2])
    d = dynamics.residual(f, Y)
    g = dynamics.sample_gradients(J, d)
    move = _moved(J, -g.sum(-2))
    weights = torch.exp(f - torch.amax(f, -1)[..., None])
    speed = (weights * move).sum(-1) / weights.sum(-1) - (Y * move).sum(-1)
    same = torch.eye(2, dtype=torch.float64)[:, :, None, None]
    kernel = factor * dynamics.by_kernel(dynamics.tangent_kernel(J) * (same + cross * (1 - same)), d)
    return all_of(
        eq(kernel, dynamics.by_gradient(g), names=["sum d' K d", "|grad L|^2"]),
        eq(kernel, -speed.sum(-1), names=["sum d' K d", "-dL/dt / eta"]),
    )


# appendix A.3


def _squared_slope(J: Tensor, theta: Tensor, Y: Tensor, velocity: Tensor) -> Tensor:
    """d/dt of half the squared error of the linear model f = J theta; exact, since it is quadratic along a line."""

    def loss(at: Tensor) -> Tensor:
        return dynamics.loss(_moved(J, at), Y, loss="squared")

    return (loss(theta + velocity) - loss(theta - velocity)) / 2


@claim(
    id="dynamical.a3",
    title="Appendix A.3: the training dynamics of the squared loss",
    source=A3,
    reading="the loss with the sign +1/2, as its printed derivatives have it",
    amends="dynamical.a3.as_printed",
    J=JACOBIAN,
    theta=D.real(2),
    Y=ERRORS,
    dims=SMALL,
    mutants={"one percent more": dict(factor=1.01), "only i = j": dict(cross=0.0)},
)
def a3(J: Tensor, theta: Tensor, Y: Tensor, *, factor: float = 1.0, cross: float = 1.0) -> Relation:
    r"""For $L_{MSE}(S) = \sum_x\frac{1}{2}|f(x)-y|^2$ under $\dot\theta = -\eta\nabla L_{MSE}$:
    $G_{MSE}(S) = -\frac{1}{\eta}\frac{dL_{MSE}}{dt} = (f(X)-Y)^\top K(X,X)(f(X)-Y) = |\nabla L_{MSE}|^2$.

    Repairs: the printed loss has the sign $-\sum\frac{1}{2}(f-y)^2$; the derivatives below it are those of $+$.
    """
    d = _moved(J, theta) - Y
    g = dynamics.sample_gradients(J, d)
    same = torch.eye(2, dtype=torch.float64)[:, :, None, None]
    kernel = factor * dynamics.by_kernel(dynamics.tangent_kernel(J) * (same + cross * (1 - same)), d)
    return all_of(
        eq(-_squared_slope(J, theta, Y, -g.sum(-2)), kernel, names=["-dL/dt / eta", "(f-Y)' K (f-Y)"]),
        eq(dynamics.by_gradient(g), kernel, names=["|grad L|^2", "(f-Y)' K (f-Y)"]),
    )


@claim(
    id="dynamical.a3.as_printed",
    title="Appendix A.3 with the printed sign of the loss",
    source=A3,
    reading="the printed sign of the loss, and the printed derivatives",
    expect="refuted",
    J=D.real("n", 1, 1),
    theta=D.real(1),
    Y=D.real("n", 1),
    dims={"n": (1, 2)},
    mutants={"one percent more": dict(factor=1.01), "one percent less": dict(factor=0.99)},
)
def a3_as_printed(J: Tensor, theta: Tensor, Y: Tensor, *, factor: float = 1.0) -> Relation:
    r"""For $L_{MSE}(S) = -\sum_x\frac{1}{2}|f(x)-y|^2$ and $\dot\theta = -\eta\sum_x\sum_j(f^j(x)-y^j)\nabla f^j(x)$:
    $-\frac{1}{\eta}\frac{dL_{MSE}}{dt} = (f(X)-Y)^\top K(X,X)(f(X)-Y)$.

    Counterexample: one example, one weight, $f = \theta = 1$, $y = 0$: the left side is -1, the right side 1.

    Notes: a slip of sign in the definition; with $+$ everything below it is right (dynamical.a3).
    """
    d = _moved(J, theta) - Y
    g = dynamics.sample_gradients(J, d)
    return eq(
        _squared_slope(J, theta, Y, -g.sum(-2)),
        factor * dynamics.by_kernel(dynamics.tangent_kernel(J), d),
        names=["-dL/dt / eta", "(f-Y)' K (f-Y)"],
    )


@claim(
    id="dynamical.a3.descent_on_printed_loss",
    title="Appendix A.3: descent on the loss as printed reduces the squared error",
    source=A3,
    reading="the printed sign of the loss, and gradient descent on that loss",
    expect="refuted",
    J=D.real("n", 1, 1),
    theta=D.real(1),
    Y=D.real("n", 1),
    dims={"n": (1, 2)},
    mutants={"by one percent of G": dict(less=0.01), "by G": dict(less=1.0)},
)
def a3_descent_on_printed_loss(J: Tensor, theta: Tensor, Y: Tensor, *, less: float = 0.0) -> Relation:
    r"""Under gradient descent on $L_{MSE}(S) = -\sum_x\frac{1}{2}|f(x)-y|^2$ the squared error does not rise:
    $\frac{d}{dt}\frac{1}{2}\sum_x|f(x)-y|^2 \le 0$.

    Counterexample: one example, one weight, $f = \theta = 1$, $y = 0$: $\dot\theta = +\eta$ and the error grows at the rate
    $\eta$. This is ascent, with $-\frac{1}{\eta}\frac{dL}{dt} = (f-Y)^\top K(f-Y)$ as printed.
    """
    d = _moved(J, theta) - Y
    g = dynamics.sample_gradients(J, d)
    return leq(
        _squared_slope(J, theta, Y, g.sum(-2)), -less * dynamics.by_gradient(g), names=["d/dt of the squared error", "0"]
    )


@claim(
    id="dynamical.a3.trace",
    title="The form of section 4.3: the trace with the kernel of infinite width",
    source=f"{SOURCE}, section 4.3",
    reading="under eq. (2), that is in the limit of large width",
    uses=["dynamical.eq2", "dynamical.a3"],
    theta=D.psd("n"),
    d=D.real("n", 2),
    dims={"n": (1, 3)},
    mutants={"one percent more": dict(factor=1.01), "outputs coupled": dict(coupled=0.01)},
)
def a3_trace(theta: Tensor, d: Tensor, *, factor: float = 1.0, coupled: float = 0.0) -> Relation:
    r"""If $K^{ij} = \Theta$ for $i = j$ and 0 for $i \ne j$, then
    $\sum_{ij}d^{i\top}K^{ij}d^j = \mathrm{Tr}[(f(X)-Y)^\top\Theta\,(f(X)-Y)]$ with $d = f(X)-Y$: the alignment of the residual.

    Notes: at $f = 0$ this is the alignment A(X, Y) itself.
    """
    same = torch.eye(2, dtype=torch.float64)[:, :, None, None]
    K = (same + coupled * (1 - same)) * theta[:, None, None]
    return eq(
        dynamics.by_kernel(K, d),
        factor * al.alignment.alignment(theta, d),
        names=["sum d' K d", "Tr (f-Y)' Theta (f-Y)"],
    )
