"""The model directory: the one hand-over between training, translating, scoring and exporting.

    config.json         architecture, languages, how the weights are stored, format version
    model.safetensors   weights, under the names of `model.transformer.Transformer`
    tokenizer.model     SentencePiece
    MODEL_CARD.md       data, licences, scores, how it was trained

Weights are stored as float32, bfloat16, float16, or int8 (matrices only, each row divided by its own float32 scale, kept
under the matrix's name with `.scale` appended). Reading needs numpy alone, so that translating needs no torch.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import ModelConfig, from_dict
from .errors import ModelError, OptionError
from .paths import atomic_dir, reason
from .tokenizer import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Weights = dict[str, NDArray[np.float32]]

FORMAT_VERSION = 1
STORAGE = ("float32", "bfloat16", "float16", "int8")
ESSENTIAL = ("config.json", "model.safetensors", "tokenizer.model")  # what a model is; its content hash is of these
#: what a model directory may hold; a folder that holds more is the user's, and is never replaced
OURS = (*ESSENTIAL, "MODEL_CARD.md", "ctranslate2")


@dataclass(frozen=True)
class ModelDirectory:
    """A model directory, opened and checked as far as its config goes."""

    path: Path
    config: ModelConfig
    src_lang: str
    tgt_lang: str
    storage: str  # how model.safetensors holds the weights: one of STORAGE

    @property
    def tokenizer_path(self) -> Path:
        return self.path / "tokenizer.model"

    @functools.cached_property
    def content_hash(self) -> str:
        """What the model is, in 32 hexadecimal digits: equal for equal config, weights and tokenizer."""
        digest = hashlib.sha256()
        for name in ESSENTIAL:
            digest.update(hashlib.sha256((self.path / name).read_bytes()).digest())
        return digest.hexdigest()[:32]

    def tokenizer(self) -> Tokenizer:
        """Its vocabulary. ModelError where it is not the one the config speaks of."""
        tokenizer = Tokenizer.load(self.tokenizer_path)
        if tokenizer.vocab_size != self.config.vocab_size or tokenizer.special_ids != self.config.special_ids:
            raise ModelError(
                f"'{self.tokenizer_path}' has {tokenizer.vocab_size} pieces and the special ids {tokenizer.special_ids}; "
                f"the config says {self.config.vocab_size} and {self.config.special_ids}"
            )
        return tokenizer

    def card(self) -> str:
        """Its model card, or nothing where it has none."""
        path = self.path / "MODEL_CARD.md"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def weights(self) -> Weights:
        """All weights as float32 arrays. ModelError where the file is damaged or does not fit the config."""
        weights = _read_weights(self.path / "model.safetensors")
        expected = self.config.weight_shapes()
        for name, shape in expected.items():
            if name not in weights:
                raise ModelError(
                    f"'{self.path / 'model.safetensors'}' lacks the weight '{name}' that its config asks for"
                )
            if weights[name].shape != shape:
                raise ModelError(
                    f"'{self.path / 'model.safetensors'}': '{name}' has the shape {weights[name].shape}, "
                    f"where the config asks for {shape}"
                )
        extra = sorted(set(weights) - set(expected))
        if extra:
            raise ModelError(f"'{self.path / 'model.safetensors'}' holds '{extra[0]}', which the config does not know")
        return weights


def open_model(path: Path) -> ModelDirectory:
    """ModelError where `path` is not a model directory of a format this version reads."""
    if not path.is_dir():
        raise ModelError(f"there is no model directory '{path}'; 'ctx models list' shows what is there")
    for name in ESSENTIAL:
        if not (path / name).is_file():
            raise ModelError(f"'{path}' is not a model directory: it has no {name}")
    where = f"'{path / 'config.json'}'"
    try:
        values = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{where} is not JSON ({error}); get the model again, or export it again") from error
    if not isinstance(values, dict) or not isinstance(values.get("architecture"), dict):
        raise ModelError(f"{where} describes no architecture; it is not a model directory of ctx")
    if values.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{where} has format version {values.get('format_version')!r}; this ctx reads {FORMAT_VERSION}"
        )
    src_lang, tgt_lang = values.get("source_language"), values.get("target_language")
    if not (isinstance(src_lang, str) and src_lang and isinstance(tgt_lang, str) and tgt_lang):
        raise ModelError(f"{where} names no source_language and target_language")
    if values.get("storage") not in STORAGE:
        raise ModelError(f"{where}: storage is {values.get('storage')!r}; it should be one of {', '.join(STORAGE)}")
    return ModelDirectory(
        path, from_dict(ModelConfig, values["architecture"], where), src_lang, tgt_lang, values["storage"]
    )


def save_model(
    path: Path,
    config: ModelConfig,
    weights: Mapping[str, NDArray[np.float32]],
    tokenizer: bytes,
    card: str,
    *,
    src_lang: str,
    tgt_lang: str,
    storage: str = "float32",
) -> ModelDirectory:
    """Write a model directory, in the place of one that is there. `weights` are float32 arrays (what `weights()` gives)."""
    import numpy as np

    if storage not in STORAGE:
        raise OptionError(f"weights cannot be stored as {storage}; use {', '.join(STORAGE)}")
    stored: dict[str, tuple[str, NDArray[Any]]] = {}  # name: (safetensors' name of the dtype, array)
    for name, array in weights.items():
        if storage == "int8" and array.ndim == 2:
            quantized, scale = quantize_rows(array)
            stored[name], stored[f"{name}.scale"] = ("I8", quantized), ("F32", scale)
        elif storage == "bfloat16":
            stored[name] = "BF16", _to_bfloat16(array)
        elif storage == "float16":
            stored[name] = "F16", array.astype(np.float16)
        else:
            stored[name] = "F32", array.astype(np.float32)
    values = {
        "format_version": FORMAT_VERSION,
        "source_language": src_lang,
        "target_language": tgt_lang,
        "storage": storage,
        "architecture": dataclasses.asdict(config),
    }
    with atomic_dir(path, OURS) as folder:
        (folder / "config.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        write_safetensors(folder / "model.safetensors", stored)
        (folder / "tokenizer.model").write_bytes(tokenizer)
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    return open_model(path)


def quantize_rows(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(rows, columns) -> int8 values and a scale a row (rows,), so that values / scale is close to the matrix.

    CTranslate2's own rule: the largest magnitude of a row becomes 127, the rest is rounded. Its int8 copies of a model
    stored this way therefore hold the very same numbers.
    """
    import numpy as np

    largest = np.abs(matrix).max(axis=1)
    scale = np.where(largest == 0, 1.0, 127.0 / np.where(largest == 0, 1.0, largest)).astype(np.float32)
    return np.rint(matrix * scale[:, None]).astype(np.int8), scale


