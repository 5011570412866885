"""Tests with their figures as formulas over facts, and the verdicts that each formula can have.

In: formulas, made once each by `Formulas.make`. Out: `possible`, a set of verdicts. A fact has the values that its
measure can have, and what several parts ask of one fact is weighed together, case by case. Where there are too many
cases, parts are taken as if each had a fact of its own: verdicts that cannot be may then be counted as possible, and
never the other way round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise, product
from typing import Any, TypeVar, assert_never

from pbr.rulebook.model import Comparator
from pbr.rulebook.rules import Role

MET, NOT_MET, NOT_APPLICABLE = 1, 2, 4
Verdicts = int
"""A set of verdicts, a bit for each. `unknown` is none of them: whatever comes to be known makes it another."""
MOST_CASES = 1000
"""How many cases of what its parts share are gone through for one formula."""
MOST_QUANTIFIERS = 4
"""How many `every` and `some` of the same members are weighed together."""


@dataclass(frozen=True)
class Whole:
    """Whole numbers from `low` to `high`; None: without end."""

    low: int
    high: int | None

    def __str__(self) -> str:
        return f"{self.low} or more" if self.high is None else f"{self.low} to {self.high}"


@dataclass(frozen=True)
class Ratio:
    """Shares, from nothing to the whole."""

    def __str__(self) -> str:
        return "0% to 100%"


@dataclass(frozen=True)
class OneOf:
    """A truth, or the words of a subject's records: one of these values."""

    values: tuple[bool | frozenset[str], ...]
    said: str

    def __str__(self) -> str:
        return self.said


Values = Whole | Ratio | OneOf
Made = TypeVar("Made")
Stretch = tuple[Any, Any]
"""From a value to a value (None: without end), both inside. All tests of the fact agree on it."""


@dataclass(frozen=True, eq=False)
class Fact:
    """One measure of one subject: what tells it from others, and the values it can have."""

    measure: str
    key: tuple[object, ...]
    values: Values


@dataclass(frozen=True, eq=False)
class Formula:
    """A test with its figures. Equal formulas are one object, so that what several tests share can be seen."""

    parts: tuple[Formula, ...] = ()

    @property
    def under(self) -> tuple[Formula | Fact | Role, ...]:
        """What its verdict depends on in one family."""
        return self.parts

    @cached_property
    def facts(self) -> frozenset[Fact]:
        """The facts that it reads, those of members included."""
        own = frozenset(one for one in self.under if isinstance(one, Fact))
        return own.union(*(part.facts for part in self.parts))


@dataclass(frozen=True, eq=False, kw_only=True)
class Asks(Formula):
    """A fact against a limit."""

    fact: Fact
    comparator: Comparator
    limit: Any
    """A whole number, a Fraction, a truth or a set of words, as the comparator needs it."""
    limit_said: str

    @property
    def under(self) -> tuple[Fact, ...]:
        return (self.fact,)

    def passes(self, value: Any) -> bool:
        limit = self.limit
        match self.comparator:
            case "at_least":
                return bool(value >= limit)
            case "more_than":
                return bool(value > limit)
            case "at_most":
                return bool(value <= limit)
            case "less_than":
                return bool(value < limit)
            case "is_one_of":
                return bool(value & limit)
            case "is":
                return value is limit
            case _:
                assert_never(self.comparator)


@dataclass(frozen=True, eq=False, kw_only=True)
class Falls(Formula):
    """A count against its baseline."""

    current: Fact
    baseline: Fact
    share: Fraction

    @property
    def under(self) -> tuple[Fact, ...]:
        return (self.current, self.baseline)


@dataclass(frozen=True, eq=False, kw_only=True)
class Counted(Formula):
    """Parts put together: `all_of`, `any_of`, or `at_least` a number of them."""

    how: str
    needed: int = 0


