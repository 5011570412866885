"""A pack's cases: what a file of them must be, which facts it must give, and how they are run."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from pbr.cli.rules import rules
from pbr.engines import bulk, reference
from pbr.errors import Disagreement, Faults
from pbr.jobs.cases import CaseReport, run_cases
from pbr.measures.facts import Facts
from pbr.rulebook.cases import load_cases
from pbr.rulebook.load import LoadedPack, load_pack, pack_ids
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
    numbered = [case | {"name": case["name"].replace("a case", f"case {n}")} for n, case in enumerate(cases)]
    return as_yaml({part: item, "cases": numbered})


def payments(*cases: dict[str, Any]) -> str:
    """A file of payments, each of a family that engaged in 2012/13 unless it says otherwise."""
    common = {"name": "a payment", "basis": "a text", "engaged_on": date(2012, 9, 1)}
    return as_yaml({"payments": [common | {"name": f"a payment {n}"} | case for n, case in enumerate(cases)]})


def faults_of(loaded: LoadedPack) -> list[str]:
    with pytest.raises(Faults) as raised:
        load_cases(loaded)
    return [re.sub(r"^(E\d+) \S+/tests/(\S+)", r"\1 \2", str(fault)) for fault in raised.value.faults]


PRACTICE = """
id: practice
title: A pack of what practitioners tell
citation: a text of 2014
in_force:
  - engaged: {from: 2015-01-01, until: 2019-12-31}
    decided: {from: 2015-01-01, until: 2020-03-31}
    citation: a text of 2014
    standing: verified
parameters: PARAMETERS
eligibility:
  crime: {TITLED, test: {measure: {name: minor_offences, months_before_engagement: months}, at_least: limit}}
  work: {TITLED, test: {measure: {name: needs_identified, on: engagement, needs: work_needs}, at_least: one}}
  debt: {TITLED, test: {measure: {name: need_identified, on: engagement, need: debt}, is: true}}
  idle: {TITLED, test: {some: adult, at: engagement, that: {measure: {name: in_work, on: engagement}, is: false}}}
  dependent:
    TITLED
    test:
      some: member
      at: engagement
      that:
        all_of:
          - {measure: {name: resident, at: engagement}, is: true}
          - {measure: {name: in_work, on: engagement}, is: false}
  eligible:
    TITLED
    test:
      all_of:
        - at_least: two
          of: [{criterion: crime}, {criterion: work}, {criterion: idle}]
        - at_least: one
          of:
            - {criterion: crime, leaving_out: non_resident_adults}
            - {criterion: work, leaving_out: non_resident_adults}
            - {criterion: idle, leaving_out: non_resident_adults}
results:
  settled:
    TITLED
    test:
      all_of:
        - {measure: {name: needs_outstanding, needs: work_needs}, less_than: one}
        - {measure: {name: needs_outstanding, needs: health_needs}, less_than: one}
  observed:
    TITLED
    test:
      when: {measure: {name: needs_identified, on: day_before_as_of, needs: work_needs}, at_least: one}
      then: {measure: {name: needs_identified, on: engagement, needs: work_needs}, less_than: two}
  on_record:
    TITLED
    test:
      all_of:
        - {measure: {name: recorded, field: assessed_on, on: day_before_as_of}, is: true}
        - {measure: {name: recorded, field: lead_worker, on: day_before_as_of}, is: true}
        - {measure: {name: expecting}, is: false}
        - {measure: {name: months_since, field: closed_on}, at_least: closed_months}
routes:
  sustained: {TITLED, turned_around: true, test: {all_of: [{criterion: settled}, {criterion: on_record}]}}
  seen: {TITLED, turned_around: false, test: {criterion: observed}}
flags:
  young:
    title: a title
    citation: a text of 2014
    kind: condition
    when: {measure: {name: needs_outstanding, needs: young_needs}, at_least: one}
tariff:
  citation: a text of 2014
  claimed_until: 2020-03-31
  family_cap: cap
  routes: {sustained: cap, seen: cap}
  instead_of: {}
