r"""What the kernel sees of a sign: the odd part of the relu kernel is linear, the erf kernel is odd altogether.

Both decide when a kernel of distinct points is singular; `positive_definiteness` draws the consequences.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, claim, eq
from proofs_check import domains as D
from proofs_check.relations import Relation

SOURCE = "own derivation, from the arc-cosine kernels of Cho and Saul (2009) and the erf kernel of Williams (1996)"


def quadratic(K: Tensor, c: Tensor) -> Tensor:
    """c' K c, shape (batch,)."""
    return (c * (K @ c[..., None])[..., 0]).sum(-1)


@claim(
    id="common.odd_part",
    title="The odd part of the relu kernel is linear",
    source=SOURCE,
    x=D.points("n", "d"),
    c=D.real("n"),
    dims={"n": (1, 8), "d": (1, 6)},
    mutants={"one percent more": dict(share=0.505), "the even part instead": dict(sign=1.0)},
)
def odd_part(x: Tensor, c: Tensor, *, share: float = 0.5, sign: float = -1.0) -> Relation:
    r"""For the kernel K of the relu network with its first layer trained,
    $K(x, z) - K(x, -z) = \frac{1}{2}\langle x, z\rangle$ for all x, z; so for every coefficient vector c,
    $\sum_{ij} c_i c_j \bigl(K(x_i, x_j) - K(x_i, -x_j)\bigr) = \frac{1}{2}\left|\sum_i c_i x_i\right|^2$.

    Proof: $K(x, z) = \langle x, z\rangle(\pi-\theta)/(2\pi)$, and $-z$ has the angle $\pi-\theta$ with x.

    Notes: the expansion of K in harmonics therefore has degree 1 and even degrees only. More than d antipodal pairs make K
    singular.
    """
    K, flipped = al.kernels.analytic(x), al.kernels.analytic(x, -x)
    total = (c[..., None] * x).sum(-2)
    return eq(
        quadratic(K, c) + sign * quadratic(flipped, c),
        share * (total * total).sum(-1),
        names=["odd part of c'Kc", "|X'c|^2 / 2"],
    )


@claim(
    id="common.erf_is_odd",
    title="The erf kernel is odd",
    source=SOURCE,
    x=D.points("n", "d"),
    c=D.real("n"),
    dims={"n": (1, 8), "d": (1, 6)},
    mutants={"minus 0.99": dict(share=0.99), "even instead": dict(share=-1.0)},
)
def erf_is_odd(x: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""For the kernels K of the erf network, with the first layer trained and with both, $K(x, -z) = -K(x, z)$, and so
    $\sum_{ij} c_ic_jK(x_i, -x_j) = -\sum_{ij} c_ic_jK(x_i, x_j)$.

    Notes: one antipodal pair is enough to make the erf kernel singular; the relu kernel stands up to d of them.
    """
    parts = []
    for both in (False, True):
        K = al.kernels.analytic(x, activation="erf", train_output=both)
        flipped = al.kernels.analytic(x, -x, activation="erf", train_output=both)
        layers = "both layers" if both else "first layer"
        parts.append(
            eq(-quadratic(flipped, c), share * quadratic(K, c), names=[f"-c'K(X,-X)c, {layers}", f"c'K(X,X)c, {layers}"])
        )
    return all_of(*parts)


@claim(
    id="common.antipodal_pairs",
    title="Three antipodal pairs in the plane make the relu kernel singular",
    source=SOURCE,
    x=D.unit_vectors(3, 2),
    mutants={"coefficients off by one percent": dict(tilt=0.01), "the third pair left out": dict(keep=0.0)},
    uses=["common.odd_part"],
)
def antipodal_pairs(x: Tensor, *, tilt: float = 0.0, keep: float = 1.0) -> Relation:
    r"""For any three unit vectors in the plane and the six points $x_1, x_2, x_3, -x_1, -x_2, -x_3$ there is a linear relation
    $\alpha_1x_1+\alpha_2x_2+\alpha_3x_3 = 0$, and $c = (\alpha, -\alpha)$ has $c^\top Kc = 0$: the kernel of six points, all
    distinct when the lines are, is singular. With $\alpha = (x_2\times x_3, x_3\times x_1, x_1\times x_2)$ as the relation,
    $c^\top K(X,X)c = 0$.

    Proof: on c the kernel is its odd part, $c^\top Kc = |\sum_i \alpha_i x_i|^2$.

    Notes: the regular hexagon is the equal case, with eigenvalues 0, 5/12, 5/12, 2/3, 3/4, 3/4.
    """
    y = torch.roll(x, -1, -2)  # x2, x3, x1
    cross = y[..., 0] * torch.roll(y, -1, -2)[..., 1] - y[..., 1] * torch.roll(y, -1, -2)[..., 0]
    alpha = cross * torch.tensor([1.0 + tilt, 1.0, keep], dtype=torch.float64)
    points, c = torch.cat([x, -x], -2), torch.cat([alpha, -alpha], -1)
    return eq(quadratic(al.kernels.analytic(points), c), 0.0 * alpha.sum(-1), names=["c'Kc", "0"])
