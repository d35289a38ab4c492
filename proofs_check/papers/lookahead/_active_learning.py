r"""Active learning on digits, every strategy from the same start.

20 labels, then cycles of 15 queries from a pool of 150; after each cycle the network goes on training from where it was, on
all labels (a warm start, as in the paper). Accuracy on 700 other digits. Every seed is run twice, with two splits of its
rows; random queries are drawn twice in each, and their accuracies averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series, Table
from proofs_check.papers._seeds import student
from proofs_check.papers.lookahead import _digits as digits

INITIAL, POOL, TEST, BATCH = 20, 150, 700, 15
FIRST_STEPS, STEPS, SPLITS, DRAWS = 150, 60, 2, 2
FIRST = slice(0, INITIAL)
ROWS = D.dataset("digits", n=INITIAL + POOL + TEST, repeats=False)
SEEDS = D.seed()
#: what every strategy is called, in figures too
RANDOM, MARGIN, NTK, INFINITE, ONE_STEP = "random", "margin", "NTK", "infinite NTK", "one step"
SEQUENTIAL, PSEUDO, NAIVE = "sequential NTK", "sequential NTK, pseudo labels", "naive"


@dataclass(frozen=True)
class Runs:
    """Test accuracy in percent before the first and after each cycle, (seeds, splits, 1 + cycles) for each strategy."""

    accuracy: dict[str, Tensor]

    def lead(self, of: str, over: str) -> Tensor:
        """(seeds,) how far one strategy is ahead of another at the end, the mean of the splits."""
        return (self.accuracy[of] - self.accuracy[over])[..., -1].mean(1)

    def mean_lead(self, of: str, over: str) -> Tensor:
        """(seeds,) the same as a mean over the cycles."""
        return (self.accuracy[of] - self.accuracy[over])[..., 1:].mean((1, 2))

    def shown(self, over: str) -> list[Figure | Table]:
        """The curves, what each is ahead of one of them, and that at the end with Student's intervals."""
        cycles = [str(c) for c in range(self.accuracy[over].shape[-1])]
        curves = {name: v.mean(1) for name, v in self.accuracy.items()}
        ahead = {name: v - curves[over] for name, v in curves.items() if name != over}
        rows = []
        for name in ahead:
            mean, half = student(self.lead(name, over).numpy())
            rows.append((name, [mean, half, curves[name][:, -1]]))
        return [
            Figure("Test accuracy", "query cycle", "accuracy (%)", [Series(k, cycles, v) for k, v in curves.items()]),
            Figure(f"Ahead of {over}", "query cycle", "points", [Series(k, cycles, v) for k, v in ahead.items()]),
            Table(
                f"After the last cycle, in points ahead of {over}",
                ["mean", "half of the 95 % Student t interval over the seeds", "accuracy (%)"],
                rows,
                note="One-hidden-layer relu networks and digits; the paper: WideResNets on MNIST, SVHN and CIFAR, in figures.",
            ),
        ]


@remembered
def runs(
    x: Tensor, labels: Tensor, seed: Tensor, strategies: tuple[str, ...], width: int = 256, cycles: int = 3, subset: int = POOL
) -> Runs:
    """All strategies for all seeds; each cycle's candidates are a random subset of the pool, the same for all strategies."""
    order = torch.stack([_split(s, k, x.shape[1]) for s in seed.tolist() for k in range(SPLITS)])
    seeds = [s + k for s in seed.tolist() for k in range(SPLITS)]
    x, labels = (_taken(v.repeat_interleave(SPLITS, 0), order) for v in (x, labels))
    stack = digits.initialised(x.shape[-1], width, labels.shape[-1], seeds)
    start = digits.trained(stack, x[:, FIRST], labels[:, FIRST], FIRST_STEPS)
    every = [*((name, 0) for name in strategies), *((RANDOM, draw) for draw in range(1, DRAWS))]
    kinds = len(every)
    nets, points, truth = digits.repeated(start, kinds), x.repeat_interleave(kinds, 0), labels.repeat_interleave(kinds, 0)
    queried = torch.arange(INITIAL).repeat(len(points), 1)
    found = [_accuracy(nets, points, truth)]
    for cycle in range(cycles):
        new = []
        for i, rows in enumerate(queried):
            rng = torch.Generator().manual_seed(seeds[i // kinds] + cycle)
            left = torch.ones(INITIAL + POOL, dtype=torch.bool).index_fill(0, rows, False).nonzero()[:, 0]
            left = left[torch.randperm(len(left), generator=rng)[:subset]]
            new.append(_query(*every[i % kinds], digits.chosen(nets, [i]), points[i], truth[i], rows, left))
        queried = torch.cat([queried, torch.stack(new)], 1)
        nets = digits.trained(nets, _taken(points, queried), _taken(truth, queried), STEPS)
        found.append(_accuracy(nets, points, truth))
    table = torch.stack(found, -1).reshape(len(seed), SPLITS, kinds, 1 + cycles)
    accuracy = dict(zip(strategies, table.unbind(2), strict=False))
    drawn = [k for k, (name, _) in enumerate(every) if name == RANDOM]
    return Runs({**accuracy, RANDOM: table[:, :, drawn].mean(2)})


def _split(seed: int, split: int, n: int) -> Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed + split))


def _taken(values: Tensor, rows: Tensor) -> Tensor:
    """(B, k, d) the rows (B, k) of arrays (B, n, d)."""
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[-1]))


def _accuracy(nets: digits.Stack, x: Tensor, labels: Tensor) -> Tensor:
    test = slice(INITIAL + POOL, None)
    right = digits.outputs(nets, x[:, test]).argmax(-1) == labels[:, test].argmax(-1)
    return 100 * right.to(torch.float64).mean(-1)


def _query(strategy: str, draw: int, net: digits.Stack, x: Tensor, labels: Tensor, queried: Tensor, left: Tensor) -> Tensor:
    """Numbers of the next rows to label, of the candidates `left`, which are in random order."""
    if strategy == RANDOM:
        return left.roll(-draw * BATCH)[:BATCH]
    L, rows = len(queried), x[torch.cat([queried, left])]
    f = digits.outputs(net, rows[None])[0]
    F_U = f[L:]
    if strategy == MARGIN:
        best = F_U.topk(2, -1).values
        return _first(left, best[:, 1] - best[:, 0])
    if strategy == NAIVE:
        rate = digits.step_sizes(net, rows[None, :L])[0]
        return _first(left, digits.retrained_changes(net, rows[:L], labels[queried], rows[L:], rate, seed=L))
    K = al.kernels.analytic(rows, train_output=True) if strategy == INFINITE else digits.tangent_kernel(net, rows[None])[0]
    if strategy == ONE_STEP:
        return _first(left, al.lookahead.one_step_change(K[L:, L:], F_U))
    ahead = al.lookahead.from_kernels(K[:L, :L], K[L:, :L], K[L:, L:], labels[queried], f[:L], F_U)
    if strategy in (NTK, INFINITE):
        return _first(left, al.lookahead.most_likely_change(ahead, unresolved="dependent"))
    return left[al.lookahead.sequential(ahead, BATCH, Y=labels[left] if strategy == SEQUENTIAL else None)[0]]


def _first(left: Tensor, scores: Tensor) -> Tensor:
    return left[scores.argsort(descending=True, stable=True)[:BATCH]]
