"""A remittance advice: what the department says it paid, line by line, as a CSV file.

In: the file. Out: line ids and whole pence, in the file's order, and its digest; or every fault of it. Amounts stand in
`amount_pence`, or as pounds in `amount` (`1,500.00`, `£1500`). Other columns are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pbr.canonical import file_digest
from pbr.errors import Fault, Faults

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


def read_remittance(path: Path) -> Remittance:
    """Read a remittance advice. Raises Faults, all together: E680 no such table, E681 no amount, E682 no line."""
    try:
        table = pl.read_csv(path, infer_schema=False, encoding="utf8")
        digest = file_digest(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        step = "Save it as CSV in UTF-8 with the columns claim_line_id and amount_pence, or amount in pounds."
        raise Faults(Fault("E680", path.name, "cannot be read as a table", step)) from error
    table = table.rename({name: name.strip().lower() for name in table.columns})
    in_pounds = "amount_pence" not in table.columns
    if "claim_line_id" not in table.columns or (in_pounds and "amount" not in table.columns):
        step = "Name its columns claim_line_id and amount_pence, or amount for pounds."
        raise Faults(Fault("E680", path.name, "lacks the column of the line or of the amount", step))
    amounts = table["amount" if in_pounds else "amount_pence"].fill_null("")
    pence = [pence_of(text) if in_pounds else _whole(text) for text in amounts]
    lines = pl.DataFrame(
        {
            "row": range(2, table.height + 2),
            "line_id": table["claim_line_id"].fill_null("").str.strip_chars(),
            "amount_pence": pence,
        },
        LINES,
    )
    faults = [
        Fault("E681", f"{path.name} row {row}", "has no amount of money that can be read", "Write 1500.00 or £1,500.")
        for row in lines.filter(pl.col("amount_pence").is_null())["row"]
    ]
    faults += [
        Fault("E682", f"{path.name} row {row}", "names no claim line", "Write the claim_line_id of claim.csv.")
        for row in lines.filter(pl.col("line_id") == "")["row"]
    ]
    if lines.is_empty():
        faults.append(Fault("E682", path.name, "has no rows", "Name the remittance advice that came with the payment."))
    if faults:
        raise Faults(faults)
    return Remittance(path, digest, lines)


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,14}", text.strip()) else None
