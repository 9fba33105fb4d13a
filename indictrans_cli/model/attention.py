"""Multi-head attention, its key/value cache, and a dropout that is cheap on a CPU.

Letters in shapes: batch, src_len and tgt_len in tokens, d_model = n_heads * head_dim. A `bias` is added to the attention
scores: 0 where a query may look, a large negative number where it may not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: a score this low leaves exp(score) == 0 in every format used here, and is finite in all of them
MASKED = -30000.0


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """softmax(query key^T / sqrt(head_dim) + bias) value (Vaswani et al. 2017, equation 1).

    query is (batch, n_heads, tgt_len, head_dim), key and value (batch, n_heads, src_len, head_dim), bias broadcasts
    to (batch, n_heads, tgt_len, src_len); the result has query's shape. The one place that picks a kernel: PyTorch's
    fused attention, except in bfloat16 on a CPU, where two matrix products and a softmax ran five times as fast.
    """
    if query.device.type == "cpu" and query.dtype == torch.bfloat16:
        scores = (query * query.size(-1) ** -0.5) @ key.transpose(-2, -1)  # (batch, n_heads, tgt_len, src_len)
        if bias is not None:
            scores += bias
        attended: Tensor = scores.softmax(dim=-1) @ value
        return attended
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def padding_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """(batch, src_len), true at tokens and false at padding -> bias (batch, 1, 1, src_len)."""
    return (~mask).to(dtype).mul_(MASKED)[:, None, None, :]


def causal_bias(length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Bias (1, 1, length, length) that hides every later position from an earlier one."""
    return torch.full((length, length), MASKED, dtype=dtype, device=device).triu_(1)[None, None]


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
    """The keys and values of the target positions one decoder layer has seen: (batch, n_heads, length, head_dim)."""

    def __init__(self, memory_key: Tensor, memory_value: Tensor) -> None:
        self.memory_key = memory_key  # (batch, n_heads, src_len, head_dim), projected once a sentence
        self.memory_value = memory_value
        self.key: Tensor | None = None
        self.value: Tensor | None = None

    def update(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append the new positions' keys and values; returns those of all positions so far."""
        self.key = key if self.key is None else torch.cat([self.key, key], dim=2)
        self.value = value if self.value is None else torch.cat([self.value, value], dim=2)
        return self.key, self.value

    def select(self, rows: Tensor) -> None:
        """Keep, repeat or reorder rows of the batch: `rows` (new_batch,) holds the old row of each new one."""
        self.memory_key, self.memory_value = self.memory_key[rows], self.memory_value[rows]
        if self.key is not None and self.value is not None:
            self.key, self.value = self.key[rows], self.value[rows]


class SelfAttention(nn.Module):
    """Attention of a sequence to itself; one matrix product gives queries, keys and values."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(d_model, 3 * d_model)  # rows: all queries, all keys, all values
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, bias: Tensor | None, cache: LayerCache | None = None) -> Tensor:
        """x (batch, length, d_model) -> the same shape. With a cache, x holds the new positions only."""
        query, key, value = split_heads(self.qkv(x), 3, self.n_heads)
        if cache is not None:
            key, value = cache.update(key, value)
        return _output(self.out, attend(query, key, value, bias))


class CrossAttention(nn.Module):
    """Attention of the target to the encoded source."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.q = nn.Linear(d_model, d_model)
        self.kv = nn.Linear(d_model, 2 * d_model)  # rows: all keys, all values
        self.out = nn.Linear(d_model, d_model)

    def project(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """memory (batch, src_len, d_model) -> its keys and values, each (batch, n_heads, src_len, head_dim)."""
        key, value = split_heads(self.kv(memory), 2, self.n_heads)
        return key, value

    def forward(self, x: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
        """x (batch, tgt_len, d_model) -> the same shape; key and value come from `project`."""
        (query,) = split_heads(self.q(x), 1, self.n_heads)
        return _output(self.out, attend(query, key, value, bias))


def split_heads(x: Tensor, parts: int, n_heads: int) -> tuple[Tensor, ...]:
    """(batch, length, parts * d_model) -> `parts` tensors (batch, n_heads, length, head_dim)."""
    batch, length, width = x.shape
    split = x.view(batch, length, parts, n_heads, width // parts // n_heads)
    return split.permute(2, 0, 3, 1, 4).unbind(0)


def _output(projection: nn.Linear, heads: Tensor) -> Tensor:
    batch, n_heads, length, head_dim = heads.shape
    joined = heads.transpose(1, 2).reshape(batch, length, n_heads * head_dim)
    result: Tensor = projection(joined)
    return result
