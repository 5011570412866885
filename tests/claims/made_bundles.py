"""A batch made up for the bundle's tests: three families, two lines, one held, one record set apart.

As a program (`python -m tests.claims.made_bundles FOLDER ROWS`) it writes the bundle, its tables filled up with rows.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from pbr.claims.bundle import BundleContents, write_bundle
from pbr.claims.contract import (
    ALIKE,
    CLAIM,
    DROPPED,
    FACTS,
    FAMILIES,
    FINDINGS,
    FOUND_WRONG,
    HELD,
    HISTORY,
    LINKS,
    MEMBERS,
    OVERRIDES,
    QUARANTINE,
    RECORDS,
    Input,
    Linkage,
    Period,
    Run,
)
from pbr.rulebook.book import rulebook
from pbr.rulebook.load import load_pack

RUN = Run(
    authority_code="E06000034",
    authority_name="Thurrock",
    window="2014-09",
    as_of=date(2014, 9, 1),
    claim_date=date(2014, 9, 2),
    pack_id="phase-1",
    pack_title="Phase 1 (2012–15)",
    pack_digest="a" * 64,
    window_open=True,
    families_agreed=360,
    families_live=12,
    inputs=(
        Input(
            source="attendance",
            path="sources/attendance.csv",
            bytes=1441,
            rows=12,
            sha256="b" * 64,
            supplier="Schools",
            covers=Period(**{"from": date(2011, 9, 1), "until": date(2014, 8, 31)}),
        ),
        Input(
            source="families",
            path="sources/families.csv",
            bytes=200,
            rows=3,
            sha256="c" * 64,
            supplier=None,
            covers=None,
        ),
    ),
    linkage=Linkage(
        passes=("person_id", "identifier", "exact"),
        gives={},
        most_pairs=1000,
        confirmed_from=None,
        possible_from=None,
        model=None,
        decisions=2,
        decisions_digest="d" * 64,
    ),
    versions={"pbr": "0.1.0", "bulk": "polars 2.1.0"},
    command="pbr claim prepare . --as-of 2014-09-01 --window 2014-09",
)


def decision(family: int) -> str:
    return f"{family:064x}"


def line(number: int, route: str, pence: int, family: int, flags: str = "") -> tuple[object, ...]:
    day = date(2012, 10, 1)
    return (f"L{number}", "E06000034", "2014-09", f"ref{family}", route, RUN.as_of, day, pence, decision(family), flags)


def finding(family: int, item: str, verdict: str) -> tuple[str, ...]:
    return (f"F{family}", "route", item, "", verdict, "", "", "", "", decision(family))


def family(number: int) -> tuple[object, ...]:
    engaged, assessed, planned = date(2012, 10, 1), date(2012, 10, 20), date(2012, 11, 5)
    return (f"F{number}", f"ref{number}", engaged, None, assessed, planned, False, "0123456789ab")


def link(record_id: str) -> tuple[object, ...]:
    """A row of links.parquet."""
    return ("attendance", record_id, "P1", "confirmed", "identifier", "upn", "upn same, date_of_birth same", None)


def record(name: str) -> tuple[object, ...]:
    start, until = date(2012, 1, 1), date(2012, 4, 8)
    says = "2011/12 spring: 57 unauthorised, 3 authorised of 380, registered"
    return ("attendance", name, "sources/attendance.csv", start, until, says, "0123456789abcdef")


def contents(**other: object) -> BundleContents:
    made = BundleContents(
        run=RUN,
        lines=pl.DataFrame(
            [
                line(2, "progress_to_work", 10000, 1),
                line(1, "crime_asb_education", 70000, 1, "near_threshold;school_leaver"),
            ],
            CLAIM,
            orient="row",
        ),
        findings=pl.DataFrame(
            [
                finding(3, "crime_asb_education", "not_met"),
                finding(1, "crime_asb_education", "met"),
                finding(1, "progress_to_work", "met"),
                finding(2, "crime_asb_education", "met"),
            ],
            FINDINGS,
            orient="row",
        ),
        facts=pl.DataFrame(
            [
                ("F1", "", "asb_incidents", "3", None, None, None, ["r2", "r1"]),
                ("F1", "P1", "unauthorised_absence(last_terms: 3)", "57/380", None, None, None, ["r3"]),
                ("F2", "", "asb_incidents", None, "not_covered", None, None, []),
            ],
            FACTS,
            orient="row",
        ),
        links=pl.DataFrame([link("r3"), link("r1"), link("r2")], LINKS, orient="row"),
        families=pl.DataFrame([family(3), family(1), family(2)], FAMILIES, orient="row"),
        members=pl.DataFrame(
            [
                ("F1", "P2", date(2013, 1, 1), None, None, "adult", True, True),
                ("F1", "P1", None, date(2013, 6, 1), "child", None, True, None),
            ],
            MEMBERS,
            orient="row",
        ),
        records=pl.DataFrame([record("r3"), record("r1"), record("r2")], RECORDS, orient="row"),
        attrition=pl.DataFrame(
            {
                "step": ["considered", "result", "result", "payable", "in_the_batch", "in_the_batch"],
                "unit": ["families", "families", "families", "lines", "lines", "lines"],
                "outcome": ["kept", "dropped", "kept", "kept", "held", "kept"],
                "reason": ["", "no_route_met", "", "", "neutral_only", ""],
                "count": [3, 1, 2, 3, 1, 2],
                "amount_pence": [None, None, None, 150000, 70000, 80000],
            }
        ),
        held=pl.DataFrame(
            {
                "family_ref": ["ref2"],
                "route": ["crime_asb_education"],
                "engaged_on": [date(2012, 11, 1)],
                "amount_pence": [70000],
                "decision_id": [decision(2)],
                "flags": ["neutral_only"],
                "reason": ["neutral_only"],
                "released_by": ["Establish a measured improvement."],
            },
            HELD,
        ),
        dropped=pl.DataFrame(
            [("ref3", "progress_to_work", date(2012, 10, 1), decision(3), "route_already_claimed", "L0")],
            DROPPED,
            orient="row",
        ),
        quarantine=pl.DataFrame(
            [("attendance", "sources/attendance.csv", "term", "E127", "is none of autumn, spring, summer", "r9")],
            QUARANTINE,
            orient="row",
        ),
        history=pl.DataFrame([("F3", "progress_to_work", "family", "L0", 10000)], HISTORY, orient="row"),
        overrides=pl.DataFrame(schema=OVERRIDES),
        found_wrong=pl.DataFrame(schema=FOUND_WRONG),
        alike=pl.DataFrame(
            [("F2", "P5", "F9", "Q5", "address", "name same, birth same, postcode same", "L0")], ALIKE, orient="row"
        ),
        rules={"pack.yaml": b"id: phase-1\n", "tests/route.yaml": b"- name: a case\n"},
        book=rulebook(load_pack("phase-1"), RUN.as_of, with_cases=False),
        titles={"crime_asb_education": "Crime, anti-social behaviour and education", "neutral_only": "Only neutral"},
    )
    return replace(made, **other)  # type: ignore[arg-type]


def filled(rows: int) -> BundleContents:
    """The same with as many families more, in no order, as frames of several chunks."""
    number = (pl.int_range(rows) * 7919) % rows
    facts = pl.select(
        family_id=pl.format("F{}", number + 10),
        subject_id=pl.lit(""),
        fact=pl.lit("asb_incidents"),
        value=(number % 7).cast(pl.String),
        reason=pl.lit(None, pl.String),
        least=pl.lit(None, pl.String),
        most=pl.lit(None, pl.String),
        records=pl.concat_list(pl.format("n{}", number), pl.format("s{}", number)),
    )
    findings = pl.DataFrame(dict.fromkeys(FINDINGS, facts["family_id"]))
    half = rows // 2
    own = contents()
    families, records, links = (
        pl.DataFrame([row] * rows, schema, orient="row")
        for row, schema in ((family(0), FAMILIES), (record(""), RECORDS), (link(""), LINKS))
    )
    return contents(
        families=pl.concat([own.families, families.with_columns(facts["family_id"])]),
        records=pl.concat(
            [own.records, *(records.with_columns(record_id=facts["records"].list.get(at)) for at in (0, 1))]
        ),
        links=pl.concat([own.links, *(links.with_columns(record_id=facts["records"].list.get(at)) for at in (0, 1))]),
        facts=pl.concat([facts[half:], facts[:half]], rechunk=False),
        findings=pl.concat([own.findings, findings[:half], findings[half:]], rechunk=False),
    )


if __name__ == "__main__":
    write_bundle(Path(sys.argv[1]), filled(int(sys.argv[2])))
