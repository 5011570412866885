"""The `pbr` command: its groups, and the one place where faults become exit codes."""

from __future__ import annotations

import click

from pbr.cli.console import HABITS, Commands
from pbr.cli.decide import decide


@click.group(cls=Commands, context_settings=HABITS)
@click.version_option(package_name="pbr", prog_name="pbr")
def main() -> None:
    """Decide, price, explain and replay payment-by-results claims for troubled and supported families.

    \b
    Start with:  pbr demo my-first-authority
    """


main.add_command(decide)

if __name__ == "__main__":
    main()
