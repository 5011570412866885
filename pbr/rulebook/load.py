"""Reading a rule pack: a folder of YAML files becomes a checked, digested `Pack`, or all of its faults at once.

In: a pack's id or folder, and an overlay over it where there is one. Out: `LoadedPack`. Every YAML file at the top of
the folder holds some of the pack's keys; each key stands in one file. An `overlay.yaml` among them is an overlay, as a
bundle carries it. Folders beneath (`tests/`) are no part of the pack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from pbr.canonical import digest
from pbr.errors import Fault, Faults
from pbr.rulebook import marked
from pbr.rulebook.check import EXPECTED_UNITS, Draft, check, close, says_nothing
from pbr.rulebook.marked import Marked
from pbr.rulebook.measures import MEASURES, Node
from pbr.rulebook.model import (
    Against,
    AllOf,
    AnyOf,
    AtLeast,
    ConditionFlag,
    Criterion,
    CriterionRef,
    DatedValue,
    Every,
    Flag,
    InForce,
    NearThresholdFlag,
    Pack,
    Parameter,
    Period,
    ReducedBy,
    Route,
    Some,
    Tariff,
    Test,
    UnverifiedRuleFlag,
    When,
    tag_of,
)
from pbr.rulebook.overlay import OVERLAY_FILE, Merge, Overlay, merge, not_decided, read_overlay
from pbr.rulebook.rules import Rules
from pbr.values import Share, pounds

PACK_FILE = "pack.yaml"
IN_FORCE = "in-force"
"""What a workspace says for whichever pack was in force for a family; no pack or overlay has it for its id."""

_EXPRESSIONS: dict[str, type[Node]] = {
    "all_of": AllOf,
    "any_of": AnyOf,
    "of": AtLeast,
    "when": When,
    "every": Every,
    "some": Some,
    "criterion": CriterionRef,
    "reduced_by": ReducedBy,
    "measure": Test,
}
_FLAGS: dict[str, type[Node]] = {
    "condition": ConditionFlag,
    "near_threshold": NearThresholdFlag,
    "unverified_rule": UnverifiedRuleFlag,
}
_ITEMS: dict[str, TypeAdapter[Any]] = {
    "parameters": TypeAdapter(Parameter),
    "eligibility": TypeAdapter(Criterion),
    "results": TypeAdapter(Criterion),
    "routes": TypeAdapter(Route),
    "flags": TypeAdapter(Flag),
}
"""The sections that hold things by id, and what each thing must be."""
_WHOLE: dict[str, TypeAdapter[Any]] = {
    "in_force": TypeAdapter(tuple[InForce, ...]),
    "tariff": TypeAdapter(Tariff),
}
"""The sections that are one thing."""


@dataclass(frozen=True)
class LoadedPack:
    """A pack as read from its folder, with the overlay over it where there is one.

    `digest` is of the canonical form, so comments and layout do not count. `files` holds the pack's YAML files by name,
    byte for byte, the overlay as `overlay.yaml`: written to a folder, they load again as the same pack. With an overlay
    the pack's id, title and citation name both; `beneath` is the pack without it.
    """

    pack: Pack
    digest: str
    folder: Path
    files: Mapping[str, bytes]
    sources: Mapping[str, Marked]
    """Each top-level key's file, with its lines."""
    beneath: LoadedPack | None = None
    merge: Merge | None = None

    def rules(self, on: date, engaged: date | None = None) -> Rules:
        """The pack as read on a day, for families engaged on one.

        Raises Faults: E214 where a value is missing, E247 where the overlay decides nobody on that day.
        """
        if self.merge is not None and (fault := not_decided(self.merge.overlay, on)):
            raise Faults(fault)
        return Rules(self.pack, on, self.digest, lambda name: self.place("parameters", name), engaged)

    def place(self, *path: str | int) -> str:
        """`rules/phase-1/parameters.yaml:17`: where a part is written; what is an overlay's, in its file."""
        own = self.merge.place(path) if self.merge else None
        return own or _place(self.sources, path)

    @property
    def overlay(self) -> Overlay | None:
        """The overlay over the pack."""
        return self.merge.overlay if self.merge else None

    @property
    def cases_folder(self) -> Path:
        """Where the cases are: beside the overlay where there is one, for the pack's own are about other limits."""
        return (self.overlay.folder if self.overlay else self.folder) / "tests"

    @property
    def last_day(self) -> date:
        """The last day a claim can be made: the day for which a pack is shown and its cases are run."""
        decided = self.overlay.decided if self.overlay else None
        last = self.pack.tariff.claimed_until
        return last if decided is None else max(decided.start, min(last, decided.until))

    def decides_on(self, day: date) -> bool:
        """Whether the overlay, where there is one, decides as of a day."""
        return self.overlay is None or self.overlay.decided is None or day in self.overlay.decided


