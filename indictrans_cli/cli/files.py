"""`ctx translate` with files: one document to another, or whole folders and globs, mirrored under --output-dir."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..documents.base import Job
from ..documents.formats import Format, by_extension, by_name, find_format, seekable
from ..errors import CtxError, InputError, OptionError
from ..paths import ensure_dir, open_output, reason
from ..translator import Translator
from .console import complain, note


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[IO[bytes]]:
    """A file to read, as a context. InputError where it cannot be."""
    try:
        handle = path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read '{path}': {reason(error)}") from error
    with handle:
        yield handle


@dataclass(frozen=True)
class Documents:
    """How documents are translated: the translator, and what a user said of their format and columns."""

    translator: Translator
    format: str = ""
    columns: tuple[str, ...] = ()

    def format_of(self, path: Path | None, source: IO[bytes]) -> Format:
        """As --format says, or as the file does."""
        return by_name(self.format) if self.format or path is None else find_format(path, source)

    def translate(self, source: IO[bytes], write: IO[bytes], kind: Format, name: str) -> None:
        """Write what `source` becomes; `name` is for messages."""
        src_lang, tgt_lang = self.translator.languages
        job = Job(name, self.translator.translate, src_lang, tgt_lang, self.columns)
        with seekable(source) as document:
            kind.translate(document, write, job)

    def translate_file(self, path: Path, output: Path) -> None:
        """One document to a file. InputError, OutputError and OptionError as they say."""
        with open_input(path) as source:
            kind = self.format_of(path, source)
            check_output(f"'{path}'", kind, output)
            with open_output(output) as write:
                self.translate(source, write, kind, f"'{path}'")


def check_output(name: str, kind: Format, output: Path | None) -> None:
    """OptionError where a document would be written to a terminal, or under the name of another kind of document."""
    if output is None:
        if kind.is_binary and not kind.writes and sys.stdout.isatty():
            raise OptionError(
                f"{name} becomes a {kind.name} file, which a terminal cannot show; name one with --output"
            )
        return
    wanted = by_name(kind.writes) if kind.writes else kind
    named = by_extension(output)
    if named and named != wanted and (named.is_binary or wanted.is_binary):
        raise OptionError(
            f"{name} becomes {wanted.name}, and '{output}' is named as {named.name}; name it {wanted.extensions[0]}"
        )


@dataclass(frozen=True)
class Task:
    """A file to read and the file to write."""

    source: Path
    target: Path

    @property
    def is_done(self) -> bool:
        """Whether the target is there, which is only ever whole, and the source was not changed since."""
        return self.target.is_file() and self.target.stat().st_mtime >= self.source.stat().st_mtime


def find_tasks(inputs: Sequence[Path], folder: Path, any_format: bool) -> list[Task]:
    """The files in `inputs`, which are files, folders and globs, each with its place under `folder`.

    In a folder, the files of known formats count (all of them with `any_format`), hidden ones do not. InputError where
    there is none; OptionError where two would be written to one place, or a file over itself.
    """
    tasks: dict[Path, Task] = {}
    for path in inputs:
        found = list(_files(path, folder, any_format))
        if not found:
            raise InputError(f"'{path}': there is no file of a known format; --format says which format files are of")
        for source, relative in found:
            target = folder / relative
            kind = by_extension(source)
            if kind and kind.writes:
                target = target.with_suffix(by_name(kind.writes).extensions[0])
            known = tasks.setdefault(target, Task(source, target))
            if known.source.resolve() != source.resolve():
                raise OptionError(
                    f"'{known.source}' and '{source}' would both be written to '{target}'; translate them apart"
                )
            if target.resolve() == source.resolve():
                raise OptionError(f"'{source}' would be written over itself; name another --output-dir")
    return list(tasks.values())


def _files(path: Path, folder: Path, any_format: bool) -> Iterator[tuple[Path, Path]]:
    """The files that one input means, each with its name relative to it."""
    if path.is_dir():
        outputs = folder.resolve()
        for parent, folders, names in os.walk(path):
            folders[:] = sorted(
                name for name in folders if not name.startswith(".") and (Path(parent) / name).resolve() != outputs
            )
            for name in sorted(names):
                file = Path(parent) / name
                if not name.startswith(".") and (any_format or by_extension(file)):
                    yield file, file.relative_to(path)
    elif glob.has_magic(str(path)) and not path.exists():
        fixed = Path(*(part for part in _fixed_parts(path)))
        outputs, top = folder.resolve(), fixed.resolve()
        is_inside = outputs != top and outputs.is_relative_to(top)  # then earlier translations are no input
        for match in sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 (it takes a whole pattern)
            if Path(match).is_file() and not (is_inside and Path(match).resolve().is_relative_to(outputs)):
                yield Path(match), Path(match).relative_to(fixed)
    else:
        yield path, Path(path.name)


def _fixed_parts(pattern: Path) -> Iterator[str]:
    """The folders of a glob that are no pattern."""
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            return
        yield part


def translate_many(documents: Documents, inputs: Sequence[Path], folder: Path, overwrite: bool, jobs: int) -> None:
    """Translate all files of `inputs` to their places under `folder`, `jobs` at once.

    What is done already is skipped. A file that fails is told of and the others go on; the first failure's kind is
    raised at the end.
    """
    tasks = find_tasks(inputs, folder, any_format=bool(documents.format))
    waiting = [task for task in tasks if overwrite or not task.is_done]
    failures: list[CtxError] = []
    shown = sys.stderr.isatty()

    def work(task: Task) -> None:
        try:
            ensure_dir(task.target.parent)
            documents.translate_file(task.source, task.target)
        except CtxError as error:
            failures.append(error)
            complain(str(error))
        except Exception as error:  # one odd file must not stop the others
            said = str(error) or type(error).__name__
            failures.append(InputError(f"cannot translate '{task.source}': {said}"))
            complain(str(failures[-1]))
        else:
            if shown:
                note(f"{task.source} → {task.target}")

    pool = ThreadPoolExecutor(jobs)
    try:
        for _ in pool.map(work, waiting):
            pass
    finally:
        pool.shutdown(cancel_futures=True)
    done = len(waiting) - len(failures)
    note(f"translated {_count(done)}, skipped {len(tasks) - len(waiting)} that were done")
    if failures:
        raise type(failures[0])(f"{_count(len(failures))} of {len(waiting)} could not be translated, as said above")


def _count(number: int) -> str:
    return f"{number} file" if number == 1 else f"{number} files"


def check_many(inputs: Sequence[Path], output: Path | None, jobs: int, as_json: bool) -> None:
    """OptionError for options that do not go with --output-dir."""
    if not inputs:
        raise OptionError("--output-dir is for files; name them, folders or globs with --input")
    if output:
        raise OptionError("give either --output or --output-dir, not both")
    if as_json:
        raise OptionError("--json is for text; it does not go with --output-dir")
    if jobs < 1:
        raise OptionError(f"--jobs {jobs}: must be 1 or more")


def check_one(inputs: Sequence[Path]) -> None:
    """OptionError where several files are named and no folder for them, InputError for a folder."""
    if len(inputs) > 1:
        raise OptionError("several files are translated with --output-dir FOLDER, which holds the translations")
    for path in inputs:
        if glob.has_magic(str(path)) and not path.exists():
            raise OptionError(f"'{path}' is a glob; name a folder for the translations with --output-dir")
        if path.is_dir():
            raise InputError(f"cannot read '{path}': is a directory; whole folders are translated with --output-dir")
