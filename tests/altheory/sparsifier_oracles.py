"""Rows to sparsify and the chi-square test of a law: what the tests of the sparsifier share."""

from __future__ import annotations

import numpy as np
from scipy import stats


def basis(n, D, seed=0, tail=2.0, skew=True):
    """Rows with heavy tails, orthonormal under random masses; one mass is tiny."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(n, 1.0)) if skew else np.full(n, 1 / n)
    p[0] = p[0] * 1e-6 if skew else p[0]
    p /= p.sum()
    X = rng.standard_t(tail, size=(n, D)) if tail else rng.standard_normal((n, D))
    return np.linalg.qr(np.sqrt(p)[:, None] * X)[0] / np.sqrt(p)[:, None], p


def p_value(rows, law, n):
    """Chi-square, cells of fewer than five expected rows together."""
    seen, expected = np.bincount(rows, minlength=n), law * len(rows)
    rare = expected < 5
    if rare.any():
        seen, expected = np.append(seen[~rare], seen[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    return stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue
