"""Distances from labels, gradient lengths, entropies and informations."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

import altheory as al
from altheory import InputError
from altheory.lookahead import (
    badge_length,
    class_probabilities,
    conditional_entropies,
    emoc_over_mlmoc,
    entropy,
    expected_gradient_length,
    gradient_lengths,
    joint_entropy,
    label_gaps,
    marginal,
    mutual_information,
)

D = torch.float64


def vector(*values):
    return torch.tensor(values, dtype=D)


def test_gaps_do_not_cancel():
    f = vector(1 - 2**-30, 2**-40, 0)
    wanted = [math.hypot(2**-30, 2**-40), math.hypot(1 - 2**-30, 1 - 2**-40), math.hypot(1 - 2**-30, 2**-40, 1)]
    torch.testing.assert_close(label_gaps(f), vector(*wanted), rtol=1e-15, atol=0)
    assert label_gaps(f).argmin() == f.argmax()


def test_lengths_are_those_of_gradients():
    net = al.TwoLayerNet(3, 8, 4, "tanh", antisymmetric=False, train_output=True, seed=1)
    X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=D)
    f = net(X)
    hidden = 8**-0.5 * torch.tanh(X @ net.W.T)
    theta = al.kernels.empirical(net, X, outputs="pairs").permute(2, 3, 0, 1)[range(5), range(5)]
    found, last = gradient_lengths(f, theta), []
    for i, c in itertools.product(range(5), range(4)):
        W, a = (p.clone().requires_grad_() for p in net.parameters())
        loss = ((net.functional(W, a, X[i : i + 1]) - torch.eye(4, dtype=D)[c]) ** 2).sum() / 2
        gradients = torch.autograd.grad(loss, (W, a))
        torch.testing.assert_close(found[i, c], torch.cat([g.flatten() for g in gradients]).norm())
        last.append(gradients[1].norm())
    least = torch.stack(last).reshape(5, 4).amin(1)
    torch.testing.assert_close(badge_length(f, hidden), least)
    kappa, p = (hidden**2).sum(1), class_probabilities(f)
    single = torch.stack(last).reshape(5, 4)
    torch.testing.assert_close(expected_gradient_length(f, p, kappa), (p * single).sum(1))


def test_probabilities():
    f = torch.tensor([[3.0, -1, 1], [-1, -2, -3]], dtype=D)
    torch.testing.assert_close(class_probabilities(f), f.softmax(1))
    assert class_probabilities(f, "clip").tolist() == [[0.75, 0, 0.25], [1 / 3] * 3]
    assert class_probabilities(f, "identity") is f


def test_rho_and_its_bound():
    g = torch.Generator().manual_seed(1)
    for C in (2, 3, 10):
        f = torch.rand(4000, C, generator=g, dtype=D) ** 6
        f = f / f.sum(1, keepdim=True)
        f = f[f.amax(1) < 1 - 1e-6]  # nearer a vertex the rounding of f moves the ratio
        rho = emoc_over_mlmoc(f, f)
        assert bool((rho >= 1 - 1e-15).all())
        assert bool((rho <= (f.amax(1) + math.sqrt(2 * (C - 1) / C)) * (1 + 1e-9)).all())
        corner = torch.full((C,), 2**-30 / (C - 1), dtype=D)
        corner[0] = 1 - 2**-30
        assert float(emoc_over_mlmoc(corner, corner)) == pytest.approx(1 + math.sqrt(2 * (C - 1) / C), abs=1e-8)


def bits(rows):
    """The law of the columns of equally likely rows."""
    n = len(rows[0])
    joint = torch.zeros([2] * n, dtype=D)
    for one in rows:
        joint[tuple(one)] += 1 / len(rows)
    return joint


def test_pairwise_is_not_joint():
    """Y3 = Y1 xor Y2, and Y4 a copy of Y5: pairwise information prefers the copy, as the joint does, but not by its amount."""
    rows = [(a, b, a ^ b, c, c) for a, b, c in itertools.product((0, 1), repeat=3)]
    joint, one = bits(rows), math.log(2)

    def information(g, of):
        return [float(mutual_information(joint, 5, [g], [i])) for i in of], float(mutual_information(joint, 5, [g], of))

    pairs, whole = information(2, [0, 1, 3, 4])
    assert pairs == pytest.approx([0, 0, 0, 0], abs=1e-15)
    assert whole == pytest.approx(one)
    pairs, whole = information(3, [0, 1, 2, 4])
    assert pairs == pytest.approx([0, 0, 0, one], abs=1e-15)
    assert whole == pytest.approx(one)
    assert float(conditional_entropies(joint, 5, 2, [0, 1, 3, 4])) == pytest.approx(4 * one)
    assert float(conditional_entropies(joint, 5, 3, [0, 1, 2, 4])) == pytest.approx(3 * one)
    assert float(mutual_information(joint, 5, [2], range(5))) == pytest.approx(one)  # its own entropy


def test_marginals_and_batches():
    law = torch.rand(3, 2, 4, 5, generator=torch.Generator().manual_seed(2), dtype=D)
    law = law / law.sum((1, 2, 3), keepdim=True)
    torch.testing.assert_close(marginal(law, 3, [0, 2]), law.sum(2))
    torch.testing.assert_close(marginal(law, 3, [1]), law.sum((1, 3)))
    wanted = -(law.sum(2) * law.sum(2).log()).sum((1, 2))
    torch.testing.assert_close(joint_entropy(law, 3, [2, 0]), wanted)
    torch.testing.assert_close(joint_entropy(law, 3, []), torch.zeros(3, dtype=D))
    assert entropy(vector(0.5, 0.5, 0)).item() == pytest.approx(math.log(2), rel=1e-15)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: class_probabilities(vector(1, 2), "max"), "'softmax', 'clip', 'identity'"),
        (lambda: expected_gradient_length(vector(1, 2), vector(1, 2, 3), vector(1)), "`p` has shape"),
        (lambda: expected_gradient_length(vector(1, 2), vector(1, 2), vector(1)), "`kappa` has shape"),
        (lambda: gradient_lengths(vector(1, 2), vector(1, 2)), "all pairs of logits"),
        (lambda: badge_length(vector(1, 2)[None], vector(1, 2)), "one row a point"),
        (lambda: emoc_over_mlmoc(vector(1, 2), vector(1)), "`p` has shape"),
        (lambda: entropy(vector(1.5, -0.5)), "negative entry"),
        (lambda: marginal(vector(1), 1, [1]), "from 0 to 0"),
        (lambda: marginal(vector(1), 2, [0]), "dimension"),
        (lambda: label_gaps(vector(1, float("inf"))), "NaN or infinity"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(InputError, match=words):
        call()
