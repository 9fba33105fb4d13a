"""E-books: each chapter as a page of XHTML, the table of contents, and the title; all else in the book is copied."""

from __future__ import annotations

import html
import itertools
import posixpath
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import IO

from ..errors import InputError
from .base import Edit, Job, Work, apply_edits, carry_out, plain_work
from .html import language_edits, translate_xhtml
from .markup import Token, end_of
from .package import open_package, read_part, rewrite_package
from .xml import decode_xml, read_xml

_CONTAINER = "META-INF/container.xml"
_PAGES = ("application/xhtml+xml", "text/html")
_CONTENTS = "application/x-dtbncx+xml"


def translate_epub(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate an EPUB 2 or 3. InputError as `open_package` says, and where a part of the book is encrypted (DRM)."""
    with open_package(source, job.name) as package:
        books = [
            token.attributes.get("full-path", "")
            for token in _tokens(read_part(package, _CONTAINER, job.name), job.within(_CONTAINER))[1]
            if _local(token) == "rootfile"
        ]
        if not books:
            raise InputError(f"{job.name}: '{_CONTAINER}' names no book; the file is damaged")
        kinds: dict[str, str] = {}
        for book in books:
            kinds[book] = "book"
            for token in _tokens(read_part(package, book, job.name), job.within(book))[1]:
                if _local(token) == "item" and token.attributes.get("media-type") in (*_PAGES, _CONTENTS):
                    path = urllib.parse.unquote(token.attributes.get("href", ""))
                    kinds[posixpath.normpath(posixpath.join(posixpath.dirname(book), path))] = token.attributes[
                        "media-type"
                    ]
        if "META-INF/encryption.xml" in package.namelist():
            locked = _encrypted(read_part(package, "META-INF/encryption.xml", job.name), job)
            if locked & set(kinds):
                raise InputError(f"{job.name} is encrypted (DRM) and cannot be translated; use a copy that is not")

        def rewrite(raw: bytes, part: str) -> bytes:
            within = job.within(part)
            if kinds[part] in _PAGES:
                return translate_xhtml(raw, within)
            return _translate_names(raw, within, kinds[part])

        rewrite_package(package, output, job.name, kinds, rewrite)


def _local(token: Token) -> str:
    return token.name.rpartition(":")[2]


def _tokens(raw: bytes, job: Job) -> tuple[str, list[Token]]:
    text, _ = decode_xml(raw, job.name)
    return text, read_xml(text, job.name)


def _encrypted(raw: bytes, job: Job) -> set[str]:
    tokens = _tokens(raw, job.within("META-INF/encryption.xml"))[1]
    return {
        urllib.parse.unquote(token.attributes.get("URI", "")) for token in tokens if _local(token) == "CipherReference"
    }


def _translate_names(raw: bytes, job: Job, kind: str) -> bytes:
    """The book's title and description, or the lines of an old table of contents."""
    text, encoding = decode_xml(raw, job.name)
    tokens = read_xml(text, job.name)
    wanted = ("title", "description") if kind == "book" else ("text",)
    edits = carry_out(_works(text, tokens, wanted), job.translate)
    if not edits:
        return raw
    if kind == "book":
        edits += _language(text, tokens, job)
    edits += language_edits(text, tokens, "package" if kind == "book" else "ncx", job)
    return encoding.encode(apply_edits(text, edits), "xmlcharrefreplace")


def _works(text: str, tokens: Sequence[Token], names: Sequence[str]) -> Iterator[Work]:
    for token, content in itertools.pairwise(tokens):
        if token.kind == "start" and _local(token) in names and content.kind == "text":
            words = html.unescape(text[content.start : content.end])
            if words.strip() and "\n" not in words.strip():
                yield plain_work(content.start, content.end, words, lambda new: html.escape(new, quote=False))


def _language(text: str, tokens: Sequence[Token], job: Job) -> list[Edit]:
    """The language of the book, where it is the source's."""
    for index, token in enumerate(tokens):
        if token.kind == "start" and token.name == "dc:language":
            end = tokens[end_of(tokens, index)].start
            if text[token.end : end].strip().lower().partition("-")[0] == job.src_lang:
                return [Edit(token.end, end, job.tgt_lang)]
    return []
