"""What a bundle carries of the evidence, so that an auditor who has nothing else sees what the facts rest on.

In: a measured workspace and its key. Out: who the families and their members are, the records behind the facts with
what each says, their links, and what was set apart. No name, address, date of birth or text of a supplier's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pbr.claims.contract import FAMILIES, MEMBERS, RECORDS
from pbr.claims.select import family_ref, worker_ref
from pbr.jobs.decide import Measurement, calendar_of
from pbr.linkage.passes import LINKS
from pbr.measures.calendar import birthday
from pbr.measures.reading import cites
from pbr.measures.record_words import in_words
from pbr.measures.subjects import is_member_on
from pbr.sources import CONTRACTS, IDENTITY
from pbr.sources.record_ids import PREFIX, content_ids

NOT_IN_CONTENT = frozenset({*IDENTITY, "record_id", "lead_worker"})
"""The columns that no digest of a record is made over: from a digest a name can be guessed."""


@dataclass(frozen=True)
class Carried:
    """Frames with the columns of `claims.contract.TABLES`; those of `families` without pseudonyms where no key is."""

    links: pl.DataFrame
    families: pl.DataFrame
    members: pl.DataFrame
    records: pl.DataFrame
    quarantine: pl.DataFrame

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The frames, by the file of each."""
        return {
            "links.parquet": self.links,
            "families.parquet": self.families,
            "members.parquet": self.members,
            "records.parquet": self.records,
            "quarantine.csv": self.quarantine,
        }


def carried(measurement: Measurement, key: bytes | None) -> Carried:
    """What a bundle of these decisions carries of their evidence. `key`: the workspace's, where it has one."""
    behind = _behind(measurement)
    links = measurement.evidence.links.select(LINKS.names())
    return Carried(
        links=links.join(behind, on=["table", "record_id"], how="semi"),
        families=_families(measurement, key),
        members=_members(measurement),
        records=records_of(measurement, behind),
        quarantine=_quarantine(measurement),
    )


def records_of(measurement: Measurement, behind: pl.DataFrame) -> pl.DataFrame:
    """What records say (`contract.RECORDS`); `behind` names them by `table` and `record_id`."""
    calendar, packs = calendar_of(measurement.workspace), [pack.pack for pack in measurement.packs]
    found = [pl.DataFrame(schema=RECORDS)]
    for (table,), asked in behind.group_by("table"):
        if table in measurement.extracts:
            rows = measurement.extracts[table].accepted.join(asked, on="record_id", how="semi")
            said = in_words(str(table), rows, calendar, packs).with_columns(table=pl.lit(table))
            contents = rows.select("record_id", content=content_of(str(table), rows))
            found.append(said.join(contents, on="record_id").select(RECORDS.names()))
    return pl.concat(found).sort("table", "record_id")


def content_of(table: str, rows: pl.DataFrame) -> pl.Series:
    """What tells a record from another that says otherwise: `content` of `contract.RECORDS`, of accepted rows."""
    own = [column.name for column in CONTRACTS[table].own if column.name not in NOT_IN_CONTENT]
    return content_ids(rows.select(pl.col(own).cast(pl.String)), table, own).str.slice(len(PREFIX), 16)


def _behind(measurement: Measurement) -> pl.DataFrame:
    """The records that some fact cites: `record_id`, and each `table` that the fact's measure reads."""
    cited = [pl.DataFrame(schema={"record_id": pl.String, "table": pl.String})]
    for cohort in measurement.cohorts:
        rules, facts = cohort.rules, cohort.facts
        measures = dict(rules.family_measures) | {name: measure for name, (measure, _) in rules.member_measures.items()}
        for frame in (facts.families, facts.members):
            for name, kind in frame.schema.items():
                if isinstance(kind, pl.Struct):
                    records = frame.select(pl.col(name).struct.field("records").explode().alias("record_id"))
                    cited += [records.with_columns(table=pl.lit(table)) for table in cites(measures[name])]
    return pl.concat(cited).drop_nulls().unique()


def _decided(measurement: Measurement) -> pl.DataFrame:
    """The families' own rows, of those that are decided."""
    families = measurement.evidence.families
    return families.filter(pl.col("family_id").is_in(measurement.decided.implode()))


def _families(measurement: Measurement, key: bytes | None) -> pl.DataFrame:
    decided = _decided(measurement)
    if key is None:
        return decided.select(name for name in FAMILIES if not name.endswith("_ref"))
    workers = {name: worker_ref(name, key) for name in decided["lead_worker"].drop_nulls().unique()}
    return decided.with_columns(
        family_ref=pl.Series([family_ref(name, key) for name in decided["family_id"]], dtype=pl.String),
        worker_ref=pl.col("lead_worker").replace_strict(workers or {"": ""}, default=None, return_dtype=pl.String),
    ).select(FAMILIES.names())


def _members(measurement: Measurement) -> pl.DataFrame:
    engaged = _decided(measurement).select("family_id", "engaged_on")
    of_decided = measurement.extracts["members"].accepted.join(engaged, on="family_id")
    # Who joined by being born would be named by their birthday; nobody is a member before it, joined or not.
    joined_on = pl.when(pl.col("joined_on") > pl.col("date_of_birth")).then("joined_on")
    return of_decided.with_columns(
        joined_on=joined_on,
        at_engagement=_child_or_adult(pl.col("engaged_on")),
        at_as_of=_child_or_adult(pl.lit(measurement.as_of)),
    ).select(MEMBERS.names())


def _child_or_adult(when: pl.Expr) -> pl.Expr:
    age_group = pl.when(birthday(18) > when).then(pl.lit("child")).otherwise(pl.lit("adult"))
    return pl.when(is_member_on(when)).then(age_group)


def _quarantine(measurement: Measurement) -> pl.DataFrame:
    """What was set apart, by reading and by linking, without its text."""
    frames = [extract.quarantine for _, extract in sorted(measurement.extracts.items())]
    return pl.concat([*frames, measurement.evidence.quarantine], how="diagonal").drop("raw", "row")
