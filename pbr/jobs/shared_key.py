"""The keys for match-keys, which a partner and the programme share: made, read, and found where a source names one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pbr.errors import Fault, Faults
from pbr.linkage.match_keys import check_value
from pbr.workspace import Workspace


def new_key(path: Path) -> str:
    """Make a key, 256 random bits as 64 hexadecimal digits, for its owner alone to read; returns its check value.

    Raises Faults: E366 where anything stands there already, or the file cannot be made.
    """
    secret = secrets.token_bytes(32)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secret.hex() + "\n")
    except FileExistsError:
        step = "Name another file: what was hashed with a key that is gone can never be linked again."
        raise Faults(Fault("E366", str(path), "is there already", step)) from None
    except OSError as error:
        step = "Name a folder that is there and that you may write to."
        raise Faults(Fault("E366", str(path), f"no key can be written here ({error.strerror})", step)) from error
    return check_value(secret)


def read_key(path: Path) -> bytes:
    """A key that two parties share. Raises Faults: E365 it is not there, cannot be read, or is none."""
    try:
        text = path.read_text("utf-8", errors="replace").strip()
    except OSError as error:
        step = "Name the file of the key: `pbr match new-key` makes one, and your partner must have the same."
        raise Faults(Fault("E365", str(path), f"no key can be read here ({error.strerror})", step)) from error
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        step = "Name the file that `pbr match new-key` made."
        raise Faults(Fault("E365", str(path), "is not a key of 64 hexadecimal digits", step))
    return bytes.fromhex(text)


def shared_keys(workspace: Workspace) -> dict[str, bytes]:
    """Table → the key that its supplier hashed with, where a source names one. Raises Faults (E365), all of them."""
    faults: list[Fault] = []
    keys = {}
    for table, settings in workspace.sources.items():
        if settings.match_keys is not None:
            try:
                keys[table] = read_key(workspace.root / settings.match_keys)
            except Faults as found:
                place = workspace.place("sources", table, "match_keys")
                faults += [
                    Fault(each.code, place, f"{settings.match_keys} {each.what}", each.next_step)
                    for each in found.faults
                ]
    if faults:
        raise Faults(faults)
    return keys
