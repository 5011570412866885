"""Causes: why a decision that was taken once comes out otherwise now, from what its facts rest on then and now.

In: facts, records, links and coverage, then and now. Out: one row for each fact that differs and each cause of it, with
the evidence: the values, and the records that appeared, disappeared, changed or went to somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

DATA, LINKS, RULES = "data_changed", "links_changed", "rules_changed"

CAUSES = pl.Schema({"family_id": pl.String(), "fact": pl.String(), "cause": pl.String(), "evidence": pl.String()})
"""`cause`: `data_changed` or `links_changed`; `evidence`: member, fact, value then and now, and the records."""

RECORDS = pl.Schema({"table": pl.String(), "record_id": pl.String(), "file": pl.String(), "content": pl.String()})


@dataclass(frozen=True)
class Base:
    """What facts rest on, then or now.

    `facts`: `measures.facts.LONG`. `links`: `linkage.passes.LINKS`. `records`: `RECORDS`, of those that are known;
    `content` is null where it is not. `covers`: each table's days. `inputs`: each file's digest, by table and path.
    """

    facts: pl.DataFrame
    links: pl.DataFrame
    records: pl.DataFrame
    covers: Mapping[str, tuple[date, date]]
    inputs: Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Since:
    """What happened in between: `decided`, the records (`table`, `record_id`) whose links a person decided on since;
    `quarantined`: the records (`table`, `record_id`) that are set apart now;
    `linking`: whether records are linked by other settings, or another model, now.
    """

    decided: pl.DataFrame
    quarantined: pl.DataFrame
    linking: bool


def causes(then: Base, now: Base, since: Since, sources: Mapping[str, tuple[str, ...]]) -> pl.DataFrame:
    """Why facts differ (`CAUSES`), sorted. `sources`: the tables that each fact reads, by its key."""
    differ = _differing(then.facts, now.facts)
    of_records = _of_records(differ, then, now, since, sources)
    told = of_records.group_by("number", "cause").agg(pl.col("says").unique().sort().str.join(", "))
    rest = differ.join(told, on="number", how="anti").with_columns(
        cause=pl.when("one_open").then(pl.lit(LINKS)).otherwise(pl.lit(DATA)),
        says=pl.col("fact").map_elements(lambda fact: _coverage(sources.get(fact, ()), then, now), pl.String),
    )
    both = pl.concat([differ.join(told, on="number"), rest.select(*differ.columns, "cause", "says")])
    about = pl.when(pl.col("subject_id") != "").then(pl.format("{} ", "subject_id")).otherwise(pl.lit(""))
    says = pl.when(pl.col("says") != "").then(pl.format(" ({})", "says")).otherwise(pl.lit(""))
    evidence = pl.format("{}{}: {} then, {} now{}", about, "fact", "was", "is", says)
    return both.select("family_id", "fact", "cause", evidence=evidence).unique().sort(pl.all())


def _differing(then: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    key = ["family_id", "subject_id", "fact"]
    frames = [frame.with_columns(pl.col("records").list.sort(), said=_said()) for frame in (then, now)]
    both = frames[0].join(frames[1], on=key, how="full", coalesce=True, suffix="_now")
    same = pl.col("said").eq_missing(pl.col("said_now")) & pl.col("records").eq_missing(pl.col("records_now"))
    return (
        both.filter(~same)
        .select(
            *key,
            was=pl.col("said").fill_null("nothing"),
            now=pl.col("said_now").fill_null("nothing"),
            before=pl.col("records").fill_null([]),
            after=pl.col("records_now").fill_null([]),
            # A possible link left it open then or now, and not both.
            one_open=_left_open("reason") != _left_open("reason_now"),
        )
        .rename({"now": "is"})
        .sort(key)
        .with_row_index("number")
    )


def _left_open(reason: str) -> pl.Expr:
    return pl.col(reason).str.contains("unresolved_link").fill_null(False)


def _said() -> pl.Expr:
    bounds = pl.format(" ({} to {})", "least", "most").fill_null("")
    return pl.coalesce("value", pl.format("not known, {}{}", "reason", bounds))


def _coverage(tables: tuple[str, ...], then: Base, now: Base) -> str:
    told = []
    for table in tables:
        was, is_now = then.covers.get(table), now.covers.get(table)
        if was != is_now:
            days = [f"{each[0]} to {each[1]}" if each else "nothing" for each in (was, is_now)]
            told.append(f"{table} covered {days[0]} then, and {days[1]} now")
    return ", ".join(told)


def _of_records(
    differ: pl.DataFrame, then: Base, now: Base, since: Since, sources: Mapping[str, tuple[str, ...]]
) -> pl.DataFrame:
    """`number` (of the fact), `cause` and `says` for each record that tells why the fact differs."""
    key = ["table", "record_id"]
    tables = pl.DataFrame(
        [(fact, table) for fact, of in sources.items() for table in of],
        schema={"fact": pl.String, "table": pl.String},
        orient="row",
    ).unique()
    record = pl.concat(
        [
            differ.select("number", "fact", "was", "is", record_id="before", side=pl.lit("before")),
            differ.select("number", "fact", "was", "is", record_id="after", side=pl.lit("after")),
        ]
    )
    cited = (
        record.explode("record_id")
        .drop_nulls("record_id")
        .group_by("number", "fact", "was", "is", "record_id")
        .agg(before=(pl.col("side") == "before").any(), after=(pl.col("side") == "after").any())
        .join(tables, on="fact")
    )
    same_files = [place for place, digest in now.inputs.items() if then.inputs.get(place) == digest]
    unchanged = pl.DataFrame(same_files, schema={"table": pl.String, "file": pl.String}, orient="row").with_columns(
        file_same=pl.lit(True)
    )
    there = now.records.select(*key, "file", content_now="content", there=pl.lit(True)).join(
        unchanged, on=["table", "file"], how="left"
    )
    was_there = then.records.select(*key, content_then="content", was_there=pl.lit(True))
    judged = (
        cited.join(_linked_to(then.links, "linked_then"), on=key, how="left")
        .join(_linked_to(now.links, "linked_now"), on=key, how="left")
        .join(there, on=key, how="left")
        .join(was_there, on=key, how="left")
        .join(since.quarantined.select(key).unique().with_columns(apart=pl.lit(True)), on=key, how="left")
        .join(since.decided.select(key).unique().with_columns(reviewed=pl.lit(True)), on=key, how="left")
        .with_columns(pl.col("there", "was_there", "file_same", "apart", "reviewed").fill_null(False))
        .filter(pl.col("there") | pl.col("was_there") | pl.col("linked_then").is_not_null())
    )
    known_then = pl.col("was_there") | pl.col("linked_then").is_not_null()
    relinked = pl.col("there") & known_then & pl.col("linked_then").ne_missing(pl.col("linked_now"))
    changed = (pl.col("content_then") != pl.col("content_now")).fill_null(False)
    name = pl.format("{} {}", "table", "record_id")
    told = [
        (pl.col("apart"), DATA, pl.format("{} is in quarantine now", name)),
        (~pl.col("there"), DATA, pl.format("{} is in no extract any more", name)),
        (
            relinked,
            LINKS,
            pl.format(
                "{} was linked to {}, and is to {}",
                name,
                pl.col("linked_then").fill_null("nobody"),
                pl.col("linked_now").fill_null("nobody"),
            ),
        ),
        (changed, DATA, pl.format("{} says something else", name)),
        (pl.col("before") & pl.col("after"), None, pl.lit("")),
        (pl.col("before"), DATA, pl.format("{} is there, and counts no more", name)),
        (
            ~known_then & (pl.col("reviewed") | (pl.col("file_same") & pl.lit(since.linking))),
            LINKS,
            pl.format("{} is linked to {} now", name, pl.col("linked_now").fill_null("nobody")),
        ),
        (known_then | pl.col("file_same"), DATA, pl.format("{} was there, and counts now", name)),
        (pl.lit(True), DATA, pl.format("{} is new", name)),
    ]
    return judged.select(
        "number",
        cause=_first([(test, pl.lit(cause, pl.String)) for test, cause, _ in told]),
        says=_first([(test, says) for test, _, says in told]),
    ).drop_nulls("cause")


def _first(cases: list[tuple[pl.Expr, pl.Expr]]) -> pl.Expr:
    """What belongs to the first test that holds."""
    (test, value), *rest = cases
    return pl.when(test).then(value).otherwise(_first(rest) if rest else pl.lit(None, pl.String))


def _linked_to(links: pl.DataFrame, name: str) -> pl.DataFrame:
    """Who each record is linked to, in words: `P1 (confirmed)`, and several with `and`."""
    standing = links.filter(pl.col("status") != "rejected").sort("person_id")
    who = pl.format("{} ({})", "person_id", "status").unique(maintain_order=True).str.join(" and ")
    return standing.group_by("table", "record_id").agg(who.alias(name))
