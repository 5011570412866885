"""`pbr match families`: what seems wrong with the families' lists of members, for somebody to look at."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import polars as pl
import polars.selectors as cs

from pbr.cli.console import date_option, format_options, progress, say, show, show_json, workspace_argument
from pbr.jobs.match_families import match_families
from pbr.linkage.families import FamiliesReport
from pbr.values import pounds

SHOWN = {
    "same_persons": [
        *("person_id", "family_id", "other_person_id", "other_family_id", "basis", "when", "evidence"),
        *("claimed_pence", "other_claimed_pence"),
    ],
    "regrouped": [
        *("family_id", "engaged_on", "earlier_family_id", "earlier_engaged_on", "overlap", "persons"),
        *("earlier_persons", "new_persons", "left_behind", "claimed_pence", "earlier_claimed_pence"),
    ],
    "missing_members": [
        *("family_id", "stranger", "by", "surname", "age_group", "sources", "records", "first_on", "person_id"),
    ],
}
"""The columns that people see of each finding."""

TITLES = {
    "same_persons": "Persons who seem to be one under two ids, or who share a number",
    "regrouped": "Families that look like an earlier family regrouped",
    "missing_members": "People who seem to be missing from a family's list",
}


@click.command()
@workspace_argument
@date_option(
    "--as-of", help="Look at families engaged and records dated before this day only. All of them, unless given."
)
@format_options
def families(workspace: Path, as_of: date | None, form: str) -> None:
    """Report what seems wrong with the families' lists of WORKSPACE: who is there twice, and who is not there.

    Persons who seem to be one under two ids, families that look like an earlier family regrouped, and people in the
    extracts who live with a family and are not on its list, each with ids, how the fields agree, and what was claimed.
    Nothing is merged and nothing is written: docs/families.md says what to do about each.

    \b
    Examples:
      pbr match families demo
      pbr match families demo --as-of 2014-10-31 --csv > families.csv
    """
    with progress("Looking at families") as step:
        report = match_families(workspace, as_of, step)
    tables = _tables(report)
    if form == "json":
        records = {"missing_records": report.missing.records, "left_out": report.missing.left_out}
        rows = {name: table.to_dicts() for name, table in ({"counts": report.counts} | tables | records).items()}
        show_json({"as_of": as_of, **rows})
    elif form == "csv":
        named = [table.select(pl.lit(name).alias("finding"), pl.all()) for name, table in tables.items()]
        show(pl.concat(named, how="diagonal"), "csv")
    else:
        nobody_listed = pl.col("perhaps") == ""
        for name, table in (tables | {"missing_members": report.missing.people.filter(nobody_listed)}).items():
            if not table.is_empty():
                show(_spoken(name, table), title=TITLES[name])
    _sum_up(report)


def _tables(report: FamiliesReport) -> dict[str, pl.DataFrame]:
    return {
        "same_persons": report.same_persons,
        "regrouped": report.regrouped,
        "missing_members": report.missing.people,
    }


def _spoken(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """What people see: words without underscores, pounds, and the overlap as n of m."""
    if name == "regrouped":
        table = table.with_columns(overlap=pl.format("{} of {}", "shared", "members"))
    shown = table.select(SHOWN[name])
    pence = [column for column in shown.columns if column.endswith("_pence")]
    in_pounds = [pl.Series(column, [pounds(amount) for amount in shown[column]], dtype=pl.String) for column in pence]
    words = [column for column in ("basis", "when") if column in shown.columns]
    return (
        shown.with_columns(in_pounds)
        .with_columns(pl.col(words).str.replace_all("_", " "), cs.string().exclude(words).str.replace_all(";", "; "))
        .rename({column: column.removesuffix("_pence") for column in pence})
    )


def _sum_up(report: FamiliesReport) -> None:
    said = {
        "same_persons": "Pairs of persons who seem to be one person",
        "one_number": "Pairs of persons who share a number and do not seem to be one: one of each has somebody else's",
        "regrouped": "Families that look like an earlier family regrouped",
        "missing_members": "People who seem to be missing from a family's list",
        "perhaps_members": "People beside them who are perhaps a member that no pass links, in --csv and --json only",
    }
    for finding, found, families, claimed in report.counts.iter_rows():
        concerned = f" (families concerned: {families}, with {pounds(claimed)} in live claims)" if found else ""
        say(f"{said[finding]}: {found}{concerned}.")
    if left_out := report.missing.left_out["people"].sum():
        say(f"People at a family's address under its surname, where that says too little: {left_out}.")
    if report.counts["found"].sum():
        say("Nothing was merged. docs/families.md says what each finding means and what to do about it.")
