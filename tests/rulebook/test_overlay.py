"""Overlays: what a council's plan changes in a national pack, where it is found, and what it may not touch."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from pbr.cli.main import main
from pbr.engines import bulk, reference
from pbr.errors import Faults
from pbr.jobs.cases import run_cases
from pbr.rulebook import load
from pbr.rulebook.cases import load_cases
from pbr.rulebook.load import load_pack, overlay_ids, packs_folder
from pbr.rulebook.rules import value_on
from pbr.values import Share
from tests.rulebook.overlays import ABSENCE, CALL_OUTS, HEAD, RESTLESS, faults_of, laid, overlay_in
from tests.rulebook.packs import copy_of_phase_1, free_copy_of_phase_1, put

NATIONAL = load_pack("phase-1")
OVER_A_COPY = HEAD.replace("over: phase-1", "over: spoilt")


def said(folder: Path, text: str, head: str = HEAD) -> list[str]:
    return [f"{fault.code} {fault.place} {fault.what}" for fault in faults_of(folder, text, head)]


# ------------------------------------------------------------------------------------------------- what it changes


def test_local_values_replace_national_ones_from_their_first_day_on(tmp_path: Path) -> None:
    pack = laid(tmp_path, ABSENCE).pack
    days = (date(2013, 8, 31), date(2013, 9, 1))
    assert [value_on(pack, "result_absence", day).value for day in days] == [Share(15, 100), Share(10, 100)]  # type: ignore[union-attr]
    assert [dated.standing for dated in pack.parameters["result_absence"].values] == ["verified", "local"]
    assert pack.parameters["result_absence"].title == NATIONAL.pack.parameters["result_absence"].title


def test_national_values_after_the_first_local_one_no_longer_count(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    later = "      - {from: 2014-09-01, value: 5%, standing: derived, citation: A letter of 2014.}\n"
    parameters = (folder / "parameters.yaml").read_text(encoding="utf-8")
    at = parameters.index("  result_absence:")
    end = parameters.index("\n\n", at) + 1
    (folder / "parameters.yaml").write_text(parameters[:end] + later + parameters[end:], encoding="utf-8")
    pack = load_pack(folder, overlay_in(tmp_path, ABSENCE, OVER_A_COPY)).pack
    assert [str(dated.start) for dated in pack.parameters["result_absence"].values] == ["2012-04-01", "2013-09-01"]


def test_local_values_from_before_the_first_national_day_replace_them_all(tmp_path: Path) -> None:
    pack = laid(tmp_path, ABSENCE.replace("2013-09-01", "2012-04-01")).pack
    assert [dated.standing for dated in pack.parameters["result_absence"].values] == ["local"]


def test_a_criterion_of_the_pack_is_replaced_where_it_stands(tmp_path: Path) -> None:
    text = """\
results:
  asb_reduced:
    title: Hardly any incident
    standing: local
    citation: Mid-County Council, Outcome Plan, page 6.
    test:
      measure: {name: asb_incidents, last_months: asb_result_months}
      at_most: comparable_events
"""
    pack = laid(tmp_path, text).pack
    assert list(pack.results) == list(NATIONAL.pack.results)
    assert pack.results["asb_reduced"].title == "Hardly any incident"
    assert {name: one for name, one in pack.results.items() if name != "asb_reduced"} == {
        name: one for name, one in NATIONAL.pack.results.items() if name != "asb_reduced"
    }


def test_a_new_criterion_stands_before_the_one_it_names_or_at_the_end(tmp_path: Path) -> None:
    own = list(NATIONAL.pack.results)
    at = own.index("asb_reduced")
    assert list(laid(tmp_path, CALL_OUTS + RESTLESS).pack.results) == [*own[:at], "calm", *own[at:]]
    at_the_end = CALL_OUTS.replace("    before: asb_reduced\n", "") + RESTLESS
    assert list(laid(tmp_path, at_the_end).pack.results) == [*own, "calm"]


def test_a_criterion_of_the_overlay_that_no_route_and_no_flag_reads_is_a_fault(tmp_path: Path) -> None:
    assert said(tmp_path, CALL_OUTS) == ["E213 plan.yaml:23 nothing reads criterion 'calm'"]


def test_a_route_and_a_flag_can_be_replaced(tmp_path: Path) -> None:
    text = """\
