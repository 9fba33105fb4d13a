"""HTML and XHTML: blocks of text are translated, tags stay near their words, everything else is copied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import IO

from .base import Edit, Job, apply_edits, carry_out, decode, line_starts
from .markup import Rules, Token, attribute_spans, block_works
from .xml import decode_xml, read_xml

_INLINE = frozenset(
    """a abbr acronym b bdi bdo big cite del dfn em font i img ins label mark q rp rt ruby s small span strike strong sub
    sup time tt u wbr data""".split()
)
_OPAQUE = frozenset("code kbd samp var math svg img audio video canvas object".split())
_SKIPPED = frozenset("script style pre textarea noscript template iframe xmp".split())
_EMPTY = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_SPOKEN = ("alt", "title", "placeholder", "aria-label", "summary")


def _attributes(token: Token) -> Sequence[str]:
    """The attributes of a tag that a person reads."""
    names = [name for name in _SPOKEN if name in token.attributes]
    described = token.attributes.get("name", token.attributes.get("property", "")).lower()
    if token.name == "meta" and described in ("description", "og:title", "og:description", "twitter:title"):
        names.append("content")
    kind = token.attributes.get("type", "").lower()
    if token.name == "input" and kind in ("submit", "button", "reset"):
        names.append("value")
    return names


def _is_kept(token: Token) -> bool:
    return (
        token.attributes.get("translate", "").lower() == "no"
        or "notranslate" in token.attributes.get("class", "").split()
    )


RULES = Rules(_INLINE, _SKIPPED, _OPAQUE, _EMPTY, _attributes, _is_kept)


class _Reader(HTMLParser):
    """Python's own HTML parser, noting where each token begins."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self._starts = line_starts(text)
        self.events: list[tuple[int, str, str, dict[str, str]]] = []

    def note(self, kind: str, name: str = "", attributes: Sequence[tuple[str, str | None]] = ()) -> None:
        line, column = self.getpos()
        values = {key: value or "" for key, value in attributes}
        self.events.append((self._starts[line - 1] + column, kind, name, values))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.note("start", tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.note("empty", tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.note("end", tag)

    def handle_data(self, data: str) -> None:
        self.note("text")

    def handle_entityref(self, name: str) -> None:
        self.note("text")

    def handle_charref(self, name: str) -> None:
        self.note("text")

    def handle_comment(self, data: str) -> None:
        self.note("other")

    def handle_decl(self, decl: str) -> None:
        self.note("other")

    def handle_pi(self, data: str) -> None:
        self.note("other")

    def unknown_decl(self, data: str) -> None:
        self.note("other")


def read_html(text: str) -> list[Token]:
    """The tokens of an HTML text, however broken, in order and without gaps between them."""
    reader = _Reader(text)
    reader.feed(text)
    reader.close()
    tokens: list[Token] = []
    ends = [*(event[0] for event in reader.events[1:]), len(text)]
    for (start, kind, name, attributes), end in zip(reader.events, ends, strict=False):
        if kind == "text" and tokens and tokens[-1].kind == "text" and tokens[-1].end == start:
            tokens[-1] = Token("text", "", tokens[-1].start, end)
        elif end > start:
            tokens.append(Token(kind, name, start, end, attributes))  # type: ignore[arg-type]
    return tokens


_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?([A-Za-z0-9._-]+)""", re.IGNORECASE)


def translate_html(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate a page. InputError where its bytes are not in the encoding it declares (UTF-8 where it declares none)."""
    raw = source.read()
    found = _CHARSET.search(raw[:4096])
    declared = found[1].decode("ascii").lower() if found else None
    if raw.lstrip()[:5] == b"<?xml" and found is None:
        text, encoding = decode_xml(raw, job.name)
    else:
        text, encoding = decode(raw, job.name, None if declared in ("utf-8", "utf8") else declared)
    new = translate_page(text, read_html(text), job)
    output.write(encoding.encode(new, "xmlcharrefreplace"))


def translate_xhtml(raw: bytes, job: Job) -> bytes:
    """Translate a page of an e-book. InputError where it is not well-formed."""
    text, encoding = decode_xml(raw, job.name)
    new = translate_page(text, read_xml(text, job.name), job)
    return encoding.encode(new, "xmlcharrefreplace")


def translate_page(text: str, tokens: Sequence[Token], job: Job) -> str:
    """The text of a page, translated; its language is then said to be the target's."""
    edits = carry_out(block_works(text, tokens, RULES), job.translate)
    return apply_edits(text, edits + language_edits(text, tokens, "html", job)) if edits else text


def language_edits(text: str, tokens: Sequence[Token], element: str, job: Job) -> list[Edit]:
    """What makes `lang` and `xml:lang` of an element name the target language, where they name the source's."""
    edits = []
    for token in tokens:
        if token.kind != "start" or token.name != element:
            continue
        for name, (start, end) in attribute_spans(text[token.start : token.end]).items():
            value = text[token.start + start : token.start + end]
            if name in ("lang", "xml:lang") and value.lower().partition("-")[0] == job.src_lang:
                edits.append(Edit(token.start + start, token.start + end, job.tgt_lang))
    return edits
