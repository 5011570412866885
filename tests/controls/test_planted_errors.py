"""Every error that audits found before (docs/controls.md, A1 to A18), planted, and caught by the control of that name.

Most stand in `fixtures/errors-found-before`, a family an error. What only a series of claims shows is made here: four
batches over three windows, of which the last is as hurried, as large and as round a number as claims once were.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pbr.errors import Disagreement, Faults
from pbr.jobs.audit_record import record_results
from pbr.jobs.audit_sample import draw_sample
from pbr.jobs.audit_triggers import try_triggers
from pbr.jobs.batches import approve, enter_audit, submit
from pbr.jobs.overrides import Why, propose
from pbr.jobs.overrides import approve as approve_override
from pbr.jobs.prepare import Considered, Preparation, consider, prepare
from pbr.jobs.replay import open_bundle, replay
from pbr.jobs.verify import verify
from pbr.ledger import Ledger, Signer
from tests.jobs.authorities import CHECKOUT, bundle_of
from tests.jobs.conftest import NOON
from tests.jobs.forged import Edit, forged, reentered, renumbered
from tests.jobs.made_households import Household, write
from tests.ledger.made_people import APPROVER, AUDITOR, PREPARER, register

AS_OF, WINDOW = date(2014, 10, 1), "2014-10"
SCHOOL, WORK = "crime_asb_education", "continuous_employment"
EXTRACTS = CHECKOUT / "fixtures" / "errors-found-before"


@dataclass(frozen=True)
class Planted:
    """The authority of the fixture with its batch prepared. Not to be changed."""

    root: Path
    done: Preparation

    @property
    def bundle(self) -> Path:
        assert self.done.bundle is not None
        return self.done.bundle.path

    def claimed(self) -> list[str]:
        return self.done.selection.lines["family_id"].to_list()

    def verdict(self, family: str, item: str, subject: str = "") -> tuple[str, str]:
        """A finding's verdict and reason."""
        of = (pl.col("family_id") == family) & (pl.col("item") == item) & (pl.col("subject_id") == subject)
        return self.done.findings.filter(of).select("verdict", "reason").row(0)

    def line_of(self, family: str) -> str:
        return str(self.done.claim.filter(pl.col("family_id") == family)["claim_line_id"].item())

    def fell_out(self, step: str) -> dict[str, int]:
        """How many families or lines fell out at a step of the attrition table, or are held there, by reason."""
        out = self.done.selection.attrition.filter((pl.col("step") == step) & (pl.col("outcome") != "kept"))
        return dict(out.select("reason", "count").iter_rows())


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    root = with_people(tmp_path_factory.mktemp("planted") / "authority")
    return Planted(root, prepare(root, AS_OF, WINDOW, at=NOON, by=PREPARER))


@pytest.fixture
def copy(planted: Planted, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted.root, tmp_path / "authority"))


@pytest.fixture(scope="module")
def raised(planted: Planted) -> dict[str, list[str]]:
    """The triggers raised on the fixture's batch, as its bundle alone shows them, with the lines concerned."""
    return raised_on(planted.bundle)


def with_people(root: Path) -> Path:
    """The fixture's workspace, with a register."""
    shutil.copytree(EXTRACTS, root)
    with Ledger.open(root / "ledger.sqlite", create=True) as ledger:
        register(ledger)
    return root


def raised_on(place: Path, sustained_jobs: int | None = None) -> dict[str, list[str]]:
    tried = try_triggers(place, sustained_jobs=sustained_jobs).triggers
    return dict(tried.filter(pl.col("outcome") == "raised").select("trigger", "lines").iter_rows())


def audit(bundle: Path, root: Path, by: Signer, invalid: int = 0) -> str:
    """Test every line of a batch, find the first so many invalid, and enter that; the decision."""
    size = open_bundle(bundle).run.lines
    lines = draw_sample(bundle, "seed", size).sample.lines["claim_line_id"]
    told = ["invalid" if at < invalid else "valid" for at in range(size)]
    file = root / f"{bundle.name}.csv"
    rows = [f"{line},{said}\n" for line, said in zip(lines, told, strict=True)]
    file.write_text("claim_line_id,result\n" + "".join(rows))
    outcome = record_results(bundle, file, "seed", size).outcome
    enter_audit(root, outcome, at=NOON, by=by)
    return outcome.decision


