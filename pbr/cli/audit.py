"""`pbr audit`: what an auditor does with a bundle."""

from __future__ import annotations

import click

from pbr.cli.audit_lines import lines
from pbr.cli.audit_papers import papers
from pbr.cli.audit_record import record
from pbr.cli.audit_sample import sample
from pbr.cli.audit_triggers import triggers
from pbr.cli.console import HABITS


@click.group(context_settings=HABITS)
def audit() -> None:
    """Test a batch: what its lines rest on, a sample and its results, and what should raise a question.

    \b
    Example:  pbr audit sample demo/batches/E09999999-2014-10-0c6f9a1d2b3e --seed "our own words"
    """


for command in (lines, sample, papers, record, triggers):
    audit.add_command(command)
