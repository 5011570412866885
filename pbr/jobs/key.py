"""The workspace's secret, under which families get their pseudonyms and reviewers' decisions their keys: `pbr.key`."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import polars as pl

from pbr.errors import Fault, Faults
from pbr.linkage.match_keys import keyed_hashes
from pbr.sources import Extract
from pbr.workspace import Workspace


def workspace_key(workspace: Workspace, members: Extract) -> tuple[bytes, bool]:
    """The secret, and whether it was made now. Raises Faults: E503 no key, E509 out of reach.

    It stands in the workspace, in `pbr.key`: 64 hexadecimal digits. Where there is none it is made from the members'
    extract, which no outsider has, and kept: so copies of a workspace make the same pseudonyms, and new extracts do not
    change them.
    """
    if (key := key_of(workspace)) is not None:
        return key, False
    path = workspace.key_path
    secret = _secret(members)
    try:
        # A file of its own for each run: of two at once neither must take the other's half-written one.
        handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=workspace.root)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(secret.hex() + "\n")
            os.replace(partial, path)
        except OSError:
            os.unlink(partial)
            raise
    except OSError as error:
        raise Faults(_out_of_reach(path, error)) from error
    return secret, True


def key_of(workspace: Workspace) -> bytes | None:
    """The secret as it stands; None where there is none yet. Raises Faults: E503 no key, E509 out of reach."""
    path = workspace.key_path
    try:
        text = path.read_text("utf-8", errors="replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Faults(_out_of_reach(path, error)) from error
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        step = "Restore it: the pseudonyms of earlier claims were made with it."
        raise Faults(Fault("E503", path.name, "is not a key of 64 hexadecimal digits", step))
    return bytes.fromhex(text)


def key_check(key: bytes) -> str:
    """Eight hexadecimal digits that tell the workspace's key from another, and nothing of the key."""
    return keyed_hashes(["which key"], key, "workspace key check")[0][:8]


def _out_of_reach(path: Path, error: OSError) -> Fault:
    step = "See to the disk and to your rights on it, and run the command again."
    return Fault("E509", path.name, f"cannot be read or written: {error.strerror}", step)


def _secret(members: Extract) -> bytes:
    # A column that a later version knows, and that no extract has yet, must not make another key.
    columns = [
        each.name for each in members.accepted if each.name not in ("file", "row") and each.null_count() < len(each)
    ]
    rows = members.accepted.select(pl.concat_str(pl.col(columns).cast(pl.String).fill_null(""), separator="\x1f"))
    secret = hashlib.sha256(b"pbr workspace key\n")
    for row in rows.to_series().sort():
        secret.update(row.encode() + b"\n")
    return secret.digest()
