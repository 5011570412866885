"""`pbr check`: what the sources hold, what was set apart and why, and which days they cover."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import polars as pl

from pbr.cli.console import progress, say, show, show_json, workspace_argument
from pbr.jobs.check import CheckReport, write_quarantine
from pbr.jobs.check import check as check_workspace
from pbr.workspace import TABLES, Workspace

SHOWN = 10
YEARS_A_LINE = 8
WHOLE, PART, NONE = "#", "+", "."


@click.command()
@workspace_argument
@click.option("--json", "as_json", is_flag=True, help="Write the report as JSON.")
@click.option(
    "--quarantine",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE.csv",
    help="Write the quarantined rows' raw text here. It may hold personal data.",
)
def check(workspace: Path, as_json: bool, quarantine: Path | None) -> None:
    """Read every source of WORKSPACE, and report what stands and what does not.

    For each source: rows read, accepted, quarantined and why (unlinked: those that are about nobody that can be told),
    duplicates, identifiers that fail their own check, columns nobody knows, and the months it covers. Rows that fail
    their contract are set apart and the rest goes on; the exit code is 1 only where a source cannot be read at all.

    \b
    Examples:
      pbr check thurrock
      pbr check thurrock --json
      pbr check thurrock --quarantine quarantine.csv
    """
    with progress("Checking") as step:
        report = check_workspace(Workspace.load(workspace), step)
    if as_json:
        show_json(report.as_dict())
    else:
        _show(report)
    if quarantine:
        rows = write_quarantine(report, quarantine)
        say(f"{rows:,} quarantined values with their text are in {quarantine}.")


def _show(report: CheckReport) -> None:
    show(report.sources.drop("covers_from", "covers_until", "extracted_on"), title="Rows")
    click.echo(f"\nDays covered, by month: {WHOLE} all, {PART} some, {NONE} none")
    for line in coverage_lines(report):
        click.echo(line)
    if report.unknown_columns.height:
        by_source = report.unknown_columns.group_by("source", maintain_order=True).agg(pl.col("column").str.join(", "))
        click.echo()
        show(by_source.rename({"column": "columns"}), title="Unknown columns")
    if report.quarantine_counts.height:
        columns = pl.col("column").str.replace_all(";", ", ")
        place = pl.format("{}:{}", "file", "row").alias("first at")
        click.echo()
        show(
            report.quarantine_counts.select("source", "code", columns, "reason", "records", place), title="Quarantined"
        )
    _show_first(report.duplicates, "Duplicates: rows that count once")
    _show_first(report.invalid_identifiers, "Identifiers that fail their own check: not used for linking")
    if report.warnings.height:
        click.echo()
        show(report.warnings, title="Warnings")


def _show_first(rows: pl.DataFrame, title: str) -> None:
    if rows.height:
        more = f" (the first {SHOWN} of {rows.height:,}; --json has them all)" if rows.height > SHOWN else ""
        click.echo()
        show(rows.head(SHOWN), title=title + more)


def coverage_lines(report: CheckReport) -> Iterator[str]:
    """A small calendar: a line a source, a character a month, some years side by side."""
    periods = {table: extract.covers for table, extract in report.extracts.items() if extract.covers}
    years = sorted({year for period in periods.values() for year in range(period.start.year, period.until.year + 1)})
    width = max(map(len, TABLES))
    for first in range(0, len(years), YEARS_A_LINE):
        shown = years[first : first + YEARS_A_LINE]
        yield " ".join([" " * width, *(f"{year:<12}" for year in shown)]).rstrip()
        for table, period in periods.items():
            months = (_month(year, month, period.start, period.until) for year in shown for month in range(1, 13))
            drawn = "".join(months)
            yield " ".join([f"{table:<{width}}", *(drawn[at : at + 12] for at in range(0, len(drawn), 12))])
    if bare := [table for table in report.extracts if table not in periods and table not in ("families", "members")]:
        yield f"No days at all (no covers): {', '.join(bare)}"
    if undeclared := [table for table in TABLES if table not in report.extracts]:
        yield f"Not declared: {', '.join(undeclared)}"


def _month(year: int, month: int, start: date, until: date) -> str:
    first, last = date(year, month, 1), date(year, month, monthrange(year, month)[1])
    if until < first or last < start:
        return NONE
    return WHOLE if start <= first and last <= until else PART
