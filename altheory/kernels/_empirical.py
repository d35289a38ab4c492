r"""Empirical tangent kernels of two-layer networks, in closed form.

For $f_k(x) = m^{-1/2}\sum_r a_{rk}\phi(w_r\cdot x)$ the Jacobian's Gram matrix falls into two sums over neurons,

$$K^{(1)}_{kl}(x,z) = \frac{\langle x,z\rangle}{m}\sum_r a_{rk}a_{rl}\,\phi'(w_r\cdot x)\,\phi'(w_r\cdot z),\qquad
  K^{(2)}_{kl}(x,z) = \frac{\delta_{kl}}{m}\sum_r\phi(w_r\cdot x)\,\phi(w_r\cdot z),$$

so no Jacobian is ever formed: a chunk of neurons gives an n x chunk matrix, and its Gram matrix is added. Only the half
below the diagonal is computed, and only half of the neurons where the others mirror them.

For relu $\phi'$ is 0 or 1, found exactly (`_signs`). Where $|a_{rk}|$ is constant, as at initialisation, the first sum is
then a count: an integer that depends on the network and the points alone, not on chunks, threads, libraries or device.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, overload

import torch

from altheory._inputs import InputError, check_integer
from altheory._memory import check_fits
from altheory.kernels import _coactivation
from altheory.kernels._bounded import Bounded
from altheory.kernels._plan import Plan, plan
from altheory.kernels._preactivations import UNIT, Compiled, Job, Plain
from altheory.kernels._rounding import Errors, Moments, check_known, rounded_up
from altheory.kernels._schedule import run, single_threaded_libraries
from altheory.kernels._signs import Rows
from altheory.networks import TwoLayerNet

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.modules import ModuleNet

_SPARE = 48 << 20  # bytes besides 2 n^2 numbers that buffers and further accumulators may take
_CHUNK_NUMBERS = 1 << 18  # a chunk's matrix of this size stays in a processor's second-level cache
_WORTH_COMPILING = 1 << 28  # multiplications below which torch is done before numba has loaded
_SURELY_FREE = 1 << 20  # bytes for which nobody is asked
_WORTH_A_THREAD = 1 << 29  # multiplications of a count
_FINAL_TILE = 128


@overload
def empirical(
    net: TwoLayerNet | ModuleNet | torch.nn.Module,
    X: Float[ArrayLike, "n d"],
    X2: Float[ArrayLike, "n2 d"] | None = None,
    *,
    layer: str = "trained",
    outputs: str | int = "mean",
    chunk: int | None = None,
    with_bound: Literal[False] = False,
) -> Tensor: ...


@overload
def empirical(
    net: TwoLayerNet | ModuleNet | torch.nn.Module,
    X: Float[ArrayLike, "n d"],
    X2: Float[ArrayLike, "n2 d"] | None = None,
    *,
    layer: str = "trained",
    outputs: str | int = "mean",
    chunk: int | None = None,
    with_bound: Literal[True],
) -> Bounded: ...


def empirical(
    net: TwoLayerNet | ModuleNet | torch.nn.Module,
    X: Float[ArrayLike, "n d"],
    X2: Float[ArrayLike, "n2 d"] | None = None,
    *,
    layer: str = "trained",
    outputs: str | int = "mean",
    chunk: int | None = None,
    with_bound: bool = False,
) -> Tensor | Bounded:
    r"""The empirical tangent kernel of a two-layer network, by the formulas of this module; or of any module.

    Memory beside the arguments: at most $2n^2$ numbers and 64 MB for any width (`outputs="pairs"`: besides the result).
    The threads used are torch's (`torch.set_num_threads`).

    For relu every derivative is exact. Where besides $|a|$ is constant, the sum over neurons is an exact integer, and the
    kernel does not depend on `chunk`, threads or storage in any bit. In all other cases sums are rounded in an order
    that is fixed by `chunk` and the number of threads.

    A `torch.nn.Module` or `altheory.modules.ModuleNet` has its kernel from per-sample gradients in chunks, never all of them
    at once (`altheory.kernels.module_kernel`, which also says what `layer` and `chunk` mean there); it comes without a bound.

    Args:
        net: The network.
        X: (n, d) points.
        X2: (n2, d) further points for a cross kernel; None for X with itself.
        layer: "first", "output", "both", or "trained" (what `net.train_output` says).
        outputs: "mean", $\frac1K\sum_k K_{kk}$; "sum", $\frac1K\sum_{kl}K_{kl}$, the kernel of $K^{-1/2}\sum_kf_k$
            (the pseudo-NTK); an integer k, $K_{kk}$; or "pairs", all $K_{kl}$.
        chunk: The number of neurons at once; chosen to fit into the cache by default.
        with_bound: Return a bound of the rounding errors too (see `_rounding`).

    Returns:
        (n, n2), or (K, K, n, n2) for "pairs", in the network's dtype and on its device; exactly symmetric for
        `X2=None`. With `with_bound` a `Bounded` pair of such tensors. Not differentiable.

    Raises:
        InputError: Points that do not fit the network; an unknown `layer` or `outputs`; a chunk below 1; an activation
            without a derivative, or whose rounding errors are not known; a kernel that does not fit into memory, or
            whose entries overflow.
    """
    if not isinstance(net, TwoLayerNet):
        return _of_module(net, X, X2, layer, outputs, chunk, with_bound)
    points = net.check_points("X", X).detach()
    n, same = len(points), X2 is None
    others = points if X2 is None else net.check_points("X2", X2).detach()
    if chunk is not None:
        chunk = check_integer("chunk", chunk)
    sums = plan(net, layer, outputs)
    if with_bound:
        check_known(net.activation)
    shape = (n, len(others)) if outputs != "pairs" else (net.outputs, net.outputs, n, len(others))
    numbers = math.prod(shape) * (2 if with_bound else 1) + n * len(others)
    if 8 * numbers > _SURELY_FREE:
        advice = "use `al.kernels.operator`, which never holds it, or fewer points"
        check_fits(f"a kernel of shape {shape}", 8 * numbers, net.device, advice)
    with torch.no_grad(), single_threaded_libraries() as threads:
        every = points if same else torch.cat([points, others])
        job, worker, threads = _job(net, sums, Rows(every.contiguous()), n, same, chunk, threads, with_bound)
        copies = len(job.output) or len(job.first)
        run(-(-sums.neurons // job.span), copies, len(job.tiles), threads, lambda: worker(job))
        result = _finished(job, threads)
    value = result.value if isinstance(result, Bounded) else result
    if not bool(torch.isfinite(value.sum())) and not bool(torch.isfinite(value).all()):
        raise InputError(
            f"the kernel's entries overflow {net.dtype} (the largest coordinate of the points is "
            f"{float(every.abs().max()):.3g}); pass smaller points, or a float64 network."
        )
    return result


def _of_module(net: Any, X: Any, X2: Any, layer: str, outputs: str | int, chunk: int | None, with_bound: bool) -> Any:
    """The kernel of a module, or a refusal of what is none."""
    from altheory.kernels._module import module_kernel
    from altheory.modules import ModuleNet

    if not isinstance(net, (ModuleNet, torch.nn.Module)):
        raise InputError(
            f"`net` is a {type(net).__name__} but a TwoLayerNet or a torch.nn.Module is wanted; pass one of these."
        )
    if with_bound:
        raise InputError(
            f"`with_bound=True` was asked for a {type(net).__name__} but rounding is bounded for two-layer networks only; "
            "pass a `TwoLayerNet` (`altheory.modules.from_module` makes one where it can), or leave the bound out."
        )
    return module_kernel(net, X, X2, layer=layer, outputs=outputs, chunk=chunk)


def _job(
    net: TwoLayerNet, sums: Plan, points: Rows, n: int, same: bool, chunk: int | None, threads: int, with_bound: bool
) -> tuple[Job, type[Plain], int]:
    """Divide the work: who does it, how many neurons at once, how many accumulators, which tiles."""
    total, d, on_cpu = len(points.given), net.d, net.device.type == "cpu"
    columns = total if same else total - n
    worker = _worker(net, sums, total)
    threads = threads if on_cpu else 1
    counting = worker is Compiled and sums.counts and not sums.output
    if counting:  # over in a few milliseconds, which threads would only disturb
        threads = max(1, min(threads, sums.neurons * total * (d + total) // _WORTH_A_THREAD))

    # accumulators
    kind = net.dtype
    if sums.counts:
        kind = torch.float64 if worker is Plain else torch.int32 if sums.largest < 2**31 else torch.int64
    entries = n * columns
    copy_bytes = entries * (len(sums.pairs) * sums.first * kind.itemsize + sums.output * net.dtype.itemsize)
    room = 16 * entries + _SPARE // 2 if len(sums.pairs) == 1 else copy_bytes + _SPARE // 2
    copies = max(1, min(threads, room // copy_bytes))
    spare = max(0, room - copies * copy_bytes) + _SPARE // 2
    first = [[points.given.new_zeros(n, columns, dtype=kind) for _ in sums.pairs] for _ in range(copies if sums.first else 0)]
    output = [points.given.new_zeros(n, columns) for _ in range(copies if sums.output else 0)]
    side = n if copies >= threads else max(64, math.ceil(max(n, columns) / math.ceil(math.sqrt(4 * threads))))
    tiles = _tiles(n, columns, same, side if copies < threads else max(n, columns))

    # neurons at once
    neuron_bytes = total * 8 * (2 + sums.first + 2 * sums.output + (sums.outputs == "pairs")) + 20 * d
    if chunk is None:
        cached = worker in (Plain, Compiled)  # the integer product of a device wants many neurons, and needs no cache
        chunk = min(4096, max(256, _CHUNK_NUMBERS // total)) if cached else 4096
        chunk = chunk if net.stored else max(chunk, UNIT)
        chunk = min(chunk, spare // threads // neuron_bytes, -(-sums.neurons // (2 * threads)))
        chunk = max(64, chunk // 64 * 64)
    chunk = min(chunk, sums.neurons)
    span = chunk
    if counting:
        span = chunk * max(1, min(4096, sums.neurons // (4 * threads)) // chunk)
    few = total * d * 4 <= 4 * entries + _SPARE // 3 or points.moderate.dtype == torch.float32
    low = points.moderate.float() if worker is Compiled and few else None
    moments = Moments(sums, points) if with_bound else None
    return Job(net, sums, points, n, same, chunk, span, tiles, first, output, low, moments), worker, threads


def _worker(net: TwoLayerNet, sums: Plan, total: int) -> type[Plain]:
    """Who does the work: the one place where a device or an activation gets code of its own."""
    large = sums.neurons * total * (net.d + total) > _WORTH_COMPILING
    if net.device.type == "cpu" and sums.masks and sums.first and large and _coactivation.available():
        return Compiled
    if net.device.type == "cuda" and sums.counts and sums.unweighted and not sums.output:
        return _counted() or Plain
    return Plain


def _counted() -> type[Plain] | None:
    """The worker that needs Triton (it comes with torch's CUDA builds on Linux); None where Triton cannot be imported."""
    try:
        from altheory.kernels._triton import Counted
    except ImportError:
        return None
    return Counted


def _tiles(n: int, columns: int, same: bool, side: int) -> list[tuple[slice, slice]]:
    """Tiles of an n x columns matrix; with `same` those that meet the lower triangle."""
    starts = [(i, j) for i in range(0, n, side) for j in range(0, columns, side) if not same or j <= i]
    return [(slice(i, min(i + side, n)), slice(j, min(j + side, columns))) for i, j in starts]


class _Finish:
    """From sums to kernels, tile by tile; one worker of the schedule for all."""

    def __init__(self, job: Job) -> None:
        plan, dtype = job.plan, job.net.dtype
        n, columns = (job.output or [copy[0] for copy in job.first])[0].shape
        self.job = job
        self.tiles = _tiles(n, columns, job.same, _FINAL_TILE)
        shape = (n, columns) if plan.outputs != "pairs" else (plan.K, plan.K, n, columns)
        # the sum may become the kernel in place: a tile is read before it is written, its mirror image is never read
        if plan.outputs != "pairs" and plan.output:
            self.value = job.output[0]
        elif plan.outputs != "pairs" and job.first[0][0].dtype == dtype:
            self.value = job.first[0][0]
        else:
            self.value = job.points.given.new_zeros(shape)
        self.error, self.errors = None, None
        if job.moments is not None:
            roundings = job.chunk + -(-plan.neurons // job.chunk) + 2 * max(len(job.output), len(job.first))
            self.errors = Errors(job.moments, job.net.activation, job.points, dtype, roundings)
            self.error = job.points.given.new_zeros(shape)

    def fill(self, number: int) -> None:
        """Finish a tile."""
        job, plan, dtype = self.job, self.job.plan, self.job.net.dtype
        rows, columns = self.tiles[number]
        right = job.column(columns)
        inner = output = None
        if plan.first:
            inner = job.points.given[rows].double() @ job.points.given[right].double().T
        if plan.output:
            output = _total([copy[rows, columns] for copy in job.output]) * plan.output_scale
        for pair, (k, l) in enumerate(plan.pairs):
            value = torch.zeros((), dtype=torch.float64, device=job.net.device)
            error = value
            if inner is not None:
                sums = _total([copy[pair][rows, columns] for copy in job.first])
                value = inner * plan.scale
                value *= sums
                if self.errors is not None:
                    wrong, inner_wrong = self.errors.first(pair, rows, right), self.errors.inner(rows, right)
                    error = plan.scale * ((inner.abs() + inner_wrong) * wrong + inner_wrong * sums.abs())
                    error = error + 16 * _UNIT_ROUNDOFF * value.abs()
            if output is not None and k == l:
                value = value + output
                if self.errors is not None:
                    error = error + plan.output_scale * self.errors.output(rows, right) + 16 * _UNIT_ROUNDOFF * output.abs()
            if value.ndim == 0:  # two outputs share no output layer
                continue
            self._write(self.value, value.to(dtype), rows, columns, (k, l))
            if self.error is not None:
                unit = torch.finfo(dtype).eps / 2
                error = error + unit * value.abs() + torch.finfo(dtype).tiny
                self._write(self.error, rounded_up(error, dtype), rows, columns, (k, l))

    def add(self, copy: int, tile: int) -> None:
        """Nothing."""

    def _write(self, target: Tensor, tile: Tensor, rows: slice, columns: slice, pair: tuple[int, int]) -> None:
        """A tile, its mirror image, and the same for the other order of the pair."""
        same = self.job.same
        if same and rows == columns:
            tile = tile.tril() + tile.tril(-1).T
        for k, l in {pair, pair[::-1]}:
            matrix = target[k, l] if target.ndim == 4 else target
            matrix[rows, columns] = tile
            if same:
                matrix[columns, rows] = tile.T


_UNIT_ROUNDOFF = 2.0**-53


def _total(copies: list[Tensor]) -> Tensor:
    """Their sum, as float64; integers are added as integers."""
    total = copies[0] if len(copies) == 1 else copies[0] + copies[1]
    for more in copies[2:]:
        total = total + more
    return total.double()


def _finished(job: Job, threads: int) -> Tensor | Bounded:
    finish = _Finish(job)
    run(len(finish.tiles), 1, 0, threads, lambda: finish)
    return finish.value if finish.error is None else Bounded(finish.value, finish.error)
