"""`pbr claim`: prepare the batch of a claim window, submit it, withdraw it."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import polars as pl

from pbr.cli.console import HABITS, date_option, format_options, pack_option, progress, say, show, workspace_argument
from pbr.jobs.batches import submit as submit_batch
from pbr.jobs.batches import withdraw as withdraw_batch
from pbr.jobs.prepare import Preparation, warnings
from pbr.jobs.prepare import prepare as prepare_batch
from pbr.rulebook.load import load_pack
from pbr.values import pounds

F = TypeVar("F", bound=Callable[..., Any])


def by_option(function: F) -> F:
    """Who does it: for the ledger."""
    help = "Who does this, for the ledger; the user of this machine unless given."
    return click.option("--by", default=_user, show_default=False, metavar="NAME", help=help)(function)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise click.UsageError("this machine does not say who its user is. Add --by NAME.") from error


@click.group(context_settings=HABITS)
def claim() -> None:
    """Prepare, submit and withdraw batches of claim lines.

    \b
    Example:  pbr claim prepare demo --as-of 2014-10-31 --window 2014-10
    """


@claim.command()
@workspace_argument
@date_option("--as-of", required=True, help="The day to decide for; nothing dated on or after it counts.")
@click.option("--window", required=True, metavar="ID", help="The claim window, such as 2014-10.")
@date_option("--claim-date", help="The day the batch is claimed; the as-of date unless given.")
@pack_option
@by_option
@format_options
def prepare(
    workspace: Path, as_of: date, window: str, claim_date: date | None, pack: str | None, by: str, form: str
) -> None:
    """Prepare a batch from WORKSPACE: decide, select, price, and write the bundle and its ledger entry.

    Every family that is claimed is decided by two engines. The same command again makes the same bundle.

    \b
    Example:  pbr claim prepare demo --as-of 2014-10-31 --window 2014-10
    """
    now = datetime.now(UTC)
    framework = load_pack(pack) if pack else None
    with progress("Preparing") as step:
        prepared = prepare_batch(
            workspace, as_of, window, at=now, by=by, claim_date=claim_date, pack=framework, say=step
        )
    attrition = _readable(prepared) if form == "table" else prepared.selection.attrition
    show(attrition, form, title="What fell out, and where")
    _tell(prepared, workspace)


@claim.command()
@workspace_argument
@click.argument("batch")
@by_option
def submit(workspace: Path, batch: str, by: str) -> None:
    """Enter in the ledger that BATCH went to the department.

    \b
    Example:  pbr claim submit demo 0c6f9a1d2b3e
    """
    entry = submit_batch(workspace, batch, at=datetime.now(UTC), by=by)
    say(f"Batch {batch} is submitted (ledger entry {entry.seq}).")


@claim.command()
@workspace_argument
@click.argument("batch")
@click.option("--reason", required=True, help="Why, for the ledger: no names.")
@by_option
def withdraw(workspace: Path, batch: str, reason: str, by: str) -> None:
    """Take BATCH back: its families can be claimed again.

    \b
    Example:  pbr claim withdraw demo 0c6f9a1d2b3e --reason "attendance extract was out of date"
    """
    entry = withdraw_batch(workspace, batch, reason, at=datetime.now(UTC), by=by)
    say(f"Batch {batch} is withdrawn (ledger entry {entry.seq}).")


def _readable(prepared: Preparation) -> pl.DataFrame:
    amounts = [None if pence is None else pounds(pence) for pence in prepared.selection.attrition["amount_pence"]]
    spoken = pl.col("step", "outcome", "reason").str.replace_all("_", " ")
    return prepared.selection.attrition.with_columns(spoken, amount_pence=pl.Series(amounts, dtype=pl.String)).rename(
        {"amount_pence": "amount"}
    )


def _tell(prepared: Preparation, workspace: Path) -> None:
    for warning in warnings(prepared.measurement):
        say(f"Warning: {warning}.")
    if prepared.new_key:
        say(f"A key for the families' pseudonyms was made: {workspace / 'pbr.key'}. Keep it, and keep it secret.")
    if prepared.bundle is None:
        say("Nothing can be claimed, so no batch was prepared. The table says where each family fell out.")
        return
    batch, path = prepared.bundle.batch, prepared.bundle.path
    again = "was prepared before; it is the same" if prepared.again else "is prepared"
    lines = "1 line" if batch.lines == 1 else f"{batch.lines} lines"
    say(f"Batch {batch.batch_id} {again}: {lines}, {pounds(batch.amount_pence)}.")
    held = prepared.selection.held.height
    if held:
        say(f"{'1 line is' if held == 1 else f'{held} lines are'} held for a person: see data/held.csv.")
    say(f"The bundle is {path}. Read data/summary.html first; then: pbr verify {path}")
