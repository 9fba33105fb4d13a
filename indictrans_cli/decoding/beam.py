"""Beam search. A sentence's result depends on nothing but the sentence: not on its neighbours, not on the batch size.

Sentences that are done leave the batch, so that a batch takes as long as its open sentences do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..config import SearchConfig
from ..model.transformer import Transformer


@dataclass(frozen=True)
class Hypothesis:
    """One translation: its token ids without <s> and </s>, and its score."""

    tokens: list[int]
    score: float  # sum of log-probabilities (</s> included) divided by length ** length_penalty


class Candidate(NamedTuple):
    """An open hypothesis and one token more."""

    log_p: float  # sum of log-probabilities, the new token's included
    beam: int  # which hypothesis of the sentence
    token: int


@torch.inference_mode()
def beam_search(model: Transformer, src: Tensor, config: SearchConfig) -> list[list[Hypothesis]]:
    """src (batch, src_len) token ids, each row ended by </s> and padded -> the beam_size best hypotheses a sentence.

    A sentence is done when it has beam_size finished hypotheses and its best open one is no better than the worst of them.
    """
    beam, vocab, eos = config.beam_size, model.config.vocab_size, model.config.eos_id
    device, batch = src.device, src.size(0)
    state = model.start(src)
    state.select(torch.arange(batch, device=device).repeat_interleave(beam))
    finished: list[list[Hypothesis]] = [[] for _ in range(batch)]
    sentences = list(range(batch))  # the sentence that each group of beam_size rows belongs to
    tokens = torch.full((batch * beam,), model.config.bos_id, device=device)
    history = torch.empty((batch, beam, 0), dtype=torch.long, device=device)  # tokens of the open hypotheses so far
    sums = torch.full((batch, beam), float("-inf"), device=device)
    sums[:, 0] = 0.0  # all hypotheses are equal at first: only one may speak

    for length in range(1, config.max_length + 1):
        log_p = model.step(tokens, state).float().log_softmax(dim=-1).view(len(sentences), beam, vocab)
        log_p[..., [model.config.pad_id, model.config.bos_id, model.config.unk_id]] = float("-inf")
        if config.no_repeat_ngram:
            _forbid_repetition(log_p, history, config.no_repeat_ngram)
        kept: list[tuple[int, list[Candidate]]] = []  # a row group and the candidates that go on
        for row, ranked in enumerate(_ranked(sums[..., None] + log_p)):
            done = finished[sentences[row]]
            penalty = length**config.length_penalty
            done += [Hypothesis(history[row, each.beam].tolist(), each.log_p / penalty)
                     for each in ranked[:beam] if each.token == eos]  # fmt: skip
            going_on = [each for each in ranked if each.token != eos][:beam]
            if length == config.max_length:  # what is still open ends here, as it is
                done += [Hypothesis([*history[row, each.beam].tolist(), each.token], each.log_p / penalty)
                         for each in going_on]  # fmt: skip
                going_on = []
            done.sort(key=lambda hypothesis: -hypothesis.score)
            del done[beam:]
            if going_on and not _is_done(done, going_on[0].log_p / penalty, beam):
                kept.append((row, going_on + [Candidate(float("-inf"), 0, eos)] * (beam - len(going_on))))
        if not kept:
            break
        rows = torch.tensor([row for row, _ in kept], device=device)[:, None]  # (open sentences, 1)
        beams = torch.tensor([[each.beam for each in group] for _, group in kept], device=device)
        chosen = torch.tensor([[each.token for each in group] for _, group in kept], device=device)
        sums = torch.tensor([[each.log_p for each in group] for _, group in kept], device=device)
        history = torch.cat([history[rows, beams], chosen[..., None]], dim=2)
        state.select((rows * beam + beams).view(-1))
        tokens = chosen.view(-1)
        sentences = [sentences[row] for row, _ in kept]
    return finished


def _ranked(sums: Tensor) -> list[list[Candidate]]:
    """sums (sentences, beam_size, vocab_size) -> each sentence's best candidates, best first.

    Twice beam_size of them: even if beam_size end here, as many go on.
    """
    sentences, beam, vocab = sums.shape
    best, place = sums.view(sentences, beam * vocab).topk(min(2 * beam, beam * vocab), dim=1)
    return [
        [Candidate(log_p, index // vocab, index % vocab)
         for log_p, index in zip(*row, strict=True) if log_p > float("-inf")]
        for row in zip(best.tolist(), place.tolist(), strict=True)
    ]  # fmt: skip


def _is_done(done: list[Hypothesis], best_open: float, beam: int) -> bool:
    """Whether the best open hypothesis, ended now with this score, would not enter the finished ones.

    The criterion of transformers (`early_stopping=False`). With a length penalty above 0 a longer hypothesis may still
    average out better; a proof that none does would have to go on to max_length.
    """
    return len(done) == beam and best_open <= done[-1].score


def _forbid_repetition(log_p: Tensor, history: Tensor, size: int) -> None:
    """Rule out, in place, every token that would complete an n-gram of `size` that a hypothesis has already."""
    for row, group in enumerate(history.tolist()):
        for beam, tokens in enumerate(group):
            last = tokens[len(tokens) - size + 1 :]
            for start in range(len(tokens) - size + 1):
                if tokens[start : start + size - 1] == last:
                    log_p[row, beam, tokens[start + size - 1]] = float("-inf")
