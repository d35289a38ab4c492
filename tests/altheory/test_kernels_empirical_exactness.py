"""Exact masks on data made to break them, and rounding bounds against exact fractions and 50-digit arithmetic."""

from __future__ import annotations

import itertools
from fractions import Fraction

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory as al
from altheory import activations
from altheory.kernels import _empirical

PATHS = {"plain": 1 << 62, "compiled": 0}
mpmath.mp.dps = 50


@pytest.fixture(params=list(PATHS))
def path(request, monkeypatch):
    monkeypatch.setattr(_empirical, "_WORTH_COMPILING", PATHS[request.param])
    return request.param


def net_of(W, a=None, activation="relu"):
    W = torch.as_tensor(W)
    K = 1 if a is None else a.shape[1]
    net = al.TwoLayerNet(W.shape[1], len(W), K, activation, antisymmetric=False, seed=0, dtype=W.dtype)
    return net.replace(W=W, a=a)


def dot(x, w):
    return sum((Fraction(p) * Fraction(q) for p, q in zip(x, w, strict=True)), Fraction(0))


def exact_relu(net, X, layer):
    """The mean kernel in fractions."""
    W, a = net.W.tolist(), net.a.tolist()
    Z = [[dot(x, w) for w in W] for x in X.tolist()]
    weight = [sum(Fraction(v) ** 2 for v in row) / net.outputs for row in a]
    K = {}
    for i, j in itertools.product(range(len(Z)), repeat=2):
        both = [r for r in range(len(W)) if Z[i][r] > 0 and Z[j][r] > 0]
        first = dot(X[i].tolist(), X[j].tolist()) * sum(weight[r] for r in both) / net.width
        second = sum((Z[i][r] * Z[j][r] for r in both), Fraction(0)) / net.width
        K[i, j] = {"first": first, "output": second, "both": first + second}[layer]
    return K


def check(net, X, layer="first", loosest=1e-12):
    """Every entry within its bound of the exact kernel, and no bound too wide to mean anything."""
    value, error = al.kernels.empirical(net, X, layer=layer, with_bound=True)
    assert torch.equal(error, error.T)
    scale = max(float(abs(v)) for v in exact_relu(net, X, layer).values()) or 1.0
    for (i, j), exact in exact_relu(net, X, layer).items():
        assert abs(Fraction(value[i, j].item()) - exact) <= Fraction(error[i, j].item()), (i, j)
        assert error[i, j].item() <= loosest * scale


