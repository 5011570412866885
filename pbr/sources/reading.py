"""Reading: every declared source of a workspace in, one `Extract` a table out.

Faults that make a source unreadable stop the run, those of all sources together. Then every row read is accepted,
quarantined, a duplicate or blank: none is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from pbr.errors import Fault, Faults
from pbr.sources.checks import RAW, Check, cell_checks, record_checks, typed
from pbr.sources.contracts import BENEFITS, CONTRACTS, IDENTIFIERS, IDENTITY, PROVISION, REGISTER_CODES, Contract
from pbr.sources.extract import DUPLICATES, INVALID_IDENTIFIERS, QUARANTINE, Extract
from pbr.sources.files import SourceText, read_text
from pbr.sources.record_ids import content_ids
from pbr.workspace import Period, SourceSettings, Workspace

Say = Callable[[str], None]

NEEDED = ("families", "members")
AT_ONCE = 2
"""How many sources are read at a time: more would hold more of them in memory as text."""
_PLACED = ("record_id", "file", "row")


def read(workspace: Workspace, say: Say = lambda step: None) -> dict[str, Extract]:
    """Read and check every declared source, families first.

    Raises Faults, those of all sources together: E106 a column or value map that names no column of ours, E107 a value
    map onto what its column may not hold, E108 families or members not declared, E110 no such file, E111 a file of
    another kind than .csv, .parquet or .xlsx, E112 unreadable, E113 no header, E114 two columns of one name, E115 a
    required column missing, E116 a column map that names a column no file has, E117 a column of ours without text.
    """
    faults = [
        Fault("E108", workspace.place("sources"), f"{table} is not declared", f"Add [sources.{table}] with its path.")
        for table in NEEDED
        if table not in workspace.sources
    ]

    def examined(contract: Contract, families: pl.Series) -> Extract | None:
        say(f"reading {contract.table}")
        try:
            source = read_text(workspace, contract)
        except Faults as found:
            faults.extend(found.faults)
            return None
        # Once anything stops the run, all that is left is to find the other sources' faults.
        return None if faults else _examined(source, families)

    declared = {table: contract for table, contract in CONTRACTS.items() if table in workspace.sources}
    first = examined(declared["families"], pl.Series("family_id", [], pl.String)) if "families" in declared else None
    frames = (first.accepted, first.rejected) if first else ()
    families = pl.concat([pl.Series("family_id", [], pl.String), *[frame["family_id"] for frame in frames]])
    known = families.drop_nulls().unique()
    # Sources know nothing of each other: while one is parsed, another's ids are made.
    others = [contract for table, contract in declared.items() if table != "families"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda contract: examined(contract, known), others))
    if faults:
        raise Faults(faults)
    extracts = {"families": first} | {contract.table: one for contract, one in zip(others, found, strict=True)}
    return {table: extract for table in declared if (extract := extracts[table]) is not None}


def read_alone(workspace: Workspace, table: str) -> Extract:
    """Read and check one declared source by itself: a supplier has no families and no members to declare.

    Raises Faults: E106, E107, E110 to E117 (see `read`).
    """
    return _examined(read_text(workspace, CONTRACTS[table]), pl.Series("family_id", [], pl.String))


def _examined(source: SourceText, families: pl.Series) -> Extract:
    """A source's text against its contract: the records that stand, and each one that does not with its reasons."""
    contract, settings, present = source.contract, source.settings, source.present
    raw = [name for name in source.frame.columns if name.startswith(RAW)]
    blank = pl.all_horizontal(pl.col("fault", *raw).is_null())
    filled = source.frame.filter(~blank)
    distinct, duplicates = _distinct(_identified(filled, source, raw), raw)
    columns = [column for column in contract.columns if column.name != "record_id"]
    values = [typed(column, column.name in present, settings) for column in columns]
    checks = [
        *(check for column in columns for check in cell_checks(column, column.name in present, settings)),
        *record_checks(contract, present, settings, families),
    ]
    # Cells of a row whose fields cannot be told apart say whom it may be about, and are tested no further.
    whole = pl.col("fault").is_null()
    broken = distinct.filter(~whole).with_columns(values)
    tested = (
        distinct.lazy()
        .filter(whole)
        .with_columns(values)
        .with_columns(check.bad.fill_null(False).alias(_flag(at)) for at, check in enumerate(checks))
        .with_columns(pl.any_horizontal(_flag(at) for at in range(len(checks))).alias("failed"))
        .collect()
    )
    failed = tested.filter(pl.col("failed"))
    accepted = tested.lazy().filter(~pl.col("failed")).select(*_PLACED, *(column.name for column in columns)).collect()
    about = [column.name for column in columns if column.name in (*IDENTITY, "family_id")]
    return Extract(
        table=contract.table,
        accepted=accepted,
        rejected=pl.concat([frame.select(*_PLACED, *about) for frame in (failed, broken)]).sort("file", "row"),
        quarantine=_quarantine(contract.table, failed, broken, checks, raw),
        duplicates=duplicates,
        invalid_identifiers=_invalid_identifiers(tested, present),
        unknown_columns=source.unknown,
        rows_read=source.frame.height,
        blank_rows=source.frame.height - filled.height,
        files=source.files,
        covers=_complete(settings),
        warnings=(*source.warnings, *_warnings(source, distinct, accepted)),
    )


