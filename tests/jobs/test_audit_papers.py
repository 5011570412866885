"""Working papers: what an auditor has to test of a family, from a bundle alone, with nothing filled in for them."""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from pbr.audit.page import page
from pbr.audit.papers import NO_RECORD, Check, Drawing, Group, Paper, papers
from pbr.audit.workbook import COLUMNS, workbook
from pbr.errors import Faults
from pbr.jobs.audit_papers import write_papers
from pbr.jobs.replay import OpenBundle, open_bundle
from pbr.values import pounds
from tests.jobs.authorities import bundle_of

DRAWING = Drawing("our own words", 6, 17, 2, "1" * 64, "2" * 64, "3" * 64)


@pytest.fixture(scope="module")
def bundle(claimed: Path) -> OpenBundle:
    return open_bundle(bundle_of(claimed))


@pytest.fixture(scope="module")
def lines(bundle: OpenBundle) -> pl.DataFrame:
    """A sample of every line, as a drawing gives it."""
    families = bundle.tables["decisions.parquet"].select("decision_id", "family_id").unique()
    claim = bundle.tables["claim.csv"].join(families, on="decision_id").sort("claim_line_id")
    return claim.with_columns(why=pl.lit("random"), stratum=pl.lit(None, pl.String))


@pytest.fixture(scope="module")
def made(bundle: OpenBundle, lines: pl.DataFrame) -> list[Paper]:
    return papers_of(bundle, lines)


def papers_of(bundle: OpenBundle, lines: pl.DataFrame) -> list[Paper]:
    return papers(bundle.run, bundle.tables, bundle.pack.pack, bundle.cohorts, lines)


def group(paper: Paper, title: str) -> Group:
    (found,) = [each for each in paper.groups if each.title.startswith(title)]
    return found


def checks(made: list[Paper]) -> Iterator[Check]:
    yield from (check for paper in made for each in paper.groups for check in each.checks)


def with_table(bundle: OpenBundle, file: str, frame: pl.DataFrame) -> OpenBundle:
    return replace(bundle, tables=bundle.tables | {file: frame})


# --------------------------------------------------------------------------------------------------- what is in them


def test_every_sampled_line_is_on_the_paper_of_its_family_and_on_no_other(
    made: list[Paper], lines: pl.DataFrame
) -> None:
    placed = [(line["claim_line_id"], paper.family_id) for paper in made for line in paper.lines]
    assert sorted(placed) == sorted(lines.select("claim_line_id", "family_id").iter_rows())
    assert len({paper.sheet for paper in made}) == len(made) == lines["family_id"].n_unique()


def test_papers_come_in_the_order_in_which_lines_were_drawn(bundle: OpenBundle, lines: pl.DataFrame) -> None:
    backwards = papers_of(bundle, lines.reverse())
    assert [paper.lines[0]["claim_line_id"] for paper in backwards[:2]] == lines["claim_line_id"].reverse()[
        :2
    ].to_list()


def test_a_paper_has_the_claimed_route_and_eligibility_with_every_criterion_they_rest_on(made: list[Paper]) -> None:
    for paper in made:
        titles = " ".join(each.title for each in paper.groups)
        assert "(eligible): met" in titles
        for line in paper.lines:
            assert f"({line['route']}): met" in titles
        cited = {check.tests for each in paper.groups for check in each.checks if check.must_be == "met"}
        assert cited
        for reference in cited:
            assert reference.strip("“”") in titles


def test_every_criterion_has_its_citation_and_every_figure_its_source(made: list[Paper]) -> None:
    for paper in made:
        for each in paper.groups:
            assert each.citation
            figures = {check.must_be for check in each.checks if re.search(r"\d", check.must_be) and check.evidence}
            sourced = {check.must_be for check in each.checks if check.source}
            assert figures <= sourced or not each.title.startswith(("Result", "Eligibility"))


def test_the_paper_says_what_the_decision_says(bundle: OpenBundle, made: list[Paper]) -> None:
    findings = bundle.tables["decisions.parquet"].filter(pl.col("subject_id") == "")
    verdicts = {(row["family_id"], row["item"]): row["verdict"] for row in findings.iter_rows(named=True)}
    seen = 0
    for paper in made:
        for each in paper.groups:
            if found := re.fullmatch(r"(?:Eligibility|Result|Route claimed): .* \((\w+)\): (.*)", each.title):
                verdict = verdicts[paper.family_id, found[1]].replace("_", " ")
                assert found[2].startswith(verdict)
                seen += 1
    assert seen > 4 * len(made)


