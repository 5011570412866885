"""Members and records about them, drawn so that every level of `docs/linkage.md` is met, just missed and just passed.

In comes a seed, out come the rows of members and of records, as text under our column names. Households share a
surname, an address and often a birth; names are short, near to one another, double, or have nicknames. A record starts
as one member's, and then up to five things go wrong with it. All people are invented; their numbers are in ranges that
are never given to anybody (schools below 1000, NHS numbers of 999, NINOs of X, PNC serials that no year reaches).
"""

import random
from datetime import date, timedelta

Row = dict[str, str]

IDENTITY = (
    "person_id",
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
)
NUMBERS = ("upn", "nino", "nhs_number", "pnc_id")
FORENAMES = """
William Bill Will Willa Wilma Elizabeth Liz Beth Bet Robert Bob Rob Roberta Margaret Peggy Maggie Ann Anne Anna Annie
Jon John Jack Jo Joe Al Alan Allan Kim Tim Timo Noa Noah Zoë Zoe James Jim Jamie Jane Mary J
Mary_Ann Ann-Marie Jean_Luc Mary_J Nia_Zoe
"""
SURNAMES = """
Ash Ashe Bray Brayne Coy Coyle Dunmarsh Dunmersh Elderby Eldreby Fenn Finn Grey Greyson Hart Harte Ives Jessamy
O'Dell Odell James Alan Kim Müllin Mullin Lorde
Ash-Bray Bray_Ash Hart-Coyle Coyle_Hart de_Fenn Fenn-Hart-Ives D’Ives
"""
POSTCODES = ("QX1 1AA", "QX1 1AB", "QX2 9ZZ", "QX11 1AA", "ZZ9 9AB", "ZZ99 3VZ", "ZZ993WZ", "ZZ98 9AA")
UPRNS = ("10090000001", "10090000002", "90000003")
LETTERS = "abdeiklmnorst"


def listed(names: str) -> list[str]:
    return [name.replace("_", " ") for name in names.split()]


