"""A county of people who do not exist, what its agencies have recorded of them, and the truth beside it.

In: how many people, and a seed. Out: `County`: the people, the members of families on the programme as the authority
has them, five tables of records with the errors that real records have, and who each record is about. Of the people,
three in ten are members; the others share their houses, postcodes, surnames and birthdays, and more than half of the
records are theirs. The rates stand here as constants; `docs/linkage-errors.md` says where each of them comes from.
The generator knows nothing of how records are linked.

Nobody here exists: names fall by chance from lists (`names.py`), postcodes lie in an area that does not exist, and
numbers are of ranges that are never issued (`fixtures/make.py`).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import polars as pl

from tests.bench import names

TODAY = date(2014, 8, 31)
FIRST_DAY = date(2012, 9, 1)
"""Records are of the two school years between these days."""

# ------------------------------------------------------------------------------------------------ rates: the people

MEMBERS = 0.30
"""Share of the county's people who are members of a family on the programme."""
RECORDS = {"attendance": 1.85, "exclusions": 0.2, "offending": 0.7, "employment": 1.45, "social_care": 0.8}
"""Records a person of the county, by table: 5 in all."""
ASB = 0.36
"""Share of the offending table that is anti-social behaviour, and not the police's."""

LONE_PARENT = 0.55
MARRIED = 0.45
MULTIPLE_BIRTH = 0.016
CHILD_OF_ANOTHER_FATHER = 0.15
TWINS_NAMED_ALIKE = 0.05
"""Twins of one sex whose names differ in one letter: Mia and Tia."""
LISTED_TWICE = 0.005
"""Members who stand in the list twice, under two ids, in two families: of parents who live apart, or regrouped."""
NAMED_AFTER_FATHER = 0.03
NAMED_AFTER_MOTHER = 0.01
FATHERS_NAME, MOTHERS_NAME = 0.60, 0.28  # the rest are double-barrelled
OTHER_NAMES = 0.12
MIDDLE_NAME = 0.80
KNOWN_BY_MIDDLE_NAME = 0.04
USES_SHORT_FORM = 0.40
CHANGED_NAME = {"married": 0.35, "unmarried": 0.10, "child": 0.25, "man": 0.02}
"""Who has another surname in use as well: a maiden name, a former husband's, the other parent's."""
RELATIVE_IN_THE_HOUSE = 0.30
MOVED = 0.33
"""Households that moved in the last three years: 12 % a year."""
BORN_ON_NEW_YEARS_DAY = 0.05
"""Of adults of the lists of other names: the day that is written where only the year is known, everywhere."""
MOVED_NEARBY = 0.34
"""Of moves: those within one postcode district."""
HOUSEHOLDS_A_POSTCODE, POSTCODES_A_SECTOR, SECTORS_A_DISTRICT = 16, 55, 5

# ---------------------------------------------------------------------------------------------- rates: the records


@dataclass(frozen=True)
class Supplier:
    """How complete a source's identifiers are, and how often what it writes is not the person's own.

    `numbers`: identifier → share of those who have one whose entry gives it. The others are shares of entries, each of
    those it can happen to: a short form of those who use one, a swapped day of those whose day is a month.
    """

    numbers: Mapping[str, float]
    forename: float
    surname: float
    birth: float
    sex: float
    postcode: float
    uprn: float
    details_of_another: float
    number_wrong: float
    number_mistyped: float
    name_mistyped: float
    name_swapped: float
    short_form: float
    spelt_otherwise: float
    middle_name_added: float
    initial_only: float
    other_surname: float
    half_surname: float
    birth_swapped: float
    birth_mistyped: float
    birth_year_only: float
    birth_placeholder: float
    birth_wrong: float
    sex_wrong: float
    address_stale: float
    address_elsewhere: float
    no_fixed_abode: float
    postcode_mistyped: float
    upper_case: bool
    accents_lost: float
    titled: float


