"""Working papers: what an auditor has to test of each sampled family, with our fact and the records behind each test.

In: a bundle's run, tables, pack and cohorts, and the sampled lines. Out: one `Paper` a family, in the order in which
its first line was drawn. A paper says what is tested and by which rule, what it must be, what was found and from which
records; whether that is right is the auditor's to say, so nothing of that is filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl

from pbr.claims.contract import BatchRun, Input
from pbr.claims.tariff import fee, left_for_family
from pbr.engines.trace import Ruling, Step, Trace, trace
from pbr.errors import Fault, Faults
from pbr.measures.cohorts import Cohort
from pbr.rulebook import words
from pbr.rulebook.model import Pack
from pbr.values import pounds

Tables = Mapping[str, pl.DataFrame]
Row = dict[str, Any]

NO_RECORD = "nil return: nothing on record"
REGISTERS = ("families", "members")
"""The tables that say who there is: no days are covered by them."""


@dataclass(frozen=True)
class Evidence:
    """A record behind a test: its day or days, what it says, where it stands, and how it came to its person."""

    dated: date | None
    until: date | None
    says: str
    record_id: str = ""
    file: str = ""
    link: str = ""

    @property
    def days(self) -> str:
        first, last = (str(day) if day else "" for day in (self.dated, self.until))
        return f"{first} to {last}" if last else first

    @property
    def place(self) -> str:
        """Record, file and link in one text."""
        return "; ".join(part for part in (self.record_id, self.file, self.link) if part)


@dataclass(frozen=True)
class Check:
    """One test to do. `depth`: how far below its criterion it stands. `source`: of the figure in `must_be`."""

    tests: str
    must_be: str = ""
    fact: str = ""
    result: str = ""
    source: str = ""
    evidence: tuple[Evidence, ...] = ()
    depth: int = 0


@dataclass(frozen=True)
class Group:
    """Tests that belong together: a criterion with its citation, or one of the controls around it."""

    title: str
    citation: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Paper:
    """One family. `lines`: rows of the sample (`Papers.LINES`)."""

    number: int
    family_id: str
    family_ref: str
    engaged_on: date
    lines: tuple[Row, ...]
    groups: tuple[Group, ...]

    @property
    def anchor(self) -> str:
        return f"paper-{self.number}"

    @property
    def checks(self) -> Iterator[tuple[Group, list[tuple[str, Check]]]]:
        """Its groups, with the tests of each and their numbers: `3.2` is the second of the third group."""
        for at, group in enumerate(self.groups, start=1):
            yield group, [(f"{at}.{number}", check) for number, check in enumerate(group.checks, start=1)]

    @property
    def sheet(self) -> str:
        """A name that a workbook takes: unique by its number, no sign that is not allowed, 31 characters at most."""
        return f"{self.number} {re.sub(r'[^A-Za-z0-9._-]', '_', self.family_id)}"[:31]


@dataclass(frozen=True)
class Drawing:
    """How a sample was drawn, for who wants to draw it again: `size` of all `lines`, `always` of which are in any."""

    seed: str
    size: int
    lines: int
    always: int
    manifest_digest: str
    population_digest: str
    sample_digest: str


LINES = ("claim_line_id", "family_id", "family_ref", "route", "amount_pence", "flags", "why", "stratum")
"""What a paper needs to know of a sampled line; `why` it is in the sample, and of which `stratum` (null: of none)."""


def papers(run: BatchRun, tables: Tables, pack: Pack, cohorts: Sequence[Cohort], lines: pl.DataFrame) -> list[Paper]:
    """The papers of a sample. `tables`: a bundle's, by file; `lines`: `LINES`, in the order of the sample.

    Raises Faults: E702 a line that is not in the bundle.
    """
    strange = lines.join(tables["claim.csv"], on="claim_line_id", how="anti")["claim_line_id"].sort()
    if strange.len():
        step = "Draw the sample from this bundle."
        raise Faults(Fault("E702", run.bundle_name, f"has no claim line {line}", step) for line in strange)
    by_family: dict[str, list[Row]] = {}
    for row in lines.select(LINES).iter_rows(named=True):
        by_family.setdefault(row["family_id"], []).append(row)
    made = []
    for number, (family_id, own) in enumerate(by_family.items(), start=1):
        (cohort,) = [each for each in cohorts if (each.facts.families["family_id"] == family_id).any()]
        traced = trace(cohort.facts, cohort.rules, family_id)
        family = _Family(run, tables, pack, traced, tuple(own))
        titled = tuple(row | {"title": pack.routes[row["route"]].title} for row in own)
        paper = Paper(number, family_id, own[0]["family_ref"], traced.engaged_on, titled, tuple(family.groups()))
        made.append(paper)
    return made


@dataclass(frozen=True)
class _Family:
    """What a bundle has about one sampled family."""

    run: BatchRun
    tables: Tables
    pack: Pack
    traced: Trace
    lines: tuple[Row, ...]

    def groups(self) -> Iterator[Group]:
        yield self._identity()
        yield self._practice()
        yield from map(self._criterion, self._rulings)
        yield self._coverage()
        yield self._links()
        yield self._overrides()
        yield self._amount()
        yield self._duplicates()
        yield self._since()

    # ------------------------------------------------------------------------------------------------ who and practice

    def _own(self, file: str) -> pl.DataFrame:
        return self.tables[file].filter(pl.col("family_id") == self.traced.family_id)

    @cached_property
    def _family(self) -> Row:
        return self._own("families.parquet").row(0, named=True)

    def _identity(self) -> Group:
        engaged, as_of = self.traced.engaged_on, self.traced.as_of
        members = self._own("members.parquet")
        checks = [
            Check(
                f"The family is the one of the case file, and engaged on {engaged}",
                must_be=str(engaged),
                fact=str(self._family["engaged_on"]),
                result=f"closed {self._family['closed_on']}" if self._family["closed_on"] else "not closed",
            )
        ]
        was_there = pl.col("at_engagement").is_not_null() | pl.col("at_as_of").is_not_null()
        joined_between = pl.col("joined_on").is_between(engaged, as_of).fill_null(False)
        around = members.filter(was_there | joined_between).sort("person_id", "joined_on")
        for row in around.iter_rows(named=True):
            days = [f"joined {row['joined_on'] or 'by birth or before all records'}"]
            days += [f"left {row['left_on']}"] if row["left_on"] else []
            lives = {True: "lives with the family", False: "lives elsewhere", None: "residence not recorded"}
            responsible = " with parental responsibility" if row["parental_responsibility"] else ""
            then, now = (row[at] or "no member" for at in ("at_engagement", "at_as_of"))
            checks.append(
                Check(
                    f"{row['person_id']} belongs to the family",
                    must_be="as the case file says, on both days",
                    fact=f"on {engaged}: {then}; on {as_of}: {now}",
                    result=f"{', '.join(days)}; {lives[row['resident']]}{responsible}",
                )
            )
        checks.append(
            Check(
                f"Nobody else joined or left between {engaged} and {as_of}",
                must_be="nobody but these",
                fact="; ".join(_moves(members, engaged, as_of)) or "nobody joined or left",
            )
        )
        return Group(
            "Identity and composition of the family", "Members as data/members.parquet has them.", tuple(checks)
        )

    def _practice(self) -> Group:
        as_of, engaged = self.traced.as_of, self.traced.engaged_on
        checks = [
            Check(
                "A lead worker is named in the case file",
                must_be="named",
                fact=f"worker {self._family['worker_ref']}" if self._family["worker_ref"] else "nobody is named",
                result=_on_record(self._family["worker_ref"] is not None),
            )
        ]
        for what, column in (("a whole-family assessment", "assessed_on"), ("an action plan", "planned_on")):
            day = self._family[column]
            after = f", {(day - engaged).days} days after engagement" if day else ""
            checks.append(
                Check(
                    f"There is {what}, and it came before the result",
                    must_be=f"before {as_of}, and before the window in which the result is measured",
                    fact=f"{day}{after}" if day else "no date on record",
                    result=_on_record(day is not None and day < as_of),
                )
            )
        return Group("Practice", "The family's own record, as data/families.parquet has it.", tuple(checks))

    # ------------------------------------------------------------------------------------------------------- the rules

    @cached_property
    def _rulings(self) -> list[Ruling]:
        """Eligibility and the claimed routes, each with the criteria that it refers to below it."""
        criteria = {each.item: each for each in self.traced.rulings if each.part == "eligibility"}
        # A reference means a result where there is one of that name.
        criteria |= {each.item: each for each in self.traced.rulings if each.part == "result"}
        claimed = {line["route"] for line in self.lines}
        first = [each for each in self.traced.rulings if each.part == "eligibility" and each.item == "eligible"]
        first += [each for each in self.traced.rulings if each.part == "route" and each.item in claimed]
        found: dict[tuple[str, str], Ruling] = {}
        for ruling in first:
            waiting = [ruling]
            while waiting:
                each = waiting.pop(0)
                if (each.part, each.item) not in found:
                    found[each.part, each.item] = each
                    waiting += [criteria[step.criterion] for step in _walk(each.step) if step.criterion]
        return list(found.values())

    def _criterion(self, ruling: Ruling) -> Group:
        part = {"eligibility": "Eligibility", "route": "Route claimed", "result": "Result"}[ruling.part]
        title = f"{part}: {ruling.title} ({ruling.item}): {words.verdict(ruling.step.verdict, ruling.step.reason)}"
        told: set[str] = set()
        checks = []
        for check in self._checks(ruling.step):
            # A figure's source is said where the figure first stands: each child has the same.
            checks.append(replace(check, source="") if check.source in told else check)
            told.add(check.source)
        return Group(title, f"{ruling.citation} [{ruling.standing}]", tuple(checks))

    def _checks(self, step: Step, depth: int = 0, about: str = "") -> Iterator[Check]:
        who = f"{step.subject_id}: " if step.subject_id not in ("", about) else ""
        yield Check(
            f"{who}{step.says}",
            must_be=step.limit or ("met" if step.criterion else ""),
            fact=step.found,
            result=words.verdict(step.verdict, step.reason),
            source=step.limit_source,
            evidence=(*self._records(step), *self._nil(step)),
            depth=depth,
        )
        for part in step.parts:
            yield from self._checks(part, depth + 1, step.subject_id)

    def _records(self, step: Step) -> Iterator[Evidence]:
        cited = [
            self._said[key]
            for key in ((table, name) for table in step.tables for name in step.records)
            if key in self._said
        ]
        yield from sorted(cited, key=lambda each: (each.dated or date.min, each.record_id))

    def _nil(self, step: Step) -> Iterator[Evidence]:
        """Where a fact is 0 because no record says otherwise: which extracts would have said so."""
        if step.value in ("0", "false") and (step.baseline or not step.records):
            for table in step.tables:
                for file in self._inputs.get(table, ()):
                    first, last = (file.covers.start, file.covers.until) if file.covers else (None, None)
                    yield Evidence(first, last, f"{NO_RECORD} ({_supplier(file)})", file=file.path)

    @cached_property
    def _said(self) -> dict[tuple[str, str], Evidence]:
        """The records that the family's decision cites, by table and id, with the links of each."""
        steps = [step for ruling in self.traced.rulings for step in _walk(ruling.step)]
        cited = pl.Series(sorted({record for step in steps for record in step.records}), dtype=pl.String)
        of_ours = pl.col("record_id").is_in(cited.implode())
        links: dict[tuple[str, str], list[str]] = {}
        for row in self._links_of_ours(of_ours).iter_rows(named=True):
            links.setdefault((row["table"], row["record_id"]), []).append(_link(row))
        return {
            (row["table"], row["record_id"]): Evidence(
                row["dated"],
                row["until"],
                f"{row['table']}: {row['says']}",
                row["record_id"],
                row["file"],
                "; ".join(links.get((row["table"], row["record_id"]), [])),
            )
            for row in self.tables["records.parquet"].filter(of_ours).iter_rows(named=True)
        }

    def _links_of_ours(self, of_ours: pl.Expr) -> pl.DataFrame:
        return self.tables["links.parquet"].filter(of_ours).sort("table", "record_id", "person_id")

    # ------------------------------------------------------------------------------------------------ around the rules

    @cached_property
    def _inputs(self) -> dict[str, list[Input]]:
        by_table: dict[str, list[Input]] = {}
        for each in sorted(self.run.inputs, key=lambda each: (each.source, each.path)):
            by_table.setdefault(each.source, []).append(each)
        return by_table

    def _coverage(self) -> Group:
        read = {table for ruling in self._rulings for step in _walk(ruling.step) for table in step.tables}
        checks = [
            self._covered(table, file)
            for table in sorted(read | set(REGISTERS))
            for file in self._inputs.get(table, ())
        ]
        missing = sorted(table for table in read if table not in self._inputs)
        checks += [
            Check(f"{table}: no extract was given", fact="not declared", must_be="needed only where no other tells")
            for table in missing
        ]
        cited = "Inputs as data/run.json has them. SHA-256 is over the sorted lines of a file."
        return Group("Sources: are they complete for the days that were read?", cited, tuple(checks))

    def _covered(self, table: str, file: Input) -> Check:
        if table in REGISTERS:
            must_be, result = f"as it stood when the claim was made, {self.run.claim_date}", ""
        else:
            must_be = "complete for every day and term that the tests above read"
            result = "complete" if file.covers else "no days declared"
        covers = f"complete from {file.covers.start} to {file.covers.until}; " if file.covers else ""
        fact = f"{covers}{file.rows} rows, SHA-256 {file.sha256[:16]}…"
        return Check(f"{table}, from {_supplier(file)}: {file.path}", must_be, fact, result)

    def _links(self) -> Group:
        of_ours = pl.col("record_id").is_in(pl.Series([name for _, name in self._said], dtype=pl.String).implode())
        links = self._links_of_ours(of_ours)
        by_pass = links.filter(pl.col("status") == "confirmed").group_by("pass").len().sort("pass")
        unsettled = links.filter(pl.col("status") != "confirmed")
        evidence = tuple(
            replace(self._said[row["table"], row["record_id"]], link=_link(row))
            for row in unsettled.iter_rows(named=True)
            if (row["table"], row["record_id"]) in self._said
        )
        counted = ", ".join(f"{count} by {name}" for name, count in by_pass.iter_rows())
        check = Check(
            "Every record above is about the person it was given to; none that is open or rejected carries the result",
            must_be="none open",
            fact=f"confirmed: {counted or 'none'}; open or rejected: {len(evidence)}",
            result="nothing open" if not evidence else "look at each",
            evidence=evidence,
        )
        return Group("Links between records and people", "Links as data/links.parquet has them.", (check,))

    def _overrides(self) -> Group:
        checks = [self._override(row) for row in self._own_overrides()]
        flags = sorted({flag for line in self.lines for flag in (line["flags"] or "").split(";") if flag})
        checks += [
            Check(f"Flag: {self._titled(flag)}", must_be="explained in the case file", fact="raised") for flag in flags
        ]
        none = Check("No override is behind the claimed lines, and no flag", must_be="none", fact="none", result="none")
        return Group("Overrides and flags", "Overrides as data/overrides.csv has them.", tuple(checks) or (none,))

    def _own_overrides(self) -> Iterator[Row]:
        routes = {line["route"] for line in self.lines}
        # A bundle of before overrides were recorded has no such table.
        if "overrides.csv" in self.tables:
            yield from (row for row in self._own("overrides.csv").iter_rows(named=True) if row["route"] in routes)

    def _override(self, row: Row) -> Check:
        act = {"pass": "discretionary pass"}.get(row["act"], row["act"])
        people = f"proposed by {row['proposed_by']} ({row['role']}), approved by {row['approved_by']}"
        return Check(
            f"The {act} of {row['route']} has a reason that holds, and another person approved it",
            must_be=f"in force on {self.run.claim_date}",
            fact=f"{row['holds'] or 'nothing held'}: {row['reason']}; {people}; until {row['expires_on']}",
            result=f"ledger entry {row['entry']}",
        )

    def _titled(self, flag: str) -> str:
        return self.pack.flags[flag].title if flag in self.pack.flags else words.spoken(flag)

    # ---------------------------------------------------------------------------------------- amount, and only once

    @cached_property
    def _history(self) -> pl.DataFrame:
        return self._own("history.csv").sort("claimed_by", "line_id")

    def _earlier(self, claimed_by: str, route: str | None = None) -> tuple[Evidence, ...]:
        rows = self._history.filter(pl.col("claimed_by") == claimed_by)
        return tuple(
            Evidence(None, None, f"{row['route']}, {pounds(row['amount_pence'])}", row["line_id"])
            for row in rows.iter_rows(named=True)
            if route in (None, row["route"])
        )

    def _amount(self) -> Group:
        tariff = self.pack.tariff
        engaged_on = self.traced.engaged_on
        engaged = pl.DataFrame({"engaged_on": [engaged_on]})
        checks = []
        for line in self.lines:
            in_advance = tariff.earned_autonomy if self.run.earned_autonomy else None
            name = in_advance or tariff.routes[line["route"]]
            full = engaged.select(fee(self.pack, name)).item()
            claimed = line["amount_pence"]
            checks.append(
                Check(
                    f"{line['claim_line_id']}: the fee of {line['route']} for a family engaged on {engaged_on}",
                    must_be=f"{pounds(full)}, or what is left under the cap",
                    fact=pounds(claimed),
                    result="the whole fee" if claimed == full else "not the whole fee",
                    source=f"parameter {name}",
                )
            )
        most = engaged.select(left_for_family(self.pack)).item()
        own = self.tables["claim.csv"].filter(pl.col("family_ref") == self.lines[0]["family_ref"])
        now, before = (
            int(frame["amount_pence"].sum()) for frame in (own, self._history.filter(pl.col("claimed_by") == "family"))
        )
        checks.append(
            Check(
                "All that the family earns, with this batch",
                must_be=f"{pounds(most)} at most",
                fact=f"{pounds(before)} before, {pounds(now)} in this batch",
                result=f"{pounds(most - before - now)} left",
                source=f"parameter {tariff.family_cap}",
                evidence=self._earlier("family"),
            )
        )
        return Group("The amount", " ".join(tariff.citation.split()), tuple(checks))

    def _duplicates(self) -> Group:
        routes = sorted({line["route"] for line in self.lines})
        same, undone = (
            tuple(each for route in routes for each in self._earlier(claimed_by, route))
            for claimed_by in ("family", "reversed")
        )
        checks = (
            Check("The route is not claimed for this family already", "never", _lines(same), evidence=same),
            Check(
                "What was claimed on it before and reversed (repaid, withdrawn, superseded) was given back",
                "nothing, or given back: see the ledger",
                _lines(undone),
                evidence=undone,
            ),
            Check(
                "Nobody of this family is in another family's live claim line",
                "nobody",
                _lines(self._earlier("person")),
                evidence=self._earlier("person"),
            ),
        )
        return Group("Never twice", "Earlier live lines as data/history.csv has them, from the ledger.", checks)

    def _since(self) -> Group:
        check = Check(
            "Nothing has undone the result since: decide the line again from today's extracts (pbr ledger recheck)",
            must_be="the same result today",
            fact=f"met as of {self.traced.as_of}",
        )
        return Group("Since the claim", "Not in the bundle: the authority runs it, before the auditor.", (check,))