"""
FIGURES: dict[str, tuple[str, dict[str, Any]]] = {
    "months": ("months", {"2015-01-01": 12, "2018-01-01": 6}),
    "closed_months": ("months", {"2015-01-01": 6}),
    "limit": ("count", {"2015-01-01": 1, "2018-01-01": 3}),
    "one": ("count", {"2015-01-01": 1}),
    "two": ("count", {"2015-01-01": 2}),
    "work_needs": ("codes", {"2015-01-01": ["debt", "neet"]}),
    "health_needs": ("codes", {"2015-01-01": ["mental_health", "disability"]}),
    "young_needs": ("codes", {"2015-01-01": ["neet"]}),
    "debt": ("need", {"2015-01-01": "debt"}),
    "cap": ("pence", {"2015-01-01": "£800"}),
}


def practice_with(tmp_path: Path, *texts: str) -> LoadedPack:
    """A pack of needs, residence and the family's record, with figures that change in 2018, and files of cases."""
    parameters = {
        name: {
            "title": name,
            "unit": unit,
            "values": [
                {"from": day, "value": value, "citation": "a text of 2014", "standing": "verified"}
                for day, value in values.items()
            ],
        }
        for name, (unit, values) in FIGURES.items()
    }
    titled = "title: a title, citation: a text of 2014, standing: verified"
    text = PRACTICE.replace("{TITLED", "{" + titled).replace("TITLED", titled.replace(", ", "\n    "))
    folder = tmp_path / "practice"
    (folder / "tests").mkdir(parents=True)
    written = re.sub(r"'(\d{4}-\d\d-\d\d)'", r"\1", as_yaml(parameters)).replace("\n", "\n  ")
    (folder / "pack.yaml").write_text(text.replace("PARAMETERS", f"\n  {written}"), encoding="utf-8")
    for number, cases in enumerate(texts):
        (folder / "tests" / f"mine{number or ''}.yaml").write_text(cases, encoding="utf-8")
    return load_pack(folder)


def verdicts(loaded: LoadedPack) -> list[str]:
    """What every engine makes of the cases, in their order."""
    return [outcome.verdict for outcome in run_cases(loaded, ENGINES).outcomes]


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


# ------------------------------------------------------------- needs, residence, the family's record, and two days


def test_each_measure_of_needs_is_worked_out_from_those_that_are_so(tmp_path: Path) -> None:
    def outstanding(*needs: str) -> dict[str, Any]:
        return one_case(facts={"family": {"needs_outstanding": list(needs)}})

    cases = outstanding("debt", "neet"), outstanding("disability"), outstanding()
    loaded = practice_with(tmp_path, file_of("criterion settled", *cases))
    found = [[fact.value for fact in case.family.values()] for case in load_cases(loaded)]
    assert found == [[2, 0], [0, 1], [0, 0]]
    assert verdicts(loaded) == ["not_met", "not_met", "met"]


def test_a_flag_reads_the_same_list_of_needs_as_what_the_case_is_about(tmp_path: Path) -> None:
    said = {
        "assessed_on_recorded": True,
        "lead_worker_recorded": True,
        "expecting": False,
        "months_since_closed_on": 6,
    }
    cases = [
        one_case(facts={"family": said | {"needs_outstanding": needs}}, expected=verdict, flags=flags)
        for needs, verdict, flags in (
            (["neet"], "not_met", ["young"]),
            (["debt"], "not_met", []),
            ([], "met", []),
            ({"unknown": "not_covered"}, "unknown", []),
        )
    ]
    assert run_cases(practice_with(tmp_path, file_of("route sustained", *cases)), ENGINES).failures == ()


@pytest.mark.parametrize(("given", "verdict"), [(["neet", "debt"], "met"), (["neet"], "not_met"), (True, "met")])
def test_one_need_is_so_where_it_is_among_those_that_are(given: Any, verdict: str, tmp_path: Path) -> None:
    text = file_of("criterion debt", one_case(facts={"family": {"need_identified": given}}))
    assert verdicts(practice_with(tmp_path, text)) == [verdict]


