"""Zip packages, which office files and e-books are: some parts are rewritten, every other one is copied as it is.

What a hostile archive may try is refused before anything is read: parts that unpack to far more than they should, names
that lead out of the archive, two parts of one name, parts that need a password.
"""

from __future__ import annotations

import copy
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO

from ..errors import InputError

MAX_UNPACKED = 2 << 30  # bytes, all parts together
MAX_TEXT_PART = 256 << 20  # bytes of a part that is translated: XML, which is held in memory
MAX_RATIO = 300  # unpacked bytes for a packed one, where a part is larger than a megabyte

#: what reading a damaged archive raises; a name that cannot be decoded is a ValueError
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    OSError,
)

Rewrite = Callable[[bytes, str], bytes]


def open_package(source: IO[bytes], name: str) -> zipfile.ZipFile:
    """The archive in `source`, looked through. InputError where it is damaged, protected, or may not be trusted."""
    try:
        package = zipfile.ZipFile(source)
    except DAMAGED as error:
        raise InputError(
            f"{name} is not a package this can read ({_said(error)}); save it anew and try again"
        ) from error
    infos = package.infolist()
    names = [info.filename for info in infos]
    for info in infos:
        if info.flag_bits & 1:
            raise InputError(f"{name}: '{info.filename}' is protected by a password; save a copy without one")
        if info.filename.startswith("/") or "\\" in info.filename or ".." in info.filename.split("/"):
            raise InputError(f"{name}: a part is named '{info.filename}', which leads out of the file; refused")
        if info.file_size > 1 << 20 and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise InputError(f"{name}: '{info.filename}' unpacks to {info.file_size:,} bytes from "
                             f"{info.compress_size:,}; refused as a decompression bomb")  # fmt: skip
    if len(set(names)) != len(names):
        twice = next(each for each in names if names.count(each) > 1)
        raise InputError(f"{name}: there are two parts named '{twice}'; refused, as programs differ in which they read")
    if sum(info.file_size for info in infos) > MAX_UNPACKED:
        raise InputError(f"{name} unpacks to more than {MAX_UNPACKED >> 30} GiB; split the document")
    return package


def read_part(package: zipfile.ZipFile, part: str, name: str) -> bytes:
    """The bytes of one part. InputError where it is missing, damaged or too large to be text."""
    try:
        if package.getinfo(part).file_size > MAX_TEXT_PART:
            raise InputError(f"{name}: '{part}' holds more than {MAX_TEXT_PART >> 20} MiB of text; split the document")
        return package.read(part)
    except KeyError as error:
        raise InputError(f"{name}: the part '{part}' is missing; the file is damaged, or of another kind") from error
    except DAMAGED as error:
        raise InputError(
            f"{name}: the part '{part}' is damaged ({_said(error)}); save it anew and try again"
        ) from error


def rewrite_package(
    package: zipfile.ZipFile, output: IO[bytes], name: str, parts: Iterable[str], rewrite: Rewrite
) -> None:
    """Write `package` to `output` with `rewrite(bytes, part)` for each of `parts`; the order, dates and methods stay."""
    wanted = set(parts)
    new = {
        info.filename: rewrite(read_part(package, info.filename, name), info.filename)
        for info in package.infolist()
        if info.filename in wanted
    }
    with zipfile.ZipFile(output, "w") as target:
        target.comment = package.comment
        for info in package.infolist():
            kept = copy.copy(info)
            kept.extra = _without_zip64(info.extra)
            kept.flag_bits &= 0x800  # that the name is UTF-8; the others tell how the old archive was written
            if info.filename in new:
                target.writestr(kept, new[info.filename])
                continue
            with target.open(kept, "w") as copied:
                for block in _blocks(package, info, name):
                    copied.write(block)


def _blocks(package: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """The bytes of a part, a megabyte at a time. InputError where it is damaged."""
    try:
        with package.open(info) as part:
            while block := part.read(1 << 20):
                yield block
    except DAMAGED as error:
        raise InputError(f"{name}: the part '{info.filename}' is damaged ({_said(error)})") from error


def _without_zip64(extra: bytes) -> bytes:
    """The extra field of a part without its old 64-bit sizes, which the writer adds again where they are needed."""
    kept, at = b"", 0
    while at + 4 <= len(extra):
        length = int.from_bytes(extra[at + 2 : at + 4], "little")
        if extra[at : at + 2] != b"\x01\x00":
            kept += extra[at : at + 4 + length]
        at += 4 + length
    return kept


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".").lower() or type(error).__name__
