"""Review: the links that wait for a person, what hangs on them, and the decisions that people take.

In: a workspace, and answers: one at a time, or a spreadsheet of them. Out: the queue, ordered by what matters; one
record and whom it may be about, side by side; and ledger entries. A decision is about the details that a record gives
and a person: all records that give the same details share it, and it lapses when the supplier changes them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import fastexcel
import polars as pl

from pbr.claims.contract import not_a_formula
from pbr.errors import Fault, Faults
from pbr.jobs.decide import Gathered, Measurement, Say, gather, measure_workspace, run_engines
from pbr.jobs.key import key_check, workspace_key
from pbr.jobs.stakes import stakes
from pbr.ledger import NO_BATCH, Entry, Ledger, Signer
from pbr.ledger.reviews import Standing, review_faults
from pbr.ledger.store import DECISIONS
from pbr.linkage.details import DETAILS
from pbr.linkage.review import details_keys
from pbr.workspace import TABLES, Workspace

QUEUE = pl.Schema(
    {
        "source": pl.String(),
        "record_id": pl.String(),
        "records": pl.Int64(),
        "person_id": pl.String(),
        "family_ids": pl.String(),
        "pass": pl.String(),
        "evidence": pl.String(),
        "candidates": pl.Int64(),
        "at_stake_pence": pl.Int64(),
        "verdicts": pl.String(),
        "details_key": pl.String(),
    }
)
"""One row for each set of details and each person whose they may be. `record_id` is the first of the `records` that
give these details, by source and id. `family_ids` are the person's, joined with `;`. `candidates`: how many persons'
the details may be. `at_stake_pence`: the most that the answer can change what their families would be paid today, and
`verdicts`, joined with `;`, what hangs on it: `eligible` and routes. Nothing in it is of a person but ids."""

DECIDED = pl.Schema(
    {
        "seq": pl.Int64(),
        "at": pl.String(),
        "by": pl.String(),
        "source": pl.String(),
        "record_id": pl.String(),
        "person_id": pl.String(),
        "verdict": pl.String(),
        "why": pl.String(),
        "stands": pl.Boolean(),
    }
)
"""A decision: the ledger's entry, when (UTC) and by whom it was made, a record that gives the details, the person, the
verdict and why. `stands`: no later one took it back; it may still have lapsed with the details or the member."""

ANSWERS = {"accept": "accepted", "reject": "rejected", "reopen": "reopened"}
"""What somebody can say, and the verdict that is entered."""

NEEDED = ("details_key", "source", "record_id", "person_id", "verdict", "why")
"""The columns of a file of answers that are read; it may have any others."""


@dataclass(frozen=True)
class Queue:
    """`links`: see `QUEUE`; first what can change a payable verdict, by pence, then the rest. No two rows tie."""

    of: Measurement
    links: pl.DataFrame


@dataclass(frozen=True)
class Shown:
    """One record and whom it may be about.

    `records`: how many give the same details. `candidates`: `person_id`, `family_ids`, `status`, `pass`, `key`,
    `evidence`, `weight` of its links, the rejected among them. `fields`: `field`, `record` and a column for each way in
    which one of them is recorded in the members' table; only fields that somebody fills. `past`: the decisions on these
    details (`ledger.store.REVIEWS`), in their order.
    """

    source: str
    record_id: str
    details_key: str
    records: int
    candidates: pl.DataFrame
    fields: pl.DataFrame
    past: pl.DataFrame


@dataclass(frozen=True)
class Answer:
    """What somebody says of a record and a person. `place` is where they said it, for faults.

    In a file with one column too many any of these may hold a name: no fault repeats what is not known to be an id.
    `details_key` is what they were shown, where that is known: the record must still give the same details.
    """

    place: str
    source: str | None
    record_id: str
    person_id: str
    verdict: str
    why: str
    details_key: str | None = None


@dataclass(frozen=True)
class Reviewed:
    """The ledger's entry, and how many records its decisions cover."""

    entry: Entry
    decisions: int
    records: int


