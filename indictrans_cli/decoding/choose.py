"""What to do with several translations of one sentence: choose the one that agrees with the others, align it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..errors import missing_package
from ..model.transformer import Transformer

Utility = Callable[[str, str], float]  # translation, the one taken for right -> how good it is


def minimum_bayes_risk(translations: Sequence[str], utility: Utility | None = None) -> tuple[int, float]:
    """Which of several translations is most like all of them, and its mean utility (Eikema and Aziz 2020).

    Best given samples of `sampling.sample`, and often better than a beam where a model is unsure. The utility is chrF
    (sacreBLEU's, 0 to 100) unless told; a translation drawn twice counts twice. ValueError where there is none.
    """
    if not translations:
        raise ValueError("there is no translation to choose from")
    utility = utility or _chrf()
    votes = {text: translations.count(text) for text in translations}
    expected = {
        text: sum(count * utility(text, other) for other, count in votes.items()) / len(translations) for text in votes
    }
    best = max(expected, key=lambda text: expected[text])
    return translations.index(best), expected[best]


def _chrf() -> Utility:
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise missing_package("sacrebleu", "choosing by minimum Bayes risk") from error
    metric = CHRF()
    return lambda text, other: 100.0 if text == other else float(metric.sentence_score(text, [other]).score)


@torch.inference_mode()
def align(model: Transformer, src: Tensor, translations: Sequence[Sequence[int]], layer: int = -1) -> list[Tensor]:
    """How strongly each target token draws on each source token: a tensor (tgt_len, src_len) a sentence, rows sum to 1.

    src is (batch, src_len) as for a search, `translations` the tokens of each, with learned positions shorter than those by
    one. Read off the attention of the position that has the token for its input, which knows it, rather than of the one that
    says it (Chen et al. 2020).
    """
    config = model.config
    longest = max(map(len, translations), default=0)
    tgt = torch.full((len(translations), longest + 1), config.pad_id, device=src.device)
    for row, tokens in enumerate(translations):
        tgt[row, : len(tokens) + 1] = torch.tensor([config.bos_id, *tokens], device=src.device)
    attention = model.attention(src, tgt, layer)  # (batch, 1 + longest, src_len)
    lengths = (src != config.pad_id).sum(dim=1).tolist()
    return [
        attention[row, 1 : len(tokens) + 1, :length]
        for row, (tokens, length) in enumerate(zip(translations, lengths, strict=True))
    ]
