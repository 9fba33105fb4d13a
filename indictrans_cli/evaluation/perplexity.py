"""How surprised a model is by reference translations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..corpus.shards import TokenPairsBuilder
from ..errors import DataError
from ..model.load import load_transformer
from ..model.loss import Objective, chunked_loss
from ..model_directory import ModelDirectory
from ..text import normalize
from ..training.batches import Batches


@dataclass(frozen=True)
class Perplexity:
    """Negative log-likelihood of references given their sources, under teacher forcing."""

    nats: float  # a token, </s> included
    tokens: int

    @property
    def value(self) -> float:
        return math.exp(self.nats)


def perplexity(directory: ModelDirectory, pairs: Sequence[tuple[str, str]], device: torch.device) -> Perplexity:
    """Of (source, reference) pairs of text, tokenised by the model's own tokenizer. Comparable between models of one
    vocabulary only."""
    tokenizer = directory.tokenizer()
    builder = TokenPairsBuilder(tokenizer, directory.config.max_length)
    builder.add([(normalize(src), normalize(tgt)) for src, tgt in pairs], 0)
    token_pairs = builder.build()
    if not len(token_pairs):
        raise DataError("there is nothing to score: no pair is short enough for the model")
    model = load_transformer(directory, device)
    batches = Batches(token_pairs, [1.0], 4096, pad_id=model.config.pad_id, bos_id=model.config.bos_id, seed=0)
    nll = 0.0
    with torch.inference_mode():
        for batch in batches.in_order():
            labels = batch.labels.to(device)
            real = labels != model.config.pad_id
            output = model.output(model(batch.src.to(device), batch.tgt.to(device))[real])
            nll += float(chunked_loss(Objective(), output, labels[real])[1])
    return Perplexity(nll / len(token_pairs.tgt_tokens), len(token_pairs.tgt_tokens))