def queue(workspace: Workspace | Path | str, as_of: date, say: Say = lambda step: None) -> Queue:
    """The possible links of a workspace, with what is at stake when it is decided as of a day.

    Raises Faults for whatever stops a run, all of a stage together.
    """
    _, made = _measured(workspace, as_of, say)
    return made


def _measured(workspace: Workspace | Path | str, as_of: date, say: Say) -> tuple[_Keyed, Queue]:
    measurement = measure_workspace(workspace, as_of, say=say)
    findings = run_engines(measurement.cohorts, ["bulk"], say)
    say("work out what is at stake")
    keyed = _Keyed.of(measurement.gathered)
    return keyed, Queue(measurement, _queue(keyed, measurement, findings))


def _queue(keyed: _Keyed, measurement: Measurement, findings: pl.DataFrame) -> pl.DataFrame:
    links = keyed.links.filter(pl.col("status") != "rejected").with_columns(
        candidates=pl.col("person_id").n_unique().over("details_key").cast(pl.Int64)
    )
    possible = links.filter(pl.col("status") == "possible")
    with Ledger.read_or_empty(measurement.workspace.ledger_path) as ledger:
        live = ledger.live_lines()
    at_stake = (
        stakes(measurement, findings, live, possible)
        .group_by("details_key", "person_id")
        .agg(
            pl.col("at_stake_pence").sum(),
            verdicts=pl.col("verdicts").explode().unique().sort().str.join(";"),
        )
    )
    first = ["source", "record_id"]
    return (
        possible.rename({"table": "source"})
        .sort(first)
        .group_by("details_key", "person_id", maintain_order=True)
        .agg(
            pl.col(*first, "pass", "evidence", "candidates").first(),
            records=pl.struct(first).n_unique().cast(pl.Int64),
        )
        .join(keyed.families, on="person_id", how="left")
        .join(at_stake, on=["details_key", "person_id"], how="left")
        .with_columns(pl.col("at_stake_pence").fill_null(0), pl.col("family_ids", "verdicts").fill_null(""))
        .sort(
            "at_stake_pence",
            pl.col("verdicts") != "",
            "records",
            *first,
            "person_id",
            descending=[True, True, True, False, False, False],
        )
        .select(QUEUE.names())
    )


def show(
    workspace: Workspace | Path | str, record_id: str, source: str | None = None, say: Say = lambda step: None
) -> Shown:
    """One record beside whom it may be about: names, dates of birth and all.

    Raises Faults: E330 no such record, E331 several of that id, and those of reading and linking.
    """
    keyed = _Keyed.of(gather(workspace, say))
    found = keyed.find(Answer("", source, record_id, "", "", ""))
    if isinstance(found, Fault):
        raise Faults(found)
    details_key, table = found
    about = keyed.links.filter(pl.col("details_key") == details_key)
    candidates = (
        about.select("person_id", "status", "pass", "key", "evidence", "weight")
        .unique()
        .join(keyed.families, on="person_id", how="left")
        .select("person_id", "family_ids", "status", "pass", "key", "evidence", "weight")
        .sort("person_id")
    )
    return Shown(
        source=table,
        record_id=record_id,
        details_key=details_key,
        records=keyed.covered([details_key]),
        candidates=candidates,
        fields=_side_by_side(keyed, table, record_id, candidates["person_id"].to_list()),
        past=_past(keyed.gathered.workspace).filter(pl.col("details_key") == details_key),
    )


def review(
    workspace: Workspace | Path | str,
    answers: Sequence[Answer],
    *,
    at: datetime,
    by: str | Signer,
    say: Say = lambda step: None,
) -> Reviewed:
    """Enter decisions in the ledger, all of them or none.

    Raises Faults with all that speaks against them: E330 no such record, E331 several of that id, E332 no such person,
    E334 a rejection of what nothing links, E335 other details than were shown, E336 no such verdict, E337 no reason,
    those of the ledger (E631–E634), and those of reading and linking.
    """
    keyed = _Keyed.of(gather(workspace, say))
    workspace = keyed.gathered.workspace
    stands = _standing(workspace)
    decisions, faults = [], []
    for answer in answers:
        found = keyed.find(answer)
        against = keyed.against(answer, found, stands)
        faults += against
        if not against and not isinstance(found, Fault):
            decisions.append(_decision(answer, *found))
    faults += review_faults(decisions, stands)
    if faults:
        raise Faults(faults)
    body = {"key_check": key_check(keyed.key), "decisions": decisions}
    with Ledger.open(workspace.ledger_path, create=True) as ledger:
        entry = ledger.append("reviewed", NO_BATCH, body, at=at, by=by)
    covered = keyed.covered([decision["details_key"] for decision in decisions])
    return Reviewed(entry, len(decisions), covered)


