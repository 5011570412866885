"""What every table must be, one broken row at a time."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from pbr.sources import CONTRACTS, IDENTITY, Extract
from pbr.workspace import TABLES
from tests.sources.made_sources import Authority, codes, rows, tie

SOUND: dict[str, dict[str, str]] = {
    "families": {"family_id": "F9", "engaged_on": "2013-01-01", "closed_on": "", "expecting": "true"},
    "members": {
        "person_id": "P9", "family_id": "F1", "date_of_birth": "2001-05-06", "joined_on": "2012-01-01", "left_on": "",
        "resident": "", "parental_responsibility": "false",
    },
    "needs": {"record_id": "N9", "family_id": "F1", "need": "debt", "identified_on": "2013-01-01", "person_id": ""},
    "attendance": {
        "record_id": "A9", "person_id": "P1", "date_of_birth": "2001-05-06", "academic_year": "2013/14",
        "term": "autumn", "sessions_possible": "120", "sessions_authorised": "10", "sessions_unauthorised": "20",
        "enrolment": "",
    },
    "marks": {
        "record_id": "M9", "person_id": "P1", "date_of_birth": "2001-05-06", "date": "2013-09-09", "session": "AM",
        "code": "\\",
    },
    "exclusions": {
        "record_id": "X9", "person_id": "P1", "date_of_birth": "2001-05-06", "kind": "suspension",
        "starts_on": "2013-09-09", "sessions": "4",
    },
    "offending": {
        "record_id": "O9", "person_id": "P1", "date_of_birth": "2001-05-06", "kind": "asb",
        "occurred_on": "2013-09-09", "disposal": "",
    },
    "employment": {
        "record_id": "E9", "person_id": "P2", "date_of_birth": "1975-03-02", "kind": "benefit", "code": "JSA",
        "starts_on": "2013-01-01", "ends_on": "2013-02-01",
    },
    "social_care": {
        "record_id": "S9", "person_id": "P1", "date_of_birth": "2001-05-06", "kind": "child_in_need",
        "starts_on": "2013-01-01", "ends_on": "",
    },
    "outcomes": {
        "record_id": "R9", "family_id": "F1", "need": "debt", "status": "achieved", "observed_on": "2014-01-01",
        "evidence": "", "person_id": "",
    },
}  # fmt: skip


def write(
    authority: Authority, table: str, *changes: dict[str, str], settings: str = "extracted_on = 2014-09-02"
) -> None:
    """A table of sound rows, each changed; with the identity of nobody else."""
    sound = SOUND[table]
    names = sound | {name: "" for change in changes for name in change}
    lines = [",".join(names), *(",".join((names | sound | change).values()) for change in changes)]
    authority.write(table, "\n".join(lines) + "\n", settings)


def test_there_is_a_contract_for_every_table_a_workspace_may_declare() -> None:
    assert tuple(CONTRACTS) == TABLES == tuple(SOUND)


@pytest.mark.parametrize("table", TABLES)
def test_a_sound_row_is_accepted_with_every_column_typed(authority: Authority, table: str) -> None:
    write(authority, table, {})
    if table == "families":
        authority.write("members", "person_id,family_id,date_of_birth\n")
    extract = authority.read()[table]
    assert rows(extract) == [2]
    assert extract.quarantine.is_empty()
    assert extract.rejected.is_empty()
    contract = CONTRACTS[table]
    wanted = ["record_id", "file", "row", *(c.name for c in contract.columns if c.name != "record_id")]
    assert extract.accepted.columns == wanted
    assert [extract.accepted.schema[c.name] for c in contract.columns if c.name != "record_id"] == [
        c.dtype for c in contract.columns if c.name != "record_id"
    ]
    assert set(IDENTITY) <= set(extract.accepted.columns) or table == "families"


REQUIRED = [(table, c.name) for table, contract in CONTRACTS.items() for c in contract.columns if c.required]


@pytest.mark.parametrize(("table", "column"), REQUIRED)
def test_a_required_value_that_is_empty_quarantines_its_row(authority: Authority, table: str, column: str) -> None:
    write(authority, table, {column: "  "})
    extract = authority.read()[table]
    assert codes(extract) == [(2, "E122")]
    assert extract.quarantine.select("column", "raw").rows() == [(column, "")]


@pytest.mark.parametrize(
    ("table", "change", "code", "column"),
    [
        ("families", {"engaged_on": "01/01/2013"}, "E123", "engaged_on"),
        ("families", {"engaged_on": "2013-02-29"}, "E123", "engaged_on"),
        ("families", {"engaged_on": "2013-1-1"}, "E123", "engaged_on"),
        ("families", {"engaged_on": "2013-01-01 00:00:00"}, "E123", "engaged_on"),
        ("families", {"engaged_on": "٢٠١٣-٠١-٠١"}, "E123", "engaged_on"),
        ("families", {"closed_on": "soon"}, "E123", "closed_on"),
        ("families", {"engaged_on": "1899-12-31"}, "E124", "engaged_on"),
        ("families", {"closed_on": "9999-12-31"}, "E124", "closed_on"),
        ("families", {"closed_on": "2012-12-31"}, "E141", "engaged_on;closed_on"),
        ("families", {"expecting": "yes"}, "E126", "expecting"),
        ("members", {"resident": "1"}, "E126", "resident"),
        ("members", {"joined_on": "2013-01-02", "left_on": "2013-01-01"}, "E133", "joined_on;left_on"),
        ("members", {"date_of_birth": "2014-09-03"}, "E134", "date_of_birth"),
        ("members", {"family_id": "F3"}, "E140", "family_id"),
        ("needs", {"family_id": "F3"}, "E140", "family_id"),
        ("needs", {"date_of_birth": "2013-01-02"}, "E135", "identified_on;date_of_birth"),
        ("attendance", {"sessions_possible": "-1"}, "E125", "sessions_possible"),
        ("attendance", {"sessions_authorised": "1.5"}, "E125", "sessions_authorised"),
        ("attendance", {"sessions_authorised": "10.0"}, "E125", "sessions_authorised"),
        ("attendance", {"sessions_unauthorised": "1e2"}, "E125", "sessions_unauthorised"),
        ("attendance", {"sessions_unauthorised": "9999999999999999999999"}, "E125", "sessions_unauthorised"),
        ("attendance", {"academic_year": "2013/15"}, "E128", "academic_year"),
        ("attendance", {"academic_year": "2013-14"}, "E128", "academic_year"),
        ("attendance", {"academic_year": "13/14"}, "E128", "academic_year"),
        ("attendance", {"term": "Autumn"}, "E127", "term"),
        ("attendance", {"enrolment": "home"}, "E127", "enrolment"),
        ("attendance", {"date_of_birth": "2014-09-03"}, "E134", "date_of_birth"),
        (
            "attendance",
            {"sessions_possible": "29"},
            "E131",
            "sessions_possible;sessions_authorised;sessions_unauthorised",
        ),
        ("attendance", {"person_id": "", "date_of_birth": ""}, "E130", None),
        ("marks", {"session": "am"}, "E127", "session"),
        ("marks", {"date": "2001-05-05"}, "E135", "date;date_of_birth"),
        ("exclusions", {"kind": "FIXD"}, "E127", "kind"),
        ("exclusions", {"sessions": "two"}, "E125", "sessions"),
        ("exclusions", {"starts_on": "2001-05-05"}, "E135", "starts_on;date_of_birth"),
        ("offending", {"kind": "offence"}, "E127", "kind"),
        ("offending", {"occurred_on": "2001-05-05"}, "E135", "occurred_on;date_of_birth"),
        ("employment", {"code": ""}, "E122", "code"),
        ("employment", {"kind": "provision", "code": ""}, "E122", "code"),
        ("employment", {"ends_on": "2012-12-31"}, "E132", "starts_on;ends_on"),
        ("employment", {"kind": "job"}, "E127", "kind"),
        ("employment", {"starts_on": "1975-03-01"}, "E135", "starts_on;date_of_birth"),
        ("social_care", {"kind": "CIN"}, "E127", "kind"),
        ("social_care", {"ends_on": "2012-12-31"}, "E132", "starts_on;ends_on"),
        ("outcomes", {"status": "done"}, "E127", "status"),
        ("outcomes", {"family_id": "F3"}, "E140", "family_id"),
    ],
)
def test_a_row_that_breaks_its_contract_is_quarantined_with_its_raw_text(
    authority: Authority, table: str, change: dict[str, str], code: str, column: str | None
) -> None:
    other = {"families": {"family_id": "F8"}, "members": {"person_id": "P8"}}.get(table, {"record_id": "Z9"})
    write(authority, table, change, other)
    if table == "families":
        authority.write("members", "person_id,family_id,date_of_birth\n")
    extract = authority.read()[table]
    assert rows(extract) == [3]
    assert codes(extract) == [(2, code)]
    fault = extract.quarantine.row(0, named=True)
    assert (fault["source"], fault["file"], fault["column"]) == (table, f"{table}.csv", column)
    row = SOUND[table] | change
    if column is not None and ";" not in column:
        assert fault["raw"] == row[column]
    else:
        wanted = column.split(";") if column else [name for name in row if row[name]]
        assert set(fault["raw"].split("; ")) == {f"{name}={row[name]}" for name in wanted}
    assert extract.rejected["row"].to_list() == [2]
    assert tie(extract)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("families", {"engaged_on": "2012-02-29"}),
        ("families", {"engaged_on": "1900-01-01", "closed_on": "2100-12-31"}),
        ("families", {"closed_on": "2013-01-01"}),
        ("families", {"expecting": "TRUE"}),
        ("members", {"joined_on": "2013-01-01", "left_on": "2013-01-01"}),
        ("members", {"date_of_birth": "2014-09-02"}),
        ("members", {"joined_on": "2000-01-01"}),
        ("attendance", {"sessions_possible": "30"}),
        ("attendance", {"sessions_possible": "0", "sessions_authorised": "0", "sessions_unauthorised": "0"}),
        ("attendance", {"academic_year": "1999/00"}),
        ("attendance", {"person_id": "", "date_of_birth": "", "upn": "no such number"}),
        ("marks", {"date": "2001-05-06"}),
        ("marks", {"code": "/"}),
        ("employment", {"kind": "work", "code": ""}),
        ("employment", {"ends_on": "2013-01-01"}),
        ("employment", {"ends_on": ""}),
        ("needs", {"need": "anything at all"}),
    ],
)
def test_a_row_at_the_edge_of_its_contract_stands(authority: Authority, table: str, change: dict[str, str]) -> None:
    write(authority, table, change)
    assert rows(authority.read()[table]) == [2]


def test_a_record_with_several_faults_is_one_record_with_several_reasons(authority: Authority) -> None:
    write(authority, "attendance", {"term": "x", "sessions_possible": "y", "academic_year": ""})
    attendance = authority.read()["attendance"]
    assert codes(attendance) == [(2, "E122"), (2, "E127"), (2, "E125")]
    assert attendance.rejected.height == 1


def test_what_could_be_read_of_a_quarantined_record_says_whom_it_is_about(authority: Authority) -> None:
    write(authority, "exclusions", {"kind": "?", "upn": "B801200005001", "postcode": " RM1 1AA ", "nino": "x"})
    row = authority.read()["exclusions"].rejected.row(0, named=True)
    assert (row["person_id"], row["date_of_birth"]) == ("P1", date(2001, 5, 6))
    assert (row["upn"], row["postcode"], row["nino"]) == ("B801200005001", "RM1 1AA", None)


def test_a_date_of_birth_that_cannot_be_read_quarantines_its_record(authority: Authority) -> None:
    write(authority, "offending", {"date_of_birth": "06/05/2001"})
    offending = authority.read()["offending"]
    assert codes(offending) == [(2, "E123")]
    assert offending.rejected.select("person_id", "date_of_birth").rows() == [("P1", None)]


def test_missing_optional_columns_are_there_and_empty(authority: Authority) -> None:
    authority.write("exclusions", "person_id,kind,starts_on\nP1,permanent,2013-01-01\n")
    accepted = authority.read()["exclusions"].accepted
    assert accepted.select("sessions", "upn", "date_of_birth").row(0) == (None, None, None)
    assert accepted.schema["sessions"] == pl.Int64


@pytest.mark.parametrize("column", ["", ",enrolment"])
def test_enrolment_is_registered_unless_it_is_said(authority: Authority, column: str) -> None:
    header = f"person_id,academic_year,term,sessions_possible,sessions_authorised,sessions_unauthorised{column}"
    authority.write("attendance", f"{header}\nP1,2013/14,autumn,120,1,2{',' if column else ''}\n")
    assert authority.read()["attendance"].accepted["enrolment"].to_list() == ["registered"]


def test_a_member_is_resident_unless_it_is_said(authority: Authority) -> None:
    assert authority.read()["members"].accepted["resident"].to_list() == [True] * 3


def test_two_families_with_one_id_are_both_quarantined_and_so_nobody_is_lost(authority: Authority) -> None:
    authority.write("families", "family_id,engaged_on\nF1,2013-01-01\nF1,2014-01-01\nF2,2013-02-01\n")
    extracts = authority.read()
    assert codes(extracts["families"]) == [(2, "E136"), (3, "E136")]
    assert extracts["families"].rejected["family_id"].to_list() == ["F1", "F1"]
    # The members of a quarantined family are not members of no family.
    assert rows(extracts["members"]) == [2, 3, 4]


def test_one_person_with_two_dates_of_birth_is_quarantined_in_both(authority: Authority) -> None:
    authority.write(
        "members",
        "person_id,family_id,date_of_birth,joined_on,left_on\n"
        "P1,F1,2001-05-06,2012-01-01,2013-01-01\nP1,F2,2001-06-05,2013-01-01,\nP3,F2,2003-01-31,,\n",
    )
    assert codes(authority.read()["members"]) == [(2, "E138"), (3, "E138")]


def periods(authority: Authority, *periods: tuple[str, str]) -> list[int]:
    """The rows of one person's periods that overlap another, counted from 1."""
    lines = [f"P1,F{1 + at % 2},2001-05-06,{start},{end}" for at, (start, end) in enumerate(periods)]
    lines += ["P2,F1,1975-03-02,,", "P3,F2,2003-01-31,2012-06-01,2012-07-01"]
    authority.write("members", "person_id,family_id,date_of_birth,joined_on,left_on\n" + "\n".join(lines))
    found = authority.read()["members"].quarantine
    assert set(found["code"]) <= {"E139"}
    return [row - 1 for row in found["row"]]


