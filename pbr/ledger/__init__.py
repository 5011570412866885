"""The ledger: the append-only, hash-chained record of every batch prepared, submitted or withdrawn, and of whom
reviewers say records are about: one SQLite file.

In: entries, each refused unless it fits the batches, claim lines and decisions already there. Out: states, live lines,
decisions that stand, balances, and the proof that nothing was touched.
"""

from pbr.ledger.chain import Entry
from pbr.ledger.kinds import NO_BATCH
from pbr.ledger.store import Ledger

__all__ = ["NO_BATCH", "Entry", "Ledger"]
