"""`pbr rules diff`: two packs, or a pack and a council's overlay over it, side by side in words."""

from __future__ import annotations

import click
from rich.table import Table

from pbr.cli.console import format_options, people, say, show
from pbr.jobs.rules_diff import RulesDiff, rules_diff


@click.command("diff")
@click.argument("before", metavar="PACK")
@click.argument("after", metavar="[PACK]", required=False)
@format_options
def diff(before: str, after: str | None, form: str) -> None:
    """Show in words what differs between two packs: figures by the day, criteria, routes, flags, tariff.

    With one PACK+OVERLAY alone, what the overlay changes. Rules are said with the figures of the last day on which
    either pack can be claimed under.

    \b
    Examples:
      pbr rules diff phase-2+devon
      pbr rules diff phase-1 phase-2 --csv
    """
    found = rules_diff(before, after)
    if form == "table":
        _print(found)
    else:
        show(found.differences, form)
    say(f"{found.differences.height} differences between {found.before.pack.id} and {found.after.pack.id}.")


def _print(found: RulesDiff) -> None:
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 1, 0), expand=True)
    for name, ratio in {"what": 2, "from": None, "before": 3, "after": 3, "source": 3}.items():
        table.add_column(name, ratio=ratio, overflow="fold", no_wrap=ratio is None)
    for row in found.differences.iter_rows(named=True):
        named = "\n".join(filter(None, (f"{row['part']}: {row['what']}", row["id"], row["title"])))
        source = ": ".join(filter(None, (row["standing"], row["citation"])))
        cells = (named, row["since"], row["before"], row["after"], source)
        table.add_row(*("" if cell is None else str(cell) for cell in cells))
    people().print(table)
