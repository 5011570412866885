"""Populations made up for the tests of sampling: lines with a route, a worker and an amount, and little else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from pbr.audit.population import POPULATION
from pbr.audit.results import RESULTS
from pbr.audit.sample import Sample


def line(number: int, **other: object) -> dict[str, object]:
    return {
        "claim_line_id": f"L{number:016x}",
        "family_id": f"F{number}",
        "family_ref": f"ref{number}",
        "route": "crime_asb_education",
        "amount_pence": 70000,
        "engaged_on": date(2013, 1, 1),
        "as_of": date(2014, 10, 31),
        "decision_id": f"{number:064x}",
        "flags": "",
        "worker_ref": None,
        "is_override": False,
        "is_neutral": False,
        "is_near_threshold": False,
        "is_repeat": False,
    } | other


def lines(count: int, **other: object) -> list[dict[str, object]]:
    return [line(number, **other) for number in range(count)]


def made(rows: Iterable[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), POPULATION)


def results(sample: Sample, **words: str) -> pl.DataFrame:
    """Every line of the sample valid, but for those that are named by their id."""
    ids = sample.lines["claim_line_id"]
    return pl.DataFrame({"claim_line_id": ids, "result": [words.get(line, "valid") for line in ids]}, RESULTS)
