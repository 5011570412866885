"""A source's files, as one frame of text under our column names.

In: a workspace and a contract. Out: `SourceText`, every row of every file, trimmed, with its place. Faults here are
about files and columns, and stop the run; what is in the cells is looked at later.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from pbr.errors import Fault, Faults
from pbr.sources.checks import RAW
from pbr.sources.contracts import Contract
from pbr.sources.delimited import read_csv
from pbr.sources.extract import SourceFile
from pbr.sources.text import PLACE, TextTable
from pbr.sources.workbook import read_parquet, read_xlsx
from pbr.workspace import SourceSettings, Workspace, did_you_mean

KINDS = (".csv", ".parquet", ".xlsx")

_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_PERSONAL = re.compile(
    rf"""
    [0-9]{{1,4}}\s*[-/.\s]\s*[0-9]{{1,2}}\s*[-/.\s]\s*[0-9]{{1,4}}             # a date in figures
    | [0-9]{{1,2}}(?:st|nd|rd|th)?[-/.,\s]*{_MONTH}[-/.,\s]*[0-9]{{2,4}}        # 5 May 2002
    | {_MONTH}[-/.,\s]*[0-9]{{1,2}}(?:st|nd|rd|th)?[-/.,\s]+[0-9]{{2,4}}        # May 5th, 2002
    | [0-9]{{6,}}                                                             # a date, or a person's number
    | \b[a-z]{{1,2}}[0-9][a-z0-9]?\s*[0-9][a-z]{{2}}\b                          # a postcode
    """,
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class SourceText:
    """One source as text. `frame`: `file`, `row`, `fault` and `line` (see TextTable), and each column's trimmed text as
    `raw:<name>`, null where it is empty. `present`: our columns that some file has; `unknown`: columns that are none,
    by their number where a name could be a person's data.
    """

    contract: Contract
    settings: SourceSettings
    frame: pl.DataFrame
    present: frozenset[str]
    unknown: tuple[str, ...]
    files: tuple[SourceFile, ...]
    warnings: tuple[str, ...]


def read_text(workspace: Workspace, contract: Contract) -> SourceText:
    """Every file of one declared source. Raises Faults: E106, E107 and E110 to E117 (see `sources.read`)."""
    settings = workspace.sources[contract.table]
    faults = [*_map_faults(workspace, contract, settings)]
    paths = _paths(workspace, settings)
    if not paths:
        place = workspace.place("sources", contract.table, "path")
        faults.append(Fault("E110", place, f"no file is at {settings.path!r}", "Correct the path, or add the file."))
    frames: list[pl.DataFrame] = []
    files: list[SourceFile] = []
    warnings: list[str] = []
    theirs: dict[str, int] = {}
    found_names: set[str] = set()
    opened = 0
    for path in paths:
        place = Path(os.path.relpath(path, workspace.root)).as_posix()
        try:
            data = path.read_bytes()
            table = _table(path, data, place, settings)
            opened += 1
            for at, name in enumerate(table.header, start=1):
                theirs.setdefault(name, at)
            names = _named(table, place, contract, settings)
            frames.append(_trimmed(table, names, place))
        except OSError:
            faults.append(Fault("E112", place, "cannot be opened", "Check who may read it."))
            continue
        except pl.exceptions.PolarsError as error:
            step = "Save it again as CSV (RFC 4180, UTF-8)."
            faults.append(Fault("E112", place, f"cannot be read ({type(error).__name__})", step))
            continue
        except Faults as found:
            faults += found.faults
            continue
        files.append(SourceFile(place, len(data), frames[-1].height, hashlib.sha256(data).hexdigest()))
        warnings += table.notes
        found_names.update(names)
    if opened == len(paths) > 0:
        faults += _unread(workspace, contract, settings, theirs)
    if faults:
        raise Faults(faults)
    frame = pl.concat(frames, how="diagonal") if len(frames) > 1 else frames[0]
    # A column without a name or a value is the mark that a trailing delimiter leaves.
    empty = {name for name in found_names if name.startswith("(column ") and frame[RAW + name].is_null().all()}
    present = frozenset(name for name in found_names if contract.column(name))
    warnings += [f"the value map is for {name!r}, which no file has" for name in settings.values if name not in present]
    return SourceText(
        contract=contract,
        settings=settings,
        frame=frame.drop(RAW + name for name in empty),
        present=present,
        unknown=tuple(sorted(_shown(name, theirs.get(name, 0)) for name in found_names - present - empty)),
        files=tuple(files),
        warnings=tuple(warnings),
    )


def _paths(workspace: Workspace, settings: SourceSettings) -> list[Path]:
    """The files at a path or glob, in the order of their names; never a hidden one, or the lock of an open workbook."""
    path = workspace.root / settings.path
    if path.is_file():
        return [path]
    start = Path(path.anchor) if Path(settings.path).is_absolute() else workspace.root
    pattern = str(path.relative_to(start))
    try:
        found = sorted(start.glob(pattern), key=Path.as_posix)
    except ValueError:
        # What is no pattern is no file either.
        return []
    return [each for each in found if each.is_file() and not each.name.startswith((".", "~$"))]


def _table(path: Path, data: bytes, place: str, settings: SourceSettings) -> TextTable:
    match path.suffix.lower():
        case ".csv":
            return read_csv(data, place, settings.encoding, settings.delimiter)
        case ".xlsx":
            return read_xlsx(data, place, settings.date_format)
        case ".parquet":
            return read_parquet(data, place, settings.date_format)
        case suffix:
            what = f"is a {suffix or 'file without an ending'}, which cannot be read"
            raise Faults(Fault("E111", place, what, f"Save it as one of {', '.join(KINDS)}."))


def _named(table: TextTable, place: str, contract: Contract, settings: SourceSettings) -> list[str]:
    """Our name of each column, the supplier's where it is none of ours. Raises Faults: E114, E115, E117."""
    header = table.header
    ours = {theirs.strip(): name for theirs, name in settings.columns.items()}
    names = [ours.get(name, name) or f"(column {at})" for at, name in enumerate(header, start=1)]
    told = (
        [_shown(name, at) for at, name in enumerate(header, start=1)] if _plausible(header, contract, settings) else []
    )
    faults = []
    for name in sorted({name for name in names if names.count(name) > 1}):
        known = contract.column(name) or (told and _shown(name, 0) == name)
        which = " and ".join(str(at) for at, each in enumerate(names, start=1) if each == name)
        what = f"has {names.count(name)} columns named {name!r}" if known else f"has one name for columns {which}"
        faults.append(Fault("E114", place, what, "Keep one, or map them apart."))
    faults += [
        Fault(
            "E117",
            place,
            f"has {name!r} as {table.textless[at]}, which is no text",
            "Write it as text, or leave it out.",
        )
        for at, name in enumerate(names)
        if at in table.textless and contract.column(name)
    ]
    missing = [column.name for column in contract.columns if column.required and column.name not in names]
    faults += [
        Fault("E115", place, f"has no column {name!r}, which {contract.table} must have", _remedy(name, header, told))
        for name in missing
    ]
    if faults:
        raise Faults(faults)
    return names


