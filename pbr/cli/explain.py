"""`pbr explain`: one family's decision as a tree, from route to record."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path

import click
from rich.text import Text
from rich.tree import Tree

from pbr.cli.console import date_option, people, progress, show_json
from pbr.engines.trace import Ruling, Step
from pbr.jobs.explain import Explanation
from pbr.jobs.explain import explain as explain_family
from pbr.rulebook import words
from pbr.values import pounds

COLOURS = {"met": "green", "not_met": "red", "unknown": "yellow", "not_applicable": "dim"}
SIGNS = {"met": "✓", "not_met": "✗", "unknown": "?", "not_applicable": "–"}
PARTS = {"route": "Routes", "eligibility": "Eligibility, at engagement", "result": "Results"}
SHOWN_RECORDS = 6


@click.command()
@click.argument("place", metavar="WORKSPACE|BUNDLE", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("family")
@date_option("--as-of", help="The day to decide for; needed for a workspace, given by a bundle.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
def explain(place: Path, family: str, as_of: date | None, as_json: bool) -> None:
    """Explain the decision of FAMILY: each criterion in words, its value against the limit, and the records behind it.

    For what is not met or unknown it says what evidence would change it. In a bundle, FAMILY may be a family_ref.

    \b
    Example:  pbr explain demo F000012 --as-of 2014-10-31
    """
    with progress("Explaining") as step:
        explanation = explain_family(place, family, as_of, step)
    if as_json:
        show_json(asdict(explanation))
    else:
        people().print(_tree(explanation))


def _tree(explanation: Explanation) -> Tree:
    traced = explanation.trace
    tree = Tree(Text(f"Family {traced.family_id}, engaged {traced.engaged_on}, decided as of {traced.as_of}", "bold"))
    tree.add(f"{traced.pack}; rules {traced.pack_digest[:12]}; decision {traced.decision_id[:12]}")
    for line in explanation.lines:
        why = f" ({line.why})" if line.why else ""
        tree.add(Text(f"{line.state}: {words.verdict(line.route)}, {pounds(line.amount_pence)}{why}", "bold"))
    if explanation.set_apart:
        apart = tree.add(Text("Rows in quarantine about this family", "bold"))
        for row in explanation.set_apart:
            apart.add(Text(row, "yellow"))
    for part, title in PARTS.items():
        branch = tree.add(Text(title, "bold"))
        for ruling in traced.rulings:
            if ruling.part == part:
                _add_ruling(branch, ruling, explanation)
    return tree


def _add_ruling(branch: Tree, ruling: Ruling, explanation: Explanation) -> None:
    said = Text(f"{SIGNS[ruling.step.verdict]} {ruling.title} ({ruling.item}): ", COLOURS[ruling.step.verdict])
    said.append(words.verdict(ruling.step.verdict, ruling.step.reason), "bold")
    if ruling.part == "route" and ruling.item in explanation.fees and explanation.most_pence is not None:
        fee, most = pounds(explanation.fees[ruling.item]), pounds(explanation.most_pence)
        pays = "pays" if ruling.step.verdict == "met" else "would pay"
        said.append(f"; {pays} {fee}, within {most} for all routes together")
    if ruling.flags:
        said.append(f"; flags: {', '.join(ruling.flags)}")
    node = branch.add(said)
    node.add(Text(f"{ruling.citation} [{ruling.standing}]", "italic dim"))
    _add_step(node, ruling.step, explanation)


def _add_step(branch: Tree, step: Step, explanation: Explanation, about: str = "") -> None:
    said = Text(f"{SIGNS[step.verdict]} ", COLOURS[step.verdict])
    said.append(f"{step.subject_id}: " if step.subject_id not in ("", about) else "")
    said.append(step.says)
    if step.found:
        said.append(f" — {step.found}", "bold")
    if step.verdict in ("unknown", "not_applicable"):
        said.append(f" — {words.verdict(step.verdict, step.reason)}", "bold")
    node = branch.add(said)
    if step.would_change:
        node.add(Text(f"it would take {step.would_change}", COLOURS[step.verdict]))
    if step.records:
        records = node.add(Text("records", "dim"))
        for record in step.records[:SHOWN_RECORDS]:
            records.add(Text(_told(record, explanation), "dim"))
        if (more := len(step.records) - SHOWN_RECORDS) > 0:
            records.add(Text(f"and {more} more", "dim"))
    for part in step.parts:
        _add_step(node, part, explanation, step.subject_id)


def _told(record: str, explanation: Explanation) -> str:
    """A record with its days, what it says and where it stands."""
    told = [
        f"{each.dated}{f' to {each.until}' if each.until else ''} {each.says} ({each.place})"
        for each in explanation.records.get(record, ())
    ]
    return f"{record}: {'; and '.join(told)}"
