"""Empirical and analytic kernels: rates against a matrix product, against torch.func and neural-tangents, memory, and width.

Networks here are not paired (`antisymmetric=False`), so that no factor of two comes from the initialisation.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
import torch
from side_by_side import Yardstick, measured_rate, measured_ratio, report, threads

import altheory as al

SHAPES = {"A": (256, 64, 4096), "B": (512, 64, 16384), "C": (1024, 784, 8192)}
GRAM = "Empirical kernel of a relu network, float64 (n, d, m): A (256, 64, 4096), B (512, 64, 16384), C (1024, 784, 8192)"
PEERS = "Empirical kernel beside torch.func"
MEMORY = "Empirical kernel: memory and width"
ANALYTIC = "Analytic kernels, n = 4000, d = 64, float64"
GOALS = {"A": "", "B": ">= 3", "C": ">= 1.2"}


def problem(shape, *, signs=True, train_output=False):
    n, d, m = SHAPES[shape]
    net = al.TwoLayerNet(d, m, antisymmetric=False, train_output=train_output, seed=1)
    if not signs:
        net = net.replace(a=torch.randn(m, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64))
    X = torch.randn(n, d, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return net, X / X.norm(dim=1, keepdim=True)


def useful(shape, grams=1):
    """Operations: the pre-activations, the symmetric half of each Gram over the width, and that of the points."""
    n, d, m = SHAPES[shape]
    return 2.0 * n * m * d + grams * n * (n + 1.0) * m + n * (n + 1.0) * d


@pytest.mark.benchmark(group=GRAM)
@pytest.mark.parametrize("shape", SHAPES)
def test_signs_first_layer(benchmark, shape, one_thread):
    net, X = problem(shape)
    what = f"{shape}: signs, first layer (co-activation count), 1 thread"
    measured_rate(benchmark, lambda: al.kernels.empirical(net, X), useful(shape), goal=GOALS[shape], what=what)


@pytest.mark.benchmark(group=GRAM)
@pytest.mark.parametrize("shape", SHAPES)
def test_signs_first_layer_beside_its_preactivations(benchmark, shape, one_thread):
    net, X = problem(shape)
    out, numbers = torch.empty(len(X), net.width, dtype=torch.float64), (X.numpy(), net.W.T.numpy())

    def preactivations():
        """The quicker of the two libraries."""
        start = time.perf_counter()
        torch.mm(X, net.W.T, out=out)
        middle = time.perf_counter()
        numbers[0] @ numbers[1]
        return min(middle - start, time.perf_counter() - middle)

    quickest = []

    def timed():
        quickest.append(preactivations())

    al.kernels.empirical(net, X)
    benchmark.pedantic(lambda: al.kernels.empirical(net, X), setup=timed, rounds=7, iterations=1)
    ratios = sorted(ours / theirs for ours, theirs in zip(benchmark.stats.stats.data, quickest, strict=True))
    what = f"{shape}: the same, time beside the float64 pre-activations alone"
    report(benchmark, what, ratios[len(ratios) // 2], "<= 1.15", "times the pre-activations")


@pytest.mark.benchmark(group=GRAM)
@pytest.mark.parametrize("shape", SHAPES)
def test_general_output_weights(benchmark, shape, on_threads):
    net, X = problem(shape, signs=False)
    goal = ">= 0.85" if on_threads == 1 else ">= 0.8"
    what = f"{shape}: general a, first layer, {on_threads} thread{'s' * (on_threads > 1)}"
    measured_rate(benchmark, lambda: al.kernels.empirical(net, X), useful(shape), goal=goal, what=what)


@pytest.mark.benchmark(group=GRAM)
@pytest.mark.parametrize("signs", [True, False], ids=["signs", "general"])
@pytest.mark.parametrize("shape", SHAPES)
def test_both_layers(benchmark, shape, signs, on_threads):
    net, X = problem(shape, signs=signs, train_output=True)
    goal = ">= 0.85" if on_threads == 1 else ">= 0.8"
    what = f"{shape}: {'signs' if signs else 'general a'}, both layers, {on_threads} thread{'s' * (on_threads > 1)}"
    measured_rate(benchmark, lambda: al.kernels.empirical(net, X), useful(shape, 2), goal=goal, what=what)


@pytest.mark.benchmark(group=GRAM)
@pytest.mark.parametrize("signs", [True, False], ids=["signs", "general"])
@pytest.mark.parametrize("shape", ["B", "C"])
def test_one_to_two_threads(benchmark, shape, signs):
    net, X = problem(shape, signs=signs)

    def on(count):
        with threads(count):
            al.kernels.empirical(net, X)

    what = f"{shape}: {'signs' if signs else 'general a'}, 1 to 2 threads"
    measured_ratio(benchmark, lambda: on(2), lambda: on(1), goal=">= 1.8", what=what, unit="times faster", rounds=9)


@pytest.mark.benchmark(group=PEERS)
@pytest.mark.parametrize(("shape", "rows", "goal"), [("A", 256, ">= 80"), ("B", 64, ">= 150"), ("C", 8, ">= 300")])
def test_beside_jacrev(benchmark, shape, rows, goal, one_thread):
    """Jacobians J of some rows, scaled to all of them, and J J' at the matrix product's rate (J itself would not fit)."""
    net, X = problem(shape)
    n, d, m = SHAPES[shape]
    gemm = Yardstick()

    def jacrev():
        start = time.perf_counter()
        torch.func.vmap(torch.func.jacrev(lambda W, x: net.functional(W, net.a, x[None])[0, 0]), (None, 0))(net.W, X[:rows])
        seconds = time.perf_counter() - start
        gemm()
        return seconds * n / rows + 2.0 * n * n * m * d / gemm.rates[-1]

    measured_ratio(
        benchmark, lambda: al.kernels.empirical(net, X), jacrev, goal=goal, rounds=3, unit="times faster than jacrev",
        what=f"{shape}: first layer, 1 thread; jacrev of {rows} rows, scaled, and J J' at the product's rate",
    )  # fmt: skip


_CHILD = """
import json, sys, time, torch, altheory as al
n, d, log2m = map(int, sys.argv[1:])
X = torch.randn(n, d, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
al.kernels.empirical(al.TwoLayerNet(d, 16384, antisymmetric=False, seed=1, stored=False), X[:512])  # loads numba
net = al.TwoLayerNet(d, 2**log2m, antisymmetric=False, seed=1, stored=False)
def status(key):
    return 1024 * int(next(line for line in open("/proc/self/status") if line.startswith(key)).split()[1])
open("/proc/self/clear_refs", "w").write("5")  # forget the peak of the imports
before = status("VmRSS")
start = time.perf_counter()
al.kernels.empirical(net, X)
seconds = time.perf_counter() - start
after = status("VmHWM")
print(json.dumps({"seconds": seconds, "above": after - before, "peak": after}))
"""


def child(n, d, log2m):
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(n), str(d), str(log2m)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.benchmark(group=MEMORY)
def test_memory_of_a_network_of_four_million_neurons(benchmark):
    n = 2048
    found = benchmark.pedantic(lambda: child(n, 64, 22), rounds=1)
    report(benchmark, f"n = {n}, m = 2^22, never stored: whole process, GiB", found["peak"] / 2**30, "<= 4", "GiB")


@pytest.mark.benchmark(group=MEMORY)
def test_memory_above_the_inputs(benchmark):
    n = 2048
    found = benchmark.pedantic(lambda: child(n, 64, 18), rounds=1)
    allowed = 2 * 8 * n * n + 64 * 2**20
    report(benchmark, f"n = {n}, m = 2^18: peak above the inputs", found["above"] / allowed, "<= 1", "of 2 n^2 words + 64 MB")


@pytest.mark.benchmark(group=MEMORY)
def test_time_is_linear_in_the_width(benchmark, one_thread):
    X = problem("A")[1]

    def seconds(log2m):
        net = al.TwoLayerNet(64, 2**log2m, antisymmetric=False, seed=1, stored=False)
        start = time.perf_counter()
        al.kernels.empirical(net, X)
        return (time.perf_counter() - start) / 2**log2m

    sizes = (14, 16, 18, 20, 22)
    seconds(14)
    per_neuron = {k: [] for k in sizes}

    def sweep():
        for k in sizes:
            per_neuron[k].append(min(seconds(k) for _ in range(1 if k > 18 else 3)))

    benchmark.pedantic(sweep, rounds=2, iterations=1)
    best = [min(per_neuron[k]) for k in sizes]
    what = "n = 256: time a neuron from m = 2^14 to 2^22, largest over smallest"
    report(benchmark, what, max(best) / min(best), "<= 1.05", "")


@pytest.mark.benchmark(group=ANALYTIC)
@pytest.mark.parametrize(
    ("activation", "both"), [("relu", False), ("relu", True), ("erf", False), ("erf", True), ("gelu", False)]
)
def test_analytic_entries(benchmark, activation, both, one_thread):
    X = torch.randn(4000, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    numpy_X = X.numpy()
    what = f"{activation}, {'both layers' if both else 'first layer'}, 1 thread"
    measured_ratio(
        benchmark, lambda: numpy_X @ numpy_X.T.copy(), lambda: al.kernels.analytic(X, activation=activation, train_output=both),
        goal="", what=what, unit="times the product X X'", rounds=3,
    )  # fmt: skip


@pytest.mark.benchmark(group=ANALYTIC)
@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_analytic_beside_neural_tangents(benchmark, activation, one_thread):
    stax = pytest.importorskip(
        "neural_tangents.stax", reason="neural-tangents is not installed (it needs an old jax); the ratio was not taken"
    )
    import jax

    jax.config.update("jax_enable_x64", True)
    X = torch.randn(4000, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    middle = stax.Relu() if activation == "relu" else stax.Erf()
    kernel = jax.jit(stax.serial(stax.Dense(1), middle, stax.Dense(1))[2], static_argnums=2)
    points = jax.numpy.asarray(X.numpy())

    def peer():
        kernel(points, points, "ntk").block_until_ready()

    peer()
    measured_ratio(
        benchmark, lambda: al.kernels.analytic(X, activation=activation, train_output=True), peer,
        goal=">= 2", what=f"{activation}, both layers", unit="times faster than neural-tangents", rounds=3,
    )  # fmt: skip
