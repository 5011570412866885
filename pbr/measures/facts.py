"""The facts of one decision run: one measure's value for one subject, with the records behind it.

What measures hand to engines, what a bundle carries, and what a replay starts from. Two wide frames, one row a family
and one row a member, because engines compute on columns; `to_long` and `from_long` turn them into the table that a
bundle carries, and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pbr.errors import Fault, Faults
from pbr.rulebook.rules import Rules
from pbr.values import REASONS

VALUE_TYPES: dict[str, pl.DataType] = {
    "count": pl.Int64(),
    "share": pl.Int64(),
    "boolean": pl.Boolean(),
    "weeks": pl.Int64(),
    "days": pl.Int64(),
    "months": pl.Int64(),
    "years": pl.Int64(),
    "words": pl.String(),
}
"""The type of a fact's value, by the measure's unit. `words` are joined with `;`, sorted."""


def fact_type(unit: str) -> pl.Struct:
    """A fact's column: `value`; `of`, a share's denominator; `reason`, why the value is null; `records`, sorted ids.

    A reason is one code of `REASONS`, or several in their order, joined with `;`. Where `unresolved_link` is all that
    keeps a number from being known, `bounds` has the least and the most that it can be, however the possible links are
    resolved: `[least, most]`, of a share `[least, of, most, of]`.
    """
    return pl.Struct(
        {
            "value": VALUE_TYPES[unit],
            "of": pl.Int64(),
            "reason": pl.String(),
            "bounds": pl.List(pl.Int64()),
            "records": pl.List(pl.String()),
        }
    )


LONG = pl.Schema(
    {
        "family_id": pl.String(),
        "subject_id": pl.String(),
        "fact": pl.String(),
        "value": pl.String(),
        "reason": pl.String(),
        "least": pl.String(),
        "most": pl.String(),
        "records": pl.List(pl.String()),
    }
)
"""The table a bundle carries, one row a fact: `value` is exact text (`57/380`, `3`, `true`), null for a `reason`, then
with its bounds (`least`, `most`) where they are known; the subject is empty for the family. `engaged_on` and the roles
of members are rows like any other."""

ENGAGED = "engaged_on"


@dataclass(frozen=True)
class Facts:
    """All facts of one run.

    `families`: `family_id`, `engaged_on`, then one struct column (`fact_type`) for each fact key, sorted by family.
    `members`: `family_id`, `subject_id`, one boolean column for each role key, then one struct column for each fact
    key, sorted by family and subject; a fact is null for a person who holds none of its roles.
    Only families that are decided (engaged before the as-of date) are here.
    """

    as_of: date
    families: pl.DataFrame
    members: pl.DataFrame

    def only(self, families: pl.Series) -> Facts:
        """The facts of some families, by id."""
        chosen = pl.col("family_id").is_in(families.implode())
        return Facts(self.as_of, self.families.filter(chosen), self.members.filter(chosen))

    def to_long(self) -> pl.DataFrame:
        """The facts as one table (`LONG`), sorted by family, subject and fact."""
        no_records = pl.lit([], dtype=pl.List(pl.String))
        no_text = pl.lit(None, pl.String)
        rows = [
            self.families.lazy().select(
                "family_id",
                subject_id=pl.lit(""),
                fact=pl.lit(ENGAGED),
                value=pl.col(ENGAGED).cast(pl.String),
                reason=no_text,
                least=no_text,
                most=no_text,
                records=no_records,
            )
        ]
        for frame, subject_id in ((self.families, pl.lit("")), (self.members, pl.col("subject_id"))):
            for name, kind in frame.schema.items():
                if kind == pl.Boolean:
                    held = frame.lazy().filter(pl.col(name))
                    value, reason, records = pl.lit("true"), no_text, no_records
                    least = most = no_text
                elif isinstance(kind, pl.Struct):
                    held = frame.lazy().filter(pl.col(name).is_not_null())
                    field = pl.col(name).struct.field
                    value, reason, records = _text(name), field("reason"), field("records")
                    least, most = _bound(name, 0), _bound(name, 1)
                else:
                    continue
                rows.append(
                    held.select(
                        "family_id",
                        subject_id=subject_id,
                        fact=pl.lit(name),
                        value=value,
                        reason=reason,
                        least=least,
                        most=most,
                        records=records,
                    )
                )
        return pl.concat(rows).sort("family_id", "subject_id", "fact").collect()

    @classmethod
    def from_long(cls, as_of: date, long: pl.DataFrame, rules: Rules) -> Facts:
        """The frames again from the table that `to_long` makes. Raises Faults (E401) where a fact cannot be read.

        A row for a fact that the rules do not read is a fault, and so is a missing one.
        """
        faults = _unreadable(long, rules)
        if faults:
            raise Faults(faults)
        rows = long.lazy()
        families = rows.filter(pl.col("fact") == ENGAGED).select(
            "family_id", pl.col("value").str.to_date("%Y-%m-%d").alias(ENGAGED)
        )
        for key, measure in rules.family_measures.items():
            families = families.join(_column(rows, key, measure.unit).drop("subject_id"), on="family_id", how="left")
        members = rows.filter(pl.col("subject_id") != "").select("family_id", "subject_id").unique()
        one_member = ["family_id", "subject_id"]
        for role in rules.roles:
            held = rows.filter(pl.col("fact") == role.key).select(*one_member, pl.lit(True).alias(role.key))
            members = members.join(held, on=one_member, how="left").with_columns(pl.col(role.key).fill_null(False))
        for key, (measure, _) in rules.member_measures.items():
            members = members.join(_column(rows, key, measure.unit), on=one_member, how="left")
        return cls(as_of, families.sort("family_id").collect(), members.sort(one_member).collect())


def _text(key: str) -> pl.Expr:
    field = pl.col(key).struct.field
    value, of = field("value").cast(pl.String), field("of").cast(pl.String)
    return pl.when(of.is_null()).then(value).otherwise(pl.concat_str(value, pl.lit("/"), of))


def _bound(key: str, place: int) -> pl.Expr:
    """The first or the second of a fact's two bounds, as text."""
    bounds = pl.col(key).struct.field("bounds")
    is_share = bounds.list.len() == 4
    number = bounds.list.get(pl.when(is_share).then(2 * place).otherwise(place), null_on_oob=True).cast(pl.String)
    of = bounds.list.get(2 * place + 1, null_on_oob=True).cast(pl.String)
    return pl.when(is_share).then(pl.concat_str(number, pl.lit("/"), of)).otherwise(number)


