"""Working papers as a page: the sample and how it was drawn, and a section a family with its own anchor.

In: papers, the run and the drawing. Out: HTML that stands by itself (no script, nothing fetched), the same to the byte
every time, with empty cells for what the auditor writes on paper.
"""

from __future__ import annotations

from collections.abc import Sequence

from pbr.audit.papers import Drawing, Paper
from pbr.audit.workbook import ANSWERS, described
from pbr.claims.contract import BatchRun
from pbr.claims.pages import templates


def page(papers: Sequence[Paper], run: BatchRun, drawing: Drawing) -> bytes:
    """The page of a sample."""
    made = templates("pbr.audit").get_template("papers.html")
    told = {"bundle": run.bundle_name, "described": described(run, drawing), "answers": ANSWERS}
    return made.render(run=run, papers=papers, **told).encode()
