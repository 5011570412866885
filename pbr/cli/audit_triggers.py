"""`pbr audit triggers`: what makes a department look closer, tried on oneself."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import polars as pl

from pbr.cli.console import date_option, format_options, progress, say, show
from pbr.jobs.audit_triggers import Tried, try_triggers


@click.command()
@click.argument("place", metavar="WORKSPACE|BUNDLE", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--batch", metavar="BATCH", help="The batch to look at; a workspace's last live one unless given.")
@click.option(
    "--sustained-jobs",
    type=click.IntRange(min=0),
    metavar="N",
    help="How many of these families' adults the department itself counts in sustained jobs.",
)
@date_option("--as-of", help="The day to look back from at the last check; the batch's claim date unless given.")
@format_options
def triggers(place: Path, batch: str | None, sustained_jobs: int | None, as_of: date | None, form: str) -> None:
    """Try on a batch what makes a department look closer: numbers, windows, workers, practice, earlier checks.

    A raised trigger is a question, not a fault: the exit code is 0. A bundle knows nothing of other batches: what needs
    them is not known there.

    \b
    Examples:
      pbr audit triggers demo --sustained-jobs 40
      pbr audit triggers demo/batches/E09999999-2014-10-0c6f9a1d2b3e --json
    """
    with progress("Looking") as step:
        tried = try_triggers(place, batch, sustained_jobs, as_of, step)
    rows = tried.triggers
    if form == "table":
        show(rows.select("trigger", "outcome", "figure", "limit", lines=pl.col("lines").list.len()))
        _tell(tried)
    elif form == "csv":
        show(rows.with_columns(pl.col("lines").list.join(";")), form)
    else:
        show(rows, form)


def _tell(tried: Tried) -> None:
    for name, outcome, means in tried.triggers.select("trigger", "outcome", "means").iter_rows():
        if outcome == "raised":
            say(f"{name}: {means}")
    counts = dict(tried.triggers["outcome"].value_counts().iter_rows())
    told = ", ".join(f"{counts.get(word, 0)} {word}" for word in ("raised", "not raised", "not known"))
    say(f"Batch {tried.batch_id}: {told}. Which lines are concerned: --csv or --json.")
    if not tried.bundle_read:
        say("Warning: the batch's bundle is not there, so what it would say is not known.")
