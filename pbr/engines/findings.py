"""The findings: what every engine returns, row for row, and the decision ids made from the facts.

`FINDINGS` columns: `family_id`, `part` (`eligibility`, `result`, `route`), `item` (the criterion's or route's id),
`subject_id` (empty for the family), `verdict`, `value` and `baseline` (exact: `57/380`, `3`, `true`; empty when null or
when the criterion is made of several tests), `reason` (codes of the parts that share an `unknown` or `not_applicable`,
joined with `;`), `flags` (on route rows, in the pack's order,
joined with `;`), `decision_id`. All are text and none is null; rows
are sorted by the first four, by code point.
"""

from __future__ import annotations

import polars as pl

from pbr.canonical import text_digest
from pbr.measures.facts import Facts
from pbr.rulebook.rules import Rules

FINDINGS = ("family_id", "part", "item", "subject_id", "verdict", "value", "baseline", "reason", "flags", "decision_id")
ORDER = ["family_id", "part", "item", "subject_id"]
SCHEMA = pl.Schema({name: pl.String() for name in FINDINGS})


def decision_ids(facts: Facts, rules: Rules) -> pl.DataFrame:
    """Each family's decision id: `family_id`, `decision_id`.

    The id is the SHA-256 of the canonical form (`pbr.canonical`) of `{"as_of", "family", "members", "pack"}`: the
    pack's digest; the family's `engaged_on`, `family_id` and facts; and each member's `subject_id`, roles (true or
    false) and facts. A fact is `{"bounds", "of", "reason", "records", "value"}` under its key, null where a member
    holds none of its roles. So the same evidence under the same rules has the same id on every machine.
    """
    of_family = {"family_id": pl.col("family_id"), "engaged_on": pl.col("engaged_on").cast(pl.String)}
    of_member = pl.struct(_by_name({"subject_id": pl.col("subject_id")} | _facts(facts.members)))
    members = facts.members.lazy().group_by("family_id").agg(members=of_member.sort_by("subject_id"))
    canonical = pl.struct(
        as_of=pl.lit(facts.as_of.isoformat()),
        family=pl.struct(_by_name(of_family | _facts(facts.families))),
        members=pl.col("members").fill_null([]),
        pack=pl.lit(rules.digest),
    ).struct.json_encode()
    texts = facts.families.lazy().join(members, on="family_id", how="left").select("family_id", text=canonical)
    decided = texts.collect()
    ids = pl.Series([text_digest(text) for text in decided["text"]], dtype=pl.String)
    return decided.select("family_id", decision_id=ids)


def _by_name(fields: dict[str, pl.Expr]) -> list[pl.Expr]:
    return [fields[name].alias(name) for name in sorted(fields)]


def _facts(frame: pl.DataFrame) -> dict[str, pl.Expr]:
    fields: dict[str, pl.Expr] = {}
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Struct):
            inside = {
                inner: pl.col(name).struct.field(inner) for inner in ("bounds", "of", "reason", "records", "value")
            }
            fields[name] = pl.when(pl.col(name).is_not_null()).then(pl.struct(*_by_name(inside)))
        elif kind == pl.Boolean:
            fields[name] = pl.col(name)
    return fields
