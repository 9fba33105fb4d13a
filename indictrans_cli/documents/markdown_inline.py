"""The inside of a Markdown block as language and marks: emphasis, links, code, HTML, escapes."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .html import RULES, read_html
from .inline import Inner, Mark, Text, Token
from .markup import inline_tokens as html_tokens

_LABEL = r"(?:\\.|[^\[\]\\])*"
_TARGET = r"""\(\s*(?:<[^<>\n]*>|(?:\\.|[^\s()\\]|\((?:\\.|[^\s()\\])*\))*)(?:\s+(?:"[^"]*"|'[^']*'|\([^)]*\)))?\s*\)"""
_PATTERN = re.compile(
    rf"""
    (?P<hardbreak>\ {{2,}}\n\s*|\\\n\s*)
  | (?P<break>[ \t]*\n[ \t]*)
  | (?P<escape>\\[!-/:-@\[-`{{-~])
  | (?P<code>(?<!`)(?P<ticks>`+)(?!`)(?:.|\n)+?(?<!`)(?P=ticks)(?!`))
  | (?P<template>\{{\{{.*?\}}\}}|\{{%.*?%\}})
  | (?P<autolink><(?:[A-Za-z][A-Za-z0-9+.\-]{{1,31}}:[^\s<>]*|[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+)>)
  | (?P<closed><(?P<element>code|kbd|samp|var|svg|math)\b[^<>]*>.*?</(?P=element)>)
  | (?P<html><!--.*?-->|</?[A-Za-z](?:[^<>"']|"[^"]*"|'[^']*')*>)
  | (?P<image>!\[(?P<alt>{_LABEL})\](?:{_TARGET}|\[{_LABEL}\])?)
  | (?P<footnote>\[\^[^\]\s]+\]:?)
  | (?P<math>\$(?=\S)[^$\n]+(?<=\S)\$(?!\d))
  | (?P<url>(?:https?|ftp)://[^\s<>()]*(?:\([^\s<>()]*\))*[^\s<>()`*_.,;:!?'"\]]|www\.[\w\-]+(?:\.[\w\-]+)+[^\s<>()]*)
  | (?P<open>\[)
  | (?P<close>\](?P<target>{_TARGET}|\[{_LABEL}\])?)
  | (?P<delimiter>\*+|_+|~~)
  | (?P<entity>&(?:\w+|\#\d+|\#[xX][0-9A-Fa-f]+);)
    """,
    re.VERBOSE | re.DOTALL,
)
_PREFIX = re.compile(r"\[[ xX]\](?=\s)|:{3,}[^\n]*|\[![A-Z]+\]")  # a task's box, a directive's line, an alert's name


def inline_tokens(content: str, references: Mapping[str, Any]) -> list[list[Token]]:
    """The tokens of a block's content, cut where a line is broken on purpose. Their raw forms, joined, are the content.

    One exception: a link by its own words, `[words]`, closes with `][words]`, so that it still finds its target when
    its words are translated.
    """
    tokens: list[Token] = []
    parts = [tokens]
    brackets: list[tuple[int, int]] = []  # place in tokens, place in content
    at = 0
    prefix = _PREFIX.match(content)
    if prefix:
        tokens.append(Mark(prefix[0], "void"))
        at = prefix.end()
    while at < len(content):
        found = _PATTERN.search(content, at)
        if found is None or found.start() > at:
            stop = found.start() if found else len(content)
            tokens.append(Text(content[at:stop], content[at:stop]))
            at = stop
            continue
        kind, raw = _kind(found), found[0]
        at = found.end()
        if kind == "hardbreak":
            tokens.append(Mark(raw, "void"))
            parts.append(tokens := [])
            brackets = []
        elif kind == "break":
            tokens.append(Mark(raw, "gap"))
        elif kind == "escape":
            tokens.append(Text(raw, raw[1]))
        elif kind == "entity":
            tokens.append(Text(raw, html.unescape(raw)))
        elif kind in ("code", "template", "autolink", "closed", "math", "url"):
            tokens.append(Mark(raw, "opaque"))
        elif kind == "image":
            start = found.start("alt") - found.start()
            inner = Inner(start, start + len(found["alt"]), found["alt"], _label)
            tokens.append(
                Mark(raw, "opaque", (inner,) if any(map(str.isalpha, found["alt"])) and _has_target(raw) else ())
            )
        elif kind == "footnote":
            tokens.append(Mark(raw, "void"))
        elif kind == "html":
            tokens += html_tokens(raw, read_html(raw), RULES)
        elif kind == "open":
            brackets.append((len(tokens), found.start()))
            tokens.append(Text(raw, raw))
        elif kind == "close":
            at = _close(content, found, tokens, brackets, references)
        else:
            before, after = content[found.start() - 1 : found.start()], content[at : at + 1]
            tokens.append(_delimiter(raw, before, after))
    return [_pair(part) for part in parts]


def _kind(found: re.Match[str]) -> str:
    names = ("hardbreak", "break", "escape", "code", "template", "autolink", "closed", "html", "image", "footnote", "math",
             "url", "open", "close", "delimiter", "entity")  # fmt: skip
    return next(name for name in names if found[name] is not None)


def _close(
    content: str,
    found: re.Match[str],
    tokens: list[Token],
    brackets: list[tuple[int, int]],
    references: Mapping[str, Any],
) -> int:
    """Take a `]` for the end of a link, if it is one; where to read on."""
    start = found.start()
    target = found["target"] or ""
    if brackets:
        place, begin = brackets.pop()
        label = content[begin + 1 : start]
        if target.startswith("(") or (len(target) > 2 and _normal(target[1:-1]) in references):
            tokens[place] = Mark("[", "open", name="[")
            tokens.append(Mark(found[0], "close", name="["))
            return found.end()
        if _normal(label) in references and target in ("", "[]"):
            tokens[place] = Mark("[", "open", name="[")
            tokens.append(Mark(f"][{label}]", "close", name="["))
            return found.end()
    tokens.append(Text("]", "]"))
    return start + 1


def _normal(label: str) -> str:
    from markdown_it.common.utils import normalizeReference

    return normalizeReference(label)


def _has_target(raw: str) -> bool:
    return (raw.endswith((")", "]")) and "](" in raw) or "][" in raw


def _label(text: str) -> str:
    return re.sub(r"([\\\[\]])", r"\\\1", text)


def _delimiter(raw: str, before: str, after: str) -> Token:
    """A run of `*`, `_` or `~~`, as a mark that may open, close, or both, by CommonMark's rules for flanking."""
    space_before, space_after = not before or before.isspace(), not after or after.isspace()
    mark_before, mark_after = _is_punctuation(before), _is_punctuation(after)
    left = not space_after and (not mark_after or space_before or mark_before)
    right = not space_before and (not mark_before or space_after or mark_after)
    if raw[0] == "_":
        left, right = left and (not right or mark_before), right and (not left or mark_after)
    return _Run(raw, raw, left, right)


@dataclass(frozen=True)
class _Run(Text):
    """A delimiter of emphasis that has not found its other one yet."""

    opens: bool
    closes: bool


def _is_punctuation(char: str) -> bool:
    return bool(char) and not char.isalnum() and not char.isspace()


def _pair(tokens: list[Token]) -> list[Token]:
    """Delimiters that match become marks, the others are text."""
    result = list(tokens)
    waiting: list[int] = []
    for place, token in enumerate(tokens):
        if isinstance(token, Mark) and token.kind == "open":
            waiting.append(place)
        elif isinstance(token, Mark) and token.kind == "close":
            opened = next((each for each in reversed(waiting) if isinstance(tokens[each], Mark)), None)
            waiting = waiting[: waiting.index(opened)] if opened is not None else waiting
        elif isinstance(token, _Run):
            inside = [each for each in waiting if isinstance(tokens[each], Mark)]
            near = waiting[waiting.index(inside[-1]) + 1 :] if inside else waiting
            partner = next((each for each in reversed(near) if tokens[each].raw == token.raw), None)
            if token.closes and partner is not None:
                result[partner] = Mark(token.raw, "open", name=token.raw)
                result[place] = Mark(token.raw, "close", name=token.raw)
                waiting = waiting[: waiting.index(partner)]
            elif token.opens:
                waiting.append(place)
    return [Text(each.raw, each.text) if isinstance(each, _Run) else each for each in result]
