"""Programme: a workspace and a day in; out comes what a scrutiny committee is shown of the programme.

Families as they are decided on the day; claims, payments and fees up to and including it, of the ledger as it stands:
a line that was reversed since is no claim. Outcome indicators are of the facts behind the decisions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from pbr.claims.contract import not_a_formula
from pbr.errors import Fault, Faults
from pbr.jobs.decide import Measurement, Say, decide_by, measure_workspace
from pbr.jobs.ledger import Allocation, allocations
from pbr.jobs.report_files import write_files
from pbr.ledger import Ledger
from pbr.reports.programme import page
from pbr.reports.programme_figures import (
    ALL,
    FIGURES,
    claim_figures,
    family_figures,
    income_figures,
    payments_of,
)
from pbr.reports.programme_indicators import indicators
from pbr.rulebook.load import IN_FORCE, load_pack, pack_ids
from pbr.workspace import Workspace, did_you_mean

TABLE = pl.Schema(dict.fromkeys(("section", "framework", "period", "measure", "value", "unit"), pl.String()))
"""Everything in one long table: the figures, the allocation and the outcomes, each value as text."""


@dataclass(frozen=True)
class Programme:
    """`figures`: see `reports.programme_figures.FIGURES`; `indicators`: `reports.programme_indicators.INDICATORS`."""

    of: Measurement
    figures: pl.DataFrame
    indicators: pl.DataFrame
    allocations: tuple[Allocation, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the run could live with and whoever reads the figures should know."""
        told = list(self.of.warnings)
        if quarantined := self.of.quarantined_families.len():
            families = "1 family" if quarantined == 1 else f"{quarantined} families"
            told.append(f"families: {families} could not be read, and are not counted as engaged")
        return tuple(told)

    @property
    def table(self) -> pl.DataFrame:
        """All of it in long form (`TABLE`)."""
        figures = self.figures.with_columns(pl.col("value").cast(pl.String)).select(TABLE.names())
        return pl.concat([figures, _rows(self._allocation()), _rows(self._outcomes())])

    def _allocation(self) -> Iterable[tuple[str, ...]]:
        for one in self.allocations:
            for name in ("agreed", "funded", "claimed", "left"):
                said = {"claimed": "with_live_lines"}.get(name, name)
                yield ("allocation", one.pack_id, ALL, f"families_{said}", str(getattr(one, name)), "families")

    def _outcomes(self) -> Iterable[tuple[str, ...]]:
        period = self.of.as_of.isoformat()
        for row in self.indicators.iter_rows(named=True):
            counts = row["subjects"] if row["counts"] == "subjects" else "events"
            said = [
                *((name, row["subjects"]) for name in ("counted", "not_known", "then_only", "now_only")),
                ("baseline", counts),
                ("latest", counts),
                *((name, "") for name in ("change", "aim", "aim_met")),
            ]
            for name, unit in said:
                if row[name] is not None:
                    yield ("outcomes", row["framework"], period, f"{row['indicator']}: {name}", str(row[name]), unit)


def programme(workspace: Workspace | Path | str, as_of: date, say: Say = lambda step: None) -> Programme:
    """The programme as of a day.

    Raises Faults: those of reading, measuring and deciding; the ledger's own (E602, E620–E626); E780 an aim for an
    indicator that no result measures.
    """
    workspace = Workspace.of(workspace)
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        if faults := ledger.verify():
            raise Faults(faults)
        lines, entered, fees = ledger.lines(), _payments(ledger), ledger.attachments()
    measurement = measure_workspace(workspace, as_of, say=say)
    say("decide (bulk)")
    families = _families(measurement)
    say("add up")
    found = indicators(measurement.cohorts, {aim.indicator: aim.reduced_by for aim in workspace.programme.aims})
    _require_known(workspace, found)
    return Programme(
        measurement, _figures(measurement, families, lines, entered, fees), found, tuple(allocations(workspace))
    )


def write(found: Programme, folder: Path) -> None:
    """Write `programme.html`, `programme.csv` and `programme.json` to a folder, made where it is not there.

    Text that a spreadsheet would run is written so that it cannot. Raises Faults: E407 a file of the workspace's own,
    E781 no way to write.
    """
    workspace, as_of = found.of.workspace, found.of.as_of
    frameworks = [pack.pack.id for pack in found.of.packs]
    agreed = [vars(one) | {"left": one.left, "share": one.share and one.share.percent} for one in found.allocations]
    html = page(workspace.authority.name, as_of, frameworks, found.figures, found.indicators, agreed, found.warnings)
    # Values are figures and words of ours: a fall of -33.3% is no formula.
    safe = found.table.with_columns(
        not_a_formula(pl.col(name)).alias(name) for name in ("framework", "period", "measure")
    )
    rows = json.dumps(found.table.to_dicts(), indent=2, ensure_ascii=False) + "\n"
    contents = {
        "programme.html": html,
        "programme.csv": safe.write_csv().encode(),
        "programme.json": rows.encode(),
    }
    write_files(folder, contents, found.of)


