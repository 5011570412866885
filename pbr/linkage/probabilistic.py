"""The pass by weight: how much everything that two identities agree and differ on speaks for one person, by splink.

In: details, members, and the links that are sure without it. Out: a model, and with a model, weights. A weight is a
whole number of hundredths of a bit, and the exact sum of its fields' parts. splink and DuckDB are imported only when
something is trained or weighed. Nothing depends on the order of rows, on ids or on the number of threads: samples are
drawn by content, probabilities are ratios of counts, and the model rounds them.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pbr.canonical import text_digest
from pbr.errors import Fault, Faults
from pbr.linkage.blocks import PAIRS, paired
from pbr.linkage.comparisons import COMPARED, COMPARISONS, KEYS, Comparison, content, every_way, prepared
from pbr.linkage.details import Details
from pbr.linkage.people import People
from pbr.sources.contracts import IDENTIFIERS

if TYPE_CHECKING:
    from splink import Linker

Run = Callable[[str], pl.DataFrame]
"""Runs SQL beside splink."""

FORMAT = 1
"""Counts what a model means: another number where the same file would give other weights."""

WEIGHTS = pl.Schema({"detail": pl.UInt32, "person_id": pl.String, "weight": pl.Int64})
"""`weight`: hundredths of a bit, rounded by field to the nearest, halves to even."""

PARTS = pl.Schema(
    {"detail": pl.UInt32, "person_id": pl.String, "field": pl.String, "level": pl.String, "weight": pl.Int64}
)
"""A weight field by field; `prior` is the first, and their sum is the weight."""

TABLE = pl.Schema(
    {"field": pl.String, "level": pl.String, "same_person": pl.Float64, "others": pl.Float64, "weight": pl.Int64}
)
"""A model as a table: how often the level is seen among pairs of one person, and of two; what it weighs, on average
where the rarity of the value counts."""

ENOUGH_LABELS = 500
"""From so many sure links on, how often one person's fields agree is counted; below, it is estimated."""
ENOUGH_TO_ESTIMATE = 200
"""Pairs that agree on name and birth, for an estimate without labels."""
ENOUGH_OF_A_KIND = 100
"""Pairs that both give a number of one kind, for the kind to be judged by itself."""
MOST_LABELS = 30_000
SAMPLE = 1_000
"""So many details and so many members, each with each, are the pairs of two people."""


