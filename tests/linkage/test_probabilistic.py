"""The pass by weight: what a model learns, what it refuses, and that nothing but evidence moves a weight."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from random import Random

import duckdb
import polars as pl
import pytest

from pbr.errors import Faults
from pbr.linkage.comparisons import COMPARED, COMPARISONS, every_way, prepared
from pbr.linkage.details import DETAILS, Details
from pbr.linkage.normal import normalised
from pbr.linkage.passes import link
from pbr.linkage.people import People
from pbr.linkage.probabilistic import Model, alike, parts, score, train, waterfall_chart, weights_chart
from pbr.workspace import LinkageSettings, ProbabilisticSettings

MANY = 5_000_000
SURNAMES = ["".join((a, b)) for a in ("har", "bel", "cor", "dun", "fen", "gil") for b in ("low", "ton", "wick", "ley")]
FORENAMES = ["Anna", "Boris", "Chloe", "Derek", "Edith", "Frank", "Gemma", "Harold", "Ingrid", "Joseph", "Karen", "Leo"]


def people_of(count: int, seed: int = 1) -> list[dict[str, object]]:
    """Members who do not exist, each alone in their house."""
    chance = Random(seed)
    return [
        {
            "person_id": f"P{number}",
            "surname": chance.choice(SURNAMES),
            "forename": chance.choice(FORENAMES),
            "date_of_birth": date(1990, 1, 1) + timedelta(days=chance.randrange(7000)),
            "sex": chance.choice("MF"),
            "postcode": f"QQ{number % 40 + 1} {number % 9 + 1}{'ABDEFGHJ'[number % 8]}{'LNPQRSTU'[number // 8 % 8]}",
            "nino": f"AB{number:06d}C",
        }
        for number in range(count)
    ]


def records_of(people: list[dict[str, object]], seed: int = 2) -> list[dict[str, object]]:
    """One about each, and as many about strangers; one in ten has a slip in the surname, one in ten another house."""
    chance, found = Random(seed), []
    for person in [*people, *people_of(len(people), seed=99)]:
        record = dict(person)
        is_member = record in people
        record["person_id"] = None
        if chance.random() < 0.5 or not is_member:
            record["nino"] = None
        if chance.random() < 0.1:
            record["surname"] = str(record["surname"])[:-1] + "x"
        if chance.random() < 0.1:
            record["postcode"] = "QQ99 9ZZ"
        found.append(record)
    return found


def details_of(records: list[dict[str, object]]) -> Details:
    frame = pl.DataFrame(records, schema={**dict.fromkeys(DETAILS, pl.String), "date_of_birth": pl.Date})
    numbered = frame.with_row_index("nth").select(
        pl.exclude("nth"), record_id=pl.format("R{}", "nth"), table=pl.lit("offending"), is_rejected=pl.lit(False)
    )
    return Details._of([numbered])


def members_of(people: list[dict[str, object]]) -> People:
    return People.of(pl.DataFrame(people, schema={**dict.fromkeys(DETAILS, pl.String), "date_of_birth": pl.Date}))


def sure_of(details: Details, people: People) -> pl.DataFrame:
    links = link(details, people, LinkageSettings(passes=("person_id", "identifier")))
    return links.filter(pl.col("status") == "confirmed").select("detail", "person_id")


EVERYBODY = people_of(1_200)
RECORDS = records_of(EVERYBODY)


@pytest.fixture(scope="module")
def details() -> Details:
    return details_of(RECORDS)


@pytest.fixture(scope="module")
def people() -> People:
    return members_of(EVERYBODY)


@pytest.fixture(scope="module")
def model(details: Details, people: People) -> Model:
    return train(details, people, sure_of(details, people), MANY)


def weight_of(model: Model, field: str, level: str) -> int:
    (found,) = model.table.filter((pl.col("field") == field) & (pl.col("level") == level))["weight"]
    return found


def refused(path: Path) -> str:
    with pytest.raises(Faults) as caught:
        Model.load(path)
    (fault,) = caught.value.faults
    return fault.code


# ------------------------------------------------------------------------------------------------------------ training


def test_a_model_learns_how_often_a_surname_is_mistyped(model: Model) -> None:
    found = {level: m for field, level, m, *_ in model.table.iter_rows() if field == "surname"}
    assert 0.85 < found["same"] < 0.95
    assert 0.05 < found["near"] + found["alike"] < 0.15
    assert weight_of(model, "surname", "same") > 300 and weight_of(model, "surname", "near") > 300
    assert weight_of(model, "surname", "differs") < -300


def test_what_is_rarer_among_strangers_weighs_more(model: Model) -> None:
    """A birth in seven thousand days says more than one of twelve forenames, and a sex least."""
    birth, forename, sex = (weight_of(model, each, "same") for each in ("date_of_birth", "forename", "sex"))
    assert birth > forename > sex
    assert 1000 < birth < 1600


def test_a_number_is_judged_by_who_agrees_on_everything_else(model: Model, details: Details, people: People) -> None:
    """Links made by a number say of it only that it agrees."""
    wrong = [dict(record) for record in RECORDS]
    for record in wrong[:600:3]:
        if record["nino"] is not None:
            record["nino"] = "ZZ" + str(record["nino"])[2:]
    slips = details_of(wrong)
    retrained = train(slips, people, sure_of(slips, people), MANY)
    assert weight_of(model, "nino", "differs") < weight_of(retrained, "nino", "differs") < 0


def test_a_kind_of_number_that_few_give_is_as_good_as_the_others(model: Model) -> None:
    assert weight_of(model, "upn", "same") == weight_of(model, "pnc_id", "same") >= 0
    assert weight_of(model, "nino", "same") > 1000


def test_without_sure_links_the_shares_are_estimated(model: Model, details: Details, people: People) -> None:
    none = pl.DataFrame(schema={"detail": pl.UInt32, "person_id": pl.String})
    estimated = train(details, people, none, MANY)
    assert model.trained["method"] == "sure links"
    assert estimated.trained["method"] == "expectation maximisation"
    for field in ("surname", "forename", "date_of_birth", "address"):
        assert abs(weight_of(estimated, field, "same") - weight_of(model, field, "same")) < 30


def test_too_little_to_train_on_is_refused_with_the_numbers(people: People) -> None:
    few = details_of(RECORDS[:150])
    with pytest.raises(Faults) as caught:
        train(few, people, sure_of(few, people).head(20), MANY)
    (fault,) = caught.value.faults
    assert fault.code == "E323"
    assert "20 details are linked" in fault.what and "500 or 200" in fault.what


def test_rows_in_another_order_and_other_ids_give_the_same_file(model: Model) -> None:
    chance = Random(5)
    others = [{**person, "person_id": f"X{1_200 - at}"} for at, person in enumerate(EVERYBODY)]
    records = list(RECORDS)
    chance.shuffle(others)
    chance.shuffle(records)
    details, people = details_of(records), members_of(others)
    assert train(details, people, sure_of(details, people), MANY).text == model.text


def test_an_estimate_is_the_same_in_another_order(details: Details, people: People) -> None:
    none = pl.DataFrame(schema={"detail": pl.UInt32, "person_id": pl.String})
    shuffled = list(RECORDS)
    Random(6).shuffle(shuffled)
    members = list(EVERYBODY)
    Random(7).shuffle(members)
    assert train(details, people, none, MANY).text == train(details_of(shuffled), members_of(members), none, MANY).text


def test_a_model_holds_no_value_of_any_person(model: Model) -> None:
    text = model.text.lower()
    for person in EVERYBODY:
        assert not any(
            str(person[field]).lower() in text for field in ("surname", "forename", "date_of_birth", "postcode", "nino")
        )


# ------------------------------------------------------------------------------------------------------------ the file


def test_a_model_is_what_it_was_when_it_was_saved(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.json")
    loaded = Model.load(tmp_path / "model.json")
    assert (loaded.text, loaded.digest) == (model.text, model.digest)


def test_a_model_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert refused(tmp_path / "model.json") == "E320"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"settings": 1}', "\x00"])
def test_what_is_no_model_is_a_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    assert refused(tmp_path / "model.json") == "E321"


def test_bytes_that_are_no_text_are_a_fault(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(b"\xff\xfe\x00")
    assert refused(tmp_path / "model.json") == "E321"


def test_a_figure_changed_by_hand_is_noticed(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    changed = json.loads(model.text)
    changed["settings"]["probability_two_random_records_match"] = 0.25
    path.write_text(json.dumps(changed))
    assert refused(path) == "E321"


def _resealed(model: Model, **changes: object) -> str:
    """A file whose digest fits what was changed in it: made with care, and not by `pbr match train`."""
    settings = json.loads(json.dumps(model.settings)) | changes
    return Model(settings, model.trained, model.versions).text


def test_a_model_of_other_comparisons_is_refused(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(_resealed(model, comparisons=json.loads(json.dumps(model.settings["comparisons"]))[1:]))
    assert refused(path) == "E322"


def test_sql_of_somebody_elses_in_a_model_is_never_run(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    comparisons = json.loads(json.dumps(model.settings["comparisons"]))
    comparisons[0]["comparison_levels"][1]["sql_condition"] = "(SELECT count(*) FROM read_csv('/etc/passwd')) > 0"
    path.write_text(_resealed(model, comparisons=comparisons))
    assert refused(path) == "E322"


@pytest.mark.parametrize("figure", ["0.5", 0, 1.5, None, True])
def test_a_figure_that_is_no_share_is_refused(model: Model, tmp_path: Path, figure: object) -> None:
    path = tmp_path / "model.json"
    comparisons = json.loads(json.dumps(model.settings["comparisons"]))
    comparisons[0]["comparison_levels"][1]["m_probability"] = figure
    path.write_text(_resealed(model, comparisons=comparisons))
    assert refused(path) == "E321"


def test_a_model_of_another_format_is_refused(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(model.text) | {"format": 99}))
    assert refused(path) == "E322"


# ------------------------------------------------------------------------------------------------------------- weights


ANNA: dict[str, object] = {
    "person_id": "A1",
    "surname": "Quibell",
    "forename": "Margaret",
    "date_of_birth": date(1991, 3, 7),
    "sex": "F",
    "postcode": "QQ1 1AA",
    "nino": "AB999999C",
}


def weight(model: Model, record: dict[str, object], *members: dict[str, object]) -> int:
    """What a record without a number or an id weighs with one member, among everybody."""
    given = {**record, "person_id": None, "nino": record.get("nino") if "own_nino" in record else None}
    given.pop("own_nino", None)
    details = details_of([*RECORDS, given])
    people = members_of([*EVERYBODY, *members])
    normal = details.rows.filter(
        (pl.col("surname").eq_missing(pl.lit(given["surname"], pl.String)))
        & (pl.col("forename").eq_missing(pl.lit(given["forename"], pl.String)))
        & (pl.col("date_of_birth").eq_missing(pl.lit(given["date_of_birth"], pl.Date)))
    )
    pair = normal.select("detail").head(1).with_columns(person_id=pl.lit(str(members[0]["person_id"])))
    return parts(details, people, model, pair)["weight"].sum()


def test_the_more_agrees_the_more_it_weighs(model: Model) -> None:
    same = weight(model, ANNA, ANNA)
    mistyped = weight(model, ANNA | {"surname": "Quibel"}, ANNA)
    moved = weight(model, ANNA | {"postcode": "QQ77 7ZZ"}, ANNA)
    a_stranger = weight(
        model, ANNA | {"surname": "Ozanne", "forename": "Philip", "date_of_birth": date(1970, 1, 2)}, ANNA
    )
    assert same > mistyped > a_stranger
    assert same > moved > a_stranger
    assert same > 2000 and a_stranger < 0


def test_a_rare_name_weighs_more_than_a_frequent_one(model: Model) -> None:
    frequent = ANNA | {"surname": "Harlow", "forename": "Anna", "date_of_birth": date(1991, 3, 8), "person_id": "A2"}
    assert weight(model, ANNA, ANNA) > weight(model, frequent, frequent) + 300


def test_names_that_are_swapped_are_one_finding_and_not_two_differences(model: Model) -> None:
    swapped = weight(model, ANNA | {"surname": "Margaret", "forename": "Quibell"}, ANNA)
    neither = weight(model, ANNA | {"surname": "Ozanne", "forename": "Philip"}, ANNA)
    assert swapped > neither + 1000


def test_a_former_surname_goes_with_a_new_address(model: Model) -> None:
    """Of a person with two names and two addresses each name goes with each address."""
    before, after = ANNA | {"postcode": "QQ5 5AA"}, ANNA | {"surname": "Ozanne"}
    crossed = weight(model, ANNA | {"surname": "Ozanne", "postcode": "QQ5 5AA"}, before, after)
    assert crossed == pytest.approx(weight(model, after, after), abs=300)


def test_what_one_row_of_a_person_leaves_out_another_gives() -> None:
    rows = [
        {"person_id": "A1", "surname": "Quibell", "forename": "Margaret", "nino": "AB999999C"},
        {"person_id": "A1", "surname": "Ozanne", "forename": "Margaret", "date_of_birth": date(1991, 3, 7)},
    ]
    ways = prepared(every_way(members_of(rows).ways), "person_id")
    assert ways["surname"].sort().to_list() == ["ozanne", "quibell"]
    assert ways["nino"].to_list() == ["AB999999"] * 2
    assert ways["born"].to_list() == ["19910307"] * 2


def test_a_weight_is_the_exact_sum_of_its_fields(model: Model, details: Details, people: People) -> None:
    weighed = score(details, people, model, 0, MANY)
    assert weighed.height > 1_000
    by_field = parts(details, people, model, weighed)
    sums = by_field.group_by("detail", "person_id").agg(pl.col("weight").sum()).sort("detail", "person_id")
    assert sums.equals(weighed)
    assert by_field["field"].head(2).to_list() == ["prior", "surname"]


def test_nothing_below_the_threshold_is_given(model: Model, details: Details, people: People) -> None:
    everything, heavy = (score(details, people, model, least, MANY) for least in (0, 1_500))
    assert heavy.equals(everything.filter(pl.col("weight") >= 1_500))
    assert 0 < heavy.height < everything.height


def test_a_weight_does_not_hang_on_who_else_is_weighed(model: Model, details: Details, people: People) -> None:
    everything = score(details, people, model, 500, MANY)
    some = details.rows.select("detail").filter(pl.col("detail") % 7 == 3)
    assert score(details, people, model, 500, MANY, some).equals(everything.join(some, on="detail", how="semi"))


def test_weights_are_the_same_in_another_order_and_with_one_thread(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.json")
    script = (
        "import sys; from pathlib import Path; from random import Random\n"
        "from tests.linkage.test_probabilistic import *\n"
        "records, everybody = list(RECORDS), list(EVERYBODY)\n"
        "if len(sys.argv) > 2: Random(3).shuffle(records); Random(4).shuffle(everybody)\n"
        "details, model = details_of(records), Model.load(Path(sys.argv[1]))\n"
        "weighed = score(details, members_of(everybody), model, 0, MANY).join(details.rows, on='detail')\n"
        "print(weighed.drop('detail', 'person_id_right').sort(pl.all()).write_csv())"
    )
    root = Path(__file__).resolve().parents[2]

    def ran(*words: str, **environment: str) -> str:
        command = [*words, sys.executable, "-c", script, str(tmp_path / "model.json")]
        found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        return found.stdout

    plain = ran()
    assert plain.count("\n") > 1_000
    assert ran("env", "POLARS_MAX_THREADS=1") == plain
    shuffled = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "model.json"), "shuffled"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shuffled.stdout == plain


def test_a_key_that_would_pair_too_many_is_refused_by_name(details: Details, people: People) -> None:
    with pytest.raises(Faults) as caught:
        alike(details, people, most_pairs=50)
    (fault,) = caught.value.faults
    assert fault.code == "E311" and fault.place == "pass probabilistic"
    assert "born+surname_initial" in fault.what


def test_by_weight_two_errors_at_once_are_found_that_no_pass_before_finds(model: Model) -> None:
    both = ANNA | {"person_id": None, "nino": None, "surname": "Quibel", "date_of_birth": date(1991, 3, 8)}
    details, people = details_of([*RECORDS, both]), members_of([*EVERYBODY, ANNA])
    plain = link(details, people, LinkageSettings())
    settings = LinkageSettings(
        passes=(*LinkageSettings().passes, "probabilistic"), probabilistic=ProbabilisticSettings()
    )
    weighed = link(details, people, settings, lambda left: score(details, people, model, 500, MANY, left))
    assert "A1" not in plain["person_id"]
    (found,) = weighed.filter(pl.col("person_id") == "A1").iter_rows(named=True)
    assert found["pass"] == "probabilistic" and found["weight"] >= 500


# -------------------------------------------------------------------------------------------------------------- levels


@pytest.mark.parametrize(
    ("field", "one", "other", "level"),
    [
        ("surname", {"surname": "Smith"}, {"surname": "SMITH"}, "same"),
        ("surname", {"surname": "Smith"}, {"surname": "Smith-Jones"}, "part"),
        ("surname", {"surname": "Smith"}, {"surname": "Smiht"}, "near"),
        ("surname", {"surname": "Li"}, {"surname": "Le"}, "differs"),
        ("surname", {"surname": "Williams"}, {"surname": "Williamson"}, "alike"),
        ("surname", {"surname": "Ann", "forename": "Lee"}, {"surname": "Lee", "forename": "Ann"}, "swapped"),
        ("forename", {"surname": "Ann", "forename": "Lee"}, {"surname": "Lee", "forename": "Ann"}, None),
        ("forename", {"forename": "William"}, {"forename": "Bill"}, "nickname"),
        ("forename", {"forename": "W"}, {"forename": "William"}, "initial"),
        ("forename", {"forename": "Mary Ann"}, {"forename": "Ann"}, "part"),
        ("forename", {"forename": "W"}, {"forename": "Ann"}, "differs"),
        ("forename", {"forename": None}, {"forename": "Ann"}, None),
        ("date_of_birth", {"date_of_birth": date(2000, 3, 4)}, {"date_of_birth": date(2000, 4, 3)}, "swapped"),
        ("date_of_birth", {"date_of_birth": date(2000, 3, 4)}, {"date_of_birth": date(2001, 3, 4)}, "near"),
        ("date_of_birth", {"date_of_birth": date(2000, 3, 12)}, {"date_of_birth": date(2000, 3, 21)}, "near"),
        ("date_of_birth", {"date_of_birth": date(2000, 3, 4)}, {"date_of_birth": date(2000, 3, 29)}, "two_parts"),
        ("date_of_birth", {"date_of_birth": date(2000, 3, 4)}, {"date_of_birth": date(1988, 7, 29)}, "differs"),
        ("address", {"postcode": "QQ1 1AA"}, {"postcode": "qq11aa"}, "same"),
        ("address", {"postcode": "QQ1 1AA"}, {"postcode": "QQ1 1AB"}, "near"),
        ("address", {"postcode": "QQ1 1AA"}, {"postcode": "QQ1 1ZZ"}, "sector"),
        ("address", {"postcode": "QQ1 1AA"}, {"postcode": "QQ7 2ZZ"}, "differs"),
        ("address", {"postcode": None, "uprn": "0012"}, {"postcode": "QQ7 2ZZ", "uprn": "12"}, "same"),
        ("address", {"postcode": "QQ1 1AA"}, {"uprn": "12"}, None),
        ("nino", {"nino": "AB123456C"}, {"nino": "AB123465C"}, "near"),
    ],
)
def test_levels_are_those_of_the_comparison(
    field: str, one: dict[str, object], other: dict[str, object], level: str | None
) -> None:
    schema = {**dict.fromkeys(DETAILS, pl.String), "date_of_birth": pl.Date}
    sides = [
        prepared(normalised(pl.DataFrame([each], schema=schema)), "person_id").select(pl.col(COMPARED).name.suffix(end))
        for each, end in ((one, "_l"), (other, "_r"))
    ]
    (comparison,) = (each for each in COMPARISONS if each.field == field)
    whens = " ".join(f"WHEN {each.when} THEN '{each.name}'" for each in comparison.levels)
    sql = f"SELECT CASE WHEN {comparison.absent} THEN NULL {whens} ELSE 'differs' END FROM pair"
    with duckdb.connect() as db:
        db.register("pair", pl.concat(sides, how="horizontal").to_arrow())
        (found,) = db.execute(sql).fetchone()
    assert found == level


# -------------------------------------------------------------------------------------------------------------- charts


def test_charts_are_whole_files_that_fetch_nothing_and_name_nobody(
    model: Model, details: Details, people: People
) -> None:
    pairs = score(details, people, model, 1_500, MANY).head(3)
    pages = [weights_chart(model), waterfall_chart(details, people, model, pairs)]
    for page in pages:
        assert "default-src 'none'" in page and "connect-src" not in page
        assert "<script src" not in page and "<link" not in page
        assert "{actions: false}" in page
    shown = pages[1][pages[1].rindex("vegaEmbed(document") :].lower()
    assert '"value_l": ""' in shown
    given = details.rows.join(pairs, on="detail", how="semi")
    for field in ("surname", "forename", "postcode"):
        assert not any(f'"{value.lower()}"' in shown for value in given[field].drop_nulls())


def test_the_same_chart_is_the_same_file(model: Model) -> None:
    assert weights_chart(model) == weights_chart(model)


# -------------------------------------------------------------------------------------------------------------- imports


def test_splink_is_only_imported_when_something_is_weighed() -> None:
    script = "import sys; import pbr.cli.main; sys.exit('splink' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
