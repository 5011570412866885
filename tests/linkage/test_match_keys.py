"""Records that give match-keys instead of names: what is hashed, what links, what is lost, what cannot be compared."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.linkage import Method, attach
from pbr.linkage.agreement import compared
from pbr.linkage.details import DETAILS, Details
from pbr.linkage.hashed import Hashes, linked_by_hashes
from pbr.linkage.match_keys import KEY_NAMES, check_value, keyed_hashes, match_keys, version
from pbr.linkage.passes import link
from pbr.linkage.people import People
from pbr.linkage.review import DECISIONS, details_keys
from pbr.sources import IDENTITY
from pbr.sources.identifiers import CHECKED
from pbr.workspace import PASSES, LinkageSettings
from tests.oracle import random_people
from tests.sources.made_sources import Authority

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
UPN, OTHER_UPN = "K201000007000", "U800000007000"
NHS, PNC, NINO = "9990000018", "1996/8000001N", "XA000002A"
WILLIAM = {"forename": "William", "surname": "O’Dell-Vane", "date_of_birth": "2001-05-06", "postcode": "ZZ1 1AA"}
CLEAR = [name for name in IDENTITY if name != "match_keys"]
Row = dict[str, str]


def frame(rows: list[Row]) -> pl.DataFrame:
    """Identity columns as an extract has them."""
    text = pl.DataFrame(
        [{name: row.get(name) or None for name in CLEAR} for row in rows], schema=dict.fromkeys(CLEAR, pl.String)
    )
    checked = [CHECKED[name](pl.col(name)).alias(name) for name in CHECKED]
    return text.with_columns(*checked, pl.col("date_of_birth").str.to_date("%Y-%m-%d"))


def cell(**identity: str) -> str | None:
    return match_keys(frame([identity]), KEY).item()


def names(**identity: str) -> set[str]:
    """The names of the match-keys that an identity makes."""
    return {token.split(":")[0] for token in (cell(**identity) or "").split(" ")[2:]}


def member(person_id: str, **more: str) -> Row:
    return {"person_id": person_id, "family_id": "F1"} | WILLIAM | more


def as_csv(rows: list[Row], *columns: str) -> str:
    lines = [",".join(f'"{row.get(name, "")}"' for name in columns) for row in rows]
    return "\n".join([",".join(columns), *lines]) + "\n"


def write(authority: Authority, members: list[Row], *records: Row, key: bytes = KEY) -> None:
    """Members in clear, and offending records R0, R1, … as the police would send them hashed."""
    periods = [
        {"joined_on": f"{2000 + at}-01-01", "left_on": f"{2001 + at}-01-01"} | row for at, row in enumerate(members)
    ]
    authority.write("members", as_csv(periods, "family_id", "joined_on", "left_on", *CLEAR))
    cells = match_keys(frame(list(records)), key)
    told = [
        {"record_id": f"R{at}", "kind": "asb", "occurred_on": "2014-01-01", "match_keys": given or ""}
        | {name: row[name] for name in ("occurred_on", "kind") if name in row}
        for at, (row, given) in enumerate(zip(records, cells, strict=True))
    ]
    authority.write("offending", as_csv(told, "record_id", "kind", "occurred_on", "match_keys"))


def links(authority: Authority, members: list[Row], *records: Row, **settings: Any) -> list[tuple[Any, ...]]:
    """Person, status and pass of every link of hashed records."""
    write(authority, members, *records)
    method = Method(LinkageSettings.model_validate(settings), match_keys={"offending": KEY})
    found = attach(authority.read(), method).links
    return found.sort("record_id", "person_id").select("person_id", "status", "pass").rows()


# ------------------------------------------------------------------------------------------------------ what is hashed


def test_a_token_is_hmac_sha_256_cut_to_128_bits() -> None:
    for key in (KEY, b"k", bytes(100)):
        wanted = hmac.new(key, "pbr a purpose\x1ftext é".encode(), hashlib.sha256).hexdigest()[:32]
        assert keyed_hashes(["text é"], key, "a purpose") == [wanted]


WRITTEN_OTHERWISE: list[Row] = [
    {"forename": "Dr. Zoë-Ann", "surname": "O’Neill  Ångström", "date_of_birth": "1990-12-11", "postcode": "zz1 1aa"},
    {"forename": "BILL", "surname": "de la Øre", "date_of_birth": "2001-02-28", "uprn": "000123"},
    {"person_id": " p 1", "upn": UPN, "nino": NINO, "nhs_number": NHS, "pnc_id": PNC, "surname": "Mrs"},
    {"forename": "J", "surname": "Li", "date_of_birth": "1900-01-01", "postcode": "ZZ99 3VZ"},
    {"surname": "Straße", "date_of_birth": "2010-10-10", "postcode": "ZZ1 1AA"},
]


def test_identities_make_the_tokens_that_they_made_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this fails, names come out of normalisation, or keys are made, otherwise than before, and files from
    partners would stop matching without a word: count up `normal.VERSION` or `match_keys._FORM`, then write this anew.
    """
    monkeypatch.setattr("pbr.linkage.match_keys.version", lambda: "00000000")
    cells = match_keys(frame(WRITTEN_OTHERWISE), KEY).to_list()
    assert hashlib.sha256(repr(cells).encode()).hexdigest()[:16] == "f78a2d13b1b84f58"


