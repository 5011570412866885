"""A second calculation of Phase 1, to be read beside the specification: slow, obvious, in plain Python.

In comes a workspace folder (pbr.toml, CSV in UTF-8, ISO dates) and an as-of date; out come the findings of every family
that gets a decision, as text, sorted by family, part, item and subject. It shares no code with the product on purpose:
where the two differ, one of them has misread the rules. Every section below follows the order of the specification:
sources, calendar, membership, coverage, measures, criteria, flags, findings. Who is who is calculated in `who.py`.
"""

import csv
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import combinations
from pathlib import Path

from dateutil.easter import easter

from tests.oracle import who

COLUMNS = ["family_id", "part", "item", "subject_id", "verdict", "value", "baseline", "reason", "flags"]

MET, NOT_MET, UNKNOWN, NOT_APPLICABLE = "met", "not_met", "unknown", "not_applicable"
REASONS = [
    "not_covered",
    "no_record",
    "no_sessions",
    "unresolved_link",
    "quarantined",
    "missing_field",
    "no_subject",
    "no_baseline",
]
FLAGS = ["neutral_only", "school_leaver", "composition_changed", "near_threshold", "unverified_rule"]

OUT_OF_WORK = {"ESA", "IB", "CA", "IS", "JSA", "SDA"}
PROVISION = {"work_programme", "esf"}
NEEDS = {"local_discretion"}
DAY = timedelta(days=1)

UNAUTHORISED = set("GNOU")
AUTHORISED = {"C", "C1", "C2", "E", "F", "H", "I", "J1", "M", "R", "S", "T"}
PRESENT = {"/", "\\", "L", "B", "J", "K", "P", "V", "W"}


# ---------------------------------------------------------------------------------------------------- sources: reading

Row = dict[str, str]

REQUIRED = {
    "families": ["family_id", "engaged_on"],
    "members": ["person_id", "date_of_birth", "family_id"],
    "needs": ["family_id", "need", "identified_on"],
    "attendance": ["academic_year", "term", "sessions_possible", "sessions_authorised", "sessions_unauthorised"],
    "marks": ["date", "session", "code"],
    "exclusions": ["kind", "starts_on"],
    "offending": ["kind", "occurred_on"],
    "employment": ["kind", "starts_on"],
}
IDENTITY = [
    "upn",
    "nino",
    "nhs_number",
    "pnc_id",
    "forename",
    "surname",
    "date_of_birth",
    "sex",
    "postcode",
    "uprn",
    "person_id",
]
DATES = {
    "engaged_on",
    "closed_on",
    "assessed_on",
    "planned_on",
    "date_of_birth",
    "joined_on",
    "left_on",
    "identified_on",
    "date",
    "starts_on",
    "ends_on",
    "occurred_on",
}
COUNTS = {"sessions_possible", "sessions_authorised", "sessions_unauthorised", "sessions"}
CHOICES = {
    ("attendance", "term"): {"autumn", "spring", "summer"},
    ("attendance", "enrolment"): {"registered", "alternative_provision", "not_on_roll"},
    ("marks", "session"): {"AM", "PM"},
    ("exclusions", "kind"): {"suspension", "permanent", "lunchtime"},
    ("offending", "kind"): {"proven_offence", "asb"},
    ("employment", "kind"): {"benefit", "work", "provision"},
    ("needs", "need"): NEEDS,
}
ORDERED = [("joined_on", "left_on"), ("starts_on", "ends_on"), ("engaged_on", "closed_on")]
EVENT_DATE = {"marks": "date", "exclusions": "starts_on", "offending": "occurred_on", "employment": "starts_on"}
ABOUT_PEOPLE = ["attendance", "marks", "exclusions", "offending", "employment"]


