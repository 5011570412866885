"""Linkage: which member each record is about. Extracts come in; evidence, with its doubts, goes out.

`details` and `people` are who is compared, `normal` as what, `agreement` how well; `blocks` brings them together,
`passes` decide, `review` has the last word, and `attach` gives the links to the records.
"""

from pbr.linkage.attach import Method, attach
from pbr.linkage.evidence import Coverage, Evidence
from pbr.linkage.normal import squeezed

__all__ = ["Coverage", "Evidence", "Method", "attach", "squeezed"]
