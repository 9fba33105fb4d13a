"""Scores against sacreBLEU's own command and worked cases; perplexity against the definition."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from indictrans_cli.errors import DataError
from indictrans_cli.evaluation.metrics import corpus_scores
from indictrans_cli.evaluation.perplexity import perplexity
from indictrans_cli.model.load import load_transformer
from indictrans_cli.model_directory import open_model
from indictrans_cli.tokenizer import Tokenizer
from tests.conftest import SENTENCES

Run = Callable[..., subprocess.CompletedProcess[str]]
REFERENCES = [tgt for _, tgt in SENTENCES]
HYPOTHESES = [*REFERENCES[:5], "पानी गरम है।", "बस गई।", "मुझे चाय दो।", "रात में बारिश", "सड़क गाँव जाती है।"]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    for name, lines in (("src", [src for src, _ in SENTENCES]), ("ref", REFERENCES), ("hyp", HYPOTHESES)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return tmp_path / "src", tmp_path / "ref", tmp_path / "hyp"


def test_scores_are_those_of_sacrebleus_own_command(files: tuple[Path, Path, Path], ctx: Run) -> None:
    _, ref, hyp = files
    command = [sys.executable, "-m", "sacrebleu", str(ref), "-i", str(hyp), "-m", "bleu", "chrf", "--chrf-word-order", "2", "-w", "2"]  # noqa: E501 # fmt: skip
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    ours = json.loads(ctx("eval", "--hyp", hyp, "--ref", ref, "--json").stdout)["scores"][:2]
    assert [(score["name"], score["value"]) for score in ours] == [(score["name"], score["score"]) for score in theirs]
    assert [score["signature"] for score in ours] == [score["signature"] for score in theirs]


def test_a_perfect_translation_scores_a_hundred() -> None:
    assert [round(score.value, 6) for score in corpus_scores(REFERENCES, REFERENCES)] == [100.0, 100.0]


def test_perplexity_is_the_exponent_of_the_mean_negative_log_likelihood(toy_model: Path) -> None:
    directory = open_model(toy_model)
    model, tokenizer = load_transformer(directory), Tokenizer.load(directory.tokenizer_path)
    nll, tokens = 0.0, 0
    with torch.inference_mode():
        for src, tgt in SENTENCES:
            src_ids, tgt_ids = tokenizer.encode([src, tgt])
            logits = model.logits(model(torch.tensor([[*src_ids, 3]]), torch.tensor([[2, *tgt_ids]])))[0]
            nll += float(F.cross_entropy(logits, torch.tensor([*tgt_ids, 3]), reduction="sum"))
            tokens += len(tgt_ids) + 1
    score = perplexity(directory, SENTENCES, torch.device("cpu"))
    assert score.tokens == tokens
    assert score.nats == pytest.approx(nll / tokens, rel=1e-4)
    assert score.value == pytest.approx(math.exp(nll / tokens), rel=1e-3)


def test_a_model_is_scored_on_a_test_set_and_its_translations_kept(
    files: tuple[Path, Path, Path], tmp_path: Path, ctx: Run
) -> None:
    src, ref, _ = files
    done = ctx("eval", "--src", src, "--ref", ref, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    for expected in ("10 sentences", "BLEU", "chrF2++", "perplexity", "version:"):
        assert expected in done.stdout
    again = ctx("eval", "--hyp", tmp_path / "out", "--ref", ref).stdout.splitlines()[1:3]
    assert again == done.stdout.splitlines()[1:3]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--src", "src"], 2, "--src and --ref"),
        (["--ref", "ref"], 2, "--src and --ref"),
        (["--hyp", "short", "--ref", "ref"], 6, "9 translations cannot be scored against 10 references"),
        (["--src", "short", "--ref", "ref"], 6, "line-aligned"),
        (["--hyp", "empty", "--ref", "empty"], 6, "the test set is empty"),
        (["--hyp", "nowhere", "--ref", "ref"], 3, "cannot read"),
        (["nowhere"], 6, "not a folder of prepared data"),
    ],
)
def test_what_cannot_be_scored_is_one_clear_sentence(
    arguments: list[str], code: int, says: str, files: tuple[Path, Path, Path], ctx: Run
) -> None:
    folder = files[0].parent
    (folder / "short").write_text("".join(f"{line}\n" for line in HYPOTHESES[:9]), encoding="utf-8")
    (folder / "empty").write_text("")
    paths = [str(folder / word) if word.isalpha() and word != "nowhere" else word for word in arguments]
    done = ctx("eval", *paths)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)
    assert says in done.stderr


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(DataError, match="empty"):
        corpus_scores([], [])
