"""Theorem 1 of dynamicAL twice: false as printed, and the sharp form that holds."""

from __future__ import annotations

from typing import Any

from report_sample_base import LAW, SPECTRUM, evidence, record


def theorem1_as_printed() -> dict[str, Any]:
    """A statement that is false as printed: found false, as expected, not yet confirmed exactly."""
    return record(
        "dynamical.theorem1.as_printed",
        kind="chain",
        title="Theorem 1 as printed",
        expected="refuted",
        verdict="candidate",
        reason="at t = 0 the upper bound $T-\\eta A$ lies below $E_0^2=T$",
        statement="For every number of steps $t$,\n\n$T-2t\\eta A \\le E_t^2 \\le T-\\eta A$\n\nwhere " + LAW + ".",
        sections=[
            [
                "In the paper",
                r"$\operatorname{Tr}[Y^\top Y]-2t\eta A \le "
                r"\|Y-f_t\|_F^2 \le \operatorname{Tr}[Y^\top Y]-\eta A$ "
                "with no condition on $t$; the proof sets $t\\ge 1$ without saying so.",
            ],
            ["Repairs", r"Upper bound: require $t\ge 1$ and $0\le\eta\lambda_i\le 1$."],
            [
                "Notes",
                "- The lower bound is true for every $\\eta$.\n- It is negative once $t>T/(2\\eta A)$, and then says nothing.",
            ],
        ],
        source="dynamicAL, Theorem 1, eq. (17), (28)",
        reading="t = 0 not excluded",
        uses=["dynamical.definition1", "dynamical.lemma1"],
        arguments=SPECTRUM,
        assumes=["$\\eta\\lambda_i \\le 1$"],
        constants={"c": 1.0},
        best_ratio=2.0,
        seconds=2.31,
        evidence=[
            evidence(
                "degenerate",
                "one- and two-point spectra",
                1234,
                0.02,
                2.0,
                3,
                violations=61,
                best_ratio=2.0,
                links=[
                    {"name": "T - 2t eta A <= E_t^2", "best_ratio": 1.0, "median_ratio": 0.31},
                    {"name": "E_t^2 <= T - eta A", "best_ratio": 2.0, "median_ratio": 0.58},
                ],
            ),
            evidence(
                "random",
                "random spectra",
                50_000,
                0.01,
                1.61,
                4,
                violations=812,
                best_ratio=1.61,
                links=[
                    {"name": "T - 2t eta A <= E_t^2", "best_ratio": 0.999, "median_ratio": 0.12},
                    {"name": "E_t^2 <= T - eta A", "best_ratio": 1.61, "median_ratio": 0.44},
                ],
            ),
            evidence("ascent", "8 starts", 3200, 0.6, 1.98, 5, violations=2900, best_ratio=1.98),
        ],
        witness={
            "file": "witness/dynamical.theorem1.as_printed.json",
            "setting": "one-point spectra",
            "attack": "degenerate",
            "dims": {"n": 1},
            "inputs": {"lam": [1.0], "w": [1.0], "eta": 0.5, "t": 0},
            "terms": [
                {"name": "T - 2t eta A", "value": 1.0},
                {"name": "E_t^2", "value": 1.0},
                {"name": "T - eta A", "value": 0.5},
            ],
            "link": "E_t^2 <= T - eta A",
            "lhs": 1.0,
            "rhs": 0.5,
            "ratio": 2.0,
            "confirmed": False,
        },
    )


def theorem1_sharp() -> dict[str, Any]:
    """A chain that holds and is tight, with its mutants caught."""
    return record(
        "dynamical.theorem1.sharp",
        kind="chain",
        title="Theorem 1, sharp form",
        expected="held",
        verdict="tight",
        reason="no violation in 58,434 instances; equality at a point mass and at a two-point mass",
        statement="For every $\\eta$ and every integer $t\\ge 0$,\n\n"
        r"$T\left(1-\frac{\eta A}{T}\right)^{2t} \le E_t^2 \le "
        r"\frac{(\lambda_{\max}T-A)(1-\eta\lambda_{\min})^{2t}+"
        r"(A-\lambda_{\min}T)(1-\eta\lambda_{\max})^{2t}}{\lambda_{\max}-\lambda_{\min}}.$",
        sections=[
            [
                "Tight at",
                r"Left: all mass on one eigenvalue $A/T$. Right: mass on "
                r"$\{\lambda_{\min},\lambda_{\max}\}$ only.",
            ],
            [
                "Notes",
                r"Jensen and the chord of the convex $\lambda\mapsto(1-\eta\lambda)^{2t}$; "
                r"$\eta\lambda\le1$ is not needed.",
            ],
        ],
        source="dynamicAL, Theorem 1; the sharp form is ours",
        sharpens="dynamical.theorem1.as_printed",
        uses=["dynamical.theorem1.as_printed"],
        arguments=SPECTRUM,
        best_ratio=1.0,
        seconds=4.7,
        evidence=[
            evidence(
                "degenerate",
                "one- and two-point spectra",
                1234,
                0.4,
                1.0,
                6,
                links=[
                    {"name": "T(1 - eta A/T)^2t <= E_t^2", "best_ratio": 1.0, "median_ratio": 0.93},
                    {"name": "E_t^2 <= chord", "best_ratio": 1.0, "median_ratio": 0.81},
                ],
            ),
            evidence(
                "random",
                "random spectra",
                54_000,
                0.0004,
                0.9999,
                7,
                links=[
                    {"name": "T(1 - eta A/T)^2t <= E_t^2", "best_ratio": 0.99, "median_ratio": 0.41},
                    {"name": "E_t^2 <= chord", "best_ratio": 0.9999, "median_ratio": 0.17},
                ],
                best={
                    "dims": {"n": 16},
                    "inputs": {
                        "lam": [round(i / 17, 3) for i in range(1, 17)],
                        "Q": [[1.0 if i == j else round(0.01 * (i - j), 2) for j in range(16)] for i in range(16)],
                        "eta": 0.75,
                        "t": 3,
                    },
                    "terms": [{"name": "E_t^2", "value": 0.25}, {"name": "chord", "value": 0.25002500250025}],
                    "ratio": 0.9999,
                },
            ),
            evidence("ascent", "8 starts", 3200, 0.9, 1 - 2e-8, 8, best_ratio=1 - 2e-8),
        ],
        mutants={"one percent too strong": True, "chord through the wrong ends": True},
        mutant_evidence={
            "one percent too strong": {
                "killed": True,
                "change": "c=0.99",
                "attack": "degenerate",
                "setting": "two-point",
                "instances": 12,
                "inputs": {"lam": [1.0, 0.0], "eta": 1.5, "t": 1},
                "lhs": 0.625,
                "rhs": 0.61875,
            },
            "chord through the wrong ends": {
                "killed": True,
                "change": "swaps the ends",
                "attack": "random",
                "setting": "random spectra",
                "instances": 140,
                "inputs": {"lam": [0.31, 0.77], "eta": 0.9, "t": 2},
                "lhs": 0.31,
                "rhs": 0.05,
            },
        },
    )
