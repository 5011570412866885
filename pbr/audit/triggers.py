"""Triggers: what makes a department look closer at an authority's claims, tried by the authority on itself.

In: the claim lines of one batch, those of the batches before it, and what is known around them (`Evidence`). Out: a row
a trigger: whether it is raised, the figure, the limit and why it is there, the lines concerned, what it means. A raised
trigger is a question and no fault. Where the evidence for one is not there it is `not known`, and never `not raised`.

The department's own triggers for a visit, from 2022 (chapter 6 of the programme's guidance): an unexpected number of
claims, findings at an earlier check, a long time since the last. No figures for them were seen in a text: the limits
below are this tool's own, each with its reason. The others are what was found wrong with the programme's claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from math import comb

import polars as pl

from pbr.rulebook.model import Pack, ReducedBy, Test
from pbr.rulebook.rules import walk
from pbr.values import Share, Window, add_months

UNEXPECTED = Share(3, 2)
"""Half as many lines again as the windows before had on average, or as many fewer: what no caseload does by itself."""

LAST_DAYS = 7
"""The end of a window: its last week."""

AT_THE_END = Share(1, 2)
"""More than half of a window's lines in its last week: a window lasts months, so most claims waited for its end."""

ON_ONE_DAY = Share(1, 4)
"""A quarter of a batch engaged on one day: families join one by one, and lists are made in one go."""

FEW_LINES = 10
"""Shares of fewer lines than this say nothing: one line more or less is a tenth of them."""

CHANCE = Share(1, 100)
"""A worker is an outlier where chance alone would give any worker of the authority so many one time in a hundred."""

RESULT_MONTHS = 6
"""The months over which the first programme measures a result: of a family engaged for less, it began before."""

CHECKED_WITHIN_MONTHS = 12
"""At least one batch a year is tested: every year's claims are then within reach of somebody's memory."""

WORK = "continuous_employment"

LINES = pl.Schema(
    {
        "line_id": pl.String(),
        "batch_id": pl.String(),
        "window": pl.String(),
        "seq": pl.Int64(),
        "family_id": pl.String(),
        "route": pl.String(),
        "engaged_on": pl.Date(),
        "as_of": pl.Date(),
        "claim_date": pl.Date(),
    }
)
"""Live claim lines; `seq` orders batches by when they were prepared."""

PRACTICE = pl.Schema(
    {"family_id": pl.String(), "worker_ref": pl.String(), "assessed_on": pl.Date(), "planned_on": pl.Date()}
)
"""What is on record of a family: one row each decided family of the batch (`families.parquet` of its bundle)."""

AUDITS = pl.Schema({"batch_id": pl.String(), "checked_on": pl.Date(), "tested": pl.Int64(), "invalid": pl.Int64()})
"""Checks that were made, one row each, in their order: lines tested, and lines found invalid among them."""

TRIGGERS = pl.Schema(
    {
        "trigger": pl.String(),
        "outcome": pl.String(),
        "figure": pl.String(),
        "limit": pl.String(),
        "lines": pl.List(pl.String()),
        "means": pl.String(),
    }
)
"""`outcome` is `raised`, `not raised` or `not known`; `lines` are the ids of the lines concerned, sorted."""


@dataclass(frozen=True)
class Allocation:
    """Families: how many were agreed, how many of them are paid for, engaged, and claimed up to this batch."""

    agreed: int
    funded: int
    engaged: int
    claimed: int


@dataclass(frozen=True)
class Evidence:
    """What triggers are tried on; None where it is not known.

    `lines` (`LINES`): the live lines of the batch and of those before it, `before_known`: whether the latter are all
    there. `window`: the days of the batch's claim window, both inside. `practice` (`PRACTICE`). `out_of_school`: the
    families of the batch that do not meet a result at school. `sustained_jobs`: the department's own count for these
    families. `audits` (`AUDITS`): earlier checks.
    """

    batch_id: str
    as_of: date
    lines: pl.DataFrame
    before_known: bool
    window: tuple[date, date] | None
    allocation: Allocation | None
    practice: pl.DataFrame | None
    out_of_school: frozenset[str] | None
    sustained_jobs: int | None
    audits: pl.DataFrame | None

    @property
    def batch(self) -> pl.DataFrame:
        return self.lines.filter(pl.col("batch_id") == self.batch_id)


