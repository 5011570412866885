"""What leaves the building: the tables of a bundle, how each is written to the byte, and the record of the run.

In: frames. Out: the bytes of CSV and Parquet files, the same on every machine and with any number of threads; and back.
Only the columns named here are ever written, so that a column more in a frame (a family's own id, a raw text) stays.

CSV is RFC 4180 in UTF-8 with a bare line feed at the end of each line, as the metadata beside it says; an empty cell is
null. Text that a spreadsheet would take for a formula, or that begins with an apostrophe, has one apostrophe put before
it; reading takes one away. Parquet is zstd, in row groups of one size and without statistics.
"""

from __future__ import annotations

import io
import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from pbr.engines.findings import SCHEMA as FINDINGS
from pbr.linkage.passes import LINKS
from pbr.measures.facts import LONG as FACTS

CLAIM = pl.Schema(
    {
        "claim_line_id": pl.String(),
        "authority_code": pl.String(),
        "window": pl.String(),
        "family_ref": pl.String(),
        "route": pl.String(),
        "as_of": pl.Date(),
        "engaged_on": pl.Date(),
        "amount_pence": pl.Int64(),
        "decision_id": pl.String(),
        "flags": pl.String(),
    }
)
"""`claim.csv`: one row a claim line; `flags` joined with `;`."""

ATTRITION = pl.Schema(
    {
        "step": pl.String(),
        "unit": pl.String(),
        "outcome": pl.String(),
        "reason": pl.String(),
        "count": pl.Int64(),
        "amount_pence": pl.Int64(),
    }
)
"""`attrition.csv`: what each step kept, dropped or held, in the order of the steps (see `select.Selection`)."""

HELD = pl.Schema(
    {
        "family_ref": pl.String(),
        "route": pl.String(),
        "engaged_on": pl.Date(),
        "amount_pence": pl.Int64(),
        "decision_id": pl.String(),
        "flags": pl.String(),
        "reason": pl.String(),
        "released_by": pl.String(),
    }
)
"""`held.csv`: the lines that wait for a person, why, and what would release each."""

QUARANTINE = pl.Schema(
    {
        "source": pl.String(),
        "file": pl.String(),
        "column": pl.String(),
        "code": pl.String(),
        "reason": pl.String(),
        "record_id": pl.String(),
    }
)
"""`quarantine.csv`: the records set apart, one row a fault, without their text. Found by record id: the order of an
extract's rows means nothing, so a bundle says nothing of it."""

HISTORY = pl.Schema(
    {
        "family_id": pl.String(),
        "route": pl.String(),
        "claimed_by": pl.String(),
        "line_id": pl.String(),
        "amount_pence": pl.Int64(),
    }
)
"""`history.csv`: the earlier live lines that bear on the families considered, as the ledger had them. `claimed_by` is
`family`, or `person` where the line is another family's and somebody in it is now in this one; `reversed` where it is
the family's own and was repaid, withdrawn or superseded after it was submitted: it counts for nothing, and is told."""

FAMILIES = pl.Schema(
    {
        "family_id": pl.String(),
        "family_ref": pl.String(),
        "engaged_on": pl.Date(),
        "closed_on": pl.Date(),
        "assessed_on": pl.Date(),
        "planned_on": pl.Date(),
        "expecting": pl.Boolean(),
        "worker_ref": pl.String(),
    }
)
"""`families.parquet`: one row a decided family, as its own record says. `worker_ref` is the pseudonym of its lead
worker (`select.worker_ref`), null where nobody is named."""

MEMBERS = pl.Schema(
    {
        "family_id": pl.String(),
        "person_id": pl.String(),
        "joined_on": pl.Date(),
        "left_on": pl.Date(),
        "at_engagement": pl.String(),
        "at_as_of": pl.String(),
        "resident": pl.Boolean(),
        "parental_responsibility": pl.Boolean(),
    }
)
"""`members.parquet`: who belongs to the decided families, one row a period. `joined_on` is null for always, and where
it would be a birthday. `at_engagement` and `at_as_of`: `child` or `adult` where the period holds on that day, else
null."""