def packs_folder() -> Path:
    """The folder of the packs that come with pbr: inside an installed wheel, else the checkout's `rules/`."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_data" / "rules"
    return installed if installed.is_dir() else package.parent / "rules"


def pack_ids() -> tuple[str, ...]:
    """The packs that come with pbr, sorted."""
    folder = packs_folder()
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{PACK_FILE}")))


def overlays_folder() -> Path:
    """The folder of the overlays that come with pbr."""
    return packs_folder() / "overlays"


def overlay_ids() -> tuple[str, ...]:
    """The overlays that come with pbr, sorted."""
    return tuple(sorted(path.parent.name for path in overlays_folder().glob(f"*/{OVERLAY_FILE}")))


def load_pack(path_or_id: str | Path, overlay: str | Path | None = None, *, carried: bool = False) -> LoadedPack:
    """A pack by the id of one that comes with pbr, or by the path of its folder.

    An overlay over it is given by its id or the path of its file, in the same way; or in one text with the pack, as
    `phase-2+surrey-2015`. `carried`: a bundle's, which has the ids it was decided under, whatever they stand for now.
    Raises Faults (E2xx): those of the pack by itself, or else those of the overlay over it.
    """
    path_or_id, named = _parted(path_or_id)
    folder, name = _find(path_or_id)
    pack = _read(folder, name)
    if not carried and (fault := _passes_for_another(pack)):
        raise Faults(fault)
    inside = folder / OVERLAY_FILE
    given: list[tuple[Path, str]] = [(inside, f"{name}/{OVERLAY_FILE}")] if inside.is_file() else []
    given += [_find_overlay(one) for one in (named, overlay) if one is not None]
    if len(given) > 1:
        what = f"there is more than one overlay over {pack.pack.id}: {' and '.join(place for _, place in given)}"
        raise Faults(Fault("E255", given[1][1], what, "Keep one: put both plans in one file."))
    return _with_overlay(pack, *given[0], carried=carried) if given else pack


def _read(folder: Path, name: str) -> LoadedPack:
    """A pack without overlay, from its folder; faults call the folder by `name`."""
    faults: list[Fault] = []
    files = _files(folder, name, faults)
    return _built(folder, name, tuple(files.items()), folder.parent == packs_folder(), tuple(faults))


@lru_cache(maxsize=16)
def _built(
    folder: Path, name: str, files: tuple[tuple[str, bytes], ...], of_pbr: bool, found: tuple[Fault, ...]
) -> LoadedPack:
    """The pack of a folder's files, and of what was `found` wrong with them. Nothing of a pack changes once it is read,
    so what was read of the same bytes is the same pack; faults are found anew.
    """
    faults = list(found)
    documents = []
    for file, content in files:
        document, unread = marked.read(content, f"{name}/{file}")
        documents.append(document)
        faults += unread
    sources, data = _together(documents, faults)
    pack = Builder(lambda path: _place(sources, path), data, faults).pack()
    if pack is not None and of_pbr and pack.id != folder.name:
        faults.append(
            Fault(
                "E230",
                _place(sources, ("id",)),
                f"the pack's id is '{pack.id}', but its folder is '{folder.name}'",
                "Give both the same name.",
            )
        )
    if faults or pack is None:
        raise Faults(_without_echoes(faults))
    return LoadedPack(pack, pack_digest(pack), folder, dict(files), sources)


def _passes_for_another(loaded: LoadedPack) -> Fault | None:
    """A pack of a folder that has the id of something else (E246)."""
    pack_id = loaded.pack.id
    if loaded.folder.parent == packs_folder() or not (taken := _taken(pack_id)):
        return None
    if pack_id in pack_ids() and _read(packs_folder() / pack_id, f"rules/{pack_id}").digest == loaded.digest:
        return None
    return Fault("E246", loaded.place("id"), f"the pack's id is '{pack_id}', and {taken}", _OWN_ID)


def _overlay_passes_for_another(overlay: Overlay) -> Fault | None:
    """An overlay that has the id of something else (E246)."""
    if overlay.folder.parent == overlays_folder() or not (taken := _taken(overlay.id)):
        return None
    if overlay.id in overlay_ids():
        of_pbr, _ = read_overlay(overlays_folder() / overlay.id / OVERLAY_FILE, overlay.id)
        if of_pbr is not None and of_pbr.document.data == overlay.document.data:
            return None
    what = f"the overlay's id is '{overlay.id}', and {taken}"
    return Fault("E246", overlay.document.place(("id",)), what, _OWN_ID)


_OWN_ID = "Give yours an id of its own: what is decided or claimed under it names no other."


def _taken(name: str) -> str:
    """What has an id already, in words; empty where nothing has."""
    if name == IN_FORCE:
        return "that stands for whichever pack was in force"
    known = {**dict.fromkeys(overlay_ids(), "overlay"), **dict.fromkeys(pack_ids(), "pack")}
    return f"the {known[name]} of that id that comes with pbr is another" if name in known else ""


def _files(folder: Path, name: str, faults: list[Fault]) -> dict[str, bytes]:
    """The files of a pack by name, its overlay left out; what only looks like one of them is a fault."""
    files = {}
    for path in sorted(folder.iterdir()):
        suffix, place = path.suffix.lower(), f"{name}/{path.name}"
        if suffix in (".yml", ".yaml") and path.suffix != ".yaml":
            what = f"the file ends in {path.suffix}, and only files that end in .yaml are read"
            faults.append(Fault("E264", place, what, "Rename it, or move it into a folder beneath."))
        elif suffix == ".yaml" and not path.is_file():
            step = "Put a file in its place, or take it away."
            faults.append(Fault("E263", place, "this is a folder, a pipe or a device, and no file", step))
        elif suffix == ".yaml" and path.name != OVERLAY_FILE:
            files[path.name] = path.read_bytes()
    return files


def _with_overlay(national: LoadedPack, path: Path, name: str, *, carried: bool) -> LoadedPack:
    """A pack with the overlay of a file over it. Raises Faults: the overlay's own, and what it makes of the pack."""
    overlay, faults = read_overlay(path, name)
    if overlay is None:
        raise Faults(_without_echoes(faults))
    if overlay.over != national.pack.id:
        what = f"the overlay is over '{overlay.over}', and is put over '{national.pack.id}'"
        faults.append(Fault("E250", overlay.document.place(("over",)), what, f"Put it over {overlay.over}."))
        raise Faults(faults)
    if overlay.folder.parent == overlays_folder() and overlay.id != overlay.folder.name:
        what = f"the overlay's id is '{overlay.id}', but its folder is '{overlay.folder.name}'"
        faults.append(Fault("E256", overlay.document.place(("id",)), what, "Give both the same name."))
    if not carried and (fault := _overlay_passes_for_another(overlay)):
        faults.append(fault)
    written = {key: source.data[key] for key, source in national.sources.items() if key}
    merged = merge(national.pack, written, overlay, faults)
    files = {**national.files, OVERLAY_FILE: overlay.content}
    loaded = replace(national, files=files, beneath=national, merge=merged)
    pack = Builder(lambda at: loaded.place(*at), merged.data, faults).pack()
    own = [fault for fault in faults if fault.place.startswith(f"{name}:")]
    # A council may judge by other rules than the nation's: what of the pack is left unread misleads nobody.
    brought = [fault for fault in faults if fault not in own and fault.code != "E213"]
    if own or brought or pack is None:
        told = [replace(fault, what=f"with {overlay.id} over it, {fault.what}") for fault in brought]
        raise Faults([*_without_echoes(own), *told])
    pack = pack.model_copy(
        update={
            "id": f"{pack.id}+{overlay.id}",
            "title": f"{pack.title}, with {overlay.title}",
            "citation": f"{pack.citation} {overlay.citation}",
        }
    )
    return replace(loaded, pack=pack, digest=pack_digest(pack))


