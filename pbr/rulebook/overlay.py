"""Overlays: a council's own plan over a national pack, as one small YAML file.

In: the file, and the pack that it is over. Out: the pack's data with the overlay's over it, and where each piece of it
is written; and every fault of the overlay's own form (E205 to E207, E227, E247, E251 to E254, E258, E259). What the
merged pack means is checked as that of any other.

    id: mid-county-2016
    title: Mid-County's outcome plan of 2016
    over: phase-2
    citation: Mid-County Council, Outcome Plan, 2016.
    decided: {from: 2016-09-01}       # optional, as is `until` in it: on as-of dates outside it, it decides nobody

    parameters:
      result_absence:                 # a figure of the pack: the pack's own values stay until the first of these
        values:
          - from: 2016-09-01
            value: 8%
            standing: local
            citation: Mid-County Council, Outcome Plan, page 4.

    results:
      attendance:                     # a criterion of the pack is replaced where it stands
        …
      no_call_outs:                   # a new one stands at the end of its part, or where `before` says
        before: progress
        …

A council says what it takes for significant and sustained; the department says whom the programme is for, when, what
it pays, and what a pack marks as `fixed`. Control stays what it is: a flag that holds a line is replaced by nobody, and
any other only by one that holds. Lists of needs can have words added, and none taken out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pbr.errors import Fault
from pbr.rulebook import marked
from pbr.rulebook.check import close, says_nothing
from pbr.rulebook.marked import Marked
from pbr.rulebook.model import ConditionFlag, Pack, Period, Tariff
from pbr.rulebook.rules import lists_of_needs

OVERLAY_FILE = "overlay.yaml"
ORDERED = ("eligibility", "results", "routes", "flags")
"""The parts whose things have an order, and can stand before another."""
_CRITERIA = ("eligibility", "results", "routes")
_HEAD = ("id", "title", "over", "citation")
_DECIDED = "decided"
_NATIONAL = {"in_force": "whom the programme decides, and when", "tariff": "what the department pays"}
_ID = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Overlay:
    """An overlay as read from its file. `over` is the id of the pack that it is over.

    `decided`: the as-of dates on which it decides; None for all.
    """

    id: str
    title: str
    over: str
    citation: str
    decided: Period | None
    folder: Path
    content: bytes
    document: Marked


@dataclass(frozen=True)
class Merge:
    """A pack's data with an overlay's over it. `kept`: how many of the pack's own values come before the overlay's, by
    parameter of the pack.
    """

    overlay: Overlay
    data: dict[str, Any]
    kept: Mapping[str, int]

    def place(self, path: marked.Path) -> str | None:
        """The line of the overlay where a piece of the merged pack is written; None where it is the pack's own."""
        own = self.own(path)
        return None if own is None else self.overlay.document.place(own)

    def own(self, path: marked.Path) -> marked.Path | None:
        """A piece of the merged pack as the overlay numbers it; None where it is the pack's own."""
        match path:
            case ():
                return path
            case (section, name, *rest) if name in _items(self.overlay.document, str(section)):
                if section != "parameters" or name not in self.kept:
                    return path
                return self._own_value(path[:2], tuple(rest))
            case _:
                return None

    def _own_value(self, parameter: marked.Path, rest: marked.Path) -> marked.Path | None:
        match rest:
            case ("values",):
                return (*parameter, "values")
            case ("values", int(position), *inner) if position >= self.kept[str(parameter[1])]:
                return (*parameter, "values", position - self.kept[str(parameter[1])], *inner)
            case _:
                return None


