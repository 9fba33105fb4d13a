"""`ctx eval --watch` and `--history`: how a model moves, while it is trained and from one evaluation to the next."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .console import note, progress
from .eval_steps import draw, model_label, score, test_sets

if TYPE_CHECKING:
    from ..corpus.testsets import TestSet

EVERY = 5.0  # seconds between looks at a run


@dataclass(frozen=True)
class Settings:
    """How snapshots are scored."""

    metrics: list[str]
    tokenize: str
    samples: int
    seed: int
    beam_size: int
    device: str
    as_json: bool


def watch_run(run: Path, data: str | None, tests: list[TestSet], settings: Settings) -> None:
    """Score each snapshot of a run once, the oldest first, until nobody trains in it any more.

    Without a test set: on the held-out pairs of the data. A line a snapshot and test set; Ctrl-C ends it.
    """
    from ..errors import InputError
    from ..evaluation.snapshots import check_run, is_training, snapshot_model, unseen
    from .train import open_prepared

    prepared = open_prepared(data)
    config = check_run(run, prepared)
    tests = tests or test_sets(data, [], None, None)
    seen: set[str] = set()
    scored = 0
    if not unseen(run, seen):
        note(f"no snapshot in {run} yet")
    while True:
        training = is_training(run)  # asked first: a run that ends now has written its last snapshot by then
        for snapshot in unseen(run, seen):
            seen.add(snapshot.name)
            with tempfile.TemporaryDirectory() as folder:
                saved = snapshot_model(snapshot, config, prepared, Path(folder) / "model")
                if saved is None:
                    continue
                for test in tests:
                    _score_snapshot(run, *saved, test, settings)
                scored += 1
        if not training and not unseen(run, seen):
            break
        if training:
            time.sleep(EVERY)
    if not scored:
        raise InputError(
            f"there is no snapshot in '{run}', and nobody trains in it; start it with: ctx train --run {run}"
        )


def _score_snapshot(run: Path, directory: Any, done: Any, test: TestSet, settings: Settings) -> None:
    """One snapshot on one test set: printed, and kept in the history."""
    from dataclasses import replace

    from ..device import choose_device
    from ..engines.ctranslate2 import convert
    from ..evaluation.history import entry, record
    from ..evaluation.metrics import make_metrics
    from ..evaluation.perplexity import perplexity
    from ..evaluation.report.tables import with_half
    from ..evaluation.systems import run_model
    from ..translator import Translator

    convert(
        directory, directory.path / "ctranslate2"
    )  # here, where it goes with the folder: the cache keeps no snapshots
    with progress(f"step {done.step:,} on {test.name}"):
        system = run_model(
            run.resolve().name,
            directory,
            lambda: Translator(str(directory.path), device=settings.device, beam_size=settings.beam_size).translate,
            test,
            device=settings.device,
            beam_size=settings.beam_size,
        )
        pairs = list(zip(test.sources or [], test.references, strict=True))
        system = replace(system, perplexity=perplexity(directory, pairs, choose_device(settings.device)))
        metrics = make_metrics(test.references, settings.metrics, tokenize=settings.tokenize)
        evaluation = score(test, [system], metrics, settings.samples, settings.seed, [])
    (result,) = evaluation.systems
    kept = entry(evaluation, result, directory.content_hash, run=str(run.resolve()), step=done.step)
    record([kept])
    if settings.as_json:
        print(json.dumps(kept, ensure_ascii=False), flush=True)
        return
    scores = "  ".join(
        f"{one.name} {with_half(one.name, one.value, interval)}"
        for one, interval in zip(result.scores, result.intervals, strict=True)
    )
    shown = f"perplexity {system.perplexity.value:.2f}" if system.perplexity else ""
    print(f"step {done.step:,}  {test.name}  {scores}  {shown}", flush=True)


def show_history(models: list[str], tests: list[str], reports: list[Path], as_json: bool) -> None:
    """What was scored before, a table a test set and model; as a page too, with a line a model."""
    from ..corpus.testsets import recorded_name
    from ..errors import InputError
    from ..evaluation.history import read_history
    from ..evaluation.report.moves import history_page, history_tables
    from ..paths import open_output

    runs = {each["run"] for each in read_history()}
    known = set(models)
    for name in models:
        folder = str(Path(name).resolve())
        # a run is itself alone; a model goes by its label, which is shorter where it was scored beside others
        known |= {folder} if folder in runs else {model_label(name, several=False), model_label(name, several=True)}
    entries = read_history(known, {*tests, *map(recorded_name, tests)})
    if as_json:
        print(json.dumps({"history": entries}, ensure_ascii=False))
        return
    if not entries:
        raise InputError("nothing of that kind was scored yet; 'ctx eval --model NAME' keeps what it finds")
    for path in reports:
        with open_output(path) as handle:
            handle.write(history_page(entries).encode(errors="backslashreplace"))
        note(f"wrote {path}")
    for table in history_tables(entries):
        draw(table)