routes:
  progress_to_work:
    title: A start towards work
    standing: local
    citation: Mid-County Council, Outcome Plan, page 7.
    turned_around: false
    test:
      all_of:
        - criterion: progress_to_work_made
flags:
  school_leaver:
    title: Look at it
    citation: Mid-County Council, Outcome Plan, page 8.
    kind: condition
    holds: true
    release: Show why the child left school.
    when: {criterion: education}
"""
    folder = free_copy_of_phase_1(tmp_path)
    pack = load_pack(folder, overlay_in(tmp_path, text, OVER_A_COPY)).pack
    assert pack.routes["progress_to_work"].title == "A start towards work"
    assert list(pack.routes) == list(NATIONAL.pack.routes)
    assert pack.flags["school_leaver"].title == "Look at it"


def test_a_national_figure_that_is_left_unread_is_no_fault(tmp_path: Path) -> None:
    text = CALL_OUTS.replace("  calm:\n", "  asb_reduced:\n").replace("    before: asb_reduced\n", "")
    loaded = laid(tmp_path, text)
    assert "asb_reduction" not in str(loaded.pack.results)
    assert loaded.pack.parameters.keys() > NATIONAL.pack.parameters.keys()


def test_engines_decide_by_the_local_figure_and_the_local_cases_say_so(tmp_path: Path) -> None:
    path = overlay_in(tmp_path, ABSENCE)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "attendance.yaml").write_text(
        "criterion: attendance_improved\n"
        "cases:\n"
        "  - name: 10% is no longer below the limit\n"
        "    basis: Mid-County Council, Outcome Plan, page 4.\n"
        "    facts: {children: [{unauthorised_absence: 38/380}]}\n"
        "    expected: not_met\n"
        "  - name: It was, until the plan\n"
        "    basis: Less than 15%, in the national framework.\n"
        "    as_of: 2013-08-31\n"
        "    facts: {children: [{unauthorised_absence: 38/380}]}\n"
        "    expected: met\n",
        encoding="utf-8",
    )
    loaded = load_pack(f"phase-1+{path}")
    report = run_cases(loaded, {"reference": reference.decide, "bulk": bulk.decide})
    assert report.failures == ()
    assert [case.place for case in load_cases(loaded)] == [f"{tmp_path}/tests/attendance.yaml:{n}" for n in (3, 7)]


# -------------------------------------------------------------------------------------------- its name and digest


def test_pack_and_overlay_are_one_pack_with_both_their_names(tmp_path: Path) -> None:
    loaded = laid(tmp_path, ABSENCE)
    assert loaded.pack.id == "phase-1+mid-county"
    assert loaded.pack.title == f"{NATIONAL.pack.title}, with Mid-County's outcome plan"
    assert loaded.pack.citation.endswith("Mid-County Council, Outcome Plan, 2013.")
    assert loaded.beneath == NATIONAL


@pytest.mark.parametrize(
    ("old", "new"),
    [("10%", "9%"), ("2013-09-01", "2013-09-02"), ("page 4", "page 5"), ("mid-county", "middle"), ("plan\n", "view\n")],
)
def test_the_digest_changes_with_what_the_overlay_says_and_with_its_name(old: str, new: str, tmp_path: Path) -> None:
    assert old in HEAD + ABSENCE
    one = laid(tmp_path, ABSENCE).digest
    other = laid(tmp_path, ABSENCE.replace(old, new), HEAD.replace(old, new)).digest
    assert len({one, other, NATIONAL.digest}) == 3


def test_the_digest_does_not_change_with_comments_or_with_where_the_overlay_lies(tmp_path: Path) -> None:
    one = laid(tmp_path, ABSENCE)
    assert laid(tmp_path / "elsewhere", "# a remark\n" + ABSENCE).digest == one.digest


def test_an_overlay_that_says_nothing_is_another_pack_all_the_same(tmp_path: Path) -> None:
    assert laid(tmp_path, "").digest != NATIONAL.digest


def test_the_files_written_elsewhere_load_as_the_same_pack_with_its_overlay(tmp_path: Path) -> None:
    loaded = laid(tmp_path, CALL_OUTS + RESTLESS)
    carried = tmp_path / "carried"
    carried.mkdir()
    for name, content in loaded.files.items():
        (carried / name).write_bytes(content)
    again = load_pack(carried)
    assert (carried / "overlay.yaml").read_bytes() == (tmp_path / "plan.yaml").read_bytes()
    assert (again.pack, again.digest, dict(again.files)) == (loaded.pack, loaded.digest, dict(loaded.files))


# ------------------------------------------------------------------------------------------------ where it is found


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packs that come with pbr, with an overlay among them."""
    packs = tmp_path / "rules"
    shutil.copytree(packs_folder() / "phase-1", packs / "phase-1")
    folder = packs / "overlays" / "mid-county"
    folder.mkdir(parents=True)
    overlay_in(tmp_path, ABSENCE).rename(folder / "overlay.yaml")
    monkeypatch.setattr(load, "packs_folder", lambda: packs)
    return folder


