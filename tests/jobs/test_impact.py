"""Impact: the totals tie out, the pounds are those that a claim would have, and nothing is written."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pbr.errors import Faults
from pbr.jobs import impact as job
from pbr.jobs.decide import decide
from pbr.jobs.impact import CHANGES, ITEMS, Impact, impact
from pbr.jobs.prepare import prepare
from pbr.rulebook.load import load_pack
from pbr.rulebook.proposal import with_values
from tests.jobs.authorities import AS_OF, WINDOW, contents
from tests.jobs.conftest import NOON
from tests.rulebook.packs import copy_of_phase_1, put

DATE = date.fromisoformat(AS_OF)
PHASE_1 = load_pack("phase-1")


def of(workspace: Path, **values: str) -> Impact:
    return impact(workspace, DATE, values=values)


def item(found: Impact, name: str) -> dict[str, Any]:
    return found.items.row(by_predicate=pl.col("item") == name, named=True)


def in_all(found: Impact) -> dict[str, Any]:
    return found.items.row(by_predicate=pl.col("part") == "all", named=True)


def met(workspace: Path, pack: Any) -> dict[tuple[str, str], int]:
    findings = decide(workspace, DATE, pack=pack).findings
    counted = findings.filter((pl.col("subject_id") == "") & (pl.col("verdict") == "met")).group_by("part", "item")
    return {(part, name): count for part, name, count in counted.len().iter_rows()}


CHANGED = {"result_absence": "5%", "eligible_on_national_criteria": "2", "crime_asb_education_payment": "£650"}


# --------------------------------------------------------------------------------------------------------- tying out


def test_before_and_gained_less_lost_is_after(unclaimed: Path) -> None:
    found = of(unclaimed, **CHANGED)
    families = found.items.filter(pl.col("part") != "all")
    assert families["gained"].sum() > 0 < families["lost"].sum()
    for rows, kind in (
        (families, "met_{}"),
        (found.items.filter(pl.col("part").is_in(["route", "all"])), "amount_{}_pence"),
    ):
        gained, lost = ("gained", "lost") if kind == "met_{}" else ("amount_gained_pence", "amount_lost_pence")
        wrong = rows.filter(
            pl.col(kind.format("before")) + pl.col(gained) - pl.col(lost) != pl.col(kind.format("after"))
        )
        assert wrong.is_empty()
    assert in_all(found)["amount_gained_pence"] > 0 < in_all(found)["amount_lost_pence"]


def test_families_met_on_each_side_are_those_that_decide_counts(unclaimed: Path) -> None:
    found = of(unclaimed, **CHANGED)
    for side, pack in (("before", PHASE_1), ("after", with_values(PHASE_1, CHANGED))):
        rows = found.items.filter(pl.col("part") != "all").select("part", "item", f"met_{side}")
        assert {(part, name): count for part, name, count in rows.iter_rows() if count} == met(unclaimed, pack)


def test_the_last_row_is_the_sum_of_the_routes(unclaimed: Path) -> None:
    found = of(unclaimed, **CHANGED)
    routes = found.items.filter(pl.col("part") == "route")
    total = in_all(found)
    for column in ITEMS.names()[9:]:
        assert routes[column].sum() == total[column]


def test_the_rows_of_families_add_up_to_the_items(unclaimed: Path) -> None:
    found = of(unclaimed, **CHANGED)
    changes = found.changes
    assert dict(changes.schema) == dict(CHANGES)
    assert changes.rows() == sorted(changes.rows(), key=lambda row: row[:3])
    for name in ("attendance_improved", "eligible", "crime_asb_education"):
        rows = changes.filter(pl.col("item") == name)
        gained = rows.filter((pl.col("before") != "met") & (pl.col("after") == "met")).height
        lost = rows.filter((pl.col("before") == "met") & (pl.col("after") != "met")).height
        assert (gained, lost) == (item(found, name)["gained"], item(found, name)["lost"])
    gain = changes["amount_after_pence"].sum() - changes["amount_before_pence"].sum()
    assert gain == in_all(found)["amount_after_pence"] - in_all(found)["amount_before_pence"]


def test_every_row_of_a_family_is_a_change(unclaimed: Path) -> None:
    amount = pl.col("amount_before_pence").ne_missing(pl.col("amount_after_pence"))
    changes = of(unclaimed, **CHANGED).changes
    assert changes.height > 0
    assert changes.filter((pl.col("before") == pl.col("after")) & ~amount).is_empty()


def test_where_nothing_is_another_nothing_changes(unclaimed: Path) -> None:
    found = of(unclaimed, result_absence="15%")
    assert found.changes.is_empty()
    assert found.items["gained"].sum() == found.items["lost"].sum() == in_all(found)["amount_gained_pence"] == 0
    assert in_all(found)["amount_before_pence"] > 0


# -------------------------------------------------------------------------------------------------------- the pounds


def test_the_pounds_before_are_those_that_prepare_would_claim(unclaimed: Path) -> None:
    found = of(unclaimed, result_absence="5%")
    within = impact(unclaimed, DATE, values={"result_absence": "5%"}, window=WINDOW)
    done = prepare(unclaimed, DATE, WINDOW, at=NOON, by="somebody")
    assert done.bundle is not None
    assert (
        in_all(found)["amount_before_pence"] == in_all(within)["amount_before_pence"] == done.bundle.batch.amount_pence
    )
    assert in_all(within)["held_before_pence"] == done.selection.held["amount_pence"].sum()


def test_a_lower_price_is_lost_line_by_line(unclaimed: Path) -> None:
    found = of(unclaimed, crime_asb_education_payment="£1")
    route = item(found, "crime_asb_education")
    assert (route["gained"], route["lost"], route["lines_before"]) == (0, 0, route["lines_after"])
    assert route["amount_after_pence"] == 100 * route["lines_after"]
    assert set(found.changes["item"]) >= {"crime_asb_education"}
    assert set(found.changes["part"]) == {"route"}


def test_lines_that_are_claimed_already_are_claimed_on_neither_side(claimed: Path) -> None:
    found = of(claimed, result_absence="5%")
    assert found.live_lines > 0
    assert in_all(found)["lines_before"] == in_all(found)["lines_after"] == 0
    assert item(found, "attendance_improved")["lost"] > 0


def test_nothing_is_written(unclaimed: Path) -> None:
    before = contents(unclaimed)
    of(unclaimed, result_absence="5%")
    impact(unclaimed, DATE, after=PHASE_1, window=WINDOW)
    assert contents(unclaimed) == before


def test_a_ledger_is_only_read(copy: Path) -> None:
    before = contents(copy)
    of(copy, result_absence="5%")
    assert contents(copy) == before


def test_the_allocation_stands_in_the_way_of_a_window_only(unclaimed: Path) -> None:
    toml = unclaimed / "pbr.toml"
    toml.write_text(toml.read_text().replace("families_agreed = 60", "families_agreed = 3"))
    assert "families_agreed = 3" in toml.read_text()
    free, within = (
        of(unclaimed, result_absence="5%"),
        impact(unclaimed, DATE, values={"result_absence": "5%"}, window=WINDOW),
    )
    assert in_all(within)["lines_before"] < in_all(free)["lines_before"]


def test_outside_its_window_nothing_is_claimed(unclaimed: Path) -> None:
    found = impact(unclaimed, date(2014, 9, 30), values={"result_absence": "5%"}, window=WINDOW)
    assert in_all(found)["lines_before"] == in_all(found)["lines_after"] == 0


# --------------------------------------------------------------------------------------------------- different packs


@pytest.fixture
def other(tmp_path: Path) -> Any:
    """Phase 1 with one result and one route under other names, so that each pack has something of its own."""
    folder = copy_of_phase_1(tmp_path)
    put(folder / "pack.yaml", "id: spoilt", "id: other")
    for name in ("results.yaml", "tariff.yaml", "flags.yaml"):
        text = re.sub(r"\bprogress_to_work\b", "on_provision", (folder / name).read_text())
        (folder / name).write_text(re.sub(r"\bprogress_to_work_made\b", "provision_started", text))
    return load_pack(folder)


def test_an_item_that_one_pack_has_alone_is_compared_with_nothing(unclaimed: Path, other: Any) -> None:
    found = impact(unclaimed, DATE, after=other)
    alone = {name: in_pack for name, in_pack in found.items.select("item", "in_pack").iter_rows() if in_pack != "both"}
    assert {name: in_pack for name, in_pack in alone.items() if name} == {
        "progress_to_work_made": "before",
        "progress_to_work": "before",
        "provision_started": "after",
        "on_provision": "after",
    }
    old, new = item(found, "progress_to_work_made"), item(found, "provision_started")
    assert old["met_before"] == new["met_after"]
    nothing = ("gained", "lost", "to_unknown", "from_unknown")
    assert [old["met_after"], *(old[name] for name in nothing)] == [None] * 5
    assert [new["met_before"], *(new[name] for name in nothing)] == [None] * 5
    assert not {"progress_to_work_made", "provision_started"} & set(found.changes["item"])


def test_pounds_of_a_route_that_one_pack_has_alone_are_gained_or_lost(unclaimed: Path, other: Any) -> None:
    found = impact(unclaimed, DATE, after=other)
    old, new = item(found, "progress_to_work"), item(found, "on_provision")
    assert old["amount_lost_pence"] == old["amount_before_pence"] == new["amount_gained_pence"] > 0
    assert in_all(found)["amount_before_pence"] == in_all(found)["amount_after_pence"]
    rows = found.changes.filter(pl.col("item") == "on_provision")
    assert set(rows["before"]) == {""}
    assert set(rows["after"]) == {"met"}


def test_a_pack_that_is_not_in_force_decides_everybody_and_pays_nothing(unclaimed: Path, tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / "pack.yaml", "until: 2015-05-31", "until: 2013-12-31")
    found = impact(unclaimed, DATE, after=load_pack(folder))
    assert found.before.is_in_force
    assert not found.after.is_in_force
    assert item(found, "eligible")["met_before"] == item(found, "eligible")["met_after"] > 0
    assert in_all(found)["amount_after_pence"] == 0 < in_all(found)["amount_lost_pence"]


def test_families_that_engaged_too_late_for_a_pack_are_counted_and_earn_nothing(
    unclaimed: Path, tmp_path: Path
) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / "pack.yaml", "until: 2015-03-31", "until: 2013-05-31")
    found = impact(unclaimed, DATE, after=load_pack(folder))
    engaged = found.before.measurement.families["engaged_on"]
    late = ((engaged > date(2013, 5, 31)) & (engaged < DATE)).sum()
    assert found.after.outside - found.before.outside == late > 0
    assert set(found.changes["part"]) == {"route"}
    assert set(found.changes["amount_after_pence"]) == {None}


# ---------------------------------------------------------------------------------------------------------- bad calls


def test_the_extracts_are_read_once(unclaimed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    gather = job.gather
    monkeypatch.setattr(job, "gather", lambda *given: read.append(1) or gather(*given))  # type: ignore[func-returns-value]
    of(unclaimed, result_absence="5%")
    assert read == [1]


@pytest.mark.parametrize("given", [{}, {"after": PHASE_1, "values": {"result_absence": "5%"}}])
def test_there_is_one_thing_to_be_adopted(unclaimed: Path, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="name the other pack, or set values"):
        impact(unclaimed, DATE, **given)


def test_an_unknown_window_is_told(unclaimed: Path) -> None:
    with pytest.raises(Faults, match="E502"):
        impact(unclaimed, DATE, after=PHASE_1, window="2014-12")


def test_a_workspace_of_several_frameworks_must_name_the_one_that_would_change(
    unclaimed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered = job.gather(unclaimed)
    both = [job.Framework(PHASE_1, gathered.families), job.Framework(PHASE_1, gathered.families.head(2))]
    monkeypatch.setattr(job, "frameworks", lambda *given: both)
    with pytest.raises(Faults, match=r"E272 pbr.toml:\d+ as of 2014-10-31 .* phase-1 \(2 families\).*--from"):
        of(unclaimed, result_absence="5%")
    assert_frame_equal(impact(unclaimed, DATE, before=PHASE_1, after=PHASE_1).changes, pl.DataFrame(schema=CHANGES))
