"""`pbr rules`: the rule packs as lists, as rulebooks to read, as fault lists, and as cases run through the engines."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path

import click
import polars as pl

from pbr.cli.console import Commands, date_option, format_options, say, show, show_json
from pbr.cli.rulebook import print_rulebook
from pbr.cli.rules_diff import diff
from pbr.cli.rules_impact import impact
from pbr.jobs.cases import CaseReport, run_cases
from pbr.jobs.decide import installed_engines
from pbr.jobs.rulebook import list_packs, rulebook_page
from pbr.rulebook.book import rulebook
from pbr.rulebook.load import load_pack, pack_ids
from pbr.values import Verdict

pack_argument = click.argument("pack", metavar="PACK")
no_cases_option = click.option("--no-cases", is_flag=True, help="Leave out the worked cases: the rules alone.")


@click.group(cls=Commands)
def rules() -> None:
    """Read, check and test rule packs.

    PACK is the id of a pack that comes with pbr (see `pbr rules list`), or the path of a pack's folder. With a
    council's plan over it, it is PACK+OVERLAY: the overlay's id, or the path of its file.
    """


rules.add_command(diff)
rules.add_command(impact)


@rules.command("list")
@format_options
def list_(form: str) -> None:
    """List the packs that come with pbr, and the overlays, each as PACK+OVERLAY.

    \b
    Example:  pbr rules list
    """
    packs = list_packs()
    if form == "table":
        # The tariff's day stands in `pbr rules show`; here it would take the room of the longer ids.
        packs = packs.drop("claimed_until").with_columns(pl.col("digest").str.head(12))
    show(packs, form)


@rules.command("show")
@pack_argument
@date_option("--on", help="Show the figures of this day (by default the last on which claims can be made).")
@no_cases_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
def show_(pack: str, on: date | None, no_cases: bool, as_json: bool) -> None:
    """Print a pack as a rulebook: each rule in English, its figures, where they come from and how well they are known.

    What the words mean stands at the front, and the worked cases of a rule stand beneath it.

    \b
    Example:  pbr rules show phase-1 --on 2013-09-01
    """
    book = rulebook(load_pack(pack), on, with_cases=not no_cases)
    if as_json:
        show_json(asdict(book))
    else:
        print_rulebook(book)


@rules.command("book")
@click.argument("pack", metavar="[PACK]", required=False)
@date_option("--on", help="Show the figures of this day (by default the last on which claims can be made).")
@no_cases_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="Write PACK's page to this file; without PACK, a page for each pack to this folder.",
)
def book_(pack: str | None, on: date | None, no_cases: bool, out: Path) -> None:
    """Write a pack as a rulebook in HTML, rule and source side by side; without PACK, every pack that comes with pbr.

    A page stands by itself and can be printed.

    \b
    Example:  pbr rules book phase-1 --out phase-1.html
    """
    if pack is None:
        written = {out / f"{each}.html": rulebook_page(each, on, with_cases=not no_cases) for each in pack_ids()}
        out.mkdir(parents=True, exist_ok=True)
    else:
        written = {out: rulebook_page(pack, on, with_cases=not no_cases)}
    for path, page in written.items():
        path.write_bytes(page)
        say(f"The rulebook is {path}.")


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
    be), and a limit that no case meets exactly. It does not fail the command. Of PACK+OVERLAY, only what the overlay
    changes and what its cases are about is looked at.

    Exit code 1 where a case fails or there is none, 3 where two engines differ.

    \b
    Example:  pbr rules test phase-1
    """
    engines = installed_engines()
    report = run_cases(load_pack(pack), engines)
    for failure in report.failures:
        case = failure.case
        say(f"{case.place} [{failure.engine}] {case.item}: {case.name}: {'; '.join(failure.differences)}")
    show(_coverage(report) if form == "table" else report.coverage, form)
    cases = len({one.case.place for one in report.outcomes} | {one.case.place for one in report.payments})
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
