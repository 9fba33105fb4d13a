"""How surprised a model is by reference translations, and how often its first guess is the reference's next token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..corpus.shards import TokenPairsBuilder
from ..errors import DataError
from ..model.load import load_transformer
from ..model_directory import ModelDirectory
from ..text import normalize
from ..training.batches import collate, cut_by_tokens

_BATCH_TOKENS = 4096
_LOGIT_ROWS = 1024  # tokens whose logits, over the whole vocabulary, are held at a time


@dataclass(frozen=True)
class Likelihoods:
    """What a model thinks of targets given their sources, under teacher forcing. One entry a pair, </s> included."""

    nats: NDArray[np.float64]  # (pairs,): negative log-likelihood of the whole target; nan where a pair is too long
    tokens: NDArray[np.int64]  # (pairs,): of the target; 0 where a pair is too long
    right: NDArray[np.int64]  # (pairs,): tokens that are the model's first guess


@dataclass(frozen=True)
class Perplexity:
    """Negative log-likelihood of references given their sources, under teacher forcing."""

    nats: float  # a token, </s> included
    tokens: int
    accuracy: float  # share of tokens that are the model's first guess, 0 to 1
    nats_per_character: float  # comparable between vocabularies, which `nats` is not

    @property
    def value(self) -> float:
        return math.exp(self.nats)


def perplexity(directory: ModelDirectory, pairs: Sequence[tuple[str, str]], device: torch.device) -> Perplexity:
    """Of (source, reference) pairs of text, tokenised by the model's own tokenizer. Comparable between models of one
    vocabulary only. Pairs that are too long for the model are left out."""
    scored = likelihoods(directory, pairs, device)
    whole = scored.tokens > 0
    tokens = int(scored.tokens.sum())
    if not tokens:
        raise DataError("there is nothing to score: no pair is short enough for the model")
    nats = float(scored.nats[whole].sum())
    characters = sum(len(normalize(tgt)) for (_, tgt), keep in zip(pairs, whole, strict=True) if keep)
    return Perplexity(nats / tokens, tokens, int(scored.right.sum()) / tokens, nats / max(1, characters))


def likelihoods(directory: ModelDirectory, pairs: Sequence[tuple[str, str]], device: torch.device) -> Likelihoods:
    """Of (source, target) pairs of text, tokenised by the model's own tokenizer, in float32."""
    tokenizer = directory.tokenizer()
    builder = TokenPairsBuilder(tokenizer, directory.config.max_length)
    kept = [at for at, (src, tgt) in enumerate(pairs) if not builder.add([(normalize(src), normalize(tgt))], 0)]
    token_pairs = builder.build()
    nats = np.full(len(pairs), np.nan)
    tokens, right = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), np.int64)
    if not kept:
        return Likelihoods(nats, tokens, right)
    model = load_transformer(directory, device)
    config = model.config
    order = np.lexsort((token_pairs.src_lengths, token_pairs.tgt_lengths))
    lengths = token_pairs.src_lengths[order], token_pairs.tgt_lengths[order]
    with torch.inference_mode():
        for part in cut_by_tokens(*lengths, _BATCH_TOKENS):
            batch = collate(token_pairs, order[part], config.pad_id, config.bos_id)
            labels = batch.labels.to(device)  # (batch, tgt_len)
            real = labels != config.pad_id
            hidden = model(batch.src.to(device), batch.tgt.to(device))[real]  # (tokens, d_model)
            chunks = zip(hidden.split(_LOGIT_ROWS), labels[real].split(_LOGIT_ROWS), strict=True)
            scores = [_score(model.logits(rows), wanted) for rows, wanted in chunks]
            places = np.array(kept)[order[part]]
            nats[places] = _by_pair(torch.cat([nll for nll, _ in scores]), real)
            right[places] = _by_pair(torch.cat([guessed for _, guessed in scores]), real).round().astype(np.int64)
            tokens[places] = token_pairs.tgt_lengths[order[part]]
    return Likelihoods(nats, tokens, right)


def _score(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Negative log-likelihood (tokens,) and whether it is the first guess (tokens,), of logits (tokens, vocab)."""
    nll = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")
    return nll, logits.argmax(dim=-1) == labels


def _by_pair(values: torch.Tensor, real: torch.Tensor) -> NDArray[np.float64]:
    """(batch,): the sums of values (tokens,) that stand at the true places of `real` (batch, tgt_len)."""
    padded = torch.zeros(real.shape, dtype=torch.float64, device=real.device)
    padded[real] = values.double()
    sums: NDArray[np.float64] = padded.sum(dim=1).cpu().numpy()
    return sums
