"""`ctx eval`: the scores of a model, or of translations by any system."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import Device, Model, note, option


def evaluate(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A folder that `ctx prepare` wrote, or its name in the cache: its held-out pairs are the test set.",
            show_default="the bundled sample",
        ),
    ] = None,
    src: Annotated[
        Path | None, typer.Option("--src", help="A test set instead: the sentences, a line each.", show_default=False)
    ] = None,
    ref: Annotated[
        Path | None, typer.Option("--ref", help="Their reference translations, a line each.", show_default=False)
    ] = None,
    hyp: Annotated[
        Path | None, typer.Option("--hyp", help="Score these translations instead of a model's.", show_default=False)
    ] = None,
    model: Model = "",
    beam_size: Annotated[int, option("--beam-size", help="Hypotheses kept while searching.")] = 4,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the model's translations here.", show_default=False)
    ] = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """BLEU and chrF++ of translations, with sacreBLEU's signatures, and the perplexity of a model."""
    from ..errors import OptionError
    from ..evaluation.metrics import corpus_scores
    from ..paths import open_output

    if hyp is not None and (src or data or output or model):
        raise OptionError(
            "--hyp scores translations that are there: data, --src, --model and --output do not go with it"
        )
    if (ref is None) != (src is None and hyp is None):
        raise OptionError("a test set is --src and --ref, or --hyp and --ref")
    result: dict[str, Any] = {}
    if hyp is not None and ref is not None:
        hypotheses, references = _lines(hyp), _lines(ref)
        result |= {"system": str(hyp), "test": str(ref)}
    else:
        from ..translator import Translator

        pairs, label = _test_pairs(data, src, ref)
        references = [tgt for _, tgt in pairs]
        translator = Translator(model or None, device=device, beam_size=beam_size)
        started = time.perf_counter()
        hypotheses = translator.translate([text for text, _ in pairs])
        seconds = time.perf_counter() - started
        result |= {
            "system": model or "bundled model",
            "test": label,
            "sentences_per_second": round(len(pairs) / seconds, 1),
        }
        if output is not None:
            with open_output(output) as handle:
                handle.write("".join(f"{line}\n" for line in hypotheses).encode())
        result |= _perplexity(model, pairs, device)
    scores = corpus_scores(hypotheses, references)
    result |= {
        "sentences": len(references),
        "scores": [
            {"name": score.name, "value": round(score.value, 2), "signature": score.signature} for score in scores
        ],
    }
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
        return
    print(
        f"{result['system']} on {result['test']}: {result['sentences']:,} sentences"
        + (f", {result['sentences_per_second']:,} a second" if "sentences_per_second" in result else "")
    )
    for score in result["scores"]:
        print(f"{score['name']:10} {score['value']:6.2f}   {score['signature']}")
    if "perplexity" in result:
        print(
            f"perplexity {result['perplexity']:6.2f}   {result['nats_per_token']:.4f} nats a token, "
            f"{result['tokens']:,} tokens"
        )


def _test_pairs(data: str | None, src: Path | None, ref: Path | None) -> tuple[list[tuple[str, str]], str]:
    from ..errors import DataError

    if src is not None and ref is not None:
        sources, references = _lines(src), _lines(ref)
        if len(sources) != len(references):
            raise DataError(
                f"'{src}' has {len(sources)} lines and '{ref}' {len(references)}; they must be line-aligned"
            )
        return list(zip(sources, references, strict=True)), str(ref)
    from .train import open_prepared

    prepared = open_prepared(data)
    return prepared.valid_text(), f"the held-out part of {prepared.folder}"


def _perplexity(model: str, pairs: list[tuple[str, str]], device: str) -> dict[str, Any]:
    """The model's perplexity, where torch is there to compute it."""
    try:
        import torch  # noqa: F401
    except ImportError:
        note("perplexity is left out: it needs the package 'torch'")
        return {}
    from ..device import choose_device
    from ..engines.choose import find_model
    from ..evaluation.perplexity import perplexity

    score = perplexity(find_model(model or None), pairs, choose_device(device))
    return {"perplexity": round(score.value, 3), "nats_per_token": round(score.nats, 4), "tokens": score.tokens}


def _lines(path: Path) -> list[str]:
    from ..corpus.sources import read_lines

    return list(read_lines(path))
