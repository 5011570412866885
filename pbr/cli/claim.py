"""`pbr claim`: a batch from its preparation to its payment, and what is put right after."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click
import polars as pl

from pbr.cli.console import HABITS, date_option, format_options, pack_option, progress, say, show, workspace_argument
from pbr.cli.signing import FILE, by_option
from pbr.jobs import batches as jobs
from pbr.jobs.prepare import Preparation
from pbr.jobs.prepare import prepare as prepare_batch
from pbr.jobs.remittance import pence_of
from pbr.ledger import Entry, Signer
from pbr.rulebook.load import load_pack
from pbr.values import pounds
from pbr.workspace import Workspace


class _Reason(click.Option):
    """`--reason`; help does not name its alias."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        found = super().get_help_record(ctx)
        return None if found is None else (found[0].replace(", --cause", ""), found[1])


reason_option = click.option(
    "--reason", "--cause", "reason", cls=_Reason, required=True, help="Why, for the ledger: no names."
)


@click.group(context_settings=HABITS)
def claim() -> None:
    """Take a batch of claim lines from its preparation to its payment, and put right what was wrong.

    A batch is prepared, checked by internal audit (pbr audit record), approved, submitted and paid; it can be withdrawn
    until money is kept for it. Each step is signed; whoever prepares a batch neither checks nor approves it.

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
    workspace: Path, as_of: date, window: str, claim_date: date | None, pack: str | None, by: str | Signer, form: str
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
    _warn_of_window(workspace, window, claim_date or as_of)
    attrition = _readable(prepared) if form == "table" else prepared.selection.attrition
    show(attrition, form, title="What fell out, and where")
    _tell(prepared, workspace)


@claim.command()
@workspace_argument
@click.argument("batch")
@by_option
def approve(workspace: Path, batch: str, by: str | Signer) -> None:
    """Approve BATCH, as the responsible officer: read its certificate.html first; your signature stands for it.

    It must have been checked; whoever prepared or checked it cannot approve it.

    \b
    Example:  pbr claim approve demo 0c6f9a1d2b3e --key s.officer.key
    """
    with progress("Verifying"):
        entry = jobs.approve(workspace, batch, at=datetime.now(UTC), by=by)
    _entered(f"Batch {batch} is approved by {entry.by}", entry)


@claim.command()
@workspace_argument
@click.argument("batch")
@date_option("--on", help="The day on which it goes; today unless given. It must lie in the claim window.")
@by_option
def submit(workspace: Path, batch: str, on: date | None, by: str | Signer) -> None:
    """Enter in the ledger that BATCH goes to the department: it is verified and replayed first.

    \b
    Example:  pbr claim submit demo 0c6f9a1d2b3e --on 2014-11-03 --key j.smith.key
    """
    now = datetime.now(UTC)
    with progress("Submitting") as step:
        entry = jobs.submit(workspace, batch, on or now.date(), at=now, by=by, say=step)
    _entered(f"Batch {batch} is submitted, on {entry.says['submitted_on']}", entry)


@claim.command()
@workspace_argument
@click.argument("remittance", type=FILE)
@click.option("--reference", required=True, help="The remittance's own number.")
@date_option("--paid-on", required=True, help="The day of the payment.")
@by_option
def pay(workspace: Path, remittance: Path, reference: str, paid_on: date, by: str | Signer) -> None:
    """Enter the payment that REMITTANCE (CSV: claim_line_id, and amount_pence or amount) says was made.

    Lines of several batches may stand in it. It is entered whole or not at all: a line that is not claimed, or paid
    beyond its claim, is told. See `pbr ledger reconcile` for what still differs.

    \b
    Example:  pbr claim pay demo remittance.csv --reference 4711 --paid-on 2014-12-01 --key f.finance.key
    """
    now = datetime.now(UTC)
    _require_past(paid_on, now)
    entries = jobs.pay(workspace, remittance, reference, paid_on, at=now, by=by)
    for entry in entries:
        lines = entry.says["lines"]
        paid = "1 line is" if len(lines) == 1 else f"{len(lines)} lines are"
        amount = pounds(sum(line["amount_pence"] for line in lines))
        _entered(f"Batch {entry.batch_id}: {paid} paid, {amount}", entry)


@claim.command()
@workspace_argument
@click.argument("batch")
@click.option("--line", metavar="LINE", help="Withdraw this line only, of a batch that was submitted.")
@reason_option
@by_option
def withdraw(workspace: Path, batch: str, line: str | None, reason: str, by: str | Signer) -> None:
    """Take BATCH back, or one line of it on which nothing was paid: what it claimed can be claimed again.

    \b
    Examples:
      pbr claim withdraw demo 0c6f9a1d2b3e --reason "attendance extract was out of date"
      pbr claim withdraw demo 0c6f9a1d2b3e --line L0123456789abcdef --reason "twin's record" --key j.smith.key
    """
    now = datetime.now(UTC)
    if line is None:
        entry = jobs.withdraw(workspace, batch, reason, at=now, by=by)
        _entered(f"Batch {batch} is withdrawn", entry)
    else:
        _corrected(jobs.correct(workspace, line, "withdraw", reason, batch_id=batch, at=now, by=by))


@claim.command()
@workspace_argument
@click.argument("line")
@click.option("--amount", metavar="POUNDS", help="How much is given back; all that was paid unless given.")
@reason_option
@by_option
def repay(workspace: Path, line: str, amount: str | None, reason: str, by: str | Signer) -> None:
    """Enter that what was paid on LINE, or a part, is given back. When nothing is left its route can be claimed again.

    \b
    Example:  pbr claim repay demo L0123456789abcdef --reason "spot check: absence 16%" --key f.finance.key
    """
    pence = None if amount is None else pence_of(amount)
    if amount is not None and pence is None:
        raise click.BadParameter(f"{amount!r} is no amount in pounds: write 700 or 1,500.00", param_hint="--amount")
    _corrected(jobs.correct(workspace, line, "repay", reason, pence, at=datetime.now(UTC), by=by))


@claim.command()
@workspace_argument
@click.argument("line")
@reason_option
@by_option
def supersede(workspace: Path, line: str, reason: str, by: str | Signer) -> None:
    """Reverse LINE whole, for another to stand in its place: the next batch's line of its family names it.

    \b
    Example:  pbr claim supersede demo L0123456789abcdef --reason "engaged in 2013, not 2012" --key j.smith.key
    """
    _corrected(jobs.correct(workspace, line, "supersede", reason, at=datetime.now(UTC), by=by))


@claim.command()
@workspace_argument
@click.option("--year", required=True, metavar="2012/13", help="The financial year whose fees they are.")
@click.option("--families", required=True, type=click.IntRange(min=1), help="For how many families they were paid.")
@click.option("--reference", required=True, help="The remittance's own number.")
@date_option("--paid-on", required=True, help="The day of the payment.")
@pack_option
@by_option
def attach(
    workspace: Path, year: str, families: int, reference: str, paid_on: date, pack: str | None, by: str | Signer
) -> None:
    """Enter attachment fees that the department paid: for a number of families, at the fee of that year.

    No more families than are funded can be paid for in all.

    \b
    Example:  pbr claim attach demo --year 2012/13 --families 120 --reference 4700 --paid-on 2012-07-02 --key f.key
    """
    framework = load_pack(pack) if pack else None
    now = datetime.now(UTC)
    _require_past(paid_on, now)
    entry = jobs.attach(workspace, year, families, reference, paid_on, pack=framework, at=now, by=by)
    says = entry.says
    paid_for = "1 family" if says["families"] == 1 else f"{says['families']} families"
    amount = f"{paid_for} at {pounds(says['fee_pence'])}: {pounds(says['amount_pence'])}"
    _entered(f"Attachment fees of {year} are entered, {amount}", entry)


def _entered(what: str, entry: Entry) -> None:
    say(f"{what} (ledger entry {entry.seq}).")


def _corrected(entry: Entry) -> None:
    (one,) = entry.says["corrections"]
    done = {"withdraw": "is withdrawn", "repay": "is repaid", "supersede": "is superseded"}[one["act"]]
    _entered(f"Line {one['line_id']} of batch {entry.batch_id} {done}: {pounds(one['amount_pence'])}", entry)


def _readable(prepared: Preparation) -> pl.DataFrame:
    amounts = [None if pence is None else pounds(pence) for pence in prepared.selection.attrition["amount_pence"]]
    spoken = pl.col("step", "outcome", "reason").str.replace_all("_", " ")
    return prepared.selection.attrition.with_columns(spoken, amount_pence=pl.Series(amounts, dtype=pl.String)).rename(
        {"amount_pence": "amount"}
    )


def _warn_of_window(workspace: Path, window: str, claim_date: date) -> None:
    for declared in Workspace.of(workspace).claims.windows:
        if declared.id == window and not declared.opens <= claim_date <= declared.closes:
            open_ = f"open from {declared.opens} until {declared.closes}"
            outside = f"the claim date {claim_date} is not inside window {window} ({open_})"
            say(f"Warning: {outside}: nothing can be claimed on it.")


def _require_past(paid_on: date, now: datetime) -> None:
    if paid_on > now.date():
        raise click.BadParameter(f"{paid_on} is still to come: nothing is paid before its day", param_hint="--paid-on")


def _tell(prepared: Preparation, workspace: Path) -> None:
    for warning in prepared.warnings:
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