def decisions(workspace: Workspace | Path | str) -> pl.DataFrame:
    """Every decision that was ever made (`DECIDED`), in the ledger's order. Raises Faults: E602, E611 its ledger."""
    past = _past(Workspace.of(workspace)).rename({"table": "source"})
    is_last = pl.col("seq") == pl.col("seq").max().over("details_key", "person_id")
    return past.with_columns(stands=is_last & (pl.col("verdict") != "reopened")).select(DECIDED.names())


def export(workspace: Workspace | Path | str, as_of: date, out: Path, say: Say = lambda step: None) -> Queue:
    """Write the queue for a spreadsheet, each link with the details side by side and room for `verdict` and `why`.

    The file is made for its owner alone to read. Raises Faults: E339 where it is there already, and those of `queue`.
    """
    if out.exists():
        raise Faults(_there_already(out))
    keyed, made = _measured(workspace, as_of, say)
    text = io.BytesIO()
    _for_people(keyed, made.links).write_csv(text, include_bom=True, line_terminator="\r\n")
    try:
        out.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:
        raise Faults(_there_already(out)) from error
    out.write_bytes(text.getvalue())
    return made


def read_answers(path: Path) -> list[Answer]:
    """The answers in a file that `export` wrote and people filled in: the rows that have a verdict or a reason.

    CSV in UTF-8 or Windows-1252, or XLSX. Raises Faults: E338 a file that is none such, or that decides nothing.
    """
    rows = _rows(path)
    if missing := [name for name in NEEDED if name not in rows.columns]:
        step = "Take the file that `pbr review export` wrote, and keep its columns."
        raise Faults(Fault("E338", path.name, f"has no column {', '.join(missing)}", step))
    text = [pl.col(name).fill_null("").str.strip_chars() for name in NEEDED]
    # A spreadsheet shows the apostrophe that keeps an id from being run as a formula.
    ids = [pl.col(name).str.replace("^'", "") for name in NEEDED[:4]]
    filled = rows.with_row_index("row", offset=2).select("row", *text).with_columns(ids)
    answered = filled.filter((pl.col("verdict") != "") | (pl.col("why") != ""))
    if answered.is_empty():
        step = "Write accept or reject in the column verdict, and say why."
        raise Faults(Fault("E338", path.name, "decides nothing: no row has a verdict", step))
    return [
        Answer(f"{path.name}:{row}", source, record_id, person_id, verdict.lower(), why, details_key)
        for row, details_key, source, record_id, person_id, verdict, why in answered.iter_rows()
    ]


# ------------------------------------------------------------------------------------------------ records and decisions