def read_overlay(path: Path, name: str) -> tuple[Overlay | None, list[Fault]]:
    """An overlay's file, and what is wrong with its head and keys. None where so much is that nothing can be merged."""
    content = path.read_bytes()
    document, faults = marked.read(content, name)
    if any(fault.code in marked.UNREAD for fault in faults):
        return None, faults
    unread = len(faults)
    data = document.data
    for key in _HEAD:
        if key not in data:
            faults.append(_fault(document, "E205", (), f"'{key}' is missing in the overlay", f"Add `{key}:` to it."))
        elif not isinstance(data[key], str) or not data[key]:
            faults.append(_fault(document, "E207", (key,), f"'{key}' is no text", "Write it as text."))
        elif why := says_nothing(key, data[key]):
            faults.append(_fault(document, "E248", (key,), f"{why} in the overlay", "Say what it is, and where from."))
        elif key == "id" and not _ID.fullmatch(data[key]):
            step = "Use small letters, digits and -, with a letter or digit first."
            faults.append(_fault(document, "E207", (key,), f"'id' cannot be '{data[key]}'", step))
    for key, value in data.items():
        known = (*_HEAD, _DECIDED, "parameters", *ORDERED)
        if key in _NATIONAL:
            what = f"'{key}' is {_NATIONAL[key]}, and no council's to set"
            faults.append(_fault(document, "E251", (key,), what, "Take it out."))
        elif key not in known:
            what = f"'{key}' is not a key in the overlay{close(key, known)}"
            faults.append(_fault(document, "E206", (key,), what, f"It can have: {', '.join(known)}."))
        elif key in ("parameters", *ORDERED) and not isinstance(value, dict):
            faults.append(_fault(document, "E207", (key,), f"'{key}' is no set of ids", "Give each thing in it an id."))
    decided = _decided(document, faults) if _DECIDED in data else None
    if len(faults) > unread and any(fault.code in ("E205", "E207") for fault in faults[unread:]):
        return None, faults
    head = {key: data[key] for key in _HEAD}
    return Overlay(**head, decided=decided, folder=path.resolve().parent, content=content, document=document), faults


def _decided(document: Marked, faults: list[Fault]) -> Period | None:
    """The as-of dates on which an overlay decides; None, and the faults, where they cannot be read."""
    value = document.data[_DECIDED]
    days = {"until": date.max, **value} if isinstance(value, dict) else {}
    step = "Write it as in `decided: {from: 2016-09-01}`; it can have an `until`."
    if not (days.keys() == {"from", "until"} and all(isinstance(day, date) for day in days.values())):
        faults.append(_fault(document, "E207", (_DECIDED,), "'decided' does not say from which day", step))
    elif days["until"] < days["from"]:
        what = f"the period ends on {days['until']}, before it starts on {days['from']}"
        step = "Both days are inside: put them in order."
        faults.append(_fault(document, "E228", (_DECIDED, "until"), what, step))
    else:
        return Period.model_validate(days)
    return None


def merge(pack: Pack, data: Mapping[str, Any], overlay: Overlay, faults: list[Fault]) -> Merge:
    """The overlay's data over those of a pack without faults; what the overlay may not do is a fault, and not done."""
    merging = _Merging(pack, overlay, faults)
    whole = dict(data)
    whole["parameters"] = merging.parameters(data["parameters"])
    for section in ORDERED:
        whole[section] = merging.ordered(section, data[section])
    whole["in_force"] = merging.in_force(data["in_force"])
    return Merge(overlay, whole, merging.kept)


