"""How good linkage is: measured against labels, and estimated by a model's weights where there are none.

In: links, and who some records are really about; or links and pairs with their weights. Out: precision and recall with
what a sample of that size can say of them, by pass and by what differed; the records that went wrong; the same by the
threshold of a model; and how many links may be false or missing. Shares are exact until they are written; what a model
estimates is an estimate, and never evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor, isqrt

import polars as pl

from pbr.linkage.agreement import compared
from pbr.linkage.details import Details
from pbr.linkage.people import People
from pbr.sources.contracts import IDENTIFIERS

LABELLED = pl.Schema(
    {
        "table": pl.String(),
        "record_id": pl.String(),
        "detail": pl.UInt32(),
        "person_id": pl.String(),
        "errors": pl.List(pl.String()),
    }
)
"""A record whose person somebody knows: null where it is about nobody on the list. `errors`: what its details have
otherwise than the person has it (`ERRORS`)."""

QUALITY = pl.Schema(
    {
        "measure": pl.String(),
        "status": pl.String(),
        "by": pl.String(),
        "item": pl.String(),
        "right": pl.Int64(),
        "of": pl.Int64(),
        "trials": pl.Float64(),
        "share": pl.Float64(),
        "least": pl.Float64(),
        "most": pl.Float64(),
    }
)
"""`measure` is `precision` (of `of` links, `right` are to the person whom the record is about) or `recall` (of `of`
records about somebody on the list, `right` are linked to them). `status`: of which links. `by` is `all`, `pass` or
`error`, and `item` which; a record with two errors counts under both. `trials`: how many records tell as much as these,
for records with the same details are linked as one. `least` and `most` are the 95 % interval (Wilson) of that many."""

CURVE = pl.Schema(
    {
        "from_bits": pl.Int64(),
        "confirmed": pl.Int64(),
        "confirmed_right": pl.Int64(),
        "precision": pl.Float64(),
        "precision_least": pl.Float64(),
        "precision_most": pl.Float64(),
        "of": pl.Int64(),
        "found": pl.Int64(),
        "recall": pl.Float64(),
        "recall_least": pl.Float64(),
        "recall_most": pl.Float64(),
        "of_all": pl.Int64(),
        "found_with_earlier": pl.Int64(),
        "recall_with_earlier": pl.Float64(),
    }
)
"""One row for each whole number of bits, of the records that no earlier pass confirms. For `confirmed_from`: of the
records that one person alone reaches with that weight (`confirmed`), `confirmed_right` are about that person. For
`possible_from`: of `of` records about somebody on the list, that person is `found` with that weight; and with those
whom earlier passes confirm or hold possible, `found_with_earlier` of `of_all`."""

WRONG = pl.Schema(
    {
        "outcome": pl.String(),
        "table": pl.String(),
        "record_id": pl.String(),
        "person_id": pl.String(),
        "linked_to": pl.String(),
        "pass": pl.String(),
        "key": pl.String(),
        "evidence": pl.String(),
        "weight": pl.Int64(),
        "differs": pl.String(),
    }
)
"""The records that went wrong: `outcome` is `false` (confirmed for another than `person_id`, which is null for nobody
on the list) or `missed` (neither confirmed nor possible for them). `differs`: their errors, joined with `;`."""

ESTIMATE = pl.Schema(
    {
        "status": pl.String(),
        "pass": pl.String(),
        "links": pl.Int64(),
        "weighed": pl.Int64(),
        "expected_false": pl.Float64(),
    }
)
"""Links by status and pass, an empty pass for all together. `weighed` of them have a weight, and of those so many are
`expected_false`, null where none is weighed. The last row, of status `missed`, has the records without any link that
the model weighed with somebody, and how many links are expected to be missing among them (`expected_false`)."""

ERRORS = (
    "nothing",
    "no details",
    "name missing",
    "surname changed",
    "surname in part",
    "surname one character",
    "names swapped",
    "forename another",
    "nickname",
    "forename in part",
    "forename one character",
    "initial or no forename",
    "birth missing",
    "birth swapped",
    "birth one figure",
    "birth another",
    "address missing",
    "moved",
    "sex another",
    "identifier missing",
    "identifier of somebody else",
    "identifier unknown",
    "person id of somebody else",
    "person id unknown",
)
"""What a record can have otherwise than its person, in the order in which it is told."""

NOBODY = "nobody on the list"
"""What is told in the place of errors where a record is about nobody whom the members' table has."""

