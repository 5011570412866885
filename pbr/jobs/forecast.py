"""Forecast: when each family could reach each route if nothing new happened, what is missing, and what it brings.

In: a workspace and an as-of date. Out: a worklist, a row for each family and route that is not claimed yet, and the
pounds of each claim window to come. It is the best case and no promise: sources go on, children go to school, and
nobody does anything else (`forecast_evidence`). Verdicts are those of `pbr decide` on each day (`forecast_days`), and
lines and amounts those of `pbr claim prepare` on the day on which a window closes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pbr.claims.contract import not_a_formula
from pbr.claims.select import Circumstances, Selection, select
from pbr.engines.findings import FINDINGS
from pbr.errors import Fault, Faults
from pbr.jobs.decide import (
    Gathered,
    Measurement,
    Say,
    calendar_of,
    decide_by,
    gather,
    measure_by,
)
from pbr.jobs.forecast_days import ELIGIBLE, item_of, verdicts
from pbr.jobs.forecast_evidence import Supposed, suppose_nothing_new
from pbr.jobs.forecast_words import evidence_to_come, missing_today, next_steps
from pbr.jobs.frameworks import Framework, frameworks
from pbr.jobs.prepare import has_earned_autonomy, history_of
from pbr.jobs.report_files import write_files
from pbr.ledger import Ledger
from pbr.linkage import squeezed
from pbr.measures.subjects import is_member_on
from pbr.reports.forecast import page
from pbr.rulebook.load import LoadedPack
from pbr.values import add_months
from pbr.workspace import ClaimWindow, Workspace

WORKLIST = pl.Schema(
    {
        "family_id": pl.String(),
        "pack": pl.String(),
        "route": pl.String(),
        "state": pl.String(),
        "earliest": pl.Date(),
        "last": pl.Date(),
        "ended_by": pl.String(),
        "met_again": pl.Date(),
        "window": pl.String(),
        "amount_pence": pl.Int64(),
        "evidence_to_come": pl.String(),
        "missing": pl.String(),
        "next_step": pl.String(),
    }
)
"""One row for each family and route that is not claimed yet; what is lost soonest first, then the greatest amount.

`state`: see `STATES`. `earliest`: the first day on or after the as-of date as of which family and route are met if
nothing new happens. `last`: the last day before they cease to be, and `ended_by`: the criteria that fail then (`;`), or
`framework`, `last_window`, `horizon`. `met_again`: where they are met once more after that. `window`: the first that is
open on a day between the two. `amount_pence`: what the route pays if it is claimed by itself, after what is claimed
already, empty where it is not eligible; allocation is left out. `evidence_to_come`: what must still arrive for
`earliest` to hold. `missing`: what is unknown today whatever happens, or what stays not met. `next_step`: in words."""

CUTS = ("framework", "last_window", "horizon")
"""What ends a route that is still met: the framework's time to claim, the last window, the last day looked at."""

STATES = ("claimable_now", "held", "waiting", "needs_evidence", "needs_change", "cap_used", "not_eligible")
"""`claimable_now`: met by the evidence at hand, and payable. `held`: the same, and a control keeps it for a person.
`waiting`: met from `earliest` on if nothing new happens. `needs_evidence`: it would be met today were the evidence
here, or nobody can say without it. `needs_change`: not met until the end, whatever arrives. `cap_used`: it would pay
nothing. `not_eligible`."""

WINDOWS = pl.Schema(
    {
        "window": pl.String(),
        "opens": pl.Date(),
        "closes": pl.Date(),
        "pack": pl.String(),
        "route": pl.String(),
        "families": pl.Int64(),
        "lines": pl.Int64(),
        "amount_pence": pl.Int64(),
        "met_today_lines": pl.Int64(),
        "met_today_pence": pl.Int64(),
        "met_later_lines": pl.Int64(),
        "met_later_pence": pl.Int64(),
        "to_come_lines": pl.Int64(),
        "to_come_pence": pl.Int64(),
        "held_lines": pl.Int64(),
        "held_pence": pl.Int64(),
        "lapsing_lines": pl.Int64(),
    }
)
"""One row for each window that closes on or after the as-of date, in order, and each route: what could be claimed on
its last day, as of that day, each window after the ones before. `lines` = `met_today_lines` (met today, by the evidence
at hand) + `met_later_lines` (met later, by the evidence at hand) + `to_come_lines` (evidence must still arrive); pence
alike. Held lines are in none of them. `lapsing_lines`:
families that cease to meet the route between the window before and this one's last day."""


