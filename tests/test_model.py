"""The Transformer against transformers' own M2M100, and its own laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from indictrans_cli.config import PRESETS, ModelConfig, preset
from indictrans_cli.engines import ctranslate2
from indictrans_cli.errors import ModelError
from indictrans_cli.interchange.layouts import (
    FAMILIES,
    UNUSED_POSITIONS,
    config_from,
    config_to,
    weights_from,
    weights_to,
)
from indictrans_cli.model.attention import Dropout, attend, causal_bias, padding_bias, rotate
from indictrans_cli.model.load import transformer_weights
from indictrans_cli.model.transformer import Transformer, sinusoidal_positions

VOCAB = 50


def random_model(**shape: Any) -> Transformer:
    """A small model with random weights, its biases and norms too."""
    torch.manual_seed(3)
    sizes = {"d_model": 32, "n_heads": 4, "d_ff": 48, "encoder_layers": 3, "decoder_layers": 2}
    model = Transformer(ModelConfig(**{"vocab_size": VOCAB, **sizes, **shape}))
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            tensor.add_(torch.randn_like(tensor) * 0.1)
    return model.eval()


def sentences(*lengths: int, seed: int = 0) -> Tensor:
    """Random token ids, each row ended by </s> and padded: (len(lengths), max(lengths))."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(4, VOCAB, (len(lengths), max(lengths)), generator=generator)
    for row, length in enumerate(lengths):
        rows[row, length - 1] = 3
        rows[row, length:] = 0
    return rows


#: what each of transformers' families is to us
AS_THEIRS: dict[str, dict[str, Any]] = {
    "m2m_100": FAMILIES["m2m_100"],
    "marian": {**FAMILIES["marian"], "activation": "silu", "bos_id": 0},
    "bart": {**FAMILIES["bart"], "activation": "gelu", "scale_embedding": False, "bos_id": 3, "max_length": 64},
    "mbart": {**FAMILIES["mbart"], "activation": "gelu", "bos_id": 3, "max_length": 64},
}
UNTIED = {f"{family}, untied": {**switches, "tied_output": False} for family, switches in AS_THEIRS.items()}


def theirs_of(model: Transformer) -> Any:
    """transformers' own model of the same family with the same weights."""
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    values = config_to(model.config)
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    theirs = AutoModelForSeq2SeqLM.from_config(config, attn_implementation="eager").eval()
    renamed = weights_to(transformer_weights(model), model.config)
    loaded = theirs.load_state_dict({name: torch.from_numpy(array) for name, array in renamed.items()}, strict=False)
    assert loaded.unexpected_keys == []
    theirs.tie_weights()
    untouched = set(loaded.missing_keys) - {
        "lm_head.weight",
        "model.encoder.embed_tokens.weight",
        "model.shared.weight",
    }
    assert {name for name in untouched if "positions" not in name} <= {"model.decoder.embed_tokens.weight"}
    return theirs


@pytest.mark.parametrize("shape", [{}, {"n_heads": 1, "decoder_layers": 4}, {"d_model": 64, "encoder_layers": 1}])
@pytest.mark.parametrize("family", [*AS_THEIRS, *UNTIED])
def test_logits_equal_those_of_transformers_with_the_same_weights(family: str, shape: dict[str, int]) -> None:
    model = random_model(**(AS_THEIRS | UNTIED)[family], **shape)
    theirs = theirs_of(model)
    bos = model.config.bos_id
    src, tgt = sentences(7, 3, 1), torch.tensor([[bos, 9, 8, 7, 6], [bos, 5, 0, 0, 0], [bos, 4, 30, 31, 0]])
    with torch.inference_mode():
        expected = theirs(input_ids=src, attention_mask=(src != 0).long(), decoder_input_ids=tgt).logits
        real = tgt != 0  # what either computes at padding is never used
        real[:, 0] = True
        torch.testing.assert_close(model.logits(model(src, tgt))[real], expected[real], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", AS_THEIRS)
def test_a_checkpoint_of_transformers_is_read_into_our_model(family: str) -> None:
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    torch.manual_seed(9)
    kwargs = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 40, "decoder_ffn_dim": 40}
    special = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2}
    config = AutoConfig.for_model(
        family, vocab_size=VOCAB, d_model=24, encoder_layers=2, decoder_layers=1, max_position_embeddings=40,
        unk_token_id=3, **kwargs, **special,
    )  # fmt: skip
    theirs = AutoModelForSeq2SeqLM.from_config(config).eval()
    with torch.no_grad():
        for name, tensor in [*theirs.named_parameters(), *theirs.named_buffers()]:
            if "positions" not in name or family in ("bart", "mbart"):
                tensor.add_(torch.randn_like(tensor) * 0.1)
    ours = config_from(config.to_dict())
    model = Transformer(ours).eval()
    checkpoint = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    read = weights_from(checkpoint, ours)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in read.items()})
    src = torch.tensor([[9, 8, 7, 2], [5, 2, 1, 1]])
    tgt = torch.tensor([[2, 9, 8, 7], [2, 30, 20, 10]])
    with torch.inference_mode():
        expected = theirs(input_ids=src, attention_mask=(src != 1).long(), decoder_input_ids=tgt).logits
        torch.testing.assert_close(model.logits(model(src, tgt)), expected, atol=1e-5, rtol=1e-5)
    for name, array in weights_to(read, ours).items():
        first = UNUSED_POSITIONS if "embed_positions" in name else 0  # those rows are never read
        assert np.array_equal(array[first:], checkpoint[name][first:]), name


