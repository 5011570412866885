"""No name, date of birth, address or identifier of anybody leaves the extracts, on a screen or in a file."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest
from click.testing import CliRunner

from pbr.cli.main import main
from pbr.sources import read
from pbr.workspace import Workspace
from tests.jobs.authorities import AS_OF, WINDOW, authority, bundle_of

SECRET = ("forename", "surname", "date_of_birth", "postcode", "upn", "nino", "nhs_number", "pnc_id", "uprn")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """An authority taken through every command, and all that each of them printed."""
    workspace = authority(tmp_path_factory.mktemp("nobody") / "authority", families=60, seed=2)
    printed: dict[str, str] = {}

    def pbr(*words: object) -> None:
        ran = CliRunner().invoke(main, [str(word) for word in words])
        assert isinstance(ran.exception, SystemExit | None), ran.exception
        printed[" ".join(str(word) for word in words)] = ran.stdout + ran.stderr

    as_of = ("--as-of", AS_OF)
    pbr("check", workspace)
    pbr("check", workspace, "--json")
    pbr("decide", workspace, *as_of, "--out", workspace / "findings.csv")
    pbr("claim", "prepare", workspace, *as_of, "--window", WINDOW, "--by", "somebody")
    pbr("claim", "prepare", workspace, *as_of, "--window", WINDOW, "--by", "somebody", "--json")
    bundle = bundle_of(workspace)
    pbr("verify", bundle, "--workspace", workspace)
    pbr("replay", bundle)
    for family in pl.read_csv(workspace / "sources" / "families.csv")["family_id"].head(12):
        pbr("explain", workspace, family, *as_of, "--json")
        pbr("explain", bundle, family)
    # Rows and words that cannot be read, with somebody's name in them.
    needs = workspace / "sources" / "members.csv"
    needs.write_text(needs.read_text() + 'P1,F000001,"Broken,Row\nP2,F000001,Name,Surname,99/99/1999\n')
    pbr("check", workspace)
    pbr("decide", workspace, *as_of)
    pbr("replay", bundle, "--from-sources", workspace)
    pbr("ledger", "list", workspace)
    pbr("ledger", "verify", workspace)
    return workspace, printed


@pytest.fixture(scope="module")
def secrets(told: tuple[Path, dict[str, str]]) -> set[str]:
    """What the extracts say of anybody, as it is written there: members and strangers."""
    workspace = Workspace.load(told[0])
    found: set[str] = set()
    for table, source in workspace.sources.items():
        if table in ("families", "needs", "outcomes"):
            continue
        text = (workspace.root / source.path).read_bytes().decode(source.encoding).removeprefix("\ufeff")
        frame = pl.read_csv(
            text.encode(), separator=source.delimiter, infer_schema=False, quote_char=None, truncate_ragged_lines=True
        ).rename(source.columns, strict=False)
        for name in SECRET:
            if name in frame.columns:
                found |= {cell.strip() for cell in frame[name].drop_nulls().unique() if len(cell.strip()) > 4}
    dates = {cell for cell in found if len(cell) == 10 and cell[4] == cell[7] == "-"}
    # A day on which somebody was born may also be one on which a family engaged, or anything else happened.
    events = {
        str(day)
        for extract in read(workspace).values()
        for column in extract.accepted.select(cs.date() - cs.by_name("date_of_birth", require_all=False))
        for day in column.drop_nulls().unique()
    }
    assert len(dates - events) > 50
    assert len(found - dates) > 200
    return found - events - {AS_OF}


def named_in(text: str, secrets: set[str]) -> set[str]:
    return {secret for secret in secrets if secret in text}


def test_no_command_prints_who_anybody_is(told: tuple[Path, dict[str, str]], secrets: set[str]) -> None:
    for command, text in told[1].items():
        assert text.strip(), command
        assert named_in(text, secrets) == set(), command


def test_no_file_of_a_bundle_says_who_anybody_is(told: tuple[Path, dict[str, str]], secrets: set[str]) -> None:
    files = [path for path in bundle_of(told[0]).rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"facts.parquet", "links.parquet", "quarantine.csv", "summary.html"}
    for path in files:
        text = path.read_bytes().decode("utf-8", errors="replace")
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
            assert frame.height > 0, path
            lists = [name for name, kind in frame.schema.items() if kind == pl.List]
            text = frame.with_columns(pl.col(lists).list.join(" ")).write_csv()
        assert named_in(text, secrets) == set(), path.name


def test_neither_the_ledger_nor_the_findings_say_who_anybody_is(
    told: tuple[Path, dict[str, str]], secrets: set[str]
) -> None:
    for name in ("ledger.sqlite", "findings.csv"):
        text = (told[0] / name).read_bytes().decode("utf-8", errors="replace")
        assert "F0000" in text
        assert named_in(text, secrets) == set(), name


def test_the_search_would_find_somebody(told: tuple[Path, dict[str, str]], secrets: set[str]) -> None:
    assert len(named_in((told[0] / "sources" / "members.csv").read_text(), secrets)) > 200