@dataclass(frozen=True)
class Forecast:
    """`worklist`: see `WORKLIST`. `windows`: see `WINDOWS`. `last`: the last day looked at. `of`: as it is today."""

    of: Measurement
    last: date
    worklist: pl.DataFrame
    windows: pl.DataFrame


def forecast(
    workspace: Workspace | Path | str,
    as_of: date,
    until: date | None = None,
    family_id: str | None = None,
    say: Say = lambda step: None,
) -> Forecast:
    """What can come of each family if nothing new happens, from the as-of date until the last declared window closes.

    `until`: another last day. Without it and without windows to come, a year. No framework is looked at past its time.
    `family_id`: only this family's rows in the worklist. Raises Faults: E750 a last day before the as-of date, E751 a
    family that is not there, E752 a framework whose time is over, and those of every stage before.
    """
    workspace = Workspace.of(workspace)
    to_come = [window for window in workspace.claims.windows if window.closes >= as_of]
    to_come.sort(key=lambda window: (window.closes, window.opens, window.id))
    last = until or (to_come[-1].closes if to_come else add_months(as_of, 12))
    if last < as_of:
        what = f"is before the as-of date, {as_of}"
        raise Faults(Fault("E750", f"--until {last}", what, "Look ahead to a later day."))
    gathered = gather(workspace, say)
    if family_id is not None and family_id not in gathered.families["family_id"]:
        step = "Name a family of the families' extract that is not in quarantine."
        raise Faults(Fault("E751", f"family {family_id}", "is not in the workspace", step))
    found = frameworks(workspace, gathered.families, as_of)
    ends = {one.pack.pack.id: _end_of(one.pack, as_of) for one in found}
    if over := [f"{pack_id} on {end}" for pack_id, end in ends.items() if end < as_of]:
        step = "Choose an earlier as-of date, or a framework that is in force."
        raise Faults(Fault("E752", f"as-of date {as_of}", f"the time to claim is over: {', '.join(over)}", step))
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        live = ledger.live_lines()
    last = min(last, max(ends.values()))
    say("suppose that nothing new happens")
    supposed = suppose_nothing_new(gathered, as_of, last)
    today, then = (_decided(found, each, as_of, say) for each in (gathered, supposed.gathered))
    rows = [
        _worklist(_Case(one, supposed, today, then, live, as_of, min(last, end), end, tuple(to_come)), family_id, say)
        for one, end in ((one, ends[one.pack.pack.id]) for one in found)
    ]
    by_loss = (pl.col("last").fill_null(date.max), -pl.col("amount_pence").fill_null(-1), "family_id", "route")
    worklist = pl.concat(rows).sort(by_loss).select(WORKLIST.names()).cast(WORKLIST)
    looked_at = [window for window in to_come if window.closes <= last and family_id is None]
    windows = _windows(supposed.gathered, looked_at, live, today, worklist, as_of, say)
    return Forecast(today.measurement, last, worklist, windows)


def write(found: Forecast, folder: Path) -> None:
    """Write `forecast.html`, `worklist.csv` and `windows.csv` to a folder, which is made where it is not there.

    Text that a spreadsheet would run is written so that it cannot. Raises Faults: E407 a file of the workspace's own,
    E781 no way to write.
    """
    measurement = found.of
    titles = {name: one.title for pack in measurement.packs for name, one in pack.pack.routes.items()}
    authority = measurement.workspace.authority.name
    html = page(authority, measurement.as_of, found.last, found.windows, found.worklist, titles, measurement.warnings)
    contents = {"forecast.html": html, "worklist.csv": _csv(found.worklist), "windows.csv": _csv(found.windows)}
    write_files(folder, contents, measurement)


def _csv(table: pl.DataFrame) -> bytes:
    text = [name for name, kind in table.schema.items() if kind == pl.String]
    return table.with_columns(not_a_formula(pl.col(name)).alias(name) for name in text).write_csv().encode()