def _column(rows: pl.LazyFrame, key: str, unit: str) -> pl.LazyFrame:
    """One fact's rows as a struct column."""
    value, of = pl.col("value"), pl.lit(None, pl.Int64)
    kind = VALUE_TYPES[unit]
    if unit == "share":
        of = value.str.split("/").list.get(1, null_on_oob=True).cast(pl.Int64, strict=False)
        value = value.str.split("/").list.get(0)
    bounds = [part.str.split("/") for part in (pl.col("least"), pl.col("most"))]
    bounded = pl.when(pl.col("least").is_not_null()).then(pl.concat_list(bounds).list.eval(_number))
    typed = value == "true" if kind == pl.Boolean() else value.cast(kind, strict=False)
    return rows.filter(pl.col("fact") == key).select(
        "family_id",
        "subject_id",
        pl.struct(value=typed, of=of, reason="reason", bounds=bounded, records="records")
        .cast(fact_type(unit))
        .alias(key),
    )


_number = pl.element().cast(pl.Int64, strict=False)
_WRITTEN = {"share": r"^(0|[1-9]\d{0,14})/[1-9]\d{0,14}$", "boolean": "^(true|false)$", "words": "^.+$"}
_REASONS = "^" + "".join(f"(?:{code};?)?" for code in REASONS) + "$"
_WHOLE_NUMBER = r"^(0|[1-9]\d{0,14})$"


