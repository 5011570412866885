"""Run by the tests in a process of its own: accept one person for many details, and print what came of each.

Arguments: the ledger, the person's id, how many reviews. A refusal is printed with its code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pbr.errors import Faults
from pbr.ledger import NO_BATCH, Ledger
from tests.ledger.made_batches import NOON, decision, reviewed


def main(path: str, person: str, reviews: str) -> None:
    with Ledger.open(Path(path), create=True) as ledger:
        for number in range(int(reviews)):
            made = reviewed(decision(person, details=f"{number:03}"))
            try:
                ledger.append("reviewed", NO_BATCH, made, at=NOON, by=person)
                outcome = "in"
            except Faults as faults:
                outcome = faults.faults[0].code
            sys.stdout.write(f"{number:03} {outcome}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
