"""Match-keys: an identity as keyed hashes of its normalised fields, for a partner that cannot share names.

In: identity columns, of records or of members, and a key that both sides share. Out: a token for each combination of
fields that a pass of linkage compares; equal tokens are what `linkage.hashed` links by. `docs/match-keys.md` says what
that protects, and what it loses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from functools import cache

import polars as pl

from pbr.canonical import canonical
from pbr.linkage import normal
from pbr.linkage.agreement import BIRTH, FORENAME, NAME, SURNAME, nicknames
from pbr.sources.contracts import IDENTIFIERS

ADDRESSES = ("postcode", "uprn")
WITH_ADDRESS = ("exact", "name_variant", "birth_swapped", "initial")

KEY_NAMES: tuple[str, ...] = (
    "person_id",
    *(f"{number}{beside}" for number in IDENTIFIERS for beside in ("", "+name", "+birth")),
    *(f"{of_pass}+{address}" for of_pass in WITH_ADDRESS for address in ADDRESSES),
    "moved_house",
)
"""What stands before a token: the pass that it serves, and the address that is in it."""

_FORM = 1
"""Counts how tokens are made of normalised fields: another number where the same fields make other tokens."""

_MARK, APART = "\x1f", " "

# ------------------------------------------------------------------------------------------------ at the partner's


def match_keys(identities: pl.DataFrame, key: bytes) -> pl.Series:
    """`match_keys` of each row of identity columns, null where no combination is complete.

    A cell reads `version:… key:… exact+postcode:… moved_house:…`: eight hexadecimal digits for the version of pbr's
    normalisation and for the key, then 32 for each token, in order.
    """
    fields = normal.normalised(identities).with_row_index("id")
    made = hashed(combinations(fields, KEY_NAMES, theirs=False), key)
    head = pl.lit(f"version:{version()} key:{check_value(key)}")
    cells = made.group_by("id").agg(pl.format("{}:{}", "key_name", "token").unique().sort().alias("tokens"))
    return (
        fields.select("id")
        .join(cells, on="id", how="left", maintain_order="left")
        .select(pl.concat_str(head, pl.col("tokens").list.join(APART), separator=APART).alias("match_keys"))
        .to_series()
    )


@cache
def version() -> str:
    """Eight hexadecimal digits of all that decides which text is hashed; part of every token."""
    return hashlib.sha256(canonical([_FORM, normal.VERSION])).hexdigest()[:8]


def check_value(key: bytes) -> str:
    """Eight hexadecimal digits that tell one key from another, and nothing of the key."""
    return keyed_hashes(["which key"], key, "check value")[0][:8]


def keyed_hashes(texts: Iterable[str], key: bytes, purpose: str) -> list[str]:
    """HMAC-SHA-256 (RFC 2104) of each text for a purpose, cut to 128 bits: 32 hexadecimal digits."""
    # hmac.digest takes twice as long: it begins with the key each time.
    padded = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))
    inner.update(f"pbr {purpose}{_MARK}".encode())
    return [_finished(text, inner, outer) for text in texts]


def _finished(text: str, inner: hashlib._Hash, outer: hashlib._Hash) -> str:
    inside, outside = inner.copy(), outer.copy()
    inside.update(text.encode())
    outside.update(inside.digest())
    return outside.hexdigest()[:32]


def hashed(made: pl.DataFrame, key: bytes) -> pl.DataFrame:
    """Combinations with `token` in the place of their `text`."""
    tokens = keyed_hashes(made["text"], key, f"match-keys {version()}")
    return made.with_columns(pl.Series("token", tokens, pl.String)).drop("text")


# --------------------------------------------------------------------------------------------------- combinations
# Clear names are compared by words, initials and nicknames; hashes can only be equal. So each side hashes the forms in
# which the other may have the name. The role of a form, always the record's, keeps apart what must not meet: a part of
# the record's name and the whole of the member's agree, a part of each does not.


_COMBINATION = pl.Schema(
    {
        "key_name": pl.String(),
        "text": pl.String(),
        "name": NAME,
        "surname": SURNAME,
        "forename": FORENAME,
        "birth": BIRTH,
    }
)


def combinations(fields: pl.DataFrame, wanted: Collection[str], theirs: bool) -> pl.DataFrame:
    """`id`, `key_name`, `text` and the levels that an equal token means (`name`, `surname`, `forename`, `birth`).

    `fields`: `id` and `normal.FIELDS`; rows with one id are ways in which one person is recorded, and all their names
    go with all their addresses. `theirs`: of members, and not of records.
    """
    names, births = _names(fields, theirs), _births(fields)
    made = [pl.DataFrame(schema=pl.Schema([("id", fields.schema["id"]), *_COMBINATION.items()]))]
    for key_name in KEY_NAMES:
        if key_name in wanted:
            parts = _parts(key_name, fields, names, births)
            made.append(_together(*parts).with_columns(pl.lit(key_name).alias("key_name")))
    text = pl.concat_str("key_name", "text", separator=_MARK).alias("text")
    return pl.concat(made, how="diagonal").with_columns(text).select("id", *_COMBINATION)


def _parts(key_name: str, fields: pl.DataFrame, names: pl.DataFrame, births: pl.DataFrame) -> list[pl.DataFrame]:
    """What a key is made of: frames of `id`, `text` and levels."""
    first, _, beside = key_name.partition("+")
    birth = births.filter(pl.col("birth") == ("swapped" if first == "birth_swapped" else "same"))
    match first, beside:
        case ("person_id", _) | (_, ""):
            if first == "moved_house":
                return [_of_family(names, "exact"), birth]
            return [_given(fields, first)]
        case _, "name":
            return [_given(fields, first), names.drop("family")]
        case _, "birth":
            return [_given(fields, first), births]
        case _:
            family = "exact" if first == "birth_swapped" else first
            return [_of_family(names, family), birth, _given(fields, beside)]


def _given(fields: pl.DataFrame, column: str) -> pl.DataFrame:
    return fields.select("id", text=column).drop_nulls().unique()


def _of_family(names: pl.DataFrame, family: str) -> pl.DataFrame:
    return names.filter(pl.col("family") == family).drop("family")


def _together(first: pl.DataFrame, *others: pl.DataFrame) -> pl.DataFrame:
    """Every text of one frame with every text of the others, by id."""
    for other in others:
        both = first.join(other.rename({"text": "more"}), on="id")
        first = both.with_columns(_marked("text", "more").alias("text")).drop("more")
    return first


def _marked(*parts: str | pl.Expr) -> pl.Expr:
    return pl.concat_str(*parts, separator=_MARK)


def _births(fields: pl.DataFrame) -> pl.DataFrame:
    """`id`, `text`, `birth`: a date as it is, and with day and month in no order."""
    born = pl.col("date_of_birth")
    day, month = born.dt.day(), born.dt.month()
    either_way = pl.format("{} {} {}", born.dt.year(), pl.min_horizontal(day, month), pl.max_horizontal(day, month))
    given = fields.select("id", "date_of_birth").drop_nulls().unique()
    return pl.concat(
        [
            given.select("id", text=born.dt.to_string("%Y-%m-%d"), birth=pl.lit("same", BIRTH)),
            given.select("id", text=either_way, birth=pl.lit("swapped", BIRTH)),
        ]
    )


# ------------------------------------------------------------------------------------------------------------ names


def _names(fields: pl.DataFrame, theirs: bool) -> pl.DataFrame:
    """`id`, `text`, the `family` of passes that the form serves, and the levels `name`, `surname`, `forename`."""
    named = fields.select("id", "surname", "forename", "surname_words", "forename_words").unique().with_row_index("way")
    full = named.drop_nulls(["surname", "forename"])
    two = pl.min_horizontal("surname", "forename"), pl.max_horizontal("surname", "forename")
    surnames = _wholes_and_parts(named, "surname", theirs)
    variants = _crossed(surnames, pl.concat([_wholes_and_parts(named, "forename", theirs), _nicknames(named, theirs)]))
    initials = _crossed(surnames, _initials(named, theirs))
    return pl.concat(
        [
            _served(full, "exact", "same", text=_marked("surname", "forename"), surname="same", forename="same"),
            _served(full, "name_variant", "variant", text=_marked(pl.lit("swapped"), *two), surname="swapped",
                    forename="swapped"),
            _served(variants, "name_variant", "variant"),
            _served(initials.filter(pl.col("forename") == "initial"), "initial", "initial"),
            _served(initials.filter(pl.col("forename") == "absent"), "initial", "surname"),
        ]
    ).unique()  # fmt: skip


def _served(
    forms: pl.DataFrame, family: str, name: str, text: pl.Expr | None = None, surname: str = "", forename: str = ""
) -> pl.DataFrame:
    """Forms of whole names with the passes that they serve and their levels, where the forms have none of their own."""
    return forms.select(
        "id",
        (pl.col("text") if text is None else text).alias("text"),
        (pl.lit(surname) if surname else pl.col("surname")).cast(SURNAME).alias("surname"),
        (pl.lit(forename) if forename else pl.col("forename")).cast(FORENAME).alias("forename"),
        family=pl.lit(family),
        name=pl.lit(name, NAME),
    )


def _crossed(surnames: pl.DataFrame, forenames: pl.DataFrame) -> pl.DataFrame:
    """Every form of a surname with every form of the forename beside it."""
    return surnames.join(forenames, on=["way", "id"], suffix="_other").select(
        "id", text=_marked("role", "value", "role_other", "value_other"),
        surname="level", forename="level_other",
    )  # fmt: skip


def _form(role: str, value: pl.Expr, level: str) -> list[pl.Expr]:
    """`way`, `id`, and one form of a name; `level`: how the two agree where the other side has the same form."""
    return [
        pl.col("way"),
        pl.col("id"),
        pl.lit(role).alias("role"),
        value.alias("value"),
        pl.lit(level).alias("level"),
    ]


def _wholes_and_parts(named: pl.DataFrame, column: str, theirs: bool) -> pl.DataFrame:
    """A name as it stands, with its words in any order, and the words of it that may be the whole of another."""
    given = named.drop_nulls(column).with_columns(words=pl.col(f"{column}_words").list.unique().list.sort())
    as_it_stands, any_order, part = pl.col(column), pl.col("words").list.join(""), pl.col("part")
    several = given.filter(pl.col("words").list.len() > 1)
    parts = pl.concat([several.select("way", "id", part="words").explode("part"), _all_but_one(several)])
    # A single letter is no part of a name.
    parts = parts.filter(part.str.len_chars() > 1)
    long = given.filter(as_it_stands.str.len_chars() > 1)
    forms = [
        given.select(_form("whole", as_it_stands, "same")),
        given.select(_form("whole", any_order, "part")),
    ]
    if theirs:
        forms += [
            parts.select(_form("whole", part, "part")),
            long.select(_form("part", as_it_stands, "part")),
            long.select(_form("part", any_order, "part")),
        ]
    else:
        forms.append(parts.select(_form("part", part, "part")))
    return pl.concat(forms).unique(["way", "role", "value"], keep="first", maintain_order=True)


def _all_but_one(several: pl.DataFrame) -> pl.DataFrame:
    """`part`: of names of three words and more, what is left without each of them."""
    more = several.filter(pl.col("words").list.len() > 2)
    each = more.with_columns(at=pl.int_ranges(pl.col("words").list.len())).explode("at")
    left = pl.concat_list(pl.col("words").list.head(pl.col("at")), pl.col("words").list.slice(pl.col("at") + 1))
    return each.select("way", "id", part=left.list.join(""))


def _nicknames(named: pl.DataFrame, theirs: bool) -> pl.DataFrame:
    """The first word of a record's forename; of a member's, all other names that its bearer goes by.

    So the list of nicknames is the programme's alone: it may grow, and files that were hashed before still match.
    """
    first = pl.col("forename_words").list.first()
    given = named.with_columns(first=first).drop_nulls("first")
    if theirs:
        given = given.join(_other_names(), on="first").with_columns(first="other")
    return given.select(_form("nickname", pl.col("first"), "nickname"))


@cache
def _other_names() -> pl.DataFrame:
    """`first`, `other`: two different names that share a group of nicknames."""
    names = pl.DataFrame(
        [(name, group) for name, groups in nicknames().items() for group in groups],
        schema={"first": pl.String, "group": pl.Int64},
        orient="row",
    )
    both = names.join(names.rename({"first": "other"}), on="group").filter(pl.col("first") != pl.col("other"))
    return both.select("first", "other").unique()


def _initials(named: pl.DataFrame, theirs: bool) -> pl.DataFrame:
    """A forename as its first letter and as none, to meet whoever gives no more than that."""
    letter, length = pl.col("forename").str.slice(0, 1), pl.col("forename").str.len_chars()
    one, more = named.filter(length == 1), named.filter(length > 1)
    none, some = named.filter(length.is_null()), named.filter(length > 0)
    nothing = pl.lit("")
    # Role, what is hashed, level; then the records and the members whose names have that form.
    roles = [
        ("initial", letter, "initial", one, more),
        ("of an initial", letter, "initial", more, one),
        ("no forename", nothing, "absent", none, named),
        ("of no forename", nothing, "absent", some, none),
    ]
    return pl.concat(
        [
            (of_members if theirs else of_records).select(_form(role, value, level))
            for role, value, level, of_records, of_members in roles
        ]
    )
