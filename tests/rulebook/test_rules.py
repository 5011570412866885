"""A pack as read for one decision: which day's figure each part of it takes, and whom it leaves out."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from pbr.errors import Faults
from pbr.rulebook import marked
from pbr.rulebook.load import LoadedPack, in_unit, load_pack
from pbr.rulebook.model import CriterionRef, ParameterUnit
from pbr.rulebook.rules import Rules, needs, own_parameters, turning_days, walk
from pbr.values import Share
from tests.rulebook.packs import as_yaml, copy_of_phase_1

CHANGE = date(2013, 9, 1)
DAY = timedelta(days=1)
AS_OF = date(2014, 10, 31)


def pack(folder: Path, **sections: dict[str, Any]) -> LoadedPack:
    """Phase 1 with things put in the place of others, or beside them, by section and id."""
    copy = copy_of_phase_1(folder)
    for file in copy.glob("*.yaml"):
        data = marked.read(file.read_bytes(), file.name)[0].data
        for section, changed in sections.items():
            if section in data:
                last = data[section].pop("eligible", None) if section == "eligibility" else None
                data[section] |= changed
                if last is not None:
                    data[section].setdefault("eligible", last)
        file.write_text(as_yaml(data), encoding="utf-8")
    return load_pack(copy)


def dated(unit: str, *values: tuple[date, Any]) -> dict[str, Any]:
    """A parameter with a value from each day on."""
    told = [{"from": day, "value": value, "standing": "local", "citation": "made up for this"} for day, value in values]
    return {"title": "made up", "unit": unit, "values": told}


@pytest.fixture
def stricter(tmp_path: Path) -> LoadedPack:
    """A pack whose absence limits, at identification and at the result, fall from 15% to 10% on one day."""
    falls = dated("share", (date(2012, 4, 1), "15%"), (CHANGE, "10%"))
    return pack(tmp_path, parameters={"identification_absence": falls, "result_absence": falls})


def limit(rules: Rules, section: str, criterion: str, measure: str) -> str:
    """The figure that a criterion's test of a measure is read with."""
    tests = walk(getattr(rules.pack, section)[criterion].test)
    (found,) = [node for node in tests if getattr(getattr(node, "measure", None), "name", "") == measure]
    name = own_parameters(found)[-1]
    return rules.share(name).percent


@pytest.mark.parametrize(("engaged", "identification"), [(CHANGE - DAY, "15%"), (CHANGE, "10%"), (CHANGE + DAY, "10%")])
def test_eligibility_is_read_with_the_figures_of_the_engagement_date(
    stricter: LoadedPack, engaged: date, identification: str
) -> None:
    rules = stricter.rules(AS_OF, engaged)
    assert limit(rules, "eligibility", "education", "unauthorised_absence") == identification
    assert limit(rules, "results", "attendance_improved", "unauthorised_absence") == "10%"


def test_a_flag_that_looks_back_to_engagement_is_read_with_the_figures_of_that_day(stricter: LoadedPack) -> None:
    rules = stricter.rules(AS_OF, CHANGE - DAY)
    flag = rules.pack.flags["school_leaver"]
    assert flag.kind == "condition" and flag.when is not None
    read = {name for node in walk(flag.when) for name in own_parameters(node)}
    assert (
        "identification_absence@engagement" in read
        and rules.share("identification_absence@engagement").percent == "15%"
    )


@pytest.mark.parametrize(("as_of", "result"), [(CHANGE - DAY, "15%"), (CHANGE, "10%")])
def test_a_result_is_read_with_the_figures_of_the_as_of_date(stricter: LoadedPack, as_of: date, result: str) -> None:
    rules = stricter.rules(as_of, date(2012, 10, 1))
    assert limit(rules, "results", "attendance_improved", "unauthorised_absence") == result


def test_a_family_that_engaged_before_the_first_figure_is_read_with_it(stricter: LoadedPack) -> None:
    rules = stricter.rules(AS_OF, date(2001, 1, 1))
    assert limit(rules, "eligibility", "education", "unauthorised_absence") == "15%"


def test_without_an_engagement_date_everything_is_read_on_the_as_of_date(stricter: LoadedPack) -> None:
    rules = stricter.rules(AS_OF)
    assert limit(rules, "eligibility", "education", "unauthorised_absence") == "10%"
    assert rules.pack == stricter.pack


def test_as_of_a_day_before_the_first_figure_nothing_can_be_read(stricter: LoadedPack) -> None:
    with pytest.raises(Faults, match="E214") as found:
        stricter.rules(date(2012, 3, 31))
    read_then = [name for name in stricter.pack.parameters if "payment" not in name]
    (fault,) = found.value.faults
    unread = len(read_then) - 2  # attachment fee and cap are the tariff's, too
    assert f"; {unread} parameters have no value on 2012-03-31" in fault.what


def test_how_many_criteria_are_asked_for_goes_by_the_engagement_date(tmp_path: Path) -> None:
    count = dated("count", (date(2012, 4, 1), 2), (CHANGE, 3))
    changed = pack(tmp_path, parameters={"eligible_on_national_criteria": count})
    for engaged, asked in ((CHANGE - DAY, 2), (CHANGE, 3)):
        rules = changed.rules(AS_OF, engaged)
        counted = [name for node in walk(rules.pack.eligibility["eligible"].test) for name in own_parameters(node)]
        assert rules.number(counted[0]) == asked


