"""The programme report: every figure of small workspaces counted by hand, nobody counted twice, nobody left out."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from pbr.cli.console import Commands
from pbr.cli.report import report
from pbr.errors import Faults
from pbr.jobs.programme import Programme, programme, write
from pbr.ledger import NO_BATCH, Ledger
from pbr.reports.programme_figures import family_figures, income_figures
from pbr.reports.programme_indicators import Tally, aim_met
from pbr.values import Share
from tests.ledger.made_batches import NOON, line, prepared
from tests.ledger.made_people import FINANCE, PREPARER, corrected, paid, register, take_to

FIXTURES = Path(__file__).parents[2] / "fixtures"
ENGAGED_AFTER = date(2014, 10, 1)
YEAR_END = date(2015, 3, 31)

CEA, CE, P2W = "crime_asb_education", "continuous_employment", "progress_to_work"


def workspace(folder: Path, fixture: str, settings: str = "") -> Path:
    """A copy of a fixture with more settings."""
    made = Path(shutil.copytree(FIXTURES / fixture, folder / fixture))
    with (made / "pbr.toml").open("a", encoding="utf-8") as file:
        file.write(settings)
    return made


def aims(**wanted: str) -> str:
    return "".join(f'\n[[programme.aims]]\nindicator = "{name}"\nreduced_by = "{by}"\n' for name, by in wanted.items())


def indicator(found: Programme, name: str) -> dict[str, Any]:
    return found.indicators.filter(pl.col("indicator") == name).row(0, named=True)


def figures(found: Programme, section: str, measure: str, framework: str = "all") -> dict[str, int]:
    is_it = (pl.col("section") == section) & (pl.col("measure") == measure) & (pl.col("framework") == framework)
    return dict(found.figures.filter(is_it).select("period", "value").iter_rows())


# --------------------------------------------------------------------------------------------------- outcome indicators


def test_a_fall_is_of_the_sums_of_all_families_and_an_aim_is_judged_exactly(tmp_path: Path) -> None:
    # Incidents 5 to 2, 5 to 3 and 10 to 4; offences 100 to 67, 3 to 2 and 4 to 3.
    made = workspace(tmp_path, "reductions-at-the-limit", aims(asb_incidents="55%", minor_offences="32.8%"))
    found = programme(made, ENGAGED_AFTER)
    incidents, crimes = indicator(found, "asb_incidents"), indicator(found, "minor_offences")
    assert (incidents["baseline"], incidents["latest"], incidents["change"]) == (20, 9, "-55.0%")
    assert (crimes["baseline"], crimes["latest"], crimes["change"]) == (107, 72, "-32.7%")
    assert (incidents["counted"], incidents["not_known"]) == (3, 0)
    assert (incidents["aim_met"], crimes["aim_met"]) == ("met", "not met")


def test_a_child_at_the_limit_is_beyond_it_on_both_days(tmp_path: Path) -> None:
    # C1 has 57 of 380 on both days, which is 15%; C2 has 56 of 380 now. Nobody has three suspensions on either.
    found = programme(workspace(tmp_path, "attendance-at-fifteen-percent", aims(suspensions="10%")), ENGAGED_AFTER)
    absence, suspended = indicator(found, "unauthorised_absence"), indicator(found, "suspensions")
    assert [absence[name] for name in ("counted", "baseline", "latest", "change")] == [2, 1, 1, "0.0%"]
    assert [suspended[name] for name in ("counted", "baseline", "latest")] == [2, 0, 0]
    assert (suspended["change"], suspended["aim_met"], absence["aim_met"]) == ("no baseline", "not known", "no aim")


@pytest.fixture(scope="module")
def leavers(tmp_path_factory: pytest.TempPathFactory) -> Programme:
    """Nothing claimed, no budget, and a window with a name that a spreadsheet would run."""
    window = '\n[[claims.windows]]\nid = "=1+1"\nopens = 2014-01-01\ncloses = 2014-02-01\n'
    return programme(workspace(tmp_path_factory.mktemp("leavers"), "school-leaver", window), ENGAGED_AFTER)


def test_a_child_who_left_school_is_no_success(leavers: Programme) -> None:
    # L1 and L2 were beyond the limit and have left school; S1 never was. To count only who is left would say 2 to 0.
    found = indicator(leavers, "unauthorised_absence")
    assert [found[name] for name in ("counted", "then_only", "now_only", "not_known")] == [1, 2, 0, 0]
    assert (found["baseline"], found["latest"], found["change"]) == (0, 0, "no baseline")


def test_a_child_with_a_missing_term_is_not_known_and_one_who_came_of_school_age_is_new(tmp_path: Path) -> None:
    found = indicator(
        programme(workspace(tmp_path, "missing-term", aims(unauthorised_absence="1%")), ENGAGED_AFTER),
        "unauthorised_absence",
    )
    assert [found[name] for name in ("counted", "not_known", "then_only", "now_only")] == [0, 1, 0, 1]
    assert found["aim_met"] == "not known"


def test_adults_on_benefit_are_counted_at_engagement_and_on_the_day_before(tmp_path: Path) -> None:
    # W1 to W4 were on ESA; W4's was open still on the last day.
    made = workspace(tmp_path, "into-work-from-esa", aims(out_of_work_benefit="75%"))
    found = indicator(programme(made, ENGAGED_AFTER), "out_of_work_benefit")
    assert [found[name] for name in ("counted", "baseline", "latest", "change", "aim_met")] == [
        4,
        4,
        1,
        "-75.0%",
        "met",
    ]


def test_what_is_not_covered_is_not_known_and_never_a_fall(tmp_path: Path) -> None:
    found = programme(workspace(tmp_path, "coverage-short-by-a-day", aims(asb_incidents="1%")), ENGAGED_AFTER)
    incidents = indicator(found, "asb_incidents")
    assert incidents["counted"] == 0 and incidents["not_known"] == figures(found, "families", "families_engaged")["all"]
    assert (incidents["change"], incidents["aim_met"]) == ("no baseline", "not known")


@pytest.mark.parametrize(
    ("baseline", "latest", "not_known", "said"),
    [
        (3, 2, 0, "met"),
        (300, 201, 0, "not met"),
        (3, 2, 1, "met of those known"),
        (0, 0, 0, "not known"),
        (0, 1, 0, "not met"),
        (3, 4, 2, "not met of those known"),
    ],
)
def test_an_aim_of_a_third(baseline: int, latest: int, not_known: int, said: str) -> None:
    tally = Tally("", "events", "families", 9, not_known, 0, 0, baseline, latest)
    assert aim_met(tally, Share(1, 3)) == said


def test_an_aim_for_what_no_result_measures_is_a_fault_with_its_line(tmp_path: Path) -> None:
    made = workspace(tmp_path, "school-leaver", aims(unauthorized_absence="10%"))
    with pytest.raises(Faults, match=r"E780 pbr.toml:\d+ no result .* Did you mean 'unauthorised_absence'\?"):
        programme(made, ENGAGED_AFTER)


# ------------------------------------------------------------------------------------------------- families and money


YEARS = """
[claims]
families_agreed = 12

