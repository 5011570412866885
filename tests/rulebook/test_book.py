"""A pack as a book: whoever has only this must be able to tell what a family's findings will be, and why."""

from __future__ import annotations

import re
import shutil
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pbr.claims.pages import rulebook as page
from pbr.engines.findings import FINDINGS
from pbr.rulebook import words
from pbr.rulebook.book import Entry, Rulebook, rulebook
from pbr.rulebook.cases import load_cases
from pbr.rulebook.glossary import glossary, glossary_for
from pbr.rulebook.load import load_pack
from pbr.rulebook.measures import MEASURES
from pbr.values import REASONS
from tests.rulebook.overlays import ABSENCE, CALL_OUTS, RESTLESS, laid
from tests.rulebook.packs import copy_of_phase_1, put


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return rulebook(load_pack("phase-1"))


@pytest.fixture(scope="module")
def html(book: Rulebook) -> str:
    return page(book).decode()


def entry(of: Rulebook, name: str) -> Entry:
    return next(each for each in of.entries if each.id == name)


def figure(of: Entry, parameter: str) -> list[tuple[str, date, date | None, bool]]:
    found = next(each for each in of.figures if each.parameter == parameter)
    return [(dated.value, dated.since, dated.until, dated.in_force) for dated in found.values]


# ------------------------------------------------------------------------------------------------------------ the book


def test_every_case_of_the_pack_stands_beneath_its_rule(book: Rulebook) -> None:
    told = [(each.id, case.name) for each in book.entries for case in each.cases]
    assert sorted(told) == sorted((case.item, case.name) for case in load_cases(load_pack("phase-1")))


def test_a_case_says_verdict_and_reason_and_flags_where_it_speaks_of_them(book: Rulebook) -> None:
    by_name = {case.name: case for each in book.entries for case in each.cases}
    assert by_name["None before and none since is nothing to reduce"].expected == (
        "not applicable: nothing happened before or since"
    )
    assert by_name["Far from every limit"].flags == ("unverified_rule",)
    assert by_name["10% of absence, but exactly three exclusions"].flags is None


def test_a_cases_flags_stand_in_the_order_of_the_findings(book: Rulebook) -> None:
    order = list(load_pack("phase-1").pack.flags)
    told = [case.flags for each in book.entries for case in each.cases if case.flags]
    assert ("near_threshold", "unverified_rule") in told
    assert all(list(flags) == sorted(flags, key=order.index) for flags in told)
    assert any(list(flags) != sorted(flags) for flags in told), "the alphabet would do as well"


def test_a_rule_names_those_that_it_rests_on_and_those_that_ask_for_it(book: Rulebook) -> None:
    assert [link.id for link in entry(book, "crime_asb_education").rests_on] == [
        "suspensions_below_three",
        "attendance_improved",
        "asb_reduced",
        "youth_offending_reduced",
    ]
    assert [(link.part, link.id) for link in entry(book, "moved_into_work").used_by] == [
        ("route", "continuous_employment")
    ]
    assert [link.id for link in entry(book, "crime_asb").used_by] == ["eligible"]


