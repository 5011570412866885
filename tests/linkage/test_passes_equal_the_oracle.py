"""Every link that the passes make of random people is that of an independent reading of docs/linkage.md, and no other.

PBR_ORACLE_PEOPLE sets how many authorities of some forty members and 500 records are compared (16 by default),
PBR_ORACLE_SEED where to begin.
"""

from __future__ import annotations

import csv
import io
import os
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from pbr.linkage import attach
from pbr.linkage.attach import Method
from pbr.workspace import LinkageSettings
from tests.oracle import who
from tests.oracle.random_people import IDENTITY, People, Row
from tests.sources.made_sources import Authority

HOUSEHOLDS, RECORDS = 12, 500
FIRST = int(os.environ.get("PBR_ORACLE_SEED", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("PBR_ORACLE_PEOPLE", "16")))
Found = dict[str, list[who.Link]]


def as_csv(columns: Iterable[str], rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def periods(rows: list[Row]) -> list[Row]:
    """The members' rows with periods that do not overlap where a person has several."""
    seen: Counter[str] = Counter()
    dated = []
    for row in rows:
        at = seen[row["person_id"]]
        seen[row["person_id"]] += 1
        dated.append(row | {"joined_on": f"{2000 + at}-01-01", "left_on": f"{2001 + at}-01-01"})
    return dated


def settings(seed: int) -> tuple[tuple[str, ...], dict[str, str]]:
    """Which passes, and what they give: mostly as they come, else some left out and some changed."""
    if seed % 3:
        return who.PASSES, {}
    rng = random.Random(seed)
    passes = tuple(each for each in who.PASSES if rng.random() < 0.8)
    gives = {each: rng.choice(["confirmed", "possible"]) for each in who.GIVES if rng.random() < 0.4}
    return passes, gives


def of_pbr(
    folder: Path, members: list[Row], records: list[Row], passes: tuple[str, ...], gives: dict[str, str]
) -> Found:
    authority = Authority(folder)
    families = sorted({row["family_id"] for row in members})
    authority.write("families", "family_id,engaged_on\n" + "".join(f"{each},2013-01-01\n" for each in families))
    authority.write("members", as_csv(("family_id", "joined_on", "left_on", *IDENTITY), periods(members)))
    told = [
        {"record_id": f"R{at}", "kind": "asb", "occurred_on": "2014-01-01"} | row for at, row in enumerate(records, 1)
    ]
    authority.write("offending", as_csv(("record_id", "kind", "occurred_on", *IDENTITY), told))
    how = LinkageSettings.model_validate({"passes": passes, "gives": gives})
    found: Found = {}
    links = attach(authority.read(), Method(how)).links
    for record_id, *link in links.select("record_id", "person_id", "status", "pass").iter_rows():
        found.setdefault(record_id, []).append(who.Link(*link))
    return {record_id: sorted(links) for record_id, links in found.items()}


def of_oracle(members: list[Row], records: list[Row], passes: tuple[str, ...], gives: dict[str, str]) -> Found:
    known = who.members(members, passes, gives)
    linked = {f"R{at}": known.link(row) for at, row in enumerate(records, 1)}
    return {record_id: links for record_id, links in linked.items() if links}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_link_is_the_oracles(seed: int, tmp_path: Path) -> None:
    people = People(seed, HOUSEHOLDS)
    records = [row for row in (people.record() for _ in range(RECORDS)) if row]
    how = settings(seed)
    expected = of_oracle(people.rows, records, *how)
    found = of_pbr(tmp_path, people.rows, records, *how)
    told = []
    for at, record in enumerate(records, 1):
        want, got = expected.get(f"R{at}", []), found.get(f"R{at}", [])
        if want != got:
            named = {link.person_id for link in [*want, *got]}
            rows = [row for row in people.rows if row["person_id"] in named]
            told.append(f"{record}\n  oracle {want}\n  pbr    {got}\n  " + "\n  ".join(map(str, rows)))
    assert not told, f"seed {seed}, {how}: {len(told)} of {len(records)} differ\n" + "\n".join(told[:3])


def test_random_people_meet_every_pass_with_every_status_and_every_level() -> None:
    links: Counter[tuple[str, str]] = Counter()
    names: Counter[str] = Counter()
    births: Counter[str] = Counter()
    several = 0
    for seed in range(8):
        people = People(seed, HOUSEHOLDS)
        known = who.members(people.rows)
        for record in (people.record() for _ in range(RECORDS)):
            found = known.link(record)
            links.update((link.made_by, link.status) for link in found)
            several += len(found) > 1
            for person in known.ways:
                agreed = known.agreement(who.shown(record), person)
                names[agreed.name] += 1
                births[agreed.birth] += 1
    always_possible = {"birth_near", "initial", "birth_missing", "moved_house", "variant_elsewhere"}
    never = {(each, "confirmed") for each in always_possible}
    assert set(links) == {(each, status) for each in who.PASSES for status in ("confirmed", "possible")} - never
    # A person id on somebody else's record takes a name and a birth that are both others.
    assert min(count for (made_by, _), count in links.items() if made_by != "person_id") >= 5
    assert set(names) == set(who.NAME_LEVELS) and set(births) == set(who.BIRTH_LEVELS)
    assert several >= 100
