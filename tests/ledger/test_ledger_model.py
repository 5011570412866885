"""The ledger against a plain model of it, over random histories: every kind of entry, hands that may and may not make
it, and crashes between any two writes.

The model is written from what docs/ledger.md says, in dicts and lists, and shares no code with the ledger.
PBR_LEDGER_HISTORIES sets how many histories are tried.
"""

from __future__ import annotations

import copy
import os
import random
import shutil
import sqlite3
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pbr.errors import Faults
from pbr.ledger import NO_BATCH, Ledger
from tests.ledger.made_batches import NOON, decision, line, prepared, reviewed
from tests.ledger.made_people import PEOPLE, audited, overridden, paid, signer

HISTORIES = int(os.environ.get("PBR_LEDGER_HISTORIES", "40"))
MEMORY = Path("/dev/shm")

ROLES = ("registrar", "preparer", "auditor", "approver", "finance")
WHO_MAY = {
    "prepared": "preparer",
    "imported": "preparer",
    "overridden": "preparer",
    "audited": "auditor",
    "checked": "auditor",
    "approved": "approver",
    "override_approved": "approver",
    "submitted": "preparer approver",
    "corrected": "preparer approver finance",
    "withdrawn": "preparer auditor approver finance",
    "override_withdrawn": "preparer auditor approver",
    "reviewed": "preparer auditor approver",
    "paid": "finance",
    "attachment_paid": "finance",
    "registered": "registrar",
    "revoked": "registrar",
}
AFTER = {
    "checked": "prepared",
    "audited": "prepared checked approved submitted paid",
    "approved": "checked",
    "submitted": "approved",
    "paid": "submitted paid",
    "corrected": "submitted paid imported",
    "withdrawn": "prepared checked approved submitted paid imported",
}
RELEASES_A_PERSON = "person_in_another_live_line"
RELEASES_INVALID = "found_invalid_by_audit"
RELEASES_REVERSED = "reversed_before"

WHICH = st.integers(0, 9)
"""Which of the batches that are there, from the last; 9 is one that is not."""
FAMILIES = st.sampled_from(["F1", "F2", "F3", "F4"])
TWO_ROUTES = ["crime_asb_education", "continuous_employment"]
ROUTES = st.sampled_from(TWO_ROUTES)
SUMS = [1, 79999, 80000, 320000, 0]
PENCE = st.sampled_from(SUMS)
PART = st.sampled_from([0, 1, 2, 3, 4])
"""Of money, as what is to be paid or given back: nothing, a penny, half, all, all and a penny."""
DECISION_IDS = st.sampled_from([digit * 64 for digit in "abcdef"])
OFTEN_NOT = st.sampled_from([False] * 7 + [True])
ALL_ROUNDER = 7
"""The key of somebody who may make entries of most kinds, and so is refused for what they made before."""
WHOSE_HANDS = [0] * 18 + list(range(1, 9)) + [ALL_ROUNDER] * 8 + [-1, -1]
HANDS = st.sampled_from(WHOSE_HANDS)
"""Who: 0 somebody who may, -1 nobody signs, else the holder of the key of that number."""
CRASHES = st.sampled_from([(how, at) for how in ("killed", "interrupted") for at in range(1, 9)])
NEW_LINES = st.lists(
    st.tuples(FAMILIES, ROUTES, st.sets(st.sampled_from("PQRSTUVW"), min_size=1, max_size=2), PENCE, DECISION_IDS),
    min_size=1,
    max_size=3,
    unique_by=lambda made: made[:2],
)
HOLDS = st.sampled_from([(RELEASES_A_PERSON,), (RELEASES_INVALID,), ("neutral_only",), ()])
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


BALANCES = (
    (("window", "route"), ("window", "route")),
    (("authority",), ("authority",)),
    (("family",), ("family_id",)),
    (("authority", "window", "route", "family"), ("authority", "window", "route", "family_id")),
)


class Crash(BaseException):
    """The command is stopped where it stands."""


