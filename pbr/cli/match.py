"""`pbr match`: how records are linked to members, how well, and by what model."""

from __future__ import annotations

import click

from pbr.cli.console import HABITS
from pbr.cli.match_evaluate import evaluate
from pbr.cli.match_explain import explain
from pbr.cli.match_families import families
from pbr.cli.match_hash import hash_identities, new_key
from pbr.cli.match_train import train


@click.group(context_settings=HABITS)
def match() -> None:
    """Look into the links from records to members: why each is there, and the model that weighs the doubtful ones.

    \b
    Start with:  pbr match explain demo OFF00012
    """


for command in (explain, evaluate, families, train, hash_identities, new_key):
    match.add_command(command)
