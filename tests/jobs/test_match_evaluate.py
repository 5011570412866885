"""How good a workspace's links are, against labels and without, and the money that rests on links."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.jobs import match_evaluate
from pbr.jobs.batches import withdraw
from pbr.jobs.decide import gather
from pbr.jobs.ledger import batches
from pbr.jobs.match_evaluate import (
    AT_RISK,
    LINES,
    estimate_without_labels,
    measure_against_labels,
    resting,
)
from pbr.jobs.match_hash import hash_source, write_hashed
from pbr.jobs.prepare import prepare
from pbr.jobs.replay import open_bundle
from pbr.jobs.shared_key import new_key
from pbr.linkage.details import ABOUT_PEOPLE
from pbr.linkage.people import People
from pbr.linkage.probabilistic import train
from pbr.sources import CONTRACTS, IDENTITY
from pbr.workspace import PASSES, Workspace
from tests.jobs.authorities import AS_OF, WINDOW, authority, shuffled
from tests.jobs.conftest import NOON

DAY = date.fromisoformat(AS_OF)


def labels_of(workspace: Path, *rows: tuple[str, str, str]) -> Path:
    """A file of labels: those given or, where none are, every link that the workspace confirms."""
    found = gather(workspace).evidence.links.filter(pl.col("status") == "confirmed")
    written = rows or found.select("table", "record_id", "person_id").rows()
    path = workspace / "labels.csv"
    path.write_text("\n".join(["table,record_id,person_id", *(",".join(row) for row in written)]) + "\n")
    return path


def refused(workspace: Path, content: str) -> list[str]:
    """Code and place of the faults of a file of labels."""
    path = workspace / "labels.csv"
    path.write_text(content)
    with pytest.raises(Faults) as faults:
        measure_against_labels(workspace, path)
    return [f"{fault.code} {fault.place}" for fault in faults.value.faults]


def with_model(workspace: Path) -> Path:
    """A workspace with the pass by weight, by a model trained on its own links."""
    found = gather(workspace)
    sure = found.evidence.links.filter(pl.col("pass").is_in(["person_id", "identifier"]))
    sure = sure.filter(pl.col("status") == "confirmed").select("detail", "person_id").unique()
    people = People.of(found.extracts["members"].accepted)
    train(found.evidence.details, people, sure, 5_000_000).save(workspace / "linkage-model.json")
    passes = ", ".join(f'"{each}"' for each in (*PASSES, "probabilistic"))
    with (workspace / "pbr.toml").open("a") as file:
        file.write(f'\n[linkage]\npasses = [{passes}]\n\n[linkage.probabilistic]\nmodel = "linkage-model.json"\n')
    return workspace


@pytest.fixture(scope="module")
def modelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority with a model that has claimed nothing; not to be changed."""
    return with_model(authority(tmp_path_factory.mktemp("modelled") / "authority", families=60, seed=1))


# ------------------------------------------------------------------------------------------------------ the labels


def test_every_fault_of_the_labels_is_told_at_once_with_its_row(unclaimed: Path) -> None:
    (known, *_) = gather(unclaimed).evidence.links.filter(pl.col("table") == "offending")["record_id"]
    assert refused(
        unclaimed,
        "table,record_id,person_id\n"
        f"offending,{known},P00000000\n"
        f"offending,{known},\n"
        "crimes,X1,P00000000\n"
        "offending,X1,P00000000\n"
        "offending\n"
        f"offending,{known},P99999999\n"
        "families,F000001,P00000000\n",
    ) == [
        "E345 labels.csv:2",
        "E342 labels.csv:4",
        "E343 labels.csv:5",
        "E340 labels.csv:6",
        "E344 labels.csv:7",
        "E342 labels.csv:8",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ["E340 labels.csv"]),
        ("table,record_id\noffending,C1/1\n", ["E341 labels.csv:1"]),
        ("id,who\n1,2\n", ["E341 labels.csv:1"] * 3),
        ("table,record_id,person_id,person_id\n", ["E341 labels.csv:1"]),
        ("table,record_id,person_id\n", ["E346 labels.csv"]),
        ("table,record_id,person_id\n,,\n", ["E346 labels.csv"]),
    ],
)
def test_a_file_that_holds_no_labels_is_refused(unclaimed: Path, content: str, expected: list[str]) -> None:
    assert refused(unclaimed, content) == expected