ULP = 2.0**-52
ADVERSARIAL = {
    "integers, many inner products exactly 0": (
        [[1, -1, 0, 2], [0, 0, 0, 0], [3, 1, -2, 0], [-1, 1, 0, -2], [1, -1, 0, 2]],
        [[1, 1, 5, 0], [2, 0, 7, -1], [0, 0, 0, 0], [1, 2, 3, 4], [-1, -2, 1, 0]],
    ),
    "products that cancel only beyond the last bit": (
        [[0.1, 0.7], [0.1, 0.7 * (1 + ULP)], [-0.1, -0.7]],
        [[0.7, -0.1], [0.7, -0.1 * (1 + ULP)], [-0.7, 0.1], [0.7 * (1 - ULP), -0.1]],
    ),
    "cancellation below any rounding of the largest product": (
        [[1e150, 1e-150, 1.0], [1e150, 1e-150, -1.0]],
        [[1e-150, 1e-30, -1.0], [1e-150, 1e-30, 1.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [1.0, -1e300, 0.0]],
    ),
    "norms that float32 cannot hold": (
        [[1e-150, 2e-150], [1e120, -1e120], [1e-150, -1e-150]],
        [[1e-140, -0.5e-140], [1e150, 1e150], [1e-160, 1e-160], [2.0, -1.0]],
    ),
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_masks_are_those_of_exact_arithmetic(name, path):
    X, W = (torch.tensor(v, dtype=torch.float64) for v in ADVERSARIAL[name])
    net = net_of(W)
    active = [[dot(x, w) > 0 for w in W.tolist()] for x in X.tolist()]
    assert any(map(any, active))
    assert not all(map(all, active))
    for i in range(len(X)):  # a single point sees its own count on the diagonal, whatever its size
        if bool((X[i] == 0).all()) or not 1e-300 < float(X[i].abs().max()) ** 2 < 1e300:
            continue
        K = al.kernels.empirical(net, X[i : i + 1])
        count = float(K[0, 0]) / float(dot(X[i].tolist(), X[i].tolist())) * len(W)
        assert count == pytest.approx(sum(active[i]), abs=1e-6), i
        # beside points of other sizes, which change how it is scaled
        assert al.kernels.empirical(net, X)[i, i] == K[0, 0]


def test_fractions_decide_what_compensated_sums_cannot(path, monkeypatch):
    """Without the last resort this very case goes wrong, so it is reached."""
    X = torch.tensor([[1e150, 1e-300]], dtype=torch.float64)
    W = torch.tensor([[0.0, 1.0], [0.0, -1.0], [1e-300, -1e150]], dtype=torch.float64)
    assert [dot(X[0].tolist(), w) > 0 for w in W.tolist()] == [True, False, dot(X[0].tolist(), W[2].tolist()) > 0]
    wanted = al.kernels.empirical(net_of(W), X)
    assert float(wanted[0, 0]) == pytest.approx(1e300 * (1 + (dot(X[0].tolist(), W[2].tolist()) > 0)) / 3)
    for module in ("_preactivations", "_signs"):
        monkeypatch.setattr(f"altheory.kernels.{module}.by_fractions", lambda w, x: False)
    assert not torch.equal(al.kernels.empirical(net_of(W), X), wanted)


def test_points_orthogonal_to_many_neurons_are_counted_exactly(path):
    generator = torch.Generator().manual_seed(0)
    X = torch.randint(-2, 3, (40, 12), generator=generator).double()
    W = torch.randint(-2, 3, (2000, 12), generator=generator).double()
    active = (X.long() @ W.T.long() > 0).long()
    assert float((X @ W.T == 0).double().mean()) > 0.05
    count = (active @ active.T).double()
    inner = X @ X.T
    seen = inner != 0
    K = al.kernels.empirical(net_of(W), X)
    torch.testing.assert_close((K / inner * 2000)[seen], count[seen], rtol=1e-13, atol=1e-13)
    assert bool((K[~seen] == 0).all())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data())
def test_relu_kernels_lie_within_their_bound_of_fractions(data):
    number = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3), st.sampled_from([1e-60, 1e60, -1e-60, 0.1]))
    d, n, m = (data.draw(st.integers(1, k)) for k in (4, 4, 6))
    X, W = (data.draw(st.lists(st.lists(number, min_size=d, max_size=d), min_size=k, max_size=k)) for k in (n, m))
    a = data.draw(st.none() | st.lists(st.lists(st.floats(-2, 2), min_size=1, max_size=1), min_size=m, max_size=m))
    X, W, a = (None if v is None else torch.tensor(v, dtype=torch.float64) for v in (X, W, a))
    before, _empirical._WORTH_COMPILING = _empirical._WORTH_COMPILING, data.draw(st.sampled_from(list(PATHS.values())))
    try:
        check(net_of(W, a), X, data.draw(st.sampled_from(["first", "output", "both"])), loosest=float("inf"))
    finally:
        _empirical._WORTH_COMPILING = before