def test_nicknames_are_the_programmes_alone_so_that_old_files_match_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbr.linkage.match_keys.nicknames", lambda: pytest.fail("asked of a record"))
    assert cell(**WILLIAM) is not None


def test_every_record_with_a_name_makes_as_many_keys_of_it_whether_it_has_short_forms_or_not() -> None:
    cells = [cell(**WILLIAM | {"forename": name}) or "" for name in ("William", "Bill", "Zbigniew", "Nobodyscalled")]
    assert len({given.count(":") for given in cells}) == 1


def test_every_combination_that_an_identity_can_make_has_its_token() -> None:
    everything = {"person_id": "P1", "upn": UPN, "nino": NINO, "nhs_number": NHS, "pnc_id": PNC, "uprn": "90000003"}
    assert names(**everything, **WILLIAM) == set(KEY_NAMES)


@pytest.mark.parametrize(
    "alone",
    [
        {"forename": "William"},
        {"surname": "Vane"},
        {"date_of_birth": "2001-05-06"},
        {"postcode": "ZZ1 1AA"},
        {"uprn": "90000003"},
        {"sex": "M"},
        {"forename": "William", "surname": "Vane"},
        {"surname": "Vane", "postcode": "ZZ1 1AA"},
        {"date_of_birth": "2001-05-06", "postcode": "ZZ1 1AA", "sex": "M"},
        {"surname": "Vane", "date_of_birth": "2001-05-06"},
        {"forename": "William", "surname": "Vane", "postcode": "ZZ1 1AA"},
        {"upn": "no number"},
    ],
)
def test_what_could_be_found_by_trying_is_never_hashed_by_itself(alone: Row) -> None:
    assert cell(**alone) is None


def test_a_number_makes_keys_with_name_and_birth_beside_its_own() -> None:
    assert names(upn=UPN) == {"upn"}
    assert names(upn=UPN, surname="Vane", date_of_birth="2001-05-06") == {"upn", "upn+name", "upn+birth"}


def test_another_key_makes_other_tokens_of_all() -> None:
    one, other = (match_keys(frame([{"upn": UPN} | WILLIAM]), key).item().split(" ") for key in (KEY, OTHER_KEY))
    assert one[0] == other[0]
    assert not set(one[1:]) & set(other[1:])


def test_nothing_of_an_identity_stands_in_its_match_keys() -> None:
    given = cell(upn=UPN, nhs_number=NHS, **WILLIAM)
    assert given is not None
    assert re.fullmatch(r"version:[0-9a-f]{8} key:[0-9a-f]{8}( [a-z_]+(\+[a-z]+)?:[0-9a-f]{32})+", given)


# ----------------------------------------------------------------------------------------------------------- the passes

SAME = {"forename": "WILLIAM", "surname": "Odell Vane", "date_of_birth": "2001-05-06", "postcode": "zz11aa"}


