"""Which framework decides a family: the one that is named, or the one that was in force for it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.jobs.decide import decide
from pbr.jobs.frameworks import frameworks, the_one
from pbr.rulebook.load import load_pack, pack_ids
from pbr.workspace import Workspace

DAY = timedelta(days=1)
LAST_OF_PHASE_1, FIRST_OF_PHASE_2 = date(2015, 3, 31), date(2015, 4, 1)


def workspace(folder: Path, pack: str = "in-force", *more: str) -> Workspace:
    lines = ["[authority]", 'code = "E09999999"', 'name = "Exampleshire"', "[rules]", f'pack = "{pack}"', *more]
    (folder / "pbr.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Workspace.load(folder)


def families(**engaged: date) -> pl.DataFrame:
    return pl.DataFrame({"family_id": list(engaged), "engaged_on": list(engaged.values())})


def deciding(of: Workspace, as_of: date, **engaged: date) -> dict[str, list[str]]:
    """The families by the pack that decides them."""
    found = frameworks(of, families(**engaged), as_of)
    return {one.pack.pack.id: one.families["family_id"].to_list() for one in found}


def test_a_pack_that_is_named_decides_everybody(tmp_path: Path) -> None:
    named = workspace(tmp_path, "phase-1")
    long_before, long_after = date(2001, 1, 1), date(2014, 1, 1)
    assert deciding(named, date(2014, 10, 31), A=long_before, B=long_after) == {"phase-1": ["A", "B"]}


@pytest.mark.parametrize(
    ("as_of", "engaged", "pack"),
    [
        (date(2015, 5, 15), LAST_OF_PHASE_1, "phase-1"),
        (date(2015, 5, 15), FIRST_OF_PHASE_2, "phase-2"),
        (date(2016, 5, 15), FIRST_OF_PHASE_2, "phase-2"),
        (date(2021, 3, 31), date(2020, 6, 1), "phase-2"),
        (date(2021, 4, 1), date(2020, 6, 1), "supporting-families-2021"),
        (date(2022, 10, 2), date(2022, 6, 1), "supporting-families-2021"),
        (date(2022, 10, 3), date(2022, 6, 1), "supporting-families-2022"),
        (date(2025, 3, 31), date(2024, 6, 1), "supporting-families-2022"),
    ],
)
def test_a_family_is_decided_by_the_framework_that_was_in_force_for_it(
    tmp_path: Path, as_of: date, engaged: date, pack: str
) -> None:
    assert deciding(workspace(tmp_path), as_of, A=engaged) == {pack: ["A"]}


def test_in_the_last_weeks_of_the_first_programme_two_frameworks_decide_side_by_side(tmp_path: Path) -> None:
    found = deciding(workspace(tmp_path), date(2015, 5, 31), A=LAST_OF_PHASE_1, B=FIRST_OF_PHASE_2)
    assert found == {"phase-1": ["A"], "phase-2": ["B"]}


def test_a_family_of_the_first_programme_is_nobodys_after_its_last_payment(tmp_path: Path) -> None:
    found = deciding(workspace(tmp_path), date(2015, 6, 1), A=LAST_OF_PHASE_1, B=FIRST_OF_PHASE_2)
    assert found == {"phase-2": ["B"]}


@pytest.mark.parametrize("as_of", [date(2012, 3, 31), date(2025, 4, 1)])
def test_on_a_day_that_no_framework_covers_the_run_stops_and_says_so(tmp_path: Path, as_of: date) -> None:
    with pytest.raises(
        Faults, match=rf"E260 as-of date {as_of} no framework decides anybody.* phase-1 from 2012-04-01"
    ):
        deciding(workspace(tmp_path), as_of, A=date(2012, 3, 1))


def test_where_nobody_is_covered_the_pack_in_force_that_day_decides_nobody(tmp_path: Path) -> None:
    assert deciding(workspace(tmp_path), date(2016, 1, 1), A=date(2014, 1, 1)) == {"phase-2": []}


def test_no_two_packs_that_come_with_pbr_are_in_force_for_one_family_on_one_day() -> None:
    periods = [(pack_id, one) for pack_id in pack_ids() for one in load_pack(pack_id).pack.in_force]
    for number, (pack_id, one) in enumerate(periods):
        for other_id, other in periods[:number]:
            assert not (one.engaged.meets(other.engaged) and one.decided.meets(other.decided)), (pack_id, other_id)


def test_from_the_first_programme_on_no_as_of_date_is_without_a_framework() -> None:
    decided = sorted(
        (one.decided.start, one.decided.until) for pack_id in pack_ids() for one in load_pack(pack_id).pack.in_force
    )
    until = decided[0][0] - DAY
    for start, end in decided:
        assert start <= until + DAY
        until = max(until, end)
    assert (decided[0][0], until) == (date(2012, 4, 1), date(2025, 3, 31))


def test_an_overlay_needs_to_know_its_pack(tmp_path: Path) -> None:
    with pytest.raises(Faults, match=r"E262 pbr.toml:6"):
        deciding(workspace(tmp_path, "in-force", 'overlay = "plan.yaml"'), date(2016, 1, 1))


def test_a_batch_is_claimed_under_one_framework(tmp_path: Path) -> None:
    of = workspace(tmp_path)
    both = families(A=LAST_OF_PHASE_1, B=FIRST_OF_PHASE_2)
    as_of = date(2015, 5, 15)
    with pytest.raises(Faults, match=r"E261 pbr.toml:5 .*phase-1 \(1 families\), phase-2 \(1 families\)"):
        the_one(of, frameworks(of, both, as_of), as_of)
    assert the_one(of, frameworks(of, both[:1], as_of), as_of).pack.id == "phase-1"


def test_who_is_covered_by_no_framework_is_listed_and_gets_no_decision(claimed: Path, tmp_path: Path) -> None:
    text = (claimed / "pbr.toml").read_text(encoding="utf-8").replace('"phase-1"', '"in-force"')
    (tmp_path / "sources").symlink_to(claimed / "sources")
    (tmp_path / "pbr.toml").write_text(text, encoding="utf-8")
    as_of = date(2015, 6, 30)
    decision = decide(tmp_path, as_of)
    assert decision.findings.is_empty()
    assert decision.of.not_decided.height == decision.of.families.height > 0


def test_by_date_the_findings_are_those_of_the_pack_by_name(claimed: Path, tmp_path: Path) -> None:
    text = (claimed / "pbr.toml").read_text(encoding="utf-8").replace('"phase-1"', '"in-force"')
    (tmp_path / "sources").symlink_to(claimed / "sources")
    (tmp_path / "pbr.toml").write_text(text, encoding="utf-8")
    as_of = date(2014, 10, 31)
    by_name, by_date = decide(claimed, as_of), decide(tmp_path, as_of)
    covered = by_date.of.decided
    assert by_date.findings.equals(by_name.findings.filter(pl.col("family_id").is_in(covered.implode())))
    assert covered.len() > 0