def _end_of(pack: LoadedPack, as_of: date) -> date:
    """The last day as of which, and on which, a pack's results can be claimed."""
    decided = [one.decided.until for one in pack.pack.in_force if as_of in one.decided]
    return min(max(decided, default=date.min), pack.pack.tariff.claimed_until)


@dataclass(frozen=True)
class _Decided:
    """Findings of the as-of date with all flags, by the evidence as it is or as it is supposed."""

    measurement: Measurement
    findings: pl.DataFrame

    @property
    def met(self) -> pl.DataFrame:
        """`family_id`, `route` of the eligible families' routes that are met."""
        return _met(self.findings)


def _decided(found: Sequence[Framework], gathered: Gathered, as_of: date, say: Say) -> _Decided:
    measurement = measure_by(found, gathered, as_of, say)
    say("decide (bulk)")
    # Decision ids are for lines that somebody claims.
    return _Decided(measurement, decide_by("bulk", measurement.cohorts).with_columns(decision_id=pl.lit("")))


def _met(findings: pl.DataFrame) -> pl.DataFrame:
    own = findings.filter((pl.col("subject_id") == "") & (pl.col("verdict") == "met"))
    eligible = own.filter((pl.col("part") == "eligibility") & (pl.col("item") == ELIGIBLE))
    routes = own.filter(pl.col("part") == "route").select("family_id", route="item")
    return routes.join(eligible, on="family_id", how="semi")


# -------------------------------------------------------------------------------------------------------- worklist


@dataclass(frozen=True)
class _Case:
    """One framework's families, and all that their rows are made from. `end`: the last day to look at, and
    `claimed_until` the framework's own; `windows` are those to come.
    """

    framework: Framework
    supposed: Supposed
    today: _Decided
    then: _Decided
    live: pl.DataFrame
    as_of: date
    end: date
    claimed_until: date
    windows: tuple[ClaimWindow, ...]

    @property
    def pack(self) -> LoadedPack:
        return self.framework.pack

    def scan(self, names: Sequence[str], families: pl.DataFrame, say: Say) -> pl.DataFrame:
        """`VERDICTS` of items."""
        gathered = self.supposed.gathered
        calendar = calendar_of(gathered.workspace)
        return verdicts(self.pack, names, gathered.evidence, families, calendar, self.as_of, self.end, say)


def _worklist(case: _Case, family_id: str | None, say: Say) -> pl.DataFrame:
    """The rows of `WORKLIST` of one framework's families, in no order."""
    families = case.framework.families
    if family_id is not None:
        families = families.filter(pl.col("family_id") == family_id)
    eligible = case.scan([ELIGIBLE], families, say)
    ever = eligible.group_by("family_id").agg(
        is_eligible=(pl.col("verdict") == "met").any(), is_unknown=(pl.col("verdict") == "unknown").any()
    )
    claimed = case.live.select("family_id", "route").unique()
    routes = pl.DataFrame({"route": list(case.pack.pack.routes)}, schema={"route": pl.String})
    rows = (
        families.with_columns(inside=_inside(case), pack=pl.lit(case.pack.pack.id))
        .join(routes, how="cross")
        .join(claimed, on=["family_id", "route"], how="anti")
        .join(ever, on="family_id", how="left")
        .join(_worth(case), on=["family_id", "route"], how="left")
        .join(_now(case), on=["family_id", "route"], how="left")
    )
    open_ = rows.filter(pl.col("inside") & pl.col("is_eligible") & pl.col("amount_pence").is_not_null())
    found = case.scan(list(case.pack.pack.routes), open_, say)
    frames = []
    for route in case.pack.pack.routes:
        item = item_of(case.pack, route)
        is_route = pl.col("route") == route
        asked = open_.filter(is_route).select("family_id")
        of_route = found.filter(pl.col("item") == route).join(asked, on="family_id", how="semi")
        arriving = evidence_to_come(of_route, item, case.supposed, case.as_of)
        frames.append(
            rows.filter(is_route)
            .join(_met_between(eligible, of_route, case), on="family_id", how="left")
            .join(arriving, on=["family_id", "looked_on"], how="left")
            .join(missing_today(case.then.findings, item, case.pack), on="family_id", how="left")
            .with_columns(state=_state(case.as_of))
            .with_columns(amount_pence=pl.when(pl.col("state") != "not_eligible").then("amount_pence"))
        )
    return next_steps(_in_window(pl.concat(frames), case.windows), case.pack, case.as_of, case.end)


