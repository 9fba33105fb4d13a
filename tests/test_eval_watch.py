"""Watching a training run, and the history that evaluations leave."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from indictrans_cli.cli import eval_watch
from indictrans_cli.corpus.testsets import recorded_name
from indictrans_cli.evaluation.history import record

Run = Callable[..., subprocess.CompletedProcess[str]]
TRAIN = ["train", "--max-steps", "6", "--preset", "tiny", "--dropout", "0", "--batch-tokens", "400", "--device", "cpu", "--dtype", "float32"]  # noqa: E501 # fmt: skip


@pytest.fixture
def trained(toy_data: Path, tmp_path: Path, ctx: Run) -> tuple[Path, Path]:
    """A finished run and its model."""
    run, model = tmp_path / "run", tmp_path / "model"
    done = ctx(*TRAIN, toy_data, "--run", run, "--out", model)
    assert done.returncode == 0, done.stderr
    return run, model


def test_a_snapshot_scores_what_the_finished_model_scores(
    trained: tuple[Path, Path], toy_data: Path, own_cache: Path, ctx: Run
) -> None:
    run, model = trained
    done = ctx("eval", toy_data, "--watch", run, "--samples", "200", "--beam-size", "1", "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    watched = json.loads(line)
    assert watched["step"] == 6
    assert watched["run"] == str(run.resolve())
    assert not any((own_cache / "derived").glob("*"))  # a run's snapshots leave no copies behind
    options = ["--model", model, "--samples", "200", "--beam-size", "1", "--metrics", "bleu,chrf++"]
    whole = json.loads(ctx("eval", toy_data, *options, "--json").stdout)
    assert {name: round(values[0], 2) for name, values in watched["scores"].items()} == {
        score["name"]: score["value"] for score in whole["scores"]
    }
    assert watched["perplexity"] == pytest.approx(whole["perplexity"], abs=1e-3)


def test_a_run_is_watched_while_it_trains_and_until_it_ends(toy_data: Path, tmp_path: Path, ctx: Run) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "indictrans_cli", *TRAIN, "--max-steps", "0", "--max-time", "12s", "--snapshot-every", "3s", str(toy_data), "--run", str(run), "--out", str(tmp_path / "model")]  # noqa: E501 # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ}) as training:  # noqa: E501 # fmt: skip
        assert training.stderr is not None
        for line in training.stderr:  # until it says what it trains: the run is there then
            if "parameters" in line:
                break
        done = ctx("eval", toy_data, "--watch", run, "--samples", "100", "--beam-size", "1", "--metrics", "chrf++")
        said = training.stderr.read()
    assert done.returncode == 0, done.stderr
    steps = [int(line.split()[1].replace(",", "")) for line in done.stdout.splitlines()]
    assert steps and steps == sorted(set(steps)), done.stdout + done.stderr + said
    last = json.loads((sorted((run / "snapshots").iterdir())[-1] / "state.json").read_text())["step"]
    assert steps[-1] == last
    shown = ctx("eval", "--history", "--model", run)
    assert shown.returncode == 0, shown.stderr
    assert f"{last:,}" in shown.stdout
    page = tmp_path / "history.html"
    assert ctx("eval", "--history", "--model", run, "--report", page).returncode == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<circle") == len(steps)


def test_snapshots_that_come_while_it_watches_are_scored_in_their_order(
    trained: tuple[Path, Path], toy_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second and a third snapshot appear while the run sleeps, one of them damaged."""
    run, _ = trained
    first = run / "snapshots" / "step-00000006"

    def another(step: int) -> None:
        folder = run / "snapshots" / f"step-{step:08d}"
        shutil.copytree(first, folder)
        state = json.loads((folder / "state.json").read_text())
        (folder / "state.json").write_text(json.dumps({**state, "step": step}))

    def sleep(seconds: float) -> None:
        another(12)
        another(18)
        (run / "snapshots" / "step-00000018" / "state.safetensors").write_bytes(b"torn")

    asked = iter([True, False])
    monkeypatch.setattr("indictrans_cli.evaluation.snapshots.is_training", lambda folder: next(asked))
    monkeypatch.setattr("indictrans_cli.cli.eval_watch.time.sleep", sleep)
    settings = eval_watch.Settings(["chrf++"], "13a", 100, 1, 1, "cpu", as_json=True)
    eval_watch.watch_run(run, str(toy_data), [], settings)
    assert [json.loads(line)["step"] for line in capsys.readouterr().out.splitlines()] == [6, 12]


