"""The ledger: the append-only, hash-chained record of every batch prepared, submitted or withdrawn: one SQLite file.

In: entries, each refused unless it fits the batches and the claim lines already there. Out: states, live lines,
balances, and the proof that nothing was touched.
"""

from pbr.ledger.chain import Entry
from pbr.ledger.store import Ledger

__all__ = ["Entry", "Ledger"]
