"""The ledger: one SQLite file that is only ever added to, and what can be read from it.

In: entries (a kind, a batch, what it says, when and by whom; the clock is read by the caller). Out: the batches and
their states, the lines that are live, the decisions of reviews, the balances, and a walk that tells whether anything
was touched.

Rollback journal and `synchronous = EXTRA`: a command is one transaction that is on disk, with its folder entry, when
`append` returns. A write-ahead log would be quicker, but leaves side files that a copy forgets and that a reader
without write access cannot open.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl
from sqlite_utils import Database

from pbr.errors import Fault, Faults
from pbr.ledger.books import Books
from pbr.ledger.chain import WHEN, Entry, entry_digest, first_misfit
from pbr.ledger.kinds import body_faults, place_of, refusals, step_of, written_body
from pbr.ledger.migrations import FIRST, migrations
from pbr.ledger.signatures import Signer, words_of

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

LINES = pl.Schema(
    {
        "line_id": pl.String(),
        "batch_id": pl.String(),
        "seq": pl.Int64(),
        "authority_code": pl.String(),
        "window": pl.String(),
        "pack_id": pl.String(),
        "as_of": pl.Date(),
        "claim_date": pl.Date(),
        "family_id": pl.String(),
        "family_ref": pl.String(),
        "route": pl.String(),
        "amount_pence": pl.Int64(),
        "decision_id": pl.String(),
        "engaged_on": pl.Date(),
        "persons": pl.List(pl.String()),
        "state": pl.String(),
        "live": pl.Boolean(),
        "reversed_by": pl.String(),
        "paid_pence": pl.Int64(),
        "repaid_pence": pl.Int64(),
        "override": pl.Int64(),
        "supersedes": pl.String(),
    }
)
"""Every claim line ever entered. `seq` is the entry that prepared (or imported) its batch, `state` the batch's; a line
is `live` unless its batch is withdrawn or it was reversed (`reversed_by`: withdraw, repay or supersede)."""

LIVE_LINES = pl.Schema(
    {
        name: LINES[name]
        for name in (
            *("line_id", "batch_id", "seq", "window", "family_id", "family_ref", "route"),
            *("amount_pence", "engaged_on", "persons"),
        )
    }
)
"""The claim lines that are live. `amount_pence` is what the line still stands for: less what of it was repaid."""

OVERRIDES = pl.Schema(
    {
        "entry": pl.Int64(),
        "state": pl.String(),
        "family_id": pl.String(),
        "route": pl.String(),
        "decision_id": pl.String(),
        "act": pl.String(),
        "holds": pl.String(),
        "reason": pl.String(),
        "role": pl.String(),
        "basis": pl.String(),
        "expires_on": pl.Date(),
        "proposed_by": pl.String(),
        "approved_by": pl.String(),
    }
)
"""Overrides by the number of their entry; `state`: `proposed`, `approved` or `withdrawn`; `holds` joined with `;`."""

FOUND_WRONG = pl.Schema({"decision_id": pl.String(), "route": pl.String(), "act": pl.String(), "entry": pl.Int64()})
"""Decisions found wrong on a route: by `audit`, or by a line's reversal (`repay`, `withdraw`), and by which entry."""

KEYS = pl.Schema(
    {
        "person": pl.String(),
        "roles": pl.String(),
        "public_key": pl.String(),
        "since": pl.Int64(),
        "until": pl.Int64(),
    }
)
"""The register: whose key it is, their roles (joined with `;`), and the entries that registered and revoked it."""

AUDITS = pl.Schema(
    {
        "seq": pl.Int64(),
        "at": pl.String(),
        "by": pl.String(),
        "kind": pl.String(),
        "batch_id": pl.String(),
        "decision": pl.String(),
        "sampled": pl.Int64(),
        "tested": pl.Int64(),
        "invalid": pl.Int64(),
        "most_pence": pl.Int64(),
    }
)
"""The audits of all batches, in their order: `kind` is `checked` where they passed, else `audited`."""

ATTACHMENTS = pl.Schema(
    {
        "financial_year": pl.String(),
        "pack_id": pl.String(),
        "families": pl.Int64(),
        "fee_pence": pl.Int64(),
        "amount_pence": pl.Int64(),
        "reference": pl.String(),
        "paid_on": pl.Date(),
    }
)
"""Attachment fees received, in the order in which they were entered."""

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

