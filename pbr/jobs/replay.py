"""Replay: decide a bundle again from what it carries, or from the extracts it came from, and compare everything.

In: a bundle that verifies. Out: a count of what was compared, or Disagreement with every difference, by family,
criterion and value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import polars as pl

from pbr.claims.bundle import METADATA, RUN
from pbr.claims.contract import TABLES, BatchRun, Linkage, claim_metadata, read, readable_json
from pbr.claims.pages import rulebook, summary
from pbr.claims.select import Circumstances, Controls, Selection, claim_line_id, select
from pbr.claims.verify import verify
from pbr.engines.agree import differences
from pbr.engines.findings import FINDINGS
from pbr.errors import Disagreement, Faults
from pbr.jobs.alike import alike_of, lines_named, with_a_result
from pbr.jobs.carried import carried
from pbr.jobs.decide import Say, measure_workspace, run_engines
from pbr.jobs.inputs import input_files
from pbr.jobs.key import key_of
from pbr.jobs.linking import recorded
from pbr.jobs.prepare import derived_again, rulebook_of, titles
from pbr.ledger import Ledger
from pbr.measures.cohorts import Cohort, read_cohorts, to_table
from pbr.rulebook.load import LoadedPack, load_pack
from pbr.rulebook.rules import Rules
from pbr.sources import Extract
from pbr.workspace import Workspace

SHOWN = 200
"""How many differences are written out; the rest are counted."""


@dataclass(frozen=True)
class OpenBundle:
    """A bundle's record, tables (by file) and rules, read after it was verified."""

    path: Path
    run: BatchRun
    tables: dict[str, pl.DataFrame]
    pack: LoadedPack
    rules: Rules

    @property
    def cohorts(self) -> list[Cohort]:
        """Raises Faults (E401, E402) where the facts are not those that the rules read."""
        return read_cohorts(self.tables["facts.parquet"], self.pack, self.run.as_of)


@dataclass(frozen=True)
class Replay:
    """What was compared and found equal. `changed_inputs`: with sources, the files that differ from the bundle's."""

    bundle: OpenBundle
    engines: tuple[str, str]
    families: int
    findings: int
    lines: int
    changed_inputs: tuple[str, ...] | None


def open_bundle(path: Path) -> OpenBundle:
    """Verify and read a bundle. Raises Faults: every fault that `claims.verify` finds, and those of its rule pack."""
    run = _verified(path)
    return _opened(path, run, load_pack(path / "data" / "rules", carried=True))


def _verified(path: Path) -> BatchRun:
    """The record of a bundle's run. Raises Faults: every fault that `claims.verify` finds."""
    if faults := verify(path):
        raise Faults(faults)
    return BatchRun.model_validate_json((path / "data" / RUN).read_bytes())


def _opened(path: Path, run: BatchRun, pack: LoadedPack) -> OpenBundle:
    tables = {file: read(file, (path / "data" / file).read_bytes()) for file in TABLES}
    return OpenBundle(path, run, tables, pack, pack.rules(run.as_of))


def replay(bundle: Path, from_sources: Workspace | Path | str | None = None, say: Say = lambda step: None) -> Replay:
    """Decide a bundle again and compare. Raises Faults where it cannot be read, Disagreement where anything differs.

    Where the rules are not those that run.json names, or cannot be read, that is the one difference that is told: by
    other rules, nearly all of the rest would differ, and say nothing more.
    """
    say("verify")
    path = Path(bundle)
    run = _verified(path)
    opened = _opened(path, run, _own_rules(path, run))
    found: list[str] = []
    changed = measured = None
    if from_sources is None:
        cohorts: Sequence[Cohort] = opened.cohorts
    else:
        measured = measure_workspace(from_sources, opened.run.as_of, opened.pack, say)
        cohorts = measured.cohorts
        changed = tuple(_changed_inputs(opened.run, measured.workspace, measured.extracts))
        found += [f"input {place}" for place in changed]
        found += _linkage_differences(opened.run, recorded(measured.gathered.method))
        found += _fact_differences(opened.tables["facts.parquet"], to_table(cohorts))
        for file, made in carried(measured, key_of(measured.workspace)).tables.items():
            found += _rows_apart(file, opened.tables[file], made)
        if measured.not_decided.height != opened.run.families_not_decided:
            then, now = opened.run.families_not_decided, measured.not_decided.height
            found.append(f"families not decided: {then} then, {now} now")
    findings = run_engines(cohorts, ["bulk"], say)
    found += differences("the bundle", opened.tables["decisions.parquet"].select(FINDINGS), "the replay", findings)

    say("select and price")
    history, considered = opened.tables["history.csv"], _considered(cohorts, opened.run)
    controls = Controls(*(opened.tables[file] for file in ("overrides.csv", "found_wrong.csv", "alike.csv")))
    if measured is not None:
        alike = alike_of(measured, with_a_result(findings, controls.overrides), _live_then(opened, measured.workspace))
        found += _rows_apart("alike.csv", controls.alike, alike)
    selection = select(considered, findings, history, opened.rules, _of(opened.run), controls)
    found += _line_differences(opened.tables, selection)
    found += _page_differences(opened)
    second, first, again = derived_again(cohorts, findings, selection, say)
    found += differences("bulk", first, second, again)
    if found:
        more = [f"… and {len(found) - SHOWN} more."] if len(found) > SHOWN else []
        raise Disagreement(f"The replay of {opened.path.name} differs in {len(found)} places.", found[:SHOWN] + more)
    families = sum(cohort.facts.families.height for cohort in cohorts)
    return Replay(opened, ("bulk", second), families, findings.height, selection.lines.height, changed)


