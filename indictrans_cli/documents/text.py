"""Plain text, line by line, in constant memory. Line ends come back as they were, the last one included."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from .base import Job

#: texts that are handed to the translator together: enough to fill batches, few enough to be held in memory
TEXTS_AT_ONCE = 512


def read_lines(stream: IO[bytes], name: str) -> Iterator[tuple[str, str]]:
    """Each line's text and its end ("\\n", "\\r\\n", or "" for a last line without one).

    InputError naming the line that is not UTF-8. A byte order mark is dropped.
    """
    for number, raw in enumerate(stream, 1):
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}, line {number}: byte {error.start + 1} (0x{raw[error.start]:02x}) is not UTF-8; convert the text, "
                f"for example with: iconv -f latin1 -t utf-8"
            ) from error
        text = line.rstrip("\r\n")
        yield text, line[len(text) :]


def translate_text(
    stream: IO[bytes], name: str, translate: Callable[[list[str]], list[str]], lines_at_once: int = TEXTS_AT_ONCE
) -> Iterator[str]:
    """The translated lines, each with its own line end, in order; `translate` gets up to `lines_at_once` lines."""
    lines = read_lines(stream, name)
    while chunk := list(itertools.islice(lines, lines_at_once)):
        for text, (_, end) in zip(translate([text for text, _ in chunk]), chunk, strict=True):
            yield text + end


def translate_lines(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Plain text as a format among the others."""
    for line in translate_text(source, job.name, job.translate):
        output.write(line.encode("utf-8", "replace"))
