"""A claim under a council's plan: the bundle carries the overlay, and replay decides by it again."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pbr.claims.verify import verify
from pbr.errors import Disagreement, Faults
from pbr.jobs.decide import decide
from pbr.jobs.prepare import prepare
from pbr.jobs.replay import replay
from pbr.rulebook.load import load_pack
from tests.jobs.authorities import AS_OF, WINDOW, authority, bundle_of
from tests.jobs.conftest import NOON
from tests.jobs.forged import with_rule
from tests.rulebook.overlays import ABSENCE, overlay_in


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority whose `[rules]` name its plan, its batch prepared. Not to be changed."""
    folder = authority(tmp_path_factory.mktemp("planned") / "authority", families=60, seed=1)
    overlay_in(folder, ABSENCE.replace("10%", "5%"))
    toml = folder / "pbr.toml"
    text = toml.read_text(encoding="utf-8")
    assert 'pack = "phase-1"' in text
    toml.write_text(text.replace('pack = "phase-1"', 'pack = "phase-1"\noverlay = "plan.yaml"'), encoding="utf-8")
    prepare(folder, date.fromisoformat(AS_OF), WINDOW, at=NOON, by="somebody")
    return folder


def test_the_bundle_names_pack_and_overlay_and_carries_the_overlay_to_the_byte(workspace: Path) -> None:
    data = bundle_of(workspace) / "data"
    run = json.loads((data / "run.json").read_bytes())
    planned = load_pack("phase-1", workspace / "plan.yaml")
    assert (run["pack_id"], run["pack_title"]) == (planned.pack.id, planned.pack.title)
    assert run["pack_digest"] == planned.digest != load_pack("phase-1").digest
    assert (data / "rules" / "overlay.yaml").read_bytes() == (workspace / "plan.yaml").read_bytes()


def test_it_verifies_and_is_decided_again_from_its_own_rules_and_from_the_extracts(workspace: Path) -> None:
    bundle = bundle_of(workspace)
    assert verify(bundle) == []
    assert replay(bundle).bundle.pack.pack.id == "phase-1+mid-county"
    assert replay(bundle, workspace).changed_inputs == ()


def test_a_plan_that_was_changed_and_sealed_again_is_told_by_its_digest(workspace: Path, tmp_path: Path) -> None:
    national = with_rule(bundle_of(workspace), tmp_path, "overlay.yaml", "value: 5%", "value: 15%")
    with pytest.raises(Disagreement) as raised:
        replay(national)
    (told,) = raised.value.differences
    assert told.startswith("rules: their digest is ")


def test_the_plan_decides_otherwise_than_the_nation(workspace: Path) -> None:
    as_of = date.fromisoformat(AS_OF)
    planned, national = decide(workspace, as_of), decide(workspace, as_of, pack=load_pack("phase-1"))
    is_met = (pl.col("item") == "attendance_improved") & (pl.col("verdict") == "met")
    assert 0 < planned.findings.filter(is_met).height < national.findings.filter(is_met).height


def test_an_overlay_that_was_changed_in_the_bundle_stops_it_at_the_door(workspace: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(bundle_of(workspace), tmp_path / bundle_of(workspace).name))
    overlay = bundle / "data" / "rules" / "overlay.yaml"
    overlay.write_bytes(overlay.read_bytes().replace(b"5%", b"6%"))
    with pytest.raises(Faults) as raised:
        replay(bundle)
    assert [(fault.code, fault.place) for fault in raised.value.faults] == [("E553", "data/rules/overlay.yaml")]


@pytest.mark.parametrize(("old", "new"), [("page 4", "page 5"), ("outcome plan\n", "other plan\n")])
def test_one_that_was_changed_and_sealed_again_has_another_digest(
    old: str, new: str, workspace: Path, tmp_path: Path
) -> None:
    forged = with_rule(bundle_of(workspace), tmp_path, "overlay.yaml", old, new)
    assert verify(forged) == []
    with pytest.raises(Disagreement) as raised:
        replay(forged)
    assert any(line.startswith("rules: their digest is ") for line in raised.value.differences)
