"""What a council's plan cannot touch: what the framework fixes, flags that hold lines, and the needs of a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbr.errors import Faults
from pbr.rulebook.book import rulebook
from pbr.rulebook.diff import differences
from pbr.rulebook.load import load_pack
from tests.rulebook.overlays import ABSENCE, HEAD, faults_of, overlay_in
from tests.rulebook.packs import free_copy_of_phase_1, line_of, put

P, R, F = "parameters.yaml", "results.yaml", "flags.yaml"
SAME_RESULT = """\
results:
  asb_reduced:
    title: Hardly any incident
    standing: local
    citation: Mid-County Council, Outcome Plan, page 6.
    test:
      measure: {name: asb_incidents, last_months: asb_result_months}
      at_most: comparable_events
"""
ROUTE = """\
routes:
  progress_to_work:
    title: A start towards work
    standing: local
    citation: Mid-County Council, Outcome Plan, page 7.
    turned_around: false
    test: {criterion: progress_to_work_made}
"""
FLAG = """\
flags:
  {name}:
    title: Look at it
    citation: Mid-County Council, Outcome Plan, page 8.
    kind: condition
    holds: {holds}
    release: Show why.
    when: {{criterion: education}}
"""


def with_fixed(folder: Path, file: str, entry: str) -> Path:
    pack = free_copy_of_phase_1(folder)
    put(pack / file, f"  {entry}:\n", f"  {entry}:\n    fixed: true\n")
    return pack


def told(pack: Path, folder: Path, text: str) -> list[str]:
    over = load_pack(pack).pack.id
    try:
        load_pack(pack, overlay_in(folder, text, HEAD.replace("over: phase-1", f"over: {over}")))
    except Faults as faults:
        return [f"{fault.code} {fault.place.replace(f'{folder}/', '')} {fault.what}" for fault in faults.faults]
    return []


@pytest.mark.parametrize(
    ("file", "entry", "text"),
    [
        (P, "result_absence", ABSENCE),
        (R, "asb_reduced", SAME_RESULT),
        (R, "progress_to_work", ROUTE),
        (F, "school_leaver", FLAG.format(name="school_leaver", holds="true")),
    ],
)
def test_what_the_framework_fixes_is_no_councils_to_change(file: str, entry: str, text: str, tmp_path: Path) -> None:
    free = free_copy_of_phase_1(tmp_path / "free")
    assert told(free, tmp_path, text) == []
    (found,) = told(with_fixed(tmp_path, file, entry), tmp_path, text)
    assert found.startswith(f"E258 plan.yaml:6 '{entry}' is fixed by the framework (")


def test_an_overlay_fixes_nothing_itself(tmp_path: Path) -> None:
    text = SAME_RESULT.replace("    standing", "    fixed: true\n    standing")
    (found,) = faults_of(tmp_path, text)
    assert (found.code, found.place) == ("E258", "plan.yaml:8")


def test_a_flag_that_holds_is_replaced_by_nothing_and_another_only_by_one_that_holds(tmp_path: Path) -> None:
    pack = free_copy_of_phase_1(tmp_path)
    assert told(pack, tmp_path, FLAG.format(name="neutral_only", holds="true")) == [
        "E258 plan.yaml:6 flag 'neutral_only' of spoilt holds lines for a person, and no overlay replaces such a flag"
    ]
    assert told(pack, tmp_path, FLAG.format(name="school_leaver", holds="false")) == [
        "E258 plan.yaml:6 flag 'school_leaver' of spoilt would be replaced by one that holds nothing"
    ]
    assert told(pack, tmp_path, FLAG.format(name="school_leaver", holds="true")) == []
    assert told(pack, tmp_path, FLAG.format(name="of_our_own", holds="false")) == []


def test_what_is_fixed_counts_in_the_digest_and_what_is_not_leaves_it_as_it_was(tmp_path: Path) -> None:
    digests = {"free": load_pack(free_copy_of_phase_1(tmp_path / "free")).digest}
    for file, entry in ((P, "result_absence"), (R, "asb_reduced"), (R, "progress_to_work"), (F, "near_threshold")):
        loaded = load_pack(with_fixed(tmp_path / entry, file, entry))
        digests[entry] = loaded.digest
    assert len(set(digests.values())) == 5
    said = free_copy_of_phase_1(tmp_path)
    put(said / R, "  asb_reduced:\n", "  asb_reduced:\n    fixed: false\n")
    assert load_pack(said).digest == digests["free"]


def test_the_rulebook_and_the_comparison_say_what_is_fixed(tmp_path: Path) -> None:
    free = load_pack(free_copy_of_phase_1(tmp_path / "free"))
    pack = with_fixed(tmp_path, P, "result_absence")
    put(pack / R, "  attendance_improved:\n", "  attendance_improved:\n    fixed: true\n")
    book = rulebook(load_pack(pack))
    (entry,) = (one for one in book.entries if one.id == "attendance_improved")
    assert entry.lines[-1] == (0, "fixed by the framework")
    assert [figure.title for figure in entry.figures if figure.parameter == "result_absence"] == [
        "Unauthorised absence that each child must stay below, fixed by the framework"
    ]
    found = [(one.part, one.id, one.what, one.before, one.after) for one in differences(free, load_pack(pack))]
    assert found == [
        ("parameter", "result_absence", "fixed", "", "fixed by the framework"),
        ("result", "attendance_improved", "fixed", "", "fixed by the framework"),
    ]


NEEDS = """\
parameters:
  discretion_need:
    values:
      - {{from: {start}, value: {value}, standing: local, citation: "Mid-County Council, Outcome Plan, page 9."}}
