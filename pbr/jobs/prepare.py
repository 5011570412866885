"""Prepare: a workspace, a day and a claim window in; a bundle and its ledger entry out, or neither.

Decides every family, selects and prices the lines, has every family that is claimed or held decided by a second engine,
writes the bundle, and only then the ledger. The same run again finds its own batch and makes the same bundle: a run
that was killed is simply repeated.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from pbr.canonical import digest
from pbr.claims.bundle import STEPS, Bundle, BundleContents, write_bundle
from pbr.claims.contract import HISTORY, IN_A_NAME, OVERRIDES, Input, Run
from pbr.claims.select import Circumstances, Controls, Selection, claim_file, family_ref, select
from pbr.engines.agree import require_agreement
from pbr.errors import Fault, Faults
from pbr.jobs.alike import alike_of, with_a_result
from pbr.jobs.carried import carried
from pbr.jobs.decide import Measurement, Say, decide_by, gather, measure_by, run_engines, second_engine
from pbr.jobs.frameworks import Framework, frameworks, the_one
from pbr.jobs.inputs import input_files
from pbr.jobs.key import workspace_key
from pbr.jobs.linking import recorded
from pbr.jobs.steps import carry
from pbr.ledger import Entry, Ledger, Signer
from pbr.linkage import squeezed
from pbr.measures.cohorts import Cohort, to_table
from pbr.measures.subjects import is_member_on
from pbr.rulebook.book import Rulebook, rulebook
from pbr.rulebook.load import LoadedPack
from pbr.workspace import Workspace

CERTIFICATE = "certificate.html"
"""A workspace's own certificate template, where it has one."""


@dataclass(frozen=True)
class Preparation:
    """What came of it. `bundle` is None where nothing can be claimed; `again`: this run had prepared it before."""

    measurement: Measurement
    findings: pl.DataFrame
    selection: Selection
    claim: pl.DataFrame
    bundle: Bundle | None
    again: bool
    new_key: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Considered:
    """A claim as far as it is chosen: every decision, what would be claimed of it, and all that the choice hung on.

    `before`: the entry of the batch that the same run prepared; `withdrawn`: such batches that were taken back.
    `reversed`: superseded lines that no other stands for yet (`family_id`, `route`, `line_id`). `gone`: how many
    families with live lines are on no list now.
    """

    measurement: Measurement
    findings: pl.DataFrame
    selection: Selection
    pack: LoadedPack
    circumstances: Circumstances
    history: pl.DataFrame
    controls: Controls
    files: tuple[Input, ...]
    run_key: str
    before: Entry | None
    withdrawn: tuple[str, ...]
    reversed: pl.DataFrame
    gone: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever signs should know, that of the workspace's own settings and of the ledger included."""
        told = list(warnings(self.measurement))
        if self.gone:
            families = "1 family has" if self.gone == 1 else f"{self.gone} families have"
            told.append(f"ledger: {families} live lines and no place on the list now: see that none has another id")
        return tuple(told)


