"""Formulas: what the papers write is drawn, what cannot be drawn is shown as its source."""

import pytest
from report_reading import Page

from proofs_check.report.mathtext import Typesetter, pieces, rewrite

DRAWN = r"""
y^\top\Theta y \le \frac{(\lambda_1+\lambda_n)^2}{4\lambda_1\lambda_n}\|y\|^4
\operatorname{Tr}[Y^\top\Theta Y]
\operatorname*{argmax}_{x\in S} f(x)
\mathrm{Tr}(A) \ge \mathbb E[x] = \mathbb{E}\left[x\right]
\sum_{i=1}^n \int_0^\infty \left( \frac{\kappa}{\mu} \right) \mathrm{d}t
\tfrac12 + \dfrac{a}{b} + \frac12 + \frac ab + \frac{\frac12}{3}
\lVert x \rVert + \lvert y \rvert + \bigl( z \bigr) + \Big| w \Big|
\left\| W - W_0 \right\|_F \left| x \right| \left\{ a \right\}
\text{if } x \iff y \implies z
a \lt b \gt c \land d \lor e \pmod{n}
x \stackrel{a}{=} y \coloneqq \bm{z}
\widehat{f}_\theta \in \mathbb{R}^{n\times d}, \forall t \geq 1
\max_{x} \lambda_{\max} \langle a, b \rangle \lfloor c \rfloor
\not\le \ne \approx \sim \propto \otimes \odot \succeq \preceq
""".strip().splitlines()


@pytest.mark.parametrize("latex", DRAWN)
def test_is_drawn(latex):
    html = Typesetter().formula(latex)
    assert "<svg" in html
    assert "<code" not in html
    assert Page(str(html)).all("span")[0]["aria-label"] == latex


@pytest.mark.parametrize(
    "latex",
    [r"\begin{pmatrix}1&2\end{pmatrix}", r"\nosuchcommand{x}", r"\frac{1}{", "{", r"\left( x", "x^", "水"],
)
def test_falls_back_to_its_source(latex):
    html = Typesetter().formula(latex)
    assert "<svg" not in html
    assert Page(str(html)).text == latex


def test_fallback_is_escaped():
    assert "<b>" not in Typesetter().formula(r"\nosuch<b>")


def test_prose_keeps_text_code_and_emphasis():
    html = str(Typesetter().prose(r"If $x$, then `a_b` and **so** *on*, for eta*lam*t and 5 \$ <b>"))
    page = Page(html)
    assert [len(page.all(tag)) for tag in ("svg", "code", "strong", "em", "b")] == [1, 1, 1, 1, 0]
    assert page.text.endswith("for eta*lam*t and 5 $ <b>")


def test_a_lone_dollar_is_text():
    assert Typesetter().prose("costs 5 $ only") == "costs 5 $ only"


def test_punctuation_stays_with_its_formula():
    html = str(Typesetter().prose("so ($x$), then"))
    inside = html[html.index('<span class="nb">') : html.index("</span></span>")]
    assert inside.startswith('<span class="nb">(')
    assert inside.endswith("),")


def test_paragraphs_and_lists():
    page = Page(str(Typesetter().blocks("One\ntwo.\n\n- a $x$\n- b\n  more\n\n$y = 1.$")))
    assert len(page.all("p")) == 2
    assert len(page.all("li")) == 2
    assert "One two." in page.text
    assert any("display" in span.get("class", "") for span in page.all("span"))


def test_pieces_rejoin_to_the_formula():
    source = rewrite(r"T\left(1-\frac{a}{b}\right)^{2t} \le \{x = y\} \le f(a<b) = c")
    assert "".join(pieces(source)) == source
    assert len(pieces(source)) == 4


def test_each_glyph_is_written_once():
    typeset = Typesetter()
    for _ in range(3):
        typeset.prose("$x + x$ and $x$")
    ids = [path["id"] for path in Page(str(typeset.glyphs())).all("path")]
    assert len(ids) == len(set(ids)) == 2


def test_a_formula_has_a_size_and_a_baseline():
    style = Page(str(Typesetter().formula(r"\frac{a}{b}"))).all("svg")[0]["style"]
    sizes = dict(part.split(":") for part in style.split(";"))
    assert 0.3 < float(sizes["width"][:-2]) < 2
    assert -1 < float(sizes["vertical-align"][:-2]) < -0.1