SUPPLIERS = {
    "school": Supplier(
        numbers={"upn": 0.97}, forename=1.0, surname=1.0, birth=0.999, sex=0.99, postcode=0.96, uprn=0.0,
        number_wrong=0.001, number_mistyped=0.002, name_mistyped=0.012, name_swapped=0.002, short_form=0.30,
        spelt_otherwise=0.04, middle_name_added=0.06, initial_only=0.0, other_surname=0.35, half_surname=0.20,
        birth_swapped=0.002, birth_mistyped=0.004, birth_year_only=0.0005, birth_placeholder=0.0002, birth_wrong=0.0005,
        sex_wrong=0.003, address_stale=0.25, address_elsewhere=0.03, no_fixed_abode=0.001, postcode_mistyped=0.008,
        upper_case=False, accents_lost=0.3, titled=0.0, details_of_another=0.0,
    ),
    "police": Supplier(
        numbers={"pnc_id": 0.60}, forename=0.998, surname=1.0, birth=0.97, sex=0.99, postcode=0.88, uprn=0.0,
        number_wrong=0.001, number_mistyped=0.004, name_mistyped=0.030, name_swapped=0.003, short_form=0.20,
        spelt_otherwise=0.10, middle_name_added=0.25, initial_only=0.004, other_surname=0.35, half_surname=0.30,
        birth_swapped=0.008, birth_mistyped=0.015, birth_year_only=0.003, birth_placeholder=0.002, birth_wrong=0.006,
        sex_wrong=0.003, address_stale=0.30, address_elsewhere=0.08, no_fixed_abode=0.05, postcode_mistyped=0.015,
        upper_case=True, accents_lost=1.0, titled=0.0, details_of_another=0.002,
    ),
    "asb": Supplier(
        numbers={}, forename=0.94, surname=0.99, birth=0.55, sex=0.70, postcode=0.75, uprn=0.35,
        number_wrong=0.0, number_mistyped=0.0, name_mistyped=0.050, name_swapped=0.005, short_form=0.60,
        spelt_otherwise=0.20, middle_name_added=0.01, initial_only=0.05, other_surname=0.35, half_surname=0.40,
        birth_swapped=0.010, birth_mistyped=0.020, birth_year_only=0.010, birth_placeholder=0.010, birth_wrong=0.010,
        sex_wrong=0.003, address_stale=0.20, address_elsewhere=0.08, no_fixed_abode=0.02, postcode_mistyped=0.030,
        upper_case=False, accents_lost=0.8, titled=0.08, details_of_another=0.002,
    ),
    "benefits": Supplier(
        numbers={"nino": 0.98}, forename=0.995, surname=1.0, birth=0.998, sex=0.98, postcode=0.95, uprn=0.0,
        number_wrong=0.001, number_mistyped=0.001, name_mistyped=0.006, name_swapped=0.001, short_form=0.05,
        spelt_otherwise=0.03, middle_name_added=0.15, initial_only=0.010, other_surname=0.40, half_surname=0.20,
        birth_swapped=0.001, birth_mistyped=0.002, birth_year_only=0.0005, birth_placeholder=0.0005, birth_wrong=0.0005,
        sex_wrong=0.003, address_stale=0.35, address_elsewhere=0.04, no_fixed_abode=0.010, postcode_mistyped=0.004,
        upper_case=True, accents_lost=1.0, titled=0.03, details_of_another=0.0,
    ),
    "care": Supplier(
        numbers={"upn": 0.60, "nhs_number": 0.40}, forename=0.999, surname=1.0, birth=0.985, sex=0.99, postcode=0.93,
        uprn=0.40, number_wrong=0.001, number_mistyped=0.003, name_mistyped=0.015, name_swapped=0.003, short_form=0.35,
        spelt_otherwise=0.08, middle_name_added=0.05, initial_only=0.001, other_surname=0.35, half_surname=0.25,
        birth_swapped=0.003, birth_mistyped=0.006, birth_year_only=0.002, birth_placeholder=0.001, birth_wrong=0.002,
        sex_wrong=0.003, address_stale=0.20, address_elsewhere=0.05, no_fixed_abode=0.003, postcode_mistyped=0.010,
        upper_case=False, accents_lost=0.5, titled=0.0, details_of_another=0.0,
    ),
    "authority": Supplier(
        numbers={"upn": 0.80, "nino": 0.60, "nhs_number": 0.40, "pnc_id": 0.30}, forename=1.0, surname=1.0, birth=1.0,
        sex=0.98, postcode=0.99, uprn=0.60, number_wrong=0.0005, number_mistyped=0.002, name_mistyped=0.008,
        name_swapped=0.001, short_form=0.25, spelt_otherwise=0.05, middle_name_added=0.04, initial_only=0.0,
        other_surname=0.10, half_surname=0.15, birth_swapped=0.001, birth_mistyped=0.003, birth_year_only=0.0,
        birth_placeholder=0.0, birth_wrong=0.0005, sex_wrong=0.003, address_stale=0.05, address_elsewhere=0.01,
        no_fixed_abode=0.002, postcode_mistyped=0.005, upper_case=False, accents_lost=0.2, titled=0.0,
        details_of_another=0.0,
    ),
}  # fmt: skip
"""The five sources, and the authority's own list of members, which is written by hands as well."""

KNOWS_FORMER = 0.5
"""Of the members who moved, or have another surname: whose former one is in the authority's list, in its own row."""
SECOND_ENTRY = {"school": 0.08, "benefits": 0.10, "care": 0.10}
"""People whom a source has entered twice: another school, another claim, another referral."""
WRITES_KNOWN_NAME = 0.5
"""Entries, in any source, of people known by their middle name, that have it for their forename."""
TWO_MISTAKES = 0.08
"""Mistyped names in which two letters are wrong."""

ERRORS = (
    "details_of_another", "number_wrong", "number_mistyped",
    "known_by_middle_name", "short_form", "spelt_otherwise", "middle_name_added",
    "initial_only", "other_surname", "half_surname", "forename_mistyped", "surname_mistyped", "name_swapped",
    "birth_swapped", "birth_mistyped", "birth_year_only", "birth_placeholder", "birth_wrong", "sex_wrong",
    "address_stale", "address_elsewhere", "no_fixed_abode", "postcode_mistyped",
)  # fmt: skip
"""What may be wrong with an entry, in the order in which it is named."""

NUMBERS = ("upn", "nino", "nhs_number", "pnc_id")
ANOTHERS = (*NUMBERS, "forename", "surname", "sex", "born")
"""What may be written down of another person in the house."""
IDENTITY = (*NUMBERS, "forename", "surname", "date_of_birth", "sex", "postcode", "uprn")