def codes(raised: pytest.ExceptionInfo[Faults]) -> set[str]:
    return {fault.code for fault in raised.value.faults}


def test_beside_all_errors_a_family_without_one_is_claimed(planted: Planted, raised: dict[str, list[str]]) -> None:
    (line,) = planted.done.selection.lines.filter(pl.col("family_id") == "SOUND").to_dicts()
    assert (line["route"], line["amount_pence"]) == (SCHOOL, 150000)
    assert planted.line_of("SOUND") not in {line for lines in raised.values() for line in lines}


# ------------------------------------------------------------------------------------ whole batches, before and after


def dearer(claim: pl.DataFrame) -> pl.DataFrame:
    return renumbered(claim.with_columns(pl.col("amount_pence") + 10000))


def test_a1_a_claim_that_its_own_evidence_does_not_give_is_not_submitted(copy: Path, tmp_path: Path) -> None:
    reentered(copy, forged(bundle_of(copy), tmp_path / "forged", claim_csv=dearer), PREPARER)
    batch_id = bundle_of(copy).name.rsplit("-", 1)[1]
    assert audit(bundle_of(copy), copy, AUDITOR) == "pass"
    approve(copy, batch_id, at=NOON, by=APPROVER)
    with pytest.raises(Disagreement, match="amount_pence"):
        submit(copy, batch_id, date(2014, 11, 3), at=NOON, by=PREPARER)
    with Ledger.read(copy / "ledger.sqlite") as ledger:
        assert ledger.state(batch_id) == "approved"


def test_a1_a_share_of_invalid_claims_that_grows_from_round_to_round_is_told(series: Series) -> None:
    assert {"invalid_rate_by_round", "earlier_findings"} <= series.raised.keys()
    assert series.raised["invalid_rate_by_round"] == series.batches[1].claim["claim_line_id"].sort().to_list()


def test_a2_every_line_leads_to_rule_facts_links_and_dated_records_of_a_named_file(planted: Planted) -> None:
    bundle = open_bundle(planted.bundle)
    facts, records, links = (bundle.tables[f"{name}.parquet"] for name in ("facts", "records", "links"))
    files = {(each.source, each.path): each.sha256 for each in bundle.run.inputs}
    decided = bundle.tables["decisions.parquet"].select("decision_id", "family_id").unique()
    claim = bundle.tables["claim.csv"].join(decided, on="decision_id", how="left")
    assert claim.height == 4
    for family, route in claim.select("family_id", "route").iter_rows():
        assert route in bundle.pack.pack.routes
        cited = facts.filter(pl.col("family_id") == family)["records"].explode().drop_nulls().unique()
        behind = records.filter(pl.col("record_id").is_in(cited.implode()))
        assert cited.len() >= 6 and behind["record_id"].n_unique() == cited.len()
        assert behind["dated"].null_count() == behind["says"].null_count() == behind["content"].null_count() == 0
        assert set(behind.select("table", "file").rows()) <= files.keys()
        about_people = behind.filter(pl.col("table") != "needs").select("table", "record_id")
        assert about_people.join(links, on=["table", "record_id"], how="anti").is_empty()
    assert replay(planted.bundle).lines == claim.height


def without(**cells: str) -> Edit:
    """A table without the rows that have all of these."""
    return lambda table: table.filter(~pl.all_horizontal(pl.col(name) == cell for name, cell in cells.items()))


@pytest.mark.parametrize(
    ("table", "cells", "code"),
    [
        ("records_parquet", {"record_id": "SOUND-C-12-au"}, "E569"),
        ("links_parquet", {"record_id": "SOUND-C-12-au"}, "E570"),
        ("families_parquet", {"family_id": "SOUND"}, "E567"),
        ("facts_parquet", {"family_id": "SOUND", "fact": "unauthorised_absence(last_terms: 3, at: as_of)"}, "E402"),
    ],
)
def test_a2_a_bundle_whose_evidence_is_not_all_there_is_refused_by_name(
    planted: Planted, tmp_path: Path, table: str, cells: dict[str, str], code: str
) -> None:
    fake = forged(planted.bundle, tmp_path, **{table: without(**cells)})
    with pytest.raises(Faults) as raised:
        replay(fake)
    assert code in codes(raised)
    assert next(iter(cells.values())) in str(raised.value)


