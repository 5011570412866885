"""Two engines on the same facts must give the same rows; where they do not, the run stops and shows the difference."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pbr.engines.findings import ORDER
from pbr.errors import Disagreement

SHOWN = 50
"""How many differences are written out; the rest are counted."""


def require_agreement(what: str, left_name: str, left: pl.DataFrame, right_name: str, right: pl.DataFrame) -> None:
    """Raise Disagreement (exit code 3) unless two tables of findings are equal, row for row and cell for cell."""
    found = list(differences(left_name, left, right_name, right))
    if found:
        more = [f"… and {len(found) - SHOWN} more."] if len(found) > SHOWN else []
        differ = f"{what}: {len(found)} differences between {left_name} and {right_name}."
        raise Disagreement(differ, found[:SHOWN] + more)


def differences(left_name: str, left: pl.DataFrame, right_name: str, right: pl.DataFrame) -> Iterator[str]:
    """Each difference as a sentence: family, criterion, subject, column and both values."""
    if left.equals(right):
        return
    columns = [name for name in left.columns if name in right.columns and name not in ORDER]
    rows = left.join(right, on=ORDER, how="full", coalesce=True, suffix=" of the other").sort(ORDER)
    for row in rows.iter_rows(named=True):
        subject = f" of {row['subject_id']}" if row["subject_id"] else ""
        place = f"family {row['family_id']}, {row['part']} {row['item']}{subject}"
        if row[columns[0]] is None:
            yield f"{place}: only {right_name} has this finding"
        elif row[f"{columns[0]} of the other"] is None:
            yield f"{place}: only {left_name} has this finding"
        else:
            for name in columns:
                ours, theirs = row[name], row[f"{name} of the other"]
                if ours != theirs:
                    said = f"{ours or 'empty'!r} by {left_name} and {theirs or 'empty'!r} by {right_name}"
                    yield f"{place}: {name} is {said}"
