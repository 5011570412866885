"""`pbr audit lines`: which claim lines rest on what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import polars as pl

from pbr.audit.resting import Question
from pbr.claims.contract import not_a_formula
from pbr.cli.console import format_options, progress, say, show
from pbr.jobs.audit_lines import Answer
from pbr.jobs.audit_lines import audit_lines as ask
from pbr.values import pounds

SHOWN_RECORDS = 3
"""How many records of one reason people are shown; CSV and JSON have all."""


def _hundredths(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A match weight of whole bits or with two decimals, as whole hundredths."""
    if value is None:
        return None
    found = re.fullmatch(r"([+-]?)([0-9]{1,4})(?:\.([0-9]{2}))?", value)
    if not found:
        raise click.BadParameter(f"{value!r} is no match weight: write whole bits or two decimals, such as 17 or 8.75")
    bits = int(found[2]) * 100 + int(found[3] or 0)
    return -bits if found[1] == "-" else bits


@click.command()
@click.argument("place", metavar="BUNDLE|WORKSPACE", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--resting-on",
    multiple=True,
    metavar="FLAG",
    help="neutral_only, school_leaver, composition_changed, near_threshold, unverified_rule, override, or another flag "
    "of the pack.",
)
@click.option("--parameter", "parameters", multiple=True, metavar="NAME", help="A figure of the rules.")
@click.option("--match-below", callback=_hundredths, metavar="BITS", help="Records linked by a weight below this.")
@click.option("--match-pass", metavar="PASS", help="Records linked by this pass; review for those a person accepted.")
@click.option("--supplier", metavar="NAME", help="The extracts of one supplier: their records, and their silence.")
@click.option("--source", metavar="TABLE", help="The extract of one table, likewise.")
@click.option("--file", metavar="PATH", help="One file, as run.json names it, likewise.")
@click.option("--record", metavar="ID", help="One record.")
@click.option("--person", metavar="ID", help="Facts of one person, records linked to them, or their being a member.")
@click.option("--held", is_flag=True, help="Held lines as well.")
@format_options
def lines(place: Path, held: bool, form: str, **asked: Any) -> None:
    """Which lines of BUNDLE, or which live lines of WORKSPACE's ledger, rest on what is asked, and what makes it so.

    Several options together narrow. Of a workspace each line is asked of its batch's bundle; what has none that
    verifies is listed as not known.

    \b
    Examples:
      pbr audit lines demo --resting-on school_leaver
      pbr audit lines demo --source offending --csv
      pbr audit lines demo --parameter eligible_with_discretion --resting-on neutral_only --held
    """
    with progress("Asking") as step:
        found = ask(place, Question(**asked), held, step)
    if form == "table":
        if not found.lines.is_empty():
            show(_for_people(found.lines))
    else:
        show(without_formulas(found.lines) if form == "csv" else found.lines, form)
    _tell(found)


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame whose text no spreadsheet runs: for CSV."""
    text = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns([not_a_formula(pl.col(name)).alias(name) for name in text])


def _for_people(found: pl.DataFrame) -> pl.DataFrame:
    amounts = pl.Series("amount", [pounds(pence) for pence in found["amount_pence"]], dtype=pl.String)
    batches = ["batch_id", "window"] if found["batch_id"].n_unique() > 1 else []
    return found.with_columns(amounts, pl.Series("why", [_shortened(why) for why in found["why"]])).select(
        pl.col("line_id").fill_null("held"), *batches, "family_ref", "route", "amount", "rests", "why"
    )


def _shortened(why: str) -> str:
    """Without all but the first few records of each fact."""

    def few(found: re.Match[str]) -> str:
        records = found[1].split(" ")
        more = len(records) - SHOWN_RECORDS
        return found[0] if more <= 0 else f"[{' '.join(records[:SHOWN_RECORDS])} and {more} more]"

    return re.sub(r"\[([^\]]*)\]", few, why)


def _tell(found: Answer) -> None:
    known = found.known
    total, asked = pounds(int(known["amount_pence"].sum())), pounds(found.asked_pence)
    say(f"{_lines(known.height)}, {total}, of {_lines(found.asked)}, {asked}.")
    by = known.group_by("rests").agg(pl.len(), pl.col("amount_pence").sum()).sort("rests")
    if by.height > 1:
        for rests, count, pence in by.iter_rows():
            say(f"  on {rests.replace(';', ' and ')}: {_lines(count)}, {pounds(pence)}")
    if found.without_weight:
        say(
            f"{_lines(found.without_weight)} of all rest on links of which none was weighed: ask those by --match-pass."
        )
    if unknown := found.not_known.height:
        total = pounds(int(found.not_known["amount_pence"].sum()))
        say(f"Not known: {_lines(unknown)}, {total}; the table says why of each.")


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