def _plausible(header: tuple[str, ...], contract: Contract, settings: SourceSettings) -> bool:
    """Whether a first row is a header: it has one of our names, however it is spelt, or one that the map knows.

    Else it may be the first record of a file without a header, and nothing of it may be told.
    """
    known = {_plain(name) for name in (*settings.columns, *(column.name for column in contract.columns))}
    return any(_plain(name) in known for name in header)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())


def _shown(name: str, at: int) -> str:
    """A supplier's column by its name, or by its number where the name looks like a date, a number or a postcode."""
    return f"(column {at})" if _PERSONAL.search(name) else name


def _remedy(name: str, header: tuple[str, ...], told: list[str]) -> str:
    """What to do about a missing column. `told`: the header as it may be told; empty where it looks like none."""
    plain = {_plain(theirs): theirs for theirs, shown in zip(header, told, strict=False) if theirs == shown}
    if close := get_close_matches(name, plain, n=1):
        return f'If {plain[close[0]]!r} is it, map it: columns = {{"{plain[close[0]]}" = "{name}"}}.'
    if len(header) == 1 and (mark := next((mark for mark in ";\t|," if mark in header[0]), None)):
        return f"Its header is one column: set delimiter = {mark!r}."
    if not told:
        return f"Is its first row a header? It has {len(header)} columns, and none has a name that is known."
    return f"Map the supplier's column in columns. It has: {', '.join(filter(None, told))}."


def _trimmed(table: TextTable, names: list[str], place: str) -> pl.DataFrame:
    text = [pl.col(f"c{at}").str.strip_chars().replace("", None).alias(RAW + name) for at, name in enumerate(names)]
    return table.rows.select(pl.lit(place).alias("file"), *PLACE, *text).collect(engine="streaming")


def _unread(
    workspace: Workspace, contract: Contract, settings: SourceSettings, theirs: Mapping[str, int]
) -> Iterator[Fault]:
    """A column that the map names and no file has: a renamed column would otherwise be empty without a word."""
    for name, ours in settings.columns.items():
        if name.strip() not in theirs:
            place = workspace.place("sources", contract.table, "columns", name)
            what = f"no file of {contract.table} has the column {name!r}, so {ours!r} would not be read from it"
            step = "Write the name as it stands in the header, or take it out of columns."
            yield Fault("E116", place, what, step)


def _map_faults(workspace: Workspace, contract: Contract, settings: SourceSettings) -> Iterator[Fault]:
    known = [column.name for column in contract.columns]
    for theirs, ours in settings.columns.items():
        if ours not in known:
            place = workspace.place("sources", contract.table, "columns", theirs)
            yield Fault("E106", place, f"{contract.table} has no column {ours!r}", did_you_mean(ours, known))
    for name, mapped in settings.values.items():
        place = workspace.place("sources", contract.table, "values", name)
        column = contract.column(name)
        if column is None:
            yield Fault("E106", place, f"{contract.table} has no column {name!r}", did_you_mean(name, known))
            continue
        allowed = ("true", "false") if column.type == "boolean" else column.choices
        for value in mapped.values():
            if allowed and value and value not in allowed:
                what = f"values.{name} maps onto {value!r}, which {name} may not hold"
                yield Fault("E107", place, what, did_you_mean(value, allowed))