DECIDED = """
SELECT entries.seq, entries.at, entries."by",
  json_extract(entries.body, '$.key_check') AS key_check,
  json_extract(decision.value, '$.details_key') AS details_key,
  json_extract(decision.value, '$.table') AS "table",
  json_extract(decision.value, '$.record_id') AS record_id,
  json_extract(decision.value, '$.person_id') AS person_id,
  json_extract(decision.value, '$.verdict') AS verdict,
  json_extract(decision.value, '$.why') AS why
FROM entries, json_each(entries.body, '$.decisions') AS decision WHERE entries.kind = 'reviewed'
"""
"""Every decision of every review, as a query: one row a decision, with its entry's own columns."""

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
            if ledger._is_of_an_earlier_form():
                with ledger._sole_writer():
                    migrations.apply(ledger._db)
        return ledger

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """Open a ledger to look at it: nothing that is asked of it can change it.

        A file that may be written is opened so, with queries only, for SQLite to roll back an append that was killed.
        Raises Faults: E601 no ledger, E602 not a ledger, E614 one that an earlier pbr made and nothing was added to
        since.
        """
        mode = "rw" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "ro"
        ledger = cls(path, _connect(path, f"{path.absolute().as_uri()}?mode={mode}"))
        with ledger._faults_told():
            ledger._db.execute("PRAGMA query_only = ON")
            if ledger._is_of_an_earlier_form():
                what = "was made by an earlier pbr, and its tables are still of that form"
                step = (
                    "Any command that writes to it brings it up to date, with all that is in it: `pbr claim prepare`."
                )
                raise Faults(Fault("E614", str(path), what, step))
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

    def append(self, kind: str, batch_id: str, body: Mapping[str, Any], *, at: datetime, by: str | Signer) -> Entry:
        """Add one entry, whole or not at all.

        `body` has the fields of the kind (`pbr.ledger.bodies`), dates as dates or ISO 8601 text; `at` knows its zone.
        `by` is a name, or a `Signer`, whose name the register has. `batch_id` is `NO_BATCH` for a kind that is about
        none. Raises Faults with everything that speaks against it: E603 body, E604 kind, E605–E607 the batch's state,
        E608 a family and E609 a person with a live line, E610 in use, E611 cannot be written, E612 a line twice, E613
        nobody, E630 a batch where none is meant or none where one is, E631–E634 reviews' decisions, E640–E647 whoever
        makes it, and what is particular to its kind (`pbr.ledger.kinds`).
        """
        (entry,) = self.append_all([(kind, batch_id, body)], at=at, by=by)
        return entry

    def append_all(
        self, wanted: Sequence[tuple[str, str, Mapping[str, Any]]], *, at: datetime, by: str | Signer
    ) -> list[Entry]:
        """Add several entries (kind, batch id, body) in their order, all of them or none. As `append` otherwise."""
        if at.tzinfo is None:
            raise ValueError("an entry's time needs its zone")
        texts = [_text_of(*each) for each in wanted]
        when = at.astimezone(UTC).strftime(WHEN)
        with self._faults_told(), self._sole_writer():
            books, last = self.books(), self.last()
            if self._ever_added() != (last.seq if last else 0):
                raise Faults(_cut(self.path, self._ever_added()))
            added = []
            for (kind, batch_id, body), text in zip(wanted, texts, strict=True):
                last = self._add(books, last, kind, batch_id, text, when, by, str(body.get("person")))
                added.append(last)
        return added

    def _add(
        self,
        books: Books,
        last: Entry | None,
        kind: str,
        batch_id: str,
        text: str,
        when: str,
        by: str | Signer,
        person: str,
    ) -> Entry:
        if faults := body_faults(kind, text, place_of(kind, batch_id)):
            raise Faults(faults)
        seq, previous = (last.seq + 1, last.digest) if last else (1, FIRST)
        key = by.key if isinstance(by, Signer) else ""
        name = by if isinstance(by, str) else _name_of(by, books, person if kind == "registered" else "")
        step = step_of(seq, kind, batch_id, text, name, key)
        if refused := refusals(books, step):
            raise Faults(refused)
        said = (seq, when, name, kind, batch_id, text, previous)
        signature = by.sign(words_of(*said)) if isinstance(by, Signer) else ""
        entry = Entry(*said, entry_digest(*said, key, signature), key, signature)
        values = ", ".join("?" * len(_COLUMNS))
        self._db.execute(f"INSERT INTO entries ({_NAMED}) VALUES ({values})", tuple(vars(entry).values()))
        books.enter(step)
        return entry

    # -------------------------------------------------------------------------------------------------------- reading

    def entries(self) -> Iterator[Entry]:
        """Every entry, from the first."""
        with self._faults_told():
            for row in self._db.execute(f"SELECT {_NAMED} FROM entries ORDER BY seq"):
                yield Entry(*row)

    def books(self, before_seq: int | None = None) -> Books:
        """What the ledger comes to (`pbr.ledger.books`); with `before_seq`, as it stood before that entry.

        Raises Faults (E624) where an entry fits nothing, as only one can that pbr did not write.
        """
        books = Books()
        with _collecting_nothing():
            for entry in self.entries():
                if before_seq is not None and entry.seq >= before_seq:
                    break
                try:
                    books.enter(step_of(entry.seq, entry.kind, entry.batch_id, entry.body, entry.by, entry.key))
                except (AttributeError, LookupError, TypeError, ValueError) as error:
                    what = "was not written by pbr: it does not fit what is before it"
                    step = "`pbr ledger verify` tells of it. Restore the ledger from a backup."
                    raise Faults(Fault("E624", f"{self.path} entry {entry.seq}", what, step)) from error
        return books

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

    def lines(self, before_seq: int | None = None) -> pl.DataFrame:
        """Every claim line ever entered (`LINES`), by entry and line id; with `before_seq`, as they stood then."""
        return _lines_of(self.books(before_seq))

    def live_lines(self, before_seq: int | None = None) -> pl.DataFrame:
        """The live lines (`LIVE_LINES`), by entry and line; with `before_seq`, as they stood before that entry."""
        live = self.lines(before_seq).filter("live")
        return live.with_columns(pl.col("amount_pence") - pl.col("repaid_pence")).select(LIVE_LINES.names())

    def overrides(self, before_seq: int | None = None) -> pl.DataFrame:
        """Every override (`OVERRIDES`), in the order of their entries; with `before_seq`, as they stood then."""
        rows = [
            {
                **each.says,
                "holds": ";".join(each.says["holds"]),
                "expires_on": date.fromisoformat(each.says["expires_on"]),
            }
            | {
                "entry": each.entry,
                "state": each.state,
                "proposed_by": each.proposed_by,
                "approved_by": each.approved_by,
            }
            for each in self.books(before_seq).overrides.values()
        ]
        return pl.DataFrame(rows, OVERRIDES)

    def found_wrong(self, before_seq: int | None = None) -> pl.DataFrame:
        """Decisions that an audit found invalid, or whose line was repaid or withdrawn (`FOUND_WRONG`), sorted."""
        found = self.books(before_seq).found_wrong
        rows = sorted((decision, route, act, seq) for (decision, route), (act, seq) in found.items())
        return pl.DataFrame(rows, FOUND_WRONG, orient="row")

    def keys(self) -> pl.DataFrame:
        """The register of keys (`KEYS`), in the order in which they were registered."""
        rows = [
            {
                "person": key.person,
                "roles": ";".join(key.roles),
                "public_key": public,
                "since": key.since,
                "until": key.until,
            }
            for public, key in self.books().keys.items()
        ]
        return pl.DataFrame(rows, KEYS)

    def audits(self) -> pl.DataFrame:
        """The audits of all batches (`AUDITS`)."""
        of_audits = [entry for entry in self.entries() if entry.kind in ("audited", "checked")]
        rows = [
            {name: getattr(entry, name) for name in ("seq", "at", "by", "kind", "batch_id")}
            | {name: entry.says[name] for name in ("decision", "sampled", "tested", "most_pence")}
            | {"invalid": len(entry.says["invalid"])}
            for entry in of_audits
        ]
        return pl.DataFrame(rows, AUDITS)

    def attachments(self) -> pl.DataFrame:
        """Attachment fees received (`ATTACHMENTS`)."""
        rows = [{**says, "paid_on": date.fromisoformat(says["paid_on"])} for says in self.books().attachments]
        return pl.DataFrame(rows, ATTACHMENTS)

    def steps(self, batch_id: str) -> list[Entry]:
        """The entries about one batch, in their order."""
        return [entry for entry in self.entries() if entry.batch_id == batch_id]

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
        """What is claimed, paid, repaid and withdrawn, in pence, by any of `BALANCE_BY`; else by window and route.

        Columns: those of `by`, then `lines` (live), `claimed_pence` (live, less what was repaid), `paid_pence` (all
        that was received), `repaid_pence`, `outstanding_pence` (live, not yet paid), `withdrawn_lines`,
        `withdrawn_pence` (of lines no longer live, less what was repaid), `held_lines`, `held_pence` (kept out by the
        last batch that considered them, and not claimed since). Claimed, repaid and withdrawn sum to all that was ever
        claimed.
        """
        columns = [BALANCE_BY[name] for name in by or ("window", "route")]
        amount, repaid, live = pl.col("amount_pence"), pl.col("repaid_pence"), pl.col("live")
        books = self.books()
        lines = _lines_of(books)
        claimed = lines.group_by(columns).agg(
            lines=live.sum().cast(pl.Int64),
            claimed_pence=(amount - repaid).filter(live).sum(),
            paid_pence=pl.col("paid_pence").sum(),
            repaid_pence=repaid.sum(),
            outstanding_pence=(amount - pl.col("paid_pence")).filter(live).sum(),
            withdrawn_lines=(~live).sum().cast(pl.Int64),
            withdrawn_pence=(amount - repaid).filter(~live).sum(),
        )
        held = (
            _held(books, lines)
            .group_by(columns)
            .agg(held_lines=pl.len().cast(pl.Int64), held_pence=pl.col("amount_pence").sum())
        )
        both = claimed.join(held, on=columns, how="full", coalesce=True)
        return both.with_columns(pl.exclude(columns).fill_null(0)).sort(columns)

    def verify(self) -> list[Fault]:
        """Whether everything is as it was written; empty when it is.

        Names the tables, triggers and views that are not the ledger's own (E620), the first entry that does not fit
        (E621 missing, E622 changed, E623 not chained, E624 never written by pbr, E626 with another's signature).
        """
        with self._faults_told():
            if damage := self._damage():
                return damage
            found = self._foreign_schema()
            if any("table entries" in fault.place for fault in found):
                return found
            if misfit := first_misfit(self.entries(), self._ever_added(), str(self.path)):
                return [*found, misfit]
            return found

    # ------------------------------------------------------------------------------------------------------- inside

    def _ever_added(self) -> int:
        """SQLite's own count of the entries, those among them that are not there any more."""
        counted = self._db.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'entries'").fetchone()[0]
        return counted or 0

    def _is_of_an_earlier_form(self) -> bool:
        """Whether migrations have still to be applied. Raises Faults (E602) where they would make the ledger anew."""
        if not migrations.pending(self._db):
            return False
        if not self._db["entries"].exists():
            # An existing file without entries is no new ledger: a new one is made whole, and put in its place.
            what = "is no ledger: there is no table of entries in it"
            raise Faults(Fault("E602", str(self.path), what, "Name the ledger, or restore it from a backup."))
        return True

    def _damage(self) -> list[Fault]:
        told = [row[0] for row in self._db.execute("PRAGMA integrity_check(10)") if row[0] != "ok"]
        return [Fault("E602", str(self.path), f"is damaged: {what}", "Restore it from a backup.") for what in told]

    def _foreign_schema(self) -> list[Fault]:
        """Where the tables, indexes, triggers and views differ from those of a new ledger."""
        expected, found = _own_schema(), dict(self._db.execute(_SCHEMA).fetchall())
        restore = "Restore the ledger from a backup taken before, and find out who could write to the file."
        said = dict.fromkeys(expected.keys() - found.keys(), "is missing")
        said |= dict.fromkeys(found.keys() - expected.keys(), "is not the ledger's")
        said |= {name: "was changed" for name in expected.keys() & found.keys() if expected[name] != found[name]}
        return [Fault("E620", f"{self.path} {name}", what, restore) for name, what in sorted(said.items())]

    def _entry(self, where: str, *values: str) -> Entry | None:
        with self._faults_told():
            row = self._db.execute(f"SELECT {_NAMED} FROM entries WHERE {where}", list(values)).fetchone()
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


