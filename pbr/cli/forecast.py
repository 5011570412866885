"""`pbr forecast`: when routes could be met, what is missing for it, and the pounds of each window to come."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import polars as pl

from pbr.cli.console import date_option, format_options, people, progress, say, show, show_json, workspace_argument
from pbr.cli.measured import tell_of_others
from pbr.cli.money import in_pounds
from pbr.jobs.forecast import Forecast, write
from pbr.jobs.forecast import forecast as forecast_of
from pbr.rulebook.words import spoken
from pbr.values import pounds

TITLES = {"to_come": "evidence_to_come"}

SHOWN = 20
"""As many rows of the worklist as people are shown at once."""


@click.command()
@workspace_argument
@date_option("--as-of", required=True, help="The day from which nothing new is supposed to happen.")
@date_option("--until", help="The last day to look at (default: the close of the last window, else a year).")
@click.option("--family", "family_id", metavar="ID", help="Only this family, with all that is known of its routes.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Write forecast.html and the tables as CSV here."
)
@format_options
def forecast(
    workspace: Path, as_of: date, until: date | None, family_id: str | None, out: Path | None, form: str
) -> None:
    """Tell when each family of WORKSPACE could reach each route if nothing new happened, and what it would bring.

    It is the best case, and no promise: each date names the evidence that must still arrive for it. Prints the pounds
    of each claim window to come and what is lost soonest; --csv has the whole worklist.

    \b
    Examples:
      pbr forecast demo --as-of 2014-10-31 --out forecast
      pbr forecast demo --as-of 2014-10-31 --family F000013
    """
    with progress("Forecasting") as step:
        found = forecast_of(workspace, as_of, until, family_id, step)
        if out is not None:
            step(f"write {out}")
            write(found, out)
    if form == "csv":
        show(found.worklist, form)
    elif form == "json":
        tables = {"windows": found.windows.to_dicts(), "worklist": found.worklist.to_dicts()}
        show_json({"as_of": as_of, "until": found.last, **tables})
    elif family_id is not None:
        _print_family(found)
    else:
        _print(found)
    _tell(found, out)


def _print(found: Forecast) -> None:
    if found.windows.height:
        money = ("amount", "met_today", "met_later", "to_come", "held")
        shown = found.windows.select(
            "window",
            "closes",
            "route",
            "lines",
            *[pl.col(f"{name}_pence").alias(f"{TITLES.get(name, name)}_pence") for name in money],
            pl.col("lapsing_lines").alias("lapsing"),
        )
        show(in_pounds(shown), title="What could be claimed on the last day of each window, each after the ones before")
        click.echo()
    counted = found.worklist.group_by("state").agg(routes=pl.len(), families=pl.col("family_id").n_unique())
    show(counted.sort("state").with_columns(_spoken("state")), title="Routes that are not claimed yet, by state")
    dated = found.worklist.filter(pl.col("earliest").is_not_null() & (pl.col("state") != "cap_used"))
    if dated.height:
        click.echo()
        shown = dated.head(SHOWN).select(
            "family_id", "route", _spoken("state"), "earliest", "last", "amount_pence",
            "next_step",
        )  # fmt: skip
        title = "What is lost soonest" + (f" (the first {SHOWN} of {dated.height})" if dated.height > SHOWN else "")
        show(in_pounds(shown), title=title)


def _print_family(found: Forecast) -> None:
    """One paragraph a route."""
    for row in found.worklist.iter_rows(named=True):
        told = {
            "state": spoken(row["state"]),
            "earliest": row["earliest"],
            "last": f"{row['last']}, ended by {spoken(row['ended_by'])}" if row["last"] else None,
            "met again": row["met_again"],
            "amount": None if row["amount_pence"] is None else pounds(row["amount_pence"]),
            "still to come": row["evidence_to_come"].split("; "),
            "missing": row["missing"].split("; "),
            "next": row["next_step"],
        }
        console = people()
        console.print(f"{row['family_id']} {spoken(row['route'])}", style="bold")
        for name, value in told.items():
            for n, line in enumerate(value if isinstance(value, list) else [value]):
                if line:
                    console.print(f"  {name if n == 0 else '':<14} {line}", soft_wrap=True)
    if found.worklist.is_empty():
        click.echo("Every route of the family is claimed.")


def _spoken(column: str) -> pl.Expr:
    return pl.col(column).map_elements(spoken, pl.String)


def _tell(found: Forecast, out: Path | None) -> None:
    say(f"If nothing new happens from {found.of.as_of} until {found.last}: the best case, and no promise.")
    if not found.of.workspace.claims.windows:
        say("No claim windows are declared in pbr.toml, so there are no pounds by window.")
    tell_of_others(found.of)
    if out is not None:
        say(f"The page is {out / 'forecast.html'}; the tables are worklist.csv and windows.csv beside it.")
