"""Steps to a share of the error against a plain loop of gradient descent and against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest
import torch

import altheory as al
from altheory.convergence import LONGEST, steps_bound, steps_to
from altheory.spectra import LabelMeasure


def by_a_loop(K, y, share, eta):
    """Gradient descent on 1/2 |Kc - y|^2 in outputs, residual by residual."""
    residual, goal, t = y.clone(), share * (y @ y), 0
    while residual @ residual > goal:
        residual, t = residual - eta * K @ residual, t + 1
    return t


@pytest.mark.parametrize("share", [0.5, 0.1, 1e-3])
def test_the_steps_are_those_of_a_plain_loop(share):
    generator = torch.Generator().manual_seed(4)
    J = torch.randn(6, 5, 9, generator=generator, dtype=torch.float64)
    K, y = J @ J.mT, torch.randn(6, 5, generator=generator, dtype=torch.float64)
    eta = 1 / float(torch.linalg.eigvalsh(K).max())
    found = steps_to(al.spectra.label_measure(K, y), share, eta)
    assert found.tolist() == [by_a_loop(k, v, share, eta) for k, v in zip(K, y, strict=True)]


def test_the_least_number_is_the_least_in_fractions():
    lam, w, eta, share = [F(1, 8), F(1, 2), F(3, 2)], [F(1), F(2), F(5)], F(1, 2), F(1, 20)

    def error(t):
        return sum(v * (1 - eta * x) ** (2 * t) for x, v in zip(lam, w, strict=True))

    t = next(t for t in range(1000) if error(t) <= share * error(0))
    measure = LabelMeasure(*(torch.tensor([float(v) for v in row]).double() for row in (lam, w)))
    assert steps_to(measure, float(share), float(eta)).item() == t


def test_the_bound_is_attained_on_the_bottom_eigenvector_and_by_nothing_slower():
    lam = torch.tensor([[0.1, 0.4, 1.0]]).double()
    for w, slack in (([[2.0, 0.0, 0.0]], 1), ([[1.0, 1.0, 1.0]], math.inf)):
        steps = steps_to(LabelMeasure(lam, torch.tensor(w).double()), 0.01, 1.0).item()
        bound = steps_bound(0.1, 0.01, 1.0).item()
        assert bound == pytest.approx(math.log(100) / (-2 * math.log(0.9)))
        assert 0 <= math.ceil(bound) - steps < slack


def test_degenerate_members():
    zero = LabelMeasure(torch.tensor([0.0, 1.0]).double(), torch.tensor([1.0, 0.0]).double())
    assert steps_to(zero, 0.5, 1.0).item() == LONGEST
    nothing = LabelMeasure(torch.tensor([0.0, 1.0]).double(), torch.zeros(2).double())
    assert steps_to(nothing, 0.5, 1.0).item() == 0
    at_once = LabelMeasure(torch.ones(2).double(), torch.ones(2).double())
    assert steps_to(at_once, 0.5, 1.0).item() == 1
    assert steps_bound(0.0, 0.5, 1.0).item() == math.inf


@pytest.mark.parametrize(
    "call",
    [
        lambda: steps_to(LabelMeasure(torch.ones(1), torch.ones(1)), 0.0, 1.0),
        lambda: steps_to(LabelMeasure(torch.ones(1), torch.ones(1)), 1.0, 1.0),
        lambda: steps_to(LabelMeasure(torch.ones(1), torch.ones(1)), 0.5, 2.1),
        lambda: steps_to(LabelMeasure(torch.ones(1), torch.ones(1)), 0.5, 0.0),
        lambda: steps_bound(1.0, 0.5, 1.0),
        lambda: steps_bound(0.5, 1.5, 1.0),
    ],
)
def test_what_never_converges_is_refused(call):
    with pytest.raises(al.InputError):
        call()
