"""BLEU and chrF++ by sacreBLEU (Post 2018), each with the signature that reproduces it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import DataError, missing_package


@dataclass(frozen=True)
class Score:
    """A figure and how it was computed."""

    name: str
    value: float
    signature: str


def corpus_scores(hypotheses: Sequence[str], references: Sequence[str]) -> list[Score]:
    """BLEU and chrF++ of a whole test set. DataError where the two differ in number, naming both."""
    if len(hypotheses) != len(references):
        raise DataError(
            f"{len(hypotheses)} translations cannot be scored against {len(references)} references; "
            f"a line each is needed"
        )
    if not references:
        raise DataError("there is nothing to score: the test set is empty")
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise missing_package("sacrebleu", "scoring translations") from error
    scores = []
    for metric in (BLEU(), CHRF(word_order=2)):
        result = metric.corpus_score(list(hypotheses), [list(references)])
        scores.append(Score(result.name, result.score, str(metric.get_signature())))
    return scores
