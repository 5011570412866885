"""The bundle: the folder that carries a batch to an auditor, written whole or not at all.

In: the tables of a batch, the rules as applied and the record of the run (`BundleContents`). Out: a BagIt bag whose
every byte follows from them, named by its content, and the digest of its manifest, which goes into the ledger.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import bagit
import polars as pl

from pbr.canonical import digest as canonical_digest
from pbr.canonical import file_digest
from pbr.claims import bag
from pbr.claims.contract import BatchRun, Run, claim_metadata, read, readable_json, written
from pbr.claims.pages import certificate, rulebook, summary
from pbr.errors import Fault, Faults
from pbr.rulebook.book import Rulebook

METADATA = "claim.csv-metadata.json"
RUN = "run.json"
MODEL = "linkage-model.json"
STEPS = "steps.jsonl"
"""The batch's signed steps, beside the manifests: it grows, so none of them covers it."""
PAGES = ("summary.html", "certificate.html", "rulebook.html")
RULE_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


@dataclass(frozen=True)
class BundleContents:
    """All that a bundle says. Of each frame, the columns of the contract are written and no others.

    `lines`: `contract.CLAIM`; `findings`: `engines.findings.SCHEMA`, of every family considered; `facts`:
    `measures.facts.LONG`; `links`: `linkage.passes.LINKS`, for the records behind the facts; `families`, `members`,
    `records` and all the others: see the contract. `rules`: the pack's files as applied, by path;
    `book`: the same in words. `titles`: what routes, flags and reasons are called for people, by id; an id without one
    is shown in words. `certificate`: the authority's own template, where it has one. `model`: the text of the model
    that weighed links, where one did.
    """

    run: Run
    lines: pl.DataFrame
    findings: pl.DataFrame
    facts: pl.DataFrame
    links: pl.DataFrame
    families: pl.DataFrame
    members: pl.DataFrame
    records: pl.DataFrame
    attrition: pl.DataFrame
    held: pl.DataFrame
    dropped: pl.DataFrame
    quarantine: pl.DataFrame
    history: pl.DataFrame
    overrides: pl.DataFrame
    found_wrong: pl.DataFrame
    alike: pl.DataFrame
    rules: Mapping[str, bytes]
    book: Rulebook
    titles: Mapping[str, str]
    certificate: str | None = None
    model: str | None = None

    @cached_property
    def tables(self) -> dict[str, bytes]:
        """The tables, by file."""
        frames = {
            "claim.csv": self.lines,
            "decisions.parquet": self.findings,
            "facts.parquet": self.facts,
            "links.parquet": self.links,
            "families.parquet": self.families,
            "members.parquet": self.members,
            "records.parquet": self.records,
            "attrition.csv": self.attrition,
            "held.csv": self.held,
            "dropped.csv": self.dropped,
            "quarantine.csv": self.quarantine,
            "history.csv": self.history,
            "overrides.csv": self.overrides,
            "found_wrong.csv": self.found_wrong,
            "alike.csv": self.alike,
        }
        return {file: written(file, frame) for file, frame in frames.items()}

    @cached_property
    def batch(self) -> BatchRun:
        """The run with the batch that came of it: its id, lines and total."""
        ids = self.findings["decision_id"]
        return BatchRun(
            **dict(self.run),
            batch_id=batch_id(self.run, self.tables, ids),
            lines=self.lines.height,
            amount_pence=int(self.lines["amount_pence"].sum()),
        )

    @property
    def batch_id(self) -> str:
        return self.batch.batch_id

    @property
    def name(self) -> str:
        """`<authority code>-<window>-<batch id>`."""
        return self.batch.bundle_name

    @cached_property
    def payload(self) -> dict[str, bytes]:
        """Every file of the payload, by its name in the bag. Raises Faults: E542 certificate, E543 a rule's path."""
        if odd := sorted(path for path in self.rules if not RULE_FILE.fullmatch(path)):
            step = "Name the files of a pack with letters, digits, dots, dashes and underscores."
            raise Faults(Fault("E543", f"rules/{path}", "is no path that a bundle can carry", step) for path in odd)
        as_read = {file.removesuffix(".csv"): read(file, self.tables[file]) for file in self.tables if ".csv" in file}
        files = {
            **self.tables,
            METADATA: readable_json(claim_metadata()),
            RUN: readable_json(self.batch.model_dump(mode="json", by_alias=True)),
            "summary.html": summary(self.batch, self.titles, as_read),
            "certificate.html": certificate(self.batch, self.titles, as_read, self.certificate),
            "rulebook.html": rulebook(self.book),
            **({} if self.model is None else {MODEL: self.model.encode()}),
            **{f"rules/{path}": content for path, content in self.rules.items()},
        }
        return {f"data/{file}": content for file, content in files.items()}


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk. `manifest_digest` stands for all of its bytes; `kept`: it was there already, to the byte."""

    path: Path
    batch: BatchRun
    manifest_digest: str
    kept: bool


def batch_id(run: Run, tables: Mapping[str, bytes], decision_ids: Iterable[str]) -> str:
    """The first 12 hexadecimal digits of the SHA-256 over all that determines a batch.

    These are the claim, held and attrition files, the ids of all decisions, the rules, the dates, the window, the
    authority, the inputs' digests and how they were linked; not the versions of pbr and its engines, which must not
    matter.
    """
    return canonical_digest(
        {
            "tables": {
                file: bag.Content.of(tables[file]).digest for file in ("attrition.csv", "claim.csv", "held.csv")
            },
            "decisions": sorted(set(decision_ids)),
            "authority": run.authority_code,
            "window": run.window,
            "as_of": run.as_of,
            "claim_date": run.claim_date,
            "pack": run.pack_digest,
            "inputs": sorted([each.source, each.sha256] for each in run.inputs),
            "linkage": run.linkage.model_dump(mode="json"),
            "after": sorted(run.after_withdrawal_of),
        }
    )[:12]


def manifest_digest(path: Path) -> str:
    """SHA-256 of a bundle's `tagmanifest-sha256.txt`, through which it stands for every byte of the bundle."""
    return file_digest(path / bag.TAGMANIFEST)


