"""Verification: whether a bundle is, to the byte, what was written.

In: the path of a bundle. Out: every fault. First its files against its manifests; where these fit, the bytes that its
manifests and tags must have; where these fit too, what it says against itself: the run, the claim file, the totals, the
batch id, which is made again from content. Nothing in the bundle is trusted: a manifest's paths are compared and never
opened, links are not followed. A bundle made again as a whole passes here; the ledger holds its manifest's digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import bagit
import polars as pl
from pydantic import ValidationError

from pbr.canonical import file_digest
from pbr.claims import bag
from pbr.claims.bundle import METADATA, MODEL, PAGES, RULE_FILE, RUN, STEPS, batch_id
from pbr.claims.contract import TABLES, BatchRun, read, readable_json, written
from pbr.errors import Fault
from pbr.measures.facts import ENGAGED
from pbr.sources import CONTRACTS

REQUIRED = tuple(f"data/{name}" for name in sorted([*TABLES, METADATA, RUN, *PAGES]))
ENTRY = re.compile(r"([0-9a-f]{64})  (.+)")
UNTOUCHED = "Ask for the bundle again from whoever made it."


def verify(path: Path) -> list[Fault]:
    """Every fault of a bundle, sorted; none when it is as it was written.

    E550 no bundle; of its files: E551 missing, E552 not part of it, E553 changed, E554 listed twice, E555 a manifest
    line that is none, E556 no plain file, E565 cannot be read; of what it says: E557 bytes that pbr would not have
    written, E558 another name, E559 run.json, E560 a table, E561 totals, E562 batch id, E563 a line against run and
    decisions, E567 families, E568 members and E569 records against decisions, lines and facts, E564 what bagit finds.
    """
    try:
        if not (path / bag.BAGIT).is_file():
            step = "Name the folder of a bundle: the one with bagit.txt in it."
            return [Fault("E550", _shown(str(path)), "is no bundle: it has no bagit.txt", step)]
        files, faults = _found(path)
        for stage in (_against_manifests, _against_form, _against_itself, _against_bagit):
            faults += stage(path, files)
            if faults:
                break
        return sorted(set(faults))
    except OSError as error:
        return [_unreadable(str(path), error)]


# ------------------------------------------------------------------------------------------------ files and manifests


def _found(path: Path) -> tuple[dict[str, bag.Content], list[Fault]]:
    """The plain files in the folder, by name; and what is wrong with the rest."""
    files, faults = {}, []
    for name, entry in bag.entries(path):
        if not bag.is_plain(entry):
            faults.append(Fault("E556", _shown(name), "is a link, a device or an empty folder", UNTOUCHED))
            continue
        try:
            files[name] = bag.Content.of_file(Path(entry.path))
        except OSError as error:
            faults.append(_unreadable(name, error))
    return files, faults


def _against_manifests(path: Path, files: Mapping[str, bag.Content]) -> Iterator[Fault]:
    """Missing, extra, changed and doubled files."""
    payload = {name for name in files if name.startswith("data/")}
    tags = set(bag.TAG_FILES)
    for name in sorted(files.keys() - payload - tags - {STEPS}):
        yield Fault("E552", _shown(name), "is not part of a bundle", "Take it away.")
    strange = {name for name in payload if not _belongs(name)}
    for name in sorted(strange):
        yield Fault("E552", _shown(name), "is none of the files of a bundle", "Take it away.")
    for name in sorted(tags - files.keys()):
        yield Fault("E551", name, "is missing", UNTOUCHED)
    for manifest, covered in (
        (bag.MANIFEST, payload - strange | set(REQUIRED)),
        (bag.TAGMANIFEST, tags - {bag.TAGMANIFEST}),
    ):
        if manifest in files:
            yield from _against_manifest(path, manifest, covered, files)


def _against_manifest(
    path: Path, manifest: str, covered: set[str], files: Mapping[str, bag.Content]
) -> Iterator[Fault]:
    listed: dict[str, str] = {}
    for number, line in enumerate((path / manifest).read_bytes().removesuffix(b"\n").split(b"\n"), start=1):
        place = f"{manifest}:{number}"
        entry = ENTRY.fullmatch(line.decode(errors="replace"))
        if entry is None:
            yield Fault("E555", place, "is no line of a manifest: a SHA-256, two spaces and a path", UNTOUCHED)
        elif not _inside(entry[2], manifest):
            yield Fault("E555", place, f"names {_shown(entry[2])}, which cannot be in it", UNTOUCHED)
        elif entry[2] in listed:
            yield Fault("E554", place, f"lists {_shown(entry[2])} a second time", UNTOUCHED)
        else:
            listed[entry[2]] = entry[1]
    for name in sorted((covered | listed.keys()) - files.keys()):
        yield Fault("E551", _shown(name), "is missing", UNTOUCHED)
    for name in sorted((covered & files.keys()) - listed.keys()):
        yield Fault("E552", _shown(name), f"is not listed in {manifest}", "Take it away, or ask for the bundle again.")
    for name in sorted(listed.keys() & files.keys()):
        if files[name].digest != listed[name]:
            yield Fault("E553", _shown(name), f"is not what it was when {manifest} was written", UNTOUCHED)


def _inside(name: str, manifest: str) -> bool:
    """Whether a manifest may name it: in `data/` for the payload's, a tag file for the tags'; no way out of the bag."""
    if manifest == bag.TAGMANIFEST:
        return name in bag.TAG_FILES and name != bag.TAGMANIFEST
    return name.startswith("data/") and not {"", ".", ".."} & set(name.split("/")) and "\\" not in name


def _belongs(name: str) -> bool:
    file = name.removeprefix("data/")
    return name in REQUIRED or file == MODEL or (file.startswith("rules/") and RULE_FILE.fullmatch(file) is not None)


# --------------------------------------------------------------------------------------------------- form and meaning


def _against_form(path: Path, files: Mapping[str, bag.Content]) -> Iterator[Fault]:
    """The exact bytes that tags and manifests must have, made again from the payload."""
    run = _run(path)
    if isinstance(run, Fault):
        yield run
        return
    payload = {name: content for name, content in files.items() if name.startswith("data/")}
    for name, content in bag.tag_files(run, payload).items():
        if files[name] != bag.Content.of(content):
            yield Fault("E557", name, "has bytes that pbr would not have written for these files", UNTOUCHED)


def _run(path: Path) -> BatchRun | Fault:
    """The record of the run, or what is wrong with it."""
    content = (path / "data" / RUN).read_bytes()
    place = f"data/{RUN}"
    try:
        run = BatchRun.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        return Fault("E559", place, f"is no record of a run: {where}: {first['msg']}", UNTOUCHED)
    if readable_json(run.model_dump(mode="json", by_alias=True)) != content:
        return Fault("E559", place, "is not written as pbr writes it", UNTOUCHED)
    return run


def _against_itself(path: Path, files: Mapping[str, bag.Content]) -> Iterator[Fault]:
    """The bundle's name, tables, totals and batch id against one another."""
    run = _run(path)
    assert isinstance(run, BatchRun)
    name = path.resolve().name
    if name != run.bundle_name:
        yield Fault(
            "E558", _shown(name), f"is the bundle {run.bundle_name} under another name", "Give it its own name."
        )
    yield from _model(run, path / "data" / MODEL)
    contents = {file: (path / "data" / file).read_bytes() for file in TABLES}
    tables: dict[str, pl.DataFrame] = {}
    for file, content in contents.items():
        table = _table(file, content)
        if isinstance(table, Fault):
            yield table
        else:
            tables[file] = table
    if tables.keys() != TABLES.keys():
        return
    yield from _totals(run, tables["claim.csv"])
    yield from _lines(run, tables["claim.csv"], tables["decisions.parquet"])
    yield from _origins(run, tables)
    made = batch_id(run, contents, tables["decisions.parquet"]["decision_id"])
    if made != run.batch_id:
        yield Fault("E562", f"data/{RUN}", f"says batch {run.batch_id}, but the content makes {made}", UNTOUCHED)


