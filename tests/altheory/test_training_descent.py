"""Gradient descent of networks: the hand-written passes against plain autograd, records, batches, divergence."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from training_oracles import ACTIVATIONS, descend, jacobian, labels, normal, value

import altheory as al
from altheory import training
from altheory.modules import ModuleNet
from altheory.training import _descent, _engines, _relu, _relu_loops
from altheory.training._layers import Layers
from altheory.training._two_layer import TwoLayerEngine
from altheory.training._workers import Workers


@pytest.fixture(params=["compiled", "torch"])
def engine(request, monkeypatch):
    """Every relu test runs with both engines."""
    if request.param == "compiled":
        pytest.importorskip("numba")
    monkeypatch.setattr(_engines, "_WORTH_COMPILING", 0 if request.param == "compiled" else math.inf)
    return request.param


def close(found, wanted, rtol=1e-12):
    torch.testing.assert_close(found, wanted, rtol=rtol, atol=rtol * max(1.0, float(wanted.abs().max())))


@pytest.mark.parametrize("antisymmetric", [True, False])
@pytest.mark.parametrize("train_output", [True, False])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_hand_written_gradient_is_autograds(name, train_output, antisymmetric):
    net = al.TwoLayerNet(4, 30, 3, ACTIVATIONS[name], train_output=train_output, antisymmetric=antisymmetric, seed=1)
    net = net.replace(net.W + normal(30, 4, seed=2) / 4, net.a + normal(30, 3, seed=3) / 4)  # the halves part
    X, slope = normal(11, 4, seed=4), normal(11, 3, seed=5)
    W, a = net.W.clone().requires_grad_(), net.a.clone().requires_grad_()
    wanted = torch.autograd.grad((value(name, W, a, X) * slope).sum(), (W, a))
    hand = TwoLayerEngine(Layers(net.W, net.a, X, net.activation, antisymmetric, train_output), chunk=8)
    close(hand.start(), value(name, net.W, net.a, X), 1e-13)
    found = hand.gradient(slope)
    close(found[0], wanted[0], 1e-13)
    assert (found[1] is not None) == train_output
    if train_output:
        close(found[1], wanted[1], 1e-13)


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize("name", ["tanh", "erf", "gelu", "square of relu"])
def test_twenty_steps_are_those_of_plain_autograd(name, loss):
    net = al.TwoLayerNet(3, 40, 2, ACTIVATIONS[name], train_output=True, seed=1)
    X, Y = normal(9, 3, seed=2), labels(loss, 9, 2)
    run = training.gradient_descent(net, X, Y, 0.02, 20, loss=loss)
    outputs, W, a = descend(name, net, X, Y, 0.02, 20, loss)
    close(run.outputs, outputs)
    close(run.net.W, W)
    close(run.net.a, a)
    assert torch.equal(run.t, torch.arange(21))


@pytest.mark.parametrize("antisymmetric", [True, False])
@pytest.mark.parametrize("train_output", [True, False])
@pytest.mark.parametrize(("loss", "outputs"), [("squared", 1), ("squared", 3), ("cross_entropy", 3)])
@pytest.mark.parametrize(("n", "d"), [(13, 4), (5, 9)])  # 5 points span fewer dimensions than 9
def test_twenty_relu_steps_are_those_of_plain_autograd(engine, n, d, loss, outputs, train_output, antisymmetric):
    net = al.TwoLayerNet(d, 60, outputs, train_output=train_output, antisymmetric=antisymmetric, seed=1)
    before = net.W.clone(), net.a.clone()
    X, Y = normal(n, d, seed=2), labels(loss, n, outputs)
    run = training.gradient_descent(net, X, Y, 0.05, 20, loss=loss, chunk=14)
    wanted, W, a = descend("relu", net, X, Y, 0.05, 20, loss)
    close(run.outputs, wanted)
    close(run.net.W, W)
    close(run.net.a, a)
    assert float((W - net.W).abs().max()) > 1e-3  # it did move
    assert torch.equal(net.W, before[0])
    assert torch.equal(net.a, before[1])
    if antisymmetric:
        assert bool((run.outputs[0] == 0).all())


def test_single_precision_stays_single(engine):
    net = al.TwoLayerNet(4, 64, 2, dtype=torch.float32, seed=1)
    X, Y = normal(9, 4, seed=2, dtype=torch.float32), labels("squared", 9, 2, dtype=torch.float32)
    run = training.gradient_descent(net, X, Y, 0.05, 20)
    wanted, _, _ = descend("relu", net.to(dtype=torch.float64), X.double(), Y.double(), 0.05, 20, "squared")
    assert run.outputs.dtype == run.net.W.dtype == torch.float32
    close(run.outputs.double(), wanted, 1e-5)


def test_chunks_change_the_rounding_alone_and_threads_not_even_that(engine):
    net = al.TwoLayerNet(6, 202, antisymmetric=True, seed=1)
    X, Y = normal(21, 6, seed=2), labels("squared", 21, 1)
    whole, *parts = (training.gradient_descent(net, X, Y, 0.05, 15, chunk=c) for c in (202, 1, 7, 64))
    for part in parts:
        close(part.outputs, whole.outputs)
        close(part.net.W, whole.net.W)
    if engine == "compiled":
        layers = Layers(net.W, net.a, X, net.activation, True, False)
        ends = []
        for threads in (1, 2, 3):
            with Workers(threads) as workers:
                one = _relu.ReluEngine(layers, _relu_loops.compiled(), workers, chunk=20)
                f = one.start()
                for _ in range(5):
                    f = one.step(f - Y, 0.05)
            ends.append((f, one.W))
        for f, W in ends[1:]:
            assert torch.equal(f, ends[0][0])
            assert torch.equal(W, ends[0][1])


def test_pre_activations_that_do_not_fit_are_made_again(monkeypatch):
    from altheory.training import _two_layer

    net = al.TwoLayerNet(3, 40, 2, "tanh", train_output=True, seed=1)
    X, Y = normal(9, 3, seed=2), labels("squared", 9, 2)
    kept = training.gradient_descent(net, X, Y, 0.05, 10)
    monkeypatch.setattr(_two_layer, "available_bytes", lambda device: 0)
    made = training.gradient_descent(net, X, Y, 0.05, 10, chunk=6)
    close(made.outputs, kept.outputs)


def test_a_stationary_residual_follows_the_kernel_recursion():
    # the normalisation: with L = sum of squares / 2 the first step is u_1 = (I - lr K) u_0 to second order in lr
    net = al.TwoLayerNet(3, 50, 1, "tanh", train_output=True, antisymmetric=False, seed=1)
    X, Y = normal(6, 3, seed=2), labels("squared", 6, 1)
    J = jacobian("tanh", net, X)[:, 0]
    off = []
    for lr in (1e-3, 5e-4):
        run = training.gradient_descent(net, X, Y, lr, 1)
        u = run.residual[..., 0]
        off.append(float((u[1] - (u[0] - lr * (J @ (J.T @ u[0])))).norm()))
    assert off[0] < 1e-4
    assert 3.5 < off[0] / off[1] < 4.5


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_loss_residual_and_error_are_their_definitions(loss):
    net = al.TwoLayerNet(3, 20, 3, "tanh", seed=1)
    X, Y = normal(6, 3, seed=2), labels(loss, 6, 3)
    run = training.gradient_descent(net, X, Y, 0.05, 6, loss=loss, record=[0, 2, 6])
    assert run.t.tolist() == [0, 2, 6]
    for k in range(3):
        f = run.outputs[k].clone().requires_grad_()
        total = ((f - Y) ** 2).sum() / 2 if loss == "squared" else torch.nn.functional.cross_entropy(f, Y, reduction="sum")
        (slope,) = torch.autograd.grad(total, f)
        close(run.loss[k], total.detach())
        close(run.residual[k], slope)
        close(run.E[k], slope.norm())


def test_classes_and_one_hot_rows_are_the_same_labels():
    net = al.TwoLayerNet(3, 20, 3, seed=1)
    X, classes = normal(6, 3, seed=2), torch.tensor([0, 1, 2, 2, 1, 0])
    rows = torch.eye(3, dtype=torch.float64)[classes]
    runs = [
        training.gradient_descent(net, X, Y, 0.1, 5, loss="cross_entropy")
        for Y in (classes, classes.tolist(), classes.numpy().astype("uint8"), rows, rows.tolist())
    ]
    for run in runs[1:]:
        assert torch.equal(run.outputs, runs[0].outputs)


def test_what_is_recorded_does_not_change_the_run(engine):
    net = al.TwoLayerNet(4, 80, train_output=True, seed=1)
    X, Y = normal(9, 4, seed=2), labels("squared", 9, 1)[:, 0]
    plain = training.gradient_descent(net, X, Y, 0.05, 12)
    plan = training.Record(outputs=5, kernel=[12, 0, 3], weights="all")
    run = training.gradient_descent(net, X, Y, 0.05, 12, record=plan)
    assert run.t.tolist() == [0, 5, 10, 12]
    assert torch.equal(run.outputs, plain.outputs[run.t])
    assert torch.equal(run.net.W, plain.net.W)
    assert plain.kernel_drift is None
    assert plain.weights_drift is None
    # the drifts, from the networks at these steps
    start = jacobian("relu", net, X)[:, 0]
    assert run.kernel_t.tolist() == [0, 3, 12]
    for k, t in enumerate(run.kernel_t.tolist()):
        _, W, a = descend("relu", net, X, Y[:, None], 0.05, t, "squared")
        J = jacobian("relu", net.replace(W, a), X)[:, 0]
        wanted = (J @ J.T - start @ start.T).norm() / (start @ start.T).norm()
        close(run.kernel_drift[k], wanted, 1e-11)
        close(run.weights_drift[t], (W - net.W).norm(dim=1).max(), 1e-11)
        close(run.parameter_drift[t], torch.sqrt((W - net.W).norm() ** 2 + (a - net.a).norm() ** 2), 1e-11)
    assert run.weights_t.tolist() == list(range(13))


def test_drifts_are_the_same_in_the_span_of_few_points():
    net = al.TwoLayerNet(12, 60, 1, "tanh", seed=1)
    X, Y = normal(4, 12, seed=2), labels("squared", 4, 1)
    run = training.gradient_descent(net, X, Y, 0.05, 9, record=training.Record(weights=[9]))
    close(run.weights_drift[0], (run.net.W - net.W).norm(dim=1).max(), 1e-11)


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_networks_trained_together_are_those_trained_alone(loss, monkeypatch):
    nets = [al.TwoLayerNet(3, 24, 2, "tanh", train_output=True, seed=s) for s in range(4)]
    X, Y = normal(7, 3, seed=2), labels(loss, 7, 2)
    plan = training.Record(outputs=3, kernel=[6], weights=[0, 6])
    together = training.gradient_descent(nets, X, Y, 0.05, 6, loss=loss, record=plan)
    calls = []
    monkeypatch.setattr(_descent, "_small_and_alike", lambda *_: calls.append(1))
    looped = training.gradient_descent(nets, X, Y, 0.05, 6, loss=loss, record=plan)
    assert calls
    for net, one, two in zip(nets, together, looped, strict=True):
        alone = training.gradient_descent(net, X, Y, 0.05, 6, loss=loss, record=plan)
        for run in (one, two):
            for what in ("outputs", "kernel_drift", "weights_drift", "parameter_drift", "loss", "E"):
                close(getattr(run, what), getattr(alone, what), 1e-11)
            close(run.net.W, alone.net.W)
            close(run.net.a, alone.net.a)
    stacked = training.stack(together)
    assert stacked.outputs.shape == (4, 3, 7, 2)
    assert stacked.E.shape == stacked.loss.shape == (4, 3)
    assert torch.equal(stacked.E[2], together[2].E)
    assert stacked.net[1] is together[1].net


def test_networks_of_different_widths_stack_too():
    nets = [al.TwoLayerNet(3, width, seed=1) for width in (8, 32)]
    X, Y = normal(7, 3, seed=2), labels("squared", 7, 1)
    stacked = training.stack(training.gradient_descent(nets, X, Y, 0.05, 6))
    for k, net in enumerate(nets):
        assert torch.equal(stacked.outputs[k], training.gradient_descent(net, X, Y, 0.05, 6).outputs)


def test_a_training_that_diverges_stops_and_says_so(engine):
    net = al.TwoLayerNet(3, 64, train_output=True, seed=1)
    X, Y = normal(7, 3, seed=2), labels("squared", 7, 1)
    run = training.gradient_descent(net, X, Y, 50.0, 4000, record=training.Record(weights=1))
    outputs, _, _ = descend("relu", net, X, Y, 50.0, run.diverged_at, "squared")
    assert bool(torch.isfinite(outputs[-2]).all())
    assert not bool(torch.isfinite(outputs[-1]).all())
    assert len(run.t) == len(run.weights_drift) == run.diverged_at < 4000
    assert bool(torch.isfinite(run.outputs).all())
    assert run.net is None
    assert f"step {run.diverged_at}" in run.message
    calm = training.gradient_descent(net, X, Y, 1e-3, 3)
    assert (calm.diverged_at, calm.message) == (None, "")


def test_one_network_that_diverges_leaves_the_others_alone():
    nets = [al.TwoLayerNet(2, 6, 1, train_output=True, antisymmetric=False, seed=s) for s in range(3)]
    nets[1] = nets[1].replace(a=nets[1].a * 1e80)  # overflows within a few steps
    X, Y = normal(5, 2, seed=2), labels("squared", 5, 1)
    plan = training.Record(weights=[0, 20], kernel=[20])
    runs = training.gradient_descent(nets, X, Y, 0.05, 20, record=plan)
    assert runs[1].diverged_at is not None
    for k in (0, 2):
        assert runs[k].diverged_at is None
        close(runs[k].outputs, training.gradient_descent(nets[k], X, Y, 0.05, 20).outputs)
        assert runs[k].kernel_drift.shape == (1,)
    with pytest.raises(al.InputError, match="differ in `t`"):
        training.stack(runs)


def test_no_steps_give_the_start():
    net = al.TwoLayerNet(3, 20, antisymmetric=False, seed=1)
    X, Y = normal(6, 3, seed=2), labels("squared", 6, 1)
    run = training.gradient_descent(net, X, Y, 0.1, 0)
    assert run.t.tolist() == [0]
    close(run.outputs[0], value("relu", net.W, net.a, X))
    assert torch.equal(run.net.W, net.W)


@pytest.mark.parametrize("chunk", [None, 4])
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_any_module_is_trained_as_by_torchs_sgd(loss, chunk):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).double()
    X, Y = normal(10, 3, seed=2), labels(loss, 10, 2)
    run = training.gradient_descent(
        ModuleNet(module), X, Y, 0.03, 15, loss=loss, chunk=chunk, record=training.Record(weights=[15])
    )
    trained = copy.deepcopy(module)
    sgd = torch.optim.SGD(trained.parameters(), lr=0.03)
    for t in range(16):
        f = trained(X)
        close(run.outputs[t], f.detach())
        if t == 15:
            break
        sgd.zero_grad()
        total = ((f - Y) ** 2).sum() / 2 if loss == "squared" else torch.nn.functional.cross_entropy(f, Y, reduction="sum")
        total.backward()
        sgd.step()
    moved = torch.cat([(p - q).detach().flatten() for p, q in zip(trained.parameters(), module.parameters(), strict=True)])
    close(run.parameter_drift[0], moved.norm(), 1e-11)
    assert run.weights_drift is None
    for p, q in zip(run.net.parameters(), trained.parameters(), strict=True):
        close(p.detach(), q.detach())


@pytest.mark.gpu
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_a_gpu_trains_the_same_network(loss):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    net = al.TwoLayerNet(5, 300, 2, train_output=True, seed=1)
    X, Y = normal(40, 5, seed=2), labels(loss, 40, 2)
    here = training.gradient_descent(net, X, Y, 0.02, 30, loss=loss)
    there = training.gradient_descent(net.to("cuda"), X.cuda(), Y.cuda(), 0.02, 30, loss=loss)
    close(there.outputs.cpu(), here.outputs, 1e-10)
    close(there.net.W.cpu(), here.net.W, 1e-10)
