"""The pieces of a hand-made record: what every claim shares, one attack's line, a seeded histogram."""

from __future__ import annotations

import random
from typing import Any

ENVIRONMENT = {
    "python": "3.11.7",
    "torch": "2.13.0+cpu",
    "numpy": "2.4.1",
    "altheory": "0.1.0",
    "device": "cpu",
    "cores": 2,
}
GLOSSARY = {
    "dynamical": [
        (r"\Theta", "theta", "(n, n)", "the kernel (NTK) at the labelled points"),
        (r"\lambda_i", "lam", "(n,)", r"eigenvalues of $\Theta$"),
        (r"w_i", "w", "(n,)", r"label mass on eigenvector $i$: $\sum_k (v_i^\top Y^k)^2$"),
        (r"\eta", "eta", "()", "step size"),
        (r"t", "t", "()", "number of gradient steps"),
    ]
}


def histogram(low: float, high: float, instances: int, seed: int, bins: int = 40, power: float = 2.0) -> dict[str, Any]:
    """Counts that pile up towards the upper end."""
    draw = random.Random(seed)
    edges = [low + (high - low) * i / bins for i in range(bins + 1)]
    counts = [0] * bins
    for _ in range(instances):
        counts[min(int((1 - draw.random() ** power) * bins), bins - 1)] += 1
    return {"edges": edges, "counts": counts}


def evidence(attack: str, setting: str, instances: int, low: float, high: float, seed: int, **more: Any) -> dict[str, Any]:
    """One attack's line."""
    item = {
        "attack": attack,
        "setting": setting,
        "instances": instances,
        "admissible": instances,
        "violations": 0,
        "best_ratio": high,
        "best": None,
        "links": [],
        "histogram": histogram(low, high, min(instances, 4000), seed),
        "seconds": 0.02 + instances / 40_000,
        "seed": seed,
        "device": "cpu",
    }
    return {**item, **more}


def record(name: str, **fields: Any) -> dict[str, Any]:
    """A complete record with the usual values where a claim does not say otherwise."""
    base = {
        "schema": 1,
        "id": name,
        "paper": name.split(".")[0],
        "kind": "leq",
        "title": name,
        "expected": "held",
        "verdict": "held",
        "agrees": True,
        "reason": "no violation was found",
        "statement": "",
        "sections": [],
        "source": "",
        "reading": None,
        "uses": [],
        "amends": None,
        "sharpens": None,
        "arguments": {},
        "assumes": [],
        "constants": {},
        "evidence": [],
        "best_ratio": None,
        "witness": None,
        "mutants": {},
        "mutant_evidence": {},
        "seed": 0,
        "budget": "quick",
        "seconds": 1.2,
        "environment": ENVIRONMENT,
        "error": None,
    }
    return {**base, **fields}


SPECTRUM = {
    "lam": "eigenvalues, length n, in [0, 1]",
    "w": "label masses, length n, nonnegative, not all zero",
    "eta": "step size, in [0, 3]",
    "t": "integer in 0..60",
}
LAW = r"$E_t^2=\sum_i w_i(1-\eta\lambda_i)^{2t}$, $T=\sum_i w_i$ and $A=\sum_i w_i\lambda_i$"