@dataclass(frozen=True)
class County:
    """A county, and the truth about it.

    `people`: `person` (a number), `household`, `family_id` and `person_id` (members only), `birth` (twins share it),
    and what is true of them. `listed`: `person_id`, whose `person` it is (some have two ids), and what is wrong with
    the list's entry and not given in it (`listed_errors`, `listed_lacks`). `families`, `members`, `tables`: as CSV
    files hold them, all text. `truth`: `table`, `record_id`, `person`, `person_id` (null where the record is about no
    member), `supplier`, `errors` (`a+b`; empty where nothing is wrong) and `lacks` (what of number, forename, surname,
    birth and address is not given).
    """

    people: pl.DataFrame
    listed: pl.DataFrame
    families: pl.DataFrame
    members: pl.DataFrame
    tables: dict[str, pl.DataFrame]
    truth: pl.DataFrame

    def write(self, folder: Path) -> None:
        """A workspace, and `truth.parquet`, `people.parquet` and `listed.parquet` beside it."""
        sources = folder / "sources"
        sources.mkdir(parents=True, exist_ok=True)
        written = {"families": self.families, "members": self.members, **self.tables}
        for table, frame in written.items():
            frame.write_csv(sources / f"{table}.csv")
        self.truth.write_parquet(folder / "truth.parquet")
        self.people.write_parquet(folder / "people.parquet")
        self.listed.write_parquet(folder / "listed.parquet")
        head = '[authority]\ncode = "E09999999"\nname = "Exampleshire (synthetic)"\n\n[rules]\npack = "phase-1"\n'
        declared = (f'\n[sources.{table}]\npath = "sources/{table}.csv"\n' for table in written)
        (folder / "pbr.toml").write_text(head + "".join(declared), encoding="utf-8")


def county(people: int = 100_000, seed: str = "1") -> County:
    """The same arguments give the same county on every machine."""
    everybody = settled(people, seed)
    entries = {
        supplier: entries_of(_registered(supplier, everybody, seed), supplier, seed)
        for supplier in SUPPLIERS
        if supplier != "authority"
    }
    tables, truths = {}, []
    for table in RECORDS:
        frame = _recorded(table, entries, round(RECORDS[table] * people), Random(f"{seed}:{table}"))
        truths.append(frame.select(pl.lit(table).alias("table"), *_TRUTH))
        tables[table] = frame.drop(*_TRUTH[1:], *_UNWRITTEN)
    members = _members(everybody, Random(f"{seed}:members"))
    listed = entries_of(members, "authority", seed)
    return County(
        everybody.select(*_KNOWN),
        listed.select("person_id", "person", listed_errors="errors", listed_lacks="lacks"),
        members.select("family_id", engaged_on=pl.lit("2013-09-01")).unique().sort("family_id"),
        _listed(listed, seed),
        tables,
        pl.concat(truths),
    )


def _members(everybody: pl.DataFrame, chance: Random) -> pl.DataFrame:
    """The members, and some of them again under another id in another family."""
    members = everybody.filter(pl.col("person_id").is_not_null())
    again = members.filter(_hits(chance, members, LISTED_TWICE))
    families = members["family_id"].unique(maintain_order=True).to_list()
    elsewhere = pl.Series("family_id", [chance.choice(families) for _ in range(again.height)], dtype=pl.String)
    return pl.concat(
        [members, again.with_columns(elsewhere, person_id="Q" + pl.col("person_id").str.slice(1))], how="vertical"
    )


def settled(people: int, seed: str) -> pl.DataFrame:
    """Everybody, a row each, and all that is true of them."""
    return _Settling(people, seed).everybody()


_KNOWN = ("person", "household", "family_id", "person_id", "birth", "sex", "forename", "surname", "born")
_UNWRITTEN = ("family_id", "born", "former_postcode", "former_uprn", "other_surname")
_TRUTH = ("record_id", "person", "person_id", "supplier", "errors", "lacks")


