"""From the name of a model and of an engine to a loaded engine."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelError, OptionError
from ..model_directory import ModelDirectory, open_model
from ..paths import assets_dir, models_dir
from .base import Engine

BUNDLED = "en-hi"


def find_model(name: str | None) -> ModelDirectory:
    """A model by name in the cache, or by the path of its directory; None or `en-hi` is the bundled one.

    ModelError where there is no such model.
    """
    if name is None or (name == BUNDLED and not (models_dir() / name).is_dir()):
        return open_model(assets_dir() / BUNDLED)
    if len(name.encode()) > 4000 or any(len(part.encode()) > 255 for part in Path(name).parts):
        raise ModelError(f"no model can be named '{name[:40]}…': the name is too long")
    if name not in ("", ".", "..") and Path(name).name == name and (models_dir() / name).is_dir():
        return open_model(models_dir() / name)
    if name and Path(name).is_dir():
        return open_model(Path(name))
    raise ModelError(f"no model named '{name}' in the cache, and no such folder; 'ctx models list' shows what is there")


def load_engine(directory: ModelDirectory, engine: str = "auto", device: str = "auto", threads: int = 0) -> Engine:
    """`auto` is CTranslate2 (on CUDA where it sees one) for what it computes; `ctranslate2` and `torch` say which."""
    if device not in ("auto", "cpu", "cuda"):
        raise OptionError(f"--device {device}: not a device; use auto, cpu or cuda")
    from .ctranslate2 import CTranslate2Engine, computes, cuda_devices

    if engine == "torch" or (engine == "auto" and not computes(directory.config)):
        from ..device import choose_device

        chosen = choose_device(device)
        from .torch import TorchEngine

        return TorchEngine(directory, chosen)
    if engine not in ("auto", "ctranslate2"):
        raise OptionError(f"--engine {engine}: not an engine; use auto, ctranslate2 or torch")
    if device == "cuda" and not cuda_devices():
        raise OptionError("--device cuda: CTranslate2 sees no CUDA device here; use --device cpu or auto")
    return CTranslate2Engine(directory, "cpu" if device == "cpu" or not cuda_devices() else "cuda", threads)
