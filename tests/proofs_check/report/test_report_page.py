"""The page as a whole: complete, harmless, self-contained, the same bytes for the same records."""

import base64
import copy
import hashlib
import json
import re

import pytest
from report_reading import Page
from report_sample import GLOSSARY, records

from proofs_check.report import write_report

COMMAND = "proofs-check verify --budget quick --seed 0 --out report"


def page_of(found, folder, **more):
    path = write_report(found, folder, command=more.pop("command", COMMAND), **more)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return page_of(records(), tmp_path_factory.mktemp("report"), glossary=GLOSSARY)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def green(**fields):
    record = {
        "schema": 1,
        "id": "p.one",
        "paper": "p",
        "kind": "leq",
        "title": "One",
        "expected": "held",
        "verdict": "held",
        "agrees": True,
        "reason": "fine",
        "mutants": {"m": True},
    }
    return {**record, **fields}


class TestForm:
    def test_tags_balance(self, page):
        assert page.faults == []

    def test_the_balance_check_can_fail(self):
        assert Page("<div><p>one</div>").faults

    def test_ids_are_unique(self, page):
        assert len(page.ids) == len(set(page.ids))

    def test_every_record_is_an_anchor(self, page):
        assert {record["id"] for record in records()} <= set(page.ids)

    def test_every_internal_link_has_its_target(self, page):
        targets = [a["href"][1:] for a in page.all("a") + page.all("use") if a["href"].startswith("#")]
        assert len(targets) > 50
        assert set(targets) <= set(page.ids)

    def test_headings_do_not_skip_a_level(self, page):
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))

    def test_same_records_give_the_same_bytes(self, text, tmp_path):
        assert page_of(copy.deepcopy(records()), tmp_path, glossary=GLOSSARY) == text

    def test_writes_only_the_page(self, tmp_path):
        path = write_report(records(), tmp_path / "new" / "folder", command=COMMAND)
        assert path == tmp_path / "new" / "folder" / "index.html"
        assert [file.name for file in path.parent.iterdir()] == ["index.html"]

    def test_a_failed_write_leaves_the_old_page(self, tmp_path, monkeypatch):
        path = write_report([green()], tmp_path, command=COMMAND)
        before = path.read_bytes()
        monkeypatch.setattr("proofs_check.report.page.os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            write_report(records(), tmp_path, command=COMMAND)
        assert path.read_bytes() == before
        assert [file.name for file in tmp_path.iterdir()] == ["index.html"]


class TestSelfContained:
    def test_loads_nothing(self, text, page):
        assert "http://" not in text
        assert "https://" not in text
        assert page.all("link") == []
        assert not any("src" in attributes or "srcset" in attributes for _, attributes in page.elements)
        assert "@import" not in text
        assert "url(" not in text

    def test_only_its_own_script_may_run(self, text, page):
        policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv"))
        script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        assert len(script) == 1
        digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in policy
        assert "default-src 'none'" in policy

    def test_the_witness_file_is_linked(self, page):
        assert "witness/dynamical.remark1.json" in {a["href"] for a in page.all("a")}

    def test_links_lead_inside_the_folder_only(self, tmp_path):
        for file in (
            "javascript:alert(1)",
            "https://example.org/x",
            "../../etc/passwd",
            "/etc/passwd",
            "//example.org",
        ):
            witness = {"file": file, "attack": "random", "inputs": {"x": 1}, "lhs": 2, "rhs": 1, "ratio": 2}
            found = Page(page_of([green(verdict="refuted", witness=witness)], tmp_path))
            assert {a["href"] for a in found.all("a") if not a["href"].startswith("#")} == {"results.jsonl"}


HOSTILE = "<script>alert(1)</script></style></title><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"


class TestEscaping:
    def hostile(self):
        record = json.loads(json.dumps(records()[3]))

        def poison(value):
            if isinstance(value, dict):
                return {key if key in record or len(key) > 3 else key + HOSTILE: poison(item) for key, item in value.items()}
            if isinstance(value, list):
                return [poison(item) for item in value]
            return value + HOSTILE if isinstance(value, str) else value

        poisoned = {key: poison(value) for key, value in record.items() if key not in ("verdict", "kind")}
        mutants = {HOSTILE: False}
        return {
            **poisoned,
            "verdict": "candidate",
            "kind": "chain",
            "mutants": mutants,
            "title": HOSTILE,
            "id": HOSTILE,
        }

    def test_hostile_text_everywhere_is_harmless(self, tmp_path):
        found = page_of([self.hostile()], tmp_path, command=HOSTILE, glossary={HOSTILE: [(HOSTILE,) * 4]})
        page = Page(found)
        assert page.faults == []
        assert len(page.all("script")) == len(page.all("style")) == len(page.all("title")) == 1
        assert page.all("img") == []
        assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
        assert "49" not in re.sub(r"[\d.]{3,}", "", page.text).split()
        assert page.text.count("alert(1)") > 20

    def test_hostile_formulas_are_harmless(self, tmp_path):
        statement = r"$a</style><script>alert(1)</script>$ and $\text{</svg><img src=x>}$ and $<b>$"
        page = Page(page_of([green(statement=statement, title=statement)], tmp_path))
        assert page.faults == []
        assert page.all("img") == []
        assert page.all("b") == Page(page_of([green()], tmp_path)).all("b")
        assert len(page.all("script")) == 1

    def test_an_id_becomes_a_safe_unique_anchor(self, tmp_path):
        names = ["a b", "a-b", 'x" onload="y', "page-summary", "g-0", "été"]
        page = Page(page_of([green(id=name) for name in names], tmp_path))
        anchors = [article["id"] for article in page.all("article")]
        assert len(set(anchors)) == len(names)
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", anchor) for anchor in anchors)
        assert len(page.ids) == len(set(page.ids))

    def test_the_command_is_quoted_for_the_shell(self, tmp_path):
        assert "proofs-check verify &#39;a b; rm -rf x&#39;" in page_of([green(id="a b; rm -rf x")], tmp_path)


class TestContent:
    def test_disagreements_come_before_findings_and_claims(self, text):
        positions = [text.index(part) for part in ("3 disagreements", "Statements found false", 'id="page-claims"', "<article")]
        assert positions == sorted(positions)

    def test_each_kind_of_disagreement_has_its_sentence(self, text):
        box = text[text.index("3 disagreements") : text.index("Statements found false")]
        assert "The audit expects held; this run observed refuted." in box
        assert "linalg.eigh: the algorithm failed to converge" in box
        assert "The mutant “kappa to the power 0.99” survived" in box

    def test_a_surviving_mutant_makes_the_run_red(self, tmp_path):
        survived = page_of([green(mutants={"weak one": False})], tmp_path)
        assert "Not green." in survived
        assert survived.index("weak one") < survived.index('id="page-claims"')
        assert "1 disagreement" in survived
        assert "<strong>Green.</strong>" in page_of([green()], tmp_path)

    def test_a_run_that_agrees_says_so(self, tmp_path):
        assert "No disagreements" in page_of([green()], tmp_path)

    def test_findings_carry_their_numbers(self, page):
        assert "At lam = (1), w = (1), eta = 1/2, t = 0" in page.text
        assert "the left side is 0.13122 and the right side 1/16" in page.text

    def test_an_expected_refutation_is_green_with_a_badge(self, tmp_path):
        found = page_of([green(expected="refuted", verdict="refuted")], tmp_path)
        assert "<strong>Green.</strong>" in found
        assert "the statement is false" in found

    def test_a_candidate_is_explained_wherever_it_shows(self, text):
        sentence = "exact arithmetic did not confirm"
        for start, end in (
            ("page-h-summary", "page-h-disagreements"),
            ("page-h-findings", "page-h-claims"),
            ("page-h-claims", "page-h-power"),
            ('<article class="claim" id="dynamical.theorem1.as', "</article>"),
        ):
            begin = text.index(f'id="{start}"') if start.startswith("page") else text.index(start)
            stop = text.index(f'id="{end}"') if end.startswith("page") else text.index(end, begin)
            assert sentence in Page(text[begin:stop]).text, start  # in the text, not only in a tooltip

    def test_no_candidate_no_explanation_outside_the_legend(self, tmp_path):
        assert page_of([green()], tmp_path).count('<p class="note">') == 0

    def test_reverse_links_and_risk(self, page):
        assert "Used by" in page.text
        assert "Sharpened by" in page.text
        assert "Rests on a statement found false" in page.text

    def test_the_command_line_is_copyable(self, page):
        assert COMMAND in page.text
        assert "proofs-check verify dynamical.definition1 --seed 0 --budget quick" in page.text

    def test_verdicts_have_words_and_shapes(self, page):
        symbols = {symbol["id"] for symbol in page.all("symbol")}
        assert {f"mark-{word}" for word in ("held", "refuted", "candidate", "error", "vacuous", "tight")} <= symbols

    def test_settings_share_what_they_share(self, tmp_path):
        settings = {
            "one": {"t": "integer in 0..60", "lam": "in [0, 1]"},
            "two": {"t": "integer in 0..60", "lam": "of digits"},
        }
        found = page_of([green(settings=settings, arguments=settings["one"])], tmp_path)
        assert found.count("integer in 0..60") == 1
        assert "in every setting" in found
        assert "of digits" in found

    def test_order_is_the_callers_and_papers_stay_together(self, tmp_path):
        found = [green(id="b.2", paper="b"), green(id="a.1", paper="a"), green(id="b.1", paper="b")]
        articles = Page(page_of(found, tmp_path)).all("article")
        assert [article["id"] for article in articles] == ["b.2", "b.1", "a.1"]


class TestPartial:
    def test_no_records(self, tmp_path):
        found = page_of([], tmp_path)
        assert Page(found).faults == []
        assert "Nothing was checked" in found
        assert "Green." not in found.replace("Not green.", "")

    def test_every_field_may_be_missing_or_null(self, tmp_path):
        full = records()[3]
        for name in full:
            for broken in ({key: value for key, value in full.items() if key != name}, {**full, name: None}):
                page = Page(page_of([broken], tmp_path))
                assert page.faults == [], name
                assert "could not be laid out" not in page.text, name

    def test_an_unfinished_claim_is_named_and_not_green(self, tmp_path):
        found = page_of([green(), {"id": "p.two"}], tmp_path)
        assert "1 did not finish" in found
        assert "Not green." in found
        assert found.index("1 without a verdict") < found.index('id="page-claims"')

    def test_an_unknown_verdict_is_never_a_success(self, tmp_path):
        assert "Not green." in page_of([green(verdict="splendid")], tmp_path)

    def test_agreement_is_worked_out_where_it_is_absent(self, tmp_path):
        for verdict, expected, good in (
            ("tight", "held", True),
            ("refuted", "refuted", True),
            ("candidate", "refuted", False),
            ("held", "refuted", False),
        ):
            record = {key: value for key, value in green(verdict=verdict, expected=expected).items() if key != "agrees"}
            assert ("<strong>Green.</strong>" in page_of([record], tmp_path)) is good

    @pytest.mark.parametrize("field", ["evidence", "witness", "sections", "mutants", "arguments", "constants", "uses"])
    @pytest.mark.parametrize("value", [7, "text", [1, 2], {"a": 1}, [{"histogram": {"edges": ["x"], "counts": [1]}}]])
    def test_a_malformed_record_costs_only_its_own_section(self, tmp_path, field, value):
        page = Page(page_of([green(**{field: value}), green(id="p.two", title="Two")], tmp_path))
        assert page.faults == []
        assert {"p.one", "p.two"} <= set(page.ids)

    def test_a_record_that_cannot_be_laid_out_shows_itself_and_is_red(self, tmp_path):
        found = page_of([green(sections=[["only one"]])], tmp_path)
        assert "could not be laid out" in found
        assert "only one" in found
        assert "Not green." in found

    def test_the_last_record_of_an_id_counts(self, tmp_path):
        found = page_of([green(title="Old"), green(title="New")], tmp_path)
        assert "Old" not in found
        assert "New" in found
        assert "1 earlier record" in found

    def test_numbers_that_are_not_finite(self, tmp_path):
        item = {
            "attack": "random",
            "best_ratio": float("inf"),
            "instances": 3,
            "best": {"ratio": float("nan")},
            "histogram": {"edges": [0, float("inf")], "counts": [3]},
        }
        page = Page(page_of([green(best_ratio=float("nan"), seconds=float("inf"), evidence=[item])], tmp_path))
        assert page.faults == []
        assert "not a number" in page.text