def _numbers() -> ModuleType:
    """The makers of identifiers that are well formed and never issued, from the generator of the fixtures."""
    path = Path(__file__).parents[2] / "fixtures" / "make.py"
    if (loaded := sys.modules.get("fixtures_make")) is not None:
        return loaded
    spec = importlib.util.spec_from_file_location("fixtures_make", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fixtures_make"] = module
    spec.loader.exec_module(module)
    return module


# ------------------------------------------------------------------------------------------------------- the people


class _Settling:
    """People are born into households, household after household, until the county is full."""

    def __init__(self, people: int, seed: str) -> None:
        self.people = people
        self.random = Random(f"{seed}:people")
        self.numbers = _numbers()
        self.rows: list[dict[str, Any]] = []
        self.members = self.households = self.births = 0
        self.postcodes = max(4, people // (HOUSEHOLDS_A_POSTCODE * 3))

    def everybody(self) -> pl.DataFrame:
        while self.members < self.people * MEMBERS:
            self.household_with_children(family=True)
        while len(self.rows) < self.people:
            if self.hit(0.4):
                self.household_with_children(family=False)
            else:
                self.household_of_grown_ups()
        others = [pl.col(name).shift(1).over("household").alias(f"{name}_of_another") for name in ANOTHERS]
        frame = pl.DataFrame(self.rows[: self.people], infer_schema_length=None).with_row_index("person")
        return frame.with_columns(others)

    def hit(self, share: float) -> bool:
        return self.random.random() < share

    def days_before(self, day: date, least: float, most: float) -> date:
        """A day that many years before."""
        return day - timedelta(days=int(365.25 * (least + self.random.random() * (most - least))))

    def postcode(self, near: str | None = None) -> str:
        """A postcode of the county; sometimes one of the district that another lies in."""
        first, last = 0, self.postcodes
        if near is not None and self.hit(MOVED_NEARBY):
            first = (int(near[2:-4]) - 1) * POSTCODES_A_SECTOR * SECTORS_A_DISTRICT
            last = min(last, first + POSTCODES_A_SECTOR * SECTORS_A_DISTRICT)
        at = first + int(self.random.random() * (last - first))
        sector, unit = divmod(at, POSTCODES_A_SECTOR)
        inward = "ABDEFGHJLNPQRSTUWXYZ"
        letters = inward[unit * 7 // 20 % 20] + inward[unit * 7 % 20]
        return f"ZZ{sector // SECTORS_A_DISTRICT + 1} {sector % SECTORS_A_DISTRICT}{letters}"

    def home(self) -> dict[str, str | int | None]:
        self.households += 1
        moved, postcode = self.hit(MOVED), self.postcode()
        return {
            "household": self.households,
            "postcode": postcode,
            "uprn": str(100_000_000 + self.households),
            "former_postcode": self.postcode(near=postcode) if moved else None,
            "former_uprn": str(200_000_000 + self.households) if moved else None,
            "elsewhere_postcode": self.postcode(near=postcode),
        }

    def surname(self, other: bool) -> str:
        if other:
            return self.random.choices(names.OTHER_SURNAMES, cum_weights=names.OTHER_SURNAME_WEIGHTS)[0]
        return self.random.choices(names.SURNAMES, cum_weights=names.SURNAME_WEIGHTS)[0]

    def forename(self, sex: str, other: bool, taken: set[str]) -> str:
        lists, weights = (
            (names.OTHER_FORENAMES, names.OTHER_FORENAME_WEIGHTS)
            if other
            else (names.FORENAMES, names.FORENAME_WEIGHTS)
        )
        while (drawn := self.random.choices(lists[sex], cum_weights=weights[sex])[0]) in taken:
            pass
        taken.add(drawn)
        return drawn

    def person(
        self, home: dict[str, Any], sex: str, forename: str, surname: str, born: date, *, other: bool,
        other_surname: str | None = None, family_id: str | None = None, birth: int | None = None,
        elsewhere: str | None = None,
    ) -> None:  # fmt: skip
        serial = len(self.rows)
        years = (TODAY - born).days / 365.25
        if birth is None:
            self.births += 1
        offends = 10 <= years < 60 and self.hit((0.16 if sex == "M" else 0.05) * (2 if family_id else 1))
        self.members += family_id is not None
        self.rows.append(
            home
            | {
                "family_id": family_id,
                "person_id": f"P{serial:07d}" if family_id else None,
                "birth": birth or self.births,
                "sex": sex,
                "forename": forename,
                "middle": self.forename(sex, other, {forename}) if self.hit(MIDDLE_NAME) else None,
                "surname": surname,
                "other_surname": other_surname if other_surname != surname else None,
                "born": born,
                "known_by_middle": self.hit(KNOWN_BY_MIDDLE_NAME),
                "uses_short": self.hit(USES_SHORT_FORM),
                "upn": self.numbers.pupil_number(serial, born) if 4.5 <= years < 21 else None,
                "nino": self.numbers.insurance_number(serial) if years >= 16 else None,
                "nhs_number": self.numbers.nhs_number(serial),
                "pnc_id": self.numbers.pnc_id(serial) if offends else None,
            }
            | ({"elsewhere_postcode": elsewhere} if elsewhere else {})
        )

    def household_with_children(self, family: bool) -> None:
        """One or two parents and their children; a relative or the father elsewhere, who are no members."""
        other, lone = self.hit(OTHER_NAMES), self.hit(LONE_PARENT)
        married = not lone and self.hit(MARRIED)
        home, fathers_home = self.home(), self.home()
        family_id = f"F{self.households:07d}" if family else None
        hers, his = self.surname(other), self.surname(other)
        taken: set[str] = set()
        born = self._children_born()
        mother_born = self._grown_up_born(self.days_before(min(born), 17, 38), other)
        father_born = self._grown_up_born(self.days_before(mother_born, -4, 8), other)
        father, mother = self.forename("M", other, taken), self.forename("F", other, taken)
        earlier = his if married else self.surname(other) if self.hit(CHANGED_NAME["unmarried"]) else None
        if married:
            changed = hers if self.hit(CHANGED_NAME["married"]) else None
            self.person(home, "F", mother, his, mother_born, other=other, other_surname=changed, family_id=family_id)
        else:
            self.person(home, "F", mother, hers, mother_born, other=other, other_surname=earlier, family_id=family_id)
        before = self.surname(other) if self.hit(CHANGED_NAME["man"]) else None
        self.person(
            fathers_home if lone else home, "M", father, his, father_born,
            other=other, other_surname=before, family_id=None if lone else family_id,
        )  # fmt: skip
        draw = self.random.random()
        theirs = (
            his if married or draw < FATHERS_NAME else hers if draw < FATHERS_NAME + MOTHERS_NAME else f"{hers}-{his}"
        )
        elder = self.surname(other) if len(born) > 1 and self.hit(CHILD_OF_ANOTHER_FATHER) else theirs
        for at, day in enumerate(born):
            surname = elder if at == len(born) - 1 else theirs
            self.births += 1
            first: tuple[str, str] | None = None
            for _ in range(2 if self.hit(MULTIPLE_BIRTH) else 1):
                sex = "M" if self.hit(0.512) else "F"
                if first is not None and first[0] == sex and self.hit(TWINS_NAMED_ALIKE):
                    forename = self._alike(first[1])
                elif self.hit(NAMED_AFTER_FATHER if sex == "M" else NAMED_AFTER_MOTHER):
                    forename = father if sex == "M" else mother
                else:
                    forename = self.forename(sex, other, taken)
                first = (sex, forename)
                changed = (hers if surname == his else his) if self.hit(CHANGED_NAME["child"]) else None
                at_home = (TODAY - day).days < 365.25 * 18.5
                self.person(
                    home, sex, forename, surname, day, other=other, other_surname=changed,
                    family_id=family_id if at_home else None, birth=self.births,
                    elsewhere=fathers_home["postcode"] if lone else None,
                )  # fmt: skip
        if self.hit(RELATIVE_IN_THE_HOUSE):
            sex = "M" if self.hit(0.5) else "F"
            years = (18, 30) if self.hit(0.6) else (45, 80)  # a brother, a cousin, a grandparent
            self.person(
                home, sex, self.forename(sex, other, set()), self.random.choice((hers, his)),
                self.days_before(TODAY, *years), other=other,
            )  # fmt: skip

    def _alike(self, forename: str) -> str:
        """Another name, one letter apart."""
        other = self.random.choice([letter for letter in "BDJKLMNRT" if letter != forename[0]])
        return other + forename[1:]

    def _children_born(self) -> list[date]:
        """Days of birth, youngest first, of children who may be grown up by now."""
        count = self.random.choices((1, 2, 3, 4, 5), (18, 32, 27, 15, 8))[0]
        born = [self.days_before(TODAY, 0.1, 15)]
        while len(born) < count:
            born.append(self.days_before(born[-1], 1.1, 5))
        return born

    def _grown_up_born(self, born: date, other: bool) -> date:
        return born.replace(month=1, day=1) if other and self.hit(BORN_ON_NEW_YEARS_DAY) else born

    def household_of_grown_ups(self) -> None:
        other, home = self.hit(OTHER_NAMES), self.home()
        surname, taken = self.surname(other), set[str]()
        first = "M" if self.hit(0.5) else "F"
        for sex in (first, "F" if first == "M" else "M")[: 2 if self.hit(0.5) else 1]:
            born = self._grown_up_born(self.days_before(TODAY, 18, 65), other)
            own = surname if self.hit(0.6) else self.surname(other)
            changed = self.surname(other) if sex == "F" and self.hit(CHANGED_NAME["unmarried"]) else None
            self.person(home, sex, self.forename(sex, other, taken), own, born, other=other, other_surname=changed)


# ------------------------------------------------------------------------------------------------------ the records


def _registered(supplier: str, everybody: pl.DataFrame, seed: str) -> pl.DataFrame:
    """Whom a source has an entry of, a row an entry; who is in trouble often is entered again."""
    years = (pl.lit(TODAY) - pl.col("born")).dt.total_days() / 365.25
    chance = Random(f"{seed}:{supplier}:entries")
    match supplier:
        case "school":
            whom = everybody.filter(years.is_between(5.5, 17))
        case "benefits":
            whom = everybody.filter(years >= 18)
        case "care":
            whom = everybody.filter(years < 18)
        case "police":
            offenders = everybody.filter(pl.col("pnc_id").is_not_null())
            return pl.concat([offenders, offenders.filter(_hits(chance, offenders, 0.6)), offenders])
        case _:
            return _drawn(everybody.filter(years.is_between(10, 70)), round(everybody.height * 0.7 * ASB), chance)
    return pl.concat([whom, whom.filter(_hits(chance, whom, SECOND_ENTRY[supplier]))])


def _drawn(frame: pl.DataFrame, count: int, chance: Random) -> pl.DataFrame:
    """That many rows, drawn again and again; members are on the programme for what sources record, and count double."""
    weights = frame.select(pl.when(pl.col("person_id").is_null()).then(1).otherwise(2)).to_series().to_list()
    return frame[chance.choices(range(frame.height), cum_weights=list(accumulate(weights)), k=count)]


def _recorded(table: str, entries: Mapping[str, pl.DataFrame], count: int, chance: Random) -> pl.DataFrame:
    """A table's records: its own columns, the entries' identity, and the truth; in no order."""
    day = pl.lit(FIRST_DAY) + pl.duration(days=(pl.col("share") * 728).cast(pl.Int64))
    after_birth = pl.max_horizontal(day, pl.col("born") + pl.duration(days=30)).cast(pl.String)
    match table:
        case "attendance":
            terms = pl.DataFrame({"academic_year": ["2012/13", "2013/14"]}).join(
                pl.DataFrame({"term": ["autumn", "spring", "summer"]}), how="cross"
            )
            every = entries["school"].join(terms, how="cross")
            frame = every[chance.sample(range(every.height), min(count, every.height))].with_columns(
                sessions_possible=pl.lit("120"), sessions_authorised=pl.lit("6"), sessions_unauthorised=pl.lit("9")
            )
        case "exclusions":
            frame = _drawn(entries["school"], count, chance)
            frame = _dated(frame, chance).with_columns(
                kind=pl.lit("suspension"), starts_on=after_birth, sessions=pl.lit("4")
            )
        case "offending":
            nuisance = entries["asb"].with_columns(kind=pl.lit("asb"))
            crimes = _drawn(entries["police"], count - nuisance.height, chance)
            frame = pl.concat([crimes.with_columns(kind=pl.lit("proven_offence")), nuisance])
            frame = _dated(frame, chance).with_columns(occurred_on=after_birth)
        case "employment":
            frame = _dated(_drawn(entries["benefits"], count, chance), chance).with_columns(
                kind=pl.lit("benefit"), code=pl.lit("JSA"), starts_on=after_birth
            )
        case _:
            frame = _dated(_drawn(entries["care"], count, chance), chance).with_columns(
                kind=pl.lit("early_help"), starts_on=after_birth
            )
    order = list(range(frame.height))
    chance.shuffle(order)
    ids = pl.format("{}{}", pl.lit(table[0].upper()), pl.int_range(pl.len()).cast(pl.String).str.zfill(7))
    return frame[order].drop("share", strict=False).select(ids.alias("record_id"), pl.all())


def _dated(frame: pl.DataFrame, chance: Random) -> pl.DataFrame:
    return frame.with_columns(_shares(chance, frame).alias("share"))


def _hits(chance: Random, frame: pl.DataFrame, rate: float) -> pl.Series:
    return pl.Series([chance.random() < rate for _ in range(frame.height)], dtype=pl.Boolean)


def _shares(chance: Random, frame: pl.DataFrame) -> pl.Series:
    return pl.Series([chance.random() for _ in range(frame.height)], dtype=pl.Float64)


# ------------------------------------------------------------------------------------------------------- the errors


class _Writing:
    """Entries while they are written: an error happens to some of those it can happen to, and is remembered."""

    def __init__(self, entries: pl.DataFrame, chance: Random) -> None:
        untouched = (pl.lit(False).alias(f"error:{name}") for name in ERRORS)
        self.frame = entries.with_columns(*untouched, date_of_birth=pl.col("born"))
        self.chance = chance

    def happens(self, error: str, rate: float, to: pl.Expr, **changes: pl.Expr) -> None:
        """Of the entries `to` which it can happen, that share has the columns changed."""
        self.frame = self.frame.with_columns(_hits(self.chance, self.frame, rate).alias("hit")).with_columns(
            hit=pl.col("hit") & to.fill_null(False)
        )
        hit = pl.col("hit")
        self.frame = self.frame.with_columns(
            (pl.col(f"error:{error}") | hit).alias(f"error:{error}"),
            *(pl.when(hit).then(change).otherwise(column).alias(column) for column, change in changes.items()),
        )

    def not_given(self, share: float, columns: tuple[str, ...], errors: tuple[str, ...] = ()) -> None:
        """Of all entries that share gives the columns; the others have none of these errors either."""
        given = _hits(self.chance, self.frame, share)
        self.frame = self.frame.with_columns(given.alias("hit")).with_columns(
            *(pl.when("hit").then(column).alias(column) for column in columns),
            *((pl.col(f"error:{error}") & pl.col("hit")).alias(f"error:{error}") for error in errors),
        )

    def dice(self, *columns: str) -> None:
        self.frame = self.frame.with_columns(_shares(self.chance, self.frame).alias(column) for column in columns)


def entries_of(entries: pl.DataFrame, supplier: str, seed: str) -> pl.DataFrame:
    """What a source has written of each person: `IDENTITY` as text, and the truth (`_TRUTH` but for the record)."""
    rates = SUPPLIERS[supplier]
    writing = _Writing(entries, Random(f"{seed}:{supplier}"))
    _write_numbers(writing, rates)
    _write_another(writing, rates)
    _write_names(writing, rates)
    _write_birth(writing, rates)
    _write_address(writing, rates)
    written = writing.frame
    nowhere = (pl.col("postcode").is_null() | pl.col("error:no_fixed_abode")) & pl.col("uprn").is_null()
    lacks = {
        "number": pl.all_horizontal(pl.col(name).is_null() for name in NUMBERS),
        "forename": pl.col("forename").is_null(),
        "surname": pl.col("surname").is_null(),
        "birth": pl.col("date_of_birth").is_null(),
        "address": nowhere,
    }
    wrong = {name: pl.col(f"error:{name}") for name in ERRORS}
    return written.select(
        "person", "person_id", "family_id", "born", "former_postcode", "former_uprn", "other_surname",
        *(pl.col(name).cast(pl.String) for name in IDENTITY),
        supplier=pl.lit(supplier), errors=_named(wrong), lacks=_named(lacks),
    )  # fmt: skip


def _named(conditions: Mapping[str, pl.Expr]) -> pl.Expr:
    held = [pl.when(condition).then(pl.lit(name)) for name, condition in conditions.items()]
    return pl.concat_str(held, separator="+", ignore_nulls=True)


def _write_numbers(writing: _Writing, rates: Supplier) -> None:
    for name in NUMBERS:
        number, another = pl.col(name), pl.col(f"{name}_of_another")
        writing.happens("number_wrong", rates.number_wrong, another.is_not_null(), **{name: another})
        writing.dice("at", "by")
        place = 3 + (pl.col("at") * 5).cast(pl.Int64)
        writing.happens(
            "number_mistyped", rates.number_mistyped, number.is_not_null(), **{name: _figure(number, place)}
        )
        if name in rates.numbers:
            writing.not_given(rates.numbers[name], (name,))
        else:
            writing.frame = writing.frame.with_columns(pl.lit(None, pl.String).alias(name))
    given = pl.any_horizontal(pl.col(name).is_not_null() for name in NUMBERS)
    writing.frame = writing.frame.with_columns(
        (pl.col(f"error:{error}") & given).alias(f"error:{error}") for error in ("number_wrong", "number_mistyped")
    )


def _figure(text: pl.Expr, place: pl.Expr) -> pl.Expr:
    """The text with another figure in that place, by the share `by`; as it is where no figure stands there."""
    figure = text.str.slice(place, 1).cast(pl.Int64, strict=False)
    other = ((figure + 1 + (pl.col("by") * 9).cast(pl.Int64)) % 10).cast(pl.String)
    return pl.when(figure.is_null()).then(text).otherwise(text.str.slice(0, place) + other + text.str.slice(place + 1))


def _write_another(writing: _Writing, rates: Supplier) -> None:
    """The name, birth and sex of somebody else in the house, given as their own; what is on file, a number, stays."""
    of_another = {column: pl.col(f"{column}_of_another") for column in ("forename", "surname", "sex", "born")}
    can = of_another["forename"].is_not_null()
    writing.happens("details_of_another", rates.details_of_another, can, **of_another)
    writing.frame = writing.frame.with_columns(
        pl.when("hit").then(None).otherwise(column).alias(column) for column in ("middle", "other_surname")
    ).with_columns(date_of_birth="born")


def _write_names(writing: _Writing, rates: Supplier) -> None:
    forename, surname, middle, other = (pl.col(name) for name in ("forename", "surname", "middle", "other_surname"))
    short = forename.replace_strict(names.SHORT, default=None, return_dtype=pl.String)
    spelt = forename.replace_strict(names.SPELT, default=None, return_dtype=pl.String)
    own = ~pl.any_horizontal(
        pl.col(f"error:{error}") for error in ("known_by_middle_name", "short_form", "spelt_otherwise")
    )
    known = pl.col("known_by_middle") & middle.is_not_null()
    writing.happens("known_by_middle_name", WRITES_KNOWN_NAME, known, forename=middle)
    writing.happens("short_form", rates.short_form, own & pl.col("uses_short") & short.is_not_null(), forename=short)
    writing.happens("spelt_otherwise", rates.spelt_otherwise, own & spelt.is_not_null(), forename=spelt)
    writing.happens(
        "middle_name_added", rates.middle_name_added, own & middle.is_not_null(), forename=forename + " " + middle
    )
    writing.happens("initial_only", rates.initial_only, pl.lit(True), forename=forename.str.slice(0, 1))
    writing.happens("other_surname", rates.other_surname, other.is_not_null(), surname=other)
    half = surname.str.split("-").list.get(1, null_on_oob=True)
    writing.happens("half_surname", rates.half_surname, half.is_not_null(), surname=half)
    for name, column in (("forename_mistyped", forename), ("surname_mistyped", surname)):
        twice = f"{name}:twice"
        _roll_typo(writing)
        can = column.str.len_chars() > 1
        writing.happens(name, rates.name_mistyped, can, **{column.meta.output_name(): _mistyped(column)})
        writing.frame = writing.frame.with_columns(pl.col("hit").alias(twice))
        _roll_typo(writing)
        writing.happens(name, TWO_MISTAKES, pl.col(twice), **{column.meta.output_name(): _mistyped(column)})
    if rates.upper_case:
        writing.frame = writing.frame.with_columns(forename.str.to_uppercase(), surname.str.to_uppercase())
    plain = [column.str.normalize("NFKD").str.replace_all(r"[\p{M}']", "") for column in (forename, surname)]
    writing.frame = writing.frame.with_columns(_hits(writing.chance, writing.frame, rates.accents_lost).alias("hit"))
    writing.frame = writing.frame.with_columns(
        forename=pl.when("hit").then(plain[0]).otherwise(forename),
        surname=pl.when("hit").then(plain[1]).otherwise(surname),
    )
    writing.not_given(rates.forename, ("forename",), _OF_FORENAME)
    writing.not_given(rates.surname, ("surname",), ("other_surname", "half_surname", "surname_mistyped"))
    both = forename.is_not_null() & surname.is_not_null()
    writing.happens("name_swapped", rates.name_swapped, both, forename=surname, surname=forename)
    writing.frame = writing.frame.with_columns(_hits(writing.chance, writing.frame, rates.titled).alias("hit"))
    title = pl.when(pl.col("sex") == "M").then(pl.lit("Mr ")).otherwise(pl.lit("Mrs "))
    writing.frame = writing.frame.with_columns(
        forename=pl.when(pl.col("hit") & forename.is_not_null()).then(title + forename).otherwise(forename)
    )
    sexes = pl.when(pl.col("sex") == "M").then(pl.lit("F")).otherwise(pl.lit("M"))
    writing.happens("sex_wrong", rates.sex_wrong, pl.lit(True), sex=sexes)
    writing.not_given(rates.sex, ("sex",), ("sex_wrong",))


_OF_FORENAME = (
    "known_by_middle_name", "short_form", "spelt_otherwise", "middle_name_added", "initial_only", "forename_mistyped",
)  # fmt: skip


def _roll_typo(writing: _Writing) -> None:
    writing.dice("at", "kind", "by")


def _mistyped(text: pl.Expr) -> pl.Expr:
    """One letter left out, one too many, another letter, or two neighbours swapped: by the shares `kind`, `at`, `by`.

    Where neighbours are alike, or the last letter has none, a letter is left out.
    """
    letters = pl.lit("abcdefghijklmnopqrstuvwxyz")
    kind, place = pl.col("kind"), (pl.col("at") * text.str.len_chars()).cast(pl.Int64)
    head, here = text.str.slice(0, place), text.str.slice(place, 1)
    after, rest = text.str.slice(place + 1, 1), text.str.slice(place + 1)
    letter = letters.str.slice((pl.col("by") * 26).cast(pl.Int64), 1)
    next_letter = letters.str.slice(((pl.col("by") * 26).cast(pl.Int64) + 1) % 26, 1)
    other = pl.when(letter == here.str.to_lowercase()).then(next_letter).otherwise(letter)
    alike = (after == "") | (after.str.to_lowercase() == here.str.to_lowercase())
    return (
        pl.when(kind < 0.25).then(head + other + here + rest)
        .when(kind < 0.53).then(head + other + rest)
        .when((kind < 0.65) & ~alike).then(head + after + here + text.str.slice(place + 2))
        .otherwise(head + rest)
    )  # fmt: skip


def _write_birth(writing: _Writing, rates: Supplier) -> None:
    born, written = pl.col("born"), pl.col("date_of_birth")
    untouched = written == born
    day, month, year = born.dt.day(), born.dt.month(), born.dt.year()
    writing.happens("birth_placeholder", rates.birth_placeholder, pl.lit(True), date_of_birth=pl.lit(date(1900, 1, 1)))
    new_year = pl.date(year, 1, 1)
    writing.happens("birth_year_only", rates.birth_year_only, untouched & (born != new_year), date_of_birth=new_year)
    writing.dice("at")
    invented = born - pl.duration(days=31 + (pl.col("at") * 800).cast(pl.Int64))
    writing.happens("birth_wrong", rates.birth_wrong, untouched, date_of_birth=invented)
    can = untouched & (day <= 12) & (day != month)
    swapped = pl.date(year, pl.when(day <= 12).then(day).otherwise(1), pl.when(day <= 12).then(month).otherwise(1))
    writing.happens("birth_swapped", rates.birth_swapped, can & (swapped <= TODAY), date_of_birth=swapped)
    writing.dice("at", "by")
    place = (pl.col("at") * 7).cast(pl.Int64).replace_strict(dict(enumerate((3, 3, 2, 6, 9, 9, 8))))
    typed = _figure(born.dt.to_string("%Y-%m-%d"), place).str.to_date("%Y-%m-%d", strict=False)
    sound = (typed <= TODAY) & (year - typed.dt.year() < 80)
    mistyped = pl.when(sound).then(typed).otherwise(born.dt.offset_by("-1y"))
    writing.happens("birth_mistyped", rates.birth_mistyped, untouched, date_of_birth=mistyped)
    of_birth = tuple(error for error in ERRORS if error.startswith("birth_"))
    writing.not_given(rates.birth, ("date_of_birth",), of_birth)


def _write_address(writing: _Writing, rates: Supplier) -> None:
    postcode, former, elsewhere = (pl.col(f"{kind}postcode") for kind in ("", "former_", "elsewhere_"))
    none = pl.lit(None, pl.String)
    writing.happens("address_elsewhere", rates.address_elsewhere, elsewhere != postcode, postcode=elsewhere, uprn=none)
    here = ~pl.col("error:address_elsewhere")
    moved = here & (former != postcode)
    writing.happens("address_stale", rates.address_stale, moved, postcode=former, uprn=pl.col("former_uprn"))
    writing.dice("at", "by")
    place = pl.when(pl.col("at") < 0.5).then(2).otherwise(postcode.str.len_chars() - 3).cast(pl.Int64)
    writing.happens("postcode_mistyped", rates.postcode_mistyped, pl.lit(True), postcode=_figure(postcode, place))
    writing.not_given(rates.postcode, ("postcode",), ("postcode_mistyped",))
    writing.not_given(rates.uprn, ("uprn",))
    given = pl.col("postcode").is_not_null() | pl.col("uprn").is_not_null()
    writing.frame = writing.frame.with_columns(
        (pl.col(f"error:{error}") & given).alias(f"error:{error}") for error in ("address_stale", "address_elsewhere")
    )
    of_address = ("address_stale", "address_elsewhere", "postcode_mistyped")
    writing.happens("no_fixed_abode", rates.no_fixed_abode, pl.lit(True), postcode=pl.lit("ZZ99 3VZ"), uprn=none)
    writing.frame = writing.frame.with_columns(
        (pl.col(f"error:{error}") & ~pl.col("error:no_fixed_abode")).alias(f"error:{error}") for error in of_address
    )


def _listed(entries: pl.DataFrame, seed: str) -> pl.DataFrame:
    """The members' extract: a row a person, and one before it for half of those who moved or changed their name."""
    chance = Random(f"{seed}:former")
    since = pl.lit("2013-03-01")
    moved = _hits(chance, entries, KNOWS_FORMER) & entries["former_postcode"].is_not_null()
    renamed = _hits(chance, entries, KNOWS_FORMER) & entries["other_surname"].is_not_null()
    entries = entries.with_columns(moved=moved, renamed=renamed)
    earlier = entries.filter(pl.col("moved") | pl.col("renamed"))
    before = earlier.with_columns(
        joined_on=pl.lit(None, pl.String),
        left_on=since,
        surname=pl.when("renamed").then("other_surname").otherwise("surname"),
        postcode=pl.when("moved").then("former_postcode").otherwise("postcode"),
        uprn=pl.when("moved").then("former_uprn").otherwise("uprn"),
    )
    former = pl.col("moved") | pl.col("renamed")
    now = entries.with_columns(joined_on=pl.when(former).then(since), left_on=pl.lit(None, pl.String))
    columns = ("person_id", "family_id", *IDENTITY, "joined_on", "left_on")
    return pl.concat([before, now]).sort("person_id", "joined_on").select(columns)