[[claims.windows]]
id = "2014-03"
opens = 2014-03-01
closes = 2014-03-31

[[claims.windows]]
id = "2014-09"
opens = 2014-09-01
closes = 2014-09-30

[[programme.years]]
year = "2013/14"
families = 4
income_pounds = 10000

[[programme.years]]
year = "2014/15"
families = 2
income_pounds = 1000
"""


def batch(window: str, day: date, *lines: dict[str, Any]) -> dict[str, Any]:
    return prepared(*lines, window=window, run_key=window, claim_date=day, as_of=day)


@pytest.fixture(scope="module")
def claimed_twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two windows. F1: progress to work, then turned around; F2: turned around in the first, repaid in part; F3: in the
    second, paid by halves, repaid whole. F4 is in preparation only, and F2 again.
    """
    made = workspace(tmp_path_factory.mktemp("programme"), "reductions-at-the-limit", YEARS)
    with Ledger.open(made / "ledger.sqlite", create=True) as ledger:
        register(ledger)

        def enter(batch_id: str, body: dict[str, Any], state: str) -> None:
            ledger.append("prepared", batch_id, body, at=NOON, by=PREPARER)
            if state:
                take_to(ledger, batch_id, state)

        def pay(batch_id: str, day: date, reference: str, *lines: tuple[str, int]) -> None:
            body = paid(*lines, reference=reference) | {"paid_on": day}
            ledger.append("paid", batch_id, body, at=NOON, by=FINANCE)

        early, late = date(2014, 3, 31), date(2014, 9, 1)
        enter("b1", batch("2014-03", early, line("F1", P2W, pence=10000), line("F2", CEA, pence=150000)), "submitted")
        enter("b2", batch("2014-09", late, line("F1", CEA, pence=150000), line("F3", CE, pence=160000)), "submitted")
        enter("b3", batch("2015-01", YEAR_END, line("F4", CEA, pence=70000), line("F2", P2W, pence=10000)), "")
        pay("b1", date(2014, 3, 31), "R1", (f"F1-{P2W}", 10000))
        pay("b1", date(2014, 4, 1), "R2", (f"F2-{CEA}", 150000))
        pay("b2", date(2014, 12, 1), "R3", (f"F3-{CE}", 60000))
        pay("b2", YEAR_END, "R4", (f"F3-{CE}", 100000), (f"F1-{CEA}", 150000))
        for who, act, pence in ((f"F2-{CEA}", "repay", 50000), (f"F3-{CE}", "repay", 160000)):
            of = "b1" if who.startswith("F2") else "b2"
            ledger.append("corrected", of, corrected(who, act, pence), at=NOON, by=FINANCE)
        fees = {"financial_year": "2013/14", "pack_id": "phase-1", "families": 3, "fee_pence": 240000}
        fees |= {"amount_pence": 720000, "reference": "A1", "paid_on": date(2013, 11, 1)}
        ledger.append("attachment_paid", NO_BATCH, fees, at=NOON, by=FINANCE)
    return made