def test_needs_that_nobody_knows_are_all_unknown(tmp_path: Path) -> None:
    unknown = {"needs_outstanding": {"unknown": "not_covered"}}
    text = file_of("criterion settled", one_case(facts={"family": unknown}, expected="unknown", reason="not_covered"))
    assert run_cases(practice_with(tmp_path, text), ENGINES).failures == ()


def test_needs_of_two_days_are_given_for_each(tmp_path: Path) -> None:
    needs = {"needs_identified": {"engagement": ["debt"], "day_before_as_of": ["debt", "neet"]}}
    text = file_of("criterion observed", one_case(facts={"family": needs}))
    assert verdicts(practice_with(tmp_path, text)) == ["met"]


def test_what_is_recorded_of_the_family_is_named_by_its_field(tmp_path: Path) -> None:
    said = {
        "assessed_on_recorded": True,
        "lead_worker_recorded": {"unknown": "missing_field"},
        "expecting": False,
        "months_since_closed_on": 6,
    }
    cases = (
        one_case(facts={"family": said | {"lead_worker_recorded": True}}),
        one_case(facts={"family": said}),
        one_case(facts={"family": said | {"months_since_closed_on": 5}}),
    )
    assert verdicts(practice_with(tmp_path, file_of("criterion on_record", *cases))) == ["met", "unknown", "not_met"]


def test_a_member_is_a_child_or_an_adult_and_lives_with_the_family_unless_said(tmp_path: Path) -> None:
    idle = {"in_work": False}
    cases = (
        one_case(facts={"children": [idle]}),
        one_case(facts={"adults": [idle]}),
        one_case(facts={"children": [idle | {"resident": False}], "adults": [{"in_work": True}]}),
        one_case(facts={"children": [{"present": ["as_of"]}]}),
        one_case(facts={"children": [idle | {"resident": {"unknown": "quarantined"}}]}),
    )
    loaded = practice_with(tmp_path, file_of("criterion dependent", *cases))
    assert verdicts(loaded) == ["met", "met", "not_met", "not_applicable", "unknown"]


def test_an_adult_who_lives_elsewhere_is_nobody_where_non_residents_are_left_out(tmp_path: Path) -> None:
    def family(resident: bool, **family: Any) -> dict[str, Any]:
        adult = {"in_work": False} if resident else {"in_work": False, "resident": False}
        facts = {"family": {"minor_offences": 1, "needs_identified": []} | family, "adults": [adult]}
        return one_case(engaged_on=date(2017, 5, 1), facts=facts)

    cases = (
        family(True, minor_offences_without_non_residents=0),
        family(False, minor_offences_without_non_residents=0),
        family(False),
        family(False, needs_identified=["debt"], minor_offences_without_non_residents=0),
        family(
            False,
            needs_identified=["debt"],
            needs_identified_without_non_residents=["disability"],
            minor_offences_without_non_residents=0,
        ),
    )
    loaded = practice_with(tmp_path, file_of("criterion eligible", *cases))
    assert verdicts(loaded) == ["met", "not_met", "met", "met", "not_met"]


def test_a_case_is_read_with_the_figures_of_its_engagement_date(tmp_path: Path) -> None:
    def engaged(**days: date) -> dict[str, Any]:
        return one_case(facts={"family": {"minor_offences": 1}}, **days)

    cases = (
        engaged(engaged_on=date(2017, 12, 31)),
        engaged(engaged_on=date(2018, 1, 1)),
        engaged(as_of=date(2018, 12, 31)),
        engaged(as_of=date(2019, 1, 1)),
    )
    loaded = practice_with(tmp_path, file_of("criterion crime", *cases))
    assert [case.engaged_on.isoformat() for case in load_cases(loaded)] == [
        *("2017-12-31", "2018-01-01", "2017-12-31", "2018-01-01")
    ]
    found = {outcome.case.place: outcome.verdict for outcome in run_cases(loaded, ENGINES).outcomes}
    assert [found[case.place] for case in load_cases(loaded)] == ["met", "not_met", "met", "not_met"]


