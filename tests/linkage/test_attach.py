"""Evidence: records with their people, what breaks a contract about its person, and what that puts in doubt."""

from __future__ import annotations

import pytest

from pbr.linkage import Coverage, Evidence, attach
from pbr.linkage.evidence import RECORD_TABLES, no_records
from pbr.sources import CONTRACTS
from tests.sources.made_sources import MEMBERS, Authority

CHILD = "P1"  # of F1, born 2001-05-06


def offending(authority: Authority, *rows: str) -> Evidence:
    authority.write("offending", "record_id,person_id,kind,occurred_on\n" + "\n".join(rows) + "\n")
    return attach(authority.read())


def marks(authority: Authority, *rows: str) -> Evidence:
    authority.write("marks", "record_id,person_id,upn,date,session,code\n" + "\n".join(rows) + "\n")
    return attach(authority.read())


def kept(evidence: Evidence, table: str) -> list[str]:
    return evidence.records[table]["record_id"].sort().to_list()


def quarantined(evidence: Evidence) -> list[tuple[str, int, str, str]]:
    return evidence.quarantine.select("source", "row", "column", "code").rows()


# -------------------------------------------------------------------------------------------------- before their birth


def test_an_event_on_the_day_of_birth_stands_and_one_the_day_before_is_set_apart(authority: Authority) -> None:
    told = offending(authority, "R1,P1,asb,2001-05-06", "R2,P1,asb,2001-05-05")
    assert kept(told, "offending") == ["R1"]
    assert quarantined(told) == [("offending", 3, "occurred_on", "E301")]
    assert told.quarantine["raw"].to_list() == [None]


def test_an_event_before_birth_puts_its_person_and_family_in_doubt(authority: Authority) -> None:
    told = offending(authority, "R2,P1,asb,2001-05-05")
    assert told.doubtful_people.rows() == [("offending", CHILD)]
    assert told.doubtful_families.rows() == [("offending", "F1")]


@pytest.mark.parametrize(
    ("table", "content"),
    [
        ("exclusions", "record_id,person_id,kind,starts_on\nR1,P1,suspension,2001-05-05\n"),
        ("employment", "record_id,person_id,kind,starts_on\nR1,P1,work,2001-05-05\n"),
        ("social_care", "record_id,person_id,kind,starts_on\nR1,P1,early_help,2001-05-05\n"),
        ("marks", "record_id,person_id,date,session,code\nR1,P1,2001-05-05,AM,/\n"),
    ],
)
def test_nothing_of_any_kind_happens_before_birth(authority: Authority, table: str, content: str) -> None:
    authority.write(table, content)
    told = attach(authority.read())
    assert (kept(told, table), [code for *_, code in quarantined(told)]) == ([], ["E301"])


def test_a_child_may_be_in_plans_before_they_are_a_member_but_not_before_they_are_born(authority: Authority) -> None:
    authority.write(
        "members",
        MEMBERS.replace("date_of_birth", "date_of_birth,joined_on", 1)
        .replace("-06\n", "-06,2010-01-01\n")
        .replace("-02\n", "-02,\n")
        .replace("-31\n", "-31,\n"),
    )
    assert kept(offending(authority, "R1,P1,asb,2009-12-31"), "offending") == ["R1"]


# ------------------------------------------------------------------------------------------------------------- marks


def test_marks_of_one_session_that_differ_are_both_set_apart(authority: Authority) -> None:
    told = marks(authority, "R1,P1,,2014-07-01,AM,/", "R2,P1,,2014-07-01,AM,O", "R3,P1,,2014-07-01,PM,/")
    assert kept(told, "marks") == ["R3"]
    assert quarantined(told) == [("marks", 2, "code", "E302"), ("marks", 3, "code", "E302")]
    assert told.doubtful_people.rows() == [("marks", CHILD)]