LINKED: list[tuple[Row, str, str]] = [
    ({"person_id": " p1"}, "confirmed", "person_id"),
    ({"upn": UPN} | SAME, "confirmed", "identifier"),
    ({"upn": UPN, "forename": "Bill", "surname": "Vane"}, "confirmed", "identifier"),
    ({"upn": UPN, "forename": "W", "surname": "Vane"}, "possible", "identifier"),
    ({"upn": UPN, "date_of_birth": "2001-06-05"}, "confirmed", "identifier"),
    ({"upn": UPN}, "possible", "identifier"),
    ({"upn": UPN, "forename": "Else", "surname": "Body", "date_of_birth": "1999-09-09"}, "possible", "identifier"),
    (SAME, "confirmed", "exact"),
    ({**SAME, "postcode": "", "uprn": "0090000003"}, "confirmed", "exact"),
    ({**SAME, "forename": "Bill"}, "confirmed", "name_variant"),
    ({**SAME, "surname": "Vane"}, "confirmed", "name_variant"),
    ({**SAME, "forename": "William John"}, "confirmed", "name_variant"),
    ({**SAME, "surname": "Vane O'Dell"}, "confirmed", "name_variant"),
    ({**SAME, "forename": "Odell-Vane", "surname": "William"}, "confirmed", "name_variant"),
    ({**SAME, "date_of_birth": "2001-06-05"}, "confirmed", "birth_swapped"),
    ({**SAME, "forename": "W"}, "possible", "initial"),
    ({**SAME, "forename": "W", "surname": "Vane"}, "possible", "initial"),
    ({**SAME, "forename": ""}, "possible", "initial"),
    ({**SAME, "postcode": "ZZ9 9ZZ"}, "possible", "moved_house"),
    ({**SAME, "postcode": ""}, "possible", "moved_house"),
]
LOST: list[Row] = [
    {**SAME, "forename": "Wiliam"},
    {**SAME, "surname": "Odel Vanne"},
    {**SAME, "date_of_birth": "2001-05-16"},
    {**SAME, "forename": "J"},
    {**SAME, "forename": "Bill", "postcode": ""},
    {**SAME, "surname": "Vane-Smith"},
    {"upn": OTHER_UPN},
    {"person_id": "P9"},
    {"person_id": "P9"} | SAME,
]