MATCH_KEYS = "match-keys"
"""What is told where the record has hashes in the place of its details."""

IN_QUARANTINE = "member in quarantine"
"""What is told in their place where nothing of the members' row could be compared."""

_TOLD = (*ERRORS, MATCH_KEYS, IN_QUARANTINE, NOBODY)

LOWEST, HIGHEST = -10, 40
"""Bits between which the curve is drawn; weights beyond count at its ends."""

TAKEN_AS_RIGHT = ("person_id", "review")
"""Passes whose links no model can judge: the authority's own id, and a person who looked."""

_Z2 = Fraction(38416, 10_000)
"""1.96 squared: of 100 such intervals 95 hold the truth."""
_MILLION = 1_000_000


def interval(right: int, of: int, trials: Fraction) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927): `right` of `of`, which tell as much as `trials` independent ones.

    In millionths, rounded outwards. Of no trials nothing can be said: 0 to 1.
    """
    if not of:
        return 0.0, 1.0
    share = Fraction(right, of)
    middle, width = trials * share + _Z2 / 2, _Z2 * (trials * share * (1 - share) + _Z2 / 4)
    # The root, rounded up, in units of which there are a thousand in a millionth.
    unit = 1000 * _MILLION
    root = Fraction(isqrt(ceil(width * unit**2)) + 1, unit)
    least, most = ((middle + sign * root) / (trials + _Z2) for sign in (-1, 1))
    return max(floor(least * _MILLION), 0) / _MILLION, min(ceil(most * _MILLION), _MILLION) / _MILLION


# ---------------------------------------------------------------------------------------------------- what differed


def labelled(labels: pl.DataFrame, details: Details, people: People) -> pl.DataFrame:
    """Labels with what differs (`LABELLED`): `table`, `record_id`, `person_id` as ids are compared, null for nobody."""
    given = labels.join(details.records.select(_RECORD).unique(), on=["table", "record_id"])
    of_people = given.select("detail", "person_id").drop_nulls().unique()
    found = given.join(_errors(of_people, details, people), on=["detail", "person_id"], how="left")
    nobody = pl.when(pl.col("person_id").is_null()).then(pl.lit([NOBODY]))
    told = pl.coalesce(nobody, "errors", pl.lit([IN_QUARANTINE]))
    return found.with_columns(errors=told).select(LABELLED.names()).cast(LABELLED)


def _errors(pairs: pl.DataFrame, details: Details, people: People) -> pl.DataFrame:
    """`detail`, `person_id`, `errors` of pairs of details and the person (as ids are compared) whom they are of."""
    spelt = people.ways.select("theirs", "person_id").unique()
    as_spelt = pairs.rename({"person_id": "theirs"}).join(spelt, on="theirs").select("detail", "person_id")
    levels = (
        compared(as_spelt, details, people)
        .join(spelt, on="person_id")
        .drop("person_id")
        .group_by("detail", "theirs")
        .agg(pl.all().min())
        .join(_given(details), on="detail")
        .join(_of_others(pairs, details, people), on=["detail", "theirs"], how="left")
    )
    holds = _tests()
    told = pl.concat_list(pl.when(holds[error].fill_null(False)).then(pl.lit(error)) for error in ERRORS[1:])
    errors = told.list.drop_nulls()
    nothing = pl.when(errors.list.len() == 0).then(pl.lit([ERRORS[0]]))
    hashed = pl.when("is_hashed").then(pl.lit([MATCH_KEYS]))
    return levels.select("detail", person_id="theirs", errors=pl.coalesce(hashed, nothing, errors))


def _given(details: Details) -> pl.DataFrame:
    """What the details give at all."""
    hashed = details.rows.select("detail", is_hashed=pl.col("match_keys").is_not_null())
    return details.normal.join(hashed, on="detail").select(
        "detail",
        "is_hashed",
        gives_name=pl.col("surname").is_not_null() | pl.col("forename").is_not_null(),
        gives_surname=pl.col("surname").is_not_null(),
        gives_birth=pl.col("date_of_birth").is_not_null(),
        gives_address=pl.col("postcode").is_not_null() | pl.col("uprn").is_not_null(),
        own_id="person_id",
        gives_number=pl.any_horizontal(pl.col(IDENTIFIERS).is_not_null()),
    )


def _of_others(pairs: pl.DataFrame, details: Details, people: People) -> pl.DataFrame:
    """`detail`, `theirs` and whether a number, or the person id, that the details give is another member's."""
    ways = people.ways.rename({"theirs": "member"})
    given = pairs.rename({"person_id": "theirs"}).join(
        details.normal.select("detail", *IDENTIFIERS, own_id="person_id"), on="detail"
    )
    found = []
    for column in IDENTIFIERS:
        holders = ways.select("member", column).drop_nulls().unique()
        found.append(given.join(holders, on=column).select("detail", "theirs", "member", number=pl.lit(True)))
    holders = ways.select("member", own_id="member").unique()
    found.append(given.join(holders, on="own_id").select("detail", "theirs", "member", number=pl.lit(False)))
    others = pl.concat(found).filter(pl.col("member") != pl.col("theirs"))
    return others.group_by("detail", "theirs").agg(
        others_number=pl.col("number").any(), others_id=(~pl.col("number")).any()
    )


