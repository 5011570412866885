"""The page on the tables says what the contracts say."""

from __future__ import annotations

from pathlib import Path

from pbr.sources.words import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tables.md"


def test_the_page_on_the_tables_is_in_step_with_the_contracts() -> None:
    assert PAGE.read_text(encoding="utf-8") == tables(), "run: python -m pbr.sources.words > docs/tables.md"
