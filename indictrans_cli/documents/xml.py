"""XML to tokens with their places, read by expat. No entity is ever expanded and nothing outside the file is read."""

from __future__ import annotations

import re
import xml.parsers.expat as expat

from ..errors import InputError
from .base import Encoding, decode
from .markup import Token

MAX_TOKENS = 5_000_000  # tags and texts of a file: they are held in memory

_DECLARATION = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


def decode_xml(raw: bytes, name: str) -> tuple[str, Encoding]:
    """The text of an XML file, by its byte order mark or its declaration. InputError as from `decode`."""
    found = _DECLARATION.match(raw[:200])
    declared = found[1].decode("ascii").lower() if found else None
    return decode(raw, name, None if declared in ("utf-8", "utf8") else declared)


def read_xml(text: str, name: str, allow_doctype: bool = True) -> list[Token]:
    """The tokens of an XML text, in order and without gaps between them.

    Text tokens are maximal: references such as `&amp;` are part of them. InputError where it is not well-formed, naming
    line and column, and where it has a document type and may not.
    """
    return _Reader(text, name, allow_doctype).tokens()


class _Reader:
    def __init__(self, text: str, name: str, allow_doctype: bool) -> None:
        self._text, self._name, self._allow_doctype = text, name, allow_doctype
        self._raw = text.encode("utf-8", "surrogatepass")
        self._events: list[tuple[int, str, str, dict[str, str]]] = []
        self._byte = self._char = 0
        self._in_cdata = False
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = False
        # with a default handler set, references to entities are handed over as they stand
        parser.DefaultHandler = lambda data: self._add("other")
        parser.StartElementHandler = lambda tag, attributes: self._add("start", tag, attributes)
        parser.EndElementHandler = lambda tag: self._add("end", tag)
        parser.CharacterDataHandler = lambda data: None if self._in_cdata else self._add("text")
        parser.SkippedEntityHandler = lambda entity, is_parameter: self._add("other" if is_parameter else "text")
        parser.CommentHandler = lambda data: self._add("other")
        parser.ProcessingInstructionHandler = lambda target, data: self._add("other")
        parser.StartCdataSectionHandler = self._start_cdata
        parser.EndCdataSectionHandler = self._end_cdata
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser

    def tokens(self) -> list[Token]:
        try:
            self._parser.Parse(self._raw, True)
        except expat.ExpatError as error:
            raise InputError(
                f"{self._name}, line {error.lineno}, column {error.offset + 1}: this is not well-formed XML "
                f"({expat.ErrorString(error.code)}); mend the file and try again"
            ) from error
        tokens: list[Token] = []
        ends = [event[0] for event in self._events[1:]] + [len(self._text)]
        for (start, kind, name, attributes), end in zip(self._events, ends, strict=True):
            if kind == "start" and self._text[end - 2 : end] == "/>":
                kind = "empty"
            if kind == "end" and start == end:
                continue  # of <a/>, which is one token
            if kind == "end":  # expat names where the tag starts; what follows may be at its end
                end = self._text.index(">", start) + 1
            if kind in ("text", "other") and tokens and tokens[-1].kind == kind and tokens[-1].end == start:
                tokens[-1] = Token(kind, "", tokens[-1].start, end)
            else:
                tokens.append(Token(kind, name, start, end, attributes))  # type: ignore[arg-type]
        return tokens

    def _add(self, kind: str, name: str = "", attributes: dict[str, str] | None = None) -> None:
        if kind in ("text", "other") and self._events and self._events[-1][1] == kind:
            return  # one token with what is before it
        if len(self._events) >= MAX_TOKENS:
            raise InputError(f"{self._name}: it holds more than {MAX_TOKENS:,} tags and texts; split the document")
        index = self._parser.CurrentByteIndex
        self._char += len(self._raw[self._byte : index].decode("utf-8", "surrogatepass"))
        self._byte = index
        self._events.append((self._char, kind, name, attributes or {}))

    def _start_cdata(self) -> None:
        self._add("cdata")
        self._in_cdata = True

    def _end_cdata(self) -> None:
        self._in_cdata = False

    def _doctype(self, *declared: object) -> None:
        if not self._allow_doctype:
            raise InputError(f"{self._name}: it has a document type declaration, which such a file never has; refused")
        self._add("other")