def test_each_fact_has_the_records_behind_it_with_day_file_what_it_says_and_how_it_was_linked(
    bundle: OpenBundle, made: list[Paper]
) -> None:
    said = {row["record_id"]: row for row in bundle.tables["records.parquet"].iter_rows(named=True)}
    found = [each for check in checks(made) for each in check.evidence if each.record_id in said]
    assert {each.record_id for each in found} <= said.keys()
    assert len(found) > 100
    for each in found:
        row = said[each.record_id]
        assert (each.dated, each.until, each.file) == (row["dated"], row["until"], row["file"])
        assert each.says == f"{row['table']}: {row['says']}"
        assert row["table"] in ("needs", "outcomes", "families") or "confirmed as P" in each.link


def test_a_nought_without_a_record_is_a_nil_return_of_a_named_supplier_for_named_days(made: list[Paper]) -> None:
    nil = [(check, each) for check in checks(made) for each in check.evidence if each.says.startswith(NO_RECORD)]
    assert nil
    for check, each in nil:
        assert check.fact.startswith(("0", "no"))
        assert not each.record_id
    (police,) = {each for _, each in nil if each.file == "sources/offending.csv"}
    assert police.says == "nil return: nothing on record (Police and community safety)"
    assert (police.dated, police.until) == (date(2011, 10, 1), date(2014, 11, 29))


def test_every_source_that_was_read_is_there_with_its_supplier_and_the_days_it_covers(made: list[Paper]) -> None:
    sources = {check.tests: check for check in group(made[0], "Sources").checks}
    offending = sources["offending, from Police and community safety: sources/offending.csv"]
    assert offending.fact.startswith("complete from 2011-10-01 to 2014-11-29; ")
    assert {"members", "families"} <= {name.split(",")[0] for name in sources}
    assert sources["marks: no extract was given"].fact == "not declared"


def test_members_are_named_by_id_with_child_or_adult_on_both_days_and_who_moved(
    bundle: OpenBundle, made: list[Paper]
) -> None:
    moved = [paper for paper in made if group(paper, "Identity").checks[-1].fact != "nobody joined or left"]
    assert moved and len(moved) < len(made)
    for paper in made:
        members = bundle.tables["members.parquet"].filter(
            pl.col("family_id") == paper.family_id, pl.col("at_engagement") == "child"
        )
        told = " ".join(f"{check.tests} {check.fact}" for check in group(paper, "Identity").checks)
        for person in members["person_id"]:
            assert f"{person} belongs to the family on {paper.engaged_on}: child" in told


def test_a_child_born_since_engagement_has_joined_without_a_day(bundle: OpenBundle, lines: pl.DataFrame) -> None:
    members = bundle.tables["members.parquet"]
    of_line = members.filter(pl.col("family_id") == lines["family_id"][0])[:1]
    born = of_line.with_columns(
        person_id=pl.lit("P9"),
        joined_on=pl.lit(None, pl.Date),
        at_engagement=pl.lit(None, pl.String),
        at_as_of=pl.lit("child"),
    )
    (paper,) = papers_of(with_table(bundle, "members.parquet", pl.concat([members, born])), lines[:1])
    told = group(paper, "Identity").checks
    assert "P9 was born" in told[-1].fact
    assert [check.fact.split(";")[0] for check in told if check.tests.startswith("P9 ")] == [
        f"on {paper.engaged_on}: no member"
    ]


@pytest.mark.parametrize(
    ("column", "value", "fact", "result"),
    [
        ("assessed_on", None, "no date on record", "not on record in time"),
        ("assessed_on", date(2014, 10, 31), "2014-10-31, ", "not on record in time"),
        ("assessed_on", date(2014, 10, 30), "2014-10-30, ", "on record"),
        ("worker_ref", None, "nobody is named", "not on record in time"),
    ],
)
def test_practice_counts_only_before_the_as_of_date(
    bundle: OpenBundle, lines: pl.DataFrame, column: str, value: object, fact: str, result: str
) -> None:
    families = bundle.tables["families.parquet"]
    changed = with_table(
        bundle, "families.parquet", families.with_columns(pl.lit(value, families.schema[column]).alias(column))
    )
    (paper,) = papers_of(changed, lines[:1])
    about = 1 if column == "assessed_on" else 0
    check = group(paper, "Practice").checks[about]
    assert (check.fact.startswith(fact), check.result) == (True, result)


