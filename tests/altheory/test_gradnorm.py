"""Gradient norms without gradients, against autograd one sample at a time, fractions, and finite differences."""

from __future__ import annotations

import math
from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import torch

import altheory as al
from altheory import gradnorm


def draws(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]


def entropy_of(z):
    return -(torch.softmax(z, -1) * torch.log_softmax(z, -1)).sum()


def expected_of(z, detach=False):
    """As the paper's code: a loop over labels."""
    p = torch.softmax(z, -1)
    p = p.detach() if detach else p
    return sum(p[i] * torch.nn.functional.cross_entropy(z[None], torch.tensor([i])) for i in range(len(z)))


def label_loss(y):
    return lambda z: -torch.log_softmax(z, -1)[y]


def one_at_a_time(function, parameters, X, loss):
    """Gradients of every sample's loss by plain backward passes: a list over samples of lists over tensors."""
    leaves = [p.detach().clone().requires_grad_() for p in parameters]
    return [torch.autograd.grad(loss(function(leaves, x)), leaves) for x in X]


def norms_of(gradients, norm):
    if norm == "tensors":
        return torch.stack([sum(g.norm() for g in one) for one in gradients])
    return torch.stack([torch.cat([g.flatten() for g in one]).norm() for one in gradients])


# two layers, biases, explicit weights


def explicit(activation, names, seed=0):
    """A network, its logits as a function of (its tensors, one sample), its tensors, and samples."""
    W, b, A, c, X = draws((6, 3), (6,), (4, 6), (4,), (7, 3), seed=seed)
    given = {"W": W, "b": b if "b" in names else None, "A": A, "c": c if "c" in names else None}
    s = {"tanh": torch.tanh, "relu": torch.relu}[activation]
    present = [name for name in "WbAc" if given[name] is not None]

    def logits(tensors, x):
        t = dict(zip(present, tensors, strict=True))
        z = t["A"] @ s(t["W"] @ x + t.get("b", 0))
        return z + t.get("c", 0)

    net = gradnorm.TwoLayer(given["W"], given["A"], given["b"], given["c"], activation=activation)
    return net, logits, [given[name] for name in present], X


