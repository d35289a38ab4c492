"""Training of the linearisation: against gradient descent written with the Jacobian."""

from __future__ import annotations

import pytest
import torch
from training_oracles import ACTIVATIONS, LOSSES, flat, jacobian, labels, normal, value

import altheory as al
from altheory import training
from altheory.modules import ModuleNet


def brute_force(name, net, base, X, Y, lr, steps, loss, T):
    """Descent on f(base) + J (theta - theta_base) over theta itself."""
    J, start = jacobian(name, base, X), value(name, base.W, base.a, X)
    J_test, start_test = jacobian(name, base, T), value(name, base.W, base.a, T)
    theta, zero = flat(net).clone(), flat(base)
    outputs, predictions = [], []
    for t in range(steps + 1):
        theta.requires_grad_()
        f = start + J @ (theta - zero)
        outputs.append(f.detach())
        predictions.append((start_test + J_test @ (theta - zero)).detach())
        if t < steps:
            (gradient,) = torch.autograd.grad(LOSSES[loss](f, Y), theta)
            theta = theta.detach() - lr * gradient
    return torch.stack(outputs), torch.stack(predictions), theta.detach()


@pytest.mark.parametrize("form", ["kernel", "parameters"])
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize(("loss", "outputs"), [("squared", 1), ("squared", 3), ("cross_entropy", 3)])
@pytest.mark.parametrize(("name", "train_output"), [("relu", False), ("tanh", True)])
def test_linearised_descent_is_descent_on_the_linear_model(name, train_output, loss, outputs, elsewhere, form):
    base = al.TwoLayerNet(3, 26, outputs, ACTIVATIONS[name], train_output=train_output, seed=1)
    net = base
    if elsewhere:
        change = normal(26, outputs, seed=4) / 10 if train_output else 0
        net = base.replace(base.W + normal(26, 3, seed=3) / 10, base.a + change)
    X, T, Y = normal(7, 3, seed=5), normal(4, 3, seed=6), labels(loss, 7, outputs)
    run = training.linearised(
        net, X, Y, 0.05, 20, loss=loss, at=base if elsewhere else None, X_test=T, form=form, record=[0, 1, 7, 20]
    )
    wanted, predictions, theta = brute_force(name, net, base, X, Y, 0.05, 20, loss, T)
    torch.testing.assert_close(run.outputs, wanted[run.t], rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(run.test_outputs, predictions[run.t], rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(flat(run.net), theta, rtol=1e-11, atol=1e-12)
    assert float((wanted[-1] - wanted[0]).abs().max()) > 1e-2


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_a_modules_linearisation_is_descended_too(loss):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).double()
    net = ModuleNet(module)
    X, T, Y = normal(7, 3, seed=5), normal(4, 3, seed=6), labels(loss, 7, 2)
    J, J_test = (
        torch.cat(
            [
                g.flatten(2)
                for g in torch.func.jacrev(lambda *p, x=x: net.functional(*p, x), argnums=(0, 1, 2, 3))(*net.parameters())
            ],
            2,
        )
        for x in (X, T)
    )
    run = training.linearised(net, X, Y, 0.05, 9, loss=loss, X_test=T, form="parameters")
    f, g, theta = module(X).detach(), module(T).detach(), flat(net)
    rows = Y if loss == "squared" else torch.eye(2, dtype=torch.float64)[Y]
    for t in range(10):
        torch.testing.assert_close(run.outputs[t], f, rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(run.test_outputs[t], g, rtol=1e-11, atol=1e-12)
        if t < 9:
            step = 0.05 * torch.einsum("ikp,ik->p", J, (f if loss == "squared" else torch.softmax(f, -1)) - rows)
            f, g, theta = f - J @ step, g - J_test @ step, theta - step
    torch.testing.assert_close(flat(run.net), theta, rtol=1e-11, atol=1e-12)


def test_auto_chooses_between_the_two_forms(monkeypatch):
    from altheory.training import _linearised

    used = []
    for form in ("_by_kernel", "_by_products"):
        plain = getattr(_linearised, form)
        monkeypatch.setattr(_linearised, form, lambda *a, plain=plain, form=form: used.append(form) or plain(*a))
    net = al.TwoLayerNet(3, 20, 2, "tanh", seed=1)
    X, Y = normal(6, 3, seed=2), labels("squared", 6, 2)
    training.linearised(net, X, Y, 0.05, 1000, record=100)
    monkeypatch.setattr(_linearised, "available_bytes", lambda device: 0)
    training.linearised(net, X, Y, 0.05, 2)
    assert used == ["_by_kernel", "_by_products"]


# A kink moves the kernel by the share of neurons that cross it, m^{-1/2}. Where phi is smooth the change of the kernel is a sum
# over neurons of terms odd in the sign of a_r, m^{-1}. Four times the width: ratios 2 and 4.
@pytest.mark.parametrize(("name", "least", "most"), [("relu", 1.6, 2.6), ("tanh", 3.0, 6.0)])
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_wide_networks_approach_their_linearisation(loss, name, least, most):
    X, Y = normal(6, 3, seed=2), labels(loss, 6, 2)
    means = []
    for width in (64, 256, 1024):
        nets = [al.TwoLayerNet(3, width, 2, name, seed=s) for s in range(16)]
        runs = training.stack(training.gradient_descent(nets, X, Y, 0.1, 30, loss=loss))
        lines = training.stack([training.linearised(net, X, Y, 0.1, 30, loss=loss) for net in nets])
        means.append(float((runs.outputs - lines.outputs)[:, -1].norm(dim=(1, 2)).mean()))
    assert least < means[0] / means[1] < most
    assert least < means[1] / means[2] < most


def test_the_first_step_of_the_network_is_that_of_the_linearisation_to_second_order():
    net = al.TwoLayerNet(3, 40, 1, "erf", train_output=True, antisymmetric=False, seed=1)
    X, Y = normal(6, 3, seed=2), labels("squared", 6, 1)
    off = []
    for lr in (1e-2, 5e-3):
        whole, line = (train(net, X, Y, lr, 1).outputs[1] for train in (training.gradient_descent, training.linearised))
        off.append(float((whole - line).norm()))
    assert 3.5 < off[0] / off[1] < 4.5


@pytest.mark.parametrize("form", ["kernel", "parameters"])
def test_a_linearisation_that_diverges_says_so(form):
    net = al.TwoLayerNet(3, 20, seed=1)
    X, Y = normal(6, 3, seed=2), labels("squared", 6, 1)
    run = training.linearised(net, X, Y, 100.0, 2000, form=form)
    assert run.net is None
    assert len(run.t) == run.diverged_at < 2000
    assert bool(torch.isfinite(run.outputs).all())


def test_a_linearisation_elsewhere_wants_the_same_kind_of_network():
    net = al.TwoLayerNet(3, 20, seed=1)
    X, Y = normal(6, 3, seed=2), labels("squared", 6, 1)
    for at in (
        al.TwoLayerNet(3, 22, seed=1),
        al.TwoLayerNet(3, 20, activation="tanh", seed=1),
        net.replace(a=2 * net.a),
        net.W,
    ):
        with pytest.raises(al.InputError, match="`at` is"):
            training.linearised(net, X, Y, 0.1, 2, at=at)
    with pytest.raises(al.InputError, match="`form` is 'fast'"):
        training.linearised(net, X, Y, 0.1, 2, form="fast")
