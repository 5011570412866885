"""What a partner sends instead of names, what stays at home, and what the programme makes of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.jobs.decide import gather
from pbr.jobs.match_hash import VOCABULARY, hash_source, write_hashed
from pbr.jobs.shared_key import new_key, read_key, shared_keys
from pbr.sources import CONTRACTS, IDENTITY, read
from pbr.workspace import Workspace
from tests.jobs.authorities import authority
from tests.sources.made_sources import HEAD

SECRETS = ("Mina", "Vane", "2001-05-06", "ZZ1", "K201000007000", "Beat 7", "spoke to", "R1", "PUPIL")
ROW = {
    "record_id": "R1",
    "upn": "K201000007000",
    "forename": "Mina",
    "surname": "Vane",
    "date_of_birth": "2001-05-06",
    "postcode": "ZZ1 1AA",
    "kind": "asb",
    "occurred_on": "2014-01-01",
    "disposal": "spoke to Mina Vane's mother",
    "Beat": "Beat 7",
}


class Partner:
    """A school or a police force with a folder of its own: no families, no members."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.key = root / "shared.key"
        new_key(self.key)

    def write(self, table: str, *rows: dict[str, str], settings: str = "") -> None:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        lines = [",".join(f'"{row.get(name, "")}"' for name in columns) for row in rows]
        (self.root / f"{table}.csv").write_text("\n".join([",".join(columns), *lines]) + "\n")
        (self.root / "pbr.toml").write_text(f'{HEAD}\n[sources.{table}]\npath = "{table}.csv"\n{settings}\n')

    def sent(self, table: str) -> pl.DataFrame:
        """What is sent, as it stands in the file."""
        hashed = hash_source(self.root, table, self.key)
        write_hashed(hashed, self.root / "hashed.csv", self.key)
        return pl.read_csv(self.root / "hashed.csv", infer_schema=False)


@pytest.fixture
def partner(tmp_path: Path) -> Partner:
    return Partner(tmp_path / "partner")


def code(raised: pytest.ExceptionInfo[Faults]) -> list[str]:
    return [fault.code for fault in raised.value.faults]


# --------------------------------------------------------------------------------------------------------- what is sent


def test_what_is_sent_has_the_tables_own_columns_and_match_keys(partner: Partner) -> None:
    partner.write("offending", ROW)
    sent = partner.sent("offending")
    assert sent.columns == ["record_id", "kind", "occurred_on", "match_keys"]
    assert sent.select("kind", "occurred_on").rows() == [("asb", "2014-01-01")]


def test_nothing_that_names_anybody_is_sent(partner: Partner) -> None:
    partner.write("offending", ROW, ROW | {"record_id": "PUPIL-K201000007000", "kind": "Mina Vane"})
    partner.sent("offending")
    text = (partner.root / "hashed.csv").read_text()
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize("table", ["attendance", "marks", "exclusions", "offending", "employment", "social_care"])
def test_of_no_table_an_identity_or_free_text_is_sent(partner: Partner, table: str) -> None:
    everything = {column.name: "" for column in CONTRACTS[table].columns if column.name != "match_keys"}
    partner.write(table, everything)
    sent = set(partner.sent(table).columns) - {"match_keys", "record_id"}
    assert sent.isdisjoint(IDENTITY)
    free = {column.name for column in CONTRACTS[table].own if column.type == "text"}
    assert {name for name in sent & free if (table, name) not in VOCABULARY} == set()


def test_a_code_outside_its_vocabulary_could_be_a_name_and_stays_at_home(partner: Partner) -> None:
    spell = {key: ROW[key] for key in ("forename", "surname", "date_of_birth", "postcode")} | {
        "starts_on": "2013-01-01"
    }
    known = {"kind": "benefit", "code": "JSA"}
    partner.write("employment", spell | known, spell | known | {"code": "Vane"}, spell | {"kind": "work", "code": ""})
    hashed = hash_source(partner.root, "employment", partner.key)
    assert sorted(hashed.rows["code"].to_list(), key=str) == ["JSA", None, None]
    assert hashed.left_out == {"code": 1}


def test_record_ids_are_hashed_under_the_key_and_stay_the_same(partner: Partner) -> None:
    partner.write("offending", ROW)
    first = partner.sent("offending")["record_id"].item()
    assert len(first) == 32
    assert partner.sent("offending")["record_id"].item() == first
    other = partner.root / "other.key"
    new_key(other)
    assert hash_source(partner.root, "offending", other).rows["record_id"].item() != first


def test_ids_that_are_made_from_content_are_hashed_too(partner: Partner) -> None:
    """They are plain digests of the row, names and all: whoever guesses the row could confirm it by them."""
    partner.write("offending", {name: text for name, text in ROW.items() if name != "record_id"})
    hashed = hash_source(partner.root, "offending", partner.key)
    assert not hashed.rows["record_id"].item().startswith("row-")
    assert hashed.kept["own_record_id"].item().startswith("row-")