def test_an_overlay_that_comes_with_pbr_is_found_by_its_id(shipped: Path, tmp_path: Path) -> None:
    assert overlay_ids() == ("mid-county",)
    named = load_pack("phase-1+mid-county")
    ways = [
        load_pack("phase-1", "mid-county"),
        load_pack("phase-1", shipped),
        load_pack("phase-1", shipped / "overlay.yaml"),
        load_pack(f"{shipped.parent.parent}/phase-1+mid-county"),
    ]
    assert {one.digest for one in ways} == {named.digest}
    with pytest.raises(Faults, match="E226"):
        load_pack("phase-1", tmp_path / "workspace" / "mid-county")
    assert named.place("parameters", "result_absence", "values", 1) == "rules/overlays/mid-county/overlay.yaml:8"


def test_an_overlay_that_is_not_there_is_a_fault_that_names_those_that_are(shipped: Path) -> None:
    with pytest.raises(Faults, match=r"E226 mid-country there is no overlay .*did you mean 'mid-county'"):
        load_pack("phase-1+mid-country")


def test_an_overlay_that_comes_with_pbr_has_the_id_of_its_folder(shipped: Path) -> None:
    shipped.rename(shipped.with_name("far-county"))
    with pytest.raises(Faults, match=r"E256 rules/overlays/far-county/overlay\.yaml:1 .*'mid-county'"):
        load_pack("phase-1+far-county")


def test_a_folder_with_a_plus_in_its_name_is_a_folder(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path).rename(tmp_path / "one+two")
    assert load_pack(str(folder)).pack.id == "spoilt"


@pytest.mark.parametrize("overlay", ["mid-county", None])
def test_two_overlays_at_once_are_a_fault(overlay: str | None, shipped: Path, tmp_path: Path) -> None:
    pack = "phase-1+mid-county"
    if overlay is None:
        folder = Path(shutil.copytree(shipped.parent.parent / "phase-1", tmp_path / "carried"))
        shutil.copy(shipped / "overlay.yaml", folder)
        pack = f"{folder}+mid-county"
    with pytest.raises(Faults, match=r"E255 .* there is more than one overlay over phase-1"):
        load_pack(pack, overlay)


def test_the_commands_take_a_pack_with_an_overlay(tmp_path: Path) -> None:
    named = f"phase-1+{overlay_in(tmp_path, ABSENCE)}"
    shown = CliRunner().invoke(main, ["rules", "show", named])
    assert shown.exit_code == 0
    assert "10%, from 2013-09-01 (local), in force on 2015-05-31 [changed by the overlay]" in shown.stdout
    checked = CliRunner().invoke(main, ["rules", "check", named])
    assert checked.stdout.startswith("phase-1+mid-county: fine. ")
    tested = CliRunner().invoke(main, ["rules", "test", named])
    assert (tested.exit_code, tested.stderr.split()[1]) == (1, "E240")


# ------------------------------------------------------------------------------------------------ when it decides

IN_TIME = HEAD + "decided: {from: 2013-09-01, until: 2014-08-31}\n"


