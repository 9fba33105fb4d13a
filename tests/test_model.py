"""The Transformer against transformers' own M2M100, and its own laws."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from indictrans_cli.config import PRESETS, ModelConfig, preset
from indictrans_cli.engines import ctranslate2
from indictrans_cli.errors import ModelError
from indictrans_cli.export.huggingface import m2m100_config, m2m100_weights
from indictrans_cli.model.attention import Dropout, attend, causal_bias, padding_bias
from indictrans_cli.model.load import transformer_weights
from indictrans_cli.model.transformer import Transformer, sinusoidal_positions
from indictrans_cli.model_directory import save_model, weight_shapes

VOCAB = 50


def random_model(**shape: int) -> Transformer:
    torch.manual_seed(3)
    sizes = {"d_model": 32, "n_heads": 4, "d_ff": 48, "encoder_layers": 3, "decoder_layers": 2, **shape}
    model = Transformer(ModelConfig(VOCAB, **sizes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def sentences(*lengths: int, seed: int = 0) -> Tensor:
    """Random token ids, each row ended by </s> and padded: (len(lengths), max(lengths))."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(4, VOCAB, (len(lengths), max(lengths)), generator=generator)
    for row, length in enumerate(lengths):
        rows[row, length - 1] = 3
        rows[row, length:] = 0
    return rows


@pytest.mark.parametrize("shape", [{}, {"n_heads": 1, "decoder_layers": 4}, {"d_model": 64, "encoder_layers": 1}])
def test_logits_equal_those_of_m2m100_with_the_same_weights(shape: dict[str, int], tmp_path) -> None:
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    model = random_model(**shape)
    saved = save_model(tmp_path / "m", model.config, transformer_weights(model), b"-", "", src_lang="en", tgt_lang="hi")
    theirs = M2M100ForConditionalGeneration(M2M100Config(**m2m100_config(saved))).eval()
    weights = {name: torch.from_numpy(array) for name, array in m2m100_weights(saved).items()}
    missing = theirs.load_state_dict(weights, strict=False)
    assert missing.unexpected_keys == []
    theirs.tie_weights()
    src, tgt = sentences(7, 3, 1), torch.tensor([[2, 9, 8, 7, 6], [2, 5, 0, 0, 0], [2, 4, 30, 31, 0]])
    with torch.inference_mode():
        expected = theirs(input_ids=src, attention_mask=(src != 0).long(), decoder_input_ids=tgt).logits
        real = tgt != 0  # what either computes at padding is never used
        torch.testing.assert_close(model.logits(model(src, tgt))[real], expected[real], atol=1e-5, rtol=1e-5)


def test_positions_are_those_of_m2m100() -> None:
    from transformers.models.m2m_100.modeling_m2m_100 import M2M100SinusoidalPositionalEmbedding

    table = M2M100SinusoidalPositionalEmbedding.get_embedding(40, 16, padding_idx=0)
    torch.testing.assert_close(sinusoidal_positions(1, 39, 16), table[1:], atol=1e-5, rtol=0)
    in_numpy = torch.from_numpy(ctranslate2.sinusoidal_positions(1, 39, 16))
    torch.testing.assert_close(in_numpy, sinusoidal_positions(1, 39, 16), atol=1e-5, rtol=0)


def test_a_later_target_token_never_changes_an_earlier_position() -> None:
    model, src = random_model(), sentences(6)
    tgt = torch.tensor([[2, 9, 8, 7, 6]])
    changed = tgt.clone()
    changed[0, 3:] = 41
    with torch.inference_mode():
        torch.testing.assert_close(model(src, tgt)[:, :3], model(src, changed)[:, :3])
        assert not torch.allclose(model(src, tgt)[:, 3], model(src, changed)[:, 3])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(0, 9))
def test_neither_padding_nor_neighbours_change_a_sentence(lengths: list[int], extra: int) -> None:
    model = random_model()
    src = sentences(*lengths, seed=extra)
    tgt = torch.full((len(lengths), 4), 9)
    padded = torch.cat([src, torch.zeros(len(lengths), extra, dtype=torch.long)], dim=1)
    with torch.inference_mode():
        together = model(padded, tgt)
        for row, length in enumerate(lengths):
            alone = model(src[row : row + 1, :length], tgt[row : row + 1])
            torch.testing.assert_close(together[row : row + 1], alone, atol=2e-5, rtol=1e-4)


def test_decoding_step_by_step_equals_decoding_at_once() -> None:
    model, src = random_model(), sentences(6, 4)
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


@pytest.mark.parametrize("name", PRESETS)
def test_a_config_counts_the_parameters_of_its_model(name: str) -> None:
    config = preset(name, vocab_size=1000)
    with torch.device("meta"):
        model = Transformer(config)
    assert sum(parameter.numel() for parameter in model.parameters()) == config.parameter_count()
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == weight_shapes(config)


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
    model = random_model()
    with torch.inference_mode():
        for length in (1, 1024):
            hidden = model(sentences(length), torch.full((1, length), 9))
            assert hidden.shape == (1, length, 32)
            assert torch.isfinite(hidden).all()
