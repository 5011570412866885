"""The workspace file: `pbr.toml` in, a `Workspace` out.

A workspace is one authority's folder: what it claims for, the rule pack, the extracts and the period each covers.
Nothing here opens an extract. All faults of the file are raised together, each with its line.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pbr.errors import Fault, Faults
from pbr.values import Share, Window, financial_year

FILE = "pbr.toml"

TABLES = (
    "families",
    "members",
    "needs",
    "attendance",
    "marks",
    "exclusions",
    "offending",
    "employment",
    "social_care",
    "outcomes",
)
"""Every table that a source may fill; `pbr.sources.contracts` says what each holds."""

TERMS = ("autumn", "spring", "summer")
PassByFields = Literal[
    "exact",
    "name_variant",
    "one_character",
    "birth_swapped",
    "birth_near",
    "initial",
    "birth_missing",
    "moved_house",
    "variant_elsewhere",
]
Pass = Literal["person_id", "identifier", PassByFields, "probabilistic"]
PASSES: tuple[Pass, ...] = get_args(Pass)[:-1]
"""The passes of linkage, in order, that a workspace has unless it says otherwise; the last needs a model."""

GivenByPass = Literal["identifier_alone", PassByFields]
"""What a workspace may set of what passes give."""

ACADEMIC_YEAR = r"^(?:19|20)[0-9]{2}/[0-9]{2}$"


def _iso_date(value: Any) -> Any:
    """A date, or ISO 8601 text of one; nothing else (a bare number is no date)."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("write a date as 2013-09-01")


def _academic_year(value: str) -> str:
    if not re.fullmatch(ACADEMIC_YEAR, value) or (int(value[:4]) + 1) % 100 != int(value[5:]):
        raise ValueError("write an academic year as 2013/14")
    return value


def _financial_year(value: str) -> str:
    if not re.fullmatch(r"20[0-9]{2}/[0-9]{2}", value) or financial_year(date(int(value[:4]), 4, 1)) != value:
        raise ValueError("write a financial year as 2013/14")
    return value


def _reduction(value: Any) -> Any:
    """A share above nothing and up to the whole, as text."""
    if not isinstance(value, str):
        raise ValueError('write a share in quotation marks, as "33%" or "1/3"')
    share = Share.parse(value)
    if not 0 < share.numerator <= share.denominator:
        raise ValueError("an aim is a fall by more than 0% and at most 100%")
    return share


def _encoding(value: str) -> str:
    try:
        "a".encode(value)
    except LookupError:
        raise ValueError("there is no such encoding; write for example windows-1252 or utf-8") from None
    return codecs.lookup(value).name


def _delimiter(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in '"\r\n' or value.isalnum():
        raise ValueError("a delimiter is one character, such as , ; | or \\t")
    return value


def _date_format(value: str) -> str:
    """A format that reads every date in one way only: a four-figure year, a month, a day."""
    known = {"%Y", "%m", "%d", "%b", "%B", "%H", "%M", "%S", "%%"}
    directives = re.findall(r"%.?", value)
    if unknown := [directive for directive in directives if directive not in known]:
        raise ValueError(f"{unknown[0]} cannot be used; write %Y, %m (or %b, %B) and %d")
    months = sum(directives.count(directive) for directive in ("%m", "%b", "%B"))
    if directives.count("%Y") != 1 or directives.count("%d") != 1 or months != 1:
        raise ValueError("a date format has %Y, %m (or %b, %B) and %d, each once")
    return value


def _text(value: Any) -> Any:
    """TOML writes true and 1 without quotes; extracts hold text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else value


Day = Annotated[date, BeforeValidator(_iso_date)]
Text = Annotated[str, Field(min_length=1)]
Cell = Annotated[str, BeforeValidator(_text)]


class Settings(BaseModel):
    """What every part of the file keeps to: nothing unknown, nothing changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, str_strip_whitespace=True)


class Authority(Settings):
    """Who claims. `code` is the ONS/GSS code: a letter and eight figures."""

    code: Annotated[str, Field(pattern=r"^[A-Z][0-9]{8}$")]
    name: Text


class Rules(Settings):
    """Which rule pack: its id, the path of its folder, or `in-force` for the one in force for each family.

    `overlay`: a file with the council's own values over it.
    """

    pack: Text
    overlay: Text | None = None