def test_marks_that_differ_are_found_though_the_child_is_named_in_two_ways(authority: Authority) -> None:
    authority.write("members", "person_id,upn,family_id,date_of_birth\nP1,K201000007000,F1,2001-05-06\n")
    rows = "R1,P1,,,2014-07-01,AM,/\nR2,,K201000007000,2001-05-06,2014-07-01,AM,O\n"
    authority.write("marks", "record_id,person_id,upn,date_of_birth,date,session,code\n" + rows)
    assert kept(attach(authority.read()), "marks") == []


def test_marks_that_agree_or_are_of_two_children_or_sessions_stand(authority: Authority) -> None:
    told = marks(
        authority,
        "R1,P1,,2014-07-01,AM,/",
        "R2,P1,,2014-07-01,AM,/",
        "R3,P3,,2014-07-01,AM,O",
        "R4,P1,,2014-07-01,PM,O",
        "R5,P1,,2014-07-02,AM,O",
    )
    assert kept(told, "marks") == ["R1", "R2", "R3", "R4", "R5"]
    assert told.quarantine.is_empty()


# ---------------------------------------------------------------------------------------------------- rejected records


def test_a_record_that_could_not_be_read_puts_its_person_and_all_their_families_in_doubt(authority: Authority) -> None:
    authority.write(
        "members",
        "person_id,family_id,date_of_birth,joined_on,left_on\n"
        "P1,F1,2001-05-06,,2013-06-01\nP1,F2,2001-05-06,2013-06-01,\nP2,F1,1975-03-02,,\n",
    )
    told = offending(authority, "R1,P1,asb,2014-02-30", "R2,P2,asb,2014-02-28")
    assert kept(told, "offending") == ["R2"]
    assert told.doubtful_people.rows() == [("offending", "P1")]
    assert told.doubtful_families.rows() == [("offending", "F1"), ("offending", "F2")]


def test_a_record_that_could_not_be_read_keeps_its_link(authority: Authority) -> None:
    told = offending(authority, "R1,P1,asb,2014-02-30")
    assert told.links.select("record_id", "person_id").rows() == [("R1", "P1")]


def test_an_unreadable_record_about_nobody_in_a_family_puts_nobody_in_doubt(authority: Authority) -> None:
    told = offending(authority, "R1,P99,asb,2014-02-30")
    assert told.doubtful_people.is_empty()
    assert told.doubtful_families.is_empty()


def test_an_unreadable_record_that_may_be_two_peoples_puts_both_in_doubt(authority: Authority) -> None:
    authority.write(
        "members",
        "person_id,upn,family_id,date_of_birth\nP1,K201000007000,F1,2001-05-06\nP3,K201000007000,F2,2003-01-31\n",
    )
    told = marks(authority, "R1,,K201000007000,2014-07-01,noon,/")
    assert told.doubtful_people.rows() == [("marks", "P1"), ("marks", "P3")]


def test_a_row_that_names_its_family_puts_that_family_in_doubt(authority: Authority) -> None:
    authority.write("needs", "record_id,family_id,need,identified_on\nN1,F1,debt,soon\nN2,F2,debt,2013-01-01\n")
    told = attach(authority.read())
    assert told.doubtful_families.rows() == [("needs", "F1")]
    assert kept(told, "needs") == ["N2"]


# --------------------------------------------------------------------------------------------------- rejected members


def test_a_member_that_could_not_be_read_is_doubtful_in_the_family_it_names(authority: Authority) -> None:
    authority.write("members", MEMBERS + "P9,F1,32/13/1999\n")
    told = attach(authority.read())
    assert told.doubtful_members.rows() == [("F1", "P9", None)]
    assert ("members", "F1") in told.doubtful_families.rows()


def test_a_member_row_without_a_family_is_doubtful_in_the_persons_other_families(authority: Authority) -> None:
    authority.write("members", MEMBERS + "P1,,2001-05-06\n")
    told = attach(authority.read())
    assert [row[0] for row in told.doubtful_members.rows()] == ["F1"]
    assert told.doubtful_families.rows() == [("members", "F1")]


