r"""Where the statements of section 4.1 are attacked: random spectra, the NTK of real digits, degenerate inputs.

Everything in the section depends on the kernel and the labels through one measure
$\mu = \sum_i w_i\delta_{\lambda_i}$. So a claim draws either $(\Theta, Y)$, as the paper states it, or $\mu$ itself
(``lam``, ``w``; that is $\Theta = \mathrm{diag}(\lambda)$ with one output $y_i = \sqrt{w_i}$). `label_measure` in
``definition1.py`` is the claim that ties the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

import altheory as al
from proofs_check import domains as D

SOURCE = "dynamicAL (ICLR 2022 submission)"

_DIGITS = D.dataset("digits", n="n")
_DIGITS_KERNEL = D.kernel_of(points=_DIGITS)
_DEGENERATE_KERNEL = D.kernel_of(points=D.unit_vectors("n", "d"))
_OUTPUTS = D.real("n", "k")


def _eigenvalues(theta: Tensor, Y: Tensor) -> Tensor:
    return al.spectra.label_measure(theta, Y).eigenvalues


def _weights(theta: Tensor, Y: Tensor) -> Tensor:
    return al.spectra.label_measure(theta, Y).weights


def _measure(kernel: D.Domain, labels: D.Domain, of: str) -> dict[str, D.Domain]:
    return {
        "lam": D.derived(_eigenvalues, kernel, labels, text=f"eigenvalues of the NTK of {of}", dims=("n",)),
        "w": D.derived(_weights, kernel, labels, text=f"mass of the labels of {of} on each eigenvector", dims=("n",)),
    }


#: what the declared domain is called when a claim draws the kernel and the labels
SPECTRA = "random spectra"

#: further settings for a claim about (theta, Y)
KERNELS: dict[str, dict[str, D.Domain]] = {
    "NTK of digits": {"theta": _DIGITS_KERNEL, "Y": _DIGITS.labels},
    "NTK of degenerate inputs": {"theta": _DEGENERATE_KERNEL},
}

#: what the declared domain is called when a claim draws the label measure itself
MEASURES = "label measures"

#: further settings for a claim about (lam, w)
KERNEL_MEASURES: dict[str, dict[str, D.Domain]] = {
    "NTK of digits": _measure(_DIGITS_KERNEL, _DIGITS.labels, "digits"),
    "NTK of degenerate inputs": _measure(_DEGENERATE_KERNEL, _OUTPUTS, "degenerate inputs"),
}


def positive_definite(theta: Tensor) -> Tensor:
    """lambda_min > 0, beyond rounding"""
    values = al.spectra.label_measure(theta, theta[..., 0]).eigenvalues
    return values[..., 0] > 0


def positive_spectrum(lam: Tensor) -> Tensor:
    """lambda_min > 0"""
    return lam.amin(-1) > 0


def labels_not_zero(Y: Tensor) -> Tensor:
    """Y is not zero"""
    return (Y != 0).flatten(1).any(1)


def mass_not_zero(w: Tensor) -> Tensor:
    """the measure is not zero"""
    return w.sum(-1) > 0


def _smaller_steps(theta: Tensor, eta: Tensor) -> dict[str, Tensor]:
    return {"theta": 4 * theta, "eta": eta / 4}


def _more_labels(Y: Tensor) -> dict[str, Tensor]:
    return {"Y": 2 * Y}


def _slower(lam: Tensor, eta: Tensor) -> dict[str, Tensor]:
    return {"lam": lam / 4, "eta": 4 * eta}


def _more_mass(w: Tensor) -> dict[str, Tensor]:
    return {"w": 4 * w}


def _reversed(lam: Tensor, w: Tensor) -> dict[str, Tensor]:
    return {"lam": lam.flip(-1), "w": w.flip(-1)}


#: what leaves a statement about (theta, Y, eta), or about (lam, w, eta), as it is: the unit of the kernel, the unit of the
#: labels, the order of the eigenvalues (powers of two, so that no rounding enters)
KERNEL_UNITS: dict[str, Callable[..., Any]] = {"theta in other units": _smaller_steps, "Y doubled": _more_labels}
MEASURE_UNITS: dict[str, Callable[..., Any]] = {
    "lambda in other units": _slower,
    "four times the mass": _more_mass,
    "eigenvalues in reverse order": _reversed,
}
