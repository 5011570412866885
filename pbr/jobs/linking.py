"""How a workspace's records are linked: its settings, its model, and the reviewers' decisions in its ledger."""

from __future__ import annotations

import polars as pl

from pbr.canonical import digest, text_digest
from pbr.claims.contract import Linkage
from pbr.errors import Fault, Faults
from pbr.jobs.key import key_check, key_of
from pbr.jobs.shared_key import shared_keys
from pbr.ledger import Ledger
from pbr.linkage import Method
from pbr.linkage.probabilistic import Model
from pbr.workspace import Workspace


def method_of(workspace: Workspace) -> Method:
    """How the workspace links.

    Raises Faults: E320-E322 its model, E365 a key that it shares, E503 its own key, E601-E611 its ledger.
    """
    settings = workspace.linkage
    decisions, key = _standing(workspace)
    model = None
    if settings.probabilistic is not None:
        model = Model.load(workspace.root / settings.probabilistic.model, settings.probabilistic.model)
    return Method(settings, model, decisions, key, shared_keys(workspace))


def recorded(method: Method) -> Linkage:
    """The same for the record of a run."""
    settings, by_weight = method.settings, method.settings.probabilistic
    decided = method.decisions.drop("seq").sort(pl.all()).rows()
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


def _standing(workspace: Workspace) -> tuple[pl.DataFrame, bytes]:
    """The decisions that stand and the key under which all of them were made; none where there is no ledger yet."""
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        decisions, by_key = ledger.decisions(), ledger.decisions_by_key()
    if decisions.is_empty():
        return decisions, b""
    key = key_of(workspace)
    lost = sum(count for check, count in by_key.items() if key is None or check != key_check(key))
    if key is not None and not lost:
        return decisions, key
    problem = "is not there" if key is None else "is another key"
    standing = "1 reviewers' decision stands" if lost == 1 else f"{lost} reviewers' decisions stand"
    what = f"{problem}: {standing} in the ledger that {'was' if lost == 1 else 'were'} made under the one before"
    raise Faults(Fault("E503", workspace.key_path.name, what, "Restore that key: without it none of them holds."))
