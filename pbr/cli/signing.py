"""Who does it: a name for the ledger, or a key to sign with."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from pbr.jobs.signers import is_sealed, load_signer
from pbr.ledger import Signer

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(dir_okay=False, path_type=Path)


def by_option(function: F) -> F:
    """`--key` and `--by`. The command receives `by`: a signer, or a name."""

    @click.option("--key", "key", type=FILE, envvar="PBR_KEY", show_envvar=True, help="Your private key, to sign with.")
    @click.option(
        "--by",
        "by",
        metavar="NAME",
        help="Who does this, where nothing is signed; the user of this machine unless given.",
    )
    @wraps(function)
    def command(*args: Any, key: Path | None, by: str | None, **kwargs: Any) -> Any:
        return function(*args, by=_who(key, by), **kwargs)

    return command  # type: ignore[return-value]


def key_option(function: F) -> F:
    """`--key` where nothing is done without. The command receives `by`, a signer."""

    @click.option(
        "--key", "key", type=FILE, envvar="PBR_KEY", show_envvar=True, required=True, help="Your private key."
    )
    @wraps(function)
    def command(*args: Any, key: Path, **kwargs: Any) -> Any:
        return function(*args, by=signer(key), **kwargs)

    return command  # type: ignore[return-value]


def signer(path: Path) -> Signer:
    """The signer of a key; its passphrase is read from PBR_PASSPHRASE, or asked for."""
    passphrase = None
    if is_sealed(path):
        passphrase = os.environ.get("PBR_PASSPHRASE") or click.prompt("Passphrase", hide_input=True, err=True)
    return load_signer(path, passphrase)


def _who(key: Path | None, by: str | None) -> str | Signer:
    if key is not None and by is not None:
        raise click.UsageError("--key says who you are: leave out --by.")
    if key is not None:
        return signer(key)
    return by if by is not None else _user()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise click.UsageError("this machine does not say who its user is. Add --by NAME.") from error
