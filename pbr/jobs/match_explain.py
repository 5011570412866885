"""Explain a record's links: whom it is linked to and why, who else came near, and why it is not theirs.

In: a workspace and a record id. Out: levels of agreement, passes and weights; never a name, a birth date or an address,
since this goes to screens that others see.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pbr.errors import Fault, Faults
from pbr.jobs.decide import Gathered, Say, gather
from pbr.ledger import Ledger
from pbr.ledger.store import REVIEWS
from pbr.linkage import Evidence
from pbr.linkage.agreement import LEVELS, compared, evidence
from pbr.linkage.people import People
from pbr.linkage.probabilistic import PARTS, alike, parts, waterfall_chart, weights_chart
from pbr.linkage.review import details_keys
from pbr.workspace import Workspace

MOST_NEAR = 10
WEIGHTS_CHART, WATERFALL_CHART = "weights.html", "waterfall.html"


@dataclass(frozen=True)
class Explained:
    """One record's links.

    `source`, `record_id`; `places`: file and row; `records`: how many records give the same details of somebody.
    `links`: `person_id`, `status`, `pass`, `key`, `evidence`, `weight` (hundredths of a bit, or null). `near`: other
    members who agree on something by which the probabilistic pass brings together: `person_id`, `evidence`, `weight`,
    `why_not`; the nearest first, `MOST_NEAR` at most, of `all_near`. `parts`: the weight of each of them by field
    (`probabilistic.PARTS` without `detail`), where the workspace has a model. `past`: what reviewers decided
    (`ledger.store.REVIEWS`). `charts`: the files that were written.
    """

    source: str
    record_id: str
    places: tuple[str, ...]
    records: int
    links: pl.DataFrame
    near: pl.DataFrame
    all_near: int
    parts: pl.DataFrame
    past: pl.DataFrame
    charts: tuple[Path, ...]


def explain_record(
    workspace: Workspace | Path | str,
    record_id: str,
    source: str | None = None,
    charts: Path | None = None,
    say: Say = lambda step: None,
) -> Explained:
    """Explain a record's links, and with `charts` write splink's charts of the model and of the record there.

    Raises Faults: E324 charts without a model, E330 no such record, E331 several of that id, and those of reading and
    linking.
    """
    gathered = gather(workspace, say)
    if charts is not None and gathered.method.model is None:
        step = "Leave out --charts, or make a model with `pbr match train`."
        raise Faults(Fault("E324", gathered.workspace.root.name, "has no model that a chart could show", step))
    table, detail = _found(gathered.evidence, record_id, source)
    say("compare with members")
    found = gathered.evidence
    people = People.of(gathered.extracts["members"].accepted)
    links = (
        found.links.filter((pl.col("table") == table) & (pl.col("record_id") == record_id))
        .select("detail", "person_id", "status", "pass", "key", "evidence", "weight")
        .unique()
        .sort("person_id")
    )
    this = pl.DataFrame({"detail": [detail]}, schema={"detail": pl.UInt32})
    others = alike(found.details, people, gathered.workspace.linkage.most_pairs, this)
    others = others.join(links, on=["detail", "person_id"], how="anti")
    pairs = pl.concat([links.select("detail", "person_id"), others])
    weighed = pl.DataFrame(schema=PARTS)
    if gathered.method.model is not None and not pairs.is_empty():
        weighed = parts(found.details, people, gathered.method.model, pairs)
    near = _near(gathered, compared(others, found.details, people), weighed, links)
    shown = near.head(MOST_NEAR)
    told = pl.concat([links.select("detail", "person_id"), shown.select("detail", "person_id")])
    written = _written(charts, gathered, people, told) if charts is not None else ()
    return Explained(
        source=table,
        record_id=record_id,
        places=_places(gathered, table, record_id),
        records=found.details.records.filter(pl.col("detail") == detail).height,
        links=_with_weights(links, weighed).drop("detail"),
        near=shown.drop("detail"),
        all_near=near.height,
        parts=told.join(weighed, on=["detail", "person_id"], maintain_order="left_right").drop("detail"),
        past=_past(gathered, this),
        charts=written,
    )


def _found(found: Evidence, record_id: str, source: str | None) -> tuple[str, int]:
    """The table of a record, and its details."""
    records = found.details.records.filter(pl.col("record_id") == record_id)
    named = (records if source is None else records.filter(pl.col("table") == source)).select("table", "detail")
    several = named.unique().sort("table", "detail")
    place = f"record {record_id}"
    if several.is_empty():
        where = f"source {source}" if source else "any source of records about people"
        step = "Write the id as the extract has it."
        raise Faults(Fault("E330", place, f"there is no such record in {where}", step))
    if several.height > 1:
        tables = several["table"].unique().sort()
        step = "Say which with --source." if len(tables) > 1 else "Ask the supplier which row is right."
        what = f"is there more than once, with different details, in {', '.join(tables)}"
        raise Faults(Fault("E331", place, what, step))
    table, detail = several.row(0)
    return table, detail


def _total(weighed: pl.DataFrame) -> pl.DataFrame:
    return weighed.group_by("detail", "person_id").agg(total=pl.col("weight").sum())


def _with_weights(links: pl.DataFrame, weighed: pl.DataFrame) -> pl.DataFrame:
    """Links, each with its weight by the model, whether or not the pass that made it asked for one."""
    of_pairs = links.join(_total(weighed), on=["detail", "person_id"], how="left", maintain_order="left")
    return of_pairs.with_columns(weight=pl.coalesce("weight", "total")).drop("total")


def _near(gathered: Gathered, levels: pl.DataFrame, weighed: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Members who are not linked, the nearest first: by weight, or by how many fields agree and how few differ."""
    fields = [name for name in LEVELS.names() if name not in ("detail", "person_id", "name")]
    same = pl.sum_horizontal(pl.col(field).cast(pl.String) == "same" for field in fields)
    differs = pl.sum_horizontal(pl.col(field).cast(pl.String) == "differs" for field in fields)
    return (
        levels.with_columns(evidence=evidence(), same=same, differs=differs)
        .join(_total(weighed), on=["detail", "person_id"], how="left")
        .sort("total", "same", "differs", "person_id", descending=[True, True, False, False], nulls_last=True)
        .select("detail", "person_id", "evidence", weight="total", why_not=_why_not(gathered, links))
    )


