"""Which words of a translation stand in its reference, in order: what the page underlines."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

#: what parts words; page.js has the same, so that both count the same words (Python's and JavaScript's own differ)
_SPACES = re.compile("[ \t\r\n\u00a0\u2000-\u200a\u3000]+")
#: texts with more words are compared without their order: difflib takes cubic time on words that repeat
_LONG = 200


def word_marks(hypothesis: str, reference: str) -> tuple[str, str]:
    """For each word (split at white space) of both texts, `1` where the two agree and `0` where they do not."""
    words, wanted = _words(hypothesis), _words(reference)
    if max(len(words), len(wanted)) > _LONG:
        common = Counter(words) & Counter(wanted)
        return _first(words, common), _first(wanted, common)
    marks = ["0"] * len(words), ["0"] * len(wanted)
    matcher = SequenceMatcher(None, words, wanted, autojunk=False)
    for block in matcher.get_matching_blocks():
        marks[0][block.a : block.a + block.size] = "1" * block.size
        marks[1][block.b : block.b + block.size] = "1" * block.size
    return "".join(marks[0]), "".join(marks[1])


def _first(words: list[str], common: Counter[str]) -> str:
    """`1` for as many of each word as are common, the first ones."""
    seen: Counter[str] = Counter()
    marks = []
    for word in words:
        seen[word] += 1
        marks.append("1" if seen[word] <= common[word] else "0")
    return "".join(marks)


def _words(text: str) -> list[str]:
    return [word for word in _SPACES.split(text) if word]
