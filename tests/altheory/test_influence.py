"""Influence functions against brute force: refits of the smaller set, autograd Jacobians and Hessians, and fractions."""

from __future__ import annotations

from fractions import Fraction as F

import pytest
import torch

import altheory as al
from altheory.influence import _losses

D = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=D, generator=torch.Generator().manual_seed(seed))


# ridge: every number from a fit of the changed data set


@pytest.fixture
def problem():
    return (
        drawn(3, 6, 2),
        drawn(3, 6, seed=1),
        drawn(3, 4, 2, seed=2),
        drawn(3, 4, seed=3),
        torch.tensor([0.1, 1.0, 3.0], dtype=D),
    )


def solved(X, y, rho):
    A = X.mT @ X + rho[:, None, None] * torch.eye(X.shape[-1], dtype=D)
    return torch.linalg.solve(A, X.mT @ y[..., None])[..., 0]


def test_ridge_removals_and_additions(problem):
    X, y, Z, t, rho = problem
    fit = al.influence.ridge(X, y, rho)
    torch.testing.assert_close(fit.theta, solved(X, y, rho))
    for i in range(6):
        rest = [j for j in range(6) if j != i]
        theta = solved(X[:, rest], y[:, rest], rho)
        torch.testing.assert_close(fit.without()[:, i], theta)
        torch.testing.assert_close(fit.loss_without(Z, t)[:, i], ((Z @ theta[..., None])[..., 0] - t).square().sum(-1) / 2)
    for j in range(4):
        theta = solved(torch.cat([X, Z[:, j : j + 1]], 1), torch.cat([y, t[:, j : j + 1]], 1), rho)
        torch.testing.assert_close(fit.with_points(Z, t)[:, j], theta)
        torch.testing.assert_close(fit.loss_with_points(Z, t, Z, t)[:, j], fit.loss(Z, t, theta))


def test_ridge_influences_are_minus_the_derivative_in_the_weight(problem):
    X, y, Z, t, rho = problem
    fit = al.influence.ridge(X, y, rho)
    w = torch.ones(6, dtype=D, requires_grad=True)
    A = X.mT @ (w[:, None] * X) + rho[:, None, None] * torch.eye(2, dtype=D)
    theta = torch.linalg.solve(A, X.mT @ (w * y)[..., None])
    losses = ((Z @ theta)[..., 0] - t).square() / 2
    for b in range(3):
        for j in range(4):
            (slope,) = torch.autograd.grad(losses[b, j], w, retain_graph=True)
            torch.testing.assert_close(fit.influences(Z, t)[b, :, j], -slope)


def test_ridge_in_fractions():
    import proofs_check.exact.run  # noqa: F401  (torch's functions for exact tensors)
    from proofs_check.exact import ExactTensor

    fit = al.influence.ridge(
        ExactTensor.from_fractions([[[1], [2]]]), ExactTensor.from_fractions([[1, 0]]), ExactTensor.from_fractions([F(1, 2)])
    )
    # A = 11/2, theta = 2/11, gradients -9/11 and 8/11, leverages 2/11 and 8/11; without the first: theta = 0
    assert [str(v) for v in fit.theta.scalars] == ["2/11"]
    assert [str(v) for v in fit.leverages.scalars] == ["2/11", "8/11"]
    assert [str(v) for v in fit.without().scalars] == ["0", "2/3"]


def test_ridge_refusals():
    with pytest.raises(al.InputError, match="singular"):
        al.influence.ridge(torch.zeros(3, 2, dtype=D), drawn(3), 0.0)
    with pytest.raises(al.InputError, match="one target"):
        al.influence.ridge(drawn(3, 2), drawn(4), 1.0)
    with pytest.raises(al.InputError, match="penalty"):
        al.influence.ridge(drawn(3, 2), drawn(3), -1.0)


# logistic and softmax regression: autograd, and refits from scratch


def objective(theta, X, y, penalty, weights):
    z = X @ theta.T
    if theta.shape[0] == 1:
        losses = torch.log1p(torch.exp(-y * z[:, 0]))
    else:
        losses = torch.logsumexp(z, -1) - z[torch.arange(len(y)), y.long()]
    return (weights * losses).sum() + penalty / 2 * theta.square().sum()


def fitted(kind, X, y, penalty, weights=None):
    if kind == "logistic":
        return al.influence.logistic(X, y, penalty, weights=weights)
    return al.influence.softmax(X, y, penalty, classes=3, weights=weights)


def labels(kind, n, seed):
    generator = torch.Generator().manual_seed(seed)
    return (
        2 * torch.randint(2, (n,), generator=generator) - 1
        if kind == "logistic"
        else torch.randint(3, (n,), generator=generator)
    )