class _Merging:
    def __init__(self, pack: Pack, overlay: Overlay, faults: list[Fault]) -> None:
        self.pack = pack
        self.document = overlay.document
        self.decided = overlay.decided
        self.faults = faults
        self.kept: dict[str, int] = {}

    def fault(self, code: str, path: marked.Path, what: str, next_step: str) -> None:
        self.faults.append(_fault(self.document, code, path, what, next_step))

    def in_force(self, national: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
        """When the pack decides, as far as the overlay does, too."""
        if (decided := self.decided) is None:
            return national
        narrowed = []
        for one in national:
            start, until = max(one["decided"]["from"], decided.start), min(one["decided"]["until"], decided.until)
            if start <= until:
                narrowed.append({**one, "decided": {"from": start, "until": until}})
        if not narrowed:
            what = f"the overlay decides {_days(decided)}, and {self.pack.id} decides nobody on any of these days"
            self.fault("E247", (_DECIDED,), what, f"Choose days on which {self.pack.id} is in force.")
        return tuple(narrowed) or national

    # -------------------------------------------------------------------------------------------------- parameters

    def parameters(self, national: Mapping[str, Any]) -> dict[str, Any]:
        merged = dict(national)
        paid = _paid(self.pack.tariff)
        of_needs = lists_of_needs(self.pack)
        for name, item in _items(self.document, "parameters").items():
            path = ("parameters", name)
            self.values_are_local(path, item)
            if name in paid:
                what = f"'{name}' is what the department pays, and no council's to set"
                self.fault("E251", path, what, "Take it out.")
            elif self.is_fixed(path, item):
                pass
            elif name in national and isinstance(item, dict):
                if name in of_needs:
                    self.keeps_all_needs(name, item)
                merged[name] = self.with_local_values(name, national[name], item)
            elif name in national:
                step = "Write its `values:` beneath it."
                self.fault("E207", path, f"'{name}' is no set of keys with values", step)
            else:
                merged[name] = item
        return merged

    def with_local_values(self, name: str, national: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
        """The pack's parameter with the overlay's values from the first of their days on."""
        path = ("parameters", name)
        for key in item:
            if key != "values":
                what = f"'{name}' is a parameter of {self.pack.id}, which gives its '{key}'"
                self.fault("E253", (*path, key), what, "Keep only its `values`, or give a parameter of your own an id.")
        if "values" not in item:
            self.fault("E205", path, f"'values' is missing in parameters '{name}'", "Add `values:` to it.")
            return dict(national)
        values = item["values"]
        if not isinstance(values, tuple) or not values:
            self.kept[name] = 0
            return {**national, "values": values}
        first = values[0].get("from") if isinstance(values[0], dict) else None
        earlier = [dated for dated in national["values"] if not isinstance(first, date) or dated["from"] < first]
        self.kept[name] = len(earlier)
        return {**national, "values": (*earlier, *values)}

    def is_fixed(self, path: tuple[str, str], item: Any) -> bool:
        """Whether the framework fixes what would be replaced, or the overlay would fix something itself."""
        section, name = path
        of_pack = getattr(self.pack, section).get(name)
        if of_pack is not None and of_pack.fixed:
            what = f"'{name}' is fixed by the framework ({self.pack.id}), which leaves it to no council"
            self.fault("E258", path, what, "Take it out, or give a rule of your own another id.")
            return True
        if isinstance(item, dict) and "fixed" in item:
            what = f"'{name}' would be fixed by an overlay, and only a framework fixes anything"
            self.fault("E258", (*path, "fixed"), what, "Take `fixed` out.")
            return True
        return False

    def is_control(self, path: tuple[str, str], item: Any) -> bool:
        """Whether a flag that holds would be replaced, or any other by one that does not."""
        name = path[1]
        flag = self.pack.flags.get(name)
        if flag is None:
            return False
        if isinstance(flag, ConditionFlag) and flag.holds:
            what = f"flag '{name}' of {self.pack.id} holds lines for a person, and no overlay replaces such a flag"
            self.fault("E258", path, what, "Take it out; a flag of your own can hold more lines.")
            return True
        if isinstance(item, dict) and item.get("holds") is not True:
            what = f"flag '{name}' of {self.pack.id} would be replaced by one that holds nothing"
            self.fault("E258", path, what, "Let it hold (`holds: true`), or give a flag of your own another id.")
            return True
        return False

    def keeps_all_needs(self, name: str, item: Mapping[str, Any]) -> None:
        """Local values of a list of needs have the words of all national values that they stand in place of."""
        values = item.get("values")
        dated = [
            (position, one)
            for position, one in enumerate(values if isinstance(values, tuple) else ())
            if isinstance(one, dict) and isinstance(one.get("from"), date)
        ]
        national = self.pack.parameters[name].values
        for index, (position, one) in enumerate(dated):
            ends = dated[index + 1][1]["from"] if index + 1 < len(dated) else date.max
            first = max((other.start for other in national if other.start <= one["from"]), default=date.min)
            replaced = [_words(other.value) for other in national if other.start == first or first < other.start < ends]
            value = one.get("value")
            lost = sorted(frozenset[str]().union(*replaced) - _words(value))
            if lost and isinstance(value, str | tuple):
                what = f"'{name}' would be without {', '.join(lost)}, which {self.pack.id} has among its needs"
                step = "Keep them in the list: a council can add needs, and take none away."
                self.fault("E259", ("parameters", name, "values", position, "value"), what, step)

    def values_are_local(self, path: marked.Path, item: Any) -> None:
        values = item.get("values") if isinstance(item, dict) else None
        for position, dated in enumerate(values if isinstance(values, tuple) else ()):
            self.is_local((*path, "values", position), dated)

    def is_local(self, path: marked.Path, item: Any) -> None:
        if isinstance(item, dict) and item.get("standing") in ("verified", "derived", "unverified"):
            what = f"the standing is '{item['standing']}', and what an overlay says is local"
            self.fault("E252", (*path, "standing"), what, "Write `standing: local`.")

    # ------------------------------------------------------------------------------- criteria, routes and flags

    def ordered(self, section: str, national: Mapping[str, Any]) -> dict[str, Any]:
        merged = dict(national)
        for name, item in _items(self.document, section).items():
            path = (section, name)
            self.is_local(path, item)
            homes = [home for home in _CRITERIA if section in _CRITERIA and name in getattr(self.pack, home)]
            if section == "routes" and name not in national:
                what = f"'{name}' is no route of {self.pack.id}, and what a route pays is no council's to set"
                known = ", ".join(national)
                self.fault("E251", path, what, f"Take it out, or replace one of the pack's routes: {known}.")
            elif homes and section not in homes:
                what = f"'{name}' is already the id of something in {homes[0]} of {self.pack.id}"
                self.fault("E227", path, what, "Give it another id.")
            elif self.is_fixed(path, item) or (section == "flags" and self.is_control(path, item)):
                pass
            else:
                merged = self.placed(path, item, merged, is_national=name in national)
        return merged

    def placed(self, path: tuple[str, str], item: Any, merged: dict[str, Any], *, is_national: bool) -> dict[str, Any]:
        """A part with one thing replaced in its place, or put before another or at the end."""
        name = path[1]
        if not isinstance(item, dict) or "before" not in item:
            return {**merged, name: item}
        before, item = item["before"], {key: value for key, value in item.items() if key != "before"}
        if is_national:
            what = f"'{name}' is of {self.pack.id}, and is replaced where it stands"
            self.fault("E254", (*path, "before"), what, "Take `before` out.")
        elif not isinstance(before, str) or before not in merged or before == name:
            near = close(before, merged) if isinstance(before, str) else ""
            what = f"there is nothing of that id in {path[0]} for '{name}' to stand before{near}"
            self.fault("E254", (*path, "before"), what, f"Name one of: {', '.join(merged)}.")
        else:
            entries = list(merged.items())
            entries.insert(list(merged).index(before), (name, item))
            return dict(entries)
        return {**merged, name: item}


def not_decided(overlay: Overlay, day: date) -> Fault | None:
    """The fault (E247) of reading a pack with an overlay on an as-of date on which the overlay decides nobody."""
    if overlay.decided is None or day in overlay.decided:
        return None
    what = f"{overlay.id} over {overlay.over} decides {_days(overlay.decided)}, and the as-of date is {day}"
    return _fault(overlay.document, "E247", (_DECIDED,), what, f"Choose another as-of date, or {overlay.over} alone.")


def _days(period: Period) -> str:
    return f"from {period.start}" + ("" if period.until == date.max else f" until {period.until}")


def _items(document: Marked, section: str) -> dict[str, Any]:
    """What the overlay has of a part, by id."""
    items = document.data.get(section) if section in ("parameters", *ORDERED) else None
    return items if isinstance(items, dict) else {}


def _paid(tariff: Tariff) -> frozenset[str]:
    """The parameters that say what is paid, and for how many families."""
    named = (tariff.attachment_fee, tariff.family_cap, tariff.funded_share, tariff.earned_autonomy)
    return frozenset(name for name in (*named, *tariff.routes.values()) if name is not None)


def _words(value: Any) -> frozenset[str]:
    """A need, or a list of them, as a set."""
    listed = value if isinstance(value, tuple) else (value,)
    return frozenset(word for word in listed if isinstance(word, str))


def _fault(document: Marked, code: str, path: marked.Path, what: str, next_step: str) -> Fault:
    return Fault(code, document.place(path), what, next_step)