def test_a_member_row_without_a_person_is_doubtful_under_its_records_id(authority: Authority) -> None:
    authority.write("members", MEMBERS + ",F2,2004-01-01\n")
    ((family_id, subject_id, born),) = attach(authority.read()).doubtful_members.rows()
    assert family_id == "F2"
    assert subject_id.startswith("row-")
    assert str(born) == "2004-01-01"


def test_a_person_with_two_births_is_doubtful_in_both_families(authority: Authority) -> None:
    authority.write("members", MEMBERS + "P1,F2,2002-05-06\n")
    told = attach(authority.read())
    assert [row[:2] for row in told.doubtful_members.rows()] == [("F1", "P1"), ("F2", "P1")]
    assert "P1" not in told.members["person_id"].to_list()


def test_a_person_whose_periods_overlap_is_set_apart_though_the_extract_has_no_dates(authority: Authority) -> None:
    authority.write("members", MEMBERS + "P1,F2,2001-05-06\n")
    extract = authority.read()["members"]
    assert extract.quarantine.select("row", "raw").rows() == [(2, ""), (5, "")]
    assert [row[:2] for row in attach({**authority.read()}).doubtful_members.rows()] == [("F1", "P1"), ("F2", "P1")]


# ----------------------------------------------------------------------------------------------------------- coverage


def test_a_source_covers_what_it_says_and_nothing_where_it_says_nothing(authority: Authority) -> None:
    authority.write(
        "needs", "record_id,family_id,need,identified_on\n", "covers = {from = 2013-01-01, until = 2013-12-31}"
    )
    authority.write("offending", "record_id,person_id,kind,occurred_on\n")
    told = attach(authority.read())
    assert {table: (str(each.start), str(each.until)) for table, each in told.coverage.items()} == {
        "needs": ("2013-01-01", "2013-12-31")
    }
    assert isinstance(told.coverage["needs"], Coverage)


def test_records_carry_no_identity_onwards(authority: Authority) -> None:
    authority.write(
        "offending",
        "record_id,person_id,surname,forename,postcode,date_of_birth,kind,occurred_on\n"
        "R1,P1,Vane,Mina,ZZ1 1AA,2001-05-06,asb,2014-01-01\n",
    )
    told = attach(authority.read())
    assert not {"surname", "forename", "postcode", "date_of_birth", "upn"} & set(told.records["offending"].columns)


def test_needs_and_outcomes_keep_whom_they_name_and_no_other_identity(authority: Authority) -> None:
    authority.write(
        "needs",
        "record_id,family_id,person_id,surname,date_of_birth,need,identified_on\n"
        "N1,F1, p1,Vane,2001-05-06,debt,2013-01-01\nN2,F1,,,,debt,2013-01-01\n",
    )
    authority.write(
        "outcomes", "record_id,family_id,person_id,need,status,observed_on\nO1,F1,P99,debt,achieved,2013-02-01\n"
    )
    told = attach(authority.read())
    assert told.records["needs"].select("record_id", "person_id").rows() == [("N1", "p1"), ("N2", None)]
    assert told.records["outcomes"]["person_id"].to_list() == ["P99"]
    assert not {"surname", "forename", "postcode", "date_of_birth", "upn"} & set(told.records["needs"].columns)


def test_members_say_of_each_period_whether_they_live_with_the_family(authority: Authority) -> None:
    authority.write(
        "members",
        "person_id,family_id,date_of_birth,joined_on,left_on,resident\n"
        "P1,F1,2001-05-06,,2013-06-01,\nP1,F1,2001-05-06,2013-06-01,,false\n",
    )
    told = attach(authority.read())
    assert told.members.select("joined_on", "resident").sort("joined_on")["resident"].to_list() == [True, False]


@pytest.mark.parametrize("table", RECORD_TABLES)
def test_a_table_that_no_source_gives_is_there_without_rows(authority: Authority, table: str) -> None:
    undeclared = attach(authority.read())
    assert undeclared.records[table].is_empty()
    assert table not in undeclared.coverage
    authority.write(table, ",".join(column.name for column in CONTRACTS[table].columns) + "\n")
    assert (
        attach(authority.read()).records[table].schema == undeclared.records[table].schema == no_records(table).schema
    )
