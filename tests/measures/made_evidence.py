"""Evidence made up for one family, F1, and its facts: one question asked of it at a time.

`evidence` takes records as dictionaries and fills in what a test does not care about; `fact` reads one measure.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from pbr.linkage import Coverage, Evidence
from pbr.linkage.details import Details
from pbr.linkage.evidence import RECORD_TABLES, no_records
from pbr.linkage.passes import LINKS
from pbr.measures.calendar import Calendar
from pbr.measures.facts import Facts
from pbr.measures.measure import Measured, measure
from pbr.rulebook.model import Pack
from pbr.rulebook.rules import Rules
from pbr.values import Share

AS_OF = date(2014, 10, 31)
ENGAGED = date(2013, 10, 1)
ALL_THE_TIME = (date(2010, 9, 1), date(2014, 10, 30))

USUALLY: dict[str, dict[str, Any]] = {
    "attendance": {"sessions_authorised": 0, "sessions_unauthorised": 0, "enrolment": "registered"},
    "marks": {"session": "AM"},
    "exclusions": {"kind": "suspension"},
    "offending": {"kind": "asb"},
    "employment": {"kind": "work"},
    "social_care": {"kind": "child_protection"},
    "needs": {"family_id": "F1", "need": "local_discretion"},
    "outcomes": {"family_id": "F1", "need": "local_discretion", "status": "achieved"},
}


def person(person_id: str = "P1", born: date | None = date(2001, 5, 6), **more: Any) -> dict[str, Any]:
    """A resident member of F1 for good, unless `family_id`, `joined_on`, `left_on` or `resident` say otherwise."""
    return {
        "family_id": "F1",
        "person_id": person_id,
        "date_of_birth": born,
        "joined_on": None,
        "left_on": None,
        "resident": True,
    } | more


def family(family_id: str = "F1", engaged_on: date = ENGAGED, **more: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("closed_on", "assessed_on", "planned_on", "lead_worker", "expecting"))
    return {"family_id": family_id, "engaged_on": engaged_on, "record_id": f"row-{family_id}"} | nothing | more


def evidence(
    *people: dict[str, Any],
    families: tuple[dict[str, Any], ...] = (family(),),
    covers: dict[str, tuple[date, date] | None] | None = None,
    doubtful_people: tuple[tuple[str, str], ...] = (),
    doubtful_families: tuple[tuple[str, str], ...] = (),
    doubtful_members: tuple[tuple[str, str, date | None], ...] = (),
    **records: list[dict[str, Any]],
) -> Evidence:
    """Records of every table named are about P1 and sure; the table covers all the time unless `covers` says else."""
    tables = {table: no_records(table) for table in RECORD_TABLES}
    for table, rows in records.items():
        schema = no_records(table).schema
        about = {} if "family_id" in schema else {"person_id": "P1"}
        filled = [
            {"record_id": f"{table[0]}{at}", "possible": False} | about | USUALLY[table] | row
            for at, row in enumerate(rows, 1)
        ]
        tables[table] = pl.DataFrame(filled, schema=schema)
    covered = dict.fromkeys(records, ALL_THE_TIME) | (covers or {})
    own = {
        **dict.fromkeys(("engaged_on", "closed_on", "assessed_on", "planned_on"), pl.Date),
        "lead_worker": pl.String,
        "expecting": pl.Boolean,
    }
    doubts = {"family_id": pl.String, "person_id": pl.String, "date_of_birth": pl.Date}
    return Evidence(
        families=pl.DataFrame(list(families), schema={"family_id": pl.String, "record_id": pl.String, **own}),
        members=pl.DataFrame(
            list(people or (person(),)),
            schema={
                **dict.fromkeys(("family_id", "person_id"), pl.String),
                **dict.fromkeys(("date_of_birth", "joined_on", "left_on"), pl.Date),
                "resident": pl.Boolean,
            },
        ),
        records=tables,
        doubtful_people=pl.DataFrame(
            list(doubtful_people), schema={"table": pl.String, "person_id": pl.String}, orient="row"
        ),
        doubtful_families=pl.DataFrame(
            list(doubtful_families), schema={"table": pl.String, "family_id": pl.String}, orient="row"
        ),
        doubtful_members=pl.DataFrame(list(doubtful_members), schema=doubts, orient="row"),
        coverage={table: Coverage(*days) for table, days in covered.items() if days is not None},
        links=pl.DataFrame(schema=LINKS),
        details=Details.of({}),
        lapsed_decisions=0,
        quarantine=pl.DataFrame(),
    )


PARAMETERS: dict[str, tuple[str, Any]] = {
    **{f"n{number}": ("count", number) for number in (1, 2, 3, 6, 7, 12, 30)},
    "limit": ("share", Share(15, 100)),
    "benefits": ("codes", ("ESA", "JSA")),
    "courses": ("codes", ("esf", "work_programme")),
    "plans": ("codes", ("child_protection", "child_in_need")),
    "words": ("codes", ("not_on_roll",)),
    "years": ("years", 18),
    "months": ("months", 6),
    "concern": ("need", "local_discretion"),
    "concerns": ("codes", ("debt", "local_discretion", "neet")),
    "fee": ("pence", 70000),
    "cap": ("pence", 400000),
}


def asking(
    question: dict[str, Any],
    subject: str = "family",
    member_at: str = "as_of",
    as_of: date = AS_OF,
    leaving_out: str | None = None,
) -> Rules:
    """Rules that read one measure: of the family, or of every `child`, `adult`, `school_age_child` or `member`.

    `leaving_out`: whom of these it leaves out; for the family's own measures that is in the question.
    """
    limits: dict[str, dict[str, Any]] = {
        "out_of_work_benefit": {"is": True},
        "on_provision": {"is": True},
        "open_social_care": {"is": True},
        "need_identified": {"is": True},
        "recorded": {"is": True},
        "expecting": {"is": True},
        "in_work": {"is": True},
        "resident": {"is": True},
        "age": {"at_least": "years"},
        "months_since": {"at_least": "months"},
        "school_age": {"is": True},
        "enrolment": {"is_one_of": "words"},
        "unauthorised_absence": {"at_least": "limit"},
        "absence": {"at_least": "limit"},
    }
    test: dict[str, Any] = {"measure": question, **limits.get(question["name"], {"at_least": "n1"})}
    if subject != "family":
        terms = {"last_terms": "n3"} if subject == "school_age_child" else {}
        test = {"every": subject, "at": member_at, **terms, "leaving_out": leaving_out, "that": test}
    said = {"title": "t", "citation": "c", "standing": "verified"}
    parameters = {
        name: {
            "title": name,
            "unit": unit,
            "values": ({"from": date(2000, 1, 1), "value": value, "citation": "c", "standing": "verified"},),
        }
        for name, (unit, value) in PARAMETERS.items()
    }
    pack = Pack.model_validate(
        {
            "id": "one-question",
            "title": "t",
            "citation": "c",
            "in_force": (
                {
                    "citation": "c",
                    "standing": "verified",
                    "engaged": {"from": date(2012, 4, 1), "until": date(2015, 3, 31)},
                    "decided": {"from": date(2012, 4, 1), "until": date(2015, 5, 31)},
                },
            ),
            "parameters": parameters,
            "eligibility": {"eligible": {**said, "test": test}},
            "results": {},
            "routes": {},
            "flags": {},
            "tariff": {
                "citation": "c",
                "claimed_until": date(2015, 5, 31),
                "attachment_fee": "fee",
                "family_cap": "cap",
                "routes": {},
                "instead_of": {},
            },
        }
    )
    return Rules(pack, as_of, "0" * 64)


def facts(of: Evidence, rules: Rules, calendar: Calendar | None = None) -> Facts:
    return measured(of, rules, calendar).facts


def measured(of: Evidence, rules: Rules, calendar: Calendar | None = None) -> Measured:
    return measure(of, rules, calendar or Calendar())


def fact(
    of: Evidence,
    name: str,
    subject: str = "family",
    about: str = "P1",
    member_at: str = "as_of",
    as_of: date = AS_OF,
    calendar: Calendar | None = None,
    **arguments: Any,
) -> dict[str, Any]:
    """The one fact about F1, or about a person of it: `value`, `of`, `reason`, `records`."""
    question = {"name": name, **arguments}
    rules = asking(question, subject, member_at, as_of)
    found = facts(of, rules, calendar)
    key = rules.fact_key(
        next(iter(rules.family_measures.values()), None) or next(iter(rules.member_measures.values()))[0]
    )
    frame = found.families if subject == "family" else found.members.filter(pl.col("subject_id") == about)
    cell = frame.filter(pl.col("family_id") == "F1")[key].item()
    assert isinstance(cell, dict), f"{about} holds no role for {key}"
    return cell


def share(cell: dict[str, Any]) -> str | None:
    """`57/380`, unreduced; None where the fact is null."""
    return None if cell["value"] is None else f"{cell['value']}/{cell['of']}"


def subjects(of: Evidence, role: str, member_at: str = "as_of", as_of: date = AS_OF) -> list[str]:
    """Who holds a role in F1: `child`, `adult` or `school_age_child`, at engagement or the as-of date."""
    question: dict[str, Any] = {"name": "longest_run_in_work", "last_months": "n6"}
    rules = asking(question, role, member_at, as_of)
    frame = facts(of, rules).members
    return frame.filter(pl.col("family_id") == "F1", rules.roles[0].key)["subject_id"].to_list()
