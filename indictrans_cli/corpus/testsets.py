"""Test sets: sentences with reference translations, to score systems on and to keep out of training.

A test set is named, or is files. The named ones come from the Hugging Face Hub once, at one commit, and are kept in the
cache with that commit and a checksum; what is read from the cache later is checked against it. `NAME@COMMIT` takes another.

    flores200:dev  flores200:devtest  ntrex128  in22:gen (or in22)  in22:conv
    news.en  (beside news.hi; `news` alone means the same)
    news.tsv (English, tab, Hindi, and if there is one more column, the domain)
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError, InputError
from ..paths import atomic_dir, cache_dir
from .sources import hub_revision, hub_rows, read_lines

FILES = ("src.txt", "ref.txt", "domain.txt", "test.json")


@dataclass(frozen=True)
class TestSet:
    """Line-aligned sentences and references. Without sources, only translations that are there can be scored."""

    name: str
    sources: list[str] | None
    references: list[str]
    domains: list[str] | None  # what each sentence is about, where the test set says so
    origin: str  # the files, or the data set and its commit

    @property
    def checksum(self) -> str:
        """SHA-256 of the references (see `text_checksum`)."""
        return text_checksum(self.references)

    @property
    def known_as(self) -> str:
        """The named test set whose references these are, to the letter, wherever they were read; or nothing."""
        checksum = self.checksum
        return next((name for name, known in KNOWN.items() if known.checksum == checksum), "")


@dataclass(frozen=True)
class KnownSet:
    """Where a named test set lies on the Hub, and what is known of it."""

    repository: str
    config: str | None  # `language`: one configuration for each language, with the same sentences
    split: str
    sentences: int  # as published
    licence: str
    checksum: str = ""  # of the references that this project's own figures were measured on, where it has any


KNOWN = {
    "flores200:dev": KnownSet(
        "facebook/flores", "language", "dev", 997, "CC BY-SA 4.0",
        "f4d25589ad61cac0212067de2aeef1d970a882fc2add751f6a9518863cef7f69",
    ),
    "flores200:devtest": KnownSet("facebook/flores", "language", "devtest", 1012, "CC BY-SA 4.0"),
    "ntrex128": KnownSet(
        "mteb/NTREX", None, "test", 1997, "CC BY-SA 4.0",
        "c6eb446e6603eaf86e20121804e6ed156b9bb70eac56a622ece8c26a8a8b51e9",
    ),
    "in22:gen": KnownSet("ai4bharat/IN22-Gen", None, "test", 1024, "CC BY 4.0"),
    "in22:conv": KnownSet("ai4bharat/IN22-Conv", None, "test", 1503, "CC BY 4.0"),
}  # fmt: skip
_ALIASES = {"in22": "in22:gen"}
_LANGUAGES = ("eng_Latn", "hin_Deva")
_TABLES = (".tsv", ".tsv.gz", ".tsv.xz")


def open_test_set(text: str) -> TestSet:
    """The test set of that name, fetched if it is not in the cache, or of those files.

    InputError or DataError for files that cannot be used, NetworkError where the Hub gives no answer.
    """
    name, commit = _split_commit(text)
    if name in KNOWN:
        return _read_cached(fetch(name, commit))
    if text.endswith(_TABLES):
        return _read_tsv(Path(text))
    stem = text.removesuffix(".en").removesuffix(".hi")
    if Path(f"{stem}.en").is_file() and Path(f"{stem}.hi").is_file():
        return read_files(Path(f"{stem}.en"), Path(f"{stem}.hi"), name=recorded_name(text))
    raise InputError(
        f"there is no test set '{text}': neither files '{stem}.en' and '{stem}.hi' nor one of {', '.join(KNOWN)}"
    )


def read_files(src: Path | None, ref: Path, name: str | None = None) -> TestSet:
    """A test set of one or two files, a sentence a line. DataError where they are not line-aligned or are empty."""
    references = list(read_lines(ref))
    sources = list(read_lines(src)) if src is not None else None
    if not any(line.strip() for line in references):
        raise DataError(f"there is nothing to score: the test set is empty ('{ref}')")
    if sources is not None and len(sources) != len(references):
        raise DataError(
            f"'{src}' has {len(sources)} lines and '{ref}' {len(references)}; they must be line-aligned, and "
            f"{first_without_partner(src, sources, ref, references)}"
        )
    origin = f"{src} and {ref}" if src is not None else str(ref)
    return TestSet(name or str(ref), sources, references, None, origin)


def first_without_partner(one: object, lines: Sequence[str], other: object, others: Sequence[str]) -> str:
    """The first place where the longer of two lists of lines goes on alone, as a part of a sentence."""
    (where, longer), shorter = ((one, lines), others) if len(lines) > len(others) else ((other, others), lines)
    text = " ".join(longer[len(shorter)].split())
    shown = f"{text[:40]}…" if len(text) > 40 else text
    return f"line {len(shorter) + 1} of '{where}' is the first without a partner (\"{shown}\")"


def recorded_name(text: str) -> str:
    """The name that the test set of `text` has (see `open_test_set`), which need not be there any more."""
    name, _ = _split_commit(text)
    if name in KNOWN:
        return name
    if text.endswith(_TABLES):
        return Path(text).name.partition(".tsv")[0]
    return Path(text.removesuffix(".en").removesuffix(".hi")).name


def _split_commit(text: str) -> tuple[str, str]:
    """NAME@COMMIT in two, the name as KNOWN has it."""
    name, _, commit = text.partition("@")
    return _ALIASES.get(name, name), commit


def excluded_files(names: Sequence[str]) -> list[Path]:
    """Files of what `--exclude` names: those of a named test set, both sides, and files as they are."""
    paths: list[Path] = []
    for text in names:
        name, commit = _split_commit(text)
        if name in KNOWN:
            folder = fetch(name, commit)
            paths += [folder / "src.txt", folder / "ref.txt"]
        else:
            paths.append(Path(text))
    return paths


def fetch(name: str, commit: str = "") -> Path:
    """The folder in the cache that holds a named test set, fetched if need be; at `commit`, if one is given.

    DataError where it has not as many sentences as were published.
    """
    label = name.replace(":", "-") + (f"@{commit}" if commit else "")
    folder = cache_dir() / "tests" / label
    if (folder / "test.json").is_file():
        return folder
    known = KNOWN[name]
    revision = hub_revision(known.repository, commit or None)
    rows = list(_rows(known, revision))
    if len(rows) != known.sentences:
        raise DataError(
            f"'{known.repository}' at {revision[:12]} has {len(rows)} sentences; {name} has {known.sentences}; "
            f"name an earlier commit with --test {name}@COMMIT"
        )
    columns = {"src.txt": [row[0] for row in rows], "ref.txt": [row[1] for row in rows]}
    if all(row[2] for row in rows):
        columns["domain.txt"] = [row[2] for row in rows]
    with atomic_dir(folder, FILES) as temporary:
        for file, lines in columns.items():
            (temporary / file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        info = {
            "name": name,
            "repository": known.repository,
            "revision": revision,
            "split": known.split,
            "licence": known.licence,
            "checksums": {file: text_checksum(lines) for file, lines in columns.items()},
        }
        (temporary / "test.json").write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    return folder


def text_checksum(lines: Sequence[str]) -> str:
    """SHA-256 of lines, each ended by a line feed, white space as single spaces: so that it holds for any copy of a text."""
    return hashlib.sha256("".join(f"{' '.join(line.split())}\n" for line in lines).encode()).hexdigest()


def _rows(known: KnownSet, revision: str) -> Iterator[tuple[str, str, str]]:
    """Source, reference and domain of each sentence, each on one line."""
    if known.config == "language":
        sides = [hub_rows(known.repository, language, known.split, revision) for language in _LANGUAGES]
        pairs: Iterator[tuple[Any, Any]] = itertools.zip_longest(*sides, fillvalue={})
    else:
        pairs = ((row, row) for row in hub_rows(known.repository, known.config, known.split, revision))
    for number, (src, ref) in enumerate(pairs, 1):
        if src.get("id") != ref.get("id"):
            raise DataError(f"'{known.repository}' is not aligned at row {number}: {src.get('id')}, {ref.get('id')}")
        texts = [_column(row, language, known) for row, language in zip((src, ref), _LANGUAGES, strict=True)]
        yield texts[0], texts[1], " ".join(str(src.get("domain") or "").split())


def _column(row: dict[str, Any], language: str, known: KnownSet) -> str:
    for name in (language, f"sentence_{language}", "sentence", "text"):
        if isinstance(row.get(name), str):
            return " ".join(row[name].split())
    raise DataError(f"'{known.repository}' has the columns {', '.join(row) or 'none'}; expected {language} or sentence")


def _read_cached(folder: Path) -> TestSet:
    """DataError where a file is not what was fetched."""
    try:
        info = json.loads((folder / "test.json").read_text(encoding="utf-8"))
        columns = {file: list(read_lines(folder / file)) for file in info["checksums"]}
        whole = all(text_checksum(lines) == info["checksums"][file] for file, lines in columns.items())
        if not whole:
            raise ValueError("a file has changed")
        origin = f"{info['repository']} at {info['revision'][:12]}"
        return TestSet(info["name"], columns["src.txt"], columns["ref.txt"], columns.get("domain.txt"), origin)
    except (InputError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{folder}' is not the test set that was fetched; remove it to fetch it again") from error


def _read_tsv(path: Path) -> TestSet:
    rows = [line.split("\t") for line in read_lines(path)]
    if not rows:
        raise DataError(f"there is nothing to score: the test set is empty ('{path}')")
    for number, row in enumerate(rows, 1):
        if len(row) < 2 or not row[0].strip() or not row[1].strip():
            raise DataError(f"line {number} of '{path}' is no sentence and its reference with a tab between them")
    domains = [row[2].strip() if len(row) > 2 else "" for row in rows]
    return TestSet(
        recorded_name(str(path)),
        [row[0] for row in rows],
        [row[1] for row in rows],
        domains if all(domains) else None,
        str(path),
    )
