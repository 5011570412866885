"""Random packs that are right: they pass the checks, read back from YAML and JSON, and can be said.

A limit is one that some reach and others do not; packs in which tests contradict or repeat each other are drawn again.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pbr.errors import Faults
from pbr.rulebook import words
from pbr.rulebook.load import LoadedPack, load_pack, pack_digest
from pbr.rulebook.model import Pack
from pbr.values import pounds
from tests.rulebook.packs import as_yaml

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "count": st.just(1),
    "share": st.one_of(st.integers(1, 99).map(lambda n: f"{n}%"), st.integers(1, 98).map(lambda n: f"{n}/99")),
    "months": st.integers(1, 24),
    "terms": st.integers(1, 6),
    "weeks": st.integers(20, 60),
    "days": st.integers(1, 28),
    "pence": st.integers(0, 10**7).map(pounds),
    "codes": st.lists(st.sampled_from(["ESA", "JSA", "UC", "IS"]), min_size=1, unique=True),
    "need": st.sampled_from(["debt", "yes", "1", "local_discretion"]),
}
OF_ITS_OWN = {"worked": st.integers(1, 19), "cap": st.just("£200,000")}
"""What is bound by another figure: weeks in work by those counted, the cap by what routes pay."""
UNITS = {
    "one": "count",
    "limit": "share",
    "months": "months",
    "earlier": "months",
    "terms": "terms",
    "weeks": "weeks",
    "worked": "weeks",
    "run": "days",
    "fee": "pence",
    "cap": "pence",
    "benefits": "codes",
    "concern": "need",
}
LIMITS = st.sampled_from(["at_least", "more_than", "at_most", "less_than"])
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20).map(
    lambda text: f"a text, {text}, of 2014"
)


def family_tests(at: str) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["asb_incidents", "minor_offences", "adult_offences"])
    window = {"last_months": "months"} if at == "as_of" else {"months_before_engagement": "earlier"}
    counts = st.builds(lambda name, limit: {"measure": {"name": name, **window}, limit: "one"}, names, LIMITS)
    needs = st.booleans().map(
        lambda truth: {"measure": {"name": "need_identified", "on": "engagement", "need": "concern"}, "is": truth}
    )
    reductions = names.map(
        lambda name: {
            "measure": {"name": name, "last_months": "months"},
            "against": {"months_before_engagement": "earlier"},
            "reduced_by": "limit",
        }
    )
    return st.one_of(counts, needs, reductions) if at == "as_of" else st.one_of(counts, needs)


def member_tests(kind: str, at: str) -> st.SearchStrategy[dict[str, Any]]:
    if kind == "school_age_child":
        terms = {"last_terms": "terms", "at": at}
        shares = st.builds(
            lambda name, limit: {"measure": {"name": name, **terms}, limit: "limit"},
            st.sampled_from(["absence", "unauthorised_absence"]),
            LIMITS,
        )
        return st.one_of(shares, LIMITS.map(lambda limit: {"measure": {"name": "suspensions", **terms}, limit: "one"}))
    benefit = {"measure": {"name": "out_of_work_benefit", "on": "engagement", "codes": "benefits"}, "is": True}
    weeks = LIMITS.map(lambda limit: {"measure": {"name": "weeks_in_work", "out_of_last": "weeks"}, limit: "worked"})
    runs = LIMITS.map(lambda limit: {"measure": {"name": "longest_run_in_work", "last_months": "months"}, limit: "run"})
    return st.one_of(st.just(benefit), weeks, runs) if at == "as_of" else st.just(benefit)


def composed(tests: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def together(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        some = st.lists(inner, min_size=1, max_size=3)
        return st.one_of(
            some.map(lambda parts: {"all_of": parts}),
            some.map(lambda parts: {"any_of": parts}),
            some.map(lambda parts: {"at_least": "one", "of": parts}),
            st.builds(lambda when, then: {"when": when, "then": then}, inner, inner),
        )

    return st.recursive(tests, together, max_leaves=4)


def quantified(at: str) -> st.SearchStrategy[dict[str, Any]]:
    def subjects(kind: str, quantity: str, that: Any) -> dict[str, Any]:
        terms = {"last_terms": "terms"} if kind == "school_age_child" else {}
        return {quantity: kind, "at": at, **terms, "that": that}

    kinds = st.sampled_from(["school_age_child", "adult"])
    return kinds.flatmap(
        lambda kind: st.builds(
            subjects, st.just(kind), st.sampled_from(["every", "some"]), composed(member_tests(kind, at))
        )
    )


def criteria(at: str) -> st.SearchStrategy[Any]:
    return composed(st.one_of(family_tests(at), quantified(at)))


def names_in(value: Any) -> set[str]:
    """All text in a piece of data: every parameter that it can name."""
    if isinstance(value, dict):
        return set().union(*(names_in(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(names_in(inner) for inner in value))
    return {value} if isinstance(value, str) else set()


@st.composite
def packs(draw: st.DrawFn) -> dict[str, Any]:
    """A pack as its YAML has it, with only the parameters that it reads."""
    standings = st.sampled_from(["verified", "derived", "local", "unverified"])

    def criterion(test: Any) -> dict[str, Any]:
        return {"title": draw(TEXT), "citation": draw(TEXT), "standing": draw(standings), "test": test}

    eligibility = {"first": criterion(draw(criteria("engagement")))}
    eligibility["eligible"] = criterion({"criterion": "first"})
    results = {f"result{n}": criterion(draw(criteria("as_of"))) for n in range(draw(st.integers(1, 3)))}
    routes = {"route": criterion({"all_of": [{"criterion": name} for name in results]}) | {"turned_around": True}}
    pack: dict[str, Any] = {
        "id": "random",
        "title": draw(TEXT),
        "citation": draw(TEXT),
        "in_force": [
            {
                "engaged": {"from": date(2013, 1, 1), "until": date(2014, 1, 1)},
                "decided": {"from": date(2013, 1, 1), "until": date(2015, 1, 1)},
                "citation": draw(TEXT),
                "standing": draw(standings),
            }
        ],
        "eligibility": eligibility,
        "results": results,
        "routes": routes,
        "flags": {"shaky": {"title": draw(TEXT), "citation": draw(TEXT), "kind": "unverified_rule"}},
        "tariff": {
            "citation": draw(TEXT),
            "claimed_until": date(2015, 1, 1),
            "attachment_fee": "fee",
            "family_cap": "cap",
            "routes": {"route": "fee"},
            "instead_of": {},
        },
    }
    pack["parameters"] = {}
    for name in sorted(names_in([pack["eligibility"], pack["results"], pack["tariff"]]) & UNITS.keys()):
        days = sorted(draw(st.sets(st.dates(date(2012, 1, 1), date(2012, 12, 31)), min_size=1, max_size=3)))
        pack["parameters"][name] = {
            "title": draw(TEXT),
            "unit": UNITS[name],
            "values": [
                {
                    "from": day,
                    "value": draw(OF_ITS_OWN.get(name, VALUES[UNITS[name]])),
                    "citation": draw(TEXT),
                    "standing": draw(standings),
                }
                for day in days
            ],
        }
    return pack


def loaded_from_yaml(written: dict[str, Any]) -> LoadedPack:
    with TemporaryDirectory() as folder:
        (Path(folder) / "pack.yaml").write_text(as_yaml(written), encoding="utf-8")
        try:
            return load_pack(folder)
        except Faults as raised:
            assume({fault.code for fault in raised.faults} - {"E233", "E234", "E266"})
            raise


few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(packs())
def test_a_pack_reads_the_same_from_yaml_and_from_json(written: dict[str, Any]) -> None:
    loaded = loaded_from_yaml(written)
    again = Pack.model_validate_json(loaded.pack.model_dump_json(by_alias=True, exclude_none=True))
    assert again == loaded.pack
    assert pack_digest(again) == loaded.digest
    figures = [dated for parameter in written["parameters"].values() for dated in parameter["values"]]
    assert sum(len(parameter.values) for parameter in loaded.pack.parameters.values()) == len(figures)


@few
@given(packs())
def test_every_rule_can_be_said_without_the_names_that_files_use(written: dict[str, Any]) -> None:
    rules = loaded_from_yaml(written).rules(date(2014, 6, 1))
    for criterion in (*rules.pack.eligibility.values(), *rules.pack.results.values()):
        said = words.expression(criterion.test, rules)
        lines = "\n".join(line for _, line in words.outline(criterion.test, rules))
        for text in (said, lines):
            assert text and not text.endswith(".")
            for key in ("last_terms", "at_least", "less_than", "school_age_child", "months_before_engagement", "as_of"):
                assert key not in text