def test_starts_on_provision_can_be_told_by_what_each_was_on(tmp_path: Path) -> None:
    adults = [{"provision_starts": ["esf", "esf", "other"]}]
    text = file_of("criterion progress_to_work_made", one_case(facts={"adults": adults}))
    (case,) = load_cases(pack_with(tmp_path, text))
    assert [fact.value for fact in case.members[0].facts.values()] == [2]


@pytest.mark.parametrize(
    ("about", "case", "says"),
    [
        (
            "criterion settled",
            {"facts": {"family": {"needs_outstanding": 1}}},
            r"E245 .*'needs_outstanding' is read in more than one way for this day. Give the needs that are so, as in",
        ),
        (
            "criterion settled",
            {"facts": {"family": {"needs_outstanding": ["debt", "det"]}}},
            r"E245 .*the pack does not know 'det' \(did you mean 'debt'\?\). Name a word of its lists",
        ),
        (
            "criterion crime",
            {"facts": {"family": {"minor_offences": 10**15}}},
            "E245 .*'minor_offences' cannot have this value. Write a whole number up to 100,000",
        ),
        (
            "criterion crime",
            {"facts": {"family": {"minor_offences": 1}}, "as_of": date(2020, 4, 1)},
            "E241 .*the pack decides nobody as of 2020-04-01. Choose a day it decides on: 2015-01-01 to 2020-03-31.",
        ),
        (
            "criterion crime",
            {"facts": {"family": {"minor_offences": 1}}, "as_of": date(1, 1, 1)},
            "E241 .*the pack decides nobody as of 0001-01-01",
        ),
        (
            "criterion debt",
            {"facts": {"family": {"need_identified": "debt"}}},
            r"E245 .*'need_identified' cannot have this value. Write true or false, .* Give the needs that are so, as",
        ),
        (
            "criterion observed",
            {"facts": {"family": {"needs_identified": ["debt"]}}},
            "E245 .*'needs_identified' is read for day_before_as_of and for engagement",
        ),
        (
            "criterion on_record",
            {"facts": {"family": {"assessed_on_recorded": True, "expecting": False, "months_since_closed_on": 1}}},
            "E244 .*does not give 'lead_worker_recorded' at day_before_as_of",
        ),
        (
            "criterion on_record",
            {"facts": {"family": {"recorded": True}}},
            "E243 .*It reads: assessed_on_recorded, expecting, lead_worker_recorded, months_since_closed_on.",
        ),
        ("criterion dependent", {"facts": {}}, "E244 .*does not say who the children are"),
        (
            "criterion dependent",
            {"facts": {"adults": [{"in_work": True, "resident": "no"}]}},
            "E245 .*'resident' cannot have this value",
        ),
        (
            "criterion crime",
            {"facts": {"family": {"minor_offences_without_non_residents": 1}}},
            "E243 .*'crime' does not read 'minor_offences_without_non_residents' of this subject.",
        ),
        (
            "criterion eligible",
            {
                "facts": {
                    "family": {"minor_offences_without_non_residents": 1, "needs_identified": []},
                    "adults": [],
                }
            },
            "E244 .*does not give 'minor_offences' at engagement",
        ),
        (
            "criterion crime",
            {"facts": {"family": {"minor_offences": 1}}, "engaged_on": "then"},
            "E241 .*`engaged_on` is not a date",
        ),
        (
            "criterion crime",
            {"facts": {"family": {"minor_offences": 1}}, "engaged_on": date(2020, 3, 31)},
            "E241 .*`engaged_on` is 2020-03-31, not before the as-of date 2020-03-31",
        ),
    ],
)
def test_a_case_of_needs_or_members_that_does_not_say_what_it_must(
    about: str, case: dict[str, Any], says: str, tmp_path: Path
) -> None:
    faults = faults_of(practice_with(tmp_path, file_of(about, one_case(**case))))
    assert any(re.match(says.replace(" .*", r" mine\.yaml:\d+ .*", 1), fault) for fault in faults), faults


# ------------------------------------------------------------------------------------------ what a pack's cases lack


