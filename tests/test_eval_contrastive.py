"""Contrastive tests: their file, and their scoring against the model's own probabilities."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from indictrans_cli.errors import DataError
from indictrans_cli.evaluation.contrastive import accuracies, bundled_tests, contrast, read_tests
from indictrans_cli.evaluation.perplexity import likelihoods, perplexity
from indictrans_cli.model.load import load_transformer
from indictrans_cli.model_directory import open_model
from indictrans_cli.tokenizer import Tokenizer
from tests.conftest import SENTENCES

Run = Callable[..., subprocess.CompletedProcess[str]]
ROWS = [
    ("gender", "Meena sees water.", "मीना पानी देखती है।", "मीना पानी देखता है।"),
    ("gender", "The boy sells rice.", "लड़का चावल बेचता है।", "लड़का चावल बेचती है।"),
    ("negation", "Ravi does not want tea.", "रवि चाय नहीं चाहता है।", "रवि चाय चाहता है।"),
]


@pytest.fixture
def tests_file(tmp_path: Path) -> Path:
    path = tmp_path / "tests.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def log_likelihood(folder: Path, src: str, tgt: str) -> float:
    """One sentence by itself, by the definition."""
    directory = open_model(folder)
    model, tokenizer = load_transformer(directory), Tokenizer.load(directory.tokenizer_path)
    src_ids, tgt_ids = tokenizer.encode([src, tgt])
    with torch.inference_mode():
        logits = model.logits(model(torch.tensor([[*src_ids, 3]]), torch.tensor([[2, *tgt_ids]])))[0]
    return -float(F.cross_entropy(logits, torch.tensor([*tgt_ids, 3]), reduction="sum"))


def test_the_margin_is_the_difference_of_log_likelihoods(tests_file: Path, toy_model: Path) -> None:
    results = contrast(open_model(toy_model), read_tests(tests_file), torch.device("cpu"))
    for row, result in zip(ROWS, results, strict=True):
        expected = log_likelihood(toy_model, row[1], row[2]) - log_likelihood(toy_model, row[1], row[3])
        assert result.margin == pytest.approx(expected, abs=1e-3)
        assert result.passed is (expected > 0)


def test_shares_have_wilsons_interval(tests_file: Path, toy_model: Path) -> None:
    results = contrast(open_model(toy_model), read_tests(tests_file), torch.device("cpu"))
    counted = accuracies(results)
    assert [(each.phenomenon, each.tests) for each in counted] == [("gender", 2), ("negation", 1), ("all", 3)]
    assert counted[-1].passed == sum(result.margin > 0 for result in results)
    hundred = accuracies([type(results[0])(results[0].test, 1.0 if at < 81 else -1.0) for at in range(100)])[-1]
    assert (hundred.low, hundred.high) == pytest.approx((0.7222, 0.8749), abs=1e-4)  # R: prop.test without correction


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("gender\tMeena eats.\tमीना खाती है।", "line 2 .* has 3 columns"),
        ("gender\tMeena eats.\tमीना खाती है।\tमीना खाता है।\tmore", "line 2 .* has 5 columns"),
        ("gender\tMeena eats.\tमीना खाती है।\t ", "line 2 .* has no wrong Hindi"),
        ("", "line 2 .* has 1 columns"),
        ("gender\tMeena eats.\tमीना खाती है।\tमीना  खाती है।", "line 2 .* the same Hindi twice"),
        ("gender\tमीना खाती है।\tMeena eats.\tमीना खाता है।", "line 2 .* its right Hindi has no Devanagari"),
        ("\t".join(ROWS[0]), "line 2 .* is line 1 again"),
    ],
)
def test_a_malformed_line_is_named(line: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "tests.tsv"
    path.write_text("\t".join(ROWS[0]) + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=says):
        read_tests(path)


def test_an_empty_file_is_no_test(tmp_path: Path) -> None:
    (tmp_path / "tests.tsv").write_text("")
    with pytest.raises(DataError, match="holds no contrastive test"):
        read_tests(tmp_path / "tests.tsv")


def test_the_command_tells_how_many_of_each_phenomenon_a_model_passes(
    tests_file: Path, toy_model: Path, ctx: Run
) -> None:
    done = ctx("eval", "--contrastive-file", tests_file, "--model", f"toy={toy_model}", "--json")
    assert done.returncode == 0, done.stderr
    (system,) = json.loads(done.stdout)["systems"]
    expected = accuracies(contrast(open_model(toy_model), read_tests(tests_file), torch.device("cpu")))
    assert system["name"] == "toy"
    assert [(each["phenomenon"], each["passed"], each["tests"]) for each in system["contrastive"]] == [
        (each.phenomenon, each.passed, each.tests) for each in expected
    ]
    shown = ctx("eval", "--contrastive-file", tests_file, "--model", f"toy={toy_model}").stdout
    assert "gender" in shown and "negation" in shown


@pytest.mark.skipif(not bundled_tests().is_file(), reason="the bundled tests are still being written")
def test_the_bundled_tests_are_whole_and_about_many_things() -> None:
    tests = read_tests(bundled_tests())
    assert len(tests) >= 600
    assert len({test.phenomenon for test in tests}) >= 7


def test_pairs_too_long_for_the_model_are_left_out_and_the_others_stay_in_their_places(toy_model: Path) -> None:
    directory = open_model(toy_model)
    long = ("water " * 600, "पानी " * 600)
    with_long = likelihoods(directory, [*SENTENCES[:3], long, *SENTENCES[3:]], torch.device("cpu"))
    without = likelihoods(directory, SENTENCES, torch.device("cpu"))
    assert with_long.tokens[3] == 0
    assert [*with_long.nats[:3], *with_long.nats[4:]] == pytest.approx(list(without.nats), rel=1e-4)
    assert perplexity(directory, [long, *SENTENCES], torch.device("cpu")).tokens == int(without.tokens.sum())


def test_token_accuracy_counts_first_guesses(toy_model: Path) -> None:
    directory = open_model(toy_model)
    model, tokenizer = load_transformer(directory), Tokenizer.load(directory.tokenizer_path)
    right = tokens = 0
    with torch.inference_mode():
        for src, tgt in SENTENCES:
            src_ids, tgt_ids = tokenizer.encode([src, tgt])
            logits = model.logits(model(torch.tensor([[*src_ids, 3]]), torch.tensor([[2, *tgt_ids]])))[0]
            right += int((logits.argmax(-1) == torch.tensor([*tgt_ids, 3])).sum())
            tokens += len(tgt_ids) + 1
    score = perplexity(directory, SENTENCES, torch.device("cpu"))
    assert score.accuracy == right / tokens
    assert score.nats_per_character == pytest.approx(score.nats * tokens / sum(len(tgt) for _, tgt in SENTENCES))
