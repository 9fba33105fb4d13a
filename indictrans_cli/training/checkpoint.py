"""Snapshots of a training run: everything that is needed to go on as if nothing had happened.

A snapshot is a folder `step-NNNNNNNN` of `state.safetensors` (weights, average, optimizer moments, random state) and
`state.json` (step, data position, seconds trained, checksum). It appears in one step; one that is damaged is skipped.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..corpus.shards import file_checksum
from ..paths import atomic_dir, ensure_dir


@dataclass
class Progress:
    """How far a run is."""

    step: int = 0  # optimizer steps done
    epoch: int = 0
    batch: int = 0  # micro-batches of this epoch done
    seconds: float = 0.0  # of training, over all resumptions
    tokens: int = 0  # source and target tokens seen, padding not counted
    best_valid: float = float("inf")  # lowest validation loss, nats a token


def save_snapshot(run: Path, progress: Progress, tensors: dict[str, Tensor], keep: int = 2) -> Path:
    """Write a snapshot of `tensors` and remove all but the `keep` newest."""
    folder = ensure_dir(run / "snapshots") / f"step-{progress.step:08d}"
    with atomic_dir(folder, replace=True) as temporary:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            temporary / "state.safetensors",
        )
        state = {**asdict(progress), "checksum": file_checksum(temporary / "state.safetensors")}
        (temporary / "state.json").write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    for old in snapshots(run)[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def snapshots(run: Path) -> list[Path]:
    """The snapshot folders of a run, newest first."""
    return sorted((run / "snapshots").glob("step-*"), reverse=True)


def load_snapshot(folder: Path) -> tuple[Progress, dict[str, Tensor]] | None:
    """The snapshot in `folder`, or None where it is not whole."""
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        if state.pop("checksum") != file_checksum(folder / "state.safetensors"):
            return None
        return Progress(**state), load_file(folder / "state.safetensors")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The state of torch's random generators that training draws from."""
    states = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["random.cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random_state(states: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(states["random.cpu"])
    if device.type == "cuda" and "random.cuda" in states:
        torch.cuda.set_rng_state(states["random.cuda"], device)
