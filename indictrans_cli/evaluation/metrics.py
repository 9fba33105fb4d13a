"""Scores of translations: sacreBLEU's BLEU, chrF2, chrF2++ and TER (Post 2018), each with the signature that reproduces it.

A score of a test set is a function of sums: each sentence gives a row of statistics (matching n-grams, lengths, edits), and
the rows are added. Scores are computed by sacreBLEU itself; `from_sums` is the same arithmetic for many sums at once, which
is what makes significance tests quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DataError, NetworkError, OptionError, missing_package

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: BLEU's tokenizers that a user can choose; the last two fetch a SentencePiece model when they are first used
TOKENIZERS = ("13a", "intl", "char", "none", "flores101", "flores200")
NEED_MODEL = ("flores101", "flores200")
#: in the order in which they are shown
METRICS = ("bleu", "chrf++", "chrf", "ter", "spbleu", "comet")


@dataclass(frozen=True)
class Score:
    """A figure and how it was computed."""

    name: str
    value: float
    signature: str


def decimals(name: str) -> int:
    """How many are shown of a metric: COMET's scores lie between 0 and 1, the others' between 0 and 100."""
    return 4 if name == "COMET" else 2


class Metric:
    """One of sacreBLEU's metrics against fixed references, whose statistics are extracted once.

    `name` is sacreBLEU's (BLEU, chrF2, chrF2++, TER), or spBLEU. Of TER, less is better.
    """

    def __init__(self, name: str, sacrebleu_metric: Any, from_sums: Callable[[Floats], Floats]) -> None:
        self.name = name
        self.higher_is_better = name != "TER"
        self._metric = sacrebleu_metric
        self._from_sums = from_sums

    def statistics(self, hypotheses: Sequence[str]) -> Floats:
        """(sentences, statistics): a row a sentence, in sacreBLEU's order."""
        import numpy as np

        return np.array(self._metric._extract_corpus_statistics(list(hypotheses), None), dtype=np.float64)

    def from_sums(self, sums: Floats) -> Floats:
        """Scores (...) of sums of statistics (..., statistics)."""
        return self._from_sums(sums)

    def score(self, statistics: Floats) -> Score:
        """The score of a test set whose rows these are, by sacreBLEU's own arithmetic."""
        sums = [int(total) for total in statistics.sum(axis=0)]
        result = self._metric._compute_score_from_stats(sums)
        return Score(self.name, float(result.score), str(self._metric.get_signature()))


def make_metrics(
    references: Sequence[str], names: Sequence[str] = ("bleu", "chrf++", "chrf", "ter"), *, tokenize: str = "13a"
) -> list[Metric]:
    """The metrics of these names (of METRICS, COMET excepted) against these references; BLEU's tokenizer is `tokenize`.

    OptionError for a tokenizer that is not there, NetworkError where its model cannot be fetched.
    """
    if tokenize not in TOKENIZERS:
        raise OptionError(f"--tokenize {tokenize}: not a tokenizer; use {', '.join(TOKENIZERS)}")
    if not references:
        raise DataError("there is nothing to score: the test set is empty")
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
        from sacrebleu.metrics.ter import TER
    except ImportError as error:
        raise missing_package("sacrebleu", "scoring translations") from error
    wanted = [list(references)]

    def bleu(tokenize: str) -> Any:
        return _fetching(tokenize, lambda: BLEU(tokenize=tokenize, references=wanted))

    make: dict[str, Callable[[], Metric]] = {
        "bleu": lambda: Metric("BLEU", bleu(tokenize), bleu_from_sums),
        "chrf++": lambda: Metric("chrF2++", CHRF(word_order=2, references=wanted), chrf_from_sums),
        "chrf": lambda: Metric("chrF2", CHRF(references=wanted), chrf_from_sums),
        "ter": lambda: Metric("TER", TER(references=wanted), ter_from_sums),
        "spbleu": lambda: Metric("spBLEU", bleu("flores200"), bleu_from_sums),
    }
    return [make[name]() for name in METRICS if name in names and name in make]


