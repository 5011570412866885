"""Is this installation fit? Which engines are here, and do they decide a made-up family alike; versions of what counts.

In: nothing but the machine. Out: a `Checkup`. A run needs two engines: every claimed family is decided by both.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from re import match
from typing import Any

import polars as pl

from pbr.engines import durable
from pbr.engines.agree import differences
from pbr.errors import PbrError
from pbr.jobs.decide import ENGINES
from pbr.measures.facts import Facts, fact_type
from pbr.rulebook.load import load_pack
from pbr.rulebook.rules import Rules

PACK = "phase-1"


@dataclass(frozen=True)
class EngineState:
    """An engine: whether it decides here, and what there is to say about it."""

    engine: str
    works: bool
    note: str


@dataclass(frozen=True)
class Checkup:
    """What `pbr doctor` finds. `versions` has pbr and all it depends on, null where one is not installed."""

    python: str
    platform: str
    c_compiler: str | None
    versions: dict[str, str | None]
    engines: tuple[EngineState, ...]

    @property
    def is_fit(self) -> bool:
        """Whether two engines decide here."""
        return sum(engine.works for engine in self.engines) >= 2


def doctor() -> Checkup:
    """Look at this installation. Whatever is wrong is in the result; nothing is raised."""
    return Checkup(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=platform.platform(),
        c_compiler=shutil.which(os.environ.get("CC", "cc")),
        versions=_versions(),
        engines=_engines(),
    )


def _versions() -> dict[str, str | None]:
    try:
        named = [match(r"[A-Za-z0-9._-]+", requirement) for requirement in requires("pbr") or ()]
    except PackageNotFoundError:  # run from a checkout that was not installed
        named = []
    return {name: _version(name) for name in ("pbr", *sorted({found[0] for found in named if found}))}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _engines() -> tuple[EngineState, ...]:
    try:
        pack = load_pack(PACK)
        rules = pack.rules(pack.pack.tariff.claimed_until)
    except PbrError as error:
        return tuple(EngineState(name, False, f"the pack {PACK} cannot be read: {error}") for name in ENGINES)
    facts = _facts_of_a_family_without_evidence(rules)
    expected = ENGINES["reference"](facts, rules)
    return tuple(_state(name, facts, rules, expected) for name in ENGINES)


def _state(name: str, facts: Facts, rules: Rules, expected: pl.DataFrame) -> EngineState:
    if name == "durable" and not durable.available():
        return EngineState(name, False, f"durable-rules does not load: {durable.why_not_available()}")
    try:
        found = ENGINES[name](facts, rules)
    except PbrError as error:
        return EngineState(name, False, str(error))
    wrong = list(differences(name, found, "reference", expected))
    return EngineState(name, not wrong, wrong[0] if wrong else "")


def _facts_of_a_family_without_evidence(rules: Rules) -> Facts:
    """One family of one person, who holds every role; nothing is covered."""

    def row(ids: dict[str, Any], roles: Iterable[str], units: Mapping[str, str]) -> pl.DataFrame:
        nothing: dict[str, Any] = {"value": None, "of": None, "reason": "not_covered", "records": []}
        cells = {key: pl.Series([nothing], dtype=fact_type(unit)) for key, unit in units.items()}
        return pl.DataFrame({**ids, **dict.fromkeys(roles, True), **cells})

    family = {"family_id": "F1", "engaged_on": rules.pack.in_force[0].engaged.start}
    member = {"family_id": "F1", "subject_id": "P1"}
    of_family = {key: measure.unit for key, measure in rules.family_measures.items()}
    of_member = {key: measure.unit for key, (measure, _) in rules.member_measures.items()}
    return Facts(rules.on, row(family, (), of_family), row(member, [role.key for role in rules.roles], of_member))
