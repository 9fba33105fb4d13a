"""Searches against transformers' `generate`, against exhaustive search, and against themselves in other batches."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from indictrans_cli.config import ModelConfig, SamplingConfig, SearchConfig
from indictrans_cli.decoding.beam import Hypothesis, beam_search
from indictrans_cli.decoding.choose import align, minimum_bayes_risk
from indictrans_cli.decoding.sampling import draw, filtered, sample
from indictrans_cli.errors import OptionError
from indictrans_cli.model.transformer import Transformer
from tests.test_model import AS_THEIRS, SHAPES, random_model, sentences, theirs_of

RULES: list[dict[str, Any]] = [
    {}, {"no_repeat_ngram": 2}, {"no_repeat_ngram": 3}, {"min_length": 6}, {"length_penalty": 0.4},
]  # fmt: skip


def generate(model: Transformer, src: torch.Tensor, beam_size: int, rules: dict[str, Any], **more: Any) -> Any:
    """What transformers' own model of the family finds with the same weights: (batch * num_return_sequences, length)."""
    from transformers import GenerationConfig

    config = model.config
    names = {"no_repeat_ngram": "no_repeat_ngram_size", "min_length": "min_new_tokens"}
    search = GenerationConfig(
        num_beams=beam_size, max_length=14, early_stopping=False, do_sample=False, pad_token_id=0, bos_token_id=2,
        eos_token_id=3, decoder_start_token_id=config.bos_id, suppress_tokens=config.unsayable_ids,
        **{"length_penalty": 1.0, **{names.get(name, name): value for name, value in rules.items()}}, **more,
    )  # fmt: skip
    with torch.inference_mode():
        return theirs_of(model).generate(input_ids=src, attention_mask=(src != 0).long(), generation_config=search)


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("beam_size", [1, 4])
@pytest.mark.parametrize("family", AS_THEIRS)
def test_beams_are_token_for_token_those_of_generate(family: str, beam_size: int, rules: dict[str, Any]) -> None:
    model = random_model(**AS_THEIRS[family])
    src = sentences(9, 2, 5, 7, 1, 4)
    expected = generate(model, src, beam_size, rules)
    found = beam_search(model, src, SearchConfig(beam_size=beam_size, max_length=13, **rules))
    for row, hypotheses in zip(expected.tolist(), found, strict=True):
        assert hypotheses[0].tokens == [token for token in row if token not in (0, 2, 3)]


@pytest.mark.parametrize("family", ["m2m_100", "marian"])
def test_a_repetition_penalty_is_that_of_generate_with_beams(family: str) -> None:
    """Without beams transformers applies it to logits; and where a target starts with </s>, it takes that for said."""
    model, src = random_model(**AS_THEIRS[family]), sentences(9, 2, 5, 7)
    expected = generate(model, src, 4, {"repetition_penalty": 1.3})
    found = beam_search(model, src, SearchConfig(max_length=13, repetition_penalty=1.3))
    assert [each[0].tokens for each in found] == [[t for t in row if t not in (0, 2, 3)] for row in expected.tolist()]
    assert found != beam_search(model, src, SearchConfig(max_length=13))


def test_the_n_best_list_and_its_scores_are_those_of_generate() -> None:
    model, src = random_model(), sentences(9, 2, 5)
    expected = generate(model, src, 4, {}, num_return_sequences=4, output_scores=True, return_dict_in_generate=True)
    found = [each for hypotheses in beam_search(model, src, SearchConfig(max_length=13)) for each in hypotheses]
    rows = [[token for token in row if token not in (0, 2, 3)] for row in expected.sequences.tolist()]
    assert [each.tokens for each in found] == rows
    # theirs divides by the length without </s> or with the start in its place: the same number
    torch.testing.assert_close(torch.tensor([each.score for each in found]), expected.sequences_scores)


def test_a_prefix_is_kept_as_generate_keeps_a_forced_first_token() -> None:
    model, src = random_model(), sentences(9, 2, 5)
    expected = generate(model, src, 4, {}, forced_bos_token_id=17)
    found = beam_search(model, src, SearchConfig(max_length=13), prefixes=[[17]] * 3)
    assert [each[0].tokens for each in found] == [[t for t in row if t not in (0, 2, 3)] for row in expected.tolist()]
    mixed = beam_search(model, src, SearchConfig(max_length=13), prefixes=[[17], [], [5, 6, 7]])
    assert mixed[0] == found[0]
    assert mixed[2][0].tokens[:3] == [5, 6, 7]
    assert mixed[2][0].log_p[:3] == [0.0, 0.0, 0.0]
    alone = beam_search(model, src[1:2, :2], SearchConfig(max_length=13))[0]
    assert [each.tokens for each in mixed[1]] == [each.tokens for each in alone]


