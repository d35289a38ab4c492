"""Sample complexity, sections 3 and 5.3: the audit's exact counterexamples, worked out here in fractions.

The fractions are computed from the definitions (claims/sample_complexity.md), not by `altheory`; the claims must give the same.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import torch
from scipy.special import sici

from proofs_check.evaluate import at
from proofs_check.papers.sample_complexity import theorem41_hypothesis
from proofs_check.papers.sample_complexity.definition33_networks import _isolated
from proofs_check.registry import registered

CLAIMS = registered()


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance given in fractions."""

    def plain(value):
        return (
            [plain(v) for v in value] if isinstance(value, (list, tuple)) else float(value) if isinstance(value, F) else value
        )

    found = at(CLAIMS[f"sample_complexity.{id}"], **{name: plain(value) for name, value in values.items()}).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def dot(u, v):
    return sum(F(a) * F(b) for a, b in zip(u, v, strict=True))


def solved(A, b):
    """Ax = b over the rationals by Gauss-Jordan."""
    rows = [[*map(F, row), F(value)] for row, value in zip(A, b, strict=True)]
    for i in range(len(rows)):
        pivot = next(r for r in range(i, len(rows)) if rows[r][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for r in range(len(rows)):
            if r != i:
                rows[r] = [v - rows[r][i] * w for v, w in zip(rows[r], rows[i], strict=True)]
    return [row[-1] for row in rows]


# definition 3.1, assumption 3.2


def test_the_mean_of_two_neurons_is_no_neuron():
    v, w = [F(1), F(0)], [F(0), F(1)]
    form = [[(v[i] * v[j] + w[i] * w[j]) / 2 for j in range(2)] for i in range(2)]
    assert form[0][0] * form[1][1] - form[0][1] * form[1][0] == F(1, 4)
    assert sides("definition31.convex", v=v, w=w) == (0.25, 0)
    assert sides("definition31.convex", v=[3.0, 1.5], w=[2.0, 1.0]) == (0, 0)


def test_every_quadratic_form_is_a_network():
    x, c = [F(2), F(-1), F(1, 2)], [[F(1), F(3), F(-2)], [F(0), F(5), F(1, 4)], [F(0), F(0), F(-1)]]
    value = sum(c[i][j] * x[i] * x[j] for i in range(3) for j in range(i, 3))
    assert sides("definition31.forms", x=[x], c=c) == (float(value), float(value))


@pytest.mark.parametrize(("d", "p"), list(itertools.product(range(1, 5), range(1, 5))))
def test_neurons_of_degree_p_span_the_forms(d, p):
    forms = sum(sum(exponents) == p for exponents in itertools.product(range(p + 1), repeat=d))
    assert sides("definition31.forms_rank", d=d, p=p) == (forms, forms)


def test_a_steep_network_of_a_smooth_activation():
    value, bound = sides("assumption32.smoothness", w=[2.0, 0.0], u=[[1.0, 0.0]], x=[0.5, 0.0], order=20)
    assert (value, bound) == (pytest.approx(2**20 * math.sin(1)), 1)
    with mpmath.workdps(60):
        found = mpmath.diff(lambda s: mpmath.sin(2 * (mpmath.mpf("0.5") + s)), 0, 20, h=mpmath.mpf("1e-2"))
    assert value == pytest.approx(float(found), rel=0.02)


@pytest.mark.parametrize("order", [20, 21, 22, 23])
def test_derivatives_of_sin_in_a_direction(order):
    with mpmath.workdps(80):
        wanted = mpmath.diff(lambda s: mpmath.sin(mpmath.mpf("0.3") + s), 0, order)
    x, W = [0.3, 0.0], [[1.0, 0.0]]
    value, bound = sides("assumption32.smoothness_scaled", x=x, W=W, a=[1.0], u=[[1.0, 0.0]], order=order)
    assert (value, bound) == (pytest.approx(abs(float(wanted)), rel=1e-12), 1)


# definition 3.3: linear spans


def test_the_quotient_of_a_zero_network():
    assert sides("definition33.nonzero", x=[[1.0]], W=[[1.0], [1.0]]) == (1, 0)
    assert sides("definition33.nonzero", x=[[1.0]], W=[[1.0], [2.0]]) == (1, 1)


V = [[F(1), F(0)], [F(0), F(1)], [F(1), F(2)], [F(-1), F(3)]]
P = [F(1, 2), F(1, 4), F(1, 8), F(1, 8)]


def ratios():
    G = [[sum(p * v[a] * v[b] for v, p in zip(V, P, strict=True)) for b in range(2)] for a in range(2)]
    return [dot(v, solved(G, v)) for v in V], G


def test_k_of_a_span():
    found, G = ratios()
    K = max(found)
    assert dot(P, found) == 2  # the mean is the rank
    assert K > 2
    assert sides("definition33.dimension", V=V, p=P) == (2, pytest.approx(float(K)))
    assert sides("definition33.attained", V=V, p=P) == (pytest.approx(float(K)), pytest.approx(float(K)))
    h = [dot(v, solved(G, V[found.index(K)])) for v in V]
    assert max(x * x for x in h) / sum(p * x * x for p, x in zip(P, h, strict=True)) == K
    c = [F(2), F(-1)]
    values = [dot(v, c) for v in V]
    mean = sum(p * x * x for p, x in zip(P, values, strict=True))
    assert sides("definition33.linear", V=V, p=P, c=c) == (float(max(x * x for x in values)), pytest.approx(float(K * mean)))


def test_k_equals_the_dimension_for_constant_leverage():
    assert sides("definition33.dimension", V=[[1.0, 0.0], [0.0, 1.0]], p=[0.5, 0.5]) == (2, pytest.approx(2))


def test_a_network_attains_k_of_its_span():
    half = F(1, 2)
    W, a, p = [[half, half], [half, -half]], [1.0, -1.0], [F(1, 4)] * 4  # f = x1 x2, which is 1 at (1, 1) and 0 at the others
    assert sides("definition33.below_span", link=1, x=[[0.0, 0.0]], p=p, W=W, a=a) == (1, pytest.approx(1))


# definition 3.3: networks


def test_one_quadratic_neuron_on_four_lines():
    """E(w.x)^4 = 3/8 |w|^4 on e1, e2, (e1 + e2)/sqrt 2, (e1 - e2)/sqrt 2."""
    for w in ([F(1), F(0)], [F(2), F(-3)], [F(1, 3), F(5)]):
        fourth = [w[0] ** 4, w[1] ** 4, (w[0] + w[1]) ** 4 / 4, (w[0] - w[1]) ** 4 / 4]
        assert sum(fourth) / 4 == F(3, 8) * dot(w, w) ** 2
        top, bound = sides("definition33.one_quadratic_neuron", w=w, n=4)
        assert (top, bound) == (pytest.approx(float(max(fourth))), pytest.approx(float(dot(w, w) ** 2)))
    assert sides("definition33.dimension_nonlinear", n=4) == (3, pytest.approx(8 / 3))


def test_one_relu_neuron_on_the_circle():
    theta = 2 * math.pi * (np.arange(20000) + 0.5) / 20000
    values = np.maximum(np.cos(theta), 0) ** 2
    assert values.max() / values.mean() == pytest.approx(4, rel=1e-3)


@pytest.mark.parametrize("n", [10, 100])
def test_a_relu_neuron_isolates_the_end_of_an_arc(n):
    t = [F(i, n - 1) for i in range(n)]
    points = [((1 - s * s) / (1 + s * s), 2 * s / (1 + s * s)) for s in t]
    w = (2 * t[1], t[1] ** 2 - 1)
    f = [max(dot(w, x), F(0)) for x in points]
    assert f[0] > 0
    assert not any(f[1:])
    assert max(v * v for v in f) / (sum(v * v for v in f) / n) == n
    steps, ones = [F(1, n - 1)] * (n - 1), [1.0] * (n - 1)
    assert sides("definition33.relu_arc", steps=steps, first=[1.0], last=ones) == (pytest.approx(1), 1)


def test_k_of_the_sine_neuron():
    for w in (0.1, 1.0, 2.0, 4.5, 30.0):
        mean = float(mpmath.quad(lambda x, w=w: mpmath.sin(w * x) ** 2, np.linspace(0, 1, 20).tolist()))
        grid = np.sin(w * np.linspace(0, 1, 100001)) ** 2
        assert sides("definition33.sine", w=w) == (pytest.approx(grid.max(), rel=1e-6), pytest.approx(3 * mean, rel=1e-9))


@pytest.mark.parametrize(("w", "audit"), [(10, 6.6), (100, 63.9), (1000, 637)])
def test_k_of_the_neuron_sin_t_over_t(w, audit):
    mean = float(sici(2 * w)[0] - math.sin(w) ** 2 / w) / w
    x = (np.arange(10**6) + 0.5) / 10**6
    assert mean == pytest.approx(float(np.mean((np.sin(w * x) / (w * x)) ** 2)), rel=1e-5)
    assert 1 / mean == pytest.approx(audit, abs=0.06 if w < 1000 else 0.6)
    assert 1 / mean > 2 * w / math.pi


def test_sin_t_over_t_meets_the_hypothesis():
    with mpmath.workdps(60):
        for t in (0.5, 1.0, 3.0, 12.0):
            found = mpmath.diff(lambda x: mpmath.sin(x) / x, mpmath.mpf(t), 10)
            wanted = mpmath.quad(lambda s, t=t: -(s**10) * mpmath.cos(s * t), mpmath.linspace(0, 1, 9))
            assert abs(found - wanted) < 1e-8
            assert abs(found) <= 1 / 11


@pytest.mark.parametrize(("n", "point"), [(1, 0), (2, 1), (5, 3), (6, 5)])
def test_2n_sine_neurons_peak_at_one_of_n_points(n, point):
    e = 0.001
    x = (2 * np.arange(n) + 1) / (2 * n)
    c = np.array([(1 if k == 0 else 2) / n * math.cos(math.pi * k * x[point]) for k in range(n)])
    W = np.concatenate([math.pi * (np.arange(n) + e * c), math.pi * np.arange(n)])
    f = np.repeat([1, -1], n) @ np.sin(np.outer(W, x))
    low, top = sides("definition33.universal", n=n, point=point, e=e)
    ratio = (f**2).max() / (f**2).mean()
    assert int((f**2).argmax()) == point
    assert top / low * (n * (1 - n * (4 * math.pi * e / (1 - 4 * math.pi * e)) ** 2)) == pytest.approx(ratio, rel=1e-6)
    assert ratio == pytest.approx(n, rel=1e-3)


def test_some_digits_are_isolated():
    assert float(_isolated(torch.tensor([0]))) == pytest.approx(1, abs=1e-9)


# theorem 4.1's hypothesis


def logistic_polynomial(order):
    """sigma^(C) as an integer polynomial of s = sigma(x), by P' s (1 - s)."""
    coefficients = [0, 1]
    for _ in range(order):
        slope = [k * c for k, c in enumerate(coefficients)][1:]
        coefficients = [0, *slope, 0]
        for k, c in enumerate(slope):
            coefficients[k + 2] -= c
    return coefficients


def test_the_tenth_derivative_of_the_sigmoid():
    P10 = logistic_polynomial(10)
    values = [sum(c * F(k, 4000) ** i for i, c in enumerate(P10)) for k in range(4001)]
    assert max(values) > 22
    top = sides("theorem41_hypothesis.one_sided", which=0, C=10)
    assert top == (pytest.approx(float(max(values)), rel=1e-4), 1)
    assert top[0] == pytest.approx(22.25197, abs=5e-6)


AT_TEN = [
    (0, 22.25197, 6e-6), (1, 77.5, 2e-5), (2, 7.75, 2e-6), (3, 45572.035, 0.0126), (4, 7365.84, 0.002),
]  # fmt: skip


@pytest.mark.parametrize(("which", "tenth", "share"), AT_TEN)
def test_the_audits_table_at_ten(which, tenth, share):
    assert sides("theorem41_hypothesis.two_sided", which=which, C=10) == (pytest.approx(tenth, rel=1e-6), 1)
    top, factorial = sides("theorem41_hypothesis.normalised", which=which, C=10)
    assert factorial == math.factorial(10)
    assert top / factorial == pytest.approx(share, rel=0.1)


def test_the_bases_of_the_landau_kolmogorov_bounds():
    x = np.linspace(-20, 20, 400001)
    s = 1 / (1 + np.exp(-x))
    slopes = {"sigmoid": s, "softplus": s, "swish": s * (1 + x * (1 - s)), "tanh": np.tanh(x), "erf": np.tanh(x)}
    for name, (_, bound) in theorem41_hypothesis.BASE.items():
        assert np.abs(slopes[name]).max() <= bound
    for which in range(5):
        assert sides("theorem41_hypothesis.all_orders", which=which, C=16)[1] > 1


def test_a_rescaled_sigmoid_meets_the_hypothesis():
    c = 22.25197**-0.1
    P10 = np.polynomial.Polynomial(logistic_polynomial(10))
    assert np.abs(c**10 * P10(np.linspace(0, 1, 10001))).max() <= 1
    values = {"x": [[0.7]], "W": [[1.5]], "a": [-1.0], "which": 0, "C": 10, "share": 0.5}
    assert sides("theorem41_hypothesis.rescaled", **values) == (pytest.approx(-math.tanh(1.05)),) * 2
    assert sides("theorem41_hypothesis.rescaled", link=1, **values) == (pytest.approx(0.5**10), 1)


def test_polynomials_and_the_hypothesis():
    power = [0.0] * 20 + [1.0, 0.0]
    assert sides("theorem41_hypothesis.any_polynomial", c=power, t=0.5) == (math.factorial(20), 1)
    assert sides("theorem41_hypothesis.normalised_polynomial", c=[2 * v for v in power], t=0.0) == (
        2 * math.factorial(20),
        math.factorial(20),
    )
    assert sides("theorem41_hypothesis.normalised_polynomial", c=[0.0] * 21 + [1.0], t=1.0)[0] == math.factorial(21)
    assert sides("theorem41_hypothesis.low_degree", c=[1.0] * 20, t=1.0) == (0, 1)


@pytest.mark.parametrize(("id", "h", "factor"), [("relu", F(1, 2), 1), ("relu_normalised", F(1, 16), math.factorial(20))])
def test_differences_of_relu(id, h, factor):
    difference = sum((-1) ** (20 - j) * math.comb(20, j) * max(-h + j * h, F(0)) for j in range(21))
    assert difference == h
    assert h > factor * h**20
    assert sides(f"theorem41_hypothesis.{id}", x=-h, h=h) == (pytest.approx(float(h)), pytest.approx(float(factor * h**20)))


def test_the_order_is_no_integer():
    assert sides("theorem41_hypothesis.order", d=2, accuracy=0.1) == (pytest.approx(20 + math.log2(10)), 24)


# claim 5.3, first half


def printed(d, accuracy):
    return 10 * d + math.log(1 / accuracy) / math.log(d)


@pytest.mark.parametrize(
    ("d", "p", "accuracy", "forms", "bound"),
    [(20, 2, 0.05, 210, 201.0), (19, 2, 0.05, 190, 191.02), (3, 7, 0.1, 36, 32.1), (20, 6, 0.05, 177100, 201.0)],
)
def test_forms_against_the_printed_bound(d, p, accuracy, forms, bound):
    assert math.comb(d + p - 1, p) == forms
    assert sides("claim53", d=d, p=p, accuracy=accuracy) == (forms, pytest.approx(bound, abs=0.01))
    assert printed(d, accuracy) == pytest.approx(bound, abs=0.01)


def test_quadratic_networks_fit_up_to_19():
    assert all(d * (d + 1) / 2 <= printed(d, 0.1) for d in range(2, 20))
    assert sides("claim53.small_d", d=19, accuracy=0.1) == (190, pytest.approx(190.78, abs=0.003))
    assert printed(20, 0.1) < 210
    assert [sides("claim53.rank", d=d, more=0) for d in (19, 20)] == [(190, 190), (210, 210)]


def test_constants_and_brackets():
    assert sides("claim53.constant", d=2001, accuracy=0.1) == (2003001, pytest.approx(100 * printed(2001, 0.1)))
    assert 2003001 > 100 * printed(2001, 0.1) > 2001030
    for c in (1, 7, 1000):
        d = 20 * c
        assert F(d * (d + 1), 2) - c * (10 * d + F(10)) == 0
        assert sides("claim53.any_constant", c=c, s=10.0) == (d * (d + 1) / 2, d * (d + 1) / 2)
    assert sides("claim53.bracket", d=20, accuracy=0.05) == (210, pytest.approx(67.8, abs=0.06))
    assert sides("claim53.bracket", d=9, accuracy=0.1) == (45, pytest.approx(42.01, abs=0.005))
    assert all(d * (d + 1) / 2 <= (10 * d + math.log(10)) / math.log(d) for d in range(3, 9))


def test_distances_from_a_line():
    """N = 3 unit vectors, S spanned by (1, 2, -1)."""
    u = [F(1), F(2), F(-1)]
    distances = [1 - x * x / dot(u, u) for x in u]
    assert sum(distances) == 2
    U = [[x] for x in u]
    assert sides("claim53.lemma", U=U) == (pytest.approx(2), 2)
    assert sides("claim53.farthest", U=U) == (pytest.approx(2 / 3), pytest.approx(float(max(distances))))


@pytest.mark.parametrize(("size", "width"), [(29, 0.01399), (33, 0.01229), (27, 0.0150)])
def test_steep_neurons_on_the_circle(size, width):
    frequencies = [2 * (j // 2) + 1 for j in range(size)]
    tail = 1 - sum(4 / (math.pi * k) ** 2 for k in frequencies)
    found, accuracy = sides("claim53.signs", size=size)
    assert (found, accuracy) == (pytest.approx(tail, rel=1e-9), pytest.approx(2.0 ** (20 - size)))
    assert found == pytest.approx(width, rel=0.01)
    assert found > accuracy


def test_steep_tanh_neurons_are_as_far():
    """A finite steepness: the tail of the energies of tanh(300 cos) beyond 29 modes."""
    n = 4096
    energies = np.abs(np.fft.fft(np.tanh(300 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)))) ** 2 / n**2
    assert np.sort(energies)[: n - 29].sum() > 0.01 > 2.0**-9


# claim 5.3, readings and second half


@pytest.mark.parametrize("d", [2, 3, 4])
def test_the_readings_in_order(d):
    for extra in (0, 10):
        C = 10 * d + extra
        assert math.comb(C + d - 1, d) == sum(math.comb(k + d - 1, d - 1) for k in range(C))
        assert math.comb(C + d - 1, d) <= C**d <= d**C
        assert sides("claim53.exponents", d=d, extra=extra) == (math.comb(C + d - 1, d), C**d)
        assert sides("claim53.exponents", link=1, d=d, extra=extra) == (C**d, pytest.approx(d**C, rel=1e-14))


def test_a_cubic_network_by_its_monomials():
    c, x, W, a = [F(1), F(-2), F(3), F(1, 2)], [F(2), F(-1)], [[F(1), F(1, 2)], [F(-3), F(1)]], [1, -1]
    value = sum(s * sum(ck * dot(w, x) ** k for k, ck in enumerate(c)) for s, w in zip(a, W, strict=True))
    assert sides("claim53.polynomial", c=c, x=[x], W=W, a=[1.0, -1.0]) == (float(value), pytest.approx(float(value)))


@pytest.mark.parametrize("C", range(1, 9))
def test_taylor_polynomials_of_sin(C):
    t = 1.5
    taylor = sum((0, 1, 0, -1)[k % 4] * t**k / math.factorial(k) for k in range(C))
    found, bound = sides("claim53.taylor", x=[1.0], w=[[0.75]], a=[-1.0], R=2.0, C=C)
    assert (found, bound) == (pytest.approx(abs(math.sin(t) - taylor), rel=1e-9), pytest.approx(2.0**C / math.factorial(C)))


def test_fast_sines_and_a_line():
    j, k = np.arange(7)[:, None], np.arange(1, 4)
    S = np.sin(2 * np.pi * j * k / 7)
    assert np.allclose(S.T @ S / 7, np.eye(3) / 2)
    rng = np.random.default_rng(0)
    u = rng.standard_normal((7, 1))
    u[0] = 0
    left = S - u @ np.linalg.lstsq(u, S, rcond=None)[0]
    assert sides("claim53.sines", U=u[1:].tolist()) == (pytest.approx(1 / 3), pytest.approx((left**2).sum() / 21))


def test_no_bound_by_d_and_the_accuracy_alone():
    for size in (1, 29, 1000):
        assert sides("claim53.any_size", size=size, n=2 * size, accuracy=0.1) == (0.25, 0.1)


def test_the_linear_space_has_functions_far_from_all_networks():
    assert sides("claim53.second_half", v=[[1.0]], c=10.0, m=4, accuracy=0.1) == (64, 0.1)
    assert sides("claim53.second_half_sign", x=[[1.0]], w=[[1.0]], accuracy=0.1) == (1, 0.1)
    assert sides("claim53.norms_converse", g=[1.0, 1.0], p=[0.5, 0.5], accuracy=0.1) == (0.1, pytest.approx(0.01))


def test_the_distance_grows_with_the_width():
    values = {"U": [[1.0], [0.5]], "t": [0.3], "s": [-1.1]}
    neuron = np.array([math.sin(0.3), math.sin(-1.1)])
    u = np.array([1.0, 0.5])
    left = neuron - u * (u @ neuron) / (u @ u)
    for m in (1, 2, 4):
        found = sides("claim53.width", m=m, **values)
        assert found == (pytest.approx(m * (left**2).mean()), pytest.approx(m * (left**2).mean()))


# definition 5.1, remark 5.2


def test_equal_correlations():
    rho, ones = F(1, 4), [F(1)] * 3
    form = sum((F(1) if i == j else rho) * ones[i] * ones[j] for i in range(3) for j in range(3))
    assert form / 3 == F(3, 2) < 1 + 3 * rho == F(7, 4)
    assert sides("definition51.equicorrelated", alpha=ones, rho=rho) == (4.5, 4.5)
    D = 12
    assert sum((F(1) if i == j else -F(1, D - 1)) for i in range(D) for j in range(D)) == 0
    assert F(1, D - 1) < F(1, 10)
    assert sides("definition51.determined", alpha=[1.0] * 12, share=1.0) == (0.012, pytest.approx(0, abs=1e-14))


def test_gershgorin_for_two_vectors():
    u, v = [F(3, 5), F(4, 5)], [F(1), F(0)]
    alpha = [F(2), F(-1)]
    h = [alpha[0] * a + alpha[1] * b for a, b in zip(u, v, strict=True)]
    found = [sides("definition51.gershgorin", link=k, U=[u, v], alpha=alpha) for k in (0, 1)]
    assert found[0] == (pytest.approx(float((1 - F(3, 5)) * 5)), pytest.approx(float(dot(h, h))))
    assert found[1] == (pytest.approx(float(dot(h, h))), pytest.approx(float((1 + F(3, 5)) * 5)))
    assert sides("definition51.printed", U=[u, v], alpha=alpha)[1] == pytest.approx(float((1 + 2 * F(3, 5)) * 5))


def test_linear_functions_on_a_line():
    assert sides("remark52", X=[[1.0, 1.0]], p=[1.0]) == (1, 0)
    assert sides("remark52", X=[[1.0, 0.0], [0.0, 1.0]], p=[0.5, 0.5]) == (1, 1)
    assert sides("remark52.much_larger", d=7, share=1.0) == (77, 77)
