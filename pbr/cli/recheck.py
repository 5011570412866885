"""`pbr ledger recheck`: what of the live claim lines would be decided otherwise now."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import polars as pl

from pbr.cli.audit_lines import without_formulas
from pbr.cli.console import date_option, format_options, progress, say, show, workspace_argument
from pbr.jobs.recheck import CHANGED, Recheck
from pbr.jobs.recheck import recheck as recheck_lines
from pbr.values import pounds


@click.command()
@workspace_argument
@date_option("--as-of", help="A later day, such as today: find as well what was undone since the claim.")
@click.option("--all", "with_changed", is_flag=True, help="Lines, too, of which only the evidence has changed.")
@format_options
@click.pass_context
def recheck(ctx: click.Context, workspace: Path, as_of: date | None, with_changed: bool, form: str) -> None:
    """Decide WORKSPACE's live claim lines again from today's extracts, and list what would differ and why.

    Each by the rules of its bundle and as of its own day, and by the workspace's rules of today: so data, links and
    rules are told apart. No claim is altered. Exit code 3 where a line is listed that differs, is undone since, or
    cannot be decided again.

    \b
    Examples:
      pbr ledger recheck demo
      pbr ledger recheck demo --as-of 2014-12-01 --csv
    """
    with progress("Rechecking") as step:
        found = recheck_lines(workspace, as_of, step)
    lines = found.lines if with_changed else found.differing
    if form == "table":
        if not lines.is_empty():
            show(_for_people(lines))
    else:
        show(without_formulas(lines) if form == "csv" else lines, form)
    _tell(found)
    if found.differs:
        ctx.exit(3)


def _for_people(lines: pl.DataFrame) -> pl.DataFrame:
    amounts = pl.Series("amount", [pounds(pence) for pence in lines["amount_pence"]], dtype=pl.String)
    spoken = pl.col("outcome", "causes").str.replace_all("_", " ").str.replace_all(";", ", ")
    return lines.with_columns(amounts, spoken).select(
        "line_id", "batch_id", "family_id", "route", "amount", "outcome", "now", "causes", "evidence",
    )  # fmt: skip


def _tell(found: Recheck) -> None:
    for batch in found.other_framework:
        say(f"Batch {batch} was claimed under another framework than the workspace's now: its rules were not compared.")
    counted = found.lines.group_by("outcome", maintain_order=True).agg(pl.len(), pl.col("amount_pence").sum())
    say(f"{_lines(found.checked)} decided again.")
    for outcome, count, pence in counted.iter_rows():
        rest = ", which changes nothing that is claimed (--all lists them)" if outcome == CHANGED else ""
        say(f"  {outcome.replace('_', ' ')}: {_lines(count)}, {pounds(pence)}{rest}")
    if counted.is_empty():
        say("All come out as they were claimed.")


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
