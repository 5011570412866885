"""`pbr eligible`: who is eligible, by which criteria, and who would be if one fact were so."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import polars as pl

from pbr.cli.console import date_option, format_options, pack_option, progress, say, show, workspace_argument
from pbr.cli.measured import tell_of_others, write_rows
from pbr.jobs.decide import require_known_form
from pbr.jobs.eligible import eligible as eligible_families
from pbr.rulebook.load import load_pack

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@workspace_argument
@date_option("--as-of", required=True, help="The day to decide for; nothing dated on or after it counts.")
@pack_option
@click.option("--out", type=_FILE, help="Write a row for each family here: .csv, .parquet or .jsonl.")
@click.option("--short", type=_FILE, help="Write a row for each fact that would do by itself here, in the same forms.")
@format_options
def eligible(workspace: Path, as_of: date, pack: str | None, out: Path | None, short: Path | None, form: str) -> None:
    """Tell who of WORKSPACE is eligible, by which criteria, and who is one fact short of it.

    A family is one fact short where another value of one fact about it, or about one member, would make it eligible:
    because nobody knows the fact, or because the evidence speaks against it. Prints how many stand where.

    \b
    Example:  pbr eligible demo --as-of 2014-10-31 --out eligible.csv --short one-fact-short.csv
    """
    if out is not None and short is not None and out.resolve() == short.resolve():
        raise click.UsageError("--out and --short name the same file.")
    for file in (out, short):
        if file is not None:
            require_known_form(file)
    with progress("Judging eligibility") as step:
        found = eligible_families(workspace, as_of, load_pack(pack) if pack else None, step)
        for file, rows in ((out, found.families), (short, found.short)):
            if file is not None:
                step(f"write {file}")
                write_rows(rows, file, found.of)
    spoken = found.counts.with_columns(pl.col("eligible").str.replace_all("_", " "))
    show(spoken if form == "table" else found.counts, form, title=f"Families by eligibility as of {as_of}")
    packs = " and ".join(pack.pack.id for pack in found.of.packs)
    say(f"{found.families.height} families decided, under {packs}.")
    tell_of_others(found.of)
    for file, what in ((out, "The families are"), (short, "The facts that would do are")):
        if file is not None:
            say(f"{what} in {file}.")