def consider(
    workspace: Workspace | Path | str,
    as_of: date,
    window: str,
    claim_date: date | None = None,
    pack: LoadedPack | None = None,
    say: Say = lambda step: None,
) -> Considered:
    """Decide every family of a workspace and choose what would be claimed in a window. Nothing is written.

    `claim_date` is the as-of date unless given; `pack` the workspace's own. Raises Faults: E261 where that is several,
    E502 an unknown window, E508 a window that no bundle can be named after, E512 a claim date before the as-of date,
    and those of every stage before; E311 where members would make too many pairs.
    """
    gathered = gather(workspace, say)
    workspace = gathered.workspace
    pack = pack or the_one(workspace, frameworks(workspace, gathered.families, as_of), as_of)
    measurement = measure_by([Framework(pack, gathered.families)], gathered, as_of, say)
    claim_date = claim_date or as_of
    if claim_date < as_of:
        step = "Claim on the as-of date or after it."
        what = f"is before the as-of date, {as_of}: nobody can know then what is decided"
        raise Faults(Fault("E512", f"claim date {claim_date}", what, step))
    is_open = window_is_open(workspace, window, claim_date)
    findings = run_engines(measurement.cohorts, ["bulk"], say)

    files = tuple(input_files(workspace, measurement.extracts))
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        _require_its_own(ledger, workspace)
        said = _controls(ledger, findings)
        run_key = _run_key(measurement, pack, files, window, claim_date, said)
        before = ledger.find_prepared(run_key)
        controls = said if before is None else _controls(ledger, findings, before.seq)
        live = ledger.live_lines(before.seq if before else None)
        withdrawn = _withdrawn_before(ledger, run_key)
        ever = ledger.lines(before.seq if before else None)
    circumstances = Circumstances(
        authority_code=workspace.authority.code,
        window=window,
        claim_date=claim_date,
        window_open=is_open,
        families_agreed=workspace.claims.families_agreed,
        families_live=live["family_id"].n_unique(),
        families_quarantined=measurement.quarantined_families.len(),
        earned_autonomy=has_earned_autonomy(workspace, claim_date),
    )
    history = history_of(live, measurement, ever)
    say("compare members with members")
    alike = alike_of(measurement, with_a_result(findings, controls.overrides), live)
    controls = replace(controls, alike=alike)
    say("select and price")
    selection = select(measurement.families, findings, history, pack.rules(as_of), circumstances, controls)
    return Considered(
        *(measurement, findings, selection, pack, circumstances, history, controls),
        *(files, run_key, before, withdrawn, _not_replaced(ever), _gone(live, measurement)),
    )


def prepare(
    workspace: Workspace | Path | str,
    as_of: date,
    window: str,
    *,
    at: datetime,
    by: str | Signer,
    claim_date: date | None = None,
    pack: LoadedPack | None = None,
    say: Say = lambda step: None,
) -> Preparation:
    """Prepare the batch of a claim window.

    `at` is the moment for the ledger and `by` who prepares it (a signer, where the workspace has a register); neither
    is in what the bundle's manifests cover. `claim_date` is the as-of date unless given. `pack` is the framework to
    claim under, the workspace's own unless given. Raises Faults: those of `consider`, E503 a bad key, E509 a key out of
    reach, E511 a certificate that is no text, E640–E645 whoever may not prepare; and Disagreement where two engines
    differ.
    """
    chosen = consider(workspace, as_of, window, claim_date, pack, say)
    measurement, findings, selection = chosen.measurement, chosen.findings, chosen.selection
    workspace, of = measurement.workspace, chosen.circumstances
    second = check_by_second_engine(measurement, findings, selection, say)
    key, new_key = workspace_key(workspace, measurement.extracts["members"])
    claim = claim_file(selection, as_of, of, key)
    if claim.is_empty():
        return Preparation(measurement, findings, selection, claim, None, False, new_key, chosen.warnings)

    say("write the bundle")
    run = Run(
        authority_code=workspace.authority.code,
        authority_name=workspace.authority.name,
        window=window,
        as_of=as_of,
        claim_date=of.claim_date,
        pack_id=chosen.pack.pack.id,
        pack_title=chosen.pack.pack.title,
        pack_digest=chosen.pack.digest,
        window_open=of.window_open,
        families_agreed=of.families_agreed,
        families_live=of.families_live,
        discretion=workspace.claims.discretion,
        earned_autonomy=of.earned_autonomy,
        families_not_decided=measurement.not_decided.height,
        families_quarantined=of.families_quarantined,
        warnings=chosen.warnings,
        after_withdrawal_of=chosen.withdrawn,
        inputs=chosen.files,
        linkage=recorded(measurement.gathered.method),
        versions=versions(second),
        command=f"pbr claim prepare . --as-of {as_of} --window {window} --claim-date {of.claim_date}"
        + (f" --pack {chosen.pack.pack.id}" if pack is not None else ""),
    )
    evidence = carried(measurement, key)
    model = measurement.gathered.method.model
    contents = BundleContents(
        run=run,
        lines=claim,
        findings=findings,
        facts=to_table(measurement.cohorts),
        history=chosen.history,
        overrides=chosen.controls.overrides,
        found_wrong=chosen.controls.found_wrong,
        alike=chosen.controls.alike,
        links=evidence.links,
        families=evidence.families,
        members=evidence.members,
        records=evidence.records,
        attrition=selection.attrition,
        held=_with_refs(selection.held, key),
        dropped=_with_refs(selection.dropped, key),
        quarantine=evidence.quarantine,
        rules=chosen.pack.files,
        book=rulebook_of(chosen.pack, as_of),
        titles=titles(chosen.pack),
        certificate=own_certificate(workspace),
        model=model.text if model else None,
    )
    bundle = write_bundle(workspace.batches_path, contents)
    before = chosen.before
    with Ledger.open(workspace.ledger_path, create=True) as ledger:
        if before is None:
            say("write the ledger")
            try:
                ledger.append("prepared", bundle.batch.batch_id, _entry(chosen, claim, bundle), at=at, by=by)
            except Faults:
                # Another run was first. Where it was this very run, the bundle is its own; else none stays behind.
                before = ledger.find_prepared(chosen.run_key)
                if before is None:
                    if not bundle.kept:
                        shutil.rmtree(bundle.path)
                    raise
        if before is not None:
            _require_the_same(bundle, before)
        carry(workspace, ledger, bundle.batch.batch_id)
    again = before is not None
    return Preparation(measurement, findings, selection, claim, bundle, again, new_key, chosen.warnings)


