"""The county that linkage is measured on: its truth is true, and its errors come as often as they are said to."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pbr.sources import read
from pbr.sources.identifiers import CHECKED
from pbr.workspace import Workspace
from tests.bench import names
from tests.bench.linkage import judged, summary
from tests.bench.people import (
    ERRORS,
    IDENTITY,
    MEMBERS,
    MULTIPLE_BIRTH,
    NUMBERS,
    RECORDS,
    SUPPLIERS,
    TODAY,
    WRITES_KNOWN_NAME,
    County,
    county,
    entries_of,
    settled,
)

PEOPLE = 10_000


@pytest.fixture(scope="module")
def made() -> County:
    return county(PEOPLE)


@pytest.fixture(scope="module")
def records(made: County) -> pl.DataFrame:
    """Every record's identity beside its truth and what is true of its person (`true_*`)."""
    written = pl.concat(
        [frame.select(pl.lit(table).alias("table"), "record_id", *IDENTITY) for table, frame in made.tables.items()]
    )
    true = settled(PEOPLE, "1").drop("person_id").rename(lambda name: name if name == "person" else f"true_{name}")
    return written.join(made.truth, on=["table", "record_id"], validate="1:1").join(true, on="person")


@pytest.fixture(scope="module")
def everybody() -> pl.DataFrame:
    return settled(30_000, "rates")


def plain(column: str) -> pl.Expr:
    """A name without what is only a manner of writing it."""
    return (
        pl.col(column).str.normalize("NFKD").str.replace_all(r"[\p{M}']", "").str.to_lowercase()
        .str.replace(r"^(mr|mrs) ", "").str.replace_all("ı", "i")
    )  # fmt: skip


def test_the_same_seed_makes_the_same_county_and_another_seed_another(made: County) -> None:
    again, other = county(PEOPLE), county(PEOPLE, seed="2")
    assert again.members.equals(made.members)
    assert all(again.tables[table].equals(made.tables[table]) for table in RECORDS)
    assert again.truth.equals(made.truth)
    assert not other.members.equals(made.members)


def test_three_in_ten_people_are_members_and_more_than_half_of_the_records_are_about_others(made: County) -> None:
    assert made.people.height == PEOPLE
    assert made.people["person_id"].is_not_null().mean() == pytest.approx(MEMBERS, abs=0.01)
    assert 0.35 < made.truth["person_id"].is_not_null().mean() < 0.5


def test_there_are_five_records_a_person(made: County) -> None:
    assert {table: frame.height for table, frame in made.tables.items()} == {
        table: round(each * PEOPLE) for table, each in RECORDS.items()
    }


def test_every_record_has_one_truth_and_every_member_in_it_is_on_the_list(made: County) -> None:
    assert made.truth.height == made.truth.select("table", "record_id").n_unique() == 5 * PEOPLE
    known = made.truth.filter(pl.col("person_id").is_not_null())
    assert known["person_id"].is_in(made.members["person_id"].implode()).all()
    assert made.members["person_id"].is_in(made.listed["person_id"].implode()).all()
    of_people = made.people.filter(pl.col("person_id").is_not_null()).select("person", "person_id")
    assert known.join(of_people, on=["person", "person_id"], how="anti").is_empty()


def test_what_is_not_called_an_error_is_true(records: pl.DataFrame) -> None:
    def without(*errors: str) -> pl.DataFrame:
        return records.filter(~pl.any_horizontal(pl.col("errors").str.contains(error) for error in errors))

    named = without("details", "name", "initial", "short", "spelt", "mistyped")
    assert named.filter(plain("surname") != plain("true_surname")).is_empty()
    assert named.filter(plain("forename") != plain("true_forename")).is_empty()
    born = without("details", "birth").filter(pl.col("date_of_birth") != pl.col("true_born").cast(pl.String))
    assert born.is_empty()
    housed = without("address", "abode", "postcode")
    assert housed.filter(pl.col("postcode") != pl.col("true_postcode")).is_empty()
    assert housed.filter(pl.col("uprn") != pl.col("true_uprn")).is_empty()
    numbered = without("number")
    for number in NUMBERS:
        assert numbered.filter(pl.col(number) != pl.col(f"true_{number}")).is_empty()
    assert without("details", "sex_wrong").filter(pl.col("sex") != pl.col("true_sex")).is_empty()


