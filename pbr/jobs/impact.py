"""Impact: a workspace and two packs in; out comes what changes if the second is adopted in the place of the first.

The extracts are read and linked once, and each pack decides every family, whomever it is in force for. The lines are
selected and priced under each as a claim of that day would have them, from the ledger as it stands; a pack pays only
for whom it is in force. Nothing is written. Unless a claim window is named, no window and no allocation stands in the
way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pbr.claims.select import Circumstances, Selection, select
from pbr.errors import Fault, Faults
from pbr.jobs.decide import Gathered, Measurement, Say, decide_by, gather, measure_by
from pbr.jobs.frameworks import Framework, frameworks
from pbr.jobs.prepare import has_earned_autonomy, history_of, window_is_open
from pbr.ledger import Ledger
from pbr.rulebook.load import LoadedPack
from pbr.rulebook.proposal import with_values
from pbr.workspace import Workspace

ITEMS = pl.Schema(
    {
        "part": pl.String(),
        "item": pl.String(),
        "in_pack": pl.String(),
        "met_before": pl.Int64(),
        "gained": pl.Int64(),
        "lost": pl.Int64(),
        "met_after": pl.Int64(),
        "to_unknown": pl.Int64(),
        "from_unknown": pl.Int64(),
        "lines_before": pl.Int64(),
        "lines_after": pl.Int64(),
        "amount_before_pence": pl.Int64(),
        "amount_gained_pence": pl.Int64(),
        "amount_lost_pence": pl.Int64(),
        "amount_after_pence": pl.Int64(),
        "held_before_pence": pl.Int64(),
        "held_after_pence": pl.Int64(),
    }
)
"""One row for each criterion and route of either pack, in the order of the packs, and one for all routes together.

