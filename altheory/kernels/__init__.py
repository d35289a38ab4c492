"""Kernels of two-layer networks."""

from altheory.kernels._analytic import analytic

__all__ = ["analytic"]
