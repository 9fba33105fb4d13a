"""Token shards to batches: length-bucketed, by a token budget, in an order that (seed, epoch) alone decides.

A run that is resumed at (epoch, batch) therefore sees exactly the batches it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..corpus.shards import TokenPairs, TokenPairsBuilder
from ..errors import DataError
from ..tokenizer import Tokenizer


@dataclass(frozen=True)
class Batch:
    """Padded token ids on the CPU. Row i of `tgt` shifted by one is what row i of `labels` should follow."""

    src: Tensor  # (batch, src_len), each row ended by </s>, then padding
    tgt: Tensor  # (batch, tgt_len), each row begun by <s>: the decoder's input
    labels: Tensor  # (batch, tgt_len), each row ended by </s>, then padding: what the decoder should say
    tokens: int  # source and target tokens, padding not counted
    label_tokens: int  # target tokens, padding not counted: what a loss is divided by

    @property
    def padding(self) -> float:
        """The share of padding among all places, 0 to 1."""
        return 1.0 - self.tokens / (self.src.numel() + self.tgt.numel())


class Batches:
    """The batches of a corpus, epoch by epoch.

    `weights` (by source number) say how often a pair is seen in an epoch: 8 is eight times, 0.3 with that chance.
    With `sampling`, its sentences are cut into other pieces in every epoch.
    """

    def __init__(
        self,
        pairs: TokenPairs,
        weights: Sequence[float],
        batch_tokens: int,
        *,
        pad_id: int,
        bos_id: int,
        seed: int,
        sampling: SubwordSampling | None = None,
    ) -> None:
        if not len(pairs):
            raise DataError("there is no pair to make batches of; run 'ctx prepare' on more text")
        self._pairs, self._weights, self._batch_tokens = pairs, np.asarray(weights), batch_tokens
        self._pad_id, self._bos_id, self._seed, self._sampling = pad_id, bos_id, seed, sampling
        self._planned: tuple[int, TokenPairs, list[NDArray[np.int64]]] | None = None

    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """The pairs of each batch of an epoch, in order."""
        return self._plan(epoch)[1]

    def batch(self, epoch: int, number: int) -> Batch:
        """A batch of an epoch: the same one whenever it is asked for."""
        pairs, batches = self._plan(epoch)
        return self._collate(pairs, batches[number])

    def of(self, indices: NDArray[np.int64]) -> Batch:
        """These pairs as a batch, in their usual pieces."""
        return self._collate(self._pairs, indices)

    def in_order(self) -> Iterator[Batch]:
        """Every pair once, in its usual pieces: for validation."""
        for indices in self._cut(self._pairs, np.arange(len(self._pairs))):
            yield self.of(indices)

    def _plan(self, epoch: int) -> tuple[TokenPairs, list[NDArray[np.int64]]]:
        """An epoch's sentences, and which of them are in each batch."""
        if self._planned is None or self._planned[0] != epoch:
            self._planned = (epoch, *self._make_plan(epoch))
        return self._planned[1:]

    def _make_plan(self, epoch: int) -> tuple[TokenPairs, list[NDArray[np.int64]]]:
        random = np.random.Generator(np.random.PCG64([self._seed, epoch]))
        wanted = self._weights[self._pairs.source]
        copies = np.floor(wanted).astype(np.int64)
        copies += random.random(len(wanted)) < wanted - copies
        chosen = np.repeat(np.arange(len(wanted)), copies)
        random.shuffle(chosen)  # pairs of equal length meet other neighbours in every epoch
        pairs = self._pairs
        if self._sampling is not None:
            pairs, chosen = self._sampling.resample(pairs, chosen, seed=[self._seed, epoch]), np.arange(len(chosen))
        batches = self._cut(pairs, chosen)
        return pairs, [batches[number] for number in random.permutation(len(batches))]

    def _cut(self, pairs: TokenPairs, chosen: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The chosen pairs in batches of like lengths, by whichever of two orders needs fewer batches.

        A large corpus has many pairs of each target length, and those sort by source length. A small one has few: there,
        neighbouring target lengths are taken together, with source lengths running up and down by turns.
        """
        src, tgt = pairs.src_lengths[chosen], pairs.tgt_lengths[chosen]
        band = tgt // 5
        orders = np.lexsort((src, tgt)), np.lexsort((np.where(band % 2, src, -src), band))
        cuts = [
            [chosen[order[part]] for part in cut_by_tokens(src[order], tgt[order], self._batch_tokens)]
            for order in orders
        ]
        return min(cuts, key=len)

    def _collate(self, pairs: TokenPairs, indices: NDArray[np.int64]) -> Batch:
        return collate(pairs, indices, self._pad_id, self._bos_id)


@dataclass(frozen=True)
class SubwordSampling:
    """Subword regularisation (Kudo 2018): the smaller `alpha`, the finer and the more varied the pieces."""

    PART: ClassVar[int] = 10_000  # pairs held as Python lists at a time

    tokenizer: Tokenizer
    alpha: float
    limit: int | None = None  # tokens, </s> included; a sentence cut into more keeps its usual pieces

    def resample(self, pairs: TokenPairs, indices: NDArray[np.int64], seed: list[int]) -> TokenPairs:
        """The chosen pairs cut into pieces anew, at random: a function of the arguments alone.

        SentencePiece draws from a generator that each thread seeds when it first draws: hence a thread of its own.
        """
        builder = TokenPairsBuilder(self.tokenizer, max_tokens=10**9)

        def draw() -> None:
            for part in np.split(indices, range(self.PART, len(indices), self.PART)):
                src, tgt = ([pairs.sentence(side, index)[:-1] for index in part.tolist()] for side in (0, 1))
                builder.add_tokens(self._cut(src), self._cut(tgt), source=0)

        self.tokenizer.seed_sampling(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        with ThreadPoolExecutor(1) as thread:
            thread.submit(draw).result()
        return builder.build()

    def _cut(self, sentences: list[list[int]]) -> list[list[int]]:
        drawn = self.tokenizer.resample(sentences, self.alpha)
        if self.limit is None:
            return drawn
        return [new if len(new) < self.limit else old for new, old in zip(drawn, sentences, strict=True)]


def cut_by_tokens(src_lengths: NDArray[np.int64], tgt_lengths: NDArray[np.int64], batch_tokens: int) -> list[slice]:
    """Runs of sentences whose padded source and target together stay within `batch_tokens` (one is always allowed)."""
    slices, start, longest_src, longest_tgt = [], 0, 0, 0
    for index, (src, tgt) in enumerate(zip(src_lengths.tolist(), tgt_lengths.tolist(), strict=True)):
        longest_src, longest_tgt = max(longest_src, src), max(longest_tgt, tgt)
        if index > start and (index - start + 1) * (longest_src + longest_tgt) > batch_tokens:
            slices.append(slice(start, index))
            start, longest_src, longest_tgt = index, src, tgt
    if start < len(src_lengths):
        slices.append(slice(start, len(src_lengths)))
    return slices


def collate(pairs: TokenPairs, indices: NDArray[np.int64], pad_id: int, bos_id: int) -> Batch:
    """Pad the chosen pairs to rectangles."""
    src = _padded(pairs.src_tokens, pairs.src_offsets, indices, pad_id)
    labels = _padded(pairs.tgt_tokens, pairs.tgt_offsets, indices, pad_id)
    tgt = np.empty_like(labels)
    tgt[:, 0] = bos_id
    tgt[:, 1:] = labels[:, :-1]
    lengths = pairs.tgt_lengths[indices]
    tgt[np.arange(labels.shape[1]) >= lengths[:, None]] = pad_id
    label_tokens = int(lengths.sum())
    tokens = int(pairs.src_lengths[indices].sum()) + label_tokens
    return Batch(torch.from_numpy(src), torch.from_numpy(tgt), torch.from_numpy(labels), tokens, label_tokens)


def _padded(
    tokens: NDArray[Any], offsets: NDArray[np.int64], indices: NDArray[np.int64], pad_id: int
) -> NDArray[np.int64]:
    starts, lengths = offsets[indices], offsets[indices + 1] - offsets[indices]
    places = np.arange(int(lengths.max()))  # (longest,)
    inside = places < lengths[:, None]  # (batch, longest)
    padded = np.full(inside.shape, pad_id, dtype=np.int64)
    padded[inside] = tokens[(starts[:, None] + places)[inside]]
    return padded
