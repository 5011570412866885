"""Recheck: a workspace in; its live claim lines, decided again from today's extracts, out: what would differ, and why.

Each batch is decided again as of its own day and by its bundle's own rules, and once more by today's rules on the
bundle's own facts, so that data, links and rules are told apart. With a later day, each line is decided as of that day
too: what was undone since. Nothing is written, and no claim is altered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pbr.audit.causes import RECORDS, RULES, Base, Since, causes
from pbr.audit.grounds import tables_of
from pbr.claims.contract import BatchRun
from pbr.claims.select import Circumstances, select
from pbr.engines.bulk import criteria_behind, facts_read
from pbr.errors import Fault, Faults
from pbr.jobs.audit_lines import LiveBatch, live_batches
from pbr.jobs.carried import content_of
from pbr.jobs.decide import Gathered, Measurement, Say, gather, measure_by, run_engines
from pbr.jobs.frameworks import Framework, named_pack
from pbr.jobs.inputs import input_files
from pbr.jobs.linking import recorded
from pbr.jobs.relapse import undone_since
from pbr.jobs.replay import OpenBundle
from pbr.ledger import Ledger
from pbr.measures.cohorts import Cohort, read_cohorts, to_table
from pbr.measures.facts import ENGAGED
from pbr.rulebook.diff import differences
from pbr.rulebook.load import IN_FORCE, LoadedPack, load_pack, pack_ids
from pbr.rulebook.measures import Measure
from pbr.rulebook.model import ConditionFlag, Every, Expression, Some
from pbr.rulebook.rules import Rules, walk
from pbr.sources import Extract
from pbr.values import pounds
from pbr.workspace import Workspace

RECHECKED = pl.Schema(
    {
        "line_id": pl.String(),
        "batch_id": pl.String(),
        "window": pl.String(),
        "family_id": pl.String(),
        "family_ref": pl.String(),
        "route": pl.String(),
        "amount_pence": pl.Int64(),
        "outcome": pl.String(),
        "now": pl.String(),
        "causes": pl.String(),
        "evidence": pl.String(),
    }
)
"""`outcome`: `family_gone`, `verdict_differs`, `amount_differs`, `held_now`, `relapsed`, `no_longer_known`,
`cannot_be_rechecked`, or `evidence_changed`, where nothing of these follows from it. `now`: what the line would be.
`causes`: `data_changed`, `links_changed`, `rules_changed`, joined with `;`."""

OUTCOMES = ("cannot_be_rechecked", "family_gone", "verdict_differs", "amount_differs", "held_now")
"""In the order in which a line's is told."""

CHANGED = "evidence_changed"


