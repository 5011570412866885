"""Cohorts: families that are decided by the same rules with the same figures, and what was measured of them.

In: evidence, a pack and the as-of date, or the table of facts that a bundle carries. Out: one cohort for each span of
engagement dates in which no figure changes that families are read with as of their engagement; most packs have one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import polars as pl

from pbr.linkage import Evidence
from pbr.measures.calendar import Calendar
from pbr.measures.facts import ENGAGED, LONG, Facts
from pbr.measures.measure import measure
from pbr.rulebook.load import LoadedPack
from pbr.rulebook.rules import Rules, turning_days


@dataclass(frozen=True)
class Cohort:
    """Families that are read with the same figures."""

    rules: Rules
    facts: Facts


def measure_cohorts(
    evidence: Evidence, pack: LoadedPack, as_of: date, calendar: Calendar
) -> tuple[list[Cohort], pl.DataFrame]:
    """The facts of every family engaged before the as-of date, by cohort; and the `differing_terms` of `Measured`.

    Raises Faults (E214) where a figure of the pack has no value on the as-of date.
    """
    cohorts, differing = [], []
    for rules, engaged in _spans(evidence.families, pack, as_of):
        families = evidence.families.join(engaged.select("family_id"), on="family_id", how="semi")
        measured = measure(replace(evidence, families=families), rules, calendar)
        cohorts.append(Cohort(rules, measured.facts))
        differing.append(measured.differing_terms)
    return cohorts, pl.concat(differing).unique().sort(pl.all())


def read_cohorts(facts: pl.DataFrame, pack: LoadedPack, as_of: date) -> list[Cohort]:
    """The cohorts again from the table that `to_table` makes. Raises Faults (E401, E402) as `Facts.from_long` does."""
    engaged = facts.filter(pl.col("fact") == ENGAGED).select(
        "family_id", pl.col("value").str.to_date("%Y-%m-%d", strict=False).alias(ENGAGED)
    )
    spans = list(_spans(engaged, pack, as_of))
    placed = pl.concat([of.select("family_id") for _, of in spans])["family_id"]
    # What names no family that engaged goes with the first, whose reader says what is wrong with it.
    strays = facts.filter(~pl.col("family_id").is_in(placed.implode()))
    cohorts = []
    for number, (rules, of) in enumerate(spans):
        own = facts.join(of.select("family_id"), on="family_id", how="semi")
        cohorts.append(Cohort(rules, Facts.from_long(as_of, pl.concat([own, strays]) if number == 0 else own, rules)))
    return cohorts


def to_table(cohorts: Iterable[Cohort]) -> pl.DataFrame:
    """All facts as one table (`facts.LONG`), sorted by family, subject and fact."""
    tables = [cohort.facts.to_long() for cohort in cohorts]
    return pl.concat([pl.DataFrame(schema=LONG), *tables]).sort("family_id", "subject_id", "fact")


def _spans(families: pl.DataFrame, pack: LoadedPack, as_of: date) -> Iterator[tuple[Rules, pl.DataFrame]]:
    """The families (`family_id`, `engaged_on`) of each span in which somebody engaged; at least one, if nobody did."""
    engaged = families.select("family_id", ENGAGED)
    turns = [day for day in turning_days(pack.pack) if day < as_of]
    bounds = [date.min, *turns, date.max]
    spans = [
        (first, engaged.filter((pl.col(ENGAGED) >= first) & (pl.col(ENGAGED) < then)))
        for first, then in pairwise(bounds)
    ]
    peopled = [(first, of) for first, of in spans if not of.is_empty()] or [(date.min, engaged)]
    for first, of in peopled:
        yield pack.rules(as_of, first), of
