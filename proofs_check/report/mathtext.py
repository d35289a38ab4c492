r"""Formulas and prose: LaTeX pieces become inline SVG outlines, so the page needs neither network nor fonts.

matplotlib's mathtext lays the formula out; each glyph is written once for the whole page and drawn by
`<use>`, which keeps a report of a hundred claims small. Mathtext is a subset of LaTeX, so common commands
it lacks are rewritten first (`\tfrac`, `\lVert`, `\bigl`, `\iff`, ...). What still does not parse is shown
as its source: a formula is never a reason for a report to fail, and never drawn wrongly (a missing glyph
counts as a failure too).
"""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

BREAKABLE_WIDTH = 12.0  # em; wider formulas may break after a relation, as TeX breaks inline mathematics

_ARGUMENT = r"(\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}|\\[A-Za-z]+|[^\s{}\\])"
_REWRITES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), replacement)
    for pattern, replacement in [
        (r"\\operatorname\*", r"\\operatorname"),
        (r"\\(?:tfrac|cfrac)(?![A-Za-z])", r"\\frac"),
        (r"\\[bB]igg?[lrm]?(?![A-Za-z])", ""),
        (r"\\[lr]Vert(?![A-Za-z])", r"\\|"),
        (r"\\[lr]vert(?![A-Za-z])", "|"),
        (r"\\not\s*\\le(?:q|qslant)?(?![A-Za-z])", r"\\nleq "),
        (r"\\not\s*\\ge(?:q|qslant)?(?![A-Za-z])", r"\\ngeq "),
        (r"\\leq?(?:slant)?(?![A-Za-z])", r"\\leq "),
        (r"\\geq?(?:slant)?(?![A-Za-z])", r"\\geq "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\land(?![A-Za-z])", r"\\wedge "),
        (r"\\lor(?![A-Za-z])", r"\\vee "),
        (r"\\iff(?![A-Za-z])", r"\\;\\Leftrightarrow\\;"),
        (r"\\implies(?![A-Za-z])", r"\\;\\Rightarrow\\;"),
        (r"\\coloneqq(?![A-Za-z])", ":="),
        (r"\\b?mod(?![A-Za-z])", r"\\;\\mathrm{mod}\\;"),
        (r"\\pmod\s*\{([^{}]*)\}", r"\\;(\\mathrm{mod}\\;\1)"),
        (r"\\stackrel(?![A-Za-z])", r"\\overset"),
        (r"\\bm(?![A-Za-z])", r"\\boldsymbol"),
        (r"\\textbf(?![A-Za-z])", r"\\mathbf"),
        (r"\\textit(?![A-Za-z])", r"\\mathit"),
        (r"\\(?:textrm|mbox|textup)(?![A-Za-z])", r"\\text"),
        (r"\\(?:displaystyle|textstyle|limits|nolimits|mathop)(?![A-Za-z])", ""),
        (r"\\(?:tag|label)\s*\{[^{}]*\}", ""),
        (
            r"([_^])\s*\{?\\(max|min|sup|inf)(?![A-Za-z])\s*\}?",
            r"\1{\\mathrm{\2}}",
        ),  # an index, not an operator
        (r"\\top(?![A-Za-z])", r"{\\!\\top\\!}"),  # mathtext spaces it as a relation
        (
            r"\\left\s*\|((?:(?!\\d?frac|\\sum|\\left)[^|])*?)\\right\s*\|",
            r"|\1|",
        ),  # its small stretched bars are broken
        (r"(\\(?:sum|prod|int)(?:\s*[_^]\s*" + _ARGUMENT + r"){1,2})", r"\1\\,"),
        (r"\\(tr|Tr|diag|rank|argmin|argmax|sign|var|Var|cov|Cov)(?![A-Za-z])", r"\\operatorname{\1}"),
        (
            r"\\(mathbb|mathbf|mathcal|mathrm|mathit|mathsf|boldsymbol)\s*(\\[A-Za-z]+|[A-Za-z0-9])",
            r"\\\1{\2}",
        ),
        (r"\s+", " "),
    ]
]
_FRACTION = re.compile(r"\\(d?frac)\s*" + _ARGUMENT + r"\s*" + _ARGUMENT)
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_RELATIONS = frozenset(
    ["=", "<", ">"]
    + [rf"\{name}" for name in ("leq", "geq", "neq", "ne", "approx", "sim", "propto", "subseteq", "to", "succeq")]
    + [rf"\{name}" for name in ("preceq", "Rightarrow", "Leftrightarrow")]
)
_MARKUP = re.compile(
    r"(?<!\\)\$\$(?P<display>.+?)(?<!\\)\$\$|(?<![\\$])\$(?P<inline>[^$]+?)(?<!\\)\$|``(?P<literal>[^`]+)``"
    r"|`(?P<code>[^`]+)`|\*\*(?P<bold>[^*\n]+)\*\*"
    r"|(?<![\w*])\*(?P<emphasis>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])",
    re.DOTALL,
)
_TAGS = {"bold": "strong", "emphasis": "em", "code": "code", "literal": "code"}
_GLUED_BEFORE = re.compile(r"[(\[“‘\"']+\Z")
_GLUED_AFTER = re.compile(r"[.,;:!?)\]”’\"']+")
_ALONE = re.compile(r"\$\$?([^$]+)\$\$?([.,;]?)\Z")
_BULLET = re.compile(r"\s*(?:[-*•]|\d+\.)\s+")
_MOVE, _LINE, _QUADRATIC, _CUBIC, _CLOSE = 1, 2, 3, 4, 79
_DUMMY_GLYPH = 0xA4  # what mathtext draws for a character none of its fonts has


