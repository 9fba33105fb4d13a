"""How sure a score is: bootstrap intervals, and two paired tests of whether one system is better than another.

Paired bootstrap resampling (Koehn 2004) and approximate randomisation (Riezler and Maxwell 2005), with sacreBLEU's random
numbers and definitions, so that p-values equal those of `sacrebleu --paired-bs` and `--paired-ar` of the same seed and
number of samples. Where sacreBLEU scores one sample after the other, all samples are here one matrix product: how often each
sample draws each sentence, times the sentences' statistics.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError

if TYPE_CHECKING:
    from .metrics import Metric

Floats = NDArray[np.float64]

DEFAULT_SEED = 12345  # sacreBLEU's
_CHUNK = 250_000  # draws held at a time: what fits a processor's cache is three times as fast as what does not


@dataclass(frozen=True)
class Interval:
    """A 95 % bootstrap interval of a score, and the mean over its samples."""

    mean: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half its width: what sacreBLEU prints behind ±."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Comparison:
    """Two systems under one metric."""

    metric: str
    first: str
    second: str
    difference: float  # the second's score less the first's
    interval: Interval  # of the difference
    bootstrap_p: float
    randomisation_p: float


def check_samples(samples: int, seed: int) -> None:
    """OptionError for numbers that no test can be made with."""
    if not 100 <= samples <= 1_000_000:
        raise OptionError(f"--samples {samples}: must be between 100 and 1,000,000")
    if not 0 <= seed < 2**32:
        raise OptionError(f"--seed {seed}: must be between 0 and {2**32 - 1}")


def bootstrap_sums(statistics: Floats, samples: int, seed: int) -> Floats:
    """(samples, statistics): sums of (sentences, statistics) over as many sentences, drawn with replacement."""
    sentences = len(statistics)

    def draws(random: np.random.Generator, rows: int) -> NDArray[Any]:
        picked = random.integers(sentences, size=(rows, sentences))
        picked += np.arange(rows)[:, None] * sentences
        return np.bincount(picked.ravel(), minlength=rows * sentences).reshape(rows, sentences)

    return np.concatenate(list(_products(statistics, samples, seed, draws)))


def randomised_sums(statistics: Floats, samples: int, seed: int) -> Floats:
    """(samples, statistics): the sums over a random half of the sentences. The other half is the total less this one."""

    def draws(random: np.random.Generator, rows: int) -> NDArray[Any]:
        return random.integers(2, size=(rows, len(statistics)), dtype=bool)

    return np.concatenate(list(_products(statistics, samples, seed, draws)))


def _products(statistics: Floats, samples: int, seed: int, draws: Any) -> Iterator[Floats]:
    """Draw some samples at a time and add up their statistics.

    All statistics are counts: as long as their sums stay below 2**24, float32 holds them exactly, at twice the speed. A
    multiple of 32 samples at a time makes the same random numbers as all of them at once.
    """
    sentences = len(statistics)
    counts = bool((statistics == np.rint(statistics)).all())
    exact = counts and sentences * np.abs(statistics).max(initial=0) < 2**24
    matrix = statistics.astype(np.float32 if exact else np.float64)
    random = np.random.default_rng(seed)
    step = max(32, _CHUNK // sentences // 32 * 32)
    for start in range(0, samples, step):
        times = draws(random, min(step, samples - start))
        yield (times.astype(matrix.dtype) @ matrix).astype(np.float64)


def interval_of(scores: Floats) -> Interval:
    """The 95 % interval of bootstrapped scores: as sacreBLEU, without the lowest and highest fortieth."""
    ordered = np.sort(scores)
    cut = len(ordered) // 40
    return Interval(float(scores.mean()), float(ordered[cut]), float(ordered[len(ordered) - cut - 1]))


@dataclass(frozen=True)
class Significance:
    """What a set of systems gave under all metrics."""

    intervals: dict[tuple[str, str], Interval]  # (metric, system)
    comparisons: list[Comparison]  # metric by metric, each pair of systems once


def significance(
    metrics: Sequence[Metric],
    statistics: dict[tuple[str, str], Floats],
    systems: Sequence[str],
    samples: int,
    seed: int,
) -> Significance:
    """Intervals of every system and both tests of every pair, under every metric.

    `statistics` are (sentences, statistics) by (metric, system). Each metric draws the same sentences again: that costs less
    than holding the sums of all of them.
    """
    check_samples(samples, seed)
    intervals: dict[tuple[str, str], Interval] = {}
    comparisons: list[Comparison] = []
    for metric in metrics:
        rows = [statistics[metric.name, system] for system in systems]
        together = np.concatenate(rows, axis=1)
        scores = [metric.from_sums(part) for part in _split(bootstrap_sums(together, samples, seed), systems)]
        intervals |= {(metric.name, system): interval_of(each) for system, each in zip(systems, scores, strict=True)}
        if len(systems) == 1:
            continue
        totals = [each.sum(axis=0) for each in rows]
        halves = _split(randomised_sums(together, samples, seed), systems)
        for one, other in itertools.combinations(range(len(systems)), 2):
            differences = scores[other] - scores[one]
            real = float(metric.from_sums(totals[other]) - metric.from_sums(totals[one]))
            moved = halves[one] - halves[other]  # what the two exchange
            shuffled = metric.from_sums(totals[other] + moved) - metric.from_sums(totals[one] - moved)
            apart = np.abs(differences)
            ps = _p_value(apart - apart.mean(), abs(real)), _p_value(np.abs(shuffled), abs(real))
            if np.array_equal(rows[one], rows[other]):
                ps = 1.0, 1.0  # where sacreBLEU's counting says nearly 0
            comparisons.append(
                Comparison(metric.name, systems[one], systems[other], real, interval_of(differences), *ps)
            )
    return Significance(intervals, comparisons)


def _split(sums: Floats, systems: Sequence[str]) -> list[Floats]:
    """(samples, systems * statistics) as (samples, statistics) of each system."""
    return np.split(sums, len(systems), axis=1)


def _p_value(under_the_null: Floats, observed: float) -> float:
    """The share of samples that are further apart than what was observed, as sacreBLEU counts it."""
    return (int((under_the_null > observed).sum()) + 1) / (len(under_the_null) + 1)