def test_the_order_of_what_is_sent_is_that_of_the_hashed_ids(partner: Partner) -> None:
    rows = [ROW | {"record_id": f"R{at:02}"} for at in range(20)]
    partner.write("offending", *rows)
    sent = partner.sent("offending")
    assert sent["record_id"].is_sorted()
    written = (partner.root / "hashed.csv").read_bytes()
    partner.write("offending", *rows[::-1])
    partner.sent("offending")
    assert (partner.root / "hashed.csv").read_bytes() == written


def test_what_leads_back_to_the_partners_own_records_is_kept_apart(partner: Partner) -> None:
    partner.write("offending", ROW)
    hashed = hash_source(partner.root, "offending", partner.key)
    write_hashed(hashed, partner.root / "hashed.csv", partner.key, partner.root / "index.csv")
    kept = pl.read_csv(partner.root / "index.csv")
    assert kept.rows() == [(hashed.rows["record_id"].item(), "R1", "offending.csv", 2)]


def test_a_record_that_breaks_its_contract_goes_with_its_match_keys_alone(partner: Partner) -> None:
    partner.write("offending", ROW | {"occurred_on": "1999-01-01"}, ROW | {"record_id": "R2"})
    hashed = hash_source(partner.root, "offending", partner.key)
    assert hashed.faulty == 1
    by_content = hashed.rows.sort("kind", nulls_last=True)
    assert by_content.select("kind", "occurred_on").row(1) == (None, None)
    assert by_content["match_keys"].n_unique() == 1


def test_records_that_give_nothing_to_link_by_are_counted(partner: Partner) -> None:
    partner.write("offending", ROW, {"record_id": "R2", "surname": "Vane", "kind": "asb", "occurred_on": "2014-01-01"})
    assert hash_source(partner.root, "offending", partner.key).silent == 1


def test_the_programme_is_told_how_to_declare_the_source(partner: Partner) -> None:
    settings = 'covers = {from = 2013-01-01, until = 2014-08-31}\nextracted_on = 2014-09-01\nsupplier = "Force \\"A\\""'
    partner.write("offending", ROW, settings=settings)
    assert hash_source(partner.root, "offending", partner.key).declaration.splitlines() == [
        "[sources.offending]",
        'path = "…"',
        "covers = {from = 2013-01-01, until = 2014-08-31}",
        "extracted_on = 2014-09-01",
        'supplier = "Force \\"A\\""',
        'match_keys = "…"',
    ]


# ----------------------------------------------------------------------------------------------------------- bad inputs


@pytest.mark.parametrize("table", ["members", "needs", "families", "pupils", "marks"])
def test_what_is_no_declared_source_about_people_is_not_hashed(partner: Partner, table: str) -> None:
    partner.write("offending", ROW)
    with pytest.raises(Faults) as raised:
        hash_source(partner.root, table, partner.key)
    assert code(raised) == ["E369"]


def test_a_source_that_is_hashed_already_is_not_hashed_again(partner: Partner) -> None:
    partner.write("offending", ROW)
    sent = partner.sent("offending").row(0, named=True)
    partner.write("offending", sent)
    with pytest.raises(Faults) as raised:
        hash_source(partner.root, "offending", partner.key)
    assert code(raised) == ["E364"]


@pytest.mark.parametrize("name", ["offending.csv", "pbr.toml", "shared.key"])
def test_nothing_is_written_over_what_it_is_made_from(partner: Partner, name: str) -> None:
    partner.write("offending", ROW)
    before = (partner.root / name).read_bytes()
    (partner.root / "link.csv").symlink_to(partner.root / name)
    hashed = hash_source(partner.root, "offending", partner.key)
    with pytest.raises(Faults) as raised:
        write_hashed(hashed, partner.root / "link.csv", partner.key)
    assert code(raised) == ["E407"]
    assert (partner.root / name).read_bytes() == before


def test_an_index_that_cannot_be_written_leaves_nothing_to_send(partner: Partner) -> None:
    partner.write("offending", ROW)
    hashed = hash_source(partner.root, "offending", partner.key)
    with pytest.raises(Faults) as raised:
        write_hashed(hashed, partner.root / "hashed.csv", partner.key, partner.root / "index.txt")
    assert code(raised) == ["E404"]
    assert not (partner.root / "hashed.csv").exists()


# -------------------------------------------------------------------------------------------------------------- the key


