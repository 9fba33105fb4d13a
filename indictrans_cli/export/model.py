"""To a model directory with weights stored otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ..config import SearchConfig
from ..engines.torch import TorchEngine
from ..model_directory import STORAGE, ModelDirectory, open_model, save_model

DEFAULT_STORAGE = "int8"
__all__ = ["DEFAULT_STORAGE", "STORAGE", "translator", "write"]


def write(directory: ModelDirectory, out: Path, storage: str) -> None:
    save_model(
        out,
        directory.config,
        directory.weights(),
        directory.tokenizer_path.read_bytes(),
        directory.card(),
        src_lang=directory.src_lang,
        tgt_lang=directory.tgt_lang,
        storage=storage,
    )


def translator(folder: Path) -> Callable[[Sequence[str]], list[str]]:
    engine = TorchEngine(open_model(folder), torch.device("cpu"))
    return lambda sentences: [each.text for each in engine.translate(sentences, SearchConfig(max_length=64))]
