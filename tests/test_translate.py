"""`ctx translate` and `Translator`, with the bundled model: lines, hostile inputs, threads, and both engines."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from indictrans_cli import Translator
from indictrans_cli.config import SearchConfig
from indictrans_cli.engines.base import Translation
from indictrans_cli.engines.choose import find_model, load_engine
from indictrans_cli.engines.ctranslate2 import derived_copy
from indictrans_cli.errors import ModelError, OptionError
from indictrans_cli.model.load import transformer_weights
from indictrans_cli.model_directory import save_model
from indictrans_cli.tokenizer import Tokenizer
from indictrans_cli.translator import babbles, is_translatable
from tests.conftest import ROOT, SENTENCES
from tests.test_model import random_model

Run = Callable[..., subprocess.CompletedProcess[str]]
ENGLISH = [src for src, _ in SENTENCES]


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator()


def is_hindi(text: str) -> bool:
    return any("\u0900" <= char <= "\u097f" for char in text)


def test_a_sentence_becomes_hindi(ctx: Run) -> None:
    done = ctx("translate", "Hello, how are you?")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert is_hindi(done.stdout)


def test_the_sentences_in_the_readme_are_what_the_model_says() -> None:
    """Not all need to be: int8 sums round otherwise on processors without VNNI."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z][^|]*[.?]) \| ([^|]*[।?]) \|", readme, re.MULTILINE)
    assert len(rows) == 10
    said = Translator().translate([english for english, _ in rows])
    assert sum(text == hindi for text, (_, hindi) in zip(said, rows, strict=True)) >= 8
    assert Translator.__doc__ is not None and "['मेरी बहन डॉक्टर है।']" in Translator.__doc__
    assert Translator().translate(["My sister is a doctor."]) == ["मेरी बहन डॉक्टर है।"]


def test_as_many_lines_come_out_as_go_in(ctx: Run) -> None:
    text = "Good morning.\n\n  It rains.  \r\n\r\nTwo sentences. On one line.\nno end"
    done = ctx("translate", stdin=text)
    assert done.returncode == 0
    lines = done.stdout.split("\n")
    assert len(lines) == 6
    assert [line.endswith("\r") for line in lines] == [False, False, True, True, False, False]
    assert lines[1] == "" and lines[3] == "\r"
    assert lines[2].startswith("  ") and lines[2].endswith("  \r")
    assert is_hindi(lines[5])


