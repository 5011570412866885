"""Practice: what practitioners record of a family: its needs and their outcomes, and what its own record says.

A need or an outcome names the person it is about by the authority's own id, or nobody: then it is the family's own.
One whose need is none that the pack knows cannot be placed, and leaves unknown what all of a family's needs decide.
However many measures ask for needs, the table is grouped once.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import timedelta
from typing import Any

import polars as pl

from pbr.linkage import Coverage, Evidence, squeezed
from pbr.measures.reading import covered, day, fact
from pbr.measures.subjects import is_member_on, is_non_resident_adult
from pbr.rulebook.measures import (
    DaysSince,
    Expecting,
    MeasureNode,
    MonthsSince,
    NeedIdentified,
    NeedsIdentified,
    NeedsOutstanding,
    Recorded,
)
from pbr.rulebook.model import Pack
from pbr.rulebook.rules import Rules
from pbr.rulebook.rules import needs as needs_of

NOBODY = ""
"""The person of a record that names none."""
ONE_NEED = ["family_id", "need"]
ONE_INSTANCE = [*ONE_NEED, "person"]
"""A need of one person, or of nobody in particular."""
DATED = {"needs": "identified_on", "outcomes": "observed_on"}
"""The tables that name a need, and the day of their records."""


def measure(calls: dict[str, Any], families: pl.DataFrame, evidence: Evidence, rules: Rules) -> pl.DataFrame:
    """Facts of families: `family_id` and one struct column a key. `families` has the columns of `subjects.families`."""
    needs, outcomes = _needs(families, evidence, rules), _rows(evidence, "outcomes", rules)
    cited = pl.concat(
        [
            _identified(calls, needs, rules),
            _outstanding(calls, needs, outcomes, rules),
            _observed(calls, outcomes, rules),
            _in_doubt(calls, families, unplaced(evidence, rules.written), rules),
        ],
        how="diagonal",
    )
    frame = _beside(families, cited, [key for key, call in calls.items() if _asks_for_needs(call)])
    facts = {key: _fact(key, call, evidence.coverage, rules) for key, call in calls.items()}
    return frame.lazy().select("family_id", **facts).collect()


def unplaced(evidence: Evidence, pack: Pack) -> pl.DataFrame:
    """The needs and outcomes of every family and day whose need is none that the pack knows.

    Columns `table`, `family_id`, `record_id`, `dated`.
    """
    known = pl.Series("need", sorted(needs_of(pack)), pl.String).to_frame().select(_compared()).to_series()
    rows = [
        evidence.records[table].lazy().select("family_id", "record_id", _compared(), table=pl.lit(table), dated=dated)
        for table, dated in DATED.items()
    ]
    lost = pl.concat(rows).filter(~pl.col("need").is_in(known.implode()))
    return lost.select("table", "family_id", "record_id", "dated").collect()


def rests_on_all_needs(call: MeasureNode) -> bool:
    """Whether a need or an outcome that cannot be placed leaves the measure unknown.

    At engagement it counts for nothing, which makes nobody eligible; later it may be a problem that is left.
    """
    is_later = isinstance(call, NeedIdentified | NeedsIdentified) and call.on != "engagement"
    return is_later or isinstance(call, NeedsOutstanding)


def _asks_for_needs(call: MeasureNode) -> bool:
    is_of_needs = isinstance(call, NeedIdentified | NeedsIdentified | NeedsOutstanding)
    return is_of_needs or (isinstance(call, DaysSince) and call.need is not None)


def _fact(key: str, call: MeasureNode, coverage: dict[str, Coverage], rules: Rules) -> pl.Expr:
    one_day = pl.duration(days=1)
    found, records = pl.col(key).struct.field, pl.col(key).struct.field("records")
    own_record = pl.concat_list("record_id")
    match call:
        case NeedIdentified() | NeedsIdentified():
            when = day(call.on, rules.on)
            count = found("count").fill_null(0)
            value = count > 0 if isinstance(call, NeedIdentified) else count
            is_covered = covered(coverage.get("needs"), when, when + one_day)
            return fact(call, value, is_covered=is_covered, records=records, unplaced=found("unplaced"))
        case NeedsOutstanding():
            last, then = day("day_before_as_of", rules.on), pl.lit(rules.on)
            # What would undo an answer, or give one, is seen from the first day that matters on.
            since = pl.coalesce(found("first"), last)
            seen = [covered(coverage.get("needs"), last, then), covered(coverage.get("outcomes"), since, then)]
            value = found("count").fill_null(0)
            is_covered = pl.all_horizontal(seen)
            return fact(call, value, is_covered=is_covered, records=records, unplaced=found("unplaced"))
        case DaysSince(field="outcome_observed_on"):
            return _since(call, (pl.lit(rules.on) - found("last")).dt.total_days(), records)
        case DaysSince():
            return _since(call, (pl.lit(rules.on) - _past(call.field, rules)).dt.total_days(), own_record)
        case MonthsSince():
            return _since(call, _whole_months(_past(call.field, rules), rules), own_record)
        case Recorded():
            given = pl.col(call.field)
            by_then = pl.lit(True)
            if call.field != "lead_worker":
                by_then = (given <= day(call.on, rules.on)) & (given < rules.on)
            return fact(call, by_then, also_null={"missing_field": given.is_null()}, records=own_record)
        case Expecting():
            said = pl.col("expecting")
            return fact(call, said, also_null={"missing_field": said.is_null()}, records=own_record)
        case _:
            raise TypeError(type(call).__name__)


# ------------------------------------------------------------------------------------------------- the family's record


def _past(field: str, rules: Rules) -> pl.Expr:
    """A date of the family's record, where it lies before the as-of date."""
    return pl.when(pl.col(field) < rules.on).then(pl.col(field))


