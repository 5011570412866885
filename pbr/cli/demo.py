"""`pbr demo`: a synthetic authority taken the whole way by the commands themselves, and what to look at next."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from pbr.cli.check import check
from pbr.cli.claim import prepare
from pbr.cli.console import progress
from pbr.cli.decide import decide
from pbr.cli.explain import explain
from pbr.cli.replay import replay
from pbr.cli.verify import verify
from pbr.jobs.demo import Made, make_authority
from pbr.values import pounds
from pbr.workspace import Workspace


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--families",
    type=click.IntRange(1, 1_000_000),
    default=200,
    show_default=True,
    metavar="N",
    help="How many families to make.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same families.")
@click.pass_context
def demo(context: click.Context, folder: Path, families: int, seed: int) -> None:
    """Make a synthetic authority in FOLDER, and take it from its extracts to a claim.

    Nobody in it exists. FOLDER must be new or empty; it is a workspace like any other afterwards.

    \b
    Example:  pbr demo my-first-authority
    """
    with progress("Making an authority"):
        made = make_authority(folder, families, seed)
    workspace = Workspace.load(folder)
    day, window = made.as_of, workspace.claims.windows[0].id
    click.echo(f"{workspace.authority.name}: {made.families:,} families, {made.rows:,} rows of extracts in {folder}.")

    _step(f"pbr check {folder}")
    context.invoke(check, workspace=folder)
    _step(f"pbr decide {folder} --as-of {day} --out {folder / 'findings.csv'}")
    context.invoke(decide, workspace=folder, as_of=day, out=folder / "findings.csv")
    _step(f"pbr claim prepare {folder} --as-of {day} --window {window}")
    context.invoke(prepare, workspace=folder, as_of=day, window=window, by="demo")
    for bundle in sorted(workspace.batches_path.glob(f"{workspace.authority.code}-{window}-*")):
        _step(f"pbr verify {bundle} --workspace {folder}")
        context.invoke(verify, bundle=bundle, workspace=folder)
        _step(f"pbr replay {bundle}")
        context.invoke(replay, bundle=bundle)
        first = pl.scan_csv(bundle / "data" / "claim.csv").select("family_ref").first().collect().item()
        _step(f"pbr explain {bundle} {first}")
        context.invoke(explain, place=bundle, family=first)
    _tell_what_next(folder, made)


def _step(command: str) -> None:
    click.echo(f"\n{click.style('$ ' + command, bold=True)}")


def _tell_what_next(folder: Path, made: Made) -> None:
    click.echo(f"""
{click.style("What to look at next", bold=True)}

The authority's truth was known before anything was decided: {made.lines:,} lines, {pounds(made.pence)}. It is in
{folder / "truth.csv"}, with the story of every family: some are not there yet, some cannot be known.

  {folder / "batches"}/*/data/summary.html   the batch, for people
  pbr explain {folder} F000002 --as-of {made.as_of}    any family, with what would change its verdicts
  pbr check {folder} --quarantine quarantine.csv    the rows that were set apart, with their text
  pbr rules show phase-1    the rules in words, with their citations

Then change something: a date in {folder / "sources"}, or one byte of the bundle, and run the commands again.""")
