"""The contracts' tests as Polars expressions: text of a cell in, its typed value and what is wrong with it out.

A frame under test has each column's trimmed text as `raw:<name>` and its typed value as `<name>`; `reused` says that
another record has the same id and different content.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import polars as pl

from pbr.sources.contracts import IDENTITY, CheckName, Column, Contract
from pbr.sources.identifiers import CHECKED
from pbr.workspace import ACADEMIC_YEAR, SourceSettings

RAW = "raw:"
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2100, 12, 31)
MATCH_KEYS = r"^version:[0-9a-f]{8} key:[0-9a-f]{8}(?: [a-z_]+(?:\+[a-z]+)?:[0-9a-f]{32})+$"
"""How a cell of match-keys is written (`linkage.match_keys`)."""
ALWAYS, EVER = date(1, 1, 1), date(9999, 12, 31)


@dataclass(frozen=True)
class Check:
    """One test. `bad` is true where a record fails it, and reads the typed columns; `columns` are those it is about."""

    code: str
    columns: tuple[str, ...]
    bad: pl.Expr
    reason: str


def typed(column: Column, present: bool, settings: SourceSettings) -> pl.Expr:
    """A column's typed value: null where it is empty or cannot be read; its default where it is empty and has one."""
    if not present:
        return pl.lit(column.default, pl.String).pipe(_cast, column, settings).alias(column.name)
    text = _mapped(column, settings)
    if column.default is not None:
        text = text.fill_null(column.default)
    return text.pipe(_cast, column, settings).alias(column.name)


def cell_checks(column: Column, present: bool, settings: SourceSettings) -> list[Check]:
    """The tests of one column's cells."""
    if not present:
        return []
    text, value = _mapped(column, settings), pl.col(column.name)
    unread = text.is_not_null() & value.is_null()
    checks = []
    if column.required:
        checks.append(Check("E122", (column.name,), text.is_null(), f"{column.name} is required"))
    match column.type:
        case "date":
            dated = _dated(text, settings).is_not_null()
            form = settings.date_format or "2013-09-01"
            checks.append(Check("E123", (column.name,), unread & ~dated, f"not a date written as {form}"))
            checks.append(Check("E124", (column.name,), unread & dated, "not between 1900 and 2100"))
        case "count":
            large = text.str.contains(r"^[0-9]{10,}$")
            checks.append(Check("E125", (column.name,), unread & ~large, "not a whole number of 0 or more"))
            checks.append(Check("E125", (column.name,), unread & large, "too large: a count has at most nine figures"))
        case "boolean":
            checks.append(Check("E126", (column.name,), unread, "neither true nor false"))
        case "choice":
            checks.append(Check("E127", (column.name,), unread, f"none of {', '.join(column.choices)}"))
        case "academic_year":
            checks.append(Check("E128", (column.name,), unread, "not an academic year written as 2013/14"))
        case _:
            # Text may be anything; an identifier that fails its check is reported, and its record goes on.
            pass
    return checks


def record_checks(
    contract: Contract, present: Collection[str], settings: SourceSettings, families: pl.Series
) -> list[Check]:
    """The tests of whole records and of records together.

    `present`: the columns that the source has; `families`: every family id there is.
    """
    own = [_check(name, contract, present, settings, families) for name in contract.checks]
    reused = Check("E137", ("record_id",), pl.col("reused"), "another record has this id and different content")
    return [check for check in own if check] + [reused]