# ------------------------------------------------------------------------------------------------- children and work


def test_a3_a_child_who_left_school_turns_nobody_around(planted: Planted) -> None:
    (held,) = planted.done.selection.held.filter(pl.col("family_id") == "A03").to_dicts()
    assert held["reason"] == "neutral_only"
    assert {"neutral_only", "school_leaver"} <= set(held["flags"].split(";"))
    assert planted.fell_out("in_the_batch") == {"neutral_only": 1}
    assert "A03" not in planted.claimed()


def test_a4_a_family_in_which_another_child_deteriorates_is_not_claimed(planted: Planted) -> None:
    assert planted.verdict("A04", "attendance_improved", "A04-C") == ("met", "")
    assert planted.verdict("A04", "attendance_improved", "A04-S") == ("not_met", "")
    assert planted.verdict("A04", SCHOOL) == ("not_met", "")
    assert planted.fell_out("result")["no_route_met"] == 2


def test_a5_an_adult_who_is_off_benefit_and_in_no_known_work_is_not_in_work(planted: Planted) -> None:
    assert planted.verdict("A05", "worklessness", "A05-W") == ("met", "")
    assert planted.verdict("A05", "moved_into_work", "A05-W") == ("not_met", "")
    assert planted.verdict("A05", WORK) == ("not_met", "")
    assert "A05" not in planted.claimed()


@pytest.mark.parametrize(("jobs", "is_raised"), [(1, False), (0, True)])
def test_a6_more_work_claims_than_the_department_counts_in_sustained_jobs_are_told(
    planted: Planted, jobs: int, is_raised: bool
) -> None:
    lines = raised_on(planted.root, jobs).get("work_claims_over_sustained_jobs")
    assert lines == ([planted.line_of("A09")] if is_raised else None)


def test_a7_a_family_engaged_within_the_time_of_its_result_is_told(
    planted: Planted, raised: dict[str, list[str]]
) -> None:
    assert raised["short_intervention"] == [planted.line_of("A07")]


def test_a7_no_more_than_five_in_six_of_the_families_agreed_are_paid_for(series: Series) -> None:
    over = series.batches[-1].selection.dropped.filter(pl.col("reason") == "allocation_used")
    assert over["family_id"].to_list() == ["H21", "H22", "H23", "H24"]
    assert sum(batch.claim.height for batch in series.batches) == 20


def test_a8_a_claim_for_a_family_that_nobody_worked_with_is_told(
    planted: Planted, raised: dict[str, list[str]]
) -> None:
    assert raised["practice_not_on_record"] == [planted.line_of("A08")]


def test_a8_trouble_that_was_long_over_or_came_later_makes_no_family_eligible(planted: Planted) -> None:
    for criterion in ("crime_asb", "education", "worklessness", "local_discretion", "eligible"):
        assert planted.verdict("A08-LATER", criterion) == ("not_met", "")
    assert planted.verdict("A08-LATER", SCHOOL) == ("met", "")
    assert planted.fell_out("eligible") == {"eligible not_met": 1}


def test_a9_work_claimed_while_a_child_is_out_of_school_is_told(planted: Planted, raised: dict[str, list[str]]) -> None:
    (line,) = planted.done.selection.lines.filter(pl.col("family_id") == "A09").to_dicts()
    assert line["route"] == WORK
    assert raised["work_claimed_while_children_are_out_of_school"] == [planted.line_of("A09")]


# ------------------------------------------------------------------------------------------------ a series of claims