@dataclass(frozen=True, eq=False)
class Where(Formula):
    """`when` and `then`."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Members(Formula):
    """`every` or `some`: one part, asked of each member of a role."""

    role: Role
    every: bool

    @property
    def under(self) -> tuple[Role, ...]:
        return (self.role,)


Case = dict[Any, Any]
"""What is supposed: facts with a stretch of values, formulas with a verdict; and the verdicts that follow."""


class Formulas:
    """Every formula once, and the verdicts that it can have."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Any] = {}
        self._possible: dict[Formula, Verdicts] = {}
        self._in_families: dict[tuple[Members, ...], set[tuple[Verdicts, ...]]] = {}
        self._uses: dict[Formula, Counter[Any]] = {}
        self._at_fault: dict[Formula, bool] = {}

    def make(self, kind: type[Made], /, **given: Any) -> Made:
        key = (kind, *given.items())
        if key not in self._made:
            self._made[key] = kind(**given)
        made: Made = self._made[key]
        return made

    def certainty(self, formula: Formula) -> bool | None:
        """Whether it is met wherever it applies (True) or never (False); None where it can go either way, or where
        something inside it cannot.
        """
        possible = self.possible(formula)
        either = possible & MET and possible & NOT_MET
        if either or any(map(self._has_fault, formula.parts)):
            return None
        return bool(possible & MET)

    def _has_fault(self, formula: Formula) -> bool:
        if formula not in self._at_fault:
            inside = any(map(self._has_fault, formula.parts))
            self._at_fault[formula] = inside or self.certainty(formula) is not None
        return self._at_fault[formula]

    def possible(self, formula: Formula) -> Verdicts:
        """The verdicts that a formula can have, and where that takes too many steps perhaps others."""
        if formula not in self._possible:
            self._possible[formula] = _union(verdict for (verdict,) in self._together((formula,)))
        return self._possible[formula]

    def _together(self, formulas: tuple[Formula, ...]) -> set[tuple[Verdicts, ...]]:
        """The verdicts that formulas can have at once."""
        shared = _Shared(formulas, self)
        nothing: Case = {}
        alone = set(product(*(_bits(shared.verdicts(one, nothing)) for one in formulas)))
        found: set[tuple[Verdicts, ...]] = set()
        for case in shared.cases():
            found.update(product(*(_bits(shared.verdicts(one, case)) for one in formulas)))
            if found == alone:
                break
        return found

    def in_families(self, asked: tuple[Members, ...]) -> set[tuple[Verdicts, ...]]:
        """The verdicts that several `every` and `some` of one role can have at once.

        Of one member, the verdicts that the parts can have together; of several, what those verdicts come to.
        """
        if asked not in self._in_families:
            one_member = self._together(tuple(one.parts[0] for one in asked))
            found, new = {(NOT_APPLICABLE,) * len(asked)}, set(one_member)
            while new:
                found |= new
                both = {tuple(map(_one_more, asked, some, more)) for some in new for more in one_member}
                new = both - found
            self._in_families[asked] = found
        return self._in_families[asked]

    def uses(self, formula: Formula) -> Counter[Any]:
        """How often each fact, role and formula beneath a formula is named beneath it."""
        if formula not in self._uses:
            self._uses[formula] = Counter(used for one in _beneath((formula,)) for used in one.under)
        return self._uses[formula]


def _one_more(asked: Members, so_far: Verdicts, verdict: Verdicts) -> Verdicts:
    """An `every` or `some` with one member more."""
    decides = NOT_MET if asked.every else MET
    return decides if decides in (so_far, verdict) else min(so_far, verdict)


