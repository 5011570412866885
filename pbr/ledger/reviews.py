"""Reviewers' decisions on whom a record is about: which say something new, and which go against one that stands.

In: the decisions of one review, and those that stand. Out: every fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pbr.errors import Fault

Standing = dict[str, dict[str, tuple[str, int]]]
"""The last verdict on each person and the entry that holds it, by the key of the details and the person's id."""

_UNDECIDED = ("reopened", 0)


def review_faults(decisions: Iterable[Mapping[str, str]], stands: Standing) -> list[Fault]:
    """What does not fit in the decisions of one review, after those that stand; they count together, in any order."""
    found: list[Fault] = []
    new: dict[str, dict[str, str]] = {}
    for one in decisions:
        key, person, verdict = one["details_key"], one["person_id"], one["verdict"]
        place = f"{one['table']} record {one['record_id']}"
        stood, seq = stands.get(key, {}).get(person, _UNDECIDED)
        if person in new.setdefault(key, {}):
            what = f"person {person} is decided twice for the details that it gives"
            found.append(
                Fault("E631", place, what, "Decide once: records that give the same details share a decision.")
            )
        elif stood == verdict:
            known = f"person {person} is {verdict} already"
            what = f"nothing is decided of person {person}" if verdict == "reopened" else known
            found.append(Fault("E632", place, what, "`pbr review show` says what was decided of the record."))
        elif "reopened" not in (stood, verdict):
            # Nobody overturns what a colleague decided without having seen it.
            what = f"person {person} was {stood} by entry {seq}, and that stands"
            step = "Look at why, take it back with `pbr review reopen`, and then decide anew."
            found.append(Fault("E634", place, what, step))
        new[key][person] = verdict
    for one in decisions:
        key, person = one["details_key"], one["person_id"]
        then = {other: stood for other, (stood, _) in stands.get(key, {}).items()} | new[key]
        others = sorted(other for other, verdict in then.items() if verdict == "accepted" and other != person)
        if one["verdict"] == "accepted" and others:
            what = f"person {person} cannot be accepted while {', '.join(others)} is"
            step = "A record is about one person at most: reopen the other first."
            found.append(Fault("E633", f"{one['table']} record {one['record_id']}", what, step))
    return found
