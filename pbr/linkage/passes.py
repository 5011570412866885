"""The passes: which member a record's details are those of, with the pass and the key that say so.

In: details, people, and the workspace's settings. Out: links. `docs/linkage.md` is what is meant. Passes run in order
and a later one sees what the earlier left; wherever there is doubt a link is possible, and a tie is never broken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from pbr.linkage.agreement import compared, in_words
from pbr.linkage.blocks import paired
from pbr.linkage.details import Details
from pbr.linkage.people import People
from pbr.sources.contracts import IDENTIFIERS
from pbr.workspace import LinkageSettings, ProbabilisticSettings

LINKS = pl.Schema(
    {
        "table": pl.String,
        "record_id": pl.String,
        "person_id": pl.String,
        "status": pl.String,
        "pass": pl.String,
        "key": pl.String,
        "evidence": pl.String,
        "weight": pl.Int64,
    }
)
"""`status` is `confirmed`, `possible` or `rejected`; `pass` the one that linked them, or `review`. `key`: the fields by
which the two were brought together, and `evidence`: how each field agrees (`agreement.evidence`), never their values.
`weight`: of the probabilistic pass, in hundredths of a bit, null where none was taken."""

OF_DETAILS = pl.Schema(
    [("detail", pl.UInt32()), *((name, LINKS[name]) for name in ("person_id", "status", "pass", "key", "weight"))]
)
"""Links of details, before they are given to the records that give them."""

Score = Callable[[pl.DataFrame], pl.DataFrame]
"""Details to be weighed (`detail`) in; `detail`, `person_id` and `weight` of whoever could be meant out."""

_NUMBERS = {
    keys: "+".join(name for at, name in enumerate(sorted(IDENTIFIERS)) if keys & 1 << at)
    for keys in range(1, 1 << len(IDENTIFIERS))
}
"""Which identifiers agree, as the sum of one bit for each, in words."""

LEAD = 1000
"""Hundredths of a bit by which a weight must be ahead of every other to confirm: a thousand to one."""

NAMED = pl.col("name").is_in(["same", "variant", "near"])
BORN = pl.col("birth").is_in(["same", "swapped"])
"""Names and births that agree well enough to trust a number."""


@dataclass(frozen=True)
class Pass:
    """A pass after `exact`: the levels that it asks for, and what it gives unless the workspace says otherwise."""

    name: str
    agrees: pl.Expr
    gives: str


_NAME, _BIRTH, _ADDRESS = pl.col("name"), pl.col("birth"), pl.col("address")
AFTER_EXACT = (
    Pass("name_variant", (_NAME == "variant") & (_BIRTH == "same") & (_ADDRESS == "same"), "confirmed"),
    Pass("one_character", (_NAME == "near") & (_BIRTH == "same") & (_ADDRESS == "same"), "confirmed"),
    Pass("birth_swapped", (_NAME == "same") & (_BIRTH == "swapped") & (_ADDRESS == "same"), "confirmed"),
    Pass("birth_near", (_NAME == "same") & (_BIRTH == "near") & (_ADDRESS == "same"), "possible"),
    Pass("initial", _NAME.is_in(["initial", "surname"]) & (_BIRTH == "same") & (_ADDRESS == "same"), "possible"),
    Pass("birth_missing", (_NAME == "same") & (_BIRTH == "absent") & (_ADDRESS == "same"), "possible"),
    Pass("moved_house", (_NAME == "same") & (_BIRTH == "same") & (_ADDRESS != "same"), "possible"),
    Pass("variant_elsewhere", _NAME.is_in(["variant", "near"]) & (_BIRTH == "same") & (_ADDRESS != "same"), "possible"),
)

_SPEAKS_AGAINST = pl.any_horizontal(pl.col(field) == "differs" for field in (*IDENTIFIERS, "sex"))
"""What keeps a link after `exact` from being confirmed."""

KEYS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("date_of_birth", "postcode"): ("name_variant", "one_character", "initial"),
    ("date_of_birth", "uprn"): ("name_variant", "one_character", "initial"),
    ("surname", "forename", "postcode"): ("birth_swapped", "birth_near", "birth_missing"),
    ("surname", "forename", "uprn"): ("birth_swapped", "birth_near", "birth_missing"),
    ("surname", "forename", "date_of_birth"): ("moved_house",),
    ("surname", "date_of_birth"): ("variant_elsewhere",),
    ("forename", "date_of_birth"): ("variant_elsewhere",),
}
"""The keys that bring together whom the passes after `exact` compare, and the passes that need each."""


def link(details: Details, people: People, how: LinkageSettings, score: Score | None = None) -> pl.DataFrame:
    """The links (`OF_DETAILS`) of details, in the order of detail and person; details of nobody known have none.

    `score` weighs what is left for the probabilistic pass. Raises Faults (E311) where a key would make too many pairs.
    """
    linking = _Linking(_InClear(details, people), how)
    links = linking.all_passes()
    if score is not None and how.probabilistic is not None:
        links = _weighed(links, score(linking.to_be_weighed()), details, people, how.probabilistic)
    return links.sort("detail", "person_id")


class Comparison(Protocol):
    """How details and members are brought together and compared: in clear, or by what stands for their fields.

    `given`: `detail`, `person_id` (null where the details give none), and whatever else `pairs` needs. `sees_slips`:
    whether `differs` is another name or birth, and not perhaps a slip of the same.
    """

    given: pl.DataFrame
    sees_slips: bool

    def pairs(self, among: pl.DataFrame, key: Sequence[str], for_pass: str, most: int) -> pl.DataFrame:
        """The pairs (`blocks.PAIRS`) of some of the details (rows of `given`) and members that agree on a key."""
        ...

    def levels(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """The levels (`agreement.LEVELS`) of pairs, one row a pair, in no order."""
        ...


class _InClear:
    """Details and members by the fields themselves."""

    sees_slips = True

    def __init__(self, details: Details, people: People) -> None:
        self._details, self._people = details, people
        self.given = details.normal.with_columns(theirs="person_id")

    def pairs(self, among: pl.DataFrame, key: Sequence[str], for_pass: str, most: int) -> pl.DataFrame:
        return paired(among, self._people.keyed, key, for_pass, most)

    def levels(self, pairs: pl.DataFrame) -> pl.DataFrame:
        return compared(pairs, self._details, self._people)


def linked(by: Comparison, how: LinkageSettings) -> pl.DataFrame:
    """The links (`OF_DETAILS`) of all passes but the probabilistic one, in no order. Raises Faults (E311)."""
    return _Linking(by, how).all_passes()


class _Linking:
    """What is found so far, and the details that are still open."""

    def __init__(self, by: Comparison, how: LinkageSettings) -> None:
        self.by, self.how = by, how
        self.found: list[pl.DataFrame] = []
        self.open = by.given
        # Details with a person id that no member has.
        self.foreign = self.open.select("detail").clear()
        # Details whose number may be on the wrong person: whatever else fits them is possible at most.
        self.contradicted = self.open.select("detail").clear()

    def all_passes(self) -> pl.DataFrame:
        """Each pair by the first pass that links it."""
        self.by_person_id()
        self.by_identifier()
        self.exactly()
        self.after_exact()
        return self.links()

    def by_person_id(self) -> None:
        if "person_id" not in self.how.passes:
            return
        pairs = self._pairs(self.open, ["theirs"], "person_id")
        levels = pairs.join(self.by.levels(pairs), on=["detail", "person_id"])
        is_another = (_NAME == "differs") & (_BIRTH == "differs") & self.by.sees_slips
        alone = (pl.len().over("detail") == 1) & ~is_another
        self._close(levels.with_columns(alone=alone, key=pl.lit("person_id")), "person_id")
        self.foreign = self.open.filter(pl.col("person_id").is_not_null()).select("detail")

    def by_identifier(self) -> None:
        if "identifier" not in self.how.passes:
            self._leave_out_foreign()
            return
        keyed = [
            self._pairs(self.open, [identifier], "identifier").with_columns(keys=pl.lit(1 << at))
            for at, identifier in enumerate(sorted(IDENTIFIERS))
        ]
        together = pl.concat(keyed).group_by("detail", "person_id").agg(pl.col("keys").sum())
        pairs = together.with_columns(key=pl.col("keys").replace_strict(_NUMBERS, return_dtype=pl.String))
        levels = pairs.join(self.by.levels(pairs), on=["detail", "person_id"])
        says_nothing = pl.all_horizontal(pl.col(field) == "absent" for field in ("surname", "forename", "birth"))
        # Where one of name and birth speaks for the link, nothing else may speak against it.
        agrees = (NAMED & BORN) | ((NAMED | BORN) & ~_SPEAKS_AGAINST)
        judged = levels.with_columns(
            sound=pl.when(agrees).then(pl.lit("confirmed"))
            .when(says_nothing).then(pl.lit(self.how.gives.get("identifier_alone", "possible")))
            .otherwise(pl.lit("possible"))
        ).join(self._of_somebody_else(levels), on=["detail", "person_id"], how="left")  # fmt: skip
        foreign = pl.col("detail").is_in(self.foreign["detail"].implode())
        alone = (pl.len().over("detail") == 1) & (pl.col("sound") == "confirmed") & pl.col("other").is_null() & ~foreign
        judged = judged.with_columns(alone=alone)
        self._take(judged, "identifier")
        confirmed = judged.filter("alone").select("detail")
        self.contradicted = judged.filter(~pl.col("alone")).select("detail").unique()
        self.open = self.open.join(confirmed, on="detail", how="anti")
        self._leave_out_foreign()

    def _of_somebody_else(self, levels: pl.DataFrame) -> pl.DataFrame:
        """Pairs that agree on name or birth only, while the details are like another member's in both."""
        by_one = levels.filter(NAMED ^ BORN).select("detail", "person_id")
        given = self.by.given.join(by_one, on="detail", how="semi")
        named = ["surname", "forename", "date_of_birth"]
        # All three are among any two of them; only together are they hashed.
        keys = (named, named[:2], ["surname", "date_of_birth"], ["forename", "date_of_birth"])
        met = pl.concat([self._pairs(given, key, "identifier") for key in keys]).unique()
        alike = self.by.levels(met).filter(NAMED & _BIRTH.is_in(["same", "swapped", "near"]))
        both = by_one.join(alike.select("detail", other="person_id"), on="detail")
        return (
            both.filter(pl.col("person_id") != pl.col("other"))
            .group_by("detail", "person_id")
            .agg(pl.col("other").min())
        )

    def exactly(self) -> None:
        if "exact" not in self.how.passes:
            return
        keys = [["surname", "forename", "date_of_birth", each] for each in ("postcode", "uprn")]
        keyed = [self._pairs(self.open, key, "exact").with_columns(key=pl.lit("+".join(key))) for key in keys]
        pairs = pl.concat(keyed).group_by("detail", "person_id").agg(pl.col("key").min())
        sound = pl.lit(self.how.gives.get("exact", "confirmed") == "confirmed")
        self._close(
            pairs.with_columns(alone=(pl.len().over("detail") == 1) & sound & ~self._is_contradicted()), "exact"
        )

    def after_exact(self) -> None:
        asked = [each for each in AFTER_EXACT if each.name in self.how.passes]
        keyed = [
            self._pairs(self.open, key, needed[0]).with_columns(nth=pl.lit(nth))
            for nth, (key, passes) in enumerate(KEYS.items())
            if (needed := [each.name for each in asked if each.name in passes])
        ]
        if not keyed:
            return
        first = pl.concat(keyed).group_by("detail", "person_id").agg(pl.col("nth").min())
        spoken = {nth: "+".join(key) for nth, key in enumerate(KEYS)}
        pairs = first.with_columns(key=pl.col("nth").replace_strict(spoken, return_dtype=pl.String))
        levels = pairs.join(self.by.levels(pairs), on=["detail", "person_id"])
        gives = {each.name: each.gives for each in asked} | dict(self.how.gives)
        fits = levels.with_columns(
            pl.coalesce(*(pl.when(each.agrees).then(pl.lit(each.name)) for each in asked)).alias("pass")
        ).drop_nulls("pass")
        sound = pl.col("pass").replace_strict(gives, return_dtype=pl.String) == "confirmed"
        alone = (pl.len().over("detail") == 1) & sound & ~_SPEAKS_AGAINST & ~self._is_contradicted()
        self._take(fits.with_columns(alone=alone))

    def links(self) -> pl.DataFrame:
        """Each pair by its first pass."""
        found = pl.concat([pl.DataFrame(schema=OF_DETAILS).drop("weight"), *self.found])
        first = found.unique(["detail", "person_id"], keep="first", maintain_order=True)
        return first.with_columns(weight=pl.lit(None, pl.Int64))

    def to_be_weighed(self) -> pl.DataFrame:
        """The details (`detail`) that no pass linked for sure."""
        confirmed = self.links().filter(pl.col("status") == "confirmed")
        left = self.open.select("detail").join(confirmed.select("detail"), on="detail", how="anti")
        return left.sort("detail")

    def _pairs(self, among: pl.DataFrame, key: Sequence[str], for_pass: str) -> pl.DataFrame:
        return self.by.pairs(among, key, for_pass, self.how.most_pairs)

    def _close(self, pairs: pl.DataFrame, name: str) -> None:
        self._take(pairs, name)
        self.open = self.open.join(pairs.select("detail").unique(), on="detail", how="anti")

    def _take(self, pairs: pl.DataFrame, name: str | None = None) -> None:
        status = pl.when("alone").then(pl.lit("confirmed")).otherwise(pl.lit("possible"))
        named = pairs if name is None else pairs.with_columns(pl.lit(name).alias("pass"))
        self.found.append(named.select("detail", "person_id", status.alias("status"), "pass", "key"))

    def _leave_out_foreign(self) -> None:
        """Whoever has a person id that is no member's is nobody on the list, whatever the name."""
        self.open = self.open.join(self.foreign.select("detail"), on="detail", how="anti")

    def _is_contradicted(self) -> pl.Expr:
        return pl.col("detail").is_in(self.contradicted["detail"].implode())


