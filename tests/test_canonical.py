"""The canonical form: the same value has the same bytes, and what has no form is refused."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbr.canonical import canonical, digest, file_digest, text_digest

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(PLAIN)
def test_reading_the_form_and_writing_it_again_changes_nothing(value: object) -> None:
    assert json.loads(canonical(value)) == value
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(st.dictionaries(st.text(), st.integers()))
def test_the_order_of_keys_means_nothing(value: dict[str, int]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


@given(st.lists(st.integers(), min_size=2, unique=True))
def test_the_order_of_a_list_means_something(value: list[int]) -> None:
    assert digest(value) != digest(value[::-1])


def test_a_date_is_iso_text_and_a_tuple_is_a_list() -> None:
    assert canonical({"b": (1, 2), "a": date(2014, 10, 31)}) == b'{"a":"2014-10-31","b":[1,2]}'


@pytest.mark.parametrize("value", [0.5, {1, 2}, b"bytes", {1: "a"}, [1.0], object()])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("pbr", "utf-8")
    assert file_digest(path) == text_digest("pbr")
