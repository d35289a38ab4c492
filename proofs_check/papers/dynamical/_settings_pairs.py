r"""Two sets of labels on one kernel: the domain of every "higher alignment means ..." sentence.

Both label measures sit on the same eigenvalues and have mass 1, so that only where the mass lies differs. (All
functionals are linear in the measure, so the common mass loses no generality.)
"""

from __future__ import annotations

from torch import Tensor

from altheory.spectra import LabelMeasure
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import KERNEL_MEASURES

#: the eigenvalues that both share, and the mass that each puts on them
LAM, W1, W2 = D.spectrum("n", lo=1 / 64, hi=1), D.simplex("n"), D.simplex("n")

ON_PAIRS = "pairs of label measures"

#: the same pairs on the spectra of real kernels
ALSO_ON_KERNELS: dict[str, dict[str, D.Domain]] = {
    f"spectrum of the {name}": {"lam": arguments["lam"]} for name, arguments in KERNEL_MEASURES.items()
}


def _arora(lam: Tensor, share: Tensor) -> Tensor:
    return share * lam.amin(-1) / lam.shape[-1] ** 2


#: the step size of Lemma 1, eta = O(lambda_0 / n^2), with the constant in [1/4, 1]
ARORA_STEP = D.derived(_arora, "lam", D.interval(0.25, 1), text="eta = c lambda_min / n^2 with c in [1/4, 1] (Lemma 1)")


def first_has_higher_alignment(lam: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
    """A(1) >= A(2)"""
    return LabelMeasure(lam, w1).A >= LabelMeasure(lam, w2).A
