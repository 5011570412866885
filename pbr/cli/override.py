"""`pbr override`: a held line released, or a result passed at discretion, by two people."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click

from pbr.cli.console import HABITS, date_option, format_options, pack_option, progress, say, show, workspace_argument
from pbr.cli.signing import by_option
from pbr.jobs import overrides as jobs
from pbr.ledger import Signer
from pbr.rulebook.load import load_pack


@click.group(context_settings=HABITS)
def override() -> None:
    """Release a held line, or pass a result at discretion: one person proposes, another approves.

    An override is of one decision and expires; it is listed apart in the bundle, and always in the auditor's sample.

    \b
    Example:  pbr override list demo
    """


@override.command()
@workspace_argument
@click.argument("family")
@click.argument("route")
@date_option("--as-of", required=True, help="The day that is decided for.")
@click.option("--window", required=True, metavar="ID", help="The claim window.")
@date_option("--claim-date", help="The day the batch is claimed; the as-of date unless given.")
@pack_option
@click.option("--reason", required=True, help="Why: what was established, and where it stands. No names.")
@click.option("--role", required=True, help="As what you say so, such as 'programme manager'.")
@date_option("--expires", required=True, help="The last day on which it counts.")
@by_option
def propose(
    workspace: Path,
    family: str,
    route: str,
    as_of: date,
    window: str,
    claim_date: date | None,
    pack: str | None,
    reason: str,
    role: str,
    expires: date,
    by: str | Signer,
) -> None:
    """Propose that the line of FAMILY on ROUTE be claimed, though a control holds it or the result is not met.

    A held line is released of what holds it. A result that is not met is passed at discretion, where pbr.toml names the
    text that allows it. Nothing overrides eligibility, windows, caps or what is claimed already.

    \b
    Example:
      pbr override propose demo F000034 crime_asb_education --as-of 2014-10-31 --window 2014-10 \\
        --reason "the school's letter of 3 October shows the change" --role "programme manager" \\
        --expires 2014-11-29 --key j.smith.key
    """
    why = jobs.Why(reason, role, expires)
    now = datetime.now(UTC)
    framework = load_pack(pack) if pack else None
    with progress("Proposing") as step:
        entry = jobs.propose(
            *(workspace, family, route, as_of, window, why),
            at=now,
            by=by,
            claim_date=claim_date,
            pack=framework,
            say=step,
        )
    act = "the discretionary pass" if entry.says["act"] == "pass" else f"the release ({', '.join(entry.says['holds'])})"
    say(f"Override {entry.seq} is proposed: {act} of family {family} on {route}, until {expires}.")
    say(f"It counts once another person approves it: pbr override approve {workspace} {entry.seq} --key THEIRS")


@override.command()
@workspace_argument
@click.argument("number", type=int)
@by_option
def approve(workspace: Path, number: int, by: str | Signer) -> None:
    """Approve override NUMBER; whoever proposed it cannot.

    \b
    Example:  pbr override approve demo 12 --key s.officer.key
    """
    jobs.approve(workspace, number, at=datetime.now(UTC), by=by)
    say(f"Override {number} is approved: prepare the batch to claim by it.")


@override.command()
@workspace_argument
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why, for the ledger: no names.")
@by_option
def withdraw(workspace: Path, number: int, reason: str, by: str | Signer) -> None:
    """Take override NUMBER back. Lines that were claimed by it stay claimed.

    \b
    Example:  pbr override withdraw demo 12 --reason "the letter was about another child" --key j.smith.key
    """
    jobs.withdraw(workspace, number, reason, at=datetime.now(UTC), by=by)
    say(f"Override {number} is withdrawn.")


@override.command("list")
@workspace_argument
@format_options
def list_(workspace: Path, form: str) -> None:
    """List the overrides of WORKSPACE: of which decision, why, until when, and who stands behind each.

    \b
    Example:  pbr override list demo
    """
    found = jobs.overrides(workspace)
    shown = ["entry", "state", "family_id", "route", "act", "holds", "reason", "role", "expires_on"]
    show(found if form != "table" else found.select(*shown, "proposed_by", "approved_by"), form)
