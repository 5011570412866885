"""How good links are: what a sample can say, what a record has otherwise than its person, thresholds, and estimates."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from pbr.linkage import quality
from pbr.linkage.curve_chart import threshold_chart
from pbr.linkage.details import Details
from pbr.linkage.passes import LINKS
from pbr.linkage.people import People
from tests.sources.made_sources import Authority

PASSES = ("person_id", "identifier", "exact", "moved_house", "probabilistic")
UPN, OTHER_UPN, NOBODYS_UPN = "K201000007000", "U800000007000", "J201000005005"
MINA = {"forename": "Mina", "surname": "Odell", "date_of_birth": "2001-05-06", "postcode": "ZZ1 1AA", "sex": "F"}
P1 = {"person_id": "P1", **MINA, "upn": UPN}
P2 = {"person_id": "P2", "forename": "Tom", "surname": "Vane", "date_of_birth": "1975-03-02", "upn": OTHER_UPN}


def known(*records: tuple[str, int, str | None], errors: dict[str, list[str]] | None = None) -> pl.DataFrame:
    """Labelled offending records: record, details, person."""
    rows = [
        ("offending", record, detail, who, (errors or {}).get(record, ["moved"])) for record, detail, who in records
    ]
    return pl.DataFrame(rows, quality.LABELLED, orient="row")


def links(*rows: tuple[str, str, str, str] | tuple[str, str, str, str, int], detail: int = 0) -> pl.DataFrame:
    """Links of offending records: record, person, status, pass and, of some, weight."""
    whole = [("offending", *row[:4], "key", "evidence", row[4] if len(row) > 4 else None) for row in rows]
    return pl.DataFrame(whole, LINKS, orient="row").with_columns(detail=pl.lit(detail, pl.UInt32))


def _with_details(records: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Links with the details of the labelled record that they are of."""
    return found.drop("detail").join(records.select("record_id", "detail"), on="record_id", how="left")


def of_quality(records: pl.DataFrame, found: pl.DataFrame, passes: tuple[str, ...]) -> pl.DataFrame:
    return quality.quality(records, _with_details(records, found), passes)


