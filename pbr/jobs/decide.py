"""Decide: a workspace and an as-of date in; every family's findings out.

Reads the extracts, links them, measures, and decides with the bulk engine and whichever others are asked for; all of
them must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from pbr import sources
from pbr.engines import bulk, durable, reference
from pbr.engines.agree import require_agreement
from pbr.engines.findings import FINDINGS, ORDER, decision_ids
from pbr.errors import Fault, Faults
from pbr.jobs.frameworks import Framework, frameworks
from pbr.jobs.linking import method_of
from pbr.linkage import Evidence, Method, attach
from pbr.measures.calendar import Calendar, Term
from pbr.measures.cohorts import Cohort, measure_cohorts
from pbr.measures.facts import Facts
from pbr.measures.practice import rests_on_all_needs, unplaced
from pbr.rulebook.load import LoadedPack
from pbr.rulebook.rules import Rules
from pbr.sources import Extract
from pbr.workspace import FILE, Workspace

Say = Callable[[str], None]
Engine = Callable[[Facts, Rules], pl.DataFrame]

ENGINES: dict[str, Engine] = {"bulk": bulk.decide, "durable": durable.decide, "reference": reference.decide}


@dataclass(frozen=True)
class Gathered:
    """A workspace's extracts, read and linked: what can be measured by one pack or several."""

    workspace: Workspace
    extracts: Mapping[str, Extract]
    method: Method
    evidence: Evidence

    @property
    def families(self) -> pl.DataFrame:
        """`family_id` and `engaged_on` of every family of the workspace, decided or not."""
        return self.evidence.families.select("family_id", "engaged_on").sort("family_id")


@dataclass(frozen=True)
class Measurement:
    """A workspace as far as its facts: what every decision is made from.

    `packs` decide the families, each with the families of one or more `cohorts`. `differing_terms`: see
    `measures.measure.Measured`.
    """

    gathered: Gathered
    as_of: date
    packs: tuple[LoadedPack, ...]
    cohorts: tuple[Cohort, ...]
    differing_terms: pl.DataFrame

    @property
    def workspace(self) -> Workspace:
        return self.gathered.workspace

    @property
    def extracts(self) -> Mapping[str, Extract]:
        return self.gathered.extracts

    @property
    def evidence(self) -> Evidence:
        return self.gathered.evidence

    @property
    def families(self) -> pl.DataFrame:
        """`family_id` and `engaged_on` of every family of the workspace, decided or not."""
        return self.gathered.families

    @property
    def decided(self) -> pl.Series:
        """The families that have facts, by id, sorted."""
        return pl.concat([cohort.facts.families["family_id"] for cohort in self.cohorts]).sort()

    @property
    def not_decided(self) -> pl.DataFrame:
        """Families that get no decision (`family_id`, `engaged_on`): engaged on or after the as-of date, or covered by
        no framework.
        """
        return self.families.filter(~pl.col("family_id").is_in(self.decided.implode()))

    @property
    def quarantined_families(self) -> pl.Series:
        """The families whose own row is in quarantine, by id (by record id where that is what cannot be read)."""
        rejected = self.extracts["families"].rejected
        return rejected.select(pl.coalesce("family_id", "record_id").alias("family_id")).to_series().unique().sort()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the run could live with and a person should know, by source. Nothing of a person, and no row's place."""
        told = []
        for table, extract in sorted(self.extracts.items()):
            told += [f"{table}: {warning}" for warning in extract.warnings]
            if lost := self._about_nobody(table, extract):
                told.append(f"{table}: {lost} quarantined records cannot be given to anybody, and put nobody in doubt")
            records = self.evidence.records.get(table)
            if records is not None and records.is_empty() and not extract.accepted.is_empty():
                told.append(f"{table}: none of its {extract.accepted.height} records is about a member")
        for table, unheard, in_doubt in self._needs_unheard_of():
            effect = f"put {in_doubt} families in doubt" if in_doubt else "count for nothing"
            told.append(f"{table}: {unheard} records name a need that the rules do not know, and {effect}")
        if lapsed := self.evidence.lapsed_decisions:
            decisions = "1 decision has" if lapsed == 1 else f"{lapsed} decisions have"
            told.append(f"review: {decisions} lapsed: the record's details, or the member, are not there now")
        if differing := self.differing_terms.height:
            told.append(f"marks: {differing} terms differ from their termly rows, which were used")
        return tuple(told)

    def _needs_unheard_of(self) -> Iterator[tuple[str, int, int]]:
        """The tables whose records name a need that the rules of their family do not know, before the as-of date; how
        many do, and how many families that leaves in doubt.
        """
        found = []
        for cohort in self.cohorts:
            doubts = any(rests_on_all_needs(call) for call in cohort.rules.family_measures.values())
            lost = unplaced(self.evidence, cohort.rules.written).filter(pl.col("dated") < self.as_of)
            own = lost.join(cohort.facts.families.select("family_id"), on="family_id", how="semi")
            found.append(own.with_columns(in_doubt=pl.when(doubts).then("family_id")))
        by_table = pl.concat(found).group_by("table").agg(pl.len(), pl.col("in_doubt").drop_nulls().n_unique())
        yield from by_table.sort("table").iter_rows()

    def _about_nobody(self, table: str, extract: Extract) -> int:
        if table == "families":
            return 0
        given = self.evidence.standing_links.filter(pl.col("table") == table)["record_id"]
        nobody = ~pl.col("record_id").is_in(given.implode())
        if "family_id" in extract.rejected.columns:
            nobody &= ~pl.col("family_id").is_in(self.evidence.families["family_id"].implode()).fill_null(False)
        return extract.rejected.filter(nobody).height


