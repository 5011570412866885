"""Workspaces of families who earn their result, beside records that are perhaps somebody's: what the queue is about.

`write` makes one from rows of extra evidence. Each family F1, F2 … has an adult A1 on benefits when it engaged, and the
children C1 and D1, of whom the first was away from school before and is not since: it is eligible, and is paid £1,500
for crime, anti-social behaviour and education. What is sure names the person's id; what is perhaps somebody's gives
their name and birth, as a supplier does who has neither id nor address.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

AS_OF = date(2014, 10, 31)
ENGAGED = date(2013, 10, 1)
DAY = timedelta(days=1)
NAMES = {"A": ("Ada", "1980-02-01"), "C": ("Cora", "2003-05-04"), "D": ("Dov", "2004-06-05")}
SURNAMES = ("Ashbeck", "Brindle", "Copperwell", "Dunmarsh", "Elderby", "Fernhollow", "Greywick", "Hartlemere")
IDENTITY = ("person_id", "upn", "nino", "forename", "surname", "date_of_birth", "postcode")
COLUMNS = {
    "families": ("family_id", "engaged_on"),
    "members": ("family_id", *IDENTITY, "joined_on", "left_on"),
    "needs": ("record_id", "family_id", "need", "identified_on"),
    "attendance": (
        "record_id",
        *IDENTITY,
        "academic_year",
        "term",
        "sessions_possible",
        "sessions_authorised",
        "sessions_unauthorised",
        "enrolment",
    ),
    "marks": ("record_id", *IDENTITY, "date", "session", "code"),
    "exclusions": ("record_id", *IDENTITY, "kind", "starts_on", "sessions"),
    "offending": ("record_id", *IDENTITY, "kind", "occurred_on"),
    "employment": ("record_id", *IDENTITY, "kind", "code", "starts_on", "ends_on"),
}
TERMS = [(year, term) for year in ("2012/13", "2013/14") for term in ("autumn", "spring", "summer")]
Row = dict[str, str]


def named(who: str, **more: str) -> Row:
    """Who a member is, by name and birth alone: `C1` is the first family's first child."""
    forename, born = NAMES[who[0]]
    return {"forename": forename, "surname": SURNAMES[int(who[1:]) - 1], "date_of_birth": born, **more}


def numbered(who: str) -> Row:
    """Who a member is, by a number alone: that leaves the link open too."""
    return {"nino": f"XA{ord(who[0])}{int(who[1:]):04}C"}


def suspensions(who: str, count: int = 3, record: str = "X", **more: str) -> list[tuple[str, Row]]:
    """So many suspensions in the last year that are perhaps somebody's; three of them lose the result."""
    days = [date(2014, 1, 13) + 14 * nth * DAY for nth in range(count)]
    return [
        (
            "exclusions",
            {"record_id": f"{record}{nth}", "kind": "suspension", "starts_on": str(day)} | named(who, **more),
        )
        for nth, day in enumerate(days, 1)
    ]


def sound(number: int, without: frozenset[str] = frozenset()) -> Iterable[tuple[str, Row]]:
    """One family's sure rows; `without`: `benefit` leaves out what makes the family eligible."""
    family, postcode = f"F{number}", f"QX{number} 1AD"
    yield "families", {"family_id": family, "engaged_on": str(ENGAGED)}
    for letter in NAMES:
        who = f"{letter}{number}"
        yield "members", {"family_id": family, "person_id": who, "postcode": postcode} | named(who) | numbered(who)
    yield (
        "needs",
        {"record_id": f"N{number}", "family_id": family, "need": "local_discretion", "identified_on": "2013-09-01"},
    )
    yield from schooling(f"C{number}", away_before=30)
    yield from schooling(f"D{number}")
    if "benefit" not in without:
        yield "employment", benefit(f"B{number}") | {"person_id": f"A{number}"}


def schooling(person_id: str, away_before: int = 1) -> Iterable[tuple[str, Row]]:
    """Somebody's termly rows, with the sessions away in each term before the family engaged; one in each since."""
    for year, term in TERMS:
        away = away_before if year == "2012/13" else 1
        row = {"record_id": f"T{person_id}-{year}-{term}", "person_id": person_id, "academic_year": year, "term": term}
        row |= {"sessions_possible": "120", "sessions_authorised": "0", "sessions_unauthorised": str(away)}
        yield "attendance", row | {"enrolment": "registered"}


def benefit(record: str) -> Row:
    """A benefit that somebody was on when the family engaged."""
    return {"record_id": record, "kind": "benefit", "code": "ESA", "starts_on": "2012-06-01", "ends_on": "2014-09-30"}