def test_an_overlay_decides_on_the_as_of_dates_that_it_names_and_on_no_other(tmp_path: Path) -> None:
    loaded = laid(tmp_path, ABSENCE, IN_TIME)
    for day in (date(2013, 9, 1), date(2014, 8, 31)):
        assert loaded.rules(day).share("result_absence") == Share(10, 100)
    for day in (date(2013, 8, 31), date(2014, 9, 1)):
        with pytest.raises(Faults) as raised:
            loaded.rules(day)
        assert [str(fault).replace(f"{tmp_path}/", "") for fault in raised.value.faults] == [
            "E247 plan.yaml:5 mid-county over phase-1 decides from 2013-09-01 until 2014-08-31, and the as-of date is "
            f"{day}. Choose another as-of date, or phase-1 alone."
        ]
    assert loaded.last_day == date(2014, 8, 31)
    assert laid(tmp_path, ABSENCE).rules(date(2013, 8, 31)).share("result_absence") == Share(15, 100)


def test_whom_the_pack_decides_is_narrowed_to_the_days_of_the_overlay(tmp_path: Path) -> None:
    open_ended = laid(tmp_path / "open", ABSENCE, HEAD + "decided: {from: 2013-09-01}\n")
    both = laid(tmp_path / "both", ABSENCE, IN_TIME)
    assert [(one.decided.start, one.decided.until) for one in open_ended.pack.in_force] == [
        (date(2013, 9, 1), date(2015, 5, 31))
    ]
    assert [(one.decided.start, one.decided.until) for one in both.pack.in_force] == [
        (date(2013, 9, 1), date(2014, 8, 31))
    ]
    assert len({open_ended.digest, both.digest, laid(tmp_path, ABSENCE).digest}) == 3
    shown = CliRunner().invoke(main, ["rules", "diff", f"phase-1+{tmp_path}/both/plan.yaml"])
    assert shown.exit_code == 0, shown.stderr


@pytest.mark.parametrize(
    ("decided", "says"),
    [
        ("2013-09-01", "E207 plan.yaml:5 'decided' does not say from which day"),
        ("{until: 2013-09-01}", "E207 plan.yaml:5 'decided' does not say from which day"),
        ("{from: soon}", "E207 plan.yaml:5 'decided' does not say from which day"),
        ("{from: 2013-09-01, to: 2014-09-01}", "E207 plan.yaml:5 'decided' does not say from which day"),
        ("{from: 2013-09-01, until: 2013-08-31}", "E228 plan.yaml:5 the period ends on 2013-08-31, before it starts"),
        ("{from: 2016-01-01}", "E247 plan.yaml:5 the overlay decides from 2016-01-01, and phase-1 decides nobody"),
    ],
)
def test_days_on_which_an_overlay_cannot_decide(decided: str, says: str, tmp_path: Path) -> None:
    (found,) = said(tmp_path, ABSENCE, f"{HEAD}decided: {decided}\n")
    assert found.startswith(says)


# ----------------------------------------------------------------------------------------------------- whose id it is


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("devon", "the overlay of that id that comes with pbr is another"),
        ("phase-1", "the pack of that id that comes with pbr is another"),
        ("in-force", "that stands for whichever pack was in force"),
    ],
)
def test_an_overlay_does_not_pass_for_anything_that_comes_with_pbr(name: str, says: str, tmp_path: Path) -> None:
    (found,) = said(tmp_path, ABSENCE, HEAD.replace("mid-county", name))
    assert found == f"E246 plan.yaml:1 the overlay's id is '{name}', and {says}"


def test_an_overlay_that_comes_with_pbr_keeps_its_id_wherever_it_lies(tmp_path: Path) -> None:
    elsewhere = shutil.copy(packs_folder() / "overlays" / "devon" / "overlay.yaml", tmp_path / "mine.yaml")
    assert load_pack("phase-2", elsewhere).digest == load_pack("phase-2+devon").digest
    put(tmp_path / "mine.yaml", "value: 10%", "value: 11%")
    with pytest.raises(Faults, match=r"^E246 .*mine\.yaml:\d+ the overlay's id is 'devon'"):
        load_pack("phase-2", elsewhere)
    assert load_pack("phase-2", elsewhere, carried=True).pack.id == "phase-2+devon"


