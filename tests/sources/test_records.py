"""Record ids, duplicates, maps, globs: which record is which."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbr.measures.register_codes import CODE_SETS
from pbr.sources.contracts import REGISTER_CODES
from tests.sources.made_sources import Authority, codes, rows, tie

OFFENCES = "person_id,kind,occurred_on,Beat\n"


def test_a_record_without_an_id_has_one_from_its_content(authority: Authority) -> None:
    authority.write("offending", OFFENCES + "P1,asb, 2013-01-02 ,North\n")
    before = authority.read()["offending"].accepted["record_id"].item()
    # Neither the order of columns, nor an empty column, nor the file, nor white space, nor a row before it changes it.
    content = "Beat,occurred_on,disposal,kind,person_id\nSouth,2013-01-01,,asb,P1\nNorth,2013-01-02,,asb,P1\n"
    authority.write("offending", content, name="other.csv")
    assert authority.read()["offending"].accepted["record_id"][1] == before
    assert before.startswith("row-")
    authority.write("offending", OFFENCES + "P1,asb,2013-01-02,South\n")
    assert authority.read()["offending"].accepted["record_id"].item() != before


def test_content_ids_stay_what_they_are_from_version_to_version(authority: Authority) -> None:
    authority.write("offending", "kind,occurred_on,person_id\nasb,2013-01-02,P1\n")
    text = "offending\x1ekind\x1fasb\x1eoccurred_on\x1f2013-01-02\x1eperson_id\x1fP1"
    made = "row-" + hashlib.sha256(text.encode()).hexdigest()[:24]
    assert authority.read()["offending"].accepted["record_id"].to_list() == [made]


def test_values_that_run_into_each_other_are_not_one_content(authority: Authority) -> None:
    authority.write("needs", "family_id,need,identified_on,a,b\nF1,debt,2013-01-01,xy,\nF1,debt,2013-01-01,x,y\n")
    assert authority.read()["needs"].accepted["record_id"].n_unique() == 2


def test_rows_equal_in_every_column_count_once_and_are_listed(authority: Authority) -> None:
    (authority.root / "a.csv").write_text(OFFENCES + "P1,asb,2013-01-02,North\nP1,asb,2013-01-02,South\n")
    (authority.root / "b.csv").write_text(OFFENCES + "P1,asb, 2013-01-02,North \nP1,asb,2013-01-02,South\n")
    authority.declare("offending", "?.csv")
    offending = authority.read()["offending"]
    assert offending.accepted.select("file", "row").rows() == [("a.csv", 2), ("a.csv", 3)]
    assert offending.duplicates.drop("record_id").rows() == [("b.csv", 2, "a.csv", 2), ("b.csv", 3, "a.csv", 3)]
    assert tie(offending)


def test_rows_that_differ_in_a_column_nobody_reads_are_two(authority: Authority) -> None:
    authority.write("offending", OFFENCES + "P1,asb,2013-01-02,North\nP1,asb,2013-01-02,\n")
    assert rows(authority.read()["offending"]) == [2, 3]


def test_a_quarantined_row_twice_is_quarantined_once(authority: Authority) -> None:
    authority.write("offending", OFFENCES + "P1,asb,soon,North\n" * 3)
    offending = authority.read()["offending"]
    assert codes(offending) == [(2, "E123")]
    assert offending.duplicates["row"].to_list() == [3, 4]


def test_one_record_id_with_different_content_is_quarantined_in_both(authority: Authority) -> None:
    authority.write(
        "offending",
        "record_id,person_id,kind,occurred_on\nO1,P1,asb,2013-01-02\nO2,P1,asb,2013-01-02\nO1,P1,asb,2013-01-03\n"
        "O1,P1,asb,2013-01-02\n",
    )
    offending = authority.read()["offending"]
    assert codes(offending) == [(2, "E137"), (4, "E137")]
    assert offending.duplicates["row"].to_list() == [5]
    assert offending.accepted["record_id"].to_list() == ["O2"]
    assert tie(offending)


def test_a_source_without_record_ids_is_warned_of(authority: Authority) -> None:
    authority.write("offending", OFFENCES + "P1,asb,2013-01-02,North\n", "extracted_on = 2014-01-01")
    assert authority.read()["offending"].warnings == (
        "it has no record ids: two equal events could not be told apart, and count once",
    )
    authority.write("offending", "record_id,person_id,kind,occurred_on\nO1,P1,asb,2013-01-02\n,P1,asb,2013-01-02\n")
    offending = authority.read()["offending"]
    assert offending.warnings == ("1 records have no record id: of these, two equal events could not be told apart",)
    assert offending.accepted["record_id"].n_unique() == 2


def test_members_and_families_need_no_record_ids(authority: Authority) -> None:
    extracts = authority.read()
    assert extracts["families"].warnings == extracts["members"].warnings == ()
    assert extracts["members"].accepted["record_id"].is_unique().all()


def test_a_suppliers_names_and_values_become_ours(authority: Authority) -> None:
    authority.write(
        "exclusions",
        " Pupil ,Category,From,To be\nP1, FIXD ,31/01/2013,x\nP1,suspension,01/02/2013,y\nP1,LNCH,99,z\n",
        'columns = {"Pupil" = "person_id", "Category" = "kind", "From" = "starts_on"}\n'
        'values.kind = {"FIXD" = "suspension", "PERM" = "permanent"}\ndate_format = "%d/%m/%Y"',
    )
    exclusions = authority.read()["exclusions"]
    assert exclusions.accepted["kind"].to_list() == ["suspension", "suspension"]
    assert exclusions.accepted["starts_on"].cast(str).to_list() == ["2013-01-31", "2013-02-01"]
    assert exclusions.quarantine.select("column", "raw").rows() == [("kind", "LNCH"), ("starts_on", "99")]
    assert exclusions.unknown_columns == ("To be",)


def test_a_value_mapped_to_nothing_is_empty(authority: Authority) -> None:
    authority.write(
        "employment",
        "record_id,person_id,kind,starts_on,ends_on\nE1,P2,work,2013-01-01,31/12/9999\n",
        'values.ends_on = {"31/12/9999" = ""}',
    )
    employment = authority.read()["employment"]
    assert employment.accepted["ends_on"].to_list() == [None]


def test_true_and_false_may_be_mapped_without_quotes(authority: Authority) -> None:
    authority.write("families", "family_id,engaged_on,expecting\nF1,2013-01-01,Y\nF2,2013-01-01,N\n",
                    "values.expecting = {Y = true, N = false}")  # fmt: skip
    assert authority.read()["families"].accepted["expecting"].to_list() == [True, False]


def test_a_value_map_that_meets_nothing_is_warned_of(authority: Authority) -> None:
    authority.write(
        "offending",
        "record_id,person_id,kind,occurred_on\n",
        'values.postcode = {"-" = ""}',
    )
    assert authority.read()["offending"].warnings == ("the value map is for 'postcode', which no file has",)


@pytest.mark.parametrize("name", ["2002-05-05", "5 May 2002", "RM17 6SL", "1234567890"])
def test_an_unknown_column_that_could_be_personal_is_told_by_its_number(authority: Authority, name: str) -> None:
    authority.write(
        "needs", f"record_id,family_id,need,identified_on,{name},Notes 2013-14\nN1,F1,debt,2013-01-02,x,y\n"
    )
    assert authority.read()["needs"].unknown_columns == ("(column 5)", "Notes 2013-14")


def test_marks_that_count_as_nothing_are_told_without_what_is_no_code(authority: Authority) -> None:
    codes_of = ("/", "\\", "#", "Y7", "N", "C2", "8", "8", "AB", "Marigold")
    marks = "".join(f"M{at},P1,2013-09-{at + 10},AM,{code}\n" for at, code in enumerate(codes_of))
    authority.write("marks", "record_id,person_id,date,session,code\n" + marks)
    found = authority.read()["marks"]
    assert found.accepted.height == len(codes_of)
    assert found.warnings == (
        "4 marks have a code that is no register code, and count as no session: 8, AB, 1 that do not look like codes",
    )


def test_every_code_that_a_measure_counts_is_a_register_code() -> None:
    counted = [codes.present | codes.authorised | codes.unauthorised for codes in CODE_SETS]
    assert frozenset().union(*counted) < set(REGISTER_CODES)


def test_files_of_a_glob_are_read_in_order_and_may_differ_in_columns(authority: Authority) -> None:
    folder = authority.root / "in" / "2013"
    folder.mkdir(parents=True)
    (folder / "b.csv").write_text("record_id,person_id,kind,occurred_on,disposal\nO1,P1,asb,2013-01-02,warning\n")
    (folder.parent / "a.csv").write_text("occurred_on,kind,record_id,upn\n2013-01-03,asb,O2,B801200005001\n")
    (folder / ".hidden.csv").write_text("nothing")
    (folder / "~$b.xlsx").write_text("nothing")
    authority.declare("offending", "in/**/*.*")
    offending = authority.read()["offending"]
    assert offending.accepted.select("file", "row", "disposal", "upn").rows() == [
        ("in/2013/b.csv", 2, "warning", None),
        ("in/a.csv", 2, None, "B801200005001"),
    ]
    assert [file.path for file in offending.files] == ["in/2013/b.csv", "in/a.csv"]
    content = (folder / "b.csv").read_bytes()
    first = offending.files[0]
    assert (first.bytes, first.rows, first.sha256) == (len(content), 1, hashlib.sha256(content).hexdigest())


def test_coverage_is_what_the_workspace_says(authority: Authority) -> None:
    authority.write("needs", "family_id,need,identified_on\n", "covers = {from = 2013-01-01, until = 2013-12-31}")
    covers = authority.read()["needs"].covers
    assert covers is not None
    assert (str(covers.start), str(covers.until), str(covers.window.end)) == ("2013-01-01", "2013-12-31", "2014-01-01")
    assert authority.read()["families"].covers is None


def test_days_after_the_extract_are_not_covered_whatever_the_workspace_says(authority: Authority) -> None:
    authority.write("needs", "record_id,family_id,need,identified_on\n",
                    "covers = {from = 2013-01-01, until = 2013-12-31}\nextracted_on = 2013-12-30")  # fmt: skip
    needs = authority.read()["needs"]
    assert needs.warnings == (
        "it is said to cover days after it was extracted (2013-12-31 is after 2013-12-30); "
        "these are not counted as covered",
    )
    assert needs.covers is not None and needs.covers.until == date(2013, 12, 30)


def test_a_source_extracted_before_all_that_it_is_said_to_cover_covers_nothing(authority: Authority) -> None:
    authority.write("needs", "record_id,family_id,need,identified_on\n",
                    "covers = {from = 2013-01-01, until = 2013-12-31}\nextracted_on = 2012-12-31")  # fmt: skip
    assert authority.read()["needs"].covers is None


def test_an_extract_made_on_the_last_day_it_covers_covers_it(authority: Authority) -> None:
    authority.write("needs", "record_id,family_id,need,identified_on\n",
                    "covers = {from = 2013-01-01, until = 2013-12-31}\nextracted_on = 2013-12-31")  # fmt: skip
    covers = authority.read()["needs"].covers
    assert covers is not None and covers.until == date(2013, 12, 31)


def test_a_check_that_cannot_be_made_is_told(authority: Authority) -> None:
    authority.write("members", "person_id,family_id,date_of_birth\nP1,F1,2099-01-01\n")
    members = authority.read()["members"]
    assert rows(members) == [2]
    assert members.warnings == (
        "dates of birth are not tested against the day of the extract: extracted_on is not set",
    )


# Few values, so that equal rows, reused ids, overlaps and unknown families all come up.
member = st.tuples(
    st.sampled_from(["P1", "P2", ""]),
    st.sampled_from(["F1", "F2", "F3"]),
    st.sampled_from(["2001-05-06", "2001-06-05", "?"]),
    st.sampled_from(["", "2012-01-01", "2012-06-01", "x"]),
    st.sampled_from(["", "2012-06-01", "2013-01-01"]),
).map(",".join)
offence = st.tuples(
    st.sampled_from(["O1", "O2", "", " O1"]),
    st.sampled_from(["P1", "", "P9"]),
    st.sampled_from(["asb", "crime", "asb,"]),
    st.sampled_from(["2013-01-01", '"2013-01-01"', '"2013-01-01', ""]),
).map(",".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.data())
def test_shuffling_the_rows_changes_nothing_but_their_numbers(tmp_path: Path, data: st.DataObject) -> None:
    drawn = {
        "members": ("person_id,family_id,date_of_birth,joined_on,left_on", data.draw(st.lists(member, max_size=7))),
        "offending": (
            "record_id,person_id,kind,occurred_on",
            # A quotation mark that stays open may take the lines after it along: only closed ones can be moved.
            data.draw(st.lists(offence.filter(lambda line: line.count('"') % 2 == 0), max_size=7)),
        ),
    }
    seen = []
    for shuffle in (False, True):
        authority = Authority(tmp_path)
        for table, (header, lines) in drawn.items():
            order = data.draw(st.permutations(lines)) if shuffle else lines
            authority.write(table, "\n".join([header, *order]) + "\n")
        extracts = authority.read()
        assert all(tie(extract) for extract in extracts.values())
        assert extracts["offending"].accepted["record_id"].is_unique().all()
        seen.append(
            [
                sorted(map(repr, frame.drop("file", "row", "first_file", "first_row", strict=False).rows()))
                for table in drawn
                for frame in (
                    extracts[table].accepted,
                    extracts[table].rejected,
                    extracts[table].quarantine,
                    extracts[table].duplicates,
                )
            ]
        )
    assert seen[0] == seen[1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.lists(offence | st.sampled_from(["", ",,,", " ", '"', ","]), max_size=10))
def test_every_row_read_is_accepted_quarantined_a_duplicate_or_blank(tmp_path: Path, lines: list[str]) -> None:
    authority = Authority(tmp_path)
    authority.write("offending", "\n".join(["record_id,person_id,kind,occurred_on", *lines]) + "\n")
    offending = authority.read()["offending"]
    assert tie(offending)
    if not any('"' in line for line in lines):
        assert offending.rows_read == len(lines)


@pytest.mark.parametrize("table", ["families", "members"])
def test_reading_twice_gives_the_same(authority: Authority, table: str) -> None:
    assert authority.read()[table].accepted.equals(authority.read()[table].accepted)
