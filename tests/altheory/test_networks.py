"""Two-layer networks: exact zero at initialisation, the stated function away from it, seeds, refusals."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import torch
from torch.func import jacrev

import altheory as al
from altheory import activations


def plain(net: al.TwoLayerNet, X: torch.Tensor) -> torch.Tensor:
    """The definition, neuron by neuron, in numpy."""
    W, a, x = net.W.numpy(), net.a.numpy(), X.numpy()
    phi = {"relu": lambda u: np.maximum(u, 0), "erf": np.vectorize(__import__("math").erf)}[net.activation.name]
    total = sum(a[r] * phi(x @ W[r])[..., None] for r in range(len(W)))
    return torch.from_numpy(total / np.sqrt(len(W)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ["relu", "erf"])
@pytest.mark.parametrize("width", [2, 74, 1002])
def test_the_antisymmetric_network_starts_at_exactly_zero(activation, width, dtype):
    net = al.TwoLayerNet(5, width, 3, activation, seed=1, dtype=dtype)
    X = torch.randn(2, 17, 5, dtype=dtype, generator=torch.Generator().manual_seed(2))
    f = net(X)
    assert f.shape == (2, 17, 3)
    assert f.dtype == dtype
    assert bool((f == 0).all())
    half = width // 2
    assert torch.equal(net.W[:half], net.W[half:])
    assert torch.equal(net.a[:half], -net.a[half:])


@pytest.mark.parametrize("antisymmetric", [True, False])
@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_values_after_training_are_the_definition(activation, antisymmetric):
    net = al.TwoLayerNet(3, 40, 2, activation, antisymmetric=antisymmetric, train_output=True, seed=3)
    generator = torch.Generator().manual_seed(4)
    for parameter in net.parameters():  # the halves part, as after any training
        parameter += torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    X = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(net(X), plain(net, X), rtol=1e-12, atol=1e-12)
    assert float(net(X).abs().min()) > 1e-3


def test_parameters_are_what_the_definition_says():
    net = al.TwoLayerNet(4, 20000, 2, antisymmetric=False, seed=5)
    assert set(net.a.unique().tolist()) == {-1.0, 1.0}
    # 8e4 standard normals, 4e4 signs: means within 5 standard errors, variance within 5 of sqrt(2/N).
    assert abs(float(net.W.mean())) < 5 / 80000**0.5
    assert abs(float(net.W.var()) - 1) < 5 * (2 / 80000) ** 0.5
    assert abs(float(net.a.mean())) < 5 / 40000**0.5
    assert net.parameters() == (net.W,)
    assert len(al.TwoLayerNet(4, 2, seed=5, train_output=True).parameters()) == 2


@pytest.mark.parametrize("train_output", [False, True])
@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_the_tangent_kernel_is_the_analytic_one_at_large_width(activation, train_output):
    net = al.TwoLayerNet(3, 20000, 1, activation, train_output=train_output, seed=6)
    X = torch.randn(4, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    J = jacrev(lambda W, a: net.functional(W, a, X)[:, 0], argnums=(0, 1) if train_output else (0,))(net.W, net.a)
    J = torch.cat([j.reshape(4, -1) for j in J], dim=1)
    theory = al.kernels.analytic(X, activation=activation, train_output=train_output)
    # Each entry is a mean over 10000 independent neurons with standard deviation at most about 2 |x||z| each.
    tolerance = 5 * 2 * float((X * X).sum(-1).max()) / 10000**0.5
    assert float((J @ J.T - theory).abs().max()) < tolerance
    assert tolerance < float(theory.diagonal().max())


def test_seeds():
    X = torch.ones(1, 3, dtype=torch.float64)
    first, again = (al.TwoLayerNet(3, 8, seed=11, antisymmetric=False) for _ in range(2))
    other = al.TwoLayerNet(3, 8, seed=12, antisymmetric=False)
    assert torch.equal(first.W, again.W)
    assert torch.equal(first(X), again(X))
    assert not torch.equal(first.W, other.W)
    generator = torch.Generator().manual_seed(11)
    drawn, later = (al.TwoLayerNet(3, 8, seed=generator, antisymmetric=False).W for _ in range(2))
    assert not torch.equal(drawn, later)
    assert torch.equal(al.TwoLayerNet(3, 8, seed=torch.Generator().manual_seed(11), antisymmetric=False).W, drawn)
    single = al.TwoLayerNet(3, 8, seed=11, antisymmetric=False, dtype=torch.float32)
    assert torch.equal(single.W, first.W.to(torch.float32))
    torch.manual_seed(0)
    before = torch.get_rng_state()
    al.TwoLayerNet(3, 8, seed=1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("antisymmetric", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_network_that_stores_nothing_is_the_stored_one(antisymmetric, dtype):
    stored, made = (
        al.TwoLayerNet(3, 5002, 2, antisymmetric=antisymmetric, seed=8, dtype=dtype, stored=stored) for stored in (True, False)
    )
    for start, stop in [(0, 5002), (0, 7), (2499, 2503), (1023, 1025), (2501, 5002), (4000, 5001)]:
        W, a = made.rows(start, stop)
        assert torch.equal(W, stored.W[start:stop])
        assert torch.equal(a, stored.a[start:stop])
    blocks = list(made.blocks(700))
    assert torch.equal(torch.cat([W for W, _ in blocks]), stored.W)
    assert torch.equal(torch.cat([a for _, a in blocks]), stored.a)
    X = torch.randn(4, 3, generator=torch.Generator().manual_seed(9), dtype=torch.float64).to(dtype)
    torch.testing.assert_close(made(X), stored(X))
    assert made.paired is stored.paired is antisymmetric
    with pytest.raises(al.InputError, match="`net.W` was asked for but the network was made with `stored=False`"):
        _ = made.W


def test_a_wide_network_is_evaluated_in_chunks_of_its_width(monkeypatch):
    net = al.TwoLayerNet(3, 500, 2, "tanh", seed=8)
    moved = net.replace(W=net.W + torch.linspace(-1, 1, 1500, dtype=torch.float64).reshape(500, 3))
    X = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    whole = moved.functional(moved.W, moved.a, X)
    monkeypatch.setattr("altheory.networks._FORWARD_BYTES", 8 * 8 * 13)
    torch.testing.assert_close(moved(X), whole, rtol=1e-12, atol=1e-12)
    assert bool((net(X) == 0).all())
    single = al.TwoLayerNet(3, 500, 2, "tanh", antisymmetric=False, seed=8)
    torch.testing.assert_close(single(X), single.functional(single.W, single.a, X), rtol=1e-12, atol=1e-12)


def test_replaced_and_moved_networks():
    net = al.TwoLayerNet(3, 8, seed=1, stored=False)
    W, a = net.rows(0, 8)
    other = net.replace(a=2 * a)
    assert other.stored
    assert torch.equal(other.W, W)
    assert torch.equal(other.a, 2 * a)
    assert not net.stored
    assert other.paired
    assert not net.replace(W=W + 1e-9 * torch.arange(24, dtype=torch.float64).reshape(8, 3)).paired
    single = other.to(dtype=torch.float32)
    assert single.dtype == single.W.dtype == torch.float32
    with pytest.raises(al.InputError, match=r"`W` has shape \(8, 2\) but the network's has shape \(8, 3\)"):
        net.replace(W=W[:, :2])
    with pytest.raises(al.InputError, match="`device` is 'abacus' but a torch device is wanted"):
        net.to("abacus")
    with pytest.raises(al.InputError, match="needs .* GiB but cpu has .* free; pass `stored=False`"):
        al.TwoLayerNet(1000, 10**12, seed=0)


def steps(u: torch.Tensor) -> torch.Tensor:
    return torch.sign(u)


def test_an_activation_without_a_derivative_is_refused_where_one_is_needed():
    with pytest.raises(al.InputError, match="activation 'sign' has no derivative .* pass `Activation"):
        activations.Activation("sign", steps, None).derivative(torch.ones(1))


@pytest.mark.parametrize("bad", [(), (float("nan"),), ("1",), (True,)])
def test_refused_polynomials(bad):
    with pytest.raises(al.InputError, match="one or more finite numbers"):
        activations.polynomial(*bad)


def many_digit_activation(name, u):
    """The table of `altheory.activations` in 50-digit arithmetic."""
    sigma = 1 / (1 + mpmath.exp(-u))
    return {
        "relu": max(u, mpmath.mpf(0)), "erf": mpmath.erf(u), "tanh": mpmath.tanh(u), "softplus": mpmath.log(1 + mpmath.exp(u)),
        "gelu": u * mpmath.ncdf(u), "swish": u * sigma, "sin": mpmath.sin(u),
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", list(activations.ACTIVATIONS))
def test_activations_to_many_digits(name):
    row = activations.get(name)
    for u in (-30.0, -3.0, -0.2, 0.7, 4.0, 25.0):
        with mpmath.workdps(50):
            value = many_digit_activation(name, mpmath.mpf(u))
            slope = mpmath.diff(lambda v: many_digit_activation(name, v), mpmath.mpf(u))
        got = torch.tensor(u, dtype=torch.float64)
        # rounding of u / sqrt(2) alone costs u^2 ulp in the tails
        assert abs(float(row.phi(got)) - value) <= 2e-13 * abs(value)
        assert abs(float(row.dphi(got)) - slope) <= 2e-12 * abs(slope) + 1e-200


@pytest.mark.parametrize(
    "row",
    [
        *activations.ACTIVATIONS.values(),
        activations.polynomial(1, -2, 0.5, 3),
        activations.polynomial(4),
        activations.relu_power(3),
    ],
    ids=lambda row: row.name,
)
def test_the_derivative_column_of_the_activation_table(row):
    u = torch.tensor([-2.0, -0.3, 0.2, 1.7], dtype=torch.float64)
    h = 1e-6
    torch.testing.assert_close(row.dphi(u), (row.phi(u + h) - row.phi(u - h)) / (2 * h), rtol=1e-7, atol=1e-8)
    assert activations.get("relu").dphi(torch.zeros(1)).item() == 0


def test_repr_says_everything_but_the_weights():
    assert repr(al.TwoLayerNet(2, 4, seed=0)) == (
        "TwoLayerNet(d=2, width=4, outputs=1, activation='relu', train_output=False, antisymmetric=True, "
        "device='cpu', dtype=torch.float64)"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"d": 0}, "`d` is 0 but an integer of at least 1 is wanted"),
        ({"width": 7}, "`width` is 7 but an antisymmetric network .* pass 8, or `antisymmetric=False`"),
        ({"outputs": 1.5}, "`outputs` is 1.5 but an integer"),
        ({"activation": "step"}, "`activation` is 'step' but one of 'relu', 'erf'"),
        ({"dtype": torch.float16}, "`dtype` is torch.float16 but float32 or float64"),
        ({"seed": -1}, "`seed` is -1 but an integer of at least 0"),
        ({"seed": None}, "`seed` is None but an integer"),
    ],
)
def test_refused_networks(arguments, words):
    with pytest.raises(al.InputError, match=words):
        al.TwoLayerNet(**{"d": 2, "width": 4, "seed": 0, **arguments})


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.ones((3, 4)), r"`X` has 4 columns \(shape \(3, 4\)\) but the network takes d = 2"),
        (np.ones(2), "`X` has 1 dimension"),
        (np.ones((3, 2), dtype=np.float32), "`X` has dtype torch.float32 but `net.W` has torch.float64"),
        ([[float("nan"), 1]], "`X` contains NaN"),
    ],
)
def test_refused_inputs(X, words):
    with pytest.raises(al.InputError, match=words):
        al.TwoLayerNet(2, 4, seed=0)(X)
