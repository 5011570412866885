"""One durable-rules ruleset with nothing around it: conditions go in, facts go in, the rules that fired come out.

Of durable-rules only its Rete network, the extension module, is used. Its Python half, which runs actions, starts two
threads for each host, keeps what an action raises as text in the state, and drops an action that takes ten seconds:
here there are no actions, and the names of the rules that fired are read off the network itself.

What the network cannot say by itself, it must not be asked: a fact holds whole numbers of 64 bits, booleans and words
of our own making; null is left out; every fact has its own id; no text of a pack or of the evidence reaches its parser.
"""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pbr.errors import Fault, Faults

try:
    import durable_rules_engine as network
except ImportError as error:  # not installed, or built for a Python whose interface it does not know
    network, missing = None, str(error)
else:
    missing = ""

Condition = dict[str, Any]
Fields = dict[str, int | bool | str]

MOST_RULES = 4_000
MOST_KINDS = 400
MOST_CONDITIONS_OF_A_KIND = 60
"""The network gives up (error 303) where one fact meets more than 64 conditions at once, and never returns where 512
conditions hang on one kind."""
MOST_OF_A_NUMBER = 2**63 - 1

MEMORY = "family"
START = "start"

_WORDS = {
    101: "it ran out of memory",
    102: "a value has a type it does not expect",
    106: "too many conditions on one kind of fact",
    107: "too many conditions on one kind of fact",
    108: "too many rules on one condition",
    112: "too many rulesets in one process",
    113: "a condition has too many parts",
    201: "it could not read a value",
    202: "it could not read a text",
    203: "it could not read a number",
    204: "it could not read an object",
    302: "a fact has more than 250 fields",
    303: "a fact meets more than 64 conditions at once",
    304: "a rule joins too many facts",
    309: "the family is not in its memory",
    311: "a rule asks for a field that the fact has not",
    312: "a rule compares values that it cannot compare",
}


def available() -> bool:
    """Whether durable-rules is installed and loads in this Python."""
    return network is not None


def why_not_available() -> str:
    """What Python says where durable-rules does not load; else empty."""
    return missing


class Ruleset:
    """A registered ruleset: `rules` gives each rule's name the conditions that one fact must meet, its kind first.

    Raises Faults: E421 where durable-rules is not there, E422 where the rules are more than it can hold, E423 where it
    refuses them.
    """

    def __init__(self, name: str, rules: Mapping[str, tuple[str, Sequence[Condition]]]) -> None:
        if network is None:
            raise Faults(
                Fault(
                    "E421",
                    "durable-rules",
                    "durable-rules is not installed, or does not load in this Python",
                    "Install it on Python 3.11 or 3.12 with a C compiler, or let the reference engine decide.",
                )
            )
        kinds = [kind for kind, _ in rules.values()]
        counted = {"rules": (len(rules), MOST_RULES), "kinds of fact": (len(set(kinds)), MOST_KINDS)}
        for what, (number, most) in counted.items():
            if number > most:
                raise Faults(too_large(name, f"{number} {what}", most))
        self._name = name
        self._lock = threading.Lock()
        definition: dict[str, Any] = {
            rule: {"all": [{"m": {"$and": [{"kind": kind}, *conditions]}}]}
            for rule, (kind, conditions) in rules.items()
        }
        definition[START] = {"all": [{"m": {"kind": START}}]}
        try:
            self._handle: int = network.create_ruleset(name, json.dumps(definition))
        except (network.error, MemoryError) as error:
            raise self._failure(error) from None
        weakref.finalize(self, network.delete_ruleset, self._handle)

    @contextmanager
    def memory(self) -> Iterator[Memory]:
        """A working memory for one family, emptied at the end. There is one at a time: others wait."""
        with self._lock:
            memory = Memory(self)
            # Deleting a memory in which no rule ever fired frees what was never allocated: this fact fires one.
            memory.tell(START, {})
            try:
                yield memory
            finally:
                network.delete_state(self._handle, MEMORY)

    def _failure(self, error: BaseException) -> Faults:
        code = int("".join(filter(str.isdigit, str(error))) or "0") if not isinstance(error, MemoryError) else 101
        what = f"durable-rules failed: {_WORDS.get(code, 'it does not say why')} (its error {code})"
        return Faults(
            Fault(
                "E423",
                self._name,
                what,
                "Nothing was decided. Report this with the pack; the other engines can decide.",
            )
        )


class Memory:
    """What durable-rules knows of one family while it is decided."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._handle = ruleset._handle
        self._told = 0

    def tell(self, kind: str, fields: Fields) -> list[str]:
        """Assert one fact and name the rules that fire on it, in no order.

        A rule may be named twice. Raises Faults: E423 where durable-rules fails, or where no rule fires.
        """
        self._told += 1
        fact = json.dumps({"kind": kind, "sid": MEMORY, "id": str(self._told), **fields})
        fired = []
        try:
            refused, state = network.assert_fact(self._handle, fact)
            if refused:
                raise Faults(self._refused(refused))
            started = network.start_action_for_state(self._handle, state)
            message = started[1] if started else None
            while message:
                fired.append(message[2 : message.index('"', 2)])
                message = network.complete_and_start_action(self._handle, state)
        except (network.error, MemoryError) as error:
            raise self._ruleset._failure(error) from None
        return fired

    def _refused(self, code: int) -> Fault:
        why = {1: "no rule fires on a fact", 2: "it takes a fact for one that it has seen"}.get(
            code, "it put a fact off"
        )
        return Fault(
            "E423",
            self._ruleset._name,
            f"durable-rules failed: {why}",
            "Nothing was decided. Report this with the pack; the other engines can decide.",
        )


def whole(number: int, place: str) -> int:
    """The number, where durable-rules can hold it. Raises Faults (E424) where it cannot."""
    if -MOST_OF_A_NUMBER <= number <= MOST_OF_A_NUMBER:
        return number
    raise Faults(
        Fault(
            "E424",
            place,
            f"{number} is more than the 64 bits in which durable-rules counts",
            "Look for the record or the parameter that is so large.",
        )
    )


def too_large(place: str, what: str, most: int) -> Fault:
    return Fault(
        "E422",
        place,
        f"{what} are more than the {most} that durable-rules holds",
        "Split the pack's largest criteria, or decide with the other engines.",
    )
