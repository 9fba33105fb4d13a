"""From what a user names to systems: files of translations, and models that translate here and are timed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..corpus.sources import read_lines
from ..corpus.testsets import TestSet
from ..errors import OptionError
from ..model_directory import ESSENTIAL, ModelDirectory
from .evaluate import Size, Speed, System

Translate = Callable[[Sequence[str]], list[str]]


def split_name(text: str) -> tuple[str, str]:
    """`NAME=VALUE` as both; without a name, or where all of it is there as a file or folder, the name is empty."""
    name, equals, value = text.partition("=")
    if not equals or "/" in name or Path(text).exists():
        return "", text
    return name.strip(), value


def short_names(paths: Sequence[str]) -> list[str]:
    """What is different in the names of files: `google` and `nllb` of flores.google.hi and flores.nllb.hi.

    One file, or names that would not tell files apart, are left as they are.
    """
    if len(paths) < 2:
        return list(paths)
    parts = [Path(path).name.split(".") for path in paths]
    first = _common(parts)
    last = _common([each[first:][::-1] for each in parts])
    names = [".".join(each[first : len(each) - last]) for each in parts]
    return names if all(names) and len(set(names)) == len(names) else list(paths)


def read_systems(options: Sequence[str]) -> list[System]:
    """The systems of `--hyp FILE` or `--hyp NAME=FILE`. InputError for a file that cannot be read."""
    split = [split_name(text) for text in options]
    short = short_names([path for _, path in split])
    return [
        System(name or brief, list(read_lines(Path(path))), path)
        for (name, path), brief in zip(split, short, strict=True)
    ]


def run_model(
    name: str,
    directory: ModelDirectory,
    open_translator: Callable[[], Translate],
    test: TestSet,
    *,
    device: str,
    beam_size: int,
) -> System:
    """Translate a test set with a model and time it.

    `open_translator` loads the model anew each time it is called: the first time is not measured, since a copy of the model
    in an engine's own form may be made then. OptionError for a test set without sources.
    """
    if test.sources is None:
        raise OptionError("a model needs sentences to translate: give --src with --ref, or --test")
    open_translator()
    started = time.perf_counter()
    translate = open_translator()
    translate(test.sources[:1])
    opened = time.perf_counter()
    hypotheses = translate(test.sources)
    seconds = time.perf_counter() - opened
    speed = Speed(len(test.sources) / max(seconds, 1e-9), opened - started, device, beam_size)
    return System(name, hypotheses, str(directory.path), speed, size_of(directory))


def size_of(directory: ModelDirectory) -> Size:
    """Of what makes a model: config, weights and vocabulary."""
    size = sum((directory.path / name).stat().st_size for name in ESSENTIAL)
    return Size(directory.config.parameter_count(), size, directory.storage)


def _common(lists: Sequence[Sequence[str]]) -> int:
    """How many first words all of some lists share."""
    columns = itertools.takewhile(lambda column: len(set(column)) == 1, zip(*lists, strict=False))
    return sum(1 for _ in columns)
