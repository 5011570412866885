"""`pbr verify`: whether a bundle is as it was written."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from pbr.cli.console import progress, say, show_json
from pbr.errors import Faults
from pbr.jobs.steps import Steps
from pbr.jobs.verify import verify as verify_bundle
from pbr.values import pounds

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("bundle", type=FOLDER)
@click.option(
    "--workspace",
    metavar="WORKSPACE",
    type=FOLDER,
    help="Compare with this workspace's ledger as well: whether it is the bundle that was prepared.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output, the faults among it.")
@click.pass_context
def verify(ctx: click.Context, bundle: Path, workspace: Path | None, as_json: bool) -> None:
    """Verify that BUNDLE is as it was written, and list every fault: missing, extra, changed or doubled files.

    Exit code 1 where there is a fault.

    \b
    Examples:
      pbr verify demo/batches/E09999999-2014-10-0c6f9a1d2b3e
      pbr verify demo/batches/E09999999-2014-10-0c6f9a1d2b3e --workspace demo
    """
    try:
        with progress("Verifying"):
            verified = verify_bundle(bundle, workspace)
    except Faults as faults:
        if not as_json:
            raise
        show_json({"verified": False, "faults": [asdict(fault) for fault in faults.faults]})
        ctx.exit(faults.exit_code)
    run = verified.run
    if as_json:
        show_json(
            {
                "verified": True,
                "faults": [],
                "batch_id": run.batch_id,
                "lines": run.lines,
                "amount_pence": run.amount_pence,
                "manifest_digest": verified.manifest_digest,
                "state": verified.state,
                "steps": None if verified.steps is None else asdict(verified.steps),
            }
        )
        return
    known = f" The ledger knows it, and it is {verified.state}." if verified.state else ""
    lines = "1 line" if run.lines == 1 else f"{run.lines} lines"
    say(f"Every byte is as it was written: batch {run.batch_id}, {lines}, {pounds(run.amount_pence)}.{known}")
    say(f"Manifest digest: {verified.manifest_digest}")
    _tell_steps(verified.steps)


def _tell_steps(steps: Steps | None) -> None:
    if steps is None:
        say("It carries no signed steps: what became of the batch, only the ledger of its authority says.")
        return
    for step in steps.signed:
        day = f" on {step.on}" if step.on else ""
        entered = f"entry {step.seq} of {step.at[:10]}"
        say(f"{step.kind.capitalize()} by {step.by}{day} ({entered}), signed with key {step.fingerprint}.")
    last = steps.signed[-1].seq
    say(f"These are its steps up to entry {last}; later ones, a withdrawal among them, only the ledger tells.")
    for registrar in steps.registrars:
        say(f"{registrar.by} vouches for the keys, with key {registrar.fingerprint}: compare it with the one you know.")
