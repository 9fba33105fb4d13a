#!/usr/bin/env python3
"""Our searches against transformers' `generate`: the same model, the same sentences, the same translations.

    python benchmarks/decoding.py [--runs 5] [--batch 64] [--memory]

The bundled model in float32, in our TorchEngine's search and in transformers' M2M100 with the same weights, on sentences
of our held-out corpus of about 15 tokens, `batch` of them at a time: greedy and with a beam of 4, in turns. Then (--memory)
10,000 sentences through our search, and what the process holds after every thousand.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from indictrans_cli.config import SearchConfig
from indictrans_cli.decoding.beam import beam_search
from indictrans_cli.engines.choose import find_model
from indictrans_cli.interchange.layouts import config_to, weights_to
from indictrans_cli.model.load import load_transformer

HELD_OUT = Path(__file__).parents[1] / "corpus" / "heldout.tsv"
LONGEST = 64  # tokens of a translation


def sources(count: int) -> torch.Tensor:
    """Token ids (count, src_len) of sentences of 13 to 17 tokens, padded; repeated where there are fewer."""
    tokenizer = find_model(None).tokenizer()
    lines = HELD_OUT.read_text(encoding="utf-8").splitlines()
    ids = [[*each, tokenizer.eos_id] for each in tokenizer.encode([line.split("\t")[0] for line in lines])]
    fitting = [torch.tensor(each) for each in ids if 13 <= len(each) <= 17]
    chosen = (fitting * (count // len(fitting) + 1))[:count]
    return torch.nn.utils.rnn.pad_sequence(chosen, batch_first=True, padding_value=tokenizer.pad_id)


def theirs() -> Any:
    """transformers' M2M100 with the bundled model's weights."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    directory = find_model(None)
    model = M2M100ForConditionalGeneration(M2M100Config(**config_to(directory.config))).eval()
    renamed = weights_to(directory.weights(), directory.config)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in renamed.items()}, strict=False)
    model.tie_weights()
    return model


def searches(beam: int, src: torch.Tensor) -> tuple[Callable[[], list[list[int]]], Callable[[], list[list[int]]]]:
    """Ours and theirs: translations as token ids."""
    from transformers import GenerationConfig

    model, other = load_transformer(find_model(None)), theirs()
    config = model.config
    generation = GenerationConfig(
        num_beams=beam, max_length=LONGEST + 1, length_penalty=1.0, early_stopping=False, do_sample=False,
        pad_token_id=config.pad_id, bos_token_id=config.bos_id, eos_token_id=config.eos_id,
        decoder_start_token_id=config.bos_id, suppress_tokens=config.unsayable_ids,
    )  # fmt: skip

    def ours() -> list[list[int]]:
        found = beam_search(model, src, SearchConfig(beam_size=beam, max_length=LONGEST))
        return [hypotheses[0].tokens for hypotheses in found]

    def generate() -> list[list[int]]:
        with torch.inference_mode():
            rows = other.generate(
                input_ids=src, attention_mask=(src != config.pad_id).long(), generation_config=generation
            )
        return [[token for token in row if token not in config.special_ids] for row in rows.tolist()]

    return ours, generate


def memory() -> None:
    """What 10,000 sentences leave behind."""
    model, src = load_transformer(find_model(None)), sources(10_000)
    for start in range(0, len(src), 64):
        beam_search(model, src[start : start + 64], SearchConfig(max_length=LONGEST))
        if (start // 64) % 16 == 15:
            held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{start + 64:6,} sentences: {held:.0f} MiB at most")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--memory", action="store_true", help="10,000 sentences instead")
    options = parser.parse_args()
    if options.memory:
        memory()
        return 0
    src = sources(options.batch)
    differ = 0
    for beam in (1, 4):
        ours, generate = searches(beam, src)
        expected, found = generate(), ours()
        differ += sum(one != other for one, other in zip(found, expected, strict=True))
        times: dict[str, list[float]] = {"ours": [], "transformers": []}
        for _ in range(options.runs):
            for name, search in (("ours", ours), ("transformers", generate)):
                started = time.perf_counter()
                search()
                times[name].append(time.perf_counter() - started)
        seconds = {name: statistics.median(each) for name, each in times.items()}
        mean = sum(map(len, found)) / len(found)
        real = int((src != 0).sum()) / len(src)
        print(
            f"beam {beam}, batch {len(src)}, {real:.1f} -> {mean:.1f} tokens: ours {seconds['ours'] * 1000:.0f} ms, "
            f"transformers {seconds['transformers'] * 1000:.0f} ms: {seconds['transformers'] / seconds['ours']:.2f} x; "
            f"{len(src) - sum(one != other for one, other in zip(found, expected, strict=True))} of {len(src)} equal"
        )
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
