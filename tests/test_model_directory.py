"""What a model directory holds, how it is stored, and what is said of a broken one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from indictrans_cli.engines.choose import find_model
from indictrans_cli.errors import ModelError
from indictrans_cli.model_directory import STORAGE, open_model, quantize_rows, save_model, write_safetensors


def stored_as(storage: str, model: Path, out: Path) -> Path:
    original = open_model(model)
    save_model(out, original.config, original.weights(), (model / "tokenizer.model").read_bytes(), "card",
               src_lang="en", tgt_lang="hi", storage=storage)  # fmt: skip
    return out


@pytest.mark.parametrize(
    ("storage", "error"), [("float32", 0.0), ("bfloat16", 4e-3), ("float16", 5e-4), ("int8", 4e-3)]
)
def test_weights_come_back_as_near_as_their_format_allows(
    storage: str, error: float, toy_model: Path, tmp_path: Path
) -> None:
    original = open_model(toy_model).weights()
    stored = open_model(stored_as(storage, toy_model, tmp_path / "m"))
    for name, value in stored.weights().items():
        assert value.dtype == np.float32
        largest = np.abs(original[name]).max()
        assert np.abs(value - original[name]).max() <= error * largest + 1e-7


def test_files_are_those_the_safetensors_library_reads_and_writes(toy_model: Path, tmp_path: Path) -> None:
    """Our reader and writer need numpy alone; the library is the judge of both."""
    weights = open_model(toy_model).weights()
    for storage in ("float32", "bfloat16", "float16"):
        folder = stored_as(storage, toy_model, tmp_path / storage)
        by_library = load_file(folder / "model.safetensors")
        expected = {name: torch.from_numpy(value).to(getattr(torch, storage)) for name, value in weights.items()}
        assert by_library.keys() == expected.keys()
        for name, tensor in expected.items():
            assert torch.equal(by_library[name], tensor), name
        save_file(expected, folder / "model.safetensors")
        for name, value in open_model(folder).weights().items():
            assert np.array_equal(value, expected[name].float().numpy()), name


def test_int8_rows_use_the_whole_range_and_quantize_to_themselves_again() -> None:
    matrix = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    matrix[3] = 0
    quantized, scale = quantize_rows(matrix)
    assert (np.abs(quantized).max(axis=1)[np.arange(20) != 3] == 127).all()
    again, _ = quantize_rows(quantized / scale[:, None])
    assert np.array_equal(again, quantized)


def test_the_content_hash_follows_the_content_and_nothing_else(toy_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(toy_model, copy)
    (copy / "MODEL_CARD.md").write_text("another card")
    assert open_model(copy).content_hash == open_model(toy_model).content_hash
    content = bytearray((copy / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    assert open_model(copy).content_hash != open_model(toy_model).content_hash


def edit(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no tokenizer": (lambda m: (m / "tokenizer.model").unlink(), "has no tokenizer.model"),
    "no JSON": (lambda m: (m / "config.json").write_text("{,}"), "is not JSON"),
    "a list": (lambda m: (m / "config.json").write_text("[]"), "describes no architecture"),
    "another version": (lambda m: edit(m / "config.json", lambda c: c.update(format_version=9)), "format version 9"),
    "unknown field": (lambda m: edit(m / "config.json", lambda c: c["architecture"].update(x=1)), "unknown field 'x'"),
    "wrong type": (lambda m: edit(m / "config.json", lambda c: c["architecture"].update(d_ff="8")), "'d_ff' is '8'"),
    "missing field": (lambda m: edit(m / "config.json", lambda c: c["architecture"].pop("vocab_size")), "vocab_size"),
    "no language": (lambda m: edit(m / "config.json", lambda c: c.pop("source_language")), "source_language"),
    "odd storage": (lambda m: edit(m / "config.json", lambda c: c.update(storage="int3")), "int3"),
    "other shape": (lambda m: edit(m / "config.json", lambda c: c["architecture"].update(d_ff=64)), "has the shape"),
    "fewer layers": (lambda m: edit(m / "config.json", lambda c: c["architecture"].update(encoder_layers=1)), "not know"),
    "more layers": (lambda m: edit(m / "config.json", lambda c: c["architecture"].update(encoder_layers=3)), "lacks"),
    "ids outside": (lambda m: edit(m / "config.json", lambda c: c["architecture"].update(eos_id=9999)), "eos_id"),
    "ids alike": (lambda m: edit(m / "config.json", lambda c: c["architecture"].update(eos_id=1)), "must differ"),
    "deep": (lambda m: edit(m / "config.json", lambda c: c["architecture"].update(d_ff=10**9)), "d_ff is 1000000000"),
    "deep JSON": (lambda m: (m / "config.json").write_text("[" * 200_000), "is not JSON"),
    "deep header": (
        lambda m: (m / "model.safetensors").write_bytes((200_000).to_bytes(8, "little") + b"[" * 200_000), "damaged"
    ),
    "torn weights": (lambda m: os.truncate(m / "model.safetensors", 5000), "damaged"),
    "empty weights": (lambda m: (m / "model.safetensors").write_bytes(b""), "damaged"),
    "random weights": (lambda m: (m / "model.safetensors").write_bytes(b"\xff" * 999), "damaged"),
    "pickled weights": (lambda m: torch.save({"a": 1}, m / "model.safetensors"), "damaged"),
    "hostile offsets": (
        lambda m: write_safetensors(m / "model.safetensors", {"embedding.weight.scale": ("F32", np.ones(2, np.float32))}),
        "lacks",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_model_is_named_with_what_is_wrong(name: str, toy_model: Path, tmp_path: Path) -> None:
    breaks, says = BREAKAGES[name]
    shutil.copytree(toy_model, tmp_path / "m")
    breaks(tmp_path / "m")
    with pytest.raises(ModelError, match=says):
        open_model(tmp_path / "m").weights()


def test_a_tokenizer_of_another_model_is_refused(toy_model: Path) -> None:
    directory = open_model(toy_model)
    other = replace(directory, config=replace(directory.config, vocab_size=directory.config.vocab_size + 1))
    with pytest.raises(ModelError, match="the config says"):
        other.tokenizer()


def test_models_are_found_by_name_in_the_cache_and_by_path(toy_model: Path, own_cache: Path) -> None:
    shutil.copytree(toy_model, own_cache / "models" / "mine")
    assert find_model("mine").path == own_cache / "models" / "mine"
    assert find_model(str(toy_model)).path == toy_model
    assert find_model(None).path.name == "en-hi"
    for name in ("yours", "../models/yours", ""):
        with pytest.raises(ModelError):
            find_model(name)


def test_every_way_to_store_is_tested() -> None:
    assert set(STORAGE) == {"float32", "bfloat16", "float16", "int8"}
