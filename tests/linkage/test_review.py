"""Reviewers' decisions stand above the passes, for all records with the same details, as long as there are such."""

from __future__ import annotations

import polars as pl

from pbr.linkage import Evidence, Method, attach
from pbr.linkage.details import Details
from pbr.linkage.review import DECISIONS, details_keys
from tests.linkage.test_passes import MINA, member, write
from tests.sources.made_sources import Authority

KEY = b"a workspace's own"
MOVED = MINA | {"postcode": "ZZ1 1AB"}


def decision(authority: Authority, person_id: str, verdict: str) -> pl.DataFrame:
    """A decision about the details of the first record."""
    details = Details.of(authority.read())
    first = details.records.filter(pl.col("record_id") == "R1")["detail"].item()
    keys = details_keys(details, KEY).filter(pl.col("detail") == first)
    return keys.select(
        "details_key",
        person_id=pl.lit(person_id),
        verdict=pl.lit(verdict),
        seq=pl.lit(1, pl.Int64),
        table=pl.lit("offending"),
        record_id=pl.lit("R1"),
    )


def linked(authority: Authority, *decisions: pl.DataFrame) -> Evidence:
    return attach(authority.read(), Method(decisions=pl.concat([pl.DataFrame(schema=DECISIONS), *decisions]), key=KEY))


def told(evidence: Evidence) -> list[tuple[str, str, str, str]]:
    found = evidence.links.sort("record_id", "person_id")
    return found.select("record_id", "person_id", "status", "pass").rows()


def test_an_accepted_link_is_confirmed_and_its_rivals_are_rejected(authority: Authority) -> None:
    write(authority, [member("P1", **MINA), member("P2", **MINA)], MINA)
    after = linked(authority, decision(authority, "P2", "accepted"))
    assert told(after) == [("R1", "P1", "rejected", "exact"), ("R1", "P2", "confirmed", "review")]
    assert after.records["offending"].select("person_id", "possible").rows() == [("P2", False)]


def test_a_rejected_link_counts_for_nobody_and_leaves_its_rival_possible(authority: Authority) -> None:
    write(authority, [member("P1", **MINA), member("P2", **MINA)], MINA)
    after = linked(authority, decision(authority, "P2", "rejected"))
    assert told(after) == [("R1", "P1", "possible", "exact"), ("R1", "P2", "rejected", "exact")]
    assert after.records["offending"].select("person_id", "possible").rows() == [("P1", True)]


def test_a_confirmed_link_can_be_rejected_and_an_unthought_of_one_accepted(authority: Authority) -> None:
    write(authority, [member("P1", **MINA), member("P2")], MINA)
    wrong, right = decision(authority, "P1", "rejected"), decision(authority, "P2", "accepted")
    assert told(linked(authority, wrong)) == [("R1", "P1", "rejected", "exact")]
    assert told(linked(authority, wrong, right)) == [
        ("R1", "P1", "rejected", "exact"),
        ("R1", "P2", "confirmed", "review"),
    ]


def test_one_decision_is_about_every_record_with_the_same_details_however_they_are_written(
    authority: Authority,
) -> None:
    shouted = MOVED | {"surname": MOVED["surname"].upper(), "postcode": "zz11ab"}
    write(authority, [member("P1", **MINA)], MOVED, MOVED, shouted, MOVED | {"postcode": "ZZ1 1AC"})
    after = linked(authority, decision(authority, "P1", "accepted"))
    assert told(after) == [
        *((record, "P1", "confirmed", "review") for record in ("R1", "R2", "R3")),
        ("R4", "P1", "possible", "moved_house"),
    ]


def test_a_decision_lapses_when_the_supplier_changes_the_details_and_is_counted(authority: Authority) -> None:
    write(authority, [member("P1", **MINA)], MOVED)
    accepted = decision(authority, "P1", "accepted")
    write(authority, [member("P1", **MINA)], MOVED | {"sex": "F"})
    after = linked(authority, accepted)
    assert told(after) == [("R1", "P1", "possible", "moved_house")]
    assert after.lapsed_decisions == 1


def test_whoever_was_accepted_stays_possible_when_the_record_is_changed_and_nobody_fits(authority: Authority) -> None:
    nobody = MINA | {"forename": "Tess", "postcode": "ZZ1 1AB"}
    write(authority, [member("P1", **MINA)], nobody)
    accepted = decision(authority, "P1", "accepted")
    assert told(linked(authority, accepted)) == [("R1", "P1", "confirmed", "review")]
    write(authority, [member("P1", **MINA)], nobody | {"postcode": "ZZ1 1AC"})
    assert told(linked(authority, accepted)) == [("R1", "P1", "possible", "review")]


def test_a_corrected_record_that_the_passes_confirm_needs_no_reviewer(authority: Authority) -> None:
    write(authority, [member("P1", **MINA), member("P2")], MINA | {"forename": "Tess"})
    accepted = decision(authority, "P2", "accepted")
    write(authority, [member("P1", **MINA), member("P2")], MINA)
    assert told(linked(authority, accepted)) == [("R1", "P1", "confirmed", "exact")]


def test_what_was_rejected_lapses_without_a_trace_in_the_links(authority: Authority) -> None:
    write(authority, [member("P1", **MINA)], MOVED)
    rejected = decision(authority, "P1", "rejected")
    write(authority, [member("P1", **MINA)], MOVED | {"postcode": "ZZ1 1AC"})
    assert told(linked(authority, rejected)) == [("R1", "P1", "possible", "moved_house")]


def test_a_decision_for_somebody_who_left_the_list_lapses_and_hides_nobody_else(authority: Authority) -> None:
    write(authority, [member("P1", **MINA), member("P2", **MINA)], MINA)
    accepted = decision(authority, "P2", "accepted")
    write(authority, [member("P1", **MINA)], MINA)
    after = linked(authority, accepted)
    assert told(after) == [("R1", "P1", "confirmed", "exact")]
    assert after.lapsed_decisions == 1


def test_keys_of_another_workspace_are_others(authority: Authority) -> None:
    write(authority, [member("P1", **MINA)], MOVED)
    details = Details.of(authority.read())
    ours, theirs = (details_keys(details, key)["details_key"] for key in (KEY, b"another"))
    assert not set(ours) & set(theirs)
