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
from ..errors import OutputError
from ..paths import atomic_dir, ensure_dir

FILES = ("state.safetensors", "state.json")


@dataclass
class Progress:
    """How far a run is."""

    step: int = 0  # optimizer steps done
    epoch: int = 0
    batch: int = 0  # micro-batches of this epoch done
    seconds: float = 0.0  # of training, over all resumptions
    tokens: int = 0  # source and target tokens seen, padding not counted


def save_snapshot(run: Path, progress: Progress, tensors: dict[str, Tensor]) -> Path:
    """Write a snapshot of `tensors`; of the others, the newest is kept."""
    folder = ensure_dir(run / "snapshots") / f"step-{progress.step:08d}"
    with atomic_dir(folder, FILES) as temporary:
        content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        try:
            save_file(content, temporary / "state.safetensors")
        except SafetensorError as error:  # the library's way to say that the disk is full
            raise OutputError(f"cannot write the snapshot '{folder}': {error}; the one before it is kept") from error
        state = {**asdict(progress), "checksum": file_checksum(temporary / "state.safetensors")}
        (temporary / "state.json").write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    for old in [other for other in snapshots(run) if other != folder][1:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def load_newest(run: Path) -> tuple[Progress, dict[str, Tensor], list[str]] | None:
    """The newest snapshot of a run that is whole, and the names of damaged ones above it; None where there is none.

    What is damaged, or was being written when a process died, is removed.
    """
    for leftover in (run / "snapshots").glob(".step-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    damaged: list[str] = []
    for folder in snapshots(run):
        snapshot = load_snapshot(folder)
        if snapshot is not None:
            return *snapshot, damaged
        damaged.append(folder.name)
        shutil.rmtree(folder, ignore_errors=True)
    return None


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
