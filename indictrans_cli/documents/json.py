"""JSON: the string values are translated, names and everything else are copied.

Names that begin with `@` are about the file or a message (ARB, JSON-LD), and so is what they name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO

from ..errors import InputError, OptionError
from .base import Job, decode, plain_work, translate_spans

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


def translate_json(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate a JSON file: all its strings, or the members that `--column` names (`a.b`: member b of member a).

    InputError where it is not JSON, naming line and column; OptionError where a named member is nowhere in it.
    """
    text, encoding = decode(source.read(), job.name)
    ascii_only = text.isascii() and "\\u" in text
    found = [each for each in json_strings(text, job.name) if not job.columns or each[0] in job.columns]
    missing = [column for column in job.columns if column not in {path for path, _, _, _ in found}]
    if missing:
        raise OptionError(f"{job.name} has no text under '{missing[0]}'; --column names a member, as in a.b")
    works = (plain_work(start, end, value, lambda new: write_json(new, ascii_only)) for _, start, end, value in found)
    output.write(encoding.encode(translate_spans(text, works, job)))


def write_json(text: str, ascii_only: bool = False) -> str:
    """A text as a JSON string. Half a surrogate pair, which no encoding can hold, is written as its escape."""
    written = json.dumps(text, ensure_ascii=ascii_only)
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", written)


def json_strings(text: str, name: str) -> Iterator[tuple[str, int, int, str]]:
    """Each string value of a JSON text: the names above it joined by dots, where it stands, and the string.

    InputError where the text is not JSON.
    """
    try:
        json.loads(text, parse_int=str)  # an integer may have more digits than Python converts
    except json.JSONDecodeError as error:
        raise InputError(
            f"{name}: this is not JSON ({error.msg.lower()}, line {error.lineno}, column {error.colno}); mend the file"
        ) from error
    except RecursionError as error:
        raise InputError(f"{name}: it is nested too deeply to be read") from error
    return _strings(text)


def _strings(text: str) -> Iterator[tuple[str, int, int, str]]:
    path: list[str] = []  # of the objects around: the name whose value is being read
    inside: list[str] = []  # "{" or "["
    is_name = False
    for match in _TOKEN.finditer(text):
        raw = match[0]
        if raw in "{[":
            inside.append(raw)
            if raw == "{":
                path.append("")
            is_name = raw == "{"
        elif raw in "}]":
            if inside.pop() == "{":
                path.pop()
        elif raw == ",":
            is_name = inside[-1] == "{"
        elif raw == ":":
            is_name = False
        elif is_name:
            path[-1] = json.loads(raw, strict=False)
        elif not any(part.startswith("@") for part in path):
            yield ".".join(path), match.start(), match.end(), json.loads(raw, strict=False)
