"""Inner products of gradients in closed form against the gradients themselves, by autograd."""

from __future__ import annotations

import pytest
import torch

import altheory as al
from altheory import dynamics


@pytest.mark.parametrize("train_output", [False, True])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_against_autograd_one_example_at_a_time(activation, train_output, monkeypatch):
    monkeypatch.setattr("altheory.dynamics._gram._BLOCK_BYTES", 8 * 5 * 3)  # blocks of three neurons
    net = al.TwoLayerNet(4, 10, 3, activation, train_output=train_output, seed=1)
    generator = torch.Generator().manual_seed(2)
    X, d = torch.randn(5, 4, generator=generator).double(), torch.randn(5, 3, generator=generator).double()
    parameters = [p.clone().requires_grad_() for p in (net.W, net.a)]
    rows = []
    for x, slope in zip(X, d, strict=True):
        value = (net.functional(*parameters, x[None])[0] * slope).sum()
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(value, parameters[: 1 + train_output])]))
    J = torch.stack(rows)
    gram = dynamics.gradient_gram(net, X, d)
    torch.testing.assert_close(gram, J @ J.T, rtol=1e-12, atol=1e-12)
    assert torch.equal(gram, gram.T)


def test_refusals():
    net = al.TwoLayerNet(4, 10, 3, seed=1)
    with pytest.raises(al.InputError, match=r"`d` has shape \(2, 2\) but \(2, 3\) is wanted"):
        dynamics.gradient_gram(net, torch.ones(2, 4).double(), torch.ones(2, 2).double())
    with pytest.raises(al.InputError, match="`net` is a Linear but a TwoLayerNet is wanted"):
        dynamics.gradient_gram(torch.nn.Linear(2, 2), torch.ones(2, 2), torch.ones(2, 2))
