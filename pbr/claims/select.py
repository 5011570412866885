"""From decisions to claim lines: which results are claimed, for how much, which wait for a person, and what fell out.

In: findings, what earlier live lines have earned (handed in, for the ledger is further down), and the circumstances of
the claim. Out: lines, held lines, and the attrition table in which every family and every result met is counted once.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from pbr.canonical import digest
from pbr.claims.contract import ALIKE, FOUND_WRONG, OVERRIDES
from pbr.claims.tariff import fee, funded_families, left_for_family
from pbr.rulebook.model import ConditionFlag, Pack
from pbr.rulebook.rules import Rules


@dataclass(frozen=True)
class Circumstances:
    """What a claim depends on beside decisions. `window_open` is None where the workspace gives no windows."""

    authority_code: str
    window: str
    claim_date: date
    window_open: bool | None
    families_agreed: int | None
    families_live: int
    """Families that have a live line already: they use up allocation."""
    earned_autonomy: bool = False
    """Whether the authority was paid in advance: results are recorded, and pay what the tariff says for that."""
    families_quarantined: int = 0
    """Families whose own row is in quarantine: nothing can be decided of them."""


OVERRIDE = "override"
"""The flag of a line that rests on an override."""

FOUND_INVALID = "found_invalid_by_audit"
REVERSED = "reversed_before"
UNAPPROVED = "override_not_approved"
SAME_PERSON = "person_in_another_live_line"
SAME_SEEMING = "person_alike_in_another_line"

SAME_ID = "person_id"
"""The basis of people alike who have one id, written in two ways."""
REGROUPED = "regrouped"
"""The basis of families that are much the same people."""


@dataclass(frozen=True)
class Controls:
    """What people said of these decisions: overrides (`contract.OVERRIDES`), and what was found wrong before
    (`contract.FOUND_WRONG`), each of one decision and route; and who seems to be somebody of another family
    (`contract.ALIKE`).
    """

    overrides: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=OVERRIDES))
    found_wrong: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FOUND_WRONG))
    alike: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ALIKE))


@dataclass(frozen=True)
class Selection:
    """`lines`: `family_id`, `route`, `engaged_on`, `amount_pence`, `decision_id`, `flags`, sorted by family and route,
    and `override`, the entry of the override that a line rests on.

    `held`: the same columns but that, `reason` and `released_by`. `dropped`: the results of families that came as far
    as lines and are not claimed: `family_id`, `route`, `engaged_on`, `decision_id`, `reason`, and `earlier_lines`, the
    family's own where it is for them. `attrition`: `step`, `unit` (`families` or `lines`),
    `outcome` (`kept`, `dropped`, `held`), `reason`, `count`, `amount_pence` (of lines kept or held); each step's counts
    sum to what the step before kept, in its unit: `result` says how many families go on, and with how many lines.
    """

    lines: pl.DataFrame
    held: pl.DataFrame
    dropped: pl.DataFrame
    attrition: pl.DataFrame


def select(
    considered: pl.DataFrame,
    findings: pl.DataFrame,
    history: pl.DataFrame,
    rules: Rules,
    of: Circumstances,
    controls: Controls | None = None,
) -> Selection:
    """Choose and price the lines.

    `considered`: `family_id`, `engaged_on` of every family of the workspace, decided or not. `findings`: all columns of
    `FINDINGS`. `history`: see `contract.HISTORY`. `controls`: none where nobody has said anything.
    """
    controls = controls or Controls()
    in_time = controls.overrides.filter(pl.col("expires_on") >= of.claim_date)
    controls = replace(controls, overrides=in_time)
    results = _results(findings, controls)
    families = _families(considered, findings, results, rules)
    lines = _lines(families, results, history, rules, of, controls)
    kept = lines.filter(pl.col("outcome") == "kept")
    held = lines.filter(pl.col("outcome") == "held")
    columns = ["family_id", "route", "engaged_on", "amount_pence", "decision_id", "flags"]
    return Selection(
        lines=kept.select(*columns, "override").sort("family_id", "route"),
        held=held.select(*columns, "reason", "released_by").sort("family_id", "route"),
        dropped=_dropped(lines),
        attrition=_attrition(families, lines, of.families_quarantined),
    )


# -------------------------------------------------------------------------------------------------------- families


def _results(findings: pl.DataFrame, controls: Controls) -> pl.DataFrame:
    """The routes that are met, or passed at discretion: `family_id`, `route`, `decision_id`, `flags`, `passed_by`."""
    routes = findings.filter((pl.col("part") == "route") & (pl.col("subject_id") == ""))
    passes = controls.overrides.filter(pl.col("act") == "pass")
    return (
        routes.select("family_id", "decision_id", "flags", "verdict", route="item")
        .join(passes.select("decision_id", "route", passed_by="entry"), on=["decision_id", "route"], how="left")
        .with_columns(passed_by=pl.when(pl.col("verdict") != "met").then("passed_by"))
        .filter((pl.col("verdict") == "met") | pl.col("passed_by").is_not_null())
        .drop("verdict")
    )


def _families(considered: pl.DataFrame, findings: pl.DataFrame, results: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Every family with the first step it fails (`step`, `reason`), null where it goes on to lines."""
    # On a day when the pack decides nobody, its lines say so; a family falls out only for its own day.
    periods = rules.pack.decides(rules.on) or [one.engaged for one in rules.pack.in_force]
    inside = pl.any_horizontal(pl.col("engaged_on").is_between(each.start, each.until) for each in periods)
    family_rows = findings.filter(pl.col("subject_id") == "")
    eligible = family_rows.filter((pl.col("part") == "eligibility") & (pl.col("item") == "eligible")).select(
        "family_id", eligible=pl.when(pl.col("reason") == "").then("verdict").otherwise(_with_reason())
    )
    routes = (
        family_rows.filter(pl.col("part") == "route")
        .group_by("family_id")
        .agg(unknown=pl.col("verdict").filter(pl.col("verdict") == "unknown").len())
        .join(results.group_by("family_id").agg(results=pl.len()), on="family_id", how="left")
        .with_columns(pl.col("results").fill_null(0))
    )
    joined = considered.join(eligible, on="family_id", how="left").join(routes, on="family_id", how="left")
    steps = [
        ("engaged_in_period", pl.col("engaged_on") >= rules.on, pl.lit("engaged_on_or_after_as_of")),
        (
            "engaged_in_period",
            pl.col("engaged_on") < min(each.start for each in periods),
            pl.lit("engaged_before_the_period"),
        ),
        ("engaged_in_period", ~inside, pl.lit("engaged_after_the_period")),
        ("eligible", pl.col("eligible") != "met", pl.concat_str(pl.lit("eligible "), "eligible")),
        ("result", (pl.col("results") == 0) & (pl.col("unknown") > 0), pl.lit("no_route_met_and_some_unknown")),
        ("result", pl.col("results") == 0, pl.lit("no_route_met")),
    ]
    return joined.with_columns(
        step=pl.coalesce([pl.when(failed).then(pl.lit(step)) for step, failed, _ in steps]),
        reason=pl.coalesce([pl.when(failed).then(reason) for _, failed, reason in steps]),
    ).select("family_id", "engaged_on", "step", "reason")


