"""The ledger: one SQLite file that is only ever added to, and what can be read from it.

In: entries (a kind, a batch, what it says, when and by whom; the clock is read by the caller). Out: the batches and
their states, the lines that are live, the decisions of reviews, the balances, and a walk that tells whether anything
was touched.

Rollback journal and `synchronous = EXTRA`: a command is one transaction that is on disk, with its folder entry, when
`append` returns. A write-ahead log would be quicker, but leaves side files that a copy forgets and that a reader
without write access cannot open.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl
from sqlite_utils import Database

from pbr.canonical import canonical
from pbr.errors import Fault, Faults
from pbr.ledger.chain import Entry, entry_digest, first_misfit
from pbr.ledger.kinds import DECIDED, KINDS, body_faults, place_of, step_fault
from pbr.ledger.migrations import FIRST, migrations

PATIENCE = 30.0
"""Seconds to wait for another command that is writing."""

BATCHES = pl.Schema(
    {
        "batch_id": pl.String(),
        "authority_code": pl.String(),
        "window": pl.String(),
        "state": pl.String(),
        "seq": pl.Int64(),
        "prepared_at": pl.String(),
        "prepared_by": pl.String(),
        "as_of": pl.Date(),
        "lines": pl.Int64(),
        "amount_pence": pl.Int64(),
        "bundle": pl.String(),
        "manifest_digest": pl.String(),
        "run_key": pl.String(),
    }
)
"""The batches, by the entry that prepared them: `state` is the kind of the batch's last entry."""

LIVE_LINES = pl.Schema(
    {
        "line_id": pl.String(),
        "batch_id": pl.String(),
        "seq": pl.Int64(),
        "window": pl.String(),
        "family_id": pl.String(),
        "family_ref": pl.String(),
        "route": pl.String(),
        "amount_pence": pl.Int64(),
        "engaged_on": pl.Date(),
        "persons": pl.List(pl.String()),
    }
)
"""The claim lines of batches that are not withdrawn; `seq` is the entry that prepared the batch."""

DECISIONS = pl.Schema(
    {
        "details_key": pl.String(),
        "person_id": pl.String(),
        "verdict": pl.String(),
        "seq": pl.Int64(),
        "table": pl.String(),
        "record_id": pl.String(),
    }
)
"""The decisions of reviews that stand: `verdict` is `accepted` or `rejected`, `seq` the entry that says so, `table` and
`record_id` the record that it names."""

REVIEWS = pl.Schema(
    {
        "seq": pl.Int64(),
        "at": pl.String(),
        "by": pl.String(),
        "details_key": pl.String(),
        "table": pl.String(),
        "record_id": pl.String(),
        "person_id": pl.String(),
        "verdict": pl.String(),
        "why": pl.String(),
    }
)
"""All decisions of reviews, those that others have replaced or taken back among them; `at` is UTC, to the second."""

BALANCE_BY = {"authority": "authority_code", "window": "window", "route": "route", "family": "family_id"}
"""What balances can be taken by, and the column that each gives."""


