"""`pbr audit` on a bundle and a workspace, as an auditor and a programme manager run it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from pbr.canonical import canonical
from pbr.cli.main import main
from pbr.errors import Faults
from pbr.jobs.audit_record import record_results
from pbr.jobs.audit_triggers import try_triggers
from tests.jobs.authorities import bundle_of

SEED = "our own words"


@pytest.fixture(scope="module")
def bundle(claimed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle alone, away from the workspace that made it."""
    made = bundle_of(claimed)
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("auditor") / made.name))


def pbr(*words: object) -> Result:
    ran = CliRunner().invoke(main, [str(word) for word in words])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def answered(sheet: Path, *words: str) -> Path:
    """The sheet with these results, from the first line on, and `valid` for the rest."""
    table = pl.read_csv(sheet, infer_schema=False)
    said = [*words, *["valid"] * (table.height - len(words))]
    table.with_columns(result=pl.Series(said)).write_csv(sheet)
    return sheet


@pytest.fixture
def sheet(bundle: Path, tmp_path: Path) -> Path:
    made = tmp_path / "results.csv"
    assert pbr("audit", "sample", bundle, "--seed", SEED, "--sheet", made, "--csv").exit_code == 0
    return made


# --------------------------------------------------------------------------------------------------------------- sample


def test_the_same_seed_draws_the_same_lines_and_prints_the_same_digests(bundle: Path) -> None:
    first, second = (pbr("audit", "sample", bundle, "--seed", SEED) for _ in range(2))
    assert first.exit_code == 0
    assert (first.stdout, first.stderr) == (second.stdout, second.stderr)
    assert all(word in first.stderr for word in ("Population: ", "Sample: ", "of 17 lines are to be tested"))


def test_a_larger_sample_is_a_longer_list(bundle: Path) -> None:
    small = json.loads(pbr("audit", "sample", bundle, "--seed", SEED, "--json").stdout)
    large = json.loads(pbr("audit", "sample", bundle, "--seed", SEED, "--size", "12", "--json").stdout)
    assert [row["claim_line_id"] for row in large[: len(small)]] == [row["claim_line_id"] for row in small]
    assert len(large) == 12


def test_a_sample_too_small_to_pass_and_one_too_large_to_be_are_told(bundle: Path) -> None:
    small = pbr("audit", "sample", bundle, "--seed", SEED, "--size", "1")
    large = pbr("audit", "sample", bundle, "--seed", SEED, "--size", "99")
    assert "Warning: the batch can pass on no fewer than" in small.stderr
    assert "the sample is all of them" in large.stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [(["--seed", " "], 1, "E710"), ([], 2, "--seed"), (["--seed", "s", "--size", "0"], 2, "--size")],
)
def test_no_seed_and_no_size_are_told(bundle: Path, words: list[str], code: int, told: str) -> None:
    ran = pbr("audit", "sample", bundle, *words)
    assert (ran.exit_code, told in ran.stderr) == (code, True)


def test_a_sheet_is_never_written_over(bundle: Path, sheet: Path) -> None:
    before = answered(sheet, "invalid").read_bytes()
    ran = pbr("audit", "sample", bundle, "--seed", SEED, "--sheet", sheet)
    assert (ran.exit_code, "E712" in ran.stderr, sheet.read_bytes()) == (1, True, before)


def test_a_bundle_that_was_changed_is_not_sampled(bundle: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(bundle, tmp_path / bundle.name))
    claim = other / "data" / "claim.csv"
    claim.write_bytes(claim.read_bytes().replace(b"70000", b"70001", 1))
    ran = pbr("audit", "sample", other, "--seed", SEED)
    assert (ran.exit_code, "E553" in ran.stderr) == (1, True)


# --------------------------------------------------------------------------------------------------------------- record


def test_a_clean_sheet_passes_with_one_clear_sentence(bundle: Path, sheet: Path) -> None:
    ran = pbr("audit", "record", bundle, answered(sheet), "--seed", SEED)
    assert ran.exit_code == 0
    assert ran.stderr.splitlines()[-1] == "Pass: the sample was tested whole, and no line is invalid."


