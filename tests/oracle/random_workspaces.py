"""Small random workspaces aimed at the edges of the Phase 1 rules: what goes in is a seed, what comes out a folder.

`write(folder, seed, families)` writes pbr.toml and its CSV sources and returns the as-of date to decide for. Every
limit is hit exactly, missed by one and passed by one far more often than chance would: windows' first and last days,
15% of sessions, three suspensions, falls of 60% and 33%, 26 weeks, 91 days, birthdays, joins and leaves, coverage one
day short, rows that cannot be read, links that cannot be decided. All people are invented, and their identifiers have
right check digits in ranges that are never given to anybody (schools below 1000, NHS numbers of 999, NINOs of X).
"""

import csv
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from tests.oracle import who
from tests.oracle.phase1 import (
    CustomTerms,
    Term,
    academic_year,
    birthday,
    last_terms,
    months_before,
    of_school_age,
    under_18,
)

DAY = timedelta(days=1)
FORENAMES = [
    "Ada",
    "Bela",
    "Cora",
    "Dov",
    "Edda",
    "Finn",
    "Gus",
    "Hetty",
    "Ivo",
    "Juno",
    "Kit",
    "Lark",
    "Mab",
    "Ned",
    "Orla",
    "Pip",
    "Quill",
    "Rhea",
    "Sorrel",
    "Tam",
    "Una",
    "Vesta",
    "Wren",
    "Yana",
    "Zeb",
    "Edward",
    "Catherine",
    "Robert",
]
SURNAMES = [
    "Ashbeck",
    "Brindle",
    "Copperwell",
    "Dunmarsh",
    "Elderby",
    "Fernhollow",
    "Greywick",
    "Hartlemere",
    "Inglethorpe",
    "Jessamy",
    "Kestrelby",
    "Larkham",
    "Mossgrove",
    "Netherfold",
    "Oakenshaw",
    "Penhallow",
]
COLUMNS = {
    "families": ["family_id", "engaged_on", "closed_on", "lead_worker"],
    "members": [
        "person_id",
        "upn",
        "nino",
        "nhs_number",
        "pnc_id",
        "forename",
        "surname",
        "date_of_birth",
        "postcode",
        "family_id",
        "joined_on",
        "left_on",
    ],
    "needs": ["record_id", "family_id", "need", "identified_on"],
    "attendance": [
        "academic_year",
        "term",
        "sessions_possible",
        "sessions_authorised",
        "sessions_unauthorised",
        "enrolment",
    ],
    "marks": ["date", "session", "code"],
    "exclusions": ["kind", "starts_on", "sessions"],
    "offending": ["kind", "occurred_on", "disposal"],
    "employment": ["kind", "code", "starts_on", "ends_on"],
}
IDENTITY = ["person_id", "upn", "nino", "nhs_number", "pnc_id", "forename", "surname", "date_of_birth", "postcode"]
EVIDENCE = ["needs", "attendance", "marks", "exclusions", "offending", "employment"]
Row = dict[str, str]


def is_a_past_day(text: str) -> bool:
    try:
        return date.fromisoformat(text) < date(2016, 1, 1)
    except ValueError:
        return False


@dataclass
class Person:
    person_id: str
    born: date
    identity: Row
    stays: list[tuple[str, date | None, date | None]] = field(default_factory=list)


