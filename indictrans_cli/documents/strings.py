"""The strings of programs: Java's .properties, Apple's .strings, Android's strings.xml. Keys and comments are copied."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import IO

from ..errors import InputError
from .base import Encoding, Job, Work, decode, line_of, plain_work, translate_spans
from .html import RULES, read_html
from .inline import inline_work
from .markup import Rules, end_of, inline_tokens
from .xml import decode_xml, read_xml

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
_ESCAPED = re.compile(r"\\(?:[uU]([0-9A-Fa-f]{4})|\r?\n[ \t]*|(.))", re.DOTALL)


def _unescape(text: str) -> str:
    """Backslash escapes, as the three formats have them; a line that goes on is joined."""
    return _ESCAPED.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2] or "", found[2] or ""), text
    ).encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # fmt: skip


_PROPERTY = re.compile(
    r"^[ \t\f]*[#!][^\r\n]*"  # a comment, which a backslash does not carry on to the next line
    r"|^[ \t\f]*(?![#!\s])(?:\\.|[^\\\s=:])+[ \t\f]*(?:[=:][ \t\f]*)?((?:\\(?:\r\n|.|\n)|[^\\\r\n])*)",
    re.M | re.S,
)


def translate_properties(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate the values of a .properties file, which is UTF-8 or, as it once had to be, Latin-1.

    Where a file is ASCII alone, Hindi is written as `\\uXXXX`, which every version of Java reads.
    """
    raw = source.read()
    try:
        text, encoding = decode(raw, job.name)
    except InputError:
        text, encoding = raw.decode("latin-1"), Encoding("latin-1")
    is_plain = text.isascii() or encoding.codec == "latin-1"

    def encode(new: str) -> str:
        new = new.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
        new = re.sub(r"^ ", r"\\ ", new)
        return "".join(_unicode(char) if is_plain and not char.isascii() else char for char in new)

    works = (plain_work(*found.span(1), _unescape(found[1]), encode) for found in _PROPERTY.finditer(text) if found[1])
    output.write(encoding.encode(translate_spans(text, works, job)))


def _unicode(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


_APPLE = re.compile(
    r"""(?P<skip>\s+|/\*.*?\*/|//[^\r\n]*)
      | (?:"(?:[^"\\]|\\.)*"|[\w.\-]+)\s*=\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*;""",
    re.VERBOSE | re.DOTALL,
)


def translate_strings(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate the values of Apple's .strings, in UTF-8 or UTF-16. InputError naming the line that is no such pair."""
    text, encoding = decode(source.read(), job.name)
    output.write(encoding.encode(translate_spans(text, _apple(text, job.name), job)))


def _apple(text: str, name: str) -> Iterator[Work]:
    at = 0
    while at < len(text):
        found = _APPLE.match(text, at)
        if found is None:
            raise InputError(f'{name}, line {line_of(text, at)}: expected "key" = "value"; or a comment; mend the file')
        at = found.end()
        if found["value"]:
            yield plain_work(*found.span("value"), _unescape(found["value"]), _apple_escape)


def _apple_escape(text: str) -> str:
    for char, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(char, escaped)
    return text


def _android_unescape(text: str) -> str:
    return _unescape(re.sub(r'(?<!\\)"', "", html.unescape(text)))


def _android_escape(text: str) -> str:
    return html.escape(_android_cdata(text), quote=False)


def _android_cdata(text: str) -> str:
    for char, escaped in (("\\", "\\\\"), ("'", "\\'"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        text = text.replace(char, escaped)
    return re.sub(r"^([@?])", r"\\\1", text)


#: a text in double quotes, which keep the spaces at its ends and those in a row
_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)

_ANDROID = Rules(frozenset(), opaque=frozenset(["xliff:g"]), unescape=_android_unescape, escape=_android_escape)
_ANDROID_CDATA = Rules(RULES.inline, RULES.skipped, RULES.opaque, RULES.empty, unescape=_android_unescape)


def translate_android(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate Android's string resources: strings, plurals and arrays, save those with `translatable="false"`.

    InputError where the file is not well-formed.
    """
    text, encoding = decode_xml(source.read(), job.name)
    new = translate_spans(text, _android(text, job.name), job)
    output.write(encoding.encode(new, "xmlcharrefreplace"))


def _android(text: str, name: str) -> Iterator[Work]:
    tokens = read_xml(text, name)
    index = 0
    while index < len(tokens):
        token = tokens[index]
        last = index
        if token.kind == "start" and token.attributes.get("translatable") == "false":
            last = end_of(tokens, index)
        elif token.kind == "start" and token.name in ("string", "item"):
            last = end_of(tokens, index)
            inside = tokens[index + 1 : last]
            words = "".join(text[each.start : each.end] for each in inside)
            if words.strip() and not re.match(r"\s*[@?][\w.:+]*/?\w+\s*$", words):
                while inside and inside[0].kind == "text" and not text[inside[0].start : inside[0].end].strip():
                    inside = inside[1:]
                if [each.kind for each in inside] == ["cdata"]:
                    start, end = inside[0].start + len("<![CDATA["), inside[0].end - len("]]>")
                    pieces = inline_tokens(text[start:end], read_html(text[start:end]), _ANDROID_CDATA)
                    is_html = re.search(r"&#?\w+;|</?[A-Za-z]", text[start:end])
                    yield inline_work(start, end, pieces, _android_escape if is_html else _android_cdata)
                elif len(inside) == 1 and (quoted := _QUOTED.fullmatch(text, inside[0].start, inside[0].end)):
                    said = quoted[1].strip()
                    start = text.index(said, quoted.start(1))
                    yield plain_work(start, start + len(said), _android_unescape(said), _android_escape)
                elif inside:
                    yield inline_work(
                        inside[0].start, inside[-1].end, inline_tokens(text, inside, _ANDROID), _android_escape
                    )
        index = last + 1