def test_a_run_on_other_data_is_refused(trained: tuple[Path, Path], ctx: Run) -> None:
    run, _ = trained
    done = ctx("eval", "--watch", run)
    assert done.returncode == 6
    assert "was trained with another vocabulary" in done.stderr.splitlines()[-1]


def test_a_run_without_a_snapshot_is_said(trained: tuple[Path, Path], toy_data: Path, ctx: Run) -> None:
    run, _ = trained
    for path in sorted((run / "snapshots").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    done = ctx("eval", toy_data, "--watch", run)
    assert done.returncode == 3
    assert "there is no snapshot in" in done.stderr.splitlines()[-1]


def test_history_shows_how_a_model_moved(toy_model: Path, toy_data: Path, own_cache: Path, ctx: Run) -> None:
    options = ["eval", toy_data, "--model", f"mine={toy_model}", "--samples", "100", "--metrics", "bleu,chrf++"]
    assert ctx(*options).returncode == 0
    assert ctx(*options, "--beam-size", "1").returncode == 0
    entries = json.loads(ctx("eval", "--history", "--json").stdout)["history"]
    assert [entry["model"] for entry in entries] == ["mine", "mine"]
    first, second = (entry["scores"]["chrF2++"][0] for entry in entries)
    shown = ctx("eval", "--history", "--model", "mine").stdout
    assert f"({second - first:+.2f})" in shown
    assert ctx("eval", "--history", "--model", "other").returncode == 3
    (own_cache / "evaluations.jsonl").open("a").write('{"schema": 1}\n[]\n{"torn')
    assert len(json.loads(ctx("eval", "--history", "--json").stdout)["history"]) == 2


def test_a_line_torn_within_a_character_costs_no_other_line(
    toy_model: Path, own_cache: Path, tmp_path: Path, ctx: Run
) -> None:
    """And what names a model and a test set when they are scored names them in the history."""
    news = tmp_path / "news.tsv"
    news.write_text("It is cold.\tठंड है।\nIt is hot.\tगर्मी है।\n", encoding="utf-8")
    options = ["eval", "--test", news, "--model", f"mine={toy_model}", "--samples", "100", "--metrics", "chrf++"]
    done = ctx(*options)
    assert done.returncode == 0, done.stderr
    path = own_cache / "evaluations.jsonl"
    whole = json.loads(path.read_text(encoding="utf-8"))
    with path.open("ab") as handle:
        handle.write('{"model": "क'.encode()[:-1])
    record([{**whole, "step": 2, "model": "h\udcff"}])
    asked = json.loads(ctx("eval", "--history", "--test", news, "--json").stdout)["history"]
    assert [entry["step"] for entry in asked] == [None, 2]
    asked = json.loads(ctx("eval", "--history", "--model", f"mine={toy_model}", "--json").stdout)["history"]
    assert [entry["step"] for entry in asked] == [None]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("in22", "in22:gen"),
        ("flores200:dev@0123abc", "flores200:dev"),
        ("some/news.tsv.gz", "news"),
        ("some/news.en", "news"),
        ("some/news", "news"),
    ],
)
def test_a_test_set_is_asked_for_by_what_names_it(text: str, name: str) -> None:
    assert recorded_name(text) == name


def test_comet_is_not_dropped_without_a_word(tmp_path: Path, ctx: Run) -> None:
    done = ctx("eval", "--watch", tmp_path, "--metrics", "chrf++,comet")
    assert done.returncode == 2
    assert "--watch does not measure COMET" in done.stderr
