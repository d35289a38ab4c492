"""Networks, gradients and training written out from their definitions, for the tests of `altheory.training`."""

from __future__ import annotations

import torch
from torch.func import jacrev

from altheory import activations

# torch's own functions, or plain arithmetic: nothing of `altheory`
PHI = {
    "relu": torch.relu,
    "erf": torch.erf,
    "tanh": torch.tanh,
    "softplus": lambda u: torch.log1p(torch.exp(u)),
    "gelu": torch.nn.functional.gelu,
    "swish": torch.nn.functional.silu,
    "sin": torch.sin,
    "cubic": lambda u: u - u * u * u / 4,
    "square of relu": lambda u: torch.where(u > 0, u * u, 0 * u),
}
ACTIVATIONS = {
    name: {"cubic": activations.polynomial(0, 1, 0, -0.25), "square of relu": activations.relu_power(2)}.get(name, name)
    for name in PHI
}
LOSSES = {
    "squared": lambda f, Y: ((f - Y) ** 2).sum() / 2,
    "cross_entropy": lambda f, Y: torch.nn.functional.cross_entropy(f, Y, reduction="sum"),
}


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def labels(loss, n, outputs, seed=7, dtype=torch.float64):
    if loss == "squared":
        return normal(n, outputs, seed=seed, dtype=dtype)
    return torch.randint(0, outputs, (n,), generator=torch.Generator().manual_seed(seed))


def value(name, W, a, X):
    """The definition of a two-layer network."""
    return PHI[name](X @ W.T) @ a / W.shape[0] ** 0.5


def descend(name, net, X, Y, lr, steps, loss):
    """Plain autograd gradient descent; outputs at every step, and the last parameters."""
    W, a = net.W.clone().requires_grad_(), net.a.clone().requires_grad_(net.train_output)
    trained = [W, a] if net.train_output else [W]
    outputs = []
    for t in range(steps + 1):
        f = value(name, W, a, X)
        outputs.append(f.detach())
        if t < steps:
            gradients = torch.autograd.grad(LOSSES[loss](f, Y), trained)
            with torch.no_grad():
                for p, g in zip(trained, gradients, strict=True):
                    p -= lr * g
    return torch.stack(outputs), W.detach(), a.detach()


def jacobian(name, net, X):
    """(n, K, P) derivative of the outputs in the trained parameters, flattened."""
    which = (0, 1) if net.train_output else (0,)
    parts = jacrev(lambda W, a: value(name, W, a, X), argnums=which)(net.W, net.a)
    return torch.cat([part.flatten(2) for part in parts], dim=2)


def flat(net):
    return torch.cat([p.flatten() for p in net.parameters()])
