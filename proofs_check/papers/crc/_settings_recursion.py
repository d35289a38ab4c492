r"""Where the statements about one step of gradient descent are attacked: all models of degree two, and two-layer networks.

One step sees a model only along the segment from $\theta_t$ in the direction of $\nabla L_t = -2cJ^\top e$, which lies in
the row space of J. So, in coordinates of that space, every model is given by $e = y-f(\theta_t)$, a positive semidefinite J
(singular where there are fewer parameters than outputs) and what bends it; claims draw e, J and the second derivatives Q
freely.
"""

from __future__ import annotations

from torch import Tensor

import altheory as al
from altheory.recursion import Step
from proofs_check import domains as D

SOURCE = "CRC (Kong et al.)"
LEMMA = f"{SOURCE}, section 2.3, Lemma 1, eq. (4); Lemma 3, eq. (11)"
PROOF = f"{SOURCE}, appendix A.1, proof of Lemma 3"

#: residuals y - f, gradients of the outputs (one a row, positive semidefinite), second derivatives (one matrix an output)
RESIDUAL, JACOBIAN, HESSIAN = D.real("n"), D.psd("n"), D.real("n", "n", "n")
#: step sizes, small and large: the statements name no upper limit
ETA = D.interval(0, 2)
SMALL = {"n": (1, 2)}

ON_MODELS = "models of degree two"


def stepped(e: Tensor, J: Tensor, Q: Tensor | None, eta: Tensor, c: float | Tensor) -> Step:
    """One step of the model f(d) = J d + d'Qd/2 with labels e, from d = 0."""
    model = al.recursion.QuadraticModel(0 * e, J, Q)
    return al.recursion.polynomial_step(model, e, eta, c=c)


def column(x: float | Tensor) -> float | Tensor:
    """A batch of numbers as a column, a constant as it is."""
    return x if isinstance(x, (int, float)) or not x.ndim else x[..., None]


def dot(a: Tensor, b: Tensor) -> Tensor:
    """The inner product over the last dimension."""
    return (a * b).sum(-1)


def apply(matrix: Tensor, vector: Tensor) -> Tensor:
    """The matrix times the vector, batched."""
    return (matrix @ vector[..., None])[..., 0]


def energy(step: Step) -> Tensor:
    """e'Ke"""
    return dot(step.residual, apply(step.kernel, step.residual))