@pytest.mark.parametrize("layer", ["first", "output", "both"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_bounds_are_narrow_on_ordinary_data(layer, dtype, path):
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(5, 6, generator=generator, dtype=torch.float64).to(dtype)
    net = al.TwoLayerNet(6, 40, 2, seed=2, dtype=dtype)
    check(net, X, layer, 1e-13 if dtype == torch.float64 else 1e-4)
    check(
        net.replace(a=torch.randn(40, 2, generator=generator, dtype=torch.float64).to(dtype)),
        X,
        layer,
        1e-13 if dtype == torch.float64 else 1e-4,
    )


PRECISE = {
    "erf": (mpmath.erf, lambda u: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-u * u)),
    "tanh": (mpmath.tanh, lambda u: mpmath.sech(u) ** 2),
    "softplus": (lambda u: mpmath.log1p(mpmath.exp(u)), lambda u: 1 / (1 + mpmath.exp(-u))),
    "gelu": (lambda u: u * mpmath.ncdf(u), lambda u: mpmath.ncdf(u) + u * mpmath.npdf(u)),
    "swish": (lambda u: u / (1 + mpmath.exp(-u)), lambda u: mpmath.diff(lambda v: v / (1 + mpmath.exp(-v)), u)),
    "sin": (mpmath.sin, mpmath.cos),
    "cubic": (lambda u: 1 - 2 * u + u**3 / 2, lambda u: -2 + 3 * u**2 / 2),
    "square": (lambda u: max(u, 0) ** 2, lambda u: 2 * max(u, 0)),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", PRECISE)
def test_smooth_kernels_lie_within_their_bound_of_fifty_digits(name, dtype):
    own = {"cubic": activations.polynomial(1.0, -2.0, 0.0, 0.5), "square": activations.relu_power(2)}
    generator = torch.Generator().manual_seed(3)
    X = (3 * torch.randn(3, 4, generator=generator, dtype=torch.float64)).to(dtype)
    net = al.TwoLayerNet(4, 9, 2, own.get(name, name), antisymmetric=False, seed=4, dtype=dtype)
    net = net.replace(a=torch.randn(9, 2, generator=generator, dtype=torch.float64).to(dtype))
    phi, slope = PRECISE[name]
    x, w, a = ([[mpmath.mpf(v) for v in row] for row in t.tolist()] for t in (X, net.W, net.a))
    Z = [[mpmath.fdot(p, q) for q in w] for p in x]
    S, P = ([[f(z) for z in row] for row in Z] for f in (slope, phi))
    value, error = al.kernels.empirical(net, X, layer="both", outputs="pairs", with_bound=True)
    for k, l, i, j in itertools.product(range(2), range(2), range(3), range(3)):
        exact = mpmath.fdot(x[i], x[j]) * sum(a[r][k] * a[r][l] * S[i][r] * S[j][r] for r in range(9)) / 9
        exact += (k == l) * mpmath.fdot(P[i], P[j]) / 9
        assert abs(mpmath.mpf(value[k, l, i, j].item()) - exact) <= error[k, l, i, j].item()
    assert float(error.max()) <= (1e-11 if dtype == torch.float64 else 1e-2) * float(value.abs().max())


def test_the_bound_of_a_sum_of_logits_covers_outputs_that_cancel():
    a = torch.tensor([[1.0, -1.0 + 2**-30], [0.3, -0.3], [2.0, 1.0]], dtype=torch.float64)
    net = net_of(torch.tensor([[1.0, 2.0], [0.5, -0.1], [0.2, 0.9]], dtype=torch.float64), a)
    X = torch.tensor([[1.0, 0.3], [0.7, 0.2]], dtype=torch.float64)
    value, error = al.kernels.empirical(net, X, outputs="sum", with_bound=True)
    for i, j in itertools.product(range(2), repeat=2):
        weight = sum(sum(map(Fraction, row)) ** 2 for row in a.tolist()) / 2  # every neuron is active everywhere
        exact = dot(X[i].tolist(), X[j].tolist()) * weight / 3
        assert abs(Fraction(value[i, j].item()) - exact) <= Fraction(error[i, j].item())


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.integers(1, 12),
    st.integers(1, 60),
    st.sampled_from(["relu", "tanh"]),
    st.sampled_from(["first", "output", "both"]),
    st.integers(0, 99),
)
def test_kernels_are_positive_semidefinite_within_their_bound(n, width, activation, layer, seed):
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    X = torch.cat([X, -X[:1], X[:1], 0 * X[:1]])  # antipodal, repeated, zero
    net = al.TwoLayerNet(2, width, activation=activation, antisymmetric=False, seed=seed)
    value, error = al.kernels.empirical(net, X, layer=layer, with_bound=True)
    slack = float(torch.linalg.matrix_norm(error)) + 1e-14 * float(value.abs().sum())
    assert float(torch.linalg.eigvalsh(value)[0]) >= -slack
    assert slack <= 1e-10 * (1 + float(value.abs().sum()))


def test_the_bound_of_an_activation_of_ones_own_is_refused():
    net = al.TwoLayerNet(2, 4, activation=activations.Activation("mine", torch.relu, torch.sign), seed=0)
    with pytest.raises(al.InputError, match="'mine' is your own"):
        al.kernels.empirical(net, [[1.0, 2.0]], with_bound=True)