def test_embeddings_that_were_trained_apart_are_not_taken_for_one() -> None:
    model = random_model(tied_output=False)
    theirs = weights_to(transformer_weights(model), model.config)
    theirs["model.encoder.embed_tokens.weight"] = theirs["model.encoder.embed_tokens.weight"] + 1
    with pytest.raises(ModelError, match=r"'model.encoder.embed_tokens.weight' differs"):
        weights_from(theirs, model.config)


@pytest.mark.parametrize("family", [*AS_THEIRS, *UNTIED])
def test_a_config_comes_back_from_transformers_as_it_was(family: str) -> None:
    config = random_model(**(AS_THEIRS | UNTIED)[family]).config
    assert config_from(config_to(config)) == config


def test_a_marian_model_of_two_vocabularies_is_read() -> None:
    from transformers import MarianConfig, MarianMTModel

    config = MarianConfig(
        vocab_size=40, decoder_vocab_size=30, d_model=24, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=40, decoder_ffn_dim=40, max_position_embeddings=40, pad_token_id=29,
        eos_token_id=0, decoder_start_token_id=29, share_encoder_decoder_embeddings=False, tie_word_embeddings=False,
    )  # fmt: skip
    theirs = MarianMTModel(config).eval()
    ours = config_from(config.to_dict())
    model = Transformer(ours).eval()
    checkpoint = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights_from(checkpoint, ours).items()})
    src, tgt = torch.tensor([[39, 35, 7, 0]]), torch.tensor([[29, 9, 8, 7]])
    with torch.inference_mode():
        expected = theirs(input_ids=src, decoder_input_ids=tgt).logits
        torch.testing.assert_close(model.logits(model(src, tgt)), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "t5"}, "'t5' cannot be read"),
        ({"model_type": "bart"}, "no 'encoder_attention_heads'"),
        ({"model_type": "bart", "encoder_attention_heads": 2, "decoder_attention_heads": 4}, "differ"),
        ({"model_type": "marian", "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 8,
          "decoder_ffn_dim": 8, "activation_function": "mish"}, "'mish'"),
    ],
)  # fmt: skip
def test_a_config_we_do_not_compute_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        config_from(values)


@pytest.mark.parametrize(
    "shape", [{"activation": "swiglu"}, {"n_kv_heads": 2}, {"positions": "rotary"}, {"norm": "post"}]
)
def test_what_no_family_computes_is_not_exported_as_something_else(shape: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="no model that computes"):
        config_to(random_model(**shape).config)


SHAPES: list[dict[str, Any]] = [
    {}, *AS_THEIRS.values(), {"positions": "rotary"}, {"positions": "rotary", "n_kv_heads": 2}, {"n_kv_heads": 1},
    {"activation": "swiglu"}, {"norm": "post", "positions": "learned"}, {"src_vocab_size": VOCAB, "tied_output": False},
]  # fmt: skip


def test_shared_key_and_value_heads_are_those_of_scaled_dot_product_attention() -> None:
    query, key, value = torch.randn(2, 6, 5, 8), torch.randn(2, 2, 7, 8), torch.randn(2, 2, 7, 8)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    torch.testing.assert_close(attend(query, key, value, None), expected)


def test_rotary_positions_are_those_of_llama_and_scores_depend_on_distance_alone() -> None:
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    query, key = torch.randn(2, 2, 3, 9, 8).unbind(0)
    frequency = 10000.0 ** -(torch.arange(0, 8, 2) / 8)
    angle = torch.cat([torch.arange(9)[:, None] * frequency] * 2, dim=-1)[None]
    for ours, theirs in zip(
        (rotate(query, 0), rotate(key, 0)), apply_rotary_pos_emb(query, key, angle.cos(), angle.sin()), strict=True
    ):
        torch.testing.assert_close(ours, theirs)
    near = rotate(query, 0) @ rotate(key, 0).transpose(-1, -2)
    far = rotate(query, 100) @ rotate(key, 100).transpose(-1, -2)
    torch.testing.assert_close(near, far, atol=1e-4, rtol=1e-4)


