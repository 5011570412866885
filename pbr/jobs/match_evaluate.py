"""Evaluate linkage: a workspace in; out comes how good its links are, and how much money rests on them.

Against labels, precision and recall are measured. Without, the model of the probabilistic pass estimates how many links
are false or missing, and every batch of the ledger, and what would be claimed now, is asked how many of its pence rest
on links that the authority's own id did not make. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pbr.claims.select import Circumstances, select
from pbr.engines import bulk
from pbr.jobs.decide import Gathered, Say, decide_by, gather, measure_by
from pbr.jobs.frameworks import frameworks
from pbr.jobs.labels import read_labels
from pbr.jobs.prepare import has_earned_autonomy, history_of
from pbr.jobs.replay import open_bundle
from pbr.ledger import Ledger
from pbr.linkage import quality, squeezed
from pbr.linkage.people import People
from pbr.linkage.probabilistic import WEIGHTS, parts, score
from pbr.measures.cohorts import Cohort
from pbr.rulebook.rules import Rules
from pbr.workspace import Workspace

AT_RISK = pl.Schema(
    {
        "batch": pl.String(),
        "state": pl.String(),
        "of_lines": pl.Int64(),
        "of_pence": pl.Int64(),
        "status": pl.String(),
        "pass": pl.String(),
        "lines": pl.Int64(),
        "amount_pence": pl.Int64(),
        "not_weighed": pl.Int64(),
        "expected_pence": pl.Int64(),
    }
)
"""Claim lines that rest on a link which is not by the authority's own id, by batch and pass; an empty pass is any such.