@pytest.fixture(scope="module")
def of_one_member(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """Person, status and pass of the links of each of these records, beside one member."""
    authority = Authority(tmp_path_factory.mktemp("one"))
    write(authority, [member("P1", upn=UPN, uprn="90000003")], *(record for record, *_ in LINKED), *LOST)
    found: dict[str, list[tuple[Any, ...]]] = {}
    columns = ("record_id", "person_id", "status", "pass")
    for record_id, *one in attach(authority.read(), Method(match_keys={"offending": KEY})).links.select(columns).rows():
        found.setdefault(record_id, []).append(tuple(one))
    return found


@pytest.mark.parametrize("at", range(len(LINKED)))
def test_a_hashed_record_is_linked_by_the_pass_that_links_it_in_clear(
    of_one_member: dict[str, list[tuple[Any, ...]]], at: int
) -> None:
    _, status, by = LINKED[at]
    assert of_one_member[f"R{at}"] == [("P1", status, by)]


@pytest.mark.parametrize("at", range(len(LOST)))
def test_what_hashes_cannot_show_to_be_alike_is_no_link(
    of_one_member: dict[str, list[tuple[Any, ...]]], at: int
) -> None:
    assert f"R{len(LINKED) + at}" not in of_one_member


def test_parts_of_two_names_that_are_both_parts_do_not_agree(authority: Authority) -> None:
    assert links(authority, [member("P1", surname="Vane-Jones")], {**SAME, "surname": "Smith-Jones"}) == []


def test_the_name_of_before_the_wedding_and_the_address_of_after_are_one_persons(authority: Authority) -> None:
    members = [member("P1"), member("P1", surname="Jones", postcode="ZZ9 9ZZ")]
    assert links(authority, members, {**SAME, "postcode": "ZZ9 9ZZ"}) == [("P1", "confirmed", "exact")]


def test_twins_of_one_name_are_both_possible(authority: Authority) -> None:
    found = links(authority, [member("P1"), member("P2")], SAME)
    assert found == [("P1", "possible", "exact"), ("P2", "possible", "exact")]


def test_a_right_number_on_the_wrong_person_is_possible_for_both(authority: Authority) -> None:
    other = member("P2", forename="Ann", surname="Brook", date_of_birth="1999-09-09", upn=UPN)
    assert links(authority, [member("P1"), other], {"upn": UPN} | SAME) == [
        ("P1", "possible", "exact"),
        ("P2", "possible", "identifier"),
    ]


def test_twins_whose_numbers_are_swapped_are_both_possible(authority: Authority) -> None:
    twins = [member("P1", upn=UPN), member("P2", forename="Ann", upn=OTHER_UPN)]
    assert [found[:2] for found in links(authority, twins, {"upn": OTHER_UPN} | SAME)] == [
        ("P1", "possible"),
        ("P2", "possible"),
    ]


def test_another_number_of_the_same_kind_speaks_against_a_variant(authority: Authority) -> None:
    found = links(authority, [member("P1", upn=UPN)], {**SAME, "forename": "Bill", "upn": OTHER_UPN})
    assert found == [("P1", "possible", "name_variant")]


def test_a_person_id_of_nobody_leaves_numbers_alone_and_them_possible(authority: Authority) -> None:
    found = links(authority, [member("P1", upn=UPN)], {"person_id": "P9", "upn": UPN} | SAME)
    assert found == [("P1", "possible", "identifier")]


def test_passes_that_are_left_out_link_nobody_by_hashes_either(authority: Authority) -> None:
    bill = {**SAME, "forename": "Bill"}
    assert links(authority, [member("P1")], bill, passes=["exact", "moved_house"]) == []
    assert links(authority, [member("P1")], SAME, passes=["moved_house"]) == []


def test_what_a_pass_gives_is_obeyed(authority: Authority) -> None:
    moved = {**SAME, "postcode": "ZZ9 9ZZ"}
    found = links(
        authority,
        [member("P1", upn=UPN)],
        moved,
        {"upn": UPN},
        gives={"moved_house": "confirmed", "identifier_alone": "confirmed"},
    )
    assert found == [("P1", "confirmed", "moved_house"), ("P1", "confirmed", "identifier")]


def test_a_key_that_pairs_too_many_is_refused_by_name(authority: Authority) -> None:
    with pytest.raises(Faults) as raised:
        links(authority, [member("P1"), member("P2")], SAME, passes=["exact"], most_pairs=1)
    (fault,) = raised.value.faults
    assert fault.code == "E311"
    assert "surname+forename+date_of_birth+postcode" in fault.what


def test_evidence_says_that_it_is_of_hashes_and_what_they_show(authority: Authority) -> None:
    write(authority, [member("P1", upn=UPN, uprn="90000003")], {"upn": UPN} | SAME, {**SAME, "forename": "Bill"})
    found = attach(authority.read(), Method(match_keys={"offending": KEY})).links
    assert found.sort("record_id")["evidence"].to_list() == [
        "hashed: upn same, surname same, forename same, date_of_birth same, postcode same",
        "hashed: surname same, forename nickname, date_of_birth same, postcode same",
    ]


NOT_HASHED = ("one_character", "birth_near", "birth_missing", "variant_elsewhere")


@pytest.mark.parametrize("seed", range(3))
def test_hashes_link_whom_clear_text_links_but_for_slips(seed: int) -> None:
    """People drawn at random, many recorded in several ways: all links are those of clear text but for `near`."""
    made = random_people.People(seed, 12)
    members = frame(made.rows).with_columns(match_keys=pl.lit(None, pl.String))
    # Sexes are not hashed.
    records = (
        frame([made.record() for _ in range(500)]).with_columns(sex=pl.lit(None, pl.String)).unique(maintain_order=True)
    )
    how = LinkageSettings(passes=tuple(each for each in PASSES if each not in NOT_HASHED))
    people, nothing = People.of(members), pl.DataFrame()
    clear = Details(_rows(records, pl.lit(None, pl.String)), nothing)
    empty = records.with_columns(pl.lit(None, kind).alias(name) for name, kind in records.schema.items())
    hashed = Details(_rows(empty, match_keys(records, KEY)), nothing)
    in_clear = link(clear, people, how)
    by_hashes = linked_by_hashes(link(hashed, people, how), Hashes(hashed, people, [KEY]), how)
    slips = _near(clear, people)
    wanted, found = (
        each.join(slips, on="detail", how="anti").select("detail", "person_id", "status", "pass", "key").rows()
        for each in (in_clear, by_hashes)
    )
    assert found == wanted
    assert len(wanted) > 150
    assert {each[3] for each in wanted} >= {"identifier", "exact", "name_variant", "moved_house"}


def _rows(identities: pl.DataFrame, cells: pl.Series | pl.Expr) -> pl.DataFrame:
    rows = identities.with_columns(cells.alias("match_keys")).with_row_index("detail")
    return rows.select("detail", *DETAILS)


def _near(details: Details, people: People) -> pl.DataFrame:
    """Details whose id or number is that of somebody whose name or birth is one character apart, or both are others:
    hashes do not tell these from one another.
    """
    numbers = link(details, people, LinkageSettings(passes=("person_id", "identifier"))).select("detail", "person_id")
    another = (pl.col("name") == "differs") & (pl.col("birth") == "differs")
    apart = (pl.col("name") == "near") | (pl.col("birth") == "near") | another
    return compared(numbers, details, people).filter(apart).select("detail")


# ------------------------------------------------------------------------------------------- what goes on from there


def test_an_event_before_the_members_birth_is_set_apart_though_the_row_gives_no_birth(authority: Authority) -> None:
    write(authority, [member("P1")], {**SAME, "occurred_on": "2000-01-01"}, SAME)
    told = attach(authority.read(), Method(match_keys={"offending": KEY}))
    assert told.quarantine.select("record_id", "code").rows() == [("R0", "E301")]
    assert told.records["offending"]["record_id"].to_list() == ["R1"]
    assert told.doubtful_people.rows() == [("offending", "P1")]


def test_a_hashed_row_that_cannot_be_read_leaves_its_person_in_doubt(authority: Authority) -> None:
    write(authority, [member("P1")], {**SAME, "kind": "unheard of"})
    told = attach(authority.read(), Method(match_keys={"offending": KEY}))
    assert told.doubtful_people.rows() == [("offending", "P1")]


def test_records_carry_no_match_keys_onwards(authority: Authority) -> None:
    write(authority, [member("P1")], SAME)
    told = attach(authority.read(), Method(match_keys={"offending": KEY}))
    assert "match_keys" not in told.records["offending"].columns


def test_a_reviewers_decision_is_about_those_hashed_details_alone(authority: Authority) -> None:
    moved, sister = {**SAME, "postcode": ""}, {**SAME, "forename": "Ann", "postcode": ""}
    write(authority, [member("P1"), member("P2", forename="Ann")], moved, sister)
    extracts = authority.read()
    before = attach(extracts, Method(match_keys={"offending": KEY}))
    of_moved = before.links.filter(pl.col("person_id") == "P1")["detail"].item()
    keys = details_keys(before.details, b"workspace")
    assert keys["details_key"].n_unique() == 2
    named = keys.filter(pl.col("detail") == of_moved)["details_key"].item()
    decided = (named, "P1", "accepted", 1, "offending", "R1")
    decisions = pl.DataFrame([decided], schema=DECISIONS, orient="row")
    after = attach(extracts, Method(decisions=decisions, key=b"workspace", match_keys={"offending": KEY})).links
    assert after.sort("person_id").select("person_id", "status", "pass").rows() == [
        ("P1", "confirmed", "review"),
        ("P2", "possible", "moved_house"),
    ]
    assert after["evidence"].str.starts_with("hashed: ").all()


def test_rows_in_clear_and_hashed_rows_of_one_source_are_each_linked_their_way(authority: Authority) -> None:
    authority.write("members", as_csv([member("P1")], "family_id", *CLEAR))
    told = [
        {"record_id": "R1", "kind": "asb", "occurred_on": "2014-01-01"} | SAME,
        {"record_id": "R2", "kind": "asb", "occurred_on": "2014-01-01", "match_keys": cell(**SAME) or ""},
    ]
    authority.write("offending", as_csv(told, "record_id", "kind", "occurred_on", *IDENTITY))
    found = attach(authority.read(), Method(match_keys={"offending": KEY})).links
    assert found["evidence"].str.starts_with("hashed").sort().to_list() == [False, True]
    assert found["pass"].to_list() == ["exact", "exact"]


# ------------------------------------------------------------------------------------------ what cannot be compared


def faults(authority: Authority, **keys: bytes) -> list[tuple[str, str]]:
    with pytest.raises(Faults) as raised:
        attach(authority.read(), Method(match_keys=keys))
    return [(fault.code, fault.place) for fault in raised.value.faults]


def test_match_keys_without_a_key_stop_the_run(authority: Authority) -> None:
    write(authority, [member("P1")], {"kind": "unheard of"}, SAME)
    assert faults(authority) == [("E360", "offending.csv:3")]


def test_match_keys_of_another_key_stop_the_run_and_both_keys_are_told(authority: Authority) -> None:
    write(authority, [member("P1")], SAME, key=OTHER_KEY)
    with pytest.raises(Faults) as raised:
        attach(authority.read(), Method(match_keys={"offending": KEY}))
    (fault,) = raised.value.faults
    assert fault.code == "E361"
    assert check_value(KEY) in fault.what
    assert check_value(OTHER_KEY) in fault.what


def test_match_keys_of_another_version_stop_the_run(authority: Authority) -> None:
    write(authority, [member("P1")], SAME)
    text = (authority.root / "offending.csv").read_text()
    authority.write("offending", text.replace(f"version:{version()}", "version:00000000"))
    assert faults(authority, offending=KEY) == [("E362", "offending.csv:2")]


def test_match_keys_of_an_unknown_name_stop_the_run(authority: Authority) -> None:
    write(authority, [member("P1")], SAME)
    text = (authority.root / "offending.csv").read_text()
    authority.write("offending", text.replace("moved_house:", "shoe_size:"))
    assert faults(authority, offending=KEY) == [("E363", "offending.csv:2")]


def test_a_key_for_a_source_in_clear_stops_the_run(authority: Authority) -> None:
    authority.write("offending", "record_id,person_id,kind,occurred_on\nR1,P1,asb,2014-01-01\n")
    assert faults(authority, offending=KEY) == [("E368", "offending")]


def test_a_key_for_a_source_without_rows_does_no_harm(authority: Authority) -> None:
    authority.write("offending", "record_id,person_id,kind,occurred_on\n")
    assert attach(authority.read(), Method(match_keys={"offending": KEY})).links.is_empty()


@pytest.mark.parametrize("table", ["families", "members", "needs"])
def test_a_key_for_a_table_that_is_not_linked_stops_the_run(authority: Authority, table: str) -> None:
    authority.write("needs", "record_id,family_id,need,identified_on\n")
    assert faults(authority, **{table: KEY}) == [("E367", table)]


def test_members_with_match_keys_stop_the_run(authority: Authority) -> None:
    rows = "person_id,family_id,date_of_birth,match_keys\nP1,F1,2001-05-06,anything\n"
    authority.write("members", rows)
    assert faults(authority) == [("E367", "members")]


def test_two_suppliers_with_two_keys_are_each_compared_with_their_own(authority: Authority) -> None:
    write(authority, [member("P1")], SAME)
    given = match_keys(frame([SAME]), OTHER_KEY).item()
    authority.write("exclusions", f"record_id,kind,starts_on,match_keys\nE1,suspension,2014-01-01,{given}\n")
    found = attach(authority.read(), Method(match_keys={"offending": KEY, "exclusions": OTHER_KEY})).links
    assert found.select("table", "status").sort("table").rows() == [
        ("exclusions", "confirmed"),
        ("offending", "confirmed"),
    ]
