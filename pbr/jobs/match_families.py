"""Match families: a workspace in; what seems wrong with its families' lists of members out.

Reads the extracts, links them, and reads the live claim lines of the ledger. Nothing is merged, and nothing written.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pbr.jobs.decide import Gathered, Say, gather
from pbr.ledger import Ledger
from pbr.linkage.families import FamiliesReport, look_at_families
from pbr.workspace import Workspace


def match_families(
    workspace: Workspace | Path | str, as_of: date | None = None, say: Say = lambda step: None
) -> FamiliesReport:
    """Persons under two ids, families regrouped, and members that lists lack, of a workspace's families.

    With `as_of`, of the families engaged and the records dated before it. The live claim lines are those that the
    ledger holds now. Raises Faults of the extracts and of the ledger, and E311 where a key would make too many pairs.
    """
    return families_report(gather(workspace, say), as_of, say)


def families_report(gathered: Gathered, as_of: date | None = None, say: Say = lambda step: None) -> FamiliesReport:
    """The same of a workspace that is read and linked already."""
    say("compare members with members")
    workspace, evidence = gathered.workspace, gathered.evidence
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        live = ledger.live_lines()
    most_pairs = workspace.linkage.most_pairs
    return look_at_families(gathered.extracts, evidence.details, evidence.links, live, most_pairs, as_of)
