"""The snapshots of a training run as models, while the run goes on."""

from __future__ import annotations

import json
from pathlib import Path

from ..config import ModelConfig, from_dict
from ..corpus.shards import PreparedData
from ..errors import DataError, InputError, OutputError
from ..model_directory import ModelDirectory, save_model
from ..paths import locked, reason
from ..training.checkpoint import Progress, load_snapshot, snapshots


def check_run(run: Path, data: PreparedData) -> ModelConfig:
    """The shape of a run's model. InputError where `run` is none, DataError where it was trained on other data."""
    path = run / "run.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        vocabulary, shape = settings["data"]["tokenizer.model"], settings["shape"]
    except OSError as error:
        raise InputError(f"'{run}' is no training run ({path.name}: {reason(error)}); name its folder, as ctx train --run does") from error  # noqa: E501 # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' is damaged ({error}); the run cannot be watched") from error
    if vocabulary != data.info["files"]["tokenizer.model"]:
        raise DataError(
            f"'{run}' was trained with another vocabulary than that of '{data.folder}'; name the data it was trained on: "
            f"ctx eval DATA --watch {run}"
        )
    return from_dict(ModelConfig, shape, f"'{path}'")


def unseen(run: Path, seen: set[str]) -> list[Path]:
    """Snapshot folders that are not in `seen`, the oldest first."""
    return [folder for folder in reversed(snapshots(run)) if folder.name not in seen]


def is_training(run: Path) -> bool:
    """Whether a process is training in `run` at this moment. Where there is no flock: never known, so no."""
    try:
        with locked(run, "a training run"):  # held for no time at all
            return False
    except OutputError:
        return True


def snapshot_model(
    snapshot: Path, config: ModelConfig, data: PreparedData, out: Path
) -> tuple[ModelDirectory, Progress] | None:
    """Write a snapshot's averaged weights (its weights, where it keeps no average) as a model directory at `out`.

    None where the snapshot is damaged, or has made room for a newer one meanwhile.
    """
    loaded = load_snapshot(snapshot)
    if loaded is None:
        return None
    progress, tensors = loaded
    kind = "average." if any(name.startswith("average.") for name in tensors) else "weights."
    weights = {
        name.removeprefix(kind): tensor.float().numpy() for name, tensor in tensors.items() if name.startswith(kind)
    }
    src_lang, tgt_lang = data.languages
    card = f"# {snapshot.parent.parent.name}, step {progress.step:,}\n"
    saved = save_model(out, config, weights, data.tokenizer.model, card, src_lang=src_lang, tgt_lang=tgt_lang)
    return saved, progress
