"""Loading packs: where they are found, what their digest stands for, and what a copy of their files is worth."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from pbr.errors import Fault, Faults
from pbr.rulebook import load
from pbr.rulebook.load import load_pack, pack_digest, pack_ids, packs_folder
from pbr.rulebook.model import Pack
from tests.rulebook.packs import copy_of_phase_1, line_of, put


def test_a_pack_is_found_by_its_id_and_by_its_folder() -> None:
    by_id = load_pack("phase-1")
    assert by_id.pack.id == "phase-1"
    assert load_pack(packs_folder() / "phase-1").digest == by_id.digest
    assert load_pack(str(packs_folder() / "phase-1")).digest == by_id.digest


def test_packs_are_those_inside_an_installed_package_where_it_has_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "pbr" / "rulebook" / "load.py"
    monkeypatch.setattr(load, "__file__", str(module))
    assert packs_folder() == tmp_path / "rules"
    inside = tmp_path / "pbr" / "_data" / "rules"
    inside.mkdir(parents=True)
    assert packs_folder() == inside
    assert pack_ids() == ()


@pytest.mark.parametrize(
    ("name", "says"), [("phase1", "did you mean 'phase-1'?"), ("nowhere/else", "there is no pack")]
)
def test_a_pack_that_is_not_there_is_a_fault_that_names_those_that_are(name: str, says: str) -> None:
    with pytest.raises(Faults, match=r"E201 .*phase-1") as raised:
        load_pack(name)
    assert says in str(raised.value)


def test_a_folder_without_a_pack_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Faults, match=r"E201 .*no pack\.yaml"):
        load_pack(tmp_path)


def test_in_force_is_no_pack_but_a_setting() -> None:
    with pytest.raises(Faults, match=r"E201 in-force this is no pack: .*pbr\.toml"):
        load_pack("in-force")


def test_an_overlay_is_refused_rather_than_ignored() -> None:
    with pytest.raises(Faults, match=r"E226 local-plan\.yaml"):
        load_pack("phase-1", "local-plan.yaml")


def test_a_pack_that_comes_with_pbr_has_the_id_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_of_phase_1(tmp_path).rename(tmp_path / "other")
    monkeypatch.setattr(load, "packs_folder", lambda: tmp_path)
    with pytest.raises(Faults, match=r"E230 rules/other/pack\.yaml:2 the pack's id is 'spoilt'"):
        load_pack("other")


def test_a_pack_of_ones_own_does_not_pass_for_one_that_comes_with_pbr(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / "pack.yaml", "id: spoilt", "id: phase-1")
    assert load_pack(folder).digest == load_pack("phase-1").digest
    put(folder / "parameters.yaml", "value: 15%", "value: 16%")
    with pytest.raises(
        Faults, match=r"E246 .*/spoilt/pack\.yaml:2 the pack's id is 'phase-1', and the pack of that id"
    ):
        load_pack(folder)
    assert load_pack(folder, carried=True).pack.id == "phase-1"


@pytest.mark.parametrize(
    ("name", "says"), [("in-force", "whichever pack was in force"), ("devon", "the overlay of that id that comes with")]
)
def test_a_pack_has_no_id_that_stands_for_something_else(name: str, says: str, tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / "pack.yaml", "id: spoilt", f"id: {name}")
    with pytest.raises(Faults, match=rf"E246 .*'{name}', and .*{says}"):
        load_pack(folder)


def test_the_files_of_a_pack_written_elsewhere_load_as_the_same_pack(tmp_path: Path) -> None:
    loaded = load_pack("phase-1")
    for name, content in loaded.files.items():
        (tmp_path / name).write_bytes(content)
    again = load_pack(tmp_path)
    assert again.pack == loaded.pack
    assert again.digest == loaded.digest
    assert "README.md" not in loaded.files


def test_the_digest_stands_for_what_a_pack_says_and_not_for_its_layout(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    original = load_pack(folder).digest
    flags = (folder / "flags.yaml").read_text()
    (folder / "flags.yaml").unlink()
    (folder / "a.yaml").write_text("# elsewhere\n" + flags.replace("    kind:", "\n    kind:"))
    put(folder / "parameters.yaml", "value: 15%", "value: '15%'")
    assert load_pack(folder).digest == original


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("parameters.yaml", "value: 15%", "value: 16%"),
        ("parameters.yaml", "value: £3,200", "value: £3,199"),
        ("parameters.yaml", "from: 2013-04-01", "from: 2013-03-31"),
        ("parameters.yaml", "standing: verified\n", "standing: derived\n"),
        ("parameters.yaml", "in the last 12 months", "in the last twelve months"),
        ("results.yaml", "less_than: result_absence", "at_most: result_absence"),
        ("flags.yaml", "holds: true", "holds: false"),
        ("tariff.yaml", "2015-05-31", "2015-06-30"),
    ],
)
def test_the_digest_changes_with_every_figure_source_and_rule(file: str, old: str, new: str, tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    before = load_pack(folder).digest
    put(folder / file, old, new)
    assert load_pack(folder).digest != before


def test_the_digest_changes_with_the_order_in_which_routes_are_priced() -> None:
    loaded = load_pack("phase-1")
    turned = loaded.pack.model_copy(update={"routes": dict(reversed(loaded.pack.routes.items()))})
    assert pack_digest(turned) != loaded.digest


def test_a_pack_reads_back_from_json() -> None:
    loaded = load_pack("phase-1")
    again = Pack.model_validate_json(loaded.pack.model_dump_json(by_alias=True, exclude_none=True))
    assert again == loaded.pack
    assert pack_digest(again) == loaded.digest


def test_a_day_before_the_first_value_is_a_fault_at_the_parameter() -> None:
    loaded = load_pack("phase-1")
    with pytest.raises(Faults) as raised:
        loaded.rules(date(2012, 3, 31))
    (fault,) = raised.value.faults
    assert re.match(
        r"E214 rules/phase-1/parameters\.yaml:\d+ the pack's first figures start on 2012-04-01; \d\d parameters have "
        r"no value on 2012-03-31\. ",
        str(fault),
    )


def test_a_few_figures_that_start_late_are_told_apart_each_at_its_line(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / "pack.yaml", "decided: {from: 2012-04-01", "decided: {from: 2013-04-01")
    parameters = folder / "parameters.yaml"
    for name in ("result_absence", "near_sessions"):
        text = parameters.read_text(encoding="utf-8")
        at = text.index(f"  {name}:")
        parameters.write_text(text[:at] + text[at:].replace("2012-04-01", "2013-04-01", 1), encoding="utf-8")
    with pytest.raises(Faults) as raised:
        load_pack(folder).rules(date(2013, 3, 31))
    lines = [line_of(parameters, f"  {name}:") for name in ("result_absence", "near_sessions")]
    assert [fault.place for fault in raised.value.faults] == [f"{parameters}:{line}" for line in sorted(lines)]
    assert all("no value on 2013-03-31 (its first starts 2013-04-01)" in one.what for one in raised.value.faults)


def test_faults_stand_in_the_order_of_their_lines_and_not_of_their_digits() -> None:
    faults = Faults(Fault("E2", place, "a fault", "") for place in ("b.yaml:2", "a.yaml:104", "a.yaml:12", "a.yaml"))
    assert [fault.place for fault in faults.faults] == ["a.yaml", "a.yaml:12", "a.yaml:104", "b.yaml:2"]
