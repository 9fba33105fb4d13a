"""Where sentence pairs come from: the bundled sample, files on disk, and data sets on the Hugging Face Hub.

A source is named in one word, with an optional weight behind an equals sign:

    bundled                     the sample corpus inside the package
    my.tsv=8                    English, tab, Hindi; also .tsv.gz and .tsv.xz; further columns are ignored
    folder/                     every .tsv, .tsv.gz and .tsv.xz in it
    news.en                     a file whose line-aligned partner is news.hi (`news` alone means the same)
    samanantar:hi               ai4bharat/samanantar, configuration hi
    hub:owner/name:config       any Hub data set with a pair of columns this module can find
"""

from __future__ import annotations

import gzip
import http.client
import itertools
import lzma
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import DataError, InputError, NetworkError, missing_package
from ..paths import assets_dir, reason

Pair = tuple[str, str]

_TSV = (".tsv", ".tsv.gz", ".tsv.xz")


@dataclass(frozen=True)
class Source:
    """One source and how often each of its pairs is seen in an epoch (1.0 = once; fractions are sampled)."""

    name: str
    weight: float = 1.0


def parse_source(text: str) -> Source:
    """`NAME` or `NAME=WEIGHT`. DataError for a weight that is not above zero."""
    name, equals, weight = text.rpartition("=")
    try:
        number = float(weight)
    except ValueError:
        return Source(text)
    if not equals:
        return Source(text)
    if not 0 < number <= 1000:
        raise DataError(f"source '{text}': the weight is {weight}; it must be above 0 and at most 1000")
    return Source(name, number)


def parse_sources(texts: Sequence[str], src_lang: str, tgt_lang: str) -> list[Source]:
    """Each text as a source; `news.en news.hi`, the two sides of one pair of files, are one source."""
    sources = [parse_source(text) for text in texts]
    names = {source.name for source in sources}
    return [
        source for source in sources
        if not (source.name.endswith(f".{tgt_lang}") and f"{source.name.removesuffix(tgt_lang)}{src_lang}" in names)
    ]  # fmt: skip


def read_pairs(source: Source, src_lang: str, tgt_lang: str, limit: int = 0) -> Iterator[Pair]:
    """The pairs of a source as they stand there, uncleaned; at most `limit` of them if that is not 0.

    Raises InputError for what is not there or is not text, NetworkError for what cannot be fetched.
    """
    pairs = _pairs(source.name, src_lang, tgt_lang)
    return itertools.islice(pairs, limit) if limit else pairs


def _pairs(name: str, src_lang: str, tgt_lang: str) -> Iterator[Pair]:
    if name == "bundled":
        return _read_tsv(assets_dir() / "sample" / "pairs.tsv.xz")
    if name.startswith("samanantar:"):
        return _read_hub("ai4bharat/samanantar", name.partition(":")[2], src_lang, tgt_lang)
    if name.startswith("hub:"):
        owner_and_name, _, config = name.removeprefix("hub:").partition(":")
        return _read_hub(owner_and_name, config or None, src_lang, tgt_lang)
    path = Path(name)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.endswith(_TSV))
        if not files:
            raise InputError(f"the folder '{path}' holds no .tsv, .tsv.gz or .tsv.xz file")
        return itertools.chain.from_iterable(_read_tsv(file) for file in files)
    if name.endswith(_TSV):
        return _read_tsv(path)
    stem = name.removesuffix(f".{src_lang}").removesuffix(f".{tgt_lang}")
    sides = Path(f"{stem}.{src_lang}"), Path(f"{stem}.{tgt_lang}")
    if all(side.is_file() for side in sides):
        return _read_aligned(*sides)
    if path.exists():
        raise InputError(f"'{path}' is neither a .tsv file nor one of a pair '{sides[0].name}' and '{sides[1].name}'")
    raise InputError(
        f"there is no source '{name}'; give a .tsv file, a folder of them, a pair of files, "
        f"samanantar:{tgt_lang}, hub:owner/name, or bundled"
    )


