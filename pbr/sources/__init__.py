"""Sources: an authority's extracts come in; one `Extract` a table goes out, accepted records apart from quarantine."""

from pbr.sources.contracts import CONTRACTS, IDENTITY
from pbr.sources.extract import QUARANTINE, Extract, SourceFile
from pbr.sources.reading import read, read_alone

__all__ = ["CONTRACTS", "IDENTITY", "QUARANTINE", "Extract", "SourceFile", "read", "read_alone"]