def write(
    folder: Path, families: int, extra: Iterable[tuple[str, Row]] = (), without: dict[int, frozenset[str]] | None = None
) -> Path:
    """A workspace of so many families and the extra rows, each with its table."""
    left_out = without or {}
    rows: dict[str, list[Row]] = {table: [] for table in COLUMNS}
    for number in range(1, families + 1):
        for table, row in sound(number, left_out.get(number, frozenset())):
            rows[table].append(row)
    for table, row in extra:
        rows[table].append(row)
    (folder / "sources").mkdir(parents=True)
    toml = ["[authority]", 'code = "E06000034"', 'name = "Thurrock"', "", "[rules]", 'pack = "phase-1"', ""]
    for table, columns in COLUMNS.items():
        toml += [f"[sources.{table}]", f'path = "sources/{table}.csv"', "extracted_on = 2014-11-03"]
        if table not in ("families", "members", "attendance"):
            toml.append("covers = {from = 2008-01-01, until = 2014-10-31}")
        with (folder / "sources" / f"{table}.csv").open("w", encoding="utf-8", newline="") as handle:
            out = csv.DictWriter(handle, columns, restval="")
            out.writeheader()
            out.writerows(rows[table])
    (folder / "pbr.toml").write_text("\n".join(toml) + "\n", encoding="utf-8")
    return folder


def random_extra(seed: int, families: int) -> tuple[list[tuple[str, Row]], dict[int, frozenset[str]]]:
    """Records of every kind, near the limits and in and out of the windows, that are perhaps somebody's; and the
    families whose eligibility hangs on such a record. A few cannot be read, break a contract with whoever they are
    about, or may be two people's.
    """
    dice = random.Random(seed)
    extra: list[tuple[str, Row]] = []
    without: dict[int, frozenset[str]] = {}

    def add(table: str, who: str, row: Row, **more: str) -> None:
        extra.append((table, named(who, **more) | row | {"record_id": f"P{len(extra)}"}))

    for number in range(1, families + 1):
        # Somebody in another family who has the name and the birth of a child of this one.
        if dice.random() < 0.3:
            twin = named(f"C{number}", person_id=f"E{number}", postcode="QX9 9ZZ")
            extra.append(("members", {"family_id": f"F{dice.randint(1, families)}"} | twin))
        if dice.random() < 0.25:
            without[number] = frozenset({"benefit"})
            add("employment", f"A{number}", benefit(""))
        for _ in range(dice.randint(0, 3)):
            child, adult = f"{dice.choice('CD')}{number}", f"A{number}"
            # Another way of giving somebody's details: another decision.
            more = {"surname": SURNAMES[number - 1][:3] + " " + SURNAMES[number - 1][3:]} if dice.random() < 0.3 else {}
            day = str(dice.choice([ENGAGED, AS_OF]) - dice.randint(1, 190) * DAY)
            match dice.randint(0, 8):
                case 0 | 1:
                    for _ in range(dice.randint(1, 4)):
                        term = date(2014, 1, 13) + dice.randint(0, 150) * DAY
                        add("exclusions", child, {"kind": "suspension", "starts_on": str(term)}, **more)
                case 2:
                    for _ in range(dice.randint(1, 3)):
                        kind = dice.choice(["asb", "proven_offence"])
                        add("offending", dice.choice([child, adult]), {"kind": kind, "occurred_on": day}, **more)
                case 3:
                    year, term_ = dice.choice(TERMS[3:])
                    away, of = dice.choice([(100, 120), (20, 60), (0, 0), (1, 100)])
                    row = {
                        "academic_year": year,
                        "term": term_,
                        "sessions_possible": str(of),
                        "enrolment": "registered",
                    }
                    add(
                        "attendance",
                        child,
                        row | {"sessions_authorised": "0", "sessions_unauthorised": str(away)},
                        **more,
                    )
                case 4:
                    begins = AS_OF - dice.choice([80, 91, 182, 183, 200]) * DAY
                    add("employment", adult, {"kind": "work", "starts_on": str(begins)}, **more)
                case 5:
                    kind, code = dice.choice([("benefit", "JSA"), ("provision", "esf")])
                    add("employment", adult, {"kind": kind, "code": code, "starts_on": day}, **more)
                case 6:
                    add("exclusions", child, {"kind": "suspension", "starts_on": "not known"}, **more)
                case 7:
                    row = {"record_id": f"P{len(extra)}", "kind": "asb", "occurred_on": "2003-01-02"}
                    extra.append(("offending", numbered(child) | row))
                case _:
                    mark = {"date": "2014-02-03", "session": "AM"}
                    extra.append(("marks", {"record_id": f"M{len(extra)}", "person_id": child, "code": "/"} | mark))
                    add("marks", child, mark | {"code": dice.choice(["/", "O"])}, **more)
    return extra, without