def _tests() -> dict[str, pl.Expr]:
    surname, forename, birth = pl.col("surname"), pl.col("forename"), pl.col("birth")
    numbers = [pl.col(each) for each in IDENTIFIERS]
    number_differs = pl.any_horizontal(each == "differs" for each in numbers)
    others_number, others_id = (pl.col(each).fill_null(False) for each in ("others_number", "others_id"))
    own_id = pl.col("own_id")
    silent = ~(pl.col("gives_name") | pl.col("gives_birth") | pl.col("gives_number")) & own_id.is_null()
    return {
        "no details": silent,
        "name missing": ~pl.col("gives_surname") & ~silent,
        "surname changed": surname == "differs",
        "surname in part": surname == "part",
        "surname one character": surname == "near",
        "names swapped": (surname == "swapped") | (forename == "swapped"),
        "forename another": forename == "differs",
        "nickname": forename == "nickname",
        "forename in part": forename == "part",
        "forename one character": forename == "near",
        "initial or no forename": (forename == "initial") | ((forename == "absent") & pl.col("gives_surname")),
        "birth missing": ~pl.col("gives_birth") & ~silent,
        "birth swapped": birth == "swapped",
        "birth one figure": birth == "near",
        "birth another": birth == "differs",
        "address missing": ~pl.col("gives_address") & ~silent,
        "moved": pl.col("address") == "differs",
        "sex another": pl.col("sex") == "differs",
        "identifier missing": ~pl.col("gives_number") & own_id.is_null() & ~silent,
        "identifier of somebody else": others_number,
        "identifier unknown": number_differs & ~others_number,
        "person id of somebody else": others_id,
        "person id unknown": own_id.is_not_null() & (own_id != pl.col("theirs")) & ~others_id,
    }


# --------------------------------------------------------------------------------------------- precision and recall


