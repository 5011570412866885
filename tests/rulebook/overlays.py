"""Overlays to lay over Phase 1: a made-up council's plan, written to a folder of its own."""

from __future__ import annotations

from pathlib import Path

from pbr.errors import Fault, Faults
from pbr.rulebook.load import LoadedPack, load_pack

HEAD = """\
id: mid-county
title: Mid-County's outcome plan
over: phase-1
citation: Mid-County Council, Outcome Plan, 2013.
"""
ABSENCE = """\
parameters:
  result_absence:
    values:
      - from: 2013-09-01
        value: 10%
        standing: local
        citation: Mid-County Council, Outcome Plan, page 4.
"""
CALL_OUTS = """\
parameters:
  calm_months:
    title: Months in which a family has no incident
    unit: months
    values:
      - from: 2012-04-01
        value: 6
        standing: local
        citation: Mid-County Council, Outcome Plan, page 5.
  calm_incidents:
    title: Incidents that are too many
    unit: count
    values:
      - from: 2012-04-01
        value: 1
        standing: local
        citation: Mid-County Council, Outcome Plan, page 5.
results:
  calm:
    title: No incident in six months
    standing: local
    citation: Mid-County Council, Outcome Plan, page 5.
    before: asb_reduced
    test:
      measure: {name: asb_incidents, last_months: calm_months}
      less_than: calm_incidents
"""
RESTLESS = """\
flags:
  restless:
    title: An incident in six months
    citation: Mid-County Council, Outcome Plan, page 5.
    kind: condition
    unless: {criterion: calm}
"""
"""A flag that reads the criterion."""


def overlay_in(folder: Path, text: str, head: str = HEAD) -> Path:
    """The overlay's file."""
    folder.mkdir(exist_ok=True)
    path = folder / "plan.yaml"
    path.write_text(head + text, encoding="utf-8")
    return path


def laid(folder: Path, text: str, head: str = HEAD) -> LoadedPack:
    """Phase 1 with the overlay over it."""
    return load_pack("phase-1", overlay_in(folder, text, head))


def faults_of(folder: Path, text: str, head: str = HEAD) -> list[Fault]:
    """What laying it over Phase 1 reports, each place without the folder; nothing when it fits."""
    try:
        laid(folder, text, head)
    except Faults as faults:
        return [Fault(f.code, f.place.replace(f"{folder}/", ""), f.what, f.next_step) for f in faults.faults]
    return []
