r"""Expected error reduction (eq. 2), and whether it chooses the candidate with the largest mutual information.

A coherent model is a joint law of the labels: asking for $y_x$ turns $p(Y_i)$ into $p(Y_i|y_x)$, and on average into itself.
Claims about the sentence draw such a law; claims about kernel regression draw a kernel. Whether the sum in (2) includes the
candidate makes no difference to the score (its label is known then), but to what the score is equal to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import altheory as al
from altheory.lookahead import joint_entropy, marginal, mutual_information
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_queries import DIMS, KERNEL, ON, OUTPUTS, POOL, SOURCE, ahead_of, one_hot
from proofs_check.relations import Relation

EQ2 = f"{SOURCE}, section 2, eq. (2)"
SENTENCE = f"{EQ2} and the sentence after it"

#: laws of three, and of four, binary labels
THREE, FOUR = D.simplex(8), D.simplex(16)
INCLUDED = "sum over all of U, the candidate among them, as printed; joint information with all labels; a coherent model"
EXCLUDED = "sum over U without the candidate; joint information with the other labels; a coherent model"


def _law(law: Tensor) -> tuple[Tensor, int]:
    n = {8: 3, 16: 4}[law.shape[-1]]
    return law.reshape(law.shape[0], *[2] * n), n


def error_reduction(law: Tensor, x: int, of: Sequence[int]) -> Tensor:
    r"""Eq. (2) for candidate x: $-\sum_yp(y)\sum_iH(Y_i|y_x = y)$ over the labels `of`; a known label has no entropy."""
    table, n = _law(law)
    chances = marginal(table, n, [x])
    total = 0 * chances[:, 0]
    for i in of:
        if i != x:
            pair = marginal(table, n, [x, i])
            pair = torch.transpose(pair, -1, -2) if i < x else pair
            given = pair / torch.where(chances > 0, chances, torch.ones_like(chances))[..., None]
            total = total - (chances * entropy(given)).sum(-1)
    return total


def joint_information(law: Tensor, x: int, of: Sequence[int]) -> Tensor:
    """The information between candidate x and the labels `of` together."""
    table, n = _law(law)
    return mutual_information(table, n, list(of), [x])


def pairwise_information(law: Tensor, x: int, of: Sequence[int]) -> Tensor:
    """The sum of the informations between candidate x and each of the labels `of`."""
    table, n = _law(law)
    return torch.stack([mutual_information(table, n, [i], [x]) for i in of], -1).sum(-1)


class _Informations:
    """Scores and informations of all candidates, (batch, n) each, from the entropies of sets of labels."""

    def __init__(self, law: Tensor) -> None:
        table, n = _law(law)
        everyone = range(n)
        self.alone = torch.stack([joint_entropy(table, n, [i]) for i in everyone], -1)
        pairs = {(i, j): joint_entropy(table, n, [i, j]) for i in everyone for j in everyone if i < j}
        both = [[pairs[min(i, x), max(i, x)] - self.alone[:, x] for i in everyone if i != x] for x in everyone]
        #: eq. (2), by H(Y_i|y_x) = H(Y_i, Y_x) - H(Y_x); the candidate's own term is 0
        self.reduction = -torch.stack([sum(row[1:], row[0]) for row in both], -1)
        self.pairwise = self.alone.sum(-1)[:, None] - self.alone + self.reduction
        together = joint_entropy(table, n, everyone)
        rest = [joint_entropy(table, n, [i for i in everyone if i != x]) for x in everyone]
        #: with the other labels together
        self.joint = torch.stack(rest, -1) + self.alone - together[:, None]


def entropy(p: Tensor) -> Tensor:
    """Entropy of probabilities that a sum may have left a rounding error below 0."""
    return al.lookahead.entropy(torch.where(p > 0, p, torch.zeros_like(p)))


def _first_has_largest(scores: Tensor) -> Tensor:
    return scores[:, 0] > torch.amax(scores[:, 1:], -1)


def reduces_most(law: Tensor) -> Tensor:
    """candidate 1 has the largest score (2)"""
    return _first_has_largest(_Informations(law).reduction)


def informs_most(law: Tensor) -> Tensor:
    """candidate 1 has the largest sum of pairwise informations with the other labels"""
    return _first_has_largest(_Informations(law).pairwise)


def _at_the_first(information: Tensor, names: list[str], share: float, extra: float) -> Relation:
    return leq(share * torch.amax(information, -1) + extra, information[:, 0], names=names)


@claim(
    id="lookahead.eq2.joint",
    title="Expected error reduction maximises the joint information",
    source=SENTENCE,
    reading=INCLUDED,
    expect="refuted",
    law=THREE,
    assumes=[reduces_most],
    mutants={"by one percent": dict(share=1.01), "by a hundredth of a nat": dict(extra=0.01)},
)
def joint(law: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""Let three labels have a joint law and candidate 1 the largest $A_{EER}(x) = -\sum_yp(y)\sum_{i\in U}H(Y_i|y_x = y)$.
    Then $I(Y_U;y_x)$ is largest at $x = 1$.

    In the paper: "Maximizing $A_{EER}$ chooses the candidate point whose label has maximal mutual information to the labels of
    unlabeled data".

    Counterexample: $Y_3$ a fair bit, independent of the others; $Y_1 = 1$ with probability 1/4, and then $Y_2 = 1$ with
    probability 3/4, else 0. In bits, the sums of pairwise informations are 1.30, 1.19 and 1, the joint ones 0.81, 0.70 and 1.

    Notes: $I(Y_U;y_x) = H(y_x)$ where x is in U, so this sentence makes EER the same as maximum entropy, the criterion that the
    paper sets it against. The code uses that.
    """
    return _at_the_first(_Informations(law).alone, ["largest I(Y_U;y_x)", "I(Y_U;y_1)"], share, extra)


