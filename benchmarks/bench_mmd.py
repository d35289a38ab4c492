"""The squared discrepancy of two samples: time and memory beside scikit-learn's full kernel, hyppo and alibi-detect."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from side_by_side import measured_ratio, report

from altheory.mmd import mmd2, rbf

N, D, BANDWIDTH = 5000, 64, 8.0
GAMMA = 1 / (2 * BANDWIDTH**2)
GROUP = f"MMD^2, unbiased, Gaussian kernel, n = m = {N}, d = {D}, float64"


def samples():
    X, Z = (torch.randn(N, D, generator=torch.Generator().manual_seed(s), dtype=torch.float64) for s in (1, 2))
    return X, Z + 0.02


def ours():
    X, Z = samples()
    return lambda: mmd2(X, Z, rbf(BANDWIDTH), "u")


def full_matrices():
    """The same number from the three matrices of all pairs."""
    from sklearn.metrics.pairwise import rbf_kernel

    X, Z = (x.numpy() for x in samples())

    def value():
        a, b, c = rbf_kernel(X, gamma=GAMMA), rbf_kernel(Z, gamma=GAMMA), rbf_kernel(X, Z, gamma=GAMMA)
        return ((a.sum() - a.trace()) + (b.sum() - b.trace())) / (N * (N - 1)) - 2 * c.mean()

    return value


def timed(benchmark, other, what, unit, goal=""):
    call = ours()
    assert float(call()) == pytest.approx(float(full_matrices()()), abs=1e-12)
    measured_ratio(benchmark, call, lambda: other() and None, goal=goal, what=what, unit=unit, rounds=5)


@pytest.mark.benchmark(group=GROUP)
def test_beside_scikit_learn(benchmark, on_threads):
    what = f"mmd2, {on_threads} thread{'s' * (on_threads > 1)}"
    timed(benchmark, full_matrices(), what, "times faster than scikit-learn's full kernel", ">= 1")


@pytest.mark.benchmark(group=GROUP)
def test_beside_hyppo(benchmark, one_thread):
    ksample = pytest.importorskip("hyppo.ksample", reason="hyppo is not installed; the ratio was not taken")
    X, Z = (x.numpy() for x in samples())
    peer = ksample.MMD(compute_kernel="rbf", gamma=GAMMA)
    timed(benchmark, lambda: peer.statistic(X, Z), "mmd2, 1 thread", "times faster than hyppo")


@pytest.mark.benchmark(group=GROUP)
def test_beside_alibi_detect(benchmark, one_thread):
    reason = "alibi-detect is not installed (it needs numpy below 2); the ratio was not taken"
    distance = pytest.importorskip("alibi_detect.utils.pytorch.distance", reason=reason)
    kernels = pytest.importorskip("alibi_detect.utils.pytorch.kernels", reason=reason)
    X, Z = samples()
    kernel = kernels.GaussianRBF(torch.tensor([BANDWIDTH], dtype=torch.float64))

    def peer():
        with torch.no_grad():
            return distance.mmd2(X, Z, kernel)

    timed(benchmark, peer, "mmd2, 1 thread", "times faster than alibi-detect")


_CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
import bench_mmd, torch

def kib(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))

torch.set_num_threads(1)
whole, bench_mmd.N = bench_mmd.N, 64
getattr(bench_mmd, sys.argv[2])()()  # imports and libraries first
bench_mmd.N = whole
call = getattr(bench_mmd, sys.argv[2])()
open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
before = kib("VmRSS")
call()
print(1024 * (kib("VmHWM") - before))
"""


def peak_above_the_inputs(which):
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", _CHILD, here, which], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc; it was not taken"
)
def test_memory(benchmark):
    mine = benchmark.pedantic(lambda: peak_above_the_inputs("ours"), rounds=1)
    whole = peak_above_the_inputs("full_matrices")
    what = f"mmd2: peak above the inputs {mine / 2**20:.0f} MiB, scikit-learn's full kernel {whole / 2**20:.0f} MiB"
    report(benchmark, what, whole / mine, ">= 10", "times less memory")
