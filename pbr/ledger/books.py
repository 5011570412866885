"""The books: what the ledger comes to, entry by entry: batches and their states, lines and money, overrides, people.

In: entries in their order. Out: the ledger as it stands after them. Nothing is judged here: whether an entry may follow
is asked of `kinds` before it is entered. What is written and what is verified go through the same books.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pbr.ledger.reviews import Standing

Says = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """An entry as far as its meaning goes. `key`: the public key that it is signed with, empty where nobody signed."""

    seq: int
    kind: str
    batch_id: str
    says: Says
    by: str
    key: str


@dataclass(eq=False)
class Batch:
    """One batch. `by`: who made the last entry of each kind. `invalid`: lines found invalid, and by which entry."""

    batch_id: str
    seq: int
    says: Says
    state: str
    is_signed: bool
    by: dict[str, str] = field(default_factory=dict)
    lines: dict[str, ClaimLine] = field(default_factory=dict)
    invalid: dict[str, int] = field(default_factory=dict)
    remittances: dict[str, int] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class ClaimLine:
    """One claim line and its money, in pence. `reversed_by`: the act by which it is claimed no more."""

    batch: Batch
    says: Says
    paid_pence: int = 0
    repaid_pence: int = 0
    reversed_by: str | None = None

    @property
    def is_live(self) -> bool:
        return self.reversed_by is None and self.batch.state != "withdrawn"

    @property
    def kept_pence(self) -> int:
        """What was paid and not given back."""
        return self.paid_pence - self.repaid_pence

    @property
    def takes(self) -> Iterator[tuple[str, str, str]]:
        """What a live line takes, for nobody else to claim: its family and its persons, each on its route."""
        yield "family", self.says["family_id"], self.says["route"]
        for person in self.says["persons"]:
            yield "person", person, self.says["route"]


@dataclass
class Override:
    """An override and who stands behind it. `state`: `proposed`, `approved` or `withdrawn`."""

    entry: int
    says: Says
    proposed_by: str
    approved_by: str = ""
    state: str = "proposed"


@dataclass
class Key:
    """A registered public key. `until`: the entry that revoked it."""

    person: str
    roles: tuple[str, ...]
    since: int
    until: int | None = None


@dataclass
class Books:
    """The ledger as it stands."""

    batches: dict[str, Batch] = field(default_factory=dict)
    overrides: dict[int, Override] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    decided: Standing = field(default_factory=dict)
    attachments: list[Says] = field(default_factory=list)
    taken: dict[tuple[str, str, str], list[ClaimLine]] = field(default_factory=dict)
    """The live lines that take a family or a person on a route (`ClaimLine.takes`)."""
    found_wrong: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    """How a decision was found wrong on a route (`audit`, or the act that reversed its line), and by which entry, by
    decision id and route."""

    def enter(self, step: Step) -> None:
        """Take an entry in."""
        if step.kind in ("prepared", "imported"):
            self._begin(step)
        elif step.batch_id:
            self._follow(self.batches[step.batch_id], step)
        else:
            self._note(step)

    @property
    def lines(self) -> Iterator[ClaimLine]:
        """Every line that was ever entered, in the order of entries and line ids."""
        for batch in self.batches.values():
            yield from (batch.lines[line_id] for line_id in sorted(batch.lines))

    def override_of(self, decision_id: str, route: str) -> Override | None:
        """The override of a decision that was not withdrawn."""
        for each in self.overrides.values():
            if each.state != "withdrawn" and (each.says["decision_id"], each.says["route"]) == (decision_id, route):
                return each
        return None

    def _begin(self, step: Step) -> None:
        batch = Batch(step.batch_id, step.seq, step.says, step.kind, is_signed=bool(step.key))
        batch.by[step.kind] = step.by
        self.batches[step.batch_id] = batch
        for said in step.says["lines"]:
            line = ClaimLine(batch, said, paid_pence=said.get("paid_pence", 0))
            batch.lines[said["line_id"]] = line
            for taken in line.takes:
                self.taken.setdefault(taken, []).append(line)

    def _follow(self, batch: Batch, step: Step) -> None:
        batch.by[step.kind] = step.by
        match step.kind:
            case "audited" | "checked":
                batch.invalid |= dict.fromkeys(step.says["invalid"], step.seq)
                for said in (batch.lines[line_id].says for line_id in step.says["invalid"]):
                    self.found_wrong[said.get("decision_id", ""), said["route"]] = ("audit", step.seq)
            case "paid":
                batch.remittances[step.says["reference"]] = step.seq
                for payment in step.says["lines"]:
                    batch.lines[payment["line_id"]].paid_pence += payment["amount_pence"]
            case "corrected":
                for one in step.says["corrections"]:
                    self._correct(batch.lines[one["line_id"]], one, step.seq)
        if step.kind not in ("audited", "corrected"):
            batch.state = step.kind
        if step.kind == "withdrawn":
            for line in batch.lines.values():
                self._release(line)

    def _correct(self, line: ClaimLine, one: Says, seq: int) -> None:
        if line.paid_pence:
            line.repaid_pence += one["amount_pence"]
        self.found_wrong[line.says.get("decision_id", ""), line.says["route"]] = (one["act"], seq)
        if one["act"] != "repay" or not line.kept_pence:
            line.reversed_by = one["act"]
            self._release(line)

    def _release(self, line: ClaimLine) -> None:
        for taken in line.takes:
            if line in self.taken.get(taken, ()):
                self.taken[taken].remove(line)

    def _note(self, step: Step) -> None:
        says = step.says
        match step.kind:
            case "reviewed":
                for one in says["decisions"]:
                    self.decided.setdefault(one["details_key"], {})[one["person_id"]] = (one["verdict"], step.seq)
            case "overridden":
                self.overrides[step.seq] = Override(step.seq, says, step.by)
            case "override_approved":
                override = self.overrides[says["override"]]
                override.state, override.approved_by = "approved", step.by
            case "override_withdrawn":
                self.overrides[says["override"]].state = "withdrawn"
            case "registered":
                self.keys[says["public_key"]] = Key(says["person"], tuple(says["roles"]), step.seq)
            case "revoked":
                self.keys[says["public_key"]].until = step.seq
            case "attachment_paid":
                self.attachments.append(says)
