"""`pbr audit papers`: the working papers of a sample."""

from __future__ import annotations

from pathlib import Path

import click

from pbr.audit.papers import Drawing
from pbr.claims.bundle import manifest_digest
from pbr.cli.audit_sample import bundle_argument, seed_options
from pbr.cli.console import progress, say
from pbr.jobs.audit_papers import write_papers
from pbr.jobs.audit_sample import draw_sample


@click.command()
@bundle_argument
@seed_options
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="papers",
    show_default=True,
    metavar="FOLDER",
    help="Where to write papers.html, papers.xlsx and results.csv; none of them may be there.",
)
def papers(bundle: Path, seed: str, size: int | None, folder: Path) -> None:
    """Write the working papers of the lines of BUNDLE to test: a page and a workbook, with a paper a family.

    A paper says each test to do, what must be found, our fact, and the records behind it; results are the auditor's.

    \b
    Example:
      pbr audit papers demo/batches/E09999999-2014-10-0c6f9a1d2b3e --seed "our own words" --out papers
    """
    with progress("Papers") as step:
        step("verify and read the bundle")
        drawn = draw_sample(bundle, seed, size)
        sample = drawn.sample
        drawing = Drawing(
            seed=seed,
            size=sample.size,
            lines=sample.ordered.height,
            always=sample.always,
            manifest_digest=manifest_digest(bundle),
            population_digest=sample.population_digest,
            sample_digest=sample.digest,
        )
        written = write_papers(drawn.bundle, sample.lines, drawing, folder, step)
    families = "1 family" if len(written.papers) == 1 else f"{len(written.papers)} families"
    say(f"Batch {drawn.bundle.run.batch_id}: {sample.size} of {drawing.lines} lines, papers for {families}:")
    for path in written.files:
        say(f"  {path}")
    say("Read papers.html, or fill in papers.xlsx; results.csv goes back with: pbr audit record")
