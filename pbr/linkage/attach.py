"""From extracts to evidence: link every record to a member, and carry what is in doubt along.

In: the extracts that `sources.read` returns. Out: `Evidence`. Two contracts need the person and are tested here:
nothing happens to a person before their birth (E301), and two marks of one child for one session agree (E302).
Records that break them are quarantined like any other and put their person in doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from pbr.linkage.details import Details
from pbr.linkage.evidence import RECORD_TABLES, Coverage, Evidence, no_records
from pbr.linkage.hashed import Hashes, linked_by_hashes, require_usable
from pbr.linkage.passes import LINKS, OF_DETAILS, Score, link, with_evidence
from pbr.linkage.people import People
from pbr.linkage.probabilistic import Model, score
from pbr.linkage.review import DECISIONS, KEYS, decided, details_keys, lapsed, standing, thought_of
from pbr.sources import IDENTITY, Extract
from pbr.workspace import LinkageSettings

FAMILY_TABLES = ("needs", "outcomes")
"""Tables whose records are about a family, by its id."""

EVENT_DAY = {
    "marks": "date",
    "exclusions": "starts_on",
    "offending": "occurred_on",
    "employment": "starts_on",
    "social_care": "starts_on",
}
"""The column that says when a record's event happened."""

QUARANTINE = ("source", "file", "row", "column", "raw", "code", "reason", "record_id")


@dataclass(frozen=True)
class Method:
    """How records are linked: the workspace's settings; the model of the probabilistic pass, where it is asked; and
    reviewers' standing decisions (`review.DECISIONS`) with the workspace's `key`; for tables that give match-keys, the
    key that their supplier hashed with.
    """

    settings: LinkageSettings = field(default_factory=LinkageSettings)
    model: Model | None = None
    decisions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DECISIONS))
    key: bytes = b""
    match_keys: Mapping[str, bytes] = field(default_factory=dict)


def attach(extracts: Mapping[str, Extract], how: Method | None = None) -> Evidence:
    """Link the extracts' records to the members they are about.

    Raises Faults: E311 a key that pairs too many, E360 to E368 match-keys that cannot be compared.
    """
    how = how or Method()
    require_usable(extracts, how.match_keys)
    accepted_members = extracts["members"].accepted
    details, people = Details.of(extracts), People.of(accepted_members)
    decisions = _standing(details, people, how)
    of_details = _linked(details, people, how, decisions)
    every_link = of_details.join(details.records, on="detail")
    born = accepted_members.select("person_id", "date_of_birth").unique(subset="person_id", keep="any")

    records, doubts, quarantine = {}, [], []
    for table in RECORD_TABLES:
        if table not in extracts:
            records[table] = no_records(table)
            continue
        extract = extracts[table]
        if table in FAMILY_TABLES:
            records[table] = extract.accepted.select(*_own(extract), "person_id", possible=pl.lit(False))
            continue
        found = every_link.filter((pl.col("table") == table) & (pl.col("status") != "rejected"))
        of_rejected = found.filter("is_rejected")
        linked = _about_people(extract, found.filter(~pl.col("is_rejected")))
        broken = _broken(table, linked, born)
        sound = linked.join(broken, on="record_id", how="anti")
        records[table] = sound
        doubts += [of_rejected.select("table", "person_id"), _people_of(table, linked, broken)]
        quarantine.append(_quarantined(table, extract, broken))

    doubtful_people = _stacked(doubts, {"table": pl.String, "person_id": pl.String}).unique().sort(pl.all())
    return Evidence(
        families=extracts["families"].accepted,
        members=accepted_members.select("family_id", "person_id", "date_of_birth", "joined_on", "left_on", "resident"),
        records=records,
        doubtful_people=doubtful_people,
        doubtful_families=_doubtful_families(extracts, doubtful_people),
        doubtful_members=_doubtful_members(extracts["members"]),
        coverage={
            table: Coverage(extract.covers.start, extract.covers.until)
            for table, extract in extracts.items()
            if extract.covers is not None
        },
        links=every_link.select(*LINKS.names(), "detail"),
        # Without the normalised fields, which take much room and were needed to compare.
        details=Details(details.rows, details.records),
        lapsed_decisions=lapsed(how.decisions, decisions).height,
        quarantine=_stacked(quarantine, dict.fromkeys(QUARANTINE, pl.String) | {"row": pl.Int64}),
    )


def _standing(details: Details, people: People, how: Method) -> pl.DataFrame:
    """The reviewers' decisions about details and people that there are."""
    if how.decisions.is_empty():
        return standing(how.decisions, pl.DataFrame(schema=KEYS), people.ways["person_id"])
    return standing(how.decisions, details_keys(details, how.key), people.ways["person_id"].unique())


