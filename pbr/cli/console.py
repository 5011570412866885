"""How every command speaks: faults as sentences, tables for people, CSV and JSON for programs, progress on the side.

Output goes to standard output, talk to standard error. Exit codes: 0 fine, 1 faults in what was given, 2 usage,
3 a disagreement between engines or a replay that differs.
"""

from __future__ import annotations

import errno
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click
import polars as pl
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table

from pbr.errors import Fault, Faults, PbrError

F = TypeVar("F", bound=Callable[..., Any])
Say = Callable[[str], None]

BRITISH = re.compile(r"([0-9]{1,2})[/. -]([0-9]{1,2})[/. -]([0-9]{4})")
GAP = 2
"""Spaces between two columns of a table."""
LONGEST_WORD = 24
"""A longer word among others may be broken, where a table has no room."""

HABITS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """A group whose commands report faults as coded sentences on standard error, and never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Faults as faults:
            for fault in faults.faults:
                say(f"Error: {fault}")
            if len(faults.faults) > 1:
                say(f"{len(faults.faults)} faults.")
            ctx.exit(faults.exit_code)
        except PbrError as error:
            say(f"Error: {error}")
            ctx.exit(error.exit_code)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            what = f"cannot be read or written ({error.strerror or type(error).__name__})"
            fault = Fault("E100", str(error.filename or "output"), what, "See to the path, the disk and your rights.")
            say(f"Error: {fault}")
            ctx.exit(1)


def say(text: str) -> None:
    """Talk: one line on standard error."""
    click.echo(text, err=True)


def workspace_argument(function: F) -> F:
    """The WORKSPACE argument: a folder with a pbr.toml."""
    kind = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.argument("workspace", type=kind)(function)


def pack_option(function: F) -> F:
    """`--pack`: another rule pack than the workspace's own."""
    help = "Decide by this pack (an id or a folder, or PACK+OVERLAY) instead of the one that pbr.toml names."
    return click.option("--pack", metavar="PACK", help=help)(function)


def format_options(function: F) -> F:
    """`--json` and `--csv`: the same rows for programs. The command receives `form`: table, csv or json."""
    function = click.option("--csv", "form", flag_value="csv", help="Write CSV to standard output.")(function)
    function = click.option("--json", "form", flag_value="json", help="Write JSON to standard output.")(function)
    return click.option("--table", "form", flag_value="table", default=True, hidden=True)(function)


class _Day(click.DateTime):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        written = BRITISH.fullmatch(value.strip()) if isinstance(value, str) else None
        if written:
            day, month, year = map(int, written.groups())
            with suppress(ValueError):
                self.fail(f"{value!r}: write it as {date(year, month, day)}.", param, ctx)
        return super().convert(value, param, ctx)


def date_option(*names: str, help: str, required: bool = False) -> Callable[[F], F]:
    """An ISO 8601 date option; the command receives a datetime.date (or None). Other forms are told how to write it."""

    def parse(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        return value.date() if value is not None else None

    return click.option(*names, type=_Day(["%Y-%m-%d"]), callback=parse, required=required, metavar="DATE", help=help)


def show(frame: pl.DataFrame, form: str = "table", title: str | None = None) -> None:
    """A frame on standard output: a table for people, or CSV or JSON (a list of objects) for programs."""
    if form == "csv":
        click.echo(frame.write_csv(), nl=False)
    elif form == "json":
        show_json(frame.to_dicts())
    else:
        console = people()
        if title:
            # Not the table's own, which is folded to the width of the table.
            console.print(title, style="italic")
        names = [name.replace("_", " ") for name in frame.columns]
        rows = [["" if cell is None else str(cell) for cell in row] for row in frame.iter_rows()]
        widths = _widths(names, rows, console.width)
        table = Table(header_style="bold", box=None, pad_edge=False)
        for name, kind, width in zip(names, frame.dtypes, widths, strict=True):
            justify: JustifyMethod = "right" if kind.is_numeric() else "left"
            table.add_column(name, justify=justify, overflow="fold", width=width)
        for row in rows:
            table.add_row(*row)
        # Where there is no room for what must not fold, the terminal breaks the rows, and nothing is lost.
        console.width = max(console.width, sum(widths) + GAP * (len(widths) - 1))
        console.print(table)


def _widths(names: Sequence[str], rows: Sequence[Sequence[str]], most: int) -> list[int]:
    """The widths of a table's columns, at most `most` together where that can be.

    Cells without a space, such as ids and amounts, never fold, so that they can be copied; what has spaces folds, the
    widest column first.
    """
    widths, least = [], []
    for name, *cells in zip(names, *rows, strict=True):
        long = max((cell_len(cell) for cell in cells), default=0)
        words = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
        header = max(map(cell_len, name.split()), default=0)
        widths.append(max(long, cell_len(name), 1))
        least.append(max(long if words == long else min(words, LONGEST_WORD), header, 1))
    while sum(widths) + GAP * (len(widths) - 1) > most:
        can = [place for place, width in enumerate(widths) if width > least[place]]
        if not can:
            break
        widths[max(can, key=lambda place: widths[place])] -= 1
    return widths


def bits(hundredths: int) -> str:
    """A match weight as people read it: `+8.75`."""
    return f"{hundredths / 100:+.2f}"


def in_bits(frame: pl.DataFrame) -> pl.DataFrame:
    """`weight` as people read it; without the column where nothing was weighed."""
    if frame["weight"].null_count() == frame.height:
        return frame.drop("weight")
    return frame.with_columns(pl.col("weight").map_elements(bits, pl.String).fill_null(""))


def show_json(value: Any) -> None:
    """A value on standard output as indented JSON; dates are ISO 8601 text."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def people() -> Console:
    """Standard output for people: colour and width of the terminal, plain and wide when it is none."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=160, color_system=None)


@contextmanager
def progress(label: str) -> Iterator[Say]:
    """A spinner on standard error with the step now under way; silent when standard error is no terminal.

    Yields the function to call with each step's name.
    """
    console = Console(stderr=True, highlight=False, markup=False)
    if not console.is_terminal or not sys.stderr.isatty():
        yield lambda step: None
        return
    with console.status(label) as status:
        yield lambda step: status.update(f"{label}: {step}")