@dataclass(frozen=True)
class Series:
    """Four batches over three windows: two families in each of the first three, and in the last all that are left."""

    batches: list[Preparation]
    raised: dict[str, list[str]]

    def lines(self, batch: int) -> list[str]:
        return self.batches[batch].claim["claim_line_id"].sort().to_list()


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Series:
    """24 families, as many as were agreed, of whom 20 are paid for. One worker had those of the last batch."""
    root = tmp_path_factory.mktemp("series")
    with Ledger.open(root / "ledger.sqlite", create=True) as ledger:
        register(ledger)
    windows = [("w1", "2014-10-01"), ("w2", "2014-10-01"), ("w3", "2014-10-02"), ("w3", "2014-11-27")]
    batches: list[Preparation] = []
    for number, (window, on) in enumerate(windows):
        many = 24 if number == 3 else 2 * number + 2
        write(root, [household(at) for at in range(1, many + 1)])
        with (root / "pbr.toml").open("a") as toml:
            toml.write("\n[claims]\nfamilies_agreed = 24\n")
            for name in ("w1", "w2", "w3"):
                toml.write(f'\n[[claims.windows]]\nid = "{name}"\nopens = 2014-10-01\ncloses = 2014-11-29\n')
        rows = [f"H{at:02},2013-10-01,{'Hasty' if 6 < at <= 20 else 'Steady'}" for at in range(1, many + 1)]
        (root / "families.csv").write_text("\n".join(["family_id,engaged_on,lead_worker", *rows]) + "\n")
        done = prepare(root, AS_OF, window, at=NOON, by=PREPARER, claim_date=date.fromisoformat(on))
        assert done.bundle is not None
        batches.append(done)
        if number < 2:
            audit(done.bundle.path, root, AUDITOR, invalid=number)
    return Series(batches, raised_on(root))


def household(number: int) -> Household:
    """Households with nothing in common: no name, birth or address of one is near another's."""
    surname = "".join(chr(ord("a") + (number * step) % 26) for step in (1, 3, 5, 7, 9, 11)).title()
    child = f"{2000 + number % 5}-{number % 12 + 1:02}-{number + 1:02}"
    adult = f"{1950 + number}-{number % 11 + 1:02}-11"
    name = f"H{number:02}"
    return Household(name, f"{name}C", f"{name}A", surname, f"QX{number} {number % 9}AD", (child, adult))


def test_a10_rushed_families_and_a_worker_with_all_of_the_results_are_told(series: Series) -> None:
    assert series.raised["many_engaged_on_one_day"] == series.lines(-1)
    assert series.raised["worker_outlier"] == series.lines(-1)


def test_a11_a_total_that_equals_the_target_and_a_spike_at_the_windows_end_are_told(series: Series) -> None:
    assert series.raised["claims_equal_the_allocation"] == series.lines(-1)
    assert series.raised["spike_at_the_windows_end"] == series.lines(-1)


def test_a17_an_unexpected_number_of_claims_is_told(series: Series) -> None:
    assert series.raised["unexpected_number"] == sorted(series.lines(-1) + series.lines(-2))


# ------------------------------------------------------------------------------------------------------- never twice