@dataclass(frozen=True)
class Outcome:
    """`raised` is None where it is not known; `figure` then says what is missing."""

    raised: bool | None
    figure: str
    limit: str
    lines: Iterable[str] = ()


def triggers(evidence: Evidence) -> pl.DataFrame:
    """Every trigger (`TRIGGERS`), in the order in which a person should read them."""
    rows = []
    for name, (tried, means) in TRIED.items():
        found = tried(evidence)
        said = {True: "raised", False: "not raised", None: "not known"}[found.raised]
        lines = sorted(found.lines) if found.raised else []
        rows.append((name, said, found.figure, found.limit, lines, means))
    return pl.DataFrame(rows, TRIGGERS, orient="row")


def school_criteria(pack: Pack) -> frozenset[str]:
    """The results of a pack that are read off attendance or exclusions."""
    school = {"attendance", "exclusions"}
    return frozenset(
        name
        for name, criterion in pack.results.items()
        for node in walk(criterion.test)
        if isinstance(node, Test | ReducedBy) and school & set(node.measure.sources)
    )


# ------------------------------------------------------------------------------------------------ numbers and windows


def _unexpected_number(given: Evidence) -> Outcome:
    up, down = UNEXPECTED.numerator, UNEXPECTED.denominator
    limit = f"{down}/{up} to {up}/{down} of the mean of earlier windows; from {FEW_LINES} lines"
    windows = given.lines.group_by("window").agg(pl.len(), pl.col("seq").min()).sort("seq")
    now = given.batch["window"].first()
    earlier = [count for window, count, _ in windows.iter_rows() if window != now]
    if not given.before_known or not earlier:
        return Outcome(None, "no earlier window is known", limit)
    lines = given.lines.filter(pl.col("window") == now)
    ours, theirs = lines.height * len(earlier), sum(earlier)
    far = ours * down > theirs * up or ours * up < theirs * down
    figure = f"{lines.height} lines; earlier windows: {sum(earlier)} in {len(earlier)}"
    raised = far and max(ours, theirs) >= FEW_LINES * len(earlier)
    return Outcome(raised, figure, limit, lines["line_id"])


def _claims_equal_the_allocation(given: Evidence) -> Outcome:
    limit = "families claimed equal to those agreed or paid for, or engaged equal to agreed, to the unit"
    if given.allocation is None:
        return Outcome(None, "no families agreed are declared", limit)
    of = given.allocation
    figure = f"claimed {of.claimed}; engaged {of.engaged}; agreed {of.agreed}, of whom {of.funded} are paid for"
    raised = of.claimed in (of.agreed, of.funded) or of.engaged == of.agreed
    return Outcome(raised, figure, limit, given.batch["line_id"])


def _spike_at_the_windows_end(given: Evidence) -> Outcome:
    limit = f"more than {AT_THE_END.percent} of the window's lines claimed in its last {LAST_DAYS} days"
    if given.window is None or not given.before_known:
        return Outcome(None, "the days of the window are not known", limit)
    opens, closes = given.window
    own = given.lines.filter(pl.col("window") == given.batch["window"].first())
    if own["batch_id"].n_unique() < 2:
        return Outcome(None, "the window has one batch, so its lines have one day", limit)
    if closes - opens < timedelta(days=2 * LAST_DAYS):
        return Outcome(None, f"the window has fewer than {2 * LAST_DAYS} days", limit)
    late = own.filter(pl.col("claim_date") > closes - timedelta(days=LAST_DAYS))
    figure = f"{late.height} of {own.height} lines"
    return Outcome(_more_than(late.height, own.height, AT_THE_END), figure, limit, late["line_id"])


def _many_engaged_on_one_day(given: Evidence) -> Outcome:
    limit = f"more than {ON_ONE_DAY.percent} of the batch, from {FEW_LINES} lines"
    days = (
        given.batch.group_by("engaged_on").agg(pl.len(), "line_id").sort("len", "engaged_on", descending=[True, False])
    )
    if days.is_empty():
        return Outcome(None, "the batch has no lines", limit)
    day, count, lines = days.row(0)
    raised = given.batch.height >= FEW_LINES and _more_than(count, given.batch.height, ON_ONE_DAY)
    return Outcome(raised, f"{count} of {given.batch.height} lines on {day}", limit, lines)


