"""Systems side by side on a test set: everything that tables, pages and JSON show, computed once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..corpus.testsets import TestSet, first_without_partner
from ..errors import DataError
from .behaviour import Behaviour, behaviour
from .breakdown import Group, GroupScore, group_scores, groups, sentence_scores
from .metrics import Metric, Score, make_metrics
from .significance import Comparison, Floats, Interval, significance

if TYPE_CHECKING:
    from ..tokenizer import Tokenizer
    from .contrastive import ContrastiveResult
    from .perplexity import Perplexity

Progress = Callable[[str, int], None]  # what is being done, and how many sentences of it
SENTENCE_METRIC = "chrF2++"  # what single sentences are ordered by


@dataclass(frozen=True)
class Speed:
    """How fast a model was here."""

    sentences_per_second: float
    first_sentence: float  # seconds, from opening the model to the first translation
    device: str
    beam_size: int


@dataclass(frozen=True)
class Size:
    """How large a model is."""

    parameters: int
    size: int  # bytes of config, weights and vocabulary
    storage: str


@dataclass(frozen=True)
class System:
    """Translations of a test set, and what is known of the model that made them, where one of ours did."""

    name: str
    hypotheses: list[str]
    origin: str  # the file, or the model's folder
    speed: Speed | None = None
    size: Size | None = None
    perplexity: Perplexity | None = None
    contrastive: list[ContrastiveResult] | None = None


@dataclass(frozen=True)
class SystemResult:
    """A system's figures on a test set."""

    system: System
    scores: list[Score]
    intervals: list[Interval]  # of each score
    behaviour: Behaviour
    groups: list[list[GroupScore]]  # of each group of the evaluation: its scores
    sentences: Floats  # (sentences,): SENTENCE_METRIC of each

    def worst(self, count: int) -> list[int]:
        """The sentences with the lowest scores, the worst first."""
        order: list[int] = self.sentences.argsort(kind="stable").tolist()
        return order[:count]


@dataclass(frozen=True)
class Evaluation:
    """All systems on one test set."""

    test: TestSet
    systems: list[SystemResult]
    groups: list[Group]
    comparisons: list[Comparison]  # metric by metric, each pair of systems once
    references: Behaviour  # what the references themselves do: the yardstick
    samples: int  # of bootstrap and of randomisation
    seed: int
    left_out: list[str]  # sentences on what was not measured, and why


def check_names(names: Sequence[str]) -> None:
    """DataError where two systems have the same name."""
    for one, other in itertools.combinations(names, 2):
        if one == other:
            raise DataError(f"two systems are named '{one}'; name them with --hyp NAME=FILE or --model NAME=MODEL")


def check_systems(test: TestSet, systems: Sequence[System]) -> None:
    """DataError for systems that do not fit the test set, have the same name, or are the same file's lines twice."""
    for system in systems:
        if not system.hypotheses:
            raise DataError(
                f"'{system.origin}' is empty; it should hold {len(test.references)} translations, a line each"
            )
        if len(system.hypotheses) != len(test.references):
            place = first_without_partner(system.origin, system.hypotheses, test.origin, test.references)
            raise DataError(
                f"'{system.origin}': {len(system.hypotheses)} translations cannot be scored against "
                f"{len(test.references)} references; {place}"
            )
        if system.speed is None and not any(line.strip() for line in system.hypotheses):
            raise DataError(f"'{system.origin}' holds no translation: all of its lines are blank")
    check_names([system.name for system in systems])
    for one, other in itertools.combinations(systems, 2):
        if one.hypotheses == other.hypotheses and not (one.speed and other.speed):  # models may well agree
            raise DataError(
                f"'{one.name}' and '{other.name}' are the same translations, line by line: nothing can be said of their "
                f"difference; leave one out"
            )


def evaluate(
    test: TestSet,
    systems: Sequence[System],
    metrics: Sequence[Metric],
    *,
    samples: int,
    seed: int,
    tokenizer: Tokenizer | None = None,
    left_out: Sequence[str] = (),
    progress: Progress = lambda stage, done: None,
) -> Evaluation:
    """Score systems that `check_systems` has passed. `tokenizer` tells unknown words (see `breakdown.groups`)."""
    chrf = next((metric for metric in metrics if metric.name == SENTENCE_METRIC), None)
    chrf = chrf or make_metrics(test.references, ["chrf++"])[0]
    statistics: dict[tuple[str, str], Floats] = {}
    for metric in dict.fromkeys([*metrics, chrf]):
        for system in systems:
            progress(f"{metric.name} of {system.name}", len(system.hypotheses))
            statistics[metric.name, system.name] = metric.statistics(system.hypotheses)
    progress("significance", samples)
    sure = significance(metrics, statistics, [system.name for system in systems], samples, seed)
    found = groups(test, tokenizer)
    results = []
    for system in systems:
        progress(f"groups of {system.name}", len(system.hypotheses))
        own = {metric.name: statistics[metric.name, system.name] for metric in [*metrics, chrf]}
        results.append(
            SystemResult(
                system,
                [metric.score(own[metric.name]) for metric in metrics],
                [sure.intervals[metric.name, system.name] for metric in metrics],
                behaviour(test.sources, system.hypotheses, test.references),
                group_scores(found, [chrf, *(metric for metric in metrics if metric.name == "BLEU")], own, seed),
                sentence_scores(chrf, own[SENTENCE_METRIC]),
            )
        )
    yardstick = behaviour(test.sources, test.references, test.references)
    return Evaluation(test, results, found, sure.comparisons, yardstick, samples, seed, list(left_out))
