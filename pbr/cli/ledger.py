"""`pbr ledger`: what was claimed and paid, and whether the record of it is untouched."""

from __future__ import annotations

from pathlib import Path

import click

from pbr.cli.console import HABITS, format_options, progress, say, show, show_json, workspace_argument
from pbr.cli.ledger_import import import_
from pbr.cli.ledger_lines import lines
from pbr.cli.ledger_reconcile import reconcile
from pbr.cli.money import in_pounds
from pbr.cli.recheck import recheck
from pbr.jobs import ledger as jobs
from pbr.ledger.store import BALANCE_BY


@click.group(context_settings=HABITS)
def ledger() -> None:
    """Read the ledger: batches and their states, balances, and whether anything was touched.

    \b
    Example:  pbr ledger list demo
    """


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
    show(batches if form != "table" else in_pounds(batches.select(shown)), form)


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
    """Add up what is claimed, paid, repaid and held in WORKSPACE's ledger, and tell what is left of the allocation.

    Outstanding is what live lines claim and nobody has paid yet; withdrawn, what lines claimed that count no more.

    \b
    Examples:
      pbr ledger balance demo
      pbr ledger balance demo --by family --csv
    """
    balances = jobs.balances(workspace, *dict.fromkeys(by))
    show(balances if form != "table" else in_pounds(balances), form)
    for one in jobs.allocations(workspace):
        of = f" of {one.agreed} agreed" + (f" ({one.share.percent})" if one.share else "")
        left = f"{one.left} left" if one.left >= 0 else f"{-one.left} beyond it"
        say(f"Allocation by {one.pack_id}: {one.funded} families{of}; {one.claimed} with live lines, {left}.")


for command in (import_, lines, reconcile, recheck):
    ledger.add_command(command)
