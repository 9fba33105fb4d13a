"""An encoder-decoder Transformer (Vaswani et al. 2017) as M2M100 computes it (Fan et al. 2020).

What is notable about it:
  - one embedding matrix serves source, target and output projection; embeddings are scaled by sqrt(d_model)
  - sinusoidal positions, all sines then all cosines, counted from pad_id + 1; computed for any length, never stored
  - pre-norm blocks, a final norm in encoder and decoder, ReLU, biases everywhere except in the output projection
  - a key/value cache for decoding: one position at a time, the encoder's keys and values projected once
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from .attention import CrossAttention, Dropout, LayerCache, SelfAttention, causal_bias, padding_bias


class FeedForward(nn.Module):
    """Two matrix products with a ReLU between."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff)
        self.down = nn.Linear(d_ff, d_model)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.down(F.relu(self.up(x)))
        return result


class EncoderLayer(nn.Module):
    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model)
        self.attention = SelfAttention(config.d_model, config.n_heads)
        self.feed_forward_norm = nn.LayerNorm(config.d_model)
        self.feed_forward = FeedForward(config.d_model, config.d_ff)
        self.dropout = dropout

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x (batch, src_len, d_model) -> the same shape."""
        x = x + self.dropout(self.attention(self.attention_norm(x), bias))
        result: Tensor = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return result


class DecoderLayer(nn.Module):
    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model)
        self.attention = SelfAttention(config.d_model, config.n_heads)
        self.cross_attention_norm = nn.LayerNorm(config.d_model)
        self.cross_attention = CrossAttention(config.d_model, config.n_heads)
        self.feed_forward_norm = nn.LayerNorm(config.d_model)
        self.feed_forward = FeedForward(config.d_model, config.d_ff)
        self.dropout = dropout

    def forward(
        self,
        x: Tensor,
        bias: Tensor | None,
        memory_key: Tensor,
        memory_value: Tensor,
        memory_bias: Tensor | None,
        cache: LayerCache | None = None,
    ) -> Tensor:
        """x (batch, tgt_len, d_model) -> the same shape; the memory comes from `CrossAttention.project`."""
        x = x + self.dropout(self.attention(self.attention_norm(x), bias, cache))
        attended = self.cross_attention(self.cross_attention_norm(x), memory_key, memory_value, memory_bias)
        x = x + self.dropout(attended)
        result: Tensor = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return result


class DecoderState:
    """What decoding one more position needs: every layer's cache, the source's padding, and the position."""

    def __init__(self, layers: list[LayerCache], memory_bias: Tensor | None) -> None:
        self.layers = layers
        self.memory_bias = memory_bias  # (batch, 1, 1, src_len) or None where nothing is padded
        self.length = 0  # target positions decoded so far

    def select(self, rows: Tensor) -> None:
        """Keep, repeat or reorder sentences: `rows` (new_batch,) holds the old row of each new one."""
        for layer in self.layers:
            layer.select(rows)
        if self.memory_bias is not None:
            self.memory_bias = self.memory_bias[rows]


class Transformer(nn.Module):
    """The whole model. Token ids in, hidden states or logits out; padding (pad_id) stands on the right."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.dropout = Dropout(config.dropout)
        self.encoder_layers = nn.ModuleList(EncoderLayer(config, self.dropout) for _ in range(config.encoder_layers))
        self.encoder_norm = nn.LayerNorm(config.d_model)
        self.decoder_layers = nn.ModuleList(DecoderLayer(config, self.dropout) for _ in range(config.decoder_layers))
        self.decoder_norm = nn.LayerNorm(config.d_model)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform matrices (queries, keys and values each as their own), zero biases, embeddings N(0, 1/d)."""
        d_model = self.config.d_model
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" in name:
                nn.init.ones_(parameter)
            elif name == "embedding.weight":
                nn.init.normal_(parameter, std=d_model**-0.5)
            else:
                for block in parameter.split(d_model) if "qkv" in name or "kv" in name else [parameter]:
                    nn.init.xavier_uniform_(block)
        with torch.no_grad():
            self.embedding.weight[self.config.pad_id].zero_()

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        """src (batch, src_len), tgt (batch, tgt_len) token ids -> hidden states (batch, tgt_len, d_model).

        Position t of the result has seen tgt[: t + 1]; `logits` turns it into scores of the token that follows.
        """
        memory, memory_bias = self.encode(src)
        x = self._embed(tgt, 0)
        bias = causal_bias(tgt.size(1), x.dtype, x.device)
        for layer in self._decoder():
            key, value = layer.cross_attention.project(memory)
            x = layer(x, bias, key, value, memory_bias)
        result: Tensor = self.decoder_norm(x)
        return result

    def encode(self, src: Tensor) -> tuple[Tensor, Tensor]:
        """src (batch, src_len) -> memory (batch, src_len, d_model) and its padding bias (batch, 1, 1, src_len)."""
        x = self._embed(src, 0)
        bias = padding_bias(src != self.config.pad_id, x.dtype)
        for layer in self.encoder_layers:
            x = layer(x, bias)
        return self.encoder_norm(x), bias

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (..., d_model) -> scores of every piece (..., vocab_size)."""
        return F.linear(hidden, self.embedding.weight)

    def start(self, src: Tensor) -> DecoderState:
        """Encode src (batch, src_len) for decoding with `step`."""
        memory, bias = self.encode(src)
        layers = [LayerCache(*layer.cross_attention.project(memory)) for layer in self._decoder()]
        return DecoderState(layers, bias)

    def step(self, tokens: Tensor, state: DecoderState) -> Tensor:
        """The next target tokens (batch,) -> scores (batch, vocab_size) of the ones after; `state` moves on."""
        x = self._embed(tokens[:, None], state.length)
        for layer, cache in zip(self.decoder_layers, state.layers, strict=True):
            x = layer(x, None, cache.memory_key, cache.memory_value, state.memory_bias, cache)
        state.length += 1
        return self.logits(self.decoder_norm(x)[:, 0])

    def _decoder(self) -> Iterator[DecoderLayer]:
        return cast("Iterator[DecoderLayer]", iter(self.decoder_layers))  # a ModuleList forgets its type

    def _embed(self, tokens: Tensor, first_position: int) -> Tensor:
        """tokens (batch, length) -> scaled embeddings plus positions (batch, length, d_model)."""
        weight = self.embedding.weight
        # Looked up in float32: the gradients of a frequent token are many small numbers, and are summed here.
        embedded = F.embedding(tokens, weight.float()) * math.sqrt(self.config.d_model)
        positions = sinusoidal_positions(
            first_position + self.config.pad_id + 1, tokens.size(1), self.config.d_model, tokens.device
        )
        result: Tensor = self.dropout((embedded + positions).to(weight.dtype))
        return result


def sinusoidal_positions(first: int, length: int, d_model: int, device: torch.device | None = None) -> Tensor:
    """Positions first .. first + length - 1 as (length, d_model): all sines, then all cosines.

    Frequencies run geometrically from 1 to 1/10000 over d_model / 2 - 1 steps, as in tensor2tensor and fairseq.
    """
    half = d_model // 2
    frequency = torch.exp(torch.arange(half, device=device) * -(math.log(10000.0) / (half - 1)))
    angle = torch.arange(first, first + length, device=device)[:, None] * frequency  # (length, half)
    return torch.cat([angle.sin(), angle.cos()], dim=1)
