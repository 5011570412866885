"""That nobody's words name a person: what is said for the ledger stands there for ever, and goes along with the bundle.

In: a workspace, and texts that somebody typed. Out: nothing, or a fault that says which of them names somebody of the
members' list, and never whom.
"""

from __future__ import annotations

import re

import polars as pl

from pbr.errors import Fault, Faults
from pbr.linkage import squeezed
from pbr.sources.reading import read_alone
from pbr.workspace import Workspace

NUMBERS = ("upn", "nino", "nhs_number", "pnc_id", "postcode", "uprn")
BIRTHS = ("%Y-%m-%d", "%d/%m/%Y", "%-d/%-m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y")


def require_nobody_named(workspace: Workspace, **texts: str) -> None:
    """Raise Faults (E522) where a text has a member's forename and surname, birth, postcode or number.

    Where the members' extract cannot be read nothing is known or refused: a batch can always be withdrawn.
    """
    try:
        extract = read_alone(workspace, "members")
    except Faults:
        return
    # Read alone, no family is known, so that what stands and what does not cannot be told apart; all are named there.
    members = pl.concat([extract.accepted, extract.rejected], how="diagonal_relaxed")
    faults = [
        Fault(
            "E522",
            f"the {what.replace('_', ' ')}",
            "names somebody of the members' list, by a name, birth, postcode or number",
            "Say it by the family's or person's id: what is entered cannot be taken out again.",
        )
        for what, text in texts.items()
        if _names_somebody(members, text)
    ]
    if faults:
        raise Faults(faults)


def _names_somebody(members: pl.DataFrame, text: str) -> bool:
    words = pl.Series(sorted({word.casefold() for word in re.findall(r"[^\W\d_]+", text)}), dtype=pl.String)
    joined = re.sub(r"\s", "", text).upper()
    tests = [pl.lit(False)]
    if {"forename", "surname"} <= set(members.columns):
        first, last = (
            pl.col(name).str.to_lowercase().str.extract_all(r"[\p{L}]+").list for name in ("forename", "surname")
        )
        known = words.implode()
        tests.append(first.first().is_in(known) & (last.eval(pl.element().is_in(known)).list.all() & (last.len() > 0)))
    for name in NUMBERS:
        if name in members.columns:
            tests.append(
                (squeezed(name).str.len_chars() > 4) & pl.lit(joined).str.contains(squeezed(name), literal=True)
            )
    if "date_of_birth" in members.columns:
        births = [pl.col("date_of_birth").dt.strftime(form) for form in BIRTHS]
        tests.append(pl.any_horizontal(pl.lit(text).str.contains(birth, literal=True) for birth in births))
    return bool(members.select(pl.any_horizontal(test.fill_null(False) for test in tests).any()).item())