def _inside(case: _Case) -> pl.Expr:
    """Whether a family engaged on a day for which the framework pays."""
    periods = case.pack.pack.decides(case.as_of)
    return pl.any_horizontal(pl.col("engaged_on").is_between(each.start, each.until) for each in periods)


def _now(case: _Case) -> pl.DataFrame:
    """`family_id`, `route`, `now` (`kept`, `held`, `instead`), `released_by`: today's results as a claim has them."""
    selected = _select(case.today.measurement, case.today.findings, case.live, case.pack, case.as_of)
    kept = selected.lines.select("family_id", "route", now=pl.lit("kept"), released_by=pl.lit(""))
    held = selected.held.select("family_id", "route", "released_by", now=pl.lit("held"))
    found = pl.concat([kept, held.select(kept.columns)])
    met = case.today.met.join(case.framework.families, on="family_id", how="semi")
    instead = met.join(found, on=["family_id", "route"], how="anti")
    return pl.concat([found, instead.with_columns(now=pl.lit("instead"), released_by=pl.lit(""))])


def _worth(case: _Case) -> pl.DataFrame:
    """`family_id`, `route`, `amount_pence`: what each route would pay if it alone were claimed, where it pays."""
    pack = case.pack.pack
    families = case.framework.families
    rows = []
    for route in pack.routes:
        supposed = pl.concat(
            [
                families.select("family_id", part=pl.lit(part), item=pl.lit(item), verdict=pl.lit("met"))
                for part, item in (("eligibility", ELIGIBLE), ("route", route))
            ]
        ).with_columns(
            pl.lit("").alias(name) for name in FINDINGS if name not in ("family_id", "part", "item", "verdict")
        )
        selected = _select(case.today.measurement, supposed, case.live, case.pack, case.end, families)
        rows += [each.select("family_id", "route", "amount_pence") for each in (selected.lines, selected.held)]
    return pl.concat(rows)


def _select(
    measurement: Measurement,
    findings: pl.DataFrame,
    live: pl.DataFrame,
    pack: LoadedPack,
    on: date,
    families: pl.DataFrame | None = None,
) -> Selection:
    """Lines as a claim of that day has them, leaving out windows and allocation, which are not about a family."""
    workspace = measurement.workspace
    of = Circumstances(
        authority_code=workspace.authority.code,
        window="",
        claim_date=on,
        window_open=None,
        families_agreed=None,
        families_live=0,
        earned_autonomy=has_earned_autonomy(workspace, on),
    )
    considered = measurement.families if families is None else families
    return select(considered, findings, history_of(live, measurement), pack.rules(on), of)


