"""Text with tags in it, as one piece of language: translated whole, the tags put back where their words have gone.

What must not be translated (code, pictures) goes through as `{0}`, `{1}`; where a translation loses one of them, the
stretches between the tags are translated one by one instead, which loses nothing but context.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .align import Alignment, Interval, sentences
from .base import Edit, Work

#: of tags in tags, and of tags in a block; what has more is translated stretch by stretch
MAX_DEPTH, MAX_MARKS = 40, 400


@dataclass(frozen=True)
class Text:
    """Language: as it stands in the file, and as a person reads it."""

    raw: str
    text: str


@dataclass(frozen=True)
class Inner:
    """A text inside a mark, such as an attribute's: where it stands in the mark's raw form, and how it is written."""

    start: int
    end: int
    text: str
    encode: Callable[[str], str] = field(repr=False, default=str)


@dataclass(frozen=True)
class Mark:
    """What stands among language and is not language.

    `open` and `close` enclose words; `void` stands between words; `opaque` stands for a word; `gap` stands for a space.
    """

    raw: str
    kind: Literal["open", "close", "void", "opaque", "gap"]
    inner: tuple[Inner, ...] = ()
    name: str = ""  # what an `open` and its `close` have in common

    def render(self, known: Mapping[str, str]) -> str:
        """As it stands in the file, with the texts inside it translated."""
        raw = self.raw
        for each in reversed(self.inner):
            if known[each.text] != each.text:
                raw = raw[: each.start] + each.encode(known[each.text]) + raw[each.end :]
        return raw


Token = Text | Mark


@dataclass(eq=False)
class _Node:
    """A pair of tags with what it encloses, or a mark alone. `start` and `end` are places in the source text."""

    start: int
    end: int
    open: Mark | None = None
    close: Mark | None = None
    children: list[_Node] = field(default_factory=list)


def _let_stand_alone(node: _Node, parent: _Node) -> None:
    """Take the last child of `parent`, opened here and closed elsewhere, for a mark without an end."""
    parent.children[-1:] = [_Node(node.start, node.start, node.open), *node.children]


class Inline:
    """A stretch of tokens to be translated as one. `encode` writes a text as the file wants it."""

    def __init__(self, tokens: Sequence[Token], encode: Callable[[str], str] = str) -> None:
        self.tokens = tokens
        self.encode = encode
        self._prepare()

    def _prepare(self) -> None:
        words = "".join(token.text for token in self.tokens if isinstance(token, Text))
        numbers = iter(number for number in range(10_000_000) if f"{{{number}}}" not in words)
        self.opaque: dict[str, Mark] = {}
        self._gaps: list[tuple[int, Mark]] = []
        self.source = ""
        self._root = _Node(0, 0)
        stack, depth = [self._root], 0
        for token in self.tokens:
            at = len(self.source)
            if isinstance(token, Text):
                self.source += token.text
            elif token.kind == "opaque":
                name = f"{{{next(numbers)}}}"
                self.opaque[name] = token
                self.source += name
            elif token.kind == "gap":
                self._gaps.append((at, token))
                self.source += " "
            elif token.kind == "open":
                stack[-1].children.append(_Node(at, -1, token))
                stack.append(stack[-1].children[-1])
            elif token.kind == "close" and any(node.open and node.open.name == token.name for node in stack[1:]):
                while stack[-1].open and stack[-1].open.name != token.name:
                    _let_stand_alone(stack.pop(), stack[-1])
                stack[-1].close, stack[-1].end = token, at
                stack.pop()
            else:
                stack[-1].children.append(_Node(at, at, token))
            depth = max(depth, len(stack))
        while len(stack) > 1:
            _let_stand_alone(stack.pop(), stack[-1])
        self._root.end = len(self.source)
        self.is_deep = depth > MAX_DEPTH or len(self.tokens) > 2 * MAX_MARKS
        self._phrases = {} if self.is_deep else self._find_phrases(self._root)

    def _find_phrases(self, node: _Node) -> dict[int, str]:
        """The words each pair encloses, by the pair's identity; none where that is all there is."""
        phrases = {}
        for child in node.children:
            words = self.source[child.start : child.end].strip()
            if child.close and words and words != self.source.strip() and len(words) <= 200:
                phrases[id(child)] = words
            phrases |= self._find_phrases(child)
        return phrases

    @property
    def has_language(self) -> bool:
        """Whether there is a letter to translate, in the text or inside a mark."""
        words = "".join(token.text for token in self.tokens if isinstance(token, Text))
        return any(char.isalpha() for char in words) or any(
            token.inner for token in self.tokens if isinstance(token, Mark)
        )

    def texts(self) -> list[str]:
        """What to ask the translator for first: the sentences, the words in each pair, the texts inside marks."""
        inner = [each.text for token in self.tokens if isinstance(token, Mark) for each in token.inner]
        wanted = [] if self.is_deep else [text for _, text in sentences(self.source)] + list(self._phrases.values())
        return list(dict.fromkeys(wanted + inner))

    def stretches(self) -> list[str]:
        """What to ask for where the whole did not come through: each text between marks."""
        inner = [each.text for token in self.tokens if isinstance(token, Mark) for each in token.inner]
        return list(dict.fromkeys([token.text for token in self.tokens if isinstance(token, Text)] + inner))

    def render_stretches(self, known: Mapping[str, str]) -> str:
        """Each text translated by itself, every mark in its place."""
        return "".join(
            token.render(known)
            if isinstance(token, Mark)
            else self.encode(known[token.text])
            if known[token.text] != token.text
            else token.raw
            for token in self.tokens
        )

    def render(self, known: Mapping[str, str], keep_gaps: bool = True) -> str | None:
        """The translation with every mark in it, near the words it was near; None where it lost what is opaque."""
        if self.is_deep:
            return None
        alignment = Alignment(self.source, known)
        if alignment.target == self.source:
            return self.render_stretches({**known, **{t.text: t.text for t in self.tokens if isinstance(t, Text)}})
        if any(alignment.target.count(name) != 1 for name in self.opaque):
            return None
        special: list[tuple[int, int, Mark]] = []
        for name, mark in self.opaque.items():
            at = alignment.target.index(name)
            special.append((at, at + len(name), mark))
        if keep_gaps:
            special += self._place_gaps(alignment)
        special.sort(key=lambda each: each[0])
        out: list[str] = []
        written: list[Mark] = []
        whole = (0, len(alignment.target))

        def write(start: int, end: int) -> None:
            for at, after, mark in special:
                if start <= at and after <= end:
                    written.append(mark)
                    out.extend([self.encode(alignment.target[start:at]), mark.render(known)])
                    start = after
            out.append(self.encode(alignment.target[start:end]))

        def emit(node: _Node, within: Interval) -> None:
            out.append(node.open.render(known) if node.open else "")
            at = within[0]
            for interval, child in self._arrange(node, within, alignment, known):
                write(at, interval[0])
                emit(child, interval)
                at = interval[1]
            write(at, within[1])
            out.append(node.close.render(known) if node.close else "")

        emit(self._root, whole)
        return "".join(out) if len(written) == len(special) else None

    def _arrange(
        self, node: _Node, within: Interval, alignment: Alignment, known: Mapping[str, str]
    ) -> list[tuple[Interval, _Node]]:
        """An interval of the translation for each child, none overlapping, in the translation's order."""
        placed: dict[int, Interval] = {}
        taken: list[Interval] = []
        pairs = [child for child in node.children if child.close and child.end > child.start]
        for child in sorted(pairs, key=lambda each: each.start - each.end):  # the longest is the surest
            found: Interval | None = None
            if (child.start, child.end) == (node.start, node.end):
                found = within
            elif id(child) in self._phrases:
                phrase = known[self._phrases[id(child)]]
                start = child.start + len(self.source[child.start :]) - len(self.source[child.start :].lstrip())
                end = child.start + len(self.source[child.start : child.end].rstrip())
                found = alignment.locate(start, end, phrase, within, taken)
            if found:
                placed[id(child)] = found
                taken.append(found)
        for child in pairs:
            if id(child) not in placed:
                placed[id(child)] = alignment.proportional_interval(child.start, child.end, within, taken)
                taken.append(placed[id(child)])
        for child in node.children:
            if id(child) in placed:
                continue
            if child.start == node.start and not any(start == within[0] < end for start, end in taken):
                at = within[0]
            elif child.start == node.end:
                at = within[1]
            else:
                at = self._beside(child, node, placed) or alignment.point(child.start, within, taken)
                at = next((end for start, end in taken if start < at < end), at)
            placed[id(child)] = (at, at)
        order = {id(child): number for number, child in enumerate(node.children)}
        return sorted(
            ((placed[id(child)], child) for child in node.children),
            key=lambda each: (each[0][0], each[0][1] > each[0][0], order[id(each[1])]),
        )

    @staticmethod
    def _beside(child: _Node, node: _Node, placed: Mapping[int, Interval]) -> int | None:
        """Where a mark stands that touched a pair: it stays with it, as a footnote's sign stays with its word."""
        for other in node.children:
            if id(other) in placed and other.close and other.end == child.start:
                return placed[id(other)][1]
        return None

    def _place_gaps(self, alignment: Alignment) -> list[tuple[int, int, Mark]]:
        """Each gap takes the place of a space near where it was, in order; one that finds none is left out."""
        spaces = [match.start() for match in re.finditer(" ", alignment.target)]
        placed, last = [], -1
        for at, mark in self._gaps:
            near = alignment.proportional(at)
            best = min((space for space in spaces if space > last), key=lambda space: abs(space - near), default=None)
            if best is not None:
                placed.append((best, best + 1, mark))
                last = best
        return placed


def translate_inline(
    tokens: Sequence[Token], encode: Callable[[str], str] = str
) -> Generator[list[str], list[str], str | None]:
    """Ask for what `tokens` need, and end with what they become as the file writes it; None where nothing changes."""
    inline = Inline(tokens, encode)
    if not inline.has_language:
        return None
    texts = inline.texts()
    known = dict(zip(texts, (yield texts), strict=True))
    new = inline.render(known)
    if new is None:
        texts = inline.stretches()
        new = inline.render_stretches(dict(zip(texts, (yield texts), strict=True)))
    return None if new == "".join(token.raw for token in tokens) else new


def inline_work(start: int, end: int, tokens: Sequence[Token], encode: Callable[[str], str] = str) -> Work:
    """The span `start` to `end`, which is `tokens`, translated as one."""
    new = yield from translate_inline(tokens, encode)
    return [] if new is None else [Edit(start, end, new)]