@pytest.fixture(scope="module")
def shown(claimed_twice: Path) -> Programme:
    return programme(claimed_twice, YEAR_END)


def test_a_family_claimed_in_two_windows_is_one_family_at_its_first(shown: Programme) -> None:
    # F3's only line is repaid whole, so it is no claim.
    claimed = "claims_by_year"
    assert figures(shown, claimed, "families_claimed") == {"2013/14": 2, "2014/15": 0, "all": 2}
    assert figures(shown, claimed, "families_turned_around") == {"2013/14": 1, "2014/15": 1, "all": 2}
    assert figures(shown, claimed, "claim_lines") == {"2013/14": 2, "2014/15": 1, "all": 3}
    assert figures(shown, claimed, "claimed") == {"2013/14": 110000, "2014/15": 150000, "all": 260000}
    assert figures(shown, "claims_by_window", "families_turned_around") == {
        "2014-03": 1,
        "2014-09": 1,
        "2015-01": 0,
        "all": 2,
    }


def test_claimed_and_in_preparation_are_what_the_balance_has_as_claimed(claimed_twice: Path, shown: Programme) -> None:
    with Ledger.read(claimed_twice / "ledger.sqlite") as ledger:
        balance = dict(ledger.balances("window").select("window", "claimed_pence").iter_rows())
    of = [figures(shown, "claims_by_window", name) for name in ("claimed", "in_preparation")]
    assert {window: sum(each[window] for each in of) for window in balance} == balance
    assert sum(balance.values()) > 0


