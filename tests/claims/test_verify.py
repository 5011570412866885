"""A bundle changed anywhere, by a byte, a file or a word, does not verify; and nothing in it can do any harm."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbr.claims import bag
from pbr.claims.bundle import BundleContents, write_bundle
from pbr.claims.contract import readable_json
from pbr.claims.verify import verify
from tests.claims.made_bundles import RUN, contents, line


def drawn(examples: int) -> settings:
    """One bundle for all examples of a test: each puts back what it changed."""
    suppressed = [HealthCheck.function_scoped_fixture]
    return settings(deadline=None, max_examples=examples, suppress_health_check=suppressed)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("whole"), contents()).path


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """A copy to do harm to."""
    return Path(shutil.copytree(whole, tmp_path / whole.name))


def codes(path: Path) -> list[str]:
    return [fault.code for fault in verify(path)]


def everything(bundle: Path) -> list[str]:
    return sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file())


def make_manifests_again(bundle: Path) -> None:
    """As somebody would who wants a changed payload to pass: manifests first, then the tags' own."""
    lines = [f"{sha256(bundle / name)}  {name}\n" for name in everything(bundle) if name.startswith("data/")]
    (bundle / bag.MANIFEST).write_text("".join(lines))
    tags = [f"{sha256(bundle / name)}  {name}\n" for name in sorted(bag.TAG_FILES[:3])]
    (bundle / bag.TAGMANIFEST).write_text("".join(tags))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def made_again(made: BundleContents, folder: Path, payload: Mapping[str, bytes]) -> Path:
    """A bundle as pbr would write it, to the byte, but with a payload that pbr would not make."""
    run = made.batch
    files = dict(payload) | bag.tag_files(run, {name: bag.Content.of(content) for name, content in payload.items()})
    for name, content in files.items():
        path = folder / run.bundle_name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / run.bundle_name


# ------------------------------------------------------------------------------------------------------- as written


def test_a_bundle_as_it_was_written_verifies(whole: Path) -> None:
    assert verify(whole) == []


def test_a_bundle_verifies_from_inside_and_through_a_link(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "latest").symlink_to(whole)
    assert verify(tmp_path / "latest") == []
    monkeypatch.chdir(whole)
    assert verify(Path()) == []


def test_verifying_changes_nothing(bundle: Path) -> None:
    before = {name: (bundle / name).read_bytes() for name in everything(bundle)}
    verify(bundle)
    assert {name: (bundle / name).read_bytes() for name in everything(bundle)} == before


# ------------------------------------------------------------------------------------------------------ one byte


@drawn(300)
@given(data=st.data())
def test_one_byte_changed_anywhere_is_a_fault(bundle: Path, data: st.DataObject) -> None:
    path = bundle / data.draw(st.sampled_from(everything(bundle)))
    before = path.read_bytes()
    at = data.draw(st.integers(0, len(before) - 1))
    bits = data.draw(st.integers(1, 255))
    path.write_bytes(before[:at] + bytes([before[at] ^ bits]) + before[at + 1 :])
    try:
        assert verify(bundle), f"{path.name}, byte {at}"
    finally:
        path.write_bytes(before)
    assert verify(bundle) == []


@drawn(150)
@given(data=st.data())
def test_a_file_cut_short_or_made_longer_is_a_fault(bundle: Path, data: st.DataObject) -> None:
    path = bundle / data.draw(st.sampled_from(everything(bundle)))
    before = path.read_bytes()
    more = data.draw(st.sampled_from([b"", b"\n", b" ", b"\r\n", b"\0", before]))
    keep = data.draw(st.integers(0, len(before) - 1)) if not more else len(before)
    path.write_bytes(before[:keep] + more)
    try:
        assert verify(bundle), path.name
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("name", ["bagit.txt", "bag-info.txt", bag.MANIFEST])
def test_a_tag_changed_with_its_digest_made_again_is_a_fault(bundle: Path, name: str) -> None:
    content = (bundle / name).read_bytes()
    for changed in (content + b"\n", content.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + content):
        (bundle / name).write_bytes(changed)
        tags = [f"{sha256(bundle / each)}  {each}\n" for each in sorted(bag.TAG_FILES[:3])]
        (bundle / bag.TAGMANIFEST).write_text("".join(tags))
        assert codes(bundle), changed[:20]


