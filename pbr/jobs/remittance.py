"""A remittance advice: what the department says it paid, line by line, as a CSV file.

In: the file. Out: line ids and whole pence, in the file's order, and its digest; or every fault of it. Amounts stand in
`amount_pence`, or as pounds in `amount` (`1,500.00`, `£1500`), not in both. Other columns are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pbr.canonical import file_digest
from pbr.errors import Fault, Faults
from pbr.jobs.own_csv import read_own_csv, require_columns, require_one_of_each

POUNDS = re.compile(r"£?((?:[0-9]{1,3}(?:,[0-9]{3})+)|[0-9]{1,12})(?:\.([0-9]{2}))?")

LINES = pl.Schema({"row": pl.Int64(), "line_id": pl.String(), "amount_pence": pl.Int64()})


@dataclass(frozen=True)
class Remittance:
    """`lines`: `row` (as a spreadsheet counts: the header is row 1), `line_id`, `amount_pence`."""

    path: Path
    digest: str
    lines: pl.DataFrame


def pence_of(text: str) -> int | None:
    """Whole pence of an amount in pounds as people write it; None where it is none.

    >>> pence_of("£1,500.00"), pence_of("700"), pence_of("7.5")
    (150000, 70000, None)
    """
    found = POUNDS.fullmatch(text.strip())
    return None if found is None else int(found[1].replace(",", "")) * 100 + int(found[2] or 0)


def read_remittance(path: Path, known: Collection[str] | None = None) -> Remittance:
    """Read a remittance advice. `known`: the lines there are, where they are asked about.

    Raises Faults, all together: E680 no such table, or amounts in two columns, E681 no amount, E682 no line, E683 a
    line that is not known.
    """
    step = "Save it as CSV in UTF-8 with the columns claim_line_id and amount_pence, or amount for pounds."
    table = read_own_csv(path, "E680", ("claim_line_id", "amount_pence", "amount"), step)
    in_pounds = "amount_pence" not in table.columns
    lacks = [] if "claim_line_id" in table.columns else ["claim_line_id"]
    lacks += ["amount_pence or amount"] if in_pounds and "amount" not in table.columns else []
    require_columns(path, "E680", lacks, step)
    require_one_of_each(path, "E680", table, [("amount", "amount_pence")])
    amounts = table["amount" if in_pounds else "amount_pence"]
    pence = [pence_of(text) if in_pounds else _whole(text) for text in amounts]
    lines = pl.DataFrame({"row": table["row"], "line_id": table["claim_line_id"], "amount_pence": pence}, LINES)
    if lines.is_empty():
        step = "Name the remittance advice that came with the payment."
        raise Faults(Fault("E682", path.name, "has no rows", step))
    if found := sorted(_unreadable(path, lines, known), key=lambda each: (each[0], each[1].code)):
        raise Faults(fault for _, fault in found)
    return Remittance(path, file_digest(path), lines)


def _unreadable(path: Path, lines: pl.DataFrame, known: Collection[str] | None) -> Iterator[tuple[int, Fault]]:
    """Each fault with its row."""
    for row, line_id, pence in lines.iter_rows():
        place = f"{path.name} row {row}"
        if pence is None:
            yield row, Fault("E681", place, "has no amount of money that can be read", "Write 1500.00 or £1,500.")
        if line_id == "":
            yield row, Fault("E682", place, "names no claim line", "Write the claim_line_id of claim.csv.")
        elif known is not None and line_id not in known:
            yield row, Fault("E683", place, f"no batch has line {line_id}", "Ask whose claim it is.")


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,14}", text.strip()) else None
