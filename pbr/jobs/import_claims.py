"""Import claims: what was claimed before there was this ledger, from a CSV file into it, so that none is made twice.

In: a workspace and a file with a row a claim line. Out: one entry of the ledger, whole or not at all, and what whoever
imports should know. Imported lines bar families and persons, use up caps and allocation, and stand in balances, as
lines that were prepared here do. They rest on no bundle: nothing of them can be replayed.

Columns: `family_id`, `route`, `window`, `amount_pence` or `amount` (pounds), and where there are any `claim_line_id`,
`paid_pence` or `paid` (pounds), `engaged_on`, `claimed_on` (ISO 8601) and `persons` (ids joined with `;`). Others are
passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from pbr import sources
from pbr.canonical import digest, file_digest
from pbr.claims.select import family_ref
from pbr.errors import Fault, Faults
from pbr.jobs.frameworks import named_pack
from pbr.jobs.key import workspace_key
from pbr.jobs.own_csv import read_own_csv, require_columns, require_one_of_each
from pbr.jobs.remittance import pence_of
from pbr.ledger import Entry, Ledger, Signer
from pbr.linkage import squeezed
from pbr.rulebook.load import IN_FORCE, LoadedPack
from pbr.workspace import Workspace

NEEDED = ("family_id", "route", "window")
DATES = ("engaged_on", "claimed_on")
MONEY = ("amount_pence", "paid_pence")
POUNDS = ("amount", "paid")

WHOLE = re.compile(r"[0-9]{1,14}")

ROWS = pl.Schema(
    {
        "row": pl.Int64(),
        "claim_line_id": pl.String(),
        **dict.fromkeys(NEEDED, pl.String()),
        **dict.fromkeys(MONEY, pl.Int64()),
        **dict.fromkeys(DATES, pl.Date()),
        "persons": pl.List(pl.String()),
    }
)
"""The rows of a file as they are read, null where a cell is no date or amount. `row` as a spreadsheet counts them: the
header is row 1. `persons` as ids are compared, empty where the file names nobody."""

Told = Iterator[tuple[int, Fault]]
"""Faults, each with its row."""


@dataclass(frozen=True)
class ImportedClaims:
    """What was entered. `persons_listed`: lines whose persons are those of the workspace's own list of members;
    `nameless`: lines that name nobody; `paid_told`: whether the file says what was paid.
    """

    entry: Entry
    lines: int
    families: int
    amount_pence: int
    paid_pence: int
    persons_listed: int
    nameless: int
    paid_told: bool


def import_claims(
    workspace: Workspace | Path | str, path: Path, *, at: datetime, by: str | Signer, pack: LoadedPack | None = None
) -> ImportedClaims:
    """Enter earlier claims in the ledger. `pack` is the framework they were claimed under, the workspace's own unless
    given.

    Raises Faults, all of the file's together: E684 no such table, or money in two columns, E685 an empty cell, E686 no
    amount or no date, E687 a route that the pack has not, E688 more paid than claimed, E689 a line twice, E608 a family
    and E609 a person twice on a route, in the file or with a live line. And E503, E509, E519 no one pack, E605 imported
    already, E640-E645.
    """
    workspace = Workspace.of(workspace)
    pack = pack or _own_pack(workspace)
    table = _table(path)
    rows = _rows(table)
    own = {name: source for name, source in workspace.sources.items() if name in ("families", "members")}
    members = sources.read(workspace.model_copy(update={"sources": own}))["members"]
    lines = _with_members(rows, members.accepted)
    with Ledger.open(workspace.ledger_path, create=True) as ledger:
        batch_id = _batch_id(ledger, workspace, pack, rows)
        if ledger.state(batch_id) is None:
            of_file = [*_unreadable(table, rows, path), *_unfit(rows, pack, path), *_twice(lines, path)]
            found = [*of_file, *_taken(lines, ledger.live_lines(), path)]
            if found:
                raise Faults(fault for _, fault in sorted(found, key=lambda each: (each[0], each[1].code)))
        key, _ = workspace_key(workspace, members)
        body = {
            "authority_code": workspace.authority.code,
            "file": path.name,
            "file_digest": file_digest(path),
            "pack_id": pack.pack.id,
            "lines": [_line(line, key) for line in lines.sort("claim_line_id").iter_rows(named=True)],
        }
        entry = ledger.append("imported", batch_id, body, at=at, by=by)
    return ImportedClaims(
        entry=entry,
        lines=lines.height,
        families=lines["family_id"].n_unique(),
        amount_pence=int(lines["amount_pence"].sum()),
        paid_pence=int(lines["paid_pence"].sum()),
        persons_listed=int(lines["listed"].sum()),
        nameless=lines.filter(pl.col("persons").list.len() == 0).height,
        paid_told="paid" in table.columns or "paid_pence" in table.columns,
    )


def _own_pack(workspace: Workspace) -> LoadedPack:
    if workspace.rules.pack == IN_FORCE:
        what = "names no one framework, and a route is a route of one"
        step = "Name the framework that these were claimed under with --pack; import those of another by themselves."
        raise Faults(Fault("E519", workspace.place("rules", "pack"), what, step))
    return named_pack(workspace)


def _line(line: dict[str, Any], key: bytes) -> dict[str, Any]:
    """A line as the ledger has it."""
    columns = ("window", "family_id", "route", *MONEY, *DATES, "persons")
    own = {"line_id": line["claim_line_id"], "family_ref": family_ref(line["family_id"], key)}
    return own | {name: line[name] for name in columns}


def _batch_id(ledger: Ledger, workspace: Workspace, pack: LoadedPack, rows: pl.DataFrame) -> str:
    """Made from what the file says, whatever the order of its rows; another one when it was imported and withdrawn."""
    said = sorted(rows.drop("row").rows(), key=repr)
    withdrawn = 0
    while True:
        content = {"authority": workspace.authority.code, "pack": pack.pack.id, "lines": said, "withdrawn": withdrawn}
        batch_id = f"legacy-{digest(content)[:12]}"
        if ledger.state(batch_id) != "withdrawn":
            return batch_id
        withdrawn += 1


# ------------------------------------------------------------------------------------------------------- the file


def _table(path: Path) -> pl.DataFrame:
    """The file as text: `row`, and its columns without spaces at the ends of their cells. Raises Faults (E684)."""
    step = "Save it as CSV in UTF-8 with the columns family_id, route, window and amount_pence, or amount in pounds."
    table = read_own_csv(path, "E684", (*NEEDED, *DATES, *MONEY, *POUNDS, "claim_line_id", "persons"), step)
    lacks = [name for name in NEEDED if name not in table.columns]
    lacks += [] if {"amount", "amount_pence"} & set(table.columns) else ["amount_pence or amount"]
    require_columns(path, "E684", lacks, step)
    require_one_of_each(path, "E684", table, list(zip(POUNDS, MONEY, strict=True)))
    if table.is_empty():
        raise Faults(Fault("E684", path.name, "has no rows", "Name the file of earlier claims."))
    return table


def _rows(table: pl.DataFrame) -> pl.DataFrame:
    """See `ROWS`. Where the file says nothing of payments, nothing is taken as paid."""
    filled = table.with_columns(
        pl.lit("").alias(name) for name in ("claim_line_id", "persons", *DATES) if name not in table.columns
    )
    ids = squeezed("persons").str.split(";").list.set_difference([""]).list.sort()
    rows = filled.select(
        "row",
        "claim_line_id",
        *NEEDED,
        *(pl.Series(name, _pence(table, name), dtype=pl.Int64) for name in MONEY),
        *(pl.col(name).str.to_date("%Y-%m-%d", strict=False) for name in DATES),
        persons=ids,
    ).cast(ROWS)
    made = [f"L{digest(list(row))[:16]}" for row in rows.drop("row", "claim_line_id").rows()]
    has_own = pl.col("claim_line_id") != ""
    return rows.with_columns(claim_line_id=pl.when(has_own).then("claim_line_id").otherwise(pl.Series(made)))


def _pence(table: pl.DataFrame, name: str) -> list[int | None]:
    """A column of money in whole pence, from pence or from pounds."""
    in_pounds = name.removesuffix("_pence")
    if name in table.columns:
        return [int(text) if WHOLE.fullmatch(text) else None for text in table[name]]
    return [pence_of(text) for text in table[in_pounds]] if in_pounds in table.columns else [0] * table.height


def _with_members(rows: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Rows that name nobody with the family's members as the workspace lists them: on the day of the claim, or all who
    ever were where no day is given. `listed`: whether the persons are from that list.
    """
    nameless = rows.filter(pl.col("persons").list.len() == 0).select("row", "family_id", "claimed_on")
    periods = members.select("family_id", "joined_on", "left_on", listed=squeezed("person_id"))
    began, ended = pl.col("joined_on") <= pl.col("claimed_on"), pl.col("left_on") <= pl.col("claimed_on")
    found = (
        nameless.join(periods, on="family_id")
        .filter(began.fill_null(True) & ~ended.fill_null(False))
        .group_by("row")
        .agg(pl.col("listed").unique().sort())
    )
    joined = rows.join(found, on="row", how="left", maintain_order="left")
    return joined.with_columns(persons=pl.coalesce("listed", "persons"), listed=pl.col("listed").is_not_null())


