"""Gettext's PO and POT: entries without a translation get one; everything else, comments and line breaks included, is kept.

An entry marked fuzzy holds somebody's guess that somebody is to look at: it stays as it is, as obsolete ones do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from ..errors import InputError
from .base import Edit, Job, Work, apply_edits, carry_out, decode

_LINE = re.compile(
    r'[ \t]*(?:(?P<key>msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)[ \t]*)?(?P<text>"(?:[^"\\]|\\.)*")[ \t]*\r?$'
)
_UNESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_CHARSET = re.compile(rb"charset=([A-Za-z0-9._-]+)")
_PLURALS = "nplurals=2; plural=(n != 1);"  # of Hindi, as gettext's own table has it


@dataclass
class _Entry:
    """One message: the texts of its fields, and where each field's quoted strings begin and end."""

    fields: dict[str, str] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def forms(self) -> list[str]:
        return [key for key in self.fields if key.startswith("msgstr")]


def translate_po(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Fill in the untranslated entries of a PO file. InputError naming the line that is none of PO's.

    The header's language, plural forms and character set are filled in where they are still the template's.
    """
    raw = source.read()
    found = _CHARSET.search(raw)
    declared = found[1].decode("ascii").lower() if found else "utf-8"
    text, encoding = decode(raw, job.name, None if declared in ("utf-8", "utf8", "charset") else declared)
    entries = list(_entries(text, job.name))
    edits = carry_out((_message(entry) for entry in entries if entry.fields.get("msgid")), job.translate)
    if edits:
        header = next(
            (entry for entry in entries if entry.fields.get("msgid") == "" and "msgctxt" not in entry.fields), None
        )
        edits += _header(text, header, job) if header else []
        encoding = type(encoding)("utf-8", encoding.mark)
    output.write(encoding.encode(apply_edits(text, edits)))


def _entries(text: str, name: str) -> Iterator[_Entry]:
    entry, key, at = _Entry(), "", 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        match = _LINE.match(line.rstrip("\n"))
        if not line.strip() or line.lstrip().startswith("#"):
            if "msgid" in entry.fields and entry.forms:
                yield entry
                entry, key = _Entry(), ""
        elif match is None:
            raise InputError(
                f"{name}, line {number}: this is no line of a PO file; `msgfmt --check` shows what is wrong"
            )
        else:
            new = match["key"]
            if new and (new in entry.fields or (new in ("msgctxt", "msgid") and entry.forms)):
                yield entry
                entry = _Entry()
            key = new or key
            if not key:
                raise InputError(f"{name}, line {number}: a string that belongs to no msgid or msgstr; mend the file")
            start, end = at + match.start("text"), at + match.end("text")
            entry.fields[key] = entry.fields.get(key, "") + _unquote(match["text"])
            entry.places[key] = (entry.places.get(key, (start, 0))[0], end)
        at += len(line)
    if "msgid" in entry.fields:
        yield entry


def _unquote(raw: str) -> str:
    return re.sub(r"\\(.)", lambda found: _UNESCAPED.get(found[1], found[1]), raw[1:-1], flags=re.S)


def _quote(text: str) -> str:
    """One line where the text is one, otherwise a line for each of its lines, as gettext writes them."""
    for char, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\t", "\\t"), ("\r", "\\r"), ("\n", "\\n\n")):
        text = text.replace(char, escaped)
    lines = text.removesuffix("\n").split("\n")
    return "\n".join(f'"{line}"' for line in (lines if len(lines) == 1 else ["", *lines]))


def _message(entry: _Entry) -> Work:
    if any(entry.fields[form] for form in entry.forms):
        return []
    sources = [entry.fields["msgid"], entry.fields.get("msgid_plural", entry.fields["msgid"])]
    translations = yield sources
    edits = []
    for number, form in enumerate(entry.forms):
        source, new = sources[min(number, 1)], translations[min(number, 1)]
        if new != source:
            edits.append(Edit(*entry.places[form], _quote(_ends_like(source, new))))
    return edits if len(edits) == len(entry.forms) else []


def _ends_like(source: str, new: str) -> str:
    """The translation with the line breaks that the source begins and ends with: gettext asks for that."""
    words = source.strip("\n")
    return (
        source[: source.index(words)] + new.strip("\n") + source[source.index(words) + len(words) :] if words else new
    )


def _header(text: str, header: _Entry, job: Job) -> list[Edit]:
    """What of the header is still the template's, or cannot hold the translation."""
    start, end = header.places.get("msgstr", (0, 0))
    new = text[start:end]
    new = (
        re.sub(r"charset=[A-Za-z0-9._-]+", "charset=UTF-8", new) if not re.search("charset=utf-?8", new, re.I) else new
    )
    new = re.sub(r"(Language:)[ ]*(?=\\n)", rf"\1 {job.tgt_lang}", new)
    if job.tgt_lang == "hi":
        new = re.sub(r"nplurals=INTEGER; plural=EXPRESSION;", _PLURALS, new)
    return [Edit(start, end, new)] if new != text[start:end] else []