@dataclass(frozen=True)
class Decision:
    """The findings (`pbr.engines.findings.FINDINGS`) of all families, and what they were made from."""

    of: Measurement
    findings: pl.DataFrame
    engines: tuple[str, ...]


def decide(
    workspace: Workspace | Path | str,
    as_of: date,
    engines: Sequence[str] = ("bulk",),
    pack: LoadedPack | None = None,
    say: Say = lambda step: None,
) -> Decision:
    """Decide every family engaged before the as-of date, by the workspace's own pack or packs unless one is given.

    Raises Faults for whatever stops a run (all of a stage together), and Disagreement where engines differ.
    """
    measurement = measure_workspace(workspace, as_of, pack, say)
    findings = run_engines(measurement.cohorts, engines, say)
    return Decision(measurement, findings, tuple(dict.fromkeys(engines)))


def gather(workspace: Workspace | Path | str, say: Say = lambda step: None) -> Gathered:
    """Read a workspace's extracts and link them."""
    workspace = Workspace.of(workspace)
    method = method_of(workspace)
    extracts = sources.read(workspace, say)
    say("link records to members")
    return Gathered(workspace, extracts, method, attach(extracts, method))


def measure_by(
    found: Sequence[Framework], gathered: Gathered, as_of: date, say: Say = lambda step: None
) -> Measurement:
    """Measure each family by the framework that decides it."""
    say("measure")
    cohorts, differing = [], []
    for one in found:
        families = gathered.evidence.families.join(one.families, on="family_id", how="semi")
        evidence = replace(gathered.evidence, families=families)
        measured, terms = measure_cohorts(evidence, one.pack, as_of, calendar_of(gathered.workspace))
        cohorts += measured
        differing.append(terms)
    return Measurement(
        gathered, as_of, tuple(one.pack for one in found), tuple(cohorts), pl.concat(differing).unique().sort(pl.all())
    )


def measure_workspace(
    workspace: Workspace | Path | str, as_of: date, pack: LoadedPack | None = None, say: Say = lambda step: None
) -> Measurement:
    """Read, link and measure a workspace as of a day: by its own pack or packs, or all by the one given."""
    gathered = gather(workspace, say)
    given = None if pack is None else [Framework(pack, gathered.families)]
    return measure_by(given or frameworks(gathered.workspace, gathered.families, as_of), gathered, as_of, say)