@dataclass(frozen=True)
class Recheck:
    """`lines`: what is told of live lines (`RECHECKED`); `checked`: how many could be decided again.

    `other_framework`: batches that were claimed under another pack than the workspace's, whose rules stand for nothing.
    """

    lines: pl.DataFrame
    checked: int
    other_framework: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether there is anything to look at: a line whose evidence alone has changed is none."""
        return not self.differing.is_empty()

    @property
    def differing(self) -> pl.DataFrame:
        return self.lines.filter(pl.col("outcome") != CHANGED)


@dataclass(frozen=True)
class _Today:
    """The workspace as it is: gathered once for all batches, with what comparing needs of it."""

    gathered: Gathered
    records: pl.DataFrame
    inputs: Mapping[tuple[str, str], str]
    reviews: pl.DataFrame
    apart: pl.DataFrame


def recheck(workspace: Workspace | Path | str, as_of: date | None = None, say: Say = lambda step: None) -> Recheck:
    """Decide the live lines of a workspace's ledger again; with `as_of`, a later day, as of that day as well.

    Raises Faults: E740 a day that is not later than the day of every batch, and those of every stage; a bundle that
    cannot be read is none of them: its lines are listed.
    """
    workspace = Workspace.of(workspace)
    batches = list(live_batches(workspace, say))
    opened = [batch.bundle for batch in batches if batch.bundle is not None]
    if as_of is not None and (early := [one.run for one in opened if one.run.as_of >= as_of]):
        what = f"is not after {max(run.as_of for run in early)}, the as-of date of a live batch"
        raise Faults(Fault("E740", f"as-of date {as_of}", what, "Name a day after every batch's, or leave it out."))
    found = [_cannot(batch.lines, batch.why_not) for batch in batches if batch.bundle is None]
    others = []
    if opened:
        today = _today(gather(workspace, say), workspace)
        for batch in batches:
            if batch.bundle is not None:
                say(f"decide batch {batch.batch_id} again")
                pack = _pack_today(workspace, batch.bundle.run)
                if pack is None:
                    others.append(batch.batch_id)
                found += _rechecked(batch, batch.bundle, today, pack)
                if as_of is not None:
                    undone = _measured(batch.bundle.pack, batch.lines["family_id"].unique(), today.gathered, as_of)
                    since = undone_since(batch.lines, undone, batch.bundle.run.as_of)
                    found.append(_told(batch.lines.join(since, on="line_id").with_columns(causes=pl.lit(""))))
    order = {name: place for place, name in enumerate([*OUTCOMES, "relapsed", "no_longer_known", CHANGED])}
    lines = pl.concat([pl.DataFrame(schema=RECHECKED), *found]).sort(
        pl.col("outcome").replace_strict(order, return_dtype=pl.Int64), *RECHECKED.names()
    )
    checked = sum(batch.lines.height for batch in batches if batch.bundle is not None)
    return Recheck(lines, checked, tuple(others))


def _cannot(lines: pl.DataFrame, why_not: str) -> pl.DataFrame:
    return _told(
        lines.with_columns(
            outcome=pl.lit("cannot_be_rechecked"), now=pl.lit("not known"), causes=pl.lit(""), evidence=pl.lit(why_not)
        )
    )


def _told(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(pl.col(name).cast(kind) for name, kind in RECHECKED.items())


def _today(gathered: Gathered, workspace: Workspace) -> _Today:
    extracts = gathered.extracts
    with Ledger.read(workspace.ledger_path) as ledger:
        reviews = ledger.reviews()
    quarantines = [*(each.quarantine for each in extracts.values()), gathered.evidence.quarantine]
    apart = [each.select(table="source", record_id="record_id") for each in quarantines]
    return _Today(
        gathered,
        pl.concat([pl.DataFrame(schema=RECORDS), *[_contents(table, each) for table, each in extracts.items()]]),
        {(file.source, file.path): file.sha256 for file in input_files(workspace, extracts)},
        reviews,
        pl.concat(apart).drop_nulls().unique(),
    )


def _contents(table: str, extract: Extract) -> pl.DataFrame:
    """Today's records of a table (`causes.RECORDS`), their content as `records.parquet` has it."""
    rows = extract.accepted
    return rows.select(pl.lit(table).alias("table"), "record_id", "file", content=content_of(table, rows))


def _pack_today(workspace: Workspace, run: BatchRun) -> LoadedPack | None:
    """The workspace's rules of today for a batch; None where it claims under another framework now."""
    # With an overlay, a pack is still that framework: `phase-1+devon`.
    framework = run.pack_id.partition("+")[0]
    if workspace.rules.pack == IN_FORCE:
        return load_pack(framework) if framework in pack_ids() else None
    pack = named_pack(workspace)
    return pack if pack.pack.id.partition("+")[0] == framework else None


# ------------------------------------------------------------------------------------------------ what would differ


def _rechecked(batch: LiveBatch, opened: OpenBundle, today: _Today, pack: LoadedPack | None) -> Iterator[pl.DataFrame]:
    """The lines of a batch that would be others now, and those whose evidence alone has changed."""
    lines = batch.lines
    families = lines["family_id"].unique()
    measured = _measured(opened.pack, families, today.gathered, opened.run.as_of)
    then = opened.tables["facts.parquet"].filter(pl.col("family_id").is_in(families.implode()))
    by_data = _standing(lines, measured.cohorts, opened.rules, opened)
    now = to_table(measured.cohorts)
    why = _why(batch, opened, then, now, measured, today)
    told = _with_causes(by_data, why, _reads(measured.cohorts, lines["route"].unique()))
    parts = [told.filter(pl.col("outcome").is_not_null())]
    if pack is not None and pack.digest != opened.pack.digest:
        parts.append(_by_rules(lines, opened, pack, then, by_data, today))
    differing = (
        pl.concat(parts)
        .with_columns(place=pl.col("outcome").replace_strict(dict(zip(OUTCOMES, range(9), strict=False)), default=9))
        .sort("place", maintain_order=True)
        .group_by("line_id", maintain_order=True)
        .agg(
            pl.col("outcome").first(),
            _several("now", " and "),
            pl.col("causes").str.split(";").explode().unique().sort().str.join(";"),
            _several("evidence", "; "),
        )
    )
    yield _told(lines.join(differing, on="line_id"))
    changed = told.filter(pl.col("outcome").is_null() & pl.col("is_other")).with_columns(outcome=pl.lit(CHANGED))
    yield _told(lines.join(changed, on="line_id").join(differing, on="line_id", how="anti"))


