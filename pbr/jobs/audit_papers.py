"""Write the working papers of a sample: a page, a workbook and the sheet for the results.

In: an open bundle, the sampled lines and how they were drawn, a folder. Out: three new files in it; nothing is ever
written over, for somebody may have filled it in. Nothing but the bundle is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pbr.audit.page import page
from pbr.audit.papers import Drawing, Paper, papers
from pbr.audit.workbook import RESULTS, workbook
from pbr.claims.contract import not_a_formula
from pbr.errors import Fault, Faults
from pbr.jobs.decide import Say
from pbr.jobs.replay import OpenBundle


@dataclass(frozen=True)
class WrittenPapers:
    """The papers and the files that they are in."""

    papers: tuple[Paper, ...]
    files: tuple[Path, ...]


def write_papers(
    bundle: OpenBundle, lines: pl.DataFrame, drawing: Drawing, folder: Path, say: Say = lambda step: None
) -> WrittenPapers:
    """Write `papers.html`, `papers.xlsx` and `results.csv` into a folder, which is made where it is not there.

    `lines`: the sampled lines (`audit.papers.LINES`), in the order of the sample. Raises Faults: E700 a file is there
    already, E701 a folder that cannot be written, E702 a line that is not in the bundle.
    """
    paths = {name: folder / name for name in ("papers.html", "papers.xlsx", "results.csv")}
    if there := [path for path in paths.values() if path.exists()]:
        step = "Name another folder, or move the file away: somebody may have written in it."
        raise Faults(Fault("E700", str(path), "is there already", step) for path in there)
    say("explain each family")
    made = papers(bundle.run, bundle.tables, bundle.pack.pack, bundle.cohorts, lines)
    say("write the papers")
    contents = {
        "papers.html": page(made, bundle.run, drawing),
        "papers.xlsx": workbook(made, bundle.run, drawing),
        "results.csv": _results(made),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in paths.items():
            with path.open("xb") as file:
                file.write(contents[name])
    except OSError as error:
        step = "See to the disk and to your rights on it, or name another folder."
        why = error.strerror or type(error).__name__
        raise Faults(Fault("E701", str(folder), f"cannot be written ({why})", step)) from error
    return WrittenPapers(tuple(made), tuple(paths.values()))


def _results(made: list[Paper]) -> bytes:
    """The sheet for the results: a row a line, in the order of the papers, to be filled in."""
    lines = [line["claim_line_id"] for paper in made for line in paper.lines]
    rows = pl.DataFrame({name: lines if name == RESULTS[0] else [None] * len(lines) for name in RESULTS})
    safe = rows.cast(pl.String).select(not_a_formula(pl.col(name)).alias(name) for name in RESULTS)
    return safe.write_csv(line_terminator="\n").encode()
