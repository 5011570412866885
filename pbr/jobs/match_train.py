"""Train: the model of the probabilistic pass, from a workspace's own records, into a file of the workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pbr import sources
from pbr.jobs.decide import Say, require_not_read_from
from pbr.linkage.details import Details
from pbr.linkage.passes import link
from pbr.linkage.people import People
from pbr.linkage.probabilistic import Model, train
from pbr.workspace import LinkageSettings, ProbabilisticSettings, Workspace

BY_NUMBER = LinkageSettings(passes=("person_id", "identifier"))
"""The passes whose confirmed links say how often one person's names, birth and address agree."""


@dataclass(frozen=True)
class Trained:
    """`path`: where the model is written. `changed`: whether another model was there, or none. `to_add`: the lines that
    `pbr.toml` lacks to link with it, in TOML; empty where it has them.
    """

    model: Model
    path: Path
    changed: bool
    to_add: str


def train_model(workspace: Workspace | Path | str, out: Path | None = None, say: Say = lambda step: None) -> Trained:
    """Train a model on all records of a workspace, and write it to `out`, or to the file that `pbr.toml` names.

    Raises Faults: E311 a key that would make too many pairs, E323 too little to train on, E407 a file that the
    workspace is read from, and those of reading.
    """
    workspace = Workspace.of(workspace)
    settings = workspace.linkage
    extracts = sources.read(workspace, say)
    named = settings.probabilistic.model if settings.probabilistic else ProbabilisticSettings().model
    path = out or workspace.root / named
    require_not_read_from(path, extracts, workspace.root)
    say("link by person id and number")
    details, people = Details.of(extracts), People.of(extracts["members"].accepted)
    links = link(details, people, BY_NUMBER.model_copy(update={"most_pairs": settings.most_pairs}))
    sure = links.filter(pl.col("status") == "confirmed").select("detail", "person_id")
    say("train")
    model = train(details, people, sure, settings.most_pairs)
    before = path.read_bytes() if path.is_file() else None
    model.save(path)
    return Trained(model, path, before != path.read_bytes(), _to_add(workspace, path))


def _to_add(workspace: Workspace, path: Path) -> str:
    """A model that the workspace does not name counts for nothing."""
    inside = path.resolve().is_relative_to(workspace.root.resolve())
    named = path.resolve().relative_to(workspace.root.resolve()).as_posix() if inside else str(path)
    if workspace.linkage.probabilistic is not None and workspace.linkage.probabilistic.model == named:
        return ""
    passes = [each for each in workspace.linkage.passes if each != "probabilistic"]
    listed = ", ".join(f'"{each}"' for each in [*passes, "probabilistic"])
    return f'[linkage]\npasses = [{listed}]\n\n[linkage.probabilistic]\nmodel = "{named}"\n'
