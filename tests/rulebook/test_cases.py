"""A pack's cases: what a file of them must be, which facts it must give, and how they are run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pbr.engines import reference
from pbr.errors import Disagreement, Faults
from pbr.jobs.cases import run_cases
from pbr.measures.facts import Facts
from pbr.rulebook.cases import load_cases
from pbr.rulebook.load import LoadedPack, load_pack
from pbr.rulebook.rules import Rules
from tests.rulebook.packs import as_yaml, copy_of_phase_1

ENGINES = {"reference": reference.decide}


def pack_with(tmp_path: Path, text: str) -> LoadedPack:
    """Phase 1 with one file of cases instead of its own."""
    folder = copy_of_phase_1(tmp_path)
    for file in (folder / "tests").glob("*.yaml"):
        file.unlink()
    (folder / "tests" / "mine.yaml").write_text(text, encoding="utf-8")
    return load_pack(folder)


def one_case(**case: Any) -> dict[str, Any]:
    return {"name": "a case", "basis": "a text", "expected": "met"} | case


def file_of(about: str, *cases: dict[str, Any]) -> str:
    part, item = about.split()
    return as_yaml({part: item, "cases": list(cases)})


def faults_of(loaded: LoadedPack) -> list[str]:
    with pytest.raises(Faults) as raised:
        load_cases(loaded)
    return [re.sub(r"^(E\d+) \S+/tests/(\S+)", r"\1 \2", str(fault)) for fault in raised.value.faults]


CHILD = {"unauthorised_absence": "1/10", "suspensions": 0, "permanent_exclusions": 0, "enrolment": "registered"}
WORKER = {
    "out_of_work_benefit": {"engagement": ["JSA"], "day_before_as_of": []},
    "weeks_in_work": 26,
    "longest_run_in_work": 0,
    "on_provision": [],
}


# ------------------------------------------------------------------------------------------------------- running


def test_a_case_that_passes_and_one_that_fails_are_told_apart(tmp_path: Path) -> None:
    facts = {"children": [{"unauthorised_absence": "57/380"}]}
    text = file_of(
        "criterion attendance_improved",
        one_case(name="fails", facts=facts, expected="not_met"),
        one_case(name="passes, they think", facts=facts, expected="met"),
    )
    report = run_cases(pack_with(tmp_path, text), ENGINES)
    assert [(failure.case.name, failure.differences) for failure in report.failures] == [
        ("passes, they think", ("expected met, found not met",))
    ]


def test_reasons_and_flags_are_compared_where_a_case_gives_them(tmp_path: Path) -> None:
    absence = {"children": [{"unauthorised_absence": {"unknown": "no_record"}, "suspensions": 0}]}
    family = {"asb_incidents": {"engagement": 5, "as_of": 0}, "minor_offences": {"engagement": 0, "as_of": 0}}
    text = file_of(
        "route crime_asb_education",
        one_case(facts=absence | {"family": family}, expected="unknown", reason="not_covered", flags=["neutral_only"]),
    )
    (failure,) = run_cases(pack_with(tmp_path, text), ENGINES).failures
    assert failure.differences[0] == "expected reason 'not_covered', found 'no_record'"
    assert failure.differences[1].startswith("expected flags neutral_only, found ")


def test_every_engine_is_asked_and_each_failure_names_its_own(tmp_path: Path) -> None:
    text = file_of("criterion local_discretion", one_case(facts={"family": {"need_identified": False}}))
    report = run_cases(pack_with(tmp_path, text), {"one": reference.decide, "two": reference.decide})
    assert [failure.engine for failure in report.failures] == ["one", "two"]


def test_engines_that_differ_on_a_case_are_a_disagreement(tmp_path: Path) -> None:
    def contrary(facts: Facts, rules: Rules) -> pl.DataFrame:
        return reference.decide(facts, rules).with_columns(verdict=pl.lit("unknown"))

    text = file_of("criterion local_discretion", one_case(facts={"family": {"need_identified": True}}))
    with pytest.raises(Disagreement, match=r"mine\.yaml:\d+: reference says met .*contrary says unknown") as raised:
        run_cases(pack_with(tmp_path, text), ENGINES | {"contrary": contrary})
    assert raised.value.exit_code == 3


def test_a_pack_without_cases_fails(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    for file in (folder / "tests").glob("*.yaml"):
        file.unlink()
    with pytest.raises(Faults, match=r"E240 .*the pack has no cases"):
        run_cases(load_pack(folder), ENGINES)


def test_a_case_can_have_its_own_as_of_date(tmp_path: Path) -> None:
    facts = {"family": {"need_identified": True}}
    text = file_of("criterion local_discretion", one_case(facts=facts), one_case(facts=facts)).replace(
        "  basis: a text", "  basis: a text\n  as_of: 2013-09-30", 1
    )
    loaded = pack_with(tmp_path, text)
    assert [case.as_of.isoformat() for case in load_cases(loaded)] == ["2013-09-30", "2015-05-31"]
    assert run_cases(loaded, ENGINES).failures == ()


def test_what_codes_are_found_decides_every_list_of_codes(tmp_path: Path) -> None:
    text = file_of("criterion moved_into_work", one_case(facts={"adults": [WORKER]}))
    (case,) = load_cases(pack_with(tmp_path, text))
    found = {key: fact.value for key, fact in case.members[0].facts.items() if key.startswith("out_of_work_benefit")}
    assert found == {
        "out_of_work_benefit(on: engagement, codes: CA ESA IB IS JSA SDA)": True,
        "out_of_work_benefit(on: engagement, codes: JSA)": True,
        "out_of_work_benefit(on: engagement, codes: CA ESA IB IS SDA)": False,
        "out_of_work_benefit(on: day_before_as_of, codes: CA ESA IB IS JSA SDA)": False,
    }


def test_a_limit_is_covered_only_by_a_case_that_meets_it_exactly(tmp_path: Path) -> None:
    near = one_case(facts={"children": [{"unauthorised_absence": "56/380"}]})
    exact = one_case(facts={"children": [{"unauthorised_absence": "3/20"}]}, expected="not_met")
    about = "criterion attendance_improved"

    def hit(folder: str, *cases: dict[str, Any]) -> int:
        coverage = run_cases(pack_with(tmp_path / folder, file_of(about, *cases)), ENGINES).coverage
        return int(coverage.filter(pl.col("item") == "attendance_improved")["limits_hit"].item())

    assert hit("near", near) == 0
    assert hit("exact", near, exact) == 1


# ------------------------------------------------------------------------------------------------------ bad files


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cases: []\n", "E241 mine.yaml:1 a file of cases is about one criterion or one route"),
        ("criterion: a\nroute: b\ncases: []\n", "E241 mine.yaml:1 a file of cases is about one criterion or one route"),
        ("criterion: asb_reduced\n", "E241 mine.yaml:1 the file has no list of `cases`"),
        ("criterion: asb_reduced\ncases: [text]\n", "E241 mine.yaml:2 a case is not a set of keys"),
        ("criterion: asb_reduce\ncases: []\n", "E242 mine.yaml:1 there is no criterion 'asb_reduce' (did you mean"),
        ("route: asb_reduced\ncases: []\n", "E242 mine.yaml:1 there is no route 'asb_reduced'"),
        ("criterion: asb_reduced\ncase: []\n", "E241 mine.yaml:2 'case' is not a key here (did you mean 'cases'?)"),
        ("criterion: [a]\ncases: []\n", "E242 mine.yaml:1 there is no criterion"),
        ("criterion: [a\n", "E202 mine.yaml"),
    ],
)
def test_a_file_that_is_not_one_of_cases(text: str, says: str, tmp_path: Path) -> None:
    assert any(fault.startswith(says) for fault in faults_of(pack_with(tmp_path, text)))


@pytest.mark.parametrize(
    ("about", "case", "says"),
    [
        (
            "criterion local_discretion",
            {"facts": {"family": {}}},
            "E244 .* does not give 'need_identified' at engagement",
        ),
        ("criterion local_discretion", {}, "E241 .*a case has no `facts`"),
        (
            "criterion local_discretion",
            {"facts": {"family": {"need": True}}},
            "E243 .*does not read 'need' of this subject",
        ),
        (
            "criterion local_discretion",
            {"facts": {"family": {"need_identified": True, "asb_incidents": 1}}},
            "E243 .*'local_discretion' does not read 'asb_incidents'",
        ),
        ("criterion local_discretion", {"facts": {"family": {"need_identified": 1}}}, "E245 .*cannot have this value"),
        (
            "criterion local_discretion",
            {"facts": {"family": {"need_identified": {"unknown": "lost"}}}},
            "E245 .*cannot have this value",
        ),
        (
            "criterion local_discretion",
            {"facts": {"family": {"need_identified": True}}, "expected": "yes"},
            "E241 .*`expected` is no verdict",
        ),
        (
            "criterion local_discretion",
            {"facts": {"family": {"need_identified": True}}, "flags": ["neutral_only"]},
            "E241 .*flags stand on routes only",
        ),
        (
            "criterion local_discretion",
            {"facts": {"family": {"need_identified": True}}, "reason": "lost"},
            "E241 .*`reason` is not made of reason codes",
        ),
        ("criterion attendance_improved", {"facts": {}}, "E244 .*does not say who the children are"),
        (
            "criterion attendance_improved",
            {"facts": {"children": [{"unauthorised_absence": 15}]}},
            "E245 .*cannot have this value. Write it as 57/380",
        ),
        (
            "criterion attendance_improved",
            {"facts": {"children": [{"unauthorised_absence": "381/380"}]}},
            "E245 .*cannot have this value",
        ),
        (
            "criterion attendance_improved",
            {"facts": {"children": [{"unauthorised_absence": "1/10", "present": ["later"]}]}},
            "E241 .*`present` is not a list of days",
        ),
        (
            "criterion attendance_improved",
            {"facts": {"childs": [], "children": []}},
            r"E241 .*'childs' is not a key here \(did you mean 'children'",
        ),
        (
            "criterion asb_reduced",
            {"facts": {"family": {"asb_incidents": 2}}},
            "E245 .*is read for as_of and for engagement",
        ),
        (
            "criterion asb_reduced",
            {"facts": {"family": {"asb_incidents": {"as_of": 2}}}},
            "E244 .*does not give 'asb_incidents' at engagement",
        ),
        (
            "criterion asb_reduced",
            {"facts": {"family": {"asb_incidents": {"engagement": -1, "as_of": 2}}}},
            "E245 .*'asb_incidents' cannot have this value",
        ),
        (
            "criterion moved_into_work",
            {"facts": {"adults": [WORKER | {"out_of_work_benefit": {"engagement": True, "day_before_as_of": []}}]}},
            "E245 .*is read in more than one way for this day. Give the codes",
        ),
        (
            "criterion education",
            {"facts": {"children": [CHILD | {"enrolment": "home"}]}},
            "E245 .*Write one or more of registered, alternative_provision",
        ),
        (
            "route progress_to_work",
            {"facts": {"adults": [{"provision_starts": 1}]}, "flags": ["neutral"]},
            "E241 .*not a list of the pack's flags",
        ),
    ],
)
def test_a_case_that_does_not_say_what_it_must(about: str, case: dict[str, Any], says: str, tmp_path: Path) -> None:
    (fault,) = faults_of(pack_with(tmp_path, file_of(about, one_case(**case))))
    assert re.match(says.replace(" .*", r" mine\.yaml:\d+ .*", 1), fault), fault


def test_faults_of_all_cases_are_reported_together(tmp_path: Path) -> None:
    text = file_of("criterion local_discretion", one_case(facts={}), one_case(name="", facts={"family": {}}))
    assert len(faults_of(pack_with(tmp_path, text))) == 2
