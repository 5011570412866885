"""The contracts: what each table holds, as data. One `Contract` a table; adding a table is adding one here.

Columns have a type, may be required, closed to some values, or filled with a default; `checks` names the tests of whole
rows and of rows together, which `pbr.sources.checks` writes down. `docs/tables.md` is made from this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import polars as pl

from pbr.workspace import TERMS

Type = Literal["text", "date", "count", "boolean", "choice", "academic_year", "upn", "nino", "nhs_number", "pnc_id"]
"""What a column's text is cast to. The last four are identifiers that carry their own check."""

POLARS_TYPES: Mapping[str, pl.DataType] = MappingProxyType(
    {"date": pl.Date(), "count": pl.Int64(), "boolean": pl.Boolean()}
)
"""Everything that is not here is text."""

CheckName = Literal[
    "some_identity",
    "match_keys_written",
    "match_keys_alone",
    "absence_within_possible",
    "code_unless_work",
    "ends_after_start",
    "left_after_joined",
    "closed_after_engaged",
    "born_before_extract",
    "event_after_birth",
    "family_unique",
    "one_birth",
    "periods_apart",
    "family_known",
]


@dataclass(frozen=True)
class Column:
    """One column. `choices` belong to the type `choice`; `default` is written as a source would write it."""

    name: str
    type: Type = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None
    meaning: str = ""

    @property
    def dtype(self) -> pl.DataType:
        return POLARS_TYPES.get(self.type, pl.String())


