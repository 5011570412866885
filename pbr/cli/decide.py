"""`pbr decide`: findings of every family, to a file or as a summary."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import polars as pl

from pbr.cli.console import date_option, format_options, pack_option, progress, say, show, workspace_argument
from pbr.cli.measured import tell_of_others, write_rows
from pbr.jobs.decide import ENGINES, Decision, require_known_form
from pbr.jobs.decide import decide as decide_workspace
from pbr.rulebook.load import load_pack


@click.command()
@workspace_argument
@date_option("--as-of", required=True, help="The day to decide for; nothing dated on or after it counts.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the findings here: .csv, .parquet or .jsonl."
)
@pack_option
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(sorted(ENGINES)),
    help="Decide with this engine (default: bulk). Given twice, both must agree.",
)
@format_options
def decide(
    workspace: Path, as_of: date, out: Path | None, pack: str | None, engines: tuple[str, ...], form: str
) -> None:
    """Decide every family of WORKSPACE: eligibility, results and routes.

    Prints how many families have which verdict; --out keeps every finding, one row per criterion and subject.

    \b
    Example:  pbr decide demo --as-of 2014-10-31 --out findings.csv
    """
    if out is not None:
        require_known_form(out)
    with progress("Deciding") as step:
        decision = decide_workspace(workspace, as_of, engines or ("bulk",), load_pack(pack) if pack else None, step)
        if out is not None:
            step(f"write {out}")
            write_rows(decision.findings, out, decision.of)
    show(verdict_counts(decision.findings), form, title=f"Families by verdict as of {as_of}")
    say(f"{decision.of.decided.len()} families decided by {' and '.join(decision.engines)}, under {_packs(decision)}.")
    tell_of_others(decision.of)
    if out is not None:
        say(f"Findings are in {out}.")


def verdict_counts(findings: pl.DataFrame) -> pl.DataFrame:
    """Families by criterion and verdict: `part`, `item`, `met`, `not_met`, `unknown`, `not_applicable`."""
    own = findings.filter(pl.col("subject_id") == "")
    verdicts = ("met", "not_met", "unknown", "not_applicable")
    return (
        own.group_by("part", "item", maintain_order=True)
        .agg([(pl.col("verdict") == verdict).sum().alias(verdict) for verdict in verdicts])
        .sort("part", maintain_order=True)
    )


def _packs(decision: Decision) -> str:
    """The packs that decided, with how many families each."""
    cohorts = decision.of.cohorts
    counts = {
        pack.pack.id: sum(one.facts.families.height for one in cohorts if one.rules.digest == pack.digest)
        for pack in decision.of.packs
    }
    (only, *more) = counts
    return " and ".join(f"{name} ({count})" for name, count in counts.items()) if more else only
