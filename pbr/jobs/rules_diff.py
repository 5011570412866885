"""What differs between two rule packs, or between a pack and the same with its overlay.

In: packs as a person names them. Out: both as read, and a table of what is not the same.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import polars as pl

from pbr.errors import Fault, Faults
from pbr.rulebook.diff import Difference, differences
from pbr.rulebook.load import LoadedPack, load_pack

_SCHEMA = {field.name: pl.Date if field.name == "since" else pl.String for field in fields(Difference)}


@dataclass(frozen=True)
class RulesDiff:
    """Two packs, and a row for each `rulebook.diff.Difference` (its fields are the columns)."""

    before: LoadedPack
    after: LoadedPack
    differences: pl.DataFrame


def rules_diff(before: str | Path, after: str | Path | None = None) -> RulesDiff:
    """Compare two packs; with one only, the pack that its overlay is over with the pack as it is with it.

    Raises Faults: those of the packs, and E257 where the only pack has no overlay.
    """
    one = load_pack(before)
    other = one if after is None else load_pack(after)
    if after is None:
        if one.beneath is None:
            step = "Name a second pack, or write PACK+OVERLAY."
            raise Faults(
                Fault("E257", str(before), "there is nothing to compare the pack with: no overlay is over it", step)
            )
        one = one.beneath
    rows = [asdict(difference) for difference in differences(one, other)]
    return RulesDiff(one, other, pl.DataFrame(rows, schema=_SCHEMA))