def _met_between(eligible: pl.DataFrame, route: pl.DataFrame, case: _Case) -> pl.DataFrame:
    """`family_id`, `earliest`, `last`, `ended_by`, `met_again`; `day`, the day looked at that `earliest` rests on;
    `not_met` and `unknown`: what keeps the route from being met, on the last day.
    """
    of_eligible = eligible.select("family_id", "day", eligible="verdict")
    of_route = route.select("family_id", "day", "verdict", "not_met", "unknown", looked_on="day")
    days = pl.concat([frame.select("family_id", "day") for frame in (of_eligible, of_route)])
    days = days.join(route, on="family_id", how="semi").unique().sort("day", "family_id")
    together = days.join_asof(of_eligible.sort("day"), on="day", by="family_id", check_sortedness=False)
    together = together.join_asof(of_route.sort("day"), on="day", by="family_id", check_sortedness=False)
    together = together.sort("family_id", "day")
    met = (pl.col("eligible") == "met") & (pl.col("verdict") == "met")
    fails = pl.concat_str("not_met", "unknown", separator=";").str.strip_chars(";")
    together = together.with_columns(
        met=met, fails=pl.when(pl.col("eligible") != "met").then(pl.lit(ELIGIBLE)).otherwise(fails)
    )
    day = pl.col("day")
    firsts = together.filter("met").group_by("family_id").agg(earliest=day.min(), looked_on=pl.col("looked_on").first())
    after = together.join(firsts.select("family_id", "earliest"), on="family_id").filter(day > pl.col("earliest"))
    stops = after.filter(~pl.col("met")).group_by("family_id", maintain_order=True)
    stopped = stops.agg(stop=day.first(), ended_by=pl.col("fails").first())
    again = after.join(stopped, on="family_id").filter(pl.col("met") & (day > pl.col("stop")))
    ends = together.group_by("family_id", maintain_order=True).agg(
        pl.col("not_met", "unknown").last(), ever_unknown=(pl.col("verdict") == "unknown").any()
    )
    found = (
        ends.join(firsts, on="family_id", how="left")
        .join(stopped, on="family_id", how="left")
        .join(again.group_by("family_id").agg(met_again=day.min()), on="family_id", how="left")
    )
    closes = [window.closes for window in case.windows]
    last_window = max(closes) if closes else None
    ended = "framework" if case.end == case.claimed_until else "last_window" if case.end == last_window else "horizon"
    found = found.with_columns(
        last=pl.when(pl.col("earliest").is_not_null()).then(pl.coalesce(pl.col("stop").dt.offset_by("-1d"), case.end)),
        ended_by=pl.when(pl.col("earliest").is_not_null()).then(pl.coalesce("ended_by", pl.lit(ended))),
    )
    if last_window is not None:
        cut = (pl.col("earliest") <= last_window) & (pl.col("last") > last_window)
        found = found.with_columns(
            last=pl.when(cut).then(pl.lit(last_window)).otherwise("last"),
            ended_by=pl.when(cut).then(pl.lit("last_window")).otherwise("ended_by"),
        )
    return found.drop("stop")


def _state(as_of: date) -> pl.Expr:
    earliest = pl.col("earliest")
    unsure = ~pl.col("is_eligible") & pl.col("is_unknown")
    return (
        pl.when(~pl.col("inside") | (~pl.col("is_eligible") & ~pl.col("is_unknown")))
        .then(pl.lit("not_eligible"))
        .when(pl.col("amount_pence").is_null() | (pl.col("now") == "instead").fill_null(False))
        .then(pl.lit("cap_used"))
        .when((pl.col("now") == "kept").fill_null(False))
        .then(pl.lit("claimable_now"))
        .when((pl.col("now") == "held").fill_null(False))
        .then(pl.lit("held"))
        .when(earliest > as_of)
        .then(pl.lit("waiting"))
        .when(earliest.is_not_null() | unsure | pl.col("ever_unknown").fill_null(False))
        .then(pl.lit("needs_evidence"))
        .otherwise(pl.lit("needs_change"))
    )


def _in_window(rows: pl.DataFrame, windows: Sequence[ClaimWindow]) -> pl.DataFrame:
    """`window`, the first that is open on a day between `earliest` and `last`, and `claim_by`, the last such day."""
    fits = [(one, (pl.col("earliest") <= one.closes) & (pl.col("last") >= one.opens)) for one in windows]
    first = [pl.when(fit).then(pl.lit(one.id)) for one, fit in fits]
    final = [pl.when(fit).then(pl.min_horizontal("last", pl.lit(one.closes))) for one, fit in reversed(fits)]
    return rows.with_columns(
        window=pl.coalesce([*first, pl.lit(None, pl.String)]),
        claim_by=pl.coalesce([*final, "last"]),
        has_windows=pl.lit(bool(windows)),
    )


# --------------------------------------------------------------------------------------------------------- windows


def _windows(
    supposed: Gathered,
    windows: Sequence[ClaimWindow],
    live: pl.DataFrame,
    today: _Decided,
    worklist: pl.DataFrame,
    as_of: date,
    say: Say,
) -> pl.DataFrame:
    """See `WINDOWS`."""
    workspace = supposed.workspace
    rows, since = [pl.DataFrame(schema=WINDOWS)], as_of
    for window in windows:
        say(f"claim in {window.id}")
        on = window.closes
        for one in _in_force(workspace, supposed, on):
            decided = _decided([one], supposed, on, lambda step: None)
            of = Circumstances(
                authority_code=workspace.authority.code,
                window=window.id,
                claim_date=on,
                window_open=True,
                families_agreed=workspace.claims.families_agreed,
                families_live=live["family_id"].n_unique(),
                earned_autonomy=has_earned_autonomy(workspace, on),
            )
            history = history_of(live, decided.measurement)
            selected = select(one.families, decided.findings, history, one.pack.rules(on), of)
            rows.append(_of_window(window, one.pack, selected, today.met, worklist, since))
            live = pl.concat([live, _as_live(selected.lines, decided.measurement, window)], how="diagonal")
        since = on
    return pl.concat(rows).select(WINDOWS.names())


