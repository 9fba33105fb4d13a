"""Translations drawn at random. What is drawn for a sentence depends on the sentence, the seed and max_length alone."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from ..config import SamplingConfig
from ..model.transformer import Transformer
from .beam import Hypothesis
from .rules import NEVER, obey


@torch.inference_mode()
def sample(model: Transformer, src: Tensor, config: SamplingConfig) -> list[list[Hypothesis]]:
    """src (batch, src_len) token ids, each row ended by </s> and padded -> `config.samples` translations a sentence.

    A score is the average log-probability a token under the model itself, before temperature and filters.
    """
    if not src.size(0):
        return []
    count, eos, device = config.samples, model.config.eos_id, src.device
    state = model.start(src)
    draws = torch.cat([_uniform(row, config, model.config.pad_id) for row in src.tolist()]).to(device)
    rows = torch.arange(src.size(0), device=device).repeat_interleave(count)  # which sentence a hypothesis belongs to
    tokens = torch.full_like(rows, model.config.bos_id)
    state.select(rows, None)
    said = torch.empty((len(rows), 0), dtype=torch.long, device=device)
    costs = torch.empty((len(rows), 0), device=device)
    ended = torch.zeros(len(rows), dtype=torch.bool, device=device)
    for position in range(config.max_length):
        log_p = model.step(tokens, state).float().log_softmax(dim=-1)
        allowed = log_p.clone()
        obey(allowed, said, config, model.config)
        tokens = draw(filtered(allowed, config), draws[:, position])
        tokens = tokens.masked_fill(ended, eos)  # sentences wait for one another; what they say then is cut off below
        said = torch.cat([said, tokens[:, None]], dim=1)
        costs = torch.cat([costs, log_p.gather(1, tokens[:, None])], dim=1)
        ended |= tokens == eos
        if bool(ended.all()):
            break
    found = [_hypothesis(*row, eos) for row in zip(said.tolist(), costs.tolist(), strict=True)]
    return [found[start : start + count] for start in range(0, len(found), count)]


def filtered(log_p: Tensor, config: SamplingConfig) -> Tensor:
    """log_p (rows, vocab_size) -> the probabilities that are drawn from, of the same shape, each row summing to 1."""
    scores = log_p / config.temperature
    if 0 < config.top_k < scores.size(1):
        least = scores.topk(config.top_k, dim=1).values[:, -1:]
        scores = scores.masked_fill(scores < least, NEVER)
    if config.top_p < 1.0:
        ordered, order = scores.softmax(dim=1).sort(dim=1, descending=True)
        before = ordered.cumsum(dim=1) - ordered  # the probability of all that are likelier
        scores = scores.masked_fill((before >= config.top_p).gather(1, order.argsort(dim=1)), NEVER)
    if config.min_p > 0.0:
        p = scores.softmax(dim=1)
        scores = scores.masked_fill(p < config.min_p * p.amax(dim=1, keepdim=True), NEVER)
    return scores.softmax(dim=1)


def draw(p: Tensor, uniform: Tensor) -> Tensor:
    """p (rows, vocab_size) and a number in [0, 1) a row -> a token a row (rows,): the inverse of the distribution."""
    cumulative = p.double().cumsum(dim=1)
    place = torch.searchsorted(cumulative, uniform[:, None].double() * cumulative[:, -1:], right=True)[:, 0]
    last = p.size(1) - 1 - (p.flip(1) > 0).int().argmax(dim=1)  # rounding may step past the last one that can be drawn
    return torch.minimum(place, last)


def _uniform(row: list[int], config: SamplingConfig, pad_id: int) -> Tensor:
    """Numbers in [0, 1), (samples, max_length), for a sentence's tokens."""
    words = repr(([token for token in row if token != pad_id], config.seed)).encode()
    generator = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(words).digest()[:7], "big"))
    return torch.stack([torch.rand(config.max_length, generator=generator) for _ in range(config.samples)])


def _hypothesis(tokens: list[int], costs: list[float], eos: int) -> Hypothesis:
    length = tokens.index(eos) + 1 if eos in tokens else len(tokens)
    said = [token for token in tokens[:length] if token != eos]
    return Hypothesis(said, sum(costs[:length]) / length, costs[:length])
