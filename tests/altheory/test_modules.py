"""Any module as a network: its kernel against brute-force Jacobians, what is refused, conversion of two-layer networks."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import altheory as al
from altheory.kernels import _factors, _module
from altheory.kernels._module import module_kernel
from altheory.modules import ModuleNet

F64 = torch.float64


def draws(*shape: int, seed: int = 0, dtype: torch.dtype = F64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def brute(module: nn.Module, X: torch.Tensor, names: list[str] | None = None) -> torch.Tensor:
    """(K, K, n, n) by one plain backward pass for every point and output, in evaluation mode."""
    module = copy.deepcopy(module).eval()
    chosen = [p for name, p in module.named_parameters() if p.requires_grad and (names is None or name in names)]
    rows = []
    for x in X:
        f = module(x[None]).reshape(-1)
        each = [torch.autograd.grad(v, chosen, retain_graph=True, allow_unused=True, materialize_grads=True) for v in f]
        rows.append(torch.stack([torch.cat([g.flatten() for g in one]) for one in each]))
    J = torch.stack(rows)
    return torch.einsum("ikp,jlp->klij", J, J)


class Shared(nn.Module):
    """One weight in two layers, a number as a parameter, a layer without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(5, 5), nn.Linear(5, 5, bias=False), nn.Linear(5, 2)
        self.b.weight = self.a.weight
        self.scale = nn.Parameter(torch.tensor(1.3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * self.c(torch.tanh(self.b(torch.tanh(self.a(x)))))


class Recurrent(nn.Module):
    """A wide layer used twice: two positions, for which the closed form is the cheaper way."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.c = nn.Linear(16, 16), nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([x, x, x, x[:, :1]], 1)
        return self.c(torch.tanh(self.a(torch.tanh(self.a(x)))))


class Sneaky(nn.Module):
    """A layer whose weight is used beside the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.c = nn.Linear(5, 5), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c(torch.tanh(self.a(x)) @ self.a.weight)


class Sequence(nn.Module):
    """Layers on three positions, then in place; with `transposed` the positions come first, as many as points."""

    def __init__(self, transposed: bool = False) -> None:
        super().__init__()
        self.a, self.norm, self.relu, self.c = nn.Linear(2, 9), nn.LayerNorm(9), nn.ReLU(inplace=True), nn.Linear(9, 2)
        self.transposed = transposed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.reshape(len(x), -1)[:, :6].reshape(-1, 3, 2)
        if self.transposed:
            return self.c(self.relu(self.norm(self.a(x.transpose(0, 1)))).mean(0))
        return self.c(self.relu(self.norm(self.a(x))).mean(1))


class Branching(nn.Module):
    """Python control flow on values, which `torch.func.vmap` cannot follow; one output without a dimension of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.arange(5.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([(row * self.w).sum() if float(row[0]) > 0 else (row * self.w**2).sum() for row in x])


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x.reshape(len(x), 3, 4)).sum(1))


def convolutional() -> nn.Module:
    layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten(), nn.Linear(48, 2)]
    return nn.Sequential(*layers)


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(inplace=True), nn.Linear(8, 6, bias=False), nn.Tanh(), nn.Linear(6, 2))


CASES = {
    "perceptron": (perceptron, (5,), {"0", "2", "4"}),
    "convolutional": (convolutional, (1, 6, 6), {"5"}),
    "shared": (Shared, (5,), {"c"}),
    "recurrent": (Recurrent, (5,), {"a", "c"}),
    "sneaky": (Sneaky, (5,), {"c"}),
    "sequence": (Sequence, (6,), {"c"}),
    "transposed": (lambda: Sequence(transposed=True), (6,), {"c"}),
    "attention": (Attention, (12,), {"head"}),
    "branching": (Branching, (5,), set()),
}


def case(name: str, n: int = 5) -> tuple[nn.Module, torch.Tensor]:
    make, shape, _ = CASES[name]
    torch.manual_seed(3)
    module = make().double()
    if name == "convolutional":
        module.train()
        module(draws(20, *shape, seed=9))  # running statistics that are not 0 and 1
    return module, draws(n, *shape, seed=4)


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_is_that_of_brute_force_jacobians_in_any_chunks(name):
    module, X = case(name)
    expected = brute(module, X)
    K = len(expected)
    mean = torch.einsum("kkij->ij", expected) / K
    close = {"rtol": 1e-11, "atol": 1e-11}
    for chunk in (None, 1, 3):
        pairs = module_kernel(module, X, outputs="pairs", chunk=chunk)
        torch.testing.assert_close(pairs, expected, **close)
        assert torch.equal(pairs, pairs.permute(1, 0, 3, 2))
        symmetric = module_kernel(module, X, chunk=chunk)
        torch.testing.assert_close(symmetric, mean, **close)
        assert torch.equal(symmetric, symmetric.T)
        torch.testing.assert_close(module_kernel(module, X, X[:2], chunk=chunk), mean[:, :2], **close)
        one = module_kernel(module, X[:4], X, outputs="pairs", chunk=chunk)
        torch.testing.assert_close(one, expected[:, :, :4], **close)
    torch.testing.assert_close(module_kernel(module, X, outputs="sum"), expected.sum((0, 1)) / K, **close)
    torch.testing.assert_close(module_kernel(module, X, outputs=K - 1), expected[-1, -1], **close)


@pytest.mark.parametrize("name", CASES)
def test_layers_sum_to_the_kernel_and_each_is_its_own_brute_force(name):
    module, X = case(name)
    layers = module_kernel(module, X, layer="per layer")
    torch.testing.assert_close(sum(layers.values()), module_kernel(module, X), rtol=1e-11, atol=1e-11)
    for layer, gram in layers.items():
        names = [p for p, _ in module.named_parameters() if p == layer or p.rpartition(".")[0] == layer]
        expected = torch.einsum("kkij->kij", brute(module, X, names)).mean(0)
        torch.testing.assert_close(gram, expected, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(module_kernel(module, X, layer=layer), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_the_closed_form_is_used_where_it_holds_and_only_there(name):
    module, X = case(name)
    net = ModuleNet(module)
    outputs = net(X).shape[1]
    found = _factors.closed_layers(net, list(net.names), X[:3], torch.eye(outputs, dtype=F64))
    assert set(found) == CASES[name][2]


def test_chosen_parameters_and_layers():
    module, X = case("perceptron")
    for layer, names in ((["0.bias", "4"], ["0.bias", "4.weight", "4.bias"]), ("2.weight", ["2.weight"])):
        expected = torch.einsum("kkij->ij", brute(module, X, names)) / 2
        torch.testing.assert_close(module_kernel(module, X, layer=layer), expected, rtol=1e-11, atol=1e-12)


def test_gradients_are_never_held_for_all_points(monkeypatch):
    module, X = case("convolutional", n=30)
    sizes = []
    original = _module.rows_of

    def counted(net, names, points, cotangents):
        rows = original(net, names, points, cotangents)
        sizes.append(rows.J.numel())
        return rows

    monkeypatch.setattr(_module, "rows_of", counted)
    whole = module_kernel(module, X)
    assert max(sizes) == 30 * 2 * 36  # all of them: 27 + 3 of the convolution, 6 of BatchNorm; they fit
    sizes.clear()
    monkeypatch.setattr(_module, "_BYTES", 20 * 2 * 36 * 8)
    small = module_kernel(module, X)
    assert max(sizes) <= 20 * 36
    torch.testing.assert_close(small, whole, rtol=1e-12, atol=1e-13)


def test_frozen_parameters_are_not_trained():
    module, X = case("perceptron")
    module[0].weight.requires_grad_(False)
    module[2].requires_grad_(False)
    net = ModuleNet(module)
    assert net.names == ("0.bias", "4.weight", "4.bias")
    expected = torch.einsum("kkij->ij", brute(module, X)) / 2
    torch.testing.assert_close(module_kernel(net, X), expected, rtol=1e-11, atol=1e-12)


def test_the_users_module_is_left_alone_and_batchnorm_is_frozen():
    module, X = case("convolutional")
    module.train()
    before = copy.deepcopy(module.state_dict())
    net = ModuleNet(module)
    module_kernel(net, X)
    f = net(X)
    assert module.training
    assert all(part.training for part in module.modules())
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert not module[0]._forward_hooks
    assert not net.module[5]._forward_hooks
    torch.testing.assert_close(f, copy.deepcopy(module).eval()(X))
    with torch.no_grad():
        module[5].weight.zero_()  # the copy does not see it
    assert torch.equal(net(X), f)


def test_the_functional_view_is_the_module_at_any_parameters():
    module, X = case("shared")
    net = ModuleNet(module)
    assert net.names == tuple(name for name, _ in module.named_parameters())
    assert [p.shape for p in net.parameters()] == [p.shape for p in module.parameters()]
    with pytest.raises(al.InputError, match="outputs"):
        _ = net.outputs
    torch.testing.assert_close(net(X), module(X))
    assert (net.outputs, net.dtype, net.device.type) == (2, F64, "cpu")
    moved = [p + 0.1 for p in net.parameters()]
    other = copy.deepcopy(module)
    with torch.no_grad():
        for p, value in zip(other.parameters(), moved, strict=True):
            p.copy_(value)
    torch.testing.assert_close(net.functional(*moved, X), other(X))
    torch.testing.assert_close(net.replace(*moved)(X), other(X))
    expected = torch.einsum("kkij->ij", brute(other, X)) / 2
    torch.testing.assert_close(module_kernel(net.replace(*moved), X), expected, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(net(X), module(X))
    jacobian = torch.func.jacrev(lambda *p: net.functional(*p, X), argnums=0)(*net.parameters())
    assert jacobian.shape == (5, 2, *net.parameters()[0].shape)


def test_a_single_output_without_its_dimension_is_one_column():
    module, X = case("branching")
    net = ModuleNet(module)
    assert net(X).shape == (5, 1)
    assert net.functional(*net.parameters(), X).shape == (5, 1)


def test_tokens_stay_integers():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 2)).double()
    X = torch.tensor([[1, 2, 3], [1, 1, 6], [0, 5, 2]])
    expected = torch.einsum("kkij->ij", brute(module, X)) / 2
    torch.testing.assert_close(module_kernel(module, X), expected, rtol=1e-12, atol=1e-13)


def test_float32_modules_have_float32_kernels():
    module, X = case("perceptron")
    K = module_kernel(copy.deepcopy(module).float(), X.float())
    assert K.dtype == torch.float32
    torch.testing.assert_close(K.double(), module_kernel(module, X), rtol=1e-4, atol=1e-4)


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(5, 2)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.lin(x)


class Returning(nn.Module):
    def __init__(self, function: object) -> None:
        super().__init__()
        self.lin, self.function = nn.Linear(5, 2), function

    def forward(self, x: torch.Tensor) -> object:
        return self.function(self.lin(x))


def training_batchnorm() -> nn.Module:
    class Stubborn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin, self.norm = nn.Linear(5, 2), nn.BatchNorm1d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.batch_norm(self.lin(x), self.norm.running_mean, self.norm.running_var, training=True)

    return Stubborn()


REFUSED = {
    "no module": (lambda: "relu", "`module`"),
    "frozen": (lambda: nn.Linear(5, 2).requires_grad_(False), "requires_grad"),
    "nothing to train": (nn.ReLU, "requires_grad"),
    "half": (lambda: nn.Linear(5, 2).half(), "float16"),
    "mixed": (lambda: nn.Sequential(nn.Linear(5, 2), nn.Linear(2, 1).float()), "float32"),
    "lazy": (lambda: nn.LazyLinear(2), "initialised"),
    "not a number": (
        lambda: nn.utils.vector_to_parameters(torch.full((12,), torch.nan), (m := nn.Linear(5, 2)).parameters()) or m,
        "NaN",
    ),
    "batch statistics": (
        lambda: nn.Sequential(nn.Linear(5, 2), nn.BatchNorm1d(2, track_running_stats=False)),
        "running statistics",
    ),
    "in-place batchnorm": (training_batchnorm, "in place"),
    "counting": (Counting, "`calls`"),
    "mixing": (lambda: Returning(lambda f: f - f.mean(0)), "alone"),
    "random": (lambda: Returning(lambda f: nn.functional.dropout(f, training=True)), "alone"),
    "tuple": (lambda: Returning(lambda f: (f, f)), "tuple"),
    "three dimensions": (lambda: Returning(lambda f: f[:, :, None]), "shape"),
    "one number": (lambda: Returning(lambda f: f.sum()), "shape"),
    "infinite": (lambda: Returning(lambda f: f / 0), "infinity"),
    "wrong d": (lambda: nn.Linear(4, 2), "shape (3, 5)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_modules_without_a_kernel_are_refused_in_one_sentence(name):
    make, named = REFUSED[name]
    torch.manual_seed(0)
    module = make()
    if name not in ("half", "mixed", "lazy", "no module"):
        module = module.double()
    elif name == "mixed":
        module[0].double()
    with pytest.raises(al.InputError) as refusal:
        module_kernel(module, draws(3, 5))
    assert named in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"X": draws(3, 5)[:0]}, "empty"),
        ({"X": draws(3, 5, dtype=torch.float32)}, "float32"),
        ({"X": draws(3, 5).fill_(torch.nan)}, "NaN"),
        ({"X2": draws(3, 4)}, "`X2`"),
        ({"layer": "third"}, "'third'"),
        ({"layer": []}, "`layer`"),
        ({"outputs": 2}, "`outputs`"),
        ({"outputs": "max"}, "'max'"),
        ({"chunk": 0}, "`chunk`"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(arguments, named):
    module = nn.Linear(5, 2).double()
    with pytest.raises(al.InputError) as refusal:
        module_kernel(module, **{"X": draws(3, 5), **arguments})
    assert named in str(refusal.value)
    with pytest.raises(al.InputError, match="tensor for each"):
        ModuleNet(module).replace(torch.zeros(2, 5, dtype=F64))
    with pytest.raises(al.InputError, match="shape"):
        ModuleNet(module).replace(torch.zeros(2, 4, dtype=F64), torch.zeros(2, dtype=F64))


def test_the_empirical_kernel_takes_modules_too():
    module = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    X = torch.randn(4, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    assert torch.equal(al.kernels.empirical(module, X), al.kernels.module_kernel(module, X))
    with pytest.raises(al.InputError, match="rounding is bounded for two-layer networks only"):
        al.kernels.empirical(module, X, with_bound=True)
    with pytest.raises(al.InputError, match="`net` is a str but a TwoLayerNet or a torch.nn.Module is wanted"):
        al.kernels.empirical("net", X)
