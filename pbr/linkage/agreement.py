"""How a record's details and a member agree, field by field: the levels of `docs/linkage.md`.

In: pairs of details and person. Out: one level a field, by which the passes decide and which every link carries as its
evidence. A person recorded in several ways is compared by the best of their names and the best of their addresses.
"""

from __future__ import annotations

from functools import cache, reduce
from importlib.resources import files
from operator import or_

import polars as pl
import yaml

from pbr.linkage.details import Details
from pbr.linkage.people import People
from pbr.sources.contracts import IDENTIFIERS

NAME = pl.Enum(["same", "variant", "near", "initial", "surname", "differs", "absent"])
SURNAME = pl.Enum(["same", "part", "near", "swapped", "differs", "absent"])
FORENAME = pl.Enum(["same", "nickname", "part", "near", "swapped", "initial", "differs", "absent"])
BIRTH = pl.Enum(["same", "swapped", "near", "differs", "absent"])
FIELD = pl.Enum(["same", "differs", "absent"])

LEVELS = pl.Schema(
    [
        ("detail", pl.UInt32()),
        ("person_id", pl.String()),
        ("name", NAME),
        ("birth", BIRTH),
        ("address", FIELD),
        *((identifier, FIELD) for identifier in IDENTIFIERS),
        ("surname", SURNAME),
        ("forename", FORENAME),
        ("sex", FIELD),
        ("postcode", FIELD),
        ("uprn", FIELD),
    ]
)
"""Each level, best first. `name` is of surname and forename together, `address` of postcode and UPRN. `absent`: one of
the two does not say. `surname` as a level of the name: the surname agrees and one of them gives no forename."""

LEAST_LETTERS = 4
"""Of both names, for one character between them to be a slip and not another name."""


def compared(pairs: pl.DataFrame, details: Details, people: People) -> pl.DataFrame:
    """The levels (`LEVELS`) of pairs (`detail`, `person_id`), one row a pair, in no order."""
    fields = details.normal.drop("person_id")
    ways = people.ways.drop("theirs")
    of_ways = pairs.select("detail", "person_id").join(fields, on="detail").join(ways, on="person_id", suffix="_of")
    levels = of_ways.pipe(_with_names).pipe(_with_birth).select(
        "detail",
        "person_id",
        "named",
        "birth",
        **{field: _field(field) for field in (*IDENTIFIERS, "sex", "postcode", "uprn")},
    )  # fmt: skip
    once = pl.len().over("detail", "person_id") == 1
    best = levels.filter(~once).group_by("detail", "person_id").agg(pl.all().min())
    return (
        pl.concat([levels.filter(once), best])
        .with_columns(*_levels_of_the_name(), address=pl.min_horizontal("postcode", "uprn"))
        .select(LEVELS.names())
    )


def in_words(levels: pl.DataFrame) -> pl.DataFrame:
    """`detail`, `person_id` and `evidence`, the levels in words; see `evidence`."""
    # There are few ways to agree, and many pairs: each way is put into words once.
    told = levels.select(list(_SAID)).unique().with_columns(evidence=evidence())
    return levels.join(told, on=list(_SAID)).select("detail", "person_id", "evidence")


_SAID = {
    **{name: name for name in (*IDENTIFIERS, "surname", "forename")},
    "birth": "date_of_birth",
    **{name: name for name in ("sex", "postcode", "uprn")},
}
"""The levels that evidence tells, and what it calls them."""


def evidence() -> pl.Expr:
    """Levels in words, the fields that one of the two does not give left out: `surname same, postcode differs`."""
    said = [
        pl.when(pl.col(field) != "absent").then(pl.concat_str(pl.lit(f"{spoken} "), pl.col(field).cast(pl.String)))
        for field, spoken in _SAID.items()
    ]
    return pl.concat_list(said).list.drop_nulls().list.join(", ")


# ------------------------------------------------------------------------------------------------------------ names


