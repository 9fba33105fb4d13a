"""What the tests of documents share: translators whose work is plain to see, and a way through a format."""

from __future__ import annotations

import io
import zipfile

from indictrans_cli.documents.base import Job
from indictrans_cli.documents.formats import FORMATS


def same(texts: list[str]) -> list[str]:
    """Translates nothing."""
    return list(texts)


def shout(texts: list[str]) -> list[str]:
    """Every word stays in its place, in capitals."""
    return [text.upper() for text in texts]


def turn(texts: list[str]) -> list[str]:
    """The words the other way round, as Hindi puts much of a sentence."""
    return [" ".join(reversed(text.split())) for text in texts]


def mark(texts: list[str]) -> list[str]:
    """Hindi around the text, which comes through whole, with its spaces and placeholders."""
    return [f"यह {text} है" if text == text.strip() else text for text in texts]


def lose(texts: list[str]) -> list[str]:
    """Nothing comes through: no placeholder, no word that could be found again."""
    return ["खो गया" for _ in texts]


def through(name: str, raw: bytes | str, translate: object = shout, *columns: str) -> bytes:
    """What a file of the format `name` becomes."""
    source = io.BytesIO(raw.encode() if isinstance(raw, str) else raw)
    output = io.BytesIO()
    FORMATS[name].translate(source, output, Job("'it'", translate, columns=columns))  # type: ignore[arg-type]
    return output.getvalue()


def members(raw: bytes) -> list[tuple[str, tuple[int, ...], int, bytes]]:
    """The parts of a package: name, date, method, content."""
    package = zipfile.ZipFile(io.BytesIO(raw))
    return [(info.filename, info.date_time, info.compress_type, package.read(info)) for info in package.infolist()]


def changed(before: bytes, after: bytes) -> list[str]:
    """The names of a package's parts that differ; the parts themselves must be the same ones in the same order."""
    old, new = members(before), members(after)
    assert [part[:3] for part in old] == [part[:3] for part in new]
    return [one[0] for one, other in zip(old, new, strict=True) if one != other]
