"""What a record says, in words: the day or days it is about, and its kind, code and figures.

In: a table's accepted rows, the calendar and the rule pack. Out: one row a record with its days and a sentence. Its
words come from closed lists, those of the contracts and of the rules: what a supplier or a practitioner wrote of their
own (a disposal, a note, a code that nobody lists) is never repeated.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from pbr.measures.calendar import Calendar
from pbr.rulebook.model import Pack
from pbr.sources.contracts import BENEFITS, PROVISION, REGISTER_CODES

SAID = pl.Schema(
    {
        "record_id": pl.String(),
        "file": pl.String(),
        "dated": pl.Date(),
        "until": pl.Date(),
        "says": pl.String(),
    }
)
"""`file` as the extract has it; `dated` is the first day, or the only one, and `until` the last, where there is one."""

_DAYS = {
    "families": ("engaged_on", "closed_on"),
    "needs": ("identified_on", None),
    "marks": ("date", None),
    "exclusions": ("starts_on", None),
    "offending": ("occurred_on", None),
    "employment": ("starts_on", "ends_on"),
    "social_care": ("starts_on", "ends_on"),
    "outcomes": ("observed_on", None),
}
"""The column of a record's day, or of its first, and of its last where it has one. Attendance has a term instead."""


def in_words(table: str, rows: pl.DataFrame, calendar: Calendar, packs: Iterable[Pack]) -> pl.DataFrame:
    """What records say (`SAID`): `rows` are accepted rows of a table about families, events or spells."""
    if table == "attendance":
        dated, rows = (pl.col("start"), pl.col("until")), _with_term(rows, calendar)
    else:
        first, last = _DAYS[table]
        dated = (pl.col(first), pl.lit(None, pl.Date) if last is None else pl.col(last))
    said = rows.select("record_id", "file", dated=dated[0], until=dated[1], says=_says(table, _words(packs)))
    return said.cast(dict(SAID))  # type: ignore[arg-type]


def _with_term(rows: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Attendance rows with the first and the last day of their term."""
    autumns = [int(year[:4]) for year in rows["academic_year"].unique()]
    terms = calendar.terms(min(autumns), max(autumns)) if autumns else []
    dated = pl.DataFrame(
        [(term.academic_year, term.season, term.start, term.until) for term in terms],
        schema={"academic_year": pl.String, "term": pl.String, "start": pl.Date, "until": pl.Date},
        orient="row",
    )
    return rows.join(dated, on=["academic_year", "term"], how="left")


def _says(table: str, of_rules: dict[str, str]) -> pl.Expr:
    match table:
        case "families":
            told = [
                _dated("assessed", "assessed_on"),
                _dated("planned", "planned_on"),
                pl.when(pl.col("lead_worker").is_not_null()).then(pl.lit("lead worker named")),
                pl.when("expecting").then(pl.lit("expecting a child")),
            ]
            return pl.concat_str(pl.lit("engaged"), *told, separator="; ", ignore_nulls=True)
        case "needs":
            return pl.format("{} identified", _known("need", of_rules, "another need"))
        case "attendance":
            sessions = ("sessions_unauthorised", "sessions_authorised", "sessions_possible")
            return pl.format(
                "{} {}: {} unauthorised, {} authorised of {}, {}", "academic_year", "term", *sessions, "enrolment"
            )
        case "marks":
            return pl.format("{}: {}", "session", _known("code", _by_upper(REGISTER_CODES), "a code of no list"))
        case "exclusions":
            lost = pl.format("{} sessions", pl.col("sessions")).replace("1 sessions", "1 session")
            return pl.concat_str("kind", lost, separator=", ", ignore_nulls=True)
        case "employment":
            code = _known("code", of_rules | _by_upper((*BENEFITS, *PROVISION)), "of another code")
            return pl.concat_str("kind", code, separator=" ", ignore_nulls=True)
        case "outcomes":
            return pl.concat_str(_known("need", of_rules, "another need"), "status", separator=" ")
        case _:
            return pl.col("kind")


def _dated(what: str, column: str) -> pl.Expr:
    return pl.format(f"{what} {{}}", pl.col(column))


def _words(packs: Iterable[Pack]) -> dict[str, str]:
    """The needs and codes that the rules name, by how they are compared."""
    values = [dated.value for pack in packs for parameter in pack.parameters.values() for dated in parameter.values]
    lists = [value if isinstance(value, tuple) else (value,) for value in values]
    return _by_upper(word for words in lists for word in words if isinstance(word, str))


def _by_upper(words: Iterable[str]) -> dict[str, str]:
    return {word.strip().upper(): word for word in sorted(words)}


def _known(column: str, words: dict[str, str], otherwise: str) -> pl.Expr:
    """A text where it is in a list, in the list's own spelling; null where it is empty."""
    compared = pl.col(column).str.strip_chars().str.to_uppercase()
    listed = compared.replace_strict(words or {"": ""}, default=otherwise, return_dtype=pl.String)
    return pl.when(compared.is_not_null()).then(listed)
