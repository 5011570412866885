"""Two engines that differ are told apart, finding by finding; two that agree are let through."""

from __future__ import annotations

import polars as pl
import pytest

from pbr.engines.agree import SHOWN, differences, require_agreement
from pbr.engines.findings import FINDINGS
from pbr.errors import Disagreement

COLUMNS = FINDINGS[:-1]


def row(family: str = "F1", item: str = "asb_reduced", subject: str = "", **more: str) -> dict[str, str]:
    usual = dict.fromkeys(COLUMNS, "") | {"family_id": family, "part": "result", "item": item, "subject_id": subject}
    return usual | {"verdict": "met"} | more


def table(*rows: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict.fromkeys(COLUMNS, pl.String))


def told(left: pl.DataFrame, right: pl.DataFrame) -> list[str]:
    return list(differences("bulk", left, "durable", right))


def test_equal_findings_are_no_difference() -> None:
    require_agreement("here", "bulk", table(row(), row("F2")), "durable", table(row(), row("F2")))


def test_a_verdict_that_differs_is_told_with_family_criterion_and_both_values() -> None:
    assert told(table(row()), table(row(verdict="unknown", reason="not_covered"))) == [
        "family F1, result asb_reduced: verdict is 'met' by bulk and 'unknown' by durable",
        "family F1, result asb_reduced: reason is 'empty' by bulk and 'not_covered' by durable",
    ]


def test_a_members_finding_that_differs_names_the_member() -> None:
    found = told(table(row(subject="P1", value="57/380")), table(row(subject="P1", value="3/20")))
    assert found == ["family F1, result asb_reduced of P1: value is '57/380' by bulk and '3/20' by durable"]


def test_a_share_that_is_worth_the_same_but_written_otherwise_is_a_difference() -> None:
    assert told(table(row(value="57/380")), table(row(value="15/100"))) != []


def test_findings_that_only_one_of_them_has_are_told_by_whom() -> None:
    assert told(table(row("F1"), row("F2")), table(row("F2"), row("F3"))) == [
        "family F1, result asb_reduced: only bulk has this finding",
        "family F3, result asb_reduced: only durable has this finding",
    ]


def test_an_engine_that_finds_nothing_at_all_differs() -> None:
    assert told(table(row()), table()) == ["family F1, result asb_reduced: only bulk has this finding"]


def test_a_disagreement_stops_the_run_with_exit_code_three_and_shows_so_many() -> None:
    left = table(*[row(f"F{n}") for n in range(SHOWN + 7)])
    right = table(*[row(f"F{n}", verdict="not_met") for n in range(SHOWN + 7)])
    with pytest.raises(Disagreement) as raised:
        require_agreement("Two engines disagree", "bulk", left, "durable", right)
    assert raised.value.exit_code == 3
    assert raised.value.what == f"Two engines disagree: {SHOWN + 7} differences between bulk and durable."
    assert len(raised.value.differences) == SHOWN + 1
    assert raised.value.differences[-1] == "… and 7 more."


@pytest.mark.parametrize("count", [SHOWN - 1, SHOWN])
def test_as_many_as_are_shown_leave_nothing_to_count(count: int) -> None:
    left, right = table(*[row(f"F{n}") for n in range(count)]), table()
    with pytest.raises(Disagreement) as raised:
        require_agreement("here", "bulk", left, "durable", right)
    assert len(raised.value.differences) == count
