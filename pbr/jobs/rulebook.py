"""Rule packs to read: the list of those that come with pbr, and the page that has one as a rulebook.

In: a pack by id or folder, and the day to read it for. Out: a table, or HTML that stands by itself.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from pbr.claims import pages
from pbr.rulebook.book import rulebook
from pbr.rulebook.load import load_pack, pack_ids


def list_packs() -> pl.DataFrame:
    """The packs that come with pbr: `pack`, `title`, `engaged_from`, `engaged_until`, `decided_from`, `decided_until`,
    `claimed_until`, `digest`, one row for each period in which a pack decides.
    """
    loaded = [load_pack(pack_id) for pack_id in pack_ids()]
    rows = [
        {
            "pack": one.pack.id,
            "title": one.pack.title,
            "engaged_from": period.engaged.start,
            "engaged_until": period.engaged.until,
            "decided_from": period.decided.start,
            "decided_until": period.decided.until,
            "claimed_until": one.pack.tariff.claimed_until,
            "digest": one.digest,
        }
        for one in loaded
        for period in one.pack.in_force
    ]
    named = ("engaged_from", "engaged_until", "decided_from", "decided_until", "claimed_until")
    dates = dict.fromkeys(named, pl.Date)
    return pl.DataFrame(rows, schema={"pack": pl.String, "title": pl.String, **dates, "digest": pl.String})


def rulebook_page(pack: str | Path, on: date | None = None) -> bytes:
    """A pack as a page, as of a day (by default its last one of claims). Raises Faults as `load_pack`, `rulebook`."""
    return pages.rulebook(rulebook(load_pack(pack), on))