@pytest.mark.parametrize(
    ("given", "overlapping"),
    [
        ([("2012-01-01", "2013-01-01"), ("2013-01-01", "")], []),
        ([("2012-01-01", "2013-01-02"), ("2013-01-01", "")], [1, 2]),
        ([("2012-01-01", ""), ("2013-01-01", "")], [1, 2]),
        ([("", "2013-01-01"), ("", "2014-01-01")], [1, 2]),
        ([("", ""), ("2013-01-01", "2013-02-01")], [1, 2]),
        ([("2013-01-01", ""), ("2012-01-01", "2013-01-01")], []),
        # One long period, two short ones inside it, and one that only follows.
        (
            [
                ("2012-01-01", "2013-01-01"),
                ("2012-02-01", "2012-03-01"),
                ("2012-04-01", "2012-05-01"),
                ("2013-01-01", ""),
            ],
            [1, 2, 3],
        ),
        # A period without a day in it shares none.
        ([("2012-01-01", "2013-01-01"), ("2012-05-01", "2012-05-01")], []),
    ],
)
def test_periods_of_one_person_that_overlap_are_all_quarantined(
    authority: Authority, given: list[tuple[str, str]], overlapping: list[int]
) -> None:
    assert periods(authority, *given) == overlapping


def test_a_period_that_cannot_be_read_does_not_condemn_the_others(authority: Authority) -> None:
    authority.write(
        "members",
        "person_id,family_id,date_of_birth,joined_on,left_on\nP1,F1,2001-05-06,2012-01-01,\nP1,F2,2001-05-06,soon,\n",
    )
    assert codes(authority.read()["members"]) == [(3, "E123")]


