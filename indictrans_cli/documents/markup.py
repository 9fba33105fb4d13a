"""Tags and texts of HTML or XML to blocks of language: the part the two have in common.

A reader (`html`, `xml`) gives tokens with their places; `Rules` say which names are inline, which are skipped and which
attributes hold language. Everything between two block tags is one block.
"""

from __future__ import annotations

import html
import re
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


def end_of(tokens: Sequence[Token], index: int, empty: frozenset[str] = frozenset()) -> int:
    """The index of the end tag of the element that begins at `index`; the last token's where there is none."""
    depth = 0
    for place in range(index, len(tokens)):
        token = tokens[place]
        if token.name == tokens[index].name and token.name not in empty:
            depth += {"start": 1, "end": -1}.get(token.kind, 0)
        if depth <= 0:
            return place
    return len(tokens) - 1


def block_works(source: str, tokens: Sequence[Token], rules: Rules) -> Iterator[Work]:
    """A work for each block of language."""
    block: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        last = index
        if _is_closed_off(token, rules):
            last = end_of(tokens, index, rules.empty)
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
    index = 0
    while index < len(tokens):
        token = tokens[index]
        raw = source[token.start : token.end]
        last = index
        if _is_closed_off(token, rules):
            last = end_of(tokens, index, rules.empty)
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
