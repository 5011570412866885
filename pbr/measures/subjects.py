"""Whom facts are about: the families that are decided, and their members with the roles that the rules ask for.

In: evidence, rules and the calendar. Out: one row a family and one row a person of it, with the doubts about them.
A person is a member on a day when they had joined, had not left, and were born; nobody is a member before their birth.
"""

from __future__ import annotations

import polars as pl

from pbr.linkage import Evidence
from pbr.measures.calendar import Calendar, birthday, of_school_age
from pbr.measures.reading import DOUBTABLE, day, with_doubts
from pbr.rulebook.rules import Role, Rules


def is_member_on(when: pl.Expr) -> pl.Expr:
    """Whether the membership of the row holds on a day."""
    joined = pl.col("joined_on").is_null() | (pl.col("joined_on") <= when)
    left = pl.col("left_on").is_not_null() & (pl.col("left_on") <= when)
    return joined & ~left & (pl.col("date_of_birth") <= when)


def is_non_resident_adult(resident: str = "resident") -> pl.Expr:
    """Whether the person of the row was 18 or over when the family engaged, and does not live with it."""
    return ((birthday(18) <= pl.col("engaged_on")) & ~pl.col(resident)).fill_null(False)


def families(evidence: Evidence, rules: Rules) -> pl.DataFrame:
    """The families engaged before the as-of date.

    Columns `family_id`, `engaged_on`, the other columns of the family's own record, `record_id`, and their doubts.
    """
    own = ("closed_on", "assessed_on", "planned_on", "lead_worker", "expecting")
    decided = evidence.families.filter(pl.col("engaged_on") < rules.on).select(
        "family_id", "engaged_on", *own, "record_id"
    )
    return with_doubts(decided, evidence.doubtful_families, "family_id").sort("family_id")


def members(evidence: Evidence, rules: Rules, calendar: Calendar, of: pl.DataFrame) -> pl.DataFrame:
    """The people who hold a role in a decided family.

    Columns `family_id`, `subject_id`, `date_of_birth`, `engaged_on`, `resident_engagement` and `resident_as_of` (null
    for a day on which they are no member), doubts, one boolean a role key, sorted. Somebody whose own row is
    quarantined holds every role that the readable part of it allows, and all their facts are in doubt.
    """
    engaged = of.select("family_id", "engaged_on")
    accepted = evidence.members.rename({"person_id": "subject_id"}).join(engaged, on="family_id")
    on_day = {at: is_member_on(day(at, rules.on)) for at in ("engagement", "as_of")}
    known = accepted.with_columns(**{f"on_{at}": test for at, test in on_day.items()}, suspect=pl.lit(False))
    suspect = (
        evidence.doubtful_members.rename({"person_id": "subject_id"})
        .join(engaged, on="family_id")
        .with_columns(on_engagement=True, on_as_of=True, resident=pl.lit(None, pl.Boolean), suspect=True)
    )
    people = (
        pl.concat([known, suspect], how="diagonal")
        .group_by("family_id", "subject_id", "engaged_on")
        .agg(
            pl.col("date_of_birth").max(),
            pl.col("on_engagement", "on_as_of", "suspect").any(),
            **{f"resident_{at}": pl.col("resident").filter(f"on_{at}").max() for at in on_day},
        )
        .filter(pl.col("on_engagement") | pl.col("on_as_of"))
    )
    people = with_doubts(people, evidence.doubtful_people.rename({"person_id": "subject_id"}), "subject_id")
    people = people.with_columns(pl.col(f"doubt {table}") | pl.col("suspect") for table in DOUBTABLE)
    for role in rules.roles:
        people = _with_role(people, role, rules, calendar)
    keys = [role.key for role in rules.roles]
    holds_one = pl.any_horizontal(keys) if keys else pl.lit(False)
    doubts = [f"doubt {table}" for table in DOUBTABLE]
    residence = [f"resident_{at}" for at in on_day]
    columns = ["family_id", "subject_id", "date_of_birth", "engaged_on", *residence, *doubts, *keys]
    return people.filter(holds_one).select(columns).sort("family_id", "subject_id")


def _with_role(people: pl.DataFrame, role: Role, rules: Rules, calendar: Calendar) -> pl.DataFrame:
    when = day(role.at, rules.on)
    unborn_to_us = pl.col("date_of_birth").is_null()
    is_child = birthday(18) > when
    match role.kind:
        case "member":
            test = pl.lit(True)
        case "adult":
            test = ~is_child
        case "child":
            test = is_child
        case _:
            assert role.last_terms is not None
            terms = school_terms(people, role.last_terms, role.at, rules, calendar)
            of_age = terms.select("family_id", "subject_id", in_school=pl.lit(True)).unique()
            people = people.join(of_age, on=["family_id", "subject_id"], how="left")
            test = is_child & pl.col("in_school").fill_null(False)
    held = pl.col(f"on_{role.at}") & (unborn_to_us | test)
    if role.leaving_out:
        held &= pl.col("suspect") | ~is_non_resident_adult(f"resident_{role.at}")
    return people.with_columns(held.alias(role.key)).drop("in_school", strict=False)


def school_terms(people: pl.DataFrame, count: int, at: str, rules: Rules, calendar: Calendar) -> pl.DataFrame:
    """One row for each person and each of the last `count` completed terms in which they were of school age.

    Columns `family_id`, `subject_id`, and those of `Calendar.completed`.
    """
    dated = people.select("family_id", "subject_id", "date_of_birth", day=day(at, rules.on)).drop_nulls()
    completed = calendar.completed(dated["day"].unique(), count)
    return (
        dated.lazy()
        .join(completed.lazy(), on="day")
        .filter(of_school_age())
        .drop("date_of_birth", "turned_five_by", "turned_sixteen_from")
        .collect()
    )