@dataclass(frozen=True)
class _Keyed:
    """A workspace with the key of the details that each record gives, all made under `key`.

    `records`: `table`, `record_id`, `detail`, `details_key`. `links`: `Evidence.links` and `details_key`. `families`:
    `person_id` and `family_ids`, joined with `;`.
    """

    gathered: Gathered
    key: bytes
    records: pl.DataFrame
    links: pl.DataFrame
    families: pl.DataFrame

    @classmethod
    def of(cls, gathered: Gathered) -> _Keyed:
        """Raises Faults: E503, E509 where there is no key and none can be made."""
        evidence = gathered.evidence
        key, _ = workspace_key(gathered.workspace, gathered.extracts["members"])
        keys = details_keys(evidence.details, key)
        belongs = evidence.members.select("person_id", "family_id").unique()
        return cls(
            gathered,
            key,
            evidence.details.records.select("table", "record_id", "detail").join(keys, on="detail"),
            evidence.links.join(keys, on="detail"),
            belongs.group_by("person_id").agg(family_ids=pl.col("family_id").sort().str.join(";")),
        )

    def find(self, answer: Answer) -> tuple[str, str] | Fault:
        """The details key and the table of the record that is meant, or why there is none."""
        named = pl.col("record_id") == answer.record_id
        if answer.source is not None:
            named &= pl.col("table") == answer.source
        found = self.records.filter(named).select("details_key", "table").unique().sort("table", "details_key")
        place = _cell(answer, "record_id")
        if found.is_empty():
            where = f"in source {answer.source}" if answer.source in TABLES else "where it is looked for"
            where = "in any source of records about people" if answer.source is None else where
            step = "See `pbr review list` for those that wait for a decision."
            return Fault("E330", place, f"names no record that is {where}", step)
        if found["details_key"].n_unique() > 1:
            tables = ", ".join(found["table"].unique().sort())
            several = f"names records of different details, in {tables}"
            step = (
                "Say which with --source." if found["table"].n_unique() > 1 else "Ask the supplier which row is right."
            )
            return Fault("E331", place, several, step)
        details_key, table = found.row(0)
        return details_key, table

    def against(self, answer: Answer, found: tuple[str, str] | Fault, stands: Standing) -> list[Fault]:
        """Everything that speaks against an answer, but what is decided already.

        What was decided of somebody who has left the members' table since can be taken back.
        """
        faults = [found] if isinstance(found, Fault) else []
        if answer.verdict not in (*ANSWERS, *ANSWERS.values()):
            said = "is none that can be given" if answer.verdict else "is empty, and a reason is given"
            faults.append(Fault("E336", _cell(answer, "verdict"), said, f"Write {', '.join(ANSWERS)}."))
        if not answer.why.strip():
            step = "Say why, for whoever reads it in a year: no names."
            faults.append(Fault("E337", _cell(answer, "why"), "is empty", step))
        known = self.gathered.extracts["members"].accepted["person_id"]
        decided = () if isinstance(found, Fault) or _verdict(answer) != "reopened" else stands.get(found[0], ())
        if answer.person_id not in decided and (known != answer.person_id).all():
            step = "Write the person's id as the members' table has it."
            faults.append(Fault("E332", _cell(answer, "person_id"), "names no member", step))
        if isinstance(found, Fault):
            return faults
        details_key, _ = found
        if answer.details_key not in (None, details_key):
            what = "names a record that gives other details of its person than when the queue was exported"
            faults.append(
                Fault("E335", _cell(answer, "record_id"), what, "Export the queue again, and look at it anew.")
            )
        elif not faults and _of_a_candidate(answer) and not self._is_linked(details_key, answer.person_id):
            what = f"names a person to whom nothing links record {answer.record_id}"
            step = "`pbr review show` says whom it may be about; `pbr review accept` takes anybody."
            faults.append(Fault("E334", _cell(answer, "person_id"), what, step))
        return faults

    def _is_linked(self, details_key: str, person_id: str) -> bool:
        theirs = (pl.col("details_key") == details_key) & (pl.col("person_id") == person_id)
        return not self.links.filter(theirs).is_empty()

    def covered(self, keys: Sequence[str]) -> int:
        """How many records give these details."""
        about = self.records.filter(pl.col("details_key").is_in(list(keys)))
        return about.select("table", "record_id").unique().height


def _of_a_candidate(answer: Answer) -> bool:
    """Whether an answer must be about somebody whom a link names: every rejection, and whatever stands in a queue,
    where a slip of the pen is easily made.
    """
    in_a_queue = answer.details_key is not None and _verdict(answer) == "accepted"
    return in_a_queue or _verdict(answer) == "rejected"


def _cell(answer: Answer, column: str) -> str:
    """The place of a fault in one of the things that an answer says."""
    return f"{answer.place} {column}".strip()


def _verdict(answer: Answer) -> str:
    return ANSWERS.get(answer.verdict, answer.verdict)


def _decision(answer: Answer, details_key: str, table: str) -> dict[str, str]:
    return {
        "details_key": details_key,
        "table": table,
        "record_id": answer.record_id,
        "person_id": answer.person_id,
        "verdict": _verdict(answer),
        "why": answer.why.strip(),
    }


