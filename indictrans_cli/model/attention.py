"""Multi-head attention, its key/value cache, and a dropout that is cheap on a CPU.

Letters in shapes: batch, src_len and tgt_len in tokens, d_model = n_heads * head_dim, n_kv_heads <= n_heads. A `bias` is
added to the attention scores: 0 where a query may look, a large negative number where it may not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig

#: a score this low leaves exp(score) == 0 in every format used here, and is finite in all of them
MASKED = -30000.0


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """softmax(query key^T / sqrt(head_dim) + bias) value (Vaswani et al. 2017, equation 1).

    query is (batch, n_heads, tgt_len, head_dim), key and value (batch, n_kv_heads, src_len, head_dim), bias broadcasts
    to (batch, n_heads, tgt_len, src_len); the result has query's shape. The one place that picks a kernel: PyTorch's
    fused attention, except in bfloat16 on a CPU, where two matrix products and a softmax ran five times as fast.
    """
    key, value = _shared(key, query), _shared(value, query)
    if query.device.type == "cpu" and query.dtype == torch.bfloat16:
        return attention_weights(query, key, bias) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def attention_weights(query: Tensor, key: Tensor, bias: Tensor | None) -> Tensor:
    """softmax(query key^T / sqrt(head_dim) + bias), spelt out: (batch, n_heads, tgt_len, src_len), rows summing to 1."""
    scores: Tensor = (query * query.size(-1) ** -0.5) @ _shared(key, query).transpose(-2, -1)
    if bias is not None:
        scores += bias
    return scores.softmax(dim=-1)


def _shared(heads: Tensor, query: Tensor) -> Tensor:
    """(batch, n_kv_heads, length, head_dim) -> (batch, n_heads, length, head_dim): neighbouring queries share a head."""
    times = query.size(1) // heads.size(1)
    return heads if times == 1 else heads.repeat_interleave(times, dim=1)


def padding_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """(batch, src_len), true at tokens and false at padding -> bias (batch, 1, 1, src_len)."""
    return (~mask).to(dtype).mul_(MASKED)[:, None, None, :]


def causal_bias(length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Bias (1, 1, length, length) that hides every later position from an earlier one."""
    return torch.full((length, length), MASKED, dtype=dtype, device=device).triu_(1)[None, None]


def rotate(x: Tensor, first_position: int) -> Tensor:
    """Rotary positions (Su et al. 2021): pairs of numbers, half a head apart, turned by an angle that grows with place.

    x is (batch, heads, length, head_dim) and so is the result; frequencies run from 1 to 1/10000.
    """
    half = x.size(-1) // 2
    frequency = 10000.0 ** -(torch.arange(half, device=x.device) / half)
    angle = torch.arange(first_position, first_position + x.size(-2), device=x.device)[:, None] * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)  # (length, half)
    left, right = x.split(half, dim=-1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)


class Dropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014); the layers of one model share one instance.

    Drawing a random number an activation takes a sixth of a training step on a CPU. There, a mask is a slice at a random
    offset of one pool drawn once: as many masks as the pool has numbers, each for the price of a multiplication.
    """

    POOL = 1 << 23  # numbers in the pool; of fixed size, so that a resumed run draws the same masks

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._pool: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return x
        if x.device.type != "cpu" or x.numel() > self.POOL // 2:
            return F.dropout(x, self.rate)
        return x * self._mask(x)

    def _mask(self, x: Tensor) -> Tensor:
        """Zeros with probability `rate`, otherwise 1 / (1 - rate); in x's shape and dtype."""
        if self._pool is None or self._pool.dtype != x.dtype:
            generator = torch.Generator().manual_seed(0)  # the pool is a constant: only offsets are random
            kept = torch.rand(self.POOL, generator=generator) >= self.rate
            self._pool = kept.to(x.dtype) / (1.0 - self.rate)
        offset = int(torch.randint(self.POOL - x.numel(), ()))
        return self._pool[offset : offset + x.numel()].view(x.shape)