def _complete(settings: SourceSettings) -> Period | None:
    """The days that a source covers: none after it was extracted, for nobody can know them then."""
    covers, made = settings.covers, settings.extracted_on
    if covers is None or made is None or covers.until <= made:
        return covers
    return covers.model_copy(update={"until": made}) if covers.start <= made else None


def _identified(records: pl.DataFrame, source: SourceText, raw: list[str]) -> pl.DataFrame:
    """Records with their `record_id`: the supplier's, or one made from content where there is none to be trusted."""
    column = source.contract.column("record_id")
    own = typed(column, "record_id" in source.present, source.settings) if column else pl.lit(None, pl.String)
    records = records.with_columns(pl.when(pl.col("fault").is_null()).then(own).alias("record_id"))
    without = pl.col("record_id").is_null()
    nameless = records.filter(without)
    if nameless.is_empty():
        return records
    broken = nameless["fault"].is_not_null()
    made = content_ids(nameless, source.contract.table, raw)
    if broken.any():
        of_lines = content_ids(nameless.filter(broken), source.contract.table, ["line"])
        made = made.scatter(broken.arg_true(), of_lines)
    if nameless.height == records.height:
        return records.with_columns(made)
    return pl.concat([records.filter(~without), nameless.with_columns(made)]).sort("file", "row")


