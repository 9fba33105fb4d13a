"""Beam search. A sentence's result depends on nothing but the sentence: not on its neighbours, not on the batch size.

Sentences that are done leave the batch, so that a batch takes as long as its open sentences do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import OptionError
from ..model.transformer import Transformer


@dataclass(frozen=True)
class Hypothesis:
    """One translation: its token ids without <s> and </s>, and its score."""

    tokens: list[int]
    score: float  # sum of log-probabilities (</s> included) divided by length ** length_penalty


@dataclass(frozen=True)
class BeamConfig:
    """How to search."""

    beam_size: int = 4  # hypotheses kept at each position; 1 is greedy search
    length_penalty: float = 1.0  # 0 favours short translations; 1 compares by the average a token
    max_length: int = 256  # tokens of a translation, </s> included; a longer one is cut off

    def __post_init__(self) -> None:
        if not 1 <= self.beam_size <= 64:
            raise OptionError(f"--beam-size {self.beam_size}: must be between 1 and 64")
        if self.max_length < 1:
            raise OptionError(f"--max-length {self.max_length}: must be at least 1")


@torch.inference_mode()
def beam_search(model: Transformer, src: Tensor, config: BeamConfig) -> list[list[Hypothesis]]:
    """src (batch, src_len) token ids, each row ended by </s> and padded -> the beam_size best hypotheses a sentence.

    A sentence is done when it has beam_size finished hypotheses and its best open one is no better than the worst of them.
    """
    beam, vocab, eos = config.beam_size, model.config.vocab_size, model.config.eos_id
    device, batch = src.device, src.size(0)
    state = model.start(src)
    state.select(torch.arange(batch, device=device).repeat_interleave(beam))
    sentences = list(range(batch))  # the sentence of each open row group
    finished: list[list[Hypothesis]] = [[] for _ in range(batch)]
    tokens = torch.full((batch * beam,), model.config.bos_id, device=device)
    history = torch.empty((batch, beam, 0), dtype=torch.long, device=device)
    scores = torch.full((batch, beam), float("-inf"), device=device)
    scores[:, 0] = 0.0  # all beams are equal at first: only one may speak
    forbidden = [model.config.pad_id, model.config.bos_id, model.config.unk_id]

    for length in range(1, config.max_length + 1):
        log_p = model.step(tokens, state).float().log_softmax(dim=-1).view(len(sentences), beam, vocab)
        log_p[..., forbidden] = float("-inf")
        candidates = (scores[..., None] + log_p).view(len(sentences), beam * vocab)
        # twice as many as needed: even if beam_size of them end here, beam_size stay open
        top_scores, top = candidates.topk(min(2 * beam, beam * vocab), dim=1)
        top_beam, top_token = top // vocab, top % vocab  # (sentences, 2 * beam)

        keep_rows, keep_beams, keep_tokens, keep_scores = [], [], [], []
        for row, (row_scores, row_beams, row_tokens) in enumerate(
            zip(top_scores.tolist(), top_beam.tolist(), top_token.tolist(), strict=True)
        ):
            done = finished[sentences[row]]
            open_beams: list[tuple[float, int, int]] = []
            for rank, (score, origin, token) in enumerate(zip(row_scores, row_beams, row_tokens, strict=True)):
                if score == float("-inf"):
                    break
                if token == eos:
                    if rank < beam:
                        done.append(Hypothesis(history[row, origin].tolist(), score / length**config.length_penalty))
                elif len(open_beams) < beam:
                    open_beams.append((score, origin, token))
            if length == config.max_length:  # what is still open ends here, as it is
                done += [
                    Hypothesis([*history[row, origin].tolist(), token], score / length**config.length_penalty)
                    for score, origin, token in open_beams
                ]
                open_beams = []
            done.sort(key=lambda hypothesis: -hypothesis.score)
            del done[beam:]
            if not open_beams or _is_done(done, open_beams[0][0], length, config):
                continue
            open_beams += [(float("-inf"), 0, eos)] * (beam - len(open_beams))
            keep_rows.append(row)
            keep_scores.append([score for score, _, _ in open_beams])
            keep_beams.append([origin for _, origin, _ in open_beams])
            keep_tokens.append([token for _, _, token in open_beams])
        if not keep_rows:
            break
        rows = torch.tensor(keep_rows, device=device)[:, None]  # (open sentences, 1)
        origins = torch.tensor(keep_beams, device=device)  # (open sentences, beam)
        chosen = torch.tensor(keep_tokens, device=device)
        scores = torch.tensor(keep_scores, device=device)
        history = torch.cat([history[rows, origins], chosen[..., None]], dim=2)
        state.select((rows * beam + origins).view(-1))
        tokens = chosen.view(-1)
        sentences = [sentences[row] for row in keep_rows]
    return finished


def _is_done(done: list[Hypothesis], best_open: float, length: int, config: BeamConfig) -> bool:
    """Whether the best open hypothesis, ended now, would not enter the finished ones.

    The criterion of transformers (`early_stopping=False`) and, in effect, of CTranslate2. With a length penalty above 0 a
    longer hypothesis may still average out better; a proof that none does would have to go on to max_length.
    """
    return len(done) == config.beam_size and best_open / length**config.length_penalty <= done[-1].score
