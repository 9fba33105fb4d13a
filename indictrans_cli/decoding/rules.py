"""What may be said next: every search asks here before it chooses.

All functions change log-probabilities (rows, vocab_size) in place; a row is a hypothesis, `said` (rows, length) the tokens
it has so far, without the one it started with.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..config import ModelConfig, Rules

NEVER = float("-inf")


def obey(log_p: Tensor, said: Tensor, rules: Rules, model: ModelConfig) -> None:
    """Apply `rules`, and rule out what no translation contains (padding, the unknown piece, a second start)."""
    log_p[:, [*model.unsayable_ids, *rules.banned]] = NEVER
    if said.size(1) < rules.min_length:
        log_p[:, model.eos_id] = NEVER
    if rules.repetition_penalty != 1.0 and said.size(1):
        log_p.scatter_(1, said, log_p.gather(1, said) * rules.repetition_penalty)
    if rules.no_repeat_ngram:
        forbid_repetition(log_p, said, rules.no_repeat_ngram)


def forbid_repetition(log_p: Tensor, said: Tensor, size: int) -> None:
    """Rule out every token that would complete an n-gram of `size` that its hypothesis has already."""
    for row, tokens in enumerate(said.tolist()):
        last = tokens[len(tokens) - size + 1 :]
        for start in range(len(tokens) - size + 1):
            if tokens[start : start + size - 1] == last:
                log_p[row, tokens[start + size - 1]] = NEVER


def force(log_p: Tensor, prefixes: Sequence[Sequence[int]], position: int) -> None:
    """Where a row's prefix reaches to `position`, say its token, at no cost: what is given is no choice.

    A row is a sentence's: log_p may be (sentences, hypotheses, vocab_size).
    """
    for row, prefix in enumerate(prefixes):
        if position < len(prefix):
            log_p[row] = NEVER
            log_p[row, ..., prefix[position]] = 0.0
