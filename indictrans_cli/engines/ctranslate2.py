"""The default engine: CTranslate2, int8 on a CPU. Its copy of a model is derived once and kept in the cache.

A model directory may carry the copy (`ctranslate2/`, as the bundled one does): then nothing is written at all.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..config import ModelConfig, SearchConfig
from ..device import cpu_threads
from ..errors import ModelError, OptionError, OutputError, missing_package
from ..model_directory import ModelDirectory
from ..paths import atomic_dir, derived_dir
from .base import Translation

#: part of a cache entry's name: raise it when the derived form changes
DERIVED_VERSION = 1


class CTranslate2Engine:
    """A model directory, run by CTranslate2."""

    def __init__(self, directory: ModelDirectory, device: str = "cpu", threads: int = 0) -> None:
        ctranslate2 = _import()
        self._tokenizer = directory.tokenizer()
        self._unsayable = directory.config.unsayable_ids
        self._max_length = directory.config.max_length - 1  # of a sentence, </s> not counted
        copy = derived_copy(directory)
        try:
            self._translator = ctranslate2.Translator(
                str(copy),
                device=device,
                compute_type="int8" if device == "cpu" else "float16",
                intra_threads=threads or cpu_threads(),
            )
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"CTranslate2 cannot load '{copy}': {error}") from error

    def translate(self, sentences: Sequence[str], search: SearchConfig) -> list[Translation]:
        """The best translation of each sentence (see `Engine`)."""
        if not sentences:
            return []
        if search.length_norm != "average" or search.stop != "usual":
            raise OptionError("CTranslate2 averages over the length and stops in its own way; use --engine torch")
        results = self._translator.translate_batch(
            [pieces[: self._max_length] for pieces in self._tokenizer.pieces(list(sentences))],
            beam_size=search.beam_size,
            length_penalty=search.length_penalty,
            max_decoding_length=min(search.max_length, self._max_length),
            max_input_length=0,
            return_scores=True,
            no_repeat_ngram_size=search.no_repeat_ngram,
            min_decoding_length=max(1, search.min_length),
            repetition_penalty=search.repetition_penalty,
            coverage_penalty=search.coverage_penalty,
            suppress_sequences=[[self._tokenizer.piece(token)] for token in (*self._unsayable, *search.banned)],
            disable_unk=True,
            max_batch_size=2048,
            batch_type="tokens",
        )
        texts = self._tokenizer.decode_pieces([result.hypotheses[0] for result in results])
        return [Translation(text, result.scores[0]) for text, result in zip(texts, results, strict=True)]


def cuda_devices() -> int:
    """How many CUDA devices CTranslate2 can use."""
    count: int = _import().get_cuda_device_count()
    return count


def derived_copy(directory: ModelDirectory) -> Path:
    """The folder of CTranslate2's copy: the one the directory carries, or one in the cache, made if need be."""
    carried = directory.path / "ctranslate2"
    with contextlib.suppress(OSError):
        if (carried / "source").read_text() == directory.content_hash:
            return carried
    copy = derived_dir() / f"{directory.content_hash}-ctranslate2-{DERIVED_VERSION}"
    if not (copy / "model.bin").is_file():
        try:
            convert(directory, copy)
        except OutputError:
            if not (copy / "model.bin").is_file():  # otherwise another process was quicker
                raise
    return copy


def convert(directory: ModelDirectory, out: Path, quantization: str = "int8") -> None:
    """Write a model directory in CTranslate2's own form. `quantization`: int8, int8_float16, float16 or float32."""
    with _without_torch():
        spec = _spec(directory)
        try:
            spec.validate()
            spec.optimize(quantization=quantization)
        except ValueError as error:
            raise OptionError(f"CTranslate2 cannot store weights as '{quantization}': {error}") from error
        with atomic_dir(out) as folder:
            spec.save(str(folder))
            (folder / "source").write_text(directory.content_hash)


