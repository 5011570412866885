"""What the probabilistic pass compares of a record's details and a member, and how: fields, levels, keys.

In: normalised details and members. Out: the columns that DuckDB compares, and the conditions as splink reads them. No
figure is here: how much a level weighs is the model's, `pbr.linkage.probabilistic`.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pbr.linkage.agreement import LEAST_LETTERS, nickname_groups
from pbr.sources.contracts import IDENTIFIERS


@dataclass(frozen=True)
class Level:
    """One way in which two values agree. `when`: its condition in DuckDB's SQL, on columns ending in `_l` and `_r`."""

    name: str
    when: str


@dataclass(frozen=True)
class Comparison:
    """A field's levels, best first: a pair is at the first whose condition holds, and else `differs`.

    `absent`: the condition under which the field says nothing. `by_frequency`: the column whose value weighs the more
    in the first level the rarer it is.
    """

    field: str
    absent: str
    levels: tuple[Level, ...]
    by_frequency: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The levels' names, best first, `differs` last."""
        return (*(level.name for level in self.levels), "differs")


def _either_absent(column: str) -> str:
    return f"{column}_l IS NULL OR {column}_r IS NULL"


def _same(column: str) -> Level:
    return Level("same", f"{column}_l = {column}_r")


def _part(name: str) -> Level:
    """Every word of one is a word of the other; a single letter is no part of a name."""
    within = f"length({name}_l) > 1 AND list_has_all({name}_words_r, {name}_words_l)"
    around = f"length({name}_r) > 1 AND list_has_all({name}_words_l, {name}_words_r)"
    return Level("part", f"greatest(len({name}_words_l), len({name}_words_r)) > 1 AND (({within}) OR ({around}))")


def _one_apart(column: str) -> str:
    """One character more, less or another, or two neighbours swapped. The first two tests say no at a tenth of the
    price: of texts of four characters or more that are one apart, none has a Jaro similarity below 0.83.
    """
    cheap = f"abs(length({column}_l) - length({column}_r)) <= 1 AND jaro_similarity({column}_l, {column}_r) >= 0.8"
    return f"{cheap} AND damerau_levenshtein({column}_l, {column}_r) = 1"


def _near(name: str) -> Level:
    long_enough = f"least(length({name}_l), length({name}_r)) >= {LEAST_LETTERS}"
    return Level("near", f"{long_enough} AND {_one_apart(name)}")


def _alike(name: str) -> Level:
    return Level("alike", f"jaro_winkler_similarity({name}_l, {name}_r) >= 0.88")


_SWAPPED_NAMES = "surname_l = forename_r AND forename_l = surname_r"
_DAY, _MONTH, _YEAR = (f"substr(born_l, {start}, {length}) = substr(born_r, {start}, {length})"
                       for start, length in ((7, 2), (5, 2), (1, 4)))  # fmt: skip

COMPARISONS: tuple[Comparison, ...] = (
    Comparison(
        "surname",
        _either_absent("surname"),
        (_same("surname"), Level("swapped", _SWAPPED_NAMES), _part("surname"), _near("surname"), _alike("surname")),
        by_frequency="surname",
    ),
    Comparison(
        "forename",
        # Where the names are swapped, the surname's level says all of it.
        f"{_either_absent('forename')} OR ({_SWAPPED_NAMES})",
        (
            _same("forename"),
            Level(
                "nickname",
                "list_extract(forename_words_l, 1) <> list_extract(forename_words_r, 1)"
                " AND list_has_any(nicknames_l, nicknames_r)",
            ),
            Level(
                "initial",
                "least(length(forename_l), length(forename_r)) = 1"
                " AND substr(forename_l, 1, 1) = substr(forename_r, 1, 1)",
            ),
            _part("forename"),
            _near("forename"),
            _alike("forename"),
        ),
        by_frequency="forename",
    ),
    Comparison(
        "date_of_birth",
        _either_absent("born"),
        (
            _same("born"),
            Level(
                "swapped",
                f"{_YEAR} AND substr(born_l, 5, 2) = substr(born_r, 7, 2)"
                " AND substr(born_l, 7, 2) = substr(born_r, 5, 2)",
            ),
            Level("near", "hamming(born_l, born_r) <= 2 AND damerau_levenshtein(born_l, born_r) = 1"),
            Level("two_parts", f"({_YEAR} AND {_MONTH}) OR ({_YEAR} AND {_DAY}) OR ({_MONTH} AND {_DAY})"),
        ),
        by_frequency="born",
    ),
    Comparison(
        "address",
        f"({_either_absent('postcode')}) AND ({_either_absent('uprn')})",
        (
            Level("same", "postcode_l = postcode_r OR uprn_l = uprn_r"),
            Level("near", _one_apart("postcode")),
            Level("sector", "sector_l = sector_r"),
        ),
    ),
    Comparison("sex", _either_absent("sex"), (_same("sex"),)),
    *(
        # Only a NINO can be one character off and still be one: the others carry a check character.
        Comparison(each, _either_absent(each), (_same(each), *((_near(each),) if each == "nino" else ())))
        for each in IDENTIFIERS
    ),
)

