"""Explain: one decision from a workspace and from a bundle, with what was claimed of it and where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pbr.engines.trace import Step
from pbr.errors import Faults
from pbr.jobs.explain import explain
from tests.jobs.authorities import AS_OF, bundle_of

DATE = date.fromisoformat(AS_OF)


def first_line(workspace: Path, file: str = "claim.csv") -> dict[str, str]:
    return pl.read_csv(bundle_of(workspace) / "data" / file, infer_schema=False).row(0, named=True)


def family_of(workspace: Path, decision_id: str) -> str:
    decisions = pl.read_parquet(bundle_of(workspace) / "data" / "decisions.parquet")
    return str(decisions.filter(pl.col("decision_id") == decision_id)["family_id"][0])


def records(step: Step) -> Iterator[str]:
    yield from step.records
    for part in step.parts:
        yield from records(part)


def test_workspace_and_bundle_explain_one_decision(claimed: Path) -> None:
    family = family_of(claimed, first_line(claimed)["decision_id"])
    from_sources, from_bundle = explain(claimed, family, DATE), explain(bundle_of(claimed), family)
    assert from_sources.trace == from_bundle.trace
    assert from_sources.fees == from_bundle.fees


def test_a_family_is_found_in_a_bundle_by_its_pseudonym(claimed: Path) -> None:
    line = first_line(claimed)
    found = explain(bundle_of(claimed), line["family_ref"])
    assert found.trace.decision_id == line["decision_id"]
    assert found.trace.family_id == family_of(claimed, line["decision_id"])
    assert (found.lines[0].state, found.lines[0].route) == ("claimed", line["route"])
    assert found.lines[0].amount_pence == int(line["amount_pence"])


def test_a_held_line_says_why_and_what_would_release_it(claimed: Path) -> None:
    line = first_line(claimed, "held.csv")
    (held,) = [each for each in explain(bundle_of(claimed), line["family_ref"]).lines if each.state == "held"]
    assert held.why.startswith(f"{line['reason']}: ")
    assert line["released_by"] in held.why


def test_a_family_without_a_line_is_explained_all_the_same(claimed: Path) -> None:
    data = bundle_of(claimed) / "data"
    claimed_ids = pl.read_csv(data / "claim.csv")["decision_id"], pl.read_csv(data / "held.csv")["decision_id"]
    others = pl.read_parquet(data / "decisions.parquet").filter(
        ~pl.col("decision_id").is_in(pl.concat(claimed_ids).implode())
    )
    assert explain(bundle_of(claimed), others["family_id"][0]).lines == ()


def test_every_record_that_is_cited_has_its_file_and_row_in_the_extracts(claimed: Path) -> None:
    family = family_of(claimed, first_line(claimed)["decision_id"])
    found = explain(claimed, family, DATE)
    cited = {record for ruling in found.trace.rulings for record in records(ruling.step)}
    assert cited
    assert cited == found.records.keys()
    for place in (each.place for record in cited for each in found.records[record]):
        file, row = place.rsplit(":", 1)
        rows = (claimed / file).read_bytes().split(b"\n")
        assert 2 <= int(row) <= len(rows)


def test_a_bundle_tells_of_a_record_what_the_workspace_does_but_for_its_row(claimed: Path) -> None:
    family = family_of(claimed, first_line(claimed)["decision_id"])
    there, here = explain(claimed, family, DATE).records, explain(bundle_of(claimed), family).records
    rowless = {
        record: tuple(replace(each, place=each.place.rsplit(":", 1)[0]) for each in told)
        for record, told in there.items()
    }
    assert here == rowless != {}


def test_the_day_of_a_bundle_may_be_said_and_no_other(claimed: Path) -> None:
    reference = first_line(claimed)["family_ref"]
    assert explain(bundle_of(claimed), reference, DATE).trace.as_of == DATE
    with pytest.raises(Faults, match=r"E510 .* was decided as of 2014-10-31, not 2014-10-30"):
        explain(bundle_of(claimed), reference, date(2014, 10, 30))


def test_a_workspace_is_explained_as_of_a_day(claimed: Path) -> None:
    with pytest.raises(Faults, match="E505"):
        explain(claimed, "F000001")


@pytest.mark.parametrize("family", ["F999999", "", "0" * 32, "F000001 "])
def test_an_unknown_family_is_a_fault_in_both(claimed: Path, family: str) -> None:
    for place in (claimed, bundle_of(claimed)):
        with pytest.raises(Faults, match="E405"):
            explain(place, family, DATE)


def test_a_folder_that_is_neither_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Faults, match="E506"):
        explain(tmp_path, "F000001", DATE)


def test_a_bundle_that_was_changed_explains_nothing(copy: Path) -> None:
    facts = bundle_of(copy) / "data" / "facts.parquet"
    facts.write_bytes(facts.read_bytes()[:-1])
    with pytest.raises(Faults, match="E553"):
        explain(bundle_of(copy), "F000001")
