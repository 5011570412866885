"""Persons who seem to be one person under two ids: members compared with members, by the levels of `docs/linkage.md`.

In: the members' table, and the live claim lines as a table. Out: a row for each pair of persons and of their families.
Nothing is merged: `docs/families.md` says what a person does with a row.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pbr.errors import Fault, Faults
from pbr.linkage.agreement import compared, evidence
from pbr.linkage.details import RECORDS, Details
from pbr.linkage.normal import squeezed
from pbr.linkage.people import People
from pbr.sources import IDENTITY
from pbr.sources.contracts import IDENTIFIERS

SAME_PERSONS = pl.Schema(
    {
        "person_id": pl.String(),
        "family_id": pl.String(),
        "other_person_id": pl.String(),
        "other_family_id": pl.String(),
        "basis": pl.String(),
        "when": pl.String(),
        "evidence": pl.String(),
        "claims": pl.String(),
        "claimed_pence": pl.Int64(),
        "other_claims": pl.String(),
        "other_claimed_pence": pl.Int64(),
    }
)
"""One row for each pair of persons and of the families they ever belonged to, in that order.

`basis`: `identifier` (one number, and the name agrees, or the birth and nothing else differs), `address` (name, birth
and address agree), `elsewhere` (name and birth are the same, the address is not) or `number_only` (one number on two
persons who do not seem to be one). `when`: `at_once` (in two families on one day), `in_one_family` (twice in one family
on one day) or `one_after_another`. `evidence`: how each field agrees, never its value. `claims`: the live claim lines
that the person stands in, by id, joined with `;`, and what they come to."""

LIVE = pl.Schema(
    {"line_id": pl.String(), "family_id": pl.String(), "amount_pence": pl.Int64(), "persons": pl.List(pl.String())}
)
"""What is read of the live claim lines; `persons` as ids are compared."""

ONE_PERSON = ("identifier", "address", "elsewhere")
"""The bases on which two persons seem to be one; otherwise a number is on the wrong person."""

A_GENERATION = 10
"""Years between two births from which they are a parent's and a child's, however few figures differ."""

_ADDRESSES = ("postcode", "uprn")
KEYS: tuple[tuple[str, ...], ...] = (
    ("theirs",),
    *((identifier,) for identifier in IDENTIFIERS),
    *((field, address) for field in ("date_of_birth", "surname", "forename") for address in _ADDRESSES),
    ("surname", "forename", "date_of_birth"),
)
"""What two persons must share to be compared at all (`theirs`: the id as ids are compared)."""


def same_persons(members: pl.DataFrame, live: pl.DataFrame, most_pairs: int) -> pl.DataFrame:
    """The persons who seem to be one (`SAME_PERSONS`), sorted.

    `members`: rows of the members' table; `live`: `LIVE`. Raises Faults (E311) where what members share would make more
    than `most_pairs` pairs of them.
    """
    people = People.of(members)
    pairs = _pairs(people, most_pairs)
    families = _families_of(pairs, members)
    in_one = families.filter(pl.col("when") == "in_one_family").select(*_PAIR, in_one=pl.lit(True)).unique()
    levels = _compared(pairs, members, people).join(in_one, on=_PAIR, how="left")
    found = levels.with_columns(basis=_basis()).drop_nulls("basis")
    claims = _claims_of(members["person_id"], live)
    of_other = claims.rename({"person_id": "other_person_id"} | {name: f"other_{name}" for name in _CLAIMS})
    return (
        found.select(*_PAIR, "basis", evidence=_evidence())
        .join(families, on=_PAIR)
        .join(claims, on="person_id", how="left")
        .join(of_other, on="other_person_id", how="left")
        .select(SAME_PERSONS.names())
        .sort(SAME_PERSONS.names()[:4])
    )


def _claims_of(person_ids: pl.Series, live: pl.DataFrame) -> pl.DataFrame:
    """`person_id`, `claims` and `claimed_pence` of each person id, as in `SAME_PERSONS`."""
    known = pl.DataFrame({"person_id": person_ids.unique()}).with_columns(persons=squeezed("person_id"))
    lines = live.select("line_id", "amount_pence", "persons").explode("persons")
    return (
        known.join(lines, on="persons", how="left")
        .group_by("person_id")
        .agg(
            claims=pl.col("line_id").drop_nulls().sort().str.join(";"),
            claimed_pence=pl.col("amount_pence").sum(),
        )
    )


_PAIR = ["person_id", "other_person_id"]
_CLAIMS = ("claims", "claimed_pence")


def _pairs(people: People, most: int) -> pl.DataFrame:
    """Two persons (`_PAIR`, the smaller id first) for each pair that shares a key; counted before they are made."""
    sharing = [people.ways.select("person_id", *key).drop_nulls().unique() for key in KEYS]
    if faults := [fault for key, shared in zip(KEYS, sharing, strict=True) for fault in _too_many(key, shared, most)]:
        raise Faults(faults)
    made = [
        shared.join(shared.rename({"person_id": "other_person_id"}), on=key)
        .filter(pl.col("person_id") < pl.col("other_person_id"))
        .select(_PAIR)
        for key, shared in zip(KEYS, sharing, strict=True)
    ]
    return pl.concat(made).unique()


def _too_many(key: tuple[str, ...], shared: pl.DataFrame, most: int) -> Iterator[Fault]:
    bearers = shared.group_by(key).agg(pl.len().cast(pl.Int64))["len"]
    count = int((bearers * (bearers - 1) // 2).sum())
    if count > most:
        yield Fault(
            "E311",
            f"members compared by {'+'.join('person_id' if field == 'theirs' else field for field in key)}",
            f"would make {count:,} pairs, at most {most:,} are made; one value is {bearers.sort()[-1]:,} persons'",
            "Look for a value that the extracts give instead of 'unknown', or raise most_pairs in [linkage].",
        )


def _compared(pairs: pl.DataFrame, members: pl.DataFrame, people: People) -> pl.DataFrame:
    """The pairs with their levels (`agreement.LEVELS` but `detail`), `one_id` and `years_apart`: the best of every way
    in which the one is recorded against every way of the other.
    """
    rows = members.select(IDENTITY).unique().with_row_index("detail")
    ways = Details(rows, pl.DataFrame(schema=RECORDS))
    of_ways = pairs.join(rows.select("detail", "person_id"), on="person_id")
    asked = of_ways.select("detail", person_id="other_person_id").unique()
    levels = compared(asked, ways, people).rename({"person_id": "other_person_id"})
    named = pl.struct("name", "surname", "forename")
    best = (
        of_ways.join(levels, on=["detail", "other_person_id"])
        .group_by(_PAIR)
        .agg(
            named.sort_by("name", "surname", "forename").first().alias("named"),
            pl.exclude("detail", *_PAIR, "name", "surname", "forename").min(),
        )
        .unnest("named")
        .with_columns(address=pl.min_horizontal("postcode", "uprn"))
    )
    each = people.ways.group_by("person_id").agg(pl.col("theirs").first(), pl.col("date_of_birth").dt.year().min())
    other = each.rename({"person_id": "other_person_id"})
    return (
        best.join(each, on="person_id")
        .join(other, on="other_person_id", suffix="_of")
        .with_columns(
            one_id=pl.col("theirs") == pl.col("theirs_of"),
            years_apart=(pl.col("date_of_birth") - pl.col("date_of_birth_of")).abs(),
        )
    )


def _basis() -> pl.Expr:
    """On what two persons seem to be one; null where they do not."""
    name, birth, address = pl.col("name"), pl.col("birth"), pl.col("address")
    number = pl.col("one_id") | pl.any_horizontal(pl.col(identifier) == "same" for identifier in IDENTIFIERS)
    against = pl.any_horizontal(pl.col(field) == "differs" for field in (*IDENTIFIERS, "sex"))
    one_generation = (pl.col("years_apart") < A_GENERATION).fill_null(True)
    slip = (birth == "swapped") | ((birth == "near") & one_generation)
    # One slip, in the name or in the birth: with one in each they are as well two children of one house.
    fits = (name.is_in(["same", "variant"]) & ((birth == "same") | slip)) | ((name == "near") & (birth == "same"))
    # Two who are listed side by side, born on one day, may be twins: of nearly one name, or with one's number on both.
    beside = pl.col("in_one").fill_null(False)
    by_name = name.is_in(["same", "variant"]) | ((name == "near") & ~beside)
    by_birth = ((birth == "same") | slip) & ~beside & ~against
    return (
        pl.when(number & ((by_name & one_generation) | by_birth))
        .then(pl.lit("identifier"))
        .when(number)
        .then(pl.lit("number_only"))
        .when(fits & (address == "same") & ~against & ~(beside & (name == "near")))
        .then(pl.lit("address"))
        .when((name == "same") & (birth == "same") & (address != "same") & ~against)
        .then(pl.lit("elsewhere"))
    )


def _evidence() -> pl.Expr:
    one_id = pl.when("one_id").then(pl.lit("person_id same"))
    return pl.concat_list(one_id, evidence()).list.drop_nulls().list.join(", ")


def _families_of(pairs: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """`_PAIR`, `family_id`, `other_family_id` and `when` of pairs of persons, one row for each pair of families."""
    periods = members.select("person_id", "family_id", "joined_on", "left_on")
    others = periods.rename({name: f"other_{name}" for name in periods.columns})
    both = pairs.join(periods, on="person_id").join(others, on="other_person_id")
    # An empty first day is always, an empty last one still.
    begins_before = pl.col("joined_on") < pl.col("other_left_on")
    ends_after = pl.col("other_joined_on") < pl.col("left_on")
    overlap = begins_before.fill_null(True) & ends_after.fill_null(True)
    one_family = pl.col("family_id") == pl.col("other_family_id")
    return (
        both.group_by(*_PAIR, "family_id", "other_family_id")
        .agg(overlap=overlap.any())
        .with_columns(
            when=pl.when(~pl.col("overlap"))
            .then(pl.lit("one_after_another"))
            .when(one_family)
            .then(pl.lit("in_one_family"))
            .otherwise(pl.lit("at_once"))
        )
        .drop("overlap")
    )
