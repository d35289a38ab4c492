r"""Section 3.1: the block kernel of C outputs replaced by its trace over outputs."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._selection import PAPER, lowest
from proofs_check.relations import Relation

SOURCE = f"{PAPER}, section 3.1, the sum over the blocks' diagonals in place of the kernel of eq. (9)"
#: gradients of C outputs at n points
OUTPUTS = D.real("n", "C", "p")
SIZES = {"n": (1, 2), "C": (1, 2), "p": (1, 3)}


def _pairs(J: Tensor) -> Tensor:
    """(batch, C, C, n, n), the layout of `altheory.kernels.empirical(..., outputs="pairs")`."""
    return torch.einsum("bicp,bjdp->bcdij", J, J)


def _both(J: Tensor) -> tuple[Tensor, Tensor]:
    """C times the smallest eigenvalue of the block kernel, and that of its trace."""
    pairs = _pairs(J)
    return J.shape[-2] * lowest(al.conditioning.block_matrix(pairs)), lowest(al.conditioning.trace_proxy(pairs))


@claim(
    id="crc.trace.lower",
    title="The trace's smallest eigenvalue is at least C times the block kernel's",
    source=SOURCE,
    reading="one direction",
    J=OUTPUTS,
    dims=SIZES,
    mutants={"one percent more": dict(share=1.01), "a thousandth more": dict(share=1.001)},
)
def lower(J: Tensor, *, share: float = 1.0) -> Relation:
    r"""For the kernel $\hat K$ of C outputs and $\tilde K(x,x') = \sum_c\hat K_{cc}(x,x')$:
    $C\,\lambda_{\min}(\hat K) \le \lambda_{\min}(\tilde K)$.

    Proof: $u^\top\tilde Ku = \sum_c(u\otimes e_c)^\top\hat K(u\otimes e_c)$ for a unit vector u.

    Tight at: $\hat K = K\otimes I_C$ (crc.trace.last_layer).
    """
    block, trace = _both(J)
    return leq(share * block, trace, names=["C lambda_min(block)", "lambda_min(trace)"])


@claim(
    id="crc.trace.accurate",
    title="The trace's smallest eigenvalue is the block kernel's, up to a factor",
    source=SOURCE,
    reading="'an accurate replacement in computing the minimum eigenvalue', for every network, within a factor of 100",
    expect="refuted",
    J=OUTPUTS,
    dims={"n": (1, 1), "C": (2, 2), "p": (1, 2)},
    mutants={"a factor of 10": dict(factor=10.0), "a factor of 2": dict(factor=2.0)},
)
def accurate(J: Tensor, *, factor: float = 100.0) -> Relation:
    r"""$\lambda_{\min}(\tilde K) \le 100\,C\,\lambda_{\min}(\hat K)$.

    Counterexample: one point, two outputs with the same gradient 1: $\hat K = ((1, 1), (1, 1))$ has $\lambda_{\min} = 0$, its
    trace is 2. So no factor will do.

    Notes: the paper reports an observation, not a bound; for wide networks the blocks approach $K\otimes I_C$ and the two
    agree.
    """
    block, trace = _both(J)
    return leq(trace, factor * block, names=["lambda_min(trace)", "100 C lambda_min(block)"])


def preferred_by_trace(J1: Tensor, J2: Tensor) -> Tensor:
    """the trace prefers the first"""
    return _both(J1)[1] > _both(J2)[1]


@claim(
    id="crc.trace.ranking",
    title="The trace ranks candidate sets as the block kernel does",
    source=SOURCE,
    reading="accurate as a score: the order is kept",
    expect="refuted",
    J1=D.real(1, 2, "p"),
    J2=D.real(1, 2, "p"),
    dims={"p": (2, 2)},
    assumes=[preferred_by_trace],
    mutants={"up to a factor of 2": dict(share=0.5), "up to a factor of 10": dict(share=0.1)},
)
def ranking(J1: Tensor, J2: Tensor, *, share: float = 0.01) -> Relation:
    r"""If $\lambda_{\min}(\tilde K_1) > \lambda_{\min}(\tilde K_2)$, then $\lambda_{\min}(\hat K_1)$ is at least a hundredth of
    $\lambda_{\min}(\hat K_2)$ (one point and two outputs are enough to refute it).

    Counterexample: one point, two outputs; gradients (2, 0), (2, 0) have trace 8 and $\lambda_{\min}(\hat K) = 0$, gradients
    (1, 0), (0, 1) have trace 2 and $\lambda_{\min}(\hat K) = 1$.
    """
    return leq(share * _both(J2)[0], _both(J1)[0], names=["a share of the other", "block kernel of the preferred"])


@claim(
    id="crc.trace.last_layer",
    title="The trace is exact for the last layer alone, and at infinite width",
    source=SOURCE,
    reading="accurate for the kernels the paper uses: the last layer's",
    amends="crc.trace.accurate",
    J=D.real("n", "p"),
    dims={"n": (1, 3), "p": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "outputs that share a gradient": dict(shared=0.1)},
)
def last_layer(J: Tensor, *, share: float = 1.0, shared: float = 0.0) -> Relation:
    r"""If every output has a last layer of its own on the features h, then $\hat K = K\otimes I_C$ with $K = HH^\top$, and
    $\lambda_{\min}(\tilde K) = C\,\lambda_{\min}(\hat K)$ (here with C = 2).

    Proof: the gradient of output c is h in its own block of parameters, 0 elsewhere.

    Notes: at infinite width $\hat K$ is of this form for all layers together.
    """
    nothing = shared * J
    both = torch.stack([torch.cat([J, nothing], -1), torch.cat([nothing, J], -1)], -2)
    block, trace = _both(both)
    return eq(share * block, trace, names=["C lambda_min(block)", "lambda_min(trace)"])


@claim(
    id="crc.trace.equality",
    title="When the trace is exact",
    source=f"{SOURCE}; own derivation",
    sharpens="crc.trace.lower",
    J=OUTPUTS,
    dims={"n": (1, 2), "C": (2, 2), "p": (2, 3)},
    mutants={"spread one percent smaller": dict(spread=0.99), "one output fewer": dict(fewer=1)},
)
def equality(J: Tensor, *, spread: float = 1.0, fewer: int = 0) -> Relation:
    r"""Let u be a bottom eigenvector of $\tilde K$, $\lambda$ the smallest and $\Lambda$ the largest eigenvalue of $\hat K$,
    $r_c = (\hat K-\lambda I)(u\otimes e_c)$ and $\Delta = \lambda_{\min}(\tilde K)-C\lambda$. Then
    $\sum_c|r_c|^2 \le (\Lambda-\lambda)\,\Delta$ and $\Delta^2 \le C\sum_c|r_c|^2$.

    Hence $\Delta = 0$ if and only if $u\otimes e_c$ is a bottom eigenvector of $\hat K$ for every output c.

    Proof: $\Delta = \sum_c(u\otimes e_c)^\top(\hat K-\lambda I)(u\otimes e_c)$; $M^2\preceq\|M\|M$ for positive semidefinite
    M, and Cauchy-Schwarz.

    Tight at: $\hat K = ((1, 1), (1, 1))$ (left).
    """
    pairs = _pairs(J)
    block, trace = al.conditioning.block_matrix(pairs), al.conditioning.trace_proxy(pairs)
    values = torch.linalg.eigvalsh(block)
    low, high, C = values[..., 0], values[..., -1], J.shape[-2]
    own, vectors = torch.linalg.eigh(trace)
    u = vectors[..., :, 0]
    # (batch, n C, C): column c is u (x) e_c
    lifted = (u[:, :, None, None] * torch.eye(C, dtype=torch.float64)).reshape(len(J), -1, C)
    residual = block @ lifted - low[:, None, None] * lifted
    size = (residual * residual).sum((-2, -1))
    gap = own[..., 0] - C * low
    return all_of(
        leq(size, spread * (high - low) * gap, names=["sum |r_c|^2", "(Lambda - lambda) Delta"]),
        leq(gap * gap, (C - fewer) * size, names=["Delta^2", "C sum |r_c|^2"]),
    )
