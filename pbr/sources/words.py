"""The contracts in words: `docs/tables.md`, for people who prepare an extract.

`python -m pbr.sources.words > docs/tables.md` writes it; a test holds it to the contracts.
"""

from __future__ import annotations

import sys

from pbr.sources.contracts import CONTRACTS, Column, Contract

_TYPES = {
    "text": "text",
    "date": "date",
    "count": "whole number of 0 or more",
    "boolean": "true or false",
    "academic_year": "academic year, as 2013/14",
    "upn": "UPN",
    "nino": "NINO",
    "nhs_number": "NHS number",
    "pnc_id": "PNC id",
}

_OPENING = """# The tables

What an extract may hold. Columns marked * must be there and filled; the others may be missing or empty. Names are
ours: `columns` and `values` in [pbr.toml](workspace.md) turn a supplier's own names and values into these. Columns that
are not listed are ignored, and `pbr check` lists them.

Dates are ISO 8601 (2013-09-01), or in the source's own `date_format`, between 1900 and 2100. White space around a value
is trimmed, and an empty value is no value. A UPN, NINO, NHS number or PNC id that fails its own check is reported and
not used for linking; its record stays. A record that breaks its contract is quarantined; [errors.md](errors.md) lists
the codes.
"""

_CHECKS = {
    "some_identity": "At least one identity column is filled.",
    "match_keys_written": "`match_keys` is as `pbr match hash` writes it.",
    "match_keys_alone": "No other identity column is filled where `match_keys` is.",
    "absence_within_possible": "`sessions_authorised` + `sessions_unauthorised` ≤ `sessions_possible`.",
    "code_unless_work": "`code` is filled unless `kind` is `work`.",
    "ends_after_start": "`ends_on` ≥ `starts_on`.",
    "left_after_joined": "`left_on` ≥ `joined_on`.",
    "closed_after_engaged": "`closed_on` ≥ `engaged_on`.",
    "born_before_extract": "No `date_of_birth` is after the source's `extracted_on`.",
    "event_after_birth": "`{event}` is not before the `date_of_birth` in its row, nor, once linked, its member's.",
    "family_unique": "No two rows have the same `family_id`.",
    "one_birth": "A person has one `date_of_birth`.",
    "periods_apart": "Periods of one person, from `joined_on` up to but not including `left_on`, do not overlap.",
    "family_known": "`family_id` is in families.",
}


def tables() -> str:
    """The page: every table with its columns and checks."""
    identity = next(contract for contract in CONTRACTS.values() if contract.table == "attendance")
    shared = [column for column in identity.columns if column not in identity.own]
    parts = [_OPENING, "## Identity\n\nShared by every table about people.\n", _rows(shared)]
    parts += [_table(contract) for contract in CONTRACTS.values()]
    return "\n".join(parts)


def _table(contract: Contract) -> str:
    parts = [f"## {contract.table}\n\n{contract.meaning}\n", _rows(contract.own)]
    parts += ["And the identity columns.\n"] if contract.person else []
    parts += [f"- {_CHECKS[name].format(event=contract.event)}" for name in contract.checks]
    return "\n".join(parts) + "\n"


def _rows(columns: tuple[Column, ...] | list[Column]) -> str:
    lines = ["| column | holds | |", "|---|---|---|"]
    for column in columns:
        holds = _TYPES.get(column.type) or " / ".join(f"`{choice}`" for choice in column.choices)
        said = [column.meaning] if column.meaning else []
        said += [f"default `{column.default}`"] if column.default else []
        lines.append(f"| `{column.name}`{' *' if column.required else ''} | {holds} | {'; '.join(said)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(tables())