def _unreadable(long: pl.DataFrame, rules: Rules) -> list[Fault]:
    units = {key: measure.unit for key, measure in rules.family_measures.items()}
    units |= {key: measure.unit for key, (measure, _) in rules.member_measures.items()}
    of_family = set(rules.family_measures) | {ENGAGED}
    patterns = {key: _WRITTEN.get(unit, _WHOLE_NUMBER) for key, unit in units.items()}
    patterns |= {role.key: "^true$" for role in rules.roles} | {ENGAGED: r"^\d{4}-\d{2}-\d{2}$"}
    is_family = pl.col("subject_id") == ""
    misfit = (
        ~pl.col("fact").is_in(list(patterns))
        | (is_family != pl.col("fact").is_in(list(of_family)))
        | (pl.col("value").is_null() == pl.col("reason").is_null())
        | (pl.col("reason").is_not_null() & ~pl.col("reason").str.contains(_REASONS))
        | pl.any_horizontal(
            (pl.col("fact") == key) & ~pl.col("value").str.contains(pattern) for key, pattern in patterns.items()
        ).fill_null(False)
        | _misfit_bounds(units)
        | ((pl.col("fact") == ENGAGED) & pl.col("value").str.to_date("%Y-%m-%d", strict=False).is_null())
        | pl.struct("family_id", "subject_id", "fact").is_duplicated()
    )
    faults = [
        Fault(
            "E401",
            f"family {family_id}" + (f" member {subject_id}" if subject_id else ""),
            f"fact '{fact}' is not one that the rules read, stands twice, or is not written as its unit asks",
            "The facts were changed or belong to other rules: take the bundle's own.",
        )
        for family_id, subject_id, fact in long.filter(misfit).select("family_id", "subject_id", "fact").iter_rows()
    ]
    asked = long.filter(is_family).group_by("family_id").agg(pl.col("fact"))
    known = pl.concat([asked.select("family_id", "fact"), _families_without_any(long, asked)])
    for family_id, facts in known.iter_rows():
        faults += [_missing(family_id, "", key) for key in sorted(of_family - set(facts))]
    holders = long.filter(~is_family).group_by("family_id", "subject_id").agg(pl.col("fact"))
    for family_id, subject_id, facts in holders.iter_rows():
        held = {role for role in rules.roles if role.key in facts}
        needed = {key for key, (_, roles) in rules.member_measures.items() if held & set(roles)}
        faults += [_missing(family_id, subject_id, key) for key in sorted(needed - set(facts))]
    return faults


def _misfit_bounds(units: Mapping[str, str]) -> pl.Expr:
    """Whether a fact has bounds that it cannot have: only one, of what is known otherwise, or in the wrong order."""
    least, most = pl.col("least"), pl.col("most")
    numbers = {key: unit for key, unit in units.items() if unit not in ("boolean", "words")}
    shaped = pl.lit(False)
    for key, unit in numbers.items():
        pattern = _WRITTEN.get(unit, _WHOLE_NUMBER)
        shaped |= (pl.col("fact") == key) & least.str.contains(pattern) & most.str.contains(pattern)
    parts = {name: pl.col(name).str.split("/") for name in ("least", "most")}
    number = {name: part.list.get(0).cast(pl.Int128, strict=False) for name, part in parts.items()}
    of = {
        name: part.list.get(1, null_on_oob=True).cast(pl.Int128, strict=False).fill_null(1)
        for name, part in parts.items()
    }
    in_order = (number["least"] * of["most"] <= number["most"] * of["least"]).fill_null(False)
    has_bounds = least.is_not_null() | most.is_not_null()
    fits = least.is_not_null() & most.is_not_null() & (pl.col("reason") == "unresolved_link") & shaped & in_order
    return has_bounds & ~fits.fill_null(False)


def _families_without_any(long: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    return (
        long.select("family_id").unique().join(asked, on="family_id", how="anti")
        .with_columns(fact=pl.lit([], dtype=pl.List(pl.String)))
    )  # fmt: skip


def _missing(family_id: str, subject_id: str, key: str) -> Fault:
    return Fault(
        "E402",
        f"family {family_id}" + (f" member {subject_id}" if subject_id else ""),
        f"fact '{key}' is missing",
        "The rules read it: facts were removed, or belong to other rules.",
    )
