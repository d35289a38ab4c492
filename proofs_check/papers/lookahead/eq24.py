r"""Equations (24) to (26): the flow of the outputs in the proof of Theorem A.2, its time constants and signs.

The cost is $C(f) = \frac1N\sum_{j}(f(x_j)-y_j)^2$, so the flow runs at the rate 2/N of that of eq. (5), which is for
$\frac12\sum_j(f(x_j)-y_j)^2$. The appendix prints 1/(2N) in (24) and 1 in (25) and (26). At $t = \infty$ all agree; at finite
times none do, but for N = 2 in (25).
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.lookahead import Converged, Flow
from proofs_check import all_of, claim, eq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_training import SOURCE, flow_everywhere, square, times
from proofs_check.relations import Relation

EQ24, EQ25, EQ26 = (f"{SOURCE}, appendix A, eq. ({k})" for k in (24, 25, 26))
SMALL = {"n": (2, 3)}
FACTORS = {"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)}


def _trained(K: Tensor) -> int:
    """N: all points but the last, x."""
    return K.shape[-1] - 1


def _velocity(K: Tensor, f: Tensor, y: Tensor) -> Tensor:
    r"""$-\nabla_{\mathcal{K}}C(x)$: minus the slope of C in the direction $\mathcal{K}(x,\cdot)$, an exact difference."""
    X = slice(0, _trained(K))
    gap, move = (f - y)[:, X], K[:, -1, X]
    return -(square(gap + move) - square(gap - move)) / (2 * _trained(K))


def _pulled(K: Tensor, f: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over j of K(x, x_j) f(x_j), and of K(x, x_j) y_j."""
    X = slice(0, _trained(K))
    return (K[:, -1, X] * f[:, X]).sum(-1), (K[:, -1, X] * y[:, X]).sum(-1)


@claim(
    id="lookahead.eq24.as_printed",
    title="Eq. (24): the speed of the outputs, with the factor 1/(2N)",
    source=EQ24,
    reading="as printed, first line; the factor comes from eq. (20)",
    expect="refuted",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    dims=SMALL,
    mutants=FACTORS,
)
def eq24_as_printed(K: Tensor, f: Tensor, y: Tensor, *, share: float = 1.0) -> Relation:
    r"""$\partial_tf_t(x) = -\nabla_{\mathcal{K}}C|_{f_t}(x) = -\frac{1}{2N}\sum_j\mathcal{K}(x,x_j)(f_t(x_j)-f^*(x_j))$.

    Counterexample: one training point, equal to x, $\mathcal{K} = 1$, $f_t-f^* = 1$: -2 on the left, -1/2 on the right.
    """
    now, labels = _pulled(K, f, y)
    return eq(_velocity(K, f, y), -share / (2 * _trained(K)) * (now - labels), names=["-grad C (x)", "eq. (24)"])


@claim(
    id="lookahead.eq24",
    title="Eq. (24), repaired, both lines",
    source=EQ24,
    reading="the operator and the sign that the second line has lost in our copy restored as the first line demands",
    amends="lookahead.eq24.as_printed",
    uses=["lookahead.eq18"],
    J=D.real("n", 3),
    f=D.real("n"),
    y=D.real("n"),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "the label term one percent less": dict(labelled=0.99)},
)
def eq24(J: Tensor, f: Tensor, y: Tensor, *, share: float = 1.0, labelled: float = 1.0) -> Relation:
    r"""$\partial_tf_t(x) = -\frac2N\sum_j\mathcal{K}(x,x_j)(f_t(x_j)-f^*(x_j))
    = -\frac2N\left(\sum_j\mathcal{K}(x,x_j)f_t(x_j)-\sum_j\mathcal{K}(x,x_j)f^*(x_j)\right)$.

    Notes: features J of three dimensions give every kernel on three points. Our copy shows the second line as a product of the
    two sums without the minus sign in front: something was lost there, and nothing is held against the paper for it.
    """
    K = J @ J.mT
    X, N = slice(0, _trained(K)), _trained(K)
    speed = _velocity(K, f, y)
    now, labels = _pulled(K, f, y)
    joined = (K[:, -1, X] * (f - y)[:, X]).sum(-1)
    return all_of(
        eq(speed, -share * 2 / N * joined, names=["-grad C (x)", "first line"]),
        eq(speed, -2 / N * (now - labelled * labels), names=["-grad C (x)", "second line"]),
    )