def same(name: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", name.casefold()) if each.isalnum())


class Model:
    """What the ledger should say. A batch and a line are dicts; nothing is derived that can be looked up."""

    def __init__(self) -> None:
        self.batches: dict[str, dict[str, Any]] = {}
        self.lines: list[dict[str, Any]] = []
        self.held: list[dict[str, Any]] = []
        self.keys: dict[str, dict[str, Any]] = {}
        self.overrides: dict[int, dict[str, Any]] = {}
        self.wrong: dict[tuple[str, str], str] = {}
        self.fees: list[str] = []
        self.decided: dict[tuple[str, str], str] = {}
        self.count = 0

    def live(self, made: dict[str, Any]) -> bool:
        return made["gone"] is None and self.batches[made["batch"]]["state"] != "withdrawn"

    def of(self, batch: str) -> dict[str, dict[str, Any]]:
        return {made["line_id"]: made for made in self.lines if made["batch"] == batch}

    # ------------------------------------------------------------------------------------------------ who may do what

    def hand_may(self, kind: str, batch: str, body: dict[str, Any], key: str | None, name: str) -> bool:
        if key is None:
            return not self.keys and kind in ("prepared", "withdrawn", "reviewed", "imported")
        if not self.keys:
            return kind == "registered" and body["public_key"] == key and "registrar" in body["roles"]
        known = self.keys.get(key)
        if known is None or known["revoked"] or not set(known["roles"]) & set(WHO_MAY[kind].split()):
            return False
        made = self.batches.get(batch, {})
        lines = self.of(batch)
        frees = [one["line_id"] for one in body["corrections"]] if kind == "corrected" else []
        if kind == "withdrawn" and made.get("state") == "imported":
            frees = list(lines)
        kept = any(lines[each]["paid"] > lines[each]["repaid"] for each in frees if each in lines)
        if kept and "finance" not in known["roles"]:
            return False
        if kind in ("audited", "checked"):
            return same(made["prepared"]) != same(name)
        if kind == "approved":
            return same(name) not in (same(made["prepared"]), same(made["checked"]))
        if kind == "override_approved" and body["override"] in self.overrides:
            return same(self.overrides[body["override"]]["by"]) != same(name)
        return True

    def may(self, kind: str, batch: str, body: dict[str, Any], key: str | None, name: str) -> bool:
        state = self.batches[batch]["state"] if batch in self.batches else None
        if kind in ("prepared", "imported") and state is not None:
            return False
        if kind in AFTER and state not in AFTER[kind].split():
            return False
        if not self.hand_may(kind, batch, body, key, name):
            return False
        fits: Callable[..., bool] = getattr(self, f"{kind}_fits")
        return fits(body, self.batches.get(batch, {}), self.of(batch))

    # ---------------------------------------------------------------------------------------------------- what fits

    def prepared_fits(self, body: dict[str, Any], batch: dict[str, Any], lines: dict[str, Any]) -> bool:
        taken = Counter(("family", made["family_id"], made["route"]) for made in self.lines if self.live(made))
        taken |= Counter(
            ("person", person, made["route"]) for made in self.lines if self.live(made) for person in made["persons"]
        )
        for made in body["lines"]:
            released: tuple[str, ...] = ()
            if made.get("override") is not None:
                override = self.overrides.get(made["override"])
                if override is None or override["state"] != "approved" or override["expires_on"] < body["claim_date"]:
                    return False
                if any(override[name] != made[name] for name in ("family_id", "route", "decision_id")):
                    return False
                released = override["holds"]
            takes = [("family", made["family_id"], made["route"])]
            if RELEASES_A_PERSON not in released:
                takes += [("person", person, made["route"]) for person in made["persons"]]
            if any(taken[each] for each in takes):
                return False
            taken.update(takes)
            if self.wrong.get((made.get("decision_id", "none"), made["route"]), released) not in (released, *released):
                return False
            if made.get("supersedes") is not None and not any(
                (earlier["line_id"], earlier["family_id"], earlier["gone"])
                == (made["supersedes"], made["family_id"], "supersede")
                for earlier in self.lines
            ):
                return False
        return len({made["line_id"] for made in body["lines"]}) == len(body["lines"])

    def imported_fits(self, body: dict[str, Any], batch: dict[str, Any], lines: dict[str, Any]) -> bool:
        beyond = any(made["paid_pence"] > made["amount_pence"] for made in body["lines"])
        return not beyond and self.prepared_fits(body, batch, lines)

    def audited_fits(self, body: dict[str, Any], batch: dict[str, Any], lines: dict[str, Any]) -> bool:
        passed = body["decision"] == "pass" and not body["invalid"] and body["tested"] > 0
        return body["manifest_digest"] == batch["manifest"] and set(body["invalid"]) <= lines.keys() and not passed

    def checked_fits(self, body: dict[str, Any], batch: dict[str, Any], lines: dict[str, Any]) -> bool:
        passed = body["decision"] == "pass" and not body["invalid"] and body["tested"] > 0
        return body["manifest_digest"] == batch["manifest"] and passed and batch["signed"] and not batch["invalid"]

    def approved_fits(self, body: dict[str, Any], batch: dict[str, Any], lines: dict[str, Any]) -> bool:
        return body["manifest_digest"] == batch["manifest"] and not batch["invalid"]

    submitted_fits = approved_fits

    def paid_fits(self, body: dict[str, Any], batch: dict[str, Any], lines: dict[str, Any]) -> bool:
        ids = [one["line_id"] for one in body["lines"]]
        return (
            body["reference"] not in batch["references"]
            and len(set(ids)) == len(ids)
            and all(each in lines and self.live(lines[each]) for each in ids)
            and all(
                lines[one["line_id"]]["paid"] + one["amount_pence"] <= lines[one["line_id"]]["amount_pence"]
                for one in body["lines"]
            )
        )

    def corrected_fits(self, body: dict[str, Any], batch: dict[str, Any], lines: dict[str, Any]) -> bool:
        ids = [one["line_id"] for one in body["corrections"]]
        if len(set(ids)) < len(ids):
            return False
        for one in body["corrections"]:
            made = lines.get(one["line_id"])
            if made is None or not self.live(made):
                return False
            kept = made["paid"] - made["repaid"]
            pence = one["amount_pence"]
            if one["act"] == "repay":
                fits = 1 <= pence <= kept
            else:
                whole = kept if kept > 0 else made["amount_pence"]
                fits = pence == whole and not (one["act"] == "withdraw" and kept > 0)
            if not fits:
                return False
        return True

    def withdrawn_fits(self, body: dict[str, Any], batch: dict[str, Any], lines: dict[str, Any]) -> bool:
        return batch["state"] != "paid" or all(made["paid"] == made["repaid"] for made in lines.values())

    def attachment_paid_fits(self, body: dict[str, Any], *_: Any) -> bool:
        return body["families"] * body["fee_pence"] == body["amount_pence"] and body["reference"] not in self.fees

    def overridden_fits(self, body: dict[str, Any], *_: Any) -> bool:
        about = (body["decision_id"], body["route"])
        return not any(
            (other["decision_id"], other["route"]) == about and other["state"] != "withdrawn"
            for other in self.overrides.values()
        ) and (
            (body["act"] == "release" and len(body["holds"]) > 0 and body["basis"] is None)
            or (body["act"] == "pass" and not body["holds"] and body["basis"] is not None)
        )

    def override_approved_fits(self, body: dict[str, Any], *_: Any) -> bool:
        return self.overrides.get(body["override"], {}).get("state") == "proposed"

    def override_withdrawn_fits(self, body: dict[str, Any], *_: Any) -> bool:
        return self.overrides.get(body["override"], {}).get("state") in ("proposed", "approved")

    def registered_fits(self, body: dict[str, Any], *_: Any) -> bool:
        has_one = any(
            same(other["person"]) == same(body["person"]) and not other["revoked"] for other in self.keys.values()
        )
        alone = "registrar" not in body["roles"] or set(body["roles"]) == {"registrar"}
        return body["public_key"] not in self.keys and not has_one and alone

    def revoked_fits(self, body: dict[str, Any], *_: Any) -> bool:
        known = self.keys.get(body["public_key"])
        if known is None or known["revoked"]:
            return False
        registrars = [key for key, each in self.keys.items() if "registrar" in each["roles"] and not each["revoked"]]
        return registrars != [body["public_key"]]

    def reviewed_fits(self, body: dict[str, Any], *_: Any) -> bool:
        decisions = body["decisions"]
        new = {(one["details_key"], one["person_id"]): one["verdict"] for one in decisions}
        was_open = {about: self.decided.get(about, "reopened") == "reopened" for about in new}
        changes = all(was_open[about] != (verdict == "reopened") for about, verdict in new.items())
        accepted = [key for (key, _), verdict in (self.decided | new).items() if verdict == "accepted"]
        return len(new) == len(decisions) and changes and len(accepted) == len(set(accepted))

    # ------------------------------------------------------------------------------------------------- what follows

    def take(self, kind: str, batch: str, body: dict[str, Any], key: str | None, name: str) -> None:
        self.count += 1
        lines = self.of(batch)
        about = self.batches.get(batch, {})
        if kind in ("prepared", "imported"):
            self.batches[batch] = {
                "state": kind,
                "prepared": name,
                "signed": key is not None,
                "manifest": body.get("manifest_digest"),
                "authority": body["authority_code"],
                "invalid": set(),
                "references": [],
            }
            for made in body["lines"]:
                known = {"batch": batch, "paid": made.get("paid_pence", 0), "repaid": 0, "gone": None}
                window = made.get("window") or body.get("window")
                self.lines.append({**made, **known, "window": window, "authority": body["authority_code"]})
            held = body.get("held", ())
            self.held += [{**one, "batch": batch, "window": body["window"]} for one in held]
        elif kind in ("audited", "checked"):
            about["invalid"] |= set(body["invalid"])
            about_wrong = [(lines[each]["decision_id"], lines[each]["route"]) for each in body["invalid"]]
            self.wrong |= dict.fromkeys(about_wrong, RELEASES_INVALID)
        elif kind == "paid":
            about["references"].append(body["reference"])
            for one in body["lines"]:
                lines[one["line_id"]]["paid"] += one["amount_pence"]
        elif kind == "corrected":
            for one in body["corrections"]:
                made = lines[one["line_id"]]
                if made["paid"] > 0:
                    made["repaid"] += one["amount_pence"]
                if "decision_id" in made:
                    self.wrong[made["decision_id"], made["route"]] = RELEASES_REVERSED
                if one["act"] != "repay" or made["repaid"] == made["paid"]:
                    made["gone"] = one["act"]
        elif kind == "overridden":
            self.overrides[self.count] = {**body, "state": "proposed", "by": name}
        elif kind == "override_approved":
            self.overrides[body["override"]]["state"] = "approved"
        elif kind == "override_withdrawn":
            self.overrides[body["override"]]["state"] = "withdrawn"
        elif kind == "registered":
            self.keys[body["public_key"]] = {**body, "revoked": False}
        elif kind == "revoked":
            self.keys[body["public_key"]]["revoked"] = True
        elif kind == "attachment_paid":
            self.fees.append(body["reference"])
        elif kind == "reviewed":
            self.decided |= {(one["details_key"], one["person_id"]): one["verdict"] for one in body["decisions"]}
        if kind in AFTER and kind not in ("audited", "corrected"):
            about["state"] = kind
            about[kind] = name

    def balances(self, *by: str) -> list[tuple[Any, ...]]:
        """Per group: live lines, claimed, paid, repaid, outstanding; lines gone and their pence; held lines, pence."""
        sums: dict[tuple[Any, ...], list[int]] = {}
        for made in self.lines:
            of = sums.setdefault(tuple(made[name] for name in by), [0] * 9)
            still = made["amount_pence"] - made["repaid"]
            if self.live(made):
                of[0] += 1
                of[1] += still
                of[4] += made["amount_pence"] - made["paid"]
            else:
                of[5] += 1
                of[6] += still
            of[2] += made["paid"]
            of[3] += made["repaid"]
        last = {
            (one["family_id"], one["route"]): one
            for one in self.held
            if self.batches[one["batch"]]["state"] != "withdrawn"
        }
        claimed = {(made["family_id"], made["route"]) for made in self.lines if self.live(made)}
        for about, one in last.items():
            if about not in claimed:
                known = {**one, "authority": self.batches[one["batch"]]["authority"]}
                of = sums.setdefault(tuple(known[name] for name in by), [0] * 9)
                of[7] += 1
                of[8] += one["amount_pence"]
        return sorted((*group, *of) for group, of in sums.items())


class Histories(RuleBasedStateMachine):
    @initialize(
        registered=st.sampled_from([True] * 5 + [False]),
        batches=st.lists(st.tuples(NEW_LINES, st.sampled_from([0, 1, 2, 3, 3, 3, 4, 4])), min_size=1, max_size=2),
        seed=st.integers(0, 2**64 - 1),
    )
    def begin(self, registered: bool, batches: list[tuple[Any, int]], seed: int) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.path = Path(self.folder.name, "ledger.sqlite")
        self.model = Model()
        self.ledger = Ledger.open(self.path, create=True)
        self.crash: tuple[str, int] | None = None
        self.seen: list[str] | None = None
        people = {**PEOPLE, "all.rounder": (signer(ALL_ROUNDER), ("approver", "auditor", "finance", "preparer"))}
        for person, (key, roles) in people.items() if registered else ():
            self.attempt("registered", NO_BATCH, {"person": person, "roles": roles, "public_key": key.key}, 1)
        for new, further in batches:
            self.prepare(new, False, 0 if registered else -1, False, False, 0)
            self.take_on(0, further)
        chance = random.Random(f"{seed} {batches}")
        for _ in range(30):
            self.by_chance(chance)

    # ------------------------------------------------------------------------------------------------------- the steps

    def some(self, which: int, states: str = "") -> str:
        """A batch, mostly one in a state in which something can be done; now and then one that is not there."""
        there = list(reversed(self.model.batches))
        fit = [batch for batch in there if self.model.batches[batch]["state"] in states.split()]
        there = fit if fit and which < 8 else there
        return there[which % len(there)] if there and which < 9 else "no-such-batch"

    def right_hand(self, kind: str, batch: str, body: dict[str, Any]) -> int:
        # Another one each time, where several may.
        numbers = ((self.model.count * 5 + step) % 8 + 1 for step in range(8))
        fit = (number for number in numbers if self.model.hand_may(kind, batch, body, *self.key_and_name(number)))
        return next(fit, -1)

    def key_and_name(self, number: int) -> tuple[str | None, str]:
        if number < 0:
            return None, "j.smith"
        key = signer(number).key
        return key, str(self.model.keys.get(key, {}).get("person", "somebody"))

    def attempt(self, kind: str, batch: str, body: dict[str, Any], hand: int) -> None:
        self.attempt_all([(kind, batch, body)], hand)

    def attempt_all(self, wanted: list[tuple[str, str, dict[str, Any]]], hand: int) -> None:
        """Try entries, all or none, and see that the ledger takes them if and only if the model does."""
        known = self.model.batches
        if hand == 0:
            # Without the batch nobody is the right one, and the refusal is another.
            is_there = all(batch in known for kind, batch, _ in wanted if kind in AFTER)
            state_fits = all(known[b]["state"] in AFTER[k].split() for k, b, _ in wanted if k in AFTER and b in known)
            hand = self.right_hand(*wanted[0]) if is_there and state_fits else -1
        key, name = self.key_and_name(hand)
        if key is not None and wanted[0][0] == "registered" and not self.model.keys:
            name = wanted[0][2]["person"]
        allowed = True
        before = [self.whole()]
        try:
            with self.crashing(before):
                self.ledger.append_all(wanted, at=NOON, by=name if key is None else signer(hand))
            happened = True
        except Faults:
            happened = False
        except Crash:
            self.open_again()
            assert self.whole() == before[0]
            return
        undo = copy.deepcopy(self.model) if len(wanted) > 1 else self.model
        for kind, batch, body in wanted:
            allowed = allowed and self.model.may(kind, batch, body, key, name)
            if allowed:
                self.model.take(kind, batch, body, key, name)
        if not allowed:
            self.model = undo
        assert happened == allowed, (wanted, name, key)

    def whole(self) -> list[str]:
        return [entry.digest for entry in self.ledger.entries()]

    @contextmanager
    def crashing(self, before: list[list[str]]) -> Iterator[None]:
        """Stop what is done inside at its n-th statement: `interrupted` by an exception, or `killed`, after which the
        files are as they were on the disk at that moment.
        """
        crash, self.crash = self.crash, None
        if crash is None:
            yield
            return
        how, at = crash
        db = self.ledger._db
        seen = 0
        left = Path(self.folder.name, "left")

        def at_statement(statement: str) -> None:
            nonlocal seen
            seen += 1
            if seen == at:
                left.mkdir()
                for file in self.path.parent.glob("ledger.sqlite*"):
                    shutil.copy(file, left / file.name)

        execute = db.execute

        def stopped(*given: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == at:
                raise Crash
            return execute(*given)

        if how == "interrupted":
            vars(db)["execute"] = stopped
            try:
                yield
            finally:
                del vars(db)["execute"]
            return
        execute("PRAGMA cache_size = 1")
        db.conn.set_trace_callback(at_statement)
        try:
            yield
        finally:
            db.conn.set_trace_callback(None)
            if left.exists():
                self.ledger.close()
                for file in self.path.parent.glob("ledger.sqlite*"):
                    file.unlink()
                for file in left.iterdir():
                    shutil.move(file, self.path.parent / file.name)
                left.rmdir()
                raise Crash

    @rule(crash=CRASHES)
    def crash_in_the_next_step(self, crash: tuple[str, int]) -> None:
        self.crash = crash

    @rule()
    def open_again(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.path)

    # ----------------------------------------------------------------------------------------------------- the people

    @rule(
        number=st.integers(1, 8),
        person=st.sampled_from(["p.manager", " P.Manager", "s.officer", "new.one", "r.second"]),
        roles=st.sets(st.sampled_from(ROLES), min_size=1, max_size=2),
        hand=HANDS,
    )
    def register(self, number: int, person: str, roles: set[str], hand: int) -> None:
        body = {"person": person, "roles": tuple(sorted(roles)), "public_key": signer(number).key}
        self.attempt("registered", NO_BATCH, body, hand)

    @rule(number=st.integers(1, 8), hand=HANDS)
    def revoke(self, number: int, hand: int) -> None:
        self.attempt("revoked", NO_BATCH, {"public_key": signer(number).key, "reason": "left"}, hand)

    # ---------------------------------------------------------------------------------------------------- the batches

    def new_batch(self, again: bool) -> str:
        return self.some(0) if again else f"b{len(self.model.batches) + 1}"

    @rule(new=NEW_LINES, more=st.booleans(), hand=HANDS, late=OFTEN_NOT, again=OFTEN_NOT, choice=st.integers(0, 5))
    def prepare(self, new: list[Any], more: bool, hand: int, late: bool, again: bool, choice: int) -> None:
        batch = self.new_batch(again)
        free = [made for made in new if not self.is_taken(*made[:3])]
        # Mostly what can be claimed: else most batches of a full ledger would be refused, and few get far.
        new, held = (new if more and again else free or new), more
        lines = [self.new_line(batch, made, choice) for made in new]
        kept_out = lines.pop() if held and len(lines) > 1 else None
        body = prepared(*lines, claim_date=date(2015, 1, 1) if late else date(2014, 12, 31))
        if kept_out is not None:
            named = ("family_id", "route", "amount_pence")
            body["held"] = ({**{name: kept_out[name] for name in named}, "reason": "neutral_only"},)
        self.attempt("prepared", batch, body, hand)

    @rule(new=NEW_LINES, steps=st.integers(0, 4), choice=st.integers(0, 5))
    def prepare_and_take_on(self, new: list[Any], steps: int, choice: int) -> None:
        self.prepare(new, False, 0, False, False, choice)
        self.take_on(0, steps)

    def is_taken(self, family: str, route: str, persons: set[str]) -> bool:
        return any(
            (made["family_id"] == family or persons & set(made["persons"])) and made["route"] == route
            for made in self.model.lines
            if self.model.live(made)
        )

    def new_line(self, batch: str, made: Any, choice: int) -> dict[str, Any]:
        family, route, persons, pence, decision_id = made
        new = {**line(family, route, tuple(sorted(persons)), pence), "decision_id": decision_id}
        new["line_id"] = f"{batch}-{family}-{route}"
        of_it = [
            entry
            for entry, one in self.model.overrides.items()
            if (one["family_id"], one["route"]) == (family, route) and one["state"] == "approved"
        ]
        gone = [one["line_id"] for one in self.model.lines if one["gone"] == "supersede"]
        if of_it and choice < 4:
            new["override"] = of_it[-1]
            new["decision_id"] = self.model.overrides[of_it[-1]]["decision_id"] if choice else decision_id
        elif choice == 5:
            new["override"] = max(self.model.overrides, default=1)
        if gone and choice % 2:
            new["supersedes"] = gone[-1]
        return new

    @rule(new=NEW_LINES, part=PART, hand=HANDS, again=OFTEN_NOT)
    def take_over(self, new: list[Any], part: int, hand: int, again: bool) -> None:
        batch = self.new_batch(again)
        lines = []
        for family, route, persons, pence, _ in new:
            made = line(family, route, tuple(sorted(persons)), pence)
            del made["decision_id"]
            more = {"window": "2013-03", "paid_pence": self.part_of(pence, part), "claimed_on": None}
            lines.append({**made, **more, "line_id": f"{batch}-{family}-{route}"})
        named = {"authority_code": "E06000034", "file": "old.csv", "file_digest": "5" * 64, "pack_id": None}
        self.attempt("imported", batch, {**named, "lines": tuple(lines)}, hand)

    @rule(
        which=WHICH,
        invalid=st.sampled_from([0] * 6 + [1, 2]),
        result=st.sampled_from(["pass"] * 6 + ["extend", "incomplete"]),
        kind=st.sampled_from(["checked", "checked", "audited"]),
        manifest=st.sampled_from("bbbbbc"),
        tested=st.sampled_from([1, 1, 1, 0]),
        hand=HANDS,
    )
    def audit(self, which: int, invalid: int, result: str, kind: str, manifest: str, tested: int, hand: int) -> None:
        batch = self.some(which, AFTER[kind])
        ids = ("no-such-line",) if invalid == 2 else tuple(sorted(self.model.of(batch))[:invalid])
        if batch in self.model.batches and not self.model.of(batch):
            tested = 1
        self.attempt(kind, batch, audited(result, ids, manifest * 64, tested=tested), hand)

    @rule(which=WHICH, manifest=st.sampled_from("bbbbbc"), hand=HANDS)
    def approve(self, which: int, manifest: str, hand: int) -> None:
        self.attempt("approved", self.some(which, AFTER["approved"]), {"manifest_digest": manifest * 64}, hand)

    @rule(which=WHICH, manifest=st.sampled_from("bbbbbc"), hand=HANDS)
    def submit(self, which: int, manifest: str, hand: int) -> None:
        body = {"submitted_on": date(2014, 9, 2), "manifest_digest": manifest * 64}
        self.attempt("submitted", self.some(which, AFTER["submitted"]), body, hand)

    @rule(which=WHICH, steps=st.integers(1, 4))
    def take_on(self, which: int, steps: int) -> None:
        """The next steps of a batch, as they should be made: so that histories get far."""
        batch = self.some(which, "prepared checked approved submitted")
        for _ in range(steps):
            state = self.model.batches.get(batch, {}).get("state")
            if state == "prepared":
                self.attempt("checked", batch, audited(), 0)
            elif state == "checked":
                self.attempt("approved", batch, {"manifest_digest": "b" * 64}, 0)
            elif state == "approved":
                self.attempt("submitted", batch, {"submitted_on": None, "manifest_digest": "b" * 64}, 0)
            elif state == "submitted":
                self.pay([0], 3, self.model.count, 0, False)

    @rule(
        which=WHICH,
        moves=st.lists(
            st.tuples(st.sampled_from(["pay", "pay", "repay", "repay", "supersede", "withdraw"]), PART, st.booleans()),
            min_size=2,
            max_size=4,
        ),
    )
    def move_money(self, which: int, moves: list[tuple[str, int, bool]]) -> None:
        """Payments and corrections of one batch, one after another."""
        for nth, (move, part, second) in enumerate(moves):
            if move == "pay":
                self.pay([which], part, self.model.count + nth, 0, False)
            else:
                self.correct(which, int(second), move, part, 0)

    @staticmethod
    def part_of(pence: int, part: int) -> int:
        return (0, 1, pence // 2, pence, pence + 1)[part]

    @rule(
        which=st.lists(WHICH, min_size=1, max_size=2, unique=True),
        part=PART,
        reference=st.integers(0, 3),
        hand=HANDS,
        twice=st.sampled_from([False] * 7 + [True]),
    )
    def pay(self, which: list[int], part: int, reference: int, hand: int, twice: bool) -> None:
        """One remittance for one or two batches: all of it is entered, or nothing."""
        wanted = []
        for batch in dict.fromkeys(self.some(each, AFTER["paid"]) for each in which):
            due = [
                (each, self.part_of(made["amount_pence"] - made["paid"], part))
                for each, made in sorted(self.model.of(batch).items())
                if self.model.live(made) or part == 4
            ]
            due = due[:1] * 2 if twice else due
            wanted.append(("paid", batch, paid(*(due or [("no-such-line", 1)]), reference=f"R{reference}")))
        self.attempt_all(wanted, hand)

    @rule(
        which=WHICH,
        nth=st.sampled_from([0, 0, 0, 1, 2]),
        act=st.sampled_from(["withdraw", "repay", "repay", "supersede"]),
        part=PART,
        hand=HANDS,
    )
    def correct(self, which: int, nth: int, act: str, part: int, hand: int) -> None:
        batch = self.some(which, AFTER["corrected"])
        lines = sorted(self.model.of(batch).items())
        line_id, made = lines[nth] if nth < len(lines) else ("no-such-line", {})
        kept = made.get("paid", 0) - made.get("repaid", 0)
        pence = self.part_of(kept or made.get("amount_pence", 0), part)
        one = {"line_id": line_id, "act": act, "amount_pence": pence, "cause": "found wrong"}
        self.attempt("corrected", batch, {"corrections": (one,)}, hand)

    @rule(which=WHICH, hand=HANDS)
    def withdraw(self, which: int, hand: int) -> None:
        self.attempt("withdrawn", self.some(which), {"reason": "a mistake"}, hand)

    # ------------------------------------------------------------------------------------------------------ the others

    @rule(families=st.integers(1, 2), pence=st.sampled_from([320000, 640000]), ref=st.integers(0, 2), hand=HANDS)
    def attach(self, families: int, pence: int, ref: int, hand: int) -> None:
        body = {"financial_year": "2012/13", "pack_id": "phase-1", "families": families, "fee_pence": 320000}
        more = {"amount_pence": pence, "reference": f"A{ref}", "paid_on": date(2012, 6, 1)}
        self.attempt("attachment_paid", NO_BATCH, {**body, **more}, hand)

    @rule(
        family=FAMILIES,
        route=ROUTES,
        decision_id=DECISION_IDS,
        holds=HOLDS,
        basis=st.sampled_from([None, None, "paragraph 5"]),
        hand=HANDS,
    )
    def override(
        self, family: str, route: str, decision_id: str, holds: tuple[str, ...], basis: str | None, hand: int
    ) -> None:
        act = "release" if holds else "pass"
        body = overridden(family, route=route, decision_id=decision_id, holds=holds, basis=basis, act=act)
        self.attempt("overridden", NO_BATCH, body, hand)

    @rule(made=NEW_LINES.map(lambda new: new[0]), hand=HANDS, holds=HOLDS, choice=st.integers(0, 5))
    def claim_by_override(self, made: Any, hand: int, holds: tuple[str, ...], choice: int) -> None:
        family, route, _, _, decision_id = made
        self.override(family, route, decision_id, holds or (RELEASES_A_PERSON,), None, 0)
        self.approve_override(0, hand)
        body = prepared(self.new_line(f"b{len(self.model.batches) + 1}", made, choice), claim_date=date(2014, 12, 31))
        self.attempt("prepared", self.new_batch(False), body, 0)

    @rule(which=st.integers(0, 3), hand=HANDS)
    def approve_override(self, which: int, hand: int) -> None:
        entries = [*sorted(self.model.overrides, reverse=True), 999]
        self.attempt("override_approved", NO_BATCH, {"override": entries[min(which, len(entries) - 1)]}, hand)

    @rule(which=st.integers(0, 3), hand=HANDS)
    def withdraw_override(self, which: int, hand: int) -> None:
        entry = [*sorted(self.model.overrides), 999][min(which, len(self.model.overrides))]
        self.attempt("override_withdrawn", NO_BATCH, {"override": entry, "reason": "no more"}, hand)

    @rule(decisions=DECISIONS, hand=HANDS)
    def review(self, decisions: list[dict[str, str]], hand: int) -> None:
        self.attempt("reviewed", NO_BATCH, reviewed(*decisions), hand)

    def by_chance(self, chance: random.Random) -> None:
        """A step whose every part is as likely as another: Hypothesis keeps to what is first and to what it had."""
        pick = chance.choice
        hand, which, part, line_nth = pick(WHOSE_HANDS), pick([0, 0, 1, 2, 3, 9]), pick(range(5)), pick([0, 0, 0, 1])
        rare = chance.random() < 0.1
        families = chance.sample(["F1", "F2", "F3", "F4"], 2)
        new = [
            (each, pick(TWO_ROUTES), set(chance.sample("PQRSTUVW", 2)), pick(SUMS), pick("de") * 64)
            for each in families
        ]
        manifest = "c" if rare else "b"
        reference = pick(range(4)) if rare else self.model.count
        reversal = pick(["repay", "repay", "supersede", "withdraw"])
        if chance.random() < 0.15:
            self.crash = pick(["killed", "interrupted"]), pick(range(1, 9))
        steps: list[Callable[[], None]] = [
            lambda: self.prepare(new, pick([True, False]), hand, rare, False, pick(range(6))),
            lambda: self.prepare_and_take_on(new, pick(range(5)), pick(range(6))),
            lambda: self.take_over(new, pick(range(4)), hand, False),
            lambda: self.audit(which, line_nth, pick(["pass", "extend"]), "audited", manifest, 1, hand),
            lambda: self.audit(which, 0, "pass", "checked", manifest, 1, hand),
            lambda: self.approve(which, manifest, hand),
            lambda: self.submit(which, manifest, hand),
            lambda: self.take_on(which, pick(range(1, 5))),
            lambda: self.pay([which], part, reference, hand, rare),
            lambda: self.pay([which, which + 1], part, reference, hand, False),
            lambda: self.correct(which, line_nth, reversal, part, hand),
            lambda: self.correct(which, line_nth, "repay", pick([1, 2, 3, 4]), hand),
            lambda: self.correct(which, line_nth, "repay", 3, 0),
            lambda: self.correct(which, line_nth, pick(["supersede", "withdraw"]), 3, hand),
            lambda: self.claim_by_override(new[0], hand, pick([(RELEASES_A_PERSON,), (RELEASES_INVALID,)]), 1),
            lambda: self.withdraw(which, hand),
            lambda: self.in_hands(new, pick([0, ALL_ROUNDER]), pick([0, ALL_ROUNDER]), pick([0, ALL_ROUNDER])),
            lambda: self.found_invalid_and_claimed_again(new, pick([True, False])),
        ]
        pick(steps)()
        self.agrees()

    def in_hands(self, new: list[Any], preparer: int, auditor: int, approver: int) -> None:
        """A batch that comes as far as its steps are in hands that may take them."""
        self.prepare(new, False, preparer, False, False, 5)
        self.audit(0, 0, "pass", "checked", "b", 1, auditor)
        self.approve(0, "b", approver)

    def found_invalid_and_claimed_again(self, new: list[Any], otherwise: bool) -> None:
        """A line is found invalid, its batch withdrawn, and the family claimed again, perhaps by another decision."""
        self.prepare(new[:1], False, 0, False, False, 4)
        self.audit(0, 1, "extend", "audited", "b", 1, 0)
        self.withdraw(0, 0)
        family, route, persons, pence, decision_id = new[0]
        again = "f" * 64 if otherwise else decision_id
        self.prepare([(family, route, persons, pence, again)], False, 0, False, False, 4)

    # --------------------------------------------------------------------------------------------- what always holds

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "ledger") or self.seen == self.whole():
            return
        self.seen = self.whole()
        assert self.ledger.verify() == []
        assert len(self.seen) == self.model.count
        states = {batch: about["state"] for batch, about in self.model.batches.items()}
        assert dict(self.ledger.batches().select("batch_id", "state").iter_rows()) == states
        lines = self.ledger.lines()
        of_lines = ("line_id", "batch_id", "paid_pence", "repaid_pence", "reversed_by", "live")
        assert sorted(lines.select(of_lines).iter_rows()) == sorted(
            (made["line_id"], made["batch"], made["paid"], made["repaid"], made["gone"], self.model.live(made))
            for made in self.model.lines
        )
        self.nobody_is_claimed_or_paid_twice(lines)
        self.balances_are_equal_to_the_penny()
        self.views_say_what_the_frames_say(lines)
        stands = {about: verdict for about, verdict in self.model.decided.items() if verdict != "reopened"}
        found = self.ledger.decisions().select("details_key", "person_id", "verdict")
        assert {(key, person): verdict for key, person, verdict in found.iter_rows()} == stands

    def nobody_is_claimed_or_paid_twice(self, lines: pl.DataFrame) -> None:
        live = [made for made in lines.iter_rows(named=True) if made["live"]]
        families = [(made["family_id"], made["route"]) for made in live]
        assert len(families) == len(set(families))
        unreleased = [
            (person, made["route"])
            for made in live
            for person in made["persons"]
            if RELEASES_A_PERSON not in self.model.overrides.get(made["override"], {"holds": ()})["holds"]
        ]
        assert len(unreleased) == len(set(unreleased))
        for made in lines.iter_rows(named=True):
            assert 0 <= made["repaid_pence"] <= made["paid_pence"] <= made["amount_pence"]

    def balances_are_equal_to_the_penny(self, ended: bool = False) -> None:
        """By all dimensions together; at a history's end by others too, which are sums of these."""
        everything = sum(made["amount_pence"] for made in self.model.lines)
        for by, names in BALANCES[-1:] if not ended else BALANCES:
            balances = self.ledger.balances(*by)
            assert sorted(balances.iter_rows()) == self.model.balances(*names)
            sums = balances.select("claimed_pence", "repaid_pence", "withdrawn_pence").sum()
            assert sum(sums.row(0)) == everything

    def views_say_what_the_frames_say(self, lines: pl.DataFrame) -> None:
        with sqlite3.connect(self.path) as db:
            for view, frame in (
                ("lines", lines),
                ("live_lines", lines.filter("live")),
                ("batches", self.ledger.batches()),
            ):
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({view})") if row[1] in frame.columns]
                columns = [name for name in columns if name not in ("persons", "live")]
                seen = db.execute(f"SELECT {', '.join(columns)} FROM {view}").fetchall()
                told = frame.select(columns).with_columns(pl.selectors.date().cast(pl.String))
                assert sorted(seen, key=repr) == sorted(told.iter_rows(), key=repr), view
        db.close()

    def nobody_went_further_than_they_may(self) -> None:
        """From the entries alone, and neither model nor books: who made which step of which batch."""
        roles: dict[str, set[str]] = {}
        hands: dict[tuple[str, str], str] = {}
        for entry in self.ledger.entries():
            says = entry.says
            if entry.kind == "registered":
                roles[says["public_key"]] = set(says["roles"])
            elif entry.kind == "revoked":
                del roles[says["public_key"]]
            if entry.key:
                assert roles[entry.key] & set(WHO_MAY[entry.kind].split()) or entry.kind == "revoked"
            else:
                assert not roles
            hands[entry.batch_id, entry.kind] = same(entry.by)
            if entry.kind == "approved":
                checked, made = (hands[entry.batch_id, kind] for kind in ("checked", "prepared"))
                assert len({checked, made, same(entry.by)}) == 3


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=HISTORIES, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
)