def _several(column: str, separator: str) -> pl.Expr:
    return pl.col(column).filter(pl.col(column) != "").unique(maintain_order=True).str.join(separator)


def _measured(pack: LoadedPack, families: pl.Series, gathered: Gathered, as_of: date) -> Measurement:
    chosen = gathered.families.filter(pl.col("family_id").is_in(families.implode()))
    return measure_by([Framework(pack, chosen)], gathered, as_of)


def _standing(lines: pl.DataFrame, cohorts: Sequence[Cohort], rules: Rules, opened: OpenBundle) -> pl.DataFrame:
    """What each line would be: `line_id`, `family_id`, `route`, `outcome` (null where it would be the same), `now`.

    `is_other`: whether its decision is another, by its id. Allocation is not asked again, nor what is claimed since:
    the ledger holds these.
    """
    run = opened.run
    of = Circumstances(
        authority_code=run.authority_code,
        window=run.window,
        claim_date=run.claim_date,
        window_open=run.window_open,
        families_agreed=None,
        families_live=0,
        earned_autonomy=run.earned_autonomy,
    )
    findings = run_engines(cohorts, ["bulk"])
    considered = pl.concat([cohort.facts.families.select("family_id", ENGAGED) for cohort in cohorts])
    selection = select(considered, findings, opened.tables["history.csv"], rules, of)
    on = ["family_id", "route"]
    own = pl.col("subject_id") == ""
    verdict = pl.when(pl.col("reason") == "").then("verdict").otherwise(pl.format("{} ({})", "verdict", "reason"))
    said = findings.filter(own).select("family_id", "part", route="item", said=verdict, decided_now="decision_id")
    decided = opened.tables["decisions.parquet"].filter(own).select("family_id", "part", route="item", then=verdict)
    eligible_then = decided.filter((pl.col("part") == "eligibility") & (pl.col("route") == "eligible"))
    route_then = decided.filter(pl.col("part") == "route")
    eligible = said.filter((pl.col("part") == "eligibility") & (pl.col("route") == "eligible"))
    priced = pl.concat([selection.lines, selection.held], how="diagonal").with_columns(
        reason=pl.col("reason").fill_null("")
    )
    # As it was claimed: of a live line, part may have been repaid since.
    claimed = opened.tables["claim.csv"].select("amount_pence", line_id="claim_line_id", decided_then="decision_id")
    joined = (
        lines.select("line_id", *on)
        .join(claimed, on="line_id")
        .join(eligible.select("family_id", "decided_now", eligible="said"), on="family_id", how="left")
        .join(said.filter(pl.col("part") == "route").select(*on, verdict="said"), on=on, how="left")
        .join(eligible_then.select("family_id", eligible_then="then"), on="family_id", how="left")
        .join(route_then.select(*on, verdict_then="then"), on=on, how="left")
        .join(priced.select(*on, "reason", now_pence="amount_pence"), on=on, how="left")
        .join(_released(opened), on=on, how="left")
    )
    holds = pl.col("reason").fill_null("").str.split(";").list.set_difference(pl.col("released").fill_null([]))
    holds = holds.list.set_difference(pl.lit([""])).list.sort()
    # What was claimed by somebody's discretion was not met then either, and has no other price.
    by_discretion = (pl.col("eligible_then") != "met") | (pl.col("verdict_then") != "met")
    is_eligible = pl.col("eligible") == pl.col("eligible_then")
    as_before = is_eligible & (pl.col("verdict") == pl.col("verdict_then"))
    now = pl.col("now_pence").fill_null(0)
    pence = pl.Series(sorted({*joined["now_pence"].drop_nulls(), 0}), dtype=pl.Int64)
    in_pounds = dict(zip(pence, map(pounds, pence), strict=True))
    paid = pl.when(pl.col("now_pence").is_null()).then(pl.lit("nothing is payable")).otherwise(
        now.replace_strict(in_pounds, return_dtype=pl.String)
    )  # fmt: skip
    cases = [
        (pl.col("eligible").is_null(), "family_gone", pl.lit("no decision")),
        (~as_before, "verdict_differs", pl.when(~is_eligible).then(pl.format("eligible {}", "eligible"))
            .otherwise("verdict")),
        (~by_discretion & (now != pl.col("amount_pence")), "amount_differs", paid),
        (~by_discretion & (holds.list.len() > 0), "held_now", pl.format("held: {}", holds.list.join(", "))),
    ]  # fmt: skip
    return joined.select(
        "line_id",
        *on,
        outcome=pl.coalesce([pl.when(test).then(pl.lit(name)) for test, name, _ in cases]),
        now=pl.coalesce([pl.when(test).then(says) for test, _, says in cases]).fill_null("the same"),
        is_other=pl.col("decided_now").ne_missing(pl.col("decided_then")),
    )