class Period(Settings):
    """The days from `start` until `until`, both inside. In the file: `from` and `until`."""

    start: Day = Field(alias="from")
    until: Day

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.until < self.start:
            raise ValueError(f"until ({self.until}) is before from ({self.start})")
        return self

    @property
    def window(self) -> Window:
        """The same days, half open."""
        return Window(self.start, self.until + timedelta(days=1))


class SourceSettings(Settings):
    """One declared source. `columns`: supplier's name → ours; `values`: our column → supplier's value → ours.

    `match_keys`: the file of the key under which its supplier hashed the identities (`docs/match-keys.md`).
    """

    path: Text
    covers: Period | None = None
    extracted_on: Day | None = None
    supplier: Text | None = None
    basis: Text | None = None
    match_keys: Text | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, Cell]] = Field(default_factory=dict)
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    # Trimming would turn a tab into nothing.
    delimiter: Annotated[str, Field(strict=True), AfterValidator(_delimiter)] = ","
    date_format: Annotated[str, AfterValidator(_date_format)] | None = None

    model_config = ConfigDict(str_strip_whitespace=False)


class TermDates(Period):
    """A term of a workspace's own calendar, inside its academic year. In the file: `[[calendar.terms]]`."""

    academic_year: Annotated[str, AfterValidator(_academic_year)]
    term: Literal["autumn", "spring", "summer"]

    @model_validator(mode="after")
    def _in_its_year(self) -> TermDates:
        autumn = int(self.academic_year[:4])
        first, last = date(autumn, 8, 1), date(autumn + 1, 8, 31)
        if self.start < first or last < self.until:
            raise ValueError(f"{self.term} {self.academic_year} is not between {first} and {last}")
        return self


class Calendar(Settings):
    """`terms`: the terms that differ from the national calendar, none overlapping, those of a year in order."""

    terms: tuple[TermDates, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Calendar:
        by_start = sorted(self.terms, key=lambda term: term.start)
        for earlier, later in pairwise(by_start):
            if later.start <= earlier.until:
                names = [f"{term.term} {term.academic_year}" for term in (earlier, later)]
                raise ValueError(f"terms {names[0]} and {names[1]} overlap")
        names = [f"{term.term} {term.academic_year}" for term in self.terms]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"term {repeated[0]} is given twice")
        for earlier, later in pairwise(sorted(self.terms, key=lambda term: (term.academic_year, term.start))):
            in_order = TERMS.index(earlier.term) < TERMS.index(later.term)
            if earlier.academic_year == later.academic_year and not in_order:
                raise ValueError(f"term {later.term} {later.academic_year} comes before {earlier.term}")
        return self


class ClaimWindow(Settings):
    """The days on which claims are taken, `opens` and `closes` both inside."""

    id: Text
    opens: Day
    closes: Day

    @model_validator(mode="after")
    def _in_order(self) -> ClaimWindow:
        if self.closes < self.opens:
            raise ValueError(f"closes ({self.closes}) is before opens ({self.opens})")
        return self


