"""The reference engine: our own Transformer and beam search, in PyTorch, in float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from ..config import SearchConfig
from ..decoding.beam import beam_search
from ..model.load import load_transformer
from ..model_directory import ModelDirectory
from .base import Translation


class TorchEngine:
    """A model directory, run by this package alone."""

    BATCH = 32  # sentences

    def __init__(self, directory: ModelDirectory, device: torch.device) -> None:
        self._tokenizer = directory.tokenizer()
        self._model = load_transformer(directory, device)
        self._device = device

    def translate(self, sentences: Sequence[str], search: SearchConfig) -> list[Translation]:
        """The best translation of each sentence (see `Engine`)."""
        config = self._model.config
        search = replace(search, max_length=min(search.max_length, config.max_length))
        rows = [[*ids[: config.max_length - 1], config.eos_id] for ids in self._tokenizer.encode(list(sentences))]
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        translations: list[Translation] = [Translation("", 0.0)] * len(rows)
        for start in range(0, len(order), self.BATCH):
            chosen = order[start : start + self.BATCH]
            longest = max(len(rows[index]) for index in chosen)
            src = torch.tensor([rows[index] + [config.pad_id] * (longest - len(rows[index])) for index in chosen])
            best = [hypotheses[0] for hypotheses in beam_search(self._model, src.to(self._device), search)]
            texts = self._tokenizer.decode([hypothesis.tokens for hypothesis in best])
            for index, text, hypothesis in zip(chosen, texts, best, strict=True):
                translations[index] = Translation(text, hypothesis.score)
        return translations
