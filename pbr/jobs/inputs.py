"""What a run was given, as its record says it: each file's size and digest, taken over its content and not its order.

The rows of an extract come in any order, and the order means nothing. So the digest of a CSV file is the SHA-256 of its
lines, sorted, each ended by a line feed (`LC_ALL=C sort FILE | sha256sum`); of a Parquet or XLSX file, of its rows as
text, made and sorted likewise, the header among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from pbr.claims.contract import Input, Period
from pbr.sources import Extract
from pbr.workspace import Workspace

SEPARATOR = "\x1f"


def input_files(workspace: Workspace, extracts: Mapping[str, Extract]) -> Iterator[Input]:
    """The files of all sources, by source and path; `bytes` and `sha256` are of their content, sorted."""
    for table, extract in sorted(extracts.items()):
        covers = None
        if extract.covers is not None:
            covers = Period.model_validate({"from": extract.covers.start, "until": extract.covers.until})
        for file in sorted(extract.files, key=lambda each: each.path):
            size, digest = content_digest(workspace.root / file.path)
            yield Input(
                source=table,
                path=file.path,
                bytes=size,
                rows=file.rows,
                sha256=digest,
                supplier=workspace.sources[table].supplier,
                covers=covers,
            )


def content_digest(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file's content, whatever the order of its rows."""
    lines = sorted(_lines(path))
    content = b"".join(line + b"\n" for line in lines)
    return len(content), hashlib.sha256(content).hexdigest()


def _lines(path: Path) -> list[bytes]:
    match path.suffix.lower():
        case ".parquet":
            frame = pl.read_parquet(path)
        case ".xlsx":
            frame = pl.read_excel(path, engine="calamine", infer_schema_length=0)
        case _:
            content = path.read_bytes()
            return content.removesuffix(b"\n").split(b"\n")
    rows = frame.select(pl.concat_str(pl.all().cast(pl.String).fill_null(""), separator=SEPARATOR)).to_series()
    return [SEPARATOR.join(frame.columns).encode(), *[row.encode() for row in rows]]
