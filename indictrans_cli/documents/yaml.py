"""YAML: the texts among the values are translated, each written in the style it had; keys and comments are copied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

from ..errors import InputError, missing_package
from .base import Edit, Job, Work, decode, translate_spans
from .json import write_json

_TEXT = "tag:yaml.org,2002:str"
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")


def translate_yaml(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Translate a YAML file. InputError where it is not YAML, naming line and column.

    Nothing is constructed and no alias is expanded: the file is only read as events.
    """
    text, encoding = decode(source.read(), job.name)
    output.write(encoding.encode(translate_spans(text, _works(text, job.name), job)))


def _works(text: str, name: str) -> Iterator[Work]:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise missing_package("PyYAML", "YAML") from error
    try:
        events = list(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(
            f"{name}{where}: this is not YAML ({error.problem or error.context}); mend the file"
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{name}: this is not YAML ({' '.join(str(error).split())}); mend the file") from error
    resolver = yaml.resolver.Resolver()
    #: of each collection around: [whether it is a mapping, whether a key comes next, whether in flow style]
    around: list[list[bool]] = []
    for event in events:
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            around.pop()
            _step(around)
        elif isinstance(event, yaml.CollectionStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            around.append([is_mapping, is_mapping, bool(event.flow_style)])
        elif isinstance(event, yaml.AliasEvent):
            _step(around)
        elif isinstance(event, yaml.ScalarEvent):
            is_key = bool(around) and around[-1][0] and around[-1][1]
            kind = event.tag or resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
            if not is_key and kind in (_TEXT, "!") and event.value.strip():
                start = event.start_mark.index
                start += _PROPERTIES.match(text[start:]).end() if event.anchor or event.tag else 0  # type: ignore[union-attr]
                in_flow = any(flow for _, _, flow in around)
                yield _scalar(start, text[start : event.end_mark.index], event.value, event.style or "", in_flow)
            _step(around)


def _step(around: list[list[bool]]) -> None:
    if around:
        around[-1][1] = not around[-1][1]


def _scalar(start: int, raw: str, value: str, style: str, in_flow: bool) -> Work:
    [new] = yield [value]
    if new == value:
        return []
    for candidate in _written(raw, new, style, in_flow):
        if _loads(candidate) == new:
            return [Edit(start, start + len(raw), candidate)]
    return [Edit(start, start + len(raw), write_json(new) + _after(raw))]


def _after(raw: str) -> str:
    """The line break that a block style takes with it."""
    return "\n" if raw.endswith("\n") else ""


def _written(raw: str, new: str, style: str, in_flow: bool) -> Iterator[str]:
    """Ways to write a text, the one most like the old one first."""
    if style in ("|", ">"):
        head, _, body = raw.partition("\n")
        indent = next((re.match(r" *", line)[0] for line in body.split("\n") if line.strip()), "")  # type: ignore[index]
        blank = body[len(body.rstrip("\n ")) :]
        joint = "\n" if style == "|" else "\n\n"
        lines = new.rstrip("\n").replace("\n", joint).split("\n")
        yield f"{head}\n" + "\n".join(indent + line if line else "" for line in lines) + blank
    elif style == "'":
        yield "'" + new.replace("'", "''") + "'"
    elif style == "" and not (in_flow and re.search(r"[,\[\]{}]", new)) and "\n" not in new:
        yield new


def _loads(candidate: str) -> Any:
    """What a candidate means as a value; None where it is not YAML."""
    import yaml

    try:
        loaded = yaml.safe_load(f"k: {candidate}")
    except yaml.YAMLError:
        return None
    return loaded.get("k") if isinstance(loaded, dict) and len(loaded) == 1 else None
