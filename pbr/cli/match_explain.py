"""`pbr match explain`: whom a record is linked to, why, and why not somebody else."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from pbr.cli.console import bits, in_bits, people, progress, say, show, show_json, workspace_argument
from pbr.jobs.match_explain import Explained, explain_record
from pbr.workspace import TABLES


@click.command()
@workspace_argument
@click.argument("record")
@click.option(
    "--source",
    type=click.Choice(TABLES),
    metavar="TABLE",
    help="The source that the record is in, where several use its id.",
)
@click.option(
    "--charts",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write splink's charts here: weights.html of the model, waterfall.html of the record. They open offline.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
def explain(workspace: Path, record: str, source: str | None, charts: Path | None, as_json: bool) -> None:
    """Explain the links of RECORD: the pass that made each, how each field agrees, and who else came near.

    Where the workspace has a model, each weight is taken apart by field. Levels are shown and never values, on the
    screen and in the charts: `pbr review show` puts names and dates side by side.

    \b
    Examples:
      pbr match explain demo OFF00012
      pbr match explain demo OFF00012 --source offending --charts charts
    """
    with progress("Explaining") as step:
        explained = explain_record(workspace, record, source, charts, step)
    if as_json:
        frames = {name: part.to_dicts() for name, part in vars(explained).items() if isinstance(part, pl.DataFrame)}
        show_json({**vars(explained), **frames})
    else:
        _print(explained)
    for path in explained.charts:
        say(f"Written: {path}")


def _print(explained: Explained) -> None:
    others = explained.records - 1
    more = f"; {others} others give the same details" if others else ""
    people().print(f"Record {explained.record_id} of {explained.source} ({' and '.join(explained.places)}){more}")
    if explained.links.is_empty():
        people().print("It is linked to nobody.")
    else:
        show(in_bits(explained.links), title="Links")
    if not explained.near.is_empty():
        left_out = explained.all_near - explained.near.height
        which = f"Who else came near, the nearest {explained.near.height} of {explained.all_near}" if left_out else ""
        show(in_bits(explained.near), title=which or "Who else came near")
    for person_id, of_person in explained.parts.group_by("person_id", maintain_order=True):
        said = of_person.filter(pl.col("level").is_null() | (pl.col("level") != "absent")).drop("person_id")
        total = bits(int(of_person["weight"].sum()))
        show(in_bits(said.with_columns(pl.col("level").fill_null(""))), title=f"{person_id[0]}: {total} bits")
    if not explained.past.is_empty():
        show(explained.past.select("seq", "at", "by", "person_id", "verdict", "why"), title="What reviewers decided")