def test_banned_tokens_are_not_said_and_the_rest_is_searched_without_them() -> None:
    model, src = random_model(), sentences(9, 2, 5)
    usual = beam_search(model, src, SearchConfig(max_length=8))
    banned = (usual[0][0].tokens[0], usual[1][0].tokens[0])
    found = beam_search(model, src, SearchConfig(max_length=8, banned=banned))
    assert not {token for hypotheses in found for each in hypotheses for token in each.tokens} & set(banned)


def test_the_log_probabilities_of_tokens_are_those_of_the_model_and_add_up_to_the_score() -> None:
    model, src = random_model(), sentences(6, 3)
    for row, hypotheses in enumerate(beam_search(model, src, SearchConfig(max_length=9, length_norm="gnmt"))):
        for each in hypotheses:
            said = [*each.tokens, model.config.eos_id][: len(each.log_p)]
            with torch.inference_mode():
                logits = model.logits(model(src[row : row + 1], torch.tensor([[model.config.bos_id, *said[:-1]]])))
            expected = logits[0].log_softmax(dim=-1)[range(len(said)), said]
            torch.testing.assert_close(torch.tensor(each.log_p), expected, atol=1e-4, rtol=1e-4)
            assert each.score == pytest.approx(sum(each.log_p) / ((5 + len(each.log_p)) / 6), abs=1e-4)


def test_a_coverage_penalty_is_that_of_gnmt() -> None:
    """Recomputed from the attention of the whole translation at once (Wu et al. 2016, equation 14)."""
    model, src = random_model(), sentences(6, 3)
    config = SearchConfig(max_length=9, coverage_penalty=0.3)
    for row, hypotheses in enumerate(beam_search(model, src, config)):
        real = int((src[row] != 0).sum())
        for each in hypotheses:
            said = [*each.tokens, model.config.eos_id][: len(each.log_p)]
            with torch.inference_mode():
                attention = model.attention(src[row : row + 1], torch.tensor([[model.config.bos_id, *said[:-1]]]))[0]
            coverage = attention.sum(dim=0)[:real].clamp(max=1.0).log().sum()
            expected = sum(each.log_p) / len(each.log_p) + 0.3 * float(coverage)
            assert each.score == pytest.approx(expected, abs=1e-4)


def exhaustive(model: Transformer, src: torch.Tensor, length: int) -> list[Hypothesis]:
    """Every sequence that ends with </s> within `length` tokens, best first."""
    eos, letters = model.config.eos_id, range(4, model.config.vocab_size)
    found = []
    for size in range(length):
        for tokens in itertools.product(letters, repeat=size):
            tgt = torch.tensor([[model.config.bos_id, *tokens]])
            log_p = model.logits(model(src, tgt))[0].log_softmax(dim=-1)
            score = sum(float(log_p[place, token]) for place, token in enumerate([*tokens, eos]))
            found.append(Hypothesis(list(tokens), score / (size + 1), []))
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


