"""Stakes: what possible links leave open of what a family can be paid, in pence.

In: a workspace's measurement, its findings, and the live lines of its ledger. Out: for each possible link and family
the most that the answer can change what would be claimed today, under the family's cap and after what is claimed
already.

A verdict that holds however links are resolved hangs on none. One that is unknown hangs on every link that leaves open
a fact by which it is unknown. Then each verdict that hangs on links is taken for met and for not met, in every
combination, and the lines are selected and priced as a claim would have them: so a link is worth nothing where the cap
is used up, where another route pays instead, or where the family is not eligible whatever the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import polars as pl

from pbr.claims.select import Circumstances, select
from pbr.engines.reference import Fact, Family, Judgement, Member, judge_node, read_families
from pbr.jobs.decide import Measurement
from pbr.jobs.prepare import has_earned_autonomy, history_of
from pbr.linkage import Evidence
from pbr.linkage.attach import EVENT_DAY
from pbr.measures.cohorts import Cohort
from pbr.rulebook.load import LoadedPack
from pbr.rulebook.measures import Measure
from pbr.rulebook.model import CriterionRef, Expression, ReducedBy, Test, When
from pbr.rulebook.rules import Rules, criterion_of, walk

STAKES = pl.Schema(
    {
        "details_key": pl.String(),
        "person_id": pl.String(),
        "family_id": pl.String(),
        "verdicts": pl.List(pl.String()),
        "at_stake_pence": pl.Int64(),
    }
)
"""One row for each possible link of details to a person and each family with a verdict that hangs on it. `verdicts`:
`eligible` and routes, by id, sorted."""

ELIGIBLE = "eligible"
_NO_LINK_HELPS = frozenset({"not_covered", "missing_field"})
"""Reasons for which a fact stays unknown whosever the records are."""

_HANGING = pl.Schema(dict.fromkeys(("family_id", "item", "details_key", "person_id"), pl.String))


def stakes(
    measurement: Measurement, findings: pl.DataFrame, live: pl.DataFrame, open_links: pl.DataFrame
) -> pl.DataFrame:
    """What is at stake (`STAKES`), sorted by details, person and family.

    `findings`: all columns of `FINDINGS`. `live`: `ledger.store.LIVE_LINES`. `open_links`: the possible links, `table`,
    `record_id`, `person_id` and `details_key`; those with the same key and person are answered together. Claim windows
    and the authority's allocation are left out: they are not about a family. A line that a control would hold counts
    like one in the batch.
    """
    found = [pl.DataFrame(schema=STAKES)]
    if not open_links.is_empty():
        found += [_by_pack(pack, measurement, findings, live, open_links) for pack in measurement.packs]
    return pl.concat(found).sort("details_key", "person_id", "family_id")


def _by_pack(
    pack: LoadedPack, measurement: Measurement, findings: pl.DataFrame, live: pl.DataFrame, open_links: pl.DataFrame
) -> pl.DataFrame:
    cohorts = [cohort for cohort in measurement.cohorts if cohort.rules.digest == pack.digest]
    hanging = pl.concat(
        [pl.DataFrame(schema=_HANGING)]
        + [_hanging(cohort, measurement.evidence, findings, open_links) for cohort in cohorts]
    ).unique()
    if hanging.is_empty():
        return pl.DataFrame(schema=STAKES)
    items = [item for item in (ELIGIBLE, *pack.pack.routes) if item in set(hanging["item"])]
    worth = _worth(pack, items, hanging, measurement, findings, live)
    bits = pl.col("item").replace_strict({item: 1 << at for at, item in enumerate(items)}, return_dtype=pl.Int64)
    by_link = hanging.group_by("details_key", "person_id", "family_id").agg(
        verdicts=pl.col("item").sort(), theirs=bits.sum()
    )
    # What can change by this link, the verdicts that do not hang on it being what they may.
    spread = (
        by_link.select("family_id", "theirs")
        .unique()
        .join(worth, on="family_id")
        .group_by("family_id", "theirs", others=pl.col("met") - (pl.col("met") & pl.col("theirs")))
        .agg(at_stake_pence=pl.col("pence").max() - pl.col("pence").min())
        .group_by("family_id", "theirs")
        .agg(pl.col("at_stake_pence").max())
    )
    return by_link.join(spread, on=["family_id", "theirs"]).select(STAKES.names()).cast(STAKES)


# -------------------------------------------------------------------------------------------- what hangs on which link


@dataclass(frozen=True)
class _Asked:
    """A fact that a verdict waits for: of which tables, of whom (empty: of the family), by which records.

    `records` is None where any record of those tables counts, as it does where a source is distrusted.
    """

    tables: tuple[str, ...]
    subject_id: str
    records: tuple[str, ...] | None


def _hanging(cohort: Cohort, evidence: Evidence, findings: pl.DataFrame, open_links: pl.DataFrame) -> pl.DataFrame:
    """Which verdicts of which families hang on which links (`_HANGING`)."""
    belongs = evidence.members.select("person_id", "family_id").unique()
    about = open_links.join(belongs, on="person_id")
    decides = findings.filter(
        (pl.col("subject_id") == "")
        & (((pl.col("part") == "eligibility") & (pl.col("item") == ELIGIBLE)) | (pl.col("part") == "route"))
    )
    waits = (
        (pl.col("verdict") == "unknown")
        & pl.col("reason").str.contains_any(["unresolved_link", "quarantined"])
        & pl.col("family_id").is_in(about["family_id"].implode())
        & pl.col("family_id").is_in(cohort.facts.families["family_id"].implode())
    )
    perhaps = _perhaps_distrusted(evidence, about)
    waiting: dict[str, list[str]] = {}
    for family_id, item in decides.filter(waits).select("family_id", "item").iter_rows():
        waiting.setdefault(family_id, []).append(item)
    rows = []
    for family in read_families(cohort.facts.only(pl.Series(list(waiting), dtype=pl.String)), cohort.rules):
        for item in waiting[family.family_id]:
            judged = judge_node(_test_of(item, cohort.rules), family, cohort.rules)
            doubts = perhaps.get(family.family_id, frozenset())
            for asked in set(_asked(judged, family, cohort.rules, doubts)):
                for table in asked.tables:
                    rows.append((family.family_id, item, table, asked.subject_id, asked.records))
    schema = dict.fromkeys(("family_id", "item", "table", "subject_id"), pl.String)
    asks = pl.DataFrame(rows, schema=schema | {"records": pl.List(pl.String)}, orient="row")
    of_subject = (pl.col("subject_id") == "") | (pl.col("subject_id") == pl.col("person_id"))
    of_record = pl.col("records").is_null() | pl.col("records").list.contains(pl.col("record_id"))
    by_doubt = about.join(asks, on=["family_id", "table"]).filter(of_subject & of_record)
    return pl.concat(
        [frame.select(_HANGING.names()) for frame in (by_doubt, _by_contract(cohort, evidence, decides, about))]
    )


def _test_of(item: str, rules: Rules) -> Expression:
    return (rules.pack.eligibility[item] if item == ELIGIBLE else rules.pack.routes[item]).test


_Doubts = frozenset[tuple[str, str]]
"""Tables and persons."""


def _perhaps_distrusted(evidence: Evidence, about: pl.DataFrame) -> dict[str, _Doubts]:
    """By family, whom a table is not trusted about only for quarantined records that are perhaps theirs."""
    rejected = evidence.details.records.filter("is_rejected").select("table", "record_id")
    sure = evidence.links.filter(pl.col("status") == "confirmed").join(rejected, on=["table", "record_id"], how="semi")
    perhaps = about.join(rejected, on=["table", "record_id"], how="semi").join(
        sure, on=["table", "person_id"], how="anti"
    )
    by_family = perhaps.group_by("family_id").agg(pl.struct("table", "person_id").unique())
    return {
        family_id: frozenset((doubt["table"], doubt["person_id"]) for doubt in doubts)
        for family_id, doubts in by_family.iter_rows()
    }


def _asked(judged: Judgement, family: Family, rules: Rules, perhaps: _Doubts) -> Iterator[_Asked]:
    """The facts by which an unknown judgement is unknown, and that an answer about links can make known."""
    if judged.verdict != "unknown":
        return
    if isinstance(judged.node, Test | ReducedBy):
        read = _read(judged)
        if all(_can_be_known(measure, fact, judged.subject_id, perhaps) for measure, fact in read):
            for measure, fact in read:
                if "quarantined" in _reasons(fact):
                    yield _Asked(measure.sources, judged.subject_id, None)
                elif "unresolved_link" in _reasons(fact):
                    yield _Asked(measure.sources, judged.subject_id, fact.records)
    for part in judged.parts:
        yield from _asked(part, family, rules, perhaps)
    if isinstance(judged.node, When) and len(judged.parts) == 1:
        # Its condition may turn out to be met, and then the rest is asked.
        then = judge_node(judged.node.then, family, rules, _member(family, judged.subject_id))
        yield from _asked(then, family, rules, perhaps)


def _can_be_known(measure: Measure, fact: Fact, subject_id: str, perhaps: _Doubts) -> bool:
    """Whether answers about links can be all that a fact lacks, if it lacks anything."""
    reasons = set(_reasons(fact))
    if "quarantined" in reasons:
        return any(table in measure.sources and subject_id in ("", person) for table, person in perhaps)
    return not reasons & _NO_LINK_HELPS


def _read(judged: Judgement) -> list[tuple[Measure, Fact]]:
    node = judged.node
    measures = [node.measure, node.baseline] if isinstance(node, ReducedBy) else [node.measure]  # type: ignore[union-attr]
    facts = [fact for fact in (judged.fact, judged.baseline) if fact is not None]
    return list(zip(measures, facts, strict=True))


def _reasons(fact: Fact) -> list[str]:
    return fact.reason.split(";") if fact.reason else []


def _member(family: Family, subject_id: str) -> Member | None:
    return next((member for member in family.members if member.subject_id == subject_id), None)


def _by_contract(cohort: Cohort, evidence: Evidence, decides: pl.DataFrame, about: pl.DataFrame) -> pl.DataFrame:
    """Verdicts that hang on a link for what its acceptance would break.

    A record that is dated before the birth of the person it is accepted for, or a mark that another of the same session
    contradicts, is set apart, and what its source says of the person is no longer trusted: even what is met may then
    be unknown.
    """
    breaking = about.join(_breaking(evidence), on=["table", "record_id", "person_id"], how="semi")
    if breaking.is_empty():
        return pl.DataFrame(schema=_HANGING)
    rests = [
        (item, table)
        for item in (ELIGIBLE, *cohort.rules.pack.routes)
        for table in sorted(_tables(_test_of(item, cohort.rules), cohort.rules))
    ]
    reads = pl.DataFrame(rests, schema={"item": pl.String, "table": pl.String}, orient="row")
    own = decides.filter(pl.col("family_id").is_in(cohort.facts.families["family_id"].implode()))
    could = own.filter(pl.col("verdict").is_in(["met", "unknown"])).select("family_id", "item")
    return breaking.join(reads, on="table").join(could, on=["family_id", "item"]).select(_HANGING.names())


def _breaking(evidence: Evidence) -> pl.DataFrame:
    """`table`, `record_id` and `person_id` of possible links that would break a contract if they were confirmed."""
    born = evidence.members.select("person_id", "date_of_birth").drop_nulls().unique()
    frames = []
    for table, records in evidence.records.items():
        if table not in EVENT_DAY:
            continue
        too_early = records.join(born, on="person_id").filter(pl.col(EVENT_DAY[table]) < pl.col("date_of_birth"))
        frames.append(too_early.filter("possible").select("record_id", "person_id", table=pl.lit(table)))
    marks = evidence.records["marks"]
    differs = pl.col("code").n_unique().over("person_id", "date", "session") > 1
    frames.append(marks.filter(differs & pl.col("possible")).select("record_id", "person_id", table=pl.lit("marks")))
    return pl.concat(frames).unique()


def _tables(test: Expression, rules: Rules) -> set[str]:
    """The tables of evidence that a test rests on, through the criteria that it refers to."""
    found: set[str] = set()
    for node in walk(test):
        if isinstance(node, CriterionRef):
            found |= _tables(criterion_of(node, rules).test, rules)
        elif isinstance(node, Test):
            found |= set(node.measure.sources)
        elif isinstance(node, ReducedBy):
            found |= {*node.measure.sources, *node.baseline.sources}
    return found


# ----------------------------------------------------------------------------------------------------- what it is worth


def _worth(
    pack: LoadedPack,
    items: list[str],
    hanging: pl.DataFrame,
    measurement: Measurement,
    findings: pl.DataFrame,
    live: pl.DataFrame,
) -> pl.DataFrame:
    """What each family could claim for every answer about the verdicts that hang on links: `family_id`, `met`, `pence`.

    `met` has a bit for each of `items`, and is set for those that are met.
    """
    families = measurement.families.join(hanging.select("family_id"), on="family_id", how="semi")
    own = findings.join(families, on="family_id", how="semi")
    open_items = hanging.select("family_id", "item").unique().with_columns(hangs=pl.lit(True))
    own = own.join(open_items, on=["family_id", "item"], how="left", maintain_order="left").with_columns(
        hangs=pl.col("hangs").fill_null(False)
        & (pl.col("subject_id") == "")
        & pl.col("part").is_in(["eligibility", "route"])
    )
    circumstances = Circumstances(
        authority_code=measurement.workspace.authority.code,
        window="",
        claim_date=measurement.as_of,
        window_open=None,
        families_agreed=None,
        families_live=0,
        earned_autonomy=has_earned_autonomy(measurement.workspace, measurement.as_of),
    )
    history, rules = history_of(live, measurement), pack.rules(measurement.as_of)
    answered = []
    for answers in product([False, True], repeat=len(items)):
        verdicts = {item: "met" if is_met else "unknown" for item, is_met in zip(items, answers, strict=True)}
        answer = pl.col("item").replace_strict(verdicts, default=None, return_dtype=pl.String)
        supposed = own.with_columns(
            verdict=pl.when("hangs").then(answer).otherwise("verdict"),
            reason=pl.when("hangs").then(pl.lit("")).otherwise("reason"),
        ).drop("hangs")
        selected = select(families, supposed, history, rules, circumstances)
        lines = pl.concat([frame.select("family_id", "amount_pence") for frame in (selected.lines, selected.held)])
        paid = lines.group_by("family_id").agg(pence=pl.col("amount_pence").sum())
        met = sum(is_met << at for at, is_met in enumerate(answers))
        answered.append(
            families.select("family_id", met=pl.lit(met, pl.Int64))
            .join(paid, on="family_id", how="left")
            .with_columns(pl.col("pence").fill_null(0))
        )
    return pl.concat(answered)