def _spec(directory: ModelDirectory) -> Any:
    """CTranslate2's description of our architecture, filled with our weights."""
    from ctranslate2.specs import common_spec, transformer_spec

    config, weights = directory.config, directory.weights()
    if not computes(config):
        raise ModelError(
            "CTranslate2 does not compute what this model does (rotary positions, SwiGLU, shared heads, a final norm of "
            "another kind or two vocabularies); use --engine torch"
        )
    spec = transformer_spec.TransformerSpec.from_config(
        (config.encoder_layers, config.decoder_layers),
        config.n_heads,
        pre_norm=config.norm == "pre",
        activation=common_spec.Activation[_ACTIVATIONS[config.activation]],
        layernorm_embedding=config.embedding_norm,
    )

    def linear(target: Any, name: str) -> None:
        target.weight, target.bias = weights[f"{name}.weight"], weights[f"{name}.bias"]

    def norm(target: Any, name: str) -> None:
        target.gamma, target.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]

    half = config.d_model // 2
    positions = (
        sinusoidal_positions(0, config.max_length, config.d_model, steps=half) if config.positions == "marian"
        else sinusoidal_positions(config.pad_id + 1, config.max_length, config.d_model)
    )  # fmt: skip
    for side, target in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        embeddings = target.embeddings[0] if side == "encoder" else target.embeddings
        embeddings.weight = weights["embedding.weight"]
        target.scale_embeddings = config.scale_embedding
        learned = weights.get(f"{side}_positions.weight")
        target.position_encodings.encodings = positions if learned is None else learned
        if config.embedding_norm:
            norm(target.layernorm_embedding, f"{side}_embedding_norm")
        if config.final_norm:
            norm(target.layer_norm, f"{side}_norm")
        for number, layer in enumerate(target.layer):
            name = f"{side}_layers.{number}"
            norm(layer.self_attention.layer_norm, f"{name}.attention_norm")
            linear(layer.self_attention.linear[0], f"{name}.attention.qkv")
            linear(layer.self_attention.linear[1], f"{name}.attention.out")
            if side == "decoder":
                norm(layer.attention.layer_norm, f"{name}.cross_attention_norm")
                linear(layer.attention.linear[0], f"{name}.cross_attention.q")
                linear(layer.attention.linear[1], f"{name}.cross_attention.kv")
                linear(layer.attention.linear[2], f"{name}.cross_attention.out")
            norm(layer.ffn.layer_norm, f"{name}.feed_forward_norm")
            linear(layer.ffn.linear_0, f"{name}.feed_forward.up")
            linear(layer.ffn.linear_1, f"{name}.feed_forward.down")
    spec.decoder.projection.weight = weights.get("output_projection.weight", weights["embedding.weight"])
    if config.output_bias:
        spec.decoder.projection.bias = weights["output_bias"]

    vocabulary = directory.tokenizer().vocabulary()
    spec.register_source_vocabulary(vocabulary)
    spec.register_target_vocabulary(vocabulary)
    spec.config.unk_token = vocabulary[config.unk_id]
    spec.config.bos_token = vocabulary[config.bos_id]
    spec.config.eos_token = vocabulary[config.eos_id]
    spec.config.decoder_start_token = vocabulary[config.bos_id]
    spec.config.add_source_eos = True
    return spec


#: our activations -> CTranslate2's
_ACTIVATIONS = {"relu": "RELU", "gelu": "GELU", "silu": "SWISH"}


def computes(config: ModelConfig) -> bool:
    """Whether CTranslate2 computes what a model of this config does."""
    return (
        config.activation in _ACTIVATIONS
        and config.positions != "rotary"
        and config.kv_heads == config.n_heads
        and config.final_norm == (config.norm == "pre")
        and not config.src_vocab_size
    )


def sinusoidal_positions(first: int, length: int, d_model: int, steps: int = 0) -> Any:
    """`model.transformer.sinusoidal_positions` in numpy, float32 (the tests hold one against the other)."""
    import numpy as np

    half = d_model // 2
    frequency = np.exp(np.arange(half, dtype=np.float32) * np.float32(-np.log(10000.0) / (steps or half - 1)))
    angle = np.arange(first, first + length, dtype=np.float32)[:, None] * frequency
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)


def _import() -> Any:
    try:
        import ctranslate2
    except ImportError as error:
        raise missing_package("ctranslate2", "translating") from error
    return ctranslate2


@contextlib.contextmanager
def _without_torch() -> Iterator[None]:
    """Within the block `import torch` fails, unless it is loaded already.

    ctranslate2.specs imports torch where it can, which takes a second, only to accept its tensors; we hand it numpy.
    """
    if "torch" in sys.modules or "ctranslate2.specs" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        import ctranslate2.specs.transformer_spec  # noqa: F401

        yield
    finally:
        del sys.modules["torch"]
