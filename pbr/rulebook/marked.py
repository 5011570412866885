"""YAML as plain data with the line of every key and item, so that a fault can point at what it is about.

In: the bytes of one file. Out: text, whole numbers, `true` and `false`, dates, tuples and dicts with text keys, and the
lines they stand on; and every fault of the text at once. YAML's own guesses are not taken: `no` is not false, `1.5` and
`12:30` are no numbers, nothing is null, no key counts twice, and nothing stands for something written elsewhere. What
is read is what a person sees: no character moves other text about, or shows as nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml

from pbr.errors import Fault

Path = tuple[str | int, ...]

UNREAD = ("E202", "E203", "E249")
"""The faults by which some of a file was not read, so that what is missing in it may be there."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LINE_END = re.compile(r"\r\n|\r|\n")
_UNSEEN = re.compile(
    r"[\x00-\x08\x0A-\x1F\x7F-\x9F\u00AD\u061C\u200B-\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]"
)
"""Controls but for the tab; what changes the direction of text; what has no width; and other ends of lines."""
_EMPTY = re.compile(r"~|null|Null|NULL|")
_TRUTH = re.compile(r"yes|no|on|off|true|false", re.IGNORECASE)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 50
_TEXT = "tag:yaml.org,2002:str"


@dataclass(frozen=True)
class Marked:
    """One file's data. `lines` has the line of every path; `name` is the file as faults call it."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)

    def place(self, path: Path) -> str:
        """`rules/phase-1/parameters.yaml:17`: the line of the path, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"


def read(content: bytes, name: str) -> tuple[Marked, list[Fault]]:
    """A file whose top level is a mapping, and what is wrong with it (E202, E203, E204, E249)."""
    reader = _Reader(name)
    try:
        text = content.decode("utf-8-sig")
        _look_for_unseen(text, reader)
        if not reader.faults:
            _look_ahead(text, reader)
        if reader.faults:
            return Marked(name), reader.faults
        root = yaml.compose(text, Loader=_LOADER)
        if isinstance(root, yaml.MappingNode):
            return Marked(name, reader.value(root, ()), reader.lines), reader.faults
    except UnicodeDecodeError:
        return Marked(name), [Fault("E202", name, "the file is not UTF-8 text", "Save it as UTF-8.")]
    except yaml.YAMLError as error:
        return Marked(name), [_unreadable(name, error)]
    reader.fault_at("E202", 0, "the file does not hold keys with values", "Start it with a key, as in `key: …`.")
    return Marked(name), reader.faults


def _look_for_unseen(text: str, reader: _Reader) -> None:
    """Characters that show as nothing, or turn other text about; line by line, in remarks as well."""
    for number, line in enumerate(_LINE_END.split(text)):
        reader.look_for_unseen(line, number)


def _look_ahead(text: str, reader: _Reader) -> None:
    """What would be unsafe to build: values that stand for others (and so for far too much), and bottomless nesting."""
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=_LOADER):
        is_alias = isinstance(event, yaml.AliasEvent)
        sign = (
            "*" if is_alias else "&" if getattr(event, "anchor", None) else "!" if getattr(event, "tag", None) else ""
        )
        if sign:
            what = f"anchors, aliases and tags are not read (`{sign}` in front of a value)"
            next_step = "Write the value out, or put the text in quotes."
            reader.fault_at("E202", event.start_mark.line, what, next_step)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            what = f"the file nests more than {_DEEPEST} levels deep"
            reader.fault_at("E202", event.start_mark.line, what, "Write it flatter.")
            return


def _unreadable(name: str, error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
    place = f"{name}:{mark.line + 1}" if mark else name
    return Fault("E202", place, f"the file is not YAML: {problem}", "Mend the line, or the one before it.")


class _Reader:
    """Turns composed nodes into plain data, and collects lines and faults."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Path, int] = {}
        self.faults: list[Fault] = []

    def fault_at(self, code: str, line: int, what: str, next_step: str) -> None:
        self.faults.append(Fault(code, f"{self.name}:{line + 1}", what, next_step))

    def look_for_unseen(self, text: str, line: int) -> None:
        """Reports the first character of a text that nobody sees; in quotes it may be written as an escape."""
        if found := _UNSEEN.search(text):
            what = f"a character that is not seen, U+{ord(found[0]):04X}, stands in the text"
            self.fault_at("E249", line, what, "Take it out: what is read is what a person sees.")

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return tuple(self.value(item, (*path, position)) for position, item in enumerate(node.value))
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line
            if not isinstance(key_node, yaml.ScalarNode):
                self.fault_at("E202", line, "a key is not plain text", "Give each value a key of one word.")
                continue
            key = key_node.value
            self.look_for_unseen(key, line)
            if key in data:
                before = self.lines[(*path, key)]
                self.fault_at(
                    "E203", line, f"'{key}' is given twice (first on line {before})", "Keep one of them, or rename one."
                )
                continue
            self.lines[(*path, key)] = line + 1
            data[key] = self.value(value_node, (*path, key))
        return data

    def _scalar(self, node: yaml.Node) -> Any:
        text: str = node.value
        self.look_for_unseen(text.replace("\n", ""), node.start_mark.line)
        if getattr(node, "style", None):  # in quotes, or a block of text
            return text
        line = node.start_mark.line
        if text in ("true", "false"):
            return text == "true"
        if _NUMBER.fullmatch(text):
            return int(text)
        if _DATE.fullmatch(text):
            try:
                return date.fromisoformat(text)
            except ValueError:
                self.fault_at("E204", line, f"{text} is no day of the calendar", "Write a date as 2012-04-01.")
                return date.min
        if _EMPTY.fullmatch(text):
            self.fault_at("E204", line, "a value is empty", "Give it a value, or take its key away.")
        elif _TRUTH.fullmatch(text):
            next_step = "Write true or false in small letters, or put the word in quotes."
            self.fault_at("E204", line, f"'{text}' might be a word or a truth", next_step)
        elif node.tag != _TEXT:
            next_step = "Write whole numbers plainly, shares as 15% or 57/380, money as £3,200, other text in quotes."
            self.fault_at("E204", line, f"'{text}' is read as a number or a time by some readers of YAML", next_step)
        return text
