"""Flow and descent under a kernel: against the matrix exponential, plain loops and mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import torch
from scipy.linalg import expm
from training_oracles import normal

import altheory as al
from altheory import training


def kernel(n, rank=None, seed=1):
    A = normal(n, rank or n + 2, seed=seed)
    return A @ A.T / A.shape[1]


def softmax(f):
    e = np.exp(f - f.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def close(found, wanted, tol=1e-12):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=tol, atol=tol)


def test_the_flow_of_the_squared_loss_is_the_matrix_exponential():
    theta, Y, f0 = kernel(6), normal(6, 2, seed=2), normal(6, 2, seed=3)
    times = [0.0, 0.3, 2.0, 40.0]
    run = training.gradient_flow(theta, Y, times, f0=f0)
    for k, t in enumerate(times):
        close(run.outputs[k], Y.numpy() + expm(-t * theta.numpy()) @ (f0 - Y).numpy())
    close(run.E, torch.linalg.matrix_norm(run.outputs - Y))
    close(run.loss, (run.outputs - Y).square().sum((1, 2)) / 2)


def test_without_a_start_the_flow_begins_at_zero_and_one_output_needs_no_axis():
    theta, Y = kernel(5), normal(5, seed=2)
    run = training.gradient_flow(theta, Y, 1.5)
    assert run.outputs.shape == (1, 5, 1)
    close(run.outputs[0, :, 0], Y.numpy() - expm(-1.5 * theta.numpy()) @ Y.numpy())


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_flowing_on_is_flowing_further(loss):
    theta, f0 = kernel(5), normal(5, 3, seed=3)
    Y = normal(5, 3, seed=2) if loss == "squared" else torch.tensor([0, 1, 2, 1, 0])
    far = training.gradient_flow(theta, Y, [0.7, 1.9], f0=f0, loss=loss).outputs
    again = training.gradient_flow(theta, Y, 1.2, f0=far[0], loss=loss).outputs[0]
    close(again, far[1], 1e-9 if loss == "cross_entropy" else 1e-12)
    assert float((far[1] - far[0]).abs().max()) > 0.1


@pytest.mark.parametrize("scale", [1.0, 3000.0])  # the second takes the implicit method
def test_the_flow_of_the_cross_entropy_solves_its_equation(scale):
    theta, classes, f0 = scale * kernel(4), torch.tensor([0, 2, 1, 2]), normal(4, 3, seed=3)
    rows, K = np.eye(3)[classes.numpy()], theta.numpy()
    end, count = 5.0, 4000 if scale == 1 else 400_000
    f, h = f0.numpy().copy(), end / count
    slope = lambda f: -K @ (softmax(f) - rows)  # noqa: E731
    for _ in range(count if scale == 1 else 0):  # Runge and Kutta, step h
        a = slope(f)
        b = slope(f + h / 2 * a)
        c = slope(f + h / 2 * b)
        f = f + h / 6 * (a + 2 * b + 2 * c + slope(f + h * c))
    run = training.gradient_flow(theta, classes, [end], f0=f0, loss="cross_entropy")
    if scale == 1:
        close(run.outputs[-1], f, 1e-8)
    else:  # time and kernel enter as a product
        same = training.gradient_flow(theta / scale, classes, [end * scale], f0=f0, loss="cross_entropy")
        close(run.outputs[-1], same.outputs[-1], 1e-6)
        assert float(run.loss[-1]) < 1e-2


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_descent_is_the_plain_loop(loss):
    theta, f0 = kernel(5), normal(5, 3, seed=3)
    Y = normal(5, 3, seed=2) if loss == "squared" else torch.tensor([0, 1, 2, 1, 0])
    cross, f0_test = normal(2, 5, seed=4), normal(2, 3, seed=5)
    rows = Y.numpy() if loss == "squared" else np.eye(3)[Y.numpy()]
    run = training.kernel_descent(theta, Y, 0.3, 12, f0=f0, loss=loss, kernel_test=cross, f0_test=f0_test, record=5)
    f, g = f0.numpy().copy(), f0_test.numpy().copy()
    for t in range(13):
        if t in (0, 5, 10, 12):
            k = run.t.tolist().index(t)
            close(run.outputs[k], f)
            close(run.test_outputs[k], g)
        slope = f - rows if loss == "squared" else softmax(f) - rows
        f, g = f - 0.3 * theta.numpy() @ slope, g - 0.3 * cross.numpy() @ slope
    assert run.t.tolist() == [0, 5, 10, 12]


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_small_steps_approach_the_flow_at_first_order(loss):
    theta, f0 = kernel(5), normal(5, 3, seed=3)
    Y = normal(5, 3, seed=2) if loss == "squared" else torch.tensor([0, 1, 2, 1, 0])
    flow = training.gradient_flow(theta, Y, 1.0, f0=f0, loss=loss).outputs[0]
    off = [
        float((training.kernel_descent(theta, Y, 1 / steps, steps, f0=f0, loss=loss, record=[steps]).outputs[0] - flow).norm())
        for steps in (200, 400)
    ]
    assert 1.9 < off[0] / off[1] < 2.1
    assert off[1] < 1e-2


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize("coupled", [False, True])
def test_predictions_at_the_training_points_are_the_outputs(loss, coupled):
    theta, f0 = (kernel(4), normal(4, 2, seed=3)) if not coupled else (pairs(4, 2), normal(4, 2, seed=3))
    Y = normal(4, 2, seed=2) if loss == "squared" else torch.tensor([0, 1, 1, 0])
    flow = training.gradient_flow(theta, Y, [0, 0.5, 3], f0=f0, loss=loss, kernel_test=theta, f0_test=f0)
    close(flow.test_outputs, flow.outputs, 1e-11)
    down = training.kernel_descent(theta, Y, 0.2, 8, f0=f0, loss=loss, kernel_test=theta[..., :2, :], f0_test=f0[:2])
    close(down.test_outputs, down.outputs[:, :2], 1e-11)


def pairs(n, outputs):
    """A kernel (K, K, n, n) that couples the outputs."""
    J = normal(outputs, n, 3 * n * outputs, seed=9)
    return torch.einsum("kip,ljp->klij", J, J) / J.shape[-1]


def test_a_kernel_of_pairs_couples_the_outputs():
    theta, Y, f0 = pairs(3, 2), normal(3, 2, seed=2), normal(3, 2, seed=3)
    big = np.zeros((6, 6))  # output-major, entry by entry
    for k in range(2):
        for j in range(2):
            big[3 * k : 3 * k + 3, 3 * j : 3 * j + 3] = theta[k, j].numpy()
    u = (f0 - Y).numpy().T.ravel()
    run = training.gradient_flow(theta, Y, [0.4], f0=f0)
    close(run.residual[0], (expm(-0.4 * big) @ u).reshape(2, 3).T)
    step = training.kernel_descent(theta, Y, 0.3, 7, f0=f0, record=[7])
    close(step.residual[0], (np.linalg.matrix_power(np.eye(6) - 0.3 * big, 7) @ u).reshape(2, 3).T)


def test_a_batch_of_kernels_is_each_alone():
    theta = torch.stack([kernel(4, seed=s) for s in (1, 2, 3)])
    Y, cross = normal(3, 4, 2, seed=5), normal(3, 2, 4, seed=6)
    run = training.gradient_flow(theta, Y, [0.1, 1.0], kernel_test=cross)
    assert run.outputs.shape == (3, 2, 4, 2)
    assert run.E.shape == (3, 2)
    for b in range(3):
        alone = training.gradient_flow(theta[b], Y[b], [0.1, 1.0], kernel_test=cross[b])
        close(run.outputs[b], alone.outputs)
        close(run.test_outputs[b], alone.test_outputs)
        close(run.E[b], alone.E)


def test_directions_outside_the_kernels_range_never_move():
    theta, Y = kernel(6, rank=2), normal(6, 1, seed=2)
    run = training.gradient_flow(theta, Y, [0.0, 1e30])
    values, vectors = np.linalg.eigh(theta.numpy())
    null = vectors[:, values < 1e-12]
    assert null.shape[1] == 4
    close(run.residual[1, :, 0], -null @ (null.T @ Y[:, 0].numpy()), 1e-10)
    down = training.kernel_descent(theta, Y, 0.1, 10**9, record=[10**9], kernel_test=theta)
    close(down.residual[0, :, 0], run.residual[1, :, 0], 1e-10)
    close(down.test_outputs, down.outputs, 1e-10)


@pytest.mark.parametrize("rate", [1e-9, 0.1, 0.75, 1.0, 1.5])
@pytest.mark.parametrize("steps", [3, 1001, 10**7])
def test_late_steps_keep_their_digits(rate, steps):
    theta, Y = torch.tensor([[rate]], dtype=torch.float64), torch.tensor([[1.0]], dtype=torch.float64)
    run = training.kernel_descent(theta, Y, 1.0, steps, record=[steps], kernel_test=[[1.0]])
    with mpmath.workdps(40):
        decay = (1 - mpmath.mpf(rate)) ** steps
        area = (1 - decay) / mpmath.mpf(rate)
    assert float(run.residual[0, 0, 0]) == pytest.approx(-float(decay), rel=1e-14 * max(1, steps * rate), abs=1e-300) or (
        abs(float(decay)) < 1e-16  # where f = Y + u has rounded u away
    )
    assert float(run.test_outputs[0, 0, 0]) == pytest.approx(float(area), rel=1e-12)


def test_descent_under_a_kernel_says_when_it_diverges():
    run = training.kernel_descent(torch.eye(2, dtype=torch.float64), [1.0, 2.0], 4.0, 5000, record=100)
    assert run.diverged_at == 700  # 3^t overflows at t = 647
    assert run.t.tolist() == list(range(0, 700, 100))
    assert "step 700" in run.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kernel": torch.ones(3, 2)}, "`kernel` has shape"),
        ({"kernel": torch.triu(torch.ones(3, 3))}, "`kernel` is not symmetric"),
        ({"kernel": -torch.eye(3)}, "negative eigenvalue"),
        ({"Y": torch.ones(4)}, "`Y` has shape"),
        ({"Y": torch.ones(3, dtype=torch.float64)}, "`Y` has dtype"),
        ({"times": [-1.0]}, "negative time"),
        ({"times": float("nan")}, "`times` contains NaN"),
        ({"f0": torch.ones(2)}, "`f0` has shape"),
        ({"loss": "hinge"}, "`loss` is 'hinge'"),
        ({"loss": "cross_entropy"}, "one column of fractions"),
        ({"loss": "cross_entropy", "Y": [0, -1, 1]}, "class labels from -1"),
        ({"kernel_test": torch.ones(2, 4)}, "`kernel_test` has shape"),
        ({"f0_test": torch.ones(2)}, "without `kernel_test`"),
        ({"kernel_test": torch.ones(2, 3), "f0_test": torch.ones(3)}, "`f0_test` has shape"),
        ({"kernel": torch.ones(3, 3, 3, 3), "Y": torch.ones(3, 2)}, "all pairs of outputs"),
        ({"kernel": torch.ones(2, 3, 3), "Y": [0, 1, 1], "loss": "cross_entropy"}, "loop over the batch"),
    ],
)
def test_what_the_flow_cannot_use_is_refused(change, words):
    arguments = {"kernel": torch.eye(3), "Y": torch.ones(3), "times": [1.0], **change}
    with pytest.raises(al.InputError, match=words):
        training.gradient_flow(arguments.pop("kernel"), arguments.pop("Y"), arguments.pop("times"), **arguments)
