"""`ctx prepare`: sources, through cleaning, a split and a tokenizer, to a folder of prepared data."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import DataError, OptionError
from ..paths import atomic_dir
from ..tokenizer import Tokenizer, train_tokenizer
from .clean import Cleaner, skeleton
from .shards import FILES, FORMAT_VERSION, TokenPairs, TokenPairsBuilder, file_checksum
from .sources import Pair, Source, read_lines, read_pairs


@dataclass(frozen=True)
class PrepareConfig:
    """What `ctx prepare` does with its sources."""

    src_lang: str = "en"
    tgt_lang: str = "hi"
    vocab_size: int = 0  # pieces, when a tokenizer is trained; 0: up to 8,000, as many as the text can fill
    valid_pairs: int = 1000  # about how many are held out; at most a twentieth of all
    max_tokens: int = 200  # longer pairs, on either side, are dropped
    limit: int = 0  # pairs read of each source; 0: all
    seed: int = 1

    def __post_init__(self) -> None:
        if self.vocab_size and self.vocab_size < 300:
            raise OptionError(f"--vocab-size {self.vocab_size}: must be at least 300 (256 of them stand for bytes)")
        if not 0 <= self.seed < 2**31:
            raise OptionError(f"--seed {self.seed}: must be between 0 and {2**31 - 1}")
        if self.max_tokens < 4 or self.valid_pairs < 1 or self.limit < 0:
            raise OptionError("--max-tokens must be at least 4, --valid-pairs at least 1, --limit at least 0")


Progress = Callable[[str, int], None]  # what is being done, and on how many pairs so far


def prepare(
    sources: Sequence[Source],
    out: Path,
    config: PrepareConfig,
    *,
    tokenizer: Tokenizer | None = None,
    exclude: Sequence[Path] = (),
    progress: Progress = lambda stage, done: None,
) -> dict[str, Any]:
    """Clean, split, tokenise and write; returns what stands in data.json.

    `exclude` are test sets, a sentence a line in either language: no training pair may overlap with them. Earlier
    sources win over later ones where they hold the same pair. Prepared data in `out` are replaced. Raises DataError where
    too little is left, OutputError where `out` holds anything else.
    """
    if not sources or len(sources) > 255:
        raise OptionError("give between 1 and 255 sources")
    cleaned, reports = _clean(sources, config, exclude, progress)
    if tokenizer is None:
        total = sum(map(len, cleaned))
        progress("training the tokenizer", total)
        text = _tokenizer_text(cleaned, sources, config.seed)
        wanted = config.vocab_size or min(8000, total)
        tokenizer = train_tokenizer(text, wanted, config.seed, exact=bool(config.vocab_size))
    train, valid, valid_text = _tokenise(
        cleaned, reports, _splitter(cleaned, sources, config), tokenizer, config, progress
    )
    info: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "ctx_version": __version__,
        "source_language": config.src_lang,
        "target_language": config.tgt_lang,
        "settings": asdict(config),
        "sources": reports,
        "train": train.counts(),
        "valid": valid.counts(),
    }
    with atomic_dir(out, FILES) as folder:
        (folder / "tokenizer.model").write_bytes(tokenizer.model)
        (folder / "valid.tsv").write_text("".join(f"{src}\t{tgt}\n" for src, tgt in valid_text), encoding="utf-8")
        train.save(folder / "train.safetensors")
        valid.save(folder / "valid.safetensors")
        info["files"] = {path.name: file_checksum(path) for path in sorted(folder.iterdir())}
        (folder / "data.json").write_text(json.dumps(info, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return info


def _clean(
    sources: Sequence[Source], config: PrepareConfig, exclude: Sequence[Path], progress: Progress
) -> tuple[list[list[Pair]], list[dict[str, Any]]]:
    """Each source's pairs that pass, and each source's report: name, weight, pairs read, pairs dropped by filter."""
    cleaner = Cleaner(line for path in exclude for line in read_lines(path))
    cleaned: list[list[Pair]] = []
    reports: list[dict[str, Any]] = []
    for source in sources:
        kept = []
        for pair in cleaner.clean(read_pairs(source, config.src_lang, config.tgt_lang, config.limit)):
            kept.append(pair)
            if len(kept) % 5000 == 0:
                progress(f"cleaning {source.name}", len(kept))
        cleaned.append(kept)
        read = cleaner.counts["read"]
        reports.append(
            {"name": printable(source.name), "weight": source.weight, "read": read, "dropped": cleaner.dropped()}
        )
    total = sum(map(len, cleaned))
    if total < 20:
        raise DataError(
            f"only {total} pairs are left after cleaning; a model needs thousands "
            f"(read {sum(report['read'] for report in reports)}, dropped: {_top_reasons(reports)})"
        )
    return cleaned, reports


def _tokenise(
    cleaned: Sequence[Sequence[Pair]],
    reports: Sequence[dict[str, Any]],
    is_valid: Callable[[Pair], bool],
    tokenizer: Tokenizer,
    config: PrepareConfig,
    progress: Progress,
) -> tuple[TokenPairs, TokenPairs, list[Pair]]:
    """The training pairs, the held-out pairs, and the latter as text. Completes the reports."""
    train, valid = TokenPairsBuilder(tokenizer, config.max_tokens), TokenPairsBuilder(tokenizer, config.max_tokens)
    valid_text: list[Pair] = []
    done = 0
    for number, (pairs, report) in enumerate(zip(cleaned, reports, strict=True)):
        too_long = 0
        shown = (pair for pair in pairs if not is_valid(pair))
        while chunk := list(itertools.islice(shown, 5000)):
            too_long += train.add(chunk, number)
            done += len(chunk)
            progress("writing tokens", done)
        for pair in filter(is_valid, pairs):
            if valid.add([pair], number):
                too_long += 1
            else:
                valid_text.append(pair)
        if too_long:
            report["dropped"]["tokens"] = too_long
        report["kept"] = len(pairs) - too_long
    return train.build(), valid.build(), valid_text


def _splitter(
    cleaned: Sequence[Sequence[Pair]], sources: Sequence[Source], config: PrepareConfig
) -> Callable[[Pair], bool]:
    """Which pairs are held out: chosen by a hash of the English, so that a sentence is on one side only, everywhere.

    A source is represented in the held-out part as it is in training: in proportion to pairs times weight.
    """
    shown = sum(len(pairs) * source.weight for pairs, source in zip(cleaned, sources, strict=True))
    wanted = min(config.valid_pairs, sum(map(len, cleaned)) // 20)
    rates = [min(0.5, wanted * source.weight / shown) for source in sources]
    # the same English may stand in several sources: it is held out everywhere or nowhere
    held_out: set[str] = set()
    lowest = (2**64, "")  # held out in any case: a run needs something to validate on
    for pairs, rate in zip(cleaned, rates, strict=True):
        for src, _ in pairs:
            key = skeleton(src)
            digest = hashlib.blake2b(key.encode(), digest_size=8, salt=config.seed.to_bytes(8, "little")).digest()
            number = int.from_bytes(digest, "little")
            lowest = min(lowest, (number, key))
            if number < rate * 2**64:
                held_out.add(key)
    held_out.add(lowest[1])
    return lambda pair: skeleton(pair[0]) in held_out


def _tokenizer_text(cleaned: Sequence[Sequence[Pair]], sources: Sequence[Source], seed: int) -> Iterator[str]:
    """Both sides of all sources, each sampled in proportion to its weight: the text as training will see it."""
    highest = max(source.weight for source in sources)
    choose = random.Random(seed)
    for pairs, source in zip(cleaned, sources, strict=True):
        for pair in pairs:
            if choose.random() < source.weight / highest:
                yield from pair


def printable(name: str) -> str:
    """A file's name as text: bytes that are not UTF-8 are written out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _top_reasons(reports: Sequence[dict[str, Any]]) -> str:
    totals: dict[str, int] = {}
    for report in reports:
        for name, count in report["dropped"].items():
            totals[name] = totals.get(name, 0) + count
    worst = sorted(totals.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{name} {count}" for name, count in worst) or "none"
