"""What a forecast's rows say in words: the evidence still to come, what is missing today, and what to do next.

In: verdicts of the days looked at, findings, and what was supposed. Out: a column of text beside each family. Members
are named by their ids, and nobody by anything else.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from pbr.jobs.decide import calendar_of
from pbr.jobs.forecast_days import ELIGIBLE, Item
from pbr.jobs.forecast_evidence import Supposed
from pbr.measures.calendar import of_school_age
from pbr.rulebook.load import LoadedPack
from pbr.rulebook.measures import TermMeasure
from pbr.rulebook.model import Test

REASONS = {
    "not_covered": "days that its source does not cover",
    "no_record": "a term without an attendance record",
    "no_sessions": "terms without possible sessions",
    "unresolved_link": "a link that waits for review",
    "quarantined": "a record in quarantine",
    "missing_field": "an empty field of the family's record",
    "no_subject": "there is nobody whom it is about",
    "no_baseline": "there is nothing to compare with",
    "condition_not_met": "what it depends on is not so",
}
"""Why something is unknown, or nothing to test, in words."""


def evidence_to_come(found: pl.DataFrame, item: Item, supposed: Supposed, as_of: date) -> pl.DataFrame:
    """`family_id`, `looked_on`, `evidence_to_come`: what a day looked at rests on that is not here yet.

    `found`: `forecast_days.VERDICTS`.
    """
    met = found.filter(pl.col("verdict") == "met").rename({"day": "looked_on"})
    of = ["family_id", "looked_on"]
    known = pl.DataFrame(list(supposed.known.items()), schema={"table": pl.String, "known": pl.Date}, orient="row")
    sources = (
        met.select(*of, "rests_on")
        .explode("rests_on")
        .drop_nulls()
        .with_columns(pl.col("rests_on").str.splitn(" ", 2).struct.rename_fields(["table", "until"]))
        .unnest("rests_on")
        .with_columns(pl.col("until").str.to_date("%Y-%m-%d"))
        .group_by(*of, "table")
        .agg(pl.col("until").max())
        .join(known, on="table")
        .filter(pl.col("until") > pl.col("known"))
        .select(*of, text=pl.format("{} complete until {}", pl.col("table").str.replace_all("_", " "), "until"))
    )
    texts = pl.concat([sources, _terms(met, item, supposed, as_of)])
    return texts.group_by(of).agg(evidence_to_come=pl.col("text").sort().str.join("; "))


def _terms(met: pl.DataFrame, item: Item, supposed: Supposed, as_of: date) -> pl.DataFrame:
    """`family_id`, `looked_on`, `text`: the terms of each child still to be recorded, and how they may turn out."""
    of = ["family_id", "looked_on", "subject_id", "fact"]
    none = pl.DataFrame(schema={"family_id": pl.String, "looked_on": pl.Date, "text": pl.String})
    shares = met.select("family_id", "looked_on", "shares").explode("shares").drop_nulls().unnest("shares")
    limits = _limits(item, as_of, supposed.last)
    if shares.is_empty() or limits.is_empty():
        return none
    calendar = calendar_of(supposed.gathered.workspace)
    days, most_terms = shares["looked_on"].unique(), int(limits["terms"].max())  # type: ignore[arg-type]
    completed = pl.concat(
        [
            calendar.completed(days, count).with_columns(terms=pl.lit(count, pl.Int64))
            for count in range(1, most_terms + 1)
            if count in limits["terms"]
        ]
    ).rename({"day": "looked_on"})
    born = supposed.gathered.evidence.members.select(subject_id="person_id", date_of_birth="date_of_birth")
    filled = supposed.filled.select("academic_year", "term", subject_id="person_id")
    to_come = (
        shares.join(limits, on="fact")
        .join(completed, on=["looked_on", "terms"])
        .join(born.drop_nulls().unique("subject_id", keep="any"), on="subject_id")
        .filter(of_school_age())
        .join(filled, on=["subject_id", "academic_year", "term"])
        .sort(*of, "until")
        .group_by(of, maintain_order=True)
        .agg(
            pl.col("value", "of", "terms", "what", "strict", "numerator", "denominator").first(),
            named=pl.format("{} {}", "term", "academic_year").str.join(" and "),
        )
    )
    whole = pl.col("of") * pl.col("numerator") - pl.when("strict").then(1).otherwise(0)
    return to_come.with_columns(most=whole // pl.col("denominator")).select(
        "family_id",
        "looked_on",
        text=pl.format(
            "attendance of {} in {}: at most {} {} of {} in the {} terms ({} so far)",
            *("subject_id", "named", "most", "what", "of", "terms", "value"),
        ),
    )


def _limits(item: Item, *days: date) -> pl.DataFrame:
    """The limits of members' shares: `fact`, `terms`, `what`, `numerator`, `denominator`, `strict` (not reached)."""
    rows = set()
    for day in days:
        rules = item.pack.rules(day)
        for node, measure in item.of_today:
            if not isinstance(node, Test) or not isinstance(measure, TermMeasure) or measure.unit != "share":
                continue
            comparator, limit = node.comparison
            if comparator in ("less_than", "at_most"):
                share, what = rules.share(str(limit)), measure.name.replace("_absence", "")
                terms, key = rules.number(measure.last_terms), rules.fact_key(measure)
                rows.add((key, terms, what, share.numerator, share.denominator, comparator == "less_than"))
    columns = {"fact": pl.String, "terms": pl.Int64, "what": pl.String, "numerator": pl.Int64, "denominator": pl.Int64}
    return pl.DataFrame(sorted(rows), schema=columns | {"strict": pl.Boolean}, orient="row")