@pytest.fixture(scope="module")
def again(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Considered:
    """The next window, in which A08 has another id, and A07 came again under other ids for family and people."""
    root = Path(shutil.copytree(planted.root, tmp_path_factory.mktemp("again") / "authority"))
    for path in (root / "sources").glob("*.csv"):
        head, *rows = path.read_text().splitlines()
        rows = [row.replace(",A08,", ",RENAMED,").replace("A08,", "RENAMED,", 1) for row in rows]
        rows += [row.replace("A07", "REGROUPED") for row in rows if "A07" in row]
        path.write_text("\n".join([head, *rows]) + "\n")
    return consider(root, AS_OF, "2015-02", date(2015, 1, 5))


def test_a12_a_second_claim_for_one_family_is_left_out_with_the_line_that_paid_it(
    planted: Planted, again: Considered
) -> None:
    left_out = again.selection.dropped.select("family_id", "reason", "earlier_lines").rows()
    assert ("SOUND", "route_already_claimed", planted.line_of("SOUND")) in left_out
    assert again.selection.lines.is_empty()


@pytest.mark.parametrize(
    ("family", "before", "control"),
    [
        ("RENAMED", "A08", "person_in_another_live_line"),
        ("REGROUPED", "A07", "person_alike_in_another_line"),
    ],
)
def test_a12_a_renamed_family_and_a_regrouped_household_are_held(
    planted: Planted, again: Considered, family: str, before: str, control: str
) -> None:
    (held,) = again.selection.held.filter(pl.col("family_id") == family).to_dicts()
    assert held["reason"] == control
    assert planted.line_of(before) in held["released_by"]


def test_a12_a_ledger_refuses_a_person_in_two_families_whoever_prepared_them(copy: Path) -> None:
    with Ledger.open(copy / "ledger.sqlite") as ledger:
        body = ledger.steps(bundle_of(copy).name.rsplit("-", 1)[1])[0].says
        line = next(each for each in body["lines"] if each["family_id"] == "SOUND")
        other = line | {"line_id": "L" + "0" * 16, "family_id": "OTHER", "family_ref": "f" * 32}
        with pytest.raises(Faults) as raised:
            ledger.append("prepared", "b" * 12, body | {"lines": [other], "held": []}, at=NOON, by=PREPARER)
        assert codes(raised) == {"E609"}
        with pytest.raises(Faults) as raised:
            ledger.append("prepared", "b" * 12, body | {"lines": [line], "held": []}, at=NOON, by=PREPARER)
        assert {"E608", "E609"} <= codes(raised)
        assert ledger.verify() == []


# ---------------------------------------------------------------------------------------------- what is not evidence


def test_a13_a_record_that_only_resembles_a_member_is_no_evidence(planted: Planted) -> None:
    links = open_bundle(planted.bundle).tables["links.parquet"].filter(pl.col("record_id") == "A13-X3")
    assert links["status"].to_list() == ["possible"]
    assert planted.verdict("A13", "suspensions_below_three", "A13-C") == ("unknown", "unresolved_link")
    assert planted.verdict("A13", SCHOOL) == ("unknown", "unresolved_link")
    assert "A13" not in planted.claimed()


def test_a15_a_term_without_a_record_is_unknown_and_nothing_stands_in_for_it(planted: Planted) -> None:
    assert planted.verdict("A15", "attendance_improved", "A15-C") == ("unknown", "no_record")
    assert planted.verdict("A15", SCHOOL) == ("unknown", "no_record")
    assert "A15" not in planted.claimed()


def test_a18_a_fall_from_a_baseline_that_nobody_has_is_unknown(planted: Planted) -> None:
    for result in ("asb_reduced", "youth_offending_reduced"):
        assert planted.verdict("A18", result) == ("unknown", "not_covered")
    assert planted.verdict("A18", SCHOOL) == ("unknown", "not_covered")
    # With A13 and A15: three families whose result is unknown are counted as such, and never as met.
    assert planted.fell_out("result")["no_route_met_and_some_unknown"] == 3


# ------------------------------------------------------------------------------------------------------ whose word


def test_a14_a_discretionary_pass_waits_for_a_second_person_and_is_always_sampled(tmp_path: Path) -> None:
    root = with_people(tmp_path / "authority")
    why = Why("progress that is worth as much", "head of service", date(2014, 11, 29))
    entry = propose(root, "A04", SCHOOL, AS_OF, WINDOW, why, at=NOON, by=PREPARER)
    (held,) = consider(root, AS_OF, WINDOW).selection.held.filter(pl.col("family_id") == "A04").to_dicts()
    assert held["reason"] == "override_not_approved"
    with pytest.raises(Faults) as raised:
        approve_override(root, entry.seq, at=NOON, by=PREPARER)
    assert codes(raised) == {"E645"}
    approve_override(root, entry.seq, at=NOON, by=APPROVER)
    done = prepare(root, AS_OF, WINDOW, at=NOON, by=PREPARER)
    assert done.bundle is not None
    (line,) = done.selection.lines.filter(pl.col("family_id") == "A04").to_dicts()
    assert (line["override"], "override" in line["flags"].split(";")) == (entry.seq, True)
    for seed in ("1", "2", "3"):
        drawn = draw_sample(done.bundle.path, seed).sample.lines
        assert drawn.filter(pl.col("family_id") == "A04")["why"].to_list() == ["override"]


def test_a16_a_claim_is_neither_approved_nor_submitted_before_its_audit(copy: Path) -> None:
    batch_id = bundle_of(copy).name.rsplit("-", 1)[1]
    with pytest.raises(Faults) as raised:
        submit(copy, batch_id, date(2014, 11, 3), at=NOON, by=PREPARER)
    assert codes(raised) == {"E607"}
    with pytest.raises(Faults) as raised:
        approve(copy, batch_id, at=NOON, by=APPROVER)
    assert codes(raised) == {"E607"}
    audit(bundle_of(copy), copy, AUDITOR)
    with pytest.raises(Faults) as raised:
        submit(copy, batch_id, date(2014, 11, 3), at=NOON, by=PREPARER)
    assert codes(raised) == {"E607"}
    assert verify(bundle_of(copy), copy).state == "checked"
