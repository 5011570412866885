"""Signatures: Ed25519 (RFC 8032), by which an entry shows who made it.

In: a private key and the words that are signed. Out: the signature, and whether one holds. Public keys and signatures
are written as lower-case hexadecimal digits, 64 and 128 of them. Signing is deterministic: the same words under the
same key have the same signature.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pbr.canonical import canonical

ABOUT = b"pbr ledger entry\n"
"""What every signed text begins with, so that no signature made for anything else can stand for an entry."""


@dataclass(frozen=True)
class Signer:
    """Whoever holds a private key. Their name is what the ledger's register says of the key."""

    private: Ed25519PrivateKey = field(repr=False)

    @property
    def key(self) -> str:
        """The public key."""
        return self.private.public_key().public_bytes_raw().hex()

    def sign(self, words: bytes) -> str:
        return self.private.sign(words).hex()


def words_of(seq: int, at: str, by: str, kind: str, batch_id: str, body: str, previous: str) -> bytes:
    """What is signed of an entry: all that it says, and the digest of the entry before it."""
    said = {"seq": seq, "at": at, "by": by, "kind": kind, "batch_id": batch_id, "body": body, "previous": previous}
    return ABOUT + canonical(said)


def holds(key: str, signature: str, words: bytes) -> bool:
    """Whether a signature is that of the key's holder, over these words."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), words)
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(key: str) -> str:
    """A public key as people compare it: the first 16 hexadecimal digits of its SHA-256, in fours.

    >>> fingerprint("00" * 32)
    '6668 7aad f862 bd77'
    """
    short = hashlib.sha256(bytes.fromhex(key)).hexdigest()[:16]
    return " ".join(short[start : start + 4] for start in range(0, 16, 4))
