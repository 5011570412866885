"""Faults that stop the run: all of all sources, together, and never with a person's data."""

from __future__ import annotations

import pytest

from pbr.errors import Faults
from pbr.sources import read
from tests.sources.made_sources import Authority


def faults(authority: Authority) -> list[tuple[str, str]]:
    with pytest.raises(Faults) as raised:
        authority.read()
    return [(fault.code, fault.place) for fault in raised.value.faults]


def message(authority: Authority) -> str:
    with pytest.raises(Faults) as raised:
        authority.read()
    return str(raised.value)


def test_faults_of_all_sources_come_together(authority: Authority) -> None:
    authority.write("families", "family_id\n")
    authority.write("members", "person_id,family_id,family_id,date_of_birth\n")
    authority.declare("needs", "nowhere.csv")
    authority.write("marks", "x", name="marks.pdf")
    authority.write("offending", "person_id,kind,occurred_on\n", 'columns = {"Type" = "sort"}')
    authority.write("exclusions", "person_id,kind,starts_on\n", 'values.kind = {"FIXD" = "suspention"}')
    authority.write("outcomes", "")
    authority.write("social_care", b"\xff,kind\n")
    assert {code for code, _ in faults(authority)} == {
        "E106", "E107", "E110", "E111", "E112", "E113", "E114", "E115", "E116",
    }  # fmt: skip
    assert ("E115", "families.csv") in faults(authority)


@pytest.mark.parametrize(("table", "other"), [("families", "members"), ("members", "families")])
def test_families_and_members_must_be_declared(authority: Authority, table: str, other: str) -> None:
    del authority.settings[table]
    assert faults(authority)[0][0] == "E108"
    assert f"{table} is not declared. Add [sources.{table}]" in message(authority)


def test_every_file_of_a_glob_must_have_the_required_columns(authority: Authority) -> None:
    (authority.root / "n1.csv").write_text("family_id,need,identified_on\n")
    (authority.root / "n2.csv").write_text("family_id,identified_on\n")
    authority.declare("needs", "n?.csv")
    assert faults(authority) == [("E115", "n2.csv")]


def test_a_missing_column_suggests_the_one_that_looks_like_it(authority: Authority) -> None:
    authority.write("families", "Family ID,Engaged-On\n")
    text = message(authority)
    assert """If 'Family ID' is it, map it: columns = {"Family ID" = "family_id"}.""" in text
    assert """columns = {"Engaged-On" = "engaged_on"}""" in text


def test_a_map_onto_a_column_that_is_none_has_its_line_and_a_suggestion(authority: Authority) -> None:
    authority.write("offending", "person_id,kind,occurred_on\n", 'columns = {"When" = "occured_on"}')
    text = message(authority)
    line = (authority.root / "pbr.toml").read_text().splitlines().index('columns = {"When" = "occured_on"}') + 1
    assert f"E106 pbr.toml:{line} offending has no column 'occured_on'. Did you mean 'occurred_on'?" in text


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ('values.kind = {"FIXD" = "suspention"}', "'suspention', which kind may not hold. Did you mean 'suspension'?"),
        ('values.knd = {"FIXD" = "suspension"}', "exclusions has no column 'knd'. Did you mean 'kind'?"),
    ],
)
def test_a_value_map_that_cannot_be_right_stops_the_run(authority: Authority, settings: str, what: str) -> None:
    authority.write("exclusions", "person_id,kind,starts_on\n", settings)
    assert what in message(authority)


def test_two_columns_that_become_one_stop_the_run(authority: Authority) -> None:
    authority.write("exclusions", "person_id,kind,Type,starts_on\n", 'columns = {"Type" = "kind"}')
    assert "E114 exclusions.csv has 2 columns named 'kind'" in message(authority)


@pytest.mark.parametrize("first", ["P9,Zed Quillop,2002-05-05,ZZ1 1ZZ", "Quillop,Quillop,F1,5/5/02"])
def test_a_first_record_in_place_of_a_header_is_not_told(authority: Authority, first: str) -> None:
    authority.write("members", f"{first}\nP8,Mary Quillop,2003-05-05,ZZ1 1ZZ\n")
    text = message(authority)
    assert "Is its first row a header? It has 4 columns" in text
    assert not [cell for cell in first.split(",") if cell in text.replace("E115", "")]


def test_a_cell_in_the_header_that_could_be_personal_is_told_by_its_number(authority: Authority) -> None:
    authority.write("members", "person_id,2002-05-05,2002-05-05,zz11zz,Site\n")
    text = message(authority)
    assert "has one name for columns 2 and 3" in text
    assert "It has: person_id, (column 2), (column 3), (column 4), Site." in text
    assert "2002" not in text


def test_a_mapped_column_that_no_file_has_stops_the_run_at_its_line(authority: Authority) -> None:
    columns = '[sources.offending.columns]\nKind = "kind"\n"Dispsal" = "disposal"'
    authority.write("offending", "person_id,Kind,occurred_on,Disposal\n", columns)
    text = message(authority)
    line = (authority.root / "pbr.toml").read_text().splitlines().index('"Dispsal" = "disposal"') + 1
    assert (
        f"E116 pbr.toml:{line} no file of offending has the column 'Dispsal', so 'disposal' would not be read" in text
    )
    assert len(faults(authority)) == 1


def test_a_mapped_column_needs_to_be_in_one_file_of_a_glob(authority: Authority) -> None:
    (authority.root / "n1.csv").write_text("family_id,need,identified_on\n")
    (authority.root / "n2.csv").write_text("family_id,need,identified_on,Id\n")
    authority.declare("needs", "n?.csv", 'columns = {"Id" = "record_id"}')
    assert authority.read()["needs"].rows_read == 0


def test_a_file_nobody_may_open_stops_the_run(authority: Authority) -> None:
    (authority.root / "needs.csv").mkdir()
    authority.declare("needs", "needs.csv")
    assert faults(authority) == [("E110", f"pbr.toml:{needs_line(authority)}")]


def needs_line(authority: Authority) -> int:
    return (authority.root / "pbr.toml").read_text().splitlines().index('path = "needs.csv"') + 1


def test_no_fault_holds_a_persons_data(authority: Authority) -> None:
    authority.write("members", "person_id,date_of_birth\nP1,2001-05-06\n")
    authority.write("needs", "record_id,family_id\nMarigold Ashdown,F1\n".encode("utf-16-le"))
    text = message(authority)
    assert "Ashdown" not in text
    assert "2001" not in text


def test_each_source_is_named_while_it_is_read(authority: Authority) -> None:
    steps: list[str] = []
    read(authority.load(), steps.append)
    assert steps == ["reading families", "reading members"]


def test_a_source_outside_the_folder_keeps_its_way_there(authority: Authority) -> None:
    inner = authority.root / "workspace"
    inner.mkdir()
    authority.root = inner
    authority.declare("families", "../families.csv")
    authority.declare("members", str((inner.parent / "members.csv").resolve()))
    extracts = authority.read()
    assert extracts["families"].files[0].path == "../families.csv"
    assert extracts["members"].files[0].path == "../members.csv"
