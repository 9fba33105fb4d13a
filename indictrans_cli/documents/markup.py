"""Tags and texts of HTML or XML to blocks of language: the part the two have in common.

A reader (`html`, `xml`) gives tokens with their places; `Rules` say which names are inline, which are skipped and which
attributes hold language. Everything between two block tags is one block.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .base import Work
from .inline import Inner, Mark, Text, inline_work
from .inline import Token as InlineToken


@dataclass(frozen=True)
class Token:
    """A tag, a text or anything else of a file; `start` and `end` are its place in the text of the file."""

    kind: Literal["start", "end", "empty", "text", "cdata", "other"]
    name: str  # of the element; "" for texts
    start: int
    end: int
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """How a vocabulary is read."""

    inline: frozenset[str]
    skipped: frozenset[str] = frozenset()  # elements whose content is not language
    opaque: frozenset[str] = frozenset()  # inline elements whose content is not language, but stands for a word
    empty: frozenset[str] = frozenset()  # elements that never have an end tag (HTML's void elements)
    attributes: Callable[[Token], Sequence[str]] = lambda token: ()  # those of a tag that hold language
    is_kept: Callable[[Token], bool] = lambda token: False  # whether a tag forbids translating its content
    unescape: Callable[[str], str] = html.unescape
    escape: Callable[[str], str] = lambda text: html.escape(text, quote=False)


def end_of(tokens: Sequence[Token], index: int) -> int:
    """The index of the end tag of the element that begins at `index`; the last token's where there is none."""
    depth = 0
    for place in range(index, len(tokens)):
        token = tokens[place]
        if token.name == tokens[index].name:
            depth += {"start": 1, "end": -1}.get(token.kind, 0)
        if depth <= 0:
            return place
    return len(tokens) - 1


_CELLS, _GROUPS = frozenset(["td", "th", "tr", "tbody", "thead", "tfoot"]), frozenset(["tbody", "thead", "tfoot"])
_BLOCKS = frozenset(
    """address article aside blockquote body center details dialog div dl fieldset figcaption figure footer form h1 h2 h3
    h4 h5 h6 header hgroup hr html main menu nav ol p pre search section table ul""".split()
)
#: elements of HTML whose end tag may be left out, and the start tags that end them
_ENDED_BY = {
    "li": frozenset(["li"]),
    "p": _BLOCKS,
    "dt": frozenset(["dt", "dd"]),
    "dd": frozenset(["dt", "dd"]),
    "td": _CELLS,
    "th": _CELLS,
    "tr": _CELLS - {"td", "th"},
    "tbody": _GROUPS,
    "thead": _GROUPS,
    "tfoot": _GROUPS,
    "option": frozenset(["option", "optgroup"]),
    "optgroup": frozenset(["optgroup"]),
}


def _ends(tokens: Sequence[Token], rules: Rules) -> dict[int, int]:
    """For each element of a page that begins, the index of its last token.

    That is its end tag; where HTML lets it be left out, what is before the tag that implies it; where it is missing,
    what is before the next block's tag.
    """
    ends: dict[int, int] = {}
    missing: list[int] = []
    around: list[tuple[str, int]] = []
    opened: Counter[str] = Counter()

    def pop(last: int, at: int = -1) -> None:
        name, index = around.pop(at)
        opened[name] -= 1
        ends[index] = last
        is_ended = tokens[last].kind == "end" and tokens[last].name == name
        if not is_ended and (name not in _ENDED_BY or last == len(tokens) - 1):
            missing.append(index)

    for place, token in enumerate(tokens):
        if token.kind in ("start", "empty"):
            while around and token.name in _ENDED_BY.get(around[-1][0], ()):
                pop(place - 1)
            if token.kind == "start" and token.name not in rules.empty:
                around.append((token.name, place))
                opened[token.name] += 1
        elif token.kind == "end" and opened[token.name]:
            depth = next((at for at in range(1, min(len(around), 100) + 1) if around[-at][0] == token.name), 0)
            if depth and all(name in rules.inline for name, _ in around[-depth:]):
                pop(place, -depth)  # <b><i></b></i>: the other goes on
            elif token.name not in rules.inline:
                while around[-1][0] != token.name:
                    pop(place - 1)
                pop(place)
    while around:
        pop(len(tokens) - 1)
    following, nearest = len(tokens), {}
    wanted = set(missing)
    for place in range(len(tokens) - 1, -1, -1):
        if place in wanted:
            nearest[place] = following - 1
        if tokens[place].kind in ("start", "empty", "end") and tokens[place].name in _BLOCKS | _ENDED_BY.keys():
            following = place
    return ends | {place: max(place, min(ends[place], last)) for place, last in nearest.items()}


