"""Read a workspace's ledger: its batches, lines and entries, its balances, and whether anything in it was touched.

In: a workspace. Out: tables. Nothing is written, and no extract is opened but the lists of families and members, where
a family is asked for that the ledger has not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pbr import sources
from pbr.claims.select import family_ref
from pbr.claims.tariff import funded_families
from pbr.errors import Fault, Faults
from pbr.jobs.frameworks import named_pack
from pbr.jobs.key import key_of
from pbr.ledger import Entry, Ledger
from pbr.ledger.kinds import not_in_the_ledger
from pbr.rulebook.load import IN_FORCE, LoadedPack, load_pack, pack_ids
from pbr.rulebook.rules import value_on
from pbr.values import Share
from pbr.workspace import Workspace

ENTRIES = pl.Schema(dict.fromkeys(("at", "by", "kind", "batch_id", "digest"), pl.String()))


def batches(workspace: Workspace | Path | str) -> pl.DataFrame:
    """The batches in the order they were prepared (`ledger.store.BATCHES`). Raises Faults: E601, E602, E611."""
    with _ledger(workspace) as ledger:
        return ledger.batches()


def entries(workspace: Workspace | Path | str) -> pl.DataFrame:
    """Every entry: `seq`, `at` (UTC), `by`, `kind`, `batch_id`, `digest`. Raises Faults: E601, E602, E611."""
    with _ledger(workspace) as ledger:
        rows = [(entry.seq, *(getattr(entry, name) for name in ENTRIES)) for entry in ledger.entries()]
    return pl.DataFrame(rows, pl.Schema({"seq": pl.Int64(), **ENTRIES}), orient="row")


@dataclass(frozen=True)
class Allocation:
    """What an authority can claim for, in families. `funded`: those agreed, or the framework's `share` of them, rounded
    down; `claimed`: with live claim lines, of whatever framework. What is left may be less than none.
    """

    pack_id: str
    agreed: int
    share: Share | None
    funded: int
    claimed: int

    @property
    def left(self) -> int:
        return self.funded - self.claimed


def balances(workspace: Workspace | Path | str, *by: str) -> pl.DataFrame:
    """Lines and pence: claimed, paid, repaid, outstanding, withdrawn, held (`Ledger.balances`).

    Raises Faults: E601, E602, E611.
    """
    with _ledger(workspace) as ledger:
        return ledger.balances(*by)


def lines(
    workspace: Workspace | Path | str, batch: str | None = None, family: str | None = None, live: bool = False
) -> pl.DataFrame:
    """Every claim line (`ledger.store.LINES`): of a batch, of a family (by its id or pseudonym), or the live ones only.

    Raises Faults: E601, E602, E606 no such batch, E611, E677 a family that neither the ledger nor the list of families
    has, and those of reading that list.
    """
    workspace = Workspace.of(workspace)
    with _ledger(workspace) as ledger:
        found = ledger.lines()
        if batch is not None and ledger.state(batch) is None:
            raise Faults(not_in_the_ledger(batch))
    wanted = pl.lit(True) if batch is None else pl.col("batch_id") == batch
    if family is not None:
        is_it = (pl.col("family_id") == family) | (pl.col("family_ref") == family)
        if found.filter(is_it).is_empty():
            _require_listed(workspace, family)
        wanted &= is_it
    return found.filter(wanted & pl.col("live") if live else wanted)


def _require_listed(workspace: Workspace, family: str) -> None:
    """Raise Faults (E677) unless the list of families has a family, by its id or pseudonym; E1xx an unreadable list."""
    own = {name: source for name, source in workspace.sources.items() if name in ("families", "members")}
    ids = sources.read(workspace.model_copy(update={"sources": own}))["families"].accepted["family_id"]
    key = key_of(workspace)
    if family not in ids and (key is None or family not in (family_ref(each, key) for each in ids)):
        what = "is neither in the ledger nor in the list of families"
        raise Faults(Fault("E677", f"family {family}", what, "See to the id, or list every line."))


def allocations(workspace: Workspace | Path | str) -> list[Allocation]:
    """The allocation by the workspace's pack; where each family has the pack in force, by each that lines are claimed
    under. None where `families_agreed` is not declared. Raises Faults: E2xx a pack, E602, E611.
    """
    workspace = Workspace.of(workspace)
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        found = ledger.lines()
    agreed = workspace.claims.families_agreed
    if agreed is None:
        return []
    claimed = found.filter("live")["family_id"].n_unique()
    return [
        Allocation(pack.pack.id, agreed, share, funded_families(agreed, share) or 0, claimed)
        for pack in _packs(workspace, found)
        for share in [funded_share(pack)]
    ]


def _packs(workspace: Workspace, found: pl.DataFrame) -> list[LoadedPack]:
    if workspace.rules.pack != IN_FORCE:
        return [named_pack(workspace)]
    used = set(found.filter("live")["pack_id"])
    return [load_pack(pack_id) for pack_id in pack_ids() if pack_id in used]


def funded_share(pack: LoadedPack) -> Share | None:
    """The share of the families agreed that a framework pays for, as of its last day; None where it has none."""
    name = pack.pack.tariff.funded_share
    if name is None:
        return None
    last = max(one.decided.until for one in pack.pack.in_force)
    dated = value_on(pack.pack, name, last)
    assert dated is not None and isinstance(dated.value, Share), name
    return dated.value


def verify(workspace: Workspace | Path | str) -> Entry | None:
    """Walk the ledger; its last entry, or None where it has none. Raises Faults: all that `Ledger.verify` finds."""
    with _ledger(workspace) as ledger:
        if faults := ledger.verify():
            raise Faults(faults)
        return ledger.last()


def _ledger(workspace: Workspace | Path | str) -> Ledger:
    workspace = Workspace.of(workspace)
    return Ledger.read(workspace.ledger_path)