Families: `met_before` + `gained` - `lost` = `met_after`; `to_unknown` and `from_unknown` are those that become or cease
to be unknown, so that a family may be lost to unknown. `in_pack` is `both`, `before` or `after`: where one pack alone
has the item it is compared with nothing, and only that pack's column is filled. Pence are of routes, and of the last
row, whose part is `all`: what is claimed, before + gained - lost = after, line by line; and what is held for a person.
"""

CHANGES = pl.Schema(
    {
        "family_id": pl.String(),
        "part": pl.String(),
        "item": pl.String(),
        "before": pl.String(),
        "after": pl.String(),
        "amount_before_pence": pl.Int64(),
        "amount_after_pence": pl.Int64(),
    }
)
"""One row for each family and item whose verdict or amount changes. Verdicts are empty in a pack that lacks the item,
which alone is no change; an amount is null where no line is claimed."""


@dataclass(frozen=True)
class Side:
    """What one of the packs says of the workspace."""

    pack: LoadedPack
    measurement: Measurement
    findings: pl.DataFrame
    selection: Selection

    @property
    def is_in_force(self) -> bool:
        """Whether the pack decides anybody on the as-of date."""
        return bool(self.pack.pack.decides(self.measurement.as_of))

    @property
    def outside(self) -> int:
        """Families engaged before the as-of date, but on a day for which the pack is not in force: it pays nothing."""
        fell_out = pl.col("reason").is_in(["engaged_before_the_period", "engaged_after_the_period"])
        return int(self.selection.attrition.filter(fell_out)["count"].sum())


@dataclass(frozen=True)
class Impact:
    """`items`: see `ITEMS`. `changes`: see `CHANGES`, sorted. `values` were set over the first pack to make the second.

    `live_lines`: lines in the ledger that are not withdrawn; what they claimed is not claimed again on either side.
    """

    before: Side
    after: Side
    values: Mapping[str, str]
    window: str | None
    live_lines: int
    items: pl.DataFrame
    changes: pl.DataFrame


def impact(
    workspace: Workspace | Path | str,
    as_of: date,
    *,
    before: LoadedPack | None = None,
    after: LoadedPack | None = None,
    values: Mapping[str, str] | None = None,
    window: str | None = None,
    say: Say = lambda step: None,
) -> Impact:
    """What changes with `after` in the place of `before`, or with `values` (as written in a pack) set over it.

    `before` is the workspace's own pack unless given. With a `window`, the claim is judged as one of that window, made
    on the as-of date within the authority's allocation. Raises Faults: E270 and E271 for values, E272 where the
    workspace has several packs, E502 an unknown window, and those of every stage before.
    """
    if (after is None) == (not values):
        raise ValueError("name the other pack, or set values over the first")
    gathered = gather(workspace, say)
    first = before or _own_pack(gathered, as_of)
    second = after or with_values(first, values or {})
    is_open = None if window is None else window_is_open(gathered.workspace, window, as_of)
    with Ledger.read_or_empty(gathered.workspace.ledger_path) as ledger:
        live = ledger.live_lines()
    sides = []
    for pack in (first, second):
        measurement = measure_by([Framework(pack, gathered.families)], gathered, as_of, say)
        say(f"decide and price by {pack.pack.id}")
        # Decision ids are for lines that somebody claims.
        findings = decide_by("bulk", measurement.cohorts).with_columns(decision_id=pl.lit(""))
        of = _circumstances(gathered, as_of, window, is_open, live)
        history = history_of(live, measurement)
        selection = select(measurement.families, findings, history, pack.rules(as_of), of)
        sides.append(Side(pack, measurement, findings, selection))
    one, other = sides
    compared = _compared(one, other)
    items, changes = _items(compared, one, other), _changes(compared)
    return Impact(one, other, dict(values or {}), window, live.height, items, changes)


def _own_pack(gathered: Gathered, as_of: date) -> LoadedPack:
    found = frameworks(gathered.workspace, gathered.families, as_of)
    if len(found) == 1:
        return found[0].pack
    listed = ", ".join(f"{one.pack.pack.id} ({one.families.height} families)" for one in found)
    place = gathered.workspace.place("rules", "pack")
    what = f"as of {as_of} the families fall under several frameworks: {listed}"
    raise Faults(Fault("E272", place, what, "Name the one that would change with --from."))


def _circumstances(
    gathered: Gathered, as_of: date, window: str | None, is_open: bool | None, live: pl.DataFrame
) -> Circumstances:
    workspace = gathered.workspace
    return Circumstances(
        authority_code=workspace.authority.code,
        window=window or "",
        claim_date=as_of,
        window_open=is_open,
        families_agreed=None if window is None else workspace.claims.families_agreed,
        families_live=live["family_id"].n_unique(),
        earned_autonomy=has_earned_autonomy(workspace, as_of),
    )


# ------------------------------------------------------------------------------------------------------ comparison


def _compared(one: Side, other: Side) -> pl.DataFrame:
    """Every family and item of either pack: `CHANGES`, and `in_both`, whether both packs have the item."""
    key = ["family_id", "part", "item"]
    verdicts = _verdicts(one, "before").join(_verdicts(other, "after"), on=key, how="full", coalesce=True)
    return (
        verdicts.with_columns(in_both=pl.col("before").is_not_null() & pl.col("after").is_not_null())
        .with_columns(pl.col("before", "after").fill_null(""))
        .join(_amounts(one, "before"), on=key, how="left")
        .join(_amounts(other, "after"), on=key, how="left")
        .sort(key)
    )


def _verdicts(side: Side, name: str) -> pl.DataFrame:
    own = side.findings.filter(pl.col("subject_id") == "")
    return own.select("family_id", "part", "item", pl.col("verdict").alias(name))


def _amounts(side: Side, name: str) -> pl.DataFrame:
    lines = side.selection.lines
    amount = pl.col("amount_pence").alias(f"amount_{name}_pence")
    return lines.select("family_id", amount, part=pl.lit("route"), item="route")


def _changes(compared: pl.DataFrame) -> pl.DataFrame:
    verdict_changes = pl.col("in_both") & (pl.col("before") != pl.col("after"))
    # A line of nothing is still a line: so is null, where there is none, told from nought.
    amount_changes = pl.col("amount_before_pence").ne_missing(pl.col("amount_after_pence"))
    return compared.filter(verdict_changes | amount_changes).select(CHANGES.names())


def _items(compared: pl.DataFrame, one: Side, other: Side) -> pl.DataFrame:
    was, now = pl.col("before"), pl.col("after")
    both = pl.col("in_both").first()
    has_one, has_other = (was != "").any(), (now != "").any()
    paid_before, paid_after = pl.col("amount_before_pence"), pl.col("amount_after_pence")
    gain = paid_after.fill_null(0) - paid_before.fill_null(0)
    families = {
        "met_before": pl.when(has_one).then((was == "met").sum()),
        "gained": pl.when(both).then(((was != "met") & (now == "met")).sum()),
        "lost": pl.when(both).then(((was == "met") & (now != "met")).sum()),
        "met_after": pl.when(has_other).then((now == "met").sum()),
        "to_unknown": pl.when(both).then(((was != "unknown") & (now == "unknown")).sum()),
        "from_unknown": pl.when(both).then(((was == "unknown") & (now != "unknown")).sum()),
    }
    money = {
        "lines_before": paid_before.count(),
        "lines_after": paid_after.count(),
        "amount_before_pence": paid_before.sum(),
        "amount_gained_pence": gain.filter(gain > 0).sum(),
        "amount_lost_pence": -gain.filter(gain < 0).sum(),
        "amount_after_pence": paid_after.sum(),
    }
    in_pack = pl.when(both).then(pl.lit("both")).when(has_one).then(pl.lit("before")).otherwise(pl.lit("after"))
    key = ["part", "item"]
    counted = compared.group_by(key).agg(in_pack=in_pack, **families, **money)
    held = _held(one, "before").join(_held(other, "after"), on="item", how="full", coalesce=True)
    rows = (
        _order(one, other)
        .join(counted, on=key, how="left", maintain_order="left")
        .join(held, on="item", how="left", maintain_order="left")
    )
    of_money = [*money, *held.drop("item").columns]
    filled = pl.when(pl.col("part") == "route").then(pl.col(of_money).fill_null(0))
    rows = rows.with_columns(filled)
    total = rows.select(pl.lit("all").alias("part"), pl.lit("").alias("item"), pl.col(of_money).sum())
    return pl.concat([rows, total], how="diagonal_relaxed").select(ITEMS.names()).cast(ITEMS)


def _held(side: Side, name: str) -> pl.DataFrame:
    amount = pl.col("amount_pence").sum().alias(f"held_{name}_pence")
    return side.selection.held.group_by(item="route").agg(amount)


def _order(one: Side, other: Side) -> pl.DataFrame:
    """Every item of either pack, in the order of the first, then of the second: `part`, `item`."""
    rows: list[tuple[str, str]] = []
    for part, section in (("eligibility", "eligibility"), ("result", "results"), ("route", "routes")):
        named = [name for side in (one, other) for name in getattr(side.pack.pack, section)]
        rows += [(part, name) for name in dict.fromkeys(named)]
    return pl.DataFrame(rows, schema={"part": pl.String, "item": pl.String}, orient="row")
