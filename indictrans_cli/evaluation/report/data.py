"""An evaluation as JSON: what `--json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..behaviour import Behaviour
from ..contrastive import ContrastiveResult, accuracies
from ..evaluate import Evaluation, SystemResult
from ..metrics import decimals
from ..significance import Interval

_WORST = 10


def as_dict(evaluation: Evaluation) -> dict[str, Any]:
    """All figures. Where there is one system, its figures stand at the top as well."""
    systems = [_system(each, evaluation) for each in evaluation.systems]
    one = systems[0] if len(systems) == 1 else {}
    return {
        **{("system" if key == "name" else key): value for key, value in one.items() if key != "origin"},
        "test": evaluation.test.name,
        "origin": evaluation.test.origin,
        "checksum": evaluation.test.checksum,
        "known_as": evaluation.test.known_as,
        "sentences": len(evaluation.test.references),
        "samples": evaluation.samples,
        "seed": evaluation.seed,
        "systems": systems,
        "references": _behaviour(evaluation.references),
        "comparisons": [
            {
                "metric": pair.metric,
                "systems": [pair.first, pair.second],
                "difference": round(pair.difference, 4),
                "interval": _interval(pair.interval),
                "bootstrap_p": pair.bootstrap_p,
                "randomisation_p": pair.randomisation_p,
            }
            for pair in evaluation.comparisons
        ],
        "left_out": evaluation.left_out,
    }


def contrastive_dict(results: Sequence[ContrastiveResult]) -> list[dict[str, Any]]:
    """Of each phenomenon, how many tests were passed."""
    return [
        {
            "phenomenon": each.phenomenon,
            "passed": each.passed,
            "tests": each.tests,
            "share": round(each.share, 4),
            "low": round(each.low, 4),
            "high": round(each.high, 4),
        }
        for each in accuracies(results)
    ]


def _system(each: SystemResult, evaluation: Evaluation) -> dict[str, Any]:
    system = each.system
    result: dict[str, Any] = {
        "name": system.name,
        "origin": system.origin,
        "scores": [
            {
                "name": score.name,
                "value": round(score.value, decimals(score.name)),
                "signature": score.signature,
                "interval": _interval(interval),
            }
            for score, interval in zip(each.scores, each.intervals, strict=True)
        ],
        "behaviour": _behaviour(each.behaviour),
        "groups": [
            {
                "kind": group.kind,
                "label": group.label,
                "sentences": len(group.indices),
                "scores": [
                    {"name": score.metric, "value": round(score.value, 2), "interval": _interval(score.interval)}
                    for score in scores
                ],
            }
            for group, scores in zip(evaluation.groups, each.groups, strict=True)
        ],
        "worst": [{"line": at + 1, "score": round(float(each.sentences[at]), 2)} for at in each.worst(_WORST)],
    }
    if system.speed:
        result["sentences_per_second"] = round(system.speed.sentences_per_second, 1)
        result["first_sentence_seconds"] = round(system.speed.first_sentence, 3)
        result |= {"device": system.speed.device, "beam_size": system.speed.beam_size}
    if system.size:
        result |= {"parameters": system.size.parameters, "bytes": system.size.size, "storage": system.size.storage}
    if system.perplexity:
        result |= {
            "perplexity": round(system.perplexity.value, 3),
            "nats_per_token": round(system.perplexity.nats, 4),
            "nats_per_character": round(system.perplexity.nats_per_character, 4),
            "token_accuracy": round(system.perplexity.accuracy, 4),
            "tokens": system.perplexity.tokens,
        }
    if system.contrastive:
        result["contrastive"] = contrastive_dict(system.contrastive)
    return result


def _interval(interval: Interval) -> dict[str, float]:
    return {"low": round(interval.low, 4), "high": round(interval.high, 4), "mean": round(interval.mean, 4)}


def _behaviour(found: Behaviour) -> dict[str, Any]:
    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 4)

    return {
        "length_ratio": rounded(found.length_ratio),
        "numbers_kept": rounded(found.numbers),
        "placeholders_kept": rounded(found.placeholders),
        "devanagari": rounded(found.script_purity),
        "copied": rounded(found.copied),
        "repeats": rounded(found.repeated),
        "empty": rounded(found.empty),
    }