# --------------------------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("id: mid-county\n", "", "E205 plan.yaml:1 'id' is missing in the overlay"),
        ("id: mid-county", "id: Mid County", "E207 plan.yaml:1 'id' cannot be 'Mid County'"),
        ("title: Mid-County's outcome plan", "title: '2013'", "E248 plan.yaml:2 'title' has no letter in it"),
        ("Mid-County Council, Outcome Plan, 2013.", "TBC", "E248 plan.yaml:4 'citation' has fewer than 3 words"),
        ("Mid-County's outcome plan", "'A \u202eplan'", "E249 plan.yaml:2 a character that is not seen, U+202E"),
        ("title: Mid-County's outcome plan", "title: 2013", "E207 plan.yaml:2 'title' is no text"),
        ("over: phase-1\n", "", "E205 plan.yaml:1 'over' is missing in the overlay"),
        ("over: phase-1", "over: phase-2", "E250 plan.yaml:3 the overlay is over 'phase-2', and is put over 'phase-1'"),
        ("citation: M", "cite: M", "E206 plan.yaml:4 'cite' is not a key in the overlay (did you mean 'title'?)"),
        ("over:", "in_force: []\nover:", "E251 plan.yaml:3 'in_force' is whom the programme decides, and when"),
        ("over:", "tariff: {}\nover:", "E251 plan.yaml:3 'tariff' is what the department pays"),
        ("over:", "results: [a]\nover:", "E207 plan.yaml:3 'results' is no set of ids"),
        ("over:", "id: again\nover:", "E203 plan.yaml:3 'id' is given twice"),
        ("over:", "over: [a\nover:", "E202 plan.yaml:"),
        ("over:", "flags:\nover:", "E204 plan.yaml:3 a value is empty"),
    ],
)
def test_a_head_that_is_none(old: str, new: str, says: str, tmp_path: Path) -> None:
    assert old in HEAD
    found = said(tmp_path, ABSENCE, HEAD.replace(old, new))
    assert any(one.startswith(says) for one in found), found
    assert all(" plan.yaml:" in one for one in found)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("standing: local", "standing: verified", "E252 plan.yaml:10 the standing is 'verified', and what an overlay"),
        ("standing: local", "standing: locl", "E207 plan.yaml:10 'standing' cannot be 'locl' (did you mean 'local'?)"),
        ("        citation: Mid-County Council, Outcome Plan, page 4.\n", "", "E205 plan.yaml:8 'citation' is missing"),
        ("value: 10%", "value: 10", "E208 plan.yaml:9 parameter 'result_absence' is in share, and 10 does not fit"),
        ("from: 2013-09-01", "from: soon", "E207 plan.yaml:8 'from' is the text 'soon'; it must be a date"),
        ("    values:", "    unit: share\n    values:", "E253 plan.yaml:7 'result_absence' is a parameter of phase-1"),
        ("    values:", "    title: Ours\n    values:", "E253 plan.yaml:7 'result_absence' is a parameter of phase-1"),
        ("    values:", "    value:", "E205 plan.yaml:6 'values' is missing in parameters 'result_absence'"),
        ("result_absence", "family_cap", "E251 plan.yaml:6 'family_cap' is what the department pays"),
        ("result_absence", "funded_share", "E251 plan.yaml:6 'funded_share' is what the department pays"),
        ("result_absence", "result_absense", "E205 plan.yaml:6 'title' is missing in parameters 'result_absense'"),
        ("result_absence", "Absence", "E207 plan.yaml:6 'Absence' cannot be an id in parameters"),
    ],
)
def test_a_parameter_that_an_overlay_cannot_have(old: str, new: str, says: str, tmp_path: Path) -> None:
    assert old in ABSENCE
    found = said(tmp_path, ABSENCE.replace(old, new))
    assert any(one.startswith(says) for one in found), found
    assert all(" plan.yaml:" in one for one in found)


