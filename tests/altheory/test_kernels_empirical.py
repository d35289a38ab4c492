"""Empirical kernels against Jacobians written out, and what callers rely on: invariances, threads, refusals."""

from __future__ import annotations

import re

import pytest
import torch
from torch.func import jacrev

import altheory as al
from altheory import activations
from altheory.kernels import _coactivation, _empirical

NAMES = ("relu", "erf", "tanh", "softplus", "gelu", "swish", "sin")
FAMILIES = (activations.polynomial(1.0, -2.0, 0.5, 0.1), activations.relu_power(2))
PATHS = {"plain": 1 << 62, "compiled": 0}


@pytest.fixture(params=list(PATHS))
def path(request, monkeypatch):
    """Both ways to do relu: torch alone, and numba."""
    monkeypatch.setattr(_empirical, "_WORTH_COMPILING", PATHS[request.param])
    return request.param


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def points(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def network(activation, *, paired=True, general=False, dtype=torch.float64, width=24, d=3, K=3):
    net = al.TwoLayerNet(d, width, K, activation, antisymmetric=paired, seed=5, dtype=dtype)
    return net.replace(a=points(width, K, 6, dtype)) if general else net


def jacobian_gram(net, X, Z, layer):
    """K[k, l, i, j] from the Jacobians of the network function itself, in float64."""
    parameters = (net.W.double(), net.a.double())
    gram = 0
    for which in {"first": (0,), "output": (1,), "both": (0, 1)}[layer]:
        J, H = (jacrev(net.functional, argnums=which)(*parameters, Y.double()).flatten(2) for Y in (X, Z))
        gram = gram + torch.einsum("ikp,jlp->klij", J, H)
    return gram


def chosen(K, outputs):
    if outputs == "pairs":
        return K
    if isinstance(outputs, int):
        return K[outputs, outputs]
    return (torch.einsum("kkij->ij", K) if outputs == "mean" else K.sum((0, 1))) / len(K)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("activation", [*NAMES, *FAMILIES], ids=lambda a: getattr(a, "name", a))
@pytest.mark.parametrize(("paired", "general"), [(True, False), (False, False), (False, True)])
def test_the_kernel_is_the_gram_matrix_of_the_jacobian(activation, paired, general, dtype):
    net = network(activation, paired=paired, general=general, dtype=dtype)
    X, X2 = points(6, 3, 1, dtype), points(4, 3, 2, dtype)
    for layer in ("first", "output", "both"):
        for Z in (None, X2):
            gram = jacobian_gram(net, X, X if Z is None else Z, layer)
            for outputs in ("mean", "sum", 1, "pairs"):
                K = al.kernels.empirical(net, X, Z, layer=layer, outputs=outputs, chunk=None if outputs == 1 else 7)
                wanted = chosen(gram, outputs)
                assert K.dtype == dtype
                assert K.shape == wanted.shape
                tolerance = 1e-12 if dtype == torch.float64 else 2e-5
                torch.testing.assert_close(K.double(), wanted, rtol=tolerance, atol=tolerance * float(gram.abs().max()))


@pytest.mark.parametrize("outputs", ["mean", "sum", 0, "pairs"])
@pytest.mark.parametrize("general", [False, True])
def test_compiled_relu_is_the_gram_matrix_of_the_jacobian(general, outputs, monkeypatch):
    monkeypatch.setattr(_empirical, "_WORTH_COMPILING", 0)
    X, X2 = points(9, 3, 1), points(5, 3, 2)
    for paired in (True, False):
        if paired and general:
            continue
        net = network("relu", paired=paired, general=general, width=150)
        for layer in ("first", "both"):
            for Z in (None, X2):
                wanted = chosen(jacobian_gram(net, X, X if Z is None else Z, layer), outputs)
                K = al.kernels.empirical(net, X, Z, layer=layer, outputs=outputs, chunk=70)
                torch.testing.assert_close(K, wanted, rtol=1e-12, atol=1e-12)


def test_trained_means_the_layers_that_are_trained(path):
    X = points(5, 3, 1)
    for train_output, layer in ((False, "first"), (True, "both")):
        net = al.TwoLayerNet(3, 30, train_output=train_output, seed=1)
        assert torch.equal(al.kernels.empirical(net, X), al.kernels.empirical(net, X, layer=layer))


def test_a_network_whose_halves_parted_is_not_halved():
    net = al.TwoLayerNet(3, 10, seed=1)
    W = net.W.clone()
    W[0] += 1
    moved = net.replace(W=W)
    X = points(4, 3, 2)
    torch.testing.assert_close(
        al.kernels.empirical(moved, X), jacobian_gram(moved, X, X, "first")[0, 0], rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("outputs", ["mean", "sum", "pairs"])
def test_counted_kernels_do_not_depend_on_chunk_threads_storage_or_path(outputs, two_threads, monkeypatch):
    stored, generated = (al.TwoLayerNet(4, 2100, 2, antisymmetric=False, seed=3, stored=stored) for stored in (True, False))
    X, X2 = points(33, 4, 1), points(6, 4, 2)
    monkeypatch.setattr(_empirical, "_WORTH_A_THREAD", 1)
    for Z in (None, X2):
        kernels = []
        for work in PATHS.values():
            monkeypatch.setattr(_empirical, "_WORTH_COMPILING", work)
            for threads in (1, 2):
                torch.set_num_threads(threads)
                for net, chunk in ((stored, None), (stored, 1000), (stored, 37), (generated, None), (generated, 500)):
                    kernels.append(al.kernels.empirical(net, X, Z, outputs=outputs, chunk=chunk))
        assert all(torch.equal(K, kernels[0]) for K in kernels[1:])


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_chunks_and_threads_change_rounded_sums_only_by_rounding(activation, path, two_threads):
    net = network(activation, paired=False, general=True, width=600)
    X = points(50, 3, 1)
    first = al.kernels.empirical(net, X, layer="both")
    again = al.kernels.empirical(net, X, layer="both")
    assert torch.equal(first, again)  # whichever thread was faster
    for threads, chunk in ((1, None), (2, 64), (2, 601), (1, 13)):
        torch.set_num_threads(threads)
        torch.testing.assert_close(al.kernels.empirical(net, X, layer="both", chunk=chunk), first, rtol=1e-13, atol=1e-13)


def test_tiles_shared_by_threads_give_the_same_sums(two_threads, path, monkeypatch):
    """Where accumulators for every thread do not fit, threads share one, tile by tile."""
    X, X2 = points(150, 3, 1), points(70, 3, 2)
    for general in (False, True):
        net = network("relu", paired=False, general=general, width=900)
        for Z in (None, X2):
            wanted = al.kernels.empirical(net, X, Z, layer="both", outputs=0)
            with monkeypatch.context() as scarce:
                scarce.setattr(_empirical, "_SPARE", 0)
                scarce.setattr(_empirical, "_tiles", counted := Counted(_empirical._tiles))
                got = al.kernels.empirical(net, X, Z, layer="both", outputs=0, chunk=64)
            assert counted.most > 1
            torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


class Counted:
    """A function, and the most tiles it returned."""

    def __init__(self, function):
        self.function, self.most = function, 0

    def __call__(self, *arguments):
        tiles = self.function(*arguments)
        self.most = max(self.most, len(tiles))
        return tiles


@pytest.mark.parametrize("layer", ["first", "output", "both"])
def test_a_kernel_is_exactly_symmetric_and_a_cross_kernel_is_its_block(layer, path):
    net = network("relu", paired=False, width=300)
    X = points(300, 3, 1)  # more than one tile
    K = al.kernels.empirical(net, X, layer=layer)
    assert torch.equal(K, K.T)
    torch.testing.assert_close(al.kernels.empirical(net, X[:7], X[5:], layer=layer), K[:7, 5:], rtol=1e-12, atol=1e-12)
    pairs = al.kernels.empirical(net, X[:9], layer=layer, outputs="pairs")
    assert torch.equal(pairs, pairs.mT)
    assert torch.equal(pairs, pairs.transpose(0, 1))


def test_threads_and_precision_of_torch_are_given_back_even_after_an_error(two_threads):
    def broken(u):
        raise ArithmeticError("broken")

    net = al.TwoLayerNet(3, 400, activation=activations.Activation("broken", torch.relu, broken), seed=1)
    torch.set_float32_matmul_precision("high")
    try:
        with pytest.raises(ArithmeticError):
            al.kernels.empirical(net, points(5, 3, 1), chunk=10)
        assert torch.get_num_threads() == 2
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_without_numba_the_kernel_is_the_same(monkeypatch):
    net, X = network("relu", paired=False, width=200), points(8, 3, 1)
    monkeypatch.setattr(_empirical, "_WORTH_COMPILING", 0)
    compiled = al.kernels.empirical(net, X)
    monkeypatch.setattr(_coactivation, "available", lambda: False)
    assert torch.equal(al.kernels.empirical(net, X), compiled)


def test_weights_that_ask_for_a_gradient_and_slices_are_taken_as_numbers(path):
    net, X = network("relu", paired=False, width=40), points(8, 3, 1)
    wanted = al.kernels.empirical(net, X)
    W = net.W.T.contiguous().T.requires_grad_()
    K = al.kernels.empirical(net.replace(W=W), points(8, 3, 1).T.contiguous().T)
    assert not K.requires_grad
    assert torch.equal(K, wanted)


def test_an_activation_may_return_a_broadcast_constant_or_booleans():
    line = activations.Activation("line", lambda u: u, lambda u: torch.ones((), dtype=torch.bool))
    net, X = al.TwoLayerNet(3, 20, activation=line, antisymmetric=False, seed=1), points(5, 3, 1)
    wanted = X @ X.T + (X @ net.W.T) @ (X @ net.W.T).T / 20
    torch.testing.assert_close(al.kernels.empirical(net, X, layer="both"), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("`layer` is 'all'", dict(layer="all")),
        ("`outputs` is 'max'", dict(outputs="max")),
        ("`outputs` is 3", dict(outputs=3)),
        ("`outputs` is True", dict(outputs=True)),
        ("`chunk` is 0", dict(chunk=0)),
        ("`chunk` is 2.5", dict(chunk=2.5)),
        ("`X` has 2 columns", dict(X=[[1.0, 2.0]])),
        ("`X` is empty", dict(X=torch.empty(0, 3, dtype=torch.float64))),
        ("`X` contains NaN", dict(X=[[1.0, 2.0, float("nan")]])),
        ("`X2` has dtype torch.float32", dict(X2=torch.ones(2, 3, dtype=torch.float32))),
        ("overflow", dict(X=[[1e200, 0.0, 0.0]])),
    ],
)
def test_bad_input_is_refused_in_one_sentence(words, change):
    arguments = {"X": [[1.0, 2.0, 3.0]], **change}
    with pytest.raises(al.InputError, match=re.escape(words)) as caught:
        al.kernels.empirical(network("relu"), **arguments)
    assert str(caught.value).endswith(".")


def test_an_activation_without_a_derivative_has_an_output_kernel_only():
    net = al.TwoLayerNet(3, 10, activation=activations.Activation("step", torch.sign, None), seed=1)
    X = points(4, 3, 1)
    assert al.kernels.empirical(net, X, layer="output").shape == (4, 4)
    with pytest.raises(al.InputError, match="'step' has no derivative"):
        al.kernels.empirical(net, X)


def test_a_kernel_that_cannot_fit_is_refused_before_it_is_begun(monkeypatch):
    net, X = network("relu"), points(400, 3, 1)
    monkeypatch.setattr("altheory._memory.available_bytes", lambda device: 1000)
    with pytest.raises(al.InputError, match="al.kernels.operator"):
        al.kernels.empirical(net, X)