def of_wrong(records: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    return quality.wrong(records, _with_details(records, found))


def of_curve(records: pl.DataFrame, found: pl.DataFrame, weighed: pl.DataFrame) -> pl.DataFrame:
    return quality.curve(records, _with_details(records, found), weighed)


def told(found: pl.DataFrame, measure: str, status: str, by: str = "all") -> dict[str, tuple[int, int]]:
    rows = found.filter((pl.col("measure") == measure) & (pl.col("status") == status) & (pl.col("by") == by))
    return {item: (right, of) for item, right, of in rows.select("item", "right", "of").iter_rows()}


# ------------------------------------------------------------------------------------------------------- intervals


@pytest.mark.parametrize(
    ("right", "of", "least", "most"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_that_were_published(right: int, of: int, least: float, most: float) -> None:
    found = quality.interval(right, of, Fraction(of))
    assert found == (pytest.approx(least, abs=5e-5), pytest.approx(most, abs=5e-5))


def test_of_nothing_nothing_can_be_said() -> None:
    assert quality.interval(0, 0, Fraction(0)) == (0.0, 1.0)


def test_three_hundred_without_a_fault_leave_room_for_more_than_one_in_a_hundred() -> None:
    least, most = quality.interval(300, 300, Fraction(300))
    assert (0.987 < least < 0.99, most) == (True, 1.0)


def test_a_share_is_whole_only_where_all_are_right() -> None:
    records = [(f"R{at}", at, "P1") for at in range(3)]
    found = of_quality(
        known(*records), links(("R0", "P1", "confirmed", "exact"), ("R1", "P1", "confirmed", "exact")), PASSES
    )
    (share,) = found.filter((pl.col("measure") == "recall") & (pl.col("by") == "all"))["share"].unique()
    assert share == 0.666666


def test_records_with_the_same_details_tell_as_much_as_one() -> None:
    same = known(*[(f"R{at}", 7, "P1") for at in range(100)])
    apart = known(*[(f"R{at}", at, "P1") for at in range(100)])
    all_right = links(*[(f"R{at}", "P1", "confirmed", "exact") for at in range(100)])
    one, hundred = (
        of_quality(each, all_right, PASSES).row(by_predicate=_of_all("precision"), named=True) for each in (same, apart)
    )
    assert (one["right"], one["of"], one["trials"]) == (100, 100, 1.0)
    assert one["least"] == pytest.approx(1 / (1 + 3.8416), abs=1e-5)
    assert hundred["trials"] == 100.0
    assert hundred["least"] > 0.96


def test_details_that_many_records_give_count_more_and_tell_less() -> None:
    """Ten details, one of them of 91 records: the square of 100 by 91 squared and nine."""
    records = [(f"R{at}", min(at, 9), "P1") for at in range(100)]
    row = of_quality(known(*records), links(), PASSES).row(by_predicate=_of_all("recall"), named=True)
    assert row["trials"] == 1.2


def _of_all(measure: str) -> pl.Expr:
    return (pl.col("measure") == measure) & (pl.col("status") == "confirmed") & (pl.col("by") == "all")


# --------------------------------------------------------------------------------------------- precision and recall


def test_a_confirmed_link_to_somebody_else_costs_precision_and_recall() -> None:
    found = of_quality(
        known(("R1", 1, "P1"), ("R2", 2, "P1")),
        links(("R1", "P1", "confirmed", "exact"), ("R2", "P2", "confirmed", "exact")),
        PASSES,
    )
    assert told(found, "precision", "confirmed") == {"": (1, 2)}
    assert told(found, "recall", "confirmed") == {"": (1, 2)}


def test_a_record_about_nobody_that_is_linked_costs_precision_and_counts_in_no_recall() -> None:
    found = of_quality(known(("R1", 1, None)), links(("R1", "P1", "confirmed", "exact")), PASSES)
    assert told(found, "precision", "confirmed") == {"": (0, 1)}
    assert told(found, "recall", "confirmed") == {"": (0, 0)}
    assert told(found, "precision", "confirmed", "error") == {"moved": (0, 1)}


def test_a_possible_link_to_the_right_person_is_found_though_not_confirmed() -> None:
    found = of_quality(
        known(("R1", 1, "P1")),
        links(("R1", "P1", "possible", "exact"), ("R1", "P2", "possible", "exact")),
        PASSES,
    )
    assert told(found, "precision", "possible") == {"": (1, 2)}
    assert told(found, "recall", "confirmed") == {"": (0, 1)}
    assert told(found, "recall", "confirmed or possible") == {"": (1, 1)}


def test_a_link_that_a_reviewer_turned_down_is_none() -> None:
    found = of_quality(known(("R1", 1, "P1")), links(("R1", "P1", "rejected", "moved_house")), PASSES)
    assert told(found, "recall", "confirmed or possible") == {"": (0, 1)}


def test_links_of_records_without_a_label_are_not_judged() -> None:
    found = of_quality(known(("R1", 1, "P1")), links(("R9", "P2", "confirmed", "exact")), PASSES)
    assert told(found, "precision", "confirmed") == {"": (0, 0)}


def test_passes_stand_in_their_order_and_have_their_part_of_the_recall_of_all() -> None:
    found = of_quality(
        known(("R1", 1, "P1"), ("R2", 2, "P1"), ("R3", 3, "P1"), ("R4", 4, "P2")),
        links(
            ("R1", "P1", "confirmed", "exact"),
            ("R2", "P1", "confirmed", "person_id"),
            ("R3", "P1", "confirmed", "review"),
        ),
        PASSES,
    )
    assert list(told(found, "precision", "confirmed", "pass")) == ["person_id", "exact", "review"]
    assert told(found, "recall", "confirmed", "pass") == {"person_id": (1, 4), "exact": (1, 4), "review": (1, 4)}


def test_two_records_with_one_id_are_two() -> None:
    records = known(("R1", 1, "P1"), ("R1", 2, "P1"))
    found = quality.quality(
        records,
        pl.concat(
            [links(("R1", "P1", "confirmed", "exact"), detail=1), links(("R1", "P2", "possible", "exact"), detail=2)]
        ),
        PASSES,
    )
    assert told(found, "precision", "confirmed") == {"": (1, 1)}
    assert told(found, "recall", "confirmed or possible") == {"": (1, 2)}


def test_two_records_with_one_id_and_the_same_details_are_one() -> None:
    twice = links(("R1", "P1", "confirmed", "exact"), ("R1", "P1", "confirmed", "exact"), detail=1)
    found = quality.quality(known(("R1", 1, "P1")), twice, PASSES)
    assert told(found, "precision", "confirmed") == told(found, "recall", "confirmed") == {"": (1, 1)}


def test_a_record_with_two_errors_counts_under_both() -> None:
    errors = {"R1": ["surname changed", "moved"], "R2": ["moved"]}
    found = of_quality(
        known(("R1", 1, "P1"), ("R2", 2, "P1"), errors=errors), links(("R2", "P1", "confirmed", "moved_house")), PASSES
    )
    assert told(found, "recall", "confirmed", "error") == {"surname changed": (0, 1), "moved": (1, 2)}


def test_what_went_wrong_is_listed_by_record_once_and_what_waits_is_not() -> None:
    found = of_wrong(
        known(("R1", 1, "P1"), ("R2", 2, "P1"), ("R3", 3, "P1"), ("R4", 4, None), ("R5", 5, None)),
        links(
            ("R1", "P2", "confirmed", "exact"),
            ("R2", "P1", "possible", "moved_house"),
            ("R4", "P2", "confirmed", "exact"),
        ),
    )
    assert found.select("outcome", "record_id", "person_id", "linked_to", "pass").rows() == [
        ("false", "R1", "P1", "P2", "exact"),
        ("false", "R4", None, "P2", "exact"),
        ("missed", "R3", "P1", None, None),
    ]


def test_a_record_possible_for_others_only_is_missed() -> None:
    found = of_wrong(known(("R1", 1, "P1")), links(("R1", "P2", "possible", "moved_house")))
    assert found.select("outcome", "linked_to").rows() == [("missed", None)]


# --------------------------------------------------------------------------------------------------- what differed


def errors(authority: Authority, record: dict[str, str], who: str = "P1", hashed: bool = False) -> list[str]:
    """What is told of a record about P1, of whom the members' table has all."""
    columns = ["person_id", "upn", "nhs_number", "forename", "surname", "date_of_birth", "sex", "postcode"]

    def csv(rows: list[dict[str, str]], *first: str) -> str:
        lines = [[row.get(name, "") for name in (*first, *columns)] for row in rows]
        return "\n".join(",".join(line) for line in [[*first, *columns], *lines]) + "\n"

    authority.write("members", csv([P1 | {"family_id": "F1"}, P2 | {"family_id": "F2"}], "family_id"))
    record = {"record_id": "R1", "kind": "asb", "occurred_on": "2014-01-01"} | record
    authority.write("offending", csv([record], "record_id", "kind", "occurred_on"))
    extracts = authority.read()
    labels = pl.DataFrame({"table": ["offending"], "record_id": ["R1"], "person_id": [who]})
    details = Details.of(extracts)
    if hashed:
        details = replace(details, rows=details.rows.with_columns(match_keys=pl.lit("tokens")))
    found = quality.labelled(labels, details, People.of(extracts["members"].accepted))
    return found["errors"].item().to_list()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({}, ["nothing"]),
        ({"surname": "Harrow"}, ["surname changed"]),
        ({"surname": "Odell-Vane"}, ["surname in part"]),
        ({"surname": "Odel"}, ["surname one character"]),
        ({"surname": "Mina", "forename": "Odell"}, ["names swapped"]),
        ({"forename": "Zoe"}, ["forename another"]),
        ({"forename": "M"}, ["initial or no forename"]),
        ({"forename": ""}, ["initial or no forename"]),
        ({"forename": "", "surname": ""}, ["name missing"]),
        ({"date_of_birth": "2001-06-05"}, ["birth swapped"]),
        ({"date_of_birth": "2001-05-07"}, ["birth one figure"]),
        ({"date_of_birth": "1998-11-29"}, ["birth another"]),
        ({"date_of_birth": ""}, ["birth missing"]),
        ({"postcode": "ZZ9 9AA"}, ["moved"]),
        ({"postcode": ""}, ["address missing"]),
        ({"sex": "M"}, ["sex another"]),
        ({"upn": ""}, ["identifier missing"]),
        ({"upn": OTHER_UPN}, ["identifier of somebody else"]),
        ({"upn": NOBODYS_UPN}, ["identifier unknown"]),
        ({"upn": "X800000007000"}, ["identifier missing"]),
        ({"upn": "", "person_id": "P2"}, ["person id of somebody else"]),
        ({"upn": "", "person_id": "P9"}, ["person id unknown"]),
        ({"upn": "", "person_id": "p 1"}, ["nothing"]),
        ({"surname": "Harrow", "postcode": "ZZ9 9AA"}, ["surname changed", "moved"]),
    ],
    ids=lambda each: ", ".join(f"{k}={v}" for k, v in each.items()) if isinstance(each, dict) else "",
)
def test_what_a_record_has_otherwise_is_told(
    authority: Authority, written: dict[str, str], expected: list[str]
) -> None:
    assert errors(authority, MINA | {"upn": UPN} | written) == expected


def test_a_record_that_says_nothing_of_its_person_has_no_details(authority: Authority) -> None:
    assert errors(authority, {"postcode": "ZZ1 1AA"}) == ["no details"]


def test_a_record_of_hashes_is_told_as_such_and_not_as_one_of_errors(authority: Authority) -> None:
    assert errors(authority, {"surname": "Harrow"}, hashed=True) == ["match-keys"]


def test_a_member_whose_row_is_in_quarantine_cannot_be_compared(authority: Authority) -> None:
    assert errors(authority, MINA, who="P7") == ["member in quarantine"]


# ------------------------------------------------------------------------------------------------------ thresholds


def weights(*rows: tuple[int, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, {"detail": pl.UInt32, "person_id": pl.String, "weight": pl.Int64}, orient="row")


def at(curve: pl.DataFrame, bits: int) -> dict[str, Any]:
    return curve.row(by_predicate=pl.col("from_bits") == bits, named=True)


def test_a_weight_counts_from_its_whole_bits_down() -> None:
    curve = of_curve(known(("R1", 1, "P1")), links(), weights((1, "P1", 1299)))
    assert [at(curve, bits)["found"] for bits in (-10, 12, 13)] == [1, 1, 0]
    curve = of_curve(known(("R1", 1, "P1")), links(), weights((1, "P1", -250)))
    assert [at(curve, bits)["found"] for bits in (-3, -2)] == [1, 0]


def test_a_threshold_confirms_only_whom_one_person_alone_reaches() -> None:
    curve = of_curve(known(("R1", 1, "P1")), links(), weights((1, "P1", 2000), (1, "P2", 1000)))
    of = [(at(curve, bits)["confirmed"], at(curve, bits)["confirmed_right"]) for bits in (10, 11, 20, 21)]
    assert of == [(0, 0), (1, 1), (1, 1), (0, 0)]
    assert at(curve, 10)["found"] == 1


def test_two_of_one_weight_confirm_nobody() -> None:
    curve = of_curve(known(("R1", 1, "P1")), links(), weights((1, "P1", 2000), (1, "P2", 2000)))
    assert curve["confirmed"].sum() == 0


def test_what_an_earlier_pass_confirms_is_not_asked_again_but_counts_with_all() -> None:
    curve = of_curve(
        known(("R1", 1, "P1"), ("R2", 2, "P2")),
        links(("R1", "P1", "confirmed", "exact")),
        weights((1, "P1", 3000), (2, "P2", 1000)),
    )
    assert [at(curve, 10)[name] for name in ("of", "found", "of_all", "found_with_earlier")] == [1, 1, 2, 2]
    assert [at(curve, 11)[name] for name in ("of", "found", "of_all", "found_with_earlier")] == [1, 0, 2, 1]


def test_what_the_pass_by_weight_itself_linked_is_asked_at_every_threshold() -> None:
    curve = of_curve(
        known(("R1", 1, "P1")), links(("R1", "P1", "confirmed", "probabilistic", 2500)), weights((1, "P1", 2500))
    )
    assert at(curve, 25)["confirmed_right"] == 1
    assert at(curve, 26)["found_with_earlier"] == 0


def test_a_record_about_nobody_lowers_precision_and_no_recall() -> None:
    curve = of_curve(known(("R1", 1, None)), links(), weights((1, "P1", 2000)))
    assert [at(curve, 20)[name] for name in ("confirmed", "confirmed_right", "of", "recall")] == [1, 0, 0, None]


def test_the_chart_says_in_words_and_figures_what_it_shows() -> None:
    curve = of_curve(known(("R1", 1, "P1"), ("R2", 2, "P2")), links(), weights((1, "P1", 2000), (2, "P1", 500)))
    svg = threshold_chart(curve, {"confirmed_from": 20, "possible_from": 5})
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    words = [text.text for text in root.iter(f"{space}text")]
    assert root.get("role") == "img"
    assert root.find(f"{space}title").text == "Precision and recall of the pass by weight, by the threshold"
    assert root.find(f"{space}desc").text == (
        "At confirmed_from = 20 bits the precision is 100.00 %. At possible_from = 5 bits the recall is 50.00 %."
    )
    assert {"Threshold: match weight, in bits", "Share of labelled records, in per cent"} <= set(words)
    assert {"precision if", "recall if", "confirmed_from = 20", "possible_from = 5"} <= set(words)
    assert [len(line.get("points").split()) > 1 for line in root.iter(f"{space}polyline")] == [True, True]
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", ""), "it opens offline"


def test_a_chart_of_nothing_is_still_a_chart() -> None:
    svg = threshold_chart(of_curve(known(), links(), weights()), {"confirmed_from": 60})
    assert "Neither threshold of the workspace is on the curve." in svg
    ET.fromstring(svg)


# ------------------------------------------------------------------------------------------------------- estimates


RECORDS = pl.DataFrame(
    {"detail": [0, 0, 1], "table": ["offending"] * 3, "record_id": ["R1", "R2", "R3"]},
    {"detail": pl.UInt32, "table": pl.String, "record_id": pl.String},
)


def estimated(found: pl.DataFrame) -> dict[tuple[str, str], tuple[int, int, float | None]]:
    return {(status, name): (n, weighed, false) for status, name, n, weighed, false in found.iter_rows()}


def test_a_link_of_no_bits_is_as_likely_false_as_true() -> None:
    found = quality.estimate(links(("R1", "P1", "confirmed", "probabilistic", 0)), weights(), RECORDS)
    assert estimated(found)["confirmed", "probabilistic"] == (1, 1, 0.5)


def test_a_link_by_another_pass_is_weighed_by_its_details_and_person() -> None:
    found = quality.estimate(
        links(("R1", "P1", "confirmed", "exact"), ("R2", "P1", "confirmed", "exact")), weights((0, "P1", 200)), RECORDS
    )
    assert estimated(found)["confirmed", "exact"] == (2, 2, pytest.approx(2 / 5))


@pytest.mark.parametrize("name", ["person_id", "review"])
def test_the_authoritys_own_id_and_a_reviewer_are_taken_as_right(name: str) -> None:
    found = quality.estimate(links(("R1", "P1", "confirmed", name)), weights((0, "P1", -500)), RECORDS)
    assert estimated(found)["confirmed", name] == (1, 0, None)


def test_what_is_open_is_missed_as_often_as_its_weights_say_and_once_at_most() -> None:
    found = quality.estimate(links(("R1", "P1", "confirmed", "exact")), weights((0, "P2", 900), (1, "P1", 0)), RECORDS)
    assert estimated(found)["missed", ""] == (1, 1, 0.5)
    found = quality.estimate(links(), weights((0, "P1", 600), (0, "P2", 600)), RECORDS)
    assert estimated(found)["missed", ""] == (2, 2, 1.9845)


def test_without_a_model_links_are_counted_and_nothing_is_estimated() -> None:
    found = quality.estimate(links(("R1", "P1", "confirmed", "exact")), None, RECORDS)
    assert estimated(found) == {("confirmed", ""): (1, 0, None), ("confirmed", "exact"): (1, 0, None)}
