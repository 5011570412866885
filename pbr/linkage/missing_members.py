"""Members who seem to be missing from a family's list: people in the extracts who live with it and are nobody's link.

In: the extracts, the details that records give and their links. Out: whom the family list may lack, the records that
speak of them, and how many are left out because the address and surname say too little. Nobody is added to a family.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pbr.errors import Fault, Faults
from pbr.linkage.agreement import compared
from pbr.linkage.details import ABOUT_PEOPLE, Details
from pbr.linkage.normal import normalised
from pbr.linkage.people import People
from pbr.sources import Extract
from pbr.sources.contracts import IDENTIFIERS

MISSING = pl.Schema(
    {
        "family_id": pl.String(),
        "stranger": pl.String(),
        "by": pl.String(),
        "surname": pl.String(),
        "age_group": pl.String(),
        "sources": pl.String(),
        "records": pl.Int64(),
        "first_on": pl.Date(),
        "person_id": pl.String(),
        "perhaps": pl.String(),
    }
)
"""One row for each family and each person it may lack.

`stranger`: the record that stands for the person, as `table/record_id`: the first of theirs. `by`: `uprn` (one
dwelling) or `postcode`. `surname`: `same`, or `part` of the family's or around it. `age_group`: `child` or `adult` on
the first day on which records and the programme meet, `unknown` where no record gives a birth. `sources`: the tables of
their `records` (how many, in `RECORDS`), joined with `;`. `first_on`: that first day. `person_id`: the authority's own
id, where a record gives one. `perhaps`: members of the family, by id, whose name agrees while the birth does not
differ, or whose birth agrees: the stranger is more likely one of them, under details that no pass links, or a twin."""

RECORDS = pl.Schema({"family_id": pl.String(), "stranger": pl.String(), "table": pl.String(), "record_id": pl.String()})
"""The records behind `MISSING`, one row each."""

LEFT_OUT = pl.Schema({"family_id": pl.String(), "by": pl.String(), "reason": pl.String(), "people": pl.Int64()})
"""Who lives at a family's address under its surname and is not reported, counted by family and `reason`: `too_many`
(more than a household at that address) or `several_families` (the postcode and surname are those of two families or
more)."""

MOST_AT = {"uprn": 8, "postcode": 4}
"""How many strangers of one surname an address may have: more are a block, a hostel or a common name."""

OF_AGE = 18

_TERMS = {"autumn": ((0, 8, 1), (0, 12, 31)), "spring": ((1, 1, 1), (1, 4, 30)), "summer": ((1, 4, 1), (1, 8, 31))}
"""The days that a term may be of: year of the academic year, month and day."""

_SPELLS = {
    "marks": ("date", "date"),
    "exclusions": ("starts_on", "starts_on"),
    "offending": ("occurred_on", "occurred_on"),
    "employment": ("starts_on", "ends_on"),
    "social_care": ("starts_on", "ends_on"),
}
"""The columns that say from which day until which, both inside, a record puts somebody at its address."""

SCHOOL = ("attendance", "marks", "exclusions")
"""Tables of children: who is in them is a child where no birth is given."""


@dataclass(frozen=True)
class MissingMembers:
    """`people`: `MISSING`. `records`: `RECORDS`. `left_out`: `LEFT_OUT`. Each sorted."""

    people: pl.DataFrame
    records: pl.DataFrame
    left_out: pl.DataFrame


def missing_members(
    extracts: Mapping[str, Extract],
    details: Details,
    links: pl.DataFrame,
    families: pl.DataFrame,
    members: pl.DataFrame,
    as_of: date | None,
    most_pairs: int,
) -> MissingMembers:
    """Whom each family's list may lack.

    `details`: what the extracts' records say of people, and `links` of them (`detail`, `status`); `families`:
    `family_id`, `engaged_on`, `closed_on`; `members`: rows of the members' table. Of records, those of days before
    `as_of` are read; all where it is None. Raises Faults (E311) where surname and address would make more than
    `most_pairs` pairs.
    """
    pairs = _side_by_side(_strangers(details, links), _homes(members), most_pairs)
    seen = _seen(pairs, details, extracts, families, as_of)
    placed = _placed(seen, _perhaps(seen, details, members))
    told = placed.filter(pl.col("reason").is_null())
    return MissingMembers(_people(told), told.select(RECORDS.names()).unique().sort(RECORDS.names()), _left_out(placed))


# ------------------------------------------------------------------------------------------- who, and where they live


def _strangers(details: Details, links: pl.DataFrame) -> pl.DataFrame:
    """Details that are nobody's link, with a surname and an address: `detail`, `normal.FIELDS`, and `who`, which is the
    same for the same surname, forename and birth (and the same number, where one of these is not given).
    """
    linked = links.filter(pl.col("status") != "rejected").select("detail")
    named = details.normal.filter(pl.col("surname").is_not_null()).join(linked, on="detail", how="anti")
    vague = pl.col("forename").is_null() | pl.col("date_of_birth").is_null()
    number = pl.when(vague).then(pl.coalesce("person_id", *IDENTIFIERS)).alias("number")
    # Only ever compared: what is told of people holds neither name nor number.
    who = pl.struct("surname", "forename", "date_of_birth", number).hash(seed=0)
    return _with_dwelling(named.with_columns(who=who), "who")


def _homes(members: pl.DataFrame) -> pl.DataFrame:
    """Every surname of a family at every address of its resident members: `family_id`, `surname`, `surname_words`,
    `postcode`, `uprn`, and `joined_on` and `left_on` of who lives there.
    """
    fields = normalised(members).select("surname", "surname_words", "postcode", "uprn")
    rows = members.select("family_id", "joined_on", "left_on", "resident").hstack(fields)
    names = rows.select("family_id", "surname", "surname_words").drop_nulls("surname").unique()
    lived_in = rows.filter("resident").select("family_id", "postcode", "uprn", "joined_on", "left_on").unique()
    return names.join(_with_dwelling(lived_in, "family_id"), on="family_id")


def _with_dwelling(rows: pl.DataFrame, of: str) -> pl.DataFrame:
    """Rows with an address; a postcode alone only where no row of the same person or family gives a dwelling in it."""
    known = rows.filter(pl.col("uprn").is_not_null()).select(of, "postcode").drop_nulls().unique()
    without = rows.filter(pl.col("uprn").is_null() & pl.col("postcode").is_not_null())
    return pl.concat([rows.filter(pl.col("uprn").is_not_null()), without.join(known, on=[of, "postcode"], how="anti")])


def _side_by_side(strangers: pl.DataFrame, homes: pl.DataFrame, most: int) -> pl.DataFrame:
    """Strangers and homes that share the address, and the surname or part of it: the columns of strangers, `family_id`,
    `joined_on`, `left_on`, `by`, `address`, and as `agrees` how the surname does.
    """
    here, there = _by_word(strangers), _by_word(homes)
    keys = [["word", "uprn"], ["word", "postcode"]]
    if faults := [fault for key in keys for fault in _too_many(key, here, there, most)]:
        raise Faults(faults)
    pairs = pl.concat(
        [
            here.drop_nulls(key)
            .join(there.drop_nulls(key), on=key, suffix="_of", coalesce=False)
            .drop("word", "word_of")
            .unique()
            for key in keys
        ]
    ).unique()
    words, theirs = pl.col("surname_words"), pl.col("surname_words_of")
    within = (words.list.set_difference(theirs).list.len() == 0) | (theirs.list.set_difference(words).list.len() == 0)
    one_dwelling = (pl.col("uprn") == pl.col("uprn_of")).fill_null(False)
    # Two dwellings of one postcode are neighbours'.
    neighbours = (pl.col("uprn") != pl.col("uprn_of")).fill_null(False)
    by = pl.when(one_dwelling).then(pl.lit("uprn")).otherwise(pl.lit("postcode"))
    same = pl.col("surname") == pl.col("surname_of")
    return pairs.filter((same | within) & ~neighbours).with_columns(
        by=by,
        address=pl.when(one_dwelling).then("uprn").otherwise("postcode"),
        agrees=pl.when(same).then(pl.lit("same")).otherwise(pl.lit("part")),
    )


def _by_word(rows: pl.DataFrame) -> pl.DataFrame:
    """A row for each word of the surname but single letters, as `word`."""
    return rows.with_columns(word="surname_words").explode("word").filter(pl.col("word").str.len_chars() > 1)


def _too_many(key: list[str], here: pl.DataFrame, there: pl.DataFrame, most: int) -> Iterator[Fault]:
    counts = here.group_by(key).len("here").join(there.group_by(key).len("there"), on=key)
    pairs = pl.col("here").cast(pl.Int64) * pl.col("there").cast(pl.Int64)
    count, of_one = counts.select(pairs.sum().alias("count"), pairs.max().alias("of_one")).row(0)
    if count > most:
        yield Fault(
            "E311",
            f"missing members by surname and {key[1]}",
            f"would make {count:,} pairs, {of_one:,} of them by one value; at most {most:,} are made",
            "Look for an address that the extracts give instead of 'unknown', or raise most_pairs in [linkage].",
        )


# ----------------------------------------------------------------------------------------------------- when they did


def _seen(
    pairs: pl.DataFrame, details: Details, extracts: Mapping[str, Extract], families: pl.DataFrame, as_of: date | None
) -> pl.DataFrame:
    """Pairs with each record that has a day on which the home was the family's and the family on the programme: beside
    the pairs' columns `table`, `record_id`, and `first_on`, the first such day.
    """
    records = details.records.join(pairs.select("detail").unique(), on="detail").filter(~pl.col("is_rejected"))
    days = records.join(_days(extracts, records), on=["table", "record_id"])
    programme = families.select("family_id", "engaged_on", "closed_on")
    met = (
        pairs.join(days, on="detail")
        .join(programme, on="family_id")
        .with_columns(
            first_on=pl.max_horizontal("first", "joined_on", "engaged_on"),
            until=pl.min_horizontal("last", pl.col("left_on").dt.offset_by("-1d"), "closed_on"),
        )
        .filter((pl.col("first_on") <= pl.col("until")).fill_null(True))
    )
    return met if as_of is None else met.filter(pl.col("first_on") < as_of)


def _days(extracts: Mapping[str, Extract], records: pl.DataFrame) -> pl.DataFrame:
    """`table`, `record_id`, `first` and `last` day of records, both inside; a null last day is open."""
    found = [pl.DataFrame(schema={"table": pl.String, "record_id": pl.String, "first": pl.Date, "last": pl.Date})]
    for table in sorted(extracts.keys() & ABOUT_PEOPLE):
        asked = records.filter(pl.col("table") == table).select("record_id")
        own = extracts[table].accepted.join(asked, on="record_id", how="semi")
        if table == "attendance":
            year = pl.col("academic_year").str.slice(0, 4).cast(pl.Int32)
            first, last = (_of_term(year, end) for end in (0, 1))
        else:
            first, last = (pl.col(column) for column in _SPELLS[table])
        found.append(own.select("record_id", table=pl.lit(table), first=first, last=last).select(found[0].columns))
    return pl.concat(found)


def _of_term(year: pl.Expr, end: int) -> pl.Expr:
    """The first (0) or last (1) day that a term of an academic year may have."""
    days = {term: spans[end] for term, spans in _TERMS.items()}
    later, month, day = (
        pl.col("term").replace_strict({term: span[at] for term, span in days.items()}, return_dtype=pl.Int32)
        for at in range(3)
    )
    return pl.date(year + later, month, day)


# --------------------------------------------------------------------------------------------------- what is reported


def _perhaps(seen: pl.DataFrame, details: Details, members: pl.DataFrame) -> pl.DataFrame:
    """`family_id`, `who` and `perhaps` (as in `MISSING`) of the strangers who agree with a member of the family."""
    belong = members.select("family_id", member="person_id").unique()
    pairs = seen.select("family_id", "who", "detail").unique().join(belong, on="family_id")
    asked = pairs.select("detail", person_id="member").unique()
    levels = compared(asked, details, People.of(members)).rename({"person_id": "member"})
    name, birth = pl.col("name"), pl.col("birth")
    by_name = name.is_in(["same", "variant", "near", "initial", "surname"]) & (birth != "differs")
    agree = levels.filter(by_name | birth.is_in(["same", "swapped"]))
    return (
        pairs.join(agree, on=["detail", "member"])
        .group_by("family_id", "who")
        .agg(perhaps=pl.col("member").unique().sort().str.join(";"))
    )


def _placed(seen: pl.DataFrame, perhaps: pl.DataFrame) -> pl.DataFrame:
    """What is seen of each stranger at their best address, with `stranger`, `perhaps` (empty where nobody agrees), and
    as `reason` why they are not reported, null where they are.

    Best is with whom they agree, then in a dwelling. Only who agrees with nobody tells of a crowd.
    """
    found = seen.join(perhaps, on=["family_id", "who"], how="left").with_columns(pl.col("perhaps").fill_null(""))
    for better in (pl.col("perhaps") != "", pl.col("by") == "uprn"):
        found = found.filter(better | ~better.any().over("who"))
    most = pl.col("by").replace_strict(MOST_AT, return_dtype=pl.Int64)
    agrees = pl.col("perhaps") != ""
    crowd = pl.col("who").filter(~agrees).n_unique().over("family_id", "by", "address")
    several = (pl.col("by") == "postcode") & (pl.col("family_id").n_unique().over("who") > 1)
    judged = found.with_columns(
        stranger=pl.concat_str("table", pl.lit("/"), "record_id").min().over("who", "family_id"),
        reason=pl.when(agrees)
        .then(None)
        .when(crowd > most)
        .then(pl.lit("too_many"))
        .when(several)
        .then(pl.lit("several_families")),
    )
    told = pl.col("reason").is_null()
    return judged.filter(told | ~told.any().over("who", "family_id"))


def _people(told: pl.DataFrame) -> pl.DataFrame:
    years = (_figures("first_on") - _figures("date_of_birth")) // 10_000
    grown = pl.when(years >= OF_AGE).then(pl.lit("adult")).when(years < OF_AGE).then(pl.lit("child"))
    at_school = pl.when(pl.col("tables").list.set_intersection(list(SCHOOL)).list.len() > 0).then(pl.lit("child"))
    return (
        told.group_by("family_id", "stranger")
        .agg(
            pl.col("by", "perhaps").max(),
            pl.col("first_on", "date_of_birth").min(),
            surname=pl.col("agrees").max(),
            tables=pl.col("table").unique().sort(),
            records=pl.struct("table", "record_id").n_unique(),
            person_id=pl.col("person_id").drop_nulls().unique().sort().str.join(";"),
        )
        .with_columns(age_group=pl.coalesce(grown, at_school, pl.lit("unknown")))
        .with_columns(sources=pl.col("tables").list.join(";"))
        .select(MISSING.names())
        .cast(MISSING)
        .sort("family_id", "stranger")
    )  # fmt: skip


def _figures(day: str) -> pl.Expr:
    """A day as its figures, 20140131: the difference of two counts whole years, leap days or not."""
    return pl.col(day).dt.strftime("%Y%m%d").cast(pl.Int64)


def _left_out(placed: pl.DataFrame) -> pl.DataFrame:
    return (
        placed.drop_nulls("reason")
        .group_by("family_id", "by", "reason")
        .agg(people=pl.col("who").n_unique())
        .select(LEFT_OUT.names())
        .cast(LEFT_OUT)
        .sort(LEFT_OUT.names())
    )
