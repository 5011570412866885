"""Alike: who of the families that could be claimed seems to be somebody of another family, claimed or to be claimed.

In: a measured workspace, the families that have a result, and the live claim lines. Out: `claims.contract.ALIKE`, by
which lines are held. It rests on what `pbr match families` reports, and on its strong bases only: two who share a
number and do not seem to be one person are two.
"""

from __future__ import annotations

import polars as pl

from pbr.claims.contract import ALIKE
from pbr.claims.select import REGROUPED, SAME_ID
from pbr.jobs.decide import Measurement
from pbr.linkage import squeezed
from pbr.linkage.regrouped import regrouped
from pbr.linkage.same_persons import LIVE, ONE_PERSON, same_persons
from pbr.measures.subjects import is_member_on

OF_LINES = ("line_id", "of_family", "persons")


def with_a_result(findings: pl.DataFrame, overrides: pl.DataFrame) -> pl.Series:
    """The families that could be claimed: a route is met, or somebody asks to pass one at discretion."""
    is_met = (pl.col("part") == "route") & (pl.col("subject_id") == "") & (pl.col("verdict") == "met")
    met, passed = findings.filter(is_met), overrides.filter(pl.col("act") == "pass")
    return pl.concat([met["family_id"], passed["family_id"]]).unique().sort()


def lines_named(alike: pl.DataFrame) -> pl.DataFrame:
    """The live lines (`same_persons.LIVE`) as far as a table of people alike names them, for where no ledger is."""
    named = alike.drop_nulls("line_id").with_columns(pl.col("other_person_id").str.split(";"))
    people = named.explode("other_person_id").group_by("line_id", "other_family_id")
    lines = people.agg(persons=squeezed("other_person_id").unique().sort())
    return lines.select("line_id", "persons", family_id="other_family_id", amount_pence=pl.lit(0)).select(LIVE.names())


def alike_of(measurement: Measurement, families: pl.Series, live: pl.DataFrame) -> pl.DataFrame:
    """Who seems to be one with somebody of another family (`contract.ALIKE`), sorted.

    `families`: those that could be claimed; `live`: `same_persons.LIVE`. Raises Faults (E311) where what members share
    would make too many pairs of them.
    """
    as_of, most_pairs = measurement.as_of, measurement.workspace.linkage.most_pairs
    engaged = measurement.evidence.families.filter(pl.col("engaged_on") < as_of)
    concerned = engaged.filter(pl.col("family_id").is_in(pl.concat([families, live["family_id"]]).implode()))
    members = measurement.extracts["members"].accepted.filter((pl.col("joined_on") < as_of).fill_null(True))
    members = members.join(engaged, on="family_id", how="semi")
    belong = members.join(concerned, on="family_id", how="semi")
    lines = live.select("line_id", "persons", of_family="family_id")
    # Only who could be claimed or was: all pairs of an authority would take longer than the rest of the claim.
    asked = pl.col("person_id").is_in(belong["person_id"].implode())
    was_claimed = squeezed("person_id").is_in(lines["persons"].explode().drop_nulls().implode())
    same = same_persons(members.filter(asked | was_claimed), live, most_pairs)
    now = belong.filter(is_member_on(pl.lit(as_of)) & pl.col("family_id").is_in(families.implode()))
    now = now.select("family_id", "person_id").unique()
    found = [
        *_persons(same, now, lines),
        _same_ids(now),
        _regrouped(regrouped(concerned, belong, same, live), families, lines),
    ]
    return pl.concat([each.select(ALIKE.names()) for each in found]).unique().sort(ALIKE.names())


def _persons(same: pl.DataFrame, now: pl.DataFrame, lines: pl.DataFrame) -> list[pl.DataFrame]:
    """Members of now who seem to be somebody under another id in another family's live line, or in another family."""
    pairs = same.filter(pl.col("basis").is_in(ONE_PERSON)).select("person_id", "other_person_id", "basis", "evidence")
    turned = pairs.select("basis", "evidence", person_id="other_person_id", other_person_id="person_id")
    # One id, however it is written, is found by the id itself.
    both = pl.concat([pairs, turned.select(pairs.columns)]).unique()
    of_now = both.filter(squeezed("person_id") != squeezed("other_person_id")).join(now, on="person_id")
    others = now.rename({"family_id": "other_family_id", "person_id": "other_person_id"})
    claimed = lines.explode("persons").rename({"of_family": "other_family_id"})
    in_lines = of_now.with_columns(persons=squeezed("other_person_id")).join(claimed, on="persons")
    beside = of_now.join(others, on="other_person_id").with_columns(line_id=pl.lit(None, pl.String))
    return [each.filter(pl.col("family_id") != pl.col("other_family_id")) for each in (in_lines, beside)]


def _same_ids(now: pl.DataFrame) -> pl.DataFrame:
    """Members of now of two families under one id that is spaced or capitalised in two ways."""
    each = now.with_columns(persons=squeezed("person_id"))
    others = each.rename({"family_id": "other_family_id", "person_id": "other_person_id"})
    return (
        each.join(others, on="persons")
        .filter(pl.col("family_id") != pl.col("other_family_id"))
        .with_columns(basis=pl.lit(SAME_ID), evidence=pl.lit("person_id same"), line_id=pl.lit(None, pl.String))
    )


def _regrouped(found: pl.DataFrame, families: pl.Series, lines: pl.DataFrame) -> pl.DataFrame:
    """Families that are much the same people, whichever of the two engaged or was claimed first."""
    evidence = pl.format("{} of {} members were in the earlier family", "shared", "members")
    later = found.select(
        *("family_id", evidence.alias("evidence")),
        *(pl.col("earlier_family_id").alias("other_family_id"), pl.col("persons").alias("person_id")),
        other_person_id="earlier_persons",
    )
    earlier = later.select(
        "evidence",
        family_id="other_family_id",
        person_id="other_person_id",
        other_family_id="family_id",
        other_person_id="person_id",
    )
    both = pl.concat([later, earlier.select(later.columns)]).with_columns(basis=pl.lit(REGROUPED))
    could_be = pl.col("family_id").is_in(families.implode())
    other_could_be = pl.col("other_family_id").is_in(families.implode())
    claimed = lines.select("line_id", other_family_id="of_family")
    with_lines = both.filter(could_be).join(claimed, on="other_family_id", how="left")
    return with_lines.filter(pl.col("line_id").is_not_null() | other_could_be)
