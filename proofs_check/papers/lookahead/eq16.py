r"""Equations (15) to (22): the cost, its derivative, the training direction and its norm."""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_training import SOURCE, quadratic, square, times
from proofs_check.relations import Relation

APPENDIX = f"{SOURCE}, appendix A"
SMALL = {"n": (1, 3)}
FACTORS = {"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)}


def cost(f: Tensor, y: Tensor) -> Tensor:
    r"""$C(f) = \frac1N\sum_i(f(x_i)-y_i)^2$."""
    return square(f - y) / f.shape[-1]


def slope(f: Tensor, y: Tensor, g: Tensor) -> Tensor:
    """The derivative of the cost at f in the direction g: half a central difference, exact as the cost is quadratic."""
    return (cost(f + g, y) - cost(f - g, y)) / 2


def inner(d: Tensor, g: Tensor) -> Tensor:
    r"""$\langle d,g\rangle_{p^{in}} = \frac1N\sum_id(x_i)g(x_i)$ (eq. 15)."""
    return (d * g).sum(-1) / d.shape[-1]


@claim(
    id="lookahead.eq16",
    title="Eq. (16): how the cost falls along the kernel gradient",
    source=f"{APPENDIX}, eq. (16)",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "one percent faster than it is": dict(least=1.01)},
)
def eq16(K: Tensor, f: Tensor, y: Tensor, *, share: float = 1.0, least: float = 0.0) -> Relation:
    r"""Along $\partial_tf = -\nabla_{\mathcal{K}}C$, $\nabla_{\mathcal{K}}C(x) = \frac1N\sum_j\mathcal{K}(x,x_j)d(x_j)$, the
    cost changes at the rate $\partial_tC = -\langle d,\nabla_{\mathcal{K}}C\rangle_{p^{in}} = -\frac{1}{N^2}d^\top\mathcal{K}d
    \le 0$.

    In the paper: the last two are not there; the first is eq. (16).

    Repairs: around it, $\alpha^{(l)} = \sigma(\tilde\alpha^{(l+1)})$ in eq. (14) must have $l+1$ on its left too; the sums for
    $p^{in}$ and for $\theta$ start at 1 and end at $L-1$; weights that multiply from the left have shape $n_{l+1}\times n_l$;
    L + 1 layers, input and output among them, have $L-1$ hidden ones.

    Notes: zero exactly where the residual lies in the null space of the kernel.
    """
    N = f.shape[-1]
    d = 2 * (f - y)
    gradient = times(K, d) / N
    rate = slope(f, y, -gradient)
    fall = quadratic(K, d) / N**2
    return all_of(
        eq(rate, -share * inner(d, gradient), names=["dC/dt", "-<d, grad C>"]),
        eq(rate, -fall, names=["dC/dt", "-d'Kd / N^2"]),
        leq(rate, -least * fall, names=["dC/dt", "0"]),
    )


@claim(
    id="lookahead.eq18",
    title="Eq. (18): the derivative of the cost",
    source=f"{APPENDIX}, eq. (18)",
    f=D.real("n"),
    y=D.real("n"),
    g=D.real("n"),
    dims=SMALL,
    mutants=FACTORS,
)
def eq18(f: Tensor, y: Tensor, g: Tensor, *, share: float = 1.0) -> Relation:
    r"""The derivative of $C(f) = \frac1N\sum_i(f(x_i)-y_i)^2$ at $f_t$ in the direction f is
    $\frac2N\sum_if(x_i)(f_t(x_i)-y_i)$.

    Notes: with several outputs the same, summed over them.
    """
    return eq(slope(f, y, g), share * 2 / f.shape[-1] * (g * (f - y)).sum(-1), names=["derivative of C", "2/N sum f (f_t - y)"])


def _direction(factor: float, f: Tensor, y: Tensor, g: Tensor) -> Relation:
    return eq(inner(factor * (f - y), g), slope(f, y, g), names=["<d, f>", "derivative of C"])


