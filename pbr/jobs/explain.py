"""Explain: one family's decision as a tree, from a workspace or from a bundle, with what was claimed of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pbr.claims.tariff import fee, left_for_family
from pbr.engines.trace import Step, Trace, trace
from pbr.errors import Fault, Faults
from pbr.jobs.carried import records_of
from pbr.jobs.decide import Measurement, Say, measure_workspace
from pbr.jobs.replay import open_bundle
from pbr.measures.cohorts import Cohort
from pbr.rulebook.model import Pack
from pbr.workspace import FILE


@dataclass(frozen=True)
class Claimed:
    """A line of the bundle about the family: `state` is `claimed` or `held`."""

    state: str
    route: str
    amount_pence: int
    why: str


@dataclass(frozen=True)
class Cited:
    """A record behind a fact: its file, and its row where the extract is at hand; its day or days; what it says."""

    place: str
    dated: date
    until: date | None
    says: str


@dataclass(frozen=True)
class Explanation:
    """`fees`: what each route pays a family engaged on that day; `most_pence`: what all of them together can pay.

    `records`: every record that the trace cites, by id; one that two sources use is two. `set_apart`: for a workspace,
    the quarantined rows that put the family or somebody in it in doubt: place, column, code and reason.
    """

    trace: Trace
    fees: dict[str, int]
    most_pence: int | None
    lines: tuple[Claimed, ...]
    records: dict[str, tuple[Cited, ...]]
    set_apart: tuple[str, ...]


def explain(place: Path | str, family_id: str, as_of: date | None = None, say: Say = lambda step: None) -> Explanation:
    """Explain a family's decision in a workspace (as of a day) or in a bundle.

    In a bundle the family may be named by its `family_ref` as well. Raises Faults: E405 no decision, E505 no as-of date
    for a workspace, E506 neither a workspace nor a bundle, E510 a bundle that was decided as of another day.
    """
    place = Path(place)
    if (place / "bagit.txt").is_file():
        bundle = open_bundle(place)
        if as_of not in (None, bundle.run.as_of):
            what = f"was decided as of {bundle.run.as_of}, not {as_of}"
            raise Faults(Fault("E510", place.name, what, "Leave out --as-of, or explain from the workspace."))
        claim, held = bundle.tables["claim.csv"], bundle.tables["held.csv"]
        family_id = _by_ref(family_id, pl.concat([claim, held], how="diagonal"), bundle.tables["decisions.parquet"])
        traced = _traced(bundle.cohorts, family_id)
        records = bundle.tables["records.parquet"].filter(pl.col("record_id").is_in(_cited(traced).implode()))
        return _explained(traced, bundle.pack.pack, _by_id(records), lines=_lines(traced, claim, held))
    if not (place / FILE).is_file():
        raise Faults(Fault("E506", str(place), f"is no workspace ({FILE}) and no bundle (bagit.txt)", "Name one."))
    if as_of is None:
        raise Faults(Fault("E505", str(place), "a workspace is explained as of a day", "Add --as-of DATE."))
    measured = measure_workspace(place, as_of, say=say)
    traced = _traced(measured.cohorts, family_id)
    records, apart = _records_with_rows(traced, measured), tuple(_set_apart(family_id, measured))
    packs = {pack.digest: pack.pack for pack in measured.packs}
    return _explained(traced, packs[traced.pack_digest], _by_id(records), set_apart=apart)


def _traced(cohorts: Sequence[Cohort], family_id: str) -> Trace:
    """Raises Faults (E405) where the family has no decision."""
    own = [cohort for cohort in cohorts if (cohort.facts.families["family_id"] == family_id).any()]
    (cohort, *_) = [*own, *cohorts]
    return trace(cohort.facts, cohort.rules, family_id)


def _records_with_rows(traced: Trace, measured: Measurement) -> pl.DataFrame:
    """The records that a decision cites, as a bundle has them, with the row in the place of each."""
    cited = pl.DataFrame({"record_id": _cited(traced)})
    rows = [
        extract.accepted.join(cited, on="record_id").select("record_id", "row", table=pl.lit(table))
        for table, extract in measured.extracts.items()
        if table != "members"
    ]
    placed = pl.concat(rows)
    said = records_of(measured, placed.select("record_id", "table")).join(placed, on=["record_id", "table"])
    return said.with_columns(file=pl.format("{}:{}", "file", "row"))


def _by_id(records: pl.DataFrame) -> dict[str, tuple[Cited, ...]]:
    by_id: dict[str, tuple[Cited, ...]] = {}
    for row in records.sort("record_id", "file").iter_rows(named=True):
        cited = Cited(row["file"], row["dated"], row["until"], row["says"])
        by_id[row["record_id"]] = (*by_id.get(row["record_id"], ()), cited)
    return by_id


def _set_apart(family_id: str, measured: Measurement) -> Iterator[str]:
    """The quarantined rows about the family or anybody who ever belonged to it, each with its place and reasons."""
    evidence = measured.evidence
    of_family = pl.col("family_id") == family_id
    members = [frame.filter(of_family)["person_id"] for frame in (evidence.members, evidence.doubtful_members)]
    people = pl.concat(members).unique()
    linked = evidence.standing_links.filter(pl.col("person_id").is_in(people.implode()))
    about = linked.select(source="table", record_id="record_id")
    for table, extract in measured.extracts.items():
        named = extract.rejected
        if "family_id" in named.columns:
            about = about.vstack(named.filter(of_family).select(pl.lit(table).alias("source"), "record_id"))
        if table == "members":
            theirs = named.filter(pl.col("person_id").is_in(people.implode()))
            about = about.vstack(theirs.select(pl.lit(table).alias("source"), "record_id"))
    rows = pl.concat([*(each.quarantine for each in measured.extracts.values()), evidence.quarantine], how="diagonal")
    rows = rows.join(about.unique(), on=["source", "record_id"], how="semi").sort("file", "row")
    for row in rows.iter_rows(named=True):
        column = f" {row['column']}" if row["column"] else ""
        yield f"{row['file']}:{row['row']}{column}: {row['reason']} ({row['code']})"


def _cited(traced: Trace) -> pl.Series:
    """The ids of the records that a decision cites."""
    return pl.Series(sorted(_records(ruling.step for ruling in traced.rulings)), dtype=pl.String)


def _records(steps: Iterable[Step]) -> set[str]:
    return {record for step in steps for record in (*step.records, *_records(step.parts))}


def _explained(
    traced: Trace,
    pack: Pack,
    records: dict[str, tuple[Cited, ...]],
    *,
    lines: tuple[Claimed, ...] = (),
    set_apart: tuple[str, ...] = (),
) -> Explanation:
    engaged = pl.DataFrame({"engaged_on": [traced.engaged_on]})
    fees = {route: engaged.select(fee(pack, name)).item() for route, name in pack.tariff.routes.items()}
    most = engaged.select(left_for_family(pack)).item()
    known = {route: pence for route, pence in fees.items() if pence is not None}
    return Explanation(traced, known, most, lines, records, set_apart)


def _by_ref(name: str, lines: pl.DataFrame, decisions: pl.DataFrame) -> str:
    decided = lines.filter(pl.col("family_ref") == name)["decision_id"]
    found = decisions.filter(pl.col("decision_id").is_in(decided.implode()))["family_id"]
    return str(found[0]) if found.len() else name


def _lines(traced: Trace, claim: pl.DataFrame, held: pl.DataFrame) -> tuple[Claimed, ...]:
    ours = pl.col("decision_id") == traced.decision_id
    claimed = [Claimed("claimed", r["route"], r["amount_pence"], "") for r in claim.filter(ours).iter_rows(named=True)]
    waiting = [
        Claimed("held", r["route"], r["amount_pence"], f"{r['reason']}: {r['released_by']}")
        for r in held.filter(ours).iter_rows(named=True)
    ]
    return tuple(claimed + waiting)
