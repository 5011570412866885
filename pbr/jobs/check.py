"""Check a workspace: read every source, link what can be linked, and report what stands and what does not.

In: a workspace. Out: a `CheckReport` of tables. Nothing is decided and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pbr.errors import Fault, Faults
from pbr.jobs.decide import require_not_read_from
from pbr.jobs.frameworks import named_pack
from pbr.jobs.linking import method_of
from pbr.linkage import Evidence, attach
from pbr.measures.practice import unplaced
from pbr.rulebook.load import IN_FORCE, LoadedPack
from pbr.sources import QUARANTINE, Extract, read
from pbr.workspace import Workspace

Say = Callable[[str], None]


@dataclass(frozen=True)
class CheckReport:
    """What `pbr check` found.

    `sources`: one row a source: `source`, `files`, `rows_read` = `accepted` + `quarantined` + `duplicates` + `blank`,
    then `unlinked` (of the quarantined, those that nobody and no family can be named for), `invalid_identifiers`,
    `covers_from`, `covers_until`, `extracted_on`. `quarantine`: one row a fault, as `sources.QUARANTINE`.
    `quarantine_counts`: `source`, `code`, `column`, `reason`, `records`, and the first place: `file`, `row`.
    `unknown_columns`: `source`, `column`. `warnings`: `source`, `warning`. `files`: `source`, `path`, `bytes`, `rows`,
    `sha256`. Only `quarantine` holds text of the extracts.
    """

    workspace: Workspace
    extracts: dict[str, Extract]
    sources: pl.DataFrame
    quarantine: pl.DataFrame
    quarantine_counts: pl.DataFrame
    unknown_columns: pl.DataFrame
    warnings: pl.DataFrame
    files: pl.DataFrame

    @property
    def duplicates(self) -> pl.DataFrame:
        """Rows equal in every column to an earlier one, which alone counts: `source`, `place`, `same_as`."""
        rows = [
            extract.duplicates.select(
                source=pl.lit(table),
                place=pl.format("{}:{}", "file", "row"),
                same_as=pl.format("{}:{}", "first_file", "first_row"),
            )
            for table, extract in self.extracts.items()
        ]
        return pl.concat(rows)

    @property
    def invalid_identifiers(self) -> pl.DataFrame:
        """Identifiers that fail their own check and are not used for linking: `source`, `place`, `column`."""
        rows = [
            extract.invalid_identifiers.select("column", source=pl.lit(table), place=pl.format("{}:{}", "file", "row"))
            for table, extract in self.extracts.items()
        ]
        return pl.concat(rows).select("source", "place", "column")

    def as_dict(self) -> dict[str, Any]:
        """Everything but the text of the extracts, for machines."""
        return {
            "authority": {"code": self.workspace.authority.code, "name": self.workspace.authority.name},
            "sources": self.sources.to_dicts(),
            "quarantine": self.quarantine_counts.to_dicts(),
            "duplicates": self.duplicates.to_dicts(),
            "invalid_identifiers": self.invalid_identifiers.to_dicts(),
            "unknown_columns": self.unknown_columns.to_dicts(),
            "warnings": self.warnings.to_dicts(),
            "files": self.files.to_dicts(),
        }


def check(workspace: Workspace | Path | str, say: Say = lambda step: None) -> CheckReport:
    """Read and link a workspace's sources. Raises Faults where one cannot be read (see `sources.read`), or its pack."""
    workspace = Workspace.of(workspace)
    faults: list[Fault] = []
    extracts: dict[str, Extract] = {}
    pack = None
    try:
        if workspace.rules.pack != IN_FORCE:
            pack = named_pack(workspace)
    except Faults as of_pack:
        faults += of_pack.faults
    try:
        extracts = read(workspace, say)
    except Faults as of_sources:
        faults += of_sources.faults
    if faults:
        raise Faults(faults)
    say("linking")
    evidence = attach(extracts, method_of(workspace))
    found_linking = evidence.quarantine.select(pl.col(name).cast(kind) for name, kind in QUARANTINE.items())
    quarantine = pl.concat([*(extract.quarantine for extract in extracts.values()), found_linking])
    linked = evidence.standing_links.select(source="table", record_id="record_id").unique()
    return CheckReport(
        workspace=workspace,
        extracts=extracts,
        sources=pl.DataFrame(
            [_source(workspace, extract, extracts, found_linking, linked) for extract in extracts.values()],
            schema_overrides={"covers_from": pl.Date, "covers_until": pl.Date, "extracted_on": pl.Date},
        ),
        quarantine=quarantine,
        quarantine_counts=_counts(quarantine),
        unknown_columns=pl.DataFrame(
            [(table, column) for table, extract in extracts.items() for column in extract.unknown_columns],
            schema={"source": pl.String, "column": pl.String},
            orient="row",
        ),
        warnings=pl.DataFrame(
            [
                *((table, warning) for table, extract in extracts.items() for warning in extract.warnings),
                *(_needs_unheard_of(evidence, pack) if pack else ()),
            ],
            schema={"source": pl.String, "warning": pl.String},
            orient="row",
        ),
        files=pl.DataFrame(
            [
                {"source": table, "path": file.path, "bytes": file.bytes, "rows": file.rows, "sha256": file.sha256}
                for table, extract in extracts.items()
                for file in extract.files
            ]
        ),
    )


