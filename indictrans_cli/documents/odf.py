"""OpenDocument texts, sheets and slides: each paragraph is translated, its spans stay with their words.

The names of elements are those of OpenDocument 1.3; prefixes are the usual ones, which every writer uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

from ..errors import InputError
from .base import Job, Work, apply_edits, carry_out
from .markup import Rules, Token, block_works, end_of
from .package import open_package, read_part, rewrite_package
from .xml import decode_xml, read_xml

_PARAGRAPHS = frozenset("text:p text:h svg:title svg:desc".split())
_INLINE = frozenset(
    """text:span text:a text:s text:bookmark text:bookmark-start text:bookmark-end text:soft-page-break text:meta
    text:reference-mark text:reference-mark-start text:reference-mark-end text:ruby text:ruby-base
    office:annotation-end text:change text:change-start text:change-end text:toc-mark text:alphabetical-index-mark""".split()
)
#: fields, whose text the program writes itself
_OPAQUE = frozenset(
    """text:page-number text:page-count text:date text:time text:author-name text:author-initials text:sequence
    text:bookmark-ref text:reference-ref text:note-ref text:sequence-ref text:chapter text:file-name text:variable-get
    text:variable-set text:user-field-get text:expression text:sheet-name text:placeholder text:ruby-text
    presentation:date-time presentation:header presentation:footer text:database-display text:title""".split()
)
_SKIPPED = frozenset(["dc:creator", "dc:date", "meta:creator-initials", "text:note-citation", "text:tracked-changes"])


def _is_kept(token: Token) -> bool:
    """A cell whose text shows a number, a date, or what a formula gives."""
    return token.name in ("table:table-cell", "table:covered-table-cell") and (
        token.attributes.get("office:value-type", "string") != "string" or "table:formula" in token.attributes
    )


_RULES = Rules(_INLINE, _SKIPPED, _OPAQUE, is_kept=_is_kept)


def translate_odf(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate an OpenDocument file: its content, and the headers and footers in its styles.

    InputError as `open_package` says, and where the document is encrypted.
    """
    with open_package(source, job.name) as package:
        if b"encryption-data" in read_part(package, "META-INF/manifest.xml", job.name):
            raise InputError(f"{job.name} is protected by a password; save a copy without one")
        read_part(package, "content.xml", job.name)
        parts = [name for name in package.namelist() if name.rpartition("/")[2] in ("content.xml", "styles.xml")]
        rewrite_package(package, output, job.name, parts, lambda raw, part: _translate_part(raw, job.within(part)))


def _translate_part(raw: bytes, job: Job) -> bytes:
    text, encoding = decode_xml(raw, job.name)
    edits = carry_out(_works(text, read_xml(text, job.name, allow_doctype=False)), job.translate)
    return encoding.encode(apply_edits(text, edits), "xmlcharrefreplace") if edits else raw


def _works(text: str, tokens: Sequence[Token]) -> Iterator[Work]:
    """The works of each outermost paragraph; those inside it, of notes and frames, are among them."""
    index = 0
    while index < len(tokens):
        last = index
        token = tokens[index]
        if token.kind == "start" and (token.name in _SKIPPED or _is_kept(token)):
            last = end_of(tokens, index)
        elif token.kind == "start" and token.name in _PARAGRAPHS:
            last = end_of(tokens, index)
            yield from block_works(text, tokens[index : last + 1], _RULES)
        index = last + 1