@claim(
    id="lookahead.eq20.as_printed",
    title="Eq. (20): the training direction, with the factor 1/2",
    source=f"{APPENDIX}, eq. (20)",
    reading="as printed; the factor recurs in (21), (22) and (24), so that it is no damage of our copy",
    expect="refuted",
    f=D.real("n"),
    y=D.real("n"),
    g=D.real("n"),
    dims=SMALL,
    mutants={"one percent more": dict(half=0.505), "one percent less": dict(half=0.495)},
)
def eq20_as_printed(f: Tensor, y: Tensor, g: Tensor, *, half: float = 0.5) -> Relation:
    r"""The function d with $\langle d,f\rangle_{p^{in}} = \partial_fC$ for all f (eq. 19) is $d(x_i) = \frac12(f_t(x_i)-y_i)$.

    Counterexample: one point, $f_t-y = 1$, $f = 1$: 1/2 on the left, 2 on the right; eq. (19) itself gives
    $d = 2(f_t-y)$.

    Notes: wrong by 4, and harmless at $t = \infty$, which is all that Theorem A.2 uses.
    """
    return _direction(half, f, y, g)


@claim(
    id="lookahead.eq20",
    title="Eq. (19) and (20), repaired: the training direction",
    source=f"{APPENDIX}, eq. (19) and (20)",
    amends="lookahead.eq20.as_printed",
    f=D.real("n"),
    y=D.real("n"),
    g=D.real("n"),
    dims=SMALL,
    mutants={"one percent more": dict(two=2.02), "one percent less": dict(two=1.98)},
)
def eq20(f: Tensor, y: Tensor, g: Tensor, *, two: float = 2.0) -> Relation:
    r"""$\langle d,f\rangle_{p^{in}} = \frac1N\sum_id(x_i)f(x_i) = \partial_fC$ for all f with $d(x_i) = 2(f_t(x_i)-y_i)$,
    points distinct.
    """
    return _direction(two, f, y, g)


@claim(
    id="lookahead.eq20.duplicates",
    title="The training direction at a point with two labels",
    source=f"{APPENDIX}, eq. (20)",
    reading="each point of p^in twice, with labels y and z: f* is no function there",
    sharpens="lookahead.eq20",
    f=D.real("n"),
    y=D.real("n"),
    z=D.real("n"),
    g=D.real("n"),
    dims=SMALL,
    mutants={"weight 0.51 for the first label": dict(first=0.51), "the first label only": dict(first=1.0)},
)
def eq20_duplicates(f: Tensor, y: Tensor, z: Tensor, g: Tensor, *, first: float = 0.5) -> Relation:
    r"""$d(x) = 2(f_t(x)-\bar y(x))$ with the mean $\bar y$ of the labels of x."""
    twice = slope(torch.cat([f, f], -1), torch.cat([y, z], -1), torch.cat([g, g], -1))
    return eq(inner(2 * (f - first * y - (1 - first) * z), g), twice, names=["<d, f>", "derivative of C"])


def _on_a_part(factor: float, f: Tensor, y: Tensor, g: Tensor, inside: Tensor) -> Relation:
    """Training on S: the cost counts the points of S only, still divided by N."""
    derivative = slope(inside * f, inside * y, inside * g)
    return eq(inner(factor * inside * (f - y), g), derivative, names=["<d^S, f>", "derivative of the cost on S"])


@claim(
    id="lookahead.eq21.as_printed",
    title="Eq. (21): the direction of training on a part of the data, with the factor 1/2",
    source=f"{APPENDIX}, eq. (21)",
    reading="as printed",
    expect="refuted",
    f=D.real(2),
    y=D.real(2),
    g=D.real(2),
    mutants={"one percent more": dict(half=0.505), "one percent less": dict(half=0.495)},
)
def eq21_as_printed(f: Tensor, y: Tensor, g: Tensor, *, half: float = 0.5) -> Relation:
    r"""Of two points the first is in S: training on it has the direction $d^S(x) = \frac12I(x\in S)(f_t(x)-f_S^*(x))$.

    Counterexample: $f_t-y = 1$ and $f = 1$ at the first point: 1/4 on the left, 1 on the right.
    """
    return _on_a_part(half, f, y, g, torch.tensor([1.0, 0.0], dtype=torch.float64))


@claim(
    id="lookahead.eq21",
    title="Eq. (21), repaired",
    source=f"{APPENDIX}, eq. (21)",
    amends="lookahead.eq21.as_printed",
    uses=["lookahead.eq20"],
    f=D.real("n"),
    y=D.real("n"),
    g=D.real("n"),
    first=D.integer(0, 3),
    dims=SMALL,
    mutants={"one percent more": dict(two=2.02), "the points outside S count too": dict(whole=1)},
)
def eq21(f: Tensor, y: Tensor, g: Tensor, first: Tensor, *, two: float = 2.0, whole: int = 0) -> Relation:
    r"""$d^S(x) = 2I(x\in S)(f_t(x)-f_S^*(x))$ for a cost that is still divided by the number N of all points (here S is the
    first few of them).
    """
    inside = (torch.arange(f.shape[-1]) < first[:, None]).to(torch.float64)
    derivative = slope(inside * f, inside * y, inside * g)
    kept = torch.ones_like(f) if whole else inside
    return eq(inner(two * kept * (f - y), g), derivative, names=["<d^S, f>", "derivative of the cost on S"])


