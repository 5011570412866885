"""Forecast: the first and the last day of each route if nothing new happens, exact to the day, and what it brings."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.jobs.decide import calendar_of, decide_by, gather, measure_by
from pbr.jobs.forecast import CUTS, STATES, WINDOWS, WORKLIST, Forecast, forecast, write
from pbr.jobs.forecast_days import ELIGIBLE, verdicts
from pbr.jobs.forecast_evidence import suppose_nothing_new
from pbr.jobs.frameworks import Framework
from pbr.rulebook.load import load_pack
from tests.jobs.authorities import authority
from tests.jobs.to_forecast import AS_OF, Families, at_random

CRIME, WORK, PROGRESS = "crime_asb_education", "continuous_employment", "progress_to_work"
DAY = timedelta(days=1)


def stories() -> Families:
    made = Families()
    for name in (
        *("no_work", "incidents", "starts", "leaver", "leaver_twice", "esa", "both", "short"),
        *("at_limit", "under_limit", "turns_16", "gap_leaves", "gap_stays", "unrecorded"),
    ):
        made.family(name)
        if name not in ("leaver", "leaver_twice"):
            until = date(2014, 7, 31) if name in ("esa", "both", "short") else None
            made.benefit(name, until=until)
    made.family("stranger", eligible=False)
    # Two incidents in the six months before 1 October: the first is in the window of 10 November, not of the 11th.
    made.incident("incidents", date(2014, 5, 10), date(2014, 6, 15))
    # In the six months of 20 November, and not of the 21st.
    made.row("employment", person_id="A-starts", kind="provision", code="esf", starts_on=date(2014, 5, 20))
    # 182 days from 1 June are over on 30 November.
    made.benefit("leaver", "JSA", date(2014, 5, 31))
    made.work("leaver", date(2014, 6, 1))
    # 61 days and, after a month, so many that the first are out of the last 210 before there are 182.
    made.benefit("leaver_twice", "JSA", date(2014, 4, 30))
    made.work("leaver_twice", date(2014, 5, 1), date(2014, 6, 30))
    made.work("leaver_twice", date(2014, 8, 1))
    made.work("esa", date(2014, 8, 1))
    made.work("both", date(2014, 7, 1))
    # A spell of 91 days that is over: the day after it, and until its first day is out of the six months.
    made.work("short", date(2014, 7, 3), date(2014, 10, 1))
    made.row("offending", person_id="A-short", kind="asb", occurred_on=date(2014, 9, 29))
    made.row("offending", person_id="A-short", kind="asb", occurred_on=date(2014, 9, 30))
    # 58.5 of 390 sessions are 15%: with 60 in a term of 400 more it is reached, exactly.
    made.child("at_limit", autumn_2013=60, spring_2014=0, summer_2014=0)
    made.rows["attendance"][-3]["sessions_possible"] = 140
    made.child("under_limit", autumn_2013=59, spring_2014=0, summer_2014=0)
    made.rows["attendance"][-3]["sessions_possible"] = 140
    made.child("turns_16", date(1998, 7, 1), autumn_2013=100)
    made.child("gap_leaves", autumn_2013=None)
    made.child("gap_stays", spring_2014=None)
    made.person("unrecorded", "C-unrecorded", date(2003, 1, 1))
    return made


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    return stories().write(tmp_path_factory.mktemp("stories") / "authority")


@pytest.fixture(scope="module")
def found(workspace: Path) -> Forecast:
    return forecast(workspace, AS_OF)


def row(found: Forecast, family_id: str, route: str) -> dict[str, Any]:
    (one,) = found.worklist.filter((pl.col("family_id") == family_id) & (pl.col("route") == route)).to_dicts()
    return one


def test_the_tables_have_the_columns_that_they_say(found: Forecast) -> None:
    assert dict(found.worklist.schema) == dict(WORKLIST)
    assert dict(found.windows.schema) == dict(WINDOWS)
    assert set(found.worklist["state"]) <= set(STATES)
    assert found.last == date(2015, 1, 31)
    assert found.worklist.height == 15 * 3


@pytest.mark.parametrize(
    ("family_id", "route", "state", "earliest", "last", "ended_by"),
    [
        ("incidents", CRIME, "waiting", date(2014, 11, 11), date(2015, 1, 31), "last_window"),
        ("starts", PROGRESS, "claimable_now", AS_OF, date(2014, 11, 20), "progress_to_work_made"),
        ("leaver", WORK, "waiting", date(2014, 11, 30), date(2015, 1, 31), "last_window"),
        ("leaver_twice", WORK, "waiting", date(2015, 1, 30), date(2015, 1, 31), "last_window"),
        ("esa", WORK, "waiting", date(2014, 10, 31), date(2015, 1, 31), "last_window"),
        ("short", WORK, "waiting", date(2014, 10, 2), date(2015, 1, 3), "moved_into_work"),
        ("at_limit", CRIME, "waiting", date(2015, 1, 1), date(2015, 1, 31), "last_window"),
        ("under_limit", CRIME, "claimable_now", AS_OF, date(2015, 1, 31), "last_window"),
        ("turns_16", CRIME, "waiting", date(2015, 1, 1), date(2015, 1, 31), "last_window"),
        ("gap_leaves", CRIME, "waiting", date(2015, 1, 1), date(2015, 1, 31), "last_window"),
        ("gap_stays", CRIME, "needs_evidence", None, None, None),
        ("unrecorded", CRIME, "needs_evidence", None, None, None),
        ("no_work", WORK, "needs_change", None, None, None),
        ("short", CRIME, "needs_change", None, None, None),
        ("stranger", CRIME, "not_eligible", None, None, None),
        ("both", WORK, "claimable_now", AS_OF, date(2015, 1, 31), "last_window"),
        ("both", CRIME, "cap_used", AS_OF, date(2015, 1, 31), "last_window"),
    ],
)
def test_a_route_is_met_from_its_first_day_to_its_last(
    found: Forecast, family_id: str, route: str, state: str, earliest: date, last: date, ended_by: str
) -> None:
    one = row(found, family_id, route)
    assert (one["state"], one["earliest"], one["last"], one["ended_by"]) == (state, earliest, last, ended_by)


def test_a_date_names_the_evidence_that_must_still_arrive(found: Forecast) -> None:
    assert row(found, "incidents", CRIME)["evidence_to_come"] == "offending complete until 2014-11-10"
    assert row(found, "leaver", WORK)["evidence_to_come"] == "employment complete until 2014-11-29"
    at_limit = row(found, "at_limit", CRIME)["evidence_to_come"].split("; ")
    # 15% of 390 sessions is 58.5.
    assert at_limit == [
        "attendance of C-at_limit in autumn 2014/15: at most 58 unauthorised of 390 in the 3 terms (0 so far)",
        "exclusions complete until 2014-12-31",
        "offending complete until 2014-12-31",
    ]
    # Who has left school needs no more records of it.
    assert "attendance" not in row(found, "turns_16", CRIME)["evidence_to_come"]
    assert row(found, "under_limit", CRIME)["evidence_to_come"] == ""


def test_what_is_missing_is_told_whatever_happens(found: Forecast) -> None:
    gap = "“Every child below the limit of unauthorised absence” is unknown (C-{}): a term without an attendance record"
    assert row(found, "gap_stays", CRIME)["missing"] == gap.format("gap_stays")
    assert row(found, "gap_leaves", CRIME)["missing"] == gap.format("gap_leaves")
    change = "not met until 2015-01-31: “An adult off benefits and in continuous employment”"
    assert row(found, "no_work", WORK)["missing"] == change
    assert row(found, "both", CRIME)["missing"] == "another route is paid in its place"


def test_what_ends_before_a_window_is_lost_unless_it_is_claimed(found: Forecast) -> None:
    starts = row(found, "starts", PROGRESS)
    assert starts["next_step"] == "now: claim in 2014-11; lost unless claimed by 2014-11-20."
    short = row(found, "short", WORK)
    # It is met until 3 January, after the first window has closed and before the next one opens.
    assert (short["window"], short["next_step"]) == (
        "2014-11",
        "from 2014-10-02: claim in 2014-11; lost unless claimed by 2014-11-30.",
    )
    assert row(found, "incidents", CRIME)["next_step"] == "from 2014-11-11: claim in 2014-11."


def test_what_is_lost_soonest_comes_first_then_what_pays_most(found: Forecast) -> None:
    dated = found.worklist.filter(pl.col("last").is_not_null())
    assert dated.row(0, named=True)["family_id"] == "starts"
    assert dated.rows() == found.worklist.rows()[: dated.height]
    assert dated["last"].is_sorted()
    together = dated.filter(pl.col("last") == date(2015, 1, 31))["amount_pence"]
    assert together.is_sorted(descending=True)
    assert together.n_unique() > 1


def test_each_window_claims_what_is_met_on_its_last_day_and_was_not_claimed_before(found: Forecast) -> None:
    by = {(r["window"], r["route"]): r for r in found.windows.to_dicts()}
    first, then = by["2014-11", WORK], by["2015-01", WORK]
    # both, esa, leaver and short, £1,600 each; then leaver_twice.
    assert (first["lines"], first["amount_pence"], first["met_today_lines"], first["to_come_lines"]) == (
        4,
        640000,
        1,
        3,
    )
    assert (first["met_today_pence"], first["to_come_pence"]) == (160000, 480000)
    # A later route pays the difference: £1,500 were claimed in November, of £1,600 in all.
    assert (then["lines"], then["amount_pence"], then["met_today_lines"], then["lapsing_lines"]) == (1, 10000, 0, 1)
    assert (by["2014-11", PROGRESS]["lines"], by["2014-11", PROGRESS]["lapsing_lines"]) == (0, 1)
    assert by["2014-11", CRIME]["to_come_lines"] == 1


def test_the_sums_of_a_window_tie_out(found: Forecast) -> None:
    windows = found.windows
    for unit, whole in (("lines", "lines"), ("pence", "amount_pence")):
        parts = windows.select(f"{name}_{unit}" for name in ("met_today", "met_later", "to_come"))
        assert parts.sum_horizontal().to_list() == windows[whole].to_list()
    assert windows["amount_pence"].sum() > 0


def test_a_line_waits_for_evidence_only_where_its_row_says_which(tmp_path: Path) -> None:
    made = Families()
    made.family("incidents")
    made.benefit("incidents")
    made.incident("incidents", date(2014, 5, 10), date(2014, 6, 15))
    folder = made.write(tmp_path / "authority")
    for whole, parts in ((False, (0, 1)), (True, (1, 0))):
        if whole:
            # Every source covers all days that are looked at, so that only the days must pass.
            toml = folder / "pbr.toml"
            toml.write_text(toml.read_text().replace("2014-09-30", "2015-01-31"))
        found = forecast(folder, AS_OF)
        crime = found.windows.filter((pl.col("window") == "2014-11") & (pl.col("route") == CRIME)).row(0, named=True)
        assert (row(found, "incidents", CRIME)["evidence_to_come"] == "") == whole
        assert (crime["met_later_lines"], crime["to_come_lines"]) == parts


def test_what_is_not_eligible_has_no_amount(found: Forecast) -> None:
    amounts = found.worklist.filter(pl.col("state") == "not_eligible")["amount_pence"]
    assert amounts.len() and amounts.null_count() == amounts.len()


def test_one_family_is_forecast_as_it_is_among_all(workspace: Path, found: Forecast) -> None:
    alone = forecast(workspace, AS_OF, family_id="incidents")
    assert alone.worklist.rows() == found.worklist.filter(pl.col("family_id") == "incidents").rows()
    assert alone.windows.is_empty()


def test_the_allocation_is_used_up_by_the_families_that_come_first(tmp_path: Path) -> None:
    made = Families()
    for number in (1, 2):
        made.family(f"F{number}", date(2013, 10, number))
        made.benefit(f"F{number}")
    # Five in six of two families is one.
    workspace = made.write(tmp_path / "authority", more="[claims]\nfamilies_agreed = 2")
    windows = forecast(workspace, AS_OF, date(2014, 11, 30)).windows.filter(pl.col("route") == CRIME)
    assert windows.select("families", "amount_pence").rows() == [(1, 150000)]


# ---------------------------------------------------------------------------------------------------- where it ends


def test_nothing_is_looked_at_after_the_time_to_claim(workspace: Path) -> None:
    ended = forecast(workspace, date(2015, 5, 30), date(2015, 12, 31), "esa")
    assert ended.last == date(2015, 5, 31)
    assert row(ended, "esa", WORK)["ended_by"] == "framework"


@pytest.mark.parametrize(
    ("code", "as_of", "until", "family_id"),
    [
        ("E750", AS_OF, AS_OF - DAY, None),
        ("E751", AS_OF, None, "nobody"),
        ("E752", date(2015, 6, 1), None, None),
    ],
)
def test_what_cannot_be_forecast_is_refused(
    workspace: Path, code: str, as_of: date, until: date | None, family_id: str | None
) -> None:
    with pytest.raises(Faults) as refused:
        forecast(workspace, as_of, until, family_id)
    assert [fault.code for fault in refused.value.faults] == [code]


def test_a_source_that_is_not_declared_is_missing_to_the_end(tmp_path: Path) -> None:
    made = Families()
    made.family("F1")
    made.benefit("F1")
    workspace = made.write(tmp_path / "authority")
    told = (workspace / "pbr.toml").read_text("utf-8")
    (workspace / "pbr.toml").write_text(
        re.sub(r"\[sources.offending\][^[]*", "", told).replace("local_discretion", ""), "utf-8"
    )
    found = forecast(workspace, AS_OF, AS_OF + DAY)
    one = row(found, "F1", CRIME)
    assert (one["state"], one["earliest"]) == ("needs_evidence", None)
    assert "days that its source does not cover" in one["missing"]


def test_what_the_extracts_say_of_days_to_come_counts(tmp_path: Path) -> None:
    made = Families()
    for name in ("again", "leaves"):
        made.family(name)
        made.benefit(name)
    # Known already though it is after the as-of date: two incidents on 20 October.
    made.incident("again", date(2014, 10, 20), date(2014, 10, 20))
    workspace = made.write(tmp_path / "authority", windows=())
    found = forecast(workspace, AS_OF, date(2014, 10, 25))
    one = row(found, "again", CRIME)
    assert (one["earliest"], one["last"], one["ended_by"]) == (AS_OF, date(2014, 10, 20), "asb_reduced")
    assert row(found, "leaves", CRIME)["ended_by"] == "horizon"


# -------------------------------------------------------------------------------------------------- against plain scans


def test_no_day_is_overlooked_that_a_plain_scan_of_every_day_finds(tmp_path: Path) -> None:
    as_of, last = date(2014, 12, 24), date(2015, 1, 3)
    made = at_random(1, 25, as_of, last)
    covers = (date(2010, 9, 1), as_of - 10 * DAY)
    gathered = gather(made.write(tmp_path / "authority", windows=(), covers=covers))
    supposed = suppose_nothing_new(gathered, as_of, last).gathered
    whole, calendar = load_pack("phase-1"), calendar_of(gathered.workspace)
    # Flags change no verdict, and take long.
    loaded = replace(whole, pack=whole.pack.model_copy(update={"flags": {}}))
    names = (ELIGIBLE, *loaded.pack.routes)
    plain = list(_every_day(supposed, loaded, as_of, last))
    looked_at = verdicts(loaded, names, supposed.evidence, supposed.families, calendar, as_of, last)
    changes = 0
    for (name, family_id), group in looked_at.group_by("item", "family_id"):
        by_day = dict(group.select("day", "verdict").iter_rows())
        for day, decided in plain:
            until_now = max(each for each in by_day if each <= day)
            expected = decided.get((str(family_id), str(name)), "not_decided")
            assert by_day[until_now] == expected, (name, family_id, day)
        changes += len(set(by_day.values())) > 1
    assert changes > 5
    assert looked_at.height < len(plain) * supposed.families.height * len(names)


def _every_day(supposed: Any, pack: Any, as_of: date, last: date) -> Iterator[tuple[date, dict[tuple[str, str], str]]]:
    for n in range((last - as_of).days + 1):
        day = as_of + n * DAY
        cohorts = measure_by([Framework(pack, supposed.families)], supposed, day).cohorts
        own = decide_by("bulk", cohorts).filter((pl.col("subject_id") == "") & (pl.col("part") != "result"))
        yield (
            day,
            {(family, item): verdict for family, item, verdict in own.select("family_id", "item", "verdict").rows()},
        )


def test_the_first_day_is_the_first_on_which_the_workspace_is_decided_so_once_the_future_is_written(
    tmp_path: Path,
) -> None:
    as_of, last = date(2014, 10, 31), date(2015, 1, 2)
    workspace = authority(tmp_path / "authority", families=40, seed=1)
    found = forecast(workspace, as_of, last)
    dated = found.worklist.filter(
        pl.col("earliest").is_not_null() & (pl.col("earliest") > as_of) & ~pl.col("state").is_in(["cap_used"])
    )
    written = with_the_future_written(workspace, tmp_path / "later")
    gathered = gather(written)
    first_days = dict(dated.group_by("earliest").agg(pl.struct("family_id", "route")).iter_rows())
    assert len(first_days) > 2
    for earliest, rows in first_days.items():
        for day, expected in ((earliest - DAY, False), (earliest, True)):
            met = _met(gathered, day)
            assert {(each["family_id"], each["route"]) in met for each in rows} == {expected}, day
    lapsing = found.worklist.filter(pl.col("last").is_not_null() & ~pl.col("ended_by").is_in(CUTS))
    for one in lapsing.head(2).iter_rows(named=True):
        for day, expected in ((one["last"], True), (one["last"] + DAY, False)):
            assert ((one["family_id"], one["route"]) in _met(gathered, day)) == expected


def _met(gathered: Any, day: date) -> set[tuple[str, str]]:
    pack = load_pack("phase-1")
    own = decide_by("bulk", measure_by([Framework(pack, gathered.families)], gathered, day).cohorts)
    met = own.filter((pl.col("subject_id") == "") & (pl.col("verdict") == "met")).select("family_id", "part", "item")
    eligible = {family for family, _, item in met.rows() if item == "eligible"}
    return {(family, item) for family, part, item in met.rows() if part == "route" and family in eligible}


def with_the_future_written(workspace: Path, folder: Path) -> Path:
    """The demo a year later: every source covers more, and each child has a record of autumn without absence."""
    before = gather(workspace)
    places = before.extracts["attendance"].accepted.select("record_id", "row")
    linked = before.evidence.records["attendance"].filter(~pl.col("possible")).join(places, on="record_id")
    of_row = dict(linked.select("row", "person_id").iter_rows())
    shutil.copytree(workspace, folder)
    told = (folder / "pbr.toml").read_text("utf-8")
    told = re.sub(r"(covers = \{from = [0-9-]+, until = )[0-9-]+", r"\g<1>2015-07-31", told)
    (folder / "pbr.toml").write_text(re.sub(r"extracted_on = [0-9-]+", "extracted_on = 2015-08-01", told), "utf-8")
    path = folder / "sources" / "attendance.csv"
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"))))
    latest: dict[str, dict[tuple[str, int], list[dict[str, str]]]] = {}
    for number, each in enumerate(rows, 2):
        if number in of_row:
            term = (each["Academic Year"], ("Autumn", "Spring", "Summer").index(each["Term"]))
            latest.setdefault(of_row[number], {}).setdefault(term, []).append(each)
    for theirs in latest.values():
        for each in theirs[max(theirs)]:
            new = {"Academic Year": "2014/15", "Term": "Autumn", "Auth Sess": "0", "Unauth Sess": "0"}
            rows.append({**each, **new})
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder


# ------------------------------------------------------------------------------------------------------ what is written


def test_the_page_and_the_tables_are_written_the_same_each_time_and_name_nobody(
    found: Forecast, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        write(found, tmp_path / folder)
    names = ("forecast.html", "windows.csv", "worklist.csv")
    one, two = ({name: (tmp_path / folder / name).read_bytes() for name in names} for folder in ("one", "two"))
    assert one == two
    read = pl.read_csv(tmp_path / "one" / "worklist.csv")
    assert read.height == found.worklist.height
    page = re.sub('<span class="whole">([^<]*)</span>', r"\1", one["forecast.html"].decode())
    assert '<span class="whole">2014-11-20' in one["forecast.html"].decode()
    assert "lost unless claimed by 2014-11-20" in page
    assert "£6,400" in page
    assert "<script" not in page
    assert not re.search("Of(starts|leaver)", page + one["worklist.csv"].decode())


def test_a_folder_that_cannot_be_made_is_told(found: Forecast, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", "utf-8")
    with pytest.raises(Faults, match="E781"):
        write(found, tmp_path / "taken")


def test_the_workspace_s_own_extracts_are_not_written_over(tmp_path: Path) -> None:
    made = Families()
    made.family("F1")
    workspace = made.write(tmp_path / "authority", windows=())
    (workspace / "sources" / "members.csv").rename(workspace / "sources" / "worklist.csv")
    told = (workspace / "pbr.toml").read_text("utf-8").replace("sources/members.csv", "sources/worklist.csv")
    (workspace / "pbr.toml").write_text(told, "utf-8")
    with pytest.raises(Faults, match="E407"):
        write(forecast(workspace, AS_OF, AS_OF), workspace / "sources")