class Ledger:
    """An open ledger. A context manager; `open` to add to it, `read` to look."""

    def __init__(self, path: Path, db: Database) -> None:
        self.path = path
        self._db = db

    @classmethod
    def open(cls, path: Path, create: bool = False) -> Ledger:
        """Open a ledger to add to it; with `create`, make it where there is none.

        Raises Faults: E601 no ledger, E602 not a ledger, E610 in use, E611 cannot be written.
        """
        if create and not path.exists():
            _make(path)
        ledger = cls(path, _connect(path, f"{path.absolute().as_uri()}?mode=rw"))
        with ledger._faults_told():
            ledger._db.execute("PRAGMA journal_mode = DELETE")
            ledger._db.execute("PRAGMA synchronous = EXTRA")
            if migrations.pending(ledger._db):
                with ledger._sole_writer():
                    migrations.apply(ledger._db)
        return ledger

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """Open a ledger to look at it: nothing that is asked of it can change it.

        A file that may be written is opened so, with queries only, for SQLite to roll back an append that was killed.
        Raises Faults: E601 no ledger, E602 not a ledger.
        """
        mode = "rw" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "ro"
        ledger = cls(path, _connect(path, f"{path.absolute().as_uri()}?mode={mode}"))
        with ledger._faults_told():
            ledger._db.execute("PRAGMA query_only = ON")
        return ledger

    @classmethod
    def read_or_empty(cls, path: Path) -> Ledger:
        """The same, but for a workspace that has no ledger yet: an empty one, which is not kept."""
        return cls.read(path) if path.exists() else cls(path, _new())

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -------------------------------------------------------------------------------------------------------- writing

    def append(self, kind: str, batch_id: str, body: Mapping[str, Any], *, at: datetime, by: str) -> Entry:
        """Add one entry, whole or not at all.

        `body` has the fields of the kind (`pbr.ledger.kinds`), dates as dates or ISO 8601 text; `at` knows its zone.
        `batch_id` is `NO_BATCH` for a kind that is about none.
        Raises Faults with everything that speaks against it: E603 body, E604 kind, E605–E607 the batch's state, E608 a
        family and E609 a person with a live line, E610 in use, E611 cannot be written, E612 a line twice, E613 nobody,
        E630 a batch where none is meant or none where one is, E631–E634 decisions that say nothing new or that go
        against those that stand.
        """
        if at.tzinfo is None:
            raise ValueError("an entry's time needs its zone")
        try:
            text = canonical(dict(body)).decode()
        except TypeError as error:
            unfit = Fault("E603", place_of(batch_id), f"{kind}: {error}", "Write whole pence, text and dates.")
            raise Faults(unfit) from error
        when = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with self._faults_told(), self._sole_writer():
            if refused := self._refusals(kind, batch_id, text, by):
                raise Faults(refused)
            last = self.last()
            seq, previous = (last.seq + 1, last.digest) if last else (1, FIRST)
            digest = entry_digest(seq, when, by, kind, batch_id, text, previous)
            entry = Entry(seq, when, by, kind, batch_id, text, previous, digest)
            self._db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", tuple(vars(entry).values()))
        return entry

    def _refusals(self, kind: str, batch_id: str, body: str, by: str) -> list[Fault]:
        found = body_faults(kind, body, place_of(batch_id))
        if not by.strip():
            found.append(Fault("E613", place_of(batch_id), "does not say who made it", "Say who you are."))
        if found:
            return found
        if step := step_fault(kind, batch_id, self.state(batch_id)):
            return [step]
        return list(KINDS[kind].refuses(self._db, batch_id, body))

    # -------------------------------------------------------------------------------------------------------- reading

    def entries(self) -> Iterator[Entry]:
        """Every entry, from the first."""
        with self._faults_told():
            for row in self._db.execute(f"SELECT {_COLUMNS} FROM entries ORDER BY seq"):
                yield Entry(*row)

    def last(self) -> Entry | None:
        """The last entry, whose digest stands for all before it; None where there is none."""
        return self._entry("seq = (SELECT max(seq) FROM entries)")

    def state(self, batch_id: str) -> str | None:
        """The state of a batch; None where the ledger does not know it."""
        with self._faults_told():
            found = self._db.execute("SELECT state FROM batches WHERE batch_id = ?", [batch_id]).fetchone()
        return found[0] if found else None

    def batches(self) -> pl.DataFrame:
        """The batches (`BATCHES`), in the order in which they were prepared."""
        return self._frame(f"SELECT {', '.join(BATCHES)} FROM batches ORDER BY seq", {}, BATCHES)

    def prepared(self, batch_id: str) -> Entry | None:
        """The entry that prepared a batch; None where there is none."""
        return self._entry("kind = 'prepared' AND batch_id = ?", batch_id)

    def find_prepared(self, run_key: str) -> Entry | None:
        """The entry of the batch that the same run prepared before and that was not withdrawn since; None without."""
        return self._entry("seq = (SELECT max(seq) FROM batches WHERE state <> 'withdrawn' AND run_key = ?)", run_key)

    def live_lines(self, before_seq: int | None = None) -> pl.DataFrame:
        """The live lines (`LIVE_LINES`), by entry and line; with `before_seq`, as they stood before that entry."""
        sql = f"""
            SELECT {", ".join(LIVE_LINES)} FROM lines WHERE seq < :before AND NOT EXISTS (
              SELECT 1 FROM entries AS later
              WHERE later.batch_id = lines.batch_id AND later.kind = 'withdrawn' AND later.seq < :before
            ) ORDER BY seq, line_id"""
        stored = pl.Schema({**LIVE_LINES, "persons": pl.String()})
        lines = self._frame(sql, {"before": before_seq if before_seq is not None else 2**63 - 1}, stored)
        return lines.with_columns(pl.col("persons").str.json_decode(LIVE_LINES["persons"]))

    def decisions(self) -> pl.DataFrame:
        """The reviewers' decisions that stand (`DECISIONS`), by details key and person: of each the last, if any."""
        # SQLite takes the other columns from the row that has the greatest `seq`.
        sql = f"""
            SELECT details_key, person_id, verdict, max(seq), "table", record_id FROM ({DECIDED}) GROUP BY 1, 2
            HAVING verdict <> 'reopened' ORDER BY 1, 2"""
        return self._frame(sql, {}, DECISIONS)

    def decisions_by_key(self) -> dict[str, int]:
        """How many decisions stand under each key, by its check value (`kinds.Reviewed.key_check`)."""
        sql = f"""
            SELECT key_check, count(*) FROM (
              SELECT key_check, verdict, max(seq) FROM ({DECIDED}) GROUP BY details_key, person_id
              HAVING verdict <> 'reopened'
            ) GROUP BY 1 ORDER BY 1"""
        return dict(self._frame(sql, {}, pl.Schema({"key_check": pl.String(), "decisions": pl.Int64()})).iter_rows())

    def reviews(self) -> pl.DataFrame:
        """Every decision that was ever made in a review (`REVIEWS`), in the order in which they were made."""
        named = ", ".join(f'"{name}"' for name in REVIEWS)
        return self._frame(f"SELECT {named} FROM ({DECIDED}) ORDER BY seq, details_key, person_id", {}, REVIEWS)

    def balances(self, *by: str) -> pl.DataFrame:
        """What is claimed, and what was withdrawn, in pence, by any of `BALANCE_BY`; by window and route when not said.

        Columns: those of `by`, then `lines`, `claimed_pence` (live), `withdrawn_lines`, `withdrawn_pence`.
        """
        columns = [BALANCE_BY[name] for name in by or ("window", "route")]
        named = ", ".join(columns)
        sql = f"""
            SELECT {named}, sum(live), sum(live * amount_pence), sum(1 - live), sum((1 - live) * amount_pence)
            FROM lines GROUP BY {named} ORDER BY {named}"""
        counted = ("lines", "claimed_pence", "withdrawn_lines", "withdrawn_pence")
        schema = pl.Schema({**dict.fromkeys(columns, pl.String()), **dict.fromkeys(counted, pl.Int64())})
        return self._frame(sql, {}, schema)

    def verify(self) -> list[Fault]:
        """Whether everything is as it was written; empty when it is.

        Names the tables, triggers and views that are not the ledger's own (E620), the first entry that does not fit
        (E621 missing, E622 changed, E623 not chained, E624 never written by pbr), and lines that are live twice (E625).
        """
        with self._faults_told():
            if damage := self._damage():
                return damage
            found = self._foreign_schema()
            if any("table entries" in fault.place for fault in found):
                return found
            added = self._db.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'entries'").fetchone()[0]
            if misfit := first_misfit(self.entries(), added or 0, str(self.path)):
                return [*found, misfit]
            return found or self._live_twice()

    # ------------------------------------------------------------------------------------------------------- inside

    def _damage(self) -> list[Fault]:
        told = [row[0] for row in self._db.execute("PRAGMA quick_check(10)") if row[0] != "ok"]
        return [Fault("E602", str(self.path), f"is damaged: {what}", "Restore it from a backup.") for what in told]

    def _foreign_schema(self) -> list[Fault]:
        """Where the tables, indexes, triggers and views differ from those of a new ledger."""
        with closing(_new()) as new:
            expected, found = (dict(db.execute(_SCHEMA).fetchall()) for db in (new, self._db))
        restore = "Restore the ledger from a backup taken before, and find out who could write to the file."
        said = dict.fromkeys(expected.keys() - found.keys(), "is missing")
        said |= dict.fromkeys(found.keys() - expected.keys(), "is not the ledger's")
        said |= {name: "was changed" for name in expected.keys() & found.keys() if expected[name] != found[name]}
        return [Fault("E620", f"{self.path} {name}", what, restore) for name, what in sorted(said.items())]

    def _live_twice(self) -> list[Fault]:
        found = []
        for view, column in (("lines", "family_id"), ("line_persons", "person_id")):
            sql = f"SELECT {column}, route FROM {view} WHERE live GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2"
            for subject, route in self._db.execute(sql):
                what = f"{column.removesuffix('_id')} {subject} has more than one live line on {route}"
                found.append(Fault("E625", str(self.path), what, "Withdraw the batch that should not have it."))
        return found

    def _entry(self, where: str, *values: str) -> Entry | None:
        with self._faults_told():
            row = self._db.execute(f"SELECT {_COLUMNS} FROM entries WHERE {where}", list(values)).fetchone()
        return Entry(*row) if row else None

    def _frame(self, sql: str, values: Mapping[str, Any], schema: pl.Schema) -> pl.DataFrame:
        dates = [name for name, kind in schema.items() if kind == pl.Date]
        stored = pl.Schema({name: pl.String() if name in dates else kind for name, kind in schema.items()})
        with self._faults_told():
            rows = self._db.execute(sql, dict(values)).fetchall()
        return pl.DataFrame(rows, stored, orient="row").with_columns(pl.col(dates).str.to_date("%Y-%m-%d"))

    @contextmanager
    def _sole_writer(self) -> Iterator[None]:
        """One transaction that holds the write lock from its start.

        `Database.atomic` begins deferred: two commands could both read before either writes, and one would then fail.
        Inside this one it makes savepoints.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._db.commit()

    @contextmanager
    def _faults_told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Faults(_told(self.path, error)) from error


_COLUMNS = 'seq, at, "by", kind, batch_id, body, previous, digest'
# Without the table of migrations, whose text is sqlite-utils' own and may differ between its versions.
_SCHEMA = "SELECT type || ' ' || name, ifnull(sql, '') FROM sqlite_master WHERE tbl_name <> '_sqlite_migrations'"


_OUT_OF_REACH = ("SQLITE_READONLY", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")


def _new() -> Database:
    db = Database(memory=True)
    migrations.apply(db)
    return db


def _make(path: Path) -> None:
    """An empty ledger, there with all its tables or not at all; where another command was first, theirs is kept."""
    with closing(_new()) as db:
        content = db.conn.serialize()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            with Path(folder, path.name).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(file.name, path)
    except FileExistsError:
        pass
    except OSError as error:
        raise Faults(_told(path, error)) from error


def _connect(path: Path, uri: str) -> Database:
    if not path.is_file():
        what = "is no ledger: there is no such file"
        raise Faults(Fault("E601", str(path), what, "The first `pbr claim prepare` makes it."))
    try:
        return Database(sqlite3.connect(uri, uri=True, timeout=PATIENCE))
    except sqlite3.Error as error:
        raise Faults(_told(path, error)) from error


def _told(path: Path, error: Exception) -> Fault:
    """SQLite's and the file system's errors as faults."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        what = f"was in use by another command for {PATIENCE:.0f} seconds"
        return Fault("E610", str(path), what, "Wait for it to end, and try again.")
    if name == "SQLITE_READONLY_ROLLBACK":
        what = "holds an append that was killed, and may not be written"
        return Fault("E611", str(path), what, "Run `pbr ledger verify` once as somebody who may write to it.")
    if isinstance(error, OSError) or name.startswith(_OUT_OF_REACH):
        return Fault("E611", str(path), f"cannot be written or read: {error}", "See to the disk and your rights on it.")
    return Fault("E602", str(path), f"is no ledger that this pbr can use: {error}", "Name the ledger, or restore it.")