def _weighed(
    links: pl.DataFrame, scored: pl.DataFrame, details: Details, people: People, settings: ProbabilisticSettings
) -> pl.DataFrame:
    """Links with those that the weights add; what they confirm takes the place of the details' possible links.

    A weight confirms where nobody else comes within `LEAD` of it, where no pass before thought of anybody else, where
    no number may be on the wrong person, and where no identifier and not the sex speaks against it.
    """
    lead = pl.col("weight") - pl.col("weight").sort(descending=True).get(1, null_on_oob=True).over("detail")
    heavy = scored.filter((pl.col("weight") >= settings.confirmed_from * 100) & (lead.fill_null(LEAD) >= LEAD))
    alone = heavy.filter(pl.len().over("detail") == 1)
    thought_of = links.select("detail", "pass", other="person_id").join(alone, on="detail")
    others = thought_of.filter((pl.col("other") != pl.col("person_id")) | (pl.col("pass") == "identifier"))
    levels = compared(alone.join(others, on="detail", how="anti"), details, people)
    confirmed = alone.join(levels.filter(~_SPEAKS_AGAINST), on=["detail", "person_id"], how="semi")

    by_weight = scored.join(confirmed.select("detail"), on="detail", how="anti").join(
        links, on=["detail", "person_id"], how="anti"
    )
    added = pl.concat(
        [
            frame.with_columns(
                pl.lit(status).alias("status"), pl.lit("probabilistic").alias("pass"), pl.lit("weight").alias("key")
            ).select(OF_DETAILS.names())
            for frame, status in ((confirmed, "confirmed"), (by_weight, "possible"))
        ]
    )
    kept = links.drop("weight").join(confirmed.select("detail"), on="detail", how="anti")
    return pl.concat([kept.join(scored, on=["detail", "person_id"], how="left").select(OF_DETAILS.names()), added])


def with_evidence(links: pl.DataFrame, details: Details, people: People) -> pl.DataFrame:
    """Links of details with `evidence`, in the order of detail and person."""
    said = in_words(compared(links, details, people))
    return links.join(said, on=["detail", "person_id"], how="left").sort("detail", "person_id")