def write_bundle(folder: Path, contents: BundleContents) -> Bundle:
    """Write a bundle into a folder, under its own name; it appears there whole, and only when it is on the disk.

    One that is there already is kept where it is the same to the byte. Raises Faults: E540 another is there, E541 the
    folder cannot be written, E542 the certificate cannot be filled in, E543 a rule's path.
    """
    payload = contents.payload
    tags = bag.tag_files(contents.batch, {name: bag.Content.of(content) for name, content in payload.items()})
    files = payload | tags
    path = folder / contents.name
    try:
        with sole_writer(folder):
            for abandoned in folder.glob(".*.partial"):
                shutil.rmtree(abandoned)
            if kept := path.exists():
                _must_be_the_same(path, files)
            else:
                partial = folder / f".{contents.name}.partial"
                _write(partial, files)
                bagit.Bag(str(partial)).validate()
                partial.rename(path)
                _sync_folder(folder)
    except (OSError, bagit.BagError) as error:
        step = "See to the disk and to your rights on it, and run the command again."
        why = error.strerror if isinstance(error, OSError) else f"what was written is not what bagit reads ({error})"
        raise Faults(Fault("E541", str(path), f"cannot be written: {why}", step)) from error
    return Bundle(path, contents.batch, bag.Content.of(tags[bag.TAGMANIFEST]).digest, kept)


def _must_be_the_same(path: Path, files: Mapping[str, bytes]) -> None:
    there = {
        name: bag.Content.of_file(Path(entry.path))
        for name, entry in bag.entries(path)
        if bag.is_plain(entry) and name != STEPS
    }
    ours = {name: bag.Content.of(content) for name, content in files.items()}
    if different := sorted(name for name in there.keys() | ours.keys() if there.get(name) != ours.get(name)):
        shown = ", ".join(different[:5]) + (f" and {len(different) - 5} more" if len(different) > 5 else "")
        raise Faults(
            Fault(
                "E540",
                str(path),
                f"is there already with other content: {shown}",
                "Move it away if it is damaged or another version of pbr made it, and run the command again.",
            )
        )


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    for inside, _, _ in os.walk(folder):
        _sync_folder(Path(inside))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """One writer among bundles at a time, so that what a killed one left can be told from what another is writing.

    The lock goes with the process, however it ends; its file stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
