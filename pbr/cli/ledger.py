"""`pbr ledger`: what was claimed, and whether the record of it is untouched."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from pbr.cli.console import HABITS, format_options, progress, say, show, show_json, workspace_argument
from pbr.cli.ledger_import import import_
from pbr.cli.recheck import recheck
from pbr.jobs import ledger as jobs
from pbr.ledger.store import BALANCE_BY
from pbr.values import pounds


@click.group(context_settings=HABITS)
def ledger() -> None:
    """Read the ledger: batches and their states, balances, and whether anything was touched.

    \b
    Example:  pbr ledger list demo
    """


ledger.add_command(import_)


@ledger.command("list")
@workspace_argument
@click.option("--entries", is_flag=True, help="Every entry with its digest, not a row a batch.")
@format_options
def list_(workspace: Path, entries: bool, form: str) -> None:
    """List the batches of WORKSPACE with their states, in the order they were prepared.

    \b
    Examples:
      pbr ledger list demo
      pbr ledger list demo --entries --json
    """
    if entries:
        show(jobs.entries(workspace), form)
        return
    batches = jobs.batches(workspace)
    shown = ["batch_id", "window", "state", "lines", "amount_pence", "prepared_at", "prepared_by", "bundle"]
    show(batches if form != "table" else _in_pounds(batches.select(shown)), form)


@ledger.command()
@workspace_argument
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
def verify(workspace: Path, as_json: bool) -> None:
    """Walk the ledger of WORKSPACE from its first entry, and name the first that does not fit.

    The last entry's digest stands for all before it: keep it apart, and a ledger that was replaced as a whole shows.

    \b
    Example:  pbr ledger verify demo
    """
    with progress("Verifying"):
        last = jobs.verify(workspace)
    if as_json:
        show_json({"verified": True, "entries": last.seq if last else 0, "digest": last.digest if last else None})
    elif last is None:
        say("The ledger has no entries yet.")
    else:
        say(f"Every entry is as it was written: {last.seq}, the last of {last.at}, with digest {last.digest}.")


@ledger.command()
@workspace_argument
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(list(BALANCE_BY)),
    help="What to add up by; may be given more than once. By window and route unless given.",
)
@format_options
def balance(workspace: Path, by: tuple[str, ...], form: str) -> None:
    """Add up what is claimed, and what was withdrawn, in WORKSPACE's ledger.

    \b
    Examples:
      pbr ledger balance demo
      pbr ledger balance demo --by family --csv
    """
    balances = jobs.balances(workspace, *dict.fromkeys(by))
    show(balances if form != "table" else _in_pounds(balances), form)


def _in_pounds(frame: pl.DataFrame) -> pl.DataFrame:
    """Pence as pounds, for people."""
    pence = [name for name in frame.columns if name.endswith("_pence")]
    spoken = [pl.Series(name, [pounds(amount) for amount in frame[name]], dtype=pl.String) for name in pence]
    return frame.with_columns(spoken).rename({name: name.removesuffix("_pence") for name in pence})


ledger.add_command(recheck)
