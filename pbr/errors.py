"""Coded faults: what is wrong, where, why, and what to do next.

Every room collects its faults and raises them together, once, as `Faults`. A fault never holds a name, a date of
birth or an address: places are files, rows, columns and ids.

Codes: E1xx workspace and sources, E2xx rulebook, E3xx linkage, E4xx measures and engines, E5xx claims and bundles,
E6xx ledger. Each code means one thing and is listed in `docs/errors.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    `place` is a path, with a line or row where there is one (`rules/phase-1/parameters.yaml:17`); `what` states the
    fault with the value found and the bound it broke; `next_step` says what to do about it.
    """

    code: str
    place: str
    what: str
    next_step: str

    def __lt__(self, other: Fault) -> bool:
        return self._order() < other._order()

    def _order(self) -> tuple[list[tuple[str, int]], str, str, str]:
        """By file and line, which count as numbers: line 12 comes before line 104."""
        parts = re.findall(r"([^0-9]*)([0-9]*)", self.place)
        return [(text, int(number or -1)) for text, number in parts], self.code, self.what, self.next_step

    def __str__(self) -> str:
        what = self.what if self.what.endswith((".", "?", "!")) else self.what + "."
        return " ".join(part for part in (self.code, self.place, what, self.next_step) if part)


class PbrError(Exception):
    """The root of everything this package raises on purpose."""

    exit_code = 1


class Faults(PbrError):
    """All the faults that one stage found, together. Exit code 1."""

    def __init__(self, faults: Iterable[Fault] | Fault) -> None:
        found = [faults] if isinstance(faults, Fault) else list(faults)
        self.faults: tuple[Fault, ...] = tuple(sorted(set(found)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Disagreement(PbrError):
    """Two engines, or a bundle and its replay, give different findings. Exit code 3.

    `differences` are sentences, one for each family, item and column that differs, in sorted order.
    """

    exit_code = 3

    def __init__(self, what: str, differences: Iterable[str]) -> None:
        self.what = what
        self.differences: tuple[str, ...] = tuple(differences)
        super().__init__("\n".join((what, *self.differences)))
