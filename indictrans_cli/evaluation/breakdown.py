"""Where translations are bad: a test set cut into groups of sentences of one kind, and the scores of each.

The kinds are told by the source (by the reference where there is none), so that they are the same for every system.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .behaviour import numbers_in
from .significance import Floats, Interval, bootstrap_sums, interval_of

if TYPE_CHECKING:
    from ..corpus.testsets import TestSet
    from ..tokenizer import Tokenizer
    from .metrics import Metric

LENGTHS = (("1–9 words", 1, 9), ("10–19 words", 10, 19), ("20–29 words", 20, 29), ("30 and more words", 30, 10**9))
_SAMPLES = 1000  # of the bootstrap in each group
_NAME = re.compile(r"(?<=[\w,;:'’)] )[A-Z][\w'’-]*[a-z]")
_PLAIN_WORD = re.compile(r"(?<![\w'’-])[a-z]{4,}(?![\w'’-])")
_RARE_PIECES = 4


@dataclass(frozen=True)
class Group:
    """Some sentences of a test set that have something in common."""

    kind: str  # length, numbers, names, unknown words, questions, domain
    label: str
    indices: list[int]


@dataclass(frozen=True)
class GroupScore:
    """A system's score on a group, and its 95 % bootstrap interval."""

    metric: str
    value: float
    interval: Interval


def groups(test: TestSet, tokenizer: Tokenizer | None = None) -> list[Group]:
    """The groups of a test set, those without a sentence left out.

    Names are words with a capital that do not begin a sentence. An unknown word is a lower-case word that `tokenizer` cuts
    into four pieces or more: the text it was trained on had it hardly ever.
    """
    texts = test.sources if test.sources is not None else test.references
    found = [
        Group("length", label, [at for at, text in enumerate(texts) if low <= max(1, len(text.split())) <= high])
        for label, low, high in LENGTHS
    ]
    found += _split("numbers", "with a number", "without", [bool(numbers_in(text)) for text in texts])
    if test.sources is not None:
        found += _split("names", "with a name", "without", [_NAME.search(text) is not None for text in texts])
        if tokenizer is not None:
            found += _split("unknown words", "with one", "without", has_unknown_word(texts, tokenizer))
    asks = [text.rstrip(" \"'”’)").endswith("?") for text in texts]
    found += _split("questions", "questions", "others", asks)
    if test.domains is not None:
        for domain in sorted(set(test.domains)):
            found.append(Group("domain", domain, [at for at, each in enumerate(test.domains) if each == domain]))
    return [group for group in found if group.indices]


def has_unknown_word(texts: Sequence[str], tokenizer: Tokenizer) -> list[bool]:
    """Whether each text has a lower-case word of four pieces or more."""
    words = sorted({word for text in texts for word in _PLAIN_WORD.findall(text)})
    rare = {word for word, pieces in zip(words, tokenizer.encode(words), strict=True) if len(pieces) >= _RARE_PIECES}
    return [any(word in rare for word in _PLAIN_WORD.findall(text)) for text in texts]


def group_scores(
    found: Sequence[Group], metrics: Sequence[Metric], statistics: dict[str, Floats], seed: int
) -> list[list[GroupScore]]:
    """Of each group, its score under each metric. `statistics` are a system's, (sentences, statistics) by metric."""
    scores = []
    for group in found:
        of_group = []
        for metric in metrics:
            rows = statistics[metric.name][group.indices]
            value = float(metric.from_sums(rows.sum(axis=0)))
            resampled = metric.from_sums(bootstrap_sums(rows, _SAMPLES, seed))
            of_group.append(GroupScore(metric.name, value, interval_of(resampled)))
        scores.append(of_group)
    return scores


def sentence_scores(metric: Metric, statistics: Floats) -> Floats:
    """(sentences,): the score of each sentence by itself."""
    return np.asarray(metric.from_sums(statistics))


def _split(kind: str, yes: str, no: str, holds: Sequence[bool]) -> list[Group]:
    return [
        Group(kind, yes, [at for at, value in enumerate(holds) if value]),
        Group(kind, no, [at for at, value in enumerate(holds) if not value]),
    ]