"""


def test_an_overlay_renames_no_need(tmp_path: Path) -> None:
    (found,) = faults_of(tmp_path, NEEDS.format(start="2013-04-01", value="something_else"))
    assert (found.code, found.place) == ("E259", "plan.yaml:8")
    assert found.what == "'discretion_need' would be without local_discretion, which phase-1 has among its needs"


LISTED = """\
parameters:
  all_needs:
    values:
      - {{from: {start}, value: [{value}], standing: local, citation: "Mid-County Council, Outcome Plan, page 9."}}
"""


def with_two_lists(folder: Path) -> Path:
    pack = free_copy_of_phase_1(folder)
    put(
        pack / R,
        "    test:\n      criterion: progress_to_work_made",
        "    test:\n      all_of:\n        - {criterion: progress_to_work_made}\n        - {criterion: all_met}",
    )
    put(
        pack / R,
        "\nroutes:\n",
        "\n  all_met:\n    title: All needs met\n    citation: A framework of needs.\n    standing: local\n    test:\n"
        "      measure: {name: needs_outstanding, needs: all_needs}\n      less_than: comparable_events\n\nroutes:\n",
    )
    with (pack / P).open("a", encoding="utf-8") as parameters:
        parameters.write("\n  all_needs:\n    title: Needs\n    unit: codes\n    values:\n")
        for start, value in (("2012-04-01", "debt, neet"), ("2014-04-01", "debt, health")):
            parameters.write(f"      - from: {start}\n        value: [{value}]\n        standing: local\n")
            parameters.write("        citation: A framework of needs.\n")
    return pack


@pytest.mark.parametrize(
    ("start", "value", "lost"),
    [
        ("2013-04-01", "debt, neet, health", ""),
        ("2013-04-01", "debt, neet, health, more", ""),
        ("2013-04-01", "debt, neet", "health"),
        ("2013-04-01", "debt, more", "health, neet"),
        ("2014-04-01", "debt, health", ""),
        ("2014-04-01", "neet, health", "debt"),
        ("2012-01-01", "debt, health", "neet"),
        ("2015-01-01", "debt", "health"),
    ],
)
def test_an_overlay_adds_needs_to_a_list_and_takes_none_away(start: str, value: str, lost: str, tmp_path: Path) -> None:
    pack = with_two_lists(tmp_path)
    found = told(pack, tmp_path, LISTED.format(start=start, value=value))
    assert found == [
        f"E259 plan.yaml:8 'all_needs' would be without {lost}, which {load_pack(pack).pack.id} has among its needs"
    ] * bool(lost)


def test_a_local_list_is_held_to_the_needs_of_its_own_days(tmp_path: Path) -> None:
    text = LISTED.format(start="2013-04-01", value="debt, neet") + LISTED.format(
        start="2014-04-01", value="debt, health"
    ).replace("parameters:\n  all_needs:\n    values:\n", "")
    pack = with_two_lists(tmp_path)
    assert line_of(pack / P, "all_needs") and told(pack, tmp_path, text) == []