def write_quarantine(report: CheckReport, path: Path) -> int:
    """Write the quarantine with its raw text as CSV; returns the number of rows.

    Text that a spreadsheet would run as a formula gets an apostrophe before it. Raises Faults (E407) where the path is
    one of the workspace's own files.
    """
    require_not_read_from(path, report.extracts, report.workspace.root)
    formula = pl.col("raw").str.contains(r"^[=+\-@\t\r]")
    safe = pl.when(formula).then("'" + pl.col("raw")).otherwise("raw").alias("raw")
    report.quarantine.with_columns(safe).write_csv(path)
    return report.quarantine.height


def _source(
    workspace: Workspace,
    extract: Extract,
    extracts: Mapping[str, Extract],
    found_linking: pl.DataFrame,
    linked: pl.DataFrame,
) -> dict[str, Any]:
    late = found_linking.filter(pl.col("source") == extract.table)["record_id"].n_unique()
    settings = workspace.sources[extract.table]
    return {
        "source": extract.table,
        "files": len(extract.files),
        "rows_read": extract.rows_read,
        "accepted": extract.accepted.height - late,
        "quarantined": extract.rejected.height + late,
        "duplicates": extract.duplicates.height,
        "blank": extract.blank_rows,
        "unlinked": _unlinked(extract, extracts, linked),
        "invalid_identifiers": extract.invalid_identifiers.height,
        "covers_from": extract.covers.start if extract.covers else None,
        "covers_until": extract.covers.until if extract.covers else None,
        "extracted_on": settings.extracted_on,
    }


def _unlinked(extract: Extract, extracts: Mapping[str, Extract], linked: pl.DataFrame) -> int:
    """How many quarantined rows are about nobody that can be told: they put no one's decision in doubt."""
    rows = extract.rejected.join(linked.filter(pl.col("source") == extract.table), on="record_id", how="anti")
    families, people = (extracts[table].accepted for table in ("families", "members"))
    if extract.table == "families":
        return rows["family_id"].null_count()
    if "family_id" in rows.columns:
        quarantined = extracts["families"].rejected
        rows = rows.join(families, on="family_id", how="anti").join(quarantined, on="family_id", how="anti")
    if extract.table == "members":
        rows = rows.join(people, on="person_id", how="anti")
    return rows.height


def _needs_unheard_of(evidence: Evidence, pack: LoadedPack) -> Iterator[tuple[str, str]]:
    """A warning for each table whose records name a need that the pack does not know, on whatever day."""
    lost = unplaced(evidence, pack.pack).group_by("table").agg(pl.len(), pl.col("family_id").n_unique())
    for table, records, families in lost.sort("table").iter_rows():
        yield table, f"{records} records of {families} families name a need that the rules do not know"


def _counts(quarantine: pl.DataFrame) -> pl.DataFrame:
    return (
        quarantine.group_by("source", "code", "column", "reason", maintain_order=True)
        .agg(pl.struct("file", "row").n_unique().alias("records"), pl.col("file", "row").first())
        .sort("source", "code", "column", maintain_order=True)
    )