def _beneath(formulas: tuple[Formula, ...]) -> list[Formula]:
    """Formulas and those beneath them, each once."""
    found = dict.fromkeys(formulas)
    waiting = list(found)
    while waiting:
        new = [one for one in waiting.pop().under if isinstance(one, Formula) and one not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return list(found)


class _Shared:
    """What several parts of some formulas share, case by case: in each case, parts no longer depend on each other.

    A formula that shares nothing of what is beneath it with what is beside it counts as one fact, with the verdicts
    that it can have.
    """

    def __init__(self, formulas: tuple[Formula, ...], known: Formulas) -> None:
        self.known = known
        beneath = _beneath(formulas)
        self.asks: dict[Fact, list[Asks]] = {}
        self.baselines: set[Fact] = set()
        self.members: dict[Role, list[Members]] = {}
        for one in beneath:
            match one:
                case Asks():
                    self.asks.setdefault(one.fact, []).append(one)
                case Falls():
                    self.baselines |= {one.current, one.baseline}
                case Members():
                    self.members.setdefault(one.role, []).append(one)
        self.uses = Counter(formulas) + Counter(used for one in beneath for used in one.under)
        self.settled: dict[Formula, Verdicts] = {}
        self.shared: list[Formula | Fact | Role] = []
        self.seen: set[Formula | Fact | Role] = set()
        for one in formulas:
            self._look_at(one, is_whole=len(formulas) == 1)

    def _look_at(self, one: Formula | Fact | Role, is_whole: bool = False) -> None:
        if one in self.seen:
            return
        self.seen.add(one)
        if isinstance(one, Formula):
            if not is_whole and all(self.uses[used] == count for used, count in self.known.uses(one).items()):
                self.settled[one] = self.known.possible(one)
            else:
                for used in one.under:
                    self._look_at(used)
        if self.uses[one] > 1:
            self.shared.append(one)

    def cases(self) -> Iterator[Case]:
        """Every case of what is shared, or of as much of it as there are not too many cases."""
        weighed, most = [], 1
        for one in self.shared:
            match one:
                case Fact():
                    size = len(self._stretches(one))
                case Role():
                    few = len(self.members[one]) <= MOST_QUANTIFIERS
                    size = len(self.known.in_families(tuple(self.members[one]))) if few else MOST_CASES + 1
                case _:
                    size = len(_bits(self.settled.get(one, MET | NOT_MET | NOT_APPLICABLE)))
            if most * size <= MOST_CASES:
                weighed.append(one)
                most *= size
        return self._cases(weighed, {})

    def _cases(self, weighed: list[Formula | Fact | Role], case: Case) -> Iterator[Case]:
        if not weighed:
            yield case
            return
        first, *rest = weighed
        for supposed in self._suppositions(first, case):
            yield from self._cases(rest, case | supposed)

    def _suppositions(self, one: Formula | Fact | Role, case: Case) -> Iterator[Case]:
        match one:
            case Fact():
                yield from ({one: stretch} for stretch in self._stretches(one))
            case Role():
                asked = tuple(self.members[one])
                yield from (dict(zip(asked, verdicts, strict=True)) for verdicts in self.known.in_families(asked))
            case _:
                yield from ({one: verdict} for verdict in _bits(self.verdicts(one, case)))

    def _stretches(self, fact: Fact) -> list[Stretch]:
        asks = self.asks.get(fact, [])
        match fact.values:
            case Whole(low, high):
                starts = {ask.limit + (ask.comparator in ("more_than", "at_most")) for ask in asks}
                starts |= {1} if fact in self.baselines else set()
                firsts = [low, *sorted(start for start in starts if low < start and (high is None or start <= high))]
                return list(zip(firsts, [*(first - 1 for first in firsts[1:]), high], strict=True))
            case Ratio():
                limits = sorted({Fraction(0), Fraction(1), *(ask.limit for ask in asks)})
                values = (*limits, *((one + other) / 2 for one, other in pairwise(limits)))
            case OneOf(values=values):
                pass
        answers = {tuple(ask.passes(value) for ask in asks): value for value in values}
        return [(value, value) for value in answers.values()]

    def verdicts(self, formula: Formula, case: Case) -> Verdicts:
        """The verdicts that a formula can have in a case, its parts taken as if they had nothing in common but that."""
        if formula not in case:
            case[formula] = self.settled[formula] if formula in self.settled else self._reckoned(formula, case)
        return int(case[formula])

    def _reckoned(self, formula: Formula, case: Case) -> Verdicts:
        match formula:
            case Asks():
                stretches = [case[formula.fact]] if formula.fact in case else self._stretches(formula.fact)
                return _union(MET if formula.passes(value) else NOT_MET for value, _ in stretches)
            case Falls():
                anything = (0, None)
                current, baseline = case.get(formula.current, anything), case.get(formula.baseline, anything)
                return _falls(current, baseline, formula.share)
            case Counted():
                return _counted(formula, [self.verdicts(part, case) for part in formula.parts])
            case Where():
                condition, then = (self.verdicts(part, case) for part in formula.parts)
                missed = NOT_APPLICABLE if condition & (NOT_MET | NOT_APPLICABLE) else 0
                return missed | (then if condition & MET else 0)
            case Members():
                return self.known.possible(formula.parts[0]) | NOT_APPLICABLE
            case _:
                raise TypeError(type(formula).__name__)


def _falls(current: Stretch, baseline: Stretch, share: Fraction) -> Verdicts:
    """Of a count in one stretch and its baseline in another: the least and the greatest fall that there can be."""
    (least, most), (smallest, largest) = current, baseline
    found = 0
    if smallest == 0:
        found |= NOT_APPLICABLE if least == 0 else 0
        found |= NOT_MET if most is None or most > 0 else 0
    if largest is None or largest > 0:
        before = max(smallest, 1)
        found |= NOT_MET if most is None or before - most < share * before else 0
        can_fall = least == 0 or (share < 1 if largest is None else largest - least >= share * largest)
        found |= MET if can_fall else 0
    return found


def _counted(formula: Counted, parts: list[Verdicts]) -> Verdicts:
    found = NOT_APPLICABLE if all(part & NOT_APPLICABLE for part in parts) else 0
    some_met, some_not_met = any(part & MET for part in parts), any(part & NOT_MET for part in parts)
    match formula.how:
        case "all_of":
            met = some_met and all(part & (MET | NOT_APPLICABLE) for part in parts)
            not_met = some_not_met
        case "any_of":
            met = some_met
            not_met = some_not_met and all(part & (NOT_MET | NOT_APPLICABLE) for part in parts)
        case _:
            met = sum(part & MET for part in parts) >= formula.needed
            # Where several are needed, one that is unknown and none besides is not enough, whatever it will be.
            too_few = sum(part == MET for part in parts) < formula.needed
            not_met = too_few and (some_not_met or formula.needed > 1)
    return found | (MET if met else 0) | (NOT_MET if not_met else 0)


def _bits(verdicts: Verdicts) -> tuple[Verdicts, ...]:
    return tuple(verdict for verdict in (MET, NOT_MET, NOT_APPLICABLE) if verdicts & verdict)


def _union(verdicts: Iterable[Verdicts]) -> Verdicts:
    found = 0
    for verdict in verdicts:
        found |= verdict
    return found