`batch` is a batch of the ledger in its `state`, or the as-of date with the state `not claimed`; it has `of_lines` and
`of_pence` in all. `lines` and `amount_pence` rest on at least one such link of that status: a line that rests on two
passes counts under both. Of a possible link both outcomes were tried, and the line stands with either.
`expected_pence`: what is expected to be on lines with at least one false confirmed link, an estimate in whole pence;
null where no link has a weight. `not_weighed`: lines with a link for which there is no estimate, which adds nothing.
"""

ASSUMPTIONS = (
    "An estimate, and no evidence: it takes the model's weights for true odds and sets of details for independent of "
    "each other, the authority's own id and reviewers for right, the mean of its pass for a link without a weight, and "
    "it cannot see records that the model brings together with nobody, nor what a missed record would have changed."
)
WITHOUT_A_MODEL = (
    "The workspace has no model, so nobody can tell without labels how many links are false or missing: what is told "
    "is how much money rests on links that the authority's own id did not make. Train one with pbr match train, or "
    "label a sample."
)

WEIGHED_FROM = -50
"""Bits from which pairs are weighed for an estimate: what is below changes no figure that is shown."""


@dataclass(frozen=True)
class Measured:
    """`quality`, `wrong`, `curve` (None without a model): see `linkage.quality`. `records`: those that linkage reads;
    `labelled`: those with a label; `about_nobody`: labelled as about nobody on the list. `thresholds`: the model's.
    """

    quality: pl.DataFrame
    wrong: pl.DataFrame
    curve: pl.DataFrame | None
    records: int
    labelled: int
    about_nobody: int
    thresholds: Mapping[str, int]
    gathered: Gathered

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """All tables by name, the first one first."""
        curve = {} if self.curve is None else {"curve": self.curve}
        return {"quality": self.quality, "wrong": self.wrong, **curve}


@dataclass(frozen=True)
class Estimated:
    """`links`: see `quality.ESTIMATE`. `at_risk`: see `AT_RISK`. `has_model`: whether the workspace weighs links."""

    links: pl.DataFrame
    at_risk: pl.DataFrame
    has_model: bool
    gathered: Gathered

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """All tables by name, the first one first."""
        return {"links": self.links, "at_risk": self.at_risk}


def measure_against_labels(workspace: Workspace | Path | str, labels: Path, say: Say = lambda step: None) -> Measured:
    """Precision and recall of a workspace's links against labels.

    Raises Faults: E340 to E346 of the labels (`labels.read_labels`), and those of every stage before.
    """
    gathered = gather(workspace, say)
    evidence, people = gathered.evidence, _people(gathered)
    records = evidence.details.records
    known = quality.labelled(read_labels(labels, gathered.extracts, records), evidence.details, people)
    say("compare with the labels")
    links = evidence.links.with_columns(squeezed("person_id"))
    settings = gathered.workspace.linkage
    curve = None
    if gathered.method.model is not None:
        say("weigh the labelled records")
        weights = _weights(gathered, people, quality.LOWEST, known.select("detail").unique())
        curve = quality.curve(known, links, weights.with_columns(squeezed("person_id")))
    return Measured(
        quality=quality.quality(known, links, settings.passes),
        wrong=quality.wrong(known, links),
        curve=curve,
        records=records.select("table", "record_id", "detail").n_unique(),
        labelled=known.height,
        about_nobody=known["person_id"].null_count(),
        thresholds=_thresholds(gathered.workspace),
        gathered=gathered,
    )


def estimate_without_labels(workspace: Workspace | Path | str, as_of: date, say: Say = lambda step: None) -> Estimated:
    """How many links may be false or missing, by the model's weights, and the money that rests on links by batch.

    Raises Faults: those of every stage of deciding as of the date, of the ledger, and of each bundle that it names.
    """
    gathered = gather(workspace, say)
    evidence = gathered.evidence
    has_model = gathered.method.model is not None
    weights = pl.DataFrame(schema=WEIGHTS)
    if has_model:
        say("weigh all pairs")
        weights = _weights_of_all(gathered, _people(gathered))
    links = quality.estimate(evidence.links, weights if has_model else None, evidence.details.records)
    weighed = quality.weighed(evidence.links, weights)
    of_pass = dict(
        links.filter((pl.col("status") == "confirmed") & (pl.col("weighed") > 0))
        .select("pass", pl.col("expected_false") / pl.col("weighed"))
        .iter_rows()
    )
    claims = (*_batches(gathered, say), _not_claimed(gathered, as_of, say))
    found = [_of_batch(claimed, weighed, of_pass) for claimed in claims]
    return Estimated(links, pl.concat([pl.DataFrame(schema=AT_RISK), *found]), has_model, gathered)


def _people(gathered: Gathered) -> People:
    return People.of(gathered.extracts["members"].accepted)


def _weights(gathered: Gathered, people: People, from_bits: int, details: pl.DataFrame) -> pl.DataFrame:
    """`probabilistic.WEIGHTS` of whom the model brings together with some details (`detail`), from so many bits."""
    method = gathered.method
    assert method.model is not None
    return score(gathered.evidence.details, people, method.model, 100 * from_bits, method.settings.most_pairs, details)


def _weights_of_all(gathered: Gathered, people: People) -> pl.DataFrame:
    """The same of all details, and of every pair that is linked, whether or not the model would bring it together.

    Hashes have no weight: the model compares nothing of them.
    """
    evidence, model = gathered.evidence, gathered.method.model
    assert model is not None
    found = _weights(gathered, people, WEIGHED_FROM, evidence.details.rows.select("detail"))
    hashed = evidence.details.rows.filter(pl.col("match_keys").is_not_null())
    by_content = evidence.links.filter(~pl.col("pass").is_in(quality.TAKEN_AS_RIGHT)).join(
        hashed, on="detail", how="anti"
    )
    pairs = by_content.select("detail", "person_id").unique().join(found, on=["detail", "person_id"], how="anti")
    of_parts = parts(evidence.details, people, model, pairs)
    others = of_parts.group_by("detail", "person_id").agg(pl.col("weight").sum())
    return pl.concat([found, others.select(found.columns).cast(WEIGHTS)])


def _thresholds(workspace: Workspace) -> dict[str, int]:
    settings = workspace.linkage.probabilistic
    if settings is None:
        return {}
    return {"confirmed_from": settings.confirmed_from, "possible_from": settings.possible_from}


# -------------------------------------------------------------------------------------------------- money at risk


@dataclass(frozen=True)
class _Claimed:
    """Lines (`family_id`, `route`, `amount_pence`), what was decided of their families, and the links behind it."""

    name: str
    state: str
    lines: pl.DataFrame
    cohorts: Sequence[Cohort]
    links: pl.DataFrame


def _batches(gathered: Gathered, say: Say) -> Iterable[_Claimed]:
    """The batches of the ledger that were not withdrawn, each from its bundle."""
    workspace = gathered.workspace
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        batches = ledger.batches().filter(pl.col("state") != "withdrawn")
    for batch in batches.iter_rows(named=True):
        say(f"open batch {batch['batch_id']}")
        bundle = open_bundle(workspace.batches_path / batch["bundle"])
        families = bundle.tables["decisions.parquet"].select("decision_id", "family_id").unique()
        lines = bundle.tables["claim.csv"].join(families, on="decision_id").select(LINES.names())
        yield _Claimed(batch["batch_id"], batch["state"], lines, bundle.cohorts, bundle.tables["links.parquet"])


def _not_claimed(gathered: Gathered, as_of: date, say: Say) -> _Claimed:
    """What would be claimed on the as-of date from the ledger as it stands, whatever window and allocation."""
    workspace = gathered.workspace
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        live = ledger.live_lines()
    lines = [pl.DataFrame(schema=LINES)]
    cohorts: list[Cohort] = []
    for framework in frameworks(workspace, gathered.families, as_of):
        measurement = measure_by([framework], gathered, as_of, say)
        say(f"decide and price by {framework.pack.pack.id}")
        findings = decide_by("bulk", measurement.cohorts).with_columns(decision_id=pl.lit(""))
        of = Circumstances(
            authority_code=workspace.authority.code,
            window="",
            claim_date=as_of,
            window_open=None,
            families_agreed=None,
            families_live=live["family_id"].n_unique(),
            earned_autonomy=has_earned_autonomy(workspace, as_of),
        )
        history = history_of(live, measurement)
        selection = select(framework.families, findings, history, framework.pack.rules(as_of), of)
        lines.append(selection.lines.select(LINES.names()).cast(LINES))
        cohorts += measurement.cohorts
    return _Claimed(str(as_of), "not claimed", pl.concat(lines), cohorts, gathered.evidence.links)


LINES = pl.Schema({"family_id": pl.String(), "route": pl.String(), "amount_pence": pl.Int64()})
TOGETHER = ["person_id", "pass", "key", "evidence", "weight"]
"""Links of one person that are equal in all of this are taken to be of one set of details: right or wrong together."""


def _of_batch(claimed: _Claimed, today: pl.DataFrame, of_pass: Mapping[str, float]) -> pl.DataFrame:
    """The rows (`AT_RISK`) of a batch: `today` has links with `is_false`, and `of_pass` the mean of it by pass."""
    behind = _behind(claimed).join(
        today.select("table", "record_id", "person_id", "is_false"), on=["table", "record_id", "person_id"], how="left"
    )
    own = pl.when(~pl.col("pass").is_in(quality.TAKEN_AS_RIGHT)).then(quality.is_false(pl.col("weight")))
    mean = pl.col("pass").replace_strict(dict(of_pass), default=None, return_dtype=pl.Float64)
    rows = resting(behind.with_columns(is_false=pl.coalesce(own, "is_false", mean)))
    if rows.is_empty():
        rows = pl.DataFrame([("confirmed", "", 0, 0, 0, None)], rows.schema, orient="row")
    return rows.select(
        pl.lit(claimed.name).alias("batch"),
        pl.lit(claimed.state).alias("state"),
        pl.lit(claimed.lines.height).alias("of_lines"),
        pl.lit(claimed.lines["amount_pence"].sum()).alias("of_pence"),
        *rows.columns,
    ).cast(AT_RISK)


def resting(behind: pl.DataFrame) -> pl.DataFrame:
    """Lines and pence that rest on links: the columns of `AT_RISK` from `status` on, an empty pass for any.

    `behind`: `family_id`, `route`, `amount_pence` of a line and a link behind it: `status`, what makes it one of a set
    (`TOGETHER`) and `is_false`, the probability that it is, null where nobody can tell. Sets are independent of each
    other: a line has a false link with one minus the product of the chances that each set is right.
    """
    line = list(LINES)
    sets = behind.group_by(*line, "status", *TOGETHER).agg(pl.col("is_false").max())
    of_line = (
        pl.concat([sets.with_columns(pl.lit("").alias("pass")), sets])
        .group_by(*line, "status", "pass")
        .agg(
            has_none=pl.col("is_false").is_null().any(),
            is_weighed=pl.col("is_false").is_not_null().any(),
            wrong=1 - (1 - pl.col("is_false").fill_null(0.0)).product(),
        )
    )
    # A sum of fractions in one order, so that its last figures do not hang on the order of rows.
    in_order = of_line.sort("status", "pass", *line)
    confirmed = pl.col("status") == "confirmed"
    expected = (pl.col("amount_pence") * pl.col("wrong")).sum().round().cast(pl.Int64)
    counted = in_order.group_by("status", "pass", maintain_order=True).agg(
        lines=pl.len().cast(pl.Int64),
        amount_pence=pl.col("amount_pence").sum(),
        not_weighed=pl.col("has_none").sum().cast(pl.Int64),
        expected_pence=pl.when(pl.col("is_weighed").any()).then(expected),
    )
    estimated = [pl.when(confirmed).then(name).alias(name) for name in ("not_weighed", "expected_pence")]
    return counted.with_columns(estimated)


def _behind(claimed: _Claimed) -> pl.DataFrame:
    """The links, not by the authority's own id, of the records on which each line rests: `LINES` and the links'.

    Facts name records by their ids alone, and two tables may use one id: a link counts if it is to one of the family.
    """
    links = claimed.links.filter((pl.col("pass") != "person_id") & pl.col("status").is_in(["confirmed", "possible"]))
    found = []
    for cohort in claimed.cohorts:
        facts = cohort.facts.to_long().select("family_id", "fact", record_id="records").explode("record_id")
        own = facts.drop_nulls("record_id").join(_facts_behind(cohort.rules), on="fact")
        members = cohort.facts.members.select("family_id", person_id="subject_id")
        cited = claimed.lines.join(own, on=["family_id", "route"])
        found.append(cited.join(links, on="record_id").join(members, on=["family_id", "person_id"], how="semi"))
    columns = [*LINES, "table", "record_id", "person_id", "status", "pass", "key", "evidence", "weight"]
    return pl.concat([each.select(columns) for each in found]).unique()


def _facts_behind(rules: Rules) -> pl.DataFrame:
    """The facts on which a line of each route rests: those of the route and of eligibility (`route`, `fact`)."""
    eligible = rules.pack.eligibility["eligible"].test
    rows = []
    for route, criterion in rules.pack.routes.items():
        tops = (eligible, criterion.test)
        tests = [*tops, *(test for top in tops for test in bulk.criteria_behind(top, rules).values())]
        keys = {key for test in tests for key in bulk.facts_read(test, rules)}
        rows += [(route, key) for key in sorted(keys)]
    return pl.DataFrame(rows, {"route": pl.String(), "fact": pl.String()}, orient="row")