def pack_digest(pack: Pack) -> str:
    """SHA-256 of the pack's canonical form, in which what has an order in the pack keeps it.

    References look upwards, routes are priced and flags are written in the pack's order; so those mappings stand as
    lists of pairs. `fixed` stands where it is true.
    """
    form = pack.model_dump(mode="json", by_alias=True, exclude_none=True)
    for section in _ITEMS:
        for item in form[section].values():
            if not item["fixed"]:
                del item["fixed"]
    for section in ("eligibility", "results", "routes", "flags"):
        form[section] = list(form[section].items())
    return digest(form)


def _parted(path_or_id: str | Path) -> tuple[str | Path, str | None]:
    """`phase-2+surrey-2015` as pack and overlay. A folder whose name has a + in it is a folder."""
    if isinstance(path_or_id, Path) or "+" not in path_or_id or Path(path_or_id).is_dir():
        return path_or_id, None
    pack, _, overlay = path_or_id.rpartition("+")
    return pack, overlay


def _find_overlay(path_or_id: str | Path) -> tuple[Path, str]:
    """An overlay's file, and the file as faults call it."""
    path = Path(path_or_id)
    if path.is_file():
        return path, str(path)
    if (path / OVERLAY_FILE).is_file():
        return path / OVERLAY_FILE, str(path / OVERLAY_FILE)
    known, named = overlay_ids(), str(path_or_id)
    if named in known:
        return overlays_folder() / named / OVERLAY_FILE, f"rules/overlays/{named}/{OVERLAY_FILE}"
    what = f"there is no overlay '{named}'{close(named, known)}"
    step = f"Overlays that come with pbr: {', '.join(known) or 'none'}; or give the path of an overlay's YAML file."
    raise Faults(Fault("E226", str(path_or_id), what, step))