def test_a_file_that_is_no_text_or_not_there_is_refused(unclaimed: Path) -> None:
    (unclaimed / "labels.csv").write_bytes(b"table,record_id,person_id\n\xff\xfe\n")
    for path in (unclaimed / "labels.csv", unclaimed / "none.csv"):
        with pytest.raises(Faults) as faults:
            measure_against_labels(unclaimed, path)
        assert [fault.code for fault in faults.value.faults] == ["E340"]


def test_of_many_rows_with_one_fault_twenty_are_told_and_the_rest_counted(unclaimed: Path) -> None:
    rows = "".join(f"offending,X{at},P00000000\n" for at in range(50))
    found = refused(unclaimed, "table,record_id,person_id\n" + rows)
    assert len(found) == 21
    assert "E343 labels.csv" in found


def test_a_person_is_known_however_the_id_is_written_and_a_row_may_stand_twice(unclaimed: Path) -> None:
    first, *_ = gather(unclaimed).evidence.links.filter(pl.col("status") == "confirmed").iter_rows(named=True)
    who = f" {first['person_id'][:3].lower()} {first['person_id'][3:]}"
    rows = [(first["table"], first["record_id"], who), (first["table"], first["record_id"], first["person_id"])]
    measured = measure_against_labels(unclaimed, labels_of(unclaimed, *rows))
    assert measured.labelled == 1
    assert measured.wrong.is_empty()


# --------------------------------------------------------------------------------------------------- against labels


def all_of(measured: Any, measure: str, status: str) -> tuple[int, int]:
    rows = measured.quality.filter(pl.col("by") == "all", measure=measure, status=status)
    return rows.select("right", "of").row(0)


def test_labels_that_say_what_the_links_say_find_nothing_wrong(unclaimed: Path) -> None:
    measured = measure_against_labels(unclaimed, labels_of(unclaimed))
    links = gather(unclaimed).evidence.links.filter(pl.col("status") == "confirmed")
    confirmed = links.select("table", "record_id", "detail").n_unique()
    assert all_of(measured, "precision", "confirmed") == (confirmed, confirmed)
    assert all_of(measured, "recall", "confirmed") == (confirmed, confirmed)
    assert measured.wrong.is_empty()
    assert measured.labelled == confirmed < measured.records
    assert measured.curve is None


def test_a_label_for_somebody_else_and_one_for_nobody_make_false_links(unclaimed: Path) -> None:
    links = gather(unclaimed).evidence.links.filter(pl.col("status") == "confirmed")
    first, second, *_ = links.unique("person_id", keep="first", maintain_order=True).iter_rows(named=True)
    rows = [(first["table"], first["record_id"], second["person_id"]), (second["table"], second["record_id"], "")]
    measured = measure_against_labels(unclaimed, labels_of(unclaimed, *rows))
    assert all_of(measured, "precision", "confirmed") == (0, 2)
    assert measured.about_nobody == 1
    told = measured.wrong.select("outcome", "record_id", "person_id", "linked_to").rows()
    assert sorted(told) == sorted(
        [
            ("false", first["record_id"], second["person_id"], first["person_id"]),
            ("false", second["record_id"], None, second["person_id"]),
        ]
    )