def _in_force(workspace: Workspace, supposed: Gathered, on: date) -> Iterator[Framework]:
    """The frameworks of a window's last day; none where none decides anybody then."""
    try:
        yield from frameworks(workspace, supposed.families, on)
    except Faults as faults:
        if {fault.code for fault in faults.faults} != {"E260"}:
            raise


def _of_window(
    window: ClaimWindow,
    pack: LoadedPack,
    selected: Selection,
    met_today: pl.DataFrame,
    worklist: pl.DataFrame,
    since: date,
) -> pl.DataFrame:
    """One window's rows of one pack."""
    pence, is_today, is_later = pl.col("amount_pence"), pl.col("is_today"), pl.col("is_later")
    of = ["family_id", "route"]
    # What is met again after a gap rests on other evidence than its first day does.
    later = worklist.filter(
        (pl.col("pack") == pack.pack.id)
        & (pl.col("evidence_to_come") == "")
        & pl.lit(window.closes).is_between("earliest", "last")
    )
    lines = (
        selected.lines.join(met_today.with_columns(is_today=pl.lit(True)), on=of, how="left")
        .join(later.select(*of, is_later=pl.lit(True)), on=of, how="left")
        .with_columns(is_today.fill_null(False))
        .with_columns(is_later=~is_today & is_later.fill_null(False))
        .with_columns(is_to_come=~is_today & ~is_later)
    )
    is_to_come = pl.col("is_to_come")
    by_route = lines.group_by("route").agg(
        families=pl.col("family_id").n_unique(),
        lines=pl.len(),
        amount_pence=pence.sum(),
        met_today_lines=is_today.sum(),
        met_today_pence=pence.filter("is_today").sum(),
        met_later_lines=is_later.sum(),
        met_later_pence=pence.filter(is_later).sum(),
        to_come_lines=is_to_come.sum(),
        to_come_pence=pence.filter(is_to_come).sum(),
    )
    held = selected.held.group_by("route").agg(held_lines=pl.len(), held_pence=pence.sum())
    ending = pl.col("last").is_between(since, window.closes, closed="left") & ~pl.col("ended_by").is_in(CUTS)
    of_pack = (pl.col("pack") == pack.pack.id) & ~pl.col("state").is_in(["cap_used", "not_eligible"])
    lapsing = worklist.filter(ending & of_pack).group_by("route").agg(lapsing_lines=pl.len())
    routes = pl.DataFrame({"route": list(pack.pack.routes)}, schema={"route": pl.String})
    for frame in (by_route, held, lapsing):
        routes = routes.join(frame, on="route", how="left", maintain_order="left")
    counts = [name for name, kind in WINDOWS.items() if kind == pl.Int64]
    return routes.with_columns(
        pl.col(counts).fill_null(0),
        window=pl.lit(window.id),
        opens=pl.lit(window.opens),
        closes=pl.lit(window.closes),
        pack=pl.lit(pack.pack.id),
    ).select(pl.col(name).cast(kind) for name, kind in WINDOWS.items())


def _as_live(lines: pl.DataFrame, measurement: Measurement, window: ClaimWindow) -> pl.DataFrame:
    """The lines of a window that is claimed, as the ledger would have them for those that come after."""
    now = measurement.evidence.members.filter(is_member_on(pl.lit(measurement.as_of)))
    persons = now.group_by("family_id").agg(persons=squeezed("person_id").unique().sort())
    line_id = pl.concat_str(pl.lit(f"supposed/{window.id}"), "family_id", "route", separator="/")
    columns = ("family_id", "route", "amount_pence", "engaged_on")
    found = lines.select(*columns, line_id=line_id, window=pl.lit(window.id)).join(persons, on="family_id", how="left")
    return found.with_columns(pl.col("persons").fill_null([]))