def _find(path_or_id: str | Path) -> tuple[Path, str]:
    """A pack's folder, and the folder as faults call it."""
    if isinstance(path_or_id, str) and path_or_id in pack_ids():
        return packs_folder() / path_or_id, f"rules/{path_or_id}"
    folder = Path(path_or_id)
    if path_or_id == IN_FORCE and not folder.exists():
        what = "this is no pack: as the `pack` of [rules] in pbr.toml it stands for whichever was in force"
        raise Faults(Fault("E201", IN_FORCE, what, "Set it there and leave the pack out here, or name one pack."))
    if (folder / PACK_FILE).is_file():
        return folder.resolve(), str(folder)
    if folder.is_dir():
        what, next_step = f"the folder has no {PACK_FILE}", "Name the folder that holds the pack's YAML files."
    else:
        near = close(str(path_or_id), pack_ids())
        what = f"there is no pack '{path_or_id}'{near}"
        next_step = f"Packs that come with pbr: {', '.join(pack_ids()) or 'none'}; or give the path of a pack's folder."
    raise Faults(Fault("E201", str(path_or_id), what, next_step))


def _together(documents: Iterable[Marked], faults: list[Fault]) -> tuple[dict[str, Marked], dict[str, Any]]:
    """The files' top-level keys as one mapping; a key that two of them give is a fault."""
    sources: dict[str, Marked] = {}
    data: dict[str, Any] = {}
    for document in documents:
        for key, value in document.data.items():
            if key in sources:
                place, first = document.place((key,)), sources[key].place((key,))
                faults.append(
                    Fault("E203", place, f"'{key}' is given twice (first in {first})", "Keep it in one of the files.")
                )
                continue
            sources[key] = document
            data[key] = value
    for document in documents:
        sources.setdefault("", document)
        if document.name.endswith(f"/{PACK_FILE}"):
            sources[""] = document
    return sources, data


def _place(sources: Mapping[str, Marked], path: marked.Path) -> str:
    return sources.get(str(path[0]) if path else "", sources[""]).place(path)


def _without_echoes(faults: Iterable[Fault]) -> list[Fault]:
    """Without what only follows from another fault: text that cannot be read brings on others in the same line."""
    found = list(faults)
    of_text = (*marked.UNREAD, "E204")
    unread = {fault.place for fault in found if fault.code in of_text}
    return [fault for fault in found if fault.place not in unread or fault.code in of_text]


# ------------------------------------------------------------------------------------------- from data to a pack