def test_manifests_in_another_order_or_spelling_are_faults(bundle: Path) -> None:
    for manifest in (bag.MANIFEST, bag.TAGMANIFEST):
        before = (bundle / manifest).read_text()
        for changed in (
            "".join(reversed(before.splitlines(keepends=True))),
            before.upper(),
            before.replace("  ", " "),
            before.replace("  ", " *"),
            before.removesuffix("\n"),
            before + "# a note\n",
            "",
        ):
            (bundle / manifest).write_text(changed)
            if manifest == bag.MANIFEST:
                tags = [f"{sha256(bundle / each)}  {each}\n" for each in sorted(bag.TAG_FILES[:3])]
                (bundle / bag.TAGMANIFEST).write_text("".join(tags))
            assert codes(bundle), (manifest, changed[:80])


# ----------------------------------------------------------------------------------------------------------- files


def test_every_missing_file_is_named(bundle: Path) -> None:
    for name in everything(bundle):
        path = bundle / name
        content = path.read_bytes()
        path.unlink()
        faults = verify(bundle)
        expected = ("E550", str(bundle)) if name == "bagit.txt" else ("E551", name)
        assert expected in [(fault.code, fault.place) for fault in faults]
        path.write_bytes(content)


def test_every_fault_is_named_at_once(bundle: Path) -> None:
    (bundle / "data/claim.csv").unlink()
    (bundle / "data/facts.parquet").write_bytes(b"")
    (bundle / "data/notes.txt").write_text("a note")
    (bundle / "bag-info.txt").write_text("Payload-Oxum: 1.1\n")
    assert {(fault.code, fault.place) for fault in verify(bundle)} == {
        ("E551", "data/claim.csv"),
        ("E552", "data/notes.txt"),
        ("E553", "bag-info.txt"),
        ("E553", "data/facts.parquet"),
    }


EXTRA = [
    "data/notes.txt",
    "data/rules/extra.yaml",
    "data/rules/.hidden",
    "notes.txt",
    "fetch.txt",
    "manifest-md5.txt",
    "tagmanifest-sha512.txt",
    "meta/notes.txt",
    "data/claim.csv.bak",
    ".DS_Store",
    "data/tab\there.txt",
]


