"""The sample: which lines an auditor tests, drawn so that anybody can draw it again.

In: the population, a seed that the auditor chose, and a size. Out: the lines to test, each with the reason. The whole
population is put into one order, and a sample is the beginning of it: so a larger sample holds every smaller one, and
there is nothing to remember but seed and size. How, on a page: docs/audit.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from pbr.audit.population import population_digest
from pbr.canonical import digest
from pbr.errors import Fault, Faults
from pbr.values import Share

LEAST_SHARE = Share(10, 100)
"""The random lines, of all lines: the least that the framework's internal audit tests in a window."""

OWN_STRATUM_FROM = 10
"""Lines that a worker needs, on one route and one side of the threshold, for a stratum of their own: at a tenth, the
fewest of which one line is expected in the sample. Workers with fewer share one stratum."""

ALWAYS = {"is_override": "override", "is_neutral": "neutral_pass", "is_repeat": "repeat_family"}
"""What puts a line into every sample, and the word for it."""

NO_WORKER = "no worker named"
FEW = f"workers with fewer than {OWN_STRATUM_FROM} lines, or none named"

SCALE = 10**12
"""Parts of strata are compared as whole numbers of this fineness: exact up to a million lines a stratum."""


@dataclass(frozen=True)
class Sample:
    """A population in its order, and how far into it the sample goes.

    `ordered`: `POPULATION`, `why` (`override`, `neutral_pass`, `repeat_family`, joined with `;`; empty for lines that
    only chance can draw) and `stratum` (null for lines that are always in), in the order in which lines are taken.
    `required`: the least size that can pass a batch. `always`: how many lines are in every sample.
    """

    seed: str
    size: int
    required: int
    always: int
    ordered: pl.DataFrame

    @cached_property
    def lines(self) -> pl.DataFrame:
        """The lines to test, as in `ordered`, with `random` for the reason of those that chance drew."""
        return self.ordered.head(self.size).with_columns(pl.col("why").replace("", "random"))

    @property
    def random(self) -> int:
        return self.size - self.always

    @property
    def is_census(self) -> bool:
        """Whether every line of the batch is in it."""
        return self.size == self.ordered.height

    @cached_property
    def strata(self) -> pl.DataFrame:
        """Each stratum of the lines that chance draws: `stratum`, `lines`, `sampled`, sorted."""
        numbered = self.ordered.with_row_index("at").filter(pl.col("stratum").is_not_null())
        counts = numbered.group_by("stratum").agg(lines=pl.len(), sampled=(pl.col("at") < self.size).sum())
        return counts.cast({"lines": pl.Int64, "sampled": pl.Int64}).sort("stratum")

    @cached_property
    def population_digest(self) -> str:
        return population_digest(self.ordered.drop("why", "stratum"))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the population's digest, the seed and the ids of the lines."""
        lines = sorted(self.lines["claim_line_id"])
        return digest({"population": self.population_digest, "seed": self.seed, "lines": lines})


def draw(population: pl.DataFrame, seed: str, size: int | None = None) -> Sample:
    """Draw a sample from a population (`POPULATION`), of the required size or of a stated one, counted in all lines.

    A size above the population is all of it. Raises Faults: E710 a seed that is no text, E711 a size that does not
    reach the lines that are always tested.
    """
    if not seed.strip() or not seed.isprintable():
        step = "Choose any words or figures, after you have the bundle, and write them down."
        raise Faults(Fault("E710", "--seed", "is empty, or more than one line of plain text", step))
    ordered = _ordered(population, seed)
    always = ordered["stratum"].null_count()
    left = ordered.height - always
    tenth = -(-ordered.height * LEAST_SHARE.numerator // LEAST_SHARE.denominator)
    required = always + min(left, max(tenth, ordered["stratum"].drop_nulls().n_unique()))
    if size is None:
        size = required
    if size < always:
        what = f"is {size}, and {always} lines must be in every sample: overrides, neutral passes and repeat families"
        raise Faults(Fault("E711", "--size", what, f"Leave it out for {required}, the least that can pass this batch."))
    return Sample(seed, min(size, ordered.height), required, always, ordered)


def _ordered(population: pl.DataFrame, seed: str) -> pl.DataFrame:
    """Lines that are always in first; then each next line from the stratum of which the least part has been taken.

    Within a stratum lines stand in the order of their lots, and the k-th of n is taken when (k - 1) / n of its stratum
    has been (the method of Adams). So wherever the list is cut no stratum has fallen behind another by a whole line,
    and none is left out before all have one. Ties go to the larger stratum, and then to the lower lot.
    """
    whys = [pl.when(column).then(pl.lit(word)) for column, word in ALWAYS.items()]
    why = pl.concat_str(whys, separator=";", ignore_nulls=True)
    lines = population.with_columns(why=why, lot=_lots(population["claim_line_id"], seed)).with_columns(
        stratum=pl.when(pl.col("why") == "").then(_stratum())
    )
    chance = pl.col("stratum").is_not_null()
    before = pl.col("lot").rank("ordinal").over("stratum").cast(pl.Int64) - 1
    size = pl.len().over("stratum").cast(pl.Int64)
    lines = lines.with_columns(
        part=pl.when(chance).then(before * SCALE // size).otherwise(-1),
        smaller=pl.when(chance).then(-size).otherwise(0),
    )
    return lines.sort("part", "smaller", "lot").drop("part", "smaller", "lot")


def _lots(line_ids: pl.Series, seed: str) -> pl.Series:
    """A line's lot: SHA-256 of the seed, a colon and its id. It depends on no other line."""
    lots = [hashlib.sha256(f"{seed}:{line_id}".encode()).hexdigest() for line_id in line_ids]
    return pl.Series(lots, dtype=pl.String)


def _stratum() -> pl.Expr:
    """Route, side of the threshold and worker, in words; of lines that chance draws."""
    near = pl.when("is_near_threshold").then(pl.lit("near a threshold")).otherwise(pl.lit("not near"))
    worker = pl.col("worker_ref").fill_null(NO_WORKER)
    cell = ("why", "route", "is_near_threshold", "worker_ref")
    shown = pl.when(pl.len().over(cell) < OWN_STRATUM_FROM).then(pl.lit(FEW)).otherwise(worker)
    return pl.concat_str("route", near, shown, separator=", ")
