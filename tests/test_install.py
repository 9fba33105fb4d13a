"""The three roads to an installed `ctx`, each on a bare environment: pipx, the light road, and scripts/try."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

#: what the light road installs, as README.md says
LIGHT = ["ctranslate2", "sentencepiece", "typer", "platformdirs"]


def offline() -> list[str]:
    """A prefix that takes the network away from a command, where the system lets a user do that."""
    prefix = ["unshare", "-rn"]
    allowed = shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    return prefix if allowed else []


def bare(command: list[str | Path], home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run with an empty home, no settings, and no network."""
    home.mkdir(exist_ok=True)
    clean = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **env}
    return subprocess.run([*offline(), *map(str, command)], capture_output=True, text=True, env=clean, timeout=120)


def pip(python: Path, *arguments: str | Path) -> None:
    subprocess.run([python, "-m", "pip", "install", "--quiet", *map(str, arguments)], check=True, timeout=600)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(out), str(ROOT)]
    subprocess.run(command, check=True, timeout=300)
    return next(out.glob("indictrans_cli-*.whl"))


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Iterator[Path]:
    """The bin folder of an environment with the wheel and the four packages that translating needs."""
    folder = tmp_path_factory.mktemp("light")
    venv.create(folder, with_pip=True)
    pip(folder / "bin" / "python", *LIGHT)
    pip(folder / "bin" / "python", "--no-deps", wheel)
    yield folder / "bin"
    shutil.rmtree(folder)


def test_the_wheel_holds_model_and_sample_in_25_megabytes(wheel: Path) -> None:
    assert wheel.stat().st_size <= 25e6
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "en-hi/model.safetensors",
        "en-hi/MODEL_CARD.md",
        "en-hi/ctranslate2/model.bin",
        "sample/pairs.tsv.xz",
    ):
        assert f"indictrans_cli/assets/{name}" in names
    assert "indictrans_cli/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "docs/", "corpus/"))]


def test_the_light_road_translates_without_torch_and_without_network(light: Path, tmp_path: Path) -> None:
    done = bare([light / "ctx", "translate", "Hello, how are you?"], tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert any("\u0900" <= char <= "\u097f" for char in done.stdout)
    for package in ("torch", "transformers", "datasets"):
        assert bare([light / "python", "-c", f"import {package}"], tmp_path / "home").returncode != 0


@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (["train"], "torch"),
        (["export"], "torch"),
        (["eval", "--hyp", "text", "--ref", "text"], "sacrebleu"),
        (["prepare", "samanantar:hi"], "datasets"),
        (["translate", "--engine", "torch", "Hi"], "torch"),
    ],
)
def test_on_the_light_road_other_commands_say_what_to_install(
    arguments: list[str], package: str, light: Path, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("पानी\n", encoding="utf-8")
    words = [str(tmp_path / "text") if word == "text" else word for word in arguments]
    done = bare([light / "ctx", *words], tmp_path / "home")
    assert done.returncode == 7, done.stderr
    assert f"pip install {package}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_on_the_light_road_the_doctor_lists_what_is_missing(light: Path, tmp_path: Path) -> None:
    done = bare([light / "ctx", "doctor"], tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "torch            missing    needed for training" in done.stdout


def test_on_the_light_road_a_model_of_ones_own_is_translated_with(light: Path, toy_model: Path, tmp_path: Path) -> None:
    done = bare(
        [light / "ctx", "translate", "-m", toy_model, "Hi"], tmp_path / "home", CTX_HOME=str(tmp_path / "cache")
    )
    assert done.returncode == 0, done.stderr


def test_the_first_command_of_the_readme_translates(tmp_path: Path) -> None:
    """scripts/try on a copy of the repository, as a newcomer runs it."""
    copy = tmp_path / "indictrans-cli"
    ignored = shutil.ignore_patterns(".git", ".venv*", "corpus", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, copy, ignore=ignored)
    done = subprocess.run([copy / "scripts" / "try", "Good morning."], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert any("\u0900" <= char <= "\u097f" for char in done.stdout)


def test_pipx_installs_a_ctx_that_translates_and_trains_offline(tmp_path: Path) -> None:
    env = {**os.environ, "PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    command = [sys.executable, "-m", "pipx", "install", "--quiet", str(ROOT)]
    subprocess.run(command, check=True, env=env, timeout=900)
    home = tmp_path / "home"
    done = bare([tmp_path / "bin" / "ctx", "translate", "Hello, how are you?"], home)
    assert done.returncode == 0, done.stderr
    assert any("\u0900" <= char <= "\u097f" for char in done.stdout)
    done = bare([tmp_path / "bin" / "ctx", "train", "--max-steps", "2", "--name", "two"], home)
    assert done.returncode == 0, done.stderr
    assert bare([tmp_path / "bin" / "ctx", "translate", "-m", "two", "Hi"], home).returncode == 0
    shutil.rmtree(tmp_path / "pipx")
