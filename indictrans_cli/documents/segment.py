"""A line of text to segments a sentence model can take: sentences, and pieces of sentences that are too long.

The segments of a line, with the gaps between them, are the line: nothing is lost or moved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARACTERS = 400  # of a segment: about a hundred tokens, as long as sentences in training get

_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof sr jr st rev hon gen col capt lt sgt maj cmdr gov sen rep pres messrs smt shri rs re inr no nos
    vol vols ch sec fig figs eq pp p ed eds vs etc approx dept est govt assn bros inc ltd co corp pvt jan feb mar apr
    jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun ave blvd rd ft mt e.g i.e cf al viz
    a.m p.m u.s u.k u.n b.a m.a ph.d b.sc m.sc d.c
    """.split()
)
#: abbreviations that also end sentences: a capital letter after them begins a new one
_MAY_END = frozenset(
    ["etc", "a.m", "p.m", "inc", "ltd", "co", "corp", "jr", "sr", "u.s", "u.k", "u.n", "ph.d", "m.a", "b.a"]
)
#: a stop, what closes behind it, and the space before what may begin a sentence
_BOUNDARY = re.compile(r"""(?<![.!?…।॥])([.!?…।॥]+["')\]”’]*)(\s+)(?=["'(\[“‘]*[A-Z0-9\u0900-\u0dff])""")
TAIL = 40  # characters looked at for the last word: no abbreviation is longer
_LAST_WORD = re.compile(r"([\w.]*\w)[.!?…।॥]+[\"')\]”’]*$")
_CLAUSE = re.compile(r"[,;:—–)]\s")


@dataclass(frozen=True)
class Segment:
    """A part of a line: text to translate, and the white space that follows it in the line."""

    text: str
    gap: str


def split_line(line: str) -> list[Segment]:
    """The segments of one line (without its line break). The texts and gaps, joined, are the line."""
    segments: list[Segment] = []
    for sentence, gap in _sentences(line):
        parts = _shorten(sentence)
        segments += [Segment(text, space) for text, space in parts[:-1]]
        segments.append(Segment(parts[-1][0], parts[-1][1] + gap))
    return segments


def _sentences(line: str) -> list[tuple[str, str]]:
    sentences, start = [], 0
    for match in _BOUNDARY.finditer(line):
        tail = line[max(start, match.end(1) - TAIL) : match.end(1)]
        if _ends_sentence(tail, match.end(1) - start <= TAIL, line[match.end()]):
            sentences.append((line[start : match.end(1)], match[2]))
            start = match.end()
    sentences.append((line[start:], ""))
    return sentences


def _ends_sentence(tail: str, is_whole: bool, following: str) -> bool:
    """Whether the stop at the end of a sentence ends it.

    `tail` is the end of the sentence (all of it if `is_whole`), `following` the character after the space.
    """
    if tail.rstrip("\"')]”’")[-1] != ".":
        return True
    match = _LAST_WORD.search(tail)
    if match is None:
        return True
    word = match[1].lower()
    if re.fullmatch(r"[A-Za-z]", match[1]) and match[1] != "I":  # an initial: J. R. Tata
        return False
    if is_whole and re.fullmatch(r"\d{1,3}|[ivx]+", word) and not tail[: match.start()].strip(" ("):
        return False  # the number of a list item: "1. Open the box"
    if word in _MAY_END:
        return following.isupper()
    return word not in _ABBREVIATIONS


def _shorten(sentence: str) -> list[tuple[str, str]]:
    """Cut what is too long after a clause mark, else at a space, else anywhere."""
    parts: list[tuple[str, str]] = []
    while len(sentence) > MAX_CHARACTERS:
        head = sentence[: MAX_CHARACTERS + 1]  # a space may follow the last character allowed
        cuts = [match.start() + 1 for match in _CLAUSE.finditer(head, MAX_CHARACTERS // 2)]
        cuts = cuts or [match.start() for match in re.finditer(r"(?<=\S)\s", head)]
        cut = cuts[-1] if cuts else MAX_CHARACTERS
        rest = sentence[cut:].lstrip()
        parts.append((sentence[:cut], sentence[cut : len(sentence) - len(rest)]))
        sentence = rest
    parts.append((sentence, ""))
    return parts
