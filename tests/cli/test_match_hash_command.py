"""`pbr match hash` and `pbr match new-key`, as a partner types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbr.cli.main import main

TOML = """
[authority]
code = "E06000034"
name = "Police"

[rules]
pack = "in-force"

[sources.offending]
path = "offending.csv"
columns = {"Last Name" = "surname", "DOB" = "date_of_birth"}
"""
ROWS = (
    "Last Name,forename,DOB,postcode,kind,occurred_on,disposal\nVane,Mina,2001-05-06,ZZ1 1AA,asb,2014-01-01,caution\n"
)


@pytest.fixture
def police(tmp_path: Path) -> Path:
    (tmp_path / "pbr.toml").write_text(TOML)
    (tmp_path / "offending.csv").write_text(ROWS)
    return tmp_path


def pbr(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["match", *map(str, words)])


def test_a_key_is_made_and_a_source_is_hashed_with_it(police: Path) -> None:
    made = pbr("new-key", police / "shared.key")
    assert made.exit_code == 0
    check_value = made.stderr.split("check value is ")[1][:8]
    done = pbr("hash", police, "offending", "--key", police / "shared.key", "--out", police / "out.csv")
    assert done.exit_code == 0
    assert f"1 records of offending are in {police / 'out.csv'}, hashed with key {check_value}." in done.stderr
    assert 'match_keys = "…"' in done.stdout
    assert (police / "out.csv").read_text().splitlines()[0] == "record_id,kind,occurred_on,match_keys"


def test_what_is_said_names_nobody_and_never_the_key(police: Path) -> None:
    pbr("new-key", police / "shared.key")
    (police / "offending.csv").write_text(ROWS + "Brook,Ann,2001-05-06,,asb,soon,\nBrook,,,ZZ1 1AA,asb,2014-01-01,\n")
    done = pbr("hash", police, "offending", "--key", police / "shared.key", "--out", police / "out.csv")
    said = done.stdout + done.stderr
    assert "1 break their contract" in said
    assert "1 give no combination" in said
    assert not [word for word in ("Vane", "Mina", "Brook", "2001") if word in said]
    assert (police / "shared.key").read_text().strip() not in said


def test_codes_that_stay_at_home_are_told_with_the_remedy(police: Path) -> None:
    (police / "pbr.toml").write_text(TOML.replace("offending", "marks"))
    (police / "marks.csv").write_text(
        "Last Name,forename,DOB,date,session,code\nVane,Mina,2001-05-06,2014-01-01,AM,Mina\n"
    )
    pbr("new-key", police / "shared.key")
    done = pbr("hash", police, "marks", "--key", police / "shared.key", "--out", police / "out.csv")
    assert "1 values of code are outside its vocabulary and were left out: map them with values.code." in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("hash", ".", "offending", "--key", "no.key", "--out", "out.csv"), "E365"),
        (("hash", ".", "members", "--key", "shared.key", "--out", "out.csv"), "E369"),
        (("hash", ".", "offending", "--key", "shared.key", "--out", "out.txt"), "E404"),
        (("hash", ".", "offending", "--key", "shared.key", "--out", "offending.csv"), "E407"),
        (("new-key", "shared.key"), "E366"),
    ],
)
def test_what_cannot_be_done_is_a_coded_sentence(
    police: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: str
) -> None:
    monkeypatch.chdir(police)
    pbr("new-key", "shared.key")
    done = pbr(*words)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {code} ")
