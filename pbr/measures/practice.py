"""Practice: what practitioners record of a family: needs, outcomes, and the dates of assessment, plan and closure."""

from __future__ import annotations

import polars as pl

from pbr.linkage import Evidence
from pbr.measures.reading import covered, day, fact
from pbr.rulebook.measures import DaysSince, NeedIdentified
from pbr.rulebook.rules import Rules


def measure(
    calls: dict[str, NeedIdentified | DaysSince], families: pl.DataFrame, evidence: Evidence, rules: Rules
) -> pl.DataFrame:
    """Facts of families: `family_id` and one struct column a key. `families` has the columns of `subjects.families`."""
    frame, facts = families.lazy(), {}
    engaged = families.lazy().select("family_id", "engaged_on")
    for number, (key, call) in enumerate(calls.items()):
        found = f"found_{number}"
        match call:
            case NeedIdentified():
                when = day(call.on, rules.on)
                rows = _rows(evidence, "needs", "identified_on", rules).join(engaged, on="family_id")
                rows = rows.filter(pl.col("need").is_in(rules.codes(call.need)) & (pl.col("identified_on") <= when))
                is_covered = covered(evidence.coverage.get("needs"), when, when + pl.duration(days=1))
                frame = frame.join(_found(rows, "identified_on", found), on="family_id", how="left")
                records = pl.col(found).struct.field("records")
                facts[key] = fact(call, pl.col(found).is_not_null(), is_covered=is_covered, records=records)
            case DaysSince(field="outcome_observed_on"):
                rows = _rows(evidence, "outcomes", "observed_on", rules)
                rows = rows.filter(pl.col("need").is_in(rules.codes(str(call.need))))
                frame = frame.join(_found(rows, "observed_on", found), on="family_id", how="left")
                last, records = pl.col(found).struct.field("last"), pl.col(found).struct.field("records")
                facts[key] = _days_since(call, last, records, rules)
            case DaysSince():
                dated = pl.when(pl.col(call.field) < rules.on).then(pl.col(call.field))
                facts[key] = _days_since(call, dated, pl.concat_list("record_id"), rules)
    return frame.select("family_id", **facts).collect()


def _rows(evidence: Evidence, table: str, dated: str, rules: Rules) -> pl.LazyFrame:
    schema = {"family_id": pl.String, "need": pl.String, dated: pl.Date, "record_id": pl.String}
    rows = evidence.records.get(table, pl.DataFrame(schema=schema)).lazy()
    return rows.select(*schema).filter(pl.col(dated) < rules.on)


def _found(rows: pl.LazyFrame, dated: str, name: str) -> pl.LazyFrame:
    found = pl.struct(last=pl.col(dated).max(), records=pl.col("record_id").unique().sort().implode())
    return rows.group_by("family_id").agg(found.alias(name))


def _days_since(call: DaysSince, dated: pl.Expr, records: pl.Expr, rules: Rules) -> pl.Expr:
    days = (pl.lit(rules.on) - dated).dt.total_days()
    return fact(call, days, also_null={"missing_field": dated.is_null()}, records=records)