KEYS: tuple[tuple[str, ...], ...] = (
    ("born", "surname_initial"),
    ("born", "forename_initial"),
    ("born", "postcode"),
    ("born", "uprn"),
    ("surname", "forename", "born_year"),
    ("surname", "forename", "born_day"),
    ("surname", "forename", "sector"),
    ("surname_initial", "forename_initial", "postcode"),
    ("surname_initial", "forename_initial", "uprn"),
    ("forename", "postcode"),
    ("surname", "postcode"),
    ("forename", "uprn"),
    ("surname", "uprn"),
    *((each,) for each in IDENTIFIERS),
)
"""Pairs are made that agree on one of these. Each is counted before it is made."""

COMPARED = (
    *(
        "surname",
        "surname_words",
        "forename",
        "forename_words",
        "nicknames",
        "born",
        "sex",
        "postcode",
        "sector",
        "uprn",
    ),
    *IDENTIFIERS,
)
"""The columns that conditions name."""

_OF_KEYS = ("surname_initial", "forename_initial", "born_year", "born_day")


def prepared(fields: pl.DataFrame, identity: str) -> pl.DataFrame:
    """A frame with `normal.FIELDS`, as `COMPARED` and the columns of `KEYS`, beside the column `identity`."""
    born = pl.col("date_of_birth").dt.to_string("%Y%m%d")
    return fields.with_columns(
        nicknames=nickname_groups(pl.col("forename_words").list.first()),
        born=born,
        sector=pl.when(pl.col("postcode").str.len_chars() > 4).then(pl.col("postcode").str.head(-2)),
        surname_initial=pl.col("surname").str.slice(0, 1),
        forename_initial=pl.col("forename").str.slice(0, 1),
        born_year=born.str.slice(0, 4),
        born_day=born.str.slice(4),
    ).select(identity, *COMPARED, *_OF_KEYS)


def every_way(ways: pl.DataFrame) -> pl.DataFrame:
    """Members in every way they can be: `person_id` and `normal.FIELDS` but the id.

    All of a person's names, births, addresses and numbers are theirs, so each goes with each. What one row of a person
    leaves out, another may give: a field is null only where none does.
    """
    together = [
        *(["surname", "surname_words", "forename", "forename_words"], ["date_of_birth"], ["sex"], ["postcode", "uprn"]),
        *([each] for each in IDENTIFIERS),
    ]
    found = ways.select("person_id").unique().sort("person_id")
    for columns in together:
        own = ways.select("person_id", *columns).filter(~pl.all_horizontal(pl.col(columns).is_null())).unique()
        found = found.join(own, on="person_id", how="left")
    order = [name for name in found.columns if not name.endswith("_words")]
    return found.sort(order, nulls_last=True)


def content() -> pl.Expr:
    """All that a row of `prepared` says, as one text: what counts where neither the order of rows nor an id may."""
    words = [pl.col(name).list.join(" ") for name in ("surname_words", "forename_words")]
    others = [pl.col(name) for name in ("born", "sex", "postcode", "uprn", *IDENTIFIERS)]
    return pl.concat_str([text.fill_null("") for text in (*words, *others)], separator="\x1f")
