"""An encoder-decoder Transformer (Vaswani et al. 2017), from scratch.

What is notable about it:
  - as it stands, M2M100's arithmetic (Fan et al. 2020): one embedding matrix for source, target and output projection,
    scaled by sqrt(d_model); sinusoidal positions; pre-norm blocks and a final norm; ReLU; biases except in the output
  - switches in `ModelConfig` turn it into Marian, BART or mBART, or give it rotary positions, SwiGLU and shared heads
  - sinusoidal and rotary positions are computed for any length, never stored
  - a key/value cache for decoding: one position at a time, the encoder's keys and values projected once a sentence and
    shared by its hypotheses
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..errors import ModelError
from .attention import CrossAttention, Dropout, LayerCache, SelfAttention, causal_bias, padding_bias
from .loss import Output

Sublayer = Callable[[Tensor], Tensor]

_ACTIVATIONS: dict[str, Sublayer] = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu}


class FeedForward(nn.Module):
    """Two matrix products with an activation between; in SwiGLU half of the first one gates the other half."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        self.up = nn.Linear(config.d_model, config.d_ff * (2 if config.activation == "swiglu" else 1))
        self.down = nn.Linear(config.d_ff, config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(x)  # (..., d_ff), for SwiGLU (..., 2 * d_ff): all gates, all values
        if self.activation == "swiglu":
            gate, value = x.chunk(2, dim=-1)
            x = F.silu(gate) * value
        else:
            x = _ACTIVATIONS[self.activation](x)
        projected: Tensor = self.down(x)
        return projected


class Layer(nn.Module):
    """What encoder and decoder layers share: self-attention, feed-forward, and the residual stream around them."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.pre_norm = config.norm == "pre"
        self.attention_norm = nn.LayerNorm(config.d_model)
        self.attention = SelfAttention(config)
        self.feed_forward_norm = nn.LayerNorm(config.d_model)
        self.feed_forward = FeedForward(config)
        self.dropout = dropout

    def residual(self, x: Tensor, norm: nn.Module, sublayer: Sublayer) -> Tensor:
        """x + sublayer(norm(x)), or norm(x + sublayer(x)) where norms come after (Xiong et al. 2020 compare the two)."""
        if self.pre_norm:
            return x + cast("Tensor", self.dropout(sublayer(norm(x))))
        return cast("Tensor", norm(x + self.dropout(sublayer(x))))


class EncoderLayer(Layer):
    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x (batch, src_len, d_model) -> the same shape."""
        x = self.residual(x, self.attention_norm, lambda x: self.attention(x, bias))
        return self.residual(x, self.feed_forward_norm, self.feed_forward)


class DecoderLayer(Layer):
    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout)
        self.cross_attention_norm = nn.LayerNorm(config.d_model)
        self.cross_attention = CrossAttention(config)

    def forward(
        self,
        x: Tensor,
        bias: Tensor | None,
        memory_key: Tensor,
        memory_value: Tensor,
        memory_bias: Tensor | None,
        cache: LayerCache | None = None,
        watch: list[Tensor] | None = None,
    ) -> Tensor:
        """x (batch, tgt_len, d_model) -> the same shape; the memory comes from `CrossAttention.project`.

        With a cache x is (hypotheses, 1, d_model). For the cross-attention the hypotheses of a sentence then stand where
        otherwise its target positions do: (sentences, hypotheses a sentence, d_model). `watch`: see `CrossAttention`.
        """
        x = self.residual(x, self.attention_norm, lambda x: self.attention(x, bias, cache))
        sentences = memory_key.size(0), -1, x.size(-1)
        x = self.residual(
            x, self.cross_attention_norm,
            lambda x: self.cross_attention(x.view(sentences), memory_key, memory_value, memory_bias, watch).view(x.shape),
        )  # fmt: skip
        return self.residual(x, self.feed_forward_norm, self.feed_forward)


