"""The formats there are, and which one a file is of: as its name ends, and where that says nothing, as it begins.

A format's module is loaded when a file of that format is met.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO

from ..errors import InputError, OptionError
from .base import Job

_SNIFFED = 4096  # bytes of a file that are looked at


@dataclass(frozen=True)
class Format:
    """A kind of document: how its files' names end, and the function `translate_…(source, output, job)` for it."""

    name: str
    extensions: tuple[str, ...]
    module: str
    function: str = ""
    is_binary: bool = False  # nothing for a terminal
    writes: str = ""  # the format of what comes out, where it is another
    has_columns: bool = False  # whether --column says what of it is translated

    def translate(self, source: IO[bytes], output: IO[bytes], job: Job) -> None:
        """Write to `output` what `source`, which can be sought in, becomes. Errors as the format's function says."""
        module = importlib.import_module(f".{self.module}", __package__)
        getattr(module, self.function or f"translate_{self.name}")(source, output, job)


TEXT = Format("text", (".txt", ".text"), "text", "translate_lines")
FORMATS = {
    each.name: each
    for each in (
        TEXT,
        Format("markdown", (".md", ".markdown", ".mdown", ".qmd", ".rmd"), "markdown"),
        Format("html", (".html", ".htm", ".xhtml"), "html"),
        Format("srt", (".srt",), "subtitles"),
        Format("vtt", (".vtt",), "subtitles"),
        Format("ass", (".ass", ".ssa"), "subtitles"),
        Format("docx", (".docx", ".docm", ".dotx"), "ooxml", is_binary=True),
        Format("pptx", (".pptx", ".pptm", ".potx", ".ppsx"), "ooxml", is_binary=True),
        Format("xlsx", (".xlsx", ".xlsm", ".xltx"), "ooxml", is_binary=True),
        Format("odf", (".odt", ".ods", ".odp", ".ott", ".ots", ".otp"), "odf", is_binary=True),
        Format("epub", (".epub",), "epub", is_binary=True),
        Format("csv", (".csv",), "tables", has_columns=True),
        Format("tsv", (".tsv", ".tab"), "tables", has_columns=True),
        Format("jsonl", (".jsonl", ".ndjson"), "tables", has_columns=True),
        Format("parquet", (".parquet",), "tables", is_binary=True, has_columns=True),
        Format("json", (".json", ".arb"), "json", has_columns=True),
        Format("yaml", (".yaml", ".yml"), "yaml"),
        Format("properties", (".properties",), "strings"),
        Format("android", (), "strings"),
        Format("strings", (".strings",), "strings"),
        Format("po", (".po", ".pot"), "po"),
        Format("xliff", (".xlf", ".xliff"), "bilingual"),
        Format("tmx", (".tmx",), "bilingual"),
        Format("pdf", (".pdf",), "pdf", is_binary=True, writes="text"),
    )
}
_BY_EXTENSION = {extension: each for each in FORMATS.values() for extension in each.extensions}
_BY_ROOT = {"resources": "android", "xliff": "xliff", "tmx": "tmx", "html": "html"}
_BEGINNINGS = (
    (re.compile(rb"%PDF-"), "pdf"),
    (re.compile(rb"PAR1"), "parquet"),
    (re.compile(rb"WEBVTT\b"), "vtt"),
    (re.compile(rb"\[Script Info\]", re.I), "ass"),
    (re.compile(rb"(?:\d+\s+)?\d+:\d\d:\d\d,\d{3}[ \t]*-->"), "srt"),
    (re.compile(rb"(?:#[^\n]*\n|\s)*(?:msgctxt [^\n]*\n)?msgid \""), "po"),
    (re.compile(rb"(?:<!--(?:(?!-->).)*-->|\s)*<(?:!doctype html|html)\b", re.I | re.S), "html"),
    (re.compile(rb"\{\s*\"(?:[^\"\\]|\\.)*\"\s*:[^\n]*\}[ \t\r]*\n[ \t]*\{"), "jsonl"),
    (re.compile(rb"\{\s*\"(?:[^\"\\]|\\.)*\"\s*:"), "json"),
    (re.compile(rb"---[ \t]*\r?\n"), "markdown"),
)


def by_name(name: str) -> Format:
    """The format a user names: `markdown`, or as its files end, `md`. OptionError where there is none."""
    wanted = name.lower()
    found = FORMATS.get(wanted) or _BY_EXTENSION.get(f".{wanted.removeprefix('.')}")
    if found is None:
        raise OptionError(f"--format {name}: there is no such format; there are {', '.join(FORMATS)}")
    return found


def by_extension(name: PurePath) -> Format | None:
    """The format that the name of a file says, if it says one."""
    return _BY_EXTENSION.get(name.suffix.lower())


def find_format(path: PurePath, source: IO[bytes]) -> Format:
    """The format of a file: by its name, then by how it begins, else plain text. `source` is at its start again after.

    InputError for what is known and cannot be read: office files of before 2007, other XML, other archives.
    """
    found = by_extension(path)
    if found is not None:
        return found
    if not source.seekable():  # a pipe
        return TEXT
    head = source.read(_SNIFFED)
    source.seek(0)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(
            f"'{path}' is an office file of the kind before 2007; save it as .docx, .xlsx, .pptx or .odt first"
        )
    if head.startswith(b"PK\x03\x04"):
        return _package(path, source)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<?xml") or path.suffix.lower() == ".xml":
        return _xml(path, text)
    return next((FORMATS[name] for pattern, name in _BEGINNINGS if pattern.match(text)), TEXT)


def _package(path: PurePath, source: IO[bytes]) -> Format:
    import zipfile

    from .package import DAMAGED

    try:
        with zipfile.ZipFile(source) as package:
            names = package.namelist()
            kind = ""
            if "mimetype" in names:
                with package.open("mimetype") as member:
                    kind = member.read(100).decode("ascii", "replace")
    except DAMAGED as error:
        raise InputError(f"'{path}' begins like an archive and is damaged ({error})") from error
    finally:
        source.seek(0)
    if "epub" in kind:
        return FORMATS["epub"]
    if "opendocument" in kind:
        return FORMATS["odf"]
    for folder, name in (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx")):
        if any(each.startswith(folder) for each in names):
            return FORMATS[name]
    raise InputError(f"'{path}' is an archive and no document; unpack it and translate its files with --output-dir")


def _xml(path: PurePath, head: bytes) -> Format:
    found = re.search(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]+)", re.sub(rb"<!--.*?-->", b"", head, flags=re.S))
    root = found[1].decode("ascii", "replace") if found else ""
    if root not in _BY_ROOT:
        known = ", ".join(sorted(_BY_ROOT))
        raise InputError(f"'{path}' is XML with <{root}> around it, which this does not know (it knows {known}); "
                         f"say what it is like with --format")  # fmt: skip
    return FORMATS[_BY_ROOT[root]]


@contextlib.contextmanager
def seekable(source: IO[bytes]) -> Iterator[IO[bytes]]:
    """`source`, or a file that holds what comes out of it, where it is a pipe."""
    if source.seekable():
        yield source
        return
    with tempfile.TemporaryFile() as held:
        shutil.copyfileobj(source, held)
        held.seek(0)
        yield held
