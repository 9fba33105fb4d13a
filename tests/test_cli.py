"""The commands around translating: recipes, precedence, the model cache, the doctor, and generated docs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from indictrans_cli import __version__
from indictrans_cli.cli.console import parse_duration
from indictrans_cli.engines.choose import find_model
from indictrans_cli.errors import CtxError, OptionError
from tests.conftest import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_version_is_printed(ctx: Run) -> None:
    assert ctx("--version").stdout == f"ctx {__version__}\n"


def test_help_names_every_command(ctx: Run) -> None:
    text = ctx("--help").stdout
    for name in ("translate", "prepare", "train", "eval", "export", "models", "doctor"):
        assert name in text
        assert ctx(name, "--help").returncode == 0


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1.5h", 5400)])
def test_durations_are_written_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3s", "1d"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="not a duration"):
        parse_duration(text)


def recipe(tmp_path: Path, text: str) -> Path:
    (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
    return tmp_path / "recipe.toml"


def test_defaults_yield_to_a_recipe_that_to_variables_and_those_to_flags(
    toy_tsv: Path, tmp_path: Path, ctx: Run
) -> None:
    path = recipe(
        tmp_path,
        f"[prepare]\nsource = ['{toy_tsv}=2']\nout = '{tmp_path / 'data'}'\n"
        "vocab-size = 340\nmax_tokens = 50\nlimit = 900\nseed = 2",
    )
    done = ctx("prepare", "--recipe", path, "--limit", "800", CTX_MAX_TOKENS="60", CTX_SEED="3")
    assert done.returncode == 0, done.stderr
    info = json.loads((tmp_path / "data" / "data.json").read_text())
    assert info["settings"] == {
        "src_lang": "en", "tgt_lang": "hi", "vocab_size": 340, "valid_pairs": 1000, "max_tokens": 60, "limit": 800, "seed": 3
    }  # fmt: skip
    assert info["sources"][0] == {"name": str(toy_tsv), "weight": 2.0, "read": 800, "dropped": {}, "kept": 800}


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [("[prepare", 3, "is not TOML"), ("[prepare]\nvocab = 3", 2, "sets 'vocab' under [prepare]")],
)
def test_a_broken_recipe_is_one_clear_sentence(text: str, code: int, says: str, tmp_path: Path, ctx: Run) -> None:
    done = ctx("prepare", "--recipe", recipe(tmp_path, text))
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)
    assert says in done.stderr


def test_the_shipped_recipes_are_ones_that_prepare_and_train_understand(ctx: Run) -> None:
    """Without the corpus it is made for, the first source is what is missed, and no option."""
    for path in (ROOT / "recipes").glob("*.toml"):
        model = find_model(None).tokenizer_path
        done = ctx("prepare", "--recipe", path, "--exclude", "/dev/null", "--tokenizer", model, "nowhere.tsv")
        assert "cannot read 'nowhere.tsv'" in done.stderr
        done = ctx("train", "nowhere", "--recipe", path)
        assert "not a folder of prepared data" in done.stderr


def test_models_are_listed_located_and_removed(toy_model: Path, own_cache: Path, ctx: Run) -> None:
    shutil.copytree(toy_model, own_cache / "models" / "mine")
    assert ctx("translate", "-m", "mine", "Hi").returncode == 0
    assert len(list((own_cache / "derived").iterdir())) == 1
    listed = ctx("models", "list").stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["name", "en-hi", "mine"]
    assert ctx("models", "path", "mine").stdout.strip() == str(own_cache / "models" / "mine")
    assert ctx("models", "remove", "mine").returncode == 0
    assert list((own_cache / "models").iterdir()) == list((own_cache / "derived").iterdir()) == []


@pytest.mark.parametrize("name", ["nowhere", "", ".", "..", "../models", "a/b"])
def test_only_models_in_the_cache_can_be_removed(name: str, own_cache: Path, ctx: Run) -> None:
    (own_cache / "models").mkdir(parents=True)
    done = ctx("models", "remove", name)
    assert done.returncode == 5
    assert "no model named" in done.stderr
    assert (own_cache / "models").is_dir()


def test_the_doctor_tells_what_is_here(ctx: Run) -> None:
    done = ctx("doctor")
    assert done.returncode == 0, done.stderr
    for expected in (f"ctx {__version__}", "ctranslate2", "bundled model", "cache", "network       not needed"):
        assert expected in done.stdout


def test_the_cache_can_be_elsewhere_and_unwritable_places_are_said(tmp_path: Path, toy_model: Path, ctx: Run) -> None:
    (tmp_path / "file").write_text("")
    done = ctx("translate", "-m", toy_model, "Hi", CTX_HOME=str(tmp_path / "file" / "cache"))
    assert done.returncode == 4
    assert "cannot create the folder" in done.stderr


def test_the_generated_docs_are_those_of_the_code() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "docs", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_kind_of_error_has_an_exit_code_of_its_own() -> None:
    kinds = [CtxError, *CtxError.__subclasses__()]
    assert sorted(kind.exit_code for kind in kinds) == list(range(1, len(kinds) + 1))


def test_an_unforeseen_error_is_one_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from indictrans_cli import __main__
    from indictrans_cli.cli import app

    def fail() -> None:
        raise RuntimeError("a\nb")

    monkeypatch.setattr(app, "app", fail)
    monkeypatch.setattr(sys, "argv", ["ctx", "translate"])
    with pytest.raises(SystemExit, match="1"):
        __main__.main()
    said = capsys.readouterr().err
    assert "RuntimeError: a b" in said
    assert said.count("\n") == 1