def test_what_is_in_preparation_is_not_claimed(shown: Programme) -> None:
    # F2's second line is in preparation, but F2 is claimed for already.
    assert figures(shown, "claims_by_window", "families_in_preparation")["2015-01"] == 1
    assert figures(shown, "claims_by_window", "in_preparation")["all"] == 80000
    assert figures(shown, "claims_by_window", "families_claimed")["2015-01"] == 0


def test_a_family_is_paid_for_at_its_first_payment_unless_all_of_it_went_back(shown: Programme) -> None:
    assert figures(shown, "claims_by_year", "families_paid") == {"2013/14": 1, "2014/15": 1, "all": 2}
    assert figures(shown, "claims_by_window", "paid") == {
        "2014-03": 160000,
        "2014-09": 310000,
        "2015-01": 0,
        "all": 470000,
    }


def test_income_is_by_the_day_of_the_payment_less_what_was_repaid_of_it_against_budget(shown: Programme) -> None:
    # 31 March is in the year that ends, 1 April in the next.
    assert figures(shown, "income", "results_paid") == {"2013/14": 10000, "2014/15": 460000, "all": 470000}
    assert figures(shown, "income", "repaid") == {"2013/14": 0, "2014/15": 210000, "all": 210000}
    assert figures(shown, "income", "income") == {"2013/14": 730000, "2014/15": 250000, "all": 980000}
    assert figures(shown, "income", "variance") == {"2013/14": -270000, "2014/15": 150000, "all": -120000}


def test_the_day_before_a_payment_it_is_not_there(claimed_twice: Path) -> None:
    found = programme(claimed_twice, date(2015, 3, 30))
    assert figures(found, "income", "results_paid")["all"] == 220000
    # Of F3's money the later payment is given back first: neither it nor what went back of it is there.
    assert figures(found, "income", "repaid")["all"] == 50000 + 60000
    assert figures(found, "claims_by_year", "families_in_preparation")["all"] == 0


def test_every_family_engaged_before_the_day_is_in_one_column(shown: Programme) -> None:
    counted = {name: figures(shown, "families", f"families_{name}").get("all", 0) for name in (
        "engaged", "eligible", "not_eligible", "eligibility_not_known", "not_decided", "to_engage", "result_met",
    )}  # fmt: skip
    assert counted["engaged"] == 3
    parts = ("eligible", "not_eligible", "eligibility_not_known", "not_decided")
    assert sum(counted[name] for name in parts) == 3
    assert counted["to_engage"] == 6
    assert figures(shown, "families", "families_engaged") == {"2013/14": 3, "2014/15": 0, "all": 3}


def test_a_family_engaged_on_the_day_is_not_engaged_yet(tmp_path: Path) -> None:
    made = workspace(tmp_path, "school-leaver")
    assert figures(programme(made, date(2013, 10, 1)), "families", "families_engaged") == {"all": 0}


def test_without_a_budget_there_is_no_variance_and_without_a_ledger_no_claim(leavers: Programme) -> None:
    assert figures(leavers, "income", "variance") == figures(leavers, "families", "families_to_engage") == {}
    assert figures(leavers, "claims_by_year", "families_claimed") == {"all": 0}
    assert leavers.allocations == ()


def test_a_year_without_a_budget_leaves_the_whole_without_a_variance() -> None:
    days = [date(2014, 3, 31), date(2014, 4, 1)]
    payments = pl.DataFrame({"year": ["2013/14", "2014/15"], "pence": [300, 200], "given_back": [100, 0]})
    fees = pl.DataFrame({"paid_on": days, "amount_pence": [50, 60]})
    found = income_figures(payments, fees, "all", {"2013/14": 1000})
    told = {(row["measure"], row["period"]): row["value"] for row in found.iter_rows(named=True)}
    assert (told["income", "2013/14"], told["income", "2014/15"], told["income", "all"]) == (250, 260, 510)
    assert told["variance", "2013/14"] == -750
    assert not {("variance", "2014/15"), ("variance", "all"), ("budget", "2014/15")} & told.keys()


