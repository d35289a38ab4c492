r"""How many steps gradient descent takes under a fixed kernel, and the bound that the smallest eigenvalue gives.

With the label measure $\mu$ of kernel and residual, $E_t^2 = \int(1-\eta\lambda)^{2t}d\mu$ (`altheory.spectra`). For
$0 < \eta\lambda_{\max}\le1$ it falls, at least like $(1-\eta\lambda_{\min})^{2t}$, so the share p of $E_0^2$ is reached after
at most

$$t = \Big\lceil\frac{\log(1/p)}{-2\log(1-\eta\lambda_{\min})}\Big\rceil$$

steps; exactly where all mass lies on $\lambda_{\min}$.

Source: Kong et al., "Relieving the Plateau" (CRC), Lemma 3 and appendix B.3, which reads it as a prediction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.spectra import LabelMeasure

#: steps beyond this are not counted
LONGEST = 1 << 40


def steps_to(measure: LabelMeasure, share: float, eta: float) -> Int[Tensor, "*batch"]:
    r"""The least t with $E_t^2\le pE_0^2$, by bisection; 0 where there is no mass.

    Args:
        measure: eigenvalues and masses, (..., n).
        share: p, strictly between 0 and 1.
        eta: step size, with $0\le\eta\lambda\le2$ for every eigenvalue, so that the error never rises.

    Returns:
        (...,) int64; `LONGEST` where the share is not reached by then, as with enough mass on eigenvalue 0.

    Raises:
        InputError: a share outside (0, 1), or a step size with an eigenvalue outside [0, 2].
    """
    _check(share)
    lam, w = measure.eigenvalues, measure.weights
    top = 8 * torch.finfo(lam.dtype).eps
    if not eta > 0 or bool((eta * lam < -top).any()) or bool((eta * lam > 2 + top).any()):
        raise InputError(
            f"`eta` is {eta!r} with eigenvalues from {float(lam.min()):.3g} to {float(lam.max()):.3g}, but "
            "a falling error wants 0 <= eta * lambda <= 2 for all of them; pass a smaller step size."
        )
    logs = torch.log((1 - eta * lam).abs())
    goal = share * w.sum(-1)

    def reached(t: Tensor) -> Tensor:
        # 0 * (-inf) is no number: at t = 0 nothing has decayed
        decay = torch.where(t[..., None] == 0, 1.0, torch.exp(2 * t[..., None] * logs))
        return (w * decay).sum(-1) <= goal

    low, high = torch.full_like(goal, -1), torch.full_like(goal, LONGEST)  # never reached at low, reached (or given up) at high
    while bool((open_ := high - low > 1).any()):
        middle = ((low + high) / 2).floor()
        yes = reached(middle.clamp(min=0))
        low, high = torch.where(open_ & ~yes, middle, low), torch.where(open_ & yes, middle, high)
    return high.to(torch.int64)


def steps_bound(lowest: Float[ArrayLike, "*batch"], share: Any, eta: Any) -> Float[Tensor, "*batch"]:
    r"""$\log(1/p)\,/\,(-2\log(1-\eta\lambda_{\min}))$: no label needs more steps (rounded up) for $\eta\lambda_{\max}\le1$.

    Args:
        lowest: $\lambda_{\min}$, (...,), with $0\le\eta\lambda_{\min}<1$.
        share: p, (...,) or a number, strictly between 0 and 1.
        eta: step size, (...,) or a number.

    Returns:
        (...,), not rounded; infinite for $\lambda_{\min} = 0$. Exact arrays pass through.

    Raises:
        InputError: a share outside (0, 1), or $\eta\lambda_{\min}$ outside [0, 1).
    """
    lam, p, step = as_tensors(lowest=lowest, share=share, eta=eta)
    x = step * lam
    if not (is_exact(lam) or is_exact(p) or is_exact(step)):
        _check(p)
        if bool(((x < 0) | (x >= 1)).any()):
            raise InputError(
                f"`eta` * `lowest` goes from {float(x.min()):.3g} to {float(x.max()):.3g} but at least 0 and below 1 is "
                "wanted; pass a smaller step size."
            )
    return torch.log(p) / (2 * torch.log1p(-x))


def _check(share: Any) -> None:
    low, high = (float(share.min()), float(share.max())) if isinstance(share, torch.Tensor) else (share, share)
    if not 0 < low <= high < 1:
        raise InputError(f"`share` is {share!r} but numbers strictly between 0 and 1 are wanted; pass e.g. 0.01.")
