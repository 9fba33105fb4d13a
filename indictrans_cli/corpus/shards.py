"""The folder of prepared data: what `ctx prepare` writes and `ctx train` reads.

data.json             languages, sources, what cleaning dropped, checksums, format version
tokenizer.model       the SentencePiece vocabulary the tokens refer to
train.safetensors     src_tokens, tgt_tokens (uint16 or int32, all sentences end to end, each ended by </s>),
                      src_offsets, tgt_offsets (int64, one more than there are pairs), source (uint8: which source)
valid.safetensors     the same, of the held-out pairs
valid.tsv             the held-out pairs as text
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..paths import reason
from ..tokenizer import Tokenizer

FORMAT_VERSION = 1
FILES = ("data.json", "tokenizer.model", "train.safetensors", "valid.safetensors", "valid.tsv")


@dataclass(frozen=True)
class TokenPairs:
    """Tokenised sentence pairs in flat arrays. Pair i's source is src_tokens[src_offsets[i] : src_offsets[i + 1]]."""

    src_tokens: NDArray[Any]
    src_offsets: NDArray[np.int64]
    tgt_tokens: NDArray[Any]
    tgt_offsets: NDArray[np.int64]
    source: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.source)

    @functools.cached_property
    def src_lengths(self) -> NDArray[np.int64]:
        """Tokens of each source, its </s> included."""
        return np.diff(self.src_offsets)

    @functools.cached_property
    def tgt_lengths(self) -> NDArray[np.int64]:
        """Tokens of each target, its </s> included."""
        return np.diff(self.tgt_offsets)

    def sentence(self, side: int, index: int) -> list[int]:
        """The tokens of pair `index`, its source (side 0) or target (side 1), its </s> included."""
        tokens, offsets = ((self.src_tokens, self.src_offsets), (self.tgt_tokens, self.tgt_offsets))[side]
        ids: list[int] = tokens[offsets[index] : offsets[index + 1]].tolist()
        return ids

    def counts(self) -> dict[str, int]:
        """How much there is, for data.json."""
        return {"pairs": len(self), "src_tokens": len(self.src_tokens), "tgt_tokens": len(self.tgt_tokens)}

    def save(self, path: Path) -> None:
        from safetensors.numpy import save

        path.write_bytes(save({name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}))

    @classmethod
    def load(cls, path: Path) -> TokenPairs:
        """DataError where the file is missing or is not what `save` writes."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            arrays = load_file(path)
            pairs = cls(**{name: arrays[name] for name in _ARRAYS})
        except OSError as error:
            raise DataError(f"cannot read '{path}': {reason(error)}; run 'ctx prepare' again") from error
        except (SafetensorError, KeyError) as error:
            raise DataError(f"'{path}' is damaged ({error}); run 'ctx prepare' again") from error
        for tokens, offsets in ((pairs.src_tokens, pairs.src_offsets), (pairs.tgt_tokens, pairs.tgt_offsets)):
            if len(offsets) != len(pairs) + 1 or offsets[0] != 0 or offsets[-1] != len(tokens):
                raise DataError(f"'{path}' is inconsistent; run 'ctx prepare' again")
        return pairs


_ARRAYS = ("src_tokens", "src_offsets", "tgt_tokens", "tgt_offsets", "source")


class TokenPairsBuilder:
    """Collects token lists and gives them as TokenPairs."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._dtype = np.uint16 if tokenizer.vocab_size <= 2**16 else np.int32
        self._chunks: tuple[list[NDArray[Any]], list[NDArray[Any]]] = ([], [])
        self._lengths: tuple[list[int], list[int]] = ([], [])
        self._sources: list[int] = []

    def add(self, pairs: Sequence[tuple[str, str]], source: int) -> int:
        """Tokenise and append; returns how many pairs were longer than max_tokens on a side and left out."""
        encode = self._tokenizer.encode
        return self.add_tokens(encode([src for src, _ in pairs]), encode([tgt for _, tgt in pairs]), source)

    def add_tokens(self, src: list[list[int]], tgt: list[list[int]], source: int) -> int:
        """`add`, of sentences that are tokens already (without </s>)."""
        eos, dropped = self._tokenizer.eos_id, 0
        flat: tuple[list[int], list[int]] = ([], [])
        for both in zip(src, tgt, strict=True):
            if max(map(len, both)) >= self._max_tokens:
                dropped += 1
                continue
            for side, tokens in enumerate(both):
                flat[side].extend(tokens)
                flat[side].append(eos)
                self._lengths[side].append(len(tokens) + 1)
            self._sources.append(source)
        for side in (0, 1):
            self._chunks[side].append(np.array(flat[side], dtype=self._dtype))
        return dropped

    def build(self) -> TokenPairs:
        def joined(side: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
            tokens = np.concatenate(self._chunks[side]) if self._chunks[side] else np.zeros(0, self._dtype)
            return tokens, np.concatenate([[0], np.cumsum(self._lengths[side], dtype=np.int64)]).astype(np.int64)

        return TokenPairs(*joined(0), *joined(1), np.array(self._sources, dtype=np.uint8))


@dataclass(frozen=True)
class PreparedData:
    """A folder of prepared data, opened."""

    folder: Path
    info: dict[str, Any]  # data.json
    tokenizer: Tokenizer
    train: TokenPairs
    valid: TokenPairs

    @property
    def weights(self) -> list[float]:
        """The weight of each source, by its number in `TokenPairs.source`."""
        return [float(source["weight"]) for source in self.info["sources"]]

    @property
    def languages(self) -> tuple[str, str]:
        return self.info["source_language"], self.info["target_language"]

    def valid_text(self) -> list[tuple[str, str]]:
        """The held-out pairs as text."""
        lines = (self.folder / "valid.tsv").read_text(encoding="utf-8").splitlines()
        return [(src, tgt) for src, _, tgt in (line.partition("\t") for line in lines)]


def open_data(folder: Path) -> PreparedData:
    """DataError where `folder` is not a whole folder written by `ctx prepare` of this version."""
    try:
        info = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"'{folder}' is not a folder of prepared data (no data.json); make one with 'ctx prepare'"
        ) from error
    except ValueError as error:
        raise DataError(f"'{folder / 'data.json'}' is damaged: {error}; run 'ctx prepare' again") from error
    if not isinstance(info, dict) or info.get("format_version") != FORMAT_VERSION:
        raise DataError(f"'{folder}' was written by another version of ctx; run 'ctx prepare' again")
    if not {"files", "sources", "train", "valid", "source_language", "target_language"} <= set(info):
        raise DataError(f"'{folder / 'data.json'}' is incomplete; run 'ctx prepare' again")
    for name, checksum in info["files"].items():
        if not (folder / name).is_file() or file_checksum(folder / name) != checksum:
            raise DataError(f"'{folder / name}' is missing or not what was prepared; run 'ctx prepare' again")
    return PreparedData(
        folder,
        info,
        Tokenizer.load(folder / "tokenizer.model"),
        TokenPairs.load(folder / "train.safetensors"),
        TokenPairs.load(folder / "valid.safetensors"),
    )


def file_checksum(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
