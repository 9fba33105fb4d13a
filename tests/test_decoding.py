"""Beam search against transformers' `generate`, against exhaustive search, and against itself in other batches."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from indictrans_cli.config import ModelConfig, SearchConfig
from indictrans_cli.decoding.beam import Hypothesis, beam_search
from indictrans_cli.errors import OptionError
from indictrans_cli.export.huggingface import m2m100_config, m2m100_weights
from indictrans_cli.model.load import transformer_weights
from indictrans_cli.model.transformer import Transformer
from indictrans_cli.model_directory import save_model
from tests.test_model import random_model, sentences


@pytest.mark.parametrize(("beam_size", "no_repeat"), [(1, 0), (4, 0), (1, 2), (4, 3)])
def test_beams_are_token_for_token_those_of_generate(beam_size: int, no_repeat: int, tmp_path: Path) -> None:
    from transformers import GenerationConfig, M2M100Config, M2M100ForConditionalGeneration

    model = random_model()
    saved = save_model(tmp_path / "m", model.config, transformer_weights(model), b"-", "", src_lang="en", tgt_lang="hi")
    theirs = M2M100ForConditionalGeneration(M2M100Config(**m2m100_config(saved))).eval()
    weights = {name: torch.from_numpy(array) for name, array in m2m100_weights(saved).items()}
    theirs.load_state_dict(weights, strict=False)
    theirs.tie_weights()
    src = sentences(9, 2, 5, 7, 1, 4)
    search = GenerationConfig(
        num_beams=beam_size, max_length=14, length_penalty=1.0, early_stopping=False, do_sample=False,
        pad_token_id=0, bos_token_id=2, eos_token_id=3, decoder_start_token_id=2, suppress_tokens=[0, 1, 2],
        no_repeat_ngram_size=no_repeat,
    )  # fmt: skip
    with torch.inference_mode():
        expected = theirs.generate(input_ids=src, attention_mask=(src != 0).long(), generation_config=search)
    found = beam_search(model, src, SearchConfig(beam_size, max_length=13, no_repeat_ngram=no_repeat))
    for row, hypotheses in zip(expected.tolist(), found, strict=True):
        assert hypotheses[0].tokens == [token for token in row if token not in (0, 2, 3)]


def exhaustive(model: Transformer, src: torch.Tensor, length: int) -> list[Hypothesis]:
    """Every sequence that ends with </s> within `length` tokens, best first."""
    eos, letters = model.config.eos_id, range(4, model.config.vocab_size)
    found = []
    for size in range(length):
        for tokens in itertools.product(letters, repeat=size):
            tgt = torch.tensor([[model.config.bos_id, *tokens]])
            log_p = model.logits(model(src, tgt))[0].log_softmax(dim=-1)
            score = sum(float(log_p[place, token]) for place, token in enumerate([*tokens, eos]))
            found.append(Hypothesis(list(tokens), score / (size + 1)))
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


def test_a_beam_as_wide_as_the_space_finds_what_exhaustive_search_finds() -> None:
    torch.manual_seed(5)
    model = Transformer(ModelConfig(8, d_model=16, n_heads=2, d_ff=16, encoder_layers=1, decoder_layers=1)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        src = torch.tensor([[5, 6, 3]])
        complete = exhaustive(model, src, 4)
    found = beam_search(model, src, SearchConfig(64, max_length=4))[0]
    ended = [hypothesis for hypothesis in found if len(hypothesis.tokens) < 4]
    assert [hypothesis.tokens for hypothesis in ended][:10] == [hypothesis.tokens for hypothesis in complete][:10]
    assert [hypothesis.score for hypothesis in found] == sorted((each.score for each in found), reverse=True)
    assert ended[0].score == pytest.approx(complete[0].score, abs=1e-5)


def test_a_beam_of_one_is_greedy_search() -> None:
    model, src = random_model(), sentences(6)
    tokens = [model.config.bos_id]
    with torch.inference_mode():
        for _ in range(12):
            scores = model.logits(model(src, torch.tensor([tokens])))[0, -1]
            scores[[0, 1, 2]] = float("-inf")
            tokens.append(int(scores.argmax()))
            if tokens[-1] == model.config.eos_id:
                break
    found = beam_search(model, src, SearchConfig(1, max_length=12))[0][0].tokens
    assert found == [token for token in tokens[1:] if token != model.config.eos_id]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 10), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_a_sentence_is_translated_alike_alone_and_among_others(lengths: list[int], random: Random) -> None:
    model, config = random_model(), SearchConfig(3, max_length=10)
    src = sentences(*lengths)
    order = list(range(len(lengths)))
    random.shuffle(order)
    together = beam_search(model, src[order], config)
    for place, row in enumerate(order):
        alone = beam_search(model, src[row : row + 1, : lengths[row]], config)[0]
        assert [each.tokens for each in together[place]] == [each.tokens for each in alone]


@pytest.mark.parametrize(("option", "values"), [("beam-size", {"beam_size": -3}), ("max_length", {"max_length": 0})])
def test_a_search_that_cannot_be_is_refused(option: str, values: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=option):
        SearchConfig(**values)