_COLUMNS = tuple(field.name for field in fields(Entry))
_NAMED = ", ".join(f'"{name}"' for name in _COLUMNS)
# Without the table of migrations, whose text is sqlite-utils' own and may differ between its versions.
_SCHEMA = """
SELECT type || ' ' || name, ifnull(sql, '') FROM sqlite_master
WHERE tbl_name <> '_sqlite_migrations' OR type = 'trigger'"""


_OUT_OF_REACH = ("SQLITE_READONLY", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")


def _dates(schema: pl.Schema) -> list[str]:
    return [name for name, kind in schema.items() if kind == pl.Date]


@contextmanager
def _collecting_nothing() -> Iterator[None]:
    """Nothing of the books is garbage before they are made, and looking for it takes longer than making them."""
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_collecting:
            gc.enable()


def _lines_of(books: Books) -> pl.DataFrame:
    """Every line of the books (`LINES`)."""
    lines = list(books.lines)
    batches = [line.batch for line in lines]
    says = [line.says for line in lines]
    # Column by column: a row of twenty for each of many lines takes several times as long.
    columns: dict[str, list[Any]] = {name: [said.get(name) for said in says] for name in LINES if name != "persons"}
    columns |= {name: [batch.says.get(name) for batch in batches] for name in ("authority_code", "pack_id", "as_of")}
    columns |= {
        "window": [said.get("window") or batch.says.get("window") for said, batch in zip(says, batches, strict=True)],
        "claim_date": [
            batch.says.get("claim_date") or said.get("claimed_on") for said, batch in zip(says, batches, strict=True)
        ],
        "batch_id": [batch.batch_id for batch in batches],
        "seq": [batch.seq for batch in batches],
        "state": [batch.state for batch in batches],
        "live": [line.is_live for line in lines],
        "reversed_by": [line.reversed_by for line in lines],
        "paid_pence": [line.paid_pence for line in lines],
        "repaid_pence": [line.repaid_pence for line in lines],
    }
    stored = {**LINES, **dict.fromkeys(_dates(LINES), pl.String())}
    frame = pl.DataFrame(columns, {name: stored[name] for name in columns}).with_row_index()
    each = [(place, person) for place, said in enumerate(says) for person in said["persons"]]
    of_lines = pl.DataFrame(each, {"index": pl.get_index_type(), "persons": pl.String()}, orient="row")
    persons = of_lines.group_by("index", maintain_order=True).agg("persons")
    return (
        frame.join(persons, on="index", how="left", maintain_order="left")
        .with_columns(pl.col("persons").fill_null([]), pl.col(_dates(LINES)).str.to_date("%Y-%m-%d"))
        .select(LINES.names())
    )


def _held(books: Books, lines: pl.DataFrame) -> pl.DataFrame:
    """Lines that wait for a person: of each family and route what the last live batch that held it said."""
    schema = {name: LINES[name] for name in (*BALANCE_BY.values(), "amount_pence")}
    rows = [
        {**held, "authority_code": batch.says["authority_code"], "window": batch.says["window"]}
        for batch in books.batches.values()
        if batch.state != "withdrawn"
        for held in batch.says.get("held", ())
    ]
    last = pl.DataFrame(rows, schema).unique(["family_id", "route"], keep="last", maintain_order=True)
    return last.join(lines.filter("live"), on=["family_id", "route"], how="anti")


def _cut(path: Path, written: int) -> Fault:
    """That entries are gone from the end: nothing is added, or the next entry would make it look whole."""
    what = f"lacks entries at its end: {written} were written, and nothing is added to what is left"
    return Fault("E636", str(path), what, "Restore it from a backup, and find out who could write to the file.")


def _text_of(kind: str, batch_id: str, body: Mapping[str, Any]) -> str:
    """A body's canonical text. Raises Faults (E603) where a value has none."""
    place = place_of(kind, batch_id)
    try:
        return written_body(kind, body, place)
    except TypeError as error:
        raise Faults(Fault("E603", place, f"{kind}: {error}", "Write whole pence, text and dates.")) from error


def _name_of(by: Signer, books: Books, person: str) -> str:
    """What the register calls the key; of the first key that is registered, what its own entry says (`person`)."""
    known = books.keys.get(by.key)
    if known is not None:
        return known.person
    return person if person and not books.keys else "whoever signs"


def _new() -> Database:
    db = Database(memory=True)
    migrations.apply(db)
    return db


@cache
def _own_schema() -> dict[str, str]:
    with closing(_new()) as new:
        return dict(new.execute(_SCHEMA).fetchall())


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