def _check(
    name: CheckName, contract: Contract, present: Collection[str], settings: SourceSettings, families: pl.Series
) -> Check | None:
    """One of a contract's named tests, or None where the source gives nothing to test against."""
    born, family, person = pl.col("date_of_birth"), pl.col("family_id"), pl.col("person_id")
    columns: tuple[str, ...]
    match name:
        case "some_identity":
            filled = [pl.col(RAW + column).is_not_null() for column in IDENTITY if column in present]
            nobody = ~pl.any_horizontal(filled) if filled else pl.lit(True)
            return Check("E130", (), nobody, "no identity column is filled")
        case "match_keys_written" | "match_keys_alone" if "match_keys" not in present:
            return None
        case "match_keys_written":
            other = ~pl.col("match_keys").str.contains(MATCH_KEYS)
            return Check("E142", ("match_keys",), other, "not match-keys as pbr match hash writes them")
        case "match_keys_alone":
            clear = tuple(column for column in IDENTITY if column in present and column != "match_keys")
            beside = pl.any_horizontal(pl.lit(False), *(pl.col(RAW + column).is_not_null() for column in clear))
            both = pl.col("match_keys").is_not_null() & beside
            return Check("E143", ("match_keys", *clear), both, "an identity in clear stands beside match-keys")
        case "absence_within_possible":
            columns = ("sessions_possible", "sessions_authorised", "sessions_unauthorised")
            absent = pl.col("sessions_authorised") + pl.col("sessions_unauthorised")
            over = absent > pl.col("sessions_possible")
            return Check("E131", columns, over, "more absences than possible sessions")
        case "code_unless_work":
            empty = pl.col("code").is_null() & (pl.col("kind") != "work")
            return Check("E122", ("code",), empty, "code is required, but for work")
        case "ends_after_start":
            columns = ("starts_on", "ends_on")
            return Check("E132", columns, pl.col("ends_on") < pl.col("starts_on"), "ends_on is before starts_on")
        case "left_after_joined":
            columns = ("joined_on", "left_on")
            return Check("E133", columns, pl.col("left_on") < pl.col("joined_on"), "left_on is before joined_on")
        case "closed_after_engaged":
            columns = ("engaged_on", "closed_on")
            return Check("E141", columns, pl.col("closed_on") < pl.col("engaged_on"), "closed_on is before engaged_on")
        case "born_before_extract":
            made = settings.extracted_on
            reason = f"after the extract of {made}"
            return Check("E134", ("date_of_birth",), born > pl.lit(made), reason) if made else None
        case "event_after_birth":
            event = contract.event or ""
            return Check("E135", (event, "date_of_birth"), pl.col(event) < born, f"{event} is before date_of_birth")
        case "family_unique":
            twice = family.is_duplicated() & family.is_not_null()
            return Check("E136", ("family_id",), twice, "another row has this family_id")
        case "one_birth":
            differ = born.min().over("person_id") != born.max().over("person_id")
            return Check("E138", ("date_of_birth",), person.is_not_null() & differ, "another row has another date")
        case "periods_apart":
            columns = ("joined_on", "left_on")
            return Check("E139", columns, _overlapping(present), "overlaps another period of this person")
        case "family_known":
            return Check("E140", ("family_id",), ~family.is_in(families.implode()), "no family has this family_id")


def _overlapping(present: Collection[str]) -> pl.Expr:
    """Whether a member's period `[joined_on, left_on)` shares a day with another of the same person.

    In the order of their starts, a period overlaps an earlier one when any of those ends after it starts, and a later
    one when the next starts before it ends. A period without a day in it, or one that ends before it starts, has none
    to share.
    """
    start, end = pl.col("joined_on").fill_null(ALWAYS), pl.col("left_on").fill_null(EVER)
    real = (start < end) & pl.col("person_id").is_not_null()
    for name in {"joined_on", "left_on"}.intersection(present):
        real &= pl.col(name).is_not_null() | pl.col(RAW + name).is_null()
    group = ["person_id", real]
    earlier = end.cum_max().shift(1).over(group, order_by=start)
    later = start.shift(-1).over(group, order_by=start)
    return real & ((earlier > start).fill_null(False) | (later < end).fill_null(False))


def _mapped(column: Column, settings: SourceSettings) -> pl.Expr:
    """A cell's text with the supplier's value made ours. One that is mapped to nothing is empty."""
    text = pl.col(f"{RAW}{column.name}")
    mapped = settings.values.get(column.name, {})
    return text.replace({theirs.strip(): ours or None for theirs, ours in mapped.items()}) if mapped else text


def _dated(text: pl.Expr, settings: SourceSettings) -> pl.Expr:
    if settings.date_format:
        return text.str.to_date(settings.date_format, strict=False)
    iso = text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    return pl.when(iso).then(text).str.to_date("%Y-%m-%d", strict=False)


def _cast(text: pl.Expr, column: Column, settings: SourceSettings) -> pl.Expr:
    match column.type:
        case "text":
            return text
        case "date":
            day = _dated(text, settings)
            return pl.when(day.is_between(FIRST_DAY, LAST_DAY)).then(day)
        case "count":
            # Nine figures are more sessions than a life has, and their sums stay far inside 64 bits.
            return pl.when(text.str.contains(r"^[0-9]{1,9}$")).then(text).cast(pl.Int64, strict=False)
        case "boolean":
            return text.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None)
        case "choice":
            return pl.when(text.is_in(column.choices)).then(text)
        case "academic_year":
            follows = (text.str.slice(2, 2).cast(pl.Int64, strict=False) + 1) % 100
            in_order = follows == text.str.slice(5, 2).cast(pl.Int64, strict=False)
            return pl.when(text.str.contains(ACADEMIC_YEAR) & in_order).then(text)
        case "upn" | "nino" | "nhs_number" | "pnc_id":
            return CHECKED[column.type](text)
