"""PDF to plain text: the words of a PDF, joined into paragraphs and translated. A form feed ends each page.

A PDF says where each glyph stands and not what belongs together, so its layout is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from ..errors import InputError, missing_package
from .base import Job, translate_all

_STOP = re.compile(r"""[.!?:;।]["')\]”’]*$""")
_ITEM = re.compile(r"(?:[•‣◦▪·*–—-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")


def translate_pdf(source: IO[bytes], output: IO[bytes], job: Job) -> None:
    """Write the translated text of a PDF as UTF-8, a paragraph a line.

    InputError where it is damaged, needs a password, or holds no text, as a scan does; MissingPackageError without pypdf.
    """
    found = False
    for page in _pages(source, job.name):
        parts = list(paragraphs(page))
        found = found or bool(parts)
        for paragraph in translate_all(parts, job.translate):
            output.write(f"{paragraph}\n\n".encode())
        output.write(b"\f\n")
    if not found:
        raise InputError(
            f"{job.name} holds no text, only pictures of it; recognise it first, for example with ocrmypdf"
        )


def _pages(source: IO[bytes], name: str) -> Iterator[str]:
    try:
        import pypdf
        import pypdf.errors
    except ModuleNotFoundError as error:
        raise missing_package("pypdf", "PDF") from error
    import logging

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of every oddity of a file it can read
    try:
        reader = pypdf.PdfReader(source)
        if reader.is_encrypted and not reader.decrypt(""):
            raise InputError(f"{name} is protected by a password; save a copy without one")
        for page in reader.pages:
            yield page.extract_text()
    except pypdf.errors.DependencyError as error:
        raise missing_package("pypdf[crypto]", "an encrypted PDF") from error
    except (
        pypdf.errors.PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
    ) as error:
        said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InputError(f"{name} cannot be read as a PDF ({said}); print it to a new PDF and try again") from error


def paragraphs(page: str) -> Iterator[str]:
    """The lines of a page put together: a line that is full and ends no sentence goes on in the next one."""
    lines = [" ".join(line.split()) for line in page.splitlines()]
    full = 0.7 * max(map(len, lines), default=0)
    current = ""
    for line in lines:
        begins = not line or _ITEM.match(line)
        if current and begins:
            yield current
            current = ""
        if current.endswith("-") and current[-2:-1].islower() and line[:1].islower():
            current = current[:-1] + line  # a word parted at the line's end
        elif line:
            current = f"{current} {line}" if current else line
        if current and (len(line) < full or (_STOP.search(line) and len(line) < 1.2 * full)):
            yield current
            current = ""
    if current:
        yield current
