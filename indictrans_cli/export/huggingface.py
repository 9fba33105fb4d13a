"""To a folder that transformers loads with no code of ours: the weights are M2M100's under other names.

The tokenizer becomes a `tokenizer.json`: SentencePiece's unigram pieces and scores, in the `tokenizers` library's terms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import missing_package
from ..model_directory import ModelDirectory, write_safetensors
from ..tokenizer import Tokenizer

DEFAULT_STORAGE = "float32"
STORAGE = ("float32",)

#: our name of a part of a layer -> M2M100's
_PARTS = {
    "attention_norm": "self_attn_layer_norm",
    "attention.out": "self_attn.out_proj",
    "cross_attention_norm": "encoder_attn_layer_norm",
    "cross_attention.q": "encoder_attn.q_proj",
    "cross_attention.out": "encoder_attn.out_proj",
    "feed_forward_norm": "final_layer_norm",
    "feed_forward.up": "fc1",
    "feed_forward.down": "fc2",
}
#: our fused projections -> the projections M2M100 keeps apart, in the order of our rows
_FUSED = {
    "attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "cross_attention.kv": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
}


def m2m100_weights(directory: ModelDirectory) -> dict[str, Any]:
    """The weights under the names of `M2M100ForConditionalGeneration`, as float32 arrays."""
    import numpy as np

    renamed: dict[str, Any] = {}
    for name, array in directory.weights().items():
        if name == "embedding.weight":
            renamed["model.shared.weight"] = array
            continue
        side, _, rest = name.partition("_")
        if rest.startswith("norm"):
            renamed[f"model.{side}.layer_norm{rest.removeprefix('norm')}"] = array
            continue
        _, number, part = rest.split(".", 2)
        part, _, kind = part.rpartition(".")
        prefix = f"model.{side}.layers.{number}"
        if part in _FUSED:
            for target, block in zip(_FUSED[part], np.split(array, len(_FUSED[part])), strict=True):
                renamed[f"{prefix}.{target}.{kind}"] = block
        else:
            renamed[f"{prefix}.{_PARTS[part]}.{kind}"] = array
    return renamed


def m2m100_config(directory: ModelDirectory) -> dict[str, Any]:
    """The fields of `M2M100Config` that say what our ModelConfig says."""
    config = directory.config
    return {
        "architectures": ["M2M100ForConditionalGeneration"],
        "model_type": "m2m_100",
        "is_encoder_decoder": True,
        "vocab_size": config.vocab_size,
        "d_model": config.d_model,
        "activation_function": "relu",
        "scale_embedding": True,
        "encoder_layers": config.encoder_layers,
        "decoder_layers": config.decoder_layers,
        "encoder_attention_heads": config.n_heads,
        "decoder_attention_heads": config.n_heads,
        "encoder_ffn_dim": config.d_ff,
        "decoder_ffn_dim": config.d_ff,
        "encoder_layerdrop": 0.0,
        "decoder_layerdrop": 0.0,
        "dropout": config.dropout,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "tie_word_embeddings": True,
        "max_position_embeddings": config.max_length,
        "pad_token_id": config.pad_id,
        "bos_token_id": config.bos_id,
        "eos_token_id": config.eos_id,
        "decoder_start_token_id": config.bos_id,
        "dtype": "float32",
    }


def write(directory: ModelDirectory, out: Path, storage: str) -> None:
    config = directory.config
    _write_json(out / "config.json", m2m100_config(directory))
    _write_json(
        out / "generation_config.json",
        {
            "num_beams": 4,
            "max_length": 256,
            "pad_token_id": config.pad_id,
            "bos_token_id": config.bos_id,
            "eos_token_id": config.eos_id,
            "decoder_start_token_id": config.bos_id,
            "suppress_tokens": [config.pad_id, config.unk_id, config.bos_id],
        },
    )
    write_safetensors(
        out / "model.safetensors", {name: ("F32", array) for name, array in m2m100_weights(directory).items()}
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
