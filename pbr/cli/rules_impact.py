"""`pbr rules impact`: what changes for the families of a workspace before a rule is adopted."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import polars as pl

from pbr.cli.console import date_option, format_options, progress, say, show, workspace_argument
from pbr.cli.measured import tell_of_others, write_rows
from pbr.jobs.decide import require_known_form
from pbr.jobs.impact import Impact, Side
from pbr.jobs.impact import impact as impact_of
from pbr.rulebook.load import load_pack
from pbr.values import pounds


def _values(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"'{each}' is not NAME=VALUE, as in result_absence=10%.")
        if name.strip() in values:
            raise click.BadParameter(f"{name.strip()} is set twice.")
        values[name.strip()] = text.strip()
    return values


@click.command()
@workspace_argument
@date_option("--as-of", required=True, help="The day to decide for; nothing dated on or after it counts.")
@click.option("--from", "before", metavar="PACK", help="The pack as it is; the one that pbr.toml names unless given.")
@click.option("--to", "after", metavar="PACK", help="The pack to be adopted, by its id or folder; or use --set.")
@click.option(
    "--set",
    "values",
    multiple=True,
    callback=_values,
    metavar="NAME=VALUE",
    help="Adopt the pack as it is with this figure, as a pack has it: 15%, £700, 3, [JSA, ESA]. Can be repeated.",
)
@click.option("--window", metavar="ID", help="Claim in this window, within the allocation; neither is tested without.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the families with a change here: .csv, .parquet or .jsonl.",
)
@format_options
def impact(
    workspace: Path,
    as_of: date,
    before: str | None,
    after: str | None,
    values: dict[str, str],
    window: str | None,
    out: Path | None,
    form: str,
) -> None:
    """Show what changes for the families of WORKSPACE if another pack, or another figure, is adopted.

    Prints families gained and lost by criterion and route, and pounds by route, as a claim of that day would have them
    from the ledger as it stands. Nothing is written but --out.

    \b
    Examples:
      pbr rules impact demo --as-of 2014-10-31 --set result_absence=10%
      pbr rules impact demo --as-of 2014-10-31 --from phase-1 --to my-pack --out changes.csv
    """
    if (after is None) == (not values):
        raise click.UsageError("Name the pack to be adopted with --to, or figures with --set: one or the other.")
    if out is not None:
        require_known_form(out)
    first, second = load_pack(before) if before else None, load_pack(after) if after else None
    with progress("Comparing") as step:
        found = impact_of(workspace, as_of, before=first, after=second, values=values, window=window, say=step)
        if out is not None:
            step(f"write {out}")
            write_rows(found.changes, out, found.before.measurement)
    if form == "table":
        _print(found)
    else:
        show(found.items, form)
    _tell(found, out)


def _print(found: Impact) -> None:
    families = found.items.filter(pl.col("part") != "all")
    changed = pl.sum_horizontal("gained", "lost", "to_unknown", "from_unknown") > 0
    always = (pl.col("item") == "eligible") | (pl.col("part") == "route") | (pl.col("in_pack") != "both")
    shown = families.filter(changed | always)
    words = shown.select("part", "item", *FAMILY_COLUMNS)
    as_of = found.before.measurement.as_of
    show(words, title=f"Families that meet each criterion and route as of {as_of}")
    if left := families.height - shown.height:
        say(f"{left} criteria for which nothing changes are not shown; --csv has them.")
    click.echo()
    money = found.items.filter(pl.col("part").is_in(["route", "all"])).with_columns(
        route=pl.when(pl.col("part") == "all").then(pl.lit("all routes")).otherwise("item")
    )
    amounts = {name: _in_pounds(money[f"{column}_pence"]) for name, column in MONEY_COLUMNS.items()}
    show(money.select("route", "lines_before", "lines_after", **amounts), title="What would be claimed")


FAMILY_COLUMNS = ("met_before", "gained", "lost", "met_after", "to_unknown", "from_unknown")
MONEY_COLUMNS = {
    "before": "amount_before",
    "gained": "amount_gained",
    "lost": "amount_lost",
    "after": "amount_after",
    "held_before": "held_before",
    "held_after": "held_after",
}


def _in_pounds(pence: pl.Series) -> pl.Series:
    return pl.Series([None if each is None else pounds(each) for each in pence], dtype=pl.String)


def _tell(found: Impact, out: Path | None) -> None:
    before = found.before.pack.pack.id
    figures = ", ".join(f"{name}={text}" for name, text in found.values.items())
    after = f"{before} with {figures}" if figures else found.after.pack.pack.id
    measurement = found.before.measurement
    say(f"From {before} to {after}: {measurement.decided.len()} families decided by each.")
    for in_pack, side in (("before", found.before), ("after", found.after)):
        alone = found.items.filter(pl.col("in_pack") == in_pack)["item"]
        if alone.len():
            say(f"{side.pack.pack.id} alone has {', '.join(alone)}: compared with nothing.")
    told = [_in_force(side) for side in (found.before, found.after)]
    for each in filter(None, dict.fromkeys(told)):
        say(each)
    if found.live_lines:
        say(f"{found.live_lines} lines are live in the ledger; they are not claimed again on either side.")
    if found.window is None:
        say("No claim window and no allocation are applied; --window applies them.")
    tell_of_others(measurement)
    for warning in found.after.measurement.warnings:
        if warning not in measurement.warnings:
            say(f"Warning: with {after}: {warning}.")
    families = found.changes["family_id"].n_unique()
    where = f"; they are in {out}" if out is not None else ""
    say(
        f"A verdict or an amount changes for {families} families{where}."
        if families
        else "Nothing changes for anybody."
    )


def _in_force(side: Side) -> str:
    """What a person should know of families that the pack decides here and nowhere else; empty where there are none."""
    pack, as_of = side.pack.pack.id, side.measurement.as_of
    if not side.is_in_force:
        return f"{pack} is not in force on {as_of}: these are its verdicts all the same, and it pays nothing."
    if side.outside:
        return f"{pack} is not in force for {side.outside} of the families: it has verdicts, and pays nothing for them."
    return ""