def test_a_new_key_is_random_and_its_owners_alone(tmp_path: Path) -> None:
    checks = {new_key(tmp_path / name) for name in ("one.key", "two.key")}
    assert len(checks) == 2
    assert (tmp_path / "one.key").stat().st_mode & 0o777 == 0o600
    assert len(read_key(tmp_path / "one.key")) == 32


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(Faults) as raised:
        new_key(tmp_path / "key")
    assert code(raised) == ["E366"]
    assert (tmp_path / "key").read_bytes() == before


def test_a_key_in_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Faults) as raised:
        new_key(tmp_path / "nowhere" / "key")
    assert code(raised) == ["E366"]


@pytest.mark.parametrize("text", [None, "", "secret", "0" * 63, "0" * 66, "G" * 64, "é" * 64])
def test_what_is_no_key_is_not_hashed_with(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "key").write_text(text)
    with pytest.raises(Faults) as raised:
        read_key(tmp_path / "key")
    assert code(raised) == ["E365"]
    assert text is None or len(text) < 6 or text not in str(raised.value), "a key is a secret, even a spoilt one"


def test_the_keys_that_sources_name_are_read_and_all_that_is_wrong_with_them_is_told(tmp_path: Path) -> None:
    new_key(tmp_path / "a.key")
    sources = "".join(
        f'\n[sources.{table}]\npath = "x.csv"\nmatch_keys = "{name}"\n'
        for table, name in (("marks", "a.key"), ("offending", "b.key"), ("exclusions", "c.key"))
    )
    (tmp_path / "pbr.toml").write_text(HEAD + sources)
    with pytest.raises(Faults) as raised:
        shared_keys(Workspace.load(tmp_path))
    assert [(fault.code, fault.place) for fault in raised.value.faults] == [
        ("E365", "pbr.toml:14"),
        ("E365", "pbr.toml:18"),
    ]


# ---------------------------------------------------------------------------------------- from the partner to the claim


def test_a_programme_links_what_its_partner_hashed_as_it_would_link_names(tmp_path: Path) -> None:
    """The police extract of a synthetic authority, in clear and hashed: the same links, but for slips of the pen."""
    clear = authority(tmp_path / "clear", families=60)
    hashed = tmp_path / "hashed"
    shutil.copytree(clear, hashed)
    key = hashed / "police.key"
    new_key(key)
    sent = hash_source(clear, "offending", key)
    write_hashed(sent, hashed / "sources" / "police.csv", key)
    text = (hashed / "pbr.toml").read_text()
    start, end = text.index("[sources.offending]"), text.index("[sources.employment]")
    declared = sent.declaration.replace('path = "…"', 'path = "sources/police.csv"').replace('"…"', '"police.key"')
    (hashed / "pbr.toml").write_text(text[:start] + declared + "\n\n" + text[end:])

    wanted, found = gather(clear), gather(hashed)
    assert found.extracts["offending"].rows_read == sent.rows.height
    own = sent.kept.select("record_id", "own_record_id")
    columns = ["own_record_id", "person_id", "status"]
    found_links = found.evidence.links.filter(pl.col("table") == "offending").join(own, on="record_id").select(columns)
    in_clear = wanted.evidence.links.filter(pl.col("table") == "offending")
    by_slips = in_clear.filter(pl.col("pass").is_in(["one_character", "birth_near"]))
    wanted_links = in_clear.select("person_id", "status", own_record_id="record_id").select(columns)
    lost = wanted_links.join(found_links, on=columns, how="anti")
    assert found_links.join(wanted_links, on=columns, how="anti").is_empty()
    assert lost.height <= by_slips.height
    assert found_links.height > 100
    other = [each.evidence.links.filter(pl.col("table") != "offending").drop("detail") for each in (wanted, found)]
    assert other[0].equals(other[1])


def test_records_that_the_partner_set_apart_leave_their_people_in_doubt(partner: Partner, tmp_path: Path) -> None:
    partner.write("offending", ROW | {"occurred_on": "yesterday"})
    partner.sent("offending")
    programme = tmp_path / "programme"
    programme.mkdir()
    (programme / "families.csv").write_text("family_id,engaged_on\nF1,2013-01-01\n")
    named = ("forename", "surname", "date_of_birth", "postcode")
    member = ",".join(ROW[name] for name in named)
    (programme / "members.csv").write_text(f"person_id,family_id,{','.join(named)}\nP1,F1,{member}\n")
    shutil.copy(partner.root / "hashed.csv", programme)
    shutil.copy(partner.key, programme)
    sources = {"families": "families.csv", "members": "members.csv", "offending": "hashed.csv"}
    (programme / "pbr.toml").write_text(
        HEAD
        + "".join(f'\n[sources.{table}]\npath = "{path}"\n' for table, path in sources.items())
        + 'match_keys = "shared.key"\n'
    )
    assert read(Workspace.load(programme))["offending"].quarantine["code"].unique().sort().to_list() == ["E122"]
    assert gather(programme).evidence.doubtful_people.rows() == [("offending", "P1")]