def test_the_amount_is_the_fee_within_the_cap_less_what_was_earned_before(
    bundle: OpenBundle, lines: pl.DataFrame
) -> None:
    chosen = lines.filter(pl.col("route") == "crime_asb_education")[:1]
    row = chosen.row(0, named=True)
    history = pl.DataFrame(
        [
            (row["family_id"], "progress_to_work", "family", "L0", 10000),
            (row["family_id"], "x", "person", "L9", 70000),
            (row["family_id"], "crime_asb_education", "reversed", "L7", 70000),
        ],
        bundle.tables["history.csv"].schema,
        orient="row",
    )
    (paper,) = papers_of(with_table(bundle, "history.csv", history), chosen)
    fee, earned = group(paper, "The amount").checks
    assert (fee.must_be, fee.fact) == ("£700, or what is left under the cap", pounds(row["amount_pence"]))
    assert earned.must_be == "£800 at most"
    assert earned.fact == f"£100 before, {pounds(row['amount_pence'])} in this batch"
    assert [each.record_id for each in earned.evidence] == ["L0"]
    again, undone, elsewhere = group(paper, "Never twice").checks
    assert (again.fact, undone.fact, elsewhere.fact) == ("none", "1 line", "1 line")
    assert [each.record_id for each in (*undone.evidence, *elsewhere.evidence)] == ["L7", "L9"]


def test_a_link_that_is_open_is_listed_to_be_looked_at_with_its_weight(bundle: OpenBundle, lines: pl.DataFrame) -> None:
    (before,) = papers_of(bundle, lines[:1])
    cited = {each.record_id for check in checks([before]) for each in check.evidence if each.link}
    links = bundle.tables["links.parquet"]
    record = min(cited)
    opened = pl.col("record_id") == record
    changed = links.with_columns(
        status=pl.when(opened).then(pl.lit("possible")).otherwise("status"),
        weight=pl.when(opened).then(-5).otherwise("weight"),
    )
    (paper,) = papers_of(with_table(bundle, "links.parquet", changed), lines[:1])
    (check,) = group(paper, "Links").checks
    assert group(before, "Links").checks[0].result == "nothing open"
    assert [each.record_id for each in check.evidence] == [record]
    assert check.evidence[0].link.endswith("weight -0.05 bits")


def test_an_override_is_listed_with_who_proposed_and_who_approved_it(bundle: OpenBundle, lines: pl.DataFrame) -> None:
    row = lines.row(0, named=True)
    own = {"act": "release", "holds": "neutral_only", "reason": "seen in June", "role": "coordinator"}
    who = {"proposed_by": "p1", "approved_by": "a1", "expires_on": date(2015, 1, 1), "entry": 7}
    override = pl.DataFrame([{"family_id": row["family_id"], "route": row["route"], **own, **who}])
    (paper,) = papers_of(with_table(bundle, "overrides.csv", override), lines[:1])
    check = group(paper, "Overrides").checks[0]
    assert check.fact == ("neutral_only: seen in June; proposed by p1 (coordinator), approved by a1; until 2015-01-01")
    assert check.result == "ledger entry 7"
    elsewhere = override.with_columns(route=pl.lit("another"))
    (other,) = papers_of(with_table(bundle, "overrides.csv", elsewhere), lines[:1])
    assert "seen in June" not in str(group(other, "Overrides"))


def test_a_line_that_is_not_in_the_bundle_has_no_paper(bundle: OpenBundle, lines: pl.DataFrame) -> None:
    with pytest.raises(Faults, match=r"E702 .* has no claim line L0"):
        papers_of(bundle, lines[:1].with_columns(claim_line_id=pl.lit("L0")))


@pytest.mark.parametrize("family_id", ["[F]:*?/\\'1", "F" * 80, "=1+1"])
def test_a_family_id_of_any_signs_gives_a_sheet_that_a_workbook_takes(made: list[Paper], family_id: str) -> None:
    name = replace(made[0], family_id=family_id).sheet
    assert len(name) <= 31
    assert not set("[]:*?/\\'") & set(name)


# ------------------------------------------------------------------------------------------------ page and workbook


def sheets(content: bytes) -> dict[str, list[list[str]]]:
    """The cells of each sheet as text."""
    frames = pl.read_excel(io.BytesIO(content), sheet_id=0, engine="calamine", has_header=False, infer_schema_length=0)
    return {
        name: [["" if cell is None else cell for cell in row] for row in frame.rows()] for name, frame in frames.items()
    }


@pytest.fixture(scope="module")
def content(bundle: OpenBundle, made: list[Paper]) -> bytes:
    return workbook(made, bundle.run, DRAWING)


def test_the_workbook_has_the_sample_first_then_the_results_then_a_sheet_a_family(
    bundle: OpenBundle, content: bytes, made: list[Paper]
) -> None:
    found = sheets(content)
    assert list(found) == ["Sample", "Results", *(paper.sheet for paper in made)]
    told = {row[0]: row[1] for row in found["Sample"] if len(row) > 1}
    assert told["Seed"] == "our own words"
    assert told["Population digest"] == "2" * 64
    assert told["Bundle"] == bundle.run.bundle_name
    assert found["Results"][0] == ["claim_line_id", "result", "note", "tested_by"]
    assert len(found["Results"]) == 1 + sum(len(paper.lines) for paper in made)


