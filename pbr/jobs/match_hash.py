"""Match-keys at the partner's: a source in, the same without anybody's name out.

What leaves the partner is what the programme needs and nothing else: counts, dates and coded values, record ids as
keyed hashes, and match-keys. Free text, columns that pbr does not know, and codes outside their vocabulary stay behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pbr.errors import Fault, Faults
from pbr.jobs.decide import require_known_form, require_not_read_from, write_findings
from pbr.jobs.shared_key import read_key
from pbr.linkage.details import ABOUT_PEOPLE
from pbr.linkage.match_keys import check_value, keyed_hashes, match_keys
from pbr.sources import CONTRACTS, IDENTITY, Extract, read_alone
from pbr.sources.contracts import BENEFITS, PROVISION, REGISTER_CODES
from pbr.workspace import Workspace

Say = Callable[[str], None]

VOCABULARY: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("marks", "code"): REGISTER_CODES,
    ("employment", "code"): (*BENEFITS, *PROVISION),
}
"""The columns of text that are sent, and what they may say; all other text could name somebody."""

KEPT_AT_HOME = pl.Schema({"record_id": pl.String, "own_record_id": pl.String, "file": pl.String, "row": pl.Int64})
"""What leads back from a record that was sent to the partner's own."""


@dataclass(frozen=True)
class Hashed:
    """A source as it may be sent. `rows`: `record_id`, the table's own columns and `match_keys`, in the order of ids,
    which says nothing. `kept`: `KEPT_AT_HOME`, never to be sent. `key`: the check value of the key.

    `faulty`: how many records break their contract, and go with id and match-keys alone, so that they stay in doubt.
    `silent`: how many give nothing that could be linked. `left_out`: column → values outside its vocabulary.
    """

    workspace: Workspace
    extract: Extract
    key: str
    rows: pl.DataFrame
    kept: pl.DataFrame
    faulty: int
    silent: int
    left_out: dict[str, int]

    @property
    def declaration(self) -> str:
        """How the source is declared in the programme's `pbr.toml`, but for the places of the file and of the key."""
        settings = self.workspace.sources[self.extract.table]
        said = {name: getattr(settings, name) for name in ("supplier", "basis")}
        lines = [f"[sources.{self.extract.table}]", 'path = "…"']
        if settings.covers:
            lines.append(f"covers = {{from = {settings.covers.start}, until = {settings.covers.until}}}")
        if settings.extracted_on:
            lines.append(f"extracted_on = {settings.extracted_on}")
        lines += [f"{name} = {json.dumps(text, ensure_ascii=False)}" for name, text in said.items() if text]
        return "\n".join([*lines, 'match_keys = "…"'])


def hash_source(workspace: Workspace | Path | str, table: str, key: Path, say: Say = lambda step: None) -> Hashed:
    """Hash the identities of one source of a workspace, which needs to declare no other.

    Raises Faults: E364 it is hashed already, E365 the key cannot be read, E369 it is not declared or about nobody, and
    what stops a source from being read (see `sources.read`).
    """
    workspace = Workspace.of(workspace)
    if table not in ABOUT_PEOPLE or table not in workspace.sources:
        step = f"Name one that {workspace.place('sources')} declares, of {', '.join(ABOUT_PEOPLE)}."
        raise Faults(Fault("E369", table, "is not a declared source of records about people", step))
    secret = read_key(key)
    say(f"reading {table}")
    extract = read_alone(workspace, table)
    everything = pl.concat([extract.accepted, extract.rejected], how="diagonal")
    if everything["match_keys"].is_not_null().any():
        raise Faults(Fault("E364", table, "has match-keys already", "Hash the source that they were made from."))
    say("hashing")
    cells = _match_keys(everything.select(IDENTITY), secret)
    ids = keyed_hashes((f"{table}\x1f{record_id}" for record_id in everything["record_id"]), secret, "record id")
    sent = everything.with_columns(
        pl.Series("own_record_id", everything["record_id"]), pl.Series("record_id", ids), cells
    )
    own, left_out = _own(table, sent)
    return Hashed(
        workspace=workspace,
        extract=extract,
        key=check_value(secret),
        rows=sent.select("record_id", *own, "match_keys").unique().sort("record_id", "match_keys"),
        kept=sent.select(KEPT_AT_HOME.names()).sort("record_id", "file", "row"),
        faulty=extract.rejected.height,
        silent=cells.null_count(),
        left_out=left_out,
    )


def write_hashed(hashed: Hashed, out: Path, key: Path, index: Path | None = None) -> None:
    """Write what is sent, and to `index` what stays. Raises Faults: E404, E406, E407 a file that is read from."""
    for path in (out, *([index] if index else [])):
        require_known_form(path)
        require_not_read_from(path, {hashed.extract.table: hashed.extract}, hashed.workspace.root)
        if path.exists() and path.samefile(key):
            raise Faults(Fault("E407", str(path), "is the key", "Name another file: nothing is written over a key."))
    write_findings(hashed.rows, out)
    if index:
        write_findings(hashed.kept, index)


def _match_keys(identities: pl.DataFrame, secret: bytes) -> pl.Series:
    """Of each row: most identities are those of many records, and are hashed once."""
    distinct = identities.unique()
    made = distinct.with_columns(match_keys(distinct, secret))
    clear = [name for name in IDENTITY if name != "match_keys"]
    rows = identities.select(clear).join(made, on=clear, how="left", nulls_equal=True, maintain_order="left")
    return rows["match_keys"]


def _own(table: str, records: pl.DataFrame) -> tuple[list[pl.Expr], dict[str, int]]:
    """The table's own columns as they are sent, and how many values are left out of each."""
    sent, left_out = [], {}
    for column in CONTRACTS[table].own:
        value, known = pl.col(column.name), VOCABULARY.get((table, column.name))
        if column.name in ("record_id", *IDENTITY) or (column.type == "text" and known is None):
            continue
        if known is not None:
            if others := records.filter(~value.is_in(known)).height:
                left_out[column.name] = others
            value = pl.when(value.is_in(known)).then(value)
        sent.append(value.alias(column.name))
    return sent, left_out