# eq. (25)


def _solution(K: Tensor, f: Tensor, y: Tensor, c: Tensor, t: Tensor, true: float, printed: float) -> Relation:
    """c' f_t(X) for the flow that runs at the rate `true`, and c' (f* + e^(-printed t K) (f_0 - f*))."""
    X = slice(0, _trained(K))
    now = flow_everywhere(K, f, y, true * t)[:, X]
    closed = y[:, X] + times(torch.linalg.matrix_exp(-printed * t[:, None, None] * K[:, X, X]), (f - y)[:, X])
    return eq((c[:, X] * now).sum(-1), (c[:, X] * closed).sum(-1), names=["c' f_t(X)", "c' (f* + e^(-t K) (f_0 - f*))"])


@claim(
    id="lookahead.eq25.as_printed",
    title="Eq. (25): the solution on the training points",
    source=EQ25,
    reading="as printed, for the cost that the appendix defines",
    expect="refuted",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    c=D.real("n"),
    t=D.step_size("K", D.interval(0, 4)),
    dims={"n": (2, 3)},
    mutants={"the clock one percent fast": dict(rate=1.01), "the clock one percent slow": dict(rate=0.99)},
)
def eq25_as_printed(K: Tensor, f: Tensor, y: Tensor, c: Tensor, t: Tensor, *, rate: float = 1.0) -> Relation:
    r"""The flow of $C(f) = \frac1N\sum_j(f(x_j)-y_j)^2$ has $f_t(X) = f^*(X)+e^{-t\mathcal{K}}(f_0(X)-f^*(X))$.

    Counterexample: one point, $\mathcal{K} = 1$, $f_0 = 0$, $f^* = 1$: $1-e^{-2t}$ on the left, $1-e^{-t}$ on the right.
    """
    return _solution(K, f, y, c, t, 2 / _trained(K), rate)


@claim(
    id="lookahead.eq25.two_points",
    title="Eq. (25) for two training points",
    source=EQ25,
    reading="as printed, for N = 2, where 2/N = 1",
    K=D.psd(3),
    f=D.real(3),
    y=D.real(3),
    c=D.real(3),
    t=D.step_size("K", D.interval(0, 4)),
    mutants={"the clock one percent fast": dict(rate=1.01), "the clock one percent slow": dict(rate=0.99)},
)
def eq25_two_points(K: Tensor, f: Tensor, y: Tensor, c: Tensor, t: Tensor, *, rate: float = 1.0) -> Relation:
    r"""For N = 2 the flow of $C(f) = \frac1N\sum_j(f(x_j)-y_j)^2$ has
    $f_t(X) = f^*(X)+e^{-t\mathcal{K}}(f_0(X)-f^*(X))$.
    """
    return _solution(K, f, y, c, t, 2 / _trained(K), rate)


@claim(
    id="lookahead.eq25.half_sum",
    title="Eq. (25) for half the sum of squares",
    source=EQ25,
    reading="as printed, for the loss of section 3 and eq. (5)",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    c=D.real("n"),
    t=D.step_size("K", D.interval(0, 4)),
    dims={"n": (2, 4)},
    mutants={"the clock one percent fast": dict(rate=1.01), "the clock one percent slow": dict(rate=0.99)},
)
def eq25_half_sum(K: Tensor, f: Tensor, y: Tensor, c: Tensor, t: Tensor, *, rate: float = 1.0) -> Relation:
    r"""The flow of $\frac12\sum_j(f(x_j)-y_j)^2$ has $f_t(X) = f^*(X)+e^{-t\mathcal{K}}(f_0(X)-f^*(X))$."""
    return _solution(K, f, y, c, t, 1.0, rate)


