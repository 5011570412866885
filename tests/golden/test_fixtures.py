"""Each folder of fixtures/ is one trap of the rules, with the findings a person expects; its README gives the date."""

import csv
import re
from datetime import date
from pathlib import Path

import pytest

from tests.oracle import phase1
from tests.oracle.compare import Rows, decide, differences

FIXTURES = sorted(p.parent for p in (Path(__file__).parents[2] / "fixtures").glob("*/expected.csv"))


def as_of(fixture: Path) -> date:
    found = re.search(r"[Aa]s of \*\*(\d{4}-\d\d-\d\d)\*\*", (fixture / "README.md").read_text(encoding="utf-8"))
    assert found, f"{fixture.name}/README.md must say: As of **YYYY-MM-DD**"
    return date.fromisoformat(found[1])


def expected(fixture: Path) -> Rows:
    with (fixture / "expected.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_fixtures_are_there() -> None:
    assert len(FIXTURES) >= 15


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda p: p.name)
def test_decide_finds_what_a_person_expects(fixture: Path, tmp_path: Path) -> None:
    found = differences(expected(fixture), decide(fixture, as_of(fixture), tmp_path / "findings.csv"))
    assert not found, f"{fixture.name} (- expected, + pbr):\n{found}"


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda p: p.name)
def test_the_oracle_finds_what_a_person_expects(fixture: Path) -> None:
    found = differences(expected(fixture), phase1.findings(fixture, as_of(fixture)))
    assert not found, f"{fixture.name} (- expected, + the oracle):\n{found}"
