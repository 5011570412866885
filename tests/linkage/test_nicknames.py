"""The groups of forenames: each says something the others do not, in the form that names are compared in."""

import re
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
import yaml

import pbr.linkage
from pbr.linkage.normal import normalised
from pbr.sources import IDENTITY

FILE = Path(pbr.linkage.__file__).with_name("nicknames.yaml")
GROUPS: list[list[str]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def together(*names: str) -> bool:
    return any(set(names) <= set(group) for group in GROUPS)


def test_the_file_is_a_list_of_lists_of_names() -> None:
    assert isinstance(GROUPS, list)
    assert [group for group in GROUPS if not isinstance(group, list)] == []
    # An unquoted `no` or `on` would be read as a truth value.
    assert [name for group in GROUPS for name in group if not isinstance(name, str)] == []


def test_names_are_lower_case_letters_in_one_piece() -> None:
    assert [name for group in GROUPS for name in group if not re.fullmatch("[a-z]{2,}", name)] == []


def test_names_stand_as_they_are_compared() -> None:
    names = sorted({name for group in GROUPS for name in group})
    identity = pl.Schema(dict.fromkeys(IDENTITY, pl.String())) | {"date_of_birth": pl.Date()}
    written = pl.DataFrame({"forename": names}).select(
        pl.col(column) if column == "forename" else pl.lit(None, kind).alias(column)
        for column, kind in identity.items()
    )
    assert normalised(written)["forename"].to_list() == names


def test_no_name_stands_alone_in_its_group() -> None:
    assert [group for group in GROUPS if len(group) < 2] == []


def test_no_name_stands_twice_in_a_group() -> None:
    assert [group for group in GROUPS if max(Counter(group).values()) > 1] == []


def test_no_group_is_held_wholly_by_another() -> None:
    sets = [frozenset(group) for group in GROUPS]
    assert [
        group for i, group in enumerate(GROUPS) if any(sets[i] <= other for other in sets[:i] + sets[i + 1 :])
    ] == []


def test_groups_and_names_are_in_order() -> None:
    assert [group for group in GROUPS if group[1:] != sorted(group[1:])] == []
    formal = [group[0] for group in GROUPS]
    assert formal == sorted(set(formal))


@pytest.mark.parametrize(
    "names",
    [("william", "bill"), ("catherine", "katherine"), ("alexander", "alex"), ("alexandra", "alex"),
     ("mohammed", "muhammad"), ("yusuf", "yousef"), ("katarzyna", "kasia"), ("oluwaseun", "seun"), ("padraig", "pat")],
)  # fmt: skip
def test_one_person_is_recorded_under_both(names: tuple[str, str]) -> None:
    assert together(*names)


@pytest.mark.parametrize(
    "names",
    [("zofia", "sophie"), ("piotr", "peter"), ("alexander", "alexandra"), ("john", "jonathan"), ("mohammed", "mahmood"),
     ("ian", "john"), ("daniel", "danielle"), ("ahmed", "mohammed")],
)  # fmt: skip
def test_names_of_two_people_share_no_group(names: tuple[str, str]) -> None:
    assert not together(*names)
