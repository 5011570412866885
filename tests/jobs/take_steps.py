"""Run by the tests in a process of its own: take steps of batches as they are asked for, and print what came of each.

In: a line a step, its words with tabs between them: `prepare ROOT NAME`, `submit ROOT BATCH`, `pay ROOT REMITTANCE`.
Out: `ready` once, then a line a step: `done`, `again` where it had been prepared before, or the codes of its faults.
NAME is who prepares where the workspace has no register; `signed` is the preparer of the register.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from pbr.errors import Faults
from pbr.jobs.batches import pay, submit
from pbr.jobs.prepare import prepare
from tests.jobs.conftest import NOON
from tests.ledger.made_people import FINANCE, PREPARER


def take(step: str, root: Path, what: str) -> str:
    match step:
        case "prepare":
            by = PREPARER if what == "signed" else what
            return "again" if prepare(root, date(2014, 10, 1), "2014-10", at=NOON, by=by).again else "done"
        case "submit":
            submit(root, what, date(2014, 11, 3), at=NOON, by=PREPARER)
        case "pay":
            pay(root, Path(what), "4711", date(2014, 12, 1), at=NOON, by=FINANCE)
    return "done"


def main() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        step, root, what = line.rstrip("\n").split("\t")
        try:
            outcome = take(step, Path(root), what)
        except Faults as faults:
            outcome = " ".join(sorted({fault.code for fault in faults.faults}))
        sys.stdout.write(outcome + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
