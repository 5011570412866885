"""Resting: which lines of a bundle rest on what, and what makes it so.

In: a bundle's run, tables and cohorts, and a question. Out: one row for each line that the question finds. A line rests
on what carries the verdicts of its route and of eligibility (`grounds`), and on nothing else that was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce

import polars as pl

from pbr.audit.grounds import grounds
from pbr.claims.contract import BatchRun
from pbr.engines.reference import Family, judge_node, moves, read_families
from pbr.errors import Fault, Faults
from pbr.measures.cohorts import Cohort
from pbr.rulebook.model import ConditionFlag, Expression, NearThresholdFlag, Pack
from pbr.rulebook.rules import Rules

LINES = pl.Schema(
    {
        "line_id": pl.String(),
        "state": pl.String(),
        "batch_id": pl.String(),
        "window": pl.String(),
        "family_ref": pl.String(),
        "route": pl.String(),
        "amount_pence": pl.Int64(),
        "rests": pl.String(),
        "why": pl.String(),
    }
)
"""`state`: `claimed` or `held` (then without a line id). `rests`: how, several joined with `;`: on `records`, on
`silence` (the verdict read a table in which nothing was found), on the rules' `figures`, on a `flag`, on an `override`,
on somebody's being a `member`; or `not_known`, where there is nothing to tell it from. `why`: criterion, member, fact
and records, one after another."""

OVERRIDE = "override"


@dataclass(frozen=True)
class Question:
    """What lines are asked for; whatever is given must hold of a line, all of it together.

    `resting_on`: flags of the pack, `unverified_rule` among them, or `override`. `parameters`: figures of the rules.
    `match_below`: hundredths of a bit. `match_pass`: a pass of linkage. `supplier`, `source`, `file`: whose extract.
    """

    resting_on: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    match_below: int | None = None
    match_pass: str | None = None
    supplier: str | None = None
    source: str | None = None
    file: str | None = None
    record: str | None = None
    person: str | None = None

    @property
    def is_empty(self) -> bool:
        return not any(value not in (None, ()) for value in vars(self).values())


def lines_of(run: BatchRun, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Every line of a bundle, claimed or held: `at` (its number), `family_id`, `flags`, and what `LINES` says of it."""
    claim = tables["claim.csv"].rename({"claim_line_id": "line_id"}).with_columns(state=pl.lit("claimed"))
    held = tables["held.csv"].with_columns(line_id=pl.lit(None, pl.String), state=pl.lit("held"))
    columns = ["line_id", "state", "family_ref", "route", "amount_pence", "decision_id", "flags"]
    decided = tables["decisions.parquet"].select("decision_id", "family_id").unique()
    return (
        pl.concat([claim.select(columns), held.select(columns)])
        .join(decided, on="decision_id", how="left", maintain_order="left")
        .with_columns(batch_id=pl.lit(run.batch_id), window=pl.lit(run.window), flags=pl.col("flags").fill_null(""))
        .with_row_index("at")
    )


