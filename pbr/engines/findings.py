"""The findings: what every engine returns, row for row, and the decision ids made from the facts.

`FINDINGS` columns: `family_id`, `part` (`eligibility`, `result`, `route`), `item` (the criterion's or route's id),
`subject_id` (empty for the family), `verdict`, `value` and `baseline` (exact: `57/380`, `3`, `true`; empty when null or
when the criterion is made of several tests), `reason` (codes of the parts that share an `unknown` or `not_applicable`,
joined with `;`), `flags` (on route rows, sorted, joined with `;`), `decision_id`. All are text and none is null; rows
are sorted by the first four, by code point.
"""

from __future__ import annotations

import polars as pl

FINDINGS = ("family_id", "part", "item", "subject_id", "verdict", "value", "baseline", "reason", "flags", "decision_id")
ORDER = ["family_id", "part", "item", "subject_id"]
SCHEMA = pl.Schema({name: pl.String() for name in FINDINGS})