@pytest.mark.parametrize("norm", ["euclidean", "tensors"])
@pytest.mark.parametrize("names", ["WA", "WbA", "WbAc"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_two_layers_with_biases_against_autograd(activation, names, norm):
    net, logits, tensors, X = explicit(activation, names)

    def by_autograd(loss):
        return norms_of(one_at_a_time(logits, tensors, X, loss), norm)

    close = {"rtol": 1e-12, "atol": 1e-13}
    torch.testing.assert_close(gradnorm.logits(net, X), torch.stack([logits(tensors, x) for x in X]), **close)
    torch.testing.assert_close(gradnorm.entropy_gradnorm(net, X, norm=norm), by_autograd(entropy_of), **close)
    torch.testing.assert_close(gradnorm.expected_gradnorm(net, X, norm=norm), by_autograd(expected_of), **close)
    classes = torch.stack([by_autograd(label_loss(y)) for y in range(4)], -1)
    torch.testing.assert_close(gradnorm.class_gradnorms(net, X, norm=norm), classes, rtol=1e-11, atol=1e-13)
    y = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    torch.testing.assert_close(
        gradnorm.true_gradnorm(net, X, y, norm=norm), classes[torch.arange(7), y], rtol=1e-11, atol=1e-13
    )
    p = torch.softmax(gradnorm.logits(net, X), -1)
    torch.testing.assert_close(gradnorm.egl(net, X, norm=norm), (p * classes).sum(-1), rtol=1e-11, atol=1e-13)
    found = gradnorm.scores(net, X, norm=norm)
    torch.testing.assert_close(found.entropy_gradnorm, by_autograd(entropy_of), rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(found.class_gradnorms, classes, rtol=1e-11, atol=1e-13)
    squares = torch.stack([norms_of(one_at_a_time(logits, tensors, X, label_loss(y)), "euclidean") for y in range(4)], -1) ** 2
    torch.testing.assert_close(gradnorm.egl2(net, X), (p * squares).sum(-1), rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(found.egl2, (p * squares).sum(-1), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("trained", [("W",), ("b",), ("A",), ("c",), ("W", "c"), ("b", "A")])
def test_only_the_trained_layers_count(trained):
    W, b, A, c, X = draws((6, 3), (6,), (4, 6), (4,), (5, 3))
    net = gradnorm.TwoLayer(W, A, b, c, trained=trained)
    given = dict(zip("WbAc", (W, b, A, c), strict=True))

    def logits(tensors, x):
        t = {**given, **dict(zip(trained, tensors, strict=True))}
        return t["A"] @ torch.tanh(t["W"] @ x + t["b"]) + t["c"]

    gradients = one_at_a_time(logits, [given[name] for name in trained], X, entropy_of)
    torch.testing.assert_close(gradnorm.entropy_gradnorm(net, X), norms_of(gradients, "euclidean"), rtol=1e-12, atol=1e-14)
    J = torch.stack([
        torch.stack([
            torch.cat([g.flatten() for g in one])
            for one in one_at_a_time(logits, [given[name] for name in trained], X, lambda z, k=k: z[k])
        ])
        for k in range(4)
    ])  # fmt: skip
    cross = torch.einsum("kxp,lyp->klxy", J, J)
    torch.testing.assert_close(gradnorm.cross_products(net, X), cross, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(gradnorm.output_gram(net, X), torch.einsum("kxp,lxp->xkl", J, J), rtol=1e-12, atol=1e-13)


def test_a_batch_of_networks_is_one_network_after_the_other():
    W, b, A, c, X = draws((3, 6, 2), (3, 6), (3, 4, 6), (3, 4), (3, 5, 2))
    together = gradnorm.TwoLayer(W, A, b, c)
    alone = [gradnorm.TwoLayer(W[i], A[i], b[i], c[i]) for i in range(3)]
    for function in (gradnorm.class_gradnorms, gradnorm.entropy_gradnorm, gradnorm.output_gram, gradnorm.cross_products):
        torch.testing.assert_close(function(together, X), torch.stack([function(n, x) for n, x in zip(alone, X, strict=True)]))


def test_by_hand_in_fractions():
    """z = A relu(W x + b) + c with small integers: K_x and one cross product."""
    W, b, A, c = [[1, 2], [0, -1]], [1, 3], [[2, 1], [-1, 1]], [0, 5]
    x, x2 = [1, 1], [2, -1]
    u, u2 = (
        [sum(F(w) * F(v) for w, v in zip(row, p, strict=True)) + bias for row, bias in zip(W, b, strict=True)] for p in (x, x2)
    )
    assert u == [4, 2]
    assert u2 == [1, 4]  # all neurons active
    inner = sum(F(p) * q for p, q in zip(x, x2, strict=True)) + 1
    outer = sum(p * q for p, q in zip(u, u2, strict=True)) + 1
    wanted = [[inner * sum(F(A[k][r]) * A[l][r] for r in (0, 1)) + (k == l) * outer for l in (0, 1)] for k in (0, 1)]
    assert wanted == [[2 * 5 + 13, 2 * -1], [2 * -1, 2 * 2 + 13]]
    net = gradnorm.TwoLayer(*(torch.tensor(t, dtype=torch.float64) for t in (W, A, b, c)), activation="relu")
    points = torch.tensor([x, x2], dtype=torch.float64)
    assert gradnorm.cross_products(net, points)[:, :, 0, 1].tolist() == [[float(v) for v in row] for row in wanted]
    own = gradnorm.output_gram(net, points)[0]
    assert own.tolist() == [[3 * 5 + 21, -3], [-3, 3 * 2 + 21]]  # |x|^2 + 1 = 3, |h|^2 + 1 = 21


# the package's own networks and modules


@pytest.mark.parametrize("train_output", [False, True])
@pytest.mark.parametrize("options", [{"antisymmetric": False}, {"antisymmetric": True}])
def test_two_layer_nets_against_autograd(train_output, options, monkeypatch):
    monkeypatch.setattr("altheory.gradnorm._layers._BLOCK", 3)  # blocks of three neurons
    net = al.TwoLayerNet(4, 8, 3, "tanh", train_output=train_output, seed=1, **options)
    (X,) = draws((5, 4))

    def logits(tensors, x):
        return net.functional(tensors[0], tensors[1] if train_output else net.a, x[None])[0]

    for norm in ("euclidean", "tensors"):
        for y in range(3):
            wanted = norms_of(one_at_a_time(logits, net.parameters(), X, label_loss(y)), norm)
            torch.testing.assert_close(
                gradnorm.class_gradnorms(net, X, norm=norm, chunk=2)[:, y], wanted, rtol=1e-12, atol=1e-14
            )
        wanted = norms_of(one_at_a_time(logits, net.parameters(), X, entropy_of), norm)
        torch.testing.assert_close(gradnorm.entropy_gradnorm(net, X, norm=norm, chunk=2), wanted, rtol=1e-12, atol=1e-14)
    unstored = al.TwoLayerNet(4, 8, 3, "tanh", train_output=train_output, seed=1, stored=False, **options)
    torch.testing.assert_close(gradnorm.class_gradnorms(unstored, X), gradnorm.class_gradnorms(net, X), rtol=1e-12, atol=1e-14)
    diagonal = gradnorm.cross_products(net, X).diagonal(dim1=2, dim2=3).permute(2, 0, 1)
    torch.testing.assert_close(gradnorm.output_gram(net, X, chunk=2), diagonal, rtol=1e-12, atol=1e-13)


def deep():
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Conv1d(1, 3, 3),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(12, 5),
        torch.nn.Tanh(),
        torch.nn.Linear(5, 3),
    ).double()


class Branching(torch.nn.Module):
    """Control flow on values: torch.func cannot vectorise it."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(6, 3, dtype=torch.float64)

    def forward(self, x):
        z = self.layer(x.flatten(1))
        return z if float(z.detach().square().sum()) >= 0 else -z


@pytest.mark.parametrize("module", [deep, Branching])
@pytest.mark.parametrize("norm", ["euclidean", "tensors"])
def test_any_module_against_autograd(module, norm):
    module = module()
    (X,) = draws((4, 1, 6))
    wanted = {}
    for name, loss in {"entropy": entropy_of, "expected": expected_of, **{y: label_loss(y) for y in range(3)}}.items():
        rows = []
        for x in X:
            module.zero_grad()
            loss(module(x[None])[0]).backward()
            rows.append([p.grad.clone() for p in module.parameters()])
        wanted[name] = norms_of(rows, norm)
    close = {"rtol": 1e-10, "atol": 1e-13}
    torch.testing.assert_close(gradnorm.entropy_gradnorm(module, X, norm=norm, chunk=3), wanted["entropy"], **close)
    torch.testing.assert_close(gradnorm.expected_gradnorm(module, X, norm=norm), wanted["expected"], **close)
    classes = torch.stack([wanted[y] for y in range(3)], -1)
    torch.testing.assert_close(gradnorm.class_gradnorms(module, X, norm=norm), classes, **close)
    if norm == "euclidean":
        p = torch.softmax(gradnorm.logits(module, X), -1)
        torch.testing.assert_close(gradnorm.egl2(module, X), (p * classes**2).sum(-1), **close)
        K, S = gradnorm.output_gram(module, X, chunk=3), gradnorm.fisher(gradnorm.logits(module, X))
        torch.testing.assert_close((K * S).sum((1, 2)), (p * classes**2).sum(-1), **close)


def test_numpy_float32_and_detached_posteriors():
    net = al.TwoLayerNet(4, 64, 3, "relu", train_output=True, seed=1, antisymmetric=False)
    (X,) = draws((20, 4))
    torch.testing.assert_close(gradnorm.egl(net, X.numpy()), gradnorm.egl(net, X), rtol=0, atol=0)
    single = net.to(dtype=torch.float32)
    assert gradnorm.egl(single, X.float()).dtype == torch.float32
    torch.testing.assert_close(gradnorm.egl(single, X.float()).double(), gradnorm.egl(net, X), rtol=1e-4, atol=1e-5)
    smallest = gradnorm.class_gradnorms(net, X).amin()
    assert gradnorm.expected_gradnorm(net, X, posterior="detached").amax() < 1e-13 * smallest
    Y = torch.nn.functional.one_hot(torch.arange(20) % 3, 3).double()
    torch.testing.assert_close(gradnorm.true_gradnorm(net, X, Y), gradnorm.true_gradnorm(net, X, torch.arange(20) % 3))


def test_a_single_output_has_no_gradient():
    net = al.TwoLayerNet(4, 8, 1, train_output=True, seed=1)
    found = gradnorm.scores(net, draws((3, 4))[0])
    for value in (found.entropy, found.entropy_gradnorm, found.class_gradnorms, found.egl, found.egl2):
        assert (value == 0).all()


# logits


LOGITS = [
    [0.0], [3.0, 3.0, 3.0], [40.0, -40.0], [-40.0, 40.0, 39.0], [0.0, 1e-9, -1e-9], [38.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0],
    [-700.0, 0.0], [1e-3 * i for i in range(10)], [40.0 * (-1) ** i for i in range(10)],
]  # fmt: skip


def high(z):
    """Everything in 700 digits (the smallest probability is 1e-304)."""
    with mpmath.workdps(700):
        e = [mpmath.exp(mpmath.mpf(v)) for v in z]
        p = [v / sum(e) for v in e]
        logs = [mpmath.log(v) for v in p]
        H = -sum(a * b for a, b in zip(p, logs, strict=True))
        V = sum(a * (b + H) ** 2 for a, b in zip(p, logs, strict=True))
        slope = [-a * (b + H) for a, b in zip(p, logs, strict=True)]
        classes = [[a - (k == y) for k, a in enumerate(p)] for y in range(len(z))]
        return {"logs": logs, "H": H, "V": V, "slope": slope, "classes": classes}


@pytest.mark.parametrize("z", LOGITS, ids=str)
def test_logit_formulas_keep_their_relative_accuracy(z):
    t, wanted = torch.tensor(z, dtype=torch.float64), high(z)

    def close(found, exact):
        for a, b in zip(found.flatten().tolist(), np.array(exact, dtype=object).flatten(), strict=True):
            assert abs(a - b) <= 4e-15 * max(map(abs, z)) * abs(b) + 1e-320 + 4e-15 * abs(b), (a, b)

    close(gradnorm.log_posterior(t), wanted["logs"])
    close(gradnorm.entropy(t)[None], [wanted["H"]])
    close(gradnorm.expected_loss(t)[None], [wanted["H"]])
    close(gradnorm.class_slopes(t), wanted["classes"])
    for y in range(len(z)):
        close(gradnorm.cross_entropy_slope(t, torch.eye(len(z)).double()[y]), wanted["classes"][y])
    scale = max(map(abs, wanted["slope"]))
    assert max(abs(a - b) for a, b in zip(gradnorm.entropy_slope(t).tolist(), wanted["slope"], strict=True)) <= 1e-13 * scale
    close(gradnorm.varentropy(t)[None], [wanted["V"]])
    if len(set(z)) == 1:
        assert (gradnorm.entropy_slope(t) == 0).all()


def test_slopes_and_hessian_are_derivatives():
    (z,) = draws((6, 5))
    leaf = z.clone().requires_grad_()
    (jacobian,) = torch.autograd.grad(gradnorm.entropy(leaf).sum(), leaf)
    torch.testing.assert_close(gradnorm.entropy_slope(z), jacobian, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(
        gradnorm.entropy_hessian(z), torch.vmap(torch.func.hessian(entropy_of))(z), rtol=1e-11, atol=1e-13
    )
    step = 1e-5
    for k in range(5):
        e = step * torch.eye(5, dtype=torch.float64)[k]
        for value, slope in ((gradnorm.entropy, gradnorm.entropy_slope), (gradnorm.expected_loss, gradnorm.expected_slope)):
            torch.testing.assert_close((value(z + e) - value(z - e)) / (2 * step), slope(z)[:, k], rtol=1e-8, atol=1e-9)
    S, R = gradnorm.fisher(z), gradnorm.fisher_root(z)
    torch.testing.assert_close(R @ R.mT, S, rtol=1e-13, atol=1e-15)
    cross = torch.vmap(torch.func.hessian(label_loss(2)))(z)
    torch.testing.assert_close(S, cross, rtol=1e-12, atol=1e-14)


def test_the_detached_slope_is_that_of_autograd():
    (z,) = draws((4, 5))
    for one in z:
        leaf = one.clone().requires_grad_()
        (slope,) = torch.autograd.grad(expected_of(leaf), leaf)
        torch.testing.assert_close(gradnorm.expected_slope(one), slope, rtol=1e-12, atol=1e-14)
        leaf = one.clone().requires_grad_()
        (slope,) = torch.autograd.grad(expected_of(leaf, detach=True), leaf)
        assert slope.abs().max() < 1e-15
        assert gradnorm.expected_slope(one, posterior="detached").abs().max() < 1e-15


def test_the_peak_of_two_classes():
    with mpmath.workdps(30):
        z = mpmath.findroot(lambda t: t * mpmath.tanh(t / 2) - 1, 1.5)
        p = 1 / (1 + mpmath.exp(-z))
        assert abs(z - mpmath.mpf("1.54340463841821")) < 1e-14
        height = z * p * (1 - p)
    t = torch.tensor([float(z), 0.0], dtype=torch.float64)
    assert abs(gradnorm.entropy_slope(t)[0] + float(height)) < 1e-16
    assert abs(float(height) - 0.223871602347152) < 1e-15


def test_counts_of_multiplications():
    d, m, N = 7, 5, 3
    forward, back, squares = m * d + N * m, N * m + N * m + m * d, m * d + N * m
    assert gradnorm.backward_operations(2, d, m, N) == 2 * (forward + back + squares)
    assert gradnorm.closed_operations(2, d, m, N) == 2 * (m * d + N * m + N * m + 3 * m + d + N)
    assert gradnorm.labelings(2, 10) == 1024
    assert len(str(gradnorm.labelings(19, 100))) == math.floor(100 * math.log10(19)) + 1


# refusals


def net(d):
    return al.TwoLayerNet(d, 4, 2, seed=0)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda X: gradnorm.entropy_gradnorm(net(3), X), r"`X` has 2 columns .* takes d = 3"),
        (lambda X: gradnorm.entropy_gradnorm(net(2), X, norm="l2"), "`norm` is 'l2' but 'euclidean' or"),
        (lambda X: gradnorm.expected_gradnorm(net(2), X, posterior="fixed"), "`posterior` is 'fixed'"),
        (lambda X: gradnorm.true_gradnorm(net(2), X, [0, 1, 5]), "classes 0 to 1"),
        (lambda X: gradnorm.true_gradnorm(net(2), X, torch.ones(3, 3).double()), "pass one row of labels"),
        (lambda X: gradnorm.entropy_gradnorm("net", X), "`module` is a str but a `torch.nn.Module` is wanted"),
        (lambda X: gradnorm.egl(net(2), X, chunk=0), "`chunk` is 0 but an integer of at least 1"),
        (lambda X: gradnorm.TwoLayer(X, X), r"`W` and `A` have shapes \(3, 2\) and \(3, 2\)"),
        (lambda X: gradnorm.TwoLayer(X, X.T, b=X[0]), r"`b` has shape \(2,\) but \(..., 3\) is wanted"),
        (lambda X: gradnorm.TwoLayer(X, X.T, trained=("W", "c")), "`trained` names 'c' but the network has 'W', 'A'"),
        (lambda X: gradnorm.TwoLayer(X, X.T, trained=()), "`trained` is empty"),
        (lambda X: gradnorm.TwoLayer(X, X.T)(X[:, :1]), "`X` has 1 columns"),
        (lambda X: gradnorm.entropy(float("nan") * X), "`z` contains NaN"),
        (lambda X: gradnorm.cross_entropy_slope(X, X[:, :1]), "pass one label for every logit"),
    ],
)  # fmt: skip
def test_refusals(call, sentence):
    with pytest.raises(al.InputError, match=sentence):
        call(draws((3, 2))[0])
