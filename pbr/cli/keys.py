"""`pbr keys`: keys to sign with, and the register that says whose they are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import click
import polars as pl

from pbr.cli.console import HABITS, format_options, say, show, workspace_argument
from pbr.cli.signing import FILE, key_option
from pbr.jobs import signers as jobs
from pbr.ledger import Signer
from pbr.ledger.bodies import Role
from pbr.ledger.signatures import fingerprint


@click.group(context_settings=HABITS)
def keys() -> None:
    """Make keys to sign with, and keep the register of whose they are.

    \b
    Example:  pbr keys new ~/j.smith.key
    """


@keys.command()
@click.argument("file", type=FILE)
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase, without which the key cannot be used.")
def new(file: Path, passphrase: bool) -> None:
    """Make a key for yourself in FILE, for you alone to read, with its public half in FILE.pub.

    Give the .pub file to your registrar. The private key never leaves you.

    \b
    Example:  pbr keys new ~/j.smith.key --passphrase
    """
    secret = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True) if passphrase else None
    signer = jobs.new_key(file, secret)
    say(f"The key is in {file}: keep it to yourself. Its public half is {jobs.public_path(file)}: have it registered.")
    say(f"Fingerprint: {fingerprint(signer.key)}")


@keys.command()
@workspace_argument
@click.argument("public", type=FILE)
@click.option("--person", required=True, metavar="NAME", help="Whose key it is.")
@click.option(
    "--role",
    "roles",
    required=True,
    multiple=True,
    type=click.Choice(get_args(Role)),
    help="What they may do; may be given more than once. A registrar has no other role.",
)
@key_option
def register(workspace: Path, public: Path, person: str, roles: tuple[str, ...], by: Signer) -> None:
    """Register the key in PUBLIC as a person's, with what they may do; a registrar signs.

    The first key of a workspace is a registrar's own. Compare the fingerprint with the person first.

    \b
    Examples:
      pbr keys register demo head.key.pub --person "R Head" --role registrar --key head.key
      pbr keys register demo j.smith.key.pub --person "J Smith" --role preparer --key head.key
    """
    entry = jobs.register(workspace, public, person, roles, at=datetime.now(UTC), by=by)
    said = ", ".join(sorted(set(roles)))
    say(f"{person} is registered as {said} (ledger entry {entry.seq}): {fingerprint(jobs.public_key(public))}.")


@keys.command()
@workspace_argument
@click.argument("person")
@click.option("--reason", required=True, help="Why, for the ledger.")
@key_option
def revoke(workspace: Path, person: str, reason: str, by: Signer) -> None:
    """Revoke the key of PERSON: nothing that is signed with it is taken from now on. A registrar signs.

    \b
    Example:  pbr keys revoke demo "J Smith" --reason "left the council" --key head.key
    """
    entry = jobs.revoke(workspace, person, reason, at=datetime.now(UTC), by=by)
    say(f"The key of {person} is revoked (ledger entry {entry.seq}).")


@keys.command("list")
@workspace_argument
@format_options
def list_(workspace: Path, form: str) -> None:
    """List whose keys are registered in WORKSPACE, what each may do, and which are revoked.

    \b
    Example:  pbr keys list demo
    """
    found = jobs.registered(workspace)
    prints = [fingerprint(key) for key in found["public_key"]]
    found = found.with_columns(fingerprint=pl.Series(prints, dtype=pl.String))
    if form == "table":
        found = found.drop("public_key").with_columns(pl.col("roles").str.replace_all(";", ", "))
        found = found.rename({"since": "registered by entry", "until": "revoked by entry"})
    show(found, form)
