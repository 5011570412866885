"""The workspace file: what it may say, and how it is told what it may not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pbr.errors import Faults
from pbr.values import Share
from pbr.workspace import PASSES, Workspace

LEAST = """\
[authority]
code = "E06000034"
name = "Thurrock"

[rules]
pack = "phase-1"
"""

FULL = """\
[authority]
code = "E06000034"            # ONS/GSS code, 9 characters
name = "Thurrock"

[rules]
pack = "phase-1"
overlay = "local-plan.yaml"

[sources.attendance]
path = "sources/attendance.csv"
covers = {from = 2011-09-01, until = 2014-08-31}
extracted_on = 2014-09-02
supplier = "Capita One"
basis = "ISA-2013-07"
columns = {"Unauth Sess" = "sessions_unauthorised"}
values.kind = {"FIXD" = "suspension", "PERM" = "permanent"}
encoding = "windows-1252"
delimiter = "\\t"
date_format = "%d/%m/%Y"

[sources.families]
path = "sources/families.csv"

[[calendar.terms]]
academic_year = "2013/14"
term = "autumn"
from = 2013-09-03
until = 2013-12-20

[[calendar.terms]]
academic_year = "2013/14"
term = "spring"
from = 2014-01-06
until = 2014-04-04

[claims]
families_agreed = 360

