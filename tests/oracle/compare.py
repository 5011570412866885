"""Runs `pbr decide` as a user would and compares what it wrote with findings calculated another way."""

import csv
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from tests.oracle.phase1 import COLUMNS

Rows = list[dict[str, str]]


def decide(workspace: Path, as_of: date, out: Path, *options: str) -> Rows:
    """The findings file that the command line writes; its columns are the contract's, in order."""
    command = [
        sys.executable,
        "-m",
        "pbr.cli.main",
        "decide",
        str(workspace),
        "--as-of",
        as_of.isoformat(),
        "--out",
        str(out),
        *options,
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"exit code {run.returncode}\n{run.stdout}\n{run.stderr}"
    with out.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        rows = list(reader)
    assert reader.fieldnames == [*COLUMNS, "decision_id"]
    ids: dict[str, set[str]] = {}
    for row in rows:
        ids.setdefault(row["family_id"], set()).add(row.pop("decision_id"))
    assert all(len(of_family) == 1 for of_family in ids.values()), "a family has one decision, so one decision id"
    assert all(re.fullmatch("[0-9a-f]{64}", i) for of_family in ids.values() for i in of_family)
    return rows


def differences(expected: Rows, actual: Rows) -> str:
    """Every row that one side has and the other has not, `-` expected and `+` actual; empty when they are the same."""

    def texts(rows: Iterable[dict[str, str]]) -> list[str]:
        return [",".join(row[c] for c in COLUMNS) for row in rows]

    want, got = texts(expected), texts(actual)
    if want == got:
        return ""
    only = [(line, "-") for line in set(want) - set(got)] + [(line, "+") for line in set(got) - set(want)]
    shown = "\n".join(f"{sign} {line}" for line, sign in sorted(only))
    return shown or "the same rows in another order, or a row twice"