@cache
def day(text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError(text)
    return date.fromisoformat(text)


def in_iso(text: str, date_format: str) -> str:
    try:
        return datetime.strptime(text, date_format).date().isoformat()
    except ValueError:
        return text and f"not {date_format}: {text}"


def read_rows(folder: Path, declaration: dict) -> list[Row]:
    """Trimmed text under our column names; rows equal in every column count once."""
    rows, seen = [], set()
    paths = sorted(folder.glob(declaration["path"]))
    for path in paths:
        with path.open(encoding=declaration.get("encoding", "utf-8-sig"), newline="") as handle:
            for raw in csv.DictReader(handle, delimiter=declaration.get("delimiter", ",")):
                names = declaration.get("columns", {})
                row = {names.get(k.strip(), k.strip()): (v or "").strip() for k, v in raw.items()}
                for column, mapping in declaration.get("values", {}).items():
                    row[column] = mapping.get(row.get(column, ""), row.get(column, ""))
                for column in DATES & row.keys() if "date_format" in declaration else ():
                    row[column] = in_iso(row[column], declaration["date_format"])
                content = tuple(sorted((k, v) for k, v in row.items() if v))
                if content not in seen:
                    seen.add(content)
                    rows.append(row)
    return rows


def keeps_its_contract(table: str, row: Row) -> bool:
    """The checks on one row alone: types, required values, order of dates, counts that add up, some identity."""
    if any(not row.get(column) for column in REQUIRED[table]):
        return False
    if table == "employment" and row["kind"] != "work" and not row.get("code"):
        return False
    if table in ABOUT_PEOPLE and not any(row.get(column) for column in IDENTITY):
        return False
    for column, value in row.items():
        if not value:
            continue
        if column in DATES:
            try:
                day(value)
            except ValueError:
                return False
        if column in COUNTS and not re.fullmatch(r"\d+", value):
            return False
        if (table, column) in CHOICES and value not in CHOICES[table, column]:
            return False
    for first, last in ORDERED:
        if row.get(first) and row.get(last) and day(row[last]) < day(row[first]):
            return False
    if table in EVENT_DATE and row.get("date_of_birth") and day(row[EVENT_DATE[table]]) < day(row["date_of_birth"]):
        return False
    if table == "attendance":
        found = re.fullmatch(r"(\d{4})/(\d\d)", row["academic_year"])
        if not found or (int(found[1]) + 1) % 100 != int(found[2]):
            return False
        absent = int(row["sessions_authorised"]) + int(row["sessions_unauthorised"])
        if absent > int(row["sessions_possible"]):
            return False
    return True


# --------------------------------------------------------------------------------------------- calendar and birthdays


@dataclass(frozen=True)
class Term:
    year: int  # the autumn's
    name: str
    first: date
    last: date


CustomTerms = dict[tuple[str, str], tuple[date, date]]  # (academic year, term) → first and last day


def academic_year(year: int) -> str:
    return f"{year}/{(year + 1) % 100:02d}"


def term_of(custom: CustomTerms, year: int, name: str) -> Term:
    sunday = easter(year + 1)
    default = {
        "autumn": (date(year, 9, 1), date(year, 12, 31)),
        "spring": (date(year + 1, 1, 1), sunday),
        "summer": (sunday + DAY, date(year + 1, 7, 31)),
    }
    first, last = custom.get((academic_year(year), name), default[name])
    return Term(year, name, first, last)


def last_terms(custom: CustomTerms, on: date, n: int = 3) -> list[Term]:
    """The last n terms that are completed on the day, earliest first."""
    names = ("autumn", "spring", "summer")
    terms = [term_of(custom, year, name) for year in range(on.year - 4, on.year + 1) for name in names]
    return sorted((t for t in terms if t.last < on), key=lambda t: t.last)[-n:]


def months_before(d: date, months: int) -> date:
    year, month = divmod(d.year * 12 + d.month - 1 - months, 12)
    for length in (d.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(d.day, length))
        except ValueError:
            continue
    raise AssertionError(d)


def birthday(born: date, age: int) -> date:
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        return date(born.year + age, 3, 1)


def under_18(born: date, on: date) -> bool:
    return birthday(born, 18) > on


def of_school_age(born: date, term: Term) -> bool:
    ahead = {"autumn": date(term.year, 8, 31), "spring": date(term.year, 12, 31), "summer": date(term.year + 1, 3, 31)}
    sixteen = birthday(born, 16)
    last_school_year = sixteen.year if sixteen.month >= 9 else sixteen.year - 1
    return birthday(born, 5) <= ahead[term.name] and term.year <= last_school_year


# -------------------------------------------------------------------------------------------------------- the workspace


@dataclass(frozen=True)
class Mark:
    """One session of one child's register."""

    day: date
    session: str
    code: str


class Workspace:
    def __init__(self, folder: Path) -> None:
        declared = tomllib.loads((folder / "pbr.toml").read_text(encoding="utf-8"))
        self.sources = sources = {name: s for name, s in declared["sources"].items() if name in REQUIRED}
        self.covers = {
            name: (s["covers"]["from"], s["covers"]["until"])  # both inside
            for name, s in sources.items()
            if "covers" in s
        }
        self.custom_terms: CustomTerms = {
            (t["academic_year"], t["term"]): (t["from"], t["until"])
            for t in declared.get("calendar", {}).get("terms", [])
        }
        rows = {table: read_rows(folder, s) for table, s in sources.items() if table in REQUIRED}

        self.families = {
            r["family_id"]: day(r["engaged_on"]) for r in rows["families"] if keeps_its_contract("families", r)
        }
        settings = declared.get("linkage", {})
        self.members = who.Members(tuple(settings.get("passes", who.PASSES)), settings.get("gives", {}))
        self.born: dict[str, date] = {}
        self.stays: dict[str, list[tuple[str, date | None, date | None]]] = defaultdict(list)  # person → family, dates
        self.of_family: dict[str, set[str]] = defaultdict(set)  # whoever was a member at any time
        for r in rows["members"]:
            if not keeps_its_contract("members", r):
                continue
            person = r["person_id"]
            self.born[person] = day(r["date_of_birth"])
            self.members.add(r)
            self.stays[person].append(
                (
                    r["family_id"],
                    day(r["joined_on"]) if r.get("joined_on") else None,
                    day(r["left_on"]) if r.get("left_on") else None,
                )
            )
            self.of_family[r["family_id"]].add(person)

        # Per table: each person's rows, those that are possibly the person's, and who has a row in quarantine.
        self.records: dict[str, dict[str, list[Row]]] = {t: defaultdict(list) for t in ABOUT_PEOPLE}
        self.possible: dict[str, dict[str, list[Row]]] = {t: defaultdict(list) for t in ABOUT_PEOPLE}
        self.quarantined: dict[str, set[str]] = {t: set() for t in ABOUT_PEOPLE}
        for table in ABOUT_PEOPLE:
            self.read_table(table, rows.get(table, []))
        self.quarantine_marks_that_differ()

        self.needs: dict[str, list[date]] = defaultdict(list)
        self.needs_spoiled: set[str] = set()
        clashing = same_id_different_content(rows.get("needs", []))
        for r in rows.get("needs", []):
            if keeps_its_contract("needs", r) and r.get("record_id") not in clashing:
                self.needs[r["family_id"]].append(day(r["identified_on"]))
            else:
                self.needs_spoiled.add(r.get("family_id", ""))

    def read_table(self, table: str, rows: list[Row]) -> None:
        clashing = same_id_different_content(rows)
        for r in rows:
            readable = keeps_its_contract(table, r) and r.get("record_id") not in clashing
            for person, status, _ in self.members.link(r):
                before_birth = readable and table in EVENT_DATE and day(r[EVENT_DATE[table]]) < self.born[person]
                if readable and not before_birth:
                    (self.records if status == "confirmed" else self.possible)[table][person].append(r)
                elif status == "confirmed" or not readable:  # who was not born is not whose it may be
                    self.quarantined[table].add(person)

    def quarantine_marks_that_differ(self) -> None:
        for person, rows in self.records["marks"].items():
            codes: dict[tuple[str, str], set[str]] = defaultdict(set)
            for r in rows:
                codes[r["date"], r["session"]].add(r["code"])
            good = [r for r in rows if len(codes[r["date"], r["session"]]) == 1]
            if len(good) < len(rows):
                self.quarantined["marks"].add(person)
            self.records["marks"][person] = good

    # ---- calendar

    def school_terms(self, person: str, on: date) -> list[Term]:
        """Those of the last three completed terms in which the person was of school age."""
        return [t for t in last_terms(self.custom_terms, on) if of_school_age(self.born[person], t)]

    # ---- membership

    def member(self, person: str, family: str, on: date) -> bool:
        return self.born[person] <= on and any(
            f == family and (joined is None or joined <= on) and (left is None or left > on)
            for f, joined, left in self.stays[person]
        )

    def ever_in(self, family: str) -> list[str]:
        return sorted(self.of_family[family])

    def children(self, family: str, on: date) -> list[str]:
        return [p for p in self.ever_in(family) if self.member(p, family, on) and under_18(self.born[p], on)]

    def adults(self, family: str, on: date) -> list[str]:
        return [p for p in self.ever_in(family) if self.member(p, family, on) and not under_18(self.born[p], on)]

    def school_age_children(self, family: str, on: date) -> list[str]:
        return [p for p in self.children(family, on) if self.school_terms(p, on)]

    # ---- coverage

    def covered(self, source: str, first: date, until: date) -> bool:
        """Every day of [first, until) is inside what the source covers."""
        if source not in self.covers:
            return False
        covered_from, covered_until = self.covers[source]
        return covered_from <= first and until - DAY <= covered_until

    def why_null(self, source: str, people: Iterable[str], windows: Iterable[tuple[date, date]]) -> set[str]:
        """Why nothing may be said of these people's rows of this source over these windows, links apart.

        A row in quarantine spoils its whole source, for nobody knows what it says; a window that is not covered is not
        read.
        """
        reasons = set()
        if not all(self.covered(source, first, until) for first, until in windows):
            reasons.add("not_covered")
        if self.quarantined[source] & set(people):
            reasons.add("quarantined")
        return reasons


def same_id_different_content(rows: list[Row]) -> set[str]:
    """Record ids that stand on more than one row (rows equal in every column are already one)."""
    ids = [r["record_id"] for r in rows if r.get("record_id")]
    return {i for i in ids if ids.count(i) > 1} if len(ids) != len(set(ids)) else set()


# ------------------------------------------------------------------------------------------------------------- measures


@dataclass(frozen=True)
class Fact:
    """A value, or the reasons why there is none.

    Where possible links are the only reason, and it can be told, `could_be` is all that it may be.
    """

    value: object = None
    reasons: frozenset[str] = frozenset()
    could_be: tuple[object, ...] = ()

    @property
    def known(self) -> bool:
        return not self.reasons

    @property
    def all_values(self) -> tuple[object, ...]:
        return (self.value,) if self.known else self.could_be if self.reasons == {"unresolved_link"} else ()


def fact(value: object, reasons: Iterable[str] = ()) -> Fact:
    """The value, unless there are reasons against it: every one of them is kept."""
    reasons = frozenset(reasons)
    return Fact(None, reasons) if reasons else Fact(value)


def linked_fact(could_be: list[object], reasons: Iterable[str], *, is_read: bool = True) -> Fact:
    """A fact of which `could_be` lists every value, the first that of the sure rows alone, as its links are resolved.

    Unresolved where they differ; what is not read for want of coverage has no links to resolve.
    """
    different = [v for i, v in enumerate(could_be) if v not in could_be[:i]] if is_read else could_be[:1]
    reasons = set(reasons) | ({"unresolved_link"} if len(different) > 1 else set())
    return Fact(None, frozenset(reasons), tuple(different)) if reasons else Fact(different[0])


def resolutions(sure: list[Row], perhaps: list[Row]) -> list[list[Row]]:
    """The rows that may be somebody's: the sure ones with none, some or all of those that are possibly theirs."""
    assert len(perhaps) <= 10, "too many to try one by one"
    chosen = [list(some) for n in range(len(perhaps) + 1) for some in combinations(perhaps, n)]
    return [sure + some for some in chosen]


Record = tuple[int, int, str]  # unauthorised and possible sessions, enrolment


def termly_rows(linked: dict[str, dict[str, list[Row]]], child: str, term: Term) -> list[Record]:
    year = academic_year(term.year)
    return [
        (int(r["sessions_unauthorised"]), int(r["sessions_possible"]), r.get("enrolment") or "registered")
        for r in linked["attendance"][child]
        if r["academic_year"] == year and r["term"] == term.name
    ]


def marks_summed(w: Workspace, linked: dict[str, dict[str, list[Row]]], child: str, term: Term) -> list[Record]:
    """One record, if every day of the term is covered by marks and there are some."""
    marks = {
        Mark(day(r["date"]), r["session"], r["code"])
        for r in linked["marks"][child]
        if term.first <= day(r["date"]) <= term.last
    }
    if not marks or not w.covered("marks", term.first, term.last + DAY):
        return []
    unauthorised = sum(m.code in UNAUTHORISED for m in marks)
    possible = sum(m.code in UNAUTHORISED | AUTHORISED | PRESENT for m in marks)
    return [(unauthorised, possible, "registered")]


def attendance_of(w: Workspace, child: str, terms: list[Term]) -> tuple[list[list[Record]], set[str]]:
    """The child's records of each term (termly rows, else marks), and why they may not be enough."""
    found, reasons = [], set()
    for term in terms:
        rows = termly_rows(w.records, child, term)
        found.append(rows or marks_summed(w, w.records, child, term))
        if not found[-1]:
            reasons.add("no_record")
    if child in w.quarantined["attendance"] | w.quarantined["marks"]:
        reasons.add("quarantined")
    return found, reasons


def links_open(w: Workspace, child: str, term: Term) -> bool:
    """Whether a record that is possibly the child's would count in the term."""
    rows = termly_rows(w.records, child, term)
    return bool(termly_rows(w.possible, child, term) or (not rows and marks_summed(w, w.possible, child, term)))


def unauthorised_absence(w: Workspace, child: str, on: date) -> Fact:
    school_terms = w.school_terms(child, on)
    terms, reasons = attendance_of(w, child, school_terms)
    sure = [(u, p) for records in terms for u, p, _ in records]
    if all(terms) and sum(p for _, p in sure) == 0:
        reasons.add("no_sessions")
    # A termly row beside others of its term adds to them; any other would take the place of something, or of nothing.
    added = []
    for term in school_terms:
        if links_open(w, child, term):
            if not termly_rows(w.records, child, term):
                return Fact(None, frozenset(reasons | {"unresolved_link"}))
            added += [(u, p) for u, p, _ in termly_rows(w.possible, child, term)]
    sums = [(sum(u for u, _ in rows), sum(p for _, p in rows)) for rows in resolutions(sure, added)]
    shares = {Fraction(u, p) if p else None for u, p in sums}
    return linked_fact(list(sums) if len(shares) > 1 else sums[:1], reasons)


def enrolment(w: Workspace, child: str, on: date) -> Fact:
    last = w.school_terms(child, on)[-1:]
    (records,), reasons = attendance_of(w, child, last)
    if links_open(w, child, last[0]):
        reasons.add("unresolved_link")
    return fact({e for _, _, e in records}, reasons)


def exclusions(w: Workspace, child: str, on: date, kind: str) -> Fact:
    terms = w.school_terms(child, on)

    def count(rows: list[Row]) -> int:
        return sum(r["kind"] == kind and terms[0].first <= day(r["starts_on"]) <= terms[-1].last for r in rows)

    why = w.why_null("exclusions", [child], [(t.first, t.last + DAY) for t in terms])
    counts = [count(rows) for rows in resolutions(w.records["exclusions"][child], w.possible["exclusions"][child])]
    return linked_fact(counts, why, is_read="not_covered" not in why)


def offending_events(
    w: Workspace, family: str, first: date, until: date, kind: str, possible: bool = False
) -> list[str]:
    """The person of each event in [first, until) who was a member that day: `asb` of anybody, offences of minors."""
    rows = (w.possible if possible else w.records)["offending"]
    return [
        p
        for p in w.ever_in(family)
        for r in rows[p]
        if r["kind"] == kind
        and first <= (d := day(r["occurred_on"])) < until
        and w.member(p, family, d)
        and (kind == "asb" or under_18(w.born[p], d))
    ]


def offending_count(w: Workspace, family: str, first: date, until: date, kind: str) -> Fact:
    """A record that is possibly one of several members' is one event at most, whosever it is."""
    sure = len(offending_events(w, family, first, until, kind))
    members = w.ever_in(family)
    perhaps = [
        id(r)
        for p in members
        for r in w.possible["offending"][p]
        if r["kind"] == kind
        and first <= (d := day(r["occurred_on"])) < until
        and w.member(p, family, d)
        and (kind == "asb" or under_18(w.born[p], d))
    ]
    why = w.why_null("offending", members, [(first, until)])
    return linked_fact([sure + n for n in range(len(set(perhaps)) + 1)], why, is_read="not_covered" not in why)


def asb_incidents(w: Workspace, family: str, first: date, until: date) -> Fact:
    return offending_count(w, family, first, until, "asb")


def minor_offences(w: Workspace, family: str, first: date, until: date) -> Fact:
    return offending_count(w, family, first, until, "proven_offence")


def need_identified(w: Workspace, family: str, on: date) -> Fact:
    reasons = {"quarantined"} if family in w.needs_spoiled else set()
    if not w.covered("needs", on, on + DAY):
        reasons.add("not_covered")
    return fact(any(d <= on for d in w.needs[family]), reasons)


def open_spells(w: Workspace, person: str, kind: str, codes: set[str], on: date) -> Fact:
    """The codes of this kind that are open on the day."""

    def found(rows: list[Row]) -> set[str]:
        return {
            r["code"]
            for r in rows
            if r["kind"] == kind
            and r["code"] in codes
            and day(r["starts_on"]) <= on
            and (not r.get("ends_on") or day(r["ends_on"]) >= on)
        }

    why = w.why_null("employment", [person], [(on, on + DAY)])
    return linked_fact([found(rows) for rows in work_rows(w, person)], why, is_read="not_covered" not in why)


def has_any(spells: Fact, codes: set[str]) -> Fact:
    """Whether one of the codes is among those open."""
    if spells.known:
        return Fact(bool(spells.value & codes))
    could_be = [bool(each & codes) for each in spells.could_be]
    return linked_fact(could_be or [False], spells.reasons - {"unresolved_link"})


def work_rows(w: Workspace, person: str) -> list[list[Row]]:
    return resolutions(w.records["employment"][person], w.possible["employment"][person])


def provision_starts(w: Workspace, person: str, first: date, until: date) -> Fact:
    def count(rows: list[Row]) -> int:
        return sum(
            r["kind"] == "provision" and r["code"] in PROVISION and first <= day(r["starts_on"]) < until for r in rows
        )

    why = w.why_null("employment", [person], [(first, until)])
    return linked_fact([count(rows) for rows in work_rows(w, person)], why, is_read="not_covered" not in why)


def days_in_work(rows: list[Row], first: date, until: date) -> list[date]:
    spells = [
        (day(r["starts_on"]), day(r["ends_on"]) if r.get("ends_on") else date.max) for r in rows if r["kind"] == "work"
    ]
    days = [first + i * DAY for i in range((until - first).days)]
    return [d for d in days if any(start <= d <= end for start, end in spells)]


def work_fact(w: Workspace, person: str, first: date, until: date, measure: Callable[[list[date]], int]) -> Fact:
    """`measure` of the days in [first, until) that the person's work spells cover."""
    why = w.why_null("employment", [person], [(first, until)])
    values = [measure(days_in_work(rows, first, until)) for rows in work_rows(w, person)]
    return linked_fact(values, why, is_read="not_covered" not in why)


def weeks_in_work(w: Workspace, person: str, until: date, weeks: int) -> Fact:
    return work_fact(w, person, until - 7 * weeks * DAY, until, lambda days: len(days) // 7)


def longest_run(days: list[date]) -> int:
    longest = run = 0
    for i, d in enumerate(days):
        run = run + 1 if i and d - days[i - 1] == DAY else 1
        longest = max(longest, run)
    return longest


def longest_run_in_work(w: Workspace, person: str, first: date, until: date) -> Fact:
    return work_fact(w, person, first, until, longest_run)


# ------------------------------------------------------------------------------------------------------------- verdicts


@dataclass
class Finding:
    """A verdict, why (unknown or not applicable), what it rests on that is unverified, and the value tested, if one."""

    verdict: str
    reasons: frozenset[str] = frozenset()
    unverified: frozenset[str] = frozenset()
    value: str = ""
    baseline: str = ""


def combine(verdict: str, parts: list[Finding], by_itself: str) -> Finding:
    """A verdict out of its parts. Its reasons are those of the parts that share it.

    What it rests on: where one part decides by itself (one not met of `all of`, one met of `any of`), those parts that
    do; else every part, for each had to keep from deciding, the dropped ones too. Made of several, it has no value.
    """
    sharing = [p for p in parts if p.verdict == verdict]
    resting = sharing if verdict == by_itself else parts
    return Finding(
        verdict, frozenset().union(*(p.reasons for p in sharing)), frozenset().union(*(p.unverified for p in resting))
    )


def all_of(*parts: Finding) -> Finding:
    verdicts = {p.verdict for p in parts} - {NOT_APPLICABLE}
    order = [NOT_MET, UNKNOWN, MET, NOT_APPLICABLE]
    return combine(next((v for v in order if v in verdicts), NOT_APPLICABLE), list(parts), NOT_MET)


def any_of(*parts: Finding) -> Finding:
    verdicts = {p.verdict for p in parts} - {NOT_APPLICABLE}
    order = [MET, UNKNOWN, NOT_MET, NOT_APPLICABLE]
    return combine(next((v for v in order if v in verdicts), NOT_APPLICABLE), list(parts), MET)


def at_least(n: int, *parts: Finding) -> Finding:
    met, unknown = (sum(p.verdict == v for p in parts) for v in (MET, UNKNOWN))
    if all(p.verdict == NOT_APPLICABLE for p in parts):
        verdict = NOT_APPLICABLE
    else:
        verdict = MET if met >= n else NOT_MET if met + unknown < n else UNKNOWN
    return combine(verdict, list(parts), MET)


def over(subjects: dict[str, Finding], combined: Callable[..., Finding]) -> Finding:
    """`every` (all_of) or `some` (any_of) subject."""
    return combined(*subjects.values()) if subjects else Finding(NOT_APPLICABLE, frozenset({"no_subject"}))


def written(value: object) -> str:
    if isinstance(value, tuple):
        return f"{value[0]}/{value[1]}"
    return str(value).lower() if value is not None else ""


def test(f: Fact, passes: Callable[[object], bool], *unverified: str) -> Finding:
    """Of a fact that may be one thing or another, what all of them agree on."""
    verdicts = {MET if passes(value) else NOT_MET for value in f.all_values}
    if len(verdicts) != 1:
        return Finding(UNKNOWN, f.reasons, frozenset(unverified))
    return Finding(verdicts.pop(), frozenset(), frozenset(unverified), written(f.value))


def reduced_by(percent: int, now: Fact, before: Fact, *unverified: str) -> Finding:
    rests, value, baseline = frozenset(unverified), written(now.value), written(before.value)
    verdicts = {fallen(percent, c, b) for c in now.all_values for b in before.all_values}
    if len(verdicts) != 1:
        return Finding(UNKNOWN, now.reasons | before.reasons, rests, value, baseline)
    verdict = verdicts.pop()
    return Finding(verdict, frozenset({"no_baseline"} if verdict == NOT_APPLICABLE else ()), rests, value, baseline)


def fallen(percent: int, now: int, before: int) -> str:
    if before > 0:
        return MET if (before - now) * 100 >= percent * before else NOT_MET
    return NOT_MET if now > 0 else NOT_APPLICABLE


def at_or_over_15_percent(share: tuple[int, int]) -> bool:
    return share[0] * 100 >= 15 * share[1]


# --------------------------------------------------------------------------------------- Phase 1: eligibility, at E


def eligibility(w: Workspace, family: str, e: date) -> dict[str, tuple[Finding, dict[str, Finding]]]:
    """criterion → its family finding and its subjects' findings."""
    year_before = months_before(e, 12)
    crime_asb = any_of(
        test(minor_offences(w, family, year_before, e), lambda n: n >= 1),
        test(asb_incidents(w, family, year_before, e), lambda n: n >= 1),
    )
    education = {
        child: any_of(
            test(exclusions(w, child, e, "permanent"), lambda n: n >= 1),
            test(exclusions(w, child, e, "suspension"), lambda n: n >= 3),
            test(unauthorised_absence(w, child, e), at_or_over_15_percent),
            test(enrolment(w, child, e), lambda found: bool(found & {"alternative_provision", "not_on_roll"})),
        )
        for child in w.school_age_children(family, e)
    }
    worklessness = {}
    for adult in w.adults(family, e):
        benefit = open_spells(w, adult, "benefit", OUT_OF_WORK, e)
        worklessness[adult] = test(has_any(benefit, OUT_OF_WORK), bool, "benefit_codes")
    local_discretion = test(need_identified(w, family, e), bool)

    three = [crime_asb, over(education, any_of), over(worklessness, any_of)]
    eligible = any_of(at_least(3, *three), all_of(at_least(2, *three), local_discretion))
    return {
        "crime_asb": (three[0], {}),
        "education": (three[1], education),
        "worklessness": (three[2], worklessness),
        "local_discretion": (local_discretion, {}),
        "eligible": (eligible, {}),
    }


# --------------------------------------------------------------------------------------------- Phase 1: results, at A

Facts = dict[tuple[str, str], Fact]


def result_facts(w: Workspace, family: str, e: date, a: date) -> Facts:
    """Every fact that the results read, by measure and subject (empty for the family)."""
    facts: Facts = {}
    for child in w.school_age_children(family, a):
        facts["suspensions", child] = exclusions(w, child, a, "suspension")
        facts["unauthorised_absence", child] = unauthorised_absence(w, child, a)
    now, before = (months_before(a, 6), a), (months_before(e, 6), e)
    facts["asb_incidents", ""] = asb_incidents(w, family, *now)
    facts["asb_incidents before", ""] = asb_incidents(w, family, *before)
    facts["minor_offences", ""] = minor_offences(w, family, *now)
    facts["minor_offences before", ""] = minor_offences(w, family, *before)
    for adult in w.adults(family, a):
        facts["provision_starts", adult] = provision_starts(w, adult, *now)
        facts["benefits at engagement", adult] = open_spells(w, adult, "benefit", OUT_OF_WORK, e)
        facts["benefits on the last day", adult] = open_spells(w, adult, "benefit", OUT_OF_WORK, a - DAY)
        facts["weeks_in_work", adult] = weeks_in_work(w, adult, a, 30)
        facts["longest_run_in_work", adult] = longest_run_in_work(w, adult, *now)
        facts["provision on the last day", adult] = open_spells(w, adult, "provision", PROVISION, a - DAY)
    return facts


def moved_into_work(facts: Facts, adult: str) -> Finding:
    at_engagement = facts["benefits at engagement", adult]
    tests = []
    for codes, work in (
        ({"JSA"}, test(facts["weeks_in_work", adult], lambda n: n >= 26, "tests of work")),
        (OUT_OF_WORK - {"JSA"}, test(facts["longest_run_in_work", adult], lambda n: n >= 91, "tests of work")),
    ):
        on_it = test(has_any(at_engagement, codes), bool, "tests of work")
        if on_it.verdict == UNKNOWN:
            tests.append(on_it)
        elif on_it.verdict == MET:
            tests.append(work)
    return all_of(
        test(has_any(at_engagement, OUT_OF_WORK), bool, "benefit_codes"),
        test(has_any(facts["benefits on the last day", adult], OUT_OF_WORK), lambda open_: not open_, "benefit_codes"),
        any_of(*tests),  # with no benefit on E there is no test, and the first part is not met anyway
        test(
            has_any(facts["provision on the last day", adult], PROVISION), lambda open_: not open_, "not on provision"
        ),
    )


def results(facts: Facts) -> dict[str, tuple[Finding, dict[str, Finding]]]:
    children = [s for measure, s in facts if measure == "suspensions"]
    adults = [s for measure, s in facts if measure == "provision_starts"]
    suspensions = {c: test(facts["suspensions", c], lambda n: n < 3) for c in children}
    attendance = {c: test(facts["unauthorised_absence", c], lambda s: not at_or_over_15_percent(s)) for c in children}
    provision = {p: test(facts["provision_starts", p], lambda n: n >= 1) for p in adults}
    moved = {p: moved_into_work(facts, p) for p in adults}
    return {
        "suspensions_below_three": (over(suspensions, all_of), suspensions),
        "attendance_improved": (over(attendance, all_of), attendance),
        "asb_reduced": (
            reduced_by(60, facts["asb_incidents", ""], facts["asb_incidents before", ""], "baseline window"),
            {},
        ),
        "youth_offending_reduced": (
            reduced_by(33, facts["minor_offences", ""], facts["minor_offences before", ""], "baseline window"),
            {},
        ),
        "progress_to_work_made": (over(provision, any_of), provision),
        "moved_into_work": (over(moved, any_of), moved),
    }


ROUTES = {
    "crime_asb_education": ["suspensions_below_three", "attendance_improved", "asb_reduced", "youth_offending_reduced"],
    "continuous_employment": ["moved_into_work"],
    "progress_to_work": ["progress_to_work_made"],
}


def routes(facts: Facts) -> dict[str, Finding]:
    found = results(facts)
    return {route: all_of(*(found[c][0] for c in criteria)) for route, criteria in ROUTES.items()}


# ---------------------------------------------------------------------------------------------------------------- flags


def one_the_other_way(facts: Facts) -> Iterator[Facts]:
    """The facts again and again, each time with one session, incident, exclusion or seven days in work more or less."""
    steps = {
        "suspensions": 1,
        "asb_incidents": 1,
        "asb_incidents before": 1,
        "minor_offences": 1,
        "minor_offences before": 1,
        "weeks_in_work": 1,
        "longest_run_in_work": 7,
    }
    for key, old in facts.items():
        if not old.known:
            continue
        for way in (-1, 1):
            if key[0] == "unauthorised_absence":
                unauthorised, possible = old.value
                if 0 <= unauthorised + way <= possible:
                    yield facts | {key: Fact((unauthorised + way, possible))}
            elif key[0] in steps and old.value + way * steps[key[0]] >= 0:
                yield facts | {key: Fact(old.value + way * steps[key[0]])}


def flags(
    w: Workspace, family: str, e: date, a: date, facts: Facts, education_at_engagement: dict[str, Finding]
) -> dict[str, set[str]]:
    found, verdicts = results(facts), routes(facts)
    raised: dict[str, set[str]] = {route: set() for route in ROUTES}

    # neutral_only: nothing that was there has gone. Work and provision are never a mere absence.
    compared = any(found[c][0].verdict == MET for c in ("asb_reduced", "youth_offending_reduced"))
    fell = False
    for child in w.school_age_children(family, a):  # who may not yet have been in the family on E
        if not w.school_terms(child, e):
            continue
        absence, suspended = unauthorised_absence(w, child, e), exclusions(w, child, e, "suspension")
        fell |= test(absence, at_or_over_15_percent).verdict == MET
        fell |= test(suspended, lambda n: n >= 3).verdict == MET
    if verdicts["crime_asb_education"].verdict == MET and not compared and not fell:
        raised["crime_asb_education"].add("neutral_only")

    # school_leaver, composition_changed: they go with the decision, so with each of its routes.
    leavers = [c for c, f in education_at_engagement.items() if f.verdict == MET and not w.school_terms(c, a)]
    window = months_before(e, 6), e
    in_baseline: set[str] = set()
    if w.covered("offending", *window):
        in_baseline.update(
            offending_events(w, family, *window, "asb"), offending_events(w, family, *window, "proven_offence")
        )
    for route in ROUTES:
        if leavers:
            raised[route].add("school_leaver")
        if any(not w.member(p, family, a) for p in in_baseline):
            raised[route].add("composition_changed")

    for changed in one_the_other_way(facts):
        for route, finding in routes(changed).items():
            if finding.verdict != verdicts[route].verdict:
                raised[route].add("near_threshold")
    for route, finding in verdicts.items():
        if finding.unverified:
            raised[route].add("unverified_rule")
    return raised


# ------------------------------------------------------------------------------------------------------------- findings


def findings(workspace_path: Path | str, as_of: date) -> list[dict[str, str]]:
    """The findings of every family engaged before `as_of`, as text, sorted by the first four columns by code point."""
    w = Workspace(Path(workspace_path))
    rows: list[list[str]] = []

    def write(family: str, part: str, item: str, subject: str, f: Finding, raised: Iterable[str] = ()) -> None:
        reasons = ";".join(r for r in REASONS if r in f.reasons)
        rows.append(
            [
                family,
                part,
                item,
                subject,
                f.verdict,
                f.value,
                f.baseline,
                reasons,
                ";".join(x for x in FLAGS if x in raised),
            ]
        )

    for family, e in w.families.items():
        if e >= as_of:
            continue
        at_engagement = eligibility(w, family, e)
        facts = result_facts(w, family, e, as_of)
        for part, judged in (("eligibility", at_engagement), ("result", results(facts))):
            for item, (own, subjects) in judged.items():
                write(family, part, item, "", own)
                for subject, f in subjects.items():
                    write(family, part, item, subject, f)
        raised = flags(w, family, e, as_of, facts, at_engagement["education"][1])
        for route, f in routes(facts).items():
            write(family, "route", route, "", f, raised[route])
    return [dict(zip(COLUMNS, row, strict=True)) for row in sorted(rows, key=lambda r: r[:4])]


if __name__ == "__main__":
    out = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    out.writeheader()
    out.writerows(findings(sys.argv[1], date.fromisoformat(sys.argv[2])))
