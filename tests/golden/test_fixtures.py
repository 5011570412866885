"""Each folder of fixtures/ is one trap of the rules, with the findings a person expects; its README gives the date."""

import csv
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

import pbr
from pbr.linkage import attach
from pbr.linkage.attach import Method
from pbr.sources import read
from pbr.workspace import Workspace
from tests.oracle import phase1
from tests.oracle.compare import Rows, decide, differences
from tests.sources.made_sources import Authority

ROOT = Path(__file__).parents[2] / "fixtures"
FIXTURES = sorted(p.parent for p in ROOT.glob("*/expected.csv"))


def pack(fixture: Path) -> str:
    return str(tomllib.loads((fixture / "pbr.toml").read_text(encoding="utf-8"))["rules"]["pack"])


# The tests' own calculation of the rules knows the first programme only.
FIRST_PROGRAMME = [fixture for fixture in FIXTURES if pack(fixture) == "phase-1"]


def as_of(fixture: Path) -> date:
    found = re.search(r"[Aa]s of \*\*(\d{4}-\d\d-\d\d)\*\*", (fixture / "README.md").read_text(encoding="utf-8"))
    assert found, f"{fixture.name}/README.md must say: As of **YYYY-MM-DD**"
    return date.fromisoformat(found[1])


def expected(fixture: Path) -> Rows:
    with (fixture / "expected.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_fixtures_are_there() -> None:
    assert len(FIRST_PROGRAMME) >= 15
    assert {pack(fixture) for fixture in FIXTURES} == {"phase-1", "phase-2", "supporting-families-2022"}


def test_the_list_of_fixtures_names_each_under_its_pack() -> None:
    listed = re.findall(r"^\| \[`([\w-]+)`\]\(\1/\) \| `([\w-]+)` \|", (ROOT / "README.md").read_text("utf-8"), re.M)
    assert sorted(listed) == [(fixture.name, pack(fixture)) for fixture in FIXTURES]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda p: p.name)
def test_decide_finds_what_a_person_expects(fixture: Path, tmp_path: Path) -> None:
    found = differences(expected(fixture), decide(fixture, as_of(fixture), tmp_path / "findings.csv"))
    assert not found, f"{fixture.name} (- expected, + pbr):\n{found}"


@pytest.mark.parametrize("fixture", FIRST_PROGRAMME, ids=lambda p: p.name)
def test_the_oracle_finds_what_a_person_expects(fixture: Path) -> None:
    found = differences(expected(fixture), phase1.findings(fixture, as_of(fixture)))
    assert not found, f"{fixture.name} (- expected, + the oracle):\n{found}"


def expected_links(fixture: Path) -> Rows:
    with (fixture / "links.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize("fixture", [p for p in FIXTURES if (p / "links.csv").exists()], ids=lambda p: p.name)
def test_every_record_is_linked_as_a_person_expects_by_pbr_and_by_the_oracle(fixture: Path) -> None:
    columns = ["table", "record_id", "person_id", "status", "pass"]
    expected = [tuple(row[column] for column in columns) for row in expected_links(fixture)]
    workspace = Workspace.load(fixture)
    links = attach(read(workspace), Method(workspace.linkage)).links
    assert sorted(links.select(columns).rows()) == expected
    known = phase1.Workspace(fixture)
    declared = [(table, known.sources[table]) for table in phase1.ABOUT_PEOPLE if table in known.sources]
    rows = [(table, row) for table, source in declared for row in phase1.read_rows(fixture, source)]
    assert (
        sorted((table, row["record_id"], *link) for table, row in rows for link in known.members.link(row)) == expected
    )


def test_the_fixtures_of_linkage_show_most_passes() -> None:
    shown = {(row["pass"], row["status"]) for p in FIXTURES if (p / "links.csv").exists() for row in expected_links(p)}
    assert {
        (made_by, "confirmed") for made_by in ("person_id", "identifier", "exact", "name_variant", "birth_swapped")
    } < shown
    assert {(made_by, "possible") for made_by in ("identifier", "exact", "birth_near", "moved_house")} < shown


def test_needs_under_words_that_no_rule_knows_are_told_of_with_the_families_in_doubt() -> None:
    fixture = ROOT / "need-nobody-knows"
    told = [warning for warning in pbr.decide(fixture, as_of(fixture)).of.warnings if "name a need" in warning]
    assert told == [
        "needs: 2 records name a need that the rules do not know, and put 2 families in doubt",
        "outcomes: 1 records name a need that the rules do not know, and put 1 families in doubt",
    ]


def test_where_no_rule_rests_on_all_needs_such_words_count_for_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    days = ("2014-10-30", "2014-10-31")
    authority.write("needs", "family_id,need,identified_on\n" + "".join(f"F1,wellbeing,{day}\n" for day in days))
    warnings = pbr.decide(authority.load(), date(2014, 10, 31)).of.warnings
    assert "needs: 1 records name a need that the rules do not know, and count for nothing" in warnings
