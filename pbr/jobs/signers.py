"""Keys to sign with: made for a person, read from their file, and registered in a workspace's ledger by a registrar.

In: files of keys (PEM, PKCS #8 and SubjectPublicKeyInfo), and whoever vouches. Out: a signer; the register. A private
key is for its owner alone: it is made where they say, readable by nobody else, and never copied into a workspace.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pbr.errors import Fault, Faults
from pbr.ledger import NO_BATCH, Entry, Ledger, Signer
from pbr.workspace import Workspace

PEM = serialization.Encoding.PEM


def new_key(path: Path, passphrase: str | None = None) -> Signer:
    """Make a key: the private half in `path`, the public one beside it, in `path` with `.pub` at the end.

    Raises Faults: E670 a file is there already, or cannot be written.
    """
    signer = Signer(Ed25519PrivateKey.generate())
    sealed: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        sealed = serialization.BestAvailableEncryption(passphrase.encode())
    private = signer.private.private_bytes(PEM, serialization.PrivateFormat.PKCS8, sealed)
    public = signer.private.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for place, content, mode in ((path, private, 0o600), (public_path(path), public, 0o644)):
        try:
            handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
        except OSError as error:
            step = "Name a new file in a folder that you may write to: a key is never written over."
            raise Faults(Fault("E670", str(place), f"cannot be made: {error.strerror}", step)) from error
    return signer


def public_path(path: Path) -> Path:
    """Where the public half of a key stands."""
    return path.with_name(f"{path.name}.pub")


def is_sealed(path: Path) -> bool:
    """Whether a private key asks for a passphrase. Raises Faults (E671) where there is no such file."""
    return b"ENCRYPTED" in _content(path)


def load_signer(path: Path, passphrase: str | None = None) -> Signer:
    """The signer of a private key. Raises Faults (E671) where it is none, or the passphrase is not its own."""
    secret = passphrase.encode() if passphrase else None
    try:
        private = serialization.load_pem_private_key(_content(path), secret)
    except (ValueError, TypeError) as error:
        step = "Name the file that `pbr keys new` made, and give its passphrase where it has one."
        raise Faults(Fault("E671", str(path), "is no private key, or its passphrase is another", step)) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise Faults(Fault("E671", str(path), "is a key of another kind than Ed25519", "Make one with `pbr keys new`."))
    return Signer(private)


def public_key(path: Path) -> str:
    """A public key as the register has it. Raises Faults (E672) where the file is none."""
    try:
        public = serialization.load_pem_public_key(_content(path, "E672"))
        if not isinstance(public, Ed25519PublicKey):
            raise ValueError
    except ValueError as error:
        step = "Name the .pub file that `pbr keys new` made: the private key stays with its owner."
        raise Faults(Fault("E672", str(path), "is no public key of the kind Ed25519", step)) from error
    return public.public_bytes_raw().hex()


def _content(path: Path, code: str = "E671") -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Faults(Fault(code, str(path), f"cannot be read: {error.strerror}", "Name the key's own file.")) from error


def register(
    workspace: Workspace | Path | str, public: Path, person: str, roles: Sequence[str], *, at: datetime, by: Signer
) -> Entry:
    """Enter a person's key and roles; the first is a registrar's own. Raises Faults: E641–E645, E666–E668, E672."""
    workspace = Workspace.of(workspace)
    body = {"person": person, "roles": sorted(set(roles)), "public_key": public_key(public)}
    with Ledger.open(workspace.ledger_path, create=True) as ledger:
        return ledger.append("registered", NO_BATCH, body, at=at, by=by)


def revoke(workspace: Workspace | Path | str, person: str, reason: str, *, at: datetime, by: Signer) -> Entry:
    """Enter that a person's key is good no more. Raises Faults: E674 no such key, E668 the last registrar's."""
    workspace = Workspace.of(workspace)
    with Ledger.open(workspace.ledger_path) as ledger:
        keys = ledger.keys().filter((pl.col("person") == person) & pl.col("until").is_null())
        if keys.is_empty():
            what = "is the name of nobody whose key is registered and not revoked"
            raise Faults(Fault("E674", person, what, "See `pbr keys list`."))
        body = {"public_key": keys["public_key"][0], "reason": reason}
        return ledger.append("revoked", NO_BATCH, body, at=at, by=by)


def registered(workspace: Workspace | Path | str) -> pl.DataFrame:
    """The register (`ledger.store.KEYS`). Raises Faults: E601, E602, E611."""
    with Ledger.read(Workspace.of(workspace).ledger_path) as ledger:
        return ledger.keys()
