"""The training loop: batches in, a model directory out; stopped at any moment, it goes on where it was.

One optimizer step: the gradients of `accumulate` micro-batches, each divided by the target tokens of all of them (so
that k small batches equal one large one), clipped, AdamW on float32 master weights, and a moving average of those.
"""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..config import ModelConfig, SearchConfig, TrainConfig
from ..corpus.shards import PreparedData, TokenPairs
from ..decoding.beam import beam_search
from ..device import choose_training_dtype, keep_freed_memory
from ..errors import CtxError, DataError
from ..model.loss import Objective, Output, choose_loss
from ..model.transformer import Transformer
from ..paths import atomic_file, ensure_dir, locked
from .batches import Batch, Batches, SubwordSampling
from .checkpoint import Progress, load_newest, random_state, restore_random_state, save_snapshot
from .report import History, Report, Status
from .schedule import learning_rate_factor
from .weights import MasterWeights

if TYPE_CHECKING:
    from ..model_directory import Weights

SAMPLES = 3  # translations shown while training
BAD_STEPS = 20  # steps in a row without a finite gradient before a run gives up


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    finished: bool  # false: interrupted; the same command goes on
    progress: Progress
    valid_loss: float  # nats a target token
    weights: Weights  # the averaged weights, float32
    history: list[dict[str, Any]]  # one entry a validation