@pytest.mark.parametrize("pack", pack_ids())
def test_a_pack_that_comes_with_pbr_lacks_no_kind_of_case(pack: str) -> None:
    report = run_cases(load_pack(pack), {"bulk": bulk.decide})
    assert [(outcome.case.place, outcome.differences) for outcome in report.failures] == []
    assert report.lacking == ()


def lacks(report: CaseReport) -> dict[str, str]:
    return dict(report.coverage.select("item", "lacks").iter_rows())


def test_what_is_lacking_is_told_by_criterion_and_in_words(tmp_path: Path) -> None:
    text = file_of("criterion crime", one_case(facts={"family": {"minor_offences": 2}}, expected="not_met"))
    report = run_cases(practice_with(tmp_path, text), ENGINES)
    assert lacks(report)["crime"] == "met;unknown;threshold"
    assert [lack for lack in report.lacking if " crime " in lack] == [
        "No case of crime is met.",
        "No case of crime is unknown.",
        "No case of crime meets a limit exactly: limit, at least 3.",
    ]


def test_the_command_says_what_is_lacking_and_does_not_fail_for_it(tmp_path: Path) -> None:
    text = file_of("criterion crime", one_case(facts={"family": {"minor_offences": 1}}, engaged_on=date(2017, 5, 1)))
    tested = CliRunner().invoke(rules, ["test", str(practice_with(tmp_path, text).folder)])
    assert tested.exit_code == 0
    assert "No case of crime is not met.\n" in tested.stderr
    assert "No case of crime is met.\n" not in tested.stderr
    assert re.search(r"1 cases, 0 failed, in .*\. Kinds of case that are lacking: \d+\.$", tested.stderr.strip())
    assert re.search(r"crime +1 +1 +· +· +1 of 1 +not met, unknown", tested.stdout)


def test_a_limit_that_changed_is_met_exactly_by_the_figure_of_the_day(tmp_path: Path) -> None:
    def threshold(folder: str, offences: int, engaged_on: date) -> int:
        case = one_case(facts={"family": {"minor_offences": offences}}, engaged_on=engaged_on)
        report = run_cases(practice_with(tmp_path / folder, file_of("criterion crime", case)), ENGINES)
        return int(report.coverage.filter(pl.col("item") == "crime")["limits_hit"].item())

    assert threshold("before", 1, date(2017, 5, 1)) == 1
    assert threshold("since", 1, date(2018, 5, 1)) == 0
    assert threshold("since 3", 3, date(2018, 5, 1)) == 1


def test_a_criterion_needs_a_case_of_nothing_to_test_only_where_there_may_be_nothing(tmp_path: Path) -> None:
    text = file_of("criterion crime", one_case(facts={"family": {"minor_offences": 1}}))
    coverage = run_cases(practice_with(tmp_path, text), ENGINES).coverage
    can_be = {row["item"] for row in coverage.iter_rows(named=True) if row["not_applicable"] is not None}
    assert can_be == {"idle", "dependent", "observed", "seen"}
    phase_1 = run_cases(load_pack("phase-1"), ENGINES).coverage
    can_be = {row["item"] for row in phase_1.iter_rows(named=True) if row["not_applicable"] is not None}
    assert can_be == set(phase_1["item"]) - {"crime_asb", "local_discretion", "eligible"}


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
            {"facts": {"children": [{"unauthorised_absence": f"1/{10**16}"}]}},
            "E245 .*cannot have this value. Write it as 57/380, of 100,000 at the most",
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
    assert sorted(fault.split()[0] for fault in faults_of(pack_with(tmp_path, text))) == ["E241", "E244", "E244"]


@pytest.mark.parametrize("key", ["name", "basis"])
def test_a_case_without_a_name_or_a_text_that_it_rests_on(key: str, tmp_path: Path) -> None:
    case = one_case(facts={"family": {"need_identified": True}})
    text = as_yaml({"criterion": "local_discretion", "cases": [{k: v for k, v in case.items() if k != key}]})
    assert faults_of(pack_with(tmp_path, text)) == [
        f"E241 mine.yaml:3 a case has no text as its `{key}`. Add `{key}:` to it."
    ]


