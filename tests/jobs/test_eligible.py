"""Eligible: what is counted ties out with what is decided, and each fact that would do is one that would."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pbr.engines.shortfall import SHORT
from pbr.errors import Faults
from pbr.jobs.decide import decide
from pbr.jobs.eligible import COUNTS, FAMILIES, Eligibility, eligible
from pbr.rulebook.load import load_pack
from pbr.rulebook.proposal import with_values
from tests.jobs.authorities import AS_OF

DATE = date.fromisoformat(AS_OF)


@pytest.fixture(scope="module")
def found(claimed: Path) -> Eligibility:
    return eligible(claimed, DATE)


@pytest.fixture(scope="module")
def findings(claimed: Path) -> pl.DataFrame:
    own = decide(claimed, DATE).findings.filter((pl.col("part") == "eligibility") & (pl.col("subject_id") == ""))
    return own.select("family_id", "item", "verdict", "reason")


def test_the_tables_have_the_columns_that_they_say(found: Eligibility) -> None:
    assert dict(found.families.schema) == dict(FAMILIES)
    assert dict(found.short.schema) == dict(SHORT)
    assert dict(found.counts.schema) == dict(COUNTS)
    assert not any(frame.null_count().sum_horizontal().item() for frame in (found.families, found.short, found.counts))


def test_every_family_is_as_eligible_as_it_is_decided(found: Eligibility, findings: pl.DataFrame) -> None:
    overall = findings.filter(pl.col("item") == "eligible").select("family_id", "verdict", "reason")
    assert found.families.select("family_id", "eligible", "reason").rows() == overall.sort("family_id").rows()
    assert found.families["eligible"].n_unique() > 2


@pytest.mark.parametrize("verdict", ["met", "unknown"])
def test_criteria_are_listed_and_counted_as_they_are_decided(
    found: Eligibility, findings: pl.DataFrame, verdict: str
) -> None:
    column = f"criteria_{verdict}"
    criteria = findings.filter((pl.col("item") != "eligible") & (pl.col("verdict") == verdict))
    expected = {
        family: ";".join(sorted(items)) for family, items in criteria.group_by("family_id").agg("item").iter_rows()
    }
    listed = {family: text for family, text in found.families.select("family_id", column).iter_rows() if text}
    assert listed == expected
    assert found.families[verdict].sum() == criteria.height > 0


def test_the_counts_tie_out_with_findings_and_with_each_other(found: Eligibility, findings: pl.DataFrame) -> None:
    counts = found.counts
    overall = findings.filter(pl.col("item") == "eligible")
    decided = dict(overall.group_by("verdict").len().iter_rows())
    assert dict(counts.select("eligible", "families").iter_rows()) == decided
    waiting = counts.filter(pl.col("eligible") != "met")
    assert (waiting["one_fact_short"] + waiting["further_away"]).to_list() == waiting["families"].to_list()
    assert (counts["by_missing"] + counts["by_against"]).to_list() == counts["one_fact_short"].to_list()
    assert counts["one_fact_short"].sum() == found.short["family_id"].n_unique() > 0
    assert counts.row(0, named=True)["eligible"] == "met"
    assert counts.row(0)[3:] == (0, 0, 0, 0)


def test_the_facts_of_a_family_are_counted_in_its_row(found: Eligibility) -> None:
    for evidence in ("missing", "against"):
        of = found.short.filter(pl.col("evidence") == evidence).group_by("family_id").len()
        counted = found.families.filter(pl.col(f"by_{evidence}") > 0).select("family_id", f"by_{evidence}")
        assert sorted(counted.rows()) == sorted(of.rows())
        assert of.height > 0
    short = found.families.filter("one_fact_short")["family_id"]
    assert set(short) == set(found.short["family_id"])


def test_evidence_is_missing_where_there_is_no_value_and_a_reason(found: Eligibility) -> None:
    missing, against = (found.short.filter(pl.col("evidence") == each) for each in ("missing", "against"))
    assert set(missing["value"]) == {""} and "" not in set(missing["reason"])
    assert set(against["reason"]) == {""} and "" not in set(against["value"])


def test_a_family_that_needs_one_more_offence_is_told_so(found: Eligibility) -> None:
    rows = found.short.filter(pl.col("fact") == "minor_offences(months_before_engagement: 12)")
    assert set(rows["criteria"]) == {"crime_asb"}
    assert set(rows["needs"]) == {"at least 1"}
    assert set(rows["subject_id"]) == {""}


def test_a_members_fact_names_the_member(found: Eligibility) -> None:
    rows = found.short.filter(pl.col("fact").str.starts_with("out_of_work_benefit"))
    members = found.of.evidence.members.select("family_id", subject_id="person_id")
    assert rows.height > 0
    assert rows.join(members, on=["family_id", "subject_id"], how="anti").is_empty()


def test_by_another_pack_others_are_eligible(claimed: Path, found: Eligibility) -> None:
    easier = eligible(claimed, DATE, with_values(load_pack("phase-1"), {"eligible_on_national_criteria": "1"}))
    verdicts = [set(each.families.filter(pl.col("eligible") == "met")["family_id"]) for each in (found, easier)]
    assert verdicts[0] < verdicts[1]


def test_families_that_engage_later_are_not_among_them(claimed: Path) -> None:
    early = eligible(claimed, date(2012, 10, 1))
    engaged = early.of.families.filter(pl.col("engaged_on") < date(2012, 10, 1))["family_id"]
    assert 0 < engaged.len() < early.of.families.height
    assert early.families["family_id"].to_list() == engaged.to_list()


def test_a_day_on_which_the_pack_has_no_figures_is_told(claimed: Path) -> None:
    with pytest.raises(Faults, match="E214"):
        eligible(claimed, date(2012, 3, 31))
