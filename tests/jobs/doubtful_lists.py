"""A synthetic authority whose lists of members are doubtful: a claimed family comes back, somebody is missing."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pbr.ledger import Ledger

AGAIN = "F900000"
"""The claimed family under another id, with other ids for its people."""


def claimed_family(workspace: Path) -> tuple[str, int]:
    """The first family with live claim lines and at least three members, and what they come to."""
    with Ledger.read(workspace / "ledger.sqlite") as ledger:
        live = ledger.live_lines()
    of_three = live.filter(pl.col("persons").list.len() >= 3).sort("family_id")["family_id"][0]
    return of_three, int(live.filter(pl.col("family_id") == of_three)["amount_pence"].sum())


def table(workspace: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(workspace / "sources" / f"{name}.csv", infer_schema=False)


def add(workspace: Path, name: str, rows: pl.DataFrame) -> None:
    path = workspace / "sources" / f"{name}.csv"
    pl.concat([table(workspace, name), rows], how="diagonal").write_csv(path)


def come_back(workspace: Path, family_id: str, engaged_on: str) -> pl.DataFrame:
    """The family's members as those of a new family, without their numbers and under new ids; their rows."""
    numbers = ["upn", "nino", "nhs_number", "pnc_id"]
    own = table(workspace, "members").filter(pl.col("family_id") == family_id)
    again = own.with_columns(
        pl.lit(AGAIN).alias("family_id"),
        pl.col("person_id").str.replace("P", "Q"),
        *(pl.lit(None, pl.String).alias(number) for number in numbers),
    )
    add(workspace, "members", again)
    add(workspace, "families", pl.DataFrame({"family_id": [AGAIN], "engaged_on": [engaged_on], "expecting": ["false"]}))
    return again


def a_child_at_school(workspace: Path, family_id: str) -> dict[str, str]:
    """A child of the family's surname at its address in the school's extract, whom no list has; who it is."""
    home = table(workspace, "members").filter((pl.col("family_id") == family_id) & pl.col("left_on").is_null())
    surname, postcode = home.select("surname", "postcode").row(0)
    who = {"Legal Surname": surname, "Legal Forename": "Zorntimo", "DOB": "2003-11-28", "Post Code": postcode}
    term = {"Academic Year": "2013/14", "Term": "Autumn", "Poss Sess": "113", "Auth Sess": "5", "Unauth Sess": "0"}
    add(workspace, "attendance", pl.DataFrame([who | term | {"Enrol Status": "C"}]))
    return who