def toy_model() -> Transformer:
    """Four letters and random weights: every translation of four tokens can be looked at."""
    torch.manual_seed(5)
    model = Transformer(ModelConfig(8, d_model=16, n_heads=2, d_ff=16, encoder_layers=1, decoder_layers=1)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def test_a_beam_as_wide_as_the_space_finds_what_exhaustive_search_finds() -> None:
    model, src = toy_model(), torch.tensor([[5, 6, 3]])
    with torch.no_grad():
        complete = exhaustive(model, src, 4)
    found = beam_search(model, src, SearchConfig(beam_size=64, max_length=4))[0]
    ended = [hypothesis for hypothesis in found if len(hypothesis.tokens) < 4]
    assert [hypothesis.tokens for hypothesis in ended][:10] == [hypothesis.tokens for hypothesis in complete][:10]
    assert [hypothesis.score for hypothesis in found] == sorted((each.score for each in found), reverse=True)
    assert ended[0].score == pytest.approx(complete[0].score, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(4, 7), max_size=5), st.sampled_from([0.0, 0.7, 1.0, 1.5]), st.sampled_from(["average", "gnmt"])
)
def test_a_proven_stop_loses_nothing_that_going_on_would_find(letters: list[int], penalty: float, norm: str) -> None:
    model, src = toy_model(), torch.tensor([[*letters, 3]])
    config = SearchConfig(beam_size=3, max_length=10, length_penalty=penalty, length_norm=norm, stop="proven")
    stopped = beam_search(model, src, config)[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indictrans_cli.decoding.beam._is_done", lambda *_: False)
        to_the_end = beam_search(model, src, config)[0]
    assert stopped == to_the_end


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
    found = beam_search(model, src, SearchConfig(beam_size=1, max_length=12))[0][0].tokens
    assert found == [token for token in tokens[1:] if token != model.config.eos_id]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 10), min_size=1, max_size=8), st.randoms(use_true_random=False), st.sampled_from(SHAPES),
    st.sampled_from([{}, {"coverage_penalty": 0.2}, {"stop": "proven"}, {"no_repeat_ngram": 2}]),
)  # fmt: skip
def test_a_sentence_is_translated_alike_alone_and_among_others(
    lengths: list[int], random: Random, shape: dict[str, Any], options: dict[str, Any]
) -> None:
    model, config = random_model(**shape), SearchConfig(beam_size=3, max_length=10, **options)
    src = sentences(*lengths)
    order = list(range(len(lengths)))
    random.shuffle(order)
    together = beam_search(model, src[order], config)
    for place, row in enumerate(order):
        alone = beam_search(model, src[row : row + 1, : lengths[row]], config)[0]
        assert [each.tokens for each in together[place]] == [each.tokens for each in alone]


def test_five_hundred_sentences_are_translated_alike_at_every_batch_size() -> None:
    model, random = random_model(), Random(2)
    rows = [sentences(random.randint(1, 20), seed=number)[0] for number in range(500)]

    def translate(batch_size: int, config: SearchConfig) -> list[list[int]]:
        found = []
        for start in range(0, len(rows), batch_size):
            batch = torch.nn.utils.rnn.pad_sequence(rows[start : start + batch_size], batch_first=True)
            found += [hypotheses[0].tokens for hypotheses in beam_search(model, batch, config)]
        return found

    config = SearchConfig(beam_size=2, max_length=6)
    alone = translate(1, config)
    for batch_size in range(2, 65):
        assert translate(batch_size, config) == alone, batch_size


def test_the_filters_of_sampling_are_those_of_transformers() -> None:
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    torch.manual_seed(4)
    log_p = (torch.randn(6, 40) * 2).log_softmax(dim=1)
    ids = torch.zeros(6, 1, dtype=torch.long)
    for config, warpers in (
        (SamplingConfig(), []),
        (SamplingConfig(temperature=0.6), [TemperatureLogitsWarper(0.6)]),
        (SamplingConfig(top_k=5), [TopKLogitsWarper(5)]),
        (SamplingConfig(top_p=0.7), [TopPLogitsWarper(0.7)]),
        (SamplingConfig(min_p=0.2), [MinPLogitsWarper(0.2)]),
        (
            SamplingConfig(temperature=1.4, top_k=12, top_p=0.8, min_p=0.1),
            [TemperatureLogitsWarper(1.4), TopKLogitsWarper(12), TopPLogitsWarper(0.8), MinPLogitsWarper(0.1)],
        ),
    ):
        expected = log_p
        for warper in warpers:
            expected = warper(ids, expected)
        torch.testing.assert_close(filtered(log_p, config), expected.softmax(dim=1))


def test_tokens_are_drawn_as_often_as_their_probability_says() -> None:
    p = torch.tensor([[0.5, 0.0, 0.3, 0.2, 0.0]])
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    drawn = draw(p.expand(10_000, -1), uniform)
    assert (drawn.bincount(minlength=5) / 10_000).tolist() == pytest.approx([0.5, 0.0, 0.3, 0.2, 0.0], abs=1e-3)
    assert draw(p, torch.tensor([1.0 - 1e-8])).item() == 3
    assert draw(p, torch.tensor([0.0])).item() == 0


def test_sampled_translations_have_the_model_s_own_distribution() -> None:
    """2,000 draws of up to three tokens against the probability of each sequence, by a chi-squared of a toy vocabulary."""
    model, src = toy_model(), torch.tensor([[5, 6, 3]])
    draws = sample(model, src, SamplingConfig(samples=2000, max_length=3))[0]
    counts = dict.fromkeys(((), (4,), (5,), (6,), (7,)), 0)
    for each in draws:
        if tuple(each.tokens) in counts:
            counts[tuple(each.tokens)] += 1
    for tokens, count in counts.items():
        with torch.inference_mode():
            said = [*tokens, 3]
            logits = model.logits(model(src, torch.tensor([[2, *tokens]])))[0]
            logits[:, [0, 1, 2]] = float("-inf")
            p = math.exp(logits.log_softmax(dim=-1)[range(len(said)), said].sum())
        assert count == pytest.approx(2000 * p, abs=4 * math.sqrt(2000 * p * (1 - p)) + 1)