def _since(call: MeasureNode, value: pl.Expr, records: pl.Expr) -> pl.Expr:
    return fact(call, value, also_null={"missing_field": value.is_null()}, records=records)


def _whole_months(dated: pl.Expr, rules: Rules) -> pl.Expr:
    """The most calendar months after which the day is not past the as-of date (`values.add_months`)."""
    on = rules.on
    months = (on.year - dated.dt.year().cast(pl.Int64)) * 12 + on.month - dated.dt.month().cast(pl.Int64)
    # A day that the as-of date's month does not have is that month's last.
    day_of_month = pl.min_horizontal(dated.dt.day().cast(pl.Int64), pl.lit(monthrange(on.year, on.month)[1]))
    return months - (day_of_month > on.day).cast(pl.Int64)


# ------------------------------------------------------------------------------------------------- needs and outcomes


def _compared() -> pl.Expr:
    """A `need` as it is compared: without case, and without white space around it."""
    return pl.col("need").str.strip_chars().str.to_uppercase()


def _rows(evidence: Evidence, table: str, rules: Rules) -> pl.LazyFrame:
    """The records dated before the as-of date, their needs as compared, and whose each is: `person`."""
    rows = evidence.records[table].lazy().filter(pl.col(DATED[table]) < rules.on)
    return rows.with_columns(_compared(), person=squeezed("person_id").fill_null(NOBODY)).drop("person_id")


def _needs(families: pl.DataFrame, evidence: Evidence, rules: Rules) -> pl.LazyFrame:
    """Every need identified before the as-of date, and whether it is one of a non-resident adult's (`theirs`)."""
    engaged = families.lazy().select("family_id", "engaged_on")
    needs = _rows(evidence, "needs", rules).join(engaged, on="family_id")
    of_person = needs.join(
        evidence.members.lazy().with_columns(person=squeezed("person_id")), on=["family_id", "person"]
    )
    holds = is_member_on(pl.col("identified_on"))
    # Who was no member yet, or any more, lives where any of their rows says.
    theirs = (
        of_person.filter(holds | ~holds.any().over("record_id"))
        .filter(is_non_resident_adult())
        .select("record_id", theirs=pl.lit(True))
        .unique()
    )
    return needs.join(theirs, on="record_id", how="left").with_columns(pl.col("theirs").fill_null(False))


def _asked(parameters: dict[str, str], rules: Rules) -> pl.LazyFrame:
    """Each key with each of the needs that it asks for, as compared: `key`, `need`.

    `parameters`: the one that lists a key's.
    """
    pairs = [(key, need) for key, parameter in parameters.items() for need in rules.codes(parameter)]
    asked = pl.LazyFrame(pairs, schema={"key": pl.String, "need": pl.String}, orient="row")
    return asked.with_columns(_compared()).unique()