def test_positions_are_those_of_m2m100() -> None:
    from transformers.models.m2m_100.modeling_m2m_100 import M2M100SinusoidalPositionalEmbedding

    table = M2M100SinusoidalPositionalEmbedding.get_embedding(40, 16, padding_idx=0)
    torch.testing.assert_close(sinusoidal_positions(1, 39, 16), table[1:], atol=1e-5, rtol=0)
    in_numpy = torch.from_numpy(ctranslate2.sinusoidal_positions(1, 39, 16))
    torch.testing.assert_close(in_numpy, sinusoidal_positions(1, 39, 16), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_later_target_token_never_changes_an_earlier_position(shape: dict[str, Any]) -> None:
    model, src = random_model(**shape), sentences(6)
    tgt = torch.tensor([[2, 9, 8, 7, 6]])
    changed = tgt.clone()
    changed[0, 3:] = 41
    with torch.inference_mode():
        torch.testing.assert_close(model(src, tgt)[:, :3], model(src, changed)[:, :3])
        assert not torch.allclose(model(src, tgt)[:, 3], model(src, changed)[:, 3])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(0, 9), st.sampled_from(SHAPES))
def test_neither_padding_nor_neighbours_change_a_sentence(
    lengths: list[int], extra: int, shape: dict[str, Any]
) -> None:
    model = random_model(**shape)
    src = sentences(*lengths, seed=extra)
    tgt = torch.full((len(lengths), 4), 9)
    padded = torch.cat([src, torch.zeros(len(lengths), extra, dtype=torch.long)], dim=1)
    with torch.inference_mode():
        together = model(padded, tgt)
        for row, length in enumerate(lengths):
            alone = model(src[row : row + 1, :length], tgt[row : row + 1])
            torch.testing.assert_close(together[row : row + 1], alone, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_decoding_step_by_step_equals_decoding_at_once(shape: dict[str, Any]) -> None:
    model, src = random_model(**shape), sentences(6, 4)
    tgt = torch.tensor([[2, 9, 8, 7], [2, 30, 20, 10]])
    with torch.inference_mode():
        at_once = model.logits(model(src, tgt))
        state = model.start(src)
        for position in range(tgt.size(1)):
            step = model.step(tgt[:, position], state)
            torch.testing.assert_close(step, at_once[:, position], atol=1e-5, rtol=1e-4)


def test_both_attention_kernels_compute_the_same() -> None:
    query, key, value = torch.randn(3, 2, 4, 6, 8).unbind(0)
    bias = causal_bias(6, torch.float32, query.device) + padding_bias(torch.tensor([[True] * 6, [True] * 4 + [False] * 2]), torch.float32)  # noqa: E501 # fmt: skip
    exact = attend(query, key, value, bias)
    half = attend(query.bfloat16(), key.bfloat16(), value.bfloat16(), bias.bfloat16())
    torch.testing.assert_close(half.float(), exact, atol=0.03, rtol=0.03)


@pytest.mark.parametrize(
    "config",
    [*(preset(name, vocab_size=1000) for name in PRESETS), *(random_model(**shape).config for shape in SHAPES)],
)
def test_a_config_counts_the_parameters_of_its_model(config: ModelConfig) -> None:
    with torch.device("meta"):
        model = Transformer(config)
    assert sum(parameter.numel() for parameter in model.parameters()) == config.parameter_count()
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == config.weight_shapes()


@pytest.mark.parametrize("shape", [{}, {"activation": "swiglu"}, {"n_kv_heads": 2}, {"encoder_layers": 1, "d_ff": 64}])
def test_a_config_counts_the_operations_of_its_model(shape: dict[str, Any]) -> None:
    """Against PyTorch's own counter, which sees every matrix product."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    model = random_model(**shape)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        model.logits(model(sentences(9), torch.full((1, 7), 5)))
    assert counter.get_total_flops() == model.config.flops(9, 7)


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    dropout = Dropout(0.3).train()
    x = torch.ones(400, 500)
    first, second = dropout(x), dropout(x)
    assert first.mean().item() == pytest.approx(1.0, abs=0.02)
    assert (first == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert not torch.equal(first, second)
    assert torch.equal(dropout.eval()(x), x)


@pytest.mark.parametrize(
    ("field", "value"), [("n_heads", 5), ("d_model", 0), ("vocab_size", 0), ("dropout", 1.0), ("encoder_layers", 0)]
)
def test_a_shape_that_cannot_be_is_named(field: str, value: float) -> None:
    with pytest.raises(ModelError, match=field.removeprefix("n_") if field == "n_heads" else field):
        ModelConfig(**{"vocab_size": 10, field: value})


def test_one_token_and_a_thousand_tokens_are_no_special_cases() -> None:
    for shape in SHAPES:
        model = random_model(**{**shape, "max_length": 1024})
        with torch.inference_mode():
            for length in (1, 1024):
                hidden = model(sentences(length), torch.full((1, length), 9))
                assert hidden.shape == (1, length, 32)
                assert torch.isfinite(hidden).all()


def test_more_tokens_than_learned_positions_are_refused_with_the_limit() -> None:
    model = random_model(positions="learned", max_length=16)
    model(sentences(16), torch.full((1, 16), 9))
    with pytest.raises(ModelError, match="17 tokens are more than the 16 positions"):
        model(sentences(17), torch.full((1, 1), 9))
