"""XLIFF 1.2 and 2.x, and TMX: units without a target get one; the codes inside a text go where their words go."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import IO

from .base import Edit, Job, Work, apply_edits, carry_out
from .inline import Mark, Token, translate_inline
from .markup import Token as Tag
from .markup import attribute_spans, end_of, texts_and_gaps
from .xml import decode_xml, read_xml

_PAIRS = {"bpt": "i", "bx": "rid", "sc": "id", "sm": "id"}  # what opens, and the attribute that names it
_ENDS = {"ept": "i", "ex": "rid", "ec": "startRef", "em": "startRef"}
_CODES = frozenset(["ph", "x", "it", "ut", "cp"])  # native code: it may stand for a word


def translate_xliff(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Fill in the targets that are missing or empty. InputError where the file is not well-formed."""
    _translate(source, output, job, _xliff)


def translate_tmx(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Add the target language to units that lack it. InputError where the file is not well-formed."""
    _translate(source, output, job, _tmx)


def _translate(source: IO[bytes], output: IO[bytes], job: Job, works: object) -> None:
    assert callable(works)
    raw = source.read()
    text, encoding = decode_xml(raw, job.name)
    tags = read_xml(text, job.name)
    edits = carry_out(works(text, tags, job), job.translate)
    if edits:
        edits += _languages(text, tags, job)
    output.write(encoding.encode(apply_edits(text, edits), "xmlcharrefreplace") if edits else raw)


def _local(tag: Tag) -> str:
    return tag.name.rpartition(":")[2]


def _xliff(text: str, tags: Sequence[Tag], job: Job) -> Iterator[Work]:
    index = 0
    while index < len(tags):
        tag = tags[index]
        if tag.kind == "start" and tag.attributes.get("translate") == "no":
            index = end_of(tags, index)
        elif tag.kind == "start" and _local(tag) in ("trans-unit", "segment"):
            last = end_of(tags, index)
            yield from _unit(text, tags[index : last + 1])
            index = last
        index += 1


def _unit(text: str, tags: Sequence[Tag]) -> Iterator[Work]:
    """The work of one unit, if it has a source and no target yet; alternatives of other people are not looked at."""
    source = target = None
    depth = 0
    for index, tag in enumerate(tags):
        name = _local(tag)
        if name == "alt-trans":
            depth += {"start": 1, "end": -1}.get(tag.kind, 0)
        elif depth == 0 and name == "source" and tag.kind == "start" and source is None:
            source = (index, end_of(tags, index))
        elif depth == 0 and name == "target" and tag.kind in ("start", "empty") and target is None:
            target = (index, end_of(tags, index))
    if source is None:
        return
    if target and any(
        text[tag.start : tag.end].strip() for tag in tags[target[0] + 1 : target[1]] if tag.kind != "other"
    ):
        return
    yield _fill_target(text, tags, source, target)


def _fill_target(text: str, tags: Sequence[Tag], source: tuple[int, int], target: tuple[int, int] | None) -> Work:
    new = yield from translate_inline(codes(text, tags[source[0] + 1 : source[1]]), _escape)
    if new is None:
        return []
    name = re.sub(r"source$", "target", tags[source[0]].name)
    edits = []
    if _local(tags[0]) == "segment":
        edits += _state(text, tags[0], "initial")
    if target is None:
        before = text[: tags[source[0]].start]
        indent = before[len(before.rstrip()) :]
        end = tags[source[1]].end
        return [*edits, Edit(end, end, f"{indent}<{name}>{new}</{name}>")]
    first, last = tags[target[0]], tags[target[1]]
    head = re.sub(r"\s*/?>$", "", text[first.start : first.end])
    head = re.sub(r"""(\sstate=["'])(?:new|needs-translation|needs-[a-z-]+)(?=["'])""", r"\1translated", head)
    return [*edits, Edit(first.start, last.end, f"{head}>{new}</{name}>")]


def _state(text: str, tag: Tag, old: str) -> list[Edit]:
    span = attribute_spans(text[tag.start : tag.end]).get("state")
    if span is None or tag.attributes.get("state") != old:
        return []
    return [Edit(tag.start + span[0], tag.start + span[1], "translated")]


def _tmx(text: str, tags: Sequence[Tag], job: Job) -> Iterator[Work]:
    for index, tag in enumerate(tags):
        if tag.kind == "start" and tag.name == "tu":
            yield from _translation_unit(text, tags[index : end_of(tags, index) + 1], job)


def _translation_unit(text: str, tags: Sequence[Tag], job: Job) -> Iterator[Work]:
    variants: dict[str, tuple[int, int]] = {}
    for index, tag in enumerate(tags):
        if tag.kind == "start" and tag.name == "tuv":
            language = tag.attributes.get("xml:lang", tag.attributes.get("lang", "")).lower()
            variants.setdefault(re.split("[-_]", language)[0], (index, end_of(tags, index)))
    if job.tgt_lang not in variants and job.src_lang in variants:
        yield _add_variant(text, tags, variants[job.src_lang], job)


def _add_variant(text: str, tags: Sequence[Tag], variant: tuple[int, int], job: Job) -> Work:
    first, last = variant
    start = next(
        (index for index in range(first, last) if tags[index].name == "seg" and tags[index].kind == "start"), None
    )
    if start is None:
        return []
    new = yield from translate_inline(codes(text, tags[start + 1 : end_of(tags, start)]), _escape)
    if new is None:
        return []
    before = text[: tags[first].start]
    indent = before[len(before.rstrip()) :]
    attribute = "xml:lang" if "xml:lang" in tags[first].attributes else "lang"
    end = tags[last].end
    return [Edit(end, end, f'{indent}<tuv {attribute}="{job.tgt_lang}"><seg>{new}</seg></tuv>')]


def codes(text: str, tags: Sequence[Tag]) -> list[Token]:
    """The content of a source or segment as language and marks."""
    found: list[Token] = []
    index = 0
    while index < len(tags):
        tag, name = tags[index], _local(tags[index])
        raw = text[tag.start : tag.end]
        last = index
        if tag.kind in ("start", "empty") and name in {*_PAIRS, *_ENDS, *_CODES}:
            last = end_of(tags, index) if tag.kind == "start" else index
            raw = text[tag.start : tags[last].end]
            if name in _CODES:
                found.append(Mark(raw, "opaque"))
            else:
                key = _PAIRS.get(name) or _ENDS[name]
                found.append(Mark(raw, "open" if name in _PAIRS else "close", name=tag.attributes.get(key, "")))
        elif name == "mrk" and tag.kind == "start" and _is_protected(tag):
            last = end_of(tags, index)
            found.append(Mark(text[tag.start : tags[last].end], "opaque"))
        elif tag.kind == "text":
            found += texts_and_gaps(raw, html.unescape)
        elif tag.kind in ("start", "end"):
            found.append(Mark(raw, "open" if tag.kind == "start" else "close", name=f"<{tag.name}>"))
        else:
            found.append(Mark(raw, "opaque" if tag.kind == "cdata" else "void"))
        index = last + 1
    return found


def _is_protected(tag: Tag) -> bool:
    return tag.attributes.get("translate") == "no" or tag.attributes.get("mtype") == "protected"


def _escape(text: str) -> str:
    return html.escape(text, quote=False)


def _languages(text: str, tags: Sequence[Tag], job: Job) -> list[Edit]:
    """The target language, where the file should name it and does not."""
    edits = []
    for tag in tags:
        wanted = {"file": "target-language", "xliff": "trgLang"}.get(_local(tag))
        known = "source-language" if wanted == "target-language" else "srcLang"
        if tag.kind == "start" and wanted and wanted not in tag.attributes and known in tag.attributes:
            edits.append(Edit(tag.end - 1, tag.end - 1, f' {wanted}="{job.tgt_lang}"'))
    return edits
