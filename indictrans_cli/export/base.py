"""What every export does: write beside the target, load that, compare, and only then move it into place."""

from __future__ import annotations

import dataclasses
import lzma
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from ..config import SearchConfig
from ..errors import CtxError, OptionError
from ..model_directory import OURS, ModelDirectory
from ..paths import assets_dir, atomic_dir, folder_size

#: names that exports write; `replace` replaces a folder only if it holds nothing else
WRITTEN = (
    *OURS, "model.bin", "shared_vocabulary.json", "source", "generation_config.json", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "README.md",
)  # fmt: skip
SENTENCES = 50  # translated by the original and by the export


@dataclass(frozen=True)
class Check:
    """How an export compared with the original."""

    sentences: int
    different: int  # translations that are not equal
    similarity: float  # mean share of characters two translations have in common, in order; 1 where all are equal
    examples: list[tuple[str, str, str]]  # source, original's translation, export's translation
    size: int  # bytes


def export(
    directory: ModelDirectory, target: str, out: Path, storage: str | None = None, *, replace: bool = False
) -> Check:
    """Write `directory` as `target` (model, ctranslate2 or huggingface) to the folder `out`.

    CtxError where the export translates otherwise: in more than a tenth of the sentences with float32 weights, or beyond
    recognition with fewer bits. Then nothing is left at `out`.
    """
    from . import ctranslate2, huggingface, model  # here: they load torch

    targets = {"model": model, "ctranslate2": ctranslate2, "huggingface": huggingface}
    if target not in targets:
        raise OptionError(f"--to {target}: not a target; use {', '.join(targets)}")
    module = targets[target]
    storage = storage or module.DEFAULT_STORAGE
    if storage not in module.STORAGE:
        raise OptionError(f"--storage {storage}: '{target}' stores weights as {', '.join(module.STORAGE)}")
    with atomic_dir(out, WRITTEN if replace else ()) as folder:
        module.write(directory, folder, storage)
        check = compare(directory, module.translator(folder))
        if check.similarity < 0.5 or (storage == "float32" and check.different > 0.1 * check.sentences):
            raise CtxError(
                f"the export to '{target}' translates {check.different} of {check.sentences} sentences otherwise than "
                f"the model; nothing was written. "
                + ("Please report this" if storage == "float32" else "Store it in more bits, with --storage")
            )
    return dataclasses.replace(check, size=folder_size(out))


def compare(directory: ModelDirectory, translate: Callable[[Sequence[str]], list[str]]) -> Check:
    """Translate sample sentences with our own float32 beam search, and with `translate` (beam of 4 as well)."""
    import torch

    from ..engines.torch import TorchEngine

    sentences = sample_sentences()
    reference = TorchEngine(directory, torch.device("cpu")).translate(sentences, SearchConfig(max_length=64))
    outputs = translate(sentences)
    alike = [
        SequenceMatcher(None, before.text, after).ratio() for before, after in zip(reference, outputs, strict=True)
    ]
    different = [
        (source, before.text, after)
        for source, before, after in zip(sentences, reference, outputs, strict=True)
        if before.text != after
    ]
    return Check(len(sentences), len(different), sum(alike) / len(alike), different[:3], 0)


def sample_sentences() -> list[str]:
    """English sentences from the bundled sample, spread over it."""
    with lzma.open(assets_dir() / "sample" / "pairs.tsv.xz", "rt", encoding="utf-8") as handle:
        lines = handle.read().splitlines()
    return [line.partition("\t")[0] for line in lines[:: max(1, len(lines) // SENTENCES)]][:SENTENCES]
