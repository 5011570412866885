"""Identity as it is compared: what suppliers write differently, taken away. `docs/linkage.md` says what that is.

In: the identity columns of members or of records. Out: the same as one column a field, null where a field says nothing.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from pbr.sources.contracts import IDENTIFIERS

FIELDS = pl.Schema(
    [
        ("person_id", pl.String()),
        *((identifier, pl.String()) for identifier in IDENTIFIERS),
        ("surname", pl.String()),
        ("forename", pl.String()),
        ("surname_words", pl.List(pl.String)),
        ("forename_words", pl.List(pl.String)),
        ("date_of_birth", pl.Date()),
        ("sex", pl.String()),
        ("postcode", pl.String()),
        ("uprn", pl.String()),
    ]
)
"""`person_id` upper-cased without spaces; names as lower-case letters in one piece, and as the words they are made of;
`sex` is `m` or `f`; `postcode` without spaces."""

VERSION = 1
"""Counts what normalisation gives: another number where the same text may come out otherwise."""

TITLES = ("mr", "mrs", "ms", "miss", "mx", "master", "dr", "rev", "prof", "sir")
NOT_A_BIRTH = (date(1900, 1, 1), date(1901, 1, 1))
"""What systems write for a date of birth that nobody knows."""

SHAPE_OF_A_POSTCODE = r"^[A-Z]{1,2}[0-9][0-9A-Z]?[0-9][A-Z]{2}$"
NO_PLACE = "ZZ99"
"""The district of pseudo-postcodes: no fixed abode, unknown, abroad. ZZ9 9AA is of another district."""

# Letters that have no accent to lose.
_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}


def normalised(frame: pl.DataFrame) -> pl.DataFrame:
    """The fields (`FIELDS`) of the identity columns of a frame, whose other columns are left out."""
    sexes = {"m": "m", "M": "m", "1": "m", "f": "f", "F": "f", "2": "f"}
    return frame.select(
        squeezed("person_id"),
        *(pl.col(each) for each in IDENTIFIERS if each != "nino"),
        # The suffix tells nobody apart, and suppliers leave it out (HMRC, NIM39110).
        nino=pl.col("nino").str.slice(0, 8),
        date_of_birth=pl.when(~pl.col("date_of_birth").is_in(NOT_A_BIRTH)).then("date_of_birth"),
        sex=pl.col("sex").str.strip_chars().str.slice(0, 1).replace_strict(sexes, default=None, return_dtype=pl.String),
        postcode=_postcode(),
        uprn=_uprn(),
        surname=pl.col("surname"),
        forename=pl.col("forename"),
    ).pipe(_with_names, "surname").pipe(_with_names, "forename").select(FIELDS.names())  # fmt: skip


def _with_names(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """A name in one piece and as its words. Many people have one name, which is taken apart once."""
    nothing_else = _all_words("written") if column == "surname" else pl.lit([], pl.List(pl.String))
    known = frame.select(written=column).unique().drop_nulls()
    words = known.select("written", words=_words("written", only_titles=nothing_else))
    plain = words.select(
        pl.col("written").alias(column),
        pl.when(pl.col("words").list.len() > 0).then("words").alias(f"{column}_words"),
        named=_unless_empty(pl.col("words").list.join("")),
    )
    joined = frame.join(plain, on=column, how="left", maintain_order="left")
    return joined.with_columns(pl.col("named").alias(column)).drop("named")


def squeezed(column: str) -> pl.Expr:
    """An id as it is compared: upper-cased and without white space."""
    return pl.col(column).str.replace_all(r"\s", "").str.to_uppercase()


def _words(column: str, only_titles: pl.Expr) -> pl.Expr:
    """The words of a name but for titles; `only_titles` where it has no others."""
    words = _all_words(column)
    named = words.list.filter(~pl.element().is_in(list(TITLES)))
    return pl.when(named.list.len() > 0).then(named).otherwise(only_titles)


def _all_words(column: str) -> pl.Expr:
    plain = pl.col(column).str.normalize("NFKD").str.to_lowercase()
    letters = plain.str.replace_many(_LETTERS).str.replace_all(r"[\p{M}'’‘`´ʼ]", "")
    return letters.str.replace_all(r"[^\p{L}]+", " ").str.strip_chars().str.split(" ").list.filter(pl.element() != "")


def _postcode() -> pl.Expr:
    plain = pl.col("postcode").str.replace_all(r"[^A-Za-z0-9]", "").str.to_uppercase()
    is_no_place = plain.str.starts_with(NO_PLACE) & (plain.str.len_chars() == 7)
    return pl.when(plain.str.contains(SHAPE_OF_A_POSTCODE) & ~is_no_place).then(plain)


def _uprn() -> pl.Expr:
    """Figures; nines alone are what is typed to fill a blank."""
    figures = pl.col("uprn").str.replace_all(r"[^0-9]", "").str.strip_chars_start("0")
    return pl.when(~figures.str.contains("^9*$")).then(figures)


def _unless_empty(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)