[[claims.windows]]
id = "2014-10"
opens = 2014-10-01
closes = 2014-11-29
"""


def load(folder: Path, text: str) -> Workspace:
    (folder / "pbr.toml").write_text(text, encoding="utf-8")
    return Workspace.load(folder)


def told(folder: Path, text: str) -> list[str]:
    with pytest.raises(Faults) as raised:
        load(folder, text)
    return [str(fault) for fault in raised.value.faults]


def test_everything_a_workspace_may_say_is_read(tmp_path: Path) -> None:
    workspace = load(tmp_path, FULL)
    assert (workspace.authority.code, workspace.authority.name) == ("E06000034", "Thurrock")
    assert (workspace.rules.pack, workspace.rules.overlay) == ("phase-1", "local-plan.yaml")
    attendance = workspace.sources["attendance"]
    assert attendance.covers is not None
    assert (attendance.covers.start, attendance.covers.until) == (date(2011, 9, 1), date(2014, 8, 31))
    assert attendance.extracted_on == date(2014, 9, 2)
    assert (attendance.supplier, attendance.basis) == ("Capita One", "ISA-2013-07")
    assert attendance.columns == {"Unauth Sess": "sessions_unauthorised"}
    assert attendance.values == {"kind": {"FIXD": "suspension", "PERM": "permanent"}}
    assert (attendance.encoding, attendance.delimiter, attendance.date_format) == ("cp1252", "\t", "%d/%m/%Y")
    terms = [(term.academic_year, term.term, term.start, term.until) for term in workspace.calendar_terms]
    assert terms[1] == ("2013/14", "spring", date(2014, 1, 6), date(2014, 4, 4))
    assert workspace.claims.families_agreed == 360
    assert [(w.id, w.opens, w.closes) for w in workspace.claims.windows] == [
        ("2014-10", date(2014, 10, 1), date(2014, 11, 29))
    ]


def test_the_least_a_workspace_says_leaves_the_rest_empty(tmp_path: Path) -> None:
    workspace = load(tmp_path, LEAST)
    assert workspace.sources == {}
    assert workspace.calendar_terms == workspace.claims.windows == ()
    assert workspace.claims.families_agreed is None
    assert workspace.rules.overlay is None


def test_the_ledger_the_batches_and_the_key_stand_in_the_folder(tmp_path: Path) -> None:
    workspace = load(tmp_path, LEAST)
    assert workspace.root == tmp_path
    assert workspace.ledger_path == tmp_path / "ledger.sqlite"
    assert workspace.batches_path == tmp_path / "batches"
    assert workspace.key_path == tmp_path / "pbr.key"


def test_the_file_itself_may_be_given(tmp_path: Path) -> None:
    assert Workspace.load(load(tmp_path, LEAST).root / "pbr.toml").root == tmp_path


def test_a_workspace_does_not_change(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path, LEAST).root = Path("/elsewhere")


def test_a_folder_without_a_file_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(
        Faults, match=r"E101 .*/pbr.toml there is no workspace file here. Give the folder that holds it"
    ):
        Workspace.load(tmp_path)


@pytest.mark.parametrize("text", ["[authority\n", 'name = "a"\nname = "b"\n', "key = 2013-13-01\n"])
def test_a_file_that_is_no_toml_says_where(tmp_path: Path, text: str) -> None:
    (message,) = told(tmp_path, text)
    assert message.startswith("E101 pbr.toml cannot be read as TOML")
    assert "line" in message


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "pbr.toml").write_bytes(b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode())
    assert Workspace.load(tmp_path).authority.name == "Thurrock"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name =", "nmae ="), "E102 pbr.toml:3 unknown key 'authority.nmae'. Did you mean 'name'?"),
        (('name = "Thurrock"\n', ""), "E103 pbr.toml:1 authority.name is missing. Add it to pbr.toml."),
        (("[rules]", "[rule]"), "E102 pbr.toml:5 unknown key 'rule'. Did you mean 'rules'?"),
        (('supplier = "Capita One"', 'suplier = "x"'), "E102 pbr.toml:13 unknown key 'sources.attendance.suplier'."),
        (
            ("[sources.attendance]", "[sources.attendence]"),
            "E105 pbr.toml:9 there is no table 'attendence'. Did you mean",
        ),
        (("E06000034", "06000034"), "E104 pbr.toml:2 authority.code is '06000034'. An ONS/GSS code is a letter and"),
        (
            ("from = 2011-09-01", "frm = 2011-09-01"),
            "E102 pbr.toml:11 unknown key 'sources.attendance.covers.frm'. Did you mean 'from'?",
        ),
        (
            ("until = 2014-08-31", "until = 2011-08-31"),
            "E104 pbr.toml:11 sources.attendance.covers: until (2011-08-31) is before from (2011-09-01).",
        ),
        (
            ("extracted_on = 2014-09-02", "extracted_on = 20140902"),
            "E104 pbr.toml:12 sources.attendance.extracted_on is",
        ),
        (("extracted_on = 2014-09-02", 'extracted_on = "2/9/2014"'), "write a date as 2013-09-01"),
        (("extracted_on = 2014-09-02", "extracted_on = 2014-09-02T10:00:00"), "write a date as 2013-09-01"),
        (
            ("windows-1252", "windows-9999"),
            "E104 pbr.toml:17 sources.attendance.encoding is 'windows-9999': there is no",
        ),
        (('delimiter = "\\t"', 'delimiter = "||"'), "E104 pbr.toml:18 sources.attendance.delimiter is '||'"),
        (('delimiter = "\\t"', "delimiter = '\"'"), "E104 pbr.toml:18 sources.attendance.delimiter is '\"'"),
        (("%d/%m/%Y", "%d/%m/%y"), "E104 pbr.toml:19 sources.attendance.date_format is '%d/%m/%y': %y cannot be used"),
        (("%d/%m/%Y", "%d/%m"), "a date format has %Y, %m (or %b, %B) and %d, each once"),
        (('path = "sources/families.csv"', ""), "E103 pbr.toml:21 sources.families.path is missing."),
        (('path = "sources/families.csv"', 'path = ""'), "E104 pbr.toml:22 sources.families.path is ''"),
        (('term = "spring"', 'term = "lent"'), "E104 pbr.toml:32 calendar.terms.1.term is 'lent'"),
        (("from = 2014-01-06", "from = 2013-12-20"), "terms autumn 2013/14 and spring 2013/14 overlap"),
        (('term = "spring"', 'term = "autumn"'), "term autumn 2013/14 is given twice"),
        (
            ("from = 2013-09-03", "from = 2013-07-31"),
            "E104 pbr.toml:24 calendar.terms.0: autumn 2013/14 is not between",
        ),
        (("until = 2014-04-04", "until = 2014-09-01"), "spring 2013/14 is not between 2013-08-01 and 2014-08-31"),
        (('term = "autumn"', 'term = "summer"'), "term spring 2013/14 comes before summer"),
        (
            ('academic_year = "2013/14"\nterm = "autumn"', 'academic_year = "2013/4"\nterm = "autumn"'),
            "E104 pbr.toml:25 calendar.terms.0.academic_year is '2013/4': write an academic year as 2013/14.",
        ),
        (("families_agreed = 360", "families_agreed = -1"), "E104 pbr.toml:37 claims.families_agreed is -1"),
        (("families_agreed = 360", "families_agreed = 1.5"), "E104 pbr.toml:37 claims.families_agreed"),
        (("closes = 2014-11-29", "closes = 2014-09-29"), "closes (2014-09-29) is before opens (2014-10-01)"),
        (("opens =", "opened ="), "E102 pbr.toml:41 unknown key 'claims.windows.0.opened'. Did you mean 'opens'?"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in FULL
    assert message in "\n".join(told(tmp_path, FULL.replace(*change, 1)))


def test_all_faults_of_the_file_come_together(tmp_path: Path) -> None:
    text = (
        FULL.replace("E06000034", "Thurrock").replace("[rules]", "[rule]").replace("[sources.families]", "[sources.x]")
    )
    codes = [message.split()[0] for message in told(tmp_path, text)]
    assert sorted(codes) == ["E102", "E103", "E104", "E105"]


# ----------------------------------------------------------------------------------------------------------- linkage


def test_linkage_may_be_left_out_and_has_every_pass_but_the_one_that_needs_a_model(tmp_path: Path) -> None:
    found = load(tmp_path, LEAST).linkage
    assert found.passes == PASSES and "probabilistic" not in PASSES
    assert (found.most_pairs, found.gives, found.probabilistic) == (5_000_000, {}, None)


def test_a_model_that_weighs_has_thresholds_of_its_own(tmp_path: Path) -> None:
    text = '[linkage]\npasses = ["exact", "probabilistic"]\n[linkage.probabilistic]\nconfirmed_from = 25\n'
    by_weight = load(tmp_path, LEAST + text).linkage.probabilistic
    assert by_weight is not None
    assert (by_weight.model, by_weight.confirmed_from, by_weight.possible_from) == ("linkage-model.json", 25, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('passes = ["exact", "exact"]', "E104 pbr.toml:7 linkage: pass 'exact' is given twice."),
        (
            'passes = ["exact", "person_id"]',
            "E104 pbr.toml:7 linkage: the passes have one order: person_id, identifier",
        ),
        ('passes = ["exakt"]', "E104 pbr.toml:8 linkage.passes.0 is 'exakt'"),
        ('passes = ["exact", "probabilistic"]', "the table [linkage.probabilistic] go together: one is missing."),
        ('probabilistic = {model = "m.json"}', "the table [linkage.probabilistic] go together: one is missing."),
        (
            'passes = ["probabilistic"]\nprobabilistic = {confirmed_from = 5}',
            "confirmed_from (5) is not above possible_from (5)",
        ),
        ("most_pairs = 0", "E104 pbr.toml:8 linkage.most_pairs is 0"),
        ('gives = {person_id = "possible"}', "'identifier_alone', 'exact'"),
        ('gives = {exact = "sure"}', "linkage.gives.exact is 'sure': Input should be 'confirmed' or 'possible'"),
        ("matches = 3", "E102 pbr.toml:8 unknown key 'linkage.matches'. There are: passes, most_pairs, gives"),
    ],
)
def test_what_linkage_cannot_be_is_told(tmp_path: Path, text: str, message: str) -> None:
    assert message in "\n".join(told(tmp_path, f"{LEAST}[linkage]\n{text}\n"))


# ------------------------------------------------------------------------------------------------ budget and aims


PROGRAMME = """
[[programme.years]]
year = "2013/14"
families = 400
income_pounds = 600000