@pytest.mark.parametrize("kind", ["logistic", "softmax"])
def test_regression_against_autograd(kind):
    X, y, Z, t, weights = (
        drawn(8, 3),
        labels(kind, 8, 1),
        drawn(5, 3, seed=2),
        labels(kind, 5, 3),
        torch.arange(1.0, 9.0, dtype=D),
    )
    fit = fitted(kind, X, y, 0.5, weights)
    theta = fit.theta

    def training(flat):
        return objective(flat.view(theta.shape), X, y, 0.5, weights)

    assert torch.func.grad(training)(theta.flatten()).norm() < 1e-11
    H = torch.func.hessian(training)(theta.flatten())
    torch.testing.assert_close(fit.hessian(), H)

    def gradients(P, u):
        ones = torch.ones(1, dtype=D)
        rows = [
            torch.func.grad(lambda f, i=i: objective(f.view(theta.shape), P[i : i + 1], u[i : i + 1], 0, ones))
            for i in range(len(P))
        ]
        return torch.stack([row(theta.flatten()) for row in rows])

    torch.testing.assert_close(fit.gradients(Z, t), gradients(Z, t))
    torch.testing.assert_close(fit.influences(Z, t), gradients(X, y) @ torch.linalg.solve(H, gradients(Z, t).T))
    torch.testing.assert_close(fit.influences_of(Z, t, X, y), fit.influences(Z, t).T)
    for j in range(5):
        torch.testing.assert_close(fit.losses(Z, t)[j], objective(theta, Z[j : j + 1], t[j : j + 1], 0, torch.ones(1, dtype=D)))


@pytest.mark.parametrize("kind", ["logistic", "softmax"])
def test_refits_are_fits_of_the_changed_set(kind):
    X, y, P, u = drawn(7, 2), labels(kind, 7, 1), drawn(3, 2, seed=2), labels(kind, 3, 5)
    fit = fitted(kind, X, y, 0.1)
    without, plus = fit.without([4, 0]), fit.with_points(P, u)
    for row, i in enumerate([4, 0]):
        rest = [j for j in range(7) if j != i]
        torch.testing.assert_close(without.theta[row], fitted(kind, X[rest], y[rest], 0.1).theta, rtol=0, atol=1e-10)
    for j in range(3):
        more = fitted(kind, torch.cat([X, P[j : j + 1]]), torch.cat([y, u[j : j + 1]]), 0.1)
        torch.testing.assert_close(plus.theta[j], more.theta, rtol=0, atol=1e-10)
    assert float(torch.cat([without.gradient_norm, plus.gradient_norm]).max()) < 1e-10


def test_multiplicities_are_copies():
    X, y = drawn(4, 2), labels("softmax", 4, 1)
    copies = fitted("softmax", X[[0, 0, 0, 1, 2, 3, 3]], y[[0, 0, 0, 1, 2, 3, 3]], 0.3)
    weighted = fitted("softmax", X, y, 0.3, torch.tensor([3, 1, 1, 2], dtype=D))
    torch.testing.assert_close(copies.theta, weighted.theta)
    fewer = fitted("softmax", X, y, 0.3, torch.tensor([2, 1, 1, 2], dtype=D))
    torch.testing.assert_close(weighted.without([0]).theta[0], fewer.theta)


def test_a_batch_of_regressions():
    X, y = drawn(3, 6, 2), torch.stack([labels("softmax", 6, s) for s in range(3)])
    batch = al.influence.softmax(X, y, 0.3, classes=3)
    for b in range(3):
        alone = al.influence.softmax(X[b], y[b], 0.3, classes=3)
        torch.testing.assert_close(batch.theta[b], alone.theta)
        torch.testing.assert_close(batch.without().theta[b], alone.without().theta)
        torch.testing.assert_close(batch.with_points(X[0], y[0]).theta[b], alone.with_points(X[0], y[0]).theta)


def test_hard_problems_are_fitted_too():
    X = torch.tensor([[1000.0], [1.0], [-1.0]], dtype=D)
    fit = al.influence.logistic(X, torch.tensor([-1, 1, -1]), 1e-8)
    assert float(fit.gradient_norm) < 1e-11 * 1002
    separable = al.influence.logistic(drawn(5, 8), torch.tensor([1, 1, -1, -1, 1]), 1e-6)
    assert float(separable.gradient_norm) < 1e-11 * 40