def test_two_cases_of_one_name_in_a_file_are_a_fault(tmp_path: Path) -> None:
    facts = {"family": {"need_identified": True}}
    twice = [one_case(name="one", facts=facts), one_case(name="two", facts=facts), one_case(name="one", facts=facts)]
    text = as_yaml({"criterion": "local_discretion", "cases": twice})
    line = 1 + max(number for number, line in enumerate(text.splitlines()) if "name: one" in line)
    assert faults_of(pack_with(tmp_path, text)) == [
        f"E241 mine.yaml:{line} two cases have one name (the first on line 3). "
        "Name each by what it shows, or take one of them away."
    ]


def test_the_largest_number_that_a_case_can_give_is_decided(tmp_path: Path) -> None:
    text = file_of("criterion crime", one_case(facts={"family": {"minor_offences": 100_000}}))
    assert verdicts(practice_with(tmp_path, text)) == ["met"]


def test_kinds_of_social_care_are_those_that_records_have(tmp_path: Path) -> None:
    folder = tmp_path / "phase-2"
    shutil.copytree(load_pack("phase-2").folder, folder)
    file = folder / "tests" / "children_needing_help_recorded.yaml"
    file.write_text(file.read_text("utf-8").replace("[early_help]", "[early_hlep]", 1), "utf-8")
    (fault,) = faults_of(load_pack(folder))
    assert "the pack does not know 'early_hlep' (did you mean 'early_help'?)" in fault


# ------------------------------------------------------------------------------------------------- what is paid

MET = {"facts": {"family": {"need_identified": True}}}
EDUCATION = {"met": ["crime_asb_education"], "pays": {"crime_asb_education": "£700"}}


def paid(tmp_path: Path, *cases: dict[str, Any]) -> CaseReport:
    """Phase 1 with these cases of payments, and with one of a criterion that passes."""
    loaded = pack_with(tmp_path, file_of("criterion local_discretion", one_case(**MET)))
    (loaded.cases_folder / "money.yaml").write_text(payments(*cases), encoding="utf-8")
    return run_cases(loaded, ENGINES)


def test_a_family_is_paid_in_a_case_as_in_a_claim(tmp_path: Path) -> None:
    report = paid(
        tmp_path,
        EDUCATION | {"total": "£3,900"},
        EDUCATION | {"engaged_on": date(2014, 9, 1), "pays": {"crime_asb_education": "£2,300"}},
        {"met": ["continuous_employment", "progress_to_work"], "pays": {"continuous_employment": "£800"}},
        {
            "met": ["continuous_employment"],
            "already_paid": {"crime_asb_education": "£700"},
            "pays": {"continuous_employment": "£100"},
        },
        {
            "met": ["progress_to_work"],
            "already_paid": {"another_framework": "£800"},
            "pays": {},
            "reason": "nothing_left_under_the_cap",
        },
    )
    assert report.failures == ()
    assert len(report.payments) == 5


@pytest.mark.parametrize(
    ("case", "difference"),
    [
        (
            EDUCATION | {"pays": {"crime_asb_education": "£700.01"}},
            "expected crime_asb_education £700.01, found crime_asb_education £700",
        ),
        (EDUCATION | {"total": "£4,000"}, "expected £4,000 in all, found £3,900"),
        (EDUCATION | {"reason": "window_not_open"}, "expected reason 'window_not_open', found ''"),
        (
            {"met": ["progress_to_work"], "pays": {}, "reason": "claimed_after_the_period"},
            "expected nothing, found progress_to_work £100",
        ),
        (
            EDUCATION | {"claim_date": date(2015, 6, 1)},
            "expected crime_asb_education £700, found nothing",
        ),
        (
            EDUCATION | {"as_of": date(2015, 6, 1)},
            "expected crime_asb_education £700, found nothing",
        ),
    ],
)
def test_a_payment_that_is_not_as_expected_says_what_was_paid(
    case: dict[str, Any], difference: str, tmp_path: Path
) -> None:
    (failure,) = paid(tmp_path, case).failures
    assert failure.differences[0] == difference