[[programme.years]]
year = "2014/15"
income_pounds = 0

[[programme.aims]]
indicator = "asb_incidents"
reduced_by = "33%"
"""


def test_budget_and_aims_of_the_programme_are_read(tmp_path: Path) -> None:
    settings = load(tmp_path, LEAST + PROGRAMME).programme
    assert [(one.year, one.families, one.income_pounds) for one in settings.years] == [
        ("2013/14", 400, 600000),
        ("2014/15", None, 0),
    ]
    assert [(aim.indicator, aim.reduced_by) for aim in settings.aims] == [("asb_incidents", Share(33, 100))]


def test_a_workspace_without_a_budget_has_none(tmp_path: Path) -> None:
    assert load(tmp_path, LEAST).programme.years == load(tmp_path, LEAST).programme.aims == ()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (('"2013/14"', '"2013/15"'), "E104 pbr.toml:9 programme.years.0.year is '2013/15': write a financial year as"),
        (('"2014/15"', '"2013/14"'), "E104 pbr.toml:8 programme: year '2013/14' is given twice."),
        (("families = 400", "families = -1"), "E104 pbr.toml:10 programme.years.0.families is -1"),
        (("= 600000", "= 600000.5"), "E104 pbr.toml:11 programme.years.0.income_pounds"),
        (("income_pounds = 0", "income = 0"), "E102 pbr.toml:15 unknown key 'programme.years.1.income'. Did you mean"),
        (('year = "2014/15"\n', ""), "E103 pbr.toml:13 programme.years.1.year is missing."),
        (('"33%"', '"33"'), "E104 pbr.toml:19 programme.aims.0.reduced_by is '33': '33' is not a share"),
        (('"33%"', "0.33"), "E104 pbr.toml:19 programme.aims.0.reduced_by: write a share in quotation marks"),
        (('"33%"', '"0%"'), "E104 pbr.toml:19 programme.aims.0.reduced_by is '0%': an aim is a fall by more than 0%"),
        (('"33%"', '"101%"'), "E104 pbr.toml:19 programme.aims.0.reduced_by is '101%': an aim is a fall by more"),
        (('reduced_by = "33%"', ""), "E103 pbr.toml:17 programme.aims.0.reduced_by is missing."),
    ],
)
def test_what_a_programme_may_not_say_is_told_with_its_line(
    tmp_path: Path, change: tuple[str, str], fault: str
) -> None:
    (found,) = told(tmp_path, LEAST + PROGRAMME.replace(*change))
    assert found.startswith(fault)


def test_an_aim_for_the_whole_is_one(tmp_path: Path) -> None:
    (aim,) = load(tmp_path, LEAST + PROGRAMME.replace("33%", "100%")).programme.aims
    assert aim.reduced_by == Share(100, 100)