@claim(
    id="lookahead.eq25.from_eq24",
    title="Eq. (25) as the solution of eq. (24) as printed",
    source=EQ25,
    reading="both as printed: 'a system of ODEs, whose solution ...'",
    expect="refuted",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    c=D.real("n"),
    t=D.step_size("K", D.interval(0, 4)),
    dims={"n": (2, 3)},
    mutants={"the clock one percent fast": dict(rate=1.01), "the clock one percent slow": dict(rate=0.99)},
)
def eq25_from_eq24(K: Tensor, f: Tensor, y: Tensor, c: Tensor, t: Tensor, *, rate: float = 1.0) -> Relation:
    r"""$\partial_tf_t = -\frac{1}{2N}\mathcal{K}(f_t-f^*)$ on X has the solution
    $f_t(X) = f^*(X)+e^{-t\mathcal{K}}(f_0(X)-f^*(X))$.

    Counterexample: one point, $\mathcal{K} = 1$, $f_0 = 0$, $f^* = 1$: $1-e^{-t/2}$ on the left, $1-e^{-t}$ on the right.

    Notes: no N makes the two agree.
    """
    return _solution(K, f, y, c, t, 1 / (2 * _trained(K)), rate)


@claim(
    id="lookahead.eq25",
    title="Eq. (25), repaired",
    source=EQ25,
    amends="lookahead.eq25.as_printed",
    uses=["lookahead.eq24"],
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    c=D.real("n"),
    t=D.step_size("K", D.interval(0, 4)),
    dims={"n": (2, 4)},
    mutants={"the clock one percent fast": dict(rate=2.02), "the clock one percent slow": dict(rate=1.98)},
)
def eq25(K: Tensor, f: Tensor, y: Tensor, c: Tensor, t: Tensor, *, rate: float = 2.0) -> Relation:
    r"""The flow of $C(f) = \frac1N\sum_j(f(x_j)-y_j)^2$ has $f_t(X) = f^*(X)+e^{-2t\mathcal{K}/N}(f_0(X)-f^*(X))$.

    Repairs: the rate 2/N; $f^*(X)$ on the right is on the points of S too.
    """
    return _solution(K, f, y, c, t, 2 / _trained(K), rate / _trained(K))


# eq. (26)


def _first_line(K: Tensor, f: Tensor, y: Tensor, t: Tensor, rate: float) -> Tensor:
    """1/(2N) sum_j K(x, x_j) times the integral of f_s - f* at x_j along the flow that runs at this rate."""
    X = slice(0, _trained(K))
    integral = times(Flow(rate * t).pull(K[:, X, X]), (f - y)[:, X]) / rate
    return (K[:, -1, X] * integral).sum(-1) / (2 * _trained(K))


def _printed_first_line(K: Tensor, y: Tensor, t: Tensor, rate: float, share: float) -> Relation:
    f = 0 * y
    now = flow_everywhere(K, f, y, 2 / _trained(K) * t)[:, -1]
    return eq(now, share * _first_line(K, f, y, t, rate), names=["f_t(x)", "1/(2N) sum K times the integral of f_s - f*"])


@claim(
    id="lookahead.eq26.first_line",
    title="Eq. (26), first line, along the flow of eq. (24)",
    source=EQ26,
    reading="as printed, f_s the solution of eq. (24) as printed",
    expect="refuted",
    K=D.psd("n"),
    y=D.real("n"),
    t=D.step_size("K", D.interval(0, 4)),
    dims=SMALL,
    mutants=FACTORS,
)
def eq26_first_line(K: Tensor, y: Tensor, t: Tensor, *, share: float = 1.0) -> Relation:
    r"""From $f_0 = 0$: $f_t(x) = \frac{1}{2N}\sum_j\mathcal{K}(x,x_j)\int_0^t(f_s(x_j)-f^*(x_j))ds$ with f_s solving eq. (24)
    as printed.

    Counterexample: one point, $\mathcal{K} = 1$, $f^* = 1$: the right side tends to -1, the left side to 1: the sign
    is wrong.

    Notes: $f_0(x)$ is missing besides, which does not matter from $f_0 = 0$.
    """
    return _printed_first_line(K, y, t, 1 / (2 * _trained(K)), share)


