"""`pbr audit record`: an auditor's results, and what they say of the batch."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import polars as pl

from pbr.audit.interval import CONFIDENCE
from pbr.audit.projection import TOLERABLE
from pbr.cli.audit_sample import bundle_argument, seed_options
from pbr.cli.console import progress, say, show, show_json
from pbr.cli.signing import by_option
from pbr.jobs.audit_record import AuditOutcome, record_results
from pbr.jobs.batches import enter_audit
from pbr.ledger import Signer
from pbr.values import Share, pounds


def _share(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    try:
        share = Share.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if share.numerator > share.denominator:
        raise click.BadParameter(f"{value} is more than all of it.")
    return share


@click.command()
@bundle_argument
@click.argument("results", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@seed_options
@click.option(
    "--tolerable",
    default=TOLERABLE.percent,
    show_default=True,
    callback=_share,
    metavar="SHARE",
    help="The share of invalid lines above which every line is to be checked, such as 5% or 1/30.",
)
@click.option(
    "--workspace",
    metavar="WORKSPACE",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Enter the results in this workspace's ledger as well: the batch is checked where they pass.",
)
@by_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
def record(
    bundle: Path,
    results: Path,
    seed: str,
    size: int | None,
    tolerable: Share,
    workspace: Path | None,
    by: str | Signer,
    as_json: bool,
) -> None:
    """Project the RESULTS of a sample of BUNDLE onto the whole batch, and say what follows.

    RESULTS is the sheet that `pbr audit sample --sheet` wrote, filled in: valid, invalid or not_tested for each line.
    Nothing is written, but in the ledger of --workspace: there whoever audits signs, who is not whoever prepared it.

    \b
    Examples:
      pbr audit record demo/batches/E09999999-2014-10-0c6f9a1d2b3e results.csv --seed "our own words"
      pbr audit record demo/batches/E09999999-2014-10-0c6f9a1d2b3e results.csv --seed "our own words" \\
        --workspace demo --key a.audit.key
    """
    now = datetime.now(UTC)
    with progress("Projecting") as step:
        step("draw the sample again")
        made = record_results(bundle, results, seed, size, tolerable)
    entry = None if workspace is None else enter_audit(workspace, made.outcome, at=now, by=by)
    if as_json:
        show_json(made.outcome.body() | {"ledger_entry": entry.seq if entry else None})
        return
    show(_readable(made.strata), title="What was tested")
    _tell(made.outcome)
    say(_what_follows(made.outcome, bundle))
    if entry is not None:
        said = "The batch is checked" if entry.kind == "checked" else "The results are noted; the batch is not checked"
        say(f"{said} (ledger entry {entry.seq}).")


def _readable(strata: pl.DataFrame) -> pl.DataFrame:
    pence = [name for name in strata.columns if name.endswith("_pence")]
    return strata.with_columns(
        pl.Series(name, [pounds(amount) for amount in strata[name]], dtype=pl.String) for name in pence
    ).rename({name: name.replace("_pence", "_amount") for name in pence})


def _tell(outcome: AuditOutcome) -> None:
    say(f"Batch {outcome.batch_id}: {outcome.tested} of {outcome.lines} lines tested, {len(outcome.invalid)} invalid.")
    for line in outcome.invalid:
        say(f"  invalid: {line}")
    point = "" if outcome.error_rate is None else f" The best estimate is {_percent(outcome.error_rate)} of the lines."
    say(f"With {CONFIDENCE}% confidence, {outcome.low} to {outcome.high} lines of the batch are invalid.{point}")
    point = "" if outcome.point_pence is None else f"; the best estimate is {pounds(outcome.point_pence)}"
    say(f"Money: {pounds(outcome.found_pence)} found invalid, at most {pounds(outcome.high_pence)} at risk{point}.")


def _percent(ratio: tuple[int, int]) -> str:
    """In tenths of a per cent, rounded to the nearest."""
    tenths = (2000 * ratio[0] + ratio[1]) // (2 * ratio[1])
    return f"{tenths // 10}.{tenths % 10}%"


def _what_follows(outcome: AuditOutcome, bundle: Path) -> str:
    more = ""
    if outcome.next_size is not None:
        words = ["pbr", "audit", "sample", str(bundle), "--seed", outcome.seed, "--size", str(outcome.next_size)]
        count = outcome.next_size - outcome.size
        more = f" That is {count} more {'line' if count == 1 else 'lines'}: {shlex.join(words)}"
    take_out = "Withdraw the batch, correct what was wrong, and prepare it again."
    match outcome.decision:
        case "pass":
            return "Pass: the sample was tested whole, and no line is invalid."
        case "incomplete" if outcome.not_tested:
            count = len(outcome.not_tested)
            return f"Incomplete: {'1 line' if count == 1 else f'{count} lines'} of the sample not tested.{more}"
        case "incomplete":
            return f"Incomplete: no line is invalid, but a batch passes on no fewer than {outcome.required}.{more}"
        case "extend":
            return f"Extend: not more than the tolerable share is invalid; test a larger sample.{more}"
        case "check_all":
            return f"Check all: what was found is too much for a larger sample; test every line.{more}"
        case _:
            return f"Withdraw: the lines found invalid must come out. {take_out}"