class DecoderState:
    """What decoding one more position needs: every layer's cache, the source's padding, and the position."""

    def __init__(self, layers: list[LayerCache], memory_bias: Tensor) -> None:
        self.layers = layers
        self.memory_bias = memory_bias  # (sentences, 1, 1, src_len)
        self.length = 0  # target positions decoded so far
        self.watch: list[Tensor] | None = None  # a list here gets where the last layer looks, a tensor a step

    def select(self, hypotheses: Tensor, sentences: Tensor | None = None) -> None:
        """Keep, repeat or reorder: the old row of each new hypothesis, and of each new sentence (None: as they are).

        Both have as many hypotheses a sentence as before, or another number of them: the rows of a sentence are neighbours.
        """
        for layer in self.layers:
            layer.select(hypotheses, sentences)
        if sentences is not None:
            self.memory_bias = self.memory_bias.index_select(0, sentences)


class Transformer(nn.Module):
    """The whole model. Token ids in, hidden states or logits out; padding (pad_id) stands on the right."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        if config.src_vocab_size:
            self.src_embedding = nn.Embedding(config.src_vocab_size, config.d_model)
        if not config.tied_output:
            self.output_projection = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.output_bias:
            self.register_buffer("output_bias", torch.zeros(config.vocab_size))
        if config.positions == "learned":
            self.encoder_positions = nn.Embedding(config.max_length, config.d_model)
            self.decoder_positions = nn.Embedding(config.max_length, config.d_model)
        if config.embedding_norm:
            self.encoder_embedding_norm = nn.LayerNorm(config.d_model)
            self.decoder_embedding_norm = nn.LayerNorm(config.d_model)
        self.dropout = Dropout(config.dropout)
        self.encoder_layers = nn.ModuleList(EncoderLayer(config, self.dropout) for _ in range(config.encoder_layers))
        self.decoder_layers = nn.ModuleList(DecoderLayer(config, self.dropout) for _ in range(config.decoder_layers))
        if config.final_norm:
            self.encoder_norm = nn.LayerNorm(config.d_model)
            self.decoder_norm = nn.LayerNorm(config.d_model)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform matrices (queries, keys and values each as their own), zero biases, embeddings N(0, 1/d)."""
        d_model, kv_width = self.config.d_model, self.config.kv_heads * self.config.head_dim
        blocks = {"qkv": [d_model, kv_width, kv_width], "kv": [kv_width, kv_width]}
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" in name:
                nn.init.ones_(parameter)
            elif "embedding" in name or "positions" in name or name.startswith("output"):
                nn.init.normal_(parameter, std=d_model**-0.5)
            else:
                for block in parameter.split(blocks.get(name.split(".")[-2], len(parameter))):
                    nn.init.xavier_uniform_(block)
        with torch.no_grad():
            self.embedding.weight[self.config.pad_id].zero_()

    def output(self, hidden: Tensor) -> Output:
        """hidden (..., d_model) and what makes logits of it, for a loss that never forms all of them."""
        weight = self.embedding.weight if self.config.tied_output else self.output_projection.weight
        return Output(hidden, weight, cast("Tensor", self.output_bias) if self.config.output_bias else None)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        """src (batch, src_len), tgt (batch, tgt_len) token ids -> hidden states (batch, tgt_len, d_model).

        Position t of the result has seen tgt[: t + 1]; `logits` turns it into scores of the token that follows.
        """
        hidden, _ = self._decode(src, tgt)
        return hidden

    def encode(self, src: Tensor) -> tuple[Tensor, Tensor]:
        """src (batch, src_len) -> memory (batch, src_len, d_model) and its padding bias (batch, 1, 1, src_len)."""
        x = self._embed("encoder", src, 0)
        bias = padding_bias(src != self.config.pad_id, x.dtype)
        for layer in self.encoder_layers:
            x = layer(x, bias)
        return self._norm("encoder", x), bias

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (..., d_model) -> scores of every piece (..., vocab_size)."""
        return self.output(hidden).logits()

    def attention(self, src: Tensor, tgt: Tensor, layer: int = -1) -> Tensor:
        """Where each target position looks in a decoder layer: (batch, tgt_len, src_len), each row summing to 1."""
        _, watch = self._decode(src, tgt, watched=layer)
        return watch[0]

    def start(self, src: Tensor) -> DecoderState:
        """Encode src (sentences, src_len) for decoding with `step`."""
        memory, bias = self.encode(src)
        layers = [LayerCache(*layer.cross_attention.project(memory)) for layer in self._decoder()]
        return DecoderState(layers, bias)

    def step(self, tokens: Tensor, state: DecoderState) -> Tensor:
        """The next tokens (hypotheses,) -> scores (hypotheses, vocab_size) of the ones after; `state` moves on.

        Each sentence has as many hypotheses as every other; those of a sentence are neighbours.
        """
        x = self._embed("decoder", tokens[:, None], state.length)  # (hypotheses, 1, d_model)
        for layer, cache in zip(self.decoder_layers, state.layers, strict=True):
            watch = state.watch if cache is state.layers[-1] else None
            x = layer(x, None, cache.memory_key, cache.memory_value, state.memory_bias, cache, watch)
        state.length += 1
        return self.logits(self._norm("decoder", x)[:, 0])

    def _decode(self, src: Tensor, tgt: Tensor, watched: int | None = None) -> tuple[Tensor, list[Tensor]]:
        """What `forward` gives, and where the target looks in the layer `watched`."""
        memory, memory_bias = self.encode(src)
        x = self._embed("decoder", tgt, 0)
        bias = causal_bias(tgt.size(1), x.dtype, x.device)
        layers, watch = list(self._decoder()), list[Tensor]()
        for layer in layers:
            key, value = layer.cross_attention.project(memory)
            looking = watch if watched is not None and layer is layers[watched] else None
            x = layer(x, bias, key, value, memory_bias, watch=looking)
        return self._norm("decoder", x), watch

    def _decoder(self) -> Iterator[DecoderLayer]:
        return cast("Iterator[DecoderLayer]", iter(self.decoder_layers))  # a ModuleList forgets its type

    def _embed(self, side: str, tokens: Tensor, first: int) -> Tensor:
        """tokens (batch, length), the first of them at position `first` -> embeddings (batch, length, d_model)."""
        config, length = self.config, tokens.size(1)
        own_vocabulary = side == "encoder" and config.src_vocab_size
        weight = (self.src_embedding if own_vocabulary else self.embedding).weight
        # Looked up in float32: the gradients of a frequent token are many small numbers, and are summed here.
        x = F.embedding(tokens, weight.float())
        if config.scale_embedding:
            x = x * math.sqrt(config.d_model)
        if config.positions == "learned":
            if first + length > config.max_length:
                raise ModelError(
                    f"{first + length} tokens are more than the {config.max_length} positions the model learned"
                )
            positions = self.encoder_positions if side == "encoder" else self.decoder_positions
            x = x + positions.weight[first : first + length]
        elif config.positions == "sinusoidal":
            x = x + sinusoidal_positions(first + config.pad_id + 1, length, config.d_model, tokens.device)
        elif config.positions == "marian":
            x = x + sinusoidal_positions(first, length, config.d_model, tokens.device, steps=config.d_model // 2)
        x = x.to(weight.dtype)
        if config.embedding_norm:
            x = self.get_submodule(f"{side}_embedding_norm")(x)
        result: Tensor = self.dropout(x)
        return result

    def _norm(self, side: str, x: Tensor) -> Tensor:
        """The final norm of encoder or decoder, where the model has one."""
        if not self.config.final_norm:
            return x
        result: Tensor = self.get_submodule(f"{side}_norm")(x)
        return result


def sinusoidal_positions(
    first: int, length: int, d_model: int, device: torch.device | None = None, steps: int = 0
) -> Tensor:
    """Positions first .. first + length - 1 as (length, d_model): all sines, then all cosines.

    Frequencies fall geometrically from 1 to 1/10000 over `steps`: d_model / 2 - 1 of them as in tensor2tensor and fairseq,
    unless told otherwise; d_model / 2 in the paper (section 3.5) and in Marian, which so never quite arrive.
    """
    half = d_model // 2
    frequency = torch.exp(torch.arange(half, device=device) * -(math.log(10000.0) / (steps or half - 1)))
    angle = torch.arange(first, first + length, device=device)[:, None] * frequency  # (length, half)
    return torch.cat([angle.sin(), angle.cos()], dim=1)