@dataclass(frozen=True)
class Claimed:
    """A bundle as questions are asked of it: `lines` are those asked, of `lines_of`.

    `tables`: see `claims.contract.TABLES`. `pack` is the pack as it was written.
    """

    run: BatchRun
    tables: Mapping[str, pl.DataFrame]
    cohorts: list[Cohort]
    pack: Pack
    lines: pl.DataFrame

    @cached_property
    def own(self) -> list[Cohort]:
        """The cohorts with the families of the lines alone."""
        families = self.lines["family_id"].unique()
        chosen = [Cohort(cohort.rules, cohort.facts.only(families)) for cohort in self.cohorts]
        return [cohort for cohort in chosen if not cohort.facts.families.is_empty()]

    @cached_property
    def grounds(self) -> pl.DataFrame:
        """What each line rests on: `at`, and the columns of `grounds.GROUNDS`."""
        lines = self.lines.select("at", "family_id", "route")
        both = pl.concat([lines, lines.with_columns(route=pl.lit("eligible"))])
        return both.join(grounds(self.own), left_on=["family_id", "route"], right_on=["family_id", "item"]).rename(
            {"route": "item"}
        )

    @cached_property
    def cited(self) -> pl.DataFrame:
        """The records behind the grounds: those of `grounds`, one row for each `record_id` and `table`; and `file`."""
        known = self.records
        found = (
            self.grounds.with_row_index("ground")
            .explode("records")
            .drop_nulls("records")
            .rename({"records": "record_id"})
            .explode("sources")
            .rename({"sources": "table"})
            .join(known, on=["table", "record_id"], how="left")
        )
        # An id that nothing places may be of any table that its fact reads.
        nowhere = ~pl.col("is_known").any().over("ground", "record_id")
        return found.filter(pl.col("is_known") | nowhere)

    @cached_property
    def records(self) -> pl.DataFrame:
        """`table`, `record_id`, `file` (null where the bundle does not say) and `is_known` of the records placed."""
        placed = [self.links.select("table", "record_id", file=pl.lit(None, pl.String))]
        if "records.parquet" in self.tables:
            placed = [self.tables["records.parquet"].select("table", "record_id", "file"), *placed]
        known = pl.concat(placed).unique(["table", "record_id"], keep="first", maintain_order=True)
        alone = {table: files[0] for table, files in self.files.items() if len(files) == 1}
        only = pl.col("table").replace_strict(alone, default=None, return_dtype=pl.String)
        return known.with_columns(file=pl.coalesce("file", only), is_known=pl.lit(True)).with_columns(
            pl.col("is_known").fill_null(False)
        )

    @cached_property
    def links(self) -> pl.DataFrame:
        """The links that no reviewer rejected."""
        return self.tables["links.parquet"].filter(pl.col("status") != "rejected")

    @cached_property
    def files(self) -> dict[str, list[str]]:
        """The files of each table that was an input."""
        found: dict[str, list[str]] = {}
        for each in self.run.inputs:
            found.setdefault(each.source, []).append(each.path)
        return found

    @property
    def flags(self) -> set[str]:
        return {*self.pack.flags, OVERRIDE}


def answer(bundle: Claimed, question: Question) -> pl.DataFrame:
    """The lines that rest on all that is asked (`LINES`), in the order of the bundle.

    Raises Faults: E734 where a record's file is asked, and the bundle does not say it.
    """
    found = [one.group_by("at").agg(_joined("rests"), _joined("why")) for one in _answers(bundle, question)]
    both = reduce(_and, found)
    return bundle.lines.join(both, on="at", maintain_order="left").select(LINES.names())


