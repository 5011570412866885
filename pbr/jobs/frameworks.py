"""Which framework decides which family: one that the workspace names, or for each family the one that was in force.

In: a workspace's setting, engagement dates and the as-of date. Out: packs, each with the families that it decides. What
is in force when is written in the packs themselves (`in_force`), transitions included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pbr.errors import Fault, Faults
from pbr.rulebook.load import IN_FORCE, LoadedPack, load_pack, pack_ids
from pbr.workspace import Workspace


@dataclass(frozen=True)
class Framework:
    """A pack and the families (`family_id`, `engaged_on`) that it decides."""

    pack: LoadedPack
    families: pl.DataFrame


def frameworks(workspace: Workspace, families: pl.DataFrame, as_of: date) -> list[Framework]:
    """The packs that decide the families, sorted by id; families that no pack covers are in none of them.

    A pack that the workspace names decides all of them. Raises Faults: E2xx where a pack cannot be read, E260 where
    no pack decides anybody on the as-of date.
    """
    if workspace.rules.pack != IN_FORCE:
        return [Framework(named_pack(workspace), families)]
    packs = [load_pack(pack_id) for pack_id in pack_ids()]
    if workspace.rules.overlay is not None:
        step = "Name the pack that it is over in its place, or take `overlay` out of [rules]."
        what = "an overlay is over one pack, and here each family has the pack that was in force"
        raise Faults(Fault("E262", workspace.place("rules", "overlay"), what, step))
    found = [Framework(pack, families.filter(_decided_by(pack, as_of))) for pack in packs]
    in_force = [one for one in found if one.pack.pack.decides(as_of)]
    if not in_force:
        raise Faults(_nobody_decides(packs, as_of))
    return [one for one in in_force if not one.families.is_empty()] or in_force[-1:]


def named_pack(workspace: Workspace) -> LoadedPack:
    """The pack that a workspace names, with its overlay."""
    return load_pack(*pack_of(workspace))


def pack_of(workspace: Workspace) -> tuple[str | Path, str | Path | None]:
    """The pack and overlay that a workspace names: the id of one, or a path seen from the workspace."""

    def seen(name: str) -> str | Path:
        path = workspace.root / name
        return path if path.exists() else name

    named, overlay = workspace.rules.pack, workspace.rules.overlay
    return seen(named), None if overlay is None else seen(overlay)


def the_one(workspace: Workspace, found: Sequence[Framework], as_of: date) -> LoadedPack:
    """The pack of a claim: a batch is claimed under one framework. Raises Faults (E261) unless there is just one."""
    if len(found) == 1:
        return found[0].pack
    listed = ", ".join(f"{one.pack.pack.id} ({one.families.height} families)" for one in found) or "none"
    what = f"as of {as_of} the families fall under several frameworks or none: {listed}"
    step = "Claim under each by itself: name its pack with --pack."
    raise Faults(Fault("E261", workspace.place("rules", "pack"), what, step))


def _decided_by(pack: LoadedPack, as_of: date) -> pl.Expr:
    """Whether a pack decides a family, by its `engaged_on`."""
    tests = [pl.col("engaged_on").is_between(each.start, each.until) for each in pack.pack.decides(as_of)]
    return pl.any_horizontal(tests) if tests else pl.lit(False)


def _nobody_decides(packs: Sequence[LoadedPack], as_of: date) -> Fault:
    periods = sorted(
        (one.decided.start, one.decided.until, pack.pack.id) for pack in packs for one in pack.pack.in_force
    )
    listed = ", ".join(f"{pack_id} from {start} until {until}" for start, until, pack_id in periods)
    return Fault("E260", f"as-of date {as_of}", "no framework decides anybody on that day", f"There are: {listed}.")
