"""The verdict vocabulary: one word, one letter, one shape, one colour and one plain sentence each.

The page never relies on colour alone: every verdict also has its own shape and its word. The colours are
those of Okabe and Ito, which stay apart for colour-blind readers; `style.css` holds them as `--v-<word>`.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Verdict:
    """One word of the vocabulary as the page shows it."""

    word: str
    letter: str
    shape: str
    meaning: str

    @property
    def mark(self) -> Markup:
        """The shape, drawn from the symbol of the same name; decorative, since the word stands beside it."""
        return Markup('<svg class="mark v-{0}" viewBox="0 0 16 16" aria-hidden="true"><use href="#mark-{0}"/></svg>').format(
            self.word
        )

    @property
    def badge(self) -> Markup:
        """Shape and word together, with the meaning as a tooltip."""
        return Markup('<span class="badge v-{}" title="{}">{}{}</span>').format(self.word, self.meaning, self.mark, self.word)


CANDIDATE = (
    "A candidate is a violation found in float64 arithmetic, larger than the rounding probe allows, that "
    "exact arithmetic did not confirm. Where a statement is expected to be false it counts only for statements about "
    "probabilities and rates, which no exact arithmetic can refute."
)

_ORDER = [
    Verdict(
        "proved",
        "P",
        '<rect x="2" y="2" width="12" height="12"/>',
        "An exact certificate exists and the independent checker accepted it, for the sizes it states.",
    ),
    Verdict(
        "tight",
        "T",
        '<path d="M8 .8l2.2 4.7 5 .7-3.7 3.6.9 5.2L8 12.5 3.6 15l.9-5.2L.8 6.2l5-.7z"/>',
        "No violation was found, and for every link an instance of equality was confirmed exactly: its constant cannot be "
        "improved. Away from such instances the bound may still be loose.",
    ),
    Verdict(
        "held",
        "H",
        '<circle cx="8" cy="8" r="6.5"/>',
        "No violation was found within the stated budget. This is evidence, not a proof.",
    ),
    Verdict(
        "refuted",
        "R",
        '<path d="M3.5 1L8 5.5 12.5 1 15 3.5 10.5 8l4.5 4.5-2.5 2.5L8 10.5 3.5 15 1 12.5 5.5 8 1 3.5z"/>',
        "A counterexample was found and confirmed in exact arithmetic: the statement is false.",
    ),
    Verdict(
        "candidate",
        "C",
        '<path fill-rule="evenodd" d="M8 .5L15.5 8 8 15.5.5 8zM8 4.2L4.2 8 8 11.8 11.8 8z"/>',
        CANDIDATE,
    ),
    Verdict(
        "vacuous",
        "V",
        '<path fill-rule="evenodd" d="M8 1a7 7 0 100 14A7 7 0 008 1zm0 2.5a4.5 4.5 0 110 9 4.5 4.5 0 010-9z"/>',
        "No instance met the assumptions on the domain, so the statement says nothing there.",
    ),
    Verdict(
        "reproduced",
        "M",
        '<path d="M1.5 8.5L4 6l3 3 5.5-6.5L15 5l-8 9z"/>',
        "A measurement gave what was expected of it.",
    ),
    Verdict(
        "not-reproduced",
        "N",
        '<path d="M8 15L1 3h14z"/>',
        "A measurement did not give what the paper reports.",
    ),
    Verdict(
        "inconclusive",
        "I",
        '<path d="M1 5h14v6H1z"/>',
        "The evidence does not decide: a solver stopped early, an interval is too wide, a sample too small.",
    ),
    Verdict(
        "skipped",
        "S",
        '<path d="M2 3l6 5-6 5zM8 3l6 5-6 5z"/>',
        "Not run, because something it needs is absent or the budget excludes it.",
    ),
    Verdict(
        "error",
        "E",
        '<path fill-rule="evenodd" d="M8 .5L15.8 15H.2zM7 5.5v5h2v-5zm0 6v2h2v-2z"/>',
        "The check itself failed; nothing is known about the statement from this run.",
    ),
]
VERDICTS: dict[str, Verdict] = {verdict.word: verdict for verdict in _ORDER}
UNFINISHED = Verdict(
    "unfinished",
    "U",
    '<path fill-rule="evenodd" d="M1 1h14v14H1zm2.5 2.5v9h9v-9z"/>',
    "The record carries no verdict: the run was interrupted, or the word is not in the vocabulary.",
)

FALSE_WORDS = ("refuted", "candidate")
_SATISFIES = {
    "held": {"held", "tight", "proved"},
    "tight": {"tight", "proved"},
    "refuted": {"refuted"},
}


def lookup(word: object) -> Verdict:
    """The verdict of that name; anything else counts as unfinished, so that it never shows as a success."""
    return VERDICTS.get(word, UNFINISHED) if isinstance(word, str) else UNFINISHED


def satisfies(observed: str, expected: str) -> bool:
    """Whether an observed verdict meets an expected one; only for records that do not say so themselves."""
    return observed in _SATISFIES.get(expected, {expected})


def order(word: str) -> int:
    """Position in the vocabulary, for stable display order; unknown words come last."""
    words = list(VERDICTS)
    return words.index(word) if word in words else len(words)


def symbols() -> Markup:
    """The shapes as SVG symbols, defined once for the whole page."""
    return Markup("").join(
        Markup('<symbol id="mark-{}" viewBox="0 0 16 16">{}</symbol>').format(verdict.word, Markup(verdict.shape))
        for verdict in [*_ORDER, UNFINISHED]
    )