def test_families_to_be_engaged_are_summed_only_where_every_year_says_them() -> None:
    engaged = pl.DataFrame({"engaged_on": [date(2014, 3, 31), date(2014, 4, 1)], "eligible": "met", "result_met": True})
    for said, whole in (({"2013/14": 4, "2014/15": 2}, 6), ({"2013/14": 4}, None)):
        found = family_figures(engaged, "all", said)
        told = dict(found.filter(pl.col("measure") == "families_to_engage").select("period", "value").iter_rows())
        assert told.get("all") == whole
        assert told["2013/14"] == 4


def test_each_framework_in_force_has_its_own_rows_and_the_whole_counts_a_family_once(
    claimed_twice: Path, tmp_path: Path
) -> None:
    made = Path(shutil.copytree(claimed_twice, tmp_path / "made"))
    text = (made / "pbr.toml").read_text("utf-8")
    (made / "pbr.toml").write_text(text.replace('pack = "phase-1"', 'pack = "in-force"'), "utf-8")
    found = programme(made, YEAR_END)
    assert "phase-1" in set(found.figures["framework"])
    assert figures(found, "claims_by_year", "families_claimed", "phase-1")["all"] == 2
    assert figures(found, "families", "families_engaged")["all"] == 3
    assert set(found.figures.filter(pl.col("framework") != "all")["measure"]) & {"budget", "variance"} == set()


def test_a_ledger_that_was_touched_is_no_source_of_figures(claimed_twice: Path, tmp_path: Path) -> None:
    made = Path(shutil.copytree(claimed_twice, tmp_path / "made"))
    (made / "ledger.sqlite").write_bytes(b"")
    with pytest.raises(Faults):
        programme(made, YEAR_END)


# ------------------------------------------------------------------------------------------------------ what is written


def pbr(*words: object) -> Result:
    ran = CliRunner().invoke(Commands("pbr", commands={"report": report}), [str(word) for word in words])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def test_page_csv_and_json_say_the_same_and_the_page_stands_by_itself(shown: Programme, tmp_path: Path) -> None:
    write(shown, tmp_path / "out")
    page = (tmp_path / "out" / "programme.html").read_text("utf-8")
    assert all(text in page for text in ("£9,800", "-£1,200", "2013/14", "31 March 2015"))
    assert not re.search(r"<script|src=|href=\"http|@import", page)
    table = pl.read_csv(tmp_path / "out" / "programme.csv", infer_schema=False)
    assert table.columns == ["section", "framework", "period", "measure", "value", "unit"]
    rows = json.loads((tmp_path / "out" / "programme.json").read_text("utf-8"))
    assert len(rows) == table.height
    assert {"section": "income", "framework": "all", "period": "all", "measure": "variance", "value": "-120000",
            "unit": "pence"} in rows  # fmt: skip
    described = re.search(r'<desc id="chart-text">(.*?)</desc>', page)
    assert described and "2013/14: 4 to be engaged, 3 engaged, 2 claimed for, 1 paid for." in described[1]
    write(shown, tmp_path / "again")
    assert (tmp_path / "again" / "programme.html").read_text("utf-8") == page


def test_a_window_that_a_spreadsheet_would_run_is_written_so_that_it_cannot(leavers: Programme, tmp_path: Path) -> None:
    write(leavers, tmp_path / "out")
    assert ",'=1+1," in (tmp_path / "out" / "programme.csv").read_text("utf-8")


def test_a_folder_that_cannot_be_written_is_a_fault(shown: Programme, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Faults, match="E781"):
        write(shown, tmp_path / "file" / "below")


def test_the_command_prints_each_table_and_what_is_left_of_the_allocation(claimed_twice: Path) -> None:
    ran = pbr("report", "programme", claimed_twice, "--as-of", "2015-03-31")
    assert ran.exit_code == 0
    assert all(text in ran.stdout for text in ("Families turned around", "-£1,200", "asb_incidents"))
    assert "Allocation by phase-1: 10 families of 12 agreed; 3 with live lines, 7 left." in ran.stderr