def test_a_figure_with_several_values_has_them_all_and_the_one_in_force_marked(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    first = "    title: Unauthorised absence that each child must stay below\n    unit: share\n    values:\n"
    earlier = "      - {from: 2012-04-01, value: 20%, standing: local, citation: A council of the north}\n"
    put(folder / "parameters.yaml", first, first + earlier)
    text = (folder / "parameters.yaml").read_text()
    place = text.index(earlier) + len(earlier)
    (folder / "parameters.yaml").write_text(text[:place] + text[place:].replace("2012-04-01", "2014-09-01", 1))
    of = {
        day: entry(rulebook(load_pack(folder), day), "attendance_improved")
        for day in (date(2014, 8, 31), date(2014, 9, 1))
    }
    before, after = (figure(each, "result_absence") for each in of.values())
    assert before == [("20%", date(2012, 4, 1), date(2014, 8, 31), True), ("15%", date(2014, 9, 1), None, False)]
    assert [in_force for *_, in_force in after] == [False, True]
    assert [each.lines[1][1][-3:] for each in of.values()] == ["20%", "15%"]


def test_a_criterion_that_leaves_members_out_is_said_so_and_not_written_out(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(
        folder / "eligibility.yaml",
        "            - criterion: crime_asb\n",
        "            - {criterion: crime_asb, leaving_out: non_resident_adults}\n",
    )
    shutil.rmtree(folder / "tests")
    book = rulebook(load_pack(folder))
    lines = [text for _, text in entry(book, "eligible").lines]
    assert (
        "“Crime and anti-social behaviour” is met, judged again, leaving out adults who do not live with the family"
    ) in lines
    assert not any("proven offences" in text for text in lines)
    told = {word.word for group in book.words for word in group.words}
    assert "adults who do not live with the family" in told


def test_a_pack_without_cases_is_a_book_without_them(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    shutil.rmtree(folder / "tests")
    assert not any(each.cases for each in rulebook(load_pack(folder)).entries)


def test_a_flag_says_on_which_routes_it_is_raised_where_and_what_it_does(book: Rulebook) -> None:
    lines = [text for _, text in entry(book, "neutral_only").lines]
    assert lines[0] == "on “Crime, anti-social behaviour and education”, where it is met"
    assert "unless:" in lines
    assert "it holds the claim line for a person, and is released so:" in lines
    near = [text for _, text in entry(book, "near_threshold").lines]
    assert near[1:] == [
        "1 session of attendance",
        "1 incident or offence",
        "1 suspension or exclusion",
        "7 days in work",
    ]


def test_what_an_overlay_changed_is_marked_and_nothing_else(tmp_path: Path) -> None:
    book = rulebook(laid(tmp_path, ABSENCE + CALL_OUTS.removeprefix("parameters:\n") + RESTLESS))
    assert book.overlay == "Mid-County's outcome plan"
    assert [each.id for each in book.entries if each.of_overlay] == ["calm", "restless"]
    marked = {
        (each.parameter, dated.value)
        for other in book.entries
        for each in other.figures
        for dated in each.values
        if dated.of_overlay
    }
    assert marked == {("result_absence", "10%"), ("calm_months", "6 months"), ("calm_incidents", "1")}
    shown = page(book).decode()
    head, rest = shown.split("<nav", 1)
    assert "Mid-County&#39;s outcome plan is over the pack" in head
    assert rest.count("changed by the overlay</span>") == 2 + len(marked)


def test_a_pack_without_overlay_marks_nothing(book: Rulebook, html: str) -> None:
    assert book.overlay == ""
    assert "changed by the overlay" not in html


# ----------------------------------------------------------------------------------------------------------- the words


def test_every_measure_is_explained_by_a_word() -> None:
    explained = {name for group in glossary() for word in group.words for name in word.needed_by}
    assert explained >= MEASURES.keys()
    arguments = {name for cls in MEASURES.values() for name in cls.model_fields}
    assert explained <= MEASURES.keys() | arguments


def test_every_reason_code_is_explained_in_the_order_and_words_in_which_findings_have_it() -> None:
    (findings,) = (group for group in glossary() if group.title == "Findings")
    codes = {word.word.strip("`"): word.means for word in findings.words if word.word.startswith("`")}
    assert tuple(code for code in codes if code in REASONS) == REASONS
    for code, means in codes.items():
        verdict = means.partition(":")[0].lower()
        assert means.lower().startswith(words.verdict(verdict, code).lower()), code


def test_the_columns_of_the_findings_are_named_in_their_order() -> None:
    (means,) = (word.means for group in glossary() for word in group.words if word.word == "finding")
    named = [name for name in re.findall(r"`(\w+)`", means) if name in FINDINGS]
    assert tuple(named) == FINDINGS


def test_a_pack_is_told_the_words_that_it_needs_and_no_others() -> None:
    told = [word.word for group in glossary_for({"suspensions"}) for word in group.words]
    assert "suspension" in told and "unknown" in told
    assert "proven offence" not in told and "adults who do not live with the family" not in told


# ------------------------------------------------------------------------------------------------------------ the page


class Reader(HTMLParser):
    """What a page links to, what it has anchors for, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])] if tag == "a" else []
        self.fetched += [tag] if tag in ("script", "link", "img", "iframe") or "src" in given else []
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_by_itself_and_every_link_leads_somewhere(html: str) -> None:
    read = Reader(html)
    assert (read.fetched, read.open) == ([], [])
    assert "url(" not in html and "://" not in html and "@import" not in html
    assert "default-src 'none'" in html
    assert {link[0] for link in read.links} == {"#"}
    assert {link[1:] for link in read.links} <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))


def test_the_page_has_an_anchor_for_every_rule_and_the_contents_lead_to_it(book: Rulebook, html: str) -> None:
    read = Reader(html)
    anchors = [f"{each.part}-{each.id}" for each in book.entries]
    assert set(anchors) <= set(read.ids)
    contents = re.findall(r'href="#([^"]+)"', html[html.index("<nav") : html.index("</nav>")])
    assert [anchor for anchor in contents if anchor in anchors] == anchors


def test_the_page_names_the_pack_the_day_and_the_digest(book: Rulebook, html: str) -> None:
    head = html[: html.index("<nav")]
    assert f"<code>{book.digest}</code>" in head
    assert "the figures of 31 May 2015" in head
    assert f'content: "digest {book.digest[:12]}"' in head


def test_a_rule_stands_beside_its_source_and_a_figure_beside_its_own(html: str) -> None:
    rule = html[html.index('id="result-attendance_improved"') : html.index('id="result-asb_reduced"')]
    assert '<span class="badge verified">verified</span>' in rule
    pairs = rule.split('<div class="pair">')[1:]
    assert "every school-age child:" in pairs[0] and 'class="source">Barking and Dagenham' in pairs[0]
    assert all('class="source"' in pair for pair in pairs)
    assert any("<strong>15%</strong>, from 1 April 2012" in pair for pair in pairs)


def test_a_code_is_set_as_code_and_a_need_stands_as_extracts_have_it(html: str) -> None:
    assert "<dt><code>not_covered</code></dt>" in html
    assert "`" not in html
    need = html[html.index('id="eligibility-local_discretion"') :]
    assert need.index("the need “local discretion” was identified") < need.index("<strong>local_discretion</strong>")


def test_a_rule_that_rests_on_another_leads_to_it(html: str) -> None:
    assert (
        '<li><a href="#result-moved_into_work">“An adult off benefits and in continuous employment”</a> is met</li>'
    ) in html


def test_the_tariff_is_a_table_by_the_day_of_engagement(html: str) -> None:
    tariff = html[html.index('id="tariff"') :]
    row = next(row for row in tariff.split("<tr>") if ">Attachment fee<" in row)
    assert re.findall(r"£[\d,]+", row) == ["£3,200", "£2,400", "£1,600"]


def test_what_a_pack_says_is_text_on_the_page_and_never_markup(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / "results.yaml", "title: Fewer offences by minors", "title: <b>Fewer</b> & 'less'")
    html = page(rulebook(load_pack(folder))).decode()
    assert "<b>" not in html
    assert "“&lt;b&gt;Fewer&lt;/b&gt; &amp; &#39;less&#39;”</a> is met" in html