def test_values_that_are_no_list_of_them_are_faults_of_the_overlay(tmp_path: Path) -> None:
    start = "parameters:\n  result_absence:"
    assert said(tmp_path, f"{start}\n    values: []\n") == ["E207 plan.yaml:7 'values' is empty"]
    assert said(tmp_path, f"{start}\n    values: 10%\n")[0].startswith("E207 plan.yaml:7 'values' is the text '10%'")
    assert said(tmp_path, f"{start} 10%\n") == ["E207 plan.yaml:6 'result_absence' is no set of keys with values"]


def test_local_values_out_of_order_are_a_fault_at_the_later_line(tmp_path: Path) -> None:
    again = ABSENCE[ABSENCE.index("      - from") :].replace("2013-09-01", "2013-01-01")
    (found,) = said(tmp_path, ABSENCE + again)
    assert found.startswith("E215 plan.yaml:12 ")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("standing: local\n    citation: Mid-County Council, Outcome Plan, page 5.\n    before",
         "standing: derived\n    citation: Mid-County Council, Outcome Plan, page 5.\n    before",
         "E252 plan.yaml:25 the standing is 'derived'"),
        ("before: asb_reduced", "before: asb_reduce", "E254 plan.yaml:27 there is nothing of that id in results"),
        ("before: asb_reduced", "before: education", "E254 plan.yaml:27 there is nothing of that id in results"),
        ("before: asb_reduced", "before: calm", "E254 plan.yaml:27 there is nothing of that id in results"),
        ("  calm:", "  asb_reduced:", "E254 plan.yaml:27 'asb_reduced' is of phase-1, and is replaced where it stands"),
        ("  calm:", "  education:", "E227 plan.yaml:23 'education' is already the id of something in eligibility"),
        ("results:", "routes:", "E251 plan.yaml:23 'calm' is no route of phase-1, and what a route pays"),
        ("less_than: calm_incidents", "less_than: 1", "E207 plan.yaml:30 'less_than' is 1; it must name a parameter"),
        ("less_than: calm_incidents", "less_than: calm", "E211 plan.yaml:30 there is no parameter 'calm'"),
        ("less_than: calm_incidents", "less_than: result_absence", "E212 plan.yaml:30 'less_than' needs a parameter"),
        ("less_than: calm_incidents", "less_than: comparable_events", "E213 plan.yaml:14 nothing reads parameter"),
        ("asb_incidents,", "asb_incident,", "E209 plan.yaml:29 there is no measure 'asb_incident'"),
    ],
)  # fmt: skip
def test_a_criterion_that_an_overlay_cannot_have(old: str, new: str, says: str, tmp_path: Path) -> None:
    assert old in CALL_OUTS
    found = said(tmp_path, CALL_OUTS.replace(old, new))
    assert any(one.startswith(says) for one in found), found
    assert all(" plan.yaml:" in one for one in found)


def test_all_faults_of_an_overlay_are_told_at_once(tmp_path: Path) -> None:
    text = CALL_OUTS.replace("standing: local", "standing: verified").replace("before: asb_reduced", "before: nothing")
    codes = [one.split()[0] for one in said(tmp_path, text.replace("value: 6", "value: six"))]
    assert sorted(codes) == ["E208", "E252", "E252", "E252", "E254"]


def test_a_fault_that_the_overlay_brings_on_a_national_rule_says_so(tmp_path: Path) -> None:
    text = ABSENCE.replace("result_absence", "eligible_on_national_criteria").replace("10%", "4")
    folder = free_copy_of_phase_1(tmp_path)
    with pytest.raises(
        Faults, match=r"^E225 .*eligibility\.yaml:\d+ with mid-county over it, 'eligible_on.* is 4 from 2013"
    ) as raised:
        load_pack(folder, overlay_in(tmp_path, text, OVER_A_COPY))
    assert len(raised.value.faults) == 1


def test_a_pack_with_faults_tells_its_own_first(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / "results.yaml", "less_than: result_absence", "less_than: nothing")
    with pytest.raises(Faults) as raised:
        load_pack(folder, overlay_in(tmp_path, ABSENCE.replace("10%", "ten")))
    assert {fault.code for fault in raised.value.faults} == {"E211"}
