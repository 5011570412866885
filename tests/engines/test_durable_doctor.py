"""`pbr doctor` says which engines decide here, and fails where a claim could not be decided twice."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from pbr.cli.doctor import doctor as command
from pbr.engines import bulk, durable
from pbr.engines.durable import ruleset
from pbr.errors import Fault, Faults
from pbr.jobs import doctor as job
from pbr.jobs.doctor import doctor


def states() -> dict[str, tuple[bool, str]]:
    return {state.engine: (state.works, state.note) for state in doctor().engines}


def failing(*given: Any) -> pl.DataFrame:
    raise Faults(Fault("E423", "pack", "durable-rules failed: it ran out of memory", ""))


def test_the_engines_that_are_here_decide_alike() -> None:
    expected = {"bulk": True, "reference": True, "durable": durable.available()}
    assert {engine: works for engine, (works, _) in states().items()} == expected
    assert doctor().is_fit


def test_versions_are_those_of_pbr_and_of_all_it_depends_on() -> None:
    versions = doctor().versions
    assert next(iter(versions)) == "pbr"
    assert {"polars", "pydantic", "durable-rules"} < versions.keys()
    assert versions["polars"] == pl.__version__


def test_without_durable_rules_two_engines_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruleset, "network", None)
    monkeypatch.setattr(ruleset, "missing", "undefined symbol: PyEval_CallObject")
    assert states()["durable"] == (False, "durable-rules does not load: undefined symbol: PyEval_CallObject")
    ran = CliRunner().invoke(command)
    assert ran.exit_code == 0
    assert "decided a second time by the reference engine" in ran.stderr


def test_an_engine_that_fails_is_named_with_its_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(job.ENGINES, "durable", failing)
    if durable.available():
        assert states()["durable"] == (False, "E423 pack durable-rules failed: it ran out of memory.")


def test_an_engine_that_decides_otherwise_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = pl.col("verdict").replace("unknown", "met")
    monkeypatch.setitem(job.ENGINES, "bulk", lambda facts, rules: bulk.decide(facts, rules).with_columns(wrong))
    works, note = states()["bulk"]
    assert not works
    assert "verdict is 'met' by bulk and 'unknown' by reference" in note


def test_one_engine_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bulk", "durable"):
        monkeypatch.setitem(job.ENGINES, name, failing)
    ran = CliRunner().invoke(command)
    assert ran.exit_code == 1
    assert "Error: a claim needs two engines, and here reference works." in ran.stderr


def test_programs_get_all_of_it_as_json() -> None:
    ran = CliRunner().invoke(command, ["--json"])
    said = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert said["is_fit"] is True
    assert [engine["engine"] for engine in said["engines"]] == list(job.ENGINES)
    assert said["versions"]["pbr"]
