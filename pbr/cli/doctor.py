"""`pbr doctor`: whether this installation can decide, and what it is made of."""

from __future__ import annotations

from dataclasses import asdict

import click
import polars as pl

from pbr.cli.console import progress, say, show, show_json
from pbr.jobs.doctor import Checkup
from pbr.jobs.doctor import doctor as examine


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Say which engines work here, and the versions of Python, pbr and what it stands on.

    Every engine decides a made-up family. Exit code 0 where two of them agree, for a claim needs two; else 1.

    \b
    Example:  pbr doctor
    """
    with progress("Looking around"):
        checkup = examine()
    if as_json:
        show_json(asdict(checkup) | {"is_fit": checkup.is_fit})
    else:
        _print(checkup)
    context.exit(0 if checkup.is_fit else 1)


def _print(checkup: Checkup) -> None:
    engines = [(state.engine, "works" if state.works else "is not here", state.note) for state in checkup.engines]
    show(pl.DataFrame(engines, schema=["engine", "state", "note"], orient="row"), title="Engines")
    compiler = checkup.c_compiler or "none (durable-rules is built from source)"
    machine = [("Python", checkup.python), ("platform", checkup.platform), ("C compiler", compiler)]
    versions = [(name, version or "not installed") for name, version in checkup.versions.items()]
    show(pl.DataFrame([*machine, *versions], schema=["what", "version"], orient="row"), title="Installation")
    working = [state.engine for state in checkup.engines if state.works]
    if not checkup.is_fit:
        say(f"Error: a claim needs two engines, and here {' and '.join(working) or 'none'} works. Install pbr again.")
    elif "durable" not in working:
        say("Claims are decided a second time by the reference engine. For durable-rules see the README, 'Engines'.")