def test_regression_refusals():
    X, y = drawn(4, 2), torch.tensor([1, -1, 1, 1])
    with pytest.raises(al.InputError, match="penalty"):
        al.influence.logistic(X, y, 0.0)
    with pytest.raises(al.InputError, match="-1 and 1"):
        al.influence.logistic(X, torch.tensor([0, 1, 1, 0]), 1.0)
    with pytest.raises(al.InputError, match="classes 0 to 1"):
        al.influence.softmax(X, torch.tensor([0, 1, 2, 0]), 1.0, classes=2)
    with pytest.raises(al.InputError, match="weights"):
        al.influence.logistic(X, y, 1.0, weights=torch.tensor([1.0, 1, 1, -1], dtype=D))
    with pytest.raises(al.InputError, match="weight below 1"):
        al.influence.logistic(X, y, 1.0, weights=torch.tensor([1.0, 1, 1, 0.5], dtype=D)).without()
    with pytest.raises(al.InputError, match="rounding"):
        al.influence.logistic(X, y, 1.0, tol=1e-30)


# bounds


def test_norm_constant_is_sharp():
    for p in (1.0, 1.5, 2.0, 3.0, 4.0, float("inf")):
        c = al.influence.norm_order_constant(3, p)
        a, b = drawn(20000, 3), drawn(20000, 3, seed=1)
        a[0] = b[0] = torch.ones(3, dtype=D)
        a[1] = b[1] = torch.tensor([1.0, 0, 0], dtype=D)
        ratio = (a * b).sum(-1).abs() / (al.influence.p_norm(a, p) * al.influence.p_norm(b, p))
        torch.testing.assert_close(ratio.max(), torch.as_tensor(float(c), dtype=D))
        torch.testing.assert_close(al.influence.p_norm(a, p), torch.linalg.vector_norm(a, p, -1))
    assert float(al.influence.p_norm(torch.zeros(3, dtype=D), 4)) == 0
    with pytest.raises(al.InputError, match="at least 1"):
        al.influence.norm_order_constant(3, 0.5)
    with pytest.raises(al.InputError, match="at least 1"):
        al.influence.p_norm(drawn(3), 0.5)


def test_strong_bound_of_exact_refits():
    X, y, Z, t = drawn(12, 3), labels("logistic", 12, 1), drawn(6, 3, seed=2), labels("logistic", 6, 3)
    fit = al.influence.logistic(X, y, 0.5)
    r, slope = fit.gradients(X, y).norm(dim=-1), fit.gradients(Z, t).sum(0).norm()
    M = torch.linalg.eigvalsh(Z.T @ Z)[-1] / 4
    bound = al.influence.strong_bound(fit.losses(Z, t).sum(), slope, r, torch.tensor(0.5, dtype=D), M)
    assert bool((fit.without().losses(Z, t).sum(-1) <= bound).all())
    with pytest.raises(al.InputError, match="convexity"):
        al.influence.strong_bound(1.0, 1.0, 1.0, 0.0, 1.0)
    g, s = drawn(3), drawn(3, seed=1)
    torch.testing.assert_close(al.influence.linear_bound(2.0, g, s), 2 + g.norm() * s.norm())


# losses of outputs


@pytest.mark.parametrize("loss", ["cross_entropy", "squared", "entropy"])
def test_slopes_and_curvature_of_the_outputs(loss):
    F_, Y = 3 * drawn(5, 4), torch.nn.functional.one_hot(torch.arange(5) % 4, 4).to(D)
    slopes = torch.func.vmap(torch.func.grad(lambda f, y: _losses.values(f[None], y[None], loss)[0]))(F_, Y)
    torch.testing.assert_close(_losses.slopes(F_, Y, loss), slopes)
    if loss != "entropy":
        curvature = torch.func.vmap(torch.func.hessian(lambda f, y: _losses.values(f[None], y[None], loss)[0]))(F_, Y)
        root = _losses.curvature_root(F_, Y, loss)
        torch.testing.assert_close(root.mT @ root, curvature, rtol=1e-12, atol=1e-14)
        assert root.shape[1] == (3 if loss == "cross_entropy" else 4)


def test_relu_curvature_against_autograd():
    X, y, W, a, dW, da = (
        drawn(5, 3),
        drawn(5, seed=1),
        drawn(4, 3, seed=2),
        drawn(4, seed=3),
        drawn(4, 3, seed=4),
        drawn(4, seed=5),
    )

    def along(s):
        f = torch.relu(X @ (W + s * dW).T) @ (a + s * da)
        return f, (f - y).square().mean() / 2

    zero = torch.zeros((), dtype=D)
    total = torch.func.grad(torch.func.grad(lambda s: along(s)[1]))(zero)
    J = torch.func.jvp(lambda s: along(s)[0], (zero,), (torch.ones((), dtype=D),))[1]
    form = al.influence.relu_curvature(X, y, W, a, dW, da)
    torch.testing.assert_close(form.gauss_newton, J.square().mean())
    torch.testing.assert_close(form.gauss_newton + form.residual, total)