def _linked(details: Details, people: People, how: Method, decisions: pl.DataFrame) -> pl.DataFrame:
    """The links of details, by the passes and then by the reviewers, with their evidence."""
    found = link(details, people, how.settings, _score(details, people, how))
    hashes = Hashes(details, people, how.match_keys.values()) if how.match_keys else None
    if hashes:
        found = linked_by_hashes(found, hashes, how.settings)
    found = decided(found, decisions)
    found = thought_of(found, lapsed(how.decisions, decisions), details.records, people.ways["person_id"])
    links = with_evidence(found.select(OF_DETAILS.names()), details, people)
    return hashes.with_evidence(links) if hashes else links


def _score(details: Details, people: People, how: Method) -> Score | None:
    """What weighs the details that the other passes leave; None where the probabilistic pass is not asked."""
    model, settings = how.model, how.settings
    if model is None or settings.probabilistic is None:
        return None
    from_weight = settings.probabilistic.possible_from * 100
    return lambda left: score(details, people, model, from_weight, settings.most_pairs, left)


def _about_people(extract: Extract, links: pl.DataFrame) -> pl.DataFrame:
    return (
        extract.accepted.lazy()
        .select(_own(extract))
        .join(links.lazy().select("record_id", "person_id", possible=pl.col("status") == "possible"), on="record_id")
        .collect()
    )


def _own(extract: Extract) -> list[str]:
    """The columns of the contract that say what is recorded, not of whom."""
    return [name for name in extract.accepted.columns if name not in (*IDENTITY, "file", "row")]


def _broken(table: str, linked: pl.DataFrame, born: pl.DataFrame) -> pl.DataFrame:
    """`record_id`, `column`, `code`, `reason` of the linked records that break a contract about their person."""
    schema = {"record_id": pl.String, "column": pl.String, "code": pl.String, "reason": pl.String}
    if table not in EVENT_DAY:
        return pl.DataFrame(schema=schema)
    day = EVENT_DAY[table]
    sure = linked.filter(~pl.col("possible"))
    found = [
        sure.join(born, on="person_id")
        .filter(pl.col(day) < pl.col("date_of_birth"))
        .select(
            "record_id",
            column=pl.lit(day),
            code=pl.lit("E301"),
            reason=pl.lit("dated before the birth of the member it is about"),
        )
    ]
    if table == "marks":
        one_session = ["person_id", "date", "session"]
        found.append(
            sure.filter(pl.col("code").n_unique().over(one_session) > 1).select(
                "record_id",
                column=pl.lit("code"),
                code=pl.lit("E302"),
                reason=pl.lit("another mark of the same child for the same session differs"),
            )
        )
    return pl.concat(found).unique().sort(pl.all())


def _people_of(table: str, linked: pl.DataFrame, broken: pl.DataFrame) -> pl.DataFrame:
    return linked.join(broken, on="record_id", how="semi").select(pl.lit(table).alias("table"), "person_id")


def _quarantined(table: str, extract: Extract, broken: pl.DataFrame) -> pl.DataFrame:
    places = extract.accepted.select("record_id", "file", pl.col("row").cast(pl.Int64))
    return broken.join(places, on="record_id").select(
        source=pl.lit(table), file="file", row="row", column="column", raw=pl.lit(None, pl.String), code="code",
        reason="reason", record_id="record_id",
    )  # fmt: skip


def _doubtful_families(extracts: Mapping[str, Extract], doubtful_people: pl.DataFrame) -> pl.DataFrame:
    """Families of the people in doubt, whenever they belonged, and families that a quarantined row itself names."""
    members = extracts["members"]
    named = [
        extracts[table].rejected.select(pl.lit(table).alias("table"), "family_id").drop_nulls()
        for table in (*FAMILY_TABLES, "members")
        if table in extracts
    ]
    belong = pl.concat([frame.select("person_id", "family_id") for frame in (members.accepted, members.rejected)])
    via_people = pl.concat(
        [
            doubtful_people.select("person_id", "table"),
            members.rejected.filter(pl.col("family_id").is_null()).select("person_id", table=pl.lit("members")),
        ]
    ).join(belong.drop_nulls(), on="person_id")
    return pl.concat([*named, via_people.select("table", "family_id")]).unique().sort(pl.all())


def _doubtful_members(members: Extract) -> pl.DataFrame:
    """Quarantined members' rows: whoever they are may belong to the family, or to the person's other families."""
    rejected = members.rejected.select("record_id", "person_id", "date_of_birth", "family_id")
    elsewhere = members.accepted.select("person_id", other_family="family_id").unique()
    return (
        rejected.join(elsewhere, on="person_id", how="left")
        .select(
            family_id=pl.coalesce("family_id", "other_family"),
            person_id=pl.coalesce("person_id", "record_id"),
            date_of_birth="date_of_birth",
        )
        .filter(pl.col("family_id").is_not_null())
        .group_by("family_id", "person_id")
        .agg(pl.col("date_of_birth").drop_nulls().unique())
        .with_columns(
            date_of_birth=pl.when(pl.col("date_of_birth").list.len() == 1).then(pl.col("date_of_birth").list.first())
        )
        .sort("family_id", "person_id")
    )


def _stacked(frames: list[pl.DataFrame], schema: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=dict(schema)), *frames])
