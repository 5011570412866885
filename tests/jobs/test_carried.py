"""What a bundle carries of the evidence: families, members and records, enough for an auditor who has nothing else."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pbr.claims.contract import read
from pbr.claims.select import family_ref, worker_ref
from pbr.claims.verify import verify
from pbr.errors import Disagreement
from pbr.jobs.carried import carried
from pbr.jobs.decide import measure_workspace
from pbr.jobs.key import key_of
from pbr.jobs.replay import replay
from pbr.workspace import Workspace
from tests.jobs.authorities import AS_OF, bundle_of
from tests.jobs.forged import Edit, forged

DATE = date.fromisoformat(AS_OF)


def table(workspace: Path, file: str) -> pl.DataFrame:
    return read(file, (bundle_of(workspace) / "data" / file).read_bytes())


def test_every_decided_family_is_there_once_with_the_pseudonym_of_its_line(claimed: Path) -> None:
    families, decisions = table(claimed, "families.parquet"), table(claimed, "decisions.parquet")
    assert families["family_id"].to_list() == sorted(set(decisions["family_id"]))
    of_lines = table(claimed, "claim.csv").join(decisions.select("family_id", "decision_id").unique(), on="decision_id")
    refs = dict(families.select("family_id", "family_ref").iter_rows())
    assert all(refs[family] == ref for family, ref in of_lines.select("family_id", "family_ref").iter_rows())


def test_a_lead_worker_has_a_pseudonym_and_families_that_share_one_share_it(claimed: Path) -> None:
    key = key_of(Workspace.of(claimed))
    assert key is not None
    written = pl.read_csv(claimed / "sources" / "families.csv", infer_schema=False).sort("family_id")
    named = {row["family_id"]: row["lead_worker"] for row in written.iter_rows(named=True)}
    for row in table(claimed, "families.parquet").iter_rows(named=True):
        worker = named[row["family_id"]]
        assert row["worker_ref"] == (worker_ref(worker, key) if worker else None)


def test_a_worker_is_one_however_the_name_is_spaced_and_capitalised_and_no_family() -> None:
    assert worker_ref("Jane  Straße", b"k") == worker_ref(" JANE STRASSE", b"k")
    assert worker_ref("Jane Doe", b"k") != worker_ref("Jane Doe", b"another")
    assert worker_ref("F1", b"k") != family_ref("F1", b"k")[:12]


def test_members_tell_who_was_a_child_or_an_adult_or_not_there_on_either_day(claimed: Path) -> None:
    members = table(claimed, "members.parquet")
    left = members.filter(pl.col("left_on") <= DATE)
    joined_later = members.join(table(claimed, "families.parquet"), on="family_id").filter(
        pl.col("joined_on") > pl.col("engaged_on")
    )
    assert left.height and left["at_as_of"].null_count() == left.height
    assert joined_later.height and joined_later["at_engagement"].null_count() == joined_later.height
    assert set(members["at_engagement"].drop_nulls()) == {"child", "adult"}


def test_who_joined_by_being_born_is_not_named_by_the_birthday(copy: Path) -> None:
    path = copy / "sources" / "members.csv"
    members = pl.read_csv(path, infer_schema=False).with_row_index("at")
    is_first = pl.col("at") == 0
    born, after = (pl.when(is_first).then(pl.lit(day)) for day in ("2013-12-01", "2013-12-02"))
    for joined, told in ((born, None), (after, date(2013, 12, 2))):
        others = {"date_of_birth": born.otherwise("date_of_birth"), "joined_on": joined.otherwise("joined_on")}
        changed = members.with_columns(**others, left_on=pl.when(~is_first).then("left_on")).drop("at")
        changed.write_csv(path)
        row = members.row(0, named=True)
        theirs = carried(measure_workspace(copy, DATE), None).members.filter(pl.col("person_id") == row["person_id"])
        assert theirs["joined_on"].to_list() == [told]
        assert theirs["at_as_of"].to_list() == ["child"]


def test_every_record_that_a_fact_cites_says_something_of_a_file_that_the_run_names(claimed: Path) -> None:
    records, facts = table(claimed, "records.parquet"), table(claimed, "facts.parquet")
    assert set(facts["records"].explode().drop_nulls()) == set(records["record_id"])
    assert (
        records.select("table", "record_id", "file", "dated", "says", "content").null_count().sum_horizontal()[0] == 0
    )
    run = json.loads((bundle_of(claimed) / "data" / "run.json").read_bytes())
    assert set(records["file"]) <= {each["path"] for each in run["inputs"]}
    assert {each["source"]: each["supplier"] for each in run["inputs"]}["employment"] == "Employment adviser"


def test_the_digest_of_a_records_content_changes_with_what_it_says_and_not_with_whom_it_is_about(
    copy: Path,
) -> None:
    def contents() -> dict[str, str]:
        measured = measure_workspace(copy, DATE)
        records = carried(measured, None).records.filter(pl.col("table") == "offending")
        return dict(records.select("record_id", "content").iter_rows())

    path, before = copy / "sources" / "offending.csv", contents()
    header, *rows = path.read_text("utf-8-sig").splitlines()
    columns = header.split(",")
    at = next(at for at, row in enumerate(rows) if row.split(",")[columns.index("Ref")] in before)
    cells = rows[at].split(",")
    record = cells[columns.index("Ref")]

    def with_cell(column: str, text: str) -> dict[str, str]:
        changed = [text if name == column else cell for name, cell in zip(columns, cells, strict=True)]
        path.write_text("\n".join([header, *rows[:at], ",".join(changed), *rows[at + 1 :]]) + "\n", "utf-8")
        return contents()

    assert with_cell("Postcode", "ZZ1 1ZZ") == before
    after = with_cell("Disposal", "another")
    assert after[record] != before[record]
    assert {name: content for name, content in after.items() if name != record} == {
        name: content for name, content in before.items() if name != record
    }


def test_equal_rows_of_two_files_are_one_record_of_the_file_whose_name_comes_first(copy: Path) -> None:
    sources, settings = copy / "sources", copy / "pbr.toml"
    (sources / "exclusions").mkdir()
    for name in ("b.csv", "a.csv"):
        shutil.copy(sources / "exclusions.csv", sources / "exclusions" / name)
    settings.write_text(settings.read_text().replace("sources/exclusions.csv", "sources/exclusions/*.csv"))
    records = carried(measure_workspace(copy, DATE), None).records.filter(pl.col("table") == "exclusions")
    assert set(records["file"]) == {"sources/exclusions/a.csv"}


# ------------------------------------------------------------------------------------------ changed and sealed again


def first_gets(column: str, value: pl.Expr) -> Edit:
    return lambda frame: frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(value).otherwise(column).alias(column)
    )


@pytest.mark.parametrize(
    ("name", "edit", "told"),
    [
        ("families", lambda frame: frame[1:], "E567 .* is decided, and not there"),
        ("families", lambda frame: pl.concat([frame, frame[:1]]), "E567 .* is there twice"),
        ("families", first_gets("family_id", pl.lit("F9")), "E567 .* F9 has no decision"),
        ("families", first_gets("engaged_on", pl.lit(DATE)), "E567 .* another engaged_on than its facts"),
        ("families", lambda frame: frame.with_columns(family_ref=pl.lit("0" * 32)), "E567 .* another family_ref"),
        ("members", first_gets("family_id", pl.lit("F9")), "E568 .* F9 is not in families"),
        ("records", lambda frame: frame[1:], "E569 .* is cited by a fact, and not there"),
        ("records", lambda frame: pl.concat([frame, frame[:1]]), "E569 .* is there twice"),
        ("records", first_gets("file", pl.lit("sources/other.csv")), "E569 .* a file that is not in run.json"),
    ],
)
def test_families_members_and_records_that_are_not_the_decisions_do_not_verify(
    claimed: Path, tmp_path: Path, name: str, edit: Edit, told: str
) -> None:
    faults = verify(forged(bundle_of(claimed), tmp_path, **{f"{name}_parquet": edit}))
    assert any(re.search(told, str(fault)) for fault in faults), faults


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("families", first_gets("assessed_on", pl.lit(DATE))),
        ("families", first_gets("worker_ref", pl.lit("0" * 12))),
        ("members", lambda frame: frame[1:]),
        ("records", first_gets("says", pl.lit("nothing at all"))),
    ],
)
def test_what_verifies_and_is_not_what_the_extracts_say_is_found_from_the_sources(
    claimed: Path, tmp_path: Path, name: str, edit: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    bundle = forged(bundle_of(claimed), tmp_path, **{f"{name}_parquet": edit})
    assert verify(bundle) == []
    with pytest.raises(Disagreement) as raised:
        replay(bundle, claimed)
    assert [told.split(":")[0] for told in raised.value.differences] == [f"{name}.parquet"] * len(
        raised.value.differences
    )


def test_without_the_key_pseudonyms_are_not_compared_and_all_the_rest_is(copy: Path) -> None:
    (copy / "pbr.key").unlink()
    assert replay(bundle_of(copy), copy).changed_inputs == ()
    assert not (copy / "pbr.key").exists()