def block_works(source: str, tokens: Sequence[Token], rules: Rules) -> Iterator[Work]:
    """A work for each block of language."""
    ends = _ends(tokens, rules) if rules.empty else {}
    block: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        last = index
        if _is_closed_off(token, rules):
            last = ends.get(index, index) if rules.empty else end_of(tokens, index)
        if (
            token.kind in ("text", "cdata")
            or (token.name in rules.inline and token.kind != "other")
            or (last > index and token.name in rules.opaque)
        ):
            block += tokens[index : last + 1]
        else:
            yield from _block(source, block, rules)
            block = []
            if token.kind in ("start", "empty"):  # its attributes, if nothing else
                yield from _block(source, [token], rules)
        index = last + 1
    yield from _block(source, block, rules)


def _is_closed_off(token: Token, rules: Rules) -> bool:
    return token.kind in ("start", "empty") and (
        token.name in rules.skipped or token.name in rules.opaque or rules.is_kept(token)
    )


def _block(source: str, tokens: list[Token], rules: Rules) -> Iterator[Work]:
    while tokens and _is_blank(source, tokens[0]):
        tokens = tokens[1:]
    while tokens and _is_blank(source, tokens[-1]):
        tokens = tokens[:-1]
    if tokens:
        yield inline_work(tokens[0].start, tokens[-1].end, inline_tokens(source, tokens, rules), rules.escape)


def _is_blank(source: str, token: Token) -> bool:
    return token.kind in ("text", "other") and (token.kind == "other" or not source[token.start : token.end].strip())


def inline_tokens(source: str, tokens: Sequence[Token], rules: Rules) -> list[InlineToken]:
    """The tokens of one block as language and marks."""
    found: list[InlineToken] = []
    ends: dict[int, int] | None = None
    index = 0
    while index < len(tokens):
        token = tokens[index]
        raw = source[token.start : token.end]
        last = index
        if _is_closed_off(token, rules):
            if rules.empty and ends is None:
                ends = _ends(tokens, rules)
            last = ends.get(index, index) if ends is not None else end_of(tokens, index)
            inner = _inner(raw, token, rules) if last == index else ()
            found.append(Mark(source[token.start : tokens[last].end], "opaque", inner))
        elif token.kind == "text":
            found += texts_and_gaps(raw, rules.unescape)
        elif token.kind == "start" and token.name not in rules.empty:
            found.append(Mark(raw, "open", _inner(raw, token, rules), token.name))
        elif token.kind == "end" and token.name not in rules.empty:
            found.append(Mark(raw, "close", name=token.name))
        elif token.kind == "cdata":
            found.append(Mark(raw, "opaque"))
        else:
            found.append(Mark(raw, "void", _inner(raw, token, rules)))
        index = last + 1
    return found


_BROKEN = re.compile(r"([ \t]*[\r\n]\s*)")


def texts_and_gaps(raw: str, unescape: Callable[[str], str]) -> list[InlineToken]:
    """A stretch of text; where a line breaks, and a space is meant, stands a gap."""
    parts = _BROKEN.split(raw)
    return [
        Mark(part, "gap") if number % 2 else Text(part, unescape(part)) for number, part in enumerate(parts) if part
    ]


_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'=<>`]+)""")


def attribute_spans(raw: str) -> dict[str, tuple[int, int]]:
    """Where the value of each quoted attribute stands in a start tag, without its quotes; names in lower case."""
    return {
        match[1].lower(): (match.start(2) + 1, match.end(2) - 1)
        for match in _ATTRIBUTE.finditer(raw)
        if match[2][0] in "\"'"
    }


def _inner(raw: str, token: Token, rules: Rules) -> tuple[Inner, ...]:
    wanted = rules.attributes(token)
    spans = attribute_spans(raw) if wanted else {}
    found = [
        Inner(start, end, rules.unescape(raw[start:end]), escape_attribute)
        for start, end in sorted(spans[name] for name in wanted if name in spans)
    ]
    return tuple(each for each in found if any(char.isalpha() for char in each.text))


def escape_attribute(text: str) -> str:
    """A text as it may stand in an attribute, whichever quotes are around it."""
    return html.escape(text, quote=True).replace("&#x27;", "&#39;")