class Authority:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.people: list[Person] = []
        self.as_of = self.draw_as_of()
        self.custom = self.draw_calendar()
        self.engagements = [self.draw_engagement() for _ in range(4)]
        self.record_ids = self.chance(0.85)
        self.serial = 0

    # ---- drawing

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def near(self, d: date) -> date:
        return d + self.rng.choice([-1, 0, 0, 0, 1]) * DAY

    def between(self, first: date, last: date) -> date:
        return first + self.rng.randint(0, max(0, (last - first).days)) * DAY

    def inside(self, first: date, until: date) -> date:
        """A day of [first, until), its first or last more often than not."""
        return self.rng.choice([first, until - DAY, self.between(first, until - DAY), self.between(first, until - DAY)])

    def draw_as_of(self) -> date:
        edges = [
            date(2014, 2, 28),
            date(2014, 3, 1),
            date(2013, 8, 31),
            date(2014, 8, 31),
            date(2014, 9, 1),
            date(2014, 1, 1),
            date(2013, 4, 1),
            date(2014, 4, 21),
            date(2015, 5, 31),
            date(2012, 12, 31),
        ]
        return self.rng.choice(edges) if self.chance(0.5) else self.between(date(2012, 9, 1), date(2015, 6, 30))

    def draw_engagement(self) -> date:
        edges = [
            date(2012, 2, 29),
            date(2012, 8, 31),
            date(2013, 8, 31),
            date(2013, 9, 1),
            date(2013, 1, 1),
            date(2013, 3, 31),
            date(2013, 4, 1),
            months_before(self.as_of, 6),
            months_before(self.as_of, 12),
            self.as_of - DAY,
        ]
        drawn = self.rng.choice(edges) if self.chance(0.6) else self.as_of - self.rng.randint(100, 900) * DAY
        return drawn if drawn < self.as_of else self.as_of - 200 * DAY

    def draw_calendar(self) -> CustomTerms:
        """Now and then a whole school year of the authority's own, with holidays between its terms."""
        custom: CustomTerms = {}
        for year in (self.as_of.year - 2, self.as_of.year - 1):
            if self.chance(0.15):
                custom[academic_year(year), "autumn"] = date(year, 9, 4), date(year, 12, 20)
                custom[academic_year(year), "spring"] = date(year + 1, 1, 6), date(year + 1, 3, 28)
                custom[academic_year(year), "summer"] = date(year + 1, 4, 14), date(year + 1, 7, 22)
        return custom

    # ---- people

    def upn(self) -> str:
        digits = f"{self.rng.choice(['801', '207', '330', '883'])}0{self.rng.randint(0, 10**8 - 1):08d}"
        total = sum(int(c) * position for position, c in enumerate(digits, start=2))
        return "ABCDEFGHJKLMNPQRTUVWXYZ"[total % 23] + digits

    def nino(self) -> str:
        return (
            self.rng.choice(["XA", "XB", "XE", "XK", "XW"])
            + f"{self.rng.randint(0, 999999):06d}"
            + self.rng.choice("ABCD")
        )

    def nhs_number(self) -> str:
        while True:
            base = f"999{self.rng.randint(0, 999999):06d}"
            check = 11 - sum(int(c) * weight for c, weight in zip(base, range(10, 1, -1), strict=True)) % 11
            if check != 10:
                return base + str(check % 11)

    def pnc_id(self) -> str:
        year, serial = self.rng.choice(["2009", "2011", "2012"]), f"{self.rng.randint(9000000, 9999999):07d}"
        return f"{year}/{serial}{'ZABCDEFGHJKLMNPQRTUVWXY'[int(year[2:] + serial) % 23]}"

    def person(self, born: date, family: str, postcode: str) -> Person:
        person_id = f"P{len(self.people) + 1:04d}"
        identity = {
            "person_id": person_id,
            "forename": self.rng.choice(FORENAMES),
            "surname": self.rng.choice(SURNAMES),
            "date_of_birth": born.isoformat(),
            "postcode": postcode,
            "nhs_number": self.nhs_number(),
            "pnc_id": self.pnc_id() if self.chance(0.7) else "",
        }
        if born.year < 1999:
            identity["nino"] = self.nino()
        if born.year >= 1994:
            identity["upn"] = self.upn()
        person = Person(person_id, born, identity, [(family, None, None)])
        self.people.append(person)
        return person

    def identity(self, person: Person) -> Row:
        """How a supplier names the person: mostly by the authority's id, else by a number and more, else by name."""
        known = person.identity
        style = self.rng.random()
        if style < 0.6:
            return {"person_id": person.person_id}
        row = {c: known[c] for c in ("forename", "surname", "date_of_birth", "postcode")}
        if style < 0.82:
            column = self.rng.choice([c for c in ("upn", "nino", "nhs_number", "pnc_id") if known.get(c)])
            text = known[column]
            if self.chance(0.3):
                text = text.lower() if self.chance(0.5) else text[:3] + " " + text[3:]
            beside = self.rng.choice([("date_of_birth",), ("surname", "forename"), tuple(row)])
            row = {column: text} | {c: row[c] for c in beside if not self.chance(0.05)}
        elif self.chance(0.4):
            row |= {"surname": row["surname"].upper(), "postcode": row["postcode"].replace(" ", "").lower()}
        if self.chance(0.25):
            self.go_wrong(row, person)
        return row

    def go_wrong(self, row: Row, person: Person) -> None:
        """One thing that suppliers get wrong of a person, or that has changed, or that is somebody else's."""
        name = self.rng.choice(["surname", "forename"])
        born = row.get("date_of_birth", "")
        match self.rng.choice(["character", "nickname", "names", "initial", "birth", "birth", "moved", "other", "id"]):
            case "character" if row.get(name):
                at = self.rng.randrange(len(row[name]))
                row[name] = row[name][:at] + self.rng.choice(["", "e", "n"]) + row[name][at + 1 :]
            case "nickname" if also := sorted(who.nicknames().get(row.get("forename", "").lower(), ())):
                row["forename"] = self.rng.choice(also).title()
            case "names" if row.get("surname"):
                row["surname"], row["forename"] = row.get("forename", ""), row["surname"]
            case "initial" if row.get("forename"):
                row["forename"] = self.rng.choice(["", row["forename"][0]])
            case "birth" if born:
                figures = self.rng.choice(
                    [born[:5] + born[8:] + born[4:7], born[:9] + self.rng.choice("0123456789"), "1900-01-01"]
                )
                row["date_of_birth"] = figures if is_a_past_day(figures) else "1900-01-01"
            case "moved":
                row["postcode"] = self.rng.choice(["QX5 5XX", "ZZ99 3VZ", ""])
            case "other":  # another's number, or a number on another's record
                other = self.rng.choice(self.people)
                row["nhs_number"] = other.identity["nhs_number"]
            case "id":
                row["person_id"] = "ELSEWHERE-7"

    # ---- rows

    def add(self, table: str, row: Row, person: Person | None = None) -> Row:
        self.serial += 1
        if self.record_ids and table not in ("families", "members"):
            row = {"record_id": f"{table[:2]}{self.serial:06d}"} | row
        if person is not None:
            row = self.identity(person) | row
        self.rows[table].append(row)
        return row

    def spoil_one(self, person: Person) -> None:
        """One row that cannot be read, cannot be told from another, or cannot be linked for sure."""
        table = self.rng.choice(["attendance", "exclusions", "offending", "employment"])
        content: Row = {
            "attendance": {
                "academic_year": academic_year(self.as_of.year - 1),
                "term": "autumn",
                "sessions_possible": "100",
                "sessions_authorised": "4",
                "sessions_unauthorised": "4",
            },
            "exclusions": {"kind": "suspension", "starts_on": (self.as_of - 40 * DAY).isoformat()},
            "offending": {"kind": "asb", "occurred_on": (self.as_of - 40 * DAY).isoformat()},
            "employment": {
                "kind": "benefit",
                "code": "ESA",
                "starts_on": (self.as_of - 800 * DAY).isoformat(),
                "ends_on": (self.as_of - 700 * DAY).isoformat(),
            },
        }[table]
        dated = next((c for c in ("starts_on", "occurred_on") if c in content), "")
        way = self.rng.choice(
            [
                "unreadable",
                "unreadable",
                "unlinked",
                "clash",
                "possible",
                "twins",
                "no identity",
                "bad identifier",
                "before birth",
            ]
        )
        if way in ("unreadable", "unlinked", "no identity"):
            if dated:
                content[dated] = self.rng.choice(["2013-02-30", "31/12/2012", "not known", ""])
            else:
                content |= self.rng.choice(
                    [
                        {"sessions_unauthorised": "97"},
                        {"sessions_possible": "-1"},
                        {"term": "Michaelmas"},
                        {"sessions_authorised": "4.5"},
                    ]
                )
        if way == "before birth":
            if not dated or person.born > self.as_of:
                return
            content[dated] = (person.born - DAY).isoformat()
            content.pop("ends_on", None)
        stranger = {"forename": "Nobody", "surname": "Known", "date_of_birth": "1980-01-01", "postcode": "ZZ1 1ZZ"}
        other = self.rng.choice(self.people)
        match way:
            case "unlinked":
                self.add(table, stranger | content)
            case "no identity":
                self.add(table, content)
            case "possible":
                column = "nhs_number"
                self.add(table, {"person_id": "ELSEWHERE-7", column: person.identity[column]} | content)
            case "twins" if other is not person:
                self.add(
                    table,
                    {
                        "nhs_number": person.identity["nhs_number"],
                        **{c: v for c, v in other.identity.items() if c == "pnc_id" and v},
                    }
                    | content,
                )
            case "bad identifier":
                self.add(table, {"nhs_number": person.identity["nhs_number"][:-1] + "X"} | content)
            case "clash" if self.record_ids:
                row = self.add(table, content, person)
                change = (
                    {"sessions_authorised": "5"}
                    if table == "attendance"
                    else {dated: (self.as_of - 750 * DAY).isoformat()}
                )
                self.rows[table].append(row | change)
            case _:
                self.add(table, content, person)

    # ---- evidence of one person

    def school(self, child: Person, engaged: date) -> None:
        filled: dict[Term, tuple[int, int]] = {}
        skip = self.chance(0.08)
        for on in (engaged, self.as_of):
            terms = [t for t in last_terms(self.custom, on) if of_school_age(child.born, t)]
            if not terms:
                continue
            new = [t for t in terms if t not in filled]
            nothing = self.chance(0.04)
            round_total = self.chance(0.5)  # so that exactly 15% exists
            by_marks = {t for t in new if self.chance(0.1)}
            possible = {
                t: 0
                if nothing
                else 20
                if t in by_marks
                else self.rng.choice([20, 60, 100, 120, 140])
                if round_total
                else self.rng.randint(90, 140)
                for t in new
            }
            total = sum(possible.values()) + sum(filled[t][1] for t in terms if t in filled)
            limit = -(-15 * total // 100)
            wanted = (
                limit + self.rng.choice([-40, -20, -1, 0, 1, 10, 20])
                if on == engaged
                else limit + self.rng.choice([-60, -40, -30, -1, -1, 0, 1, -2])
            )
            left = max(0, wanted - sum(filled[t][0] for t in terms if t in filled))
            for i, t in enumerate(new):
                most = min(left, possible[t])
                unauthorised = most if i == len(new) - 1 else self.rng.randint(0, most)
                left -= unauthorised
                filled[t] = unauthorised, possible[t]
                if not (skip and self.chance(0.4)):
                    self.term(child, t, unauthorised, possible[t], t in by_marks)
            self.exclusions(child, terms)

    def term(self, child: Person, t: Term, unauthorised: int, possible: int, by_marks: bool) -> None:
        if by_marks:
            self.marks(child, t, unauthorised, possible)
            if self.chance(0.8):
                return
        rows = [(unauthorised, possible)]
        if self.chance(0.1) and possible > 1:  # two schools
            first = self.rng.randint(0, possible)
            here = self.rng.randint(max(0, unauthorised - (possible - first)), min(unauthorised, first))
            rows = [(here, first), (unauthorised - here, possible - first)]
        for u, p in rows:
            row = {
                "academic_year": academic_year(t.year),
                "term": t.name,
                "sessions_possible": str(p),
                "sessions_authorised": str(self.rng.randint(0, p - u)),
                "sessions_unauthorised": str(u),
                "enrolment": self.rng.choices(
                    ["", "registered", "alternative_provision", "not_on_roll"], [60, 30, 5, 5]
                )[0],
            }
            row = self.add("attendance", row, child)
            if self.chance(0.03):
                self.rows["attendance"].append(dict(row))  # sent twice

    def marks(self, child: Person, t: Term, unauthorised: int, possible: int) -> None:
        days = [t.first, t.last, *(t.first + i * DAY for i in range(1, 60))]
        sessions = [(d, s) for d in days[: possible // 2 + 2] for s in ("AM", "PM")]
        codes = [self.rng.choice("GNOU") for _ in range(unauthorised)]
        others = ["/", "\\", "L", "P", "V", "I", "M", "C", "E"]
        codes += [self.rng.choice(others) for _ in range(possible - unauthorised)]
        codes += [self.rng.choice(["X", "#", "Y", "Z"]) for _ in range(len(sessions) - len(codes))]
        self.rng.shuffle(codes)
        clash = self.chance(0.06)
        for (d, session), code in zip(sessions, codes, strict=False):
            mark = {"date": d.isoformat(), "session": session}
            self.add("marks", mark | {"code": code}, child)
            if clash:
                self.add("marks", mark | {"code": "O" if code != "O" else "/"}, child)
                clash = False

    def exclusions(self, child: Person, terms: list[Term]) -> None:
        first, last = terms[0].first, terms[-1].last
        edges = [first - DAY, last + DAY] * self.chance(0.3)
        starts = edges + [self.inside(first, last + DAY) for _ in range(self.rng.choice([0, 0, 0, 1, 2, 2, 3, 3, 4]))]
        kinds = ["suspension"] * len(starts)
        for kind, share in (("lunchtime", 0.15), ("permanent", 0.07)):
            if self.chance(share):
                kinds.append(kind)
                starts.append(self.inside(first, last + DAY))
        for kind, d in zip(kinds, starts, strict=True):
            self.add("exclusions", {"kind": kind, "starts_on": d.isoformat(), "sessions": "2"}, child)

    def offending(self, people: list[Person], engaged: date) -> None:
        windows = [(months_before(engaged, 6), engaged), (months_before(self.as_of, 6), self.as_of)]
        pairs = [
            (0, 0),
            (0, 0),
            (0, 1),
            (1, 0),
            (1, 1),
            (2, 1),
            (3, 1),
            (3, 2),
            (4, 3),
            (5, 2),
            (5, 3),
            (10, 4),
            (10, 5),
        ]
        if self.chance(0.01):
            pairs = [(100, 67), (100, 68), (100, 40), (100, 41)]
        for kind in ("asb", "proven_offence"):
            for (first, until), count in zip(windows, self.rng.choice(pairs), strict=True):
                edges = [first - DAY, until, months_before(engaged, 12), months_before(engaged, 12) - DAY]
                days = [self.inside(first, until) for _ in range(count)]
                days += [self.rng.choice(edges)] if self.chance(0.25) else []
                for d in days:
                    born = [p for p in people if p.born <= d]
                    if kind == "proven_offence":
                        born = [p for p in born if under_18(p.born, d)] or born
                    if born:
                        self.add(
                            "offending",
                            {"kind": kind, "occurred_on": d.isoformat(), "disposal": self.rng.choice(["", "caution"])},
                            self.rng.choice(born),
                        )
        for p in people:  # the day before, and the day of, the eighteenth birthday
            eighteen = birthday(p.born, 18)
            if eighteen.year in (engaged.year, self.as_of.year) and self.chance(0.5):
                d = self.rng.choice([eighteen - DAY, eighteen])
                self.add("offending", {"kind": "proven_offence", "occurred_on": d.isoformat()}, p)

    def spell(self, adult: Person, kind: str, code: str, starts: date, ends: date | None) -> None:
        if ends is None or starts <= ends:
            self.add(
                "employment",
                {
                    "kind": kind,
                    "code": code,
                    "starts_on": starts.isoformat(),
                    "ends_on": ends.isoformat() if ends else "",
                },
                adult,
            )

    def working_life(self, adult: Person, engaged: date) -> None:
        codes = self.rng.choice([["JSA"], ["JSA"], ["ESA"], ["IS"], ["CA"], ["JSA", "IS"], ["JSA", "ESA"], ["UC"], []])
        mostly_off = self.chance(0.8)
        for code in codes:
            starts = engaged if self.chance(0.1) else self.near(engaged) if self.chance(0.1) else engaged - 400 * DAY
            ends = (
                [engaged, engaged + 30 * DAY, self.as_of - 2 * DAY]
                if mostly_off
                else [engaged - DAY, self.as_of - DAY, self.as_of, None]
            )
            self.spell(adult, "benefit", code, starts, self.rng.choice(ends))
        if self.chance(0.75):
            if "JSA" in codes and self.chance(0.7):
                first, days = self.as_of - 210 * DAY, self.rng.choice([175, 181, 182, 183, 188, 189, 190, 210])
            else:
                first, days = months_before(self.as_of, 6), self.rng.choice([84, 85, 90, 91, 92, 97, 98, 99, 181])
            days = min(days, (self.as_of - first).days)
            begins = self.rng.choice([first, self.as_of - days * DAY, self.between(first, self.as_of - days * DAY)])
            last = begins + (days - 1) * DAY
            middle = self.between(begins, last)
            match self.rng.choice(["one", "touching", "overlapping", "within", "gap", "longer"]):
                case "one":
                    spells: list[tuple[date, date | None]] = [(begins, last)]
                case "touching":
                    spells = [(begins, middle), (middle + DAY, last)]
                case "overlapping":
                    spells = [(begins, min(last, middle + 9 * DAY)), (middle, last)]
                case "within":
                    spells = [(begins, last), (middle, middle)]
                case "gap":
                    spells = [(begins, middle - DAY), (middle + DAY, last)]
                case _:
                    spells = [(begins - 30 * DAY, last)] if begins == first else [(begins, None)]
            for starts, ends in spells:
                self.spell(adult, "work", "", starts, ends)
        if self.chance(0.3):
            opens = months_before(self.as_of, 6)
            starts = self.rng.choice([opens - DAY, opens, self.as_of - DAY, self.as_of, self.inside(opens, self.as_of)])
            ends = self.rng.choice([None, self.as_of - DAY, self.as_of - 2 * DAY, self.as_of, starts])
            self.spell(adult, "provision", self.rng.choice(["work_programme", "esf", "other_scheme"]), starts, ends)

    # ---- a family

    def birth(self, engaged: date) -> date:
        """A birth date: somewhere in a childhood or an adult life, or where an age limit falls on a day that counts."""
        key = self.rng.choice([engaged, self.as_of])
        year = key.year
        kind = self.rng.choices(["child", "five", "sixteen", "leap", "unborn", "eighteen"], [60, 9, 10, 6, 4, 8])[0]
        match kind:
            case "child":
                return self.between(date(year - 14, 1, 1), date(year - 6, 12, 31))
            case "five":
                turned = self.rng.choice([(8, 31), (9, 1), (12, 31), (1, 1), (3, 31), (4, 1)])
                return date(self.rng.choice([year - 6, year - 5]), *turned)
            case "sixteen":
                turned = self.rng.choice([(8, 31), (9, 1), (1, 15)])
                return date(self.rng.choice([year - 18, year - 17, year - 16]), *turned)
            case "leap":
                return date(self.rng.choice([1996, 2000, 2004, 2008]), 2, 29)
            case "unborn":
                return self.near(key)
            case _:
                eighteen = self.near(self.rng.choice([engaged, self.as_of, self.as_of - 60 * DAY]))
                return months_before(eighteen, 18 * 12)

    def family(self, number: int) -> None:
        family = f"F{number:04d}"
        engaged = self.rng.choice(self.engagements) if self.chance(0.97) else self.near(self.as_of)
        closed = self.near(engaged).isoformat() if self.chance(0.05) else ""
        self.rows["families"].append(
            {"family_id": family, "engaged_on": engaged.isoformat(), "lead_worker": "worker 3", "closed_on": closed}
        )
        people: list[Person] = []
        letters = self.rng.choice("AB") + self.rng.choice("DEFGH")
        postcode = f"QX{self.rng.randint(1, 9)} {self.rng.randint(1, 9)}{letters}"
        if not self.chance(0.03):
            for _ in range(self.rng.choice([0, 1, 1, 1, 2])):
                people.append(self.person(self.between(date(1962, 1, 1), date(1990, 12, 31)), family, postcode))
            for _ in range(self.rng.choice([0, 1, 1, 1, 2, 3])):
                people.append(self.person(self.birth(engaged), family, postcode))
        for p in people:
            if self.chance(0.12):
                self.move(p, family, engaged)
            if p.born.year >= 1994:
                self.school(p, engaged)
            if p.born.year < 1999 and self.chance(0.9):
                self.working_life(p, engaged)
        if people and self.chance(0.7):
            self.offending(people, engaged)
        if self.chance(0.5):
            d = self.rng.choice([engaged - DAY, engaged, engaged + DAY, engaged - 90 * DAY])
            self.add("needs", {"family_id": family, "need": "local_discretion", "identified_on": d.isoformat()})
        if self.chance(0.01):
            self.add("needs", {"family_id": family, "need": "local_discretion", "identified_on": "last spring"})
        if people and self.chance(0.07):
            self.spoil_one(self.rng.choice(people))
        if people and self.chance(0.02):
            twin = self.rng.choice(people)  # two members whom no name can tell apart
            self.person(twin.born, family, postcode).identity.update(
                {c: twin.identity[c] for c in ("forename", "surname", "postcode")}
            )

    def move(self, p: Person, family: str, engaged: date) -> None:
        """They join, leave, leave and return, or come from or go to another family."""
        d = self.near(
            self.rng.choice(
                [
                    engaged,
                    self.as_of,
                    self.as_of - 60 * DAY,
                    engaged - 60 * DAY,
                    months_before(self.as_of, 6),
                    months_before(engaged, 6),
                ]
            )
        )
        other = self.rng.choice(self.rows["families"])["family_id"]
        ways: list[list[tuple[str, date | None, date | None]]] = [
            [(family, d, None)],
            [(family, None, d)],
            [(family, None, d), (family, d + self.rng.choice([0, 1, 30]) * DAY, None)],
        ]
        if other != family:
            ways += [[(family, None, d), (other, d, None)], [(other, None, d), (family, d, None)]]
        p.stays = self.rng.choice(ways)

    # ---- writing

    def coverage(self, source: str) -> tuple[date, date] | None:
        """Mostly all of it; else from or until a day on which some window begins or ends, or one day short of it."""
        first, last = date(2008, 1, 1), date(2015, 12, 31)
        if self.chance(0.05):
            return None
        if self.chance(0.22):
            e, a = self.rng.choice(self.engagements), self.as_of
            if source in ("exclusions", "marks"):
                terms = last_terms(self.custom, self.rng.choice([e, a]))
                begins, ends = [terms[0].first], [terms[-1].last]
            else:
                begins = [months_before(e, 12), months_before(e, 6), months_before(a, 6), a - 210 * DAY, e]
                ends = [e - DAY, e, a - DAY]
            if self.chance(0.5):
                first = self.rng.choice(begins) + self.rng.choice([0, 1]) * DAY
            else:
                last = self.rng.choice(ends) - self.rng.choice([0, 1]) * DAY
        return first, last

    def write(self, folder: Path) -> None:
        for p in self.people:
            for stay, (family, joined, left) in enumerate(p.stays):
                row = p.identity | {
                    "family_id": family,
                    "joined_on": joined.isoformat() if joined else "",
                    "left_on": left.isoformat() if left else "",
                }
                if stay and self.chance(0.5):
                    row["pnc_id"] = ""
                self.rows["members"].append(row)
        (folder / "sources").mkdir(parents=True, exist_ok=True)
        toml = ["[authority]", 'code = "E06000034"', 'name = "Thurrock"', "", "[rules]", 'pack = "phase-1"', ""]
        for table, columns in COLUMNS.items():
            covers = self.coverage(table)
            if table in EVIDENCE:
                if covers is None:
                    continue  # not declared
                columns = ["record_id"] * self.record_ids + columns + IDENTITY if table != "needs" else columns
            toml += [f"[sources.{table}]", f'path = "sources/{table}.csv"', "extracted_on = 2016-01-04"]
            if table in EVIDENCE and not (table == "attendance" and self.chance(0.5)):
                toml.append(f"covers = {{from = {covers[0]}, until = {covers[1]}}}")
            theirs = {}
            if table == "attendance" and self.chance(0.3):
                theirs = {"sessions_unauthorised": "Unauth Sess", "academic_year": "Year"}
                toml.append('columns = {"Unauth Sess" = "sessions_unauthorised", Year = "academic_year"}')
            kinds = {}
            if table == "exclusions" and self.chance(0.3):
                kinds = {"suspension": "FIXD", "permanent": "PERM"}
                toml.append('values.kind = {"FIXD" = "suspension", "PERM" = "permanent"}')
            toml.append("")
            rows = self.rows[table]
            self.rng.shuffle(rows)
            with (folder / "sources" / f"{table}.csv").open("w", encoding="utf-8", newline="") as handle:
                out = csv.writer(handle)
                out.writerow([theirs.get(c, c) for c in columns])
                for row in rows:
                    pad = " " * self.chance(0.02)
                    out.writerow(
                        [
                            pad + (kinds.get(row.get(c, ""), row.get(c, "")) if c == "kind" else row.get(c, ""))
                            for c in columns
                        ]
                    )
        for (year, term), (first, last) in sorted(self.custom.items()):
            toml += [
                "[[calendar.terms]]",
                f'academic_year = "{year}"',
                f'term = "{term}"',
                f"from = {first}",
                f"until = {last}",
                "",
            ]
        (folder / "pbr.toml").write_text("\n".join(toml), encoding="utf-8")


def write(folder: Path, seed: int, families: int) -> date:
    """Write so many families into `folder` and return the as-of date; the same seed writes the same bytes."""
    authority = Authority(seed)
    for number in range(1, families + 1):
        authority.family(number)
    authority.write(folder)
    return authority.as_of