@pytest.mark.parametrize(
    ("error", "wrong"),
    [
        ("birth_swapped", pl.col("date_of_birth") != pl.col("true_born").cast(pl.String)),
        ("birth_mistyped", pl.col("date_of_birth") != pl.col("true_born").cast(pl.String)),
        ("birth_wrong", pl.col("date_of_birth") != pl.col("true_born").cast(pl.String)),
        ("birth_year_only", pl.col("date_of_birth").str.ends_with("-01-01")),
        ("birth_placeholder", pl.col("date_of_birth") == "1900-01-01"),
        ("surname_mistyped", plain("surname") != plain("true_surname")),
        ("forename_mistyped", plain("forename") != plain("true_forename")),
        ("other_surname", plain("surname") != plain("true_surname")),
        ("short_form", plain("forename") != plain("true_forename")),
        ("initial_only", pl.col("forename").str.replace(r"^(Mr|Mrs) ", "").str.len_chars() <= 2),
        ("postcode_mistyped", pl.col("postcode") != pl.col("true_postcode")),
        ("no_fixed_abode", pl.col("postcode") == "ZZ99 3VZ"),
        ("sex_wrong", pl.col("sex") != pl.col("true_sex")),
    ],
)
def test_what_is_called_an_error_is_wrong(records: pl.DataFrame, error: str, wrong: pl.Expr) -> None:
    # Two errors may undo each other; alone, or beside errors of other fields, none does.
    field = error.split("_")[0]
    alone = records.filter(pl.col("errors").str.split("+").list.contains(error)).filter(
        ~pl.col("errors").str.contains(f"details|name_swapped|{field}.*{field}|mistyped.*mistyped")
    )
    assert alone.height > 5
    assert alone.filter(~wrong).is_empty()


def test_a_mistyped_name_is_one_letter_away_and_sometimes_two(everybody: pl.DataFrame) -> None:
    typed = entries_of(everybody, "asb", "typo").join(everybody.select("person", true="surname"), on="person")
    mistyped = typed.filter(pl.col("errors") == "surname_mistyped")
    lengths = mistyped.select(pl.col("surname").str.len_chars().cast(int) - pl.col("true").str.len_chars().cast(int))
    assert lengths.to_series().is_between(-2, 2).all()
    assert set(lengths.to_series().unique()) >= {-1, 0, 1}


RATES = [
    *((supplier, error, pl.lit(True)) for supplier in SUPPLIERS for error in ("birth_placeholder", "no_fixed_abode")),
    *((supplier, "other_surname", pl.col("other_surname").is_not_null()) for supplier in SUPPLIERS),
    *((s, "birth_swapped", (pl.col("born").dt.day() <= 12) & (pl.col("born").dt.day() != pl.col("born").dt.month()))
      for s in SUPPLIERS),
    *((supplier, "birth_mistyped", pl.lit(True)) for supplier in SUPPLIERS),
    *((supplier, "birth_wrong", pl.lit(True)) for supplier in SUPPLIERS),
    *((supplier, "surname_mistyped", pl.lit(True)) for supplier in SUPPLIERS),
    *((supplier, "forename_mistyped", pl.lit(True)) for supplier in SUPPLIERS),
    *((supplier, "initial_only", pl.lit(True)) for supplier in SUPPLIERS),
    *((supplier, "sex_wrong", pl.lit(True)) for supplier in SUPPLIERS),
    *((supplier, "postcode_mistyped", pl.lit(True)) for supplier in SUPPLIERS),
    *((supplier, "address_elsewhere", pl.lit(True)) for supplier in SUPPLIERS),
    *((supplier, "known_by_middle_name", pl.col("known_by_middle") & pl.col("middle").is_not_null())
      for supplier in SUPPLIERS),
    *((supplier, "short_form", pl.col("uses_short") & ~pl.col("known_by_middle")
       & pl.col("forename").is_in(list(names.SHORT))) for supplier in SUPPLIERS),
    *((supplier, "address_stale", pl.col("former_postcode") != pl.col("postcode")) for supplier in SUPPLIERS),
]  # fmt: skip


