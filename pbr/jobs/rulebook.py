"""Rule packs to read: the list of those that come with pbr, overlays too, and the page that has one as a rulebook.

In: a pack by id or folder, and the day to read it for. Out: a table, or HTML that stands by itself.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from pbr.claims import pages
from pbr.errors import Faults
from pbr.rulebook.book import rulebook
from pbr.rulebook.load import LoadedPack, load_pack, overlay_ids, overlays_folder, pack_ids
from pbr.rulebook.overlay import OVERLAY_FILE, read_overlay


def list_packs() -> pl.DataFrame:
    """The packs that come with pbr, and below them each overlay over its pack: `pack`, `title`, `engaged_from`,
    `engaged_until`, `decided_from`, `decided_until`, `claimed_until`, `digest`, one row for each period in which it
    decides. With an overlay, `pack` is PACK+OVERLAY and `title` that of the overlay.
    """
    loaded = [load_pack(pack_id) for pack_id in pack_ids()] + [_with_overlay(each) for each in overlay_ids()]
    rows = [
        {
            "pack": one.pack.id,
            "title": one.overlay.title if one.overlay else one.pack.title,
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


def _with_overlay(overlay_id: str) -> LoadedPack:
    """An overlay that comes with pbr, over the pack that it names."""
    overlay, faults = read_overlay(overlays_folder() / overlay_id / OVERLAY_FILE, f"{overlay_id}/{OVERLAY_FILE}")
    if overlay is None:
        raise Faults(faults)
    return load_pack(overlay.over, overlay_id)


def rulebook_page(pack: str | Path, on: date | None = None, *, with_cases: bool = True) -> bytes:
    """A pack as a page, as of a day (by default its last one of claims). Raises Faults as `load_pack`, `rulebook`."""
    return pages.rulebook(rulebook(load_pack(pack), on, with_cases=with_cases))
