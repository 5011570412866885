"""A bundle carries a batch whole, says it rightly, and is the same to the byte wherever it is made."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import bagit
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pbr.claims.bundle import BundleContents, manifest_digest, write_bundle
from pbr.claims.contract import ATTRITION, HELD, TABLES, BatchRun, claim_metadata, read, written
from pbr.claims.verify import verify
from pbr.errors import Faults
from tests.claims.made_bundles import RUN, contents, filled, line

ROOT = Path(__file__).parents[2]


def files(bundle: Path) -> dict[str, bytes]:
    return {path.relative_to(bundle).as_posix(): path.read_bytes() for path in bundle.rglob("*") if path.is_file()}


def with_claim(*lines: tuple[object, ...]) -> BundleContents:
    return contents(lines=pl.DataFrame(list(lines), contents().lines.schema, orient="row"))


# --------------------------------------------------------------------------------------------------------- the bag


def test_a_bundle_is_a_bag_that_bagit_reads(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, contents())
    bag = bagit.Bag(str(bundle.path))
    assert bag.validate()
    assert bag.info["External-Identifier"] == bundle.path.name
    assert bag.info["Bagging-Date"] == "2014-09-02"
    assert bag.version_info == (1, 0)


def test_a_bundle_holds_what_the_contract_names(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, contents())
    assert sorted(files(bundle.path)) == [
        "bag-info.txt",
        "bagit.txt",
        "data/alike.csv",
        "data/attrition.csv",
        "data/certificate.html",
        "data/claim.csv",
        "data/claim.csv-metadata.json",
        "data/decisions.parquet",
        "data/dropped.csv",
        "data/facts.parquet",
        "data/families.parquet",
        "data/found_wrong.csv",
        "data/held.csv",
        "data/history.csv",
        "data/links.parquet",
        "data/members.parquet",
        "data/overrides.csv",
        "data/quarantine.csv",
        "data/records.parquet",
        "data/rulebook.html",
        "data/rules/pack.yaml",
        "data/rules/tests/route.yaml",
        "data/run.json",
        "data/summary.html",
        "manifest-sha256.txt",
        "tagmanifest-sha256.txt",
    ]


def test_a_bundle_is_named_by_authority_window_and_content(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, contents())
    assert bundle.path.name == f"E06000034-2014-09-{bundle.batch.batch_id}"
    assert re.fullmatch("[0-9a-f]{12}", bundle.batch.batch_id)


def test_the_record_of_the_run_says_what_came_of_it(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, contents())
    said = json.loads((bundle.path / "data/run.json").read_bytes())
    assert (said["lines"], said["amount_pence"], said["batch_id"]) == (2, 80000, bundle.batch.batch_id)
    assert said["inputs"][0]["covers"] == {"from": "2011-09-01", "until": "2014-08-31"}
    assert BatchRun.model_validate_json((bundle.path / "data/run.json").read_bytes()) == bundle.batch


def test_a_bundle_written_twice_is_kept(tmp_path: Path) -> None:
    first = write_bundle(tmp_path, contents())
    before = (first.path / "data/claim.csv").stat().st_mtime_ns
    second = write_bundle(tmp_path, contents())
    assert (first.kept, second.kept) == (False, True)
    assert second.manifest_digest == first.manifest_digest == manifest_digest(first.path)
    assert (first.path / "data/claim.csv").stat().st_mtime_ns == before


@pytest.mark.parametrize("file", ["data/run.json", "data/facts.parquet", "bagit.txt"])
def test_another_bundle_of_the_same_name_is_not_overwritten(tmp_path: Path, file: str) -> None:
    bundle = write_bundle(tmp_path, contents())
    (bundle.path / file).write_bytes(b"something else")
    before = files(bundle.path)
    with pytest.raises(Faults, match=f"E540 .*{file}"):
        write_bundle(tmp_path, contents())
    assert files(bundle.path) == before


def test_a_folder_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "batches").write_text("a file where the folder should be")
    with pytest.raises(Faults, match="E541"):
        write_bundle(tmp_path / "batches", contents())


def test_a_disk_that_keeps_other_bytes_than_it_was_given_yields_no_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbr.claims.bag.declaration", lambda: b"BagIt-Version: none\n")
    with pytest.raises(Faults, match=r"E541 .*bagit"):
        write_bundle(tmp_path, contents())
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize("path", ["../pack.yaml", "/etc/pack.yaml", "a//b.yaml", ".hidden", "a b.yaml", "é.yaml", ""])
def test_a_rule_file_with_a_path_that_no_bag_should_carry_is_a_fault(tmp_path: Path, path: str) -> None:
    with pytest.raises(Faults, match="E543"):
        write_bundle(tmp_path, contents(rules={path: b""}))
    assert not tmp_path.exists() or not any(tmp_path.iterdir())


def test_a_batch_of_nothing_is_a_bundle_all_the_same(tmp_path: Path) -> None:
    empty = contents()
    tables = ("lines", "findings", "facts", "links", "families", "members", "records", "held", "history", "quarantine")
    frames = {name: getattr(empty, name).clear() for name in tables}
    bundle = write_bundle(tmp_path, replace(empty, **frames, rules={}))
    assert verify(bundle.path) == []
    assert bundle.batch.amount_pence == 0
    assert "Nothing is claimed." in (bundle.path / "data/summary.html").read_text()


def test_no_column_leaves_but_those_of_the_contract(tmp_path: Path) -> None:
    made = contents()
    raw = contents(
        quarantine=made.quarantine.with_columns(raw=pl.lit("Jo Bloggs")),
        lines=made.lines.with_columns(family_id=pl.lit("F1")),
    )
    assert raw.payload == made.payload


# ------------------------------------------------------------------------------------------------ the same every time


def test_the_order_of_rows_and_chunks_does_not_matter() -> None:
    made = contents()
    frames = ("lines", "findings", "facts", "links", "held", "quarantine", "history")
    turned = replace(made, **{name: getattr(made, name).reverse() for name in frames})
    assert turned.payload == made.payload


ELSEWHERE = {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7", "PYTHONUTF8": "0"}
SCENES = {
    "one thread": {"POLARS_MAX_THREADS": "1"},
    "two threads": {"POLARS_MAX_THREADS": "2"},
    "four threads, elsewhere": {"POLARS_MAX_THREADS": "4"} | ELSEWHERE,
}


def test_threads_time_zone_locale_and_umask_do_not_matter(tmp_path: Path) -> None:
    # More rows than a row group holds, in several chunks.
    made = {}
    for scene, environment in SCENES.items():
        folder = tmp_path / scene
        umask = 0o077 if "elsewhere" in scene else 0o022
        subprocess.run(
            [sys.executable, "-m", "tests.claims.made_bundles", str(folder), "130000"],
            cwd=ROOT,
            env=os.environ | environment,
            umask=umask,
            check=True,
        )
        (bundle,) = (path for path in folder.iterdir() if path.is_dir())
        made[scene] = (bundle.name, {name: hash(content) for name, content in files(bundle).items()})
    assert all(each == made["one thread"] for each in made.values())


def test_the_batch_id_follows_what_determines_the_batch() -> None:
    made = contents()
    other_input = RUN.inputs[0].model_copy(update={"sha256": "e" * 64})
    others = [
        replace(made, lines=made.lines.with_columns(amount_pence=pl.col("amount_pence") + 1)),
        replace(made, held=made.held.clear()),
        replace(made, attrition=made.attrition.head(2)),
        replace(made, findings=made.findings.with_columns(decision_id=pl.lit("f" * 64))),
        *(
            replace(made, run=RUN.model_copy(update=change))
            for change in (
                {"pack_digest": "b" * 64},
                {"as_of": RUN.as_of + timedelta(1)},
                {"claim_date": RUN.claim_date + timedelta(1)},
                {"window": "2014-10"},
                {"authority_code": "E06000035"},
                {"after_withdrawal_of": ("0123456789ab",)},
                {"inputs": (other_input, RUN.inputs[1])},
            )
        ),
    ]
    assert len({made.batch_id, *(each.batch_id for each in others)}) == len(others) + 1


def test_the_batch_id_does_not_follow_versions_or_words() -> None:
    made = contents()
    newer = RUN.model_copy(update={"versions": {"pbr": "9.9"}, "authority_name": "Thurrock Council"})
    assert replace(made, run=newer, titles={}, certificate="<p>ours</p>").batch_id == made.batch_id


# ---------------------------------------------------------------------------------------------------------- tables


def test_money_and_dates_are_written_plainly() -> None:
    rows = list(csv.DictReader(io.StringIO(contents().tables["claim.csv"].decode(), newline="")))
    assert [(row["claim_line_id"], row["amount_pence"], row["engaged_on"]) for row in rows] == [
        ("L1", "70000", "2012-10-01"),
        ("L2", "10000", "2012-10-01"),
    ]


@pytest.mark.parametrize("text", ["=1+1", "+44", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", '=HYPERLINK("http://a")'])
def test_no_text_is_written_that_a_spreadsheet_would_run(text: str) -> None:
    (cells,) = list(csv.reader(io.StringIO(with_claim(line(1, text, 1, 1)).tables["claim.csv"].decode(), newline="")))[
        1:
    ]
    assert cells[4] == "'" + text


def test_a_number_below_zero_stays_a_number() -> None:
    held = contents().held.with_columns(amount_pence=pl.lit(-5))
    assert b",-5," in written("held.csv", held)


CELL = st.text(st.sampled_from("=+-@'\t\r\n\",; éx0"), max_size=6) | st.text(max_size=8)


@given(st.lists(st.tuples(CELL, CELL, st.dates(date(1, 1, 1)), st.integers(-(2**63), 2**63 - 1)), max_size=5))
def test_any_text_can_be_read_back(rows: list[tuple[str, str, date, int]]) -> None:
    frame = pl.DataFrame(
        [(ref, "route", day, pence, "d", "", reason, "") for ref, reason, day, pence in rows], HELD, orient="row"
    )
    content = written("held.csv", frame)
    back = read("held.csv", content)
    nulls = frame.with_columns(pl.col(pl.String).replace("", None))
    assert_frame_equal(back, nulls.sort(pl.all(), nulls_last=False))
    assert written("held.csv", back) == content
    for cells in list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]:
        assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for cell in cells)
        assert not any(cell.startswith("-") and not cell[1:].isdigit() for cell in cells)


@pytest.mark.parametrize("file", TABLES)
def test_every_table_can_be_read_back(file: str) -> None:
    content = contents().tables[file]
    assert written(file, read(file, content)) == content


def test_attrition_keeps_the_order_of_its_steps() -> None:
    steps = read("attrition.csv", contents().tables["attrition.csv"])["step"].to_list()
    assert steps == contents().attrition["step"].to_list()
    assert read("attrition.csv", contents().tables["attrition.csv"]).schema == ATTRITION


def test_a_frame_without_a_column_of_the_contract_is_not_written() -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        written("claim.csv", contents().lines.drop("flags"))


def test_an_amount_that_is_not_whole_pence_is_not_written() -> None:
    with pytest.raises(pl.exceptions.InvalidOperationError):
        written("claim.csv", contents().lines.with_columns(amount_pence=pl.lit("700.50")))


# ----------------------------------------------------------------------------------------------- published contract


def test_the_metadata_describes_the_claim_file_column_by_column() -> None:
    metadata = json.loads(contents().payload["data/claim.csv-metadata.json"])
    content = contents().tables["claim.csv"].decode(metadata["dialect"]["encoding"])
    assert metadata["dialect"]["lineTerminators"] == ["\n"]
    assert "\r" not in content
    header, *rows = csv.reader(io.StringIO(content, newline=""))
    columns = metadata["tableSchema"]["columns"]
    assert [column["name"] for column in columns] == header
    assert metadata["tableSchema"]["primaryKey"] in header
    assert all(column["dc:description"] for column in columns)
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            datatype = column["datatype"]
            base = datatype if isinstance(datatype, str) else datatype["base"]
            assert cell or not column.get("required"), column["name"]
            if base == "date":
                date.fromisoformat(cell)
            elif base == "integer":
                assert int(cell) >= int(datatype["minimum"])
            elif isinstance(datatype, dict) and "format" in datatype:
                assert re.fullmatch(datatype["format"].strip("^$"), cell), column["name"]


@pytest.mark.parametrize(
    ("file", "made"),
    [("claim.csv-metadata.json", claim_metadata()), ("run.schema.json", BatchRun.model_json_schema(by_alias=True))],
)
def test_the_published_contract_is_in_step_with_the_code(file: str, made: dict[str, object]) -> None:
    assert json.loads((ROOT / "claims" / file).read_text(encoding="utf-8")) == made, (
        f"claims/{file} differs: run `python -m pbr.claims.contract claims`"
    )


# ------------------------------------------------------------------------------------------------------------ pages


class Tables(HTMLParser):
    """The tables of a page as lists of cells; and everything that would fetch or run something."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.reaching: list[str] = []
        self.heads: list[dict[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        leads_inside = (dict(attrs).get("href") or "#").partition("#")[0] in ("", "rulebook.html")
        if (
            tag in ("script", "iframe", "link", "img", "object", "embed")
            or {"src", "onclick"} & dict(attrs).keys()
            or not leads_inside
        ):
            self.reaching.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag == "th":
            self.heads.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data


def page(name: str, made: BundleContents | None = None) -> str:
    return (made or contents()).payload[f"data/{name}"].decode()


@pytest.mark.parametrize("name", ["summary.html", "certificate.html", "rulebook.html"])
def test_a_page_stands_by_itself_and_is_well_formed(name: str) -> None:
    parsed = Tables(page(name))
    assert parsed.open == []
    assert parsed.reaching == []
    assert all(head.get("scope") in ("col", "row") for head in parsed.heads)
    assert "url(" not in page(name)
    assert "@import" not in page(name)
    assert page(name).startswith('<!doctype html>\n<html lang="en-GB">')


def test_the_summary_adds_up() -> None:
    routes, attrition, held, flags, quarantine, inputs = Tables(page("summary.html")).tables
    assert routes == [
        ["Route", "Families", "Lines", "Amount"],
        ["Crime, anti-social behaviour and education", "1", "1", "£700"],
        ["progress to work", "1", "1", "£100"],
        ["All", "1", "2", "£800"],
    ]
    assert attrition[-1] == ["in the batch", "kept", "", "2", "lines", "£800"]
    assert attrition[1] == ["considered", "kept", "", "3", "families", ""]
    assert held[1] == [
        "ref2",
        "Crime, anti-social behaviour and education",
        "£700",
        "Only neutral",
        "Establish a measured improvement.",
    ]
    assert [row[::2] for row in flags[1:]] == [["near_threshold", "1"], ["school_leaver", "1"]]
    assert quarantine[1] == ["attendance", "E127", "is none of autumn, spring, summer", "1"]
    assert [row[0] for row in inputs] == ["Source", "attendance", "families"]
    assert inputs[1][-1] == "b" * 64


def test_the_summary_leads_from_routes_and_flags_to_their_words() -> None:
    led = re.findall(r'href="rulebook[.]html#([^"]+)"', page("summary.html"))
    assert set(led) == {
        "route-crime_asb_education",
        "route-progress_to_work",
        "flag-near_threshold",
        "flag-school_leaver",
    }
    assert all(f'id="{anchor}"' in page("rulebook.html") for anchor in led)


def test_text_from_outside_cannot_become_markup() -> None:
    made = replace(
        contents(),
        run=RUN.model_copy(update={"authority_name": "<script>alert(1)</script> & Sons"}),
        held=contents().held.with_columns(released_by=pl.lit("<b>x</b>")),
    )
    for name in ("summary.html", "certificate.html"):
        assert Tables(page(name, made)).reaching == []
        assert "&lt;script&gt;" in page(name, made)
    assert "<b>x" not in page("summary.html", made)


def test_an_authority_certifies_in_its_own_words() -> None:
    own = "<p>{{ run.authority_name }} claims {{ run.amount_pence | pounds }} in {{ run.lines }} lines.</p>\n"
    assert page("certificate.html", contents(certificate=own)) == "<p>Thurrock claims £800 in 2 lines.</p>\n"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ run.surname }}", "E542 certificate.html .*surname"),
        ("one\ntwo\n{% for %}", "E542 certificate.html:3 "),
        ("{{ 1 / 0 }}", "E542"),
        ("{{ ''.__class__.__mro__ }}", "E542"),
        ("{% include '/etc/passwd' %}", "E542"),
    ],
)
def test_a_certificate_that_cannot_be_filled_in_is_a_fault(tmp_path: Path, template: str, told: str) -> None:
    with pytest.raises(Faults, match=told):
        write_bundle(tmp_path, contents(certificate=template))
    assert not any(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------------- interrupted


def test_a_writer_killed_at_any_moment_leaves_no_bundle_or_a_whole_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.claims.made_bundles", str(tmp_path), "20000"]
    moments = iter(range(0, 40, 5))
    whole = 0
    while (moment := next(moments, None)) is not None:
        writer = subprocess.Popen(command, cwd=ROOT)
        while not (tmp_path / ".lock").exists() or not list(tmp_path.glob(".*.partial")):
            if writer.poll() is not None:
                break
            time.sleep(0.0005)
        time.sleep(moment / 1000)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        bundles = [path for path in tmp_path.iterdir() if path.is_dir() and not path.name.startswith(".")]
        assert all(verify(bundle) == [] for bundle in bundles)
        whole += len(bundles)
        for bundle in bundles:
            bundle.rename(tmp_path.parent / f"{tmp_path.name}-{whole}")
    made = write_bundle(tmp_path, filled(20000))
    assert verify(made.path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", made.path.name]


def test_two_writers_of_one_bundle_both_end_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.claims.made_bundles", str(tmp_path), "20000"]
    writers = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    (bundle,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert verify(bundle) == []
