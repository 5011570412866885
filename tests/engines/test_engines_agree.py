"""One rule, several engines: whatever the pack and whatever the facts, they give the same rows."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from polars.testing import assert_frame_equal

from pbr.canonical import digest
from pbr.engines import bulk, reference
from pbr.engines.findings import decision_ids
from pbr.measures.facts import Facts
from pbr.rulebook.rules import Rules
from tests.engines.random_rules import decisions

SLOW = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))


@SLOW
@given(decisions())
def test_bulk_gives_the_rows_that_the_language_means(drawn: tuple[Facts, Rules]) -> None:
    facts, rules = drawn
    assert_frame_equal(bulk.decide(facts, rules), reference.decide(facts, rules))


@SLOW
@given(decisions())
def test_facts_survive_the_table_that_a_bundle_carries(drawn: tuple[Facts, Rules]) -> None:
    facts, rules = drawn
    again = Facts.from_long(facts.as_of, facts.to_long(), rules)
    assert_frame_equal(again.families, facts.families)
    holders = facts.members.filter(pl.any_horizontal(pl.lit(False), *[role.key for role in rules.roles]))
    assert_frame_equal(again.members, holders)


@SLOW
@given(decisions())
def test_a_decision_id_is_the_digest_of_the_documented_canonical_form(drawn: tuple[Facts, Rules]) -> None:
    facts, rules = drawn
    by_family = {
        row["family_id"]: {
            "as_of": facts.as_of,
            "family": row,
            "members": [
                {name: value for name, value in member.items() if name != "family_id"}
                for member in facts.members.iter_rows(named=True)
                if member["family_id"] == row["family_id"]
            ],
            "pack": rules.digest,
        }
        for row in facts.families.iter_rows(named=True)
    }
    ids = dict(decision_ids(facts, rules).iter_rows())
    assert ids == {family: digest(form) for family, form in by_family.items()}


@pytest.mark.parametrize("odd", ['quote"', "back\\slash", "tab\tnewline\n", "é漢😀", "\x01\x7f", "</script>"])
def test_a_decision_id_is_the_same_however_odd_the_ids(odd: str) -> None:
    families = pl.DataFrame({"family_id": [odd], "engaged_on": [date(2013, 5, 1)]})
    members = pl.DataFrame(schema={"family_id": pl.String, "subject_id": pl.String})
    facts = Facts(date(2014, 10, 31), families, members)

    class NoRules:
        digest = "0" * 64

    family = {"engaged_on": "2013-05-01", "family_id": odd}
    expected = {"as_of": "2014-10-31", "family": family, "members": [], "pack": "0" * 64}
    assert dict(decision_ids(facts, NoRules()).iter_rows()) == {odd: digest(expected)}  # type: ignore[arg-type]
