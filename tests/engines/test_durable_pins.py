"""What we rely on in durable-rules, pinned: an upgrade that does otherwise means to think the engine again."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

import pytest

network = pytest.importorskip("durable_rules_engine", reason="durable-rules is not installed")

Condition = dict[str, Any]


class Network:
    """A ruleset of the extension module, as bare as it comes: one working memory, facts told one at a time."""

    def __init__(self, **rules: list[Condition]) -> None:
        definition = {name: {"all": [{"m": {"$and": conditions}}]} for name, conditions in rules.items()}
        definition["start"] = {"all": [{"m": {"kind": "start"}}]}
        self.handle = network.create_ruleset("pins", json.dumps(definition))
        self.begin()

    def begin(self) -> None:
        assert self.tell(kind="start", id="0") == ["start"]

    def forget(self) -> None:
        network.delete_state(self.handle, "family")

    def tell(self, **fact: Any) -> list[str] | int:
        """The rules that fire, sorted; or the code with which the fact is refused."""
        refused, state = network.assert_fact(self.handle, json.dumps({"sid": "family", **fact}))
        if refused:
            return refused
        started = network.start_action_for_state(self.handle, state)
        message, fired = (started[1] if started else None), []
        while message:
            fired.append(message[2 : message.index('"', 2)])
            message = network.complete_and_start_action(self.handle, state)
        return sorted(fired)


def hash_of_name(name: str) -> int:
    """FNV-1a of 32 bits: all by which durable-rules tells one name, or one fact's id, from another."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


KIND: Condition = {"kind": "k"}


# ----------------------------------------------------------------------------------------------- what fires, and when


def test_every_rule_whose_conditions_a_fact_meets_fires_once() -> None:
    told = Network(low=[KIND, {"$lt": {"v": 3}}], high=[KIND, {"$gte": {"v": 3}}], two=[KIND, {"v": 2}, {"w": True}])
    assert told.tell(kind="k", id="1", v=2, w=True) == ["low", "two"]
    assert told.tell(kind="k", id="2", v=3, w=True) == ["high"]


def test_rules_with_equal_conditions_share_them_and_still_fire_each() -> None:
    told = Network(one=[KIND, {"v": 1}], other=[KIND, {"v": 1}], longer=[KIND, {"v": 1}, {"w": 1}])
    assert told.tell(kind="k", id="1", v=1, w=1) == ["longer", "one", "other"]


def test_a_fact_fires_no_rule_of_another_kind() -> None:
    told = Network(one=[{"kind": "a"}, {"v": 1}], other=[{"kind": "b"}, {"v": 1}])
    assert told.tell(kind="b", id="1", v=1) == ["other"]


def test_only_the_fact_just_told_fires() -> None:
    told = Network(one=[KIND, {"v": 1}], two=[KIND, {"v": 2}])
    assert told.tell(kind="k", id="1", v=1) == ["one"]
    assert told.tell(kind="k", id="2", v=2) == ["two"]


def test_an_or_fires_once_for_each_branch_that_is_true() -> None:
    told = Network(either=[KIND, {"$or": [{"v": True}, {"w": True}]}])
    assert told.tell(kind="k", id="1", v=True, w=True) == ["either", "either"]
    assert told.tell(kind="k", id="2", v=False, w=True) == ["either"]


def test_an_or_of_one_branch_is_that_branch() -> None:
    told = Network(it=[KIND, {"$or": [{"v": True}]}], rest=[KIND, {"v": False}])
    assert told.tell(kind="k", id="1", v=True) == ["it"]


@pytest.mark.parametrize("condition", [{"v": 1}, {"$lt": {"v": 1}}, {"$gte": {"v": 1}}, {"$gte": {"v": {"$m": "w"}}}])
def test_a_field_that_is_absent_meets_no_condition(condition: Condition) -> None:
    told = Network(asks=[KIND, condition], anyway=[KIND, {"there": True}])
    assert told.tell(kind="k", id="1", there=True) == ["anyway"]


def test_false_and_nought_are_told_from_absent() -> None:
    told = Network(false=[KIND, {"v": False}], nought=[KIND, {"w": 0}])
    assert told.tell(kind="k", id="1", v=False) == ["false"]
    assert told.tell(kind="k", id="2", w=0) == ["nought"]


# --------------------------------------------------------------------------------------------------------- comparing

LARGEST = 2**63 - 1


@pytest.mark.parametrize("limit", [0, 1, 57, 2**31, 2**53 + 1, LARGEST - 1, -1, -57, -(2**53) - 1])
def test_whole_numbers_of_64_bits_compare_exactly(limit: int) -> None:
    told = Network(
        under=[KIND, {"$lt": {"v": limit}}],
        at_most=[KIND, {"$lte": {"v": limit}}],
        at=[KIND, {"v": limit}],
        at_least=[KIND, {"$gte": {"v": limit}}],
        over=[KIND, {"$gt": {"v": limit}}],
    )
    assert told.tell(kind="k", id="1", v=limit - 1) == ["at_most", "under"]
    assert told.tell(kind="k", id="2", v=limit) == ["at", "at_least", "at_most"]
    assert told.tell(kind="k", id="3", v=limit + 1) == ["at_least", "over"]