def calendar_of(workspace: Workspace) -> Calendar:
    """The school calendar with the workspace's own terms."""
    return Calendar(Term(own.academic_year, own.term, own.start, own.until) for own in workspace.calendar_terms)


def run_engines(cohorts: Sequence[Cohort], engines: Sequence[str], say: Say = lambda step: None) -> pl.DataFrame:
    """Findings by the first engine, with decision ids; every other engine must give the same rows."""
    if unknown := [name for name in engines if name not in ENGINES] or (not engines and ["none"]):
        raise Faults(
            Fault("E403", "engines", f"there is no engine '{unknown[0]}'", f"Choose from {', '.join(ENGINES)}.")
        )
    first, *others = dict.fromkeys(engines)
    with ThreadPoolExecutor(1) as meanwhile:
        ids = [meanwhile.submit(decision_ids, cohort.facts, cohort.rules) for cohort in cohorts]
        say(f"decide ({first})")
        findings = decide_by(first, cohorts)
        for other in others:
            say(f"decide again ({other})")
            require_agreement("Two engines disagree", first, findings, other, decide_by(other, cohorts))
        of_families = pl.concat([found.result() for found in ids])
        return findings.join(of_families, on="family_id", how="left", maintain_order="left").select(FINDINGS)


def decide_by(engine: str, cohorts: Sequence[Cohort]) -> pl.DataFrame:
    """One engine's findings of all cohorts: the columns of `FINDINGS` but `decision_id`, in their order."""
    found = [ENGINES[engine](cohort.facts, cohort.rules) for cohort in cohorts]
    return found[0] if len(found) == 1 else pl.concat(found).sort(ORDER)


def installed_engines() -> dict[str, Engine]:
    """The engines that work here, by name: all but durable where it is not installed."""
    return {name: engine for name, engine in ENGINES.items() if name != "durable" or durable.available()}


def second_engine() -> str:
    """The engine that derives claimed families a second time: durable, or reference where it is not installed."""
    return "durable" if durable.available() else "reference"


FORMS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    ".csv": lambda rows, out: rows.with_columns(pl.col(pl.String).replace("", None)).write_csv(out),
    ".parquet": lambda rows, out: rows.write_parquet(out),
    ".jsonl": lambda rows, out: rows.write_ndjson(out),
}
"""How a table is written, by the ending of the file. In CSV an empty text is an empty cell, without quotes."""


def require_known_form(out: Path) -> None:
    """Raise Faults (E404) unless a table can be written to a file of this name."""
    if out.suffix not in FORMS:
        step = f"Name a file that ends in {', '.join(FORMS)}."
        raise Faults(Fault("E404", str(out), f"a table cannot be written as '{out.suffix}'", step))


def require_not_read_from(out: Path, extracts: Mapping[str, Extract], root: Path) -> None:
    """Raise Faults (E407) where a file to be written is one of the workspace's own."""
    own = {root / FILE, *(root / file.path for extract in extracts.values() for file in extract.files)}
    if out.exists() and any(path.exists() and out.samefile(path) for path in own):
        step = "Name another file: what the workspace is read from is never written over."
        raise Faults(Fault("E407", str(out), "is one of the workspace's own files", step))


def write_findings(findings: pl.DataFrame, out: Path) -> None:
    """Write findings, or another table, to a `.csv`, `.parquet` or `.jsonl` file.

    Raises Faults: E404 any other ending, E406 no way to.
    """
    require_known_form(out)
    try:
        FORMS[out.suffix](findings, out)
    except OSError as error:
        step = "Name a folder that is there and that you may write to."
        # Polars' errors have no number.
        reason = error.strerror or type(error).__name__
        raise Faults(Fault("E406", str(out), f"a table cannot be written here ({reason})", step)) from error
