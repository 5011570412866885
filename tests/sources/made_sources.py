"""A small authority on disk, to be spoilt one way at a time."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pbr.sources import Extract, read
from pbr.workspace import Workspace

FAMILIES = "family_id,engaged_on\nF1,2013-01-01\nF2,2013-02-01\n"
MEMBERS = "person_id,family_id,date_of_birth\nP1,F1,2001-05-06\nP2,F1,1975-03-02\nP3,F2,2003-01-31\n"
HEAD = '[authority]\ncode = "E06000034"\nname = "Thurrock"\n\n[rules]\npack = "phase-1"\n'


class Authority:
    """A workspace whose families and members are sound until they are written over."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings: dict[str, str] = {}
        self.write("families", FAMILIES)
        self.write("members", MEMBERS, "extracted_on = 2014-09-02")

    def write(self, table: str, content: str | bytes, settings: str = "", name: str | None = None) -> None:
        """One source in one file; `name` takes another ending, or another file under the same declaration."""
        name = name or f"{table}.csv"
        (self.root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        self.declare(table, name, settings)

    def declare(self, table: str, path: str, settings: str = "") -> None:
        self.settings[table] = f'\n[sources.{table}]\npath = "{path}"\n{settings}\n'

    def load(self) -> Workspace:
        (self.root / "pbr.toml").write_text(HEAD + "".join(self.settings.values()))
        return Workspace.load(self.root)

    def read(self) -> dict[str, Extract]:
        return read(self.load())


def codes(extract: Extract) -> list[tuple[int, str]]:
    """Row and code of every fault in quarantine."""
    return extract.quarantine.select("row", "code").rows()


def rows(extract: Extract) -> list[int]:
    """The rows that were accepted."""
    return extract.accepted["row"].to_list()


def tie(extract: Extract) -> bool:
    """Whether every row read is accepted, quarantined, a duplicate or blank, and quarantined ones have a reason."""
    set_apart = extract.rejected.height + extract.duplicates.height + extract.blank_rows
    reasons = extract.quarantine.select(pl.struct("file", "row").n_unique()).item()
    return extract.rows_read == extract.accepted.height + set_apart and reasons == extract.rejected.height
