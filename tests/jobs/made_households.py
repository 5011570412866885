"""Households that claim: each has a child whose attendance was mended, and an adult who may have gone to work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pbr.workspace import Workspace

COVERED = "covers = {from = 2012-09-01, until = 2014-11-30}\n"
SOURCES = ("families", "members", "needs", "attendance", "exclusions", "offending", "employment")
ABSENT = {"autumn": 27, "spring": 15, "summer": 15}


@dataclass(frozen=True)
class Household:
    """A family of a child and an adult, eligible on the day it engages. `works_since`: when the adult left benefits for
    work; 26 weeks later the family has continuous employment as well.
    """

    family_id: str
    child: str
    adult: str
    surname: str = "Brindle"
    postcode: str = "QX1 1AD"
    births: tuple[str, str] = ("2003-05-04", "1980-02-01")
    forenames: tuple[str, str] = ("Ivo", "Ada")
    engaged_on: str = "2013-10-01"
    works_since: str = ""
    joined_on: str = ""
    left_on: str = ""

    @property
    def members(self) -> list[str]:
        rows = zip((self.child, self.adult), self.forenames, self.births, strict=True)
        return [
            f"{person},{self.family_id},{forename},{self.surname},{birth},{self.postcode},{self.joined_on},{self.left_on}"
            for person, forename, birth in rows
        ]

    @property
    def attendance(self) -> list[str]:
        before = [f"{self.family_id}-12-{term},{self.child},2012/13,{term},120,4,{n}" for term, n in ABSENT.items()]
        since = [f"{self.family_id}-13-{term},{self.child},2013/14,{term},120,4,2" for term in ABSENT]
        return [f"{row},registered" for row in before + since]

    @property
    def employment(self) -> list[str]:
        ended = self.works_since and "2014-03-10"
        benefit = f"{self.family_id}-B,{self.adult},benefit,JSA,2013-01-01,{ended}"
        work = f"{self.family_id}-K,{self.adult},work,,{self.works_since},"
        return [benefit, *([work] if self.works_since else [])]


def write(root: Path, households: Sequence[Household], *more_members: str) -> Workspace:
    """A workspace of these households; written again, the same workspace with other extracts."""
    rows = {
        "families": ["family_id,engaged_on", *(f"{each.family_id},{each.engaged_on}" for each in households)],
        "members": [
            "person_id,family_id,forename,surname,date_of_birth,postcode,joined_on,left_on",
            *(row for each in households for row in each.members),
            *more_members,
        ],
        "needs": [
            "record_id,family_id,need,identified_on",
            *(f"{each.family_id}-N,{each.family_id},local_discretion,2013-09-02" for each in households),
        ],
        "attendance": [
            "record_id,person_id,academic_year,term,sessions_possible,sessions_authorised,sessions_unauthorised,enrolment",
            *(row for each in households for row in each.attendance),
        ],
        "employment": [
            "record_id,person_id,kind,code,starts_on,ends_on",
            *(row for each in households for row in each.employment),
        ],
        "exclusions": ["record_id,person_id,kind,starts_on,sessions"],
        "offending": ["record_id,person_id,kind,occurred_on"],
    }
    root.mkdir(exist_ok=True)
    toml = '[authority]\ncode = "E06000034"\nname = "Thurrock"\n\n[rules]\npack = "phase-1"\n'
    for source in SOURCES:
        (root / f"{source}.csv").write_text("\n".join(rows[source]) + "\n", "utf-8")
        covers = "" if source in ("families", "members", "attendance") else COVERED
        toml += f'\n[sources.{source}]\npath = "{source}.csv"\nextracted_on = 2014-12-01\n{covers}'
    (root / "pbr.toml").write_text(toml, "utf-8")
    return Workspace.load(root)