def test_a_member_whose_row_is_in_quarantine_is_known_and_their_records_are_missed(unclaimed: Path) -> None:
    first, *_ = gather(unclaimed).evidence.links.filter(pl.col("status") == "confirmed").iter_rows(named=True)
    path = labels_of(unclaimed, (first["table"], first["record_id"], first["person_id"]))
    members = pl.read_csv(unclaimed / "sources" / "members.csv", infer_schema=False)
    theirs = pl.col("person_id").str.to_uppercase() == first["person_id"].upper()
    born = pl.when(theirs).then(pl.lit("spoilt")).otherwise("date_of_birth").alias("date_of_birth")
    members.with_columns(born).write_csv(unclaimed / "sources" / "members.csv")
    measured = measure_against_labels(unclaimed, path)
    assert measured.wrong.select("outcome", "record_id", "differs").rows() == [
        ("missed", first["record_id"], "member in quarantine")
    ]


def test_nothing_that_is_told_names_anybody(unclaimed: Path) -> None:
    members = pl.read_csv(unclaimed / "sources" / "members.csv", infer_schema=False)
    links = gather(unclaimed).evidence.links.filter(pl.col("status") == "confirmed")
    rows = [(table, record, "") for table, record in links.select("table", "record_id").iter_rows()]
    measured = measure_against_labels(unclaimed, labels_of(unclaimed, *rows))
    said = measured.wrong.write_csv() + measured.quality.write_csv()
    secrets = {value for column in ("surname", "forename", "date_of_birth", "postcode") for value in members[column]}
    assert [secret for secret in secrets if secret and secret in said] == []


def test_the_order_of_rows_changes_nothing(unclaimed: Path, tmp_path: Path) -> None:
    other = shuffled(unclaimed, tmp_path / "shuffled", seed=5)
    first, second = (measure_against_labels(each, labels_of(each)) for each in (unclaimed, other))
    assert first.quality.equals(second.quality)
    assert first.wrong.equals(second.wrong)


def test_with_a_model_the_curve_starts_from_everybody_and_ends_with_who_is_left(modelled: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(modelled, tmp_path / "authority"))
    with (workspace / "pbr.toml").open() as file:
        text = file.read()
    # Without the passes before it, the pass by weight is asked about everybody.
    (workspace / "pbr.toml").write_text(text.replace(", ".join(f'"{each}"' for each in PASSES) + ", ", ""))
    path = labels_of(modelled)
    measured = measure_against_labels(workspace, path)
    assert measured.curve is not None
    lowest, highest = measured.curve.row(0, named=True), measured.curve.row(-1, named=True)
    assert lowest["of"] == lowest["of_all"] == measured.labelled
    assert lowest["found"] >= highest["found"]
    assert lowest["recall"] > 0.9
    assert measured.thresholds == {"confirmed_from": 17, "possible_from": 5}
    at_twenty = measured.curve.row(by_predicate=pl.col("from_bits") == 20, named=True)
    assert at_twenty["confirmed"] > 0
    assert at_twenty["precision"] > 0.95


# -------------------------------------------------------------------------------------------------- without labels


def test_without_a_model_links_are_counted_and_the_money_is_told(unclaimed: Path) -> None:
    estimated = estimate_without_labels(unclaimed, DAY)
    assert not estimated.has_model
    assert estimated.links["expected_false"].null_count() == estimated.links.height
    assert estimated.at_risk.schema == AT_RISK
    assert estimated.at_risk["batch"].unique().to_list() == [AS_OF]
    assert estimated.at_risk["expected_pence"].null_count() == estimated.at_risk.height


def test_with_a_model_every_link_but_by_the_own_id_is_weighed(modelled: Path) -> None:
    estimated = estimate_without_labels(modelled, DAY)
    by_pass = estimated.links.filter((pl.col("status") == "confirmed") & (pl.col("pass") != ""))
    assert set(by_pass["pass"]) >= {"person_id", "identifier", "exact"}
    for name, links, weighed, expected in by_pass.select("pass", "links", "weighed", "expected_false").iter_rows():
        if name == "person_id":
            assert (weighed, expected) == (0, None)
        else:
            assert weighed == links
            assert 0 <= expected < links / 20
    of_lines = estimated.at_risk.filter(pl.col("status") == "confirmed")
    assert of_lines["not_weighed"].to_list() == [0] * of_lines.height
    assert (of_lines["expected_pence"] <= of_lines["amount_pence"]).all()