@claim(
    id="lookahead.eq26.first_line.with_eq25",
    title="Eq. (26), first line, with eq. (25) put in",
    source=EQ26,
    reading="as printed, 'replacing f_t according to (25)' as printed",
    expect="refuted",
    K=D.psd("n"),
    y=D.real("n"),
    t=D.step_size("K", D.interval(0, 4)),
    dims=SMALL,
    mutants=FACTORS,
)
def eq26_first_line_with_eq25(K: Tensor, y: Tensor, t: Tensor, *, share: float = 1.0) -> Relation:
    r"""From $f_0 = 0$: $f_t(x) = \frac{1}{2N}\sum_j\mathcal{K}(x,x_j)\int_0^t(f_s(x_j)-f^*(x_j))ds$ with f_s from eq. (25) as
    printed.

    Counterexample: one point, $\mathcal{K} = 1$, $f^* = 1$: the right side tends to -1/2, the left side to 1.
    """
    return _printed_first_line(K, y, t, 1.0, share)


@claim(
    id="lookahead.eq26.first_line.true_flow",
    title="Eq. (26), first line, along the true flow",
    source=EQ26,
    reading="as printed, f_s the flow of the cost",
    expect="refuted",
    K=D.psd("n"),
    y=D.real("n"),
    t=D.step_size("K", D.interval(0, 4)),
    dims=SMALL,
    mutants=FACTORS,
)
def eq26_first_line_true_flow(K: Tensor, y: Tensor, t: Tensor, *, share: float = 1.0) -> Relation:
    r"""From $f_0 = 0$: $f_t(x) = \frac{1}{2N}\sum_j\mathcal{K}(x,x_j)\int_0^t(f_s(x_j)-f^*(x_j))ds$ with f_s the flow of C.

    Counterexample: one point, $\mathcal{K} = 1$, $f^* = 1$: the right side tends to -1/4, the left side to 1.
    """
    return _printed_first_line(K, y, t, 2 / _trained(K), share)


@claim(
    id="lookahead.eq26.first_line.restored",
    title="Eq. (26), first line, with sign and start restored, as the solution of eq. (24) as printed",
    source=EQ26,
    reading="the minus sign and f_0(x) lost in the copy or in print; the rate of eq. (24) on both sides",
    amends="lookahead.eq26.first_line",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    t=D.step_size("K", D.interval(0, 4)),
    dims=SMALL,
    mutants={"the integral one percent too large": dict(share=1.01), "the integral one percent too small": dict(share=0.99)},
)
def eq26_first_line_restored(K: Tensor, f: Tensor, y: Tensor, t: Tensor, *, share: float = 1.0) -> Relation:
    r"""The solution of $\partial_tf_t(x) = -\frac{1}{2N}\sum_j\mathcal{K}(x,x_j)(f_t(x_j)-f^*(x_j))$ is
    $f_t(x) = f_0(x)-\frac{1}{2N}\sum_j\mathcal{K}(x,x_j)\int_0^t(f_s(x_j)-f^*(x_j))ds$.

    Notes: so the line is right but for what it has lost; the rate is that of eq. (24), not of training.
    """
    rate = 1 / (2 * _trained(K))
    now = flow_everywhere(K, f, y, rate * t)[:, -1]
    return eq(
        now,
        f[:, -1] - share * _first_line(K, f, y, t, rate),
        names=["f_t(x)", "f_0(x) - 1/(2N) sum K times the integral of f_s - f*"],
    )


