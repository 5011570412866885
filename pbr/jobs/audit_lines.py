"""Audit lines: a bundle, or a workspace's ledger, and a question; out come the claim lines that rest on what it asks.

Of a workspace the lines that are live are asked, each from the bundle of its batch. A batch that cannot be asked, for
its bundle is not there, does not verify or is another than the ledger's, is no batch without lines that rest on it: its
lines stand in the answer as not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pbr.audit.resting import LINES, Claimed, Question, answer, lines_of, unweighed
from pbr.claims.bundle import manifest_digest
from pbr.errors import Fault, Faults
from pbr.jobs.decide import Say
from pbr.jobs.replay import OpenBundle, open_bundle
from pbr.jobs.verify import unknown_to
from pbr.ledger import Ledger
from pbr.workspace import FILE, Workspace

NOT_KNOWN = "not_known"


@dataclass(frozen=True)
class Answer:
    """`lines`: those that rest on what was asked, and those of which it is not known (`resting.LINES`).

    `asked` and `asked_pence`: of how many lines it is known either way, and what they come to. `without_weight`: with
    `match_below`, how many of them rest on links none of which was weighed.
    """

    lines: pl.DataFrame
    asked: int
    asked_pence: int
    without_weight: int

    @property
    def known(self) -> pl.DataFrame:
        return self.lines.filter(pl.col("rests") != NOT_KNOWN)

    @property
    def not_known(self) -> pl.DataFrame:
        return self.lines.filter(pl.col("rests") == NOT_KNOWN)


@dataclass(frozen=True)
class LiveBatch:
    """A batch with live lines (`ledger.store.LIVE_LINES`): its bundle, or why there is none to read."""

    batch_id: str
    lines: pl.DataFrame
    bundle: OpenBundle | None
    why_not: str


def audit_lines(place: Path | str, question: Question, held: bool = False, say: Say = lambda step: None) -> Answer:
    """Which lines of a bundle, or live lines of a workspace, rest on what is asked; with `held`, held lines as well.

    Raises Faults: E730 nothing asked, E731 a flag, E732 a parameter, E733 an extract or E735 a pass that is not there;
    E734 where the bundle does not say which record came from which file; E506 neither a workspace nor a bundle; those
    of a bundle that is named itself, and those of the ledger.
    """
    place = Path(place)
    if question.is_empty:
        step = "Say what the lines should rest on, such as --resting-on school_leaver."
        raise Faults(Fault("E730", str(place), "nothing is asked of the lines", step))
    if (place / "bagit.txt").is_file():
        opened, unknown, live = [open_bundle(place)], [], None
    elif (place / FILE).is_file():
        batches = list(live_batches(Workspace.load(place), say))
        opened = [batch.bundle for batch in batches if batch.bundle is not None]
        unknown = [row for batch in batches for row in _not_known(batch)]
        live = pl.concat([batch.lines for batch in batches]) if batches else None
    else:
        raise Faults(Fault("E506", str(place), f"is no workspace ({FILE}) and no bundle (bagit.txt)", "Name one."))
    bundles = [_claimed(one, live, held) for one in opened]
    if bundles:
        _require_known(question, bundles, place)
    found, counted, without_weight = [pl.DataFrame(schema=LINES)], [], 0
    for bundle in bundles:
        say(f"batch {bundle.run.batch_id}")
        found.append(answer(bundle, question))
        counted.append(bundle.lines["amount_pence"])
        if question.match_below is not None:
            without_weight += unweighed(bundle).height
    lines = pl.concat([*found, pl.DataFrame(unknown, schema=LINES, orient="row")])
    return Answer(lines, sum(map(len, counted)), sum(int(pence.sum()) for pence in counted), without_weight)


def live_batches(workspace: Workspace, say: Say = lambda step: None) -> Iterator[LiveBatch]:
    """The batches of a workspace that have live lines, in the order of the ledger. Raises Faults: E601 to E611."""
    with Ledger.read(workspace.ledger_path) as ledger:
        live = ledger.live_lines()
        for (batch_id,), lines in live.group_by("batch_id", maintain_order=True):
            say(f"read batch {batch_id}")
            opened, why_not = _bundle_of(workspace, ledger, str(batch_id))
            if opened is None:
                yield LiveBatch(str(batch_id), lines, None, why_not)
                continue
            inside = pl.col("line_id").is_in(opened.tables["claim.csv"]["claim_line_id"].implode())
            if not lines.filter(~inside).is_empty():
                yield LiveBatch(str(batch_id), lines.filter(~inside), None, "it is not in the claim file of its bundle")
            yield LiveBatch(str(batch_id), lines.filter(inside), opened, "")


def _bundle_of(workspace: Workspace, ledger: Ledger, batch_id: str) -> tuple[OpenBundle | None, str]:
    entry = ledger.prepared(batch_id)
    named = entry.says.get("bundle") if entry else None
    if not named:
        return None, "it was imported, and has no bundle"
    path = workspace.batches_path / str(named)
    if not path.is_dir():
        return None, "the bundle of its batch is not there"
    try:
        opened = open_bundle(path)
    except Faults as faults:
        first, *more = faults.faults
        rest = f" and {len(more)} more faults" if more else ""
        return None, f"the bundle of its batch does not verify: {first.code} {first.place} {first.what}{rest}"
    if fault := unknown_to(ledger, batch_id, manifest_digest(path)):
        return None, f"the bundle of its batch {fault.what}"
    return opened, ""


def _not_known(batch: LiveBatch) -> Iterator[tuple[object, ...]]:
    if batch.bundle is not None:
        return
    columns = ["line_id", "batch_id", "window", "family_ref", "route", "amount_pence"]
    for line_id, *rest in batch.lines.select(columns).iter_rows():
        yield (line_id, "claimed", *rest, NOT_KNOWN, batch.why_not)


def _claimed(opened: OpenBundle, live: pl.DataFrame | None, held: bool) -> Claimed:
    """A bundle with the lines that are asked: all that are claimed, or those that are live; with `held`, those as well.

    A line that was held once and is live now, out of another batch, is no held line any more.
    """
    lines = lines_of(opened.run, opened.tables)
    claimed, waiting = lines.filter(pl.col("state") == "claimed"), lines.filter(pl.col("state") == "held")
    if live is not None:
        claimed = claimed.join(live, on=["batch_id", "line_id"], how="semi", maintain_order="left")
        waiting = waiting.join(live, on=["family_ref", "route"], how="anti", maintain_order="left")
    asked = pl.concat([claimed, waiting]) if held else claimed
    return Claimed(opened.run, opened.tables, opened.cohorts, opened.pack.pack, asked)


def _require_known(question: Question, bundles: Sequence[Claimed], place: Path) -> None:
    """Raise Faults unless everything that the question names is there: what nobody has, nothing rests on."""
    inputs = [each for bundle in bundles for each in bundle.run.inputs]
    links = [bundle.tables["links.parquet"]["pass"] for bundle in bundles]
    named: list[tuple[str, str, Sequence[str | None], set[str | None]]] = [
        ("E731", "flag", question.resting_on, {flag for bundle in bundles for flag in bundle.flags}),
        ("E732", "parameter", question.parameters, {name for bundle in bundles for name in bundle.pack.parameters}),
        ("E733", "supplier", [question.supplier], {getattr(each, "supplier", None) for each in inputs}),
        ("E733", "source", [question.source], {each.source for each in inputs}),
        ("E733", "file", [question.file], {each.path for each in inputs}),
        ("E735", "pass", [question.match_pass], set(pl.concat(links))),
    ]
    faults = []
    for code, kind, names, known in named:
        for name in names:
            if name is not None and name not in known:
                listed = ", ".join(sorted(each for each in known if each is not None)) or "none that is declared"
                faults.append(Fault(code, str(place), f"there is no {kind} '{name}'", f"There are: {listed}."))
    if faults:
        raise Faults(faults)