def test_the_command_that_is_printed_draws_the_lines_that_are_still_to_be_tested(bundle: Path, sheet: Path) -> None:
    ran = pbr("audit", "record", bundle, answered(sheet, "invalid"), "--seed", SEED, "--tolerable", "1%")
    assert "Check all" in ran.stderr
    assert ran.stderr.rstrip().endswith(f"pbr audit sample {bundle} --seed 'our own words' --size 17")


def test_the_json_is_a_body_that_a_ledger_can_hold_and_names_seed_digests_and_invalid_lines(
    bundle: Path, sheet: Path
) -> None:
    ran = pbr("audit", "record", bundle, answered(sheet, "invalid"), "--seed", SEED, "--json")
    told = json.loads(ran.stdout)
    outcome = record_results(bundle, sheet, SEED).outcome
    assert json.loads(canonical(outcome.body())) | {"ledger_entry": None} == told
    assert told["seed"] == SEED
    assert told["invalid"] == [pl.read_csv(sheet)["claim_line_id"][0]]
    assert [
        len(told[name]) for name in ("population_digest", "sample_digest", "results_digest", "manifest_digest")
    ] == [64] * 4


def test_results_of_another_sample_are_refused_with_every_row(bundle: Path, sheet: Path) -> None:
    ran = pbr("audit", "record", bundle, answered(sheet), "--seed", "another")
    assert (ran.exit_code, "E716" in ran.stderr, "E719" in ran.stderr) == (1, True, True)


@pytest.mark.parametrize("share", ["five", "120%", "5"])
def test_a_tolerable_share_that_is_none_is_a_wrong_call(bundle: Path, sheet: Path, share: str) -> None:
    assert pbr("audit", "record", bundle, sheet, "--seed", SEED, "--tolerable", share).exit_code == 2


# ------------------------------------------------------------------------------------------------------------- triggers


def test_a_workspace_and_its_bundle_raise_the_same_of_what_both_know(claimed: Path, bundle: Path) -> None:
    outcomes = [
        dict(try_triggers(place, sustained_jobs=1).triggers.select("trigger", "outcome").iter_rows())
        for place in (claimed, bundle)
    ]
    assert "raised" in outcomes[0].values()
    for name, said in outcomes[1].items():
        assert said in ("not known", outcomes[0][name]), name


def test_raised_triggers_are_a_question_and_no_failure(claimed: Path) -> None:
    ran = pbr("audit", "triggers", claimed, "--sustained-jobs", "0")
    assert ran.exit_code == 0
    assert "work_claims_over_sustained_jobs: More families" in ran.stderr
    assert json.loads(pbr("audit", "triggers", claimed, "--json").stdout)[0]["trigger"] == "unexpected_number"
    assert pbr("audit", "triggers", claimed, "--csv").stdout.startswith("trigger,outcome,figure,limit,lines,means\n")


def test_a_workspace_whose_bundle_is_gone_says_what_it_does_not_know(claimed: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(claimed, tmp_path / "authority"))
    shutil.rmtree(bundle_of(copy))
    ran = pbr("audit", "triggers", copy)
    assert "Warning: the batch's bundle is not there" in ran.stderr
    told = dict(try_triggers(copy).triggers.select("trigger", "outcome").iter_rows())
    assert told["work_claimed_while_children_are_out_of_school"] == "not known"


def test_a_batch_that_is_not_there_and_a_place_that_is_nothing_are_told(
    claimed: Path, bundle: Path, tmp_path: Path
) -> None:
    assert "E720" in pbr("audit", "triggers", claimed, "--batch", "000000000000").stderr
    assert "E720" in pbr("audit", "triggers", bundle, "--batch", "000000000000").stderr
    assert "E506" in pbr("audit", "triggers", tmp_path).stderr


def test_a_workspace_without_a_batch_is_told(claimed: Path, tmp_path: Path) -> None:
    shutil.copy(claimed / "pbr.toml", tmp_path)
    assert "E720 ledger.sqlite has no live batch" in pbr("audit", "triggers", tmp_path).stderr


def test_a_file_of_results_that_is_not_there_is_told_to_a_program(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(Faults) as raised:
        record_results(bundle, tmp_path / "none.csv", SEED)
    assert [fault.code for fault in raised.value.faults] == ["E721"]
