"""Bundles changed by somebody who knows how they are made: an edit, and every digest and total made again around it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from pbr.claims import bag
from pbr.claims.bundle import batch_id, manifest_digest
from pbr.claims.contract import TABLES, BatchRun, read, readable_json, written
from pbr.claims.select import claim_line_id
from pbr.ledger import Ledger, Signer
from tests.jobs.authorities import bundle_of
from tests.ledger.made_batches import NOON
from tests.ledger.made_people import register

Edit = Callable[[pl.DataFrame], pl.DataFrame]


def forged(bundle: Path, folder: Path, run: dict[str, Any] | None = None, **tables: Edit) -> Path:
    """A copy of a bundle in which some tables (`claim_csv=…`) or parts of its run are others, and which verifies."""
    return _sealed(bundle, folder, lambda data: _edit(data, run or {}, tables))


def with_rule(bundle: Path, folder: Path, file: str, old: str, new: str, run: dict[str, Any] | None = None) -> Path:
    """A copy of a bundle in which a piece of a rule file is another, and which verifies."""

    def edit(data: Path) -> None:
        path = data / "rules" / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
        _edit(data, run or {}, {})

    return _sealed(bundle, folder, edit)


def with_page(bundle: Path, folder: Path, page: str, old: str, new: str) -> Path:
    """A copy of a bundle in which a page says something else, and which verifies."""

    def edit(data: Path) -> None:
        text = (data / page).read_text("utf-8")
        assert old in text
        (data / page).write_text(text.replace(old, new), "utf-8")

    return _sealed(bundle, folder, edit)


def renumbered(claim: pl.DataFrame) -> pl.DataFrame:
    """Claim lines whose ids fit what they say."""
    rows = [row | {"flags": row["flags"] or ""} for row in claim.iter_rows(named=True)]
    return claim.with_columns(claim_line_id=pl.Series([claim_line_id(row) for row in rows], dtype=pl.String))


def reentered(root: Path, fake: Path, by: Signer) -> None:
    """Put a forged bundle in the place of a workspace's one bundle, in a new ledger that knows no other."""
    bundle, claim = bundle_of(root), read("claim.csv", (fake / "data" / "claim.csv").read_bytes())
    with Ledger.read(root / "ledger.sqlite") as ledger:
        (entry,) = [each for each in ledger.entries() if each.kind == "prepared"]
    shutil.rmtree(bundle)
    (root / "ledger.sqlite").unlink()
    shutil.move(fake, root / "batches" / fake.name)
    by_decision = {(line["decision_id"], line["route"]): line for line in entry.says["lines"]}
    lines = [
        by_decision[row["decision_id"], row["route"]]
        | {"line_id": row["claim_line_id"], "amount_pence": row["amount_pence"]}
        for row in claim.iter_rows(named=True)
    ]
    said = {"bundle": fake.name, "manifest_digest": manifest_digest(root / "batches" / fake.name), "lines": lines}
    with Ledger.open(root / "ledger.sqlite", create=True) as ledger:
        register(ledger)
        batch = fake.name.rsplit("-", 1)[1]
        ledger.append("prepared", batch, entry.says | said, at=NOON, by=by)


def _edit(data: Path, run: dict[str, Any], tables: dict[str, Edit]) -> None:
    for name, edit in tables.items():
        file = ".".join(name.rsplit("_", 1))
        (data / file).write_bytes(written(file, edit(read(file, (data / file).read_bytes()))))
    said = json.loads((data / "run.json").read_bytes()) | run
    (data / "run.json").write_bytes(readable_json(said))


def _sealed(bundle: Path, folder: Path, edit: Callable[[Path], None]) -> Path:
    made = Path(shutil.copytree(bundle, folder / "forgery"))
    data = made / "data"
    edit(data)
    contents = {file: (data / file).read_bytes() for file in TABLES}
    claim, decisions = (
        read("claim.csv", contents["claim.csv"]),
        read("decisions.parquet", contents["decisions.parquet"]),
    )
    said = json.loads((data / "run.json").read_bytes())
    said |= {"lines": claim.height, "amount_pence": int(claim["amount_pence"].sum())}
    run = BatchRun.model_validate_json(json.dumps(said))
    said["batch_id"] = batch_id(run, contents, decisions["decision_id"])
    (data / "run.json").write_bytes(readable_json(said))
    run = BatchRun.model_validate_json((data / "run.json").read_bytes())
    payload = {str(path.relative_to(made)): bag.Content.of_file(path) for path in data.rglob("*") if path.is_file()}
    for name, content in bag.tag_files(run, payload).items():
        (made / name).write_bytes(content)
    return made.rename(folder / run.bundle_name)