RECORDS = pl.Schema(
    {
        "table": pl.String(),
        "record_id": pl.String(),
        "file": pl.String(),
        "dated": pl.Date(),
        "until": pl.Date(),
        "says": pl.String(),
        "content": pl.String(),
    }
)
"""`records.parquet`: the records behind the facts. `file` as in `run.json`; `dated` is the day of an event or the first
of a spell, a term or an engagement, `until` the last, null where there is none. `says` is what the record says in words
of closed lists, never a supplier's own text. `content`: 16 hexadecimal digits of a SHA-256 over the record's own
columns, without its id and those that say whom it is about."""

OVERRIDES = pl.Schema(
    {
        "family_id": pl.String(),
        "route": pl.String(),
        "decision_id": pl.String(),
        "act": pl.String(),
        "holds": pl.String(),
        "reason": pl.String(),
        "role": pl.String(),
        "expires_on": pl.Date(),
        "proposed_by": pl.String(),
        "approved_by": pl.String(),
        "entry": pl.Int64(),
    }
)
"""`overrides.csv`: overrides of this batch's decisions that were not withdrawn. `act`: `release` of a held line from
the controls in `holds` (joined with `;`), or `pass`, a discretionary pass of a route that is not met. `approved_by` is
empty until a second person approves; `entry` is its number in the ledger."""

FOUND_WRONG = pl.Schema({"decision_id": pl.String(), "route": pl.String(), "act": pl.String(), "entry": pl.Int64()})
"""`found_wrong.csv`: decisions of this batch that were found wrong on a route before, and by which entry: by an
`audit`, or by the reversal of their line (`repay`, `withdraw`, `supersede`)."""

ALIKE = pl.Schema(
    {
        "family_id": pl.String(),
        "person_id": pl.String(),
        "other_family_id": pl.String(),
        "other_person_id": pl.String(),
        "basis": pl.String(),
        "evidence": pl.String(),
        "line_id": pl.String(),
    }
)
"""`alike.csv`: members of families that could be claimed who seem to be somebody of another family. `line_id` is the
other family's live line, null where it has none and could be in this batch. `basis`: `identifier`, `address` or
`elsewhere` (`same_persons.SAME_PERSONS`), `person_id` where one id is written in two ways, or `regrouped`, a row for a
pair of families with all who are in both, joined with `;`. `evidence`: how each field agrees, never its value."""

DROPPED = pl.Schema(
    {
        "family_ref": pl.String(),
        "route": pl.String(),
        "engaged_on": pl.Date(),
        "decision_id": pl.String(),
        "reason": pl.String(),
        "earlier_lines": pl.String(),
    }
)
"""`dropped.csv`: the results that are not claimed, why, and the family's own earlier lines where it is for them, joined
with `;`."""

TABLES: dict[str, pl.Schema] = {
    "claim.csv": CLAIM,
    "decisions.parquet": FINDINGS,
    "facts.parquet": FACTS,
    "links.parquet": LINKS,
    "families.parquet": FAMILIES,
    "members.parquet": MEMBERS,
    "records.parquet": RECORDS,
    "attrition.csv": ATTRITION,
    "held.csv": HELD,
    "dropped.csv": DROPPED,
    "quarantine.csv": QUARANTINE,
    "history.csv": HISTORY,
    "overrides.csv": OVERRIDES,
    "found_wrong.csv": FOUND_WRONG,
    "alike.csv": ALIKE,
}
"""The tables of a bundle, by file."""

IN_GIVEN_ORDER = frozenset({"attrition.csv"})
"""The tables whose order means something; the rows of all others are sorted by their columns, from the first."""

ROW_GROUP = 100_000


def written(file: str, frame: pl.DataFrame) -> bytes:
    """A table of a bundle as the bytes of its file. Raises polars' own errors where a column does not serve."""
    schema = TABLES[file]
    chosen = frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
    if file not in IN_GIVEN_ORDER:
        keys = [pl.col(name).list.join("\n") if kind == pl.List else pl.col(name) for name, kind in schema.items()]
        chosen = chosen.sort(keys, nulls_last=False)
    if file.endswith(".csv"):
        return _csv(chosen)
    buffer = io.BytesIO()
    # One chunk, for pages end where chunks do.
    chosen.rechunk().write_parquet(
        buffer, compression="zstd", compression_level=3, statistics=False, row_group_size=ROW_GROUP
    )
    return buffer.getvalue()


