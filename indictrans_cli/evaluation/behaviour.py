"""What translations do, apart from how they score: do numbers and placeholders survive, is it Hindi, does it copy or repeat.

Each is counted a sentence at a time, so that a page can show the sentences. Without sources, what needs them is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..text import DEVANAGARI_DIGITS, devanagari_share, normalize, repeats

#: what may be wrong with a sentence, in the order in which it is shown
FLAGS = ("number lost", "placeholder lost", "not Hindi", "copied", "repeats", "empty")

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_PLACEHOLDER = re.compile(
    r"https?://[^\s<>\"']+|www\.[^\s<>\"']+"  # addresses
    r"|[\w.+-]{1,64}@[\w-]+\.[\w.]*\w"  # mail; bounded, or a long word takes quadratic time
    r"|\{\{?[^{}\s]*\}?\}"  # {name}, {0}, {{name}}
    r"|%(?:\(\w+\)|\d+\$)?[sdif]\b"  # %s, %(name)s, %1$s
    r"|\$\{\w+\}|\$[A-Za-z_]\w*"  # ${name}, $name
    r"|</?[A-Za-z][^<>]*>|&\w+;"  # markup
)
#: how Hindi writes 1 to 10 in words: both spellings, where there are two
_WORDS = {
    "1": ("एक",), "2": ("दो", "दोनों"), "3": ("तीन", "तीनों"), "4": ("चार", "चारों"), "5": ("पाँच", "पांच"),
    "6": ("छह", "छः", "छे"), "7": ("सात",), "8": ("आठ",), "9": ("नौ",), "10": ("दस",),
}  # fmt: skip


@dataclass(frozen=True)
class Behaviour:
    """What a system's translations do on a test set. Shares are from 0 to 1; None where there is nothing to count."""

    length_ratio: float  # characters of the translations, over those of the references
    numbers: float | None  # share of the sources' numbers that stand in the translation
    placeholders: float | None  # share of the sources' placeholders, addresses and tags that stand there unchanged
    script_purity: float  # share of Devanagari among the translations' letters
    copied: float | None  # share of sentences that are the source, or of whose words half are words of the source
    repeated: float  # share of sentences that repeat themselves where the reference does not
    empty: float  # share of sentences that are blank where the reference is not
    number_count: int  # in all sources
    placeholder_count: int
    flags: list[list[str]]  # of each sentence: which of FLAGS hold


def behaviour(sources: Sequence[str] | None, hypotheses: Sequence[str], references: Sequence[str]) -> Behaviour:
    """Counted over line-aligned lists of sentences; `sources` may be missing."""
    flags: list[list[str]] = [[] for _ in hypotheses]
    wanted: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    letters = devanagari = 0
    for index, (hypothesis, reference) in enumerate(zip(hypotheses, references, strict=True)):
        source = sources[index] if sources is not None else None
        for kind, (kind_wanted, kind_kept) in _what_must_stay(source, hypothesis).items():
            wanted[kind] += kind_wanted
            kept[kind] += kind_kept
            if kind_kept < kind_wanted:
                flags[index].append(f"{kind} lost")
        count = sum(char.isalpha() or "\u0900" <= char <= "\u097f" for char in hypothesis)
        share = devanagari_share(hypothesis)
        letters += count
        devanagari += round(share * count)
        if count and share < 0.5 <= devanagari_share(reference):
            flags[index].append("not Hindi")
        if source is not None and copies(source, hypothesis) and not copies(source, reference):
            flags[index].append("copied")
        if repeats(hypothesis) and not repeats(reference):
            flags[index].append("repeats")
        if not hypothesis.strip() and reference.strip():
            flags[index].append("empty")
    counts = Counter(flag for each in flags for flag in each)
    sentences = len(hypotheses)
    return Behaviour(
        length_ratio=sum(map(len, hypotheses)) / max(1, sum(map(len, references))),
        numbers=kept["number"] / wanted["number"] if wanted["number"] else None,
        placeholders=kept["placeholder"] / wanted["placeholder"] if wanted["placeholder"] else None,
        script_purity=devanagari / letters if letters else 0.0,
        copied=counts["copied"] / sentences if sources is not None else None,
        repeated=counts["repeats"] / sentences,
        empty=counts["empty"] / sentences,
        number_count=wanted["number"],
        placeholder_count=wanted["placeholder"],
        flags=flags,
    )


def numbers_in(text: str) -> list[str]:
    """The numbers of a text, in the digits 0 to 9 and without the commas of thousands and lakhs."""
    plain = text.translate(DEVANAGARI_DIGITS)
    return [number.replace(",", "") for number in _NUMBER.findall(_PLACEHOLDER.sub(" ", plain))]


def placeholders_in(text: str) -> list[str]:
    """Addresses, format fields and tags: what no translation may change."""
    found = _PLACEHOLDER.findall(text)
    return [match.rstrip(".,;:!?)") if match.startswith(("http", "www.")) else match for match in found]


def copies(source: str, hypothesis: str) -> bool:
    """Whether a translation is its source, or at least half of its words (three or more) are words of it."""
    source, hypothesis = normalize(source).casefold(), normalize(hypothesis).casefold()
    if source == hypothesis:
        return re.search(r"[a-z]", source) is not None
    known = set(re.findall(r"[^\W\d_]+", source))
    words = re.findall(r"[\w\u0900-\u097f]+", hypothesis)
    common = sum(word in known for word in words)
    return common >= 3 and common >= 0.5 * len(words)


def _what_must_stay(source: str | None, hypothesis: str) -> dict[str, tuple[int, int]]:
    """How many numbers and placeholders the source has, and how many of them the translation keeps."""
    if source is None:
        return {}
    words = set(re.findall(r"[\u0900-\u097f]+", normalize(hypothesis)))
    have = Counter(numbers_in(hypothesis))
    numbers = Counter(numbers_in(source))
    kept = sum(
        count if words.intersection(_WORDS.get(number, ())) else min(count, have[number])
        for number, count in numbers.items()
    )
    placeholders = Counter(placeholders_in(source))
    there = sum(min(count, hypothesis.count(text)) for text, count in placeholders.items())
    return {"number": (numbers.total(), kept), "placeholder": (placeholders.total(), there)}
