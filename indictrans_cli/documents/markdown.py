"""Markdown: paragraphs, headings, list items and table cells are translated; code, links' targets and layout are kept.

markdown-it finds the blocks and where they stand. A translated block is parsed again and must have the structure it had;
where it has not, plainer ways of writing it are tried, and at last the block stays as it was.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any

from ..errors import missing_package
from .base import Edit, Job, Work, decode, translate_spans
from .html import RULES, read_html
from .inline import Inline
from .markdown_inline import inline_tokens
from .markup import block_works

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FRONT_MATTER = re.compile(
    r"(?:---[ \t]*\r?\n.*?^(?:---|\.\.\.)|\+\+\+[ \t]*\r?\n.*?^\+\+\+)[ \t]*(?:\r?\n|\Z)", re.S | re.M
)
_SPECIAL = re.compile(r"([\\`*\[\]<])")


def translate_markdown(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate a Markdown file (CommonMark with tables). InputError where it is not UTF-8."""
    text, encoding = decode(source.read(), job.name)
    output.write(encoding.encode(translate_spans(text, _works(text), job)))


def _works(text: str) -> Iterator[Work]:
    try:
        from markdown_it import MarkdownIt
    except ModuleNotFoundError as error:
        raise missing_package("markdown-it-py", "Markdown") from error
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    front = _FRONT_MATTER.match(text)
    offset = front.end() if front else 0
    # for markdown-it a lone "\r" ends a line too
    body = text[offset:]
    starts = [offset, *(offset + found.end() for found in re.finditer(r"\r\n?|\n", body)), len(text)]
    env: dict[str, Any] = {}
    row = (0, 0)
    cursor = offset
    parent = ""
    for token in parser.parse(body, env):
        if token.type == "tr_open" and token.map:
            row = (token.map[0], token.map[1])
            cursor = starts[row[0]]
        if token.type.endswith("_open"):
            parent = token.type
        if token.type == "html_block" and token.map:
            begin, end = starts[token.map[0]], starts[min(token.map[1], len(starts) - 1)]
            yield from _html(text[begin:end], begin)
        if token.type != "inline" or not token.content.strip():
            continue
        if parent in ("th_open", "td_open"):
            at = text.find(token.content.replace("|", "\\|"), cursor, starts[min(row[1], len(starts) - 1)])
            if at < 0:
                continue
            cursor = at + len(token.content.replace("|", "\\|"))
            yield _block(token.content, [(at, cursor)], text, parser, env, "cell")
        elif token.map:
            lines = _locate(token.content.split("\n"), text, starts, token.map)
            if lines:
                kind = "heading" if parent == "heading_open" and token.map[1] - token.map[0] == 1 else "paragraph"
                yield _block(token.content, lines, text, parser, env, kind)


def _locate(lines: list[str], text: str, starts: list[int], between: list[int]) -> list[tuple[int, int]]:
    """Where each line of a block's content stands in the file; nothing where one is not found."""
    found, number = [], between[0]
    for line in lines:
        while number < between[1]:
            start, end = starts[number], starts[min(number + 1, len(starts) - 1)]
            number += 1
            at = text.rfind(line, start, end) if line.strip() else start
            if at >= 0:
                found.append((at, at + len(line)))
                break
        else:
            return []
    return found


def _html(block: str, offset: int) -> Iterator[Work]:
    """The works of a block of HTML that begins at `offset`."""
    for work in block_works(block, read_html(block), RULES):
        yield _shifted(work, offset)


def _shifted(work: Work, offset: int) -> Work:
    return [Edit(start + offset, end + offset, new) for start, end, new in (yield from work)]


def _block(
    content: str, lines: list[tuple[int, int]], text: str, parser: MarkdownIt, env: dict[str, Any], kind: str
) -> Work:
    """One block of language; `lines` are where the lines of its content stand."""
    breaks = [text[end:start] for (_, end), (start, _) in itertools.pairwise(lines)]
    references = env.get("references", {})
    parts = inline_tokens(content, references)
    plain = [Inline(tokens) for tokens in parts]
    if not any(each.has_language for each in plain):
        return []
    texts = list(dict.fromkeys(text for each in plain for text in each.texts()))
    known = dict(zip(texts, (yield texts), strict=True))
    if all(known[text] == text for text in texts):
        return []
    escaped = [Inline(tokens, _escape) for tokens in parts]
    wanted = structure(parser, content, env, kind)

    def written(candidate: Iterable[str | None]) -> str | None:
        pieces = list(candidate)
        new = "".join(piece for piece in pieces if piece is not None)
        return new if None not in pieces and structure(parser, new, env, kind) == wanted else None

    new = None
    for blocks, keep_gaps in ((plain, True), (escaped, True), (escaped, False)):
        new = new or written(each.render(known, keep_gaps) for each in blocks)
    if new is None:
        texts = list(dict.fromkeys(text for each in plain for text in each.stretches()))
        known = dict(zip(texts, (yield texts), strict=True))
        new = written(each.render_stretches(known) for each in plain)
        new = new or written(each.render_stretches(known) for each in escaped)
    if new is None or new == content:
        return []
    if kind == "cell":
        new = new.replace("|", "\\|")
    ends = iter(breaks)
    new = re.sub("\n", lambda found: next(ends, "\n"), new)
    return [Edit(lines[0][0], lines[-1][1], new)]


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def structure(parser: MarkdownIt, content: str, env: dict[str, Any], kind: str) -> object:
    """What must be the same before and after: the block's kind, and its inline parts in any order."""
    if kind == "paragraph":
        blocks = parser.parse(content, {"references": env.get("references", {})})
        children = [child for block in blocks for child in block.children or []]
        outline = [block.type for block in blocks]
    else:
        if "\n" in content:
            return None
        children = parser.parseInline(content, env)[0].children or []
        outline = []
    parts = []
    for child in children:
        if child.type in ("text", "softbreak"):
            continue
        attributes = {key: value for key, value in child.attrs.items() if key not in ("alt", "title")}
        shown = child.content if child.type in ("code_inline", "html_inline") else ""
        parts.append((child.type, sorted(map(str, attributes.items())), _without_spoken(shown)))
    return outline, sorted(parts)


def _without_spoken(tag: str) -> str:
    """A tag of HTML without the attributes that are translated."""
    return re.sub(r"\s(?:alt|title|placeholder|aria-label|summary)\s*=\s*(?:\"[^\"]*\"|'[^']*')", "", tag)