def _own_rules(path: Path, run: BatchRun) -> LoadedPack:
    """A bundle's rules. Raises Disagreement, with one sentence, where they are not those that run.json names."""
    rules = path / "data" / "rules"
    try:
        pack = load_pack(rules, carried=True)
    except Faults as unreadable:
        first, *more = unreadable.faults
        rest = f" {len(more)} more faults: see pbr rules check {rules}." if more else ""
        told = f"rules: they cannot be read, so that nothing was decided again. {first}{rest}"
    else:
        if pack.digest == run.pack_digest:
            return pack
        named = f"their digest is {pack.digest}, and {run.pack_digest} in run.json"
        told = f"rules: {named}; they were changed, and nothing was decided again by others"
    raise Disagreement(f"The replay of {path.name} stops at the rules.", [told])


def _live_then(opened: OpenBundle, workspace: Workspace) -> pl.DataFrame:
    """The live lines when a bundle was prepared; where the ledger does not know it, as far as the bundle names them."""
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        prepared = ledger.prepared(opened.run.batch_id)
        return lines_named(opened.tables["alike.csv"]) if prepared is None else ledger.live_lines(prepared.seq)


def _of(run: BatchRun) -> Circumstances:
    return Circumstances(
        authority_code=run.authority_code,
        window=run.window,
        claim_date=run.claim_date,
        window_open=run.window_open,
        families_agreed=run.families_agreed,
        families_live=run.families_live,
        families_quarantined=run.families_quarantined,
        earned_autonomy=run.earned_autonomy,
    )


def _considered(cohorts: Sequence[Cohort], run: BatchRun) -> pl.DataFrame:
    """The families of the workspace; those that were not decided are only counted, and stand without their ids."""
    decided = pl.concat([cohort.facts.families.select("family_id", "engaged_on") for cohort in cohorts])
    waiting = pl.DataFrame({"family_id": [f"not decided {n}" for n in range(run.families_not_decided)]})
    return pl.concat([decided, waiting.with_columns(engaged_on=pl.lit(run.as_of)).cast(decided.schema)])


def _changed_inputs(run: BatchRun, workspace: Workspace, extracts: Mapping[str, Extract]) -> Iterator[str]:
    then = {(each.source, each.path): each.sha256 for each in run.inputs}
    now = {(file.source, file.path): file.sha256 for file in input_files(workspace, extracts)}
    for place in sorted(then.keys() | now.keys()):
        source, path = place
        if place not in now:
            yield f"{path} ({source}): is not there now"
        elif place not in then:
            yield f"{path} ({source}): was not there then"
        elif then[place] != now[place]:
            yield f"{path} ({source}): has changed since"


def _linkage_differences(run: BatchRun, now: Linkage) -> Iterator[str]:
    """What of the way in which records were linked is other now."""
    then = run.linkage
    for name in type(then).model_fields:
        if getattr(then, name) != getattr(now, name):
            yield f"linkage, {name}: {getattr(then, name)} then, {getattr(now, name)} now"