class Builder:
    """Makes typed things of the data one by one, so that a fault in one hides none in another."""

    def __init__(self, place: Callable[[marked.Path], str], data: dict[str, Any], faults: list[Fault]) -> None:
        self.place = place
        self.data = data
        self.faults = faults

    def fault(self, code: str, path: marked.Path, what: str, next_step: str) -> None:
        self.faults.append(Fault(code, self.place(path), what, next_step))

    def pack(self) -> Pack | None:
        """The pack; None where so much is wrong that there is none."""
        self._sources(self.data, ())
        broken = False
        sections: dict[str, Any] = {}
        for key, value in self.data.items():
            if key in _ITEMS and isinstance(value, dict):
                sections[key] = {}
                for name, item in value.items():
                    read = self._item(key, name, item)
                    if read is not None:
                        sections[key][name] = read
                    broken |= read is None
            elif key in _WHOLE:
                sections[key] = self._validated(_WHOLE[key], value, (key,))
                broken |= sections[key] is None
            else:
                sections[key] = value
        declared = {key: frozenset(self.data[key]) for key in _ITEMS if isinstance(self.data.get(key), dict)}
        if any(fault.code in marked.UNREAD for fault in self.faults):
            return None  # what could not be read would be missed everywhere
        if len(declared) == len(_ITEMS):
            draft = Draft(
                **{key: sections[key] for key in _ITEMS},
                in_force=sections.get("in_force") or (),
                tariff=sections.get("tariff") if isinstance(self.data.get("tariff"), dict) else None,
                declared=declared,
                whole=not broken and not self.faults,
            )
            self.faults += check(draft, self.place)
        return self._whole(sections, declared)

    def _sources(self, data: Any, path: marked.Path) -> None:
        """What has a title or a citation that says nothing."""
        if isinstance(data, tuple):
            for position, item in enumerate(data):
                self._sources(item, (*path, position))
        for key, value in data.items() if isinstance(data, dict) else ():
            if isinstance(value, str) and value and (why := says_nothing(key, value)):
                step = "Name the text that says so, and where in it." if key == "citation" else "Say what it is."
                self.fault("E248", (*path, key), f"{why}{_of(path)}", step)
            self._sources(value, (*path, key))

    def _whole(self, sections: dict[str, Any], declared: Mapping[str, frozenset[str]]) -> Pack | None:
        """The pack of its sections. What is wrong inside them is reported already."""
        reported = {key for key in sections if sections[key] is None}
        if "eligible" in declared.get("eligibility", ()) and "eligible" not in sections["eligibility"]:
            reported.add("eligibility")
        try:
            return Pack.model_validate({key: value for key, value in sections.items() if key not in reported})
        except ValidationError as error:
            for detail in error.errors():
                if not detail["loc"] or detail["loc"][0] not in reported:
                    self._translate(detail, (), self.data)
        return None

    def _item(self, section: str, name: str, item: Any) -> Any:
        path = (section, name)
        if not name.replace("_", "a").isalnum() or name != name.lower() or not name[0].isalpha() or not name.isascii():
            next_step = "Use small letters, digits and _, with a letter first."
            self.fault("E207", path, f"'{name}' cannot be an id in {section}", next_step)
            return None
        if section == "parameters":
            before = len(self.faults)
            item = self._with_values(item, path)
            if len(self.faults) > before:
                self._validated(_ITEMS[section], item, path)
                return None
        return self._validated(_ITEMS[section], item, path)

    def _validated(self, adapter: TypeAdapter[Any], data: Any, path: marked.Path) -> Any:
        try:
            return adapter.validate_python(data)
        except ValidationError as error:
            for detail in error.errors():
                self._translate(detail, path, data)
            return None

    def _with_values(self, parameter: Any, path: marked.Path) -> Any:
        """A parameter with its values as its unit has them: `15%` a share, `£3,200` pence, a need text."""
        if not isinstance(parameter, dict) or not isinstance(parameter.get("values"), tuple):
            return parameter
        unit = str(parameter.get("unit"))
        values = []
        for position, dated in enumerate(parameter["values"]):
            if isinstance(dated, dict) and "value" in dated:
                value: Any = 0
                try:
                    if unit in _WRITE:
                        value = in_unit(dated["value"], unit)
                except ValueError as wrong:
                    at = (*path, "values", position, "value")
                    what = f"parameter '{path[-1]}' is in {unit}, and {wrong}"
                    self.fault("E208", at, what, _WRITE[unit])
                dated = dated | {"value": value}
            values.append(dated)
        return parameter | {"values": tuple(values)}

    # ---------------------------------------------------------------------- pydantic's words into plain ones

    def _translate(self, error: ErrorDetails, path: marked.Path, data: Any) -> None:
        """One of pydantic's errors as a fault, at the line of what it is about."""
        path, value = _walk(path, data, error["loc"])
        key = path[-1] if path else ""
        context = error.get("ctx", {})
        match error["type"]:
            case "missing":
                self.fault("E205", path[:-1], f"'{key}' is missing{_of(path[:-1])}", f"Add `{key}:` to it.")
            case "extra_forbidden":
                allowed = _keys(path[:-1], _at(self.data, path[:-1]))
                listed = f"It can have: {', '.join(allowed)}."
                self.fault("E206", path, f"'{key}' is not a key{_of(path[:-1])}{close(str(key), allowed)}", listed)
            case "union_tag_not_found" | "union_tag_invalid" if key == "measure":
                name = value.get("name") if isinstance(value, dict) else value
                near = close(name, MEASURES) if isinstance(name, str) else ""
                what = f"there is no measure {_described(name)}{near}" if name else "a measure has no `name`"
                self.fault("E209", path, what, f"Measures: {', '.join(MEASURES)}.")
            case "union_tag_not_found" | "union_tag_invalid" if len(path) == 2 and path[0] == "flags":
                kind = value.get("kind") if isinstance(value, dict) else None
                what = f"'{kind}' is no kind of flag" if kind else f"'kind' is missing{_of(path)}"
                self.fault("E207" if kind else "E205", path, what, f"Kinds: {', '.join(_FLAGS)}.")
            case "union_tag_not_found" | "union_tag_invalid":
                kinds = ", ".join(_EXPRESSIONS)
                self.fault("E207", path, f"{_described(value)} is not a test", f"A test has one of the keys {kinds}.")
            case "value_error":
                self.fault("E210", path, str(context["error"]), "See docs/rule-language.md.")
            case "string_type" | "string_pattern_mismatch" if _is_parameter_name(path):
                next_step = "Give the figure a name, date, citation and standing under `parameters`, and name it here."
                self.fault("E207", path, f"'{key}' is {_described(value)}; it must name a parameter", next_step)
            case "string_pattern_mismatch":
                next_step = "Use small letters, digits and -, with a letter or digit first."
                self.fault("E207", path, f"'{key}' cannot be {_described(value)}", next_step)
            case "too_short" if value:
                pass  # only because of what is wrong inside it
            case "string_too_short" | "too_short":
                self.fault("E207", path, f"'{key}' is empty", "Fill it in.")
            case "literal_error":
                words = context["expected"].replace("'", "").replace(" or ", ", ").replace("True", "true").split(", ")
                near = close(value, words) if isinstance(value, str) and value not in words else ""
                what = f"'{key}' cannot be {_described(value)}{near}"
                self.fault("E207", path, what, f"It can be: {', '.join(words)}.")
            case kind:
                wanted = next((words for start, words in _KINDS.items() if kind.startswith(start)), "something else")
                found = f"the text {_described(value)}" if isinstance(value, str) else _described(value)
                named = f"'{key}'" if isinstance(key, str) else f"item {key + 1} of '{path[-2]}'"
                self.fault("E207", path, f"{named} is {found}; it must be {wanted}", "See docs/rule-language.md.")