def _and(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    both = [pl.concat_list(name, f"{name}_other").alias(name) for name in ("rests", "why")]
    return (
        one.join(other, on="at", suffix="_other")
        .select("at", *both)
        .select(
            "at",
            pl.col("rests").list.eval(pl.element().str.split(";").explode()).list.unique().list.sort().list.join(";"),
            pl.col("why").list.join("; "),
        )
    )


def _joined(column: str) -> pl.Expr:
    said = pl.col(column).unique().sort()
    return said.str.join(";" if column == "rests" else "; ")


def _answers(bundle: Claimed, question: Question) -> Iterator[pl.DataFrame]:
    """For each thing asked, the lines that rest on it: `at`, `rests`, `why`, one row a reason."""
    for name in question.resting_on:
        yield _flagged(bundle, name)
    for name in question.parameters:
        yield _figure(bundle, name)
    if question.match_below is not None:
        yield _linked(bundle, pl.col("weight") < question.match_below)
    if question.match_pass is not None:
        yield _linked(bundle, pl.col("pass") == question.match_pass)
    for places in _extracts(bundle, question):
        yield _supplied(bundle, places)
    if question.record is not None:
        yield _because(bundle.cited.filter(pl.col("record_id") == question.record), "records")
    if question.person is not None:
        yield _about(bundle, question.person)


# ------------------------------------------------------------------------------------------------- flags and figures


def _flagged(bundle: Claimed, name: str) -> pl.DataFrame:
    """The lines that have a flag, with what raised it."""
    raised = bundle.lines.filter(pl.col("flags").str.split(";").list.contains(name))
    said = raised.select("at", rests=pl.lit("flag"), why=pl.lit(None, pl.String))
    flag = bundle.pack.flags.get(name)
    if name == OVERRIDE:
        return _overridden(bundle, raised)
    if isinstance(flag, ConditionFlag):
        tests = {f"{name} {part}": test for part in ("when", "unless") if (test := getattr(flag, part)) is not None}
        said = pl.concat([said, _why_raised(bundle, raised, tests)])
    elif isinstance(flag, NearThresholdFlag):
        said = pl.concat([said, _near(bundle, raised, name)])
    else:
        # Of eligibility too, which the flag of a route does not look at.
        unseen = bundle.grounds.explode("unverified").drop_nulls("unverified")
        return unseen.select("at", rests=pl.lit("figures"), why=pl.format("{} in {}", "unverified", "criterion"))
    told = said.filter(pl.col("why").is_not_null())
    return pl.concat([told, said.join(told, on="at", how="anti").with_columns(why=pl.lit(f"flag {name}"))])


def _why_raised(bundle: Claimed, raised: pl.DataFrame, tests: Mapping[str, Expression]) -> pl.DataFrame:
    found = []
    for cohort in bundle.own:
        # As the cohort reads it: figures of the engagement date have names of their own there.
        flags = cohort.rules.pack.flags
        own = {item: getattr(flags[item.split()[0]], item.split()[1]) for item in tests}
        found.append(grounds([cohort], own))
    rests = raised.select("at", "family_id").join(pl.concat(found), on="family_id")
    rests = rests.with_columns(pl.col("criterion").str.replace(" (when|unless)$", ""))
    return _because(rests, "flag")


def _near(bundle: Claimed, raised: pl.DataFrame, name: str) -> pl.DataFrame:
    """Which fact, moved one step, would change the route's verdict."""
    asked: dict[str, list[tuple[int, str]]] = {}
    for at, family_id, route in raised.select("at", "family_id", "route").iter_rows():
        asked.setdefault(family_id, []).append((at, route))
    rows = []
    for cohort in bundle.own:
        flag = cohort.rules.pack.flags[name]
        assert isinstance(flag, NearThresholdFlag)
        near = cohort.facts.only(pl.Series(list(asked), dtype=pl.String))
        for family in read_families(near, cohort.rules):
            for at, route in asked[family.family_id]:
                rows += [(at, "flag", why) for why in _steps(flag, family, route, cohort.rules)]
    schema = pl.Schema({"at": raised.schema["at"], "rests": pl.String(), "why": pl.String()})
    return pl.DataFrame(rows, schema=schema, orient="row")


def _steps(flag: NearThresholdFlag, family: Family, route: str, rules: Rules) -> Iterator[str]:
    test = rules.pack.routes[route].test
    verdict = judge_node(test, family, rules).verdict
    for moved in moves(flag, test, family, rules):
        if (then := judge_node(test, moved, rules).verdict) is not verdict:
            ((subject, key), fact) = next(iter(moved.moved.items()))
            facts = next((m.facts for m in family.members if m.subject_id == subject), family.facts)
            about = f"{subject}: " if subject else ""
            yield f"{about}{key} = {facts[key]}, and with {fact} the route would be {then}"


def _overridden(bundle: Claimed, raised: pl.DataFrame) -> pl.DataFrame:
    of = bundle.tables.get("overrides.csv")
    if of is None:
        return raised.select("at", rests=pl.lit(OVERRIDE), why=pl.lit(f"flag {OVERRIDE}"))
    about = [
        pl.concat_str(pl.lit(f"{said} "), pl.col(name).cast(pl.String))
        for said, name in (("of", "holds"), ("until", "expires_on"), ("approved by", "approved_by"), ("entry", "entry"))
    ]
    told = pl.concat_str("act", *about, separator=" ", ignore_nulls=True)
    lines = raised.select("at", "family_id", "route").join(of, on=["family_id", "route"], how="left")
    why = pl.coalesce(told.replace("", None), pl.lit(f"flag {OVERRIDE}"))
    return lines.select("at", rests=pl.lit(OVERRIDE), why=why)


def _figure(bundle: Claimed, name: str) -> pl.DataFrame:
    """The lines whose verdict, or whose amount, rests on a parameter."""
    tariff = bundle.pack.tariff
    paid = [route for route, fee in tariff.routes.items() if fee == name]
    every = name in (tariff.attachment_fee, tariff.family_cap)
    priced = bundle.lines.filter(pl.lit(every) | pl.col("route").is_in(paid)).select(
        "at", rests=pl.lit("figures"), why=pl.lit(f"the amount: {name}")
    )
    read = bundle.grounds.filter(pl.col("parameters").list.contains(name))
    counted = read.filter(pl.col("fact").is_null()).select("at", rests=pl.lit("figures"), why="criterion")
    return pl.concat([priced, counted, _because(read, "figures")])


# ------------------------------------------------------------------------------------------------- links and extracts


def _linked(bundle: Claimed, how: pl.Expr) -> pl.DataFrame:
    """The lines that rest on a record linked in some way to its subject, or for a fact of the family to a member."""
    found = bundle.cited.join(bundle.links.filter(how), on=["table", "record_id"])
    own = pl.col("subject_id") == pl.col("person_id")
    if "members.parquet" in bundle.tables:
        belong = bundle.tables["members.parquet"].select("family_id", "person_id", is_member=pl.lit(True)).unique()
        found = found.join(belong, on=["family_id", "person_id"], how="left")
        of_family = (pl.col("subject_id") == "") & pl.col("is_member")
    else:
        of_family = pl.col("subject_id") == ""
    bits = pl.col("weight")
    weight = pl.when(bits.is_not_null()).then(pl.concat_str(pl.lit(" at "), _bits(bits), pl.lit(" bits")))
    link = pl.format("linked to {} by {}{} ({})", "person_id", "pass", weight.fill_null(""), "status")
    return _because(found.filter(own | of_family.fill_null(False)), "records", more=link)


def _bits(hundredths: pl.Expr) -> pl.Expr:
    whole, odd = (hundredths.abs() // 100).cast(pl.String), (hundredths.abs() % 100).cast(pl.String).str.zfill(2)
    sign = pl.when(hundredths < 0).then(pl.lit("-")).otherwise(pl.lit("+"))
    return pl.concat_str(sign, whole, pl.lit("."), odd)


def unweighed(bundle: Claimed) -> pl.DataFrame:
    """The lines (`at`) that rest on linked records, none of which was weighed."""
    linked = bundle.cited.join(bundle.links, on=["table", "record_id"]).group_by("at")
    return linked.agg(pl.col("weight").is_null().all()).filter("weight").select("at")


def _extracts(bundle: Claimed, question: Question) -> Iterator[set[tuple[str, str]]]:
    """The inputs asked for, each way of asking by itself: table and path."""
    inputs = [(each.source, each.path, getattr(each, "supplier", None)) for each in bundle.run.inputs]
    if question.supplier is not None:
        yield {(table, path) for table, path, supplier in inputs if supplier == question.supplier}
    if question.source is not None:
        yield {(table, path) for table, path, _ in inputs if table == question.source}
    if question.file is not None:
        yield {(table, path) for table, path, _ in inputs if path == question.file}


def _supplied(bundle: Claimed, places: set[tuple[str, str]]) -> pl.DataFrame:
    """The lines that rest on records of some files, or on there being none: the verdict read the table."""
    found = []
    for table in sorted({table for table, _ in places} & _READ_OF_ALL.keys()):
        found.append(bundle.lines.select("at", rests=pl.lit("records"), why=pl.lit(_READ_OF_ALL[table])))
    asked = pl.DataFrame(sorted(places), schema={"table": pl.String, "file": pl.String}, orient="row")
    cited = bundle.cited
    if not _says_files(bundle, cited, places):
        what = "does not say which record came from which file"
        step = "Ask by --source, or prepare the batch again with this version of pbr."
        raise Faults(Fault("E734", f"batch {bundle.run.batch_id}", what, step))
    whole = {table for table, _ in places if {file for of, file in places if of == table} == {*bundle.files[table]}}
    of_whole = cited.filter(pl.col("table").is_in(sorted(whole)))
    of_part = cited.filter(~pl.col("table").is_in(sorted(whole))).join(asked, on=["table", "file"], how="semi")
    records = pl.concat([of_whole, of_part])
    found.append(_because(records, "records"))
    read = (
        bundle.grounds.with_row_index("ground")
        .explode("sources")
        .rename({"sources": "table"})
        .filter(pl.col("table").is_in(sorted({table for table, _ in places} - _READ_OF_ALL.keys())))
    )
    silent = read.join(records, on=["ground", "table"], how="anti").with_columns(record_id=pl.lit(None, pl.String))
    nil = pl.concat_str(pl.lit("nothing of "), "table", pl.lit(" in it"))
    found.append(_because(silent, "silence", more=nil))
    return pl.concat(found)


_READ_OF_ALL = {
    "families": "families: when the family engaged",
    "members": "members: who belonged to the family, and when",
}
"""The tables that every decision reads."""


def _says_files(bundle: Claimed, cited: pl.DataFrame, places: set[tuple[str, str]]) -> bool:
    """Whether the records can be told apart by file, where only some of a table's files are asked for."""
    parted = [t for t, _ in places if {file for of, file in places if of == t} != {*bundle.files[t]}]
    return cited.filter(pl.col("table").is_in(sorted(set(parted))) & pl.col("file").is_null()).is_empty()


def _about(bundle: Claimed, person: str) -> pl.DataFrame:
    """The lines that rest on a fact of a person, on a record linked to them, or on their being a member."""
    theirs = bundle.links.filter(pl.col("person_id") == person).select("table", "record_id").unique()
    found = [
        _because(bundle.grounds.filter(pl.col("subject_id") == person), "records"),
        _because(bundle.cited.join(theirs, on=["table", "record_id"], how="semi"), "records"),
    ]
    belong = bundle.tables["facts.parquet"].filter(pl.col("subject_id") == person).select("family_id")
    if "members.parquet" in bundle.tables:
        belong = bundle.tables["members.parquet"].filter(pl.col("person_id") == person).select("family_id")
    member = bundle.lines.join(belong.unique(), on="family_id", how="semi")
    found.append(member.select("at", rests=pl.lit("member"), why=pl.lit(f"{person} belongs or belonged to the family")))
    return pl.concat(found)


# -------------------------------------------------------------------------------------------------------- in words


def _because(rows: pl.DataFrame, rests: str, more: pl.Expr | None = None) -> pl.DataFrame:
    """Grounds, or the records behind them, as reasons: `at`, `rests`, `why`, a row a fact and `more`, said after it."""
    by_record = "record_id" in rows.columns
    records = pl.col("record_id").drop_nulls().unique().sort() if by_record else pl.col("records").first()
    key = ["at", "criterion", "subject_id", "fact", "value", "reason"]
    told = rows.filter(pl.col("fact").is_not_null()).with_columns(more=pl.lit("") if more is None else more)
    told = told.group_by(*key, "more").agg(records=records)
    value = pl.coalesce("value", pl.format("not known, {}", "reason"))
    said = [
        pl.col("criterion"),
        pl.when(pl.col("subject_id") != "").then(pl.format(" {}", "subject_id")),
        pl.format(": {} = {}", "fact", value),
        pl.when(pl.col("records").list.len() > 0).then(pl.format(" [{}]", pl.col("records").list.join(" "))),
        pl.when(pl.col("more") != "").then(pl.format(", {}", "more")),
    ]
    return told.select("at", rests=pl.lit(rests), why=pl.concat_str(said, ignore_nulls=True))
