"""`pbr ledger import`: claims that were made before there was this ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from pbr.cli.console import progress, say, workspace_argument
from pbr.cli.signing import FILE, by_option
from pbr.jobs.import_claims import import_claims
from pbr.ledger import Signer
from pbr.rulebook.load import load_pack
from pbr.values import pounds


@click.command("import")
@workspace_argument
@click.argument("claims", type=FILE)
@click.option("--pack", metavar="PACK", help="The framework they were claimed under; the one that pbr.toml names.")
@by_option
def import_(workspace: Path, claims: Path, pack: str | None, by: str | Signer) -> None:
    """Take earlier claims over from CLAIMS, a CSV file with a row a claim line, so that none of them is made twice.

    Columns: family_id, route, window, amount_pence or amount (pounds); and where there are any claim_line_id,
    paid_pence or paid (pounds), engaged_on, claimed_on (2014-10-31) and persons (ids joined with ;). The file is
    entered whole or not at all. See docs/never-twice.md.

    \b
    Example:  pbr ledger import demo earlier-claims.csv --pack phase-1
    """
    framework = load_pack(pack) if pack else None
    with progress("Importing"):
        done = import_claims(workspace, claims, at=datetime.now(UTC), by=by, pack=framework)
    lines = "1 line" if done.lines == 1 else f"{done.lines} lines"
    families = "1 family" if done.families == 1 else f"{done.families} families"
    say(
        f"Batch {done.entry.batch_id}: {lines} of {families} {'is' if done.lines == 1 else 'are'} imported, "
        f"{pounds(done.amount_pence)} claimed, {pounds(done.paid_pence)} paid: ledger entry {done.entry.seq}."
    )
    if not done.paid_told:
        say("The file has no column paid: nothing is taken as paid.")
    if done.persons_listed:
        say(f"Lines that name nobody, and have the persons whom the list of members has: {done.persons_listed}.")
    if done.nameless:
        lost = "Somebody of them in another family cannot be found."
        say(f"Warning: lines that name nobody, of families that the list of members has not: {done.nameless}. {lost}")