class People:
    """Members (`rows`, one for each way they are recorded) and records derived from them."""

    def __init__(self, seed: int, households: int) -> None:
        self.rng = random.Random(seed)
        self.rows: list[Row] = []
        self.serial = 0
        for household in range(households):
            self.household(household)

    def chance(self, percent: float) -> bool:
        return self.rng.random() * 100 < percent

    def forename(self) -> str:
        return self.rng.choice(listed(FORENAMES))

    def surname(self) -> str:
        return self.rng.choice(listed(SURNAMES))

    # ---- numbers

    def number(self, kind: str) -> str:
        """A number of that kind that nobody has yet, with its right check."""
        self.serial += 1
        n = self.serial
        match kind:
            case "upn":
                digits = f"8010{n:08d}"
                total = sum(int(c) * position for position, c in enumerate(digits, start=2))
                return "ABCDEFGHJKLMNPQRTUVWXYZ"[total % 23] + digits
            case "nino":
                return f"X{self.rng.choice('ABEK')}{n:06d}{self.rng.choice('ABCD')}"
            case "nhs_number":
                digits = f"999{n:06d}"
                check = 11 - sum(int(c) * weight for c, weight in zip(digits, range(10, 1, -1), strict=True)) % 11
                return self.number(kind) if check == 10 else digits + str(check % 11)
            case _:
                year, serial = "2011", f"{9000000 + n:07d}"
                return f"{year}/{serial}{'ZABCDEFGHJKLMNPQRTUVWXY'[int(year[2:] + serial) % 23]}"

    # ---- members

    def household(self, number: int) -> None:
        surname, postcode = self.surname(), self.rng.choice(POSTCODES)
        uprn = self.rng.choice(UPRNS) if self.chance(30) else ""
        born: date | None = None
        for _ in range(self.rng.randint(2, 5)):
            if born is None or self.chance(60):
                born = date(1970, 1, 1) + timedelta(days=self.rng.randint(0, 14000))
            if self.chance(50):
                born = born.replace(day=self.rng.randint(1, 12))
            if self.chance(12):
                born = self.rng.choice([date(1900, 1, 1), date(1901, 1, 1), date(2001, 1, 1), date(2001, 2, 1)])
            row = {
                "person_id": f"P{len(self.rows) + 1:04d}",
                "family_id": f"F{number:03d}",
                "forename": "" if self.chance(3) else self.forename(),
                "surname": "" if self.chance(2) else surname if self.chance(85) else self.surname(),
                "date_of_birth": born.isoformat(),
                "postcode": "" if self.chance(4) else postcode,
                "uprn": uprn,
                "sex": self.rng.choice(["", "F", "M", "female", "Male", "1", "2", "X"]),
            }
            row |= {kind: self.number(kind) for kind in NUMBERS if self.chance(55)}
            if self.rows and self.chance(5):  # one number was given to two
                other = self.rng.choice(self.rows)
                row |= {kind: other[kind] for kind in NUMBERS if other.get(kind) and self.chance(50)}
            if self.rows and self.chance(12):  # almost the one before, or to the letter
                before = self.rows[-1]
                row |= {f: before[f] for f in ("forename", "surname", "date_of_birth", "postcode", "sex")}
                if self.chance(70):
                    self.spoil(row, self.rng.randrange(8))
                    row["date_of_birth"] = self.other_birth(row["date_of_birth"]) or row["date_of_birth"]
            self.rows.append(row)
            for _ in range(self.rng.choice([0, 0, 0, 1, 1, 2])):  # a former name, another address, a number since
                again = row | {"surname": self.surname()} if self.chance(60) else dict(row)
                if self.chance(20):
                    again["forename"] = self.forename()
                if self.chance(50):
                    again |= {"postcode": self.rng.choice(POSTCODES), "uprn": self.rng.choice(["", *UPRNS])}
                if self.chance(20):
                    kind = self.rng.choice(NUMBERS)
                    again[kind] = self.number(kind)
                self.rows.append(again)

    # ---- records

    def record(self) -> Row:
        """What some source says of a member, after nothing to five things went wrong."""
        told = dict(self.rng.choice(self.rows))
        person_id = told["person_id"]
        for field in ("family_id", "person_id"):
            told.pop(field)
        if self.chance(30):  # another way in which the same person is recorded
            told |= {"surname": self.rng.choice(self.rows_of(person_id))["surname"]}
        bare = self.chance(50)
        for kind in NUMBERS:
            if bare or self.chance(60):
                told[kind] = ""
        for field in ("sex", "uprn"):
            if self.chance(50):
                told[field] = ""
        for _ in range(self.rng.choice([0, 1, 1, 1, 1, 2, 2, 3, 5])):
            self.spoil(told, self.rng.randrange(11 if bare else 17))
        if self.chance(15):
            told["sex"] = self.rng.choice(["M", "F", "1", "2", "unknown"])
        if self.chance(6):
            told["person_id"] = self.rng.choice([person_id, person_id.lower(), f"P {person_id[1:]}"])
        elif self.chance(6):
            told["person_id"] = self.rng.choice(["ELSEWHERE-7", "P", "P1"])
        for field in ("forename", "surname", "postcode", *NUMBERS):
            if told.get(field) and self.chance(20):
                told[field] = self.in_other_letters(field, told[field])
        return {field: told[field] for field in IDENTITY if told.get(field)}

    def rows_of(self, person_id: str) -> list[Row]:
        return [row for row in self.rows if row["person_id"] == person_id]

    def spoil(self, told: Row, how: int) -> None:
        name = self.rng.choice(["surname", "forename"])
        match how:
            case 0 | 1 | 2:
                told[name] = self.one_character(told.get(name, ""))
            case 3:
                told[name] = self.rng.choice(["", told.get(name, "")[:1], f"{told.get(name, '')[:1]}."])
            case 4:
                told["forename"] = self.forename()
            case 5:
                told["surname"] = self.surname()
            case 6:
                told |= {"surname": told.get("forename", ""), "forename": told.get("surname", "")}
            case 7:
                words = told.get(name, "").replace("-", " ").split() or [""]
                told[name] = self.rng.choice([words[0], words[-1], " ".join(words[::-1]), f"{told.get(name, '')} Zeb"])
            case 8 | 9 | 10:
                told["date_of_birth"] = self.other_birth(told.get("date_of_birth", ""))
            case 11:
                told["postcode"] = self.rng.choice(["", *POSTCODES])
            case 12:
                told["uprn"] = self.rng.choice(["", "0" + UPRNS[0], *UPRNS])
            case 13:
                kind, other = self.rng.choice(NUMBERS), self.rng.choice(self.rows)
                told[kind] = other.get(kind, "")
            case 14:
                kind = self.rng.choice(NUMBERS)
                told[kind] = self.number(kind)
            case 15:
                kind = self.rng.choice(NUMBERS)
                told[kind] = told.get(kind, "")[:-1] + self.rng.choice("0123456789ABZ")
            case _:
                for field in self.rng.choice([("surname", "forename"), ("surname", "forename", "date_of_birth")]):
                    told[field] = ""

    def one_character(self, name: str) -> str:
        if not name:
            return name
        at = self.rng.randrange(len(name))
        letter = self.rng.choice(LETTERS)
        match self.rng.randrange(4):
            case 0:
                return name[:at] + letter + name[at:]
            case 1:
                return name[:at] + name[at + 1 :]
            case 2:
                return name[:at] + letter + name[at + 1 :]
            case _:
                return name[:at] + name[at : at + 2][::-1] + name[at + 2 :]

    def other_birth(self, born: str) -> str:
        """Day and month swapped, one figure or two of it different, neighbours swapped, unknown, or none."""
        if not born:
            return born
        year, month, day = born.split("-")
        figures = list(year + month + day)
        at = self.rng.randrange(8)
        match self.rng.randrange(8):
            case 0 | 1 | 2:
                return self.sane(year + day + month) or born
            case 3 | 4:
                figures[at] = self.rng.choice("0123456789")
            case 5:
                figures[at : at + 2] = figures[at : at + 2][::-1]
            case 6:
                figures[at], figures[at - 1] = self.rng.choice("0123456789"), self.rng.choice("0123456789")
            case _:
                return self.rng.choice(["", "1900-01-01", "1901-01-01"])
        return self.sane("".join(figures)) or born

    @staticmethod
    def sane(figures: str) -> str:
        """The date that the figures are, if they are one of somebody who is born by now."""
        try:
            born = date(int(figures[:4]), int(figures[4:6]), int(figures[6:]))
        except ValueError:
            return ""
        return born.isoformat() if 1900 <= born.year <= 2012 else ""

    def in_other_letters(self, field: str, text: str) -> str:
        ways = [text.upper(), text.lower(), f" {text} ", text.replace("", " ").strip() if field in NUMBERS else text]
        if field in ("surname", "forename"):
            ways += [
                text.replace("-", " "),
                text.replace("'", "’"),
                text.replace("e", "é"),
                f"Dr {text}",
                f"Mrs. {text}",
            ]
        if field == "postcode":
            ways += [text.replace(" ", ""), text.replace(" ", "-")]
        return self.rng.choice(ways)
