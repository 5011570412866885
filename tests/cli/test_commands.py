"""Commands as they are typed (decide, claim, replay, explain): exit codes, sentences, output for programs."""

from __future__ import annotations

import csv
import getpass
import io
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from click import command
from click.testing import CliRunner, Result
from rich.console import Console

from pbr.cli import console
from pbr.cli.main import main
from pbr.engines import reference
from pbr.jobs import decide as decide_job
from tests.jobs.authorities import AS_OF, WINDOW, authority, bundle_of
from tests.jobs.forged import forged


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority with its batch prepared; not to be changed."""
    workspace = authority(tmp_path_factory.mktemp("commands") / "authority", families=60, seed=1)
    assert pbr("claim", "prepare", workspace, "--as-of", AS_OF, "--window", WINDOW).exit_code == 0
    return workspace


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "authority"))


def pbr(*words: object) -> Result:
    """A command; whatever it does, it ends with an exit code and not with a traceback."""
    ran = CliRunner().invoke(main, [str(word) for word in words])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "Traceback" not in ran.output
    return ran


def refused(code: str, *words: object) -> str:
    """What a command says that cannot be done: on standard error, in a coded sentence, with exit code 1."""
    ran = pbr(*words)
    assert ran.exit_code == 1, ran.output
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"Error: {code} "), ran.stderr
    return ran.stderr


COMMANDS = {
    "decide": ("decide", "{}", "--as-of", AS_OF),
    "prepare": ("claim", "prepare", "{}", "--as-of", AS_OF, "--window", WINDOW),
    "submit": ("claim", "submit", "{}", "0c6f9a1d2b3e"),
    "withdraw": ("claim", "withdraw", "{}", "0c6f9a1d2b3e", "--reason", "why"),
    "explain": ("explain", "{}", "F000001", "--as-of", AS_OF),
}


def on(place: Path, name: str) -> list[str]:
    return [word.format(place) for word in COMMANDS[name]]


# ------------------------------------------------------------------------------------------------------ bad workspaces


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_is_not_there_is_a_usage_error(name: str, tmp_path: Path) -> None:
    assert pbr(*on(tmp_path / "nowhere", name)).exit_code == 2


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"explain"}))
def test_a_folder_without_a_workspace_file_is_told(name: str, tmp_path: Path) -> None:
    assert "pbr demo makes one" in refused("E101", *on(tmp_path, name))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_workspace_file_that_is_broken_is_told_with_its_line(name: str, workspace: Path) -> None:
    (workspace / "pbr.toml").write_text('[authority]\ncode = "E09999999\n')
    assert "line 2" in refused("E101", *on(workspace, name))


@pytest.mark.parametrize("name", ["decide", "prepare", "explain"])
def test_an_extract_that_is_gone_is_told(name: str, workspace: Path) -> None:
    (workspace / "sources" / "members.csv").unlink()
    assert "members.csv" in refused("E110", *on(workspace, name))


@pytest.mark.parametrize("name", ["decide", "prepare", "explain"])
def test_a_pack_that_is_not_there_is_told(name: str, workspace: Path) -> None:
    toml = workspace / "pbr.toml"
    toml.write_text(toml.read_text().replace('"phase-1"', '"phase-9"'))
    assert pbr(*on(workspace, name)).exit_code == 1


@pytest.mark.parametrize("name", ["decide", "prepare", "explain"])
def test_a_day_before_the_rules_begin_is_told_once(name: str, made: Path) -> None:
    words = [word.replace(AS_OF, "2012-03-31") for word in on(made, name)]
    (said,) = refused("E214", *words).splitlines()
    assert "the pack's first figures start on 2012-04-01; " in said


@pytest.mark.parametrize("day", ["31/10/2014", "2014-02-30", "soon", ""])
def test_a_day_that_is_none_is_a_usage_error(day: str, made: Path) -> None:
    assert pbr("decide", made, "--as-of", day).exit_code == 2


def test_a_day_in_the_british_form_is_told_how_to_write_it(made: Path) -> None:
    assert "write it as 2014-10-31." in pbr("decide", made, "--as-of", "31/10/2014").stderr


def test_money_of_a_day_that_is_still_to_come_is_a_usage_error(made: Path) -> None:
    (made / "advice.csv").write_text("claim_line_id,amount\nL1,1.00\n")
    paid = ("--reference", "1", "--paid-on", "2999-01-01")
    for words in (("pay", made, made / "advice.csv"), ("attach", made, "--year", "2012/13", "--families", "1")):
        ran = pbr("claim", *words, *paid)
        assert ran.exit_code == 2 and "still to come" in ran.stderr


def test_a_claim_date_outside_its_window_is_warned_of_first(workspace: Path) -> None:
    words = ("--as-of", AS_OF, "--window", WINDOW, "--claim-date", "2019-12-31")
    first = pbr("claim", "prepare", workspace, *words).stderr.splitlines()[0]
    assert first.startswith(f"Warning: the claim date 2019-12-31 is not inside window {WINDOW} (open from ")


def test_a_reason_is_taken_under_either_name_and_shown_under_one(made: Path) -> None:
    for words in (("withdraw", "b"), ("repay", "L1"), ("supersede", "L1")):
        for name in ("--reason", "--cause"):
            assert pbr("claim", words[0], made, words[1], name, "why").exit_code == 1
        told = pbr("claim", words[0], "--help").stdout
        assert "--reason" in told and "--cause" not in told


@pytest.mark.parametrize("width", [40, 80, 160])
def test_ids_and_amounts_are_never_folded_and_words_are(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "people", lambda: Console(width=width, color_system=None))
    frame = pl.DataFrame({"line_id": ["L0123456789abcdef"], "why": ["one word and another " * 6], "sum": ["£1,500.00"]})
    shown = command(lambda: console.show(frame))
    told = CliRunner().invoke(shown, []).stdout
    assert "L0123456789abcdef" in told and "£1,500.00" in told
    assert told.count("another") == 6
    assert max(map(len, told.splitlines())) <= width


def test_a_table_that_has_no_room_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "people", lambda: Console(width=30, color_system=None))
    frame = pl.DataFrame({"one": ["a" * 25], "other": ["b" * 25]})
    told = CliRunner().invoke(command(lambda: console.show(frame)), []).stdout
    assert "a" * 25 in told and "b" * 25 in told


# -------------------------------------------------------------------------------------------------------------- decide


def test_decide_tells_families_by_verdict_and_writes_findings(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "findings.csv"
    ran = pbr("decide", made, "--as-of", AS_OF, "--out", out, "--json")
    table = json.loads(ran.stdout)
    assert {row["item"] for row in table if row["part"] == "route"} == {
        "crime_asb_education",
        "continuous_employment",
        "progress_to_work",
    }
    decided = {row["met"] + row["not_met"] + row["unknown"] + row["not_applicable"] for row in table}
    with out.open(encoding="utf-8") as file:
        assert {len({row["family_id"] for row in csv.DictReader(file)})} == decided
    assert "families decided by bulk" in ran.stderr


def test_decide_as_csv_and_json_says_the_same(made: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(pbr("decide", made, "--as-of", AS_OF, "--csv").stdout)))
    table = json.loads(pbr("decide", made, "--as-of", AS_OF, "--json").stdout)
    assert [{name: str(value) for name, value in row.items()} for row in table] == rows


@pytest.mark.parametrize(("out", "code"), [("findings.doc", "E404"), ("no/such/findings.csv", "E406")])
def test_findings_that_cannot_be_written_are_told(made: Path, tmp_path: Path, out: str, code: str) -> None:
    refused(code, "decide", made, "--as-of", AS_OF, "--out", tmp_path / out)


def test_an_unknown_engine_is_a_usage_error_that_names_those_there_are(made: Path) -> None:
    ran = pbr("decide", made, "--as-of", AS_OF, "--engine", "magic")
    assert ran.exit_code == 2
    assert "'bulk', 'durable', 'reference'" in ran.stderr


def test_two_engines_that_differ_end_with_exit_code_three(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def contrary(facts: object, rules: object) -> pl.DataFrame:
        findings = reference.decide(facts, rules)  # type: ignore[arg-type]
        return findings.with_columns(verdict=pl.col("verdict").replace("met", "not_met"))

    monkeypatch.setitem(decide_job.ENGINES, "reference", contrary)
    ran = pbr("decide", made, "--as-of", AS_OF, "--engine", "bulk", "--engine", "reference")
    assert (ran.exit_code, ran.stdout) == (3, "")
    assert ran.stderr.startswith("Error: Two engines disagree: ")
    assert "verdict is 'met' by bulk and 'not_met' by reference" in ran.stderr


def test_no_batch_is_prepared_where_the_second_engine_differs(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def contrary(facts: object, rules: object) -> pl.DataFrame:
        return reference.decide(facts, rules).with_columns(flags=pl.lit("luck"))  # type: ignore[arg-type]

    shutil.rmtree(workspace / "batches")
    (workspace / "ledger.sqlite").unlink()
    for second in ("durable", "reference"):
        monkeypatch.setitem(decide_job.ENGINES, second, contrary)
    assert pbr(*on(workspace, "prepare")).exit_code == 3
    assert not (workspace / "batches").exists()


# --------------------------------------------------------------------------------------------------------------- claim


def test_prepare_shows_what_fell_out_and_the_same_command_again_finds_its_batch(workspace: Path) -> None:
    ran = pbr(*on(workspace, "prepare"), "--json")
    assert [row["count"] for row in json.loads(ran.stdout) if row["step"] == "considered"] == [60]
    assert "was prepared before; it is the same: 17 lines" in ran.stderr
    rows = list(csv.DictReader(io.StringIO(pbr(*on(workspace, "prepare"), "--csv").stdout)))
    assert rows[0]["step"] == "considered"


def test_an_unknown_window_is_told_with_those_there_are(made: Path) -> None:
    said = refused("E502", "claim", "prepare", made, "--as-of", AS_OF, "--window", "2099-01")
    assert "There are: 2014-10." in said


def test_a_window_that_is_no_name_is_told(made: Path) -> None:
    refused("E508", "claim", "prepare", made, "--as-of", AS_OF, "--window", "../2014")


def test_withdraw_says_what_it_entered_and_nobody_submits_what_is_withdrawn(workspace: Path) -> None:
    batch = bundle_of(workspace).name.rsplit("-", 1)[1]
    taken_back = pbr("claim", "withdraw", workspace, batch, "--reason", "wrong extract")
    assert f"Batch {batch} is withdrawn (ledger entry 2)." in taken_back.stderr
    refused("E607", "claim", "submit", workspace, batch, "--on", AS_OF)


def test_a_batch_that_the_ledger_does_not_know_is_told(made: Path) -> None:
    refused("E606", *on(made, "submit"))
    refused("E606", *on(made, "withdraw"))


def test_a_batch_is_not_withdrawn_without_a_reason(made: Path) -> None:
    batch = bundle_of(made).name.rsplit("-", 1)[1]
    assert pbr("claim", "withdraw", made, batch).exit_code == 2
    refused("E603", "claim", "withdraw", made, batch, "--reason", " ")


def test_where_the_machine_does_not_know_its_user_they_are_asked_to_say(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nobody)
    batch = bundle_of(workspace).name.rsplit("-", 1)[1]
    ran = pbr("claim", "withdraw", workspace, batch, "--reason", "early")
    assert ran.exit_code == 2
    assert "--by" in ran.stderr
    assert pbr("claim", "withdraw", workspace, batch, "--reason", "early", "--by", "j.smith").exit_code == 0


# -------------------------------------------------------------------------------------------------------------- replay


def test_replay_says_what_it_compared(made: Path) -> None:
    ran = pbr("replay", bundle_of(made), "--json")
    told = json.loads(ran.stdout)
    assert (ran.exit_code, told["equal"], told["lines"]) == (0, True, 17)
    assert "17 claim lines" in ran.stderr


def test_a_replay_that_differs_ends_with_exit_code_three_and_says_where(made: Path, tmp_path: Path) -> None:
    forgery = forged(bundle_of(made), tmp_path, claim_csv=lambda claim: claim[1:])
    ran = pbr("replay", forgery, "--json")
    assert (ran.exit_code, ran.stdout) == (3, "")
    assert "not in the bundle" in ran.stderr


def test_a_replay_from_changed_extracts_ends_with_exit_code_three(workspace: Path) -> None:
    needs = workspace / "sources" / "needs.csv"
    needs.write_bytes(needs.read_bytes().rsplit(b"\n", 2)[0] + b"\n")
    ran = pbr("replay", bundle_of(workspace), "--from-sources", workspace)
    assert ran.exit_code == 3
    assert "input sources/needs.csv (needs): has changed since" in ran.stderr


def test_a_folder_that_is_no_bundle_is_told(made: Path, tmp_path: Path) -> None:
    refused("E550", "replay", made)
    assert pbr("replay", tmp_path / "nowhere").exit_code == 2


# ------------------------------------------------------------------------------------------------------------- explain


def test_explain_as_a_tree_and_as_json_tells_the_same_decision(made: Path) -> None:
    tree = pbr("explain", made, "F000001", "--as-of", AS_OF)
    told = json.loads(pbr("explain", made, "F000001", "--as-of", AS_OF, "--json").stdout)
    assert tree.stdout.startswith("Family F000001, engaged ")
    assert told["trace"]["decision_id"][:12] in tree.stdout
    assert all(ruling["title"] in tree.stdout for ruling in told["trace"]["rulings"])


def test_a_family_nobody_knows_is_told(made: Path) -> None:
    refused("E405", "explain", made, "F999999", "--as-of", AS_OF)
    refused("E405", "explain", bundle_of(made), "F999999")


def test_a_workspace_without_a_day_and_a_bundle_with_another_are_told(made: Path) -> None:
    refused("E505", "explain", made, "F000001")
    refused("E510", "explain", bundle_of(made), "F000001", "--as-of", "2014-10-30")


def test_a_folder_that_is_neither_workspace_nor_bundle_is_told(tmp_path: Path) -> None:
    refused("E506", "explain", tmp_path, "F000001", "--as-of", AS_OF)


# ------------------------------------------------------------------------------------- what must not pass unnoticed


def test_a_claim_is_never_dated_before_the_day_it_is_about(workspace: Path) -> None:
    ran = pbr("claim", "prepare", workspace, "--as-of", AS_OF, "--window", WINDOW, "--claim-date", "2014-10-30")
    assert ran.exit_code == 1
    assert "E512 claim date 2014-10-30" in ran.stderr


@pytest.mark.parametrize("own", ["sources/families.csv", "pbr.toml"])
def test_findings_are_never_written_over_what_the_workspace_is_read_from(workspace: Path, own: str) -> None:
    before = (workspace / own).read_bytes()
    target = workspace / own
    if target.suffix == ".toml":
        ran = pbr("check", workspace, "--quarantine", target)
    else:
        ran = pbr("decide", workspace, "--as-of", AS_OF, "--out", target)
    assert ran.exit_code == 1
    assert "E407" in ran.stderr
    assert (workspace / own).read_bytes() == before


def test_a_quarantined_family_is_named_by_decide_and_counted_by_prepare(workspace: Path) -> None:
    path = workspace / "sources" / "families.csv"
    header, first, *rest = path.read_text("utf-8").splitlines()
    family = first.split(",")[0]
    column = header.split(",").index("engaged_on") if "engaged_on" in header.split(",") else 1
    cells = first.split(",")
    cells[column] = "soon"
    path.write_text("\n".join([header, ",".join(cells), *rest]) + "\n", "utf-8")
    decided = pbr("decide", workspace, "--as-of", AS_OF)
    assert decided.exit_code == 0
    assert f"1 families are in quarantine themselves and got no decision: {family}" in decided.stderr
    prepared = pbr("claim", "prepare", workspace, "--as-of", AS_OF, "--window", WINDOW, "--json")
    attrition = json.loads(prepared.stdout)
    assert attrition[0] | {"amount_pence": None} == {
        "step": "considered",
        "unit": "families",
        "outcome": "dropped",
        "reason": "its_row_is_in_quarantine",
        "count": 1,
        "amount_pence": None,
    }


def test_check_tells_of_the_rule_pack_and_of_the_sources_at_once(workspace: Path) -> None:
    toml = (workspace / "pbr.toml").read_text("utf-8")
    (workspace / "pbr.toml").write_text(toml.replace('"phase-1"', '"phase-9"'), "utf-8")
    (workspace / "sources" / "needs.csv").unlink()
    ran = pbr("check", workspace)
    assert ran.exit_code == 1
    assert "phase-9" in ran.stderr and "E110" in ran.stderr


def test_what_a_run_could_live_with_is_told_by_prepare_and_stands_in_the_summary(made: Path) -> None:
    ran = pbr("claim", "prepare", made, "--as-of", AS_OF, "--window", WINDOW)
    told = [line.removeprefix("Warning: ").removesuffix(".") for line in ran.stderr.splitlines() if "Warning" in line]
    assert told
    summary = (bundle_of(made) / "data" / "summary.html").read_text("utf-8")
    assert all(warning in summary for warning in told)


def test_explain_names_the_quarantined_row_that_puts_a_family_in_doubt(workspace: Path) -> None:
    path = workspace / "sources" / "needs.csv"
    header, first, *rest = path.read_text("utf-8").splitlines()
    cells = first.split(",")
    spoilt = [cell if not cell[:4].isdigit() else "once" for cell in cells]
    path.write_text("\n".join([header, ",".join(spoilt), *rest]) + "\n", "utf-8")
    family = next(cell for cell in cells if cell.startswith("F0"))
    ran = pbr("explain", workspace, family, "--as-of", AS_OF)
    assert ran.exit_code == 0
    assert "Rows in quarantine about this family" in ran.stdout
    assert "sources/needs.csv:2" in ran.stdout


def test_an_output_that_cannot_be_written_is_a_sentence(workspace: Path) -> None:
    ran = pbr("check", workspace, "--quarantine", workspace / "no such folder" / "quarantine.csv")
    assert ran.exit_code == 1
    assert "E100" in ran.stderr


def test_check_lists_the_rows_that_count_once(workspace: Path) -> None:
    path = workspace / "sources" / "families.csv"
    rows = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*rows, rows[3]]) + "\n", "utf-8")
    again = {
        "source": "families",
        "place": f"sources/families.csv:{len(rows) + 1}",
        "same_as": "sources/families.csv:4",
    }
    assert again in json.loads(pbr("check", workspace, "--json").stdout)["duplicates"]
    assert again["place"] in pbr("check", workspace).stdout


def test_a_need_that_the_rules_do_not_know_is_warned_of(workspace: Path) -> None:
    toml = workspace / "pbr.toml"
    assert "rules do not know" not in pbr("decide", workspace, "--as-of", AS_OF).stderr
    path = workspace / "sources" / "needs.csv"
    header, first, *rest = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([header, first.replace("Local filter", "Locl filter"), *rest]) + "\n", "utf-8")
    assert "Local filter" in toml.read_text("utf-8")
    told = pbr("decide", workspace, "--as-of", AS_OF).stderr
    assert "needs: 1 records name a need that the rules do not know" in told