def _model(run: BatchRun, path: Path) -> Iterator[Fault]:
    """The model that weighed links is carried where run.json names one, and is that one."""
    place, named = f"data/{MODEL}", run.linkage.model
    there = path.exists()
    if named is None and there:
        yield Fault("E552", place, "is there, though run.json says that no model weighed links", UNTOUCHED)
    if named is not None and not there:
        yield Fault("E551", place, "is missing, though run.json names the model that weighed links", UNTOUCHED)
    if named is not None and there and file_digest(path) != named:
        yield Fault("E566", place, "is not the model that run.json names", UNTOUCHED)


def _table(file: str, content: bytes) -> pl.DataFrame | Fault:
    try:
        table = read(file, content)
        if file.endswith(".csv") and written(file, table) != content:
            raise ValueError("it is not written as pbr writes it")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError) as error:
        # Only the kind: polars tells the values that it could not read.
        what = str(error) if type(error) is ValueError else "it cannot be read with its columns and types"
        return Fault("E560", f"data/{file}", f"is no table of a bundle: {what}", UNTOUCHED)
    return table


def _totals(run: BatchRun, claim: pl.DataFrame) -> Iterator[Fault]:
    lines, pence = claim.height, int(claim["amount_pence"].sum())
    if (lines, pence) != (run.lines, run.amount_pence):
        what = f"has {lines} lines of {pence} pence, but run.json says {run.lines} of {run.amount_pence}"
        yield Fault("E561", "data/claim.csv", what, UNTOUCHED)


