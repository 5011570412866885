"""Working papers as a workbook: the sample and how it was drawn, the results to fill in, and a sheet a family.

In: papers, the run and the drawing. Out: the bytes of an XLSX file, the same for the same papers. Text is written as
text, so that no cell runs; what the auditor fills in is empty, with a list to choose the result from.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from shlex import quote
from textwrap import wrap
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from pbr.audit.papers import Check, Drawing, Paper
from pbr.claims.contract import BatchRun
from pbr.values import pounds

RESULTS = ("claim_line_id", "result", "note", "tested_by")
"""The sheet of results, and `results.csv`."""
ANSWERS = ("valid", "invalid", "not tested")
SAMPLE, TO_FILL_IN = "Sample", "Results"

COLUMNS = {
    "No.": 5,
    "What is tested": 36,
    "Must be": 22,
    "Our fact": 20,
    "Our result": 16,
    "Days": 11,
    "What the record says": 25,
    "Record, file and link": 29,
    "Result": 10,
    "Note": 16,
    "Initials": 7,
}
"""A paper's columns and their widths; the last three are the auditor's."""
WIDTHS = tuple(COLUMNS.values())
OURS, RECORDS = len(COLUMNS) - 3, 5
"""Where the auditor's columns begin, and where those of records do."""
LINE = 13
"""Points that a line of text is high."""


def workbook(papers: Sequence[Paper], run: BatchRun, drawing: Drawing) -> bytes:
    """The workbook of a sample."""
    content = io.BytesIO()
    with Workbook(content, {"in_memory": True}) as book:
        # The only clock in the file is the claim's own.
        day = run.claim_date
        book.set_properties(
            {
                "title": f"Working papers {run.bundle_name}",
                "created": datetime(day.year, day.month, day.day, tzinfo=UTC),
            }
        )
        look = _Look(book)
        _sample(book.add_worksheet(SAMPLE), look, papers, run, drawing)
        _results(book.add_worksheet(TO_FILL_IN), look, papers)
        for paper in papers:
            _paper(book.add_worksheet(paper.sheet), look, paper, run)
    return content.getvalue()


class _Look:
    """The formats of a workbook."""

    def __init__(self, book: Workbook) -> None:
        plain = {"text_wrap": True, "valign": "top", "font_size": 10}
        line = {"bottom": 1, "bottom_color": "#C9CDD2"}
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.text = book.add_format(plain)
        self.bold = book.add_format(plain | {"bold": True})
        self.head = book.add_format(plain | {"bold": True, "bottom": 2, "bg_color": "#F3F4F6"})
        self.group = book.add_format(plain | {"bold": True, "top": 1, "bg_color": "#E6E9ED"})
        self.cited = book.add_format(plain | {"italic": True, "font_color": "#55595E"})
        self.record = book.add_format(plain)
        self.cell = book.add_format(plain | {"top": 1, "top_color": "#C9CDD2"})
        self.fill_in = book.add_format(plain | {"border": 1, "bg_color": "#FFFBE6"})
        self.link = book.add_format(plain | line | {"font_color": "#1F4E8C", "underline": 1})
        self.number = book.add_format(plain | line | {"align": "right", "indent": 1})
        self.row = book.add_format(plain | line)
        stepped = plain | {"top": 1, "top_color": "#C9CDD2"}
        self.steps = [book.add_format(stepped | {"indent": depth}) for depth in range(16)]


def _row(sheet: Worksheet, at: int, texts: Iterable[str], look: Any, first: int = 0) -> None:
    for column, text in enumerate(texts, start=first):
        if text:
            sheet.write_string(at, column, text, look)
        else:
            sheet.write_blank(at, column, None, look)