@pytest.mark.parametrize(("supplier", "error", "can"), RATES, ids=[f"{s}-{e}" for s, e, _ in RATES])
def test_an_error_comes_as_often_as_stated(everybody: pl.DataFrame, supplier: str, error: str, can: pl.Expr) -> None:
    rates = SUPPLIERS[supplier]
    stated = {
        "known_by_middle_name": WRITES_KNOWN_NAME,
        "surname_mistyped": rates.name_mistyped,
        "forename_mistyped": rates.name_mistyped,
    }.get(error) or getattr(rates, error)
    entries = _entries(everybody, supplier)
    field = {"birth": "date_of_birth", "postcode": "postcode", "address": "postcode", "sex": "sex"}
    given = field.get(error.split("_")[0]) or ("surname" if "surname" in error else "forename")
    where = can if error == "no_fixed_abode" else can & pl.col(f"written_{given}").is_not_null()
    possible = entries.filter(where & (pl.lit(True) if error != "initial_only" else pl.col("forename").is_not_null()))
    if error.startswith(("postcode", "address")):
        possible = possible.filter(pl.col("written_postcode") != "ZZ99 3VZ")
    happened = possible["errors"].str.split("+").list.contains(error).mean()
    spread = (stated * (1 - stated) / possible.height) ** 0.5
    # What happens first leaves less for what happens next: an address elsewhere is not stale as well.
    assert happened == pytest.approx(stated, abs=5 * spread + 0.085 * stated + 1e-9)


_WRITTEN: dict[str, pl.DataFrame] = {}


def _entries(everybody: pl.DataFrame, supplier: str) -> pl.DataFrame:
    """What a source would write of everybody, beside what is true of them."""
    if supplier not in _WRITTEN:
        written = entries_of(everybody, supplier, "rates").select(
            "person", "errors", "lacks", pl.col(IDENTITY).name.prefix("written_")
        )
        _WRITTEN[supplier] = everybody.join(written, on="person")
    return _WRITTEN[supplier]


@pytest.mark.parametrize("supplier", SUPPLIERS)
def test_a_source_gives_what_it_is_said_to_give(everybody: pl.DataFrame, supplier: str) -> None:
    rates, entries = SUPPLIERS[supplier], _entries(everybody, supplier)
    stated = {"forename": rates.forename, "surname": rates.surname, "date_of_birth": rates.birth, "sex": rates.sex}
    for column, share in stated.items():
        assert entries[f"written_{column}"].is_not_null().mean() == pytest.approx(share, abs=0.01), column
    for number in NUMBERS:
        have = entries.filter(pl.col(number).is_not_null())
        share = rates.numbers.get(number, 0)
        assert have[f"written_{number}"].is_not_null().mean() == pytest.approx(share, abs=0.03), number
    lacking = entries["lacks"].str.split("+")
    assert lacking.list.contains("birth").mean() == pytest.approx(1 - rates.birth, abs=0.01)


def test_every_kind_of_error_happens(made: County) -> None:
    happened = made.truth["errors"].str.split("+").explode().unique()
    assert set(happened) - {""} == set(ERRORS)


def test_some_members_are_listed_twice_in_two_families(made: County) -> None:
    ids = made.listed.group_by("person").agg(pl.col("person_id").n_unique())
    assert ids["person_id"].max() == 2
    assert 0 < ids.filter(pl.col("person_id") == 2).height < 0.01 * made.listed.height


def test_who_gives_the_details_of_another_gives_those_of_somebody_in_the_house(everybody: pl.DataFrame) -> None:
    true = everybody.select("person", "household", "upn")
    given = entries_of(everybody, "police", "lent").join(true, on="person", suffix="_true")
    lent = given.filter(pl.col("errors") == "details_of_another", pl.col("date_of_birth").is_not_null())
    assert lent.height > 10
    at_home = everybody.select("household", date_of_birth=pl.col("born").cast(pl.String))
    assert lent.join(at_home, on=["household", "date_of_birth"], how="anti").is_empty()


def test_common_names_are_common_and_most_names_are_rare() -> None:
    people = settled(30_000, "names")
    shares = people["surname"].value_counts(normalize=True, sort=True)["proportion"]
    assert 0.008 < shares[0] < 0.014
    assert 2_000 < shares.len() < 18_060


def test_twins_share_their_day_of_birth_and_their_house_and_not_their_name() -> None:
    people = settled(30_000, "twins")
    children = people.filter((pl.lit(TODAY) - pl.col("born")).dt.total_days() < 365 * 15)
    births = children.group_by("birth").agg(
        pl.len(), pl.col("born", "household", "postcode").n_unique(), alike=pl.col("forename").n_unique()
    )
    twins = births.filter(pl.col("len") == 2)
    assert twins.height / births.height == pytest.approx(MULTIPLE_BIRTH, abs=0.006)
    assert twins.select((pl.col("born", "household", "postcode") == 1).all()).row(0) == (True, True, True)
    assert twins["alike"].min() == 2