@claim(
    id="lookahead.eq26.as_printed",
    title="Eq. (26), second line: the solution at every point",
    source=EQ26,
    reading="as printed, second line, for the cost that the appendix defines; one training point",
    expect="refuted",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    t=D.step_size("K", D.interval(0, 4)),
    dims={"n": (2, 2)},
    mutants={"the clock one percent fast": dict(rate=1.01), "the clock one percent slow": dict(rate=0.99)},
)
def eq26_as_printed(K: Tensor, f: Tensor, y: Tensor, t: Tensor, *, rate: float = 1.0) -> Relation:
    r"""The flow of $C(f) = \frac1N\sum_j(f(x_j)-y_j)^2$ has
    $f_t(x) = f_0(x)+\mathcal{K}(x,X)\,\mathcal{K}^{-1}(I-e^{-t\mathcal{K}})(f^*(X)-f_0(X))$.

    Counterexample: one training point, equal to x, $\mathcal{K} = 1$, $f_0 = 0$, $f^* = 1$: $1-e^{-2t}$ and $1-e^{-t}$.

    Notes: the same line is eq. (5), which is right for the loss of section 3 (lookahead.eq5.as_printed).
    """
    now = flow_everywhere(K, f, y, 2 / _trained(K) * t)[:, -1]
    printed = al.lookahead.train(K, f, y, range(_trained(K)), Flow(rate * t))[:, -1]
    return eq(now, printed, names=["f_t(x)", "eq. (26)"])


@claim(
    id="lookahead.eq26",
    title="Eq. (26), repaired, both lines",
    source=EQ26,
    amends="lookahead.eq26.as_printed",
    uses=["lookahead.eq24", "lookahead.eq25"],
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    t=D.step_size("K", D.interval(0, 4)),
    dims=SMALL,
    mutants={"the clock one percent fast": dict(rate=2.02), "the integral one percent too large": dict(share=1.01)},
)
def eq26(K: Tensor, f: Tensor, y: Tensor, t: Tensor, *, rate: float = 2.0, share: float = 1.0) -> Relation:
    r"""The flow of C has $f_t(x) = f_0(x)-\frac2N\sum_j\mathcal{K}(x,x_j)\int_0^t(f_s(x_j)-f^*(x_j))ds =
    f_0(x)+\mathcal{K}(x,X)\,\phi_{2t/N}(\mathcal{K})\,(f^*(X)-f_0(X))$, $\phi_t(\mathcal{K}) = \int_0^te^{-s\mathcal{K}}ds$,
    for every positive semidefinite kernel.
    """
    N = _trained(K)
    now = flow_everywhere(K, f, y, 2 / N * t)[:, -1]
    first = f[:, -1] - share * 4 * _first_line(K, f, y, t, 2 / N)
    second = al.lookahead.train(K, f, y, range(N), Flow(rate / N * t))[:, -1]
    return all_of(eq(now, first, names=["f_t(x)", "first line"]), eq(now, second, names=["f_t(x)", "second line"]))


@claim(
    id="lookahead.eq26.end",
    title="Eq. (26) at the end of training: the time constants do not matter",
    source=EQ26,
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    rate=D.interval(0.125, 8),
    dims=SMALL,
    mutants={"the pull one percent too strong": dict(share=1.01), "the pull one percent too weak": dict(share=0.99)},
)
def eq26_end(K: Tensor, f: Tensor, y: Tensor, rate: Tensor, *, share: float = 1.0) -> Relation:
    r"""For every rate $c > 0$ the flow $\partial_tf_t(x) = -c\,\mathcal{K}(x,X)(f_t(X)-f^*(X))$ ends at
    $f_0(x)+\mathcal{K}(x,X)\,\mathcal{K}^+(f^*(X)-f_0(X))$: $c\,\mathcal{K}(x,X)\,(c\,\mathcal{K})^+ =
    \mathcal{K}(x,X)\,\mathcal{K}^+$.

    Notes: which is why the wrong constants of (20) to (26) do no harm to Theorem A.2.
    """
    X = slice(0, _trained(K))
    end = al.lookahead.train(K, f, y, range(_trained(K)), Converged())[:, -1]
    scaled = rate[:, None, None] * K
    pull = times(Converged().pull(scaled[:, X, X]), (y - f)[:, X])
    return eq(
        f[:, -1] + share * (scaled[:, -1, X] * pull).sum(-1), end, names=["end of the flow at the rate c", "end at the rate 1"]
    )
