"""Intervals and significance tests against sacreBLEU's own, and against its arithmetic sentence by sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER
from sacrebleu.significance import PairedTest

from indictrans_cli.errors import OptionError
from indictrans_cli.evaluation.metrics import make_metrics
from indictrans_cli.evaluation.significance import Significance, bootstrap_sums, randomised_sums, significance

ROOT = Path(__file__).parent.parent
PEERS = next((path for path in (ROOT.parent / "shared" / "eval", ROOT / "shared" / "eval") if path.is_dir()), None)


@pytest.fixture(scope="module")
def references(toy_pairs: list[tuple[str, str]]) -> list[str]:
    return [tgt for _, tgt in toy_pairs[::4]]


@pytest.fixture(scope="module")
def systems(references: list[str]) -> dict[str, list[str]]:
    """Three systems that make mistakes of a kind: words left out, exchanged, or said twice."""
    random = np.random.default_rng(5)

    def spoil(share: float, change: str) -> list[str]:
        lines = []
        for line in references:
            words = line.split()
            if random.random() < share:
                at = int(random.integers(len(words)))
                words[at : at + 1] = {"drop": [], "swap": ["यह"], "twice": [words[at]] * 2}[change]
            lines.append(" ".join(words))
        return lines

    return {"drops": spoil(0.5, "drop"), "swaps": spoil(0.42, "swap"), "repeats": spoil(0.45, "twice"), "empty": [""] * len(references)}  # noqa: E501 # fmt: skip


def run(systems: dict[str, list[str]], references: list[str], samples: int, seed: int = 12345) -> Significance:
    metrics = make_metrics(references)
    statistics = {
        (metric.name, name): metric.statistics(lines) for metric in metrics for name, lines in systems.items()
    }
    return significance(metrics, statistics, list(systems), samples, seed)


def test_many_scores_at_once_are_those_sacrebleu_computes_one_by_one(
    systems: dict[str, list[str]], references: list[str]
) -> None:
    theirs = {"BLEU": BLEU(), "chrF2++": CHRF(word_order=2), "chrF2": CHRF(), "TER": TER()}
    odd = ["", "एक", "।", "a b c d e", "यह पानी ठंडा है और गहरा है।"]
    for metric in make_metrics([*references[:40], *reversed(odd)]):
        rows = metric.statistics([*systems["swaps"][:40], *odd])
        for hypothesis, reference, score in zip(
            [*systems["swaps"][:40], *odd], [*references[:40], *reversed(odd)], metric.from_sums(rows), strict=True
        ):
            expected = theirs[metric.name].corpus_score([hypothesis], [[reference]]).score
            assert score == pytest.approx(expected, abs=1e-9), (metric.name, hypothesis, reference)


@pytest.mark.parametrize("kind", ["bs", "ar"])
def test_p_values_and_intervals_are_those_of_sacrebleus_paired_tests(
    kind: str, systems: dict[str, list[str]], references: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    metrics = {"BLEU": BLEU(), "chrF2++": CHRF(word_order=2), "TER": TER()}
    chosen = {name: systems[name] for name in ("drops", "swaps", "repeats")}
    _, theirs = PairedTest(list(chosen.items()), metrics, [references], kind, n_samples=500)()
    ours = run(chosen, references, 500, seed=7)
    for name in metrics:
        for (system, _), result in zip(chosen.items(), theirs[name], strict=True):
            assert not isinstance(result, str)
            if kind == "bs":
                interval = ours.intervals[name, system]
                assert (interval.mean, interval.half) == pytest.approx((result.mean, result.ci), abs=1e-3)
            if system != "drops":
                (pair,) = (
                    pair
                    for pair in ours.comparisons
                    if (pair.metric, pair.first, pair.second) == (name, "drops", system)
                )
                # sacreBLEU adds up in float32: a sample on the edge may fall on the other side
                p = pair.bootstrap_p if kind == "bs" else pair.randomisation_p
                assert p == pytest.approx(result.p_value, abs=2.5 / 501)


def test_p_values_are_those_that_sacrebleus_command_prints(
    systems: dict[str, list[str]], references: list[str], tmp_path: Path
) -> None:
    for name, lines in {**systems, "ref": references}.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    ours = run({name: systems[name] for name in ("drops", "swaps")}, references, 300)
    for kind in ("bs", "ar"):
        command = [sys.executable, "-m", "sacrebleu", "ref", "-i", "drops", "swaps", "-m", "bleu", "chrf", "--chrf-word-order", "2", f"--paired-{kind}", f"--paired-{kind}-n", "300", "-f", "text", "-w", "4"]  # noqa: E501 # fmt: skip
        env = {**os.environ, "NO_COLOR": "1"}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=env)
        printed = [float(number) for number in re.findall(r"p = ([\d.]+)", done.stdout)]
        pairs = [pair for pair in ours.comparisons if pair.metric in ("BLEU", "chrF2++")]
        expected = [pair.bootstrap_p if kind == "bs" else pair.randomisation_p for pair in pairs]
        assert printed == pytest.approx(expected, abs=2.5 / 301)


def test_the_same_seed_draws_the_same_however_many_sentences_are_drawn_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    statistics = np.random.default_rng(1).integers(9, size=(50, 3)).astype(float)
    whole = bootstrap_sums(statistics, 1000, 3), randomised_sums(statistics, 1000, 3)
    monkeypatch.setattr("indictrans_cli.evaluation.significance._CHUNK", 50 * 64)
    assert np.array_equal(whole[0], bootstrap_sums(statistics, 1000, 3))
    assert np.array_equal(whole[1], randomised_sums(statistics, 1000, 3))
    assert not np.array_equal(whole[0], bootstrap_sums(statistics, 1000, 4))


def test_a_system_is_no_better_than_itself(systems: dict[str, list[str]], references: list[str]) -> None:
    ours = run({"one": systems["drops"], "other": systems["drops"]}, references, 200)
    assert {(pair.difference, pair.bootstrap_p, pair.randomisation_p) for pair in ours.comparisons} == {(0.0, 1.0, 1.0)}


def test_large_sums_are_exact_too() -> None:
    """Beyond 2**24 float32 rounds: the sums must not."""
    statistics = np.full((2000, 1), 100_003.0)
    assert set(bootstrap_sums(statistics, 100, 1).ravel()) == {2000 * 100_003.0}


@pytest.mark.parametrize(("samples", "seed", "says"), [(10, 1, "--samples 10"), (1000, -1, "--seed -1")])
def test_numbers_that_make_no_test_are_refused(samples: int, seed: int, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        run({"one": ["a"]}, ["a"], samples, seed)


def test_many_samples_are_ten_times_as_fast_as_sacrebleu(systems: dict[str, list[str]], references: list[str]) -> None:
    many = [references[at % len(references)] for at in range(2000)]
    both = {name: [systems[name][at % len(references)] for at in range(2000)] for name in ("drops", "swaps")}
    metrics = make_metrics(many)[:1]
    statistics = {("BLEU", name): metrics[0].statistics(lines) for name, lines in both.items()}
    started = time.perf_counter()
    ours = significance(metrics, statistics, list(both), 2000, 12345)
    middle = time.perf_counter()
    _, theirs = PairedTest(list(both.items()), {"BLEU": BLEU()}, [many], "bs", n_samples=2000)()
    PairedTest(list(both.items()), {"BLEU": BLEU()}, [many], "ar", n_samples=2000)()
    ended = time.perf_counter()
    assert 10 * (middle - started) < ended - middle
    assert not isinstance(theirs["BLEU"][1], str)
    assert ours.comparisons[0].bootstrap_p == pytest.approx(theirs["BLEU"][1].p_value, abs=3 / 2001)


@pytest.mark.skipif(PEERS is None, reason="the systems' outputs are not here")
def test_bleu_of_the_systems_handed_over_is_their_published_one() -> None:
    assert PEERS is not None
    references = (PEERS / "flores-dev.hi").read_text(encoding="utf-8").splitlines()
    bleu, chrf = make_metrics(references)[:2]
    for path in sorted((PEERS / "peers").glob("*.hi")):
        lines = path.read_text(encoding="utf-8").splitlines()
        published = float(Path(f"{path}.bleu").read_text())
        assert round(bleu.score(bleu.statistics(lines)).value, 1) == published, path.name
        expected = CHRF(word_order=2).corpus_score(lines, [references]).score
        assert chrf.score(chrf.statistics(lines)).value == expected