# ------------------------------------------------------------------------------------------- what speaks against it


def _unreadable(table: pl.DataFrame, rows: pl.DataFrame, path: Path) -> Told:
    for name in NEEDED:
        for row in rows.filter(pl.col(name) == "")["row"]:
            step = "Write it: a line is of one family, one route and one window."
            yield row, Fault("E685", f"{path.name} row {row}", f"has no {name}", step)
    for name in MONEY:
        for row in rows.filter(pl.col(name).is_null())["row"]:
            what = f"{name.removesuffix('_pence')}: there is no amount of money that can be read"
            yield row, Fault("E686", f"{path.name} row {row}", what, "Write 1500.00 or £1,500, and 0 for nothing.")
    for name in (name for name in DATES if name in table.columns):
        written = table.filter(pl.col(name) != "").select("row")
        for row in rows.join(written, on="row", how="semi").filter(pl.col(name).is_null())["row"]:
            what = f"{name}: there is no date that can be read"
            yield row, Fault("E686", f"{path.name} row {row}", what, "Write it as 2014-10-31.")


def _unfit(rows: pl.DataFrame, pack: LoadedPack, path: Path) -> Told:
    known = list(pack.pack.routes)
    for row in rows.filter((pl.col("route") != "") & ~pl.col("route").is_in(known))["row"]:
        what = f"names a route that {pack.pack.id} has not"
        yield row, Fault("E687", f"{path.name} row {row}", what, f"Write one of {', '.join(known)}; see --pack.")
    more = rows.filter(pl.col("paid_pence") > pl.col("amount_pence"))
    for row, amount, paid in more.select("row", *MONEY).iter_rows():
        what = f"{paid} pence paid and {amount} claimed: no more is paid on a line than is claimed"
        yield row, Fault("E688", f"{path.name} row {row}", what, "Correct the one or the other.")