def _more_than(part: int, whole: int, share: Share) -> bool:
    return part * share.denominator > whole * share.numerator


# -------------------------------------------------------------------------------------------------- people and practice


def _worker_outlier(given: Evidence) -> Outcome:
    limit = f"a chance of {CHANCE.percent} for any worker, by their share of families"
    if given.practice is None or given.practice["worker_ref"].null_count() == given.practice.height:
        return Outcome(None, "no worker is named", limit)
    claimed = given.practice.join(given.batch, on="family_id", how="semi")["family_id"]
    workers = (
        given.practice.drop_nulls("worker_ref")
        .group_by("worker_ref")
        .agg(pl.len(), claimed=pl.col("family_id").is_in(claimed.implode()).sum())
        .sort("worker_ref")
    )
    families, drawn = given.practice.height, claimed.len()
    far = [
        (worker, own, theirs)
        for worker, own, theirs in workers.iter_rows()
        if _is_improbable(families, drawn, own, theirs, workers.height)
    ]
    told = [f"{who}: {theirs} of {drawn} families claimed, {own} of {families} worked with" for who, own, theirs in far]
    of_them = given.practice.filter(pl.col("worker_ref").is_in([who for who, _, _ in far]))
    lines = given.batch.join(of_them, on="family_id", how="semi")["line_id"]
    return Outcome(bool(far), "; ".join(told) or f"none of {workers.height} workers", limit, lines)


def _is_improbable(families: int, drawn: int, own: int, theirs: int, workers: int) -> bool:
    """Whether so many of a worker's families among those claimed are rarer than the limit, for any of the workers."""
    others = families - own
    count = max(theirs, drawn - others)
    ways = 0
    # One term from the one before it: of a county's families, each is a number of thousands of digits.
    term = comb(own, count) * comb(others, drawn - count)
    while term:
        ways += term
        term = term * (own - count) * (drawn - count) // ((count + 1) * (others - drawn + count + 1))
        count += 1
    return ways * workers * CHANCE.denominator < comb(families, drawn) * CHANCE.numerator


def _short_intervention(given: Evidence) -> Outcome:
    limit = f"engaged less than {RESULT_MONTHS} months before the as-of date"
    short = [
        line
        for line, engaged, as_of in given.batch.select("line_id", "engaged_on", "as_of").iter_rows()
        if add_months(as_of, -RESULT_MONTHS) < engaged
    ]
    return Outcome(bool(short), f"{len(short)} of {given.batch.height} lines", limit, short)


def _practice_not_on_record(given: Evidence) -> Outcome:
    limit = "a lead worker, an assessment and a plan for every family"
    if given.practice is None:
        return Outcome(None, "the bundle says nothing of practice", limit)
    lines = given.batch.join(given.practice, on="family_id", how="left")
    missing = {"worker_ref": "a lead worker", "assessed_on": "an assessment", "planned_on": "a plan"}
    told = [f"{lines[column].null_count()} without {what}" for column, what in missing.items()]
    bare = lines.filter(pl.any_horizontal(pl.col(list(missing)).is_null()))["line_id"]
    return Outcome(bool(bare.len()), f"of {lines.height} lines, {', '.join(told)}", limit, bare)


# --------------------------------------------------------------------------------------------------------------- work


def _work_claimed_while_children_are_out_of_school(given: Evidence) -> Outcome:
    limit = f"no line for {WORK} of a family that does not meet a result at school"
    if given.out_of_school is None:
        return Outcome(None, "the bundle's decisions are not at hand", limit)
    work = given.batch.filter(pl.col("route") == WORK)
    lines = work.filter(pl.col("family_id").is_in(sorted(given.out_of_school)))["line_id"]
    return Outcome(bool(lines.len()), f"{lines.len()} of {work.height} lines for {WORK}", limit, lines)


def _work_claims_over_sustained_jobs(given: Evidence) -> Outcome:
    limit = "no more families than the department counts in sustained jobs"
    work = given.lines.filter(pl.col("route") == WORK)
    families = work["family_id"].n_unique()
    if given.sustained_jobs is None:
        return Outcome(None, f"{families} families; no count of sustained jobs is given", limit)
    figure = f"{families} families; {given.sustained_jobs} sustained jobs"
    over = families > given.sustained_jobs
    if not over and not given.before_known:
        return Outcome(None, f"{figure}; earlier lines are not known", limit)
    return Outcome(over, figure, limit, work["line_id"])