def _controls(ledger: Ledger, findings: pl.DataFrame, before_seq: int | None = None) -> Controls:
    """What the ledger says of the decisions at hand, as it stood before an entry."""
    decided = pl.col("decision_id").is_in(findings["decision_id"].unique().implode())
    overrides = ledger.overrides(before_seq).filter(decided & (pl.col("state") != "withdrawn"))
    wrong = ledger.found_wrong(before_seq).filter(decided)
    return Controls(overrides.select(OVERRIDES.names()), wrong)


def _gone(live: pl.DataFrame, measurement: Measurement) -> int:
    return live.join(measurement.families, on="family_id", how="anti")["family_id"].n_unique()


def _require_its_own(ledger: Ledger, workspace: Workspace) -> None:
    """Raise Faults (E521) where a bundle has signed steps of a batch that the ledger does not know: it was lost."""
    known = set(ledger.batches()["batch_id"])
    carried = sorted(path.parent.name for path in workspace.batches_path.glob(f"E*/{STEPS}"))
    if strange := [name for name in carried if name.rsplit("-", 1)[1] not in known]:
        what = (
            f"does not know the batch of {', '.join(strange)}, whose steps were signed: it is not the one they are in"
        )
        step = "Restore the ledger from a backup: what was claimed in it would be claimed again."
        raise Faults(Fault("E521", workspace.ledger_path.name, what, step))


def _not_replaced(lines: pl.DataFrame) -> pl.DataFrame:
    """Superseded lines that no live line stands for: `family_id`, `route`, `line_id`."""
    replaced = lines.filter("live")["supersedes"].drop_nulls()
    waiting = (pl.col("reversed_by") == "supersede") & ~pl.col("line_id").is_in(replaced.implode())
    return lines.filter(waiting).select("family_id", "route", "line_id")


# --------------------------------------------------------------------------------------------------- circumstances


def window_is_open(workspace: Workspace, window: str, claim_date: date) -> bool | None:
    """Whether a claim window is open on the claim date; None where the workspace gives none. Raises E502, E508."""
    if not re.fullmatch(IN_A_NAME, window):
        step = "Name it with letters, digits, dots, dashes and underscores, such as 2014-10."
        raise Faults(Fault("E508", f"window {window!r}", "cannot be part of a bundle's name", step))
    windows = {each.id: each for each in workspace.claims.windows}
    if not windows:
        return None
    if window not in windows:
        place = workspace.place("claims", "windows")
        known = ", ".join(windows)
        raise Faults(Fault("E502", place, f"there is no claim window '{window}'", f"There are: {known}."))
    return windows[window].opens <= claim_date <= windows[window].closes


def has_earned_autonomy(workspace: Workspace, claim_date: date) -> bool:
    """Whether the authority is paid in advance on the claim date."""
    since = workspace.claims.earned_autonomy_from
    return since is not None and since <= claim_date


