"""Linkage: which member each record is about. Extracts come in; evidence, with its doubts, goes out.

The door for the passes to come: a probabilistic pass takes what `passes.link` leaves unlinked and adds rows to the same
links, and reviewers' decisions are applied to links before they are attached.
"""

from pbr.linkage.attach import attach
from pbr.linkage.evidence import Coverage, Evidence
from pbr.linkage.passes import squeezed

__all__ = ["Coverage", "Evidence", "attach", "squeezed"]
