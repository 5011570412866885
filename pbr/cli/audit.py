"""`pbr audit`: what an auditor asks of a bundle."""

from __future__ import annotations

import click

from pbr.cli.audit_lines import lines
from pbr.cli.console import HABITS


@click.group(context_settings=HABITS)
def audit() -> None:
    """Audit a batch: which lines rest on what.

    \b
    Example:  pbr audit lines demo --resting-on school_leaver
    """


audit.add_command(lines)
