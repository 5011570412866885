"""The bag: the four text files that make a folder a BagIt bag (RFC 8493), to the byte.

In: the digests and sizes of the payload, and what the bag is. Out: the exact content of `bagit.txt`, `bag-info.txt`,
`manifest-sha256.txt` and `tagmanifest-sha256.txt`. Writing and verifying both ask here, so that nothing in a bag is
left that could be changed unseen. Why not by bagit's own writer: docs/decisions/0002-bagit.md.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pbr.canonical import file_digest
from pbr.claims.contract import BatchRun

BAGIT = "bagit.txt"
INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAGMANIFEST = "tagmanifest-sha256.txt"
TAG_FILES = (BAGIT, INFO, MANIFEST, TAGMANIFEST)


@dataclass(frozen=True)
class Content:
    """A file's SHA-256 and its size in bytes."""

    digest: str
    size: int

    @classmethod
    def of(cls, content: bytes) -> Content:
        return cls(hashlib.sha256(content).hexdigest(), len(content))

    @classmethod
    def of_file(cls, path: Path) -> Content:
        return cls(file_digest(path), path.stat().st_size)


def tag_files(run: BatchRun, payload: Mapping[str, Content]) -> dict[str, bytes]:
    """The four files of a bag with this payload, by name; the payload's names begin with `data/`."""
    files = {BAGIT: declaration(), INFO: info(run, payload), MANIFEST: manifest(payload)}
    files[TAGMANIFEST] = manifest({name: Content.of(content) for name, content in files.items()})
    return files


def declaration() -> bytes:
    return b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def info(run: BatchRun, payload: Mapping[str, Content]) -> bytes:
    """`Bagging-Date` is the claim date: a bag is the same whenever it is made."""
    said = {
        "Source-Organization": f"{' '.join(run.authority_name.split())} ({run.authority_code})",
        "External-Identifier": run.bundle_name,
        "External-Description": f"Payment-by-results claim, {run.pack_id}, as of {run.as_of.isoformat()}",
        "Bagging-Date": run.claim_date.isoformat(),
        "Bag-Software-Agent": "pbr",
        "Payload-Oxum": f"{sum(content.size for content in payload.values())}.{len(payload)}",
    }
    return "".join(f"{label}: {value}\n" for label, value in said.items()).encode()


def manifest(files: Mapping[str, Content]) -> bytes:
    """One line a file, in the order of the names' code points."""
    return "".join(f"{files[name].digest}  {name}\n" for name in sorted(files)).encode()


def entries(folder: Path, under: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything in a folder that is no folder itself, and folders that are empty, with its path from the folder.

    Links are not followed. Raises OSError where a folder cannot be read.
    """
    with os.scandir(folder) as found:
        inside = sorted(found, key=lambda entry: entry.name)
    for entry in inside:
        name = under + entry.name
        if not entry.is_dir(follow_symlinks=False):
            yield name, entry
        elif any(os.scandir(entry.path)):
            yield from entries(Path(entry.path), name + "/")
        else:
            yield name + "/", entry


def is_plain(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file: no link, no device, no folder."""
    return stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
