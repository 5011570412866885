"""`pbr ledger reconcile`: whether decisions, claim files, ledger and remittance advices say the same."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from pbr.cli.console import format_options, progress, say, show, show_json, workspace_argument
from pbr.cli.money import in_pounds
from pbr.jobs.reconcile import Reconciliation
from pbr.jobs.reconcile import reconcile as compare
from pbr.values import pounds

DIFFERS = 3
"""The exit code where anything differs."""


@click.command()
@workspace_argument
@click.option(
    "--remittance",
    "remittances",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A remittance advice (CSV: claim_line_id, and amount_pence or amount); give every one that was entered.",
)
@click.option("--all", "everything", is_flag=True, help="Every line, not only those of which something differs.")
@format_options
def reconcile(workspace: Path, remittances: tuple[Path, ...], everything: bool, form: str) -> None:
    """Compare decisions, claim files, ledger and remittance advices of WORKSPACE, by line and to the penny.

    Exit code 0 where all agree, 3 where anything differs. What is claimed and not yet paid is outstanding, and no
    difference. --csv and --json have every line.

    \b
    Example:  pbr ledger reconcile demo --remittance december.csv --remittance march.csv
    """
    with progress("Reconciling"):
        found = compare(workspace, remittances)
    if form == "csv":
        show(found.lines, form)
    elif form == "json":
        tables = {"batches": found.batches.to_dicts(), "lines": found.lines.to_dicts()}
        show_json({"agrees": found.agrees, **tables})
    else:
        _print(found, everything)
    _tell(found)
    if not found.agrees:
        click.get_current_context().exit(DIFFERS)


def _print(found: Reconciliation, everything: bool) -> None:
    shown = found.lines if everything else found.differing
    if shown.height:
        rows = shown.drop("route", "outstanding_pence", "reversed_by").with_columns(_readable())
        show(in_pounds(rows), title="Every line" if everything else "Lines of which something differs")
        click.echo()
    pence = [name for name in found.batches.columns if name.endswith("_pence")]
    said = [pl.col(name).sum() for name in pence if found.batches[name].null_count() < found.batches.height]
    counts = pl.col("lines", "decided_lines", "lines_that_differ").sum()
    standing = found.batches.filter(pl.col("state").ne_missing("withdrawn"))
    which = "" if standing.height == found.batches.height else "not withdrawn"
    total = standing.select(pl.lit("all").alias("batch_id"), pl.lit(which).alias("state"), counts, *said)
    rows = pl.concat([found.batches, total], how="diagonal").with_columns(_readable())
    show(in_pounds(rows), title="Batches: ledger = paid + outstanding + reversed unpaid")


def _readable() -> pl.Expr:
    return pl.col("differences").str.replace_all("_", " ").str.replace_all(";", "; ")


def _tell(found: Reconciliation) -> None:
    outstanding = found.lines.filter(pl.col("outstanding_pence") > 0)
    if outstanding.height:
        amount = pounds(int(outstanding["outstanding_pence"].sum()))
        say(f"Outstanding, claimed and not yet paid: {amount} on {_lines(outstanding.height)} (--all lists them).")
    if not found.files:
        say("No remittance advice was given, so payments were compared with none.")
    withdrawn = found.batches.filter(pl.col("state") == "withdrawn")
    compared = found.lines.height - int(withdrawn["lines"].sum())
    if found.agrees:
        what = "Decisions, claim files, ledger and remittances" if found.files else "Decisions, claim files and ledger"
        say(f"{what} agree to the penny: {_lines(compared)}.")
    else:
        say(f"{found.differing.height} of {_lines(found.lines.height)} differ; see docs/reconcile.md.")
    if withdrawn.height:
        batches = "1 withdrawn batch" if withdrawn.height == 1 else f"{withdrawn.height} withdrawn batches"
        say(f"Not compared with decisions and claim files: {_lines(found.lines.height - compared)} of {batches}.")


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
