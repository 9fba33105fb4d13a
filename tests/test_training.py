"""Batches, schedule, optimizer step, and runs that are stopped and go on."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from indictrans_cli.config import ModelConfig, TrainConfig
from indictrans_cli.corpus.shards import PreparedData, TokenPairs, open_data
from indictrans_cli.errors import DataError, OptionError, OutputError
from indictrans_cli.model.transformer import Transformer
from indictrans_cli.model_directory import open_model
from indictrans_cli.paths import locked
from indictrans_cli.training import trainer as trainer_module
from indictrans_cli.training.batches import Batches, SubwordSampling, cut_by_tokens
from indictrans_cli.training.checkpoint import Progress, load_newest, load_snapshot, save_snapshot, snapshots
from indictrans_cli.training.report import LiveReport, Report, Status, duration
from indictrans_cli.training.schedule import learning_rate_factor
from indictrans_cli.training.trainer import Result, Trainer

CPU = torch.device("cpu")
STEPS = TrainConfig(
    batch_tokens=1000,
    max_steps=12,
    learning_rate=2e-3,
    warmup_steps=4,
    dtype="float32",
    valid_every=1e9,
    snapshot_every=1e9,
)


class Quiet(Report):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def shape(data: PreparedData) -> ModelConfig:
    return ModelConfig(data.tokenizer.vocab_size, d_model=32, n_heads=2, d_ff=64, encoder_layers=1, decoder_layers=1)


def run(data: Path, folder: Path, config: TrainConfig = STEPS, report: Report | None = None) -> Result:
    opened = open_data(data)
    return Trainer(opened, shape(opened), config, folder, CPU, report or Quiet()).train()


def pairs(count: int = 500) -> TokenPairs:
    random = np.random.default_rng(0)
    src, tgt = random.integers(1, 30, count), random.integers(1, 30, count)
    return TokenPairs(
        np.arange(src.sum(), dtype=np.uint16), np.concatenate([[0], src.cumsum()]),
        np.arange(tgt.sum(), dtype=np.uint16), np.concatenate([[0], tgt.cumsum()]),
        (np.arange(count) % 2).astype(np.uint8),
    )  # fmt: skip


def batches(weights: tuple[float, float] = (1.0, 1.0), seed: int = 1) -> Batches:
    return Batches(pairs(), weights, 300, pad_id=0, bos_id=2, seed=seed)


def test_an_epoch_shows_each_pair_as_often_as_its_weight_says() -> None:
    epoch = np.concatenate(batches((3.0, 0.5)).epoch(0))
    counts = np.bincount(epoch, minlength=500)
    assert (counts[::2] == 3).all()
    assert set(counts[1::2]) == {0, 1}
    assert counts[1::2].mean() == pytest.approx(0.5, abs=0.1)


def test_the_order_is_a_function_of_seed_and_epoch_alone() -> None:
    first, again = batches().epoch(3), batches().epoch(3)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    for other in (batches().epoch(4), batches(seed=2).epoch(3)):
        assert not np.array_equal(np.concatenate(first), np.concatenate(other))


def test_no_batch_exceeds_its_tokens_and_little_of_it_is_padding() -> None:
    each = [batches().batch(0, number) for number in range(len(batches().epoch(0)))]
    assert all(batch.src.numel() + batch.tgt.numel() <= 300 for batch in each)
    places = sum(batch.src.numel() + batch.tgt.numel() for batch in each)
    assert 1 - sum(batch.tokens for batch in each) / places < 0.15


def test_a_sentence_longer_than_a_batch_has_a_batch_of_its_own() -> None:
    lengths = np.array([5, 500, 5])
    assert cut_by_tokens(lengths, lengths, 100) == [slice(0, 1), slice(1, 2), slice(2, 3)]


def test_a_batch_holds_its_sentences_and_shifts_the_target_by_one() -> None:
    data, chosen = pairs(), np.array([4, 7])
    batch = batches().of(chosen)
    for row, index in enumerate(chosen):
        src = data.src_tokens[data.src_offsets[index] : data.src_offsets[index + 1]].tolist()
        tgt = data.tgt_tokens[data.tgt_offsets[index] : data.tgt_offsets[index + 1]].tolist()
        assert batch.src[row, : len(src)].tolist() == src
        assert batch.labels[row, : len(tgt)].tolist() == tgt
        assert batch.tgt[row, : len(tgt)].tolist() == [2, *tgt[:-1]]
        assert not batch.src[row, len(src) :].any()
        assert not batch.tgt[row, len(tgt) :].any()
        assert not batch.labels[row, len(tgt) :].any()


def test_subword_sampling_cuts_the_same_sentences_anew_and_a_batch_is_the_same_whenever_it_is_asked_for(
    toy_data: Path,
) -> None:
    opened = open_data(toy_data)
    tokenizer = opened.tokenizer
    special = {"pad_id": tokenizer.pad_id, "bos_id": tokenizer.bos_id}
    sampling = SubwordSampling(tokenizer, 0.2)
    plain = Batches(opened.train, opened.weights, 800, seed=1, **special)
    sampled = Batches(opened.train, opened.weights, 800, seed=1, sampling=sampling, **special)

    def texts(ids: torch.Tensor) -> list[str]:
        return tokenizer.decode(ids.tolist())

    def everything(batches: Batches, epoch: int) -> list[torch.Tensor]:
        return [batches.batch(epoch, number).src for number in range(len(batches.epoch(epoch)))]

    usual, first = everything(plain, 2), everything(sampled, 2)
    assert sorted(text for src in first for text in texts(src)) == sorted(text for src in usual for text in texts(src))
    other_epoch = everything(sampled, 3)
    assert sum(src.numel() for src in first) > sum(src.numel() for src in usual)
    assert all(map(torch.equal, first, everything(sampled, 2)))
    one, other = ({tuple(ids.tolist()) for src in batches for ids in src} for batches in (first, other_epoch))
    assert len(one & other) < len(one) / 2


def test_nothing_to_train_on_is_said() -> None:
    with pytest.raises(DataError, match="no pair to make batches of"):
        Batches(pairs(0), [1.0], 300, pad_id=0, bos_id=2, seed=1)


@pytest.mark.parametrize(
    ("schedule", "step", "done", "factor"),
    [
        ("cosine", 1, 0.0, 0.01),
        ("cosine", 50, 0.0, 0.5),
        ("cosine", 500, 0.5, 0.505),
        ("cosine", 900, 1.0, 0.01),
        ("inverse-sqrt", 50, 0.1, 0.5),
        ("inverse-sqrt", 100, 0.1, 1.0),
        ("inverse-sqrt", 400, 0.1, 0.5),
    ],
)
def test_learning_rates_are_those_worked_by_hand(schedule: str, step: int, done: float, factor: float) -> None:
    assert learning_rate_factor(schedule, step, done, warmup_steps=100) == pytest.approx(factor)


def test_accumulated_small_batches_give_the_gradient_of_one_large_batch(toy_data: Path, tmp_path: Path) -> None:
    data = open_data(toy_data)
    config = replace(STEPS, clip_norm=0.0)
    model = replace(shape(data), dropout=0.0)
    gradients = []
    for name, parts in (("one", 1), ("four", 4)):
        trainer = Trainer(data, model, config, tmp_path / name, CPU, Quiet())
        group = [trainer._batches.of(chosen) for chosen in np.array_split(np.arange(40), parts)]
        trainer._optimizer.step = lambda *_: None  # type: ignore[method-assign]
        trainer._optimizer.zero_grad = lambda *_: None  # type: ignore[method-assign]
        trainer._step(group, 1e-3)
        gradients.append({key: value.grad.clone() for key, value in trainer._weights.values.items()})
    for key, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][key], gradient, atol=1e-6, rtol=1e-4)


def test_the_average_is_the_exponential_moving_average(toy_data: Path, tmp_path: Path) -> None:
    data = open_data(toy_data)
    trainer = Trainer(data, shape(data), replace(STEPS, ema_decay=0.5), tmp_path, CPU, Quiet())
    weights, name = trainer._weights, "encoder_norm.weight"
    by_hand = weights.values[name].detach().clone()
    for step in range(1, 7):
        with torch.no_grad():
            weights.values[name] += step
        weights.update_average(step)
        decay = min(0.5, (1 + step) / (10 + step))
        by_hand = decay * by_hand + (1 - decay) * weights.values[name].detach()
    torch.testing.assert_close(weights.average[name], by_hand)


def test_bfloat16_weights_have_float32_masters(toy_data: Path, tmp_path: Path) -> None:
    data = open_data(toy_data)
    trainer = Trainer(data, shape(data), replace(STEPS, dtype="bfloat16"), tmp_path, CPU, Quiet())
    result = trainer.train()
    assert {value.dtype for value in trainer._model.state_dict().values()} == {torch.bfloat16}
    assert {value.dtype for value in trainer._weights.values.values()} == {torch.float32}
    for name, value in trainer._model.state_dict().items():
        torch.testing.assert_close(value, trainer._weights.values[name].detach().bfloat16())
    assert result.valid_loss < 6


def test_training_lowers_the_loss_and_writes_what_it_measured(toy_data: Path, tmp_path: Path) -> None:
    result = run(toy_data, tmp_path / "run", replace(STEPS, max_steps=150))
    assert result.finished
    assert result.progress.step == 150
    assert result.valid_loss < 3.0 < math.log(300)
    entries = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert entries == result.history
    assert entries[-1]["valid_loss"] == pytest.approx(result.valid_loss, abs=1e-4)
    assert entries[-1]["tokens"] == result.progress.tokens


class Killed(BaseException):
    """Stands for kill -9: nothing in the run gets to see it coming."""


def test_a_killed_run_resumes_to_the_same_weights(
    toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = run(toy_data, tmp_path / "unbroken")
    config, step = replace(STEPS, snapshot_every=0.0), Trainer._step
    for victim in (3, 5, 9):

        def dying(self: Trainer, *arguments: object, victim: int = victim) -> bool:
            if self._progress.step == victim:
                raise Killed
            return step(self, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Trainer, "_step", dying)
        with pytest.raises(Killed):
            run(toy_data, tmp_path / "killed", config)
    monkeypatch.setattr(Trainer, "_step", step)
    report = Quiet()
    resumed = run(toy_data, tmp_path / "killed", config, report)
    assert "resumed at step 9" in report.said
    assert resumed.progress.step == unbroken.progress.step
    for name, value in unbroken.weights.items():
        assert np.array_equal(value, resumed.weights[name]), name


def test_a_torn_snapshot_is_skipped_with_a_word(toy_data: Path, tmp_path: Path) -> None:
    run(toy_data, tmp_path, replace(STEPS, max_steps=4, snapshot_every=0.0))
    newest, older = snapshots(tmp_path)
    state = newest / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    report = Quiet()
    result = run(toy_data, tmp_path, replace(STEPS, max_steps=6), report)
    assert any(newest.name in text and "skipped" in text for text in report.said)
    assert f"resumed at step {int(older.name.removeprefix('step-'))}" in report.said
    assert result.progress.step == 6


def test_snapshots_are_whole_or_not_there(tmp_path: Path) -> None:
    save_snapshot(tmp_path, Progress(step=1), {"a": torch.ones(3)})
    save_snapshot(tmp_path, Progress(step=2, seconds=5.0), {"a": torch.ones(3) * 2})
    save_snapshot(tmp_path, Progress(step=3), {"a": torch.ones(3) * 3})
    assert [folder.name for folder in snapshots(tmp_path)] == ["step-00000003", "step-00000002"]
    loaded = load_snapshot(snapshots(tmp_path)[1])
    assert loaded is not None
    assert loaded[0] == Progress(step=2, seconds=5.0)
    assert torch.equal(loaded[1]["a"], torch.ones(3) * 2)
    (snapshots(tmp_path)[0] / "state.json").write_text("{")
    assert load_snapshot(snapshots(tmp_path)[0]) is None
    (tmp_path / "snapshots" / ".step-00000004.abc").mkdir()  # what kill -9 leaves of one being written
    newest = load_newest(tmp_path)
    assert newest is not None
    assert newest[0].step == 2
    assert newest[2] == ["step-00000003"]
    assert [folder.name for folder in (tmp_path / "snapshots").iterdir()] == ["step-00000002"]


def test_a_new_snapshot_is_kept_beside_older_ones_of_higher_number(tmp_path: Path) -> None:
    for number in (90, 91):
        (tmp_path / "snapshots" / f"step-{number:08d}").mkdir(parents=True)
    written = save_snapshot(tmp_path, Progress(step=2), {"a": torch.ones(3)})
    assert written in snapshots(tmp_path)


def test_a_run_folder_refuses_other_data_and_other_shapes(toy_data: Path, tmp_path: Path) -> None:
    run(toy_data, tmp_path, replace(STEPS, max_steps=1))
    data = open_data(toy_data)
    with pytest.raises(DataError, match="another shape"):
        Trainer(data, replace(shape(data), d_ff=32), STEPS, tmp_path, CPU, Quiet()).train()
    for change in ({"seed": 9}, {"batch_tokens": 500}, {"accumulate": 2}):
        with pytest.raises(DataError, match="has another"):
            run(toy_data, tmp_path, replace(STEPS, **change))


def test_a_finished_run_is_not_trained_or_measured_again(toy_data: Path, tmp_path: Path) -> None:
    first = run(toy_data, tmp_path)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    again = run(toy_data, tmp_path)
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
    assert again.valid_loss == pytest.approx(first.valid_loss, abs=1e-4)
    for name, value in first.weights.items():
        assert np.array_equal(value, again.weights[name])


def test_a_torn_line_of_metrics_does_not_keep_a_run_from_going_on(toy_data: Path, tmp_path: Path) -> None:
    run(toy_data, tmp_path, replace(STEPS, max_steps=2))
    with (tmp_path / "metrics.jsonl").open("a") as handle:
        handle.write('{"step": 3, "sec')
    run(toy_data, tmp_path, replace(STEPS, max_steps=4))
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


def test_a_run_is_held_by_one_process(toy_data: Path, tmp_path: Path) -> None:
    with locked(tmp_path, "a training run"), pytest.raises(OutputError, match="another process holds a training run"):
        run(toy_data, tmp_path)


def test_a_gradient_that_is_not_finite_is_skipped_and_said(toy_data: Path, tmp_path: Path) -> None:
    data = open_data(toy_data)
    report = Quiet()
    trainer = Trainer(data, shape(data), STEPS, tmp_path, CPU, report)
    before = {name: value.detach().clone() for name, value in trainer._weights.values.items()}
    loss = trainer._loss
    trainer._loss = lambda *tensors: tuple(value * math.nan for value in loss(*tensors))  # type: ignore[assignment,return-value]
    assert trainer._step([trainer._batches.of(np.arange(8))], 1e-3) is False
    assert any("not finite" in text for text in report.said)
    for name, value in trainer._weights.values.items():
        assert torch.equal(value, before[name])


def test_a_run_whose_gradients_are_never_finite_stops(
    toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "_step", lambda *_: False)
    with pytest.raises(trainer_module.CtxError, match="not been finite for 20 steps"):
        run(toy_data, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_run_with_a_snapshot(
    number: signal.Signals, toy_data: Path, tmp_path: Path, ctx: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    arguments = [
        "train",
        str(toy_data),
        "--max-time",
        "60s",
        "--run",
        str(tmp_path / "run"),
        "--out",
        str(tmp_path / "m"),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "indictrans_cli", *arguments], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    while "parameters" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(1.0)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in said
    assert len(snapshots(tmp_path / "run")) == 1
    assert not (tmp_path / "m").exists()
    done = ctx(*arguments[:2], "--max-steps", "1", *arguments[4:])
    assert "resumed at step" in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"max_steps": 0}, "needs an end"),
        ({"schedule": "linear"}, "linear"),
        ({"loss": "hinge"}, "hinge"),
        ({"batch_tokens": 1}, "batch-tokens"),
        ({"accumulate": 0}, "accumulate"),
        ({"learning_rate": -1.0}, "learning-rate"),
        ({"learning_rate": math.nan}, "learning-rate"),
        ({"label_smoothing": 5.0}, "label-smoothing"),
        ({"ema_decay": 1.5}, "ema-decay"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        replace(STEPS, **values)  # type: ignore[arg-type]


def test_the_live_display_shows_the_numbers_and_the_samples() -> None:
    from rich.console import Console

    report = LiveReport()
    report.validated(Status(step=1234, loss=4.5, valid_loss=4.25, samples=[("Water.", "पानी।", "जल।")]))
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(report._render())
    text = console.export_text()
    for expected in ("1,234", "4.500", "4.250", "Water.", "जल।"):
        assert expected in text


@pytest.mark.parametrize(("seconds", "text"), [(12, "12 s"), (600, "10 min"), (6000, "1 h 40 min"), (math.nan, "?")])
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_run_may_start_from_a_model_of_the_same_vocabulary(
    toy_data: Path, toy_model: Path, tmp_path: Path, ctx: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    common = [
        "train",
        toy_data,
        "--max-steps",
        "1",
        "--learning-rate",
        "1e-9",
        "--dtype",
        "float32",
        "--ema-decay",
        "0",
    ]
    done = ctx(*common, "--from", toy_model, "--run", tmp_path / "run", "--out", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    before, after = open_model(toy_model).weights(), open_model(tmp_path / "model").weights()
    for name, value in before.items():
        assert np.abs(after[name] - value).max() < 1e-6
    done = ctx("train", toy_data, "--from", "en-hi", "--max-steps", "1")
    assert done.returncode == 6
    assert "ctx prepare --tokenizer" in done.stderr


def divergence(one: torch.Tensor, other: torch.Tensor) -> float:
    """KL(one, other) of logits (..., vocab_size), a position."""
    p, q = one.log_softmax(-1), other.log_softmax(-1)
    return float((p.exp() * (p - q)).sum(-1).mean())


def test_r_drop_makes_two_passes_under_different_dropout_agree(toy_data: Path, tmp_path: Path) -> None:
    data = open_data(toy_data)
    apart = []
    for alpha in (0.0, 5.0):
        config = replace(STEPS, max_steps=80, r_drop=alpha)
        trainer = Trainer(data, replace(shape(data), dropout=0.3), config, tmp_path / str(alpha), CPU, Quiet())
        assert trainer.train().history[-1]["valid_loss"] < 5.0
        model, batch = trainer._model.train(), trainer._batches.of(np.arange(100))
        with torch.no_grad():
            apart.append(divergence(*(model.logits(model(batch.src, batch.tgt)) for _ in range(2))))
    assert apart[1] < 0.8 * apart[0]


def test_a_teachers_probabilities_are_learnt(toy_data: Path, tmp_path: Path) -> None:
    data = open_data(toy_data)
    torch.manual_seed(3)
    teacher = Transformer(shape(data))
    taught = replace(STEPS, max_steps=60, teacher_share=1.0, label_smoothing=0.0, ema_decay=0.0)
    student = Trainer(data, replace(shape(data), dropout=0.0), taught, tmp_path / "t", CPU, Quiet(), teacher=teacher)

    def apart() -> float:
        batch = student._batches.of(np.arange(20))
        with torch.no_grad():
            return divergence(*(model.logits(model(batch.src, batch.tgt)) for model in (teacher, student._model)))

    first = apart()
    student.train()
    assert apart() < first / 2


@pytest.mark.parametrize(
    "changes", [["activation=swiglu", "positions=rotary", "n_kv_heads=2"], ["norm=post", "positions=learned"]]
)
def test_a_shape_is_changed_piece_by_piece_and_its_model_translates(
    changes: list[str], toy_data: Path, tmp_path: Path, ctx: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    sets = [part for change in changes for part in ("--set", change)]
    done = ctx("train", toy_data, "--max-steps", "2", "--out", tmp_path / "m", "--dtype", "float32", *sets)
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "m" / "config.json").read_text())["architecture"]
    assert all(str(config[change.split("=")[0]]) == change.split("=")[1] for change in changes)
    translated = ctx("translate", "--model", tmp_path / "m", "The water is cold.")
    assert translated.returncode == 0, translated.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("depth=3", "'depth' is no part"),
        ("d_ff=many", "no value for d_ff"),
        ("pad_id=4", "no part"),
        ("dropout=0.3", "no part"),
        ("src_vocab_size=9", "no part"),
    ],
)
def test_a_change_that_cannot_be_is_named(
    change: str, says: str, toy_data: Path, ctx: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = ctx("train", toy_data, "--max-steps", "2", "--set", change)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_run_does_not_go_on_under_another_objective(toy_data: Path, tmp_path: Path) -> None:
    run(toy_data, tmp_path, replace(STEPS, max_steps=2))
    for change in ({"label_smoothing": 0.5}, {"r_drop": 5.0}, {"subword_sampling": 0.3}):
        with pytest.raises(DataError, match=r"has another (objective|subword sampling)"):
            run(toy_data, tmp_path, replace(STEPS, max_steps=4, **change))


def test_learned_positions_reach_to_the_longest_sentence_or_are_refused(toy_data: Path, tmp_path: Path) -> None:
    data = open_data(toy_data)
    longest = max(int(max(part.src_lengths.max(), part.tgt_lengths.max())) for part in (data.train, data.valid))
    learned = replace(shape(data), positions="learned", max_length=longest)
    trained = Trainer(
        data, learned, replace(STEPS, max_steps=3, subword_sampling=0.1), tmp_path / "a", CPU, Quiet()
    ).train()
    assert trained.finished
    with pytest.raises(
        DataError, match=f"the longest sentence has {longest} tokens, and the model learns {longest - 1}"
    ):
        Trainer(data, replace(learned, max_length=longest - 1), STEPS, tmp_path / "b", CPU, Quiet())


def test_a_run_that_died_before_its_first_snapshot_begins_its_history_anew(toy_data: Path, tmp_path: Path) -> None:
    dead = {"step": 1, "valid_loss": 9.0}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(dead) + "\n", encoding="utf-8")
    result = run(toy_data, tmp_path, replace(STEPS, max_steps=2))
    assert dead not in result.history
    assert json.dumps(dead) not in (tmp_path / "metrics.jsonl").read_text(encoding="utf-8")


def test_what_is_not_trained_is_kept_in_full_precision(toy_data: Path, tmp_path: Path) -> None:
    data = open_data(toy_data)
    start = Transformer(replace(shape(data), output_bias=True))
    start.output_bias.copy_(torch.randn(data.tokenizer.vocab_size))
    before = start.output_bias.clone().numpy()
    config = replace(STEPS, max_steps=1, dtype="bfloat16")
    result = Trainer(data, start.config, config, tmp_path, CPU, Quiet(), start=start).train()
    assert np.array_equal(result.weights["output_bias"], before)


def test_an_error_while_sentences_are_cut_anew_is_not_lost(toy_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_data(toy_data)

    def fail(*_: object) -> list[list[int]]:
        raise MemoryError

    monkeypatch.setattr(type(data.tokenizer), "resample", fail)
    with pytest.raises(MemoryError):
        SubwordSampling(data.tokenizer, 0.2).resample(data.train, np.arange(10), [1, 2])


def test_training_never_overwrites_what_is_no_model(
    toy_data: Path, tmp_path: Path, ctx: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    done = ctx("train", toy_data, "--max-steps", "1", "--out", tmp_path / "thesis")
    assert done.returncode == 4
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "mine"
    done = ctx("train", toy_data, "--max-steps", "1", "--out", tmp_path / "m", "--run", tmp_path / "m" / "run")
    assert done.returncode == 2
    assert "lies in the folder of the model" in done.stderr
    done = ctx("train", toy_data, "--max-steps", "1", "--storage", "int3")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
