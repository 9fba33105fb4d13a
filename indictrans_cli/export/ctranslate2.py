"""To a CTranslate2 model, with the tokenizer beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..engines.ctranslate2 import convert
from ..model_directory import ModelDirectory
from ..tokenizer import Tokenizer

DEFAULT_STORAGE = "int8"
STORAGE = ("int8", "int8_float16", "float16", "float32")


def write(directory: ModelDirectory, out: Path, storage: str) -> None:
    convert(directory, out, storage)
    (out / "tokenizer.model").write_bytes(directory.tokenizer_path.read_bytes())


def translator(folder: Path) -> Callable[[Sequence[str]], list[str]]:
    """Plain CTranslate2 and SentencePiece, as anybody would use the folder."""
    import ctranslate2

    model = ctranslate2.Translator(str(folder))
    tokenizer = Tokenizer.load(folder / "tokenizer.model")

    def translate(sentences: Sequence[str]) -> list[str]:
        results = model.translate_batch(
            tokenizer.pieces(list(sentences)), beam_size=4, max_decoding_length=64, disable_unk=True
        )
        return tokenizer.decode_pieces([result.hypotheses[0] for result in results])

    return translate