def test_files_go_in_and_out(ctx: Run, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("\n".join(ENGLISH) + "\n", encoding="utf-8")
    done = ctx("translate", "-i", tmp_path / "in.txt", "-o", tmp_path / "out.txt")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == ctx("translate", *ENGLISH).stdout
    assert [path.name for path in sorted(tmp_path.iterdir()) if path.is_file()] == ["in.txt", "out.txt"]


def test_json_tells_what_was_done(ctx: Run) -> None:
    done = ctx("translate", "--json", "I see. You go.", "")
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["source"] == "I see. You go."
    assert [segment["source"] for segment in first["segments"]] == ["I see.", "You go."]
    assert first["text"] == " ".join(segment["text"] for segment in first["segments"])
    assert first["score"] < 0
    assert second == {"source": "", "text": "", "score": 0.0, "segments": []}


#: name: (arguments, standard input, exit code, what stderr says); each is a translation or one clear sentence
HOSTILE: dict[str, tuple[list[str], bytes, int, str]] = {
    "empty": (["translate", ""], b"", 0, ""),
    "empty stdin": (["translate"], b"", 0, ""),
    "spaces": (["translate", "   \t "], b"", 0, ""),
    "emoji": (["translate", "😀👍🏽🇮🇳"], b"", 0, ""),
    "Hindi": (["translate", "यह हिंदी है।"], b"", 0, ""),
    "NUL": (["translate"], b"one\x00two\n", 0, ""),
    "Latin-1 bytes": (["translate"], b"caf\xe9\n", 3, "standard input, line 1: byte 4 (0xe9) is not UTF-8"),
    "control characters": (["translate"], b"a\x01\x02\x1b[31mred\x7f bell\x07\n", 0, ""),
    "right to left": (["translate", "مرحبا بالعالم", "\u202eHello\u202c"], b"", 0, ""),
    "CRLF": (["translate"], b"Good.\r\nMorning.\r\n", 0, ""),
    "missing file": (["translate", "-i", "nowhere.txt"], b"", 3, "cannot read 'nowhere.txt': no such file"),
    "a folder": (["translate", "-i", "."], b"", 3, "cannot read '.': is a directory"),
    "a folder to write": (["translate", "Hi", "-o", "."], b"", 4, "cannot write '.': it is a folder"),
    "missing model": (["translate", "-m", "nowhere", "Hi"], b"", 5, "no model named 'nowhere'"),
    "beam size": (["translate", "--beam-size", "-3", "Hi"], b"", 2, "--beam-size -3: must be between 1 and 64"),
    "output into a missing folder": (["translate", "Hi", "-o", "no/out.txt"], b"", 4, "cannot write 'no/out.txt'"),
    "misspelt command": (["transalte", "Hi"], b"", 2, "Did you mean 'translate'?"),
    "misspelt option": (["translate", "--beem-size", "3", "Hi"], b"", 2, "--beam-size"),
    "no number": (["translate", "--beam-size", "many", "Hi"], b"", 2, "--beam-size"),
    "odd device": (["translate", "--device", "tpu", "Hi"], b"", 2, "--device tpu"),
    "odd threads": (["translate", "--threads", "-1", "Hi"], b"", 2, "--threads -1"),
    "odd engine": (["translate", "--engine", "steam", "Hi"], b"", 2, "--engine steam"),
    "text and file": (["translate", "Hi", "-i", "a.txt"], b"", 2, "not both"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_gives_a_translation_or_one_clear_sentence(name: str, ctx: Run) -> None:
    arguments, stdin, code, says = HOSTILE[name]
    done = ctx(*arguments, stdin=stdin)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if says:
        assert says in done.stderr
        assert done.stdout == ""
    if code > 2:
        assert done.stderr.startswith("ctx: ")
        assert done.stderr.count("\n") == 1
    if code == 0:
        assert done.stderr == ""


def test_what_is_not_english_passes_through(ctx: Run) -> None:
    texts = ["यह हिंदी है।", "😀👍🏽🇮🇳", "1,87,500.25", "مرحبا بالعالم", "— * —", ""]
    assert ctx("translate", *texts).stdout.split("\n")[:-1] == texts


def test_a_hundred_thousand_characters_on_a_line_come_out_in_time(ctx: Run) -> None:
    started = time.monotonic()
    done = ctx("translate", stdin="The water is cold today, and the river is wide. " * 2084 + "\n")
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert is_hindi(done.stdout)
    assert ctx("translate", stdin="abcdefghij" * 10_000).returncode == 0
    assert time.monotonic() - started < 240


def test_a_broken_config_is_one_clear_sentence(ctx: Run, tmp_path: Path) -> None:
    shutil.copytree(find_model(None).path, tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text("{")
    done = ctx("translate", "-m", tmp_path / "m", "Hi")
    assert done.returncode == 5
    assert "config.json' is not JSON" in done.stderr
    assert done.stderr.count("\n") == 1


def test_debug_shows_the_traceback(ctx: Run) -> None:
    assert "Traceback" in ctx("--debug", "translate", "-m", "nowhere", "Hi").stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    lines = "\n".join(f"This is line number {number}." for number in range(3000))
    command = f'"{sys.executable}" -m indictrans_cli translate --beam-size 1 | head -n 1'
    done = subprocess.run(["bash", "-c", command], input=lines, capture_output=True, text=True, timeout=120)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_nothing_given_on_a_terminal_asks_for_sentences(tmp_path: Path) -> None:
    script = shutil.which("script")
    if script is None:
        pytest.fail("util-linux's script is needed to give a process a terminal")
    done = subprocess.run(
        [script, "-qec", f"{sys.executable} -m indictrans_cli translate", "/dev/null"],
        input=b"Good morning.\n\n", capture_output=True, timeout=60,
        env={**os.environ, "CTX_HOME": str(tmp_path), "TERM": "dumb"},
    )  # fmt: skip
    said = done.stdout.decode()
    assert "en → hi" in said
    assert is_hindi(said)
    assert (tmp_path / "history").exists()


def test_a_sentence_is_translated_alike_alone_and_among_others(translator: Translator) -> None:
    together = Translator().translate(
        ENGLISH * 3 + ["A much longer sentence that makes everything around it be padded."]
    )
    assert together[:10] == together[10:20] == together[20:30]
    assert [Translator().translate([text])[0] for text in ENGLISH] == together[:10]


def test_threads_may_share_a_translator(translator: Translator) -> None:
    expected = [Translator().translate([text])[0] for text in ENGLISH]
    shared = Translator()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: shared.translate([text])[0], ENGLISH * 8)) == expected * 8


@pytest.mark.parametrize(
    "shape",
    [
        {}, {"norm": "post", "final_norm": False, "positions": "marian", "activation": "silu", "output_bias": True},
        {"norm": "post", "final_norm": False, "positions": "learned", "activation": "gelu", "embedding_norm": True},
        {"positions": "learned", "embedding_norm": True, "scale_embedding": False, "tied_output": False},
    ],
)  # fmt: skip
def test_ctranslate2_finds_token_for_token_what_we_find(shape: dict[str, Any], toy_model: Path, tmp_path: Path) -> None:
    """Random weights in float32: what is compared is the arithmetic, not the Hindi."""
    import ctranslate2

    from indictrans_cli.engines.ctranslate2 import convert

    tokenizer = Tokenizer.load(toy_model / "tokenizer.model")
    model = random_model(vocab_size=tokenizer.vocab_size, d_model=64, n_heads=4, **shape)
    weights = transformer_weights(model)
    directory = save_model(tmp_path / "m", model.config, weights, tokenizer.model, "", src_lang="en", tgt_lang="hi")
    convert(directory, tmp_path / "ct2", "float32")
    engine = ctranslate2.Translator(str(tmp_path / "ct2"))
    ours = load_engine(directory, "torch", "cpu").translate(ENGLISH, SearchConfig(beam_size=1, max_length=20))
    pieces = tokenizer.pieces(ENGLISH)
    theirs = engine.translate_batch(
        pieces, beam_size=1, max_decoding_length=20, min_decoding_length=0, disable_unk=True, return_scores=True
    )
    assert [tokenizer.decode_pieces(result.hypotheses)[0] for result in theirs] == [each.text for each in ours]
    for sentence, each in zip(pieces, theirs, strict=True):  # their translations, scored by both
        said = each.hypotheses[0]
        scored = engine.score_batch([sentence], [said])[0].log_probs  # </s> included
        ids = [tokenizer.vocabulary().index(piece) for piece in said]
        src = torch.tensor([[*(tokenizer.vocabulary().index(piece) for piece in sentence), model.config.eos_id]])
        with torch.inference_mode():
            log_p = model.logits(model(src, torch.tensor([[model.config.bos_id, *ids]])))[0].log_softmax(-1)
        expected = log_p[range(len(ids) + 1), [*ids, model.config.eos_id]].tolist()
        assert scored == pytest.approx(expected, abs=1e-4)


def test_the_rules_of_a_search_hold_for_ctranslate2(toy_model: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer.load(toy_model / "tokenizer.model")
    model = random_model(vocab_size=tokenizer.vocab_size, d_model=64, output_bias=True)
    with torch.no_grad():
        model.output_bias[[tokenizer.pad_id, tokenizer.bos_id]] = 50.0  # what no translation contains is likeliest
    weights = transformer_weights(model)
    saved = save_model(tmp_path / "m", model.config, weights, tokenizer.model, "", src_lang="en", tgt_lang="hi")
    engine = load_engine(saved, "ctranslate2", "cpu")
    assert engine.translate(["The water is cold."], SearchConfig(max_length=6, min_length=5))[0].text
    with pytest.raises(OptionError, match="--engine torch"):
        engine.translate(["Hello"], SearchConfig(stop="proven"))


def test_a_derived_copy_is_made_once_and_follows_the_content(toy_model: Path, tmp_path: Path, own_cache: Path) -> None:
    shutil.copytree(toy_model, tmp_path / "m")
    first = derived_copy(find_model(str(tmp_path / "m")))
    assert first.is_relative_to(own_cache)
    made = (first / "model.bin").stat().st_mtime_ns
    assert derived_copy(find_model(str(toy_model))) == first
    assert (first / "model.bin").stat().st_mtime_ns == made
    weights = bytearray((tmp_path / "m" / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "m" / "model.safetensors").write_bytes(weights)
    assert derived_copy(find_model(str(tmp_path / "m"))) != first


def test_the_bundled_model_carries_its_copy_and_writes_nothing(ctx: Run, own_cache: Path) -> None:
    assert derived_copy(find_model(None)).is_relative_to(find_model(None).path)
    assert ctx("translate", "Good morning.").returncode == 0
    assert not own_cache.exists()


@pytest.mark.parametrize(("text", "expected"), [("", False), ("12.5 %", False), ("पानी", False), ("Hi", True), ("é", True), ("Aपानी पानी", False)])  # noqa: E501 # fmt: skip
def test_only_what_holds_latin_letters_is_translated(text: str, expected: bool) -> None:
    assert is_translatable(text) is expected


def test_a_model_that_says_line_breaks_still_gives_a_line_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Translator()
    monkeypatch.setattr(broken, "_engine", SimpleNamespace(translate=lambda texts, search: [Translation("ए\nब\u2028स", -1.0)] * len(texts)))  # noqa: E501 # fmt: skip
    assert broken.translate(["Hi.", "You go."]) == ["ए ब स", "ए ब स"]


def test_processes_that_derive_the_same_copy_at_once_all_translate(toy_model: Path, own_cache: Path) -> None:
    command = [sys.executable, "-m", "indictrans_cli", "translate", "-m", str(toy_model), "Hi"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(6)]
    assert [process.wait(timeout=60) for process in running] == [0] * 6
    for process in running:
        process.communicate()


def test_output_goes_through_links_and_into_devices(tmp_path: Path, ctx: Run) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    (tmp_path / "real.txt").write_text("old")
    assert ctx("translate", "Good morning.", "-o", tmp_path / "link.txt").returncode == 0
    assert (tmp_path / "link.txt").is_symlink()
    assert is_hindi((tmp_path / "real.txt").read_text(encoding="utf-8"))
    assert ctx("translate", "Good morning.", "-o", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("redirection", "code", "says"),
    [(">/dev/full", 4, "no space left on device"), (">&-", 0, ""), ("<&-", 0, "")],
)
def test_odd_standard_streams_are_one_clear_sentence_at_most(redirection: str, code: int, says: str) -> None:
    command = f'"{sys.executable}" -m indictrans_cli translate "Good morning." {redirection}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert done.stderr.count("\n") == (1 if says else 0)


@pytest.mark.parametrize(
    ("source", "translation", "expected"),
    [
        ("Hi.", "नमस्ते।", False),
        ("Hi.", "नमस्ते " * 10, True),
        ("x" * 300, "वह एक दिन घर आया और " * 5, True),
        ("no", "हाहाहाहाहाहाहाहा", True),
        ("x" * 300, "वह एक दिन घर आया और फिर वह एक दिन घर गया।", False),
    ],
)
def test_babble_is_seen(source: str, translation: str, expected: bool) -> None:
    assert babbles(source, translation) is expected


def test_a_translator_says_what_it_cannot_be() -> None:
    with pytest.raises(ModelError, match="nowhere"):
        Translator("nowhere")
    with pytest.raises(OptionError, match="beam-size"):
        Translator(beam_size=0)
    assert Translator().languages == ("en", "hi")