# ---------------------------------------------------------------------------------------------------------- the ledger


def _standing(workspace: Workspace) -> Standing:
    stands: Standing = {}
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        for key, person_id, verdict, seq in ledger.decisions().select(DECISIONS.names()[:4]).iter_rows():
            stands.setdefault(key, {})[person_id] = (verdict, seq)
    return stands


def _past(workspace: Workspace) -> pl.DataFrame:
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        return ledger.reviews()


# ------------------------------------------------------------------------------------------------------- side by side


def _ways(gathered: Gathered) -> pl.DataFrame:
    """`person_id` and the columns of `DETAILS` as text, once for each way in which somebody is recorded."""
    identity = [pl.col(name).cast(pl.String).alias(f"{name} of") for name in DETAILS]
    return gathered.extracts["members"].accepted.select("person_id", *identity).unique().sort(pl.all())


def _side_by_side(keyed: _Keyed, table: str, record_id: str, people: Sequence[str]) -> pl.DataFrame:
    given = keyed.records.filter((pl.col("table") == table) & (pl.col("record_id") == record_id))["detail"].min()
    own = keyed.gathered.evidence.details.rows.filter(pl.col("detail") == given)
    columns: dict[str, list[str | None]] = {
        "field": list(DETAILS),
        "record": [own[name].cast(pl.String)[0] for name in DETAILS],
    }
    ways = _ways(keyed.gathered)
    for person_id in people:
        for nth, way in enumerate(ways.filter(pl.col("person_id") == person_id).iter_rows(), 1):
            columns[person_id if nth == 1 else f"{person_id} ({nth})"] = list(way[1:])
    rows = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    return rows.filter(pl.any_horizontal(pl.exclude("field").is_not_null()))


def _for_people(keyed: _Keyed, links: pl.DataFrame) -> pl.DataFrame:
    """The queue with the details of the record and of the person, and room for answers; all text is safe to open."""
    identity = [pl.col(name).cast(pl.String).alias(f"{name} of the record") for name in DETAILS]
    of_records = (
        keyed.records.join(keyed.gathered.evidence.details.rows.select("detail", *identity), on="detail")
        .drop("detail", "details_key")
        .rename({"table": "source"})
        .sort(pl.all())
        .unique(["source", "record_id"], keep="first", maintain_order=True)
    )
    every = [
        pl.col(f"{name} of").drop_nulls().unique().sort().str.join(" | ").alias(f"{name} of the person")
        for name in DETAILS
    ]
    of_people = _ways(keyed.gathered).group_by("person_id").agg(every)
    pairs = [f"{name} of the {whose}" for name in DETAILS for whose in ("record", "person")]
    told = (
        links.join(of_records, on=["source", "record_id"], how="left", maintain_order="left")
        .join(of_people, on="person_id", how="left", maintain_order="left")
        .select(*NEEDED[:4], pl.exclude(*NEEDED[:4], *pairs), *pairs)
        .with_columns(verdict=pl.lit(None, pl.String), why=pl.lit(None, pl.String))
    )
    text = [name for name, kind in told.schema.items() if kind == pl.String]
    return told.with_columns(not_a_formula(pl.col(name)).alias(name) for name in text)


# ---------------------------------------------------------------------------------------------------------- the files


def _there_already(out: Path) -> Fault:
    step = "Name another file: what colleagues wrote in this one may not have been imported."
    return Fault("E339", str(out), "is there already, and is not written over", step)


def _rows(path: Path) -> pl.DataFrame:
    """The rows of a file of answers, all text. Raises Faults (E338)."""
    try:
        if path.suffix.lower() == ".xlsx":
            return pl.read_excel(path, engine="calamine", infer_schema_length=0)
        content = path.read_bytes()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            # What a spreadsheet makes of a CSV file on Windows.
            text = content.decode("windows-1252")
        return pl.read_csv(text.encode(), infer_schema=False)
    except (UnicodeDecodeError, pl.exceptions.PolarsError, fastexcel.FastExcelError) as error:
        step = "Take the file that `pbr review export` wrote, saved as CSV or XLSX."
        raise Faults(Fault("E338", path.name, "cannot be read as a table", step)) from error
