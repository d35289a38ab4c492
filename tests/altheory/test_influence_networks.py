"""Influences of networks: sample space and conjugate gradients against Jacobians and Hessians from autograd, and retraining."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import altheory as al

D = torch.float64
N, M, K = 6, 5, 3


def module(kind):
    torch.manual_seed(3)
    layers = {
        "tanh": lambda: [nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, K)],
        "relu": lambda: [nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, K)],
        "no bias": lambda: [nn.Linear(4, 7, bias=False), nn.Tanh(), nn.Linear(7, K, bias=False)],
        "deep": lambda: [nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, K)],
    }
    if kind == "frozen":
        net = nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, K)).to(D)
        net[0].weight.requires_grad_(False)
        net[2].bias.requires_grad_(False)
        return net
    return nn.Sequential(*layers[kind]()).to(D)


def two_layer(train_output):
    return al.TwoLayerNet(4, 8, K, "tanh", train_output=train_output, antisymmetric=False, seed=1)


NETWORKS = {
    **{kind: lambda kind=kind: module(kind) for kind in ("tanh", "relu", "no bias", "deep", "frozen")},
    "TwoLayerNet, first layer": lambda: two_layer(False),
    "TwoLayerNet, both layers": lambda: two_layer(True),
    "TwoLayerModule": lambda: al.modules.to_module(two_layer(True)),
    "ModuleNet": lambda: al.modules.ModuleNet(module("tanh")),
}


def as_module(net):
    if isinstance(net, al.TwoLayerNet):
        return al.modules.to_module(net)
    return net.module if isinstance(net, al.modules.ModuleNet) else net


def data(seed=0):
    g = torch.Generator().manual_seed(seed)
    X, Z = (torch.randn(k, 4, generator=g, dtype=D) for k in (N, M))
    y, t = (torch.randint(K, (k,), generator=g) for k in (N, M))
    return X, y, Z, t


def jacobian(net, X):
    """(n, K, p) by autograd, one output at a time."""
    net = as_module(net)
    parameters = [p for p in net.parameters() if p.requires_grad]
    f = net(X)
    rows = [torch.cat([g.flatten() for g in torch.autograd.grad(v, parameters, retain_graph=True)]) for v in f.flatten()]
    return torch.stack(rows).view(len(X), K, -1), f.detach()


def slope(f, y, loss):
    if loss == "entropy":
        p = torch.softmax(f, -1)
        return -p * (p.log() - (p * p.log()).sum(-1, keepdim=True))
    one = torch.nn.functional.one_hot(y, K).to(D)
    return f - one if loss == "squared" else torch.softmax(f, -1) - one


def brute(net, X, y, Z, t, damping, loss, of=None):
    J, f = jacobian(net, X)
    Jz, fz = jacobian(net, Z)
    p = torch.softmax(f, -1)
    S = torch.eye(K, dtype=D).expand(len(X), K, K) if loss == "squared" else torch.diag_embed(p) - p[:, :, None] * p[:, None]
    H = torch.einsum("nkp,nkl,nlq->pq", J, S, J) / len(X) + damping * torch.eye(J.shape[-1], dtype=D)
    of = of or loss
    g, gz = (torch.einsum("nkp,nk->np", A, slope(b, c, of)) for A, b, c in ((J, f, y), (Jz, fz, t)))
    s = torch.linalg.solve(H, gz.T)
    return g @ s / len(X), s.sum(1).norm(), gz.norm(dim=1)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
@pytest.mark.parametrize("name", NETWORKS)
def test_sample_space_equals_parameter_space(name, loss):
    net, (X, y, Z, t) = NETWORKS[name](), data()
    influences, direction, norms = brute(net, X, y, Z, t, 1e-2, loss)
    found = al.influence.gauss_newton(net, X, y, 1e-2, loss=loss)
    scale = float(influences.abs().max())
    torch.testing.assert_close(found.influences(Z, t), influences, rtol=0, atol=1e-11 * scale)
    torch.testing.assert_close(found.total_influences(Z, t), influences.sum(1), rtol=0, atol=1e-10 * scale)
    torch.testing.assert_close(found.influences(X, y, of=(Z, t)), found.influences(Z, t, of=(X, y)).T)
    torch.testing.assert_close(found.direction_norm(Z, t), direction, rtol=1e-9, atol=0)
    torch.testing.assert_close(found.gradient_norms(Z, t), norms, rtol=1e-11, atol=1e-14)


def test_entropy_gradients_under_the_trained_curvature():
    net, (X, y, Z, t) = module("tanh"), data()
    influences, direction, norms = brute(net, X, y, Z, t, 1e-2, "cross_entropy", of="entropy")
    for found in (al.influence.gauss_newton(net, X, y, 1e-2), al.influence.conjugate_gradient(net, X, y, 1e-2)):
        torch.testing.assert_close(found.influences(Z, loss="entropy"), influences, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(found.direction_norm(Z, loss="entropy"), direction)
    torch.testing.assert_close(found.gradients(Z, loss="entropy").norm(dim=1), norms)


@pytest.mark.parametrize("damping", [1e-1, 1e-3, 1e-5])
def test_rounding_grows_like_one_over_the_damping(damping):
    net, (X, y, Z, t) = module("tanh"), data()
    influences, _, _ = brute(net, X, y, Z, t, damping, "cross_entropy")
    error = (al.influence.gauss_newton(net, X, y, damping).influences(Z, t) - influences).abs().max() / influences.abs().max()
    assert float(error) < 1e-12 / damping


@pytest.mark.parametrize("name", ["tanh", "deep", "TwoLayerNet, first layer", "TwoLayerNet, both layers"])
def test_conjugate_gradients_with_both_curvatures(name):
    net, (X, y, Z, t) = NETWORKS[name](), data()
    influences, direction, _ = brute(net, X, y, Z, t, 1e-2, "cross_entropy")
    found = al.influence.conjugate_gradient(net, X, y, 1e-2, chunk=2)
    torch.testing.assert_close(found.influences(Z, t), influences, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(found.total_influences(Z, t), influences.sum(1), rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(found.direction_norm(Z, t), direction)
    torch.testing.assert_close(found.influences(X, y, of=(Z, t)), found.influences(Z, t, of=(X, y)).T, rtol=1e-6, atol=1e-9)
    whole = al.influence.conjugate_gradient(net, X, y, 0.0, curvature="hessian")
    V = torch.eye(whole.gradients(Z, t).shape[1], dtype=D)
    m = as_module(net)
    names = [n for n, p in m.named_parameters() if p.requires_grad]
    values = [p.detach() for p in m.parameters() if p.requires_grad]
    sizes = [v.numel() for v in values]

    def mean(theta):
        parts = {n: p.view(v.shape) for n, p, v in zip(names, theta.split(sizes), values, strict=True)}
        return torch.nn.functional.cross_entropy(torch.func.functional_call(m, parts, (X,)), y)

    H = torch.func.hessian(mean)(torch.cat([v.flatten() for v in values]))
    torch.testing.assert_close(whole.products(V), H, rtol=1e-9, atol=1e-12)


def test_conjugate_gradients_refuse():
    net, (X, y, Z, t) = module("tanh"), data()
    with pytest.raises(al.InputError, match="not positive definite"):
        al.influence.conjugate_gradient(net, X, y, 0.0, curvature="hessian").influences(Z, t)
    with pytest.raises(al.InputError, match="`steps` is 2"):
        al.influence.conjugate_gradient(net, X, y, 1e-3, steps=2).influences(Z, t)
    with pytest.raises(al.InputError, match="curvature"):
        al.influence.conjugate_gradient(net, X, y, 1e-3, curvature="fisher")
    with pytest.raises(al.InputError, match="damping"):
        al.influence.conjugate_gradient(net, X, y, -1.0)


def test_sample_space_refuses():
    net, (X, y, Z, t) = module("tanh"), data()
    with pytest.raises(al.InputError, match="damping"):
        al.influence.gauss_newton(net, X, y, 0.0)
    with pytest.raises(al.InputError, match="loss"):
        al.influence.gauss_newton(net, X, y, 1.0, loss="entropy")
    with pytest.raises(al.InputError, match="classes 0 to 2"):
        al.influence.gauss_newton(net, X, y + 1, 1.0)
    with pytest.raises(al.InputError, match="wants labels"):
        al.influence.gauss_newton(net, X, y, 1.0).influences(Z)
    with pytest.raises(al.InputError, match="one label for every point"):
        al.influence.gauss_newton(net, X, y, 1.0).influences(Z, t[:-1])
    with pytest.raises(al.InputError, match="TwoLayerNet"):
        al.influence.gauss_newton("net", X, y, 1.0)


def test_one_class_has_no_curvature_and_no_gradient():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)).to(D)
    X = data()[0]
    found = al.influence.gauss_newton(net, X, torch.zeros(N, dtype=torch.int64), 1e-2)
    assert torch.equal(found.influences(X, torch.zeros(N, dtype=torch.int64)), torch.zeros(N, N, dtype=D))


# retraining


def gradient(net, X, y, damping, weights, n):
    m = as_module(net)
    if isinstance(net, al.modules.ModuleNet):
        m = al.modules.ModuleNet(m).replace(*net.parameters())
        leaves = [p.clone().requires_grad_() for p in m.parameters()]
        f = m.functional(*leaves, X)
    else:
        leaves = [p for p in m.parameters() if p.requires_grad]
        f = m(X)
    losses = torch.nn.functional.cross_entropy(f, y, reduction="none")
    total = (weights * losses).sum() / n + damping / 2 * sum((p * p).sum() for p in leaves)
    return torch.cat([g.flatten() for g in torch.autograd.grad(total, leaves)]).norm()


@pytest.mark.parametrize("name", ["TwoLayerNet, first layer", "tanh"])
def test_fit_ends_at_a_stationary_point(name):
    net, (X, y, _, _) = NETWORKS[name](), data()
    weights = torch.tensor([1, 0, 2, 1, 1, 1], dtype=D)
    done = al.influence.fit(net, X, y, 0.05, weights=weights, n=5, tol=1e-8)
    assert done.gradient_norm <= 1e-8
    torch.testing.assert_close(float(gradient(done.net, X, y, 0.05, weights, 5)), done.gradient_norm, rtol=1e-2, atol=1e-12)
    assert type(done.net) is (al.TwoLayerNet if name.startswith("Two") else al.modules.ModuleNet)


def test_leaving_out_and_adding_are_fits_of_the_changed_set():
    X, y, Z, t = data()
    start = al.influence.fit(two_layer(False), X, y, 0.05, tol=1e-9).net
    near = al.influence.gauss_newton(start, X, y, 0.05)
    out = al.influence.leave_one_out(start, X, y, 0.05, Z, t, points=[0, 3], tol=1e-9)
    for row, i in enumerate([0, 3]):
        rest = [j for j in range(N) if j != i]
        fewer = al.influence.fit(start, X[rest], y[rest], 0.05, n=N, tol=1e-9).net
        change = torch.nn.functional.cross_entropy(fewer(Z), t, reduction="none") - near.losses(Z, t)
        torch.testing.assert_close(out[row], change, rtol=0, atol=1e-7)
    plus = al.influence.add_one(start, X, y, 0.05, Z[:1], t[:1], Z, t, tol=1e-9)
    more = al.influence.fit(start, torch.cat([X, Z[:1]]), torch.cat([y, t[:1]]), 0.05, n=N, tol=1e-9).net
    change = torch.nn.functional.cross_entropy(more(Z), t, reduction="none") - near.losses(Z, t)
    torch.testing.assert_close(plus[0], change, rtol=0, atol=1e-7)


def test_influences_are_the_derivative_of_the_refit():
    X, y, Z, t = data()
    start = al.influence.fit(two_layer(False), X, y, 0.05, tol=1e-10).net
    exact = al.influence.conjugate_gradient(start, X, y, 0.05, curvature="hessian").influences(Z, t)[2]
    changes = []
    for eps in (1e-3, -1e-3):
        w = torch.ones(N, dtype=D)
        w[2] += eps
        net = al.influence.fit(start, X, y, 0.05, weights=w, tol=1e-10).net
        changes.append(torch.nn.functional.cross_entropy(net(Z), t, reduction="none"))
    torch.testing.assert_close((changes[1] - changes[0]) / 2e-3, exact, rtol=1e-3, atol=1e-6)


def test_retraining_refuses():
    net, (X, y, Z, t) = two_layer(False), data()
    with pytest.raises(al.InputError, match="damping"):
        al.influence.fit(net, X, y, 0.0)
    with pytest.raises(al.InputError, match="`steps` is 1"):
        al.influence.fit(net, X, y, 0.05, steps=1)
    with pytest.raises(al.InputError, match="weights"):
        al.influence.fit(net, X, y, 0.05, weights=torch.ones(2, dtype=D))
    with pytest.raises(al.InputError, match="`points` names point 9"):
        al.influence.leave_one_out(net, X, y, 0.05, Z, t, points=[9])
    with pytest.raises(al.InputError, match="rounding or a kink"):
        al.influence.fit(net, X, y, 0.05, tol=1e-30)