def _released(opened: OpenBundle) -> pl.DataFrame:
    """`family_id`, `route`, `released`: the holds that somebody released, which hold the line no more."""
    schema = {"family_id": pl.String, "route": pl.String, "holds": pl.String}
    of = opened.tables.get("overrides.csv", pl.DataFrame(schema=schema))
    return of.group_by("family_id", "route").agg(
        released=pl.col("holds").str.split(";").explode().drop_nulls().unique()
    )


def _by_rules(
    lines: pl.DataFrame,
    opened: OpenBundle,
    pack: LoadedPack,
    then: pl.DataFrame,
    by_data: pl.DataFrame,
    today: _Today,
) -> pl.DataFrame:
    """The lines that today's rules make others: on the bundle's own facts, or where these are not those that the rules
    read now, on what is measured today, against what the bundle's rules make of it.
    """
    as_of = opened.run.as_of
    families, rules = lines["family_id"].unique(), pack.rules(as_of)
    try:
        cohorts: Sequence[Cohort] = read_cohorts(then, pack, as_of)
        told = "on the bundle's own facts"
        before = by_data.select("line_id", was=pl.lit("the same"))
    except Faults:
        cohorts = _measured(pack, families, today.gathered, as_of).cohorts
        told = "on today's evidence, for they read facts that the bundle does not carry"
        before = by_data.select("line_id", was="now")
    standing = _standing(lines, cohorts, rules, opened).join(before, on="line_id")
    changed = [
        f"{each.part} {each.id} {each.what}: {each.before or 'nothing'} then, {each.after or 'nothing'} now"
        for each in differences(opened.pack, pack)
        if each.what not in ("source", "name", "title")
    ]
    digests = f"{opened.pack.digest[:12]} then, {pack.digest[:12]} now"
    says = f"rules {digests}, {told}: {', '.join(changed)}"
    return standing.filter(pl.col("outcome").is_not_null() & (pl.col("now") != pl.col("was"))).select(
        "line_id", "family_id", "route", "outcome", "now", "is_other", causes=pl.lit(RULES), evidence=pl.lit(says)
    )


# -------------------------------------------------------------------------------------------------------------- why


