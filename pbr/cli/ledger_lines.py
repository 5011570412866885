"""`pbr ledger lines`: every claim line with its state and its money."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from pbr.cli.console import format_options, say, show, workspace_argument
from pbr.cli.money import in_pounds
from pbr.jobs import ledger as jobs

SHOWN = (
    *("line_id", "batch_id", "window", "family_id", "route", "state", "live", "amount_pence", "paid_pence"),
    *("repaid_pence", "reversed_by", "override", "supersedes"),
)


@click.command()
@workspace_argument
@click.option("--batch", metavar="ID", help="Only the lines of this batch.")
@click.option("--family", metavar="ID", help="Only the lines of this family, by its id or its pseudonym.")
@click.option("--live", is_flag=True, help="Only lines that are claimed still.")
@format_options
def lines(workspace: Path, batch: str | None, family: str | None, live: bool, form: str) -> None:
    """List the claim lines of WORKSPACE: state of the batch, amount claimed, paid and repaid, and what reversed them.

    \b
    Examples:
      pbr ledger lines demo --live
      pbr ledger lines demo --family F000013 --json
    """
    found = jobs.lines(workspace, batch, family, live)
    if form == "table":
        show(in_pounds(found.select(SHOWN)))
    else:
        persons = pl.col("persons").list.join(";") if form == "csv" else pl.col("persons")
        show(found.with_columns(persons), form)
    if found.is_empty():
        say("There are no such lines.")