def quality(known: pl.DataFrame, links: pl.DataFrame, passes: Sequence[str]) -> pl.DataFrame:
    """Precision and recall (`QUALITY`) of links of labelled records (`LABELLED`): as a whole, by pass in the order
    given, and by error. `links`: the columns of `LINKS` and `detail`, ids as they are compared.
    """
    own = _judged(known, links)
    told = [_shares(own.filter(pl.col("status") == status), "precision", status, passes) for status in _STATUSES]
    about_somebody = known.filter(pl.col("person_id").is_not_null())
    right = own.filter("right").select(*_RECORD, "pass", "status")
    for status, counted in {"confirmed": _STATUSES[:1], "confirmed or possible": _STATUSES}.items():
        found = right.filter(pl.col("status").is_in(counted)).drop("status")
        reached = about_somebody.join(found, on=_RECORD, how="left")
        told.append(_shares(reached.with_columns(right=pl.col("pass").is_not_null()), "recall", status, passes))
    return pl.concat(told)


_STATUSES = ("confirmed", "possible")
_RECORD = ["table", "record_id", "detail"]
"""A record: where a supplier gives two the same id, both are in quarantine; they are one where their details are."""


def wrong(known: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """The labelled records that went wrong (`WRONG`), sorted."""
    own = _judged(known, links)
    false = own.filter((pl.col("status") == "confirmed") & ~pl.col("right")).with_columns(outcome=pl.lit("false"))
    # One that is confirmed for another is false, and told once.
    found = own.filter((pl.col("status") == "confirmed") | pl.col("right"))
    missed = (
        known.filter(pl.col("person_id").is_not_null())
        .join(found, on=_RECORD, how="anti")
        .with_columns(outcome=pl.lit("missed"))
    )
    rows = pl.concat([false, missed], how="diagonal").with_columns(differs=pl.col("errors").list.join(";"))
    return rows.select(WRONG.names()).cast(WRONG).sort("outcome", "table", "record_id", "linked_to")


def _judged(known: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """The links of labelled records, `linked_to` somebody, and whether each is `right`."""
    given = links.filter(pl.col("status").is_in(_STATUSES)).rename({"person_id": "linked_to"})
    own = known.join(given.unique([*_RECORD, "linked_to"]), on=_RECORD)
    return own.with_columns(right=(pl.col("linked_to") == pl.col("person_id")).fill_null(False))


def _shares(rows: pl.DataFrame, measure: str, status: str, passes: Sequence[str]) -> pl.DataFrame:
    """How many of the rows are `right`: all, by pass and by error. Of recall, a pass has its part of all records."""
    whole = _whole(rows)
    if measure == "recall":
        by_pass = [_counted(rows.with_columns(item=pl.lit(each), right=_is_by(each))) for each in _named(rows, passes)]
    else:
        by_pass = [_counted(rows.with_columns(item="pass"), passes)]
    by_error = _counted(rows.explode("errors").with_columns(item="errors"), _TOLD)
    parts = [("all", [whole]), ("pass", by_pass), ("error", [by_error])]
    counted = [frame.with_columns(by=pl.lit(by)) for by, frames in parts for frame in frames]
    told = pl.concat(counted).with_columns(measure=pl.lit(measure), status=pl.lit(status))
    return told.select(QUALITY.names()).cast(QUALITY)


def _is_by(name: str) -> pl.Expr:
    return (pl.col("pass") == name).fill_null(False)


def _named(rows: pl.DataFrame, order: Sequence[str]) -> list[str]:
    """The passes of the rows, those of the order first."""
    present = set(rows["pass"].drop_nulls())
    return [each for each in order if each in present] + sorted(present - set(order))


def _whole(rows: pl.DataFrame) -> pl.DataFrame:
    """All rows as one item, there even if no row is."""
    found = _counted(rows.with_columns(item=pl.lit("")))
    return found if found.height else _told([("", 0, 0, 0)])


def _counted(rows: pl.DataFrame, order: Sequence[str] = ()) -> pl.DataFrame:
    """`item`, `right`, `of`, `trials`, `share`, `least`, `most` for each item that has rows, in the order.

    Records with the same details stand or fall together. What they tell is counted as the variance of a mean of such
    groups has it (Kish, 1965): the square of their number by the sum of the squares of the groups.
    """
    n = pl.len().cast(pl.Int64)
    groups = rows.group_by("item", "detail").agg(n.alias("of"), pl.col("right").sum().cast(pl.Int64))
    sums = groups.group_by("item").agg(pl.col("right", "of").sum(), squares=(pl.col("of") * pl.col("of")).sum())
    place = {item: n for n, item in enumerate(order)}
    return _told(sorted(sums.iter_rows(), key=lambda row: (place.get(row[0], len(place)), row[0])))


def _told(sums: Sequence[tuple[str, int, int, int]]) -> pl.DataFrame:
    rows = []
    for item, right, of, squares in sums:
        trials = Fraction(of * of, squares) if squares else Fraction(0)
        rows.append((item, right, of, *_written(right, of, trials)))
    schema = {name: QUALITY[name] for name in ("item", "right", "of", "trials", "share", "least", "most")}
    return pl.DataFrame(rows, schema, orient="row")


def _written(right: int, of: int, trials: Fraction) -> tuple[float, float | None, float, float]:
    """`trials`, `share`, `least`, `most`; a share is rounded down, so that it is whole only where all are right."""
    share = right * _MILLION // of / _MILLION if of else None
    return floor(trials * 10) / 10, share, *interval(right, of, trials)


# ------------------------------------------------------------------------------------------------------- thresholds


def curve(known: pl.DataFrame, links: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """Precision and recall by the threshold (`CURVE`) of labelled records, from the weights (`detail`, `person_id` as
    ids are compared, `weight` in hundredths of a bit) of whom the model thinks of.
    """
    earlier = _judged(known, links).filter(~_is_by("probabilistic"))
    confirmed = earlier.filter(pl.col("status") == "confirmed")
    reached = known.join(confirmed, on=_RECORD, how="anti")
    thought_of = reached.join(weights.rename({"person_id": "thought_of"}), on="detail").with_columns(
        is_right=(pl.col("thought_of") == pl.col("person_id")).fill_null(False), bits=pl.col("weight") // 100
    )
    best_first = thought_of.sort("weight", "is_right", descending=[True, False]).group_by(_RECORD)
    of_records = reached.join(
        best_first.agg(
            best=pl.col("bits").first(),
            second=pl.col("bits").get(1, null_on_oob=True).fill_null(_NONE),
            right=pl.col("is_right").first(),
            true=pl.col("bits").filter("is_right").first(),
        ),
        on=_RECORD,
        how="left",
    )
    somebody = of_records.filter(pl.col("person_id").is_not_null())
    before = earlier.filter("right").select(_RECORD).unique()
    not_before = of_records.join(before, on=_RECORD, how="anti")
    rows = []
    for bits in range(LOWEST, HIGHEST + 1):
        alone = of_records.filter((pl.col("best") >= bits) & (pl.col("second") < bits))
        found = somebody.with_columns(right=(pl.col("true") >= bits).fill_null(False))
        added = not_before.filter(pl.col("true") >= bits).height
        rows.append(_point(bits, _whole(alone), _whole(found), before.height + added, known["person_id"].count()))
    return pl.DataFrame(rows, CURVE, orient="row")


_NONE = -(2**31)
"""Fewer bits than any weight has."""


def _point(bits: int, precision: pl.DataFrame, recall: pl.DataFrame, found: int, of_all: int) -> tuple[object, ...]:
    confirmed, reached = (frame.row(0, named=True) for frame in (precision, recall))
    share = found * _MILLION // of_all / _MILLION if of_all else None
    return (
        bits,
        *(confirmed[name] for name in ("of", "right", "share", "least", "most")),
        *(reached[name] for name in ("of", "right", "share", "least", "most")),
        *(of_all, found, share),
    )


# ---------------------------------------------------------------------------------------------------- without labels


def estimate(links: pl.DataFrame, weights: pl.DataFrame | None, records: pl.DataFrame) -> pl.DataFrame:
    """What the weights of a model say of links, without labels (`ESTIMATE`); without weights, how many links there are.

    `links`: the columns of `LINKS` and `detail`. `weights`: `detail`, `person_id`, `weight` of every pair that was
    weighed. `records`: `detail`, `table`, `record_id` of all records. A pair of weight w bits is true with the
    probability 2^w / (1 + the sum of 2^w of all people whom the details may be those of).
    """
    known = weights if weights is not None else pl.DataFrame(schema={"detail": pl.UInt32, **_WEIGHT})
    of_statuses = links.filter(pl.col("status").is_in(_STATUSES))
    own = weighed(of_statuses, known)
    expected = pl.when(pl.col("is_false").count() > 0).then(pl.col("is_false").sum())
    counts = {"links": pl.len(), "weighed": pl.col("is_false").count(), "expected_false": expected}
    whole = own.group_by("status").agg(**counts).with_columns(pl.lit("").alias("pass"))
    by_pass = own.group_by("status", "pass").agg(**counts)
    rows = [whole, by_pass] if weights is None else [whole, by_pass, _missed(of_statuses, weights, records)]
    order = {status: place for place, status in enumerate((*_STATUSES, "missed"))}
    found = pl.concat(frame.select(ESTIMATE.names()).cast(ESTIMATE) for frame in rows)
    # A sum of fractions may differ in its last figures with the order of rows.
    found = found.with_columns(pl.col("expected_false").round(4))
    return found.sort(pl.col("status").replace_strict(order, return_dtype=pl.Int64), "pass")


_WEIGHT = {"person_id": pl.String, "weight": pl.Int64}


def _missed(links: pl.DataFrame, weights: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """The row of the records without a link."""
    open_pairs = weights.join(links.select("detail").unique(), on="detail", how="anti").group_by("detail")
    odds = _odds(pl.col("weight")).sum()
    of_details = open_pairs.agg(missing=odds / (1 + odds))
    n = records.group_by("detail").agg(n=pl.len())
    return of_details.join(n, on="detail").select(
        pl.lit("missed").alias("status"),
        pl.lit("").alias("pass"),
        links=pl.col("n").sum(),
        weighed=pl.col("n").sum(),
        expected_false=(pl.col("missing") * pl.col("n")).sum(),
    )


def weighed(links: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """Links with `is_false`: the probability that each is false by its own weight or, where it has none, by that of its
    details and person; null where there is neither. What is `TAKEN_AS_RIGHT` is never weighed.

    Of all the people whom some details may be those of, one at most is the right one: two that weigh the same have half
    a chance each, however heavy they are.
    """
    of_pairs = weights.select("detail", "person_id", pair_weight="weight", odds=_odds(pl.col("weight"))).with_columns(
        rivals=pl.col("odds").sum().over("detail") - pl.col("odds")
    )
    found = links.join(of_pairs, on=["detail", "person_id"], how="left", maintain_order="left")
    others = 1 + pl.col("rivals").fill_null(0)
    chance = others / (others + _odds(pl.coalesce("weight", "pair_weight")))
    is_open = ~pl.col("pass").is_in(TAKEN_AS_RIGHT)
    return found.with_columns(is_false=pl.when(is_open).then(chance)).drop("pair_weight", "odds", "rivals")


def is_false(weight: pl.Expr) -> pl.Expr:
    """The probability that a pair of this weight, in hundredths of a bit, is not one person, by itself."""
    return 1 / (1 + _odds(weight))


def _odds(weight: pl.Expr) -> pl.Expr:
    """How many to one a pair of this weight, in hundredths of a bit, is one person."""
    return pl.lit(2.0).pow(weight / 100)