def _why(
    batch: LiveBatch, opened: OpenBundle, then: pl.DataFrame, now: pl.DataFrame, measured: Measurement, today: _Today
) -> pl.DataFrame:
    """Why facts of the batch's families differ (`causes.CAUSES`)."""
    run, evidence = opened.run, measured.evidence
    records = opened.tables.get("records.parquet", pl.DataFrame(schema=RECORDS)).select(RECORDS.names())
    sources = {name: tables_of(measure) for cohort in measured.cohorts for name, measure in _measures(cohort.rules)}
    before = {each.source: (each.covers.start, each.covers.until) for each in run.inputs if each.covers}
    covers = {table: (each.start, each.until) for table, each in evidence.coverage.items()}
    inputs = {(each.source, each.path): each.sha256 for each in run.inputs}
    with_links = recorded(today.gathered.method)
    same = ("passes", "gives", "confirmed_from", "possible_from", "model")
    since = Since(
        decided=_decided_since(int(batch.lines["seq"][0]), today),
        quarantined=today.apart,
        linking=any(getattr(run.linkage, name) != getattr(with_links, name) for name in same),
    )
    return causes(
        Base(then, opened.tables["links.parquet"], records, before, inputs),
        Base(now, evidence.links, today.records, covers, today.inputs),
        since,
        sources,
    )


def _measures(rules: Rules) -> Iterator[tuple[str, Measure]]:
    yield from rules.family_measures.items()
    yield from ((name, measure) for name, (measure, _) in rules.member_measures.items())


def _decided_since(seq: int, today: _Today) -> pl.DataFrame:
    """The records (`table`, `record_id`) whose details somebody decided on after a batch's entry.

    A decision is about all records that give the same details; the ledger names one of them.
    """
    evidence = today.gathered.evidence
    named = today.reviews.filter(pl.col("seq") > seq).select("table", "record_id").unique()
    details = evidence.links.join(named, on=["table", "record_id"], how="semi").select("detail").unique()
    return evidence.links.join(details, on="detail", how="semi").select("table", "record_id").unique()


def _reads(cohorts: Sequence[Cohort], routes: pl.Series) -> pl.DataFrame:
    """Which facts bear on a line of a family: `family_id`, `route`, `fact`."""
    found = [pl.DataFrame(schema={"family_id": pl.String, "route": pl.String, "fact": pl.String})]
    for cohort in cohorts:
        rules = cohort.rules
        pairs = [(route, fact) for route in routes for fact in _facts_of(route, rules)]
        of = pl.DataFrame(pairs, schema={"route": pl.String, "fact": pl.String}, orient="row")
        found.append(cohort.facts.families.select("family_id").join(of, how="cross"))
    return pl.concat(found)


def _facts_of(route: str, rules: Rules) -> set[str]:
    """The facts, and the roles of members, that decide a route, eligibility, and whether the line is held."""
    pack = rules.pack
    tests: list[Expression] = [pack.eligibility["eligible"].test, pack.routes[route].test]
    for flag in pack.flags.values():
        if isinstance(flag, ConditionFlag) and flag.holds:
            tests += [test for test in (flag.when, flag.unless) if test is not None]
    tests += [test for root in list(tests) for test in criteria_behind(root, rules).values()]
    found = {ENGAGED}
    for test in tests:
        found |= facts_read(test, rules)
        found |= {rules.role(node).key for node in walk(test) if isinstance(node, Every | Some)}
    return found


def _with_causes(standing: pl.DataFrame, why: pl.DataFrame, reads: pl.DataFrame) -> pl.DataFrame:
    """The standing of lines with `causes` and `evidence`: of what bears on the line where it would differ, else all."""
    differs = pl.col("outcome").is_not_null()
    told = standing.select("line_id", "family_id", "route", "outcome").join(why, on="family_id")
    bears = told.join(reads, on=["family_id", "route", "fact"], how="semi")
    said = pl.concat([bears.filter(differs), told.filter(~differs)]).group_by("line_id").agg(
        causes=pl.col("cause").unique().sort().str.join(";"), evidence=pl.col("evidence").unique().sort().str.join("; ")
    )  # fmt: skip
    gone = pl.col("outcome") == "family_gone"
    none = pl.when(gone).then(pl.lit("the family has no decision: its row, or when it engaged, is another")).otherwise(
        pl.lit("no fact that it reads differs: pbr replay says whether the bundle still decides the same")
    )  # fmt: skip
    return standing.join(said, on="line_id", how="left").with_columns(
        causes=pl.when(gone).then(pl.lit("data_changed")).otherwise(pl.col("causes").fill_null("")),
        evidence=pl.coalesce("evidence", pl.when(differs).then(none), pl.lit("")),
    )