def _high(texts: Sequence[str], widths: Sequence[int]) -> int:
    """How high a row must be for the texts of its cells: not every program sees to that itself."""
    # A column's width is counted in figures of a larger size than the text's.
    return LINE * max(1, *(len(wrap(text, width * 9 // 8)) for text, width in zip(texts, widths, strict=True)))


def _on_paper(sheet: Worksheet, run_name: str, repeat: int) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer(f"&L{run_name.replace('&', '&&')}&C&A&RPage &P of &N")
    sheet.repeat_rows(repeat)


def _sample(sheet: Worksheet, look: _Look, papers: Sequence[Paper], run: BatchRun, drawing: Drawing) -> None:
    sheet.write_string(0, 0, f"Working papers: {run.authority_name}, claim {run.window}", look.title)
    told = described(run, drawing)
    for at, (name, value) in enumerate(told.items(), start=1):
        sheet.write_string(at, 0, name, look.bold)
        sheet.write_string(at, 1, value)
    columns = {
        "Paper": 18,
        "Family": 14,
        "Claim line": 20,
        "Route": 34,
        "Amount": 12,
        "Flags": 34,
        "Why in the sample": 20,
        "Stratum": 40,
    }
    head = len(told) + 2
    for at, (name, width) in enumerate(columns.items()):
        sheet.set_column(at, at, width)
        sheet.write_string(head, at, name, look.head)
    at = head
    for paper in papers:
        for line in paper.lines:
            at += 1
            sheet.write_url(at, 0, f"internal:'{paper.sheet}'!A1", look.link, paper.sheet)
            _row(sheet, at, [paper.family_id, line["claim_line_id"], line["title"]], look.row, 1)
            sheet.write_string(at, 4, pounds(line["amount_pence"]), look.number)
            flags = (line["flags"] or "").replace(";", ", ").replace("_", " ")
            _row(
                sheet, at, [flags, line["why"].replace(";", ", ").replace("_", " "), line["stratum"] or ""], look.row, 5
            )
    sheet.freeze_panes(head + 1, 0)
    _on_paper(sheet, run.bundle_name, head)


def described(run: BatchRun, drawing: Drawing) -> dict[str, str]:
    """What the batch is and how the sample was drawn, by name, for the head of every form of the papers."""
    again = f"--seed {quote(drawing.seed)} --size {drawing.size}"
    by_lot = drawing.size - drawing.always
    return {
        "Bundle": run.bundle_name,
        "Manifest digest": drawing.manifest_digest,
        "Claimed": f"{pounds(run.amount_pence)}, {run.lines} lines, as of {run.as_of}, claimed on {run.claim_date}",
        "Rules": f"{run.pack_title} ({run.pack_id}), {run.pack_digest}",
        "Population digest": drawing.population_digest,
        "Seed": drawing.seed,
        "Sample": f"{drawing.size} of {drawing.lines} lines: {drawing.always} that are in every sample (overrides, "
        f"neutral passes, repeat families), {by_lot} by lot within strata",
        "Sample digest": drawing.sample_digest,
        "To draw it again": f"pbr audit sample {run.bundle_name} {again}",
        "To give back": "Fill in the results (here or in results.csv), save them as CSV in UTF-8, then: "
        f"pbr audit record {run.bundle_name} results.csv {again}",
    }


def _results(sheet: Worksheet, look: _Look, papers: Sequence[Paper]) -> None:
    for at, (name, width) in enumerate(zip(RESULTS, (22, 12, 60, 18), strict=True)):
        sheet.set_column(at, at, width)
        sheet.write_string(0, at, name, look.head)
    lines = [line for paper in papers for line in paper.lines]
    for at, line in enumerate(lines, start=1):
        sheet.write_string(at, 0, line["claim_line_id"], look.row)
        _row(sheet, at, [""] * 3, look.fill_in, 1)
    _to_choose(sheet, 1, len(lines), 1)
    sheet.freeze_panes(1, 1)
    _on_paper(sheet, "Results", 0)


def _to_choose(sheet: Worksheet, first: int, last: int, column: int) -> None:
    told = {"error_title": "Result", "error_message": f"Choose one of: {', '.join(ANSWERS)}."}
    sheet.data_validation(first, column, last, column, {"validate": "list", "source": list(ANSWERS), **told})


def _paper(sheet: Worksheet, look: _Look, paper: Paper, run: BatchRun) -> None:
    for at, width in enumerate(COLUMNS.values()):
        sheet.set_column(at, at, width)
    sheet.write_string(0, 0, f"Family {paper.family_id}, engaged {paper.engaged_on}", look.title)
    sheet.write_url(0, len(COLUMNS) - 2, f"internal:'{SAMPLE}'!A1", look.link, "Back to the sample")
    sheet.write_string(1, 0, f"Reference {paper.family_ref}; batch {run.batch_id}; as of {run.as_of}")
    at = 1
    for line in paper.lines:
        at += 1
        why = line["why"].replace(";", ", ").replace("_", " ")
        told = f"Line {line['claim_line_id']}: {line['title']}, {pounds(line['amount_pence'])}; in the sample: {why}"
        sheet.write_string(at, 0, told)
    head = at = at + 1
    _row(sheet, at, COLUMNS, look.head)
    sheet.freeze_panes(head + 1, 2)
    for group, checks in paper.checks:
        at += 1
        _across(sheet, at, group.title, look.group)
        at += 1
        _across(sheet, at, group.citation, look.cited)
        for number, check in checks:
            at = _check(sheet, at + 1, look, number, check)
    _on_paper(sheet, run.bundle_name, head)


def _check(sheet: Worksheet, at: int, look: _Look, number: str, check: Check) -> int:
    """Write a test, with a row for each of its records; the last row."""
    must_be = f"{check.must_be} ({check.source})" if check.source else check.must_be
    ours = [number, check.tests, must_be, check.fact, check.result]
    records = [[each.days, each.says, each.place] for each in check.evidence] or [[""] * 3]
    for below, cells in enumerate(records):
        told = (ours if below == 0 else [""] * RECORDS) + cells
        sheet.set_row(at + below, _high(told, WIDTHS[:OURS]))
        _row(sheet, at + below, cells, look.cell if below == 0 else look.record, RECORDS)
    _row(sheet, at, ours, look.cell)
    sheet.write_string(at, 1, check.tests, look.steps[min(check.depth, len(look.steps) - 1)])
    _row(sheet, at, [""] * 3, look.fill_in, OURS)
    _to_choose(sheet, at, at, OURS)
    return at + len(records) - 1


def _across(sheet: Worksheet, at: int, text: str, look: Any) -> None:
    """A text across a whole row."""
    sheet.merge_range(at, 0, at, len(COLUMNS) - 1, "", look)
    sheet.write_string(at, 0, text, look)
    sheet.set_row(at, _high([text], [sum(WIDTHS)]))
