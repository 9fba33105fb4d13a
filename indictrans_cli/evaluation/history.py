"""What models scored, kept from one evaluation to the next: a line of JSON each, in the cache."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import OutputError
from ..paths import cache_dir, ensure_dir, reason
from .evaluate import Evaluation, SystemResult

SCHEMA = 1
_NEEDED = {"time", "model", "content_hash", "run", "step", "test", "checksum", "scores", "perplexity", "beam_size"}


def history_file() -> Path:
    """Where the history lies."""
    return cache_dir() / "evaluations.jsonl"


def entry(
    evaluation: Evaluation, result: SystemResult, content_hash: str, *, run: str = "", step: int | None = None
) -> dict[str, Any]:
    """What is kept of a model on a test set; `run` and `step` where it is a snapshot of a training run."""
    perplexity = result.system.perplexity
    return {
        "schema": SCHEMA,
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": result.system.name,
        "content_hash": content_hash,
        "run": run,
        "step": step,
        "test": evaluation.test.name,
        "checksum": evaluation.test.checksum,
        "sentences": len(evaluation.test.references),
        "scores": {
            score.name: [round(number, 6) for number in (score.value, interval.low, interval.high)]
            for score, interval in zip(result.scores, result.intervals, strict=True)
        },
        "signatures": {score.name: score.signature for score in result.scores},
        "perplexity": round(perplexity.value, 4) if perplexity else None,
        "sentences_per_second": round(result.system.speed.sentences_per_second, 1) if result.system.speed else None,
        "beam_size": result.system.speed.beam_size if result.system.speed else None,
        "ctx_version": __version__,
    }


def record(entries: Sequence[dict[str, Any]]) -> None:
    """Append to the history. OutputError where that cannot be."""
    path = history_file()
    ensure_dir(path.parent)
    try:
        lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in entries)
        with path.open("a+b") as handle:
            if handle.seek(0, os.SEEK_END):
                handle.seek(-1, os.SEEK_END)
                if handle.read(1) != b"\n":  # a torn line: it must not take the next one with it
                    lines = "\n" + lines
            handle.write(lines.encode(errors="backslashreplace"))  # half a surrogate pair becomes JSON's own escape
    except OSError as error:
        raise OutputError(f"cannot write '{path}': {reason(error)}") from error


def read_history(models: Collection[str] = (), tests: Collection[str] = ()) -> list[dict[str, Any]]:
    """All entries, the oldest first; only those of the models (or runs) and test sets named, if any are. Torn lines are
    skipped."""
    path = history_file()
    found: list[dict[str, Any]] = []
    for line in path.read_bytes().split(b"\n") if path.is_file() else []:
        with contextlib.suppress(ValueError):
            each = json.loads(line.decode("utf-8"))
            if isinstance(each, dict) and each.get("schema") == SCHEMA and set(each) >= _NEEDED:
                found.append(each)
    return [
        each
        for each in found
        if (not models or each["model"] in models or each["run"] in models) and (not tests or each["test"] in tests)
    ]