@claim(
    id="lookahead.eq2.joint_without_itself",
    title="Expected error reduction of the others maximises the joint information",
    source=SENTENCE,
    reading=EXCLUDED,
    expect="refuted",
    law=THREE,
    assumes=[reduces_most],
    mutants={"by one percent": dict(share=1.01), "by a hundredth of a nat": dict(extra=0.01)},
)
def joint_without_itself(law: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""Let candidate 1 have the largest $-\sum_yp(y)\sum_{i\ne x}H(Y_i|y_x = y)$. Then $I(Y_{U\setminus x};y_x)$ is largest at
    $x = 1$.

    Counterexample: $Y_1$ a fair bit that says nothing of the others, $Y_2 = Y_3$, equal to 1 with probability 1/16. Asking for
    $Y_1$ leaves 0.67 bits, asking for $Y_2$ leaves the whole bit of $Y_1$; yet $I(Y_{U\setminus1};y_1) = 0$ and
    $I(Y_{U\setminus2};y_2) = 0.34$.

    Notes: the entropy that is left out, $H(Y_x)$, depends on the candidate.
    """
    return _at_the_first(_Informations(law).joint, ["largest I(others;y_x)", "I(others;y_1)"], share, extra)


@claim(
    id="lookahead.eq2.pairwise_without_itself",
    title="Expected error reduction of the others maximises pairwise informations",
    source=SENTENCE,
    reading="sum over U without the candidate; sum of informations with each other label; a coherent model",
    expect="refuted",
    law=THREE,
    assumes=[reduces_most],
    mutants={"by one percent": dict(share=1.01), "by a hundredth of a nat": dict(extra=0.01)},
)
def pairwise_without_itself(law: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""Let candidate 1 have the largest $-\sum_yp(y)\sum_{i\ne x}H(Y_i|y_x = y)$. Then $\sum_{i\ne x}I(Y_i;y_x)$ is largest at
    $x = 1$.

    Counterexample: that of lookahead.eq2.joint_without_itself: 0 against 0.34 bits.
    """
    return _at_the_first(_Informations(law).pairwise, ["largest sum of I", "sum of I at 1"], share, extra)


@claim(
    id="lookahead.eq2.joint_of_others",
    title="The largest sum of informations is the largest joint information",
    source=SENTENCE,
    reading="the score as information gained about the other labels, each for itself; joint information with them",
    expect="refuted",
    law=FOUR,
    assumes=[informs_most],
    mutants={"by one percent": dict(share=1.01), "by a hundredth of a nat": dict(extra=0.01)},
)
def joint_of_others(law: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""Let four labels have a joint law and candidate 1 the largest $\sum_{i\ne x}I(Y_i;y_x)$. Then $I(Y_{U\setminus x};y_x)$
    is largest at $x = 1$.

    Counterexample: $Y_2$ and $Y_3$ fair bits, $Y_4$ their sum modulo 2, $Y_1 = 1$ where all three are 0. Each pair with $Y_1$
    has 0.31 bits, the other pairs none: sums 0.93 and 0.31. But $I(\mathrm{others};y_1) = H(1/4) = 0.81$, and $Y_2$ is
    what the others say: 1 bit.

    Notes: for three labels the statement is true: $I(Y_{U\setminus x};y_x)-I(Y_{U\setminus z};y_z)$ is $I(x;w)-I(z;w)$, w the
    third, as is the difference of the sums.
    """
    return _at_the_first(_Informations(law).joint, ["largest I(others;y_x)", "I(others;y_1)"], share, extra)


@claim(
    id="lookahead.eq2",
    title="Expected error reduction is a sum of pairwise informations",
    source=SENTENCE,
    reading="a coherent model, the sum over a fixed set of points, informations with one label at a time",
    amends="lookahead.eq2.joint",
    law=THREE,
    mutants={"one percent more": dict(share=1.01), "joint information": dict(pairwise=False)},
)
def eq2(law: Tensor, *, share: float = 1.0, pairwise: bool = True) -> Relation:
    r"""For a coherent model (labels with a joint law) and a sum over all of U,
    $A_{EER}(x) = \sum_{i\in U}I(Y_i;y_x)-\sum_{i\in U}H(Y_i)$. The second sum depends on no candidate, so EER chooses the
    candidate with the largest sum of pairwise informations.

    Proof: $I(Y_i;y_x) = H(Y_i)-H(Y_i|y_x)$, term by term.
    """
    table, n = _law(law)
    information = pairwise_information(law, 0, range(3)) if pairwise else joint_information(law, 0, range(3))
    constant = sum(joint_entropy(table, n, [i]) for i in range(3))
    return eq(share * (information - constant), error_reduction(law, 0, range(3)), names=["sum of I - sum of H", "A_EER"])


@claim(
    id="lookahead.eq2.without_itself",
    title="Without the candidate the constant is none",
    source=f"replaces {SENTENCE}",
    amends="lookahead.eq2.pairwise_without_itself",
    law=THREE,
    mutants={"one percent more": dict(share=1.01), "without the candidate's entropy": dict(own=0.0)},
)
def without_itself(law: Tensor, *, share: float = 1.0, own: float = 1.0) -> Relation:
    r"""With the sum over $U\setminus x$, $A_{EER}(x) = \sum_{i\ne x}I(Y_i;y_x)+H(Y_x)-\sum_{i\in U}H(Y_i)$: labels that are
    uncertain in themselves are preferred.
    """
    table, n = _law(law)
    constant = sum(joint_entropy(table, n, [i]) for i in range(3))
    score = pairwise_information(law, 0, [1, 2]) + own * joint_entropy(table, n, [0]) - constant
    return eq(share * score, error_reduction(law, 0, [1, 2]), names=["sum of I + H - constant", "A_EER without x"])


PREDICTIONS: dict[str, Any] = {
    "before": D.simplex("C"),
    "after": D.simplex("C"),
    "otherwise": D.simplex("C"),
    "p": D.interval(0, 1),
}


@claim(
    id="lookahead.eq2.incoherent",
    title="The expected gain of any model is an information",
    source=SENTENCE,
    reading="any model, coherent or not: the gain H(Y) - E H(Y | y) is not negative",
    expect="refuted",
    **PREDICTIONS,
    dims={"C": (2, 3)},
    mutants={"one percent more": dict(share=1.01), "a hundredth of a nat more": dict(extra=0.01)},
)
def incoherent(
    before: Tensor, after: Tensor, otherwise: Tensor, p: Tensor, *, share: float = 1.0, extra: float = 0.0
) -> Relation:
    r"""A model says $q(Y)$ now, and $q_y(Y)$ after training on the label $y\in\{0,1\}$, which it gives the probabilities p and
    1 - p. Then $p\,H(q_0)+(1-p)\,H(q_1) \le H(q)$, as for any mutual information.

    Counterexample: q = (1, 0), $q_0 = q_1 = (1/2, 1/2)$: training on a new label makes the model doubt.
    """
    later = p * entropy(after) + (1 - p) * entropy(otherwise)
    full = torch.log(torch.tensor(float(before.shape[-1]), dtype=torch.float64))
    return leq(full - entropy(before), full - share * later - extra, names=["log C - H(q)", "log C - expected H after"])


@claim(
    id="lookahead.eq2.jensen",
    title="A coherent model is not less certain afterwards, on average",
    source="Jensen's inequality",
    amends="lookahead.eq2.incoherent",
    after=D.simplex("C"),
    otherwise=D.simplex("C"),
    p=D.interval(0, 1),
    dims={"C": (2, 3)},
    mutants={"one percent more": dict(share=1.01), "weights exchanged": dict(exchanged=True)},
)
def jensen(after: Tensor, otherwise: Tensor, p: Tensor, *, share: float = 1.0, exchanged: bool = False) -> Relation:
    r"""If $q = p\,q_0+(1-p)\,q_1$, then $p\,H(q_0)+(1-p)\,H(q_1) \le H(q)$.

    Tight at: $q_0 = q_1$, or p = 0 or 1.

    Notes: kernel regression is such a model where its outputs are probabilities and are taken as the label's
    (lookahead.eq2.coherence).
    """
    weight = 1 - p if exchanged else p
    mixed = weight[:, None] * after + (1 - weight)[:, None] * otherwise
    later = p * entropy(after) + (1 - p) * entropy(otherwise)
    return leq(share * later, entropy(mixed), names=["expected entropy after", "entropy before"])


def _expected_outputs(M: Tensor, F: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """First output of the second candidate, before and on average after training on the first one; and A between them."""
    n = M.shape[-1] - POOL
    ahead = ahead_of(M, F)
    after = [ahead.predictions(one_hot(c, F)[:, None] + 0 * F[:, n:])[:, 0, 1, 0] for c in range(F.shape[-1])]
    return F[:, n + 1, 0], (p * torch.stack(after, -1)).sum(-1), ahead.gains()[:, 1, 0]


def _put(F: Tensor, p: Tensor) -> Tensor:
    """F with the first candidate's outputs replaced by p."""
    m = F.shape[1]
    here = (torch.arange(m) == m - POOL).to(torch.float64)[:, None]
    return F * (1 - here) + p[:, None] * here


@claim(
    id="lookahead.eq2.coherence",
    title="Kernel regression is coherent if its outputs are the label's probabilities",
    source="own derivation",
    M=KERNEL,
    F=OUTPUTS,
    p=D.simplex("C"),
    dims=DIMS,
    on=ON,
    uses=["lookahead.eq12"],
    mutants={"one percent more": dict(share=1.01), "every class alike": dict(uniform=True)},
)
def coherence(M: Tensor, F: Tensor, p: Tensor, *, share: float = 1.0, uniform: bool = False) -> Relation:
    r"""Let $f_L$ have converged and $p(\cdot|x') = f_L(x')$ be a probability vector. Then
    $E_{y\sim p}\,f_{L\cup(x',y)}(x) = f_L(x)$ at every x.

    Proof: lookahead.eq2.coherence.gap.
    """
    before, after, _ = _expected_outputs(M, _put(F, p), 0 * p + 1 / p.shape[-1] if uniform else p)
    return eq(share * after, before, names=["expected output after", "output before"])


@claim(
    id="lookahead.eq2.coherence.gap",
    title="How far kernel regression is from coherent",
    source="own derivation",
    sharpens="lookahead.eq2.coherence",
    M=KERNEL,
    F=OUTPUTS,
    p=D.simplex("C"),
    dims=DIMS,
    on=ON,
    uses=["lookahead.eq12"],
    mutants={"one percent more": dict(share=1.01), "as if coherent": dict(share=0.0)},
)
def coherence_gap(M: Tensor, F: Tensor, p: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $f_L$ have converged. For all probabilities p of the label, $E_{y\sim p}\,f_{L\cup(x',y)}(x) =
    f_L(x)+A_{x,x'}\,(p-f_L(x'))$, $A_{x,x'} = S(x,x')/u(x')$: coherent if and only if $p = f_L(x')$, at every x that
    the candidate moves.
    """
    before, after, gain = _expected_outputs(M, F, p)
    gap = gain * (p[:, 0] - F[:, F.shape[1] - POOL, 0])
    return eq(after, before + share * gap, names=["expected output after", "f_L(x) + A (p - f_L(x'))"])


@claim(
    id="lookahead.eq2.coherence.softmax",
    title="Kernel regression is coherent with softmax probabilities",
    source=EQ2,
    reading="p is the softmax of the outputs",
    expect="refuted",
    M=KERNEL,
    F=OUTPUTS,
    dims={"m": (4, 4), "C": (2, 3)},
    on=ON,
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def coherence_softmax(M: Tensor, F: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $f_L$ have converged and $p(\cdot|x') = \mathrm{softmax}\,f_L(x')$. Then
    $E_{y\sim p}\,f_{L\cup(x',y)}(x) = f_L(x)$ at every x.

    Counterexample: a candidate with outputs (1, 0), sure of its label: softmax gives the other one 0.27, and every point that
    the candidate moves is pulled there. So $A_{EER}$ with softmax is not an information, and can be negative as a gain.
    """
    p = al.lookahead.class_probabilities(F[:, F.shape[1] - POOL])
    before, after, _ = _expected_outputs(M, F, p)
    return eq(share * after, before, names=["expected output after", "output before"])


def _predictions(f: Tensor, p: Tensor, gain: Tensor) -> list[Tensor]:
    return [f + gain[:, None] * (one_hot(c, p) - p) for c in range(p.shape[-1])]


def predicts_probabilities(f: Tensor, p: Tensor, gain: Tensor) -> Tensor:
    """f + A (e_c - p) is nonnegative for every class c"""
    return torch.amin(torch.cat(_predictions(f, p, gain), -1), -1) >= 0


@claim(
    id="lookahead.eq2.gain",
    title="Where kernel regression predicts probabilities, EER is a gain",
    source="own derivation",
    f=D.simplex("C"),
    p=D.simplex("C"),
    gain=D.interval(-1, 1),
    dims={"C": (2, 3)},
    assumes=[predicts_probabilities],
    uses=["lookahead.eq2.coherence", "lookahead.eq2.jensen"],
    mutants={"one percent more": dict(share=1.01), "a hundredth of a nat more": dict(extra=0.01)},
)
def gain_(f: Tensor, p: Tensor, gain: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""A converged kernel regression predicts $f = f_L(x)$ and $p = f_L(x')$, and $f+A(e_c-p)$ at x after training on
    $(x',c)$. Where all of these are probabilities, their expected entropy under p is at most H(f).

    Proof: lookahead.eq2.coherence and Jensen's inequality.

    Tight at: A = 0.
    """
    later = sum(p[:, c] * entropy(q) for c, q in enumerate(_predictions(f, p, gain)))
    return leq(share * later + extra, entropy(f), names=["expected entropy after", "entropy before"])
