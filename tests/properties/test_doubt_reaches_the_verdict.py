"""Records that may be somebody's: what is said of a family while they are open must hold however they are resolved.

One family of two children and two adults, of whom some records are sure and some only possible. Beside it stand as many
copies as there are ways to take each possible record for theirs or away, and all are decided together.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbr.engines import bulk, durable, reference
from pbr.measures.facts import Facts
from pbr.rulebook.load import load_pack
from tests.measures.made_evidence import AS_OF, ENGAGED, evidence, facts, family, person

RULES = load_pack("phase-1").rules(AS_OF)
CHILDREN, ADULTS = ("P1", "P2"), ("P3", "P4")
BORN = {"P1": date(2001, 5, 6), "P2": date(2003, 2, 3), "P3": date(1980, 1, 1), "P4": date(1982, 1, 1)}
TERMS = [(year, term) for year in ("2012/13", "2013/14") for term in ("autumn", "spring", "summer")]
SLOW = settings(max_examples=20, suppress_health_check=list(HealthCheck))

Records = dict[str, list[dict[str, Any]]]


def days(draw: st.DrawFn) -> date:
    """In the windows that rules read, and near their ends."""
    start = draw(st.sampled_from([ENGAGED, AS_OF]))
    return start - timedelta(days=draw(st.integers(1, 190)))


@st.composite
def records(draw: st.DrawFn) -> Records:
    """Records of every kind, up to five of them only possible."""
    told: Records = {"offending": [], "exclusions": [], "employment": [], "needs": []}
    told["attendance"] = [
        {"person_id": who, "academic_year": year, "term": term, "sessions_possible": 60, "sessions_unauthorised": away}
        for who in CHILDREN
        for away in [draw(st.sampled_from([0, 8, 9, 10]))]
        for year, term in TERMS
    ]
    for possible in [False] * draw(st.integers(0, 6)) + [True] * draw(st.integers(1, 5)):
        match draw(st.integers(0, 4)):
            case 0:
                kind = draw(st.sampled_from(["asb", "proven_offence"]))
                who = draw(st.sampled_from([*CHILDREN, *ADULTS]))
                row = {"person_id": who, "kind": kind, "occurred_on": days(draw)}
                told["offending"].append(row | {"possible": possible})
            case 1:
                row = {"person_id": draw(st.sampled_from(CHILDREN)), "starts_on": days(draw)}
                told["exclusions"].append(row | {"possible": possible})
            case 2:
                begun = days(draw)
                ended = draw(st.sampled_from([None, begun + timedelta(days=draw(st.sampled_from([20, 90, 91, 182])))]))
                kind, code = draw(st.sampled_from([("work", None), ("benefit", "JSA"), ("benefit", "ESA")]))
                row = {"person_id": draw(st.sampled_from(ADULTS)), "kind": kind, "code": code}
                told["employment"].append(row | {"starts_on": begun, "ends_on": ended, "possible": possible})
            case 3:
                row = {"person_id": draw(st.sampled_from(ADULTS)), "kind": "provision", "code": "esf"}
                told["employment"].append(row | {"starts_on": days(draw), "ends_on": None, "possible": possible})
            case _:
                year, term = draw(st.sampled_from(TERMS))
                sessions = draw(st.sampled_from([(0, 20), (3, 20), (20, 20), (4, 19), (0, 0)]))
                row = {"person_id": draw(st.sampled_from(CHILDREN)), "academic_year": year, "term": term}
                row |= {"sessions_unauthorised": sessions[0], "sessions_possible": sessions[1]}
                told["attendance"].append(row | {"possible": possible})
    for table, rows in told.items():
        for number, row in enumerate(rows):
            row["record_id"] = f"{table}-{number}"
    return told


def resolutions(told: Records) -> Iterator[Records]:
    """The records with every possible one made sure, or taken away: all ways to decide."""
    ids = [row["record_id"] for rows in told.values() for row in rows if row.get("possible")]
    for answers in product([False, True], repeat=len(ids)):
        theirs = dict(zip(ids, answers, strict=True))
        yield {
            table: [row | {"possible": False} for row in rows if theirs.get(row["record_id"], True)]
            for table, rows in told.items()
        }


def side_by_side(families: list[Records]) -> Facts:
    """The facts of families F0, F1 … with these records, each with people of its own."""
    people = [
        person(f"{n}-{who}", born=born, family_id=f"F{n}") for n in range(len(families)) for who, born in BORN.items()
    ]
    together: Records = {table: [] for table in families[0]}
    for n, told in enumerate(families):
        for table, rows in told.items():
            for row in rows:
                own = {"person_id": f"{n}-{row['person_id']}", "record_id": f"{n}-{row['record_id']}"}
                together[table].append(row | own)
    engaged = tuple(family(f"F{n}") for n in range(len(families)))
    return facts(evidence(*people, families=engaged, **together), RULES)


@given(records())
@SLOW
def test_a_verdict_given_while_links_are_open_holds_however_they_are_resolved(told: Records) -> None:
    findings = bulk.decide(side_by_side([told, *resolutions(told)]), RULES)
    of_family = pl.col("subject_id").str.replace(r"^\d+-", "")
    findings = findings.with_columns(who=of_family)
    open_ = findings.filter((pl.col("family_id") == "F0") & (pl.col("verdict") != "unknown"))
    resolved = findings.filter(pl.col("family_id") != "F0")
    both = open_.join(resolved, on=["part", "item", "who"], suffix="_resolved")
    assert both.filter(pl.col("verdict") != pl.col("verdict_resolved")).is_empty()


@pytest.mark.skipif(not durable.available(), reason="durable-rules is not installed")
@given(records())
@SLOW
def test_all_engines_say_the_same_while_links_are_open(told: Records) -> None:
    made = side_by_side([told])
    expected = reference.decide(made, RULES)
    assert bulk.decide(made, RULES).equals(expected)
    assert durable.decide(made, RULES).equals(expected)


def numbers(of: Facts) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Every fact, by family, member and key."""
    found = {}
    for frame in (of.families.with_columns(subject_id=pl.lit("-")), of.members):
        for row in frame.iter_rows(named=True):
            who = (row["family_id"], row["subject_id"].partition("-")[2])
            found |= {(*who, key): cell for key, cell in row.items() if isinstance(cell, dict)}
    return found


def _as_a_share(cell: Any) -> Any:
    """A number as a fraction, of which one share has one; anything else as it is."""
    return Fraction(cell["value"], cell["of"] or 1) if isinstance(cell["value"], int) else cell["value"]


@given(records())
@SLOW
def test_a_facts_bounds_are_the_least_and_the_most_that_any_resolution_makes_of_it(told: Records) -> None:
    ways = list(resolutions(told))
    every = numbers(side_by_side([told, *ways]))
    for (family_id, who, key), cell in every.items():
        if family_id != "F0":
            continue
        cells = [every[f"F{n}", who, key] for n in range(1, len(ways) + 1)]
        if cell["bounds"] is not None:
            half = len(cell["bounds"]) // 2
            least, most = (Fraction(*end) for end in (cell["bounds"][:half], cell["bounds"][half:]))
            values = [_as_a_share(each) for each in cells]
            assert (least, most) == (min(values), max(values)), (who, key)
        elif cell["value"] is not None:
            # 27 of 180 is 30 of 200: a share that every resolution leaves the same is not open.
            assert {_as_a_share(each) for each in cells} == {_as_a_share(cell)}, (who, key)
        else:
            assert "unresolved_link" in cell["reason"] or {each["value"] for each in cells} == {None}, (who, key)
