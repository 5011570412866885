"""Run by the tests in a process of its own: take batches from nothing to paid, and print each step that was taken.

Arguments: the ledger, and a number for this process, by which its payments and its order differ from another's. Each
looks what a batch's next step is and takes it, while another may do the same: one of the two is refused.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from pbr.errors import Faults
from pbr.ledger import Ledger
from tests.ledger.made_batches import NOON, line, prepared
from tests.ledger.made_people import BY_STEP, FINANCE, PREPARER, paid

TAKEN_ON = ("b1", "b2", "b3", "b4")
STEPS = ("prepared", *BY_STEP, "paid")


def main(path: str, number: str) -> None:
    chance = random.Random(number)
    with Ledger.open(Path(path)) as ledger:
        while left := [batch for batch in TAKEN_ON if ledger.state(batch) != "paid"]:
            batch = chance.choice(left)
            lines = [line(f"{batch}-{n}") for n in (1, 2)]
            state = ledger.state(batch)
            if state == "paid":
                continue
            step = STEPS[STEPS.index(state) + 1 if state else 0]
            payment = paid(*((one["line_id"], one["amount_pence"]) for one in lines), reference=f"R{number}")
            bodies = {**BY_STEP, "prepared": (PREPARER, prepared(*lines)), "paid": (FINANCE, payment)}
            who, body = bodies[step]
            try:
                ledger.append(step, batch, body, at=NOON, by=who)
            except Faults:
                continue
            sys.stdout.write(f"{batch} {step}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
