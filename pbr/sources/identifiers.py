"""Identifiers that carry their own check: text in, one canonical form out, or null where the check fails.

UPN (Department for Education, Unique Pupil Numbers), NHS number (NHS Data Dictionary), NINO (HMRC NIM39110) and PNC id
(Police National Computer). As Polars expressions, because an authority's pupils come in millions of rows; the tests
hold UPN and NHS number to python-stdnum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import polars as pl

_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
_PNC_LETTERS = "ZABCDEFGHJKLMNPQRTUVWXY"
_NINO_BARRED = ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _compact(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"\s", "").str.to_uppercase()


def _values(letters: pl.Expr, alphabet: str) -> pl.Expr:
    """Each letter's place in an alphabet, null where it has none."""
    return letters.replace_strict(dict(zip(alphabet, range(len(alphabet)), strict=True)), default=None)


def _weighted(number: pl.Expr, weights: list[int]) -> pl.Expr:
    """The sum of a whole number's digits, each times its weight; as many digits as weights."""
    tens = len(weights) - 1
    return pl.sum_horizontal(*(number // 10 ** (tens - at) % 10 * weight for at, weight in enumerate(weights)))


def upn(text: pl.Expr) -> pl.Expr:
    """Unique pupil number: check letter, eleven figures, a figure or (temporary numbers) a letter.

    The check is the letter's alone: the figures after it name an authority, and new authorities are made.
    """
    number = _compact(text)
    shaped = number.str.contains(rf"^[{_UPN_LETTERS}][0-9]{{11}}[0-9{_UPN_LETTERS}]$")
    figures = number.str.slice(1, 11).cast(pl.Int64, strict=False)
    last = number.str.slice(12, 1)
    total = _weighted(figures, list(range(2, 13))) + 13 * pl.coalesce(
        last.cast(pl.Int64, strict=False), _values(last, _UPN_LETTERS)
    )
    return pl.when(shaped & (total % 23 == _values(number.str.slice(0, 1), _UPN_LETTERS))).then(number)


def nhs_number(text: pl.Expr) -> pl.Expr:
    """Ten figures, the last a check digit modulo 11.

    One figure ten times passes that check, but it is what people type to fill a blank: it is no number.
    """
    number = _compact(text).str.replace_all("-", "", literal=True)
    shaped = number.str.contains(r"^[0-9]{10}$")
    figures = number.cast(pl.Int64, strict=False)
    same = figures % 1_111_111_111 == 0
    return pl.when(shaped & ~same & (_weighted(figures, list(range(10, 0, -1))) % 11 == 0)).then(number)


def nino(text: pl.Expr) -> pl.Expr:
    """National Insurance number: two letters, six figures, a suffix from A to D that may be unknown."""
    number = _compact(text)
    shaped = number.str.contains(r"^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]?$")
    return pl.when(shaped & ~number.str.slice(0, 2).is_in(_NINO_BARRED)).then(number)


def pnc_id(text: pl.Expr) -> pl.Expr:
    """PNC id as `12/0012345A`: year without its century, seven figures, check letter.

    Displays drop the century and leading zeros, and the check does not read the century: this is the form that all of
    them have in common. Without a slash, all seven figures are needed.
    """
    parts = _compact(text).str.extract_groups(
        r"^(?:19|20)?(?P<year>[0-9]{2})(?:/(?P<short>[0-9]{1,7})|(?P<serial>[0-9]{7}))(?P<check>[A-Z])$"
    )
    year, check = parts.struct.field("year"), parts.struct.field("check")
    serial = pl.coalesce(parts.struct.field("short"), parts.struct.field("serial")).str.zfill(7)
    number = (year + serial).cast(pl.Int64, strict=False)
    return pl.when(number % 23 == _values(check, _PNC_LETTERS)).then(year + "/" + serial + check)


CHECKED: Mapping[str, Callable[[pl.Expr], pl.Expr]] = MappingProxyType(
    {"upn": upn, "nino": nino, "nhs_number": nhs_number, "pnc_id": pnc_id}
)
"""The reader of each identifier, by column type."""