def _lines(run: BatchRun, claim: pl.DataFrame, decisions: pl.DataFrame) -> Iterator[Fault]:
    """Lines that could not be this batch's: one for each way to be wrong, with how many and the first."""
    wrong = {
        "is there twice": ~pl.col("claim_line_id").is_unique(),
        "has an empty cell": pl.any_horizontal(pl.exclude("flags").is_null()),
        "has an amount below 0": pl.col("amount_pence") < 0,
        "is another authority's": pl.col("authority_code") != run.authority_code,
        "is of another window": pl.col("window") != run.window,
        "is for another as-of date": pl.col("as_of") != run.as_of,
        "rests on a decision that is not in decisions.parquet": ~pl.col("decision_id").is_in(
            decisions["decision_id"].unique().implode()
        ),
    }
    for what, test in wrong.items():
        found = claim.filter(test)
        if found.height:
            more = f" (and {found.height - 1} more lines)" if found.height > 1 else ""
            yield Fault("E563", "data/claim.csv", f"line {found['claim_line_id'][0]} {what}{more}", UNTOUCHED)


def _origins(run: BatchRun, tables: Mapping[str, pl.DataFrame]) -> Iterator[Fault]:
    """Whether families, members, records and links are those of the decisions: one fault for each way not to be."""
    families, records, facts = (tables[f"{name}.parquet"] for name in ("families", "records", "facts"))
    decided = tables["decisions.parquet"].select("family_id", "decision_id").unique()
    lines = pl.concat(tables[file].select("decision_id", "family_ref") for file in ("claim.csv", "held.csv"))
    refs = lines.join(decided, on="decision_id").join(families, on="family_id", suffix="_own")
    engaged = facts.filter(pl.col("fact") == ENGAGED).select("family_id", "value").join(families, on="family_id")
    cited = facts.select(record_id=pl.col("records").explode()).drop_nulls().unique()
    files = pl.DataFrame({"table": [each.source for each in run.inputs], "file": [each.path for each in run.inputs]})
    linked = [name for name, each in CONTRACTS.items() if "some_identity" in each.checks]
    about_people = records.filter(pl.col("table").is_in(linked))
    wrong = {
        ("E567", "families"): {
            "is there twice": families.filter(~pl.col("family_id").is_unique()),
            "has no decision": families.join(decided, on="family_id", how="anti"),
            "is decided, and not there": decided.join(families, on="family_id", how="anti"),
            "has another family_ref than its line": refs.filter(
                pl.col("family_ref").ne_missing(pl.col("family_ref_own"))
            ),
            "has another engaged_on than its facts": engaged.filter(
                pl.col("engaged_on").cast(pl.String).ne_missing(pl.col("value"))
            ),
        },
        ("E568", "members"): {
            "is not in families.parquet": tables["members.parquet"].join(families, on="family_id", how="anti"),
        },
        ("E569", "records"): {
            "is there twice of one table": records.filter(pl.struct("table", "record_id").is_duplicated()),
            "is cited by a fact, and not there": cited.join(records, on="record_id", how="anti"),
            "is from a file that is not in run.json": records.join(files, on=["table", "file"], how="anti"),
        },
        ("E570", "links"): {
            "is about somebody, and linked to nobody": about_people.join(
                tables["links.parquet"], on=["table", "record_id"], how="anti"
            ),
        },
    }
    for (code, table), ways in wrong.items():
        for what, rows in ways.items():
            thing = "record" if table in ("records", "links") else "family"
            odd = rows[f"{thing}_id"].unique().sort()
            if odd.len():
                about = f"{thing} {odd[0]}"
                more = f" (and {odd.len() - 1} more)" if odd.len() > 1 else ""
                yield Fault(code, f"data/{table}.parquet", f"{_shown(about)} {what}{more}", UNTOUCHED)


def _against_bagit(path: Path, files: Mapping[str, bag.Content]) -> Iterator[Fault]:
    """What another reader of the standard finds, where we found nothing."""
    try:
        bagit.Bag(str(path)).validate()
    except (bagit.BagError, ValueError) as error:
        yield Fault("E564", _shown(path.name), f"bagit finds: {error}", UNTOUCHED)


def _unreadable(name: str, error: OSError) -> Fault:
    return Fault("E565", _shown(name), f"cannot be read: {error.strerror}", "See to your rights on it.")


def _shown(name: str) -> str:
    """A name that can be printed, whatever somebody called a file."""
    return name if name.isprintable() else ascii(name)