def parse_names(text: str) -> list[str]:
    """`bleu,chrf++` as names of METRICS; OptionError for another."""
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in METRICS:
            raise OptionError(f"--metrics: there is no '{name}'; use {', '.join(METRICS)}")
    if not names:
        raise OptionError(f"--metrics names none; use some of {', '.join(METRICS)}")
    return names


def tokenizer_model_is_here(tokenize: str = "flores200") -> bool:
    """Whether sacreBLEU has fetched the SentencePiece model of one of its tokenizers already."""
    from pathlib import Path

    try:
        from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
        from sacrebleu.utils import SACREBLEU_DIR
    except ImportError as error:
        raise missing_package("sacrebleu", "scoring translations") from error
    path = Path(SACREBLEU_DIR) / "models" / Path(SPM_MODELS[tokenize]["url"]).name
    return path.is_file() and path.stat().st_size > 0


def corpus_scores(hypotheses: Sequence[str], references: Sequence[str]) -> list[Score]:
    """BLEU and chrF++ of a whole test set. DataError where the two differ in number, naming both."""
    if len(hypotheses) != len(references):
        raise DataError(
            f"{len(hypotheses)} translations cannot be scored against {len(references)} references; "
            f"a line each is needed"
        )
    return [metric.score(metric.statistics(hypotheses)) for metric in make_metrics(references)[:2]]


def bleu_from_sums(sums: Floats) -> Floats:
    """BLEU (...) of (..., 10): translation length, reference length, 4 matches, 4 totals. Smoothed by `exp`."""
    import numpy as np

    translated, wanted = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2:6], sums[..., 6:10]
    smoothing = np.ones_like(translated)
    logarithms = np.zeros_like(translated)
    with np.errstate(divide="ignore", invalid="ignore"):
        for order in range(4):
            match, total = matches[..., order], totals[..., order]
            smoothing = np.where(match == 0, smoothing * 2, smoothing)
            precision = np.where(match == 0, 100.0 / (smoothing * total), 100.0 * match / total)
            logarithms = logarithms + np.where(total == 0, -np.inf, np.log(precision))
        brevity = np.where(translated < wanted, np.exp(1 - wanted / translated), 1.0)
        scores = brevity * np.exp(logarithms / 4)
    return np.where((matches.sum(axis=-1) == 0) | (translated == 0), 0.0, scores)


def chrf_from_sums(sums: Floats) -> Floats:
    """chrF2 or chrF2++ (...) of (..., 3 * orders): of each order, n-grams of translation, of reference, in both."""
    import numpy as np

    shape = sums.shape[:-1]
    precision, recall, orders = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        for start in range(0, sums.shape[-1], 3):
            translated, wanted, match = sums[..., start], sums[..., start + 1], sums[..., start + 2]
            counts = (translated > 0) & (wanted > 0)
            precision = precision + np.where(counts, match / translated, 0.0)
            recall = recall + np.where(counts, match / wanted, 0.0)
            orders = orders + counts
        precision, recall = precision / orders, recall / orders
        scores = 100 * (5 * precision * recall) / (4 * precision + recall)  # beta = 2
    return np.where((orders == 0) | (precision + recall == 0), 0.0, scores)


def ter_from_sums(sums: Floats) -> Floats:
    """TER (...) of (..., 2): edits and reference words."""
    import numpy as np

    edits, words = sums[..., 0], sums[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(words > 0, 100 * (edits / words), np.where(edits > 0, 100.0, 0.0))


def _fetching(tokenize: str, make: Callable[[], Any]) -> Any:
    """Make a metric whose tokenizer's model sacreBLEU may have to fetch first."""
    if tokenize not in NEED_MODEL or tokenizer_model_is_here(tokenize):
        return make()
    from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS

    try:
        return make()
    except OSError as error:  # urllib's errors are of this kind
        raise NetworkError(
            f"the model of sacreBLEU's tokenizer '{tokenize}' is not here and cannot be fetched from "
            f"{SPM_MODELS[tokenize]['url']} ({getattr(error, 'reason', None) or error}); fetch it where there is a network "
            f"with: sacrebleu --tokenize {tokenize}, or do without spbleu in --metrics and with --tokenize 13a"
        ) from error