def test_a_number_that_is_too_large_is_told_so(authority: Authority) -> None:
    write(
        authority, "attendance", {"sessions_possible": "1234567890"}, {"record_id": "A2", "sessions_possible": "many"}
    )
    reasons = authority.read()["attendance"].quarantine["reason"].to_list()
    assert reasons == ["too large: a count has at most nine figures", "not a whole number of 0 or more"]


def test_benefit_codes_outside_the_vocabulary_are_told_and_kept(authority: Authority) -> None:
    write(
        authority,
        "employment",
        {},
        {"record_id": "E2", "code": "WTC"},
        {"record_id": "E3", "code": "Ask Ms Ashdown"},
        {"record_id": "E4", "kind": "provision", "code": "esf"},
    )
    employment = authority.read()["employment"]
    assert rows(employment) == [2, 3, 4, 5]
    assert employment.warnings == ("benefit codes outside the known vocabulary: WTC, 1 that do not look like codes",)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d/%m/%Y", "03/09/2013"),
        ("%d/%m/%Y", "3/9/2013"),
        ("%d-%b-%Y", "03-Sep-2013"),
        ("%d %B %Y", "3 September 2013"),
        ("%Y%m%d", "20130903"),
        ("%d/%m/%Y %H:%M", "03/09/2013 00:00"),
    ],
)
def test_a_source_may_have_its_own_dates(authority: Authority, form: str, text: str) -> None:
    write(authority, "needs", {"identified_on": text}, settings=f'date_format = "{form}"')
    assert authority.read()["needs"].accepted["identified_on"].to_list() == [date(2013, 9, 3)]