def test_every_test_of_a_paper_is_in_its_sheet_with_empty_cells_for_the_auditor(
    content: bytes, made: list[Paper]
) -> None:
    found = sheets(content)
    for paper in made:
        rows = {row[0]: row for row in found[paper.sheet]}
        assert list(COLUMNS) in found[paper.sheet]
        for each, numbered in paper.checks:
            assert each.title in rows
            for number, check in numbered:
                assert rows[number][1:2] + rows[number][3:5] == [check.tests, check.fact, check.result]
                assert "".join(rows[number][8:]) == ""


def test_the_result_is_chosen_from_a_list(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for sheet in (2, 3):
            assert '"valid,invalid,not tested"' in archive.read(f"xl/worksheets/sheet{sheet}.xml").decode().replace(
                "&quot;", '"'
            )


def test_nothing_in_the_workbook_runs(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            assert not re.search(rb"<f[ >]", archive.read(name)) or "sheet" not in name
            assert "vba" not in name and "external" not in name.lower()


def test_the_same_papers_are_the_same_bytes_at_any_hour(
    bundle: OpenBundle, lines: pl.DataFrame, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    again = papers_of(bundle, lines)
    assert workbook(again, bundle.run, DRAWING) == content
    assert b"2014-10-31T00:00:00Z" in zipfile.ZipFile(io.BytesIO(content)).read("docProps/core.xml")
    assert page(again, bundle.run, DRAWING) == page(papers_of(bundle, lines), bundle.run, DRAWING)


class Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        self.ids |= {given["id"] or ""} if "id" in given else set()
        self.links |= {given["href"] or ""} if "href" in given else set()


def test_the_page_leads_to_every_paper_and_fetches_nothing(bundle: OpenBundle, made: list[Paper]) -> None:
    found = Anchors()
    found.feed(page(made, bundle.run, DRAWING).decode())
    assert {f"#{paper.anchor}" for paper in made} <= found.links
    assert {link.removeprefix("#") for link in found.links} <= found.ids
    assert not found.tags & {"script", "img", "link", "iframe"}


def test_a_text_that_looks_like_markup_or_a_formula_stays_text(bundle: OpenBundle, made: list[Paper]) -> None:
    odd = replace(made[0], family_id="=<b>1</b>")
    assert b"<b>1</b>" not in page([odd], bundle.run, DRAWING)
    assert sheets(workbook([odd], bundle.run, DRAWING))["Sample"][-1][1] == "=<b>1</b>"


# ------------------------------------------------------------------------------------------------------- the files


def test_papers_and_the_sheet_for_results_are_written_into_a_new_folder(
    bundle: OpenBundle, lines: pl.DataFrame, tmp_path: Path
) -> None:
    written = write_papers(bundle, lines[:2], DRAWING, tmp_path / "audit" / "papers")
    assert [path.name for path in written.files] == ["papers.html", "papers.xlsx", "results.csv"]
    rows = list(csv.DictReader(io.StringIO(written.files[2].read_text("utf-8"))))
    assert list(rows[0]) == ["claim_line_id", "result", "note", "tested_by"]
    assert [row["claim_line_id"] for row in rows] == lines["claim_line_id"][:2].to_list()
    assert {row["result"] for row in rows} == {""}


@pytest.mark.parametrize("name", ["papers.html", "papers.xlsx", "results.csv"])
def test_what_somebody_may_have_filled_in_is_never_written_over(
    bundle: OpenBundle, lines: pl.DataFrame, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("filled in")
    with pytest.raises(Faults, match=r"E700 .* is there already"):
        write_papers(bundle, lines[:1], DRAWING, tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["filled in"]


def test_a_folder_that_is_a_file_is_a_fault(bundle: OpenBundle, lines: pl.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Faults, match="E701"):
        write_papers(bundle, lines[:1], DRAWING, tmp_path / "file" / "papers")


def test_papers_need_nothing_but_the_bundle(claimed: Path, lines: pl.DataFrame, tmp_path: Path) -> None:
    alone = Path(shutil.copytree(bundle_of(claimed), tmp_path / bundle_of(claimed).name))
    (paper,) = write_papers(open_bundle(alone), lines[:1], DRAWING, tmp_path / "papers").papers
    assert paper.lines[0]["claim_line_id"] == lines["claim_line_id"][0]
