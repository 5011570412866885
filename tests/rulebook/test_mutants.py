"""Mutants of packs: a sample of those of each pack that comes with pbr, and what a case that is missing lets through.

`make mutants` judges all of them.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from pbr.rulebook.cases import PaymentCase
from pbr.rulebook.load import load_pack, pack_ids
from tests.rulebook.mutants import Bench, Mutant, equivalents, is_pack, mutants, report
from tests.rulebook.packs import as_yaml, copy_of_phase_1

SAMPLE = 25


def sample(pack: str) -> list[Mutant]:
    """The same mutants of a pack each time, until it changes."""
    every = list(mutants(load_pack(pack).pack))
    return random.Random(1).sample(every, min(SAMPLE, len(every)))


@pytest.mark.parametrize("pack", pack_ids())
def test_a_small_mistake_in_a_pack_makes_one_of_its_cases_fail(pack: str) -> None:
    assert report(load_pack(pack), sample(pack), equivalents(pack), all_of_them=False).wrong == ()


def test_every_kind_of_mistake_is_among_the_mutants_and_each_has_a_name_of_its_own() -> None:
    every = list(mutants(load_pack("phase-1").pack))
    assert {mutant.kind for mutant in every} == {
        *("limit", "comparator", "window", "anchor", "margin", "codes", "need", "truth", "reference"),
        *("all or any", "every or some", "part", "leaving out", "routes of a flag"),
        *("price", "day"),
    }
    assert len({mutant.name for mutant in every}) == len(every)


def test_a_mutant_that_the_checks_would_find_is_not_asked_of_the_cases() -> None:
    loaded = load_pack("phase-1")
    (later,) = [
        mutant
        for mutant in mutants(loaded.pack)
        if mutant.name == "eligibility.worklessness.test: at engagement -> as_of"
    ]
    assert not is_pack(later.pack)
    assert report(loaded, [later], {}, all_of_them=False).refused.total() == 1


def without_cases(tmp_path: Path, file: str, *names: str) -> Path:
    """Phase 1 without some of its cases."""
    folder = copy_of_phase_1(tmp_path)
    path = folder / "tests" / file
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    before = len(data["cases"])
    data["cases"] = [case for case in data["cases"] if not case["name"].startswith(names)]
    assert len(data["cases"]) == before - len(names)
    path.write_text(as_yaml(data), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("file", "names", "survivor"),
    [
        ("asb_reduced.yaml", ["From 100 to 41"], "results.asb_reduced.test: asb_reduction 60/100 -> 5900/10000"),
        ("local_discretion.yaml", ["Another need"], None),
        (
            "local_discretion.yaml",
            ["Another need", "Identified by"],
            "eligibility.local_discretion.test: discretion_need local_discretion -> other_than_local_discretion",
        ),
        (
            "progress_to_work_made.yaml",
            ["European Social Fund"],
            "results.progress_to_work_made.test.that: progress_provisions without esf",
        ),
        (
            "progress_to_work_made.yaml",
            ["An adult who joined", "An adult who has left"],
            "results.progress_to_work_made.test: at as_of -> engagement",
        ),
        ("worklessness.yaml", ["Severe Dis"], "eligibility.worklessness.test.that: out_of_work_benefits without SDA"),
    ],
)
def test_a_mistake_survives_where_the_case_that_tells_it_is_missing(
    file: str, names: list[str], survivor: str | None, tmp_path: Path
) -> None:
    loaded = load_pack(without_cases(tmp_path, file, *names))
    section = "results" if file in ("asb_reduced.yaml", "progress_to_work_made.yaml") else "eligibility"
    chosen = [mutant for mutant in mutants(loaded.pack) if mutant.path[:2] == (section, Path(file).stem)]
    found = report(loaded, chosen, {}, all_of_them=False)
    assert [mutant.name for mutant in found.survivors] == ([survivor] if survivor else [])
    if survivor:
        excused = report(loaded, chosen, {survivor: "a reason"}, all_of_them=False)
        assert (excused.wrong, excused.equivalent.total()) == ((), 1)


def test_a_mutant_that_is_called_equivalent_and_is_told_or_is_none_must_be_taken_off_the_list() -> None:
    loaded = load_pack("phase-1")
    told = "eligibility.local_discretion.test: is True -> False"
    (mutant,) = [mutant for mutant in mutants(loaded.pack) if mutant.name == told]
    wrong = report(loaded, [mutant], {told: "a reason", "results.none.test: gone": "a reason"}, all_of_them=True).wrong
    assert wrong[0].startswith(f"{told}: is called equivalent, and rules/phase-1/tests/local_discretion.yaml:")
    assert wrong[1] == "results.none.test: gone: is called equivalent, and is no mutant."


def test_cases_that_fail_with_nothing_mutated_are_told_first(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    path = folder / "tests" / "crime_asb.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("expected: met", "expected: not_met", 1), encoding="utf-8")
    (wrong,) = report(load_pack(folder), [], {}, all_of_them=True).wrong
    assert wrong.endswith("crime_asb.yaml:6: expected not met, found met (with nothing mutated)")


@pytest.mark.parametrize("pack", pack_ids())
def test_a_price_that_is_a_penny_or_a_day_off_makes_a_case_fail(pack: str) -> None:
    loaded = load_pack(pack)
    of_tariff = [mutant for mutant in mutants(loaded.pack) if mutant.section == "tariff"]
    assert {mutant.kind for mutant in of_tariff} == {"price", "part", "day"}
    assert report(loaded, of_tariff, equivalents(pack), all_of_them=False).wrong == ()


def test_a_cap_is_told_by_a_case_that_it_binds_and_by_no_other() -> None:
    loaded = load_pack("phase-1")
    (more,) = [m for m in mutants(loaded.pack) if m.name.startswith("tariff.family_cap: family_cap 400000 -> 400001")]
    case = Bench(loaded).failing(more)
    assert isinstance(case, PaymentCase)
    assert case.already_paid