def test_a_link_that_the_model_would_not_have_brought_together_is_weighed_all_the_same(
    modelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_link = pl.col("status") != "missed"
    before = estimate_without_labels(modelled, DAY).links.filter(is_link)
    monkeypatch.setattr(match_evaluate, "WEIGHED_FROM", 45)
    after = estimate_without_labels(modelled, DAY).links
    assert after.filter(is_link).equals(before)
    assert after.filter(~is_link)["links"].item() == 0


def test_a_link_by_hashes_is_not_weighed_for_the_model_compares_nothing_of_them(modelled: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(modelled, tmp_path / "authority"))
    key = workspace / "police.key"
    new_key(key)
    sent = hash_source(modelled, "offending", key)
    write_hashed(sent, workspace / "sources" / "police.csv", key)
    text = (workspace / "pbr.toml").read_text()
    start, end = text.index("[sources.offending]"), text.index("[sources.employment]")
    declared = sent.declaration.replace('path = "…"', 'path = "sources/police.csv"').replace('"…"', '"police.key"')
    (workspace / "pbr.toml").write_text(text[:start] + declared + "\n\n" + text[end:])

    links = gather(workspace).evidence.links
    open_to_the_model = ~pl.col("pass").is_in(["person_id", "review"])
    hashed = links.filter(open_to_the_model & (pl.col("table") == "offending")).height
    assert hashed > 20
    whole = estimate_without_labels(workspace, DAY).links.filter(pl.col("pass") == "", pl.col("status") != "missed")
    assert whole["weighed"].sum() == links.filter(open_to_the_model).height - hashed


def test_a_batch_and_what_is_left_to_claim_are_told_apart_and_a_withdrawn_batch_is_not(copy: Path) -> None:
    (batch,) = batches(copy).iter_rows(named=True)
    estimated = estimate_without_labels(copy, DAY).at_risk
    told = estimated.select("batch", "state", "of_lines", "of_pence").unique().sort("batch", descending=True).rows()
    left = (AS_OF, "not claimed", 0, 0)
    assert sorted(told) == sorted([(batch["batch_id"], "prepared", batch["lines"], batch["amount_pence"]), left])
    withdraw(copy, batch["batch_id"], "to see", at=NOON, by="somebody")
    again = estimate_without_labels(copy, DAY).at_risk
    assert again["batch"].unique().to_list() == [AS_OF]
    key = ["status", "pass", "lines", "amount_pence"]
    assert again.select(key).equals(estimated.filter(pl.col("state") == "prepared").select(key))


def test_a_batch_whose_bundle_is_gone_stops_the_run(copy: Path) -> None:
    shutil.rmtree(copy / "batches")
    with pytest.raises(Faults) as faults:
        estimate_without_labels(copy, DAY)
    assert [fault.code for fault in faults.value.faults] == ["E550"]


# ----------------------------------------------------------------------------------- which lines rest on which links


def by_own_ids(workspace: Path, folder: Path, without: str = "") -> Path:
    """The same evidence with the authority's own id in every record and nothing else; but for one record, which has
    what it had.
    """
    found = gather(workspace)
    loaded = Workspace.load(workspace)
    folder.mkdir()
    links = found.evidence.links.filter(pl.col("status") == "confirmed")
    head = [f'[authority]\ncode = "{loaded.authority.code}"\nname = "Exampleshire"\n\n[rules]\npack = "phase-1"\n']
    for table, extract in found.extracts.items():
        rows = extract.accepted.drop("file", "row")
        if table in ABOUT_PEOPLE:
            own = links.filter(pl.col("table") == table).select("record_id", own="person_id")
            is_other = pl.col("record_id") == without
            rows = rows.join(own, on="record_id").with_columns(
                pl.when(is_other).then("person_id").otherwise("own").alias("person_id"),
                *(pl.when(is_other).then(name).alias(name) for name in IDENTITY if name != "person_id"),
            )
        columns = [column.name for column in CONTRACTS[table].columns if column.name in rows.columns]
        rows.select(pl.col(columns).cast(pl.String)).write_csv(folder / f"{table}.csv")
        covers = loaded.sources[table].covers
        dated = f"extracted_on = {loaded.sources[table].extracted_on}\n"
        dated += "" if covers is None else f"covers = {{from = {covers.start}, until = {covers.until}}}\n"
        head.append(f'\n[sources.{table}]\npath = "{table}.csv"\n{dated}')
    (folder / "pbr.toml").write_text("".join(head))
    return folder


def test_where_every_record_has_the_own_id_no_line_rests_on_anything_else(unclaimed: Path, tmp_path: Path) -> None:
    estimated = estimate_without_labels(by_own_ids(unclaimed, tmp_path / "own"), DAY).at_risk
    (row,) = estimated.iter_rows(named=True)
    assert row["of_lines"] > 5
    assert (row["status"], row["pass"], row["lines"], row["amount_pence"]) == ("confirmed", "", 0, 0)


def test_a_record_of_another_table_that_has_the_same_id_puts_no_line_at_risk(unclaimed: Path, tmp_path: Path) -> None:
    own = by_own_ids(unclaimed, tmp_path / "own")
    prepared = prepare(own, DAY, WINDOW, at=NOON, by="somebody")
    assert prepared.bundle is not None
    tables = open_bundle(prepared.bundle.path).tables
    claimed = tables["decisions.parquet"].join(tables["claim.csv"], on="decision_id", how="semi")["family_id"].unique()
    of_families = pl.col("subject_id") == ""
    cited = tables["facts.parquet"].filter(of_families & pl.col("family_id").is_in(claimed.implode()))
    offences = tables["links.parquet"].filter(pl.col("table") == "offending")["record_id"]
    (record, *_) = cited.explode("records").filter(pl.col("records").is_in(offences.implode()))["records"].sort()

    changed = by_own_ids(unclaimed, tmp_path / "changed")
    members = pl.read_csv(changed / "members.csv", infer_schema=False)
    others = members.filter(~pl.col("family_id").is_in(claimed.implode()) & pl.col("upn").is_not_null())
    terms = pl.read_csv(changed / "attendance.csv", infer_schema=False)
    one = terms.join(others.select("person_id", "upn", "date_of_birth"), on="person_id", suffix="_of").head(1)
    assert one.height == 1
    renamed = one.select(
        pl.lit(record).alias("record_id"),
        *(pl.col(name) for name in terms.columns if name not in ("record_id", "person_id", "upn", "date_of_birth")),
        upn="upn_of",
        date_of_birth="date_of_birth_of",
    )
    rest = terms.filter(pl.col("record_id") != one["record_id"].item())
    pl.concat([rest, renamed], how="diagonal").write_csv(changed / "attendance.csv")

    estimated = estimate_without_labels(changed, DAY)
    assert estimated.links.filter(pl.col("pass") == "identifier", status="confirmed")["links"].to_list() == [1]
    assert estimated.at_risk.select("status", "pass", "lines").rows() == [("confirmed", "", 0)]


def test_one_record_without_the_own_id_puts_the_lines_that_cite_it_at_risk(unclaimed: Path, tmp_path: Path) -> None:
    own = by_own_ids(unclaimed, tmp_path / "own")
    prepared = prepare(own, DAY, WINDOW, at=NOON, by="somebody")
    assert prepared.bundle is not None
    bundle = open_bundle(prepared.bundle.path)
    lines = bundle.tables["claim.csv"].join(
        bundle.tables["decisions.parquet"].select("decision_id", "family_id").unique(), on="decision_id"
    )
    # Absence is asked of for eligibility and for the result; who did more than that is of no matter here.
    facts = bundle.tables["facts.parquet"].filter(pl.col("fact").str.starts_with("unauthorised_absence"))
    cited = facts.explode("records").join(lines, on="family_id").sort("family_id", "records")
    by_number = gather(unclaimed).evidence.links.filter(pl.col("pass") == "identifier", status="confirmed")
    record, family = (
        cited.join(by_number, left_on="records", right_on="record_id").select("records", "family_id").row(0)
    )
    theirs = lines.filter(pl.col("family_id") == family)

    changed = by_own_ids(unclaimed, tmp_path / "changed", without=record)
    estimated = estimate_without_labels(changed, DAY).at_risk
    told = estimated.select("status", "pass", "lines", "amount_pence").rows()
    sums = (theirs.height, theirs["amount_pence"].sum())
    assert told == [("confirmed", "", *sums), ("confirmed", "identifier", *sums)]


def test_a_fact_that_no_test_of_the_route_reads_puts_its_line_at_no_risk(unclaimed: Path, tmp_path: Path) -> None:
    """A line for progress to work does not rest on what only other results read."""
    from pbr.jobs.match_evaluate import _facts_behind
    from pbr.rulebook.load import load_pack

    rules = load_pack("phase-1").rules(DAY)
    behind = _facts_behind(rules)
    of_route = {route: set(keys) for route, keys in behind.group_by("route").agg("fact").iter_rows()}
    absent = {fact for fact in of_route["crime_asb_education"] if fact.startswith("unauthorised_absence")}
    assert any("at: as_of" in fact for fact in absent)
    assert not any("at: as_of" in fact for fact in absent & of_route["progress_to_work"])
    assert any("at: engagement" in fact for fact in of_route["progress_to_work"]), "eligibility reads it"


def behind(*links: tuple[str, int, str, str, str, float | None]) -> pl.DataFrame:
    """Links behind lines: family, pence, status, pass, details, and the probability that they are false."""
    rows = [
        (family, "route", pence, status, "P1", name, "key", evidence, None, false)
        for family, pence, status, name, evidence, false in links
    ]
    schema = LINES | {"status": pl.String, "person_id": pl.String, "pass": pl.String, "key": pl.String}
    return pl.DataFrame(
        rows, schema | {"evidence": pl.String, "weight": pl.Int64, "is_false": pl.Float64}, orient="row"
    )


def rested(*links: tuple[str, int, str, str, str, float | None]) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {(status, name): tuple(rest) for status, name, *rest in resting(behind(*links)).iter_rows()}


def test_a_line_is_at_risk_unless_each_set_of_details_is_right() -> None:
    found = rested(("F1", 10_000, "confirmed", "exact", "a", 0.5), ("F1", 10_000, "confirmed", "identifier", "b", 0.5))
    assert found == {
        ("confirmed", ""): (1, 10_000, 0, 7_500),
        ("confirmed", "exact"): (1, 10_000, 0, 5_000),
        ("confirmed", "identifier"): (1, 10_000, 0, 5_000),
    }


def test_records_with_the_same_details_are_right_or_wrong_together() -> None:
    found = rested(*[("F1", 10_000, "confirmed", "exact", "a", 0.5)] * 100)
    assert found["confirmed", ""] == (1, 10_000, 0, 5_000)


def test_pence_are_added_before_they_are_rounded() -> None:
    found = rested(*[(f"F{at}", 100, "confirmed", "exact", "a", 0.004) for at in range(10)])
    assert found["confirmed", ""] == (10, 1_000, 0, 4)


def test_a_link_that_nobody_can_weigh_adds_nothing_and_is_counted() -> None:
    found = rested(("F1", 10_000, "confirmed", "review", "a", None), ("F2", 10_000, "confirmed", "exact", "b", 0.5))
    assert found["confirmed", ""] == (2, 20_000, 1, 5_000)
    assert found["confirmed", "review"] == (1, 10_000, 1, None)


def test_of_a_possible_link_nothing_is_expected_for_the_line_stands_either_way() -> None:
    assert rested(("F1", 10_000, "possible", "moved_house", "a", 0.5))["possible", ""] == (1, 10_000, None, None)