def test_what_is_sampled_depends_on_the_sentence_and_the_seed_alone() -> None:
    model, src, config = random_model(), sentences(6, 3, 8, 1), SamplingConfig(samples=3, max_length=10, top_k=20)
    together = sample(model, src, config)
    assert together == sample(model, src, config)
    for row, length in enumerate((6, 3, 8, 1)):
        alone = sample(model, src[row : row + 1, :length], config)[0]
        assert [each.tokens for each in alone] == [each.tokens for each in together[row]]
    assert len({tuple(each.tokens) for each in together[0]}) > 1
    assert sample(model, src, replace(config, seed=2)) != together
    fewer = sample(model, src, replace(config, samples=1))
    assert [each[0].tokens for each in fewer] == [each[0].tokens for each in together]


def test_no_sentences_are_no_translations() -> None:
    nothing = torch.empty((0, 4), dtype=torch.long)
    assert (
        beam_search(random_model(), nothing, SearchConfig()) == sample(random_model(), nothing, SamplingConfig()) == []
    )


def test_sampling_the_likeliest_token_only_is_greedy_search() -> None:
    model, src = random_model(), sentences(6, 3)
    greedy = beam_search(model, src, SearchConfig(beam_size=1, max_length=9))
    drawn = sample(model, src, SamplingConfig(top_k=1, max_length=9))
    for ours, theirs in zip(drawn, greedy, strict=True):
        assert ours[0].tokens == theirs[0].tokens
        assert ours[0].log_p == pytest.approx(theirs[0].log_p, abs=1e-5)


def test_the_translation_most_like_the_others_is_chosen() -> None:
    texts = ["वह घर गया।", "वह घर गई।", "वह घर गया।", "बारिश हुई।"]
    index, expected = minimum_bayes_risk(texts)
    assert index == 0
    # by hand: with a utility that counts equal words of three, the first scores (3 + 2 + 3 + 0) / 4
    words: Any = lambda text, other: len(set(text.split()) & set(other.split()))  # noqa: E731
    assert minimum_bayes_risk(texts, words) == (0, 2.0)
    assert minimum_bayes_risk(["", "", "a"])[0] == 0
    with pytest.raises(ValueError, match="no translation"):
        minimum_bayes_risk([])
    assert expected > 50


def test_alignments_are_attention_rows_of_the_position_that_knows_the_token() -> None:
    model, src = random_model(), sentences(6, 3)
    first, second = align(model, src, [[9, 8], [7]])
    assert first.shape == (2, 6)
    assert second.shape == (1, 3)
    torch.testing.assert_close(first.sum(dim=1), torch.ones(2))
    with torch.inference_mode():
        torch.testing.assert_close(first, model.attention(src[:1], torch.tensor([[2, 9, 8]]))[0, 1:])


def test_attention_is_that_of_transformers() -> None:
    model, src, tgt = random_model(), sentences(6), torch.tensor([[2, 9, 8]])
    with torch.inference_mode():
        theirs = theirs_of(model)(input_ids=src, decoder_input_ids=tgt, output_attentions=True).cross_attentions
        for layer, expected in enumerate(theirs):
            torch.testing.assert_close(model.attention(src, tgt, layer), expected.mean(dim=1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("beam-size", {"beam_size": -3}), ("max_length", {"max_length": 0}), ("stop", {"stop": "never"}),
        ("length_norm", {"length_norm": "none"}), ("coverage_penalty", {"coverage_penalty": -1.0}),
        ("no_repeat_ngram", {"no_repeat_ngram": -1}), ("length-penalty", {"length_penalty": math.nan}),
    ],
)  # fmt: skip
def test_a_search_that_cannot_be_is_refused(option: str, values: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=option):
        SearchConfig(**values)


@pytest.mark.parametrize(
    ("option", "values"),
    [("temperature", {"temperature": 0.0}), ("top-p", {"top_p": 1.5}), ("samples", {"samples": 0})],
)
def test_a_draw_that_cannot_be_is_refused(option: str, values: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=option):
        SamplingConfig(**values)
