"""`pbr rules`: the rule packs as lists, as rulebooks to read, as fault lists, and as cases run through the engines."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from datetime import date

import click
import polars as pl
from rich.text import Text

from pbr.cli.console import Commands, date_option, format_options, people, say, show, show_json
from pbr.jobs import rules as jobs
from pbr.jobs.cases import CaseReport, run_cases
from pbr.jobs.rules import Figure, Rulebook
from pbr.rulebook.load import load_pack
from pbr.values import Verdict

pack_argument = click.argument("pack", metavar="PACK")


@click.group(cls=Commands)
def rules() -> None:
    """Read, check and test rule packs.

    PACK is the id of a pack that comes with pbr (see `pbr rules list`), or the path of a pack's folder.
    """


@rules.command("list")
@format_options
def list_(form: str) -> None:
    """List the packs that come with pbr.

    \b
    Example:  pbr rules list
    """
    packs = jobs.list_packs()
    show(packs.with_columns(pl.col("digest").str.head(12)) if form == "table" else packs, form)


@rules.command("show")
@pack_argument
@date_option("--on", help="Show the figures of this day (by default the last on which claims can be made).")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
def show_(pack: str, on: date | None, as_json: bool) -> None:
    """Print a pack as a rulebook: each rule in English, its figures, where they come from and how well they are known.

    \b
    Example:  pbr rules show phase-1 --on 2013-09-01
    """
    rulebook = jobs.rulebook(load_pack(pack), on)
    if as_json:
        show_json(asdict(rulebook))
    else:
        _print_rulebook(rulebook)


@rules.command("check")
@click.argument("path", metavar="PACK")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
def check_(path: str, as_json: bool) -> None:
    """Check a pack: every fault of it at once, each with its file and line.

    \b
    Example:  pbr rules check rules/phase-1
    """
    loaded = load_pack(path)
    pack = loaded.pack
    counts = {
        "parameters": len(pack.parameters),
        "eligibility": len(pack.eligibility),
        "results": len(pack.results),
        "routes": len(pack.routes),
        "flags": len(pack.flags),
    }
    if as_json:
        show_json({"pack": pack.id, "digest": loaded.digest, **counts})
        return
    click.echo(f"{pack.id}: fine. {', '.join(f'{count} {name}' for name, count in counts.items())}.")
    click.echo(f"digest {loaded.digest}")


@rules.command("test")
@pack_argument
@format_options
@click.pass_context
def test_(ctx: click.Context, pack: str, form: str) -> None:
    """Run a pack's worked cases through every engine, and show what they cover.

    What is lacking is said: a verdict that no case of a criterion or route expects (not applicable only where that can
    be), and a limit that no case meets exactly. It does not fail the command.

    Exit code 1 where a case fails or there is none, 3 where two engines differ.

    \b
    Example:  pbr rules test phase-1
    """
    engines = jobs.engines()
    report = run_cases(load_pack(pack), engines)
    for failure in report.failures:
        case = failure.case
        say(f"{case.place} [{failure.engine}] {case.item}: {case.name}: {'; '.join(failure.differences)}")
    show(_coverage(report) if form == "table" else report.coverage, form)
    cases = len({outcome.case.place for outcome in report.outcomes})
    failed = len({failure.case.place for failure in report.failures})
    for lack in report.lacking:
        say(lack)
    lacking = f" Kinds of case that are lacking: {len(report.lacking)}." if report.lacking else ""
    say(f"{cases} cases, {failed} failed, in {len(engines)} engines: {', '.join(engines)}.{lacking}")
    if report.failures:
        ctx.exit(1)


def _coverage(report: CaseReport) -> pl.DataFrame:
    """The coverage for people: a dot for none, nothing where none can be, and the limits met exactly as `2 of 3`."""
    verdicts = [pl.col(str(verdict)).cast(pl.String).replace("0", "·").fill_null("") for verdict in Verdict]
    limits = pl.when(pl.col("limits") == 0).then(pl.lit("")).otherwise(pl.format("{} of {}", "limits_hit", "limits"))
    lacks = pl.col("lacks").str.replace_all("_", " ").str.replace_all(";", ", ")
    return report.coverage.select("part", "item", "cases", *verdicts, limits.alias("limits met exactly"), lacks)


_PARTS = {"eligibility": "Eligibility", "result": "Results", "route": "Routes", "flag": "Flags"}


def _print_rulebook(book: Rulebook) -> None:
    console = people()
    width = min(console.width, 110)

    def line(text: str = "", indent: int = 0, style: str = "") -> None:
        """One paragraph, wrapped; lines after the first hang two deeper."""
        first, rest = " " * indent, " " * (indent + 2 if indent else 0)
        for wrapped in textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest) or [""]:
            console.print(Text(wrapped, style=style), soft_wrap=True)

    def figures(of: tuple[Figure, ...]) -> None:
        for figure in of:
            line(
                f"{figure.title}: {figure.value}, from {figure.since} ({figure.parameter}, {figure.standing})", indent=4
            )
            line(figure.citation, indent=8, style="dim")

    line(book.title, style="bold")
    line(f"pack {book.pack} · figures of {book.on} · digest {book.digest}")
    line(book.citation, style="dim")
    part = ""
    for entry in book.entries:
        if entry.part != part:
            part = entry.part
            line()
            line(_PARTS[part].upper(), style="bold")
        line()
        line(f"{entry.title} ({', '.join(filter(None, (entry.id, entry.standing)))})", style="bold")
        line(entry.citation, indent=2, style="dim")
        for depth, text in entry.lines:
            line(text, indent=2 + 2 * depth)
        figures(entry.figures)
    line()
    line("TARIFF", style="bold")
    line()
    for one in book.in_force:
        engaged, decided = one.engaged, one.decided
        line(f"Families engaged from {engaged.start} until {engaged.until},")
        line(f"decided from {decided.start} until {decided.until} ({one.standing}).", indent=2)
        line(one.citation, indent=2, style="dim")
    line(f"Claims until {book.claimed_until}.")
    line(book.tariff_citation, indent=2, style="dim")
    figures(book.tariff)