def _rows(rows: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), TABLE, orient="row")


def _payments(ledger: Ledger) -> pl.DataFrame:
    """What was entered as paid: `batch_id`, `line_id`, `paid_on`, `pence`."""
    rows = [
        (entry.batch_id, one["line_id"], date.fromisoformat(entry.says["paid_on"]), one["amount_pence"])
        for entry in ledger.entries()
        if entry.kind == "paid"
        for one in entry.says["lines"]
    ]
    schema = {"batch_id": pl.String, "line_id": pl.String, "paid_on": pl.Date, "pence": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")


def _families(measurement: Measurement) -> pl.DataFrame:
    """Every family engaged before the day: `family_id`, `engaged_on`, `framework`, `eligible`, `result_met`."""
    findings = decide_by("bulk", measurement.cohorts).filter(pl.col("subject_id") == "")
    counting = {route for pack in measurement.packs for route, one in pack.pack.routes.items() if one.turned_around}
    is_met = (pl.col("part") == "route") & (pl.col("verdict") == "met") & pl.col("item").is_in(counting)
    is_overall = (pl.col("part") == "eligibility") & (pl.col("item") == "eligible")
    judged = findings.group_by("family_id").agg(
        eligible=pl.col("verdict").filter(is_overall).first(), result_met=is_met.any()
    )
    frameworks = [
        cohort.facts.families.select("family_id", framework=pl.lit(cohort.rules.pack.id))
        for cohort in measurement.cohorts
    ]
    return (
        measurement.families.filter(pl.col("engaged_on") < measurement.as_of)
        .join(pl.concat(frameworks), on="family_id", how="left")
        .join(judged, on="family_id", how="left")
        .with_columns(pl.col("result_met").fill_null(False))
    )


def _figures(
    measurement: Measurement, families: pl.DataFrame, lines: pl.DataFrame, entered: pl.DataFrame, fees: pl.DataFrame
) -> pl.DataFrame:
    """All figures, and where each family has the framework in force, those of each framework after them."""
    as_of, settings = measurement.as_of, measurement.workspace.programme
    until_now = pl.col("claim_date").is_null() | (pl.col("claim_date") <= as_of)
    payments = payments_of(lines, entered, as_of)
    claims = lines.filter(until_now).with_columns(turned_around=_turned_around(measurement, lines))
    fees = fees.filter(pl.col("paid_on") <= as_of)
    to_engage = {one.year: one.families for one in settings.years if one.families is not None}
    budget = {one.year: 100 * one.income_pounds for one in settings.years if one.income_pounds is not None}
    declared = [each for each in measurement.workspace.claims.windows if each.opens <= as_of]
    windows = list(dict.fromkeys(each.id for each in sorted(declared, key=lambda each: (each.opens, each.id))))
    windows += [
        each
        for each in claims.sort("claim_date", "window")["window"].unique(maintain_order=True)
        if each not in windows
    ]
    found = [
        pl.DataFrame(schema=FIGURES),
        family_figures(families, ALL, to_engage),
        claim_figures(claims, payments, ALL, windows),
        income_figures(payments, fees, ALL, budget),
    ]
    if measurement.workspace.rules.pack == IN_FORCE:
        for pack in (each.pack.id for each in measurement.packs):
            own = pl.col("pack_id") == pack
            found += [
                family_figures(families.filter(pl.col("framework") == pack), pack, {}),
                claim_figures(claims.filter(own), payments.filter(own), pack, windows),
                income_figures(payments.filter(own), fees.filter(own), pack, {}),
            ]
    return pl.concat(found)


def _turned_around(measurement: Measurement, lines: pl.DataFrame) -> pl.Expr:
    """Whether a line's route counts as turned around, by the framework that it was claimed under.

    A line of a framework that is not known here, as an import may have, goes by those of the workspace.
    """
    own = {pack.pack.id: pack.pack for pack in measurement.packs}
    own |= {name: load_pack(name).pack for name in pack_ids() if name in set(lines["pack_id"]) - own.keys()}
    routes = {name: [route for route, one in pack.routes.items() if one.turned_around] for name, pack in own.items()}
    here = sorted({route for pack in measurement.packs for route in routes[pack.pack.id]})
    tests = [(pl.col("pack_id") == name) & pl.col("route").is_in(counting) for name, counting in routes.items()]
    known = pl.col("pack_id").is_in(list(routes)).fill_null(False)
    return pl.when(known).then(pl.any_horizontal(tests)).otherwise(pl.col("route").is_in(here))


def _require_known(workspace: Workspace, found: pl.DataFrame) -> None:
    """Raise Faults (E780) where an aim names no indicator."""
    known = found["indicator"].unique(maintain_order=True).to_list()
    faults = [
        Fault(
            "E780",
            workspace.place("programme", "aims", str(place), "indicator"),
            f"no result of the framework measures {aim.indicator!r}",
            did_you_mean(aim.indicator, known),
        )
        for place, aim in enumerate(workspace.programme.aims)
        if aim.indicator not in known
    ]
    if faults:
        raise Faults(faults)