# ------------------------------------------------------------------------------------------------------- earlier checks


def _earlier_findings(given: Evidence) -> Outcome:
    limit = "no line found invalid at an earlier check"
    if given.audits is None or given.audits.is_empty():
        return Outcome(None, "no earlier check is known", limit)
    wrong = given.audits.filter(pl.col("invalid") > 0)
    told = [f"batch {batch}: {invalid} of {tested}" for batch, _, tested, invalid in wrong.iter_rows()]
    lines = given.lines.join(wrong, on="batch_id", how="semi")["line_id"]
    return Outcome(bool(told), "; ".join(told) or f"none at {given.audits.height} checks", limit, lines)


def _long_since_last_check(given: Evidence) -> Outcome:
    limit = f"a check within {CHECKED_WITHIN_MONTHS} months"
    if given.audits is None:
        return Outcome(None, "earlier checks are not known", limit)
    last = given.audits["checked_on"].max()
    if isinstance(last, date):
        since = Window.months_before(given.as_of, CHECKED_WITHIN_MONTHS).start
        return Outcome(last < since, f"last on {last}", limit, given.batch["line_id"])
    if given.lines["batch_id"].n_unique() < 2:
        return Outcome(None, "this is the first batch", limit)
    return Outcome(True, "never", limit, given.batch["line_id"])


def _invalid_rate_by_round(given: Evidence) -> Outcome:
    limit = "no higher share invalid than in all earlier rounds together"
    rounds = (given.audits if given.audits is not None else pl.DataFrame(schema=AUDITS)).filter(pl.col("tested") > 0)
    if rounds.height < 2:
        return Outcome(None, "fewer than two checks are known", limit)
    told = [f"{invalid}/{tested}" for tested, invalid in rounds.select("tested", "invalid").iter_rows()]
    before, last = rounds.head(-1), rounds.row(-1, named=True)
    tested, invalid = int(before["tested"].sum()), int(before["invalid"].sum())
    lines = given.lines.filter(pl.col("batch_id") == last["batch_id"])["line_id"]
    return Outcome(last["invalid"] * tested > invalid * last["tested"], ", ".join(told), limit, lines)


TRIED: dict[str, tuple[Callable[[Evidence], Outcome], str]] = {
    "unexpected_number": (
        _unexpected_number,
        "The department visits where numbers surprise it. Say what changed: caseload, staff, a source read anew.",
    ),
    "claims_equal_the_allocation": (
        _claims_equal_the_allocation,
        "A number of families met to the unit looks like a target worked to. Be ready to show how each was chosen.",
    ),
    "spike_at_the_windows_end": (
        _spike_at_the_windows_end,
        "Claims that wait for the last week are made in a hurry. Test more of them.",
    ),
    "many_engaged_on_one_day": (
        _many_engaged_on_one_day,
        "Families engaged in one go may come of a list, and not of work. Look for what was done with each.",
    ),
    "worker_outlier": (
        _worker_outlier,
        "One worker has more results than chance explains. Read their families' files, and ask what they do.",
    ),
    "short_intervention": (
        _short_intervention,
        "The time over which the result was measured began before the work did: it may have come about by itself.",
    ),
    "practice_not_on_record": (
        _practice_not_on_record,
        "A lead worker, an assessment or a plan is not on record: a match of data alone is no intervention.",
    ),
    "work_claimed_while_children_are_out_of_school": (
        _work_claimed_while_children_are_out_of_school,
        "The rules allow it. Whoever signs should know that the family's children are not in school.",
    ),
    "work_claims_over_sustained_jobs": (
        _work_claims_over_sustained_jobs,
        "More families are claimed for work than the department sees in work. Ask for its list, and compare.",
    ),
    "earlier_findings": (
        _earlier_findings,
        "What was wrong before may be wrong again. Look for the same cause in this batch.",
    ),
    "long_since_last_check": (
        _long_since_last_check,
        "Nobody from outside the team has looked for long. Have internal audit draw a sample.",
    ),
    "invalid_rate_by_round": (
        _invalid_rate_by_round,
        "Claims get worse from round to round. Find out why before the next one.",
    ),
}
"""Each trigger by its name: how it is tried, and what it means where it is raised."""
