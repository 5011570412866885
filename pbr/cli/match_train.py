"""`pbr match train`: the model of the probabilistic pass."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from pbr.cli.console import bits, format_options, progress, say, show, show_json, workspace_argument
from pbr.jobs.match_train import train_model


@click.command()
@workspace_argument
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the model here instead of to the file that pbr.toml names (linkage-model.json unless it does).",
)
@format_options
def train(workspace: Path, out: Path | None, form: str) -> None:
    """Train the model of the probabilistic pass on the records of WORKSPACE, and write it to its file.

    Prints how often each level of agreement is seen among pairs of one person and of two, and what it weighs in bits.
    The same records give the same file. It holds no value of any person. A run reads it like an extract: train again
    when the sources change, and not before every run.

    \b
    Examples:
      pbr match train demo
      pbr match train demo --out tried.json --json
    """
    with progress("Training") as step:
        trained = train_model(workspace, out, step)
    model = trained.model
    if form == "json":
        told = {"trained": model.trained, "versions": model.versions, "sha256": model.digest}
        show_json(told | {"weights": model.table.to_dicts()})
    elif form == "csv":
        show(model.table, form)
    else:
        show(_for_people(model.table), title="What each level weighs, in bits")
    counts = model.trained
    say(
        f"Trained by {counts['method']} on {counts['details']} sets of details and {counts['people']} members: "
        f"{counts['sure_links']} sure links, {counts['pairs_alike_in_name_and_birth']} pairs alike in name and birth, "
        f"{counts['pairs_of_two_people']} pairs of two people."
    )
    say(f"The model {model.digest[:12]} is in {trained.path}." + ("" if trained.changed else " It was there already."))
    if trained.to_add:
        say("No run reads it yet. In pbr.toml, put this, or what is in it where that table is there:")
        say(f"\n{trained.to_add}")


def _for_people(table: pl.DataFrame) -> pl.DataFrame:
    return table.select(
        "field",
        pl.col("level").fill_null(""),
        same_person=_share("same_person"),
        others=_share("others"),
        weight=pl.col("weight").map_elements(bits, pl.String),
    )


def _share(column: str) -> pl.Expr:
    return pl.col(column).map_elements(lambda share: f"{share:.3g}", pl.String)
