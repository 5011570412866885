"""`pbr replay`: decide a bundle again and compare everything."""

from __future__ import annotations

from pathlib import Path

import click

from pbr.cli.console import progress, say, show_json
from pbr.jobs.replay import replay as replay_bundle


@click.command()
@click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--from-sources",
    metavar="WORKSPACE",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Start at the extracts of this workspace, and say which have changed since.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
def replay(bundle: Path, from_sources: Path | None, as_json: bool) -> None:
    """Decide BUNDLE again from the facts and rules it carries, and compare every finding, line and amount.

    Exit code 3, with every difference, where anything differs.

    \b
    Example:  pbr replay demo/batches/E09999999-2014-10-0c6f9a1d2b3e
    """
    with progress("Replaying") as step:
        done = replay_bundle(bundle, from_sources, step)
    if as_json:
        show_json(
            {
                "batch_id": done.bundle.run.batch_id,
                "equal": True,
                "engines": done.engines,
                "families": done.families,
                "findings": done.findings,
                "lines": done.lines,
            }
        )
    start = "the extracts" if from_sources else "its own facts and rules"
    say(f"Decided again from {start}: {done.families} families, {done.findings} findings, {done.lines} claim lines.")
    say(f"All are equal, by {done.engines[0]} for every family and by {done.engines[1]} for those claimed or held.")
