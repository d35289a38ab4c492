r"""An active learner that queries near-copies of its seeds: the example behind every refutation with adaptive queries.

The inputs are unit vectors in N clusters. A point of cluster i is $c\,e_i+s\,f$ with $c^2+s^2 = 1$ and a direction f of its
own, orthogonal to everything else. So two points of one cluster have inner product $c^2$, two points of different clusters 0,
and the infinite-width kernel (relu, first layer trained) has the entries

- 1/2 on the diagonal, $a = c^2(\pi-\arccos c^2)/(2\pi) < 1/2$ within a cluster, 0 between clusters.

p is uniform over the clusters, and so large within each that no point is drawn twice. All labels are 1 and the loss is
$\min(|f-y|, 1)$, which is 1-Lipschitz, 0 at the label and at most 1. The learner draws $n_0$ seeds from p, and then queries
$m-1$ more points of the cluster of each seed: $n = n_0m$ labelled points. The kernel interpolant is

- $ma/(\frac{1}{2}-a+ma)$ at a new point of a queried cluster, 0 in every other cluster.

`dynamical.eq20.example` checks these formulas on real points. The smallest eigenvalue of the kernel is $\frac{1}{2}-a$ whatever
n. If several seeds fall into one cluster, $\mathrm{Tr}[Y^\top\Theta^{-1}Y]$ and the loss at home are smaller, and the MMD is
the same: no refutation needs the seeds apart.
"""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import domains as D

#: a, the kernel of two points of one cluster; a little below its largest value, 1/2
WITHIN = D.interval(0.25, 0.5 - 2.0**-20)
#: n0 seeds, n0 * COPIES labelled points, n0 * CLUSTERS clusters
N0, COPIES, CLUSTERS = D.integer(1, 10**6), D.integer(1, 10**6), D.integer(1, 10**4)
DELTA = D.interval(0.001, 0.5)


def denominator(a: Tensor, m: Tensor) -> Tensor:
    """The eigenvalue of the kernel at the vector of ones on one cluster, 1/2 - a + m a."""
    return 0.5 - a + m * a


def lost(clusters: Tensor) -> Tensor:
    """A lower bound on L_p: the share of the clusters that have no labelled point, 1 - n0/N."""
    return (clusters - 1) / clusters.double()


def loss_at_home(a: Tensor, m: Tensor) -> Tensor:
    """The loss at a new point of a queried cluster with one seed."""
    return (0.5 - a) / denominator(a, m)


def dominant_term(a: Tensor, m: Tensor) -> Tensor:
    """B = sqrt(2 Tr[Y' Theta^-1 Y] / n), where Tr[Y' Theta^-1 Y] = n / (1/2 - a + m a)."""
    return torch.sqrt(2 / denominator(a, m))


def discrepancy(a: Tensor, n0: Tensor, m: Tensor) -> Tensor:
    """MMD_v(S_0, S), the distance of the empirical means: sqrt((1/2 - a)(m - 1)/(m n0))."""
    return torch.sqrt((0.5 - a) * (m - 1) / (m * n0.double()))


def order_term(a: Tensor, n: Tensor, delta: Tensor) -> Tensor:
    """sqrt(log(n/(lambda_0 delta))/n), the term that the O(.) of Lemma 2 multiplies by a constant."""
    return torch.sqrt(torch.log(n / ((0.5 - a) * delta)) / n)