class LayerCache:
    """The keys and values one decoder layer has seen, of the target and, projected once a sentence, of the source.

    The target's are (hypotheses, n_kv_heads, length, head_dim), the source's (sentences, n_kv_heads, src_len, head_dim):
    the hypotheses of a sentence share the latter.
    """

    def __init__(self, memory_key: Tensor, memory_value: Tensor) -> None:
        self.memory_key, self.memory_value = memory_key, memory_value
        self.key: Tensor | None = None
        self.value: Tensor | None = None

    @property
    def length(self) -> int:
        """Target positions seen so far."""
        return 0 if self.key is None else self.key.size(2)

    def update(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append the new positions' keys and values; returns those of all positions so far."""
        self.key = key if self.key is None else torch.cat([self.key, key], dim=2)
        self.value = value if self.value is None else torch.cat([self.value, value], dim=2)
        return self.key, self.value

    def select(self, hypotheses: Tensor, sentences: Tensor | None) -> None:
        """Keep, repeat or reorder: `hypotheses` and `sentences` hold the old row of each new one (None: as they are)."""
        if self.key is not None and self.value is not None:
            self.key, self.value = self.key.index_select(0, hypotheses), self.value.index_select(0, hypotheses)
        if sentences is not None:
            self.memory_key = self.memory_key.index_select(0, sentences)
            self.memory_value = self.memory_value.index_select(0, sentences)


class SelfAttention(nn.Module):
    """Attention of a sequence to itself; one matrix product gives queries, keys and values."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = (config.n_heads, config.kv_heads, config.kv_heads)  # of queries, keys and values
        self.rotary = config.positions == "rotary"
        self.qkv = nn.Linear(
            config.d_model, sum(self.heads) * config.head_dim
        )  # rows: all queries, all keys, all values
        self.out = nn.Linear(config.d_model, config.d_model)

    def forward(self, x: Tensor, bias: Tensor | None, cache: LayerCache | None = None) -> Tensor:
        """x (batch, length, d_model) -> the same shape. With a cache, x holds the new positions only."""
        query, key, value = split_heads(self.qkv(x), self.heads)
        if self.rotary:
            first = cache.length if cache is not None else 0
            query, key = rotate(query, first), rotate(key, first)
        if cache is not None:
            key, value = cache.update(key, value)
        return join_heads(self.out, attend(query, key, value, bias))


class CrossAttention(nn.Module):
    """Attention of the target to the encoded source."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads = config.n_heads, config.kv_heads
        self.q = nn.Linear(config.d_model, config.d_model)
        self.kv = nn.Linear(config.d_model, 2 * config.kv_heads * config.head_dim)  # rows: all keys, all values
        self.out = nn.Linear(config.d_model, config.d_model)

    def project(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """memory (batch, src_len, d_model) -> its keys and values, each (batch, n_kv_heads, src_len, head_dim)."""
        key, value = split_heads(self.kv(memory), (self.n_kv_heads, self.n_kv_heads))
        return key, value

    def forward(
        self, x: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, watch: list[Tensor] | None = None
    ) -> Tensor:
        """x (batch, tgt_len, d_model) -> the same shape; key and value come from `project`.

        To `watch` is appended where the target looks, averaged over heads: (batch, tgt_len, src_len), rows summing to 1.
        """
        (query,) = split_heads(self.q(x), (self.n_heads,))
        if watch is not None:
            watch.append(attention_weights(query, key, bias).mean(dim=1))
        return join_heads(self.out, attend(query, key, value, bias))


def split_heads(x: Tensor, heads: tuple[int, ...]) -> tuple[Tensor, ...]:
    """(batch, length, sum(heads) * head_dim) -> for each number of heads a tensor (batch, heads, length, head_dim)."""
    batch, length, width = x.shape
    split = x.view(batch, length, sum(heads), width // sum(heads)).transpose(1, 2)
    return tuple(split.split(heads, dim=1))


def join_heads(projection: nn.Linear, heads: Tensor) -> Tensor:
    """(batch, n_heads, length, head_dim) -> (batch, length, d_model), the heads side by side and projected."""
    batch, n_heads, length, head_dim = heads.shape
    joined = heads.transpose(1, 2).reshape(batch, length, n_heads * head_dim)
    result: Tensor = projection(joined)
    return result