def read(file: str, content: bytes) -> pl.DataFrame:
    """A table of a bundle from the bytes of its file.

    Raises polars' own errors, ValueError or UnicodeDecodeError where they are not what `written` writes for a table.
    """
    schema = TABLES[file]
    if file.endswith(".parquet"):
        frame = pl.read_parquet(io.BytesIO(content))
        if frame.schema != schema:
            raise ValueError(f"{file} has other columns than {', '.join(schema)}")
        return frame
    header = content.split(b"\n", 1)[0].decode()
    if header != ",".join(schema):
        raise ValueError(f"{file} has other columns than {', '.join(schema)}")
    frame = pl.read_csv(content, infer_schema=False)
    return frame.select(_typed(name, kind) for name, kind in schema.items())


def _typed(column: str, kind: pl.DataType) -> pl.Expr:
    text = pl.col(column)
    if kind == pl.String:
        return text.str.replace("^'", "")
    return text.str.to_date("%Y-%m-%d") if kind == pl.Date else text.cast(kind)


def _csv(frame: pl.DataFrame) -> bytes:
    text_columns = [name for name, kind in frame.schema.items() if kind == pl.String]
    safe = [not_a_formula(pl.col(name).replace("", None)).alias(name) for name in text_columns]
    text = frame.with_columns(safe).write_csv(line_terminator="\n", quote_style="necessary", date_format="%Y-%m-%d")
    return text.encode()


def not_a_formula(text: pl.Expr) -> pl.Expr:
    """Text that no spreadsheet runs: an apostrophe before what begins as a formula, or with an apostrophe."""
    return pl.when(text.str.contains(r"^['=+\-@\t\r]")).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)


# ------------------------------------------------------------------------------------------------- the run's record

