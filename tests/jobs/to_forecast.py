"""Small workspaces to look ahead from: families written by hand, one story each, and families drawn at random."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

AS_OF = date(2014, 10, 1)
KNOWN = date(2014, 9, 30)
"""The last day that every source covers."""

WINDOWS = (("2014-11", date(2014, 11, 1), date(2014, 11, 30)), ("2015-01", date(2015, 1, 10), date(2015, 1, 31)))
COLUMNS = {
    "families": "family_id engaged_on closed_on assessed_on planned_on lead_worker expecting",
    "members": "person_id family_id forename surname date_of_birth joined_on left_on",
    "needs": "record_id family_id need identified_on person_id",
    "attendance": "record_id person_id academic_year term sessions_possible sessions_authorised sessions_unauthorised "
    "enrolment",
    "exclusions": "record_id person_id kind starts_on sessions",
    "offending": "record_id person_id kind occurred_on",
    "employment": "record_id person_id kind code starts_on ends_on",
    "social_care": "record_id person_id kind starts_on ends_on",
    "outcomes": "record_id family_id need status observed_on person_id",
}
TERMS = ("2012/13 autumn", "2012/13 spring", "2012/13 summer", "2013/14 autumn", "2013/14 spring", "2013/14 summer")


class Families:
    """Rows of every table, and the workspace that holds them."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, object]]] = {table: [] for table in COLUMNS}

    def row(self, table: str, **values: object) -> None:
        values.setdefault("record_id", f"{table[:2]}{len(self.rows[table])}")
        self.rows[table].append(values)

    def family(self, family_id: str, engaged_on: date = date(2013, 10, 1), *, eligible: bool = True) -> None:
        """With an adult, on ESA until the family's story says else; eligible by incidents, benefit and a local need.

        Three incidents stand before engagement, so that one since is a fall by more than 60%, and two are not.
        """
        self.row("families", family_id=family_id, engaged_on=engaged_on)
        self.person(family_id, f"A-{family_id}", date(1980, 5, 1))
        for day in (1, 2, 3):
            self.row("offending", person_id=f"A-{family_id}", kind="asb", occurred_on=engaged_on - timedelta(days=day))
        if eligible:
            self.row("needs", family_id=family_id, need="local_discretion", identified_on=engaged_on)

    def person(self, family_id: str, person_id: str, born: date, **more: object) -> None:
        names = {"forename": person_id, "surname": f"Of{family_id}"}
        self.row("members", person_id=person_id, family_id=family_id, date_of_birth=born, **names, **more)

    def benefit(self, family_id: str, code: str = "ESA", until: date | None = None) -> None:
        adult = f"A-{family_id}"
        self.row("employment", person_id=adult, kind="benefit", code=code, starts_on=date(2013, 1, 1), ends_on=until)

    def work(self, family_id: str, start: date, until: date | None = None) -> None:
        self.row("employment", person_id=f"A-{family_id}", kind="work", starts_on=start, ends_on=until)

    def incident(self, family_id: str, *days: date) -> None:
        for day in days:
            self.row("offending", person_id=f"A-{family_id}", kind="asb", occurred_on=day)

    def child(self, family_id: str, born: date = date(2002, 3, 4), **unauthorised: int | None) -> str:
        """A child with a record of 130 sessions for every term; `spring_2014=40` sets one, None leaves it out."""
        person_id = f"C-{family_id}"
        self.person(family_id, person_id, born)
        for each in TERMS:
            year, term = each.split()
            named = f"{term}_{int(year[:4]) + (term != 'autumn')}"
            if (missed := unauthorised.get(named, 0)) is not None:
                self.row("attendance", person_id=person_id, academic_year=year, term=term, **_sessions(missed))
        return person_id

    def write(
        self,
        folder: Path,
        pack: str = "phase-1",
        windows: Iterable[tuple[str, date, date]] = WINDOWS,
        covers: tuple[date, date] = (date(2011, 9, 1), KNOWN),
        more: str = "",
    ) -> Path:
        """The workspace in a folder."""
        (folder / "sources").mkdir(parents=True)
        lines = ["[authority]", 'code = "E09999999"', 'name = "Exampleshire"', "[rules]", f'pack = "{pack}"', more]
        for window, opens, closes in windows:
            lines += ["[[claims.windows]]", f'id = "{window}"', f"opens = {opens}", f"closes = {closes}"]
        for table, columns in COLUMNS.items():
            with (folder / "sources" / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns.split(), restval="", extrasaction="ignore")
                writer.writeheader()
                writer.writerows(self.rows[table])
            lines += [f"[sources.{table}]", f'path = "sources/{table}.csv"']
            if table not in ("families", "members"):
                lines.append(f"covers = {{from = {covers[0]}, until = {covers[1]}}}")
        (folder / "pbr.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder


def _sessions(missed: int, possible: int = 130) -> dict[str, int]:
    return {"sessions_possible": possible, "sessions_authorised": 0, "sessions_unauthorised": missed}


def at_random(seed: int, families: int, as_of: date, last: date) -> Families:
    """Families with events on days that any figure of the packs can lead back to from the days between."""
    draw = random.Random(seed)
    made = Families()
    ahead = (last - as_of).days

    def near() -> date:
        """A day that a window's end may pass: so long before some day to come, or little after the as-of date."""
        back = draw.choice((0, 7, 91, 92, 182, 183, 184, 210, 274, 365, 396))
        return as_of + timedelta(days=draw.randint(-2, ahead + 2) - back)

    for number in range(families):
        family_id = f"R{number:02}"
        engaged = as_of - timedelta(days=draw.randint(-10, 500))
        made.family(family_id, engaged)
        made.rows["families"][-1] |= {
            name: near() for name in ("closed_on", "assessed_on", "planned_on") if draw.random() < 0.7
        }
        made.rows["families"][-1]["lead_worker"] = "W"
        made.benefit(family_id, draw.choice(("ESA", "JSA")), draw.choice((None, near())))
        for _ in range(draw.randint(0, 3)):
            start = near()
            made.work(family_id, start, draw.choice((None, start + timedelta(days=draw.randint(0, 200)))))
        made.incident(family_id, *[near() for _ in range(draw.randint(0, 3))])
        if draw.random() < 0.3:
            provision = draw.choice(("esf", "work_programme"))
            made.row("employment", person_id=f"A-{family_id}", kind="provision", code=provision, starts_on=near())
        if draw.random() < 0.7:
            born = date(as_of.year - draw.choice((4, 5, 11, 16, 18)), as_of.month, 1) + timedelta(
                days=draw.randint(0, 60)
            )
            terms = {name: draw.choice((0, 30, 58, 59, None)) for name in ("autumn_2013", "spring_2014", "summer_2014")}
            child = made.child(family_id, born, **terms)
            made.row("exclusions", person_id=child, kind="suspension", starts_on=near())
            made.row(
                "social_care",
                person_id=child,
                kind="child_in_need",
                starts_on=near(),
                ends_on=draw.choice((None, last)),
            )
            if draw.random() < 0.3:
                made.rows["members"][-1]["left_on"] = near()
        need = draw.choice(("local_discretion", "mental_health"))
        made.row("needs", family_id=family_id, need=need, identified_on=near())
        made.row("outcomes", family_id=family_id, need=need, status="achieved", observed_on=near())
    # A spell that ends before it starts would be in quarantine.
    for spell in made.rows["employment"] + made.rows["social_care"]:
        starts_on, ends_on = spell["starts_on"], spell.get("ends_on")
        if isinstance(starts_on, date) and isinstance(ends_on, date) and ends_on < starts_on:
            spell["ends_on"] = None
    return made