def _with_reason() -> pl.Expr:
    return pl.concat_str("verdict", pl.lit(" ("), "reason", pl.lit(")"))


# ----------------------------------------------------------------------------------------------------------- lines


def _lines(
    families: pl.DataFrame,
    results: pl.DataFrame,
    history: pl.DataFrame,
    rules: Rules,
    of: Circumstances,
    controls: Controls,
) -> pl.DataFrame:
    """Every result of a family that reached that step, with its amount, `outcome` and `reason`."""
    pack = rules.pack
    places = {route: place for place, route in enumerate(pack.routes)}
    lines = (
        families.filter(pl.col("step").is_null())
        .select("family_id", "engaged_on")
        .join(results, on="family_id")
        .with_columns(place=pl.col("route").replace_strict(places, return_dtype=pl.Int32))
        .sort("family_id", "place")
    )
    lines = _with_controls(_with_history(lines, history), controls)
    not_payable = [
        (~pl.col("route").is_in(list(pack.tariff.routes)), "route_pays_nothing"),
        (pl.lit(not pack.decides(rules.on)), "as_of_outside_the_period"),
        (pl.lit(of.claim_date > pack.tariff.claimed_until), "claimed_after_the_period"),
        (pl.lit(of.window_open is False), "window_not_open"),
        (pl.col("own_lines").list.len() > 0, "route_already_claimed"),
    ]
    lines = lines.with_columns(reason=pl.coalesce([pl.when(test).then(pl.lit(reason)) for test, reason in not_payable]))
    for instead, others in pack.tariff.instead_of.items():
        claims_it = ((pl.col("route") == instead) & pl.col("reason").is_null()).any().over("family_id")
        lines = lines.with_columns(
            reason=pl.when(pl.col("reason").is_null() & pl.col("route").is_in(others) & claims_it)
            .then(pl.lit(f"paid_by_{instead}"))
            .otherwise("reason")
        )
    lines = _priced(lines, pack, of)
    lines = _held(_with_alike(lines, controls.alike), pack)
    return _within_allocation(lines, pack, rules, of)