def _read_weights(path: Path) -> Weights:
    """A safetensors file as float32 arrays. The format: 8 bytes of length, a JSON header of that length, the data."""
    import numpy as np

    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read '{path}': {reason(error)}") from error
    raw: dict[str, NDArray[Any]] = {}
    try:
        header_end = 8 + int.from_bytes(content[:8], "little")
        data = memoryview(content)[header_end:]
        for name, entry in json.loads(content[8:header_end]).items():
            if name == "__metadata__":
                continue
            start, end = entry["data_offsets"]
            array = np.frombuffer(data[start:end], dtype=_NUMPY_DTYPES[entry["dtype"]]).reshape(entry["shape"])
            if entry["dtype"] == "BF16":  # the upper half of a float32
                array = (array.astype(np.uint32) << 16).view(np.float32)
            raw[name] = array
        weights = {}
        for name, array in raw.items():
            if name.endswith(".scale"):
                continue
            values = array.astype(np.float32)
            weights[name] = values / raw[f"{name}.scale"][:, None] if array.dtype == np.int8 else values
        return weights
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelError(
            f"'{path}' is damaged or no safetensors file of weights ({error}); get the model again"
        ) from error


def write_safetensors(path: Path, arrays: Mapping[str, tuple[str, NDArray[Any]]]) -> None:
    """The counterpart of `_read_weights`: safetensors' own numpy writer knows no bfloat16."""
    import numpy as np

    header: dict[str, Any] = {}
    blocks: list[bytes] = []
    end = 0
    for name, (dtype, array) in sorted(arrays.items(), key=lambda item: (-item[1][1].itemsize, item[0])):
        blocks.append(np.ascontiguousarray(array).tobytes())
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [end, end + len(blocks[-1])]}
        end += len(blocks[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the data begin on a multiple of 8 bytes
    path.write_bytes(b"".join([len(text).to_bytes(8, "little"), text, *blocks]))


_NUMPY_DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I8": "i1"}


def _to_bfloat16(array: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper halves of float32 numbers, rounded to nearest even."""
    import numpy as np

    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
