"""Word, PowerPoint and Excel files: the text of each paragraph or cell, laid back into the runs it had.

Only the characters of text elements change, so styles, fields, pictures, formulas and everything else in the package are
what they were. ECMA-376 names the elements.
"""

from __future__ import annotations

import fnmatch
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from .base import Edit, Job, Work, apply_edits, carry_out
from .markup import Token, end_of
from .package import open_package, read_part, rewrite_package
from .runs import Place, Run, runs_work
from .xml import decode_xml, read_xml


@dataclass(frozen=True)
class _Dialect:
    """How one of the three names its parts and elements (local names, as prefixes are the file's own choice)."""

    parts: tuple[str, ...]
    paragraph: frozenset[str]
    run: frozenset[str]
    properties: str
    breaks: frozenset[str]  # elements in a run that end a stretch of text
    skipped: frozenset[str]  # elements whose text is not language


_WORD = _Dialect(
    ("word/document*.xml", "word/header*.xml", "word/footer*.xml", "word/footnotes.xml", "word/endnotes.xml",
     "word/comments.xml", "word/glossary/document.xml"),
    frozenset("p"), frozenset("r"), "rPr",
    frozenset("br cr tab ptab drawing pict object footnoteReference endnoteReference sym fldChar AlternateContent".split()),
    frozenset("instrText delText delInstrText del moveFrom oMath oMathPara".split()),
)  # fmt: skip
_SLIDES = _Dialect(
    ("ppt/slides/slide*.xml", "ppt/notesSlides/notesSlide*.xml", "ppt/diagrams/data*.xml", "ppt/diagrams/drawing*.xml",
     "ppt/comments/*.xml"),
    frozenset("p"), frozenset("r"), "rPr", frozenset(["br"]), frozenset(["fld", "oMath", "oMathPara"]),
)  # fmt: skip
_SHEETS = _Dialect(
    ("xl/sharedStrings.xml", "xl/worksheets/sheet*.xml", "xl/comments*.xml", "xl/drawings/drawing*.xml"),
    frozenset(["si", "is", "text", "p"]), frozenset("r"), "rPr", frozenset(["br"]), frozenset(["rPh", "fld"]),
)  # fmt: skip
#: elements around runs whose text must not leave them
_ENCLOSING = frozenset("hyperlink ins moveTo sdt smartTag fldSimple customXml".split())
#: what a run may say that does not show
_UNSEEN = re.compile(r"""\s(?:lang|altLang|dirty|err|smtClean|smtId|noProof)="[^"]*"|<w:(?:lang|noProof)\b[^>]*/>""")
_BREAKS = re.compile(r"(\r?\n)")


