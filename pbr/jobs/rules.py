"""What can be done with rule packs: list them, and read one as a rulebook.

In: a pack's id or folder. Out: tables and result objects, which the command line prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from pbr.engines import durable
from pbr.jobs.decide import ENGINES, Engine
from pbr.rulebook import words
from pbr.rulebook.load import LoadedPack, load_pack, pack_ids
from pbr.rulebook.model import ConditionFlag, Criterion, Expression, InForce, Parameter
from pbr.rulebook.rules import Rules, own_parameters, walk


def engines() -> dict[str, Engine]:
    """The engines that are installed here, by name."""
    return {name: engine for name, engine in ENGINES.items() if name != "durable" or durable.available()}


def list_packs() -> pl.DataFrame:
    """The packs that come with pbr: `pack`, `title`, `engaged_from`, `engaged_until`, `decided_from`, `decided_until`,
    `claimed_until`, `digest`, one row for each period in which a pack decides.
    """
    loaded = [load_pack(pack_id) for pack_id in pack_ids()]
    rows = [
        {
            "pack": one.pack.id,
            "title": one.pack.title,
            "engaged_from": period.engaged.start,
            "engaged_until": period.engaged.until,
            "decided_from": period.decided.start,
            "decided_until": period.decided.until,
            "claimed_until": one.pack.tariff.claimed_until,
            "digest": one.digest,
        }
        for one in loaded
        for period in one.pack.in_force
    ]
    named = ("engaged_from", "engaged_until", "decided_from", "decided_until", "claimed_until")
    dates = dict.fromkeys(named, pl.Date)
    return pl.DataFrame(rows, schema={"pack": pl.String, "title": pl.String, **dates, "digest": pl.String})


# ---------------------------------------------------------------------------------------------------- the rulebook


@dataclass(frozen=True)
class Figure:
    """A parameter's value from one day on, with where it comes from."""

    parameter: str
    title: str
    value: str
    since: date
    standing: str
    citation: str


@dataclass(frozen=True)
class Entry:
    """A criterion, route or flag in words. `lines` are its test, each with how deep it stands."""

    part: str
    id: str
    title: str
    standing: str
    citation: str
    lines: tuple[tuple[int, str], ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Rulebook:
    """A pack as people read it, with the figures of one day; those of the tariff are all there are."""

    pack: str
    title: str
    citation: str
    digest: str
    on: date
    entries: tuple[Entry, ...]
    tariff_citation: str
    in_force: tuple[InForce, ...]
    claimed_until: date
    tariff: tuple[Figure, ...]


def rulebook(loaded: LoadedPack, on: date | None = None) -> Rulebook:
    """A pack in plain English as of a day (by default the last on which claims can be made). Raises Faults (E214)."""
    on = on or loaded.last_day
    rules, pack = loaded.rules(on), loaded.pack
    entries = []
    groups = (("eligibility", pack.eligibility), ("result", pack.results), ("route", pack.routes))
    for part, criteria in groups:
        for name, criterion in criteria.items():
            entries.append(_entry(part, name, criterion, rules))
    for name, flag in pack.flags.items():
        lines: list[tuple[int, str]] = []
        tests = (("where", flag.when), ("unless", flag.unless)) if isinstance(flag, ConditionFlag) else ()
        read = [flag.session, flag.incident, flag.exclusion, flag.days_in_work] if flag.kind == "near_threshold" else []
        for word, test in tests:
            if test is not None:
                lines += [(0, f"{word}:"), *((depth + 1, line) for depth, line in words.outline(test, rules))]
                read += _read_in(test)
        entries.append(Entry("flag", name, flag.title, "", flag.citation, tuple(lines), _figures(read, rules)))
    tariff = pack.tariff
    named = (tariff.attachment_fee, *tariff.routes.values(), tariff.family_cap)
    priced = [name for name in (*named, tariff.funded_share, tariff.earned_autonomy) if name is not None]
    return Rulebook(
        pack=pack.id,
        title=pack.title,
        citation=pack.citation,
        digest=loaded.digest,
        on=on,
        entries=tuple(entries),
        tariff_citation=tariff.citation,
        in_force=pack.in_force,
        claimed_until=tariff.claimed_until,
        tariff=tuple(figure for name in priced for figure in _all_values(name, pack.parameters[name])),
    )


def _entry(part: str, name: str, criterion: Criterion, rules: Rules) -> Entry:
    lines = tuple(words.outline(criterion.test, rules))
    figures = _figures(_read_in(criterion.test), rules)
    return Entry(part, name, criterion.title, criterion.standing, criterion.citation, lines, figures)


def _read_in(test: Expression) -> list[str]:
    return [name for node in walk(test) for name in own_parameters(node)]


def _figures(names: list[str], rules: Rules) -> tuple[Figure, ...]:
    """The figures that are read, each once, in the order of the reading."""
    figures = []
    for name in dict.fromkeys(names):
        parameter, dated = rules.pack.parameters[name], rules.values[name]
        said = words.limit(name, rules)
        figures.append(Figure(name, parameter.title, said, dated.start, dated.standing, dated.citation))
    return tuple(figures)


def _all_values(name: str, parameter: Parameter) -> Iterator[Figure]:
    for dated in parameter.values:
        said = words.figure(parameter, dated)
        yield Figure(name, parameter.title, said, dated.start, dated.standing, dated.citation)
