"""A second reading of `docs/linkage.md`, to be read beside it: slow, obvious, one record and one member at a time.

In come members' rows and a record's row, as text under our column names, and the settings of `[linkage]`; out come the
links of the record: person, status and pass. Only the deterministic passes are here. It shares no code with the product
on purpose; the list of nicknames is data, and the same for both.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

import pbr

Row = dict[str, str]

PASSES = (
    "person_id",
    "identifier",
    "exact",
    "name_variant",
    "one_character",
    "birth_swapped",
    "birth_near",
    "initial",
    "birth_missing",
    "moved_house",
    "variant_elsewhere",
)
GIVES = {
    "identifier_alone": "possible",
    "exact": "confirmed",
    "name_variant": "confirmed",
    "one_character": "confirmed",
    "birth_swapped": "confirmed",
    "birth_near": "possible",
    "initial": "possible",
    "birth_missing": "possible",
    "moved_house": "possible",
    "variant_elsewhere": "possible",
}
UNKNOWN_BIRTHS = {date(1900, 1, 1), date(1901, 1, 1)}
TITLES = ("mr", "mrs", "ms", "miss", "mx", "master", "dr", "rev", "prof", "sir")


# ------------------------------------------------------------------------------------------------- numbers and checks


def upn(text: str) -> str | None:
    text = "".join(text.split()).upper()
    if not re.fullmatch(r"[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]", text):
        return None
    letters = "ABCDEFGHJKLMNPQRTUVWXYZ"
    values = [int(c) if c.isdigit() else letters.index(c) for c in text[1:]]
    return text if letters[sum(v * at for at, v in enumerate(values, start=2)) % 23] == text[0] else None


def nino(text: str) -> str | None:
    """Without its suffix, which may be unknown."""
    text = "".join(text.split()).upper()
    shape = r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]?"
    return text[:8] if re.fullmatch(shape, text) else None


def nhs_number(text: str) -> str | None:
    text = "".join(text.replace("-", "").split())
    if not re.fullmatch(r"[0-9]{10}", text) or len(set(text)) == 1:
        return None
    check = 11 - sum(int(c) * weight for c, weight in zip(text, range(10, 1, -1), strict=False)) % 11
    return text if check != 10 and check % 11 == int(text[9]) else None


def pnc_id(text: str) -> str | None:
    """Without the century, which displays drop and the check letter does not read, and with all seven figures."""
    found = re.fullmatch(r"(?:19|20)?([0-9]{2})(?:/([0-9]{1,7})|([0-9]{7}))([A-Z])", "".join(text.split()).upper())
    if not found:
        return None
    year, serial, check = found[1], (found[2] or found[3]).zfill(7), found[4]
    return f"{year}/{serial}{check}" if "ZABCDEFGHJKLMNPQRTUVWXY"[int(year + serial) % 23] == check else None


NUMBERS: dict[str, Callable[[str], str | None]] = {
    "upn": upn,
    "nino": nino,
    "nhs_number": nhs_number,
    "pnc_id": pnc_id,
}


# ------------------------------------------------------------------------------------------------- what is compared


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, split at spaces and hyphens, each of plain letters only."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).casefold()
    spaced = "".join(" " if c.isspace() or unicodedata.category(c) == "Pd" else c for c in bare)
    words = ["".join(c for c in word if c.isalpha()) for word in spaced.split()]
    return tuple(word for word in words if word)


def without_titles(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in TITLES)


def born_of(text: str) -> date | None:
    try:
        born = date.fromisoformat(text)
    except ValueError:
        return None
    return None if born in UNKNOWN_BIRTHS else born


def sex_of(text: str) -> str:
    return {"m": "M", "1": "M", "f": "F", "2": "F"}.get(text.strip().casefold()[:1], "")


def postcode_of(text: str) -> str:
    plain = "".join(c for c in text.upper() if c.isascii() and c.isalnum())
    if not re.fullmatch("[A-Z][A-Z]?[0-9][0-9A-Z]?[0-9][A-Z][A-Z]", plain):
        return ""
    return "" if plain.startswith("ZZ99") and len(plain) == 7 else plain


def uprn_of(text: str) -> str:
    figures = "".join(c for c in text if c in "0123456789").lstrip("0")
    return "" if set(figures) <= {"9"} else figures


@dataclass(frozen=True)
class Shown:
    """What one row shows of somebody, as it is compared; empty or None where it shows nothing."""

    person_id: str
    numbers: frozenset[tuple[str, str]]  # kind and number
    surname: tuple[str, ...]
    forename: tuple[str, ...]
    born: date | None
    sex: str
    postcode: str
    uprn: str


def shown(row: Row) -> Shown:
    numbers = {(kind, canonical(row.get(kind, ""))) for kind, canonical in NUMBERS.items()}
    surname, forename = words_of(row.get("surname", "")), words_of(row.get("forename", ""))
    return Shown(
        person_id="".join(row.get("person_id", "").split()).upper(),
        numbers=frozenset((kind, number) for kind, number in numbers if number),
        surname=without_titles(surname) or surname,
        forename=without_titles(forename),
        born=born_of(row.get("date_of_birth", "")),
        sex=sex_of(row.get("sex", "")),
        postcode=postcode_of(row.get("postcode", "")),
        uprn=uprn_of(row.get("uprn", "")),
    )


# ------------------------------------------------------------------------------------------------------------ levels


@cache
def nicknames() -> dict[str, set[str]]:
    """Each name with the others of its groups."""
    path = Path(pbr.__file__).parent / "linkage" / "nicknames.yaml"
    known: dict[str, set[str]] = defaultdict(set)
    for group in yaml.safe_load(path.read_text(encoding="utf-8")):
        for name in group:
            known[name] |= set(group) - {name}
    return known


def letters(words: tuple[str, ...]) -> str:
    return "".join(words)


def part(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Every word of one is a word of the other, and it is not a single letter."""
    return any(bool(a) and set(a) <= set(b) and len(letters(a)) > 1 for a, b in ((one, other), (other, one)))


