"""The ledger: the append-only, hash-chained record of every batch and its steps, of money paid and given back, of
overrides, of the people who may sign, and of whom reviewers say records are about: one SQLite file.

In: entries, each refused unless it fits what is already there and whoever signs it. Out: states, lines and their money,
decisions that stand, balances, and the proof that nothing was touched.
"""

from pbr.ledger.chain import Entry
from pbr.ledger.kinds import NO_BATCH
from pbr.ledger.signatures import Signer
from pbr.ledger.store import Ledger

__all__ = ["NO_BATCH", "Entry", "Ledger", "Signer"]
