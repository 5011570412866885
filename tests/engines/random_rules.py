"""Random packs and random facts for them: values at, just under and just over every limit, and facts that are null."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import polars as pl
from hypothesis import strategies as st

from pbr.measures.facts import Facts, fact_type
from pbr.rulebook.measures import Measure
from pbr.rulebook.model import Pack
from pbr.rulebook.rules import Rules
from pbr.values import Share

AS_OF = date(2014, 10, 31)
ENGAGED = date(2013, 5, 1)
LATER = date(2014, 1, 1)
"""A day between: figures that change then are others at engagement than as of the day of decision."""

PARAMETERS: dict[str, tuple[str, Any]] = {
    "one": ("count", 1),
    "two": ("count", 2),
    "three": ("count", 3),
    "limit": ("share", Share(15, 100)),
    "lower_limit": ("share", Share(10, 100)),
    "fall": ("share", Share(1, 3)),
    "terms": ("terms", 3),
    "half_year": ("months", 6),
    "year": ("months", 12),
    "weeks_worked": ("weeks", 26),
    "weeks_looked_at": ("weeks", 30),
    "run": ("days", 91),
    "week": ("days", 7),
    "benefits": ("codes", ("ESA", "JSA")),
    "courses": ("codes", ("esf",)),
    "out_of_school": ("codes", ("alternative_provision", "not_on_roll")),
    "concern": ("need", "local_discretion"),
    "concerns": ("codes", ("debt", "local_discretion")),
    "of_age": ("years", 16),
    "closed": ("months", 6),
}
CHANGED: dict[str, Any] = {"two": 1, "three": 2, "limit": Share(1, 10), "terms": 2, "half_year": 5, "of_age": 18}
"""What some parameters are from `LATER` on, in some packs."""

COMPARATORS = st.sampled_from(["at_least", "more_than", "at_most", "less_than"])


@st.composite
def family_test(draw: st.DrawFn) -> dict[str, Any]:
    """A test of one measure of the family, against a limit or its baseline."""
    name = draw(st.sampled_from(["asb_incidents", "minor_offences", "adult_offences"]))
    match draw(st.integers(0, 8)):
        case 4:
            on = draw(st.sampled_from(["engagement", "day_before_as_of"]))
            measure = {"name": "needs_identified", "needs": "concerns", "on": on}
            return {"measure": measure, draw(COMPARATORS): draw(st.sampled_from(["one", "two"]))}
        case 5:
            return {"measure": {"name": "needs_outstanding", "needs": "concerns"}, draw(COMPARATORS): "one"}
        case 6:
            measure = {"name": "recorded", "field": "lead_worker", "on": "day_before_as_of"}
            return {"measure": measure, "is": draw(st.booleans())}
        case 7:
            return {"measure": {"name": "months_since", "field": "closed_on"}, draw(COMPARATORS): "closed"}
        case 8:
            return {"measure": {"name": "expecting"}, "is": draw(st.booleans())}
        case 0:
            return {
                "measure": {"name": "need_identified", "need": "concern", "on": "engagement"},
                "is": draw(st.booleans()),
            }
        case 1:
            measure = {"name": name, "last_months": "half_year"}
            return {"measure": measure, "against": {"months_before_engagement": "half_year"}, "reduced_by": "fall"}
        case 2:
            measure = {"name": name, "months_before_engagement": "half_year"}
        case _:
            measure = {"name": name, "last_months": "half_year"}
    return {"measure": measure, draw(COMPARATORS): draw(st.sampled_from(["one", "two", "three"]))}


@st.composite
def child_test(draw: st.DrawFn) -> dict[str, Any]:
    terms = {"last_terms": "terms", "at": draw(st.sampled_from(["engagement", "as_of"]))}
    match draw(st.integers(0, 3)):
        case 0:
            return {"measure": {"name": "enrolment", **terms}, "is_one_of": "out_of_school"}
        case 1:
            return {"measure": {"name": "suspensions", **terms}, draw(COMPARATORS): "three"}
        case _:
            name = draw(st.sampled_from(["absence", "unauthorised_absence"]))
            limit = draw(st.sampled_from(["limit", "lower_limit"]))
            return {"measure": {"name": name, **terms}, draw(COMPARATORS): limit}


@st.composite
def adult_test(draw: st.DrawFn) -> dict[str, Any]:
    match draw(st.integers(0, 3)):
        case 0:
            on = draw(st.sampled_from(["engagement", "day_before_as_of"]))
            measure = {"name": "out_of_work_benefit", "on": on, "codes": "benefits"}
            return {"measure": measure, "is": draw(st.booleans())}
        case 1:
            return {
                "measure": {"name": "weeks_in_work", "out_of_last": "weeks_looked_at"},
                draw(COMPARATORS): "weeks_worked",
            }
        case 2:
            return {"measure": {"name": "longest_run_in_work", "last_months": "half_year"}, draw(COMPARATORS): "run"}
        case _:
            measure = {"name": "provision_starts", "last_months": "half_year", "codes": "courses"}
            return {"measure": measure, draw(COMPARATORS): "one"}


@st.composite
def member_test(draw: st.DrawFn) -> dict[str, Any]:
    at = draw(st.sampled_from(["engagement", "as_of"]))
    match draw(st.integers(0, 2)):
        case 0:
            return {"measure": {"name": "age", "at": at}, draw(COMPARATORS): "of_age"}
        case 1:
            return {"measure": {"name": "resident", "at": at}, "is": draw(st.booleans())}
        case _:
            return {"measure": {"name": "in_work", "on": at}, "is": draw(st.booleans())}


def composed(tests: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Tests, and the language's ways of putting tests together, a few levels deep."""
    return st.recursive(
        tests,
        lambda inner: st.one_of(
            st.builds(lambda parts: {"all_of": tuple(parts)}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda parts: {"any_of": tuple(parts)}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda parts: {"at_least": "two", "of": tuple(parts)}, st.lists(inner, min_size=2, max_size=4)),
            st.builds(lambda when, then: {"when": when, "then": then}, inner, inner),
        ),
        max_leaves=5,
    )


