"""`pbr match hash` and `pbr match new-key`: what a partner that cannot share names runs on its own premises."""

from __future__ import annotations

from pathlib import Path

import click

from pbr.cli.console import progress, say, workspace_argument
from pbr.jobs.match_hash import hash_source, write_hashed
from pbr.jobs.shared_key import new_key as make_key

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(name="hash")
@workspace_argument
@click.argument("source")
@click.option("--key", required=True, type=FILE, metavar="FILE", help="The key that you and the programme share.")
@click.option("--out", required=True, type=FILE, metavar="FILE", help="The file to send: .csv or .parquet.")
@click.option(
    "--index", type=FILE, metavar="FILE", help="Write here which of your records is which. Keep it; never send it."
)
def hash_identities(workspace: Path, source: str, key: Path, out: Path, index: Path | None) -> None:
    """Hash the identities in SOURCE of WORKSPACE, for a programme that may not have names.

    Run it on your own premises. WORKSPACE is a folder whose pbr.toml says how your file is to be read; it needs no
    families and no members. What is written has no identity column, no free text, and no record id of yours: only
    counts, dates and codes, and match-keys, which the programme can compare with its members' under the same key. Never
    send the key with the file. docs/match-keys.md says what somebody can learn from the file, with the key and without.

    \b
    Examples:
      pbr match new-key school.key
      pbr match hash school attendance --key school.key --out hashed.csv
    """
    with progress("Hashing") as step:
        hashed = hash_source(workspace, source, key, step)
        write_hashed(hashed, out, key, index)
    say(f"{hashed.rows.height:,} records of {source} are in {out}, hashed with key {hashed.key}.")
    if hashed.faulty:
        say(f"{hashed.faulty:,} break their contract and go without their content: `pbr check` says why.")
    if hashed.silent:
        say(f"{hashed.silent:,} give no combination that could be linked to anybody.")
    for column, count in hashed.left_out.items():
        say(
            f"{count:,} values of {column} are outside its vocabulary and were left out: map them with values.{column}."
        )
    for warning in hashed.extract.warnings:
        say(f"Warning: {source}: {warning}.")
    click.echo("For the programme's pbr.toml:\n")
    click.echo(hashed.declaration)


@click.command(name="new-key")
@click.argument("file", type=FILE)
def new_key(file: Path) -> None:
    """Make a key for match-keys in FILE: 256 random bits, for you alone to read.

    You and your partner must have the same key. Hand it over by another way than the files, keep it as you would keep
    the names, and make one for each partner. A key is never written over.

    \b
    Example:  pbr match new-key school.key
    """
    value = make_key(file)
    say(f"A key was made: {file}. Its check value is {value}: compare it with your partner's on the telephone.")
