"""What translations do and where they are bad: hand-worked cases."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sacrebleu.metrics.chrf import CHRF

from indictrans_cli.corpus import testsets
from indictrans_cli.engines.choose import find_model
from indictrans_cli.evaluation.behaviour import behaviour, copies, numbers_in, placeholders_in
from indictrans_cli.evaluation.breakdown import group_scores, groups, sentence_scores
from indictrans_cli.evaluation.metrics import make_metrics
from tests.conftest import SENTENCES


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It cost 1,50,000 rupees in 2011.", ["150000", "2011"]),
        ("२५ प्रतिशत, यानी 3.5 करोड़", ["25", "3.5"]),
        ("At 10:30 on platform 4", ["10:30", "4"]),
        ("See https://example.org/2020 for {0}.", []),
        ("None here", []),
    ],
)
def test_numbers_are_found_in_both_scripts_and_groupings(text: str, numbers: list[str]) -> None:
    assert numbers_in(text) == numbers


@pytest.mark.parametrize(
    ("text", "placeholders"),
    [
        ("Hello {name}, you have %d new %s.", ["{name}", "%d", "%s"]),
        (
            "Write to help@example.org or see https://example.org/a?b=1.",
            ["help@example.org", "https://example.org/a?b=1"],
        ),
        ("<b>Bold</b> &amp; ${total}", ["<b>", "</b>", "&amp;", "${total}"]),
        ("It is 50% done and costs $5.", []),
    ],
)
def test_placeholders_are_what_no_translation_may_change(text: str, placeholders: list[str]) -> None:
    assert placeholders_in(text) == placeholders


def test_a_long_word_costs_no_quadratic_time() -> None:
    started = time.perf_counter()
    assert placeholders_in("a" * 100_000) == []
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("source", "hypothesis", "expected"),
    [
        ("The water is cold.", "The water is cold.", True),
        ("The water is cold.", "the WATER is cold.", True),
        ("The water is cold.", "पानी ठंडा है।", False),
        ("The Ministry of Health said so.", "Ministry of Health ने कहा।", True),
        ("NASA said so.", "NASA ने ऐसा कहा।", False),
        ("2024", "2024", False),
    ],
)
def test_a_copy_is_the_source_or_half_of_it(source: str, hypothesis: str, expected: bool) -> None:
    assert copies(source, hypothesis) is expected


def test_each_sentence_is_flagged_for_what_is_wrong_with_it() -> None:
    rows = [
        ("She has 3 cats and 25 birds.", "उसके पास तीन बिल्लियाँ और 25 पक्षी हैं।", "उसके पास 3 बिल्लियाँ और 25 पक्षी हैं।", []),
        ("It rained 40 days.", "बहुत दिन बारिश हुई।", "40 दिन बारिश हुई।", ["number lost"]),
        ("Hello {name}.", "नमस्ते।", "नमस्ते {name}।", ["placeholder lost"]),
        ("Close the door.", "Close the door.", "दरवाज़ा बंद करो।", ["not Hindi", "copied"]),
        ("He is very tall.", "वह बहुत बहुत बहुत बहुत बहुत बहुत बहुत लंबा है।", "वह बहुत लंबा है।", ["repeats"]),
        ("Come.", " ", "आओ।", ["empty"]),
    ]  # fmt: skip
    found = behaviour([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
    assert found.flags == [row[3] for row in rows]
    assert (found.numbers, found.number_count) == (2 / 3, 3)
    assert (found.placeholders, found.placeholder_count) == (0.0, 1)
    assert (found.copied, found.repeated, found.empty) == (1 / 6, 1 / 6, 1 / 6)
    assert found.length_ratio == sum(len(row[1]) for row in rows) / sum(len(row[2]) for row in rows)
    latin = len("Closethedoor")
    hindi = sum("\u0900" <= char <= "\u097f" for row in rows for char in row[1])
    assert found.script_purity == pytest.approx(hindi / (hindi + latin))


def test_without_sources_what_needs_them_is_left_out() -> None:
    found = behaviour(None, ["पानी"], ["पानी"])
    assert (found.numbers, found.placeholders, found.copied) == (None, None, None)
    assert (found.length_ratio, found.script_purity) == (1.0, 1.0)


def test_groups_hold_the_sentences_they_say() -> None:
    sources = [
        "Where does Ravi live?",
        "It rained for 40 days and forty nights in the village beyond the river.",
        "The photosynthesis of chlorophyll is slow.",
        'He asked, "Why?"',
    ]
    test = testsets.TestSet("toy", sources, ["क"] * 4, ["home", "news", "school", "home"], "here")
    found = {(group.kind, group.label): group.indices for group in groups(test, find_model(None).tokenizer())}
    assert found[("length", "1–9 words")] == [0, 2, 3]
    assert found[("length", "10–19 words")] == [1]
    assert found[("numbers", "with a number")] == [1]
    assert found[("names", "with a name")] == [0]
    assert found[("unknown words", "with one")] == [2]
    assert found[("questions", "questions")] == [0, 3]
    assert found[("domain", "home")] == [0, 3]
    for kind in ("numbers", "names", "unknown words", "questions", "domain"):
        members = sorted(at for (each, _), indices in found.items() for at in indices if each == kind)
        assert members == [0, 1, 2, 3]


def test_the_score_of_a_group_is_that_of_its_sentences_alone() -> None:
    sources, references = [src for src, _ in SENTENCES], [tgt for _, tgt in SENTENCES]
    hypotheses = [*references[:4], "वह गाती है।", "दो गायें हैं।", "बस गई।", "चाय दो।", "बारिश हुई।", "सड़क जाती है।"]
    test = testsets.TestSet("toy", sources, references, None, "here")
    (metric,) = make_metrics(references)[1:2]
    found = groups(test)
    scores = group_scores(found, [metric], {"chrF2++": metric.statistics(hypotheses)}, seed=1)
    for group, (score,) in zip(found, scores, strict=True):
        part = [hypotheses[at] for at in group.indices], [[references[at] for at in group.indices]]
        assert score.value == pytest.approx(CHRF(word_order=2).corpus_score(*part).score)
        assert score.interval.low <= score.value <= score.interval.high
    each = sentence_scores(metric, metric.statistics(hypotheses))
    expected = [
        CHRF(word_order=2).sentence_score(one, [other]).score for one, other in zip(hypotheses, references, strict=True)
    ]
    assert np.allclose(each, expected)