def _why_not(gathered: Gathered, links: pl.DataFrame) -> pl.Expr:
    standing = links.filter(pl.col("status") != "rejected")
    confirmed = standing.filter(pl.col("status") == "confirmed")
    settings = gathered.workspace.linkage.probabilistic
    if not confirmed.is_empty():
        return pl.lit(f"the pass {confirmed['pass'][0]} linked the record for sure")
    no_pass = pl.lit("no pass accepts this evidence")
    if settings is None:
        return no_pass
    too_light = pl.format("no pass accepts this evidence, and {} bits are needed", pl.lit(settings.possible_from))
    kept_out = pl.lit("a pass before found others, or the record's own id or number speaks against it")
    return pl.when(pl.col("total") < settings.possible_from * 100).then(too_light).otherwise(kept_out)


def _places(gathered: Gathered, table: str, record_id: str) -> tuple[str, ...]:
    extract = gathered.extracts[table]
    rows = [frame.select("record_id", "file", pl.col("row").cast(pl.Int64)) for frame in
            (extract.accepted, extract.rejected)]  # fmt: skip
    found = pl.concat(rows).filter(pl.col("record_id") == record_id).unique().sort("file", "row")
    return tuple(f"{file}:{row}" for _, file, row in found.iter_rows())


def _past(gathered: Gathered, this: pl.DataFrame) -> pl.DataFrame:
    """What reviewers decided on these details."""
    if gathered.method.decisions.is_empty():
        return pl.DataFrame(schema=REVIEWS)
    keys = details_keys(gathered.evidence.details, gathered.method.key).join(this, on="detail", how="semi")
    with Ledger.read(gathered.workspace.ledger_path) as ledger:
        return ledger.reviews().join(keys.select("details_key"), on="details_key", how="semi")


def _written(folder: Path, gathered: Gathered, people: People, pairs: pl.DataFrame) -> tuple[Path, ...]:
    model = gathered.method.model
    assert model is not None
    pages = {WEIGHTS_CHART: weights_chart(model)}
    if not pairs.is_empty():
        pages[WATERFALL_CHART] = waterfall_chart(gathered.evidence.details, people, model, pairs)
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        (folder / name).write_text(page, "utf-8")
    return tuple(folder / name for name in pages)
