"""`pbr demo`: a synthetic authority taken the whole way, and what to look at next."""

from __future__ import annotations

from pathlib import Path

import click

from pbr.cli.console import progress, show
from pbr.cli.decide import verdict_counts
from pbr.jobs.demo import Demo
from pbr.jobs.demo import demo as run_demo
from pbr.values import pounds


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--families", type=click.IntRange(1, 1_000_000), default=200, show_default=True, metavar="N")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same families.")
def demo(folder: Path, families: int, seed: int) -> None:
    """Make a synthetic authority in FOLDER, and take it from its extracts to a claim.

    Nobody in it exists. FOLDER must be new or empty; it is a workspace like any other afterwards.

    \b
    Example:  pbr demo my-first-authority
    """
    with progress("Demonstration") as step:
        done = run_demo(folder, families, seed, step)
    _tell(done)


def _tell(done: Demo) -> None:
    made, where = done.made, done.folder
    click.echo(f"{where} is a synthetic authority: {made.families:,} families, {made.rows:,} rows of extracts.\n")
    click.echo(f"$ pbr check {where}")
    show(done.report.sources.select("source", "rows_read", "accepted", "quarantined", "duplicates", "unlinked"))
    click.echo(f"\n$ pbr decide {where} --as-of {made.as_of}")
    show(verdict_counts(done.decision.findings))
    click.echo(f"Decided by {' and '.join(done.decision.engines)}, and they agree.")
    click.echo(f"\ntruth.csv expects {made.lines:,} lines, {pounds(made.pence)}.")