def translate_docx(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate a Word file: body, headers, footers, notes, comments, text boxes. InputError as `open_package` says."""
    _translate(source, output, job, _WORD, "word/document.xml")


def translate_pptx(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate a PowerPoint file: slides, notes, diagrams, comments. InputError as `open_package` says."""
    _translate(source, output, job, _SLIDES, "ppt/presentation.xml")


def translate_xlsx(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate an Excel file: cells that hold text, comments, text boxes. InputError as `open_package` says.

    Formulas, numbers, names of sheets and the headings of tables, which formulas name, stay.
    """
    _translate(source, output, job, _SHEETS, "xl/workbook.xml")


def _translate(source: IO[bytes], output: IO[bytes], job: Job, dialect: _Dialect, needed: str) -> None:
    with open_package(source, job.name) as package:
        read_part(package, needed, job.name)
        names = package.namelist()
        kept = frozenset(
            heading
            for part in fnmatch.filter(names, "xl/tables/*.xml")
            for heading in _headings(read_part(package, part, job.name), job.within(part))
        )
        parts = [name for pattern in dialect.parts for name in fnmatch.filter(names, pattern)]
        rewrite_package(
            package, output, job.name, parts, lambda raw, part: _translate_part(raw, job.within(part), dialect, kept)
        )


def _headings(raw: bytes, job: Job) -> Iterator[str]:
    text, _ = decode_xml(raw, job.name)
    for token in read_xml(text, job.name, allow_doctype=False):
        if _local(token) == "tableColumn":
            yield token.attributes.get("name", "")


def _translate_part(raw: bytes, job: Job, dialect: _Dialect, kept: frozenset[str]) -> bytes:
    if dialect is _SHEETS and b"<" in raw and re.search(rb"(?:inlineStr|sst|comments|wsDr)\b", raw) is None:
        return raw  # a sheet whose texts all lie in the shared strings
    text, encoding = decode_xml(raw, job.name)
    works = _works(text, read_xml(text, job.name, allow_doctype=False), dialect, kept)
    edits = carry_out(works, job.translate)
    return encoding.encode(apply_edits(text, edits), "xmlcharrefreplace") if edits else raw


def _local(token: Token) -> str:
    return token.name.rpartition(":")[2]


def _works(text: str, tokens: Sequence[Token], dialect: _Dialect, kept: frozenset[str]) -> Iterator[Work]:
    """A work for each stretch of text between breaks in each paragraph; a paragraph may hold others, in a text box."""
    open_paragraphs: list[list[Place]] = []
    styles: list[str] = []
    enclosing: list[int] = []
    index = 0
    while index < len(tokens):
        token, name = tokens[index], _local(tokens[index])
        if token.kind == "start" and name in dialect.skipped:
            index = end_of(tokens, index) + 1
            continue
        if token.kind == "start" and name in dialect.paragraph:
            open_paragraphs.append([])
        elif token.kind == "end" and name in dialect.paragraph and open_paragraphs:
            yield from _paragraph(open_paragraphs.pop(), kept)
        elif token.kind == "start" and name in _ENCLOSING:
            enclosing.append(token.start)
        elif token.kind == "end" and name in _ENCLOSING and enclosing:
            enclosing.pop()
        elif token.kind == "start" and name in dialect.run:
            styles.append("")
        elif token.kind == "end" and name in dialect.run and styles:
            styles.pop()
        elif token.kind == "start" and name == dialect.properties and styles:
            last = end_of(tokens, index)
            styles[-1] = _UNSEEN.sub("", text[token.start : tokens[last].end])
            index = last
        elif name in dialect.breaks and token.kind in ("start", "empty") and open_paragraphs:
            yield from _paragraph(open_paragraphs[-1], kept)
            open_paragraphs[-1] = []
        elif token.kind == "start" and name == "t" and open_paragraphs:
            last = end_of(tokens, index)
            inside = text[token.end : tokens[last].start]
            if "<" not in inside:
                run = Run(html.unescape(inside), (styles[-1] if styles else "", *enclosing[-1:]))
                tag = text[token.start : token.end]
                open_paragraphs[-1].append(Place(run, token.start, tokens[last].start, tag))
            index = last
        index += 1


def _paragraph(places: list[Place], kept: frozenset[str]) -> Iterator[Work]:
    words = "".join(place.run.text for place in places)
    if not words.strip() or words in kept:
        return
    if len(places) == 1 and "\n" in words:  # a cell of several lines
        yield _lines(places[0])
    else:
        yield runs_work(places, _write)


def _lines(place: Place) -> Work:
    lines = _BREAKS.split(place.run.text)
    translated = dict(zip(lines[::2], (yield lines[::2]), strict=True))
    new = "".join(translated.get(line, line) for line in lines)
    return [] if new == place.run.text else [_write(place, new)]


def _write(place: Place, text: str) -> Edit:
    """Put a text into its element; spaces at its ends only count where the element says so (not in DrawingML)."""
    tag = place.tag
    if text != text.strip() and "xml:space" not in tag and not tag.startswith("<a:"):
        tag = f'{tag[:-1]} xml:space="preserve">'
    return Edit(place.start, place.end, tag + html.escape(text, quote=False))
