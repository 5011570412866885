"""Whatever people decide about open links, no family's pay changes that was not in the queue with money at stake.

Workspaces are made at random, their links are resolved one way and another by decisions in the ledger as a reviewer
enters them, and what every family could be paid is worked out before and after by a preparation's own steps.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import polars as pl
import pytest

from pbr.claims.select import Circumstances, select
from pbr.jobs import review
from pbr.jobs.decide import measure_workspace, run_engines
from pbr.jobs.prepare import history_of
from pbr.ledger.store import LIVE_LINES
from tests.jobs.open_links import AS_OF, random_extra, suspensions, write

NOON = datetime(2014, 11, 3, 12, tzinfo=UTC)
FAMILIES = 8
Choice = dict[str, str | None]
"""For each details key the person who is accepted; None where all are rejected."""


def payable(workspace: Path) -> dict[str, int]:
    """Pence by family: what is in the batch, and what would be held for a person."""
    measurement = measure_workspace(workspace, AS_OF)
    findings = run_engines(measurement.cohorts, ["bulk"])
    (pack,) = measurement.packs
    history = history_of(pl.DataFrame(schema=LIVE_LINES), measurement)
    of = Circumstances("E06000034", "", AS_OF, None, None, 0)
    selected = select(measurement.families, findings, history, pack.rules(AS_OF), of)
    lines = pl.concat([each.select("family_id", "amount_pence") for each in (selected.lines, selected.held)])
    paid = dict(lines.group_by("family_id").agg(pl.col("amount_pence").sum()).iter_rows())
    return {family_id: paid.get(family_id, 0) for family_id in measurement.families["family_id"]}


def candidates(queue: pl.DataFrame) -> dict[str, list[str]]:
    by_details = queue.group_by("details_key").agg(pl.col("person_id").sort()).sort("details_key")
    return {key: list(people) for key, people in by_details.iter_rows()}


def resolved(workspace: Path, queue: pl.DataFrame, choice: Choice, folder: Path) -> Path:
    """A copy of the workspace in which a reviewer has chosen."""
    shutil.rmtree(folder, ignore_errors=True)
    copy = Path(shutil.copytree(workspace, folder))
    record = {row["details_key"]: (row["source"], row["record_id"]) for row in queue.iter_rows(named=True)}
    answers = []
    for key, people in candidates(queue).items():
        if key not in choice:
            continue
        source, record_id = record[key]
        chosen = choice[key]
        verdicts = [("accept", chosen)] if chosen else [("reject", person) for person in people]
        answers += [
            review.Answer("test", source, record_id, str(person), verdict, "for the test", key)
            for verdict, person in verdicts
        ]
    review.review(copy, answers, at=NOON, by="r.patel")
    return copy


def at_stake(queue: pl.DataFrame) -> dict[str, int]:
    """The most that is at stake on any one link, by family."""
    split = queue.with_columns(pl.col("family_ids").str.split(";")).explode("family_ids")
    return dict(split.group_by("family_ids").agg(pl.col("at_stake_pence").max()).iter_rows())


def ways(queue: pl.DataFrame, dice: random.Random, at_most: int) -> Iterator[Choice]:
    """All ways to resolve the links, where they are few; else all rejected, and some drawn."""
    options: dict[str, list[str | None]] = {key: [None, *people] for key, people in candidates(queue).items()}
    every = [dict(zip(options, each, strict=True)) for each in product(*options.values())] if len(options) < 4 else []
    if every:
        yield from every
        return
    yield dict.fromkeys(options)
    for _ in range(at_most - 1):
        yield {key: dice.choice(people) for key, people in options.items()}


@pytest.mark.parametrize("seed", range(3))
def test_a_family_whose_pay_changes_when_links_are_resolved_was_in_the_queue(tmp_path: Path, seed: int) -> None:
    workspace = write(tmp_path / "authority", FAMILIES, *random_extra(seed, FAMILIES))
    queue = review.queue(workspace, AS_OF).links
    stake, before = at_stake(queue), payable(workspace)
    changed = set()
    for choice in ways(queue, random.Random(seed), 4):
        after = payable(resolved(workspace, queue, choice, tmp_path / "resolved"))
        for family_id, pence in after.items():
            if pence != before[family_id]:
                changed.add(family_id)
                assert stake.get(family_id, 0) > 0, (family_id, choice)
    assert changed


def test_one_answer_changes_no_family_by_more_than_was_at_stake_on_it(tmp_path: Path) -> None:
    workspace = write(tmp_path / "authority", FAMILIES, *random_extra(11, FAMILIES))
    queue = review.queue(workspace, AS_OF).links
    before = payable(workspace)
    details = [key for key, people in candidates(queue).items() if len(people) == 1]
    for key in random.Random(11).sample(details, 3):
        (row,) = queue.filter(pl.col("details_key") == key).to_dicts()
        for person in (row["person_id"], None):
            after = payable(resolved(workspace, queue, {key: person}, tmp_path / "resolved"))
            assert sum(abs(after[family_id] - before[family_id]) for family_id in before) <= row["at_stake_pence"], row


def test_two_links_that_only_together_lose_a_result_are_both_at_stake(tmp_path: Path) -> None:
    both = [*suspensions("C1", 2, "X"), *suspensions("C1", 1, "Y", surname="Ash-Beck", nino="XA123456C")]
    workspace = write(tmp_path / "authority", 1, both)
    queue = review.queue(workspace, AS_OF).links
    assert queue.select("record_id", "at_stake_pence").rows() == [("X1", 150000), ("Y1", 150000)]
    found = {
        tuple(choice.values()): payable(resolved(workspace, queue, choice, tmp_path / "resolved"))["F1"]
        for choice in ways(queue, random.Random(0), 4)
    }
    assert found == {(None, None): 150000, (None, "C1"): 150000, ("C1", None): 150000, ("C1", "C1"): 0}
