"""What the words of the rules mean, for people: a rulebook opens with it.

In: `glossary.yaml` beside this module. Out: groups of words with their meanings, all or those that a pack needs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Word:
    """A word of the rules and what it means.

    `needed_by`: the measures and arguments of measures that need it told; empty where every pack does.
    """

    word: str
    means: str
    needed_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class WordGroup:
    """Words that belong together."""

    title: str
    words: tuple[Word, ...]


@cache
def glossary() -> tuple[WordGroup, ...]:
    """Every word there is."""
    written = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return tuple(
        WordGroup(
            group["title"],
            tuple(Word(one["word"], one["means"], tuple(one.get("needed_by", ()))) for one in group["words"]),
        )
        for group in written
    )


def glossary_for(read: Collection[str]) -> tuple[WordGroup, ...]:
    """The words that a pack needs which reads these measures and arguments."""
    return tuple(
        WordGroup(group.title, tuple(word for word in group.words if _is_needed(word, read))) for group in glossary()
    )


def _is_needed(word: Word, read: Collection[str]) -> bool:
    return not word.needed_by or any(name in read for name in word.needed_by)