def test_relatives_who_are_no_members_live_in_the_houses_of_members(made: County) -> None:
    houses = made.people.filter(pl.col("person_id").is_not_null())["household"].unique()
    relatives = made.people.filter(pl.col("person_id").is_null(), pl.col("household").is_in(houses.implode()))
    assert 0.2 < relatives.height / houses.len() < 0.6


def test_some_sons_have_their_fathers_name_and_live_with_him() -> None:
    people = settled(30_000, "sons")
    namesakes = people.group_by("household", "forename", "surname").agg(pl.len(), pl.col("born").n_unique())
    alike = namesakes.filter(pl.col("len") > 1)
    assert 20 < alike.height < 400
    assert (alike["born"] > 1).mean() > 0.98


def test_numbers_are_well_formed_and_postcodes_lie_nowhere(everybody: pl.DataFrame) -> None:
    for number in NUMBERS:
        assert everybody.filter(pl.col(number).is_not_null() & CHECKED[number](pl.col(number)).is_null()).is_empty()
    for column in ("postcode", "former_postcode", "elsewhere_postcode"):
        assert everybody[column].drop_nulls().str.contains(r"^ZZ[1-9][0-9]? [0-9][A-Z]{2}$").all()
        assert not everybody[column].drop_nulls().str.starts_with("ZZ99").any()


def test_the_sources_read_it_and_set_little_apart(made: County, tmp_path: Path) -> None:
    made.write(tmp_path)
    extracts = read(Workspace.load(tmp_path))
    assert extracts["members"].rejected.is_empty()
    for table, each in RECORDS.items():
        assert extracts[table].rows_read == round(each * PEOPLE)
        # A birthday written as a later one than the event, and nothing else.
        assert extracts[table].rejected.height < 0.01 * extracts[table].rows_read
        assert extracts[table].duplicates.is_empty()


def test_a_person_who_moved_or_changed_their_name_has_two_rows_that_follow_each_other(made: County) -> None:
    rows = made.members.group_by("person_id").agg(pl.len(), pl.col("joined_on").max(), pl.col("left_on").max())
    assert set(rows["len"].unique()) == {1, 2}
    assert rows.filter(pl.col("len") == 2).select((pl.col("joined_on") == pl.col("left_on")).all()).item()


# ------------------------------------------------------------------------------------------------- judging the links


def as_links(truth: pl.DataFrame, status: str, person_id: str = "person_id") -> pl.DataFrame:
    """Links of records about members, each to the person id in that column."""
    known = truth.filter(pl.col("person_id").is_not_null()).with_row_index("detail")
    return known.select(
        "table",
        "record_id",
        "detail",
        pl.col(person_id).alias("person_id"),
        status=pl.lit(status),
        **{"pass": pl.lit("p")},
    )


def test_links_to_whom_the_truth_says_are_right_and_none_is_missed(made: County, tmp_path: Path) -> None:
    made.write(tmp_path)
    told = summary(judged(as_links(made.truth, "confirmed"), tmp_path), made.truth)
    assert (told["precision"], told["recall"], told["recall_with_possible"]) == (1, 1, 1)
    assert told["possible_pairs"] == 0


def test_possible_links_count_for_recall_and_for_review_only(made: County, tmp_path: Path) -> None:
    made.write(tmp_path)
    links = as_links(made.truth, "possible")
    told = summary(judged(links, tmp_path), made.truth)
    assert (told["recall"], told["recall_with_possible"]) == (0, 1)
    assert told["possible_pairs"] == told["to_review"] == links.height


def test_a_link_to_somebody_else_is_false_and_a_record_about_nobody_may_have_none(made: County, tmp_path: Path) -> None:
    made.write(tmp_path)
    right = as_links(made.truth, "confirmed")
    strangers = made.truth.filter(pl.col("person_id").is_null()).head(100).with_columns(person_id=pl.lit("P0000000"))
    found = judged(pl.concat([right, as_links(strangers, "confirmed")]), tmp_path)
    told = summary(found, made.truth)
    assert told["precision"] == pytest.approx(right.height / (right.height + 100))
    assert told["recall"] == 1
    assert found.filter(~pl.col("right"))["whose"].str.ends_with("no member").all()


def test_either_id_of_somebody_who_is_listed_twice_is_right(made: County, tmp_path: Path) -> None:
    made.write(tmp_path)
    again = made.listed.filter(pl.col("person_id").str.starts_with("Q")).select("person", second="person_id")
    links = as_links(made.truth.join(again, on="person"), "confirmed", "second")
    assert links.height > 10
    assert judged(links, tmp_path)["right"].all()
