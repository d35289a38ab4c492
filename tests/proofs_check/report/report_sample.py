"""A small realistic run: one record of each kind of outcome, as `results.jsonl` holds them.

Made by hand around section 4.1 of dynamicAL, so that the page can be looked at without a run:
`python tests/proofs_check/report/report_sample.py OUT` writes `OUT/index.html`.
"""

from __future__ import annotations

import pathlib
import sys
from typing import Any

from report_sample_base import GLOSSARY, SPECTRUM, evidence, record
from report_sample_theorem1 import theorem1_as_printed, theorem1_sharp


def definition1() -> dict[str, Any]:
    """An equality that holds to rounding."""
    return record(
        "dynamical.definition1",
        kind="eq",
        title="Definition 1: alignment is a weighted sum of eigenvalues",
        reason="both sides agree to rounding on all 6,200 instances",
        source="dynamicAL, Definition 1",
        statement="For every symmetric $\\Theta$ with eigenvectors $v_i$ and every "
        "$Y\\in\\mathbb{R}^{n\\times K}$,\n\n"
        r"$\operatorname{Tr}[Y^\top\Theta Y]=\sum_{k=1}^K\sum_{i=1}^n\lambda_i(v_i^\top Y^k)^2.$",
        sections=[
            ["Repairs", r"The paper writes $\Theta=V^\top\Lambda V$, so its $v_i$ are the *rows* of $V$."],
            ["Notes", "Not a correlation: it scales as $c$ in $\\Theta$ and as $c^2$ in $Y$."],
        ],
        arguments={"theta": "symmetric, n x n", "Y": "real, n x K"},
        best_ratio=1 + 3.1e-15,
        evidence=[
            evidence("degenerate", "identity, rank one, ties", 200, 1.0, 1 + 2.2e-16, 1, best_ratio=1 + 2.2e-16),
            evidence(
                "random",
                "n in 1..16",
                6000,
                1.0,
                1 + 3.1e-15,
                2,
                best={
                    "dims": {"n": 3, "K": 1},
                    "inputs": {
                        "theta": [[2.0, 0.5, 0.0], [0.5, 1.0, -0.25], [0.0, -0.25, 0.3333333]],
                        "Y": [[1.0], [-1.0], [0.123456789012]],
                    },
                    "terms": [
                        {"name": "Tr[Y' Theta Y]", "value": 2.0668},
                        {"name": "sum", "value": 2.06680000000001},
                    ],
                    "ratio": 1 + 3.1e-15,
                },
            ),
        ],
        mutants={"drops the factor": True},
        mutant_evidence={
            "drops the factor": {
                "killed": True,
                "change": "squares the eigenvalue",
                "attack": "degenerate",
                "setting": "two-point",
                "instances": 3,
                "inputs": {"theta": [[2.0]], "Y": [[1.0]]},
                "lhs": 2.0,
                "rhs": 4.0,
            }
        },
    )


