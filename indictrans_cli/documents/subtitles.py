"""Subtitles: SubRip, WebVTT and (Advanced) SubStation Alpha. Timing, styles and positions are copied.

The lines of a cue are one text; its translation is broken anew into lines no longer than 42 characters, the usual limit,
or than the cue's own lines were.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import IO

from ..errors import InputError
from .base import Edit, Job, Work, decode, translate_spans
from .inline import Inline, Mark, Text, Token

LINE_LENGTH = 42  # characters: the limit of most style guides for subtitles

_TIMING = re.compile(r"[ \t]*(?:\d+:)?\d+:\d+[,.]\d+[ \t]*-->[ \t]*(?:\d+:)?\d+:\d+[,.]\d+")
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z]+)[^<>]*>|<\d+:[\d:.]+>|\{[^{}]*\}")
_ASS_TAG = re.compile(r"\{[^{}]*\}|\\N|\\n|\\h")
_SWITCH = re.compile(r"\{\\([bius])([01])\}")  # bold, italic, underline, strike-out: on and off
_SPEAKER = re.compile(r"\s*[-–—]\s?(?=\S)")


def translate_srt(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate SubRip subtitles. InputError where they are not UTF-8 or UTF-16, or hold no cue."""
    _translate(source, output, job, str, str)