def _with_names(pairs: pl.DataFrame) -> pl.DataFrame:
    """`named`: the levels of name, surname and forename as one number, the best of which is the least.

    Most names are the same, and only the others are taken apart.
    """
    same = ((pl.col("surname") == pl.col("surname_of")) & (pl.col("forename") == pl.col("forename_of"))).fill_null(
        False
    )
    others = pairs.filter(~same)
    apart = (
        others.hstack(_one_apart(others, "surname"))
        .hstack(_one_apart(others, "forename"))
        .with_columns(surname_level=_surname(), forename_level=_forename())
        .with_columns(named=_as_number(_name()) * 100 + _as_number("surname_level") * 10 + _as_number("forename_level"))
    )
    return pl.concat(
        [pairs.filter(same).with_columns(named=pl.lit(0, pl.Int32)), apart.select(*pairs.columns, "named")]
    )


def _as_number(level: str | pl.Expr) -> pl.Expr:
    return (pl.col(level) if isinstance(level, str) else level).to_physical().cast(pl.Int32)


def _levels_of_the_name() -> list[pl.Expr]:
    """The three levels out of the one number."""
    named = pl.col("named")
    figures = {"name": (named // 100, NAME), "surname": (named // 10 % 10, SURNAME), "forename": (named % 10, FORENAME)}
    return [figure.cast(pl.UInt8).cat.to(levels).alias(name) for name, (figure, levels) in figures.items()]


def _surname() -> pl.Expr:
    ours, theirs = pl.col("surname"), pl.col("surname_of")
    swapped = (ours == pl.col("forename_of")) & (pl.col("forename") == theirs)
    return _first(
        SURNAME,
        absent=ours.is_null() | theirs.is_null(),
        same=ours == theirs,
        swapped=swapped,
        part=_part_of_the_other("surname"),
        near=pl.col("surname_one_apart"),
    )


def _forename() -> pl.Expr:
    ours, theirs = pl.col("forename"), pl.col("forename_of")
    swapped = (pl.col("surname") == theirs) & (ours == pl.col("surname_of"))
    letters = pl.min_horizontal(ours.str.len_chars(), theirs.str.len_chars()) == 1
    return _first(
        FORENAME,
        absent=ours.is_null() | theirs.is_null(),
        same=ours == theirs,
        swapped=swapped,
        initial=letters & (ours.str.slice(0, 1) == theirs.str.slice(0, 1)),
        nickname=_share_a_nickname(),
        part=_part_of_the_other("forename"),
        near=pl.col("forename_one_apart"),
    )


def _name() -> pl.Expr:
    surname, forename = pl.col("surname_level"), pl.col("forename_level")
    surname_fits = surname.is_in(["same", "part"])
    return _first(
        NAME,
        same=(surname == "same") & (forename == "same"),
        variant=(surname_fits & forename.is_in(["same", "part", "nickname"])) | (surname == "swapped"),
        near=((surname == "same") & (forename == "near")) | ((surname == "near") & (forename == "same")),
        initial=surname_fits & (forename == "initial"),
        surname=surname_fits & (forename == "absent"),
        absent=surname == "absent",
    ).alias("name")


def _part_of_the_other(name: str) -> pl.Expr:
    """Every word of one is a word of the other. A single letter is no name, and no part of one."""
    ours, theirs = pl.col(f"{name}_words"), pl.col(f"{name}_words_of")
    within = (ours.list.set_difference(theirs).list.len() == 0) & (pl.col(name).str.len_chars() > 1)
    around = (theirs.list.set_difference(ours).list.len() == 0) & (pl.col(f"{name}_of").str.len_chars() > 1)
    return within | around


def _share_a_nickname() -> pl.Expr:
    """Whether the first words of two forenames are two names that one person goes by."""
    first, other = pl.col("forename_words").list.first(), pl.col("forename_words_of").list.first()
    shared = nickname_groups(first).list.set_intersection(nickname_groups(other))
    return (first != other) & (shared.list.len() > 0)


def nickname_groups(forename: pl.Expr) -> pl.Expr:
    """The numbers of the groups of nicknames that a forename (in lower case) is in; an empty list where in none."""
    return forename.replace_strict(*_as_lists(), default=[], return_dtype=pl.List(pl.Int64))


@cache
def _as_lists() -> tuple[pl.Series, pl.Series]:
    """Names and their groups, a list of each. Made once: to make them takes much longer than to compare by them."""
    names, groups = list(nicknames()), list(nicknames().values())
    return pl.Series(names, dtype=pl.String).implode(), pl.Series(groups, dtype=pl.List(pl.Int64)).implode()


@cache
def nicknames() -> dict[str, list[int]]:
    """The groups that each name is in, by their number."""
    text = files("pbr.linkage").joinpath("nicknames.yaml").read_text("utf-8")
    found: dict[str, list[int]] = {}
    for number, group in enumerate(yaml.safe_load(text)):
        for name in group:
            found.setdefault(name, []).append(number)
    return found


def _one_apart(pairs: pl.DataFrame, name: str) -> pl.DataFrame:
    """One column: whether two names, long enough, are one character apart or have two neighbours swapped."""
    ours, theirs = pl.col(name), pl.col(f"{name}_of")
    lengths = ours.str.len_chars().cast(pl.Int32), theirs.str.len_chars().cast(pl.Int32)
    worth_it = (
        (ours != theirs)
        & (pl.min_horizontal(*lengths) >= LEAST_LETTERS)
        & ((lengths[0] - lengths[1]).abs() <= 1)
    )  # fmt: skip
    both = [name, f"{name}_of"]
    names = pairs.select(both).filter(worth_it).unique()
    # Each two names once, and few of them: whole characters of any script are compared.
    near = names.filter(pl.Series([one_apart(*each) for each in names.iter_rows()], dtype=pl.Boolean))
    found = pairs.select(both).join(
        near.with_columns(pl.lit(True).alias(f"{name}_one_apart")), on=both, how="left", maintain_order="left"
    )
    return found.select(pl.col(f"{name}_one_apart").fill_null(False))


def one_apart(one: str, other: str) -> bool:
    """Whether two texts differ by one character more, less or another, or by two neighbours swapped.

    >>> one_apart("jonathan", "jonathon"), one_apart("willaim", "william"), one_apart("maria", "marla jo")
    (True, True, False)
    """
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) > 1 or one == other:
        return False
    at = next((at for at, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    if len(longer) > len(shorter):
        return shorter[at:] == longer[at + 1 :]
    swapped = shorter[at : at + 2] == longer[at : at + 2][::-1] and shorter[at + 2 :] == longer[at + 2 :]
    return shorter[at + 1 :] == longer[at + 1 :] or swapped


# ----------------------------------------------------------------------------------------------- birth and the rest


def _with_birth(pairs: pl.DataFrame) -> pl.DataFrame:
    """`birth`: its level. Most are the same, and only the others are taken apart."""
    same = (pl.col("date_of_birth") == pl.col("date_of_birth_of")).fill_null(False)
    return pl.concat(
        [
            pairs.filter(same).with_columns(birth=pl.lit("same", BIRTH)),
            pairs.filter(~same).with_columns(birth=_birth()),
        ]
    )


def _birth() -> pl.Expr:
    ours, theirs = pl.col("date_of_birth"), pl.col("date_of_birth_of")
    swapped = (
        (ours.dt.year() == theirs.dt.year())
        & (ours.dt.month().cast(pl.Int32) == theirs.dt.day().cast(pl.Int32))
        & (ours.dt.day().cast(pl.Int32) == theirs.dt.month().cast(pl.Int32))
    )
    figures = [each.dt.strftime("%Y%m%d") for each in (ours, theirs)]
    apart = [figures[0].str.slice(at, 1) != figures[1].str.slice(at, 1) for at in range(8)]
    count = pl.sum_horizontal(apart)
    neighbours = reduce(
        or_,
        (
            (figures[0].str.slice(at, 1) == figures[1].str.slice(at + 1, 1))
            & (figures[0].str.slice(at + 1, 1) == figures[1].str.slice(at, 1))
            & apart[at]
            & apart[at + 1]
            for at in range(7)
        ),
    )
    near = (count == 1) | ((count == 2) & neighbours)
    return _first(BIRTH, absent=ours.is_null() | theirs.is_null(), same=ours == theirs, swapped=swapped, near=near)


def _field(name: str) -> pl.Expr:
    ours, theirs = pl.col(name), pl.col(f"{name}_of")
    return _first(FIELD, absent=ours.is_null() | theirs.is_null(), same=ours == theirs)


def _first(levels: pl.Enum, **holds: pl.Expr) -> pl.Expr:
    """The first level whose test holds; `differs` where none does."""
    return pl.coalesce(
        *(pl.when(test.fill_null(False)).then(pl.lit(level, levels)) for level, test in holds.items()),
        pl.lit("differs", levels),
    )
