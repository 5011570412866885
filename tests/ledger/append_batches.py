"""Run by the tests in a process of its own: append batches to a ledger, and print each one once it is in.

Arguments: the ledger, a name for this process, how many batches, how many lines in each, and `own` or `shared`
families. A refusal for a family that another process claimed is printed with its code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pbr.errors import Faults
from pbr.ledger import Ledger
from tests.ledger.made_batches import NOON, line, prepared


def main(path: str, name: str, batches: str, lines: str, families: str) -> None:
    owner = name if families == "own" else "F"
    with Ledger.open(Path(path), create=True) as ledger:
        for number in range(int(batches)):
            batch = prepared(*(line(f"{owner}-{number}-{n}") for n in range(int(lines))))
            try:
                ledger.append("prepared", f"{name}-{number}", batch, at=NOON, by=name)
                outcome = "in"
            except Faults as faults:
                outcome = faults.faults[0].code
            sys.stdout.write(f"{name}-{number} {outcome}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