def rewrite(latex: str) -> str:
    """The formula in the commands that mathtext knows."""
    for pattern, replacement in _REWRITES:
        latex = pattern.sub(replacement, latex)
    return _fractions(latex).strip()


def _fractions(latex: str) -> str:
    """Fractions with braces around both arguments, inner fractions included."""
    return _FRACTION.sub(lambda found: rf"\{found[1]}{_braced(found[2])}{_braced(found[3])}", latex)


def _braced(argument: str) -> str:
    inner = argument[1:-1] if argument.startswith("{") else argument
    return f"{{{_fractions(inner)}}}"


def pieces(latex: str) -> list[str]:
    """The formula cut after each relation outside all brackets; joined again they are the formula."""
    parts, current, depth = [], "", 0
    for token in _TOKEN.findall(latex):
        current += token
        if token in ("{", "(", "[", r"\left", r"\{"):
            depth += 1
        elif token in ("}", ")", "]", r"\right", r"\}"):
            depth -= 1
        elif token in _RELATIONS and depth == 0 and current.strip() != token:
            parts.append(current)
            current = ""
    return [*parts, current] if current.strip() else parts


def _fixed(value: float) -> str:
    text = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


class Typesetter:
    """Turns prose with `$...$` into HTML; remembers its glyphs, so that a page holds each of them once."""

    def __init__(self) -> None:
        self._formulas: dict[str, list[str] | None] = {}
        self._drawings: dict[str, tuple[str, float]] = {}
        self._glyphs: dict[str, tuple[int, str]] = {}
        self._outlines: dict[str, Any] = {}
        self._engine: tuple[Any, Any] | None = None

    def _drawn(self, latex: str) -> tuple[str, float]:
        """One unbroken piece as an `<svg>` element and its width in em; raises where it cannot be drawn."""
        if latex not in self._drawings:
            self._drawings[latex] = self._draw(latex)
        return self._drawings[latex]

    def _draw(self, latex: str) -> tuple[str, float]:
        if self._engine is None:
            from matplotlib.font_manager import FontProperties
            from matplotlib.textpath import TextToPath

            self._engine = TextToPath(), FontProperties(math_fontfamily="stix")
        engine, font = self._engine
        scaled = font.copy()
        scaled.set_size(engine.FONT_SCALE)
        layout = engine.mathtext_parser.parse(f"${latex}$", engine.DPI, scaled)
        width, height, depth = layout[:3]
        if any(glyph[2] == _DUMMY_GLYPH for glyph in layout[3]):
            raise ValueError("a character has no glyph")
        glyphs, outlines, rules = engine.get_glyphs_mathtext(font, f"${latex}$", glyph_map=self._outlines)
        self._outlines = outlines
        body = []
        for name, x, y, scale in glyphs:
            if name not in self._glyphs:
                self._glyphs[name] = len(self._glyphs), _outline(*outlines[name])
            reference = self._glyphs[name][0]
            right, down = round(x), round(-y)
            place = f'x="{right}"' + (f' y="{down}"' if down else "")
            if abs(scale - 1) > 1e-6:
                place = f'transform="translate({right} {down})scale({scale:.3g})"'
            body.append(f'<use href="#g-{reference}" {place}/>')
        for vertices, _ in rules:
            xs, ys = [vertex[0] for vertex in vertices[:4]], [-vertex[1] for vertex in vertices[:4]]
            body.append(
                f'<rect x="{_fixed(min(xs))}" y="{_fixed(min(ys))}" width="{_fixed(max(xs) - min(xs))}" '
                f'height="{_fixed(max(max(ys) - min(ys), 4))}"/>'
            )
        unit = engine.FONT_SCALE
        box = f"0 {_fixed(depth - height)} {_fixed(width)} {_fixed(height)}"
        style = f"width:{width / unit:.2f}em;height:{height / unit:.2f}em;vertical-align:{-depth / unit:.2f}em"
        svg = f'<svg viewBox="{box}" style="{style}" aria-hidden="true">{"".join(body)}</svg>'
        return svg, width / unit

    def _pieces(self, latex: str) -> list[str] | None:
        """The formula's parts between which a line may break, or None where it cannot be drawn."""
        if latex not in self._formulas:
            try:
                drawn = [self._drawn(part) for part in pieces(rewrite(latex))]
                parts = [svg for svg, _ in drawn]
                breakable = sum(width for _, width in drawn) > BREAKABLE_WIDTH
                self._formulas[latex] = parts if breakable else ["".join(parts)]
            except Exception:  # pyparsing, font and layout errors alike: the source is shown instead
                self._formulas[latex] = None
        return self._formulas[latex]

    def displayed(self, latex: str, after: str = "") -> Markup:
        """A formula that is a paragraph of its own: fractions outside all braces at full size."""
        depth, source = 0, ""
        for token in _TOKEN.findall(latex):
            depth += (token == "{") - (token == "}")
            source += r"\dfrac" if token == r"\frac" and depth == 0 else token
        return self.formula(source, after=after, display=True, label=latex)

    def formula(self, latex: str, *, before: str = "", after: str = "", display: bool = False, label: str = "") -> Markup:
        """One formula; `before` and `after` are punctuation that no line break may part from it."""
        latex = latex.strip()
        drawn = self._pieces(latex)
        if not drawn:
            return Markup('{}<code class="tex">{}</code>{}').format(before, label or latex, after)
        parts = [Markup(svg) for svg in drawn]
        parts[0] = escape(before) + parts[0]
        parts[-1] = parts[-1] + escape(after)
        inner = Markup(" ").join(Markup('<span class="nb">{}</span>').format(part) for part in parts)
        return Markup('<span class="m{}" role="img" aria-label="{}" title="{}">{}</span>').format(
            " display" if display else "", (label or latex) + after, label or latex, inner
        )

    def prose(self, text: Any) -> Markup:
        """A sentence or paragraph: `$...$` typeset, code in backticks, **bold**; everything else escaped."""
        text = "" if text is None else str(text)
        html, position, glue = [], 0, ""
        for found in _MARKUP.finditer(text):
            plain = text[position : found.start()]
            position = found.end()
            latex = found["display"] or found["inline"]
            if latex is None:
                html.append(_plain(plain))
                tag, body = next((tag, found[name]) for name, tag in _TAGS.items() if found[name])
                html.append(Markup("<{0}>{1}</{0}>").format(Markup(tag), body))
                continue
            lead = _GLUED_BEFORE.search(plain)
            glue = lead[0] if lead else ""
            html.append(_plain(plain[: len(plain) - len(glue)]))
            tail = _GLUED_AFTER.match(text, position)
            position += len(tail[0]) if tail else 0
            after = tail[0] if tail else ""
            html.append(self.displayed(latex, after) if found["display"] else self.formula(latex, before=glue, after=after))
        html.append(_plain(text[position:]))
        return Markup("").join(html)

    def blocks(self, text: Any) -> Markup:
        """Several paragraphs and bullet lists, parted by empty lines or by list markers at a line's start."""
        html: list[Markup] = []
        for paragraph in re.split(r"\n\s*\n", "" if text is None else str(text).strip()):
            lines: list[str] = []
            items: list[str] = []
            for line in paragraph.splitlines():
                if _BULLET.match(line):
                    items.append(_BULLET.sub("", line, count=1))
                elif items:
                    items[-1] += " " + line.strip()
                else:
                    lines.append(line.strip())
            alone = _ALONE.match(" ".join(lines))
            if alone:
                html.append(Markup("<p>{}</p>").format(self.displayed(alone[1], alone[2])))
            elif lines:
                html.append(Markup("<p>{}</p>").format(self.prose(" ".join(lines))))
            if items:
                html.append(
                    Markup("<ul>{}</ul>").format(
                        Markup("").join(Markup("<li>{}</li>").format(self.prose(item)) for item in items)
                    )
                )
        return Markup("").join(html)

    def symbol(self, text: Any) -> Markup:
        """A symbol of a glossary, which may come with or without its dollar signs."""
        text = str(text).strip()
        return self.prose(text) if "$" in text else self.formula(text)

    def glyphs(self) -> Markup:
        """The outlines of all glyphs used so far, to be placed once in the page."""
        return Markup("").join(Markup(f'<path id="g-{index}" d="{outline}"/>') for index, outline in self._glyphs.values())


def _plain(text: str) -> Markup:
    return escape(text.replace(r"\$", "$"))


def _outline(vertices: Any, codes: Any) -> str:
    """A glyph's outline as SVG path data, y downwards, one decimal of a hundredth of an em."""
    data, index = [], 0
    while index < len(codes):
        code = int(codes[index])
        length = {_QUADRATIC: 2, _CUBIC: 3}.get(code, 1)
        points = " ".join(f"{_fixed(float(x))} {_fixed(-float(y))}" for x, y in vertices[index : index + length])
        data.append("Z" if code == _CLOSE else {_MOVE: "M", _LINE: "L", _QUADRATIC: "Q", _CUBIC: "C"}[code] + points)
        index += length
    return "".join(data)
