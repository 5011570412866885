"""The `pbr` command: its groups, and the one place where faults become exit codes."""

from __future__ import annotations

import click

from pbr.cli.audit import audit
from pbr.cli.check import check
from pbr.cli.claim import claim
from pbr.cli.console import HABITS, Commands
from pbr.cli.decide import decide
from pbr.cli.demo import demo
from pbr.cli.doctor import doctor
from pbr.cli.eligible import eligible
from pbr.cli.explain import explain
from pbr.cli.forecast import forecast
from pbr.cli.keys import keys
from pbr.cli.ledger import ledger
from pbr.cli.match import match
from pbr.cli.override import override
from pbr.cli.replay import replay
from pbr.cli.report import report
from pbr.cli.review import review
from pbr.cli.rules import rules
from pbr.cli.verify import verify


@click.group(cls=Commands, context_settings=HABITS)
@click.version_option(package_name="pbr", prog_name="pbr")
def main() -> None:
    """Decide, price, explain and replay payment-by-results claims for troubled and supported families.

    \b
    Start with:  pbr demo my-first-authority
    """


for command in (
    *(check, decide, eligible, forecast, claim, override, verify, replay, explain, audit, match, review),
    *(ledger, keys, report, rules, doctor, demo),
):
    main.add_command(command)

if __name__ == "__main__":
    main()
