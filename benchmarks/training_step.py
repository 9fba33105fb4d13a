#!/usr/bin/env python3
"""One training step against transformers' M2M100 of the same shape, and the share of the processor's peak it reaches.

    python benchmarks/training_step.py [--runs 7] [--batch 96] [--src-len 32] [--tgt-len 32]

A step is forward, label-smoothed loss, backward, clipping and AdamW, on batch * src_len + batch * tgt_len real tokens
(3,072 + 3,072 unless told), dropout 0.1. Ours is the step that `ctx train` takes, moving average included. Theirs is the
plain loop: their model, torch's cross-entropy and fused AdamW; in float32 and under autocast to bfloat16. Each lives in a
process of its own, as started by a user, and they take turns. The peak is the best rate of a large matrix product,
measured between the steps. Memory is what the whole process came to hold.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from indictrans_cli.config import ModelConfig, TrainConfig, preset
from indictrans_cli.device import choose_training_dtype
from indictrans_cli.interchange.layouts import config_to
from indictrans_cli.training.batches import Batch
from indictrans_cli.training.report import Report
from indictrans_cli.training.trainer import Trainer

CPU = torch.device("cpu")


def random_batch(config: ModelConfig, rows: int, src_len: int, tgt_len: int) -> Batch:
    """Random tokens without padding: every place is a real token."""
    src, labels = (torch.randint(4, config.vocab_size, (rows, length)) for length in (src_len, tgt_len))
    src[:, -1] = labels[:, -1] = config.eos_id
    tgt = torch.cat([torch.full((rows, 1), config.bos_id), labels[:, :-1]], dim=1)
    return Batch(src, tgt, labels, src.numel() + labels.numel(), labels.numel())


def ours(config: ModelConfig, batch: Batch, dtype: str) -> Callable[[], Any]:
    """The trainer's own step on this batch."""
    from types import SimpleNamespace

    data: Any = SimpleNamespace(train=_NoPairs(), valid=_NoPairs(), weights=[1.0], info={}, tokenizer=None)
    run = Path(tempfile.mkdtemp())
    trainer = Trainer(data, config, TrainConfig(max_steps=10**6, dtype=dtype), run, CPU, Report())
    trainer._model.train()
    return lambda: trainer._step([batch], 1e-4)


class _NoPairs:
    """Stands where a corpus does: the batch is given."""

    def __len__(self) -> int:
        return 1


def theirs(config: ModelConfig, batch: Batch, autocast: bool) -> Callable[[], Any]:
    """A plain training step of transformers' M2M100."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    values = config_to(config)
    model = M2M100ForConditionalGeneration(M2M100Config(**values)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-9, fused=True)
    mask = torch.ones_like(batch.src)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            logits = model(input_ids=batch.src, attention_mask=mask, decoder_input_ids=batch.tgt).logits
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), batch.labels.flatten(), label_smoothing=0.1
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


PRODUCT = 2 * 2048**3  # operations of a matrix product of 2,048 by 2,048: the processor's peak is measured with it


def product(config: ModelConfig, batch: Batch, dtype: torch.dtype) -> Callable[[], Any]:
    a, b = torch.randn(2, 2048, 2048).to(dtype).unbind(0)
    return lambda: torch.mm(a, b)


CONTESTANTS: dict[str, Callable[[ModelConfig, Batch], Callable[[], Any]]] = {
    "ours, float32": lambda config, batch: ours(config, batch, "float32"),
    "ours, bfloat16": lambda config, batch: ours(config, batch, "bfloat16"),
    "M2M100, float32": lambda config, batch: theirs(config, batch, autocast=False),
    "M2M100, autocast bfloat16": lambda config, batch: theirs(config, batch, autocast=True),
    "product, float32": lambda config, batch: product(config, batch, torch.float32),
    "product, bfloat16": lambda config, batch: product(config, batch, torch.bfloat16),
}


def contend(name: str, config: ModelConfig, batch: Batch, pipe: Any) -> None:
    """One contestant, in a process of its own: a step each time it is told to, and how long it took and weighs."""
    step = CONTESTANTS[name](config, batch)
    while pipe.recv():
        started = time.perf_counter()
        step()
        pipe.send((time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--src-len", type=int, default=32)
    parser.add_argument("--tgt-len", type=int, default=32)
    options = parser.parse_args()
    config = preset("small", vocab_size=8000)
    batch = random_batch(config, options.batch, options.src_len, options.tgt_len)
    pipes = {}
    for name in CONTESTANTS:
        pipes[name], other = multiprocessing.Pipe()
        multiprocessing.get_context("spawn").Process(
            target=contend, args=(name, config, batch, other), daemon=True
        ).start()
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    memory: dict[str, int] = {}
    for run in range(-2, options.runs):  # two steps of each are not measured
        for name, pipe in pipes.items():
            pipe.send(True)
            seconds, memory[name] = pipe.recv()
            if run >= 0:
                times[name].append(seconds)
    for pipe in pipes.values():
        pipe.send(False)
    flops = 3 * options.batch * config.flops(options.src_len, options.tgt_len)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    threads = torch.get_num_threads()
    print(f"{batch.tokens:,} tokens, {flops / 1e9:.0f} GFLOP a step, {threads} threads, median of {options.runs}")
    for name, median in medians.items():
        if name.startswith("product"):
            continue
        dtype = name.split()[-1]
        print(
            f"{name:26} {median * 1000:6.0f} ms  {batch.tokens / median:7,.0f} tokens/s  "
            f"{medians['M2M100, float32'] / median:5.2f} x M2M100 in float32  "
            f"{flops / median / (PRODUCT / min(times[f'product, {dtype}'])):4.0%} of the {dtype} peak  "
            f"{memory[name] / 2**20:5,.0f} MiB"
            + (
                f" ({config.training_bytes(batch.tokens, half=dtype != 'float32') / 2**20:,.0f} expected of the step)"
                if "ours" in name
                else ""
            )
        )
    ratio = medians["M2M100, float32"] / medians["ours, float32"]
    chosen = str(choose_training_dtype(CPU, "auto")).removeprefix("torch.")
    print(f"chosen by itself here: {chosen}")
    return int(ratio < 1.15 or (chosen != "float32" and medians["M2M100, float32"] / medians[f"ours, {chosen}"] < 2))


if __name__ == "__main__":
    sys.exit(main())