def _with_controls(lines: pl.DataFrame, controls: Controls) -> pl.DataFrame:
    """What people said of each line: `released` (the controls that an approved override releases it of), `release` (its
    entry), `waiting` (the entry of an override that nobody approved yet), `wrong`, `found_by` (the entry, and how).
    """
    on = ["decision_id", "route"]
    is_approved = pl.col("approved_by").fill_null("") != ""
    releases = controls.overrides.filter(is_approved & (pl.col("act") == "release")).select(
        *on, release="entry", released=pl.col("holds").str.split(";")
    )
    waiting = controls.overrides.filter(~is_approved).select(*on, waiting="entry")
    found = controls.found_wrong.select(*on, wrong="entry", found_by="act")
    for frame in (releases, waiting, found):
        lines = lines.join(frame, on=on, how="left", maintain_order="left")
    return lines.with_columns(pl.col("released").fill_null([]))


def _with_history(lines: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    own = history.filter(pl.col("claimed_by") == "family")
    earned = own.group_by("family_id").agg(
        earned_pence=pl.col("amount_pence").sum(), earned_by=pl.col("line_id").sort()
    )
    same_route = own.group_by("family_id", "route").agg(own_lines=pl.col("line_id").sort())
    persons = history.filter(pl.col("claimed_by") == "person")
    # Whatever the route: a regrouped household is not a new family, and has no new cap.
    elsewhere = persons.group_by("family_id").agg(other_lines=pl.col("line_id").unique().sort())
    return (
        lines.join(earned, on="family_id", how="left", maintain_order="left")
        .join(same_route, on=["family_id", "route"], how="left", maintain_order="left")
        .join(elsewhere, on="family_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("earned_pence").fill_null(0), pl.col("own_lines").fill_null([]), pl.col("other_lines").fill_null([])
        )
        .with_columns(is_new=~pl.col("family_id").is_in(own["family_id"].implode()))
    )


def _with_alike(lines: pl.DataFrame, alike: pl.DataFrame) -> pl.DataFrame:
    """Who of a payable line's family seems to be somebody of another family with a live line, or a payable one here.

    In words: `same_here` of one id that is written in two ways, `seeming` of all others.
    """
    payable = lines.filter(pl.col("outcome") == "kept")["family_id"].unique()
    bears = pl.col("line_id").is_not_null() | pl.col("other_family_id").is_in(payable.implode())
    pair = ["family_id", "person_id", "other_person_id", "basis", "evidence"]
    where = pl.when(pl.col("line_ids") == "").then(pl.lit("in this batch")).otherwise("line " + pl.col("line_ids"))
    told = (
        alike.filter(bears)
        .group_by(pair)
        .agg(line_ids=pl.col("line_id").drop_nulls().unique().sort().str.join(", "))
        .with_columns(says=pl.format("{} and {} ({}: {}; {})", *pair[1:], where))
        .sort(pl.all())
    )
    one_id = pl.col("basis") == SAME_ID
    by_family = told.group_by("family_id", maintain_order=True).agg(
        same_here=pl.col("says").filter(one_id), seeming=pl.col("says").filter(~one_id)
    )
    empty = pl.lit([], pl.List(pl.String))
    joined = lines.join(by_family, on="family_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("same_here", "seeming").fill_null(empty))


def _priced(lines: pl.DataFrame, pack: Pack, of: Circumstances) -> pl.DataFrame:
    """`amount_pence`: the route's fee, or what is left under the family's cap; routes are taken in the pack's order.

    Where the authority has Earned Autonomy a family's result is recorded once, at what the tariff says for that.
    """
    tariff = pack.tariff
    in_advance = tariff.earned_autonomy if of.earned_autonomy else None
    names = {route: in_advance or name for route, name in tariff.routes.items()}
    fees = pl.coalesce([pl.when(pl.col("route") == route).then(fee(pack, name)) for route, name in names.items()])
    due = pl.when(pl.col("reason").is_null()).then(fees).otherwise(0)
    left = left_for_family(pack) - pl.col("earned_pence")
    up_to_here = pl.col("due").cum_sum().over("family_id")
    amount = pl.min_horizontal(up_to_here, "left") - pl.min_horizontal(up_to_here - pl.col("due"), "left")
    is_due = pl.col("reason").is_null()
    unpaid = [
        (pl.lit(in_advance is not None) & ~pl.col("is_new"), "family_recorded_before"),
        (pl.lit(in_advance is None) & (pl.col("due") == 0), "route_pays_nothing"),
        (pl.lit(in_advance is None) & (pl.col("amount_pence") <= 0), "nothing_left_under_the_cap"),
    ]
    reasons = [pl.when(is_due & test).then(pl.lit(reason)) for test, reason in unpaid]
    return (
        lines.with_columns(due=due, left=left)
        .with_columns(amount_pence=amount)
        .with_columns(reason=pl.coalesce("reason", *reasons))
        .with_columns(outcome=pl.when(pl.col("reason").is_null()).then(pl.lit("kept")).otherwise(pl.lit("dropped")))
    )


def _held(lines: pl.DataFrame, pack: Pack) -> pl.DataFrame:
    """Lines that a control keeps for a person, with what would release them."""
    raised = pl.col("flags").str.split(";")
    controls = [
        (
            pl.col("found_by").eq_missing("audit"),
            pl.lit(FOUND_INVALID),
            pl.format("Put right what entry {} found, for another decision, or show it was right.", "wrong"),
        ),
        (
            (pl.col("found_by") != "audit").fill_null(False),
            pl.lit(REVERSED),
            pl.format("Put right why entry {} reversed it, for another decision, or show it was right.", "wrong"),
        ),
        (
            pl.col("waiting").is_not_null(),
            pl.lit(UNAPPROVED),
            pl.format("Have another person approve override {}.", "waiting"),
        ),
        (
            (pl.col("other_lines").list.len() > 0) | (pl.col("same_here").list.len() > 0),
            pl.lit(SAME_PERSON),
            _same_person_release(),
        ),
        (
            pl.col("seeming").list.len() > 0,
            pl.lit(SAME_SEEMING),
            pl.format(
                "Establish that these are not the same people under other ids, or mend the list of members: {}.",
                pl.col("seeming").list.join("; "),
            ),
        ),
        *[
            (raised.list.contains(name), pl.lit(name), pl.lit(flag.release.strip()))
            for name, flag in pack.flags.items()
            if isinstance(flag, ConditionFlag) and flag.holds
        ],
    ]
    kept = pl.col("outcome") == "kept"
    standing = [(test & ~pl.col("released").list.contains(name), name, release) for test, name, release in controls]
    is_held = kept & pl.any_horizontal(test for test, _, _ in standing)
    reasons = pl.concat_list([pl.when(test).then(name) for test, name, _ in standing]).list.drop_nulls()
    releases = pl.concat_list([pl.when(test).then(release) for test, _, release in standing]).list.drop_nulls()
    # A release that nothing needed is no override of the line.
    needed = pl.any_horizontal(test & pl.col("released").list.contains(name) for test, name, _ in controls)
    override = pl.coalesce("passed_by", pl.when(needed).then("release"))
    with_flag = pl.concat_list(pl.when(pl.col("flags") != "").then("flags"), pl.lit(OVERRIDE)).list.drop_nulls()
    is_overridden = kept & ~is_held & override.is_not_null()
    return lines.with_columns(
        outcome=pl.when(is_held).then(pl.lit("held")).otherwise("outcome"),
        reason=pl.when(is_held).then(reasons.list.join(";")).otherwise("reason"),
        released_by=pl.when(is_held).then(releases.list.join(" ")),
        override=pl.when(is_overridden).then(override),
        flags=pl.when(is_overridden).then(with_flag.list.join(";")).otherwise("flags"),
    )


def _same_person_release() -> pl.Expr:
    """What releases a line of a family with somebody of another."""
    live = pl.when(pl.col("other_lines").list.len() > 0).then(
        pl.format(
            "Establish that this is no regrouped household, or withdraw {}.", pl.col("other_lines").list.join(", ")
        )
    )
    here = pl.when(pl.col("same_here").list.len() > 0).then(
        pl.format("Establish whose member this is, and mend the list: {}.", pl.col("same_here").list.join("; "))
    )
    return pl.concat_list(live, here).list.drop_nulls().list.join(" ")


def _within_allocation(lines: pl.DataFrame, pack: Pack, rules: Rules, of: Circumstances) -> pl.DataFrame:
    """Families beyond the allocation fall out: those engaged last, then by id."""
    share = pack.tariff.funded_share
    most = funded_families(of.families_agreed, None if share is None else rules.share(share))
    if most is None:
        return lines
    room = max(0, most - of.families_live)
    new = (
        lines.filter((pl.col("outcome") == "kept") & pl.col("is_new"))
        .select("family_id", "engaged_on")
        .unique()
        .sort("engaged_on", "family_id")
    )
    beyond = pl.col("family_id").is_in(new["family_id"].slice(room).implode())
    dropped = (pl.col("outcome") == "kept") & beyond
    return lines.with_columns(
        outcome=pl.when(dropped).then(pl.lit("dropped")).otherwise("outcome"),
        reason=pl.when(dropped).then(pl.lit("allocation_used")).otherwise("reason"),
    )


FOR_EARLIER_LINES = {
    "route_already_claimed": "own_lines",
    "nothing_left_under_the_cap": "earned_by",
    "family_recorded_before": "earned_by",
}
"""The reasons for which a result is dropped that lie in the family's own earlier lines, and the lines that are it."""


def _dropped(lines: pl.DataFrame) -> pl.DataFrame:
    """See `Selection`."""
    earlier = [pl.when(pl.col("reason") == reason).then(pl.col(own)) for reason, own in FOR_EARLIER_LINES.items()]
    columns = ["family_id", "route", "engaged_on", "decision_id", "reason"]
    dropped = lines.filter(pl.col("outcome") == "dropped")
    return dropped.select(*columns, earlier_lines=pl.coalesce(earlier).list.join(";")).sort("family_id", "route")


# ------------------------------------------------------------------------------------------------------- attrition


def _attrition(families: pl.DataFrame, lines: pl.DataFrame, quarantined: int) -> pl.DataFrame:
    """See `Selection`."""
    rows: list[tuple[str, str, str, str, int, int | None]] = []
    left = families.height
    if quarantined:
        rows.append(("considered", "families", "dropped", "its_row_is_in_quarantine", quarantined, None))
    rows.append(("considered", "families", "kept", "", left, None))
    for step in ("engaged_in_period", "eligible", "result"):
        failed = families.filter(pl.col("step") == step).group_by("reason").len().sort("reason")
        rows += [(step, "families", "dropped", reason, count, None) for reason, count in failed.iter_rows()]
        left -= int(failed["len"].sum())
        rows.append((step, "families", "kept", "", left, None))
    rows.append(("result", "lines", "kept", "", lines.height, None))
    dropped = lines.filter(pl.col("outcome") == "dropped").group_by("reason").len().sort("reason")
    rows += [("payable", "lines", "dropped", reason, count, None) for reason, count in dropped.iter_rows()]
    payable = lines.filter(pl.col("outcome") != "dropped")
    rows.append(("payable", "lines", "kept", "", payable.height, int(payable["amount_pence"].sum())))
    held = payable.filter(pl.col("outcome") == "held").group_by("reason").agg(pl.len(), pl.col("amount_pence").sum())
    rows += [("in_the_batch", "lines", "held", *row) for row in held.sort("reason").iter_rows()]
    kept = payable.filter(pl.col("outcome") == "kept")
    rows.append(("in_the_batch", "lines", "kept", "", kept.height, int(kept["amount_pence"].sum())))
    schema = {"step": pl.String, "unit": pl.String, "outcome": pl.String, "reason": pl.String, "count": pl.Int64}
    return pl.DataFrame(rows, schema=schema | {"amount_pence": pl.Int64}, orient="row")


# ---------------------------------------------------------------------------------------------------- claim file


def claim_file(selection: Selection, as_of: date, of: Circumstances, key: bytes) -> pl.DataFrame:
    """The lines as they are claimed, sorted by line id, with `family_id` in front for the authority's own ledger.

    `family_ref` is HMAC-SHA-256 of the family id under the workspace's key, its first 32 hexadecimal digits;
    `claim_line_id` is made from everything that the line says.
    """
    refs = [family_ref(family_id, key) for family_id in selection.lines["family_id"]]
    lines = selection.lines.select(
        "family_id",
        authority_code=pl.lit(of.authority_code),
        window=pl.lit(of.window),
        family_ref=pl.Series(refs, dtype=pl.String),
        route="route",
        as_of=pl.lit(as_of),
        engaged_on="engaged_on",
        amount_pence="amount_pence",
        decision_id="decision_id",
        flags="flags",
    )
    says = lines.drop("family_id")
    ids = [claim_line_id(row) for row in says.iter_rows(named=True)]
    ordered = lines.with_columns(claim_line_id=pl.Series(ids, dtype=pl.String)).sort("claim_line_id")
    return ordered.select("family_id", "claim_line_id", *says.columns)


def claim_line_id(line: dict[str, object]) -> str:
    """The line's id, made from all of its other columns in the claim file: `L` and 16 hexadecimal digits."""
    return "L" + digest({name: value for name, value in line.items() if name != "claim_line_id"})[:16]


def family_ref(family_id: str, key: bytes) -> str:
    """A family's pseudonym outside the authority."""
    return hmac.new(key, family_id.encode(), hashlib.sha256).hexdigest()[:32]


def worker_ref(name: str, key: bytes) -> str:
    """A lead worker's pseudonym, 12 hexadecimal digits: one for a name, however it is spaced and capitalised."""
    # No family id holds a NUL, so no family has a worker's pseudonym.
    message = b"worker\0" + "".join(name.split()).casefold().encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:12]