@pytest.mark.parametrize("text", ["2013-09-03", "03/09/13", "31/02/2013", "09/13/2013", "03/09/2013 x", "03/09/20133"])
def test_a_date_in_another_form_than_the_sources_own_is_quarantined(authority: Authority, text: str) -> None:
    write(authority, "needs", {"identified_on": text}, settings='date_format = "%d/%m/%Y"')
    assert authority.read()["needs"].accepted.is_empty()


# --------------------------------------------------------------------------------------------------------- match-keys

HASHED = f"version:{'a' * 8} key:{'b' * 8} moved_house:{'c' * 32} upn:{'d' * 32}"


def offending(authority: Authority, *identities: dict[str, str]) -> Extract:
    columns = ["match_keys", "surname", "upn"]
    rows = [
        ",".join([f"R{at}", "asb", "2014-01-01", *(one.get(each, "") for each in columns)])
        for at, one in enumerate(identities)
    ]
    authority.write("offending", "\n".join([",".join(["record_id", "kind", "occurred_on", *columns]), *rows]) + "\n")
    return authority.read()["offending"]


def test_match_keys_are_an_identity_of_their_own(authority: Authority) -> None:
    extract = offending(authority, {"match_keys": HASHED})
    assert extract.quarantine.is_empty()
    assert extract.accepted["match_keys"].to_list() == [HASHED]


@pytest.mark.parametrize(
    "spoilt",
    [
        HASHED[:-1],
        HASHED + "0",
        HASHED.upper(),
        HASHED.replace(" key", "  key"),
        HASHED.partition(" ")[2],
        f"version:{'a' * 8} key:{'b' * 8}",
        "Mina Vane",
        "d" * 32,
    ],
)
def test_match_keys_that_are_not_as_written_quarantine_their_row(authority: Authority, spoilt: str) -> None:
    extract = offending(authority, {"match_keys": spoilt}, {"match_keys": HASHED})
    assert codes(extract) == [(2, "E142")]
    assert extract.rejected["match_keys"].to_list() == [spoilt], "whom it may be about is still told"


@pytest.mark.parametrize("clear", [{"surname": "Vane"}, {"upn": "K201000007000"}, {"upn": "no number"}])
def test_an_identity_in_clear_beside_match_keys_is_set_apart(authority: Authority, clear: dict[str, str]) -> None:
    extract = offending(authority, {"match_keys": HASHED} | clear, {"match_keys": HASHED}, clear)
    assert codes(extract) == [(2, "E143")]