@dataclass(frozen=True)
class Model:
    """What a weight is made from. It holds counts and probabilities of levels, and no value of any person.

    `settings`: splink's, as `Linker` takes them. `trained`: what it was trained on. `versions`: of what made it.
    """

    settings: Mapping[str, Any]
    trained: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def text(self) -> str:
        """The file: the same model, the same bytes."""
        return json.dumps({**self._content, "sha256": self.digest}, indent=1, ensure_ascii=False) + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of all that the model is, as 64 hexadecimal digits."""
        return text_digest(json.dumps(self._content, separators=(",", ":"), sort_keys=True))

    @property
    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "trained": dict(self.trained),
            "versions": dict(self.versions),
            "settings": dict(self.settings),
        }

    @cached_property
    def prior(self) -> int:
        """What two people taken at random start from, in hundredths of a bit."""
        chance = self.settings["probability_two_random_records_match"]
        return round(100 * math.log2(chance / (1 - chance)))

    @property
    def table(self) -> pl.DataFrame:
        """The weights (`TABLE`), the prior first."""
        chance = self.settings["probability_two_random_records_match"]
        rows: list[tuple[str, str | None, float, float, int]] = [("prior", None, chance, 1 - chance, self.prior)]
        for comparison, own in zip(COMPARISONS, self.settings["comparisons"], strict=True):
            for name, level in zip(comparison.names, own["comparison_levels"][1:], strict=True):
                m, u = level["m_probability"], level["u_probability"]
                rows.append((comparison.field, name, m, u, round(100 * math.log2(m / u))))
        return pl.DataFrame(rows, schema=TABLE, orient="row")

    def save(self, path: Path) -> None:
        """Write the model's file."""
        path.write_text(self.text, "utf-8")

    @classmethod
    def load(cls, path: Path, named: str = "") -> Model:
        """Read a model's file; `named`: what faults call it.

        Raises Faults: E320 no file that can be read, E321 no whole model, or changed by hand, E322 another version's.
        """
        place = named or path.name
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            what = f"the model cannot be read ({error.strerror or type(error).__name__})"
            step = "Make it with `pbr match train`, or take the pass probabilistic out of [linkage] passes."
            raise Faults(Fault("E320", place, what, step)) from error
        except UnicodeDecodeError as error:
            raise Faults(_broken(place, "is not text")) from error
        return cls.read(text, place)

    @classmethod
    def read(cls, text: str, place: str) -> Model:
        """A model from its text. Raises Faults: E321 and E322."""
        try:
            found = json.loads(text)
        except ValueError as error:
            raise Faults(_broken(place, "is not JSON")) from error
        if not isinstance(found, dict) or not isinstance(found.get("settings"), dict):
            raise Faults(_broken(place, "is no model of pbr"))
        step = "Train it again with `pbr match train`."
        if found.get("format") != FORMAT:
            what = f"is a model of format {found.get('format')!r}; this version reads {FORMAT}"
            raise Faults(Fault("E322", place, what, step))
        model = cls(found["settings"], found.get("trained", {}), found.get("versions", {}))
        if found.get("sha256") != model.digest:
            raise Faults(_broken(place, "was changed after it was made"))
        # The conditions are SQL that is going to be run, so no others are taken from a file than ours.
        if _without_probabilities(model.settings) != _without_probabilities(_settings({}, {}, 0.5)):
            raise Faults(Fault("E322", place, "compares other fields or levels than this version does", step))
        if not all(isinstance(each, float) and 0 < each <= 1 for each in _probabilities(model.settings)):
            raise Faults(_broken(place, "has a probability that is none"))
        return model


def _broken(place: str, what: str) -> Fault:
    return Fault("E321", place, what, "Train it again with `pbr match train`, or take the file from where it was made.")


# --------------------------------------------------------------------------------------------------------- training


def train(details: Details, people: People, sure: pl.DataFrame, most_pairs: int) -> Model:
    """A model from a workspace's own data.

    `sure`: `detail` and `person_id` of confirmed links made by the person's id or a number, which say how often one
    person's names, birth and address agree. Of numbers, who agrees on name, birth and postcode says it. Where there are
    too few sure links, splink estimates the shares by expectation maximisation. Members taken with details at random
    say how often two people's agree; pairs that may well be of one person are left out of those.

    Raises Faults: E311 too many pairs agree on a key, E323 too little to train on.
    """
    learned = _Learned(details, people, most_pairs)
    by_name = learned.alike["name_and_birth"]
    found = {
        "details": details.rows.height,
        "people": people.ways["person_id"].n_unique(),
        "sure_links": sure.height,
        "pairs_alike_in_name_and_birth": by_name.height,
    }
    others = learned.levels(learned.of_others(sure))
    u, labels = _shares(others), None
    if sure.height >= ENOUGH_LABELS:
        labels = learned.levels(learned.sampled(sure))
        m, method = _shares(labels), "sure links"
        caught = sure.join(by_name, on=["detail", "person_id"], how="semi").height / sure.height
    elif by_name.height >= ENOUGH_TO_ESTIMATE:
        m, method = learned.estimated(u), "expectation maximisation"
        caught = math.prod(m[field]["same"] for field in ("surname", "forename", "date_of_birth"))
    else:
        what = (
            f"{sure.height} details are linked by a person's id or a number, and {by_name.height} pairs of details and "
            f"a member agree on name and birth; a model needs {ENOUGH_LABELS} or {ENOUGH_TO_ESTIMATE}"
        )
        step = "Leave out the pass probabilistic, or use a model that was trained on more of the same sources."
        raise Faults(Fault("E323", "training", what, step))
    alike = _of_numbers(learned.levels(learned.sampled(learned.alike["name_birth_and_postcode"])))
    numbers = _shares(alike)
    m |= {each: numbers[each] for each in IDENTIFIERS}
    of_one = pl.concat([labels.filter(~pl.col("field").is_in(IDENTIFIERS)), alike]) if labels is not None else alike
    for field, level in sorted(_never_seen(others) & _never_seen(of_one)):
        # The smaller sample would speak the louder for what neither has seen.
        m[field][level] = u[field][level]
    pairs = found["details"] * found["people"]
    chance = min(by_name.height / max(caught, 0.01) / pairs, 0.5)
    trained = found | {
        "method": method,
        "pairs_of_two_people": others.group_by("field").agg(pl.col("pairs").sum())["pairs"].max(),
    }
    made_by = {name: version(name) for name in ("pbr", "splink", "duckdb")}
    return Model(_settings(m, u, _rounded(chance)), trained, made_by)


