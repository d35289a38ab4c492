"""What the papers' experiments ask of one number a seed: is the mean significantly above a level?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def student(values: NDArray[np.float64]) -> tuple[float, float]:
    """The mean of independent values and half the width of its 95 % Student t interval."""
    import numpy as np
    from scipy.stats import t

    n = len(values)
    return float(np.mean(values)), float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))


def above(level: float) -> Callable[[NDArray[np.float64]], bool]:
    """A predicate of the seeds' values: is their mean significantly above a level?"""

    def significant(values: NDArray[np.float64]) -> bool:
        mean, half = student(values)
        return mean - half > level

    significant.__doc__ = f"a mean whose 95 % Student t interval lies above {level:g}"
    return significant


def not_below(level: float) -> Callable[[NDArray[np.float64]], bool]:
    """A predicate of the seeds' values: does nothing say that their mean is below a level?"""

    def compatible(values: NDArray[np.float64]) -> bool:
        mean, half = student(values)
        return mean + half >= level

    compatible.__doc__ = f"a mean whose 95 % Student t interval reaches {level:g} or more"
    return compatible
