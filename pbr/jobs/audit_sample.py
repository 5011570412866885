"""Draw the sample of a batch from its bundle, and write the sheet on which an auditor answers.

In: a bundle, a seed, a size. Out: the sample, of a bundle that verifies; and, where it is asked for, a CSV with a row a
line and an empty column for the result. Nothing but the bundle is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pbr.audit.population import population
from pbr.audit.results import RESULT_COLUMNS
from pbr.audit.sample import Sample, draw
from pbr.claims.contract import not_a_formula
from pbr.errors import Fault, Faults
from pbr.jobs.replay import OpenBundle, open_bundle


@dataclass(frozen=True)
class Drawn:
    """A sample and the bundle that it is of."""

    bundle: OpenBundle
    sample: Sample


def draw_sample(bundle: Path | str, seed: str, size: int | None = None) -> Drawn:
    """Draw a sample. Raises Faults: E710, E711, and all that is wrong with the bundle."""
    opened = open_bundle(Path(bundle))
    return Drawn(opened, draw(population(opened.tables), seed, size))


def write_sheet(sample: Sample, path: Path) -> None:
    """Write the sheet for the results, to be filled in; it overwrites nothing. Raises Faults (E712)."""
    shown = ["claim_line_id", "family_id", "route", "amount_pence", "flags", "why"]
    answers = [pl.lit("").alias(name) for name in RESULT_COLUMNS if name not in shown]
    text = sample.lines.select(shown).with_columns(family_id=not_a_formula(pl.col("family_id")))
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text.with_columns(answers).write_csv())
    except FileExistsError as error:
        step = "Name a new file, or move that one away: somebody may have written in it."
        raise Faults(Fault("E712", str(path), "is there already", step)) from error