@pytest.mark.parametrize("name", EXTRA)
def test_a_file_more_is_a_fault(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("more")
    assert set(codes(bundle)) == {"E552"}


@pytest.mark.parametrize("name", ["data/notes.txt", "data/deeper/claim.csv", "data/rules/a b.yaml"])
def test_a_file_more_is_a_fault_even_where_the_manifests_were_made_again(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("more")
    make_manifests_again(bundle)
    assert ("E552", name) in [(fault.code, fault.place) for fault in verify(bundle)]


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_name_that_cannot_be_printed_is_a_fault_that_can(bundle: Path) -> None:
    with open(os.fsencode(bundle / "data") + b"/\xff\n.txt", "w") as file:
        file.write("more")
    (fault,) = verify(bundle)
    assert fault.code == "E552"
    assert str(fault).isprintable()


def test_a_renamed_file_is_missing_and_extra(bundle: Path) -> None:
    (bundle / "data/held.csv").rename(bundle / "data/Held.csv")
    assert {(f.code, f.place) for f in verify(bundle)} == {("E551", "data/held.csv"), ("E552", "data/Held.csv")}


def test_two_files_swapped_are_both_changed(bundle: Path) -> None:
    first, second = bundle / "data/held.csv", bundle / "data/attrition.csv"
    before = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(before)
    assert [(f.code, f.place) for f in verify(bundle)] == [("E553", "data/attrition.csv"), ("E553", "data/held.csv")]


def test_an_empty_folder_more_is_a_fault(bundle: Path) -> None:
    (bundle / "data/empty").mkdir()
    assert codes(bundle) == ["E556"]


@pytest.mark.parametrize("name", ["data/claim.csv", "bagit.txt", bag.MANIFEST, "data/rules/pack.yaml"])
def test_a_link_in_place_of_a_file_is_a_fault(bundle: Path, tmp_path: Path, name: str) -> None:
    shutil.move(bundle / name, tmp_path / "elsewhere")
    (bundle / name).symlink_to(tmp_path / "elsewhere")
    assert ("E556", name) in [(fault.code, fault.place) for fault in verify(bundle)]


def test_a_linked_folder_is_not_followed(bundle: Path, tmp_path: Path) -> None:
    shutil.move(bundle / "data", tmp_path / "elsewhere")
    (bundle / "data").symlink_to(tmp_path / "elsewhere")
    assert ("E556", "data") in [(fault.code, fault.place) for fault in verify(bundle)]


def test_a_pipe_is_not_read(bundle: Path) -> None:
    (bundle / "data/claim.csv").unlink()
    os.mkfifo(bundle / "data/claim.csv")
    assert sorted(codes(bundle)) == ["E551", "E556"]


def test_a_file_that_cannot_be_read_is_a_fault(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bag.Content:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(bag.Content, "of_file", refuse)
    assert set(codes(bundle)) >= {"E565"}


@pytest.mark.parametrize("name", ["", "nowhere", "bagit.txt", "data"])
def test_what_is_no_bundle_is_said_to_be_none(bundle: Path, tmp_path: Path, name: str) -> None:
    path = bundle / name if name in ("bagit.txt", "data") else tmp_path / name
    assert codes(path) == ["E550"]


# -------------------------------------------------------------------------------------------------------- manifests


def test_an_entry_listed_twice_is_a_fault(bundle: Path) -> None:
    for manifest in (bag.MANIFEST, bag.TAGMANIFEST):
        before = (bundle / manifest).read_text()
        (bundle / manifest).write_text(before + before.splitlines(keepends=True)[0])
        assert "E554" in codes(bundle)
        (bundle / manifest).write_text(before)


def test_an_entry_listed_twice_with_another_digest_is_a_fault(bundle: Path) -> None:
    with (bundle / bag.MANIFEST).open("a") as file:
        file.write(f"{'0' * 64}  data/claim.csv\n")
    assert "E554" in codes(bundle)


PATHS = [
    "../outside.txt",
    "data/../../outside.txt",
    "/etc/passwd",
    "data//claim.csv",
    "data/./claim.csv",
    "data/",
    "~/outside.txt",
    "data/..",
    "C:\\outside.txt",
    "data\\claim.csv",
    "bagit.txt",
    "data",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_manifest_that_points_out_of_the_payload_is_a_fault(bundle: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside.txt").write_text("not yours")
    with (bundle / bag.MANIFEST).open("a") as file:
        file.write(f"{sha256(tmp_path / 'outside.txt')}  {path}\n")
    faults = verify(bundle)
    assert "E555" in [fault.code for fault in faults]


@drawn(150)
@given(data=st.data(), content=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_tag_file_whatever_it_says_makes_verifying_fail(bundle: Path, data: st.DataObject, content: bytes) -> None:
    path = bundle / data.draw(st.sampled_from(bag.TAG_FILES))
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        assert verify(bundle)
    finally:
        path.write_bytes(before)


# --------------------------------------------------------------------------------- made again, manifests and all


def refilled(file: str, change: Callable[[bytes], bytes]) -> Callable[[BundleContents], dict[str, bytes]]:
    return lambda made: made.payload | {f"data/{file}": change(made.payload[f"data/{file}"])}


FORGED = [
    ("E560", refilled("claim.csv", lambda content: content.replace(b"70000", b"70000.0"))),
    ("E560", refilled("claim.csv", lambda content: content.replace(b"70000", b"seventy"))),
    ("E560", refilled("claim.csv", lambda content: content.replace(b"2014-09-01", b"01/09/2014"))),
    ("E560", refilled("claim.csv", lambda content: content.replace(b"\n", b"\r\n"))),
    ("E560", refilled("claim.csv", lambda content: content.replace(b",route,", b",way,"))),
    ("E560", refilled("claim.csv", lambda content: b"\xff" + content)),
    ("E560", refilled("claim.csv", lambda content: content + b"L9\n")),
    ("E560", refilled("claim.csv", lambda content: b"")),
    ("E560", refilled("claim.csv", lambda content: content.replace(b"crime_asb", b"=crime_asb"))),
    ("E562", refilled("held.csv", lambda content: content + content.split(b"\n", 1)[1])),
    ("E560", refilled("decisions.parquet", lambda content: b"PAR1" + content)),
    ("E560", refilled("decisions.parquet", lambda content: content[: len(content) // 2])),
    ("E560", refilled("facts.parquet", lambda content: b"")),
    ("E561", refilled("claim.csv", lambda content: content.replace(b"70000", b"70001"))),
    ("E561", refilled("claim.csv", lambda content: content.rsplit(b"\n", 2)[0] + b"\n")),
    ("E563", refilled("claim.csv", lambda content: content.replace(b"E06000034", b"E06000035"))),
    ("E563", refilled("claim.csv", lambda content: content.replace(b"2014-09-01", b"2014-09-02"))),
    ("E563", refilled("claim.csv", lambda content: content.replace(b",70000,", b",-70000,"))),
    ("E563", refilled("claim.csv", lambda content: content.replace(b"0001,", b"0009,"))),
    ("E563", refilled("claim.csv", lambda content: content.replace(b"ref1", b""))),
    ("E563", refilled("claim.csv", lambda content: content.replace(b"\nL2", b"\nL1"))),
    ("E562", refilled("claim.csv", lambda content: content.replace(b"progress_to_work", b"something_else"))),
    ("E562", refilled("held.csv", lambda content: content.replace(b"70000", b"1"))),
    ("E562", refilled("attrition.csv", lambda content: content.replace(b"no_route_met", b"no_route"))),
    ("E559", refilled("run.json", lambda content: content.replace(b'"lines": 2', b'"lines": 2.0'))),
    ("E559", refilled("run.json", lambda content: content.replace(b'"lines": 2', b'"lines":  2'))),
    ("E559", refilled("run.json", lambda content: content.replace(b'"window"', b'"windows"'))),
    ("E559", refilled("run.json", lambda content: b"[]")),
    ("E559", refilled("run.json", lambda content: b"\xff\xfe")),
    ("E559", refilled("run.json", lambda content: b"")),
    ("E557", refilled("run.json", lambda content: content.replace(b'"lines": 2', b'"lines": 3').replace(b"34", b"35"))),
]


@pytest.mark.parametrize(("code", "forge"), FORGED)
def test_a_bundle_made_again_around_a_change_contradicts_itself(
    tmp_path: Path, code: str, forge: Callable[[BundleContents], dict[str, bytes]]
) -> None:
    made = contents()
    forged = forge(made)
    assert forged != made.payload
    assert code in codes(made_again(made, tmp_path, forged))


MODEL = '{"format": 1}\n'


def weighed(named: str | None) -> BundleContents:
    """A batch of which run.json names a model by its digest; the text of one goes into its bundle where it is given."""
    made = contents()
    return replace(
        made, run=made.run.model_copy(update={"linkage": made.run.linkage.model_copy(update={"model": named})})
    )


def test_a_bundle_carries_the_model_that_weighed_its_links(tmp_path: Path) -> None:
    made = replace(weighed(hashlib.sha256(MODEL.encode()).hexdigest()), model=MODEL)
    path = write_bundle(tmp_path, made).path
    assert (path / "data/linkage-model.json").read_text() == MODEL
    assert verify(path) == []


@pytest.mark.parametrize(
    ("named", "carried", "code"), [("e" * 64, MODEL, "E566"), ("e" * 64, None, "E551"), (None, MODEL, "E552")]
)
def test_a_model_that_is_another_missing_or_unheard_of_is_a_fault(
    tmp_path: Path, named: str | None, carried: str | None, code: str
) -> None:
    path = write_bundle(tmp_path, replace(weighed(named), model=carried)).path
    assert codes(path) == [code]


def test_a_total_that_was_changed_everywhere_still_does_not_make_its_batch_id(tmp_path: Path) -> None:
    made = contents()
    claim = made.payload["data/claim.csv"].replace(b"70000", b"90000")
    run = made.batch.model_copy(update={"amount_pence": 100000})
    payload = made.payload | {
        "data/claim.csv": claim,
        "data/run.json": readable_json(run.model_dump(mode="json", by_alias=True)),
    }
    assert codes(made_again(made, tmp_path, payload)) == ["E562"]


def test_a_bundle_under_another_name_is_a_fault(bundle: Path) -> None:
    other = bundle.rename(bundle.with_name("E06000034-2014-09-000000000000"))
    assert codes(other) == ["E558"]


def test_no_fault_repeats_what_stands_in_a_table(tmp_path: Path) -> None:
    made = contents()
    payload = refilled("claim.csv", lambda content: content.replace(b"70000", b"Jo Bloggs"))(made)
    (fault,) = verify(made_again(made, tmp_path, payload))
    assert "Bloggs" not in str(fault)


def test_a_bundle_of_other_evidence_verifies_by_itself_for_only_the_ledger_knows(tmp_path: Path) -> None:
    other = replace(contents(), facts=contents().facts.with_columns(value=pl.lit("4")))
    first = write_bundle(tmp_path / "first", contents())
    second = write_bundle(tmp_path / "second", other)
    assert verify(second.path) == []
    assert first.path.name == second.path.name
    assert first.manifest_digest != second.manifest_digest


def test_every_line_that_could_not_be_this_batchs_is_counted(tmp_path: Path) -> None:
    lines = pl.DataFrame([line(n, "route", n, 1) for n in range(1, 4)], contents().lines.schema, orient="row")
    other = contents(lines=lines, run=RUN.model_copy(update={"window": "2014-10"}))
    bundle = write_bundle(tmp_path, other)
    (fault,) = verify(bundle.path)
    assert (fault.code, fault.what) == ("E563", "line L1 is of another window (and 2 more lines)")
