"""Reconcile: decisions, claim files, ledger and remittance advices of a workspace, line by line and to the penny.

In: a workspace and the remittance advices (CSV). Out: a row a claim line with what each of the four says, and totals a
batch. What is claimed and not yet paid is outstanding, and no difference. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pbr.claims.bundle import RUN, manifest_digest
from pbr.claims.contract import BatchRun, read
from pbr.claims.verify import verify
from pbr.errors import Fault, Faults
from pbr.jobs.remittance import Remittance, read_remittance
from pbr.ledger import Ledger
from pbr.workspace import Workspace

LINES = pl.Schema(
    {
        "line_id": pl.String(),
        "batch_id": pl.String(),
        "window": pl.String(),
        "family_ref": pl.String(),
        "route": pl.String(),
        "decided": pl.String(),
        "claim_file_pence": pl.Int64(),
        "ledger_pence": pl.Int64(),
        "paid_pence": pl.Int64(),
        "remitted_pence": pl.Int64(),
        "repaid_pence": pl.Int64(),
        "outstanding_pence": pl.Int64(),
        "reversed_by": pl.String(),
        "differences": pl.String(),
    }
)
"""A row a claim line of a batch, and one for each line that is only remitted (its batch is null). `decided`: the
route's verdict in decisions.parquet, or the override that the line rests on; it and `claim_file_pence` are null where
the batch is withdrawn or imported, or its bundle cannot be read. `remitted_pence` is null where no advice was given.
`outstanding_pence`: claimed, live and not paid. `differences`: by name, joined with `;`, empty where all agree."""

BATCHES = pl.Schema(
    {
        "batch_id": pl.String(),
        "window": pl.String(),
        "state": pl.String(),
        "lines": pl.Int64(),
        "decided_lines": pl.Int64(),
        "claim_file_pence": pl.Int64(),
        "ledger_pence": pl.Int64(),
        "paid_pence": pl.Int64(),
        "outstanding_pence": pl.Int64(),
        "reversed_unpaid_pence": pl.Int64(),
        "remitted_pence": pl.Int64(),
        "repaid_pence": pl.Int64(),
        "lines_that_differ": pl.Int64(),
        "differences": pl.String(),
    }
)
"""A row a batch, in the ledger's order, and one without a batch for what is remitted for lines that no batch has. Of
each row `ledger_pence` is `paid_pence` + `outstanding_pence` + `reversed_unpaid_pence` (lines claimed no more, as far
as they were not paid). `decided_lines`: met, or passed by an override. `differences`: those of the whole batch."""

_ON = ["batch_id", "line_id"]
_FILE = pl.Schema(
    {
        "batch_id": pl.String(),
        "line_id": pl.String(),
        "file_ref": pl.String(),
        "file_route": pl.String(),
        "file_decision": pl.String(),
        "claim_file_pence": pl.Int64(),
        "verdict": pl.String(),
        "passed_by": pl.Int64(),
        "overrides": pl.List(pl.Int64()),
    }
)
_BUNDLES = pl.Schema(
    {
        "batch_id": pl.String(),
        "bundle": pl.String(),
        "is_read": pl.Boolean(),
        "run_lines": pl.Int64(),
        "run_pence": pl.Int64(),
    }
)


@dataclass(frozen=True)
class Reconciliation:
    """`lines` (`LINES`), by batch and line; `batches` (`BATCHES`); `files`: how many remittance advices were given."""

    lines: pl.DataFrame
    batches: pl.DataFrame
    files: int

    @property
    def differing(self) -> pl.DataFrame:
        """The lines of which something differs."""
        return self.lines.filter(pl.col("differences") != "")

    @property
    def agrees(self) -> bool:
        return self.differing.is_empty() and (self.batches["differences"] == "").all()


def reconcile(workspace: Workspace | Path | str, remittances: Sequence[Path] = ()) -> Reconciliation:
    """Compare what was decided, claimed, entered and paid.

    Raises Faults: the ledger's own (E601, E602, E620–E626), E680–E682 an advice that cannot be read, E770 one that is
    given twice.
    """
    workspace = Workspace.of(workspace)
    advices = _read(remittances)
    with Ledger.read(workspace.ledger_path) as ledger:
        if faults := ledger.verify():
            raise Faults(faults)
        books, batches, payments = ledger.lines(), _batches(ledger), _payments(ledger)
    found = [_bundle(workspace, row) for row in batches.filter(pl.col("state") != "withdrawn").iter_rows(named=True)]
    files = pl.concat([pl.DataFrame(schema=_FILE), *(file for _, file in found)])
    bundles = pl.DataFrame([bundle for bundle, _ in found if bundle], _BUNDLES, orient="row")
    lines = _lines(books, bundles, files, _remitted(advices, payments, books))
    if not advices:
        lines = lines.with_columns(remitted_pence=pl.lit(None, pl.Int64))
    return Reconciliation(lines.select(LINES.names()), _totals(lines, batches, bundles), len(advices))


# --------------------------------------------------------------------------------------------------- what each says


def _read(paths: Sequence[Path]) -> list[Remittance]:
    read: list[Remittance] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            read.append(read_remittance(path))
        except Faults as unreadable:
            faults += unreadable.faults
    first: dict[str, Path] = {}
    for one in read:
        if (other := first.setdefault(one.digest, one.path)) is not one.path:
            what = f"has the same content as {other.name}, and would count twice"
            faults.append(Fault("E770", one.path.name, what, "Give each remittance advice once."))
    if faults:
        raise Faults(faults)
    return read


def _batches(ledger: Ledger) -> pl.DataFrame:
    """`batch_id`, `window`, `state`, `bundle`, `manifest_digest`, in their order; the last two null where imported."""
    said = ("window", "bundle", "manifest_digest")
    books = ledger.books()
    rows = [(one.batch_id, one.state, *(one.says.get(name) for name in said)) for one in books.batches.values()]
    names = ("batch_id", "state", *said)
    return pl.DataFrame(rows, dict.fromkeys(names, pl.String), orient="row")


def _payments(ledger: Ledger) -> pl.DataFrame:
    """What was entered as paid: `batch_id`, `line_id`, `digest` of the advice, `entered`, in pence."""
    rows = [
        (entry.batch_id, one["line_id"], entry.says["remittance_digest"], one["amount_pence"])
        for entry in ledger.entries()
        if entry.kind == "paid"
        for one in entry.says["lines"]
    ]
    schema = {"batch_id": pl.String, "line_id": pl.String, "digest": pl.String, "entered": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")


def _bundle(workspace: Workspace, batch: dict[str, str | None]) -> tuple[tuple[object, ...] | None, pl.DataFrame]:
    """A batch's row of `_BUNDLES`, none where it was imported, and its claim file with what was decided (`_FILE`).

    What was changed is still read as far as it can be, so that the line is told and not only the bundle.
    """
    nothing = pl.DataFrame(schema=_FILE)
    batch_id, name = batch["batch_id"], batch["bundle"]
    if name is None:
        return None, nothing
    path = workspace.batches_path / name
    if not path.is_dir():
        return (batch_id, "bundle_missing", False, None, None), nothing
    is_whole = not verify(path) and manifest_digest(path) == batch["manifest_digest"]
    told = None if is_whole else "bundle_changed"
    try:
        content = {file: (path / "data" / file).read_bytes() for file in (*_READ, RUN)}
        run = BatchRun.model_validate_json(content[RUN])
        claim, findings, overrides = (read(file, content[file]) for file in _READ)
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return (batch_id, "bundle_changed", False, None, None), nothing
    return (batch_id, told, True, run.lines, run.amount_pence), _claim(str(batch_id), claim, findings, overrides)


_READ = ("claim.csv", "decisions.parquet", "overrides.csv")


def _claim(batch_id: str, claim: pl.DataFrame, findings: pl.DataFrame, overrides: pl.DataFrame) -> pl.DataFrame:
    routes = findings.filter((pl.col("part") == "route") & (pl.col("subject_id") == "")).select(
        "decision_id", "verdict", route="item"
    )
    of_line = ["decision_id", "route"]
    approved = overrides.filter(pl.col("approved_by").fill_null("") != "")
    passes = approved.filter(pl.col("act") == "pass").group_by(of_line).agg(passed_by=pl.col("entry").max())
    entries = approved.group_by(of_line).agg(overrides=pl.col("entry").sort())
    return (
        claim.rename({"claim_line_id": "line_id"})
        .join(routes.unique(of_line), on=of_line, how="left")
        .join(passes, on=of_line, how="left")
        .join(entries, on=of_line, how="left")
        # A line that somebody wrote twice counts twice, and so differs.
        .group_by("line_id")
        .agg(
            file_ref=pl.col("family_ref").first(),
            file_route=pl.col("route").first(),
            file_decision=pl.col("decision_id").first(),
            claim_file_pence=pl.col("amount_pence").sum(),
            **{name: pl.col(name).first() for name in ("verdict", "passed_by", "overrides")},
        )
        .with_columns(batch_id=pl.lit(batch_id))
        .select(_FILE.names())
        .cast(_FILE)
    )


def _remitted(advices: Sequence[Remittance], payments: pl.DataFrame, books: pl.DataFrame) -> pl.DataFrame:
    """What the advices say by batch and line, and what was entered: `remitted`, `rows`, `most` (of a row), `entered`,
    `entered_from_given` (advices). A line that stands in several batches is the one's for which its advice was entered,
    else the last's; one that is in none has no batch.
    """
    schema = {"digest": pl.String, "line_id": pl.String, "pence": pl.Int64}
    rows = pl.concat(
        [
            pl.DataFrame(schema=schema),
            *(one.lines.select(digest=pl.lit(one.digest), line_id="line_id", pence="amount_pence") for one in advices),
        ]
    )
    entered_for = payments.select("digest", "line_id", entered_for="batch_id").unique(
        ["digest", "line_id"], keep="last"
    )
    last = books.select("line_id", last="batch_id").unique("line_id", keep="last", maintain_order=True)
    remitted = (
        rows.join(entered_for, on=["digest", "line_id"], how="left")
        .join(last, on="line_id", how="left")
        .with_columns(batch_id=pl.coalesce("entered_for", "last"))
        .group_by(_ON)
        .agg(remitted=pl.col("pence").sum(), rows=pl.len().cast(pl.Int64), most=pl.col("pence").max())
    )
    is_given = pl.col("digest").is_in([one.digest for one in advices])
    entered = payments.group_by(_ON).agg(
        entered=pl.col("entered").sum(), entered_from_given=pl.col("entered").filter(is_given).sum()
    )
    compared = remitted.join(entered, on=_ON, how="full", coalesce=True, nulls_equal=True)
    return compared if advices else compared.clear()


# ------------------------------------------------------------------------------------------------------- comparing


def _lines(books: pl.DataFrame, bundles: pl.DataFrame, files: pl.DataFrame, remitted: pl.DataFrame) -> pl.DataFrame:
    counts = ["remitted", "rows", "most", "entered", "entered_from_given"]
    both = (
        books.with_columns(in_ledger=pl.lit(True))
        .join(files.with_columns(in_file=pl.lit(True)), on=_ON, how="full", coalesce=True)
        .join(bundles, on="batch_id", how="left")
        .join(remitted, on=_ON, how="full", coalesce=True, nulls_equal=True)
        .with_columns(
            pl.col("in_ledger", "in_file", "is_read", "live").fill_null(False),
            pl.col(*counts, "paid_pence", "repaid_pence").fill_null(0),
        )
    )
    named = pl.concat_list([pl.when(test).then(pl.lit(name)) for name, test in _tests().items()])
    unpaid = pl.col("amount_pence") - pl.col("paid_pence")
    windows = dict(books.select("batch_id", "window").unique("batch_id", keep="first").iter_rows())
    return both.with_columns(
        window=pl.coalesce("window", pl.col("batch_id").replace_strict(windows, default=None, return_dtype=pl.String)),
        family_ref=pl.coalesce("family_ref", "file_ref"),
        route=pl.coalesce("route", "file_route"),
        decided=pl.when(pl.col("verdict") == "met")
        .then(pl.lit("met"))
        .otherwise(pl.coalesce(pl.format("passed by override {}", "passed_by"), "verdict")),
        ledger_pence="amount_pence",
        remitted_pence="remitted",
        outstanding_pence=pl.when("live").then(unpaid).otherwise(0),
        reversed_unpaid_pence=pl.when(pl.col("in_ledger") & ~pl.col("live")).then(unpaid).otherwise(0),
        differences=pl.concat_list(pl.col("bundle"), named).list.drop_nulls().list.join(";"),
    ).sort("seq", "batch_id", "line_id", nulls_last=True)


def _tests() -> dict[str, pl.Expr]:
    """Each difference by its name, and when it is one (`docs/reconcile.md`)."""
    in_ledger, in_file, amount = pl.col("in_ledger"), pl.col("in_file"), pl.col("amount_pence")
    remitted, entered = pl.col("remitted"), pl.col("entered")
    apart = [pl.col(ours).ne_missing(pl.col(theirs)) for ours, theirs in _SAME]
    is_met = (pl.col("verdict") == "met").fill_null(False)
    no_override = ~pl.col("overrides").list.contains(pl.col("override")).fill_null(False)
    is_more, is_less = in_ledger & (remitted > entered), entered > remitted
    beyond = (in_ledger & (remitted > amount)).fill_null(False)
    only_elsewhere = pl.col("entered_from_given") == remitted
    return {
        "not_in_claim_file": in_ledger & pl.col("is_read") & ~in_file,
        "not_in_ledger": in_file & ~in_ledger,
        "claimed_amount_differs": in_ledger & in_file & (pl.col("claim_file_pence") != amount),
        "claim_line_differs": in_ledger & in_file & pl.any_horizontal(apart),
        "decision_missing": in_file & pl.col("verdict").is_null(),
        "not_met": in_file & pl.col("verdict").is_not_null() & ~is_met & pl.col("passed_by").is_null(),
        "override_missing": in_file & pl.col("override").is_not_null() & no_override,
        "remitted_for_no_line": ~in_ledger & (pl.col("rows") > 0),
        "remitted_for_a_reversed_line": is_more & ~pl.col("live"),
        "remitted_not_entered": is_more & pl.col("live") & (entered == 0),
        "paid_amount_differs": (is_more & pl.col("live") & (entered > 0))
        | (is_less & (remitted > 0) & ~only_elsewhere),
        "entered_from_an_advice_not_given": is_less & only_elsewhere,
        "entered_not_remitted": is_less & (remitted == 0) & ~only_elsewhere,
        "remitted_twice": beyond & (pl.col("rows") > 1) & (pl.col("most") <= amount),
        "remitted_beyond_the_claim": beyond & ((pl.col("rows") == 1) | (pl.col("most") > amount)),
    }


_SAME = (("route", "file_route"), ("decision_id", "file_decision"), ("family_ref", "file_ref"))


def _totals(lines: pl.DataFrame, batches: pl.DataFrame, bundles: pl.DataFrame) -> pl.DataFrame:
    pence = [name for name in BATCHES.names() if name.endswith("_pence")]
    is_decided = (pl.col("verdict") == "met") | pl.col("passed_by").is_not_null()
    sums = lines.group_by("batch_id").agg(
        pl.col("in_ledger").sum().cast(pl.Int64).alias("lines"),
        pl.col("in_file").sum().cast(pl.Int64).alias("file_lines"),
        is_decided.sum().cast(pl.Int64).alias("decided_lines"),
        # Nobody having said anything is no sum of £0.
        *[pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in pence],
        (pl.col("differences") != "").sum().cast(pl.Int64).alias("lines_that_differ"),
    )  # fmt: skip
    is_apart = pl.col("is_read").fill_null(False) & (
        (pl.col("run_pence") != pl.col("claim_file_pence").fill_null(0))
        | (pl.col("run_lines") != pl.col("file_lines"))
        | (pl.col("run_pence") != pl.col("ledger_pence").fill_null(0))
        | (pl.col("run_lines") != pl.col("lines"))
    )
    names = pl.concat_list("bundle", pl.when(is_apart).then(pl.lit("run_totals_differ")))
    known = batches.select("batch_id", "window", "state").with_row_index("place")
    return (
        known.join(sums, on="batch_id", how="full", coalesce=True, nulls_equal=True)
        .join(bundles, on="batch_id", how="left")
        .with_columns(differences=names.list.drop_nulls().list.join(";"))
        .with_columns(pl.col("lines", "decided_lines", "lines_that_differ").fill_null(0))
        .sort("place", nulls_last=True)
        .select(BATCHES.names())
        .cast(BATCHES)
    )