class _Learned:
    """The pairs that training looks at."""

    def __init__(self, details: Details, people: People, most_pairs: int) -> None:
        self.details = prepared(details.normal, "detail")
        self.ways = _numbered(people)
        # By content, so that neither the order of rows nor a renamed id changes what a sample holds.
        self.by_detail = _drawn(self.details.select("detail", text=content()), "detail")
        of_person = self.ways.select("person_id", text=content()).group_by("person_id").agg("text")
        self.by_person = _drawn(of_person.with_columns(pl.col("text").list.sort().list.join("\n")), "person_id")
        keys = {
            "name_and_birth": ["surname", "forename", "born"],
            "name_and_postcode": ["surname", "forename", "postcode"],
            "birth_and_postcode": ["born", "postcode"],
            "name_birth_and_postcode": ["surname", "forename", "born", "postcode"],
        }
        self.alike = {
            name: paired(self.details, self.ways, key, "probabilistic", most_pairs) for name, key in keys.items()
        }

    def sampled(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """So many of the pairs at most, drawn by content."""
        drawn = pairs.join(self.by_detail, on="detail").join(self.by_person, on="person_id")
        return drawn.sort("drawn", "drawn_right").head(MOST_LABELS).select("detail", "person_id")

    def of_others(self, sure: pl.DataFrame) -> pl.DataFrame:
        """Pairs of two people: some details with some members, each with each, but for those that may be one person."""
        some, others = (each.sort("drawn").head(SAMPLE).drop("drawn") for each in (self.by_detail, self.by_person))
        pairs = some.join(others, how="cross")
        for same in (sure, *self.alike.values()):
            pairs = pairs.join(same, on=["detail", "person_id"], how="anti")
        return pairs

    def levels(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """How many of the pairs that say something of a field are at each level: `field`, `level`, `pairs`."""
        import duckdb

        sides = [f"l.{name} AS {name}_l, r.{name} AS {name}_r" for name in COMPARED]
        levels = [f"max({_level_of(each)}) AS {each.field}" for each in COMPARISONS]
        of_pair = f"""CREATE TABLE of_pair AS SELECT {", ".join(levels)} FROM (
            SELECT detail, p.person_id, {", ".join(sides)}
            FROM pairs p JOIN details l USING (detail) JOIN ways r USING (person_id)
        ) GROUP BY detail, person_id"""
        counts = [
            f"SELECT '{each.field}' AS field, {each.field} AS level, count(*) AS pairs FROM of_pair GROUP BY ALL"
            for each in COMPARISONS
        ]
        with duckdb.connect() as db:
            for name, frame in (("pairs", pairs), ("details", self.details), ("ways", self.ways)):
                db.register(name, frame.to_arrow())
            db.execute(of_pair)
            counted: pl.DataFrame = db.sql(" UNION ALL ".join(counts)).pl().cast({"level": pl.Int64, "pairs": pl.Int64})
        names = pl.DataFrame(
            [(each.field, gamma, name) for each in COMPARISONS for gamma, name in _gammas(each)],
            schema={"field": pl.String, "level": pl.Int64, "name": pl.String},
            orient="row",
        )
        found = names.join(counted, on=["field", "level"], how="left", maintain_order="left")
        return found.select("field", level="name", pairs=pl.col("pairs").fill_null(0))

    def estimated(self, u: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
        """How often one person's fields agree, by expectation maximisation among pairs that agree on the others."""
        blocks = (["surname", "forename", "born"], ["born", "postcode"], ["surname", "forename", "postcode"])
        nothing = pl.DataFrame(schema=PAIRS)
        # In one order and by one thread, sums of fractions come out the same however the rows lay.
        details = self.details.join(self.by_detail, on="detail").sort("drawn").drop("drawn")
        ways = self.ways.join(self.by_person, on="person_id").sort("drawn", "way").drop("drawn")
        with _linker(_settings({}, u, 0.0001), details, ways, nothing, threads=1) as (linker, _):
            for block in blocks:
                rule = " AND ".join(f"l.{column} = r.{column}" for column in block)
                linker.training.estimate_parameters_using_expectation_maximisation(
                    rule, estimate_without_term_frequencies=True
                )
            settings = linker.misc.save_model_to_json()
        found = {}
        for comparison, own in zip(COMPARISONS, settings["comparisons"], strict=True):
            seen = [level.get("m_probability") or 0.0 for level in own["comparison_levels"][1:]]
            # Half a pair at each level, as where they are counted.
            smooth = [share * self.alike["name_and_birth"].height + 0.5 for share in seen]
            found[comparison.field] = dict(
                zip(comparison.names, (_rounded(each / sum(smooth)) for each in smooth), strict=True)
            )
        return found


def _of_numbers(counted: pl.DataFrame) -> pl.DataFrame:
    """The levels of identifiers; a kind that too few pairs give is taken to be as good as all of them together."""
    of_kind = counted.filter(pl.col("field").is_in(IDENTIFIERS))
    few = pl.col("pairs").sum().over("field") < ENOUGH_OF_A_KIND
    return of_kind.with_columns(pl.when(few).then(pl.col("pairs").sum().over("level")).otherwise("pairs"))


def _never_seen(counted: pl.DataFrame) -> set[tuple[str, str]]:
    """The levels, with their fields, at which no pair of the sample agrees."""
    return set(counted.filter(pl.col("pairs") == 0).select("field", "level").iter_rows())


def _shares(counted: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Field → level → its share of the pairs. Half a pair is added at each level: what was never seen is rare, not
    impossible.
    """
    smooth = pl.col("pairs") + 0.5
    shares = counted.with_columns(share=smooth / smooth.sum().over("field"))
    found: dict[str, dict[str, float]] = {}
    for field, level, share in shares.select("field", "level", "share").iter_rows():
        found.setdefault(field, {})[level] = _rounded(share)
    return found


def _rounded(share: float) -> float:
    return float(f"{share:.5g}")


def _drawn(frame: pl.DataFrame, identity: str) -> pl.DataFrame:
    """`identity` and `drawn`, a digest of `text`: by it, a sample is taken that looks like chance and is none."""
    import duckdb

    with duckdb.connect() as db:
        db.register("frame", frame.to_arrow())
        drawn: pl.DataFrame = db.sql(f"SELECT {identity}, md5(text) AS drawn FROM frame").pl()
    return drawn.cast({identity: frame.schema[identity]})


# --------------------------------------------------------------------------------------------------------- weighing


def score(
    details: Details,
    people: People,
    model: Model,
    at_least: int,
    most_pairs: int,
    left: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The weights (`WEIGHTS`) of pairs from `at_least` on, hundredths of a bit, in the order of detail and person.

    `left`: the details (`detail`) to be weighed; all unless given. How frequent a value is, is taken over all details
    and members, whichever are weighed. Of a person recorded in several ways the best one counts. Raises Faults (E311)
    where a key would make too many pairs.
    """
    pairs = alike(details, people, most_pairs, left)
    return _Weighing.of(details, people, model).weights(pairs, at_least)


def alike(details: Details, people: People, most_pairs: int, left: pl.DataFrame | None = None) -> pl.DataFrame:
    """Who could be meant: the pairs (`detail`, `person_id`) that agree on one of the keys (`comparisons.KEYS`).

    Raises Faults (E311) where a key would make too many.
    """
    normal = details.normal if left is None else details.normal.join(left.select("detail"), on="detail", how="semi")
    ours, ways = prepared(normal, "detail"), _numbered(people)
    return pl.concat([paired(ours, ways, key, "probabilistic", most_pairs) for key in KEYS]).unique()


def parts(details: Details, people: People, model: Model, pairs: pl.DataFrame) -> pl.DataFrame:
    """The weights of given pairs (`detail`, `person_id`), field by field (`PARTS`), in the order of the fields."""
    return _Weighing.of(details, people, model).parts(pairs)


@dataclass(frozen=True)
class _Weighing:
    """Details and members as they are weighed: `COMPARED` and the columns of keys; how frequent values are."""

    model: Model
    details: pl.DataFrame
    ways: pl.DataFrame
    frequencies: Mapping[str, pl.DataFrame]

    @classmethod
    def of(cls, details: Details, people: People, model: Model) -> _Weighing:
        ours, ways = prepared(details.normal, "detail"), _numbered(people)
        return cls(model, ours, ways, _frequencies(ours, ways, model))

    def weights(self, pairs: pl.DataFrame, at_least: int) -> pl.DataFrame:
        with self.weighed(pairs) as (linker, run):
            # Rounding moves each field by half a hundredth at most.
            slack = (len(COMPARISONS) + 1) / 200
            predicted = linker.inference.predict(threshold_match_weight=at_least / 100 - slack, warning_mode="never")
            found = run(
                f"""SELECT unique_id_l AS detail, person_id, max({self.model.prior} + {_SUM_OF_PARTS}) AS weight
                FROM {predicted.physical_name} JOIN ways ON way = unique_id_r GROUP BY ALL"""
            )
        return found.cast(WEIGHTS).filter(pl.col("weight") >= at_least).sort("detail", "person_id")

    def best(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """splink's own row of each pair, by the way of the person that weighs most, in the order of the pairs."""
        with self.weighed(pairs, keep_levels=True) as (linker, run):
            predicted = linker.inference.predict(warning_mode="never")
            return run(
                f"""SELECT p.*, person_id FROM {predicted.physical_name} AS p JOIN ways ON way = unique_id_r
                QUALIFY row_number() OVER (PARTITION BY unique_id_l, person_id ORDER BY {_SUM_OF_PARTS} DESC, way) = 1
                ORDER BY unique_id_l, person_id"""
            )

    def parts(self, pairs: pl.DataFrame) -> pl.DataFrame:
        best = self.best(pairs).rename({"unique_id_l": "detail"})
        best = best.with_row_index("pair")
        fields = [best.select("pair", "detail", "person_id", field=pl.lit("prior"), level=pl.lit(None, pl.String),
                              weight=pl.lit(self.model.prior, pl.Int64))]  # fmt: skip
        for each in COMPARISONS:
            names = dict(_gammas(each)) | {-1: "absent"}
            level = pl.col(f"gamma_{each.field}").cast(pl.Int64).replace_strict(names, return_dtype=pl.String)
            exact = pl.sum_horizontal(pl.col(f"mw_{each.field}", *_rarity(each)))
            weight = (exact * 100).round(0, mode="half_to_even").cast(pl.Int64)
            fields.append(
                best.select("pair", "detail", "person_id", field=pl.lit(each.field), level=level, weight=weight)
            )
        return pl.concat(fields).sort("pair", maintain_order=True).select(PARTS.names()).cast(PARTS)

    @contextmanager
    def weighed(self, pairs: pl.DataFrame, keep_levels: bool = False) -> Iterator[tuple[Linker, Run]]:
        """A linker that predicts these pairs; `keep_levels`: with the level of each field, and its values."""
        details = self.details.join(pairs.select("detail").unique(), on="detail", how="semi")
        ways = self.ways.join(pairs.select("person_id").unique(), on="person_id", how="semi")
        settings = dict(self.model.settings)
        if keep_levels:
            # With the values come those of the keys, which pairs that are given do not need.
            settings |= {"retain_matching_columns": True, "blocking_rules_to_generate_predictions": []}
        with _linker(settings, details, ways, pairs, self.frequencies) as weighed:
            yield weighed


def _numbered(people: People) -> pl.DataFrame:
    """The members in every way they can be, as they are compared, counted by `way`."""
    return prepared(every_way(people.ways), "person_id").with_row_index("way")


def _frequencies(details: pl.DataFrame, ways: pl.DataFrame, model: Model) -> dict[str, pl.DataFrame]:
    """How likely each value is on somebody, for the fields where that counts: splink's term frequencies.

    A name with a birth counts once, however many records give it: somebody of whom much is recorded does not make their
    name more frequent. To the values that are given, one of each of the values that the model expects is added (`1/u`
    of them), so that what is seen once among few people is not taken for frequent.
    """
    named = [frame.select("surname", "forename", "born") for frame in (details, ways)]
    given = pl.concat(named).unique()
    found = {}
    for comparison, own in zip(COMPARISONS, model.settings["comparisons"], strict=True):
        if (column := comparison.by_frequency) is not None:
            values = given.select(column).drop_nulls()
            expected = 1 / own["comparison_levels"][1]["u_probability"]
            share = pl.col("len") / (values.height + expected)
            found[column] = values.group_by(column).len().select(column, share.alias(f"tf_{column}"))
    return found


def _part_of(comparison: Comparison) -> str:
    """A field's part of the weight, in SQL."""
    exact = " + ".join([f"mw_{comparison.field}", *_rarity(comparison)])
    return f"CAST(round_even(({exact}) * 100, 0) AS BIGINT)"


def _rarity(comparison: Comparison) -> list[str]:
    return [f"mw_tf_adj_{comparison.field}"] if comparison.by_frequency else []


_SUM_OF_PARTS = " + ".join(_part_of(each) for each in COMPARISONS)


# ----------------------------------------------------------------------------------------------------------- charts


def weights_chart(model: Model) -> str:
    """splink's chart of the model's weights, as one HTML file that needs nothing else."""
    nobody = pl.DataFrame(schema={"detail": pl.UInt32, **dict.fromkeys(COMPARED, pl.String)})
    with _linker(model.settings, nobody, nobody.rename({"detail": "way"}), pl.DataFrame(schema=PAIRS)) as (linker, _):
        return _page(linker.visualisations.match_weights_chart(), "Weights of the model")


def waterfall_chart(details: Details, people: People, model: Model, pairs: pl.DataFrame) -> str:
    """splink's chart of how pairs come to their weights, in their order, as one HTML file that needs nothing else.

    It shows levels and weights, and nothing that a record or a member says.
    """
    weighing = _Weighing.of(details, people, model)
    best = weighing.best(pairs).cast({"unique_id_l": pl.UInt32})
    keyed = best.rename({"unique_id_l": "detail"})
    records = (
        pairs.select("detail", "person_id").join(keyed, on=["detail", "person_id"], maintain_order="left").to_dicts()
    )
    with weighing.weighed(pairs, keep_levels=True) as (linker, _):
        chart = linker.visualisations.waterfall_chart(records, remove_sensitive_data=True)
        return _page(chart, "How a weight comes about")


def _page(chart: Any, title: str) -> str:
    """The page with its scripts inside, and forbidden to fetch anything or to offer the chart to an editor elsewhere.

    splink gives each page a random mark; here the same chart is the same file.
    """
    html: str = chart.to_html(inline=True)
    for splinks, ours in (
        ('<meta charset="utf-8">', f'<meta charset="utf-8">{_NOTHING_FROM_ELSEWHERE}'),
        ("<title>Splink chart</title>", f"<title>{title}</title>"),
        (", {}).catch(function", ", {actions: false}).catch(function"),
    ):
        assert html.count(splinks) == 1, "splink writes its pages otherwise than this version knows"
        html = html.replace(splinks, ours)
    return re.sub(r"splink-chart-[0-9a-f]{32}", "chart", html)


_NOTHING_FROM_ELSEWHERE = (
    '<meta http-equiv="Content-Security-Policy" content="'
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:"
    '">'
)


# ----------------------------------------------------------------------------------------------------------- splink


def _gammas(comparison: Comparison) -> list[tuple[int, str]]:
    """splink's number of each level, and its name."""
    last = len(comparison.names) - 1
    return [(last - at, name) for at, name in enumerate(comparison.names)]


def _level_of(comparison: Comparison) -> str:
    """splink's number of a pair's level, in SQL; -1 where the field says nothing."""
    whens = [
        f"WHEN {level.when} THEN {gamma}"
        for level, (gamma, _) in zip(comparison.levels, _gammas(comparison), strict=False)
    ]
    return f"CASE WHEN {comparison.absent} THEN -1 {' '.join(whens)} ELSE 0 END"


def _settings(
    m: Mapping[str, Mapping[str, float]], u: Mapping[str, Mapping[str, float]], chance: float
) -> dict[str, Any]:
    """splink's settings; `m` and `u`: field → level → its share of the pairs of one person, of two."""

    def level(comparison: Comparison, name: str, when: str) -> dict[str, Any]:
        found: dict[str, Any] = {"sql_condition": when, "label_for_charts": name}
        if comparison.by_frequency and name == comparison.levels[0].name:
            found["tf_adjustment_column"] = comparison.by_frequency
        for key, shares in (("m_probability", m), ("u_probability", u)):
            if comparison.field in shares:
                found[key] = shares[comparison.field][name]
        return found

    def levels(comparison: Comparison) -> list[dict[str, Any]]:
        absent = {"sql_condition": comparison.absent, "label_for_charts": "absent", "is_null_level": True}
        own = [level(comparison, each.name, each.when) for each in comparison.levels]
        return [absent, *own, level(comparison, "differs", "ELSE")]

    return {
        "link_type": "link_only",
        "probability_two_random_records_match": chance,
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": True,
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": " AND ".join(f"l.{column} = r.{column}" for column in key)} for key in KEYS
        ],
        "comparisons": [{"output_column_name": each.field, "comparison_levels": levels(each)} for each in COMPARISONS],
    }


def _without_probabilities(settings: Mapping[str, Any]) -> Any:
    """The settings but for their figures."""

    def without(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: without(each) for key, each in value.items() if not key.endswith("probability")}
        return [without(each) for each in value] if isinstance(value, list) else value

    return without({**settings, "probability_two_random_records_match": None})


def _probabilities(settings: Mapping[str, Any]) -> Iterator[Any]:
    """The figures of settings that are otherwise as they must be; None for one that is not there."""
    yield settings["probability_two_random_records_match"]
    for comparison in settings["comparisons"]:
        for level in comparison["comparison_levels"][1:]:
            yield from (level.get("m_probability"), level.get("u_probability"))


@contextmanager
def _linker(
    settings: Mapping[str, Any],
    details: pl.DataFrame,
    ways: pl.DataFrame,
    pairs: pl.DataFrame,
    frequencies: Mapping[str, pl.DataFrame] | None = None,
    threads: int | None = None,
) -> Iterator[tuple[Linker, Run]]:
    """A splink linker that predicts the given pairs, and a function that runs SQL beside it; gone when done.

    `ways` stands beside it as a table with `way` and `person_id`.
    """
    import duckdb
    from splink import DuckDBAPI, Linker

    with duckdb.connect(config={"threads": threads} if threads else {}) as db, _quietly():
        api = DuckDBAPI(connection=db)
        datasets = [
            api.register(
                frame.select(pl.col(identity).alias("unique_id"), *COMPARED).to_arrow(), dataset_display_name=name
            )
            for name, frame, identity in (("details", details, "detail"), ("people", ways, "way"))
        ]
        linker = Linker(datasets, dict(settings), log_level=None)
        for column, table in (frequencies or {}).items():
            linker.table_management.register_term_frequency_lookup(api.register(table.to_arrow()), column)
        if "person_id" in ways.columns:
            db.register("ways", ways.select("way", "person_id").to_arrow())
            of_ways = pairs.join(ways.select("way", "person_id"), on="person_id")
            keyed = of_ways.select(
                join_key_l=pl.format("details-__-{}", "detail"),
                join_key_r=pl.format("people-__-{}", "way"),
                match_key=pl.lit("0"),
            )
            linker.table_management.register_blocked_pairs_for_predict(api.register(keyed.to_arrow()))
        yield linker, lambda sql: db.sql(sql).pl()


@contextmanager
def _quietly() -> Iterator[None]:
    """splink talks of its progress, and of levels that nobody was seen at, which are provided for."""
    log = logging.getLogger("splink")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