def history_of(live: pl.DataFrame, measurement: Measurement, ever: pl.DataFrame | None = None) -> pl.DataFrame:
    """The earlier lines that bear on the workspace's families (`claims.contract.HISTORY`).

    A live line bears on its own family, and on every other that somebody of it belongs to on the as-of date. `ever`:
    all lines there were, of which those that were reversed one by one are told.
    """
    reversed_ = pl.DataFrame(schema=HISTORY)
    if ever is not None:
        reversed_ = (
            ever.filter(pl.col("reversed_by").is_not_null())
            .join(measurement.families, on="family_id", how="semi")
            .select("family_id", "route", "line_id", "amount_pence", claimed_by=pl.lit("reversed"))
        )
    own = live.join(measurement.families, on="family_id", how="semi").select(
        "family_id", "route", "line_id", "amount_pence", claimed_by=pl.lit("family")
    )
    persons = (
        live.rename({"family_id": "of_family"})
        .explode("persons")
        .join(_persons_now(measurement), on="persons")
        .filter(pl.col("family_id") != pl.col("of_family"))
        .select("family_id", "route", "line_id", "amount_pence", claimed_by=pl.lit("person"))
    )
    found = pl.concat([own, persons, reversed_.select(own.columns)])
    return found.unique().select(HISTORY.names()).sort(pl.all())


def _persons_now(measurement: Measurement) -> pl.DataFrame:
    """Who belongs to which family on the as-of date: `family_id`, `persons`, the person's id as ids are compared."""
    now = measurement.evidence.members.filter(is_member_on(pl.lit(measurement.as_of)))
    return now.select("family_id", persons=squeezed("person_id")).unique()


def warnings(measurement: Measurement) -> tuple[str, ...]:
    """What whoever signs should know, that of the workspace's own settings included."""
    told = list(measurement.warnings)
    claims = measurement.workspace.claims
    if not claims.windows:
        told.append("claims: no windows are declared, so whether this one is open was not tested")
    if claims.families_agreed is None:
        told.append("claims: families_agreed is not declared, so the allocation was not tested")
    return tuple(told)


def check_by_second_engine(measurement: Measurement, findings: pl.DataFrame, selection: Selection, say: Say) -> str:
    """Derive every family that is claimed or held a second time; the engine's name. Raises Disagreement."""
    second, first, again = derived_again(measurement.cohorts, findings, selection, say)
    require_agreement("Two engines disagree on families to be claimed", "bulk", first, second, again)
    return second


def derived_again(
    cohorts: Sequence[Cohort], findings: pl.DataFrame, selection: Selection, say: Say
) -> tuple[str, pl.DataFrame, pl.DataFrame]:
    """Every family that is claimed or held: the second engine's name, the findings at hand, and the engine's own."""
    second = second_engine()
    families = pl.concat([selection.lines["family_id"], selection.held["family_id"]]).unique().sort()
    say(f"derive {families.len()} families again ({second})")
    first = findings.filter(pl.col("family_id").is_in(families.implode())).drop("decision_id")
    chosen = [Cohort(cohort.rules, cohort.facts.only(families)) for cohort in cohorts]
    return second, first, decide_by(second, chosen)


def _run_key(
    measurement: Measurement,
    pack: LoadedPack,
    files: tuple[Input, ...],
    window: str,
    claim_date: date,
    controls: Controls,
) -> str:
    """What the run was given, in one digest: the same key is the same run."""
    workspace = measurement.workspace
    return digest(
        {
            "authority": workspace.authority.code,
            "as_of": measurement.as_of,
            "claim_date": claim_date,
            "window": window,
            "pack": pack.digest,
            "inputs": [[file.source, file.path, file.sha256] for file in files],
            "sources": {name: source.model_dump(mode="json") for name, source in workspace.sources.items()},
            "terms": [term.model_dump(mode="json") for term in workspace.calendar_terms],
            "claims": workspace.claims.model_dump(mode="json"),
            "linkage": recorded(measurement.gathered.method).model_dump(mode="json"),
            "overrides": [list(row) for row in controls.overrides.rows()],
            "found_wrong": [list(row) for row in controls.found_wrong.rows()],
        }
    )