def _distinct(records: pl.DataFrame, raw: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records without those equal in every column to an earlier one, and these (see `DUPLICATES`).

    `reused` is true of a record whose id another one has, with other content.
    """
    content = ["record_id", "line", *raw]
    repeated = records.filter(pl.col("record_id").is_duplicated()).with_columns(
        first_file=pl.col("file").first().over(content),
        first_row=pl.col("row").first().over(content),
        before=pl.int_range(pl.len()).over(content),
    )
    if repeated.is_empty():
        return records.with_columns(reused=pl.lit(False)), pl.DataFrame(schema=DUPLICATES)
    again = repeated.filter(pl.col("before") > 0).select(DUPLICATES.names()).sort("file", "row")
    first = repeated.filter(pl.col("before") == 0)
    reused = first.filter(pl.col("record_id").is_duplicated())["record_id"].unique()
    distinct = records.join(again, on=["file", "row"], how="anti", maintain_order="left")
    return distinct.with_columns(reused=pl.col("record_id").is_in(reused.implode())), again


def _flag(at: int) -> str:
    return f"check:{at}"


def _quarantine(
    table: str, failed: pl.DataFrame, broken: pl.DataFrame, checks: list[Check], raw: list[str]
) -> pl.DataFrame:
    """One row a fault, in the order of the files, rows and checks."""
    frames = [pl.DataFrame(schema=QUARANTINE)]
    for at, check in enumerate(checks):
        found = failed.filter(pl.col(_flag(at)))
        if not found.is_empty():
            column, text = ";".join(check.columns) or None, _raw_text(check.columns, raw)
            frames.append(_faults(table, found, column, text, check.code, check.reason))
    for code, reason in (
        ("E120", "not as many fields as the header has"),
        ("E121", "quotation marks that do not pair around a whole value"),
    ):
        found = broken.filter(pl.col("fault") == code)
        frames.append(_faults(table, found, None, pl.col("line"), code, reason))
    return pl.concat(frames).sort("file", "row", maintain_order=True)


def _faults(table: str, found: pl.DataFrame, column: str | None, text: pl.Expr, code: str, reason: str) -> pl.DataFrame:
    return found.select(
        pl.lit(table).alias("source"),
        "file",
        "row",
        pl.lit(column, pl.String).alias("column"),
        text.alias("raw"),
        pl.lit(code).alias("code"),
        pl.lit(reason).alias("reason"),
        "record_id",
    )


def _raw_text(columns: tuple[str, ...], raw: list[str]) -> pl.Expr:
    """What stood in the columns at fault: the text itself of one, `name=text; name=text` of several, or of the row."""
    names = [name for name in raw if name.removeprefix(RAW) in columns or not columns]
    if not names:
        # A source may lack the columns altogether, as one without `joined_on` and `left_on` in which periods overlap.
        return pl.lit("")
    if len(columns) == 1:
        return pl.col(names[0]).fill_null("")
    return pl.concat_str(
        [pl.lit(name.removeprefix(RAW) + "=") + pl.col(name) for name in names], separator="; ", ignore_nulls=True
    )


def _invalid_identifiers(tested: pl.DataFrame, present: frozenset[str]) -> pl.DataFrame:
    frames = [
        tested.lazy()
        .filter(pl.col(RAW + name).is_not_null() & pl.col(name).is_null())
        .select(*_PLACED, pl.lit(name).alias("column"), pl.col(RAW + name).alias("raw"))
        for name in IDENTIFIERS
        if name in present and RAW + name in tested.columns
    ]
    return pl.concat([pl.LazyFrame(schema=INVALID_IDENTIFIERS), *frames]).sort("file", "row", "column").collect()


def _warnings(source: SourceText, records: pl.DataFrame, accepted: pl.DataFrame) -> Iterator[str]:
    """What the run can live with and a person should know. Never a value that could be personal."""
    settings = source.settings
    if source.contract.has_record_ids and "record_id" not in source.present:
        yield "it has no record ids: two equal events could not be told apart, and count once"
    elif source.contract.has_record_ids:
        without = records.select((pl.col("fault").is_null() & pl.col(RAW + "record_id").is_null()).sum()).item()
        if without:
            yield f"{without} records have no record id: of these, two equal events could not be told apart"
    if settings.covers and settings.extracted_on and settings.covers.until > settings.extracted_on:
        days = f"{settings.covers.until} is after {settings.extracted_on}"
        yield f"it is said to cover days after it was extracted ({days}); these are not counted as covered"
    if "date_of_birth" in source.present and settings.extracted_on is None:
        yield "dates of birth are not tested against the day of the extract: extracted_on is not set"
    if source.contract.table == "marks":
        uncounted = accepted.filter(~pl.col("code").is_in(REGISTER_CODES))["code"]
        if len(uncounted):
            named = _codes(uncounted.unique(), r"^[A-Z0-9/\\#-]{1,2}$")
            yield f"{len(uncounted)} marks have a code that is no register code, and count as no session: {named}"
    if source.contract.table == "employment":
        for kind, known in (("benefit", BENEFITS), ("provision", PROVISION)):
            codes = accepted.filter(pl.col("kind") == kind)["code"].drop_nulls().unique()
            if len(new := codes.filter(~codes.is_in(known))):
                yield f"{kind} codes outside the known vocabulary: {_codes(new, r'^[A-Z0-9_]{1,8}$')}"


def _codes(codes: pl.Series, form: str) -> str:
    """Codes in words. Only what looks like a code is shown: the column may hold anything."""
    shown = codes.filter(codes.str.contains(form)).sort().to_list()
    others = len(codes) - len(shown)
    return ", ".join([*shown, f"{others} that do not look like codes"] if others else shown)
