"""`pbr match evaluate`: how good the links are, against labels or by estimate, and the money that rests on them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import polars as pl

from pbr.cli.console import date_option, format_options, progress, say, show, show_json, workspace_argument
from pbr.jobs.decide import require_not_read_from, write_findings
from pbr.jobs.match_evaluate import (
    ASSUMPTIONS,
    WITHOUT_A_MODEL,
    Estimated,
    Measured,
    estimate_without_labels,
    measure_against_labels,
)
from pbr.linkage.curve_chart import threshold_chart
from pbr.values import pounds

CHART = "curve.svg"


@click.command()
@workspace_argument
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Measure against this CSV file of table, record_id and person_id (empty: nobody in the members' table).",
)
@date_option("--as-of", help="Without labels: estimate, and tell what rests on links in each batch and on this day.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write all tables as CSV into this folder, and with labels and a model the threshold curve as curve.svg.",
)
@format_options
def evaluate(workspace: Path, labels: Path | None, as_of: date | None, out: Path | None, form: str) -> None:
    """Evaluate the links of WORKSPACE: precision and recall against labels, or an estimate without them.

    With --labels: by pass and by what the records have otherwise than their person, each share with its 95 % interval,
    and by the threshold where the workspace has a model. With --as-of: how many links are expected to be false or
    missing, and how many pence of each batch rest on links that the authority's own id did not make. --csv writes the
    first table, --json all of them. No name is ever written.

    \b
    Examples:
      pbr match evaluate demo --labels demo/truth/links.csv --out quality
      pbr match evaluate demo --as-of 2014-10-31
    """
    if (labels is None) == (as_of is None):
        raise click.UsageError("Give labels with --labels, or a day with --as-of: one or the other.")
    found: Measured | Estimated
    with progress("Evaluating links") as step:
        if labels is not None:
            found = measure_against_labels(workspace, labels, step)
        else:
            assert as_of is not None
            found = estimate_without_labels(workspace, as_of, step)
    written = [] if out is None else _write(found, out)
    if form == "json":
        show_json({name: table.to_dicts() for name, table in found.tables.items()})
    elif form == "csv":
        show(next(iter(found.tables.values())), form)
    elif isinstance(found, Measured):
        _print_measured(found)
    else:
        _print_estimated(found)
    if isinstance(found, Measured):
        _tell_measured(found, out)
    else:
        say(ASSUMPTIONS if found.has_model else WITHOUT_A_MODEL)
    if written:
        say(f"In {out}: {', '.join(written)}.")


def _write(found: Measured | Estimated, out: Path) -> list[str]:
    """Write the tables, and the chart of a curve; the files' names. Raises Faults (E407) before anything is written."""
    charts = {}
    if isinstance(found, Measured) and found.curve is not None:
        charts[CHART] = threshold_chart(found.curve, found.thresholds)
    tables = {f"{name}.csv": table for name, table in found.tables.items()}
    for name in (*tables, *charts):
        require_not_read_from(out / name, found.gathered.extracts, found.gathered.workspace.root)
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_findings(table, out / name)
    for name, chart in charts.items():
        (out / name).write_text(chart, "utf-8")
    return [*tables, *charts]


# ------------------------------------------------------------------------------------------------- against labels


def _print_measured(measured: Measured) -> None:
    for by, title in (("all", "All links"), ("pass", "By pass"), ("error", "By what the record has otherwise")):
        rows = measured.quality.filter(pl.col("by") == by)
        if rows.height:
            item = [] if by == "all" else [pl.col("item").alias(by if by == "pass" else "otherwise")]
            spoken = rows.select("measure", "status", *item, "right", "of", *_spoken(rows))
            show(spoken, title=title)
            click.echo()
    if measured.curve is not None:
        chosen = measured.curve.filter((pl.col("from_bits") % 5 == 0) | _is_threshold(measured))
        shares = {name: _percent(chosen[name]) for name in ("precision", "recall", "recall_with_earlier")}
        shown = chosen.select(
            "from_bits", "confirmed", "confirmed_right", precision=shares["precision"], of="of", found="found",
            recall=shares["recall"], with_earlier=shares["recall_with_earlier"],
        )  # fmt: skip
        show(shown, title="By the threshold, of records that no earlier pass confirms")


def _is_threshold(measured: Measured) -> pl.Expr:
    return pl.col("from_bits").is_in(list(measured.thresholds.values()))


def _spoken(rows: pl.DataFrame) -> list[pl.Series]:
    """Shares in per cent, rounded so that none is better than it is, and how many records tell as much."""
    least, most = _percent(rows["least"]), _percent(rows["most"], up=True)
    between = [f"{low} to {high}" for low, high in zip(least, most, strict=True)]
    return [
        _percent(rows["share"]).alias("share"),
        pl.Series("95 % interval", between, dtype=pl.String),
        rows["trials"].floor().cast(pl.Int64).alias("tell as much as"),
    ]


def _percent(shares: pl.Series, up: bool = False) -> pl.Series:
    # A share is in whole millionths, so that this division is exact.
    millionths = (None if share is None else round(share * 1_000_000) for share in shares)
    hundredths = (None if each is None else -(-each // 100) if up else each // 100 for each in millionths)
    told = [None if each is None else f"{each // 100}.{each % 100:02d} %" for each in hundredths]
    return pl.Series(shares.name, told, dtype=pl.String)


def _tell_measured(measured: Measured, out: Path | None) -> None:
    labelled, records = measured.labelled, measured.records
    if labelled < records:
        say(f"Labels cover {labelled} of {records} records: what is measured is measured on these.")
    else:
        say(f"Labels cover all {records} records.")
    say(f"{measured.about_nobody} of them are about nobody in the members' table.")
    outcomes = dict(measured.wrong.group_by("outcome").len().iter_rows())
    where = "wrong.csv has them" if out is not None else "--out lists them"
    say(f"{outcomes.get('false', 0)} are confirmed for somebody else, {outcomes.get('missed', 0)} are missed; {where}.")
    if measured.curve is None:
        say("The workspace has no model: there is no threshold to choose, and no curve.")


# ---------------------------------------------------------------------------------------------------- by estimate


def _print_estimated(estimated: Estimated) -> None:
    links = estimated.links.with_columns(pl.col("pass").replace("", "all"), pl.col("expected_false").round(1))
    renamed = {"expected_false": "expected false or missing"}
    show(links.rename(renamed), title="Links, and how many are expected to be false")
    click.echo()
    money = estimated.at_risk.with_columns(pl.col("pass").replace("", "any but the own id"))
    amounts = {name: _in_pounds(money[f"{column}_pence"]) for name, column in MONEY.items()}
    columns = ["batch", "state", "status", "pass", "lines", "of_lines", "not_weighed"]
    show(money.select(*columns, **amounts), title="Claim lines that rest on links not made by the authority's own id")


MONEY = {"amount": "amount", "of": "of", "expected on false links": "expected"}


def _in_pounds(pence: pl.Series) -> pl.Series:
    return pl.Series([None if each is None else pounds(each) for each in pence], dtype=pl.String)