class Trainer:
    """One run, in the folder `run`. A run that exists there and has the same settings is resumed."""

    def __init__(
        self,
        data: PreparedData,
        model_config: ModelConfig,
        config: TrainConfig,
        run: Path,
        device: torch.device,
        report: Report,
        start: Transformer | None = None,
        start_hash: str = "",
        teacher: Transformer | None = None,
        teacher_hash: str = "",
    ) -> None:
        """`start` is a model to go on from, in float32, instead of random weights; it is trained itself.

        `start_hash` is its content hash: a run that started from another is not resumed. `teacher` is a model of the same
        vocabulary whose probabilities are learnt too (`config.teacher_share`), `teacher_hash` its content hash.
        """
        self._data, self._config, self._run, self._device, self._report = data, config, ensure_dir(run), device, report
        _check_lengths(data, [model_config if start is None else start.config, *([teacher.config] if teacher else [])])
        if device.type == "cpu":
            keep_freed_memory()
        torch.manual_seed(config.seed)
        self._dtype = choose_training_dtype(device, config.dtype)
        self._model = (start or Transformer(model_config)).to(device)
        self._buffers = {name: value.clone() for name, value in self._model.named_buffers()}  # not trained, not rounded
        self._weights = MasterWeights(self._model, self._dtype, config.ema_decay)
        self._weights.publish()
        self._teacher = None if teacher is None else teacher.to(device, self._dtype).eval().requires_grad_(False)
        objective = Objective(
            config.label_smoothing, config.teacher_share if teacher else 0.0, config.z_loss, config.r_drop
        )
        self._loss = choose_loss(config.loss, objective, device)
        self._valid_loss = choose_loss(config.loss, Objective(), device)
        self._optimizer = _adamw(self._weights.values, config)
        self._batches = self._make_batches(data.train, data.weights)
        self._valid_batches = self._make_batches(data.valid, data.weights)
        self._progress = Progress()
        self._status = Status()
        self._history = History(self._run / "metrics.jsonl")
        self._stop_signal = 0
        self._origin, self._teacher_hash = start_hash, teacher_hash

    def describe(self) -> str:
        """One line on what is trained, on what."""
        config, train = self._model.config, self._data.info["train"]
        dtype = str(self._dtype).removeprefix("torch.")
        return (
            f"{config.parameter_count():,} parameters in {dtype} on {self._device}; {train['pairs']:,} pairs; "
            f"{len(self._batches.epoch(0)):,} batches an epoch of up to {self._config.batch_tokens:,} tokens"
        )

    def train(self) -> Result:
        """Train until a limit is reached or a signal comes; snapshots on the way and at the end."""
        with locked(self._run, "a training run"), self._report, self._catch_signals():
            self._check_settings()
            self._resume()
            self._report.say(self.describe())
            if self._done() < 1.0:
                self._loop()
        finished = not self._stop_signal
        return Result(
            finished, self._progress, self._status.valid_loss, self._averaged_weights(), self._history.entries
        )

    def _loop(self) -> None:
        progress, config = self._progress, self._config
        origin = time.monotonic() - progress.seconds  # when this run would have begun, without interruptions
        last_valid = last_snapshot = time.monotonic()
        bad_steps = 0
        self._show_samples()
        self._model.train()
        for group in self._groups():
            done = self._done()
            if done >= 1.0 or self._stop_signal:
                break
            factor = learning_rate_factor(config.schedule, progress.step + 1, done, config.warmup_steps)
            good = self._step(group, config.learning_rate * factor)
            progress.batch += len(group)  # here, so that a snapshot of this step goes on with the next batch
            bad_steps = 0 if good else bad_steps + 1
            if bad_steps == BAD_STEPS:
                raise CtxError(
                    f"the gradient has not been finite for {BAD_STEPS} steps (step {progress.step}); "
                    f"lower --learning-rate, or go on with --dtype float32"
                )
            now = time.monotonic()
            progress.seconds = now - origin
            self._status.done, self._status.seconds_left = self._done(), self._seconds_left()
            self._report.update(self._status)
            if now - last_valid >= config.valid_every:
                self._validate()
                last_valid = time.monotonic()
            if now - last_snapshot >= config.snapshot_every:
                self._save_snapshot()
                last_snapshot = time.monotonic()
        self._validate()
        progress.seconds = time.monotonic() - origin
        self._save_snapshot()

    def _groups(self) -> Iterator[list[Batch]]:
        """Micro-batches for one step at a time, epoch after epoch, from where the run is."""
        progress = self._progress
        while True:
            plan = self._batches.epoch(progress.epoch)
            while progress.batch < len(plan):
                numbers = range(progress.batch, min(progress.batch + self._config.accumulate, len(plan)))
                yield [self._batches.batch(progress.epoch, number) for number in numbers]
            progress.epoch, progress.batch = progress.epoch + 1, 0

    def _step(self, group: list[Batch], rate: float) -> bool:
        """One optimizer step; false where the gradient is not finite, and the weights stay as they were."""
        started = time.monotonic()
        label_tokens = sum(batch.label_tokens for batch in group)
        nll = torch.zeros((), device=self._device)
        for batch in group:
            loss, batch_nll = self._batch_loss(batch)
            (loss / label_tokens).backward()
            self._weights.collect_gradients()
            nll += batch_nll
        norm = torch.nn.utils.clip_grad_norm_(list(self._weights.values.values()), self._config.clip_norm or math.inf)
        good = bool(torch.isfinite(norm))
        if good:
            for parameters in self._optimizer.param_groups:
                parameters["lr"] = rate
            self._optimizer.step()
            self._weights.publish()
            self._progress.step += 1
            self._weights.update_average(self._progress.step)
        else:
            self._report.say(f"step {self._progress.step + 1}: the gradient is not finite; these pairs are skipped")
        self._optimizer.zero_grad()
        tokens = sum(batch.tokens for batch in group)
        self._progress.tokens += tokens
        self._note(
            float(nll) / label_tokens,
            tokens / (time.monotonic() - started),
            sum(batch.padding for batch in group) / len(group),
            rate,
        )
        return good

    def _batch_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The summed loss and the summed negative log-likelihood of a batch, to learn from."""
        passes = 2 if self._config.r_drop else 1  # R-Drop: every pair twice, under different dropout
        output, right = self._say(self._model, batch, passes)
        teacher = None
        if self._teacher is not None:
            with torch.no_grad():
                teacher, _ = self._say(self._teacher, batch)
            teacher = teacher._replace(hidden=teacher.hidden.repeat(passes, 1))
        loss, nll = self._loss(output, right, teacher)
        return loss, nll / passes

    def _say(self, model: Transformer, batch: Batch, passes: int = 1) -> tuple[Output, Tensor]:
        """What a model says at the real target positions of a batch, and what is right there; the batch so many times."""
        src, tgt, labels = (
            tensor.to(self._device, non_blocking=True).repeat(passes, 1)
            for tensor in (batch.src, batch.tgt, batch.labels)
        )
        real = labels != model.config.pad_id
        return model.output(model(src, tgt)[real]), labels[real]

    def _validate(self) -> None:
        """The loss on the held-out pairs, and sample translations, with the averaged weights."""
        self._model.eval()
        nll, tokens = 0.0, 0
        with self._weights.averaged(), torch.no_grad():
            for batch in self._valid_batches.in_order():
                nll += float(self._valid_loss(*self._say(self._model, batch))[1])
                tokens += batch.label_tokens
            self._show_samples()
        self._model.train()
        loss = nll / max(1, tokens)
        self._status.valid_loss = loss
        entry = {
            "step": self._progress.step,
            "seconds": round(self._progress.seconds, 1),
            "tokens": self._progress.tokens,
            "loss": round(self._status.loss, 4),
            "valid_loss": round(loss, 4),
            "learning_rate": self._status.learning_rate,
            "tokens_per_second": round(self._status.tokens_per_second),
            "padding": round(self._status.padding, 4),
        }
        self._history.append(entry)
        self._report.validated(self._status)

    def _show_samples(self) -> None:
        """Translate a few held-out sentences greedily, into the status."""
        pairs = [pair for pair in self._data.valid_text() if 4 <= len(pair[0].split()) <= 12][:SAMPLES]
        if not pairs:
            return
        was_training = self._model.training
        self._model.eval()
        tokenizer, pad = self._data.tokenizer, self._model.config.pad_id
        rows = [[*ids, tokenizer.eos_id] for ids in tokenizer.encode([src for src, _ in pairs])]
        longest = max(map(len, rows))
        src = torch.tensor([row + [pad] * (longest - len(row)) for row in rows], device=self._device)
        hypotheses = beam_search(
            self._model, src, SearchConfig(beam_size=1, max_length=min(2 * longest, self._model.config.max_length))
        )
        texts = tokenizer.decode([best[0].tokens for best in hypotheses])
        self._status.samples = [(src, tgt, text) for (src, tgt), text in zip(pairs, texts, strict=True)]
        self._model.train(was_training)

    def _note(self, nll: float, speed: float, padding: float, rate: float) -> None:
        """Smooth the numbers of a step into the status."""
        status, keep = self._status, min(0.98, 1 - 1 / (self._progress.step + 1))
        if not math.isfinite(status.loss) or not math.isfinite(nll):
            keep = 0.0
        for name, value in (("loss", nll), ("tokens_per_second", speed), ("padding", padding)):
            setattr(status, name, keep * getattr(status, name) + (1 - keep) * value if keep else value)
        status.step, status.epoch, status.learning_rate = self._progress.step, self._progress.epoch, rate
        self._status = replace(status)

    def _done(self) -> float:
        """The share of the run that is over, by the limit that is nearer."""
        config, progress = self._config, self._progress
        by_steps = progress.step / config.max_steps if config.max_steps else 0.0
        by_time = progress.seconds / config.max_time if config.max_time else 0.0
        return min(1.0, max(by_steps, by_time))

    def _seconds_left(self) -> float:
        done = self._done()
        return self._progress.seconds * (1 - done) / done if done > 0 else math.nan

    def _make_batches(self, pairs: TokenPairs, weights: list[float]) -> Batches:
        config, model = self._config, self._model.config
        alpha = config.subword_sampling
        limit = model.max_length if model.positions == "learned" else None
        sampling = SubwordSampling(self._data.tokenizer, alpha, limit) if alpha else None
        return Batches(
            pairs,
            weights,
            config.batch_tokens,
            pad_id=model.pad_id,
            bos_id=model.bos_id,
            seed=config.seed,
            sampling=sampling,
        )

    def _check_settings(self) -> None:
        """A run goes on only as what it was; DataError naming what is different.

        Limits, intervals and the learning rate may change: the order of the batches does not depend on them.
        """
        config = self._config
        settings = {
            "data": self._data.info["files"],
            "shape": asdict(self._model.config),
            "model it started from": self._origin,
            "seed": config.seed,
            "batch size": [config.batch_tokens, config.accumulate],
            "subword sampling": config.subword_sampling,
            "moving average": bool(config.ema_decay),
            "objective": [
                config.label_smoothing,
                config.z_loss,
                config.r_drop,
                config.teacher_share,
                self._teacher_hash,
            ],
        }
        path = self._run / "run.json"
        if path.is_file():
            try:
                old = json.loads(path.read_text(encoding="utf-8"))
                changed = [name for name, value in settings.items() if old[name] != value]
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"'{path}' is damaged ({error}); remove the folder to start anew") from error
            if changed:
                raise DataError(
                    f"the run in '{self._run}' has another {changed[0]}; remove it to start anew, or name another place "
                    f"with --run"
                )
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    def _save_snapshot(self) -> None:
        tensors = {f"weights.{name}": value for name, value in self._weights.values.items()}
        if self._config.ema_decay:
            tensors |= {f"average.{name}": value for name, value in self._weights.average.items()}
        for name, value in self._weights.values.items():
            tensors |= {f"{key}.{name}": tensor for key, tensor in self._optimizer.state.get(value, {}).items()}
        save_snapshot(self._run, self._progress, tensors | random_state(self._device))

    def _resume(self) -> None:
        """Go on from the newest snapshot that is whole."""
        newest = load_newest(self._run)
        if newest is None:
            self._history.resume(-1)  # a run that died before its first snapshot begins anew
            return
        self._progress, tensors, damaged = newest
        for name in damaged:
            self._report.say(f"the snapshot '{name}' is damaged and is skipped")
        with torch.no_grad():
            for name, value in self._weights.values.items():
                value.copy_(tensors[f"weights.{name}"])
                if self._config.ema_decay:
                    self._weights.average[name].copy_(tensors[f"average.{name}"])
                if f"exp_avg.{name}" in tensors:
                    self._optimizer.state[value] = {
                        key: tensors[f"{key}.{name}"].to(self._device) for key in ("step", "exp_avg", "exp_avg_sq")
                    }
        self._weights.publish()
        restore_random_state(tensors, self._device)
        self._history.resume(self._progress.step)
        self._status.step, self._status.epoch = self._progress.step, self._progress.epoch
        if self._history.entries:
            self._status.valid_loss = self._history.entries[-1]["valid_loss"]
        self._report.say(f"resumed at step {self._progress.step:,}")

    def _averaged_weights(self) -> Weights:
        values = self._buffers | self._weights.average
        return {name: value.detach().float().cpu().numpy().astype(np.float32) for name, value in values.items()}

    @contextmanager
    def _catch_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the loop after the step that is running; a second one is obeyed at once."""

        def note(number: int, frame: FrameType | None) -> None:
            if self._stop_signal:
                raise KeyboardInterrupt
            self._stop_signal = number
            self._report.say("stopping after this step; the snapshot is kept")

        try:
            before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not the main thread: signals are someone else's
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _check_lengths(data: PreparedData, configs: list[ModelConfig]) -> None:
    """DataError where learned positions do not reach to the end of the longest sentence."""
    for config in configs:
        if config.positions != "learned":
            continue
        longest = max(int(max(part.src_lengths.max(), part.tgt_lengths.max())) for part in (data.train, data.valid))
        if longest > config.max_length:
            raise DataError(
                f"the longest sentence has {longest} tokens, and the model learns {config.max_length} positions; use "
                f"--set max_length={longest}, or prepare the data with --max-tokens {config.max_length}"
            )


def _adamw(values: dict[str, Tensor], config: TrainConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) with the Transformer's betas; norms and biases do not decay."""
    decayed = [value for value in values.values() if value.ndim > 1]
    others = [value for value in values.values() if value.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=config.learning_rate,
        betas=(0.9, 0.98),
        eps=1e-9,
        fused=True,
    )
