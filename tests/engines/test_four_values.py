"""The laws of the four verdicts, for the language's `all of`, `any of` and `at least n of`, in every engine.

The parts are tests of one fact each, set so that the part has the verdict wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pbr.engines import reference
from pbr.engines.bulk import MET, NOT_APPLICABLE, NOT_MET, UNKNOWN, VERDICTS
from pbr.engines.bulk import Judged as BulkJudged
from pbr.engines.bulk import _all_of as bulk_all_of
from pbr.engines.bulk import _any_of as bulk_any_of
from pbr.rulebook.model import Expression
from pbr.values import Verdict
from tests.engines.random_rules import PARAMETERS

FOUR = list(Verdict)
VERDICT = st.sampled_from(FOUR)
NEGATED = {Verdict.MET: Verdict.NOT_MET, Verdict.NOT_MET: Verdict.MET} | {
    verdict: verdict for verdict in (Verdict.UNKNOWN, Verdict.NOT_APPLICABLE)
}
_TEST = {"measure": {"name": "asb_incidents", "last_months": "half_year"}, "at_least": "one"}


class OneValue:
    """Rules in which every number is 2: all that `at least n of` asks of them."""

    def number(self, name: str) -> int:
        value = PARAMETERS[name][1]
        assert isinstance(value, int)
        return value

    def is_unverified(self, node: object) -> bool:
        return False


def combined(how: str, verdicts: Sequence[Verdict]) -> Verdict:
    """By the reference engine."""
    parts = tuple(_TEST for _ in verdicts)
    written: dict[str, Any] = {"at_least": "two", "of": parts} if how == "at_least" else {how: parts}
    node = TypeAdapter(Expression).validate_python(written)
    judged = [reference.Judgement(node, verdict) for verdict in verdicts]
    return reference._combine(node, judged, OneValue()).verdict  # type: ignore[arg-type]


SOME = st.lists(VERDICT, min_size=1, max_size=5)


@given(SOME)
def test_the_order_of_parts_means_nothing(verdicts: list[Verdict]) -> None:
    for how in ("all_of", "any_of", "at_least"):
        assert combined(how, verdicts) == combined(how, verdicts[::-1])


@given(SOME)
def test_what_does_not_apply_is_dropped(verdicts: list[Verdict]) -> None:
    for how in ("all_of", "any_of", "at_least"):
        assert combined(how, [*verdicts, Verdict.NOT_APPLICABLE]) == combined(how, verdicts)


@given(SOME)
def test_de_morgan(verdicts: list[Verdict]) -> None:
    assert combined("any_of", verdicts) == NEGATED[combined("all_of", [NEGATED[v] for v in verdicts])]


@given(SOME, SOME)
def test_parts_can_be_grouped(first: list[Verdict], second: list[Verdict]) -> None:
    for how in ("all_of", "any_of"):
        assert combined(how, [*first, *second]) == combined(how, [combined(how, first), combined(how, second)])


@given(SOME, st.sampled_from([Verdict.MET, Verdict.NOT_MET]))
def test_learning_what_was_unknown_never_turns_what_was_known(verdicts: list[Verdict], learnt: Verdict) -> None:
    later = [learnt if verdict is Verdict.UNKNOWN else verdict for verdict in verdicts]
    for how in ("all_of", "any_of", "at_least"):
        before = combined(how, verdicts)
        assert before is Verdict.UNKNOWN or combined(how, later) is before


@given(SOME)
def test_at_least_two_counts_the_met_and_hopes_for_the_unknown(verdicts: list[Verdict]) -> None:
    met, unknown = verdicts.count(Verdict.MET), verdicts.count(Verdict.UNKNOWN)
    expected = Verdict.MET if met >= 2 else Verdict.NOT_MET if met + unknown < 2 else Verdict.UNKNOWN
    if all(verdict is Verdict.NOT_APPLICABLE for verdict in verdicts):
        expected = Verdict.NOT_APPLICABLE
    assert combined("at_least", verdicts) is expected


CODES = {Verdict(text): code for code, text in VERDICTS.items()}


@pytest.mark.parametrize(("how", "bulk"), [("all_of", bulk_all_of), ("any_of", bulk_any_of)])
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(VERDICT, min_size=3, max_size=3), min_size=1, max_size=30))
def test_bulk_arithmetic_is_the_same_logic(
    how: str, bulk: Callable[[list[BulkJudged]], BulkJudged], rows: list[list[Verdict]]
) -> None:
    frame = pl.DataFrame({f"p{n}": [CODES[row[n]] for row in rows] for n in range(3)}, schema_overrides={})
    parts = [BulkJudged(pl.col(f"p{n}"), pl.lit(0), pl.lit(False)) for n in range(3)]
    found = frame.select(verdict=bulk(parts).verdict)["verdict"].to_list()
    assert [Verdict(VERDICTS[code]) for code in found] == [combined(how, row) for row in rows]


def test_the_four_codes_are_apart() -> None:
    assert len({NOT_APPLICABLE, NOT_MET, UNKNOWN, MET}) == len(VERDICTS) == 4