def missing_today(findings: pl.DataFrame, item: Item, pack: LoadedPack) -> pl.DataFrame:
    """`family_id`, `unknown_today`: what is unknown on the as-of date, though every source went on.

    `findings`: of the as-of date, by the evidence that is supposed.
    """
    wanted = [*sorted(item.criteria), ELIGIBLE]
    unknown = findings.filter((pl.col("verdict") == "unknown") & pl.col("item").is_in(wanted))
    of = pl.col("subject_id").filter(pl.col("subject_id") != "").sort().str.join(" and ")
    reason = pl.col("reason").filter(pl.col("subject_id") == "").first()
    by_item = unknown.group_by("family_id", "item").agg(of=of, reason=reason)
    told = pl.col("reason").fill_null("").str.split(";").list.eval(pl.element().replace(REASONS)).list.join(", ")
    whose = pl.when(pl.col("of") != "").then(pl.format(" ({})", "of")).otherwise(pl.lit(""))
    text = pl.format("{} is unknown{}: {}", _said("item", pack), whose, told)
    return (
        by_item.sort("family_id", "item")
        .group_by("family_id", maintain_order=True)
        .agg(unknown_today=text.str.join("; "))
    )


def _said(column: str, pack: LoadedPack) -> pl.Expr:
    """Criteria, by id and joined with `;`, by their titles."""
    groups = (pack.pack.eligibility, pack.pack.results, pack.pack.routes)
    titles = {name: f"“{one.title}”" for group in groups for name, one in group.items()}
    return pl.col(column).str.split(";").list.eval(pl.element().replace(titles)).list.join(" and ")


def next_steps(rows: pl.DataFrame, pack: LoadedPack, as_of: date, end: date) -> pl.DataFrame:
    """The rows with `missing` and `next_step`, and without the columns that they are made from."""
    state = pl.col("state")
    fails = pl.col("not_met").fill_null("")
    stays = pl.when(fails != "").then(pl.format("not met until {}: {}", pl.lit(end), _said("not_met", pack)))
    unknown = pl.col("unknown_today").fill_null("")
    nothing = pl.lit("")
    missing = (
        pl.when((state == "not_eligible") & ~pl.col("inside"))
        .then(pl.lit("engaged on a day for which the framework pays nothing"))
        .when(state == "not_eligible")
        .then(pl.lit("the family is not eligible"))
        .when((state == "cap_used") & (pl.col("now") == "instead").fill_null(False))
        .then(pl.lit("another route is paid in its place"))
        .when(state == "cap_used")
        .then(pl.lit("nothing is left to pay"))
        .when(state == "claimable_now")
        .then(nothing)
        .when(state == "needs_change")
        .then(pl.coalesce(stays, pl.format("nothing to test until {}", pl.lit(end))))
        .otherwise(unknown)
    )
    evidence = pl.col("evidence_to_come").fill_null("")
    is_here = (state.is_in(["claimable_now", "held"])) & (pl.col("earliest") == as_of)
    evidence = pl.when(is_here).then(nothing).otherwise(evidence)
    by_itself = ~pl.col("ended_by").is_in(["framework", "last_window", "horizon"])
    no_window = pl.when("has_windows").then(pl.lit("no claim window is open then")).otherwise(pl.lit("claim"))
    where = pl.when(pl.col("window").is_null()).then(no_window).otherwise(pl.format("claim in {}", "window"))
    lost = pl.when(by_itself).then(pl.format("; lost unless claimed by {}", "claim_by")).otherwise(nothing)
    claim = pl.concat_str(where, lost, pl.lit("."))
    step = (
        pl.when(state == "claimable_now")
        .then(pl.concat_str(pl.lit("now: "), claim))
        .when(state == "held")
        .then(pl.concat_str(pl.lit("held: "), "released_by", lost.str.replace("; lost unless", " Lost unless")))
        .when(state == "waiting")
        .then(pl.concat_str(pl.format("from {}: ", "earliest"), claim))
        .when((state == "needs_evidence") & pl.col("earliest").is_not_null())
        .then(pl.concat_str(pl.lit("when the evidence is here: "), claim))
        .when(state == "needs_evidence")
        .then(pl.lit("find what is missing."))
        .when(state == "needs_change")
        .then(pl.lit("does not come by itself: something must change, and be recorded."))
        .otherwise(pl.lit("nothing to claim on this route."))
    )
    return rows.with_columns(missing=missing, evidence_to_come=evidence, next_step=step)