class ClaimSettings(Settings):
    """`families_agreed`: how many families the authority agreed to work with, from which its allocation follows.

    `earned_autonomy_from`: the first day on which the authority has Earned Autonomy, and so is paid in advance.
    `discretion`: the text that lets officers pass a result that the rules do not (an outcome plan and its section).
    """

    families_agreed: Annotated[int, Field(ge=0, strict=True)] | None = None
    earned_autonomy_from: Day | None = None
    discretion: Text | None = None
    windows: tuple[ClaimWindow, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> ClaimSettings:
        ids = [window.id for window in self.windows]
        if repeated := sorted({each for each in ids if ids.count(each) > 1}):
            raise ValueError(f"window {repeated[0]!r} is given twice")
        return self


class ProgrammeYear(Settings):
    """What the authority set itself for a financial year: how many families to engage, and its income, in pounds."""

    year: Annotated[str, AfterValidator(_financial_year)]
    families: Annotated[int, Field(ge=0, strict=True)] | None = None
    income_pounds: Annotated[int, Field(ge=0, strict=True)] | None = None


class Aim(Settings):
    """By what share an outcome indicator is to fall (`docs/programme.md` lists the indicators)."""

    indicator: Text
    reduced_by: Annotated[Share, BeforeValidator(_reduction)]


class ProgrammeSettings(Settings):
    """The authority's own budget and aims, against which `pbr report programme` sets what came of the programme."""

    years: tuple[ProgrammeYear, ...] = ()
    aims: tuple[Aim, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> ProgrammeSettings:
        for what, given in (
            ("year", [each.year for each in self.years]),
            ("an aim for", [aim.indicator for aim in self.aims]),
        ):
            if repeated := sorted({each for each in given if given.count(each) > 1}):
                raise ValueError(f"{what} {repeated[0]!r} is given twice")
        return self


class ProbabilisticSettings(Settings):
    """The pass by weight: the file of its model, and from how many bits of match weight a link is what."""

    model: Text = "linkage-model.json"
    confirmed_from: Annotated[int, Field(strict=True)] = 17
    possible_from: Annotated[int, Field(strict=True)] = 5

    @model_validator(mode="after")
    def _in_order(self) -> ProbabilisticSettings:
        if self.confirmed_from <= self.possible_from:
            raise ValueError(
                f"confirmed_from ({self.confirmed_from}) is not above possible_from ({self.possible_from})"
            )
        return self


class LinkageSettings(Settings):
    """How records are linked to members: `docs/linkage.md`.

    `passes`: their names, in order. `gives`: pass → what it gives, where that is not the pass's own. `most_pairs`: a
    key that would make more pairs of a record's details and a member is refused.
    """

    passes: tuple[Pass, ...] = PASSES
    most_pairs: Annotated[int, Field(ge=1, strict=True)] = 5_000_000
    gives: dict[GivenByPass, Literal["confirmed", "possible"]] = Field(default_factory=dict)
    probabilistic: ProbabilisticSettings | None = None

    @model_validator(mode="after")
    def _passes_fit(self) -> LinkageSettings:
        if repeated := sorted({each for each in self.passes if self.passes.count(each) > 1}):
            raise ValueError(f"pass {repeated[0]!r} is given twice")
        if ("probabilistic" in self.passes) != (self.probabilistic is not None):
            raise ValueError("the pass probabilistic and the table [linkage.probabilistic] go together: one is missing")
        if list(self.passes) != [each for each in get_args(Pass) if each in self.passes]:
            raise ValueError(f"the passes have one order: {', '.join(get_args(Pass))}")
        return self


class WorkspaceFile(Settings):
    """`pbr.toml` as it is written."""

    authority: Authority
    rules: Rules
    sources: dict[str, SourceSettings] = Field(default_factory=dict)
    calendar: Calendar = Calendar()
    claims: ClaimSettings = ClaimSettings()
    programme: ProgrammeSettings = ProgrammeSettings()
    linkage: LinkageSettings = LinkageSettings()


class Workspace(Settings):
    """One authority's folder, read and checked. Made by `Workspace.load`."""

    root: Path
    authority: Authority
    rules: Rules
    sources: dict[str, SourceSettings]
    calendar_terms: tuple[TermDates, ...]
    claims: ClaimSettings
    programme: ProgrammeSettings
    linkage: LinkageSettings
    lines: dict[str, int] = Field(default_factory=dict, repr=False, exclude=True)

    @classmethod
    def load(cls, path: Path | str) -> Workspace:
        """Read the `pbr.toml` of a folder (or the file itself).

        Raises Faults, all of them together: E101 the file is missing or is no TOML, E102 an unknown key, E103 a
        missing key, E104 a value that cannot be, E105 a source that is no table.
        """
        path = Path(path)
        file = path / FILE if path.is_dir() else path
        try:
            text = file.read_bytes().decode("utf-8-sig")
            content = tomllib.loads(text)
        except OSError:
            step = "Give the folder that holds it; pbr demo makes one to start from."
            raise Faults(Fault("E101", file.as_posix(), "there is no workspace file here", step)) from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            step = "Correct the file: it is TOML, in UTF-8."
            raise Faults(Fault("E101", FILE, f"cannot be read as TOML: {error}", step)) from None
        lines = {".".join(map(str, key)): line for key, line in _lines(text)}
        faults = [_unknown_table(name, lines) for name in content.get("sources", {}) if name not in TABLES]
        try:
            written = WorkspaceFile.model_validate(content)
        except ValidationError as invalid:
            faults += [_fault(error, lines) for error in invalid.errors()]
        if faults:
            raise Faults(faults)
        return cls(
            root=file.parent,
            authority=written.authority,
            rules=written.rules,
            sources={table: written.sources[table] for table in TABLES if table in written.sources},
            calendar_terms=written.calendar.terms,
            claims=written.claims,
            programme=written.programme,
            linkage=written.linkage,
            lines=lines,
        )

    @classmethod
    def of(cls, workspace: Workspace | Path | str) -> Workspace:
        """A workspace as it is given to a job: loaded, or by its folder."""
        return workspace if isinstance(workspace, Workspace) else cls.load(workspace)

    @property
    def ledger_path(self) -> Path:
        return self.root / "ledger.sqlite"

    @property
    def batches_path(self) -> Path:
        return self.root / "batches"

    @property
    def key_path(self) -> Path:
        return self.root / "pbr.key"

    def place(self, *key: str) -> str:
        """Where a key stands: `pbr.toml:12`."""
        return _place(key, self.lines)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """`Did you mean 'path'?`, or the words there are."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."


def _unknown_table(name: str, lines: dict[str, int]) -> Fault:
    return Fault("E105", _place(("sources", name), lines), f"there is no table {name!r}", did_you_mean(name, TABLES))


def _fault(error: Any, lines: dict[str, int]) -> Fault:
    """One of pydantic's errors as a fault: where it stands in the file, and what to do."""
    key = tuple(error["loc"])
    place, name = _place(key, lines), ".".join(map(str, key)) or "the file"
    if error["type"] == "extra_forbidden":
        return Fault("E102", place, f"unknown key {name!r}", did_you_mean(str(key[-1]), _known_keys(key[:-1])))
    if error["type"] == "missing":
        return Fault("E103", place, f"{name} is missing", f"Add it to {FILE}.")
    if error["type"] == "string_pattern_mismatch":
        step = "An ONS/GSS code is a letter and eight figures, such as E06000034."
        return Fault("E104", place, f"{name} is {error['input']!r}", step)
    what = error["msg"].removeprefix("Value error, ")
    shown = f" is {error['input']!r}" if isinstance(error["input"], (str, int)) else ""
    return Fault("E104", place, f"{name}{shown}: {what}", "Correct it.")


def _known_keys(key: tuple[str | int, ...]) -> list[str]:
    """The keys that the part of the file at `key` may have."""
    model: type[BaseModel] = WorkspaceFile
    for step in key:
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        # The name of a source and the number of a term are no fields: they stay in the same model.
        model = _inside(fields[str(step)]) if str(step) in fields else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _inside(annotation: Any) -> Any:
    """The model of `X`, `X | None`, `tuple[X, ...]` or `dict[str, X]`."""
    models = (each for each in (annotation, *get_args(annotation)) if isinstance(each, type))
    return next(each for each in models if issubclass(each, BaseModel))


def _place(key: Sequence[str | int], lines: dict[str, int]) -> str:
    """The line of a key, else of the nearest part of the file around it."""
    for length in range(len(key), 0, -1):
        if line := lines.get(".".join(map(str, key[:length]))):
            return f"{FILE}:{line}"
    return FILE


def _lines(text: str) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Each key of a TOML text with its line, the first place of each. Arrays of tables count from 0."""
    seen: set[tuple[str | int, ...]] = set()
    counts: dict[tuple[str | int, ...], int] = {}
    table: tuple[str | int, ...] = ()
    part = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
    path = rf"\s*({part}(?:\s*\.\s*{part})*)\s*"
    for number, line in enumerate(text.splitlines(), start=1):
        head = re.match(rf"\s*(\[\[?){path}\]", line)
        pair = re.match(rf"{path}=", line)
        if not head and not pair:
            continue
        found = head[2] if head else pair[1] if pair else ""
        key: tuple[str | int, ...] = tuple(each.strip("\"'") for each in re.findall(part, found))
        if head and head[1] == "[[":
            counts[key] = counts.get(key, -1) + 1
            key = (*key, counts[key])
        if head:
            table = key
        for length in range(1, len(full := key if head else (*table, *key)) + 1):
            if full[:length] not in seen:
                seen.add(full[:length])
                yield full[:length], number
