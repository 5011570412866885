"""What every command says and writes of a workspace that it measured: its tables, and who got no decision."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pbr.cli.console import say
from pbr.jobs.decide import Measurement, require_not_read_from, write_findings


def write_rows(rows: pl.DataFrame, out: Path, measurement: Measurement) -> None:
    """Write a table to a file of any of the forms. Raises Faults: E404, E406, E407 a file of the workspace's own."""
    require_not_read_from(out, measurement.extracts, measurement.workspace.root)
    write_findings(rows, out)


def tell_of_others(measurement: Measurement) -> None:
    """Say who got no decision, and what a person should know of how the extracts were read."""
    waiting = measurement.not_decided
    later = pl.col("engaged_on") >= measurement.as_of
    others = [
        (waiting.filter(later)["family_id"], "engaged on or after the as-of date"),
        (waiting.filter(~later)["family_id"], "are covered by no framework"),
        (measurement.quarantined_families, "are in quarantine themselves"),
    ]
    for families, why in others:
        if families.len():
            shown = ", ".join(families.head(5)) + (", …" if families.len() > 5 else "")
            say(f"{families.len()} families {why} and got no decision: {shown}")
    for warning in measurement.warnings:
        say(f"Warning: {warning}.")
