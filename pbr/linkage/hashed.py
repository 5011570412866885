"""Hashed details: records that give match-keys instead of names, compared with the members whose names we have.

In: details with match-keys, members in clear, and the keys that partners hashed with. Out: links by the same passes as
in clear, as far as hashes can tell. What cannot be compared at all (another key, another version) is a fault before
that: "nobody matches" would make families look better than they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import polars as pl

from pbr.errors import Fault, Faults
from pbr.linkage.agreement import FIELD, LEVELS, evidence
from pbr.linkage.blocks import paired
from pbr.linkage.details import ABOUT_PEOPLE, Details
from pbr.linkage.match_keys import ADDRESSES, APART, KEY_NAMES, WITH_ADDRESS, check_value, combinations, hashed, version
from pbr.linkage.passes import OF_DETAILS, linked
from pbr.linkage.people import People
from pbr.sources import Extract
from pbr.sources.contracts import IDENTIFIERS
from pbr.workspace import LinkageSettings

OF_FIELDS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("theirs",): ("person_id",),
    **{(number,): (number,) for number in IDENTIFIERS},
    ("surname", "forename", "date_of_birth"): ("moved_house",),
    **{
        key: tuple(f"{of_pass}+{address}" for of_pass in passes)
        for address in ADDRESSES
        for key, passes in (
            (("surname", "forename", "date_of_birth", address), ("exact",)),
            (("date_of_birth", address), ("name_variant", "initial")),
            (("surname", "forename", address), ("birth_swapped",)),
        )
    },
}
"""The fields by which a pass brings details and members together → the match-keys that stand for them. By fields that
are not here nobody is brought together: too little is in them to be hashed."""

_COMPARED = ("surname", "forename", "surname_words", "forename_words", "date_of_birth", *IDENTIFIERS, *ADDRESSES)
ALONE = (*IDENTIFIERS, *ADDRESSES)
"""The fields that a key holds as they are."""

_KEY_NAME = pl.Enum(KEY_NAMES)
_HOLDS = pl.DataFrame(
    [
        {
            "key_name": key_name,
            "gives_name": beside == "name" or first in (*WITH_ADDRESS, "moved_house"),
            "gives_birth": beside == "birth" or first in (*WITH_ADDRESS, "moved_house"),
            **{f"gives_{field}": field in (first, beside) for field in ALONE},
        }
        for key_name in KEY_NAMES
        for first, _, beside in [key_name.partition("+")]
    ],
    schema_overrides={"key_name": _KEY_NAME},
)
"""Which fields are in each match-key."""

_HEAD = r"^version:([0-9a-f]{8}) key:([0-9a-f]{8})"


def require_usable(extracts: Mapping[str, Extract], keys: Mapping[str, bytes]) -> None:
    """Raise Faults where match-keys cannot be compared. `keys`: table → the key that its supplier hashed with.

    E360 a table has match-keys and no key; E361 they were made with another key; E362 by another version of pbr; E363
    they have a name that there is not; E367 they stand in a table whose records linkage does not look for; E368 a table
    has a key and no match-keys.
    """
    faults: list[Fault] = []
    for table, extract in extracts.items():
        if table in ABOUT_PEOPLE:
            faults += _unusable(table, _cells(extract), keys.get(table), is_empty=extract.rows_read == 0)
        elif table in keys or not _cells(extract).is_empty():
            what = f"{table} is given with match-keys, and its records are not linked by them"
            faults.append(Fault("E367", table, what, "Give its ids and names as they are, and leave match_keys out."))
    if faults:
        raise Faults(faults)


def _unusable(table: str, cells: pl.DataFrame, key: bytes | None, is_empty: bool) -> Iterator[Fault]:
    if key is None:
        if not cells.is_empty():
            step = f"Name the file of the key: match_keys under [sources.{table}]."
            yield Fault("E360", _place(cells), f"{table} has match-keys, and no key to compare them with", step)
        return
    if cells.is_empty() and not is_empty:
        step = f"Ask for a file made by `pbr match hash`, or take match_keys out of [sources.{table}]."
        yield Fault("E368", table, f"{table} names a key for match-keys, and no row has any", step)
    distinct = cells.unique("match_keys", keep="first", maintain_order=True)
    head = pl.col("match_keys").str.extract_groups(_HEAD)
    headed = distinct.with_columns(version=head.struct[0], key=head.struct[1]).drop_nulls("version")
    others = headed.filter(pl.col("key") != check_value(key))
    older = headed.filter(pl.col("version") != version())
    if not others.is_empty():
        what = f"{table} was hashed with key {_listed(others['key'])}, and the one named is {check_value(key)}"
        yield Fault("E361", _place(others), what, "Name the file of the key that the supplier hashed with.")
    elif not older.is_empty():
        what = f"{table} has match-keys of version {_listed(older['version'])}, and this pbr makes {version()}"
        yield Fault("E362", _place(older), what, "Hash again, with the same version of pbr on both sides.")
    else:
        # Without their tokens, all but a few cells are alike.
        named = distinct.with_columns(name=pl.col("match_keys").str.replace_all(r":[0-9a-f]+", ""))
        names = named.unique("name", keep="first", maintain_order=True).with_columns(pl.col("name").str.split(APART))
        unknown = names.explode("name").filter(~pl.col("name").is_in(["version", "key", *KEY_NAMES]))
        if not unknown.is_empty():
            what = f"{table} has match-keys of names that there are not: {_listed(unknown['name'])}"
            yield Fault("E363", _place(unknown), what, "Ask the supplier for the file as `pbr match hash` made it.")


def _listed(words: pl.Series) -> str:
    return ", ".join(words.unique().sort())


def _cells(extract: Extract) -> pl.DataFrame:
    frames = [
        frame.select("file", "row", "match_keys")
        for frame in (extract.accepted, extract.rejected)
        if "match_keys" in frame.columns
    ]
    empty = pl.DataFrame(schema={"file": pl.String, "row": pl.Int64, "match_keys": pl.String})
    return pl.concat([empty, *frames]).drop_nulls("match_keys")


def _place(cells: pl.DataFrame) -> str:
    file, row, *_ = cells.sort("file", "row").row(0)
    return f"{file}:{row}"


def linked_by_hashes(found: pl.DataFrame, hashes: Hashes, how: LinkageSettings) -> pl.DataFrame:
    """Links (`passes.OF_DETAILS`) with those of hashed details, in the order of detail and person.

    The passes are those of `passes.link`, with what they give, their conflicts and their ties. By hashes,
    one_character, birth_near, birth_missing, variant_elsewhere and the probabilistic pass find nobody, and sexes are
    not compared. Raises Faults (E311) as there. Details that are linked in clear, though match-keys stand beside
    (E143), keep these links.
    """
    more = linked(hashes, how).join(found, on="detail", how="anti").select(OF_DETAILS.names())
    return pl.concat([found.select(OF_DETAILS.names()), more]).sort("detail", "person_id")


class Hashes:
    """Details and members as match-keys: what they bring together, and what equal tokens say of the fields beneath.

    A `passes.Comparison`. `given`: `detail` and `person_id`, not null where the details give one.
    """

    sees_slips = False

    def __init__(self, details: Details, people: People, keys: Collection[bytes]) -> None:
        mine = _tokens(details)
        ways = people.ways.select(pl.col("person_id").alias("id"), pl.col("theirs").alias("person_id"), *_COMPARED)
        made = combinations(ways, set(mine["key_name"].unique()), theirs=True).rename({"id": "of"})
        of_keys = [hashed(made, key) for key in sorted(set(keys))]
        theirs = pl.concat(of_keys).rename({"of": "person_id"}).with_columns(pl.col("key_name").cast(_KEY_NAME))
        self._mine_gives, self._theirs_gives = _gives(mine), _known(people)
        has_id = mine.filter(pl.col("key_name") == "person_id").select("detail", person_id="token")
        self.given = self._mine_gives.select("detail").sort("detail").join(has_id, on="detail", how="left")
        # Most records are about nobody that is known: their tokens are in the way of all that follows.
        self._mine = mine.join(theirs, on="token", how="semi")
        self._theirs = theirs.join(self._mine, on="token", how="semi")

    def pairs(self, among: pl.DataFrame, key: Sequence[str], for_pass: str, most: int) -> pl.DataFrame:
        """The pairs of some of the details and members whose tokens for the fields of a key are equal."""
        names = pl.Series(OF_FIELDS.get(tuple(key), ()), dtype=_KEY_NAME).implode()
        label, of_key = "+".join(key), pl.col("key_name").is_in(names)
        mine = self._mine.filter(of_key).join(among, on="detail", how="semi").rename({"token": label})
        return paired(mine, self._theirs.filter(of_key).rename({"token": label}), [label], for_pass, most)

    def with_evidence(self, links: pl.DataFrame) -> pl.DataFrame:
        """Links whose `evidence` says what equal tokens show, where a comparison in clear has nothing to say."""
        silent = links.filter(pl.col("evidence") == "").join(self.given, on="detail", how="semi")
        said = self.levels(silent).select("detail", "person_id", hashed=pl.format("hashed: {}", evidence()))
        both = links.join(said, on=["detail", "person_id"], how="left", maintain_order="left")
        return both.with_columns(evidence=pl.coalesce("hashed", "evidence")).drop("hashed")

    def levels(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """The levels (`agreement.LEVELS`) of pairs: `differs` where both give a field and no token shows it alike."""
        pair = ["detail", "person_id"]
        asked = pairs.select(pair).unique()
        equal = asked.join(self._mine, on="detail").join(self._theirs, on=["person_id", "key_name", "token"])
        shown = (
            equal.join(_HOLDS, on="key_name")
            .group_by(pair)
            .agg(
                pl.col("name", "surname", "forename", "birth").min(),
                *(pl.when(pl.col(f"gives_{field}").any()).then(pl.lit("same", FIELD)).alias(field) for field in ALONE),
            )
        )
        both = asked.join(shown, on=pair, how="left").join(self._mine_gives, on="detail")
        both = both.join(self._theirs_gives, on="person_id", suffix="_theirs")
        whole = {"surname": "name", "forename": "name"}
        found = both.with_columns(
            pl.coalesce(
                field,
                pl.when(pl.col(f"gives_{whole.get(field, field)}") & pl.col(f"gives_{whole.get(field, field)}_theirs"))
                .then(pl.lit("differs", LEVELS[field]))
                .otherwise(pl.lit("absent", LEVELS[field])),
            )
            for field in ("name", "surname", "forename", "birth", *ALONE)
        ).with_columns(sex=pl.lit("absent", FIELD), address=pl.min_horizontal(ADDRESSES))
        return found.select(LEVELS.names())


def _tokens(details: Details) -> pl.DataFrame:
    """`detail`, `key_name` and `token` of all match-keys that have a known name."""
    cells = details.rows.select("detail", each="match_keys").drop_nulls()
    tokens = cells.with_columns(pl.col("each").str.split(APART)).explode("each")
    parts = pl.col("each").str.split_exact(":", 1)
    named = tokens.select(
        "detail", parts.struct[0].cast(_KEY_NAME, strict=False).alias("key_name"), token=parts.struct[1]
    )
    return named.drop_nulls().unique()


def _gives(mine: pl.DataFrame) -> pl.DataFrame:
    """Which fields details give (`gives_…`), as far as the names of their keys say."""
    named = mine.select("detail", "key_name").unique().join(_HOLDS, on="key_name")
    return named.group_by("detail").agg(pl.exclude("key_name").any())


def _known(people: People) -> pl.DataFrame:
    """Which fields are known of each person (`gives_…`)."""
    columns = {"name": "surname", "birth": "date_of_birth", **{field: field for field in ALONE}}
    return people.ways.group_by("person_id").agg(
        pl.col(column).is_not_null().any().alias(f"gives_{field}") for field, column in columns.items()
    )
