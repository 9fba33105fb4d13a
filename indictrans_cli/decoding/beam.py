"""Beam search. A sentence's result depends on nothing but the sentence: not on its neighbours, not on the batch size.

Sentences that are done leave the batch, so that a batch takes as long as its open sentences do. In shapes, `open` is the
number of sentences still open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..config import SearchConfig
from ..model.transformer import Transformer
from .rules import NEVER, force, obey


@dataclass(frozen=True)
class Hypothesis:
    """One translation: its token ids without <s> and </s>."""

    tokens: list[int]
    score: float  # what hypotheses are compared by: see `SearchConfig`
    log_p: list[float]  # of each token, and of </s> unless it was cut off


class Candidate(NamedTuple):
    """An open hypothesis and one token more."""

    total: float  # sum of log-probabilities, the new token's included
    beam: int  # which hypothesis of the sentence
    token: int


@torch.inference_mode()
def beam_search(
    model: Transformer, src: Tensor, config: SearchConfig, prefixes: Sequence[Sequence[int]] | None = None
) -> list[list[Hypothesis]]:
    """src (batch, src_len) token ids, each row ended by </s> and padded -> the beam_size best hypotheses a sentence.

    A sentence is done when it has beam_size finished hypotheses and `config.stop` says that no open one will join them.
    `prefixes` are tokens that each sentence's translation begins with; they are part of it, with a log-probability of 0.
    """
    if not src.size(0):
        return []
    beam, eos, device, batch = config.beam_size, model.config.eos_id, src.device, src.size(0)
    state = model.start(src)
    state.watch = [] if config.coverage_penalty else None
    finished: list[list[Hypothesis]] = [[] for _ in range(batch)]
    sentences = list(range(batch))  # which sentence each group of hypotheses belongs to
    given = list(prefixes or [[]] * batch)
    tokens = torch.full((batch,), model.config.bos_id, device=device)
    # Before anything is said all hypotheses of a sentence are one: it speaks alone.
    said = torch.empty((batch, 1, 0), dtype=torch.long, device=device)  # (open, beam, length)
    totals = torch.zeros((batch, 1), device=device)  # (open, beam) sums of log-probabilities
    costs = torch.empty((batch, 1, 0), device=device)  # (open, beam, length) log-probabilities of the tokens said
    read = torch.zeros((batch, 1, src.size(1)), device=device)  # (open, beam, src_len) attention each source token got

    for length in range(1, config.max_length + 1):
        now = said.size(1)  # hypotheses a sentence: 1 at first, then beam_size
        log_p = model.step(tokens, state).float().log_softmax(dim=-1)  # (open * now, vocab_size)
        obey(log_p, said.flatten(0, 1), config, model.config)
        log_p = log_p.view(len(sentences), now, -1)
        force(log_p, given, length - 1)
        if state.watch is not None:
            read = read + state.watch.pop()
        ranked = _ranked(totals[..., None] + log_p, 2 * beam)
        divisor = config.divisor(length)
        kept: list[tuple[int, list[Candidate]]] = []  # a group of hypotheses and the candidates that go on
        for row, candidates in enumerate(ranked):
            done, longest = finished[sentences[row]], length == config.max_length
            ending = [each for each in candidates[:beam] if each.token == eos]
            going_on = [each for each in candidates if each.token != eos][:beam]
            for each in ending + (going_on if longest else []):  # at the longest, what is open ends as it is
                score = each.total / divisor
                if config.coverage_penalty:
                    score += config.coverage_penalty * _coverage(
                        read[row, each.beam], src[sentences[row]] != model.config.pad_id
                    )
                done.append(
                    _hypothesis(each, score, said[row, each.beam], costs[row, each.beam], totals[row, each.beam], eos)
                )
            done.sort(key=lambda hypothesis: -hypothesis.score)
            del done[beam:]
            if going_on and not longest and not _is_done(done, going_on[0].total, length, config):
                kept.append((row, going_on + [Candidate(NEVER, 0, eos)] * (beam - len(going_on))))
        if not kept:
            break
        rows = torch.tensor([row for row, _ in kept], device=device)  # (open,): those that stay
        beams = torch.tensor([[each.beam for each in group] for _, group in kept], device=device)  # (open, beam)
        chosen = torch.tensor([[each.token for each in group] for _, group in kept], device=device)
        after = torch.tensor([[each.total for each in group] for _, group in kept], device=device)
        pick = (rows[:, None], beams)
        said = torch.cat([said[pick], chosen[..., None]], dim=2)
        costs = torch.cat([costs[pick], (after - totals[pick])[..., None]], dim=2)
        read, totals, tokens = read[pick], after, chosen.view(-1)
        state.select((rows[:, None] * now + beams).view(-1), rows if len(rows) < len(sentences) else None)
        sentences, given = [sentences[row] for row, _ in kept], [given[row] for row, _ in kept]
    return finished


def _ranked(totals: Tensor, count: int) -> list[list[Candidate]]:
    """totals (open, beam, vocab_size) -> each sentence's `count` best candidates, best first; impossible ones are left out.

    Twice beam_size of them: even if beam_size end here, as many go on.
    """
    vocab = totals.size(-1)
    flat = totals.flatten(1)
    best, place = flat.topk(min(count, flat.size(1)), dim=1)
    return [
        [Candidate(total, index // vocab, index % vocab) for total, index in zip(*row, strict=True) if total > NEVER]
        for row in zip(best.tolist(), place.tolist(), strict=True)
    ]


def _hypothesis(last: Candidate, score: float, said: Tensor, costs: Tensor, total: Tensor, eos: int) -> Hypothesis:
    """A candidate that ends. said and costs (length - 1,) are of the hypothesis it continues, `total` the sum of costs."""
    tokens = said.tolist() if last.token == eos else [*said.tolist(), last.token]
    return Hypothesis(tokens, score, [*costs.tolist(), last.total - float(total)])


def _is_done(done: list[Hypothesis], best_open: float, length: int, config: SearchConfig) -> bool:
    """Whether the best open hypothesis, of this sum of log-probabilities, is taken not to enter the finished ones.

    `usual`: it would not if it ended now (transformers' `early_stopping=False`). With a length penalty above 0 a longer
    one may still average out better, so `proven` gives it the largest divisor it can reach at no further cost.
    """
    if len(done) < config.beam_size:
        return False
    reachable = [length] if config.stop == "usual" else [length, config.max_length]
    return max(best_open / config.divisor(each) for each in reachable) <= done[-1].score


def _coverage(read: Tensor, real: Tensor) -> float:
    """GNMT's coverage (Wu et al. 2016, equation 14): read (src_len,) is the attention each token got, `real` no padding."""
    return float(read[real].clamp(1e-9, 1.0).log().sum())