Text = Annotated[str, Field(min_length=1)]
IN_A_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
InAName = Annotated[str, Field(pattern=IN_A_NAME)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class Record(BaseModel):
    """A closed piece of `run.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Period(Record):
    """Days, both inside."""

    start: date = Field(alias="from")
    until: date


class Input(Record):
    """One file of an extract, as it was read."""

    source: Text
    path: Text = Field(description="Relative to the workspace.")
    bytes: Count
    rows: Count = Field(description="Without the header.")
    sha256: Digest
    supplier: Text | None = Field(description="Who supplied the source, as declared; null where it is not.")
    covers: Period | None = Field(description="The days for which the source is complete; null where it covers none.")


class Linkage(Record):
    """How records were linked to members."""

    passes: tuple[Text, ...] = Field(description="The passes that were asked, in order.")
    gives: dict[str, Text] = Field(description="What a pass gave where that is not its own.")
    most_pairs: Count = Field(description="A key that would make more pairs was refused.")
    confirmed_from: int | None = Field(description="Match weight, in bits, that confirmed; null without a model.")
    possible_from: int | None = Field(description="Match weight, in bits, that waited for review.")
    model: Digest | None = Field(description="SHA-256 of linkage-model.json, which weighed; null without one.")
    decisions: Count = Field(description="Reviewers' decisions that stood.")
    decisions_digest: Digest = Field(description="SHA-256 over them.")


class Run(Record):
    """What a batch was made from and by. Nothing in it tells of the machine or of the hour."""

    authority_code: InAName
    authority_name: Text
    window: InAName = Field(description="The claim window.")
    as_of: date = Field(description="The day the decisions are taken for.")
    claim_date: date = Field(description="The day the batch is claimed.")
    pack_id: Text
    pack_title: Text
    pack_digest: Digest = Field(description="SHA-256 of the rule pack's canonical form, overlay included.")
    window_open: bool | None = Field(description="Whether the window was open; null where the workspace gives none.")
    families_agreed: Count | None = Field(description="From which the allocation follows.")
    families_live: Count = Field(description="Families with live claim lines before this batch.")
    discretion: Text | None = Field(
        default=None, description="The text that allows discretionary passes; null where there is none."
    )
    earned_autonomy: bool = Field(
        default=False,
        description="Whether the authority was paid in advance: results are recorded, and pay nothing more.",
    )
    families_not_decided: Count = Field(default=0, description="Families engaged on or after the as-of date.")
    families_quarantined: Count = Field(default=0, description="Families whose own row is in quarantine.")
    warnings: tuple[Text, ...] = Field(default=(), description="What the run could live with and a person should know.")
    after_withdrawal_of: tuple[Text, ...] = Field(
        default=(), description="Batches of the same run that were withdrawn before."
    )
    inputs: tuple[Input, ...]
    linkage: Linkage
    versions: dict[str, str] = Field(description="Of pbr, and of each engine that decided.")
    command: Text = Field(description="The command that makes the batch again, for a workspace in the current folder.")


class BatchRun(Run):
    """`run.json`: the run, and the batch that came of it."""

    batch_id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$", description="Made from the batch's content.")]
    lines: Count
    amount_pence: Count

    @property
    def bundle_name(self) -> str:
        """`<authority code>-<window>-<batch id>`: the name of the bundle's folder."""
        return f"{self.authority_code}-{self.window}-{self.batch_id}"


def readable_json(value: Any) -> bytes:
    """JSON for people and machines: keys in the order of the code points, two spaces, a line feed at the end."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


# --------------------------------------------------------------------------------------------- the claim's metadata

_DIGEST = {"base": "string", "format": "^[0-9a-f]{64}$"}
_DATE = {"base": "date", "format": "yyyy-MM-dd"}
_CLAIM_COLUMNS: dict[str, tuple[Any, str]] = {
    "claim_line_id": ("string", "The claim line: one family, one route, one amount. Made from the line's content."),
    "authority_code": ({"base": "string", "format": "^[A-Z][0-9]{8}$"}, "The authority's ONS/GSS code."),
    "window": ("string", "The claim window."),
    "family_ref": ("string", "The family, under a pseudonym that only the authority can undo."),
    "route": ("string", "The way to the result that is claimed: a route of the rule pack."),
    "as_of": (_DATE, "The day the decision is taken for. Nothing dated on or after it counts."),
    "engaged_on": (_DATE, "The day the family joined the programme."),
    "amount_pence": ({"base": "integer", "minimum": "0"}, "The amount claimed, in whole pence."),
    "decision_id": (_DIGEST, "The decision that the line rests on, in decisions.parquet. SHA-256 over its evidence."),
    "flags": ("string", "What a person should know of the decision; several are joined with ;"),
}


def claim_metadata() -> dict[str, Any]:
    """`claim.csv-metadata.json`: W3C metadata for tabular data (CSVW) of the claim file."""
    columns = [
        {
            "name": name,
            "titles": name,
            "dc:description": description,
            "datatype": datatype,
            **({"separator": ";"} if name == "flags" else {"required": True}),
        }
        for name, (datatype, description) in _CLAIM_COLUMNS.items()
    ]
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": "claim.csv",
        "dc:title": "Payment-by-results claim",
        "dc:description": (
            "One row a claim line. Text that begins with = + - @ a tab, a carriage return or an apostrophe has one "
            "apostrophe put before it, so that no spreadsheet runs it as a formula: a reader takes one leading "
            "apostrophe away from every text cell that has one."
        ),
        "dialect": {
            "encoding": "utf-8",
            "header": True,
            "delimiter": ",",
            "quoteChar": '"',
            "doubleQuote": True,
            "lineTerminators": ["\n"],
        },
        "tableSchema": {"columns": columns, "primaryKey": "claim_line_id"},
    }


def publish(folder: Path) -> None:
    """Write the contract as others read it: the claim's metadata, and the schema of `run.json`."""
    (folder / "claim.csv-metadata.json").write_bytes(readable_json(claim_metadata()))
    (folder / "run.schema.json").write_bytes(readable_json(BatchRun.model_json_schema(by_alias=True)))


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
