"""Replay: what is changed in a bundle, however well it is sealed again, no longer comes out the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pbr.claims.verify import verify
from pbr.errors import Disagreement, Faults
from pbr.jobs.replay import replay
from pbr.jobs.verify import verify as verify_against_ledger
from pbr.rulebook.load import load_pack
from pbr.values import pounds
from tests.jobs.authorities import bundle_of, shuffled
from tests.jobs.forged import Edit, forged, renumbered, with_page, with_rule

IS_FIRST = pl.int_range(pl.len()) == 0


def differences(bundle: Path, sources: Path | None = None) -> str:
    """What a replay finds, as one text; it must find something."""
    with pytest.raises(Disagreement) as raised:
        replay(bundle, sources)
    assert raised.value.exit_code == 3
    return "\n".join(raised.value.differences)


def test_a_bundle_as_it_was_made_is_decided_again_in_every_finding(claimed: Path) -> None:
    done = replay(bundle_of(claimed))
    assert done.families > 50
    assert done.lines == 17
    assert done.changed_inputs is None
    assert set(done.engines) == {"bulk", done.engines[1]}


def test_a_byte_that_is_changed_without_the_manifest_stops_the_replay_at_the_door(copy: Path) -> None:
    claim = bundle_of(copy) / "data" / "claim.csv"
    claim.write_bytes(claim.read_bytes().replace(b"70000", b"70001", 1))
    with pytest.raises(Faults) as raised:
        replay(bundle_of(copy))
    assert [fault.code for fault in raised.value.faults] == ["E553"]


# -------------------------------------------------------------------------------------------------- sealed again


def changed(column: str, new: str, where: pl.Expr) -> Edit:
    """The first row that fits gets another value."""

    def edit(frame: pl.DataFrame) -> pl.DataFrame:
        at = frame.with_row_index("at").filter(where)["at"][0]
        return frame.with_columns(
            pl.when(pl.int_range(pl.len()) == at).then(pl.lit(new)).otherwise(column).alias(column)
        )

    return edit


def without_the_first(frame: pl.DataFrame) -> pl.DataFrame:
    return frame[1:]


def more_pence(claim: pl.DataFrame) -> pl.DataFrame:
    pence = pl.when(IS_FIRST).then(pl.col("amount_pence") + 100).otherwise("amount_pence")
    return renumbered(claim.with_columns(amount_pence=pence))


asb_is_nought = (pl.col("fact").str.starts_with("asb_incidents(last_months")) & (pl.col("value") == "0")
FORGERIES: dict[str, tuple[str, Edit, str]] = {
    "an incident more": ("facts_parquet", changed("value", "1", asb_is_nought), "asb_reduced"),
    "one session fewer": (
        "facts_parquet",
        changed(
            "value", "1/380", pl.col("fact").str.starts_with("unauthorised_absence") & pl.col("value").is_not_null()
        ),
        "decision_id",
    ),
    "a record of another fact": (
        "facts_parquet",
        lambda facts: facts.with_columns(
            records=pl.when(pl.int_range(pl.len()) == 3)
            .then(pl.col("records").filter(pl.col("records").list.len() > 0).first())
            .otherwise("records")
        ),
        "decision_id",
    ),
    "a verdict": (
        "decisions_parquet",
        changed("verdict", "met", (pl.col("part") == "route") & (pl.col("verdict") == "not_met")),
        "verdict is 'met' by the bundle and 'not_met' by the replay",
    ),
    "a flag": (
        "decisions_parquet",
        changed("flags", "", pl.col("flags") != ""),
        "flags is 'empty' by the bundle",
    ),
    "a finding that is gone": ("decisions_parquet", without_the_first, "only the replay has this finding"),
    "a pound more": ("claim_csv", more_pence, "amount_pence is"),
    "a line that is gone": ("claim_csv", without_the_first, "not in the bundle"),
    "a line twice over": (
        "claim_csv",
        lambda claim: renumbered(
            pl.concat([claim, claim[:1].with_columns(route=pl.lit("progress_to_work"))]).unique(
                ["family_ref", "route"], keep="first", maintain_order=True
            )
        ),
        "only in the bundle",
    ),
    "another flag with the old id": (
        "claim_csv",
        changed("flags", "school_leaver", IS_FIRST),
        "its id is not the one that its content makes",
    ),
    "fewer who fell out": (
        "attrition_csv",
        lambda attrition: attrition.with_columns(
            count=pl.when(pl.int_range(pl.len()) == 1).then(pl.col("count") - 1).otherwise("count")
        ),
        "attrition",
    ),
    "a step that is gone": ("attrition_csv", without_the_first, "attrition"),
}


@pytest.mark.parametrize(("table", "edit", "told"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_change_that_verifies_is_found_by_replay_and_by_the_ledger(
    claimed: Path, tmp_path: Path, table: str, edit: Edit, told: str
) -> None:
    forgery = forged(bundle_of(claimed), tmp_path, **{table: edit})
    assert verify(forgery) == []
    assert told in differences(forgery)
    with pytest.raises(Faults):
        verify_against_ledger(forgery, claimed)


def test_a_fact_that_is_taken_away_is_a_fault_and_no_guess(claimed: Path, tmp_path: Path) -> None:
    forgery = forged(bundle_of(claimed), tmp_path, facts_parquet=without_the_first)
    with pytest.raises(Faults) as raised:
        replay(forgery)
    assert {fault.code for fault in raised.value.faults} == {"E402"}


@pytest.mark.parametrize(
    "edit",
    [
        changed("value", "a lot", asb_is_nought),
        changed("value", "-1", asb_is_nought),
        changed("value", "0.5", asb_is_nought),
        changed("fact", "luck(last_months: 6)", asb_is_nought),
        lambda facts: pl.concat([facts, facts[:1]]),
    ],
)
def test_a_fact_that_is_none_is_a_fault(claimed: Path, tmp_path: Path, edit: Edit) -> None:
    forgery = forged(bundle_of(claimed), tmp_path, facts_parquet=edit)
    with pytest.raises(Faults) as raised:
        replay(forgery)
    assert "E401" in {fault.code for fault in raised.value.faults}


def test_a_whole_family_that_is_taken_out_of_facts_and_decisions_is_missed(claimed: Path, tmp_path: Path) -> None:
    decisions = pl.read_parquet(bundle_of(claimed) / "data" / "decisions.parquet")
    without_result = decisions.filter(pl.col("part") == "route").group_by("family_id").agg(pl.col("verdict") == "met")
    one = without_result.filter(~pl.col("verdict").list.any())["family_id"].min()

    def without(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("family_id") != one)

    tables = ("facts", "decisions", "families", "members")
    forgery = forged(bundle_of(claimed), tmp_path, **{f"{name}_parquet": without for name in tables})
    assert "attrition" in differences(forgery)


# ------------------------------------------------------------------------------------------------------- the rules

LIMIT = ("parameters.yaml", "value: 15%", "value: 50%")


def test_a_rule_that_is_changed_has_another_digest(claimed: Path, tmp_path: Path) -> None:
    changed = with_rule(bundle_of(claimed), tmp_path, *LIMIT)
    told = differences(changed)
    assert told.startswith(f"rules: their digest is {load_pack(changed / 'data' / 'rules', carried=True).digest}, and ")


def test_a_rule_that_is_changed_is_told_in_one_sentence_whatever_else_differs(claimed: Path, tmp_path: Path) -> None:
    other_facts = ("eligibility.yaml", "last_terms: identification_terms", "last_terms: result_terms")
    assert len(differences(with_rule(bundle_of(claimed), tmp_path, *other_facts)).splitlines()) == 1


def test_rules_that_cannot_be_read_are_told_in_one_sentence(claimed: Path, tmp_path: Path) -> None:
    told = differences(with_rule(bundle_of(claimed), tmp_path, "results.yaml", "results:", "reslts:"))
    assert told.startswith("rules: they cannot be read, so that nothing was decided again. E2")
    assert len(told.splitlines()) == 1
    assert "more faults: see pbr rules check " in told


def test_a_rule_that_is_changed_with_the_digest_in_the_run_changes_every_decision_id(
    claimed: Path, tmp_path: Path
) -> None:
    first = with_rule(bundle_of(claimed), tmp_path, *LIMIT)
    pack_digest = load_pack(first / "data" / "rules", carried=True).digest
    (tmp_path / "again").mkdir()
    told = differences(forged(first, tmp_path / "again", run={"pack_digest": pack_digest}))
    assert "rules:" not in told
    assert "decision_id is" in told


def test_a_comment_in_the_rules_changes_no_decision(claimed: Path, tmp_path: Path) -> None:
    commented = with_rule(bundle_of(claimed), tmp_path, "pack.yaml", "id:", "# nothing new\nid:")
    assert replay(commented).lines == 17


# ---------------------------------------------------------------------------------------------------------- the run


@pytest.mark.parametrize(
    "run", [{"window_open": False}, {"claim_date": "2015-06-01"}, {"families_agreed": 6}, {"families_live": 60}]
)
def test_other_circumstances_give_another_claim(claimed: Path, tmp_path: Path, run: dict[str, Any]) -> None:
    assert "only in the bundle" in differences(forged(bundle_of(claimed), tmp_path, run=run))


def test_an_earlier_claim_that_was_left_out_or_made_up_changes_the_lines(claimed: Path, tmp_path: Path) -> None:
    data = bundle_of(claimed) / "data"
    line = pl.read_csv(data / "claim.csv").row(0, named=True)
    decisions = pl.read_parquet(data / "decisions.parquet")
    family = decisions.filter(pl.col("decision_id") == line["decision_id"])["family_id"][0]

    def made_up(history: pl.DataFrame) -> pl.DataFrame:
        row = [(family, line["route"], "family", "L0", 100)]
        return pl.concat([history, pl.DataFrame(row, schema=history.schema, orient="row")])

    assert "only in the bundle" in differences(forged(bundle_of(claimed), tmp_path, history_csv=made_up))


# ------------------------------------------------------------------------------------------------------ from sources


def in_source(workspace: Path, table: str, edit: Callable[[list[str]], list[str]]) -> None:
    path = workspace / "sources" / f"{table}.csv"
    encoding = "windows-1252" if table == "exclusions" else "utf-8"
    path.write_bytes("\n".join(edit(path.read_text(encoding).split("\n"))).encode(encoding))


def test_the_extracts_that_were_read_give_the_bundle_again(claimed: Path) -> None:
    assert replay(bundle_of(claimed), claimed).changed_inputs == ()


def test_rows_in_another_order_have_not_changed(claimed: Path, tmp_path: Path) -> None:
    assert replay(bundle_of(claimed), shuffled(claimed, tmp_path / "again", seed=5)).changed_inputs == ()


def test_an_extract_that_has_changed_is_named_with_the_facts_and_findings_that_differ(copy: Path) -> None:
    bundle = bundle_of(copy)
    findings = pl.read_parquet(bundle / "data" / "decisions.parquet")
    family = findings.filter((pl.col("item") == "local_discretion") & (pl.col("verdict") == "met"))["family_id"][0]
    in_source(copy, "needs", lambda rows: [row for row in rows if f",{family}," not in row])
    told = differences(bundle, copy)
    assert "input sources/needs.csv (needs): has changed since" in told
    assert f"family {family}, fact need_identified(" in told
    assert f"family {family}, eligibility local_discretion: verdict is 'met' by the bundle" in told
    assert "sources/attendance.csv" not in told
    assert {line.split(",")[0] for line in told.splitlines() if line.startswith("family ")} == {f"family {family}"}


def test_a_stranger_more_in_an_extract_changes_the_input_and_what_was_set_apart(copy: Path) -> None:
    in_source(copy, "needs", lambda rows: [*rows[:-1], "N0,F999999,Local filter,2013-01-01", ""])
    told = differences(bundle_of(copy), copy)
    changed = "input sources/needs.csv (needs): has changed since"
    assert told.splitlines() == [changed, "quarantine.csv: 1 rows stand there only now"]


def test_an_extract_that_is_declared_no_more_and_a_new_one_are_named(copy: Path) -> None:
    toml = (copy / "pbr.toml").read_text()
    head, tail = toml.split("[sources.outcomes]")
    (copy / "pbr.toml").write_text(head)
    assert "input sources/outcomes.csv (outcomes): is not there now" in differences(bundle_of(copy), copy)
    (copy / "sources" / "outcomes.csv").rename(copy / "sources" / "results.csv")
    (copy / "pbr.toml").write_text(f"{head}[sources.outcomes]{tail}".replace("outcomes.csv", "results.csv"))
    assert "input sources/results.csv (outcomes): was not there then" in differences(bundle_of(copy), copy)


def test_a_source_that_covers_less_now_changes_what_is_known(copy: Path) -> None:
    toml = (copy / "pbr.toml").read_text()
    assert "until = 2014-11-29" in toml
    (copy / "pbr.toml").write_text(toml.replace("until = 2014-11-29", "until = 2014-10-29"))
    told = differences(bundle_of(copy), copy)
    assert "not_covered" in told
    assert "input" not in told


def test_a_family_more_in_the_extract_that_is_not_decided_is_counted(copy: Path) -> None:
    in_source(copy, "families", lambda rows: [*rows[:-1], "F999999,2014-10-31,,,,LW1,false,North", ""])
    told = differences(bundle_of(copy), copy)
    assert "families not decided:" in told


def test_a_rulebook_that_says_another_rule_is_found(claimed: Path, tmp_path: Path) -> None:
    changed = with_page(bundle_of(claimed), tmp_path, "rulebook.html", "is less than 15%", "is less than 51%")
    assert verify(changed) == []
    assert "rulebook.html: is not what the rules of the bundle give" in differences(changed)


def test_a_summary_that_says_more_than_the_claim_is_found(claimed: Path, tmp_path: Path) -> None:
    bundle = bundle_of(claimed)
    total = pounds(int(pl.read_csv(bundle / "data" / "claim.csv")["amount_pence"].sum()))
    changed = with_page(bundle, tmp_path, "summary.html", total, "£99,999")
    assert verify(changed) == []
    assert "summary.html: is not what the tables of the bundle give" in differences(changed)
