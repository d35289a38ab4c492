r"""Figure 2 (appendix B.2): do queries that one network makes suit another with other initial weights?

The paper makes the first query with a randomly initialised model, trains one of another seed on it, finds lower accuracy than
after a random query, and wonders "whether this is an artifact of our ASSL setting". Its numbers are only in the plot. What
CRC's score can transfer is its order of candidates; here: Spearman's correlation between the $\lambda_{\min}$ that two
networks of different seeds give to the same 40 candidates (20 labelled digits and a group of 10), against the width, both
layers trained.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series
from proofs_check.relations import Measurement

SOURCE = "CRC (Kong et al.), appendix B.2, figure 2"
LABELLED, GROUP, CANDIDATES, WIDTHS = 20, 10, 40, (32, 128, 512, 2048, 8192)
ROWS = D.dataset("digits", n=LABELLED + 100, repeats=False)


@remembered
def transfers(x: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
    """Spearman's correlation by width, shape (seeds, WIDTHS), and one seed's scores (len(WIDTHS), 2 networks, CANDIDATES)."""
    rho, scores = torch.zeros(len(seed), len(WIDTHS), dtype=x.dtype), torch.zeros(len(WIDTHS), 2, CANDIDATES, dtype=x.dtype)
    for row, (points, number) in enumerate(zip(x, seed.tolist(), strict=True)):
        generator = torch.Generator().manual_seed(number)
        groups = [LABELLED + torch.randperm(len(points) - LABELLED, generator=generator)[:GROUP] for _ in range(CANDIDATES)]
        sets = torch.cat([torch.arange(LABELLED).expand(CANDIDATES, -1), torch.stack(groups)], 1)
        for i, width in enumerate(WIDTHS):
            for part in range(2):
                net = al.TwoLayerNet(x.shape[-1], width, train_output=True, seed=2 * number + part)
                kernel = al.kernels.empirical(net, points)
                scores[i, part] = al.conditioning.smallest_eigenvalue(kernel[sets[:, :, None], sets[:, None, :]])
        rho[row] = al.rank_correlation.spearman_rho(scores[:, 0], scores[:, 1])
    return rho, scores


def _shown(found: tuple[Tensor, Tensor]) -> list[Figure]:
    rho, scores = found
    return [
        Figure(
            "How far two seeds agree on the candidates", "width", "Spearman's correlation of lambda_min",
            [Series("ours", WIDTHS, rho)], log_x=True,
            note="Kernels of wide networks do not depend on the seed; the paper's degradation is an effect of finite width.",
        ),
        *(
            Figure(
                f"Width {WIDTHS[i]}, one pair of seeds: one point a candidate", "lambda_min, first network",
                "lambda_min, second network", [Series("", scores[i, 0], scores[i, 1], dots=True)],
            )
            for i in (1, len(WIDTHS) - 1)
        ),
    ]  # fmt: skip


@claim(
    id="crc.figure2",
    title="Figure 2: CRC's order of candidates transfers between wide networks",
    source=SOURCE,
    reading="8192 neurons, Spearman's correlation above 0.8",
    expect="reproduced",
    experiment="crc.figure2",
    x=ROWS,
    seed=D.seed(),
    mutants={"above 0.999": dict(least=0.999), "128 neurons": dict(width=128)},
)
def figure2(x: Tensor, seed: Tensor, *, width: int = 8192, least: float = 0.8) -> Measurement:
    r"""For two networks of 8192 neurons, the $\lambda_{\min}$ of 40 candidates are ordered alike: Spearman's correlation is
    above 0.8.

    Notes: the kernel concentrates, with deviations like one over the square root of the width.
    """
    found = transfers(x, seed)
    return measurement(found[0][:, WIDTHS.index(width)], expect=(least, 1.0), show=_shown(found))


@claim(
    id="crc.figure2.narrow",
    title="Figure 2 for narrow networks",
    source=SOURCE,
    reading="32 neurons, Spearman's correlation above 0.8",
    expect="not-reproduced",
    experiment="crc.figure2",
    x=ROWS,
    seed=D.seed(),
    mutants={"128 neurons": dict(width=128), "above 0.9": dict(least=0.9)},
)
def figure2_narrow(x: Tensor, seed: Tensor, *, width: int = 32, least: float = 0.8) -> Measurement:
    r"""For two networks of 32 neurons, the $\lambda_{\min}$ of 40 candidates are ordered alike: Spearman's correlation is
    above 0.8.

    Notes: not reproduced: much of the score is the seed's, and no property of the data.
    """
    found = transfers(x, seed)
    return measurement(found[0][:, WIDTHS.index(width)], expect=(least, 1.0), show=_shown(found))