def open_text(path: Path) -> IO[str]:
    """A text file, decompressed by its ending, as UTF-8 with invalid bytes reported as InputError when read."""
    try:
        if path.name.endswith(".gz"):
            return gzip.open(path, "rt", encoding="utf-8-sig", newline="\n")
        if path.name.endswith(".xz"):
            return lzma.open(path, "rt", encoding="utf-8-sig", newline="\n")
        return path.open(encoding="utf-8-sig", newline="\n")
    except OSError as error:
        raise InputError(f"cannot read '{path}': {reason(error)}") from error


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file without their ends; InputError names the line where reading fails."""
    read = 0  # lines
    with open_text(path) as handle:
        try:
            for line in handle:
                yield line.rstrip("\r\n")
                read += 1
        except UnicodeDecodeError as error:
            raise InputError(
                f"'{path}' is not UTF-8 near line {read + 1} ({error.reason}); "
                f"convert it, for example with: iconv -f latin1 -t utf-8"
            ) from error
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise InputError(f"'{path}' is damaged near line {read + 1}: {error}") from error


def _read_tsv(path: Path) -> Iterator[Pair]:
    """A line without a tab is passed on as a pair with an empty side: cleaning counts and drops it."""
    for line in read_lines(path):
        columns = line.split("\t")
        yield columns[0], columns[1] if len(columns) > 1 else ""


def _read_aligned(src_path: Path, tgt_path: Path) -> Iterator[Pair]:
    for number, (src, tgt) in enumerate(itertools.zip_longest(read_lines(src_path), read_lines(tgt_path)), 1):
        if src is None or tgt is None:
            short = src_path if src is None else tgt_path
            raise InputError(f"'{short}' ends after {number - 1} lines, before its partner; the two must be aligned")
        yield src, tgt


def _read_hub(repository: str, config: str | None, src_lang: str, tgt_lang: str) -> Iterator[Pair]:
    if not repository:
        raise InputError("hub: needs the name of a data set behind it, as in hub:owner/name")
    rows = hub_rows(repository, config)
    first = next(rows, None)
    if first is None:
        raise DataError(f"the data set '{repository}' is empty")
    read = _column_reader(first, repository, src_lang, tgt_lang)
    yield read(first)
    for row in rows:
        yield read(row)


def hub_rows(
    repository: str, config: str | None, split: str = "train", revision: str | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of a Hub data set, streamed. HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE are honoured by the library.

    NetworkError for whatever the library raises.
    """
    if Path(repository).exists():  # the library would read it instead of the Hub, without a word
        raise InputError(f"a folder '{repository}' here hides the data set of that name; go to another folder")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    try:
        import datasets
        import huggingface_hub
    except ImportError as error:
        raise missing_package("datasets", f"reading '{repository}' from the Hugging Face Hub") from error
    try:
        if not datasets.config.HF_HUB_OFFLINE:  # one question first: load_dataset asks a dead server for half a minute
            huggingface_hub.HfApi().dataset_info(repository, revision=revision, timeout=30)
        yield from datasets.load_dataset(repository, config, split=split, revision=revision, streaming=True)
    except Exception as error:  # the library raises a wide family; to a user they are one thing
        raise hub_error(repository, error) from error


def hub_revision(repository: str, revision: str | None = None) -> str:
    """The commit that a branch of a Hub data set stands at (the main one if not given). NetworkError as `hub_rows`."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise missing_package("huggingface_hub", f"reading '{repository}' from the Hugging Face Hub") from error
    try:
        return str(huggingface_hub.HfApi().dataset_info(repository, revision=revision, timeout=30).sha)
    except Exception as error:
        raise hub_error(repository, error) from error


def hub_error(repository: str, error: Exception) -> NetworkError:
    """What a user is told of anything that goes wrong with the Hub."""
    return NetworkError(
        f"cannot read '{repository}' from the Hugging Face Hub: {_hub_reason(error)}; "
        f"check the name, the connection, and HF_TOKEN if it is gated"
    )


def _hub_reason(error: Exception) -> str:
    """Why, as a part of a sentence: the library's messages are paragraphs, and one of them quotes the token."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"it answers {status} {http.client.responses.get(status, '')}".rstrip()
    if "Bearer " in str(error):
        return "the token holds a character that no token has"
    sentences = [part for part in re.split(r"\.?\s*\n\s*|\.\s+|\.$", str(error).strip()) if part]
    return "; ".join([*sentences[:1], *(part[0].lower() + part[1:] for part in sentences[1:2])]) or type(error).__name__


def _text(value: object) -> str:
    """A cell that is no text is an empty side: cleaning counts and drops it."""
    return value if isinstance(value, str) else ""


def _column_reader(row: dict[str, Any], repository: str, src_lang: str, tgt_lang: str) -> Any:
    """How a row gives its pair: columns src/tgt, the language codes, or a `translation` dictionary of them."""
    translation = row.get("translation")
    if isinstance(translation, dict) and {src_lang, tgt_lang} <= set(translation):
        return lambda r: (_text(r["translation"][src_lang]), _text(r["translation"][tgt_lang]))
    for src, tgt in (("src", "tgt"), (src_lang, tgt_lang), ("source", "target")):
        if src in row and tgt in row:
            return lambda r: (_text(r[src]), _text(r[tgt]))
    raise DataError(
        f"the data set '{repository}' has the columns {', '.join(row)}; "
        f"expected src and tgt, {src_lang} and {tgt_lang}, or translation"
    )
