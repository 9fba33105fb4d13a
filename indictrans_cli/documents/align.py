"""Where a place in a text lies in its translation.

Sentences keep their order, so their ends are fixed points. Inside one, a phrase is looked for by its own translation,
exactly and then by likeness; what is not found is placed in proportion, at the ends of words.
"""

from __future__ import annotations

import bisect
import difflib
import re
from collections.abc import Iterable, Mapping

from .segment import split_line

_PUNCTUATION = r"""\s.,;:!?…।॥()\[\]"'“”‘’«»–—\-"""
_WORD = re.compile(rf"[^{_PUNCTUATION}](?:\S*[^{_PUNCTUATION}])?")
_BETWEEN = re.compile(rf"[{_PUNCTUATION}{{}}]")
_LIKENESS = 0.7  # of two phrases, by difflib's ratio: an inflected form passes, another word does not

Interval = tuple[int, int]


def sentences(text: str) -> list[tuple[int, str]]:
    """The sentences of a text and where each begins, as the translator cuts them."""
    middle = text.strip()
    found, at = [], text.index(middle) if middle else 0
    for segment in split_line(middle) if middle else []:
        found.append((at, segment.text))
        at += len(segment.text) + len(segment.gap)
    return found


class Alignment:
    """A text and its translation, put together of the translations of its sentences (`known`)."""

    def __init__(self, source: str, known: Mapping[str, str]) -> None:
        self.source = source
        parts: list[str] = []
        self._fixed: list[tuple[int, int]] = [(0, 0)]
        done = length = 0
        for start, sentence in sentences(source):
            for part, end in ((source[done:start], start), (known[sentence], start + len(sentence))):
                parts.append(part)
                length += len(part)
                self._fixed.append((end, length))
            done = start + len(sentence)
        parts.append(source[done:])
        self.target = "".join(parts)
        self._fixed.append((len(source), len(self.target)))
        self.words = [match.span() for match in _WORD.finditer(self.target)]

    def proportional(self, place: int) -> int:
        """The place in the translation by proportion, within its sentence."""
        right = min(max(1, bisect.bisect_left(self._fixed, (place, -1))), len(self._fixed) - 1)
        (src_a, tgt_a), (src_b, tgt_b) = self._fixed[right - 1], self._fixed[right]
        return tgt_b if src_b == src_a else tgt_a + round((place - src_a) * (tgt_b - tgt_a) / (src_b - src_a))

    def point(self, place: int, within: Interval, taken: Iterable[Interval] = ()) -> int:
        """A place between words of the translation for a place in the source; not inside what is `taken`."""
        low, high = within
        at = min(max(self.proportional(place), low), high)
        if any(src == place for src, _ in self._fixed):
            best = at
        elif self._begins_word(place):
            best = min(
                (start for start, _ in self.words if low <= start <= high), key=lambda s: abs(s - at), default=at
            )
        else:
            best = min((end for _, end in self.words if low <= end <= high), key=lambda e: abs(e - at), default=at)
        if self._splits_word(place, self.source):  # it stood inside a word
            best = at
        for start, end in taken:
            if start < best < end:
                best = start if best - start <= end - best else end
        return best

    def locate(self, start: int, end: int, phrase: str, within: Interval, taken: list[Interval]) -> Interval | None:
        """Where the source's characters `start` to `end`, translated alone as `phrase`, stand; None where not found."""
        sentence = self._sentence(start, end)
        low, high = max(sentence[0], within[0]), min(sentence[1], within[1])
        if self.source[end - 1 : end] not in ".!?":
            phrase = phrase.rstrip().rstrip("।.")
        phrase = phrase.strip()
        if not phrase or low >= high:
            return None
        near = self.proportional(start)
        exact = [
            (found.start(), found.end())
            for found in re.compile(re.escape(phrase)).finditer(self.target, low, high)
            if self._fits(start, end, *found.span())
        ]
        free = [each for each in exact if _is_free(each, taken)]
        if free:
            return min(free, key=lambda each: abs(each[0] - near))
        return self._alike(phrase, near, (low, high), taken)

    def proportional_interval(self, start: int, end: int, within: Interval, taken: list[Interval]) -> Interval:
        """At least one word, where there is one free, for the source's characters `start` to `end`."""
        low, high = within
        first, last = self.proportional(start), self.proportional(end)
        if self._is_fixed(start) and self._is_fixed(end) and _is_free((first, last), taken) and low <= first:
            return (first, min(last, high))
        if self._splits_word(start, self.source) or self._splits_word(end, self.source):
            words = [(at, at + 1) for at in range(low, high)]
        else:
            words = [word for word in self.words if low <= word[0] and word[1] <= high]
        words = [word for word in words if _is_free(word, taken)]
        inside = [word for word in words if first <= (word[0] + word[1]) / 2 < last]
        if not inside:
            inside = [min(words, key=lambda word: abs(word[0] - first))] if words else []
        if not inside:
            at = self.point(start, within, taken)
            return (at, at)
        span = (inside[0][0], inside[-1][1])
        while not _is_free(span, taken):  # something taken lies between: keep what comes before it
            inside.pop()
            span = (inside[0][0], inside[-1][1])
        return span

    def _begins_word(self, place: int) -> bool:
        """Whether what stands at a place of the source belongs to what follows it, not to what is before it."""
        before, after = self.source[place - 1 : place], self.source[place : place + 1]
        if before.isalnum() or after.isalnum():
            return not before.isalnum()
        return bool(before.isspace() and after.strip())

    def _is_fixed(self, place: int) -> bool:
        return any(src == place for src, _ in self._fixed)

    def _sentence(self, start: int, end: int) -> Interval:
        """The part of the translation that the sentences of the source's `start` to `end` became."""
        left = bisect.bisect_right(self._fixed, (start, len(self.target) + 1)) - 1
        right = bisect.bisect_left(self._fixed, (end, -1))
        return self._fixed[max(left, 0)][1], self._fixed[min(right, len(self._fixed) - 1)][1]

    def _fits(self, start: int, end: int, found: int, found_end: int) -> bool:
        """Whether a phrase of whole words was found as whole words."""
        return (self._splits_word(start, self.source) or not self._splits_word(found, self.target)) and (
            self._splits_word(end, self.source) or not self._splits_word(found_end, self.target)
        )

    @staticmethod
    def _splits_word(place: int, text: str) -> bool:
        return 0 < place < len(text) and _BETWEEN.search(text[place - 1 : place + 1]) is None

    def _alike(self, phrase: str, near: int, within: Interval, taken: list[Interval]) -> Interval | None:
        low, high = within
        words = [word for word in self.words if low <= word[0] and word[1] <= high]
        size = len(_WORD.findall(phrase))
        if not size or len(words) > 200 or size > 20:
            return None
        best: tuple[float, float, Interval] | None = None
        matcher = difflib.SequenceMatcher(autojunk=False, b=phrase)
        for count in (size, size + 1, size - 1):
            for first in range(len(words) - count + 1 if count else 0):
                span = (words[first][0], words[first + count - 1][1])
                matcher.set_seq1(self.target[span[0] : span[1]])
                if not _is_free(span, taken) or matcher.real_quick_ratio() < _LIKENESS:
                    continue
                ratio = matcher.ratio() if matcher.quick_ratio() >= _LIKENESS else 0.0
                if ratio >= _LIKENESS:
                    best = max(best or (0.0, 0.0, (0, 0)), (ratio, -abs(span[0] - near), span))
        return best[2] if best else None


def _is_free(interval: Interval, taken: Iterable[Interval]) -> bool:
    return all(interval[1] <= start or end <= interval[0] for start, end in taken)
