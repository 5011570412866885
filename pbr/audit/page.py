"""Working papers as a page: the sample and how it was drawn, and a section a family with its own anchor.

In: papers, the run and the drawing. Out: HTML that stands by itself (no script, nothing fetched), the same to the byte
every time, with empty cells for what the auditor writes on paper.
"""

from __future__ import annotations

from collections.abc import Sequence

import jinja2

from pbr.audit.papers import Drawing, Paper
from pbr.audit.workbook import ANSWERS, described
from pbr.claims.contract import BatchRun
from pbr.values import pounds


def page(papers: Sequence[Paper], run: BatchRun, drawing: Drawing) -> bytes:
    """The page of a sample."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("pbr.audit"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"pounds": pounds, "codes": codes}
    made = templates.get_template("papers.html")
    told = {"bundle": run.bundle_name, "described": described(run, drawing), "answers": ANSWERS}
    return made.render(run=run, papers=papers, **told).encode()


def codes(joined: str | None) -> str:
    """Codes joined with `;`, as people read them."""
    return (joined or "").replace(";", ", ").replace("_", " ")
