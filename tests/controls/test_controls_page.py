"""The page of controls has every error, and names controls and tests that there are."""

from __future__ import annotations

import re

import tests.controls.test_planted_errors as planted
from pbr.audit.triggers import TRIED
from tests.jobs.authorities import CHECKOUT

PAGE = (CHECKOUT / "docs" / "controls.md").read_text("utf-8")
ERRORS = [f"A{number}" for number in range(1, 19)]


def test_the_page_names_every_test_that_plants_an_error_under_its_number() -> None:
    listed = re.findall(r"^\| (A\d+) \| `(\w+)` \|$", PAGE, re.M)
    tests = [name for name in vars(planted) if re.match(r"test_a\d+_", name)]
    assert sorted(name for _, name in listed) == sorted(tests)
    assert all(name.startswith(f"test_{error.lower()}_") for error, name in listed)
    assert sorted({error for error, _ in listed}) == sorted(ERRORS)


def test_the_page_has_a_control_for_every_error_and_names_the_triggers_as_they_are_called() -> None:
    rows = re.findall(r"^\| (A\d+) \| (?!`)(.*)$", PAGE, re.M)
    assert [error for error, _ in rows] == ERRORS
    told = {name for _, row in rows for name in re.findall(r"`(\w+)`", row[row.find("trigger") :].split("|")[0])}
    # What makes a department look closer, and was never found wrong with a claim, is no error of its own.
    assert TRIED.keys() - told == {"long_since_last_check"}
