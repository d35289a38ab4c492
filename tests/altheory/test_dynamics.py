"""Training dynamics against autograd, enumeration and fractions; nothing here uses the code under test as its oracle."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import torch

import altheory as al
from altheory import dynamics
from altheory._inputs import InputError


def gradients(seed, N=6, p=3):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((N, p), (p,)))


def network(seed=0, K=3, **options):
    generator = torch.Generator().manual_seed(seed)
    net = al.TwoLayerNet(4, 10, K, seed=generator, antisymmetric=False, **{"activation": "tanh", **options})
    X = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    return net, X, torch.softmax(torch.randn(5, K, generator=generator, dtype=torch.float64), -1)


def by_autograd(net, X, Y, loss):
    """The gradient of each example's loss by torch.autograd, with torch's own losses."""
    rows = []
    for x, y in zip(X, Y, strict=True):
        W, a = net.W.clone().requires_grad_(), net.a.clone().requires_grad_()
        f = net.functional(W, a, x[None])[0]
        value = torch.nn.functional.cross_entropy(f, y) if loss == "cross_entropy" else 0.5 * ((f - y) ** 2).sum()
        parts = torch.autograd.grad(value, (W, a) if net.train_output else (W,))
        rows.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(rows)


# losses


@pytest.mark.parametrize("name", ["cross_entropy", "squared"])
def test_the_loss_and_its_residual_are_torchs(name):
    _, _, Y = network()
    f = torch.randn(5, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64, requires_grad=True)
    value = dynamics.loss(f, Y, loss=name)
    wanted = torch.nn.functional.cross_entropy(f, Y, reduction="sum") if name == "cross_entropy" else ((f - Y) ** 2).sum() / 2
    torch.testing.assert_close(value, wanted)
    (slope,) = torch.autograd.grad(wanted, f)
    torch.testing.assert_close(dynamics.residual(f.detach(), Y, loss=name), slope)


def test_the_gradient_for_labels_of_any_sum():
    f = torch.tensor([[0.5, 0.0]], dtype=torch.float64, requires_grad=True)
    for y in ([[0.0, 0.0]], [[1.0, 1.0]], [[2.0, -0.5]]):
        labels = torch.tensor(y, dtype=torch.float64)
        (slope,) = torch.autograd.grad(-(labels * torch.log_softmax(f, -1)).sum(), f)
        torch.testing.assert_close(dynamics.logit_gradient(f.detach(), labels), slope)
    # the audit's numbers: with y = 0 the formula of the paper gives the probabilities, the truth is 0
    np.testing.assert_allclose(dynamics.residual([[0.5, 0.0]], [[0.0, 0.0]])[0], [0.622, 0.378], atol=5e-4)


def test_the_change_of_the_loss_keeps_its_digits():
    f, h, y = [[30.0, 0.0, -3.0]], [[1e-9, -2e-9, 0.5]], [[1.0, 0.0, 0.0]]
    with mpmath.workdps(60):

        def loss(values):
            return mpmath.log(sum(mpmath.exp(v) for v in values)) - values[0]

        here = [mpmath.mpf(v) for v in f[0]]
        wanted = loss([a + mpmath.mpf(b) for a, b in zip(here, h[0], strict=True)]) - loss(here)
    assert float(dynamics.loss_change(f, h, y)) == pytest.approx(float(wanted), rel=1e-6)
    assert float(dynamics.loss(f, y)) > 1e3 * abs(float(wanted)) or abs(float(wanted)) < 1e-9


def test_pseudo_labels_take_the_first_of_tied_outputs():
    found = dynamics.pseudo_labels([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [0.0, -1.0, 5.0]])
    assert found.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


# gradients and routes


@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
@pytest.mark.parametrize("train_output", [False, True])
def test_network_gradients_are_autograds(loss, train_output):
    net, X, Y = network(train_output=train_output)
    wanted = by_autograd(net, X, Y, loss)
    torch.testing.assert_close(dynamics.network_gradients(net, X, Y, loss=loss), wanted)
    torch.testing.assert_close(dynamics.network_gradients(net, X, Y, loss=loss, chunk=2), wanted)
    pseudo = torch.nn.functional.one_hot(net(X).argmax(-1), 3).to(torch.float64)
    torch.testing.assert_close(dynamics.network_gradients(net, X, loss=loss), by_autograd(net, X, pseudo, loss))


@pytest.mark.parametrize("activation", ["relu", "erf", "tanh"])
@pytest.mark.parametrize("train_output", [False, True])
def test_the_closed_form_jacobian_is_autograds(activation, train_output):
    net, X, _ = network(activation=activation)
    a = net.a / net.width**0.5
    torch.testing.assert_close(dynamics.two_layer(net.W, a, X, activation=activation), net(X))
    inputs = (net.W, a) if train_output else (net.W,)
    parts = torch.autograd.functional.jacobian(lambda W, b=a: torch.stack([net.activation.phi(x @ W.T) @ b for x in X]), inputs)
    wanted = torch.cat([part.flatten(2) for part in parts], -1)
    found = dynamics.two_layer_jacobian(net.W, a, X, activation=activation, train_output=train_output)
    torch.testing.assert_close(found, wanted)
    batched = dynamics.two_layer_jacobian(*(x.expand(2, *x.shape) for x in (net.W, a, X)), activation=activation)
    torch.testing.assert_close(batched[1], wanted[..., : net.W.numel()])


@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
@pytest.mark.parametrize("train_output", [False, True])
def test_three_routes_to_the_training_dynamics(loss, train_output):
    net, X, Y = network(1, train_output=train_output)
    wanted = by_autograd(net, X, Y, loss).sum(0).square().sum()
    for route, digits in (("gradient", 1e-12), ("kernel", 1e-12), ("flow", 1e-8)):
        torch.testing.assert_close(dynamics.network_dynamics(net, X, Y, loss=loss, route=route), wanted, rtol=digits, atol=0)


def test_the_tangent_kernel_pair_by_pair():
    generator = torch.Generator().manual_seed(5)
    J = torch.randn(2, 3, 2, 4, generator=generator, dtype=torch.float64)
    J2 = torch.randn(2, 5, 2, 4, generator=generator, dtype=torch.float64)
    K = dynamics.tangent_kernel(J, J2)
    assert K.shape == (2, 2, 2, 3, 5)
    for s, i, j, x, z in itertools.product(range(2), range(2), range(2), range(3), range(5)):
        assert float(K[s, i, j, x, z]) == pytest.approx(float(J[s, x, i] @ J2[s, z, j]))
    d = torch.randn(2, 3, 2, generator=generator, dtype=torch.float64)
    own = dynamics.tangent_kernel(J)
    wanted = sum(d[:, :, i, None] * own[:, i, j] * d[:, None, :, j] for i in range(2) for j in range(2)).sum((-2, -1))
    torch.testing.assert_close(dynamics.by_kernel(own, d), wanted)
    torch.testing.assert_close(dynamics.by_gradient(dynamics.sample_gradients(J, d)), wanted)


def test_the_layout_is_that_of_the_empirical_kernel():
    net, X, _ = network(activation="relu")
    K = dynamics.tangent_kernel(dynamics.two_layer_jacobian(net.W, net.a / net.width**0.5, X))
    torch.testing.assert_close(K, al.kernels.empirical(net, X, outputs="pairs"))


# selection


def test_the_change_by_recomputing_the_dynamics():
    U, s = gradients(0)
    before = float(s @ s)
    wanted = [float((s + u) @ (s + u)) - before for u in U]
    np.testing.assert_allclose(dynamics.change(U, s), wanted)
    total = s + U.sum(0)
    assert float(dynamics.change_of_set(U, s)) == pytest.approx(float(total @ total) - before)
    cross = sum(float(U[i] @ U[j]) for i in range(6) for j in range(6) if i != j)
    assert float(dynamics.cross_terms(U)) == pytest.approx(cross)
    assert float(dynamics.approximation_ratio(U, s)) == pytest.approx(sum(wanted) / (float(total @ total) - before))


def test_the_variants():
    U, s = gradients(1)
    norms, inner = (U * U).sum(-1), U @ s
    torch.testing.assert_close(dynamics.criterion(U, s, 0.0), norms)
    torch.testing.assert_close(dynamics.criterion(U, s, 1), norms + inner)
    torch.testing.assert_close(dynamics.criterion(U, s, math.inf), inner)
    torch.testing.assert_close(dynamics.criterion(U, s, torch.tensor(3.0, dtype=torch.float64)), norms + 3 * inner)
    assert (dynamics.criterion(U, s, 1e12).argsort() == inner.argsort()).all()


def test_the_audits_ratios():
    """Negative, undefined, 1/b, and towards 1 far from convergence (claims/dynamical.md, eq. 14)."""

    def ratio(g, s):
        return float(dynamics.approximation_ratio([[float(x)] for x in g], [float(s)]))

    assert ratio([1, 1], F(-3, 4)) == -1
    assert math.isnan(ratio([1, -1], 0))
    assert ratio([2, 2, 2, 2], 0) == 0.25
    for M, wanted in ((1, F(23, 35)), (10, F(113, 125)), (1000, F(10013, 10025))):
        assert ratio([2, 3], M) == pytest.approx(float(wanted), rel=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_top_is_a_stable_sort(seed):
    scores = np.random.default_rng(seed).integers(0, 4, (7, 9)).astype(float)
    for b in range(10):
        found = dynamics.top(scores, b).numpy()
        for row, mask in zip(scores, found, strict=True):
            assert set(np.nonzero(mask)[0]) == set(sorted(range(9), key=lambda i: -row[i])[:b])
    each = torch.tensor([0, 1, 2, 3, 4, 8, 9])
    assert dynamics.top(scores, each).sum(-1).tolist() == each.tolist()


def test_exact_arrays_are_scored_exactly(exact):
    U, s = [[[F(1), F(2)], [F(-1), F(3)]]], [[F(1, 3), F(1, 7)]]
    found = dynamics.change(exact.fractions(U), exact.fractions(s))
    assert found.values[0, 0] == 5 + 2 * (F(1, 3) + F(2, 7))
    assert found.values[0, 1] == 10 + 2 * (F(-1, 3) + F(3, 7))


def test_subsets_are_all_of_them():
    rows = dynamics.subsets(5, 3)
    assert {tuple(np.nonzero(r)[0]) for r in rows.numpy()} == set(itertools.combinations(range(5), 3))
    assert len(dynamics.subsets(5)) == 31
    assert dynamics.subsets(3, 0).tolist() == [[0, 0, 0]]


def test_rounds_with_and_without_reducing_the_pool():
    scores = torch.tensor([[3.0, 2.0, 1.0, 0.0], [9.0, 0.0, 5.0, 7.0]], dtype=torch.float64)
    assert dynamics.query_rounds(scores, 1).int().tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert dynamics.query_rounds(scores, 1, reduce_pool=False).int().tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert dynamics.query_rounds(scores, 2).int().sum(0).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "call",
    [
        lambda: dynamics.loss([[1.0]], [[1.0, 0.0]]),
        lambda: dynamics.loss([[1.0]], [[1.0]], loss="hinge"),
        lambda: dynamics.pseudo_labels([[float("nan")]]),
        lambda: dynamics.change([[1.0, 2.0]], [1.0]),
        lambda: dynamics.criterion([[1.0]], [1.0], math.nan),
        lambda: dynamics.criterion([[1.0]], [1.0], -math.inf),
        lambda: dynamics.top([1.0, 2.0], 3),
        lambda: dynamics.top([1.0, 2.0], -1),
        lambda: dynamics.top([1.0, 2.0], torch.tensor(3)),
        lambda: dynamics.subsets(40, 20),
        lambda: dynamics.query_rounds([[1.0, 2.0], [1.0, 2.0]], 2),
        lambda: dynamics.tangent_kernel([[1.0]]),
        lambda: dynamics.sample_gradients([[[1.0]]], [[1.0, 2.0]]),
        lambda: dynamics.by_kernel([[[[1.0]]]], [[1.0, 2.0]]),
        lambda: dynamics.two_layer([[1.0]], [[1.0], [1.0]], [[1.0]]),
        lambda: dynamics.network_dynamics(network()[0], network()[1], network()[2], route="magic"),
        lambda: dynamics.network_gradients(network()[0], network()[1], [[1.0]]),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(call):
    with pytest.raises(InputError) as refusal:
        call()
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes_are_kept(dtype):
    U, s = (x.to(dtype) for x in gradients(2))
    for value in (
        dynamics.change(U, s),
        dynamics.approximation_ratio(U, s),
        dynamics.cross_terms(U),
        dynamics.pseudo_labels(U),
        dynamics.residual(U, torch.softmax(U, -1)),
    ):
        assert value.dtype == dtype