def _identified(calls: dict[str, Any], needs: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """What keys that ask for needs identified by a day rest on; columns as `_beside` takes them."""
    of = {key: call for key, call in calls.items() if isinstance(call, NeedIdentified | NeedsIdentified)}
    lists = {key: call.need if isinstance(call, NeedIdentified) else call.needs for key, call in of.items()}
    # All of these needs are dated before the as-of date, so of the days that a key can name only engagement is earlier.
    early = pl.col("key").is_in([key for key, call in of.items() if call.on == "engagement"])
    without_them = pl.col("key").is_in([key for key, call in of.items() if call.leaving_out])
    return (
        needs.join(_asked(lists, rules), on="need")
        .filter(~early | (pl.col("identified_on") <= pl.col("engaged_on")), ~(without_them & pl.col("theirs")))
        .select("family_id", "key", "record_id", counted="need", dated="identified_on")
    )


def _observed(calls: dict[str, Any], outcomes: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """What keys that ask for outcomes of one need rest on; columns as `_beside` takes them."""
    of = {key: call.need for key, call in calls.items() if isinstance(call, DaysSince) and call.need is not None}
    rows = outcomes.join(_asked(of, rules), on="need")
    return rows.select("family_id", "key", "record_id", counted="need", dated="observed_on")


def _outstanding(calls: dict[str, Any], needs: pl.LazyFrame, outcomes: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """What keys that ask for needs outstanding rest on; columns as `_beside` takes them."""
    of = {key: call.needs for key, call in calls.items() if isinstance(call, NeedsOutstanding)}
    asked = _asked(of, rules)
    by_need = (
        _instances(needs.join(asked, on="need", how="semi"), outcomes.join(asked, on="need", how="semi"))
        .group_by(ONE_NEED)
        .agg(pl.col("outstanding").any(), pl.col("since").min(), record_id=pl.col("records").explode().unique())
    )
    counted = pl.when("outstanding").then("need")
    rows = by_need.explode("record_id").join(asked, on="need")
    return rows.select("family_id", "key", "record_id", counted=counted, dated="since")


def _in_doubt(calls: dict[str, Any], families: pl.DataFrame, lost: pl.DataFrame, rules: Rules) -> pl.LazyFrame:
    """Whose needs cannot all be placed by the day of a key that rests on them; columns as `_beside` takes them."""
    days = {"as_of": rules.on, "day_before_as_of": rules.on - timedelta(days=1)}
    of = {
        key: rules.on if isinstance(call, NeedsOutstanding) else days[call.on]
        for key, call in calls.items()
        if rests_on_all_needs(call)
    }
    asked = pl.LazyFrame({"key": list(of), "on": list(of.values())}, schema={"key": pl.String, "on": pl.Date})
    return (
        lost.lazy()
        .filter(pl.col("dated") < rules.on)
        .join(families.lazy().select("family_id", "engaged_on"), on="family_id")
        .join(asked, how="cross")
        .filter(pl.col("on") > pl.col("engaged_on"))
        .select("family_id", "key", "record_id", unplaced=pl.lit(True))
    )


def _beside(families: pl.DataFrame, cited: pl.LazyFrame, keys: list[str]) -> pl.DataFrame:
    """The families, with a struct column a key: `count` of different needs, `first` and `last` day, sorted `records`,
    and whether any of these is `unplaced`.

    `cited`: `family_id`, `key`, the `record_id` that it rests on, the need that is `counted` (null where the record
    takes one away), the day it is `dated`, and whether it is `unplaced` (or null). A family without any has null.
    """
    found = (
        cited.sort("record_id")
        .group_by("family_id", "key")
        .agg(
            count=pl.col("counted").drop_nulls().n_unique().cast(pl.Int64),
            first=pl.col("dated").min(),
            last=pl.col("dated").max(),
            records=pl.col("record_id"),
            unplaced=pl.col("unplaced").any(),
        )
        .with_row_index("place")
        .collect()
    )
    # Lists are slow to pivot and the places where they stand are quick.
    places = found.lazy().pivot(on="key", on_columns=keys, index="family_id", values="place").collect()
    frame = families.join(places, on="family_id", how="left", maintain_order="left")
    values = found.select(pl.struct("count", "first", "last", "records", "unplaced")).to_series()
    return frame.with_columns(values.gather(frame[key]).alias(key) for key in keys)


def _instances(needs: pl.LazyFrame, outcomes: pl.LazyFrame) -> pl.LazyFrame:
    """Needs of one person or of nobody in particular: whether each is `outstanding`, and the `records` that say so.

    `since`: the day from which outcomes matter to it, that of the answer that stands or, where none does, the first on
    which one could.
    """
    # What was so before the family engaged is no progress of the programme.
    first_heard = pl.max_horizontal("identified_on", "engaged_on").max()
    instances = needs.group_by(ONE_INSTANCE).agg(first_heard=first_heard, own=pl.col("record_id"))
    is_nobodys = pl.col("person") == NOBODY
    # Whose word counts: the person's own; of a need of nobody in particular, that of all who have an outcome of it.
    own_voice = instances.filter(~is_nobodys).with_columns(voice="person")
    all_voices = instances.filter(is_nobodys).join(outcomes.select(*ONE_NEED, voice="person").unique(), on=ONE_NEED)
    observed_on, status = pl.col("observed_on"), pl.col("status")
    by_voice = (
        pl.concat([own_voice, all_voices])
        .join(outcomes.rename({"person": "speaker"}), on=ONE_NEED)
        .filter(observed_on >= pl.col("first_heard"))
        .filter((pl.col("speaker") == NOBODY) | (pl.col("speaker") == pl.col("voice")))
        .group_by(*ONE_INSTANCE, "voice")
        .agg(
            achieved=observed_on.filter(status == "achieved").max(),
            relapsed=observed_on.filter(status == "relapsed").max(),
            heard=pl.col("record_id"),
        )
        # Of an achievement and a relapse on one day, the relapse holds.
        .with_columns(stands=(pl.col("achieved") > pl.col("relapsed")).fill_null(pl.col("relapsed").is_null()))
    )
    answers = by_voice.group_by(ONE_INSTANCE).agg(
        answered=pl.col("stands").all(), answered_on=pl.col("achieved").min(), heard=pl.col("heard").explode()
    )
    nothing = pl.lit([], dtype=pl.List(pl.String))
    answered = pl.col("answered").fill_null(False)
    return instances.join(answers, on=ONE_INSTANCE, how="left").select(
        *ONE_INSTANCE,
        outstanding=~answered,
        since=pl.when(answered).then("answered_on").otherwise("first_heard"),
        records=pl.concat_list("own", pl.col("heard").fill_null(nothing)),
    )
