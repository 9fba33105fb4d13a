"""To a folder that transformers loads with no code of ours: the weights are M2M100's (or Marian's …) under other names.

The tokenizer becomes a `tokenizer.json`: SentencePiece's unigram pieces and scores, in the `tokenizers` library's terms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import missing_package
from ..interchange.layouts import config_to, weights_to
from ..model_directory import ModelDirectory, write_safetensors
from ..tokenizer import Tokenizer

DEFAULT_STORAGE = "float32"
STORAGE = ("float32",)


def write(directory: ModelDirectory, out: Path, storage: str) -> None:
    config = directory.config
    _write_json(out / "config.json", config_to(config))
    _write_json(
        out / "generation_config.json",
        {
            "num_beams": 4,
            "max_length": 256,
            "pad_token_id": config.pad_id,
            "bos_token_id": config.bos_id,
            "eos_token_id": config.eos_id,
            "decoder_start_token_id": config.bos_id,
            "suppress_tokens": config.unsayable_ids,
        },
    )
    write_safetensors(
        out / "model.safetensors",
        {name: ("F32", array) for name, array in weights_to(directory.weights(), config).items()},
    )
    tokenizer = fast_tokenizer(directory.tokenizer(), directory.config.max_length)
    tokenizer.save_pretrained(out)
    (out / "README.md").write_text(directory.card(), encoding="utf-8")


def fast_tokenizer(tokenizer: Tokenizer, max_length: int) -> Any:
    """Our SentencePiece model as a transformers tokenizer that ends every text with </s>."""
    try:
        from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors
        from tokenizers import Tokenizer as Fast
        from transformers import PreTrainedTokenizerFast
    except ImportError as error:
        raise missing_package("transformers", "exporting to huggingface") from error

    pieces = tokenizer.vocabulary()
    fast = Fast(
        models.Unigram(list(zip(pieces, tokenizer.scores(), strict=True)), tokenizer.unk_id, byte_fallback=True)
    )
    fast.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")])
    fast.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    fast.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Fuse(), decoders.Replace("▁", " "), decoders.Strip(" ", 1, 0)]
    )
    pad, unk, bos, eos = (pieces[getattr(tokenizer, f"{name}_id")] for name in ("pad", "unk", "bos", "eos"))
    fast.post_processor = processors.TemplateProcessing(
        single=f"$A {eos}", pair=f"$A {eos} $B {eos}", special_tokens=[(eos, tokenizer.eos_id)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=fast,
        pad_token=pad,
        unk_token=unk,
        bos_token=bos,
        eos_token=eos,
        model_max_length=max_length,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )


def translator(folder: Path) -> Callable[[Sequence[str]], list[str]]:
    """Stock transformers: Auto classes on the folder, and `generate`."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def translate(sentences: Sequence[str]) -> list[str]:
        batch = tokenizer(list(sentences), return_tensors="pt", padding=True)
        with torch.inference_mode():
            ids = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                max_length=65,
                num_beams=4,
                length_penalty=1.0,
                early_stopping=False,
            )
        texts: list[str] = tokenizer.batch_decode(ids, skip_special_tokens=True)
        return texts

    return translate


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