def translate_vtt(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate WebVTT subtitles; notes, styles and regions are copied. InputError as for SubRip."""
    _translate(source, output, job, html.unescape, lambda text: html.escape(text, quote=False))


def _translate(
    source: IO[bytes], output: IO[bytes], job: Job, unescape: Callable[[str], str], escape: Callable[[str], str]
) -> None:
    text, encoding = decode(source.read(), job.name)
    if (
        text.strip()
        and not text.startswith("WEBVTT")
        and not any(_TIMING.match(line) for line in re.split(r"[\r\n]+", text))
    ):
        raise InputError(
            f"{job.name}: no line holds a cue's times (00:00:01,000 --> 00:00:02,000); is it another format?"
        )
    output.write(encoding.encode(translate_spans(text, _cues(text, unescape, escape), job)))


def _cues(text: str, unescape: Callable[[str], str], escape: Callable[[str], str]) -> Iterator[Work]:
    lines: list[tuple[int, int]] = []
    inside = False
    newline = "\r\n" if "\r\n" in text else "\n"
    for match in _LINE.finditer(text):
        line = match[1]
        if inside and line.strip():
            lines.append(match.span(1))
            if _TIMING.match(line):  # the blank line before this cue is missing: its number is no text
                lines = lines[: -2 if len(lines) > 1 and text[slice(*lines[-2])].strip().isdigit() else -1]
                yield from _cue(text, lines, newline, unescape, escape)
                lines = []
            continue
        yield from _cue(text, lines, newline, unescape, escape)
        lines, inside = [], bool(_TIMING.match(line))
        if not match[2]:
            break


def _cue(
    text: str, lines: list[tuple[int, int]], newline: str, unescape: Callable[[str], str], escape: Callable[[str], str]
) -> Iterator[Work]:
    """A work for each speaker of a cue: lines that begin with a dash are other people's."""
    begins = [bool(_SPEAKER.match(text[start:end])) for start, end in lines]
    group: list[tuple[int, int]] = []
    for index, (start, end) in enumerate(lines):
        if begins[index] and (begins[0] or index > 0):
            yield from _spoken(text, group, newline, unescape, escape)
            dash = _SPEAKER.match(text[start:end])
            group = [(start + (dash.end() if dash else 0), end)]
        else:
            group.append((start, end))
    yield from _spoken(text, group, newline, unescape, escape)


def _spoken(
    text: str, lines: list[tuple[int, int]], newline: str, unescape: Callable[[str], str], escape: Callable[[str], str]
) -> Iterator[Work]:
    if not lines:
        return
    tokens: list[Token] = []
    for number, (start, end) in enumerate(lines):
        if number:
            tokens.append(Mark(newline, "gap"))
        tokens += _tokens(text[start:end], unescape)
    longest = max(shown_length(text[start:end]) for start, end in lines)
    yield _wrapped(lines[0][0], lines[-1][1], tokens, escape, newline, max(LINE_LENGTH, longest))


def _tokens(line: str, unescape: Callable[[str], str]) -> Iterator[Token]:
    at = 0
    for match in _TAG.finditer(line):
        if match.start() > at:
            yield Text(line[at : match.start()], unescape(line[at : match.start()]))
        name = match["name"] or ""
        kind = "void" if not name or name == "v" else "close" if match["end"] else "open"
        yield Mark(match[0], kind, name=name)  # type: ignore[arg-type]
        at = match.end()
    if at < len(line):
        yield Text(line[at:], unescape(line[at:]))


def _wrapped(start: int, end: int, tokens: list[Token], escape: Callable[[str], str], newline: str, limit: int) -> Work:
    inline = Inline(tokens, escape)
    if not inline.has_language:
        return []
    texts = inline.texts()
    known = dict(zip(texts, (yield texts), strict=True))
    if all(known[each] == each for each in texts):
        return []
    new = inline.render(known, keep_gaps=False) or inline.render_stretches(known)
    return [Edit(start, end, newline.join(wrap(new, limit)))]


def shown_length(text: str) -> int:
    """How many characters of a line are seen: without tags, and without signs that stand above or below a letter."""
    return sum(unicodedata.category(char) not in ("Mn", "Cf") for char in html.unescape(_TAG.sub("", text)))


def wrap(text: str, limit: int) -> list[str]:
    """`text` in as few lines of at most `limit` characters as it takes, of about equal length. Tags are not broken."""
    words = re.findall(r"(?:<[^<>]*>|\{[^{}]*\}|\S)+", text)
    lengths = [shown_length(word) for word in words]
    best = _fill(words, lengths, limit)
    low = max([*lengths, 1])
    for width in range(low, limit):
        lines = _fill(words, lengths, width)
        if len(lines) == len(best):
            return lines
    return best


def _fill(words: list[str], lengths: list[int], width: int) -> list[str]:
    lines: list[list[str]] = []
    room = -1
    for word, length in zip(words, lengths, strict=True):
        if lines and length + 1 <= room:
            lines[-1].append(word)
            room -= length + 1
        else:
            lines.append([word])
            room = width - length
    return [" ".join(line) for line in lines]


def translate_ass(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate SubStation Alpha subtitles: the text of dialogue lines. InputError where there are no events."""
    text, encoding = decode(source.read(), job.name)
    if text.strip() and "[events]" not in text.lower():
        raise InputError(f"{job.name}: it has no [Events] section; is it of another format?")
    output.write(encoding.encode(translate_spans(text, _events(text), job)))


def _events(text: str) -> Iterator[Work]:
    commas, inside = 9, False
    for match in re.finditer(r"[^\r\n]+", text):
        line = match[0]
        if line.lstrip().startswith("["):
            inside = line.strip().lower() == "[events]"
        elif inside and line.lower().startswith("format:"):
            commas = line.count(",")
        elif inside and line.lower().startswith("dialogue:"):
            parts = line.split(",", commas)
            drawn = re.search(r"\{[^{}]*\\p[1-9]", parts[-1])
            if len(parts) == commas + 1 and not drawn:
                start = match.end() - len(parts[-1])
                yield from _dialogue(text, start, match.end())


def _dialogue(text: str, start: int, end: int) -> Iterator[Work]:
    raw = text[start:end]
    tokens: list[Token] = []
    at = 0
    for match in _ASS_TAG.finditer(raw):
        if match.start() > at:
            tokens.append(Text(raw[at : match.start()], raw[at : match.start()]))
        switch = _SWITCH.fullmatch(match[0])
        if match[0] == "\\h":
            tokens.append(Text("\\h", "\u00a0"))
        elif switch:
            tokens.append(Mark(match[0], "open" if switch[2] == "1" else "close", name=switch[1]))
        else:
            tokens.append(Mark(match[0], "gap" if match[0][0] == "\\" else "void"))
        at = match.end()
    tokens.append(Text(raw[at:], raw[at:]))
    longest = max(shown_length(line) for line in re.split(r"\\N", raw))
    limit = max(LINE_LENGTH, longest) if "\\N" in raw else len(raw) * 10  # the player breaks what is one line
    yield _wrapped(start, end, tokens, lambda new: new.replace("\u00a0", "\\h"), "\\N", limit)