_WRITE: dict[str, str] = {
    "share": "Write it as 15% or 5/6.",
    "pence": "Write it as £3,200 or £0.50.",
    "codes": "Write a list of words, each once, as in [ESA, JSA].",
    "need": "Write one word.",
    **dict.fromkeys(("count", "months", "terms", "weeks", "days", "years"), "Write a whole number."),
}

MOST: dict[str, int] = {
    "count": 1_000_000,
    "months": 1_200,
    "terms": 60,
    "weeks": 5_200,
    "days": 36_600,
    "years": 150,
    "pence": 10_000_000_00,
    "share": 1_000_000,
}
"""The greatest value of each unit; of a share, its parts. Far beyond any framework, and within every calendar."""
_LONGEST = 12
"""Digits of an amount: more are no amount, whatever they add up to."""

_KINDS = {
    "string": "text",
    "int": "a whole number",
    "bool": "true or false",
    "date": "a date such as 2012-04-01, without quotes",
    "tuple": "a list",
    "dict": "a set of keys with values",
    "model": "a set of keys with values",
}


def in_unit(value: Any, unit: str) -> Any:
    """A parameter's value from what is written. Raises ValueError, whose text says what is wrong."""
    match unit:
        case "share" if isinstance(value, str):
            share = Share.parse(value)
            if share.numerator > share.denominator:
                raise ValueError(f"{value} is more than the whole")
            if share.denominator > MOST["share"]:
                raise ValueError(f"{value} has more than {MOST['share']:,} parts")
            return share
        case "pence" if isinstance(value, str):
            return _at_most(_pence(value), unit, value)
        case "codes" if isinstance(value, tuple) and value and all(isinstance(code, str) and code for code in value):
            if len(set(value)) < len(value):
                raise ValueError("the list has a word twice")
            return value
        case "need" if isinstance(value, str) and value:
            return value
        case "count" | "days" if type(value) is int and value >= 0:
            return _at_most(value, unit, str(value))
        case "months" | "terms" | "weeks" | "years" if type(value) is int and value >= 1:
            return _at_most(value, unit, str(value))
    raise ValueError(f"{_described(value)} does not fit it")