def _fact_differences(then: pl.DataFrame, now: pl.DataFrame) -> Iterator[str]:
    """Facts that differ, by family, member and fact."""
    key = ["family_id", "subject_id", "fact"]
    records = pl.col("records").list.sort().list.join(" ")
    said = pl.concat_str(pl.col("value", "reason").fill_null(""), records, separator=" | ")
    texts = [frame.select(*key, said=said).sort(key) for frame in (then, now)]
    if texts[0].equals(texts[1]):
        return
    both = texts[0].join(texts[1], on=key, how="full", coalesce=True, suffix="_now").sort(key)
    for family, subject, fact, was, is_now in both.filter(~pl.col("said").eq_missing(pl.col("said_now"))).iter_rows():
        about = f"family {family}" + (f" member {subject}" if subject else "")
        yield f"{about}, fact {fact}: {was or 'nothing'} then, {is_now or 'nothing'} now"


def _rows_apart(file: str, then: pl.DataFrame, now: pl.DataFrame) -> Iterator[str]:
    """How many rows of a table stand only in the bundle, or only in the extracts of now, in the columns of now."""
    columns = [pl.col(name).cast(kind) for name, kind in TABLES[file].items() if name in now.columns]
    frames = [_filled(frame.select(columns)) for frame in (then, now)]
    before, after = (frame.group_by(pl.all()).len() for frame in frames)
    for what, here, there in (("then", before, after), ("now", after, before)):
        if only := here.join(there, on=here.columns, how="anti", nulls_equal=True).height:
            yield f"{file}: {only} rows stand there only {what}"


def _line_differences(tables: dict[str, pl.DataFrame], selection: Selection) -> Iterator[str]:
    """Where the claim file, the held lines or the attrition are not those that the decisions give."""
    claim = tables["claim.csv"]
    for row in claim.iter_rows(named=True):
        if row["claim_line_id"] != claim_line_id({k: v or "" if k == "flags" else v for k, v in row.items()}):
            yield f"claim line {row['claim_line_id']}: its id is not the one that its content makes"
    columns = ["route", "engaged_on", "amount_pence", "flags"]
    yield from _row_differences("claim line", claim, selection.lines, columns)
    yield from _row_differences("held line", tables["held.csv"], selection.held, [*columns, "reason", "released_by"])
    yield from _row_differences(
        "dropped result", tables["dropped.csv"], selection.dropped, [*columns[:2], "reason", "earlier_lines"]
    )
    attrition = [_filled(frame).fill_null(0).rows() for frame in (tables["attrition.csv"], selection.attrition)]
    for was, is_now in zip(*attrition, strict=False):
        if was != is_now:
            yield f"attrition: {was} in the bundle, {is_now} in the replay"
    if len(attrition[0]) != len(attrition[1]):
        yield f"attrition: {len(attrition[0])} rows in the bundle, {len(attrition[1])} in the replay"


def _page_differences(opened: OpenBundle) -> Iterator[str]:
    """Where the pages that people read first do not say what the tables and the rules say.

    Only of a bundle of this version of pbr, for another may word them otherwise; a certificate may be the authority's.
    """
    if opened.run.versions.get("pbr") != version("pbr"):
        return
    said = {file.removesuffix(".csv"): table for file, table in opened.tables.items()}
    made = {
        METADATA: (readable_json(claim_metadata()), "tables"),
        "summary.html": (summary(opened.run, titles(opened.pack), said), "tables"),
        "rulebook.html": (rulebook(rulebook_of(opened.pack, opened.run.as_of)), "rules"),
    }
    for file, (content, source) in made.items():
        if (opened.path / "data" / file).read_bytes() != content:
            yield f"{file}: is not what the {source} of the bundle give"


def _row_differences(what: str, then: pl.DataFrame, now: pl.DataFrame, columns: list[str]) -> Iterator[str]:
    key = ["decision_id", "route"]
    rest = [name for name in columns if name not in key]
    frames = [_filled(frame.select(*key, *rest)) for frame in (then, now)]
    both = frames[0].join(frames[1], on=key, how="full", coalesce=True, suffix="_now").sort(key)
    for row in both.iter_rows(named=True):
        place = f"{what} {row['route']} of decision {row['decision_id'][:12]}"
        if row["engaged_on"] is None:
            yield f"{place}: not in the bundle"
        elif row["engaged_on_now"] is None:
            yield f"{place}: only in the bundle"
        else:
            for name in rest:
                if row[name] != row[f"{name}_now"]:
                    yield f"{place}: {name} is {row[name]} in the bundle and {row[f'{name}_now']} in the replay"


def _filled(frame: pl.DataFrame) -> pl.DataFrame:
    """Empty text for null: a CSV file does not tell them apart."""
    return frame.with_columns(pl.col(pl.String).fill_null(""))
