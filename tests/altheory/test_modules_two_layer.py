"""Two-layer networks as torch modules and back."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import altheory as al
from altheory.kernels._module import module_kernel
from altheory.modules import from_module, to_module


def draws(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("train_output", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_a_two_layer_network_is_the_same_as_a_module_and_back(train_output, stored):
    net = al.TwoLayerNet(4, 30, 3, "softplus", seed=1, train_output=train_output, stored=stored)
    module, X = to_module(net), draws(6, 4)
    assert set(dict(module.named_parameters())) == ({"W", "a"} if train_output else {"W"})
    assert set(module.state_dict()) == {"W", "a"}
    assert bool((module(X) == 0).all())
    with torch.no_grad():
        module.W += 0.3 * draws(30, 4, seed=2)
    held = al.TwoLayerNet(4, 30, 3, "softplus", seed=1, train_output=train_output)
    assert torch.equal(held.W + 0.3 * draws(30, 4, seed=2), module.W)  # and the network's own weights did not move
    moved = held.replace(W=module.W.detach())
    torch.testing.assert_close(module(X), moved(X))
    kernel = module_kernel(module, X, outputs="pairs")
    torch.testing.assert_close(kernel, al.kernels.empirical(moved, X, outputs="pairs"), rtol=1e-11, atol=1e-12)
    back = from_module(module)
    assert (back.train_output, back.antisymmetric, back.activation) == (train_output, True, net.activation)
    assert torch.equal(back.W, module.W)
    assert torch.equal(back.a, module.a)
    copy.deepcopy(module)(X).sum().backward()


@pytest.mark.parametrize(
    ("layer", "name"),
    [(nn.ReLU(), "relu"), (nn.Tanh(), "tanh"), (nn.GELU(), "gelu"), (nn.SiLU(), "swish"), (nn.Softplus(), "softplus")],
)
def test_a_plain_sequential_becomes_a_two_layer_network(layer, name):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 30, bias=False), layer, nn.Linear(30, 2, bias=False)).double()
    X = draws(6, 4)
    net = from_module(module)
    assert (net.activation.name, net.train_output, net.width, net.outputs) == (name, True, 30, 2)
    torch.testing.assert_close(net(X), module(X))
    # the first layer's kernel is the same in both parametrisations
    torch.testing.assert_close(al.kernels.empirical(net, X, layer="first"), module_kernel(module, X, layer="0"))
    module[2].requires_grad_(False)
    assert not from_module(module).train_output
    with torch.no_grad():
        module[0].weight[15:] = module[0].weight[:15]
        module[2].weight[:, 15:] = -module[2].weight[:, :15]
    assert bool((from_module(module)(X) == 0).all())


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1, bias=False)), "bias"),
        (lambda: nn.Sequential(nn.Linear(4, 3, bias=False), nn.ELU(), nn.Linear(3, 1, bias=False)), "ELU"),
        (lambda: nn.Sequential(nn.Linear(4, 3, bias=False), nn.GELU("tanh"), nn.Linear(3, 1, bias=False)), "tanh"),
        (
            lambda: nn.Sequential(nn.Linear(4, 3, bias=False).requires_grad_(False), nn.ReLU(), nn.Linear(3, 1, bias=False)),
            "frozen",
        ),
        (lambda: nn.Linear(4, 3), "Linear"),
    ],
)
def test_other_modules_are_not_two_layer_networks(make, named):
    with pytest.raises(al.InputError) as refusal:
        from_module(make())
    assert named in str(refusal.value)
    with pytest.raises(al.InputError, match="`net`"):
        to_module(make())
