r"""Proposition 6: the norms of layers and of products of layers in a deep relu network.

Networks with L layers of equal width, weights normal with variance 2/width, one unit vector as input; $h^0 = x$.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import semi_smooth
from proofs_check import claim, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.crc._settings_valleys import SOURCE
from proofs_check.relations import Measurement

STATEMENT = f"{SOURCE}, proposition 6"
EXPERIMENT = "crc.proposition6"
DEPTH, WIDTH = 20, 192
NARROW = 48
#: the layers r at which products start
STARTS = (0, 9, 18)
PATTERNS = ("D after the step", "identity", "D + 1")


def _network(seed: int, width: int) -> tuple[list[Tensor], Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    x = normal(1, width)
    return [normal(width, width) * (2 / width) ** 0.5 for _ in range(DEPTH)], normal(1, width) / width**0.5, x / x.norm()


@remembered
def _norms(seed: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """After one step: the norms of the layers (seeds, DEPTH), and the spectral norms of the products (seeds, 3 patterns).

    The step is gradient descent on (B h - 1)^2 / 2 with step size 1/100; the patterns are `PATTERNS`; the norms of products
    are the largest over `STARTS`, divided by the root of the number of layers.
    """
    layers, products = [], []
    for s in seed.tolist():
        weights, B, x = _network(s, width)
        gradients = semi_smooth.layer_gradients(weights, B, x, torch.ones(1, 1, dtype=torch.float64))
        moved = [W - 0.01 * G for W, G in zip(weights, gradients, strict=True)]
        old, new = semi_smooth.forward(weights, x), semi_smooth.forward(moved, x)
        layers.append(torch.cat([h.norm(dim=-1) for h in new.post[:-1]]))
        expanded = [semi_smooth.relu_expansion(a, b) for a, b in zip(new.pre, old.pre, strict=True)]
        patterns = [
            [on + turned for on, turned in expanded],
            [torch.ones_like(on) for on, _ in expanded],
            [on + 1 for on, _ in expanded],
        ]
        row = []
        for masks in patterns:
            found = semi_smooth.propagators(masks, weights)
            row.append(torch.stack([torch.linalg.matrix_norm(found[r][0], 2) for r in STARTS]).amax())
        products.append(torch.stack(row) / DEPTH**0.5)
    return torch.stack(layers), torch.stack(products)


def _shown(seed: Tensor) -> list[Table]:
    layers, products = _norms(seed, WIDTH)
    note = f"{DEPTH} layers of width {WIDTH}, one step of size 1/100 from the initialisation"
    return [
        Table(
            "Norms after one step",
            ["value"],
            [
                ("smallest layer", [layers.amin(-1)]),
                ("largest layer", [layers.amax(-1)]),
                *((f"product with {name}, over the root of L", [products[:, k]]) for k, name in enumerate(PATTERNS)),
            ],
            note=note,
        )
    ]


@claim(
    id="crc.proposition6.layers_vanish",
    title="Proposition 6: the norms of the layers are o(1)",
    source=f"{STATEMENT}, second inequality",
    reading="as printed: o(1), that is, falling to 0 with the width",
    expect="not-reproduced",
    experiment=EXPERIMENT,
    seed=D.seed(),
    mutants={"at most 0.4 times": dict(most=0.4), "at most 0.25 times": dict(most=0.25)},
)
def layers_vanish(seed: Tensor, *, most: float = 0.5) -> Measurement:
    r"""The norms $|h^{r-1}_{t+1}|$ of the layers fall as the width grows: from width 48 to width 192 their mean over the layers
    falls to less than a half.

    In the paper: $|h^{r-1}_{t+1}| \le o(1)$.

    Notes: impossible for r = 1: $h^0 = x$ is a unit vector at every width. The other layers have norms near 1 too. Probably
    a slip or damage for O(1), which is what lemma 7.1 of Allen-Zhu et al. gives: crc.proposition6.layers.
    """
    wide, narrow = _norms(seed, WIDTH)[0].mean(-1), _norms(seed, NARROW)[0].mean(-1)
    return measurement(wide / narrow.mean(), expect=(0.0, most), show=_shown(seed))


@claim(
    id="crc.proposition6.layers",
    title="Proposition 6: the norms of the layers are O(1)",
    source=f"{STATEMENT}, second inequality",
    reading="O(1) in the place of o(1)",
    amends="crc.proposition6.layers_vanish",
    expect="reproduced",
    experiment=EXPERIMENT,
    seed=D.seed(),
    mutants={"below the norm of the input": dict(most=0.99), "at most 0.9": dict(most=0.9)},
)
def layers_bounded(seed: Tensor, *, most: float = 2.0) -> Measurement:
    r"""After one small step from the initialisation the largest of the norms $|h^0|,\dots,|h^{L-1}|$ is between 1 and 2 on
    average (L = 20, width 192).
    """
    return measurement(_norms(seed, WIDTH)[0].amax(-1), expect=(0.0, most), show=_shown(seed))


@claim(
    id="crc.proposition6.any_pattern",
    title="Proposition 6 for every D~ with entries in [-1, 1]",
    source=f"{STATEMENT}, first inequality, with the D~ that proposition 4 allows in its wording",
    reading="any diagonal D~ in [-1, 1]; here D + D~ = 1, and a constant 100",
    expect="not-reproduced",
    experiment=EXPERIMENT,
    seed=D.seed(),
    mutants={"constant 50": dict(C=50.0), "D~ = 1": dict(pattern=2)},
)
def any_pattern(seed: Tensor, *, C: float = 100.0, pattern: int = 1) -> Measurement:
    r"""$|(D^l_t+\tilde D^l)W^l_t\cdots W^{r+1}_t(D^r_t+\tilde D^r)| \le 100\sqrt{L}$ in spectral norm for all diagonal
    $\tilde D$ with entries in [-1, 1] (L = 20, width 192).

    Notes: without bounds on how many entries of $\tilde D$ are not 0 the norm grows exponentially with the depth: with
    $\tilde D = 1-D$ all neurons are on, and every layer multiplies by about $\sqrt{2}$; with $\tilde D = 1$, which
    proposition 4 never gives, by more. The proposition needs the $\tilde D$ that it is used with: crc.proposition6.
    """
    return measurement(_norms(seed, WIDTH)[1][:, pattern], expect=(0.0, C), show=_shown(seed))


@claim(
    id="crc.proposition6",
    title="Proposition 6 for the D~ of proposition 4",
    source=f"{STATEMENT}, first inequality; Allen-Zhu, Li, Song (2019), lemma 8.6b",
    reading="D~ made by proposition 4 from a small step near the initialisation; constant 3",
    amends="crc.proposition6.any_pattern",
    expect="reproduced",
    experiment=EXPERIMENT,
    seed=D.seed(),
    uses=["crc.proposition4"],
    mutants={"constant 0.6": dict(C=0.6), "all neurons on": dict(pattern=1)},
)
def product(seed: Tensor, *, C: float = 3.0, pattern: int = 0) -> Measurement:
    r"""After one small step from the initialisation, $|(D^l_t+\tilde D^l)W^l_t\cdots W^{r+1}_t(D^r_t+\tilde D^r)| \le
    3\sqrt{L}$ in spectral norm for the $\tilde D$ of proposition 4 (l = L = 20, r = 1, 10, 19, width 192).

    Notes: $D+\tilde D$ then has its entries in [0, 1], and $\tilde D$ is 0 off the few neurons whose sign flipped.
    """
    return measurement(_norms(seed, WIDTH)[1][:, pattern], expect=(0.0, C), show=_shown(seed))