@st.composite
def quantified(draw: st.DrawFn) -> dict[str, Any]:
    at = draw(st.sampled_from(["engagement", "as_of"]))
    kind = draw(st.sampled_from(["child", "adult", "school_age_child", "member"]))
    tests = {"adult": adult_test(), "member": member_test()}.get(kind, child_test())
    body = draw(composed(tests))
    terms = {"last_terms": "terms"} if kind == "school_age_child" else {}
    return {draw(st.sampled_from(["every", "some"])): kind, "at": at, **terms, "that": body}


CRITERIA = st.one_of(composed(family_test()), quantified(), composed(st.one_of(family_test(), quantified())))


@st.composite
def packs(draw: st.DrawFn) -> Pack:
    """A pack with a few criteria, routes made of them, and every kind of flag. Not every pack is a sensible one."""

    def criterion(test: Any, **more: Any) -> dict[str, Any]:
        return {"title": "t", "citation": "c", "standing": "verified", "test": test, **more}

    eligibility = {f"e{n}": criterion(draw(CRITERIA)) for n in range(draw(st.integers(1, 2)))}
    refs = tuple({"criterion": name} for name in eligibility)
    left_out = tuple({"criterion": name, "leaving_out": "non_resident_adults"} for name in eligibility)
    eligibility["eligible"] = criterion({"any_of": refs + (left_out if draw(st.booleans()) else ())})
    results = {f"r{n}": criterion(draw(CRITERIA)) for n in range(draw(st.integers(1, 3)))}
    chosen = st.sampled_from(sorted(results)).map(lambda name: {"criterion": name})
    routes = {
        f"route{n}": criterion(
            draw(st.one_of(composed(chosen), composed(st.one_of(chosen, family_test())))), turned_around=True
        )
        for n in range(2)
    }
    flag = {"title": "t", "citation": "c"}
    flags: dict[str, Any] = {
        "near": {
            **flag,
            "kind": "near_threshold",
            "session": "one",
            "incident": "one",
            "exclusion": "one",
            "days_in_work": "week",
        },
        "shaky": {**flag, "kind": "unverified_rule"},
        "alone": {**flag, "kind": "condition", "met_routes": ("route0",), "unless": draw(CRITERIA)},
        "changed": {**flag, "kind": "condition", "when": draw(CRITERIA)},
    }
    changes = CHANGED if draw(st.booleans()) else {}

    def dated(day: date, value: Any) -> dict[str, Any]:
        standing = draw(st.sampled_from(["verified", "unverified"]))
        return {"from": day, "value": value, "citation": "c", "standing": standing}

    parameters = {
        name: {
            "title": name,
            "unit": unit,
            "values": (
                dated(date(2012, 4, 1), value),
                *((dated(LATER, changes[name]),) if name in changes else ()),
            ),
        }
        for name, (unit, value) in {**PARAMETERS, "fee": ("pence", 70000), "cap": ("pence", 400000)}.items()
    }
    tariff = {
        "citation": "c",
        "claimed_until": date(2015, 5, 31),
        "attachment_fee": "fee",
        "family_cap": "cap",
        "routes": {"route0": "fee", "route1": "fee"},
        "instead_of": {},
    }
    return Pack.model_validate(
        {
            "id": "random",
            "title": "t",
            "citation": "c",
            "in_force": (
                {
                    "engaged": {"from": date(2012, 4, 1), "until": date(2015, 3, 31)},
                    "decided": {"from": date(2012, 4, 1), "until": date(2015, 5, 31)},
                    "citation": "c",
                    "standing": "verified",
                },
            ),
            "parameters": parameters,
            "eligibility": eligibility,
            "results": results,
            "routes": routes,
            "flags": flags,
            "tariff": tariff,
        }
    )


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "count": st.integers(0, 4),
    "boolean": st.booleans(),
    "weeks": st.sampled_from([0, 24, 25, 26, 27, 30]),
    "days": st.sampled_from([0, 83, 84, 90, 91, 92, 97, 98, 99]),
    "months": st.sampled_from([0, 5, 6, 7]),
    "years": st.sampled_from([0, 15, 16, 17, 18, 19]),
    "words": st.sampled_from(["registered", "not_on_roll", "alternative_provision;registered"]),
}
SHARES = st.sampled_from(
    [(57, 380), (56, 380), (58, 380), (3, 20), (2, 20), (4, 20), (0, 1), (1, 1), (15, 100), (14, 100)]
)
REASON = st.sampled_from(["not_covered", "no_record", "quarantined", "not_covered;quarantined"])