def test_a_window_that_changed_is_another_fact_for_those_who_engaged_before(tmp_path: Path) -> None:
    months = dated("months", (date(2012, 4, 1), 12), (CHANGE, 6))
    changed = pack(tmp_path, parameters={"identification_asb_months": months})
    before, after = changed.rules(AS_OF, CHANGE - DAY), changed.rules(AS_OF, CHANGE)
    assert "asb_incidents(months_before_engagement: 12)" in before.family_measures
    assert "asb_incidents(months_before_engagement: 12)" not in after.family_measures


def test_figures_turn_only_on_days_that_change_what_is_read_as_of_engagement(tmp_path: Path) -> None:
    assert turning_days(load_pack("phase-1").pack) == ()
    falls = dated("share", (date(2012, 4, 1), "15%"), (CHANGE, "10%"))
    at_result = pack(tmp_path / "result", parameters={"result_absence": falls})
    at_identification = pack(tmp_path / "identification", parameters={"identification_absence": falls})
    assert turning_days(at_result.pack) == ()
    assert turning_days(at_identification.pack) == (CHANGE,)


def test_prices_turn_no_figures_for_they_are_read_by_themselves() -> None:
    fee = load_pack("phase-1").pack.parameters["attachment_fee"]
    assert len(fee.values) == 3


# ------------------------------------------------------------------------------------------------- leaving members out


LEFT_OUT = {
    "standing": "local",
    "citation": "made up for this",
    "title": "Without adults who live elsewhere",
    "test": {
        "all_of": [{"criterion": name, "leaving_out": "non_resident_adults"} for name in ("crime_asb", "worklessness")]
    },
}


def test_a_criterion_that_leaves_members_out_reads_facts_without_them(tmp_path: Path) -> None:
    rules = pack(tmp_path, eligibility={"of_the_household": LEFT_OUT}).rules(AS_OF, date(2013, 10, 1))
    assert "minor_offences(months_before_engagement: 12)" in rules.family_measures
    assert "minor_offences(months_before_engagement: 12, leaving_out: non_resident_adults)" in rules.family_measures
    roles = {role.key for role in rules.roles}
    assert {"adult(at: engagement)", "adult(at: engagement, leaving_out: non_resident_adults)"} <= roles


def test_what_engines_read_is_written_out_and_what_authors_wrote_is_kept(tmp_path: Path) -> None:
    rules = pack(tmp_path, eligibility={"of_the_household": LEFT_OUT}).rules(AS_OF)
    read = list(walk(rules.pack.eligibility["of_the_household"].test))
    written = list(walk(rules.written.eligibility["of_the_household"].test))
    assert not [node for node in read if isinstance(node, CriterionRef)]
    assert [node.criterion for node in written if isinstance(node, CriterionRef)] == ["crime_asb", "worklessness"]


def test_whoever_is_left_out_stays_left_out_through_criteria_that_refer_to_others(tmp_path: Path) -> None:
    through = LEFT_OUT | {"test": {"criterion": "either", "leaving_out": "non_resident_adults"}}
    either = LEFT_OUT | {"test": {"any_of": [{"criterion": "crime_asb"}, {"criterion": "worklessness"}]}}
    rules = pack(tmp_path, eligibility={"either": either, "through": through}).rules(AS_OF)
    measures = [node.measure for node in walk(rules.pack.eligibility["through"].test) if hasattr(node, "measure")]
    assert {getattr(measure, "leaving_out", "of a member") for measure in measures} == {
        "non_resident_adults",
        "of a member",
    }
    plain = [node for node in walk(rules.pack.eligibility["either"].test) if isinstance(node, CriterionRef)]
    assert [node.leaving_out for node in plain] == [None, None]


# ---------------------------------------------------------------------------------------------------------- needs


def test_a_pack_knows_the_needs_that_it_asks_about_on_any_day(tmp_path: Path) -> None:
    asked = dated("codes", (date(2012, 4, 1), ["debt"]), (CHANGE, ["debt", "homelessness"]))
    test = {
        "measure": {"name": "needs_identified", "needs": "money_needs", "on": "engagement"},
        "at_least": "identification_offences",
    }
    made = pack(tmp_path, parameters={"money_needs": asked}, eligibility={"money": LEFT_OUT | {"test": test}})
    assert needs(made.pack) == {"local_discretion", "debt", "homelessness"}


# ---------------------------------------------------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("unit", "written", "read"),
    [
        ("count", 3, 3),
        ("months", 6, 6),
        ("terms", 3, 3),
        ("weeks", 26, 26),
        ("days", 91, 91),
        ("years", 16, 16),
        ("share", "15%", Share(15, 100)),
        ("pence", "£800", 80000),
        ("codes", ["ESA", "JSA"], ("ESA", "JSA")),
        ("need", "debt", "debt"),
    ],
)
def test_a_figure_is_read_as_its_unit_has_it(unit: str, written: Any, read: Any) -> None:
    """Of every unit that there is."""
    assert unit in get_args(ParameterUnit) and len(get_args(ParameterUnit)) == 10
    assert in_unit(written if not isinstance(written, list) else tuple(written), unit) == read
    with pytest.raises(ValueError, match="does not fit it"):
        in_unit(None, unit)
