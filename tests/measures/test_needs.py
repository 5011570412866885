"""Needs that practitioners identified, and which of them have no achieved outcome yet."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from pbr.linkage import Evidence
from pbr.rulebook.rules import Rules
from tests.measures.made_evidence import AS_OF, ENGAGED, asking, evidence, fact, facts, family, person

DAY = timedelta(days=1)
IDENTIFIED = date(2014, 3, 1)
JUNE = date(2014, 6, 1)
FATHER = person("P2", born=date(1980, 1, 1), resident=False)
CHILD = person("P1")


def need(name: str = "debt", on: date = IDENTIFIED, **more: Any) -> dict[str, Any]:
    return {"need": name, "identified_on": on} | more


def outcome(status: str, on: date, name: str = "debt", **more: Any) -> dict[str, Any]:
    return {"need": name, "status": status, "observed_on": on} | more


# ------------------------------------------------------------------------------------------------- needs identified


def identified(*rows: dict[str, Any], on: str = "engagement", **more: Any) -> Any:
    return fact(evidence(needs=list(rows), **more), "needs_identified", needs="concerns", on=on)


def test_different_needs_of_the_list_are_counted_and_each_once() -> None:
    rows = need("debt", ENGAGED), need("neet", ENGAGED), need("debt", ENGAGED - DAY), need("truancy", ENGAGED)
    cell = identified(*rows)
    assert (cell["value"], cell["records"]) == (2, ["n1", "n2", "n3"])


def test_one_need_of_two_people_is_one_need() -> None:
    assert identified(need(on=ENGAGED, person_id="P1"), need(on=ENGAGED, person_id="P2"))["value"] == 1


@pytest.mark.parametrize(("when", "count"), [(ENGAGED - DAY, 1), (ENGAGED, 1), (ENGAGED + DAY, 0)])
def test_a_need_counts_that_was_identified_on_or_before_engagement(when: date, count: int) -> None:
    assert identified(need(on=when))["value"] == count


@pytest.mark.parametrize(("when", "count"), [(AS_OF - DAY, 1), (AS_OF, 0), (AS_OF + DAY, 0)])
def test_a_need_counts_that_was_identified_before_the_as_of_date(when: date, count: int) -> None:
    covers = {"needs": (ENGAGED, AS_OF)}
    assert identified(need(on=when), on="as_of", covers=covers)["value"] == count
    assert identified(need(on=when), on="day_before_as_of")["value"] == count


def test_a_family_without_needs_has_none_where_the_day_is_covered() -> None:
    assert identified()["value"] == 0
    assert identified(need(family_id="F2", on=ENGAGED))["value"] == 0


@pytest.mark.parametrize("covers", [(ENGAGED + DAY, AS_OF), (ENGAGED - DAY, ENGAGED - DAY), None])
def test_the_day_must_be_covered(covers: tuple[date, date] | None) -> None:
    cell = identified(need(on=ENGAGED), covers={"needs": covers})
    assert (cell["value"], cell["reason"], cell["records"]) == (None, "not_covered", [])


def test_needs_that_are_not_declared_are_not_known() -> None:
    assert fact(evidence(), "needs_identified", needs="concerns", on="engagement")["reason"] == "not_covered"


def test_a_quarantined_need_of_the_family_leaves_the_count_unknown() -> None:
    assert identified(need(on=ENGAGED), doubtful_families=(("needs", "F1"),))["reason"] == "quarantined"
    assert identified(need(on=ENGAGED), doubtful_families=(("needs", "F2"),))["value"] == 1


def test_many_families_and_needs_are_each_told_apart() -> None:
    both = (family("F1"), family("F2"))
    rows = [need("debt", ENGAGED), need("neet", ENGAGED, family_id="F2"), need("debt", ENGAGED, family_id="F2")]
    rules = asking({"name": "needs_identified", "needs": "concerns", "on": "engagement"})
    found = facts(evidence(families=both, needs=rows), rules).families
    assert [cell["records"] for cell in found[next(iter(rules.family_measures))].to_list()] == [["n1"], ["n2", "n3"]]


# ----------------------------------------------------------------------------------- needs of non-resident adults


def left_out(*rows: dict[str, Any], of: dict[str, Any] = FATHER, **more: Any) -> Any:
    told = evidence(CHILD, of, needs=list(rows), **more)
    return fact(told, "needs_identified", needs="concerns", on="engagement", leaving_out="non_resident_adults")


def test_a_need_of_an_adult_who_does_not_live_with_the_family_is_left_out() -> None:
    rows = need("debt", ENGAGED, person_id="P2"), need("neet", ENGAGED, person_id="P1"), need("debt", ENGAGED)
    cell = left_out(*rows)
    assert (cell["value"], cell["records"]) == (2, ["n2", "n3"])
    assert identified(*rows)["records"] == ["n1", "n2", "n3"]
    told = evidence(CHILD, FATHER, needs=[need("local_discretion", ENGAGED, person_id="P2")])
    asked = {"need": "concern", "on": "engagement"}
    assert fact(told, "need_identified", **asked)["value"] is True
    cell = fact(told, "need_identified", leaving_out="non_resident_adults", **asked)
    assert (cell["value"], cell["records"]) == (False, [])


@pytest.mark.parametrize("whose", [None, "P99"])
def test_a_need_of_nobody_in_particular_or_of_no_member_is_the_familys_own(whose: str | None) -> None:
    assert left_out(need(on=ENGAGED, person_id=whose))["value"] == 1


@pytest.mark.parametrize(("named", "member"), [(" p 2", "P2"), ("P2", "p 2")])
def test_the_persons_id_is_compared_without_case_and_spaces(named: str, member: str) -> None:
    assert left_out(need(on=ENGAGED, person_id=named), of=FATHER | {"person_id": member})["value"] == 0


@pytest.mark.parametrize(("turned_eighteen", "count"), [(ENGAGED - DAY, 0), (ENGAGED, 0), (ENGAGED + DAY, 1)])
def test_who_is_an_adult_goes_by_the_engagement_date(turned_eighteen: date, count: int) -> None:
    elsewhere = person("P2", born=turned_eighteen.replace(year=1995), resident=False)
    assert left_out(need(on=ENGAGED - 30 * DAY, person_id="P2"), of=elsewhere)["value"] == count


@pytest.mark.parametrize(("when", "count"), [(ENGAGED - 11 * DAY, 1), (ENGAGED - 10 * DAY, 0)])
def test_where_an_adult_lived_goes_by_the_day_the_need_was_identified(when: date, count: int) -> None:
    moved_out = ENGAGED - 10 * DAY
    periods = (
        person("P2", born=date(1980, 1, 1), left_on=moved_out),
        person("P2", born=date(1980, 1, 1), joined_on=moved_out, resident=False),
    )
    told = evidence(CHILD, *periods, needs=[need(on=when, person_id="P2")])
    asked = {"needs": "concerns", "on": "engagement", "leaving_out": "non_resident_adults"}
    assert fact(told, "needs_identified", **asked)["value"] == count


@pytest.mark.parametrize(("when", "count"), [(date(2013, 8, 31), 0), (date(2013, 9, 1), 0), (date(2013, 9, 30), 0)])
def test_an_adult_who_joined_after_the_need_was_identified_lives_where_their_own_row_says(
    when: date, count: int
) -> None:
    father = FATHER | {"joined_on": date(2013, 9, 1)}
    assert left_out(need(on=when, person_id="P2"), of=father)["value"] == count


def test_a_non_resident_of_another_family_is_no_member_of_this_one() -> None:
    assert left_out(need(on=ENGAGED, person_id="P2"), of=FATHER | {"family_id": "F2"})["value"] == 1


def test_whose_row_is_quarantined_may_live_elsewhere_so_what_leaves_people_out_is_unknown() -> None:
    doubts = {"doubtful_families": (("members", "F1"),)}
    assert left_out(need(on=ENGAGED), **doubts)["reason"] == "quarantined"
    assert identified(need(on=ENGAGED), **doubts)["value"] == 1


# ------------------------------------------------------------------------------------------------ needs outstanding


def rules_that_knew_truancy(name: str = "needs_outstanding", **arguments: Any) -> Rules:
    """Rules that read one measure of `concerns`, a list from which truancy was taken out long ago."""
    pack = asking({"name": name, "needs": "concerns"} | arguments).written
    concerns = pack.parameters["concerns"]
    (now,) = concerns.values
    once = now.model_copy(update={"start": date(1999, 1, 1), "value": ("truancy", *now.value)})
    parameters = pack.parameters | {"concerns": concerns.model_copy(update={"values": (once, now)})}
    return Rules(pack.model_copy(update={"parameters": parameters}), AS_OF, "0" * 64)


def read(of: Evidence, rules: Rules) -> list[Any]:
    """The one fact that the rules read of each family."""
    (key,) = rules.family_measures
    return facts(of, rules).families[key].to_list()


def outstanding(needs: list[dict[str, Any]], outcomes: list[dict[str, Any]], **more: Any) -> Any:
    (cell,) = read(evidence(needs=needs, outcomes=outcomes, **more), rules_that_knew_truancy())
    return cell


def is_outstanding(needs: list[dict[str, Any]], outcomes: list[dict[str, Any]]) -> bool:
    cell = outstanding(needs, outcomes)
    assert cell["value"] in (0, 1)
    return bool(cell["value"])


def test_a_need_is_outstanding_until_it_is_achieved() -> None:
    assert is_outstanding([need()], [])
    assert not is_outstanding([need()], [outcome("achieved", JUNE)])


def test_needs_outside_the_list_and_outcomes_of_other_needs_answer_nothing() -> None:
    assert not is_outstanding([need("truancy")], [])
    assert is_outstanding([need()], [outcome("achieved", JUNE, "neet")])
    assert is_outstanding([need()], [outcome("achieved", JUNE, family_id="F2")])


@pytest.mark.parametrize(("when", "stands"), [(AS_OF - DAY, True), (AS_OF, False)])
def test_a_need_and_its_outcome_count_before_the_as_of_date(when: date, stands: bool) -> None:
    assert is_outstanding([need(on=when)], []) is stands
    assert is_outstanding([need()], [outcome("achieved", when)]) is not stands


@pytest.mark.parametrize(("when", "stands"), [(IDENTIFIED - DAY, True), (IDENTIFIED, False), (IDENTIFIED + DAY, False)])
def test_an_outcome_answers_a_need_identified_on_its_day_or_before(when: date, stands: bool) -> None:
    assert is_outstanding([need()], [outcome("achieved", when)]) is stands


BEFORE_ENGAGEMENT = ENGAGED - 30 * DAY


@pytest.mark.parametrize("whose", [None, "P1"])
@pytest.mark.parametrize(("when", "stands"), [(ENGAGED - DAY, True), (ENGAGED, False), (ENGAGED + DAY, False)])
def test_an_outcome_observed_before_the_family_engaged_answers_nothing(
    when: date, stands: bool, whose: str | None
) -> None:
    cell = outstanding([need(on=BEFORE_ENGAGEMENT, person_id=whose)], [outcome("achieved", when, person_id=whose)])
    assert (cell["value"], cell["records"]) == ((1, ["n1"]) if stands else (0, ["n1", "o1"]))


@pytest.mark.parametrize(("relapsed", "stands"), [(ENGAGED - DAY, False), (ENGAGED, True), (ENGAGED + DAY, True)])
def test_a_relapse_before_the_family_engaged_undoes_nothing(relapsed: date, stands: bool) -> None:
    rows = [outcome("achieved", ENGAGED, person_id="P1"), outcome("relapsed", relapsed, person_id="P2")]
    assert is_outstanding([need(on=BEFORE_ENGAGEMENT)], rows) is stands


def test_each_familys_outcomes_are_heard_from_its_own_engagement_on() -> None:
    both = (family("F1", ENGAGED + DAY), family("F2", ENGAGED))
    rows = [{"family_id": name} for name in ("F1", "F2")]
    told = evidence(
        families=both,
        needs=[need(on=BEFORE_ENGAGEMENT, **row) for row in rows],
        outcomes=[outcome("achieved", ENGAGED, **row) for row in rows],
    )
    assert [cell["value"] for cell in read(told, rules_that_knew_truancy())] == [1, 0]


@pytest.mark.parametrize("first", [ENGAGED - DAY, ENGAGED, ENGAGED + DAY])
def test_outcomes_need_not_cover_days_before_the_family_engaged(first: date) -> None:
    cell = outstanding([need(on=BEFORE_ENGAGEMENT)], [], covers={"outcomes": (first, AS_OF - DAY)})
    assert (cell["value"], cell["reason"]) == ((1, None) if first <= ENGAGED else (None, "not_covered"))


def test_a_need_identified_again_needs_an_outcome_again() -> None:
    again = [need(), need(on=JUNE)]
    cell = outstanding(again, [outcome("achieved", JUNE - DAY)])
    assert (cell["value"], cell["records"]) == (1, ["n1", "n2"])
    assert not is_outstanding(again, [outcome("achieved", JUNE)])


@pytest.mark.parametrize(("relapsed", "stands"), [(JUNE - DAY, False), (JUNE, True), (JUNE + DAY, True)])
def test_a_relapse_on_the_day_or_since_undoes_an_achievement(relapsed: date, stands: bool) -> None:
    rows = [outcome("achieved", JUNE), outcome("relapsed", relapsed)]
    assert is_outstanding([need()], rows) is stands
    assert is_outstanding([need()], rows[::-1]) is stands


def test_a_relapse_is_overcome_by_a_later_achievement() -> None:
    rows = [outcome("achieved", JUNE), outcome("relapsed", JUNE + DAY), outcome("achieved", JUNE + 2 * DAY)]
    assert not is_outstanding([need()], rows)


def test_a_relapse_before_the_need_was_identified_again_is_forgotten_and_so_is_an_achievement() -> None:
    rows = [outcome("achieved", JUNE - DAY), outcome("relapsed", JUNE)]
    assert is_outstanding([need(), need(on=JUNE + DAY)], rows)
    assert not is_outstanding([need(), need(on=JUNE + DAY)], [*rows, outcome("achieved", JUNE + DAY)])


def test_a_relapse_alone_leaves_a_need_outstanding() -> None:
    assert is_outstanding([need()], [outcome("relapsed", JUNE)])


@pytest.mark.parametrize(("whose", "stands"), [("P1", False), ("p1 ", False), ("P2", True), (None, False)])
def test_a_persons_need_is_answered_by_their_own_outcome_or_by_nobodys_in_particular(
    whose: str | None, stands: bool
) -> None:
    assert is_outstanding([need(person_id="P1")], [outcome("achieved", JUNE, person_id=whose)]) is stands


@pytest.mark.parametrize(("whose", "stands"), [("P1", True), ("P2", False), (None, True)])
def test_a_relapse_of_the_person_or_of_nobody_in_particular_undoes_their_achievement(
    whose: str | None, stands: bool
) -> None:
    rows = [outcome("achieved", JUNE, person_id="P1"), outcome("relapsed", JUNE + DAY, person_id=whose)]
    assert is_outstanding([need(person_id="P1")], rows) is stands


def test_an_achievement_of_nobody_in_particular_overcomes_everybodys_relapse() -> None:
    rows = [outcome("relapsed", JUNE, person_id="P1"), outcome("achieved", JUNE + DAY)]
    assert not is_outstanding([need(person_id="P1")], rows)
    assert not is_outstanding([need()], rows)


def test_a_need_of_nobody_in_particular_is_answered_by_anybodys_outcome() -> None:
    assert not is_outstanding([need()], [outcome("achieved", JUNE, person_id="P1")])


def test_whoever_relapsed_last_leaves_a_need_of_nobody_in_particular_outstanding() -> None:
    of_two = [
        outcome("achieved", JUNE, person_id="P1"),
        outcome("relapsed", JUNE + DAY, person_id="P1"),
        outcome("achieved", JUNE + 9 * DAY, person_id="P2"),
    ]
    assert is_outstanding([need()], of_two)
    assert not is_outstanding([need()], [*of_two, outcome("achieved", JUNE + 10 * DAY, person_id="P1")])


def test_a_familys_relapse_is_not_overcome_by_one_persons_achievement() -> None:
    rows = [outcome("relapsed", JUNE), outcome("achieved", JUNE + DAY, person_id="P1")]
    assert is_outstanding([need()], rows)
    assert not is_outstanding([need(person_id="P1")], rows)


def test_a_need_of_two_people_is_outstanding_while_one_of_theirs_is_and_counts_once() -> None:
    of_two = [need(person_id="P1"), need(person_id="P2")]
    assert outstanding(of_two, [])["value"] == 1
    assert is_outstanding(of_two, [outcome("achieved", JUNE, person_id="P1")])
    assert not is_outstanding(of_two, [outcome("achieved", JUNE)])


def test_different_needs_are_counted() -> None:
    rows = [need("debt"), need("neet"), need("local_discretion")]
    assert outstanding(rows, [outcome("achieved", JUNE, "neet")])["value"] == 2


def test_a_need_identified_again_of_one_person_is_answered_still_for_another() -> None:
    rows = [need(person_id="P1"), need(person_id="P2"), need(on=JUNE, person_id="P2")]
    before, since = outcome("achieved", JUNE - DAY), outcome("achieved", JUNE, person_id="P2")
    assert is_outstanding(rows, [before])
    assert not is_outstanding(rows, [before, since])


def test_the_records_are_the_needs_and_the_outcomes_that_were_heard() -> None:
    cell = outstanding(
        [need(person_id="P1"), need("neet"), need("truancy")],
        [
            outcome("achieved", JUNE, person_id="P1"),
            outcome("achieved", JUNE, person_id="P2"),
            outcome("achieved", IDENTIFIED - DAY, "neet"),
            outcome("achieved", JUNE, "truancy"),
            outcome("relapsed", AS_OF),
            outcome("achieved", JUNE),
        ],
    )
    assert (cell["value"], cell["records"]) == (1, ["n1", "n2", "o1", "o6"])


@pytest.mark.parametrize(
    ("covers", "known"),
    [
        ((AS_OF - DAY, AS_OF - DAY), True),
        ((AS_OF, AS_OF), False),
        ((ENGAGED, AS_OF - 2 * DAY), False),
        (None, False),
    ],
)
def test_needs_cover_the_day_before_the_as_of_date(covers: tuple[date, date] | None, known: bool) -> None:
    cell = outstanding([need()], [], covers={"needs": covers})
    assert (cell["value"], cell["reason"]) == ((1, None) if known else (None, "not_covered"))


@pytest.mark.parametrize(
    ("covers", "known"),
    [
        ((IDENTIFIED, AS_OF - DAY), True),
        ((IDENTIFIED + DAY, AS_OF - DAY), False),
        ((IDENTIFIED, AS_OF - 2 * DAY), False),
        (None, False),
    ],
)
def test_a_need_without_an_answer_is_known_where_outcomes_cover_all_days_since_it_was_last_identified(
    covers: tuple[date, date] | None, known: bool
) -> None:
    needs = [need(on=IDENTIFIED - 90 * DAY), need(on=IDENTIFIED)]
    cell = outstanding(needs, [], covers={"outcomes": covers})
    assert (cell["value"], cell["reason"]) == ((1, None) if known else (None, "not_covered"))


ACHIEVED = IDENTIFIED + 60 * DAY


@pytest.mark.parametrize(
    ("covers", "known"),
    [
        ((ACHIEVED, AS_OF - DAY), True),
        ((ACHIEVED + DAY, AS_OF - DAY), False),
        ((ACHIEVED, AS_OF - 2 * DAY), False),
    ],
)
def test_an_answer_holds_where_outcomes_cover_all_days_on_which_it_could_have_been_undone(
    covers: tuple[date, date], known: bool
) -> None:
    cell = outstanding([need()], [outcome("achieved", ACHIEVED)], covers={"outcomes": covers})
    assert (cell["value"], cell["reason"]) == ((0, None) if known else (None, "not_covered"))


def test_of_several_needs_the_one_that_reaches_furthest_back_says_what_must_be_covered() -> None:
    needs = [need("neet"), need("debt", ACHIEVED)]
    cell = outstanding(needs, [], covers={"outcomes": (ACHIEVED, AS_OF - DAY)})
    assert cell["reason"] == "not_covered"


@pytest.mark.parametrize("table", ["needs", "outcomes"])
def test_a_source_that_is_not_declared_leaves_it_unknown(table: str) -> None:
    rows: dict[str, Any] = {table: []}
    assert fact(evidence(**rows), "needs_outstanding", needs="concerns")["reason"] == "not_covered"


@pytest.mark.parametrize("table", ["needs", "outcomes"])
def test_a_quarantined_need_or_outcome_of_the_family_leaves_it_unknown(table: str) -> None:
    cell = outstanding([need()], [], doubtful_families=((table, "F1"),))
    assert (cell["value"], cell["reason"], cell["records"]) == (None, "quarantined", [])


def test_a_family_without_needs_has_none_outstanding() -> None:
    assert outstanding([], [outcome("achieved", JUNE)])["value"] == 0


# ------------------------------------------------------------------------------------ needs that the pack does not know


@pytest.mark.parametrize("word", ["DEBT", " Debt", "debt\t"])
def test_a_need_is_the_same_in_small_and_capital_letters_and_with_white_space_around_it(word: str) -> None:
    assert identified(need(word, ENGAGED))["value"] == 1
    told = evidence(needs=[need(" LOCAL_discretion", ENGAGED)])
    assert fact(told, "need_identified", need="concern", on="engagement")["value"] is True
    assert outstanding([need(word)], [])["value"] == 1
    assert outstanding([need(word), need("debt")], [])["value"] == 1
    assert outstanding([need(word)], [outcome("achieved", JUNE)])["value"] == 0
    assert outstanding([need()], [outcome("achieved", JUNE, word)])["value"] == 0
    told = evidence(outcomes=[outcome("achieved", AS_OF - 9 * DAY, " LOCAL_discretion")])
    assert fact(told, "days_since", field="outcome_observed_on", need="concern")["value"] == 9


def test_a_packs_own_words_are_the_same_in_small_and_capital_letters() -> None:
    pack = asking({"name": "needs_outstanding", "needs": "concerns"}).written
    concerns = pack.parameters["concerns"]
    (now,) = concerns.values
    louder = concerns.model_copy(update={"values": (now.model_copy(update={"value": ("DEBT", "Neet")}),)})
    rules = Rules(pack.model_copy(update={"parameters": pack.parameters | {"concerns": louder}}), AS_OF, "0" * 64)
    (cell,) = read(evidence(needs=[need("debt"), need("neet")], outcomes=[outcome("achieved", JUNE, "NEET")]), rules)
    assert (cell["value"], cell["reason"]) == (1, None)


def test_a_need_that_nobody_can_place_leaves_unknown_which_are_outstanding_and_is_cited() -> None:
    cell = outstanding([need(), need("dept")], [outcome("achieved", JUNE)])
    assert (cell["value"], cell["reason"], cell["records"]) == (None, "quarantined", ["n1", "n2", "o1"])


def test_an_outcome_of_a_need_that_nobody_can_place_does_so_too() -> None:
    cell = outstanding([need()], [outcome("achieved", JUNE), outcome("relapsed", JUNE + DAY, "dept")])
    assert (cell["value"], cell["reason"], cell["records"]) == (None, "quarantined", ["n1", "o1", "o2"])


@pytest.mark.parametrize(("when", "known"), [(ENGAGED - DAY, False), (AS_OF - DAY, False), (AS_OF, True)])
def test_only_what_is_dated_before_the_as_of_date_is_in_doubt(when: date, known: bool) -> None:
    for cell in (outstanding([need("dept", when)], []), outstanding([], [outcome("achieved", when, "dept")])):
        assert (cell["value"], cell["reason"]) == ((0, None) if known else (None, "quarantined"))


def test_a_need_that_the_pack_once_knew_is_not_in_doubt() -> None:
    told = evidence(needs=[need("truancy")], outcomes=[])
    (cell,) = read(told, rules_that_knew_truancy())
    assert (cell["value"], cell["reason"]) == (0, None)
    assert fact(told, "needs_outstanding", needs="concerns")["reason"] == "quarantined"


def test_another_familys_need_puts_nobody_in_doubt() -> None:
    both = (family("F1"), family("F2"))
    told = evidence(families=both, needs=[need(), need("dept", family_id="F2")], outcomes=[])
    assert [cell["reason"] for cell in read(told, rules_that_knew_truancy())] == [None, "quarantined"]


def test_what_is_not_covered_is_not_read_and_what_is_quarantined_decides_nothing() -> None:
    rows = [need(), need("dept")]
    cell = outstanding(rows, [], covers={"needs": None})
    assert (cell["reason"], cell["records"]) == ("not_covered;quarantined", [])
    cell = outstanding(rows, [], doubtful_families=(("needs", "F1"),))
    assert (cell["reason"], cell["records"]) == ("quarantined", [])


@pytest.mark.parametrize("name", ["needs_identified", "need_identified"])
@pytest.mark.parametrize(("on", "known"), [("engagement", True), ("day_before_as_of", False), ("as_of", False)])
@pytest.mark.parametrize("table", ["needs", "outcomes"])
def test_needs_are_in_doubt_on_a_later_day_and_not_at_engagement(name: str, on: str, known: bool, table: str) -> None:
    lost = {"needs": [need("dept", ENGAGED)], "outcomes": []} | (
        {} if table == "needs" else {"needs": [], "outcomes": [outcome("achieved", ENGAGED, "dept")]}
    )
    asked = {"needs": "concerns"} if name == "needs_identified" else {"need": "concern"}
    told = evidence(covers={"needs": (ENGAGED, AS_OF)}, **lost)
    assert fact(told, name, on=on, **asked)["reason"] == (None if known else "quarantined")


def test_the_day_before_the_as_of_date_is_no_later_day_where_the_family_engaged_on_it() -> None:
    told = evidence(families=(family(engaged_on=AS_OF - DAY),), needs=[need("dept")], outcomes=[])
    (cell,) = read(told, rules_that_knew_truancy("needs_identified", on="day_before_as_of"))
    assert (cell["value"], cell["reason"]) == (0, None)
    (cell,) = read(told, rules_that_knew_truancy())
    assert (cell["value"], cell["reason"]) == (None, "quarantined")