# the norm, eq. (22)


def _norm(factor: float, f: Tensor, y: Tensor) -> Tensor:
    d = factor * (f - y)
    return torch.sqrt(inner(d, d))


@claim(
    id="lookahead.eq22.as_printed",
    title="Eq. (22): the norm of the training direction",
    source=f"{APPENDIX}, eq. (22)",
    reading="as printed, with the direction of eq. (21): a norm on the left, a square on the right",
    expect="refuted",
    f=D.real("n"),
    y=D.real("n"),
    dims=SMALL,
    mutants=FACTORS,
)
def eq22_as_printed(f: Tensor, y: Tensor, *, share: float = 1.0) -> Relation:
    r"""With $d = \frac12(f_t-f^*)$: $\|d\|_{p^{in}} = \frac{1}{4N}\sum_j(f_t(x_j)-f^*(x_j))^2$.

    Counterexample: one point, $f_t-f^* = 1$: 1/2 on the left, 1/4 on the right.
    """
    return eq(_norm(0.5, f, y), share * square(f - y) / (4 * f.shape[-1]), names=["|d|", "sum (f - f*)^2 / 4N"])


@claim(
    id="lookahead.eq22.squared_as_printed",
    title="Eq. (22) as the square of the norm, with the direction of eq. (21)",
    source=f"{APPENDIX}, eq. (22)",
    reading="the missing square restored, and the factor 1/2 of eq. (21) taken for granted",
    f=D.real("n"),
    y=D.real("n"),
    dims=SMALL,
    mutants=FACTORS,
)
def eq22_squared_as_printed(f: Tensor, y: Tensor, *, share: float = 1.0) -> Relation:
    r"""With $d = \frac12(f_t-f^*)$: $\|d\|_{p^{in}}^2 = \frac{1}{4N}\sum_j(f_t(x_j)-f^*(x_j))^2$.

    Notes: given eq. (21), only the square is missing in eq. (22).
    """
    d = (f - y) / 2
    return eq(inner(d, d), share * square(f - y) / (4 * f.shape[-1]), names=["|d|^2", "sum (f - f*)^2 / 4N"])


@claim(
    id="lookahead.eq22.squared",
    title="Eq. (22) as the square of the norm of the true direction",
    source=f"{APPENDIX}, eq. (22)",
    reading="the missing square restored, and the direction that eq. (19) defines",
    expect="refuted",
    f=D.real("n"),
    y=D.real("n"),
    dims=SMALL,
    mutants=FACTORS,
)
def eq22_squared(f: Tensor, y: Tensor, *, share: float = 1.0) -> Relation:
    r"""With $d = 2(f_t-f^*)$: $\|d\|_{p^{in}}^2 = \frac{1}{4N}\sum_j(f_t(x_j)-f^*(x_j))^2$.

    Counterexample: one point, $f_t-f^* = 1$: 4 on the left, 1/4 on the right.
    """
    d = 2 * (f - y)
    return eq(inner(d, d), share * square(f - y) / (4 * f.shape[-1]), names=["|d|^2", "sum (f - f*)^2 / 4N"])


@claim(
    id="lookahead.eq22",
    title="Eq. (22), repaired: the square of the norm",
    source=f"{APPENDIX}, eq. (22)",
    amends="lookahead.eq22.as_printed",
    uses=["lookahead.eq20"],
    f=D.real("n"),
    y=D.real("n"),
    dims=SMALL,
    mutants=FACTORS,
)
def eq22(f: Tensor, y: Tensor, *, share: float = 1.0) -> Relation:
    r"""$\|d\|_{p^{in}}^2 = 4\,C(f_t) = \frac4N\sum_j(f_t(x_j)-f^*(x_j))^2$ with $d = 2(f_t-f^*)$."""
    d = 2 * (f - y)
    return eq(inner(d, d), share * 4 * cost(f, y), names=["|d|^2", "4 C"])
