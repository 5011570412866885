"""`pbr audit sample`: the lines that an auditor tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import polars as pl

from pbr.cli.console import format_options, progress, say, show
from pbr.jobs.audit_sample import Drawn, draw_sample, write_sheet
from pbr.values import pounds

F = TypeVar("F", bound=Callable[..., Any])


def bundle_argument(function: F) -> F:
    """The BUNDLE argument: the folder of a bundle."""
    kind = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.argument("bundle", type=kind)(function)


def seed_options(function: F) -> F:
    """`--seed` and `--size`: which sample."""
    function = click.option(
        "--size",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many lines in all; unless given, the least that can pass the batch.",
    )(function)
    return click.option(
        "--seed",
        required=True,
        metavar="TEXT",
        help="Words or figures that the auditor chose; the same seed draws the same lines.",
    )(function)


@click.command()
@bundle_argument
@seed_options
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a CSV with a row a line and an empty column for the result; it must be a new file.",
)
@format_options
def sample(bundle: Path, seed: str, size: int | None, sheet: Path | None, form: str) -> None:
    """Draw the lines of BUNDLE to test: all overrides, neutral passes and repeat families, and others by lot.

    Others are drawn within strata (route, near a threshold, worker): a tenth of all lines, at least one a stratum.

    \b
    Examples:
      pbr audit sample demo/batches/E09999999-2014-10-0c6f9a1d2b3e --seed "our own words" --sheet results.csv
      pbr audit sample demo/batches/E09999999-2014-10-0c6f9a1d2b3e --seed "our own words" --size 30 --csv
    """
    with progress("Sampling") as step:
        step("verify and read the bundle")
        drawn = draw_sample(bundle, seed, size)
    lines = drawn.sample.lines
    if form == "table":
        show(drawn.sample.strata, title="The strata of the lines that are drawn by lot")
        show(_readable(lines), title="\nThe lines to test")
    else:
        show(lines, form)
    if sheet:
        write_sheet(drawn.sample, sheet)
    _tell(drawn, size, sheet)


def _readable(lines: pl.DataFrame) -> pl.DataFrame:
    amount = pl.Series([pounds(pence) for pence in lines["amount_pence"]], dtype=pl.String)
    return lines.select("claim_line_id", "family_id", "route", "why", "flags", amount=amount)


def _tell(drawn: Drawn, asked: int | None, sheet: Path | None) -> None:
    made, run = drawn.sample, drawn.bundle.run
    say(
        f"Batch {run.batch_id}: {made.size} of {made.ordered.height} lines are to be tested, {made.always} that always"
        f" are and {made.random} by lot, {pounds(int(made.lines['amount_pence'].sum()))} of {pounds(run.amount_pence)}."
    )
    if asked is not None and asked > made.size:
        say(f"There are no more than {made.size} lines: the sample is all of them.")
    if made.size < made.required:
        say(f"Warning: the batch can pass on no fewer than {made.required} lines.")
    say(f"Population: {made.population_digest}")
    say(f"Sample:     {made.digest}")
    if sheet:
        say(f"Write valid, invalid or not_tested for each line into {sheet}.")
