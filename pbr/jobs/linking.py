"""How a workspace's records are linked: its settings, its model, and the reviewers' decisions in its ledger."""

from __future__ import annotations

import polars as pl

from pbr.canonical import digest, text_digest
from pbr.claims.contract import Linkage
from pbr.errors import Fault, Faults
from pbr.jobs.key import key_of
from pbr.jobs.shared_key import shared_keys
from pbr.ledger import Ledger
from pbr.linkage import Method
from pbr.linkage.probabilistic import Model
from pbr.linkage.review import DECISIONS
from pbr.workspace import Workspace


def method_of(workspace: Workspace) -> Method:
    """How the workspace links.

    Raises Faults: E320-E322 its model, E365 a key that it shares, E503 its own key, E601-E611 its ledger.
    """
    settings = workspace.linkage
    decisions = _standing(workspace)
    model = None
    if settings.probabilistic is not None:
        model = Model.load(workspace.root / settings.probabilistic.model, settings.probabilistic.model)
    key = b""
    if not decisions.is_empty():
        found = key_of(workspace)
        if found is None:
            what = "is not there, and reviewers' decisions in the ledger were made under it"
            raise Faults(Fault("E503", workspace.key_path.name, what, "Restore it: without it none of them holds."))
        key = found
    return Method(settings, model, decisions, key, shared_keys(workspace))


def recorded(method: Method) -> Linkage:
    """The same for the record of a run."""
    settings, by_weight = method.settings, method.settings.probabilistic
    decided = method.decisions.select("details_key", "person_id", "verdict").sort(pl.all()).rows()
    return Linkage(
        passes=tuple(settings.passes),
        gives=dict(sorted(settings.gives.items())),
        most_pairs=settings.most_pairs,
        confirmed_from=by_weight.confirmed_from if by_weight else None,
        possible_from=by_weight.possible_from if by_weight else None,
        model=text_digest(method.model.text) if method.model else None,
        decisions=len(decided),
        decisions_digest=digest([list(row) for row in decided]),
    )


def _standing(workspace: Workspace) -> pl.DataFrame:
    """The decisions that stand; none where there is no ledger yet."""
    if not workspace.ledger_path.exists():
        return pl.DataFrame(schema=DECISIONS)
    with Ledger.read(workspace.ledger_path) as ledger:
        return ledger.decisions()