# ---------------------------------------------------------------------------------------------------------- in words


def _walk(step: Step) -> Iterator[Step]:
    yield step
    for part in step.parts:
        yield from _walk(part)


def _moves(members: pl.DataFrame, engaged: date, as_of: date) -> Iterator[str]:
    """Who joined or left after engagement and up to the as-of date."""
    for what, column in (("joined", "joined_on"), ("left", "left_on")):
        moved = members.filter(pl.col(column) > engaged, pl.col(column) <= as_of).sort(column, "person_id")
        yield from (f"{person} {what} {day}" for person, day in moved.select("person_id", column).iter_rows())
    born = members.filter(
        pl.col("joined_on").is_null(), pl.col("at_engagement").is_null(), pl.col("at_as_of") == "child"
    )
    yield from (f"{person} was born" for person in born["person_id"].sort())


def _on_record(is_there: bool) -> str:
    return "on record" if is_there else "not on record in time"


def _supplier(file: Input) -> str:
    return file.supplier or "no supplier declared"


def _lines(found: Iterable[Evidence]) -> str:
    count = len(tuple(found))
    return "none" if not count else f"{count} {'line' if count == 1 else 'lines'}"


def _link(row: Row) -> str:
    weight = row["weight"]
    weighed = (
        ""
        if weight is None
        else f", weight {'-' if weight < 0 else '+'}{abs(weight) // 100}.{abs(weight) % 100:02d} bits"
    )
    return f"{row['status']} as {row['person_id']} by {row['pass']} ({row['key']}){weighed}"