def nickname(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return bool(one and other) and other[0] in nicknames().get(one[0], set())


def one_apart(one: str, other: str) -> bool:
    """One character more, one less, another, or two neighbours swapped; both have at least four letters."""
    if one == other or min(len(one), len(other)) < 4:
        return False
    if len(one) == len(other):
        at = [i for i in range(len(one)) if one[i] != other[i]]
        return len(at) == 1 or (
            len(at) == 2 and at[1] == at[0] + 1 and (one[at[0]], one[at[1]]) == (other[at[1]], other[at[0]])
        )
    short, long = sorted((one, other), key=len)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def initial(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """One is missing, or only the first letter of the other."""
    a, b = letters(one), letters(other)
    return not a or not b or (len(a) == 1 and b.startswith(a)) or (len(b) == 1 and a.startswith(b))


def name_level(record: Shown, member: Shown) -> str:
    if not record.surname or not member.surname:
        return "absent"
    surname_same = letters(record.surname) == letters(member.surname)
    forename_same = bool(record.forename) and letters(record.forename) == letters(member.forename)
    surname_part = part(record.surname, member.surname)
    if surname_same and forename_same:
        return "same"
    if record.forename and (letters(record.surname), letters(record.forename)) == (
        letters(member.forename),
        letters(member.surname),
    ):
        return "variant"
    if (surname_same or surname_part) and (
        forename_same or part(record.forename, member.forename) or nickname(record.forename, member.forename)
    ):
        return "variant"
    if surname_same and one_apart(letters(record.forename), letters(member.forename)):
        return "near"
    if forename_same and one_apart(letters(record.surname), letters(member.surname)):
        return "near"
    if (surname_same or surname_part) and initial(record.forename, member.forename):
        return "initial"
    return "differs"


@cache
def birth_level(one: date | None, other: date | None) -> str:
    if one is None or other is None:
        return "absent"
    if one == other:
        return "same"
    if (one.year, one.month, one.day) == (other.year, other.day, other.month):
        return "swapped"
    a, b = one.strftime("%Y%m%d"), other.strftime("%Y%m%d")
    at = [i for i in range(8) if a[i] != b[i]]
    if len(at) == 1 or (len(at) == 2 and at[1] == at[0] + 1 and (a[at[0]], a[at[1]]) == (b[at[1]], b[at[0]])):
        return "near"
    return "differs"


NAME_LEVELS = ("same", "variant", "near", "initial", "differs", "absent")
NEAR_BIRTHS = ("same", "swapped", "near")
BIRTH_LEVELS = ("same", "swapped", "near", "differs", "absent")


def very_same(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    return bool(ours and theirs) and "".join(ours) == "".join(theirs)


class Agreement(NamedTuple):
    """How a record and a member agree, all of the member's names and addresses being theirs."""

    name: str
    birth: str
    address: str
    number: bool  # one of the record's numbers is theirs
    same_surname: bool
    same_forename: bool
    very_same: bool  # two of surname, forename and birth are
    number_differs: bool  # a number of the record is of a kind of which theirs are others
    sex_differs: bool


# ------------------------------------------------------------------------------------------------------------- passes


class Link(NamedTuple):
    person_id: str
    status: str
    made_by: str


FITS: dict[str, Callable[[Agreement], bool]] = {
    "exact": lambda a: (a.name, a.birth, a.address) == ("same", "same", "same"),
    "name_variant": lambda a: (a.name, a.birth, a.address) == ("variant", "same", "same"),
    "one_character": lambda a: (a.name, a.birth, a.address) == ("near", "same", "same"),
    "birth_swapped": lambda a: (a.name, a.birth, a.address) == ("same", "swapped", "same"),
    "birth_near": lambda a: (a.name, a.birth, a.address) == ("same", "near", "same"),
    "initial": lambda a: (a.name, a.birth, a.address) == ("initial", "same", "same"),
    "birth_missing": lambda a: (a.name, a.birth, a.address) == ("same", "absent", "same"),
    "moved_house": lambda a: (a.name, a.birth) == ("same", "same") and a.address != "same",
    "variant_elsewhere": lambda a: (
        a.name in ("variant", "near")
        and a.birth == "same"
        and a.address != "same"
        and (a.same_surname or a.same_forename)
    ),
}


@dataclass
class Members:
    """Everybody who is a member, with all the ways they are recorded, and the rules by which records are theirs."""

    passes: tuple[str, ...] = PASSES
    gives: dict[str, str] = field(default_factory=dict)
    ways: dict[str, list[Shown]] = field(default_factory=lambda: defaultdict(list))
    known: dict[Shown, list[Link]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        self.ways[row["person_id"]].append(shown(row))

    def agreement(self, record: Shown, person: str) -> Agreement:
        ways = self.ways[person]
        numbers = {each for way in ways for each in way.numbers}
        kinds = {kind for kind, _ in numbers}
        shares_kind = [each for each in record.numbers if each[0] in kinds]
        sexes = {way.sex for way in ways if way.sex}
        at_home = any(
            (record.postcode and record.postcode == way.postcode) or (record.uprn and record.uprn == way.uprn)
            for way in ways
        )
        return Agreement(
            name=min((name_level(record, way) for way in ways), key=NAME_LEVELS.index),
            birth=min((birth_level(record.born, way.born) for way in ways), key=BIRTH_LEVELS.index),
            address="same" if at_home else "other",
            number=any(each in numbers for each in record.numbers),
            same_surname=any(very_same(record.surname, way.surname) for way in ways),
            same_forename=any(very_same(record.forename, way.forename) for way in ways),
            very_same=any(
                sum(
                    (
                        very_same(record.surname, way.surname),
                        very_same(record.forename, way.forename),
                        record.born is not None and record.born == way.born,
                    )
                )
                >= 2
                for way in ways
            ),
            number_differs=any(each not in numbers for each in shares_kind),
            sex_differs=bool(record.sex and sexes and record.sex not in sexes),
        )

    def link(self, row: Row) -> list[Link]:
        """The links of a record; details that were seen before have the links that they had."""
        record = shown(row)
        if record not in self.known:
            self.known[record] = sorted(self.links_of(record))
        return self.known[record]

    def links_of(self, record: Shown) -> Iterator[Link]:
        by_id = record.person_id if "person_id" in self.passes else ""
        owners = [person for person, ways in self.ways.items() if by_id and by_id in {way.person_id for way in ways}]
        if owners:
            for p in owners:
                a = self.agreement(record, p)
                other = (a.name, a.birth) == ("differs", "differs")
                yield Link(p, "confirmed" if len(owners) == 1 and not other else "possible", "person_id")
            return
        foreign = bool(by_id)
        # Nobody is linked whose birth is known to be another, but for a number.
        agreed = {
            person: self.agreement(record, person)
            for person, ways in self.ways.items()
            if any(record.numbers & way.numbers or birth_level(record.born, way.born) != "differs" for way in ways)
        }

        by_number = self.by_number(record, agreed, foreign) if "identifier" in self.passes else []
        yield from by_number
        if foreign or any(link.status == "confirmed" for link in by_number):
            return
        linked = {link.person_id for link in by_number}

        fits: dict[str, str] = {}  # person → the first pass that they fit
        for made_by in self.passes:
            for person, a in agreed.items():
                if made_by in FITS and person not in fits and FITS[made_by](a):
                    fits[person] = made_by
        exact = {person: made_by for person, made_by in fits.items() if made_by == "exact"}
        for person, made_by in (exact or fits).items():
            a = agreed[person]
            doubt = bool(by_number) or len(exact or fits) > 1
            doubt |= made_by != "exact" and (a.number_differs or a.sex_differs)
            if person not in linked:
                yield Link(person, "possible" if doubt else (GIVES | self.gives)[made_by], made_by)

    def by_number(self, record: Shown, agreed: dict[str, Agreement], foreign: bool) -> list[Link]:
        holders = [person for person, a in agreed.items() if a.number]
        links = []
        for person in holders:
            a = agreed[person]
            by_name = a.name in ("same", "variant", "near")
            by_birth = a.birth in ("same", "swapped")
            somebody_else = any(
                other.name in ("same", "variant", "near") and other.birth in NEAR_BIRTHS and other.very_same
                for p, other in agreed.items()
                if p != person
            )
            status = "confirmed"
            both_give = any(
                (record.surname and way.surname) or (record.forename and way.forename) or (record.born and way.born)
                for way in self.ways[person]
            )
            if not both_give:
                status = (GIVES | self.gives)["identifier_alone"]
            speaks_against = somebody_else or a.number_differs or a.sex_differs
            if both_give and not (by_name and by_birth) and (speaks_against or not (by_name or by_birth)):
                status = "possible"
            if len(holders) > 1 or foreign:
                status = "possible"
            links.append(Link(person, status, "identifier"))
        return links


def members(rows: Iterable[Row], passes: tuple[str, ...] = PASSES, gives: dict[str, str] | None = None) -> Members:
    made = Members(passes, gives or {})
    for row in rows:
        made.add(row)
    return made
