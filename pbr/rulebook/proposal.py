"""A pack with other figures than it has: what is looked at before a change of a rule is adopted.

In: a pack and values by parameter, written as in a pack (`15%`, `£700`, `3`, `[JSA, ESA]`). Out: the pack with each of
these values in place of all the parameter's dated values, checked as any pack is; or all faults of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pbr.errors import Fault, Faults
from pbr.rulebook import marked
from pbr.rulebook.check import close
from pbr.rulebook.load import Builder, LoadedPack, pack_digest

_CITATION = "Proposed: no text says so."


def with_values(loaded: LoadedPack, values: Mapping[str, str]) -> LoadedPack:
    """The pack with these values, each from the day on which its parameter starts, of local standing.

    It has no `files`, for nothing is claimed under a proposal. Raises Faults: E270 where there is no such parameter,
    E271 where what is written is not one value, and those of the loader, E208 for a value that does not fit its unit.
    """
    data = _data(loaded)
    faults: list[Fault] = []
    proposed = {}
    for name, text in values.items():
        if name not in data["parameters"]:
            what = f"there is no parameter '{name}' in {loaded.pack.id}{close(name, data['parameters'])}"
            step = f"`pbr rules show {loaded.pack.id}` names them beside their figures."
            faults.append(Fault("E270", _place(name, text), what, step))
        elif (value := _value(name, text, faults)) is not None:
            first = data["parameters"][name]["values"][0]
            dated = {"from": first["from"], "value": value, "citation": _CITATION, "standing": "local"}
            proposed[name] = {**data["parameters"][name], "values": (dated,)}
    if faults:
        raise Faults(faults)

    def place(path: marked.Path) -> str:
        name = str(path[1]) if path[:1] == ("parameters",) and len(path) > 1 else ""
        return _place(name, values[name]) if name in proposed else loaded.place(*path)

    data["parameters"] = {**data["parameters"], **proposed}
    pack = Builder(place, data, faults).pack()
    # What is read does not depend on values: figures that an overlay left unread are no fault of the proposal.
    if pack is None or any(fault.code != "E213" for fault in faults):
        raise Faults(fault for fault in faults if fault.code != "E213")
    named = {key: getattr(loaded.pack, key) for key in ("id", "title", "citation")}
    pack = pack.model_copy(update=named)
    return replace(loaded, pack=pack, digest=pack_digest(pack), files={})


def _data(loaded: LoadedPack) -> dict[str, Any]:
    if loaded.merge is not None:
        return dict(loaded.merge.data)
    return {key: source.data[key] for key, source in loaded.sources.items() if key}


def _place(name: str, text: str) -> str:
    return f"{name}={' '.join(text.split())}"


def _value(name: str, text: str, faults: list[Fault]) -> Any:
    """A value as a pack's YAML has it; None, and the faults, where it is none."""
    document, found = marked.read(f"value: {text}".encode(), _place(name, text))
    if any(fault.code in marked.UNREAD for fault in found) or set(document.data) != {"value"}:
        step = "Write it as in a pack: 15%, £700, 3, [JSA, ESA]."
        faults.append(Fault("E271", _place(name, text), "is not one value", step))
        return None
    faults += [replace(fault, place=_place(name, text)) for fault in found]
    return None if found else document.data["value"]
