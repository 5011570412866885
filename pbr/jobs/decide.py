"""Decide: a workspace and an as-of date in; every family's findings out.

Reads the extracts, links them, measures, and decides with the bulk engine and whichever others are asked for; all of
them must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pbr import sources
from pbr.engines import bulk, durable, reference
from pbr.engines.agree import require_agreement
from pbr.engines.findings import FINDINGS, decision_ids
from pbr.errors import Fault, Faults
from pbr.linkage import Evidence, attach
from pbr.measures.calendar import Calendar, Term
from pbr.measures.facts import Facts
from pbr.measures.measure import Measured, measure
from pbr.rulebook.load import LoadedPack, load_pack
from pbr.rulebook.rules import Rules
from pbr.sources import Extract
from pbr.workspace import FILE, Workspace

Say = Callable[[str], None]
Engine = Callable[[Facts, Rules], pl.DataFrame]

ENGINES: dict[str, Engine] = {"bulk": bulk.decide, "durable": durable.decide, "reference": reference.decide}


@dataclass(frozen=True)
class Measurement:
    """A workspace as far as its facts: what every decision is made from."""

    workspace: Workspace
    pack: LoadedPack
    rules: Rules
    extracts: Mapping[str, Extract]
    evidence: Evidence
    measured: Measured

    @property
    def facts(self) -> Facts:
        return self.measured.facts

    @property
    def families(self) -> pl.DataFrame:
        """`family_id` and `engaged_on` of every family of the workspace, decided or not."""
        return self.evidence.families.select("family_id", "engaged_on").sort("family_id")

    @property
    def not_decided(self) -> pl.DataFrame:
        """Families engaged on or after the as-of date: `family_id`, `engaged_on`. They get no decision."""
        return self.families.filter(pl.col("engaged_on") >= self.rules.on)

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
        if unheard := self._needs_unheard_of():
            told.append(f"needs: {unheard} records name a need that the rules do not know, and count for nothing")
        if differing := self.measured.differing_terms.height:
            told.append(f"marks: {differing} terms differ from their termly rows, which were used")
        return tuple(told)

    def _needs_unheard_of(self) -> int:
        parameters = self.pack.pack.parameters
        known = {str(dated.value) for each in parameters.values() if each.unit == "need" for dated in each.values}
        records = self.evidence.records.get("needs")
        return 0 if records is None else records.filter(~pl.col("need").is_in(sorted(known))).height

    def _about_nobody(self, table: str, extract: Extract) -> int:
        if table == "families":
            return 0
        given = self.evidence.links.filter(pl.col("table") == table)["record_id"]
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
    say: Say = lambda step: None,
) -> Decision:
    """Decide every family engaged before the as-of date.

    Raises Faults for whatever stops a run (all of a stage together), and Disagreement where engines differ.
    """
    measurement = measure_workspace(workspace, as_of, say)
    findings = run_engines(measurement.facts, measurement.rules, engines, say)
    return Decision(measurement, findings, tuple(dict.fromkeys(engines)))


def measure_workspace(
    workspace: Workspace | Path | str, as_of: date, say: Say = lambda step: None, pack: LoadedPack | None = None
) -> Measurement:
    """Read, link and measure a workspace as of a day, by its own rule pack unless another is given."""
    workspace = Workspace.of(workspace)
    pack = pack or load_pack(*pack_of(workspace))
    rules = pack.rules(as_of)
    extracts = sources.read(workspace, say)
    say("link records to members")
    evidence = attach(extracts)
    say("measure")
    measured = measure(evidence, rules, calendar_of(workspace))
    return Measurement(workspace, pack, rules, extracts, evidence, measured)


def pack_of(workspace: Workspace) -> tuple[str | Path, Path | None]:
    """The pack and overlay that a workspace names: a pack's id, or a path seen from the workspace."""
    named, overlay = workspace.rules.pack, workspace.rules.overlay
    path = workspace.root / named
    return path if path.is_dir() else named, None if overlay is None else workspace.root / overlay


def calendar_of(workspace: Workspace) -> Calendar:
    """The school calendar with the workspace's own terms."""
    return Calendar(Term(own.academic_year, own.term, own.start, own.until) for own in workspace.calendar_terms)


def run_engines(facts: Facts, rules: Rules, engines: Sequence[str], say: Say = lambda step: None) -> pl.DataFrame:
    """Findings by the first engine, with decision ids; every other engine must give the same rows."""
    if unknown := [name for name in engines if name not in ENGINES] or (not engines and ["none"]):
        raise Faults(
            Fault("E403", "engines", f"there is no engine '{unknown[0]}'", f"Choose from {', '.join(ENGINES)}.")
        )
    first, *others = dict.fromkeys(engines)
    with ThreadPoolExecutor(1) as meanwhile:
        ids = meanwhile.submit(decision_ids, facts, rules)
        say(f"decide ({first})")
        findings = ENGINES[first](facts, rules)
        for other in others:
            say(f"decide again ({other})")
            require_agreement("Two engines disagree", first, findings, other, ENGINES[other](facts, rules))
        return findings.join(ids.result(), on="family_id", how="left", maintain_order="left").select(FINDINGS)


def second_engine() -> str:
    """The engine that derives claimed families a second time: durable, or reference where it is not installed."""
    return "durable" if durable.available() else "reference"


FORMS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    ".csv": lambda findings, out: findings.with_columns(pl.all().replace("", None)).write_csv(out),
    ".parquet": lambda findings, out: findings.write_parquet(out),
    ".jsonl": lambda findings, out: findings.write_ndjson(out),
}
"""How findings are written, by the ending of the file. In CSV an empty text is an empty cell, without quotes."""


def require_known_form(out: Path) -> None:
    """Raise Faults (E404) unless findings can be written to a file of this name."""
    if out.suffix not in FORMS:
        step = f"Name a file that ends in {', '.join(FORMS)}."
        raise Faults(Fault("E404", str(out), f"findings cannot be written as '{out.suffix}'", step))


def require_not_read_from(out: Path, extracts: Mapping[str, Extract], root: Path) -> None:
    """Raise Faults (E407) where a file to be written is one of the workspace's own."""
    own = {root / FILE, *(root / file.path for extract in extracts.values() for file in extract.files)}
    if out.resolve() in {path.resolve() for path in own}:
        step = "Name another file: what the workspace is read from is never written over."
        raise Faults(Fault("E407", str(out), "is one of the workspace's own files", step))


def write_findings(findings: pl.DataFrame, out: Path) -> None:
    """Write findings to a `.csv`, `.parquet` or `.jsonl` file. Raises Faults: E404 any other ending, E406 no way to."""
    require_known_form(out)
    try:
        FORMS[out.suffix](findings, out)
    except OSError as error:
        step = "Name a folder that is there and that you may write to."
        # Polars' errors have no number.
        reason = error.strerror or type(error).__name__
        raise Faults(Fault("E406", str(out), f"findings cannot be written here ({reason})", step)) from error