def _require_the_same(bundle: Bundle, before: Entry) -> None:
    """The batch that this run prepared before must be this one. Raises Faults (E504)."""
    if before.says["manifest_digest"] != bundle.manifest_digest:
        raise Faults(
            Fault(
                "E504",
                f"batch {before.batch_id}",
                f"was prepared from the same inputs, and the ledger has another digest for it than {bundle.path.name}",
                "Another version of pbr made it: use that version, or withdraw the batch and prepare it anew.",
            )
        )


def _withdrawn_before(ledger: Ledger, run_key: str) -> tuple[str, ...]:
    """The batches that the same run prepared and that were withdrawn: the batch to come must differ from them."""
    batches = ledger.batches()
    return tuple(batches.filter((pl.col("run_key") == run_key) & (pl.col("state") == "withdrawn"))["batch_id"])


# -------------------------------------------------------------------------------------------------------- the bundle


def _with_refs(lines: pl.DataFrame, key: bytes) -> pl.DataFrame:
    refs = [family_ref(family_id, key) for family_id in lines["family_id"]]
    return lines.with_columns(family_ref=pl.Series(refs, dtype=pl.String))


def own_certificate(workspace: Workspace) -> str | None:
    """The text of the workspace's own certificate, where it has one. Raises Faults (E511)."""
    path = workspace.root / CERTIFICATE
    try:
        return path.read_text("utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        step = "Save it as a file of text in UTF-8, or take it away for pbr's own."
        raise Faults(Fault("E511", path.name, "cannot be read as text in UTF-8", step)) from error


def versions(second: str) -> dict[str, str]:
    """Of pbr and of the engines that decided."""
    engines = {"bulk": f"polars {version('polars')}", "reference": f"pbr {version('pbr')}"}
    if second == "durable":
        engines["durable"] = f"durable-rules {version('durable-rules')}"
    return {"pbr": version("pbr"), "bulk": engines["bulk"], second: engines[second]}


def titles(pack: LoadedPack) -> dict[str, str]:
    """What people call the pack's criteria, routes and flags, by id."""
    named = (pack.pack.eligibility, pack.pack.results, pack.pack.routes, pack.pack.flags)
    return {name: item.title for group in named for name, item in group.items()}


def rulebook_of(pack: LoadedPack, as_of: date) -> Rulebook:
    """The rulebook that a bundle carries: of the as-of date, and without cases, which it does not carry."""
    return rulebook(pack, as_of, with_cases=False)


def _entry(chosen: Considered, claim: pl.DataFrame, bundle: Bundle) -> dict[str, Any]:
    """The body of the ledger's entry."""
    run, of = bundle.batch, chosen.circumstances
    persons = dict(_persons_now(chosen.measurement).group_by("family_id").agg(pl.col("persons").sort()).iter_rows())
    overrides = {
        (family, route): entry
        for family, route, entry in chosen.selection.lines.select("family_id", "route", "override").iter_rows()
    }
    columns = ["family_id", "family_ref", "route", "amount_pence", "decision_id", "engaged_on"]
    lines = [
        {"line_id": row["claim_line_id"], **{name: row[name] for name in columns}}
        | {
            "persons": persons.get(row["family_id"], []),
            "override": overrides[row["family_id"], row["route"]],
            "supersedes": _superseded(chosen.reversed, row["family_id"], row["route"]),
        }
        for row in claim.iter_rows(named=True)
    ]
    agreed = run.families_agreed
    return {
        "authority_code": run.authority_code,
        "window": run.window,
        "pack_id": run.pack_id,
        "pack_digest": run.pack_digest,
        "as_of": run.as_of,
        "claim_date": run.claim_date,
        "run_key": chosen.run_key,
        "bundle": bundle.path.name,
        "manifest_digest": bundle.manifest_digest,
        "allocation": None if agreed is None else {"families_agreed": agreed, "families_live": of.families_live},
        "lines": lines,
        "held": chosen.selection.held.select("family_id", "route", "amount_pence", "reason").to_dicts(),
    }


def _superseded(waiting: pl.DataFrame, family_id: str, route: str) -> str | None:
    """The superseded line that a new one stands for: its family's on the same route, else its family's only one."""
    own = waiting.filter(pl.col("family_id") == family_id)
    same = own.filter(pl.col("route") == route)
    found = same if same.height else own
    return found["line_id"].sort()[-1] if found.height else None
