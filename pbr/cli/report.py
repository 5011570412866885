"""`pbr report`: what came of the programme, for those who answer for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import polars as pl

from pbr.cli.console import HABITS, date_option, format_options, progress, say, show, show_json, workspace_argument
from pbr.cli.measured import tell_of_others
from pbr.jobs.programme import Programme, write
from pbr.jobs.programme import programme as programme_of
from pbr.reports.programme import HEADINGS, NOT_ALL_SAID, TITLES
from pbr.reports.programme_figures import ALL, wide
from pbr.values import pounds


@click.group(context_settings=HABITS)
def report() -> None:
    """Report on the programme as a whole.

    \b
    Example:  pbr report programme demo --as-of 2014-10-31
    """


@report.command()
@workspace_argument
@date_option("--as-of", required=True, help="The day to report for; claims and payments on it still count.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write programme.html, programme.csv and programme.json to this folder.",
)
@format_options
def programme(workspace: Path, as_of: date, out: Path | None, form: str) -> None:
    """Tell what came of WORKSPACE's programme: families, claims, income against budget, outcomes against aims.

    A family counts once, at its engagement, its first claim and its first payment. Budget and aims are the [programme]
    of pbr.toml.

    \b
    Example:  pbr report programme demo --as-of 2014-10-31 --out committee
    """
    with progress("Reporting") as step:
        found = programme_of(workspace, as_of, step)
        if out is not None:
            step(f"write {out}")
            write(found, out)
    if form == "csv":
        show(found.table, form)
    elif form == "json":
        show_json(found.table.to_dicts())
    else:
        _print(found)
    tell_of_others(found.of)
    if out is not None:
        say(f"The page is {out / 'programme.html'}; its figures are programme.csv and programme.json beside it.")


def _print(found: Programme) -> None:
    frameworks = found.figures["framework"].unique(maintain_order=True).to_list()
    for section, heading in HEADINGS.items():
        for framework in frameworks:
            table = wide(found.figures, section, framework)
            units = dict(
                found.figures.filter(pl.col("section") == section).select("measure", "unit").unique().iter_rows()
            )
            spoken = [
                pl.col(name).map_elements(pounds, pl.String) for name in table.columns[1:] if units[name] == "pence"
            ]
            not_said = [
                pl.when(pl.col("period") == ALL)
                .then(pl.col(name).cast(pl.String).fill_null(NOT_ALL_SAID))
                .otherwise(pl.col(name).cast(pl.String))
                .alias(name)
                for name in table.columns[1:]
                if table.filter(pl.col("period") == ALL)[name].null_count()
            ]
            shown = table.with_columns(spoken).with_columns(not_said).rename(TITLES, strict=False)
            show(shown, title=heading + ("" if framework == ALL else f", {framework}"))
            click.echo()
    for one in found.allocations:
        stands = f"{one.claimed} with live lines, {one.left} left"
        funded = "1 family" if one.funded == 1 else f"{one.funded} families"
        say(f"Allocation by {one.pack_id}: {funded} of {one.agreed} agreed; {stands}.")
    columns = ["indicator", "baseline", "latest", "change", "aim", "aim_met", "subjects"]
    counts = ["counted", "not_known", "then_only", "now_only"]
    framework = ["framework"] if len(found.of.packs) > 1 else []
    show(found.indicators.select(*framework, *columns, *counts), title="Outcomes, at engagement and now")
