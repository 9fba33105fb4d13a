"""Cleaning sentence pairs: repairs first, then small named filters, each counted.

A filter looks at one repaired pair and says whether it is to be dropped. The first filter that drops a pair is the one
it is counted under. Duplicates and test-set overlap need memory of what came before and come last.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from ..text import DEVANAGARI_DIGITS, devanagari_share, normalize
from .sources import Pair

_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"\w+(?:[\u0900-\u097f\u200c\u200d]+\w*)*")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[a-z]+|#\d+);|\{\{|%\d?\$?[sd]\b|\$\{|%\([a-z_]+\)")


def repair(src: str, tgt: str) -> Pair:
    """Both sides in the form models see; on the Hindi side Latin digits and a danda where a sentence ends in a stop."""
    src, tgt = normalize(src), normalize(tgt).translate(DEVANAGARI_DIGITS)
    tgt = re.sub(r"(?<=[\u0900-\u097f])\s*\|$", "।", tgt)
    if src.endswith(".") and re.search(r"[\u0900-\u097f]\.$", tgt):
        tgt = tgt[:-1] + "।"
    tgt = re.sub(r"\s+(?=[।?!,;](?:\s|$))", "", tgt)
    return src, tgt


def is_empty(src: str, tgt: str) -> bool:
    """A side without a letter or a digit."""
    return not any(map(str.isalnum, src)) or not any(map(str.isalnum, tgt))


def is_long(src: str, tgt: str) -> bool:
    """More than 1,000 characters or 150 words on a side: a paragraph, not a sentence."""
    return max(len(src), len(tgt)) > 1000 or max(src.count(" "), tgt.count(" ")) > 150


def is_lopsided(src: str, tgt: str) -> bool:
    """One side more than three times as long as the other (with ten characters' grace): misaligned."""
    return len(src) > 3 * len(tgt) + 10 or len(tgt) > 3 * len(src) + 10


def is_copied(src: str, tgt: str) -> bool:
    """The Hindi side repeats the English."""
    return src.casefold() == tgt.casefold()


def is_other_script(src: str, tgt: str) -> bool:
    """Devanagari in the English, or less than half of it among the letters of the Hindi."""
    return devanagari_share(src) > 0 or devanagari_share(tgt) < 0.5


def has_other_numbers(src: str, tgt: str) -> bool:
    """The digits of the two sides disagree (grouping marks aside): a model trained on such pairs changes numbers."""
    return sorted("".join(_NUMBER.findall(src))) != sorted("".join(_NUMBER.findall(tgt)))


def has_markup(src: str, tgt: str) -> bool:
    """Tags, entities or format placeholders: software residue that a sentence model has no use for."""
    return bool(_MARKUP.search(src) or _MARKUP.search(tgt))


def is_repetitive(src: str, tgt: str) -> bool:
    """The same word four times in a row."""
    return any(
        len(set(four)) == 1
        for words in (_WORD.findall(src.casefold()), _WORD.findall(tgt))
        for four in zip(*(words[start:] for start in range(4)), strict=False)
    )


FILTERS: dict[str, Callable[[str, str], bool]] = {
    "empty": is_empty,
    "long": is_long,
    "lopsided": is_lopsided,
    "copied": is_copied,
    "script": is_other_script,
    "numbers": has_other_numbers,
    "markup": has_markup,
    "repetitive": is_repetitive,
}


class Cleaner:
    """Repairs and filters a stream of pairs; remembers what it saw, so that later sources yield to earlier ones.

    `counts` maps "read", "kept" and each filter's name to pairs, for the source being read.
    """

    def __init__(self, test_sentences: Iterable[str] = ()) -> None:
        self.counts: Counter[str] = Counter()
        self._seen: set[bytes] = set()
        self._tests = TestOverlap(test_sentences)

    def clean(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """The pairs that pass, repaired, in order. Resets `counts`."""
        self.counts = Counter(read=0, kept=0)
        for pair in pairs:
            self.counts["read"] += 1
            src, tgt = repair(*pair)
            verdict = self._verdict(src, tgt)
            self.counts[verdict] += 1
            if verdict == "kept":
                yield src, tgt

    def dropped(self) -> dict[str, int]:
        """How many pairs of the source just read each filter dropped."""
        return {name: count for name, count in self.counts.items() if name not in ("read", "kept") and count}

    def _verdict(self, src: str, tgt: str) -> str:
        for name, drops in FILTERS.items():
            if drops(src, tgt):
                return name
        key = hashlib.blake2b(f"{skeleton(src)}\t{skeleton(tgt)}".encode(), digest_size=8).digest()
        if key in self._seen:
            return "duplicate"
        self._seen.add(key)
        return "test" if self._tests.covers(src) or self._tests.covers(tgt) else "kept"


class TestOverlap:
    """Whether a sentence equals one of the test sentences, or shares eight words in a row with one.

    Tabs part sentences: a line may hold a pair.
    """

    N = 8

    def __init__(self, sentences: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._ngrams: set[tuple[str, ...]] = set()
        for sentence in (part for line in sentences for part in line.split("\t")):
            text = normalize(sentence)
            self._whole.add(skeleton(text))
            self._ngrams.update(self._word_ngrams(text))
        self._whole.discard("")

    def covers(self, sentence: str) -> bool:
        """Whether training on `sentence` would show a model part of a test set."""
        if not self._whole:
            return False
        return skeleton(sentence) in self._whole or not self._ngrams.isdisjoint(self._word_ngrams(sentence))

    def _word_ngrams(self, text: str) -> Iterator[tuple[str, ...]]:
        words = _WORD.findall(text.casefold())
        return zip(*(words[start:] for start in range(self.N)), strict=False)


def skeleton(text: str) -> str:
    """What is left of a sentence without case, spaces and punctuation: equal for trivial variants."""
    return "".join(char for char in text.casefold() if char.isalnum() or "\u0900" <= char <= "\u0963")
