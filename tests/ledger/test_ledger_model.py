"""The ledger against a model of it in a dozen lines, over random histories."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pbr.errors import Faults
from pbr.ledger import NO_BATCH, Ledger
from tests.ledger.made_batches import NOON, decision, line, prepared, reviewed

BATCHES = st.sampled_from(["b1", "b2", "b3", "b4", "b5"])
LINES = st.lists(
    st.builds(
        lambda family, route, persons, pence: line(family, route, tuple(sorted(persons)), pence),
        st.sampled_from(["F1", "F2", "F3", "F4"]),
        st.sampled_from(["crime_asb_education", "progress_to_work"]),
        st.sets(st.sampled_from(["P1", "P2", "P3", "P4", "P5", "P6"]), min_size=1, max_size=2),
        st.integers(0, 400000),
    ),
    max_size=3,
    unique_by=lambda made: made["line_id"],
)

DECISIONS = st.lists(
    st.builds(
        decision,
        st.sampled_from(["P1", "P2", "P3"]),
        st.sampled_from(["accepted", "rejected", "reopened"]),
        st.sampled_from(["k1", "k2"]),
    ),
    min_size=1,
    max_size=3,
)


class Histories(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "ledger.sqlite")
        self.states: dict[str, str] = {}
        self.claimed: dict[str, list[dict[str, Any]]] = {}
        self.decided: dict[tuple[str, str], str] = {}
        self.count = 0
        self.ledger = Ledger.open(self.path, create=True)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()

    def live(self) -> list[dict[str, Any]]:
        return [made for batch, lines in self.claimed.items() if self.states[batch] != "withdrawn" for made in lines]

    def attempt(self, kind: str, batch: str, body: dict[str, Any], allowed: bool) -> None:
        try:
            self.ledger.append(kind, batch, body, at=NOON, by="j.smith")
        except Faults:
            assert not allowed
        else:
            assert allowed
            self.count += 1
            if kind != "reviewed":
                self.states[batch] = kind
            if kind == "prepared":
                self.claimed[batch] = list(body["lines"])

    @rule(batch=BATCHES, lines=LINES)
    def prepare(self, batch: str, lines: list[dict[str, Any]]) -> None:
        taken = [("family", one["family_id"], one["route"]) for one in [*self.live(), *lines]]
        taken += [("person", person, one["route"]) for one in [*self.live(), *lines] for person in one["persons"]]
        allowed = batch not in self.states and len(taken) == len(set(taken))
        self.attempt("prepared", batch, prepared(*lines), allowed)

    @rule(batch=BATCHES)
    def withdraw(self, batch: str) -> None:
        allowed = self.states.get(batch) in ("prepared", "submitted")
        self.attempt("withdrawn", batch, {"reason": "a mistake"}, allowed)

    @rule(decisions=DECISIONS)
    def review(self, decisions: list[dict[str, str]]) -> None:
        new = {(one["details_key"], one["person_id"]): one["verdict"] for one in decisions}
        open_before = {about: self.decided.get(about, "reopened") == "reopened" for about in new}
        changes = all(open_before[about] != (verdict == "reopened") for about, verdict in new.items())
        then = self.decided | new
        keys = [key for (key, _), verdict in then.items() if verdict == "accepted"]
        allowed = len(new) == len(decisions) and changes and len(keys) == len(set(keys))
        self.attempt("reviewed", NO_BATCH, reviewed(*decisions), allowed)
        if allowed:
            self.decided = then

    @rule()
    def open_again(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.path)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert self.ledger.verify() == []
        assert len(list(self.ledger.entries())) == self.count
        assert dict(self.ledger.batches().select("batch_id", "state").iter_rows()) == self.states
        stands = {about: verdict for about, verdict in self.decided.items() if verdict != "reopened"}
        found = self.ledger.decisions().select("details_key", "person_id", "verdict")
        assert {(key, person): verdict for key, person, verdict in found.iter_rows()} == stands
        live = self.live()
        assert sorted(self.ledger.live_lines()["line_id"]) == sorted(one["line_id"] for one in live)
        balances = self.ledger.balances()
        assert balances["claimed_pence"].sum() == sum(one["amount_pence"] for one in live)
        everything = sum(one["amount_pence"] for lines in self.claimed.values() for one in lines)
        assert balances.select("claimed_pence", "withdrawn_pence").sum_horizontal().sum() == everything


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