@st.composite
def cells(draw: st.DrawFn, measure: Measure) -> dict[str, Any]:
    nothing: dict[str, Any] = {"value": None, "of": None, "reason": None, "bounds": None, "records": ["r1"]}
    match draw(st.integers(0, 8)):
        case 0:
            return nothing | {"reason": draw(REASON)}
        case 1 | 2:
            return nothing | {"reason": "unresolved_link", "bounds": draw(bounds(measure))}
    value, of = draw(SHARES) if measure.unit == "share" else (draw(VALUES[measure.unit]), None)
    return nothing | {"value": value, "of": of}


@st.composite
def bounds(draw: st.DrawFn, measure: Measure) -> list[int] | None:
    """Between what possible links leave a number; words and what is true or false have no between."""
    if measure.unit in ("boolean", "words"):
        return None
    if measure.unit == "share":
        ends = sorted((draw(SHARES), draw(SHARES)), key=lambda share: Fraction(*share))
        return [number for end in ends for number in end]
    return sorted((draw(VALUES[measure.unit]), draw(VALUES[measure.unit])))


@st.composite
def facts_for(draw: st.DrawFn, rules: Rules) -> Facts:
    """Facts of a few families, each with none to three people."""
    families: list[dict[str, Any]] = []
    members: list[dict[str, Any]] = []
    for f in range(draw(st.integers(1, 3))):
        family: dict[str, Any] = {"family_id": f"F{f}", "engaged_on": ENGAGED}
        families.append(family | {key: draw(cells(m)) for key, m in rules.family_measures.items()})
        for m in range(draw(st.integers(0, 3))) if rules.roles else ():
            person: dict[str, Any] = {"family_id": f"F{f}", "subject_id": f"P{f}{m}"}
            held = {role.key: draw(st.booleans()) for role in rules.roles}
            for key, (measure, roles) in rules.member_measures.items():
                holds = any(held[role.key] for role in roles)
                person[key] = draw(cells(measure)) if holds else None
            members.append(person | held)
    family_schema = {"family_id": pl.String, "engaged_on": pl.Date} | {
        key: fact_type(measure.unit) for key, measure in rules.family_measures.items()
    }
    member_schema = {"family_id": pl.String, "subject_id": pl.String}
    member_schema |= {role.key: pl.Boolean for role in rules.roles}
    member_schema |= {key: fact_type(measure.unit) for key, (measure, _) in rules.member_measures.items()}
    return Facts(AS_OF, pl.DataFrame(families, schema=family_schema), pl.DataFrame(members, schema=member_schema))


@st.composite
def decisions(draw: st.DrawFn) -> tuple[Facts, Rules]:
    """A random pack, read as of a day for families that engaged on another, and facts for it."""
    rules = Rules(draw(packs()), AS_OF, "0" * 64, engaged=ENGAGED)
    return draw(facts_for(rules)), rules
