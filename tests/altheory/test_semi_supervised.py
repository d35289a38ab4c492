"""The Pi-model against torch's own modules, scipy, scikit-learn and what its parts must do alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.datasets import make_moons

import altheory as al
from altheory.semi_supervised import consistency, pi_model, ramp_up

MOONS = al.data.two_moons(40, noise=0.05, seed=1)
X, Y = torch.from_numpy(MOONS.X), torch.from_numpy(MOONS.y)
PIVOTS = torch.tensor([5, 14, 25, 34])


@pytest.fixture(autouse=True)
def _one_thread():
    """Hundreds of tiny products: threads would wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(**options):
    return pi_model(X, Y, PIVOTS, classes=2, **{"seed": 3, "widths": (8,), "steps": 5, **options})


def test_the_moons_without_noise_are_scikit_learns():
    ours = al.data.two_moons(30, noise=0.0, seed=0)
    theirs, labels = make_moons(30, shuffle=False, noise=None)
    np.testing.assert_allclose(ours.X, theirs, atol=1e-15)
    np.testing.assert_array_equal(ours.y, labels)
    assert not np.array_equal(al.data.two_moons(30, seed=0).X, al.data.two_moons(30, seed=1).X)


def test_consistency_is_the_mean_squared_difference_of_probabilities():
    a, b = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
    wanted = ((softmax(a, -1) - softmax(b, -1)) ** 2).mean((-2, -1))
    np.testing.assert_allclose(consistency(torch.from_numpy(a), torch.from_numpy(b)), wanted, rtol=1e-13)
    assert consistency(torch.from_numpy(a), torch.from_numpy(a + 7.0)).abs().max() < 1e-30  # softmax knows no common shift


def test_the_ramp_goes_from_nearly_nothing_to_one_and_stays():
    assert ramp_up(0, 10) == pytest.approx(math.exp(-5))
    assert ramp_up(5, 10) == pytest.approx(math.exp(-1.25))
    assert [ramp_up(t, 10) for t in (10, 11, 99)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_training_follows_a_plain_torch_loop(weight):
    """The same start and the same perturbations, the loss written out point by point, torch.optim.Adam."""
    start = trained(steps=1, lr=0.0)
    module = start.module(0)
    generator = torch.Generator().manual_seed(3)
    for shape in ((2, 8), (8, 2)):
        torch.randn(shape, generator=generator, dtype=torch.float64)  # what the initial weights took
    optimiser = torch.optim.Adam(module.parameters(), lr=0.05)
    for step in range(4):
        noise = 0.1 * torch.randn(80, 2, generator=generator, dtype=torch.float64)
        first, second = module(X + noise[:40]), module(X + noise[40:])
        loss = torch.nn.functional.cross_entropy(first[PIVOTS], Y[PIVOTS])
        for i in range(40):
            gap = torch.softmax(first[i], 0) - torch.softmax(second[i], 0)
            loss = loss + weight * math.exp(-5 * (1 - step / 2) ** 2 if step < 2 else 0) * (gap * gap).sum() / 80
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    ours = trained(steps=4, lr=0.05, weight=weight)
    torch.testing.assert_close(ours(X)[0], module(X).detach(), rtol=1e-9, atol=1e-11)


def test_a_network_does_not_depend_on_its_company():
    alone = trained(seed=7)
    other = torch.stack([X, X.flip(0)])
    labels, pivots = torch.stack([Y, Y.flip(0)]), torch.stack([PIVOTS, 39 - PIVOTS])
    both = pi_model(other, labels, pivots, classes=2, seed=[7, 8], widths=(8,), steps=5)
    torch.testing.assert_close(both(X)[0], alone(X)[0], rtol=1e-9, atol=1e-11)
    assert not torch.allclose(both(X)[1], alone(X)[0])


def test_a_caller_without_gradients_gets_trained_networks_too():
    with torch.no_grad():
        nets = trained()
    torch.testing.assert_close(nets(X), trained()(X))
    assert not nets(X).requires_grad


def test_the_labels_of_unlabelled_points_are_not_looked_at():
    changed = Y.clone()
    changed[[0, 1, 20]] = 1 - changed[[0, 1, 20]]
    torch.testing.assert_close(pi_model(X, changed, PIVOTS, classes=2, seed=3, widths=(8,), steps=5)(X), trained()(X))


def test_the_unlabelled_points_decide_where_the_boundary_goes():
    """Four labels, three seeds: without consistency a good part of the moons is on the wrong side, with it next to nothing."""
    moons = al.data.two_moons(120, noise=0.05, seed=2)
    points, y = torch.from_numpy(moons.X), torch.from_numpy(moons.y)
    pivots = torch.tensor([15, 45, 75, 105])

    def accuracy(weight):
        nets = pi_model(points, y, pivots, classes=2, seed=[0, 1, 2], weight=weight, steps=300, lr=0.02)
        return (nets(points).argmax(-1) == y).double().mean()

    assert accuracy(0.0) < 0.92
    assert accuracy(30.0) > 0.97


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (dict(X=X[0]), "X"),
        (dict(y=Y.double()), "y"),
        (dict(y=Y[:-1]), "shapes"),
        (dict(labelled=torch.tensor([0, 40])), "labelled"),
        (dict(labelled=torch.zeros(0, dtype=torch.int64)), "shapes"),
        (dict(y=Y + 1), "class"),
        (dict(classes=1), "classes"),
        (dict(steps=0), "steps"),
        (dict(weight=-1.0), "weight"),
        (dict(lr=math.nan), "lr"),
        (dict(widths=(0,)), "widths"),
        (dict(X=X.expand(3, 40, 2), seed=[0, 1]), "shapes"),
    ],
)
def test_a_refusal_names_what_was_given(change, named):
    arguments = {"X": X, "y": Y, "labelled": PIVOTS, "classes": 2, "seed": 0, **change}
    with pytest.raises(al.InputError, match=named):
        pi_model(**arguments)


@pytest.mark.parametrize("options", [dict(n=5), dict(n=2), dict(n=True), dict(n=10, noise=-1.0)])
def test_moons_that_cannot_be_made_are_refused(options):
    with pytest.raises(al.InputError):
        al.data.two_moons(seed=0, **options)
