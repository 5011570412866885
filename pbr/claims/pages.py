"""The pages for people: a batch's summary, the certificate that the responsible officers sign, and the rulebook.

In: the run, the tables as they are claimed, and titles for routes and flags; or a rulebook. Out: HTML that stands by
itself (no script, nothing fetched), the same to the byte every time. The certificate's text is a Jinja template which
an authority may replace by its own; what it can name is in `docs/bundle.md`. Templates run sandboxed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import jinja2
import polars as pl
from jinja2.sandbox import SandboxedEnvironment

from pbr.claims.contract import BatchRun
from pbr.errors import Fault, Faults
from pbr.rulebook.book import PARTS, Entry, Link, Rulebook
from pbr.rulebook.words import spoken
from pbr.values import pounds

# Not from the calendar module, which speaks the machine's language.
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def long_date(day: date | None) -> str:
    """`1 September 2014`; empty where there is none."""
    return "" if day is None else f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def codes(joined: str | None) -> str:
    """Codes joined with `;`, as people read them."""
    return (joined or "").replace(";", ", ").replace("_", " ")


def grouped(number: int) -> str:
    """`1,441`."""
    return f"{number:,}"


def summary(run: BatchRun, titles: Mapping[str, str], tables: Mapping[str, pl.DataFrame]) -> bytes:
    """`summary.html`. `tables`: claim, attrition, held and quarantine, in the columns of the contract."""
    flags = tables["claim"].select(flag=pl.col("flags").str.split(";")).explode("flag").filter(pl.col("flag") != "")
    quarantine = tables["quarantine"].group_by("source", "code", "reason").agg(records=pl.col("record_id").n_unique())
    page = templates().get_template("summary.html")
    return page.render(
        **_claim(run, titles, tables["claim"], tables["held"]),
        attrition=tables["attrition"].to_dicts(),
        held=tables["held"].to_dicts(),
        flags=_titled(flags["flag"].value_counts().sort("flag").to_dicts(), "flag", titles),
        inputs=sorted(run.inputs, key=lambda each: (each.source, each.path)),
        quarantine=quarantine.sort("source", "code", "reason").to_dicts(),
    ).encode()


def certificate(
    run: BatchRun, titles: Mapping[str, str], tables: Mapping[str, pl.DataFrame], template: str | None
) -> bytes:
    """`certificate.html`, from the authority's own template where one is given. Raises Faults (E542)."""
    said = _claim(run, titles, tables["claim"], tables["held"])
    if template is None:
        return templates().get_template("certificate.html").render(**said).encode()
    try:
        return templates().from_string(template).render(**said).encode()
    except Exception as error:  # a template is a program, and may fail in any way
        line = f":{error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise Faults(
            Fault(
                "E542",
                f"certificate.html{line}",
                f"the authority's certificate cannot be filled in: {error}",
                "Correct the template; docs/bundle.md lists what it can name.",
            )
        ) from error


def rulebook(book: Rulebook) -> bytes:
    """`rulebook.html`: a pack in words, each rule beside its source. Entries have anchors, as `result-asb_reduced`."""
    return templates().get_template("rulebook.html").render(book=book, parts=PARTS).encode()


@cache
def templates(room: str = "pbr.claims") -> SandboxedEnvironment:
    """The templates of a room, and those of claims, so that all pages look alike: sandboxed, escaped, and strict, so
    that a name that is not there is an error. Kept, for it keeps the pages that it has compiled.
    """
    found = SandboxedEnvironment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(room), jinja2.PackageLoader("pbr.claims")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {"pounds": pounds, "long_date": long_date, "words": spoken, "number": grouped, "codes": codes}
    found.filters |= {"anchor": _anchor, "linked": _linked, "nested": _nested}
    return found


def _claim(run: BatchRun, titles: Mapping[str, str], claim: pl.DataFrame, held: pl.DataFrame) -> dict[str, Any]:
    """What both pages, and an authority's own certificate, can name."""
    by_route = claim.group_by("route").agg(
        families=pl.col("family_ref").n_unique(), lines=pl.len(), amount_pence=pl.col("amount_pence").sum()
    )
    return {
        "run": run,
        "bundle": run.bundle_name,
        "titles": titles,
        "routes": _titled(by_route.sort("route").to_dicts(), "route", titles),
        "families": claim["family_ref"].n_unique(),
        "held_lines": held.height,
        "held_pence": int(held["amount_pence"].sum()),
    }


def _titled(rows: list[dict[str, Any]], column: str, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{**row, "title": titles.get(row[column], spoken(row[column]))} for row in rows]


# ---------------------------------------------------------------------------------------------------- the rulebook


@dataclass
class _Line:
    """A line of a rule, with those that stand below it."""

    text: str
    parts: list[_Line] = field(default_factory=list)


def _nested(lines: Iterable[tuple[int, str]]) -> list[_Line]:
    """Lines that say how deep they stand, as a tree; each is at most one deeper than the line before it."""
    top = _Line("")
    path = [top]
    for depth, text in lines:
        line = _Line(text)
        path[depth].parts.append(line)
        path[depth + 1 :] = [line]
    return top.parts


def _anchor(of: Entry | Link) -> str:
    return f"{of.part}-{of.id}"


def _linked(text: str, links: Iterable[Link]) -> list[tuple[str, Link | None]]:
    """A line in pieces, in which the title of another entry has the link to it."""
    for link in links:
        title = f"“{link.title}”"
        before, found, after = text.partition(title)
        if found:
            return [(before, None), (title, link), (after, None)]
    return [(text, None)]
