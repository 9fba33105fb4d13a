"""What a document format is, and the one idea behind all of them: a file is its text with a few spans replaced.

A reader finds the spans that hold language and says for each what to translate; everything between the spans is copied.
So what is not translated comes back byte for byte, and a file whose translation equals its text is the same file.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..errors import InputError
from .text import TEXTS_AT_ONCE

Translate = Callable[[list[str]], list[str]]


@dataclass(frozen=True)
class Job:
    """What a format is given besides the file: its name for messages, the translator, languages, columns."""

    name: str
    translate: Translate
    src_lang: str = "en"
    tgt_lang: str = "hi"
    columns: tuple[str, ...] = ()

    def within(self, part: str) -> Job:
        """The same for a part of a package, which messages then name."""
        return replace(self, name=f"{self.name}, {part}")


class Edit(NamedTuple):
    """Characters `start` to `end` of a text are to become `text`."""

    start: int
    end: int
    text: str


#: Asks for translations by yielding texts, is sent them, and ends with its edits. It may ask again.
Work = Generator[list[str], list[str], list[Edit]]


def plain_work(start: int, end: int, text: str, encode: Callable[[str], str]) -> Work:
    """A span that holds one text and nothing else; `encode` writes a translation as the format wants it."""
    [translation] = yield [text]
    return [] if translation == text else [Edit(start, end, encode(translation))]


def carry_out(works: Iterable[Work], translate: Translate) -> list[Edit]:
    """Run all works, their texts in batches of TEXTS_AT_ONCE, round by round; the edits they end with, in order."""
    edits: list[Edit] = []
    asked: list[tuple[Work, list[str]]] = []
    for work in works:
        try:
            asked.append((work, next(work)))
        except StopIteration as done:
            edits += done.value
    while asked:
        answers = translate_all((text for _, texts in asked for text in texts), translate)
        again = []
        for work, texts in asked:
            try:
                again.append((work, work.send(list(itertools.islice(answers, len(texts))))))
            except StopIteration as done:
                edits += done.value
        asked = again
    return sorted(edits)


def translate_all(texts: Iterable[str], translate: Translate) -> Iterator[str]:
    """The translations of any number of texts, TEXTS_AT_ONCE at a time; blank ones are not asked for."""
    texts = iter(texts)
    while chunk := list(itertools.islice(texts, TEXTS_AT_ONCE)):
        wanted = [text for text in chunk if text.strip()]
        translations = iter(translate(wanted) if wanted else [])
        yield from (next(translations) if text.strip() else text for text in chunk)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """`text` with its edits made. They must not overlap."""
    parts, done = [], 0
    for start, end, new in sorted(edits):
        assert start >= done, f"two edits overlap at {start}"
        parts += [text[done:start], new]
        done = end
    return "".join([*parts, text[done:]])


def translate_spans(text: str, works: Iterable[Work], job: Job) -> str:
    """`text` with the spans of `works` translated."""
    return apply_edits(text, carry_out(works, job.translate))


@dataclass(frozen=True)
class Encoding:
    """How a text was written as bytes."""

    codec: str = "utf-8"
    mark: bytes = b""  # the byte order mark, if there was one

    def encode(self, text: str, errors: str = "strict") -> bytes:
        """The bytes of `text`; `errors` as in `str.encode`."""
        return self.mark + text.encode(self.codec, errors)


_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


_NO_CHARSETS = frozenset(["idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"])


def decode(raw: bytes, name: str, declared: str | None = None) -> tuple[str, Encoding]:
    """The text of a file and how it was encoded: by its byte order mark, as `declared` inside it, or UTF-8.

    InputError naming the line and the byte that is not in that encoding.
    """
    encoding = Encoding(declared or "utf-8")
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            encoding = Encoding(codec, mark)
    try:
        if codecs.lookup(encoding.codec).name in _NO_CHARSETS:
            raise LookupError(encoding.codec)
        return raw[len(encoding.mark) :].decode(encoding.codec), encoding
    except LookupError as error:
        raise InputError(f"{name}: it declares the encoding '{encoding.codec}', which is not known") from error
    except UnicodeDecodeError as error:
        start = error.start + len(encoding.mark)
        line = raw.count(b"\n", 0, start) + 1
        shown = "UTF-8" if encoding.codec == "utf-8" else encoding.codec
        column = start - (raw.rfind(b"\n", 0, start) + 1) + 1
        raise InputError(
            f"{name}, line {line}: byte {column} (0x{raw[start]:02x}) is not {shown}; convert the text, "
            f"for example with: iconv -f latin1 -t utf-8"
        ) from error
    except UnicodeError as error:
        raise InputError(f"{name}: it cannot be read as {encoding.codec} ({error}); convert the text") from error


def line_of(text: str, position: int) -> int:
    """The number of the line, from 1, that the character at `position` stands in."""
    return text.count("\n", 0, position) + 1


def line_starts(text: str) -> list[int]:
    """Where each line of `text` begins, and its end."""
    return [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