@pytest.mark.parametrize("right", [0, 5_700, 2**53 + 1, LARGEST - 1])
def test_two_numbers_of_one_fact_compare_exactly(right: int) -> None:
    told = Network(
        under=[KIND, {"$lt": {"v": {"$m": "w"}}}],
        at_most=[KIND, {"$lte": {"v": {"$m": "w"}}}],
        at_least=[KIND, {"$gte": {"v": {"$m": "w"}}}],
        over=[KIND, {"$gt": {"v": {"$m": "w"}}}],
    )
    assert told.tell(kind="k", id="1", v=right - 1, w=right) == ["at_most", "under"]
    assert told.tell(kind="k", id="2", v=right, w=right) == ["at_least", "at_most"]
    assert told.tell(kind="k", id="3", v=right + 1, w=right) == ["at_least", "over"]


def test_words_are_equal_or_they_are_not() -> None:
    told = Network(met=[KIND, {"v": "met"}], not_met=[KIND, {"v": "not_met"}])
    assert told.tell(kind="k", id="1", v="met") == ["met"]
    assert told.tell(kind="k", id="2", v="not_met") == ["not_met"]


# ------------------------------------------------------------------------------------------------- facts and memories


def test_a_fact_that_fires_nothing_is_refused() -> None:
    assert Network(one=[KIND, {"v": 1}]).tell(kind="k", id="1", v=2) == 1


def test_a_fact_with_the_id_of_another_is_refused_whatever_it_says() -> None:
    told = Network(one=[KIND, {"$gte": {"v": 1}}])
    assert told.tell(kind="k", id="1", v=1) == ["one"]
    assert told.tell(kind="k", id="1", v=2) == 2


def test_facts_that_say_the_same_under_other_ids_are_two() -> None:
    told = Network(one=[KIND, {"v": 1}])
    assert [told.tell(kind="k", id=name, v=1) for name in ("1", "2")] == [["one"], ["one"]]


def test_thousands_of_numbered_facts_are_told_apart() -> None:
    told = Network(one=[KIND, {"v": 1}])
    assert all(told.tell(kind="k", id=str(number), v=1) == ["one"] for number in range(1, 3_000))
    told.forget()


def test_our_names_of_facts_and_fields_do_not_collide_in_32_bits() -> None:
    ids = [*map(str, range(100_000)), "sid-family", "$pulse"]
    fields = [*(f"f{number}" for number in range(20_000)), "kind", "id", "sid", "$s", "$time", "$timerName"]
    for names in (ids, fields):
        assert len({hash_of_name(name) for name in names}) == len(names)


def test_a_memory_that_was_deleted_begins_anew() -> None:
    told = Network(one=[KIND, {"v": 1}])
    for _ in range(3):
        assert told.tell(kind="k", id="1", v=1) == ["one"]
        told.forget()
        told.begin()


def test_rulesets_of_one_name_are_two_and_keep_apart() -> None:
    low, high = Network(low=[KIND, {"$lt": {"v": 3}}]), Network(high=[KIND, {"$gte": {"v": 3}}])
    assert low.tell(kind="k", id="1", v=2) == ["low"]
    assert high.tell(kind="k", id="1", v=3) == ["high"]


def test_a_ruleset_can_be_deleted_and_its_place_taken() -> None:
    for _ in range(200):
        told = Network(one=[KIND, {"v": 1}])
        told.forget()
        network.delete_ruleset(told.handle)
    with pytest.raises(network.error, match="error code"):
        network.assert_fact(told.handle, '{"kind":"start","sid":"family","id":"9"}')


# ------------------------------------------------------------------------------------------------------------ bounds


@pytest.mark.parametrize(("met_at_once", "holds"), [(60, True), (64, True), (65, False)])
def test_a_fact_meets_64_conditions_at_once_and_no_more(met_at_once: int, holds: bool) -> None:
    told = Network(**{f"r{n}": [KIND, {f"f{n}": True}] for n in range(met_at_once)})
    fact = {f"f{n}": True for n in range(met_at_once)}
    if holds:
        assert len(told.tell(kind="k", id="1", **fact)) == met_at_once
    else:
        with pytest.raises(network.error, match="error code: 303"):
            told.tell(kind="k", id="1", **fact)


def test_a_fact_may_have_more_fields_than_we_ever_give_it() -> None:
    told = Network(one=[KIND, {"f0": 1}])
    assert told.tell(kind="k", id="1", **{f"f{n}": 1 for n in range(200)}) == ["one"]


def test_as_many_kinds_and_rules_as_we_allow_are_told_apart() -> None:
    kinds, rules = 400, 10
    told = Network(**{f"r{k}-{n}": [{"kind": f"k{k}"}, {"v": n}] for k in range(kinds) for n in range(rules - 1)})
    for number, kind in enumerate((0, 31, 32, 199, 399), start=1):
        assert told.tell(kind=f"k{kind}", id=str(number), v=number) == [f"r{kind}-{number}"]
    told.forget()
    network.delete_ruleset(told.handle)


def test_what_it_cannot_compile_or_read_is_an_error_with_a_number() -> None:
    with pytest.raises(network.error, match=r"error code: \d+"):
        Network(one=[KIND, {"$unheard": {"v": 1}}])
    with pytest.raises(network.error, match=r"error code: \d+"):
        Network(one=[KIND, {"v": 1}]).tell(kind="k", id="1", v=1e-7)


# ------------------------------------------------------------------------------------------------------ around it all


def test_no_thread_is_started() -> None:
    before = threading.active_count()
    Network(one=[KIND, {"v": 1}]).tell(kind="k", id="1", v=1)
    assert threading.active_count() == before


def test_the_network_comes_without_the_python_half_that_starts_threads() -> None:
    loaded = "import sys, durable_rules_engine; sys.exit(any(name.split('.')[0] == 'durable' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0