def _at_most(number: int, unit: str, written: str) -> int:
    if number > MOST[unit]:
        most = pounds(MOST[unit]) if unit == "pence" else f"{MOST[unit]:,}"
        raise ValueError(f"{written} is more than {most}")
    return number


def _pence(text: str) -> int:
    whole, dot, odd = text.removeprefix("£").partition(".")
    groups = whole.split(",")
    grouped = len(groups) == 1 or (len(groups[0]) in (1, 2, 3) and all(len(group) == 3 for group in groups[1:]))
    digits = "".join(groups)
    if len(digits) > _LONGEST or not (text.startswith("£") and digits.isdecimal() and digits.isascii() and grouped):
        raise ValueError(f"'{text}' does not fit it")
    if dot and not (len(odd) == 2 and odd.isdecimal() and odd.isascii()):
        raise ValueError(f"'{text}' does not fit it")
    return int(digits) * 100 + int(odd or 0)


def _described(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}'"
        case int() | date():
            return str(value)
        case dict():
            return f"a set of keys ({', '.join(value)})" if value else "an empty set of keys"
        case _:
            return "a list" if value else "an empty list"


def _of(path: marked.Path) -> str:
    """` of eligibility 'education'`: what a fault is about, in the words of the pack."""
    match path:
        case ():
            return " in the pack"
        case (section, str(name), *rest):
            inner = f", {' '.join(str(part) for part in rest if isinstance(part, str))}" if rest else ""
            return f" in {section} '{name}'{inner}"
        case _:
            return f" in the {path[0]}"


def _is_parameter_name(path: marked.Path) -> bool:
    return path[-1] in EXPECTED_UNITS or path[:2] == ("tariff", "routes")


def _at(data: Any, path: marked.Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _keys(path: marked.Path, value: Any) -> list[str]:
    """The keys that the thing at a path can have."""
    shape = _shape(path, value)
    return [field.alias or name for name, field in shape.model_fields.items()] if shape else []


def _shape(path: marked.Path, value: dict[str, Any]) -> type[Node] | None:
    match path:
        case ():
            return Pack
        case ("parameters", _):
            return Parameter
        case ("parameters", *_):
            return DatedValue
        case ("flags", _):
            return _FLAGS.get(str(value.get("kind")))
        case ("routes", _):
            return Route
        case (_, _) if path[0] != "tariff":
            return Criterion
        case ("tariff",):
            return Tariff
        case (*_, "measure"):
            return MEASURES.get(str(value.get("name")))
        case (*_, "against"):
            return Against
        case ("in_force", _):
            return InForce
        case (*_, "engaged" | "decided"):
            return Period
        case _:
            return _EXPRESSIONS.get(str(tag_of(value)))


def _walk(path: marked.Path, data: Any, location: tuple[int | str, ...]) -> tuple[marked.Path, Any]:
    """Where in the data one of pydantic's locations is: without the tags that it puts in for unions."""
    tagged = False
    for step in location:
        if not tagged and step in _union_tags(path, data):
            tagged = True
            continue
        tagged = False
        path = (*path, step)
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return path, None
    return path, data


def _union_tags(path: marked.Path, data: Any) -> tuple[Any, ...]:
    """What pydantic may put in front of the keys of the data at a path: the kind of a flag, test or measure."""
    match path:
        case ("flags", _) if isinstance(data, dict):
            return (data.get("kind"),)
        case ("eligibility" | "results" | "routes" | "flags", _, _, *_) if isinstance(data, dict):
            return tag_of(data), data.get("name")
        case _:
            return ()
