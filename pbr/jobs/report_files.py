"""The files of a report in a folder of their own.

In: contents by name, and the workspace they were made from. Out: the files; nothing of the workspace is written over.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pbr.errors import Fault, Faults
from pbr.jobs.decide import Measurement, require_not_read_from


def write_files(folder: Path, contents: Mapping[str, bytes], of: Measurement) -> None:
    """Write files into a folder, which is made where it is not there. Raises Faults: E407, E781 no way to."""
    for name in contents:
        require_not_read_from(folder / name, of.extracts, of.workspace.root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        step = "Name a folder that you may write to."
        raise Faults(Fault("E781", str(folder), f"cannot be written ({error.strerror})", step)) from error