def records() -> list[dict[str, Any]]:
    """The whole sample, in the order in which workers might finish."""
    return [
        theorem1_sharp(),
        definition1(),
        record(
            "dynamical.theorem2",
            kind="chain",
            title="Theorem 2: $T^2/A \\le I \\le \\kappa T^2/A$",
            reason="no violation in 51,200 instances",
            statement="With $I=\\sum_i w_i/\\lambda_i$ and $\\kappa=\\lambda_{\\max}/\\lambda_{\\min}$: "
            "$\\frac{T^2}{A} \\le I \\le \\kappa\\frac{T^2}{A}$ "
            "whenever `lam_min > 0` and $Y\\ne0$.",
            source="dynamicAL, Theorem 2, eq. (19)",
            arguments=SPECTRUM,
            assumes=["smallest eigenvalue > 0"],
            evidence=[evidence("random", "random spectra", 51_200, 0.01, 0.98, 9, best_ratio=0.98)],
            best_ratio=0.98,
            mutants={"factor 1/2 on the left": True, "kappa to the power 0.99": False},
            mutant_evidence={
                "factor 1/2 on the left": {
                    "killed": True,
                    "change": "c=2",
                    "attack": "random",
                    "setting": "random spectra",
                    "instances": 7,
                    "inputs": {"lam": [0.5], "w": [1.0]},
                    "lhs": 4.0,
                    "rhs": 2.0,
                },
                "kappa to the power 0.99": {"killed": False, "change": "power=0.99"},
            },
        ),
        theorem1_as_printed(),
        record(
            "dynamical.remark1",
            title="Remark 1: higher alignment means faster convergence",
            expected="held",
            verdict="refuted",
            agrees=False,
            reason="the label with the higher alignment is slower from $t=2$ on",
            statement=r"If $A_1\ge A_2$ then $E_{1,t}^2\le E_{2,t}^2$ for every $t\ge1$.",
            source="dynamicAL, Remark 1",
            best_ratio=35.6,
            arguments={**SPECTRUM, "w1": "masses", "w2": "masses"},
            evidence=[evidence("random", "random spectra", 20_000, 0.01, 35.6, 10, violations=3012, best_ratio=35.6)],
            witness={
                "file": "witness/dynamical.remark1.json",
                "setting": "n = 3",
                "attack": "random",
                "dims": {"n": 3},
                "inputs": {
                    "lam": ["1/10", "1/2", "1"],
                    "w1": ["1/5", "0", "4/5"],
                    "w2": ["0", "1", "0"],
                    "eta": 1,
                    "t": 2,
                },
                "terms": [{"name": "E_1^2", "value": "6561/50000"}, {"name": "E_2^2", "value": "1/16"}],
                "link": None,
                "lhs": 0.13122,
                "rhs": 0.0625,
                "ratio": 2.09952,
                "confirmed": True,
            },
        ),
        record(
            "dynamical.lemma1",
            title="Lemma 1: the training error follows the spectrum",
            verdict="error",
            agrees=False,
            kind="leq",
            reason="the claim raised an exception before the first attack",
            statement=r"$\|y-u_t\|_2 = \sqrt{\sum_i (1-\eta\lambda_i)^{2t}(v_i^\top y)^2} \pm \epsilon$",
            source="dynamicAL, Lemma 1 (Arora et al., Theorem 4.1)",
            error="RuntimeError: linalg.eigh: the algorithm failed to converge",
            seconds=0.4,
        ),
        record(
            "crc.proposition2",
            title="Proposition 2: the acquisition is monotone when all weights agree in sign",
            verdict="vacuous",
            expected="vacuous",
            reason="none of 12,000 instances met the assumption that weights are positive and negative",
            statement=r"$\mathbb{E}\left[f(S\cup\{u\})\right] \ge \mathbb{E}[f(S)]$",
            source="CRC, Proposition 2",
            evidence=[
                evidence(
                    "random",
                    "weights in [-1, 1]",
                    12_000,
                    0,
                    1,
                    11,
                    admissible=0,
                    best_ratio=None,
                    histogram=None,
                )
            ],
        ),
        record(
            "crc.lemma3",
            title="Lemma 3: rank correlation bounds the regret",
            reason="no violation in 4,096 instances",
            source="CRC, Lemma 3",
            statement=r"$R \le \sqrt{\tfrac12(1-\rho)}$ with a matrix such as "
            r"$\begin{pmatrix}1&0\\0&1\end{pmatrix}$.",
            evidence=[evidence("random", "permutations", 4096, 0.2, 0.98, 12, best_ratio=0.98)],
            best_ratio=0.98,
            seconds=75.0,
        ),
    ]


if __name__ == "__main__":
    from proofs_check.report import write_report

    print(
        write_report(
            records(),
            pathlib.Path(sys.argv[1]),
            command="proofs-check verify --budget quick --seed 0 --out report",
            glossary=GLOSSARY,
        )
    )