@dataclass(frozen=True)
class Contract:
    """One table. `person`: its rows carry identity columns. `event`: the column that dates what happened."""

    table: str
    meaning: str
    own: tuple[Column, ...]
    person: bool = True
    event: str | None = None
    checks: tuple[CheckName, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The table's own columns, then the identity columns that it does not list itself."""
        named = {column.name for column in self.own}
        return self.own + tuple(column for column in _IDENTITY if self.person and column.name not in named)

    @property
    def has_record_ids(self) -> bool:
        return any(column.name == "record_id" for column in self.own)

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


_IDENTITY = (
    Column("person_id", meaning="the authority's own id of the person"),
    Column("upn", "upn", meaning="unique pupil number"),
    Column("nino", "nino", meaning="National Insurance number"),
    Column("nhs_number", "nhs_number", meaning="NHS number"),
    Column("pnc_id", "pnc_id", meaning="Police National Computer id"),
    Column("forename"),
    Column("surname"),
    Column("date_of_birth", "date"),
    Column("sex"),
    Column("postcode"),
    Column("uprn", meaning="unique property reference number"),
    Column("match_keys", meaning="instead of all the others: [match-keys](match-keys.md) that `pbr match hash` made"),
)
IDENTITY: tuple[str, ...] = tuple(column.name for column in _IDENTITY)
"""The columns that say whom a record is about, shared by every table about people."""

IDENTIFIERS = ("upn", "nino", "nhs_number", "pnc_id")
"""Those of them that carry their own check."""

ABOUT_SOMEBODY: tuple[CheckName, ...] = ("some_identity", "match_keys_written", "match_keys_alone")
"""The tests of tables whose records linkage gives to a person."""

_RECORD_ID = Column("record_id", meaning="the supplier's own; made from the row's content where there is none")
_FAMILY_ID = Column("family_id", required=True)
_NEED = Column("need", required=True, meaning="a need of the rule pack")
_STARTS_ON = Column("starts_on", "date", required=True)
_ENDS_ON = Column("ends_on", "date", meaning="last day; empty = still open")

BENEFITS = (
    *("AA", "BB", "BSP", "CA", "DLA", "ESA", "HB", "IB", "IIDB"),
    *("IS", "JSA", "PC", "PIP", "SDA", "SP", "UC", "WB"),
)
PROVISION = ("work_programme", "esf")
"""DWP's vocabulary of benefits, and the provision codes. Others are read as they are, and `pbr check` lists them."""

REGISTER_CODES = (
    *("/", "\\", "L", "B", "J", "K", "P", "V", "W"),
    *("C", "C1", "C2", "E", "F", "H", "I", "J1", "M", "R", "S", "T"),
    *("G", "N", "O", "U"),
    *("D", "X", "Y", "Y1", "Y2", "Y3", "Y4", "Y5", "Y6", "Y7", "Z", "Q", "#", "-"),
)
"""Register codes: present, authorised absence, unauthorised absence, no possible session. Marks with others are kept,
and `pbr check` lists them: no measure counts them."""

_CONTRACTS = (
    Contract(
        "families",
        "The families on the programme, one row each.",
        (
            Column("family_id", required=True, meaning="unique"),
            Column("engaged_on", "date", required=True, meaning="the day the family joined the programme"),
            Column("closed_on", "date"),
            Column("assessed_on", "date", meaning="whole-family assessment"),
            Column("planned_on", "date", meaning="action plan"),
            Column("lead_worker"),
            Column("expecting", "boolean", meaning="expecting a child"),
        ),
        person=False,
        checks=("closed_after_engaged", "family_unique"),
    ),
    Contract(
        "members",
        "Who belongs to a family, and from when until when; one row a period.",
        (
            Column("person_id", required=True, meaning="the authority's own id of the person"),
            Column("date_of_birth", "date", required=True),
            _FAMILY_ID,
            Column("joined_on", "date", meaning="first day; empty = always"),
            Column("left_on", "date", meaning="the day from which they are no member; empty = still one"),
            Column("resident", "boolean", default="true"),
            Column("parental_responsibility", "boolean"),
        ),
        checks=("left_after_joined", "born_before_extract", "one_birth", "periods_apart", "family_known"),
    ),
    Contract(
        "needs",
        "Needs that were identified in a family.",
        (_RECORD_ID, _FAMILY_ID, _NEED, Column("identified_on", "date", required=True)),
        event="identified_on",
        checks=("born_before_extract", "event_after_birth", "family_known"),
    ),
    Contract(
        "attendance",
        "Sessions of one pupil in one term at one school.",
        (
            _RECORD_ID,
            Column("academic_year", "academic_year", required=True, meaning="as 2013/14"),
            Column("term", "choice", required=True, choices=TERMS),
            Column("sessions_possible", "count", required=True),
            Column("sessions_authorised", "count", required=True, meaning="authorised absence"),
            Column("sessions_unauthorised", "count", required=True, meaning="unauthorised absence"),
            Column(
                "enrolment",
                "choice",
                choices=("registered", "alternative_provision", "not_on_roll"),
                default="registered",
            ),
        ),
        checks=(*ABOUT_SOMEBODY, "absence_within_possible", "born_before_extract"),
    ),
    Contract(
        "marks",
        "Register marks, one a session; instead of attendance, or beside it.",
        (
            _RECORD_ID,
            Column("date", "date", required=True),
            Column("session", "choice", required=True, choices=("AM", "PM")),
            Column("code", required=True, meaning="register code of the day"),
        ),
        event="date",
        checks=(*ABOUT_SOMEBODY, "born_before_extract", "event_after_birth"),
    ),
    Contract(
        "exclusions",
        "Suspensions and exclusions from school.",
        (
            _RECORD_ID,
            Column("kind", "choice", required=True, choices=("suspension", "permanent", "lunchtime")),
            _STARTS_ON,
            Column("sessions", "count", meaning="sessions lost"),
        ),
        event="starts_on",
        checks=(*ABOUT_SOMEBODY, "born_before_extract", "event_after_birth"),
    ),
    Contract(
        "offending",
        "Proven offences and anti-social behaviour.",
        (
            _RECORD_ID,
            Column("kind", "choice", required=True, choices=("proven_offence", "asb")),
            Column("occurred_on", "date", required=True),
            Column("disposal"),
        ),
        event="occurred_on",
        checks=(*ABOUT_SOMEBODY, "born_before_extract", "event_after_birth"),
    ),
    Contract(
        "employment",
        "Spells on a benefit, in work or on provision.",
        (
            _RECORD_ID,
            Column("kind", "choice", required=True, choices=("benefit", "work", "provision")),
            Column(
                "code",
                meaning="required but for work; benefit: JSA, ESA, IS, IB, SDA, CA …; provision: work_programme, esf",
            ),
            _STARTS_ON,
            _ENDS_ON,
        ),
        event="starts_on",
        checks=(*ABOUT_SOMEBODY, "code_unless_work", "ends_after_start", "born_before_extract", "event_after_birth"),
    ),
    Contract(
        "social_care",
        "Spells of help from children's services.",
        (
            _RECORD_ID,
            Column(
                "kind",
                "choice",
                required=True,
                choices=("early_help", "child_in_need", "child_protection", "looked_after"),
            ),
            _STARTS_ON,
            _ENDS_ON,
        ),
        event="starts_on",
        checks=(*ABOUT_SOMEBODY, "ends_after_start", "born_before_extract", "event_after_birth"),
    ),
    Contract(
        "outcomes",
        "What a practitioner records of a need.",
        (
            _RECORD_ID,
            _FAMILY_ID,
            _NEED,
            Column("status", "choice", required=True, choices=("achieved", "relapsed")),
            Column("observed_on", "date", required=True),
            Column("evidence"),
        ),
        event="observed_on",
        checks=("born_before_extract", "event_after_birth", "family_known"),
    ),
)
CONTRACTS: Mapping[str, Contract] = MappingProxyType({contract.table: contract for contract in _CONTRACTS})
"""Every table, families first: others are tested against them."""