def _twice(lines: pl.DataFrame, path: Path) -> Told:
    """A line, or a family or another family's person on one route, that stands in an earlier row of the file."""
    families, persons = _subjects(lines)
    ids = lines.select("row", "family_id", route=pl.lit(""), subject="claim_line_id")
    step = "Leave out what is there twice; where `persons` is empty, the list of members says who is of the family."
    for code, what, subjects in (("E608", "family", families), ("E609", "person", persons), ("E689", "line", ids)):
        each = pl.col("row", "family_id").first().over("route", "subject", order_by="row")
        again = subjects.with_columns(each.name.prefix("first_")).filter(pl.col("row") != pl.col("first_row"))
        if what == "person":
            again = again.filter(pl.col("family_id") != pl.col("first_family_id"))
        for row, route, subject, before in again.select("row", "route", "subject", "first_row").iter_rows():
            where = f" on {route}" if route else ""
            found = f"{what} {subject} stands in row {before} already{where}"
            yield row, Fault(code, f"{path.name} row {row}", found, step)


def _subjects(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The families and the persons of the lines: `row`, `family_id`, `route`, `subject`."""
    named = lines.filter(pl.col("family_id") != "").select("row", "family_id", "route", "persons")
    families = named.select("row", "family_id", "route", subject="family_id")
    return families, named.explode("persons").rename({"persons": "subject"}).drop_nulls("subject")


def _taken(lines: pl.DataFrame, live: pl.DataFrame, path: Path) -> Told:
    """A family, or a person in another family's line, that is live on the route in the ledger; a line that it has."""
    families, persons = _subjects(lines)
    ledger = live.select("line_id", "batch_id", "route", "family_id", "persons")
    of_persons = ledger.explode("persons").rename({"persons": "subject", "family_id": "of_family"})
    of_families = ledger.select("line_id", "batch_id", "route", subject="family_id", of_family=pl.lit(None, pl.String))
    step = "Leave out what the ledger has, or withdraw the earlier batch first."
    for code, what, ours, theirs in (
        ("E608", "family", families, of_families),
        ("E609", "person", persons, of_persons),
    ):
        found = ours.join(theirs, on=["route", "subject"])
        found = found.filter(pl.col("family_id").ne_missing(pl.col("of_family")))
        for row, route, subject, line, batch in found.select("row", "route", "subject", "line_id", "batch_id").rows():
            says = f"{what} {subject} has a live line on {route} already: {line} in batch {batch}"
            yield row, Fault(code, f"{path.name} row {row}", says, step)
    known = lines.select("row", line_id="claim_line_id").join(ledger.select("line_id", "batch_id"), on="line_id")
    for row, line, batch in known.select("row", "line_id", "batch_id").iter_rows():
        yield row, Fault("E689", f"{path.name} row {row}", f"line {line} is in batch {batch} already", step)
