"""Every way of getting a pack wrong: the code, the file and line, and words that whoever writes packs understands."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbr.rulebook import check, marked
from pbr.rulebook.check import overlapping
from pbr.rulebook.load import MOST, in_unit, load_pack, pack_ids, packs_folder
from pbr.rulebook.model import InForce, Pack
from pbr.sources import contracts
from tests.rulebook.packs import as_yaml, copy_of_phase_1, faults_of, line_of, put, with_result

P, E, R, T, F = "parameters.yaml", "eligibility.yaml", "results.yaml", "tariff.yaml", "flags.yaml"
K = "pack.yaml"
PHASE_1 = load_pack("phase-1").pack


class Slip(NamedTuple):
    """One mistake: what is put in place of what, the code expected, text of the line expected, and of the message."""

    file: str
    old: str
    new: str
    code: str
    line: str
    says: str
    line_in: str = ""


SLIPS = {
    "not YAML": Slip(K, "until: 2015-03-31}", "until: 2015-03-31", "E202", "decided:", "not YAML"),
    "an anchor": Slip(
        T, "family_cap: family_cap", "family_cap: &cap family_cap", "E202", "&cap", "anchors, aliases and tags"
    ),
    "a key twice": Slip(
        E, "  worklessness:\n", "  education:  # again\n", "E203", "  education:  # again", "given twice (first on line"
    ),
    "a section in two files": Slip(
        F, "flags:\n", "routes: {}\n\nflags:\n", "E203", "routes:", "given twice (first in", R
    ),
    "a share with a point": Slip(P, "value: 15%", "value: 0.15", "E204", "0.15", "'0.15' is read as a number"),
    "a truth in other words": Slip(
        E, "        is: true", "        is: yes", "E204", "is: yes", "might be a word or a truth"
    ),
    "a day that is none": Slip(
        K, "until: 2015-03-31", "until: 2015-02-29", "E204", "2015-02-29", "no day of the calendar"
    ),
    "a key without a value": Slip(
        T, "  family_cap: family_cap", "  family_cap:", "E204", "family_cap:", "a value is empty"
    ),
    "no citation": Slip(
        P,
        "- from: 2012-04-01\n        value: 30\n        standing: unverified\n        citation:",
        "- from: 2012-04-01  # uncited\n        value: 30\n        standing: unverified\n        #",
        "E205",
        "- from: 2012-04-01  # uncited",
        "'citation' is missing",
    ),
    "no standing": Slip(
        R, "    standing: verified\n", "", "E205", "  suspensions_below_three:", "'standing' is missing"
    ),
    "no title": Slip(
        "pack.yaml",
        "title: Troubled Families, first programme, 2012 to 2015",
        "# no title",
        "E205",
        "id:",
        "'title' is missing in the pack",
    ),
    "a misspelt key": Slip(
        R, "less_than: result_abs", "les_than: result_abs", "E206", "les_than", "did you mean 'less_than'?"
    ),
    "a key of another node": Slip(
        R,
        "        less_than: result_absence",
        "        less_than: result_absence\n        against: result_absence",
        "E206",
        "        against:",
        "It can have: measure, at_least",
    ),
    "a figure instead of a name": Slip(
        R, "less_than: result_suspensions", "less_than: 3", "E207", "less_than: 3", "must name a parameter"
    ),
    "a share instead of a name": Slip(
        R, "less_than: result_absence", "less_than: 15%", "E207", "less_than: 15%", "must name a parameter"
    ),
    "an unknown standing": Slip(
        R, "standing: verified", "standing: sure", "E207", "standing: sure", "It can be: verified"
    ),
    "an unknown subject": Slip(
        R, "every: school_age_child", "every: pupil", "E207", "every: pupil", "cannot be 'pupil'"
    ),
    "a word for a truth": Slip(
        E, "        is: true", "        is: 'true'", "E207", "is: 'true'", "must be true or false"
    ),
    "a quoted date": Slip(
        P, "- from: 2012-04-01", "- from: '2012-04-01'", "E207", "from: '2012", "a date such as 2012-04-01"
    ),
    "a test that is none": Slip(
        E,
        "    test:\n      measure: {name: need",
        "    test:  # asked\n      measured: {name: need",
        "E207",
        "    test:  # asked",
        "is not a test",
    ),
    "a test in one word": Slip(
        R, "        - criterion: asb_reduced", "        - asb_reduced", "E207", "- asb", "is not a test"
    ),
    "an id with a capital": Slip(
        F, "  school_leaver:\n", "  School_leaver:\n", "E207", "  School_leaver:", "cannot be an id in flags"
    ),
    "a share without its sign": Slip(
        P, "value: 15%", "value: 15", "E208", "value: 15", "is in share, and 15 does not fit it"
    ),
    "a share of more than all": Slip(P, "value: 5/6", "value: 6/5", "E208", "value: 6/5", "more than the whole"),
    "money without its sign": Slip(P, "value: £700", "value: 700", "E208", "value: 700", "Write it as £3,200"),
    "money grouped by two": Slip(
        P, "value: £3,200", "value: £32,00", "E208", "value: £32,00", "is in pence, and '£32,00' does not fit it"
    ),
    "no months": Slip(P, "value: 12", "value: 0", "E208", "value: 0", "and 0 does not fit it"),
    "a code twice": Slip(P, "value: [ESA, IB,", "value: [ESA, ESA,", "E208", "[ESA, ESA", "has a word twice"),
    "an unknown measure": Slip(
        R,
        "name: unauthorised_absence",
        "name: unauthorized_absence",
        "E209",
        "unauthorized",
        "did you mean 'unauthorised_absence'?",
    ),
    "two limits": Slip(
        R,
        "less_than: result_suspensions",
        "less_than: result_suspensions\n        at_most: result_suspensions",
        "E210",
        "      that:",
        "a test has one of",
    ),
    "two windows": Slip(
        R,
        "last_months: progress_months",
        "last_months: progress_months, months_before_engagement: progress_months",
        "E210",
        "months_before_engagement: progress",
        "name one window",
    ),
    "a reduction of what is no count of events": Slip(
        R,
        "test:\n      measure: {name: asb_incidents, last_months: asb_result_months}",
        "test:  # no count\n      measure: {name: days_since, field: closed_on}",
        "E210",
        "test:  # no count",
        "compares a count of events",
    ),
    "a flag that holds and says no release": Slip(
        F,
        "    kind: condition\n    when:\n      some",
        "    kind: condition\n    holds: true\n    when:\n      some",
        "E210",
        "  school_leaver:",
        "says what releases the line",
    ),
    "no overall eligibility": Slip(
        E, "  eligible:\n", "  eligible_at_all:\n", "E210", "eligibility:", "needs a criterion `eligible`"
    ),
    "an unknown parameter": Slip(
        R,
        "less_than: result_absence",
        "less_than: result_abscence",
        "E211",
        "abscence",
        "did you mean 'result_absence'?",
    ),
    "months for terms": Slip(
        E,
        "last_terms: identification_terms, at: engagement}\n            at_least: identification_suspensions",
        "last_terms: asb_result_months, at: engagement}\n            at_least: identification_suspensions",
        "E212",
        "asb_result_months",
        "needs a parameter in terms",
    ),
    "a count against a share": Slip(
        R, "less_than: result_absence", "less_than: near_sessions", "E212", "less_than: near_sessions", "is in count"
    ),
    "weeks against days": Slip(
        R,
        "at_least: jobseekers_weeks_in_work",
        "at_least: other_days_in_work",
        "E212",
        "at_least: other_days",
        "is in days",
    ),
    "a need for a list of codes": Slip(
        E, "need: discretion_need", "need: jobseekers_benefits", "E212", "need: jobseekers", "needs a parameter in need"
    ),
    "a figure that nothing reads": Slip(
        P,
        "parameters:\n",
        "parameters:\n  idle: {title: t, unit: count, values: [{from: 2012-04-01, value: 1, standing: local, "
        "citation: nobody says so}]}\n",
        "E213",
        "idle:",
        "nothing reads parameter 'idle'",
    ),
    "dated values out of order": Slip(
        P, "- from: 2013-04-01", "- from: 2011-04-01", "E215", "from: 2011-04-01", "before the one above"
    ),
    "two values from one day": Slip(
        P, "- from: 2013-04-01", "- from: 2012-04-01  # again", "E215", "# again", "the same day as the one above"
    ),
    "an unknown criterion": Slip(
        R, "- criterion: asb_reduced", "- {criterion: asb_reduce, }", "E216", "asb_reduce,", "did you mean"
    ),
    "a criterion further down": Slip(
        E,
        "    test:\n      any_of:\n        - measure: {name: minor_off",
        "    test:\n      any_of:\n        - criterion: worklessness\n        - measure: {name: minor_off",
        "E217",
        "criterion: worklessness",
        "does not stand above it",
    ),
    "a criterion that rests on itself": Slip(
        E,
        "          of:\n            - criterion: crime_asb",
        "          of:\n            - criterion: eligible",
        "E217",
        "criterion: eligible",
        "'eligible' rests on 'eligible'",
    ),
    "a route that rests on eligibility": Slip(
        R,
        "criterion: asb_reduced",
        "criterion: crime_asb",
        "E218",
        "criterion: crime_asb",
        "routes cannot rest on that",
    ),
    "eligibility that rests on a result": Slip(
        E,
        "            - criterion: local_discretion",
        "            - criterion: asb_reduced",
        "E218",
        "asb_reduced",
        "is in results",
    ),
    "eligibility that looks ahead": Slip(
        E,
        "months_before_engagement: identification_asb_months",
        "last_months: identification_asb_months",
        "E219",
        "last_months: ident",
        "eligibility is judged at engagement",
    ),
    "eligibility on a later day": Slip(
        E, "on: engagement, codes", "on: as_of, codes", "E219", "on: as_of", "eligibility is judged at engagement"
    ),
    "eligibility of later members": Slip(
        E,
        "      some: adult\n      at: engagement",
        "      some: adult\n      at: as_of",
        "E219",
        "at: as_of",
        "the subjects are members at the as-of date",
    ),
    "children of no terms": Slip(
        R,
        "      at: as_of\n      last_terms: result_terms\n",
        "      at: as_of\n",
        "E220",
        "    test:",
        "does not say which",
    ),
    "children of other terms": Slip(
        R,
        "name: suspensions, last_terms: result_terms",
        "name: suspensions, last_terms: identification_terms",
        "E220",
        "identification_terms",
        "the children's are 'result_terms'",
    ),
    "adults of some terms": Slip(
        R,
        "      some: adult\n      at: as_of\n",
        "      some: adult\n      at: as_of\n      last_terms: result_terms  # no child\n",
        "E220",
        "# no child",
        "these subjects are of kind 'adult'",
    ),
    "a member's measure of the family": Slip(
        F,
        "        - measure: {name: asb_incidents, months_before_engagement: baseline_months}",
        "        - measure: {name: provision_starts, last_months: progress_months, codes: progress_provisions}",
        "E221",
        "provision_starts",
        "about one member",
    ),
    "the family's measure of a member": Slip(
        R,
        "measure: {name: provision_starts, last_months: progress_months, codes: progress_provisions}",
        "measure: {name: adult_offences, last_months: progress_months}",
        "E221",
        "adult_offences",
        "about the family",
    ),
    "an adult's suspensions": Slip(
        R,
        "measure: {name: provision_starts, last_months: progress_months, codes: progress_provisions}",
        "measure: {name: suspensions, last_terms: result_terms, at: as_of}  # adult",
        "E221",
        "name: suspensions, last_terms: result_terms, at: as_of}  # adult",
        "a child of school age",
    ),
    "an every inside an every": Slip(
        R,
        "      that:\n        measure: {name: suspensions, last_terms: result_terms, at: as_of}\n"
        "        less_than: result_suspensions",
        "      that:\n        every: school_age_child\n        at: as_of\n        last_terms: result_terms\n"
        "        that:\n          measure: {name: suspensions, last_terms: result_terms, at: as_of}\n"
        "          less_than: result_suspensions",
        "E222",
        "      that:",
        "stands inside another",
    ),
    "a truth that is at least something": Slip(
        E,
        "need: discretion_need}\n      is: true",
        "need: discretion_need}\n      at_least: near_sessions",
        "E223",
        "at_least: near",
        "does not fit need_identified",
    ),
    "words that are less than something": Slip(
        E,
        "is_one_of: identification_enrolments",
        "less_than: identification_enrolments",
        "E223",
        "less_than: ident",
        "does not fit enrolment",
    ),
    "a price for no route": Slip(
        T,
        "    progress_to_work: progress_to_work_payment",
        "    progress_to_work: progress_to_work_payment\n    progress_at_work: progress_to_work_payment",
        "E224",
        "progress_at_work",
        "did you mean 'progress_to_work'?",
    ),
    "instead of no route": Slip(
        T, "[crime_asb_education, ", "[crime_education, ", "E224", "crime_education,", "there is no route"
    ),
    "a flag on no route": Slip(
        F, "met_routes: [crime", "met_routes: [crimes", "E224", "met_routes", "there is no route"
    ),
    "more than there are": Slip(
        P, "value: 2\n", "value: 4\n", "E225", "at_least: eligible_with", "there are 3 parts", E
    ),
    "an id in two parts": Slip(
        E,
        "  eligible:\n",
        "  asb_reduced:\n    title: t\n    citation: a made text\n    standing: local\n    test: {criterion: education}"
        "\n\n  eligible:\n",
        "E227",
        "  asb_reduced:",
        "already the id of something in eligibility",
        R,
    ),
    "a period that ends first": Slip(
        K, "until: 2015-03-31", "until: 2012-03-31", "E228", "engaged:", "before it starts on 2012-04-01"
    ),
    "decisions that end first": Slip(
        K, "until: 2015-05-31", "until: 2012-03-31", "E228", "decided:", "the period ends on 2012-03-31"
    ),
    "families in force twice": Slip(
        K,
        "in_force:\n",
        "in_force:\n  - engaged: {from: 2014-01-01, until: 2016-01-01}\n"
        "    decided: {from: 2015-05-31, until: 2016-01-01}\n    standing: local\n    citation: nobody says so\n",
        "E228",
        "  - engaged: {from: 2012-04-01",
        "decided on these days by an entry above, too",
    ),
    "claims that end first": Slip(
        T, "claimed_until: 2015", "claimed_until: 2011", "E228", "claimed_until", "claims end on 2011-05-31"
    ),
    "a price that starts late": Slip(
        P,
        "from: 2012-04-01\n        value: £4,000",
        "from: 2012-04-02\n        value: £4,000",
        "E229",
        "family_cap:",
        "starts on 2012-04-02, and families can engage from 2012-04-01",
        T,
    ),
    "a list of needs with one twice": Slip(
        P,
        "        value: [work_programme, esf]\n        standing: unv",
        "        value: [esf, esf]\n        standing: unv",
        "E208",
        "[esf, esf]",
        "the list has a word twice",
    ),
    "an empty list": Slip(
        P,
        "        value: [work_programme, esf]\n        standing: unv",
        "        value: []\n        standing: unv",
        "E208",
        "value: []",
        "'provisions_not_work' is in codes, and an empty list does not fit it",
    ),
    "a value from no day": Slip(
        P,
        "      - from: 2012-04-01\n        value: 30",
        "      - value: 30",
        "E205",
        "- value: 30",
        "'from' is missing in parameters 'jobseekers_weeks_counted', values",
    ),
    "a value of no standing": Slip(
        P,
        "- from: 2012-04-01\n        value: 30\n        standing: unverified",
        "- from: 2012-04-01  # here\n        value: 30",
        "E205",
        "# here",
        "'standing' is missing in parameters 'jobseekers_weeks_counted', values",
    ),
    "money that is a limit": Slip(
        R,
        "less_than: result_suspensions",
        "less_than: family_cap",
        "E212",
        "family_cap",
        "needs a parameter in count, and 'family_cap' is in pence",
    ),
    "a limit that nobody reaches": Slip(
        P,
        "Fixed-period exclusions that each child must stay below\n    unit: count\n    values:\n"
        "      - from: 2012-04-01\n        value: 3",
        "Fixed-period exclusions that each child must stay below\n    unit: count\n    values:\n"
        "      - from: 2012-04-01\n        value: 0",
        "E233",
        "less_than: result_suspensions",
        "suspensions is 0 or more, and so never less than 0 ('result_suspensions')",
        R,
    ),
    "a limit that everybody reaches": Slip(
        P,
        "Incidents of anti-social behaviour that identify a family\n    unit: count\n    values:\n"
        "      - from: 2012-04-01\n        value: 1",
        "Incidents of anti-social behaviour that identify a family\n    unit: count\n    values:\n"
        "      - from: 2012-04-01\n        value: 0",
        "E234",
        "at_least: identification_asb_incidents",
        "asb_incidents is 0 or more, and so always at least 0 ('identification_asb_incidents')",
        E,
    ),
    "two routes to one result": Slip(
        R,
        "      criterion: progress_to_work_made",
        "      any_of: [{criterion: progress_to_work_made}, {criterion: attendance_improved}]",
        "E235",
        "instead_of:",
        "routes 'crime_asb_education' and 'progress_to_work' would both be paid for 'attendance_improved'",
        T,
    ),
    "decisions before the first figures": Slip(
        K,
        "decided: {from: 2012-04-01",
        "decided: {from: 2012-03-01",
        "E236",
        "decided:",
        "nobody could be decided from 2012-03-01 until 2012-03-31, before the first value of "
        "'identification_crime_months' (from 2012-04-01)",
    ),
    "a figure that starts after the first decisions": Slip(
        P,
        "- from: 2012-04-01\n        value: 5/6",
        "- from: 2012-07-01\n        value: 5/6",
        "E236",
        "decided:",
        "from 2012-04-01 until 2012-06-30, before the first value of 'funded_share' (from 2012-07-01)",
        K,
    ),
    "a fall by nothing": Slip(
        P,
        "value: 60%",
        "value: 0%",
        "E238",
        "reduced_by: asb_reduction",
        "'asb_reduction' is 0% from 2012-04-01, and a count that stays the same meets that",
        R,
    ),
    "an enrolment that no record has": Slip(
        P,
        "[alternative_provision, not_on_roll]",
        "[alternativ_provision, not_on_roll]",
        "E231",
        "alternativ_",
        "did you mean 'alternative_provision'?",
    ),
    "a result that changes nothing": Slip(
        R,
        "\nroutes:\n",
        "\n  idle: {title: t, citation: nobody says so, standing: local, test: {criterion: asb_reduced}}\n\nroutes:\n",
        "E213",
        "  idle:",
        "nothing reads criterion 'idle'",
    ),
    "a route instead of itself": Slip(
        T,
        "continuous_employment: [crime_asb_education",
        "continuous_employment: [continuous_employment, crime_asb_education",
        "E235",
        "    continuous_employment: [",
        "in a circle: 'continuous_employment' instead of 'continuous_employment'",
    ),
    "routes instead of one another": Slip(
        T,
        "  funded_share:",
        "    crime_asb_education: [continuous_employment]\n  funded_share:",
        "E235",
        "    continuous_employment: [",
        "in a circle: 'continuous_employment' instead of 'crime_asb_education' instead of 'continuous_employment'",
    ),
    "a benefit that no record has": Slip(
        P, "value: [ESA, IB,", "value: [ESB, IB,", "E231", "[ESB,", "no record can say 'ESB' (did you mean"
    ),
    "a provision that no record has": Slip(
        P,
        "        value: [work_programme, esf]\n        standing: unv",
        "        value: [work_program, esf]\n        standing: unv",
        "E231",
        "[work_program,",
        "did you mean 'work_programme'?",
    ),
    "a cap below what one route pays": Slip(
        P,
        "value: £4,000",
        "value: £3,999",
        "E265",
        "family_cap:",
        "a family can earn £3,999 in all if it engaged on 2012-04-01, and £3,200 for joining and £800 by route",
        T,
    ),
    "one part twice": Slip(
        R,
        "        - criterion: asb_reduced",
        "        - criterion: asb_reduced\n        - criterion: asb_reduced  # again",
        "E266",
        "# again",
        "this part stands above already",
    ),
    "a route without a price": Slip(
        T, "    progress_to_work: progress_to_work_payment\n", "", "E232", "  routes:", "'progress_to_work' pays"
    ),
}


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS.keys())
def test_a_slip_is_reported_once_with_its_code_at_its_line_in_plain_words(slip: Slip, tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / slip.file, slip.old, slip.new)
    reported = faults_of(folder)
    assert [fault.code for fault in reported] == [slip.code], "\n".join(map(str, reported))
    file = slip.line_in or slip.file
    assert reported[0].place == f"{folder}/{file}:{line_of(folder / file, slip.line)}"
    assert slip.says in reported[0].what + " " + reported[0].next_step
    assert reported[0].next_step
    assert not re.search(r"Input should|Extra inputs|Field required|validat|Tag|NoneType|pydantic", str(reported[0]))


OBSERVED = "criterion: {name}\n          leaving_out: non_resident_adults  # here"


@pytest.mark.parametrize(
    ("test", "is_fault"),
    [
        ("measure: {name: expecting}\nis: true", True),
        ("criterion: local_discretion", False),
        ("measure: {name: adult_offences, last_months: asb_result_months}\nat_least: result_suspensions", False),
        ("some: adult\nat: as_of\nthat:\n  measure: {name: in_work, on: as_of}\n  is: true", False),
    ],
)
def test_members_are_left_out_only_of_what_asks_about_members(test: str, is_fault: bool, tmp_path: Path) -> None:
    pack = with_result(tmp_path, test)
    put(pack / R, "        - criterion: asb_reduced", f"        - {OBSERVED.format(name='tried')}")
    found = [(fault.code, fault.place, fault.what) for fault in faults_of(pack)]
    place = f"{pack}/{R}:{line_of(pack / R, '# here')}"
    what = "'tried' asks nothing of single members, so non_resident_adults are not in it"
    assert found == [("E237", place, what)] * is_fault


@pytest.mark.parametrize(
    ("instead_of", "price", "codes"),
    [
        ("{}", "£100", ["E235"]),
        ("{progress_to_work: [continuous_employment]}", "£100", []),
        ("{continuous_employment: [progress_to_work]}", "£100", []),
        ("{continuous_employment: [crime_asb_education]}", "£100", ["E235"]),
        ("{}", "£0", []),
    ],
)
def test_two_routes_to_one_result_need_an_order_where_both_pay(
    instead_of: str, price: str, codes: list[str], tmp_path: Path
) -> None:
    pack = with_result(tmp_path, "all_of: [{criterion: progress_to_work_made}, {criterion: moved_into_work}]")
    put(pack / R, "      criterion: progress_to_work_made", "      criterion: tried")
    old = "  instead_of:\n    continuous_employment: [crime_asb_education, progress_to_work]"
    put(pack / T, old, f"  instead_of: {instead_of}")
    put(pack / P, "value: £100", f"value: {price}")
    found = faults_of(pack)
    assert [fault.code for fault in found] == codes
    for fault in found:
        assert fault.what == (
            "routes 'continuous_employment' and 'progress_to_work' would both be paid for 'moved_into_work', "
            "and one result is paid once"
        )


def test_practice_that_two_routes_ask_for_is_named_where_it_stands_highest(tmp_path: Path) -> None:
    pack = with_result(tmp_path, "criterion: attendance_improved")
    put(pack / R, "        - criterion: attendance_improved", "        - criterion: tried")
    put(pack / R, "      criterion: progress_to_work_made", "      any_of: [{criterion: tried}]")
    (fault,) = faults_of(pack)
    assert fault.code == "E235"
    assert "would both be paid for 'tried', and" in fault.what


def test_days_before_all_figures_are_one_fault_that_names_some_of_them(tmp_path: Path) -> None:
    pack = copy_of_phase_1(tmp_path)
    put(pack / K, "decided: {from: 2012-04-01", "decided: {from: 2012-03-01")
    (fault,) = faults_of(pack)
    assert re.search(r"'identification_asb_months' \(from 2012-04-01\) and \d\d more$", fault.what)


def _in_force(pack_id: str, engaged: tuple[date, date], decided: tuple[date, date]) -> Pack:
    one = {
        "engaged": {"from": engaged[0], "until": engaged[1]},
        "decided": {"from": decided[0], "until": decided[1]},
        "citation": "c",
        "standing": "local",
    }
    return PHASE_1.model_copy(update={"id": pack_id, "in_force": (InForce.model_validate(one),)})


def test_two_packs_that_decide_a_family_on_one_day_are_a_fault_that_says_whom_and_when() -> None:
    first = _in_force("first", (date(2012, 4, 1), date(2015, 3, 31)), (date(2012, 4, 1), date(2015, 5, 31)))
    second = _in_force("second", (date(2014, 10, 1), date(2020, 3, 31)), (date(2015, 5, 31), date(2020, 3, 31)))
    (fault,) = overlapping([first, second])
    assert str(fault) == (
        "E239 pack second packs 'first' and 'second' both decide families engaged from 2014-10-01 until 2015-03-31, on "
        "days from 2015-05-31 until 2015-05-31. End one where the other starts."
    )


@pytest.mark.parametrize(
    ("engaged", "decided"),
    [
        ((date(2015, 4, 1), date(2020, 3, 31)), (date(2014, 4, 1), date(2020, 3, 31))),
        ((date(2012, 4, 1), date(2020, 3, 31)), (date(2015, 6, 1), date(2020, 3, 31))),
        ((date(2015, 3, 31), date(2020, 3, 31)), (date(2012, 4, 1), date(2015, 3, 31))),  # decided after engagement
    ],
)
def test_packs_that_share_no_family_on_any_day_do_not_overlap(
    engaged: tuple[date, date], decided: tuple[date, date]
) -> None:
    first = _in_force("first", (date(2012, 4, 1), date(2015, 3, 31)), (date(2012, 4, 1), date(2015, 5, 31)))
    assert overlapping([first, _in_force("second", engaged, decided)]) == []


def test_each_family_is_decided_by_one_of_the_packs_that_come_with_pbr_at_most() -> None:
    assert overlapping(load_pack(pack).pack for pack in pack_ids()) == []


def test_every_fault_of_a_pack_is_reported_at_once(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / P, "value: 15%", "value: 15")
    put(folder / P, "- from: 2013-04-01", "- from: 2011-04-01")
    put(folder / E, "name: enrolment", "name: enrollment")
    put(folder / R, "less_than: result_suspensions", "less_than: result_suspension")
    put(folder / R, "    turned_around: true\n", "")
    put(folder / T, "family_cap: family_cap", "family_cap: near_sessions")
    put(folder / F, "kind: unverified_rule", "kind: unverified")
    assert {fault.code for fault in faults_of(folder)} == {"E208", "E215", "E209", "E211", "E205", "E212", "E207"}


def test_faults_of_the_text_of_several_files_are_reported_together(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / P, "value: 15%", "value: 0.15")
    put(folder / E, "        is: true", "        is: on")
    put(folder / K, "until: 2015-03-31}", "until: 2015-03-31")
    assert sorted(fault.code for fault in faults_of(folder)) == ["E202", "E204", "E204"]


@pytest.mark.parametrize("content", [b"", b"- a\n- list\n", b"\xff\xfe", b"[" * 3000, b"a: 1\n---\nb: 2\n"])
def test_a_file_that_holds_no_keys_is_a_fault_and_no_traceback(content: bytes, tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    (folder / "more.yaml").write_bytes(content)
    assert {fault.code for fault in faults_of(folder)} == {"E202"}


@pytest.mark.parametrize(
    ("old", "unit", "most", "more"),
    [
        ("value: 12\n", "months", "1200", "1201"),
        ("value: 3\n", "terms", "60", "61"),
        ("value: 1\n", "count", "1000000", "1000001"),
        ("value: 30\n", "weeks", "5200", "5201"),
        ("value: 91\n", "days", "36600", "36601"),
        ("value: £4,000", "pence", "£10,000,000", "£10,000,000.01"),
        ("value: 15%", "share", "1/1000000", "1/1000001"),
    ],
)
def test_a_figure_beyond_any_framework_is_a_fault_and_overflows_nothing(
    old: str, unit: str, most: str, more: str, tmp_path: Path
) -> None:
    assert in_unit(_read(most), unit) is not None
    for number, value in enumerate((more, "9" * 5000, "1e400")):
        folder = copy_of_phase_1(tmp_path / str(number))
        text = (folder / P).read_text(encoding="utf-8")
        at = text.index(old, text.index(f"unit: {unit}\n"))
        line = text.count("\n", 0, at) + 1
        written = f"£{value}" if unit == "pence" and "£" not in value else value
        (folder / P).write_text(text[:at] + f"value: {written}\n" + text[at + len(old) :], encoding="utf-8")
        (fault,) = faults_of(folder)
        assert fault.code in ("E208", "E204")
        assert fault.place == f"{folder}/{P}:{line}"


def _read(written: str) -> Any:
    return int(written) if written.isdecimal() else written


def test_the_words_of_lists_are_those_of_extracts() -> None:
    assert check.BENEFITS == contracts.BENEFITS
    assert check.PROVISION == contracts.PROVISION


def test_years_have_a_bound_as_well() -> None:
    assert in_unit(150, "years") == 150
    with pytest.raises(ValueError, match="151 is more than 150"):
        in_unit(151, "years")


@pytest.mark.parametrize("written", ["1\u0663", "\u0661\u0665%", "57/38\uff10", "£\u0663,200", "\uff11\uff12"])
def test_digits_of_other_scripts_are_no_figure(written: str) -> None:
    (value,) = marked.read(f"value: {written}".encode(), "x.yaml")[0].data.values()
    assert value == written
    for unit in MOST:
        with pytest.raises(ValueError, match="not"):
            in_unit(value, unit)


@pytest.mark.parametrize("written", ["'  '", "TBC", "'.'", "see above", "A, -- b"])
def test_a_citation_that_names_no_source_is_none(written: str, tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    first = "title: Somebody with events before engagement has left the family\n"
    old = "citation: This pack's own control, for a fall in a family's events may only be a move."
    put(folder / F, old, f"citation: {written}  # here")
    put(folder / F, first, first.replace("Somebody with events before engagement has left the family", "'2013'"))
    title, citation = faults_of(folder)
    assert (title.code, citation.code) == ("E248", "E248")
    assert citation.place == f"{folder}/{F}:{line_of(folder / F, '# here')}"
    assert citation.what == ("'citation' has fewer than 3 words, and names no source in flags 'composition_changed'")
    assert title.what == "'title' has no letter in it in flags 'composition_changed'"


@pytest.mark.parametrize("unseen", ["\x00", "\x07", "\x1b", "\x85", "\u202e", "\u2066", "\u200b", "\u2028"])
def test_a_character_that_nobody_sees_is_a_fault_at_its_line_in_text_and_in_remarks(
    unseen: str, tmp_path: Path
) -> None:
    for number, (old, new) in enumerate(
        (("A child of concern", f"A{unseen} child of concern"), ("# What a person", f"# What{unseen} a person"))
    ):
        folder = copy_of_phase_1(tmp_path / str(number))
        line = line_of(folder / F, old)
        put(folder / F, old, new)
        (fault,) = faults_of(folder)
        assert (fault.code, fault.place) == ("E249", f"{folder}/{F}:{line}")
        assert f"U+{ord(unseen):04X}" in fault.what and unseen not in str(fault)


@pytest.mark.parametrize("escape", ["\\0", "\\e", "\\r", "\\u202E", "\\L"])
def test_a_character_that_nobody_sees_cannot_be_written_as_an_escape(escape: str, tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / F, "title: A child of concern has left school", f'title: "A child{escape} has left school"')
    (fault,) = faults_of(folder)
    assert (fault.code, fault.place) == ("E249", f"{folder}/{F}:{line_of(folder / F, 'A child')}")


def test_only_files_are_read_and_a_pipe_is_waited_for_by_nobody(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    os.mkfifo(folder / "more.yaml")
    (folder / "empty.yaml").mkdir()
    (folder / "overlay.yaml").symlink_to("/dev/zero")
    (folder / "gone.yaml").symlink_to("nowhere.yaml")
    found = [(fault.code, Path(fault.place).name) for fault in faults_of(folder)]
    assert sorted(found) == [("E263", f"{name}.yaml") for name in ("empty", "gone", "more", "overlay")]


@pytest.mark.parametrize("name", ["more.yml", "more.YAML", "flags.Yml"])
def test_a_file_that_would_be_passed_over_is_to_be_renamed(name: str, tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    (folder / name).write_text("flags: {}\n", encoding="utf-8")
    (fault,) = faults_of(folder)
    assert (fault.code, fault.place) == ("E264", f"{folder}/{name}")
    assert fault.next_step.startswith("Rename it")


def test_a_section_that_is_missing_is_one_fault(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    (folder / F).unlink()
    assert [(fault.code, fault.what) for fault in faults_of(folder)] == [("E205", "'flags' is missing in the pack")]


@pytest.mark.parametrize("value", ["3", "[a]", "text", "{}", "true"])
def test_a_section_or_item_of_the_wrong_shape_is_a_fault_and_no_traceback(value: str, tmp_path: Path) -> None:
    for file, old in (
        (K, "    decided: {from: 2012-04-01, until: 2015-05-31}"),
        (R, "      measure: {name: asb_incidents, last_months: asb_result_months}"),
    ):
        folder = copy_of_phase_1(tmp_path / f"{file}")
        put(folder / file, old, f"{old.split(':')[0]}: {value}")
        assert faults_of(folder)
    folder = copy_of_phase_1(tmp_path / "whole")
    (folder / F).write_text(f"flags: {value}\n")
    assert faults_of(folder) or value == "{}"


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


def _open(value: Any) -> Any:
    """Data with lists where it had tuples, so that a piece can be put in place of another."""
    if isinstance(value, dict):
        return {key: _open(inner) for key, inner in value.items()}
    return [_open(inner) for inner in value] if isinstance(value, tuple) else value


FILES = sorted((packs_folder() / "phase-1").glob("*.yaml"))
WHOLE = {key: value for file in FILES for key, value in marked.read(file.read_bytes(), file.name)[0].data.items()}
JARGON = re.compile(r"Input should|Extra inputs|Field required|validat|NoneType|pydantic|Traceback|\bstr\b|\bdict\b")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_put_in_place_of_a_piece_of_a_pack_is_reported_in_plain_words(data: st.DataObject) -> None:
    pack = _open(WHOLE)
    *path, last = data.draw(st.sampled_from(sorted(_paths(pack), key=str)))
    within = pack
    for key in path:
        within = within[key]
    odd = [3, True, "odd", "15%", [], {}, ["odd"], {"odd": 1}, date(2012, 4, 1), {"measure": "odd"}, {"when": []}]
    within[last] = data.draw(st.sampled_from(odd))
    with TemporaryDirectory() as folder:
        (Path(folder) / "pack.yaml").write_text(as_yaml(pack), encoding="utf-8")
        reported = faults_of(Path(folder))
        for fault in reported:
            assert re.fullmatch(r"E2\d\d", fault.code)
            assert fault.place.startswith(f"{folder}/pack.yaml:")
            assert not JARGON.search(fault.what + fault.next_step), str(fault)
