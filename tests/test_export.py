"""Exports load in the target's own library and translate as the model does."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from indictrans_cli.engines.choose import find_model
from indictrans_cli.errors import CtxError, OptionError
from indictrans_cli.export import base, model
from indictrans_cli.export.huggingface import fast_tokenizer
from indictrans_cli.model_directory import ModelDirectory, open_model
from indictrans_cli.tokenizer import Tokenizer
from tests.conftest import SENTENCES

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def small_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten sentences are enough here."""
    monkeypatch.setattr(base, "SENTENCES", 10)


@pytest.mark.parametrize(("target", "storage"), [("model", "float32"), ("model", "bfloat16"), ("huggingface", None), ("ctranslate2", "int8")])  # noqa: E501 # fmt: skip
def test_an_export_of_the_bundled_model_translates_as_it_does(
    target: str, storage: str | None, tmp_path: Path, small_check: None
) -> None:
    check = base.export(find_model(None), target, tmp_path / "out", storage)
    assert check.sentences == 10
    assert check.different <= 2
    assert check.size > 8e6


def test_stock_transformers_translate_with_the_exported_folder(tmp_path: Path, small_check: None) -> None:
    base.export(find_model(None), "huggingface", tmp_path / "out")
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    ids = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out").generate(
        **tokenizer(["Good morning."], return_tensors="pt")
    )
    assert any("\u0900" <= char <= "\u097f" for char in tokenizer.batch_decode(ids, skip_special_tokens=True)[0])


def test_the_exported_tokenizer_gives_the_same_ids_and_the_same_text() -> None:
    ours = Tokenizer.load(find_model(None).tokenizer_path)
    theirs = fast_tokenizer(ours, 512)
    texts = [side for pair in SENTENCES for side in pair]
    texts += ["Hello  world", " lead and trail ", "😀 日本", "₹1,87,500.25 (50%)", "a\u200dक्\u200dष", "naïve", ""]
    for text, ids in zip(texts, ours.encode(texts), strict=True):
        assert theirs(text)["input_ids"] == [*ids, ours.eos_id], text
        assert theirs.decode(ids) == ours.decode([ids])[0]


def test_int8_is_a_quarter_of_the_size(toy_model: Path, tmp_path: Path) -> None:
    model.write(open_model(toy_model), tmp_path / "m", "int8")
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (tmp_path / "m", toy_model)]
    assert sizes[0] < 0.35 * sizes[1]


def test_an_export_that_translates_otherwise_is_not_written(
    tmp_path: Path, small_check: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "translator", lambda folder: lambda sentences: ["कुछ और"] * len(sentences))
    with pytest.raises(CtxError, match="translates 10 of 10 sentences otherwise"):
        base.export(find_model(None), "model", tmp_path / "out", "float32")
    assert list(tmp_path.glob("out*")) == list(tmp_path.glob(".out*")) == []


def test_an_export_replaces_nothing_unless_told(toy_model: Path, tmp_path: Path, ctx: Run) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("mine")
    done = ctx("export", toy_model, "--to", "model", "--storage", "float32", "--out", tmp_path / "out")
    assert done.returncode == 4
    assert "exists already" in done.stderr
    assert (tmp_path / "out" / "precious").read_text() == "mine"
    arguments = ["export", toy_model, "--to", "model", "--storage", "float32", "--force", "--out"]
    assert ctx(*arguments, tmp_path / "out").returncode == 4
    assert (tmp_path / "out" / "precious").read_text() == "mine"
    assert ctx(*arguments, toy_model).returncode == 2


@pytest.mark.parametrize(
    ("target", "storage", "says"), [("tflite", None, "--to tflite"), ("model", "int3", "--storage int3")]
)
def test_what_cannot_be_written_is_said(target: str, storage: str | None, says: str, tmp_path: Path) -> None:
    directory: ModelDirectory = find_model(None)
    with pytest.raises(OptionError, match=says):
        base.export(directory, target, tmp_path / "out", storage)
