"""`pbr review`: the links that wait for a person, and what people decide about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import polars as pl

from pbr.cli.console import (
    HABITS,
    date_option,
    format_options,
    in_bits,
    people,
    progress,
    say,
    show,
    show_json,
    workspace_argument,
)
from pbr.cli.signing import by_option
from pbr.jobs import review as jobs
from pbr.ledger import Signer
from pbr.values import pounds
from pbr.workspace import TABLES

F = TypeVar("F", bound=Callable[..., Any])

UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\xad\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]")
"""Control characters, and those that are not seen or turn the direction of what follows."""
INSTEAD = "\N{REPLACEMENT CHARACTER}"

SHOWN = ["source", "record_id", "records", "person_id", "family_ids", "pass", "candidates", "at_stake", "verdicts"]


def source_option(function: F) -> F:
    help = "The source that the record is in, where several use its id."
    return click.option("--source", type=click.Choice(TABLES), metavar="TABLE", help=help)(function)


def answer_options(function: F) -> F:
    """What every decision names: the workspace, the record, the person, why, and who decides."""
    function = by_option(function)
    function = source_option(function)
    help = "Why, for the ledger and whoever reads it in a year: no names."
    function = click.option("--why", required=True, metavar="TEXT", help=help)(function)
    return workspace_argument(click.argument("record")(click.argument("person")(function)))


@click.group(context_settings=HABITS)
def review() -> None:
    """Decide whom records are about where the passes leave it open: each decision is a ledger entry.

    \b
    Example:  pbr review list demo --as-of 2014-10-31
    """


@review.command("list")
@workspace_argument
@date_option("--as-of", required=True, help="The day to decide for: what is at stake is reckoned as of it.")
@format_options
def list_(workspace: Path, as_of: date, form: str) -> None:
    """List the links of WORKSPACE that wait for a person: first those on which money hangs, by pounds.

    At stake is the most that the answer can change what the families would be paid today, under their caps and after
    what is claimed already. No names: see `pbr review show`.

    \b
    Examples:
      pbr review list demo --as-of 2014-10-31
      pbr review list demo --as-of 2014-10-31 --csv
    """
    with progress("Reviewing") as step:
        found = jobs.queue(workspace, as_of, step)
    if form != "table":
        show(found.links, form)
    elif not found.links.is_empty():
        at_stake = pl.Series("at_stake", [pounds(pence) for pence in found.links["at_stake_pence"]], pl.String)
        show(_printable(found.links.with_columns(at_stake).select(SHOWN)))
    _tell_of(found)


@review.command("show")
@workspace_argument
@click.argument("record")
@source_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
def show_(workspace: Path, record: str, source: str | None, as_json: bool) -> None:
    """Show RECORD beside whom it may be about, field by field, and what was decided of it.

    This prints names, dates of birth and addresses: whoever decides needs them. Mind who can see the screen.

    \b
    Example:  pbr review show demo OFF00012 --source offending
    """
    with progress("Reviewing") as step:
        shown = jobs.show(workspace, record, source, step)
    if as_json:
        frames = {name: part.to_dicts() for name, part in vars(shown).items() if isinstance(part, pl.DataFrame)}
        show_json({**vars(shown), **frames})
        return
    others = "1 other" if shown.records == 2 else f"{shown.records - 1} others"
    more = f", which gives the same details as {others}" if shown.records > 1 else ""
    people().print(f"Record {UNPRINTABLE.sub(INSTEAD, shown.record_id)} of {shown.source}{more}")
    show(_printable(shown.fields), title="Side by side")
    show(_printable(in_bits(shown.candidates.drop("key"))), title="Whom it may be about")
    if not shown.past.is_empty():
        past = shown.past.select("seq", "at", "by", "person_id", "verdict", "why")
        show(_printable(past), title="What was decided")


@review.command()
@answer_options
def accept(workspace: Path, record: str, person: str, why: str, source: str | None, by: str | Signer) -> None:
    """Decide that RECORD is about PERSON, and so about nobody else.

    The decision holds for every record that gives the same details of somebody, until the supplier changes them.

    \b
    Example:  pbr review accept demo OFF00012 P000345 --why "same school; the mother confirms the new address"
    """
    _decide("accept", workspace, record, person, why, source, by)


@review.command()
@answer_options
def reject(workspace: Path, record: str, person: str, why: str, source: str | None, by: str | Signer) -> None:
    """Decide that RECORD is not about PERSON; a link that the passes confirmed can be rejected too.

    \b
    Example:  pbr review reject demo OFF00012 P000345 --why "a cousin of the same name, seen on the custody record"
    """
    _decide("reject", workspace, record, person, why, source, by)


@review.command()
@answer_options
def reopen(workspace: Path, record: str, person: str, why: str, source: str | None, by: str | Signer) -> None:
    """Take back what was decided of RECORD and PERSON: the passes have the word again.

    \b
    Example:  pbr review reopen demo OFF00012 P000345 --why "the letter it rested on was about somebody else"
    """
    _decide("reopen", workspace, record, person, why, source, by)


@review.command()
@workspace_argument
@format_options
def decisions(workspace: Path, form: str) -> None:
    """List every decision of WORKSPACE's ledger: who decided what, when and why, and whether it stands.

    One that stands was not reopened since. It holds as long as a record gives the details and the person is a member.

    \b
    Examples:
      pbr review decisions demo
      pbr review decisions demo --csv
    """
    found = jobs.decisions(workspace)
    if form != "table":
        show(found, form)
        return
    if not found.is_empty():
        show(_printable(found.with_columns(stands=pl.when("stands").then(pl.lit("yes")).otherwise(pl.lit("no")))))
    made = "1 decision" if found.height == 1 else f"{found.height} decisions"
    say("No decision was made yet." if found.is_empty() else f"{made}; standing: {found['stands'].sum()}.")


@review.command()
@workspace_argument
@date_option("--as-of", required=True, help="The day to decide for: what is at stake is reckoned as of it.")
@click.option(
    "--out", required=True, metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="A new CSV file."
)
def export(workspace: Path, as_of: date, out: Path) -> None:
    """Write the queue of WORKSPACE to a file for a spreadsheet, with the details side by side.

    The file holds names and dates of birth: keep it as the extracts are kept. Colleagues write accept or reject in the
    column verdict and say why in the column why; `pbr review import` reads it.

    \b
    Example:  pbr review export demo --as-of 2014-10-31 --out queue.csv
    """
    with progress("Reviewing") as step:
        written = jobs.export(workspace, as_of, out, step)
    _tell_of(written)
    say(f"Written to {out}. It holds names: keep it as the extracts are kept.")


@review.command("import")
@workspace_argument
@click.argument("answers", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@by_option
def import_(workspace: Path, answers: Path, by: str | Signer) -> None:
    """Enter the decisions of ANSWERS, an exported queue that was filled in (CSV or XLSX), as one ledger entry.

    All rows are looked at first. If one of them does not fit, every fault is told with its row and nothing is entered.

    \b
    Example:  pbr review import demo queue.csv --by r.patel
    """
    read = jobs.read_answers(answers)
    with progress("Reviewing") as step:
        _tell(jobs.review(workspace, read, at=datetime.now(UTC), by=by, say=step))


def _printable(frame: pl.DataFrame) -> pl.DataFrame:
    """Cells and headings without what would steer the terminal: an extract can hold anything."""
    clean = frame.with_columns(pl.col(pl.String).str.replace_all(UNPRINTABLE.pattern, INSTEAD))
    # Ids are headings, of which no two may become the same.
    return clean.rename({name: UNPRINTABLE.sub(lambda at: f"<{ord(at[0]):04X}>", name) for name in clean.columns})


def _decide(
    answer: str, workspace: Path, record: str, person: str, why: str, source: str | None, by: str | Signer
) -> None:
    said = jobs.Answer("", source, record, person, answer, why)
    with progress("Reviewing") as step:
        _tell(jobs.review(workspace, [said], at=datetime.now(UTC), by=by, say=step))


def _tell(made: jobs.Reviewed) -> None:
    decisions = "The decision covers" if made.decisions == 1 else f"The {made.decisions} decisions cover"
    records = "1 record" if made.records == 1 else f"{made.records} records"
    say(f"{decisions} {records} (ledger entry {made.entry.seq}).")


def _tell_of(queue: jobs.Queue) -> None:
    links = queue.links
    weighty = links.filter(pl.col("at_stake_pence") > 0).height
    if links.is_empty():
        say("No link waits for a person.")
    else:
        wait = "1 link waits" if links.height == 1 else f"{links.height} links wait"
        say(f"{wait} for a person; money hangs on {weighty}.")