def test_the_command_prints_a_payment_that_fails_with_its_place(tmp_path: Path) -> None:
    loaded = pack_with(tmp_path, file_of("criterion local_discretion", one_case(**MET)))
    wrong = EDUCATION | {"pays": {"crime_asb_education": "£1"}}
    (loaded.cases_folder / "money.yaml").write_text(payments(wrong), encoding="utf-8")
    tested = CliRunner().invoke(rules, ["test", str(loaded.folder)])
    assert tested.exit_code == 1
    assert re.search(r"tests/money\.yaml:2 \[claims\] payments: a payment 0: expected .*£1, found", tested.stderr)


def test_payments_count_towards_no_coverage(tmp_path: Path) -> None:
    report = paid(tmp_path, EDUCATION)
    assert report.coverage.filter(pl.col("item") == "crime_asb_education")["cases"].to_list() == [0]


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ({"met": [], "pays": {}, "reason": "a"}, "E241 .*does not say which routes are met"),
        ({"met": ["progress_to_work"]}, "E241 .*a case does not say what is paid"),
        ({"met": ["progress_to_work"], "pays": {}}, "E241 .*the case does not say why nothing is paid"),
        (
            {"met": ["progres_to_work"], "pays": {}, "reason": "a"},
            r"E242 .*there is no route 'progres_to_work' \(did you mean 'progress_to_work'",
        ),
        (
            EDUCATION | {"met": ["progress_to_work"]},
            "E242 .*'crime_asb_education' is no route that can stand in `pays`",
        ),
        (EDUCATION | {"already_paid": {"work": "£1"}}, "E242 .*'work' is no route that can stand in `already_paid`"),
        (EDUCATION | {"pays": {"crime_asb_education": 700}}, "E245 .*this is no amount of money. Write it as £3,200"),
        (EDUCATION | {"pays": "£700"}, "E241 .*`pays` is not a set of routes with amounts"),
        (EDUCATION | {"total": "3900"}, "E245 .*this is no amount of money"),
        (EDUCATION | {"earned_autonomy": "yes"}, "E241 .*Write true, or take it out."),
        (EDUCATION | {"engaged_on": "2012"}, "E241 .*`engaged_on` is not a date"),
        (EDUCATION | {"engaged_on": date(2015, 5, 31)}, "E241 .*not before the as-of date 2015-05-31"),
        (EDUCATION | {"claim_date": date(2015, 5, 30)}, "E241 .*`claim_date` is 2015-05-30, before the as-of date"),
        (EDUCATION | {"reason": 1}, "E241 .*`reason` is no text"),
        (EDUCATION | {"expected": "met"}, "E241 .*'expected' is not a key here"),
        (EDUCATION | {"as_of": date(2011, 1, 1), "engaged_on": date(2010, 1, 1)}, "E214 .* on 2011-01-01"),
    ],
)
def test_a_payment_that_does_not_say_what_it_must(case: dict[str, Any], says: str, tmp_path: Path) -> None:
    faults = faults_of(pack_with(tmp_path, payments(case)))
    assert any(re.match(says.replace(" .*", r" mine\.yaml:\d+ .*", 1), fault) for fault in faults), faults


def test_an_amount_with_a_comma_in_braces_is_a_fault_that_says_how_to_write_it(tmp_path: Path) -> None:
    text = payments(EDUCATION).replace("pays:\n    crime_asb_education: £700", "pays: {crime_asb_education: £1,500}")
    assert "{" in text
    faults = faults_of(pack_with(tmp_path, text))
    assert any(
        fault.endswith("A comma in braces ends an amount: give each route a line of its own.") for fault in faults
    )


@pytest.mark.parametrize(
    "text", ["payments: []\n", "payments: text\n", "payments: [text]\n", "payments: []\nroute: a\n"]
)
def test_a_file_that_is_not_one_of_payments(text: str, tmp_path: Path) -> None:
    faults = faults_of(pack_with(tmp_path, text))
    assert faults
    assert all(fault.startswith("E241 mine.yaml") for fault in faults)
